//! Block decoding against the `gguf` Python package, bit for bit (`golden/make_blocks.py`).

use model::blocks::Encoding;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn words(hex: &str) -> Vec<u32> {
    (0..hex.len()).step_by(8).map(|i| u32::from_str_radix(&hex[i..i + 8], 16).unwrap()).collect()
}

/// Equal bits, or both NaN: the payload of a NaN is nobody's promise.
fn same(a: u32, b: u32) -> bool {
    a == b || (f32::from_bits(a).is_nan() && f32::from_bits(b).is_nan())
}

#[test]
fn every_format_decodes_as_the_reference_does() {
    let mut seen = std::collections::HashSet::new();
    for (number, line) in include_str!("golden/blocks.txt").lines().enumerate() {
        let [name, encoded, expected] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let format = Encoding::formats().iter().find(|f| f.name == name).expect(name);
        let expected = words(expected);
        let mut got = vec![f32::NAN; expected.len()];
        format.encoding.decode(&bytes(encoded), &mut got);
        for (i, (got, want)) in got.iter().zip(&expected).enumerate() {
            let got = got.to_bits();
            assert!(same(got, *want), "line {}, {name}, element {i}: {got:08x}, expected {want:08x}", number + 1);
        }
        seen.insert(name);
    }
    assert_eq!(seen.len(), Encoding::formats().len(), "every format is covered");
}
