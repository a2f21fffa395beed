//! Where the kernel finds a tile's codes and scales: in the tile as stored, in an unpacked copy, or in a copy with a table of products.

use super::{MANTISSAS, has_min, kind_of, nibbles};
use crate::kernels::lanes::Lanes;
use base::tile::{BLOCK, WeightKind};

/// Where the kernel finds a tile's codes and scales.
pub(super) trait Source<L: Lanes> {
    /// Whether the scales are multiplied by the token's mantissa already.
    const TABLED: bool = false;
    /// Steps `2 * pair` and `2 * pair + 1` of the rows from `row` on.
    unsafe fn codes(tile: *const u8, row: usize, pair: usize) -> [L::Int; 2];
    /// The scales of the rows from `row` on; of a table, those of the given mantissa.
    unsafe fn scales(tile: *const u8, row: usize, mantissa: usize) -> [L::Wide; 2];
    unsafe fn mins(tile: *const u8, row: usize) -> [L::Wide; 2];
}

/// A tile of kind `K` as stored.
pub(super) struct Packed<const K: u8>;

// SAFETY of the blocks below: the caller promises a whole tile, and `row + ROWS <= 32`.
impl<L: Lanes, const K: u8> Source<L> for Packed<K> {
    #[inline(always)]
    unsafe fn codes(tile: *const u8, row: usize, pair: usize) -> [L::Int; 2] {
        unsafe {
            if !nibbles(K) {
                return L::bytes(tile.add(row * 4), pair);
            }
            let v = L::load(tile.add(row * 4 + pair * 128));
            let both = [L::low(v), L::high(v)];
            if matches!(kind_of(K), WeightKind::Mx4) { [L::e2m1(both[0]), L::e2m1(both[1])] } else { both }
        }
    }
    #[inline(always)]
    unsafe fn scales(tile: *const u8, row: usize, _mantissa: usize) -> [L::Wide; 2] {
        let kind = kind_of(K);
        unsafe {
            let at = tile.add(kind.code_bytes() + row * kind.scale_bytes());
            match kind {
                WeightKind::U8 => [L::splat_f64(1.0); 2],
                WeightKind::A8 => L::bf16(at),
                WeightKind::Mx8 | WeightKind::Mx4 => L::e8m0(at),
                _ => L::f16(at),
            }
        }
    }
    #[inline(always)]
    unsafe fn mins(tile: *const u8, row: usize) -> [L::Wide; 2] {
        unsafe { L::f16(tile.add(kind_of(K).code_bytes() + 64 + row * 2)) }
    }
}

/// A tile of kind `K` unpacked by [`expand`]: vectors of codes in the order of use, then 32 scales and 32 minimums in binary64.
pub(super) struct Expanded<const K: u8>;

/// Pairs of steps in a block.
pub(super) const fn pairs<L: Lanes>(k: u8) -> usize {
    if L::BYTES_AS_PAIRS && !nibbles(k) { 8 } else { 4 }
}

/// Bytes of the codes of an expanded tile.
const fn expanded_codes<L: Lanes>(k: u8) -> usize {
    pairs::<L>(k) * 256
}

// SAFETY of the blocks below: the caller promises an expanded tile, and `row + ROWS <= 32`.
impl<L: Lanes, const K: u8> Source<L> for Expanded<K> {
    #[inline(always)]
    unsafe fn codes(tile: *const u8, row: usize, pair: usize) -> [L::Int; 2] {
        unsafe {
            let at = tile.add(row * pairs::<L>(K) * 8 + pair * 8 * L::ROWS);
            [L::load(at), L::load(at.add(4 * L::ROWS))]
        }
    }
    #[inline(always)]
    unsafe fn scales(tile: *const u8, row: usize, _mantissa: usize) -> [L::Wide; 2] {
        unsafe {
            let at = tile.add(expanded_codes::<L>(K)).cast::<f64>().add(row);
            [L::load_f64(at), L::load_f64(at.add(L::ROWS / 2))]
        }
    }
    #[inline(always)]
    unsafe fn mins(tile: *const u8, row: usize) -> [L::Wide; 2] {
        unsafe { <Self as Source<L>>::scales(tile, row + BLOCK, 0) }
    }
}

/// An expanded tile of kind `K` followed by its scales times every mantissa: `[vector of rows][mantissa][row]` in binary64.
///
/// The products have at most 15 bits, so they are exact, and a token's multiplication becomes an address.
pub(super) struct Tabled<const K: u8>;

/// Bytes of an expanded tile of kind `K`.
const fn expanded_bytes<L: Lanes>(k: u8) -> usize {
    expanded_codes::<L>(k) + 2 * BLOCK * 8
}

/// Bytes of an expanded tile of kind `K` and its table.
pub(super) const fn tabled_bytes<L: Lanes>(k: u8) -> usize {
    expanded_bytes::<L>(k) + TABLE_BYTES
}

/// Bytes of a table.
const TABLE_BYTES: usize = (MANTISSAS.end - MANTISSAS.start) as usize * BLOCK * 8;

// SAFETY of the blocks below: the caller promises an expanded tile with its table, `row + ROWS <= 32`, and a mantissa below 8.
impl<L: Lanes, const K: u8> Source<L> for Tabled<K> {
    const TABLED: bool = true;
    #[inline(always)]
    unsafe fn codes(tile: *const u8, row: usize, pair: usize) -> [L::Int; 2] {
        unsafe { <Expanded<K> as Source<L>>::codes(tile, row, pair) }
    }
    #[inline(always)]
    unsafe fn scales(tile: *const u8, row: usize, mantissa: usize) -> [L::Wide; 2] {
        unsafe {
            let table = tile.add(expanded_bytes::<L>(K)).cast::<f64>();
            let at = table.add(row * TABLE_BYTES / (8 * BLOCK) + mantissa * L::ROWS);
            [L::load_f64(at), L::load_f64(at.add(L::ROWS / 2))]
        }
    }
    #[inline(always)]
    unsafe fn mins(tile: *const u8, row: usize) -> [L::Wide; 2] {
        unsafe { <Expanded<K> as Source<L>>::mins(tile, row) }
    }
}

/// Writes the table behind an expanded tile.
#[inline(always)]
pub(super) unsafe fn tabulate<L: Lanes, const K: u8>(tile: *mut u8) {
    for row in (0..BLOCK).step_by(L::ROWS) {
        // SAFETY: the caller promises an expanded tile and room for a table behind it.
        unsafe {
            let scales = <Expanded<K> as Source<L>>::scales(tile, row, 0);
            let table = tile.add(expanded_bytes::<L>(K)).cast::<f64>().add(row * TABLE_BYTES / (8 * BLOCK));
            for (m, mantissa) in MANTISSAS.enumerate() {
                let factor = L::splat_f64(mantissa as f64);
                for (half, scales) in scales.into_iter().enumerate() {
                    let product = L::fma(scales, factor, L::splat_f64(0.0));
                    L::store_f64(table.add(m * L::ROWS + half * L::ROWS / 2), product);
                }
            }
        }
    }
}

/// Unpacks a tile of kind `K` into `out`.
#[inline(always)]
pub(super) unsafe fn expand<L: Lanes, const K: u8>(tile: *const u8, out: *mut u8) {
    for row in (0..BLOCK).step_by(L::ROWS) {
        // SAFETY: the caller promises a whole tile, and room for an expanded one.
        unsafe {
            for pair in 0..pairs::<L>(K) {
                let at = out.add(row * pairs::<L>(K) * 8 + pair * 8 * L::ROWS);
                let [a, b] = <Packed<K> as Source<L>>::codes(tile, row, pair);
                L::store(at, a);
                L::store(at.add(4 * L::ROWS), b);
            }
            let wide = out.add(expanded_codes::<L>(K)).cast::<f64>();
            let put = |row: usize, [a, b]: [L::Wide; 2]| {
                L::store_f64(wide.add(row), a);
                L::store_f64(wide.add(row + L::ROWS / 2), b);
            };
            put(row, <Packed<K> as Source<L>>::scales(tile, row, 0));
            if has_min(K) {
                put(row + BLOCK, <Packed<K> as Source<L>>::mins(tile, row));
            }
        }
    }
}
