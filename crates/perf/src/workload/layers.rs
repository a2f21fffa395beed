//! The layers of a network, divided among devices.

use super::Part;
use super::plan::{Builder, Kind, Rows};
use crate::network::{Delta, Dense, Experts, FeedForward, Grouped, Latent, LayerGroup, Mixer};
use crate::operator::{self, Phase, StreamKind};

/// Bytes of an activation that stays at 16 bits.
const WIDE: f64 = 2.0;
/// Operations per element of a norm: square, sum, scale, weight, residual sum, conversion.
const NORM: f64 = 6.0;
/// Operations per element of a gated activation: exponential counted as 4, division, product, conversion.
const ACTIVATION: f64 = 8.0;
/// Operations per element of a rotary embedding: four products and two sums for two elements.
const ROTARY: f64 = 3.0;
/// Operations per element of a softmax with a choice among rows.
const SOFTMAX: f64 = 8.0;
/// Positions of a chunk in the chunked form of the delta rule, as the usual kernels choose.
const CHUNK: u64 = 64;

/// Adds all templates of the network, in the order they run.
pub(super) fn lower(b: &mut Builder) {
    embedding(b);
    let groups = b.shape.layers.clone();
    for group in &groups {
        b.repeat = group.count as f64;
        layer(b, group);
    }
    b.repeat = 1.0;
    b.pipeline();
    head(b);
}

fn embedding(b: &mut Builder) {
    b.part = Part::Embedding;
    let row = b.shape.hidden as f64 * b.formats.head.bytes();
    b.stream("embedding", Rows::Tokens, StreamKind::Embedding, b.shape.hidden, [row, row], 1.0);
    b.all_reduce("embedding all-reduce");
}

fn head(b: &mut Builder) {
    b.part = Part::Head;
    let (hidden, vocab) = (b.shape.hidden, b.shape.vocab);
    norm(b, "final norm", Rows::Logits, hidden);
    b.wide_product("head", Rows::Logits, vocab.div_ceil(b.mapping.tensor), hidden, 1);
    b.gather_logits();
    // Two passes: the largest logit (or the sum of exponentials), then the choice.
    let row = vocab as f64 * 4.0;
    b.stream("sampling", Rows::Logits, StreamKind::Sample, vocab, [2.0 * row, 8.0], SOFTMAX);
}

/// A row norm with the residual sum before it: reads both, writes the new residual and the normalised row.
fn norm(b: &mut Builder, label: &'static str, rows: Rows, width: u64) {
    let row = width as f64 * WIDE;
    b.stream(label, rows, StreamKind::Norm, width, [2.0 * row, 2.0 * row], NORM);
}

fn layer(b: &mut Builder, group: &LayerGroup) {
    let hidden = b.shape.hidden;
    b.part = Part::Mixer;
    norm(b, "norm", Rows::Tokens, hidden);
    match &group.mixer {
        Mixer::Grouped(attention) => grouped(b, attention),
        Mixer::Latent(attention) => latent(b, attention),
        Mixer::Delta(delta) => self::delta(b, delta),
    }
    b.all_reduce("attention all-reduce");
    let each = b.repeat;
    if group.norms > 2 {
        b.repeat = each * (group.norms - 2) as f64;
        norm(b, "output norm", Rows::Tokens, hidden);
        b.repeat = each;
    }
    match &group.feed_forward {
        FeedForward::Dense(dense) => {
            b.part = Part::Dense;
            norm(b, "norm", Rows::Tokens, hidden);
            self::dense(b, dense, ["gate and up", "activation", "down"]);
            b.all_reduce("FFN all-reduce");
        }
        FeedForward::Experts(experts) => {
            b.part = Part::Experts;
            norm(b, "norm", Rows::Tokens, hidden);
            self::experts(b, experts);
        }
    }
}

/// Key/value heads of one device: at least one, since heads are copied when there are fewer than devices.
fn local(heads: u64, tensor: u64) -> u64 {
    heads.div_ceil(tensor).max(1)
}

fn grouped(b: &mut Builder, a: &Grouped) {
    let t = b.mapping.tensor;
    let (heads, kv_heads) = (local(a.heads, t), local(a.kv_heads, t));
    let (queries, kv) = (heads * a.head_dim, kv_heads * a.head_dim);
    let gate = if a.gated { queries } else { 0 };
    b.product("queries, keys, values", Rows::Tokens, queries + gate + 2 * kv, b.shape.hidden);
    let (q, kv_row) = (queries as f64, kv as f64);
    let cached = 2.0 * kv_row * b.formats.cache.bytes();
    let rotated = a.rotary || a.qk_norm;
    let read = if rotated { (q + 2.0 * kv_row) * WIDE } else { 2.0 * kv_row * WIDE };
    let written = if rotated { q * WIDE + cached } else { cached };
    let per_element = if a.qk_norm { ROTARY + NORM } else { ROTARY };
    b.stream("rotary, cache write", Rows::Tokens, StreamKind::Rotary, queries + 2 * kv, [read, written], per_element);
    b.context_exchange(q, 2.0 * kv_row);
    let label = if a.window.is_some() { "windowed attention" } else { "attention" };
    b.add(label, Rows::Tokens, Kind::Attention { heads, kv_heads, head_dim: a.head_dim, window: a.window });
    if a.gated {
        b.stream("output gate", Rows::Tokens, StreamKind::Activation, queries, [2.0 * q * WIDE, q * WIDE], ACTIVATION);
    }
    b.product("output projection", Rows::Tokens, b.shape.hidden, queries);
}

fn latent(b: &mut Builder, a: &Latent) {
    let hidden = b.shape.hidden;
    let heads = local(a.heads, b.mapping.tensor);
    let queries = heads * (a.nope_dim + a.rope_dim);
    let row = a.kv_rank + a.rope_dim;
    match a.q_rank {
        Some(rank) => {
            b.product("compress", Rows::Tokens, rank + row, hidden);
            norm_only(b, "norm of compressed rows", rank + a.kv_rank);
            b.product("expand queries", Rows::Tokens, queries, rank);
        }
        None => {
            b.product("queries, compressed rows", Rows::Tokens, queries + row, hidden);
            norm_only(b, "norm of compressed rows", a.kv_rank);
        }
    }
    let rotated = heads * a.rope_dim + row;
    let bytes = rotated as f64 * WIDE;
    b.stream("rotary, cache write", Rows::Tokens, StreamKind::Rotary, rotated, [bytes, bytes], ROTARY);
    b.context_exchange((heads * (a.kv_rank + a.rope_dim)) as f64, row as f64);
    b.wide_product("absorb keys", Rows::DecodeTokens, a.kv_rank, a.nope_dim, heads);
    b.product("expand keys and values", Rows::PrefillSeen, heads * (a.nope_dim + a.value_dim), a.kv_rank);
    let Latent { kv_rank, rope_dim, nope_dim, value_dim, .. } = *a;
    for phase in [Phase::Decode, Phase::Prefill] {
        b.add("latent attention", Rows::Tokens, Kind::Latent { phase, heads, kv_rank, rope_dim, nope_dim, value_dim });
    }
    b.wide_product("expand values", Rows::DecodeTokens, a.value_dim, a.kv_rank, heads);
    b.product("output projection", Rows::Tokens, hidden, heads * a.value_dim);
}

/// A row norm without a residual sum.
fn norm_only(b: &mut Builder, label: &'static str, width: u64) {
    let row = width as f64 * WIDE;
    b.stream(label, Rows::Tokens, StreamKind::Norm, width, [row, row], NORM);
}

/// The gated delta rule: a state per head is read, corrected by the new key and value, and written. In prefill, chunks of positions go through products.
fn delta(b: &mut Builder, a: &Delta) {
    let t = b.mapping.tensor;
    let heads = local(a.value_heads, t);
    let (mixed, values) = (a.mixed().div_ceil(t), heads * a.value_dim);
    b.product("queries, keys, values, gates", Rows::Tokens, a.projected().div_ceil(t), b.shape.hidden);
    let tail = (mixed * a.convolution.saturating_sub(1)) as f64 * WIDE;
    let row = mixed as f64 * WIDE;
    let taps = 2.0 * a.convolution as f64;
    b.stream("short convolution", Rows::DecodeTokens, StreamKind::State, mixed, [row + tail, row + tail], taps);
    b.stream("short convolution", Rows::PrefillTokens, StreamKind::State, mixed, [row, row], taps);
    let state = (heads * a.key_dim * a.value_dim) as f64;
    // Per element of the state: decay, two products with the key, the update, the product with the query.
    let operations = 7.0 * state / values as f64;
    b.stream(
        "state update",
        Rows::DecodeTokens,
        StreamKind::State,
        values,
        [state * 4.0 + row, state * 4.0 + values as f64 * WIDE],
        operations,
    );
    let wide = b.formats.head;
    // Three products with the state per position, and four with the keys and values of its chunk.
    let n = 3 * a.value_dim + 4 * CHUNK;
    b.add(
        "chunked state",
        Rows::PrefillTokens,
        Kind::Gemm { n, k: a.key_dim, count: heads, weights: wide, activations: wide, output: wide },
    );
    b.stream(
        "gated norm",
        Rows::Tokens,
        StreamKind::Norm,
        values,
        [2.0 * values as f64 * WIDE, values as f64 * WIDE],
        NORM + ACTIVATION,
    );
    b.product("output projection", Rows::Tokens, b.shape.hidden, values);
}

fn dense(b: &mut Builder, f: &Dense, labels: [&'static str; 3]) {
    let inner = f.inner.div_ceil(b.mapping.tensor);
    let into = if f.gated { 2 } else { 1 };
    let row = inner as f64;
    b.product(labels[0], Rows::Tokens, into * inner, b.shape.hidden);
    let written = row * WIDE;
    b.stream(labels[1], Rows::Tokens, StreamKind::Activation, inner, [into as f64 * row * WIDE, written], ACTIVATION);
    b.product(labels[2], Rows::Tokens, b.shape.hidden, inner);
}

fn experts(b: &mut Builder, f: &Experts) {
    b.wide_product("router", Rows::Tokens, f.count, b.shape.hidden, 1);
    let (scores, chosen) = (f.count as f64 * 4.0, f.top_k as f64 * 8.0);
    b.stream("top-k", Rows::Tokens, StreamKind::Softmax, f.count, [scores, chosen], SOFTMAX);
    b.dispatch(f);
    let routed = operator::Experts {
        tokens: 0,
        hidden: b.shape.hidden,
        inner: f.inner,
        experts: f.count,
        top_k: f.top_k,
        tensor_parallel: b.mapping.expert_tensor(),
        expert_parallel: b.mapping.expert,
        spread: b.spread,
        weights: b.formats.experts,
        activations: b.formats.expert_activations,
    };
    b.add("experts", Rows::GroupTokens, Kind::Experts(routed));
    if f.shared_inner > 0 {
        let shared = Dense { inner: f.shared_inner, gated: true, bias: false };
        dense(b, &shared, ["shared gate and up", "shared activation", "shared down"]);
    }
    b.combine(f);
}
