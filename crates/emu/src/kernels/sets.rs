//! The SIMD sets: the generic kernels compiled for a processor's features.

#[cfg(any(test, target_arch = "x86_64"))]
use super::dense;
#[cfg(any(test, target_arch = "x86_64"))]
use super::{Activations, Binary, Filling, Kernels, Prepared, Rope, Scratch, Stored, Tiles, Unary, vector};
#[cfg(any(test, target_arch = "x86_64"))]
use base::{reduce::Softmax, status::Flags, tile::WeightKind};

/// A method of a set: a function with the features, and its call.
macro_rules! method {
    ([$($feature:meta)?] $method:ident ($($arg:ident : $type:ty),*) -> $out:ty) => {
        // SAFETY: a set is only handed out where its features were detected; the pointers are the caller's promise.
        unsafe fn $method(&self, $($arg: $type),*) -> $out {
            $(#[$feature])?
            unsafe fn compiled($($arg: $type),*) -> $out {
                unsafe { vector::$method($($arg),*) }
            }
            unsafe { compiled($($arg),*) }
        }
    };
}

/// Several methods of a set.
macro_rules! methods {
    ($features:tt $($method:ident $args:tt -> $out:ty;)*) => {
        $(method!($features $method $args -> $out);)*
    };
}

macro_rules! set {
    ($(#[$doc:meta])* $set:ident, $name:literal, $lanes:ty, [$($feature:meta)?]) => {
        $(#[$doc])*
        pub(super) struct $set;

        impl Kernels for $set {
            fn name(&self) -> &'static str {
                $name
            }

            // SAFETY: as for the methods below.
            unsafe fn open(&self, kind: WeightKind, x: &Activations, g: i32, into: &mut Prepared) {
                unsafe { dense::open::<$lanes>(kind, x, g, into) }
            }

            // SAFETY: as for the methods below.
            unsafe fn fill(&self, x: &Activations, to: &Filling, piece: usize) {
                $(#[$feature])?
                unsafe fn compiled(x: &Activations, to: &Filling, piece: usize) {
                    unsafe { dense::fill::<$lanes>(x, to, piece) }
                }
                unsafe { compiled(x, to, piece) }
            }

            // SAFETY: as for the methods below.
            unsafe fn row_tile(
                &self,
                x: &Prepared,
                tiles: Tiles,
                rows: usize,
                out: *mut u8,
                stride: usize,
                scratch: &mut Scratch,
            ) -> Flags {
                $(#[$feature])?
                unsafe fn compiled<const K: u8>(
                    x: &Prepared,
                    tiles: Tiles,
                    rows: usize,
                    out: *mut u8,
                    stride: usize,
                    scratch: &mut Scratch,
                ) -> Flags {
                    unsafe { dense::row_tile::<$lanes, K>(x, tiles, rows, out, stride, scratch) }
                }
                let compiled = match x.kind.expect("activations are prepared before they are used") {
                    WeightKind::I4s => compiled::<0>,
                    WeightKind::I4m => compiled::<1>,
                    WeightKind::I8s => compiled::<2>,
                    WeightKind::I8m => compiled::<3>,
                    WeightKind::A8 => compiled::<4>,
                    WeightKind::Mx8 => compiled::<5>,
                    WeightKind::Mx4 => compiled::<6>,
                    WeightKind::U8 => compiled::<7>,
                };
                unsafe { compiled(x, tiles, rows, out, stride, scratch) }
            }

            methods! {
                [$($feature)?]
                quantise(src: *const f32, n: usize, codes: *mut i8, scales: *mut u16) -> Flags;
                quantise_segment(src: *const f32, n: usize, codes: *mut i8, scale: *mut u16) -> Flags;
                dequantise(
                    stored: Stored, codes: *const u8, scales: *const u8, mins: *const u8, dst: *mut f32, blocks: usize
                ) -> Flags;
                unary(op: Unary, src: *const f32, dst: *mut f32, n: usize) -> ();
                binary(op: Binary, a: *const f32, b: *const f32, dst: *mut f32, n: usize) -> ();
                binary_scalar(op: Binary, a: *const f32, b: f32, dst: *mut f32, n: usize) -> ();
                rowsum(src: *const f32, n: usize) -> (f32, Flags);
                sumsq(src: *const f32, n: usize) -> (f32, Flags);
                max(src: *const f32, n: usize) -> (f32, Flags);
                softmax(
                    src: *const f32, dst: *mut f32, n: usize, valid: std::ops::Range<usize>, c: f32, sink: Option<f32>
                ) -> Softmax;
                rmsnorm(src: *const f32, weight: *const f32, dst: *mut f32, n: usize, eps: f32) -> Flags;
                rope(layout: Rope, src: *const f32, angles: *const f32, dst: *mut f32, dims: usize) -> ();
                topk(src: *const f32, n: usize, indices: &mut [u32], values: &mut [f32]) -> Flags;
            }
        }
    };
}

#[cfg(test)]
set!(
    /// The 512-bit logic on arrays: a test of what AVX-512 runs, on any processor.
    Portable,
    "portable",
    super::portable::Portable,
    []
);

#[cfg(target_arch = "x86_64")]
set!(
    /// AVX2, FMA and F16C.
    Avx2,
    "avx2",
    super::avx2::Avx2,
    [target_feature(enable = "avx2,fma,f16c")]
);

#[cfg(target_arch = "x86_64")]
set!(
    /// AVX-512 F, BW, DQ, VL and VNNI.
    Avx512,
    "avx512",
    super::avx512::Avx512,
    [target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
);

/// The sets of this processor, the fastest first.
#[cfg(target_arch = "x86_64")]
pub(super) fn native() -> Vec<&'static dyn Kernels> {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni");
    let mut sets: Vec<&'static dyn Kernels> = Vec::new();
    if avx2 && avx512 {
        sets.push(&Avx512);
    }
    if avx2 {
        sets.push(&Avx2);
    }
    sets
}

/// The sets of this processor: none yet.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn native() -> Vec<&'static dyn Kernels> {
    Vec::new()
}
