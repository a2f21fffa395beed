//! Ways to serve a workload on a device, in closed form: what each costs in device time, how soon it answers, what it draws.
//!
//! Three roles of an instance are looked at, over all mappings without a pipeline, batches and chunks of the study:
//!
//! - **whole**: prompts and answers share the devices. A step decodes a token for each of `B` requests; a share `f` of the steps also reads a chunk of `Q` prompt tokens.
//!   As many prompts are read as answers are written, so `f = B p / (a Q)` with mean prompt `p` and answer `a`. A step takes `T_d` alone and `T_m` with a chunk; on average
//!   `T = T_d + f (T_m - T_d)`, and a token costs `n T / B` seconds of a device.
//! - **decode**: answers alone, `T_d` a step.
//! - **prefill**: prompts alone, in the largest of the chunks, at a load `r` below one.
//!
//! Prompts wait in a queue with one server, which is busy for the share `f T_m / T` of the time (steps with a chunk are longer): its mean wait is Pollaczek's and
//! Khinchin's, its tail exponential (Kingman 1962), which gives the 99th percentile of the time to the first token. The 99th percentile of the time per further token
//! adds the spread of how many chunks an answer of mean length meets: prompts come at random and bring several each. `confirm` holds the chosen deployments
//! against simulated requests.
//!
//! Requests in flight vary around `B` as in a Poisson process; memory must hold 99 of 100 such moments.

use crate::ask::{Ask, SPREAD};
use crate::study::Deployments;
use base::units::{BytesPerSecond, Joules, Watts};
use perf::device::Device;
use perf::evaluate::{self, Software, Step};
use perf::format::Format;
use perf::operator::{Operator, Phase};
use perf::parallel::candidates;
use perf::workload::{Formats, Plan, Work};
use serde::{Deserialize, Serialize};

/// What a device draws for a step.
pub trait Meter: Sync {
    /// Energy of one device for a step of `plan`; `narrow` is the part of its arithmetic with weights of four bits.
    fn energy(&self, step: &Step, plan: &Plan, narrow: f64) -> Drawn;

    /// Whether a device may draw this all the time.
    fn bears(&self, die: Watts, beside: Watts) -> bool;
}

/// Energy by where it becomes heat.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drawn {
    /// On the die.
    pub die: Joules,
    /// In the memory beside it.
    pub beside: Joules,
}

/// What an instance does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Role {
    /// Prompts and answers, prompts in chunks of so many tokens.
    Whole {
        /// Most prompt tokens of a step.
        chunk: u32,
    },
    /// Answers.
    Decode,
    /// Prompts, busy for so many of a hundred seconds.
    Prefill {
        /// Prompt tokens of a step.
        chunk: u32,
        /// Per cent.
        load: u8,
    },
}

/// A way to serve a workload, or half of one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Which of the plans it uses.
    pub plan: u32,
    /// What it does.
    pub role: Role,
    /// Requests that decode at once; 0 for prompts.
    pub batch: u32,
    /// Seconds of a device per token written.
    pub seconds: f64,
    /// Of those, for prompts.
    pub reading: f64,
    /// Time to the first token, 99th percentile, in s; for [`Role::Decode`] its own part.
    pub ttft: f64,
    /// Time per further token, 99th percentile, in s; 0 for prompts.
    pub tpot: f64,
    /// Time per further token on average, in s.
    pub pace: f64,
    /// Power of a device in the step that draws most.
    pub watts: f64,
    /// Of that, beside the die.
    pub beside: f64,
    /// Power of a device on average, waiting included.
    pub mean: f64,
    /// Which of the cache formats of its network it uses: a cache can be handed over only in the same.
    pub cache: u8,
}

/// A network divided among devices, with its formats.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The part of its arithmetic that has weights of four bits.
    pub narrow: f64,
    /// Which of the cache formats of its network it uses.
    pub cache: u8,
}

/// Requests that decode at once: powers of two, and the numbers half way between.
fn batches() -> impl Iterator<Item = u32> {
    (0..=16)
        .flat_map(|octave| [1 << octave, 3 << octave >> 1])
        .filter(|batch| *batch != 0)
        .scan(0, |last, batch| {
            let fresh = batch > *last;
            *last = batch.max(*last);
            Some(fresh.then_some(batch))
        })
        .flatten()
}

/// From an instance to another where a device has no links of its own beyond its group: one port of 400 Gb/s a device, an assumption after servers of H100, which
/// have one ConnectX-7 each (`data/devices/h100.toml`, scale_out).
const NETWORK: BytesPerSecond = BytesPerSecond(50e9);

/// Loads of instances that only read prompts, per cent.
const LOADS: [u8; 4] = [50, 65, 80, 90];

/// Highest share of steps with a chunk.
const BUSIEST: f64 = 0.9;

/// Standard deviations below which 99 in 100 of a normal distribution lie.
pub const DEVIATIONS: f64 = 2.326;

/// Every plan of a network on a device: instances of `deployments` sizes, all mappings without a pipeline, all formats.
///
/// A pipeline multiplies the time per token and is left to networks that do not fit otherwise; none of an instance's sizes needs it here.
pub fn plans(ask: &Ask, device: &Device, deployments: &Deployments) -> Vec<Planned> {
    let mut plans: Vec<Planned> = Vec::new();
    let mut formats: Vec<Formats> = Vec::new();
    for wanted in &ask.formats {
        let there = wanted.on(device);
        if !formats.contains(&there) && holds(&ask.formats, &there) {
            formats.push(there);
        }
    }
    let mut caches: Vec<Format> = Vec::new();
    for formats in formats {
        let known = caches.iter().position(|cache| *cache == formats.cache);
        let cache = known.unwrap_or_else(|| {
            caches.push(formats.cache);
            caches.len() - 1
        }) as u8;
        for devices in deployments.devices.iter() {
            let mappings = candidates(ask.shape, devices.0.max(1), device.scale_up.group.max(1));
            for mapping in mappings.into_iter().filter(|mapping| mapping.pipeline == 1) {
                let plan = Plan::new(ask.shape, formats, mapping, SPREAD);
                let narrow = narrow(&plan, ask.moments.context.round() as u64);
                plans.push(Planned { plan, narrow, cache });
            }
        }
    }
    plans
}

/// True unless the device would have to store something in fewer bits than the study says is good enough.
fn holds(wanted: &[Formats], there: &Formats) -> bool {
    let stored = |formats: &Formats| [formats.weights, formats.experts, formats.head, formats.cache];
    let enough = |wanted: &Formats| {
        stored(wanted).iter().zip(stored(there)).all(|(wanted, there)| there.bits() >= wanted.bits().min(FINE))
    };
    wanted.iter().any(enough)
}

/// Bits of a stored number beyond which nothing is lost that a reader would notice: 8-bit weights with a scale per 32 on our chip stand for 16-bit ones (`docs/accuracy.md`).
const FINE: f64 = 8.0;

/// The part of a plan's arithmetic whose weights have four bits.
fn narrow(plan: &Plan, context: u64) -> f64 {
    const FOUR: f64 = 5.0;
    let (mut all, mut four) = (0.0, 0.0);
    plan.visit(&[Work::decode(plan.mapping().data.max(1), context)], |counted| {
        let bits = match &counted.operator {
            Operator::Gemm(gemm) => gemm.weights.bits(),
            Operator::Experts(experts) => experts.weights.bits(),
            _ => f64::INFINITY,
        };
        let operations = counted.operations();
        all += operations;
        four += if bits < FOUR { operations } else { 0.0 };
    });
    if all > 0.0 { four / all } else { 0.0 }
}

/// A step's time and energy.
#[derive(Clone, Copy)]
struct Timed {
    time: f64,
    drawn: Drawn,
}

impl Timed {
    fn joules(&self) -> f64 {
        (self.drawn.die + self.drawn.beside).0
    }

    fn watts(&self) -> f64 {
        self.joules() / self.time
    }
}

impl Planned {
    /// A point of this plan, its figures still to be filled in.
    fn point(&self, plan: u32, role: Role, batch: u32) -> Point {
        let none = 0.0;
        Point {
            plan,
            role,
            batch,
            cache: self.cache,
            seconds: none,
            reading: none,
            ttft: none,
            tpot: none,
            pace: none,
            watts: none,
            beside: none,
            mean: none,
        }
    }
}

/// A workload on a device: gives every point to `visit`.
pub struct Survey<'a> {
    /// What is asked.
    pub ask: &'a Ask,
    /// Of which device.
    pub device: &'a Device,
    /// What it draws.
    pub meter: &'a dyn Meter,
    /// How it may be served.
    pub deployments: &'a Deployments,
}

impl Survey<'_> {
    /// Every point of `plans`.
    pub fn visit(&self, plans: &[Planned], visit: &mut dyn FnMut(Point)) {
        for (index, planned) in plans.iter().enumerate() {
            let index = index as u32;
            if self.deployments.apart {
                self.prompts(index, planned, visit);
            }
            for batch in batches().take_while(|batch| u64::from(*batch) <= self.deployments.batch.0) {
                if u64::from(batch) < planned.plan.mapping().data {
                    continue;
                }
                if !self.fits(planned, batch) {
                    break;
                }
                self.answers(index, planned, batch, visit);
            }
        }
    }

    fn fits(&self, planned: &Planned, batch: u32) -> bool {
        let most = f64::from(batch) + DEVIATIONS * f64::from(batch).sqrt();
        let context = self.ask.moments.context.ceil() as u64;
        planned.plan.memory(self.device, most.ceil() as u64, context).fits()
    }

    fn timed(&self, planned: &Planned, works: &[Work]) -> Timed {
        let software = Software::of(self.device);
        let step = evaluate::step(&planned.plan, works, self.device, &software);
        Timed { time: step.time.0, drawn: self.meter.energy(&step, &planned.plan, planned.narrow) }
    }

    /// Work of a chunk: whole prompts of the length around a mean token where they fit, else the middle part of one.
    fn chunk(&self, chunk: u32) -> Work {
        let around = self.ask.moments.around.max(1.0);
        let chunk = f64::from(chunk);
        let sequences = (chunk / around).round().max(1.0);
        let queries = chunk / sequences;
        let past = ((around - queries) / 2.0).max(0.0);
        let whole = |number: f64| number.round().max(1.0) as u64;
        Work {
            phase: Phase::Prefill,
            sequences: whole(sequences),
            queries: whole(queries),
            past: past.round() as u64,
            logits: 1,
        }
    }

    /// What a step of a point computes, that with a chunk where there are two kinds.
    pub fn works(&self, plan: &Plan, point: &Point) -> Vec<Work> {
        let decode = Work::decode(point.batch.into(), self.ask.moments.context.round() as u64);
        match point.role {
            Role::Whole { chunk } => vec![decode, self.chunk(chunk)],
            Role::Decode => vec![decode],
            Role::Prefill { chunk, .. } => vec![self.prompts_of(plan, chunk)],
        }
    }

    fn answers(&self, index: u32, planned: &Planned, batch: u32, visit: &mut dyn FnMut(Point)) {
        let moments = &self.ask.moments;
        let decode = Work::decode(batch.into(), moments.context.round() as u64);
        let alone = self.timed(planned, &[decode]);
        let devices = planned.plan.mapping().devices() as f64;
        if self.deployments.apart {
            let seconds = devices * alone.time / f64::from(batch);
            let (time, ttft) = (alone.time, alone.time);
            let point = Point { seconds, ttft, tpot: time, pace: time, ..planned.point(index, Role::Decode, batch) };
            self.give(point, alone, alone.watts(), visit);
        }
        if !self.deployments.mixed {
            return;
        }
        for chunk in self.deployments.chunks.iter().map(|chunk| chunk.0.max(1) as u32) {
            let busy = f64::from(batch) * moments.prompt / (moments.answer * f64::from(chunk));
            if busy > BUSIEST {
                continue;
            }
            let mixed = self.timed(planned, &[decode, self.chunk(chunk)]);
            let extra = (mixed.time - alone.time).max(0.0);
            let mean = alone.time + busy * extra;
            let spread = DEVIATIONS * (busy * self.clumps(busy, chunk) / moments.answer.max(1.0)).sqrt();
            let tpot = alone.time + (busy + spread).min(1.0) * extra;
            let long = self.long(planned, Some(decode), chunk);
            let ttft = self.wait(busy * mixed.time / mean, mixed.time / f64::from(chunk)) + long;
            let seconds = devices * mean / f64::from(batch);
            let reading = devices * busy * extra / f64::from(batch);
            let point = planned.point(index, Role::Whole { chunk }, batch);
            let point = Point { seconds, reading, ttft, tpot, pace: mean, ..point };
            let hottest = if mixed.watts() > alone.watts() { mixed } else { alone };
            let joules = alone.joules() + busy * (mixed.joules() - alone.joules());
            self.give(point, hottest, joules / mean, visit);
        }
    }

    /// A step of an instance that only reads: each group of data parallelism has a prompt.
    fn prompts_of(&self, plan: &Plan, chunk: u32) -> Work {
        let work = self.chunk(chunk);
        Work { sequences: work.sequences.max(plan.mapping().data), ..work }
    }

    fn prompts(&self, index: u32, planned: &Planned, visit: &mut dyn FnMut(Point)) {
        let moments = &self.ask.moments;
        let chunk = self.deployments.chunks.iter().map(|chunk| chunk.0).max().unwrap_or(1).max(1) as u32;
        let work = self.prompts_of(&planned.plan, chunk);
        if !planned.plan.memory(self.device, work.sequences, work.queries + work.past).fits() {
            return;
        }
        let step = self.timed(planned, &[work]);
        let token = step.time / work.tokens() as f64;
        let devices = planned.plan.mapping().devices() as f64;
        let network = self.device.scale_out.as_ref().map_or(NETWORK, |links| links.bandwidth);
        let moved = planned.plan.cache_bytes(moments.prompt_99.round() as u64) / network.0;
        let long = self.long(planned, None, chunk);
        for load in LOADS {
            let share = f64::from(load) / 100.0;
            let seconds = devices * token * moments.prompt / moments.answer / share;
            let ttft = self.wait(share, token) + long + moved;
            let point = planned.point(index, Role::Prefill { chunk, load }, 0);
            let point = Point { seconds, reading: seconds, ttft, ..point };
            self.give(point, step, step.watts() * share, visit);
        }
    }

    /// Variance of the number of steps with a chunk, as a multiple of its mean: prompts come at random and bring several chunks each; where several share one, a step
    /// has a chunk or none.
    fn clumps(&self, busy: f64, chunk: u32) -> f64 {
        (self.ask.moments.around / f64::from(chunk)).max(1.0 - busy)
    }

    /// 99th percentile of the time that a prompt waits for one server that reads `token` seconds a token and is busy for a share `busy`.
    fn wait(&self, busy: f64, token: f64) -> f64 {
        // Service is proportional to the prompt: E[S2] / E[S] is the time of the prompt around a mean token.
        let mean = busy * token * self.ask.moments.around / (2.0 * (1.0 - busy));
        let tail = if busy > 0.01 { mean / busy * (100.0 * busy).ln() } else { 0.0 };
        tail.max(0.0)
    }

    /// Time to read the prompt that 99 of 100 do not exceed, chunk by chunk, beside what decodes.
    fn long(&self, planned: &Planned, decode: Option<Work>, chunk: u32) -> f64 {
        let prompt = self.ask.moments.prompt_99.max(1.0);
        let steps = (prompt / f64::from(chunk)).ceil();
        let queries = (prompt / steps).round().max(1.0);
        // Chunks see more and more of their prompt; the middle one stands for all.
        let past = ((prompt - queries) / 2.0).round().max(0.0);
        let part = Work { phase: Phase::Prefill, sequences: 1, queries: queries as u64, past: past as u64, logits: 1 };
        let works: Vec<Work> = decode.into_iter().chain([part]).collect();
        steps * self.timed(planned, &works).time
    }

    /// Gives a point with its power, if a device bears the step that draws most.
    fn give(&self, point: Point, hottest: Timed, mean: f64, visit: &mut dyn FnMut(Point)) {
        let [die, beside] = [hottest.drawn.die, hottest.drawn.beside].map(|energy| Watts(energy.0 / hottest.time));
        if self.meter.bears(die, beside) {
            visit(Point { watts: (die + beside).0, beside: beside.0, mean, ..point });
        }
    }
}

/// What a device of the catalogue draws: a share of its limit, which it may draw all the time.
pub struct Rated<'a>(pub &'a Device);

impl Meter for Rated<'_> {
    fn energy(&self, step: &Step, plan: &Plan, _: f64) -> Drawn {
        Drawn { die: perf::power::energy(step, self.0, plan.formats().activations), beside: Joules(0.0) }
    }

    fn bears(&self, _: Watts, _: Watts) -> bool {
        true
    }
}
