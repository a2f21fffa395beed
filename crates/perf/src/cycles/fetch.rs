//! `puce_fetch`: the instruction cache, which gives control a word per cycle and reads ahead.
//!
//! In a cycle: [`Fetch::word`], [`Fetch::idle`] and [`Fetch::burst`] follow from registers. Control steps with the first two; [`Fetch::step`] comes behind it,
//! with what control says in this cycle and what the memory port answers.

use super::wires::{Burst, Read};
use arch::Chip;

/// Lines of the cache (`CodeLines` of the design).
const LINES: usize = 64;
/// Lines that are asked for behind the one that is wanted next (`Ahead` of the design).
const AHEAD: u32 = 4;
/// Bytes of the shortest line.
const LINE: u64 = 64;
/// Bytes of a code word.
const WORD: u64 = 8;

/// What reaches the cache in a cycle.
#[derive(Clone, Copy, Default, Debug)]
pub struct Inputs {
    /// Forget all lines and go to word 0.
    pub start: bool,
    /// Ask memory for code.
    pub run: bool,
    /// Go to this word of the code.
    pub jump: Option<u32>,
    /// Control takes the word that stands ready.
    pub ready: bool,
    /// What the memory port answers.
    pub memory: Read,
}

/// The cache and what is on its way.
#[derive(Clone, Debug)]
pub struct Fetch {
    base: u64,
    line_bytes: u64,
    beats: u32,
    words: u32,
    places: u32,
    /// The line in each place, and whether it is there or on its way.
    tags: [u32; LINES],
    valid: u64,
    pending: u64,
    /// The line that is looked up next, and the one that is asked for next.
    line: u32,
    ahead: u32,
    /// A line was read from the cache; a line's words are given out, from `offset`.
    read: bool,
    given: bool,
    offset: u32,
    /// Places of lines on their way, the first in the lowest byte.
    way: u64,
    on_way: u32,
    asked: Option<u32>,
    /// Nothing moved at the last edge, where it ran or not: nothing will before something comes.
    still: Option<bool>,
}

impl Fetch {
    /// The cache of a core of this chip, with the code at byte `base` of memory.
    pub fn new(chip: &Chip, base: u64) -> Fetch {
        Fetch::with(chip.memory.port.0, LINES, base)
    }

    /// A cache behind a port of so many bytes, of so many lines (a power of two, at most 64).
    pub fn with(port: u64, lines: usize, base: u64) -> Fetch {
        let line_bytes = port.max(LINE);
        Fetch {
            base,
            line_bytes,
            beats: (line_bytes / port) as u32,
            words: (line_bytes / WORD) as u32,
            places: lines as u32,
            tags: [0; LINES],
            valid: 0,
            pending: 0,
            line: 0,
            ahead: 0,
            read: false,
            given: false,
            offset: 0,
            way: 0,
            on_way: 0,
            asked: None,
            still: None,
        }
    }

    /// The code stands at byte `base` of memory from now on.
    pub fn set_base(&mut self, base: u64) {
        self.base = base;
    }

    /// Whether a word stands ready for control.
    #[inline]
    pub fn word(&self) -> bool {
        self.given
    }

    /// Whether nothing is on its way from memory.
    #[inline]
    pub fn idle(&self) -> bool {
        self.on_way == 0
    }

    /// The line that memory is asked for.
    #[inline]
    pub fn burst(&self) -> Option<Burst> {
        let line = u64::from(self.asked?);
        Some(Burst { address: self.base + line * self.line_bytes, beats: self.beats })
    }

    fn place(&self, line: u32) -> u32 {
        line & (self.places - 1)
    }

    fn holds(&self, lines: u64, line: u32) -> bool {
        let place = self.place(line);
        lines >> place & 1 == 1 && self.tags[place as usize] == line
    }

    /// A clock edge.
    #[inline]
    pub fn step(&mut self, inputs: Inputs) {
        let Read { taken, beat } = inputs.memory;
        let comes = inputs.ready && self.given || taken || beat.is_some() || inputs.start || inputs.jump.is_some();
        if comes || self.still != Some(inputs.run) {
            self.moves(inputs);
        }
    }

    fn moves(&mut self, inputs: Inputs) {
        let fill = inputs.memory.beat == Some(true);
        let before = (self.read, self.given);
        let (asks, ahead) = self.wants(&inputs);
        let looks = self.gives(&inputs);
        let rests = !ahead && !looks && before == (self.read, self.given) && !fill && !inputs.memory.taken;
        self.still = rests.then_some(inputs.run);
        if fill {
            let bit = 1 << (self.way & 0xff);
            (self.valid, self.pending) = (self.valid | bit, self.pending & !bit);
            (self.way, self.on_way) = (self.way >> 8, self.on_way - 1);
        }
        if inputs.memory.taken {
            self.asked = None;
        }
        if asks {
            let place = self.place(self.ahead);
            (self.valid, self.pending) = (self.valid & !(1 << place), self.pending | 1 << place);
            self.tags[place as usize] = self.ahead;
            self.way |= u64::from(place) << (8 * self.on_way);
            self.on_way += 1;
            self.asked = Some(self.ahead);
        }
        self.line += u32::from(looks);
        self.ahead += u32::from(ahead);
        if inputs.start || inputs.jump.is_some() {
            self.go(&inputs);
        }
    }

    /// Whether memory is asked for the line that is wanted next, and whether the one behind it comes after.
    fn wants(&self, inputs: &Inputs) -> (bool, bool) {
        if !inputs.run || self.ahead - self.line > AHEAD {
            return (false, false);
        }
        let present = self.holds(self.valid | self.pending, self.ahead);
        let blocked = self.pending >> self.place(self.ahead) & 1 == 1
            || self.on_way == AHEAD + 1
            || self.asked.is_some() && !inputs.memory.taken;
        let asks = !present && !blocked && inputs.jump.is_none() && !inputs.start;
        (asks, present || asks)
    }

    /// Give out words, and read the next line; whether it was read.
    fn gives(&mut self, inputs: &Inputs) -> bool {
        let gives = self.given && inputs.ready;
        let last = gives && self.offset == self.words - 1;
        let moves = self.read && (!self.given || last);
        let looks = inputs.run && (!self.read || moves) && inputs.jump.is_none() && self.holds(self.valid, self.line);
        if gives {
            self.offset = if last { 0 } else { self.offset + 1 };
        }
        self.given = moves || self.given && !last;
        self.read = looks || self.read && !moves;
        looks
    }

    /// Start or jump: what was read is dropped.
    fn go(&mut self, inputs: &Inputs) {
        let word = if inputs.start { 0 } else { inputs.jump.unwrap_or(0) };
        (self.read, self.given) = (false, false);
        (self.line, self.offset) = (word / self.words, word % self.words);
        self.ahead = self.line;
        self.still = None;
        if inputs.start {
            self.valid = 0;
        }
    }
}
