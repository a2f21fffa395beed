//! Kernel times of matrix products: `gemm.{calibrate,test}.csv.gz`.
//!
//! One row is a shape and the median over framework versions of its time. The format names say what the framework was asked for: `fp8_block` is
//! DeepSeek's (weights scaled per 128 x 128), `int4_wo` and `int8_wo` keep bfloat16 activations and widen the weights on the way, `sq` is 8-bit integers on both
//! sides (SmoothQuant). The result is bfloat16 throughout.

use crate::sets::{MILLISECONDS, SetError, Timed, rows};
use base::units::Seconds;
use perf::format::Format;
use perf::operator::{Gemm, Operator};
use serde::Deserialize;
use std::path::Path;

/// The formats of a measured product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub enum Kind {
    /// bfloat16 on both sides.
    #[serde(rename = "bfloat16")]
    Bf16,
    /// 8-bit float on both sides, a scale per tensor.
    #[serde(rename = "fp8")]
    Fp8,
    /// 8-bit float on both sides, with a scale of the activations that is known beforehand.
    #[serde(rename = "fp8_static")]
    Fp8Static,
    /// 8-bit float on both sides, block scales.
    #[serde(rename = "fp8_block")]
    Fp8Block,
    /// E2M1 on both sides with E4M3 scales.
    #[serde(rename = "nvfp4")]
    Nvfp4,
    /// 4-bit integer weights, bfloat16 activations.
    #[serde(rename = "int4_wo")]
    Int4Weights,
    /// 8-bit integer weights, bfloat16 activations.
    #[serde(rename = "int8_wo")]
    Int8Weights,
    /// 8-bit integers on both sides.
    #[serde(rename = "sq")]
    Int8,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 8] = [
        Kind::Bf16,
        Kind::Fp8,
        Kind::Fp8Static,
        Kind::Fp8Block,
        Kind::Nvfp4,
        Kind::Int4Weights,
        Kind::Int8Weights,
        Kind::Int8,
    ];

    /// Short name for reports.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Bf16 => "bf16",
            Kind::Fp8 => "fp8",
            Kind::Fp8Static => "fp8 static",
            Kind::Fp8Block => "fp8-block",
            Kind::Nvfp4 => "nvfp4",
            Kind::Int4Weights => "int4 weights",
            Kind::Int8Weights => "int8 weights",
            Kind::Int8 => "int8",
        }
    }

    /// Whether the device multiplies both sides as they are stored, by floating-point units; kernels that widen integers on the way differ between
    /// frameworks by factors of two on the same device, so that they say nothing about the device.
    pub const fn is_plain(self) -> bool {
        matches!(self, Kind::Bf16 | Kind::Fp8 | Kind::Nvfp4)
    }

    /// Formats of weights and activations.
    pub const fn formats(self) -> (Format, Format) {
        match self {
            Kind::Bf16 => (Format::Bf16, Format::Bf16),
            Kind::Fp8 | Kind::Fp8Static => (Format::Fp8, Format::Fp8),
            Kind::Fp8Block => (Format::Fp8Block, Format::Fp8Block),
            Kind::Nvfp4 => (Format::Nvfp4, Format::Nvfp4),
            Kind::Int4Weights => (Format::Int4, Format::Bf16),
            Kind::Int8Weights => (Format::Int8, Format::Bf16),
            Kind::Int8 => (Format::Int8, Format::Int8),
        }
    }
}

/// One line of a file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Formats.
    pub gemm_dtype: Kind,
    /// Rows.
    pub m: u64,
    /// Columns.
    pub n: u64,
    /// Reduction.
    pub k: u64,
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
    /// The product that was measured.
    pub fn operator(&self) -> Gemm {
        let (weights, activations) = self.gemm_dtype.formats();
        Gemm { m: self.m, n: self.n, k: self.k, count: 1, weights, activations, output: Format::Bf16 }
    }

    /// The measured time.
    pub fn time(&self) -> Seconds {
        Seconds(self.median_ms / MILLISECONDS)
    }
}

impl Timed for Row {
    fn operator(&self) -> Operator {
        Operator::Gemm(self.operator())
    }

    fn time(&self) -> Seconds {
        self.time()
    }

    fn spread(&self) -> (Seconds, Seconds) {
        (Seconds(self.min_ms / MILLISECONDS), Seconds(self.max_ms / MILLISECONDS))
    }
}

/// Every row of a file.
///
/// # Errors
/// As [`rows`].
pub fn read(path: &Path) -> Result<Vec<Row>, SetError> {
    rows(path)
}
