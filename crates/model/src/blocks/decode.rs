//! One decoder per format, from the bytes of a block to its elements.
//!
//! The 256-element formats cut the block in two halves of 128 elements and each half in four runs of 32; a scale covers 16 or 32 consecutive
//! elements. The loops go by such groups, with everything constant in a group outside, so that the compiler vectorises them.

use half::bf16 as Bf16;

/// Twice the value of each E2M1 code: sign in the high bit, so that every value is an integer.
pub const E2M1_DOUBLED: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// Applies a block decoder to consecutive blocks.
pub(super) fn each<const BYTES: usize, const LEN: usize>(
    bytes: &[u8],
    out: &mut [f32],
    decode: impl Fn(&[u8; BYTES], &mut [f32; LEN]),
) {
    let (blocks, _) = bytes.as_chunks::<BYTES>();
    let (outs, _) = out.as_chunks_mut::<LEN>();
    for (block, out) in blocks.iter().zip(outs) {
        decode(block, out);
    }
}

/// A binary16 number's value. Without branches, so that it vectorises: the bits moved to binary32's places are the value times 2^-112, subnormals
/// included; only infinities and NaN need their exponent filled.
#[inline(always)]
fn widen(bits: u16) -> f32 {
    const TWO_TO_112: f32 = f32::from_bits((112 + 127) << 23);
    let sign = u32::from(bits & 0x8000) << 16;
    let magnitude = u32::from(bits & 0x7fff) << 13;
    let finite = (f32::from_bits(magnitude) * TWO_TO_112).to_bits();
    let full = if bits & 0x7c00 == 0x7c00 { 0x7f80_0000 } else { 0 };
    f32::from_bits(finite | full | sign)
}

/// The binary16 number at byte `at`.
#[inline(always)]
fn half_at(block: &[u8], at: usize) -> f32 {
    widen(u16::from_le_bytes([block[at], block[at + 1]]))
}

/// Where group `g` of 16 elements stands in a block of 256: half of the block, run of 32 within the half, first place within the run.
#[inline(always)]
fn place(g: usize) -> (usize, usize, usize) {
    (g / 8, g % 8 / 2, g % 2 * 16)
}

pub(super) fn f32(block: &[u8; 4], out: &mut [f32; 1]) {
    out[0] = f32::from_le_bytes(*block);
}

pub(super) fn f16(block: &[u8; 2], out: &mut [f32; 1]) {
    out[0] = widen(u16::from_le_bytes(*block));
}

pub(super) fn bf16(block: &[u8; 2], out: &mut [f32; 1]) {
    out[0] = Bf16::from_le_bytes(*block).to_f32();
}

/// Scale, 16 bytes: byte `j` holds element `j` low and element `j + 16` high.
#[inline(always)]
pub(super) fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let d = half_at(block, 0);
    for j in 0..16 {
        let byte = block[2 + j];
        out[j] = f32::from((byte & 15) as i8 - 8) * d;
        out[j + 16] = f32::from((byte >> 4) as i8 - 8) * d;
    }
}

/// Scale, minimum, 16 bytes as in `q4_0`.
#[inline(always)]
pub(super) fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    for j in 0..16 {
        let byte = block[4 + j];
        out[j] = f32::from(byte & 15) * d + m;
        out[j + 16] = f32::from(byte >> 4) * d + m;
    }
}

/// The fifth bits of 32 elements, one bit each, as values 0 or 16.
#[inline(always)]
fn fifth_bit(bits: &[u8], j: usize) -> u8 {
    (bits[j / 8] >> (j % 8) & 1) << 4
}

/// Scale, 4 bytes of fifth bits, 16 bytes as in `q4_0`.
pub(super) fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let (d, high) = (half_at(block, 0), &block[2..6]);
    for j in 0..16 {
        let byte = block[6 + j];
        out[j] = f32::from((byte & 15 | fifth_bit(high, j)) as i8 - 16) * d;
        out[j + 16] = f32::from((byte >> 4 | fifth_bit(high, j + 16)) as i8 - 16) * d;
    }
}

/// Scale, minimum, 4 bytes of fifth bits, 16 bytes as in `q4_0`.
pub(super) fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let (d, m, high) = (half_at(block, 0), half_at(block, 2), &block[4..8]);
    for j in 0..16 {
        let byte = block[8 + j];
        out[j] = f32::from(byte & 15 | fifth_bit(high, j)) * d + m;
        out[j + 16] = f32::from(byte >> 4 | fifth_bit(high, j + 16)) * d + m;
    }
}

/// Scale, 32 signed bytes.
#[inline(always)]
pub(super) fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let d = half_at(block, 0);
    for (out, &code) in out.iter_mut().zip(&block[2..]) {
        *out = f32::from(code as i8) * d;
    }
}

/// 16 bytes of 4-bit scale and minimum, 64 bytes of codes, then their two factors.
pub(super) fn q2_k(block: &[u8; 84], out: &mut [f32; 256]) {
    let (d, dmin) = (half_at(block, 80), half_at(block, 82));
    for (g, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let (half, run, l) = place(g);
        let (scale, min) = (d * f32::from(block[g] & 15), dmin * f32::from(block[g] >> 4));
        for (out, code) in out.iter_mut().zip(&block[16 + half * 32 + l..]) {
            *out = scale * f32::from(code >> (2 * run) & 3) - min;
        }
    }
}

/// 32 bytes of third bits (clear means minus 4), 64 bytes of codes, 12 bytes of 6-bit scales, their factor.
pub(super) fn q3_k(block: &[u8; 110], out: &mut [f32; 256]) {
    let d = half_at(block, 108);
    for (g, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let (half, run, l) = place(g);
        let scale = d * f32::from(q3_k_scale(&block[96..108], g));
        for ((out, code), high) in out.iter_mut().zip(&block[32 + half * 32 + l..]).zip(&block[l..]) {
            let third = high >> (4 * half + run) & 1;
            *out = scale * f32::from((code >> (2 * run) & 3 | third << 2) as i8 - 4);
        }
    }
}

/// Scale `j` of 16: its low four bits from the first eight bytes, its high two from the last four, offset by 32.
#[inline(always)]
fn q3_k_scale(packed: &[u8], j: usize) -> i8 {
    let low = packed[j % 8] >> (4 * (j / 8)) & 15;
    let high = packed[8 + j % 4] >> (2 * (j / 4)) & 3;
    (low | high << 4) as i8 - 32
}

/// Scale and minimum `g` of 8, six bits each, from the 12 bytes that `q4_k` and `q5_k` pack them in.
#[inline(always)]
fn scale_and_min(packed: &[u8], g: usize) -> (f32, f32) {
    let (scale, min) = if g < 4 {
        (packed[g] & 63, packed[g + 4] & 63)
    } else {
        let (low, at) = (packed[g + 4], g - 4);
        (low & 15 | packed[at] >> 6 << 4, low >> 4 | packed[at + 4] >> 6 << 4)
    };
    (f32::from(scale), f32::from(min))
}

/// Two factors, 12 bytes of scales and minimums, 128 bytes of codes.
pub(super) fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    for (g, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, min) = scale_and_min(&block[4..16], g);
        let (scale, min) = (d * scale, dmin * min);
        let codes = &block[16 + g / 2 * 32..][..32];
        for (out, code) in out.iter_mut().zip(codes) {
            *out = scale * f32::from(code >> (4 * (g % 2)) & 15) - min;
        }
    }
}

/// As `q4_k`, with 32 bytes of fifth bits before the codes: bit `g` belongs to run `g`.
pub(super) fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    for (g, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, min) = scale_and_min(&block[4..16], g);
        let (scale, min) = (d * scale, dmin * min);
        let codes = &block[48 + g / 2 * 32..][..32];
        for ((out, code), high) in out.iter_mut().zip(codes).zip(&block[16..48]) {
            *out = scale * f32::from(code >> (4 * (g % 2)) & 15 | (high >> g & 1) << 4) - min;
        }
    }
}

/// 128 bytes of low nibbles, 64 bytes of the two high bits, 16 signed scales, their factor.
pub(super) fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let d = half_at(block, 208);
    for (g, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let (half, run, l) = place(g);
        let scale = d * f32::from(block[192 + g] as i8);
        let (low, high) = (&block[half * 64 + run % 2 * 32 + l..], &block[128 + half * 32 + l..]);
        for ((out, low), high) in out.iter_mut().zip(low).zip(high) {
            let code = low >> (4 * (run / 2)) & 15 | (high >> (2 * run) & 3) << 4;
            *out = scale * f32::from(code as i8 - 32);
        }
    }
}

/// Half of an E8M0 scale, which is what doubled E2M1 values are multiplied by. 255 (NaN) reads as the next power of two, as in ggml.
#[inline(always)]
fn half_of_e8m0(code: u8) -> f32 {
    match code {
        0 | 1 => f32::from_bits(0x0020_0000 << code),
        _ => f32::from_bits(u32::from(code - 1) << 23),
    }
}

/// E8M0 scale, 16 bytes as in `q4_0`.
pub(super) fn mxfp4(block: &[u8; 17], out: &mut [f32; 32]) {
    let d = half_of_e8m0(block[0]);
    for j in 0..16 {
        let byte = block[1 + j] as usize;
        out[j] = f32::from(E2M1_DOUBLED[byte & 15]) * d;
        out[j + 16] = f32::from(E2M1_DOUBLED[byte >> 4]) * d;
    }
}

#[cfg(test)]
mod tests {
    use super::widen;

    #[test]
    fn widening_is_exact_for_every_binary16_number() {
        for bits in 0..=u16::MAX {
            let expected = half::f16::from_bits(bits).to_f32();
            let got = widen(bits);
            assert!(got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan()), "{bits:04x}");
        }
    }
}
