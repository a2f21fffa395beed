//! `puce perf`.

use crate::tool::{Scratch, command, puce, run};

/// The longest line of a text, in characters.
fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

#[test]
fn a_breakdown_fits_a_terminal_and_adds_up() {
    let asked = ["perf", "--model", "gpt-oss-120b", "--device", "h100", "--batch", "64", "--context", "8k"];
    let text = puce(&asked).good().out;
    assert!(widest(&text) <= 80, "{} columns:\n{text}", widest(&text));
    for word in [
        "gpt-oss 120B",
        "of weights",
        "decode: a token of 64 sequences after 8,191 positions",
        "experts",
        "tokens/s per user",
        "next lever",
    ] {
        assert!(text.contains(word), "no `{word}` in\n{text}");
    }
    let json = puce(&[&asked[..], &["--json"]].concat()).json();
    for phase in json["phases"].as_array().unwrap() {
        let number = |key: &str| phase[key].as_f64().unwrap();
        let operators: f64 =
            phase["operators"].as_array().unwrap().iter().map(|row| row["seconds"].as_f64().unwrap()).sum();
        let whole = number("seconds") - number("host_seconds") - number("bubble_seconds") + number("hidden_seconds");
        assert!((operators / whole - 1.0).abs() < 1e-9, "{operators} {whole}");
        let waits: f64 = phase["waits_seconds"].as_object().unwrap().values().map(|time| time.as_f64().unwrap()).sum();
        assert!((waits / operators - 1.0).abs() < 1e-9);
        assert!(phase["levers"][0]["speedup"].as_f64().unwrap() > 1.0);
    }
}

#[test]
fn more_memory_bandwidth_decodes_faster() {
    let seconds = |device: &str| {
        let json = puce(&["perf", "--model", "llama-3.1-8b", "--device", device, "--phase", "decode", "--json"]).json();
        json["phases"][0]["seconds"].as_f64().unwrap()
    };
    assert!(seconds("h200") < seconds("h100") && seconds("h100") < seconds("a100"));
}

#[test]
fn devices_stand_side_by_side() {
    let asked = ["perf", "--model", "llama-3.1-70b", "--compare", "a100,h100,one", "--batch", "8"];
    let text = puce(&asked).good().out;
    assert!(widest(&text) <= 80, "{text}");
    let devices: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(devices, ["a100", "h100", "one"], "{text}");
    let json = puce(&[&asked[..], &["--json"]].concat()).json();
    assert_eq!(json.as_array().map(Vec::len), Some(3));
}

#[test]
fn what_cannot_be_is_refused_with_what_can() {
    puce(&["perf", "--model", "gpt-os-120b"]).refused(&["gpt-os-120b", "`gpt-oss-120b`"]);
    puce(&["perf", "--model", "qwen3-8b", "--device", "h10"]).refused(&["h10", "h100"]);
    puce(&["perf", "--model", "llama-3.1-70b", "--tensor", "1"]).refused(&[
        "80 GiB",
        "141.1 GB of weights",
        "nearest",
        "tensor",
    ]);
    puce(&["perf", "--model", "llama-3.1-70b", "--tensor", "3"]).refused(&["3", "64 query heads", "nearest"]);
    puce(&["perf", "--model", "gpt-oss-120b", "--formats", "cache=fp9"]).refused(&["fp9", "fp8"]);
    puce(&["perf", "--model", "gpt-oss-120b", "--formats", "keys=fp8"]).refused(&["keys", "cache"]);
    puce(&["perf", "--model", "gpt-oss-20b", "--phase", "train"]).refused(&["mixture of experts"]);
    puce(&["perf", "--model", "none.toml"]).refused(&["none.toml", "no such file"]);
    puce(&["perf", "--model", "gpt-oss-20b", "--plot", "x.png"]).refused(&["x.png", ".svg"]);
    for arguments in [
        &["perf"][..],
        &["perf", "--model", "qwen3-8b", "--context", "8q"],
        &["perf", "--model", "qwen3-8b", "--batch", "0"],
    ] {
        assert_eq!(puce(arguments).code, Some(2), "{arguments:?}");
    }
}

#[test]
fn networks_and_devices_are_listed() {
    let text = puce(&["perf", "list"]).good().out;
    for name in ["deepseek-v3", "qwen3.5-397b-a17b", "flux.1-dev", "h100", "mi300x"] {
        assert!(text.lines().any(|line| line.split_whitespace().next() == Some(name)), "{name} in\n{text}");
    }
    let json = puce(&["perf", "list", "--json"]).json();
    assert!(json["networks"].as_array().unwrap().len() >= 30 && !json["devices"].as_array().unwrap().is_empty());
}

#[test]
fn files_describe_networks_and_chips() {
    let scratch = Scratch::new();
    let chip = scratch.write("my-chip.toml", data::file("chips/one.toml").unwrap());
    let network = scratch.write("my-net.toml", data::file("networks/qwen3-8b.toml").unwrap());
    let by_file = puce(&["perf", "--model", &network, "--device", &chip, "--json"]).json();
    let by_name = puce(&["perf", "--model", "qwen3-8b", "--device", "one", "--json"]).json();
    assert_eq!(by_file["phases"], by_name["phases"]);
    let broken = data::file("networks/qwen3.5-397b-a17b.toml").unwrap().replace("top_k = 10", "top_k = 1000");
    let file = scratch.write("broken.toml", broken);
    puce(&["perf", "--model", &file]).refused(&["broken.toml, line", "top_k = 1000"]);
}

#[test]
fn curves_are_drawn_to_files() {
    let scratch = Scratch::new();
    for (name, mark) in [("plot.svg", "<svg"), ("plot.html", "<table>")] {
        let path = scratch.path(name);
        puce(&["perf", "--model", "llama-3.1-8b", "--compare", "h100,one", "--plot", &path]).good();
        let drawn = std::fs::read_to_string(&path).unwrap();
        assert!(
            drawn.contains(mark) && drawn.contains("H100") && drawn.contains("tokens per second and user"),
            "{name}"
        );
    }
}

#[test]
fn images_and_training_steps_take_time() {
    let image = |steps: &str| {
        let json = puce(&["perf", "--model", "flux.1-dev", "--device", "h100", "--steps", steps, "--json"]).json();
        json[0]["seconds"].as_f64().unwrap()
    };
    assert!(image("28") > 6.0 * image("4"));
    let train = [
        "perf",
        "--model",
        "llama-3.1-8b",
        "--phase",
        "train",
        "--batch",
        "64",
        "--data",
        "8",
        "--recompute",
        "--json",
    ];
    let json = puce(&train).json();
    assert!((0.0..1.0).contains(&json["utilisation"].as_f64().unwrap()), "{json}");
}

#[test]
fn colour_can_be_refused() {
    let escapes = |variables: &[(&str, &str)]| {
        let mut command = command(&["perf", "--model", "qwen3-8b"]);
        command.envs(variables.iter().copied());
        run(&mut command, b"").good().out.contains('\x1b')
    };
    assert!(escapes(&[("CLICOLOR_FORCE", "1")]));
    assert!(!escapes(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}
