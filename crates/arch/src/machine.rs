//! How a host talks to any machine that runs programs: the emulator, the verilated RTL, one day a card.

use crate::attr::Unit;
use crate::program::Program;
use base::status::Flags;

/// Why a machine stopped before the end: the stream, the place, and the reason. A fault leaves memory as it was at that instruction.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("chip {chip}, core {core}, instruction {pc} (`{instr}`): {what}")]
pub struct Fault {
    /// Chip of the group.
    pub chip: usize,
    /// Core of the chip.
    pub core: usize,
    /// Index of the instruction in its stream.
    pub pc: usize,
    /// The instruction in text form.
    pub instr: String,
    /// What was wrong.
    pub what: String,
}

/// Why the host's request was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MachineError {
    /// The program stopped.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The request itself makes no sense (address, chip or parameter number out of range, illegal program).
    #[error("{0}")]
    Request(String),
}

/// What ran since the counters were last cleared, all cores and chips together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Instructions executed, by [`Unit`] code (control last).
    pub instructions: [u64; 7],
    /// Bytes read from chip memory by the load engine.
    pub load_bytes: u64,
    /// Bytes read from chip memory into the weight stream.
    pub weight_bytes: u64,
    /// Bytes written to chip memory.
    pub store_bytes: u64,
    /// Bytes read from and written to scratchpads by all engines.
    pub scratchpad_bytes: u64,
    /// Bytes received from other cores and chips.
    pub exchange_bytes: u64,
    /// Multiply-accumulates of the matrix engine.
    pub macs: u64,
}

impl Counters {
    /// Add `other` to this.
    pub fn add(&mut self, other: &Counters) {
        self.instructions.iter_mut().zip(other.instructions).for_each(|(a, b)| *a += b);
        self.load_bytes += other.load_bytes;
        self.weight_bytes += other.weight_bytes;
        self.store_bytes += other.store_bytes;
        self.scratchpad_bytes += other.scratchpad_bytes;
        self.exchange_bytes += other.exchange_bytes;
        self.macs += other.macs;
    }

    /// Instructions executed by one engine.
    pub fn of(&self, unit: Unit) -> u64 {
        self.instructions[unit as usize]
    }

    /// Bytes that crossed the chip memory's port.
    pub fn memory_bytes(&self) -> u64 {
        self.load_bytes + self.weight_bytes + self.store_bytes
    }
}

/// A group of equal chips that runs programs.
pub trait Machine {
    /// Chips in the group.
    fn chips(&self) -> usize;
    /// Check and load a program into one chip; its memory becomes `program.memory` bytes of zeros where it was not written before.
    fn load(&mut self, chip: usize, program: &Program) -> Result<(), MachineError>;
    /// Write chip memory.
    fn write(&mut self, chip: usize, address: u64, bytes: &[u8]) -> Result<(), MachineError>;
    /// Read chip memory.
    fn read(&self, chip: usize, address: u64, bytes: &mut [u8]) -> Result<(), MachineError>;
    /// Write parameter memory from word `index` on.
    fn set_params(&mut self, chip: usize, index: usize, words: &[u32]) -> Result<(), MachineError>;
    /// Run every chip's program from its start to its `halt`.
    fn run(&mut self) -> Result<(), MachineError>;
    /// Sticky flags of one chip.
    fn flags(&self, chip: usize) -> Flags;
    /// Clear sticky flags and counters.
    fn clear(&mut self);
    /// Bytes of a core's scratchpad, for debugging and for comparing machines.
    fn scratchpad(&self, chip: usize, core: usize) -> Result<Vec<u8>, MachineError>;
    /// What ran since the last [`Machine::clear`].
    fn counters(&self) -> Counters;
}
