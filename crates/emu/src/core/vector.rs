//! The vector engine: each instruction is a loop over rows around a kernel.

use super::{Core, Shared};
use crate::crew::Crew;
use crate::kernels::{Binary, Kernels, Rope, Stored, Unary};
use arch::Instr;
use arch::attr::{self, Blocking, Narrow, Pairing, Reduce, Sink};
use arch::isa::{Operand, a8_row};
use base::status::Flags;
use base::tile::BLOCK;
use std::sync::atomic::{AtomicU32, Ordering};

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

// SAFETY: no two parts of an instruction write the same bytes, and none reads what another writes (`Core::check`).
unsafe impl Sync for Rows {}

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
    pub(super) fn vector(&mut self, instr: &Instr, shared: &Shared<'_>) {
        let (k, crew) = (shared.kernels, shared.crew);
        // SAFETY, for every kernel call here and below: `check` found all rows inside the scratchpad, and destinations equal to a source or apart.
        let flags = match *instr {
            Instr::Vbin { op, dst, dstep, douter, a, astep, aouter, b, bstep, bouter, rows, outer, cols } => {
                let (d, a, b) =
                    (self.rows2(dst, dstep, douter), self.rows2(a, astep, aouter), self.rows2(b, bstep, bouter));
                let size = self.size(rows, outer, cols);
                each(crew, size, |r, o| unsafe { k.binary(binary(op), a.at(r, o), b.at(r, o), d.at(r, o), size.cols) })
            }
            Instr::Vrow { op, dst, dstep, douter, a, astep, aouter, b, bstep, bouter, rows, outer, cols } => {
                let (d, a, b) =
                    (self.rows2(dst, dstep, douter), self.rows2(a, astep, aouter), self.rows2(b, bstep, bouter));
                let size = self.size(rows, outer, cols);
                each(crew, size, |r, o| unsafe {
                    k.binary_scalar(binary(op), a.at(r, o), b.at(r, o).read_unaligned(), d.at(r, o), size.cols);
                })
            }
            Instr::Vimm { op, dst, dstep, a, astep, rows, cols, imm } => {
                let (d, a) = (self.rows(dst, dstep), self.rows(a, astep));
                let (size, imm) = (self.size(rows, 1.into(), cols), self.float(imm));
                each(crew, size, |r, _| unsafe { k.binary_scalar(binary(op), a.row(r), imm, d.row(r), size.cols) })
            }
            Instr::Vun { op, dst, dstep, a, astep, rows, cols } => {
                let (d, a) = (self.rows(dst, dstep), self.rows(a, astep));
                let size = self.size(rows, 1.into(), cols);
                each(crew, size, |r, _| unsafe { k.unary(unary(op), a.row(r), d.row(r), size.cols) })
            }
            Instr::Vred { op, dst, a, astep, rows, cols } => {
                reduce(op, self.rows(dst, 4.into()), self.rows(a, astep), self.size(rows, 1.into(), cols), shared)
            }
            Instr::Vnorm { dst, dstep, a, astep, w, rows, cols, eps } => {
                let (d, a, w) = (self.rows(dst, dstep), self.rows(a, astep), self.rows(w, 0.into()));
                let (size, eps) = (self.size(rows, 1.into(), cols), self.float(eps));
                each_flagged(crew, size, |r, _| unsafe { k.rmsnorm(a.row(r), w.row(0), d.row(r), size.cols, eps) })
            }
            Instr::Vsoft { .. } => self.softmax(instr, shared),
            Instr::Vrope { pairs, dst, dstep, a, astep, rows, heads, dim, rot, tab, tabstep } => {
                let layout = match pairs {
                    Pairing::Interleaved => Rope::Interleaved,
                    Pairing::Half => Rope::Half,
                };
                let (d, a, t) = (self.rows(dst, dstep), self.rows(a, astep), self.rows(tab, tabstep));
                let (dim, rot) = (self.count(dim), self.count(rot));
                each(crew, Size { cols: dim, ..self.size(rows, heads, 1.into()) }, |r, head| unsafe {
                    let (from, to) = (a.row(r).add(head * dim), d.row(r).add(head * dim));
                    k.rope(layout, from, t.row(r), to, rot);
                    if from != to {
                        k.unary(Unary::Copy, from.add(rot), to.add(rot), dim - rot);
                    }
                })
            }
            Instr::Vquant { .. } => self.quantise(instr, shared),
            Instr::Vdeq { kind, dst, dstep, codes, cstep, scales, sstep, mins, mstep, rows, cols } => {
                let (d, c) = (self.rows(dst, dstep), self.rows(codes, cstep));
                let (s, m) = (self.rows(scales, sstep), self.rows(mins, mstep));
                let size = self.size(rows, 1.into(), cols);
                let blocks = size.cols / BLOCK;
                each_flagged(crew, size, |r, _| unsafe {
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
                let size = self.size(rows, 1.into(), cols);
                each(crew, size, |r, _| unsafe { widen(k, from, a.row(r).cast(), d.row(r), size.cols) })
            }
            Instr::Vtop { idx, istep, val, vstep, a, astep, rows, cols, k: top } => {
                let (i, v, a) = (self.rows(idx, istep), self.rows(val, vstep), self.rows(a, astep));
                let (top, size) = (self.count(top), self.size(rows, 1.into(), cols));
                each_flagged(crew, size, |r, _| unsafe {
                    let indices = std::slice::from_raw_parts_mut(i.row(r).cast::<u32>(), top);
                    let values = std::slice::from_raw_parts_mut(v.row(r), top);
                    k.topk(a.row(r), size.cols, indices, values)
                })
            }
            _ => unreachable!("every instruction of another engine is handled before"),
        };
        self.flags |= flags;
    }

    fn size(&self, rows: Operand, outer: Operand, cols: Operand) -> Size {
        Size { rows: self.count(rows), outer: self.count(outer), cols: self.count(cols) }
    }

    fn softmax(&self, instr: &Instr, shared: &Shared<'_>) -> Flags {
        let Instr::Vsoft { sink, dst, dstep, a, astep, sums, sinks, rows, cols, hi, window, per, tokens, factor } =
            *instr
        else {
            unreachable!("called for `vsoft` only")
        };
        let (d, a) = (self.rows(dst, dstep), self.rows(a, astep));
        let (sums, sinks) = (self.rows(sums, 4.into()), self.rows(sinks, 4.into()));
        let (size, hi, window) = (self.size(rows, 1.into(), cols), self.count(hi), self.count(window));
        let (per, tokens, factor) = (self.count(per), self.count(tokens), self.float(factor));
        let (k, cols) = (shared.kernels, size.cols);
        each_flagged(shared.crew, size, |r, _| {
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

    fn quantise(&self, instr: &Instr, shared: &Shared<'_>) -> Flags {
        let Instr::Vquant { blocking, dst, dstep, a, astep, rows, segs, cols } = *instr else {
            unreachable!("called for `vquant` only")
        };
        let (d, a) = (self.rows(dst, dstep), self.rows(a, astep));
        let (size, k) = (self.size(rows, segs, cols), shared.kernels);
        let cols = size.cols;
        each_flagged(shared.crew, size, |r, seg| {
            // SAFETY: see `vector`.
            unsafe {
                let from = a.row(r).add(seg * cols);
                let to = d.row(r).cast::<u8>().add(seg * a8_row(cols));
                let scales = to.add(cols).cast();
                match blocking {
                    Blocking::Block => k.quantise(from, cols, to.cast(), scales),
                    Blocking::Segment => k.quantise_segment(from, cols, to.cast(), scales),
                }
            }
        })
    }
}

/// What an instruction runs over.
#[derive(Clone, Copy)]
struct Size {
    rows: usize,
    outer: usize,
    cols: usize,
}

/// Elements from which a part of an instruction is worth a thread of its own.
const GRAIN: usize = 4096;

/// Calls `f(row, outer)` for all rows.
fn each(crew: &Crew, size: Size, f: impl Fn(usize, usize) + Sync) -> Flags {
    each_flagged(crew, size, |row, outer| {
        f(row, outer);
        Flags::NONE
    })
}

/// Calls `f(row, outer)` for all rows, in parts; all flags together.
fn each_flagged(crew: &Crew, size: Size, f: impl Fn(usize, usize) -> Flags + Sync) -> Flags {
    let Size { rows, outer, cols } = size;
    let all = rows * outer;
    let part = crew.part(all, GRAIN / cols.max(1));
    let of_rows = |range: std::ops::Range<usize>, outer: usize| {
        range.map(|row| f(row, outer)).fold(Flags::NONE, |all, flags| all | flags)
    };
    if all <= part {
        return (0..outer).fold(Flags::NONE, |all, outer| all | of_rows(0..rows, outer));
    }
    let flags = AtomicU32::new(0);
    crew.share(all.div_ceil(part), &|number, _| {
        let (mut at, end) = (number * part, ((number + 1) * part).min(all));
        while at < end {
            let (row, outer) = (at % rows, at / rows);
            let some = (end - at).min(rows - row);
            flags.fetch_or(of_rows(row..row + some, outer).0, Ordering::Relaxed);
            at += some;
        }
    });
    Flags(flags.into_inner())
}

fn reduce(op: Reduce, d: Rows, a: Rows, size: Size, shared: &Shared<'_>) -> Flags {
    let (k, cols) = (shared.kernels, size.cols);
    each_flagged(shared.crew, size, |r, _| {
        // SAFETY: see `Core::vector`.
        let (value, flags) = unsafe {
            match op {
                Reduce::Sum => k.rowsum(a.row(r), cols),
                Reduce::SumSq => k.sumsq(a.row(r), cols),
                Reduce::Max => k.max(a.row(r), cols),
            }
        };
        // SAFETY: see `Core::vector`.
        unsafe { d.row(r).write_unaligned(value) };
        flags
    })
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
