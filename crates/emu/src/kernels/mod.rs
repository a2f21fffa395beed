//! The arithmetic of the machine, fast: every operation of `docs/numerics.md` over raw memory, in several instruction sets.
//!
//! There is one contract and there are several ways to meet it. [`scalar`] calls the oracle of `base` and nothing else: it is the definition. The
//! SIMD sets compute the same bits with different instructions, and tests hold each to the oracle on random and extreme input. [`best`] picks
//! the fastest set that this processor has **and** that passes a quick comparison with the oracle when it is first used; [`report`] tells what
//! was picked and what was refused.
//!
//! The big decision: a matrix term is rounded on a grid and added as an integer, and binary64 does that exactly with one fused multiply-add
//! against a large constant, provided that no term can leave the accumulator's window. The fast path therefore keeps the largest scales it met;
//! when the bound they give does not exclude an overflow (or a scale is no number) the 32 rows are computed again by the oracle. So the fast path is
//! never approximately right.
//!
//! The set never allocates per call (buffers live in [`Prepared`] and [`Scratch`]) and knows nothing of instructions, banks or threads. Memory comes as raw
//! pointers of any alignment. An elementwise operation may write exactly over one of its sources; other overlaps are not allowed.

mod avx2;
mod avx512;
mod check;
mod dense;
mod lanes;
mod matmul;
#[cfg(test)]
mod portable;
mod scalar;
mod select;
mod sets;
#[cfg(test)]
mod tests;
mod vector;

pub use matmul::{Activations, Filling, Prepared, Scratch, Tiles};
pub use select::{available, best, report, scalar};

use base::reduce::Softmax;
use base::status::Flags;
use base::tile::WeightKind;

/// A function of one vector.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[allow(missing_docs)]
pub enum Unary {
    Copy,
    Exp,
    Exp2,
    Sigmoid,
    Silu,
    Gelu,
    Tanh,
    Recip,
    Rsqrt,
}

impl Unary {
    /// Every function.
    pub const ALL: [Unary; 9] = [
        Unary::Copy,
        Unary::Exp,
        Unary::Exp2,
        Unary::Sigmoid,
        Unary::Silu,
        Unary::Gelu,
        Unary::Tanh,
        Unary::Recip,
        Unary::Rsqrt,
    ];
}

/// A function of two vectors, or of a vector and a scalar.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Max,
    Min,
}

impl Binary {
    /// Every function.
    pub const ALL: [Binary; 5] = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Max, Binary::Min];
}

/// Which elements of a row form the pairs that a rotary embedding turns.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Rope {
    /// Elements `2i` and `2i + 1`.
    Interleaved,
    /// Elements `i` and `i + dims/2`.
    Half,
}

/// How a row of codes is stored for [`Kernels::dequantise`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Stored {
    /// Blocks of 32 as a weight kind codes them, row after row rather than in tiles: 32 bytes per block, or 16 with byte `q*4 + j` holding column
    /// `8q + j` in its low nibble and `8q + 4 + j` in its high nibble. Scales and minimums are separate arrays, one per block.
    Blocks(WeightKind),
    /// Plain FP16, 32 per block; no scales.
    F16,
    /// Plain BF16, 32 per block; no scales.
    Bf16,
}

/// One implementation of every operation. All give the same bits.
///
/// # Safety
///
/// Every `unsafe` method trusts its pointers: each must be valid for the number of elements that its documentation states, for reading
/// (`*const`) or writing (`*mut`). Alignment does not matter. `dst` may equal a source; it must not overlap one partly.
pub trait Kernels: Send + Sync {
    /// `scalar`, `avx2`, `avx512`, ...
    fn name(&self) -> &'static str;

    /// Reads the activations of a matrix product once, in the form that [`Kernels::row_tile`] of this set wants. `into` is reused.
    ///
    /// # Safety
    /// `x` must describe readable memory: see [`Activations`].
    unsafe fn prepare(&self, kind: WeightKind, x: &Activations, g: i32, into: &mut Prepared) {
        // SAFETY: the caller's promise; every piece is filled in once.
        unsafe {
            self.open(kind, x, g, into);
            let filling = into.filling();
            (0..filling.pieces()).for_each(|piece| self.fill(x, &filling, piece));
        }
    }

    /// The first step of [`Kernels::prepare`], for several threads: after it comes [`Kernels::fill`] for every piece of [`Prepared::filling`].
    ///
    /// # Safety
    /// As for [`Kernels::prepare`].
    unsafe fn open(&self, kind: WeightKind, x: &Activations, g: i32, into: &mut Prepared);

    /// Reads a piece of the activations that were opened.
    ///
    /// # Safety
    /// As for [`Kernels::prepare`], with the same `x`; what `to` comes from must still be there, and nobody else may fill in this piece or use it meanwhile.
    unsafe fn fill(&self, x: &Activations, to: &Filling, piece: usize);

    /// The product of one row of tiles with every prepared token: `out[token * stride/4 + row]` for the first `rows` (at most 32) rows.
    ///
    /// `x` must come from `prepare` of this same set. Flags come from the rows written only.
    ///
    /// # Safety
    /// `tiles` must hold as many readable tiles of the prepared kind as there are blocks; `out` must be writable for `rows` binary32 at every
    /// multiple of `stride` **bytes**, one per token.
    unsafe fn row_tile(
        &self,
        x: &Prepared,
        tiles: Tiles,
        rows: usize,
        out: *mut u8,
        stride: usize,
        scratch: &mut Scratch,
    ) -> Flags;

    /// Quantises `n` binary32 to A8: `ceil(n/32)` blocks of 32 codes and as many BF16 scales.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn quantise(&self, src: *const f32, n: usize, codes: *mut i8, scales: *mut u16) -> Flags;

    /// Quantises `n` binary32 with one scale for all: `n` codes and one BF16 scale ([`base::a8::quantise_segment`]).
    ///
    /// # Safety
    /// See the trait.
    unsafe fn quantise_segment(&self, src: *const f32, n: usize, codes: *mut i8, scale: *mut u16) -> Flags;

    /// Turns `blocks` blocks of 32 stored codes into binary32 ([`base::tile::WeightKind::dequantise`]). `scales` and `mins` are unused where the kind has none.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn dequantise(
        &self,
        stored: Stored,
        codes: *const u8,
        scales: *const u8,
        mins: *const u8,
        dst: *mut f32,
        blocks: usize,
    ) -> Flags;

    /// `dst[i] = op(src[i])` for `n` elements.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn unary(&self, op: Unary, src: *const f32, dst: *mut f32, n: usize);

    /// `dst[i] = op(a[i], b[i])` for `n` elements.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn binary(&self, op: Binary, a: *const f32, b: *const f32, dst: *mut f32, n: usize);

    /// `dst[i] = op(a[i], b)` for `n` elements.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn binary_scalar(&self, op: Binary, a: *const f32, b: f32, dst: *mut f32, n: usize);

    /// The sum of `n` elements on the row's grid.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn rowsum(&self, src: *const f32, n: usize) -> (f32, Flags);

    /// The sum of the squares of `n` elements on the row's grid.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn sumsq(&self, src: *const f32, n: usize) -> (f32, Flags);

    /// The largest of `n` elements.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn max(&self, src: *const f32, n: usize) -> (f32, Flags);

    /// The exponentials of a row of `n` scores, of which `lo..hi` are valid, and their sum: [`base::reduce::softmax`].
    ///
    /// # Safety
    /// See the trait.
    unsafe fn softmax(
        &self,
        src: *const f32,
        dst: *mut f32,
        n: usize,
        valid: std::ops::Range<usize>,
        c: f32,
        sink: Option<f32>,
    ) -> Softmax;

    /// `dst = (src * rms(src)) * weight` for a row of `n` elements.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn rmsnorm(&self, src: *const f32, weight: *const f32, dst: *mut f32, n: usize, eps: f32) -> Flags;

    /// Turns the `dims/2` pairs of a row. `angles` holds `dims/2` cosines, then `dims/2` sines.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn rope(&self, layout: Rope, src: *const f32, angles: *const f32, dst: *mut f32, dims: usize);

    /// The `indices.len()` largest of `n` elements, largest first, equal values by index; NaN counts as negative infinity. Missing places (`k > n`) are
    /// index `u32::MAX` and negative infinity.
    ///
    /// # Safety
    /// See the trait. `indices` and `values` must have the same length.
    unsafe fn topk(&self, src: *const f32, n: usize, indices: &mut [u32], values: &mut [f32]) -> Flags;
}
