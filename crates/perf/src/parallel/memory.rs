//! What one device holds.

use crate::device::Device;
use crate::format::Format;
use crate::network::{Experts, FeedForward, LayerGroup, Mixer};
use crate::parallel::Mapping;
use crate::workload::{Formats, Plan};
use base::units::Bytes;

/// Share of a device's memory that serving software leaves alone: context, captured graphs, communication buffers, fragmentation. vLLM's default
/// `gpu_memory_utilization` is 0.9.
pub const RESERVE: f64 = 0.1;

/// Tokens of a prefill step whose activations must fit beside everything else: the default chunk of vLLM and SGLang on large devices.
const CHUNK: u64 = 8192;

/// Memory of one device, in bytes; the fullest one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// Weights.
    pub weights: f64,
    /// Keys, values, compressed rows and states.
    pub cache: f64,
    /// Largest activations of a step.
    pub activations: f64,
    /// What software keeps free.
    pub reserve: f64,
    /// What the device has.
    pub capacity: Bytes,
}

impl Memory {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.weights + self.cache + self.activations + self.reserve
    }

    /// Whether the device holds it.
    pub fn fits(&self) -> bool {
        self.total() <= self.capacity.as_f64()
    }

    /// Bytes that are left for cache beyond what is counted; negative if it does not fit.
    pub fn free(&self) -> f64 {
        self.capacity.as_f64() - self.total()
    }
}

impl Plan {
    /// What one device of the fullest stage holds with `sequences` of `positions` each (over the whole instance).
    pub fn memory(&self, device: &Device, sequences: u64, positions: u64) -> Memory {
        let mapping = self.mapping();
        let own = sequences.div_ceil(mapping.data) as f64;
        Memory {
            weights: self.weight_bytes(),
            cache: own * self.cache_bytes(positions),
            activations: self.activation_bytes(sequences, positions),
            reserve: RESERVE * device.memory.capacity.as_f64(),
            capacity: device.memory.capacity,
        }
    }

    /// Bytes of weights on one device of the fullest stage.
    pub fn weight_bytes(&self) -> f64 {
        let (shape, mapping, formats) = (self.shape(), self.mapping(), self.formats());
        let matrix = shape.vocab as f64 * shape.hidden as f64 / mapping.tensor as f64 * formats.head.bytes();
        // A pipeline's first stage holds the embedding and its last the head; a single stage holds both, or one matrix for both.
        let ends = if shape.tied_head || mapping.pipeline > 1 { matrix } else { 2.0 * matrix };
        ends + self.per_stage(|group| layer_weight_bytes(group, shape.hidden, mapping, formats))
    }

    /// Bytes of cache that one device holds of one of its sequences of `positions`.
    pub fn cache_bytes(&self, positions: u64) -> f64 {
        let (mapping, formats) = (self.mapping(), self.formats());
        self.per_stage(|group| {
            let whole = group.mixer.cache_bytes(positions, &formats) / mapping.context as f64;
            match &group.mixer {
                Mixer::Grouped(a) => whole / mapping.tensor.min(a.kv_heads) as f64,
                // One compressed row serves all heads, so each tensor-parallel device has all rows.
                Mixer::Latent(_) => whole,
                Mixer::Delta(_) => whole / mapping.tensor as f64,
            }
        })
    }

    /// A sum over the layers of the fullest stage; unequal layers are taken to be spread evenly.
    fn per_stage(&self, of: impl Fn(&LayerGroup) -> f64) -> f64 {
        let layers = self.shape().layer_count();
        let share = layers.div_ceil(self.mapping().pipeline) as f64 / layers.max(1) as f64;
        self.shape().layers.iter().map(|group| group.count as f64 * of(group)).sum::<f64>() * share
    }

    /// The residual stream twice, the widest intermediate of a layer, and the logits in binary32.
    fn activation_bytes(&self, sequences: u64, positions: u64) -> f64 {
        let (shape, mapping) = (self.shape(), self.mapping());
        let own = sequences.div_ceil(mapping.data);
        let tokens = own.saturating_mul(positions).min(CHUNK).max(own) as f64;
        let widest = shape.layers.iter().map(|group| widest(group, shape.hidden, mapping)).fold(0.0, f64::max);
        let logits = own as f64 * shape.vocab as f64 * 4.0;
        tokens * (2.0 * shape.hidden as f64 + widest) * Format::Bf16.bytes() + logits
    }
}

fn layer_weight_bytes(group: &LayerGroup, hidden: u64, mapping: Mapping, formats: Formats) -> f64 {
    let tensor = mapping.tensor as f64;
    let mixer = group.mixer.parameters(hidden);
    let mixer = match &group.mixer {
        Mixer::Grouped(a) => {
            let kv = (2 * a.kv_width() * hidden) as f64;
            (mixer - kv) / tensor + kv / mapping.tensor.min(a.kv_heads) as f64
        }
        Mixer::Latent(a) => {
            let whole = ((a.q_rank.unwrap_or(0) + a.kv_rank + a.rope_dim) * hidden) as f64;
            whole + (mixer - whole) / tensor
        }
        Mixer::Delta(_) => mixer / tensor,
    };
    let feed_forward = match &group.feed_forward {
        FeedForward::Dense(_) => group.feed_forward.parameters(hidden) / tensor * formats.weights.bytes(),
        FeedForward::Experts(f) => expert_weight_bytes(f, hidden, mapping, formats),
    };
    let norms = (group.norms * group.norm_vectors * hidden) as f64 * Format::Bf16.bytes();
    norms + mixer * formats.weights.bytes() + feed_forward
}

fn expert_weight_bytes(f: &Experts, hidden: u64, mapping: Mapping, formats: Formats) -> f64 {
    let router = (f.count * hidden) as f64 * formats.head.bytes();
    let shared = (3 * f.shared_inner * hidden) as f64 / mapping.tensor as f64 * formats.weights.bytes();
    let routed = (3 * f.inner * hidden) as f64 * f.count as f64 / mapping.stage_devices() as f64;
    router + shared + routed * formats.experts.bytes()
}

/// Elements of a token's widest intermediate on one device.
fn widest(group: &LayerGroup, hidden: u64, mapping: Mapping) -> f64 {
    let tensor = mapping.tensor as f64;
    let mixer = match &group.mixer {
        Mixer::Grouped(a) => (2 * a.query_width() + 2 * a.kv_width()) as f64,
        Mixer::Latent(a) => (a.heads * (2 * a.nope_dim + a.rope_dim + 2 * a.value_dim)) as f64,
        Mixer::Delta(a) => (a.projected() + a.value_width()) as f64,
    };
    let feed_forward = match &group.feed_forward {
        FeedForward::Dense(f) => 3.0 * f.inner as f64 / tensor,
        FeedForward::Experts(f) => {
            let routed = f.top_k as f64 * (3.0 * f.inner as f64 / mapping.stage_devices() as f64 + hidden as f64);
            routed + 3.0 * f.shared_inner as f64 / tensor
        }
    };
    (mixer / tensor).max(feed_forward)
}
