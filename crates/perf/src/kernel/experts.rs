//! Routed mixtures of experts.
//!
//! # What is timed
//! From the router's choice to the combined result on one device: sorting tokens by expert, gathering (and quantising) their rows, the grouped product with
//! gate and up, the activation, the grouped product with down, and the weighted sum. No exchange between devices: with expert parallelism those are
//! collectives of their own.
//!
//! # The load
//! `pairs` = tokens x top-k rows are spread over experts. *Balanced* gives every expert its even share, so few pairs touch as many experts as there
//! are pairs. A *power law* draws each expert's popularity from a density x^-alpha. Since everybody waits for the busiest device, its load is what is
//! timed: a device's load is a sum over its experts, close to gamma-distributed with the mean and variance of the power law, and the greatest of the group's loads sits at
//! the gamma's quantile for one in `expert_parallel` (Wilson and Hilferty's approximation). Fewer experts are active than when balanced, for the tail
//! gets nothing. All of it is in closed form: no loop over experts.
//!
//! # The time
//! A sum, because the phases follow each other and within the grouped products memory and arithmetic overlap badly (few tiles per expert):
//! - **overhead**: several launches, and the start of every active expert's tiles;
//! - **weights** of the active experts at the reached bandwidth (a benchmark that repeats itself finds small ones still in the shared memory), plus the time one tile column takes through a single unit, which nothing hides;
//! - **arithmetic** over rows padded to tiles at the reached rate. Where weights are widened on the way (4-bit weights, 16-bit activations), a tile costs
//!   the widening of its weights whether its rows are used or not;
//! - **rows**: gathering and scattering per local pair, permuting and summing per pair of the whole group.
//!
//! # Parameters
//! Two per device: the fraction of bandwidth and the fraction of the arithmetic rate. The universal constants describe the usual fused kernels; they
//! were found on A100, H100 and H200 together.

use crate::device::Device;
use crate::estimate::Estimate;
use crate::format::Format;
use crate::kernel::attention::Cache;
use crate::operator::{Experts, Spread};
use base::units::Seconds;

crate::parameters! {
    /// How much of the data sheet routed experts reach.
    pub struct Parameters {
        /// Fraction of the peak bandwidth.
        bandwidth: 0.3..1.0 = 0.8,
        /// Fraction of the peak rate of products.
        compute: 0.1..1.0 = 0.38,
    }
}

/// Launches and drains of about eight kernels: three for routing and sorting, gather, two products, activation, sum.
const LAUNCHES: Seconds = Seconds(24e-6);
/// Scheduling and starting of one active expert's group of tiles.
const PER_EXPERT: Seconds = Seconds(0.27e-6);
/// Bytes moved per local pair and element of the residual stream: the gathered row read by the product, the result written.
const ROW_BYTES: f64 = 3.8;
/// Bytes moved per pair of the whole group and element of the residual stream: with tokens gathered from the group, permuting and summing go over
/// every pair, those of others included (16-bit rows read and written, and some of it twice).
const GROUP_ROW_BYTES: f64 = 5.1;
/// Columns of a tile that one unit works on.
const TILE_COLUMNS: f64 = 64.0;
/// Bytes per cycle that one unit streams while it multiplies: buffers in flight over the latency of memory, whatever the bandwidth of the device.
const UNIT_BYTES: f64 = 16.6;
/// Rows that an expert's last tile wastes, when it has as many.
const TILE_ROWS: f64 = 7.5;
/// Rows whose arithmetic takes as long as widening a tile's 4-bit weights to 16 bits.
const WIDENING_ROWS: f64 = 39.0;
/// Rows per expert at which half of the widening is exposed: with fewer, vector-like kernels widen while they wait for memory.
const WIDENING_HALF: f64 = 20.0;
/// Most operations of a unit in a cycle of kernels that widen integers between loads and products: they use instructions of a single warp, which reach 63 % of
/// the Hopper's peak (Luo et al., Benchmarking and Dissecting the Nvidia Hopper GPU Architecture via Microbenchmarking, 2024) and grew no wider since.
const WARP_OPERATIONS: f64 = 0.63 * 4096.0;
/// Share of the shared memory's bandwidth at which weights that are still there are read.
const NEAR: f64 = 0.23;
/// Weights, in sizes of the shared memory, of which a repeated run still finds all, and none.
const WARM_FILL: (f64, f64) = (0.9, 1.24);

/// What narrow formats reach, relative to bfloat16: kernels for 8-bit operands are the better tuned ones, and widening keeps the units waiting.
struct Reach {
    bandwidth: f64,
    compute: f64,
}

/// By the formats of weights and activations.
fn reach(operator: &Experts) -> Reach {
    let wide = operator.activations.bits() >= 16.0;
    match (operator.weights, operator.activations) {
        // Widened on the way; microscaling kernels came later and are better.
        (Format::Int4, _) if wide => Reach { bandwidth: 1.0, compute: 0.72 },
        (Format::Mxfp4 | Format::Nvfp4, _) if wide => Reach { bandwidth: 1.0, compute: 0.68 },
        (_, Format::Fp8Block) => Reach { bandwidth: 0.94, compute: 0.99 },
        _ if wide => Reach { bandwidth: 1.0, compute: 1.0 },
        _ => Reach { bandwidth: 0.94, compute: 1.3 },
    }
}

/// The load of the busiest device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Rows (a token at an expert).
    pub pairs: f64,
    /// Experts with at least one row.
    pub active: f64,
}

impl Load {
    /// Of one operator.
    pub fn of(operator: &Experts) -> Load {
        let local = operator.local_experts().max(1.0);
        let pairs = operator.local_pairs();
        match operator.spread {
            Spread::Balanced => Load { pairs, active: pairs.clamp(1.0, local) },
            Spread::PowerLaw { alpha } => PowerLaw::of(operator, alpha).load(operator, pairs, local),
        }
        .within(operator, local)
    }

    /// Experts of one token are distinct: none has more rows than there are tokens.
    fn within(self, operator: &Experts, local: f64) -> Load {
        let most = local.min(operator.top_k as f64) * operator.tokens as f64;
        let pairs = self.pairs.min(most).max(1.0);
        Load { pairs, active: self.active.clamp(1.0, local).min(pairs) }
    }
}

/// Popularity of experts, drawn from a density x^-alpha between two bounds.
struct PowerLaw {
    alpha: f64,
    low: f64,
    high: f64,
    /// Integrals of x^(p - alpha) for p = 0, 1, 2.
    moments: [f64; 3],
}

/// Share of all tokens that the most popular expert may get.
const MOST_POPULAR: f64 = 0.8;
/// Range of popularity when there are fewer pairs than experts.
const SPARSE: (f64, f64) = (0.01, 2.0);

impl PowerLaw {
    fn of(operator: &Experts, alpha: f64) -> PowerLaw {
        let tokens = operator.tokens as f64;
        let dense = tokens * operator.top_k as f64 > operator.experts as f64;
        let (low, high) = if dense { (1.0, (MOST_POPULAR * tokens).max(1.001)) } else { SPARSE };
        let (low_power, high_power) = (low.powf(1.0 - alpha), high.powf(1.0 - alpha));
        let integral = |order: f64, low_factor: f64, high_factor: f64| {
            let exponent = order + 1.0 - alpha;
            match exponent.abs() < 1e-6 {
                true => (high / low).ln(),
                false => (high_power * high_factor - low_power * low_factor) / exponent,
            }
        };
        let moments = [integral(0.0, 1.0, 1.0), integral(1.0, low, high), integral(2.0, low * low, high * high)];
        PowerLaw { alpha, low, high, moments }
    }

    fn mean(&self) -> f64 {
        self.moments[1] / self.moments[0]
    }

    /// Share of experts more popular than `cut`.
    fn beyond(&self, cut: f64) -> f64 {
        if cut <= self.low {
            return 1.0;
        }
        if cut >= self.high {
            return 0.0;
        }
        let exponent = 1.0 - self.alpha;
        let integral = match exponent.abs() < 1e-6 {
            true => (self.high / cut).ln(),
            false => (self.high.powf(exponent) - cut.powf(exponent)) / exponent,
        };
        integral / self.moments[0]
    }

    /// The busiest device's load: `pairs` rows on average over `local` experts.
    fn load(&self, operator: &Experts, pairs: f64, local: f64) -> Load {
        let mean = self.mean();
        let most = (self.high / mean).min(operator.expert_parallel as f64);
        let pairs = pairs * self.busiest(operator, local).clamp(1.0, most.max(1.0));
        let rows_per_popularity = operator.tokens as f64 * operator.top_k as f64 / operator.experts as f64 / mean;
        // An expert that would get less than half a row gets none; but a few pairs find distinct experts.
        let active = local * self.beyond(0.5 / rows_per_popularity);
        Load { pairs, active: active.max(pairs.min(local / 4.0)) }
    }

    /// Greatest of the devices' loads over the average one.
    fn busiest(&self, operator: &Experts, local: f64) -> f64 {
        if operator.expert_parallel < 2 {
            return 1.0;
        }
        let mean = self.mean();
        let variance = self.moments[2] / self.moments[0] / (mean * mean) - 1.0;
        // Shape of the gamma distribution of a sum of `local` independent popularities.
        let shape = local / variance.max(1e-9);
        let deviation = greatest_of(operator.expert_parallel as f64);
        (1.0 - 1.0 / (9.0 * shape) + deviation / (3.0 * shape.sqrt())).powi(3)
    }
}

/// Expected greatest of `n` standard normal numbers, in standard deviations (Gumbel's limit with its usual correction).
fn greatest_of(n: f64) -> f64 {
    const EULER: f64 = 0.577_215_664_901_532_9;
    let n = n.max(2.0);
    let root = (2.0 * n.ln()).sqrt();
    root - (n.ln().ln() + (4.0 * std::f64::consts::PI).ln() - 2.0 * EULER) / (2.0 * root)
}

/// The time of one, within a network.
pub fn time(operator: &Experts, device: &Device) -> Estimate {
    time_with(operator, device, &device.parameters.experts, Cache::Cold)
}

/// The time of one under other parameters than the device's, and with weights in main memory or where the last run left them.
pub fn time_with(operator: &Experts, device: &Device, parameters: &Parameters, cache: Cache) -> Estimate {
    if operator.tokens == 0 {
        return Estimate::default();
    }
    let load = Load::of(operator);
    let reach = reach(operator);
    let bandwidth = device.memory.bandwidth.0 * parameters.bandwidth;
    let weights = weight_time(operator, device, &load, bandwidth * reach.bandwidth, cache);
    let pairs = operator.tokens as f64 * operator.top_k as f64;
    let rows = (load.pairs * ROW_BYTES + pairs * GROUP_ROW_BYTES) * operator.hidden as f64 / bandwidth;
    let peak = device.arithmetic(operator.activations).1.0;
    let by_warps = operator.weights == Format::Int4 && operator.activations.bits() >= 16.0;
    let most = if by_warps { WARP_OPERATIONS * device.units as f64 * device.clock.0 } else { peak };
    let rate = peak.min(most) * parameters.compute * reach.compute;
    let arithmetic = operations(operator, &load) / rate;
    let overhead = device.start(LAUNCHES).0 + PER_EXPERT.0 * load.active;
    let memory = weights + rows;
    Estimate {
        time: Seconds(overhead + memory + arithmetic),
        arithmetic: Seconds(arithmetic),
        memory: Seconds(memory),
        overhead: Seconds(overhead),
        ..Estimate::default()
    }
}

/// Reading the active experts' weights, and the one tile column that a single unit streams by itself.
fn weight_time(operator: &Experts, device: &Device, load: &Load, bandwidth: f64, cache: Cache) -> f64 {
    let (hidden, inner) = (operator.hidden as f64, operator.local_inner());
    let passes = device.weight_passes((load.pairs / load.active).ceil() as u64, operator.hidden.max(inner as u64));
    let bytes = 3.0 * load.active * hidden * inner * operator.weights.bytes() * passes;
    let column = (hidden + inner) * TILE_COLUMNS * operator.weights.bytes() / (UNIT_BYTES * device.clock.0);
    let warm = match cache {
        Cache::Cold => 0.0,
        Cache::Warm => resident(bytes, device.on_chip.shared.0 as f64),
    };
    let near = (device.on_chip.shared_bandwidth.0 * NEAR).max(bandwidth);
    bytes * (warm / near + (1.0 - warm) / bandwidth) + column
}

/// The part of `bytes` that a shared memory of `capacity` bytes still holds when they are read again.
fn resident(bytes: f64, capacity: f64) -> f64 {
    if capacity <= 0.0 {
        return 0.0;
    }
    let (all, none) = WARM_FILL;
    ((none - bytes / capacity) / (none - all)).clamp(0.0, 1.0)
}

/// Operations over padded rows.
fn operations(operator: &Experts, load: &Load) -> f64 {
    let per_expert = load.pairs / load.active;
    let wasted = match operator.weights.bits() < 8.0 && operator.activations.bits() >= 16.0 {
        true => WIDENING_ROWS * per_expert / (per_expert + WIDENING_HALF),
        false => TILE_ROWS.min(per_expert),
    };
    6.0 * load.active * (per_expert + wasted) * operator.hidden as f64 * operator.local_inner()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gpu() -> Device {
        Device { parameters: crate::device::Parameters::default(), ..Device::find("h100").unwrap() }
    }

    fn deepseek(tokens: u64, expert_parallel: u64, spread: Spread) -> Experts {
        Experts {
            tokens,
            hidden: 7168,
            inner: 2048,
            experts: 256,
            top_k: 8,
            tensor_parallel: 1,
            expert_parallel,
            spread,
            weights: Format::Fp8Block,
            activations: Format::Fp8Block,
        }
    }

    /// The greatest of the groups' sums, drawn: what [`Load`] gives in closed form.
    fn drawn(alpha: f64, tokens: u64, experts: u64, top_k: u64, groups: u64) -> (f64, f64) {
        // A fixed sequence of well spread numbers (Weyl), shuffled by a second one, so that the test never depends on luck.
        let draws = 400;
        let (low, high) = (1.0f64, MOST_POPULAR * tokens as f64);
        let mut state = 0x2545_f491_4f6c_dd1du64;
        let mut uniform = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let (mut busiest, mut active) = (0.0, 0.0);
        for _ in 0..draws {
            let power = 1.0 - alpha;
            let popularity: Vec<f64> = (0..experts)
                .map(|_| (low.powf(power) + uniform() * (high.powf(power) - low.powf(power))).powf(1.0 / power))
                .collect();
            let total: f64 = popularity.iter().sum();
            let rows = popularity.iter().map(|x| x / total * (tokens * top_k) as f64).collect::<Vec<_>>();
            let local = (experts / groups) as usize;
            let group = rows.chunks(local).max_by(|a, b| a.iter().sum::<f64>().total_cmp(&b.iter().sum())).unwrap();
            busiest += group.iter().sum::<f64>();
            active += rows.iter().filter(|rows| **rows >= 0.5).count() as f64 / groups as f64;
        }
        (busiest / f64::from(draws), active / f64::from(draws))
    }

    #[test]
    fn the_busiest_device_is_the_one_of_many_draws() {
        for (alpha, tokens, groups) in
            [(1.01, 1024, 4), (1.2, 1024, 8), (1.01, 8192, 16), (1.2, 4096, 32), (1.2, 256, 2)]
        {
            let operator = deepseek(tokens, groups, Spread::PowerLaw { alpha });
            let load = Load::of(&operator);
            let (busiest, active) = drawn(alpha, tokens, 256, 8, groups);
            assert!(
                (load.pairs / busiest - 1.0).abs() < 0.12,
                "{alpha} {tokens} {groups}: {} for {busiest}",
                load.pairs
            );
            assert!(
                (load.active / active - 1.0).abs() < 0.12,
                "{alpha} {tokens} {groups}: {} for {active}",
                load.active
            );
        }
    }

    #[test]
    fn balanced_pairs_find_distinct_experts() {
        for (tokens, active) in [(1, 8.0), (4, 32.0), (32, 256.0), (4096, 256.0)] {
            assert_eq!(Load::of(&deepseek(tokens, 1, Spread::Balanced)).active, active);
        }
        assert_eq!(Load::of(&deepseek(4, 8, Spread::Balanced)), Load { pairs: 4.0, active: 4.0 });
    }

    #[test]
    fn imbalance_costs_only_where_experts_are_distributed() {
        let [even, skewed] = [Spread::Balanced, Spread::PowerLaw { alpha: 1.2 }]
            .map(|spread| [1, 32].map(|group| time(&deepseek(8192, group, spread), &gpu()).time.0));
        assert!(skewed[1] > 1.4 * even[1], "{skewed:?} {even:?}");
        assert!((skewed[0] / even[0] - 1.0).abs() < 0.1, "{skewed:?} {even:?}");
    }

    fn spread() -> impl Strategy<Value = Spread> {
        prop_oneof![Just(Spread::Balanced), (0.5f64..2.5).prop_map(|alpha| Spread::PowerLaw { alpha })]
    }

    prop_compose! {
        fn any_experts()(
            tokens in 1u64..1 << 22, hidden in 1u64..1 << 15, inner in 1u64..1 << 16, top_k in 1u64..32, more in 0u64..1024,
            tensor_parallel in 1u64..64, expert_parallel in 1u64..512, spread in spread(), weights in 0usize..11, activations in 0usize..11,
        ) -> Experts {
            let experts = top_k + more;
            Experts {
                tokens, hidden, inner, experts, top_k, tensor_parallel, spread,
                expert_parallel: expert_parallel.min(experts), weights: Format::ALL[weights], activations: Format::ALL[activations],
            }
        }
    }

    proptest! {
        #[test]
        fn never_faster_than_the_peaks(experts in any_experts()) {
            let device = gpu();
            let estimate = time(&experts, &device);
            let load = Load::of(&experts);
            let bytes = 3.0 * load.active * experts.hidden as f64 * experts.local_inner() * experts.weights.bytes();
            let operations = 6.0 * load.pairs * experts.hidden as f64 * experts.local_inner();
            prop_assert!(estimate.time.0.is_finite());
            let warm = time_with(&experts, &device, &device.parameters.experts, Cache::Warm);
            prop_assert!(warm.time <= estimate.time);
            prop_assert!(estimate.time.0 >= bytes / device.memory.bandwidth.0);
            let fastest = device.matrix.iter().map(|(_, rate)| rate.0).fold(0.0, f64::max);
            prop_assert!(estimate.time.0 >= operations / fastest);
        }

        #[test]
        fn the_busiest_device_has_at_least_its_share(experts in any_experts()) {
            let load = Load::of(&experts);
            let share = experts.local_pairs().min(experts.local_experts().max(1.0) * experts.tokens as f64);
            prop_assert!(load.pairs >= share.max(1.0) * 0.999, "{load:?} {share}");
            prop_assert!(load.active >= 1.0 && load.active <= experts.local_experts().max(1.0) && load.active <= load.pairs);
        }

        #[test]
        fn more_tokens_take_longer(experts in any_experts()) {
            let double = Experts { tokens: experts.tokens * 2, spread: Spread::Balanced, ..experts };
            let single = Experts { spread: Spread::Balanced, ..experts };
            let device = gpu();
            prop_assert!(time(&double, &device).time >= time(&single, &device).time);
        }
    }
}
