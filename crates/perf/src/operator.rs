//! What a device is asked to do: one operator with its shape, on one device.
//!
//! Shapes are what one device sees, after tensor, expert or data parallelism. Counts are of elements; a multiply-accumulate is two operations.

use crate::format::Format;

/// One operator on one device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operator {
    /// A matrix product.
    Gemm(Gemm),
    /// Grouped-query attention: scores, softmax and weighted values in one.
    Attention(Attention),
    /// Multi-head latent attention in its absorbed (decode) or expanded (prefill) form.
    Latent(Latent),
    /// The experts of a mixture-of-experts layer, routed: gate, up, activation, down, combine.
    Experts(Experts),
    /// Elementwise and row-wise work that streams memory: norms, activations, rotary embedding, embedding rows.
    Stream(Stream),
    /// An exchange between devices.
    Collective(Collective),
}

/// `m x k` activations times `k x n` weights, `count` independent ones in one launch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gemm {
    /// Rows: tokens.
    pub m: u64,
    /// Columns: output features.
    pub n: u64,
    /// Reduction: input features.
    pub k: u64,
    /// Independent products of this shape in one launch (1 unless batched).
    pub count: u64,
    /// Format of the weights in memory.
    pub weights: Format,
    /// Format of the activations; the arithmetic runs at the rate of the wider of the two.
    pub activations: Format,
    /// Format of the result.
    pub output: Format,
}

/// Which half of a request's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Many positions of a prompt at once.
    Prefill,
    /// One position (or a few speculated ones) of each sequence.
    Decode,
}

/// Grouped-query attention over a cache.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attention {
    /// Prefill (causal over the new positions) or decode.
    pub phase: Phase,
    /// Sequences.
    pub batch: u64,
    /// New positions of each sequence.
    pub queries: u64,
    /// Positions in the cache before the new ones.
    pub past: u64,
    /// Query heads on this device.
    pub heads: u64,
    /// Key/value heads on this device.
    pub kv_heads: u64,
    /// Width of a head.
    pub head_dim: u64,
    /// Sliding window in positions; `None`: all.
    pub window: Option<u64>,
    /// Format of the arithmetic and the queries.
    pub compute: Format,
    /// Format of keys and values in memory.
    pub cache: Format,
}

/// Multi-head latent attention over a cache of compressed rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latent {
    /// Prefill (expanded keys and values) or decode (absorbed).
    pub phase: Phase,
    /// Sequences.
    pub batch: u64,
    /// New positions of each sequence.
    pub queries: u64,
    /// Positions in the cache before the new ones.
    pub past: u64,
    /// Heads on this device.
    pub heads: u64,
    /// Rank of the compressed row.
    pub kv_rank: u64,
    /// Width of the rotary part shared by all heads.
    pub rope_dim: u64,
    /// Width of a head's part without rotary embedding.
    pub nope_dim: u64,
    /// Width of a value head.
    pub value_dim: u64,
    /// Format of the arithmetic.
    pub compute: Format,
    /// Format of the compressed rows in memory.
    pub cache: Format,
}

/// How tokens spread over experts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// Every expert gets its even share.
    Balanced,
    /// The load of the i-th busiest expert falls as i^-alpha.
    PowerLaw {
        /// The exponent.
        alpha: f64,
    },
}

/// A routed mixture of experts, as one device of the group sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Experts {
    /// Tokens entering the layer over the whole expert-parallel group.
    pub tokens: u64,
    /// Width of the residual stream.
    pub hidden: u64,
    /// Inner width of an expert before tensor parallelism.
    pub inner: u64,
    /// Experts of the layer, over all devices.
    pub experts: u64,
    /// Experts per token.
    pub top_k: u64,
    /// Devices that share each expert's inner width.
    pub tensor_parallel: u64,
    /// Devices over which the experts are distributed.
    pub expert_parallel: u64,
    /// Spread of the load.
    pub spread: Spread,
    /// Format of the weights.
    pub weights: Format,
    /// Format of the activations.
    pub activations: Format,
}

/// What a streaming operator does with what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// A row norm.
    Norm,
    /// An elementwise function, possibly of two inputs (gate and up).
    Activation,
    /// Rotary embedding.
    Rotary,
    /// A softmax over rows.
    Softmax,
    /// Gathering embedding rows.
    Embedding,
    /// Residual sum.
    Add,
    /// Conversion to a narrower format.
    Quantise,
    /// Picking tokens from logits.
    Sample,
    /// Reading and writing optimiser state.
    Optimiser,
    /// Recurrent state of linear attention, short convolutions.
    State,
}

/// Work that is memory traffic first: elements in, elements out, a few operations on each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stream {
    /// What it is.
    pub kind: StreamKind,
    /// Independent rows.
    pub rows: u64,
    /// Elements of a row.
    pub width: u64,
    /// Bytes read.
    pub read: f64,
    /// Bytes written.
    pub written: f64,
    /// Operations of the vector units.
    pub operations: f64,
}

/// Which exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CollectiveKind {
    /// Every device ends with the sum.
    AllReduce,
    /// Every device ends with all pieces.
    AllGather,
    /// Every device ends with its piece of the sum.
    ReduceScatter,
    /// Every device sends a piece to every other.
    AllToAll,
    /// One device sends to one other (pipeline stages, cache hand-over).
    SendReceive,
}

/// An exchange between `ranks` devices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Collective {
    /// Which.
    pub kind: CollectiveKind,
    /// Devices that take part.
    pub ranks: u64,
    /// Bytes of the full message: what each rank holds before an all-reduce or all-to-all, or after an all-gather.
    pub bytes: f64,
    /// Format of the elements: a switch that reduces sums floating-point ones only.
    pub format: Format,
}

impl Operator {
    /// Arithmetic operations of the matrix and vector units; a multiply-accumulate counts as two.
    pub fn operations(&self) -> f64 {
        match self {
            Operator::Gemm(gemm) => gemm.operations(),
            Operator::Attention(attention) => attention.operations(),
            Operator::Latent(latent) => latent.operations(),
            Operator::Experts(experts) => experts.operations(),
            Operator::Stream(stream) => stream.operations,
            Operator::Collective(_) => 0.0,
        }
    }

    /// Bytes that must cross the device's memory interface at least once.
    pub fn memory_bytes(&self) -> f64 {
        match self {
            Operator::Gemm(gemm) => gemm.memory_bytes(),
            Operator::Attention(attention) => attention.memory_bytes(),
            Operator::Latent(latent) => latent.memory_bytes(),
            Operator::Experts(experts) => experts.memory_bytes(),
            Operator::Stream(stream) => stream.read + stream.written,
            Operator::Collective(_) => 0.0,
        }
    }
}

impl Gemm {
    /// Multiplications and additions.
    pub fn operations(&self) -> f64 {
        2.0 * self.count as f64 * self.m as f64 * self.n as f64 * self.k as f64
    }

    /// Weights and activations read once, results written once.
    pub fn memory_bytes(&self) -> f64 {
        let (m, n, k) = (self.m as f64, self.n as f64, self.k as f64);
        let once = n * k * self.weights.bytes() + m * k * self.activations.bytes() + m * n * self.output.bytes();
        once * self.count as f64
    }
}

/// Pairs of one query and one visible key, for `queries` new positions after `past` (causal, optionally windowed).
pub fn visible_pairs(queries: u64, past: u64, window: Option<u64>) -> f64 {
    let (queries, past) = (queries as f64, past as f64);
    let all = queries * past + queries * (queries + 1.0) / 2.0;
    let Some(window) = window.map(|window| window as f64) else {
        return all;
    };
    // Query i (from 1) sees min(past + i, window) keys: the first `full` queries see all of theirs.
    let full = (window - past).clamp(0.0, queries);
    full * past + full * (full + 1.0) / 2.0 + (queries - full) * window
}

impl Attention {
    /// Query-key pairs that the mask lets through, over all sequences (not heads).
    pub fn pairs(&self) -> f64 {
        self.batch as f64 * visible_pairs(self.queries, self.past, self.window)
    }

    /// Multiplications and additions of both products.
    pub fn operations(&self) -> f64 {
        4.0 * self.pairs() * self.heads as f64 * self.head_dim as f64
    }

    /// Positions of a sequence, the new ones included.
    pub fn total(&self) -> u64 {
        self.past.saturating_add(self.queries)
    }

    /// Positions of a sequence that some query sees.
    pub fn seen(&self) -> u64 {
        let reach = |window: u64| window.saturating_add(self.queries.saturating_sub(1));
        self.window.map_or(self.total(), |window| self.total().min(reach(window)))
    }

    /// Keys and values that some query sees, queries and results.
    pub fn memory_bytes(&self) -> f64 {
        let seen = self.seen() as f64;
        let cache = 2.0 * seen * self.kv_heads as f64 * self.head_dim as f64 * self.cache.bytes();
        let queries = 2.0 * self.queries as f64 * self.heads as f64 * self.head_dim as f64 * 2.0;
        self.batch as f64 * (cache + queries)
    }
}

impl Latent {
    /// Positions of a sequence, the new ones included.
    pub fn total(&self) -> u64 {
        self.past.saturating_add(self.queries)
    }

    /// Query-key pairs over all sequences (not heads).
    pub fn pairs(&self) -> f64 {
        self.batch as f64 * visible_pairs(self.queries, self.past, None)
    }

    /// Operations of both products: over the compressed row when absorbed, over full heads when expanded.
    pub fn operations(&self) -> f64 {
        let width = match self.phase {
            Phase::Decode => 2 * self.kv_rank + self.rope_dim,
            Phase::Prefill => self.nope_dim + self.rope_dim + self.value_dim,
        };
        2.0 * self.pairs() * self.heads as f64 * width as f64
    }

    /// The compressed rows (decode) or the expanded keys and values (prefill), queries and results.
    pub fn memory_bytes(&self) -> f64 {
        let seen = self.total() as f64;
        let (row, query) = match self.phase {
            Phase::Decode => {
                let row = (self.kv_rank + self.rope_dim) as f64 * self.cache.bytes();
                (row, (2 * self.kv_rank + self.rope_dim) * self.heads)
            }
            Phase::Prefill => {
                let width = self.nope_dim + self.rope_dim + self.value_dim;
                ((width * self.heads) as f64 * 2.0, width * self.heads)
            }
        };
        self.batch as f64 * (seen * row + 2.0 * self.queries as f64 * query as f64)
    }
}

impl Experts {
    /// Expert evaluations (a token at an expert) on one device, on average.
    pub fn local_pairs(&self) -> f64 {
        self.tokens as f64 * self.top_k as f64 / self.expert_parallel as f64
    }

    /// Experts that live on one device.
    pub fn local_experts(&self) -> f64 {
        self.experts as f64 / self.expert_parallel as f64
    }

    /// Experts of one device that at least one token chose, on average, for an even spread.
    pub fn active_experts(&self) -> f64 {
        let missed = 1.0 - self.top_k as f64 / self.experts as f64;
        self.local_experts() * (1.0 - missed.powf(self.tokens as f64))
    }

    /// Inner width on one device.
    pub fn local_inner(&self) -> f64 {
        self.inner as f64 / self.tensor_parallel as f64
    }

    /// Operations of the three products on one device, on average.
    pub fn operations(&self) -> f64 {
        6.0 * self.local_pairs() * self.hidden as f64 * self.local_inner()
    }

    /// The active experts' weights once, activations in and out.
    pub fn memory_bytes(&self) -> f64 {
        let weights = 3.0 * self.active_experts() * self.hidden as f64 * self.local_inner() * self.weights.bytes();
        weights + 2.0 * self.local_pairs() * self.hidden as f64 * 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn visible_pairs_count_what_the_mask_lets_through(q in 1u64..40, past in 0u64..60, window in proptest::option::of(1u64..50)) {
            let counted: u64 = (1..=q).map(|i| (past + i).min(window.unwrap_or(u64::MAX))).sum();
            prop_assert_eq!(visible_pairs(q, past, window), counted as f64);
        }
    }
}
