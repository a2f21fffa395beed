//! From checked facts to a [`Network`]: the one builder behind both containers.

use super::facts::{self as key, Fact, Facts, MAX_CONTEXT, MAX_HEAD, MAX_LAYERS, MAX_VOCAB, MAX_WIDTH};
use super::family::{Router, Windows};
use super::*;
use crate::error::Result;

/// What only the container can say: the rest comes through [`Facts`].
pub(super) struct Particulars {
    /// The model's name.
    pub name: String,
    /// Rows of the embedding, if the metadata is silent.
    pub vocab: Option<usize>,
    /// Whether the head is the embedding.
    pub tied: bool,
    /// Pairing of rotated elements.
    pub layout: RopeLayout,
    /// Base and scaling of the (global) rotary embedding.
    pub rope: RopeFacts,
}

/// The rotary embedding as a file describes it.
#[derive(Clone, Debug)]
pub(super) struct RopeFacts {
    /// Base of the frequencies.
    pub theta: f32,
    /// Base in layers with a window, if they have their own.
    pub local_theta: Option<f32>,
    /// Scaling, of the layers without a window if those have their own base.
    pub scaling: RopeScaling,
    /// YaRN's factor on query and key together: multiplies the scores (DeepSeek; else 1).
    pub score_factor: f64,
}

/// Builds and checks the description.
pub(super) fn build(facts: Facts, with: Particulars) -> Result<Network> {
    let family = facts.family;
    let count = layer_count(&facts)?;
    let hidden = facts.need(&key::HIDDEN, MAX_WIDTH)?;
    let norm = norm(&facts)?;
    check_activation(&facts)?;
    let windows = windows(&facts, count)?;
    let dense = dense(&facts)?;
    let experts = experts(&facts)?;
    let sparse = sparse_layers(&facts, count)?;
    let mut layers = Vec::with_capacity(count);
    for index in 0..count {
        let attention = attention(&facts, &with, count, hidden, norm, windows[index])?;
        let ffn = match &experts {
            Some(experts) if sparse[index] => FeedForward::Experts(experts.clone()),
            _ => FeedForward::Dense(dense.clone().map_or_else(|| default_dense(&facts, hidden), Ok)?),
        };
        let post = family.post_norms.then_some(norm);
        layers.push(Layer {
            attn_norm: norm,
            attention,
            post_attn_norm: post,
            ffn_norm: norm,
            ffn,
            post_ffn_norm: post,
        });
    }
    let vocab = match with.vocab {
        Some(rows) => facts.count(&key::VOCAB, MAX_VOCAB)?.unwrap_or(rows),
        None => facts.need(&key::VOCAB, MAX_VOCAB)?,
    };
    Ok(Network {
        family: family.name.into(),
        name: with.name,
        vocab,
        hidden,
        context: facts.need(&key::CONTEXT, MAX_CONTEXT)?,
        embed_scale: if family.scaled_embedding { (hidden as f32).sqrt() } else { 1.0 },
        learned_positions: family.learned_positions,
        layers,
        final_norm: norm,
        tied_head: with.tied,
        logit_softcap: facts.positive(&key::LOGIT_CAP)?,
    })
}

fn layer_count(facts: &Facts) -> Result<usize> {
    let all = facts.need(&key::LAYERS, MAX_LAYERS)?;
    let extra = facts.count(&key::EXTRA_LAYERS, all - 1)?.unwrap_or(0);
    Ok(all - extra)
}

fn norm(facts: &Facts) -> Result<Norm> {
    let kind = facts.family.norm;
    let eps = match kind {
        NormKind::Rms => facts.epsilon(&key::RMS_EPS)?,
        NormKind::Layer => facts.epsilon(&key::LAYER_EPS)?,
    };
    Ok(Norm { kind, eps })
}

/// Refuses settings that would change the computation to one that is not described.
fn check_activation(facts: &Facts) -> Result<()> {
    let family = facts.family;
    if let Some(found) = facts.text(&key::ACTIVATION)?
        && !family.activation_names.contains(&found.as_str())
    {
        let known = family.activation_names.join(" or ");
        return Err(
            facts.refuse(format!("activation `{found}` is not supported in family `{}`, only {known}", family.name))
        );
    }
    let fixed = [(key::SWIGLU_LIMIT, 7.0), (key::SWIGLU_ALPHA, 1.702)];
    for (k, expected) in fixed.iter().filter(|_| family.activation == Activation::SwigluOai) {
        if let Some(found) = facts.real(k)?.filter(|x| x != expected) {
            return Err(facts.refuse(format!("`{}` is {found}, and only {expected} is supported", k.hf[0])));
        }
    }
    if facts.flag(&key::SCALED_SCORES)? == Some(false) || facts.flag(&key::SCALED_BY_LAYER)? == Some(true) {
        return Err(facts.refuse("scores that are unscaled or scaled by the layer's number are not supported"));
    }
    Ok(())
}

/// The window of each layer.
fn windows(facts: &Facts, count: usize) -> Result<Vec<Option<usize>>> {
    if facts.flag(&key::USE_WINDOW)? == Some(false) {
        return Ok(vec![None; count]);
    }
    // A window of 0 is how some files spell "none".
    let Some(window) = facts.count(&key::WINDOW, MAX_CONTEXT)?.filter(|w| *w > 0) else {
        return Ok(vec![None; count]);
    };
    let windowed = windowed_layers(facts, count)?;
    Ok(windowed.into_iter().map(|yes| yes.then_some(window)).collect())
}

/// Which layers have the window: as the file lists them, or by the family's rule.
fn windowed_layers(facts: &Facts, count: usize) -> Result<Vec<bool>> {
    let listed = facts.list(&key::LAYER_TYPES).or_else(|| facts.list(&key::WINDOW_CYCLE));
    if let Some(list) = listed {
        let layers: Option<Vec<bool>> = list.iter().take(count).map(is_windowed).collect();
        return layers.filter(|l| l.len() == count).ok_or_else(|| {
            let kinds = "`full_attention` or `sliding_attention`";
            facts.refuse(format!("the list of attention kinds must name {kinds} for each of {count} layers"))
        });
    }
    let rule = match facts.count(&key::WINDOW_CYCLE, MAX_LAYERS)? {
        Some(cycle) if cycle > 0 => Windows::Cycle(cycle),
        _ => facts.family.windows,
    };
    let late = facts.count(&key::LATE_WINDOW, MAX_LAYERS)?.unwrap_or(0);
    Ok((0..count)
        .map(|layer| match rule {
            Windows::All => true,
            Windows::Cycle(n) => layer % n < n - 1,
            Windows::Late => layer >= late,
        })
        .collect())
}

fn is_windowed(fact: &Fact) -> Option<bool> {
    match fact {
        Fact::Flag(yes) => Some(*yes),
        Fact::Text(kind) if kind == "sliding_attention" => Some(true),
        Fact::Text(kind) if kind == "full_attention" => Some(false),
        _ => None,
    }
}

fn attention(
    facts: &Facts,
    with: &Particulars,
    layers: usize,
    hidden: usize,
    norm: Norm,
    window: Option<usize>,
) -> Result<Attention> {
    if facts.family.latent {
        return latent(facts, with).map(Attention::Latent);
    }
    let heads = facts.need(&key::HEADS, MAX_WIDTH)?;
    let kv_heads = facts.count(&key::KV_HEADS, heads)?.unwrap_or(heads);
    if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
        return Err(facts.refuse(format!(
            "{heads} query heads cannot share {kv_heads} key/value heads: the second must divide the first"
        )));
    }
    let head_dim = head_dim(facts, hidden, heads)?;
    let rope = if facts.family.learned_positions { None } else { Some(rope(facts, with, head_dim, window)?) };
    Ok(Attention::Grouped(GroupedAttention {
        heads,
        kv_heads,
        head_dim,
        qkv_bias: facts.switch(facts.family.qkv_bias)?,
        out_bias: facts.switch(facts.family.out_bias)?,
        qk_norm: facts.family.qk_norm.then_some(norm),
        rope,
        window,
        sinks: facts.family.sinks,
        scale: score_scale(facts, layers, hidden / heads, head_dim)?,
        softcap: facts.positive(&key::SCORE_CAP)?,
    }))
}

/// The width of a head: given, or hidden / heads.
fn head_dim(facts: &Facts, hidden: usize, heads: usize) -> Result<usize> {
    let dim = match facts.count(&key::HEAD_DIM, MAX_WIDTH)? {
        Some(dim) => dim,
        None if hidden.is_multiple_of(heads) => hidden / heads,
        None => {
            let name = facts.source.spelling(&key::HEAD_DIM);
            return Err(facts
                .refuse(format!("a width of {hidden} does not divide into {heads} heads, and there is no `{name}`")));
        }
    };
    if dim == 0 || dim > MAX_HEAD || dim * heads > MAX_WIDTH {
        return Err(facts.refuse(format!(
            "{heads} heads of width {dim} are not supported: at most {MAX_HEAD} each and {MAX_WIDTH} together"
        )));
    }
    match facts.count(&key::VALUE_DIM, MAX_WIDTH)? {
        Some(value) if value != dim => Err(facts.refuse(format!(
            "keys of width {dim} with values of width {value} are not supported in family `{}`",
            facts.family.name
        ))),
        _ => Ok(dim),
    }
}

/// The factor on q.k: given, from a given scalar, or from the head's width.
fn score_scale(facts: &Facts, layers: usize, per_head: usize, head_dim: usize) -> Result<f32> {
    if let Some(scale) = facts.positive(&key::SCORE_SCALE)? {
        return Ok(scale);
    }
    let by_hidden = facts.family.scaled_by_hidden_at == Some(layers);
    let default = if by_hidden { per_head.max(1) } else { head_dim };
    let scalar = facts.positive(&key::QUERY_SCALAR)?.map_or(default as f64, f64::from);
    Ok((1.0 / scalar.sqrt()) as f32)
}

/// The rotary embedding of a layer; layers with a window may have their own.
fn rope(facts: &Facts, with: &Particulars, head_dim: usize, window: Option<usize>) -> Result<Rope> {
    let part = facts.positive(&key::PARTIAL)?.unwrap_or(1.0);
    let dims = match facts.count(&key::ROPE_DIMS, head_dim)? {
        Some(dims) => dims,
        None if part <= 1.0 => (head_dim as f64 * f64::from(part)) as usize,
        None => return Err(facts.refuse(format!("`partial_rotary_factor` is {part}, and it must be at most 1"))),
    };
    let local = window.is_some() && facts.family.local_rope;
    let (theta, scaling) = match with.rope.local_theta {
        Some(theta) if local => (theta, RopeScaling::None),
        _ => (with.rope.theta, with.rope.scaling.clone()),
    };
    let rope = Rope { theta, dims, layout: with.layout, scaling };
    check_rope(facts, &rope)?;
    Ok(rope)
}

fn check_rope(facts: &Facts, rope: &Rope) -> Result<()> {
    let Rope { theta, dims, scaling, .. } = rope;
    if *dims == 0 || !dims.is_multiple_of(2) {
        return Err(facts.refuse(format!("{dims} rotated dimensions: there must be an even number, at least 2")));
    }
    if *theta <= 1.0 {
        return Err(facts.refuse(format!("the rotary base is {theta}, and it must be above 1")));
    }
    match scaling {
        RopeScaling::Factors(factors) if factors.len() != dims / 2 => {
            let found = factors.len();
            Err(facts.refuse(format!("`rope_freqs.weight` has {found} factors for {} rotated pairs", dims / 2)))
        }
        RopeScaling::Factors(factors) if !factors.iter().all(|f| f.is_finite() && *f > 0.0) => {
            Err(facts.refuse("`rope_freqs.weight` must hold positive numbers"))
        }
        _ => Ok(()),
    }
}

fn latent(facts: &Facts, with: &Particulars) -> Result<LatentAttention> {
    if facts.source.ask("attention_bias", "blk.0.attn_kv_a_mqa.bias")? {
        return Err(facts.refuse("biases in latent attention are not supported"));
    }
    let heads = facts.need(&key::HEADS, MAX_WIDTH)?;
    let rope_dim = facts.need(&key::LATENT_ROPE_DIM, MAX_HEAD)?;
    let nope_dim = match facts.count(&key::NOPE_DIM, MAX_WIDTH)? {
        Some(dim) => dim,
        None => latent_key_dim(facts)?
            .checked_sub(rope_dim)
            .ok_or_else(|| facts.refuse("a key is narrower than its rotated part"))?,
    };
    let value_dim = match facts.count(&key::LATENT_VALUE_DIM, MAX_WIDTH)? {
        Some(dim) => dim,
        None => facts.need(&key::VALUE_DIM, MAX_WIDTH)?,
    };
    let widest = (nope_dim + rope_dim).max(nope_dim + value_dim);
    if value_dim == 0 || nope_dim == 0 || heads * widest > 4 * MAX_WIDTH {
        return Err(facts.refuse(format!("{heads} heads of {nope_dim} + {rope_dim} and {value_dim} are not supported")));
    }
    let rope = Rope { theta: with.rope.theta, dims: rope_dim, layout: with.layout, scaling: with.rope.scaling.clone() };
    check_rope(facts, &rope)?;
    Ok(LatentAttention {
        heads,
        q_rank: facts.count(&key::Q_RANK, MAX_WIDTH)?.filter(|r| *r > 0),
        kv_rank: facts.need(&key::KV_RANK, MAX_WIDTH)?,
        nope_dim,
        rope_dim,
        value_dim,
        norm: Norm { kind: NormKind::Rms, eps: facts.epsilon(&key::RMS_EPS)? },
        rope,
        scale: (with.rope.score_factor / ((nope_dim + rope_dim) as f64).sqrt()) as f32,
    })
}

fn latent_key_dim(facts: &Facts) -> Result<usize> {
    match facts.count(&key::LATENT_KEY_DIM, MAX_WIDTH)? {
        Some(dim) => Ok(dim),
        None => facts.need(&key::HEAD_DIM, MAX_WIDTH),
    }
}

/// The dense feed-forward part, if the file gives its inner width.
fn dense(facts: &Facts) -> Result<Option<DenseFfn>> {
    let Some(inner) = facts.count(&key::INNER, MAX_WIDTH)?.filter(|i| *i > 0) else { return Ok(None) };
    dense_of(facts, inner).map(Some)
}

/// A file without an inner width: GPT-2's four times hidden, else a refusal.
fn default_dense(facts: &Facts, hidden: usize) -> Result<DenseFfn> {
    if facts.family.gated {
        facts.need(&key::INNER, MAX_WIDTH)?;
    }
    dense_of(facts, 4 * hidden)
}

fn dense_of(facts: &Facts, inner: usize) -> Result<DenseFfn> {
    let family = facts.family;
    Ok(DenseFfn { inner, activation: family.activation, gated: family.gated, bias: facts.switch(family.ffn_bias)? })
}

/// The mixture of experts, if there is one.
fn experts(facts: &Facts) -> Result<Option<ExpertFfn>> {
    let family = facts.family;
    let Some(experts) = facts.count(&key::EXPERTS, 4096)?.filter(|n| *n > 0) else { return Ok(None) };
    let top_k = facts.need(&key::TOP_K, experts)?;
    let inner = match facts.count(&key::EXPERT_INNER, MAX_WIDTH)?.filter(|i| *i > 0) {
        Some(inner) => inner,
        None => facts.need(&key::INNER, MAX_WIDTH)?,
    };
    Ok(Some(ExpertFfn {
        experts,
        top_k,
        inner,
        shared_inner: shared_inner(facts, inner)?,
        shared_gate: family.shared_gate,
        activation: family.activation,
        routing: routing(facts, experts, top_k)?,
        weight_scale: facts.positive(&key::WEIGHT_SCALE)?.unwrap_or(1.0),
        bias: facts.switch(family.ffn_bias)?,
    }))
}

fn shared_inner(facts: &Facts, inner: usize) -> Result<usize> {
    let width = match facts.count(&key::SHARED_INNER, MAX_WIDTH)? {
        Some(width) => width,
        None => inner * facts.count(&key::SHARED_COUNT, 64)?.unwrap_or(0),
    };
    if width > MAX_WIDTH {
        return Err(facts.refuse(format!("a shared expert of width {width} is not supported, at most {MAX_WIDTH}")));
    }
    Ok(width)
}

fn routing(facts: &Facts, experts: usize, top_k: usize) -> Result<Routing> {
    let renormalise = facts.flag(&key::RENORMALISE)?.unwrap_or(facts.family.renormalise);
    let groups = facts.count(&key::GROUPS, experts)?.unwrap_or(1).max(1);
    match router(facts)? {
        Router::TopSoftmax => Ok(Routing::TopThenSoftmax),
        Router::Softmax => {
            let method = facts.text(&key::TOP_METHOD)?;
            let grouped = method.as_deref().map_or(groups > 1, |m| m != "greedy");
            if grouped {
                return Err(facts
                    .refuse("groups of experts with softmax scores are not supported, only `topk_method` `greedy`"));
            }
            Ok(Routing::SoftmaxThenTop { renormalise })
        }
        Router::Sigmoid => {
            let top_groups = facts.count(&key::TOP_GROUPS, groups)?.unwrap_or(groups);
            let size = experts / groups;
            if !experts.is_multiple_of(groups) || size < 2 || top_groups == 0 || top_groups * size < top_k {
                return Err(facts.refuse(format!(
                    "{experts} experts cannot be routed as {top_k} from {top_groups} of {groups} groups"
                )));
            }
            Ok(Routing::SigmoidGrouped { groups, top_groups, renormalise })
        }
    }
}

/// The file's own word on the router (GGUF numbers it), or the family's.
fn router(facts: &Facts) -> Result<Router> {
    match facts.count(&key::GATING, 255)? {
        None | Some(0) => Ok(facts.family.router),
        Some(1) => Ok(Router::Softmax),
        Some(2) => Ok(Router::Sigmoid),
        Some(3) => Ok(Router::TopSoftmax),
        Some(other) => Err(facts.refuse(format!("expert gating function {other} is not known, only 1 to 3"))),
    }
}

/// Which layers have experts, where the network has any.
fn sparse_layers(facts: &Facts, count: usize) -> Result<Vec<bool>> {
    let leading = facts.count(&key::DENSE_LAYERS, MAX_LAYERS)?.unwrap_or(0);
    let step = facts.count(&key::SPARSE_STEP, MAX_LAYERS)?.unwrap_or(1).max(1);
    let listed = facts.list(&key::MLP_ONLY).unwrap_or_default();
    let dense = |layer: usize| listed.contains(&Fact::Number(layer as f64));
    Ok((0..count).map(|l| l >= leading && (l + 1).is_multiple_of(step) && !dense(l)).collect())
}
