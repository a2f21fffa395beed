//! What attention needs room for: buffers of scores, and registers of a sequence.

use super::{Emit, F32, Heads};
use crate::Error;
use crate::builder::Buffer;
use arch::attr::Reg;
use arch::isa::a8_row;

/// Buffers of the scores, for `heads` key/value heads and up to `tokens` tokens at once.
pub(super) struct Scores {
    pub heads: usize,
    pub tokens: usize,
    pub scores: Buffer,
    pub probabilities: Buffer,
    pub sums: Buffer,
    pub outputs: Buffer,
}

/// Registers of one sequence and of one chunk of its tokens.
pub(super) struct SegmentRegs {
    pub left: Reg,
    pub position: Reg,
    pub pages: Reg,
    /// Positions, padded to pages.
    pub span: Reg,
    /// Bytes of a row of scores.
    pub score_row: Reg,
    /// Bytes of a row of quantised probabilities.
    pub prob_row: Reg,
    /// Offset of the chunk's queries.
    pub query: Reg,
    /// Offset of the chunk's outputs.
    pub out: Reg,
    /// Tokens of the chunk.
    pub count: Reg,
    /// Rows per key/value head: tokens times group.
    pub rows: Reg,
    /// Rows in all.
    pub all: Reg,
    /// Bytes of one key/value head's scores.
    pub score_head: Reg,
    /// Bytes of one key/value head's probabilities.
    pub prob_head: Reg,
    /// Bytes of one key/value head's outputs and of its sums.
    pub out_head: Reg,
    pub sum_head: Reg,
}

/// Tokens whose scores are formed at once, at most: more would not fit a cache of the host that emulates.
const MOST_CHUNK: usize = 32;

impl Emit<'_> {
    /// The largest chunk of tokens and heads whose scores fit.
    pub(super) fn score_buffers(&mut self, heads: &Heads<'_>) -> Result<Scores, Error> {
        let span = self.sizes.context;
        let most = self.chip.matrix.tokens;
        if heads.group > most {
            let what = format!(
                "{} query heads share a key head; chip `{}` multiplies at most {most} rows at once",
                heads.group, self.chip.name
            );
            return Err(Error::Unsupported(what));
        }
        let sizes = |kv: usize, tokens: usize| {
            let rows = kv * tokens * heads.group;
            [rows * span * F32, rows * a8_row(span), rows * F32, rows * heads.dim * F32]
        };
        let limit = (most / heads.group).min(self.sizes.tokens).min(MOST_CHUNK);
        let tokens = (0..=limit.ilog2()).rev().map(|log| (heads.kv.len(), 1usize << log));
        let fewer_heads = (1..heads.kv.len()).rev().map(|kv| (kv, 1));
        for (kv, tokens) in tokens.chain(fewer_heads) {
            if let Some(buffers) = self.try_buffers(sizes(kv, tokens)) {
                let [scores, probabilities, sums, outputs] = buffers;
                return Ok(Scores { heads: kv, tokens, scores, probabilities, sums, outputs });
            }
        }
        let need = sizes(1, 1).iter().sum();
        let what = format!("attention over a context of {span} tokens");
        Err(Error::Scratchpad { what, need, have: self.b.arena.largest_gap() })
    }

    fn try_buffers(&mut self, sizes: [usize; 4]) -> Option<[Buffer; 4]> {
        let before = self.b.arena.clone();
        let buffers = sizes.map(|size| self.b.arena.alloc("scores", size).ok());
        if buffers.iter().any(Option::is_none) {
            self.b.arena = before;
            return None;
        }
        Some(buffers.map(|buffer| buffer.expect("checked")))
    }

    pub(super) fn segment_regs(&mut self, heads: &Heads<'_>, scores: &Scores) -> SegmentRegs {
        let (tokens, span) = (self.sizes.tokens as i64, self.sizes.context as i64);
        let rows = (scores.tokens * heads.group) as i64;
        let prob_row = a8_row(self.sizes.context) as i64;
        // A chunk and its first token never reach beyond the step's tokens: with the largest count, the first token is at most this one.
        let last = tokens - scores.tokens as i64;
        let b = &mut self.b;
        SegmentRegs {
            left: b.reg(tokens),
            position: b.reg(span - 1),
            pages: b.reg(self.sizes.table_pages as i64),
            span: b.reg(span),
            score_row: b.reg(span * F32 as i64),
            prob_row: b.reg(prob_row),
            query: b.reg(last * (heads.group * heads.row) as i64),
            out: b.reg(last * (heads.spec.heads * heads.dim * F32) as i64),
            count: b.reg(scores.tokens as i64),
            rows: b.reg(rows),
            all: b.reg(rows * scores.heads as i64),
            score_head: b.reg(rows * span * F32 as i64),
            prob_head: b.reg(rows * prob_row),
            out_head: b.reg(rows * (heads.dim * F32) as i64),
            sum_head: b.reg(rows * F32 as i64),
        }
    }

    pub(super) fn release_segment(&mut self, r: &SegmentRegs) {
        self.b.release(&[
            r.left,
            r.position,
            r.pages,
            r.span,
            r.score_row,
            r.prob_row,
            r.query,
            r.out,
            r.count,
            r.rows,
            r.all,
            r.score_head,
            r.prob_head,
            r.out_head,
            r.sum_head,
        ]);
    }
}
