//! Building an instruction stream: a tree of instructions and loops, registers with known bounds, and the scratchpad's arena.
//!
//! Every register is declared with the largest value it can hold. That is what turns an instruction with register operands into the byte ranges it
//! may touch: operands are evaluated once with all registers at 0 and once at their bounds, and the ranges grow monotonically between the two.

use crate::Error;
use arch::Instr;
use arch::attr::{Reg, Unit};
use arch::isa::{Operand, OperandKind};
use arch::legal::{Access, Space, accesses};

/// A piece of the stream.
// A stream has a few hundred nodes: an indirection would save nothing worth its reading.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
pub enum Node {
    /// One instruction.
    Instr(Step),
    /// A hardware loop.
    Loop {
        /// Iterations.
        count: Operand,
        /// Whether the host guarantees at least one iteration.
        once: bool,
        /// The body.
        body: Vec<Node>,
    },
    /// What runs once or not at all.
    Block {
        /// 1 or 0.
        count: Operand,
        /// The body.
        body: Vec<Node>,
    },
    /// What comes later on `to` waits for what came earlier on `from`: put in by the sync pass.
    Sync {
        /// The engine waited for.
        from: Unit,
        /// The engine that waits.
        to: Unit,
    },
}

/// An instruction with what it may touch.
#[derive(Clone, Debug)]
pub struct Step {
    /// The instruction.
    pub instr: Instr,
    /// Byte ranges over all register values.
    pub touches: Vec<Access>,
}

/// A buffer in the scratchpad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// First byte.
    pub at: usize,
    /// Length in bytes.
    pub len: usize,
}

impl Buffer {
    /// The address as an operand.
    pub fn op(self) -> Operand {
        Operand::from(self.at)
    }

    /// An address inside the buffer.
    pub fn plus(self, offset: usize) -> Operand {
        Operand::from(self.at + offset)
    }
}

/// First-fit allocation of the scratchpad, at compile time.
#[derive(Clone, Debug)]
pub struct Arena {
    size: usize,
    used: Vec<Buffer>,
    peak: usize,
}

const ALIGN: usize = 64;

impl Arena {
    /// An empty scratchpad of `size` bytes.
    pub fn new(size: usize) -> Arena {
        Arena { size, used: Vec::new(), peak: 0 }
    }

    /// Take `len` bytes.
    pub fn alloc(&mut self, what: &str, len: usize) -> Result<Buffer, Error> {
        let len = len.max(1).next_multiple_of(ALIGN);
        let mut at = 0;
        let mut index = 0;
        for (i, buffer) in self.used.iter().enumerate() {
            if buffer.at - at >= len {
                break;
            }
            at = buffer.at + buffer.len;
            index = i + 1;
        }
        if at + len > self.size {
            return Err(Error::Scratchpad { what: what.to_string(), need: at + len, have: self.size });
        }
        let buffer = Buffer { at, len };
        self.used.insert(index, buffer);
        self.peak = self.peak.max(at + len);
        Ok(buffer)
    }

    /// Give a buffer back.
    pub fn free(&mut self, buffer: Buffer) {
        let index = self.used.iter().position(|used| *used == buffer).expect("freed buffers were allocated");
        self.used.remove(index);
    }

    /// Largest extent ever in use, in bytes.
    pub fn peak(&self) -> usize {
        self.peak
    }

    /// Bytes of the largest gap.
    pub fn largest_gap(&self) -> usize {
        let mut at = 0;
        let mut best = 0;
        for buffer in &self.used {
            best = best.max(buffer.at - at);
            at = buffer.at + buffer.len;
        }
        best.max(self.size - at) / ALIGN * ALIGN
    }
}

/// Builds one core's stream.
#[derive(Debug)]
pub struct Builder {
    /// The scratchpad.
    pub arena: Arena,
    open: Vec<(Operand, bool, Vec<Node>)>,
    bounds: Vec<i64>,
    free_regs: Vec<Reg>,
}

impl Builder {
    /// An empty stream for a scratchpad of this size.
    pub fn new(scratchpad: usize) -> Builder {
        let free_regs = (1..arch::attr::REGISTERS).rev().map(Reg).collect();
        let bounds = vec![0; arch::attr::REGISTERS as usize];
        Builder { arena: Arena::new(scratchpad), open: vec![(Operand::imm(1), true, Vec::new())], bounds, free_regs }
    }

    /// A register that never exceeds `bound`.
    pub fn reg(&mut self, bound: i64) -> Reg {
        let reg = self.free_regs.pop().expect("the emitter needs fewer registers than there are");
        self.bounds[reg.0 as usize] = bound;
        reg
    }

    /// The bound that a register was declared with.
    pub fn bound(&self, reg: Reg) -> i64 {
        self.bounds[reg.0 as usize]
    }

    /// Give registers back.
    pub fn release(&mut self, regs: &[Reg]) {
        self.free_regs.extend(regs.iter().rev());
    }

    /// Append an instruction.
    pub fn emit(&mut self, instr: Instr) {
        let touches = self.touches(&instr);
        self.push(Node::Instr(Step { instr, touches }));
    }

    /// Append an all-gather: besides its own slice, the rows of `step` bytes at `buffer` are written by the other members.
    pub fn emit_gather(&mut self, instr: Instr, buffer: Operand, step: usize, rows: Operand) {
        let start = buffer.imm as u64;
        let bytes = (self.most(rows) as u64) * step as u64;
        let end = start + bytes + self.bounds[buffer.reg as usize] as u64;
        let all = Access { space: Space::Scratchpad, write: true, start, end, bytes, row: bytes, step: 0, outer: 0 };
        let mut touches = self.touches(&instr);
        touches.push(all);
        self.push(Node::Instr(Step { instr, touches }));
    }

    /// The largest value of an operand.
    fn most(&self, operand: Operand) -> i64 {
        operand.imm + self.bounds[operand.reg as usize]
    }

    /// Open a loop; `once` says that it runs at least once. Closed by [`Builder::end`].
    pub fn begin(&mut self, count: impl Into<Operand>, once: bool) {
        self.open.push((count.into(), once, Vec::new()));
    }

    /// Close the innermost loop.
    pub fn end(&mut self) {
        let (count, once, body) = self.open.pop().expect("`end` closes what `begin` opened");
        self.push(Node::Loop { count, once, body });
    }

    /// Close the innermost loop, whose count is never more than 1.
    pub fn end_block(&mut self) {
        let (count, _, body) = self.open.pop().expect("`end_block` closes what `begin` opened");
        self.push(Node::Block { count, body });
    }

    /// Append a loop around what `body` emits.
    pub fn repeat<R>(&mut self, count: impl Into<Operand>, once: bool, body: impl FnOnce(&mut Builder) -> R) -> R {
        self.begin(count, once);
        let result = body(self);
        self.end();
        result
    }

    /// rd = a + b.
    pub fn add(&mut self, rd: Reg, a: impl Into<Operand>, b: impl Into<Operand>) {
        self.emit(Instr::Add { rd, a: a.into(), b: b.into() });
    }

    /// rd = value.
    pub fn set(&mut self, rd: Reg, value: impl Into<Operand>) {
        self.emit(Instr::Set { rd, value: value.into() });
    }

    /// rd = a * b.
    pub fn mul(&mut self, rd: Reg, a: impl Into<Operand>, b: impl Into<Operand>) {
        self.emit(Instr::Mul { rd, a: a.into(), b: b.into() });
    }

    /// rd = parameter word.
    pub fn param(&mut self, rd: Reg, index: impl Into<Operand>) {
        self.emit(Instr::Param { rd, index: index.into() });
    }

    /// The finished tree.
    pub fn finish(mut self) -> (Vec<Node>, Arena) {
        self.emit(Instr::Halt {});
        let (_, _, nodes) = self.open.pop().expect("the outermost list");
        assert!(self.open.is_empty(), "a loop was left open");
        (nodes, self.arena)
    }

    fn push(&mut self, node: Node) {
        self.open.last_mut().expect("the outermost list").2.push(node);
    }

    fn touches(&self, instr: &Instr) -> Vec<Access> {
        let high = |operand: Operand| operand.imm + self.bounds[operand.reg as usize];
        let ranges =
            |instr: &Instr| accesses(instr, &high).unwrap_or_else(|e| panic!("the compiler emitted `{instr}`: {e}"));
        let (first, last) = (ranges(&at_lowest(instr)), ranges(instr));
        let gathered = matches!(instr, Instr::Wgat { .. } | Instr::Ldg { .. });
        let pairs = first.iter().zip(last.iter());
        let whole = pairs.map(|(first, last)| match gathered && last.space == Space::Memory {
            true => Access { start: first.start, end: u64::MAX, ..*last },
            false => Access { start: first.start, ..*last },
        });
        whole.collect()
    }
}

/// The instruction with every address at the lowest value of its register.
fn at_lowest(instr: &Instr) -> Instr {
    let info = instr.info();
    let operands = instr.operands().into_iter().zip(info.operands).map(|(operand, (_, kind))| match kind {
        OperandKind::Spad | OperandKind::Mem => Operand { reg: 0, ..operand },
        OperandKind::Int | OperandKind::F32 => operand,
    });
    let operands: Vec<Operand> = operands.collect();
    Instr::from_parts(info.code, &instr.attr_codes(), &operands).expect("parts of a valid instruction")
}
