//! Sticky status flags: what went wrong in a computation without stopping it.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// A set of sticky flags, as the host reads them from the status register (`docs/numerics.md`, "Flags").
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Flags(pub u32);

impl Flags {
    /// Nothing happened.
    pub const NONE: Flags = Flags(0);
    /// A NaN or an infinity was met by quantise, a reduction, or in a weight scale.
    pub const NAN: Flags = Flags(1);
    /// A matrix term did not fit the accumulator's window and was replaced by its bound.
    pub const WINDOW: Flags = Flags(2);
    /// A finite sum did not fit binary32 and became infinite.
    pub const OVERFLOW: Flags = Flags(4);

    /// Every flag with its name, in bit order.
    pub const ALL: [(Flags, &'static str); 3] =
        [(Flags::NAN, "nan"), (Flags::WINDOW, "window"), (Flags::OVERFLOW, "overflow")];

    /// Whether every flag of `other` is set here.
    pub fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether no flag is set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Flags {
    type Output = Flags;
    fn bitor(self, rhs: Flags) -> Flags {
        Flags(self.0 | rhs.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, rhs: Flags) {
        self.0 |= rhs.0;
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let names = Flags::ALL.iter().filter(|(flag, _)| self.contains(*flag)).map(|(_, name)| *name);
        f.write_str(&names.collect::<Vec<_>>().join("+"))
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({self})")
    }
}
