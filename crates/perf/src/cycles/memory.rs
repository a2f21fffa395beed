//! Memory behind a port: when it answers.
//!
//! It takes whatever it is asked for in the cycle in which it is asked, and answers in the order of the requests, one beat of read data and one response to a
//! write per cycle at most; a write is carried out when its last beat is there. This is the memory that `rtl` simulates beside the design.

use std::collections::VecDeque;

use super::port::{Asked, Beat, Request};
use crate::dram::{self, Access, Dram, Picoseconds, TimingError};
use arch::Chip;

/// When bytes that are asked for have moved.
#[derive(Clone, Debug)]
pub enum Timing {
    /// So many cycles after the request, at least 1.
    Fixed(u64),
    /// As banks, rows and refresh have it.
    Dram(Box<Controller>),
}

/// A DRAM and the way to it, counted in the chip's cycles.
#[derive(Clone, Debug)]
pub struct Controller {
    dram: Dram,
    /// The cycle of the first request, from which the memory's time counts.
    begin: Option<u64>,
    /// Picoseconds of a cycle.
    cycle: f64,
    /// Cycles from the port to the wires and back.
    way: u64,
}

/// Cycles of the chip's latency of memory, at least one.
pub fn latency(chip: &Chip) -> u64 {
    ((chip.memory.latency.0 * chip.frequency.0).round() as u64).max(1)
}

impl Controller {
    /// The memory of a chip: a read that finds no row open takes the chip's latency.
    ///
    /// # Errors
    /// When there are no times for the chip's kind of memory.
    pub fn of(chip: &Chip) -> Result<Controller, TimingError> {
        let (dram, clock) = (Dram::new(dram::Timing::of(chip)?), chip.frequency.0);
        Ok(Controller::new(dram, clock, latency(chip)))
    }

    /// A memory for a chip of this clock in hertz, in which a read that finds no row open takes `latency` cycles.
    pub fn new(dram: Dram, clock: f64, latency: u64) -> Controller {
        let t = dram.timing();
        let cycle = 1e12 / clock;
        let bare = (t.activate_to_column.0 + t.read_latency.0 + t.transfer.0) as f64 / cycle;
        Controller { dram, begin: None, cycle, way: latency.saturating_sub(bare.ceil() as u64) }
    }

    /// The cycle in which bytes that are asked for in `cycle` are there.
    pub fn due(&mut self, cycle: u64, address: u64, bytes: u64, write: bool) -> u64 {
        let begin = *self.begin.get_or_insert(cycle);
        let now = Picoseconds(((cycle - begin) as f64 * self.cycle) as u64);
        let end = self.dram.access(now, Access { address, bytes, write });
        (begin + (end.0 as f64 / self.cycle).ceil() as u64).max(cycle + 1) + self.way
    }
}

impl Timing {
    /// The chip's latency for everything.
    pub fn fixed(chip: &Chip) -> Timing {
        Timing::Fixed(latency(chip))
    }

    /// The chip's kind of memory, with banks, rows and refresh.
    ///
    /// # Errors
    /// When there are no times for the chip's kind of memory.
    pub fn dram(chip: &Chip) -> Result<Timing, TimingError> {
        Controller::of(chip).map(|controller| Timing::Dram(Box::new(controller)))
    }

    fn due(&mut self, cycle: u64, address: u64, bytes: u64, write: bool) -> u64 {
        match self {
            Timing::Fixed(latency) => cycle + *latency,
            Timing::Dram(controller) => controller.due(cycle, address, bytes, write),
        }
    }
}

/// A row of beats of one read, due one after the other.
#[derive(Clone, Copy, Debug)]
struct Due {
    cycle: u64,
    beat: Beat,
}

/// What is under way at one port.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    reads: VecDeque<Due>,
    writes: VecDeque<Request>,
    beats: u32,
    answers: VecDeque<(u64, u32)>,
}

/// What memory gives in a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Given {
    /// Read data.
    pub beat: Option<Beat>,
    /// A write is done, of this identifier.
    pub written: Option<u32>,
}

impl Lane {
    /// What comes in this cycle.
    pub fn give(&mut self, cycle: u64) -> Given {
        let beat = self.reads.front().filter(|due| due.cycle <= cycle).map(|due| due.beat);
        if beat.is_some() {
            self.reads.pop_front();
        }
        let written = self.answers.front().filter(|(due, _)| *due <= cycle).map(|(_, id)| *id);
        if written.is_some() {
            self.answers.pop_front();
        }
        Given { beat, written }
    }

    /// Take what is asked for in this cycle; `width` bytes are a beat.
    pub fn take(&mut self, cycle: u64, asked: Asked, width: u64, timing: &mut Timing) {
        if let Some(Request { id, burst }) = asked.read {
            for at in 0..burst.beats {
                let due = timing.due(cycle, burst.address + u64::from(at) * width, width, false);
                self.reads.push_back(Due { cycle: due, beat: Beat { id, last: at + 1 == burst.beats } });
            }
        }
        self.writes.extend(asked.write);
        self.beats += u32::from(asked.data.is_some());
        if let Some(Request { id, burst }) =
            self.writes.front().copied().filter(|write| write.burst.beats <= self.beats)
        {
            self.writes.pop_front();
            self.beats -= burst.beats;
            let due = (0..burst.beats)
                .map(|at| timing.due(cycle, burst.address + u64::from(at) * width, width, true))
                .fold(0, u64::max);
            self.answers.push_back((due, id));
        }
    }

    /// Beats or bursts of writes have come that are not complete.
    #[inline]
    pub fn collects(&self) -> bool {
        !self.writes.is_empty() || self.beats != 0
    }
}
