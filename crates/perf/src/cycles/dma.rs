//! The parts of the copying engines (`puce_dma_pkg`): a walk names runs of contiguous bytes, runs become bursts, and segments of them words.

mod agu;
mod align;
mod runs;
mod segments;

pub use agu::{Agu, Copy3};
pub use align::{Align, Word};
pub use runs::{Runs, Side};
pub use segments::{Segment, Segments};

/// Bytes that are contiguous where they come from and where they go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Run {
    /// First byte where they come from.
    pub from: i64,
    /// First byte where they go.
    pub to: i64,
    /// Bytes less one.
    pub len_m1: u32,
    /// It moves nothing and ends a command.
    pub empty: bool,
    /// The last of its command.
    pub last: bool,
    /// Its first beat of memory is not the last beat of the run before.
    pub fresh: bool,
}
