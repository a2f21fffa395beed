//! The text form of a program: what `puce objdump` prints, and what parses back to the same program.
//!
//! ```text
//! memory 65536
//! core 0
//!   loop count=r3
//!     ld dst=0 mem=r2+64 elem=32 n0=4 s0=32 d0=32 n1=1 s1=0 d1=0 n2=1 s2=0 d2=0
//!     sync.l.v
//!     vimm.mul dst=0 dstep=32 a=0 astep=32 rows=4 cols=8 imm=0.5f
//!   end
//!   halt
//! ```
//!
//! A `#` starts a comment. An operand is a number, a register, or `register+number`; binary32 constants end in `f` (or `0x...` for the bits).

use crate::isa::{IMM_MAX, IMM_MIN, Instr, OpInfo, Operand, OperandKind, info_by_name};
use crate::program::{MAX_CORES, Program};
use std::fmt;

/// Why a text is not a program: one sentence with file and line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file}, line {line}: {what}")]
pub struct TextError {
    /// Name of the text.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What was found and what would do.
    pub what: String,
}

struct Shown(Operand, OperandKind);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown(operand, kind) = self;
        match (operand.reg, kind) {
            (0, OperandKind::F32) => show_f32(operand.imm, f),
            (0, _) => write!(f, "{}", operand.imm),
            (reg, _) if operand.imm == 0 => write!(f, "r{reg}"),
            (reg, _) => write!(f, "r{reg}{:+}", operand.imm),
        }
    }
}

fn show_f32(bits: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match u32::try_from(bits) {
        Ok(bits) if f32::from_bits(bits).is_finite() => write!(f, "{:?}f", f32::from_bits(bits)),
        Ok(bits) => write!(f, "{bits:#x}"),
        Err(_) => write!(f, "{bits}"),
    }
}

impl fmt::Display for Instr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.info();
        f.write_str(info.mnemonic)?;
        self.attr_texts().iter().try_for_each(|attr| write!(f, ".{attr}"))?;
        let shown = self.operands().into_iter().zip(info.operands);
        shown.into_iter().try_for_each(|(operand, (name, kind))| write!(f, " {name}={}", Shown(operand, *kind)))
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "memory {}", self.memory)?;
        for (core, stream) in self.cores.iter().enumerate() {
            writeln!(f, "core {core}")?;
            let mut depth = 1usize;
            for instr in stream {
                if matches!(instr, Instr::End {}) {
                    depth = depth.saturating_sub(1).max(1);
                }
                writeln!(f, "{:width$}{instr}", "", width = 2 * depth)?;
                depth += usize::from(matches!(instr, Instr::Loop { .. }));
            }
        }
        Ok(())
    }
}

impl Program {
    /// Read the text form. `file` is the name for error sentences.
    pub fn parse(file: &str, text: &str) -> Result<Program, TextError> {
        let mut program = Program::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            parse_line(line, &mut program).map_err(|what| TextError {
                file: file.to_string(),
                line: index + 1,
                what,
            })?;
        }
        Ok(program)
    }
}

fn parse_line(line: &str, program: &mut Program) -> Result<(), String> {
    let mut words = line.split_whitespace();
    match words.next() {
        None => Ok(()),
        Some("memory") => {
            let number = parse_only(words)?;
            program.memory = u64::try_from(number).map_err(|_| format!("`memory {number}` is negative"))?;
            Ok(())
        }
        Some("core") => start_core(parse_only(words)?, program),
        Some(name) => {
            let instr = parse_instr(name, words)?;
            let core = program.cores.last_mut().ok_or("an instruction before the first `core` line")?;
            core.push(instr);
            Ok(())
        }
    }
}

/// The number that ends the line.
fn parse_only<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<i64, String> {
    let number = parse_number(words.next().unwrap_or_default())?;
    words.next().map_or(Ok(number), |extra| Err(format!("`{extra}`: one number ends the line")))
}

fn start_core(number: i64, program: &mut Program) -> Result<(), String> {
    if number != program.cores.len() as i64 || number >= MAX_CORES as i64 {
        return Err(format!("`core {number}`: cores are listed in order; next is {}", program.cores.len()));
    }
    program.cores.push(Vec::new());
    Ok(())
}

fn parse_instr<'a>(name: &str, words: impl Iterator<Item = &'a str>) -> Result<Instr, String> {
    let mut parts = name.split('.');
    let mnemonic = parts.next().unwrap_or_default();
    let info = info_by_name(mnemonic).ok_or_else(|| format!("`{mnemonic}` is not in the instruction table"))?;
    let attrs = Instr::parse_attrs(info.code, &parts.collect::<Vec<_>>())?;
    let operands = parse_operands(info, words)?;
    Instr::from_parts(info.code, &attrs, &operands).map_err(|e| e.to_string())
}

fn parse_operands<'a>(info: &OpInfo, words: impl Iterator<Item = &'a str>) -> Result<Vec<Operand>, String> {
    let words: Vec<&str> = words.collect();
    let names: Vec<&str> = info.operands.iter().map(|(name, _)| *name).collect();
    if words.len() != names.len() {
        return Err(format!("`{}` takes {} operands: {}", info.mnemonic, names.len(), names.join(" ")));
    }
    let pairs = words.iter().zip(info.operands);
    pairs.map(|(word, (name, kind))| parse_operand(word, name, *kind)).collect()
}

fn parse_operand(word: &str, name: &str, kind: OperandKind) -> Result<Operand, String> {
    let value = word
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix('='))
        .ok_or_else(|| format!("`{word}`: expected `{name}=...`"))?;
    let Some(rest) = value.strip_prefix('r') else {
        return Ok(Operand { reg: 0, imm: parse_constant(value, kind)? });
    };
    let digits = rest.find(['+', '-']).unwrap_or(rest.len());
    let reg: u8 = rest[..digits].parse().map_err(|_| format!("`{value}`: no such register"))?;
    if reg == 0 || reg >= crate::attr::REGISTERS {
        return Err(format!("`{value}`: registers are r1 to r{}", crate::attr::REGISTERS - 1));
    }
    let imm = if digits == rest.len() { 0 } else { parse_number(&rest[digits..])? };
    Ok(Operand { reg, imm })
}

fn parse_constant(text: &str, kind: OperandKind) -> Result<i64, String> {
    match text.strip_suffix('f') {
        Some(number) if kind == OperandKind::F32 && !text.starts_with("0x") => {
            let value: f32 = number.parse().map_err(|_| format!("`{text}` is no binary32 number"))?;
            Ok(i64::from(value.to_bits()))
        }
        _ => parse_number(text),
    }
}

fn parse_number(text: &str) -> Result<i64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    let value = parsed.map_err(|_| format!("`{text}` is no whole number"))?;
    match (IMM_MIN..=IMM_MAX).contains(&value) {
        true => Ok(value),
        false => Err(format!("`{text}` does not fit 56 bits")),
    }
}
