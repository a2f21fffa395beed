//! Attention of one layer on one core: its own key/value heads, for all tokens of the step.
//!
//! Keys are stored as tiles whose rows are positions, values as tiles whose columns are positions, 32 positions to a page. So a product with a page
//! needs no transposition: scores are `keys x query` and outputs `values x probabilities`, both straight from memory through the weight stream.
//! A value's scale belongs to its position, which is the axis that is summed over: it is multiplied into the probability before that is quantised.

mod cache;
mod project;
mod room;

use self::room::{Scores, SegmentRegs};
use super::{Emit, F32, Weights, matrix};
use crate::Error;
use crate::builder::Buffer;
use crate::map::{Cache, LayerMap, kv_heads};
use crate::plan::{LayerPlan, SCORE_GRID, VALUE_GRID};
use crate::session::Abi;
use arch::Instr;
use arch::attr::{Binary, Blocking, Narrow, Pairing, Reg, Sink, Unary};
use arch::isa::{Operand, a8_row};
use base::tile::{BLOCK, WeightKind};
use model::network::{Attention, GroupedAttention, Layer, RopeLayout};
use std::ops::Range;

/// log2(e): the softmax works in powers of two.
const LOG2_E: f32 = std::f32::consts::LOG2_E;

/// The member's share and the shapes that follow from it.
#[derive(Clone)]
struct Heads<'a> {
    spec: &'a GroupedAttention,
    /// Own key/value heads.
    kv: Range<usize>,
    /// Query heads per key/value head.
    group: usize,
    /// Columns of a head.
    dim: usize,
    /// Bytes of a quantised head.
    row: usize,
    /// Columns of the member's slice of query, key, value.
    width: usize,
}

/// Own slices of query, key and value of every token.
struct Projected {
    /// Quantised queries: key/value head, token, head of the group.
    queries: Buffer,
    /// Bytes between key/value heads in `queries`.
    step: usize,
    /// Quantised keys: token, head.
    keys: Buffer,
    /// Quantised values: token, head.
    values: Buffer,
}

impl<'a> Emit<'a> {
    /// y = attention(xa), output projection and bias included.
    pub(super) fn attention(&mut self, layer: &'a Layer, plan: &'a LayerPlan, map: &'a LayerMap) -> Result<(), Error> {
        let Attention::Grouped(spec) = &layer.attention else { unreachable!("refused by the plan") };
        let kv = kv_heads(spec.kv_heads, self.member, self.members());
        let group = spec.heads / spec.kv_heads;
        let dim = spec.head_dim;
        let width = (group + 2) * kv.len() * dim;
        let heads = Heads { spec, kv, group, dim, row: a8_row(dim), width };
        let out_width = spec.heads * dim;
        let out = self.b.arena.alloc("the attention outputs", self.sizes.tokens * out_width * F32)?;
        if !heads.kv.is_empty() {
            let projected = self.project(&heads, plan, map)?;
            let cache = map.caches[self.core];
            self.segments(&heads, &projected, cache, map, out)?;
            [projected.queries, projected.keys, projected.values]
                .into_iter()
                .for_each(|buffer| self.b.arena.free(buffer));
        }
        let own = heads.kv.start * group * dim..heads.kv.end * group * dim;
        self.gather_columns(out.op(), out_width, own, self.tokens());
        self.by_halves(|emit| {
            let xa = emit.rows_of(emit.bufs().xa, a8_row(out_width));
            emit.quantise(xa, emit.rows_of(out, out_width * F32), out_width, emit.tokens(), out_width);
            Ok(())
        })?;
        self.b.arena.free(out);
        self.project_out(spec, plan, map)
    }

    /// Attention proper, sequence after sequence.
    fn segments(
        &mut self,
        heads: &Heads<'_>,
        projected: &Projected,
        cache: Cache,
        map: &LayerMap,
        out: Buffer,
    ) -> Result<(), Error> {
        let (kv, pages) = (heads.kv.len(), self.sizes.table_pages);
        let table = self.b.arena.alloc("a page table", self.sizes.table_step)?;
        let narrow = self.b.arena.alloc("the value scales", kv * pages * 2 * BLOCK)?;
        let wide = self.b.arena.alloc("the value scales", kv * pages * F32 * BLOCK)?;
        let sinks = match heads.spec.sinks {
            true => Some(self.vector(map, "attn_sinks.weight", heads.kv.start * heads.group, kv * heads.group)?),
            false => None,
        };
        let scores = self.score_buffers(heads)?;
        let (index, record, first, row) = (
            self.b.reg(self.sizes.sequences as i64),
            self.b.reg((self.sizes.sequences * Abi::SEGMENT_WORDS) as i64),
            self.b.reg(self.sizes.tokens as i64),
            self.b.reg(((self.sizes.sequences - 1) * self.sizes.table_step) as i64),
        );
        let r = self.segment_regs(heads, &scores);
        let records = Abi { sizes: self.sizes, vocab: 0 }.segment_records() as i64;
        self.b.set(index, 0);
        self.b.begin(self.regs.segments, true);
        let b = &mut self.b;
        b.mul(record, index, Abi::SEGMENT_WORDS);
        for (offset, reg) in [first, r.left, r.position, r.pages, row].into_iter().enumerate() {
            b.param(reg, Operand::reg(record, records + offset as i64));
        }
        b.mul(row, row, self.sizes.table_step);
        b.mul(r.span, r.pages, BLOCK);
        b.mul(r.query, first, heads.group * heads.row);
        b.mul(r.out, first, heads.spec.heads * heads.dim * F32);
        self.load_table(table, row, r.pages);
        self.load_value_scales(heads, cache, table, narrow, wide, &r);
        self.chunks(heads, projected, cache, (table, wide, sinks), &scores, &r, out);
        self.b.add(index, index, 1);
        self.b.end();
        self.release_segment(&r);
        self.b.release(&[index, record, first, row]);
        let Scores { scores, probabilities, sums, outputs, .. } = scores;
        let buffers = [table, narrow, wide, scores, probabilities, sums, outputs];
        buffers.into_iter().chain(sinks).for_each(|buffer| self.b.arena.free(buffer));
        Ok(())
    }

    fn load_table(&mut self, table: Buffer, row: Reg, pages: Reg) {
        let (zero, one, word) = (Operand::imm(0), Operand::imm(1), Operand::from(F32));
        self.b.emit(Instr::Ld {
            dst: table.op(),
            mem: Operand::reg(row, self.map.tables as i64),
            elem: word,
            n0: pages.into(),
            s0: word,
            d0: word,
            n1: one,
            s1: zero,
            d1: zero,
            n2: one,
            s2: zero,
            d2: zero,
        });
    }

    fn load_value_scales(
        &mut self,
        heads: &Heads<'_>,
        cache: Cache,
        table: Buffer,
        narrow: Buffer,
        wide: Buffer,
        r: &SegmentRegs,
    ) {
        let (kv, pages) = (heads.kv.len(), self.sizes.table_pages);
        let (page_bytes, narrow_row) = (2 * BLOCK, pages * 2 * BLOCK);
        self.b.emit(Instr::Ldg {
            dst: narrow.op(),
            mem: Operand::reg(self.regs.cache, (cache.at + cache.scales) as i64),
            table: table.op(),
            n: r.pages.into(),
            step: cache.page.into(),
            d0: page_bytes.into(),
            elem: page_bytes.into(),
            n1: kv.into(),
            s1: page_bytes.into(),
            d1: narrow_row.into(),
        });
        self.b.emit(Instr::Vcvt {
            from: Narrow::Bf16,
            dst: wide.op(),
            dstep: (2 * narrow_row).into(),
            a: narrow.op(),
            astep: narrow_row.into(),
            rows: kv.into(),
            cols: r.span.into(),
        });
    }

    /// The tokens of a sequence, a chunk at a time; the heads, a few at a time.
    #[allow(clippy::too_many_arguments)]
    fn chunks(
        &mut self,
        heads: &Heads<'_>,
        projected: &Projected,
        cache: Cache,
        shared: (Buffer, Buffer, Option<Buffer>),
        s: &Scores,
        r: &SegmentRegs,
        out: Buffer,
    ) {
        let loops = self.b.reg(self.sizes.tokens as i64);
        self.b.add(loops, r.left, s.tokens as i64 - 1);
        let log = Operand::from(s.tokens.ilog2() as usize);
        self.b.emit(Instr::Shr { rd: loops, a: loops.into(), b: log });
        self.b.begin(loops, true);
        let b = &mut self.b;
        b.emit(Instr::Min { rd: r.count, a: r.left.into(), b: s.tokens.into() });
        // The chunk sees no page beyond its own last token.
        b.add(r.pages, r.position, r.count);
        b.add(r.pages, r.pages, BLOCK as i64 - 1);
        b.emit(Instr::Shr { rd: r.pages, a: r.pages.into(), b: Operand::from(BLOCK.ilog2() as usize) });
        b.mul(r.span, r.pages, BLOCK);
        b.mul(r.score_row, r.span, F32);
        b.mul(r.prob_row, r.pages, 2);
        b.add(r.prob_row, r.prob_row, 31);
        b.emit(Instr::And { rd: r.prob_row, a: r.prob_row.into(), b: Operand::imm(-32) });
        b.add(r.prob_row, r.prob_row, r.span);
        b.mul(r.rows, r.count, heads.group);
        b.mul(r.score_head, r.rows, r.score_row);
        b.mul(r.prob_head, r.rows, r.prob_row);
        b.mul(r.out_head, r.rows, heads.dim * F32);
        b.mul(r.sum_head, r.rows, F32);
        let kv = heads.kv.len();
        for first in (0..kv).step_by(s.heads) {
            let count = s.heads.min(kv - first);
            self.b.mul(r.all, r.rows, count);
            self.scores(heads, projected, cache, shared, s, r, first..first + count);
            self.outputs(heads, cache, shared, s, r, first..first + count, out);
        }
        let b = &mut self.b;
        b.emit(Instr::Sub { rd: r.left, a: r.left.into(), b: r.count.into() });
        b.add(r.position, r.position, r.count);
        let step = b.reg(b.bound(r.query).max(b.bound(r.out)));
        b.mul(step, r.count, heads.group * heads.row);
        b.add(r.query, r.query, step);
        b.mul(step, r.count, heads.spec.heads * heads.dim * F32);
        b.add(r.out, r.out, step);
        b.release(&[step]);
        self.b.end();
        self.b.release(&[loops]);
    }

    /// Scores of a chunk against all positions of its sequence, and their softmax numerators, weighted by the value scales and quantised.
    #[allow(clippy::too_many_arguments)]
    fn scores(
        &mut self,
        heads: &Heads<'_>,
        projected: &Projected,
        cache: Cache,
        shared: (Buffer, Buffer, Option<Buffer>),
        s: &Scores,
        r: &SegmentRegs,
        kv: Range<usize>,
    ) {
        let (table, wide, sinks) = shared;
        let key_head = heads.dim / BLOCK * WeightKind::A8.tile_bytes();
        let layer = self.regs.cache;
        self.b.emit(Instr::Wgat {
            mem: Operand::reg(layer, (cache.at + kv.start * key_head) as i64),
            table: table.op(),
            n: r.pages.into(),
            step: cache.page.into(),
            len: key_head.into(),
            groups: kv.len().into(),
            gstep: key_head.into(),
        });
        let queries = Operand::reg(r.query, (projected.queries.at + kv.start * projected.step) as i64);
        let product = matrix(
            WeightKind::A8,
            s.scores.op(),
            0,
            queries,
            heads.row,
            r.span.into(),
            heads.dim.into(),
            r.rows.into(),
            SCORE_GRID,
        );
        self.b.emit(grouped(product, kv.len(), 1, projected.step.into(), r.score_row.into(), r.score_head.into(), 0));
        let factor = self.scale_scores(heads, s, r);
        self.softmax(heads, sinks, s, r, kv.start, factor);
        let pages = self.sizes.table_pages;
        let row = Operand::from(r.score_row);
        self.b.emit(Instr::Vbin {
            op: Binary::Mul,
            dst: s.scores.op(),
            dstep: row,
            douter: r.score_head.into(),
            a: s.scores.op(),
            astep: row,
            aouter: r.score_head.into(),
            b: wide.plus(kv.start * pages * BLOCK * F32),
            bstep: 0.into(),
            bouter: (pages * BLOCK * F32).into(),
            rows: r.rows.into(),
            outer: kv.len().into(),
            cols: r.span.into(),
        });
        self.b.emit(Instr::Vquant {
            blocking: Blocking::Block,
            dst: s.probabilities.op(),
            dstep: r.prob_row.into(),
            a: s.scores.op(),
            astep: row,
            rows: r.all.into(),
            segs: 1.into(),
            cols: r.span.into(),
        });
    }

    /// The factor that the softmax applies; a soft cap takes the scale before it.
    fn scale_scores(&mut self, heads: &Heads<'_>, s: &Scores, r: &SegmentRegs) -> f32 {
        let Some(cap) = heads.spec.softcap else { return heads.spec.scale * LOG2_E };
        let (dst, step) = (s.scores.op(), Operand::from(r.score_row));
        let scale = |imm: f32| Instr::Vimm {
            op: Binary::Mul,
            dst,
            dstep: step,
            a: dst,
            astep: step,
            rows: r.all.into(),
            cols: r.span.into(),
            imm: imm.into(),
        };
        self.b.emit(scale(heads.spec.scale / cap));
        self.b.emit(Instr::Vun {
            op: Unary::Tanh,
            dst,
            dstep: step,
            a: dst,
            astep: step,
            rows: r.all.into(),
            cols: r.span.into(),
        });
        self.b.emit(scale(cap));
        LOG2_E
    }

    fn softmax(
        &mut self,
        heads: &Heads<'_>,
        sinks: Option<Buffer>,
        s: &Scores,
        r: &SegmentRegs,
        first: usize,
        factor: f32,
    ) {
        let row = Operand::from(r.score_row);
        let (sink, sinks) = match sinks {
            Some(buffer) => (Sink::Yes, buffer.plus(first * heads.group * F32)),
            None => (Sink::No, Operand::imm(0)),
        };
        self.b.emit(Instr::Vsoft {
            sink,
            dst: s.scores.op(),
            dstep: row,
            a: s.scores.op(),
            astep: row,
            sums: s.sums.op(),
            sinks,
            rows: r.all.into(),
            cols: r.span.into(),
            hi: Operand::reg(r.position, 1),
            window: heads.spec.window.unwrap_or(0).into(),
            per: heads.group.into(),
            tokens: r.count.into(),
            factor: factor.into(),
        });
    }

    /// Probabilities times values, divided by the sums, into the outputs' rows.
    #[allow(clippy::too_many_arguments)]
    fn outputs(
        &mut self,
        heads: &Heads<'_>,
        cache: Cache,
        shared: (Buffer, Buffer, Option<Buffer>),
        s: &Scores,
        r: &SegmentRegs,
        kv: Range<usize>,
        out: Buffer,
    ) {
        let blocks = heads.dim / BLOCK;
        let tile = WeightKind::U8.tile_bytes();
        self.b.emit(Instr::Wgat {
            mem: Operand::reg(self.regs.cache, (cache.at + cache.values + kv.start * blocks * tile) as i64),
            table: shared.0.op(),
            n: r.pages.into(),
            step: cache.page.into(),
            len: tile.into(),
            groups: (kv.len() * blocks).into(),
            gstep: tile.into(),
        });
        let product = matrix(
            WeightKind::U8,
            s.outputs.op(),
            heads.dim * F32,
            s.probabilities.op(),
            0,
            BLOCK.into(),
            r.span.into(),
            r.rows.into(),
            VALUE_GRID,
        );
        let ostep = Operand::from(heads.dim * F32);
        let product = with_xstep(product, r.prob_row.into());
        self.b.emit(grouped(
            product,
            kv.len() * blocks,
            blocks,
            r.prob_head.into(),
            ostep,
            r.out_head.into(),
            BLOCK * F32,
        ));
        let whole = Operand::imm(1);
        let zero = Operand::imm(0);
        self.b.emit(Instr::Vun {
            op: Unary::Recip,
            dst: s.sums.op(),
            dstep: zero,
            a: s.sums.op(),
            astep: zero,
            rows: whole,
            cols: r.all.into(),
        });
        let (from, sum) = (
            self.b.reg(self.b.bound(r.out_head) * kv.len() as i64),
            self.b.reg(self.b.bound(r.sum_head) * kv.len() as i64),
        );
        self.b.set(from, 0);
        self.b.set(sum, 0);
        for head in kv {
            self.normalise(heads, s, r, (from, sum), head, out);
            self.b.add(from, from, r.out_head);
            self.b.add(sum, sum, r.sum_head);
        }
        self.b.release(&[from, sum]);
    }

    fn normalise(&mut self, heads: &Heads<'_>, s: &Scores, r: &SegmentRegs, at: (Reg, Reg), head: usize, out: Buffer) {
        let (group, row) = (heads.group, heads.dim * F32);
        self.b.emit(Instr::Vrow {
            op: Binary::Mul,
            dst: Operand::reg(r.out, (out.at + (heads.kv.start + head) * group * row) as i64),
            dstep: row.into(),
            douter: (heads.spec.heads * row).into(),
            a: Operand::reg(at.0, s.outputs.at as i64),
            astep: row.into(),
            aouter: (group * row).into(),
            b: Operand::reg(at.1, s.sums.at as i64),
            bstep: F32.into(),
            bouter: (group * F32).into(),
            rows: group.into(),
            outer: r.count.into(),
            cols: heads.dim.into(),
        });
    }
}

/// A product of several groups; `sub` consecutive ones share activations.
fn grouped(
    product: Instr,
    groups: usize,
    sub: usize,
    xgroup: Operand,
    ostep: Operand,
    ogroup: Operand,
    osub: usize,
) -> Instr {
    let Instr::Mm { kind, out, x, xstep, rows, k, tokens, grid, .. } = product else {
        unreachable!("made by `matrix`")
    };
    Instr::Mm {
        kind,
        out,
        ostep,
        x,
        xstep,
        rows,
        k,
        tokens,
        grid,
        groups: groups.into(),
        sub: sub.into(),
        xgroup,
        ogroup,
        osub: osub.into(),
    }
}

fn with_xstep(product: Instr, step: Operand) -> Instr {
    let Instr::Mm { kind, out, ostep, x, rows, k, tokens, grid, groups, sub, xgroup, ogroup, osub, .. } = product
    else {
        unreachable!("made by `matrix`")
    };
    Instr::Mm { kind, out, ostep, x, xstep: step, rows, k, tokens, grid, groups, sub, xgroup, ogroup, osub }
}
