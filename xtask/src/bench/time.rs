//! `cargo xtask bench time`: speed and predictions of the model of time, beside other tools that can be installed.
//!
//! Ours is measured by the examples `speed` of `perf` and `traffic` of `serve`, on one thread. Each other tool runs in a process of its own, with a time limit, on a case
//! that ours runs too; what cannot be installed or run gets a line that says what was tried. All speeds are in seconds of processor time, which
//! a loaded machine distorts less than the clock on the wall.
//!
//! Two tools do not describe the same machine, so each case says what differs. A comparison of predictions is no contest; it shows
//! whether the differences can be explained.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::Value;

use super::report::{Machine, table};
use crate::date::today;
use crate::repo;
use crate::tools::{self, TIME_TOOLS, TimeTool};

/// The longest that one run of a tool may take.
const LIMIT: Duration = Duration::from_secs(300);
/// The product that the tools for arrays run: 8-bit integers.
const PRODUCT: [(&str, u64); 3] = [("m", 64), ("n", 512), ("k", 512)];
/// The prompt and the batch of the tool for networks.
const LAYERS: [(&str, u64); 2] = [("prompt", 4096), ("batch", 64)];

/// What a tool said, or why it said nothing.
#[derive(Serialize)]
struct Peer {
    name: &'static str,
    package: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    said: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

/// Everything a run found out.
#[derive(Serialize)]
struct Report {
    date: String,
    machine: Machine,
    ours: Value,
    simulation: Value,
    peers: Vec<Peer>,
}

/// Measures, prints the page and writes it.
pub fn run(root: &Path) -> Result<()> {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let ours = example(root, "perf", "speed")?;
    let simulation = example(root, "serve", "traffic")?;
    let peers = TIME_TOOLS.iter().map(|tool| Peer::measure(root, tool)).collect();
    let report = Report { date: today(), machine: Machine::this(&load), ours, simulation, peers };
    println!("{}", report.page());
    report.write(root)
}

/// What an example of a crate prints.
fn example(root: &Path, package: &str, name: &str) -> Result<Value> {
    let mut command = repo::command(root, "cargo");
    command.args(["run", "--quiet", "--release", "--package", package, "--example", name]);
    last_object(&repo::output(&mut command)?).with_context(|| repo::shown(&command))
}

/// The JSON object in the last line of a text.
fn last_object(text: &str) -> Result<Value> {
    let line = text.lines().last().context("no output")?;
    let value: Value = serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))?;
    if !value.is_object() {
        bail!("no object: {line}");
    }
    Ok(value)
}

impl Peer {
    fn measure(root: &Path, tool: &'static TimeTool) -> Self {
        println!("running {}", tool.package);
        let (said, failed) = match ask(root, tool) {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        Peer { name: tool.name, package: tool.package, said, failed }
    }

    fn figure(&self, key: &str) -> Option<f64> {
        self.said.as_ref()?.get(key)?.as_f64()
    }
}

fn ask(root: &Path, tool: &TimeTool) -> Result<Value> {
    let python = tools::time_python(root, tool)?;
    let mut command = repo::command(root, &python.to_string_lossy());
    command.arg(format!("xtask/src/bench/time/{}_peer.py", tool.name)).env("OMP_NUM_THREADS", "1");
    let arguments: &[(&str, u64)] = if tool.name == "genz" { &LAYERS } else { &PRODUCT };
    for (name, value) in arguments {
        command.arg(format!("--{name}")).arg(value.to_string());
    }
    last_object(&limited(&mut command, LIMIT)?)
}

/// Standard output of a command that ends within `limit`; it is ended otherwise.
fn limited(command: &mut Command, limit: Duration) -> Result<String> {
    let shown = repo::shown(command);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context(shown.clone())?;
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("no answer within {} s", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{shown}: {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A figure somewhere in a JSON value, by its path; not a number if it is absent, so that a page shows the hole.
fn figure(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or("?")
}

fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A rate in three figures.
fn large(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.2} M", v / 1e6),
        v if v >= 1e3 => format!("{:.0} k", v / 1e3),
        v => format!("{v:.1}"),
    }
}

impl Report {
    fn write(&self, root: &Path) -> Result<()> {
        let folder = root.join("docs").join("benchmarks");
        std::fs::create_dir_all(&folder)?;
        let json = serde_json::to_string_pretty(self)? + "\n";
        for (end, text) in [("md", self.page()), ("json", json)] {
            let name = format!("{}-time.{end}", self.date);
            std::fs::write(folder.join(&name), text).with_context(|| format!("{name}: cannot be written"))?;
            println!("wrote docs/benchmarks/{name}");
        }
        Ok(())
    }

    fn peer(&self, name: &str) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.name == name)
    }

    fn page(&self) -> String {
        let machine = &self.machine;
        let mut page = format!("# The model of time, {}, {}\n\n", machine.processor, self.date);
        page += &format!(
            "- one thread of {} cores, in processor time; load at the start {}\n",
            machine.cores, machine.load
        );
        page += &format!("- {}\n", machine.compiler);
        self.peers.iter().for_each(|peer| page += &format!("- {}\n", peer.package));
        page += "\n## Roofline: one network, device, mapping, batch and phase, all operators\n\n";
        page += &self.evaluations();
        page +=
            "\n`planned`: batch and context vary under one mapping; `lowered`: the network is lowered for each.\n\n";
        page += "## Search of a product's mapping onto chip `one`\n\n";
        page += &self.searches();
        page += "\n`tried`: mappings whose cost the pruned search computed, to the proven optimum; `rate`: of the plain search.\n\n";
        page += "## Serving in simulated time\n\n";
        page += &self.simulated();
        page += "\n## The same product beside other tools\n\n";
        page += &self.products();
        page += "\n64 x 512 times 512 x 512, 8-bit integers, on a 32 x 32 array: 16,384 cycles of products. ZigZag's machine (its TPU-like one) and \
                 `puce, 8 B/cycle` read 8 bytes a cycle; ours also writes binary32 results, four bytes for its one. SCALE-Sim counts no stalls for memory, but fills and \
                 drains the array for every weight tile, as `puce, fast memory` does not: our engine changes weights while it works.\n\n";
        page += "## The same network beside another tool\n\n";
        page += &self.networks();
        page += "\nLlama 3 8B in bfloat16 on one H100: a prompt of 4,096, and a decode step of 64 sequences after 4,096 positions. GenZ takes peak rates \
                 and its own fusion; ours takes the rates that measured kernels reach.\n";
        page += &self.failures();
        page
    }

    fn evaluations(&self) -> String {
        let rows = list(&self.ours, "/evaluations").iter().map(|row| {
            let name = format!("{} on {}", text(row, "/network"), text(row, "/device"));
            let rate = |path| large(figure(row, path));
            vec![name, format!("{:.0}", figure(row, "/operators")), rate("/with_plan"), rate("/from_network")]
        });
        let mut rows: Vec<Vec<String>> = rows.collect();
        if let Some(rate) = self.peer("genz").and_then(|peer| peer.figure("points_per_second")) {
            rows.push(vec!["GenZ, Llama 3 8B".into(), "-".into(), "-".into(), large(rate)]);
        }
        table(&["points per second", "operators", "planned", "lowered"], rows.into_iter())
    }

    fn searches(&self) -> String {
        let rows = list(&self.ours, "/searches").iter().map(|row| {
            let size = |key: &str| figure(row, key) as u64;
            vec![
                format!("{} x {} x {}, {}", size("/m"), size("/n"), size("/k"), text(row, "/weights")),
                format!("{:.2}", 1e3 * figure(row, "/seconds")),
                large(figure(row, "/evaluated")),
                format!("{:.1} %", 100.0 * figure(row, "/gap")),
                large(figure(row, "/space")),
                large(figure(row, "/mappings_per_second")),
            ]
        });
        table(&["m x n x k, weights", "ms", "tried", "gap", "mappings", "rate"], rows)
    }

    fn simulated(&self) -> String {
        let rows = list(&self.simulation, "/runs").iter().map(|row| {
            let per_minute = 60.0 * figure(row, "/requests") / figure(row, "/seconds");
            vec![
                text(row, "/name").to_owned(),
                large(figure(row, "/requests")),
                large(figure(row, "/steps")),
                large(per_minute),
            ]
        });
        table(&["run", "requests", "steps", "requests per minute"], rows)
    }

    fn products(&self) -> String {
        let ours = |name: &str, path: &str| {
            let found = self.ours.pointer(path).unwrap_or(&Value::Null);
            vec![name.into(), format!("{:.0}", figure(found, "/cycles")), format!("{:.6}", figure(found, "/seconds"))]
        };
        let other = |name: &str, key: &str| {
            let peer = self.peer(key);
            let show = |figure: Option<f64>, decimals| figure.map_or("-".into(), |value| format!("{value:.decimals$}"));
            let cycles = show(peer.and_then(|peer| peer.figure("cycles")), 0);
            vec![name.into(), cycles, show(peer.and_then(|peer| peer.figure("cpu_seconds")), 2)]
        };
        let rows = vec![
            ours("puce, 8 B/cycle", "/slow_array"),
            other("ZigZag, tpu_like", "zigzag"),
            ours("puce, fast memory", "/fast_array"),
            other("SCALE-Sim, weight-stationary", "scalesim"),
        ];
        table(&["tool", "cycles", "seconds to find"], rows.into_iter())
    }

    fn networks(&self) -> String {
        let layers = self.ours.pointer("/layers").unwrap_or(&Value::Null);
        let show = |seconds: Option<f64>| seconds.map_or("-".into(), |seconds| format!("{:.2}", 1e3 * seconds));
        let peer = |key: &str| show(self.peer("genz").and_then(|peer| peer.figure(key)));
        let ours = |path: &str| show(layers.pointer(path).and_then(Value::as_f64));
        let rows = vec![
            vec!["puce".into(), ours("/prefill_seconds"), ours("/decode_seconds")],
            vec!["GenZ".into(), peer("prefill_seconds"), peer("decode_seconds")],
        ];
        table(&["tool", "prefill, ms", "decode, ms"], rows.into_iter())
    }

    /// What was tried and did not work.
    fn failures(&self) -> String {
        let failed = self.peers.iter().filter_map(|peer| Some((peer.package, peer.failed.as_ref()?)));
        failed.map(|(package, reason)| format!("\n{package} was tried and did not answer: {reason}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report(peers: Vec<Peer>) -> Report {
        let search = json!({
            "m": 64, "n": 8192, "k": 8192, "weights": "i4m", "seconds": 0.00125, "evaluated": 1234, "gap": 0.0,
            "cycles": 5678.0, "space": 12_345_678, "mappings_per_second": 9_876_543.0,
        });
        let ours = json!({
            "evaluations": [{ "network": "gpt-oss-120b", "device": "h100", "operators": 31, "with_plan": 456_789.0, "from_network": 234_567.0 }],
            "searches": [search], "slow_array": search, "fast_array": search,
            "layers": { "prefill_seconds": 0.0754, "decode_seconds": 0.0136 },
        });
        let simulation =
            json!({ "runs": [{ "name": "chat", "requests": 100_000, "steps": 2_000_000, "seconds": 3.0 }] });
        Report { date: "2026-11-24".into(), machine: Machine::this("1.00 1"), ours, simulation, peers }
    }

    fn peer(name: &'static str, said: Option<Value>) -> Peer {
        let failed = said.is_none().then(|| "no answer within 300 s".to_owned());
        Peer { name, package: name, said, failed }
    }

    #[test]
    fn the_page_shows_both_sides() {
        let page = report(vec![peer("zigzag", Some(json!({ "cycles": 143_423.0, "cpu_seconds": 2.4 })))]).page();
        for part in ["457 k", "1.25", "0.0 %", "9.88 M", "2.00 M", "143423", "75.40"] {
            assert!(page.contains(part), "no `{part}` in\n{page}");
        }
        let tables = page.lines().filter(|line| line.starts_with('|'));
        assert!(tables.into_iter().all(|line| line.chars().count() <= 100), "{page}");
    }

    #[test]
    fn what_did_not_run_is_said() {
        let page = report(vec![peer("scalesim", None)]).page();
        assert!(page.contains("scalesim was tried and did not answer: no answer within 300 s"), "{page}");
    }

    #[test]
    fn a_process_that_takes_too_long_is_ended() {
        let error = limited(Command::new("sleep").arg("30"), Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().contains("no answer"), "{error}");
        assert_eq!(limited(Command::new("echo").arg("{}"), LIMIT).unwrap(), "{}\n");
    }

    #[test]
    fn only_an_object_is_an_answer() {
        assert!(last_object("noise\n{\"cycles\": 1}\n").is_ok());
        for bad in ["", "noise", "3"] {
            assert!(last_object(bad).is_err(), "{bad}");
        }
    }
}
