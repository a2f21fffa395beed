//! A step's tokens in two halves: while one is multiplied, the vector engine works on the other.
//!
//! Every stretch of work for one engine is emitted for the first half and then, in a block that runs at most once, for the second. So in the order of the
//! stream a product of the second half stands between a product of the first and the vector work that waits for it; the sync pass puts that wait in front
//! of the block. Weights stream twice, but never for a step that the first half holds whole: a step of few tokens waits for its weights anyway.

use super::*;
use crate::map::Sizes;
use model::network::FeedForward;

/// Registers that count the halves.
#[derive(Clone, Copy)]
pub(super) struct Halves {
    first: Reg,
    second: Reg,
    /// 1 if the second half has any token.
    any: Reg,
}

/// Rows that instructions are emitted for.
#[derive(Clone, Copy)]
pub(super) struct Window {
    /// First row.
    pub first: usize,
    /// Rows.
    pub tokens: Reg,
}

impl Halves {
    pub(super) fn new(b: &mut Builder, sizes: &Sizes) -> Halves {
        let half = (sizes.tokens / 2) as i64;
        Halves { first: b.reg(half), second: b.reg(half), any: b.reg(1) }
    }
}

/// Whether halves are emitted and gain: one member computes everything, every network is dense, and no product of half a step is held up by the memory
/// port, which brings its weights a second time.
pub(super) fn pay(plan: &Plan, network: &Network, chip: &Chip, sizes: &Sizes) -> bool {
    let half = sizes.tokens / 2;
    let matrix = &chip.matrix;
    let even = sizes.tokens.is_multiple_of(2) && half > 0 && half.is_multiple_of(matrix.columns);
    let dense = network.layers.iter().all(|layer| matches!(layer.ffn, FeedForward::Dense(_)));
    let port = chip.memory.bandwidth.0 / chip.frequency.0;
    let tile = (BLOCK * BLOCK * half) as f64 / (matrix.rows * matrix.depth * matrix.columns) as f64;
    let (bytes, tiles) = plan.layers.iter().flat_map(LayerPlan::linears).fold((0, 0), |(bytes, tiles), linear| {
        let (more, rows) = linear.before(linear.parts.len(), 0, 1);
        (bytes + more, tiles + rows / BLOCK * linear.k.div_ceil(BLOCK))
    });
    sizes.members() == 1 && even && dense && bytes as f64 / port <= tile * tiles as f64
}

impl Emit<'_> {
    pub(super) fn count_halves(&mut self) {
        let Some(Halves { first, second, any }) = self.halves else { return };
        let (tokens, half) = (self.regs.tokens, self.sizes.tokens / 2);
        self.b.emit(Instr::Min { rd: first, a: tokens.into(), b: half.into() });
        self.b.emit(Instr::Sub { rd: second, a: tokens.into(), b: first.into() });
        self.b.emit(Instr::Min { rd: any, a: second.into(), b: 1.into() });
    }

    /// What `work` emits, for all tokens of the step: half by half, if there are halves.
    pub(super) fn by_halves(&mut self, work: impl Fn(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        let Some(Halves { first, second, any }) = self.halves else { return work(self) };
        let whole = self.window;
        self.window.tokens = first;
        work(self)?;
        self.window = Window { first: self.sizes.tokens / 2, tokens: second };
        self.b.begin(any, false);
        work(self)?;
        self.b.end_block();
        self.window = whole;
        Ok(())
    }
}
