//! The lanes of AVX-512 (F, BW, DQ, VL, VNNI): sixteen rows, and `vpdpbusd` for every kind, 8-bit codes being offset by 128.

#![cfg(target_arch = "x86_64")]

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
    const SWAPPED: bool = false;

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
    unsafe fn place(v: __m512i, by: f64) -> [__m512d; 2] {
        unsafe {
            let exact = |v| _mm512_mul_pd(_mm512_cvtepi32_pd(v), _mm512_set1_pd(by));
            [exact(_mm512_castsi512_si256(v)), exact(_mm512_extracti64x4_epi64::<1>(v))]
        }
    }
    #[inline(always)]
    unsafe fn f16(at: *const u8) -> [__m512d; 2] {
        unsafe {
            let half = |at: *const u8| _mm512_cvtps_pd(_mm256_cvtph_ps(_mm_loadu_si128(at.cast())));
            [half(at), half(at.add(16))]
        }
    }
    #[inline(always)]
    unsafe fn bf16(at: *const u8) -> [__m512d; 2] {
        unsafe {
            let half = |at: *const u8| {
                let bits = _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_loadu_si128(at.cast())));
                _mm512_cvtps_pd(_mm256_castsi256_ps(bits))
            };
            [half(at), half(at.add(16))]
        }
    }
    #[inline(always)]
    unsafe fn e8m0(at: *const u8) -> [__m512d; 2] {
        unsafe {
            let half = |at: *const u8| {
                let e = _mm512_cvtepu8_epi64(_mm_loadl_epi64(at.cast()));
                _mm512_castsi512_pd(_mm512_slli_epi64::<52>(_mm512_add_epi64(e, _mm512_set1_epi64(1023 - 127))))
            };
            [half(at), half(at.add(8))]
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
    unsafe fn add_bits(a: __m512d, b: __m512d) -> __m512d {
        unsafe { _mm512_castsi512_pd(_mm512_add_epi64(_mm512_castpd_si512(a), _mm512_castpd_si512(b))) }
    }
}

/// See [`Lanes::pin`].
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn pin(mut v: __m512i) -> __m512i {
    // SAFETY: no instruction at all.
    unsafe { asm!("/* {0} */", inout(zmm_reg) v, options(pure, nomem, nostack, preserves_flags)) };
    v
}
