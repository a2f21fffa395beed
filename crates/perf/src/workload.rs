//! From a network and a way to run it to operators with shapes.
//!
//! Lowering has two steps, because one network on one mapping is asked about thousands of times. A [`Plan`] is made once per network, formats and
//! [`Mapping`](crate::parallel::Mapping): it divides every width among the devices, groups equal layers, and places the exchanges. For a step of given
//! [`Work`] (so many sequences, so many new positions, so much cache) it then yields the operators of **one device**, without allocating.
//!
//! What the software fuses is a choice, and this is the one made here; it is what the serving stacks of 2025 (vLLM, SGLang, TensorRT-LLM) do on GPUs:
//! the residual sum goes with the row norm that follows it; queries, keys and values are one product, gate and up another; norms of query and key heads,
//! rotary embedding and the write to the cache are one kernel; biases belong to their product; the activation reads gate and up; top-k and softmax of a
//! router are one kernel; keys of latent attention are absorbed into the query in decode and expanded in prefill. Bringing activations into a narrow format
//! belongs to the product that wants it, as in measurements of such products. The head sees only positions whose logits are wanted.
//!
//! Exchanges: tensor parallelism sums with an all-reduce after attention and after the feed-forward part; attention that runs data-parallel sends tokens
//! to their experts and back (all-to-all, each token once per device that holds one of its experts), or, where experts are split by width, gathers all
//! tokens and scatters the sums; pipeline stages send the residual stream on; context parallelism gathers keys and values in prefill, and in decode
//! gathers queries and scatters partial results.

mod exchange;
mod formats;
pub mod image;
mod layers;
mod plan;
pub mod training;

pub use formats::{Formats, FormatsError};
pub use plan::Plan;

use crate::operator::{Operator, Phase};

/// Some sequences that go through a step together: a prompt or a chunk of one, or one position each.
///
/// Counts are of the whole network instance, before they are divided over data-parallel devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Work {
    /// Prefill (many new positions) or decode.
    pub phase: Phase,
    /// Sequences.
    pub sequences: u64,
    /// New positions of each.
    pub queries: u64,
    /// Positions of each that are in the cache already.
    pub past: u64,
    /// Positions of each whose logits are wanted: 1, 0 for a chunk that does not end its prompt, all for verified speculation.
    pub logits: u64,
}

impl Work {
    /// Whole prompts.
    pub fn prefill(sequences: u64, prompt: u64) -> Work {
        Work { phase: Phase::Prefill, sequences, queries: prompt, past: 0, logits: 1 }
    }

    /// One position of each sequence, after `past`.
    pub fn decode(sequences: u64, past: u64) -> Work {
        Work { phase: Phase::Decode, sequences, queries: 1, past, logits: 1 }
    }

    /// New positions of all sequences.
    pub fn tokens(&self) -> u64 {
        self.sequences.saturating_mul(self.queries)
    }
}

/// Which part of the network an operator belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Before the layers.
    Embedding,
    /// Attention or another mixer of positions, with its projections.
    Mixer,
    /// Dense feed-forward part.
    Dense,
    /// Mixture of experts.
    Experts,
    /// Norm, head and sampling after the layers.
    Head,
    /// The step of an optimiser.
    Optimiser,
}

/// An operator and how often it runs on one device in a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    /// What runs.
    pub operator: Operator,
    /// How often; a fraction where an operator stands for a larger one (attention's backward pass).
    pub count: f64,
    /// What it is in the network, for people: `queries, keys, values`.
    pub label: &'static str,
    /// Where it belongs.
    pub part: Part,
}

impl Counted {
    /// Arithmetic operations of all runs.
    pub fn operations(&self) -> f64 {
        self.count * self.operator.operations()
    }

    /// Bytes across the memory interface of all runs.
    pub fn memory_bytes(&self) -> f64 {
        self.count * self.operator.memory_bytes()
    }

    /// Bytes of the messages of all runs.
    pub fn exchanged_bytes(&self) -> f64 {
        match &self.operator {
            Operator::Collective(collective) => self.count * collective.bytes,
            _ => 0.0,
        }
    }
}
