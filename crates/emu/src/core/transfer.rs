//! Load, store and weight engines.

use super::{Core, Piece, Shared, Step};
use crate::memory::Memory;
use arch::Instr;
use arch::attr::Unit;
use arch::isa::Operand;
use arch::legal::{Space, accesses, element_align};

/// A strided copy of three dimensions: count, source step, destination step; innermost first.
#[derive(Clone, Copy, Debug)]
struct Strided {
    elem: usize,
    dims: [(usize, usize, usize); 3],
}

impl Strided {
    /// Merge contiguous dimensions into longer elements.
    fn merged(mut self) -> Strided {
        while self.dims[0].0 == 1 || (self.dims[0].1 == self.elem && self.dims[0].2 == self.elem) {
            let (count, _, _) = self.dims[0];
            self.elem *= count;
            self.dims = [self.dims[1], self.dims[2], (1, 0, 0)];
            if self.dims.iter().all(|dim| dim.0 == 1) {
                break;
            }
        }
        self
    }

    /// # Safety
    /// All elements of both sides lie in valid memory; the sides do not overlap.
    unsafe fn run(self, from: *const u8, to: *mut u8) {
        let Strided { elem, dims } = self.merged();
        if elem == 1 && dims[0].0 == 4 && dims[0].2 == 1 && dims[1].1 == 1 && dims[1].2 == 4 {
            for i2 in 0..dims[2].0 {
                // SAFETY: inside the ranges that the caller vouches for.
                unsafe { interleave(dims[0].1, dims[1].0, from.add(i2 * dims[2].1), to.add(i2 * dims[2].2)) };
            }
            return;
        }
        for i2 in 0..dims[2].0 {
            for i1 in 0..dims[1].0 {
                let (source, target) = (i1 * dims[1].1 + i2 * dims[2].1, i1 * dims[1].2 + i2 * dims[2].2);
                // SAFETY: inside the ranges that the caller vouches for.
                unsafe { row(elem, dims[0], from.add(source), to.add(target)) };
            }
        }
    }
}

/// # Safety
/// As [`Strided::run`].
unsafe fn row(elem: usize, dim: (usize, usize, usize), from: *const u8, to: *mut u8) {
    // SAFETY: inside the ranges that the caller vouches for.
    unsafe {
        match elem {
            1 => words::<u8>(dim, from, to),
            2 => words::<u16>(dim, from, to),
            4 => words::<u32>(dim, from, to),
            _ => {
                let (count, from_step, to_step) = dim;
                (0..count).for_each(|i| {
                    std::ptr::copy_nonoverlapping(from.add(i * from_step), to.add(i * to_step), elem);
                });
            }
        }
    }
}

/// Bytes of four rows, side by side: how a tile holds four of its columns.
///
/// # Safety
/// As [`Strided::run`].
unsafe fn interleave(step: usize, count: usize, from: *const u8, to: *mut u8) {
    for i in 0..count {
        // SAFETY: inside the ranges that the caller vouches for.
        unsafe {
            let word = [0, 1, 2, 3].map(|row| *from.add(row * step + i));
            to.add(4 * i).cast::<[u8; 4]>().write(word);
        }
    }
}

/// A row of elements that are registers.
///
/// # Safety
/// As [`Strided::run`].
#[inline(always)]
unsafe fn words<T>((count, from_step, to_step): (usize, usize, usize), from: *const u8, to: *mut u8) {
    for i in 0..count {
        // SAFETY: inside the ranges that the caller vouches for.
        unsafe {
            let element = from.add(i * from_step).cast::<T>().read_unaligned();
            to.add(i * to_step).cast::<T>().write_unaligned(element);
        }
    }
}

/// A load or store whose elements, counts and steps are constants: only where it begins differs from turn to turn of a loop, and all that depends on
/// the rest is known before the program runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixed {
    /// Where it begins in the scratchpad and in memory.
    starts: [Operand; 2],
    /// Bytes from there to its end.
    spans: [u64; 2],
    copy: Strided,
    align: u64,
    bytes: u64,
}

impl Fixed {
    /// What is known of an instruction; `None` where it depends on registers, moves nothing, or breaks a rule.
    pub(super) fn of(instr: &Instr) -> Option<Fixed> {
        let mut plain = *instr;
        let (starts, elem, dims) = match &mut plain {
            Instr::Ld { dst, mem, elem, n0, s0, d0, n1, s1, d1, n2, s2, d2 } => {
                ([dst, mem], *elem, [(*n0, *s0, *d0), (*n1, *s1, *d1), (*n2, *s2, *d2)])
            }
            Instr::St { src, mem, elem, n0, s0, d0, n1, s1, d1, n2, s2, d2 } => {
                ([src, mem], *elem, [(*n0, *s0, *d0), (*n1, *s1, *d1), (*n2, *s2, *d2)])
            }
            _ => return None,
        };
        let starts = starts.map(|start| std::mem::replace(start, Operand::imm(0)));
        let constant = |operand: &Operand| operand.reg == 0;
        if !constant(&elem) || !dims.iter().all(|(n, s, d)| [n, s, d].into_iter().all(constant)) {
            return None;
        }
        let ranges = accesses(&plain, &|operand| operand.imm).ok()?;
        let span = |space| ranges.iter().find(|range| range.space == space).map(|range| range.end);
        let count = |operand: Operand| operand.imm.max(0) as usize;
        let dims = dims.map(|(n, s, d)| (count(n), count(s), count(d)));
        Some(Fixed {
            starts,
            spans: [span(Space::Scratchpad)?, span(Space::Memory)?],
            copy: Strided { elem: count(elem), dims }.merged(),
            align: element_align(elem.imm)? as u64,
            bytes: ranges.iter().next()?.bytes,
        })
    }
}

impl Core {
    /// Runs a transfer of which all but its starts is known. False, and nothing is done, if a start breaks a rule: which one, the general way says.
    pub(super) fn fixed(&mut self, fixed: &Fixed, unit: Unit, shared: &Shared<'_>) -> bool {
        let [near, far] = fixed.starts.map(|start| self.value(start) as u64);
        let inside = |start: u64, span: u64, len: usize| start.checked_add(span).is_some_and(|end| end <= len as u64);
        let [near_span, far_span] = fixed.spans;
        if (near | far) & (fixed.align - 1) != 0
            || !inside(near, near_span, self.scratchpad.len())
            || !inside(far, far_span, shared.memory.len())
        {
            return false;
        }
        let (Some(near), Some(far)) = (self.scratchpad.range(near, near_span), shared.memory.range(far, far_span))
        else {
            return false;
        };
        self.counters.scratchpad_bytes += fixed.bytes;
        // SAFETY: both ranges lie inside; scratchpad and memory are different mappings.
        unsafe {
            if unit == Unit::Store {
                self.counters.store_bytes += fixed.bytes;
                fixed.copy.run(near, far);
            } else {
                self.counters.load_bytes += fixed.bytes;
                fixed.copy.run(far, near);
            }
        }
        true
    }

    pub(super) fn transfer(&mut self, instr: &Instr, shared: &Shared<'_>) -> Step {
        match *instr {
            Instr::Ld { dst, mem, elem, n0, s0, d0, n1, s1, d1, n2, s2, d2 } => {
                let copy = self.copy(elem, [(n0, s0, d0), (n1, s1, d1), (n2, s2, d2)]);
                let from = memory_at(shared.memory, self.value(mem));
                // SAFETY: `check` found both bounding ranges inside; scratchpad and memory are different mappings.
                unsafe { copy.run(from, self.spad(dst)) };
                Ok(())
            }
            Instr::St { src, mem, elem, n0, s0, d0, n1, s1, d1, n2, s2, d2 } => {
                let copy = self.copy(elem, [(n0, s0, d0), (n1, s1, d1), (n2, s2, d2)]);
                let to = memory_at(shared.memory, self.value(mem));
                // SAFETY: as for `Ld`.
                unsafe { copy.run(self.spad(src), to) };
                Ok(())
            }
            Instr::Ldg { .. } => self.gathering_load(instr, shared),
            Instr::Wld { mem, len } => {
                let len = self.count(len);
                self.push(memory_at(shared.memory, self.value(mem)), len);
                self.end_load(shared)
            }
            Instr::Wgat { .. } => self.gathering_weights(instr, shared),
            _ => unreachable!("the transfer engines run transfers"),
        }
    }

    fn copy(&self, elem: Operand, dims: [(Operand, Operand, Operand); 3]) -> Strided {
        let dims = dims.map(|(n, s, d)| (self.count(n), self.count(s), self.count(d)));
        Strided { elem: self.count(elem), dims }
    }

    /// The table's entry `index`.
    pub(super) fn entry(&self, table: Operand, index: usize) -> u64 {
        let at = self.value(table) as u64 + 4 * index as u64;
        let entry = self.scratchpad.range(at, 4).expect("`check` found the table inside");
        // SAFETY: inside the scratchpad.
        u64::from(unsafe { entry.cast::<u32>().read_unaligned() })
    }

    fn gathering_load(&mut self, instr: &Instr, shared: &Shared<'_>) -> Step {
        let Instr::Ldg { dst, mem, table, n, step, d0, elem, n1, s1, d1 } = *instr else {
            unreachable!("called for `ldg` only")
        };
        let (count, pieces) = (self.count(n), self.count(n1));
        let (elem, s1, d1) = (self.count(elem), self.count(s1), self.count(d1));
        if pieces == 0 {
            return Ok(());
        }
        let span = (pieces as u64 - 1) * s1 as u64 + elem as u64;
        for i in 0..count {
            let at = self.gathered(self.value(mem), self.entry(table, i), self.value(step), span, shared.memory)?;
            // SAFETY: `check` found the destination's bounding range inside, `gathered` the source's.
            let to = unsafe { self.spad(dst).add(i * self.count(d0)) };
            let copy = Strided { elem, dims: [(pieces, s1, d1), (1, 0, 0), (1, 0, 0)] };
            // SAFETY: as above.
            unsafe { copy.run(at, to) };
        }
        self.counters.load_bytes += (count.saturating_sub(1) * pieces * elem) as u64;
        Ok(())
    }

    fn gathered(&self, mem: i64, index: u64, step: i64, span: u64, memory: &Memory) -> Step<*const u8> {
        let at = index.checked_mul(step as u64).and_then(|offset| offset.checked_add(mem as u64));
        let range = at.and_then(|at| memory.range(at, span));
        range.map(<*mut u8>::cast_const).ok_or_else(|| {
            format!(
                "table entry {index} leads to byte {} outside the program's memory of {}",
                at.unwrap_or(u64::MAX),
                memory.len()
            )
        })
    }

    fn gathering_weights(&mut self, instr: &Instr, shared: &Shared<'_>) -> Step {
        let Instr::Wgat { mem, table, n, step, len, groups, gstep } = *instr else {
            unreachable!("called for `wgat` only")
        };
        let (count, len) = (self.count(n), self.count(len));
        let groups = if count == 0 || len == 0 { 0 } else { self.value(groups) };
        for group in 0..groups {
            let base = self.value(mem) + group * self.value(gstep);
            for i in 0..count {
                let at = self.gathered(base, self.entry(table, i), self.value(step), len as u64, shared.memory)?;
                self.push(at, len);
            }
        }
        self.end_load(shared)
    }

    fn push(&mut self, start: *const u8, len: usize) {
        if len > 0 {
            self.stream.push_back(Piece { start, len, last: false });
        }
    }

    /// A weight load is complete: mark its end, and hold the queue to its depth.
    fn end_load(&mut self, shared: &Shared<'_>) -> Step {
        if let Some(piece) = self.stream.back_mut().filter(|piece| !piece.last) {
            piece.last = true;
            self.loads += 1;
        }
        let depth = shared.chip.queue(arch::attr::Unit::Weights);
        match self.loads <= depth {
            true => Ok(()),
            false => Err(format!("{} weight loads are waiting for their `mm`; the queue holds {depth}", self.loads)),
        }
    }
}

fn memory_at(memory: &Memory, address: i64) -> *mut u8 {
    memory.range(address as u64, 0).unwrap_or(std::ptr::NonNull::dangling().as_ptr())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Element after element, as the instruction says.
    fn plainly(copy: Strided, from: &[u8], to: &mut [u8]) {
        let [(n0, s0, d0), (n1, s1, d1), (n2, s2, d2)] = copy.dims;
        for (i2, i1, i0) in (0..n2).flat_map(|i2| (0..n1).flat_map(move |i1| (0..n0).map(move |i0| (i2, i1, i0)))) {
            let (source, target) = (i0 * s0 + i1 * s1 + i2 * s2, i0 * d0 + i1 * d1 + i2 * d2);
            to[target..target + copy.elem].copy_from_slice(&from[source..source + copy.elem]);
        }
    }

    /// Copies of any form, and those that put bytes of four rows side by side, or nearly so.
    fn copies() -> impl Strategy<Value = Strided> {
        let dim = || (1usize..6, 0usize..40, 0usize..40);
        let any = (prop::sample::select(vec![1, 2, 4, 12]), [dim(), dim(), dim()]);
        let any = any.prop_map(|(elem, dims)| Strided { elem, dims });
        let nearly = || prop::sample::select(vec![1usize, 1, 1, 2]);
        let four = (prop::sample::select(vec![3usize, 4, 4, 4]), 0usize..40, nearly());
        let side = (1usize..40, nearly(), prop::sample::select(vec![4usize, 4, 4, 5]));
        prop_oneof![any, (four, side, dim()).prop_map(|(four, side, dim)| Strided { elem: 1, dims: [four, side, dim] })]
    }

    proptest! {
        #[test]
        fn every_way_copies_the_same(copy in copies()) {
            let end = |side: fn(&(usize, usize, usize)) -> usize| -> usize {
                copy.elem + copy.dims.iter().map(|dim| (dim.0 - 1) * side(dim)).sum::<usize>()
            };
            let from: Vec<u8> = (0..end(|dim| dim.1)).map(|i| (i * 37 % 251) as u8).collect();
            let (mut wanted, mut got) = (vec![0; end(|dim| dim.2)], vec![0; end(|dim| dim.2)]);
            plainly(copy, &from, &mut wanted);
            // SAFETY: both vectors reach to the last element.
            unsafe { copy.run(from.as_ptr(), got.as_mut_ptr()) };
            prop_assert_eq!(wanted, got);
        }
    }
}
