//! From full accumulators to written results (`puce_matrix_out`).

use base::tile::BLOCK;

use super::product::Product;
use crate::cycles::wires::{Access, Ask, WORD};

/// Values of a written word.
const VALUES: usize = 8;
/// Words that have been asked for and not been written, at most (`FifoDepth`).
const PENDING: u32 = 8;
/// Cycles from reading accumulators to the word in the queue (`Stages`).
const STAGES: u32 = 6;
/// Words of a token in a row of tiles, and their bytes.
const TILE_WORDS: i64 = (BLOCK / VALUES) as i64;
const TILE_BYTES: i64 = TILE_WORDS * WORD;

/// The twin of `puce_matrix_out`.
#[derive(Clone, Debug)]
pub struct Out {
    /// Reads that make a word.
    parts: u32,
    reading: bool,
    set: usize,
    /// Reads of this row of tiles that are left, and rows of tiles.
    reads_left: i64,
    rows_left: i64,
    part: u32,
    pending: u32,
    /// Words on their way to the queue, bit 0 asked for a cycle ago; words in it.
    way: u32,
    queue: u32,
    writing: bool,
    /// Bytes: of the group, of its part, of the row of tiles, of the token.
    group_at: i64,
    sub_at: i64,
    tile_at: i64,
    token_at: i64,
    sub: i64,
    row_tile: i64,
    groups: i64,
    token: i64,
    word: i64,
}

impl Out {
    /// For an engine of so many rows, as after reset.
    pub fn new(rows: usize) -> Out {
        Out {
            parts: (VALUES / rows.min(VALUES)) as u32,
            reading: false,
            set: 0,
            reads_left: 0,
            rows_left: 0,
            part: 0,
            pending: 0,
            way: 0,
            queue: 0,
            writing: false,
            group_at: 0,
            sub_at: 0,
            tile_at: 0,
            token_at: 0,
            sub: 0,
            row_tile: 0,
            groups: 0,
            token: 0,
            word: 0,
        }
    }

    /// Whether words are still to be written (`busy_o`).
    pub fn busy(&self) -> bool {
        self.writing
    }

    /// What the port asks for (`req_o`).
    pub fn ask(&self) -> Option<Ask> {
        (self.queue != 0).then_some(Ask { word: self.token_at / WORD + self.word, access: Access::Write })
    }

    /// One clock edge: a product begins, sets of accumulators are full, the port takes the word. The set that is given back.
    pub fn step(&mut self, product: &Product, start: bool, full: [bool; 2], granted: bool) -> Option<usize> {
        let written = granted && self.queue != 0;
        let asks = self.reading && (product.blocks == 0 || full[self.set]) && self.pending < PENDING;
        if !asks && !start && self.way == 0 && self.queue == 0 {
            return None;
        }
        let word_end = asks && self.part == self.parts - 1;
        let push = self.way >> (STAGES - 1) & 1;
        self.pending = self.pending + u32::from(word_end) - u32::from(written);
        self.queue = self.queue + push - u32::from(written);
        self.way = self.way << 1 & ((1 << STAGES) - 1) | u32::from(word_end);
        let mut released = None;
        if start {
            self.begin(product);
        } else {
            if asks {
                released = self.read(product);
            }
            if written {
                self.write(product);
            }
        }
        released
    }

    fn begin(&mut self, product: &Product) {
        (self.reading, self.writing) = (true, true);
        self.part = 0;
        self.reads_left = product.tokens * TILE_WORDS * i64::from(self.parts);
        self.rows_left = product.groups * product.row_tiles;
        let out = product.out;
        (self.group_at, self.sub_at, self.tile_at, self.token_at) = (out, out, out, out);
        (self.sub, self.row_tile, self.token, self.word) = (0, 0, 0, 0);
        self.groups = product.groups;
    }

    fn read(&mut self, product: &Product) -> Option<usize> {
        self.part = if self.part == self.parts - 1 { 0 } else { self.part + 1 };
        self.reads_left -= 1;
        if self.reads_left != 0 {
            return None;
        }
        self.reads_left = product.tokens * TILE_WORDS * i64::from(self.parts);
        self.rows_left -= 1;
        self.reading = self.rows_left != 0;
        let set = self.set;
        (product.blocks != 0).then(|| {
            self.set ^= 1;
            set
        })
    }

    fn write(&mut self, product: &Product) {
        self.word += 1;
        if self.word != TILE_WORDS {
            return;
        }
        self.word = 0;
        self.token += 1;
        self.token_at += product.out_step;
        if self.token != product.tokens {
            return;
        }
        self.token = 0;
        self.row_tile += 1;
        self.tile_at += TILE_BYTES;
        if self.row_tile == product.row_tiles {
            self.group_done(product);
        }
        self.token_at = self.tile_at;
    }

    fn group_done(&mut self, product: &Product) {
        self.row_tile = 0;
        self.sub += 1;
        self.sub_at += product.out_sub;
        if self.sub == product.sub {
            self.sub = 0;
            self.group_at += product.out_group;
            self.sub_at = self.group_at;
        }
        self.tile_at = self.sub_at;
        self.groups -= 1;
        self.writing = self.groups != 0;
    }
}
