//! `puce_control`: registers and loops are really computed, since what comes next depends on them; every other instruction is resolved and dispatched.
//!
//! In a cycle, in this order:
//! 1. from registers: [`Control::running`], [`Control::done`], [`Control::runs_fetch`], [`Control::asks_param`];
//! 2. the parameter memory says who is served ([`super::params::Params::step`]);
//! 3. [`Control::step`], the clock edge, with what the other blocks' registers say at the beginning of the cycle: whether `puce_fetch` has a word, whether it
//!    is idle, which queues have room, how many commands every engine had done (`done_count_q`: what is done in this cycle counts in the next);
//! 4. what it returns holds in the same cycle: the fetch steps with `ready`, `jump` and `start`, and with [`Control::runs_fetch`] as it was before the step;
//!    the front of `issue`, if that is an engine, dispatches [`Control::command`], and the front of `word` steps with a word.
//!
//! Every word takes its cycle; what the words say is known from the stream, so only whether one is at hand is kept. Legal programs only: there are no faults.

use super::queue::{Command, ENGINES};
use arch::attr::{REGISTERS, Unit};
use arch::isa::{OpInfo, OperandKind};
use arch::{Instr, Operand};

/// Deepest nesting of loops (`MaxLoops` of the design).
const LOOPS: usize = 8;
/// Cycles in which a result is awaited: of a product (`Steps` + 2 of `puce_alu`), and of all else.
const PRODUCT: u8 = 10;
const RESULT: u8 = 1;
/// The number of control behind those of the engines.
const CONTROL: u8 = Unit::Control as u8;
/// Resolved operands have this many bits (`ValueW` of the design).
const VALUE: u32 = 48;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    Header,
    Operands,
    Tokens,
    Resolve,
    Execute,
    Result,
    Skip,
    Halt,
    Done,
}

/// What reaches control in a cycle.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Run from the beginning of the stream.
    pub start: bool,
    /// The fetch has a word ([`super::fetch::Fetch::word`]), and nothing on its way ([`super::fetch::Fetch::idle`]).
    pub word: bool,
    /// See `word`.
    pub fetch_idle: bool,
    /// Queues that have room, a bit for each engine.
    pub room: u8,
    /// Commands that each engine has done, as registers have it.
    pub done: &'a [u32; ENGINES],
    /// Nothing is in the weight stream.
    pub stream_empty: bool,
    /// The parameter memory takes the question; the word that was asked for comes.
    pub param_taken: bool,
    /// See `param_taken`.
    pub param: Option<u32>,
}

/// What control does in a cycle.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// It starts: the fetch goes to word 0.
    pub start: bool,
    /// It takes the fetch's word, if there is one.
    pub ready: bool,
    /// The fetch goes to this word.
    pub jump: Option<u32>,
    /// An instruction begins: of an engine ([`Control::command`] is dispatched), or of control (6).
    pub issue: Option<u8>,
    /// A word is pushed into the queue of this engine.
    pub word: Option<u8>,
    /// It waits for room in a queue.
    pub wait_queue: bool,
    /// It waits for code.
    pub wait_fetch: bool,
}

/// An instruction of the stream: its first word's place in the code, its engine and its line of the table.
#[derive(Clone, Copy, Debug)]
struct Line {
    info: &'static OpInfo,
    place: u32,
    unit: u8,
    operands: u8,
}

#[derive(Clone, Copy, Default, Debug)]
struct Loop {
    start: usize,
    left: i64,
}

/// The control unit of a core.
#[derive(Clone, Debug)]
pub struct Control<'p> {
    stream: &'p [Instr],
    lines: Vec<Line>,
    state: State,
    /// A word is at hand.
    at_hand: bool,
    /// The instruction at hand, and the next.
    pc: usize,
    next: usize,
    /// Operands that have not come; tokens that were not sent; cycles to the result; operands to be skipped.
    left: u8,
    tokens: u8,
    wait: u8,
    skip_left: u8,
    skip_depth: u8,
    issued: [u32; ENGINES],
    noted: [u8; ENGINES],
    counts: [[u32; ENGINES]; ENGINES],
    registers: [i64; REGISTERS as usize],
    loops: [Loop; LOOPS],
    depth: usize,
    /// The engine whose word is in the adder, and whose word is resolved.
    adding: Option<u8>,
    resolved: Option<u8>,
    command: Command,
}

impl<'p> Control<'p> {
    /// Control after reset, with this stream as its code.
    pub fn new(stream: &'p [Instr]) -> Control<'p> {
        let mut control = Control {
            stream: &[],
            lines: Vec::new(),
            state: State::Idle,
            at_hand: false,
            pc: 0,
            next: 0,
            left: 0,
            tokens: 0,
            wait: 0,
            skip_left: 0,
            skip_depth: 0,
            issued: [0; ENGINES],
            noted: [0; ENGINES],
            counts: [[0; ENGINES]; ENGINES],
            registers: [0; REGISTERS as usize],
            loops: [Loop::default(); LOOPS],
            depth: 0,
            adding: None,
            resolved: None,
            command: Command::NONE,
        };
        control.load(stream);
        control
    }

    /// Another stream for the next run.
    pub fn load(&mut self, stream: &'p [Instr]) {
        let mut place = 0;
        self.stream = stream;
        self.lines.clear();
        self.lines.extend(stream.iter().map(|instr| {
            let info = instr.info();
            let line = Line { info, place, unit: info.unit as u8, operands: info.operands.len() as u8 };
            place += 1 + u32::from(line.operands);
            line
        }));
    }

    /// Whether it runs.
    #[inline]
    pub fn running(&self) -> bool {
        !matches!(self.state, State::Idle | State::Done)
    }

    /// Whether it has run to the end.
    #[inline]
    pub fn done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the fetch may ask memory for code.
    #[inline]
    pub fn runs_fetch(&self) -> bool {
        self.running() && self.state != State::Halt
    }

    /// The parameter that is asked for.
    #[inline]
    pub fn asks_param(&self) -> Option<u32> {
        match (self.state, &self.stream.get(self.pc)) {
            (State::Execute, Some(Instr::Param { index, .. })) => Some(self.value(*index) as u32),
            _ => None,
        }
    }

    /// The instruction that control is at, counted from 0.
    pub fn pc(&self) -> usize {
        self.pc
    }

    /// The instruction that control is at, with the values of its operands as constants.
    pub(super) fn begun(&self) -> Instr {
        self.stream[self.pc].map_operands(|_, operand| Operand { reg: 0, imm: self.value(operand) })
    }

    /// What is dispatched in the cycle in which an engine's instruction begins.
    #[inline]
    pub fn command(&self) -> &Command {
        &self.command
    }

    fn value(&self, operand: Operand) -> i64 {
        self.registers[operand.reg as usize].wrapping_add(operand.imm)
    }

    /// A clock edge.
    #[inline]
    pub fn step(&mut self, inputs: Inputs<'_>) -> Outcome {
        let running = self.running();
        let mut out = Outcome { word: self.resolved, ..Outcome::default() };
        self.resolved = self.adding.take();
        let consumes = match self.state {
            State::Idle | State::Done => {
                out.start = inputs.start;
                false
            }
            State::Header | State::Operands | State::Skip if !self.at_hand => {
                out.wait_fetch = true;
                false
            }
            State::Header => self.header(&inputs, &mut out),
            State::Operands => self.operand(),
            State::Skip => self.skip(),
            _ => {
                self.inner(&inputs);
                false
            }
        };
        out.ready = running && (!self.at_hand || consumes);
        self.at_hand = (self.at_hand && !consumes || out.ready && inputs.word) && out.jump.is_none();
        if out.start {
            self.restart();
        }
        out
    }

    /// States without a word.
    fn inner(&mut self, inputs: &Inputs<'_>) {
        match self.state {
            State::Tokens => {
                self.adding = Some(self.lines[self.pc].unit);
                self.tokens -= 1;
                self.state = if self.tokens == 0 { State::Header } else { State::Tokens };
            }
            State::Resolve => self.state = State::Execute,
            State::Execute => self.execute(inputs),
            State::Result => self.result(inputs),
            State::Halt if self.issued == *inputs.done && inputs.fetch_idle => {
                debug_assert!(inputs.stream_empty, "weights are left in the stream");
                self.state = State::Done;
            }
            _ => {}
        }
    }

    fn restart(&mut self) {
        self.state = State::Header;
        self.at_hand = false;
        (self.pc, self.next, self.depth) = (0, 0, 0);
        self.noted = [0; ENGINES];
        self.registers = [0; REGISTERS as usize];
    }

    /// A header is at hand; whether it is taken.
    fn header(&mut self, inputs: &Inputs<'_>, out: &mut Outcome) -> bool {
        let Line { info, unit, operands, .. } = self.lines[self.next];
        if unit != CONTROL && inputs.room >> unit & 1 == 0 {
            out.wait_queue = true;
            return false;
        }
        self.pc = self.next;
        self.next += 1;
        self.left = operands;
        out.issue = Some(unit);
        match self.stream[self.pc] {
            Instr::End {} => out.jump = self.repeat(),
            Instr::Sync { from, to } => {
                let (from, to) = (from as usize, to as usize);
                self.noted[to] |= 1 << from;
                self.counts[to][from] = self.issued[from];
            }
            Instr::Halt {} => self.state = State::Halt,
            ref instr => {
                self.state = State::Operands;
                if unit != CONTROL {
                    self.dispatch(instr, info);
                }
            }
        }
        true
    }

    /// The end of a loop: where its body begins, if it is run again.
    fn repeat(&mut self) -> Option<u32> {
        let top = &mut self.loops[self.depth - 1];
        if top.left == 1 {
            self.depth -= 1;
            return None;
        }
        top.left -= 1;
        self.next = top.start;
        Some(self.lines[top.start].place)
    }

    fn dispatch(&mut self, instr: &Instr, info: &OpInfo) {
        let unit = info.unit as usize;
        let instr = instr.map_operands(|place, operand| {
            let value = self.value(operand);
            let most = (1 << (VALUE - 1)) - 1;
            let imm = match info.operands[place].1 {
                OperandKind::F32 => value << (64 - VALUE) >> (64 - VALUE),
                // Beyond that is only what a legal instruction makes no use of.
                _ => value.clamp(-most - 1, most),
            };
            Operand { reg: 0, imm }
        });
        let tokens = std::mem::take(&mut self.noted[unit]);
        self.issued[unit] = self.issued[unit].wrapping_add(1);
        self.tokens = tokens.count_ones() as u8;
        self.command = Command { instr, operands: self.left, tokens, counts: self.counts[unit] };
        self.adding = Some(unit as u8);
    }

    /// An operand is at hand, and taken.
    fn operand(&mut self) -> bool {
        let unit = self.lines[self.pc].unit;
        self.left -= 1;
        self.adding = (unit != CONTROL).then_some(unit);
        if self.left == 0 {
            self.state = match unit {
                CONTROL => State::Resolve,
                _ if self.tokens != 0 => State::Tokens,
                _ => State::Header,
            };
        }
        true
    }

    fn execute(&mut self, inputs: &Inputs<'_>) {
        match self.stream[self.pc] {
            Instr::Loop { count } => match self.value(count) {
                count if count <= 0 => {
                    (self.state, self.skip_depth, self.skip_left) = (State::Skip, 1, 0);
                }
                left => {
                    self.loops[self.depth] = Loop { start: self.next, left };
                    self.depth += 1;
                    self.state = State::Header;
                }
            },
            Instr::Param { .. } if !inputs.param_taken => {}
            Instr::Mul { .. } => (self.state, self.wait) = (State::Result, PRODUCT),
            _ => (self.state, self.wait) = (State::Result, RESULT),
        }
    }

    fn result(&mut self, inputs: &Inputs<'_>) {
        self.wait -= 1;
        if self.wait != 0 {
            return;
        }
        let instr = &self.stream[self.pc];
        let param = match (instr, inputs.param) {
            (Instr::Param { rd, .. }, Some(word)) => Some((*rd, i64::from(word))),
            _ => None,
        };
        if let Some((rd, value)) = param.or_else(|| instr.computes(|operand| self.value(operand))) {
            self.registers[rd.0 as usize] = value;
        }
        self.state = State::Header;
    }

    /// A word of a loop that is not entered is at hand, and taken.
    fn skip(&mut self) -> bool {
        if self.skip_left != 0 {
            self.skip_left -= 1;
            return true;
        }
        self.skip_left = self.lines[self.next].operands;
        match self.stream[self.next] {
            Instr::Loop { .. } => self.skip_depth += 1,
            Instr::End {} => {
                self.skip_depth -= 1;
                if self.skip_depth == 0 {
                    self.state = State::Header;
                }
            }
            _ => {}
        }
        self.next += 1;
        true
    }
}
