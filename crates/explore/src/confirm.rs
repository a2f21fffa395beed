//! A deployment in simulated traffic: what a closed form says of queues and latencies, held against requests that really wait.
//!
//! The scheduler of `serve` batches the requests and `perf` says how long each step takes. Requests come at random (Poisson) with lengths drawn from a kind of
//! traffic. The same seed gives the same requests at any rate, only nearer together, so that two rates are compared on the same draw, and a result depends on
//! nothing else: not on threads, not on what ran before.
//!
//! Only the **steady part** of a run counts. The system starts empty, so what comes within the first two mean times that a request spends in it (at most half of the run)
//! only warms it up; what comes within the last such time (at most a quarter) runs while it empties. Percentiles are over requests that come in between, and tokens are
//! counted in between.

use crate::outcome::Simulated;
use crate::traffic::{Pair, Traffic};
use base::units::{BytesPerSecond, Seconds};
use perf::device::Device;
use perf::parallel::RESERVE;
use perf::workload::Plan;
use serve::arrival::{Generator, Open, Shape};
use serve::metrics::{Record, Report, ratio};
use serve::modelled::Modelled;
use serve::route::Routing;
use serve::scheduler::Limits;
use serve::simulate::{Group, Host, Links, Role, Setup};
use serve::speculate::Acceptance;

/// Replicas of a network, each on the devices of its mapping.
#[derive(Clone, Debug)]
pub struct Replicas {
    /// The network, divided among the devices of a replica.
    pub plan: Plan,
    /// How many replicas there are.
    pub count: u32,
}

impl Replicas {
    fn devices(&self) -> u64 {
        u64::from(self.count) * self.plan.mapping().devices()
    }
}

/// How prompts and answers share the devices of an instance.
#[derive(Clone, Debug)]
pub enum Policy {
    /// Parts of prompts run in the steps that also write tokens.
    Mixed(Replicas),
    /// Some replicas compute prompts and hand the cache over to others that write.
    Apart {
        /// Those that compute prompts.
        prefill: Replicas,
        /// Those that write.
        decode: Replicas,
    },
}

/// An instance of a network on devices of one kind.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Of which kind.
    pub device: Device,
    /// Who computes what.
    pub policy: Policy,
    /// Requests that a replica runs at once.
    pub batch: u32,
    /// Most tokens of prompts in a step, beside one token for each request that writes.
    pub chunk: u32,
    /// What the host does for a step.
    pub host: Host,
}

/// Times that 99 in 100 requests must not exceed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Targets {
    /// To the first token.
    pub ttft: Seconds,
    /// Per further token, as the mean of a request.
    pub tpot: Seconds,
}

/// How a run is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// Requests of the run, those before and behind the steady part included.
    pub requests: u64,
    /// Seed of arrivals and lengths.
    pub seed: u64,
}

/// Fewest requests of a run: the 99th percentile of the quarter that is steady at worst is then not its maximum.
const FEWEST: u64 = 400;

/// Requests that most runs take. Over seeds, the highest rate for chat on one device scatters by 4 % with 3,000 requests and lies 2 % above that of long runs; with
/// 1,500 it scatters by 6 % and lies 6 % above, since queues have no time to grow; with 12,000 it still scatters by 3 %.
const USUAL: f64 = 3000.0;
/// Most that [`Service::enough`] asks for.
const MOST: f64 = 20_000.0;

/// Why nothing is simulated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConfirmError {
    /// A count of nothing.
    #[error("{0} is 0; at least 1 is expected")]
    Nothing(&'static str),
    /// No arrivals.
    #[error("{0} requests/s: a rate above 0 is expected")]
    Rate(f64),
    /// Too few for a percentile.
    #[error("{0} requests are too few for a 99th percentile; at least {FEWEST} are expected")]
    Few(u64),
    /// A request that can never run.
    #[error(
        "{device}: the weights leave room for a cache of {holds} tokens, and the longest request has {longest}; more devices would do"
    )]
    Room {
        /// Name of the device.
        device: String,
        /// Tokens that a replica's cache holds.
        holds: u64,
        /// Tokens of the longest request.
        longest: u64,
    },
}

/// The highest rate at which targets are met, and the run at that rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Highest {
    /// Requests/s of the instance.
    pub rate: f64,
    /// What it was like. If `meets` is false, the targets are missed even at the lowest rate that was tried, which is this one.
    pub simulated: Simulated,
}

/// Rates that [`Service::highest`] looks at, as multiples of the given one.
const SPAN: (f64, f64) = (0.3, 1.3);
/// Halvings of the logarithm of that span: the ends are then 1.2 % apart.
const HALVINGS: u32 = 7;

/// A deployment ready for one kind of traffic. Times of decode steps are kept from run to run.
pub struct Service {
    tiers: Vec<Tier>,
    links: Links,
    host: Host,
    devices: u64,
    lengths: Vec<(u32, u32)>,
}

/// Replicas with the same role.
struct Tier {
    role: Role,
    count: u32,
    limits: Limits,
    cost: Modelled,
}

impl Service {
    /// Prepares a deployment for a kind of traffic.
    ///
    /// # Errors
    /// Counts of zero, and devices whose memory does not hold the longest request.
    pub fn new(deployment: &Deployment, traffic: &Traffic) -> Result<Service, ConfirmError> {
        let roles = match &deployment.policy {
            Policy::Mixed(all) => vec![(Role::Whole, all)],
            Policy::Apart { prefill, decode } => vec![(Role::Prefill, prefill), (Role::Decode, decode)],
        };
        let counts = [("the batch", deployment.batch), ("the chunk", deployment.chunk)];
        let replicas = roles.iter().map(|(_, replicas)| ("the number of replicas", replicas.count));
        if let Some((what, _)) = counts.into_iter().chain(replicas).find(|(_, count)| *count == 0) {
            return Err(ConfirmError::Nothing(what));
        }
        let tiers = roles.iter().map(|(role, replicas)| Tier::new(*role, replicas, deployment, traffic));
        let tiers = tiers.collect::<Result<Vec<_>, _>>()?;
        let devices = roles.iter().map(|(_, replicas)| replicas.devices()).sum();
        let links = links(&tiers, &deployment.device, positions(traffic));
        Ok(Service { tiers, links, host: deployment.host, devices, lengths: lengths(&traffic.pairs) })
    }

    /// What requests are like that come at a rate, requests/s of the whole instance.
    ///
    /// # Errors
    /// A rate that is not above 0, and too few requests.
    pub fn run(&self, rate: f64, draw: Draw, targets: &Targets) -> Result<Simulated, ConfirmError> {
        let report = self.report(rate, draw)?;
        Ok(steady(&report).simulated(self.devices, targets))
    }

    fn report(&self, rate: f64, draw: Draw) -> Result<Report, ConfirmError> {
        if draw.requests < FEWEST {
            return Err(ConfirmError::Few(draw.requests));
        }
        let generator = Generator::new(draw.seed, Shape::Sampled(self.lengths.clone()), None, draw.requests);
        let mut source = Open::new(generator, rate, 1.0).ok_or(ConfirmError::Rate(rate))?;
        Ok(serve::simulate::run(&self.setup(draw.seed), &mut source, &mut |_| {}))
    }

    fn setup(&self, seed: u64) -> Setup<'_> {
        Setup {
            groups: self.tiers.iter().map(Tier::group).collect(),
            routing: Routing::LeastLoaded,
            links: self.links,
            host: self.host,
            acceptance: Acceptance::same(0.0),
            seed,
            leap: true,
        }
    }

    /// As many requests as it takes to tell a load that can be carried from one that cannot: 3,000, and more where many are in the system at once. The queue of a
    /// load that is too high by a fiftieth has grown beyond the target by the end, and the run is six times as long as a request that just keeps its targets is in the
    /// system; but never more than 20,000.
    pub fn enough(&self, rate: f64, targets: &Targets, seed: u64) -> Draw {
        let answer = self.lengths.iter().map(|pair| f64::from(pair.1)).sum::<f64>() / self.lengths.len() as f64;
        let queue = 50.0 * rate * targets.ttft.0;
        let stay = 6.0 * rate * (targets.ttft.0 + answer * targets.tpot.0);
        Draw { requests: USUAL.max(queue).max(stay).min(MOST).ceil() as u64, seed }
    }

    /// The highest rate that meets the targets, between 0.3 and 1.3 of a rate near which it is expected, to about a per cent: bisection of the logarithm, in at most
    /// eight runs.
    ///
    /// # Errors
    /// As [`Service::run`].
    pub fn highest(&self, near: f64, draw: Draw, targets: &Targets) -> Result<Highest, ConfirmError> {
        let (mut low, mut high) = (near * SPAN.0, near * SPAN.1);
        let mut best = None;
        for _ in 0..HALVINGS {
            let rate = (low * high).sqrt();
            let simulated = self.run(rate, draw, targets)?;
            if simulated.meets {
                low = rate;
                best = Some(Highest { rate, simulated });
            } else {
                high = rate;
            }
        }
        match best {
            Some(best) => Ok(best),
            None => Ok(Highest { rate: low, simulated: self.run(low, draw, targets)? }),
        }
    }
}

/// Tokens of a usual request.
fn positions(traffic: &Traffic) -> u64 {
    ((traffic.mean_prompt() + traffic.mean_answer()).round() as u64).max(1)
}

impl Tier {
    fn new(role: Role, replicas: &Replicas, deployment: &Deployment, traffic: &Traffic) -> Result<Tier, ConfirmError> {
        let device = &deployment.device;
        let cost = Modelled::new(replicas.plan.clone(), device.clone());
        let usual = Limits::default();
        let memory = device.memory.capacity.as_f64() * (1.0 - RESERVE);
        let blocks = cost.blocks(memory, usual.block, positions(traffic));
        let (holds, longest) = (u64::from(blocks) * u64::from(usual.block), u64::from(traffic.longest()));
        if holds < longest {
            return Err(ConfirmError::Room { device: device.name.clone(), holds, longest });
        }
        // More than all that run can ever hold is never touched; half of it is for caches on their way.
        let most = 2 * u64::from(deployment.batch) * longest.div_ceil(usual.block.into());
        let limits = Limits {
            token_budget: deployment.chunk.saturating_add(deployment.batch),
            max_batch: deployment.batch,
            blocks: u64::from(blocks).min(most) as u32,
            prefix_reuse: false,
            ..usual
        };
        Ok(Tier { role, count: replicas.count, limits, cost })
    }

    fn group(&self) -> Group<'_> {
        let (role, replicas, limits) = (self.role, self.count, self.limits.clone());
        Group { role, replicas, limits, cost: &self.cost, drafter: None }
    }
}

/// How caches move: over the wider network where the device has one, on as many devices as the smaller side has.
fn links(tiers: &[Tier], device: &Device, positions: u64) -> Links {
    let link = device.scale_out.as_ref().unwrap_or(&device.scale_up);
    let devices = tiers.iter().map(|tier| tier.cost.plan().mapping().devices()).min().unwrap_or(1);
    let bandwidth = BytesPerSecond(link.bandwidth.0 * devices as f64);
    Links { token: tiers[0].cost.token_bytes(positions), hand_over: bandwidth, latency: link.latency, host: bandwidth }
}

/// Entries of the list that lengths are drawn from.
const SLOTS: u32 = 1 << 14;

/// A table as a list in which each pair stands in proportion to its weight.
fn lengths(pairs: &[Pair]) -> Vec<(u32, u32)> {
    let total: f64 = pairs.iter().map(|pair| pair.weight).sum();
    let mut list = Vec::with_capacity(SLOTS as usize);
    let mut before = 0.0;
    for pair in pairs {
        before += pair.weight / total;
        let end = (before * f64::from(SLOTS)).round() as usize;
        list.resize(end.max(list.len()), (pair.prompt, pair.answer));
    }
    list
}

/// The steady part of a run.
struct Steady<'a> {
    report: &'a Report,
    from: f64,
    to: f64,
}

fn steady(report: &Report) -> Steady<'_> {
    let arrival = |record: Option<&Record>| record.map_or(0.0, |record| record.arrival.0);
    let (first, last) = (arrival(report.records.first()), arrival(report.records.last()));
    let span = last - first;
    let within = report.end_to_end().mean.0;
    Steady { report, from: first + (2.0 * within).min(span / 2.0), to: last - within.min(span / 4.0) }
}

impl Steady<'_> {
    fn simulated(&self, devices: u64, targets: &Targets) -> Simulated {
        let came = |record: &&Record| (self.from..=self.to).contains(&record.arrival.0);
        let judged =
            Report { records: self.report.records.iter().filter(came).copied().collect(), ..Report::default() };
        let (ttft, tpot) = (judged.ttft().p99, judged.tpot().p99);
        Simulated {
            rate: ratio(self.tokens(), (self.to - self.from) * devices as f64),
            ttft: ttft.0,
            tpot: tpot.0,
            requests: judged.records.len() as u64,
            meets: ttft <= targets.ttft && tpot <= targets.tpot,
        }
    }

    /// Tokens written in the steady part by all requests, those after a request's first evenly spread over its time.
    fn tokens(&self) -> f64 {
        self.report.records.iter().map(|record| self.tokens_of(record)).sum()
    }

    fn tokens_of(&self, record: &Record) -> f64 {
        let first = f64::from(u8::from((self.from..=self.to).contains(&record.first.0)));
        let time = record.last.0 - record.first.0;
        let inside = record.last.0.min(self.to) - record.first.0.max(self.from);
        first + f64::from(record.output - 1) * ratio(inside.max(0.0), time)
    }
}

#[cfg(test)]
mod tests;
