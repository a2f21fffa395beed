//! Reductions over a row: sums on a block-floating grid, the maximum, softmax, the largest k (`docs/numerics.md`, "Reductions").
//!
//! A sum places every element on a grid that hangs from the largest exponent of the row, rounds it there once and adds integers; so it does not
//! matter in which order, or by how many lanes, the row is walked.

use crate::func::{self, CANONICAL_NAN};
use crate::grid;
use crate::status::Flags;
use crate::tile::Exact;

/// Bits of the grid below the largest exponent of a row.
pub const DEPTH: i32 = 40;

/// The largest unbiased exponent of a row of finite values (subnormals and zeros count as -126); `None` if a value is infinite or NaN.
pub fn top_exponent(row: &[f32]) -> Option<i32> {
    let field = row.iter().map(|v| (v.to_bits() >> 23) & 255).max().unwrap_or(0) as i32;
    (field < 255).then_some(field.max(1) - 127)
}

/// Sums `part(v)` placed on the grid `2^grid`, and returns `RNE_binary32(sum * 2^result)`.
fn sum(row: &[f32], part: impl Fn(Exact) -> Exact, grid: i32, result: i32) -> (f32, Flags) {
    let term = |v: &f32| grid::place(part(Exact::from_f32(*v).unwrap_or(Exact::ZERO)), grid).0;
    grid::to_f32(row.iter().map(term).sum(), result)
}

/// The sum of a row.
pub fn rowsum(row: &[f32]) -> (f32, Flags) {
    let Some(e) = top_exponent(row) else { return (CANONICAL_NAN, Flags::NAN) };
    sum(row, |v| v, e - DEPTH, e - DEPTH)
}

/// The sum of the squares of a row.
pub fn sumsq(row: &[f32]) -> (f32, Flags) {
    let Some(e) = top_exponent(row) else { return (CANONICAL_NAN, Flags::NAN) };
    let square = |v: Exact| Exact { mantissa: v.mantissa * v.mantissa, exponent: 2 * (v.exponent - e) };
    sum(row, square, -DEPTH, 2 * e - DEPTH)
}

/// The largest value of a row (-0 below +0); negative infinity for an empty row; the canonical NaN and a flag if there is a NaN.
pub fn max(row: &[f32]) -> (f32, Flags) {
    let value = row.iter().fold(f32::NEG_INFINITY, |m, &v| func::max(m, v));
    (value, if value.is_nan() { Flags::NAN } else { Flags::NONE })
}

/// `rsqrt(sumsq(row) * (1/n) + eps)`.
pub fn rms(row: &[f32], n: usize, eps: f32) -> (f32, Flags) {
    let (squares, flags) = sumsq(row);
    (rms_of(squares, n, eps), flags)
}

/// The factor of `rms` from the sum of squares.
pub fn rms_of(squares: f32, n: usize, eps: f32) -> f32 {
    func::rsqrt(squares * (1.0 / n as f32) + eps)
}

/// `(v * rms) * weight` over a row.
pub fn rmsnorm(row: &[f32], weight: &[f32], n: usize, eps: f32) -> (Vec<f32>, Flags) {
    let (factor, flags) = rms(row, n, eps);
    (row.iter().zip(weight).map(|(v, w)| func::mul(v * factor, *w)).collect(), flags)
}

/// What [`softmax`] returns beside the exponentials.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Softmax {
    /// The largest valid score (or the sink's).
    pub max: f32,
    /// The sum of the exponentials, the sink's included.
    pub sum: f32,
    /// What was met.
    pub flags: Flags,
}

/// The exponentials `exp2((s - max) * c)` of the columns `lo..hi` of a row (+0 elsewhere) and their sum. `sink` is a score that takes part in the
/// maximum and the sum but has no column. Terms of the sum from 2^11 up (impossible for `c >= 0`) saturate and raise [`Flags::WINDOW`].
pub fn softmax(row: &[f32], lo: usize, hi: usize, c: f32, sink: Option<f32>) -> (Vec<f32>, Softmax) {
    let hi = hi.min(row.len());
    let valid = if lo < hi { &row[lo..hi] } else { &[] };
    let max = func::max(max(valid).0, sink.unwrap_or(f32::NEG_INFINITY));
    let e = |s: f32| func::exp2((s - max) * c);
    let mut out = vec![0.0; row.len()];
    for (o, s) in out[lo.min(hi)..hi].iter_mut().zip(valid) {
        *o = e(*s);
    }
    let (mut acc, mut flags) = (0i64, Flags::NONE);
    for term in out.iter().copied().chain(sink.map(e)) {
        let (placed, raised) = exponential_term(term);
        acc += placed;
        flags |= raised;
    }
    let sum = if flags.contains(Flags::NAN) { CANONICAL_NAN } else { grid::to_f32(acc, -DEPTH).0 };
    (out, Softmax { max, sum, flags })
}

/// One term of the softmax sum on the grid 2^-40.
pub fn exponential_term(e: f32) -> (i64, Flags) {
    match Exact::from_f32(e) {
        Some(exact) => grid::place(exact, -DEPTH),
        None if e.is_nan() => (0, Flags::NAN),
        None => (grid::WINDOW, Flags::WINDOW),
    }
}

/// The `k` largest of a row with their indices, largest first, equal values by index. A NaN counts as negative infinity and raises a flag.
pub fn topk(row: &[f32], k: usize) -> (Vec<(u32, f32)>, Flags) {
    let nan = row.iter().any(|v| v.is_nan());
    let clean = |v: f32| if v.is_nan() { f32::NEG_INFINITY } else { v };
    let mut all: Vec<_> = row.iter().enumerate().map(|(i, &v)| (i as u32, clean(v))).collect();
    all.sort_by_key(|&(i, v)| (std::cmp::Reverse(func::order(v)), i));
    all.truncate(k);
    (all, if nan { Flags::NAN } else { Flags::NONE })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Finite values of every magnitude.
    fn finite() -> impl Strategy<Value = f32> {
        (-1e3f32..1e3, -40i32..30).prop_map(|(v, p)| v * 2f32.powi(p))
    }

    proptest! {
        #[test]
        fn sums_are_close_and_do_not_depend_on_order(mut row in prop::collection::vec(finite(), 1..200)) {
            let exact: f64 = row.iter().map(|v| *v as f64).sum();
            let squares: f64 = row.iter().map(|v| (*v as f64).powi(2)).sum();
            let scale = row.iter().fold(0f64, |m, v| m.max(v.abs() as f64));
            let (sum, square) = (rowsum(&row), sumsq(&row));
            prop_assert!((sum.0 as f64 - exact).abs() <= exact.abs() * 1e-7 + scale * row.len() as f64 * 2f64.powi(-40));
            prop_assert!((square.0 as f64 - squares).abs() <= squares * 1e-6);
            row.reverse();
            prop_assert_eq!((rowsum(&row), sumsq(&row)), (sum, square));
        }
    }

    #[test]
    fn special_rows() {
        assert_eq!(rowsum(&[0.0, -0.0]), (0.0, Flags::NONE));
        assert_eq!(rowsum(&[f32::MAX, f32::MAX]), (f32::INFINITY, Flags::OVERFLOW));
        assert_eq!(sumsq(&[1e30]), (f32::INFINITY, Flags::OVERFLOW));
        assert_eq!(sumsq(&[1e-30]).0, 0.0);
        assert_eq!(rowsum(&[f32::from_bits(3), f32::from_bits(4)]).0, f32::from_bits(7));
        assert_eq!(max(&[-0.0, 0.0, -1.0]).0.to_bits(), 0);
        assert_eq!(max(&[]).0, f32::NEG_INFINITY);
        for bad in [f32::NAN, f32::INFINITY] {
            let (value, flags) = rowsum(&[1.0, bad]);
            assert!(value.to_bits() == 0x7fc0_0000 && flags == Flags::NAN);
        }
    }

    #[test]
    fn softmax_of_a_row() {
        let (e, s) = softmax(&[9.0, 1.0, 2.0, 2.0, 9.0], 1, 4, 1.0, None);
        assert_eq!(e, [0.0, 0.5, 1.0, 1.0, 0.0]);
        assert_eq!((s.max, s.sum, s.flags), (2.0, 2.5, Flags::NONE));
        let (e, s) = softmax(&[1.0, 2.0], 0, 2, 1.0, Some(4.0));
        assert_eq!((e, s.max, s.sum), (vec![0.125, 0.25], 4.0, 1.375));
        assert_eq!(softmax(&[1.0], 0, 0, 1.0, None).1.sum, 0.0);
        assert_eq!(softmax(&[f32::NAN, 1.0], 0, 2, 1.0, None).1.flags, Flags::NAN);
        assert_eq!(softmax(&[-30.0, 1.0], 0, 2, -1.0, None).1.flags, Flags::WINDOW);
    }

    #[test]
    fn the_largest_k() {
        let row = [1.0, f32::NAN, 3.0, 3.0, -1.0, 7.0];
        assert_eq!(topk(&row, 3), (vec![(5, 7.0), (2, 3.0), (3, 3.0)], Flags::NAN));
        assert_eq!(topk(&row, 9).0.last(), Some(&(1, f32::NEG_INFINITY)));
    }
}
