//! The operators of a Llama-2-70B layer beside attention, over tokens and tensor parallelism, as profiled for Vidur (Agrawal et al., MLSys 2024).
//!
//! Times are in milliseconds, in binary16; each operator has minimum, maximum, mean, median and deviation over its repetitions. The model's widths are
//! columns of the file.

use crate::sets::{SetError, rows};
use base::units::Seconds;
use perf::format::Format;
use perf::operator::{Gemm, Operator, Stream, StreamKind};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// One operator's measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// What ran.
    pub operator: Operator,
    /// Median time.
    pub time: Seconds,
    /// Least and greatest time.
    pub spread: (Seconds, Seconds),
}

/// One line: the model's widths, and the statistics of every operator by column name.
#[derive(Debug, Deserialize)]
struct Row {
    n_head: u64,
    n_kv_head: u64,
    n_embd: u64,
    n_expanded_embd: u64,
    use_gated_mlp: String,
    num_tokens: u64,
    num_tensor_parallel_workers: u64,
    #[serde(flatten)]
    statistics: HashMap<String, f64>,
}

/// Bytes of an element.
const ELEMENT: f64 = 2.0;

impl Row {
    /// The operators and the names of their columns.
    fn operators(&self) -> [(&'static str, Operator); 10] {
        let tokens = self.num_tokens;
        let parallel = self.num_tensor_parallel_workers;
        let width = self.n_embd;
        let head = width / self.n_head;
        let (queries, keys) = (width / parallel, self.n_kv_head * head / parallel);
        let inner = self.n_expanded_embd / parallel;
        let gemm = |n, k| {
            let (weights, activations, output) = (Format::Fp16, Format::Fp16, Format::Fp16);
            Operator::Gemm(Gemm { m: tokens, n, k, count: 1, weights, activations, output })
        };
        let stream = |kind, width: u64, read: u64, written: u64, each: u64| {
            let of = |elements: u64| (tokens * elements) as f64;
            let (read, written) = (of(read) * ELEMENT, of(written) * ELEMENT);
            Operator::Stream(Stream { kind, rows: tokens, width, read, written, operations: of(width * each) })
        };
        [
            ("emb", stream(StreamKind::Embedding, width, width, width, 0)),
            ("input_layernorm", stream(StreamKind::Norm, width, width, width, 4)),
            ("attn_pre_proj", gemm(queries + 2 * keys, width)),
            ("attn_rope", stream(StreamKind::Rotary, queries + keys, queries + keys, queries + keys, 3)),
            ("attn_post_proj", gemm(width, queries)),
            ("post_attention_layernorm", stream(StreamKind::Norm, width, width, width, 4)),
            ("mlp_up_proj", gemm(2 * inner, width)),
            ("mlp_act", stream(StreamKind::Activation, inner, 2 * inner, inner, 6)),
            ("mlp_down_proj", gemm(width, inner)),
            ("add", stream(StreamKind::Add, width, 2 * width, width, 1)),
        ]
    }

    fn statistic(&self, path: &Path, line: u64, name: &str, which: &str) -> Result<Seconds, SetError> {
        let column = format!("time_stats.{name}.{which}");
        let time = self.statistics.get(&column).copied().filter(|time| *time >= 0.0 && time.is_finite());
        let time = time.ok_or_else(|| {
            SetError::line(path, line, format!("`{column}` is missing or no time; milliseconds are expected"))
        })?;
        Ok(Seconds(time / 1e3))
    }

    /// What the line measured. Operators that were not run have no median above zero.
    fn measured(&self, path: &Path, line: u64) -> Result<Vec<Measured>, SetError> {
        let sizes = [self.n_head, self.n_kv_head, self.n_embd, self.n_expanded_embd, self.num_tensor_parallel_workers];
        if sizes.contains(&0)
            || self.use_gated_mlp != "True"
            || self.num_tokens == 0
            || sizes.iter().any(|size| *size > MOST)
        {
            return Err(SetError::line(path, line, "sizes above zero and a gated MLP are expected"));
        }
        let mut all = Vec::new();
        for (name, operator) in self.operators() {
            let of = |which| self.statistic(path, line, name, which);
            let time = of("median")?;
            let spread = (of("min")?, of("max")?);
            if time.0 > 0.0 {
                all.push(Measured { operator, time, spread });
            }
        }
        Ok(all)
    }
}

/// More than any width of a network, and small enough that products of three do not overflow.
const MOST: u64 = 1 << 20;

/// The files, and the device of each.
pub const FILES: [(&str, &str); 2] = [("a100_llama2_70b_mlp.csv", "a100"), ("h100_llama2_70b_mlp.csv", "h100")];

/// Every operator of every line of a file.
///
/// # Errors
/// As [`rows`], and where a statistic is missing or no time.
pub fn read(path: &Path) -> Result<Vec<Measured>, SetError> {
    let mut all = Vec::new();
    for (index, row) in rows::<Row>(path)?.iter().enumerate() {
        all.extend(row.measured(path, index as u64 + 2)?);
    }
    Ok(all)
}
