//! The load engine: `ld` and `ldg` (`puce_load`).

use super::dma::{Agu, Align, Copy3, Run, Runs, Segment, Segments, Side};
use super::fifo::Fifo;
use super::gather::{Gather, Start};
use super::wires::{Access, Answer, Ask, Burst, Outcome, Read, Tables};
use arch::attr::Unit;
use arch::{Chip, Instr};

/// Bytes of the buffer of beats (`BufferBytes`), of at least [`LEAST`] beats.
const BUFFER: i64 = 4096;
const LEAST: i64 = 16;
/// Most runs whose beats are on their way: the beats of the narrowest port, a word.
const RUNS: usize = 128;

/// The twin of `puce_load`. Its ports of the scratchpad are that of the table and that of the data.
#[derive(Clone, Debug)]
pub struct Load {
    agu: Agu,
    gather: Gather,
    runs: Runs,
    held: Fifo<Run, RUNS>,
    segments: Segments,
    align: Align,
    /// A beat's bytes, less one: a mask of places in a beat.
    beat_m1: i64,
    gathers: bool,
    base: i64,
    /// Commands under way.
    flight: u32,
    /// Beats that the buffer has room for, and that are there.
    room: i64,
    there: i64,
    s: Option<Segment>,
    c: Option<Segment>,
    done: bool,
}

/// Where a command's copies begin in memory.
enum Bases {
    /// At one place.
    One(i64),
    /// At those of a table.
    List(Start),
}

impl Load {
    /// As after reset.
    pub fn new(chip: &Chip) -> Load {
        let port = chip.memory.port.0 as i64;
        let beats = (BUFFER / port).max(LEAST);
        Load {
            agu: Agu::default(),
            gather: Gather::new(),
            runs: Runs::new(port, Side::From),
            held: Fifo::of_depth(beats as usize),
            segments: Segments::default(),
            align: Align::default(),
            beat_m1: port - 1,
            gathers: false,
            base: 0,
            flight: 0,
            room: beats,
            there: 0,
            s: None,
            c: None,
            done: false,
        }
    }

    /// What its ports ask for: the words of a table, and words to write.
    #[inline]
    pub fn asks(&self, _data: [bool; 2]) -> [Option<Ask>; 2] {
        let word = self.align.word().filter(|word| word.strobe != 0);
        [self.gather.ask(), word.map(|word| Ask { word: word.word, access: Access::of_strobe(word.strobe) })]
    }

    /// The burst that memory is asked for.
    #[inline]
    pub fn burst(&self) -> Option<Burst> {
        let burst = self.runs.burst().filter(|burst| burst.beats != 0 && burst.beats <= self.room)?;
        Some(Burst { address: burst.address as u64, beats: burst.beats as u32 })
    }

    /// Nothing is inside.
    #[inline]
    pub fn idle(&self) -> bool {
        self.flight == 0 && self.gather.idle()
    }

    /// One clock edge.
    #[inline]
    pub fn step(
        &mut self,
        command: Option<&Instr>,
        answers: [Answer; 2],
        read: Read,
        tables: &mut Tables<'_>,
    ) -> Outcome {
        let done = self.done;
        let command = command.filter(|instr| self.takes(instr));
        let held_room = self.held.room();
        self.write(answers[1].taken);
        let opens = self.cut();
        let run_ready = self.ask(read.taken, opens, held_room);
        self.there += i64::from(read.beat.is_some()) - i64::from(opens);
        self.walk(command, run_ready, answers[0], tables);
        self.flight = self.flight + u32::from(command.is_some()) - u32::from(done);
        Outcome { taken: command.is_some(), done }
    }

    /// Whether the command would be taken (`cmd_ready_o`).
    #[inline]
    fn takes(&self, command: &Instr) -> bool {
        let gathers = matches!(command, Instr::Ldg { .. });
        self.agu.ready() && (!gathers || (self.gather.ready() && self.flight == 0))
    }

    /// Words for the scratchpad.
    #[inline]
    fn write(&mut self, taken: bool) {
        let word = self.align.word();
        let taken = word.is_some_and(|word| word.strobe == 0 || taken);
        self.done = taken && word.is_some_and(|word| word.last);
        let goes = self.align.ready();
        self.align.step(self.c.filter(|_| goes), taken);
        if goes || self.c.is_none() {
            self.c = self.s.take();
        }
    }

    /// The next segment: whether it takes a beat out of the buffer.
    #[inline]
    fn cut(&mut self) -> bool {
        let cut = self.segments.segment();
        let opens = cut.is_some_and(|cut| {
            let begins = if cut.first { cut.fresh } else { cut.from & self.beat_m1 == 0 };
            begins && !cut.empty
        });
        let taken = cut.is_some() && self.s.is_none() && (!opens || self.there != 0);
        if taken {
            self.s = cut;
        }
        let run = if self.segments.ready(taken) { self.held.front() } else { None };
        if run.is_some() {
            self.held.pop();
        }
        self.segments.step(run, taken);
        opens && taken
    }

    /// Bursts, when their beats have room, and the runs that wait for them: whether the walk's next run would be taken.
    #[inline]
    fn ask(&mut self, taken: bool, opens: bool, held_room: bool) -> bool {
        let burst = self.runs.burst();
        let taken = burst.is_some_and(|burst| burst.beats == 0 || taken);
        self.room += i64::from(opens) - burst.filter(|_| taken).map_or(0, |burst| burst.beats);
        let run = self.runs.run().filter(|_| held_room);
        if let Some(run) = run {
            self.held.push(run);
        }
        let ready = self.runs.ready(taken);
        self.runs.step(self.agu.run().filter(|_| ready), taken, run.is_some());
        ready
    }

    /// The walk of a command, and the bases of a gathering one.
    #[inline]
    fn walk(&mut self, command: Option<&Instr>, run_ready: bool, answer: Answer, tables: &mut Tables<'_>) {
        let base = if self.gathers { self.gather.address() } else { Some(self.base) };
        let base_taken = self.gathers && self.agu.wants_base();
        self.agu.step(base, run_ready);
        let list = command.and_then(|instr| self.begin(instr));
        if list.is_some() || !self.gather.idle() {
            self.gather.step(list, answer, base_taken, |address, entry| tables(Unit::Load, address, entry));
        }
    }

    /// A command begins: the list of one that gathers.
    fn begin(&mut self, command: &Instr) -> Option<Start> {
        let (copy, bases) = copies(command);
        self.agu.begin(copy);
        self.gathers = matches!(bases, Bases::List(_));
        match bases {
            Bases::List(list) => Some(list).filter(|_| copy.moves()),
            Bases::One(base) => {
                self.base = base;
                None
            }
        }
    }
}

/// What is copied, and from where.
fn copies(command: &Instr) -> (Copy3, Bases) {
    match *command {
        Instr::Ldg { dst, mem, table, n, step, d0, elem, n1, s1, d1 } => {
            let list = Start { base: mem.imm, step: step.imm, table: table.imm, count: n.imm };
            let dims = [[n1, s1, d1].map(|operand| operand.imm), [1, 0, 0], [1, 0, 0]];
            let copy = Copy3 { bases: n.imm, base_step: d0.imm, ..Copy3::once(elem.imm, dst.imm, dims) };
            (copy, Bases::List(list))
        }
        Instr::Ld { dst, mem, elem, n0, s0, d0, n1, s1, d1, n2, s2, d2 } => {
            let dims = [[n0, s0, d0], [n1, s1, d1], [n2, s2, d2]].map(|dim| dim.map(|operand| operand.imm));
            (Copy3::once(elem.imm, dst.imm, dims), Bases::One(mem.imm))
        }
        ref other => unreachable!("`{other}` is no instruction of the load engine"),
    }
}
