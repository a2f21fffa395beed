//! Operators and a GPT-3 layer on A100 (80 GB), as measured for LLMCompass (Zhang et al., ISCA 2024).
//!
//! The files have no header. Matrix products are `m, n, k, time, rate`; softmax and layer norm are `rows, width, elements per nanosecond`; GELU is
//! `elements, elements per nanosecond`. That the unit is 10^9 elements per second follows from the largest rows: at two bytes in and two bytes out they
//! come to 1.0-1.6 TB/s, just below the memory's peak.
//!
//! The layer's two files hold one time in seconds per line, twelve lines in the order of [`PARTS`]. The settings are those of the paper, and the values
//! agree with no others: four devices in tensor parallelism, batch 8; `transformer` is a prompt of 2,048 (270-283 TFLOP/s in its products), and
//! `transformerAR` one new token after 3,072 (1.4 TB/s from the cache). Attention is not fused: scores, softmax and weighted values are launched one by one,
//! and the projections of queries, keys and values are three products.
//!
//! Times were taken by the host around eager PyTorch calls, so each holds a launch by the host besides the kernel: `HOST`.

use crate::sets::SetError;
use base::units::Seconds;
use perf::format::Format;
use perf::operator::{Collective, CollectiveKind, Gemm, Operator, Stream, StreamKind};
use std::path::Path;
use std::str::FromStr;

/// What the instrument adds to a kernel: launches by the host from eager PyTorch on A100, as published with LLMCompass (its `overhead` of the device): products 21 us,
/// softmax 12 us, layer norm and GELU 45 us. Exchanges were timed by NCCL's own benchmark, which adds nothing.
const HOST: [(StreamKind, f64); 3] =
    [(StreamKind::Softmax, 12e-6), (StreamKind::Norm, 45e-6), (StreamKind::Activation, 45e-6)];
/// See [`HOST`].
const HOST_PRODUCT: f64 = 21e-6;

/// A measured operator: what ran, how often in a row, and how long all of it took.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// What ran.
    pub operator: Operator,
    /// Launches one after the other.
    pub launches: u64,
    /// Measured time of all launches.
    pub time: Seconds,
}

impl Measured {
    /// What the host adds to the kernels.
    pub fn host(&self) -> Seconds {
        let each = match &self.operator {
            Operator::Stream(stream) => {
                HOST.iter().find(|(kind, _)| *kind == stream.kind).map_or(0.0, |(_, time)| *time)
            }
            Operator::Collective(_) => 0.0,
            _ => HOST_PRODUCT,
        };
        Seconds(each * self.launches as f64)
    }
}

/// The files of single operators.
pub const OPERATORS: [&str; 4] = ["matmul_A100.csv", "softmax_A100.csv", "layernorm_A100.csv", "gelu_A100.csv"];

/// The files of a layer, with the name of what they measured, positions of the prompt, and new positions.
pub const LAYERS: [(&str, &str, u64, u64); 2] =
    [("transformer_A100.csv", "prefill", 2048, 2048), ("transformerAR_A100.csv", "decode", 3072, 1)];

/// Elements per nanosecond to elements per second.
const GIGA: f64 = 1e9;
/// Bytes of an element: binary16 throughout.
const ELEMENT: f64 = 2.0;

/// The fields of every line that is not empty, with its number from 1.
fn lines(path: &Path) -> Result<Vec<(u64, Vec<String>)>, SetError> {
    let text = std::fs::read_to_string(path).map_err(|error| SetError::file(path, error))?;
    let fields = |line: &str| line.split(',').map(|field| field.trim().to_string()).collect::<Vec<_>>();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let lines: Vec<_> = lines.map(|(index, line)| (index as u64 + 1, fields(line))).collect();
    if lines.is_empty() {
        return Err(SetError::file(path, "no rows"));
    }
    Ok(lines)
}

fn finite(number: &str) -> bool {
    number.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Field `index` of a line, without its unit, as a number above zero.
fn number<T: FromStr + PartialOrd + Default>(
    path: &Path,
    line: u64,
    fields: &[String],
    index: usize,
    unit: &str,
) -> Result<T, SetError> {
    let field = fields.get(index).map_or("", String::as_str);
    let value = field
        .strip_suffix(unit)
        .filter(|number| finite(number))
        .and_then(|number| number.parse().ok())
        .filter(|value| *value > T::default());
    value.ok_or_else(|| {
        let shown: String = field.chars().take(20).collect();
        SetError::line(
            path,
            line,
            format!("field {} is `{shown}`; a number above zero with `{unit}` is expected", index + 1),
        )
    })
}

/// The measured operators of one of [`OPERATORS`] below `folder`.
///
/// # Errors
/// The file cannot be read, or a line is not what it should be.
pub fn operators(folder: &Path, name: &str) -> Result<Vec<Measured>, SetError> {
    let path = folder.join(name);
    let one = |(line, fields): &(u64, Vec<String>)| match name.split('_').next() {
        Some("matmul") => product(&path, *line, fields),
        Some("gelu") => streamed(&path, *line, fields, StreamKind::Activation),
        Some("softmax") => streamed(&path, *line, fields, StreamKind::Softmax),
        _ => streamed(&path, *line, fields, StreamKind::Norm),
    };
    lines(&path)?.iter().map(one).collect()
}

fn product(path: &Path, line: u64, fields: &[String]) -> Result<Measured, SetError> {
    let size = |index| number::<u64>(path, line, fields, index, "");
    // The columns are rows, reduction and columns of the product; wherever they differ here the last two are equal.
    let operator = Operator::Gemm(gemm(size(0)?, size(2)?, size(1)?, 1));
    let time = number::<f64>(path, line, fields, 3, "ms")? / 1e3;
    Ok(Measured { operator, launches: 1, time: Seconds(time) })
}

fn streamed(path: &Path, line: u64, fields: &[String], kind: StreamKind) -> Result<Measured, SetError> {
    let shape = fields.len().saturating_sub(1);
    let wanted = if kind == StreamKind::Activation { 1 } else { 2 };
    if shape != wanted {
        return Err(SetError::line(path, line, format!("{} fields; {} are expected", fields.len(), wanted + 1)));
    }
    let rows = if shape == 2 { number::<u64>(path, line, fields, 0, "")? } else { 1 };
    let width = number::<u64>(path, line, fields, shape - 1, "")?;
    let rate = number::<f64>(path, line, fields, shape, "")?;
    let elements = rows as f64 * width as f64;
    Ok(Measured { operator: stream(kind, rows, width), launches: 1, time: Seconds(elements / (rate * GIGA)) })
}

fn gemm(m: u64, n: u64, k: u64, count: u64) -> Gemm {
    Gemm { m, n, k, count, weights: Format::Fp16, activations: Format::Fp16, output: Format::Fp16 }
}

/// One of the three functions over `rows` x `width` elements, in and out.
fn stream(kind: StreamKind, rows: u64, width: u64) -> Operator {
    let elements = rows as f64 * width as f64;
    // Exponential, maximum, sum and division; mean, variance, scale and shift; a cubic and a hyperbolic tangent.
    let each = match kind {
        StreamKind::Softmax => 5.0,
        StreamKind::Norm => 7.0,
        _ => 10.0,
    };
    let bytes = elements * ELEMENT;
    Operator::Stream(Stream { kind, rows, width, read: bytes, written: bytes, operations: each * elements })
}

/// The lines of a layer's file, in order.
pub const PARTS: [&str; 12] = [
    "projections of queries, keys and values",
    "scores",
    "weighted values",
    "output projection",
    "first product of the MLP",
    "second product of the MLP",
    "softmax",
    "first norm",
    "second norm",
    "GELU",
    "first all-reduce",
    "second all-reduce",
];

/// GPT-3 175B as the layer was run: width, heads, width of a head.
const WIDTH: u64 = 12288;
const HEADS: u64 = 96;
const HEAD: u64 = 128;
/// The inner width of its MLP in widths of the residual stream.
const INNER: u64 = 4;
/// How it was run: batch, devices.
const BATCH: u64 = 8;
const DEVICES: u64 = 4;

/// The operators of the layer on one device, in the order of [`PARTS`], with launches.
fn layer_operators(context: u64, new: u64) -> [(Operator, u64); 12] {
    let tokens = BATCH * new;
    let (own, heads) = (WIDTH / DEVICES, HEADS / DEVICES);
    let inner = INNER * WIDTH / DEVICES;
    let pairs = BATCH * heads;
    let all_reduce = Operator::Collective(Collective {
        kind: CollectiveKind::AllReduce,
        ranks: DEVICES,
        bytes: (tokens * WIDTH) as f64 * ELEMENT,
        format: Format::Fp16,
    });
    let norm = stream(StreamKind::Norm, tokens, WIDTH);
    [
        (Operator::Gemm(gemm(tokens, own, WIDTH, 1)), 3),
        (Operator::Gemm(gemm(new, context, HEAD, pairs)), 1),
        (Operator::Gemm(gemm(new, HEAD, context, pairs)), 1),
        (Operator::Gemm(gemm(tokens, WIDTH, own, 1)), 1),
        (Operator::Gemm(gemm(tokens, inner, WIDTH, 1)), 1),
        (Operator::Gemm(gemm(tokens, WIDTH, inner, 1)), 1),
        (stream(StreamKind::Softmax, pairs * new, context), 1),
        (norm, 1),
        (norm, 1),
        (stream(StreamKind::Activation, tokens, inner), 1),
        (all_reduce, 1),
        (all_reduce, 1),
    ]
}

/// The parts of a layer's file, in the order of [`PARTS`].
///
/// # Errors
/// The file cannot be read, has not one line per part, or a line is no time.
pub fn layer(folder: &Path, name: &str, context: u64, new: u64) -> Result<Vec<Measured>, SetError> {
    let path = folder.join(name);
    let lines = lines(&path)?;
    if lines.len() != PARTS.len() {
        return Err(SetError::file(&path, format!("{} lines; a layer has {}", lines.len(), PARTS.len())));
    }
    let one = |((line, fields), (operator, launches)): (&(u64, Vec<String>), (Operator, u64))| {
        let time = Seconds(number::<f64>(&path, *line, fields, 0, "")?);
        Ok(Measured { operator, launches, time })
    };
    lines.iter().zip(layer_operators(context, new)).map(one).collect()
}
