//! The exchange engine of a core: `gather` (`puce_exchange`).

mod align;
mod pieces;

use self::align::Align;
use self::pieces::{Pieces, Place};
use super::fifo::Fifo;
use super::wires::{Access, Answer, Ask, Outcome, Part};
use arch::{Chip, Instr};

/// Words that were asked for and have not gone on (`Ahead`).
const AHEAD: usize = 6;
/// Own beats that are on their way through the hub (`Own`).
const OWN: usize = 4;
/// Beats that came and wait for the scratchpad (`Waiting`).
const WAITING: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    Gathering,
    Draining,
}

/// What the hub says to a core in a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hear {
    /// It is its turn to send.
    pub turn: bool,
    /// What it sends in this cycle is taken.
    pub tx_taken: bool,
    /// A beat comes.
    pub rx: Option<Part>,
    /// The gather is complete.
    pub release: bool,
}

/// The twin of `puce_exchange`. Its ports of the scratchpad are that which reads and that which writes.
#[derive(Clone, Debug)]
pub struct Exchange {
    state: State,
    /// Words that may be asked for.
    credit: usize,
    pieces: Pieces,
    places: Fifo<Place, AHEAD>,
    /// Words that were read and wait.
    words: u32,
    align: Align,
    /// Which of the own beats are already in their place.
    own: Fifo<bool, OWN>,
    beats: Fifo<Part, WAITING>,
}

impl Exchange {
    /// As after reset.
    pub fn new(_chip: &Chip) -> Exchange {
        Exchange {
            state: State::Idle,
            credit: AHEAD,
            pieces: Pieces::default(),
            places: Fifo::default(),
            words: 0,
            align: Align::default(),
            own: Fifo::default(),
            beats: Fifo::default(),
        }
    }

    /// What its ports ask for, in its turn or not.
    #[inline]
    pub fn asks(&self, turn: bool) -> [Option<Ask>; 2] {
        let word = self.pieces.word().filter(|_| turn && self.credit != 0);
        let write = self.beats.front().map(|beat| Ask { word: beat.word, access: Access::of_strobe(beat.strobe) });
        [word.map(|word| Ask { word, access: Access::Read }), write]
    }

    /// It waits in a gather.
    #[inline]
    pub fn arrived(&self) -> bool {
        self.state == State::Gathering
    }

    /// The beat that it sends.
    #[inline]
    pub fn tx(&self) -> Option<Part> {
        self.align.sent().filter(|_| self.own.room()).map(|(beat, _)| beat)
    }

    /// The last beat of its turn was sent before.
    #[inline]
    pub fn tx_end(&self, turn: bool) -> bool {
        turn && self.pieces.ended() && self.credit == AHEAD && !self.align.busy()
    }

    /// It has room for a beat.
    #[inline]
    pub fn rx_ready(&self) -> bool {
        self.beats.room()
    }

    /// Nothing is inside.
    #[inline]
    pub fn idle(&self) -> bool {
        self.state == State::Idle
    }

    /// One clock edge.
    #[inline]
    pub fn step(&mut self, command: Option<&Instr>, answers: [Answer; 2], hub: Hear) -> Outcome {
        let command = command.filter(|_| self.state == State::Idle);
        let done = self.state == State::Draining && self.beats.is_empty();
        self.receive(hub.rx, answers[1].taken, hub.tx_taken);
        self.state = match self.state {
            State::Idle if command.is_some() => State::Gathering,
            State::Gathering if hub.release => State::Draining,
            State::Draining if done => State::Idle,
            state => state,
        };
        self.send(answers[0], hub.tx_taken);
        self.pieces.step(command, answers[0].taken);
        Outcome { taken: command.is_some(), done }
    }

    /// A beat that came is kept, unless it is an own one that is already in its place; the oldest is written.
    #[inline]
    fn receive(&mut self, rx: Option<Part>, written: bool, tx_taken: bool) {
        let same = self.own.front();
        if rx.is_some() {
            self.own.pop();
        }
        if tx_taken && let Some((_, same)) = self.align.sent() {
            self.own.push(same);
        }
        if written {
            self.beats.pop();
        }
        let keeps = self.state == State::Gathering && same != Some(true);
        if let Some(beat) = rx.filter(|_| keeps) {
            self.beats.push(beat);
        }
    }

    /// Words that were read go on to be sent, and the next is asked for.
    #[inline]
    fn send(&mut self, answer: Answer, tx_taken: bool) {
        let place = self.places.front().filter(|_| self.words != 0);
        let place = if self.align.ready(tx_taken) { place } else { None };
        self.align.step(place, tx_taken);
        if place.is_some() {
            self.places.pop();
            self.words -= 1;
            self.credit += 1;
        }
        self.words += u32::from(answer.data);
        if answer.taken {
            self.credit -= 1;
            self.places.push(self.pieces.place());
        }
    }
}
