//! Kernel times of routed experts: `moe.{calibrate,test}.csv.gz`.
//!
//! One row is what one device of a group does in a mixture-of-experts layer, from the router's choice to the combined result, without exchanges:
//! the median over frameworks (which differ much more here than elsewhere: the slowest takes twice to ten times as long as the fastest) and their
//! versions. `num_tokens` enter the layer over the whole expert-parallel group; the device holds `num_experts / moe_ep_size` experts, of each
//! `inter_size / moe_tp_size` inner columns. With a power law, the device measured is the busiest of the group: its time grows as the greatest of the
//! group's loads does.

use crate::sets::{MILLISECONDS, SetError, Timed, rows};
use base::units::Seconds;
use perf::format::Format;
use perf::operator::{Experts, Operator, Spread};
use serde::Deserialize;
use std::path::Path;

/// The formats of measured experts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub enum Kind {
    /// bfloat16 on both sides.
    #[serde(rename = "bfloat16")]
    Bf16,
    /// 8-bit float on both sides, a scale per tensor.
    #[serde(rename = "fp8")]
    Fp8,
    /// 8-bit float on both sides, block scales.
    #[serde(rename = "fp8_block")]
    Fp8Block,
    /// E2M1 on both sides with E4M3 scales.
    #[serde(rename = "nvfp4")]
    Nvfp4,
    /// 4-bit integer weights, bfloat16 activations.
    #[serde(rename = "int4_wo")]
    Int4Weights,
    /// Microscaling E2M1 weights, bfloat16 activations.
    #[serde(rename = "w4a16_mxfp4")]
    Mxfp4Weights,
    /// Microscaling E2M1 weights, microscaling 8-bit float activations.
    #[serde(rename = "w4a8_mxfp4_mxfp8")]
    Mxfp4Mxfp8,
    /// 4-bit integer weights, 8-bit float activations.
    #[serde(rename = "w4afp8")]
    Int4Fp8,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 8] = [
        Kind::Bf16,
        Kind::Fp8,
        Kind::Fp8Block,
        Kind::Nvfp4,
        Kind::Int4Weights,
        Kind::Mxfp4Weights,
        Kind::Mxfp4Mxfp8,
        Kind::Int4Fp8,
    ];

    /// Short name for reports.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Bf16 => "bf16",
            Kind::Fp8 => "fp8",
            Kind::Fp8Block => "fp8-block",
            Kind::Nvfp4 => "nvfp4",
            Kind::Int4Weights => "int4 weights",
            Kind::Mxfp4Weights => "mxfp4 weights",
            Kind::Mxfp4Mxfp8 => "mxfp4 x mxfp8",
            Kind::Int4Fp8 => "int4 x fp8",
        }
    }

    /// Formats of weights and activations.
    pub const fn formats(self) -> (Format, Format) {
        match self {
            Kind::Bf16 => (Format::Bf16, Format::Bf16),
            Kind::Fp8 => (Format::Fp8, Format::Fp8),
            Kind::Fp8Block => (Format::Fp8Block, Format::Fp8Block),
            Kind::Nvfp4 => (Format::Nvfp4, Format::Nvfp4),
            Kind::Int4Weights => (Format::Int4, Format::Bf16),
            Kind::Mxfp4Weights => (Format::Mxfp4, Format::Bf16),
            Kind::Mxfp4Mxfp8 => (Format::Mxfp4, Format::Mxfp8),
            Kind::Int4Fp8 => (Format::Int4, Format::Fp8),
        }
    }
}

/// How the load was spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub enum Distribution {
    /// Evenly.
    #[serde(rename = "balanced")]
    Balanced,
    /// By a power law with exponent 1.01.
    #[serde(rename = "power_law_1.01")]
    PowerLaw101,
    /// By a power law with exponent 1.2.
    #[serde(rename = "power_law_1.2")]
    PowerLaw120,
}

impl Distribution {
    /// As the operator has it.
    pub const fn spread(self) -> Spread {
        match self {
            Distribution::Balanced => Spread::Balanced,
            Distribution::PowerLaw101 => Spread::PowerLaw { alpha: 1.01 },
            Distribution::PowerLaw120 => Spread::PowerLaw { alpha: 1.2 },
        }
    }
}

/// One line of a file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Formats.
    pub moe_dtype: Kind,
    /// Spread of the load.
    pub distribution: Distribution,
    /// Tokens of the whole group.
    pub num_tokens: u64,
    /// Width of the residual stream.
    pub hidden_size: u64,
    /// Inner width of an expert.
    pub inter_size: u64,
    /// Experts per token.
    pub topk: u64,
    /// Experts of the layer.
    pub num_experts: u64,
    /// Devices that share an expert.
    pub moe_tp_size: u64,
    /// Devices that the experts are spread over.
    pub moe_ep_size: u64,
    /// Median time over frameworks, in milliseconds.
    pub median_ms: f64,
    /// Least.
    pub min_ms: f64,
    /// Greatest.
    pub max_ms: f64,
    /// Framework versions that measured the shape.
    pub n_sources: u32,
}

impl Row {
    /// What was measured.
    pub fn operator(&self) -> Experts {
        let (weights, activations) = self.moe_dtype.formats();
        Experts {
            tokens: self.num_tokens,
            hidden: self.hidden_size,
            inner: self.inter_size,
            experts: self.num_experts,
            top_k: self.topk,
            tensor_parallel: self.moe_tp_size,
            expert_parallel: self.moe_ep_size,
            spread: self.distribution.spread(),
            weights,
            activations,
        }
    }

    /// The measured time.
    pub fn time(&self) -> Seconds {
        Seconds(self.median_ms / MILLISECONDS)
    }
}

impl Timed for Row {
    fn operator(&self) -> Operator {
        Operator::Experts(self.operator())
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
