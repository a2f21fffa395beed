//! The lanes of AVX-512 (F, BW, DQ, VL, VNNI): sixteen rows, and `vpdpbusd` for every kind, 8-bit codes being offset by 128.

#![cfg(target_arch = "x86_64")]

use super::dense::{MAGIC, TWO_31, TWO_52};
use super::lanes::Lanes;
use std::arch::asm;
use std::arch::x86_64::*;

/// Sixteen rows.
#[derive(Clone, Copy)]
pub(super) struct Avx512;

// SAFETY of the blocks below: the caller promises the processor's features and one whole vector at each pointer.
impl Lanes for Avx512 {
    type Int = __m512i;
    type Wide = __m512d;
    const ROWS: usize = 16;
    const BYTES_AS_PAIRS: bool = false;

    #[inline(always)]
    unsafe fn load(at: *const u8) -> __m512i {
        unsafe { _mm512_loadu_si512(at.cast()) }
    }
    #[inline(always)]
    unsafe fn store(at: *mut u8, v: __m512i) {
        unsafe { _mm512_storeu_si512(at.cast(), v) }
    }
    #[inline(always)]
    unsafe fn splat(at: *const u32) -> __m512i {
        unsafe { _mm512_set1_epi32(*at as i32) }
    }
    #[inline(always)]
    unsafe fn low(v: __m512i) -> __m512i {
        unsafe { _mm512_and_si512(v, _mm512_set1_epi8(15)) }
    }
    #[inline(always)]
    unsafe fn high(v: __m512i) -> __m512i {
        unsafe { _mm512_and_si512(_mm512_srli_epi16::<4>(v), _mm512_set1_epi8(15)) }
    }
    #[inline(always)]
    unsafe fn e2m1(v: __m512i) -> __m512i {
        unsafe {
            let table = _mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0);
            _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), v)
        }
    }
    #[inline(always)]
    unsafe fn bytes(at: *const u8, pair: usize) -> [__m512i; 2] {
        unsafe {
            let offset = _mm512_set1_epi8(-128);
            let one = |at| _mm512_xor_si512(Self::load(at), offset);
            [one(at.add(pair * 256)), one(at.add(pair * 256 + 128))]
        }
    }
    #[inline(always)]
    unsafe fn nibble_step(acc: __m512i, w: __m512i, x: __m512i) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(acc, w, x) }
    }
    #[inline(always)]
    unsafe fn nibble_finish(acc: __m512i, _mantissas: *const u32) -> __m512i {
        acc
    }
    #[inline(always)]
    unsafe fn signed(v: __m512i) -> __m512i {
        v
    }
    #[inline(always)]
    unsafe fn byte_step(acc: __m512i, w: __m512i, x: __m512i) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(acc, w, x) }
    }
    #[inline(always)]
    unsafe fn pin(v: __m512i) -> __m512i {
        unsafe { pin(v) }
    }
    #[inline(always)]
    unsafe fn keep(v: __m512i) -> __m512i {
        unsafe { keep(v) }
    }
    #[inline(always)]
    unsafe fn keep_wide(v: __m512d) -> __m512d {
        unsafe { _mm512_castsi512_pd(keep(_mm512_castpd_si512(v))) }
    }
    // The address is neither read nor written.
    #[allow(clippy::pointers_in_nomem_asm_block)]
    #[inline(always)]
    unsafe fn veil(mut at: *const u8) -> *const u8 {
        unsafe { asm!("/* {0} */", inout(reg) at, options(nomem, nostack, preserves_flags)) };
        at
    }
    #[inline(always)]
    unsafe fn place(v: __m512i, by: f64) -> [__m512d; 2] {
        unsafe {
            // The high half of 2^52: what follows is an integer in its last places.
            let (high, offset) = (_mm512_set1_epi32(0x4330_0000), _mm512_set1_pd(TWO_52 + TWO_31));
            let exact = |v| _mm512_mul_pd(_mm512_sub_pd(_mm512_castsi512_pd(v), offset), _mm512_set1_pd(by));
            [exact(_mm512_unpacklo_epi32(v, high)), exact(_mm512_unpackhi_epi32(v, high))]
        }
    }
    #[inline(always)]
    unsafe fn f16(at: *const u8) -> [__m512d; 2] {
        unsafe {
            let [low, high] = parted(at);
            [_mm512_cvtps_pd(_mm256_cvtph_ps(low)), _mm512_cvtps_pd(_mm256_cvtph_ps(high))]
        }
    }
    #[inline(always)]
    unsafe fn bf16(at: *const u8) -> [__m512d; 2] {
        unsafe {
            let [low, high] = parted(at);
            let half = |v| {
                let bits = _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(v));
                _mm512_cvtps_pd(_mm256_castsi256_ps(bits))
            };
            [half(low), half(high)]
        }
    }
    #[inline(always)]
    unsafe fn e8m0(at: *const u8) -> [__m512d; 2] {
        unsafe {
            let order = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
            let bytes = _mm_shuffle_epi8(_mm_loadu_si128(at.cast()), order);
            let half = |bytes| {
                let e = _mm512_add_epi64(_mm512_cvtepu8_epi64(bytes), _mm512_set1_epi64(1023 - 127));
                _mm512_castsi512_pd(_mm512_slli_epi64::<52>(e))
            };
            [half(bytes), half(_mm_srli_si128::<8>(bytes))]
        }
    }
    #[inline(always)]
    unsafe fn load_f64(at: *const f64) -> __m512d {
        unsafe { _mm512_loadu_pd(at) }
    }
    #[inline(always)]
    unsafe fn store_f64(at: *mut f64, v: __m512d) {
        unsafe { _mm512_storeu_pd(at, v) }
    }
    #[inline(always)]
    unsafe fn splat_f64(v: f64) -> __m512d {
        unsafe { _mm512_set1_pd(v) }
    }
    #[inline(always)]
    unsafe fn fma(a: __m512d, b: __m512d, c: __m512d) -> __m512d {
        unsafe { _mm512_fmadd_pd(a, b, c) }
    }
    #[inline(always)]
    unsafe fn sums(codes: *const i8) -> [[i32; 2]; 2] {
        unsafe { super::avx2::sums(codes) }
    }
    #[inline(always)]
    unsafe fn finish(acc: *const f64, unit: f64, out: *mut f32) -> bool {
        unsafe {
            let order = _mm512_setr_epi32(0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
            // Sums of 52 bits become positive and small.
            let (middle, outside) =
                (_mm512_set1_epi64((1 << 51) - MAGIC.to_bits() as i64), _mm512_set1_epi64(-1 << 52));
            let mut refused = 0;
            for vector in 0..2 {
                let sums = [acc.add(vector * 16), acc.add(vector * 16 + 8)];
                let half = |at| {
                    let v =
                        _mm512_mul_pd(_mm512_sub_pd(Self::load_f64(at), Self::splat_f64(MAGIC)), Self::splat_f64(unit));
                    _mm256_castps_pd(_mm512_cvtpd_ps(v))
                };
                let both = _mm512_insertf64x4::<1>(_mm512_castpd256_pd512(half(sums[0])), half(sums[1]));
                let values = _mm512_permutexvar_ps(order, _mm512_castpd_ps(both));
                _mm512_storeu_ps(out.add(vector * 16), values);
                let wide = |at: *const f64| {
                    _mm512_test_epi64_mask(_mm512_add_epi64(_mm512_loadu_si512(at.cast()), middle), outside) as u32
                };
                refused |= wide(sums[0]) | wide(sums[1]) | _mm512_fpclass_ps_mask::<0x18>(values) as u32;
            }
            refused == 0
        }
    }
    #[inline(always)]
    unsafe fn add_bits(a: __m512d, b: __m512d) -> __m512d {
        unsafe { _mm512_castsi512_pd(_mm512_add_epi64(_mm512_castpd_si512(a), _mm512_castpd_si512(b))) }
    }
}

/// Sixteen patterns of 16 bits in the order of [`Lanes::place`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn parted(at: *const u8) -> [__m128i; 2] {
    // SAFETY: the caller promises 32 bytes.
    let pairs = unsafe { _mm256_loadu_si256(at.cast()) };
    let pairs = _mm256_permutevar8x32_epi32(pairs, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
    [_mm256_castsi256_si128(pairs), _mm256_extracti128_si256::<1>(pairs)]
}

/// See [`Lanes::pin`].
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn pin(mut v: __m512i) -> __m512i {
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {0} */", inout(zmm_reg) v, options(pure, nomem, nostack, preserves_flags)) };
    v
}

/// See [`Lanes::keep`]: what has effects, for all that the compiler knows, stays in order.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn keep(mut v: __m512i) -> __m512i {
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {0} */", inout(zmm_reg) v, options(nomem, nostack, preserves_flags)) };
    v
}
