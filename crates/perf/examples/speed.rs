//! How fast the roofline and the mapping search are, and what they predict for the cases that other tools run too: one JSON object.
//!
//! `cargo xtask bench time` runs it beside those tools. Speeds are per second of processor time, on one thread.

use arch::Chip;
use base::tile::WeightKind;
use base::units::BytesPerSecond;
use cpu_time::ProcessTime;
use perf::device::Device;
use perf::evaluate::{Software, step};
use perf::network::language;
use perf::operator::Spread;
use perf::parallel::Mapping;
use perf::tiling::{Budget, Product, Space};
use perf::workload::{Formats, Plan, Work};
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::Duration;

/// How long a speed is measured.
const MEASURED: Duration = Duration::from_millis(500);

/// Calls between two looks at the clock, which costs about as much as a call.
const STRIDE: u64 = 16;

/// Calls of `work` per second; it gets their number.
fn rate(mut work: impl FnMut(u64)) -> f64 {
    let (start, mut done) = (ProcessTime::now(), 0);
    while start.elapsed() < MEASURED {
        (done..done + STRIDE).for_each(&mut work);
        done += STRIDE;
    }
    done as f64 / start.elapsed().as_secs_f64()
}

/// Steps of a network on a device under a mapping, each with another batch and context.
fn evaluations(network: &str, device: &str, mapping: Mapping) -> Value {
    let (_, shape) = language(network).expect("a known network");
    let device = Device::find(device).expect("a known device");
    let software = Software::of(&device);
    let formats = Formats::default().on(&device);
    let plan = Plan::new(shape, formats, mapping, Spread::Balanced);
    let work = |round: u64| Work::decode(1 + round % 256, 1024 + round % 4096);
    let planned = rate(|round| {
        black_box(step(&plan, &[work(round)], &device, &software));
    });
    let fresh = rate(|round| {
        let plan = Plan::new(shape, formats, mapping, Spread::Balanced);
        black_box(step(&plan, &[work(round)], &device, &software));
    });
    let operators = plan.operators(&[work(0)]).len();
    json!({ "network": network, "device": device.key, "operators": operators, "with_plan": planned, "from_network": fresh })
}

/// The search of one product on a chip: time to the proven optimum, and mappings per second of the plain search.
fn search(chip: &Chip, product: Product) -> Value {
    let space = Space::new(chip, product).expect("a product that fits");
    let per_second = rate(|_| {
        black_box(space.best(Budget::UNLIMITED));
    });
    let start = ProcessTime::now();
    let plain = space.exhaustive();
    let seconds = start.elapsed().as_secs_f64();
    let found = space.best(Budget::UNLIMITED);
    json!({
        "chip": chip.name, "m": product.m, "n": product.n, "k": product.k, "weights": product.weights.name(),
        "seconds": 1.0 / per_second, "evaluated": found.evaluated, "gap": found.gap(), "cycles": found.cost.cycles,
        "plain_cycles": plain.cost.cycles, "space": plain.evaluated, "mappings_per_second": plain.evaluated as f64 / seconds,
    })
}

/// A chip that is one array of 32 x 32, which meets one token a cycle, in front of a memory of so many bytes a cycle.
fn array(bytes_per_cycle: f64) -> Chip {
    let mut chip = Chip::builtin("nano").expect("shipped").with_cores(1);
    chip.name = format!("32 x 32 array, {bytes_per_cycle} B/cycle");
    (chip.matrix.rows, chip.matrix.depth, chip.matrix.columns, chip.matrix.tokens) = (32, 32, 1, 64);
    chip.core.scratchpad = base::units::Bytes(2 << 20);
    chip.memory.port = base::units::Bytes(4096);
    chip.matrix.buffer = base::units::Bytes(1 << 20);
    chip.memory.bandwidth = BytesPerSecond(bytes_per_cycle * chip.frequency.0);
    chip
}

/// Seconds of a whole prompt and of one decode step on one device, kernels alone.
fn layers(network: &str, device: &str, prompt: u64, batch: u64) -> Value {
    let (_, shape) = language(network).expect("a known network");
    let device = Device::find(device).expect("a known device");
    let plan = Plan::new(shape, Formats::default().on(&device), Mapping::ONE, Spread::Balanced);
    let seconds = |work: Work| step(&plan, &[work], &device, &Software::BARE).time.0;
    let (prefill, decode) = (seconds(Work::prefill(1, prompt)), seconds(Work::decode(batch, prompt)));
    json!({ "network": network, "device": device.key, "prompt": prompt, "batch": batch, "prefill_seconds": prefill, "decode_seconds": decode })
}

fn main() {
    let one = Chip::builtin("one").expect("shipped");
    let product = |m: u64, n: u64, k: u64, weights: WeightKind| Product { m, n, k, weights };
    let raw = product(64, 512, 512, WeightKind::U8);
    let found = json!({
        "evaluations": [
            evaluations("llama-3.1-70b", "h100", Mapping::tensor(8)),
            evaluations("gpt-oss-120b", "h100", Mapping::tensor(8)),
            evaluations("deepseek-v3", "h200", Mapping::tensor(8)),
        ],
        "searches": [
            search(&one, product(64, 8192, 8192, WeightKind::I4m)),
            search(&one, product(1, 8192, 28672, WeightKind::I4m)),
            search(&one, product(512, 8192, 8192, WeightKind::I8s)),
        ],
        "slow_array": search(&array(8.0), raw),
        "fast_array": search(&array(1024.0), raw),
        "layers": layers("llama-3.1-8b", "h100", 4096, 64),
    });
    println!("{found}");
}
