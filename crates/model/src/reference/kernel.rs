//! The matrix product: rows of weights times rows of activations.
//!
//! [`product`] walks small tiles of weight rows and tokens, so that every loaded vector is used several times; a tile's sums stay in registers. The
//! same source runs on two kinds of vector, chosen at run time: eight lanes of fused multiply-add where the processor has them, arrays of eight
//! elsewhere.

/// Values that a sum runs over side by side.
const LANES: usize = 8;
/// Tokens that a pass over a block of rows works on: their activations should stay in the second-level cache.
const TOKENS: usize = 48;

/// Eight lanes, and what a product does with them.
trait Vector: Copy {
    fn load(values: &[f32; LANES]) -> Self;
    /// `self * by + to`, lane by lane.
    fn madd(self, by: Self, to: Self) -> Self;
    fn lanes(self) -> [f32; LANES];
}

/// For any machine.
impl Vector for [f32; LANES] {
    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Self {
        *values
    }

    #[inline(always)]
    fn madd(self, by: Self, to: Self) -> Self {
        std::array::from_fn(|i| self[i] * by[i] + to[i])
    }

    #[inline(always)]
    fn lanes(self) -> [f32; LANES] {
        self
    }
}

/// `out[row * tokens + token] = rows[row] . x[token]` for `rows` of `width` values each and as many tokens as `x` has.
pub fn product(rows: &[f32], x: &[f32], width: usize, out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if fused::available() {
        return fused::product(rows, x, width, out);
    }
    product_on::<[f32; LANES]>(rows, x, width, out);
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod fused {
    //! Vectors of 256 bits with fused multiply-add.

    use std::arch::is_x86_feature_detected;
    use std::arch::x86_64::{__m256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_storeu_ps};

    use super::{LANES, Vector};

    /// Whether this processor has them.
    pub fn available() -> bool {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
    }

    /// Only [`product`] makes and uses these, after [`available`].
    #[derive(Clone, Copy)]
    struct Fused(__m256);

    // SAFETY (all three): values of this type exist only inside `product_fused`, where the instructions are known to be there; loads and stores
    // need no alignment and stay within the array.
    impl Vector for Fused {
        #[inline(always)]
        fn load(values: &[f32; LANES]) -> Self {
            Fused(unsafe { _mm256_loadu_ps(values.as_ptr()) })
        }

        #[inline(always)]
        fn madd(self, by: Self, to: Self) -> Self {
            Fused(unsafe { _mm256_fmadd_ps(self.0, by.0, to.0) })
        }

        #[inline(always)]
        fn lanes(self) -> [f32; LANES] {
            let mut lanes = [0.0; LANES];
            unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), self.0) };
            lanes
        }
    }

    /// [`super::product`], where [`available`].
    pub fn product(rows: &[f32], x: &[f32], width: usize, out: &mut [f32]) {
        assert!(available());
        // SAFETY: both features are there.
        unsafe { product_fused(rows, x, width, out) }
    }

    #[target_feature(enable = "avx2,fma")]
    fn product_fused(rows: &[f32], x: &[f32], width: usize, out: &mut [f32]) {
        super::product_on::<Fused>(rows, x, width, out);
    }
}

/// The rows and tokens of one product.
struct Operands<'a> {
    rows: &'a [f32],
    x: &'a [f32],
    width: usize,
}

#[inline(always)]
fn product_on<V: Vector>(rows: &[f32], x: &[f32], width: usize, out: &mut [f32]) {
    let (count, tokens) = (rows.len() / width, x.len() / width);
    let all = Operands { rows, x, width };
    for first in (0..tokens).step_by(TOKENS) {
        let end = tokens.min(first + TOKENS);
        let mut row = 0;
        while row < count {
            row += match count - row {
                8.. if end - first == 1 => strip::<V, 8, 1>(&all, row, first..end, out),
                4.. => strip::<V, 4, 3>(&all, row, first..end, out),
                _ => strip::<V, 1, 3>(&all, row, first..end, out),
            };
        }
    }
}

/// `R` rows with all tokens of a range, `T` at a time; returns `R`.
#[inline(always)]
fn strip<V: Vector, const R: usize, const T: usize>(
    all: &Operands,
    row: usize,
    range: std::ops::Range<usize>,
    out: &mut [f32],
) -> usize {
    let Operands { rows, x, width } = *all;
    let tokens = x.len() / width;
    let weights: [&[f32]; R] = std::array::from_fn(|r| &rows[(row + r) * width..][..width]);
    let mut token = range.start;
    while token + T <= range.end {
        let inputs: [&[f32]; T] = std::array::from_fn(|t| &x[(token + t) * width..][..width]);
        for (r, sums) in tile::<V, R, T>(weights, inputs).iter().enumerate() {
            out[(row + r) * tokens + token..][..T].copy_from_slice(sums);
        }
        token += T;
    }
    while token < range.end {
        let sums = tile::<V, R, 1>(weights, [&x[token * width..][..width]]);
        for (r, [sum]) in sums.iter().enumerate() {
            out[(row + r) * tokens + token] = *sum;
        }
        token += 1;
    }
    R
}

/// All inner products of `R` rows with `T` rows.
#[inline(always)]
fn tile<V: Vector, const R: usize, const T: usize>(a: [&[f32]; R], b: [&[f32]; T]) -> [[f32; T]; R] {
    let width = a[0].len();
    let whole = width / LANES;
    let a_vectors: [&[[f32; LANES]]; R] = a.map(|row| &row.as_chunks().0[..whole]);
    let b_vectors: [&[[f32; LANES]]; T] = b.map(|row| &row.as_chunks().0[..whole]);
    let mut sums = [[V::load(&[0.0; LANES]); T]; R];
    for i in 0..whole {
        let inputs: [V; T] = std::array::from_fn(|t| V::load(&b_vectors[t][i]));
        for r in 0..R {
            let weights = V::load(&a_vectors[r][i]);
            for t in 0..T {
                sums[r][t] = weights.madd(inputs[t], sums[r][t]);
            }
        }
    }
    let rest = whole * LANES..width;
    std::array::from_fn(|r| {
        std::array::from_fn(|t| {
            let tail: f32 = rest.clone().map(|i| a[r][i] * b[t][i]).sum();
            sums[r][t].lanes().iter().sum::<f32>() + tail
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Small whole numbers: every order of summation gives the same, exactly.
        #[test]
        fn product_is_all_dots(rows in 0usize..14, tokens in 0usize..60, width in 1usize..40, seed in any::<u32>()) {
            let values = |count: usize, salt: u32| -> Vec<f32> {
                (0..count as u32).map(|i| ((i ^ salt).wrapping_mul(seed | 1) >> 27) as f32 - 16.0).collect()
            };
            let (w, x) = (values(rows * width, 1), values(tokens * width, 7));
            let (mut out, mut portable) = (vec![f32::NAN; rows * tokens], vec![f32::NAN; rows * tokens]);
            product(&w, &x, width, &mut out);
            product_on::<[f32; LANES]>(&w, &x, width, &mut portable);
            prop_assert_eq!(&out, &portable);
            for row in 0..rows {
                for token in 0..tokens {
                    let (a, b) = (&w[row * width..][..width], &x[token * width..][..width]);
                    let plain: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                    prop_assert_eq!(out[row * tokens + token], plain);
                }
            }
        }
    }
}
