//! The tensors that a description needs: names, shapes, counts, and the check against a file.

use super::{
    Attention, DenseFfn, ExpertFfn, FeedForward, GroupedAttention, LatentAttention, Layer, Network, NormKind, Routing,
};
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};

/// A tensor that the network needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorNeed {
    /// Its GGUF name, e.g. `blk.3.attn_q.weight`.
    pub name: String,
    /// Its extents, outermost first: `[outputs, inputs]`, stacked experts `[experts, outputs, inputs]`.
    pub shape: Vec<usize>,
}

impl TensorNeed {
    /// Elements; saturates.
    pub fn elements(&self) -> u64 {
        self.shape.iter().fold(1, |n, extent| n.saturating_mul(*extent as u64))
    }

    /// Whether a tensor of this shape will do: leading extents of 1 do not count (a gate is `[1, hidden]` in some files).
    fn fits(&self, shape: &[usize]) -> bool {
        fn core(shape: &[usize]) -> &[usize] {
            let ones = shape.iter().take_while(|extent| **extent == 1).count();
            &shape[ones..]
        }
        core(&self.shape) == core(shape)
    }
}

impl Network {
    /// Every tensor the network needs, embedding first, then layer by layer, head last.
    pub fn tensors(&self) -> Vec<TensorNeed> {
        let mut list = List::default();
        list.add("token_embd.weight", [self.vocab, self.hidden]);
        if self.learned_positions {
            list.add("position_embd.weight", [self.context, self.hidden]);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            list.prefix = format!("blk.{index}.");
            list.layer(layer, self.hidden);
        }
        list.prefix.clear();
        list.norm("output_norm", self.final_norm.kind, self.hidden);
        if !self.tied_head {
            list.add("output.weight", [self.vocab, self.hidden]);
        }
        list.needs
    }

    /// Weights of the network; a tied head counts once. Saturates.
    pub fn parameters(&self) -> u64 {
        self.tensors().iter().fold(0, |sum, t| sum.saturating_add(t.elements()))
    }

    /// Weights that one token's computation reads: of the stacked experts only the chosen share.
    pub fn active_parameters(&self) -> u64 {
        let unused: u64 = self.layers.iter().map(|layer| unused_by_a_token(layer, self.hidden)).sum();
        self.parameters().saturating_sub(unused)
    }

    /// Checks that a checkpoint has every needed tensor in the right shape, and returns the list of them.
    ///
    /// # Errors
    /// Names the first tensor that is missing or has another shape, with what was found and expected.
    pub fn check(&self, checkpoint: &Checkpoint) -> Result<Vec<TensorNeed>> {
        let needs = self.tensors();
        for need in &needs {
            let refuse = |what: String| Err(Error::Unsupported { file: checkpoint.path().to_owned(), what });
            let TensorNeed { name, shape } = need;
            match checkpoint.find(name) {
                None => {
                    return refuse(format!(
                        "tensor `{name}` of shape {shape:?} is missing; family `{}` needs it",
                        self.family
                    ));
                }
                Some(found) if !need.fits(&found.shape) => {
                    return refuse(format!(
                        "tensor `{name}` has shape {:?}, and the description needs {shape:?}",
                        found.shape
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(needs)
    }
}

/// Elements of a layer's experts that a token does not choose.
fn unused_by_a_token(layer: &Layer, hidden: usize) -> u64 {
    let FeedForward::Experts(ffn) = &layer.ffn else { return 0 };
    let mut expert = 3 * (hidden as u64) * (ffn.inner as u64);
    if ffn.bias {
        expert += 2 * ffn.inner as u64 + hidden as u64;
    }
    expert.saturating_mul((ffn.experts - ffn.top_k) as u64)
}

/// The list in the making.
#[derive(Default)]
struct List {
    prefix: String,
    needs: Vec<TensorNeed>,
}

impl List {
    fn add(&mut self, name: &str, shape: impl Into<Vec<usize>>) {
        self.needs.push(TensorNeed { name: format!("{}{name}", self.prefix), shape: shape.into() });
    }

    fn norm(&mut self, name: &str, kind: NormKind, width: usize) {
        self.add(&format!("{name}.weight"), [width]);
        if kind == NormKind::Layer {
            self.add(&format!("{name}.bias"), [width]);
        }
    }

    /// A matrix of `outputs x inputs`, with its bias if it has one.
    fn linear(&mut self, name: &str, outputs: usize, inputs: usize, bias: bool) {
        self.add(&format!("{name}.weight"), [outputs, inputs]);
        if bias {
            self.add(&format!("{name}.bias"), [outputs]);
        }
    }

    fn layer(&mut self, layer: &Layer, hidden: usize) {
        self.norm("attn_norm", layer.attn_norm.kind, hidden);
        match &layer.attention {
            Attention::Grouped(attention) => self.grouped(attention, hidden),
            Attention::Latent(attention) => self.latent(attention, hidden),
        }
        if let Some(norm) = layer.post_attn_norm {
            self.norm("post_attention_norm", norm.kind, hidden);
        }
        self.norm("ffn_norm", layer.ffn_norm.kind, hidden);
        match &layer.ffn {
            FeedForward::Dense(ffn) => self.dense(ffn, hidden),
            FeedForward::Experts(ffn) => self.experts(ffn, hidden),
        }
        if let Some(norm) = layer.post_ffn_norm {
            self.norm("post_ffw_norm", norm.kind, hidden);
        }
    }

    fn grouped(&mut self, attention: &GroupedAttention, hidden: usize) {
        let GroupedAttention { heads, kv_heads, head_dim, qkv_bias, out_bias, .. } = *attention;
        self.linear("attn_q", heads * head_dim, hidden, qkv_bias);
        self.linear("attn_k", kv_heads * head_dim, hidden, qkv_bias);
        self.linear("attn_v", kv_heads * head_dim, hidden, qkv_bias);
        if let Some(norm) = attention.qk_norm {
            self.norm("attn_q_norm", norm.kind, head_dim);
            self.norm("attn_k_norm", norm.kind, head_dim);
        }
        if attention.sinks {
            self.add("attn_sinks.weight", [heads]);
        }
        self.linear("attn_output", hidden, heads * head_dim, out_bias);
    }

    fn latent(&mut self, attention: &LatentAttention, hidden: usize) {
        let LatentAttention { heads, kv_rank, nope_dim, rope_dim, value_dim, .. } = *attention;
        let queries = heads * (nope_dim + rope_dim);
        match attention.q_rank {
            None => self.linear("attn_q", queries, hidden, false),
            Some(rank) => {
                self.linear("attn_q_a", rank, hidden, false);
                self.norm("attn_q_a_norm", attention.norm.kind, rank);
                self.linear("attn_q_b", queries, rank, false);
            }
        }
        self.linear("attn_kv_a_mqa", kv_rank + rope_dim, hidden, false);
        self.norm("attn_kv_a_norm", attention.norm.kind, kv_rank);
        self.linear("attn_kv_b", heads * (nope_dim + value_dim), kv_rank, false);
        self.linear("attn_output", hidden, heads * value_dim, false);
    }

    fn dense(&mut self, ffn: &DenseFfn, hidden: usize) {
        if ffn.gated {
            self.linear("ffn_gate", ffn.inner, hidden, ffn.bias);
        }
        self.linear("ffn_up", ffn.inner, hidden, ffn.bias);
        self.linear("ffn_down", hidden, ffn.inner, ffn.bias);
    }

    fn experts(&mut self, ffn: &ExpertFfn, hidden: usize) {
        self.linear("ffn_gate_inp", ffn.experts, hidden, ffn.bias);
        if matches!(ffn.routing, Routing::SigmoidGrouped { .. }) {
            self.add("exp_probs_b.bias", [ffn.experts]);
        }
        for (name, outputs, inputs) in [
            ("ffn_gate_exps", ffn.inner, hidden),
            ("ffn_up_exps", ffn.inner, hidden),
            ("ffn_down_exps", hidden, ffn.inner),
        ] {
            self.add(&format!("{name}.weight"), [ffn.experts, outputs, inputs]);
            if ffn.bias {
                self.add(&format!("{name}.bias"), [ffn.experts, outputs]);
            }
        }
        if ffn.shared_inner > 0 {
            self.shared(ffn, hidden);
        }
    }

    fn shared(&mut self, ffn: &ExpertFfn, hidden: usize) {
        if ffn.shared_gate {
            self.add("ffn_gate_inp_shexp.weight", [hidden]);
        }
        self.linear("ffn_gate_shexp", ffn.shared_inner, hidden, false);
        self.linear("ffn_up_shexp", ffn.shared_inner, hidden, false);
        self.linear("ffn_down_shexp", hidden, ffn.shared_inner, false);
    }
}
