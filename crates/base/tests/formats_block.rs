//! Integer blocks: the bytes of the GGUF reference, and error bounds.

use base::block::{IntBlock, IntKind};
use base::mx::{MxBlock, MxKind};
use half::f16;
use proptest::prelude::*;

const GOLDEN: &str = include_str!("golden/formats_gguf.txt");

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn floats(hex: &str) -> [f32; 32] {
    let bytes = bytes(hex);
    std::array::from_fn(|i| f32::from_be_bytes(bytes[4 * i..4 * i + 4].try_into().unwrap()))
}

fn int_kind(gguf: &str) -> Option<IntKind> {
    match gguf {
        "q4_0" => Some(IntKind::I4s),
        "q4_1" => Some(IntKind::I4m),
        "q8_0" => Some(IntKind::I8s),
        _ => None,
    }
}

/// The lines of the golden text as words, with their numbers.
fn golden_lines() -> impl Iterator<Item = (usize, Vec<&'static str>)> {
    let lines = GOLDEN.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    lines.map(|(i, line)| (i + 1, line.split(' ').collect()))
}

fn code_range(kind: IntKind) -> std::ops::RangeInclusive<i8> {
    match kind {
        IntKind::I4s => -8..=7,
        IntKind::I4m => 0..=15,
        IntKind::I8s => -127..=127,
        IntKind::I8m => -128..=127,
    }
}

#[test]
fn quantised_bytes_are_those_of_the_reference() {
    let mut input = [0.0; 32];
    let mut seen = 0;
    for (line, words) in golden_lines() {
        match words[..] {
            ["quantise", hex] => input = floats(hex),
            [name, block] if name != "mxfp4" => {
                let kind = int_kind(name).unwrap();
                let found = IntBlock::quantise(kind, &input);
                assert_eq!(found.to_bytes(), bytes(block), "line {line}, {name}");
                assert_eq!(IntBlock::from_bytes(kind, &bytes(block)), Ok(found), "line {line}");
                seen += 1;
            }
            _ => {}
        }
    }
    assert_eq!(seen, 3 * 23);
}

#[test]
fn dequantised_values_are_those_of_the_reference() {
    let mut seen = 0;
    for (line, words) in golden_lines() {
        let ["dequantise", name, block, values] = words[..] else {
            continue;
        };
        let found = match int_kind(name) {
            Some(kind) => IntBlock::from_bytes(kind, &bytes(block)).unwrap().dequantise(),
            None => MxBlock::from_gguf(&bytes(block)).unwrap().dequantise(),
        };
        // The reference has integers where we have elements, and so no minus zero in MXFP4.
        let unsigned = |x: f32| if name == "mxfp4" && x == 0.0 { 0.0 } else { x };
        let (found, expected) = (found.map(unsigned), floats(values).map(unsigned));
        assert_eq!(found.map(f32::to_bits), expected.map(f32::to_bits), "line {line}, {name}");
        seen += 1;
    }
    assert_eq!(seen, 4 * 8);
}

/// The specification's conversion and GGUF's quantiser choose the same scale; an element differs only in a tie or in the sign of zero.
#[test]
fn gguf_mxfp4_differs_from_the_specification_only_in_ties() {
    let mut input = [0.0; 32];
    let (mut ties, mut seen) = (0, 0);
    for (line, words) in golden_lines() {
        match words[..] {
            ["quantise", hex] => input = floats(hex),
            ["mxfp4", block] => {
                let theirs = MxBlock::from_gguf(&bytes(block)).unwrap();
                let ours = MxBlock::quantise(MxKind::Fp4E2m1, &input);
                assert_eq!(ours.scale, theirs.scale, "line {line}");
                for ((x, a), b) in input.iter().zip(ours.dequantise()).zip(theirs.dequantise()) {
                    assert_eq!((x - a).abs(), (x - b).abs(), "line {line}: {x} as {a} and {b}");
                    assert!(a == b || b.abs() < a.abs(), "line {line}: {x} as {a} and {b}");
                    ties += usize::from(a != b);
                }
                seen += 1;
            }
            _ => {}
        }
    }
    assert_eq!(seen, 23);
    assert!(ties > 0, "the golden text should hold ties");
}

#[test]
fn what_is_not_finite_makes_the_scale_nan() {
    for kind in IntKind::ALL {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = [0.5; 32];
            x[31] = bad;
            let block = IntBlock::quantise(kind, &x);
            assert!(block.scale.is_nan() && block.codes == [0; 32], "{}", kind.name());
            assert_eq!(block.min.is_nan(), kind.has_min());
            assert!(block.dequantise().iter().all(|v| v.is_nan()));
        }
    }
}

#[test]
fn the_ends_of_binary32_stay_in_range() {
    for kind in IntKind::ALL {
        let wide = std::array::from_fn(|i| if i % 2 == 0 { f32::MAX } else { -f32::MAX });
        assert!(IntBlock::quantise(kind, &wide).scale.is_infinite(), "{}", kind.name());
        let tiny = std::array::from_fn(|i| f32::from_bits(i as u32 * 6).copysign(-1.0));
        let block = IntBlock::quantise(kind, &tiny);
        assert_eq!(block.dequantise(), [0.0; 32], "{}", kind.name());
        let in_range = |code| code_range(kind).contains(code);
        assert!(block.codes.iter().all(in_range), "{}", kind.name());
    }
}

#[test]
fn equal_numbers_need_no_scale_where_there_is_a_minimum() {
    for kind in [IntKind::I4m, IntKind::I8m] {
        for value in [0.0, -0.75, 1.0 / 3.0, 60000.0] {
            let block = IntBlock::quantise(kind, &[value; 32]);
            assert_eq!((block.scale, block.codes), (f16::ZERO, [0; 32]));
            assert_eq!(block.dequantise(), [f16::from_f32(value).to_f32(); 32]);
        }
    }
}

#[test]
fn an_eight_bit_ramp_uses_every_code() {
    for first in (0..256).step_by(32) {
        // Both ends of the range are in every block; scale 1 and minimum 28 come out exact.
        let x: [f32; 32] = std::array::from_fn(|i| match i {
            0 => -100.0,
            31 => 155.0,
            _ => (first + i) as f32 - 100.0,
        });
        let block = IntBlock::quantise(IntKind::I8m, &x);
        assert_eq!((block.scale.to_f32(), block.min.to_f32()), (1.0, 28.0));
        assert_eq!((block.codes[0], block.codes[31]), (-128, 127));
        assert_eq!(block.dequantise(), x);
    }
}

#[test]
fn lengths_are_checked() {
    let expected = [(IntKind::I4s, 18), (IntKind::I4m, 20), (IntKind::I8s, 34), (IntKind::I8m, 36)];
    for (kind, length) in expected {
        assert_eq!(kind.block_bytes(), length);
        for wrong in [0, length - 1, length + 1] {
            assert!(IntBlock::from_bytes(kind, &vec![0; wrong]).is_err());
        }
    }
    let error = IntBlock::from_bytes(IntKind::I4s, &[0; 17]).unwrap_err();
    let expected = "a block of i4s has 18 bytes, but 17 were given: cut the data into whole blocks";
    assert_eq!(error.to_string(), expected);
}

/// Numbers of ordinary size, with an offset so that minimums matter.
fn ordinary_block() -> impl Strategy<Value = [f32; 32]> {
    let numbers = prop::array::uniform32(-1.0f32..1.0);
    (-8i32..8, -2.0f32..2.0, numbers).prop_map(|(e, offset, x)| x.map(|v| (v + offset) * 2f32.powi(e)))
}

proptest! {
    #[test]
    fn errors_are_within_half_a_step(x in ordinary_block()) {
        let max = x.iter().fold(f32::MIN, |m, v| m.max(*v));
        let min = x.iter().fold(f32::MAX, |m, v| m.min(*v));
        let amax = max.max(-min);
        for kind in IntKind::ALL {
            let block = IntBlock::quantise(kind, &x);
            // I4s has no code 8: what lies opposite its extreme is off by up to a whole step.
            let (step, half) = match kind {
                IntKind::I4s => (amax / 8.0, 1.0),
                IntKind::I4m => ((max - min) / 15.0, 0.5),
                IntKind::I8s => (amax / 127.0, 0.5),
                IntKind::I8m => ((max - min) / 255.0, 0.5),
            };
            // Scale and minimum are rounded to 11 bits, and I8m may be short of its ends by the rounding of its scale.
            let bound = half * step + amax * 2f32.powi(-11) + (max - min) * 2f32.powi(-11);
            for (v, w) in x.iter().zip(block.dequantise()) {
                prop_assert!((v - w).abs() <= bound * 1.001, "{}: {} as {}", kind.name(), v, w);
            }
        }
    }

    #[test]
    fn no_other_i8m_code_is_nearer(x in ordinary_block()) {
        let block = IntBlock::quantise(IntKind::I8m, &x);
        let value = |code: i32| f64::from(code) * block.scale.to_f64() + block.min.to_f64();
        for (v, &code) in x.iter().zip(&block.codes) {
            let error = |code: i32| (value(code) - f64::from(*v)).abs();
            let best = (-128..=127).map(error).fold(f64::INFINITY, f64::min);
            prop_assert!(error(code.into()) <= best * (1.0 + 1e-9));
        }
    }

    #[test]
    fn any_bytes_come_back(raw in prop::collection::vec(any::<u8>(), 36)) {
        for kind in IntKind::ALL {
            let raw = &raw[..kind.block_bytes()];
            prop_assert_eq!(IntBlock::from_bytes(kind, raw).unwrap().to_bytes(), raw);
        }
    }

    #[test]
    fn any_numbers_give_codes_of_the_kind(raw in prop::array::uniform32(any::<u32>())) {
        for kind in IntKind::ALL {
            let block = IntBlock::quantise(kind, &raw.map(f32::from_bits));
            prop_assert!(block.codes.iter().all(|code| code_range(kind).contains(code)), "{}", kind.name());
        }
    }
}
