//! Matrix products.
//!
//! A product is cut into tiles of the result; each unit works through the reduction of one tile, then takes the next. Four things take time, and the
//! slowest hides most of the others:
//!
//! - **Memory.** Weights come from main memory once, results go there once. Activations were written by the operator before and are still in the shared
//!   on-chip memory if they fit; only the rest is read.
//! - **Throughput of the units.** Tiles run in waves of as many as there are units; the last wave is as long as the others (wave quantisation), and a tile
//!   that hangs over the edge costs a whole one (tile quantisation). Each step of the reduction takes the longer of its arithmetic and of loading its rows of
//!   both operands from the shared memory; at the end of a tile its result is stored, which nothing hides.
//! - **The chain of one tile.** Steps of a reduction follow each other; with only a few tiles, a long reduction takes as many latencies as its loads have
//!   stages, however idle the device is. Two tiles on a unit hide each other's.
//! - **The launch**, and a second pass where a reduction was split.
//!
//! The library chooses: of a small menu of tiles, each with its reduction whole or split over the idle units, the quickest counts. Splitting costs a pass
//! over partial sums. Kernels for 8-bit and narrower formats choose by the number of rows alone and never split, and they are preceded by a pass that
//! quantises the activations: that is how the widespread implementations (CUTLASS dispatch in vLLM, SGLang and TensorRT-LLM) work, and it shows in every
//! measurement.
//!
//! The three resource times meet in a norm between sum and maximum: loads that run ahead overlap, the ramps at both ends do not.
//!
//! Long kernels run slower than short ones: a power limit takes milliseconds to act. The `sustained` fraction holds for products that take much longer than
//! that, `compute` for short ones.
//!
//! Times are in seconds, rates per unit and second. Constants named below hold for every device; what a device may fit is in [`Parameters`].

use crate::device::Device;
use crate::estimate::Estimate;
use crate::format::Format;
use crate::operator::Gemm;
use base::units::Seconds;

crate::parameters! {
    /// How much of the data sheet matrix products reach.
    pub struct Parameters {
        /// Fraction of the peak arithmetic that a long reduction reaches within one tile, at the clock of short kernels.
        compute: 0.5..1.1 = 0.97,
        /// Fraction of the peak arithmetic that the power limit leaves to kernels of many milliseconds.
        sustained: 0.3..1.0 = 0.76,
        /// Fraction of the peak bandwidth that long transfers reach.
        bandwidth: 0.5..1.0 = 0.85,
        /// Launch of one kernel after another, until the first loads are under way, in microseconds.
        launch: 0.3..10.0 = 2.5,
    }
}

/// Exponent of the norm in which resource times meet: 1 would be no overlap, infinity a perfect one.
const OVERLAP: f64 = 2.5;
/// Tiles of the usual 16-bit kernels: rows and columns as powers of two. Either side may be the tokens.
const MENU: [(u32, u32); 9] = [(8, 7), (7, 8), (7, 7), (7, 6), (6, 7), (6, 6), (5, 7), (5, 6), (6, 5)];
/// Tiles of one unit that hide each other's latencies.
const RESIDENT: f64 = 2.0;
/// Shortest piece of a reduction that is worth splitting off.
const SHORTEST_PIECE: u64 = 256;
/// Second kernel of a split reduction, and its synchronisation.
const SPLIT: f64 = 2.8e-6;
/// Passes over the partial sums of a split reduction: written, read, and neither at full speed.
const SPLIT_PASSES: f64 = 4.0;
/// Storing a tile's result takes this much longer than loading as many bytes: conversion, shuffles through local memory, then the store.
const STORE: f64 = 4.6;
/// First bytes from memory.
const FIRST_BYTES: f64 = 0.19e-6;
/// Part of the shared on-chip memory in which activations survive the weights that stream past.
const SURVIVES: f64 = 0.43;
/// Running time at which half of the power limit has acted.
const POWER_REACTION: f64 = 0.25e-3;

/// What staging operands in local memory can do: it depends on whether a copy engine does it or the threads themselves.
struct Staging {
    /// Cycles of latency per step of a reduction over 16-bit elements, with as many stages in flight as local memory holds.
    step: f64,
    /// Bytes per unit and cycle from the shared memory, multicast included.
    width: f64,
}

/// Threads copy (Ampere, Ada).
const BY_THREADS: Staging = Staging { step: 7.0, width: 39.0 };
/// A copy engine copies tiles in bulk, and one load may serve several units (Hopper, Blackwell).
const BY_ENGINE: Staging = Staging { step: 2.44, width: 93.0 };
/// Local memory from which kernels are built around bulk copies.
const ENGINE_LOCAL: u64 = 200 * 1024;

/// What kernels of narrow formats do otherwise than those of 16-bit ones.
mod narrow {
    /// Their `compute` and `sustained`, relative to 16-bit formats.
    pub const COMPUTE: f64 = 0.975;
    pub const SUSTAINED: f64 = 0.86;
    /// A tile's scales, its start and end.
    pub const PER_TILE: f64 = 0.88e-6;
    /// Launch of the pass that quantises activations.
    pub const QUANTISE: f64 = 2.4e-6;
    /// Time of its longest row, per element: one group of threads reads a row twice.
    pub const PER_ELEMENT: f64 = 0.077e-9;
    /// Its traffic takes this much longer than a plain copy.
    pub const PASSES: f64 = 1.9;
}

/// The time of one.
pub fn time(operator: &Gemm, device: &Device) -> Estimate {
    time_with(operator, device, &device.parameters.gemm)
}

/// The time of one under some parameters instead of the device's own: what a fit varies.
pub fn time_with(operator: &Gemm, device: &Device, parameters: &Parameters) -> Estimate {
    if operator.operations() == 0.0 {
        return Estimate::default();
    }
    let machine = Machine::new(operator, device, parameters);
    let best = if machine.narrow { machine.by_rows(operator) } else { machine.quickest(operator) };
    machine.estimate(operator, &best)
}

/// The device as this product meets it.
struct Machine {
    units: f64,
    /// Peak operations per second of all units.
    peak: f64,
    /// Operations per second that one unit reaches.
    rate: f64,
    /// The same for kernels of many milliseconds, all units together.
    sustained: f64,
    /// Bytes per second from memory.
    bandwidth: f64,
    /// Bytes per second of one unit from the shared memory.
    port: f64,
    /// Latency per step of a reduction.
    step: f64,
    /// Time of memory.
    memory: f64,
    launch: f64,
    narrow: bool,
}

/// One way to compute a product.
#[derive(Clone, Copy)]
struct Plan {
    /// The `OVERLAP`-th powers of throughput and chain time, added.
    score: f64,
    arithmetic: f64,
    on_chip: f64,
    chain: f64,
    split: bool,
}

const NO_PLAN: Plan = Plan { score: f64::INFINITY, arithmetic: 0.0, on_chip: 0.0, chain: 0.0, split: false };

/// Least of plans.
fn quicker(a: Plan, b: Plan) -> Plan {
    if b.score < a.score { b } else { a }
}

/// `x^OVERLAP` without a logarithm.
fn raised(x: f64) -> f64 {
    x * x * x.sqrt()
}

/// The integer above, without a library call.
fn up(x: f64) -> f64 {
    let below = x as u64 as f64;
    if below < x { below + 1.0 } else { below }
}

impl Machine {
    fn new(operator: &Gemm, device: &Device, parameters: &Parameters) -> Machine {
        let wider =
            if operator.weights.bits() > operator.activations.bits() { operator.weights } else { operator.activations };
        let narrow = wider.bits() < 12.0;
        let peak = device
            .matrix_rate(wider)
            .or_else(|| device.matrix_rate(Format::Bf16))
            .map_or(device.vector.0, |rate| rate.0);
        let (compute, sustained) = match narrow {
            true => (parameters.compute * narrow::COMPUTE, parameters.sustained * narrow::SUSTAINED),
            false => (parameters.compute, parameters.sustained),
        };
        let staging = if device.on_chip.local.0 >= ENGINE_LOCAL { BY_ENGINE } else { BY_THREADS };
        let units = device.units as f64;
        let bandwidth = device.memory.bandwidth.0 * parameters.bandwidth;
        Machine {
            units,
            peak,
            rate: peak * compute / units,
            sustained: peak * sustained,
            bandwidth,
            port: device.clock.0 * staging.width,
            step: staging.step / device.clock.0 * wider.bytes() / Format::Bf16.bytes(),
            memory: memory_bytes(operator, device) / bandwidth + FIRST_BYTES,
            launch: parameters.launch * 1e-6,
            narrow,
        }
    }

    /// One tile shape (as powers of two), the reduction in `pieces`.
    fn plan(&self, operator: &Gemm, (rows, columns): (u32, u32), tiles: f64, pieces: u64) -> Plan {
        let steps = operator.k as f64 / pieces as f64;
        let full = ((1u64 << rows) * (1u64 << columns)) as f64;
        let (rows, columns) = (operator.m.min(1 << rows) as f64, operator.n.min(1 << columns) as f64);
        let waves = tiles * pieces as f64 / self.units;
        let arithmetic = 2.0 * full / self.rate;
        let load = (rows * operator.activations.bytes() + columns * operator.weights.bytes()) / self.port;
        let per_tile = if self.narrow { narrow::PER_TILE } else { 0.0 };
        let store = STORE * rows * columns * operator.output.bytes() / self.port + per_tile;
        let whole = up(waves);
        let mut throughput = whole * (arithmetic.max(load) * steps + store);
        if pieces > 1 {
            let partial = pieces as f64 * (operator.m * operator.n * operator.count) as f64 * 4.0;
            throughput += partial * 2.0 * SPLIT_PASSES / (self.units * self.port);
        }
        let chain = up(waves / RESIDENT) * self.step * steps;
        Plan {
            score: raised(throughput) + raised(chain),
            arithmetic: whole * arithmetic * steps,
            on_chip: whole * (load * steps + store),
            chain,
            split: pieces > 1,
        }
    }

    /// What a library that knows its kernels' times would choose.
    fn quickest(&self, operator: &Gemm) -> Plan {
        let (mut whole, mut split) = (NO_PLAN, NO_PLAN);
        for tile in MENU {
            let tiles = tiles(operator, tile);
            whole = quicker(whole, self.plan(operator, tile, tiles, 1));
            let pieces = self.pieces(operator, tiles);
            if pieces > 1 {
                split = quicker(split, self.plan(operator, tile, tiles, pieces));
            }
        }
        let memory = raised(self.memory);
        if split.score < whole.score && root(memory + split.score) + SPLIT < root(memory + whole.score) {
            return split;
        }
        whole
    }

    /// In how many pieces a reduction fills one wave, or else two or three.
    fn pieces(&self, operator: &Gemm, tiles: f64) -> u64 {
        let free = self.units / tiles;
        let fill = [1.0, 2.0, 3.0].map(|waves| (waves * free) as u64).into_iter().find(|pieces| *pieces >= 2);
        fill.unwrap_or(1).min(operator.k / SHORTEST_PIECE)
    }

    /// What kernels for narrow formats choose: by rows alone.
    fn by_rows(&self, operator: &Gemm) -> Plan {
        let plan = |tile| self.plan(operator, tile, tiles(operator, tile), 1);
        match operator.m {
            0..=64 => plan((6, 6)),
            65..=128 => plan((6, 7)),
            _ => quicker(plan((7, 7)), plan((7, 8))),
        }
    }

    /// From start to end.
    fn estimate(&self, operator: &Gemm, plan: &Plan) -> Estimate {
        let split = if plan.split { SPLIT } else { 0.0 };
        let work = root(raised(self.memory) + plan.score);
        let before = self.launch + split + work;
        // The power limit acts on what runs long.
        let slower = operator.operations() * (1.0 / self.sustained - 1.0 / (self.rate * self.units)).max(0.0);
        let throttled = slower * before / (before + POWER_REACTION);
        let quantise = if self.narrow { self.quantise(operator) } else { 0.0 };
        let time = (before + throttled + quantise).max(operator.operations() / self.peak);
        Estimate {
            time: Seconds(time),
            arithmetic: Seconds(plan.arithmetic + throttled),
            memory: Seconds(self.memory),
            on_chip: Seconds(plan.on_chip),
            link: Seconds(0.0),
            overhead: Seconds(self.launch + split + quantise + plan.chain),
        }
    }

    /// The pass that brings activations into a narrow format: read as 16 bits, written as 8 or fewer.
    fn quantise(&self, operator: &Gemm) -> f64 {
        let row = operator.k as f64 * narrow::PER_ELEMENT;
        let elements = (operator.m * operator.k * operator.count) as f64;
        let bytes = elements * (Format::Bf16.bytes() + operator.activations.bytes());
        narrow::QUANTISE + root(raised(row) + raised(bytes * narrow::PASSES / self.bandwidth))
    }
}

fn root(x: f64) -> f64 {
    x.powf(1.0 / OVERLAP)
}

/// How many tiles cover the result.
fn tiles(operator: &Gemm, (rows, columns): (u32, u32)) -> f64 {
    let over = |size: u64, power: u32| ((size + (1 << power) - 1) >> power) as f64;
    over(operator.m, rows) * over(operator.n, columns) * operator.count as f64
}

/// What crosses the memory interface.
fn memory_bytes(operator: &Gemm, device: &Device) -> f64 {
    let (m, n, k, count) = (operator.m as f64, operator.n as f64, operator.k as f64, operator.count as f64);
    let activations = count * m * k * operator.activations.bytes();
    let survives = SURVIVES * device.on_chip.shared.0 as f64;
    let missed = if survives > 0.0 { (activations / survives - 1.0).clamp(0.0, 1.0) } else { 1.0 };
    count * n * (k * operator.weights.bytes() + m * operator.output.bytes()) + activations * missed
}
