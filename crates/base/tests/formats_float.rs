//! Small floats: every code of every format, and encoding against formulations that share nothing with the implementation.

use base::float::{BF16, E2M1, E2M3, E3M2, E4M3, E5M2, E8m0, FP16, Overflow, SmallFloat, Specials};
use proptest::prelude::*;

const NARROW: [SmallFloat; 5] = [E5M2, E4M3, E3M2, E2M3, E2M1];

fn codes(format: SmallFloat) -> impl Iterator<Item = u16> {
    (0..1u32 << format.bits()).map(|code| code as u16)
}

fn finite_codes(format: SmallFloat) -> impl Iterator<Item = u16> {
    codes(format).filter(move |&code| format.decode(code).is_finite())
}

/// The numbers around which rounding turns: every value and every midpoint (past the largest, too), each with its neighbours in binary32, of both signs.
fn turning_points(format: SmallFloat) -> Vec<f32> {
    let max = format.max();
    let gap = max - format.decode(format.max_code() - 1);
    let values: Vec<f32> = (0..=format.max_code()).map(|code| format.decode(code)).collect();
    let midpoints = values.windows(2).map(|pair| (pair[0] * 0.5) + (pair[1] * 0.5));
    let beyond = [max + gap / 2.0, max + gap, max + 2.0 * gap];
    let centres: Vec<f32> = midpoints.chain(beyond).chain(values.iter().copied()).collect();
    centres.iter().flat_map(|c| neighbours(*c)).flat_map(|x| [x, -x]).collect()
}

/// `x >= 0` and two binary32 numbers on either side, as far as there are.
fn neighbours(x: f32) -> impl Iterator<Item = f32> {
    (-2i64..=2).filter_map(move |step| u32::try_from(i64::from(x.to_bits()) + step).ok()).map(f32::from_bits)
}

/// Bit patterns spread evenly over all of binary32, NaN and infinities included.
fn spread(stride: usize) -> impl Iterator<Item = f32> {
    (0..=u32::MAX).step_by(stride).map(f32::from_bits)
}

/// The code nearest to `x` by looking at all of them, ties to the even code.
fn nearest(format: SmallFloat, x: f32, overflow: Overflow) -> u16 {
    let sign = if x.is_sign_negative() { format.sign_bit() } else { 0 };
    let max = format.max_code();
    let gap = f64::from(format.max()) - f64::from(format.decode(max - 1));
    // One code past the largest, as if the exponent went on.
    let value = |code: u16| {
        if code > max { f64::from(format.max()) + gap } else { f64::from(format.decode(code)) }
    };
    // Far beyond the largest, binary64 could not tell the distances apart, and need not.
    let x_abs = f64::from(x).abs().min(4.0 * f64::from(format.max()));
    let distance = |code: u16| (value(code) - x_abs).abs();
    let last = if overflow == Overflow::Special && format.specials != Specials::None { max + 1 } else { max };
    let mut best = 0;
    for code in 1..=last {
        let (new, old) = (distance(code), distance(best));
        if new < old || (new == old && code % 2 == 0) {
            best = code;
        }
    }
    if x.is_infinite() {
        best = last;
    }
    let special = format.infinity().or(format.nan());
    sign | if best > max { special.unwrap() } else { best }
}

#[test]
fn parameters_are_those_of_the_specifications() {
    // name, bits, largest, its exponent, smallest normal, smallest subnormal, infinity, NaN
    let table = [
        (FP16, "fp16", 16, 65504.0, 15, 2f32.powi(-14), 2f32.powi(-24), Some(0x7c00), Some(0x7e00)),
        (BF16, "bf16", 16, 3.389_531_4e38, 127, 2f32.powi(-126), f32::from_bits(0x10000), Some(0x7f80), Some(0x7fc0)),
        (E5M2, "e5m2", 8, 57344.0, 15, 2f32.powi(-14), 2f32.powi(-16), Some(0x7c), Some(0x7e)),
        (E4M3, "e4m3", 8, 448.0, 8, 2f32.powi(-6), 2f32.powi(-9), None, Some(0x7f)),
        (E3M2, "e3m2", 6, 28.0, 4, 0.25, 0.0625, None, None),
        (E2M3, "e2m3", 6, 7.5, 2, 1.0, 0.125, None, None),
        (E2M1, "e2m1", 4, 6.0, 2, 1.0, 0.5, None, None),
    ];
    assert_eq!(table.map(|row| row.0), SmallFloat::ALL);
    for (format, name, bits, max, emax, normal, subnormal, infinity, nan) in table {
        assert_eq!((format.name, format.bits(), format.emax()), (name, bits, emax));
        assert_eq!((format.max(), format.decode(1)), (max, subnormal), "{name}");
        assert_eq!(format.decode(1 << format.fraction_bits), normal, "{name}");
        assert_eq!((format.infinity(), format.nan()), (infinity, nan), "{name}");
    }
}

#[test]
fn narrow_codes_decode_as_in_the_golden_text() {
    let text = include_str!("golden/formats_scalar.txt");
    let mut seen = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, hex) = line.split_once(' ').unwrap();
        let format = NARROW.iter().find(|format| format.name == name);
        for (code, word) in hex.as_bytes().chunks(8).enumerate() {
            let word = std::str::from_utf8(word).unwrap();
            let expected = f32::from_bits(u32::from_str_radix(word, 16).unwrap());
            let found = match format {
                Some(format) => format.decode(code as u16),
                None => E8m0(code as u8).to_f32(),
            };
            let same = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
            assert!(same, "{name} code {code:#x}: {found} is not {expected}");
            seen += 1;
        }
    }
    assert_eq!(seen, 256 + 256 + 64 + 64 + 16 + 256);
}

#[test]
fn every_code_survives_decoding_and_encoding() {
    for format in SmallFloat::ALL {
        for code in codes(format) {
            let value = format.decode(code);
            let special = format.encode_with(value, Overflow::Special);
            if value.is_nan() {
                assert_eq!((value.to_bits(), Some(special)), (0x7fc0_0000, format.nan()), "{}", format.name);
                assert_eq!(Some(format.encode(value)), format.nan());
                continue;
            }
            assert_eq!(special, code, "{} {code:#x} is {value}", format.name);
            if value.is_finite() {
                assert_eq!(format.encode(value), code, "{} {code:#x} is {value}", format.name);
            }
        }
    }
}

#[test]
fn values_rise_with_codes_and_the_sign_bit_negates() {
    for format in SmallFloat::ALL {
        for code in 0..format.max_code() {
            assert!(format.decode(code) < format.decode(code + 1), "{} {code:#x}", format.name);
        }
        for code in codes(format).filter(|&code| !format.decode(code).is_nan()) {
            let negated = format.decode(code ^ format.sign_bit());
            assert_eq!(negated.to_bits(), (-format.decode(code)).to_bits(), "{}", format.name);
        }
        assert_eq!(finite_codes(format).count(), 2 * (usize::from(format.max_code()) + 1));
    }
}

#[test]
fn narrow_encoding_is_the_nearest_of_all_codes() {
    for format in NARROW {
        for x in turning_points(format).into_iter().chain(spread(80_021)).filter(|x| !x.is_nan()) {
            for overflow in [Overflow::Saturate, Overflow::Special] {
                let (found, expected) = (format.encode_with(x, overflow), nearest(format, x, overflow));
                assert_eq!(found, expected, "{} of {x:e} ({:#x}), {overflow:?}", format.name, x.to_bits());
            }
        }
    }
}

#[test]
fn fp16_and_bf16_agree_with_the_half_crate() {
    for code in 0..=u16::MAX {
        for (format, theirs) in
            [(FP16, half::f16::from_bits(code).to_f32()), (BF16, half::bf16::from_bits(code).to_f32())]
        {
            let ours = format.decode(code);
            assert!(
                ours.to_bits() == theirs.to_bits() || (ours.is_nan() && theirs.is_nan()),
                "{} {code:#x}",
                format.name
            );
        }
    }
    let turning = turning_points(FP16).into_iter().chain(turning_points(BF16));
    for x in turning.chain(spread(4_099)).filter(|x| !x.is_nan()) {
        let theirs = (half::f16::from_f32(x).to_bits(), half::bf16::from_f32(x).to_bits());
        let ours = (FP16.encode_with(x, Overflow::Special), BF16.encode_with(x, Overflow::Special));
        assert_eq!(ours, theirs, "{x:e} ({:#x})", x.to_bits());
    }
}

#[test]
fn saturation_changes_only_what_is_too_large() {
    for format in SmallFloat::ALL {
        for x in turning_points(format).into_iter().chain(spread(400_009)).filter(|x| !x.is_nan()) {
            let (saturated, special) = (format.encode(x), format.encode_with(x, Overflow::Special));
            if format.decode(special).is_finite() {
                assert_eq!(saturated, special, "{} of {x:e}", format.name);
            } else {
                assert_eq!(format.decode(saturated), format.max().copysign(x), "{} of {x:e}", format.name);
            }
        }
    }
}

#[test]
fn nan_is_never_mistaken_for_a_small_number() {
    for format in SmallFloat::ALL {
        for nan in [f32::NAN, -f32::NAN, f32::from_bits(0x7f80_0001), f32::from_bits(0xffff_ffff)] {
            let code = format.encode(nan);
            assert_eq!(Some(code), format.nan().or(Some(format.max_code())), "{}", format.name);
        }
    }
}

#[test]
fn scales_are_powers_of_two() {
    for code in 0..=254 {
        let scale = E8m0(code);
        let exponent = scale.exponent().unwrap();
        assert_eq!(f64::from(scale.to_f32()), 2f64.powi(exponent));
        assert_eq!(E8m0::from_exponent(exponent), scale);
        assert_eq!(E8m0::exact(scale.to_f32()), Some(scale));
        assert_eq!(E8m0::exact(f32::from_bits(scale.to_f32().to_bits() + 1)), None);
    }
    assert_eq!((E8m0::MIN.exponent(), E8m0::ONE.exponent(), E8m0::MAX.exponent()), (Some(-127), Some(0), Some(127)));
    assert_eq!(E8m0::NAN.exponent(), None);
    assert_eq!(E8m0::NAN.to_f32().to_bits(), 0x7fc0_0000);
    assert_eq!((E8m0::from_exponent(-1000), E8m0::from_exponent(1000)), (E8m0::MIN, E8m0::MAX));
    for (x, scale) in [(0.0, E8m0::MIN), (-0.0, E8m0::MIN), (1e-45, E8m0::MIN), (f32::MAX, E8m0::MAX)] {
        assert_eq!((E8m0::floor(x), E8m0::exact(x)), (scale, None), "{x:e}");
    }
    for x in [-1.0, -1e-45, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        assert_eq!((E8m0::floor(x), E8m0::exact(x)), (E8m0::NAN, None), "{x:e}");
    }
}

proptest! {
    #[test]
    fn floor_is_the_largest_scale_not_above(bits in 0x0040_0000u32..0x7f80_0000) {
        let x = f32::from_bits(bits);
        let floor = E8m0::floor(x).to_f32();
        prop_assert!(floor <= x);
        prop_assert!(f64::from(x) < 2.0 * f64::from(floor));
    }
}
