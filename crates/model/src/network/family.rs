//! The families: one row per family, naming what it switches on. Building reads a row; nothing afterwards knows which row it was.
//!
//! The rows follow the configuration classes of Hugging Face and the graph builders of llama.cpp. A family that differs from another only in numbers
//! (Mistral from Llama) shares its row. Where a file may say otherwise (a bias, a routing rule), the row holds the default.

use super::facts::{self, Key};
use super::{Activation, NormKind, RopeLayout};

/// Something that a family has, has not, or leaves to the file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Switch {
    /// Never.
    No,
    /// Always.
    Yes,
    /// If the file says so: by this flag of `config.json`, or by the presence of this tensor in a GGUF file.
    Ask { flag: &'static str, tensor: &'static str },
}

/// Which layers have the sliding window, if the file gives a window and does not list the layers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Windows {
    /// Every layer.
    All,
    /// All but each n-th: of `n` layers the last sees everything.
    Cycle(usize),
    /// Those from `max_window_layers` on (Qwen).
    Late,
}

/// How the router of a family's experts decides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Router {
    /// Softmax over all, then the best.
    Softmax,
    /// The best, then softmax over them.
    TopSoftmax,
    /// Sigmoid scores, a bias for the choice, groups.
    Sigmoid,
}

/// One row of the table.
#[derive(Clone, Debug)]
pub(super) struct Family {
    /// GGUF's `general.architecture`, and [`super::Network::family`].
    pub name: &'static str,
    /// Hugging Face's `model_type`s that are this family.
    pub hf: &'static [&'static str],
    /// Pairing of rotated elements in GGUF files.
    pub gguf_layout: RopeLayout,
    /// Pairing of rotated elements in Hugging Face files.
    pub hf_layout: RopeLayout,
    /// Normalisation.
    pub norm: NormKind,
    /// Biases of q, k, v.
    pub qkv_bias: Switch,
    /// Bias of the attention's output.
    pub out_bias: Switch,
    /// Norms of query and key heads.
    pub qk_norm: bool,
    /// Sink logits.
    pub sinks: bool,
    /// Learned positions instead of a rotary embedding.
    pub learned_positions: bool,
    /// Embedding rows times sqrt(hidden).
    pub scaled_embedding: bool,
    /// Norms after attention and feed-forward part.
    pub post_norms: bool,
    /// Whether the head is the embedding where `config.json` does not say.
    pub tied: bool,
    /// Activation.
    pub activation: Activation,
    /// Hugging Face's names of that activation.
    pub activation_names: &'static [&'static str],
    /// Gated feed-forward part.
    pub gated: bool,
    /// Biases in the feed-forward part, routers and experts included.
    pub ffn_bias: Switch,
    /// Which layers have the window.
    pub windows: Windows,
    /// Whether the layers with a window have a rotary embedding of their own, unscaled.
    pub local_rope: bool,
    /// Multi-head latent attention.
    pub latent: bool,
    /// Router, where there are experts and the file does not say.
    pub router: Router,
    /// Chosen weights divided by their sum, where the file does not say.
    pub renormalise: bool,
    /// Sigmoid gate on the shared expert.
    pub shared_gate: bool,
    /// Number of layers of the one size whose scores are scaled by hidden / heads instead of the head's width (GGUF files do not say).
    pub scaled_by_hidden_at: Option<usize>,
    /// Whether YaRN's ramp bounds are whole dimensions, where the file does not say.
    pub yarn_truncate: bool,
    /// Values of missing keys.
    pub defaults: &'static [(Key, f64)],
}

/// Biases that `attention_bias` switches on.
const ASK_QKV: Switch = Switch::Ask { flag: "attention_bias", tensor: "blk.0.attn_q.bias" };
const ASK_OUT: Switch = Switch::Ask { flag: "attention_bias", tensor: "blk.0.attn_output.bias" };
const ASK_MLP: Switch = Switch::Ask { flag: "mlp_bias", tensor: "blk.0.ffn_up.bias" };

/// What most families are; rows name only their differences.
const PLAIN: Family = Family {
    name: "",
    hf: &[],
    gguf_layout: RopeLayout::Half,
    hf_layout: RopeLayout::Half,
    norm: NormKind::Rms,
    qkv_bias: Switch::No,
    out_bias: Switch::No,
    qk_norm: false,
    sinks: false,
    learned_positions: false,
    scaled_embedding: false,
    post_norms: false,
    tied: false,
    activation: Activation::Silu,
    activation_names: &["silu", "swish"],
    gated: true,
    ffn_bias: Switch::No,
    windows: Windows::All,
    local_rope: false,
    latent: false,
    router: Router::Softmax,
    renormalise: true,
    shared_gate: false,
    scaled_by_hidden_at: None,
    yarn_truncate: true,
    defaults: &[(facts::THETA, 10_000.0)],
};

const GEMMA: Family = Family {
    name: "gemma",
    hf: &["gemma"],
    scaled_embedding: true,
    tied: true,
    activation: Activation::GeluTanh,
    activation_names: &["gelu_pytorch_tanh", "gelu"],
    qkv_bias: ASK_QKV,
    out_bias: ASK_OUT,
    ..PLAIN
};

const QWEN2: Family = Family { name: "qwen2", hf: &["qwen2"], qkv_bias: Switch::Yes, windows: Windows::Late, ..PLAIN };

const QWEN3: Family =
    Family { name: "qwen3", hf: &["qwen3"], qkv_bias: ASK_QKV, out_bias: ASK_OUT, qk_norm: true, ..QWEN2 };

const DEEPSEEK: Family = Family {
    name: "deepseek2",
    hf: &["deepseek_v2"],
    gguf_layout: RopeLayout::Interleaved,
    hf_layout: RopeLayout::Interleaved,
    latent: true,
    renormalise: false,
    ..PLAIN
};

/// The table. Two rows may share a GGUF name: the first is taken, and the file's own keys make the difference.
pub(super) static FAMILIES: &[Family] = &[
    Family {
        name: "llama",
        hf: &["llama", "mistral", "mixtral"],
        gguf_layout: RopeLayout::Interleaved,
        qkv_bias: ASK_QKV,
        out_bias: ASK_OUT,
        ffn_bias: ASK_MLP,
        ..PLAIN
    },
    QWEN2,
    Family {
        name: "qwen2moe",
        hf: &["qwen2_moe"],
        qkv_bias: Switch::Yes,
        renormalise: false,
        shared_gate: true,
        ..QWEN2
    },
    QWEN3,
    Family { name: "qwen3moe", hf: &["qwen3_moe"], ..QWEN3 },
    GEMMA,
    Family {
        name: "gemma2",
        hf: &["gemma2"],
        post_norms: true,
        windows: Windows::Cycle(2),
        scaled_by_hidden_at: Some(46),
        defaults: &[
            (facts::THETA, 10_000.0),
            (facts::WINDOW, 4096.0),
            (facts::SCORE_CAP, 50.0),
            (facts::LOGIT_CAP, 30.0),
        ],
        ..GEMMA
    },
    Family {
        name: "gemma3",
        hf: &["gemma3_text", "gemma3"],
        qk_norm: true,
        post_norms: true,
        windows: Windows::Cycle(6),
        local_rope: true,
        scaled_by_hidden_at: Some(62),
        // The configuration files of the released models leave out what equals these.
        defaults: &[
            (facts::THETA, 1_000_000.0),
            (facts::LOCAL_THETA, 10_000.0),
            (facts::WINDOW, 4096.0),
            (facts::HEADS, 8.0),
            (facts::KV_HEADS, 4.0),
            (facts::HEAD_DIM, 256.0),
            (facts::VOCAB, 262_208.0),
            (facts::CONTEXT, 131_072.0),
            (facts::RMS_EPS, 1e-6),
        ],
        ..GEMMA
    },
    Family {
        name: "gpt2",
        hf: &["gpt2"],
        norm: NormKind::Layer,
        qkv_bias: Switch::Yes,
        out_bias: Switch::Yes,
        learned_positions: true,
        tied: true,
        activation: Activation::GeluTanh,
        activation_names: &["gelu_new", "gelu_pytorch_tanh"],
        gated: false,
        ffn_bias: Switch::Yes,
        ..PLAIN
    },
    Family {
        name: "gpt-oss",
        hf: &["gpt_oss"],
        qkv_bias: Switch::Yes,
        out_bias: Switch::Yes,
        sinks: true,
        activation: Activation::SwigluOai,
        ffn_bias: Switch::Yes,
        windows: Windows::Cycle(2),
        router: Router::TopSoftmax,
        yarn_truncate: false,
        defaults: &[(facts::THETA, 150_000.0)],
        ..PLAIN
    },
    DEEPSEEK,
    Family { hf: &["deepseek_v3"], router: Router::Sigmoid, renormalise: true, ..DEEPSEEK },
];

/// The row of a GGUF architecture.
pub(super) fn by_gguf(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|f| f.name == name)
}

/// The row of a Hugging Face model type.
pub(super) fn by_hf(model_type: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|f| f.hf.contains(&model_type))
}

/// The refusal of an unknown family: the nearest known names first.
pub(super) fn unknown(found: &str, known: impl Iterator<Item = &'static str>) -> String {
    let shown: String = found.chars().take(40).collect();
    let mut known: Vec<_> = known.map(|name| (distance(&shown, name), name)).collect();
    known.sort_unstable();
    known.dedup();
    let near: Vec<_> = known.iter().take(3).map(|(_, name)| format!("`{name}`")).collect();
    let all: Vec<_> = known.iter().skip(3).map(|(_, name)| *name).collect();
    format!(
        "the family `{shown}` is not known; the nearest known ones are {}, the others {}",
        near.join(", "),
        all.join(", ")
    )
}

/// Edits (insert, delete, replace) from one name to another.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let cost = (diagonal + usize::from(x != *y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[b.len()]
}
