//! Operands for the arithmetic units, and what each must answer: by a soft-float that is not ours, by the processor, by `base::grid`.

use std::collections::VecDeque;

use base::grid;
use base::status::Flags;
use base::tile::Exact;
use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64;
use rtl::block::Block;
use rtl::design::{Design, Effort};
use rtl::library::Port;
use rustc_apfloat::Float;
use rustc_apfloat::ieee::Single;

/// One operation of one unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// The sum of two binary32.
    Add,
    /// The product of two binary32.
    Mul,
    /// 1/x.
    Recip,
    /// The square root.
    Root,
    /// An exact value with a mantissa of 40 bits on the grid.
    Place,
    /// The same with the 48 bits of a square.
    PlaceWide,
    /// A sum on the grid as binary32.
    ToF32,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Operation; 7] = [
        Operation::Add,
        Operation::Mul,
        Operation::Recip,
        Operation::Root,
        Operation::Place,
        Operation::PlaceWide,
        Operation::ToF32,
    ];

    /// The name in a table, with its unit.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Add => "puce_fp_add",
            Operation::Mul => "puce_fp_mul",
            Operation::Recip => "puce_fp_divsqrt, 1/x",
            Operation::Root => "puce_fp_divsqrt, root",
            Operation::Place => "puce_grid_place, 40 bits",
            Operation::PlaceWide => "puce_grid_place, 48 bits",
            Operation::ToF32 => "puce_grid_f32",
        }
    }

    fn design(self) -> Design {
        match self {
            Operation::Add => Design::new("puce_fp_add"),
            Operation::Mul => Design::new("puce_fp_mul"),
            Operation::Recip | Operation::Root => Design::new("puce_fp_divsqrt"),
            Operation::Place => Design::new("puce_grid_place"),
            Operation::PlaceWide => Design::new("puce_grid_place").param("MantissaW", 48),
            Operation::ToF32 => Design::new("puce_grid_f32"),
        }
    }

    /// Holds the unit to the references on every special case and `operands` random ones; returns how many there were, or `None` where the tools are
    /// missing. A difference panics with its operands.
    pub fn hold(self, effort: Effort, operands: u64, seed: u64) -> Option<u64> {
        let block = Block::in_test(&self.design().effort(effort))?;
        let random = &mut Pcg64::seed_from_u64(seed);
        Some(match self {
            Operation::Add => pairs(block, 4, operands, random, near_pair, sum),
            Operation::Mul => pairs(block, 3, operands, random, product_pair, product),
            Operation::Recip => singles(block, false, operands, random, reciprocal),
            Operation::Root => singles(block, true, operands, random, root),
            Operation::Place => placements(block, 40, operands, random),
            Operation::PlaceWide => placements(block, 48, operands, random),
            Operation::ToF32 => conversions(block, operands, random),
        })
    }
}

/// Holds the operations whose name begins so, with a million random operands of each; `PUCE_OPERANDS` asks for another number, and
/// `cargo run --release -p rtl --example arithmetic` takes more.
#[allow(dead_code, reason = "the long run holds every operation in its own way")]
pub fn hold(name: &str, seed: u64) {
    let operands = std::env::var("PUCE_OPERANDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    for operation in Operation::ALL.into_iter().filter(|operation| operation.name().starts_with(name)) {
        operation.hold(Effort::Quick, operands, seed);
    }
}

/// Bits with any NaN made the canonical one.
fn canonical(bits: u32) -> u32 {
    if bits & 0x7fff_ffff > 0x7f80_0000 { 0x7fc0_0000 } else { bits }
}

/// What the soft-float says, which the processor must say too.
fn agreed(soft: Single, hard: f32) -> u32 {
    let (soft, hard) = (canonical(soft.to_bits() as u32), canonical(hard.to_bits()));
    assert_eq!(soft, hard, "the references differ");
    soft
}

fn soft(bits: u32) -> Single {
    Single::from_bits(u128::from(bits))
}

/// The sum.
fn sum(a: u32, b: u32) -> u32 {
    agreed((soft(a) + soft(b)).value, f32::from_bits(a) + f32::from_bits(b))
}

/// The product.
fn product(a: u32, b: u32) -> u32 {
    agreed((soft(a) * soft(b)).value, f32::from_bits(a) * f32::from_bits(b))
}

fn reciprocal(x: u32) -> u32 {
    agreed((soft(0x3f80_0000) / soft(x)).value, 1.0 / f32::from_bits(x))
}

fn root(x: u32) -> u32 {
    let hard = canonical(f32::from_bits(x).sqrt().to_bits());
    if let Some(soft) = integer_root(f32::from_bits(x)) {
        assert_eq!(soft, hard, "the references differ");
    }
    hard
}

/// The root of a positive finite value by integers: 26 bits and whether there is more, rounded to 24.
fn integer_root(x: f32) -> Option<u32> {
    let exact = Exact::from_f32(x).filter(|exact| exact.mantissa > 0)?;
    let up = 50 - exact.mantissa.ilog2() as i32;
    let up = up + (exact.exponent - up).rem_euclid(2);
    let radicand = (exact.mantissa as u64) << up;
    let found = radicand.isqrt();
    let (mantissa, rest) = (found >> 2, (found & 3) << 1 | u64::from(found * found != radicand));
    let mantissa = mantissa + u64::from(rest > 4 || rest == 4 && mantissa & 1 == 1);
    let field = (exact.exponent - up) / 2 + 2 + 23 + 127;
    Some((((field - 1) as u32) << 23) + mantissa as u32)
}

/// Values at every edge of the format, both signs.
fn specials() -> Vec<u32> {
    let fractions = [0, 1, 2, 3, 0x3f_ffff, 0x40_0000, 0x40_0001, 0x55_5555, 0x7f_fffe, 0x7f_ffff];
    let fields = [0, 1, 2, 24, 25, 63, 64, 102, 103, 104, 125, 126, 127, 128, 150, 151, 190, 191, 230, 253, 254, 255];
    let positive = fields.iter().flat_map(|field| fractions.map(|fraction| field << 23 | fraction));
    positive.flat_map(|bits| [bits, bits | 1 << 31]).collect()
}

/// A pattern: any, one of short mantissas, or one with long runs of equal bits, at the ends of the range more often than elsewhere.
fn pattern(random: &mut Pcg64) -> u32 {
    let bits: u32 = random.random();
    let fraction = match random.random_range(0..4) {
        0 | 1 => bits,
        2 => bits & (u32::MAX << random.random_range(0..24)),
        _ => (bits >> 31).wrapping_neg() >> random.random_range(9..32) ^ 1 << random.random_range(0..23),
    };
    let field = match random.random_range(0..8) {
        0 => 0,
        1 => random.random_range(0..26),
        2 => random.random_range(230..255),
        3 => random.random_range(100..155),
        _ => bits >> 23 & 255,
    };
    bits & 1 << 31 | field << 23 | fraction & 0x7f_ffff
}

/// A pair whose exponents are near each other more often than not.
fn near_pair(random: &mut Pcg64) -> (u32, u32) {
    let (a, b) = (pattern(random), pattern(random));
    if random.random_range(0..4) == 0 {
        return (a, b);
    }
    let field = (a >> 23 & 255) as i32 + random.random_range(-27..28);
    let near = if random.random_range(0..8) == 0 { a } else { b };
    (a, near & 0x807f_ffff | (field.clamp(0, 254) as u32) << 23)
}

/// A pair whose product is near an end of the range half of the time.
fn product_pair(random: &mut Pcg64) -> (u32, u32) {
    let (a, b) = (pattern(random), pattern(random));
    let sum = match random.random_range(0..4) {
        0 => random.random_range(100..131),
        1 => random.random_range(378..384),
        _ => return (a, b),
    };
    let field = sum - (a >> 23 & 255) as i32;
    (a, b & 0x807f_ffff | (field.clamp(0, 254) as u32) << 23)
}

/// Compares what comes out of a unit with what was asked of it some cycles before.
struct Pipeline<T> {
    latency: usize,
    asked: VecDeque<T>,
    count: u64,
}

impl<T> Pipeline<T> {
    fn new(latency: usize) -> Pipeline<T> {
        Pipeline { latency, asked: VecDeque::with_capacity(latency + 1), count: 0 }
    }

    /// The block takes the operands that were put; `question` is theirs. Returns the one whose answer is there now.
    fn step(&mut self, block: &mut Block, question: T) -> Option<T> {
        self.asked.push_back(question);
        self.count += 1;
        block.tick();
        if self.asked.len() == self.latency { self.asked.pop_front() } else { None }
    }
}

fn pairs(
    mut block: Block,
    latency: usize,
    operands: u64,
    random: &mut Pcg64,
    draw: fn(&mut Pcg64) -> (u32, u32),
    wanted: fn(u32, u32) -> u32,
) -> u64 {
    let ports: [Port; 3] = ["a_i", "b_i", "y_o"].map(|name| block.port(name));
    let mut pipeline = Pipeline::new(latency);
    let mut one = |(a, b): (u32, u32)| {
        block.put(ports[0], a.into());
        block.put(ports[1], b.into());
        if let Some((a, b)) = pipeline.step(&mut block, (a, b)) {
            let (got, wanted) = (block.take(ports[2]) as u32, wanted(a, b));
            assert!(got == wanted, "{a:#010x}, {b:#010x}: {got:#010x} instead of {wanted:#010x}");
        }
    };
    let specials = specials();
    specials.iter().for_each(|a| specials.iter().for_each(|b| one((*a, *b))));
    (0..operands).for_each(|_| one(draw(random)));
    (0..latency).for_each(|_| one((0, 0)));
    pipeline.count - latency as u64
}

/// Cycles from operand to result of the unit of reciprocals and roots.
const DIVSQRT: u64 = 15;

fn singles(mut block: Block, sqrt: bool, operands: u64, random: &mut Pcg64, wanted: fn(u32) -> u32) -> u64 {
    let [ready, valid_in, valid_out, x, y] =
        ["ready_o", "valid_i", "valid_o", "x_i", "y_o"].map(|name| block.port(name));
    block.set("sqrt_i", sqrt.into());
    let mut count = 0;
    let mut one = |bits: u32| {
        count += 1;
        block.put(x, bits.into());
        block.put(valid_in, 1);
        block.eval();
        assert_eq!(block.take(ready), 1);
        block.tick();
        block.put(valid_in, 0);
        for _ in 1..DIVSQRT {
            assert_eq!(block.take(valid_out), 0);
            block.tick();
        }
        let (got, wanted) = (block.take(y) as u32, wanted(bits));
        assert!(block.take(valid_out) == 1 && got == wanted, "{bits:#010x}: {got:#010x} instead of {wanted:#010x}");
    };
    specials().into_iter().for_each(&mut one);
    (0..operands).for_each(|_| one(pattern(random)));
    count
}

/// An exponent and a grid: near each other, or anywhere.
fn distance(random: &mut Pcg64) -> (i32, i32) {
    if random.random_range(0..16) == 0 {
        return (random.random_range(-2048..2048), random.random_range(-2048..2048));
    }
    let grid = random.random_range(-300..300);
    (grid + random.random_range(-66..66), grid)
}

fn placements(mut block: Block, width: u32, operands: u64, random: &mut Pcg64) -> u64 {
    let [sign, mantissa, exponent, grid, term, window] =
        ["sign_i", "mantissa_i", "exponent_i", "grid_i", "term_o", "window_o"].map(|name| block.port(name));
    let mut pipeline = Pipeline::new(3);
    let mut one = |value: Exact, g: i32| {
        block.put(sign, (value.mantissa < 0).into());
        block.put(mantissa, value.mantissa.unsigned_abs());
        block.put(exponent, value.exponent as u64 & 0xfff);
        block.put(grid, g as u64 & 0xfff);
        if let Some((value, g)) = pipeline.step(&mut block, (value, g)) {
            let (wanted, flags) = grid::place(value, g);
            let (got, outside) = ((block.take(term) << 11) as i64 >> 11, block.take(window) == 1);
            let same = got == wanted && outside == flags.contains(Flags::WINDOW);
            assert!(same, "{value:?} on 2^{g}: {got} ({outside}) instead of {wanted} ({flags:?})");
        }
    };
    for shift in -70..60 {
        for bit in 0..width {
            for mantissa in [1i64 << bit, (1 << bit) - 1, (1 << bit) | 1, 3 << bit >> 1] {
                one(Exact { mantissa, exponent: shift }, 0);
                one(Exact { mantissa: -mantissa, exponent: shift - 5 }, -5);
            }
        }
    }
    for _ in 0..operands {
        let (exponent, g) = distance(random);
        let keep = 64 - width + random.random_range(0..width);
        let magnitude = (random.next_u64() >> keep) & (u64::MAX << random.random_range(0..width));
        one(Exact { mantissa: if random.random() { magnitude as i64 } else { -(magnitude as i64) }, exponent }, g);
    }
    (0..3).for_each(|_| one(Exact::ZERO, 0));
    pipeline.count - 3
}

fn conversions(mut block: Block, operands: u64, random: &mut Pcg64) -> u64 {
    let [acc, grid, y, overflow] = ["acc_i", "grid_i", "y_o", "overflow_o"].map(|name| block.port(name));
    let mut pipeline = Pipeline::new(4);
    let mut one = |sum: i64, g: i32| {
        block.put(acc, sum as u64);
        block.put(grid, g as u64 & 0xfff);
        if let Some((sum, g)) = pipeline.step(&mut block, (sum, g)) {
            let (wanted, flags) = grid::to_f32(sum, g);
            let (got, beyond) = (block.take(y) as u32, block.take(overflow) == 1);
            let same = got == wanted.to_bits() && beyond == flags.contains(Flags::OVERFLOW);
            assert!(same, "{sum} on 2^{g}: {got:#010x} ({beyond}) instead of {:#010x} ({flags:?})", wanted.to_bits());
        }
    };
    for g in (-280..140).chain([-2048, 2047]) {
        for bit in 0..64 {
            let power = (1u64 << bit) as i64;
            for sum in [power, power.wrapping_sub(1), power | power >> 24, power | power >> 24 | 1, power | power >> 25]
            {
                one(sum, g);
                one(sum.wrapping_neg(), g);
            }
        }
    }
    for _ in 0..operands {
        let sum = random.next_u64() as i64 >> random.random_range(0..64) & i64::MAX << random.random_range(0..40);
        let g = if random.random_range(0..16) == 0 { -2048..2048 } else { -230..130 };
        one(sum, random.random_range(g));
    }
    (0..4).for_each(|_| one(0, 0));
    pipeline.count - 4
}
