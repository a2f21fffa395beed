//! The time of a step over all its operators: what it waits for, and what would help.
//!
//! [`step`] is the fast form for search and simulation: totals only, no allocation. [`breakdown`] names every operator. Operators of one device run one
//! after the other; exchanges hide under computation as far as the [`Software`] overlaps them; a pipeline adds its bubbles; a host adds its time per step.
//!
//! [`levers`] answers what would help most by asking again with each resource twice as fast, rather than by reading the shares: a resource that is
//! waited for half of the time gives less than half, as soon as another takes over.

mod breakdown;
mod lever;

pub use breakdown::{Breakdown, Row, breakdown};
pub use lever::{Lever, Resource, levers};

use crate::device::{Device, Dispatch};
use crate::estimate::{Bound, Estimate};
use crate::kernel;
use crate::operator::{CollectiveKind, Gemm, Operator, Phase};
use crate::workload::{Counted, Part, Plan, Work};
use base::units::Seconds;

/// What the software that drives a device does, apart from its kernels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Software {
    /// Share of exchanges that can run under computation, 0 to 1.
    pub overlap: f64,
    /// Largest all-reduce of which `overlap` is true, in bytes; larger ones take all of their time.
    pub largest: f64,
    /// Whether each all-reduce is one kernel with the product before it, whatever `overlap` says: it sends the tiles of one wave while the units work on the next, so that of product and
    /// exchange the shorter is hidden but for a wave.
    pub fused: bool,
    /// Time of a step that the device waits for its host: scheduling, sampling's round trip, launching the captured graph.
    pub host: Seconds,
}

impl Software {
    /// A serving stack of 2025 on GPUs: kernels and exchanges in one stream, one captured graph a step, and a scheduler that runs while the device works,
    /// so that only the hand-over of sampled tokens and the launch of the next graph remain, some 0.2 ms (what vLLM's and SGLang's asynchronous
    /// schedulers report as the remaining gap).
    pub const STREAM: Software = Software { overlap: 0.0, largest: f64::INFINITY, fused: false, host: Seconds(2e-4) };

    /// Nothing but kernels: for comparing with measurements of kernels or layers alone.
    pub const BARE: Software = Software { overlap: 0.0, largest: f64::INFINITY, fused: false, host: Seconds(0.0) };

    /// One compiled program per step: exchanges have an engine of their own, so that the products of one half of a step's tokens hide the exchanges of the
    /// other; the host writes the parameters of a step (a few kilobytes over PCIe) and reads the sampled tokens.
    pub const PROGRAM: Software = Software { overlap: 0.5, largest: f64::INFINITY, fused: false, host: Seconds(2e-5) };

    /// What usually drives this device.
    pub fn of(device: &Device) -> Software {
        match device.dispatch {
            Dispatch::Kernels => Software::STREAM,
            Dispatch::Program { .. } => Software::PROGRAM,
        }
    }
}

/// The time of a step and its parts, on one device.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Step {
    /// From start to end; for decode in a pipeline, from one token of a sequence to its next.
    pub time: Seconds,
    /// Operators other than exchanges.
    pub compute: Seconds,
    /// Exchanges, hidden ones included.
    pub exchange: Seconds,
    /// Exchanges that computation hides.
    pub hidden: Seconds,
    /// Pipeline stages waiting for each other.
    pub bubble: Seconds,
    /// The device waiting for its host.
    pub host: Seconds,
    /// Operator time by what bound it, in the order of [`Bound`].
    pub waits: [Seconds; 5],
    /// Overheads inside the operators: launches, fills, synchronisation.
    pub overhead: Seconds,
    /// Arithmetic operations of one device.
    pub operations: f64,
    /// Bytes across its memory interface.
    pub memory_bytes: f64,
    /// Bytes of its messages.
    pub exchanged_bytes: f64,
}

impl Step {
    /// What most of the operators' time waited for.
    pub fn bound(&self) -> Bound {
        let all = [Bound::Arithmetic, Bound::Memory, Bound::OnChip, Bound::Link, Bound::Overhead];
        let longest = all.into_iter().zip(self.waits).reduce(|a, b| if b.1.0 > a.1.0 { b } else { a });
        longest.map_or(Bound::Overhead, |(bound, _)| bound)
    }
}

/// The sums over one pass of a micro-batch through all stages.
#[derive(Default)]
struct Pass {
    step: Step,
    /// Largest all-reduce that can be hidden.
    largest: f64,
    /// Units of the device, if all-reduces are one kernel with the product before them.
    fused: Option<u64>,
    /// Time of the product before that sending can hide in.
    before: f64,
    /// What such kernels hide.
    under: f64,
    /// Exchanges that can be hidden.
    soft: f64,
    /// Time outside of the layers: at the first stage, at the last.
    ends: [f64; 2],
}

/// Rows and columns of the tiles that large products are cut into, on Hopper and Blackwell (CUTLASS: 128 x 256 and two times 128 x 128).
const TILE: [u64; 2] = [128, 256];

/// The part of a product's waves of tiles that is not the last.
fn but_one_wave(product: &Gemm, units: u64) -> f64 {
    let tiles = product.m.div_ceil(TILE[0]) * product.n.div_ceil(TILE[1]) * product.count;
    1.0 - 1.0 / (tiles as f64 / units.max(1) as f64).max(1.0)
}

impl Pass {
    fn of(software: &Software, device: &Device) -> Pass {
        let fused = software.fused.then_some(device.units);
        Pass { largest: software.largest, fused, ..Pass::default() }
    }

    fn add(&mut self, counted: &Counted, estimate: &Estimate) {
        let time = estimate.time.0 * counted.count;
        let step = &mut self.step;
        match counted.operator {
            Operator::Collective(exchange) => {
                step.exchange.0 += time;
                let reduces = exchange.kind == CollectiveKind::AllReduce;
                if reduces && self.fused.is_some() {
                    self.under += time.min(self.before);
                } else if !reduces || exchange.bytes <= self.largest {
                    self.soft += time;
                }
                self.before = 0.0;
            }
            operator => {
                step.compute.0 += time;
                self.before = match (operator, self.fused) {
                    (Operator::Gemm(product), Some(units)) => time * but_one_wave(&product, units),
                    _ => 0.0,
                };
            }
        }
        match counted.part {
            Part::Embedding => self.ends[0] += time,
            Part::Head => self.ends[1] += time,
            _ => {}
        }
        step.waits[estimate.bound() as usize].0 += time;
        step.overhead.0 += estimate.overhead.0.min(estimate.time.0) * counted.count;
        step.operations += counted.operations();
        step.memory_bytes += counted.memory_bytes();
        step.exchanged_bytes += counted.exchanged_bytes();
    }

    /// The step of all micro-batches.
    fn finish(self, plan: &Plan, works: &[Work], software: &Software) -> Step {
        let Pass { mut step, soft, under, ends, .. } = self;
        step.hidden = Seconds(soft.min(step.compute.0) * software.overlap.clamp(0.0, 1.0) + under);
        let pass = step.compute.0 + step.exchange.0 - step.hidden.0;
        let micro = plan.micro_batches(works) as f64;
        let stages = plan.mapping().pipeline as f64;
        if stages > 1.0 {
            let layers = plan.shape().layer_count() as f64;
            let inside = (pass - ends[0] - ends[1]).max(0.0);
            let slowest = inside * (layers / stages).ceil() / layers + ends[0].max(ends[1]);
            // Decode repeats: a token follows when its micro-batch has been through all stages, or when all micro-batches have been through the
            // slowest. Prefill alone fills and drains the pipeline.
            let whole = match works.iter().any(|work| work.phase == Phase::Decode) {
                true => pass.max(micro * slowest),
                false => pass + (micro - 1.0) * slowest,
            };
            // Of that, one device is busy with its share of each micro-batch.
            step.bubble = Seconds(whole - micro * pass / stages);
            scale(&mut step, micro / stages);
            step.time = Seconds(whole);
        } else {
            step.time = Seconds(pass);
        }
        step.host = software.host;
        step.time.0 += software.host.0;
        step
    }
}

/// From a pass through all stages to what one device does for all micro-batches.
fn scale(step: &mut Step, factor: f64) {
    let times = [&mut step.compute, &mut step.exchange, &mut step.hidden, &mut step.overhead];
    times.into_iter().for_each(|time| time.0 *= factor);
    step.waits.iter_mut().for_each(|time| time.0 *= factor);
    step.operations *= factor;
    step.memory_bytes *= factor;
    step.exchanged_bytes *= factor;
}

/// The time of a step: one network, one device, one mapping, given work, all operators.
pub fn step(plan: &Plan, works: &[Work], device: &Device, software: &Software) -> Step {
    let mut pass = Pass::of(software, device);
    plan.visit(works, |counted| pass.add(counted, &kernel::time(&counted.operator, device)));
    pass.finish(plan, works, software)
}
