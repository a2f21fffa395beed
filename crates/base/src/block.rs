//! Blocks of 32 weights as 4-bit or 8-bit integers, with a binary16 scale and perhaps a binary16 minimum.
//!
//! | kind | code | value | GGUF | quantiser |
//! |---|---|---|---|---|
//! | `i4s` | -8..=7 | `scale * code` | Q4_0 | the number of largest magnitude becomes -8 |
//! | `i4m` | 0..=15 | `scale * code + min` | Q4_1 | the range of the block in 15 steps |
//! | `i8s` | -127..=127 | `scale * code` | Q8_0 | the largest magnitude becomes 127 |
//! | `i8m` | -128..=127 | `scale * code + min` | none | the range of the block in 255 steps |
//!
//! A *code* here is the integer that a dot product sees; how codes lie in memory is the business of `tile`, and of [`IntBlock::to_bytes`].
//!
//! The first three quantisers give the bytes of GGUF's reference quantisers: binary32, no fused operation, codes computed from the scale *before* it is
//! rounded to binary16. `i8m` has no ancestor to agree with and does better: its codes are the nearest to the numbers under the scale and the minimum
//! *as stored*. Its `min` is not the least number of the block but the value of code 0, about the middle of the range, because an i8 code begins at -128:
//! `scale = (max - min) / 255`, `stored min = min + 128 * scale`.
//!
//! In all kinds a block with a NaN or an infinity becomes a NaN scale (and minimum) with zero codes, where the GGUF reference is undefined. A scale beyond
//! binary16 becomes infinite, as in GGUF; a machine counts either as zero and raises its flag (`docs/numerics.md`).
//!
//! ```
//! use base::block::{IntBlock, IntKind};
//! let x = std::array::from_fn(|i| i as f32 - 8.0);
//! let block = IntBlock::quantise(IntKind::I8m, &x);
//! let error = block.dequantise().iter().zip(&x).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
//! assert!(error <= 31.0 / 255.0);
//! ```

use half::f16;
use thiserror::Error;

use crate::tile::{BLOCK, WeightKind};

/// Bytes that should be one block are too few or too many.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("a block of {what} has {expected} bytes, but {found} were given: cut the data into whole blocks")]
pub struct WrongLength {
    /// The format.
    pub what: &'static str,
    /// Its bytes per block.
    pub expected: usize,
    /// The length that was given.
    pub found: usize,
}

impl WrongLength {
    pub(crate) fn check(what: &'static str, expected: usize, found: usize) -> Result<(), WrongLength> {
        if expected == found { Ok(()) } else { Err(WrongLength { what, expected, found }) }
    }
}

/// An integer block format.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum IntKind {
    /// 4 bits, scale.
    I4s,
    /// 4 bits, scale and minimum.
    I4m,
    /// 8 bits, scale.
    I8s,
    /// 8 bits, scale and minimum.
    I8m,
}

impl IntKind {
    /// Every kind.
    pub const ALL: [IntKind; 4] = [IntKind::I4s, IntKind::I4m, IntKind::I8s, IntKind::I8m];

    /// The tile kind that stores these blocks.
    pub fn weight_kind(self) -> WeightKind {
        match self {
            IntKind::I4s => WeightKind::I4s,
            IntKind::I4m => WeightKind::I4m,
            IntKind::I8s => WeightKind::I8s,
            IntKind::I8m => WeightKind::I8m,
        }
    }

    /// Its name in listings: `i4s`.
    pub fn name(self) -> &'static str {
        self.weight_kind().name()
    }

    /// Bytes of one block on its own, as [`IntBlock::to_bytes`] writes it.
    pub fn block_bytes(self) -> usize {
        let kind = self.weight_kind();
        kind.scale_bytes() + kind.min_bytes() + BLOCK * kind.code_bits() / 8
    }

    /// Whether blocks have a minimum.
    pub fn has_min(self) -> bool {
        self.weight_kind().min_bytes() > 0
    }
}

/// A block of 32 weights: value = `scale * code + min`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct IntBlock {
    /// The format.
    pub kind: IntKind,
    /// What a step of the code is worth.
    pub scale: f16,
    /// The value of code 0; zero in kinds without a minimum.
    pub min: f16,
    /// The integers that a dot product sees, within the range of the kind.
    pub codes: [i8; BLOCK],
}

impl IntBlock {
    /// Converts 32 numbers by the rules of the module's essay.
    pub fn quantise(kind: IntKind, x: &[f32; BLOCK]) -> IntBlock {
        if !x.iter().all(|v| v.is_finite()) {
            let min = if kind.has_min() { f16::NAN } else { f16::ZERO };
            return IntBlock { kind, scale: f16::NAN, min, codes: [0; BLOCK] };
        }
        match kind {
            IntKind::I4s => quantise_i4s(x),
            IntKind::I4m => quantise_i4m(x),
            IntKind::I8s => quantise_i8s(x),
            IntKind::I8m => quantise_i8m(x),
        }
    }

    /// The 32 values. The product is exact but for overflow (11 bits times 8), the sum with the minimum rounds once.
    pub fn dequantise(&self) -> [f32; BLOCK] {
        let (scale, min) = (self.scale.to_f32(), self.min.to_f32());
        self.codes.map(|code| {
            let product = f32::from(code) * scale;
            if self.kind.has_min() { product + min } else { product }
        })
    }

    /// Reads one block of [`IntKind::block_bytes`] bytes, losslessly: scale, minimum if any, codes, little-endian. A 4-bit code `i` is in the low nibble
    /// of byte `i`, or the high nibble of byte `i - 16`; Q4_0 stores it with 8 added. This is GGUF's layout of Q4_0, Q4_1 and Q8_0; `i8m` follows suit.
    pub fn from_bytes(kind: IntKind, bytes: &[u8]) -> Result<IntBlock, WrongLength> {
        WrongLength::check(kind.name(), kind.block_bytes(), bytes.len())?;
        let half_at = |at: usize| f16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let min = if kind.has_min() { half_at(2) } else { f16::ZERO };
        let stored = &bytes[if kind.has_min() { 4 } else { 2 }..];
        let codes = match kind {
            IntKind::I4s => split_nibbles(stored).map(|q| q as i8 - 8),
            IntKind::I4m => split_nibbles(stored).map(|q| q as i8),
            IntKind::I8s | IntKind::I8m => std::array::from_fn(|i| stored[i] as i8),
        };
        Ok(IntBlock { kind, scale: half_at(0), min, codes })
    }

    /// The bytes from which [`IntBlock::from_bytes`] reads the block back.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.kind.block_bytes());
        bytes.extend(self.scale.to_le_bytes());
        if self.kind.has_min() {
            bytes.extend(self.min.to_le_bytes());
        }
        match self.kind {
            IntKind::I4s => bytes.extend(join_nibbles(&self.codes.map(|q| (q + 8) as u8))),
            IntKind::I4m => bytes.extend(join_nibbles(&self.codes.map(|q| q as u8))),
            IntKind::I8s | IntKind::I8m => bytes.extend(self.codes.map(|q| q as u8)),
        }
        bytes
    }
}

fn quantise_i4s(x: &[f32; BLOCK]) -> IntBlock {
    // The first of the largest magnitudes decides the sign, as in the reference.
    let extreme = x.iter().fold(x[0], |m, &v| if v.abs() > m.abs() { v } else { m });
    let scale = extreme / -8.0;
    let inverse = reciprocal_or_zero(scale);
    let codes = x.map(|v| ((v * inverse + 8.5) as u8).min(15) as i8 - 8);
    IntBlock { kind: IntKind::I4s, scale: f16::from_f32(scale), min: f16::ZERO, codes }
}

fn quantise_i4m(x: &[f32; BLOCK]) -> IntBlock {
    let (min, max) = range(x);
    let scale = (max - min) / 15.0;
    let inverse = reciprocal_or_zero(scale);
    let codes = x.map(|v| (((v - min) * inverse + 0.5) as u8).min(15) as i8);
    IntBlock { kind: IntKind::I4m, scale: f16::from_f32(scale), min: f16::from_f32(min), codes }
}

fn quantise_i8s(x: &[f32; BLOCK]) -> IntBlock {
    let amax = x.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let scale = amax / 127.0;
    let inverse = reciprocal_or_zero(scale);
    // `round` takes ties away from zero, as C's roundf does.
    // A subnormal scale has lost bits, hence the clamp.
    let codes = x.map(|v| (v * inverse).round().clamp(-127.0, 127.0) as i8);
    IntBlock { kind: IntKind::I8s, scale: f16::from_f32(scale), min: f16::ZERO, codes }
}

fn quantise_i8m(x: &[f32; BLOCK]) -> IntBlock {
    let (min, max) = range(x);
    let (min, max) = (f64::from(min), f64::from(max));
    let step = (max - min) / 255.0;
    let scale = f16::from_f64(step);
    let min = f16::from_f64(min + 128.0 * step);
    let codes = x.map(|v| {
        let steps = (f64::from(v) - min.to_f64()) / scale.to_f64();
        // A scale of zero or infinity leaves code 0: the minimum alone stands for the block.
        if steps.is_finite() { steps.round_ties_even().clamp(-128.0, 127.0) as i8 } else { 0 }
    });
    IntBlock { kind: IntKind::I8m, scale, min, codes }
}

fn reciprocal_or_zero(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}

/// The least and the largest number; of equal ones (the two zeros) the first.
fn range(x: &[f32; BLOCK]) -> (f32, f32) {
    let min = x.iter().fold(x[0], |m, &v| if v < m { v } else { m });
    let max = x.iter().fold(x[0], |m, &v| if v > m { v } else { m });
    (min, max)
}

/// GGUF's order of nibbles: byte `i` holds code `i` below and code `i + 16` above. Takes 16 bytes.
pub(crate) fn split_nibbles(bytes: &[u8]) -> [u8; BLOCK] {
    std::array::from_fn(|i| if i < 16 { bytes[i] & 15 } else { bytes[i - 16] >> 4 })
}

fn join_nibbles(codes: &[u8; BLOCK]) -> [u8; BLOCK / 2] {
    std::array::from_fn(|i| codes[i] | codes[i + 16] << 4)
}
