//! Random programs on the emulator and on the chip: the same memory, scratchpads, flags and numbers of instructions, whatever memory's times. Where
//! memory has a fixed latency, or is a DRAM, the twin in time (`perf::cycles`) has the same counters too.
//!
//! What instructions waited for while they ran, with what operands, is counted (`functional`); `PUCE_FUNCTIONAL` names a file for the counts, and lets
//! three programs of four meet a memory whose times the twin has. Only those run on the chip then that meet what few programs before them had met.
//!
//! `PUCE_CASES` asks for at least so many programs, `PUCE_SEED` begins elsewhere, `PUCE_UNITS` (`l,s`) leaves only the instructions of these engines, and
//! `PUCE_BURSTS` has the programs of bursts.

mod functional;

use std::cell::RefCell;
use std::collections::BTreeSet;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arch::Chip;
use arch::attr::{Attr, Unit};
use arch::random::{Case, bursts, case, everything, shrink};
use emu::{Emulator, Settings};
use functional::{Functional, Run, Waiting};
use perf::cycles::machine::Machine;
use perf::cycles::memory;
use perf::cycles::watch::Watch;
use rtl::machine::{RtlMachine, Settings as RtlSettings};
use rtl::memory::{Shared, Timing};
use rtl::registers;

/// Programs run at once, each on a chip of its own.
const THREADS: usize = 2;
/// Cores of the chips that are simulated.
const CORES: [usize; 2] = [1, 2];
/// One program of so many runs on the chip of two cores, which takes twice as long.
const SHARE: u64 = 3;
/// Programs that are run at least; then on until every instruction was met with every attribute.
const LEAST: u64 = 300;
/// And at most, when not more are asked for.
const MOST: u64 = 4000;
/// Programs of bursts in every run.
const BURSTS: u64 = 8;
/// Far beyond what a random program takes.
const LIMIT: u64 = 4_000_000;

/// All that a run leaves behind.
#[derive(PartialEq, Debug)]
struct Outcome {
    /// What was counted, where the times of memory are fixed.
    counts: Option<Vec<u64>>,
    result: Result<(), String>,
    memory: Vec<u8>,
    scratchpads: Vec<Vec<u8>>,
    flags: u32,
    instructions: [u64; 7],
}

fn run(machine: &mut dyn arch::machine::Machine, case: &Case) -> Outcome {
    let mut prepare = || {
        machine.load(0, &case.program)?;
        machine.write(0, 0, &case.memory)?;
        machine.set_params(0, 0, &case.params)?;
        machine.run()
    };
    let result = prepare().map_err(|error| error.to_string());
    let mut memory = vec![0; case.memory.len()];
    let read = machine.read(0, 0, &mut memory).map_err(|error| error.to_string());
    let cores = 0..case.program.cores.len();
    let scratchpads = cores.map(|core| machine.scratchpad(0, core).unwrap_or_default()).collect();
    let instructions = machine.counters().instructions;
    Outcome { counts: None, result: result.and(read), memory, scratchpads, flags: machine.flags(0).0, instructions }
}

/// What the emulator leaves behind, and what the twin in time counts.
fn expected(chip: &Chip, case: &Case, behind: Behind) -> Outcome {
    watched(chip, case, behind).0
}

/// The same, and what every instruction met.
fn watched(chip: &Chip, case: &Case, behind: Behind) -> (Outcome, Run) {
    let mut emulator = Emulator::new(chip, Settings { record: true, ..Settings::default() }).unwrap();
    let mut outcome = run(&mut emulator, case);
    let met = (0..case.program.cores.len()).map(|core| emulator.met(0, core).to_vec()).collect();
    let timing = match behind {
        Behind::Simple(Timing::Fixed { latency }) => Some(memory::Timing::Fixed(latency)),
        Behind::Simple(Timing::Random { .. }) => None,
        Behind::Dram => Some(memory::Timing::Dram(Box::new(memory::Controller::of(chip).unwrap()))),
    };
    let mut waiting = None;
    if outcome.result.is_ok() {
        outcome.counts = timing.map(|timing| twin(chip, case, timing, waiting.insert(Waiting::default())));
    }
    (outcome, Run { met, waiting })
}

fn twin(chip: &Chip, case: &Case, timing: memory::Timing, waiting: &mut dyn Watch) -> Vec<u64> {
    let mut twin = Machine::new(chip, timing);
    let mut params = case.params.clone();
    params.resize(chip.parameters, 0);
    twin.load(&case.program, params);
    let table = &mut |_, _, address, _| case.table(address);
    let counts = twin.run_watched(case.program.cores.len(), LIMIT, table, Some((waiting, LIMIT)));
    counts.unwrap_or_else(|error| panic!("the twin: {error}")).row()
}

/// A simulated chip that is made anew after a failure.
struct Simulator {
    chip: Chip,
    machine: RtlMachine,
    /// Two bits of the first scratchpad word that core 0 reads are wrong.
    broken: bool,
}

/// What stands behind the chip's memory port.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Behind {
    /// A memory of the rules.
    Simple(Timing),
    /// The chip's own, with banks, rows and refresh.
    Dram,
}

/// Of sixteen seeds fourteen have random times, one has a fixed latency, and one a DRAM; where points are counted for the scoreboard, four, seven and five.
fn behind(seed: u64) -> Behind {
    let place = match (seed % 16, file()) {
        (place, None) => place,
        (0..7, _) => 0,
        (7..12, _) => 1,
        (place, _) => place,
    };
    match place {
        0 => Behind::Simple(Timing::Fixed { latency: 1 + seed % 50 }),
        1 => Behind::Dram,
        _ => Behind::Simple(Timing::Random { seed, latency: [1, 8, 40, 200][(seed / 16) as usize % 4] }),
    }
}

/// The memory of the twin, as one behind the design.
struct Behaves(memory::Controller);

impl rtl::memory::Times for Behaves {
    fn due(&mut self, cycle: u64, address: u64, bytes: u64, write: bool) -> u64 {
        self.0.due(cycle, address, bytes, write)
    }
}

impl Simulator {
    fn settings() -> RtlSettings {
        RtlSettings { limit: LIMIT, registers: 0x5eed, ..RtlSettings::default() }
    }

    fn new(cores: usize) -> Simulator {
        let chip = Chip::builtin("nano").unwrap().with_cores(cores);
        let machine = RtlMachine::new(&chip, Simulator::settings()).unwrap_or_else(|error| panic!("{error}"));
        Simulator { chip, machine, broken: false }
    }

    fn anew(&mut self) {
        *self = Simulator { broken: self.broken, ..Simulator::new(self.chip.core.count) };
    }

    fn run(&mut self, case: &Case, behind: Behind) -> Outcome {
        if self.machine.renew().is_err() {
            self.anew();
        }
        // The twin begins at a reset; whose turn it is outlives a run.
        let timed = !matches!(behind, Behind::Simple(Timing::Random { .. }));
        if timed {
            self.machine.power_up().expect("a chip after reset answers");
        }
        let (timing, dram) = match behind {
            Behind::Simple(timing) => (timing, None),
            Behind::Dram => (Timing::Fixed { latency: 1 }, Some(memory::Controller::of(&self.chip).unwrap())),
        };
        self.machine.set_timing(timing);
        let dram = dram.map(|dram| Arc::new(Mutex::new(Behaves(dram))) as Shared);
        self.machine.set_times(dram.as_ref());
        if self.broken {
            self.machine.set_register(registers::core::INJECT, 0, 3).unwrap();
        }
        let mut outcome = run(&mut self.machine, case);
        if timed && outcome.result.is_ok() {
            outcome.counts = self.machine.counted().ok();
        }
        if outcome.result.is_err() {
            self.anew();
        }
        outcome
    }

    /// What differs, in the smallest program that shows it.
    fn report(&mut self, case: &Case, seed: u64) -> String {
        let chip = self.chip.clone();
        let simulator = RefCell::new(self);
        let differs =
            |case: &Case| expected(&chip, case, behind(seed)) != simulator.borrow_mut().run(case, behind(seed));
        let small = shrink(case, &chip, differs);
        let (want, got) = (expected(&chip, &small, behind(seed)), simulator.borrow_mut().run(&small, behind(seed)));
        let cores = chip.core.count;
        format!("seed {seed}, {cores} cores, {:?}: {}\n{small}", behind(seed), differences(&want, &got))
    }
}

/// The first byte that differs in each memory, and whatever else does.
fn differences(want: &Outcome, got: &Outcome) -> String {
    let byte = |want: &[u8], got: &[u8]| {
        let at = want.iter().zip(got).position(|(a, b)| a != b)?;
        Some(format!("byte {at}: {:02x?} and not {:02x?}", &got[at..][..8], &want[at..][..8]))
    };
    let counts = if want.counts == got.counts {
        String::new()
    } else {
        format!(", counts {:?}\nand not {:?}", got.counts, want.counts)
    };
    let pads = want.scratchpads.iter().zip(&got.scratchpads).map(|(want, got)| byte(want, got));
    format!(
        "{:?} and not {:?}, flags {} and not {}, instructions {:?} and not {:?}, memory {:?}, scratchpads {:?}{counts}",
        got.result,
        want.result,
        got.flags,
        want.flags,
        got.instructions,
        want.instructions,
        byte(&want.memory, &got.memory),
        pads.collect::<Vec<_>>(),
    )
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Where the counts of points go, if anywhere.
fn file() -> Option<std::ffi::OsString> {
    std::env::var_os("PUCE_FUNCTIONAL")
}

/// The engines whose instructions are left in the programs, when not all are.
fn units() -> Option<Vec<Unit>> {
    let named = std::env::var("PUCE_UNITS").ok()?;
    let unit = |name: &str| Unit::parse(name).unwrap_or_else(|| panic!("PUCE_UNITS: `{name}` is no engine"));
    Some(named.split(',').map(unit).chain([Unit::Control]).collect())
}

/// Whether the programs are those of bursts.
fn in_bursts() -> bool {
    std::env::var_os("PUCE_BURSTS").is_some()
}

/// The program of a seed.
fn program(chip: &Chip, seed: u64, units: Option<&[Unit]>) -> Case {
    let mut case = if in_bursts() { bursts(chip, seed) } else { case(chip, seed) };
    if let Some(units) = units {
        case.program.cores.iter_mut().for_each(|stream| stream.retain(|instr| units.contains(&instr.unit())));
    }
    case
}

/// Whether there are no tools, which is said; where `CI` is set that is a failure.
fn no_tools() -> bool {
    match rtl::tools::Tools::find() {
        Err(rtl::Error::Tools(why)) if std::env::var_os("CI").is_none() => {
            println!("not tested: {why}");
            true
        }
        found => found.is_err_and(|error| panic!("{error}")),
    }
}

/// Holds the chip to the emulator and the twin in a program: what it left behind, unless the program did not have to run on it, or what differs.
fn held(
    simulator: &mut Simulator,
    case: &Case,
    seed: u64,
    functional: &Mutex<Functional>,
) -> Result<Option<Outcome>, String> {
    let (want, met) = watched(&simulator.chip, case, behind(seed));
    assert_eq!(want.result, Ok(()), "seed {seed}: a random program is legal");
    let found = met.points(&simulator.chip);
    if !functional.lock().unwrap().add(&met, found) {
        return Ok(None);
    }
    let got = simulator.run(case, behind(seed));
    if want == got { Ok(Some(got)) } else { Err(simulator.report(case, seed)) }
}

#[test]
fn bursts_leave_the_same_behind_on_the_chip_and_on_the_emulator() {
    if no_tools() {
        return;
    }
    let mut simulator = Simulator::new(1);
    let functional = Mutex::new(Functional::new(&simulator.chip, false));
    for seed in 0..BURSTS {
        let case = bursts(&simulator.chip, seed);
        held(&mut simulator, &case, seed, &functional).unwrap_or_else(|differs| panic!("{differs}"));
    }
    let functional = functional.into_inner().unwrap();
    assert!(
        functional.counts().points.keys().any(|point| point.ends_with("| queue")),
        "no command waited for its queue"
    );
    functional.check(&rtl::functional::Counts::bursts());
}

#[test]
fn a_chip_that_differs_is_found_and_the_program_made_small() {
    if no_tools() {
        return;
    }
    let mut simulator = Simulator::new(1);
    simulator.broken = true;
    // Without products, since one stays with the pieces of its weights.
    let units = [Unit::Load, Unit::Vector, Unit::Store, Unit::Control];
    let mut cases = (0..).map(|seed| program(&simulator.chip, seed, Some(&units)));
    let stores = |case: &Case| case.program.cores.iter().flatten().any(|instr| instr.unit() == Unit::Store);
    let case = cases.find(|case| case.program.len() > 20 && stores(case)).unwrap();
    let said = simulator.report(&case, 0);
    assert!(said.contains("a scratchpad word has two wrong bits"), "{said}");
    let left = said.split("\ncore 0\n").nth(1).unwrap_or_default();
    assert!((2..=4).contains(&left.lines().count()), "one instruction, what it waits for, and `halt`:\n{said}");
}

#[test]
fn random_programs_leave_the_same_behind_on_the_chip_and_on_the_emulator() {
    if no_tools() {
        return;
    }
    let (first, least, units) = (number("PUCE_SEED").unwrap_or(0), number("PUCE_CASES").unwrap_or(LEAST), units());
    let next = AtomicU64::new(first);
    let missing = Mutex::new(BTreeSet::from_iter(everything()));
    let (instructions, timed) = (AtomicU64::new(0), AtomicU64::new(0));
    let nano = Chip::builtin("nano").unwrap();
    let functional = Mutex::new(Functional::new(&nano, file().is_some()));
    let part = units.is_some() || in_bursts();
    let enough = |seed: u64| seed >= first + least && (part || missing.lock().unwrap().is_empty());
    let work = || {
        let mut simulators = CORES.map(Simulator::new);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + least.max(MOST) || enough(seed) {
                return;
            }
            let simulator = &mut simulators[usize::from(seed.is_multiple_of(SHARE))];
            let case = program(&simulator.chip, seed, units.as_deref());
            let got = match held(simulator, &case, seed, &functional) {
                Ok(Some(got)) => got,
                Ok(None) => continue,
                Err(differs) => {
                    next.store(u64::MAX / 2, Ordering::Relaxed);
                    panic!("{differs}");
                }
            };
            instructions.fetch_add(got.instructions.iter().sum(), Ordering::Relaxed);
            timed.fetch_add(u64::from(got.counts.is_some()), Ordering::Relaxed);
            let mut missing = missing.lock().unwrap();
            case.covers().iter().for_each(|choice| _ = missing.remove(choice));
        }
    };
    std::thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
    let count = next.into_inner() - THREADS as u64 - first;
    let (instructions, timed) = (instructions.into_inner(), timed.into_inner());
    let functional = functional.into_inner().unwrap();
    let ran = functional.counts().simulated;
    println!(
        "{count} programs from seed {first} on, {ran} of them on the chip, {instructions} instructions; {timed} programs took the twin's cycles"
    );
    assert!(part || timed > ran / 16, "the times of {timed} programs were compared");
    let missing = missing.into_inner().unwrap();
    assert!(part || missing.is_empty(), "{count} programs never had {missing:?}");
    match file() {
        Some(path) => std::fs::write(path, serde_json::to_string(functional.counts()).unwrap()).unwrap(),
        None if in_bursts() => functional.check(&rtl::functional::Counts::bursts()),
        None if units.is_none() => functional.check(&rtl::functional::Counts::kept()),
        None => {}
    }
}
