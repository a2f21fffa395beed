//! Blocks of 32 numbers in the OCP Microscaling (MX) formats, version 1.0.
//!
//! A block is one [`E8m0`] scale and 32 narrow elements: the value of an element is its own value times the scale. [`MxKind::ALL`] lists the six
//! concrete formats of the specification.
//!
//! **Quantising** follows the conversion of section 6.3: the shared exponent is `floor(log2(amax)) - emax`, where `emax` is the exponent of the
//! element format's largest number, and each `x / scale` is rounded to nearest, ties to even, and saturates. `amax / scale` may thus lie a little above
//! the largest element (6 in MXFP4, while the quotient reaches just below 8) and is clipped: that is the specification's rule, not an accident here.
//! Where the specification leaves a choice, this is ours:
//!
//! - A NaN or an infinity in the input makes the scale NaN and all codes zero, in every kind, even where an element could hold the special itself.
//! - A block of zeros has the smallest scale, `2^-127`; a shared exponent below -127 becomes -127. The signs of zeros are kept in the float kinds.
//! - MXINT8 is symmetric: the code -128 is decoded but never produced.
//!
//! **Dequantising** multiplies exactly and rounds once to binary32; only magnitudes beyond binary32 are inexact, and become infinite. A NaN scale makes
//! every value NaN.
//!
//! **Packing** is one rule for every width `w`: the codes form a little-endian bit string, code `i` in bits `w*i..w*(i+1)`. So four FP6 codes fill three
//! bytes, and of two FP4 codes the first is in the low nibble. The specification fixes no order of scale and codes in memory, and neither does this
//! module; GGUF's layout of MXFP4 has its own pair of functions.
//!
//! ```
//! use base::mx::{MxBlock, MxKind};
//! let mut x = [0.5; 32];
//! x[1] = -3.0;
//! let block = MxBlock::quantise(MxKind::Fp4E2m1, &x);
//! assert_eq!(block.scale.to_f32(), 0.5);
//! assert_eq!(block.dequantise(), x);
//! ```

use crate::block::WrongLength;
use crate::float::{E2M1, E2M3, E3M2, E4M3, E5M2, E8m0, SmallFloat, floor_log2, pow2};
use crate::tile::BLOCK;

/// A concrete MX format: which elements share a scale.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum MxKind {
    /// MXFP8 with E5M2 elements.
    Fp8E5m2,
    /// MXFP8 with E4M3 elements.
    Fp8E4m3,
    /// MXFP6 with E3M2 elements.
    Fp6E3m2,
    /// MXFP6 with E2M3 elements.
    Fp6E2m3,
    /// MXFP4, with E2M1 elements.
    Fp4E2m1,
    /// MXINT8: two's complement in units of `2^-6`.
    Int8,
}

impl MxKind {
    /// Every kind, in the order of the specification.
    pub const ALL: [MxKind; 6] =
        [MxKind::Fp8E5m2, MxKind::Fp8E4m3, MxKind::Fp6E3m2, MxKind::Fp6E2m3, MxKind::Fp4E2m1, MxKind::Int8];

    /// Its name in listings: `mxfp4_e2m1`.
    pub fn name(self) -> &'static str {
        match self {
            MxKind::Fp8E5m2 => "mxfp8_e5m2",
            MxKind::Fp8E4m3 => "mxfp8_e4m3",
            MxKind::Fp6E3m2 => "mxfp6_e3m2",
            MxKind::Fp6E2m3 => "mxfp6_e2m3",
            MxKind::Fp4E2m1 => "mxfp4_e2m1",
            MxKind::Int8 => "mxint8",
        }
    }

    /// The float format of the elements; none for MXINT8.
    pub fn float(self) -> Option<SmallFloat> {
        match self {
            MxKind::Fp8E5m2 => Some(E5M2),
            MxKind::Fp8E4m3 => Some(E4M3),
            MxKind::Fp6E3m2 => Some(E3M2),
            MxKind::Fp6E2m3 => Some(E2M3),
            MxKind::Fp4E2m1 => Some(E2M1),
            MxKind::Int8 => None,
        }
    }

    /// Bits of one element.
    pub fn element_bits(self) -> usize {
        self.float().map_or(8, |format| format.bits() as usize)
    }

    /// The exponent of the largest element: `emax` of the specification.
    pub fn emax(self) -> i32 {
        self.float().map_or(0, |format| format.emax())
    }

    /// Bytes of the packed codes of a block, without its scale.
    pub fn packed_bytes(self) -> usize {
        BLOCK * self.element_bits() / 8
    }

    /// The element code nearest to `x`, ties to even, saturating.
    pub fn encode_element(self, x: f32) -> u8 {
        match self.float() {
            Some(format) => format.encode(x) as u8,
            None => (x * 64.0).round_ties_even().clamp(-127.0, 127.0) as i8 as u8,
        }
    }

    /// The value of an element code under the scale 1, exactly. Bits above the element's width are ignored.
    pub fn decode_element(self, code: u8) -> f32 {
        match self.float() {
            Some(format) => format.decode(u16::from(code)),
            None => f32::from(code as i8) / 64.0,
        }
    }
}

/// A block in an MX format.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct MxBlock {
    /// The format.
    pub kind: MxKind,
    /// What every element is multiplied by.
    pub scale: E8m0,
    /// The element codes, one per byte, in the low [`MxKind::element_bits`] bits.
    pub codes: [u8; BLOCK],
}

impl MxBlock {
    /// Converts 32 numbers by the rules of the module's essay. A block with a NaN or an infinity has the scale [`E8m0::NAN`].
    pub fn quantise(kind: MxKind, x: &[f32; BLOCK]) -> MxBlock {
        let Some(exponent) = shared_exponent(kind, x) else {
            return MxBlock { kind, scale: E8m0::NAN, codes: [0; BLOCK] };
        };
        // The product is exact in binary64. Rounding it to binary32 moves only numbers below 2^-126, which are zero in every element format.
        let inverse = pow2(-exponent);
        let codes = x.map(|v| kind.encode_element((f64::from(v) * inverse) as f32));
        MxBlock { kind, scale: E8m0::from_exponent(exponent), codes }
    }

    /// The 32 values: element times scale, rounded once to binary32.
    pub fn dequantise(&self) -> [f32; BLOCK] {
        let Some(exponent) = self.scale.exponent() else {
            return [self.scale.to_f32(); BLOCK];
        };
        let scale = pow2(exponent);
        self.codes.map(|code| (f64::from(self.kind.decode_element(code)) * scale) as f32)
    }

    /// The codes as a little-endian bit string of [`MxKind::packed_bytes`] bytes.
    pub fn pack(&self) -> Vec<u8> {
        let width = self.kind.element_bits();
        let mut bytes = vec![0; self.kind.packed_bytes()];
        for (i, &code) in self.codes.iter().enumerate() {
            let shifted = (u16::from(code) & ((1 << width) - 1)) << (width * i % 8);
            let [low, high] = shifted.to_le_bytes();
            bytes[width * i / 8] |= low;
            if high != 0 {
                bytes[width * i / 8 + 1] |= high;
            }
        }
        bytes
    }

    /// The block with this scale and these packed codes; refuses any length but [`MxKind::packed_bytes`].
    pub fn unpack(kind: MxKind, scale: E8m0, bytes: &[u8]) -> Result<MxBlock, WrongLength> {
        WrongLength::check(kind.name(), kind.packed_bytes(), bytes.len())?;
        let width = kind.element_bits();
        let codes = std::array::from_fn(|i| {
            let low = bytes[width * i / 8];
            let high = bytes.get(width * i / 8 + 1).copied().unwrap_or(0);
            let pair = u16::from_le_bytes([low, high]) >> (width * i % 8);
            (pair & ((1 << width) - 1)) as u8
        });
        Ok(MxBlock { kind, scale, codes })
    }

    /// Reads GGUF's MXFP4 block of 17 bytes: the scale, then code `i` in the low nibble and code `i + 16` in the high nibble of byte `i`.
    ///
    /// GGUF's own reader takes the scale 255 for `2^128`; here it is NaN, as the specification has it. GGUF's quantiser chooses the same scale as
    /// [`MxBlock::quantise`] but breaks ties towards zero and never writes minus zero.
    pub fn from_gguf(bytes: &[u8]) -> Result<MxBlock, WrongLength> {
        WrongLength::check("GGUF MXFP4", 1 + BLOCK / 2, bytes.len())?;
        let codes = crate::block::split_nibbles(&bytes[1..]);
        Ok(MxBlock { kind: MxKind::Fp4E2m1, scale: E8m0(bytes[0]), codes })
    }
}

/// The exponent of the shared scale, within `-127..=127`; none if some number is not finite.
fn shared_exponent(kind: MxKind, x: &[f32; BLOCK]) -> Option<i32> {
    if !x.iter().all(|v| v.is_finite()) {
        return None;
    }
    let amax = x.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let exponent = if amax == 0.0 { -127 } else { floor_log2(amax) - kind.emax() };
    Some(exponent.max(-127))
}
