//! The feed-forward part of one layer on one core: dense, or a mixture of experts.
//!
//! Every product is divided by rows. The inner activations are gathered (quantised, a byte per value) before the second product, so that its sums are
//! formed whole. Experts are taken per token: the router's choice stands in the scratchpad, and the weight stream gathers by it.

use super::{Buffers, Emit, F32, Weights};
use crate::Error;
use crate::builder::Buffer;
use crate::map::{LayerMap, Place, ffn_places};
use crate::plan::{FfnPlan, LayerPlan, Linear};
use arch::Instr;
use arch::attr::{Binary, Reduce, Sink, Unary};
use arch::isa::{Operand, a8_row};
use base::tile::BLOCK;
use model::network::{Activation, ExpertFfn, FeedForward, Layer, Routing};
use std::ops::Range;

/// One gated or plain network, for some rows of activations.
struct Inner<'a> {
    up: &'a Linear,
    up_at: Operand,
    down: &'a Linear,
    down_at: Operand,
    activation: Activation,
    /// Quantised input rows.
    x: Operand,
    /// Output rows, `hidden` values each.
    y: Operand,
    /// Most rows.
    most: usize,
    weights: Weights,
    /// Names of the biases of gate, up and down, where there are any.
    biases: Option<[&'static str; 3]>,
}

impl<'a> Emit<'a> {
    /// y = ffn(xa).
    pub(super) fn ffn(&mut self, layer: &'a Layer, plan: &'a LayerPlan, map: &'a LayerMap) -> Result<(), Error> {
        let places = ffn_places(&plan.ffn, map);
        match (&layer.ffn, &plan.ffn) {
            (FeedForward::Dense(ffn), FfnPlan::Dense { up, down }) => {
                let biases = ffn.bias.then_some(["ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"]);
                let inner = self.whole((up, &places[0]), (down, &places[1]), ffn.activation, biases);
                self.inner(&inner, map)
            }
            (FeedForward::Experts(ffn), FfnPlan::Experts { .. }) => self.experts(ffn, &plan.ffn, places, map),
            _ => unreachable!("the plan follows the network"),
        }
    }

    /// A network that every token of the step passes.
    fn whole(
        &self,
        up: (&'a Linear, &Place),
        down: (&'a Linear, &Place),
        activation: Activation,
        biases: Option<[&'static str; 3]>,
    ) -> Inner<'a> {
        let &Buffers { xa, y, .. } = self.bufs();
        Inner {
            up: up.0,
            up_at: self.place(up.1),
            down: down.0,
            down_at: self.place(down.1),
            activation,
            x: xa.op(),
            y: y.op(),
            most: self.sizes.tokens,
            weights: Weights::Fixed,
            biases,
        }
    }

    /// Rows of the network at hand: one, if it is an expert.
    fn inner_rows(&self, inner: &Inner<'_>) -> Operand {
        match inner.weights {
            Weights::Fixed => self.tokens(),
            Weights::Expert(_) => 1.into(),
        }
    }

    fn inner(&mut self, inner: &Inner<'_>, map: &LayerMap) -> Result<(), Error> {
        let (hidden, total) = (self.hidden(), inner.down.k);
        let slice = inner.up.parts[0].slice(self.member, self.members());
        let own = slice.len();
        let acts = self.b.arena.alloc("the quantised inner activations", inner.most * a8_row(total))?;
        if own > 0 {
            let values = inner.up.parts.iter().map(|_| self.inner_values(inner, own));
            let values = values.collect::<Result<Vec<Buffer>, Error>>()?;
            self.activations(inner, map, &values, &slice)?;
            self.finish(inner, &values, slice, acts)?;
            values.into_iter().for_each(|buffer| self.b.arena.free(buffer));
        } else {
            // Nothing to contribute, but every member takes part in a gather.
            self.gather_quantised(acts.op(), slice, acts.op(), total, self.inner_rows(inner));
        }
        let rows = inner.down.parts[0].slice(self.member, self.members());
        let out = inner.y.plus((rows.start * F32) as i64);
        self.by_halves(|emit| {
            let x = emit.rows_of(acts, a8_row(total));
            let out = emit.rows_at(out, hidden * F32);
            emit.product(inner.down, inner.down_at, x, out, hidden, emit.inner_rows(inner), inner.weights);
            Ok(())
        })?;
        if let Some([.., down]) = inner.biases.filter(|_| !rows.is_empty()) {
            let bias = self.bias(map, inner.weights, down, hidden, rows.start, rows.len())?;
            self.accumulate(out, hidden, bias.op(), 0, self.inner_rows(inner), rows.len());
            self.b.arena.free(bias);
        }
        self.gather_columns(inner.y, hidden, rows, self.inner_rows(inner));
        self.b.arena.free(acts);
        Ok(())
    }

    fn inner_values(&mut self, inner: &Inner<'_>, own: usize) -> Result<Buffer, Error> {
        self.b.arena.alloc("the inner activations", inner.most * own * F32)
    }

    /// The gate's values take up's, and the result is quantised and gathered.
    fn finish(&mut self, inner: &Inner<'_>, values: &[Buffer], slice: Range<usize>, acts: Buffer) -> Result<(), Error> {
        let (own, total) = (slice.len(), inner.down.k);
        if self.members() == 1 {
            return self.by_halves(|emit| {
                emit.gate(inner, values, own);
                let (at, rows) = (emit.rows_of(values[0], own * F32), emit.inner_rows(inner));
                emit.quantise(emit.rows_of(acts, a8_row(own)), at, own, rows, own);
                Ok(())
            });
        }
        self.gate(inner, values, own);
        let rows = self.inner_rows(inner);
        let piece = self.b.arena.alloc("a slice of activations", inner.most * a8_row(own))?;
        self.quantise(piece.op(), values[0].op(), own, rows, own);
        self.gather_quantised(piece.op(), slice, acts.op(), total, rows);
        self.b.arena.free(piece);
        Ok(())
    }

    /// The inner values of the columns in `slice`, part by part. What the gate's need comes before the product of up, and hides behind it.
    fn activations(
        &mut self,
        inner: &Inner<'_>,
        map: &LayerMap,
        values: &[Buffer],
        slice: &Range<usize>,
    ) -> Result<(), Error> {
        let own = slice.len();
        for (part, values) in values.iter().enumerate() {
            self.by_halves(|emit| {
                let x = emit.rows_at(inner.x, a8_row(emit.hidden()));
                let (out, rows) = (emit.rows_of(*values, own * F32), emit.inner_rows(inner));
                emit.product_of(part..part + 1, inner.up, inner.up_at, x, out, own, rows, inner.weights);
                Ok(())
            })?;
            self.inner_bias(inner, map, part, *values, slice)?;
            if part == 0 {
                self.by_halves(|emit| {
                    emit.activate(inner, emit.rows_of(*values, own * F32), own);
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// The bias of a part (gate, if any, and up), added to its values.
    fn inner_bias(
        &mut self,
        inner: &Inner<'_>,
        map: &LayerMap,
        part: usize,
        values: Buffer,
        slice: &Range<usize>,
    ) -> Result<(), Error> {
        let Some(biases) = inner.biases else { return Ok(()) };
        let name = biases[part + 2 - inner.up.parts.len()];
        let own = slice.len();
        let bias = self.bias(map, inner.weights, name, inner.up.parts[part].rows, slice.start, own)?;
        self.accumulate(values.op(), own, bias.op(), 0, self.inner_rows(inner), own);
        self.b.arena.free(bias);
        Ok(())
    }

    /// A slice of a bias: the layer's, or the chosen expert's row of `total` values.
    fn bias(
        &mut self,
        map: &LayerMap,
        weights: Weights,
        name: &str,
        total: usize,
        first: usize,
        len: usize,
    ) -> Result<Buffer, Error> {
        let Weights::Expert(table) = weights else { return self.vector(map, name, first, len) };
        let buffer = self.b.arena.alloc(name, len * F32)?;
        let at = map.vectors[name] + first * F32;
        self.b.emit(Instr::Ldg {
            dst: buffer.op(),
            mem: Operand::reg(self.regs.layer, at as i64),
            table,
            n: 1.into(),
            step: (total * F32).into(),
            d0: 0.into(),
            elem: (len * F32).into(),
            n1: 1.into(),
            s1: 0.into(),
            d1: 0.into(),
        });
        Ok(buffer)
    }

    /// What the activation does to the gate's values (up's, if there is no gate) before up's are known.
    fn activate(&mut self, inner: &Inner<'_>, values: Operand, own: usize) {
        let (rows, cols) = (self.inner_rows(inner), Operand::from(own));
        match inner.activation {
            Activation::Silu => self.apply(Unary::Silu, values, own, rows, cols),
            Activation::GeluTanh => self.apply(Unary::Gelu, values, own, rows, cols),
            Activation::SwigluOai => self.scale_rows(Binary::Min, values, own, rows, own, 7.0),
        }
    }

    /// The gate's values, activated, take the product with up's, if there is a gate.
    fn gate(&mut self, inner: &Inner<'_>, values: &[Buffer], own: usize) {
        let &[gate, up] = values else { return };
        let [gate, up] = [gate, up].map(|buffer| self.rows_of(buffer, own * F32));
        let rows = self.inner_rows(inner);
        match inner.activation {
            Activation::Silu | Activation::GeluTanh => self.multiply(gate, up, rows, own),
            Activation::SwigluOai => self.gate_oai(gate, up, rows, own),
        }
    }

    fn multiply(&mut self, dst: Operand, b: Operand, rows: Operand, cols: usize) {
        let (step, zero) = (Operand::from(cols * F32), Operand::imm(0));
        self.b.emit(Instr::Vbin {
            op: Binary::Mul,
            dst,
            dstep: step,
            douter: zero,
            a: dst,
            astep: step,
            aouter: zero,
            b,
            bstep: step,
            bouter: zero,
            rows,
            outer: 1.into(),
            cols: cols.into(),
        });
    }

    /// gate * sigmoid(1.702 gate) * (up + 1) with gate at most 7, which it is already, and up within 7 (OpenAI's gpt-oss reference code, 2025-08).
    fn gate_oai(&mut self, gate: Operand, up: Operand, rows: Operand, own: usize) {
        self.scale_rows(Binary::Min, up, own, rows, own, 7.0);
        self.scale_rows(Binary::Max, up, own, rows, own, -7.0);
        self.scale_rows(Binary::Add, up, own, rows, own, 1.0);
        self.multiply(up, gate, rows, own);
        self.scale_rows(Binary::Mul, gate, own, rows, own, 1.702);
        self.apply(Unary::Sigmoid, gate, own, rows, own.into());
        self.multiply(gate, up, rows, own);
    }

    fn experts(
        &mut self,
        ffn: &ExpertFfn,
        plan: &'a FfnPlan,
        places: &'a [Place],
        map: &LayerMap,
    ) -> Result<(), Error> {
        let FfnPlan::Experts { router, up, down, shared, shared_gate } = plan else { unreachable!("checked by `ffn`") };
        let (tokens, hidden) = (self.sizes.tokens, self.hidden());
        let chosen = self.route(ffn, router, &places[0], map)?;
        let sum = self.b.arena.alloc("the experts' sum", tokens * hidden * F32)?;
        self.each_expert(ffn, (up, &places[1]), (down, &places[2]), &chosen, sum, map)?;
        [chosen.indices, chosen.weights].into_iter().for_each(|buffer| self.b.arena.free(buffer));
        let y = self.bufs().y;
        if let Some((up, down)) = shared {
            let inner = self.whole((up, &places[3]), (down, &places[4]), ffn.activation, None);
            self.inner(&inner, map)?;
            if let Some(gate) = shared_gate {
                self.gate_shared(gate, &places[5])?;
            }
            self.accumulate(y.op(), hidden, sum.op(), hidden, self.tokens(), hidden);
        } else {
            self.copy_rows(y, sum, hidden);
        }
        self.b.arena.free(sum);
        Ok(())
    }

    fn copy_rows(&mut self, dst: Buffer, src: Buffer, cols: usize) {
        let step = Operand::from(cols * F32);
        let rows = self.tokens();
        self.b.emit(Instr::Vun {
            op: Unary::Copy,
            dst: dst.op(),
            dstep: step,
            a: src.op(),
            astep: step,
            rows,
            cols: cols.into(),
        });
    }

    /// y *= sigmoid(gate . x), one value per token.
    fn gate_shared(&mut self, gate: &Linear, place: &Place) -> Result<(), Error> {
        let hidden = self.hidden();
        let buffer = self.b.arena.alloc("the shared expert's gate", self.sizes.tokens * BLOCK * F32)?;
        let &Buffers { xa, y, .. } = self.bufs();
        self.product(gate, self.place(place), xa.op(), buffer.op(), BLOCK, self.tokens(), Weights::Fixed);
        self.apply(Unary::Sigmoid, buffer.op(), BLOCK, self.tokens(), 1.into());
        let (step, zero) = (Operand::from(hidden * F32), Operand::imm(0));
        let rows = self.tokens();
        self.b.emit(Instr::Vrow {
            op: Binary::Mul,
            dst: y.op(),
            dstep: step,
            douter: zero,
            a: y.op(),
            astep: step,
            aouter: zero,
            b: buffer.op(),
            bstep: (BLOCK * F32).into(),
            bouter: zero,
            rows,
            outer: 1.into(),
            cols: hidden.into(),
        });
        self.b.arena.free(buffer);
        Ok(())
    }

    /// Router logits, the chosen experts of each token, and their weights.
    fn route(&mut self, ffn: &ExpertFfn, router: &Linear, place: &Place, map: &LayerMap) -> Result<Chosen, Error> {
        let tokens = self.sizes.tokens;
        let width = ffn.experts.next_multiple_of(BLOCK);
        let chosen_width = ffn.top_k.next_multiple_of(8);
        let indices = self.b.arena.alloc("the experts' numbers", tokens * chosen_width * F32)?;
        let weights = self.b.arena.alloc("the experts' weights", tokens * chosen_width * F32)?;
        let logits = self.b.arena.alloc("the router's logits", tokens * width * F32)?;
        let sums = self.b.arena.alloc("the router's sums", tokens * F32)?;
        let xa = self.bufs().xa;
        self.product(router, self.place(place), xa.op(), logits.op(), width, self.tokens(), Weights::Fixed);
        if ffn.bias {
            let bias = self.vector(map, "ffn_gate_inp.bias", 0, ffn.experts)?;
            self.accumulate(logits.op(), width, bias.op(), 0, self.tokens(), ffn.experts);
            self.b.arena.free(bias);
        }
        let chosen = Chosen { indices, weights, width: chosen_width };
        match ffn.routing {
            Routing::TopThenSoftmax => {
                self.top(ffn, logits, width, &chosen);
                self.row_softmax(weights, chosen_width, ffn.top_k, sums);
                self.divide(weights, chosen_width, ffn.top_k, sums);
            }
            Routing::SoftmaxThenTop { renormalise } => {
                self.row_softmax(logits, width, ffn.experts, sums);
                self.top(ffn, logits, width, &chosen);
                if renormalise {
                    self.sum_rows(sums, weights, chosen_width, ffn.top_k);
                }
                self.divide(weights, chosen_width, ffn.top_k, sums);
            }
            Routing::SigmoidGrouped { .. } => unreachable!("refused by the plan"),
        }
        if ffn.weight_scale != 1.0 {
            self.scale_rows(Binary::Mul, weights.op(), chosen_width, self.tokens(), ffn.top_k, ffn.weight_scale);
        }
        [logits, sums].into_iter().for_each(|buffer| self.b.arena.free(buffer));
        Ok(chosen)
    }

    fn top(&mut self, ffn: &ExpertFfn, logits: Buffer, width: usize, chosen: &Chosen) {
        let step = Operand::from(chosen.width * F32);
        let rows = self.tokens();
        self.b.emit(Instr::Vtop {
            idx: chosen.indices.op(),
            istep: step,
            val: chosen.weights.op(),
            vstep: step,
            a: logits.op(),
            astep: (width * F32).into(),
            rows,
            cols: ffn.experts.into(),
            k: ffn.top_k.into(),
        });
    }

    fn row_softmax(&mut self, values: Buffer, width: usize, cols: usize, sums: Buffer) {
        let step = Operand::from(width * F32);
        let rows = self.tokens();
        self.b.emit(Instr::Vsoft {
            sink: Sink::No,
            dst: values.op(),
            dstep: step,
            a: values.op(),
            astep: step,
            sums: sums.op(),
            sinks: 0.into(),
            rows,
            cols: cols.into(),
            hi: cols.into(),
            window: 0.into(),
            per: 1.into(),
            tokens: 1.into(),
            factor: std::f32::consts::LOG2_E.into(),
        });
    }

    fn sum_rows(&mut self, sums: Buffer, values: Buffer, width: usize, cols: usize) {
        let rows = self.tokens();
        self.b.emit(Instr::Vred {
            op: Reduce::Sum,
            dst: sums.op(),
            a: values.op(),
            astep: (width * F32).into(),
            rows,
            cols: cols.into(),
        });
    }

    /// values /= sums, row by row.
    fn divide(&mut self, values: Buffer, width: usize, cols: usize, sums: Buffer) {
        let zero = Operand::imm(0);
        let rows = self.tokens();
        self.b.emit(Instr::Vun {
            op: Unary::Recip,
            dst: sums.op(),
            dstep: zero,
            a: sums.op(),
            astep: zero,
            rows: 1.into(),
            cols: rows,
        });
        let row = (values.op(), width);
        self.row_op(Binary::Mul, row, row, sums.op(), rows, cols);
    }

    /// sum[t] = weighted outputs of the token's experts, in the order of their rank.
    fn each_expert(
        &mut self,
        ffn: &ExpertFfn,
        up: (&'a Linear, &Place),
        down: (&'a Linear, &Place),
        chosen: &Chosen,
        sum: Buffer,
        map: &LayerMap,
    ) -> Result<(), Error> {
        let (tokens, hidden) = (self.sizes.tokens, self.hidden());
        let one_out = self.b.arena.alloc("one expert's output", hidden * F32)?;
        let last = (tokens - 1) as i64;
        let token = self.b.reg(tokens as i64);
        let input = self.b.reg(last * a8_row(hidden) as i64);
        let output = self.b.reg(last * (hidden * F32) as i64);
        let choice = self.b.reg((tokens * chosen.width * F32) as i64 - F32 as i64);
        self.zero(sum, hidden);
        self.b.set(token, 0);
        self.b.begin(self.tokens(), true);
        self.b.mul(input, token, a8_row(hidden));
        self.b.mul(output, token, hidden * F32);
        self.b.mul(choice, token, chosen.width * F32);
        self.b.begin(ffn.top_k, true);
        let inner = Inner {
            up: up.0,
            up_at: self.place(up.1),
            down: down.0,
            down_at: self.place(down.1),
            activation: ffn.activation,
            x: Operand::reg(input, self.bufs().xa.at as i64),
            y: one_out.op(),
            most: 1,
            weights: Weights::Expert(Operand::reg(choice, chosen.indices.at as i64)),
            biases: ffn.bias.then_some(["ffn_gate_exps.bias", "ffn_up_exps.bias", "ffn_down_exps.bias"]),
        };
        self.inner(&inner, map)?;
        let one: Operand = 1.into();
        let row = (one_out.op(), hidden);
        self.row_op(Binary::Mul, row, row, Operand::reg(choice, chosen.weights.at as i64), one, hidden);
        self.accumulate(Operand::reg(output, sum.at as i64), hidden, one_out.op(), hidden, one, hidden);
        self.b.add(choice, choice, F32);
        self.b.end();
        self.b.add(token, token, 1);
        self.b.end();
        self.b.release(&[token, input, output, choice]);
        self.b.arena.free(one_out);
        Ok(())
    }

    /// Zeros, from the residual: x - x.
    fn zero(&mut self, buffer: Buffer, cols: usize) {
        let x = self.bufs().x;
        let (step, none) = (Operand::from(cols * F32), Operand::imm(0));
        let rows = self.tokens();
        self.b.emit(Instr::Vbin {
            op: Binary::Sub,
            dst: buffer.op(),
            dstep: step,
            douter: none,
            a: x.op(),
            astep: step,
            aouter: none,
            b: x.op(),
            bstep: step,
            bouter: none,
            rows,
            outer: 1.into(),
            cols: cols.into(),
        });
    }
}

/// The router's choice: indices and weights, `width` values per token.
struct Chosen {
    indices: Buffer,
    weights: Buffer,
    width: usize,
}
