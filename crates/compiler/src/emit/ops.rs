//! The building blocks of the emitter: loads, elementwise steps, norms, products, gathers.

use super::*;

impl Emit<'_> {
    /// Load `bytes` contiguous bytes.
    pub(super) fn load(&mut self, dst: Operand, mem: Operand, bytes: usize) {
        let (elem, count) = if bytes.is_multiple_of(32) { (bytes, 1) } else { (F32, bytes / F32) };
        let one = Operand::imm(1);
        let (zero, step) = (Operand::imm(0), Operand::from(elem));
        self.b.emit(Instr::Ld {
            dst,
            mem,
            elem: elem.into(),
            n0: count.into(),
            s0: step,
            d0: step,
            n1: one,
            s1: zero,
            d1: zero,
            n2: one,
            s2: zero,
            d2: zero,
        });
    }

    /// Load a layer's vector into a new buffer.
    pub(super) fn vector(&mut self, layer: &LayerMap, name: &str, first: usize, len: usize) -> Result<Buffer, Error> {
        let buffer = self.b.arena.alloc(name, len * F32)?;
        let at = layer.vectors[name] + first * F32;
        self.load(buffer.op(), Operand::reg(self.regs.layer, at as i64), len * F32);
        Ok(buffer)
    }

    /// dst += b over rows of `cols` values; `dst_width` and `b_width` are row lengths in values (0: the same row of b for all).
    pub(super) fn accumulate(
        &mut self,
        dst: Operand,
        dst_width: usize,
        b: Operand,
        b_width: usize,
        rows: Operand,
        cols: usize,
    ) {
        let (dstep, bstep) = ((dst_width * F32).into(), (b_width * F32).into());
        let zero = Operand::imm(0);
        self.b.emit(Instr::Vbin {
            op: Binary::Add,
            dst,
            dstep,
            douter: zero,
            a: dst,
            astep: dstep,
            aouter: zero,
            b,
            bstep,
            bouter: zero,
            rows,
            outer: 1.into(),
            cols: cols.into(),
        });
    }

    /// dst = dst op constant, over rows.
    pub(super) fn scale_rows(&mut self, op: Binary, dst: Operand, width: usize, rows: Operand, cols: usize, imm: f32) {
        let step = (width * F32).into();
        self.b.emit(Instr::Vimm {
            op,
            dst,
            dstep: step,
            a: dst,
            astep: step,
            rows,
            cols: cols.into(),
            imm: imm.into(),
        });
    }

    /// dst = f(dst), over rows.
    pub(super) fn apply(&mut self, op: Unary, dst: Operand, width: usize, rows: Operand, cols: Operand) {
        let step = (width * F32).into();
        self.b.emit(Instr::Vun { op, dst, dstep: step, a: dst, astep: step, rows, cols });
    }

    /// dst = norm(src), rows of `cols` values.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn norm(
        &mut self,
        norm: Norm,
        dst: (Operand, usize),
        src: (Operand, usize),
        weight: Buffer,
        bias: Option<Buffer>,
        rows: Operand,
        cols: usize,
    ) -> Result<(), Error> {
        let (dst, dst_width) = dst;
        let (mut a, mut a_width) = src;
        if norm.kind == NormKind::Layer {
            let means = self.b.arena.alloc("the means", self.sizes.tokens * F32)?;
            self.b.emit(Instr::Vred {
                op: Reduce::Sum,
                dst: means.op(),
                a,
                astep: (a_width * F32).into(),
                rows,
                cols: cols.into(),
            });
            let whole = Operand::imm(1);
            self.b.emit(Instr::Vimm {
                op: Binary::Mul,
                dst: means.op(),
                dstep: 0.into(),
                a: means.op(),
                astep: 0.into(),
                rows: whole,
                cols: rows,
                imm: (1.0 / cols as f32).into(),
            });
            self.row_op(Binary::Sub, (dst, dst_width), (a, a_width), means.op(), rows, cols);
            (a, a_width) = (dst, dst_width);
            self.b.arena.free(means);
        }
        self.b.emit(Instr::Vnorm {
            dst,
            dstep: (dst_width * F32).into(),
            a,
            astep: (a_width * F32).into(),
            w: weight.op(),
            rows,
            cols: cols.into(),
            eps: norm.eps.into(),
        });
        if let Some(bias) = bias {
            self.accumulate(dst, dst_width, bias.op(), 0, rows, cols);
        }
        Ok(())
    }

    /// dst = a op (one value per row, at b + 4r).
    pub(super) fn row_op(
        &mut self,
        op: Binary,
        dst: (Operand, usize),
        a: (Operand, usize),
        b: Operand,
        rows: Operand,
        cols: usize,
    ) {
        let zero = Operand::imm(0);
        self.b.emit(Instr::Vrow {
            op,
            dst: dst.0,
            dstep: (dst.1 * F32).into(),
            douter: zero,
            a: a.0,
            astep: (a.1 * F32).into(),
            aouter: zero,
            b,
            bstep: F32.into(),
            bouter: zero,
            rows,
            outer: 1.into(),
            cols: cols.into(),
        });
    }

    /// Quantise rows of `width` values to A8 rows.
    pub(super) fn quantise(&mut self, dst: Operand, a: Operand, width: usize, rows: Operand, cols: usize) {
        self.b.emit(Instr::Vquant {
            blocking: Blocking::Block,
            dst,
            dstep: a8_row(cols).into(),
            a,
            astep: (width * F32).into(),
            rows,
            segs: 1.into(),
            cols: cols.into(),
        });
    }

    /// A layer norm's weight and bias in new buffers.
    pub(super) fn norm_vectors(
        &mut self,
        layer: &LayerMap,
        norm: Norm,
        name: &str,
    ) -> Result<(Buffer, Option<Buffer>), Error> {
        let hidden = self.hidden();
        let weight = self.vector(layer, &format!("{name}.weight"), 0, hidden)?;
        let bias = match norm.kind {
            NormKind::Layer => Some(self.vector(layer, &format!("{name}.bias"), 0, hidden)?),
            NormKind::Rms => None,
        };
        Ok((weight, bias))
    }

    /// What stands between two products' parts of a layer: the residual takes y, and xa becomes the quantised norm of the residual.
    pub(super) fn between(&mut self, layer: &LayerMap, what: Between<'_>) -> Result<(), Error> {
        let vectors = |emit: &mut Self, norm: Option<(Norm, &str)>| {
            norm.map(|(norm, name)| Ok::<_, Error>((norm, emit.norm_vectors(layer, norm, name)?))).transpose()
        };
        let (post, input) = (vectors(self, what.post)?, vectors(self, what.input)?);
        self.by_halves(|emit| {
            let (hidden, rows) = (emit.hidden(), emit.tokens());
            let &Buffers { x, xa, y, .. } = emit.bufs();
            let [x, y] = [x, y].map(|buffer| emit.rows_of(buffer, hidden * F32));
            if let Some((norm, (weight, bias))) = post {
                emit.norm(norm, (y, hidden), (y, hidden), weight, bias, rows, hidden)?;
            }
            if what.residual {
                emit.accumulate(x, hidden, y, hidden, rows, hidden);
            }
            if let Some((norm, (weight, bias))) = input {
                emit.norm(norm, (y, hidden), (x, hidden), weight, bias, rows, hidden)?;
                emit.quantise(emit.rows_of(xa, a8_row(hidden)), y, hidden, rows, hidden);
            }
            Ok(())
        })?;
        for (_, (weight, bias)) in [post, input].into_iter().flatten() {
            self.b.arena.free(weight);
            bias.into_iter().for_each(|bias| self.b.arena.free(bias));
        }
        Ok(())
    }

    /// The member's rows of a product, for `tokens` rows of activations at `x`. Output rows are `width` values long; the slice begins at `out`.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn product(
        &mut self,
        linear: &Linear,
        place: Operand,
        x: Operand,
        out: Operand,
        width: usize,
        tokens: Operand,
        weights: Weights,
    ) {
        let mut first = 0;
        for alike in linear.parts.chunk_by(|a, b| a.kind == b.kind) {
            let parts = first..first + alike.len();
            let (_, row) = linear.before(first, self.member, self.members());
            first = parts.end;
            let out = out.plus((row * F32) as i64);
            self.product_of(parts, linear, place, x, out, width, tokens, weights);
        }
    }

    /// As [`Emit::product`], but only of these parts, which are of one kind; their first column is at `out`.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn product_of(
        &mut self,
        parts: Range<usize>,
        linear: &Linear,
        place: Operand,
        x: Operand,
        out: Operand,
        width: usize,
        tokens: Operand,
        weights: Weights,
    ) {
        let (member, members) = (self.member, self.members());
        let [(at, row), (end, end_row)] = [parts.start, parts.end].map(|part| linear.before(part, member, members));
        let (bytes, rows) = (end - at, end_row - row);
        if rows == 0 {
            return;
        }
        self.stream_weights(place.plus(at as i64), bytes, linear.slice_bytes(member, members), weights);
        let k = linear.k.next_multiple_of(BLOCK);
        self.b.emit(matrix(
            linear.parts[parts.start].kind,
            out,
            width * F32,
            x,
            a8_row(k),
            rows.into(),
            k.into(),
            tokens,
            self.plan.grid(linear.role),
        ));
    }

    pub(super) fn stream_weights(&mut self, mem: Operand, bytes: usize, expert_step: usize, weights: Weights) {
        match weights {
            Weights::Fixed => self.b.emit(Instr::Wld { mem, len: bytes.into() }),
            Weights::Expert(table) => self.b.emit(Instr::Wgat {
                mem,
                table,
                n: 1.into(),
                step: expert_step.into(),
                len: bytes.into(),
                groups: 1.into(),
                gstep: 0.into(),
            }),
        }
    }

    /// The address of a product's slice in the current layer.
    pub(super) fn place(&self, place: &Place) -> Operand {
        Operand::reg(self.regs.layer, place.cores[self.core] as i64)
    }

    /// All-gather of binary32 columns: every member has written `slice` (in columns) of the rows at `buffer` and gets the others'.
    pub(super) fn gather_columns(&mut self, buffer: Operand, width: usize, slice: Range<usize>, rows: Operand) {
        if self.members() == 1 {
            return;
        }
        let own = buffer.plus((slice.start * F32) as i64);
        let step = Operand::from(width * F32);
        let instr = Instr::Gather {
            scope: self.scope(),
            src: own,
            sstep: step,
            dst: own,
            dstep: step,
            bytes: (slice.len() * F32).into(),
            rows,
            src2: 0.into(),
            dst2: 0.into(),
            bytes2: 0.into(),
        };
        self.b.emit_gather(instr, buffer, width * F32, rows);
    }

    /// All-gather of quantised columns: this member's slice stands alone at `slice_buffer` and goes to its place in the rows at `dst`.
    pub(super) fn gather_quantised(
        &mut self,
        slice_buffer: Operand,
        slice: Range<usize>,
        dst: Operand,
        cols: usize,
        rows: Operand,
    ) {
        let instr = Instr::Gather {
            scope: self.scope(),
            src: slice_buffer,
            sstep: a8_row(slice.len()).into(),
            dst: dst.plus(slice.start as i64),
            dstep: a8_row(cols).into(),
            bytes: slice.len().into(),
            rows,
            src2: slice_buffer.plus(slice.len() as i64),
            dst2: dst.plus((cols + slice.start / 16) as i64),
            bytes2: (slice.len() / 16).into(),
        };
        self.b.emit_gather(instr, dst, a8_row(cols), rows);
    }

    pub(super) fn scope(&self) -> Scope {
        if self.sizes.chips > 1 { Scope::Group } else { Scope::Chip }
    }

    /// dst = cap * tanh(dst * factor).
    pub(super) fn softcap(&mut self, dst: Operand, width: usize, rows: Operand, cols: Operand, factor: f32, cap: f32) {
        let step = (width * F32).into();
        let scale = |imm: f32| Instr::Vimm {
            op: Binary::Mul,
            dst,
            dstep: step,
            a: dst,
            astep: step,
            rows,
            cols,
            imm: imm.into(),
        };
        self.b.emit(scale(factor));
        self.apply(Unary::Tanh, dst, width, rows, cols);
        self.b.emit(scale(cap));
    }
}

/// What [`Emit::between`] does.
pub(super) struct Between<'n> {
    /// Whether the residual takes y.
    pub residual: bool,
    /// Norm of y before that.
    pub post: Option<(Norm, &'n str)>,
    /// Norm of the residual that the next product takes.
    pub input: Option<(Norm, &'n str)>,
}

/// buffer[index] = table[position], rows of `bytes`.
pub(super) fn load_row(b: &mut Builder, index: Reg, position: Reg, bytes: usize, table: usize, buffer: Buffer) {
    let from = b.reg(b.bound(position) * bytes as i64);
    let to = b.reg((buffer.len - bytes) as i64 / 32 * 32);
    b.mul(from, position, bytes);
    b.mul(to, index, bytes);
    let (zero, one) = (Operand::imm(0), Operand::imm(1));
    let (elem, count) = if bytes.is_multiple_of(32) { (bytes, 1) } else { (F32, bytes / F32) };
    b.emit(Instr::Ld {
        dst: Operand::reg(to, buffer.at as i64),
        mem: Operand::reg(from, table as i64),
        elem: elem.into(),
        n0: count.into(),
        s0: elem.into(),
        d0: elem.into(),
        n1: one,
        s1: zero,
        d1: zero,
        n2: one,
        s2: zero,
        d2: zero,
    });
    b.release(&[from, to]);
}

/// A plain product of one group.
#[allow(clippy::too_many_arguments)]
pub(super) fn matrix(
    kind: WeightKind,
    out: Operand,
    ostep: usize,
    x: Operand,
    xstep: usize,
    rows: Operand,
    k: Operand,
    tokens: Operand,
    grid: i32,
) -> Instr {
    let zero = Operand::imm(0);
    Instr::Mm {
        kind,
        out,
        ostep: ostep.into(),
        x,
        xstep: xstep.into(),
        rows,
        k,
        tokens,
        grid: i64::from(grid).into(),
        groups: 1.into(),
        sub: 1.into(),
        xgroup: zero,
        ogroup: zero,
        osub: zero,
    }
}
