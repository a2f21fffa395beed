//! Pieces become bursts, and beats become words of the stream (`puce_weights_bursts`).

use base::units::Bytes;

use super::pieces::Piece;
use crate::cycles::wires::{Burst, WORD};

/// No burst crosses a multiple of so many words (`BurstWords`).
const BURST_WORDS: i64 = 32;
/// Commands asked for whose last word is still to come (`Marks`).
const MARKS: usize = 32;
/// Most bursts under way (`InFlight`).
const IN_FLIGHT: usize = 128;

/// Words of a burst that belong to the stream: from which of its first beat on, and how many.
#[derive(Clone, Copy, Debug, Default)]
struct Wanted {
    first: u32,
    words: u32,
}

/// The twin of `puce_weights_bursts`.
#[derive(Clone, Debug)]
pub struct Bursts {
    /// Words of a beat, and of the buffer.
    port: i64,
    places: i64,
    in_flight: usize,
    busy: bool,
    last: bool,
    word: i64,
    left: i64,
    ask: Option<Burst>,
    free: i64,
    /// Bursts under way, and words that came of the oldest.
    wanted: [Wanted; IN_FLIGHT],
    wanted_head: usize,
    wanted_count: usize,
    came: u32,
    /// Words asked for and arrived since the start, and what had been asked for at the ends of commands.
    asked: u64,
    arrived: u64,
    marks: [u64; MARKS],
    marks_head: usize,
    marks_count: usize,
}

impl Bursts {
    /// For a memory port of so many bytes and a buffer of so many, as after reset.
    pub fn new(port: Bytes, buffer: Bytes) -> Bursts {
        let places = buffer.0 as i64 / WORD;
        Bursts {
            port: port.0 as i64 / WORD,
            places,
            in_flight: IN_FLIGHT.min(places as usize),
            busy: false,
            last: false,
            word: 0,
            left: 0,
            ask: None,
            free: places,
            wanted: [Wanted::default(); IN_FLIGHT],
            wanted_head: 0,
            wanted_count: 0,
            came: 0,
            asked: 0,
            arrived: 0,
            marks: [0; MARKS],
            marks_head: 0,
            marks_count: 0,
        }
    }

    /// The burst that memory is asked for (`ar_valid_o` and what stands beside it).
    pub fn ask(&self) -> Option<Burst> {
        self.ask
    }

    /// Whether every place of the buffer is free and no request waits (`empty_o`).
    pub fn empty(&self) -> bool {
        self.free == self.places && !self.busy
    }

    /// Whether every command that was asked for is known to be done.
    pub fn told(&self) -> bool {
        self.marks_count == 0
    }

    /// Whether the oldest command is done (`done_o`).
    pub fn done(&self) -> bool {
        self.marks_count != 0 && self.marks[self.marks_head] <= self.arrived
    }

    /// Words of the stream in the beat that comes (`beat_count_o`).
    pub fn beat(&self) -> u32 {
        let wanted = self.wanted[self.wanted_head];
        let first = if self.came == 0 { wanted.first } else { 0 };
        (wanted.words - self.came).min(self.port as u32 - first)
    }

    /// One clock edge: a piece is offered, memory takes the burst, `came` words arrive (0: no beat), `take` leave the buffer. Whether the piece was taken.
    pub fn step(&mut self, piece: Option<Piece>, ask_taken: bool, came: u32, take: u32) -> bool {
        let told = self.done();
        let room = BURST_WORDS - (self.word & (BURST_WORDS - 1));
        let ends = self.left <= room;
        let words = self.left.min(room);
        let asks = self.left != 0;
        let can_ask = (self.ask.is_none() || ask_taken) && self.wanted_count < self.in_flight && self.free >= words;
        let step = self.busy && (!asks || can_ask) && (!(ends && self.last) || self.marks_count < MARKS);
        if ask_taken {
            self.ask = None;
        }
        self.free += i64::from(take);
        self.arrive(came);
        if step && asks {
            self.put(words);
        }
        if told {
            self.marks_head = (self.marks_head + 1) % MARKS;
            self.marks_count -= 1;
        }
        let finish = step && ends;
        if finish && self.last {
            self.marks[(self.marks_head + self.marks_count) % MARKS] = self.asked;
            self.marks_count += 1;
        }
        let ready = !self.busy || finish;
        self.busy = !ready;
        let taken = piece.filter(|_| ready);
        if let Some(piece) = taken {
            (self.busy, self.last, self.word, self.left) = (true, piece.last, piece.word, piece.words);
        }
        taken.is_some()
    }

    fn arrive(&mut self, came: u32) {
        self.arrived += u64::from(came);
        self.came += came;
        if came != 0 && self.came == self.wanted[self.wanted_head].words {
            self.came = 0;
            self.wanted_head = (self.wanted_head + 1) % IN_FLIGHT;
            self.wanted_count -= 1;
        }
    }

    fn put(&mut self, words: i64) {
        let first = self.word & (self.port - 1);
        let beats = (first + words + self.port - 1) / self.port;
        let address = ((self.word - first) * WORD) as u64;
        self.ask = Some(Burst { address, beats: beats as u32 });
        let place = (self.wanted_head + self.wanted_count) % IN_FLIGHT;
        self.wanted[place] = Wanted { first: first as u32, words: words as u32 };
        self.wanted_count += 1;
        self.free -= words;
        self.asked += words as u64;
        self.word += words;
        self.left -= words;
    }
}
