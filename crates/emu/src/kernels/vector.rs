//! Elementwise operations and reductions, written once for every vector width.
//!
//! Each function is the oracle's, applied to an array of [`WIDTH`] elements at a time; it is inlined into a function that enables an instruction set,
//! and the compiler turns the array into registers. The language neither fuses nor reorders floating-point operations, so the bits
//! cannot depend on the width. Sums go through binary64 against 1.5 * 2^52, exactly as in the matrix product.

use super::{Binary, Rope, Stored, Unary};
use base::reduce::{self, Softmax};
use base::status::Flags;
use base::tile::{self, BLOCK, WeightKind};
use base::{a8, func, grid};

/// Elements handled together.
const WIDTH: usize = 32;
/// Elements of one step of a sum: as many integers of 64 bits as a few registers hold.
const SUM_WIDTH: usize = 16;
/// 1.5 * 2^52.
const MAGIC: f64 = 6_755_399_441_055_744.0;

type Chunk = [f32; WIDTH];

/// The elements `i..min(i + W, n)`, then `fill`.
#[inline(always)]
unsafe fn load<const W: usize>(src: *const f32, i: usize, n: usize, fill: f32) -> [f32; W] {
    // SAFETY: the caller promises `n` elements.
    unsafe {
        if i + W <= n {
            return src.add(i).cast::<[f32; W]>().read_unaligned();
        }
        let mut values = [fill; W];
        std::ptr::copy_nonoverlapping(src.add(i).cast::<u8>(), values.as_mut_ptr().cast(), (n - i) * 4);
        values
    }
}

/// Writes the elements `i..min(i + W, n)`.
#[inline(always)]
unsafe fn store<const W: usize>(dst: *mut f32, i: usize, n: usize, values: [f32; W]) {
    // SAFETY: the caller promises room for `n` elements.
    unsafe {
        if i + W <= n {
            dst.add(i).cast::<[f32; W]>().write_unaligned(values);
        } else {
            std::ptr::copy_nonoverlapping(values.as_ptr().cast::<u8>(), dst.add(i).cast(), (n - i) * 4);
        }
    }
}

// SAFETY of every block below: the caller passes on the promise of the method of `Kernels` that has the same name.

/// Calls `f` with the start of every chunk of `n` elements and its length; most chunks are whole, which the compiler can see.
#[inline(always)]
fn chunks(n: usize, mut f: impl FnMut(usize, usize)) {
    let whole = n - n % WIDTH;
    (0..whole).step_by(WIDTH).for_each(|i| f(i, WIDTH));
    if whole < n {
        f(whole, n - whole);
    }
}

#[inline(always)]
unsafe fn map(src: *const f32, dst: *mut f32, n: usize, f: impl Fn(f32) -> f32) {
    chunks(n, |i, len| {
        let mut values: Chunk = unsafe { load(src.add(i), 0, len, 0.0) };
        for value in &mut values {
            *value = f(*value);
        }
        unsafe { store(dst.add(i), 0, len, values) };
    });
}

#[inline(always)]
unsafe fn map2(a: *const f32, b: *const f32, dst: *mut f32, n: usize, f: impl Fn(f32, f32) -> f32) {
    chunks(n, |i, len| {
        let (mut x, y): (Chunk, Chunk) = unsafe { (load(a.add(i), 0, len, 0.0), load(b.add(i), 0, len, 0.0)) };
        for (x, y) in x.iter_mut().zip(y) {
            *x = f(*x, y);
        }
        unsafe { store(dst.add(i), 0, len, x) };
    });
}

#[inline(always)]
pub(super) unsafe fn unary(op: Unary, src: *const f32, dst: *mut f32, n: usize) {
    unsafe {
        match op {
            Unary::Copy => map(src, dst, n, |x| x),
            Unary::Exp => map(src, dst, n, func::exp),
            Unary::Exp2 => map(src, dst, n, func::exp2),
            Unary::Sigmoid => map(src, dst, n, func::sigmoid),
            Unary::Silu => map(src, dst, n, func::silu),
            Unary::Gelu => map(src, dst, n, func::gelu),
            Unary::Tanh => map(src, dst, n, func::tanh),
            Unary::Recip => map(src, dst, n, func::recip),
            Unary::Rsqrt => map(src, dst, n, func::rsqrt),
        }
    }
}

#[inline(always)]
pub(super) unsafe fn binary(op: Binary, a: *const f32, b: *const f32, dst: *mut f32, n: usize) {
    unsafe {
        match op {
            Binary::Add => map2(a, b, dst, n, func::add),
            Binary::Sub => map2(a, b, dst, n, func::sub),
            Binary::Mul => map2(a, b, dst, n, func::mul),
            Binary::Max => map2(a, b, dst, n, func::max),
            Binary::Min => map2(a, b, dst, n, func::min),
        }
    }
}

#[inline(always)]
pub(super) unsafe fn binary_scalar(op: Binary, a: *const f32, b: f32, dst: *mut f32, n: usize) {
    unsafe {
        match op {
            Binary::Add => map(a, dst, n, |x| func::add(x, b)),
            Binary::Sub => map(a, dst, n, |x| func::sub(x, b)),
            Binary::Mul => map(a, dst, n, |x| func::mul(x, b)),
            Binary::Max => map(a, dst, n, |x| func::max(x, b)),
            Binary::Min => map(a, dst, n, |x| func::min(x, b)),
        }
    }
}

/// The largest unbiased exponent of a row, as [`reduce::top_exponent`].
#[inline(always)]
unsafe fn top_exponent(src: *const f32, n: usize) -> Option<i32> {
    let mut most = [0u32; WIDTH];
    for i in (0..n).step_by(WIDTH) {
        let values: Chunk = unsafe { load(src, i, n, 0.0) };
        for (most, value) in most.iter_mut().zip(values) {
            *most = (*most).max(value.to_bits() & 0x7fff_ffff);
        }
    }
    let field = (most.into_iter().fold(0, u32::max) >> 23) as i32;
    (field < 255).then_some(field.max(1) - 127)
}

/// The integers that binary64 values below 2^51 round to, added.
#[inline(always)]
unsafe fn sum(src: *const f32, n: usize, f: impl Fn(f64) -> f64) -> i64 {
    let mut acc = [0u64; SUM_WIDTH];
    for i in (0..n).step_by(SUM_WIDTH) {
        let values: [f32; SUM_WIDTH] = unsafe { load(src, i, n, 0.0) };
        for (acc, value) in acc.iter_mut().zip(values) {
            let placed = (f(value as f64) + MAGIC).to_bits();
            *acc = acc.wrapping_add(placed.wrapping_sub(MAGIC.to_bits()));
        }
    }
    acc.into_iter().fold(0, u64::wrapping_add) as i64
}

/// `2^e` of a normal binary64.
#[inline(always)]
fn power(e: i32) -> f64 {
    f64::from_bits(((e + 1023) as u64) << 52)
}

#[inline(always)]
pub(super) unsafe fn rowsum(src: *const f32, n: usize) -> (f32, Flags) {
    let Some(e) = (unsafe { top_exponent(src, n) }) else { return (func::CANONICAL_NAN, Flags::NAN) };
    let unit = power(reduce::DEPTH - e);
    grid::to_f32(unsafe { sum(src, n, |v| v * unit) }, e - reduce::DEPTH)
}

#[inline(always)]
pub(super) unsafe fn sumsq(src: *const f32, n: usize) -> (f32, Flags) {
    let Some(e) = (unsafe { top_exponent(src, n) }) else { return (func::CANONICAL_NAN, Flags::NAN) };
    let unit = power(reduce::DEPTH / 2 - e);
    let square = |v: f64| (v * unit) * (v * unit);
    grid::to_f32(unsafe { sum(src, n, square) }, 2 * e - reduce::DEPTH)
}

#[inline(always)]
pub(super) unsafe fn max(src: *const f32, n: usize) -> (f32, Flags) {
    let mut most = [func::order(f32::NEG_INFINITY); WIDTH];
    let mut nan = [0u32; WIDTH];
    for i in (0..n).step_by(WIDTH) {
        let values: Chunk = unsafe { load(src, i, n, f32::NEG_INFINITY) };
        for k in 0..WIDTH {
            most[k] = most[k].max(func::order(values[k]));
            nan[k] |= values[k].is_nan() as u32;
        }
    }
    if nan.into_iter().any(|n| n != 0) {
        return (func::CANONICAL_NAN, Flags::NAN);
    }
    (func::from_order(most.into_iter().fold(i32::MIN, i32::max)), Flags::NONE)
}

#[inline(always)]
pub(super) unsafe fn softmax(
    src: *const f32,
    dst: *mut f32,
    n: usize,
    valid: std::ops::Range<usize>,
    c: f32,
    sink: Option<f32>,
) -> Softmax {
    let hi = valid.end.min(n);
    let lo = valid.start.min(hi);
    let most = func::max(unsafe { max(src.add(lo), hi - lo).0 }, sink.unwrap_or(f32::NEG_INFINITY));
    let e = |s: f32| func::exp2((s - most) * c);
    unsafe {
        let small = exponentials(src.add(lo), dst.add(lo), hi - lo, e);
        map(dst, dst, lo, |_| 0.0);
        map(dst.add(hi), dst.add(hi), n - hi, |_| 0.0);
        total(dst.add(lo), hi - lo, small, sink.map(e), most)
    }
}

/// Writes exponentials; their sum in units of the depth, if all of them are small enough to be added that way.
#[inline(always)]
unsafe fn exponentials(src: *const f32, dst: *mut f32, n: usize, e: impl Fn(f32) -> f32) -> Option<i64> {
    let unit = power(reduce::DEPTH);
    let (mut large, mut acc) = ([0u32; WIDTH], [0u64; WIDTH]);
    chunks(n, |i, len| {
        let mut out: Chunk = unsafe { load(src.add(i), 0, len, 0.0) };
        // A loop: what `map` calls may be compiled apart, without the features.
        for (k, value) in out.iter_mut().enumerate() {
            *value = if k < len { e(*value) } else { 0.0 };
            // Exponentials are not negative: as integers, NaN and infinity are above 2^11.
            large[k] = large[k].max(value.to_bits());
            let placed = (*value as f64 * unit + MAGIC).to_bits();
            acc[k] = acc[k].wrapping_add(placed.wrapping_sub(MAGIC.to_bits()));
        }
        unsafe { store(dst.add(i), 0, len, out) };
    });
    let small = large.into_iter().fold(0, u32::max) < 2048f32.to_bits();
    small.then(|| acc.into_iter().fold(0, u64::wrapping_add) as i64)
}

/// The sum of a softmax row, given that of small exponentials.
#[inline(always)]
unsafe fn total(e: *const f32, n: usize, small: Option<i64>, sink: Option<f32>, max: f32) -> Softmax {
    let mut flags = Flags::NONE;
    let mut exactly = |value: f32| {
        let (term, raised) = reduce::exponential_term(value);
        flags |= raised;
        term
    };
    let mut acc = small.unwrap_or_else(|| (0..n).map(|i| exactly(unsafe { e.add(i).read_unaligned() })).sum::<i64>());
    acc += sink.map_or(0, exactly);
    let sum = if flags.contains(Flags::NAN) { func::CANONICAL_NAN } else { grid::to_f32(acc, -reduce::DEPTH).0 };
    Softmax { max, sum, flags }
}

#[inline(always)]
pub(super) unsafe fn rmsnorm(src: *const f32, weight: *const f32, dst: *mut f32, n: usize, eps: f32) -> Flags {
    let (squares, flags) = unsafe { sumsq(src, n) };
    let factor = reduce::rms_of(squares, n, eps);
    unsafe { map2(src, weight, dst, n, |v, w| func::mul(v * factor, w)) };
    flags
}

#[inline(always)]
pub(super) unsafe fn rope(layout: Rope, src: *const f32, angles: *const f32, dst: *mut f32, dims: usize) {
    match layout {
        Rope::Half => unsafe { rope_half(src, angles, dst, dims / 2) },
        Rope::Interleaved => unsafe { rope_interleaved(src, angles, dst, dims / 2) },
    }
}

#[inline(always)]
unsafe fn rope_half(src: *const f32, angles: *const f32, dst: *mut f32, half: usize) {
    for i in (0..half).step_by(SUM_WIDTH) {
        unsafe {
            let mut x0: [f32; SUM_WIDTH] = load(src, i, half, 0.0);
            let mut x1: [f32; SUM_WIDTH] = load(src.add(half), i, half, 0.0);
            let cos: [f32; SUM_WIDTH] = load(angles, i, half, 0.0);
            let sin: [f32; SUM_WIDTH] = load(angles.add(half), i, half, 0.0);
            for k in 0..SUM_WIDTH {
                (x0[k], x1[k]) = func::rotate(x0[k], x1[k], cos[k], sin[k]);
            }
            store(dst, i, half, x0);
            store(dst.add(half), i, half, x1);
        }
    }
}

#[inline(always)]
unsafe fn rope_interleaved(src: *const f32, angles: *const f32, dst: *mut f32, half: usize) {
    for i in (0..half).step_by(SUM_WIDTH) {
        unsafe {
            let mut x: [f32; 2 * SUM_WIDTH] = load(src, 2 * i, 2 * half, 0.0);
            let cos: [f32; SUM_WIDTH] = load(angles, i, half, 0.0);
            let sin: [f32; SUM_WIDTH] = load(angles.add(half), i, half, 0.0);
            for k in 0..SUM_WIDTH {
                (x[2 * k], x[2 * k + 1]) = func::rotate(x[2 * k], x[2 * k + 1], cos[k], sin[k]);
            }
            store(dst, 2 * i, 2 * half, x);
        }
    }
}

#[inline(always)]
pub(super) unsafe fn quantise(src: *const f32, n: usize, codes: *mut i8, scales: *mut u16) -> Flags {
    let mut flags = Flags::NONE;
    for i in (0..n).step_by(BLOCK) {
        unsafe {
            let (block, scale, raised) = quantise_block(&load(src, i, n, 0.0));
            codes.add(i).cast::<[i8; BLOCK]>().write_unaligned(block);
            scales.add(i / BLOCK).write_unaligned(scale.to_le());
            flags |= raised;
        }
    }
    flags
}

#[inline(always)]
fn quantise_block(x: &[f32; BLOCK]) -> ([i8; BLOCK], u16, Flags) {
    let amax = x.iter().fold(0, |most, v| most.max(v.to_bits() & 0x7fff_ffff));
    if !(a8::TINY..0x7f80_0000).contains(&amax) {
        return ([0; BLOCK], 0, if amax < a8::TINY { Flags::NONE } else { Flags::NAN });
    }
    let scale = a8::scale_of(f32::from_bits(amax));
    let inverse = 1.0 / scale;
    let mut codes = [0i8; BLOCK];
    for (code, v) in codes.iter_mut().zip(x) {
        *code = self::code(*v, inverse);
    }
    (codes, (scale.to_bits() >> 16) as u16, Flags::NONE)
}

#[inline(always)]
pub(super) unsafe fn quantise_segment(src: *const f32, n: usize, codes: *mut i8, scale: *mut u16) -> Flags {
    let mut most = [0u32; WIDTH];
    chunks(n, |i, len| {
        let values: Chunk = unsafe { load(src.add(i), 0, len, 0.0) };
        for (most, value) in most.iter_mut().zip(values) {
            *most = (*most).max(value.to_bits() & 0x7fff_ffff);
        }
    });
    let (amax, usual) = (most.into_iter().fold(0, u32::max), a8::TINY..0x7f80_0000);
    let step = if usual.contains(&amax) { a8::scale_of(f32::from_bits(amax)) } else { f32::INFINITY };
    let inverse = 1.0 / step;
    chunks(n, |i, len| unsafe {
        // Masked, because infinity and NaN times zero would leave something in the codes.
        let values: Chunk = load(src.add(i), 0, len, 0.0);
        let codes_of = values.map(|v| if inverse == 0.0 { 0 } else { code(v, inverse) });
        std::ptr::copy_nonoverlapping(codes_of.as_ptr(), codes.add(i), len);
    });
    let bits = if inverse == 0.0 { 0 } else { (step.to_bits() >> 16) as u16 };
    unsafe { scale.write_unaligned(bits.to_le()) };
    if amax < usual.end { Flags::NONE } else { Flags::NAN }
}

/// The nearest code of an element.
#[inline(always)]
fn code(v: f32, inverse: f32) -> i8 {
    // Magnitudes stay below 128, where adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
    let n = (v * inverse + func::ROUND).to_bits().wrapping_sub(func::ROUND.to_bits()) as i32;
    n.clamp(-127, 127) as i8
}

/// [`tile::f16_to_f32`] without branches.
#[inline(always)]
fn f16(bits: u16) -> f32 {
    let magnitude = (bits & 0x7fff) as u32;
    let value = f32::from_bits(magnitude << 13) * f32::from_bits((127 + 112) << 23);
    let value = if magnitude >= 0x7c00 { f32::INFINITY } else { value };
    let value = f32::from_bits(value.to_bits() | (bits as u32 >> 15) << 31);
    if magnitude > 0x7c00 { func::CANONICAL_NAN } else { value }
}

/// The scale of one block in binary32.
#[inline(always)]
unsafe fn scale(kind: WeightKind, scales: *const u8, block: usize, flags: &mut Flags) -> f32 {
    unsafe {
        let wide = || u16::from_le(scales.cast::<u16>().add(block).read_unaligned());
        let value = match kind {
            WeightKind::U8 => 1.0,
            WeightKind::A8 => tile::bf16_to_f32(wide()),
            WeightKind::Mx8 | WeightKind::Mx4 => match kind.decode_scale(scales.add(block).read() as u16) {
                Some(exact) => grid::to_f32(exact.mantissa, exact.exponent).0,
                None => f32::NAN,
            },
            _ => f16(wide()),
        };
        finite(value, flags)
    }
}

/// The value, or zero and a flag where it is NaN or infinite.
#[inline(always)]
fn finite(value: f32, flags: &mut Flags) -> f32 {
    if value.is_finite() {
        return value;
    }
    *flags |= Flags::NAN;
    0.0
}

/// The 32 codes of a block in row order.
#[inline(always)]
unsafe fn codes(kind: WeightKind, codes: *const u8, block: usize) -> Chunk {
    let mut out = [0.0; BLOCK];
    unsafe {
        if kind.code_bits() == 8 {
            let stored = codes.add(block * 32).cast::<[i8; 32]>().read();
            for (out, code) in out.iter_mut().zip(stored) {
                *out = code as f32;
            }
        } else {
            let stored = codes.add(block * 16).cast::<[u8; 16]>().read();
            for (i, byte) in stored.into_iter().enumerate() {
                out[i / 4 * 8 + i % 4] = kind.decode(byte & 15) as f32;
                out[i / 4 * 8 + 4 + i % 4] = kind.decode(byte >> 4) as f32;
            }
        }
    }
    out
}

#[inline(always)]
unsafe fn dequantise_blocks(
    kind: WeightKind,
    stored: *const u8,
    scales: *const u8,
    mins: *const u8,
    dst: *mut f32,
    blocks: usize,
) -> Flags {
    let mut flags = Flags::NONE;
    for b in 0..blocks {
        unsafe {
            let mut values = codes(kind, stored, b);
            let d = scale(kind, scales, b, &mut flags);
            for value in &mut values {
                *value *= d;
            }
            if kind.min_bytes() > 0 {
                let m = finite(f16(u16::from_le(mins.cast::<u16>().add(b).read_unaligned())), &mut flags);
                for value in &mut values {
                    *value += m;
                }
            }
            for value in &mut values {
                *value = func::canonical(*value);
            }
            store(dst, b * BLOCK, blocks * BLOCK, values);
        }
    }
    flags
}

#[inline(always)]
unsafe fn widen(stored: *const u8, dst: *mut f32, blocks: usize, f: impl Fn(u16) -> f32) -> Flags {
    for b in 0..blocks {
        unsafe {
            let bits = stored.add(b * 64).cast::<[u16; BLOCK]>().read_unaligned();
            let mut values = [0.0; BLOCK];
            for (value, bits) in values.iter_mut().zip(bits) {
                *value = f(u16::from_le(bits));
            }
            store(dst, b * BLOCK, blocks * BLOCK, values);
        }
    }
    Flags::NONE
}

#[inline(always)]
pub(super) unsafe fn dequantise(
    stored: Stored,
    codes: *const u8,
    scales: *const u8,
    mins: *const u8,
    dst: *mut f32,
    blocks: usize,
) -> Flags {
    unsafe {
        match stored {
            Stored::F16 => widen(codes, dst, blocks, f16),
            Stored::Bf16 => widen(codes, dst, blocks, tile::bf16_to_f32),
            Stored::Blocks(kind) => dequantise_blocks(kind, codes, scales, mins, dst, blocks),
        }
    }
}

#[inline(always)]
pub(super) unsafe fn topk(src: *const f32, n: usize, indices: &mut [u32], values: &mut [f32]) -> Flags {
    let (mut found, mut nan) = (0, false);
    indices.fill(u32::MAX);
    values.fill(f32::NEG_INFINITY);
    for i in (0..n).step_by(WIDTH) {
        let mut chunk: Chunk = unsafe { load(src, i, n, f32::NEG_INFINITY) };
        let floor = if found < values.len() { i32::MIN } else { values.last().map_or(i32::MAX, |v| func::order(*v)) };
        let (mut odd, mut above) = (0u32, 0u32);
        for value in &mut chunk {
            odd |= value.is_nan() as u32;
            *value = if value.is_nan() { f32::NEG_INFINITY } else { *value };
            above |= (func::order(*value) > floor) as u32;
        }
        nan |= odd != 0;
        if above != 0 {
            for (k, value) in chunk.into_iter().enumerate().take(n - i) {
                insert(indices, values, &mut found, (i + k) as u32, value);
            }
        }
    }
    if nan { Flags::NAN } else { Flags::NONE }
}

/// Puts one element in its place among the largest so far.
#[inline(always)]
fn insert(indices: &mut [u32], values: &mut [f32], found: &mut usize, index: u32, value: f32) {
    let larger = |v: f32| func::order(value) > func::order(v);
    if *found < values.len() {
        *found += 1;
    } else if !values.last().is_some_and(|v| larger(*v)) {
        return;
    }
    let mut at = *found - 1;
    while at > 0 && larger(values[at - 1]) {
        (values[at], indices[at]) = (values[at - 1], indices[at - 1]);
        at -= 1;
    }
    (values[at], indices[at]) = (value, index);
}
