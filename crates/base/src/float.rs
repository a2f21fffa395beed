//! Small binary floating point numbers, described by a table.
//!
//! Every scalar float narrower than binary32 that the project speaks is one row of [`SmallFloat::ALL`]: how many exponent and fraction bits, which
//! bias, and what the top codes mean. [`SmallFloat::decode`] and [`SmallFloat::encode_with`] read nothing but that row, so a new format is a new row.
//!
//! | name | sign.exponent.fraction | bias | infinity | NaN | largest finite | source |
//! |---|---|---|---|---|---|---|
//! | `fp16` | 1.5.10 | 15 | yes | yes | 65504 | IEEE 754 binary16 |
//! | `bf16` | 1.8.7 | 127 | yes | yes | 3.39e38 | upper half of binary32 |
//! | `e5m2` | 1.5.2 | 15 | yes | yes | 57344 | OCP OFP8 v1.0 |
//! | `e4m3` | 1.4.3 | 7 | no | all ones | 448 | OCP OFP8 v1.0 |
//! | `e3m2` | 1.3.2 | 3 | no | no | 28 | OCP MX v1.0 |
//! | `e2m3` | 1.2.3 | 1 | no | no | 7.5 | OCP MX v1.0 |
//! | `e2m1` | 1.2.1 | 1 | no | no | 6 | OCP MX v1.0 |
//!
//! All have a sign, signed zeros and subnormals. Decoding is exact: every code is a binary32 number. Encoding rounds once, to nearest, ties to the even
//! code; [`Overflow`] says what becomes of a number too large. [`E8m0`], the shared scale of the microscaling blocks, has no sign and no fraction and is
//! a type of its own.
//!
//! ```
//! use base::float::{E4M3, Overflow};
//! assert_eq!(E4M3.decode(E4M3.encode(0.3)), 0.3125);
//! assert_eq!(E4M3.decode(E4M3.encode(1e6)), 448.0);
//! assert!(E4M3.decode(E4M3.encode_with(1e6, Overflow::Special)).is_nan());
//! ```

/// What the codes with the largest exponent field mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Specials {
    /// As in IEEE 754: fraction zero is infinity, any other fraction is NaN.
    InfinityAndNan,
    /// Only exponent and fraction all ones is NaN; the others are finite.
    NanOnly,
    /// Every code is finite.
    None,
}

/// What encoding makes of a number that rounds beyond the largest finite one, and of infinity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Overflow {
    /// The largest finite number with the same sign: what OCP MX v1.0 asks of block elements, and OFP8 calls saturating.
    Saturate,
    /// Infinity with the same sign; where the format has none, NaN; where it has neither, the largest finite number.
    Special,
}

/// A binary floating point format with a sign bit, at most 8 exponent bits and at most 10 fraction bits.
///
/// A code is the low [`SmallFloat::bits`] bits of a `u16`: sign, exponent field, fraction, from the top.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct SmallFloat {
    /// Its name in listings: `e4m3`.
    pub name: &'static str,
    /// Width of the exponent field.
    pub exponent_bits: u32,
    /// Width of the fraction, without the hidden bit.
    pub fraction_bits: u32,
    /// What is subtracted from the exponent field of a normal number.
    pub bias: i32,
    /// The meaning of the top codes.
    pub specials: Specials,
}

const fn row(name: &'static str, exponent_bits: u32, fraction_bits: u32, bias: i32, specials: Specials) -> SmallFloat {
    SmallFloat { name, exponent_bits, fraction_bits, bias, specials }
}

/// IEEE 754 binary16.
pub const FP16: SmallFloat = row("fp16", 5, 10, 15, Specials::InfinityAndNan);
/// The upper 16 bits of a binary32.
pub const BF16: SmallFloat = row("bf16", 8, 7, 127, Specials::InfinityAndNan);
/// OCP FP8 with five exponent bits.
pub const E5M2: SmallFloat = row("e5m2", 5, 2, 15, Specials::InfinityAndNan);
/// OCP FP8 with four exponent bits: no infinity, one NaN per sign.
pub const E4M3: SmallFloat = row("e4m3", 4, 3, 7, Specials::NanOnly);
/// OCP FP6 with three exponent bits.
pub const E3M2: SmallFloat = row("e3m2", 3, 2, 3, Specials::None);
/// OCP FP6 with two exponent bits.
pub const E2M3: SmallFloat = row("e2m3", 2, 3, 1, Specials::None);
/// OCP FP4.
pub const E2M1: SmallFloat = row("e2m1", 2, 1, 1, Specials::None);

impl SmallFloat {
    /// Every format, widest first.
    pub const ALL: [SmallFloat; 7] = [FP16, BF16, E5M2, E4M3, E3M2, E2M3, E2M1];

    /// Bits of a code.
    pub const fn bits(&self) -> u32 {
        1 + self.exponent_bits + self.fraction_bits
    }

    /// The code of the sign bit alone: minus zero.
    pub const fn sign_bit(&self) -> u16 {
        1 << (self.bits() - 1)
    }

    /// The code of the largest finite number.
    pub const fn max_code(&self) -> u16 {
        match self.specials {
            Specials::InfinityAndNan => self.top_exponent() - 1,
            Specials::NanOnly => self.sign_bit() - 2,
            Specials::None => self.sign_bit() - 1,
        }
    }

    /// The exponent of the largest finite number: OCP MX v1.0 calls it `emax`.
    pub const fn emax(&self) -> i32 {
        (self.max_code() >> self.fraction_bits) as i32 - self.bias
    }

    /// The exponent of the smallest normal number, and of the subnormal ones.
    pub const fn emin(&self) -> i32 {
        1 - self.bias
    }

    /// The largest finite number.
    pub fn max(&self) -> f32 {
        self.decode(self.max_code())
    }

    /// The code of plus infinity, if there is one.
    pub const fn infinity(&self) -> Option<u16> {
        match self.specials {
            Specials::InfinityAndNan => Some(self.top_exponent()),
            _ => None,
        }
    }

    /// The code that encoding gives to NaN, if there is one: positive, quiet, no payload.
    pub const fn nan(&self) -> Option<u16> {
        match self.specials {
            Specials::InfinityAndNan => Some(self.top_exponent() | 1 << (self.fraction_bits - 1)),
            Specials::NanOnly => Some(self.sign_bit() - 1),
            Specials::None => None,
        }
    }

    /// The number that a code stands for, exactly. Bits above the format's width are ignored; every NaN becomes `0x7fc00000`.
    pub fn decode(&self, code: u16) -> f32 {
        let magnitude = code & (self.sign_bit() - 1);
        let value = if magnitude <= self.max_code() {
            self.decode_finite(magnitude)
        } else if Some(magnitude) == self.infinity() {
            f32::INFINITY
        } else {
            return f32::from_bits(0x7fc0_0000);
        };
        if code & self.sign_bit() == 0 { value } else { -value }
    }

    /// The code nearest to `x`, saturating: [`Self::encode_with`] under [`Overflow::Saturate`].
    pub fn encode(&self, x: f32) -> u16 {
        self.encode_with(x, Overflow::Saturate)
    }

    /// The code nearest to `x`, ties to the even code; `overflow` decides for numbers that round beyond the largest finite one, and for infinity.
    ///
    /// NaN becomes [`Self::nan`]. In a format without NaN it becomes the largest positive number, as in the conversions of common accelerators: loud,
    /// where zero would be silent. Who must not lose a NaN tests for it first, as the block formats do.
    pub fn encode_with(&self, x: f32, overflow: Overflow) -> u16 {
        if x.is_nan() {
            return self.nan().unwrap_or(self.max_code());
        }
        let sign = if x.is_sign_negative() { self.sign_bit() } else { 0 };
        let rounded = self.round(x.abs());
        let magnitude = if rounded <= u32::from(self.max_code()) {
            rounded as u16
        } else {
            match overflow {
                Overflow::Saturate => self.max_code(),
                Overflow::Special => self.infinity().or(self.nan()).unwrap_or(self.max_code()),
            }
        };
        sign | magnitude
    }

    /// The code with the exponent field all ones and no fraction: where the specials of IEEE 754 begin.
    const fn top_exponent(&self) -> u16 {
        ((1 << self.exponent_bits) - 1) << self.fraction_bits
    }

    fn decode_finite(&self, magnitude: u16) -> f32 {
        let field = i32::from(magnitude >> self.fraction_bits);
        let fraction = magnitude & ((1 << self.fraction_bits) - 1);
        let hidden = u16::from(field > 0) << self.fraction_bits;
        let ulp = pow2(field.max(1) - self.bias - self.fraction_bits as i32);
        (f64::from(hidden | fraction) * ulp) as f32
    }

    /// The code of `x >= 0` rounded as if the exponent field had no upper end.
    fn round(&self, x: f32) -> u32 {
        if x.is_infinite() {
            return u32::MAX;
        }
        let exponent = if x == 0.0 { self.emin() } else { floor_log2(x).max(self.emin()) };
        let ulps = (f64::from(x) * pow2(self.fraction_bits as i32 - exponent)).round_ties_even();
        // The hidden bit of `ulps` adds the one by which the field of a normal number exceeds that of a subnormal, and a carry out of the fraction
        // moves on to the next exponent, so one sum serves all cases.
        (((exponent - self.emin()) as u32) << self.fraction_bits) + ulps as u32
    }
}

/// An E8M0 scale (OCP MX v1.0): the code `c` is `2^(c - 127)` for `c` in `0..=254`, and 255 is NaN. It has neither zero nor sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct E8m0(pub u8);

impl E8m0 {
    /// The smallest scale, `2^-127`.
    pub const MIN: E8m0 = E8m0(0);
    /// The scale 1.
    pub const ONE: E8m0 = E8m0(127);
    /// The largest scale, `2^127`.
    pub const MAX: E8m0 = E8m0(254);
    /// Not a number.
    pub const NAN: E8m0 = E8m0(255);

    /// Whether this is the NaN code.
    pub const fn is_nan(self) -> bool {
        self.0 == 255
    }

    /// The power of two that it stands for; none for NaN.
    pub const fn exponent(self) -> Option<i32> {
        if self.is_nan() { None } else { Some(self.0 as i32 - 127) }
    }

    /// `2^exponent`, with the exponent brought into `-127..=127`.
    pub fn from_exponent(exponent: i32) -> E8m0 {
        E8m0((exponent.clamp(-127, 127) + 127) as u8)
    }

    /// The largest scale that is not above `x`, and [`E8m0::MIN`] for smaller numbers and zero. A negative number, infinity and NaN give NaN.
    pub fn floor(x: f32) -> E8m0 {
        if x == 0.0 {
            E8m0::MIN
        } else if x > 0.0 && x.is_finite() {
            E8m0::from_exponent(floor_log2(x))
        } else {
            E8m0::NAN
        }
    }

    /// The scale that equals `x`, if `x` is a power of two within range.
    pub fn exact(x: f32) -> Option<E8m0> {
        let scale = E8m0::floor(x);
        (scale.to_f32() == x).then_some(scale)
    }

    /// The scale as binary32: exact (`2^-127` is subnormal), `0x7fc00000` for NaN.
    pub fn to_f32(self) -> f32 {
        match self.exponent() {
            Some(exponent) => pow2(exponent) as f32,
            None => f32::from_bits(0x7fc0_0000),
        }
    }
}

/// `2^exponent` in binary64, for exponents in `-1022..=1023`.
pub(crate) fn pow2(exponent: i32) -> f64 {
    debug_assert!((-1022..=1023).contains(&exponent));
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

/// The exponent of the largest power of two not above `x`, which is positive and finite; exact, subnormals too.
pub(crate) fn floor_log2(x: f32) -> i32 {
    debug_assert!(x > 0.0 && x.is_finite());
    // Every positive binary32 is a normal binary64.
    (f64::from(x).to_bits() >> 52) as i32 - 1023
}
