//! From a checkpoint's blocks to the chip's: 32 codes with a scale and a minimum.

use base::block::{IntBlock, IntKind};
use base::mx::{MxBlock, MxKind};
use base::tile::{BLOCK, WeightKind};
use half::f16;
use model::blocks::Encoding;

/// One block of a weight row in chip form.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Block {
    /// Stored code patterns (4-bit kinds use the low nibble).
    pub codes: [u8; BLOCK],
    /// Stored scale pattern.
    pub scale: u16,
    /// Stored minimum pattern.
    pub min: u16,
}

impl Block {
    /// The block of zeros that pads rows and columns (the 4-bit offset kinds store 8 for zero, but a zero scale makes any code zero).
    pub const ZERO: Block = Block { codes: [0; BLOCK], scale: 0, min: 0 };

    /// Largest magnitude that code and minimum can reach, as the grid planner needs it.
    pub fn reach(&self, kind: WeightKind) -> f32 {
        let code = match kind {
            WeightKind::I4s => 8.0,
            WeightKind::I4m => 15.0,
            WeightKind::Mx4 => 12.0,
            _ => 128.0,
        };
        let min = f16::from_bits(self.min).to_f32().abs();
        (code * scale_value(kind, self.scale)).abs().max(min)
    }

    /// The values that the codes stand for.
    pub fn values(&self, kind: WeightKind) -> [f32; BLOCK] {
        let scale = scale_value(kind, self.scale);
        let min = f16::from_bits(self.min).to_f32();
        std::array::from_fn(|i| kind.decode(self.codes[i]) as f32 * scale + min)
    }
}

/// The value of a stored scale, the kind's fixed power of two included.
pub fn scale_value(kind: WeightKind, bits: u16) -> f32 {
    match kind {
        WeightKind::A8 => f32::from_bits(u32::from(bits) << 16),
        WeightKind::Mx8 => power(bits) / 64.0,
        WeightKind::Mx4 => power(bits) / 2.0,
        WeightKind::U8 => 1.0,
        _ => f16::from_bits(bits).to_f32(),
    }
}

fn power(bits: u16) -> f32 {
    (f64::from(bits as u8) - 127.0).exp2() as f32
}

/// The chip kind that holds this encoding without loss, if there is one.
pub fn exact_kind(encoding: Encoding) -> Option<WeightKind> {
    match encoding {
        Encoding::Q4_0 => Some(WeightKind::I4s),
        Encoding::Q4_1 => Some(WeightKind::I4m),
        Encoding::Q8_0 => Some(WeightKind::I8s),
        Encoding::Mxfp4 => Some(WeightKind::Mx4),
        _ => None,
    }
}

/// Read one block of an encoding that the chip holds exactly.
pub fn read_exact(encoding: Encoding, bytes: &[u8]) -> Block {
    let half = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    match encoding {
        Encoding::Q4_0 => Block { codes: nibbles(&bytes[2..]), scale: half(0), min: 0 },
        Encoding::Q4_1 => Block { codes: nibbles(&bytes[4..]), scale: half(0), min: half(2) },
        Encoding::Mxfp4 => Block { codes: nibbles(&bytes[1..]), scale: u16::from(bytes[0]), min: 0 },
        Encoding::Q8_0 => Block { codes: bytes[2..34].try_into().expect("32 codes"), scale: half(0), min: 0 },
        other => unreachable!("{} has no exact kind", other.name()),
    }
}

/// GGML stores element j in the low and element j + 16 in the high nibble of byte j.
fn nibbles(bytes: &[u8]) -> [u8; BLOCK] {
    std::array::from_fn(|i| if i < 16 { bytes[i] & 15 } else { bytes[i - 16] >> 4 })
}

/// Quantise 32 values to a kind.
pub fn quantise(kind: WeightKind, x: &[f32; BLOCK]) -> Block {
    match kind {
        WeightKind::I4s => integer(IntKind::I4s, x, 8),
        WeightKind::I4m => integer(IntKind::I4m, x, 0),
        WeightKind::I8s => integer(IntKind::I8s, x, 0),
        WeightKind::I8m => integer(IntKind::I8m, x, 0),
        WeightKind::Mx8 => microscaled(MxKind::Int8, x),
        WeightKind::Mx4 => microscaled(MxKind::Fp4E2m1, x),
        WeightKind::A8 | WeightKind::U8 => unreachable!("`{}` is no kind for stored weights", kind.name()),
    }
}

fn integer(kind: IntKind, x: &[f32; BLOCK], offset: i8) -> Block {
    let block = IntBlock::quantise(kind, x);
    let codes = block.codes.map(|code| (code + offset) as u8);
    Block { codes, scale: block.scale.to_bits(), min: block.min.to_bits() }
}

fn microscaled(kind: MxKind, x: &[f32; BLOCK]) -> Block {
    let block = MxBlock::quantise(kind, x);
    Block { codes: block.codes, scale: u16::from(block.scale.0), min: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn quantised_values_stay_near(values in proptest::array::uniform32(-8.0f32..8.0)) {
            let amax = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            // The symmetric 4-bit codes are -8..=7: a value of the largest magnitude but the other sign loses an eighth.
            let bounds = [(WeightKind::I8s, 0.006), (WeightKind::I8m, 0.006), (WeightKind::I4s, 0.126), (WeightKind::I4m, 0.09),
                (WeightKind::Mx8, 0.017), (WeightKind::Mx4, 0.35)];
            for (kind, bound) in bounds {
                let back = quantise(kind, &values).values(kind);
                for (a, b) in values.iter().zip(back) {
                    prop_assert!((a - b).abs() <= bound * amax, "{}: {a} became {b} of {amax}", kind.name());
                }
            }
        }
    }
}
