//! Kernel times of attention: `attn_{prefill,decode}` and `mla_{prefill,decode}` with `.{calibrate,test}.csv.gz`.
//!
//! One row is a shape and the median over framework versions of its time. In prefill files `isl` is the prompt's length and `step`, the positions before
//! it, is zero throughout. In decode files `isl` is 1 and `step` counts the positions already in the cache: the new one attends to `isl + step`, its own
//! included. Widths of latent attention are those of DeepSeek-V3, and its times are of the core alone: at one head and one position they are launches,
//! far below what reading the projections' weights would take.

use crate::sets::{MILLISECONDS, SetError, rows};
use base::units::Seconds;
use perf::format::Format;
use perf::operator::{Attention, Latent, Phase};
use serde::Deserialize;
use std::path::Path;

/// The formats that occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub enum Kind {
    /// bfloat16.
    #[serde(rename = "bfloat16")]
    Bf16,
    /// 8-bit float with a scale per tensor.
    #[serde(rename = "fp8")]
    Fp8,
}

impl Kind {
    /// As the models name it.
    pub const fn format(self) -> Format {
        match self {
            Kind::Bf16 => Format::Bf16,
            Kind::Fp8 => Format::Fp8,
        }
    }
}

/// One line of a file on grouped-query attention.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Format of the products.
    pub attn_dtype: Kind,
    /// Format of the cache.
    pub kv_cache_dtype: Kind,
    /// Sequences.
    pub batch_size: u64,
    /// New positions.
    pub isl: u64,
    /// Query heads.
    pub num_heads: u64,
    /// Key/value heads.
    pub num_key_value_heads: u64,
    /// Width of a head.
    pub head_dim: u64,
    /// Positions before the new ones.
    pub step: u64,
    /// Median time over framework versions, in milliseconds.
    pub median_ms: f64,
    /// Least.
    pub min_ms: f64,
    /// Greatest.
    pub max_ms: f64,
    /// Framework versions that measured the shape.
    pub n_sources: u32,
}

impl Row {
    /// The operator that was measured; the file says which phase.
    pub fn operator(&self, phase: Phase) -> Attention {
        Attention {
            phase,
            batch: self.batch_size,
            queries: self.isl,
            past: self.step,
            heads: self.num_heads,
            kv_heads: self.num_key_value_heads,
            head_dim: self.head_dim,
            window: None,
            compute: self.attn_dtype.format(),
            cache: self.kv_cache_dtype.format(),
        }
    }

    /// The measured time.
    pub fn time(&self) -> Seconds {
        Seconds(self.median_ms / MILLISECONDS)
    }
}

/// One line of a file on latent attention.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatentRow {
    /// Format of the products.
    pub mla_dtype: Kind,
    /// Format of the cache.
    pub kv_cache_dtype: Kind,
    /// Heads.
    pub num_heads: u64,
    /// Sequences.
    pub batch_size: u64,
    /// New positions.
    pub isl: u64,
    /// Positions before the new ones.
    pub step: u64,
    /// Median time over framework versions, in milliseconds.
    pub median_ms: f64,
    /// Least.
    pub min_ms: f64,
    /// Greatest.
    pub max_ms: f64,
    /// Framework versions that measured the shape.
    pub n_sources: u32,
}

impl LatentRow {
    /// The operator that was measured; the file says which phase.
    pub fn operator(&self, phase: Phase) -> Latent {
        Latent {
            phase,
            batch: self.batch_size,
            queries: self.isl,
            past: self.step,
            heads: self.num_heads,
            kv_rank: 512,
            rope_dim: 64,
            nope_dim: 128,
            value_dim: 128,
            compute: self.mla_dtype.format(),
            cache: self.kv_cache_dtype.format(),
        }
    }

    /// The measured time.
    pub fn time(&self) -> Seconds {
        Seconds(self.median_ms / MILLISECONDS)
    }
}

/// The part of a file's name that says what it measures: `attn_prefill`.
pub const fn attention_kind(phase: Phase) -> &'static str {
    match phase {
        Phase::Prefill => "attn_prefill",
        Phase::Decode => "attn_decode",
    }
}

/// The part of a file's name that says what it measures: `mla_prefill`.
pub const fn latent_kind(phase: Phase) -> &'static str {
    match phase {
        Phase::Prefill => "mla_prefill",
        Phase::Decode => "mla_decode",
    }
}

/// Every row of a file on grouped-query attention.
///
/// # Errors
/// As [`rows`].
pub fn read(path: &Path) -> Result<Vec<Row>, SetError> {
    rows(path)
}

/// Every row of a file on latent attention.
///
/// # Errors
/// As [`rows`].
pub fn read_latent(path: &Path) -> Result<Vec<LatentRow>, SetError> {
    rows(path)
}
