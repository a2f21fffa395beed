//! Matrix products.
//!
//! A product is cut into tiles of the result; each unit works through the reduction of one tile, then takes the next. Four things take time, and the
//! slowest hides most of the others:
//!
//! - **Memory.** Weights come from main memory, results go there. Activations were written by the operator before and are still in the shared on-chip
//!   memory if they fit; only the rest is read.
//! - **Throughput of the units.** Tiles run in waves of as many as there are units; the last wave is as long as the others (wave quantisation), and a tile
//!   that hangs over the edge costs a whole one (tile quantisation). Each step of the reduction takes the longer of its arithmetic and of loading its rows of
//!   both operands from the shared memory; at the end of a tile its result is stored, which nothing hides unless accumulators have a memory of their own.
//! - **The chain of one tile.** Steps of a reduction follow each other; with only a few tiles, a long reduction takes as many latencies as its loads have
//!   stages, however idle the device is. Two tiles on a unit hide each other's.
//! - **The launch**, and what else surrounds the kernel: a second pass where a reduction was split, a pass that quantises activations.
//!
//! The resource times meet in a norm between sum and maximum: loads that run ahead overlap, the ramps at both ends do not.
//!
//! **The library's choice is part of the model.** Of a small menu of tiles, each with its reduction whole or split over idle units, the quickest counts.
//! [`family`] tells which kinds of kernels there are and how they choose.
//!
//! **Power.** Long kernels run slower than short ones: a power limit takes a fraction of a millisecond to act. `sustained` holds for products that take much
//! longer than that, `compute` for short ones; in between both count by their share. On a device with less power per operation than the fitted Hopper, `sustained`
//! is lowered with the cube root of it (`power_left`).
//!
//! **Compiled programs.** A device that runs one program (our chip, TPUs, Groq's) has no kernels to start and no library to choose: operands are brought before
//! they are wanted, results leave while the next tile is computed. What remains is memory, arithmetic over padded tiles, and the start. On our own chip weights
//! are read again for every accumulator's fill of tokens ([`Device::weight_passes`]). There the mapping search (`tiling`) is the rung above: it counts every
//! cycle of the best mapping at the peak rates, while a fraction of the peaks, as measured devices reach it, stays in this rung as a margin for what a design
//! does not know yet. `tests/ladder.rs` holds the two together and states how far they are apart, and why.
//!
//! **What is fitted.** Four numbers per device ([`Parameters`]), none with a unit, so that they mean something on a device that was never measured: three
//! fractions of the data sheet and the launch in cycles. The constants below hold for every device. They come from fits over the A100, H100 and H200
//! together, and each is a time, a ratio or a size that someone could measure by itself.

pub mod family;

use crate::device::{Device, Dispatch};
use crate::estimate::Estimate;
use crate::format::Format;
use crate::operator::Gemm;
use base::units::Seconds;
use family::{Choice, Family, Tile};

crate::parameters! {
    /// How much of the data sheet matrix products reach.
    pub struct Parameters {
        /// Fraction of the peak arithmetic that a long reduction reaches within one tile, at the clock of short kernels.
        compute: 0.5..1.1 = 0.94,
        /// Fraction of the peak arithmetic that the power limit leaves to kernels of many milliseconds.
        sustained: 0.3..1.0 = 0.76,
        /// Fraction of the peak bandwidth that long transfers reach.
        bandwidth: 0.5..1.0 = 0.85,
        /// From the end of one kernel to the first loads of the next, in thousands of cycles.
        launch: 1.0..20.0 = 4.6,
    }
}

/// Tiles of one unit that hide each other's latencies.
const RESIDENT: f64 = 2.0;
/// Shortest piece of a reduction that is worth splitting off.
const SHORTEST_PIECE: u64 = 256;
/// Second kernel of a split reduction, and its synchronisation.
const SPLIT: f64 = 3.1e-6;
/// Passes over the partial sums of a split reduction, in loads of as many bytes: written, read, and neither at full speed.
const SPLIT_PASSES: f64 = 4.92;
/// Storing a tile's result, in loads of as many bytes: conversion, a way through local memory, then the store.
const STORE: f64 = 4.6;
/// First bytes from memory after the launch, with their way through address translation and caches.
const FIRST_BYTES: f64 = 0.278e-6;
/// First bytes from memory of a compiled program, which asks for ranges by their addresses.
const FIRST_BYTES_OF_PROGRAM: f64 = 0.2e-6;
/// Part of the shared on-chip memory in which activations survive the weights that stream past.
const SURVIVES: f64 = 0.26;
/// Running time at which half of the power limit has acted.
const POWER_REACTION: f64 = 0.338e-3;
/// Watts at the limit over operations of a cycle and the third power of the clock, on the H100: 700 W, 989.4 TFLOP/s, 1.83 GHz (its data sheet).
const POWER_FITTED: f64 = 700.0 / (989.4e12 * 1.83e9 * 1.83e9);
/// Fraction of the vector units' peak that dot products reach.
const DOTS: f64 = 0.4;
/// Weights that a benchmark's loop passes before it meets the same again, as a multiple of one product's: it cycles through half a dozen copies, and each half
/// of a cache in two parts keeps its own.
const LOOP: f64 = 13.0;

/// How operands reach local memory: a copy engine brings them, or the threads themselves.
struct Staging {
    /// Cycles of latency per step of a reduction over 16-bit elements, with as many stages in flight as local memory holds.
    step: f64,
    /// Bytes per unit and cycle from the shared memory; where one load serves several units, more than the port's width.
    width: f64,
}

/// Threads copy (Ampere, Ada).
const BY_THREADS: Staging = Staging { step: 6.74, width: 38.0 };
/// A copy engine copies tiles in bulk, and one load may serve several units (Hopper, Blackwell).
const BY_ENGINE: Staging = Staging { step: 2.758, width: 96.0 };
/// The pass that quantises activations.
mod quantise {
    /// Its launch.
    pub const LAUNCH: f64 = 2.82e-6;
    /// Time per element of a row: one group of threads reads it, finds its maximum, reads it again.
    pub const ELEMENT: f64 = 0.104e-9;
    /// Time per row of a unit.
    pub const ROW: f64 = 0.104e-6;
    /// Its traffic, in plain copies of as many bytes.
    pub const PASSES: f64 = 1.69;
}

/// The detour of block-scaled products whose shape does not fill blocks of 128: unfused kernels, one after another.
mod detour {
    /// Elements of a scale's block.
    pub const BLOCK: u64 = 128;
    /// Fewer columns than half a block, or a shorter reduction than a block.
    pub const LONG: f64 = 168e-6;
    /// Fewer columns than a block.
    pub const SHORT: f64 = 70e-6;
}

/// Where the weights are when a product starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// In main memory: the layers between this call and the last have displaced them.
    Cold,
    /// Where a benchmark's loop over copies of one product leaves them: small ones stay in the shared on-chip memory.
    Looped,
}

/// The time of one, its weights in main memory.
pub fn time(operator: &Gemm, device: &Device) -> Estimate {
    time_with(operator, device, &device.parameters.gemm, Weights::Cold)
}

/// The time of one under some parameters instead of the device's own, which is what a fit varies, and with weights that may be warm.
pub fn time_with(operator: &Gemm, device: &Device, parameters: &Parameters, weights: Weights) -> Estimate {
    if [operator.m, operator.n, operator.k, operator.count].contains(&0) {
        return Estimate::default();
    }
    let machine = Machine::new(operator, device, parameters, weights);
    machine.estimate(operator, &machine.choose(operator))
}

/// The device as this product meets it.
struct Machine {
    family: &'static Family,
    units: f64,
    /// Peak operations per second of all units.
    peak: f64,
    /// Rows, columns and reduction of the product.
    sizes: [f64; 3],
    /// Operations per second that one unit reaches.
    rate: f64,
    /// Seconds of a unit for a multiplication and an addition.
    multiply: f64,
    /// Seconds of a unit for one element of a step's column of activations, of its row of weights, and for storing one element of the result.
    load: [f64; 2],
    store: f64,
    /// What all units reach in kernels of many milliseconds.
    sustained: f64,
    /// Bytes per second from memory.
    bandwidth: f64,
    /// Bytes per second of one unit from the shared memory.
    port: f64,
    /// Latency per step of a reduction.
    step: f64,
    /// Whether a tile is stored while the next is computed.
    stores_behind: bool,
    /// Operations per second of dot products on the vector units.
    dots: f64,
    /// Time of memory.
    memory: f64,
    launch: f64,
    /// Launches around the kernel.
    around: f64,
}

/// One way to compute a product.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Plan {
    /// Throughput and chain time, [`raised`] and added.
    score: f64,
    throughput: f64,
    arithmetic: f64,
    on_chip: f64,
    chain: f64,
    split: bool,
}

const NO_PLAN: Plan = Plan {
    score: f64::INFINITY,
    throughput: f64::INFINITY,
    arithmetic: 0.0,
    on_chip: 0.0,
    chain: f64::INFINITY,
    split: false,
};

/// A plan and the time that it and memory take together.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Chosen {
    plan: Plan,
    together: f64,
}

/// What rounding may add to a bound.
const ROUNDING: f64 = 1e-9;

/// To the exponent of the norm in which resource times meet: 1 would be no overlap, infinity a perfect one.
fn raised(x: f64) -> f64 {
    x * x * x
}

/// The inverse of [`raised`].
fn root(x: f64) -> f64 {
    x.cbrt()
}

/// The whole number above, without a library call: adding 2^52 leaves no room for a fraction.
fn up(x: f64) -> f64 {
    const NO_FRACTION: f64 = (1u64 << 52) as f64;
    let near = (x + NO_FRACTION) - NO_FRACTION;
    if near < x { near + 1.0 } else { near }
}

impl Machine {
    fn new(operator: &Gemm, device: &Device, parameters: &Parameters, weights: Weights) -> Machine {
        let (family, format) = family::meet(operator, device);
        // A device without matrix units multiplies on its vector units.
        let peak = device.matrix_rate(format).map_or(device.vector.0, |rate| rate.0);
        let engine = device.copies_in_bulk() && !family.by_threads;
        let staging = if engine { BY_ENGINE } else { BY_THREADS };
        let (units, clock) = (device.units as f64, device.clock.0);
        let bandwidth = device.memory.bandwidth.0 * parameters.bandwidth * family.bandwidth;
        // A compiled program has operands brought before they are wanted, as fast as the shared memory gives them, where there is one.
        let program = matches!(device.dispatch, Dispatch::Program { .. });
        let port = if program { device.on_chip.shared_bandwidth.0 / units } else { clock * staging.width };
        let (step, store, first_bytes) = match program {
            true => (0.0, 1.0, FIRST_BYTES_OF_PROGRAM),
            false => (family.step * staging.step, STORE, FIRST_BYTES),
        };
        let rate = peak * (parameters.compute * family.compute) / units;
        // A device that always holds its clock is not slowed down by its power limit.
        let sustained = peak * (parameters.sustained * family.sustained) * power_left(device);
        Machine {
            family,
            units,
            peak,
            sizes: [operator.m as f64, operator.n as f64, operator.k as f64],
            rate,
            multiply: 2.0 / rate,
            sustained: if device.base_clock == Some(device.clock) { rate * units } else { sustained },
            bandwidth,
            port,
            load: [operator.activations.bytes() / port, operator.weights.bytes() / port],
            store: store * operator.output.bytes() / port,
            step: step / clock * (format.bytes() / Format::Bf16.bytes()),
            stores_behind: family.stores_behind && (program || device.accumulates_apart()),
            dots: device.vector.0 * DOTS,
            memory: memory_bytes(operator, device, weights) / bandwidth + first_bytes,
            launch: match device.dispatch {
                Dispatch::Kernels => parameters.launch * 1e3 / clock,
                Dispatch::Program { operator } => operator.0,
            },
            around: family.around + rescale(family, device),
        }
    }

    /// The plan that the family's kernels take.
    fn choose(&self, operator: &Gemm) -> Chosen {
        match self.family.choice {
            Choice::QuickestOrSplit => self.quickest_or_split(operator),
            Choice::Quickest => self.chosen(self.quickest(operator, self.family.menu)),
            Choice::ByRows => self.chosen(self.quickest(operator, self.by_rows(operator))),
        }
    }

    fn chosen(&self, plan: Plan) -> Chosen {
        Chosen { plan, together: root(raised(self.memory) + plan.score) + if plan.split { SPLIT } else { 0.0 } }
    }

    /// One tile shape, the reduction in `pieces`, if it is quicker than `best`.
    ///
    /// The score is monotonic in throughput and chain, so that a plan that is better in neither is left before it has one.
    fn improve(&self, best: &mut Plan, operator: &Gemm, (rows, columns): Tile, tiles: f64, pieces: u64) {
        let [m, n, k] = self.sizes;
        let steps = if pieces > 1 { k / pieces as f64 } else { k };
        let waves = tiles * pieces as f64 / self.units;
        let chain = up(waves / RESIDENT) * self.step * steps;
        let (rows, columns) = (f64::from(1u32 << rows), f64::from(1u32 << columns));
        let arithmetic = rows * columns * self.multiply;
        let (rows, columns) = (rows.min(m), columns.min(n));
        let load = rows * self.load[0] + columns * self.load[1];
        let store = rows * columns * self.store + self.family.per_tile;
        let whole = up(waves);
        let inner = arithmetic.max(load) * steps;
        let mut throughput = whole * if self.stores_behind { inner.max(store) } else { inner + store };
        if pieces > 1 {
            let sums = m * n * operator.count as f64 * Format::Fp32.bytes();
            throughput += pieces as f64 * sums * SPLIT_PASSES / (self.units * self.port);
        }
        if throughput >= best.throughput && chain >= best.chain {
            return;
        }
        let score = raised(throughput) + raised(chain);
        if score < best.score {
            let (arithmetic, on_chip) = (whole * arithmetic * steps, whole * (load * steps + store));
            *best = Plan { score, throughput, arithmetic, on_chip, chain, split: pieces > 1 };
        }
    }

    fn quickest(&self, operator: &Gemm, menu: &[Tile]) -> Plan {
        let mut best = NO_PLAN;
        menu.iter().for_each(|tile| self.improve(&mut best, operator, *tile, tiles(operator, *tile), 1));
        best
    }

    fn by_rows(&self, operator: &Gemm) -> &'static [Tile] {
        let menu = self.family.menu;
        match operator.m {
            0..=64 => &menu[..1],
            65..=128 => &menu[1..2],
            _ => &menu[2..],
        }
    }

    fn quickest_or_split(&self, operator: &Gemm) -> Chosen {
        let whole = self.chosen(self.quickest(operator, self.family.menu));
        // What memory takes is left in any case: if that and the second kernel are no less, no split can gain.
        if self.memory * (1.0 - ROUNDING) + SPLIT >= whole.together {
            return whole;
        }
        let mut split = NO_PLAN;
        for tile in self.family.menu {
            let tiles = tiles(operator, *tile);
            let pieces = self.pieces(operator, tiles);
            if pieces > 1 {
                self.improve(&mut split, operator, *tile, tiles, pieces);
            }
        }
        if split.score >= whole.plan.score {
            return whole;
        }
        let split = self.chosen(split);
        if split.together < whole.together { split } else { whole }
    }

    /// In how many pieces a reduction fills one wave, or else two or three; 1 if it is not worth splitting.
    fn pieces(&self, operator: &Gemm, tiles: f64) -> u64 {
        if tiles > 1.5 * self.units {
            return 1;
        }
        let free = self.units / tiles;
        let waves = if free >= 2.0 {
            1.0
        } else if free >= 1.0 {
            2.0
        } else {
            3.0
        };
        ((waves * free) as u64).min(operator.k / SHORTEST_PIECE)
    }

    /// From start to end.
    fn estimate(&self, operator: &Gemm, Chosen { plan, together }: &Chosen) -> Estimate {
        let operations = operator.operations();
        let mut work = *together;
        let dots = operations / self.dots;
        if self.family.dots && dots < work {
            work = work.min(root(raised(self.memory) + raised(dots)));
        }
        let kernel = self.launch + work;
        // The power limit acts on what runs long.
        let slower = operations * (1.0 / self.sustained - 1.0 / (self.rate * self.units)).max(0.0);
        let throttled = slower * kernel / (kernel + POWER_REACTION);
        let around = self.around + self.quantise(operator) + self.detour(operator);
        Estimate {
            time: Seconds((kernel + throttled + around).max(operations / self.peak)),
            arithmetic: Seconds(plan.arithmetic + throttled),
            memory: Seconds(self.memory),
            on_chip: Seconds(plan.on_chip),
            link: Seconds(0.0),
            overhead: Seconds(self.launch + around + plan.chain),
        }
    }

    /// The pass that brings activations into a narrow format: read as 16 bits, written as 8 or fewer.
    fn quantise(&self, operator: &Gemm) -> f64 {
        if !self.family.quantises {
            return 0.0;
        }
        let rows = operator.m as f64 * operator.count as f64;
        let bytes = rows * operator.k as f64 * (Format::Bf16.bytes() + operator.activations.bytes());
        let chain = operator.k as f64 * quantise::ELEMENT + rows / self.units * quantise::ROW;
        quantise::LAUNCH + root(raised(chain) + raised(bytes * quantise::PASSES / self.bandwidth))
    }

    fn detour(&self, operator: &Gemm) -> f64 {
        match operator {
            _ if !self.family.detours => 0.0,
            Gemm { n, k, .. } if *n < detour::BLOCK / 2 || *k < detour::BLOCK => detour::LONG,
            Gemm { n, .. } if *n < detour::BLOCK => detour::SHORT,
            _ => 0.0,
        }
    }
}

/// The launches that bring scales of blocks in binary32 to what units that accumulate apart scale by themselves: powers of two, packed, and in the order in which
/// they are loaded (Blackwell takes no others).
fn rescale(family: &Family, device: &Device) -> f64 {
    const LAUNCHES: f64 = 3.0;
    if family.rescales && device.accumulates_apart() { LAUNCHES * quantise::LAUNCH } else { 0.0 }
}

/// What is left of the clock of a device with less power per operation than [`POWER_FITTED`]. The power of logic grows with the clock times the square of the
/// voltage, and the voltage with the clock, so that the clock follows the cube root of the power per operation of a cycle.
fn power_left(device: &Device) -> f64 {
    let rate = device.matrix_rate(Format::Bf16).map_or(device.vector.0, |rate| rate.0);
    let power = device.power.0 / (rate * device.clock.0 * device.clock.0);
    match device.dispatch {
        Dispatch::Kernels if power < POWER_FITTED => (power / POWER_FITTED).cbrt(),
        _ => 1.0,
    }
}

/// How many tiles cover the result.
fn tiles(operator: &Gemm, (rows, columns): Tile) -> f64 {
    // A shift, where a division would take longer than the rest of a plan; what is left is far from the sign.
    let over = |size: u64, power: u32| ((size >> power) + u64::from(size & ((1 << power) - 1) != 0)) as i64 as f64;
    over(operator.m, rows) * over(operator.n, columns) * operator.count as f64
}

/// What crosses the memory interface: weights as often as the device must read them for so many tokens.
fn memory_bytes(operator: &Gemm, device: &Device, warmth: Weights) -> f64 {
    let (m, n, k, count) = (operator.m as f64, operator.n as f64, operator.k as f64, operator.count as f64);
    let shared = device.on_chip.shared.0 as f64;
    let weights = count * n * k * operator.weights.bytes();
    let again = if warmth == Weights::Looped { missed(weights, shared / LOOP) } else { 1.0 };
    let activations = count * m * k * operator.activations.bytes();
    weights * again * device.weight_passes(operator.m, operator.k)
        + activations * missed(activations, shared * SURVIVES)
        + count * m * n * operator.output.bytes()
}

/// The part of `bytes`, used in turn, that a memory of `room` does not keep: what passes it in a circle is gone by the time it is wanted again.
fn missed(bytes: f64, room: f64) -> f64 {
    if room > 0.0 { (bytes / room - 1.0).clamp(0.0, 1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gemm(m: u64, n: u64, k: u64, weights: Format, activations: Format) -> Gemm {
        Gemm { m, n, k, count: 1, weights, activations, output: Format::Bf16 }
    }

    const FORMATS: [(Format, Format); 6] = [
        (Format::Bf16, Format::Bf16),
        (Format::Fp8, Format::Fp8),
        (Format::Fp8Block, Format::Fp8Block),
        (Format::Nvfp4, Format::Nvfp4),
        (Format::Int8, Format::Int8),
        (Format::Int4, Format::Bf16),
    ];

    /// The choice without any shortcut: every plan gets its score.
    impl Machine {
        fn plan(&self, operator: &Gemm, tile: Tile, tiles: f64, pieces: u64) -> Plan {
            let mut plan = NO_PLAN;
            self.improve(&mut plan, operator, tile, tiles, pieces);
            plan
        }

        fn plain(&self, operator: &Gemm) -> Chosen {
            let quicker = |a: Plan, b: Plan| if b.score < a.score { b } else { a };
            let menu = match self.family.choice {
                Choice::ByRows => self.by_rows(operator),
                _ => self.family.menu,
            };
            let tried = menu.iter().map(|tile| (*tile, tiles(operator, *tile)));
            let whole = tried.clone().map(|(tile, tiles)| self.plan(operator, tile, tiles, 1)).fold(NO_PLAN, quicker);
            let whole = self.chosen(whole);
            if self.family.choice != Choice::QuickestOrSplit {
                return whole;
            }
            let split = tried.map(|(tile, tiles)| (tile, tiles, self.pieces(operator, tiles)));
            let split = split.filter(|(_, _, pieces)| *pieces > 1);
            let split =
                split.map(|(tile, tiles, pieces)| self.plan(operator, tile, tiles, pieces)).fold(NO_PLAN, quicker);
            let gains = split.score < whole.plan.score && self.chosen(split).together < whole.together;
            if gains { self.chosen(split) } else { whole }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn shortcuts_change_no_bit(
            sizes in [0u32..18, 0u32..18, 0u32..18], odd in [0.5f64..1.0, 0.5f64..1.0, 0.5f64..1.0], count in 1u64..100, format in 0usize..6, device in 0usize..40,
        ) {
            let (weights, activations) = FORMATS[format];
            let devices = devices();
            let [m, n, k] = [0, 1, 2].map(|axis| ((1u64 << sizes[axis]) as f64 * odd[axis]).ceil() as u64);
            let product = Gemm { count, ..gemm(m, n, k, weights, activations) };
            let device = &devices[device % devices.len()];
            let machine = Machine::new(&product, device, &device.parameters.gemm, Weights::Cold);
            prop_assert_eq!(machine.choose(&product), machine.plain(&product));
        }
    }

    /// The catalogue, read once.
    fn devices() -> &'static [Device] {
        static DEVICES: std::sync::LazyLock<Vec<Device>> = std::sync::LazyLock::new(Device::list);
        &DEVICES
    }

    /// A larger product may meet a better tile; by this much at most.
    const LUCK: f64 = 0.75;

    proptest! {
        #[test]
        fn more_work_takes_more_time_but_for_a_luckier_tile(
            m in 1u64..20_000, n in 128u64..20_000, k in 128u64..20_000, which in 0usize..3, format in 0usize..6, device in 0usize..40,
        ) {
            let (weights, activations) = FORMATS[format];
            let devices = devices();
            let device = &devices[device % devices.len()];
            let small = time(&gemm(m, n, k, weights, activations), device);
            let [more_m, more_n, more_k] = [0, 1, 2].map(|axis| if axis == which { 2 } else { 1 });
            let large = time(&gemm(m * more_m, n * more_n, k * more_k, weights, activations), device);
            prop_assert!(large.time.0 > small.time.0 * LUCK, "{}: {small:?}, then {large:?}", device.key);
        }

        #[test]
        fn nothing_beats_the_peaks(
            m in 1u64..1 << 20, n in 1u64..1 << 20, k in 1u64..1 << 20, count in 1u64..100, format in 0usize..6, device in 0usize..40,
        ) {
            let (weights, activations) = FORMATS[format];
            let devices = devices();
            let device = &devices[device % devices.len()];
            let product = Gemm { count, ..gemm(m, n, k, weights, activations) };
            let estimate = time(&product, device);
            let (_, format) = family::meet(&product, device);
            let peak = device.matrix_rate(format).map_or(device.vector.0, |rate| rate.0);
            let weights = (count * n * k) as f64 * weights.bytes() / device.memory.bandwidth.0;
            prop_assert!(estimate.time.0.is_finite());
            prop_assert!(estimate.time.0 >= product.operations() / peak);
            prop_assert!(estimate.time.0 >= weights);
        }
    }

    #[test]
    fn nothing_takes_no_time() {
        let device = Device::find("h100").unwrap();
        for (m, n, k, count) in [(0, 8, 8, 1), (8, 0, 8, 1), (8, 8, 0, 1), (8, 8, 8, 0)] {
            let product = Gemm { count, ..gemm(m, n, k, Format::Bf16, Format::Bf16) };
            assert_eq!(time(&product, &device), Estimate::default());
        }
    }

    #[test]
    fn the_greatest_sizes_stay_finite() {
        let most = u64::MAX;
        for device in Device::list() {
            for (weights, activations) in FORMATS {
                let product = Gemm { count: most, ..gemm(most, most, most, weights, activations) };
                assert!(time(&product, &device).time.0.is_finite(), "{}", device.key);
            }
        }
    }

    #[test]
    fn a_wave_more_shows() {
        // 128 x 128 tiles: 108 units take 108 tiles at once, and the 109th costs a second wave of a long reduction.
        let device = Device::find("a100").unwrap();
        let of = |columns: u64| time(&gemm(128, 128 * columns, 128, Format::Bf16, Format::Bf16), &device);
        assert!(of(108).on_chip < of(217).on_chip);
        let machine = Machine::new(
            &gemm(128, 128, 4096, Format::Bf16, Format::Bf16),
            &device,
            &Parameters::default(),
            Weights::Cold,
        );
        let plan = |tiles| machine.plan(&gemm(128, 128, 4096, Format::Bf16, Format::Bf16), (7, 7), tiles, 1);
        assert_eq!(plan(108.0).arithmetic * 2.0, plan(109.0).arithmetic);
        assert_eq!(plan(1.0).arithmetic, plan(108.0).arithmetic);
    }

    #[test]
    fn few_tiles_and_a_long_reduction_are_split() {
        let device = Device::find("h100").unwrap();
        let long = gemm(16, 32, 65_536, Format::Bf16, Format::Bf16);
        let machine = Machine::new(&long, &device, &Parameters::default(), Weights::Cold);
        assert!(machine.quickest_or_split(&long).plan.split);
        let short = gemm(16, 32, 512, Format::Bf16, Format::Bf16);
        let machine = Machine::new(&short, &device, &Parameters::default(), Weights::Cold);
        assert!(!machine.quickest_or_split(&short).plan.split);
    }

    #[test]
    fn decode_waits_for_memory_and_prefill_for_arithmetic() {
        use crate::estimate::Bound;
        let device = Device::find("h100").unwrap();
        assert_eq!(time(&gemm(8, 8192, 28_672, Format::Bf16, Format::Bf16), &device).bound(), Bound::Memory);
        assert_eq!(time(&gemm(8192, 8192, 28_672, Format::Bf16, Format::Bf16), &device).bound(), Bound::Arithmetic);
        assert_eq!(time(&gemm(8, 128, 128, Format::Bf16, Format::Bf16), &device).bound(), Bound::Overhead);
    }

    #[test]
    fn a_loop_over_small_weights_keeps_them() {
        let device = Device::find("l40s").unwrap();
        let small = gemm(16, 2048, 1024, Format::Bf16, Format::Bf16);
        let parameters = Parameters::default();
        let of = |product: &Gemm, weights| time_with(product, &device, &parameters, weights).time;
        assert!(of(&small, Weights::Looped) < of(&small, Weights::Cold));
        let large = gemm(16, 28_672, 8192, Format::Bf16, Format::Bf16);
        assert_eq!(of(&large, Weights::Looped), of(&large, Weights::Cold));
    }

    #[test]
    fn a_format_without_units_is_widened() {
        let device = Device::find("a100").unwrap();
        let (family, format) = family::meet(&gemm(16, 4096, 4096, Format::Fp8, Format::Fp8), &device);
        assert_eq!(format, Format::Bf16);
        assert!(!family.quantises);
    }
}
