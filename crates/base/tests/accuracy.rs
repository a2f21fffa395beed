//! How far the machine's functions are from the true ones, measured over their domain and kept in `golden/accuracy.txt`.
//!
//! Every 997th bit pattern of the stated range is compared with binary64 `libm`; `UPDATE_GOLDEN=1` writes the table again.

use base::func;
use std::fmt::Write;

/// A function with its true form, a range of arguments, and how its error is counted.
struct Row {
    name: &'static str,
    machine: fn(f32) -> f32,
    truth: fn(f64) -> f64,
    low: f32,
    high: f32,
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

fn gelu(x: f64) -> f64 {
    x * sigmoid(2.0 * (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x))
}

const ROWS: [Row; 10] = [
    Row { name: "exp2", machine: func::exp2, truth: libm::exp2, low: -126.0, high: 127.9 },
    Row { name: "exp", machine: func::exp, truth: libm::exp, low: -1.0, high: 1.0 },
    Row { name: "exp", machine: func::exp, truth: libm::exp, low: -87.0, high: 88.0 },
    Row { name: "recip", machine: func::recip, truth: |x| 1.0 / x, low: 1e-30, high: 1e30 },
    Row { name: "rsqrt", machine: func::rsqrt, truth: |x| 1.0 / x.sqrt(), low: 1e-30, high: 1e30 },
    Row { name: "sigmoid", machine: func::sigmoid, truth: sigmoid, low: -16.0, high: 88.0 },
    Row { name: "silu", machine: func::silu, truth: |x| x * sigmoid(x), low: -16.0, high: 88.0 },
    Row { name: "tanh", machine: func::tanh, truth: libm::tanh, low: 0.125, high: 88.0 },
    Row { name: "tanh", machine: func::tanh, truth: libm::tanh, low: -88.0, high: 88.0 },
    Row { name: "gelu", machine: func::gelu, truth: gelu, low: -4.0, high: 88.0 },
];

/// Largest error in units in the last place of the true value, and in absolute terms.
fn measure(row: &Row) -> (f64, f64) {
    let (mut ulps, mut absolute) = (0f64, 0f64);
    for bits in (0..=u32::MAX).step_by(997) {
        let x = f32::from_bits(bits);
        if !(row.low..=row.high).contains(&x) {
            continue;
        }
        let (got, wanted) = (f64::from((row.machine)(x)), (row.truth)(f64::from(x)));
        let exponent = ((wanted as f32).to_bits() >> 23 & 255).max(1) as i32;
        ulps = ulps.max((got - wanted).abs() / 2f64.powi(exponent - 150));
        absolute = absolute.max((got - wanted).abs());
    }
    (ulps, absolute)
}

#[test]
fn errors_are_as_stated() {
    let mut text = String::from("# function, range, largest error in ulp of the true value, largest absolute error\n");
    for row in &ROWS {
        let (ulps, absolute) = measure(row);
        writeln!(text, "{} {:?}..{:?} {ulps:.2} {absolute:.2e}", row.name, row.low, row.high).unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/accuracy.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), text, "UPDATE_GOLDEN=1 writes it again");
}
