//! How many requests are simulated a minute: one JSON object. `cargo xtask bench time` runs it.
//!
//! Llama 3.1 8B on one H100, with every step's cost from the model of time; lengths are drawn with the means and spreads of production chat and code
//! traffic (Azure traces of 2023-11: prompts of 1,155 and 2,048 tokens, answers of 211 and 28). Speeds are per second of processor time, on one thread.

use base::units::{BytesPerSecond, Seconds};
use cpu_time::ProcessTime;
use perf::device::Device;
use perf::operator::Spread;
use perf::parallel::Mapping;
use perf::workload::Plan;
use serve::arrival::{Generator, Length, Open, Shape};
use serve::modelled::Modelled;
use serve::route::Routing;
use serve::scheduler::Limits;
use serve::simulate::{Group, Host, Links, Role, Setup, run};
use serve::speculate::Acceptance;

/// Requests of a run.
const REQUESTS: u64 = 50_000;
/// Tokens of a cache block.
const BLOCK: u32 = 16;

/// A kind of traffic: its name, mean lengths of prompt and answer, requests a second.
const TRAFFIC: [(&str, f64, f64, f64); 2] = [("chat", 1155.0, 211.0, 8.0), ("code", 2048.0, 28.0, 8.0)];

fn lengths(mean: f64) -> Length {
    Length::LogNormal { mean, variation: 1.0, most: 8192 }
}

fn simulated(cost: &Modelled, memory: f64, traffic: (&str, f64, f64, f64)) -> String {
    let (name, prompt, answer, rate) = traffic;
    let limits =
        Limits { block: BLOCK, blocks: cost.blocks(memory, BLOCK, 1024), token_budget: 8192, ..Limits::default() };
    let link = BytesPerSecond(50e9);
    let setup = Setup {
        groups: vec![Group { role: Role::Whole, replicas: 1, limits, cost, drafter: None }],
        routing: Routing::LeastLoaded,
        links: Links { token: cost.token_bytes(1024), hand_over: link, latency: Seconds(1e-5), host: link },
        host: Host::default(),
        acceptance: Acceptance::same(0.0),
        seed: 1,
        leap: true,
    };
    let shape = Shape::Drawn { prompt: lengths(prompt), output: lengths(answer) };
    let mut source = Open::new(Generator::new(1, shape, None, REQUESTS), rate, 1.0).expect("a rate above zero");
    let start = ProcessTime::now();
    let report = run(&setup, &mut source, &mut |_| {});
    let seconds = start.elapsed().as_secs_f64();
    let (requests, steps) = (report.records.len(), report.replicas[0].steps);
    format!(r#"{{"name":"{name}, Llama 3.1 8B on H100","requests":{requests},"steps":{steps},"seconds":{seconds}}}"#)
}

fn main() {
    let (known, network) = perf::network::language("llama-3.1-8b").expect("a known network");
    let device = Device::find("h100").expect("a known device");
    let memory = device.memory.capacity.as_f64() * (1.0 - perf::parallel::RESERVE);
    let cost = Modelled::new(Plan::new(network, known.formats, Mapping::ONE, Spread::Balanced), device);
    let runs = TRAFFIC.map(|traffic| simulated(&cost, memory, traffic));
    println!(r#"{{"runs":[{}]}}"#, runs.join(","));
}
