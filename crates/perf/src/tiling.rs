//! The best way to run one matrix product on our chip.
//!
//! A product of `m` tokens, `n` outputs and `k` inputs is cut into pieces that the instruction `mm` takes: some 32-row tiles of the weights against some tokens. The
//! reduction is never cut (`docs/numerics.md`), so what is left to choose is
//!
//! 1. the **split** over cores: groups of rows times groups of tokens;
//! 2. the **tokens** of one `mm`, at most the accumulators of the engine;
//! 3. the **rows** of one `mm`, which set how much of the result waits in the scratchpad;
//! 4. the **order** of the two loops: all rows for some tokens, or all tokens for some rows;
//! 5. where **activations** come from: each core reads its own from memory, or reads a share and gathers the rest;
//! 6. one or two **buffers** for activations, and for results.
//!
//! [`Machine`] gives the cycles of one mapping: the largest of memory, arithmetic, scratchpad and exchange, with what buffers do not hide, and with the start and
//! the end that nothing hides. [`Space::exhaustive`] tries every mapping; [`Space::best`] finds the same one by branch and bound with a lower bound that
//! never exceeds the cost of any completion, and says how far from the optimum it can be at most (zero, unless its budget ran out).
//!
//! ```
//! use perf::tiling::{Budget, Product, Space};
//! let chip = arch::Chip::builtin("one").unwrap();
//! let product = Product { m: 64, n: 8192, k: 8192, weights: base::tile::WeightKind::I4m };
//! let found = Space::new(&chip, product).unwrap().best(Budget::UNLIMITED);
//! assert_eq!(found.gap(), 0.0);
//! assert!(found.cost.cycles >= found.cost.arithmetic);
//! ```

mod cost;
mod search;
mod text;

pub use cost::{Cost, Machine, Parts};
pub use search::{Budget, Found, Space};

use base::tile::{BLOCK, WeightKind};

/// `m x k` activations times `k x n` weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Product {
    /// Tokens.
    pub m: u64,
    /// Output features.
    pub n: u64,
    /// Input features.
    pub k: u64,
    /// How the weights are coded.
    pub weights: WeightKind,
}

impl Product {
    /// Row tiles of the weights; the last may be padded.
    pub fn row_tiles(&self) -> u64 {
        self.n.div_ceil(BLOCK as u64)
    }

    /// Column tiles of the weights; the last may be padded.
    pub fn column_tiles(&self) -> u64 {
        self.k.div_ceil(BLOCK as u64)
    }

    /// Bytes of one token's quantised activations with their scales.
    pub fn activation_row(&self) -> u64 {
        arch::isa::a8_row(self.column_tiles() as usize * BLOCK) as u64
    }
}

/// Which of the two loops of a core is the outer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Order {
    /// All rows for some tokens, then the next tokens: activations are read once.
    TokensOuter,
    /// All tokens for some rows, then the next rows: activations are read again for each block of rows, unless all of them fit.
    RowsOuter,
}

/// How a core gets the activations that it shares with the other row groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// Each core reads all of its own from memory.
    Memory,
    /// Each reads a share, and an all-gather completes it.
    Gather,
}

/// One way to run a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mapping {
    /// Groups of rows.
    pub row_cores: u64,
    /// Groups of tokens; `row_cores * token_cores` cores work.
    pub token_cores: u64,
    /// Tokens of one `mm`.
    pub tokens: u64,
    /// Row tiles of one `mm`.
    pub rows: u64,
    /// Outer loop.
    pub order: Order,
    /// Where activations come from.
    pub source: Source,
    /// Buffers for activations: 1 or 2.
    pub activation_buffers: u64,
    /// Buffers for results: 1 or 2.
    pub result_buffers: u64,
}
