//! The hub of a chip's exchange engines (`puce_hub`).

use super::fifo::Fifo;
use super::wires::Part;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Waiting,
    Sending,
    Ending,
}

/// What the hub sees of a core in a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Side {
    /// It runs a program.
    pub running: bool,
    /// It waits in a gather.
    pub arrived: bool,
    /// What it sends (`tx`).
    pub tx: Option<Part>,
    /// Its last beat was sent before.
    pub tx_end: bool,
    /// It has room for a beat.
    pub rx_ready: bool,
}

/// The twin of `puce_hub`, for any number of cores.
#[derive(Clone, Debug)]
pub struct Hub {
    state: State,
    members: Vec<bool>,
    left: Vec<bool>,
    turn: Option<usize>,
    beats: Fifo<Part, 2>,
}

impl Hub {
    /// As after reset.
    pub fn new(cores: usize) -> Hub {
        let none = vec![false; cores];
        Hub { state: State::Waiting, members: none.clone(), left: none, turn: None, beats: Fifo::default() }
    }

    /// Whose turn it is to send.
    #[inline]
    pub fn turn(&self) -> Option<usize> {
        self.turn
    }

    /// What the core whose turn it is sends is taken (`tx_ready_o`).
    #[inline]
    pub fn tx_ready(&self) -> bool {
        self.turn.is_some() && self.beats.room()
    }

    /// The beat that goes to all (`rx`).
    #[inline]
    pub fn rx(&self, sides: &[Side]) -> Option<Part> {
        let mut members = self.members.iter().zip(sides);
        self.beats.front().filter(|_| members.all(|(member, side)| !member || side.rx_ready))
    }

    /// The gather is complete.
    #[inline]
    pub fn release(&self) -> bool {
        self.state == State::Ending && self.beats.is_empty()
    }

    /// No gather is under way: as long as nobody has arrived, `step` would change nothing.
    #[inline]
    pub fn idle(&self) -> bool {
        self.state == State::Waiting
    }

    /// One clock edge.
    #[inline]
    pub fn step(&mut self, sides: &[Side]) {
        let (empty, room) = (self.beats.is_empty(), self.beats.room());
        if self.rx(sides).is_some() {
            self.beats.pop();
        }
        let side = self.turn.map(|core| sides[core]).unwrap_or_default();
        if let Some(beat) = side.tx.filter(|_| room) {
            self.beats.push(beat);
        }
        match self.state {
            State::Waiting if all_arrived(sides) => self.begin(sides),
            State::Sending if side.tx_end => {
                self.turn = self.next();
                if self.turn.is_none() {
                    self.state = State::Ending;
                }
            }
            State::Ending if empty => self.state = State::Waiting,
            _ => {}
        }
    }

    fn begin(&mut self, sides: &[Side]) {
        self.state = State::Sending;
        for (core, side) in sides.iter().enumerate() {
            (self.members[core], self.left[core]) = (side.arrived, side.arrived);
        }
        self.turn = self.next();
    }

    /// The lowest core that has not had its turn, which begins.
    fn next(&mut self) -> Option<usize> {
        let core = self.left.iter().position(|left| *left)?;
        self.left[core] = false;
        Some(core)
    }
}

/// Every core that runs has arrived, and there is one.
#[inline]
fn all_arrived(sides: &[Side]) -> bool {
    sides.iter().all(|side| side.arrived || !side.running) && sides.iter().any(|side| side.arrived)
}
