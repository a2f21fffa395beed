//! The cycles of one mapping.
//!
//! Everything is counted for the core with the most work, except memory, which all cores share. Cycles are binary64 so that a fraction of a byte per
//! cycle counts.

use super::{Mapping, Order, Product, Source};
use arch::Chip;
use base::tile::BLOCK;
use base::units::Seconds;

/// Cycles that an `mm` occupies the matrix engine besides its products: address registers and the change of accumulators. An assumption until the RTL
/// says otherwise.
const ISSUE_CYCLES: f64 = 16.0;
/// Bytes of a result: binary32.
const RESULT_BYTES: u64 = 4;
/// Bytes of one bank's word. The scratchpad of chip `one` then delivers 4 KiB a cycle, twice what its matrix engine takes, as a
/// double-pumped or dual-ported memory does. An assumption until the RTL says otherwise.
const BANK_BYTES: f64 = 128.0;

/// A chip and a product, as numbers that the cost needs.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) cores: u64,
    pub(super) max_tokens: u64,
    columns: u64,
    /// Cycles of one weight tile against up to `columns` tokens.
    steps: f64,
    pub(super) m: u64,
    pub(super) row_tiles: u64,
    column_tiles: f64,
    tile_bytes: f64,
    activation_row: u64,
    scratchpad: u64,
    /// Bytes per cycle of the whole memory, of one core's port, of one core's weight stream and of one core's scratchpad.
    memory: f64,
    port: f64,
    stream: f64,
    pad: f64,
    /// Cycles until the first byte of a read arrives.
    latency: f64,
    frequency: f64,
}

/// Bytes moved by one run.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Parts {
    /// Weights read from memory by all cores.
    pub weights: f64,
    /// Activations read from memory by all cores.
    pub activations: f64,
    /// Results written to memory by all cores.
    pub results: f64,
    /// Activations that one core receives from others.
    pub exchanged: f64,
    /// Bytes in and out of one core's scratchpad.
    pub scratchpad: f64,
    /// Bytes of one core's scratchpad that are in use at most.
    pub footprint: f64,
}

/// What one mapping costs, in cycles.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Cost {
    /// From the first read to the last written byte.
    pub cycles: f64,
    /// Memory, port and weight stream.
    pub memory: f64,
    /// Matrix engine.
    pub arithmetic: f64,
    /// Scratchpad.
    pub scratchpad: f64,
    /// Gathering of activations.
    pub exchange: f64,
    /// What a single buffer does not hide.
    pub stall: f64,
    /// Start and end.
    pub fill: f64,
    /// Bytes moved.
    pub moved: Parts,
}

impl Cost {
    /// Name of the resource that sets the time.
    pub fn bound(&self) -> &'static str {
        let parts = [
            ("memory", self.memory),
            ("arithmetic", self.arithmetic + self.stall),
            ("scratchpad", self.scratchpad),
            ("exchange", self.exchange),
            ("fill", self.fill),
        ];
        parts.into_iter().reduce(|a, b| if b.1 > a.1 { b } else { a }).map_or("fill", |part| part.0)
    }
}

/// A mapping cut down to what the innermost loops vary, with everything that is already settled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    pub row_cores: u64,
    pub token_cores: u64,
    /// Row tiles and tokens of the core with the most.
    pub row_tiles: u64,
    pub tokens: u64,
    /// Token groups with one token more than the others.
    longer: u64,
}

/// A split with the tokens of one `mm`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiled {
    pub split: Split,
    pub tokens: u64,
    /// Token tiles of the core with the most.
    tiles: f64,
    arithmetic: f64,
    weights: f64,
    weights_core: f64,
    results: f64,
    results_core: f64,
}

/// The choices that do not touch rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub order: Order,
    pub source: Source,
    pub activation_buffers: u64,
}

impl Choice {
    /// Every combination.
    pub const ALL: [Choice; 8] = {
        let none = Choice { order: Order::TokensOuter, source: Source::Memory, activation_buffers: 1 };
        let mut all = [none; 8];
        let mut index = 0;
        while index < 8 {
            all[index].order = if index & 1 == 0 { Order::TokensOuter } else { Order::RowsOuter };
            all[index].source = if index & 2 == 0 { Source::Memory } else { Source::Gather };
            all[index].activation_buffers = if index & 4 == 0 { 2 } else { 1 };
            index += 1;
        }
        all
    };
}

impl Machine {
    /// The numbers of `chip` and `product`.
    pub fn new(chip: &Chip, product: &Product) -> Machine {
        let clock = chip.frequency.0;
        let latency = chip.memory.latency.0 * clock;
        let port = chip.memory.port.as_f64();
        // The buffer of the weight stream covers the latency of memory or limits the stream.
        let stream = port.min(chip.matrix.buffer.as_f64() / latency.max(1.0));
        let steps = (BLOCK / chip.matrix.rows) * (BLOCK / chip.matrix.depth);
        Machine {
            cores: chip.core.count as u64,
            max_tokens: chip.matrix.tokens as u64,
            columns: chip.matrix.columns as u64,
            steps: steps as f64,
            m: product.m,
            row_tiles: product.row_tiles(),
            column_tiles: product.column_tiles() as f64,
            tile_bytes: product.weights.tile_bytes() as f64,
            activation_row: product.activation_row(),
            scratchpad: chip.core.scratchpad.0,
            memory: chip.memory.bandwidth.0 / clock,
            port,
            stream,
            pad: chip.core.banks as f64 * BANK_BYTES,
            latency,
            frequency: clock,
        }
    }

    /// Cycles as time.
    pub fn seconds(&self, cycles: f64) -> Seconds {
        Seconds(cycles / self.frequency)
    }

    /// Multiply-accumulates that the product needs, over those that its cycles could have done.
    pub fn utilisation(&self, product: &Product, cycles: f64) -> f64 {
        let useful = product.m as f64 * product.n as f64 * product.k as f64;
        let tile = (BLOCK * BLOCK) as f64 / self.steps;
        useful / (cycles * tile * self.columns as f64 * self.cores as f64)
    }

    /// The cost of a mapping; `None` if it does not fit the chip.
    pub fn cost(&self, mapping: &Mapping) -> Option<Cost> {
        let (row_cores, token_cores) = (mapping.row_cores, mapping.token_cores);
        let one_or_two = |buffers: u64| (1..=2).contains(&buffers);
        let legal = row_cores >= 1
            && token_cores >= 1
            && row_cores * token_cores <= self.cores
            && (1..=self.max_tokens).contains(&mapping.tokens)
            && one_or_two(mapping.activation_buffers)
            && one_or_two(mapping.result_buffers);
        if !legal {
            return None;
        }
        let split = self.split(row_cores, token_cores)?;
        if mapping.tokens > split.tokens || !(1..=split.row_tiles).contains(&mapping.rows) {
            return None;
        }
        let tiled = self.tiled(&split, mapping.tokens);
        let choice =
            Choice { order: mapping.order, source: mapping.source, activation_buffers: mapping.activation_buffers };
        self.finish(&tiled, choice, mapping.rows, mapping.result_buffers)
    }

    /// A split over cores; `None` if some group would have nothing to do.
    pub(super) fn split(&self, row_cores: u64, token_cores: u64) -> Option<Split> {
        if row_cores > self.row_tiles || token_cores > self.m {
            return None;
        }
        Some(Split {
            row_cores,
            token_cores,
            row_tiles: self.row_tiles.div_ceil(row_cores),
            tokens: self.m.div_ceil(token_cores),
            longer: self.m % token_cores,
        })
    }

    /// Token tiles over all token groups, each of which streams the weights once more.
    fn all_tiles(&self, split: &Split, tokens: u64) -> u64 {
        let shorter = self.m / split.token_cores;
        let long = split.longer * (shorter + 1).div_ceil(tokens);
        long + (split.token_cores - split.longer) * shorter.div_ceil(tokens)
    }

    pub(super) fn tiled(&self, split: &Split, tokens: u64) -> Tiled {
        let tiles = split.tokens.div_ceil(tokens);
        let rest = split.tokens - (tiles - 1) * tokens;
        let passes = (tiles - 1) * tokens.div_ceil(self.columns) + rest.div_ceil(self.columns);
        let core_tiles = split.row_tiles as f64 * self.column_tiles;
        let matrix = self.row_tiles as f64 * self.column_tiles * self.tile_bytes;
        let result = |row_tiles: u64, tokens: u64| (row_tiles * BLOCK as u64 * tokens * RESULT_BYTES) as f64;
        Tiled {
            split: *split,
            tokens,
            tiles: tiles as f64,
            arithmetic: core_tiles * self.steps * passes as f64,
            weights: matrix * self.all_tiles(split, tokens) as f64,
            weights_core: core_tiles * self.tile_bytes * tiles as f64,
            results: result(self.row_tiles, self.m),
            results_core: result(split.row_tiles, split.tokens),
        }
    }

    /// The cost once rows and result buffers are chosen; `None` if the scratchpad does not hold it.
    pub(super) fn finish(&self, tiled: &Tiled, choice: Choice, rows: u64, result_buffers: u64) -> Option<Cost> {
        let (split, row) = (&tiled.split, self.activation_row);
        let blocks = split.row_tiles.div_ceil(rows) as f64;
        let result = (rows * BLOCK as u64 * tiled.tokens * RESULT_BYTES) as f64;
        let held = choice.activation_buffers as f64 * tiled.tokens as f64;
        // Both buffers together never hold more than the core's tokens; what they hold stays.
        let resident = held >= split.tokens as f64;
        let held = held.min(split.tokens as f64);
        let footprint = held * row as f64 + result_buffers as f64 * result;
        if footprint > self.scratchpad as f64 {
            return None;
        }
        let again = if choice.order == Order::RowsOuter && !resident { blocks } else { 1.0 };
        let wanted = split.tokens as f64 * row as f64 * again;
        let share = self.share(split, choice.source);
        let activations = wanted * share * (split.row_cores as f64) * self.group_weight(split);
        let loads = tiled.tiles * again;
        let first = tiled.tokens as f64 * row as f64;

        let core = tiled.weights_core + wanted * share + tiled.results_core;
        let memory = (tiled.weights + activations + tiled.results) / self.memory;
        let memory = memory.max(core / self.port).max(tiled.weights_core / self.stream);
        let arithmetic = tiled.arithmetic + ISSUE_CYCLES * tiled.tiles * blocks;
        let exchange = wanted * (1.0 - share) / self.port;
        // Activations are read by every row tile of the weights; results are written once and read once.
        let read = split.row_tiles as f64 * split.tokens as f64 * row as f64;
        let scratch_bytes = read + wanted + 2.0 * tiled.results_core;
        let scratchpad = scratch_bytes / self.pad;

        let load = first * share / self.port + first * (1.0 - share) / self.port;
        let store = result / self.port;
        let mut stall = 0.0;
        if choice.activation_buffers == 1 && !resident {
            stall += (loads - 1.0) * (load + self.latency);
        }
        if result_buffers == 1 {
            stall += (tiled.tiles * blocks - 1.0) * store;
        }
        let weight_tile = self.tile_bytes / self.stream;
        let fill = self.latency + load + weight_tile + store;
        let steady = memory.max(arithmetic + stall).max(scratchpad).max(exchange);
        let moved = Parts {
            weights: tiled.weights,
            activations,
            results: tiled.results,
            exchanged: wanted * (1.0 - share),
            scratchpad: scratch_bytes,
            footprint,
        };
        Some(Cost { cycles: steady + fill, memory, arithmetic, scratchpad, exchange, stall, fill, moved })
    }

    /// What part of its activations a core reads from memory itself.
    fn share(&self, split: &Split, source: Source) -> f64 {
        match source {
            Source::Memory => 1.0,
            Source::Gather => 1.0 / split.row_cores as f64,
        }
    }

    /// All token groups together, in units of the largest.
    fn group_weight(&self, split: &Split) -> f64 {
        self.m as f64 / split.tokens as f64
    }

    /// No mapping of this split costs less.
    pub(super) fn split_bound(&self, split: &Split) -> f64 {
        let tokens = split.tokens.min(self.max_tokens);
        let core_tiles = split.row_tiles as f64 * self.column_tiles;
        let passes = split.tokens.div_ceil(self.columns) as f64;
        let arithmetic = core_tiles * self.steps * passes + ISSUE_CYCLES * split.tokens.div_ceil(tokens) as f64;
        let matrix = self.row_tiles as f64 * self.column_tiles * self.tile_bytes;
        let weights = matrix * self.all_tiles(split, tokens) as f64;
        let activations = self.m as f64 * self.activation_row as f64;
        let results = (self.row_tiles * BLOCK as u64 * self.m * RESULT_BYTES) as f64;
        let memory = (weights + activations + results) / self.memory;
        let weights_core = core_tiles * self.tile_bytes * split.tokens.div_ceil(tokens) as f64;
        let steady = arithmetic.max(memory).max(weights_core / self.stream);
        steady + self.least_fill(1)
    }

    /// No mapping of this split with these tokens costs less.
    pub(super) fn tiled_bound(&self, tiled: &Tiled) -> f64 {
        let split = &tiled.split;
        let row = self.activation_row as f64;
        let own = split.tokens as f64 * row / split.row_cores as f64;
        let core = tiled.weights_core + own + tiled.results_core;
        let memory = (tiled.weights + self.m as f64 * row + tiled.results) / self.memory;
        let memory = memory.max(core / self.port).max(tiled.weights_core / self.stream);
        let arithmetic = tiled.arithmetic + ISSUE_CYCLES * tiled.tiles;
        let read = split.row_tiles as f64 * split.tokens as f64 * row;
        let scratchpad = (read + split.tokens as f64 * row + 2.0 * tiled.results_core) / self.pad;
        memory.max(arithmetic).max(scratchpad) + self.least_fill(tiled.tokens)
    }

    /// Start and end of any mapping with so many tokens a tile: one row tile of results.
    fn least_fill(&self, tokens: u64) -> f64 {
        let load = tokens as f64 * self.activation_row as f64 / self.port;
        let store = (BLOCK as u64 * tokens * RESULT_BYTES) as f64 / self.port;
        self.latency + load + self.tile_bytes / self.stream + store
    }
}
