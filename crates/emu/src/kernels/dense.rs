//! The matrix kernel, generic over the vector width: exact sums on a grid at the speed of the dot products.
//!
//! Per block of 32 columns, row and token: an integer dot product, its conversion to binary64, one fused multiply-add with the weight's scale whose
//! result *is* the rounded term, and one integer addition of the bit pattern. All of it is vertical: rows lie in lanes, so nothing is ever
//! summed across a register.
//!
//! The token's scale costs nothing per row. It is a short integer times a power of two: the integer goes into the dot product, and the power of two
//! moves the constant that the multiply-add rounds against ([`Term::magic`]: 1.5 * 2^52 in units where the grid's step is the last place). What
//! the constants contribute to the sum of the patterns is known beforehand and is where the sum starts.
//!
//! Few tokens wait for memory: the tile's codes are unpacked in registers ([`Packed`]). More tokens wait for arithmetic: the tile is unpacked once into
//! the first-level cache ([`Expanded`]), scales as binary64, and reused by every token. Both are one kernel with another source. For many tokens the
//! scales are multiplied by every mantissa beforehand ([`Tabled`]), and terms are made while other rows are multiplied ([`flow`]).
//!
//! The largest raw scales are gathered on the way. If they do not exclude that a term leaves the window, or include a NaN, the oracle
//! computes the 32 rows again.

mod finish;
mod flow;
mod prepare;
mod source;

pub(super) use self::finish::plain;
use self::finish::write;
pub(super) use self::prepare::{fill, open};
use self::source::{Expanded, Packed, Source, Tabled, expand, pairs, tabled_bytes, tabulate};
use super::lanes::Lanes;
use super::matmul::{
    self, Activations, Filling, Line, PIECE, Piece, Prepared, Scratch, Tiles, power_of_two, reserve, to_f64,
};
use base::status::Flags;
use base::tile::{BLOCK, Exact, WeightKind};
use std::ops::Range;

/// 1.5 * 2^52.
pub(super) const MAGIC: f64 = 6_755_399_441_055_744.0;
/// 2^52, where an integer's place in binary64 begins, and 2^31, which makes a 32-bit integer positive.
pub(super) const TWO_52: f64 = 4_503_599_627_370_496.0;
pub(super) const TWO_31: f64 = 2_147_483_648.0;
/// Tokens from which unpacking a tile into memory pays.
const EXPAND_FROM: usize = 4;
/// Tokens from which a tile's scales pay to be multiplied by every mantissa beforehand ([`Tabled`]).
const TABLE_FROM: usize = 16;
/// Tiles with tables that the tokens meet one after the other, the sums staying in registers: as many as the first-level cache holds.
const TOGETHER: usize = 9;
/// The mantissas of an A8 scale: one bit before and three bits behind the point.
const MANTISSAS: std::ops::Range<i32> = 8..16;
/// Tiles between the one in work and the one that is fetched.
const AHEAD: usize = 6;
/// The fast path is for grids whose powers of two leave room in binary64.
const GRID_RANGE: std::ops::RangeInclusive<i32> = -400..=400;

/// How the activations of a block are arranged for a kind of dot product.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Layout {
    /// 32-bit steps per block: 8 of four bytes, or 16 of two 16-bit integers.
    steps: usize,
    /// What was added to a weight's code to make it unsigned.
    offset: i32,
    form: Form,
    /// Whether the tokens' mantissas are all of [`MANTISSAS`] and choose among products made beforehand.
    tabled: bool,
}

/// What a row's dot product is gathered in, and how it becomes binary64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// Two 16-bit sums, positive because they start at the largest sum that can be taken off.
    Halves,
    /// The same, but with any sign: codes too large to leave room.
    SignedHalves,
    /// 32 bits, the token's mantissa in the activations; starts at 2^31.
    Pairs,
    /// 32 bits, the mantissa multiplied after the conversion; starts at 2^31.
    Quads,
}

/// What a token's block needs besides its codes, which follow it in memory.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct Term {
    /// 1.5 * 2^52 in units of 2^g / (the token's power of two).
    magic: f64,
    /// The sum of the codes times the mantissa of the scale.
    sums: f64,
    /// See [`Lanes::place`].
    place: f64,
    /// Where the dot product starts.
    init: u32,
    /// The mantissa of the scale, twice ([`Layout::tabled`]: its place among [`MANTISSAS`]).
    mantissas: u32,
}

/// A token's scale: `mantissa * 2^power` in units of the grid.
#[derive(Clone, Copy)]
struct Scale {
    mantissa: i32,
    power: i32,
}

impl Layout {
    /// The layout that `L` wants for `kind`.
    fn of<L: Lanes>(kind: WeightKind) -> Layout {
        let nibbles = kind.code_bits() == 4;
        let offset = match kind {
            WeightKind::I4m => 0,
            WeightKind::I4s => 8,
            WeightKind::Mx4 => 12,
            _ if L::BYTES_AS_PAIRS => 0,
            _ => 128,
        };
        let form = match (L::BYTES_AS_PAIRS, nibbles) {
            (true, true) if kind == WeightKind::Mx4 => Form::SignedHalves,
            (true, true) => Form::Halves,
            (true, false) => Form::Pairs,
            (false, _) => Form::Quads,
        };
        Layout { steps: if form == Form::Pairs { 16 } else { 8 }, offset, form, tabled: false }
    }

    /// The layout for these activations: with a table of products where it pays and every scale has one of the mantissas.
    fn fitting<L: Lanes>(x: &Prepared, kind: WeightKind) -> Layout {
        let layout = Layout::of::<L>(kind);
        let short = |scale: &u16| scale & 0x800f == 0 && (*scale == 0 || (0x0080..0x7f80).contains(scale));
        let tabled = layout.form == Form::Quads && x.tokens >= TABLE_FROM && x.raw_scales.iter().all(short);
        Layout { tabled, ..layout }
    }

    /// Bytes of one token's block: a [`Term`] and its codes.
    const fn record(steps: usize) -> usize {
        size_of::<Term>() + 4 * steps
    }

    /// The steps of one block.
    #[inline(always)]
    fn arrange(self, codes: &[i8; BLOCK], mantissa: i32, out: &mut [u32]) {
        let word = |a: i8| (a as i16).wrapping_mul(mantissa as i16) as u16 as u32;
        let pair = |a: i8, b: i8| word(a) | word(b) << 16;
        let (quads, _) = codes.as_chunks::<4>();
        if self.form == Form::Pairs {
            for (out, quad) in out.as_chunks_mut::<2>().0.iter_mut().zip(quads) {
                *out = [pair(quad[0], quad[2]), pair(quad[1], quad[3])];
            }
        } else {
            // A fixed length, so that the block is moved as one vector.
            let out: &mut [u32; BLOCK / 4] = out.first_chunk_mut().expect("eight steps of four codes");
            *out = std::array::from_fn(|step| u32::from_le_bytes(quads[step].map(|c| c as u8)));
        }
    }

    /// The term of a token's block, given the sums of its codes and magnitudes ([`Lanes::sums`]).
    #[inline(always)]
    fn term(self, scale: Scale, [sums, magnitudes]: [[i32; 2]; 2]) -> Term {
        let Scale { mantissa, power } = scale;
        let (sum, twice) = (sums[0] + sums[1], |[a, b]: [i32; 2]| a as i16 as u16 as u32 | (b as u32) << 16);
        let offset = self.offset * sum;
        let (init, place) = match self.form {
            Form::Halves => {
                // One more than the largest sum of negative products: then only a negative mantissa makes a negative integer.
                let start = [0, 1].map(|half| 15 * (magnitudes[half] - sums[half]) / 2 + 1);
                let wrapped = if mantissa < 0 { 4_294_967_296.0 } else { 0.0 };
                (twice(start), (mantissa * (start[0] + start[1] + offset)) as f64 + wrapped + TWO_52)
            }
            Form::SignedHalves => (twice(sums.map(|sum| -self.offset * sum)), TWO_52 + TWO_31),
            Form::Pairs => (1 << 31, TWO_52 + TWO_31),
            Form::Quads => ((1u32 << 31).wrapping_sub(offset as u32), mantissa as f64),
        };
        let magic = MAGIC * power_of_two(-power);
        let mantissas = if self.tabled { (mantissa - MANTISSAS.start) as u32 } else { twice([mantissa; 2]) };
        Term { magic, sums: (sum * mantissa) as f64, place, init, mantissas }
    }
}

/// What the power of two of the format adds to a scale.
fn scale_power(kind: WeightKind) -> i32 {
    match kind {
        WeightKind::Mx8 => -6,
        WeightKind::Mx4 => -1,
        _ => 0,
    }
}

/// The kind with code `K`.
const fn kind_of(k: u8) -> WeightKind {
    WeightKind::ALL[k as usize]
}

/// Whether the codes of kind `K` have four bits.
const fn nibbles(k: u8) -> bool {
    matches!(kind_of(k), WeightKind::I4s | WeightKind::I4m | WeightKind::Mx4)
}

/// Whether kind `K` has a minimum.
const fn has_min(k: u8) -> bool {
    matches!(kind_of(k), WeightKind::I4m | WeightKind::I8m)
}

/// Prepared activations from some block and token on, and where their sums are.
#[derive(Clone, Copy)]
struct Tokens {
    records: *const u8,
    /// Bytes from a token's record of one block to that of the next.
    next: usize,
    /// `[token][32]` bit patterns.
    acc: *mut f64,
    /// `[token]`: the pattern that a sum starts from.
    start: *const u64,
}

impl Tokens {
    /// Those of a few tokens from `t` on (a multiple of [`ABREAST`]), from block `first` on.
    #[inline(always)]
    unsafe fn new(x: &Prepared, steps: usize, first: usize, t: usize, acc: *mut f64) -> Tokens {
        let at = place(x.tokens, x.blocks, t, first) * Layout::record(steps);
        // SAFETY: there is a record of each block and token, and a sum of each token.
        unsafe {
            let next = abreast(x.tokens, t) * Layout::record(steps);
            Tokens {
                records: x.records.as_ptr().cast::<u8>().add(at),
                next,
                acc: acc.add(t * BLOCK),
                start: x.start.as_ptr().add(t),
            }
        }
    }

    /// `n` tokens on, of those that are abreast.
    #[inline(always)]
    unsafe fn skip(self, n: usize, steps: usize) -> Tokens {
        // SAFETY: the caller stays within the prepared tokens.
        unsafe {
            let (acc, start) = (self.acc.add(n * BLOCK), self.start.add(n));
            Tokens { records: self.records.add(n * Layout::record(steps)), acc, start, ..self }
        }
    }
}

/// Tokens that the kernel takes together, whose records lie side by side, block after block.
const ABREAST: usize = 4;

/// As many tokens as lie beside token `t` of all.
#[inline(always)]
fn abreast(tokens: usize, t: usize) -> usize {
    ABREAST.min(tokens - t / ABREAST * ABREAST)
}

/// The number of a token's record of a block.
#[inline(always)]
fn place(tokens: usize, blocks: usize, t: usize, b: usize) -> usize {
    t / ABREAST * ABREAST * blocks + b * abreast(tokens, t) + t % ABREAST
}

/// Tiles of one form, side by side: as many blocks.
#[derive(Clone, Copy)]
struct Run {
    start: *const u8,
    count: usize,
    /// Bytes from tile to tile.
    step: usize,
    /// Whether these are the first tiles of their row, with tables: nothing has been gathered yet.
    fresh: bool,
}

/// The sums of a vector of rows from `row` on.
// The indices run over arrays and addresses together, as in the functions below.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
unsafe fn load<L: Lanes, S: Source<L>, const T: usize>(run: Run, row: usize, x: Tokens) -> [[L::Wide; 2]; T] {
    // SAFETY: the caller promises `T` tokens and the rows.
    unsafe {
        let mut acc = [[L::splat_f64(0.0); 2]; T];
        for t in 0..T {
            for half in 0..2 {
                acc[t][half] = if S::TABLED && run.fresh {
                    L::splat_f64(f64::from_bits(*x.start.add(t)))
                } else {
                    L::load_f64(x.acc.add(t * BLOCK + row + half * L::ROWS / 2))
                };
            }
        }
        acc
    }
}

/// Writes them back.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
unsafe fn store<L: Lanes, const T: usize>(row: usize, x: Tokens, acc: &[[L::Wide; 2]; T]) {
    for t in 0..T {
        for half in 0..2 {
            // SAFETY: the caller promises `T` tokens and the rows.
            unsafe { L::store_f64(x.acc.add(t * BLOCK + row + half * L::ROWS / 2), acc[t][half]) };
        }
    }
}

/// One step of a dot product.
#[inline(always)]
unsafe fn multiply<L: Lanes, const K: u8>(acc: L::Int, w: L::Int, x: L::Int) -> L::Int {
    // SAFETY: the caller's processor has the features.
    unsafe { if nibbles(K) { L::nibble_step(acc, w, x) } else { L::byte_step(acc, w, x) } }
}

/// Adds the terms of a run of blocks: `V` vectors of rows from `row` on, `T` tokens. The sums stay in registers from block to block.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
unsafe fn blocks<L: Lanes, S: Source<L>, const K: u8, const V: usize, const T: usize>(run: Run, row: usize, x: Tokens) {
    // SAFETY: the caller promises tiles of the source's form, `T` tokens, and `row + V * ROWS <= 32`.
    unsafe {
        let mut acc = [load::<L, S, T>(run, row, x); V];
        for v in 1..V {
            acc[v] = load::<L, S, T>(run, row + v * L::ROWS, x);
        }
        for b in 0..run.count {
            let (tile, records) = (run.start.add(b * run.step), x.records.add(b * x.next));
            let dot = dots::<L, S, K, V, T>(tile, row, records);
            for v in 0..V {
                let row = row + v * L::ROWS;
                let scales = S::scales(tile, row, 0);
                let mins = if has_min(K) { S::mins(tile, row) } else { scales };
                for t in 0..T {
                    let term = record::<L, K>(records, t);
                    let Term { magic, sums, place, .. } = *term;
                    let (magic, sums) = (L::splat_f64(magic), L::splat_f64(sums));
                    let mut sum = dot[v][t];
                    if nibbles(K) {
                        sum = L::nibble_finish(sum, &raw const (*term).mantissas);
                    }
                    if matches!(kind_of(K), WeightKind::Mx4) {
                        sum = L::signed(sum);
                    }
                    // Sums times one are the sums: the table has seen to the mantissa.
                    let sum = L::place(sum, if S::TABLED { 1.0 } else { place });
                    let scales = if S::TABLED { S::scales(tile, row, (*term).mantissas as usize) } else { scales };
                    for half in 0..2 {
                        let mut term = L::fma(sum[half], scales[half], magic);
                        if has_min(K) {
                            term = L::add_bits(term, L::fma(mins[half], sums, magic));
                        }
                        acc[v][t][half] = L::add_bits(acc[v][t][half], term);
                    }
                }
            }
        }
        for v in 0..V {
            store::<L, T>(row + v * L::ROWS, x, &acc[v]);
        }
    }
}

/// A token's record, counted from that of the first.
#[inline(always)]
unsafe fn record<L: Lanes, const K: u8>(records: *const u8, t: usize) -> *const Term {
    // SAFETY: the caller promises the record.
    unsafe { records.add(t * Layout::record(2 * pairs::<L>(K))).cast() }
}

/// The integer dot products of one tile.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
unsafe fn dots<L: Lanes, S: Source<L>, const K: u8, const V: usize, const T: usize>(
    tile: *const u8,
    row: usize,
    records: *const u8,
) -> [[L::Int; T]; V] {
    // SAFETY: as for `blocks`.
    unsafe {
        let term = |t: usize| record::<L, K>(records, t);
        let codes = |t: usize| term(t).add(1).cast::<u32>();
        let start: [L::Int; T] = std::array::from_fn(|t| L::splat(&raw const (*term(t)).init));
        let mut dot = [start; V];
        for pair in 0..pairs::<L>(K) {
            let w: [[L::Int; 2]; V] = std::array::from_fn(|v| S::codes(tile, row + v * L::ROWS, pair));
            for step in 0..2 {
                for t in 0..T {
                    let xs = L::splat(codes(t).add(2 * pair + step));
                    for v in 0..V {
                        dot[v][t] = L::pin(multiply::<L, K>(dot[v][t], w[v][step], xs));
                    }
                }
            }
        }
        dot
    }
}

/// A run of tiles, the first being that of block `first`, against every token; `between` is called before each part of the tokens with its number and
/// how many there are.
#[inline(always)]
unsafe fn all_tokens<L: Lanes, S: Source<L>, const K: u8>(
    run: Run,
    x: &Prepared,
    first: usize,
    acc: *mut f64,
    between: impl Fn(usize, usize),
) {
    let steps = 2 * pairs::<L>(K);
    for t in (0..x.tokens).step_by(ABREAST) {
        between(t / ABREAST, x.tokens.div_ceil(ABREAST));
        // SAFETY: the caller promises tiles of the source's form; `x` has records of all tokens.
        unsafe {
            let some = Tokens::new(x, steps, first, t, acc);
            match abreast(x.tokens, t) {
                1 => all_rows::<L, S, K, 1>(run, some),
                2 => all_rows::<L, S, K, 2>(run, some),
                3 => {
                    all_rows::<L, S, K, 2>(run, some);
                    all_rows::<L, S, K, 1>(run, some.skip(2, steps));
                }
                _ => all_rows::<L, S, K, ABREAST>(run, some),
            }
        }
    }
}

/// All rows against `T` tokens: as many rows at once as there are registers for.
#[inline(always)]
unsafe fn all_rows<L: Lanes, S: Source<L>, const K: u8, const T: usize>(run: Run, x: Tokens) {
    // SAFETY: as for `blocks`.
    unsafe {
        if const { L::ROWS == 16 && S::TABLED && T == ABREAST && flow::worth(K) } {
            flow::blocks::<L, S, K, T>(run, x);
        } else if L::ROWS == 16 && S::TABLED {
            blocks::<L, S, K, 2, T>(run, 0, x);
        } else if L::ROWS == 16 {
            blocks::<L, S, K, 1, T>(run, 0, x);
            blocks::<L, S, K, 1, T>(run, 16, x);
        } else {
            blocks::<L, S, K, 2, T>(run, 0, x);
            blocks::<L, S, K, 2, T>(run, 16, x);
        }
    }
}

/// The largest raw scales and minimums met, sign removed, by row.
struct Largest {
    scale: [u16; BLOCK],
    min: [u16; BLOCK],
}

impl Largest {
    /// Takes in a tile of kind `K`.
    #[inline(always)]
    unsafe fn see<const K: u8>(&mut self, tile: *const u8) {
        let kind = kind_of(K);
        // SAFETY: the caller promises a whole tile.
        unsafe {
            let scales = tile.add(kind.code_bytes());
            match kind.scale_bytes() {
                2 => larger(&mut self.scale, scales, 0x7fff),
                1 => {
                    let bytes = scales.cast::<[u8; BLOCK]>().read();
                    for (most, byte) in self.scale.iter_mut().zip(bytes) {
                        *most = (*most).max(byte as u16);
                    }
                }
                _ => {}
            }
            if has_min(K) {
                larger(&mut self.min, scales.add(64), 0x7fff);
            }
        }
    }

    /// Whether no term can leave the window, given the largest sum of magnitudes of a block of a token, in units of the grid.
    fn allow(&self, kind: WeightKind, factor: f64) -> bool {
        let most = |of: &[u16; BLOCK]| of.iter().copied().max().unwrap_or(0);
        let code = match kind {
            WeightKind::I4s => 8.0,
            WeightKind::I4m => 15.0,
            WeightKind::Mx4 => 12.0,
            _ => 128.0,
        };
        let magnitude =
            |value: Option<Exact>, code: f64| value.map_or(f64::INFINITY, |v| to_f64(v).abs() * factor * code);
        let limit = base::grid::WINDOW as f64;
        magnitude(kind.decode_scale(most(&self.scale)), code) < limit
            && magnitude(Exact::from_f16(most(&self.min)), 1.0) < limit
    }
}

/// Whether no term of a row of tiles can leave the window, block by block: for when the bound over all blocks is too coarse.
unsafe fn fits<const K: u8>(x: &Prepared, tiles: Tiles) -> bool {
    (0..x.blocks).all(|b| {
        let mut largest = Largest { scale: [0; BLOCK], min: [0; BLOCK] };
        // SAFETY: the caller promises the tiles.
        unsafe { largest.see::<K>(tiles.at(kind_of(K), b)) };
        largest.allow(kind_of(K), x.block_max(b))
    })
}

/// Keeps the larger of each pattern.
#[inline(always)]
unsafe fn larger(most: &mut [u16; BLOCK], at: *const u8, mask: u16) {
    // SAFETY: the caller promises 32 patterns.
    let patterns = unsafe { at.cast::<[u16; BLOCK]>().read_unaligned() };
    for (most, pattern) in most.iter_mut().zip(patterns) {
        *most = (*most).max(u16::from_le(pattern) & mask);
    }
}

/// Asks for memory that will be read soon; any address is allowed.
#[inline(always)]
fn prefetch(at: *const u8, bytes: Range<usize>) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.step_by(64) {
        // SAFETY: a prefetch never faults.
        unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.wrapping_add(line).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (at, bytes);
}

/// Gathers the sums of a row of tiles; false if they cannot be trusted.
#[inline(always)]
unsafe fn gather<L: Lanes, const K: u8>(x: &Prepared, tiles: Tiles, acc: *mut f64, buffer: *mut u8) -> bool {
    let kind = kind_of(K);
    let mut largest = Largest { scale: [0; BLOCK], min: [0; BLOCK] };
    // Pairs never have tables (below it is said so that nothing is compiled for them).
    let tabled = x.layout.is_some_and(|layout| layout.tabled);
    let together = if tabled { TOGETHER } else { 1 };
    for first in (0..x.blocks).step_by(together) {
        let count = together.min(x.blocks - first);
        // SAFETY: the caller promises the tiles; the buffers of `x` have an entry per block and token.
        unsafe {
            let fresh = tabled && first == 0;
            for b in 0..count {
                let tile = tiles.at(kind, first + b);
                if !tabled {
                    prefetch(tiles.ahead(kind, first + b, AHEAD), 0..kind.tile_bytes());
                }
                largest.see::<K>(tile);
                if const { !L::BYTES_AS_PAIRS } && tabled {
                    let to = buffer.add(b * tabled_bytes::<L>(K));
                    expand::<L, K>(tile, to);
                    tabulate::<L, K>(to);
                }
            }
            if const { !L::BYTES_AS_PAIRS } && tabled {
                let run = Run { start: buffer, count, step: tabled_bytes::<L>(K), fresh };
                // While the tokens meet these tiles, a few lines for each are fetched of those that come next.
                let bytes = kind.tile_bytes();
                all_tokens::<L, Tabled<K>, K>(run, x, first, acc, |part, parts| {
                    let (mut at, end) = (part * count * bytes / parts, (part + 1) * count * bytes / parts);
                    while at < end {
                        let (tile, from) = (at / bytes, at % bytes);
                        let to = (from + end - at).min(bytes);
                        prefetch(tiles.ahead(kind, first + tile, count), from..to);
                        at += to - from;
                    }
                });
            } else if x.tokens >= EXPAND_FROM {
                expand::<L, K>(tiles.at(kind, first), buffer);
                all_tokens::<L, Expanded<K>, K>(Run { start: buffer, count, step: 0, fresh }, x, first, acc, |_, _| ());
            } else {
                let run = Run { start: tiles.at(kind, first), count, step: 0, fresh };
                all_tokens::<L, Packed<K>, K>(run, x, first, acc, |_, _| ());
            }
        }
    }
    largest.allow(kind, x.max_factor())
}

/// [`super::Kernels::row_tile`] for kind `K`.
///
/// # Safety
/// As stated there, and the processor must have the features of `L`.
#[inline(always)]
pub(super) unsafe fn row_tile<L: Lanes, const K: u8>(
    x: &Prepared,
    tiles: Tiles,
    rows: usize,
    out: *mut u8,
    stride: usize,
    scratch: &mut Scratch,
) -> Flags {
    let untabled = x.layout.map(|layout| Layout { tabled: false, ..layout });
    assert_eq!(untabled, Some(Layout::of::<L>(kind_of(K))), "activations prepared by another set");
    assert!(rows <= BLOCK, "a tile has 32 rows");
    let acc = reserve(&mut scratch.acc, x.tokens * BLOCK / 8).cast::<f64>();
    let buffer = reserve(&mut scratch.tile, TOGETHER * tabled_bytes::<L>(K) / 64);
    // SAFETY: the buffers were just reserved; the rest is the caller's promise.
    unsafe {
        if x.blocks == 0 || !x.layout.is_some_and(|layout| layout.tabled) {
            let sums = std::slice::from_raw_parts_mut(acc.cast::<[u64; BLOCK]>(), x.tokens);
            sums.iter_mut().zip(&x.start).for_each(|(sums, start)| *sums = [*start; BLOCK]);
        }
        if x.max_factor().is_finite() && (gather::<L, K>(x, tiles, acc, buffer) || fits::<K>(x, tiles)) {
            write::<L>(x, acc, rows, out, stride)
        } else {
            scratch.by_oracle += 1;
            matmul::exact(x, tiles, rows, out, stride)
        }
    }
}
