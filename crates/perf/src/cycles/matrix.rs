//! The matrix engine in time (`puce_matrix`): when it takes words of the stream, reads activations, and writes results.
//!
//! The loader of [`tiles`], the fetch of activations ([`acts`]), the walk over both ([`steps`]) and the way [`out`] are the design's; lanes and sums are a
//! number of cycles on the way from a step to what follows from it.

pub mod acts;
pub mod out;
pub mod product;
pub mod steps;
pub mod tiles;

use arch::{Chip, Instr};
use base::tile::BLOCK;

use self::acts::Acts;
use self::out::Out;
use self::product::Product;
use self::steps::{Ready, Steps};
use self::tiles::Tiles;
use super::wires::{Answer, Ask, Outcome};

/// Cycles from a step to its sums (`LaneLat`).
const LANE: u32 = 3;
/// Cycles from the last sums of a capture to its accumulators (`Stages` of `puce_matrix_sum`).
const SUM: u32 = 7;

/// The twin of `puce_matrix`.
#[derive(Clone, Debug)]
pub struct Matrix {
    next: Option<Product>,
    now: Product,
    /// What is written.
    written: Product,
    busy: bool,
    starting: bool,
    /// The next product's activations are read already; those of the one at work were before it began.
    early: bool,
    read: bool,
    /// The product at work waits for the writer; the one before it is still written.
    waits: bool,
    late: bool,
    done: bool,
    tiles: Tiles,
    acts: Acts,
    steps: Steps,
    out: Out,
    /// Ends of tiles, and of rows of tiles, on their way: bit 0 a cycle ago.
    tile_ends: u64,
    row_ends: u64,
    /// The bits of `row_ends` whose sums are not complete: those of as many cycles as it takes from the end of a row to its full set of accumulators.
    sums: u64,
    /// Sets of accumulators: the next to sum in, the next to be full; those that are taken, those that are full.
    set: usize,
    full_set: usize,
    taken: [bool; 2],
    full: [bool; 2],
}

/// Cycles in which the sums of a group of tokens are placed (`Columns / Units`).
fn chunks(columns: usize, steps: usize) -> usize {
    (1..=columns)
        .find(|units| columns.is_multiple_of(*units) && columns / units <= steps)
        .map_or(1, |units| columns / units)
}

impl Matrix {
    /// The engine of a core of this chip, as after reset.
    pub fn new(chip: &Chip) -> Matrix {
        let spec = &chip.matrix;
        let chunks = chunks(spec.columns, BLOCK / spec.depth) as u32;
        Matrix {
            next: None,
            now: Product::default(),
            written: Product::default(),
            busy: false,
            starting: false,
            early: false,
            read: false,
            waits: false,
            late: false,
            done: false,
            tiles: Tiles::new(chip.memory.port),
            acts: Acts::default(),
            steps: Steps::new(spec),
            out: Out::new(spec.rows),
            tile_ends: 0,
            row_ends: 0,
            sums: (1 << (LANE + chunks + SUM)) - 1,
            set: 0,
            full_set: 0,
            taken: [false; 2],
            full: [false; 2],
        }
    }

    /// What the ports ask for: the reader of activations, the writer of results.
    pub fn asks(&self, _data: [bool; 2]) -> [Option<Ask>; 2] {
        [self.acts.ask(), self.out.ask()]
    }

    /// Nothing inside.
    pub fn idle(&self) -> bool {
        self.next.is_none() && !self.busy && !self.late && !self.done && !self.tiles.busy()
    }

    /// One clock edge: a command is offered, so many words of the stream, and the ports answer. How many words leave the stream.
    pub fn step(&mut self, command: Option<&Instr>, offered: u32, answers: [Answer; 2]) -> (Outcome, u32) {
        let done = self.done;
        let ready = self.next.is_none() && !self.tiles.busy();
        let taken = command.filter(|_| ready).map(Product::of);
        let starting = self.starting;
        let moves = self.now.row_tiles != 0 && self.now.groups != 0;
        let walks = starting && moves && self.now.blocks != 0;
        let reads_early = self.reads_early();
        let reads = reads_early || walks && self.now.tokens != 0 && !self.read;
        let wants_out = self.waits || starting && moves && self.now.tokens != 0;
        let out_busy = self.out.busy();
        let walked = self.busy && !starting && !self.waits && !self.steps.busy() && self.row_ends & self.sums == 0;
        let ends = walked && (!out_busy || self.early);

        let ready = Ready { tile: self.tiles.valid(), acts: self.acts.valid(), set: !self.taken[self.set] };
        let walk = self.steps.walk(&self.now, ready);
        let captured = self.tile_ends >> (LANE - 1) & 1 == 1;
        let full = self.row_ends & !(self.sums >> 1) & self.sums != 0;

        let took = self.tiles.step(taken.as_ref(), offered, walk.tile_end, walk.drops || captured);
        let of = if self.early || reads_early { self.next.as_ref() } else { None };
        self.acts.step(of.unwrap_or(&self.now), reads, answers[0], walk.tile_end && !walk.drops);
        let out_start = wants_out && !out_busy;
        if out_start {
            self.written = self.now;
        }
        let released = self.out.step(&self.written, out_start, self.full, answers[1].taken);
        self.steps.step(&self.now, walks, walk);
        self.sets(walk.takes_set, full, released);
        self.tile_ends = self.tile_ends << 1 | u64::from(walk.tile_end && !walk.drops);
        self.row_ends = self.row_ends << 1 | u64::from(walk.row_end);
        self.set ^= usize::from(walk.row_end);

        self.waits = wants_out && out_busy;
        self.done = (self.late || ends) && !out_busy;
        self.late = (self.late || ends) && out_busy;
        self.commands(taken, ends, reads_early);
        (Outcome { taken: taken.is_some(), done }, took)
    }

    /// Whether the fetch of the next product's activations begins while the one at work goes on.
    fn reads_early(&self) -> bool {
        let Some(next) = &self.next else { return false };
        let at_work = self.busy && !self.starting && !self.waits && !self.late;
        let can = at_work && !self.early && !self.acts.busy();
        can && next.is_whole() && self.now.is_whole() && next.apart(&self.now)
    }

    fn sets(&mut self, takes: bool, full: bool, released: Option<usize>) {
        if takes {
            self.taken[self.set] = true;
        }
        if full {
            self.full[self.full_set] = true;
            self.full_set ^= 1;
        }
        if let Some(set) = released {
            (self.taken[set], self.full[set]) = (false, false);
        }
    }

    fn commands(&mut self, taken: Option<Product>, ends: bool, reads_early: bool) {
        self.starting = self.next.is_some() && !self.busy;
        self.busy = self.busy && !ends;
        self.early |= reads_early;
        if self.starting {
            self.now = self.next.take().unwrap_or_default();
            (self.read, self.early) = (self.early, false);
            self.busy = true;
        }
        if taken.is_some() {
            self.next = taken;
        }
    }
}
