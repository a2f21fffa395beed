//! From sums on the grid to binary32.

use super::*;

/// Writes one token's 32 sums as binary32; false if one is too large for this road.
#[inline(always)]
fn finish(acc: &[u64; BLOCK], unit: f64, out: &mut [f32; BLOCK]) -> (bool, bool) {
    let (mut wide, mut infinite) = (0, false);
    for (value, &bits) in out.iter_mut().zip(acc) {
        wide |= bits.wrapping_sub(MAGIC.to_bits()).wrapping_add(1 << 51) >> 52;
        *value = ((f64::from_bits(bits) - MAGIC) * unit) as f32;
        infinite |= value.is_infinite();
    }
    (wide == 0, infinite)
}

/// Where a row's sum lies among the 32.
fn place<L: Lanes>(row: usize) -> usize {
    if L::SWAPPED { row & !6 | (row & 2) << 1 | (row & 4) >> 1 } else { row }
}

/// One token's sums, exactly: for those that [`finish`] refuses. Flags come from the rows that are wanted.
fn finish_exactly<L: Lanes>(acc: &[u64; BLOCK], g: i32, out: &mut [f32; BLOCK], rows: usize) -> Flags {
    let mut flags = Flags::NONE;
    for at in (0..rows).map(place::<L>) {
        let (exact, raised) = base::grid::to_f32(acc[at].wrapping_sub(MAGIC.to_bits()) as i64, g);
        out[at] = exact;
        flags |= raised;
    }
    flags
}

/// Converts and writes the sums of every token.
#[inline(always)]
pub(super) unsafe fn write<L: Lanes>(x: &Prepared, acc: *const f64, rows: usize, out: *mut u8, stride: usize) -> Flags {
    let mut flags = x.flags();
    for t in 0..x.tokens {
        // SAFETY: the caller promises `tokens * 32` sums, and room for `rows` values per token.
        unsafe {
            let sums = &*acc.add(t * BLOCK).cast::<[u64; BLOCK]>();
            let mut values = [0.0; BLOCK];
            let (fits, infinite) = finish(sums, power_of_two(x.g), &mut values);
            if !fits || infinite {
                flags |= finish_exactly::<L>(sums, x.g, &mut values, rows);
            }
            if L::SWAPPED {
                values
                    .as_chunks_mut::<8>()
                    .0
                    .iter_mut()
                    .for_each(|v| *v = [v[0], v[1], v[4], v[5], v[2], v[3], v[6], v[7]]);
            }
            let to = out.add(t * stride);
            if rows == BLOCK {
                // Two parts, lest the compiler calls a function that copies `rows * 4` bytes for both cases.
                to.cast::<[f32; 16]>().write_unaligned(*values.first_chunk().expect("32 values"));
                to.add(64).cast::<[f32; 16]>().write_unaligned(*values.last_chunk().expect("32 values"));
            } else {
                std::ptr::copy_nonoverlapping(values.as_ptr().cast::<u8>(), to, rows * 4);
            }
        }
    }
    flags
}
