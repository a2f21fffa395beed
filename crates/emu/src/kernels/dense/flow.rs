//! Tiles with tables: the dot products of some rows and the terms of others at the same time.
//!
//! Dot products keep the units busy that multiply, terms mostly those that add and shuffle. One after the other, each waits for the other, and a block is
//! longer than a processor looks ahead. So while one vector of rows is multiplied, what the other vector gathered before becomes terms, a piece after
//! each step; both vectors have the same tokens, and the last piece of a run is all that nothing hides.

use super::source::{Source, pairs};
use super::*;

/// A tile and the tokens' records of its block.
#[derive(Clone, Copy)]
struct Block {
    tile: *const u8,
    records: *const u8,
}

/// Dot products that have yet to become terms: the block, the first row, and a vector per token.
#[derive(Clone, Copy)]
struct Gathered<L: Lanes, const T: usize> {
    block: Block,
    row: usize,
    dot: [L::Int; T],
}

/// The sums of `T` tokens.
type Sums<L, const T: usize> = [[<L as Lanes>::Wide; 2]; T];

/// Whether kind `k` is worth it: what the prompts of 4-bit models wait for. The code is long.
pub(super) const fn worth(k: u8) -> bool {
    matches!(kind_of(k), WeightKind::I4s | WeightKind::I4m)
}

/// [`super::blocks`] for two vectors, which are all rows, and eight steps.
#[inline(always)]
pub(super) unsafe fn blocks<L: Lanes, S: Source<L>, const K: u8, const T: usize>(run: Run, x: Tokens) {
    debug_assert!(2 * L::ROWS == BLOCK && pairs::<L>(K) == 4);
    // SAFETY: the caller promises tiles with tables and `T` tokens.
    unsafe {
        let (mut low, mut high) = (load::<L, S, T>(run, 0, x), load::<L, S, T>(run, L::ROWS, x));
        let mut block = Block { tile: run.start, records: x.records };
        let mut dot = dots::<L, S, K, 1, T>(block.tile, 0, block.records)[0];
        for _ in 1..run.count {
            dot = both::<L, S, K, T>(block, L::ROWS, Gathered { block, row: 0, dot }, &mut low);
            let next = Block { tile: block.tile.add(run.step), records: block.records.add(x.next) };
            dot = both::<L, S, K, T>(next, 0, Gathered { block, row: L::ROWS, dot }, &mut high);
            block = next;
        }
        dot = both::<L, S, K, T>(block, L::ROWS, Gathered { block, row: 0, dot }, &mut low);
        terms::<L, S, K, T>(Gathered { block, row: L::ROWS, dot }, &mut high);
        store::<L, T>(0, x, &low);
        store::<L, T>(L::ROWS, x, &high);
    }
}

/// The dot products of the rows from `row` on; meanwhile what was gathered before is added to its sums.
#[inline(always)]
unsafe fn both<L: Lanes, S: Source<L>, const K: u8, const T: usize>(
    block: Block,
    row: usize,
    mut before: Gathered<L, T>,
    sums: &mut Sums<L, T>,
) -> [L::Int; T] {
    // SAFETY: as for `blocks`.
    unsafe {
        before.block.records = L::veil(before.block.records);
        let mut dot = before.dot;
        for (t, dot) in dot.iter_mut().enumerate() {
            *dot = L::splat(&raw const (*record::<L, K>(block.records, t)).init);
        }
        // Written out: which sums are meant must be known early, lest they live in memory.
        step::<L, S, K, T, 0>(block, row, &mut dot, before, sums);
        step::<L, S, K, T, 1>(block, row, &mut dot, before, sums);
        step::<L, S, K, T, 2>(block, row, &mut dot, before, sums);
        step::<L, S, K, T, 3>(block, row, &mut dot, before, sums);
        step::<L, S, K, T, 4>(block, row, &mut dot, before, sums);
        step::<L, S, K, T, 5>(block, row, &mut dot, before, sums);
        step::<L, S, K, T, 6>(block, row, &mut dot, before, sums);
        step::<L, S, K, T, 7>(block, row, &mut dot, before, sums);
        dot
    }
}

/// Step `N` of a block, and half `N` of the terms.
#[inline(always)]
unsafe fn step<L: Lanes, S: Source<L>, const K: u8, const T: usize, const N: usize>(
    block: Block,
    row: usize,
    dot: &mut [L::Int; T],
    before: Gathered<L, T>,
    sums: &mut Sums<L, T>,
) {
    // SAFETY: as for `blocks`.
    unsafe {
        let w = S::codes(block.tile, row, N / 2)[N % 2];
        for (t, dot) in dot.iter_mut().enumerate() {
            let codes = record::<L, K>(block.records, t).add(1).cast::<u32>();
            *dot = L::keep(multiply::<L, K>(*dot, w, L::splat(codes.add(N))));
        }
        if N < 2 * T {
            term::<L, S, K, T>(before, N / 2, N % 2, &mut sums[N / 2][N % 2]);
        }
    }
}

/// All terms of what was gathered.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
unsafe fn terms<L: Lanes, S: Source<L>, const K: u8, const T: usize>(from: Gathered<L, T>, sums: &mut Sums<L, T>) {
    for t in 0..T {
        for half in 0..2 {
            // SAFETY: as for `blocks`.
            unsafe { term::<L, S, K, T>(from, t, half, &mut sums[t][half]) };
        }
    }
}

/// Adds one half of the term of token `t`.
#[inline(always)]
unsafe fn term<L: Lanes, S: Source<L>, const K: u8, const T: usize>(
    Gathered { block, row, dot }: Gathered<L, T>,
    t: usize,
    half: usize,
    to: &mut L::Wide,
) {
    // SAFETY: as for `blocks`.
    unsafe {
        let Term { magic, sums, mantissas, .. } = *record::<L, K>(block.records, t);
        let (magic, sums) = (L::splat_f64(magic), L::splat_f64(sums));
        let mut sum = *to;
        if has_min(K) {
            sum = L::add_bits(sum, L::fma(S::mins(block.tile, row)[half], sums, magic));
        }
        let scales = S::scales(block.tile, row, mantissas as usize);
        // Sums times one are the sums: the table has seen to the mantissa.
        sum = L::add_bits(sum, L::fma(L::place(dot[t], 1.0)[half], scales[half], magic));
        *to = L::keep_wide(sum);
    }
}
