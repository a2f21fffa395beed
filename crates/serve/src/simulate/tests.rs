//! Runs whose outcome is known, and runs of which something must hold.

use super::*;
use crate::arrival::{Closed, Generator, Length, Listed, Open, Shape, Sharing};
use crate::cost::Linear;
use crate::metrics::Usage;
use crate::request::{Priority, Segment};
use base::units::Watts;
use proptest::prelude::*;

/// A second a step, a tenth a new token.
const SLOW: Linear =
    Linear { step: Seconds(1.0), token: Seconds(0.1), context: Seconds(0.0), busy: Watts(100.0), idle: Watts(10.0) };

/// Times that no power of two divides, so that an order of additions would show.
const ODD: Linear = Linear {
    step: Seconds(0.0131),
    token: Seconds(0.000_071),
    context: Seconds(0.000_000_37),
    busy: Watts(633.3),
    idle: Watts(71.1),
};

fn limits() -> Limits {
    Limits { token_budget: 64, max_batch: 8, block: 4, blocks: 200, in_flight: 1, ..Limits::default() }
}

fn setup<'a>(groups: Vec<Group<'a>>) -> Setup<'a> {
    let fast = BytesPerSecond(1e3);
    Setup {
        groups,
        routing: Routing::LeastLoaded,
        links: Links { token: 100.0, hand_over: fast, latency: Seconds(0.5), host: fast },
        host: Host::NONE,
        acceptance: Acceptance::same(0.7),
        seed: 1,
        leap: false,
    }
}

fn group(role: Role, replicas: u32, limits: Limits, cost: &dyn StepCost) -> Group<'_> {
    Group { role, replicas, limits, cost, drafter: None }
}

fn arrivals(list: &[(f64, u32, u32)]) -> Listed {
    Listed::new(list.iter().map(|(at, prompt, output)| Arrival::new(Seconds(*at), *prompt, *output)).collect())
}

fn simulate(setup: &Setup, mut source: impl Source) -> Report {
    run(setup, &mut source, &mut |_| {})
}

fn close(a: Seconds, b: f64) -> bool {
    (a.0 - b).abs() < 1e-9
}

#[test]
fn a_single_request_takes_its_chunks_and_its_tokens() {
    let report = simulate(&setup(vec![group(Role::Whole, 1, limits(), &SLOW)]), arrivals(&[(3.0, 100, 3)]));
    // 64 and 36 tokens of prompt, then two tokens: 1 + 6.4, 1 + 3.6, 1.1, 1.1 seconds.
    let record = report.records[0];
    assert!(close(record.ttft(), 12.0) && close(record.tpot(), 1.1) && close(record.end_to_end(), 14.2), "{record:?}");
    let usage = &report.replicas[0];
    assert_eq!((usage.steps, usage.generated, usage.finished), (4, 3, 1));
    assert!((usage.busy - 14.2).abs() < 1e-9 && (usage.energy.0 - 1420.0).abs() < 1e-6);
    assert!(close(report.gaps().most, 1.1) || (report.gaps().most.0 / 1.1 - 1.0).abs() < 1e-3);
}

#[test]
fn idle_replicas_draw_their_idle_power() {
    let report = simulate(&setup(vec![group(Role::Whole, 2, limits(), &SLOW)]), arrivals(&[(0.0, 10, 1)]));
    assert!((report.energy().0 - (2.0 * 100.0 + 2.0 * 10.0)).abs() < 1e-9, "{}", report.energy());
}

#[test]
fn with_the_host_ahead_a_newcomer_waits_for_the_step_that_is_planned_already() {
    let list = [(0.0, 10, 9), (0.5, 10, 1)];
    let first = |in_flight| {
        let limits = Limits { in_flight, ..limits() };
        simulate(&setup(vec![group(Role::Whole, 1, limits, &SLOW)]), arrivals(&list)).records[1].first
    };
    // Steps of the first: 2.0, then 1.1 each. The newcomer's own has both: 1 + 1.1.
    assert!(close(first(1), 2.0 + 2.1), "{}", first(1));
    assert!(close(first(2), 2.0 + 1.1 + 2.1), "{}", first(2));
}

#[test]
fn a_cache_is_handed_over_one_after_the_other() {
    let groups = vec![group(Role::Prefill, 1, limits(), &SLOW), group(Role::Decode, 1, limits(), &SLOW)];
    let report = simulate(&setup(groups), arrivals(&[(0.0, 20, 3), (0.0, 15, 2), (0.0, 5, 1), (0.0, 20, 2)]));
    let [a, b, c, d] = report.records[..] else { panic!("four requests") };
    // Prompts in steps of 3 s and 5 s. A token is 100 bytes, a tenth of a second on the link, and 0.5 s latency.
    assert!(close(a.first, 3.0) && close(a.last, 5.5 + 1.1 + 1.1), "{a:?}");
    assert!(close(b.first, 8.0) && close(b.last, 10.0 + 1.1) && close(c.first, 8.0), "{b:?} {c:?}");
    assert!(close(d.first, 8.0) && close(d.last, 12.0 + 1.1), "it waits for the link: {d:?}");
    assert!(close(c.last, 8.0) && (c.replica, b.replica) == (0, 1));
    assert_eq!((report.replicas[0].handed_over, report.replicas[1].generated), (5500.0, 4));
}

#[test]
fn a_prefill_replica_full_of_caches_on_their_way_goes_on_when_they_have_left() {
    let small = Limits { blocks: 5, ..limits() };
    let groups = vec![group(Role::Prefill, 1, small, &SLOW), group(Role::Decode, 1, limits(), &SLOW)];
    let report = simulate(&setup(groups), arrivals(&[(0.0, 20, 2), (0.0, 20, 2)]));
    // The first is there after 3 s and has left after 5.
    assert!(close(report.records[1].first, 5.0 + 3.0), "{:?}", report.records);
}

#[test]
fn drafts_that_are_always_right_divide_the_steps() {
    let of = |draft, probability| {
        let limits = Limits { draft, ..limits() };
        let setup =
            Setup { acceptance: Acceptance::same(probability), ..setup(vec![group(Role::Whole, 1, limits, &SLOW)]) };
        let report = simulate(&setup, arrivals(&[(0.0, 10, 9)]));
        assert_eq!(report.replicas[0].generated, 9);
        report.replicas[0].steps
    };
    assert_eq!((of(0, 1.0), of(3, 1.0), of(3, 0.0)), (9, 3, 9));
}

#[test]
fn users_in_a_closed_loop_are_never_more_than_they_are() {
    let shape = Shape::Drawn { prompt: Length::Fixed(10), output: Length::Fixed(4) };
    let source = Closed::new(Generator::new(1, shape, None, 40), 3);
    let report = simulate(&setup(vec![group(Role::Whole, 1, limits(), &SLOW)]), source);
    assert_eq!(report.records.len(), 40);
    for record in &report.records {
        let at = record.arrival.0;
        let there = report.records.iter().filter(|other| other.arrival.0 <= at && other.last.0 > at).count();
        assert!(there <= 3);
    }
}

#[test]
fn what_never_fits_is_refused_and_counted() {
    let report =
        simulate(&setup(vec![group(Role::Whole, 1, limits(), &SLOW)]), arrivals(&[(0.0, 801, 1), (0.0, 800, 1)]));
    assert_eq!((report.records.len(), report.refused), (1, 1));
    assert_eq!(report.kept(&Default::default()), 0.5);
}

#[test]
fn work_for_what_its_second_replica_refuses_is_in_the_duration() {
    let decode = Limits { blocks: 5, ..limits() };
    let groups = vec![group(Role::Prefill, 1, limits(), &SLOW), group(Role::Decode, 1, decode, &SLOW)];
    let report = simulate(&setup(groups), arrivals(&[(0.0, 10, 2), (0.0, 40, 2)]));
    assert_eq!((report.records.len(), report.refused), (1, 1));
    let busy = report.replicas[0].busy;
    assert!(report.records[0].last.0 < busy && busy <= report.duration.0, "{busy} of {}", report.duration);
}

#[test]
fn affine_routing_finds_more_of_a_prefix_than_round_robin() {
    let hits = |routing| {
        let shape = Shape::Drawn { prompt: Length::Fixed(80), output: Length::Fixed(4) };
        let generator = Generator::new(1, shape, Some(Sharing { share: 0.8, groups: 12 }), 300);
        let small = Limits { blocks: 120, ..limits() };
        let setup = Setup { routing, ..setup(vec![group(Role::Whole, 4, small, &ODD)]) };
        let report = simulate(&setup, Open::new(generator, 10.0, 1.0).unwrap());
        report.replicas.iter().map(|usage| usage.reused_tokens).sum::<u64>()
    };
    assert!(hits(Routing::PrefixAffine) as f64 > 1.3 * hits(Routing::RoundRobin) as f64);
}

/// What two runs must share.
fn figures(report: &Report) -> impl PartialEq + std::fmt::Debug + use<> {
    let of = |usage: &Usage| {
        let counts =
            (usage.steps, usage.finished, usage.generated, usage.preemptions, usage.reused_tokens, usage.accepted);
        (counts, usage.busy, usage.held, usage.most_held, usage.energy.0, usage.gaps.summary())
    };
    (report.records.clone(), report.refused, report.duration, report.replicas.iter().map(of).collect::<Vec<_>>())
}

#[derive(Clone, Debug)]
struct Scene {
    limits: Limits,
    shape: (u32, u32, f64),
    rate: f64,
    users: u32,
    split: bool,
    replicas: u32,
    sharing: f64,
    routing: Routing,
    seed: u64,
}

fn scene() -> impl Strategy<Value = Scene> {
    let limits = (8u32..100, 1u32..12, 1u32..9, 40u32..300, any::<bool>(), 0u32..30, 1u32..3, 1u32..5).prop_map(
        |(token_budget, max_batch, block, blocks, prefix_reuse, host_blocks, in_flight, every)| Limits {
            every,
            token_budget,
            max_batch,
            block,
            blocks,
            prefix_reuse,
            host_blocks,
            in_flight,
            patience: Seconds(0.5),
            ..Limits::default()
        },
    );
    let shape = (1u32..60, 1u32..60, 0.1f64..1.5);
    let routing = prop_oneof![Just(Routing::RoundRobin), Just(Routing::LeastLoaded), Just(Routing::PrefixAffine)];
    (limits, shape, 0.5f64..40.0, 0u32..12, any::<bool>(), 1u32..4, 0.0f64..1.0, routing, any::<u64>()).prop_map(
        |(limits, shape, rate, users, split, replicas, sharing, routing, seed)| Scene {
            limits,
            shape,
            rate,
            users,
            split,
            replicas,
            sharing,
            routing,
            seed,
        },
    )
}

impl Scene {
    fn run(&self, leap: bool) -> Report {
        let length = |mean: u32| Length::LogNormal { mean: f64::from(mean), variation: self.shape.2, most: 300 };
        let shape = Shape::Drawn { prompt: length(self.shape.0), output: length(self.shape.1) };
        let generator = Generator::new(self.seed, shape, Some(Sharing { share: self.sharing, groups: 3 }), 40);
        let roles = if self.split { vec![Role::Prefill, Role::Decode] } else { vec![Role::Whole] };
        let groups = roles.iter().map(|role| group(*role, self.replicas, self.limits.clone(), &ODD)).collect();
        let host = Host { step: Seconds(0.003), request: Seconds(0.0001), gap: Seconds(0.0002) };
        let setup = Setup { leap, host, routing: self.routing, seed: self.seed, ..setup(groups) };
        match self.users {
            0 => simulate(&setup, Prioritised(Open::new(generator, self.rate, 2.0).unwrap())),
            users => simulate(&setup, Prioritised(Closed::new(generator, users))),
        }
    }
}

/// Every third request is less urgent.
struct Prioritised<S>(S);

impl<S: Source> Source for Prioritised<S> {
    fn peek(&self) -> Option<Seconds> {
        self.0.peek()
    }

    fn next(&mut self) -> Option<Arrival> {
        let arrival = self.0.next()?;
        Some(Arrival { priority: Priority(u8::from(arrival.prompt % 3 == 0)), ..arrival })
    }

    fn ended(&mut self, at: Seconds) {
        self.0.ended(at);
    }

    fn reacts(&self) -> bool {
        self.0.reacts()
    }
}

proptest! {
    #[test]
    fn leaping_changes_no_result(scene in scene()) {
        prop_assert_eq!(figures(&scene.run(true)), figures(&scene.run(false)));
    }

    #[test]
    fn a_seed_has_one_result(scene in scene()) {
        prop_assert_eq!(figures(&scene.run(true)), figures(&scene.run(true)));
    }

    #[test]
    fn everybody_is_answered_in_full_in_the_order_of_time(scene in scene()) {
        let report = scene.run(true);
        prop_assert_eq!(report.records.len() as u64 + report.refused, 40);
        for record in &report.records {
            let times = [record.arrival, record.started, record.first, record.last];
            prop_assert!(times.is_sorted_by(|a, b| a <= b), "{:?}", record);
        }
        let output: u64 = report.records.iter().map(|record| u64::from(record.output)).sum();
        let generated: u64 = report.replicas.iter().map(|usage| usage.generated).sum();
        // A request that its second replica refused still had its first token.
        prop_assert!(generated >= output && generated <= output + report.refused);
        prop_assert!(report.replicas.iter().all(|usage| usage.busy <= report.duration.0 * (1.0 + 1e-9) && usage.most_held <= 1.0));
    }
}

#[test]
fn a_longer_shared_beginning_is_never_computed_more() {
    let planned = |shared: u32| {
        let prefix = Some(Segment { identity: 1, tokens: shared });
        let list = (0..20).map(|at| Arrival { prefix, ..Arrival::new(Seconds(f64::from(at)), 60, 5) }).collect();
        let report = simulate(&setup(vec![group(Role::Whole, 1, limits(), &ODD)]), Listed::new(list));
        report.replicas[0].reused_tokens
    };
    let reused: Vec<u64> = (0..=60).map(planned).collect();
    assert!(reused.is_sorted() && reused[60] == 19 * 56 && reused[3] == 0, "{reused:?}");
}
