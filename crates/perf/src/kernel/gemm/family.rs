//! What kinds of kernels there are for matrix products, and how they differ.
//!
//! The physics of a product is the same for all; the software is not. A library for 16-bit formats picks from many tiles and splits long reductions; kernels
//! for 8-bit and narrower floats pick by the number of rows, never split, and want their activations quantised first; kernels that widen weights on the way
//! leave the copy engine unused. Each kind is one row here, and each number in a row says how that kind of kernel compares with the 16-bit library on the
//! same device. They come from fits over A100, H100 and H200 together; none depends on the device.

use crate::device::{Device, Dispatch};
use crate::format::Format;
use crate::operator::Gemm;

/// A tile of the result: rows and columns as powers of two.
pub type Tile = (u32, u32);

/// How a kind of kernel finds its tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The quickest of the menu, the reduction whole or split over idle units.
    QuickestOrSplit,
    /// The quickest of the menu.
    Quickest,
    /// By rows alone: 64 x 64 to 64 rows, 64 x 128 to 128 rows, then the quickest of the rest.
    ByRows,
}

/// One kind of kernel.
#[derive(Debug)]
pub struct Family {
    /// Its `compute` relative to the library's.
    pub compute: f64,
    /// Its `sustained` relative to the library's.
    pub sustained: f64,
    /// Its `bandwidth` relative to the library's: fewer bytes in flight.
    pub bandwidth: f64,
    /// Latency of a step of the reduction relative to the device's staging.
    pub step: f64,
    /// Whether the threads copy even where there is a copy engine.
    pub by_threads: bool,
    /// Whether it stores a tile while it computes the next, where the device can.
    pub stores_behind: bool,
    /// Start and end of a tile that nothing hides, in seconds.
    pub per_tile: f64,
    /// More launches around it, in seconds.
    pub around: f64,
    /// Whether a pass over the activations quantises them first.
    pub quantises: bool,
    /// Whether scales of its blocks are rewritten first, where the units have scales of their own.
    pub rescales: bool,
    /// Whether few rows go to the vector units instead.
    pub dots: bool,
    /// Whether narrow shapes take an unfused detour.
    pub detours: bool,
    /// Tiles.
    pub menu: &'static [Tile],
    /// How one of them is found.
    pub choice: Choice,
}

/// Tiles of 16-bit libraries. Either side may be the tokens, so that few tokens need not fill a tall tile.
const LIBRARY_MENU: &[Tile] = &[(8, 7), (7, 8), (7, 7), (7, 6), (6, 7), (6, 6), (5, 7), (6, 5), (5, 6)];

/// 16-bit and wider formats: cuBLAS, hipBLASLt.
static LIBRARY: Family = Family {
    compute: 1.0,
    sustained: 1.0,
    bandwidth: 1.0,
    step: 1.0,
    by_threads: false,
    stores_behind: true,
    per_tile: 0.0,
    around: 0.0,
    quantises: false,
    rescales: false,
    dots: false,
    detours: false,
    menu: LIBRARY_MENU,
    choice: Choice::QuickestOrSplit,
};

/// 8-bit floats with a scale per tensor or row, and 4-bit floats: CUTLASS kernels as vLLM, SGLang and TensorRT-LLM dispatch them.
static NARROW: Family = Family {
    sustained: 0.83,
    bandwidth: 0.87,
    // The arithmetic of a fixed tile is the chain.
    step: 0.0,
    stores_behind: false,
    per_tile: 0.58e-6,
    quantises: true,
    menu: &[(6, 6), (6, 7), (7, 7), (7, 8)],
    choice: Choice::ByRows,
    ..LIBRARY
};

/// Block-scaled 8-bit floats: DeepGEMM and its relatives. Partial sums are scaled in binary32 every 128 steps, which the matrix units wait for.
static BLOCK: Family = Family {
    compute: 0.71,
    sustained: 0.91,
    bandwidth: 0.98,
    step: 1.81,
    per_tile: 0.34e-6,
    rescales: true,
    detours: true,
    menu: &[(6, 6), (7, 7)],
    choice: Choice::Quickest,
    ..NARROW
};

/// Weights narrower than activations, widened on the way: Marlin, TensorRT-LLM's mixed kernels.
static WIDENING: Family = Family {
    compute: 0.9,
    step: 0.9,
    by_threads: true,
    around: 6.9e-6,
    dots: true,
    menu: &[(4, 7), (5, 7), (6, 7), (7, 7)],
    ..LIBRARY
};

/// 8-bit integers on both sides, scaled on the way out.
static INTEGER: Family = Family {
    compute: 0.82,
    sustained: 0.98,
    step: 0.0,
    by_threads: true,
    around: 5.0e-6,
    dots: true,
    menu: &[(6, 7), (7, 7), (7, 8)],
    choice: Choice::Quickest,
    ..LIBRARY
};

/// Tiles of a compiled program: whole ones of the usual systolic arrays, and as few tokens as an engine takes at once that is made for few.
const PROGRAM_MENU: &[Tile] = &[(8, 8), (7, 7), (7, 5), (5, 7), (5, 5), (2, 7), (2, 5)];

/// A compiled program: no library's habits, operands that arrive before they are wanted, results that leave while the next tile is computed, and
/// formats converted where values are written.
static PROGRAM: Family = Family { menu: PROGRAM_MENU, choice: Choice::Quickest, ..LIBRARY };

/// What kind of kernel a product meets on a device, and the format whose arithmetic it uses.
///
/// Activations in a format that the device does not multiply are taken as 16-bit ones.
pub fn meet(operator: &Gemm, device: &Device) -> (&'static Family, Format) {
    let wider =
        if operator.weights.bits() > operator.activations.bits() { operator.weights } else { operator.activations };
    let native = device.matrix_rate(wider).is_some();
    let format = if native { wider } else { Format::Bf16 };
    if matches!(device.dispatch, Dispatch::Program { .. }) {
        return (&PROGRAM, format);
    }
    let family = match (native, wider) {
        (true, Format::Fp8Block) => &BLOCK,
        (true, Format::Int8 | Format::Int4) => &INTEGER,
        (true, Format::Fp8 | Format::Mxfp8 | Format::Mxfp4 | Format::Nvfp4) => &NARROW,
        _ if operator.weights.bits() < Format::Bf16.bits() => &WIDENING,
        _ => &LIBRARY,
    };
    (family, format)
}
