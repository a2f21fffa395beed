//! One core: registers, loops, scratchpad, weight stream, and the engines.
//!
//! The core runs its stream one instruction at a time, in program order, which is always a legal schedule (`arch`). The weight stream is a list of
//! pieces of memory that have been asked for and not yet been taken; nothing is copied, since the bytes cannot change in between in a legal program.

mod matrix;
mod record;
mod transfer;
mod vector;

use crate::crew::Crew;
use crate::kernels::{self, Kernels};
use crate::memory::Memory;
use crate::race::{Checker, Race};
use arch::attr::{Scope, Unit};
use arch::isa::Operand;
use arch::legal::{Access, Accesses, Shape, Space, accesses_into, shapes, stream_bytes};
use arch::machine::Counters;
use arch::{Chip, Instr};
use base::status::Flags;
use std::collections::VecDeque;
use std::sync::Mutex;

pub use record::Met;

/// A stream with its loops matched.
#[derive(Debug)]
pub(crate) struct Stream {
    instrs: Vec<Instr>,
    units: Vec<Unit>,
    /// Of each what is known before it runs.
    fixed: Vec<Option<Box<transfer::Fixed>>>,
    /// For each `loop` the index of its `end`, for each `end` that of its `loop`.
    pairs: Vec<usize>,
}

impl Stream {
    /// Match the loops of a legal stream.
    pub(crate) fn new(instrs: &[Instr]) -> Stream {
        let mut pairs = vec![0; instrs.len()];
        let mut open = Vec::new();
        for (pc, instr) in instrs.iter().enumerate() {
            match instr {
                Instr::Loop { .. } => open.push(pc),
                Instr::End {} => {
                    let start = open.pop().expect("legal streams balance their loops");
                    pairs[pc] = start;
                    pairs[start] = pc;
                }
                _ => {}
            }
        }
        let fixed = instrs.iter().map(|instr| transfer::Fixed::of(instr).map(Box::new)).collect();
        Stream { instrs: instrs.to_vec(), units: instrs.iter().map(Instr::unit).collect(), fixed, pairs }
    }

    /// The instruction at `pc`.
    pub(crate) fn instr(&self, pc: usize) -> Instr {
        self.instrs[pc]
    }
}

/// Why a core stopped for the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Event {
    /// Its stream is done.
    Halted,
    /// It has come to an exchange.
    Gather(Gather),
}

/// The resolved operands of a `gather`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gather {
    /// Who takes part.
    pub scope: Scope,
    /// Rows.
    pub rows: usize,
    /// Step between rows at the source.
    pub sstep: usize,
    /// Step between rows at the destination.
    pub dstep: usize,
    /// The two pieces: source, destination, bytes.
    pub pieces: [(u64, u64, u64); 2],
}

/// A piece of the weight stream.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: *const u8,
    len: usize,
    /// Whether this piece ends a `wld` or `wgat`.
    last: bool,
}

/// What a core shares with its chip.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub chip: &'a Chip,
    pub memory: &'a Memory,
    pub params: &'a [u32],
    pub kernels: &'static dyn Kernels,
    /// The threads of this core.
    pub crew: &'a Crew,
}

/// A core's state.
pub(crate) struct Core {
    pub(crate) scratchpad: Memory,
    pub(crate) flags: Flags,
    pub(crate) counters: Counters,
    pub(crate) pc: usize,
    registers: [i64; arch::attr::REGISTERS as usize],
    loops: Vec<(usize, i64)>,
    stream: VecDeque<Piece>,
    /// Weight loads not fully taken.
    loads: usize,
    prepared: Vec<kernels::Prepared>,
    /// One per thread of the core.
    desks: Vec<Mutex<matrix::Desk>>,
    /// One per thread of the core.
    stretches: Vec<matrix::Stretch>,
    strips: Vec<matrix::Strip>,
    tiles: Vec<*const u8>,
    staging: Vec<Box<[u8]>>,
    /// Instructions that may still run.
    budget: u64,
    races: Option<Box<Checker>>,
    /// What the instructions of the run met, if that is recorded.
    met: Option<Vec<Met>>,
    /// What the instruction under way touches.
    ranges: Accesses,
}

// SAFETY: the raw pointers of `stream`, `strips` and `tiles` point into the chip's memory and are used only while a program runs on it.
unsafe impl Send for Core {}

type Step<T = ()> = Result<T, String>;

impl Core {
    /// A core with an empty scratchpad.
    pub(crate) fn new(chip: &Chip) -> std::io::Result<Core> {
        Ok(Core {
            scratchpad: Memory::new(chip.core.scratchpad.0 as usize)?,
            flags: Flags::NONE,
            counters: Counters::default(),
            pc: 0,
            registers: [0; arch::attr::REGISTERS as usize],
            loops: Vec::new(),
            stream: VecDeque::new(),
            loads: 0,
            prepared: Vec::new(),
            desks: Vec::new(),
            stretches: Vec::new(),
            strips: Vec::new(),
            tiles: Vec::new(),
            staging: Vec::new(),
            budget: u64::MAX,
            races: None,
            met: None,
            ranges: Accesses::default(),
        })
    }

    /// Back to the start of the stream; scratchpad, flags and counters stay.
    pub(crate) fn restart(&mut self, budget: Option<u64>, check_races: bool, record: bool) {
        self.budget = budget.unwrap_or(u64::MAX);
        self.races = check_races.then(Box::default);
        self.met = record.then(Vec::new);
        self.pc = 0;
        self.registers = [0; arch::attr::REGISTERS as usize];
        self.loops.clear();
        self.stream.clear();
        self.loads = 0;
    }

    /// Run to the next exchange or to the end.
    pub(crate) fn run(&mut self, stream: &Stream, shared: &Shared<'_>) -> Step<Event> {
        loop {
            let (instr, unit) = (&stream.instrs[self.pc], stream.units[self.pc]);
            self.budget = self.budget.checked_sub(1).ok_or("the run's budget of instructions is used up")?;
            self.counters.instructions[unit as usize] += 1;
            if unit == Unit::Control {
                if matches!(instr, Instr::Halt {}) {
                    return self.halt();
                }
                self.control(instr, stream, shared)?;
            } else if let Some(fixed) = &stream.fixed[self.pc]
                && self.races.is_none()
                && self.met.is_none()
                && self.fixed(fixed, unit, shared)
            {
                // All is done.
            } else {
                self.check(instr, unit, shared)?;
                if self.races.is_some() {
                    self.check_races(instr, stream)?;
                }
                let before = self.recorded(instr)?;
                if let Instr::Gather { .. } = instr {
                    return Ok(Event::Gather(self.gather(instr)));
                }
                self.execute(instr, unit, shared)?;
                self.raised(before);
            }
            self.pc += 1;
        }
    }

    fn halt(&self) -> Step<Event> {
        match self.stream.is_empty() {
            true => Ok(Event::Halted),
            false => Err("weights are left in the stream that no `mm` has taken".into()),
        }
    }

    fn value(&self, operand: Operand) -> i64 {
        value(&self.registers, operand)
    }

    fn count(&self, operand: Operand) -> usize {
        self.value(operand).max(0) as usize
    }

    fn float(&self, operand: Operand) -> f32 {
        f32::from_bits(self.value(operand) as u32)
    }

    fn control(&mut self, instr: &Instr, stream: &Stream, shared: &Shared<'_>) -> Step {
        let (rd, value) = match *instr {
            Instr::Param { rd, index } => (rd, parameter(self.value(index), shared.params)?),
            Instr::Loop { count } => return self.enter(self.value(count), stream),
            Instr::End {} => return self.repeat(),
            Instr::Sync { from, to } => {
                self.races.iter_mut().for_each(|races| races.sync(from, to));
                return Ok(());
            }
            _ => match instr.computes(|operand| self.value(operand)) {
                Some(result) => result,
                None => return Ok(()),
            },
        };
        self.registers[rd.0 as usize] = value;
        Ok(())
    }

    fn enter(&mut self, count: i64, stream: &Stream) -> Step {
        match count <= 0 {
            true => self.pc = stream.pairs[self.pc],
            false => self.loops.push((self.pc, count)),
        }
        Ok(())
    }

    fn repeat(&mut self) -> Step {
        let (start, left) = self.loops.last_mut().expect("legal streams balance their loops");
        *left -= 1;
        if *left > 0 {
            self.pc = *start;
        } else {
            self.loops.pop();
        }
        Ok(())
    }

    /// Resolve and check the byte ranges of an instruction.
    fn check(&mut self, instr: &Instr, unit: Unit, shared: &Shared<'_>) -> Step {
        let registers = &self.registers;
        accesses_into(instr, &|operand| value(registers, operand), &mut self.ranges)?;
        for range in self.ranges.iter() {
            let (what, size) = match range.space {
                Space::Scratchpad => ("scratchpad", self.scratchpad.len()),
                Space::Memory => ("program's memory", shared.memory.len()),
            };
            if range.end > size as u64 {
                return Err(format!("bytes {}..{} lie outside the {what} of {size}", range.start, range.end));
            }
            count_bytes(&mut self.counters, unit, range);
        }
        Ok(())
    }

    /// Show the instruction to the race checker.
    fn check_races(&mut self, instr: &Instr, stream: &Stream) -> Step {
        let mut touched = Vec::new();
        shapes(instr, &|operand| self.value(operand), &mut touched)?;
        let (mut fed, mut taken) = (0, 0);
        match *instr {
            Instr::Wld { len, .. } => fed = self.count(len) as u64,
            Instr::Wgat { mem, table, n, step, len, groups, .. } => {
                fed = (self.count(n) * self.count(groups) * self.count(len)) as u64;
                self.spread(&mut touched, mem, table, n, step);
            }
            Instr::Ldg { mem, table, n, step, .. } => self.spread(&mut touched, mem, table, n, step),
            Instr::Mm { kind, rows, k, groups, .. } => {
                taken = stream_bytes(kind, self.value(rows), self.value(k), self.value(groups));
            }
            _ => {}
        }
        let races = self.races.as_mut().expect("the caller looked");
        let found = races.issue(instr.unit(), self.pc, touched, fed, taken);
        found.map_err(|race: Race| race.sentence(&stream.instr(race.pc)))
    }

    /// Replace the memory shape of a gathering load by one per table entry.
    fn spread(&self, touched: &mut Vec<Shape>, mem: Operand, table: Operand, n: Operand, step: Operand) {
        let at = |i: usize| {
            self.entry(table, i).saturating_mul(self.value(step) as u64).saturating_add(self.value(mem) as u64)
        };
        let Some(place) = touched.iter().position(|shape| shape.space == Space::Memory) else { return };
        let shape = touched.swap_remove(place);
        let pieces = (0..self.count(n)).map(|i| Shape { start: at(i).min(1 << 60), ..shape });
        touched.extend(pieces);
    }

    /// The scratchpad address of a checked operand.
    fn spad(&self, operand: Operand) -> *mut u8 {
        self.scratchpad.range(self.value(operand) as u64, 0).unwrap_or(std::ptr::NonNull::dangling().as_ptr())
    }

    fn execute(&mut self, instr: &Instr, unit: Unit, shared: &Shared<'_>) -> Step {
        // An instruction that moves no byte does nothing (a product still takes its weights).
        match unit {
            Unit::Matrix => self.matrix(instr, shared),
            Unit::Weights => self.transfer(instr, shared),
            _ if !self.ranges.iter().any(|range| range.write) => Ok(()),
            Unit::Load | Unit::Store => self.transfer(instr, shared),
            _ => {
                self.vector(instr, shared);
                Ok(())
            }
        }
    }

    fn gather(&self, instr: &Instr) -> Gather {
        let Instr::Gather { scope, src, sstep, dst, dstep, bytes, rows, src2, dst2, bytes2 } = *instr else {
            unreachable!("called for `gather` only")
        };
        let piece = |src, dst, bytes| (self.value(src) as u64, self.value(dst) as u64, self.value(bytes) as u64);
        Gather {
            scope,
            rows: self.count(rows),
            sstep: self.count(sstep),
            dstep: self.count(dstep),
            pieces: [piece(src, dst, bytes), piece(src2, dst2, bytes2)],
        }
    }

    /// Append the pieces that this core sends: `check` found them inside its scratchpad.
    pub(crate) fn send(&self, gather: &Gather, out: &mut Vec<u8>) {
        for (src, _, bytes) in gather.pieces.into_iter().filter(|(_, _, bytes)| *bytes > 0) {
            for row in 0..gather.rows as u64 {
                let at = out.len();
                out.resize(at + bytes as usize, 0);
                self.scratchpad.read(src + row * gather.sstep as u64, &mut out[at..]);
            }
        }
    }

    /// Take a sender's pieces into this core's scratchpad.
    pub(crate) fn receive(&mut self, gather: &Gather, sent: &[u8], own: bool, stream: &Stream) -> Step {
        let mut rest = sent;
        for (src, dst, bytes) in gather.pieces.into_iter().filter(|(_, _, bytes)| *bytes > 0) {
            let (piece, after) = rest.split_at(bytes as usize * gather.rows);
            rest = after;
            if own && src == dst && (gather.sstep == gather.dstep || gather.rows <= 1) {
                continue;
            }
            if let Some(races) = self.races.as_mut().filter(|_| !own && gather.rows > 0) {
                let dims = [(gather.rows as u64, gather.dstep as u64), (1, 0), (1, 0)];
                let shape = Shape { space: Space::Scratchpad, write: true, start: dst, row: bytes, dims };
                races.receive(shape).map_err(|race| race.sentence(&stream.instr(race.pc)))?;
            }
            for (row, piece) in piece.chunks_exact(bytes as usize).enumerate() {
                if !self.scratchpad.write(dst + row as u64 * gather.dstep as u64, piece) {
                    return Err("a piece lies outside the scratchpad".into());
                }
            }
            self.counters.exchange_bytes += if own { 0 } else { bytes * gather.rows as u64 };
        }
        Ok(())
    }
}

fn value(registers: &[i64; arch::attr::REGISTERS as usize], operand: Operand) -> i64 {
    registers[operand.reg as usize].wrapping_add(operand.imm)
}

fn count_bytes(counters: &mut Counters, unit: Unit, range: &Access) {
    let counter = match (range.space, unit) {
        (Space::Scratchpad, _) => &mut counters.scratchpad_bytes,
        (Space::Memory, Unit::Store) => &mut counters.store_bytes,
        (Space::Memory, Unit::Load) => &mut counters.load_bytes,
        // The weight stream is counted where it is taken.
        (Space::Memory, _) => return,
    };
    *counter += range.bytes;
}

fn parameter(index: i64, params: &[u32]) -> Step<i64> {
    let word = usize::try_from(index).ok().and_then(|index| params.get(index));
    word.map(|word| i64::from(*word)).ok_or_else(|| format!("parameter {index}: the memory has {} words", params.len()))
}
