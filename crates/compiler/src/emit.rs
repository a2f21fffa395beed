//! The emit pass: one instruction tree per core.
//!
//! The stream of a core is a prologue (embed the step's tokens), the layers, and an epilogue (head, for the tokens whose logits are wanted). Layers of
//! equal structure become a hardware loop over a register that moves through memory; how many tokens, sequences and positions there are is read from
//! the parameter memory, so that the stream does not depend on the batch.

mod attention;
mod ffn;

use crate::builder::{Buffer, Builder};
use crate::map::{self, ChipMap, LayerMap, Map, Place, Sizes};
use crate::plan::{LayerPlan, Linear, Plan, tiles_bytes};
use crate::session::Abi;
use crate::{Compiled, Error, Options, sync};
use arch::attr::{Binary, Blocking, Reduce, Reg, Scope, Unary};
use arch::isa::{Operand, a8_row};
use arch::{Chip, Instr, Program};
use base::tile::{BLOCK, WeightKind};
use model::checkpoint::Checkpoint;
use model::network::{Network, Norm, NormKind};
use std::ops::Range;

/// Bytes of a binary32 value.
const F32: usize = 4;

/// Where a product's weights come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Weights {
    /// The same for all tokens.
    Fixed,
    /// The expert whose number stands in the scratchpad at this address.
    Expert(Operand),
}

/// Run the passes.
pub(crate) fn compile(
    checkpoint: &Checkpoint,
    network: &Network,
    chip: &Chip,
    options: &Options,
) -> Result<Compiled, Error> {
    network.check(checkpoint)?;
    let plan = Plan::new(checkpoint, network, chip, options)?;
    let mut sizes = map::sizes(network, chip, options)?;
    loop {
        let map = Map::new(&plan, network, chip, sizes)?;
        match emit_all(network, &plan, chip, &map) {
            Err(Error::Scratchpad { .. }) if sizes.tokens > 1 && options.tokens == 0 => {
                sizes.tokens /= 2;
                sizes.sequences = sizes.sequences.min(sizes.tokens);
            }
            Err(error) => return Err(error),
            Ok(emitted) => return finish(network, plan, chip, map, emitted),
        }
    }
}

struct Emitted {
    programs: Vec<Program>,
    unsynced: String,
    peak: usize,
}

fn emit_all(network: &Network, plan: &Plan, chip: &Chip, map: &Map) -> Result<Emitted, Error> {
    let mut emitted = Emitted { programs: Vec::new(), unsynced: String::new(), peak: 0 };
    for (index, chip_map) in map.chips.iter().enumerate() {
        let mut program = Program { memory: chip_map.bytes as u64, cores: Vec::new() };
        let mut before = program.clone();
        for core in 0..map.sizes.cores {
            let (nodes, arena) = Emit::new(network, plan, chip, map, index, core).stream()?;
            emitted.peak = emitted.peak.max(arena.peak());
            before.cores.push(sync::unsynced(&nodes));
            program.cores.push(sync::schedule(nodes));
        }
        emitted.unsynced.push_str(&format!("# chip {index}\n{before}"));
        emitted.programs.push(program);
    }
    Ok(emitted)
}

fn finish(network: &Network, plan: Plan, chip: &Chip, map: Map, emitted: Emitted) -> Result<Compiled, Error> {
    let abi = Abi { sizes: map.sizes, vocab: network.vocab };
    if abi.words() > chip.parameters {
        let (need, have) = (abi.words(), chip.parameters);
        return Err(Error::Request(format!("a step of {} tokens needs {need} parameter words and chip `{}` has {have}; fewer --sequences would do", map.sizes.tokens, chip.name)));
    }
    for program in &emitted.programs {
        arch::legal::check(program, chip).expect("the compiler's own programs are legal");
    }
    let listing: String = emitted.programs.iter().enumerate().map(|(i, p)| format!("# chip {i}\n{p}")).collect();
    let passes = vec![
        ("0-network", format!("{network:#?}\n")),
        ("1-plan", plan.to_string()),
        ("2-map", map.to_string()),
        ("3-emit", emitted.unsynced),
        ("4-sync", listing),
    ];
    Ok(Compiled {
        chip: chip.clone(),
        programs: emitted.programs,
        plan,
        map,
        abi,
        scratchpad_peak: emitted.peak,
        passes,
    })
}

/// Registers that live as long as the stream.
struct Regs {
    /// Tokens of the step.
    tokens: Reg,
    /// Sequences of the step.
    segments: Reg,
    /// Offset of the current layer's weights.
    layer: Reg,
    /// Offset of the current layer's pages.
    cache: Reg,
}

/// Buffers that live as long as the stream.
struct Buffers {
    /// Residual: tokens x hidden.
    x: Buffer,
    /// Quantised input of products: tokens x a8_row(widest input).
    xa: Buffer,
    /// Product and norm results: tokens x hidden.
    y: Buffer,
    /// Rotary rows: per table, tokens x dims.
    ropes: Vec<Buffer>,
}

/// The emitter of one core's stream.
struct Emit<'a> {
    network: &'a Network,
    plan: &'a Plan,
    chip: &'a Chip,
    map: &'a ChipMap,
    sizes: Sizes,
    core: usize,
    member: usize,
    b: Builder,
    regs: Regs,
    bufs: Option<Buffers>,
}

impl<'a> Emit<'a> {
    fn new(network: &'a Network, plan: &'a Plan, chip: &'a Chip, map: &'a Map, index: usize, core: usize) -> Emit<'a> {
        let mut b = Builder::new(chip.core.scratchpad.0 as usize);
        let sizes = map.sizes;
        let bound = |all: &dyn Fn(&LayerMap) -> usize| map.chips[index].layers.iter().map(all).max().unwrap_or(0) as i64;
        let layer_bound = bound(&|layer| first_address(layer));
        let cache_bound = bound(&|layer| layer.caches.get(core).map_or(0, |cache| cache.at));
        let regs = Regs {
            tokens: b.reg(sizes.tokens as i64),
            segments: b.reg(sizes.sequences as i64),
            layer: b.reg(layer_bound),
            cache: b.reg(cache_bound),
        };
        let member = index * sizes.cores + core;
        Emit { network, plan, chip, map: &map.chips[index], sizes, core, member, b, regs, bufs: None }
    }

    fn stream(mut self) -> Result<(Vec<crate::builder::Node>, crate::builder::Arena), Error> {
        self.b.param(self.regs.tokens, Abi::TOKENS);
        self.b.param(self.regs.segments, Abi::SEGMENTS);
        self.buffers()?;
        self.embed()?;
        self.layers()?;
        self.head()?;
        Ok(self.b.finish())
    }

    fn bufs(&self) -> &Buffers {
        self.bufs.as_ref().expect("allocated before the first instruction")
    }

    fn hidden(&self) -> usize {
        self.network.hidden
    }

    fn members(&self) -> usize {
        self.sizes.members()
    }

    fn tokens(&self) -> Operand {
        self.regs.tokens.into()
    }

    fn buffers(&mut self) -> Result<(), Error> {
        let (tokens, hidden) = (self.sizes.tokens, self.hidden());
        let widest = self.plan.layers.iter().flat_map(LayerPlan::linears).map(|linear| linear.k).max().unwrap_or(hidden);
        let arena = &mut self.b.arena;
        let x = arena.alloc("the residual stream", tokens * hidden * F32)?;
        let xa = arena.alloc("the quantised activations", tokens * a8_row(widest.max(hidden)))?;
        let y = arena.alloc("the products", tokens * hidden * F32)?;
        let ropes: Result<Vec<Buffer>, Error> = self
            .map
            .ropes
            .iter()
            .map(|(rope, _)| arena.alloc("the rotary rows", tokens * rope.dims * F32))
            .collect();
        self.bufs = Some(Buffers { x, xa, y, ropes: ropes? });
        Ok(())
    }

    /// Load `bytes` contiguous bytes.
    fn load(&mut self, dst: Operand, mem: Operand, bytes: usize) {
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
    fn vector(&mut self, layer: &LayerMap, name: &str, first: usize, len: usize) -> Result<Buffer, Error> {
        let buffer = self.b.arena.alloc(name, len * F32)?;
        let at = layer.vectors[name] + first * F32;
        self.load(buffer.op(), Operand::reg(self.regs.layer, at as i64), len * F32);
        Ok(buffer)
    }

    /// Token rows of the embedding, dequantised into the residual; rotary rows of their positions.
    fn embed(&mut self) -> Result<(), Error> {
        let (hidden, kind) = (self.hidden(), self.plan.embed.kind);
        let blocks = hidden / BLOCK;
        let code_row = hidden * kind.code_bits() / 8;
        let scale_row = (blocks * 2).next_multiple_of(32);
        let tokens = self.sizes.tokens;
        let codes = self.b.arena.alloc("the embedding's codes", tokens * code_row)?;
        let scales = self.b.arena.alloc("the embedding's scales", tokens * scale_row)?;
        let mins = self.b.arena.alloc("the embedding's minimums", tokens * scale_row)?;
        let row = EmbedRow { codes, scales, mins, code_row, scale_row, kind, blocks };
        self.embed_rows(&row);
        let x = self.bufs().x;
        let instr = Instr::Vdeq {
            kind,
            dst: x.op(),
            dstep: (hidden * F32).into(),
            codes: codes.op(),
            cstep: code_row.into(),
            scales: scales.op(),
            sstep: scale_row.into(),
            mins: mins.op(),
            mstep: scale_row.into(),
            rows: self.tokens(),
            cols: hidden.into(),
        };
        self.b.emit(instr);
        [codes, scales, mins].into_iter().for_each(|buffer| self.b.arena.free(buffer));
        if self.network.embed_scale != 1.0 {
            self.scale_rows(Binary::Mul, x.op(), hidden, self.tokens(), hidden, self.network.embed_scale);
        }
        if self.network.learned_positions {
            self.add_positions()?;
        }
        Ok(())
    }

    fn embed_rows(&mut self, row: &EmbedRow) {
        let tile = row.kind.tile_bytes();
        let (index, token, position) = (
            self.b.reg(self.sizes.tokens as i64),
            self.b.reg(self.network.vocab as i64),
            self.b.reg(self.sizes.context as i64),
        );
        let embed_bytes = tiles_bytes(row.kind, self.network.vocab, self.hidden()) as i64;
        let tile_row = self.b.reg(embed_bytes);
        let place = self.b.reg(BLOCK as i64);
        let record = self.b.reg((self.sizes.tokens * Abi::TOKEN_WORDS) as i64);
        let [code_at, scale_at, code_off, scale_off, min_off] = [
            (self.sizes.tokens * row.code_row) as i64,
            (self.sizes.tokens * row.scale_row) as i64,
            embed_bytes,
            embed_bytes,
            embed_bytes,
        ]
        .map(|bound| self.b.reg(bound / 32 * 32));
        self.b.set(index, 0);
        let regs = [index, token, position, tile_row, place, record, code_at, scale_at, code_off, scale_off, min_off];
        let tokens = self.tokens();
        let ropes: Vec<(usize, usize, Buffer)> = self
            .map
            .ropes
            .iter()
            .zip(&self.bufs().ropes)
            .map(|((rope, at), buffer)| (rope.dims * F32, *at, *buffer))
            .collect();
        let embed = self.map.embed as i64;
        let tile_row_bytes = row.blocks * tile;
        self.b.repeat(tokens, true, |b| {
            b.mul(record, index, Abi::TOKEN_WORDS);
            b.param(token, Operand::reg(record, Abi::TOKEN_RECORDS as i64));
            b.param(position, Operand::reg(record, Abi::TOKEN_RECORDS as i64 + 1));
            b.emit(Instr::Shr { rd: tile_row, a: token.into(), b: Operand::imm(5) });
            b.mul(tile_row, tile_row, tile_row_bytes);
            b.emit(Instr::And { rd: place, a: token.into(), b: Operand::imm(31) });
            b.mul(code_at, index, row.code_row);
            b.mul(scale_at, index, row.scale_row);
            b.mul(code_off, place, 4);
            b.add(code_off, code_off, tile_row);
            let groups = row.kind.code_bits();
            b.emit(Instr::Ld {
                dst: Operand::reg(code_at, row.codes.at as i64),
                mem: Operand::reg(code_off, embed),
                elem: 4.into(),
                n0: groups.into(),
                s0: 128.into(),
                d0: 4.into(),
                n1: row.blocks.into(),
                s1: tile.into(),
                d1: (4 * groups).into(),
                n2: 1.into(),
                s2: 0.into(),
                d2: 0.into(),
            });
            let mut column = |offset: Reg, width: usize, start: usize, into: Buffer| {
                if width == 0 {
                    return;
                }
                b.mul(offset, place, width);
                b.add(offset, offset, tile_row);
                b.emit(Instr::Ld {
                    dst: Operand::reg(scale_at, into.at as i64),
                    mem: Operand::reg(offset, embed + start as i64),
                    elem: width.into(),
                    n0: row.blocks.into(),
                    s0: tile.into(),
                    d0: width.into(),
                    n1: 1.into(),
                    s1: 0.into(),
                    d1: 0.into(),
                    n2: 1.into(),
                    s2: 0.into(),
                    d2: 0.into(),
                });
            };
            let scales_at = row.kind.code_bytes();
            column(scale_off, row.kind.scale_bytes(), scales_at, row.scales);
            column(min_off, row.kind.min_bytes(), scales_at + BLOCK * row.kind.scale_bytes(), row.mins);
            for (bytes, table, buffer) in ropes {
                load_row(b, index, position, bytes, table, buffer);
            }
            b.add(index, index, 1);
        });
        self.b.release(&regs);
    }

    /// GPT-2's learned positions.
    fn add_positions(&mut self) -> Result<(), Error> {
        let hidden = self.hidden();
        let buffer = self.b.arena.alloc("the position rows", self.sizes.tokens * hidden * F32)?;
        let (index, position, record) = (
            self.b.reg(self.sizes.tokens as i64),
            self.b.reg(self.sizes.context as i64),
            self.b.reg((self.sizes.tokens * Abi::TOKEN_WORDS) as i64),
        );
        self.b.set(index, 0);
        let (tokens, table) = (self.tokens(), self.map.positions);
        self.b.repeat(tokens, true, |b| {
            b.mul(record, index, Abi::TOKEN_WORDS);
            b.param(position, Operand::reg(record, Abi::TOKEN_RECORDS as i64 + 1));
            load_row(b, index, position, hidden * F32, table, buffer);
            b.add(index, index, 1);
        });
        self.b.release(&[index, position, record]);
        let x = self.bufs().x;
        self.accumulate(x.op(), hidden, buffer.op(), hidden, self.tokens(), hidden);
        self.b.arena.free(buffer);
        Ok(())
    }

    /// dst += b over rows of `cols` values; `dst_width` and `b_width` are row lengths in values (0: the same row of b for all).
    fn accumulate(&mut self, dst: Operand, dst_width: usize, b: Operand, b_width: usize, rows: Operand, cols: usize) {
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
    fn scale_rows(&mut self, op: Binary, dst: Operand, width: usize, rows: Operand, cols: usize, imm: f32) {
        let step = (width * F32).into();
        self.b.emit(Instr::Vimm { op, dst, dstep: step, a: dst, astep: step, rows, cols: cols.into(), imm: imm.into() });
    }

    /// dst = f(dst), over rows.
    fn apply(&mut self, op: Unary, dst: Operand, width: usize, rows: Operand, cols: Operand) {
        let step = (width * F32).into();
        self.b.emit(Instr::Vun { op, dst, dstep: step, a: dst, astep: step, rows, cols });
    }

    /// dst = norm(src), rows of `cols` values.
    #[allow(clippy::too_many_arguments)]
    fn norm(
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
    fn row_op(&mut self, op: Binary, dst: (Operand, usize), a: (Operand, usize), b: Operand, rows: Operand, cols: usize) {
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
    fn quantise(&mut self, dst: Operand, a: Operand, width: usize, rows: Operand, cols: usize) {
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
    fn norm_vectors(&mut self, layer: &LayerMap, norm: Norm, name: &str) -> Result<(Buffer, Option<Buffer>), Error> {
        let hidden = self.hidden();
        let weight = self.vector(layer, &format!("{name}.weight"), 0, hidden)?;
        let bias = match norm.kind {
            NormKind::Layer => Some(self.vector(layer, &format!("{name}.bias"), 0, hidden)?),
            NormKind::Rms => None,
        };
        Ok((weight, bias))
    }

    /// xa = quantised norm of the residual.
    fn norm_input(&mut self, layer: &LayerMap, norm: Norm, name: &str) -> Result<(), Error> {
        let hidden = self.hidden();
        let (weight, bias) = self.norm_vectors(layer, norm, name)?;
        let &Buffers { x, xa, y, .. } = self.bufs();
        self.norm(norm, (y.op(), hidden), (x.op(), hidden), weight, bias, self.tokens(), hidden)?;
        self.quantise(xa.op(), y.op(), hidden, self.tokens(), hidden);
        self.b.arena.free(weight);
        bias.into_iter().for_each(|bias| self.b.arena.free(bias));
        Ok(())
    }

    /// The residual takes y, through a norm if the layer has one there.
    fn add_residual(&mut self, layer: &LayerMap, post: Option<(Norm, &str)>) -> Result<(), Error> {
        let hidden = self.hidden();
        let &Buffers { x, y, .. } = self.bufs();
        if let Some((norm, name)) = post {
            let (weight, bias) = self.norm_vectors(layer, norm, name)?;
            self.norm(norm, (y.op(), hidden), (y.op(), hidden), weight, bias, self.tokens(), hidden)?;
            self.b.arena.free(weight);
            bias.into_iter().for_each(|bias| self.b.arena.free(bias));
        }
        self.accumulate(x.op(), hidden, y.op(), hidden, self.tokens(), hidden);
        Ok(())
    }

    /// The member's rows of a product, for `tokens` rows of activations at `x`. Output rows are `width` values long; the slice begins at `out`.
    fn product(&mut self, linear: &Linear, place: Operand, x: Operand, out: Operand, width: usize, tokens: Operand, weights: Weights) {
        let (member, members) = (self.member, self.members());
        let expert_step = linear.slice_bytes(member, members);
        let grid = self.plan.grid(linear.role);
        let (mut at, mut row) = (0usize, 0usize);
        for parts in linear.parts.chunk_by(|a, b| a.kind == b.kind) {
            let kind = parts[0].kind;
            let rows: usize =
                parts.iter().map(|part| part.slice(member, members).len().next_multiple_of(BLOCK)).sum();
            let bytes = tiles_bytes(kind, rows, linear.k);
            if rows > 0 {
                self.stream_weights(place.plus(at as i64), bytes, expert_step, weights);
                let k = linear.k.next_multiple_of(BLOCK);
                self.b.emit(matrix(kind, out.plus((row * F32) as i64), width * F32, x, a8_row(k), rows.into(), k.into(), tokens, grid));
            }
            at += bytes;
            row += rows;
        }
    }

    fn stream_weights(&mut self, mem: Operand, bytes: usize, expert_step: usize, weights: Weights) {
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
    fn place(&self, place: &Place) -> Operand {
        Operand::reg(self.regs.layer, place.cores[self.core] as i64)
    }

    /// All-gather of binary32 columns: every member has written `slice` (in columns) of the rows at `buffer` and gets the others'.
    fn gather_columns(&mut self, buffer: Operand, width: usize, slice: Range<usize>, rows: Operand) {
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
    fn gather_quantised(&mut self, slice_buffer: Operand, slice: Range<usize>, dst: Operand, cols: usize, rows: Operand) {
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

    fn scope(&self) -> Scope {
        if self.sizes.chips > 1 { Scope::Group } else { Scope::Chip }
    }

    fn layers(&mut self) -> Result<(), Error> {
        let mut next = 0;
        while next < self.plan.layers.len() {
            let run = self.run(next);
            self.b.set(self.regs.layer, 0);
            self.b.set(self.regs.cache, 0);
            self.layer_run(next, run)?;
            next += run.period * run.repeats;
        }
        Ok(())
    }

    /// The longest stretch from `first` on that repeats with a short period at constant distances.
    fn run(&self, first: usize) -> Run {
        let count = self.plan.layers.len() - first;
        let mut best = Run { period: 1, repeats: 1, stride: 0, cache_stride: 0 };
        for period in 1..=(count / 2).min(8) {
            let mut run = self.stretch(first, period);
            if run.repeats < 2 {
                run = Run { period, repeats: 1, stride: 0, cache_stride: 0 };
            }
            if run.repeats > 1 && run.period * run.repeats > best.period * best.repeats {
                best = run;
            }
        }
        best
    }

    fn stretch(&self, first: usize, period: usize) -> Run {
        let (layers, maps) = (&self.network.layers, &self.map.layers);
        let (stride, cache_stride) = self.distance(first, first + period);
        let same = |a: usize, b: usize| {
            layers[a] == layers[b]
                && alike(&self.plan.layers[a], &self.plan.layers[b])
                && self.shifted(&maps[a], &maps[b], stride, cache_stride)
        };
        let mut repeats = 1;
        while first + (repeats + 1) * period <= layers.len()
            && (0..period).all(|i| {
                let at = first + (repeats - 1) * period + i;
                same(at, at + period)
            })
        {
            repeats += 1;
        }
        Run { period, repeats, stride, cache_stride }
    }

    fn distance(&self, a: usize, b: usize) -> (usize, usize) {
        let maps = &self.map.layers;
        let cache = |layer: usize| maps[layer].caches.get(self.core).map_or(0, |cache| cache.at);
        (first_address(&maps[b]) - first_address(&maps[a]), cache(b) - cache(a))
    }

    fn shifted(&self, a: &LayerMap, b: &LayerMap, stride: usize, cache_stride: usize) -> bool {
        let linears = a.linears.iter().zip(&b.linears).all(|(a, b)| a.cores[self.core] + stride == b.cores[self.core]);
        let vectors = a.vectors.iter().zip(&b.vectors).all(|(a, b)| a.0 == b.0 && a.1 + stride == *b.1);
        let caches = a.caches[self.core].at + cache_stride == b.caches[self.core].at;
        linears && vectors && caches
    }

    fn layer_run(&mut self, first: usize, run: Run) -> Result<(), Error> {
        let body = |emit: &mut Self| (first..first + run.period).try_for_each(|index| emit.layer(index));
        if run.repeats == 1 {
            return body(self);
        }
        let mut result = Ok(());
        self.b.begin(run.repeats, true);
        result = result.and(body(self));
        let (layer, cache) = (self.regs.layer, self.regs.cache);
        self.b.add(layer, layer, run.stride);
        self.b.add(cache, cache, run.cache_stride);
        self.b.end();
        result
    }

    fn layer(&mut self, index: usize) -> Result<(), Error> {
        let layer = &self.network.layers[index];
        let (plan, map) = (&self.plan.layers[index], &self.map.layers[index]);
        self.attention(layer, plan, map)?;
        self.add_residual(map, layer.post_attn_norm.map(|norm| (norm, "post_attention_norm")))?;
        self.ffn(layer, plan, map)?;
        self.add_residual(map, layer.post_ffn_norm.map(|norm| (norm, "post_ffw_norm")))
    }

    /// Logits of the wanted tokens, in chunks of rows.
    fn head(&mut self) -> Result<(), Error> {
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
    fn pick_rows(&mut self, wanted: Reg) {
        let row = self.hidden() * F32;
        let bound = (self.sizes.tokens * row) as i64;
        let (index, token, from, to) =
            (self.b.reg(self.sizes.tokens as i64), self.b.reg(self.sizes.tokens as i64), self.b.reg(bound - row as i64), self.b.reg(bound - row as i64));
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

    fn head_chunks(&mut self, wanted: Reg) -> Result<(), Error> {
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

    fn head_chunk(&mut self, out: Buffer, rows: usize, first: usize, wanted: Reg, weights: Reg, logits: Reg) {
        let part = &self.plan.head.parts[0];
        let at = self.map.head.cores[self.core];
        let hidden = self.hidden();
        let mem = Operand::reg(weights, at as i64);
        self.b.emit(Instr::Wld { mem, len: tiles_bytes(part.kind, rows, hidden).into() });
        let (grid, xa) = (self.plan.grid(self.plan.head.role), self.bufs().xa);
        self.b.emit(matrix(part.kind, out.op(), rows * F32, xa.op(), a8_row(hidden), rows.into(), hidden.into(), wanted.into(), grid));
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

    /// dst = cap * tanh(dst * factor).
    fn softcap(&mut self, dst: Operand, width: usize, rows: Operand, cols: Operand, factor: f32, cap: f32) {
        let step = (width * F32).into();
        let scale = |imm: f32| Instr::Vimm { op: Binary::Mul, dst, dstep: step, a: dst, astep: step, rows, cols, imm: imm.into() };
        self.b.emit(scale(factor));
        self.apply(Unary::Tanh, dst, width, rows, cols);
        self.b.emit(scale(cap));
    }
}

/// Rows of logits computed at a time, at most.
const HEAD_CHUNK: usize = 2048;

/// A stretch of layers that repeats.
#[derive(Clone, Copy, Debug)]
struct Run {
    period: usize,
    repeats: usize,
    stride: usize,
    cache_stride: usize,
}

/// How the embedding's rows arrive in the scratchpad.
struct EmbedRow {
    codes: Buffer,
    scales: Buffer,
    mins: Buffer,
    code_row: usize,
    scale_row: usize,
    kind: WeightKind,
    blocks: usize,
}

fn first_address(layer: &LayerMap) -> usize {
    let vectors = layer.vectors.values().copied();
    let linears = layer.linears.iter().flat_map(|place| place.cores.iter().copied());
    vectors.chain(linears).min().unwrap_or(0)
}

/// Whether two layers' products have the same shapes and formats.
fn alike(a: &LayerPlan, b: &LayerPlan) -> bool {
    let (a, b) = (a.linears(), b.linears());
    a.len() == b.len()
        && a.iter().zip(&b).all(|(a, b)| {
            let parts = a.parts.iter().zip(&b.parts).all(|(a, b)| a.rows == b.rows && a.kind == b.kind && a.split == b.split);
            a.role == b.role && a.k == b.k && a.experts == b.experts && a.parts.len() == b.parts.len() && parts
        })
}

/// buffer[index] = table[position], rows of `bytes`.
fn load_row(b: &mut Builder, index: Reg, position: Reg, bytes: usize, table: usize, buffer: Buffer) {
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
fn matrix(kind: WeightKind, out: Operand, ostep: usize, x: Operand, xstep: usize, rows: Operand, k: Operand, tokens: Operand, grid: i32) -> Instr {
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
