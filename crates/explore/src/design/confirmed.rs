//! The chosen deployments in simulated traffic, and what that leaves of their rates.

use crate::ask::Ask;
use crate::confirm::{Deployment, Policy, Replicas, Service, Targets};
use crate::deploy::{DEVIATIONS, Role};
use crate::outcome::Simulated;
use crate::runner::{Runner, STUDY};
use crate::select::{self, Served};
use base::units::Seconds;
use perf::evaluate::Software;
use rayon::prelude::*;
use serve::simulate::Host;

/// A deployment after its simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirmed {
    /// How the workload is served in the end.
    pub served: Served,
    /// What the simulation found at the rate that is kept.
    pub simulated: Simulated,
    /// That rate over what the closed form says; at most 1: a closed form that is too careful is not corrected.
    pub kept: f64,
}

/// Rivals that are simulated at least: those that may be the best after it.
const RIVALS: usize = 3;

/// Seed of arrivals and lengths.
const SEED: u64 = 1;

/// Shares of the closed form's rate that are tried; the first that meets the targets is kept.
const TRIED: [f64; 5] = [1.0, 0.95, 0.9, 0.8, 0.65];

/// Levels that are tried for a workload: the study's, and if its deployment misses in simulation, what the closed form chose for tighter targets.
const TIGHTER: usize = 3;

/// Simulates every workload of our chip and of the cheapest rivals, and puts what it settles on into their mixes; in the order of the runners, none for those that were
/// not simulated and where the simulator refuses. Rivals are taken from the cheapest on until the cheapest after simulation is a simulated one.
pub fn all(asks: &[Ask], runners: &mut [Runner]) -> Vec<Vec<Option<Confirmed>>> {
    let mut found: Vec<Vec<Option<Confirmed>>> = vec![vec![None; asks.len()]; runners.len()];
    let mut done = vec![false; runners.len()];
    loop {
        let next: Vec<usize> = next(asks, runners, &found, &done);
        if next.is_empty() {
            break;
        }
        let pairs = next.iter().flat_map(|runner| (0..asks.len()).map(move |ask| (*runner, ask)));
        let pairs: Vec<(usize, usize)> = pairs.collect();
        let settled: Vec<Option<Confirmed>> =
            pairs.par_iter().map(|(runner, ask)| one(&asks[*ask], *ask, &runners[*runner])).collect();
        for ((runner, ask), settled) in pairs.into_iter().zip(settled) {
            found[runner][ask] = settled;
        }
        next.iter().for_each(|at| done[*at] = true);
    }
    for (runner, found) in runners.iter_mut().zip(&found) {
        settle(asks, runner, found);
    }
    found
}

/// Who is to be simulated next: our chip and the cheapest rivals, then whoever is the cheapest by what is known.
fn next(asks: &[Ask], runners: &[Runner], found: &[Vec<Option<Confirmed>>], done: &[bool]) -> Vec<usize> {
    let usd = |at: &usize| cost(asks, &runners[*at], &found[*at]);
    let mut rivals: Vec<usize> = (0..runners.len()).filter(|at| !runners[*at].ours).collect();
    rivals.sort_by(|a, b| usd(a).total_cmp(&usd(b)));
    let first = !done.iter().any(|done| *done);
    let most = if first { RIVALS } else { 1 };
    let ours = (0..runners.len()).filter(|at| runners[*at].ours);
    ours.chain(rivals.into_iter().take(most)).filter(|at| !done[*at]).collect()
}

/// Dollars per token at the nominals, by what simulation has settled.
fn cost(asks: &[Ask], runner: &Runner, found: &[Option<Confirmed>]) -> f64 {
    let Some(mix) = runner.mix() else { return f64::INFINITY };
    let seconds = |at: usize| match &found[at] {
        Some(confirmed) => confirmed.served.seconds() / confirmed.kept,
        None => mix.served[at].seconds(),
    };
    let all: f64 = asks.iter().enumerate().map(|(at, ask)| ask.share * seconds(at)).sum();
    runner.hour.second(mix.rating) * all
}

/// Puts what simulation settled on into a runner's mix.
fn settle(asks: &[Ask], runner: &mut Runner, found: &[Option<Confirmed>]) {
    let Some(mix) = runner.mix() else { return };
    let served: Vec<Served> = mix
        .served
        .iter()
        .zip(found)
        .map(|(served, found)| found.as_ref().map_or(*served, |confirmed| confirmed.served))
        .collect();
    let hottest = served.iter().map(Served::watts).fold(mix.rating, f64::max);
    let rating = if runner.ours { hottest } else { mix.rating };
    let settled = select::mixed(asks, served, mix.level, rating, &runner.hour);
    runner.levels[STUDY] = Some(settled);
}

/// What a workload settles on: of the levels, the cheapest that meets the targets in simulation; if none does, the last that was tried.
fn one(ask: &Ask, at: usize, runner: &Runner) -> Option<Confirmed> {
    let targets = Targets { ttft: ask.ttft, tpot: ask.tpot };
    let mut best: Option<Confirmed> = None;
    let mut missed = None;
    for level in runner.levels[..=STUDY].iter().rev().take(TIGHTER).flatten() {
        let served = level.served[at];
        let Some(confirmed) = tried(ask, at, runner, &served, &targets) else { continue };
        if !confirmed.simulated.meets {
            missed = Some(confirmed);
            continue;
        }
        let seconds = |one: &Confirmed| one.served.seconds() / one.kept;
        // A tighter level costs more: once one is met nearly in full, the next cannot be cheaper.
        let enough = confirmed.kept >= 0.9;
        if best.as_ref().is_none_or(|best| seconds(&confirmed) < seconds(best)) {
            best = Some(confirmed);
        }
        if enough {
            break;
        }
    }
    best.or(missed)
}

/// The highest share of a deployment's rate that meets the targets, or the lowest that was tried.
fn tried(ask: &Ask, at: usize, runner: &Runner, served: &Served, targets: &Targets) -> Option<Confirmed> {
    let (deployment, rate) = deployment(ask, at, runner, served)?;
    let service = Service::new(&deployment, &ask.traffic).ok()?;
    let mut last = None;
    for kept in TRIED {
        let simulated = service.run(rate * kept, service.enough(rate * kept, targets, SEED), targets).ok()?;
        let meets = simulated.meets;
        last = Some(Confirmed { served: *served, simulated, kept });
        if meets {
            break;
        }
    }
    last
}

/// The deployment of a served workload and the requests per second that it serves by the closed form.
fn deployment(ask: &Ask, at: usize, runner: &Runner, served: &Served) -> Option<(Deployment, f64)> {
    // The host's part of a step is that of the closed form, on every device.
    let nothing = Seconds(0.0);
    let host = Host { step: nothing, request: nothing, gap: Software::of(&runner.device).host };
    let plan = |index: u32| runner.plans[at][index as usize].plan.clone();
    let most = |batch: u32| (f64::from(batch) + DEVIATIONS * f64::from(batch).sqrt()).ceil() as u32;
    let per_request = served.seconds() * ask.moments.answer;
    match served {
        Served::Whole(point) => {
            let Role::Whole { chunk } = point.role else { return None };
            let plan = plan(point.plan);
            let rate = plan.mapping().devices() as f64 / per_request;
            let policy = Policy::Mixed(Replicas { plan, count: 1 });
            Some((Deployment { device: runner.device.clone(), policy, batch: most(point.batch), chunk, host }, rate))
        }
        Served::Apart { prefill, decode } => {
            let Role::Prefill { chunk, .. } = prefill.role else { return None };
            let (reads, writes) = (plan(prefill.plan), plan(decode.plan));
            // Requests per second of one instance of each kind; enough of each that rounding does not tilt the ratio.
            let each =
                |point: &crate::deploy::Point, devices: u64| devices as f64 / (point.seconds * ask.moments.answer);
            let (read, write) = (each(prefill, reads.mapping().devices()), each(decode, writes.mapping().devices()));
            let (count, per) = counts(read, write);
            let rate = (read * f64::from(count)).min(write * f64::from(per));
            let policy = Policy::Apart {
                prefill: Replicas { plan: reads, count },
                decode: Replicas { plan: writes, count: per },
            };
            let batch = most(decode.batch);
            Some((Deployment { device: runner.device.clone(), policy, batch, chunk, host }, rate))
        }
    }
}

/// Instances that read and instances that write whose rates fit best.
fn counts(read: f64, write: f64) -> (u32, u32) {
    const MOST: u32 = 24;
    let pairs = (1..=MOST).flat_map(|reads| (1..=MOST).map(move |writes| (reads, writes)));
    let waste = |(reads, writes): (u32, u32)| {
        let (read, write) = (read * f64::from(reads), write * f64::from(writes));
        (read / write).ln().abs() + 0.01 * f64::from(reads + writes)
    };
    pairs.min_by(|a, b| waste(*a).total_cmp(&waste(*b))).unwrap_or((1, 1))
}
