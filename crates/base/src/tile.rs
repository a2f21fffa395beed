//! Weight tiles: 32 rows x 32 columns of a matrix, in the byte order that the memory port streams (`docs/numerics.md`, "Blocks and tiles").

use crate::func;
use crate::grid;
use crate::status::Flags;

/// Rows of a tile, and columns of a tile: the block length.
pub const BLOCK: usize = 32;

/// How the weights of a tile are coded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum WeightKind {
    /// 4-bit integers offset by 8, FP16 scale per block (GGUF Q4_0).
    I4s = 0,
    /// 4-bit integers 0..15, FP16 scale and minimum per block (GGUF Q4_1).
    I4m = 1,
    /// 8-bit integers, FP16 scale per block (GGUF Q8_0).
    I8s = 2,
    /// 8-bit integers, FP16 scale and minimum per block.
    I8m = 3,
    /// 8-bit integers, BF16 scale per block: activations and the key cache.
    A8 = 4,
    /// MXINT8: 8-bit integers in units of 2^-6, E8M0 scale per block.
    Mx8 = 5,
    /// MXFP4: E2M1 elements, E8M0 scale per block.
    Mx4 = 6,
    /// 8-bit integers, scale 1: the value cache, whose scales are folded into the probabilities.
    U8 = 7,
}

impl WeightKind {
    /// Every kind, in code order.
    pub const ALL: [WeightKind; 8] = [
        WeightKind::I4s,
        WeightKind::I4m,
        WeightKind::I8s,
        WeightKind::I8m,
        WeightKind::A8,
        WeightKind::Mx8,
        WeightKind::Mx4,
        WeightKind::U8,
    ];

    /// The kind with this code.
    pub fn from_code(code: u8) -> Option<WeightKind> {
        WeightKind::ALL.get(code as usize).copied()
    }

    /// The name in listings: `i4m`, `mx4`, ...
    pub fn name(self) -> &'static str {
        ["i4s", "i4m", "i8s", "i8m", "a8", "mx8", "mx4", "u8"][self as usize]
    }

    /// Bits of one code.
    pub fn code_bits(self) -> usize {
        match self {
            WeightKind::I4s | WeightKind::I4m | WeightKind::Mx4 => 4,
            _ => 8,
        }
    }

    /// Bytes of one block's scale (0 for the unit kind).
    pub fn scale_bytes(self) -> usize {
        match self {
            WeightKind::Mx8 | WeightKind::Mx4 => 1,
            WeightKind::U8 => 0,
            _ => 2,
        }
    }

    /// Bytes of one block's minimum (0 for the kinds without).
    pub fn min_bytes(self) -> usize {
        match self {
            WeightKind::I4m | WeightKind::I8m => 2,
            _ => 0,
        }
    }

    /// Bytes of the codes of one tile: where its scales begin.
    pub fn code_bytes(self) -> usize {
        BLOCK * BLOCK * self.code_bits() / 8
    }

    /// Bytes of one tile.
    pub fn tile_bytes(self) -> usize {
        self.code_bytes() + BLOCK * (self.scale_bytes() + self.min_bytes())
    }
}

/// A finite value as `mantissa * 2^exponent`, with no rounding anywhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exact {
    /// Signed integer factor.
    pub mantissa: i64,
    /// Power of two.
    pub exponent: i32,
}

impl Exact {
    /// Zero.
    pub const ZERO: Exact = Exact { mantissa: 0, exponent: 0 };

    /// The value of IEEE bits with `fraction` fraction bits and an exponent field of `width` bits; `None` for NaN and infinity.
    fn from_ieee(bits: u32, fraction: u32, width: u32) -> Option<Exact> {
        let field = (bits >> fraction) & ((1 << width) - 1);
        if field == (1 << width) - 1 {
            return None;
        }
        let low = (bits & ((1 << fraction) - 1)) as i64;
        let magnitude = if field == 0 { low } else { low | 1 << fraction };
        let sign = if bits >> (fraction + width) & 1 == 1 { -1 } else { 1 };
        let bias = (1 << (width - 1)) - 1;
        Some(Exact { mantissa: sign * magnitude, exponent: field.max(1) as i32 - bias - fraction as i32 })
    }

    /// The value of an FP16 pattern; `None` for NaN and infinity.
    pub fn from_f16(bits: u16) -> Option<Exact> {
        Exact::from_ieee(bits as u32, 10, 5)
    }

    /// The value of a BF16 pattern; `None` for NaN and infinity.
    #[inline]
    pub fn from_bf16(bits: u16) -> Option<Exact> {
        Exact::from_ieee(bits as u32, 7, 8)
    }

    /// The value of a binary32; `None` for NaN and infinity.
    pub fn from_f32(value: f32) -> Option<Exact> {
        Exact::from_ieee(value.to_bits(), 23, 8)
    }

    /// The value of an E8M0 pattern; `None` for 255, its NaN.
    pub fn from_e8m0(bits: u8) -> Option<Exact> {
        (bits != 255).then(|| Exact { mantissa: 1, exponent: bits as i32 - 127 })
    }

    /// This value times `2^power`.
    pub fn scaled(self, power: i32) -> Exact {
        Exact { mantissa: self.mantissa, exponent: self.exponent + power }
    }
}

/// The binary32 equal to an FP16 pattern (any NaN becomes the canonical one).
pub fn f16_to_f32(bits: u16) -> f32 {
    match Exact::from_f16(bits) {
        Some(exact) => {
            f32::from_bits(grid::to_f32(exact.mantissa, exact.exponent).0.to_bits() | (bits as u32 >> 15) << 31)
        }
        None if bits & 0x3ff != 0 => func::CANONICAL_NAN,
        None => f32::INFINITY.copysign(if bits >> 15 == 1 { -1.0 } else { 1.0 }),
    }
}

/// The binary32 equal to a BF16 pattern (any NaN becomes the canonical one).
pub fn bf16_to_f32(bits: u16) -> f32 {
    func::canonical(f32::from_bits((bits as u32) << 16))
}

/// Twice the E2M1 value of each 4-bit pattern.
pub const E2M1_DOUBLED: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

impl WeightKind {
    /// The integer that the dot product sees for the stored pattern `raw` (4-bit kinds: only the low nibble counts).
    pub fn decode(self, raw: u8) -> i32 {
        match self {
            WeightKind::I4s => (raw & 15) as i32 - 8,
            WeightKind::I4m => (raw & 15) as i32,
            WeightKind::Mx4 => E2M1_DOUBLED[(raw & 15) as usize] as i32,
            _ => raw as i8 as i32,
        }
    }

    /// The exact value of a stored scale pattern (E8M0 in the low byte); `None` when it is NaN or infinite.
    pub fn decode_scale(self, bits: u16) -> Option<Exact> {
        match self {
            WeightKind::A8 => Exact::from_bf16(bits),
            WeightKind::Mx8 => Exact::from_e8m0(bits as u8).map(|e| e.scaled(-6)),
            WeightKind::Mx4 => Exact::from_e8m0(bits as u8).map(|e| e.scaled(-1)),
            WeightKind::U8 => Some(Exact { mantissa: 1, exponent: 0 }),
            _ => Exact::from_f16(bits),
        }
    }

    /// The binary32 of a stored pattern: `code * scale (+ min)`, the product and the sum each rounded. A scale or minimum that is NaN or infinite
    /// counts as zero and raises [`Flags::NAN`].
    pub fn dequantise(self, raw: u8, scale: u16, min: u16) -> (f32, Flags) {
        let mut flags = Flags::NONE;
        // `Exact` has no minus zero: the pattern's sign is put back.
        let mut finite = |value: Option<Exact>, negative: bool| match value {
            Some(exact) if exact.mantissa == 0 && negative => -0.0,
            Some(exact) => grid::to_f32(exact.mantissa, exact.exponent).0,
            None => {
                flags |= Flags::NAN;
                0.0
            }
        };
        let factor = finite(self.decode_scale(scale), self.scale_bytes() == 2 && scale >> 15 == 1);
        let product = self.decode(raw) as f32 * factor;
        let value =
            if self.min_bytes() == 0 { product } else { product + finite(Exact::from_f16(min), min >> 15 == 1) };
        (func::canonical(value), flags)
    }

    /// Where the code of (`row`, `col`) lies in a tile: its byte, and whether it is the high nibble.
    fn place(self, row: usize, col: usize) -> (usize, bool) {
        assert!(row < BLOCK && col < BLOCK, "a tile has 32 rows and 32 columns");
        match self.code_bits() {
            4 => (col / 8 * 128 + row * 4 + col % 4, col % 8 >= 4),
            _ => (col / 4 * 128 + row * 4 + col % 4, false),
        }
    }
}

/// The stored pattern of (`row`, `col`) in `tile`.
pub fn raw_code(kind: WeightKind, tile: &[u8], row: usize, col: usize) -> u8 {
    match (kind.place(row, col), kind.code_bits()) {
        ((at, true), _) => tile[at] >> 4,
        ((at, false), 4) => tile[at] & 15,
        ((at, false), _) => tile[at],
    }
}

/// The integer code of (`row`, `col`) in `tile`, as the dot product sees it.
pub fn code(kind: WeightKind, tile: &[u8], row: usize, col: usize) -> i32 {
    kind.decode(raw_code(kind, tile, row, col))
}

/// The stored pattern of the scale of `row` (0 for the unit kind).
pub fn raw_scale(kind: WeightKind, tile: &[u8], row: usize) -> u16 {
    read_part(tile, kind.code_bytes(), kind.scale_bytes(), row)
}

/// The stored pattern of the minimum of `row` (0 for the kinds without).
pub fn raw_min(kind: WeightKind, tile: &[u8], row: usize) -> u16 {
    read_part(tile, kind.code_bytes() + BLOCK * kind.scale_bytes(), kind.min_bytes(), row)
}

fn read_part(tile: &[u8], start: usize, width: usize, row: usize) -> u16 {
    match width {
        0 => 0,
        1 => tile[start + row] as u16,
        _ => u16::from_le_bytes([tile[start + 2 * row], tile[start + 2 * row + 1]]),
    }
}

/// The exact scale of `row`; `None` when it is NaN or infinite.
pub fn scale(kind: WeightKind, tile: &[u8], row: usize) -> Option<Exact> {
    kind.decode_scale(raw_scale(kind, tile, row))
}

/// The exact minimum of `row` (zero for the kinds without); `None` when it is NaN or infinite.
pub fn min(kind: WeightKind, tile: &[u8], row: usize) -> Option<Exact> {
    if kind.min_bytes() == 0 { Some(Exact::ZERO) } else { Exact::from_f16(raw_min(kind, tile, row)) }
}

/// Writes one tile into `tile` (`kind.tile_bytes()` long): `raw(row, col)` is the stored pattern of a code, `scale(row)` and `min(row)` those of the
/// block's scale and minimum; what the kind does not have is not asked for.
pub fn pack_tile_into(
    kind: WeightKind,
    tile: &mut [u8],
    raw: impl Fn(usize, usize) -> u8,
    scale: impl Fn(usize) -> u16,
    min: impl Fn(usize) -> u16,
) {
    assert_eq!(tile.len(), kind.tile_bytes(), "a tile's buffer is exactly one tile");
    tile.fill(0);
    for row in 0..BLOCK {
        for col in 0..BLOCK {
            match (kind.place(row, col), kind.code_bits()) {
                ((at, true), _) => tile[at] |= raw(row, col) << 4,
                ((at, false), 4) => tile[at] |= raw(row, col) & 15,
                ((at, false), _) => tile[at] = raw(row, col),
            }
        }
        let (scales, mins) = (kind.code_bytes(), kind.code_bytes() + BLOCK * kind.scale_bytes());
        match kind.scale_bytes() {
            0 => {}
            1 => tile[scales + row] = scale(row) as u8,
            _ => tile[scales + 2 * row..][..2].copy_from_slice(&scale(row).to_le_bytes()),
        }
        if kind.min_bytes() == 2 {
            tile[mins + 2 * row..][..2].copy_from_slice(&min(row).to_le_bytes());
        }
    }
}

/// One tile as bytes: see [`pack_tile_into`].
pub fn pack_tile(
    kind: WeightKind,
    raw: impl Fn(usize, usize) -> u8,
    scale: impl Fn(usize) -> u16,
    min: impl Fn(usize) -> u16,
) -> Vec<u8> {
    let mut tile = vec![0; kind.tile_bytes()];
    pack_tile_into(kind, &mut tile, raw, scale, min);
    tile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_is_undone_by_decoding() {
        for kind in WeightKind::ALL {
            let raw =
                |r: usize, c: usize| (r * 37 + c * 11 + r * c) as u8 & if kind.code_bits() == 4 { 15 } else { 255 };
            let tile = pack_tile(kind, raw, |r| 0x3c00 + r as u16, |r| 0xbc00 + r as u16);
            for row in 0..BLOCK {
                for col in 0..BLOCK {
                    assert_eq!(raw_code(kind, &tile, row, col), raw(row, col), "{} {row} {col}", kind.name());
                }
                let wanted = (0x3c00 + row as u16) & [0, 0xff, 0xffff][kind.scale_bytes()];
                assert_eq!(raw_scale(kind, &tile, row), wanted);
                assert_eq!(raw_min(kind, &tile, row), if kind.min_bytes() == 2 { 0xbc00 + row as u16 } else { 0 });
            }
        }
    }

    /// The byte order of the contract, spelled out for one byte of each width.
    #[test]
    fn byte_order_is_the_contract() {
        let eight = pack_tile(WeightKind::U8, |r, c| (r == 5 && c == 4 * 3 + 2) as u8, |_| 0, |_| 0);
        assert_eq!(eight.iter().position(|&b| b == 1), Some(3 * 128 + 5 * 4 + 2));
        let low = pack_tile(WeightKind::Mx4, |r, c| (r == 5 && c == 8 * 3 + 2) as u8, |_| 0, |_| 0);
        assert_eq!(low.iter().position(|&b| b == 1), Some(3 * 128 + 5 * 4 + 2));
        let high = pack_tile(WeightKind::Mx4, |r, c| (r == 5 && c == 8 * 3 + 4 + 2) as u8, |_| 0, |_| 0);
        assert_eq!(high.iter().position(|&b| b == 16), Some(3 * 128 + 5 * 4 + 2));
    }

    #[test]
    fn exact_parts_agree_with_half() {
        let value = |e: Exact| e.mantissa as f64 * 2f64.powi(e.exponent);
        for bits in 0..=u16::MAX {
            let (f16, bf16) = (half::f16::from_bits(bits), half::bf16::from_bits(bits));
            assert!(f16_to_f32(bits).to_bits() == f16.to_f32().to_bits() || f16.is_nan());
            assert_eq!(Exact::from_f16(bits).map(value), f16.is_finite().then(|| f16.to_f64()));
            assert_eq!(Exact::from_bf16(bits).map(value), bf16.is_finite().then(|| bf16.to_f64()));
        }
    }
}
