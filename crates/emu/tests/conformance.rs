//! The cases of `crates/arch/conformance` on every instruction set. `UPDATE_GOLDEN=1` writes the oracle's answers into the files.

use arch::Chip;
use arch::conformance::{parse, run_on, updated};
use arch::isa::OPS;
use emu::{Emulator, Settings, kernels};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

fn files() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../arch/conformance");
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_case_holds_on_every_kernel_set_and_any_number_of_threads() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    for path in files() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut answers = Vec::new();
        let mut sets = kernels::available();
        // The oracle first: its answers are the expectations.
        sets.reverse();
        let threads = [1, 2, 3, 5];
        let runs = threads.into_iter().flat_map(|threads| sets.iter().map(move |set| (*set, threads)));
        for (index, (kernels, threads)) in runs.enumerate() {
            for test in parse(&name, &text).unwrap_or_else(|e| panic!("{e}")) {
                let chip = Chip::builtin("nano").unwrap().with_cores(test.case.program.cores.len().max(1));
                let (budget, check_races, share_finely) = (Some(100_000), true, true);
                let settings = Settings { kernels, threads, budget, check_races, share_finely, ..Settings::default() };
                let mut machine = Emulator::new(&chip, settings).unwrap();
                let said = run_on(&mut machine, &test).unwrap_or_else(|e| panic!("{name}, line {}: {e}", test.line));
                for (expect, said) in test.expect.iter().zip(said) {
                    if update && index == 0 {
                        answers.push((expect.line, said));
                    } else if !update {
                        let case = format!("{name}, line {}, `{}`", expect.line, test.name);
                        let at = format!("{case}, kernels `{}`, {threads} threads", kernels.name());
                        assert_eq!(said, expect.wanted, "{at}");
                    }
                }
            }
        }
        if update {
            std::fs::write(&path, updated(&text, &answers)).unwrap();
        }
    }
}

#[test]
fn every_opcode_has_two_cases() {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for path in files() {
        for test in parse("file", &std::fs::read_to_string(&path).unwrap()).unwrap() {
            let mut names: Vec<&str> = test.case.program.cores.iter().flatten().map(|i| i.info().mnemonic).collect();
            names.sort_unstable();
            names.dedup();
            names.into_iter().for_each(|name| *seen.entry(name).or_default() += 1);
        }
    }
    let rare: Vec<&str> =
        OPS.iter().map(|op| op.mnemonic).filter(|op| seen.get(op).is_none_or(|count| *count < 2)).collect();
    assert!(rare.is_empty(), "fewer than two cases for {rare:?}");
}

#[test]
fn mistakes_in_a_file_are_sentences() {
    for (text, wanted) in [
        ("f32 0 = 1\n", "t, line 1: the file starts with a `case` line"),
        ("case a\nf32 0 = 1 x\n", "t, line 2: `x` is no value of type `f32`"),
        ("case a\n\ncore 0\nhalp\nexpect\n", "t, line 4: `halp` is not in the instruction table"),
        ("case a\ncore 0\nhalt\nexpect\nflag none\n", "t, line 5: `flag`: expected a type, `flags` or `fault`"),
        ("case a\nhex 99999999999 = 00\n", "t, line 2: `99999999999` is no number up to 16777216"),
    ] {
        assert_eq!(parse("t", text).unwrap_err().to_string(), wanted);
    }
}
