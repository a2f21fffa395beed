//! A published point predicted: tokens per second and accelerator, and what a device draws meanwhile.
//!
//! **Offline** every request is there from the beginning, so that the batch is as large as memory holds and stays so, until the last have begun: then it melts, and the run
//! ends with the longest answer. A run is simulated from its first request to its last, as it is published: all tokens over all time. What of it is steady is long, and only two
//! beginnings of it are simulated, of which the second is longer by a known number of requests; the rest goes on at the rate of those.
//!
//! **As a server** requests come at random, and 99 of 100 must see their first token and the time of the further ones within the benchmark's limits. The
//! rate is found by halving an interval, each try a run of the simulator; requests that come before the load is steady, or whose end the run's end
//! makes quicker, are not counted. Lengths are spread as [`Lengths`] has it.
//!
//! **The division** of the network, the batch and the tokens of a step are those of the submission's configuration. Where none was read, the division is the
//! one that gives most tokens per device among all on up to eight devices, and the batch is what memory holds. Eight is what the published configurations stop
//! at, also on racks of 72.

use super::configuration::{Configuration, Run};
use super::file::{Benchmark, File, Point, Scenario, System};
use super::lengths::Lengths;
use crate::serving::deployment::SPREAD;
use crate::serving::{Habits, Instance, closed};
use base::units::{BytesPerSecond, Seconds, Watts};
use perf::device::Device;
use perf::network::Shape;
use perf::parallel::{Mapping, candidates};
use perf::workload::{Formats, Plan};
use serve::arrival::{self, Generator, Open};
use serve::cost::Cost;
use serve::metrics::{Record, Report, Summary};
use serve::route::Routing;
use serve::scheduler::Limits;
use serve::simulate::{self, Group, Host, Links, Role, Setup};
use serve::speculate::Acceptance;
use statrs::distribution::{ContinuousCDF, Normal};

/// What is predicted of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// Output tokens per second and device, before the maker's factor.
    pub tokens: f64,
    /// Mean power of a device.
    pub power: Watts,
    /// How the network is divided.
    pub mapping: Mapping,
    /// Sequences in flight on all devices of the division.
    pub sequences: u64,
}

/// Devices of the divisions that are looked at.
const SIZES: [u64; 4] = [1, 2, 4, 8];

/// How exactly the rate of a server is found, over the greatest that a steady state has.
const FINENESS: f64 = 0.005;

/// Requests of a run per sequence in flight, and the part of them that is counted: of four lifetimes of a request the second half of the second and the third.
const LIFETIMES: u64 = 4;
const COUNTED: std::ops::Range<f64> = 0.375..0.75;
/// Fewest requests of a run, for a hundredth to be some of them.
const FEWEST: u64 = 1500;

/// Requests of the two runs that are simulated of a longer one, per sequence in flight.
const SIMULATED: [u64; 2] = [3, 5];
/// Least time of a run (`min_duration` in LoadGen's `mlperf.conf`), and what LoadGen asks for above it.
const LEAST: Seconds = Seconds(600.0);
const ABOVE: f64 = 1.1;
/// Devices of a system that is not described.
const SERVER: u64 = 8;
/// A rate that brings all requests before the first step ends, per second.
const AT_ONCE: f64 = 1e12;

/// What is asked, and of what.
struct Asked<'a> {
    shape: &'a Shape,
    lengths: Lengths,
    /// Fewest requests of a run offline.
    requests: u64,
    /// What 99 of 100 requests of a server are promised: time to first token, and per further token.
    promise: [Seconds; 2],
    formats: Formats,
    device: &'a Device,
    /// What a device may draw.
    limit: Watts,
    /// How many times as fast as predicted its maker's software is.
    speed: f64,
    habits: Habits,
    /// Whether more requests wait than run.
    crowded: bool,
    configuration: Option<&'a Configuration>,
    run: Option<&'a Run>,
}

/// A network divided among devices in a steady state.
struct Candidate<'a> {
    asked: &'a Asked<'a>,
    mapping: Mapping,
    instance: Instance<'a>,
    /// Most sequences that memory holds and the submission ran.
    room: u64,
    /// Most new tokens of a step.
    budget: u64,
}

/// A steady state.
#[derive(Clone, Copy, Debug)]
struct Steady {
    sequences: u64,
    /// Of a step.
    time: Seconds,
    /// Tokens per second and device.
    tokens: f64,
    power: Watts,
}

impl<'a> Candidate<'a> {
    /// Nothing where memory does not hold a sequence.
    fn new(asked: &'a Asked<'a>, mapping: Mapping) -> Option<Candidate<'a>> {
        let plan = Plan::new(asked.shape, asked.formats.on(asked.device), mapping, SPREAD);
        let (budget, batch) = match asked.configuration {
            Some(one) => (one.budget, one.batch * mapping.data * mapping.pipeline),
            None => (asked.habits.budget, u64::MAX),
        };
        // Limits are those of one micro-batch; each stage of a pipeline has one.
        let budget = budget.saturating_mul(mapping.data * mapping.pipeline);
        let fits = |sequences: u64| plan.memory(asked.device, sequences, asked.lengths.context() as u64).fits();
        let room = greatest(budget, fits)?.min(batch);
        let graphs = asked.configuration.map_or(&[][..], |one| &one.graphs);
        let instance = Instance::new(plan, asked.device, asked.habits).limited(asked.limit).faster(asked.speed);
        let instance = instance.captured(graphs);
        let instance = if asked.crowded { instance.crowded() } else { instance };
        let instance = instance.longest(1.0 + asked.lengths.variation_of_past() * greatest_of(mapping.pipeline));
        Some(Candidate { asked, mapping, instance, room, budget })
    }

    /// A step of the steady state with so many sequences, on average over many.
    fn mean_step(&self, sequences: u64) -> Cost {
        let Lengths { prompt, prompt_of_token, answer, .. } = self.asked.lengths;
        // Of each micro-batch.
        let stages = self.mapping.pipeline;
        let ends = sequences as f64 / answer / stages as f64;
        let step = |prompts: u64, tokens: f64| {
            self.instance.evaluate(closed::Step {
                prompts: prompts * stages,
                tokens: tokens.ceil() as u64,
                // Half of what precedes a token in its prompt is in the step already.
                past: ((prompt_of_token - tokens) / 2.0).max(0.0) as u64,
                sequences,
                context: self.asked.lengths.context() as u64,
            })
        };
        if ends >= 1.0 {
            let few = ends.floor();
            return between(step(few as u64, prompt), step(few as u64 + 1, prompt), ends - few);
        }
        // Less than a prompt a step: a part of one in each, or as much as fits in a few. Submitters set what is faster.
        let most = ((self.budget.saturating_sub(sequences) / stages).max(1) as f64).min(prompt);
        let share = ends * prompt / most;
        let few = between(step(0, 0.0), step(1, most), share.min(1.0));
        let chunks = self.asked.configuration.is_none_or(|one| one.chunks);
        if !chunks && share <= 1.0 {
            return few;
        }
        let even = step(1, ends * prompt);
        if share <= 1.0 && few.time < even.time { few } else { even }
    }

    /// The steady state with so many sequences.
    fn steady(&self, sequences: u64) -> Steady {
        let (cost, devices) = (self.mean_step(sequences), self.mapping.devices() as f64);
        Steady {
            sequences,
            time: cost.time,
            tokens: sequences as f64 / cost.time.0 / devices,
            power: cost.energy / cost.time / devices,
        }
    }

    /// The steady state with as many sequences as memory and the step's budget hold, and, if a limit is given, as keep a step within it.
    fn fullest(&self, limit: Option<Seconds>) -> Option<Steady> {
        let Lengths { prompt, answer, .. } = self.asked.lengths;
        let share = answer / (prompt + answer);
        let most = self.room.min((self.budget as f64 * share) as u64).max(1);
        let within = |sequences: u64| limit.is_none_or(|limit| self.steady(sequences).time <= limit);
        greatest(most, within).map(|sequences| self.steady(sequences))
    }

    /// The steady state that brings so many tokens per second and device.
    fn at(&self, tokens: f64) -> Steady {
        let sequences = greatest(self.room, |sequences| self.steady(sequences).tokens <= tokens).unwrap_or(1);
        self.steady(sequences)
    }

    /// Runs the simulator with so many tokens per second and device asked for. `steady` says how many sequences are in flight at most.
    fn serve(&self, tokens: f64, steady: &Steady) -> Report {
        let rate = tokens * self.mapping.devices() as f64 / self.asked.lengths.answer;
        self.simulate((LIFETIMES * steady.sequences).max(FEWEST), rate)
    }

    /// Runs the simulator with so many requests at a rate, with one scheduler for all groups of data parallelism: a prompt in one of
    /// them makes all wait, because their experts exchange in every layer.
    fn simulate(&self, requests: u64, rate: f64) -> Report {
        let shape = arrival::Shape::Sampled(self.asked.lengths.pairs.clone());
        let mut source = Open::new(Generator::new(1, shape, None, requests), rate, 1.0).expect("rates are positive");
        let block = Limits::default().block;
        let count = |all: u64| all.clamp(1, u32::MAX.into()) as u32;
        let limits = Limits {
            blocks: count(self.room * self.asked.lengths.context() as u64 / u64::from(block)),
            max_batch: count(self.room),
            token_budget: count(self.budget),
            every: self.every(),
            prefix_reuse: false,
            in_flight: 1,
            ..Limits::default()
        };
        let group = Group { role: Role::Whole, replicas: 1, limits, cost: &self.instance, drafter: None };
        let (nothing, whatever) = (Seconds(0.0), BytesPerSecond(1.0));
        let setup = Setup {
            groups: vec![group],
            routing: Routing::RoundRobin,
            // Nothing is handed over or moved to a host.
            links: Links { token: 0.0, hand_over: whatever, latency: nothing, host: whatever },
            // The host's time is in the instance's steps.
            host: Host::NONE,
            acceptance: Acceptance::same(0.0),
            seed: 1,
            leap: true,
        };
        simulate::run(&setup, &mut source, &mut |_| {})
    }

    /// Steps from one that may begin requests to the next. Where groups of data parallelism wait for one another, that is when the last of them has a prompt.
    fn every(&self) -> u32 {
        let Some(configuration) = self.asked.configuration else { return 1 };
        let Some((wait, gather)) = configuration.wait.zip(configuration.gather) else {
            return configuration.every.unwrap_or(1);
        };
        let ends = self.room as f64 / self.asked.lengths.answer;
        let all = closed::until_each_has_one(self.mapping.data) / ends;
        wait.min(all.round() as u32 + gather).max(1)
    }

    /// Tokens per second and device of a run with all requests there from the beginning. Copies of the network differ in nothing but their requests' lengths: one is simulated, with
    /// its part of the requests, and the run ends with the copy that has most to do.
    fn whole_run(&self, steady: &Steady) -> f64 {
        let (answer, devices) = (self.asked.lengths.answer, self.mapping.devices());
        let copies = (self.asked.run.map_or(SERVER, |run| run.devices) / devices).max(1);
        let asked = ABOVE * LEAST.0 * steady.tokens / answer * (copies * devices) as f64;
        let least = self.asked.requests.max(asked as u64);
        let requests = self.asked.run.and_then(|run| run.requests).unwrap_or(least) / copies;
        let run = |requests: u64| {
            let report = self.simulate(requests, AT_ONCE);
            let tokens: u64 = report.records.iter().map(|record| u64::from(record.output)).sum();
            (tokens as f64, report.duration.0)
        };
        let [short, long] = SIMULATED.map(|each| each * steady.sequences);
        let (tokens, time) = if requests <= long {
            run(requests)
        } else {
            let ((few, early), (many, late)) = (run(short), run(long));
            let all = requests as f64 * answer;
            (all, late + (all - many) * (late - early) / (many - few))
        };
        let most = self.asked.lengths.variation() / (requests as f64).sqrt() * greatest_of(copies);
        tokens / (time * (1.0 + most)) / devices as f64
    }

    /// Whether 99 of 100 requests of a run stayed within the benchmark's limits.
    fn keeps(&self, report: &Report) -> bool {
        let last = report.records.last().map_or(Seconds(0.0), |record| record.arrival);
        let counted = |record: &&Record| COUNTED.contains(&(record.arrival / last));
        let p99 = |time: fn(&Record) -> Seconds| {
            let times = report.records.iter().filter(counted).map(|record| time(record).0).collect();
            Summary::of(times).p99
        };
        let [ttft, tpot] = self.asked.promise;
        p99(Record::ttft) <= ttft && p99(Record::tpot) <= tpot
    }

    /// The greatest rate that keeps the promise, in tokens per second and device, if it is more than `least`. `full` is the fullest steady state within the
    /// promise, which no rate exceeds.
    fn promised(&self, full: &Steady, least: f64) -> Option<f64> {
        let keeps = |tokens: f64| self.keeps(&self.serve(tokens, full));
        if least > 0.0 && !keeps(least) {
            return None;
        }
        let (mut kept, mut broken) = (least, full.tokens);
        while broken - kept > FINENESS * full.tokens {
            let half = f64::midpoint(kept, broken);
            if keeps(half) { kept = half } else { broken = half }
        }
        (kept > least).then_some(kept)
    }
}

/// Standard deviations by which the greatest of so many normal numbers lies above their mean (Blom, Statistical Estimates and Transformed Beta-Variables, 1958).
fn greatest_of(many: u64) -> f64 {
    let normal = Normal::standard();
    if many > 1 { normal.inverse_cdf((many as f64 - 0.375) / (many as f64 + 0.25)) } else { 0.0 }
}

/// A cost so far from one to another.
fn between(low: Cost, high: Cost, part: f64) -> Cost {
    Cost { time: low.time + (high.time - low.time) * part, energy: low.energy + (high.energy - low.energy) * part }
}

/// The greatest number from one to `most` of which `holds` is true, where it is true of all below; none if not even of one.
fn greatest(most: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if !holds(1) {
        return None;
    }
    let (mut good, mut bad) = (1, most + 1);
    while bad - good > 1 {
        let half = u64::midpoint(good, bad);
        if holds(half) { good = half } else { bad = half }
    }
    Some(good)
}

/// Every division that holds the network, those first that give most in a steady state within `limit`; only the submitted one where it is known.
fn ranked<'a>(asked: &'a Asked<'a>, limit: Option<Seconds>) -> Vec<(Steady, Candidate<'a>)> {
    let all = match asked.configuration {
        Some(one) => vec![one.mapping()],
        None => {
            let group = asked.device.scale_up.group.max(1);
            SIZES.iter().flat_map(|devices| candidates(asked.shape, *devices, group)).collect()
        }
    };
    let held = all.into_iter().filter_map(|mapping| Candidate::new(asked, mapping));
    let mut found: Vec<_> = held.filter_map(|one| one.fullest(limit).map(|steady| (steady, one))).collect();
    found.sort_by(|a, b| b.0.tokens.total_cmp(&a.0.tokens));
    found
}

/// The prediction of a benchmark on a device; none if no division among eight devices holds the network within the limits. `limit` is what a device may draw,
/// where that is less than its own; `speed` is its maker's factor, by which every step is shorter, and by which the tokens are not multiplied. Software of another date than
/// that of the factors is as much slower or faster as software became in that time. The factor is that of the kind of software that ran at its point: a network that is one
/// compiled engine there says nothing of one whose layers are interpreted.
pub fn predict(file: &File, point: &Point, limit: Option<Watts>, speed: f64) -> Option<Prediction> {
    let Point { benchmark, device, scenario, round } = point;
    let submitted = (file.configuration(point), file.run(point));
    let ripeness = file.ripeness(round);
    let prediction =
        ask(file.benchmark(benchmark), file.system(device), submitted, *scenario, (limit, speed * ripeness));
    prediction.map(|one| Prediction { tokens: one.tokens * ripeness, ..one })
}

fn ask(
    benchmark: &Benchmark,
    system: &System,
    (configuration, run): (Option<&Configuration>, Option<&Run>),
    scenario: Scenario,
    (limit, speed): (Option<Watts>, f64),
) -> Option<Prediction> {
    let device = system.device();
    let usual = Habits::of_2025(&system.backend);
    // Offline nobody asks for the times of tokens: answers come whole.
    let usual = if scenario == Scenario::Offline { usual.whole() } else { usual };
    let habits = if configuration.is_some_and(|one| one.engine) { usual.engine() } else { usual };
    let habits = if configuration.is_some_and(|one| one.fused) { habits.fused() } else { habits };
    let asked = Asked {
        shape: benchmark.shape(),
        requests: benchmark.requests,
        promise: [benchmark.ttft, benchmark.tpot],
        lengths: benchmark.lengths(run.map(|run| f64::from(run.answer))),
        formats: configuration.and_then(Configuration::formats).unwrap_or_else(|| system.formats()),
        device: &device,
        limit: limit.unwrap_or(device.power),
        speed,
        habits,
        crowded: scenario == Scenario::Offline,
        configuration,
        run,
    };
    let prediction = match scenario {
        Scenario::Offline => {
            ranked(&asked, None).into_iter().next().map(|(steady, best)| of(&best, steady, best.whole_run(&steady)))
        }
        Scenario::Server => served(&asked),
    };
    prediction.map(|one| Prediction { tokens: one.tokens / speed, ..one })
}

/// Requests that all are there from the beginning, all of the same lengths.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// How many.
    pub requests: u64,
    /// Tokens of each prompt.
    pub prompt: u32,
    /// Tokens of each answer.
    pub answer: u32,
}

/// Tokens per second and device of a network on one copy's devices that answers a flood, with no factor; none where memory does not hold a sequence.
pub fn flooded(
    shape: &Shape,
    formats: Formats,
    (device, mapping): (&Device, Mapping),
    habits: Habits,
    flood: Flood,
) -> Option<f64> {
    let Flood { requests, prompt, answer } = flood;
    let (long, short) = (f64::from(answer), f64::from(prompt));
    let lengths = Lengths {
        pairs: vec![(prompt, answer)],
        prompt: short,
        prompt_of_token: short,
        answer: long,
        answer_of_token: long,
    };
    let run = Run::of(mapping.devices(), requests, answer);
    let asked = Asked {
        shape,
        lengths,
        requests,
        promise: [Seconds(f64::INFINITY); 2],
        formats,
        device,
        limit: device.power,
        speed: 1.0,
        habits: habits.whole(),
        crowded: true,
        configuration: None,
        run: Some(&run),
    };
    let one = Candidate::new(&asked, mapping)?;
    one.fullest(None).map(|steady| one.whole_run(&steady))
}

/// A prediction of a steady state that brings so many tokens.
fn of(one: &Candidate, steady: Steady, tokens: f64) -> Prediction {
    Prediction { tokens, power: steady.power, mapping: one.mapping, sequences: steady.sequences }
}

/// The greatest rate that keeps the promise, over all divisions.
fn served(asked: &Asked) -> Option<Prediction> {
    let mut best: Option<(f64, Candidate)> = None;
    // A steady state has more than any rate of the same division at random: what is left cannot be better once it has less.
    for (full, one) in ranked(asked, Some(asked.promise[1])) {
        let least = best.as_ref().map_or(0.0, |(tokens, _)| *tokens);
        if full.tokens <= least {
            break;
        }
        if let Some(tokens) = one.promised(&full, least) {
            best = Some((tokens, one));
        }
    }
    best.map(|(tokens, one)| of(&one, one.at(tokens), tokens))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlperf::file::File;

    fn point(benchmark: &str, device: &str, scenario: Scenario) -> Point {
        Point { round: "v5.1".into(), benchmark: benchmark.into(), device: device.into(), scenario }
    }

    fn of(benchmark: &str, device: &str, scenario: Scenario) -> Prediction {
        let file = File::embedded();
        predict(&file, &point(benchmark, device, scenario), None, 1.0).unwrap()
    }

    #[test]
    fn a_promise_costs_rate() {
        for (benchmark, device) in [("llama2-70b", "h200"), ("llama3.1-405b", "b200")] {
            let (offline, server) = (of(benchmark, device, Scenario::Offline), of(benchmark, device, Scenario::Server));
            // As finely as the rate of a server is found: a batch a little smaller than the fullest may be as quick.
            assert!(server.tokens < (1.0 + FINENESS) * offline.tokens, "{benchmark} {device}: {server:?} {offline:?}");
        }
    }

    #[test]
    fn a_shorter_promise_costs_more() {
        let file = File::embedded();
        let usual = file.benchmark("llama3.1-405b");
        let short = Benchmark { ttft: usual.ttft / 2.0, tpot: usual.tpot / 2.0, ..usual.clone() };
        let promised = |benchmark: &Benchmark| {
            let configuration = file.configuration(&point(&benchmark.name, "b200", Scenario::Server));
            ask(benchmark, file.system("b200"), (configuration, None), Scenario::Server, (None, 1.2))
        };
        let rate = |benchmark| promised(benchmark).unwrap().tokens;
        assert!(rate(&short) < 0.9 * rate(usual), "{} {}", rate(&short), rate(usual));
        let never = Benchmark { tpot: Seconds(1e-6), ..usual.clone() };
        assert_eq!(promised(&never), None);
    }

    #[test]
    fn memory_decides_a_division_that_is_not_published() {
        // 70e9 weights of a byte leave one device of 80 GiB no room for a batch; one of 141 GB holds both.
        let file = File::embedded();
        let chosen = |device| {
            ask(file.benchmark("llama2-70b"), file.system(device), (None, None), Scenario::Offline, (None, 1.0))
        };
        assert!(chosen("h100").unwrap().mapping.devices() > 1);
        assert_eq!(chosen("h200").unwrap().mapping, Mapping::ONE);
    }

    #[test]
    fn a_published_division_and_batch_are_kept() {
        let one = of("llama3.1-405b", "b200", Scenario::Offline);
        assert_eq!((one.mapping.tensor, one.mapping.pipeline, one.mapping.devices()), (2, 2, 4));
        assert!(of("deepseek-r1", "b200", Scenario::Offline).sequences <= 4096);
    }

    #[test]
    fn a_lower_limit_of_power_costs_tokens_and_saves_energy() {
        let file = File::embedded();
        let at = |limit| predict(&file, &point("llama2-70b", "h200", Scenario::Offline), limit, 1.0).unwrap();
        let (full, low) = (at(None), at(Some(Watts(500.0))));
        assert!(low.tokens < full.tokens && low.power.0 < 500.001, "{low:?} {full:?}");
        assert!(low.power.0 / low.tokens < full.power.0 / full.tokens, "{low:?} {full:?}");
    }

    /// What floods of Llama 2 70B make on one H200.
    fn flood(requests: u64) -> f64 {
        let (device, flood) = (Device::find("h200").unwrap(), Flood { requests, prompt: 500, answer: 300 });
        let shape = perf::network::language("llama-2-70b").unwrap().1;
        let formats = Formats::default().read("fp8,cache=fp8").unwrap();
        flooded(shape, formats, (&device, Mapping::ONE), Habits::of("trtllm"), flood).unwrap()
    }

    #[test]
    fn beginning_and_end_of_a_run_cost_less_the_longer_it_is() {
        let [short, middle, long] = [600, 6000, 60_000].map(flood);
        assert!(short < 0.96 * middle && middle < long && long < 1.05 * middle, "{short} {middle} {long}");
    }

    #[test]
    fn what_is_not_simulated_of_a_run_goes_on_as_what_is() {
        // Somewhere between these the whole run is not simulated any longer.
        let rates: Vec<f64> = (2..10).map(|thousands| flood(1000 * thousands)).collect();
        assert!(rates.windows(2).all(|two| two[1] > 0.985 * two[0] && two[1] < 1.08 * two[0]), "{rates:?}");
    }

    #[test]
    fn groups_wait_for_the_last_of_them_or_as_long_as_they_may() {
        let file = File::embedded();
        let every = |device: &str, scenario| {
            let point = point("deepseek-r1", device, scenario);
            let (configuration, run) = (file.configuration(&point), file.run(&point));
            let benchmark = file.benchmark("deepseek-r1");
            let (system, answer) = (file.system(device), run.map(|run| f64::from(run.answer)));
            let device = system.device();
            let asked = Asked {
                shape: benchmark.shape(),
                lengths: benchmark.lengths(answer),
                requests: 1,
                promise: [benchmark.ttft, benchmark.tpot],
                formats: configuration.and_then(Configuration::formats).unwrap(),
                device: &device,
                limit: device.power,
                speed: 1.0,
                habits: Habits::of_2025("trtllm"),
                crowded: true,
                configuration,
                run,
            };
            Candidate::new(&asked, configuration.unwrap().mapping()).unwrap().every()
        };
        // Of 4,096 sequences 1.1 end in a step; the last of eight groups has a free place after 19 steps, and 10 more are waited.
        assert_eq!(every("b200", Scenario::Offline), 29);
        assert_eq!(every("b200", Scenario::Server), 9);
    }

    #[test]
    fn the_greatest_of_many_lies_above_the_mean() {
        // Expected greatest of standard normals: order statistics of Harter (1961).
        for (many, expected) in [(1, 0.0), (2, 0.564), (9, 1.485), (18, 1.820)] {
            assert!((greatest_of(many) - expected).abs() < 0.03, "{many}: {}", greatest_of(many));
        }
    }

    #[test]
    fn the_greatest_is_found() {
        assert_eq!(greatest(10, |number| number < 8), Some(7));
        assert_eq!(greatest(10, |_| true), Some(10));
        assert_eq!(greatest(10, |_| false), None);
    }
}
