//! Counts points of functional coverage (`rtl::functional`) in programs that run in lockstep.
//!
//! The emulator says what every instruction of an engine met, in the order of the program; the twin in time, whose counters are the chip's, says when
//! control began with every instruction, when its engine took it and was done, and who waited for what from when to when. A wait counts for the
//! instruction that control, the queue or the engine had then; of several inside one engine it counts for all. A program counts once for a point.

use std::collections::{BTreeMap, BTreeSet};

use arch::attr::Unit;
use arch::{Chip, Instr};
use base::status::Flags;
use emu::Met;
use perf::cycles::watch::{Cause, Watch};
use rtl::functional::{Counts, Seen, Wait, classes, name, nevers, point, points};

/// Points of so many programs, by the counts that are kept, are met in every run.
const SURE: f64 = 30.0;
/// Programs that meet a point and run on the design, if not all do.
const FEW: u64 = 3;

/// When instructions began, were taken and done in a run, and who waited.
#[derive(Default)]
pub struct Waiting {
    begun: Vec<Vec<(Instr, u64)>>,
    commands: BTreeMap<(usize, u8), Vec<(u64, u64)>>,
    stalls: Vec<Stall>,
}

struct Stall {
    core: usize,
    unit: Unit,
    cause: Cause,
    from: u64,
    to: u64,
}

impl Watch for Waiting {
    fn begun(&mut self, core: usize, instr: &Instr, at: u64) {
        self.begun.resize_with(self.begun.len().max(core + 1), Vec::new);
        self.begun[core].push((*instr, at));
    }
    fn command(&mut self, core: usize, unit: Unit, _: &Instr, taken: u64, done: u64) {
        self.commands.entry((core, unit as u8)).or_default().push((taken, done));
    }
    fn stall(&mut self, core: usize, unit: Unit, cause: Cause, from: u64, to: u64) {
        self.stalls.push(Stall { core, unit, cause, from, to });
    }
    fn memory(&mut self, _: u64, _: u64, _: u64, _: u64) {}
    fn scratchpad(&mut self, _: u64, _: u64, _: u64) {}
}

impl Waiting {
    /// What each instruction of a core waited for, in the order in which control began with them.
    fn waits(&self, core: usize) -> Vec<BTreeSet<Wait>> {
        let begun = &self.begun[core];
        let mut waits = vec![BTreeSet::new(); begun.len()];
        let mut places: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
        for (place, (instr, _)) in begun.iter().enumerate() {
            places.entry(instr.unit() as u8).or_default().push(place);
        }
        let mine: Vec<&Stall> = self.stalls.iter().filter(|stall| stall.core == core).collect();
        let queue = mine.iter().filter(|stall| stall.cause == Cause::Queue).map(|stall| stall.from);
        let queue: BTreeSet<u64> = queue.collect();
        for stall in mine {
            let commands = self.commands.get(&(core, stall.unit as u8)).map_or(&[][..], Vec::as_slice);
            let place = |number: usize| places[&(stall.unit as u8)][number];
            // Control begins with what it waited for in the cycle in which the wait ends.
            let later = begun.partition_point(|(_, at)| *at < stall.to);
            let next = (later < begun.len()).then_some(later);
            let inside = |wait: Wait, waits: &mut Vec<BTreeSet<Wait>>| {
                let first = commands.partition_point(|(_, done)| *done < stall.from);
                let last = commands.partition_point(|(taken, _)| *taken < stall.to);
                (first..last).for_each(|number| _ = waits[place(number)].insert(wait));
            };
            match stall.cause {
                Cause::Sync => {
                    let number = commands.partition_point(|(taken, _)| *taken < stall.from);
                    if number < commands.len() {
                        waits[place(number)].insert(Wait::Sync);
                    }
                }
                Cause::Scratchpad => inside(Wait::Scratchpad, &mut waits),
                Cause::Stream => inside(Wait::Stream, &mut waits),
                Cause::Memory => inside(Wait::Memory, &mut waits),
                Cause::Queue => next.into_iter().for_each(|place| _ = waits[place].insert(Wait::Queue)),
                Cause::Code => {
                    let header = next.filter(|place| begun[*place].1 == stall.to);
                    // Else words of the instruction at hand are missing.
                    let hand = later.checked_sub(1);
                    let place = if queue.contains(&stall.to) { next } else { header.or(hand) };
                    place.into_iter().for_each(|place| _ = waits[place].insert(Wait::Code));
                }
            }
        }
        waits
    }
}

/// What a program of the run met.
pub struct Run {
    /// By core.
    pub met: Vec<Vec<Met>>,
    /// Where the times of memory are the twin's.
    pub waiting: Option<Waiting>,
}

impl Run {
    /// The points of this program.
    pub fn points(&self, chip: &Chip) -> BTreeSet<(String, &'static str, Wait)> {
        let mut found = BTreeSet::new();
        for (core, met) in self.met.iter().enumerate() {
            match &self.waiting {
                Some(waiting) => timed(waiting, core, met, chip, &mut found),
                None => {
                    let stutters = met.iter().filter(|met| Wait::Stutter.of(met.instr.unit()));
                    stutters.for_each(|met| put(&seen(met, chip), &BTreeSet::from([Wait::Stutter]), &mut found));
                }
            }
        }
        found
    }
}

fn seen<'a>(met: &'a Met, chip: &'a Chip) -> Seen<'a> {
    Seen { instr: &met.instr, read: &met.read, flags: met.flags, chip }
}

/// Control's instructions are the twin's, those of engines come from the emulator in the same order.
fn timed(waiting: &Waiting, core: usize, met: &[Met], chip: &Chip, found: &mut BTreeSet<(String, &'static str, Wait)>) {
    let mut met = met.iter();
    for ((instr, _), waits) in waiting.begun[core].iter().zip(waiting.waits(core)) {
        let waits = if waits.is_empty() { BTreeSet::from([Wait::Nothing]) } else { waits };
        if instr.unit() == Unit::Control {
            put(&Seen { instr, read: &[], flags: Flags::NONE, chip }, &waits, found);
        } else {
            let met = met.next().expect("the emulator ran as many instructions");
            assert_eq!(met.instr, *instr, "emulator and twin run the same instructions");
            put(&seen(met, chip), &waits, found);
        }
    }
    assert!(met.next().is_none(), "the twin ran as many instructions");
}

fn put(seen: &Seen<'_>, waits: &BTreeSet<Wait>, found: &mut BTreeSet<(String, &'static str, Wait)>) {
    let name = name(seen.instr);
    for class in classes(seen.instr).filter(|class| (class.holds)(seen)) {
        found.extend(waits.iter().map(|wait| (name.clone(), class.name, *wait)));
    }
}

/// Points over many programs.
pub struct Functional {
    named: BTreeSet<String>,
    counts: Counts,
    sparing: bool,
}

impl Functional {
    /// Nothing was met. `sparing` lets only programs run on the design that have a point which few had before.
    pub fn new(chip: &Chip, sparing: bool) -> Functional {
        Functional { named: points(chip), counts: Counts::default(), sparing }
    }

    /// Another program, with its points; whether it has to run on the design.
    pub fn add(&mut self, run: &Run, points: BTreeSet<(String, &'static str, Wait)>) -> bool {
        let counts = &mut self.counts;
        counts.programs += 1;
        counts.timed += u64::from(run.waiting.is_some());
        let mut wanted = !self.sparing;
        for (instruction, class, wait) in points {
            let met = counts.points.entry(point(&instruction, class, wait)).or_default();
            wanted |= *met < FEW;
            *met += 1;
        }
        counts.simulated += u64::from(wanted);
        wanted
    }

    /// What was counted.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Refuses points without a name, points that cannot be met, and that points are missing that the kept run met in many programs.
    pub fn check(&self, kept: &Counts) {
        let nevers = nevers();
        for point in self.counts.points.keys() {
            assert!(self.named.contains(point), "`{point}` is met and not named");
            let never = nevers.iter().find(|never| !never.seldom && never.is(point));
            assert!(never.is_none(), "`{point}` is met: it cannot be, {}", never.unwrap().reason);
        }
        let missing: Vec<&String> = kept.points.keys().filter(|point| self.expected(kept, point) >= SURE).collect();
        let sure = missing.len();
        let missing: Vec<_> = missing.into_iter().filter(|point| !self.counts.points.contains_key(*point)).collect();
        assert!(missing.is_empty(), "points that many programs met are met by none: {missing:?}");
        println!("{} of {} points met; {sure} have to be", self.counts.points.len(), self.named.len());
    }

    /// Programs that should have met a point.
    fn expected(&self, kept: &Counts, point: &str) -> f64 {
        let stutters = point.ends_with(Wait::Stutter.name());
        let of = |counts: &Counts| if stutters { counts.programs - counts.timed } else { counts.timed };
        kept.points.get(point).copied().unwrap_or(0) as f64 * of(&self.counts) as f64 / of(kept).max(1) as f64
    }
}
