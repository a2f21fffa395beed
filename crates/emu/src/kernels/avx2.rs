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
    unsafe fn nibble_finish(acc: __m256i, mantissas: *const u32) -> __m256i {
        unsafe { _mm256_madd_epi16(acc, Self::splat(mantissas)) }
    }
    #[inline(always)]
    unsafe fn signed(v: __m256i) -> __m256i {
        unsafe { _mm256_xor_si256(v, _mm256_set1_epi32(i32::MIN)) }
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
    unsafe fn place(v: __m256i, by: f64) -> [__m256d; 2] {
        unsafe {
            // The high half of 2^52: what follows is an integer in its last places.
            let (high, by) = (_mm256_set1_epi32(0x4330_0000), _mm256_set1_pd(by));
            let exact = |v| _mm256_sub_pd(_mm256_castsi256_pd(v), by);
            [exact(_mm256_unpacklo_epi32(v, high)), exact(_mm256_unpackhi_epi32(v, high))]
        }
    }
    #[inline(always)]
    unsafe fn f16(at: *const u8) -> [__m256d; 2] {
        unsafe { halves(_mm256_cvtph_ps(swapped(at))) }
    }
    #[inline(always)]
    unsafe fn bf16(at: *const u8) -> [__m256d; 2] {
        unsafe { halves(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(swapped(at))))) }
    }
    #[inline(always)]
    unsafe fn e8m0(at: *const u8) -> [__m256d; 2] {
        unsafe {
            let bytes = _mm_shufflelo_epi16::<0b11_01_10_00>(_mm_loadl_epi64(at.cast()));
            let half = |bytes| {
                let e = _mm256_add_epi64(_mm256_cvtepu8_epi64(bytes), _mm256_set1_epi64x(1023 - 127));
                _mm256_castsi256_pd(_mm256_slli_epi64::<52>(e))
            };
            [half(bytes), half(_mm_srli_si128::<4>(bytes))]
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
    unsafe fn fma(a: __m256d, b: __m256d, c: __m256d) -> __m256d {
        unsafe { _mm256_fmadd_pd(a, b, c) }
    }
    #[inline(always)]
    unsafe fn sums(codes: *const i8) -> [[i32; 2]; 2] {
        unsafe { sums(codes) }
    }
    #[inline(always)]
    unsafe fn add_bits(a: __m256d, b: __m256d) -> __m256d {
        unsafe { _mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(a), _mm256_castpd_si256(b))) }
    }
}

/// Eight patterns of 16 bits in the order 0, 1, 4, 5, 2, 3, 6, 7.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn swapped(at: *const u8) -> __m128i {
    // SAFETY: the caller promises 16 bytes.
    unsafe { _mm_shuffle_epi32::<0b11_01_10_00>(_mm_loadu_si128(at.cast())) }
}

/// Both halves in binary64.
#[inline]
#[target_feature(enable = "avx2")]
fn halves(v: __m256) -> [__m256d; 2] {
    [_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(v))]
}

/// See [`Lanes::sums`].
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn sums(codes: *const i8) -> [[i32; 2]; 2] {
    let ones = _mm256_set1_epi8(1);
    // SAFETY: the caller promises 32 codes.
    let v = unsafe { _mm256_loadu_si256(codes.cast()) };
    let total = |v| {
        let v = _mm_add_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
        let v = _mm_add_epi16(v, _mm_unpackhi_epi64(v, v));
        let both = _mm_cvtsi128_si32(_mm_add_epi16(v, _mm_srli_epi64::<32>(v)));
        [both as i16 as i32, both >> 16]
    };
    [total(_mm256_maddubs_epi16(ones, v)), total(_mm256_maddubs_epi16(_mm256_abs_epi8(v), ones))]
}

/// See [`Lanes::pin`].
#[inline]
#[target_feature(enable = "avx")]
unsafe fn pin(mut v: __m256i) -> __m256i {
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {0} */", inout(ymm_reg) v, options(pure, nomem, nostack, preserves_flags)) };
    v
}
