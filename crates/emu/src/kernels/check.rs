//! One small case of every operation, run on a set and on the oracle.
//!
//! It runs once per process, before a set is trusted, and in tests with many seeds. The inputs are pseudo-random and deliberately ugly: every magnitude,
//! infinities, NaN, scales that leave the window.

use super::{Activations, Binary, Kernels, Prepared, Rope, Scratch, Stored, Tiles, Unary, scalar};
use base::tile::{BLOCK, WeightKind};

/// A small generator: the inputs must be the same on every run.
pub(super) struct Random(pub u64);

impl Random {
    /// 64 random bits (splitmix64).
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// Bytes.
    pub(super) fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.bits() as u8).collect()
    }

    /// A binary32 of moderate size, or (if `wild`) sometimes any bit pattern.
    pub(super) fn float(&mut self, wild: bool) -> f32 {
        let bits = self.bits();
        if wild && bits.is_multiple_of(13) {
            return f32::from_bits((bits >> 32) as u32);
        }
        let unit = (bits >> 40) as f32 / (1 << 23) as f32 - 1.0;
        unit * 2f32.powi((bits % 24) as i32 - 16)
    }

    /// A row of them.
    pub(super) fn row(&mut self, n: usize, wild: bool) -> Vec<f32> {
        (0..n).map(|_| self.float(wild)).collect()
    }
}

/// A matrix product in owned memory.
pub(super) struct Product {
    pub kind: WeightKind,
    pub tiles: Vec<u8>,
    pub codes: Vec<i8>,
    pub scales: Vec<u16>,
    pub tokens: usize,
    pub blocks: usize,
    pub rows: usize,
    pub g: i32,
    pub scattered: bool,
}

impl Product {
    /// A random one; `wild` allows scales of any bit pattern.
    pub(super) fn random(r: &mut Random, kind: WeightKind, tokens: usize, blocks: usize, wild: bool) -> Product {
        let mut tiles = r.bytes(blocks * kind.tile_bytes());
        if !wild {
            tame(r, kind, &mut tiles);
        }
        let mut scale = |_| match r.below(40) {
            0 => 0,
            1 if wild => r.bits() as u16,
            _ => 0x3a00 + (r.bits() as u16 & 0x03f0),
        };
        let scales = (0..tokens * blocks).map(&mut scale).collect();
        let codes = r.bytes(tokens * blocks * BLOCK).into_iter().map(|b| b as i8).collect();
        let g = if wild { r.below(60) as i32 - 60 } else { -28 };
        let (rows, scattered) = (if r.below(2) == 0 { 32 } else { r.below(33) }, r.below(2) == 0);
        Product { kind, tiles, codes, scales, tokens, blocks, rows, g, scattered }
    }

    /// The bits that `set` returns, and its flags.
    pub(super) fn run(&self, set: &dyn Kernels) -> (Vec<u32>, u32) {
        self.run_with(set, &mut Scratch::default())
    }

    /// [`Product::run`] with the caller's buffers.
    pub(super) fn run_with(&self, set: &dyn Kernels, scratch: &mut Scratch) -> (Vec<u32>, u32) {
        let x = Activations {
            codes: self.codes.as_ptr(),
            code_stride: self.blocks * BLOCK,
            scales: self.scales.as_ptr().cast(),
            scale_stride: self.blocks * 2,
            tokens: self.tokens,
            blocks: self.blocks,
        };
        let mut prepared = Prepared::default();
        let mut out = vec![f32::MAX; self.tokens * 33];
        let list: Vec<_> = self.tiles.chunks(self.kind.tile_bytes()).map(<[u8]>::as_ptr).collect();
        let tiles = if self.scattered { Tiles::Scattered(&list) } else { Tiles::Contiguous(self.tiles.as_ptr()) };
        // SAFETY: every pointer is to a vector of the size that the description states.
        let flags = unsafe {
            set.prepare(self.kind, &x, self.g, &mut prepared);
            set.row_tile(&prepared, tiles, self.rows, out.as_mut_ptr().cast(), 33 * 4, scratch)
        };
        (out.into_iter().map(f32::to_bits).collect(), flags.0)
    }
}

/// Makes every scale and minimum of the tiles a moderate number.
fn tame(r: &mut Random, kind: WeightKind, tiles: &mut [u8]) {
    for tile in tiles.chunks_mut(kind.tile_bytes()) {
        let scales = &mut tile[kind.code_bytes()..];
        match kind.scale_bytes() {
            1 => scales.fill_with(|| 120 + r.below(8) as u8),
            _ => scales.chunks_mut(2).for_each(|s| {
                let base = if kind == WeightKind::A8 { 0x3c00 } else { 0x2400 };
                s.copy_from_slice(&(base + (r.bits() as u16 & 0x83ff)).to_le_bytes());
            }),
        }
    }
}

/// The name of the first operation on which `set` and the oracle differ, for one seed.
pub(super) fn compare(set: &dyn Kernels, seed: u64) -> Result<(), &'static str> {
    let mut r = Random(seed);
    for kind in WeightKind::ALL {
        for wild in [false, true] {
            let (tokens, blocks) = (1 + r.below(22), 1 + r.below(3));
            let product = Product::random(&mut r, kind, tokens, blocks, wild);
            equal("matmul", product.run(set), product.run(scalar()))?;
        }
    }
    rows(set, &mut r)?;
    formats(set, &mut r)
}

fn equal<T: PartialEq>(operation: &'static str, got: T, wanted: T) -> Result<(), &'static str> {
    if got == wanted { Ok(()) } else { Err(operation) }
}

/// Elementwise operations and reductions.
fn rows(set: &dyn Kernels, r: &mut Random) -> Result<(), &'static str> {
    let n = 1 + r.below(90);
    for wild in [false, true] {
        let (a, b) = (r.row(n, wild), r.row(n, wild));
        for op in Unary::ALL {
            equal("unary", unary(set, op, &a), unary(scalar(), op, &a))?;
        }
        for op in Binary::ALL {
            equal("binary", binary(set, op, &a, &b), binary(scalar(), op, &a, &b))?;
        }
        equal("reduction", reductions(set, &a, &b), reductions(scalar(), &a, &b))?;
        let dims = n & !1;
        for layout in [Rope::Half, Rope::Interleaved] {
            equal("rope", rope(set, layout, &a[..dims], &b), rope(scalar(), layout, &a[..dims], &b))?;
        }
    }
    Ok(())
}

fn bits(row: Vec<f32>) -> Vec<u32> {
    row.into_iter().map(f32::to_bits).collect()
}

// SAFETY of the blocks below: each pointer is to a vector of the length given with it.

fn unary(set: &dyn Kernels, op: Unary, a: &[f32]) -> Vec<u32> {
    let mut out = a.to_vec();
    unsafe { set.unary(op, out.as_ptr(), out.as_mut_ptr(), a.len()) };
    bits(out)
}

fn binary(set: &dyn Kernels, op: Binary, a: &[f32], b: &[f32]) -> [Vec<u32>; 2] {
    let (mut one, mut two) = (a.to_vec(), b.to_vec());
    unsafe {
        set.binary(op, a.as_ptr(), two.as_ptr(), two.as_mut_ptr(), a.len());
        set.binary_scalar(op, one.as_ptr(), b[0], one.as_mut_ptr(), a.len());
    }
    [bits(one), bits(two)]
}

fn rope(set: &dyn Kernels, layout: Rope, x: &[f32], angles: &[f32]) -> Vec<u32> {
    let mut out = x.to_vec();
    unsafe { set.rope(layout, out.as_ptr(), angles.as_ptr(), out.as_mut_ptr(), x.len()) };
    bits(out)
}

/// Every reduction of a row: values and flags as bits.
fn reductions(set: &dyn Kernels, a: &[f32], b: &[f32]) -> Vec<u32> {
    let n = a.len();
    let (mut out, mut values, mut indices) = (a.to_vec(), vec![0.0; 9], vec![0; 9]);
    let mut all = Vec::new();
    unsafe {
        for (value, flags) in [set.rowsum(a.as_ptr(), n), set.sumsq(a.as_ptr(), n), set.max(a.as_ptr(), n)] {
            all.extend([value.to_bits(), flags.0]);
        }
        for (range, c, sink) in [(0..n, 1.5, None), (n / 4..n / 2, 0.3, Some(b[0])), (3..n + 2, -2.0, None)] {
            let s = set.softmax(a.as_ptr(), out.as_mut_ptr(), n, range, c, sink);
            all.extend([s.max.to_bits(), s.sum.to_bits(), s.flags.0]);
            all.extend(bits(out.clone()));
        }
        all.push(set.rmsnorm(a.as_ptr(), b.as_ptr(), out.as_mut_ptr(), n, 1e-5).0);
        all.extend(bits(out));
        all.push(set.topk(a.as_ptr(), n, &mut indices, &mut values).0);
    }
    all.extend(indices);
    all.extend(bits(values));
    all
}

/// Quantise and dequantise.
fn formats(set: &dyn Kernels, r: &mut Random) -> Result<(), &'static str> {
    let blocks = 1 + r.below(4);
    for wild in [false, true] {
        let n = blocks * BLOCK - r.below(31);
        let row = r.row(n, wild);
        equal("quantise", quantise(set, &row), quantise(scalar(), &row))?;
        equal("quantise_segment", segment(set, &row), segment(scalar(), &row))?;
        let huge: Vec<f32> = row.iter().map(|v| v * f32::MAX).collect();
        equal("quantise_segment", segment(set, &huge), segment(scalar(), &huge))?;
    }
    let stored = WeightKind::ALL.map(Stored::Blocks).into_iter().chain([Stored::F16, Stored::Bf16]);
    for stored in stored {
        let memory = [r.bytes(blocks * 64), r.bytes(blocks * 2), r.bytes(blocks * 2)];
        equal("dequantise", dequantise(set, stored, &memory, blocks), dequantise(scalar(), stored, &memory, blocks))?;
    }
    Ok(())
}

fn quantise(set: &dyn Kernels, row: &[f32]) -> (Vec<i8>, Vec<u16>, u32) {
    let blocks = row.len().div_ceil(BLOCK);
    let (mut codes, mut scales) = (vec![1; blocks * BLOCK], vec![1; blocks]);
    let flags = unsafe { set.quantise(row.as_ptr(), row.len(), codes.as_mut_ptr(), scales.as_mut_ptr()) };
    (codes, scales, flags.0)
}

fn segment(set: &dyn Kernels, row: &[f32]) -> (Vec<i8>, u16, u32) {
    let (mut codes, mut scale) = (vec![1; row.len()], 1);
    let flags = unsafe { set.quantise_segment(row.as_ptr(), row.len(), codes.as_mut_ptr(), &mut scale) };
    (codes, scale, flags.0)
}

fn dequantise(set: &dyn Kernels, stored: Stored, memory: &[Vec<u8>; 3], blocks: usize) -> (Vec<u32>, u32) {
    let mut out = vec![0.0; blocks * BLOCK];
    let [codes, scales, mins] = memory.each_ref().map(|part| part.as_ptr());
    let flags = unsafe { set.dequantise(stored, codes, scales, mins, out.as_mut_ptr(), blocks) };
    (bits(out), flags.0)
}

/// A quick comparison of every operation: what makes a set trusted.
pub(super) fn against_oracle(set: &dyn Kernels) -> Result<(), &'static str> {
    (0..2).try_for_each(|seed| compare(set, seed))
}
