//! The time of one operator, and what it waited for.

use base::units::Seconds;

/// Which resource an operator waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bound {
    /// The matrix or vector units.
    Arithmetic,
    /// The memory interface.
    Memory,
    /// Caches, scratchpads and the network on the chip.
    OnChip,
    /// Links to other devices.
    Link,
    /// Launches, synchronisation, pipeline fill.
    Overhead,
}

impl Bound {
    /// Short name.
    pub const fn name(self) -> &'static str {
        match self {
            Bound::Arithmetic => "arithmetic",
            Bound::Memory => "memory",
            Bound::OnChip => "on-chip",
            Bound::Link => "link",
            Bound::Overhead => "overhead",
        }
    }
}

/// The predicted time of one operator on one device.
///
/// The resource times say how long each resource alone would take at the rate it can reach; `time` is not their sum, since they overlap.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Estimate {
    /// From start to end, overhead included.
    pub time: Seconds,
    /// Matrix and vector units.
    pub arithmetic: Seconds,
    /// Memory interface.
    pub memory: Seconds,
    /// On-chip memory and network.
    pub on_chip: Seconds,
    /// Links.
    pub link: Seconds,
    /// What nothing hides: launch, fill, synchronisation.
    pub overhead: Seconds,
}

impl Estimate {
    /// The resource that took longest.
    pub fn bound(&self) -> Bound {
        let parts = [
            (Bound::Arithmetic, self.arithmetic),
            (Bound::Memory, self.memory),
            (Bound::OnChip, self.on_chip),
            (Bound::Link, self.link),
            (Bound::Overhead, self.overhead),
        ];
        let longest = parts.into_iter().reduce(|a, b| if b.1.0 > a.1.0 { b } else { a });
        longest.map_or(Bound::Overhead, |part| part.0)
    }
}
