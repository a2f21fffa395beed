//! The units of binary32 against a soft-float and the processor; the small functions of `puce_fp_pkg` against `base`.

mod arithmetic;

use base::{func, tile};
use rtl::block::Block;
use rtl::design::Design;

#[test]
fn sums_are_those_of_a_soft_float_and_the_processor() {
    arithmetic::hold("puce_fp_add", 0);
}

#[test]
fn products_are_those_of_a_soft_float_and_the_processor() {
    arithmetic::hold("puce_fp_mul", 1);
}

#[test]
fn reciprocals_are_those_of_a_soft_float_and_the_processor() {
    arithmetic::hold("puce_fp_divsqrt, 1/x", 2);
}

#[test]
fn roots_are_those_of_integers_and_the_processor() {
    arithmetic::hold("puce_fp_divsqrt, root", 3);
}

/// Every function of the package on one pair of words.
const FUNCTIONS: &str = "
module functions import puce_fp_pkg::*; (
  input  logic [31:0] a_i,
  input  logic [31:0] b_i,
  output logic        nan_o,
  output logic        special_o,
  output logic [31:0] canonical_o,
  output logic [31:0] order_o,
  output logic [31:0] max_o,
  output logic [31:0] min_o,
  output logic [24:0] e8m0_o,
  output logic [24:0] f16_o,
  output logic [24:0] bf16_o,
  output logic [37:0] f32_o,
  output logic [31:0] from_f16_o,
  output logic [31:0] from_bf16_o,
  output logic [31:0] from_i8_o,
  output logic [31:0] from_u32_o,
  output logic [7:0]  rint8_o
);
  assign nan_o = is_nan(a_i);
  assign special_o = is_special(a_i);
  assign canonical_o = canonical(a_i);
  assign order_o = order(a_i);
  assign max_o = max(a_i, b_i);
  assign min_o = min(a_i, b_i);
  assign e8m0_o = exact_e8m0(a_i[7:0]);
  assign f16_o = exact_f16(a_i[15:0]);
  assign bf16_o = exact_bf16(a_i[15:0]);
  assign f32_o = exact_f32(a_i);
  assign from_f16_o = f16_to_f32(a_i[15:0]);
  assign from_bf16_o = bf16_to_f32(a_i[15:0]);
  assign from_i8_o = i8_to_f32(a_i[7:0]);
  assign from_u32_o = u32_to_f32(a_i);
  assign rint8_o = rint8(a_i);
endmodule
";

fn functions() -> Option<Block> {
    Block::in_test(&Design::new("functions").source("functions.sv", FUNCTIONS))
}

/// An `exact_t` as the package packs it, with a mantissa of `width` bits.
fn exact(value: Option<tile::Exact>, negative: bool, exponent_of_special: i32, width: u32) -> u64 {
    let special = value.is_none();
    let value = value.unwrap_or(tile::Exact { mantissa: 0, exponent: exponent_of_special });
    let sign = u64::from(special) << 1 | u64::from(negative);
    sign << (width + 12) | value.mantissa.unsigned_abs() << 12 | value.exponent as u64 & 0xfff
}

#[test]
fn short_formats_are_those_of_base() {
    let Some(mut block) = functions() else { return };
    let a = block.port("a_i");
    let [f16, bf16, e8m0, from_f16, from_bf16, from_i8] =
        ["f16_o", "bf16_o", "e8m0_o", "from_f16_o", "from_bf16_o", "from_i8_o"].map(|name| block.port(name));
    for bits in 0..=u16::MAX {
        block.put(a, bits.into());
        block.eval();
        let negative = bits >> 15 == 1;
        assert_eq!(block.take(f16), exact(tile::Exact::from_f16(bits), negative, 6, 11), "{bits:#x}");
        assert_eq!(block.take(bf16), exact(tile::Exact::from_bf16(bits), negative, 121, 11), "{bits:#x}");
        assert_eq!(block.take(from_f16) as u32, tile::f16_to_f32(bits).to_bits(), "{bits:#x}");
        assert_eq!(block.take(from_bf16) as u32, tile::bf16_to_f32(bits).to_bits(), "{bits:#x}");
        let byte = bits as u8;
        assert_eq!(block.take(e8m0), exact(tile::Exact::from_e8m0(byte), false, 128, 11), "{byte:#x}");
        assert_eq!(block.take(from_i8) as u32, f32::from(byte as i8).to_bits(), "{byte:#x}");
    }
}

/// Values at the edges of the format and between, both signs.
fn edges() -> Vec<u32> {
    let fractions = [0, 1, 0x3f_ffff, 0x40_0000, 0x7f_ffff];
    let fields = [0, 1, 2, 64, 125, 126, 127, 128, 133, 134, 254, 255];
    let positive = fields.iter().flat_map(|field| fractions.map(|fraction| field << 23 | fraction));
    positive.flat_map(|bits| [bits, bits | 1 << 31]).collect()
}

/// Patterns of every kind: the edges, powers of two and their neighbours, halves of small integers and their neighbours, and a walk over all patterns.
fn patterns() -> Vec<u32> {
    let powers = (0..32).flat_map(|bit| [0u32, 1, 2].map(|more| (1u32 << bit).wrapping_sub(1).wrapping_add(more)));
    let halves = (-260..=260).flat_map(|twice: i32| {
        let bits = (twice as f32 / 2.0).to_bits();
        [bits.wrapping_sub(1), bits, bits.wrapping_add(1)]
    });
    let walk = (0..=u32::MAX).step_by(4099);
    edges().into_iter().chain(powers).chain(halves).chain(walk).collect()
}

#[test]
fn functions_of_one_word_are_those_of_base() {
    let Some(mut block) = functions() else { return };
    let a = block.port("a_i");
    let [nan, special, canonical, order, f32, from_u32, rint8] =
        ["nan_o", "special_o", "canonical_o", "order_o", "f32_o", "from_u32_o", "rint8_o"].map(|name| block.port(name));
    for bits in patterns() {
        block.put(a, bits.into());
        block.eval();
        let x = f32::from_bits(bits);
        assert_eq!((block.take(nan), block.take(special)), (x.is_nan().into(), (!x.is_finite()).into()), "{bits:#x}");
        assert_eq!(block.take(canonical) as u32, func::canonical(x).to_bits(), "{bits:#x}");
        assert_eq!(block.take(order) as u32 as i32, func::order(x), "{bits:#x}");
        assert_eq!(block.take(f32), exact(tile::Exact::from_f32(x), x.is_sign_negative(), 105, 24), "{bits:#x}");
        assert_eq!(block.take(from_u32) as u32, (bits as f32).to_bits(), "{bits:#x}");
        assert_eq!(block.take(rint8) as u8 as i8, x.round_ties_even().clamp(-127.0, 127.0) as i8, "{bits:#x}");
    }
}

#[test]
fn larger_and_smaller_are_those_of_base() {
    let Some(mut block) = functions() else { return };
    let [a, b, max, min] = ["a_i", "b_i", "max_o", "min_o"].map(|name| block.port(name));
    let edges = edges();
    for x in &edges {
        for y in &edges {
            block.put(a, (*x).into());
            block.put(b, (*y).into());
            block.eval();
            let (p, q) = (f32::from_bits(*x), f32::from_bits(*y));
            assert_eq!(block.take(max) as u32, func::max(p, q).to_bits(), "{x:#x} {y:#x}");
            assert_eq!(block.take(min) as u32, func::min(p, q).to_bits(), "{x:#x} {y:#x}");
        }
    }
}

#[test]
fn a_result_holds_until_the_next_operand() {
    let Some(mut unit) = Block::in_test(&Design::new("puce_fp_divsqrt")) else { return };
    unit.set("x_i", 4f32.to_bits().into());
    unit.set("valid_i", 1);
    unit.tick();
    unit.set("valid_i", 0);
    unit.ticks(40);
    assert_eq!((unit.get("y_o") as u32, unit.get("valid_o"), unit.get("ready_o")), (0.25f32.to_bits(), 0, 1));
}
