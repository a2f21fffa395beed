//! Many new positions of each sequence, causal among themselves, over the cache before them.

use super::{Parameters, Units};
use crate::device::Device;
use crate::estimate::Estimate;
use crate::operator::Attention;
use base::units::Seconds;

/// Cycles from launch to end of the kernels (rotary embedding and cache write, attention) that have nothing to do.
const LAUNCH: f64 = 19_650.0;
/// Cycles that each column of a head adds to that.
const LAUNCH_COLUMN: f64 = 2.4;
/// Cycles of one more pass that converts keys and values for an 8-bit cache.
const NARROWING: f64 = 5_980.0;
/// Rows of queries in a tile.
const TILE: f64 = 128.0;
/// Rows that a tile has at least, used or not: one instruction of the matrix units' widest kind.
const TILE_LEAST: f64 = 64.0;
/// Columns that a row on the diagonal computes in vain, on average: half a tile of 64 keys.
const DIAGONAL: f64 = 32.0;
/// Part of the exponentials' time that the products do not hide, when probabilities are multiplied in 16 bits.
const EXPOSED_16: f64 = 0.436;
/// The same in 8 bits: probabilities are scaled and rounded to 8 bits on the way to the second product, on the same units.
const EXPOSED_8: f64 = 1.205;
/// Cycles of a tile of queries: scheduling, prologue, epilogue.
const TILE_CYCLES: f64 = 5_530.0;
/// Cycles of a query row beside its pairs: rotary embedding, load, normalisation, store.
const ROW: f64 = 13.7;
/// Cycles of each element of a query row.
const ROW_ELEMENT: f64 = 0.27;
/// Cycles of a new row of keys and values: rotary embedding, write to the cache.
const KEY: f64 = 10.0;
/// Cycles of each column of it.
const KEY_ELEMENT: f64 = 0.416;
/// The longest tile's time relative to its pairs at the rate of a full device: with few tiles kernels take smaller ones.
const ALONE: f64 = 0.5;
/// How much of the longest tile's time is added to an even share of the work: tiles end unevenly, and the causal ones are the more uneven.
const TAIL: f64 = 1.04;
/// Widest head of which prefill kernels pack those of a group into one tile. In 8 bits only heads of just this width have such kernels.
const PACKED_WIDTH: u64 = 128;
/// Widest head that hand-written kernels take; wider ones do not fit their tiles and run on general kernels.
const WIDEST_HEAD: u64 = 256;
/// How often query rows are gone through where their kernels narrow them first: once to quantise, once for the rest.
const NARROWED_ROWS: f64 = 2.0;
/// How many times slower products are in general kernels on wider heads (from 2.5 to 16 by library and format).
const WIDE_SLOWDOWN: f64 = 3.0;

/// The time of one.
pub(super) fn time(operator: &Attention, device: &Device, parameters: &Parameters, units: &Units) -> Estimate {
    let columns = operator.head_dim as f64;
    let pair = pair_cycles(operator, device, parameters, units);
    let products = units.shared(pairs(operator) * pair);
    let rows = units.shared(row_cycles(operator, units, columns));
    let longest = longest_tile(operator, units) * pair * ALONE * units.cycle;
    let work = longest.max(products + rows + TAIL * longest);
    let memory = operator.memory_bytes() / (device.memory.bandwidth.0 * parameters.bandwidth);
    let narrowing = if operator.cache.bits() < 16.0 { NARROWING } else { 0.0 };
    let overhead = units.launch(device, LAUNCH + LAUNCH_COLUMN * columns + narrowing);
    Estimate {
        time: Seconds(overhead + work.max(memory)),
        arithmetic: Seconds(products.max(longest)),
        memory: Seconds(memory),
        on_chip: Seconds(rows),
        link: Seconds(0.0),
        overhead: Seconds(overhead),
    }
}

/// Pairs of a query and a key that are computed, over all heads: what the mask lets through and what it cuts out of whole tiles.
fn pairs(operator: &Attention) -> f64 {
    let diagonal = DIAGONAL.min(operator.queries as f64 / 2.0);
    let vain = operator.batch as f64 * operator.queries as f64 * diagonal;
    operator.heads as f64 * (operator.pairs() + vain)
}

/// Cycles of one pair on one unit: both products, and what they do not hide of its exponential. Where products are issued by one thread and accumulate apart,
/// they reach what matrix products do.
fn pair_cycles(operator: &Attention, device: &Device, parameters: &Parameters, units: &Units) -> f64 {
    let wide = if operator.head_dim > WIDEST_HEAD { WIDE_SLOWDOWN } else { 1.0 };
    let reached = if units.apart { device.parameters.gemm.compute } else { parameters.arithmetic };
    let products = 4.0 * operator.head_dim as f64 * wide / (units.operations * reached);
    let exposed = if units.narrow { EXPOSED_8 } else { EXPOSED_16 };
    products + exposed / units.exponentials
}

/// Query rows that are cut into tiles together: those of a group if it is packed, else those of a head. Kernels that accumulate apart fill two tiles of one
/// head at a time and pack none.
fn tiled_rows(operator: &Attention, units: &Units) -> (f64, f64) {
    let (batch, heads, kv_heads) = (operator.batch as f64, operator.heads as f64, operator.kv_heads as f64);
    let queries = operator.queries as f64;
    let narrower = operator.head_dim < PACKED_WIDTH && !units.narrow;
    if units.apart {
        (batch * heads, queries)
    } else if narrower || operator.head_dim == PACKED_WIDTH {
        (batch * kv_heads, queries * heads / kv_heads)
    } else {
        (batch * heads, queries)
    }
}

/// Cycles of tiles and rows beside their pairs, over all units.
fn row_cycles(operator: &Attention, units: &Units, columns: f64) -> f64 {
    let (sets, rows) = tiled_rows(operator, units);
    let tiles = sets * (rows / TILE).ceil() * TILE_CYCLES;
    let positions = operator.batch as f64 * operator.queries as f64;
    let times = if units.apart && units.narrow { NARROWED_ROWS } else { 1.0 };
    let queries = positions * operator.heads as f64 * times * (ROW + ROW_ELEMENT * columns);
    let keys = positions * operator.kv_heads as f64 * (KEY + KEY_ELEMENT * columns);
    tiles + queries + keys
}

/// Pairs of the tile that sees most keys.
fn longest_tile(operator: &Attention, units: &Units) -> f64 {
    let (_, rows) = tiled_rows(operator, units);
    let rows = rows.clamp(TILE_LEAST, TILE);
    let keys = operator.window.map_or(u64::MAX, |window| window.saturating_add(TILE as u64)).min(operator.total());
    keys as f64 * rows
}
