//! The store engine: `st` (`puce_store`).

use super::dma::{Agu, Align, Copy3, Runs, Segment, Segments, Side};
use super::fifo::Fifo;
use super::wires::{Access, Answer, Ask, Burst, Outcome, WORD, Write};
use arch::{Chip, Instr};

/// Bursts that memory has not answered for (`Flight`).
const FLIGHT: usize = 128;
/// Bursts announced whose data is still to be sent (`Announced`).
const ANNOUNCED: usize = 16;
/// Words that are being read (`Reads`).
const READS: usize = 8;
/// Beats that wait to be sent (the depth of `u_beats`).
const BEATS: u32 = 2;

/// What is remembered of a burst until memory has answered for it.
#[derive(Clone, Copy, Debug, Default)]
struct Flown {
    /// It only ends a command.
    none: bool,
    /// The last of its command.
    last: bool,
}

/// The twin of `puce_store`.
#[derive(Clone, Debug)]
pub struct Store {
    agu: Agu,
    runs: Runs,
    segments: Segments,
    align: Align,
    /// Bits of a word's place in its beat.
    shift: u32,
    base: i64,
    aw: Option<Burst>,
    /// Beats of the bursts announced.
    lengths: Fifo<u32, ANNOUNCED>,
    flight: Fifo<Flown, FLIGHT>,
    /// Answers that are not yet matched with their burst.
    answers: u32,
    reads: Fifo<Segment, READS>,
    /// Words that were read and wait.
    data: u32,
    /// The beat that is being filled.
    filling: Option<i64>,
    beats: u32,
    /// Beats of the oldest burst that were sent.
    sent: u32,
    done: bool,
}

impl Store {
    /// As after reset.
    pub fn new(chip: &Chip) -> Store {
        let port = chip.memory.port.0 as i64;
        Store {
            agu: Agu::default(),
            runs: Runs::new(port, Side::To),
            segments: Segments::default(),
            align: Align::default(),
            shift: (port / WORD).trailing_zeros(),
            base: 0,
            aw: None,
            lengths: Fifo::default(),
            flight: Fifo::default(),
            answers: 0,
            reads: Fifo::default(),
            data: 0,
            filling: None,
            beats: 0,
            sent: 0,
            done: false,
        }
    }

    /// What its port of the scratchpad asks for.
    #[inline]
    pub fn asks(&self, _data: [bool; 1]) -> [Option<Ask>; 1] {
        let cut = self.segments.segment().filter(|cut| !cut.empty && self.reads.room());
        [cut.map(|cut| Ask { word: cut.from.div_euclid(WORD), access: Access::Read })]
    }

    /// The burst that is announced.
    #[inline]
    pub fn aw(&self) -> Option<Burst> {
        self.aw
    }

    /// The beat that is offered: whether it is the last of its burst.
    #[inline]
    pub fn w(&self) -> Option<bool> {
        let length = self.lengths.front().filter(|_| self.beats != 0)?;
        Some(self.sent + 1 == length)
    }

    /// Nothing is inside.
    #[inline]
    pub fn idle(&self) -> bool {
        let walked = self.agu.ready() && self.runs.idle() && self.segments.idle();
        walked && self.flight.is_empty() && !self.done && self.reads.is_empty() && self.align.idle()
    }

    /// One clock edge.
    #[inline]
    pub fn step(&mut self, command: Option<&Instr>, [answer]: [Answer; 1], write: Write) -> Outcome {
        let done = self.done;
        let command = command.filter(|_| self.agu.ready());
        let (beat_room, length_room) = (self.beats < BEATS, self.lengths.room());
        self.send(write.w_taken);
        let packed = self.pack(beat_room);
        let cut_taken = self.read(packed, answer);
        let run_ready = self.announce(cut_taken, length_room, write);
        self.agu.step(Some(self.base), run_ready);
        if let Some(instr) = command {
            self.begin(instr);
        }
        Outcome { taken: command.is_some(), done }
    }

    /// Beats go out.
    #[inline]
    fn send(&mut self, taken: bool) {
        if taken && let Some(last) = self.w() {
            self.beats -= 1;
            self.sent = if last { 0 } else { self.sent + 1 };
            if last {
                self.lengths.pop();
            }
        }
    }

    /// Words are packed into beats, of which one goes out when the next word lies in another, or at the end of the command: whether the word is taken.
    #[inline]
    fn pack(&mut self, room: bool) -> bool {
        let Some(word) = self.align.word() else { return false };
        if word.strobe == 0 {
            return true;
        }
        let beat = word.word >> self.shift;
        let other = self.filling.is_some_and(|filling| filling != beat);
        let push = other || word.last;
        if push && !room {
            return false;
        }
        self.beats += u32::from(push);
        self.filling = (!word.last || other).then_some(beat);
        !(other && word.last)
    }

    /// Words that were read are aligned, and the next is asked for: whether the segment is taken.
    #[inline]
    fn read(&mut self, packed: bool, answer: Answer) -> bool {
        let room = self.reads.room();
        let read = self.reads.front().filter(|read| read.empty || self.data != 0);
        let read = if self.align.ready() { read } else { None };
        self.align.step(read, packed);
        if let Some(read) = read {
            self.reads.pop();
            self.data -= u32::from(!read.empty);
        }
        self.data += u32::from(answer.data);
        let cut = self.segments.segment().filter(|cut| room && (cut.empty || answer.taken));
        if let Some(cut) = cut {
            self.reads.push(cut);
        }
        cut.is_some()
    }

    /// Bursts are announced, and remembered until memory has answered: whether the walk's next run would be taken.
    #[inline]
    fn announce(&mut self, cut_taken: bool, length_room: bool, write: Write) -> bool {
        let flight_room = self.flight.room();
        self.land(write.b);
        self.aw = self.aw.filter(|_| !write.aw_taken);
        let free = length_room && self.aw.is_none();
        let burst = self.runs.burst().filter(|burst| flight_room && (burst.beats == 0 || free));
        if let Some(burst) = burst {
            let none = burst.beats == 0;
            self.flight.push(Flown { none, last: burst.last });
            if !none {
                let beats = burst.beats as u32;
                self.lengths.push(beats);
                self.aw = Some(Burst { address: burst.address as u64, beats });
            }
        }
        let run = if self.segments.ready(cut_taken) { self.runs.run() } else { None };
        self.segments.step(run, cut_taken);
        let ready = self.runs.ready(burst.is_some());
        self.runs.step(self.agu.run().filter(|_| ready), burst.is_some(), run.is_some());
        ready
    }

    /// Answers are matched with their bursts; the last of a command ends it.
    #[inline]
    fn land(&mut self, answer: bool) {
        let landed = self.flight.front().filter(|flown| flown.none || self.answers != 0);
        self.answers += u32::from(answer);
        self.done = landed.is_some_and(|flown| flown.last);
        if let Some(flown) = landed {
            self.flight.pop();
            self.answers -= u32::from(!flown.none);
        }
    }

    /// A command begins.
    fn begin(&mut self, command: &Instr) {
        let Instr::St { src, mem, elem, n0, s0, d0, n1, s1, d1, n2, s2, d2 } = *command else {
            unreachable!("`{command}` is no instruction of the store engine")
        };
        self.base = src.imm;
        let dims = [[n0, s0, d0], [n1, s1, d1], [n2, s2, d2]].map(|dim| dim.map(|operand| operand.imm));
        self.agu.begin(Copy3::once(elem.imm, mem.imm, dims));
    }
}
