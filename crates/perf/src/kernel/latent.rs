//! Multi-head latent attention: the core alone, between its projections.
//!
//! The cache holds one compressed row per position for all heads (DeepSeek-V3: 512 columns and 64 of rotary embedding). **Decode** is *absorbed*: the
//! projections are multiplied into query and result, so every head works on the compressed row itself, which is read once: little memory, much
//! arithmetic (the row counts twice, as key and as value, for each head). **Prefill** is *expanded*: keys and values of every head are made first, and
//! the core is ordinary attention with keys of 192 and values of 128 columns; some libraries run it absorbed as well, with 3.4 times the operations,
//! and the measured medians lie between the two, which is why `EXPANDED` is so far from one.
//!
//! A kernel that overlaps loads with products holds a tile of queries and two tiles of compressed rows in a unit's local memory: 216 KiB in bfloat16.
//! Units with less run a plain kernel in which one item walks through the whole context, key by key (`holds_pipeline`).
//!
//! The one parameter is a fraction of the peak matrix rate; the memory's fraction is that of grouped-query attention, whose caches are read alike.
//! Constants are in cycles of the device's clock and were fitted together on the calibration rows of A100, H100 and H200.

use crate::device::Device;
use crate::estimate::Estimate;
use crate::kernel::attention::Units;
use crate::operator::{Latent, Phase};
use base::units::Seconds;

crate::parameters! {
    /// How much of the data sheet latent attention kernels reach.
    pub struct Parameters {
        /// Fraction of the peak matrix rate that absorbed products reach while nothing else holds them up.
        arithmetic: 0.05..1.0 = 0.65,
    }
}

/// The time of one.
pub fn time(operator: &Latent, device: &Device) -> Estimate {
    time_with(operator, device, &device.parameters.latent)
}

/// The time of one under some parameters instead of the device's own: what a fit varies.
pub fn time_with(operator: &Latent, device: &Device, parameters: &Parameters) -> Estimate {
    let units = Units::of(device, operator.compute);
    match operator.phase {
        Phase::Prefill => prefill(operator, device, parameters, &units),
        Phase::Decode => decode(operator, device, parameters, &units),
    }
}

/// Rows of queries and of keys in a tile.
const TILE: f64 = 64.0;
/// Rows of the narrowest instruction of the matrix units: fewer heads leave the rest of it idle.
const NARROWEST: f64 = 16.0;
/// Cycles from launch to end of a decode kernel, its plan of splits included, that has nothing to do.
const LAUNCH: f64 = 23_500.0;
/// Cycles that an 8-bit cache adds: queries are scaled and rounded first.
const NARROWING: f64 = 6_800.0;
/// The same where accumulators are apart: a decode kernel like that of grouped-query attention, which plans no splits beforehand.
const LAUNCH_APART: f64 = 14_700.0;
/// Part of the cycles of items and rows that is left where accumulators are apart: the start of one and the end of the last run side by side.
const BESIDE_APART: f64 = 0.5;
/// Cycles of an item: one sequence, one tile of heads.
const ITEM: f64 = 10_700.0;
/// Cycles of a head of a sequence within its item: query and result.
const ROW: f64 = 153.0;
/// Keys that one item works through before a context is worth splitting.
const CHUNK: f64 = 512.0;
/// How many times longer a chunk's chain takes than its products at peak rate; below one, since two groups of threads alternate.
const CHAIN: f64 = 0.5;
/// Cycles that each doubling of the context beyond a chunk adds while units are idle: more parts to combine.
const COMBINE: f64 = 1_980.0;
/// Elements of an 8-bit cache that a unit widens per cycle: as in grouped-query attention.
const WIDENED: f64 = 11.1;
/// Cycles of one key in a kernel without overlap: load, products and softmax one after the other.
const PLAIN_KEY: f64 = 162.0;

fn decode(operator: &Latent, device: &Device, parameters: &Parameters, units: &Units) -> Estimate {
    let (batch, heads) = (operator.batch as f64, operator.heads as f64 * operator.queries as f64);
    let items = batch * (heads / TILE).ceil();
    let keys = operator.total() as f64;
    let memory = memory(operator, device);
    let arithmetic = units.shared(absorbed_operations(operator) / (units.operations * parameters.arithmetic));
    let on_chip = widening(operator, items * keys, units);
    let item = if units.apart { ITEM * BESIDE_APART } else { ITEM };
    let cost = units.shared(items * item + batch * heads * ROW);
    let work = memory.max(arithmetic).max(on_chip) + cost;
    let (launch, narrowing) = if units.apart { (LAUNCH_APART, EXPANDED_NARROWING) } else { (LAUNCH, NARROWING) };
    let launch = units.launch(device, launch + if narrow(operator) { narrowing } else { 0.0 });
    let (chain, time) = if holds_pipeline(operator, device) {
        let chain = chain_cycles(operator, keys, items, units) * units.cycle;
        (chain, launch + chain + work)
    } else {
        let chain = PLAIN_KEY * keys * units.cycle;
        (chain, launch + chain.max(work))
    };
    Estimate {
        time: Seconds(time),
        arithmetic: Seconds(arithmetic),
        memory: Seconds(memory),
        on_chip: Seconds(on_chip),
        link: Seconds(0.0),
        overhead: Seconds(launch + chain + cost),
    }
}

/// Columns of a compressed row.
fn row_columns(operator: &Latent) -> f64 {
    (operator.kv_rank + operator.rope_dim) as f64
}

/// Whether the cache is narrower than the products.
fn narrow(operator: &Latent) -> bool {
    operator.cache.bits() < 16.0
}

/// Whether a unit's local memory holds one tile of queries and two of compressed rows.
fn holds_pipeline(operator: &Latent, device: &Device) -> bool {
    let tile = TILE * row_columns(operator) * operator.compute.bytes();
    device.on_chip.local.0 as f64 >= 3.0 * tile
}

/// Reading the cache, queries and writing results.
fn memory(operator: &Latent, device: &Device) -> f64 {
    operator.memory_bytes() / (device.memory.bandwidth.0 * device.parameters.attention.bandwidth)
}

/// Operations of both products in whole instructions of heads.
fn absorbed_operations(operator: &Latent) -> f64 {
    let rows = operator.heads as f64 * operator.queries as f64;
    let whole = (rows / NARROWEST).ceil() * NARROWEST;
    let width = (2 * operator.kv_rank + operator.rope_dim) as f64;
    2.0 * operator.batch as f64 * operator.total() as f64 * whole * width
}

/// Widening compressed rows of an 8-bit cache to the format of the products, by each item for itself; kernels that accumulate apart narrow the queries instead.
fn widening(operator: &Latent, rows: f64, units: &Units) -> f64 {
    let widened = narrow(operator) && operator.compute.bits() >= 16.0 && !units.apart;
    if widened { units.shared(rows * row_columns(operator) / WIDENED) } else { 0.0 }
}

/// The way through one chunk, and combining the parts of a split context.
fn chain_cycles(operator: &Latent, keys: f64, items: f64, units: &Units) -> f64 {
    let width = (2 * operator.kv_rank + operator.rope_dim) as f64;
    let per_key = CHAIN * TILE * 2.0 * width / units.operations;
    let idle = items < units.count;
    let combine = if idle { COMBINE * (keys / CHUNK).max(1.0).log2() } else { 0.0 };
    per_key * keys.min(CHUNK) + combine
}

/// Rows of queries in a tile of the expanded form.
const EXPANDED_TILE: f64 = 128.0;
/// The expanded form's part of the rate that absorbed products reach: the medians are of libraries that expand and libraries that do not. Where accumulators are
/// apart, every library expands.
const EXPANDED: f64 = 0.51;
/// Cycles from launch to end of a prefill kernel that has nothing to do.
const EXPANDED_LAUNCH: f64 = 28_700.0;
/// Cycles that an 8-bit cache adds: rows are scaled and rounded on their way to it.
const EXPANDED_NARROWING: f64 = 3_400.0;
/// Cycles of a tile of queries.
const EXPANDED_ITEM: f64 = 2_240.0;
/// Cycles of a query, key and value row of one head.
const EXPANDED_ROW: f64 = 232.0;
/// Pairs that a row on the diagonal computes in vain, on average: half a tile of keys.
const DIAGONAL: f64 = 32.0;
/// The longest tile's time relative to its pairs at the rate of a full device: with few tiles kernels take smaller ones.
const ALONE: f64 = 0.53;

fn prefill(operator: &Latent, device: &Device, parameters: &Parameters, units: &Units) -> Estimate {
    let width = (operator.nope_dim + operator.rope_dim + operator.value_dim) as f64;
    let expanded = if units.apart { 1.0 } else { EXPANDED };
    let pair = 2.0 * width / (units.operations * parameters.arithmetic * expanded);
    let (queries, heads) = (operator.queries as f64, operator.heads as f64);
    let sets = operator.batch as f64 * heads;
    let vain = sets * queries * DIAGONAL.min(queries / 2.0);
    let products = units.shared((operator.pairs() * heads + vain) * pair);
    let row = if units.apart { EXPANDED_ROW * BESIDE_APART } else { EXPANDED_ROW };
    let cost = sets * ((queries / EXPANDED_TILE).ceil() * EXPANDED_ITEM + queries * row);
    let rows = units.shared(cost);
    let longest = operator.total() as f64 * queries.clamp(TILE, EXPANDED_TILE) * pair * ALONE * units.cycle;
    let memory = memory(operator, device);
    let narrowing = if narrow(operator) { EXPANDED_NARROWING } else { 0.0 };
    let overhead = units.launch(device, EXPANDED_LAUNCH + narrowing);
    Estimate {
        time: Seconds(overhead + (products + rows + longest).max(memory)),
        arithmetic: Seconds(products.max(longest)),
        memory: Seconds(memory),
        on_chip: Seconds(rows),
        link: Seconds(0.0),
        overhead: Seconds(overhead),
    }
}

#[cfg(test)]
mod tests;
