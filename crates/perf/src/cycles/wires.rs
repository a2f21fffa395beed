//! What passes between blocks in a cycle, as far as time depends on it.

use arch::attr::Unit;

/// Bytes of a scratchpad word (`WordBytes` of the design).
pub const WORD: i64 = 32;

/// What a request does to the bank that it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// A word is read: the bank is busy for a cycle, the word comes two cycles after it was taken.
    Read,
    /// Whole 32-bit parts are written: a cycle.
    Write,
    /// A part of a 32-bit part is written: the bank reads, merges and writes, three cycles.
    Merge,
}

/// A request at a port of the scratchpad. Whether it is made never depends on whether it is taken in the same cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ask {
    /// Number of the word.
    pub word: i64,
    /// What for.
    pub access: Access,
}

/// What a port of the scratchpad is told in a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Answer {
    /// What was asked in this cycle is taken.
    pub taken: bool,
    /// A word comes that was asked for; known at the beginning of the cycle.
    pub data: bool,
}

/// A burst that memory is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Burst {
    /// First byte, a multiple of the port's width.
    pub address: u64,
    /// Beats of the port's width.
    pub beats: u32,
}

/// What a reader is told by the memory port in a cycle. `beat` is known at the beginning of the cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Read {
    /// The burst that was asked for in this cycle is taken.
    pub taken: bool,
    /// A beat comes, the last of its burst or not.
    pub beat: Option<bool>,
}

/// What an engine says of its commands in a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// The command that was offered is taken.
    pub taken: bool,
    /// The oldest command that was taken and was not done is done.
    pub done: bool,
}

/// The indices that a gather reads: of engine `unit`, of its command number `command` since the start (from 0), entry `entry` of the table.
pub type Tables<'a> = dyn FnMut(Unit, u64, u64) -> u32 + 'a;

/// Entry `i` of every table is `i`.
pub fn in_order(_unit: Unit, _command: u64, entry: u64) -> u32 {
    entry as u32
}
