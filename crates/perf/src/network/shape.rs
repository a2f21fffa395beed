//! The widths of a network, its weights and its cache.

use crate::workload::Formats;
use model::network::{self, Network, NormKind};

/// A decoder-only network by its widths.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Width of the residual stream.
    pub hidden: u64,
    /// Rows of the embedding and of the head.
    pub vocab: u64,
    /// Longest sequence the network was made for.
    pub context: u64,
    /// Whether the head is the embedding.
    pub tied_head: bool,
    /// Rows of a learned position embedding; 0 if there is none.
    pub learned_positions: u64,
    /// The layers, equal ones together.
    pub layers: Vec<LayerGroup>,
}

/// Layers that cost the same.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerGroup {
    /// How many.
    pub count: u64,
    /// What mixes positions.
    pub mixer: Mixer,
    /// What follows it.
    pub feed_forward: FeedForward,
    /// Row norms over the residual stream (2; 4 where outputs are normalised too).
    pub norms: u64,
    /// Vectors of a norm: 1, or 2 with a bias.
    pub norm_vectors: u64,
}

/// What mixes positions.
#[derive(Clone, Debug, PartialEq)]
pub enum Mixer {
    /// Grouped-query attention.
    Grouped(Grouped),
    /// Multi-head latent attention.
    Latent(Latent),
    /// Gated delta rule: a state per head instead of a cache.
    Delta(Delta),
}

/// Grouped-query attention.
#[derive(Clone, Debug, PartialEq)]
pub struct Grouped {
    /// Query heads.
    pub heads: u64,
    /// Key/value heads.
    pub kv_heads: u64,
    /// Width of a head.
    pub head_dim: u64,
    /// Sliding window in positions.
    pub window: Option<u64>,
    /// Rotary embedding.
    pub rotary: bool,
    /// Norms of query and key heads.
    pub qk_norm: bool,
    /// Biases of the projections, in elements.
    pub biases: u64,
    /// Whether the output is multiplied by a gate that comes out of a query projection of twice the width.
    pub gated: bool,
}

/// Multi-head latent attention.
#[derive(Clone, Debug, PartialEq)]
pub struct Latent {
    /// Heads.
    pub heads: u64,
    /// Rank of the compressed query; `None`: a plain projection.
    pub q_rank: Option<u64>,
    /// Rank of the compressed key/value row.
    pub kv_rank: u64,
    /// Width of a head's part without rotary embedding.
    pub nope_dim: u64,
    /// Width of the rotary part.
    pub rope_dim: u64,
    /// Width of a value head.
    pub value_dim: u64,
}

/// Linear attention by the gated delta rule (Gated DeltaNet).
#[derive(Clone, Debug, PartialEq)]
pub struct Delta {
    /// Key (and query) heads.
    pub key_heads: u64,
    /// Value heads; each has a state of `key_dim x value_dim`.
    pub value_heads: u64,
    /// Width of a key head.
    pub key_dim: u64,
    /// Width of a value head.
    pub value_dim: u64,
    /// Taps of the short convolution before it.
    pub convolution: u64,
}

/// Feed-forward part of a layer.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedForward {
    /// One network for every token.
    Dense(Dense),
    /// A router picks a few networks per token.
    Experts(Experts),
}

/// A dense feed-forward part.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// Inner width.
    pub inner: u64,
    /// Whether there is a gate beside the up projection.
    pub gated: bool,
    /// Biases on every projection.
    pub bias: bool,
}

/// A mixture of experts (gated ones).
#[derive(Clone, Debug, PartialEq)]
pub struct Experts {
    /// Experts.
    pub count: u64,
    /// Experts per token.
    pub top_k: u64,
    /// Inner width of one.
    pub inner: u64,
    /// Inner width of the shared expert; 0 if there is none.
    pub shared_inner: u64,
    /// Biases on router and experts.
    pub bias: bool,
}

impl From<&Network> for Shape {
    fn from(network: &Network) -> Shape {
        let mut layers: Vec<LayerGroup> = Vec::new();
        for layer in &network.layers {
            let one = LayerGroup::from(layer);
            let same = |group: &&mut LayerGroup| LayerGroup { count: 1, ..(*group).clone() } == one;
            match layers.iter_mut().find(same) {
                Some(group) => group.count += 1,
                None => layers.push(one),
            }
        }
        Shape {
            hidden: network.hidden as u64,
            vocab: network.vocab as u64,
            context: network.context as u64,
            tied_head: network.tied_head,
            learned_positions: if network.learned_positions { network.context as u64 } else { 0 },
            layers,
        }
    }
}

impl From<&network::Layer> for LayerGroup {
    fn from(layer: &network::Layer) -> LayerGroup {
        let post = u64::from(layer.post_attn_norm.is_some()) + u64::from(layer.post_ffn_norm.is_some());
        LayerGroup {
            count: 1,
            mixer: Mixer::from(&layer.attention),
            feed_forward: FeedForward::from(&layer.ffn),
            norms: 2 + post,
            norm_vectors: if layer.attn_norm.kind == NormKind::Layer { 2 } else { 1 },
        }
    }
}

impl From<&network::Attention> for Mixer {
    fn from(attention: &network::Attention) -> Mixer {
        match attention {
            network::Attention::Grouped(a) => {
                let (q, kv) = ((a.heads * a.head_dim) as u64, (a.kv_heads * a.head_dim) as u64);
                Mixer::Grouped(Grouped {
                    heads: a.heads as u64,
                    kv_heads: a.kv_heads as u64,
                    head_dim: a.head_dim as u64,
                    window: a.window.map(|window| window as u64),
                    rotary: a.rope.is_some(),
                    qk_norm: a.qk_norm.is_some(),
                    biases: if a.qkv_bias { q + 2 * kv } else { 0 },
                    gated: false,
                })
            }
            network::Attention::Latent(a) => Mixer::Latent(Latent {
                heads: a.heads as u64,
                q_rank: a.q_rank.map(|rank| rank as u64),
                kv_rank: a.kv_rank as u64,
                nope_dim: a.nope_dim as u64,
                rope_dim: a.rope_dim as u64,
                value_dim: a.value_dim as u64,
            }),
        }
    }
}

impl From<&network::FeedForward> for FeedForward {
    fn from(ffn: &network::FeedForward) -> FeedForward {
        match ffn {
            network::FeedForward::Dense(f) => {
                FeedForward::Dense(Dense { inner: f.inner as u64, gated: f.gated, bias: f.bias })
            }
            network::FeedForward::Experts(f) => FeedForward::Experts(Experts {
                count: f.experts as u64,
                top_k: f.top_k as u64,
                inner: f.inner as u64,
                shared_inner: f.shared_inner as u64,
                bias: f.bias,
            }),
        }
    }
}

impl Shape {
    /// All layers.
    pub fn layer_count(&self) -> u64 {
        self.layers.iter().map(|group| group.count).sum()
    }

    /// Weights of the network; a tied head counts once.
    pub fn parameters(&self) -> f64 {
        let embedding = (self.vocab + self.learned_positions) as f64 * self.hidden as f64;
        let head = if self.tied_head { 0.0 } else { self.vocab as f64 * self.hidden as f64 };
        embedding + head + self.layer_parameters(|group| group.parameters(self.hidden))
    }

    /// Weights that one token's computation reads, the embedding counted whole.
    pub fn active_parameters(&self) -> f64 {
        let unused = self.layer_parameters(|group| group.feed_forward.unused(self.hidden));
        self.parameters() - unused
    }

    fn layer_parameters(&self, of: impl Fn(&LayerGroup) -> f64) -> f64 {
        self.layers.iter().map(|group| group.count as f64 * of(group)).sum()
    }

    /// Bytes of cache of one sequence of `positions`, over all devices without replication.
    pub fn cache_bytes(&self, positions: u64, formats: &Formats) -> f64 {
        self.layer_parameters(|group| group.mixer.cache_bytes(positions, formats))
    }
}

impl LayerGroup {
    /// Weights of one layer.
    pub fn parameters(&self, hidden: u64) -> f64 {
        let norms = (self.norms * self.norm_vectors * hidden) as f64;
        norms + self.mixer.parameters(hidden) + self.feed_forward.parameters(hidden)
    }
}

impl Mixer {
    /// Weights of one layer's mixer.
    pub fn parameters(&self, hidden: u64) -> f64 {
        match self {
            Mixer::Grouped(a) => {
                ((a.query_width() + 2 * a.kv_width() + a.heads * a.head_dim) * hidden + a.biases) as f64
            }
            Mixer::Latent(a) => a.parameters(hidden),
            Mixer::Delta(a) => ((a.projected() + a.value_width()) * hidden + a.mixed() * a.convolution) as f64,
        }
    }

    /// Bytes that one sequence of `positions` keeps in one layer.
    pub fn cache_bytes(&self, positions: u64, formats: &Formats) -> f64 {
        match self {
            Mixer::Grouped(a) => {
                let kept = a.window.map_or(positions, |window| positions.min(window));
                (2 * kept * a.kv_width()) as f64 * formats.cache.bytes()
            }
            Mixer::Latent(a) => (positions * (a.kv_rank + a.rope_dim)) as f64 * formats.cache.bytes(),
            Mixer::Delta(a) => a.state_bytes(),
        }
    }
}

impl Grouped {
    /// Output features of the query projection.
    pub fn query_width(&self) -> u64 {
        self.heads * self.head_dim * if self.gated { 2 } else { 1 }
    }

    /// Output features of the key (or value) projection.
    pub fn kv_width(&self) -> u64 {
        self.kv_heads * self.head_dim
    }
}

impl Latent {
    fn parameters(&self, hidden: u64) -> f64 {
        let queries = self.heads * (self.nope_dim + self.rope_dim);
        let query = self.q_rank.map_or(queries * hidden, |rank| rank * (hidden + queries + 1));
        let rows = (self.kv_rank + self.rope_dim) * hidden + self.kv_rank;
        let expand = self.kv_rank * self.heads * (self.nope_dim + self.value_dim);
        (query + rows + expand + self.heads * self.value_dim * hidden) as f64
    }
}

impl Delta {
    /// Features that pass the convolution: queries, keys, values.
    pub fn mixed(&self) -> u64 {
        2 * self.key_heads * self.key_dim + self.value_width()
    }

    /// Width of all value heads.
    pub fn value_width(&self) -> u64 {
        self.value_heads * self.value_dim
    }

    /// Output features of the input projections: queries, keys, values, output gate, and two numbers (decay and step) per value head.
    pub fn projected(&self) -> u64 {
        self.mixed() + self.value_width() + 2 * self.value_heads
    }

    /// State of one sequence in one layer: the matrix of each value head in binary32, as the usual kernels keep it, and the convolution's tail in 16 bits.
    pub fn state_bytes(&self) -> f64 {
        let matrices = self.value_heads * self.key_dim * self.value_dim * 4;
        (matrices + self.mixed() * self.convolution.saturating_sub(1) * 2) as f64
    }
}

impl FeedForward {
    /// Weights of one layer's feed-forward part.
    pub fn parameters(&self, hidden: u64) -> f64 {
        match self {
            FeedForward::Dense(f) => {
                let into = if f.gated { 2 } else { 1 };
                let biases = if f.bias { into * f.inner + hidden } else { 0 };
                ((into + 1) * f.inner * hidden + biases) as f64
            }
            FeedForward::Experts(f) => {
                let (router, shared) = (f.count * hidden, 3 * f.shared_inner * hidden);
                (router + shared) as f64 + f.count as f64 * f.expert(hidden)
            }
        }
    }

    /// Weights of the experts that a token does not choose.
    fn unused(&self, hidden: u64) -> f64 {
        match self {
            FeedForward::Dense(_) => 0.0,
            FeedForward::Experts(f) => (f.count - f.top_k) as f64 * f.expert(hidden),
        }
    }
}

impl Experts {
    fn expert(&self, hidden: u64) -> f64 {
        let biases = if self.bias { 2 * self.inner + hidden } else { 0 };
        (3 * self.inner * hidden + biases) as f64
    }
}
