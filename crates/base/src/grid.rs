//! Sums on a grid: how a matrix product becomes independent of its order (`docs/numerics.md`, "Matrix product on a grid").
//!
//! Every term of a row is an exact rational `mantissa * 2^exponent`. It is placed on the grid `2^g` with one rounding, by itself, and from then
//! on it is an integer: integer addition is associative and commutative, so any tiling, batching or number of machines returns the same bits.
//! This module does it with shifts and compares of integers, and meets floating point only in the last step, which packs the binary32.

use crate::status::Flags;
use crate::tile::{self, BLOCK, Exact, WeightKind};

/// Magnitude at which a term leaves the window (in units of the grid).
pub const WINDOW: i64 = 1 << 51;

/// `RNE(value / 2^shift)` of a magnitude, ties to even.
fn shift_right_rne(value: u128, shift: u32) -> u128 {
    if shift == 0 {
        return value;
    }
    if shift > 127 {
        return 0;
    }
    let (quotient, rest, half) = (value >> shift, value & ((1 << shift) - 1), 1 << (shift - 1));
    quotient + (rest > half || rest == half && quotient & 1 == 1) as u128
}

/// Places `value` on the grid `2^g`: `RNE(value * 2^-g)`, or +-2^51 and [`Flags::WINDOW`] when the magnitude before rounding reaches 2^51.
pub fn place(value: Exact, g: i32) -> (i64, Flags) {
    let magnitude = value.mantissa.unsigned_abs() as u128;
    let shift = value.exponent as i64 - g as i64;
    let outside = match shift {
        _ if magnitude == 0 => false,
        0.. => shift >= 51 || magnitude << shift >= WINDOW as u128,
        -64..0 => magnitude >= (WINDOW as u128) << -shift,
        _ => false,
    };
    let placed = match shift {
        _ if outside => WINDOW,
        _ if magnitude == 0 => 0,
        0.. => (magnitude << shift) as i64,
        _ => shift_right_rne(magnitude, shift.unsigned_abs().min(128) as u32) as i64,
    };
    (value.mantissa.signum() * placed, if outside { Flags::WINDOW } else { Flags::NONE })
}

/// `RNE_binary32(acc * 2^g)` with one rounding; beyond binary32 it is infinity and [`Flags::OVERFLOW`].
pub fn to_f32(acc: i64, g: i32) -> (f32, Flags) {
    let magnitude = acc.unsigned_abs();
    if magnitude == 0 {
        return (0.0, Flags::NONE);
    }
    let top = 63 - magnitude.leading_zeros() as i64 + g as i64;
    let lsb = (top - 23).max(-149);
    let shift = lsb - g as i64;
    let mantissa = match shift {
        ..0 => (magnitude as u128) << -shift,
        _ => shift_right_rne(magnitude as u128, shift.min(128) as u32),
    };
    // The leading one of a normal number is counted by the exponent field, and a carry out of the mantissa falls into it.
    let bits = ((lsb + 149) as u128) * (1 << 23) + mantissa;
    let overflow = top > 127 || bits >= 0x7f80_0000;
    let bits = if overflow { 0x7f80_0000 } else { bits as u32 };
    let flags = if overflow { Flags::OVERFLOW } else { Flags::NONE };
    (f32::from_bits(bits | ((acc < 0) as u32) << 31), flags)
}

/// A token's activations in A8: codes, and one BF16 scale per block of 32.
#[derive(Clone, Copy, Debug)]
pub struct Activations<'a> {
    /// `32 * blocks` codes.
    pub codes: &'a [i8],
    /// One BF16 pattern per block.
    pub scales: &'a [u16],
}

/// The value, or zero and [`Flags::NAN`] where there is none.
fn finite(value: Option<Exact>, flags: &mut Flags) -> Exact {
    if value.is_none() {
        *flags |= Flags::NAN;
    }
    value.unwrap_or(Exact::ZERO)
}

/// The product of an exact integer and two exact scales (at most 20 + 11 + 8 bits).
fn product(integer: i64, a: Exact, b: Exact) -> Exact {
    Exact { mantissa: integer * a.mantissa * b.mantissa, exponent: a.exponent + b.exponent }
}

/// The terms of one block of `row`, placed on the grid and added.
fn block_terms(kind: WeightKind, bytes: &[u8], row: usize, codes: &[i8], x_scale: u16, g: i32) -> (i64, Flags) {
    let mut flags = Flags::NONE;
    let x = finite(Exact::from_bf16(x_scale), &mut flags);
    let dot = codes.iter().enumerate().map(|(i, &c)| (tile::code(kind, bytes, row, i) * c as i32) as i64).sum();
    let (mut sum, window) = place(product(dot, finite(tile::scale(kind, bytes, row), &mut flags), x), g);
    flags |= window;
    if kind.min_bytes() > 0 {
        let xsum = codes.iter().map(|&c| c as i64).sum();
        let (term, window) = place(product(xsum, finite(tile::min(kind, bytes, row), &mut flags), x), g);
        sum += term;
        flags |= window;
    }
    (sum, flags)
}

/// The product of `row` of a row of tiles (one slice of `kind.tile_bytes()` per block) with one token.
pub fn matmul_row(kind: WeightKind, tiles: &[&[u8]], row: usize, x: Activations, g: i32) -> (f32, Flags) {
    let (mut acc, mut flags) = (0i64, Flags::NONE);
    for (b, bytes) in tiles.iter().enumerate() {
        let (term, raised) = block_terms(kind, bytes, row, &x.codes[b * BLOCK..][..BLOCK], x.scales[b], g);
        acc = acc.wrapping_add(term);
        flags |= raised;
    }
    let (value, raised) = to_f32(acc, g);
    (value, flags | raised)
}

/// The product of the first `rows` rows of a row of tiles with every token: `out[token][row]`.
pub fn matmul_row_tile(
    kind: WeightKind,
    tiles: &[&[u8]],
    rows: usize,
    x: &[Activations],
    g: i32,
) -> (Vec<Vec<f32>>, Flags) {
    let mut flags = Flags::NONE;
    let mut one = |row, token: &Activations| {
        let (value, raised) = matmul_row(kind, tiles, row, *token, g);
        flags |= raised;
        value
    };
    let out = x.iter().map(|token| (0..rows).map(|row| one(row, token)).collect()).collect();
    (out, flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(mantissa: i64, exponent: i32) -> Exact {
        Exact { mantissa, exponent }
    }

    #[test]
    fn placement_rounds_ties_to_even_and_saturates() {
        let cases = [
            (1, -1, 0, 0),
            (3, -1, 0, 2),
            (5, -1, 0, 2),
            (-3, -1, 0, -2),
            (7, -2, 0, 2),
            (1, 0, -50, 1 << 50),
            ((1 << 52) - 1, -1, 0, 1 << 51),
            (1, -1000, 1000, 0),
            (0, 900, -900, 0),
        ];
        for (mantissa, exponent, g, wanted) in cases {
            assert_eq!(
                place(exact(mantissa, exponent), g),
                (wanted, Flags::NONE),
                "{mantissa} * 2^{exponent} on 2^{g}"
            );
        }
        for (mantissa, exponent, g) in [(1, 51, 0), (1, 0, -51), (1 << 52, -1, 0), (3, 600, -600)] {
            assert_eq!(place(exact(mantissa, exponent), g), (WINDOW, Flags::WINDOW));
            assert_eq!(place(exact(-mantissa, exponent), g), (-WINDOW, Flags::WINDOW));
        }
    }

    proptest! {
        /// The magic-constant addition of binary64, another road to the same rounding.
        #[test]
        fn placement_agrees_with_the_magic_constant(mantissa in -(1i64 << 39)..1 << 39, shift in -80i32..11) {
            let magic = 6755399441055744.0f64;
            let by_float = (mantissa as f64 * 2f64.powi(shift) + magic).to_bits() as i64 - magic.to_bits() as i64;
            prop_assert_eq!(place(exact(mantissa, shift), 0), (by_float, Flags::NONE));
        }

        #[test]
        fn conversion_agrees_with_the_processor(acc in any::<i64>(), keep in 0u32..64, g in -200i32..130) {
            let acc = acc >> keep;
            let (value, flags) = to_f32(acc, g);
            if g == 0 {
                prop_assert_eq!(value, acc as f32);
            }
            if acc.unsigned_abs() < 1 << 53 {
                let wanted = (acc as f64 * 2f64.powi(g)) as f32;
                prop_assert_eq!(value, wanted);
                prop_assert_eq!(flags == Flags::OVERFLOW, wanted.is_infinite());
            }
        }
    }

    #[test]
    fn scales_that_are_no_number_count_as_zero() {
        let tile = tile::pack_tile(WeightKind::I4m, |_, _| 3, |r| if r == 0 { 0x7c00 } else { 0x3c00 }, |_| 0x7e00);
        let x = Activations { codes: &[1; 32], scales: &[0x3f80] };
        assert_eq!(matmul_row(WeightKind::I4m, &[&tile], 0, x, -10), (0.0, Flags::NAN));
        assert_eq!(matmul_row(WeightKind::I4m, &[&tile], 1, x, -10), (96.0, Flags::NAN));
        let x = Activations { codes: &[1; 32], scales: &[0xff80] };
        assert_eq!(matmul_row(WeightKind::U8, &[&[1; 1024]], 1, x, -10), (0.0, Flags::NAN));
    }
}
