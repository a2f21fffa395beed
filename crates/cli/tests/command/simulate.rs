//! `puce simulate`.

use crate::tool::{Scratch, puce};

const QUICK: &[&str] = &["simulate", "--model", "llama-3.1-8b", "--device", "h100", "--requests", "60"];

fn with(more: &[&'static str]) -> Vec<&'static str> {
    [QUICK, more].concat()
}

#[test]
fn a_run_is_told_as_a_sheet_and_two_tables() {
    let text = puce(&with(&["--rate", "5/s", "--slo", "ttft=1s,tpot=50ms"])).good().out;
    for words in ["60 requests, 5.00/s", "first token", "per token after", "end to end", "promise", "prefix hits"] {
        assert!(text.contains(words), "no `{words}` in:\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_seed_has_one_result_and_leaping_changes_none() {
    let run = |more: &[&'static str]| {
        puce(&[&with(&["--rate", "9/s", "--variation", "1", "--json"]), more].concat()).good().out
    };
    let first = run(&[]);
    assert_eq!(run(&[]), first);
    assert_eq!(run(&["--plain"]), first);
    assert_ne!(run(&["--seed", "2"]), first);
}

#[test]
fn every_way_to_serve_serves_everyone() {
    let ways: [&[&str]; 6] = [
        &["--concurrency", "8"],
        &["--rate", "5/s", "--replicas", "3", "--routing", "round-robin"],
        &["--rate", "5/s", "--disaggregate", "1:2"],
        &["--concurrency", "4", "--speculate", "4:0.7", "--draft-model", "llama-3.2-1b"],
        &["--rate", "5/s", "--prefix-share", "0.5", "--prefix-groups", "4", "--routing", "prefix-affine"],
        &["--concurrency", "32", "--token-budget", "512", "--max-batch", "16", "--swap", "8 GiB"],
    ];
    for way in ways {
        let told = puce(&[QUICK, way, &["--json"]].concat()).json();
        assert_eq!((told["served"].as_u64(), told["refused"].as_u64()), (Some(60), Some(0)), "{way:?}");
        let ended: u64 =
            told["replicas"].as_array().unwrap().iter().map(|part| part["finished"].as_u64().unwrap()).sum();
        assert!(ended >= 60, "{way:?}");
    }
}

#[test]
fn what_is_asked_for_shows() {
    let told = |more: &[&str]| puce(&[QUICK, more, &["--json"]].concat()).json();
    let part = |told: &serde_json::Value, name: &str| told["replicas"][0][name].as_f64().unwrap();
    let shared = told(&["--rate", "5/s", "--prefix-share", "0.5"]);
    assert!((0.4..0.51).contains(&part(&shared, "prefix_hits")), "{shared}");
    let drafted = told(&["--concurrency", "4", "--speculate", "3:1"]);
    assert_eq!(part(&drafted, "drafts_accepted"), 1.0);
    let plain = told(&["--concurrency", "4"]);
    let rate = |told: &serde_json::Value| told["tokens_per_second"].as_f64().unwrap();
    assert!(rate(&drafted) > 1.5 * rate(&plain));
    let split = told(&["--rate", "2/s", "--disaggregate", "1:1"]);
    assert!(part(&split, "handed_over_bytes") > 0.0 && split["replicas"][1]["role"] == "decode");
}

#[test]
fn a_trace_is_replayed_and_a_bad_line_refused_by_number() {
    let scratch = Scratch::new();
    let good =
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.5,110,27\n";
    let told = puce(&["simulate", "--trace", &scratch.write("good.csv", good), "--speed", "2", "--json"]).json();
    assert_eq!(told["served"], 2);
    let bad = scratch.write("bad.csv", format!("{good}yesterday,1,1\n"));
    puce(&["simulate", "--trace", &bad]).refused(&["bad.csv, line 4", "`yesterday` is not a time"]);
    puce(&["simulate", "--trace", "nowhere.csv"]).refused(&["nowhere.csv", "no such file"]);
}

#[test]
fn refusals_say_what_would_do() {
    puce(&["simulate", "--model", "llama-3.1-9b"]).refused(&["llama-3.1-9b", "llama-3.1-8b"]);
    puce(&["simulate", "--device", "h101"]).refused(&["h101", "h100"]);
    puce(&["simulate", "--model", "llama-3.1-70b", "--tensor", "1"]).refused(&["weights"]);
    let usage = [
        ("--rate", "5", "5/s"),
        ("--disaggregate", "2", "2:3"),
        ("--speculate", "4", "4:0.7"),
        ("--slo", "x=1s", "ttft"),
    ];
    for (option, value, words) in usage {
        let ran = puce(&["simulate", option, value]);
        assert!(ran.code == Some(2) && ran.err.contains(words), "{option}: {}", ran.err);
    }
}
