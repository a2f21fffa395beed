//! Functions of single rows and values.

use crate::network::{Activation, Norm, NormKind, RopeLayout};

/// `a += b`.
pub fn add(a: &mut [f32], b: &[f32]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += b;
    }
}

/// `a += b * factor`.
pub fn add_scaled(a: &mut [f32], b: &[f32], factor: f32) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += b * factor;
    }
}

/// `cap * tanh(x / cap)`.
pub fn softcap(x: f32, cap: f32) -> f32 {
    cap * (x / cap).tanh()
}

/// `1 / (1 + exp(-x))`.
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The activation of one value; of the gated form's gate for [`Activation::SwigluOai`].
pub fn activate(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Silu => x * sigmoid(x),
        Activation::GeluTanh => 0.5 * x * (1.0 + (0.797_884_6 * (x + 0.044_715 * x * x * x)).tanh()),
        Activation::SwigluOai => x * sigmoid(1.702 * x),
    }
}

/// `activation(gate) * up`, with gpt-oss's clamps and "+1" where the activation is its own.
pub fn gated(activation: Activation, gate: &[f32], up: &[f32]) -> Vec<f32> {
    let one = |(gate, up): (&f32, &f32)| match activation {
        Activation::SwigluOai => activate(activation, gate.min(7.0)) * (up.clamp(-7.0, 7.0) + 1.0),
        _ => activate(activation, *gate) * up,
    };
    gate.iter().zip(up).map(one).collect()
}

/// Normalises a row in place.
pub fn normalise(norm: Norm, row: &mut [f32], weight: &[f32], bias: Option<&[f32]>) {
    let width = row.len() as f32;
    if norm.kind == NormKind::Layer {
        let mean = row.iter().sum::<f32>() / width;
        row.iter_mut().for_each(|x| *x -= mean);
    }
    let square = row.iter().map(|x| x * x).sum::<f32>() / width;
    let factor = 1.0 / (square + norm.eps).sqrt();
    for (x, w) in row.iter_mut().zip(weight) {
        *x = *x * factor * w;
    }
    if let Some(bias) = bias {
        add(row, bias);
    }
}

/// Softmax in place, with an optional further logit that takes its share and is dropped.
pub fn softmax(row: &mut [f32], sink: Option<f32>) {
    let most = row.iter().copied().chain(sink).fold(f32::NEG_INFINITY, f32::max);
    row.iter_mut().for_each(|x| *x = (*x - most).exp());
    let sum = row.iter().sum::<f32>() + sink.map_or(0.0, |s| (s - most).exp());
    row.iter_mut().for_each(|x| *x /= sum);
}

/// Rotates the first dimensions of a head: `table` is the position's row of [`crate::network::Rope::table`].
pub fn rotate(head: &mut [f32], table: &[f32], layout: RopeLayout) {
    let pairs = table.len() / 2;
    let (cos, sin) = table.split_at(pairs);
    for pair in 0..pairs {
        let (a, b) = match layout {
            RopeLayout::Interleaved => (2 * pair, 2 * pair + 1),
            RopeLayout::Half => (pair, pair + pairs),
        };
        let (x, y) = (head[a], head[b]);
        head[a] = x * cos[pair] - y * sin[pair];
        head[b] = y * cos[pair] + x * sin[pair];
    }
}

/// The indices of the `count` largest values, largest first; of equals the first.
pub fn top(values: &[f32], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
    order.truncate(count);
    order
}
