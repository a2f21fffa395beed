//! Measures the kernels on one core: `cargo run --release -p emu --example kernels [kind]`.
//!
//! A matrix product with few tokens streams more weights than the caches hold, so GB/s is the figure; with many tokens a small matrix is used again
//! and again, and GMAC/s (10^9 products of two codes per second) is. Vector functions are in 10^9 elements per second.

use base::tile::WeightKind;
use emu::kernels::{self, Activations, Prepared, Scratch, Tiles, Unary};
use std::time::Instant;

/// Seconds of the fastest of a few runs.
fn fastest(runs: usize, mut f: impl FnMut()) -> f64 {
    let one = |f: &mut dyn FnMut()| {
        let start = Instant::now();
        f();
        start.elapsed().as_secs_f64()
    };
    (0..runs).map(|_| one(&mut f)).fold(f64::INFINITY, f64::min)
}

/// Tiles with moderate scales.
fn weights(kind: WeightKind, tiles: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut all: Vec<u8> = (0..tiles * kind.tile_bytes())
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    for tile in all.chunks_mut(kind.tile_bytes()) {
        let scales = &mut tile[kind.code_bytes()..];
        if kind.scale_bytes() == 1 {
            scales.fill(120);
        } else {
            scales.chunks_mut(2).for_each(|s| s.copy_from_slice(&0x2c12u16.to_le_bytes()));
        }
    }
    all
}

/// One line per kind and number of tokens.
fn matmul(kind: WeightKind) {
    let set = kernels::best();
    let blocks = 48;
    for tokens in [1usize, 2, 4, 8, 16, 32, 64, 128, 256] {
        let row_tiles = if tokens <= 4 { 160_000_000 / (blocks * kind.tile_bytes()) } else { (64 / tokens).max(1) };
        let tiles = weights(kind, row_tiles * blocks);
        let codes: Vec<i8> = (0..tokens * blocks * 32).map(|i| (i * 89 % 255) as u8 as i8).collect();
        let scales = vec![0x3c10u16; tokens * blocks];
        let x = Activations {
            codes: codes.as_ptr(),
            code_stride: blocks * 32,
            scales: scales.as_ptr().cast(),
            scale_stride: blocks * 2,
            tokens,
            blocks,
        };
        let mut out = vec![0f32; tokens * row_tiles * 32];
        let (mut prepared, mut scratch) = (Prepared::default(), Scratch::default());
        // SAFETY: every buffer has the size that is stated.
        unsafe { set.prepare(kind, &x, -36, &mut prepared) };
        let mut one = |r: usize| {
            // SAFETY: every buffer has the size that is stated.
            unsafe {
                let tiles = Tiles::Contiguous(tiles.as_ptr().add(r * blocks * kind.tile_bytes()));
                let out = out.as_mut_ptr().add(r * 32).cast();
                let flags = set.row_tile(&prepared, tiles, 32, out, row_tiles * 128, &mut scratch);
                assert!(flags.is_empty(), "{flags}");
            }
        };
        let seconds = if tokens <= 4 {
            // The lower quartile of stretches of 32 row tiles: a stretch is never in the caches, and short enough to escape the neighbours.
            let mut stretches: Vec<f64> = (0..row_tiles / 32 * 2)
                .map(|i| fastest(1, || (0..32).for_each(|r| one(i % (row_tiles / 32) * 32 + r))))
                .collect();
            stretches.sort_by(f64::total_cmp);
            stretches[stretches.len() / 4] / 32.0 * row_tiles as f64
        } else {
            fastest(2000, || (0..row_tiles).for_each(&mut one))
        };
        let macs = (tokens * row_tiles * blocks * 1024) as f64;
        println!(
            "{:4} T={tokens:<3} {:6.1} GB/s {:6.1} GMAC/s",
            kind.name(),
            tiles.len() as f64 / seconds / 1e9,
            macs / seconds / 1e9
        );
    }
}

fn vectors() {
    let set = kernels::best();
    let x: Vec<f32> = (0..4096).map(|i| i as f32 / 300.0 - 7.0).collect();
    let mut y = x.clone();
    let n = x.len();
    let mut line = |name: &str, f: &mut dyn FnMut(*const f32, *mut f32)| {
        let seconds = fastest(50, || {
            for _ in 0..10 {
                f(x.as_ptr(), y.as_mut_ptr());
            }
        });
        println!("{name:12} {:6.2} G elements/s", 10.0 * n as f64 / seconds / 1e9);
    };
    // SAFETY of the calls: both rows have `n` elements; the codes fit `n / 32` blocks.
    for op in Unary::ALL {
        line(&format!("{op:?}"), &mut |x, y| unsafe { set.unary(op, x, y, n) });
    }
    let (mut codes, mut scales) = (vec![0i8; n], vec![0u16; n / 32]);
    for op in kernels::Binary::ALL {
        line(&format!("{op:?}"), &mut |x, y| unsafe { set.binary(op, x, x.add(1).sub(1), y, n) });
    }
    line("quantise", &mut |x, _| {
        unsafe { set.quantise(x, n, codes.as_mut_ptr(), scales.as_mut_ptr()) };
    });
    line("rowsum", &mut |x, _| {
        std::hint::black_box(unsafe { set.rowsum(x, n) });
    });
    line("sumsq", &mut |x, _| {
        std::hint::black_box(unsafe { set.sumsq(x, n) });
    });
    line("max", &mut |x, _| {
        std::hint::black_box(unsafe { set.max(x, n) });
    });
    line("softmax", &mut |x, y| {
        std::hint::black_box(unsafe { set.softmax(x, y, n, 0..n, 1.0, None) });
    });
    line("rmsnorm", &mut |x, y| {
        unsafe { set.rmsnorm(x, x, y, n, 1e-5) };
    });
    line("rope half", &mut |x, y| unsafe { set.rope(kernels::Rope::Half, x, x, y, n) });
    line("rope pairs", &mut |x, y| unsafe { set.rope(kernels::Rope::Interleaved, x, x, y, n) });
    let (mut indices, mut values) = ([0; 8], [0.0; 8]);
    line("topk 8", &mut |x, _| {
        unsafe { set.topk(x, n, &mut indices, &mut values) };
    });
    for stored in [
        kernels::Stored::F16,
        kernels::Stored::Bf16,
        kernels::Stored::Blocks(WeightKind::I8s),
        kernels::Stored::Blocks(WeightKind::I4m),
    ] {
        line(&format!("{stored:?}"), &mut |x, y| {
            let scales = x.cast();
            unsafe { set.dequantise(stored, x.cast(), scales, scales, y, n / 32) };
        });
    }
}

fn main() {
    println!("{} ({})", kernels::best().name(), kernels::report());
    let wanted = std::env::args().nth(1);
    for kind in WeightKind::ALL {
        if wanted.as_deref().is_none_or(|w| w == kind.name()) {
            matmul(kind);
        }
    }
    if wanted.as_deref().is_none_or(|w| w == "vectors") {
        vectors();
    }
}
