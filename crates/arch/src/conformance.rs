//! Conformance tests as texts: what a program must leave behind, for any [`Machine`].
//!
//! The files of `crates/arch/conformance` hold the cases, one file per family of instructions. A case is
//!
//! ```text
//! case the sum rounds to even
//! f32 0 = 16777216 1 0x7fc00000      # memory at address 0; likewise u8, u16, u32 and hex
//! fill 64 x32 = 17                   # 32 bytes
//! params 0 = 5 6
//! memory 4096
//! core 0
//!   ...
//!   halt
//! expect
//! f32 128 x2 = 16777216 nan          # type, address, how many
//! flags none
//! fault none
//! ```
//!
//! Expected values are compared as text, and every value has one text: binary32 in its shortest decimal, `nan` for the canonical NaN and the bits for
//! all others. [`updated`] writes what a machine answers into the expectations.

use crate::machine::Machine;
use crate::program::Program;
use crate::random::Case;
use crate::text::TextError;

/// One case of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// Name after `case`.
    pub name: String,
    /// Line of `case`, from 1.
    pub line: usize,
    /// Program, memory and parameters.
    pub case: Case,
    /// What must hold afterwards.
    pub expect: Vec<Expect>,
}

/// One expectation.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// Its line in the file, from 1.
    pub line: usize,
    /// What to look at.
    pub what: What,
    /// The text after `=` (or after `flags`, `fault`), with single spaces.
    pub wanted: String,
}

/// What an expectation looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Values in chip memory.
    Memory {
        /// Type of the values.
        kind: Kind,
        /// First byte.
        address: u64,
        /// How many.
        count: usize,
    },
    /// Sticky flags.
    Flags,
    /// The sentence of the fault, or `none`.
    Fault,
}

/// Types of values in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// binary32.
    F32,
    /// 32-bit unsigned.
    U32,
    /// 16-bit pattern, in hexadecimal.
    U16,
    /// Signed byte.
    I8,
    /// Byte in two hexadecimal digits.
    Hex,
}

impl Kind {
    const ALL: [(&'static str, Kind); 5] =
        [("f32", Kind::F32), ("u32", Kind::U32), ("u16", Kind::U16), ("i8", Kind::I8), ("hex", Kind::Hex)];

    fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|(text, _)| *text == name).map(|(_, kind)| kind)
    }

    fn size(self) -> usize {
        match self {
            Kind::F32 | Kind::U32 => 4,
            Kind::U16 => 2,
            Kind::I8 | Kind::Hex => 1,
        }
    }

    /// The little-endian bytes of a value's text.
    fn bytes(self, text: &str) -> Option<Vec<u8>> {
        let number = |text: &str| match text.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        };
        match self {
            Kind::F32 if text == "nan" => Some(0x7fc0_0000u32.to_le_bytes().to_vec()),
            Kind::F32 if text.starts_with("0x") => Some(u32::try_from(number(text)?).ok()?.to_le_bytes().to_vec()),
            Kind::F32 => text.parse::<f32>().ok().map(|value| value.to_le_bytes().to_vec()),
            Kind::U32 => Some(u32::try_from(number(text)?).ok()?.to_le_bytes().to_vec()),
            Kind::U16 => Some(u16::try_from(number(text)?).ok()?.to_le_bytes().to_vec()),
            Kind::I8 => Some(i8::try_from(number(text)?).ok()?.to_le_bytes().to_vec()),
            Kind::Hex => u8::from_str_radix(text, 16).ok().map(|byte| vec![byte]),
        }
    }

    /// The one text of a value.
    fn text(self, bytes: &[u8]) -> String {
        let word = bytes.iter().rev().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        match self {
            Kind::F32 if word == 0x7fc0_0000 => "nan".into(),
            Kind::F32 if f32::from_bits(word).is_nan() => format!("{word:#x}"),
            Kind::F32 => format!("{:?}", f32::from_bits(word)),
            Kind::U32 => word.to_string(),
            Kind::U16 => format!("{word:#06x}"),
            Kind::I8 => (word as i8).to_string(),
            Kind::Hex => format!("{word:02x}"),
        }
    }
}

/// Most bytes of memory that a case initialises or looks at.
const MOST: usize = 1 << 24;

/// Read a file of cases. `file` is the name for error sentences.
///
/// # Errors
/// File, line, and what would do.
pub fn parse(file: &str, text: &str) -> Result<Vec<Test>, TextError> {
    let mut tests: Vec<Test> = Vec::new();
    let mut program = String::new();
    let mut expecting = false;
    for (index, line) in text.lines().enumerate() {
        let error = |what: String| TextError { file: file.to_string(), line: index + 1, what };
        let line = line.split('#').next().unwrap_or_default().trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if word == "case" {
            tests.push(Test { name: rest.trim().into(), line: index + 1, case: Case::default(), expect: Vec::new() });
            // The program is read as a text of its own in which its lines have the numbers of the file.
            (program, expecting) = ("\n".repeat(index + 1), false);
            continue;
        }
        let Some(test) = tests.last_mut() else {
            if line.is_empty() {
                continue;
            }
            return Err(error("the file starts with a `case` line".into()));
        };
        if word == "expect" {
            test.case.program = Program::parse(file, &program)?;
            expecting = true;
        } else if expecting && !line.is_empty() {
            test.expect.push(expectation(index + 1, word, rest).map_err(error)?);
        } else if !expecting {
            let taken = prepare(&mut test.case, word, rest).map_err(error)?;
            program.push_str(if taken { "" } else { line });
            program.push('\n');
        }
    }
    Ok(tests)
}

fn number(text: &str) -> Result<usize, String> {
    let number: Option<usize> = text.trim().parse().ok().filter(|number| *number <= MOST);
    number.ok_or_else(|| format!("`{text}` is no number up to {MOST}"))
}

/// `address [xcount] = values` as its three parts.
fn assignment(rest: &str) -> Result<(usize, Option<usize>, &str), String> {
    let (place, values) = rest.split_once('=').ok_or("expected `address = values`")?;
    let mut words = place.split_whitespace();
    let address = number(words.next().unwrap_or_default())?;
    let count = words.next().map(|count| number(count.strip_prefix('x').unwrap_or(count))).transpose()?;
    Ok((address, count, values))
}

/// Memory and parameters; false if the line belongs to the program.
fn prepare(case: &mut Case, word: &str, rest: &str) -> Result<bool, String> {
    let put = |memory: &mut Vec<u8>, address: usize, bytes: &[u8]| {
        memory.resize(memory.len().max(address + bytes.len()), 0);
        memory[address..address + bytes.len()].copy_from_slice(bytes);
    };
    if word == "params" {
        let (at, _, values) = assignment(rest)?;
        let words: Option<Vec<u32>> = values.split_whitespace().map(|word| word.parse().ok()).collect();
        let words = words.ok_or("parameters are whole numbers of 32 bits")?;
        case.params.resize(case.params.len().max(at + words.len()), 0);
        case.params[at..at + words.len()].copy_from_slice(&words);
    } else if word == "fill" {
        let (address, count, value) = assignment(rest)?;
        let byte: u8 = value.trim().parse().map_err(|_| format!("`{value}` is no byte"))?;
        put(&mut case.memory, address, &vec![byte; count.unwrap_or(1)]);
    } else if let Some(kind) = Kind::named(word) {
        let (address, _, values) = assignment(rest)?;
        let value = |text: &str| kind.bytes(text).ok_or_else(|| format!("`{text}` is no value of type `{word}`"));
        let bytes = values.split_whitespace().map(value).collect::<Result<Vec<_>, _>>()?.concat();
        put(&mut case.memory, address, &bytes);
    } else {
        return Ok(false);
    }
    Ok(true)
}

fn expectation(line: usize, word: &str, rest: &str) -> Result<Expect, String> {
    let tidy = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let expect = |what, wanted: &str| Ok(Expect { line, what, wanted: tidy(wanted) });
    match (word, Kind::named(word)) {
        ("flags", _) => expect(What::Flags, rest),
        ("fault", _) => expect(What::Fault, rest),
        (_, Some(kind)) => {
            let (address, count, values) = assignment(rest)?;
            let count = count.unwrap_or(values.split_whitespace().count());
            expect(What::Memory { kind, address: address as u64, count }, values)
        }
        _ => Err(format!("`{word}`: expected a type, `flags` or `fault`")),
    }
}

/// Run a case on a machine without state and say what it answers to each expectation, in order.
///
/// # Errors
/// A request that the machine refuses (a fault is an answer).
pub fn run_on(machine: &mut dyn Machine, test: &Test) -> Result<Vec<String>, String> {
    let refused = |e: crate::machine::MachineError| format!("case `{}`: {e}", test.name);
    let fault = match machine.load(0, &test.case.program) {
        Err(error) => Some(error.to_string()),
        Ok(()) => {
            machine.write(0, 0, &test.case.memory).map_err(refused)?;
            machine.set_params(0, 0, &test.case.params).map_err(refused)?;
            machine.run().err().map(|error| error.to_string())
        }
    };
    let answer = |expect: &Expect| match expect.what {
        What::Flags => Ok(machine.flags(0).to_string()),
        What::Fault => Ok(fault.clone().unwrap_or_else(|| "none".into())),
        What::Memory { kind, address, count } => {
            let mut bytes = vec![0; count * kind.size()];
            machine.read(0, address, &mut bytes).map_err(refused)?;
            let texts: Vec<String> = bytes.chunks_exact(kind.size()).map(|value| kind.text(value)).collect();
            Ok(texts.join(" "))
        }
    };
    let faulted = fault.is_some() && !test.expect.iter().any(|expect| expect.what == What::Fault);
    match fault {
        Some(ref fault) if faulted => Err(format!("case `{}`: {fault}", test.name)),
        _ => test.expect.iter().map(answer).collect(),
    }
}

/// The text with the expectation of each line replaced by the machine's answer.
pub fn updated(text: &str, answers: &[(usize, String)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    for (line, answer) in answers {
        let old = &mut lines[line - 1];
        let head = old.find('=').map(|at| at + 1).or(old.find(char::is_whitespace)).unwrap_or(old.len());
        let head = if old.starts_with("fault") || old.starts_with("flags") { 5 } else { head };
        *old = format!("{} {answer}", &old[..head]);
    }
    lines.join("\n") + "\n"
}
