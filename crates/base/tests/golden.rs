//! Golden vectors: what the contract's operations return, as texts that other implementations (the RTL, a port) can read.
//!
//! Each line is `operation input... = output...` in hexadecimal bit patterns. `UPDATE_GOLDEN=1` rewrites the files; a change of one of them is a change
//! of the contract.

use base::tile::{Exact, WeightKind};
use base::{a8, func, grid, reduce, tile};
use std::fmt::Write;

/// Compares `text` with the golden file, or rewrites it.
fn golden(name: &str, text: &str) {
    let path = format!("{}/tests/golden/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("the golden folder is writable");
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (got, wanted)) in text.lines().zip(wanted.lines()).enumerate() {
        assert_eq!(got, wanted, "{name}.txt, line {}", line + 1);
    }
    assert_eq!(text.lines().count(), wanted.lines().count(), "{name}.txt has another number of lines");
}

/// Binary32 patterns that matter, then some without meaning.
fn inputs() -> Vec<f32> {
    let edges = [
        0,
        0x8000_0000,
        1,
        0x8000_0001,
        0x0080_0000,
        0x3f80_0000,
        0xbf80_0000,
        0x3f00_0000,
        0x4049_0fdb,
        0x42fe_0000,
        0x4300_0000,
        0xc2fc_0000,
        0xc2fc_0001,
        0x7f7f_ffff,
        0xff7f_ffff,
        0x7f80_0000,
        0xff80_0000,
        0x7fc0_0000,
        0xff80_0001,
    ];
    let more = (0..60u32).map(|i| 0x3a00_0000 + i * 0x002b_4c19 % 0x0900_0000 + ((i & 1) << 31));
    edges.into_iter().chain(more).map(f32::from_bits).collect()
}

fn hex(values: impl IntoIterator<Item = f32>) -> String {
    values.into_iter().map(|v| format!(" {:08x}", v.to_bits())).collect()
}

#[test]
fn functions() {
    type Unary = fn(f32) -> f32;
    let functions: [(&str, Unary); 8] = [
        ("exp2", func::exp2),
        ("exp", func::exp),
        ("recip", func::recip),
        ("rsqrt", func::rsqrt),
        ("sigmoid", func::sigmoid),
        ("silu", func::silu),
        ("tanh", func::tanh),
        ("gelu", func::gelu),
    ];
    let mut text = String::new();
    for (name, f) in functions {
        for x in inputs() {
            writeln!(text, "{name}{} ={}", hex([x]), hex([f(x)])).unwrap();
        }
    }
    golden("func", &text);
}

#[test]
fn rows() {
    let mut text = String::new();
    let finite: Vec<f32> = inputs().into_iter().filter(|v| v.abs() < 1e9).collect();
    for row in finite.chunks(9).chain([&inputs()[..], &[f32::MAX; 2]]) {
        for (name, (value, flags)) in
            [("rowsum", reduce::rowsum(row)), ("sumsq", reduce::sumsq(row)), ("max", reduce::max(row))]
        {
            writeln!(text, "{name}{} ={} {flags}", hex(row.iter().copied()), hex([value])).unwrap();
        }
        let (e, s) = reduce::softmax(row, 1, row.len(), 1.5, Some(0.25));
        writeln!(text, "softmax{} ={} sum{} {}", hex(row.iter().copied()), hex(e), hex([s.sum]), s.flags).unwrap();
    }
    golden("reduce", &text);
}

#[test]
fn blocks() {
    let mut text = String::new();
    let all: Vec<f32> = inputs().into_iter().filter(|v| v.is_finite()).collect();
    for row in [&all[..32], &all[32..64], &[f32::NAN; 3], &[7e-31; 4], &[127.0, -126.9, 0.5]] {
        for block in a8::quantise(row).0 {
            let codes: String = block.codes.iter().map(|c| format!(" {c}")).collect();
            writeln!(text, "quantise{} = {:04x}{codes}", hex(row.iter().copied()), block.scale).unwrap();
        }
    }
    golden("a8", &text);
}

#[test]
fn grids() {
    let mut text = String::new();
    for (mantissa, exponent) in
        [(1, 0), (3, -1), (-5, -1), (7, -2), (1 << 39, 11), (1 << 39, 12), (-1, 51), (12345, -14), (-12345, -60)]
    {
        let (placed, flags) = grid::place(Exact { mantissa, exponent }, 0);
        writeln!(text, "place {mantissa} {exponent} = {placed} {flags}").unwrap();
    }
    for (acc, g) in [
        (0, 0),
        (1, -149),
        (3, -150),
        (1, -150),
        (-16_777_217, 0),
        (16_777_219, 0),
        (i64::MIN, 64),
        (i64::MAX, 65),
        (-255, 120),
    ] {
        let (value, flags) = grid::to_f32(acc, g);
        writeln!(text, "to_f32 {acc} {g} ={} {flags}", hex([value])).unwrap();
    }
    for kind in WeightKind::ALL {
        let raw = |r: usize, c: usize| (r * 29 + c * 53 + 7) as u8;
        let scale = |r: usize| if kind == WeightKind::A8 { 0x3e00 + r as u16 * 9 } else { 0x2c78 + r as u16 * 0x11 };
        let bytes = tile::pack_tile(kind, raw, scale, |r| 0xa800 + r as u16 * 13);
        let codes: Vec<i8> = (0..32).map(|i| (i * 37 % 255 - 127) as i8).collect();
        let x = grid::Activations { codes: &codes, scales: &[0x3c50] };
        let (out, flags) = grid::matmul_row_tile(kind, &[&bytes], 32, &[x], -30);
        writeln!(text, "matmul {} ={} {flags}", kind.name(), hex(out[0].iter().copied())).unwrap();
    }
    golden("grid", &text);
}
