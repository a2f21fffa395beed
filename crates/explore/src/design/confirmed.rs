//! The chosen deployments in simulated traffic, and what that leaves of their rates.

use crate::ask::Ask;
use crate::confirm::{Deployment, Policy, Replicas, Service, Targets};
use crate::deploy::{DEVIATIONS, Role};
use crate::outcome::Simulated;
use crate::runner::Runner;
use crate::select::Served;
use base::units::Seconds;
use perf::evaluate::Software;
use rayon::prelude::*;
use serve::simulate::Host;

/// A deployment after its simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirmed {
    /// What the simulation found at the rate that is kept.
    pub simulated: Simulated,
    /// That rate over what the closed form says; at most 1: a closed form that is too careful is not corrected.
    pub kept: f64,
}

/// Rivals that are simulated: those that may be the best after it.
const RIVALS: usize = 3;

/// Every workload of our chip and of the cheapest rivals, in the order of the runners; none for the others, and where the simulator refuses.
pub fn all(asks: &[Ask], runners: &[Runner]) -> Vec<Vec<Option<Confirmed>>> {
    let usd = |at: &usize| runners[*at].mix().map_or(f64::INFINITY, |mix| mix.usd);
    let mut rivals: Vec<usize> = (0..runners.len()).filter(|at| !runners[*at].ours).collect();
    rivals.sort_by(|a, b| usd(a).total_cmp(&usd(b)));
    let simulated = |at: usize| runners[at].ours || rivals.iter().take(RIVALS).any(|rival| *rival == at);
    let pairs = (0..runners.len()).flat_map(|runner| (0..asks.len()).map(move |ask| (runner, ask)));
    let pairs: Vec<(usize, usize)> = pairs.collect();
    let found: Vec<Option<Confirmed>> = pairs
        .into_par_iter()
        .map(|(runner, ask)| simulated(runner).then(|| one(&asks[ask], ask, &runners[runner])).flatten())
        .collect();
    found.chunks(asks.len()).map(<[_]>::to_vec).collect()
}

/// Shares of the closed form's rate that are tried, the first that meets the targets is kept.
/// Seed of arrivals and lengths.
const SEED: u64 = 1;

/// Shares that are tried.
const TRIED: [f64; 8] = [1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.45, 0.3];

fn one(ask: &Ask, at: usize, runner: &Runner) -> Option<Confirmed> {
    let served = runner.mix()?.served[at];
    let (deployment, rate) = deployment(ask, at, runner, &served)?;
    let service = Service::new(&deployment, &ask.traffic).ok()?;
    let targets = Targets { ttft: ask.ttft, tpot: ask.tpot };

    let mut last = None;
    for kept in TRIED {
        let simulated = service.run(rate * kept, service.enough(rate * kept, &targets, SEED), &targets).ok()?;
        let meets = simulated.meets;
        last = Some(Confirmed { simulated, kept });
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
