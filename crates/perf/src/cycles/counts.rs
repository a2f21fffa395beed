//! What is counted: the design's performance counters (docs/registers.md), under the same names.

use super::scratchpad::PORTS;

/// Engines with a queue.
const ENGINES: usize = 6;

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
    /// Beats moved over all ports, as a share of one beat per port and cycle.
    pub fn port_use(&self) -> f64 {
        let moved: u64 = self.ports.iter().map(|port| port.read + port.written).sum();
        moved as f64 / (self.cycles.max(1) * self.ports.len().max(1) as u64) as f64
    }

    /// Counts of one run after the other, added up.
    pub fn add(&mut self, other: &Counts) {
        self.cycles += other.cycles;
        self.cores.resize(self.cores.len().max(other.cores.len()), CoreCounts::default());
        self.ports.resize(self.ports.len().max(other.ports.len()), PortCounts::default());
        self.cores.iter_mut().zip(&other.cores).for_each(|(sum, more)| sum.add(more));
        for (sum, more) in self.ports.iter_mut().zip(&other.ports) {
            sum.read += more.read;
            sum.written += more.written;
        }
    }
}

impl CoreCounts {
    fn add(&mut self, other: &CoreCounts) {
        let pairs = |sum: &mut [u64], more: &[u64]| sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        pairs(&mut self.instructions, &other.instructions);
        pairs(&mut self.busy, &other.busy);
        pairs(&mut self.sync, &other.sync);
        pairs(&mut self.spad, &other.spad);
        self.queue += other.queue;
        self.fetch += other.fetch;
        self.stream += other.stream;
        self.memory += other.memory;
    }
}
