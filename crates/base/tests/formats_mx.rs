//! Microscaling blocks: golden texts from an independent implementation, the specification's rules as properties, and the packed form.

use base::float::E8m0;
use base::mx::{MxBlock, MxKind};
use base::tile::E2M1_DOUBLED;
use proptest::prelude::*;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn floats(hex: &str) -> [f32; 32] {
    let bytes = bytes(hex);
    std::array::from_fn(|i| f32::from_be_bytes(bytes[4 * i..4 * i + 4].try_into().unwrap()))
}

fn bits(x: &[f32; 32]) -> [u32; 32] {
    x.map(f32::to_bits)
}

fn kind_named(name: &str) -> MxKind {
    MxKind::ALL.into_iter().find(|kind| kind.name() == name).expect(name)
}

#[test]
fn blocks_are_those_of_the_golden_text() {
    let mut input = [0.0; 32];
    let mut seen = 0;
    for (i, line) in include_str!("golden/formats_mx.txt").lines().enumerate() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["#", ..] => {}
            ["in", hex] => input = floats(hex),
            [name, scale, packed, values] => {
                let kind = kind_named(name);
                let block = MxBlock::quantise(kind, &input);
                assert_eq!([block.scale.0], bytes(scale)[..], "line {}, scale of {name}", i + 1);
                assert_eq!(block.pack(), bytes(packed), "line {}, codes of {name}", i + 1);
                let expected = floats(values);
                assert_eq!(bits(&block.dequantise()), bits(&expected), "line {}, values of {name}", i + 1);
                assert_eq!(MxBlock::unpack(kind, block.scale, &bytes(packed)), Ok(block));
                seen += 1;
            }
            _ => panic!("line {}: not understood", i + 1),
        }
    }
    assert_eq!(seen, 32 * MxKind::ALL.len());
}

#[test]
fn a_nan_scale_makes_everything_nan_and_only_that() {
    for kind in MxKind::ALL {
        let block = MxBlock { kind, scale: E8m0::NAN, codes: [1; 32] };
        assert!(block.dequantise().iter().all(|v| v.is_nan()), "{}", kind.name());
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = [1.0; 32];
            x[17] = bad;
            let block = MxBlock::quantise(kind, &x);
            assert_eq!((block.scale, block.codes), (E8m0::NAN, [0; 32]), "{}", kind.name());
        }
        assert_ne!(MxBlock::quantise(kind, &[f32::MAX; 32]).scale, E8m0::NAN);
    }
}

#[test]
fn specials_of_elements_come_through() {
    let mut block = MxBlock { kind: MxKind::Fp8E5m2, scale: E8m0(100), codes: [0x3c; 32] };
    (block.codes[0], block.codes[1], block.codes[2]) = (0x7c, 0xfc, 0x7d);
    let values = block.dequantise();
    assert_eq!((values[0], values[1], values[3]), (f32::INFINITY, f32::NEG_INFINITY, 2f32.powi(-27)));
    assert!(values[2].is_nan());
    let int8 = MxBlock { kind: MxKind::Int8, scale: E8m0::ONE, codes: [0x80; 32] };
    assert_eq!(int8.dequantise(), [-2.0; 32]);
    let large = MxBlock { kind: MxKind::Fp4E2m1, scale: E8m0::MAX, codes: [0x7; 32] };
    assert_eq!(large.dequantise(), [f32::INFINITY; 32]);
}

#[test]
fn packing_is_little_endian_by_bits() {
    let block = |kind| {
        let mut codes = [0; 32];
        codes[..4].copy_from_slice(&[0x1, 0x2, 0x3, 0x4]);
        codes[31] = 0xf;
        MxBlock { kind, scale: E8m0::ONE, codes }
    };
    let four = block(MxKind::Fp4E2m1).pack();
    assert_eq!((four.len(), four[0], four[1], four[15]), (16, 0x21, 0x43, 0xf0));
    let six = block(MxKind::Fp6E2m3).pack();
    // 000100 000011 000010 000001
    assert_eq!((six.len(), &six[..3], six[23]), (24, &[0x81, 0x30, 0x10][..], 0x3c));
    let eight = block(MxKind::Int8).pack();
    assert_eq!((eight.len(), &eight[..4], eight[31]), (32, &[1, 2, 3, 4][..], 15));
}

#[test]
fn wrong_lengths_are_refused_in_a_sentence() {
    for kind in MxKind::ALL {
        for length in [0, kind.packed_bytes() - 1, kind.packed_bytes() + 1] {
            assert!(MxBlock::unpack(kind, E8m0::ONE, &vec![0; length]).is_err());
        }
    }
    assert!(MxBlock::from_gguf(&[0; 18]).is_err());
    let error = MxBlock::unpack(MxKind::Fp4E2m1, E8m0::ONE, &[0; 17]).unwrap_err();
    let expected = "a block of mxfp4_e2m1 has 16 bytes, but 17 were given: cut the data into whole blocks";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn doubled_e2m1_is_twice_the_element() {
    for (code, &twice) in E2M1_DOUBLED.iter().enumerate() {
        assert_eq!(2.0 * MxKind::Fp4E2m1.decode_element(code as u8), f32::from(twice), "code {code}");
    }
}

/// Numbers of like size, so that blocks are not all zeros but for one element.
fn block_of_numbers() -> impl Strategy<Value = [f32; 32]> {
    let element = prop_oneof![4 => -1.0f32..1.0, 1 => Just(0.0), 1 => -1e-3f32..1e-3];
    (-149i32..127, prop::array::uniform32(element)).prop_map(|(e, x)| x.map(|v| (f64::from(v) * 2f64.powi(e)) as f32))
}

proptest! {
    #[test]
    fn the_scale_brings_the_largest_number_just_within(x in block_of_numbers()) {
        let amax = x.iter().fold(0f64, |m, v| m.max(f64::from(v.abs())));
        for kind in MxKind::ALL {
            let block = MxBlock::quantise(kind, &x);
            let scaled = amax / f64::from(block.scale.to_f32());
            prop_assert!(scaled < 2f64.powi(kind.emax() + 1));
            prop_assert!(block.scale == E8m0::MIN || scaled >= 2f64.powi(kind.emax()));
        }
    }

    #[test]
    fn no_other_code_is_nearer(x in block_of_numbers()) {
        for kind in MxKind::ALL {
            let block = MxBlock::quantise(kind, &x);
            let scale = f64::from(block.scale.to_f32());
            let all: Vec<f64> = (0..=255u8).map(|c| f64::from(kind.decode_element(c)) * scale).collect();
            for (v, &code) in x.iter().zip(&block.codes) {
                let error = |value: f64| (value - f64::from(*v)).abs();
                let best = all.iter().filter(|value| value.is_finite()).map(|&value| error(value)).fold(f64::INFINITY, f64::min);
                // MXINT8 leaves -2 unused, the one code that could be nearer.
                let unused = kind == MxKind::Int8 && f64::from(*v) < scale * -127.5 / 64.0;
                prop_assert!(unused || error(all[usize::from(code)]) == best, "{} of {v:e}", kind.name());
            }
        }
    }

    #[test]
    fn quantising_twice_changes_nothing(x in block_of_numbers()) {
        for kind in MxKind::ALL {
            let once = MxBlock::quantise(kind, &x).dequantise();
            let twice = MxBlock::quantise(kind, &once).dequantise();
            prop_assert_eq!(once, twice, "{}", kind.name());
        }
    }

    #[test]
    fn packing_loses_nothing(raw in prop::array::uniform32(any::<u8>()), scale in any::<u8>()) {
        for kind in MxKind::ALL {
            let codes = raw.map(|code| code & (255 >> (8 - kind.element_bits())));
            let block = MxBlock { kind, scale: E8m0(scale), codes };
            prop_assert_eq!(MxBlock::unpack(kind, block.scale, &block.pack()), Ok(block));
        }
    }
}
