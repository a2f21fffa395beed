//! One new position (or a few speculated ones) of each sequence over its cache.

use super::{Cache, Parameters, Units};
use crate::device::{Device, Dispatch};
use crate::estimate::Estimate;
use crate::operator::Attention;
use base::units::Seconds;

/// Cycles from launch to end of a kernel that has nothing to do.
const LAUNCH: f64 = 14_700.0;
/// Cycles by which each column of a head lengthens the way through an item: its query, its accumulator and its result are that much wider.
const LAUNCH_COLUMN: f64 = 20.0;
/// Cycles of an item (one sequence, one key/value head): scheduling, page table, first pages, result.
const ITEM: f64 = 2_685.0;
/// Cycles that each column of a head adds to an item.
const ITEM_COLUMN: f64 = 11.7;
/// Part by which an item costs more when it packs a group of query heads into one tile of the matrix units.
const PACKING: f64 = 0.35;
/// Cycles of a query row of 128 columns within an item.
const ROW: f64 = 97.0;
/// Width of a head for which [`ROW`] holds.
const ROW_COLUMNS: f64 = 128.0;
/// Part of the shorter of streaming and item work that does not hide behind the longer.
const EXPOSED: f64 = 0.465;
/// Keys that one item works through before a context is worth splitting: the usual chunk of split kernels.
const CHUNK: f64 = 512.0;
/// Rows of queries that one pass of the matrix units covers, used or not.
const TILE_ROWS: f64 = 64.0;
/// The same where products are issued by one thread: keys are then the long side of the instruction, and queries its narrow one.
const TILE_ROWS_APART: f64 = 16.0;
/// Part of an item's cycles that is left where accumulators are apart: the start of one item and the end of the last run side by side.
const ITEM_APART: f64 = 0.5;
/// Bytes per unit and cycle that threads copy by themselves, which does not overlap with waiting for memory.
const COPIED: f64 = 35.0;
/// How many times longer a chunk's chain (load, product, softmax, product) takes than its products alone at peak rate.
const CHAIN: f64 = 1.6;
/// Cycles that each doubling of the context beyond a chunk adds while units are idle: more parts to combine.
const COMBINE: f64 = 1_320.0;
/// Elements of an 8-bit cache that a unit widens per cycle for products in 16 bits.
const WIDENED: f64 = 11.1;
/// Query heads per key/value head that kernels pack. Wider groups run on general kernels, each head on its own.
const PACKED_GROUP: u64 = 40;
/// The same of heads narrower than [`COMMON_WIDTH`] that are a single group, and where accumulators are apart.
const PACKED_GROUP_MOST: u64 = 64;
/// The one width of head for which every library packs groups of any size.
const COMMON_WIDTH: u64 = 128;
/// Cycles of an item that holds a single head of a group too wide to pack.
const UNPACKED_ITEM: f64 = 1_500.0;
/// Bytes per cycle between a unit and the shared on-chip memory, as built (NVIDIA since Volta: 64).
const PORT: f64 = 64.0;
/// Cycles of a key of a head that reads the same keys and values as others of its group, beside their bytes through [`PORT`].
const UNPACKED_KEY: f64 = 4.0;
/// Fraction of [`PORT`] at which a warm cache is read.
const PORT_WARM: f64 = 0.33;
/// Fraction of the shared memory that a warm cache may fill before the least recently used rows begin to miss, and the fraction by which all miss.
const WARM_FILL: (f64, f64) = (0.63, 0.85);
/// Widest head that hand-written kernels take; wider ones do not fit their tiles and run on general kernels.
const WIDEST_HEAD: u64 = 256;
/// The same where accumulators have a memory of their own: it has 512 columns.
const WIDEST_HEAD_APART: u64 = 512;
/// Fraction of the usual bandwidth that general kernels reach on wider heads.
const WIDE_BANDWIDTH: f64 = 0.44;

/// The time of one.
pub(super) fn time(
    operator: &Attention,
    device: &Device,
    parameters: &Parameters,
    units: &Units,
    cache: Cache,
) -> Estimate {
    let shape = Shape::of(operator, units);
    let memory = shape.memory(device, parameters, units, cache);
    let arithmetic = shape.arithmetic(parameters, units);
    let on_chip = shape.widening(units).max(shape.rereading(units));
    let items = units.shared(shape.item_cycles()) * if units.apart { ITEM_APART } else { 1.0 };
    let stream = memory.max(arithmetic).max(on_chip);
    let launch = units.launch(device, LAUNCH + LAUNCH_COLUMN * shape.columns);
    let overhead = launch + shape.chain_cycles(units) * units.cycle;
    let time = overhead + stream.max(items) + EXPOSED * stream.min(items);
    Estimate {
        time: Seconds(time),
        arithmetic: Seconds(arithmetic),
        memory: Seconds(memory),
        on_chip: Seconds(on_chip),
        link: Seconds(0.0),
        overhead: Seconds(overhead + items),
    }
}

/// What the shape amounts to.
struct Shape<'a> {
    operator: &'a Attention,
    /// One sequence and one key/value head each.
    items: f64,
    /// Keys that some query of a sequence sees.
    keys: f64,
    /// Query rows that share a key/value head.
    rows: f64,
    /// Columns of a head.
    columns: f64,
    /// Whether each query head is on its own although it shares keys and values.
    unpacked: bool,
}

impl Shape<'_> {
    fn of<'a>(operator: &'a Attention, units: &Units) -> Shape<'a> {
        let group = operator.heads as f64 / operator.kv_heads as f64;
        let narrow = operator.kv_heads == 1 && operator.head_dim < COMMON_WIDTH;
        let packed = if narrow || units.apart { PACKED_GROUP_MOST } else { PACKED_GROUP };
        Shape {
            operator,
            items: operator.batch as f64 * operator.kv_heads as f64,
            keys: operator.seen() as f64,
            rows: group * operator.queries as f64,
            columns: operator.head_dim as f64,
            unpacked: group > packed as f64 && operator.head_dim != COMMON_WIDTH,
        }
    }

    /// Query heads that share a key/value head.
    fn group(&self) -> f64 {
        self.operator.heads as f64 / self.operator.kv_heads as f64
    }

    fn cache_bytes(&self) -> f64 {
        2.0 * self.items * self.keys * self.columns * self.operator.cache.bytes()
    }

    /// Reading the cache, from main memory or from where the last run left it.
    fn memory(&self, device: &Device, parameters: &Parameters, units: &Units, cache: Cache) -> f64 {
        let widest = if units.apart { WIDEST_HEAD_APART } else { WIDEST_HEAD };
        let wide = if self.operator.head_dim > widest { WIDE_BANDWIDTH } else { 1.0 };
        let main = copied(device, units, device.memory.bandwidth.0 * parameters.bandwidth * wide);
        let bytes = self.operator.memory_bytes();
        let resident = match cache {
            Cache::Cold => 0.0,
            Cache::Warm => resident(bytes, device.on_chip.shared.0 as f64),
        };
        let near = (PORT * PORT_WARM * units.count / units.cycle).max(main);
        bytes * (resident / near + (1.0 - resident) / main)
    }

    /// Both products, in whole tiles of rows.
    fn arithmetic(&self, parameters: &Parameters, units: &Units) -> f64 {
        // The narrowest tile of the matrix units' instructions; only speculation and wide groups fill more than one.
        const NARROWEST: f64 = 16.0;
        let rows = (self.rows / NARROWEST).ceil() * NARROWEST;
        let operations = 4.0 * self.items * self.keys * rows * self.columns;
        units.shared(operations / (units.operations * parameters.arithmetic))
    }

    /// Widening an 8-bit cache to the format of the products, by each head of an unpacked group for itself. Matrix units that take operands from local memory
    /// alone cannot widen on the way: their kernels narrow the queries instead.
    fn widening(&self, units: &Units) -> f64 {
        let narrow = self.operator.cache.bits() < 16.0 && self.operator.compute.bits() >= 16.0;
        let times = if self.unpacked { self.group() } else { 1.0 };
        let elements = 2.0 * self.items * self.keys * self.columns * times;
        if narrow && !units.apart { units.shared(elements / WIDENED) } else { 0.0 }
    }

    /// Each head of an unpacked group reads the same keys and values through the shared memory.
    fn rereading(&self, units: &Units) -> f64 {
        if !self.unpacked {
            return 0.0;
        }
        let keys = self.items * self.keys * self.group();
        units.shared(keys * UNPACKED_KEY + self.cache_bytes() * self.group() / PORT)
    }

    /// What the items cost beside their bytes, over all units.
    fn item_cycles(&self) -> f64 {
        let heads = self.operator.batch as f64 * self.operator.heads as f64;
        if self.unpacked {
            return heads * self.operator.queries as f64 * UNPACKED_ITEM;
        }
        let packing = if self.rows > 1.0 { 1.0 + PACKING } else { 1.0 };
        let item = (ITEM + ITEM_COLUMN * self.columns) * packing;
        let rows = heads * self.operator.queries as f64 * ROW * self.columns / ROW_COLUMNS;
        self.items * item + rows
    }

    /// The way through one chunk, and combining the parts of a split context.
    fn chain_cycles(&self, units: &Units) -> f64 {
        let rows = if units.apart { TILE_ROWS_APART } else { TILE_ROWS };
        let per_key = CHAIN * rows * 4.0 * self.columns / units.operations;
        let chunk = per_key * self.keys.min(CHUNK);
        let idle = self.items < units.count;
        let combine = if idle { COMBINE * (self.keys / CHUNK).max(1.0).log2() } else { 0.0 };
        chunk + combine
    }
}

/// Bytes per second of which the memory gives `rate`, where threads copy them.
fn copied(device: &Device, units: &Units, rate: f64) -> f64 {
    if device.dispatch != Dispatch::Kernels || device.copies_in_bulk() {
        return rate;
    }
    1.0 / (1.0 / rate + units.cycle / (COPIED * device.units as f64))
}

/// The part of `bytes` that a last level of `capacity` bytes still holds when the same bytes are read again.
fn resident(bytes: f64, capacity: f64) -> f64 {
    let (all, none) = (WARM_FILL.0 * capacity, WARM_FILL.1 * capacity);
    if none <= 0.0 {
        return 0.0;
    }
    ((none - bytes) / (none - all)).clamp(0.0, 1.0)
}
