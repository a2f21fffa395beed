//! The search against its plain version, against interruption and against threads; and whole studies.

use econ::facts::Facts;
use explore::ask::{self, Ask};
use explore::body::Bodies;
use explore::design;
use explore::outcome::{Action, Outcome};
use explore::search::{DECIDES, Evaluated, Found, Journal, Progress, Row, Search, Stopped};
use explore::space::Design;
use explore::study::Study;
use proptest::prelude::*;

/// A study of two workloads and a few dozen chips.
fn small(change: impl Fn(&str) -> String) -> Study {
    let text = Study::builtin_text();
    let set = |text: &str, key: &str, value: &str| {
        let start = text.find(&format!("\n{key} = ")).expect("the key is in the built-in study") + 1;
        let end = start + text[start..].find('\n').expect("lines end");
        format!("{}{key} = {value}{}", &text[..start], &text[end..])
    };
    let mut text = text.to_owned();
    for (key, value) in [
        ("cores", "[32, 64]"),
        ("spare", "[0, 2]"),
        ("array", "[\"32x32x8\", \"32x32x16\"]"),
        ("tokens", "[128, 512]"),
        ("scratchpad", "[\"4 MiB\"]"),
        ("memory", "[\"HBM4\"]"),
        ("stacks", "[4, 6]"),
        ("links", "[8]"),
        ("clock", "[\"1.3 GHz\", \"2 GHz\"]"),
        ("dies", "[1, 2]"),
        ("devices", "[1, 4]"),
        ("chunks", "[2048]"),
    ] {
        text = set(&text, key, value);
    }
    // Chat alone, on both networks.
    let (first, space) = (text.find("[[traffic]]").unwrap(), text.find("[space]").unwrap());
    let second = first + 1 + text[first + 1..].find("[[traffic]]").unwrap();
    text.replace_range(second..space, "");
    Study::parse("small.toml", &change(&text)).unwrap()
}

fn plain() -> Study {
    small(str::to_owned)
}

/// Keeps rounds in memory, and stops when told.
#[derive(Default)]
struct Memory {
    rounds: Vec<(Vec<Evaluated>, Vec<Row>)>,
    recalled: usize,
    stop_after: Option<usize>,
}

impl Journal for Memory {
    fn recall(&mut self, round: usize) -> Option<Vec<Evaluated>> {
        let kept = self.rounds.get(round).map(|(found, _)| found.clone());
        self.recalled += usize::from(kept.is_some());
        // As a file would give it back.
        kept.map(|kept| serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap())
    }

    fn store(&mut self, round: usize, found: &[Evaluated], rows: &[Row]) -> Result<(), String> {
        assert_eq!(round, self.rounds.len());
        self.rounds.push((found.to_vec(), rows.to_vec()));
        Ok(())
    }

    fn proceed(&mut self, progress: &Progress) -> bool {
        assert!(progress.bound.is_some());
        self.stop_after.is_none_or(|most| self.rounds.len() < most)
    }
}

/// A study with everything that a search of it needs.
struct Ready {
    study: Study,
    asks: Vec<Ask>,
    bodies: Bodies,
}

impl Ready {
    fn new(study: Study) -> Ready {
        let facts = Facts::builtin().unwrap().current();
        Ready { asks: ask::all(&study), bodies: Bodies::new(&study, &facts).unwrap(), study }
    }

    fn search(&self, journal: &mut Memory) -> Result<Found, Stopped> {
        Search::new(&self.study, &self.asks, &self.bodies).run(journal)
    }
}

/// All chips evaluated, whatever their bounds.
fn exhaustive() -> Study {
    small(|text| text.replace("slack = 1.05", "slack = 1e9"))
}

#[test]
fn bounds_never_exceed_what_they_bound() {
    let found = Ready::new(exhaustive()).search(&mut Memory::default()).unwrap();
    assert!(found.evaluated.len() > 40 && found.pruned == 0);
    let mut nearest = 0.0f64;
    for one in &found.evaluated {
        for mix in one.levels.iter().flatten() {
            assert!(one.bound <= mix.usd, "chip {}: bound {}, {} at level {}", one.chip, one.bound, mix.usd, mix.level);
            nearest = nearest.max(one.bound / mix.usd);
        }
    }
    assert!(nearest > 0.4, "a bound of {nearest} of the cost at best leaves out little");
}

/// The study's chips on one other network, under every kind of traffic.
fn on(network: &str) -> Study {
    small(|text| {
        let (networks, traffic) = (text.find("[[network]]").unwrap(), text.find("[[traffic]]").unwrap());
        let kinds = ["chat", "summarise", "translate", "code"];
        let kinds = kinds.map(|kind| format!("[[traffic]]\nkind = \"{kind}\"\nttft = \"2 s\"\ntpot = \"50 ms\"\n"));
        let space = text.find("[space]").unwrap();
        let own = format!("[[network]]\nkey = \"{network}\"\nshare = 1.0\nformats = [\"fp8, cache=fp8\"]\n");
        let text = format!("{}{own}{}{}", &text[..networks], kinds.concat(), &text[space..]);
        assert!(traffic < space);
        text.replace("tokens = [128, 512]", "tokens = [512]")
            .replace("stacks = [4, 6]", "stacks = [8]")
            .replace("slack = 1.05", "slack = 1e9")
    })
}

#[test]
fn bounds_hold_for_every_kind_of_attention_and_experts() {
    for network in ["deepseek-v3", "qwen3-30b-a3b", "gemma-3-27b", "llama-3.1-8b", "mixtral-8x7b"] {
        let ready = Ready::new(on(network));
        let found = ready.search(&mut Memory::default()).unwrap();
        let mut served = 0;
        for one in &found.evaluated {
            for mix in one.levels.iter().flatten() {
                served += 1;
                assert!(one.bound <= mix.usd, "{network}, chip {}: bound {}, {}", one.chip, one.bound, mix.usd);
            }
        }
        assert!(served > 0, "{network}: nothing was served, so nothing was tested");
    }
}

#[test]
fn leaving_chips_out_loses_nothing() {
    let all = Ready::new(exhaustive()).search(&mut Memory::default()).unwrap();
    let some = Ready::new(plain()).search(&mut Memory::default()).unwrap();
    assert!(some.best() == all.best());
    assert_eq!(some.gap, 0.0);
    assert_eq!(some.evaluated.len() as u64 + some.pruned, all.evaluated.len() as u64);
    // Within the slack nothing is missing: the front up to there is exact.
    let reach = some.best().unwrap().usd().unwrap() * plain().search.slack;
    let within = |found: &Found| found.evaluated.iter().filter(|one| one.usd().is_some_and(|usd| usd <= reach)).count();
    assert_eq!(within(&some), within(&all));
}

#[test]
fn interruption_and_threads_do_not_show() {
    let ready = Ready::new(exhaustive());
    let mut whole = Memory::default();
    let found = ready.search(&mut whole).unwrap();
    let mut memory = Memory { stop_after: Some(2), ..Memory::default() };
    assert!(ready.search(&mut memory) == Err(Stopped::Interrupted));
    memory.stop_after = None;
    assert!(ready.search(&mut memory).unwrap() == found);
    assert_eq!(memory.recalled, 2);
    assert!(memory.rounds == whole.rounds);
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert!(pool.install(|| Ready::new(exhaustive()).search(&mut Memory::default())).unwrap() == found);
    }
}

#[test]
fn a_budget_leaves_a_gap_that_holds() {
    let all = Ready::new(plain()).search(&mut Memory::default()).unwrap();
    let budget = |text: &str| text.replace("[search]", "[search]\npoints = 1");
    let some = Ready::new(small(budget)).search(&mut Memory::default()).unwrap();
    assert!(some.undone > 0 && some.points() < all.points());
    let (found, best) = (some.best().unwrap().usd().unwrap(), all.best().unwrap().usd().unwrap());
    assert!(found * (1.0 - some.gap) <= best * (1.0 + 1e-12), "{found} with a gap of {}, best {best}", some.gap);
}

#[test]
fn points_tell_their_cost_and_the_mix_is_made_of_them() {
    let ready = Ready::new(plain());
    let mut memory = Memory::default();
    let found = ready.search(&mut memory).unwrap();
    let best = found.best().unwrap();
    let mix = best.levels[DECIDES].as_ref().unwrap();
    let rows: Vec<&Row> = memory.rounds.iter().flat_map(|(_, rows)| rows).filter(|row| row.chip == best.chip).collect();
    assert_eq!(rows.len() as u64, best.points);
    for (workload, served) in mix.served.iter().enumerate() {
        for point in served.points() {
            assert!(rows.iter().any(|row| row.workload as usize == workload && row.point == *point));
            assert!(point.watts <= mix.rating);
        }
        let ask = &ready.asks[workload];
        assert!(served.ttft() <= ask.ttft.0 && served.tpot() <= ask.tpot.0);
    }
    let seconds: f64 = ready.asks.iter().zip(&mix.served).map(|(ask, served)| ask.share * served.seconds()).sum();
    assert!((mix.seconds / seconds - 1.0).abs() < 1e-12);
}

/// Numbers that people mistype and attackers try.
const EXTREMES: [&str; 14] = [
    "0",
    "-1",
    "1",
    "9223372036854775807",
    "18446744073709551616",
    "1e308",
    "1e-308",
    "nan",
    "inf",
    "\"\"",
    "\"1e30 GB\"",
    "\"0 W\"",
    "[]",
    "true",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_study_makes_it_panic(line in 0usize..80, with in 0usize..EXTREMES.len(), listed in any::<bool>(), chips in any::<[u64; 3]>()) {
        let text = Study::builtin_text();
        let lines: Vec<&str> = text.lines().collect();
        let at = line % lines.len();
        let Some((key, _)) = lines[at].split_once('=') else { return Ok(()) };
        let value = if listed { format!("[{}]", EXTREMES[with]) } else { EXTREMES[with].to_owned() };
        let mut changed: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        changed[at] = format!("{key}= {value}");
        let Ok(study) = Study::parse("wild.toml", &changed.join("\n")) else { return Ok(()) };
        let Ok(bodies) = Bodies::new(&study, &Facts::builtin().unwrap().current()) else { return Ok(()) };
        for chip in chips {
            let body = bodies.body(&Design::at(&study.space, chip % study.space.size()));
            prop_assert!(body.is_err() || body.is_ok_and(|body| body.hour.fixed.is_finite() && body.hour.fixed > 0.0));
        }
    }
}

fn outcome(study: &Study) -> Outcome {
    let facts = Facts::builtin().unwrap();
    design::run(study, &facts, &mut Memory::default(), &mut |_| {}).unwrap()
}

#[test]
fn an_outcome_hangs_together() {
    let outcome = outcome(&plain());
    let ours = &outcome.contenders[0];
    assert!(ours.ours && outcome.contenders.len() > 5);
    for contender in &outcome.contenders {
        let sum: f64 = contender.waterfall.iter().map(|step| step.usd).sum();
        assert!((sum / contender.usd_nominal - 1.0).abs() < 1e-9, "{}", contender.name);
        assert!(contender.usd.low < contender.usd.median && contender.usd.median < contender.usd.high);
        // Prompts and answers add up to the whole.
        let prompts: f64 = outcome.asked.workloads.iter().map(|ask| ask.share * ask.prompt / ask.answer).sum();
        let both = contender.usd_output + contender.usd_input * prompts;
        assert!((both / contender.usd_nominal - 1.0).abs() < 1e-9, "{}", contender.name);
        assert_eq!(contender.deployments.len(), outcome.asked.workloads.len());
    }
    let chosen = outcome.chosen.as_ref().unwrap();
    let chip = arch::Chip::parse("chip.toml", &chosen.toml).unwrap();
    assert_eq!(chip.name, "chat-2026");
    for drawing in [&chosen.die, &chosen.package, &chosen.heat] {
        assert!(drawing.starts_with("<svg ") && !drawing.contains("NaN"));
    }
    assert!(!chosen.roofline.points.is_empty());
    let roofs: Vec<f64> = chosen.roofline.roofs.iter().map(|(_, rate)| *rate).collect();
    assert!(chosen.roofline.points.iter().all(|point| point.rate <= roofs[0] * 1.001));
    assert_eq!(outcome.designs.iter().filter(|design| design.chosen).count(), 1);
    assert!(outcome.designs.iter().any(|design| design.front));
    assert!(outcome.verdict.ratio.is_some() && (0.0..=1.0).contains(&outcome.verdict.probability));
    let simulated = ours.deployments.iter().filter_map(|deployment| deployment.simulated.as_ref());
    assert!(simulated.clone().count() > 0 && simulated.clone().all(|simulated| simulated.requests >= 400));
    // Everything that is shown is a number.
    let json = serde_json::to_string(&outcome).unwrap();
    assert!(!json.contains("null,\"high\"") && !json.contains("\"median\":null"));
    assert_eq!(serde_json::from_str::<Outcome>(&json).unwrap().verdict, outcome.verdict);
}

#[test]
fn what_was_not_sold_yet_is_no_rival() {
    let then =
        small(|text| text.replace("as_of = \"2026-11\"", "as_of = \"2024-06\"").replace("[\"HBM4\"]", "[\"HBM3E\"]"));
    let outcome = outcome(&then);
    let keys: Vec<&str> = outcome.contenders.iter().map(|contender| contender.key.as_str()).collect();
    assert!(!keys.contains(&"b200") && !keys.contains(&"rubin"), "{keys:?}");
    let why = outcome.left_out.iter().find(|left| left.name.contains("B200")).unwrap();
    assert!(why.why.contains("2024-12"), "{why:?}");
    assert!(outcome.assumptions.iter().any(|one| one.source.starts_with("not known at 2024-06, borrowed")));
}

#[test]
fn nothing_feasible_is_an_answer() {
    let cold = small(|text| text.replace("[limits]", "[limits]\npackage = \"60 W\""));
    let outcome = outcome(&cold);
    assert!(outcome.chosen.is_none() && outcome.verdict.action == Action::DoNotBuild);
    assert!(outcome.verdict.sentence.starts_with("Do not build: no chip of the space"));
    assert!(outcome.contenders.iter().all(|contender| !contender.ours));
}
