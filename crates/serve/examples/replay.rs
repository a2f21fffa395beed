//! How fast a trace is replayed: `cargo run --release -p serve --example replay -- trace.csv [requests] [rate]`.
//!
//! Llama 3.1 8B on one H100 per 8 requests of a second. Prints requests per minute with and without leaping, and what came of it.

use base::units::{BytesPerSecond, Seconds};
use perf::device::Device;
use perf::operator::Spread;
use perf::parallel::Mapping;
use perf::workload::Plan;
use serve::arrival::{Generator, Open, Shape};
use serve::modelled::Modelled;
use serve::route::Routing;
use serve::scheduler::Limits;
use serve::simulate::{Group, Host, Links, Role, Setup, run};
use serve::speculate::Acceptance;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments.first().ok_or("the path of a trace is expected")?;
    let number = |at: usize, default: f64| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (requests, rate) = (number(1, 200_000.0)? as u64, number(2, 8.0)?);
    let trace = serve::trace::read(path, &std::fs::read_to_string(path)?)?;
    let shape = Shape::Sampled(trace.iter().map(|arrival| (arrival.prompt, arrival.output)).collect());

    let (known, network) = perf::network::language("llama-3.1-8b")?;
    let device = Device::find("h100")?;
    let memory = device.memory.capacity.as_f64() * (1.0 - perf::parallel::RESERVE);
    let cost = Modelled::new(Plan::new(network, known.formats, Mapping::ONE, Spread::Balanced), device);
    let limits = Limits { blocks: cost.blocks(memory, 16, 1024), token_budget: 8192, ..Limits::default() };
    let link = BytesPerSecond(50e9);
    for leap in [true, false] {
        let group = Group { role: Role::Whole, replicas: 1, limits: limits.clone(), cost: &cost, drafter: None };
        let setup = Setup {
            groups: vec![group],
            routing: Routing::LeastLoaded,
            links: Links { token: cost.token_bytes(1024), hand_over: link, latency: Seconds(1e-5), host: link },
            host: Host::default(),
            acceptance: Acceptance::same(0.0),
            seed: 1,
            leap,
        };
        let mut source =
            Open::new(Generator::new(1, shape.clone(), None, requests), rate, 1.0).ok_or("a rate above 0")?;
        let start = Instant::now();
        let report = run(&setup, &mut source, &mut |_| {});
        let seconds = start.elapsed().as_secs_f64();
        let usage = &report.replicas[0];
        println!(
            "leap {leap}: {:.0} requests a minute ({} in {seconds:.2} s; {} steps, busy {:.0} %, tpot {}, ttft {})",
            report.records.len() as f64 / seconds * 60.0,
            report.records.len(),
            usage.steps,
            100.0 * usage.busy / report.duration.0,
            report.tpot().mean,
            report.ttft().p50,
        );
    }
    Ok(())
}
