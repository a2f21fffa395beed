//! Runs cut into parts that come from one word each (`puce_dma_segments`).

use super::Run;
use crate::cycles::wires::WORD;

/// A part of a run that comes from one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Segment {
    /// First byte where it comes from.
    pub from: i64,
    /// First byte where it goes.
    pub to: i64,
    /// Bytes less one, below a word's.
    pub len_m1: u32,
    /// It moves nothing and ends a command.
    pub empty: bool,
    /// The last of its command.
    pub last: bool,
    /// The first of its run.
    pub first: bool,
    /// The run's `fresh`.
    pub fresh: bool,
}

/// The twin of `puce_dma_segments`.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    valid: bool,
    first: bool,
    run: Run,
}

impl Segments {
    /// Bytes of the word from the run's place on, less one.
    #[inline]
    fn room_m1(&self) -> u32 {
        (!self.run.from & (WORD - 1)) as u32
    }

    #[inline]
    fn ends(&self) -> bool {
        self.run.empty || self.run.len_m1 <= self.room_m1()
    }

    /// A run may enter when the segment is taken or not (`run_ready_o`).
    #[inline]
    pub fn ready(&self, taken: bool) -> bool {
        !self.valid || (taken && self.ends())
    }

    /// Nothing is inside.
    #[inline]
    pub fn idle(&self) -> bool {
        !self.valid
    }

    /// The segment (`segment_valid_o`, `segment_o`).
    #[inline]
    pub fn segment(&self) -> Option<Segment> {
        let Run { from, to, len_m1, empty, last, fresh } = self.run;
        let ends = self.ends();
        let len_m1 = if ends { len_m1 } else { self.room_m1() };
        self.valid.then_some(Segment { from, to, len_m1, empty, last: last && ends, first: self.first, fresh })
    }

    /// One clock edge: a run for which it was ready, and whether the segment is taken.
    #[inline]
    pub fn step(&mut self, run: Option<Run>, taken: bool) {
        if self.valid && taken {
            let step = self.room_m1() + 1;
            self.valid = !self.ends();
            self.first = false;
            self.run.from += i64::from(step);
            self.run.to += i64::from(step);
            self.run.len_m1 = self.run.len_m1.wrapping_sub(step);
        }
        if let Some(run) = run {
            *self = Segments { valid: true, first: true, run };
        }
    }
}
