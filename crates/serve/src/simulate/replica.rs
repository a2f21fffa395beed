//! One replica: a scheduler, a device that is a formula, and the plans between them.

use super::{Group, Links, Role, Setup};
use crate::cost::{Composition, Cost, StepCost};
use crate::metrics::{Record, Usage};
use crate::request::{Refusal, Request, RequestId};
use crate::scheduler::{Finished, Item, Outcome, Scheduler, StepPlan};
use base::units::{Bytes, Joules, Seconds};
use std::collections::VecDeque;

/// A plan that the device has.
struct Running {
    plan: StepPlan,
    /// When it starts, and when its tokens are there.
    start: f64,
    end: f64,
    energy: Joules,
    /// Held share of the cache when it was planned.
    held: f64,
}

/// A request whose work here has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) request: RequestId,
    pub(super) at: f64,
    pub(super) handle: u32,
    pub(super) reused: u32,
    pub(super) preemptions: u32,
}

/// A replica.
pub(super) struct Replica<'a> {
    pub(super) role: Role,
    pub(super) scheduler: Scheduler,
    cost: &'a dyn StepCost,
    drafter: Option<&'a dyn StepCost>,
    plans: VecDeque<Running>,
    /// When each request's last token came, by handle; NaN before the first.
    last: Vec<f64>,
    /// Until when the link to other replicas is busy.
    link_free: f64,
    /// Kept blocks and when they have been sent.
    sent: VecDeque<(f64, u32)>,
    usage: Usage,
    finished: Vec<Finished>,
    outcomes: Vec<Outcome>,
    crossings: Vec<u32>,
}

impl<'a> Replica<'a> {
    pub(super) fn new(group: &Group<'a>) -> Replica<'a> {
        Replica {
            role: group.role,
            scheduler: Scheduler::new(group.limits.clone()),
            cost: group.cost,
            drafter: group.drafter,
            plans: VecDeque::new(),
            last: Vec::new(),
            link_free: 0.0,
            sent: VecDeque::new(),
            usage: Usage::default(),
            finished: Vec::new(),
            outcomes: Vec::new(),
            crossings: Vec::new(),
        }
    }

    /// When the step under way ends; if none is, when blocks become free that somebody may wait for.
    pub(super) fn step_end(&self) -> Option<f64> {
        let waiting = self.plans.is_empty() && self.scheduler.load().waiting > 0;
        let freed = self.sent.front().filter(|_| waiting).map(|(at, _)| *at);
        self.plans.front().map(|running| running.end).or(freed)
    }

    /// Takes a request; an idle replica starts at once.
    pub(super) fn submit(&mut self, setup: &Setup, request: Request, now: f64) -> Result<(), Refusal> {
        let handle = self.scheduler.submit(request)? as usize;
        self.last.resize(self.last.len().max(handle + 1), f64::NAN);
        self.last[handle] = f64::NAN;
        if self.plans.is_empty() {
            self.dispatch(setup, now);
        }
        Ok(())
    }

    /// Gives the device as many plans as it may have.
    fn dispatch(&mut self, setup: &Setup, now: f64) {
        while self.sent.front().is_some_and(|(at, _)| *at <= now) {
            let (_, handle) = self.sent.pop_front().expect("there is one");
            self.scheduler.release(handle);
        }
        while (self.plans.len() as u32) < self.scheduler.limits().in_flight {
            let plan = self.scheduler.schedule(Seconds(now));
            if plan.is_empty() {
                return;
            }
            let step = Composition::of(&plan);
            let start = self.plans.back().map_or(now, |running| running.end);
            let (period, energy) = self.period(setup, &step, &plan);
            let held = self.held_share();
            self.plans.push_back(Running { plan, start, end: start + period, energy, held });
        }
    }

    /// Time and energy of a step, everything around it included.
    fn period(&self, setup: &Setup, step: &Composition, plan: &StepPlan) -> (f64, Joules) {
        let copied: usize = plan.copies.iter().map(|copy| copy.blocks.len()).sum();
        let (period, energy) = self.plain_period(setup, step, plan.items.len() as u32);
        let tokens = copied as f64 * f64::from(self.scheduler.limits().block);
        let copying = if copied > 0 { tokens * setup.links.token / setup.links.host.0 } else { 0.0 };
        (period + copying, energy)
    }

    /// The same without copies.
    fn plain_period(&self, setup: &Setup, step: &Composition, requests: u32) -> (f64, Joules) {
        let device = self.cost.step(step);
        let draft = self.draft_cost(step);
        let ahead = self.scheduler.limits().in_flight > 1;
        (setup.host.period(device.time + draft.time, requests, ahead), device.energy + draft.energy)
    }

    /// As many passes of the network that drafts as there are drafts.
    fn draft_cost(&self, step: &Composition) -> Cost {
        let drafts = self.scheduler.limits().draft;
        let Some(drafter) = self.drafter.filter(|_| drafts > 0 && step.decodes > 0) else { return Cost::default() };
        let pass = drafter.step(&Composition::decode(step.decodes, step.decode_context));
        Cost { time: pass.time * f64::from(drafts), energy: pass.energy * f64::from(drafts) }
    }

    fn held_share(&self) -> f64 {
        f64::from(self.scheduler.load().held) / f64::from(self.scheduler.limits().blocks.max(1))
    }

    /// The step under way, if there is one, has ended: tokens come out.
    pub(super) fn end_step(&mut self, setup: &Setup, records: &mut [Record], ended: &mut Vec<Ended>) {
        let Some(running) = self.plans.pop_front() else { return };
        self.account(running.end - running.start, running.energy, running.held);
        self.outcomes.clear();
        self.outcomes.extend(running.plan.items.iter().map(|item| outcome(setup, item)));
        for (item, outcome) in running.plan.items.iter().zip(&self.outcomes).filter(|(item, _)| item.samples) {
            token(item, outcome.generated, running.end, &mut self.last, &mut self.usage, records);
        }
        self.scheduler.complete(&running.plan, &self.outcomes, &mut self.finished);
        for end in self.finished.drain(..) {
            let record = &mut records[end.request.0 as usize];
            record.last = Seconds(running.end);
            if self.role != Role::Decode {
                record.started = end.started;
            }
            let Finished { request, handle, reused, preemptions, .. } = end;
            ended.push(Ended { request, at: running.end, handle, reused, preemptions });
            self.usage.finished += 1;
        }
    }

    /// Notes a step of some length.
    fn account(&mut self, period: f64, energy: Joules, held: f64) {
        self.usage.steps += 1;
        self.usage.busy += period;
        self.usage.energy += energy;
        self.usage.held += held * period;
        self.usage.most_held = self.usage.most_held.max(held);
    }

    /// Goes on after a step's end: leaps while nobody looks before `horizon`, then plans as usual.
    pub(super) fn go_on(&mut self, setup: &Setup, now: f64, horizon: f64) {
        let now = if setup.leap && self.sent.is_empty() { self.leap(setup, now, horizon) } else { now };
        self.dispatch(setup, now);
    }

    /// Passes over steps that only add a token to each request; gives the end of the last of them.
    fn leap(&mut self, setup: &Setup, now: f64, horizon: f64) -> f64 {
        if self.plans.len() as u32 + 1 != self.scheduler.limits().in_flight {
            return now;
        }
        let quiet = self.scheduler.quiet(self.plans.iter().map(|running| &running.plan));
        if quiet <= self.plans.len() as u32 {
            return now;
        }
        let mut ahead = Ahead::new(self, now);
        while ahead.steps < quiet && ahead.advance(self, setup, horizon) {}
        let (steps, now, first) = (ahead.steps, ahead.now, ahead.first);
        if steps > 0 {
            ahead.settle(self);
            self.settle_tokens(first, now);
        }
        now
    }

    /// All that run had a token at `first`, and their latest at `now`.
    fn settle_tokens(&mut self, first: f64, now: f64) {
        for handle in self.scheduler.running() {
            let last = &mut self.last[*handle as usize];
            self.usage.gaps.record(first - *last, 1);
            *last = now;
        }
    }

    /// Sends a finished prompt's cache to another replica; gives the time at which it arrives. The blocks are free when they have left.
    pub(super) fn hand_over(&mut self, links: &Links, ended: &Ended, tokens: u32) -> f64 {
        let bytes = links.token * f64::from(tokens);
        let left = self.link_free.max(ended.at) + (Bytes(bytes.round() as u64) / links.hand_over).0;
        self.link_free = left;
        self.usage.handed_over += bytes;
        self.sent.push_back((left, ended.handle));
        left + links.latency.0
    }

    /// What it did, after a run of some length.
    pub(super) fn usage(mut self, duration: Seconds) -> Usage {
        let counters = self.scheduler.counters();
        let usage = &mut self.usage;
        usage.energy += self.cost.idle() * Seconds((duration.0 - usage.busy).max(0.0));
        usage.generated = counters.generated_tokens;
        usage.preemptions = counters.preemptions;
        (usage.prompt_tokens, usage.reused_tokens) = (counters.prompt_tokens, counters.reused_tokens);
        (usage.drafted, usage.accepted) = (counters.drafted, counters.accepted);
        self.usage
    }
}

/// What the device would say of an item.
fn outcome(setup: &Setup, item: &Item) -> Outcome {
    let right = match item.drafts {
        0 => 0,
        drafts => setup.acceptance.draw(setup.seed, item.request, item.context, drafts),
    };
    Outcome::count(1 + right)
}

/// Tokens of a request have come. Those of one step come together: all but the first without a gap.
fn token(item: &Item, generated: u32, now: f64, last: &mut [f64], usage: &mut Usage, records: &mut [Record]) {
    let last = &mut last[item.handle as usize];
    if last.is_nan() {
        let first = &mut records[item.request.0 as usize].first;
        // Where a decoding replica goes on, the first token came elsewhere.
        if first.0 == 0.0 {
            *first = Seconds(now);
        } else {
            usage.gaps.record(now - first.0, 1);
        }
    } else {
        usage.gaps.record(now - *last, 1);
    }
    if generated > 1 {
        usage.gaps.record(0.0, u64::from(generated - 1));
    }
    *last = now;
}

/// Steps that are passed over.
struct Ahead {
    /// Steps made and completed.
    steps: u32,
    /// When the last of them ended.
    now: f64,
    /// When the first of them ended.
    first: f64,
    requests: u32,
    /// Tokens before the next step's.
    context: u64,
    held: u32,
    /// Start, end, energy and held share of the steps under way.
    under_way: VecDeque<(f64, f64, Joules, f64)>,
}

impl Ahead {
    fn new(replica: &mut Replica, now: f64) -> Ahead {
        let crossings = &mut replica.crossings;
        replica.scheduler.crossings(crossings);
        let load = replica.scheduler.load();
        let under_way = replica.plans.iter().map(|running| (running.start, running.end, running.energy, running.held));
        let under_way = under_way.collect();
        let context = replica.scheduler.context();
        Ahead { steps: 0, now, first: now, requests: load.running, context, held: load.held, under_way }
    }

    /// One step more, if it ends before the horizon.
    fn advance(&mut self, replica: &mut Replica, setup: &Setup, horizon: f64) -> bool {
        let front = self.under_way.front().map(|running| running.1);
        if front.is_some_and(|end| end >= horizon) {
            return false;
        }
        let step = Composition::decode(self.requests, self.context);
        let (period, energy) = replica.plain_period(setup, &step, self.requests);
        let start = self.under_way.back().map_or(self.now, |running| running.1);
        if front.is_none() && start + period >= horizon {
            return false;
        }
        let taken = replica.crossings[self.steps as usize % replica.crossings.len()];
        self.held += taken;
        self.context += u64::from(self.requests);
        let held = f64::from(self.held) / f64::from(replica.scheduler.limits().blocks.max(1));
        self.under_way.push_back((start, start + period, energy, held));
        let (start, end, energy, held) = self.under_way.pop_front().expect("one was just put there");
        replica.account(end - start, energy, held);
        match self.steps {
            0 => self.first = end,
            _ => replica.usage.gaps.record(end - self.now, self.requests.into()),
        }
        self.now = end;
        self.steps += 1;
        true
    }

    /// The scheduler and the plans under way follow.
    fn settle(self, replica: &mut Replica) {
        replica.scheduler.leap(self.steps, replica.plans.iter_mut().map(|running| &mut running.plan));
        for (running, (start, end, energy, held)) in replica.plans.iter_mut().zip(self.under_way) {
            (running.start, running.end, running.energy, running.held) = (start, end, energy, held);
        }
    }
}
