//! What stands beside the lanes: the scanner with the A8 scales, the stored scales, the factor of a norm.

use super::plan::{ScalesPlan, Scan};

/// Cycles of the units of binary32 (`puce_pkg`, `puce_fp_pkg`).
pub const MUL: u32 = 3;
/// As [`MUL`], of a sum.
pub const ADD: u32 = 4;
/// As [`MUL`], of a reciprocal or a root.
pub const DIV: u32 = 15;

/// What the scanner says in a cycle.
#[derive(Clone, Copy, Default)]
pub struct Scanned {
    /// A group is reduced (`scan_done`).
    pub done: bool,
    /// A result for the scratchpad comes (`scan_push`, whether it is wanted or not).
    pub push: bool,
    /// What the lanes may want as a scalar comes.
    pub scalar: bool,
}

/// `puce_vector_scan` and `puce_vector_quant`: the ends of groups on their way.
#[derive(Default)]
pub struct Scanner {
    /// Bit i: a group's last word came i + 1 cycles ago.
    ends: u16,
}

impl Scanner {
    /// Cycles from a group's last word to its result.
    const LATENCY: u32 = 5;

    /// What comes in this cycle.
    #[inline]
    pub fn now(&self, kind: Scan) -> Scanned {
        let ago = |cycles: u32| self.ends >> (cycles - 1) & 1 == 1;
        let done = ago(Self::LATENCY);
        match kind {
            Scan::Quant => {
                let scaled = ago(Self::LATENCY + MUL);
                Scanned { done, push: scaled, scalar: scaled }
            }
            // Of what was found, the index, then the value.
            Scan::Top => Scanned { done, push: done || ago(Self::LATENCY + 1), scalar: done },
            Scan::One => Scanned { done, push: done, scalar: done },
        }
    }

    /// A cycle in which a group's last word comes or not.
    #[inline]
    pub fn step(&mut self, end: bool) {
        self.ends = self.ends << 1 | u16::from(end);
    }
}

/// `puce_vector_scales`: the scalars of stored blocks.
#[derive(Default)]
pub struct Scales {
    plan: ScalesPlan,
    run: bool,
    block: u32,
    row: u32,
    scale_there: bool,
    min_there: bool,
}

impl Scales {
    fn need_scale(&self) -> bool {
        self.plan.stored && !self.scale_there
    }

    fn need_min(&self) -> bool {
        self.plan.min && !self.min_there
    }

    /// A block's scalars are there.
    #[inline]
    pub fn valid(&self) -> bool {
        self.run && !self.need_scale() && !self.need_min()
    }

    /// It takes a word of the second queue, if there is one.
    #[inline]
    pub fn wants_word(&self) -> bool {
        self.run && (self.need_scale() || self.need_min())
    }

    /// A cycle: a word was taken or not, the scalars were taken or not.
    #[inline]
    pub fn step(&mut self, word: bool, taken: bool) {
        if word {
            if self.need_scale() {
                self.scale_there = true;
            } else {
                self.min_there = true;
            }
        }
        if taken {
            self.next_block();
        }
    }

    fn next_block(&mut self) {
        let last = self.block + 1 == self.plan.blocks;
        if last || (self.block + 1).is_multiple_of(self.plan.per_word) {
            self.scale_there = false;
            self.min_there = false;
        }
        self.block = if last { 0 } else { self.block + 1 };
        if last {
            self.run = self.row != 1;
            self.row -= 1;
        }
    }

    /// The cycle in which a command begins.
    pub fn start(&mut self, plan: &ScalesPlan) {
        *self = Scales { plan: *plan, run: plan.enable, row: plan.rows, ..Scales::default() };
    }
}

/// `puce_vector_factor`: one sum at a time becomes a factor.
#[derive(Default)]
pub struct Factor {
    /// Sums that wait.
    sums: u32,
    /// Cycles until what is worked on is done; 0: nothing is.
    left: u32,
    /// What is worked on is a factor (else the inverse of the number of columns).
    makes: bool,
    valid: bool,
}

impl Factor {
    /// From the start to the inverse.
    const INVERSE: u32 = 1 + DIV;
    /// From a sum to its factor: product and sum, root, reciprocal.
    const FACTOR: u32 = MUL + ADD + 1 + 2 * DIV;

    /// A factor is there.
    #[inline]
    pub fn valid(&self) -> bool {
        self.valid
    }

    /// A cycle: a sum comes or not, the factor is taken or not.
    #[inline]
    pub fn step(&mut self, sum: bool, take: bool) {
        let idle = self.left == 0;
        let ends = self.left == 1;
        let takes = idle && self.sums != 0 && !self.valid;
        self.valid &= !take;
        self.left = self.left.saturating_sub(1);
        if ends && self.makes {
            self.valid = true;
        }
        if takes {
            self.left = Self::FACTOR;
            self.makes = true;
        }
        self.sums = self.sums + u32::from(sum) - u32::from(takes);
    }

    /// The cycle in which a norm begins.
    pub fn start(&mut self) {
        self.left = Self::INVERSE;
        self.makes = false;
    }
}
