//! What is counted: the design's performance counters (docs/registers.md), under the same names.

use super::queue::ENGINES;
use super::scratchpad::PORTS;

/// Counters of a core, by engine code: load, weights, matrix, vector, store, exchange, and control last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CoreCounts {
    /// Instructions dispatched.
    pub instructions: [u64; ENGINES + 1],
    /// Cycles in which an engine worked on a command.
    pub busy: [u64; ENGINES],
    /// Cycles in which an engine was idle because its next command waited for a token.
    pub sync: [u64; ENGINES],
    /// Cycles in which control waited because a queue was full.
    pub queue: u64,
    /// Cycles in which control waited for code.
    pub fetch: u64,
    /// Cycles in which the matrix engine worked on a command and the weight stream was empty.
    pub stream: u64,
    /// Cycles in which reads were on their way and memory gave none.
    pub memory: u64,
    /// Cycles in which a scratchpad port was held up by another, by port (see [`super::scratchpad::PORTS`]).
    pub spad: [u64; PORTS],
}

/// Counters of a memory port.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PortCounts {
    /// Beats read.
    pub read: u64,
    /// Beats written.
    pub written: u64,
}

impl PortCounts {
    /// Both counters in the order of the register map.
    pub fn row(&self) -> Vec<u64> {
        vec![self.read, self.written]
    }
}

/// What a run took.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Cycles in which the chip ran.
    pub cycles: u64,
    /// By core.
    pub cores: Vec<CoreCounts>,
    /// By memory port.
    pub ports: Vec<PortCounts>,
}

impl Counts {
    /// Every counter of the chip: its cycles, then those of each core, then those of each port, in the order of the register map.
    pub fn row(&self) -> Vec<u64> {
        let cores = self.cores.iter().flat_map(CoreCounts::row);
        [self.cycles].into_iter().chain(cores).chain(self.ports.iter().flat_map(PortCounts::row)).collect()
    }
}

impl CoreCounts {
    /// All counters in the order of the register map, corrected words (of which there are none here) as zero.
    pub fn row(&self) -> Vec<u64> {
        let waits = [self.queue, self.fetch, self.stream, self.memory];
        [&self.instructions[..], &[0], &self.busy, &self.sync, &waits, &self.spad].concat()
    }
}

/// What is counted by cycles, as bits: engines that are busy, engines that wait for a token, then queue, fetch, stream, memory, then held ports.
const LEVELS: usize = 2 * ENGINES + 4 + PORTS;

/// Counts cycles in which something holds: it is looked at only when something changes.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    now: u32,
    since: [u64; LEVELS],
    sums: [u64; LEVELS],
}

impl Levels {
    /// Nothing holds, nothing was counted.
    pub(super) fn new() -> Levels {
        Levels { now: 0, since: [0; LEVELS], sums: [0; LEVELS] }
    }

    /// The bits of what holds: `waits` are queue, fetch, stream and memory.
    #[inline]
    pub(super) fn bits(busy: u8, sync: u8, waits: [bool; 4], held: u16) -> u32 {
        let [queue, fetch, stream, memory] = waits.map(u32::from);
        let waits = queue | fetch << 1 | stream << 2 | memory << 3;
        u32::from(busy) | u32::from(sync) << ENGINES | waits << (2 * ENGINES) | u32::from(held) << (2 * ENGINES + 4)
    }

    /// What holds in this cycle.
    #[inline]
    pub(super) fn put(&mut self, bits: u32, cycle: u64) {
        let mut changed = self.now ^ bits;
        self.now = bits;
        while changed != 0 {
            let level = changed.trailing_zeros() as usize;
            changed &= changed - 1;
            if bits >> level & 1 == 1 {
                self.since[level] = cycle;
            } else {
                self.sums[level] += cycle - self.since[level];
            }
        }
    }

    /// Everything ends before this cycle; the sums go to the counters.
    pub(super) fn end(&mut self, cycle: u64, counts: &mut CoreCounts) {
        self.put(0, cycle);
        let (busy, rest) = self.sums.split_at(ENGINES);
        let (sync, rest) = rest.split_at(ENGINES);
        let (waits, held) = rest.split_at(4);
        counts.busy.copy_from_slice(busy);
        counts.sync.copy_from_slice(sync);
        [counts.queue, counts.fetch, counts.stream, counts.memory] = [waits[0], waits[1], waits[2], waits[3]];
        counts.spad.copy_from_slice(held);
    }
}
