//! The vector engine: each instruction is a loop over rows around a kernel.

use super::Core;
use crate::kernels::{Binary, Kernels, Rope, Stored, Unary};
use arch::Instr;
use arch::attr::{self, Blocking, Narrow, Pairing, Reduce, Sink};
use arch::isa::{Operand, a8_row};
use base::status::Flags;
use base::tile::BLOCK;

fn unary(op: attr::Unary) -> Unary {
    match op {
        attr::Unary::Copy => Unary::Copy,
        attr::Unary::Exp => Unary::Exp,
        attr::Unary::Exp2 => Unary::Exp2,
        attr::Unary::Sigmoid => Unary::Sigmoid,
        attr::Unary::Silu => Unary::Silu,
        attr::Unary::Gelu => Unary::Gelu,
        attr::Unary::Tanh => Unary::Tanh,
        attr::Unary::Recip => Unary::Recip,
        attr::Unary::Rsqrt => Unary::Rsqrt,
    }
}

fn binary(op: attr::Binary) -> Binary {
    match op {
        attr::Binary::Add => Binary::Add,
        attr::Binary::Sub => Binary::Sub,
        attr::Binary::Mul => Binary::Mul,
        attr::Binary::Max => Binary::Max,
        attr::Binary::Min => Binary::Min,
    }
}

/// Rows in the scratchpad: first address, step, step of the outer dimension.
#[derive(Clone, Copy)]
struct Rows {
    start: *mut u8,
    step: usize,
    outer: usize,
}

impl Rows {
    /// The row's address. Inside the scratchpad for every row that the instruction names (`Core::check`).
    fn row(self, row: usize) -> *mut f32 {
        self.at(row, 0)
    }

    fn at(self, row: usize, outer: usize) -> *mut f32 {
        self.start.wrapping_add(row * self.step + outer * self.outer).cast()
    }
}

impl Core {
    fn rows(&self, start: Operand, step: Operand) -> Rows {
        Rows { start: self.spad(start), step: self.count(step), outer: 0 }
    }

    fn rows2(&self, start: Operand, step: Operand, outer: Operand) -> Rows {
        Rows { outer: self.count(outer), ..self.rows(start, step) }
    }

    /// Run one vector instruction whose ranges were checked.
    pub(super) fn vector(&mut self, instr: &Instr, k: &'static dyn Kernels) {
        // SAFETY, for every kernel call here and below: `check` found all rows inside the scratchpad, and destinations equal to a source or apart.
        let flags = match *instr {
            Instr::Vbin { op, dst, dstep, douter, a, astep, aouter, b, bstep, bouter, rows, outer, cols } => {
                let (d, a, b) =
                    (self.rows2(dst, dstep, douter), self.rows2(a, astep, aouter), self.rows2(b, bstep, bouter));
                self.each(rows, outer, |r, o| unsafe {
                    k.binary(binary(op), a.at(r, o), b.at(r, o), d.at(r, o), self.count(cols));
                })
            }
            Instr::Vrow { op, dst, dstep, douter, a, astep, aouter, b, bstep, bouter, rows, outer, cols } => {
                let (d, a, b) =
                    (self.rows2(dst, dstep, douter), self.rows2(a, astep, aouter), self.rows2(b, bstep, bouter));
                self.each(rows, outer, |r, o| unsafe {
                    k.binary_scalar(binary(op), a.at(r, o), b.at(r, o).read_unaligned(), d.at(r, o), self.count(cols));
                })
            }
            Instr::Vimm { op, dst, dstep, a, astep, rows, cols, imm } => {
                let (d, a) = (self.rows(dst, dstep), self.rows(a, astep));
                self.each(rows, 1.into(), |r, _| unsafe {
                    k.binary_scalar(binary(op), a.row(r), self.float(imm), d.row(r), self.count(cols));
                })
            }
            Instr::Vun { op, dst, dstep, a, astep, rows, cols } => {
                let (d, a) = (self.rows(dst, dstep), self.rows(a, astep));
                self.each(rows, 1.into(), |r, _| unsafe { k.unary(unary(op), a.row(r), d.row(r), self.count(cols)) })
            }
            Instr::Vred { op, dst, a, astep, rows, cols } => {
                self.reduce(op, self.rows(dst, 4.into()), self.rows(a, astep), rows, cols, k)
            }
            Instr::Vnorm { dst, dstep, a, astep, w, rows, cols, eps } => {
                let (d, a, w) = (self.rows(dst, dstep), self.rows(a, astep), self.spad(w).cast::<f32>());
                self.each_flagged(rows, |r| unsafe {
                    k.rmsnorm(a.row(r), w, d.row(r), self.count(cols), self.float(eps))
                })
            }
            Instr::Vsoft { .. } => self.softmax(instr, k),
            Instr::Vrope { pairs, dst, dstep, a, astep, rows, heads, dim, rot, tab, tabstep } => {
                let layout = match pairs {
                    Pairing::Interleaved => Rope::Interleaved,
                    Pairing::Half => Rope::Half,
                };
                let (d, a, t) = (self.rows(dst, dstep), self.rows(a, astep), self.rows(tab, tabstep));
                let (dim, rot) = (self.count(dim), self.count(rot));
                self.each(rows, heads, |r, head| unsafe {
                    let (from, to) = (a.row(r).add(head * dim), d.row(r).add(head * dim));
                    k.rope(layout, from, t.row(r), to, rot);
                    if from != to {
                        k.unary(Unary::Copy, from.add(rot), to.add(rot), dim - rot);
                    }
                })
            }
            Instr::Vquant { .. } => self.quantise(instr, k),
            Instr::Vdeq { kind, dst, dstep, codes, cstep, scales, sstep, mins, mstep, rows, cols } => {
                let (d, c) = (self.rows(dst, dstep), self.rows(codes, cstep));
                let (s, m) = (self.rows(scales, sstep), self.rows(mins, mstep));
                let blocks = self.count(cols) / BLOCK;
                self.each_flagged(rows, |r| unsafe {
                    k.dequantise(
                        Stored::Blocks(kind),
                        c.row(r).cast(),
                        s.row(r).cast(),
                        m.row(r).cast(),
                        d.row(r),
                        blocks,
                    )
                })
            }
            Instr::Vcvt { from, dst, dstep, a, astep, rows, cols } => {
                let (d, a) = (self.rows(dst, dstep), self.rows(a, astep));
                let cols = self.count(cols);
                self.each(rows, 1.into(), |r, _| unsafe { widen(k, from, a.row(r).cast(), d.row(r), cols) })
            }
            Instr::Vtop { idx, istep, val, vstep, a, astep, rows, cols, k: top } => {
                let (i, v, a) = (self.rows(idx, istep), self.rows(val, vstep), self.rows(a, astep));
                let top = self.count(top);
                self.each_flagged(rows, |r| unsafe {
                    let indices = std::slice::from_raw_parts_mut(i.row(r).cast::<u32>(), top);
                    let values = std::slice::from_raw_parts_mut(v.row(r), top);
                    k.topk(a.row(r), self.count(cols), indices, values)
                })
            }
            _ => unreachable!("every instruction of another engine is handled before"),
        };
        self.flags |= flags;
    }

    /// Call `f(row, outer)` for all rows.
    fn each(&self, rows: Operand, outer: Operand, mut f: impl FnMut(usize, usize)) -> Flags {
        let rows = self.count(rows);
        (0..self.count(outer)).for_each(|o| (0..rows).for_each(|r| f(r, o)));
        Flags::NONE
    }

    fn each_flagged(&self, rows: Operand, f: impl FnMut(usize) -> Flags) -> Flags {
        (0..self.count(rows)).map(f).fold(Flags::NONE, |all, flags| all | flags)
    }

    fn reduce(&self, op: Reduce, d: Rows, a: Rows, rows: Operand, cols: Operand, k: &'static dyn Kernels) -> Flags {
        let cols = self.count(cols);
        self.each_flagged(rows, |r| {
            // SAFETY: see `vector`.
            let (value, flags) = unsafe {
                match op {
                    Reduce::Sum => k.rowsum(a.row(r), cols),
                    Reduce::SumSq => k.sumsq(a.row(r), cols),
                    Reduce::Max => k.max(a.row(r), cols),
                }
            };
            // SAFETY: see `vector`.
            unsafe { d.row(r).write_unaligned(value) };
            flags
        })
    }

    fn softmax(&self, instr: &Instr, k: &'static dyn Kernels) -> Flags {
        let Instr::Vsoft { sink, dst, dstep, a, astep, sums, sinks, rows, cols, hi, window, per, tokens, factor } =
            *instr
        else {
            unreachable!("called for `vsoft` only")
        };
        let (d, a) = (self.rows(dst, dstep), self.rows(a, astep));
        let (sums, sinks) = (self.rows(sums, 4.into()), self.rows(sinks, 4.into()));
        let (cols, hi, window) = (self.count(cols), self.count(hi), self.count(window));
        let (per, tokens, factor) = (self.count(per), self.count(tokens), self.float(factor));
        self.each_flagged(rows, |r| {
            let end = hi + r / per % tokens;
            let first = if window == 0 { 0 } else { end.saturating_sub(window) };
            let valid = first.min(cols)..end.min(cols);
            // SAFETY: see `vector`.
            unsafe {
                let sink = (sink == Sink::Yes).then(|| sinks.row(r / (per * tokens) * per + r % per).read_unaligned());
                let result = k.softmax(a.row(r), d.row(r), cols, valid, factor, sink);
                sums.row(r).write_unaligned(result.sum);
                result.flags
            }
        })
    }

    fn quantise(&self, instr: &Instr, k: &'static dyn Kernels) -> Flags {
        let Instr::Vquant { blocking, dst, dstep, a, astep, rows, segs, cols } = *instr else {
            unreachable!("called for `vquant` only")
        };
        let (d, a) = (self.rows(dst, dstep), self.rows(a, astep));
        let (segs, cols) = (self.count(segs), self.count(cols));
        self.each_flagged(rows, |r| {
            (0..segs).fold(Flags::NONE, |all, seg| {
                // SAFETY: see `vector`.
                all | unsafe {
                    let from = a.row(r).add(seg * cols);
                    let to = d.row(r).cast::<u8>().add(seg * a8_row(cols));
                    let scales = to.add(cols).cast();
                    match blocking {
                        Blocking::Block => k.quantise(from, cols, to.cast(), scales),
                        Blocking::Segment => k.quantise_segment(from, cols, to.cast(), scales),
                    }
                }
            })
        })
    }
}

/// # Safety
/// `from` has `cols` narrow elements, `to` as many binary32.
unsafe fn widen(k: &'static dyn Kernels, from: Narrow, source: *const u8, to: *mut f32, cols: usize) {
    let stored = match from {
        Narrow::F16 => Stored::F16,
        Narrow::Bf16 => Stored::Bf16,
    };
    let whole = cols / BLOCK;
    // SAFETY: the caller's; the tail goes through a full block on the stack.
    unsafe {
        k.dequantise(stored, source, source, source, to, whole);
        let rest = cols % BLOCK;
        if rest > 0 {
            let (mut block, mut out) = ([0u16; BLOCK], [0f32; BLOCK]);
            std::ptr::copy_nonoverlapping(source.add(whole * 2 * BLOCK), block.as_mut_ptr().cast(), 2 * rest);
            k.dequantise(stored, block.as_ptr().cast(), source, source, out.as_mut_ptr(), 1);
            std::ptr::copy_nonoverlapping(out.as_ptr(), to.add(whole * BLOCK), rest);
        }
    }
}
