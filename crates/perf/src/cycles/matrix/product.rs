//! The operands of one `mm` (`product_t`).

use arch::Instr;
use base::tile::{BLOCK, WeightKind};

use crate::cycles::wires::WORD;

/// What time depends on, negative counts taken as 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Product {
    /// Kind of the weights.
    pub kind: WeightKind,
    /// First byte of the results, and from one token's to the next.
    pub out: i64,
    /// Bytes from one token's results to the next.
    pub out_step: i64,
    /// First byte of the activations.
    pub x: i64,
    /// Bytes from one token's activations to the next.
    pub x_step: i64,
    /// Bytes from one group's activations to the next's.
    pub x_group: i64,
    /// Bytes from one group's results to the next's.
    pub out_group: i64,
    /// Bytes between the parts of a group's results.
    pub out_sub: i64,
    /// Parts of a group.
    pub sub: i64,
    /// Parts in all.
    pub groups: i64,
    /// Rows of tiles.
    pub row_tiles: i64,
    /// Tiles of a row.
    pub blocks: i64,
    /// Tokens.
    pub tokens: i64,
    /// No byte from here on is read if there is one group.
    pub x_end: i64,
    /// No byte from here on is written if there is one group.
    pub out_end: i64,
}

/// At least the bytes from the first token's rows to the last one's (`token_span`).
fn token_span(by: i64, tokens: i64) -> i64 {
    if tokens <= 1 { 0 } else { by << (tokens as u64).next_power_of_two().trailing_zeros() }
}

impl Default for Product {
    fn default() -> Product {
        Product {
            kind: WeightKind::I4s,
            out: 0,
            out_step: 0,
            x: 0,
            x_step: 0,
            x_group: 0,
            out_group: 0,
            out_sub: 0,
            sub: 0,
            groups: 0,
            row_tiles: 0,
            blocks: 0,
            tokens: 0,
            x_end: 0,
            out_end: 0,
        }
    }
}

impl Product {
    /// The operands of a resolved `mm`. Panics on another instruction, which no front hands to this engine.
    pub fn of(instr: &Instr) -> Product {
        let Instr::Mm { kind, out, ostep, x, xstep, rows, k, tokens, groups, sub, xgroup, ogroup, osub, .. } = *instr
        else {
            panic!("{instr} is no command of the matrix engine")
        };
        let (tokens, k, rows) = (tokens.imm.max(0), k.imm.max(0), rows.imm.max(0));
        Product {
            kind,
            out: out.imm,
            out_step: ostep.imm.max(0),
            x: x.imm,
            x_step: xstep.imm.max(0),
            x_group: xgroup.imm.max(0),
            out_group: ogroup.imm.max(0),
            out_sub: osub.imm.max(0),
            sub: sub.imm,
            groups: groups.imm.max(0),
            row_tiles: rows / BLOCK as i64,
            blocks: k / BLOCK as i64,
            tokens,
            x_end: x.imm + token_span(xstep.imm.max(0), tokens) + 2 * k,
            out_end: out.imm + token_span(ostep.imm.max(0), tokens) + 4 * rows,
        }
    }

    /// Whether its activations can be read before the other product has been written (`apart`).
    pub fn apart(&self, other: &Product) -> bool {
        self.groups == 1 && other.groups == 1 && (self.x_end <= other.out || other.out_end <= self.x)
    }

    /// Whether all parts of the engine work for it (`is_whole`).
    pub fn is_whole(&self) -> bool {
        self.groups != 0 && self.row_tiles != 0 && self.blocks != 0 && self.tokens != 0
    }

    /// Tiles of the product.
    pub fn tiles(&self) -> i64 {
        self.groups * self.row_tiles * self.blocks
    }

    /// Words of the stream of a tile, and of its codes.
    pub fn tile_words(&self) -> (u32, u32) {
        let words = |bytes: usize| (bytes as i64 / WORD) as u32;
        (words(self.kind.tile_bytes()), words(self.kind.code_bytes()))
    }
}
