//! Drawing instructions: operands that are probably good.

mod burst;

use super::walk::{Registers, Walk, value};
use super::{DATA, ENTRIES, OWN, Random, SPAD, SPAD_TABLE, TABLE, ZONE, operand};
use crate::Chip;
use crate::attr::{REGISTERS, Reg, Scope, Unit};
use crate::isa::{Instr, OPS, Operand, a8_row};
use base::tile::WeightKind;

/// The load of the table into the scratchpad.
pub(super) fn table_load() -> Instr {
    transfer(SPAD_TABLE, DATA, TABLE, [(1, 0, 0); 3])
}

fn transfer(dst: i64, mem: i64, elem: i64, dims: [(i64, i64, i64); 3]) -> Instr {
    let [(n0, s0, d0), (n1, s1, d1), (n2, s2, d2)] = dims.map(|(n, s, d)| (n.into(), s.into(), d.into()));
    Instr::Ld { dst: dst.into(), mem: mem.into(), elem: elem.into(), n0, s0, d0, n1, s1, d1, n2, s2, d2 }
}

/// An exchange that all cores run, and how often.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    scope: Scope,
    rows: i64,
    bytes: [i64; 2],
    times: i64,
    cores: i64,
    in_place: bool,
}

impl Exchange {
    pub(super) fn random(random: &mut Random, cores: usize) -> Exchange {
        Exchange {
            scope: random.pick(&[Scope::Chip, Scope::Group]),
            rows: random.below(4),
            bytes: [2 * random.below(17), 2 * random.below(9)],
            times: random.below(3),
            cores: cores as i64,
            in_place: random.one_in(2),
        }
    }

    /// Each row of the zone has a place for every core's two pieces; what is sent lies there already or in the zone's second half.
    fn instr(&self, core: usize) -> Instr {
        let [first, second] = self.bytes;
        let step = self.cores * (first + second);
        let dst = ZONE.0 + core as i64 * first;
        let dst2 = ZONE.0 + self.cores * first + core as i64 * second;
        let apart = if self.in_place { 0 } else { ZONE.1 / 2 };
        let [src, src2] = [dst, dst2].map(|at| (at + apart).into());
        let (sstep, dstep) = (step.into(), step.into());
        let (dst, dst2) = (dst.into(), dst2.into());
        Instr::Gather {
            scope: self.scope,
            src,
            sstep,
            dst,
            dstep,
            bytes: first.into(),
            rows: self.rows.into(),
            src2,
            dst2,
            bytes2: second.into(),
        }
    }
}

/// Draws one core's stream.
pub(super) struct Draw<'a> {
    random: Random,
    chip: &'a Chip,
    walk: Walk<'a>,
    code: Vec<Instr>,
    registers: Registers,
    /// What is rare is drawn more often: rows with room for another between them, one value or group alone, most
    /// tokens, pieces of one word.
    rare: bool,
}

/// Rows in the scratchpad: address, step, step of the outer dimension.
#[derive(Clone, Copy)]
struct Place {
    at: i64,
    step: i64,
    outer: i64,
}

impl<'a> Draw<'a> {
    pub(super) fn new(seed: u64, chip: &'a Chip, walk: Walk<'a>) -> Draw<'a> {
        Draw {
            random: Random::new(seed),
            chip,
            walk,
            code: Vec::new(),
            registers: [0; REGISTERS as usize],
            rare: false,
        }
    }

    /// A whole stream: fill the scratchpad, then pieces of work with the exchanges between them.
    pub(super) fn stream(&mut self, exchanges: &[Exchange]) -> Vec<Instr> {
        self.code.push(transfer(0, 64 * self.random.below(128), SPAD + ZONE.1, [(1, 0, 0); 3]));
        self.code.push(table_load());
        for exchange in exchanges {
            self.pieces();
            self.code.push(Instr::Loop { count: exchange.times.into() });
            self.code.push(exchange.instr(self.walk.core));
            self.code.push(Instr::End {});
        }
        self.pieces();
        self.code.push(Instr::Halt {});
        std::mem::take(&mut self.code)
    }

    /// Several pieces.
    fn pieces(&mut self) {
        (0..3 + self.random.below(5)).for_each(|_| self.accepted(8, |draw| draw.instr(1)));
    }

    /// A piece, drawn again until the walk accepts it, or so many times.
    fn accepted(&mut self, times: usize, piece: impl Fn(&mut Self)) {
        let kept = self.code.len();
        for _ in 0..times {
            piece(self);
            if let Ok(registers) = self.walk.check(&self.code) {
                self.registers = registers;
                break;
            }
            self.code.truncate(kept);
        }
    }

    fn instr(&mut self, depth: i64) {
        let template = self.template();
        self.fill(template, depth);
    }

    /// An instruction of the table, with operands of zero.
    fn template(&mut self) -> Instr {
        let op = self.random.pick(OPS);
        let attrs: Vec<u8> = (0..op.attrs.len()).map(|i| self.random.pick(&Instr::attr_choices(op.code, i))).collect();
        let zeros = vec![Operand::imm(0); op.operands.len()];
        Instr::from_parts(op.code, &attrs, &zeros).expect("made of the table's choices")
    }

    /// Append the instruction with operands, and whatever it needs around it. A new line of the table must be added here.
    fn fill(&mut self, template: Instr, depth: i64) {
        let instr = match template {
            Instr::Set { rd, .. } => Instr::Set { rd, value: self.wide() },
            Instr::Add { rd, .. } => Instr::Add { rd, a: self.wide(), b: self.wide() },
            Instr::Sub { rd, .. } => Instr::Sub { rd, a: self.wide(), b: self.wide() },
            Instr::Mul { rd, .. } => Instr::Mul { rd, a: self.wide(), b: self.wide() },
            Instr::Min { rd, .. } => Instr::Min { rd, a: self.wide(), b: self.wide() },
            Instr::Max { rd, .. } => Instr::Max { rd, a: self.wide(), b: self.wide() },
            Instr::Shr { rd, .. } => Instr::Shr { rd, a: self.wide(), b: self.wide() },
            Instr::And { rd, .. } => Instr::And { rd, a: self.wide(), b: self.wide() },
            Instr::Param { rd, .. } => Instr::Param { rd, index: self.index() },
            Instr::Loop { .. } | Instr::End {} => return self.repeat(depth),
            Instr::Sync { from, to } => match from {
                Unit::Weights | Unit::Control => return,
                _ if to == from || to == Unit::Control => return,
                _ => Instr::Sync { from, to },
            },
            // Every stream ends in one, and nothing else may hold one.
            Instr::Halt {} => return,
            Instr::Ld { .. } | Instr::St { .. } => self.strided(&template),
            Instr::Ldg { .. } => self.gathering(),
            Instr::Wld { .. } => return self.product(false),
            Instr::Wgat { .. } => return self.product(true),
            Instr::Mm { kind, .. } => return self.product_of(kind, false),
            // All cores must come to an exchange: `stream` puts them between the pieces.
            Instr::Gather { .. } => return,
            Instr::Vbin { .. }
            | Instr::Vrow { .. }
            | Instr::Vimm { .. }
            | Instr::Vun { .. }
            | Instr::Vred { .. }
            | Instr::Vnorm { .. }
            | Instr::Vsoft { .. }
            | Instr::Vrope { .. }
            | Instr::Vquant { .. }
            | Instr::Vdeq { .. }
            | Instr::Vcvt { .. }
            | Instr::Vtop { .. } => self.vector(template),
        };
        self.code.push(instr);
    }

    /// A loop around a few instructions whose addresses move with a register.
    fn repeat(&mut self, depth: i64) {
        if depth > 3 {
            return;
        }
        let count = self.count(4);
        let reg = Reg(1 + self.random.below(i64::from(REGISTERS) - 1) as u8);
        let step = 32 * self.random.below(4);
        self.code.push(Instr::Loop { count });
        (0..1 + self.random.below(3)).for_each(|_| self.instr(depth + 1));
        self.code.push(Instr::Add { rd: reg, a: reg.into(), b: step.into() });
        self.code.push(Instr::End {});
    }

    /// A number as a constant, or as a register and a constant.
    fn number(&mut self, value: i64) -> Operand {
        let reg = self.random.below(i64::from(REGISTERS)) as u8;
        if self.random.one_in(2) { Operand::imm(value) } else { operand(reg, self.registers[reg as usize], value) }
    }

    /// Any number, some of them small: for registers.
    fn wide(&mut self) -> Operand {
        if self.random.one_in(4) {
            let value = self.random.pick(&[0, 1, -1, 63]);
            return self.number(value);
        }
        let value = self.random.bits() as i64 >> (8 + self.random.below(55));
        Operand { reg: self.random.below(i64::from(REGISTERS)) as u8, imm: value }
    }

    fn index(&mut self) -> Operand {
        let index = self.random.below(self.walk.params.len() as i64);
        self.number(index)
    }

    /// A count up to `most`, rarely none, often one.
    fn count(&mut self, most: i64) -> Operand {
        let value = match self.random.below(16) {
            0 => -self.random.below(3),
            1..4 => 1,
            _ => 1 + self.random.below(most),
        };
        self.number(value)
    }

    fn now(&self, operand: Operand) -> i64 {
        value(&self.registers, operand).max(0)
    }

    fn float(&mut self) -> Operand {
        let value = self.random.float();
        Operand::f32(value)
    }

    /// A place for rows of `bytes`: packed, apart, or with the outer dimension inside.
    fn place(&mut self, bytes: i64, rows: i64, outer: i64) -> Place {
        let row = (bytes.max(1) + 31) / 32 * 32;
        let (step, outer_step) = match self.random.below(4) {
            0 => (row * outer.max(1), row),
            1 => (row, row * rows.max(1)),
            _ => {
                let gap = if self.rare && self.random.one_in(2) { row } else { 32 * self.random.below(3) };
                let step = row + gap;
                (step, step * rows.max(1) + 32 * self.random.below(3))
            }
        };
        let span = (rows - 1).max(0) * step + (outer - 1).max(0) * outer_step + row;
        let at = 32 * self.random.below((SPAD - span).max(32) / 32);
        Place { at, step, outer: outer_step }
    }

    /// A destination: somewhere, the same rows as `a`, or interleaved with them.
    fn target(&mut self, a: Place, bytes: i64, rows: i64, outer: i64) -> Place {
        match self.random.below(if self.rare { 3 } else { 4 }) {
            0 => a,
            1 => Place { at: a.at + (bytes + 31) / 32 * 32, ..a },
            _ => self.place(bytes, rows, outer),
        }
    }

    fn strided(&mut self, template: &Instr) -> Instr {
        let elem = self.random.pick(&[1, 2, 4, 8, 16, 32, 64, 96]);
        let counts = [self.count(5), self.count(3), self.count(2)];
        let [n0, n1, _] = counts.map(|count| self.now(count));
        let align = if elem > 16 { 32 } else { elem };
        let mut steps = || {
            let gap = |random: &mut Random| align * random.below(3);
            let first = elem + gap(&mut self.random);
            let second = first * n0.max(1) + gap(&mut self.random);
            let third = second * n1.max(1) + gap(&mut self.random);
            let steps = [first, second, third];
            if self.random.one_in(3) { [second, first + first * (n0.max(1) - 1), third] } else { steps }
        };
        let (written, mut read) = (steps(), steps());
        if self.random.one_in(4) {
            read[self.random.below(3) as usize] = 0;
        }
        let store = matches!(template, Instr::St { .. });
        let own = DATA + TABLE + OWN * self.walk.core as i64;
        let area = if store || self.random.one_in(3) { (own, OWN) } else { (0, DATA) };
        let mem = area.0 + align * self.random.below(area.1 / 2 / align);
        let spad = align * self.random.below(SPAD / 2 / align);
        let (mem, spad) = (self.number(mem), self.number(spad));
        let elem = self.number(elem);
        let ([n0, n1, n2], [w0, w1, w2]) = (counts, written.map(|step| self.number(step)));
        let [r0, r1, r2] = read.map(|step| self.number(step));
        match store {
            true => Instr::St { src: spad, mem, elem, n0, s0: r0, d0: w0, n1, s1: r1, d1: w1, n2, s2: r2, d2: w2 },
            false => Instr::Ld { dst: spad, mem, elem, n0, s0: r0, d0: w0, n1, s1: r1, d1: w1, n2, s2: r2, d2: w2 },
        }
    }

    fn table(&mut self, entries: i64) -> Operand {
        let at = SPAD_TABLE + 4 * self.random.below(TABLE / 4 - entries.max(0) + 1);
        self.number(at)
    }

    fn gathering(&mut self) -> Instr {
        let elem = self.random.pick(&[4, 16, 32, 64, 128]);
        let align = elem.min(32);
        let (n, n1) = (self.count(6), self.count(3));
        let place = self.place(elem, self.now(n), self.now(n1));
        let (step, s1) = (align * self.random.below(8), align * self.random.below(8));
        let mem = align * self.random.below(DATA / 2 / align);
        Instr::Ldg {
            dst: self.number(place.at),
            mem: self.number(mem),
            table: self.table(self.now(n)),
            n,
            step: self.number(step),
            d0: self.number(place.step),
            elem: self.number(elem),
            n1,
            s1: self.number(s1),
            d1: self.number(place.outer),
        }
    }

    fn product(&mut self, gathered: bool) {
        let kinds = self.chip.matrix.weights.clone();
        if !kinds.is_empty() {
            let kind = self.random.pick(&kinds);
            self.product_of(kind, gathered);
        }
    }

    /// Weight loads in pieces of any length, and the `mm` that takes them.
    fn product_of(&mut self, kind: WeightKind, gathered: bool) {
        let (rows, k) = (32 * self.random.below(3), 32 * self.random.below(4));
        let alone = self.rare && self.random.one_in(2);
        let (groups, sub) = if alone { (1.into(), 1) } else { (self.count(4), self.random.pick(&[1, 1, 2, 3])) };
        let count = self.now(groups);
        let most = self.chip.matrix.tokens as i64;
        let tokens =
            if self.random.one_in(if self.rare { 3 } else { 8 }) { self.number(most) } else { self.count(most.min(5)) };
        let total = (rows / 32) * (k / 32) * kind.tile_bytes() as i64 * count;
        let loads = self.chip.queue(Unit::Weights).min(4) as i64;
        match gathered && loads > 1 {
            true => self.gathered_weights(total),
            false => {
                let pieces = 1 + self.random.below(loads);
                self.plain_weights(total, pieces);
            }
        }
        let (row, outer) = (a8_row(k as usize) as i64, (count + sub - 1) / sub);
        let (x, out) = (self.place(row, self.now(tokens), outer), self.place(4 * rows * sub, self.now(tokens), outer));
        let grid = -self.random.below(70) + 10;
        let instr = Instr::Mm {
            kind,
            out: self.number(out.at),
            ostep: self.number(out.step),
            x: self.number(x.at),
            xstep: self.number(x.step),
            rows: self.number(rows),
            k: self.number(k),
            tokens,
            grid: self.number(grid),
            groups,
            sub: self.number(sub),
            xgroup: self.number(x.outer),
            ogroup: self.number(out.outer),
            osub: self.number(4 * rows),
        };
        self.code.push(instr);
    }

    fn plain_weights(&mut self, total: i64, pieces: i64) {
        let mut left = total;
        for piece in 0..pieces {
            let len = if piece + 1 == pieces { left } else { 32 * self.random.below(left / 32 + 1) };
            let mem = 32 * self.random.below((DATA - len).max(32) / 32);
            let instr = Instr::Wld { mem: self.number(mem), len: self.number(len) };
            self.code.push(instr);
            left -= len;
        }
    }

    /// Equal gathered pieces, and the rest as one plain piece.
    fn gathered_weights(&mut self, total: i64) {
        let (mut n, groups) = (1 + self.random.below(5), 1 + self.random.below(3));
        if self.rare && self.random.one_in(2) {
            n = (total / 32 / groups).clamp(1, TABLE / 4);
        }
        let len = total / (n * groups) / 32 * 32;
        let (step, gstep) = (32 * self.random.below(24), 32 * self.random.below(24));
        let reach = (ENTRIES - 1) * step + (groups - 1) * gstep + len;
        let mem = 32 * self.random.below((DATA - reach).max(32) / 32);
        let instr = Instr::Wgat {
            mem: self.number(mem),
            table: self.table(n),
            n: self.number(n),
            step: self.number(step),
            len: self.number(len),
            groups: self.number(groups),
            gstep: self.number(gstep),
        };
        self.code.push(instr);
        self.plain_weights(total - n * groups * len, 1);
    }

    fn vector(&mut self, template: Instr) -> Instr {
        let alone = self.rare && self.random.one_in(3);
        let (rows, cols) = if alone { (1.into(), 1.into()) } else { (self.count(5), self.count(70)) };
        let (r, c) = (self.now(rows), self.now(cols));
        match template {
            Instr::Vbin { op, .. } => {
                let outer = self.count(3);
                let o = self.now(outer);
                let (a, b) = (self.place(4 * c, r, o), self.place(4 * c, r, o));
                let d = self.target(a, 4 * c, r, o);
                let [(dst, dstep, douter), (a, astep, aouter), (b, bstep, bouter)] =
                    [d, a, b].map(|place| self.named(place));
                Instr::Vbin { op, dst, dstep, douter, a, astep, aouter, b, bstep, bouter, rows, outer, cols }
            }
            Instr::Vrow { op, .. } => {
                let outer = self.count(3);
                let o = self.now(outer);
                let (a, mut b) = (self.place(4 * c, r, o), self.place(4, r, o));
                if self.random.one_in(2) {
                    b = Place { at: b.at + 4, step: 4, outer: 4 * r };
                }
                let d = self.target(a, 4 * c, r, o);
                let [(dst, dstep, douter), (a, astep, aouter), (b, bstep, bouter)] =
                    [d, a, b].map(|place| self.named(place));
                Instr::Vrow { op, dst, dstep, douter, a, astep, aouter, b, bstep, bouter, rows, outer, cols }
            }
            Instr::Vrope { .. } | Instr::Vquant { .. } | Instr::Vdeq { .. } => self.blocks(template, rows, r),
            _ => self.rows(template, rows, cols),
        }
    }

    fn named(&mut self, place: Place) -> (Operand, Operand, Operand) {
        (self.number(place.at), self.number(place.step), self.number(place.outer))
    }

    /// Vector instructions of one source of `rows` x `cols`.
    fn rows(&mut self, template: Instr, rows: Operand, cols: Operand) -> Instr {
        let (r, c) = (self.now(rows), self.now(cols));
        let place = self.place(4 * c, r, 1);
        let target = self.target(place, 4 * c, r, 1);
        let ((a, astep, _), (dst, dstep, _)) = (self.named(place), self.named(target));
        let [one, other] =
            [self.place(4 * c.max(4 * r), 1, 1), self.place(4 * c.max(4 * r), 1, 1)].map(|place| self.number(place.at));
        match template {
            Instr::Vimm { op, .. } => Instr::Vimm { op, dst, dstep, a, astep, rows, cols, imm: self.float() },
            Instr::Vun { op, .. } => Instr::Vun { op, dst, dstep, a, astep, rows, cols },
            Instr::Vred { op, .. } => Instr::Vred { op, dst: one, a, astep, rows, cols },
            Instr::Vnorm { .. } => Instr::Vnorm { dst, dstep, a, astep, w: one, rows, cols, eps: self.float() },
            Instr::Vsoft { sink, .. } => {
                let (hi, window, per, tokens) = (
                    self.random.below(c + 3) + 1,
                    self.random.below(c + 2),
                    1 + self.random.below(3),
                    1 + self.random.below(3),
                );
                let [hi, window, per, tokens] = [hi, window, per, tokens].map(|value| self.number(value));
                Instr::Vsoft {
                    sink,
                    dst,
                    dstep,
                    a,
                    astep,
                    sums: one,
                    sinks: other,
                    rows,
                    cols,
                    hi,
                    window,
                    per,
                    tokens,
                    factor: self.float(),
                }
            }
            Instr::Vcvt { from, .. } => Instr::Vcvt { from, dst, dstep, a, astep, rows, cols },
            Instr::Vtop { .. } => {
                let k = 1 + self.random.below(c.clamp(1, 9));
                let (indices, values) = (self.place(4 * k, r, 1), self.place(4 * k, r, 1));
                let ((idx, istep, _), (val, vstep, _)) = (self.named(indices), self.named(values));
                Instr::Vtop { idx, istep, val, vstep, a, astep, rows, cols, k: self.number(k) }
            }
            _ => unreachable!("the caller sends the instructions above"),
        }
    }

    /// Vector instructions whose columns come in blocks or heads.
    fn blocks(&mut self, template: Instr, rows: Operand, r: i64) -> Instr {
        let cols = 32 * self.random.below(4);
        match template {
            Instr::Vrope { pairs, .. } => {
                let (heads, dim) = (self.random.below(3) + 1, 8 * (1 + self.random.below(8)));
                let rot = 16 * self.random.below(dim / 16 + 1);
                let a = self.place(4 * heads * dim, r, 1);
                let (d, tab) = (self.target(a, 4 * heads * dim, r, 1), self.place(4 * rot, r, 1));
                let [(dst, dstep, _), (a, astep, _), (tab, tabstep, _)] = [d, a, tab].map(|place| self.named(place));
                let [heads, dim, rot] = [heads, dim, rot].map(|value| self.number(value));
                Instr::Vrope { pairs, dst, dstep, a, astep, rows, heads, dim, rot, tab, tabstep }
            }
            Instr::Vquant { blocking, .. } => {
                let segs = self.random.below(3) + 1;
                let (a, d) = (self.place(4 * segs * cols, r, 1), self.place(segs * a8_row(cols as usize) as i64, r, 1));
                let [(dst, dstep, _), (a, astep, _)] = [d, a].map(|place| self.named(place));
                Instr::Vquant { blocking, dst, dstep, a, astep, rows, segs: self.number(segs), cols: self.number(cols) }
            }
            Instr::Vdeq { kind, .. } => {
                let (d, codes) = (self.place(4 * cols, r, 1), self.place(cols, r, 1));
                let (scales, mins) = (self.place(cols / 16, r, 1), self.place(cols / 16, r, 1));
                let [(dst, dstep, _), (codes, cstep, _), (scales, sstep, _), (mins, mstep, _)] =
                    [d, codes, scales, mins].map(|place| self.named(place));
                Instr::Vdeq {
                    kind,
                    dst,
                    dstep,
                    codes,
                    cstep,
                    scales,
                    sstep,
                    mins,
                    mstep,
                    rows,
                    cols: self.number(cols),
                }
            }
            _ => unreachable!("the caller sends the instructions above"),
        }
    }
}
