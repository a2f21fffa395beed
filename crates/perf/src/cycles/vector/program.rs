//! The microprograms of `puce_vector_pkg`, as far as time depends on them.
//!
//! The operands of a micro-operation say what it waits for, its destination where its result goes; which constants and signs it has does not matter here.

/// A micro-operation (`micro_t` of `puce_vector_pkg`): what it needs (`need_t` of `puce_vector_issue`) and where it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Micro(u16);

impl Micro {
    /// Takes words of the first queue in pairs.
    pub const PAIR_A: Micro = Micro(1);
    /// Reads the second queue.
    pub const B: Micro = Micro(2);
    /// Takes words of the second queue in pairs.
    pub const PAIR_B: Micro = Micro(4);
    /// Reads the group's scalar.
    pub const SCALAR: Micro = Micro(8);
    /// Its result leaves for the scratchpad.
    pub const OUT: Micro = Micro(16);
    /// Four of its results are packed to one word.
    pub const CODE: Micro = Micro(32);
    /// Its result is summed for the scratchpad.
    pub const SUM: Micro = Micro(64);
    /// Its result goes through a divider to a register.
    pub const DIV: Micro = Micro(128);
    /// Reads the norm's factor.
    pub const FACTOR: Micro = Micro(256);
    /// Its result goes to a register.
    pub const REG: Micro = Micro(512);
    /// Its result is summed, for the scratchpad or for a norm.
    pub const ADDS: Micro = Micro(1024);

    /// Both.
    pub const fn and(self, other: Micro) -> Micro {
        Micro(self.0 | other.0)
    }

    /// Whether it has this property (one of these, if there are several).
    #[inline]
    pub fn has(self, other: Micro) -> bool {
        self.0 & other.0 != 0
    }
}

/// A microprogram: its micro-operations in order.
pub type Program = &'static [Micro];

const OUT: Micro = Micro::OUT;
const REG: Micro = Micro::REG;
const DIV: Micro = Micro::DIV;
/// Sums of rows, which are on the grid of the row's largest magnitude.
const SUMS: Micro = Micro::ADDS.and(Micro::SCALAR);
/// Words in pairs on both sides.
const PAIRS: Micro = Micro::PAIR_A.and(Micro::B);

/// One operation on a word alone, or on a word and the instruction's constant (`PCopy`, `PAdd` and its like).
pub const PLAIN: Program = &[OUT];
/// One operation on a word and one of the second queue.
pub const BINARY: Program = &[OUT.and(Micro::B)];
/// One operation on a word and its group's scalar (`PScale`, `PScaleMin` too).
pub const SCALED: Program = &[OUT.and(Micro::SCALAR)];
/// `PExp`, `PExp2`.
pub const EXP: Program = &[REG, REG, REG, REG, OUT];
/// `PSigmoid`, `PSilu`, `PTanh`.
pub const SIGMOID: Program = &[REG, REG, REG, REG, REG, DIV, OUT];
/// `PGelu`.
pub const GELU: Program = &[REG, REG, REG, REG, REG, REG, REG, DIV, OUT];
/// `PRecip`.
pub const RECIP: Program = &[DIV, OUT];
/// `PRsqrt`.
pub const RSQRT: Program = &[DIV, DIV, OUT];
/// `PSum` of a reduction.
pub const SUM: Program = &[SUMS.and(Micro::SUM)];
/// `PSum` of a norm.
pub const SQUARES: Program = &[SUMS];
/// `PNorm`.
pub const NORM: Program = &[OUT.and(Micro::B).and(Micro::FACTOR)];
/// `PSoft`.
pub const SOFTMAX: Program = &[REG.and(Micro::SCALAR), REG, REG, REG, OUT.and(Micro::ADDS).and(Micro::SUM)];
/// `PHalf`.
pub const HALF: Program = &[REG.and(PAIRS).and(Micro::PAIR_B), OUT.and(PAIRS)];
/// `PEven`.
pub const EVEN: Program = &[REG.and(Micro::B).and(Micro::PAIR_B), OUT.and(Micro::B).and(Micro::PAIR_B)];
/// `PCode`.
pub const CODE: Program = &[SCALED[0].and(Micro::CODE)];
