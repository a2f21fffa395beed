//! The fetch of activations (`puce_matrix_acts`).

use base::tile::BLOCK;

use super::product::Product;
use crate::cycles::wires::{Access, Answer, Ask, WORD};

/// Blocks whose scales stand in one word.
const SCALES: i64 = WORD / 2;

/// Cycles from the grant of a read to its data (`SpadLat`).
const LATENCY: u32 = 2;

/// The twin of `puce_matrix_acts`.
#[derive(Clone, Debug, Default)]
pub struct Acts {
    busy: bool,
    /// Scales are asked for, not codes.
    scales: bool,
    groups: i64,
    row_tile: i64,
    block: i64,
    sub: i64,
    token: i64,
    /// Bytes: of the word to ask for; of the first token, the group, the block's codes and its word of scales.
    at: i64,
    base: i64,
    codes_at: i64,
    scales_at: i64,
    write: usize,
    read: usize,
    taken: [bool; 2],
    full: [bool; 2],
    /// Words on their way that complete a set, bit 0 asked for a cycle ago; the set that the oldest completes.
    way: u32,
    fill: usize,
}

impl Acts {
    /// Whether words are still to be asked for (`busy_o`).
    pub fn busy(&self) -> bool {
        self.busy
    }

    /// Whether the oldest set is complete (`valid_o`).
    pub fn valid(&self) -> bool {
        self.full[self.read]
    }

    /// What the port asks for (`req_o`).
    pub fn ask(&self) -> Option<Ask> {
        let asks = self.busy && (self.scales || !self.taken[self.write] || self.token != 0);
        asks.then_some(Ask { word: self.at / WORD, access: Access::Read })
    }

    /// One clock edge: a product begins, the port answers, the oldest set is given back.
    pub fn step(&mut self, product: &Product, start: bool, answer: Answer, release: bool) {
        let granted = answer.taken && self.ask().is_some();
        if !granted && !start && !release && self.way == 0 {
            return;
        }
        let last_token = self.token == product.tokens - 1;
        if granted && !self.scales {
            self.taken[self.write] = true;
        }
        if self.way >> (LATENCY - 1) & 1 == 1 {
            self.full[self.fill] = true;
            self.fill ^= 1;
        }
        self.way = self.way << 1 & ((1 << LATENCY) - 1) | u32::from(granted && !self.scales && last_token);
        if release {
            (self.taken[self.read], self.full[self.read]) = (false, false);
            self.read ^= 1;
        }
        if start {
            self.begin(product);
        } else if granted && !last_token {
            self.token += 1;
            self.at += product.x_step;
        } else if granted {
            self.token = 0;
            self.row_done(product);
        }
    }

    fn begin(&mut self, product: &Product) {
        let codes = product.blocks * BLOCK as i64;
        (self.busy, self.scales) = (true, true);
        self.groups = product.groups;
        (self.row_tile, self.block, self.sub, self.token) = (0, 0, 0, 0);
        (self.base, self.codes_at) = (product.x, product.x);
        (self.scales_at, self.at) = (product.x + codes, product.x + codes);
    }

    /// The words of all tokens have been asked for.
    fn row_done(&mut self, product: &Product) {
        if self.scales {
            self.scales = false;
            self.at = self.codes_at;
            return;
        }
        self.write ^= 1;
        self.block += 1;
        if self.block < product.blocks {
            self.codes_at += WORD;
            self.scales = self.block % SCALES == 0;
            self.scales_at += if self.scales { WORD } else { 0 };
            self.at = if self.scales { self.scales_at } else { self.codes_at };
            return;
        }
        self.block = 0;
        self.scales = true;
        self.row_tile += 1;
        if self.row_tile == product.row_tiles {
            self.group_done(product);
        }
        self.codes_at = self.base;
        self.scales_at = self.base + product.blocks * BLOCK as i64;
        self.at = self.scales_at;
    }

    fn group_done(&mut self, product: &Product) {
        self.row_tile = 0;
        self.sub += 1;
        if self.sub == product.sub {
            self.sub = 0;
            self.base += product.x_group;
        }
        self.groups -= 1;
        self.busy = self.groups != 0;
    }
}
