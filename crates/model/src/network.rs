//! The description of a network: one configuration-driven type for every family.
//!
//! A [`Network`] says what is computed, in the order it is computed, and names no tensor's bytes. It is made from GGUF metadata or from a Hugging
//! Face `config.json`; both paths must give the same description for the same model. Tensors are named by the GGUF convention
//! (`blk.3.attn_q.weight`), whatever file they come from.
//!
//! Making one is three steps, each its own module. `family` is a table: one row per family, naming what it switches on. `facts` reads the numbers:
//! one key carries both spellings, and every value is checked where it is read, so a hostile file is refused with the key's name. `build` puts row
//! and numbers together. The two containers differ only in how they look a key up and in how they spell the rotary embedding (`gguf`, `hf`).
//! A new family is a new row; a new kind of layer is a new field here first.
//!
//! Beside the description stand its consequences: the tables of the rotary embedding ([`Rope::table`]) and the tensors it needs
//! ([`Network::tensors`], [`Network::check`]).

mod build;
mod facts;
mod family;
mod gguf;
mod hf;
mod rope;
mod tensors;

use std::path::Path;

pub use tensors::TensorNeed;

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::gguf::Gguf;

/// A decoder-only language model.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Family by its GGUF name (`llama`, `qwen2`, `gpt-oss`, ...; Mistral and Mixtral are `llama`): for people; nothing branches on it after the
    /// description is built.
    pub family: String,
    /// The model's own name, if the file gives one.
    pub name: String,
    /// Tokens in the vocabulary: rows of the embedding and of the output head.
    pub vocab: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Longest sequence the model was made for, in tokens.
    pub context: usize,
    /// Factor on the embedding row (Gemma: sqrt(hidden); else 1).
    pub embed_scale: f32,
    /// Whether a learned position embedding (`position_embd.weight`) is added (GPT-2).
    pub learned_positions: bool,
    /// The layers, first to last.
    pub layers: Vec<Layer>,
    /// Norm before the head (`output_norm`).
    pub final_norm: Norm,
    /// Whether the head is the embedding matrix (no `output.weight`).
    pub tied_head: bool,
    /// `cap * tanh(x / cap)` on the logits (Gemma 2).
    pub logit_softcap: Option<f32>,
}

impl Network {
    /// The network of a model file.
    ///
    /// # Errors
    /// As [`Network::from_gguf`] and [`Network::from_hf`]; also if a safetensors file has no `config.json` beside it.
    pub fn of(checkpoint: &Checkpoint) -> Result<Network> {
        match (checkpoint.gguf(), checkpoint.config()) {
            (Some(gguf), _) => Network::from_gguf(gguf),
            (None, Some(config)) => hf::describe(config, checkpoint.path()),
            (None, None) => Err(Error::Unsupported {
                file: checkpoint.path().to_owned(),
                what: "there is no config.json that describes the network: put the model's own beside the weights"
                    .into(),
            }),
        }
    }

    /// The network that a GGUF file's metadata describe.
    ///
    /// # Errors
    /// If the family is not known (the nearest known ones are named), a key is missing, or a value makes no network.
    pub fn from_gguf(gguf: &Gguf) -> Result<Network> {
        gguf::describe(gguf)
    }

    /// The network that a Hugging Face `config.json` describes.
    ///
    /// # Errors
    /// If the family is not known (the nearest known ones are named), a key is missing, or a value makes no network.
    pub fn from_hf(config: &serde_json::Value) -> Result<Network> {
        hf::describe(config, Path::new("config.json"))
    }
}

/// One decoder layer: `x += attention(norm(x))`, then `x += ffn(norm(x))`.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Norm before attention (`attn_norm`).
    pub attn_norm: Norm,
    /// Attention.
    pub attention: Attention,
    /// Norm on the attention's output before the residual sum (`post_attention_norm`; Gemma 2 and 3).
    pub post_attn_norm: Option<Norm>,
    /// Norm before the feed-forward part (`ffn_norm`).
    pub ffn_norm: Norm,
    /// Feed-forward part.
    pub ffn: FeedForward,
    /// Norm on its output before the residual sum (`post_ffw_norm`; Gemma 2 and 3).
    pub post_ffn_norm: Option<Norm>,
}

/// Which normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// x / rms(x) * w.
    Rms,
    /// (x - mean) / std * w + b.
    Layer,
}

/// A normalisation with its epsilon. Weights carry any "+1" (Gemma) already: the importer adds it where the file does not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Norm {
    /// Which.
    pub kind: NormKind,
    /// Added to the mean square.
    pub eps: f32,
}

/// Attention of one layer.
#[derive(Clone, Debug, PartialEq)]
pub enum Attention {
    /// Multi-head, multi-query and grouped-query attention.
    Grouped(GroupedAttention),
    /// Multi-head latent attention (DeepSeek V2/V3).
    Latent(LatentAttention),
}

/// Grouped-query attention: `heads` query heads share `kv_heads` key/value heads.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupedAttention {
    /// Query heads.
    pub heads: usize,
    /// Key/value heads; divides `heads`.
    pub kv_heads: usize,
    /// Width of a head (may differ from hidden / heads).
    pub head_dim: usize,
    /// Bias on the q, k, v projections (`attn_q.bias`, ...).
    pub qkv_bias: bool,
    /// Bias on the output projection (`attn_output.bias`).
    pub out_bias: bool,
    /// RMS norm over each query and key head (`attn_q_norm`, `attn_k_norm`), before the rotary embedding.
    pub qk_norm: Option<Norm>,
    /// Rotary embedding, if this layer has one.
    pub rope: Option<Rope>,
    /// Sliding window: a query at position p sees positions p-window+1 ..= p.
    pub window: Option<usize>,
    /// A learned sink logit per head joins the softmax (`attn_sinks.weight`; gpt-oss).
    pub sinks: bool,
    /// Factor on q.k before the softmax.
    pub scale: f32,
    /// `cap * tanh(x / cap)` on the scores (Gemma 2).
    pub softcap: Option<f32>,
}

/// Multi-head latent attention: keys and values are expanded from one compressed row per position.
#[derive(Clone, Debug, PartialEq)]
pub struct LatentAttention {
    /// Heads.
    pub heads: usize,
    /// Rank of the compressed query (`attn_q_a`, `attn_q_a_norm`, `attn_q_b`); `None`: a plain `attn_q`.
    pub q_rank: Option<usize>,
    /// Rank of the compressed key/value (`attn_kv_a_mqa`, `attn_kv_a_norm`, `attn_kv_b`).
    pub kv_rank: usize,
    /// Width of a head's part without rotary embedding.
    pub nope_dim: usize,
    /// Width of the part with rotary embedding (shared by all heads on the key side).
    pub rope_dim: usize,
    /// Width of a value head.
    pub value_dim: usize,
    /// Norm of the compressed rows.
    pub norm: Norm,
    /// Rotary embedding of the rope part.
    pub rope: Rope,
    /// Factor on q.k before the softmax (any YaRN factor included).
    pub scale: f32,
}

/// Which elements of a head form the rotated pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RopeLayout {
    /// Pairs (2i, 2i+1): GGUF `llama` files.
    Interleaved,
    /// Pairs (i, i + dims/2): Hugging Face, GGUF `qwen2`, `gpt-oss`, ...
    Half,
}

/// Rotary position embedding.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// Base of the frequencies.
    pub theta: f32,
    /// Rotated dimensions of a head, from its start (even; the rest passes through).
    pub dims: usize,
    /// Pairing.
    pub layout: RopeLayout,
    /// Context extension.
    pub scaling: RopeScaling,
}

/// How the rotary frequencies are stretched for long contexts.
#[derive(Clone, Debug, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// Every frequency divided by the factor.
    Linear {
        /// The factor.
        factor: f32,
    },
    /// Llama 3.1: low frequencies divided, high ones kept, a ramp between.
    Llama3 {
        /// Division of the low frequencies.
        factor: f32,
        /// Wavelength bound, low side.
        low_freq_factor: f32,
        /// Wavelength bound, high side.
        high_freq_factor: f32,
        /// Context length before extension.
        original_context: usize,
    },
    /// YaRN (gpt-oss, DeepSeek, Qwen long): ramp in the exponent, and a factor on cos and sin.
    Yarn {
        /// Extension factor.
        factor: f32,
        /// Context length before extension.
        original_context: usize,
        /// Rotations above which a frequency is kept.
        beta_fast: f32,
        /// Rotations below which it is divided.
        beta_slow: f32,
        /// Factor on cos and sin.
        attention_factor: f32,
        /// Whether the ramp's bounds are rounded to whole dimensions (gpt-oss: no).
        truncate: bool,
    },
    /// A factor per frequency from the file (`rope_freqs.weight`): frequency i is divided by factor i.
    Factors(Vec<f32>),
}

/// Activation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x * sigmoid(x).
    Silu,
    /// The tanh form of GELU.
    GeluTanh,
    /// gpt-oss: gate clamped to at most 7, up to -7..=7, `gate * sigmoid(1.702 gate) * (up + 1)`.
    SwigluOai,
}

/// Feed-forward part of a layer.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedForward {
    /// One network for every token (`ffn_gate`, `ffn_up`, `ffn_down`).
    Dense(DenseFfn),
    /// A router picks `top_k` of `experts` networks per token (`ffn_gate_inp`, `ffn_gate_exps`, `ffn_up_exps`, `ffn_down_exps`).
    Experts(ExpertFfn),
}

/// A dense feed-forward network.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseFfn {
    /// Inner width.
    pub inner: usize,
    /// Activation.
    pub activation: Activation,
    /// `down(act(gate x) * up x)` if true, else `down(act(up x))`.
    pub gated: bool,
    /// Biases on every projection.
    pub bias: bool,
}

/// How router logits become expert weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Routing {
    /// Softmax over all experts, then the top k; `renormalise`: the chosen weights are divided by their sum (Mixtral, Qwen3-MoE).
    SoftmaxThenTop {
        /// Divide by the sum of the chosen.
        renormalise: bool,
    },
    /// Top k logits, then softmax over them (gpt-oss).
    TopThenSoftmax,
    /// DeepSeek V3: sigmoid scores; chosen by score + bias (`exp_probs_b`) within the best groups; weights are the scores, renormalised.
    SigmoidGrouped {
        /// Groups of experts.
        groups: usize,
        /// Groups that may be chosen from (each group scored by the sum of its two best).
        top_groups: usize,
        /// Divide by the sum of the chosen.
        renormalise: bool,
    },
}

/// A mixture of experts.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpertFfn {
    /// Number of experts.
    pub experts: usize,
    /// Experts per token.
    pub top_k: usize,
    /// Inner width of an expert.
    pub inner: usize,
    /// Inner width of the shared expert that every token passes (`ffn_gate_shexp`, ...), 0 if none.
    pub shared_inner: usize,
    /// Whether the shared expert's output is multiplied by a sigmoid gate (`ffn_gate_inp_shexp`; Qwen2-MoE).
    pub shared_gate: bool,
    /// Activation (experts are gated).
    pub activation: Activation,
    /// Routing.
    pub routing: Routing,
    /// Factor on the experts' weights after routing.
    pub weight_scale: f32,
    /// Biases on the router and the experts' projections (gpt-oss).
    pub bias: bool,
}
