//! Serving points: a network, a deployment and a number of requests in flight, to time to first token and time per token.
//!
//! [`deployment`] makes a network, formats, mappings and workers of a line of the file; [`closed`] runs the closed loop with steps whose time comes from
//! `perf`. What the software adds to the device's own time is in [`Habits`]: two times per family of software and a handful of facts about how each
//! forms a step. The set has no calibrate half, so these times were fitted on the half of the points whose [`fitted_half`] is true, and the error is
//! reported over the other half as well as over all. Intervals come from the same half ([`spread`]).

pub mod closed;
pub mod deployment;
pub mod runs;
pub mod spread;

use base::units::{Seconds, Watts};
use deployment::{Arrangement, Deployment};
use perf::device::Device;
use perf::evaluate::{self, Software};
use perf::operator::Phase;
use perf::power::{self, Envelope};
use perf::workload::{Plan, Work};
use serve::cost::{Chunk, Composition, Cost, StepCost};
use std::cell::RefCell;
use std::collections::HashMap;

/// How a family of serving software forms its steps, and what it costs beside the device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Habits {
    /// Whether a step holds chunks of prompts beside decoding sequences; else prompts go first and decoding waits.
    pub mixes: bool,
    /// Most tokens of one step.
    pub budget: u64,
    /// Time of a step that the device waits for its host.
    pub host: Seconds,
    /// Time of the host per layer of a step with prompts. Such steps have too many shapes to be captured as graphs, so each kernel is launched by itself;
    /// where that takes longer than the device's work, the device waits.
    pub eager: Seconds,
    /// Share of the exchanges' time that is saved against NCCL: kernels of the software's own over peer memory, fused with the norm that follows.
    pub exchange: f64,
    /// Largest all-reduce of which that is true, in bytes; larger ones are NCCL's.
    pub largest: f64,
    /// Whether each product and the all-reduce after it are one kernel, which sends what is done while it goes on.
    pub fused: bool,
    /// Share of the operators' overhead that is hidden where kernels follow one another in a captured graph: launches and first loads run under the end of
    /// the kernel before. Measured alone, each kernel pays for its own.
    pub graph: f64,
    /// From the client's call to the scheduler and from the first token back to the client: HTTP, tokenisation, queues between processes.
    pub front: Seconds,
    /// The same of a first token that two servers make, one of prompts and one of answers: routing, and setting up the cache's way.
    pub handing: Seconds,
    /// Time of the host per sequence of a step that the device waits for: what is done for one request after another between steps.
    pub each: Seconds,
    /// What the one process that answers all clients of an instance needs for a step and for each of its tokens, if each is sent by itself. It works while the device does;
    /// where it takes longer, the device waits.
    pub answering: [Seconds; 2],
    /// Decoding steps from one look for new requests to the next.
    pub poll: u64,
    /// Time per layer that groups of data parallelism wait for one another where their experts exchange: none is as fast as the fastest in every layer.
    pub skew: Seconds,
    /// Steps after which prompts are read although not every group of data parallelism has one: a prompt makes all groups wait, and several at once not longer.
    pub wait: u64,
}

impl Habits {
    /// What all have in common.
    const USUAL: Habits = Habits {
        mixes: true,
        budget: 8192,
        host: Seconds(0.1e-3),
        eager: Seconds(1e-3),
        exchange: 0.0,
        largest: f64::INFINITY,
        fused: false,
        graph: 0.3,
        front: Seconds(20e-3),
        handing: Seconds(0.0),
        each: Seconds(0.0),
        answering: [Seconds(0.0); 2],
        poll: 1,
        skew: Seconds(0.0),
        wait: 0,
    };

    /// Those of a backend by the name that the points use; unknown ones are taken to be like vLLM.
    pub fn of(backend: &str) -> Habits {
        match backend {
            // In-flight batching with chunked context; `max_num_tokens` 8,192 by default. Its own all-reduce holds 8 MB (`CustomAllReduceHelper`).
            "trtllm" => {
                Habits { exchange: 0.7, largest: 8e6, front: Seconds(70e-3), handing: Seconds(130e-3), ..Habits::USUAL }
            }
            // Prompts before decoding (`--enable-mixed-chunk` is off by default), `--chunked-prefill-size` 8,192 on these devices.
            "sglang" => Habits { mixes: false, front: Seconds(200e-3), ..Habits::USUAL },
            // Chunked prefill in every step; `max_num_batched_tokens` 8,192 in the API server on these devices.
            _ => Habits::USUAL,
        }
    }

    /// Those of a deployment: what a family does, its release, and the options of the benchmark.
    pub fn on(deployment: &Deployment) -> Habits {
        let usual = Habits::of(&deployment.backend);
        match deployment.backend.as_str() {
            "trtllm" if deployment.version.starts_with(FIRST) => usual.first(),
            // `--max_num_tokens` and `num_postprocess_workers` of the benchmark's scripts for gpt-oss: four processes beside the scheduler's answer clients.
            "trtllm" if deployment.network.contains("gpt-oss") => {
                Habits { budget: 20_000, front: Seconds(30e-3), handing: Seconds(0.0), ..usual }
            }
            // `attention_dp_config` of the benchmark's scripts: `enable_balance`, `timeout_iters` 60.
            "trtllm" if deployment.is_benchmark() => Habits { skew: SKEW, wait: 60, ..usual },
            // Recipes for whole racks: NCCL's symmetric memory (`enable-symm-mem`), and 131,072 tokens of prompts a step of eight devices.
            _ if deployment.is_in_a_rack() => Habits { exchange: 0.7, budget: 16_384, ..usual },
            "sglang" if deployment.is_benchmark() && deployment.device != "h100" && deployment.device != "h200" => {
                // `--scheduler-recv-interval` and `--chunked-prefill-size` of the benchmark's scripts for Blackwell.
                let poll = if deployment.concurrency >= 16 { 30 } else { 10 };
                let budget = if deployment.network.contains("Qwen3.5") { 32_768 } else { 16_384 };
                Habits { poll, budget, ..usual }
            }
            _ => usual,
        }
    }

    /// Those of a backend in the summer of 2025, when TensorRT-LLM's release was the first one with a runtime in PyTorch.
    pub fn of_2025(backend: &str) -> Habits {
        let usual = Habits::of(backend);
        if backend == "trtllm" { Habits { skew: SKEW, ..usual.first() } } else { usual }
    }

    /// Those of the release of TensorRT-LLM that moved its runtime to PyTorch, before it was ripe.
    fn first(self) -> Habits {
        Habits { host: FIRST_HOST, each: FIRST_EACH, answering: FIRST_ANSWERING, ..self }
    }

    /// The same where answers are sent whole, at their end.
    #[must_use]
    pub fn whole(self) -> Habits {
        Habits { answering: [Seconds(0.0); 2], ..self }
    }

    /// The same software with the network compiled into one engine, whose kernels no interpreter launches and no graph holds.
    #[must_use]
    pub fn engine(self) -> Habits {
        Habits { host: Habits::USUAL.host, eager: Seconds(0.0), graph: 0.0, each: Seconds(0.0), ..self }.whole()
    }

    /// The same with each product and the all-reduce after it in one kernel.
    #[must_use]
    pub fn fused(self) -> Habits {
        Habits { fused: true, ..self }
    }

    fn software(&self) -> Software {
        Software { host: self.host, overlap: self.exchange, largest: self.largest, fused: self.fused }
    }
}

/// The release of TensorRT-LLM that moved its runtime to PyTorch, before it was ripe.
const FIRST: &str = "1.0.0rc";
/// What that release does in a step and for each sequence between two steps, with the device waiting.
const FIRST_HOST: Seconds = Seconds(0.8e-3);
const FIRST_EACH: Seconds = Seconds(30e-6);
/// What its process for answers does in a step and for each token: small networks on eight devices show it, whose steps take as long as on four.
const FIRST_ANSWERING: [Seconds; 2] = [Seconds(2.4e-3), Seconds(60e-6)];

/// What groups of data parallelism of TensorRT-LLM wait for one another, per layer, where prompts and answers share their devices. Racks of separate workers show none.
const SKEW: Seconds = Seconds(40e-6);

/// Probabilities that a drafted token is right where those before it are: of the first, and of each further one from the same head. The first is measured for
/// DeepSeek-R1 (0.81 to 0.823, pull request 12755 of vLLM). The other is fitted on the half of the points: a step that drafts three gives 2.36 tokens, which
/// agrees with the 2.16 times that TensorRT-LLM's authors measured of one sequence on eight B200, drafting included (`blog2_DeepSeek_R1_MTP`).
const ACCEPTED: [f64; 2] = [0.82, 0.45];

/// Whether a point belongs to the half that the times of [`Habits`] were fitted on.
pub fn fitted_half(id: &str) -> bool {
    // FNV-1a and the end of MurmurHash3, so that every digit moves the bit: the same on every machine and in every version.
    let hash = id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (mixed ^ (mixed >> 33)) & 1 == 0
}

/// What is predicted of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Time to first token.
    pub ttft: Seconds,
    /// Time per further token.
    pub tpot: Seconds,
}

/// One instance of a network on its devices, with the times of steps that were asked for before.
///
/// Counts are rounded to three significant binary digits or so before a step is evaluated, so that the steps of a long run are few different ones.
pub struct Instance<'a> {
    plan: Plan,
    device: &'a Device,
    envelope: Envelope,
    speed: f64,
    drafts: u64,
    graphs: Vec<u64>,
    crowded: bool,
    longest: f64,
    habits: Habits,
    known: RefCell<HashMap<closed::Step, Cost>>,
}

/// Steps between powers of two that counts are rounded to: within 1.5 %.
const PER_OCTAVE: u64 = 32;

/// The nearest of [`PER_OCTAVE`] numbers per power of two; small counts stay as they are.
fn rounded(count: u64) -> u64 {
    let grain = (count.max(1).next_power_of_two() / (2 * PER_OCTAVE)).max(1);
    (count + grain / 2) / grain * grain
}

impl<'a> Instance<'a> {
    /// An instance of a plan on a device.
    pub fn new(plan: Plan, device: &'a Device, habits: Habits) -> Instance<'a> {
        Instance {
            plan,
            device,
            envelope: Envelope::of(device),
            speed: 1.0,
            drafts: 0,
            graphs: Vec::new(),
            crowded: false,
            longest: 1.0,
            habits,
            known: RefCell::default(),
        }
    }

    /// The same with a limit of power for each device.
    #[must_use]
    pub fn limited(self, limit: Watts) -> Instance<'a> {
        Instance { envelope: self.envelope.limited(limit), ..self }
    }

    /// The same with every step so many times as fast.
    #[must_use]
    pub fn faster(self, speed: f64) -> Instance<'a> {
        Instance { speed, ..self }
    }

    /// The same with so many tokens drafted for each sequence in a step, by the network's own head.
    #[must_use]
    pub fn drafting(self, drafts: u64) -> Instance<'a> {
        Instance { drafts, ..self }
    }

    /// The same with steps captured for these numbers of sequences of a group, rising: a step without prompts that has fewer is filled up with sequences of no length.
    #[must_use]
    pub fn captured(self, graphs: &[u64]) -> Instance<'a> {
        Instance { graphs: graphs.to_vec(), ..self }
    }

    /// The same with what precedes the prompts of a step so many times as long in the micro-batch where it is longest. All stages of a pipeline go on when the slowest micro-batch does.
    #[must_use]
    pub fn longest(self, times: f64) -> Instance<'a> {
        Instance { longest: times, ..self }
    }

    /// The same with every place of every group taken, as where more requests wait than run: prompts come where a sequence has ended.
    #[must_use]
    pub fn crowded(self) -> Instance<'a> {
        Instance { crowded: true, ..self }
    }

    /// Tokens that a step gives each sequence on average.
    pub fn tokens(&self) -> f64 {
        let [first, further] = ACCEPTED;
        1.0 + (0..self.drafts).map(|before| first * further.powi(before as i32)).sum::<f64>()
    }

    /// Most sequences whose whole contexts its memory holds. A deployment that ran did hold its weights: where they leave nothing beside the usual
    /// reserve, the reserve was smaller, and what was left is not known: no limit then.
    pub fn room(&self, positions: u64) -> u64 {
        let mapping = self.plan.mapping();
        let memory = self.plan.memory(self.device, mapping.data, positions);
        let each = memory.cache.max(1.0);
        let free = memory.capacity.as_f64() - memory.weights - memory.activations - memory.reserve;
        if free < each {
            return u64::MAX;
        }
        ((free / each) as u64).saturating_mul(mapping.data)
    }
}

impl Instance<'_> {
    /// What a step takes, its counts rounded: time, and energy of all devices.
    pub fn cost(&self, step: closed::Step) -> Cost {
        let step = closed::Step {
            prompts: rounded(step.prompts),
            tokens: rounded(step.tokens),
            past: rounded(step.past),
            sequences: rounded(step.sequences),
            context: rounded(step.context),
        };
        if let Some(cost) = self.known.borrow().get(&step) {
            return *cost;
        }
        let cost = self.evaluate(step);
        self.known.borrow_mut().insert(step, cost);
        cost
    }

    /// What exactly this step takes, evaluated anew.
    ///
    /// With drafts, the network checks every drafted position beside the next one, after a pass of the drafting head for each: a layer of its own kind,
    /// so a layer's share of a step of single tokens.
    pub fn evaluate(&self, step: closed::Step) -> Cost {
        let checked = self.evaluate_positions(step, 1 + self.drafts);
        if self.drafts == 0 || step.sequences == 0 {
            return checked;
        }
        let single = closed::Step { prompts: 0, tokens: 0, past: 0, ..step };
        let pass = self.evaluate_positions(single, 1);
        let share = self.drafts as f64 / self.plan.shape().layer_count() as f64;
        Cost { time: checked.time + pass.time * share, energy: checked.energy + pass.energy * share }
    }

    /// As many prompts as would take as long if groups of data parallelism shared them evenly. Where a group has no other place, a prompt comes to the one in which a sequence has
    /// ended, which is any of them, and all wait for the one with the most (Raab and Steger, "Balls into Bins", RANDOM 1998: above the mean by the root of twice the mean times
    /// the logarithm of the groups).
    fn uneven(&self, prompts: u64) -> u64 {
        if !self.crowded {
            return prompts;
        }
        let groups = self.plan.mapping().data as f64;
        let mean = prompts as f64 / groups;
        let most = mean + (2.0 * mean * groups.ln() * (1.0 - 1.0 / groups)).sqrt();
        (most.max(1.0).min(prompts as f64) * groups).round() as u64
    }

    /// Sequences that a step computes, and their mean context.
    fn filled(&self, step: closed::Step) -> (u64, u64) {
        let groups = self.plan.mapping().data;
        let wanted = step.sequences.div_ceil(groups);
        let graph = self.graphs.iter().find(|size| **size >= wanted).filter(|_| step.prompts == 0);
        let Some(sequences) = graph.map(|size| size * groups) else { return (step.sequences, step.context) };
        (sequences, (step.context * step.sequences / sequences).max(1))
    }

    /// What a step takes that does so many positions of each sequence that decodes.
    fn evaluate_positions(&self, step: closed::Step, positions: u64) -> Cost {
        let mut works = Vec::with_capacity(2);
        if step.prompts > 0 {
            works.push(Work {
                phase: Phase::Prefill,
                sequences: self.uneven(step.prompts),
                queries: step.tokens.max(1),
                past: step.past,
                logits: 1,
            });
        }
        if step.sequences > 0 {
            let (sequences, context) = self.filled(step);
            let decode = Work::decode(sequences, context);
            works.push(Work { queries: positions, logits: positions, ..decode });
        }
        let format = self.plan.formats().activations;
        let evaluated = evaluate::step(&self.plan, &works, self.device, &self.habits.software());
        let evaluated = self.envelope.throttled(evaluated, self.device, format);
        let mut time = evaluated.time.0 - self.habits.graph * evaluated.overhead.0.min(evaluated.compute.0);
        if step.prompts > 0 {
            time = time.max(self.habits.eager.0 * self.plan.shape().layer_count() as f64);
        }
        if self.plan.mapping().data > 1 {
            time += self.habits.skew.0 * self.plan.shape().layer_count() as f64;
        }
        let sequences = (step.sequences + step.prompts).div_ceil(self.plan.mapping().data);
        time += self.habits.each.0 * sequences as f64;
        let [step_answers, token_answer] = self.habits.answering;
        time = time.max(step_answers.0 + token_answer.0 * step.sequences as f64);
        let taken = evaluate::Step { time: Seconds(time / self.speed), ..evaluated };
        let each = self.envelope.power(&taken, self.device, format) * taken.time;
        Cost { time: taken.time, energy: each * self.plan.mapping().devices() as f64 }
    }
}

impl closed::Steps for Instance<'_> {
    fn time(&self, step: closed::Step) -> f64 {
        self.cost(step).time.0
    }
}

/// All groups of data parallelism as one scheduler sees them: a step takes as long as that of the group with the most to do.
impl StepCost for Instance<'_> {
    fn step(&self, step: &Composition) -> Cost {
        let pipeline = self.plan.mapping().pipeline;
        let chunks = step.chunks.len() as u64;
        let sum = |of: fn(&Chunk) -> u32| step.chunks.iter().map(|chunk| u64::from(of(chunk))).sum::<u64>();
        // Each micro-batch of a pipeline has its part.
        let prompts = chunks.next_multiple_of(pipeline);
        self.cost(closed::Step {
            prompts,
            tokens: sum(|chunk| chunk.new).div_ceil(prompts.max(1)),
            past: (self.longest * sum(|chunk| chunk.context) as f64) as u64 / chunks.max(1),
            sequences: step.decodes.into(),
            context: step.decode_context / u64::from(step.decodes.max(1)),
        })
    }

    fn idle(&self) -> Watts {
        power::resting(self.device) * self.plan.mapping().devices() as f64
    }
}

/// The prediction of a deployment on a device.
pub fn predict(deployment: &Deployment, device: &Device) -> Point {
    predict_with(deployment, device, Habits::on(deployment))
}

/// The prediction with other habits than those of its backend.
pub fn predict_with(deployment: &Deployment, device: &Device, habits: Habits) -> Point {
    let instance = |mapping| {
        let plan = Plan::new(deployment.shape, deployment.formats.on(device), mapping, deployment.spread);
        Instance::new(plan, device, habits).drafting(deployment.drafts)
    };
    let traffic = deployment.traffic();
    let outcome = match &deployment.arrangement {
        Arrangement::Together(mapping) => {
            let instance = instance(*mapping);
            let policy = closed::Policy {
                mixes: habits.mixes,
                budget: habits.budget.saturating_mul(mapping.data),
                room: instance.room(traffic.prompt + traffic.answer),
                poll: habits.poll,
                groups: (mapping.data, habits.wait),
                tokens: instance.tokens(),
            };
            closed::together(&instance, policy, &traffic)
        }
        Arrangement::Apart { prefill, prefill_workers, decode, decode_workers } => {
            let (first, second) = (instance(*prefill), instance(*decode));
            let transfer = deployment.transfer(device);
            let workers = closed::Workers {
                prefill: *prefill_workers,
                decode: *decode_workers,
                budget: habits.budget.saturating_mul(prefill.data),
                room: second.room(traffic.prompt + traffic.answer),
                transfer,
                tokens: second.tokens(),
            };
            closed::apart(&first, &second, workers, &traffic)
        }
    };
    let handing = if spread::apart(&deployment.arrangement) { habits.handing.0 } else { 0.0 };
    Point { ttft: Seconds(outcome.ttft + habits.front.0 + handing), tpot: Seconds(outcome.tpot) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perf::parallel::Mapping;
    use perf::workload::Formats;

    fn step(sequences: u64) -> closed::Step {
        closed::Step { sequences, context: 1000, ..closed::Step::default() }
    }

    /// An instance of Llama 3.1 8B on one H100, or in groups on eight.
    fn with<T>(groups: u64, habits: Habits, use_it: impl FnOnce(Instance) -> T) -> T {
        let device = Device::find("h100").unwrap();
        let shape = perf::network::language("llama-3.1-8b").unwrap().1;
        let formats = Formats::default().read("fp8").unwrap();
        let mapping = Mapping { data: groups, ..Mapping::ONE };
        use_it(Instance::new(Plan::new(shape, formats, mapping, deployment::SPREAD), &device, habits))
    }

    #[test]
    fn captured_steps_are_filled_up_but_for_those_with_prompts() {
        with(1, Habits::of("trtllm"), |instance| {
            let plain = |sequences, context| instance.evaluate(closed::Step { context, ..step(sequences) }).time;
            let (few, full) = (plain(100, 1000), plain(128, 1000 * 100 / 128));
            let prompt = closed::Step { prompts: 1, tokens: 100, ..step(100) };
            let before = instance.evaluate(prompt).time;
            let more = plain(300, 1000);
            let instance = instance.captured(&[128, 256]);
            let time = |step| instance.evaluate(step).time;
            assert!(few < full);
            assert_eq!([time(step(100)), time(prompt), time(step(300))], [full, before, more]);
        });
    }

    #[test]
    fn the_group_with_the_most_prompts_decides_where_all_places_are_taken() {
        let uneven = |groups, prompts| with(groups, Habits::of("trtllm"), |one| one.crowded().uneven(prompts));
        assert_eq!([uneven(1, 5), uneven(8, 1)], [5, 8]);
        // Of eight prompts three are in one of eight groups, of thirty seven.
        assert!((22..=24).contains(&uneven(8, 8)) && (54..=60).contains(&uneven(8, 30)));
        with(8, Habits::of("trtllm"), |one| assert_eq!(one.uneven(30), 30));
    }

    #[test]
    fn a_process_for_answers_bounds_all_groups_together() {
        let first = Habits::of_2025("trtllm");
        let time = |habits| with(8, habits, |instance| instance.evaluate(step(2000)).time.0);
        let [step_answers, token] = first.answering;
        assert!((time(first) - (step_answers.0 + 2000.0 * token.0)).abs() < 1e-12);
        assert!(time(first.whole()) < 0.5 * time(first));
    }
}
