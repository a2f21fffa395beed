//! Whatever comes in, the readers answer with a value or a sentence.

use arch::random::{Random, case};
use arch::{Chip, Program, legal};
use proptest::prelude::*;

/// Read bytes as a program in every way; a program that is read is written back as it was.
fn read(bytes: &[u8]) {
    for chip in ["nano", "one"].map(|name| Chip::builtin(name).unwrap()) {
        let program = match Program::from_bytes(bytes) {
            Ok(program) => program,
            Err(error) => return assert!(error.to_string().starts_with("program, byte "), "{error}"),
        };
        assert_eq!(program.to_bytes(), bytes);
        if let Err(error) = legal::check(&program, &chip) {
            assert!(error.to_string().len() > 20, "{error}");
        } else {
            assert_eq!(Program::parse("text", &program.to_string()).unwrap(), program);
        }
    }
}

fn sealed(body: &[u8]) -> Vec<u8> {
    [body, &crc32fast::hash(body).to_le_bytes()].concat()
}

#[test]
fn damaged_files_are_refused_or_read() {
    let chip = Chip::builtin("nano").unwrap().with_cores(2);
    let mut random = Random::new(1);
    for seed in 0..3000 {
        let mut bytes = case(&chip, seed % 100).program.to_bytes();
        bytes.truncate(bytes.len() - 4);
        for _ in 0..1 + random.below(4) {
            let at = random.below(bytes.len() as i64) as usize;
            match random.below(5) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] ^= 1 << random.below(8),
                2 => bytes.extend((0..8).map(|_| random.bits() as u8)),
                3 => bytes[at] = random.bits() as u8,
                _ => bytes[at] = random.pick(&[0, 0x7f, 0x80, 0xff]),
            }
        }
        read(&sealed(&bytes));
        read(&bytes);
    }
}

#[test]
fn damaged_texts_are_refused_or_read() {
    let chip = Chip::builtin("nano").unwrap().with_cores(2);
    let words = [
        "core",
        "memory",
        "-1",
        "r64",
        "r0",
        "0x",
        "=",
        "9223372036854775807",
        "f",
        "nanf",
        "loop",
        "end",
        "halt",
        ".",
        "é",
        "+",
        "imm=-",
        "r1+-3",
    ];
    let mut random = Random::new(2);
    for seed in 0..2000 {
        let text = case(&chip, seed % 50).program.to_string();
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        let line = random.below(lines.len() as i64) as usize;
        let mut parts: Vec<&str> = lines[line].split(' ').collect();
        let word = random.below(parts.len() as i64) as usize;
        match random.below(3) {
            0 => parts[word] = random.pick(&words),
            1 => parts.insert(word, random.pick(&words)),
            _ => drop(parts.remove(word)),
        }
        lines[line] = parts.join(" ");
        match Program::parse("damaged.txt", &lines.join("\n")) {
            Ok(program) => {
                let _ = legal::check(&program, &chip).map_err(|error| error.to_string());
                assert_eq!(Program::parse("text", &program.to_string()).unwrap(), program);
            }
            Err(error) => {
                assert!(error.to_string().starts_with("damaged.txt, line "), "{error}");
                assert!(error.line == line + 1 || error.line > line, "{error}: line {} was damaged", line + 1);
            }
        }
    }
}

/// Operand values from every corner never overflow the rules' arithmetic.
#[test]
fn extreme_operands_are_resolved_or_refused() {
    let chip = Chip::builtin("nano").unwrap().with_cores(3);
    let mut random = Random::new(3);
    let corners = [
        i64::MIN,
        i64::MIN + 1,
        -1,
        0,
        1,
        2,
        31,
        32,
        64,
        1 << 20,
        1 << 31,
        1 << 32,
        (1 << 46) - 32,
        1 << 46,
        (1 << 46) + 32,
        1 << 62,
        i64::MAX,
    ];
    for seed in 0..300 {
        for instr in case(&chip, seed).program.cores.iter().flatten() {
            for _ in 0..20 {
                let picks: Vec<i64> = (0..16).map(|_| random.pick(&corners)).collect();
                let operands = instr.operands();
                let value = |operand: arch::Operand| match operands.iter().position(|other| *other == operand) {
                    Some(index) if picks[15 - index] != 64 => picks[index],
                    _ => operand.imm,
                };
                let mut shapes = Vec::new();
                let (ranges, exact) = (legal::accesses(instr, &value), legal::shapes(instr, &value, &mut shapes));
                assert_eq!(ranges.as_ref().err(), exact.as_ref().err());
                let Ok(ranges) = ranges else { continue };
                assert_eq!(ranges.iter().count(), shapes.len());
                for (range, shape) in ranges.iter().zip(&shapes) {
                    let last: u64 = shape.dims.iter().map(|(count, step)| (count - 1) * step).sum();
                    assert_eq!((range.start, range.end), (shape.start, shape.start + last + shape.row));
                    assert!(range.bytes <= legal::MOVED_MAX && range.end <= legal::VALUE_MAX as u64);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
        read(&sealed(&bytes));
        read(&sealed(&[b"PUCE\x01\0\0\0".as_slice(), &bytes].concat()));
    }

    #[test]
    fn any_text(text in "\\PC*") {
        let _ = Program::parse("any", &text).map_err(|error| error.to_string());
        let _ = Program::parse("any", &format!("core 0\n{text}\nhalt")).map_err(|error| error.to_string());
    }
}
