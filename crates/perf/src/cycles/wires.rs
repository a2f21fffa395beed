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

impl Access {
    /// A write of these bytes of a word.
    #[inline]
    pub fn of_strobe(strobe: u32) -> Access {
        const FIRST: u32 = 0x1111_1111;
        let pairs = [strobe | strobe >> 1, strobe & strobe >> 1];
        let (some, whole) = ((pairs[0] | pairs[0] >> 2) & FIRST, (pairs[1] & pairs[1] >> 2) & FIRST);
        if some == whole { Access::Write } else { Access::Merge }
    }
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

/// What a writer is told by the memory port in a cycle. Answers are known at the beginning of the cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Write {
    /// The burst that was offered in this cycle is taken.
    pub aw_taken: bool,
    /// The beat that was offered in this cycle is taken.
    pub w_taken: bool,
    /// Memory answers for a burst.
    pub b: bool,
}

/// What an engine says of its commands in a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// The command that was offered is taken.
    pub taken: bool,
    /// The oldest command that was taken and was not done is done.
    pub done: bool,
}

/// Bytes of a word of the scratchpad: what the exchange engines of a chip send each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// Number of the word.
    pub word: i64,
    /// Which bytes of it.
    pub strobe: u32,
}

/// The indices that gathers read: of engine `unit`, what stands at byte `address` of the scratchpad, which is entry `entry` of a command's table.
pub type Tables<'a> = dyn FnMut(Unit, i64, u64) -> u32 + 'a;

/// Entry `i` of every table is `i`.
pub fn in_order(_unit: Unit, _address: i64, entry: u64) -> u32 {
    entry as u32
}
