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

impl Activations {
    /// Those of `tokens` tokens from token `first` on.
    pub fn part(self, first: usize, tokens: usize) -> Activations {
        Activations {
            codes: self.codes.wrapping_add(first * self.code_stride),
            scales: self.scales.wrapping_add(first * self.scale_stride),
            tokens,
            ..self
        }
    }
}

// SAFETY: plain data; who reads what it describes promises that it is there.
unsafe impl Send for Activations {}
// SAFETY: as above.
unsafe impl Sync for Activations {}

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
    /// The layout of `records`; `None` after the scalar set prepared.
    pub(super) layout: Option<Layout>,
    /// What was prepared.
    pub(super) source: Option<Activations>,
    /// `[token][blocks]`, as read.
    pub(super) raw_scales: Vec<u16>,
    /// What `dense` wants to know of a token's block, and its codes, in the order in which it reads them.
    pub(super) records: Vec<Line>,
    /// `[token]`: the pattern that a sum starts from.
    pub(super) start: Vec<u64>,
    /// Of every piece of [`PIECE`] tokens.
    pub(super) pieces: Vec<Piece>,
    /// `[piece][block]`: the largest product of a token's scale (in units of the grid) and the sum of its block's magnitudes.
    pub(super) block_max: Vec<f64>,
}

/// Tokens that are filled in together.
pub(super) const PIECE: usize = 16;

/// What is known of a piece of the tokens.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Piece {
    /// Flags of the activations themselves.
    pub flags: Flags,
    /// The largest of the piece's `block_max`; infinite when the fast path is not allowed.
    pub max_factor: f64,
}

/// The parts of a [`Prepared`] that has been opened, to be filled in piece by piece, by several threads.
#[derive(Clone, Copy, Debug)]
pub struct Filling {
    pub(super) kind: WeightKind,
    pub(super) layout: Option<Layout>,
    pub(super) tokens: usize,
    pub(super) blocks: usize,
    pub(super) g: i32,
    pub(super) scales: *const u16,
    pub(super) records: *mut u8,
    pub(super) start: *mut u64,
    pub(super) pieces: *mut Piece,
    pub(super) block_max: *mut f64,
}

// SAFETY: plain data; who fills a piece promises to be the only one.
unsafe impl Send for Filling {}
// SAFETY: as above.
unsafe impl Sync for Filling {}

impl Filling {
    /// Pieces that have to be filled in.
    pub fn pieces(&self) -> usize {
        self.tokens.div_ceil(PIECE)
    }

    /// The tokens of a piece.
    pub(super) fn piece(&self, piece: usize) -> std::ops::Range<usize> {
        piece * PIECE..((piece + 1) * PIECE).min(self.tokens)
    }
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

    /// Begins anew: sizes, and the scales as they are.
    ///
    /// # Safety
    /// `x` must describe readable memory.
    pub(super) unsafe fn read_scales(&mut self, kind: WeightKind, x: &Activations, g: i32) {
        (self.kind, self.tokens, self.blocks, self.g, self.layout) = (Some(kind), x.tokens, x.blocks, g, None);
        self.source = Some(*x);
        self.raw_scales.clear();
        self.pieces.clear();
        for token in 0..x.tokens {
            // SAFETY: the caller promises `blocks` scales per token.
            unsafe {
                let scales = x.scales.add(token * x.scale_stride).cast::<u16>();
                self.raw_scales.extend((0..x.blocks).map(|b| u16::from_le(scales.add(b).read_unaligned())));
            }
        }
    }

    /// Where the pieces are to be filled in, after [`super::Kernels::open`]; of use until this is opened again or goes.
    pub fn filling(&mut self) -> Filling {
        Filling {
            kind: self.kind.expect("activations are opened before they are filled in"),
            layout: self.layout,
            tokens: self.tokens,
            blocks: self.blocks,
            g: self.g,
            scales: self.raw_scales.as_ptr(),
            records: self.records.as_mut_ptr().cast(),
            start: self.start.as_mut_ptr(),
            pieces: self.pieces.as_mut_ptr(),
            block_max: self.block_max.as_mut_ptr(),
        }
    }

    /// Flags of the activations themselves.
    pub(super) fn flags(&self) -> Flags {
        self.pieces.iter().fold(Flags::NONE, |all, piece| all | piece.flags)
    }

    /// The largest product of a scale and its block's magnitudes; infinite when the fast path is not allowed.
    pub(super) fn max_factor(&self) -> f64 {
        self.pieces.iter().fold(0.0, |most, piece| piece.max_factor.max(most))
    }

    /// The same of one block.
    pub(super) fn block_max(&self, block: usize) -> f64 {
        self.block_max.chunks_exact(self.blocks).fold(0.0, |most, piece| piece[block].max(most))
    }

    /// One token as the oracle takes it.
    ///
    /// # Safety
    /// What was prepared must still be there, as it was.
    unsafe fn token(&self, token: usize) -> grid::Activations<'_> {
        let source = self.source.expect("activations are prepared before they are used");
        let codes = source.codes.wrapping_add(token * source.code_stride);
        grid::Activations {
            // SAFETY: the caller promises `32 * blocks` codes per token.
            codes: unsafe { std::slice::from_raw_parts(codes, self.blocks * BLOCK) },
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
            // SAFETY: the caller promises that the activations are still there.
            let (value, raised) = grid::matmul_row(kind, &tiles, row, unsafe { x.token(token) }, x.g);
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
