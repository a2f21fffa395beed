//! Query, key and value of the step's tokens; their place in the cache; the output projection.

use super::*;

impl Emit<'_> {
    pub(super) fn project_out(
        &mut self,
        spec: &GroupedAttention,
        plan: &LayerPlan,
        map: &LayerMap,
    ) -> Result<(), Error> {
        let hidden = self.hidden();
        let &crate::emit::Buffers { xa, y, .. } = self.bufs();
        let slice = plan.out.parts[0].slice(self.member, self.members());
        let place = self.place(&map.linears[1]);
        let own = y.plus(slice.start * F32);
        self.by_halves(|emit| {
            let (x, own) = (emit.rows_of(xa, a8_row(plan.out.k)), emit.rows_at(own, hidden * F32));
            emit.product(&plan.out, place, x, own, hidden, emit.tokens(), Weights::Fixed);
            Ok(())
        })?;
        if spec.out_bias & !slice.is_empty() {
            let bias = self.vector(map, "attn_output.bias", slice.start, slice.len())?;
            self.accumulate(own, hidden, bias.op(), 0, self.tokens(), slice.len());
            self.b.arena.free(bias);
        }
        self.gather_columns(y.op(), hidden, slice, self.tokens());
        Ok(())
    }

    /// Query, key, value: product, bias, head norms, rotary embedding, quantise; and into the cache.
    pub(super) fn project(&mut self, heads: &Heads<'_>, plan: &LayerPlan, map: &LayerMap) -> Result<Projected, Error> {
        let (tokens, width) = (self.sizes.tokens, heads.width);
        let qkv = self.b.arena.alloc("query, key and value", tokens * width * F32)?;
        let xa = self.bufs().xa;
        let place = self.place(&map.linears[0]);
        self.by_halves(|emit| {
            let (x, out) = (emit.rows_of(xa, a8_row(plan.qkv.k)), emit.rows_of(qkv, width * F32));
            emit.product(&plan.qkv, place, x, out, width, emit.tokens(), Weights::Fixed);
            Ok(())
        })?;
        let (kv, group, dim) = (heads.kv.len(), heads.group, heads.dim);
        let (key_at, value_at) = (kv * group * dim, kv * (group + 1) * dim);
        if heads.spec.qkv_bias {
            let first = heads.kv.start * dim;
            self.slice_bias(map, "attn_q.bias", first * group, key_at, qkv.op(), width)?;
            self.slice_bias(map, "attn_k.bias", first, kv * dim, qkv.plus(key_at * F32), width)?;
            self.slice_bias(map, "attn_v.bias", first, kv * dim, qkv.plus(value_at * F32), width)?;
        }
        if let Some(norm) = heads.spec.qk_norm {
            for (name, at, count) in [("attn_q_norm.weight", 0, kv * group), ("attn_k_norm.weight", key_at, kv)] {
                let weight = self.vector(map, name, 0, dim)?;
                for head in 0..count {
                    let row = (qkv.plus((at + head * dim) * F32), width);
                    self.norm(norm, row, row, weight, None, self.tokens(), dim)?;
                }
                self.b.arena.free(weight);
            }
        }
        let projected = self.quantised_heads(heads)?;
        self.by_halves(|emit| {
            let rows = emit.rows_of(qkv, width * F32);
            emit.rotate(heads, rows);
            emit.quantise_heads(heads, rows, key_at, value_at, &projected);
            emit.store_cache(heads, &projected, map.caches[emit.core]);
            Ok(())
        })?;
        self.b.arena.free(qkv);
        Ok(projected)
    }

    fn slice_bias(
        &mut self,
        map: &LayerMap,
        name: &str,
        first: usize,
        len: usize,
        dst: Operand,
        width: usize,
    ) -> Result<(), Error> {
        let bias = self.vector(map, name, first, len)?;
        self.accumulate(dst, width, bias.op(), 0, self.tokens(), len);
        self.b.arena.free(bias);
        Ok(())
    }

    /// Queries and keys stand side by side: one instruction rotates both.
    fn rotate(&mut self, heads: &Heads<'_>, qkv: Operand) {
        let Some(rope) = &heads.spec.rope else { return };
        let index = self.map.ropes.iter().position(|(known, _)| known == rope).expect("mapped");
        let table = self.bufs().ropes[index];
        let pairs = match rope.layout {
            RopeLayout::Interleaved => Pairing::Interleaved,
            RopeLayout::Half => Pairing::Half,
        };
        let step = Operand::from(heads.width * F32);
        self.b.emit(Instr::Vrope {
            pairs,
            dst: qkv,
            dstep: step,
            a: qkv,
            astep: step,
            rows: self.tokens(),
            heads: (heads.kv.len() * (heads.group + 1)).into(),
            dim: heads.dim.into(),
            rot: rope.dims.into(),
            tab: self.rows_of(table, rope.dims * F32),
            tabstep: (rope.dims * F32).into(),
        });
    }

    /// Room for the quantised heads of every token.
    fn quantised_heads(&mut self, heads: &Heads<'_>) -> Result<Projected, Error> {
        let (tokens, kv) = (self.sizes.tokens, heads.kv.len());
        let step = tokens * heads.group * heads.row;
        let queries = self.b.arena.alloc("the quantised queries", kv * step)?;
        let keys = self.b.arena.alloc("the quantised keys", tokens * kv * heads.row)?;
        let values = self.b.arena.alloc("the quantised values", tokens * kv * heads.row)?;
        Ok(Projected { queries, step, keys, values })
    }

    fn quantise_heads(&mut self, heads: &Heads<'_>, qkv: Operand, key_at: usize, value_at: usize, to: &Projected) {
        let (kv, group) = (heads.kv.len(), heads.group);
        let part = |at: usize| qkv.plus((at * F32) as i64);
        for head in 0..kv {
            let queries = self.rows_at(to.queries.plus(head * to.step), group * heads.row);
            self.quantise_segments(Blocking::Block, queries, part(head * group * heads.dim), heads, group);
        }
        let [keys, values] = [to.keys, to.values].map(|buffer| self.rows_of(buffer, kv * heads.row));
        self.quantise_segments(Blocking::Block, keys, part(key_at), heads, kv);
        self.quantise_segments(Blocking::Segment, values, part(value_at), heads, kv);
    }

    fn quantise_segments(&mut self, blocking: Blocking, dst: Operand, a: Operand, heads: &Heads<'_>, segs: usize) {
        self.b.emit(Instr::Vquant {
            blocking,
            dst,
            dstep: (segs * heads.row).into(),
            a,
            astep: (heads.width * F32).into(),
            rows: self.tokens(),
            segs: segs.into(),
            cols: heads.dim.into(),
        });
    }
}
