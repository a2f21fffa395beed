use super::*;
use perf::operator::Spread;
use perf::parallel::Mapping;
use serve::metrics::Record;

const DRAW: Draw = Draw { requests: 1500, seed: 7 };
const TARGETS: Targets = Targets { ttft: Seconds(1.0), tpot: Seconds(0.03) };

fn replicas(network: &str, count: u32) -> Replicas {
    let (known, shape) = perf::network::language(network).unwrap();
    Replicas { plan: Plan::new(shape, known.formats, Mapping::ONE, Spread::Balanced), count }
}

fn deployment(policy: Policy) -> Deployment {
    let device = Device::find("h100").unwrap();
    Deployment { device, policy, batch: 256, chunk: 1024, host: Host::default() }
}

fn mixed(count: u32, traffic: &str) -> Service {
    let deployment = deployment(Policy::Mixed(replicas("llama-3.1-8b", count)));
    Service::new(&deployment, &Traffic::builtin(traffic).unwrap()).unwrap()
}

fn apart(prefill: u32, decode: u32, traffic: &str) -> Service {
    let [prefill, decode] = [prefill, decode].map(|count| replicas("llama-3.1-8b", count));
    Service::new(&deployment(Policy::Apart { prefill, decode }), &Traffic::builtin(traffic).unwrap()).unwrap()
}

/// Mean number of requests in the system over the steady part, and what Little's law makes of it: arrivals a second times the mean time in the system.
fn in_system(report: &Report) -> (f64, f64) {
    let steady = steady(report);
    let span = steady.to - steady.from;
    let inside = |r: &Record| (r.last.0.min(steady.to) - r.arrival.0.max(steady.from)).max(0.0);
    let counted = report.records.iter().map(inside).sum::<f64>() / span;
    let came = report.records.iter().filter(|r| (steady.from..=steady.to).contains(&r.arrival.0));
    let times: Vec<f64> = came.map(|r| r.end_to_end().0).collect();
    (counted, times.iter().sum::<f64>() / span)
}

#[test]
fn littles_law_holds_while_the_load_can_be_carried_and_not_beyond() {
    for service in [mixed(1, "chat"), apart(1, 2, "chat")] {
        let (counted, expected) = in_system(&service.report(12.0, DRAW).unwrap());
        assert!((counted / expected - 1.0).abs() < 0.03, "{counted} {expected}");
        let (counted, expected) = in_system(&service.report(120.0, DRAW).unwrap());
        assert!((counted / expected - 1.0).abs() > 0.1, "{counted} {expected}");
    }
}

#[test]
fn what_is_asked_for_is_written_and_shared_among_devices() {
    let chat = Traffic::builtin("chat").unwrap();
    for (service, devices) in [(mixed(2, "chat"), 2.0), (apart(1, 2, "chat"), 3.0)] {
        let simulated = service.run(16.0, Draw { requests: 8000, ..DRAW }, &TARGETS).unwrap();
        let expected = 16.0 * chat.mean_answer() / devices;
        assert!((simulated.rate / expected - 1.0).abs() < 0.04, "{} {expected}", simulated.rate);
        assert!(simulated.requests > 7000, "{}", simulated.requests);
    }
}

#[test]
fn more_load_never_makes_waiting_much_shorter() {
    for traffic in ["chat", "code", "summarise", "translate"] {
        let service = mixed(1, traffic);
        let runs = [2.0, 4.0, 8.0, 16.0, 32.0, 64.0].map(|rate| service.run(rate, DRAW, &TARGETS).unwrap());
        for pair in runs.windows(2) {
            assert!(pair[1].ttft > 0.9 * pair[0].ttft, "{traffic}: {} {}", pair[0].ttft, pair[1].ttft);
        }
    }
}

#[test]
fn the_highest_rate_meets_the_targets_and_a_little_more_does_not() {
    let service = mixed(1, "chat");
    let found = service.highest(20.0, DRAW, &TARGETS).unwrap();
    assert!(found.simulated.meets && found.rate > 6.0 && found.rate < 26.0, "{found:?}");
    assert_eq!(service.run(found.rate, DRAW, &TARGETS).unwrap(), found.simulated);
    assert!(!service.run(1.03 * found.rate, DRAW, &TARGETS).unwrap().meets, "{found:?}");
    let low = service.highest(2.0, DRAW, &TARGETS).unwrap();
    assert!(low.simulated.meets && low.rate > 2.5 && low.rate < 2.6, "{low:?}");
}

#[test]
fn enough_requests_show_an_overload_that_few_hide() {
    let service = mixed(4, "chat");
    let patient = Targets { ttft: Seconds(4.0), ..TARGETS };
    let enough = service.enough(80.0, &patient, 0);
    assert_eq!(enough.requests, 16_000);
    let meets = |draw| service.run(80.0, draw, &patient).unwrap().meets;
    assert!(meets(Draw { requests: 1500, ..enough }) && !meets(enough));
    assert_eq!(service.enough(1.0, &TARGETS, 0).requests, 3000);
    assert_eq!(service.enough(1e4, &TARGETS, 0).requests, 20_000);
}

#[test]
fn a_target_that_cannot_be_met_says_so() {
    let quick = Targets { ttft: Seconds(1e-3), ..TARGETS };
    let found = mixed(1, "chat").highest(10.0, DRAW, &quick).unwrap();
    assert!(!found.simulated.meets && found.rate < 3.1 && found.simulated.ttft > 1e-3, "{found:?}");
}

#[test]
fn writing_apart_is_steadier_where_prompts_are_long_and_answers_short() {
    let mixed = mixed(2, "code").run(9.0, DRAW, &TARGETS).unwrap();
    let apart = apart(1, 1, "code").run(9.0, DRAW, &TARGETS).unwrap();
    assert!(apart.tpot < 0.7 * mixed.tpot, "{} {}", apart.tpot, mixed.tpot);
}

#[test]
fn caches_of_whole_prompts_move_to_where_answers_are_written() {
    let service = apart(2, 1, "summarise");
    let report = service.report(4.0, DRAW).unwrap();
    let moved: f64 = report.replicas.iter().map(|replica| replica.handed_over).sum();
    let prompts: f64 = report.records.iter().filter(|r| r.output > 1).map(|r| f64::from(r.prompt)).sum();
    assert!((moved / (prompts * service.links.token) - 1.0).abs() < 1e-9, "{moved}");
}

#[test]
fn a_seed_gives_the_same_result_on_any_thread_and_after_any_run() {
    let fresh = || mixed(1, "chat").run(15.0, DRAW, &TARGETS).unwrap();
    let used = mixed(1, "chat");
    used.run(40.0, DRAW, &TARGETS).unwrap();
    let expected = used.run(15.0, DRAW, &TARGETS).unwrap();
    let threads: Vec<_> = (0..3).map(|_| std::thread::spawn(fresh)).collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap() == expected));
    assert_ne!(used.run(15.0, Draw { seed: 8, ..DRAW }, &TARGETS).unwrap(), expected);
}

#[test]
fn what_cannot_be_simulated_is_refused() {
    let chat = Traffic::builtin("chat").unwrap();
    let refused = |deployment: &Deployment| Service::new(deployment, &chat).err().unwrap().to_string();
    let good = deployment(Policy::Mixed(replicas("llama-3.1-8b", 1)));
    assert_eq!(refused(&Deployment { batch: 0, ..good.clone() }), "the batch is 0; at least 1 is expected");
    let none = Deployment { policy: Policy::Mixed(replicas("llama-3.1-8b", 0)), ..good.clone() };
    assert!(refused(&none).starts_with("the number of replicas is 0"));
    let large = Deployment { policy: Policy::Mixed(replicas("llama-3.1-70b", 1)), ..good.clone() };
    assert!(refused(&large).contains("room for a cache of 0 tokens"), "{}", refused(&large));
    let service = Service::new(&good, &chat).unwrap();
    assert_eq!(service.run(0.0, DRAW, &TARGETS), Err(ConfirmError::Rate(0.0)));
    assert_eq!(service.run(1.0, Draw { requests: 10, ..DRAW }, &TARGETS), Err(ConfirmError::Few(10)));
}

#[test]
fn lengths_stand_in_proportion_to_their_weights() {
    let chat = Traffic::builtin("chat").unwrap();
    let list = lengths(&chat.pairs);
    assert_eq!(list.len(), SLOTS as usize);
    let mean =
        |of: fn(&(u32, u32)) -> u32| list.iter().map(|pair| f64::from(of(pair))).sum::<f64>() / list.len() as f64;
    assert!((mean(|pair| pair.0) / chat.mean_prompt() - 1.0).abs() < 2e-3);
    assert!((mean(|pair| pair.1) / chat.mean_answer() - 1.0).abs() < 2e-3);
    let pair = |prompt, weight| Pair { prompt, answer: 1, weight };
    let thirds = lengths(&[pair(1, 1.0), pair(2, 2.0)]);
    assert_eq!(thirds.iter().filter(|pair| pair.0 == 1).count(), 5461);
}

#[test]
fn tokens_of_the_steady_part_by_hand() {
    let record = |arrival: f64, first: f64, last: f64, output| Record {
        arrival: Seconds(arrival),
        first: Seconds(first),
        last: Seconds(last),
        output,
        ..Record::default()
    };
    let records = vec![record(0.0, 1.0, 5.0, 5), record(2.0, 4.0, 4.0, 1), record(9.0, 11.0, 13.0, 3)];
    let report = Report { records, ..Report::default() };
    let steady = Steady { report: &report, from: 2.0, to: 12.0 };
    // Three of the first request's last four, one, and the first and half of two.
    assert_eq!(report.records.iter().map(|r| steady.tokens_of(r)).collect::<Vec<_>>(), [3.0, 1.0, 2.0]);
    let simulated = steady.simulated(2, &Targets { ttft: Seconds(2.0), tpot: Seconds(1.0) });
    assert_eq!(simulated, Simulated { rate: 0.3, ttft: 2.0, tpot: 1.0, requests: 2, meets: true });
}
