//! The epilogue: logits of the wanted tokens, in chunks of the vocabulary.

use super::*;

impl Emit<'_> {
    /// Logits of the wanted tokens, in chunks of rows.
    pub(super) fn head(&mut self) -> Result<(), Error> {
        let hidden = self.hidden();
        let (any, wanted) = (self.b.reg(1), self.b.reg(self.sizes.tokens as i64));
        self.b.param(any, Abi::ANY_LOGITS);
        self.b.param(wanted, Abi::LOGITS);
        self.b.set(self.regs.layer, 0);
        self.b.begin(any, false);
        self.pick_rows(wanted);
        let vectors = LayerMap { vectors: self.map.vectors.clone(), ..LayerMap::default() };
        let (weight, bias) = self.norm_vectors(&vectors, self.network.final_norm, "output_norm")?;
        let &Buffers { xa, y, .. } = self.bufs();
        self.norm(self.network.final_norm, (y.op(), hidden), (y.op(), hidden), weight, bias, wanted.into(), hidden)?;
        self.quantise(xa.op(), y.op(), hidden, wanted.into(), hidden);
        self.head_chunks(wanted)?;
        self.b.end();
        Ok(())
    }

    /// y[i] = x[token of the i-th wanted logits].
    pub(super) fn pick_rows(&mut self, wanted: Reg) {
        let row = self.hidden() * F32;
        let bound = (self.sizes.tokens * row) as i64;
        let (index, token, from, to) = (
            self.b.reg(self.sizes.tokens as i64),
            self.b.reg(self.sizes.tokens as i64),
            self.b.reg(bound - row as i64),
            self.b.reg(bound - row as i64),
        );
        let list = Abi { sizes: self.sizes, vocab: 0 }.logit_list() as i64;
        let &Buffers { x, y, .. } = self.bufs();
        self.b.set(index, 0);
        let cols = self.hidden();
        self.b.repeat(wanted, true, |b| {
            b.param(token, Operand::reg(index, list));
            b.mul(from, token, row);
            b.mul(to, index, row);
            let (dst, a) = (Operand::reg(to, y.at as i64), Operand::reg(from, x.at as i64));
            let zero = Operand::imm(0);
            b.emit(Instr::Vun { op: Unary::Copy, dst, dstep: zero, a, astep: zero, rows: 1.into(), cols: cols.into() });
            b.add(index, index, 1);
        });
        self.b.release(&[index, token, from, to]);
    }

    pub(super) fn head_chunks(&mut self, wanted: Reg) -> Result<(), Error> {
        let part = &self.plan.head.parts[0];
        let slice = part.slice(self.member, self.members());
        let rows = slice.len().next_multiple_of(BLOCK);
        if rows == 0 {
            return Ok(());
        }
        let fit = self.b.arena.largest_gap() / (self.sizes.tokens * F32);
        let chunk = rows.min(fit / BLOCK * BLOCK).min(HEAD_CHUNK);
        if chunk == 0 {
            let need = self.sizes.tokens * BLOCK * F32;
            return Err(Error::Scratchpad { what: "a tile of logits".into(), need, have: self.b.arena.largest_gap() });
        }
        let out = self.b.arena.alloc("the logits", self.sizes.tokens * chunk * F32)?;
        let chunk_bytes = tiles_bytes(part.kind, chunk, self.hidden());
        let (weights, logits) = (self.b.reg((rows / chunk * chunk_bytes) as i64), self.b.reg((rows * F32) as i64));
        self.b.set(weights, 0);
        self.b.set(logits, 0);
        let (whole, rest) = (rows / chunk, rows % chunk);
        self.b.begin(whole, true);
        self.head_chunk(out, chunk, slice.start, wanted, weights, logits);
        self.b.add(weights, weights, chunk_bytes);
        self.b.add(logits, logits, chunk * F32);
        self.b.end();
        if rest > 0 {
            self.head_chunk(out, rest, slice.start, wanted, weights, logits);
        }
        self.b.arena.free(out);
        Ok(())
    }

    pub(super) fn head_chunk(
        &mut self,
        out: Buffer,
        rows: usize,
        first: usize,
        wanted: Reg,
        weights: Reg,
        logits: Reg,
    ) {
        let part = &self.plan.head.parts[0];
        let at = self.map.head.cores[self.core];
        let hidden = self.hidden();
        let mem = Operand::reg(weights, at as i64);
        self.b.emit(Instr::Wld { mem, len: tiles_bytes(part.kind, rows, hidden).into() });
        let (grid, xa) = (self.plan.grid(self.plan.head.role), self.bufs().xa);
        self.b.emit(matrix(
            part.kind,
            out.op(),
            rows * F32,
            xa.op(),
            a8_row(hidden),
            rows.into(),
            hidden.into(),
            wanted.into(),
            grid,
        ));
        if let Some(cap) = self.network.logit_softcap {
            self.softcap(out.op(), rows, wanted.into(), rows.into(), 1.0 / cap, cap);
        }
        let (zero, one) = (Operand::imm(0), Operand::imm(1));
        self.b.emit(Instr::St {
            src: out.op(),
            mem: Operand::reg(logits, (self.map.logits + first * F32) as i64),
            elem: (rows * F32).into(),
            n0: wanted.into(),
            s0: (rows * F32).into(),
            d0: (self.sizes.vocab * F32).into(),
            n1: one,
            s1: zero,
            d1: zero,
            n2: one,
            s2: zero,
            d2: zero,
        });
    }
}

/// Rows of logits computed at a time, at most.
pub(super) const HEAD_CHUNK: usize = 2048;
