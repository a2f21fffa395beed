//! The definition: every operation by the oracle of `base`, one element after the other.

use super::matmul::{self, Activations, Filling, Prepared, Scratch, Tiles};
use super::{Binary, Kernels, Rope, Stored, Unary};
use base::reduce::{self, Softmax};
use base::status::Flags;
use base::tile::{self, BLOCK, WeightKind};
use base::{a8, func};

/// The oracle as a set.
pub(super) struct Scalar;

/// `n` binary32 from memory.
///
/// # Safety
/// They must be readable.
unsafe fn load(src: *const f32, n: usize) -> Vec<f32> {
    // SAFETY: the caller's promise.
    (0..n).map(|i| unsafe { src.add(i).read_unaligned() }).collect()
}

/// Writes `values` to memory.
///
/// # Safety
/// There must be room.
unsafe fn store(dst: *mut f32, values: impl IntoIterator<Item = f32>) {
    for (i, value) in values.into_iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe { dst.add(i).write_unaligned(value) };
    }
}

/// The oracle's function for `op`.
fn unary(op: Unary) -> fn(f32) -> f32 {
    match op {
        Unary::Copy => |x| x,
        Unary::Exp => func::exp,
        Unary::Exp2 => func::exp2,
        Unary::Sigmoid => func::sigmoid,
        Unary::Silu => func::silu,
        Unary::Gelu => func::gelu,
        Unary::Tanh => func::tanh,
        Unary::Recip => func::recip,
        Unary::Rsqrt => func::rsqrt,
    }
}

/// The oracle's function for `op`.
fn binary(op: Binary) -> fn(f32, f32) -> f32 {
    match op {
        Binary::Add => func::add,
        Binary::Sub => func::sub,
        Binary::Mul => func::mul,
        Binary::Max => func::max,
        Binary::Min => func::min,
    }
}

/// The stored pattern of column `col` of a block in row order.
unsafe fn raw(kind: WeightKind, block: *const u8, col: usize) -> u8 {
    // SAFETY: the caller promises a whole block.
    unsafe {
        match kind.code_bits() {
            4 => block.add(col / 8 * 4 + col % 4).read() >> (col % 8 / 4 * 4) & 15,
            _ => block.add(col).read(),
        }
    }
}

/// Entry `i` of an array of patterns `width` bytes wide (0: there is none).
unsafe fn pattern(array: *const u8, width: usize, i: usize) -> u16 {
    // SAFETY: the caller promises the entry.
    unsafe {
        match width {
            0 => 0,
            1 => array.add(i).read() as u16,
            _ => u16::from_le(array.cast::<u16>().add(i).read_unaligned()),
        }
    }
}

// SAFETY of the blocks below: each passes on its caller's promise.
impl Kernels for Scalar {
    fn name(&self) -> &'static str {
        "scalar"
    }

    unsafe fn open(&self, kind: WeightKind, x: &Activations, g: i32, into: &mut Prepared) {
        unsafe { into.read_scales(kind, x, g) };
    }

    unsafe fn fill(&self, _x: &Activations, _to: &Filling, _piece: usize) {
        // The oracle reads the activations where they are.
    }

    unsafe fn row_tile(
        &self,
        x: &Prepared,
        tiles: Tiles,
        rows: usize,
        out: *mut u8,
        stride: usize,
        _scratch: &mut Scratch,
    ) -> Flags {
        unsafe { matmul::exact(x, tiles, rows, out, stride) }
    }

    unsafe fn quantise(&self, src: *const f32, n: usize, codes: *mut i8, scales: *mut u16) -> Flags {
        let (blocks, flags) = a8::quantise(&unsafe { load(src, n) });
        for (b, block) in blocks.iter().enumerate() {
            unsafe {
                codes.add(b * BLOCK).cast::<[i8; BLOCK]>().write_unaligned(block.codes);
                scales.add(b).write_unaligned(block.scale.to_le());
            }
        }
        flags
    }

    unsafe fn quantise_segment(&self, src: *const f32, n: usize, codes: *mut i8, scale: *mut u16) -> Flags {
        let (row, bits, flags) = a8::quantise_segment(&unsafe { load(src, n) });
        unsafe {
            std::ptr::copy_nonoverlapping(row.as_ptr(), codes, n);
            scale.write_unaligned(bits.to_le());
        }
        flags
    }

    unsafe fn dequantise(
        &self,
        stored: Stored,
        codes: *const u8,
        scales: *const u8,
        mins: *const u8,
        dst: *mut f32,
        blocks: usize,
    ) -> Flags {
        let mut flags = Flags::NONE;
        let value = |i: usize| match stored {
            Stored::F16 => tile::f16_to_f32(unsafe { pattern(codes, 2, i) }),
            Stored::Bf16 => tile::bf16_to_f32(unsafe { pattern(codes, 2, i) }),
            Stored::Blocks(kind) => {
                let b = i / BLOCK;
                let code = unsafe { raw(kind, codes.add(b * kind.code_bits() * 4), i % BLOCK) };
                let scale = unsafe { pattern(scales, kind.scale_bytes(), b) };
                let (value, raised) = kind.dequantise(code, scale, unsafe { pattern(mins, kind.min_bytes(), b) });
                flags |= raised;
                value
            }
        };
        let values: Vec<f32> = (0..blocks * BLOCK).map(value).collect();
        unsafe { store(dst, values) };
        flags
    }

    unsafe fn unary(&self, op: Unary, src: *const f32, dst: *mut f32, n: usize) {
        unsafe { store(dst, load(src, n).into_iter().map(unary(op))) };
    }

    unsafe fn binary(&self, op: Binary, a: *const f32, b: *const f32, dst: *mut f32, n: usize) {
        let f = binary(op);
        unsafe { store(dst, load(a, n).into_iter().zip(load(b, n)).map(|(a, b)| f(a, b))) };
    }

    unsafe fn binary_scalar(&self, op: Binary, a: *const f32, b: f32, dst: *mut f32, n: usize) {
        let f = binary(op);
        unsafe { store(dst, load(a, n).into_iter().map(|a| f(a, b))) };
    }

    unsafe fn rowsum(&self, src: *const f32, n: usize) -> (f32, Flags) {
        reduce::rowsum(&unsafe { load(src, n) })
    }

    unsafe fn sumsq(&self, src: *const f32, n: usize) -> (f32, Flags) {
        reduce::sumsq(&unsafe { load(src, n) })
    }

    unsafe fn max(&self, src: *const f32, n: usize) -> (f32, Flags) {
        reduce::max(&unsafe { load(src, n) })
    }

    unsafe fn softmax(
        &self,
        src: *const f32,
        dst: *mut f32,
        n: usize,
        valid: std::ops::Range<usize>,
        c: f32,
        sink: Option<f32>,
    ) -> Softmax {
        let (values, result) = reduce::softmax(&unsafe { load(src, n) }, valid.start, valid.end, c, sink);
        unsafe { store(dst, values) };
        result
    }

    unsafe fn rmsnorm(&self, src: *const f32, weight: *const f32, dst: *mut f32, n: usize, eps: f32) -> Flags {
        let (values, flags) = unsafe { reduce::rmsnorm(&load(src, n), &load(weight, n), n, eps) };
        unsafe { store(dst, values) };
        flags
    }

    unsafe fn rope(&self, layout: Rope, src: *const f32, angles: *const f32, dst: *mut f32, dims: usize) {
        let half = dims / 2;
        let (x, angles) = unsafe { (load(src, 2 * half), load(angles, 2 * half)) };
        let mut out = x.clone();
        for i in 0..half {
            let (first, second) = match layout {
                Rope::Interleaved => (2 * i, 2 * i + 1),
                Rope::Half => (i, i + half),
            };
            (out[first], out[second]) = func::rotate(x[first], x[second], angles[i], angles[half + i]);
        }
        unsafe { store(dst, out) };
    }

    unsafe fn topk(&self, src: *const f32, n: usize, indices: &mut [u32], values: &mut [f32]) -> Flags {
        let (best, flags) = reduce::topk(&unsafe { load(src, n) }, indices.len());
        let missing = std::iter::repeat((u32::MAX, f32::NEG_INFINITY));
        for ((index, value), found) in indices.iter_mut().zip(values).zip(best.into_iter().chain(missing)) {
            (*index, *value) = found;
        }
        flags
    }
}
