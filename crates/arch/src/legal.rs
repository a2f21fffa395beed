//! Legality: what is checked when a program is loaded, and what each instruction touches when it runs.
//!
//! Loading checks all that does not depend on register values ([`check`]). What does (addresses, counts) is checked when the instruction is
//! dispatched, by the same rules on every machine: [`accesses`] turns resolved operands into the byte ranges that are read and written, or refuses.
//! The compiler inserts its `sync`s, and the emulator finds races, from the same ranges.

mod vector;

use crate::attr::{Attr, Unit};
use crate::chip::Chip;
use crate::isa::{Instr, Operand, a8_row};
use crate::program::Program;
use base::tile::{BLOCK, WeightKind};

/// Deepest nesting of loops.
pub const MAX_LOOPS: usize = 8;
/// Largest magnitude of a resolved operand.
pub const VALUE_MAX: i64 = 1 << 46;
/// Most bytes that one instruction reads or writes at one operand, and most that one `mm` takes from the weight stream: with it, and because no byte
/// is written twice, no single instruction runs for longer than the largest useful one.
pub const MOVED_MAX: u64 = 1 << 32;
/// Most pieces that one `wgat` asks for.
pub const PIECES_MAX: i64 = 1 << 20;
/// Largest `k` of one `mm` (terms of one accumulator stay below 4096).
pub const K_MAX: i64 = 1 << 16;

/// Why a program is refused at load.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IllegalProgram {
    /// The program as a whole does not fit the chip.
    #[error("the program does not fit chip `{chip}`: {what}")]
    Fit {
        /// Chip name.
        chip: String,
        /// What does not fit.
        what: String,
    },
    /// One instruction breaks a rule.
    #[error("core {core}, instruction {pc} (`{instr}`): {what}")]
    Instr {
        /// Core.
        core: usize,
        /// Index in the stream.
        pc: usize,
        /// The instruction in text form.
        instr: String,
        /// The rule.
        what: String,
    },
}

/// Check everything that does not depend on register values.
pub fn check(program: &Program, chip: &Chip) -> Result<(), IllegalProgram> {
    let fit = |what: String| Err(IllegalProgram::Fit { chip: chip.name.clone(), what });
    if program.cores.len() > chip.core.count {
        return fit(format!("it has {} cores, the chip {}", program.cores.len(), chip.core.count));
    }
    if program.memory > chip.memory.capacity.0 {
        return fit(format!("it needs {} bytes of memory, the chip has {}", program.memory, chip.memory.capacity.0));
    }
    for (core, stream) in program.cores.iter().enumerate() {
        check_stream(stream, chip).map_err(|(pc, what)| IllegalProgram::Instr {
            core,
            pc,
            instr: stream.get(pc).map(ToString::to_string).unwrap_or_default(),
            what,
        })?;
    }
    Ok(())
}

fn check_stream(stream: &[Instr], chip: &Chip) -> Result<(), (usize, String)> {
    let mut depth = 0usize;
    for (pc, instr) in stream.iter().enumerate() {
        let fail = |what: &str| Err((pc, what.to_string()));
        let last = pc + 1 == stream.len();
        match instr {
            Instr::Loop { .. } if depth == MAX_LOOPS => return fail("loops nest at most 8 deep"),
            Instr::Loop { .. } => depth += 1,
            Instr::End {} if depth == 0 => return fail("`end` without `loop`"),
            Instr::End {} => depth -= 1,
            Instr::Halt {} if !last => return fail("`halt` ends the stream; instructions follow"),
            Instr::Sync { from, to } => check_sync(*from, *to).map_err(|what| (pc, what.to_string()))?,
            Instr::Mm { kind, .. } if !chip.matrix.weights.contains(kind) => {
                return Err((pc, format!("chip `{}` has no weights of kind `{}`", chip.name, kind.text())));
            }
            _ => {}
        }
        if last && !matches!(instr, Instr::Halt {}) {
            return fail("the stream must end in `halt`");
        }
        if last && depth > 0 {
            return fail("a loop has no `end`");
        }
    }
    match stream.is_empty() {
        true => Err((0, "the stream is empty; it must end in `halt`".to_string())),
        false => Ok(()),
    }
}

fn check_sync(from: Unit, to: Unit) -> Result<(), &'static str> {
    match (from, to) {
        (Unit::Control, _) | (_, Unit::Control) => Err("the control unit has no queue to sync with"),
        (Unit::Weights, _) => Err("nothing may wait for the weights engine; wait for the `mm` that takes its bytes"),
        (a, b) if a == b => Err("a queue is in order already"),
        _ => Ok(()),
    }
}

/// Which memory an access touches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Space {
    /// The core's scratchpad.
    #[default]
    Scratchpad,
    /// The chip's memory.
    Memory,
}

/// A range of bytes that an instruction reads or writes: the smallest interval that holds them all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Access {
    /// Which memory.
    pub space: Space,
    /// Whether it is written.
    pub write: bool,
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// Bytes that really move (strided ranges have holes).
    pub bytes: u64,
    /// Contiguous bytes of one row.
    pub row: u64,
    /// Step from row to row; 0 if there is one row.
    pub step: u64,
    /// Step of the second dimension; 0 if there is one.
    pub outer: u64,
}

impl Access {
    fn same_rows(&self, other: &Access) -> bool {
        (self.step, self.outer, self.start, self.row, self.end)
            == (other.step, other.outer, other.start, other.row, other.end)
    }

    /// Whether the bounding intervals share a byte.
    pub fn meets(&self, other: &Access) -> bool {
        self.space == other.space && self.start < other.end && other.start < self.end
    }

    /// Whether rows of `self` and `other` share bytes; interleaved rows of equal steps are told apart, all else goes by the bounding intervals.
    fn clashes(&self, other: &Access) -> bool {
        if !self.meets(other) {
            return false;
        }
        let same_steps = self.step == other.step && self.outer == other.outer;
        // Interleaved rows: with one step for both, rows stay apart if their offsets within the step do.
        let step = if self.step > 0 { self.step } else { self.outer };
        if !same_steps || step == 0 || !self.outer.is_multiple_of(step) {
            return true;
        }
        let (low, high) = if self.start <= other.start { (self, other) } else { (other, self) };
        let offset = (high.start - low.start) % step;
        offset < low.row || step - offset < high.row
    }
}

/// The exact bytes of an [`Access`]: `row` bytes at `start`, repeated over three (count, step) dimensions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// Which memory.
    pub space: Space,
    /// Whether it is written.
    pub write: bool,
    /// First byte.
    pub start: u64,
    /// Contiguous bytes.
    pub row: u64,
    /// Count and step of each dimension, no count 0.
    pub dims: [(u64, u64); 3],
}

/// At most this many ranges per instruction.
pub const MAX_ACCESSES: usize = 8;

/// The ranges of one instruction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accesses {
    items: [Access; MAX_ACCESSES],
    len: usize,
    /// One bit per item that shares no byte with the other side, not even as the same rows.
    alone: u8,
}

impl Accesses {
    /// The ranges.
    pub fn iter(&self) -> std::slice::Iter<'_, Access> {
        self.items[..self.len].iter()
    }

    /// The rule on overlaps: what is written is exactly a row that is read, or apart from it; and nothing is written twice.
    fn check_overlap(&self) -> Result<(), Refusal> {
        for (i, write) in self.iter().enumerate().filter(|(_, access)| access.write) {
            for (j, other) in self.iter().enumerate().filter(|(j, other)| i != *j && write.clashes(other)) {
                let in_place = !other.write && write.same_rows(other) && self.alone & (1 << i | 1 << j) == 0;
                if !in_place {
                    return Err(overlap(write, other));
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, access: Access) {
        self.items[self.len] = access;
        self.len += 1;
    }
}

fn overlap(write: &Access, other: &Access) -> Refusal {
    let (what, rule) =
        if other.write { ("written", "apart") } else { ("read", "the same rows where that is allowed, or apart") };
    format!(
        "the bytes written ({}..{}) overlap those {what} ({}..{}); they must be {rule}",
        write.start, write.end, other.start, other.end
    )
}

/// A refusal of resolved operands: the rule that they break.
pub type Refusal = String;

/// Collects the ranges of one instruction and checks alignment and sign on the way.
struct Ranges<'a, F: Fn(Operand) -> i64> {
    value: &'a F,
    out: &'a mut Accesses,
    /// Where exact shapes go, if anyone asks.
    shapes: Option<&'a mut Vec<Shape>>,
}

type Dim = (Operand, Operand);

impl<F: Fn(Operand) -> i64> Ranges<'_, F> {
    fn get(&self, name: &str, operand: Operand) -> Result<i64, Refusal> {
        let value = (self.value)(operand);
        match value.unsigned_abs() <= VALUE_MAX as u64 {
            true => Ok(value),
            false => Err(format!("`{name}` = {value} is out of range")),
        }
    }

    fn at_least(&self, name: &str, operand: Operand, least: i64) -> Result<i64, Refusal> {
        let value = self.get(name, operand)?;
        match value >= least {
            true => Ok(value),
            false => Err(format!("`{name}` = {value} must be at least {least}")),
        }
    }

    /// A multiple of a power of two.
    fn multiple(&self, name: &str, operand: Operand, of: i64) -> Result<i64, Refusal> {
        let value = self.at_least(name, operand, 0)?;
        match value & (of - 1) == 0 {
            true => Ok(value),
            false => Err(format!("`{name}` = {value} must be a multiple of {of}")),
        }
    }

    /// A range of `inner` contiguous bytes repeated over `dims` (count, step); addresses and steps are multiples of `align`.
    #[allow(clippy::too_many_arguments)]
    fn range(
        &mut self,
        space: Space,
        write: bool,
        name: &str,
        base: Operand,
        align: i64,
        inner: i64,
        dims: &[Dim],
    ) -> Result<(), Refusal> {
        let start = self.multiple(name, base, align)?;
        let mut resolved = [(1, 0); 3];
        for (slot, (count, step)) in resolved.iter_mut().zip(dims) {
            let count = self.get("count", *count)?;
            let step = if count > 1 { self.multiple("step", *step, align)? } else { 0 };
            *slot = (count.max(0) as u64, step as u64);
        }
        if inner <= 0 || resolved.iter().any(|(count, _)| *count == 0) {
            return Ok(());
        }
        let shape = Shape { space, write, start: start as u64, row: inner as u64, dims: resolved };
        self.out.push(bounds(name, &shape)?);
        if let Some(shapes) = &mut self.shapes {
            shapes.push(shape);
        }
        Ok(())
    }

    /// The ranges from number `first` on share no byte with the other side.
    fn alone(&mut self, first: usize) {
        self.out.alone |= (first..self.out.len).fold(0, |bits, index| bits | 1 << index);
    }

    fn read(&mut self, name: &str, base: Operand, align: i64, inner: i64, dims: &[Dim]) -> Result<(), Refusal> {
        self.range(Space::Scratchpad, false, name, base, align, inner, dims)
    }

    fn write(&mut self, name: &str, base: Operand, align: i64, inner: i64, dims: &[Dim]) -> Result<(), Refusal> {
        self.range(Space::Scratchpad, true, name, base, align, inner, dims)
    }
}

/// The bounding interval of a shape.
fn bounds(name: &str, shape: &Shape) -> Result<Access, Refusal> {
    let reach = |(span, bytes): (u64, u64), (count, step): (u64, u64)| {
        Some((span.checked_add((count - 1).checked_mul(step)?)?, bytes.checked_mul(count)?))
    };
    let Shape { space, write, start, row, dims } = *shape;
    let reached = dims.into_iter().try_fold((start + row, row), reach);
    match reached {
        Some((end, bytes)) if end <= VALUE_MAX as u64 && bytes <= MOVED_MAX => {
            if write {
                check_spread(name, shape)?;
            }
            Ok(Access { space, write, start, end, bytes, row, step: dims[0].1, outer: dims[1].1 })
        }
        _ => Err(too_far(name, shape)),
    }
}

/// Why a shape is too large: it reaches too far or has too many bytes.
#[cold]
fn too_far(name: &str, shape: &Shape) -> Refusal {
    let span = shape.dims.iter().map(|(count, step)| (*count as u128 - 1) * *step as u128).sum::<u128>();
    let end = shape.start as u128 + span + shape.row as u128;
    if end > VALUE_MAX as u128 {
        return format!("`{name}` reaches byte {end}");
    }
    let bytes = shape.dims.iter().fold(shape.row as u128, |bytes, (count, _)| bytes.saturating_mul(*count as u128));
    format!("`{name}` moves {bytes} bytes; one instruction moves at most {MOVED_MAX}")
}

/// No byte is written twice: each dimension's step leaves room for all inside it.
fn check_spread(name: &str, shape: &Shape) -> Result<(), Refusal> {
    let mut dims = shape.dims;
    if !dims.is_sorted_by_key(|(_, step)| *step) {
        dims.sort_unstable_by_key(|(_, step)| *step);
    }
    let mut extent = shape.row;
    for (count, step) in dims.into_iter().filter(|(count, _)| *count > 1) {
        if step < extent {
            return Err(format!("`{name}`: a step of {step} writes bytes twice that {extent} bytes in a row cover"));
        }
        extent += (count - 1) * step;
    }
    Ok(())
}

/// Alignment of vector rows and activation rows in the scratchpad, in bytes.
pub const ROW_ALIGN: i64 = 32;
const WORD: i64 = 4;

/// Alignment of elements of so many bytes in both memories; `None` if there are no such elements.
pub fn element_align(elem: i64) -> Option<i64> {
    match elem {
        1 | 2 | 4 | 8 | 16 => Some(elem),
        n if n > 0 && n % 32 == 0 => Some(32),
        _ => None,
    }
}

fn check_elem(elem: i64) -> Result<i64, Refusal> {
    element_align(elem).ok_or_else(|| format!("`elem` = {elem} must be 1, 2, 4, 8, 16 or a multiple of 32"))
}

/// The byte ranges that an instruction with these operand values reads and writes, or the rule that it breaks. `value` resolves operands. The ranges
/// of gathered memory are given for table index 0 only (`[mem, mem + piece)`): who runs the instruction checks each piece.
pub fn accesses(instr: &Instr, value: &impl Fn(Operand) -> i64) -> Result<Accesses, Refusal> {
    let mut ranges = Accesses::default();
    resolve(instr, value, None, &mut ranges)?;
    Ok(ranges)
}

/// The same into `ranges`, whose content goes: who asks a million times has one.
pub fn accesses_into(instr: &Instr, value: &impl Fn(Operand) -> i64, ranges: &mut Accesses) -> Result<(), Refusal> {
    resolve(instr, value, None, ranges)
}

/// The same as exact shapes, appended to `shapes` in the same order.
pub fn shapes(instr: &Instr, value: &impl Fn(Operand) -> i64, shapes: &mut Vec<Shape>) -> Result<(), Refusal> {
    resolve(instr, value, Some(shapes), &mut Accesses::default())
}

fn resolve<F: Fn(Operand) -> i64>(
    instr: &Instr,
    value: &F,
    shapes: Option<&mut Vec<Shape>>,
    out: &mut Accesses,
) -> Result<(), Refusal> {
    (out.len, out.alone) = (0, 0);
    let mut r = Ranges { value, out, shapes };
    touch(instr, &mut r)?;
    match instr {
        Instr::Gather { .. } => Ok(()),
        _ => r.out.check_overlap(),
    }
}

fn touch<F: Fn(Operand) -> i64>(instr: &Instr, r: &mut Ranges<'_, F>) -> Result<(), Refusal> {
    match *instr {
        Instr::Set { .. }
        | Instr::Add { .. }
        | Instr::Sub { .. }
        | Instr::Mul { .. }
        | Instr::Min { .. }
        | Instr::Max { .. }
        | Instr::Shr { .. }
        | Instr::And { .. }
        | Instr::Param { .. }
        | Instr::Loop { .. }
        | Instr::End {}
        | Instr::Sync { .. }
        | Instr::Halt {} => Ok(()),
        Instr::Ld { dst, mem, elem, n0, s0, d0, n1, s1, d1, n2, s2, d2 } => {
            let bytes = r.get("elem", elem)?;
            let align = check_elem(bytes)?;
            r.range(Space::Memory, false, "mem", mem, align, bytes, &[(n0, s0), (n1, s1), (n2, s2)])?;
            r.write("dst", dst, align, bytes, &[(n0, d0), (n1, d1), (n2, d2)])
        }
        Instr::St { src, mem, elem, n0, s0, d0, n1, s1, d1, n2, s2, d2 } => {
            let bytes = r.get("elem", elem)?;
            let align = check_elem(bytes)?;
            r.read("src", src, align, bytes, &[(n0, s0), (n1, s1), (n2, s2)])?;
            r.range(Space::Memory, true, "mem", mem, align, bytes, &[(n0, d0), (n1, d1), (n2, d2)])
        }
        Instr::Ldg { dst, mem, table, n, step, d0, elem, n1, s1, d1 } => {
            let bytes = r.get("elem", elem)?;
            let align = check_elem(bytes)?;
            r.multiple("step", step, align)?;
            r.read("table", table, WORD, WORD, &[(n, Operand::imm(WORD))])?;
            let pieces = if r.get("n", n)? > 0 { n1 } else { Operand::imm(0) };
            r.range(Space::Memory, false, "mem", mem, align, bytes, &[(pieces, s1)])?;
            r.write("dst", dst, align, bytes, &[(n, d0), (n1, d1)])
        }
        Instr::Wld { mem, len } => {
            let len = r.multiple("len", len, ROW_ALIGN)?;
            r.range(Space::Memory, false, "mem", mem, ROW_ALIGN, len, &[])
        }
        Instr::Wgat { mem, table, n, step, len, groups, gstep } => {
            let len = r.multiple("len", len, ROW_ALIGN)?;
            r.multiple("step", step, ROW_ALIGN)?;
            r.read("table", table, WORD, WORD, &[(n, Operand::imm(WORD))])?;
            let pieces = i128::from(r.get("n", n)?.max(0)) * i128::from(r.get("groups", groups)?.max(0));
            if len > 0 && pieces > i128::from(PIECES_MAX) {
                return Err(format!("`n` x `groups` = {pieces} pieces; one gathering load has at most {PIECES_MAX}"));
            }
            let groups = if pieces > 0 { groups } else { Operand::imm(0) };
            r.range(Space::Memory, false, "mem", mem, ROW_ALIGN, len, &[(groups, gstep)])
        }
        Instr::Mm { .. } => touch_matrix(instr, r),
        Instr::Gather { src, sstep, dst, dstep, bytes, rows, src2, dst2, bytes2, .. } => {
            let (first, second) = (r.at_least("bytes", bytes, 0)?, r.at_least("bytes2", bytes2, 0)?);
            r.read("src", src, 2, first, &[(rows, sstep)])?;
            r.write("dst", dst, 2, first, &[(rows, dstep)])?;
            r.read("src2", src2, 2, second, &[(rows, sstep)])?;
            r.write("dst2", dst2, 2, second, &[(rows, dstep)])
        }
        _ => vector::touch(instr, r),
    }
}

fn touch_matrix<F: Fn(Operand) -> i64>(instr: &Instr, r: &mut Ranges<'_, F>) -> Result<(), Refusal> {
    let Instr::Mm { kind, out, ostep, x, xstep, rows, k, tokens, grid, groups, sub, xgroup, ogroup, osub } = *instr
    else {
        unreachable!("called for `mm` only")
    };
    let block = BLOCK as i64;
    let row_bytes = r.multiple("rows", rows, block)? * WORD;
    let k = r.multiple("k", k, block)?;
    if k > K_MAX {
        return Err(format!("`k` = {k} must be at most {K_MAX}"));
    }
    let grid = r.get("grid", grid)?;
    if !(-200..=200).contains(&grid) {
        return Err(format!("`grid` = {grid} must be between -200 and 200"));
    }
    let sub_count = r.at_least("sub", sub, 1)?;
    let group_count = r.get("groups", groups)?;
    let outer = Operand::imm((group_count.max(0) + sub_count - 1) / sub_count);
    let inner = Operand::imm(sub_count.min(group_count));
    let taken = stream_bytes(kind, row_bytes / WORD, k, group_count);
    if taken > MOVED_MAX {
        return Err(format!("it takes {taken} bytes of weights; one instruction takes at most {MOVED_MAX}"));
    }
    r.read("x", x, ROW_ALIGN, a8_row(k as usize) as i64, &[(tokens, xstep), (outer, xgroup)])?;
    r.alone(0);
    r.write("out", out, ROW_ALIGN, row_bytes, &[(tokens, ostep), (outer, ogroup), (inner, osub)])
}

/// Bytes that one `mm` takes from the weight stream.
pub fn stream_bytes(kind: WeightKind, rows: i64, k: i64, groups: i64) -> u64 {
    let tiles = (rows.max(0) as u64 / BLOCK as u64).saturating_mul(k.max(0) as u64 / BLOCK as u64);
    tiles.saturating_mul(kind.tile_bytes() as u64).saturating_mul(groups.max(0) as u64)
}
