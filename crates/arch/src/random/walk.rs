//! Walking a stream: control for real, everything else only by what it touches.

use super::{Case, DATA, ENTRIES, OWN, SPAD, SPAD_TABLE, TABLE, ZONE};
use crate::Chip;
use crate::attr::{REGISTERS, Unit};
use crate::isa::{Instr, Operand};
use crate::legal::{self, Access, Space};

/// Most instructions of one core in a random program's run.
pub const STEPS_MAX: usize = 4096;

/// Registers of the control unit.
pub(super) type Registers = [i64; REGISTERS as usize];

/// What a walk needs to know of its surroundings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk<'a> {
    pub core: usize,
    pub params: &'a [u32],
    pub memory: i64,
    /// Most tokens of one `mm`.
    pub tokens: i64,
}

/// The matching (`loop`, `end`) pairs.
pub(super) fn pairs(stream: &[Instr]) -> Vec<(usize, usize)> {
    let (mut open, mut pairs) = (Vec::new(), Vec::new());
    for (pc, instr) in stream.iter().enumerate() {
        match instr {
            Instr::Loop { .. } => open.push(pc),
            Instr::End {} => pairs.extend(open.pop().map(|start| (start, pc))),
            _ => {}
        }
    }
    pairs
}

/// For each instruction the outermost loop that encloses it.
pub(super) fn enclosing(stream: &[Instr]) -> Vec<Option<usize>> {
    let pairs = pairs(stream);
    let outermost =
        |pc: usize| pairs.iter().filter(|(open, close)| (*open..=*close).contains(&pc)).map(|(open, _)| *open).min();
    (0..stream.len()).map(outermost).collect()
}

/// Engines to wait for before the instruction at `pc`.
pub(super) fn needed<'a>(
    stream: &'a [Instr],
    boxes: &'a [Vec<Access>],
    loops: &'a [Option<usize>],
    pc: usize,
) -> impl Iterator<Item = Unit> + 'a {
    let to = stream[pc].unit();
    let conflicts = |other: usize| {
        let pairs = boxes[pc].iter().flat_map(|mine| boxes[other].iter().map(move |theirs| (mine, theirs)));
        pairs.into_iter().any(|(mine, theirs)| (mine.write || theirs.write) && mine.meets(theirs))
    };
    let mut from: Vec<Unit> = (0..stream.len())
        .filter(|other| *other < pc || (loops[pc].is_some() && loops[pc] == loops[*other]))
        .filter(|other| stream[*other].unit() != to && conflicts(*other))
        // What the weights engine reads is free when the `mm` that follows is complete.
        .map(|other| if stream[other].unit() == Unit::Weights { Unit::Matrix } else { stream[other].unit() })
        .filter(|from| *from != to)
        .collect();
    from.sort_unstable();
    from.dedup();
    from.into_iter()
}

impl<'a> Walk<'a> {
    /// The surroundings of a core of a case.
    pub(super) fn of(case: &'a Case, core: usize, chip: &Chip) -> Walk<'a> {
        let (memory, tokens) = (case.memory.len() as i64, chip.matrix.tokens as i64);
        Walk { core, params: &case.params, memory, tokens }
    }

    /// Run the control part of a stream and call `visit` for every other instruction; the registers at the end.
    ///
    /// # Errors
    /// What `visit` refuses, a parameter that is not there, unbalanced loops, or more than [`STEPS_MAX`] instructions.
    pub(super) fn run(
        &self,
        stream: &[Instr],
        visit: &mut dyn FnMut(usize, &Instr, &Registers) -> Result<(), String>,
    ) -> Result<Registers, String> {
        let pairs = pairs(stream);
        let mut registers: Registers = [0; REGISTERS as usize];
        let mut loops: Vec<(usize, i64)> = Vec::new();
        let (mut pc, mut steps) = (0, 0);
        while let Some(instr) = stream.get(pc) {
            steps += 1;
            if steps > STEPS_MAX {
                return Err("the program runs too long".into());
            }
            match instr {
                Instr::Loop { count } => match value(&registers, *count) {
                    count if count > 0 => loops.push((pc, count)),
                    _ => pc = pairs.iter().find(|pair| pair.0 == pc).ok_or("a loop has no `end`")?.1,
                },
                Instr::End {} => {
                    let (start, left) = loops.last_mut().ok_or("`end` without `loop`")?;
                    *left -= 1;
                    if *left > 0 {
                        pc = *start;
                    } else {
                        loops.pop();
                    }
                }
                _ => match self.control(instr, &registers)? {
                    Some((reg, value)) => registers[reg] = value,
                    None => visit(pc, instr, &registers)?,
                },
            }
            pc += 1;
        }
        Ok(registers)
    }

    /// The register that a control instruction sets.
    fn control(&self, instr: &Instr, registers: &Registers) -> Result<Option<(usize, i64)>, String> {
        let value = |operand| value(registers, operand);
        if let Instr::Param { rd, index } = *instr {
            let word = usize::try_from(value(index)).ok().and_then(|index| self.params.get(index));
            return Ok(Some((rd.0 as usize, i64::from(*word.ok_or("no such parameter")?))));
        }
        Ok(instr.computes(value).map(|(rd, value)| (rd.0 as usize, value)))
    }

    /// Walk a stream of a random program and refuse what breaks its layout; the registers at the end.
    pub(super) fn check(&self, stream: &[Instr]) -> Result<Registers, String> {
        let mut streamed = 0u64;
        let registers = self.run(stream, &mut |_, instr, registers| {
            self.check_layout(instr, registers)?;
            streamed = stream_after(instr, registers, streamed)?;
            Ok(())
        })?;
        if streamed == 0 { Ok(registers) } else { Err("weights are left in the stream".into()) }
    }

    fn check_layout(&self, instr: &Instr, registers: &Registers) -> Result<(), String> {
        let ranges = legal::accesses(instr, &|operand| value(registers, operand))?;
        let fits = ranges.iter().all(|range| self.allows(instr, range));
        let few = match *instr {
            Instr::Mm { tokens, .. } => value(registers, tokens) <= self.tokens,
            _ => true,
        };
        let gathered = match *instr {
            Instr::Ldg { mem, table, step, elem, n1, s1, .. } => Some((mem, table, step, [elem, n1, s1])),
            Instr::Wgat { mem, table, step, len, groups, gstep, .. } => Some((mem, table, step, [len, groups, gstep])),
            _ => None,
        };
        let reach = gathered.is_none_or(|(mem, table, step, [len, count, repeat])| {
            let value = |operand| i128::from(value(registers, operand));
            let last = value(mem)
                + (i128::from(ENTRIES) - 1) * value(step)
                + value(len)
                + (value(count) - 1).max(0) * value(repeat);
            last <= i128::from(DATA) && value(table) >= i128::from(SPAD_TABLE)
        });
        if fits && few && reach { Ok(()) } else { Err("outside the layout".into()) }
    }

    /// Whether the layout allows the instruction this range.
    fn allows(&self, instr: &Instr, range: &Access) -> bool {
        let (start, end) = (range.start as i64, range.end as i64);
        let inside = |from: i64, len: i64| from <= start && end <= from + len;
        let own = inside(DATA + TABLE + OWN * self.core as i64, OWN) && end <= self.memory;
        match (range.space, instr.unit(), range.write) {
            (Space::Memory, _, true) => own,
            (Space::Memory, Unit::Weights, _) => end <= DATA,
            (Space::Memory, _, false) => end <= DATA + TABLE || own,
            (Space::Scratchpad, Unit::Exchange, _) => inside(ZONE.0, ZONE.1),
            (Space::Scratchpad, Unit::Load, true) => {
                end <= SPAD + ZONE.1 || (inside(SPAD_TABLE, TABLE) && is_table_load(instr))
            }
            (Space::Scratchpad, _, true) => end <= SPAD + ZONE.1,
            (Space::Scratchpad, _, false) => end <= SPAD_TABLE + TABLE,
        }
    }

    /// The bounding intervals of each instruction over the whole run.
    pub(super) fn boxes(&self, stream: &[Instr]) -> Result<Vec<Vec<Access>>, String> {
        let mut boxes: Vec<Vec<Access>> = vec![Vec::new(); stream.len()];
        self.run(stream, &mut |pc, instr, registers| {
            let ranges = legal::accesses(instr, &|operand| value(registers, operand))?;
            for range in ranges.iter() {
                let range = widest(instr, range);
                match boxes[pc].iter_mut().find(|old| (old.space, old.write) == (range.space, range.write)) {
                    Some(old) => (old.start, old.end) = (old.start.min(range.start), old.end.max(range.end)),
                    None => boxes[pc].push(range),
                }
            }
            Ok(())
        })?;
        Ok(boxes)
    }
}

/// The table is loaded whole, from the table.
fn is_table_load(instr: &Instr) -> bool {
    *instr == super::draw::table_load()
}

/// Gathering transfers may read all data; exchanges may touch their whole zone, since the others write too.
fn widest(instr: &Instr, range: &Access) -> Access {
    match (instr, range.space) {
        (Instr::Ldg { .. } | Instr::Wgat { .. }, Space::Memory) => Access { start: 0, end: DATA as u64, ..*range },
        (Instr::Gather { .. }, _) => {
            Access { start: ZONE.0 as u64, end: (ZONE.0 + ZONE.1) as u64, write: true, ..*range }
        }
        _ => *range,
    }
}

/// Bytes in the weight stream after the instruction.
fn stream_after(instr: &Instr, registers: &Registers, streamed: u64) -> Result<u64, String> {
    let value = |operand| value(registers, operand);
    let count = |operand| value(operand).max(0) as u64;
    match *instr {
        Instr::Wld { len, .. } => Ok(streamed + count(len)),
        Instr::Wgat { n, len, groups, .. } => Ok(streamed + count(n) * count(len) * count(groups)),
        Instr::Mm { kind, rows, k, groups, .. } => {
            let taken = legal::stream_bytes(kind, value(rows), value(k), value(groups));
            streamed.checked_sub(taken).ok_or_else(|| "the weight stream is empty".to_string())
        }
        _ => Ok(streamed),
    }
}

pub(super) fn value(registers: &Registers, operand: Operand) -> i64 {
    registers[operand.reg as usize].wrapping_add(operand.imm)
}

/// Whether a case is legal, ends without a fault and keeps to the layout of random programs, with equal exchanges on all cores.
pub fn sound(case: &Case, chip: &Chip) -> bool {
    let exchanges = |core: usize| {
        let stream = &case.program.cores[core];
        let walk = Walk::of(case, core, chip);
        walk.check(stream).ok()?;
        let mut seen = Vec::new();
        let end = walk.run(stream, &mut |_, instr, registers| {
            if let Instr::Gather { scope, rows, bytes, bytes2, .. } = *instr {
                seen.push((scope, value(registers, rows), value(registers, bytes), value(registers, bytes2)));
            }
            Ok(())
        });
        end.ok().map(|_| seen)
    };
    let all: Vec<_> = (0..case.program.cores.len()).map(exchanges).collect();
    super::loads(case, chip) && all.iter().all(|seen| seen.is_some() && *seen == all[0])
}
