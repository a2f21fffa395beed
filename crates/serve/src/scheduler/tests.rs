//! What must hold whatever comes.

use super::*;
use crate::request::{Content, Priority};
use proptest::prelude::*;
use std::collections::VecDeque;

fn limits(blocks: u32) -> Limits {
    Limits { token_budget: 32, max_batch: 4, block: 4, blocks, in_flight: 1, ..Limits::default() }
}

fn request(id: u64, prompt: u32, output: u32) -> Request {
    Request::new(RequestId(id), Seconds(id as f64), Content::unique(RequestId(id), prompt), output)
}

/// Request, new tokens, context of every item.
fn shape(plan: &StepPlan) -> Vec<(u64, u32, u32)> {
    plan.items.iter().map(|item| (item.request.0, item.new, item.context)).collect()
}

/// A scheduler with the plans that are under way, checked after every move.
struct Drive {
    scheduler: Scheduler,
    under_way: VecDeque<StepPlan>,
    finished: Vec<Finished>,
    /// Of drafted tokens, how many are right: cycles through these.
    accepted: u32,
}

impl Drive {
    fn new(limits: Limits) -> Drive {
        Drive { scheduler: Scheduler::new(limits), under_way: VecDeque::new(), finished: Vec::new(), accepted: 0 }
    }

    fn submit(&mut self, request: Request) {
        self.scheduler.submit(request).expect("acceptable");
        self.check();
    }

    fn schedule(&mut self) -> StepPlan {
        let plan = self.scheduler.schedule(Seconds(0.0));
        let limits = self.scheduler.limits().clone();
        assert!(plan.tokens() + plan.budget == limits.token_budget, "budget");
        assert!(self.scheduler.running.len() as u32 <= limits.max_batch, "batch");
        let mut seen: Vec<_> = plan.items.iter().map(|item| item.request).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), plan.items.len(), "a request has one place in a step");
        for item in &plan.items {
            let room = self.scheduler.block_table(item).len() as u32 * limits.block;
            assert!(item.new > 0 && item.context + item.new <= room, "tokens without a block");
        }
        if !plan.is_empty() {
            self.under_way.push_back(plan.clone());
        }
        self.check();
        plan
    }

    fn complete(&mut self) {
        let Some(plan) = self.under_way.pop_front() else { return };
        let outcome = |item: &Item| {
            self.accepted = (self.accepted * 5 + 3) % 17;
            Outcome::count(1 + self.accepted % (item.drafts + 1))
        };
        let outcomes: Vec<Outcome> = plan.items.iter().map(outcome).collect();
        self.scheduler.complete(&plan, &outcomes, &mut self.finished);
        self.check();
    }

    fn step(&mut self) -> StepPlan {
        let plan = self.schedule();
        if plan.is_empty() || self.under_way.len() as u32 == self.scheduler.limits().in_flight {
            self.complete();
        }
        plan
    }

    /// Until nobody is left; everybody's turn comes within the bound.
    fn drain(&mut self, bound: usize) {
        for _ in 0..bound {
            self.step();
            let load = self.scheduler.load();
            if self.under_way.is_empty() && (load.running, load.waiting) == (0, 0) {
                return;
            }
        }
        panic!("still there after {bound} steps: {:?}", self.scheduler.load());
    }

    fn check(&self) {
        let scheduler = &self.scheduler;
        let tables = scheduler.entries.iter().flatten().map(|entry| entry.table.as_slice());
        scheduler.pool.check(tables);
        let turns: Vec<Turn> = scheduler.running.iter().map(|handle| scheduler.entry(*handle).turn).collect();
        assert!(turns.is_sorted(), "those that run are in their order");
        let swapped: u32 = scheduler.entries.iter().flatten().map(|entry| entry.swapped).sum();
        assert_eq!(scheduler.host_free + swapped, scheduler.limits.host_blocks, "blocks of the host");
        for entry in scheduler.entries.iter().flatten() {
            assert!(entry.phase != Phase::Waiting || entry.table.is_empty(), "who waits holds nothing");
        }
    }
}

#[test]
fn a_prompt_is_cut_to_the_budget_and_shares_steps_with_those_that_generate() {
    let mut drive = Drive::new(limits(100));
    drive.submit(request(1, 40, 3));
    drive.submit(request(2, 30, 2));
    assert_eq!(shape(&drive.step()), [(1, 32, 0)]);
    assert_eq!(shape(&drive.step()), [(1, 8, 32), (2, 24, 0)]);
    assert_eq!(shape(&drive.step()), [(1, 1, 40), (2, 6, 24)]);
    assert_eq!(shape(&drive.step()), [(1, 1, 41), (2, 1, 30)]);
    assert_eq!(shape(&drive.step()), []);
    assert_eq!(drive.finished.iter().map(|end| end.generated).collect::<Vec<_>>(), [3, 2]);
}

#[test]
fn with_two_plans_under_way_a_token_is_planned_before_its_predecessor_is_known() {
    let mut drive = Drive::new(Limits { in_flight: 2, ..limits(100) });
    drive.submit(request(1, 40, 2));
    assert_eq!(shape(&drive.schedule()), [(1, 32, 0)]);
    assert_eq!(shape(&drive.schedule()), [(1, 8, 32)]);
    drive.complete();
    assert_eq!(shape(&drive.schedule()), [(1, 1, 40)]);
    drive.complete();
    assert_eq!(shape(&drive.schedule()), [], "its last token is under way");
    drive.complete();
    assert_eq!(drive.finished.len(), 1);
}

#[test]
fn requests_begin_together_where_not_every_step_may_begin_some() {
    let mut drive = Drive::new(Limits { every: 3, ..limits(100) });
    drive.submit(request(0, 4, 9));
    // Nobody else is at work: at once.
    assert_eq!(shape(&drive.step()), [(0, 4, 0)]);
    drive.submit(request(1, 5, 9));
    assert_eq!(shape(&drive.step()), [(0, 1, 4)]);
    drive.submit(request(2, 6, 9));
    assert_eq!(shape(&drive.step()), [(0, 1, 5)]);
    assert_eq!(shape(&drive.step()), [(0, 1, 6), (1, 5, 0), (2, 6, 0)]);
}

#[test]
fn a_common_beginning_is_computed_once() {
    let mut drive = Drive::new(limits(100));
    let shared = |id| Request { content: Content::prefixed(RequestId(id), 5, 18, 24), ..request(id, 24, 1) };
    drive.submit(shared(1));
    drive.step();
    drive.submit(shared(2));
    assert_eq!(shape(&drive.step()), [(2, 8, 16)], "four full blocks of 4 are there");
    let counters = drive.scheduler.counters();
    assert_eq!((counters.prompt_tokens, counters.reused_tokens, drive.finished[1].reused), (48, 16, 16));
}

#[test]
fn the_same_prompt_again_computes_at_least_its_last_token() {
    let mut drive = Drive::new(limits(100));
    let tokens = |id| Request { content: Content::Tokens((0..16).collect()), ..request(id, 16, 2) };
    let outcome = Outcome { generated: 1, tokens: vec![7], stop: false };
    for id in [1, 2] {
        drive.submit(tokens(id));
        for _ in 0..2 {
            let plan = drive.scheduler.schedule(Seconds(0.0));
            assert!(id == 1 || plan.tokens() <= 4, "three blocks are there: {:?}", shape(&plan));
            drive.scheduler.complete(&plan, std::slice::from_ref(&outcome), &mut drive.finished);
            drive.check();
        }
    }
    assert_eq!(drive.finished.len(), 2);
}

#[test]
fn the_last_gives_up_its_blocks_and_comes_back() {
    let mut drive = Drive::new(Limits { prefix_reuse: false, ..limits(5) });
    drive.submit(request(1, 8, 8));
    drive.submit(request(2, 7, 8));
    assert_eq!(shape(&drive.step()), [(1, 8, 0), (2, 7, 0)]);
    assert_eq!(shape(&drive.step()), [(1, 1, 8), (2, 1, 7)]);
    assert_eq!(shape(&drive.step()), [(1, 1, 9)], "the second has no block for its ninth token");
    drive.drain(30);
    assert_eq!(drive.finished.iter().map(|end| (end.request.0, end.preemptions)).collect::<Vec<_>>(), [(1, 0), (2, 1)]);
}

#[test]
fn what_the_host_holds_is_copied_and_not_computed_again() {
    let mut drive = Drive::new(Limits { host_blocks: 2, ..limits(5) });
    drive.submit(request(1, 8, 8));
    drive.submit(request(2, 7, 8));
    let copies: Vec<_> = (0..12).flat_map(|_| drive.step().copies).collect();
    let seen: Vec<_> = copies.iter().map(|copy| (copy.request.0, copy.direction, copy.blocks.len())).collect();
    assert_eq!(seen, [(2, CopyDirection::ToHost, 2), (2, CopyDirection::ToDevice, 2)]);
    drive.drain(30);
    // Every token but the last of each request goes through the network once.
    assert_eq!(drive.scheduler.counters().planned_tokens, (8 + 7) + (7 + 7));
}

#[test]
fn the_urgent_take_the_place_of_the_patient() {
    let mut drive = Drive::new(Limits { max_batch: 1, ..limits(20) });
    drive.submit(Request { priority: Priority(1), ..request(1, 8, 8) });
    drive.step();
    drive.submit(request(2, 8, 2));
    assert_eq!(shape(&drive.step()), [(2, 8, 0)]);
    drive.drain(30);
    assert_eq!(drive.finished.iter().map(|end| end.request.0).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn patience_ends() {
    let run = |arrival: f64| {
        let mut drive = Drive::new(Limits { max_batch: 1, patience: Seconds(10.0), ..limits(20) });
        drive.submit(Request { priority: Priority(1), ..request(0, 8, 4) });
        drive.submit(Request { arrival: Seconds(arrival), ..request(2, 8, 4) });
        drive.drain(30);
        drive.finished[0].request.0
    };
    assert_eq!((run(9.0), run(11.0)), (2, 0));
}

#[test]
fn delivered_tokens_need_blocks_and_no_computing() {
    let mut drive = Drive::new(limits(100));
    drive.submit(Request { delivered: 20, keep: true, ..request(1, 21, 2) });
    assert_eq!(shape(&drive.step()), [(1, 1, 20)]);
    drive.drain(5);
    let handle = drive.finished[0].handle;
    assert_eq!(drive.scheduler.load().held, 6, "kept until it is released");
    drive.scheduler.release(handle);
    drive.check();
    assert_eq!(drive.scheduler.load().held, 0);
}

#[test]
fn refusals_say_what_would_do() {
    let mut drive = Drive::new(limits(5));
    let mut refusal = |request| drive.scheduler.submit(request).map_err(|refusal| refusal.to_string());
    let long = "request 1: 21 tokens of prompt and output need 6 cache blocks and there are 5; at most 20 tokens fit";
    assert_eq!(refusal(request(1, 20, 2)), Err(long.into()));
    assert!(refusal(request(1, 0, 2)).unwrap_err().contains("empty"));
    assert!(refusal(request(1, 2, 0)).unwrap_err().contains("at least one"));
    assert_eq!(refusal(request(1, 20, 1)), Ok(0));
    assert!(refusal(request(1, 20, 1)).unwrap_err().contains("not finished"));
}

#[test]
fn cancelling_frees_what_was_held_even_with_a_plan_under_way() {
    let mut drive = Drive::new(limits(10));
    drive.submit(request(1, 8, 8));
    drive.submit(request(2, 8, 8));
    drive.schedule();
    assert!(drive.scheduler.cancel(RequestId(1)) && !drive.scheduler.cancel(RequestId(1)));
    // Its name and its handle are free again; the old plan does not touch the new request.
    drive.submit(request(1, 6, 1));
    drive.complete();
    drive.drain(30);
    assert_eq!(drive.finished.iter().map(|end| (end.request.0, end.generated)).collect::<Vec<_>>(), [(1, 1), (2, 8)]);
}

/// A scheduler's limits, with all that can make trouble.
fn any_limits() -> impl Strategy<Value = Limits> {
    (4u32..40, 1u32..6, 1u32..6, 12u32..30, any::<bool>(), 0u32..8, 1u32..3, 0u32..4, 1u32..6).prop_map(
        |(token_budget, max_batch, block, blocks, prefix_reuse, host_blocks, in_flight, draft, every)| Limits {
            token_budget,
            max_batch,
            block,
            blocks: blocks * 6 / block,
            prefix_reuse,
            host_blocks,
            in_flight,
            draft,
            every,
            patience: Seconds(5.0),
            key: 1,
        },
    )
}

/// Prompt, output, priority, group and length of the shared beginning, and steps before it comes.
type Sketch = (u32, u32, u8, u64, u32, usize);

fn any_requests() -> impl Strategy<Value = Vec<Sketch>> {
    proptest::collection::vec((1u32..40, 1u32..20, 0u8..3, 0u64..3, 0u32..30, 0usize..6), 1..24)
}

fn of_sketch(id: usize, sketch: &Sketch) -> Request {
    let (prompt, output, priority, group, shared, _) = *sketch;
    let name = RequestId(id as u64);
    let content = Content::prefixed(name, group, shared, prompt);
    Request { priority: Priority(priority), ..Request::new(name, Seconds(id as f64), content, output) }
}

proptest! {
    #[test]
    fn everybody_is_served_in_full_and_nothing_leaks(limits in any_limits(), sketches in any_requests()) {
        let mut drive = Drive::new(limits.clone());
        let mut served = Vec::new();
        for (id, sketch) in sketches.iter().enumerate() {
            let request = of_sketch(id, sketch);
            if (request.content.tokens() + request.max_output - 1).div_ceil(limits.block) > limits.blocks {
                prop_assert!(drive.scheduler.submit(request).is_err());
                continue;
            }
            served.push((request.id, request.content.tokens(), request.max_output));
            drive.submit(request);
            (0..sketch.5).for_each(|_| { drive.step(); });
        }
        drive.drain(20_000);
        let mut ended: Vec<_> = drive.finished.iter().map(|end| (end.request, end.prompt, end.generated)).collect();
        ended.sort();
        prop_assert_eq!(ended, served);
        prop_assert_eq!(drive.scheduler.load(), Load::default());
    }

    #[test]
    fn without_preemption_each_token_is_computed_once_or_reused(sketches in any_requests(), reuse in any::<bool>(), in_flight in 1u32..3) {
        let mut drive = Drive::new(Limits { prefix_reuse: reuse, in_flight, ..limits(1000) });
        for (id, sketch) in sketches.iter().enumerate() {
            drive.submit(Request { priority: Priority(0), ..of_sketch(id, sketch) });
            (0..sketch.5).for_each(|_| { drive.step(); });
        }
        drive.drain(20_000);
        let counters = drive.scheduler.counters();
        let (prompt, output) = sketches.iter().fold((0u64, 0u64), |sum, sketch| (sum.0 + u64::from(sketch.0), sum.1 + u64::from(sketch.1)));
        prop_assert_eq!(counters.preemptions, 0);
        prop_assert_eq!((counters.prompt_tokens, counters.generated_tokens), (prompt, output));
        prop_assert_eq!(counters.planned_tokens + counters.reused_tokens, prompt + output - sketches.len() as u64);
        prop_assert!(reuse || counters.reused_tokens == 0);
    }

    #[test]
    fn a_leap_leaves_what_plain_steps_leave(limits in any_limits(), sketches in any_requests(), steps in 1u32..30) {
        let limits = Limits { draft: 0, ..limits };
        let mut plain = Drive::new(limits.clone());
        for (id, sketch) in sketches.iter().enumerate() {
            let fits = (sketch.0 + sketch.1 - 1).div_ceil(limits.block) <= limits.blocks;
            if fits {
                plain.submit(of_sketch(id, sketch));
            }
        }
        for _ in 0..400 {
            plain.step();
            let quiet = plain.scheduler.quiet(plain.under_way.iter()).min(steps);
            if quiet < limits.in_flight || plain.under_way.len() as u32 == limits.in_flight {
                continue;
            }
            let mut leaping = Drive { scheduler: plain.scheduler.clone(), under_way: plain.under_way.clone(), finished: vec![], accepted: 0 };
            leaping.scheduler.leap(quiet, leaping.under_way.iter_mut());
            leaping.check();
            let ended = plain.finished.len();
            for _ in 0..quiet {
                let running = plain.scheduler.running.clone();
                let plan = plain.schedule();
                prop_assert_eq!(plan.items.iter().map(|item| item.handle).collect::<Vec<_>>(), running);
                prop_assert!(plan.items.iter().all(|item| item.new == 1 && item.samples));
                plain.complete();
            }
            prop_assert_eq!(ended, plain.finished.len());
            prop_assert_eq!(&leaping.under_way, &plain.under_way);
            prop_assert_eq!(leaping.scheduler.counters(), plain.scheduler.counters());
            prop_assert_eq!(leaping.scheduler.load(), plain.scheduler.load());
            prop_assert_eq!(leaping.scheduler.pool.evictions(), plain.scheduler.pool.evictions());
            prop_assert_eq!(leaping.scheduler.context(), plain.scheduler.context());
        }
    }
}
