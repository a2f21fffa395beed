//! Who watches a run: commands as they are taken and done, what engines wait for, and what goes over the ports.
//!
//! A run that nobody watches pays nothing. For one that is watched, [`Spans`] turns the pulses and levels of each cycle into spans for each core, and
//! [`Traffic`] counts in windows.

use super::queue::ENGINES;
use arch::Instr;
use arch::attr::{Attr, Unit};
use std::collections::VecDeque;

/// What an engine, or control, waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Cause {
    /// The next command waits for what another engine has not done.
    Sync,
    /// A port of the scratchpad is asked and not served.
    Scratchpad,
    /// Nothing is in the weight stream.
    Stream,
    /// Memory is asked and does not answer.
    Memory,
    /// The queue of the next instruction has no room.
    Queue,
    /// No code has come.
    Code,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Cause; 6] =
        [Cause::Sync, Cause::Scratchpad, Cause::Stream, Cause::Memory, Cause::Queue, Cause::Code];

    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Cause::Sync => "sync",
            Cause::Scratchpad => "scratchpad",
            Cause::Stream => "stream",
            Cause::Memory => "memory",
            Cause::Queue => "queue",
            Cause::Code => "code",
        }
    }
}

/// Who watches. Cycles count from the start of the run; a span holds from its first cycle up to, and not with, `to`.
pub trait Watch {
    /// A core's engine took the command in cycle `taken` and was done with it in cycle `done`.
    fn command(&mut self, core: usize, unit: Unit, instr: &Instr, taken: u64, done: u64);
    /// A core's control began with an instruction, whose operands have their values as constants, in cycle `at`.
    fn begun(&mut self, core: usize, instr: &Instr, at: u64) {
        let _ = (core, instr, at);
    }
    /// A core's engine, or its control, waited.
    fn stall(&mut self, core: usize, unit: Unit, cause: Cause, from: u64, to: u64);
    /// Beats of all memory ports in a window.
    fn memory(&mut self, from: u64, to: u64, read: u64, written: u64);
    /// Words that the scratchpads of all cores gave and took in a window.
    fn scratchpad(&mut self, from: u64, to: u64, words: u64);
}

/// Units with a place in [`Waits`]: the engines, then control.
const UNITS: usize = ENGINES + 1;

/// Who waits for what in a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Waits(u64);

impl Waits {
    /// Nobody waits.
    pub const NONE: Waits = Waits(0);

    /// Adds that the unit of this number (control is 6) waits, if it does.
    #[inline]
    pub fn put(&mut self, unit: usize, cause: Cause, waits: bool) {
        self.0 |= u64::from(waits) << (unit + UNITS * cause as usize);
    }

    /// Adds the engines whose bits are set.
    #[inline]
    pub fn put_engines(&mut self, engines: u8, cause: Cause) {
        self.0 |= u64::from(engines) << (UNITS * cause as usize);
    }
}

/// The open spans of one core.
#[derive(Clone, Debug)]
pub struct Spans {
    core: usize,
    commands: [VecDeque<(Instr, u64)>; ENGINES],
    waits: Waits,
    since: [u64; UNITS * Cause::ALL.len()],
}

impl Spans {
    /// Of this core.
    pub fn new(core: usize) -> Spans {
        Spans { core, commands: Default::default(), waits: Waits(0), since: [0; UNITS * Cause::ALL.len()] }
    }

    /// Whose they are.
    pub fn core(&self) -> usize {
        self.core
    }

    /// The engine of this number takes a command in cycle `now`.
    pub fn taken(&mut self, engine: usize, instr: &Instr, now: u64) {
        self.commands[engine].push_back((*instr, now));
    }

    /// It is done with the first of those that it took.
    pub fn finished(&mut self, engine: usize, now: u64, watch: &mut dyn Watch) {
        if let Some((instr, taken)) = self.commands[engine].pop_front() {
            watch.command(self.core, unit(engine), &instr, taken, now);
        }
    }

    /// Who waits in cycle `now`; spans of those that no longer do are told.
    #[inline]
    pub fn waits(&mut self, waits: Waits, now: u64, watch: &mut dyn Watch) {
        let mut changed = self.waits.0 ^ waits.0;
        while changed != 0 {
            let place = changed.trailing_zeros() as usize;
            changed &= changed - 1;
            match waits.0 >> place & 1 == 1 {
                true => self.since[place] = now,
                false => {
                    let cause = Cause::ALL[place / UNITS];
                    watch.stall(self.core, unit(place % UNITS), cause, self.since[place], now);
                }
            }
        }
        self.waits = waits;
    }
}

fn unit(number: usize) -> Unit {
    Unit::from_code(number as u8).expect("a unit's number")
}

/// What goes over the ports, in windows.
#[derive(Clone, Debug)]
pub struct Traffic {
    window: u64,
    from: u64,
    read: u64,
    written: u64,
    words: u64,
}

impl Traffic {
    /// In windows of so many cycles.
    pub fn new(window: u64) -> Traffic {
        Traffic { window: window.max(1), from: 0, read: 0, written: 0, words: 0 }
    }

    /// Beats read and written and scratchpad words of cycle `now`; a window that is full is told.
    #[inline]
    pub fn step(&mut self, read: u64, written: u64, words: u64, now: u64, watch: &mut dyn Watch) {
        (self.read, self.written, self.words) = (self.read + read, self.written + written, self.words + words);
        if now + 1 - self.from == self.window {
            self.end(now + 1, watch);
        }
    }

    /// The window ends before cycle `now`.
    pub fn end(&mut self, now: u64, watch: &mut dyn Watch) {
        if now > self.from {
            watch.memory(self.from, now, self.read, self.written);
            watch.scratchpad(self.from, now, self.words);
        }
        *self = Traffic { from: now, ..Traffic::new(self.window) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Told(Vec<String>);

    impl Watch for Told {
        fn command(&mut self, core: usize, unit: Unit, instr: &Instr, taken: u64, done: u64) {
            self.0.push(format!("{core} {unit:?} {instr} {taken} {done}"));
        }
        fn stall(&mut self, core: usize, unit: Unit, cause: Cause, from: u64, to: u64) {
            self.0.push(format!("{core} {unit:?} {} {from} {to}", cause.name()));
        }
        fn memory(&mut self, from: u64, to: u64, read: u64, written: u64) {
            self.0.push(format!("memory {from} {to} {read} {written}"));
        }
        fn scratchpad(&mut self, from: u64, to: u64, words: u64) {
            self.0.push(format!("scratchpad {from} {to} {words}"));
        }
    }

    #[test]
    fn spans_begin_and_end_where_levels_change() {
        let (mut told, mut spans) = (Told::default(), Spans::new(1));
        for now in 0..10 {
            let mut waits = Waits::default();
            waits.put_engines(if now < 3 { 0b101 } else { 0b100 }, Cause::Sync);
            waits.put(6, Cause::Code, (4..6).contains(&now));
            waits.put(6, Cause::Queue, now == 6);
            spans.waits(waits, now, &mut told);
        }
        spans.waits(Waits::default(), 10, &mut told);
        let wanted = ["1 Load sync 0 3", "1 Control code 4 6", "1 Control queue 6 7", "1 Matrix sync 0 10"];
        assert_eq!(told.0, wanted);
    }

    #[test]
    fn commands_are_done_in_order() {
        let (mut told, mut spans) = (Told::default(), Spans::new(0));
        let [halt, end] = [Instr::Halt {}, Instr::End {}];
        spans.taken(3, &halt, 5);
        spans.taken(3, &end, 7);
        spans.finished(3, 9, &mut told);
        spans.finished(3, 12, &mut told);
        assert_eq!(told.0, ["0 Vector halt 5 9", "0 Vector end 7 12"]);
    }

    #[test]
    fn windows_hold_every_cycle_once() {
        let (mut told, mut traffic) = (Told::default(), Traffic::new(4));
        (0..10).for_each(|now| traffic.step(1, u64::from(now == 5), 2, now, &mut told));
        traffic.end(10, &mut told);
        traffic.end(10, &mut told);
        let memory: Vec<&String> = told.0.iter().filter(|line| line.starts_with("memory")).collect();
        assert_eq!(memory, ["memory 0 4 4 0", "memory 4 8 4 1", "memory 8 10 2 0"]);
        assert_eq!(told.0.last().unwrap(), "scratchpad 8 10 4");
    }
}
