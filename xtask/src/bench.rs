//! `cargo xtask bench`: our emulator beside llama.cpp and beside what the machine can do, measured
//! in one run.
//!
//! Speeds of different hours are not comparable on a shared machine. So each workload is run
//! alternately, ours, theirs, ours, theirs, in several rounds, the limits of the machine are
//! measured between, and each figure is the median of its rounds.
//!
//! The limit of a row is what no program that reads each weight once and does each product once
//! could exceed: the smaller of what memory can deliver (`limits`) and what the
//! vector units can multiply (`limits`). Attention over the cache, norms and
//! quantisation are left out of it, so the limit is generous.
//!
//! The two sides agree on an interface: a program that takes the [`Workload`] as arguments and
//! prints one JSON object ([`Measured`]).

mod limits;
mod report;
mod time;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use serde::{Deserialize, Serialize};

use crate::{repo, tools};
use limits::Limits;

/// What to measure.
#[derive(Subcommand)]
pub enum What {
    /// Ours, llama.cpp and the limits; writes a page into docs/benchmarks
    Run {
        /// How often each workload is repeated on each side
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// The model of time beside other tools; writes a page into docs/benchmarks
    Time,
    /// llama.cpp alone
    Peer,
    /// The limits of this machine alone
    Limits,
}

/// Points to the model file for the peer, in place of the one that `puce model path smollm2` names.
const GGUF: &str = "PUCE_BENCH_GGUF";

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Workload {
    /// Each of so many sequences grows by 64 tokens after a prompt of 32.
    Decode { sequences: u32 },
    /// One prompt of so many tokens.
    Prefill { tokens: u32 },
}

/// A row of the report: the workload, and by how much ours wants to be faster than the peer.
struct Row {
    workload: Workload,
    target: Option<f64>,
}

const ROWS: &[Row] = &[
    Row { workload: Workload::Decode { sequences: 1 }, target: Some(1.6) },
    Row { workload: Workload::Decode { sequences: 8 }, target: None },
    Row { workload: Workload::Decode { sequences: 32 }, target: Some(3.0) },
    Row { workload: Workload::Prefill { tokens: 512 }, target: Some(5.0) },
];

const THREADS: &[u32] = &[1, 2];

/// What one side prints for one workload.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Measured {
    tokens_per_second: f64,
    peak_rss_bytes: u64,
    /// The version of the peer's library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// The instruction sets the peer was built for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    system: Option<String>,
}

/// One row, measured with one number of threads.
#[derive(Serialize)]
struct Outcome {
    workload: Workload,
    threads: u32,
    target: Option<f64>,
    ours: Measured,
    peer: Measured,
    /// Tokens per second that this machine cannot exceed.
    limit: Option<f64>,
}

/// Measures and prints; `run` also writes the page.
pub fn run(root: &Path, what: What) -> Result<()> {
    match what {
        What::Limits => {
            for threads in threads() {
                println!("{}", Limits::measure(threads));
            }
            Ok(())
        }
        What::Peer => {
            let peer = Peer::find(root)?;
            for (row, threads) in cases() {
                let measured = peer.measure(root, row.workload, threads, 5)?;
                println!("{}, {threads} threads: {}", row.workload, serde_json::to_string(&measured)?);
            }
            Ok(())
        }
        What::Time => time::run(root),
        What::Run { rounds } => run_all(root, rounds.max(1)),
    }
}

fn threads() -> impl Iterator<Item = u32> {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    THREADS.iter().copied().filter(move |threads| *threads <= cores)
}

fn cases() -> impl Iterator<Item = (&'static Row, u32)> {
    threads().flat_map(|threads| ROWS.iter().map(move |row| (row, threads)))
}

fn run_all(root: &Path, rounds: usize) -> Result<()> {
    let peer = Peer::find(root)?;
    repo::run(repo::command(root, "cargo").args(["build", "--release", "--package", "cli"]))?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut outcomes = Vec::new();
    let mut all_limits = Vec::new();
    for (row, threads) in cases() {
        println!("measuring {}, {threads} threads", row.workload);
        let (mut ours, mut theirs, mut limits) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            ours.push(measure_ours(root, row.workload, threads)?);
            theirs.push(peer.measure(root, row.workload, threads, 1)?);
            limits.push(Limits::measure(threads));
        }
        let limits = Limits::median(&limits);
        outcomes.push(Outcome {
            workload: row.workload,
            threads,
            target: row.target,
            ours: median(ours),
            peer: median(theirs),
            limit: limits.tokens_per_second(row.workload),
        });
        all_limits.push(limits);
    }
    let report = report::Report::new(outcomes, all_limits, rounds, &load);
    println!("{}", report.page());
    report.write(root)
}

/// The run in the middle by speed, with the largest memory of all.
fn median(mut runs: Vec<Measured>) -> Measured {
    runs.sort_by(|a, b| a.tokens_per_second.total_cmp(&b.tokens_per_second));
    let peak = runs.iter().map(|run| run.peak_rss_bytes).max().unwrap_or_default();
    let middle = runs.swap_remove(runs.len() / 2);
    Measured { peak_rss_bytes: peak, ..middle }
}

fn measure_ours(root: &Path, workload: Workload, threads: u32) -> Result<Measured> {
    let mut command = repo::command(root, "cargo");
    command.args(["run", "--quiet", "--release", "--package", "cli", "--", "bench", "--json"]);
    measure(workload.arguments(command.args(["--threads", &threads.to_string(), "--repeat", "1"])))
}

/// llama.cpp: a Python that has it, and the model's file.
struct Peer {
    python: PathBuf,
    gguf: PathBuf,
}

impl Peer {
    fn find(root: &Path) -> Result<Self> {
        Ok(Self { python: tools::bench_python(root)?, gguf: gguf(root)? })
    }

    fn measure(&self, root: &Path, workload: Workload, threads: u32, repeat: u32) -> Result<Measured> {
        let mut command = repo::command(root, &self.python.to_string_lossy());
        command.arg("xtask/src/bench/llama_peer.py").arg("--model").arg(&self.gguf);
        command.args(["--threads", &threads.to_string(), "--repeat", &repeat.to_string()]);
        measure(workload.arguments(&mut command))
    }
}

fn gguf(root: &Path) -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(GGUF) {
        return Ok(path.into());
    }
    let mut command = repo::command(root, "cargo");
    command.args(["run", "--quiet", "--release", "--package", "cli", "--", "model", "path", "smollm2"]);
    let path = repo::output(&mut command)
        .with_context(|| format!("`puce model pull smollm2` fetches the model, or set {GGUF} to its file"))?;
    Ok(path.trim().into())
}

fn measure(command: &mut Command) -> Result<Measured> {
    let text = repo::output(command)?;
    parse(&text).with_context(|| repo::shown(command))
}

/// The last line of a side's output is its measurement.
fn parse(text: &str) -> Result<Measured> {
    let line = text.lines().last().context("no output")?;
    let measured: Measured = serde_json::from_str(line).with_context(|| format!("not a measurement: {line}"))?;
    if !(measured.tokens_per_second.is_finite() && measured.tokens_per_second > 0.0) {
        bail!("{} tokens per second is no speed", measured.tokens_per_second);
    }
    Ok(measured)
}

impl Workload {
    fn arguments(self, command: &mut Command) -> &mut Command {
        match self {
            Self::Decode { sequences } => {
                command.args(["--sequences", &sequences.to_string(), "--prompt", "32", "--steps", "64"])
            }
            Self::Prefill { tokens } => command.args(["--prefill", &tokens.to_string()]),
        }
    }
}

impl std::fmt::Display for Workload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Decode { sequences } => write!(f, "decode, batch {sequences}"),
            Self::Prefill { tokens } => write!(f, "prefill, {tokens} tokens"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_of(tokens_per_second: f64, peak_rss_bytes: u64) -> Measured {
        Measured { tokens_per_second, peak_rss_bytes, version: None, system: None }
    }

    #[test]
    fn the_last_line_is_the_measurement() {
        let text = "noise\n{\"kind\":\"decode\",\"tokens_per_second\":12.5,\"peak_rss_bytes\":7,\"chip\":\"one\"}\n";
        assert_eq!(parse(text).unwrap(), run_of(12.5, 7));
        for bad in ["", "noise", "{\"tokens_per_second\":0.0,\"peak_rss_bytes\":7}", "{\"tokens_per_second\":1}"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_median_keeps_the_largest_memory() {
        let runs = vec![run_of(9.0, 1), run_of(1.0, 8), run_of(5.0, 2)];
        assert_eq!(median(runs), run_of(5.0, 8));
    }

    #[test]
    fn both_sides_get_the_same_arguments() {
        let shown = |workload: Workload| repo::shown(workload.arguments(&mut Command::new("x")));
        assert_eq!(shown(Workload::Decode { sequences: 8 }), "x --sequences 8 --prompt 32 --steps 64");
        assert_eq!(shown(Workload::Prefill { tokens: 512 }), "x --prefill 512");
    }
}
