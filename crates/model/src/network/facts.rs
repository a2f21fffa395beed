//! The keys that a network's description is made from, and their checked reading.
//!
//! One [`Key`] carries both spellings, GGUF's and Hugging Face's, so that a fact is said once and both containers are read by the same code. A
//! [`Source`] only looks up; [`Facts`] checks: counts are whole and bounded, numbers finite, and a refusal names the key as the file spells it.

use std::path::Path;

use super::family::{Family, Switch};
use crate::error::{Error, Result};

/// Most layers of a network.
pub(super) const MAX_LAYERS: usize = 1024;
/// Widest vector of a network (residual stream, inner width, all heads together).
pub(super) const MAX_WIDTH: usize = 1 << 20;
/// Widest head.
pub(super) const MAX_HEAD: usize = 1 << 13;
/// Most tokens of a vocabulary.
pub(super) const MAX_VOCAB: usize = 1 << 24;
/// Longest context.
pub(super) const MAX_CONTEXT: usize = 1 << 30;

/// A fact's spellings: the GGUF key after the architecture's name (empty: not in GGUF), and the keys of `config.json`, first match wins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Key {
    pub gguf: &'static str,
    pub hf: &'static [&'static str],
}

macro_rules! keys {
    ($($name:ident: $gguf:literal, [$($hf:literal),*];)*) => {
        $(pub(super) const $name: Key = Key { gguf: $gguf, hf: &[$($hf),*] };)*
    };
}

keys! {
    VOCAB: "vocab_size", ["vocab_size"];
    HIDDEN: "embedding_length", ["hidden_size", "n_embd"];
    CONTEXT: "context_length", ["max_position_embeddings", "n_positions"];
    LAYERS: "block_count", ["num_hidden_layers", "n_layer"];
    EXTRA_LAYERS: "nextn_predict_layers", [];
    RMS_EPS: "attention.layer_norm_rms_epsilon", ["rms_norm_eps"];
    LAYER_EPS: "attention.layer_norm_epsilon", ["layer_norm_epsilon"];
    TIED: "", ["tie_word_embeddings"];
    LOGIT_CAP: "final_logit_softcapping", ["final_logit_softcapping"];
    HEADS: "attention.head_count", ["num_attention_heads", "n_head"];
    KV_HEADS: "attention.head_count_kv", ["num_key_value_heads"];
    HEAD_DIM: "attention.key_length", ["head_dim"];
    VALUE_DIM: "attention.value_length", [];
    QUERY_SCALAR: "", ["query_pre_attn_scalar"];
    SCORE_SCALE: "attention.scale", [];
    SCORE_CAP: "attn_logit_softcapping", ["attn_logit_softcapping"];
    WINDOW: "attention.sliding_window", ["sliding_window"];
    WINDOW_CYCLE: "attention.sliding_window_pattern", ["sliding_window_pattern", "_sliding_window_pattern"];
    USE_WINDOW: "", ["use_sliding_window"];
    LATE_WINDOW: "", ["max_window_layers"];
    LAYER_TYPES: "", ["layer_types"];
    THETA: "rope.freq_base", ["rope_theta"];
    LOCAL_THETA: "rope.freq_base_swa", ["rope_local_base_freq"];
    ROPE_DIMS: "rope.dimension_count", [];
    PARTIAL: "", ["partial_rotary_factor"];
    INNER: "feed_forward_length", ["intermediate_size", "n_inner"];
    ACTIVATION: "", ["hidden_act", "hidden_activation", "activation_function"];
    EXPERTS: "expert_count", ["num_local_experts", "num_experts", "n_routed_experts"];
    TOP_K: "expert_used_count", ["num_experts_per_tok"];
    EXPERT_INNER: "expert_feed_forward_length", ["moe_intermediate_size"];
    SHARED_INNER: "expert_shared_feed_forward_length", ["shared_expert_intermediate_size"];
    SHARED_COUNT: "expert_shared_count", ["n_shared_experts"];
    RENORMALISE: "expert_weights_norm", ["norm_topk_prob"];
    WEIGHT_SCALE: "expert_weights_scale", ["routed_scaling_factor"];
    GATING: "expert_gating_func", [];
    GROUPS: "expert_group_count", ["n_group"];
    TOP_GROUPS: "expert_group_used_count", ["topk_group"];
    TOP_METHOD: "", ["topk_method"];
    DENSE_LAYERS: "leading_dense_block_count", ["first_k_dense_replace"];
    SPARSE_STEP: "", ["decoder_sparse_step", "moe_layer_freq"];
    MLP_ONLY: "", ["mlp_only_layers"];
    Q_RANK: "attention.q_lora_rank", ["q_lora_rank"];
    KV_RANK: "attention.kv_lora_rank", ["kv_lora_rank"];
    NOPE_DIM: "", ["qk_nope_head_dim"];
    LATENT_ROPE_DIM: "rope.dimension_count", ["qk_rope_head_dim"];
    LATENT_KEY_DIM: "attention.key_length_mla", [];
    LATENT_VALUE_DIM: "attention.value_length_mla", ["v_head_dim"];
    SWIGLU_LIMIT: "", ["swiglu_limit"];
    SWIGLU_ALPHA: "", ["swiglu_alpha"];
    SCALED_SCORES: "", ["scale_attn_weights"];
    SCALED_BY_LAYER: "", ["scale_attn_by_inverse_layer_idx"];
}

/// A value of either container.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fact {
    /// True or false.
    Flag(bool),
    /// Any number; whole numbers up to 2^53 are exact.
    Number(f64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Fact>),
    /// Explicitly nothing: no default applies.
    Nothing,
}

/// A container's metadata: looks up, judges nothing.
pub(super) trait Source {
    /// The file, for refusals.
    fn file(&self) -> &Path;
    /// A fact with the key as the file spells it.
    fn find(&self, key: &Key) -> Option<(String, Fact)>;
    /// The key as this container would spell it, for the refusal of a missing one.
    fn spelling(&self, key: &Key) -> String;
    /// A switch that the family leaves to the file.
    fn ask(&self, flag: &str, tensor: &str) -> Result<bool>;
}

/// Checked reading of a source, with the family's defaults.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    /// Where the facts come from.
    pub source: &'a dyn Source,
    /// The family's row.
    pub family: &'static Family,
}

impl Facts<'_> {
    /// A refusal: "file: what".
    pub fn refuse(&self, what: impl Into<String>) -> Error {
        Error::Unsupported { file: self.source.file().to_owned(), what: what.into() }
    }

    /// The fact and its spelling; the family's default if the file is silent; `None` also if the file says `null`.
    fn find(&self, key: &Key) -> Option<(String, Fact)> {
        match self.source.find(key) {
            Some((_, Fact::Nothing)) => None,
            Some(found) => Some(found),
            None => {
                let (_, value) = self.family.defaults.iter().find(|(k, _)| k == key)?;
                Some((self.source.spelling(key), Fact::Number(*value)))
            }
        }
    }

    fn missing(&self, key: &Key) -> Error {
        let name = self.source.spelling(key);
        self.refuse(format!("`{name}` is missing, and family `{}` needs it", self.family.name))
    }

    fn wrong(&self, name: &str, found: &Fact, expected: &str) -> Error {
        let found: String = format!("{found:?}").chars().take(60).collect();
        self.refuse(format!("`{name}` is {found}, and it must be {expected}"))
    }

    /// A finite number, if there is one. A list of equal numbers (GGUF's per-layer form) counts as one number.
    pub fn real(&self, key: &Key) -> Result<Option<f64>> {
        let Some((name, fact)) = self.find(key) else { return Ok(None) };
        let one = match &fact {
            Fact::List(list) if !list.is_empty() && list.iter().all(|f| *f == list[0]) => &list[0],
            Fact::List(_) => {
                return Err(self.refuse(format!("`{name}` differs from layer to layer, which is not supported")));
            }
            other => other,
        };
        match one {
            Fact::Number(x) if x.is_finite() => Ok(Some(*x)),
            _ => Err(self.wrong(&name, &fact, "a finite number")),
        }
    }

    /// A finite number above 0, if there is one.
    pub fn positive(&self, key: &Key) -> Result<Option<f32>> {
        let Some(x) = self.real(key)? else { return Ok(None) };
        let narrow = x as f32;
        if narrow > 0.0 && narrow.is_finite() {
            return Ok(Some(narrow));
        }
        let name = self.source.spelling(key);
        Err(self.refuse(format!("`{name}` is {x}, and it must be a positive number of 32 bits")))
    }

    /// A whole number in `0..=most`, if there is one.
    pub fn count(&self, key: &Key, most: usize) -> Result<Option<usize>> {
        let Some(x) = self.real(key)? else { return Ok(None) };
        if x < 0.0 || x.fract() != 0.0 || x > most as f64 {
            let name = self.source.spelling(key);
            return Err(self.refuse(format!("`{name}` is {x}, and it must be a whole number of at most {most}")));
        }
        Ok(Some(x as usize))
    }

    /// A whole number in `1..=most` that must be there.
    pub fn need(&self, key: &Key, most: usize) -> Result<usize> {
        match self.count(key, most)? {
            Some(0) => Err(self.refuse(format!("`{}` is 0, and it must be at least 1", self.source.spelling(key)))),
            Some(x) => Ok(x),
            None => Err(self.missing(key)),
        }
    }

    /// A truth value, if there is one.
    pub fn flag(&self, key: &Key) -> Result<Option<bool>> {
        match self.find(key) {
            None => Ok(None),
            Some((_, Fact::Flag(x))) => Ok(Some(x)),
            Some((name, other)) => Err(self.wrong(&name, &other, "true or false")),
        }
    }

    /// A string, if there is one.
    pub fn text(&self, key: &Key) -> Result<Option<String>> {
        match self.find(key) {
            None => Ok(None),
            Some((_, Fact::Text(x))) => Ok(Some(x)),
            Some((name, other)) => Err(self.wrong(&name, &other, "a string")),
        }
    }

    /// A list, if there is one.
    pub fn list(&self, key: &Key) -> Option<Vec<Fact>> {
        match self.find(key) {
            Some((_, Fact::List(list))) => Some(list),
            _ => None,
        }
    }

    /// An epsilon: at least 0, below 1, there.
    pub fn epsilon(&self, key: &Key) -> Result<f32> {
        let eps = self.real(key)?.ok_or_else(|| self.missing(key))?;
        if (0.0..1.0).contains(&eps) {
            return Ok(eps as f32);
        }
        Err(self.refuse(format!("`{}` is {eps}, and it must be at least 0 and below 1", self.source.spelling(key))))
    }

    /// A switch of the family, asking the file where the family does not know.
    pub fn switch(&self, switch: Switch) -> Result<bool> {
        match switch {
            Switch::No => Ok(false),
            Switch::Yes => Ok(true),
            Switch::Ask { flag, tensor } => self.source.ask(flag, tensor),
        }
    }
}
