//! The walk over tiles (`puce_matrix_steps`). What a step multiplies does not matter here, only which is a tile's last.

use arch::chip::MatrixSpec;
use base::tile::BLOCK;

use super::product::Product;

/// What the walk finds in a cycle.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// A tile is here.
    pub tile: bool,
    /// A block of activations is here.
    pub acts: bool,
    /// A set of accumulators is free.
    pub set: bool,
}

/// What the walk does in a cycle.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// A step goes to the lanes (`valid_o`).
    pub goes: bool,
    /// A tile is given back without a step, for there are no tokens (`drop_o`).
    pub drops: bool,
    /// The tile's codes are given back (`tile_release_o`).
    pub tile_end: bool,
    /// It is the last step of a row of tiles.
    pub row_end: bool,
    /// A set of accumulators is taken (`set_take_o`).
    pub takes_set: bool,
}

/// The twin of `puce_matrix_steps`.
#[derive(Clone, Debug)]
pub struct Steps {
    /// Halves of a tile, tokens at once, steps of a 4-bit block.
    halves: i64,
    columns: i64,
    steps: i64,
    busy: bool,
    running: bool,
    /// Steps of a tile, and those of this one that are left.
    tile_steps: i64,
    left: i64,
    block: i64,
    /// Tiles that are left.
    tiles: i64,
}

impl Steps {
    /// For an engine of this shape, as after reset.
    pub fn new(spec: &MatrixSpec) -> Steps {
        Steps {
            halves: (BLOCK / spec.rows) as i64,
            columns: spec.columns as i64,
            steps: (BLOCK / spec.depth) as i64,
            busy: false,
            running: false,
            tile_steps: 0,
            left: 0,
            block: 0,
            tiles: 0,
        }
    }

    /// Whether tiles are left (`busy_o`).
    pub fn busy(&self) -> bool {
        self.busy
    }

    /// What happens in this cycle.
    pub fn walk(&self, product: &Product, ready: Ready) -> Walk {
        let drops = self.busy && product.tokens == 0 && ready.tile;
        let begins = ready.tile && ready.acts && (self.block != 0 || ready.set);
        let goes = self.busy && product.tokens != 0 && (self.running || begins);
        let tile_end = drops || goes && self.left == 1;
        Walk {
            goes,
            drops,
            tile_end,
            row_end: goes && tile_end && self.block == product.blocks - 1,
            takes_set: goes && !self.running && self.block == 0,
        }
    }

    /// One clock edge: a product begins, or what the cycle's walk was.
    pub fn step(&mut self, product: &Product, start: bool, walk: Walk) {
        if start {
            return self.begin(product);
        }
        if walk.goes {
            self.running = !walk.tile_end;
            self.left -= 1;
        }
        if walk.tile_end {
            self.left = self.tile_steps;
            self.block = if self.block == product.blocks - 1 { 0 } else { self.block + 1 };
            self.tiles -= 1;
            self.busy = self.tiles != 0;
        }
    }

    fn begin(&mut self, product: &Product) {
        let groups = (product.tokens + self.columns - 1) / self.columns;
        self.tile_steps = self.halves * groups * self.steps * product.kind.code_bits() as i64 / 4;
        (self.busy, self.running) = (true, false);
        (self.left, self.block, self.tiles) = (self.tile_steps, 0, product.tiles());
    }
}
