//! Random programs: every instruction set on any number of threads computes the same bytes, flags and counters, and no program races.

use arch::Chip;
use arch::machine::Machine;
use arch::random::{Case, case, shrink};
use emu::{Emulator, Settings, kernels};

/// All that a run leaves behind.
#[derive(Clone, PartialEq, Debug)]
struct Outcome {
    result: Result<(), String>,
    memory: Vec<u8>,
    scratchpads: Vec<Vec<u8>>,
    flags: u32,
    counters: arch::machine::Counters,
}

fn run(chip: &Chip, case: &Case, settings: Settings) -> Outcome {
    let mut machine = Emulator::new(chip, settings).unwrap();
    machine.load(0, &case.program).unwrap();
    machine.write(0, 0, &case.memory).unwrap();
    machine.set_params(0, 0, &case.params).unwrap();
    let result = machine.run().map_err(|e| e.to_string());
    let mut memory = vec![0; case.memory.len()];
    machine.read(0, 0, &mut memory).unwrap();
    let cores = 0..case.program.cores.len();
    let scratchpads = cores.map(|core| machine.scratchpad(0, core).unwrap()[..16 << 10].to_vec()).collect();
    Outcome { result, memory, scratchpads, flags: machine.flags(0).0, counters: machine.counters() }
}

fn nano(seed: u64) -> Chip {
    Chip::builtin("nano").unwrap().with_cores(1 + seed as usize % 3)
}

/// What differs, in the smallest program that shows it.
fn report(chip: &Chip, case: &Case, one: Settings, other: Settings, seed: u64) {
    let differs = |case: &Case| run(chip, case, one) != run(chip, case, other);
    let small = shrink(case, chip, differs);
    let (a, b) = (run(chip, &small, one), run(chip, &small, other));
    let byte = |a: &[u8], b: &[u8]| a.iter().zip(b).position(|(a, b)| a != b);
    let pads = a.scratchpads.iter().zip(&b.scratchpads).map(|(a, b)| byte(a, b));
    panic!(
        "seed {seed}: `{}` and `{}` differ: {:?} {:?}, flags {} {}, memory byte {:?}, scratchpad bytes {:?}\n{}",
        one.kernels.name(),
        other.kernels.name(),
        a.result,
        b.result,
        a.flags,
        b.flags,
        byte(&a.memory, &b.memory),
        pads.collect::<Vec<_>>(),
        small.program
    );
}

/// How many random programs are run; `PUCE_CASES` asks for more.
fn seeds() -> std::ops::Range<u64> {
    0..std::env::var("PUCE_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(600)
}

#[test]
fn all_kernels_and_threads_agree() {
    let oracle =
        Settings { kernels: kernels::scalar(), budget: Some(1 << 16), check_races: true, ..Settings::default() };
    for seed in seeds() {
        let chip = nano(seed);
        let case = case(&chip, seed);
        let wanted = run(&chip, &case, oracle);
        if wanted.result.is_err() {
            let fails = |case: &Case| run(&chip, case, oracle).result.is_err();
            let small = shrink(&case, &chip, fails);
            panic!("seed {seed}: {:?}\n{}", run(&chip, &small, oracle).result, small.program);
        }
        for kernels in kernels::available() {
            let threads = 1 + (seed as usize + kernels.name().len()) % 7;
            let settings = Settings { kernels, threads, share_finely: seed % 2 == 0, ..Settings::default() };
            if run(&chip, &case, settings) != wanted {
                report(&chip, &case, oracle, settings, seed);
            }
        }
    }
}

/// The programs are worth running: they raise every flag, move bytes everywhere and multiply.
#[test]
fn random_programs_reach_every_engine() {
    let mut all = arch::machine::Counters::default();
    let mut flags = 0;
    for seed in 0..200 {
        let chip = nano(seed);
        let outcome = run(&chip, &case(&chip, seed), Settings::default());
        all.add(&outcome.counters);
        flags |= outcome.flags;
    }
    assert!(all.instructions.iter().all(|count| *count > 50), "{all:?}");
    assert!(all.macs > 1 << 20 && all.exchange_bytes > 1000 && all.store_bytes > 1000, "{all:?}");
    assert_eq!(flags, 7, "a flag was never raised");
}
