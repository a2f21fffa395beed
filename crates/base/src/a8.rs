//! A8: blocks of 32 signed bytes with a short BF16 scale, the format of activations (`docs/numerics.md`, "Quantise").
//!
//! The scale is rounded *up* to three fraction bits, so no code needs to be clipped, and the product of two scales stays so short that a matrix
//! term is an exact binary64 (or a 40-bit integer in silicon).

use crate::status::Flags;
use crate::tile::BLOCK;

/// One quantised block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct A8Block {
    /// Codes in -127..=127.
    pub codes: [i8; BLOCK],
    /// BF16 pattern of the scale.
    pub scale: u16,
}

impl A8Block {
    /// All zero.
    pub const ZERO: A8Block = A8Block { codes: [0; BLOCK], scale: 0 };
}

/// The least binary32 not below 1/127.
pub const INVERSE_127: f32 = f32::from_bits(0x3c01_0205);

/// Bit pattern of 2^-100: a block whose largest magnitude is below it is zero.
pub const TINY: u32 = 27 << 23;

/// The scale (as binary32) of a block whose largest magnitude is `amax` (finite, at least 2^-100).
pub fn scale_of(amax: f32) -> f32 {
    let t = amax * INVERSE_127;
    f32::from_bits((t.to_bits() + 0x000f_ffff) & 0xfff0_0000)
}

/// Quantises one block.
pub fn quantise_block(x: &[f32; BLOCK]) -> (A8Block, Flags) {
    let (codes, scale, flags) = quantise_segment(x);
    (A8Block { codes: codes.try_into().expect("32 codes"), scale }, flags)
}

/// Quantises a whole row with one scale, by the same rule: codes, BF16 pattern of the scale, flags.
pub fn quantise_segment(row: &[f32]) -> (Vec<i8>, u16, Flags) {
    let amax = row.iter().map(|v| v.to_bits() & 0x7fff_ffff).max().unwrap_or(0);
    if !(TINY..0x7f80_0000).contains(&amax) {
        let flags = if amax < TINY { Flags::NONE } else { Flags::NAN };
        return (vec![0; row.len()], 0, flags);
    }
    let scale = scale_of(f32::from_bits(amax));
    let inverse = 1.0 / scale;
    let codes = row.iter().map(|v| (v * inverse).round_ties_even().clamp(-127.0, 127.0) as i8).collect();
    (codes, (scale.to_bits() >> 16) as u16, Flags::NONE)
}

/// Quantises a row, padded by zeros to whole blocks.
pub fn quantise(row: &[f32]) -> (Vec<A8Block>, Flags) {
    let mut flags = Flags::NONE;
    let block = |chunk: &[f32]| {
        let mut padded = [0.0; BLOCK];
        padded[..chunk.len()].copy_from_slice(chunk);
        let (block, raised) = quantise_block(&padded);
        flags |= raised;
        block
    };
    (row.chunks(BLOCK).map(block).collect(), flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_are_within_half_a_step(values in prop::array::uniform32(-1e30f32..1e30), power in 0i32..60) {
            let x = values.map(|v| v * 2f32.powi(-power));
            let (block, flags) = quantise_block(&x);
            prop_assert!(flags.is_empty());
            prop_assert_eq!(block.scale & 0x800f, 0);
            let scale = f32::from_bits((block.scale as u32) << 16) as f64;
            for (code, v) in block.codes.iter().zip(x) {
                prop_assert!(*code >= -127);
                prop_assert!((*code as f64 * scale - v as f64).abs() <= scale * 0.50001);
            }
            let amax = x.iter().fold(0f64, |m, v| m.max(v.abs() as f64));
            prop_assert!(scale * 127.0 >= amax * 0.999999 && scale * 127.0 <= amax * 1.126);
        }
    }

    #[test]
    fn the_edges() {
        let one = |v: f32| {
            let mut x = [0.0; BLOCK];
            x[7] = v;
            quantise_block(&x)
        };
        assert_eq!(one(f32::NAN), (A8Block::ZERO, Flags::NAN));
        assert_eq!(one(f32::NEG_INFINITY), (A8Block::ZERO, Flags::NAN));
        assert_eq!(one(7e-31), (A8Block::ZERO, Flags::NONE));
        // 127 * C is a hair above 1, so the scale steps up to 1.125.
        assert_eq!(one(-127.0).0.codes[7], -113);
        assert_eq!(one(-126.9).0.codes[7], -127);
        assert_eq!(one(f32::MAX).1, Flags::NONE);
        assert!(one(f32::MAX).0.codes[7] >= 113);
        assert_eq!(f32::from_bits(TINY), 2f32.powi(-100));
        assert!(INVERSE_127 as f64 * 127.0 >= 1.0 && f32::from_bits(0x3c01_0204) as f64 * 127.0 < 1.0);
    }

    #[test]
    fn a_row_is_padded() {
        let (blocks, _) = quantise(&[1.0; 40]);
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[1].codes[7..10], [blocks[0].codes[0], 0, 0]);
    }
}
