//! The real model, where it has been fetched: the commands from end to end. Without it these tests say so and pass. One host thread each: the tests
//! themselves run beside one another.

use crate::tool::{Ran, Scratch, command, puce, run};
use std::process::Command;

/// Whether the model is here.
fn fetched() -> bool {
    let here = puce(&["model", "path", "smollm2"]).code == Some(0);
    if !here {
        eprintln!("skipped: `puce model pull smollm2` fetches the model that this test runs");
    }
    here
}

fn run_json(arguments: &[&str]) -> serde_json::Value {
    puce(&[&["run", "--raw", "--greedy", "--threads", "1", "--json", "--max-tokens", "3"], arguments].concat()).json()
}

#[test]
fn a_prompt_is_answered_the_same_way_however_it_is_run() {
    if !fetched() {
        return;
    }
    let prompt = "The capital of France is";
    let plain = puce(&["run", "--raw", "--greedy", "--threads", "1", "--max-tokens", "3", prompt]).good();
    let json = run_json(&[prompt]);
    assert_eq!(plain.out, format!("{}\n", json["text"].as_str().unwrap()));
    for label in ["model", "chip", "host", "prompt", "answer", "instructions", "chip memory", "no flag raised"] {
        assert!(plain.err.contains(label), "no {label} in\n{}", plain.err);
    }
    assert_eq!(
        (&json["generated_tokens"], &json["decode_steps"], &json["prompt_tokens"]),
        (&3.into(), &2.into(), &5.into())
    );
    assert_eq!((&json["ended_by"], &json["work"]["flags"]), (&"max_tokens".into(), &"none".into()));
    let variants: &[&[&str]] = &[
        &["--cores", "1"],
        &["--cores", "3", "--step", "2", "--temperature", "1", "--top-p", "0.5"],
        &["--chips", "2", "--cores", "1", "--context", "64"],
    ];
    for variant in variants {
        let other = run_json(&[variant, &[prompt][..]].concat());
        assert_eq!(json["tokens"], other["tokens"], "{variant:?}");
    }
}

#[test]
fn piped_prompts_lose_their_line_break_and_nothing_else() {
    if !fetched() {
        return;
    }
    let piped = |arguments: &[&str], input: &[u8]| run(&mut command(arguments), input).json();
    let arguments = ["run", "--raw", "--greedy", "--threads", "1", "--json", "--max-tokens", "2"];
    let from_argument = puce(&[&arguments[..], &["The capital of France is"]].concat()).json();
    assert_eq!(from_argument["tokens"], piped(&arguments, b"The capital of France is\n")["tokens"]);
    assert_eq!(from_argument["text"].as_str().unwrap().trim(), "Paris.");
}

#[test]
fn requests_that_cannot_be_met_are_one_sentence() {
    if !fetched() {
        return;
    }
    puce(&["run", "--cores", "99", "Hi"]).refused(&["--cores 99", "`one` has 32"]);
    puce(&["run", "--context", "9999", "Hi"]).refused(&["--context 9999", "8192"]);
    puce(&["run", "--context", "32", &"word ".repeat(40)]).refused(&["the context holds 32", "--context"]);
    puce(&["bench", "--sequences", "200", "--prompt", "1", "--steps", "1"]).refused(&["--sequences 200", "128"]);
    puce(&["run", "<|im_end|>"]).refused(&["`<|im_end|>`", "--raw"]);
    puce(&["run", "--raw", ""]).refused(&["the prompt is empty"]);
}

#[test]
fn a_truncated_model_is_refused() {
    if !fetched() {
        return;
    }
    let path = puce(&["model", "path", "smollm2"]).good().out;
    let whole = std::fs::read(path.trim()).unwrap();
    let scratch = Scratch::new();
    for len in [1000, whole.len() / 2, whole.len() - 1] {
        let file = scratch.write("cut.gguf", &whole[..len]);
        puce(&["model", "show", &file]).refused(&["cut.gguf", "byte "]);
    }
}

#[test]
fn the_model_is_described() {
    if !fetched() {
        return;
    }
    let shown = puce(&["model", "show", "smollm2", "--json"]).json();
    let expected =
        [("layers", 30), ("hidden", 576), ("heads", 9), ("kv_heads", 3), ("head_dim", 64), ("context", 8192)];
    expected.iter().for_each(|(key, value)| assert_eq!(shown[key], *value, "{key}"));
    assert_eq!(shown["template"], true);
    assert_eq!(shown["encodings"][0]["encoding"], "q4_1");
    assert!(puce(&["model", "show", "smollm2"]).good().out.contains("30 layers"));
}

#[test]
fn a_conversation_computes_only_what_is_new() {
    if !fetched() {
        return;
    }
    let mut chat = command(&["chat", "--threads", "1", "--json", "--max-tokens", "2"]);
    let ran = run(&mut chat, b"Hello.\n\nAnd you?\n/reset\nHello.\n/quit\nnever read\n").good();
    let answers: Vec<serde_json::Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 3, "{}", ran.out);
    let (prompt, cached) =
        (|index: usize| &answers[index]["prompt_tokens"], |index: usize| &answers[index]["cached_tokens"]);
    assert_eq!(cached(0), 0);
    // The last token of an answer is chosen, but never fed.
    assert_eq!(cached(1).as_u64().unwrap(), prompt(0).as_u64().unwrap() + 1);
    assert_eq!((cached(2), prompt(2), &answers[2]["tokens"]), (&0.into(), prompt(0), &answers[0]["tokens"]));
}

#[test]
fn a_compilation_leaves_passes_and_programs() {
    if !fetched() {
        return;
    }
    let scratch = Scratch::new();
    let (passes, out) = (scratch.path("passes"), scratch.path("model.puce"));
    let arguments = ["compile", "--chips", "2", "--cores", "1", "--context", "64", "--passes", &passes, "--out", &out];
    let compiled = puce(&[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(compiled["formats"][0]["error"], 0.0, "the file's own formats are exact");
    assert_eq!(compiled["written"].as_array().unwrap().len(), 2);
    let listing = puce(&["objdump", &scratch.path("model.1.puce"), "--chip", "one"]).good().out;
    let (_, instructions) = listing.split_once("core 0\n").unwrap();
    assert_eq!(instructions.lines().count() as u64, compiled["instructions"][1][0].as_u64().unwrap());
    let plan = std::fs::read_dir(&passes)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.ends_with("1-plan.txt"));
    assert!(std::fs::read_to_string(plan.expect("the first pass")).unwrap().contains("blk.0.attn_q.weight"));
}

#[test]
fn a_benchmark_prints_the_agreed_keys() {
    if !fetched() {
        return;
    }
    let decode = puce(&[
        "bench",
        "--json",
        "--threads",
        "1",
        "--repeat",
        "1",
        "--sequences",
        "2",
        "--prompt",
        "3",
        "--steps",
        "2",
    ]);
    let decode = decode.json();
    assert_eq!((&decode["kind"], &decode["sequences"], &decode["threads"]), (&"decode".into(), &2.into(), &1.into()));
    assert!(decode["tokens_per_second"].as_f64().unwrap() > 0.0);
    assert!(decode["peak_rss_bytes"].as_u64().unwrap() > 90_000_000, "the weights are resident");
    assert_eq!(decode["work"]["flags"], "none");
    let prefill = puce(&["bench", "--json", "--threads", "1", "--repeat", "1", "--prefill", "5"]).json();
    assert_eq!((&prefill["kind"], &prefill["tokens"]), (&"prefill".into(), &5.into()));
}

#[test]
fn the_chip_is_close_to_the_reference() {
    if !fetched() {
        return;
    }
    let scratch = Scratch::new();
    let text = "The sea was calm that morning, and the captain, who had slept badly, walked the deck alone. ".repeat(2);
    let text = scratch.write("text.txt", text);
    let score =
        puce(&["eval", "--threads", "1", "--json", "--text", &text, "--context", "32", "--tokens", "32"]).json();
    assert_eq!((&score["tokens"], &score["windows"], &score["flags"]), (&16.into(), &1.into(), &"none".into()));
    let against = &score["against"];
    let divergence = against["divergence"].as_f64().unwrap();
    assert!(divergence > 0.0 && divergence < 0.1, "{score}");
    let ratio = score["perplexity"].as_f64().unwrap() / against["perplexity"].as_f64().unwrap();
    assert!((ratio / against["ratio"].as_f64().unwrap() - 1.0).abs() < 1e-9, "{score}");
    puce(&["eval", "--text", &text, "--context", "512"]).refused(&["512", "--context"]);
}

#[test]
fn a_timeline_holds_every_cycle_of_a_step_and_no_track_overlaps() {
    if !fetched() {
        return;
    }
    let scratch = Scratch::new();
    let trace = |name: &str, more: &[&str]| {
        let out = scratch.path(name);
        let arguments = ["trace", "--layers", "1", "--prompt", "8", "--least", "0", "--json", "--out", &out];
        let summary = puce(&[&arguments[..], more].concat()).json();
        let file: serde_json::Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
        (summary, file["traceEvents"].as_array().unwrap().clone())
    };
    let cycles = |value: &serde_json::Value| (value.as_f64().unwrap() * 1e3).round() as u64;
    let (summary, events) = trace("whole.json", &[]);
    let mut tracks = std::collections::BTreeMap::new();
    let mut spans: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
    spans.sort_by_key(|event| cycles(&event["ts"]));
    for event in spans {
        let free = tracks.entry((event["pid"].as_u64(), event["tid"].as_u64())).or_insert(0);
        assert!(*free <= cycles(&event["ts"]), "{event} begins before the track is free");
        *free = cycles(&event["ts"]) + cycles(&event["dur"]);
    }
    let all = summary["cycles"].as_u64().unwrap();
    assert_eq!(tracks.values().max(), Some(&all), "the step is the longest span");
    let commands = events.iter().filter(|event| event["args"]["instruction"].is_string()).count() as u64;
    let units = summary["units"].as_array().unwrap();
    assert_eq!(commands, units.iter().map(|unit| unit["commands"].as_u64().unwrap()).sum::<u64>());
    assert!(units.iter().all(|unit| unit["busy"].as_u64().unwrap() <= all));

    // The same cycles in two halves.
    let middle = (all / 2).to_string();
    let halves = [trace("first.json", &["--to", &middle]).0, trace("second.json", &["--from", &middle]).0];
    let busy = |summary: &serde_json::Value, unit: usize| summary["units"][unit]["busy"].as_u64().unwrap();
    for unit in 0..units.len() {
        assert_eq!(halves.iter().map(|half| busy(half, unit)).sum::<u64>(), busy(&summary, unit), "unit {unit}");
    }
}

/// Interrupts are a matter of Unix here.
#[cfg(unix)]
#[test]
fn an_interrupt_stops_between_tokens_and_still_reports() {
    use std::io::Read;
    use std::process::Stdio;
    if !fetched() {
        return;
    }
    let mut child = command(&["run", "--raw", "--threads", "1", "--max-tokens", "2000", "Once upon a time"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0];
    stdout.read_exact(&mut first).expect("a first token");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    let ran = Ran { code: output.status.code(), out: rest, err: String::from_utf8(output.stderr).unwrap() };
    assert_eq!(ran.code, Some(130), "{ran:?}");
    assert!(ran.err.contains("interrupted") && ran.err.contains("no flag raised"), "{}", ran.err);
}
