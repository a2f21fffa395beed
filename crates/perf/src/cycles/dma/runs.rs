//! The memory side of runs becomes bursts of whole beats (`puce_dma_runs`).

use super::Run;
use crate::cycles::fifo::Fifo;

/// Bytes of the longest burst (`BurstBytes`), of at least [`LEAST`] beats.
const BURST: i64 = 1024;
const LEAST: i64 = 4;

/// Which side of a run is memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Where the bytes come from.
    From,
    /// Where they go.
    To,
}

/// A burst as it is wanted; `beats` is 0 where it only ends a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// First byte.
    pub address: i64,
    /// Beats.
    pub beats: i64,
    /// The last of its command.
    pub last: bool,
}

/// The twin of `puce_dma_runs`; what lies outside of memory is no matter of it.
#[derive(Clone, Debug)]
pub struct Runs {
    side: Side,
    /// Bits of a byte's place in its beat.
    shift: u32,
    /// Beats of the longest burst, less one.
    burst_m1: i64,
    a_valid: bool,
    a_run: Run,
    a_last: i64,
    a_left_m1: i64,
    known: bool,
    before: i64,
    b_valid: bool,
    b_none: bool,
    b_end: bool,
    b_at: i64,
    b_left_m1: i64,
    out: Fifo<Run, 2>,
}

impl Runs {
    /// For a memory port of `port` bytes, a power of two.
    pub fn new(port: i64, side: Side) -> Runs {
        Runs {
            side,
            shift: port.trailing_zeros(),
            burst_m1: (BURST / port).max(LEAST) - 1,
            a_valid: false,
            a_run: Run::default(),
            a_last: 0,
            a_left_m1: 0,
            known: false,
            before: 0,
            b_valid: false,
            b_none: false,
            b_end: false,
            b_at: 0,
            b_left_m1: 0,
            out: Fifo::default(),
        }
    }

    fn room_m1(&self) -> i64 {
        !self.b_at & self.burst_m1
    }

    #[inline]
    fn b_ends(&self) -> bool {
        self.b_none || self.b_left_m1 <= self.room_m1()
    }

    /// The burst that is wanted (`burst_valid_o` and what goes with it).
    #[inline]
    pub fn burst(&self) -> Option<Wanted> {
        if !self.b_valid {
            return None;
        }
        let ends = self.b_ends();
        let beats = match (self.b_none, ends) {
            (true, _) => 0,
            (false, true) => self.b_left_m1 + 1,
            (false, false) => self.room_m1() + 1,
        };
        Some(Wanted { address: self.b_at << self.shift, beats, last: self.b_end && ends })
    }

    /// The run that goes on (`run_valid_o`, `run_o`).
    #[inline]
    pub fn run(&self) -> Option<Run> {
        self.out.front()
    }

    /// Nothing is inside.
    #[inline]
    pub fn idle(&self) -> bool {
        !self.a_valid && !self.b_valid && self.out.is_empty()
    }

    #[inline]
    fn b_take(&self, burst_taken: bool) -> bool {
        self.a_valid && self.out.room() && (!self.b_valid || (burst_taken && self.b_ends()))
    }

    /// A run may enter when the burst is taken or not (`run_ready_o`).
    #[inline]
    pub fn ready(&self, burst_taken: bool) -> bool {
        !self.a_valid || self.b_take(burst_taken)
    }

    /// One clock edge: a run for which it was ready; whether the burst, and the run that goes on, are taken.
    #[inline]
    pub fn step(&mut self, run: Option<Run>, burst_taken: bool, run_taken: bool) {
        let take = self.b_take(burst_taken);
        if run_taken {
            self.out.pop();
        }
        if self.b_valid && burst_taken {
            self.next_burst();
        }
        if take {
            self.pass();
        }
        if let Some(run) = run {
            self.enter(run);
        }
    }

    /// On to the boundary.
    fn next_burst(&mut self) {
        let room_m1 = self.room_m1();
        self.b_valid = !self.b_ends();
        self.b_at = (self.b_at | self.burst_m1) + 1;
        self.b_left_m1 -= room_m1 + 1;
    }

    /// From the first step to the third.
    fn pass(&mut self) {
        let first = self.memory(&self.a_run) >> self.shift;
        let fresh = !self.known || first != self.before;
        let wants = !self.a_run.empty && (fresh || self.a_left_m1 != 0);
        self.known = !self.a_run.last;
        self.before = self.a_last;
        self.b_valid = wants || self.a_run.last;
        self.b_none = !wants;
        self.b_end = self.a_run.last;
        self.b_at = first + i64::from(!fresh);
        self.b_left_m1 = self.a_left_m1 - i64::from(!fresh);
        self.a_valid = false;
        self.out.push(Run { fresh, ..self.a_run });
    }

    fn enter(&mut self, run: Run) {
        let memory = self.memory(&run);
        self.a_valid = true;
        self.a_run = run;
        self.a_last = (memory + i64::from(run.len_m1)) >> self.shift;
        self.a_left_m1 = self.a_last - (memory >> self.shift);
    }

    fn memory(&self, run: &Run) -> i64 {
        match self.side {
            Side::From => run.from,
            Side::To => run.to,
        }
    }
}
