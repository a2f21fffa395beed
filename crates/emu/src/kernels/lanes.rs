//! The few vector operations that the matrix kernel is written in.
//!
//! A [`Lanes`] is one width of vector: 8 rows (256 bits) or 16 (512 bits). The kernel itself (`dense`) is generic, so that all logic runs, and is
//! tested, on every width; an instruction set adds nothing but a mapping of these operations to its instructions. `portable` is that mapping to
//! arrays, for processors that lack the instructions.

/// One vector width. `Int` holds `ROWS` 32-bit integers (or four bytes per row), `Wide` holds `ROWS/2` binary64.
///
/// # Safety
/// Every function needs the processor features of its implementation, and pointers that are valid for one whole vector.
pub(super) trait Lanes: Copy {
    type Int: Copy;
    type Wide: Copy;
    /// Rows of a vector.
    const ROWS: usize;
    /// Whether 8-bit codes are multiplied as pairs of 16-bit integers (else as unsigned bytes offset by 128).
    /// With it go sums that already contain the token's mantissa, kept positive so that [`Lanes::place`] need not convert.
    const BYTES_AS_PAIRS: bool;

    unsafe fn load(at: *const u8) -> Self::Int;
    unsafe fn store(at: *mut u8, v: Self::Int);
    /// The same 32 bits in every row.
    unsafe fn splat(at: *const u32) -> Self::Int;
    /// The low nibble of every byte.
    unsafe fn low(v: Self::Int) -> Self::Int;
    /// The high nibble of every byte.
    unsafe fn high(v: Self::Int) -> Self::Int;
    /// Nibbles to twice their E2M1 value, plus 12.
    unsafe fn e2m1(v: Self::Int) -> Self::Int;
    /// Step `2 * pair` and `2 * pair + 1` of 8-bit codes; `at` is the tile's codes at the vector's first row.
    unsafe fn bytes(at: *const u8, pair: usize) -> [Self::Int; 2];

    /// Adds the products of four unsigned codes (at most 24) and four signed ones, per row; two 16-bit sums or one of 32 bits.
    unsafe fn nibble_step(acc: Self::Int, w: Self::Int, x: Self::Int) -> Self::Int;
    /// One 32-bit integer per row from what `nibble_step` gathered over 32 columns; two 16-bit sums are multiplied by the two 16-bit integers at
    /// `mantissas` on the way.
    unsafe fn nibble_finish(acc: Self::Int, mantissas: *const u32) -> Self::Int;
    /// Makes what [`Lanes::place`] takes of an integer that may have any sign.
    unsafe fn signed(v: Self::Int) -> Self::Int;
    /// Adds the products of what `bytes` returned and `x`, per row.
    unsafe fn byte_step(acc: Self::Int, w: Self::Int, x: Self::Int) -> Self::Int;

    /// The same vector, which the compiler must take from a register: it keeps sums from being reassociated until they spill.
    unsafe fn pin(v: Self::Int) -> Self::Int;

    /// The same vector, made before whatever is kept after it: it keeps the order of instructions, where that pays.
    #[inline(always)]
    unsafe fn keep(v: Self::Int) -> Self::Int {
        v
    }
    /// As [`Lanes::keep`].
    #[inline(always)]
    unsafe fn keep_wide(v: Self::Wide) -> Self::Wide {
        v
    }
    /// The same address, of which the compiler knows nothing: what was read there it reads again instead of keeping it in a register.
    #[inline(always)]
    unsafe fn veil(at: *const u8) -> *const u8 {
        at
    }

    /// Integers to binary64: unsigned ones plus 2^52 minus `by` ([`Lanes::BYTES_AS_PAIRS`]), or unsigned ones minus 2^31, times `by`.
    /// Of every four rows the first two go to the first vector, the others to the second: so the halves of 2^52 and of the integers interleave.
    unsafe fn place(v: Self::Int, by: f64) -> [Self::Wide; 2];
    /// `ROWS` scales from memory, in the order of `place`.
    unsafe fn f16(at: *const u8) -> [Self::Wide; 2];
    unsafe fn bf16(at: *const u8) -> [Self::Wide; 2];
    unsafe fn e8m0(at: *const u8) -> [Self::Wide; 2];

    unsafe fn load_f64(at: *const f64) -> Self::Wide;
    unsafe fn store_f64(at: *mut f64, v: Self::Wide);
    unsafe fn splat_f64(v: f64) -> Self::Wide;
    /// `a * b + c`, rounded once.
    unsafe fn fma(a: Self::Wide, b: Self::Wide, c: Self::Wide) -> Self::Wide;
    /// The sums of 32 codes and of their magnitudes, each of the columns `4q`, `4q + 1` and of the columns `4q + 2`, `4q + 3`.
    unsafe fn sums(codes: *const i8) -> [[i32; 2]; 2];
    /// 32 sums on the grid, each a vector's rows in the order of [`Lanes::place`], to binary32 in the order of rows, at any alignment; whether every
    /// sum was small enough for this road and every value is finite.
    #[inline(always)]
    unsafe fn finish(acc: *const f64, unit: f64, out: *mut f32) -> bool {
        // SAFETY: the caller promises both.
        unsafe {
            let mut values = [0.0; 32];
            let fits = super::dense::plain::<Self>(&*acc.cast(), unit, &mut values);
            // Two parts, which are moved as vectors.
            out.cast::<[f32; 16]>().write_unaligned(*values.first_chunk().expect("32 values"));
            out.add(16).cast::<[f32; 16]>().write_unaligned(*values.last_chunk().expect("32 values"));
            fits
        }
    }
    /// The bit patterns added as integers.
    unsafe fn add_bits(a: Self::Wide, b: Self::Wide) -> Self::Wide;
}
