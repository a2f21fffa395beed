//! Two searches of one space: the plain one, and one that leaves out what cannot win.

use super::cost::{Choice, Cost, Machine, Split, Tiled};
use super::{Mapping, Product};
use arch::Chip;

/// How many mappings a search may cost out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget(pub u64);

impl Budget {
    /// As many as it takes.
    pub const UNLIMITED: Budget = Budget(u64::MAX);
}

/// Every mapping of one product onto one chip.
#[derive(Clone, Debug)]
pub struct Space {
    machine: Machine,
    product: Product,
}

/// The best mapping that a search found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The mapping.
    pub mapping: Mapping,
    /// What it costs.
    pub cost: Cost,
    /// No mapping costs fewer cycles than this.
    pub bound: f64,
    /// Mappings whose cost was computed.
    pub evaluated: u64,
}

impl Found {
    /// By what part of its cycles the mapping can exceed the optimum at most; zero if it is proven to be optimal.
    pub fn gap(&self) -> f64 {
        ((self.cost.cycles - self.bound) / self.cost.cycles).max(0.0)
    }
}

/// Why a product has no mapping: one sentence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoMapping {
    /// Nothing to do.
    #[error("m = {m}, n = {n}, k = {k}: each must be between 1 and {MOST}")]
    Size {
        /// Tokens.
        m: u64,
        /// Outputs.
        n: u64,
        /// Inputs.
        k: u64,
    },
    /// The engine does not take these weights.
    #[error("the matrix engine takes no `{kind}` weights; it takes {known}")]
    Weights {
        /// What was asked for.
        kind: &'static str,
        /// What there is.
        known: String,
    },
    /// One token and one row tile are too much.
    #[error(
        "one token of {k} inputs and its results need {needed} bytes of a core's scratchpad, which has {has}; the largest k is about {largest}"
    )]
    Scratchpad {
        /// Inputs.
        k: u64,
        /// Bytes needed.
        needed: u64,
        /// Bytes there.
        has: u64,
        /// Inputs that would fit.
        largest: u64,
    },
}

/// Largest size of a product: products of three stay within binary64's whole numbers times a byte.
const MOST: u64 = 1 << 24;

impl Space {
    /// The mappings of `product` onto `chip`.
    pub fn new(chip: &Chip, product: Product) -> Result<Space, NoMapping> {
        let Product { m, n, k, weights } = product;
        if [m, n, k].iter().any(|size| !(1..=MOST).contains(size)) {
            return Err(NoMapping::Size { m, n, k });
        }
        if !chip.matrix.weights.contains(&weights) {
            let known = chip.matrix.weights.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
            return Err(NoMapping::Weights { kind: weights.name(), known });
        }
        let space = Space { machine: Machine::new(chip, &product), product };
        match space.machine.cost(&SMALLEST) {
            Some(_) => Ok(space),
            None => {
                let has = chip.core.scratchpad.0;
                let row = product.activation_row();
                let needed = row + (base::tile::BLOCK * 4) as u64;
                let largest = (k as f64 * has as f64 / needed as f64) as u64 / 32 * 32;
                Err(NoMapping::Scratchpad { k, needed, has, largest })
            }
        }
    }

    /// The numbers that costs are computed with.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The product.
    pub fn product(&self) -> &Product {
        &self.product
    }

    fn splits(&self) -> impl Iterator<Item = Split> + '_ {
        let cores = self.machine.cores;
        let pairs = (1..=cores).flat_map(move |rows| (1..=cores / rows).map(move |tokens| (rows, tokens)));
        pairs.filter_map(|(rows, tokens)| self.machine.split(rows, tokens))
    }

    /// The best of all mappings, by computing every cost. Among equals the first in the order of [`Mapping`] wins.
    pub fn exhaustive(&self) -> Found {
        let mut best = Best::new();
        for split in self.splits() {
            for tokens in 1..=split.tokens.min(self.machine.max_tokens) {
                let tiled = self.machine.tiled(&split, tokens);
                for choice in Choice::ALL {
                    for rows in 1..=split.row_tiles {
                        best.offer(&self.machine, &tiled, choice, rows, 1);
                        best.offer(&self.machine, &tiled, choice, rows, 2);
                    }
                }
            }
        }
        best.found(f64::INFINITY)
    }

    /// The best mapping, leaving out what a lower bound rules out: the most promising splits first, and of each the fullest tiles first. When the budget
    /// runs out, the bound is that of the best split that is still open.
    pub fn best(&self, budget: Budget) -> Found {
        let mut best = Best::new();
        let mut splits: Vec<(f64, Split)> =
            self.splits().map(|split| (self.machine.split_bound(&split), split)).collect();
        splits.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (bound, split) in splits {
            if best.reached(bound) {
                break;
            }
            if !self.search_split(&split, budget, &mut best) {
                return best.found(bound);
            }
        }
        best.found(f64::INFINITY)
    }

    /// Searches one split; false when the budget ran out.
    fn search_split(&self, split: &Split, budget: Budget, best: &mut Best) -> bool {
        for tokens in (1..=split.tokens.min(self.machine.max_tokens)).rev() {
            let tiled = self.machine.tiled(split, tokens);
            if best.reached(self.machine.tiled_bound(&tiled)) {
                continue;
            }
            for choice in Choice::ALL {
                // Of all rows that make the same number of blocks, the fewest cost least: smaller results wait for less.
                let mut rows = split.row_tiles;
                while rows >= 1 {
                    let blocks = split.row_tiles.div_ceil(rows);
                    let fewest = split.row_tiles.div_ceil(blocks);
                    best.offer(&self.machine, &tiled, choice, fewest, 1);
                    best.offer(&self.machine, &tiled, choice, fewest, 2);
                    rows = fewest - 1;
                }
                if best.evaluated >= budget.0 && best.found.is_some() {
                    return false;
                }
            }
        }
        true
    }
}

/// The mapping that fits if anything does.
const SMALLEST: Mapping = Mapping {
    row_cores: 1,
    token_cores: 1,
    tokens: 1,
    rows: 1,
    order: super::Order::TokensOuter,
    source: super::Source::Memory,
    activation_buffers: 1,
    result_buffers: 1,
};

/// The best so far.
struct Best {
    found: Option<(Mapping, Cost)>,
    evaluated: u64,
}

impl Best {
    fn new() -> Best {
        Best { found: None, evaluated: 0 }
    }

    /// Whether nothing with this lower bound can be better.
    fn reached(&self, bound: f64) -> bool {
        self.found.is_some_and(|(_, cost)| bound >= cost.cycles)
    }

    #[inline]
    fn offer(&mut self, machine: &Machine, tiled: &Tiled, choice: Choice, rows: u64, result_buffers: u64) {
        self.evaluated += 1;
        let Some(cost) = machine.finish(tiled, choice, rows, result_buffers) else {
            return;
        };
        if self.found.is_none_or(|(_, best)| cost.cycles < best.cycles) {
            let mapping = Mapping {
                row_cores: tiled.split.row_cores,
                token_cores: tiled.split.token_cores,
                tokens: tiled.tokens,
                rows,
                order: choice.order,
                source: choice.source,
                activation_buffers: choice.activation_buffers,
                result_buffers,
            };
            self.found = Some((mapping, cost));
        }
    }

    /// `open` is the least bound of what was not searched.
    fn found(self, open: f64) -> Found {
        let (mapping, cost) = self.found.expect("a space has at least one mapping that fits");
        Found { mapping, cost, bound: open.min(cost.cycles), evaluated: self.evaluated }
    }
}
