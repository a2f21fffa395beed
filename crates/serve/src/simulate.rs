//! Traffic through replicas, in simulated time.
//!
//! Replicas run the real [`Scheduler`](crate::scheduler::Scheduler); only the device is replaced, by a [`StepCost`]. Three kinds of event move the time: a
//! request comes, a replica's step ends, a cache that one replica computed arrives at another. Of events at the same time the first of these goes first,
//! then the replica of the lower number: a run has one result.
//!
//! Where nothing can happen but another token for each request that runs, a replica **leaps**: it adds up the steps' times one by one, since they differ,
//! but touches its requests once. The result is the same to the last bit (a property test holds the two together), for a fraction of the work.

mod host;
mod replica;
#[cfg(test)]
mod tests;

pub use host::Host;

use crate::arrival::{Arrival, Source};
use crate::cost::StepCost;
use crate::metrics::{Record, Report};
use crate::request::{Content, Request, RequestId};
use crate::route::{Router, Routing};
use crate::scheduler::{Limits, Load};
use crate::speculate::Acceptance;
use base::units::{BytesPerSecond, Seconds};
use replica::{Ended, Replica};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// What a replica does for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// All of it.
    #[default]
    Whole,
    /// Its prompt and first token; then the cache goes elsewhere.
    Prefill,
    /// The rest, with a cache from elsewhere.
    Decode,
}

/// Replicas of one kind.
#[derive(Clone)]
pub struct Group<'a> {
    /// What they do.
    pub role: Role,
    /// How many there are.
    pub replicas: u32,
    /// What each of their schedulers may use.
    pub limits: Limits,
    /// What a step costs on each.
    pub cost: &'a dyn StepCost,
    /// What a step of the network that drafts costs; none: drafts cost nothing, as when they are looked up in the prompt.
    pub drafter: Option<&'a dyn StepCost>,
}

/// How cache blocks move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Links {
    /// Bytes of a token's keys and values.
    pub token: f64,
    /// From a replica that prefills to one that decodes; one cache at a time.
    pub hand_over: BytesPerSecond,
    /// Time of the smallest message between them.
    pub latency: Seconds,
    /// Between a replica and its host's memory.
    pub host: BytesPerSecond,
}

/// Everything that a run depends on, but its requests.
#[derive(Clone)]
pub struct Setup<'a> {
    /// The replicas.
    pub groups: Vec<Group<'a>>,
    /// How requests find one.
    pub routing: Routing,
    /// How cache blocks move.
    pub links: Links,
    /// What the host does for a step.
    pub host: Host,
    /// How many drafts are right.
    pub acceptance: Acceptance,
    /// Seed of all that is random.
    pub seed: u64,
    /// Whether to leap; the result is the same.
    pub leap: bool,
}

/// A time that can be sorted.
#[derive(Clone, Copy, Debug, PartialEq)]
struct At(f64);

impl Eq for At {}

impl PartialOrd for At {
    fn partial_cmp(&self, other: &At) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for At {
    fn cmp(&self, other: &At) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Arrival,
    Delivery,
    StepEnd(usize),
}

/// Runs the source's requests to their end. `progress` hears now and then how many requests have ended.
///
/// # Panics
/// If a group that is needed has no replica: one of [`Role::Whole`] or one each of the other two.
pub fn run(setup: &Setup, source: &mut dyn Source, progress: &mut dyn FnMut(u64)) -> Report {
    let mut run = Run::new(setup);
    while let Some((at, event)) = run.next(source) {
        match event {
            Event::Arrival => run.arrive(source),
            Event::Delivery => run.deliver(source),
            Event::StepEnd(replica) => run.step_end(replica, at, source),
        }
        /// Ended requests between two calls.
        const STRIDE: u64 = 1 << 10;
        if run.ended / STRIDE != run.told {
            run.told = run.ended / STRIDE;
            progress(run.ended);
        }
    }
    run.report()
}

/// A run under way.
struct Run<'a> {
    setup: &'a Setup<'a>,
    replicas: Vec<Replica<'a>>,
    /// Replicas that take new requests, and those that take delivered ones.
    front: Tier,
    back: Option<Tier>,
    /// Caches on their way: when they arrive, and the request to go on with.
    deliveries: BinaryHeap<Reverse<(At, u64)>>,
    records: Vec<Record>,
    contents: Vec<Option<Content>>,
    ended: u64,
    told: u64,
    refused: u64,
    found: Vec<Ended>,
}

/// Replicas that share their work, and how it is shared.
struct Tier {
    replicas: Vec<usize>,
    loads: Vec<Load>,
    router: Router,
}

impl Tier {
    fn new(setup: &Setup, roles: &[Role]) -> Option<Tier> {
        let roles_of = setup.groups.iter().flat_map(|group| (0..group.replicas).map(|_| group.role));
        let replicas: Vec<usize> =
            roles_of.enumerate().filter(|(_, role)| roles.contains(role)).map(|(at, _)| at).collect();
        let tier = Tier { replicas, loads: Vec::new(), router: Router::new(setup.routing) };
        (!tier.replicas.is_empty()).then_some(tier)
    }

    fn choose(&mut self, content: &Content, replicas: &[Replica]) -> usize {
        self.loads.clear();
        self.loads.extend(self.replicas.iter().map(|at| replicas[*at].scheduler.load()));
        self.replicas[self.router.choose(content, &self.loads)]
    }
}

impl<'a> Run<'a> {
    fn new(setup: &'a Setup<'a>) -> Run<'a> {
        let groups = setup.groups.iter();
        Run {
            setup,
            replicas: groups.flat_map(|group| (0..group.replicas).map(|_| Replica::new(group))).collect(),
            front: Tier::new(setup, &[Role::Whole, Role::Prefill]).expect("a replica that takes new requests"),
            back: Tier::new(setup, &[Role::Decode]),
            deliveries: BinaryHeap::new(),
            records: Vec::new(),
            contents: Vec::new(),
            ended: 0,
            told: 0,
            refused: 0,
            found: Vec::new(),
        }
    }

    fn next(&self, source: &dyn Source) -> Option<(f64, Event)> {
        let arrival = source.peek().map(|at| (at.0, Event::Arrival));
        let delivery = self.deliveries.peek().map(|Reverse((at, _))| (at.0, Event::Delivery));
        let ends = self.replicas.iter().enumerate();
        let ends = ends.filter_map(|(at, replica)| Some((replica.step_end()?, Event::StepEnd(at))));
        let sooner = |a: (f64, Event), b: (f64, Event)| if b.0 < a.0 { b } else { a };
        arrival.into_iter().chain(delivery).chain(ends).reduce(sooner)
    }

    fn arrive(&mut self, source: &mut dyn Source) {
        let Some(arrival) = source.next() else { return };
        let request = self.name(&arrival);
        let at = self.front.choose(&request.content, &self.replicas);
        let replica = &mut self.replicas[at];
        let request = if replica.role == Role::Prefill {
            self.contents[request.id.0 as usize] = Some(request.content.clone());
            Request { max_output: 1, keep: arrival.output > 1, ..request }
        } else {
            request
        };
        if replica.submit(self.setup, request, arrival.at.0).is_err() {
            self.refused += 1;
            source.ended(arrival.at);
        }
    }

    /// Opens a record for an arrival; its number is the request's name.
    fn name(&mut self, arrival: &Arrival) -> Request {
        let id = RequestId(self.records.len() as u64);
        let Arrival { at, prompt, output, prefix, priority } = *arrival;
        self.records.push(Record { arrival: at, prompt, output, ..Record::default() });
        if self.back.is_some() {
            self.contents.push(None);
        }
        let content = match prefix {
            Some(prefix) => Content::prefixed(id, prefix.identity, prefix.tokens, prompt),
            None => Content::unique(id, prompt),
        };
        Request { priority, ..Request::new(id, at, content, output) }
    }

    /// A cache has arrived where the request goes on. Its first token is part of what is known.
    fn deliver(&mut self, source: &mut dyn Source) {
        let Some(Reverse((at, name))) = self.deliveries.pop() else { return };
        let record = self.records[name as usize];
        let content = self.contents[name as usize].take().expect("it was kept when it came");
        let Some(tier) = &mut self.back else { return };
        let to = tier.choose(&content, &self.replicas);
        let content = content.followed_by_output(RequestId(name));
        let request = Request::new(RequestId(name), record.arrival, content, record.output - 1);
        let request = Request { delivered: record.prompt, ..request };
        if self.replicas[to].submit(self.setup, request, at.0).is_err() {
            self.records[name as usize].last = Seconds(0.0);
            self.refused += 1;
            source.ended(Seconds(at.0));
        }
    }

    fn step_end(&mut self, replica: usize, at: f64, source: &mut dyn Source) {
        let mut found = std::mem::take(&mut self.found);
        self.replicas[replica].end_step(self.setup, &mut self.records, &mut found);
        for ended in found.drain(..) {
            self.take_end(replica, &ended, source);
        }
        self.found = found;
        let horizon = self.horizon(replica, source);
        self.replicas[replica].go_on(self.setup, at, horizon);
    }

    /// Until when this replica is alone with its requests.
    fn horizon(&self, replica: usize, source: &dyn Source) -> f64 {
        let mut horizon = source.peek().map_or(f64::INFINITY, |at| at.0);
        if let Some(Reverse((at, _))) = self.deliveries.peek() {
            horizon = horizon.min(at.0);
        }
        if source.reacts() || self.back.is_some() {
            let others = self.replicas.iter().enumerate().filter(|(at, _)| *at != replica);
            horizon = others.filter_map(|(_, other)| other.step_end()).fold(horizon, f64::min);
        }
        horizon
    }

    /// A request's work at a replica has ended: it is done, or goes on elsewhere.
    fn take_end(&mut self, replica: usize, ended: &Ended, source: &mut dyn Source) {
        let name = ended.request.0;
        let record = &mut self.records[name as usize];
        record.preemptions += ended.preemptions;
        record.reused += ended.reused;
        if self.replicas[replica].role == Role::Prefill && record.output > 1 {
            let arrives = self.replicas[replica].hand_over(&self.setup.links, ended, record.prompt);
            self.deliveries.push(Reverse((At(arrives), name)));
        } else {
            record.replica = replica as u32;
            self.ended += 1;
            source.ended(Seconds(ended.at));
        }
    }

    fn report(self) -> Report {
        let ended = |record: &&Record| record.last.0 > 0.0;
        // A request that its second replica refused had its first token from the first.
        let last = self.records.iter().map(|record| record.last.0.max(record.first.0)).fold(0.0, f64::max);
        let first = self.records.first().map_or(0.0, |record| record.arrival.0);
        let duration = Seconds((last - first).max(0.0));
        Report {
            duration,
            records: self.records.iter().filter(ended).copied().collect(),
            refused: self.refused,
            replicas: self.replicas.into_iter().map(|replica| replica.usage(duration)).collect(),
        }
    }
}
