//! One measurement beside its prediction.
//!
//! Every set, whatever its file looks like, becomes a stream of [`Case`]s: what was measured ([`Subject`]), on which device, what the model said and in
//! which interval, and how far the sources of the measurement disagree among themselves. Nothing downstream knows a file format.

use perf::interval::Interval;
use perf::operator::Operator;
use std::fmt;
use std::sync::Arc;

/// What kind of thing was measured: the rows of the table of targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Matrix products in bfloat16 or binary16.
    GemmBf16,
    /// Matrix products in 8-bit and 4-bit floats.
    GemmNarrow,
    /// Matrix products with weights stored in integers and converted on the way.
    GemmWeightOnly,
    /// Attention over a prompt.
    PrefillAttention,
    /// Attention of one new position per sequence.
    DecodeAttention,
    /// Latent attention over a prompt.
    PrefillLatent,
    /// Latent attention of one new position per sequence.
    DecodeLatent,
    /// Routed mixtures of experts.
    Experts,
    /// All-reduce.
    AllReduce,
    /// All-gather.
    AllGather,
    /// Reduce-scatter and all-to-all.
    OtherCollective,
    /// Norms, softmax, activations, rotary embedding, embedding rows.
    Stream,
    /// A transformer layer on several devices.
    Layer,
    /// Serving in closed loop: time per output token.
    ServingTpot,
    /// Serving in closed loop: time to first token.
    ServingTtft,
    /// A served trace: time per output token.
    TraceTpot,
    /// A served trace: end to end.
    TraceEndToEnd,
    /// A served trace: time to first token.
    TraceTtft,
    /// Power as a fraction of the limit.
    Power,
}

impl Kind {
    /// Every kind, in the order of reports.
    pub const ALL: [Kind; 19] = [
        Kind::GemmBf16,
        Kind::GemmNarrow,
        Kind::GemmWeightOnly,
        Kind::PrefillAttention,
        Kind::DecodeAttention,
        Kind::PrefillLatent,
        Kind::DecodeLatent,
        Kind::Experts,
        Kind::AllReduce,
        Kind::AllGather,
        Kind::OtherCollective,
        Kind::Stream,
        Kind::Layer,
        Kind::ServingTpot,
        Kind::ServingTtft,
        Kind::TraceTpot,
        Kind::TraceEndToEnd,
        Kind::TraceTtft,
        Kind::Power,
    ];

    /// Name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::GemmBf16 => "GEMM bf16",
            Kind::GemmNarrow => "GEMM fp8, nvfp4",
            Kind::GemmWeightOnly => "GEMM int8, int4 weights",
            Kind::PrefillAttention => "prefill attention",
            Kind::DecodeAttention => "decode attention",
            Kind::PrefillLatent => "prefill latent attention",
            Kind::DecodeLatent => "decode latent attention",
            Kind::Experts => "mixture of experts",
            Kind::AllReduce => "all-reduce",
            Kind::AllGather => "all-gather",
            Kind::OtherCollective => "reduce-scatter, all-to-all",
            Kind::Stream => "streaming operators",
            Kind::Layer => "transformer layer",
            Kind::ServingTpot => "serving points: TPOT",
            Kind::ServingTtft => "serving points: TTFT",
            Kind::TraceTpot => "served trace: TPOT",
            Kind::TraceEndToEnd => "served trace: end to end",
            Kind::TraceTtft => "served trace: TTFT",
            Kind::Power => "power",
        }
    }

    /// What its values are in.
    pub const fn unit(self) -> &'static str {
        match self {
            Kind::Power => "of the limit",
            _ => "s",
        }
    }

    /// The kind of a measured operator.
    pub fn of(operator: &Operator) -> Kind {
        use perf::format::Format;
        use perf::operator::{CollectiveKind, Phase};
        match operator {
            Operator::Gemm(gemm) => match gemm.weights {
                Format::Int4 | Format::Int8 => Kind::GemmWeightOnly,
                Format::Fp32 | Format::Tf32 | Format::Bf16 | Format::Fp16 => Kind::GemmBf16,
                Format::Fp8 | Format::Fp8Block | Format::Mxfp4 | Format::Mxfp8 | Format::Nvfp4 => Kind::GemmNarrow,
            },
            Operator::Attention(attention) => match attention.phase {
                Phase::Prefill => Kind::PrefillAttention,
                Phase::Decode => Kind::DecodeAttention,
            },
            Operator::Latent(latent) => match latent.phase {
                Phase::Prefill => Kind::PrefillLatent,
                Phase::Decode => Kind::DecodeLatent,
            },
            Operator::Experts(_) => Kind::Experts,
            Operator::Stream(_) => Kind::Stream,
            Operator::Collective(collective) => match collective.kind {
                CollectiveKind::AllReduce => Kind::AllReduce,
                CollectiveKind::AllGather => Kind::AllGather,
                _ => Kind::OtherCollective,
            },
        }
    }
}

/// What the model knew of a device before it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Knowledge {
    /// Parameters fitted on other measurements of the same device.
    Calibrated,
    /// Data sheet only; parameters from other devices.
    NeverFitted,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// One operator.
    Operator(Operator),
    /// Anything else, in words.
    Named(Box<str>),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Operator(operator) => f.write_str(&words(operator)),
            Subject::Named(name) => f.write_str(name),
        }
    }
}

/// An operator in a few words.
fn words(operator: &Operator) -> String {
    match operator {
        Operator::Gemm(gemm) => format!("{} x {} x {} {}", gemm.m, gemm.n, gemm.k, gemm.weights),
        Operator::Attention(a) => format!(
            "batch {}, {} new after {}, {}/{} heads of {}{}, {} cache",
            a.batch,
            a.queries,
            a.past,
            a.heads,
            a.kv_heads,
            a.head_dim,
            a.window.map(|window| format!(", window {window}")).unwrap_or_default(),
            a.cache
        ),
        Operator::Latent(l) => {
            format!("batch {}, {} new after {}, {} heads, {} cache", l.batch, l.queries, l.past, l.heads, l.cache)
        }
        Operator::Experts(e) => format!(
            "{} tokens, {} of {} experts, {} x {}, tp {} ep {}, {}, {}",
            e.tokens,
            e.top_k,
            e.experts,
            e.hidden,
            e.inner,
            e.tensor_parallel,
            e.expert_parallel,
            e.weights,
            match e.spread {
                perf::operator::Spread::Balanced => "balanced".to_string(),
                perf::operator::Spread::PowerLaw { alpha } => format!("power law {alpha}"),
            }
        ),
        Operator::Stream(s) => format!("{:?}, {} rows of {}", s.kind, s.rows, s.width).to_lowercase(),
        Operator::Collective(c) => format!("{:?}, {} ranks, {} B", c.kind, c.ranks, c.bytes),
    }
}

/// One measurement and its prediction, in the unit of its kind.
#[derive(Clone, Debug)]
pub struct Case {
    /// What was measured.
    pub subject: Subject,
    /// Which kind it counts under.
    pub kind: Kind,
    /// Key of the device.
    pub device: Arc<str>,
    /// Part of the range that has its own row: `m <= 64`.
    pub regime: Arc<str>,
    /// Further rows that it counts under.
    pub also: Vec<Arc<str>>,
    /// What was known of the device.
    pub knowledge: Knowledge,
    /// What the model says.
    pub predicted: f64,
    /// The measurement, the median where there are several.
    pub measured: f64,
    /// Least and greatest of several measurements.
    pub spread: Option<(f64, f64)>,
    /// Where nine of ten measurements should fall.
    pub interval: Option<Interval>,
}

impl Case {
    /// Signed relative error.
    pub fn error(&self) -> f64 {
        self.predicted / self.measured - 1.0
    }

    /// Whether the measurement lies within the interval; `None` without one.
    pub fn covered(&self) -> Option<bool> {
        self.interval.map(|interval| interval.contains(self.measured))
    }

    /// How far the extremes of the sources lie from their median, on average: no model that sees only the shape can be closer to both.
    pub fn floor(&self) -> Option<f64> {
        let (low, high) = self.spread?;
        Some((high - low) / (2.0 * self.measured))
    }
}
