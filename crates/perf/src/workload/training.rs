//! Training steps of dense networks: forward, backward, optimiser.
//!
//! The forward pass is the plan's own prefill with logits at every position. Each operator then has its backward: a product two (for its input and for
//! its weights), attention five products where forward has two, a streaming operator one that reads the saved input and the incoming gradient and writes
//! the outgoing one, an all-reduce another. Recomputation runs the layers' forward pass a second time. Gradients are summed over the data-parallel
//! replicas once per step, the optimiser (Adam, binary32 state, divided over the replicas) reads and writes its state, and a pipeline idles while it
//! fills and drains.

use super::{Counted, Formats, Part, Plan, Work};
use crate::device::Device;
use crate::estimate::Estimate;
use crate::format::Format;
use crate::kernel;
use crate::network::{FeedForward, Mixer, Shape};
use crate::operator::{Collective, CollectiveKind, Gemm, Operator, Phase, Spread, Stream, StreamKind};
use crate::parallel::Mapping;
use base::units::Seconds;

/// How a network is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Training {
    /// Sequences of a step over all replicas.
    pub sequences: u64,
    /// Positions of each.
    pub length: u64,
    /// Sequences of one replica that go through together.
    pub micro_batch: u64,
    /// Whether only the layers' inputs are kept, and the rest computed again in the backward pass.
    pub recompute: bool,
}

/// Why a training step is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrainingError {
    /// Not a dense network.
    #[error("training is modelled for dense networks with grouped attention, and this one has {0}")]
    NotDense(&'static str),
    /// The batch does not divide.
    #[error("{sequences} sequences do not divide into {replicas} replicas x {micro_batch} at a time; {nearest} would")]
    Batch {
        /// Sequences of a step.
        sequences: u64,
        /// Data-parallel replicas.
        replicas: u64,
        /// Sequences at a time.
        micro_batch: u64,
        /// The next number that divides.
        nearest: u64,
    },
}

/// Operations of attention's backward pass over those of its forward pass: five products instead of two (arXiv 2307.08691, section 3.1).
const ATTENTION_BACKWARD: f64 = 2.5;
/// Bytes per weight that Adam reads: gradient in 16 bits, weight and two moments in 32.
const ADAM_READ: f64 = 2.0 + 12.0;
/// Bytes per weight that it writes: the same in 32 bits, and the weight in 16.
const ADAM_WRITTEN: f64 = 12.0 + 2.0;
/// Operations per weight of an Adam step: two moments, bias corrections, root, division, decay.
const ADAM_OPERATIONS: f64 = 14.0;

/// Bytes per weight that Adam keeps: the weight and two moments in 32 bits.
const ADAM_STATE: f64 = 12.0;
/// Bytes per position and feature that a layer keeps for its backward pass, scores recomputed (arXiv 2205.05198, equation 2 without the scores).
const KEPT_ALL: f64 = 34.0;
/// The same when only the layer's input is kept.
const KEPT_INPUTS: f64 = 2.0;

/// One device's operators of a training step.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainingStep {
    /// Operators of one micro-batch through all stages, forward and backward.
    pub micro_batch: Vec<Counted>,
    /// Operators once per step: sum of gradients, optimiser.
    pub once: Vec<Counted>,
    /// Micro-batches of one replica.
    pub micro_batches: u64,
    /// Pipeline stages.
    pub stages: u64,
    /// Bytes that one device holds: weights, gradients, optimiser state, and what the backward pass needs of the forward pass.
    pub state_bytes: f64,
}

impl Training {
    /// Lowers a step.
    ///
    /// # Errors
    /// If the network is not dense, or the batch does not divide.
    pub fn lower(&self, shape: &Shape, formats: Formats, mapping: Mapping) -> Result<TrainingStep, TrainingError> {
        dense(shape)?;
        let at_once = mapping.data.saturating_mul(self.micro_batch).max(1);
        if !self.sequences.is_multiple_of(at_once) || self.sequences == 0 {
            let nearest = self.sequences.div_ceil(at_once).max(1).saturating_mul(at_once);
            let (sequences, replicas, micro_batch) = (self.sequences, mapping.data, self.micro_batch);
            return Err(TrainingError::Batch { sequences, replicas, micro_batch, nearest });
        }
        let plan = Plan::new(shape, formats, mapping, Spread::Balanced);
        // One micro-batch goes through all stages: the plan's own division into micro-batches is undone.
        let single = Plan::new(shape, formats, Mapping { pipeline: 1, ..mapping }, Spread::Balanced);
        let work =
            Work { phase: Phase::Prefill, sequences: at_once, queries: self.length, past: 0, logits: self.length };
        let mut micro_batch = Vec::new();
        single.visit(&[work], |counted| forward_and_backward(counted, self.recompute, &mut micro_batch));
        micro_batch.extend(sends(shape, mapping, self.micro_batch.saturating_mul(self.length)));
        Ok(TrainingStep {
            micro_batch,
            once: once(&plan, mapping),
            micro_batches: self.sequences / at_once,
            stages: mapping.pipeline,
            state_bytes: self.state_bytes(&plan),
        })
    }

    /// Weights and gradients at 16 bits, optimiser state divided over the replicas, and the activations of as many micro-batches as there are stages.
    fn state_bytes(&self, plan: &Plan) -> f64 {
        let (mapping, hidden) = (plan.mapping(), plan.shape().hidden as f64);
        let weights = plan.weight_bytes() / plan.formats().weights.bytes();
        let layers = plan.shape().layer_count().div_ceil(mapping.pipeline) as f64;
        let kept = if self.recompute { KEPT_INPUTS } else { KEPT_ALL } / mapping.tensor as f64;
        let tokens = self.micro_batch.saturating_mul(self.length) as f64 / mapping.context as f64;
        let activations = tokens * hidden * layers * kept * mapping.pipeline.min(self.sequences) as f64;
        weights * (4.0 + ADAM_STATE / mapping.data as f64) + activations
    }
}

fn dense(shape: &Shape) -> Result<(), TrainingError> {
    for group in &shape.layers {
        match (&group.mixer, &group.feed_forward) {
            (Mixer::Grouped(_), FeedForward::Dense(_)) => {}
            (Mixer::Latent(_), _) => return Err(TrainingError::NotDense("latent attention")),
            (Mixer::Delta(_), _) => return Err(TrainingError::NotDense("linear attention")),
            (_, FeedForward::Experts(_)) => return Err(TrainingError::NotDense("a mixture of experts")),
        }
    }
    Ok(())
}

fn forward_and_backward(forward: &Counted, recompute: bool, list: &mut Vec<Counted>) {
    // Logits stay divided over the devices: the loss needs two numbers per row of each.
    if forward.label == "gather of logits" {
        return;
    }
    let layers = matches!(forward.part, Part::Mixer | Part::Dense);
    let again = if recompute && layers { 2.0 } else { 1.0 };
    list.push(Counted { count: forward.count * again, ..*forward });
    let mut backward = |operator: Operator, times: f64| {
        list.push(Counted { operator, count: forward.count * times, ..*forward });
    };
    match forward.operator {
        Operator::Gemm(gemm) => {
            let Gemm { m, n, k, activations, .. } = gemm;
            backward(Operator::Gemm(Gemm { n: k, k: n, ..gemm }), 1.0);
            backward(Operator::Gemm(Gemm { m: k, n, k: m, weights: activations, ..gemm }), 1.0);
        }
        Operator::Attention(_) => backward(forward.operator, ATTENTION_BACKWARD),
        Operator::Stream(stream) => {
            let (read, written) = (stream.read + stream.written, stream.read);
            backward(Operator::Stream(Stream { read, written, operations: 2.0 * stream.operations, ..stream }), 1.0);
        }
        other => backward(other, 1.0),
    }
}

/// The residual stream to the next stage, and its gradient back.
fn sends(shape: &Shape, mapping: Mapping, tokens: u64) -> Option<Counted> {
    let bytes = tokens as f64 * shape.hidden as f64 * Format::Bf16.bytes() / mapping.tensor as f64;
    let send = Collective { kind: CollectiveKind::SendReceive, ranks: 2, bytes, format: Format::Bf16 };
    let count = 2.0 * (mapping.pipeline - 1) as f64;
    let operator = Operator::Collective(send);
    (mapping.pipeline > 1).then_some(Counted { operator, count, label: "between stages", part: Part::Mixer })
}

fn once(plan: &Plan, mapping: Mapping) -> Vec<Counted> {
    let weights = plan.weight_bytes() / plan.formats().weights.bytes();
    let mut list = Vec::new();
    let mut add = |label, operator| list.push(Counted { operator, count: 1.0, label, part: Part::Optimiser });
    if mapping.data > 1 {
        let bytes = weights * Format::Bf16.bytes();
        let (kind, ranks, format) = (CollectiveKind::AllReduce, mapping.data, Format::Bf16);
        add("sum of gradients", Operator::Collective(Collective { kind, ranks, bytes, format }));
    }
    let own = weights / mapping.data as f64;
    let (read, written, operations) = (own * ADAM_READ, own * ADAM_WRITTEN, own * ADAM_OPERATIONS);
    let (kind, width) = (StreamKind::Optimiser, plan.shape().hidden);
    let rows = (own / width as f64) as u64;
    add("optimiser", Operator::Stream(Stream { kind, rows, width, read, written, operations }));
    list
}

/// The time of a training step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainingTime {
    /// The whole step.
    pub step: Seconds,
    /// Of it, stages waiting while the pipeline fills and drains.
    pub bubble: Seconds,
    /// Of it, the sum of gradients and the optimiser.
    pub once: Seconds,
    /// Operations of one device.
    pub operations: f64,
}

impl TrainingStep {
    /// The time of the step on `device`.
    pub fn time(&self, device: &Device) -> TrainingTime {
        let sum = |list: &[Counted]| {
            let time = |counted: &Counted| -> f64 {
                let Estimate { time, .. } = kernel::time(&counted.operator, device);
                time.0 * counted.count
            };
            list.iter().map(time).sum::<f64>()
        };
        let stage = sum(&self.micro_batch) / self.stages as f64;
        let (busy, bubble) = (self.micro_batches as f64 * stage, (self.stages - 1) as f64 * stage);
        let once = sum(&self.once);
        TrainingTime {
            step: Seconds(busy + bubble + once),
            bubble: Seconds(bubble),
            once: Seconds(once),
            operations: self.operations(),
        }
    }

    /// Operations of one device in the whole step.
    pub fn operations(&self) -> f64 {
        let sum = |list: &[Counted]| list.iter().map(Counted::operations).sum::<f64>();
        sum(&self.micro_batch) * self.micro_batches as f64 / self.stages as f64 + sum(&self.once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network;

    fn matrices(step: &TrainingStep) -> f64 {
        let products = step.micro_batch.iter().filter(|c| matches!(c.operator, Operator::Gemm(_)));
        products.map(Counted::operations).sum::<f64>() * step.micro_batches as f64 / step.stages as f64
    }

    #[test]
    fn a_step_takes_six_operations_per_weight_and_token() {
        let (_, shape) = network::language("llama-3.1-8b").unwrap();
        let training = Training { sequences: 16, length: 512, micro_batch: 2, recompute: false };
        let step = training.lower(shape, Formats::default(), Mapping::ONE).unwrap();
        // The embedding is a look-up.
        let weights = shape.parameters() - (shape.vocab * shape.hidden) as f64;
        let expected = 6.0 * weights * (16 * 512) as f64;
        assert!((matrices(&step) / expected - 1.0).abs() < 1e-3, "{} {expected}", matrices(&step));
        let again = Training { recompute: true, ..training }.lower(shape, Formats::default(), Mapping::ONE).unwrap();
        let ratio = matrices(&again) / matrices(&step);
        assert!((1.3..1.34).contains(&ratio), "a second forward pass of the layers: {ratio}");
    }

    #[test]
    fn devices_share_the_work_of_a_step() {
        let (_, shape) = network::language("llama-3.1-70b").unwrap();
        let training = Training { sequences: 64, length: 256, micro_batch: 1, recompute: true };
        let of = |mapping: Mapping| {
            let step = training.lower(shape, Formats::default(), mapping).unwrap();
            matrices(&step) * mapping.devices() as f64
        };
        let whole = of(Mapping::ONE);
        for mapping in [
            Mapping::tensor(8),
            Mapping { data: 4, ..Mapping::ONE },
            Mapping { pipeline: 8, tensor: 2, ..Mapping::ONE },
        ] {
            assert!((of(mapping) / whole - 1.0).abs() < 1e-6, "{mapping}");
        }
    }

    #[test]
    fn what_is_not_modelled_is_refused() {
        let (_, experts) = network::language("gpt-oss-20b").unwrap();
        let training = Training { sequences: 64, length: 256, micro_batch: 3, recompute: true };
        let refusal = training.lower(experts, Formats::default(), Mapping::ONE).unwrap_err();
        assert!(refusal.to_string().contains("mixture of experts"));
        let (_, shape) = network::language("qwen3-8b").unwrap();
        let refusal = training.lower(shape, Formats::default(), Mapping::ONE).unwrap_err();
        assert!(refusal.to_string().contains("66 would"), "{refusal}");
    }
}
