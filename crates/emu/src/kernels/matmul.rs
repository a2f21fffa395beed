//! What a matrix product works on: activations, tiles, and the buffers that are reused between calls.

use super::dense::Layout;
use base::grid;
use base::status::Flags;
use base::tile::{BLOCK, Exact, WeightKind};

/// The A8 activations of several tokens in memory.
#[derive(Clone, Copy, Debug)]
pub struct Activations {
    /// `32 * blocks` codes of token 0.
    pub codes: *const i8,
    /// Bytes from one token's codes to the next's.
    pub code_stride: usize,
    /// `blocks` BF16 patterns of token 0 (little-endian, any alignment).
    pub scales: *const u8,
    /// Bytes from one token's scales to the next's.
    pub scale_stride: usize,
    /// Number of tokens.
    pub tokens: usize,
    /// Blocks of 32 along the reduction axis.
    pub blocks: usize,
}

/// Where the tiles of one row of tiles lie, one per block of 32 columns.
#[derive(Clone, Copy, Debug)]
pub enum Tiles<'a> {
    /// One after the other.
    Contiguous(*const u8),
    /// From `start`, each this many bytes after the one before.
    Strided(*const u8, usize),
    /// Anywhere.
    Scattered(&'a [*const u8]),
}

impl Tiles<'_> {
    /// The address of tile `block`.
    ///
    /// # Safety
    /// There must be such a tile.
    #[inline(always)]
    pub(super) unsafe fn at(self, kind: WeightKind, block: usize) -> *const u8 {
        // SAFETY: the caller promises that the tile exists.
        unsafe {
            match self {
                Tiles::Contiguous(start) => start.add(block * kind.tile_bytes()),
                Tiles::Strided(start, stride) => start.add(block * stride),
                Tiles::Scattered(list) => *list.get_unchecked(block),
            }
        }
    }
}

impl Tiles<'_> {
    /// Where the tile `n` after `block` is likely to be: an address to fetch, not to trust.
    #[inline(always)]
    pub(super) fn ahead(self, kind: WeightKind, block: usize, n: usize) -> *const u8 {
        match self {
            Tiles::Contiguous(start) => start.wrapping_add((block + n) * kind.tile_bytes()),
            Tiles::Strided(start, stride) => start.wrapping_add((block + n) * stride),
            Tiles::Scattered(list) => list.get(block + n).copied().unwrap_or(list[block]),
        }
    }
}

/// A cache line, to align what vectors walk over.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Line(#[allow(dead_code)] pub [u64; 8]);

/// Buffers of one worker thread, reused between calls.
#[derive(Default, Debug)]
pub struct Scratch {
    pub(super) acc: Vec<Line>,
    pub(super) tile: Vec<Line>,
    pub(super) by_oracle: u64,
}

impl Scratch {
    /// Rows of tiles that the oracle had to compute, because a term might have left the window: thousands of times slower, so worth a look when a
    /// program is slow (its grid is too fine).
    pub fn by_oracle(&self) -> u64 {
        self.by_oracle
    }
}

/// `lines` lines at least, and where they begin. The content is whatever it was.
pub(super) fn reserve(buffer: &mut Vec<Line>, lines: usize) -> *mut u8 {
    if buffer.len() < lines {
        buffer.resize(lines, Line([0; 8]));
    }
    buffer.as_mut_ptr().cast()
}

/// Activations as [`super::Kernels::row_tile`] reads them; shared by all workers of an instruction.
#[derive(Default, Debug)]
pub struct Prepared {
    pub(super) kind: Option<WeightKind>,
    pub(super) tokens: usize,
    pub(super) blocks: usize,
    pub(super) g: i32,
    /// The layout of `codes`; `None` after the scalar set prepared.
    pub(super) layout: Option<Layout>,
    /// `[token][32 * blocks]`, as read.
    pub(super) raw_codes: Vec<i8>,
    /// `[token][blocks]`, as read.
    pub(super) raw_scales: Vec<u16>,
    /// `[block][token]`: what `dense` wants to know of a token's block, and its codes.
    pub(super) records: Vec<Line>,
    /// `[token]`: the pattern that a sum starts from.
    pub(super) start: Vec<u64>,
    /// Flags of the activations themselves.
    pub(super) flags: Flags,
    /// `[block]`: the largest product of a token's scale (in units of the grid) and the sum of its block's magnitudes.
    pub(super) block_max: Vec<f64>,
    /// The largest of `block_max`; infinite when the fast path is not allowed.
    pub(super) max_factor: f64,
}

impl Prepared {
    /// Number of tokens.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Number of blocks of 32 along the reduction axis.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// Copies the activations as they are.
    ///
    /// # Safety
    /// `x` must describe readable memory.
    pub(super) unsafe fn read(&mut self, kind: WeightKind, x: &Activations, g: i32) {
        (self.kind, self.tokens, self.blocks, self.g, self.layout) = (Some(kind), x.tokens, x.blocks, g, None);
        self.raw_codes.clear();
        self.raw_scales.clear();
        for token in 0..x.tokens {
            // SAFETY: the caller promises `32 * blocks` codes and `blocks` scales per token.
            unsafe {
                let codes = x.codes.cast::<u8>().add(token * x.code_stride).cast::<i8>();
                self.raw_codes.extend_from_slice(std::slice::from_raw_parts(codes, x.blocks * BLOCK));
                let scales = x.scales.add(token * x.scale_stride).cast::<u16>();
                self.raw_scales.extend((0..x.blocks).map(|b| u16::from_le(scales.add(b).read_unaligned())));
            }
        }
    }

    /// One token as the oracle takes it.
    fn token(&self, token: usize) -> grid::Activations<'_> {
        grid::Activations {
            codes: &self.raw_codes[token * self.blocks * BLOCK..][..self.blocks * BLOCK],
            scales: &self.raw_scales[token * self.blocks..][..self.blocks],
        }
    }
}

/// The oracle's row of tiles.
///
/// # Safety
/// As for [`super::Kernels::row_tile`].
pub(super) unsafe fn exact(x: &Prepared, tiles: Tiles, rows: usize, out: *mut u8, stride: usize) -> Flags {
    let kind = x.kind.expect("activations are prepared before they are used");
    // SAFETY: the caller promises `blocks` readable tiles.
    let tile = |b| unsafe { std::slice::from_raw_parts(tiles.at(kind, b), kind.tile_bytes()) };
    let tiles: Vec<&[u8]> = (0..x.blocks).map(tile).collect();
    let mut flags = Flags::NONE;
    for token in 0..x.tokens {
        for row in 0..rows {
            let (value, raised) = grid::matmul_row(kind, &tiles, row, x.token(token), x.g);
            flags |= raised;
            // SAFETY: the caller promises room for `rows` values per token.
            unsafe { out.add(token * stride).cast::<f32>().add(row).write_unaligned(value) };
        }
    }
    flags
}

/// `exact` as binary64; the caller knows that it fits.
pub(super) fn to_f64(exact: Exact) -> f64 {
    exact.mantissa as f64 * power_of_two(exact.exponent)
}

/// `2^e` for a normal result.
pub(super) fn power_of_two(e: i32) -> f64 {
    debug_assert!((-1022..1024).contains(&e));
    f64::from_bits(((e + 1023) as u64) << 52)
}
