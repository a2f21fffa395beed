//! Step costs from the model of time: a network on a device, in `perf`'s words.
//!
//! A step with parts of prompts is evaluated operator by operator, each part with its own length. A step of decoding alone is asked for so often that it
//! is read from a table: exact in the number of requests, linear between points of their mean context, eight to an octave. A test holds the table to the
//! evaluation.

use crate::cost::{Composition, Cost, StepCost};
use base::units::{Joules, Seconds, Watts};
use perf::device::Device;
use perf::evaluate::{self, Software};
use perf::operator::Phase;
use perf::power;
use perf::workload::{Plan, Work};
use std::cell::RefCell;

/// A network on a device, as a step cost.
pub struct Modelled {
    plan: Plan,
    device: Device,
    software: Software,
    /// By number of requests, then by point of the mean context.
    decode: RefCell<Vec<Vec<Option<Cost>>>>,
}

impl Modelled {
    /// Of a network that is divided among devices. The host's part of a step is left to the simulator, which knows how many requests there are.
    pub fn new(plan: Plan, device: Device) -> Modelled {
        let software = Software { host: Seconds(0.0), ..Software::of(&device) };
        Modelled { plan, device, software, decode: RefCell::default() }
    }

    /// The network.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Cache blocks of `block` tokens for which there is room beside the weights, when `memory` bytes of each device may be used, and sequences are about
    /// `positions` long: where a layer sees a window only, a long sequence takes less per token.
    pub fn blocks(&self, memory: f64, block: u32, positions: u64) -> u32 {
        let mapping = self.plan.mapping();
        // Groups of data parallelism have caches of their own; one scheduler's blocks stand for all of them.
        let room = (memory - self.plan.weight_bytes()).max(0.0) * mapping.data as f64;
        let token = self.plan.cache_bytes(positions) / positions as f64;
        (room / (token * f64::from(block))).min(f64::from(u32::MAX - 1)) as u32
    }

    /// Bytes of a token's keys and values over all devices of a replica, when sequences are about `positions` long.
    pub fn token_bytes(&self, positions: u64) -> f64 {
        let mapping = self.plan.mapping();
        let shards = mapping.tensor * mapping.pipeline * mapping.context;
        self.plan.cache_bytes(positions) / positions as f64 * shards as f64
    }

    fn evaluate(&self, works: &[Work]) -> Cost {
        let step = evaluate::step(&self.plan, works, &self.device, &self.software);
        Cost { time: step.time, energy: self.energy(&step) }
    }

    /// Of all devices, by how much of their arithmetic and memory the step uses.
    fn energy(&self, step: &evaluate::Step) -> Joules {
        power::energy(step, &self.device, self.plan.formats().activations) * self.plan.mapping().devices() as f64
    }

    /// One new token for each of `requests` after `context` tokens in all.
    fn decode(&self, requests: u32, context: u64) -> Cost {
        let mean = context as f64 / f64::from(requests);
        let (below, part) = point(mean);
        let low = self.decode_at(requests, below);
        if part == 0.0 {
            return low;
        }
        let high = self.decode_at(requests, below + 1);
        let between = |low: f64, high: f64| low + (high - low) * part;
        Cost { time: Seconds(between(low.time.0, high.time.0)), energy: Joules(between(low.energy.0, high.energy.0)) }
    }

    fn decode_at(&self, requests: u32, at: usize) -> Cost {
        let mut table = self.decode.borrow_mut();
        let rows = table.len().max(requests as usize + 1);
        table.resize(rows, Vec::new());
        let row = &mut table[requests as usize];
        row.resize(row.len().max(at + 1), None);
        *row[at].get_or_insert_with(|| self.evaluate(&[Work::decode(requests.into(), context_of(at))]))
    }
}

/// Points of the first stretch, and of each octave behind it.
const POINTS: usize = 8;
/// Where the first octave begins.
const FIRST: f64 = 256.0;

/// The point at or below a mean context, and how far it is to the next.
fn point(mean: f64) -> (usize, f64) {
    let octave = if mean < FIRST { 0 } else { 1 + (mean / FIRST).log2().floor() as usize };
    let (from, width) = stretch(octave);
    let place = (mean - from) / width * POINTS as f64;
    let whole = place.floor().clamp(0.0, (POINTS - 1) as f64);
    (octave * POINTS + whole as usize, (place - whole).clamp(0.0, 1.0))
}

/// Context at a point.
fn context_of(at: usize) -> u64 {
    let (from, width) = stretch(at / POINTS);
    (from + width * (at % POINTS) as f64 / POINTS as f64) as u64
}

/// Where a stretch begins and how long it is: 0 to 256, then octaves.
fn stretch(octave: usize) -> (f64, f64) {
    match octave {
        0 => (0.0, FIRST),
        _ => {
            let from = FIRST * 2f64.powi(octave as i32 - 1);
            (from, from)
        }
    }
}

impl StepCost for Modelled {
    fn step(&self, step: &Composition) -> Cost {
        if step.chunks.is_empty() && step.decodes == step.decode_tokens && step.decodes == step.sampled {
            return self.decode(step.decodes, step.decode_context);
        }
        let mut works = Vec::with_capacity(step.chunks.len() + 1);
        let mut wanted = u64::from(step.sampled);
        if step.decodes > 0 {
            let requests = u64::from(step.decodes);
            let queries = u64::from(step.decode_tokens).div_ceil(requests);
            let past = (step.decode_context as f64 / step.decodes as f64).round() as u64;
            works.push(Work { phase: Phase::Decode, sequences: requests, queries, past, logits: queries });
            wanted = wanted.saturating_sub(step.decode_tokens.into());
        }
        // Which parts end their prompts does not matter to the time, only how many: one row of logits each.
        for chunk in &step.chunks {
            let logits = wanted.min(1);
            wanted -= logits;
            let (queries, past) = (chunk.new.into(), chunk.context.into());
            works.push(Work { phase: Phase::Prefill, sequences: 1, queries, past, logits });
        }
        self.evaluate(&works)
    }

    fn idle(&self) -> Watts {
        power::resting(&self.device) * self.plan.mapping().devices() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perf::operator::Spread;
    use perf::parallel::Mapping;
    use proptest::prelude::*;

    fn modelled() -> Modelled {
        let (known, shape) = perf::network::language("llama-3.1-8b").unwrap();
        let plan = Plan::new(shape, known.formats, Mapping::ONE, Spread::Balanced);
        Modelled::new(plan, Device::find("h100").unwrap())
    }

    #[test]
    fn points_lie_where_they_say() {
        for at in 0..200 {
            assert_eq!(point(context_of(at) as f64), (at, 0.0));
        }
        let (below, part) = point(300.0);
        assert_eq!((context_of(below), context_of(below + 1)), (288, 320));
        assert!((part - 12.0 / 32.0).abs() < 1e-12);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_table_is_close_to_the_evaluation(requests in 1u32..200, mean in 1u64..60_000) {
            let modelled = modelled();
            let table = modelled.step(&Composition::decode(requests, mean * u64::from(requests))).time.0;
            let exact = modelled.evaluate(&[Work::decode(requests.into(), mean)]).time.0;
            prop_assert!((table / exact - 1.0).abs() < 0.02, "{} {}", table, exact);
        }
    }

    #[test]
    fn drafts_and_parts_of_prompts_cost_more_than_a_token() {
        let modelled = modelled();
        let plain = Composition::decode(8, 8000);
        let time = |step: &Composition| modelled.step(step).time;
        let drafted = Composition { decode_tokens: 40, sampled: 40, ..plain.clone() };
        let mixed = Composition { chunks: vec![crate::cost::Chunk { new: 500, context: 100 }], ..plain.clone() };
        assert!(time(&drafted) > time(&plain) && time(&mixed) > time(&drafted));
    }

    #[test]
    fn rest_takes_less_than_decode_and_decode_less_than_the_limit() {
        let modelled = modelled();
        let watts = |step: &Composition| {
            let cost = modelled.step(step);
            cost.energy.0 / cost.time.0
        };
        let limit = modelled.device().power.0;
        let prompt = Composition {
            chunks: vec![crate::cost::Chunk { new: 4096, context: 0 }],
            sampled: 1,
            ..Composition::default()
        };
        let (one, many, prompt) =
            (watts(&Composition::decode(1, 1000)), watts(&Composition::decode(8, 8000)), watts(&prompt));
        assert!(modelled.idle().0 < one && one < many && many < limit, "{one} {many}");
        assert!(prompt > many && prompt <= limit, "{prompt}");
    }

    #[test]
    fn the_cache_has_what_the_weights_leave() {
        let modelled = modelled();
        let token = 2.0 * 32.0 * 8.0 * 128.0 * 2.0;
        assert_eq!(modelled.token_bytes(1000), token);
        let room = 100.0 * 16.0 * token;
        assert_eq!(modelled.blocks(modelled.plan().weight_bytes() + room + 1.0, 16, 1000), 100);
        assert_eq!(modelled.blocks(1e9, 16, 1000), 0);
    }
}
