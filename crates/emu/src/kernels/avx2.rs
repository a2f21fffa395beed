//! The lanes of AVX2 (with FMA and F16C): eight rows.
//!
//! 4-bit codes: `vpmaddubsw` of unsigned codes and signed activations, gathered in 16 bits over the whole block; 16 products of at most 24 * 128 wrap, but
//! their sum after the offset is taken off (it is the starting value) is at most 16 * 15 * 128 and fits, and no single pair saturates.
//! 8-bit codes: `vpmaddwd` of 16-bit pairs, which is exact for every byte.

#![cfg(target_arch = "x86_64")]

use super::lanes::Lanes;
use std::arch::asm;
use std::arch::x86_64::*;

/// Eight rows.
#[derive(Clone, Copy)]
pub(super) struct Avx2;

// SAFETY of the blocks below: the caller promises the processor's features and one whole vector at each pointer.
impl Lanes for Avx2 {
    type Int = __m256i;
    type Wide = __m256d;
    const ROWS: usize = 8;
    const BYTES_AS_PAIRS: bool = true;

    #[inline(always)]
    unsafe fn load(at: *const u8) -> __m256i {
        unsafe { _mm256_loadu_si256(at.cast()) }
    }
    #[inline(always)]
    unsafe fn store(at: *mut u8, v: __m256i) {
        unsafe { _mm256_storeu_si256(at.cast(), v) }
    }
    #[inline(always)]
    unsafe fn splat(at: *const u32) -> __m256i {
        unsafe { _mm256_set1_epi32(*at as i32) }
    }
    #[inline(always)]
    unsafe fn low(v: __m256i) -> __m256i {
        unsafe { _mm256_and_si256(v, _mm256_set1_epi8(15)) }
    }
    #[inline(always)]
    unsafe fn high(v: __m256i) -> __m256i {
        unsafe { _mm256_and_si256(_mm256_srli_epi16::<4>(v), _mm256_set1_epi8(15)) }
    }
    #[inline(always)]
    unsafe fn e2m1(v: __m256i) -> __m256i {
        unsafe {
            let table = _mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0);
            _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), v)
        }
    }
    #[inline(always)]
    unsafe fn bytes(at: *const u8, pair: usize) -> [__m256i; 2] {
        unsafe {
            let v = Self::load(at.add(pair * 128));
            [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(v)), _mm256_srai_epi16::<8>(v)]
        }
    }
    #[inline(always)]
    unsafe fn nibble_step(acc: __m256i, w: __m256i, x: __m256i) -> __m256i {
        unsafe { _mm256_add_epi16(acc, _mm256_maddubs_epi16(w, x)) }
    }
    #[inline(always)]
    unsafe fn nibble_finish(acc: __m256i) -> __m256i {
        unsafe { _mm256_madd_epi16(acc, _mm256_set1_epi16(1)) }
    }
    #[inline(always)]
    unsafe fn byte_step(acc: __m256i, w: __m256i, x: __m256i) -> __m256i {
        unsafe { _mm256_add_epi32(acc, _mm256_madd_epi16(w, x)) }
    }
    #[inline(always)]
    unsafe fn pin(v: __m256i) -> __m256i {
        unsafe { pin(v) }
    }
    #[inline(always)]
    unsafe fn to_f64(v: __m256i) -> [__m256d; 2] {
        unsafe {
            let low = _mm256_cvtepi32_pd(_mm256_castsi256_si128(v));
            [low, _mm256_cvtepi32_pd(_mm256_extracti128_si256::<1>(v))]
        }
    }
    #[inline(always)]
    unsafe fn f16(at: *const u8) -> [__m256d; 2] {
        unsafe {
            let low = _mm256_cvtps_pd(_mm_cvtph_ps(_mm_loadl_epi64(at.cast())));
            [low, _mm256_cvtps_pd(_mm_cvtph_ps(_mm_loadl_epi64(at.add(8).cast())))]
        }
    }
    #[inline(always)]
    unsafe fn bf16(at: *const u8) -> [__m256d; 2] {
        unsafe {
            let half = |at: *const u8| {
                let bits = _mm_slli_epi32::<16>(_mm_cvtepu16_epi32(_mm_loadl_epi64(at.cast())));
                _mm256_cvtps_pd(_mm_castsi128_ps(bits))
            };
            [half(at), half(at.add(8))]
        }
    }
    #[inline(always)]
    unsafe fn e8m0(at: *const u8) -> [__m256d; 2] {
        unsafe {
            let half = |at: *const u8| {
                let e = _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(at.cast::<i32>().read_unaligned()));
                _mm256_castsi256_pd(_mm256_slli_epi64::<52>(_mm256_add_epi64(e, _mm256_set1_epi64x(1023 - 127))))
            };
            [half(at), half(at.add(4))]
        }
    }
    #[inline(always)]
    unsafe fn load_f64(at: *const f64) -> __m256d {
        unsafe { _mm256_loadu_pd(at) }
    }
    #[inline(always)]
    unsafe fn store_f64(at: *mut f64, v: __m256d) {
        unsafe { _mm256_storeu_pd(at, v) }
    }
    #[inline(always)]
    unsafe fn splat_f64(v: f64) -> __m256d {
        unsafe { _mm256_set1_pd(v) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m256d, b: __m256d) -> __m256d {
        unsafe { _mm256_mul_pd(a, b) }
    }
    #[inline(always)]
    unsafe fn fma(a: __m256d, b: __m256d, c: __m256d) -> __m256d {
        unsafe { _mm256_fmadd_pd(a, b, c) }
    }
    #[inline(always)]
    unsafe fn add_bits(a: __m256d, b: __m256d) -> __m256d {
        unsafe { _mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(a), _mm256_castpd_si256(b))) }
    }
}

/// See [`Lanes::pin`].
#[inline]
#[target_feature(enable = "avx")]
unsafe fn pin(mut v: __m256i) -> __m256i {
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {0} */", inout(ymm_reg) v, options(pure, nomem, nostack, preserves_flags)) };
    v
}
