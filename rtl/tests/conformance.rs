//! The cases of `crates/arch/conformance` on the chip.

use std::path::{Path, PathBuf};

use arch::Chip;
use arch::conformance::{Test, What, parse, run_on};
use rtl::machine::{RtlMachine, Settings};

fn files() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/arch/conformance");
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Cases of faults that the chip does not look for: a checked program has none of them.
const UNSEEN: [&str; 10] = [
    "rows that overlap without being the same",
    "a result that is written twice",
    "a member that never comes",
    "an odd address",
    "an empty weight stream",
    "more weight loads than the queue holds",
    "vtop: more places than columns",
    "an address that is not aligned",
    "an element size that does not exist",
    "bytes written twice",
];

#[test]
fn every_case_holds_on_the_chip() {
    if let Err(rtl::Error::Tools(why)) = rtl::tools::Tools::find()
        && std::env::var_os("CI").is_none()
    {
        println!("not tested: {why}");
        return;
    }
    let mut ran = 0;
    let mut unseen = UNSEEN.to_vec();
    for cores in [1, 2] {
        let chip = Chip::builtin("nano").unwrap().with_cores(cores);
        let settings = Settings { limit: 1_000_000, ..Settings::default() };
        let mut machine = RtlMachine::new(&chip, settings).unwrap_or_else(|error| panic!("{error}"));
        for path in files() {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let tests = parse(&name, &text).unwrap_or_else(|error| panic!("{error}"));
            for test in tests.iter().filter(|test| test.case.program.cores.len().max(1) == cores) {
                let before = unseen.len();
                unseen.retain(|known| *known != test.name);
                if unseen.len() == before {
                    machine.renew().unwrap();
                    check(&name, test, &mut machine);
                    ran += 1;
                }
            }
        }
    }
    assert_eq!(unseen, [""; 0], "no such cases");
    assert!(ran > 100, "{ran} cases ran");
}

fn check(name: &str, test: &Test, machine: &mut RtlMachine) {
    let said = run_on(machine, test).unwrap_or_else(|error| panic!("{name}, line {}: {error}", test.line));
    for (expect, said) in test.expect.iter().zip(said) {
        let at = format!("{name}, line {}, `{}`", expect.line, test.name);
        // The chip gives a fault in its own words, and control is ahead of the engine that met it: chip and core are the same.
        match expect.what {
            What::Fault if expect.wanted.starts_with("chip ") => {
                assert_eq!(place(&said), place(&expect.wanted), "{at}: {said}");
            }
            _ => assert_eq!(said, expect.wanted, "{at}"),
        }
    }
}

/// Chip and core of a fault.
fn place(fault: &str) -> &str {
    fault.split_once(", instruction").map_or(fault, |(place, _)| place)
}
