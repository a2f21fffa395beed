//! The 512-bit lanes on arrays: the logic of AVX-512 on any processor.

use super::lanes::Lanes;
use base::tile;

/// Sixteen rows, one array element each.
#[derive(Clone, Copy)]
pub(super) struct Portable;

/// `f` of every byte.
#[inline(always)]
fn bytes(v: [u32; 16], f: impl Fn(u8) -> u8) -> [u32; 16] {
    v.map(|w| u32::from_le_bytes(w.to_le_bytes().map(&f)))
}

/// Sixteen values `f(row)` as two vectors, in the order of [`Lanes::place`].
#[inline(always)]
fn wide(f: impl Fn(usize) -> f64) -> [[f64; 8]; 2] {
    [0, 2].map(|second| std::array::from_fn(|i| f(i / 2 * 4 + second + i % 2)))
}

/// Adds four products of unsigned and signed bytes to each 32-bit lane, as `vpdpbusd` does.
#[inline(always)]
fn dot(acc: [u32; 16], w: [u32; 16], x: [u32; 16]) -> [u32; 16] {
    std::array::from_fn(|row| {
        let (w, x) = (w[row].to_le_bytes(), x[row].to_le_bytes());
        let sum: i32 = (0..4).map(|j| w[j] as i32 * x[j] as i8 as i32).sum();
        acc[row].wrapping_add(sum as u32)
    })
}

/// Exact value, or something huge where there is none (the caller notices and starts over).
#[inline(always)]
fn value(exact: Option<tile::Exact>) -> f64 {
    exact.map_or(f64::INFINITY, super::matmul::to_f64)
}

// SAFETY of the blocks below: the caller promises one whole vector at each pointer.
impl Lanes for Portable {
    type Int = [u32; 16];
    type Wide = [f64; 8];
    const ROWS: usize = 16;
    const BYTES_AS_PAIRS: bool = false;

    unsafe fn load(at: *const u8) -> [u32; 16] {
        unsafe { at.cast::<[u32; 16]>().read_unaligned() }.map(u32::from_le)
    }
    unsafe fn store(at: *mut u8, v: [u32; 16]) {
        unsafe { at.cast::<[u32; 16]>().write_unaligned(v.map(u32::to_le)) }
    }
    unsafe fn splat(at: *const u32) -> [u32; 16] {
        [unsafe { *at }; 16]
    }
    unsafe fn low(v: [u32; 16]) -> [u32; 16] {
        bytes(v, |b| b & 15)
    }
    unsafe fn high(v: [u32; 16]) -> [u32; 16] {
        bytes(v, |b| b >> 4)
    }
    unsafe fn e2m1(v: [u32; 16]) -> [u32; 16] {
        bytes(v, |b| (tile::E2M1_DOUBLED[b as usize] + 12) as u8)
    }
    unsafe fn bytes(at: *const u8, pair: usize) -> [[u32; 16]; 2] {
        unsafe { [Self::load(at.add(pair * 256)), Self::load(at.add(pair * 256 + 128))] }.map(|v| bytes(v, |b| b ^ 128))
    }
    unsafe fn nibble_step(acc: [u32; 16], w: [u32; 16], x: [u32; 16]) -> [u32; 16] {
        dot(acc, w, x)
    }
    unsafe fn nibble_finish(acc: [u32; 16], _mantissas: *const u32) -> [u32; 16] {
        acc
    }
    unsafe fn signed(v: [u32; 16]) -> [u32; 16] {
        v
    }
    unsafe fn byte_step(acc: [u32; 16], w: [u32; 16], x: [u32; 16]) -> [u32; 16] {
        dot(acc, w, x)
    }
    unsafe fn pin(v: [u32; 16]) -> [u32; 16] {
        v
    }
    unsafe fn place(v: [u32; 16], by: f64) -> [[f64; 8]; 2] {
        wide(|i| (v[i] ^ 1 << 31) as i32 as f64 * by)
    }
    unsafe fn f16(at: *const u8) -> [[f64; 8]; 2] {
        let v = unsafe { at.cast::<[u16; 16]>().read_unaligned() };
        wide(|i| value(tile::Exact::from_f16(u16::from_le(v[i]))))
    }
    unsafe fn bf16(at: *const u8) -> [[f64; 8]; 2] {
        let v = unsafe { at.cast::<[u16; 16]>().read_unaligned() };
        wide(|i| value(tile::Exact::from_bf16(u16::from_le(v[i]))))
    }
    unsafe fn e8m0(at: *const u8) -> [[f64; 8]; 2] {
        let v = unsafe { at.cast::<[u8; 16]>().read() };
        wide(|i| value(tile::Exact::from_e8m0(v[i])))
    }
    unsafe fn load_f64(at: *const f64) -> [f64; 8] {
        unsafe { at.cast::<[f64; 8]>().read_unaligned() }
    }
    unsafe fn store_f64(at: *mut f64, v: [f64; 8]) {
        unsafe { at.cast::<[f64; 8]>().write_unaligned(v) }
    }
    unsafe fn splat_f64(v: f64) -> [f64; 8] {
        [v; 8]
    }
    unsafe fn fma(a: [f64; 8], b: [f64; 8], c: [f64; 8]) -> [f64; 8] {
        std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
    }
    unsafe fn sums(codes: *const i8) -> [[i32; 2]; 2] {
        let codes = unsafe { codes.cast::<[[i8; 4]; 8]>().read() };
        let sum =
            |f: fn(i32) -> i32, from: usize| codes.iter().map(|q| f(q[from] as i32) + f(q[from + 1] as i32)).sum();
        [[sum(|c| c, 0), sum(|c| c, 2)], [sum(i32::abs, 0), sum(i32::abs, 2)]]
    }
    unsafe fn add_bits(a: [f64; 8], b: [f64; 8]) -> [f64; 8] {
        std::array::from_fn(|i| f64::from_bits(a[i].to_bits().wrapping_add(b[i].to_bits())))
    }
}
