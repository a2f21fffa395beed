//! The loader of tiles (`puce_matrix_tiles`).

use base::units::Bytes;

use super::product::Product;
use crate::cycles::wires::WORD;

/// The twin of `puce_matrix_tiles`.
#[derive(Clone, Debug)]
pub struct Tiles {
    /// Most words of a cycle.
    port: u32,
    /// Words of a tile, and of its codes.
    tile_len: u32,
    code_len: u32,
    /// Tiles that have not come whole; word of the first of them that comes next.
    left: i64,
    at: u32,
    write: usize,
    read: usize,
    scale_read: usize,
    full: [bool; 2],
    scale_full: [bool; 2],
}

impl Tiles {
    /// For a memory port of so many bytes, as after reset.
    pub fn new(port: Bytes) -> Tiles {
        Tiles {
            port: (port.0 as i64 / WORD) as u32,
            tile_len: 0,
            code_len: 0,
            left: 0,
            at: 0,
            write: 0,
            read: 0,
            scale_read: 0,
            full: [false; 2],
            scale_full: [false; 2],
        }
    }

    /// Whether tiles of a product are to come (`busy_o`).
    pub fn busy(&self) -> bool {
        self.left != 0
    }

    /// Whether the oldest tile is here (`valid_o`).
    pub fn valid(&self) -> bool {
        self.full[self.read]
    }

    /// Words that have a place, of so many on offer (`stream_take_o`).
    fn takes(&self, offered: u32) -> u32 {
        let most = if self.left == 0 { 0 } else { offered.min(self.port) };
        (0..most).find(|&word| !self.open(self.at + word)).unwrap_or(most)
    }

    /// Whether a word at this place, from the start of the tile that comes, can be put away.
    fn open(&self, place: u32) -> bool {
        let beyond = place >= self.tile_len;
        let spot = if beyond { place - self.tile_len } else { place };
        let set = self.write ^ usize::from(beyond);
        let codes = spot < self.code_len;
        let scales = !codes || spot == self.tile_len - 1;
        !(beyond && (self.left == 1 || spot >= self.tile_len))
            && !(codes && self.full[set])
            && !(scales && self.scale_full[set])
    }

    /// One clock edge: tiles of a product begin, words are offered, the oldest codes and the oldest scales are given back. The words that are taken.
    pub fn step(&mut self, start: Option<&Product>, offered: u32, release: bool, scale_release: bool) -> u32 {
        let taken = self.takes(offered);
        self.at += taken;
        if self.left != 0 && self.at >= self.tile_len {
            self.at -= self.tile_len;
            self.left -= 1;
            self.full[self.write] = true;
            self.scale_full[self.write] = true;
            self.write ^= 1;
        }
        if release {
            self.full[self.read] = false;
            self.read ^= 1;
        }
        if scale_release {
            self.scale_full[self.scale_read] = false;
            self.scale_read ^= 1;
        }
        if let Some(product) = start {
            (self.tile_len, self.code_len) = product.tile_words();
            (self.left, self.at) = (product.tiles(), 0);
        }
        taken
    }
}
