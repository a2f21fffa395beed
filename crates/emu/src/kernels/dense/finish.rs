//! From sums on the grid to binary32.

use super::*;

/// Tokens between the one that is written and the one whose place is fetched.
const AHEAD: usize = 8;

/// [`Lanes::finish`] on arrays.
#[inline(always)]
pub(in crate::kernels) fn plain<L: Lanes>(acc: &[u64; BLOCK], unit: f64, out: &mut [f32; BLOCK]) -> bool {
    let (mut wide, mut infinite) = (0, false);
    for (value, &bits) in out.iter_mut().zip(acc) {
        wide |= bits.wrapping_sub(MAGIC.to_bits()).wrapping_add(1 << 51) >> 52;
        *value = ((f64::from_bits(bits) - MAGIC) * unit) as f32;
        infinite |= value.is_infinite();
    }
    in_order::<L>(out);
    wide == 0 && !infinite
}

/// Where a row's sum lies among the 32, see [`Lanes::place`].
const fn place<L: Lanes>(row: usize) -> usize {
    let (vector, row) = (row / L::ROWS * L::ROWS, row % L::ROWS);
    vector + row / 2 % 2 * (L::ROWS / 2) + row / 4 * 2 + row % 2
}

/// Puts values that lie as the sums do in the order of rows.
#[inline(always)]
fn in_order<L: Lanes>(values: &mut [f32; BLOCK]) {
    // Written out, so that they are moved as vectors.
    if L::ROWS == 8 {
        let eights = values.as_chunks_mut::<8>().0;
        eights.iter_mut().for_each(|v| *v = [v[0], v[1], v[4], v[5], v[2], v[3], v[6], v[7]]);
    } else {
        let sixteens = values.as_chunks_mut::<16>().0;
        sixteens.iter_mut().for_each(|v| {
            *v = [v[0], v[1], v[8], v[9], v[2], v[3], v[10], v[11], v[4], v[5], v[12], v[13], v[6], v[7], v[14], v[15]];
        });
    }
}

/// One token's sums, exactly: for those that [`Lanes::finish`] refuses. Flags come from the rows that are wanted.
fn finish_exactly<L: Lanes>(acc: &[u64; BLOCK], g: i32, out: &mut [f32; BLOCK], rows: usize) -> Flags {
    let mut flags = Flags::NONE;
    for (row, out) in out[..rows].iter_mut().enumerate() {
        let (exact, raised) = base::grid::to_f32(acc[place::<L>(row)].wrapping_sub(MAGIC.to_bits()) as i64, g);
        *out = exact;
        flags |= raised;
    }
    flags
}

/// Converts and writes the sums of every token.
#[inline(always)]
pub(super) unsafe fn write<L: Lanes>(x: &Prepared, acc: *const f64, rows: usize, out: *mut u8, stride: usize) -> Flags {
    let (mut flags, unit) = (x.flags(), power_of_two(x.g));
    for t in 0..x.tokens {
        let to = out.wrapping_add(t * stride);
        if t + AHEAD < x.tokens {
            prefetch(to.wrapping_add(AHEAD * stride), 0..BLOCK * 4);
        }
        // SAFETY: the caller promises `tokens * 32` sums, and room for `rows` values per token.
        unsafe {
            let sums = acc.add(t * BLOCK);
            if rows == BLOCK && L::finish(sums, unit, to.cast()) {
                continue;
            }
            let mut values = [0.0; BLOCK];
            if !L::finish(sums, unit, values.as_mut_ptr()) {
                flags |= finish_exactly::<L>(&*sums.cast(), x.g, &mut values, rows);
            }
            std::ptr::copy_nonoverlapping(values.as_ptr().cast::<u8>(), to, rows * 4);
        }
    }
    flags
}
