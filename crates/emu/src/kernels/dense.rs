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
//! Few tokens wait for memory: the tile's codes are unpacked in registers ([`Packed`]). Many tokens wait for arithmetic: the tile is unpacked once into
//! the first-level cache ([`Expanded`]), scales as binary64, and reused by every token. Both are one kernel with another source.
//!
//! The largest raw scales are gathered on the way. If they do not exclude that a term leaves the window, or include a NaN, the oracle
//! computes the 32 rows again.

mod finish;
mod source;

use self::finish::write;
use self::source::{Expanded, Packed, Source, TABLE_BYTES, Tabled, expand, expanded_bytes, pairs, tabulate};
use super::lanes::Lanes;
use super::matmul::{self, Activations, Line, Prepared, Scratch, Tiles, power_of_two, reserve, to_f64};
use base::status::Flags;
use base::tile::{BLOCK, Exact, WeightKind};

/// 1.5 * 2^52.
const MAGIC: f64 = 6_755_399_441_055_744.0;
/// 2^52, where an integer's place in binary64 begins, and 2^31, which makes a 32-bit integer positive.
const TWO_52: f64 = 4_503_599_627_370_496.0;
const TWO_31: f64 = 2_147_483_648.0;
/// Tokens from which unpacking a tile into memory pays.
const EXPAND_FROM: usize = 4;
/// Tokens from which a tile's scales pay to be multiplied by every mantissa beforehand ([`Tabled`]).
const TABLE_FROM: usize = 16;
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
    /// 32 bits with sign, the mantissa multiplied after the conversion.
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
            Form::Quads => (-offset as u32, mantissa as f64),
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

/// [`super::Kernels::prepare`].
///
/// # Safety
/// `x` must describe readable memory.
#[inline(always)]
pub(super) unsafe fn prepare<L: Lanes>(kind: WeightKind, x: &Activations, g: i32, p: &mut Prepared) {
    // SAFETY: the caller's promise.
    unsafe { p.read(kind, x, g) };
    let layout = Layout::fitting::<L>(p, kind);
    let record = Layout::record(layout.steps);
    p.layout = Some(layout);
    let records = reserve(&mut p.records, (p.blocks * p.tokens * record).div_ceil(size_of::<Line>()));
    let terms = 1 + (kind.min_bytes() > 0) as u64;
    p.start.clear();
    p.start.resize(p.tokens, MAGIC.to_bits());
    p.block_max.clear();
    p.block_max.resize(p.blocks, 0.0);
    p.flags = Flags::NONE;
    let inside = GRID_RANGE.contains(&g);
    for t in 0..p.tokens {
        for b in 0..p.blocks {
            let codes = &p.raw_codes.as_chunks::<BLOCK>().0[t * p.blocks + b];
            let exact = Exact::from_bf16(p.raw_scales[t * p.blocks + b]);
            p.flags |= if exact.is_none() { Flags::NAN } else { Flags::NONE };
            let mut scale = match exact.filter(|_| inside) {
                Some(exact) => Scale { mantissa: exact.mantissa as i32, power: exact.exponent - g },
                None => Scale { mantissa: 0, power: 0 },
            };
            let mut codes = codes;
            if layout.tabled {
                (scale, codes) = match scale.mantissa {
                    // Zero is in no table: the block itself becomes zero.
                    0 => (Scale { mantissa: MANTISSAS.start, power: 0 }, &[0; BLOCK]),
                    mantissa => (Scale { mantissa: mantissa >> 4, power: scale.power + 4 }, codes),
                };
            }
            // SAFETY: 32 codes; the buffer has a record per block and token.
            let magnitude = unsafe {
                let sums = L::sums(codes.as_ptr());
                let format = Scale { power: scale.power + scale_power(kind), ..scale };
                let (to, term) = (records.add((b * p.tokens + t) * record), layout.term(format, sums));
                to.cast::<Term>().write(term);
                let steps = std::slice::from_raw_parts_mut(to.add(size_of::<Term>()).cast(), layout.steps);
                layout.arrange(codes, scale.mantissa, steps);
                p.start[t] = p.start[t].wrapping_sub(terms.wrapping_mul(term.magic.to_bits()));
                sums[1][0] + sums[1][1]
            };
            let bound = (scale.mantissa.abs() * magnitude) as f64 * power_of_two(scale.power);
            p.block_max[b] = p.block_max[b].max(bound);
        }
    }
    p.max_factor = if inside { p.block_max.iter().copied().fold(0.0, f64::max) } else { f64::INFINITY };
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

/// The prepared activations of one block from some token on, and where their sums are.
#[derive(Clone, Copy)]
struct Tokens {
    records: *const u8,
    /// `[token][32]` bit patterns.
    acc: *mut f64,
}

impl Tokens {
    /// `n` tokens on.
    #[inline(always)]
    unsafe fn skip(self, n: usize, steps: usize) -> Tokens {
        // SAFETY: the caller stays within the prepared tokens.
        unsafe { Tokens { records: self.records.add(n * Layout::record(steps)), acc: self.acc.add(n * BLOCK) } }
    }
}

/// Adds the terms of one block: `V` vectors of rows from `row` on, `T` tokens.
// The indices run over arrays and addresses together.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
unsafe fn block<L: Lanes, S: Source<L>, const K: u8, const V: usize, const T: usize>(
    tile: *const u8,
    row: usize,
    x: Tokens,
) {
    // SAFETY: the caller promises a tile of the source's form, `T` tokens, and `row + V * ROWS <= 32`.
    unsafe {
        let steps = 2 * pairs::<L>(K);
        let term = |t: usize| x.records.add(t * Layout::record(steps)).cast::<Term>();
        let codes = |t: usize| term(t).add(1).cast::<u32>();
        let start: [L::Int; T] = std::array::from_fn(|t| L::splat(&raw const (*term(t)).init));
        let mut dot = [start; V];
        for pair in 0..pairs::<L>(K) {
            let w: [[L::Int; 2]; V] = std::array::from_fn(|v| S::codes(tile, row + v * L::ROWS, pair));
            for step in 0..2 {
                for t in 0..T {
                    let xs = L::splat(codes(t).add(2 * pair + step));
                    for v in 0..V {
                        dot[v][t] = if nibbles(K) {
                            L::nibble_step(dot[v][t], w[v][step], xs)
                        } else {
                            L::byte_step(dot[v][t], w[v][step], xs)
                        };
                        dot[v][t] = L::pin(dot[v][t]);
                    }
                }
            }
        }
        for v in 0..V {
            // Read before the first store, which for all the compiler knows may change them.
            let row = row + v * L::ROWS;
            let scales = S::scales(tile, row, 0);
            let mins = if has_min(K) { S::mins(tile, row) } else { scales };
            for t in 0..T {
                let Term { magic, sums, place, .. } = *term(t);
                let (magic, sums) = (L::splat_f64(magic), L::splat_f64(sums));
                let mut sum = dot[v][t];
                if nibbles(K) {
                    sum = L::nibble_finish(sum, &raw const (*term(t)).mantissas);
                }
                if matches!(kind_of(K), WeightKind::Mx4) {
                    sum = L::signed(sum);
                }
                // Signed sums times one are the sums: the table has seen to the mantissa.
                let sum = L::place(sum, if S::TABLED { 1.0 } else { place });
                let scales = if S::TABLED { S::scales(tile, row, (*term(t)).mantissas as usize) } else { scales };
                for half in 0..2 {
                    let acc = x.acc.add(t * BLOCK + row + half * L::ROWS / 2);
                    let mut term = L::fma(sum[half], scales[half], magic);
                    if has_min(K) {
                        term = L::add_bits(term, L::fma(mins[half], sums, magic));
                    }
                    L::store_f64(acc, L::add_bits(L::load_f64(acc), term));
                }
            }
        }
    }
}

/// One tile against every token.
#[inline(always)]
unsafe fn all_tokens<L: Lanes, S: Source<L>, const K: u8>(tile: *const u8, x: Tokens, tokens: usize) {
    // SAFETY: the caller promises a tile of the source's form and `tokens` tokens.
    unsafe {
        let steps = 2 * pairs::<L>(K);
        let mut t = 0;
        while t + 4 <= tokens {
            both::<L, S, K, 4>(tile, x.skip(t, steps));
            t += 4;
        }
        if tokens - t >= 2 {
            both::<L, S, K, 2>(tile, x.skip(t, steps));
            t += 2;
        }
        if t < tokens {
            both::<L, S, K, 1>(tile, x.skip(t, steps));
        }
    }
}

/// All rows against `T` tokens: the second sixteen find the tokens in the first-level cache.
#[inline(always)]
unsafe fn both<L: Lanes, S: Source<L>, const K: u8, const T: usize>(tile: *const u8, x: Tokens) {
    // SAFETY: as for `block`.
    unsafe {
        rows16::<L, S, K, T>(tile, 0, x);
        rows16::<L, S, K, T>(tile, 16, x);
    }
}

/// Sixteen rows against `T` tokens.
#[inline(always)]
unsafe fn rows16<L: Lanes, S: Source<L>, const K: u8, const T: usize>(tile: *const u8, row: usize, x: Tokens) {
    // SAFETY: as for `block`.
    unsafe {
        if L::ROWS == 16 {
            block::<L, S, K, 1, T>(tile, row, x);
        } else {
            block::<L, S, K, 2, T>(tile, row, x);
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
        largest.allow(kind_of(K), x.block_max[b])
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
fn prefetch(at: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..bytes).step_by(64) {
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
    let record = Layout::record(2 * pairs::<L>(K));
    let tabled = x.layout.is_some_and(|layout| layout.tabled);
    for b in 0..x.blocks {
        let first = b * x.tokens;
        // SAFETY: the caller promises the tiles; the buffers of `x` have an entry per block and token.
        unsafe {
            let tile = tiles.at(kind, b);
            let tokens = Tokens { records: x.records.as_ptr().cast::<u8>().add(first * record), acc };
            prefetch(tiles.ahead(kind, b, AHEAD), kind.tile_bytes());
            largest.see::<K>(tile);
            if tabled {
                expand::<L, K>(tile, buffer);
                tabulate::<L, K>(buffer);
                all_tokens::<L, Tabled<K>, K>(buffer, tokens, x.tokens);
            } else if x.tokens >= EXPAND_FROM {
                expand::<L, K>(tile, buffer);
                all_tokens::<L, Expanded<K>, K>(buffer, tokens, x.tokens);
            } else {
                all_tokens::<L, Packed<K>, K>(tile, tokens, x.tokens);
            }
        }
    }
    largest.allow(kind, x.max_factor)
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
    let buffer = reserve(&mut scratch.tile, (expanded_bytes::<L>(K) + TABLE_BYTES) / 64);
    // SAFETY: the buffers were just reserved; the rest is the caller's promise.
    unsafe {
        let sums = std::slice::from_raw_parts_mut(acc.cast::<[u64; BLOCK]>(), x.tokens);
        sums.iter_mut().zip(&x.start).for_each(|(sums, start)| *sums = [*start; BLOCK]);
        if x.max_factor.is_finite() && (gather::<L, K>(x, tiles, acc, buffer) || fits::<K>(x, tiles)) {
            write::<L>(x, acc, rows, out, stride)
        } else {
            scratch.by_oracle += 1;
            matmul::exact(x, tiles, rows, out, stride)
        }
    }
}
