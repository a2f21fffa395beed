//! `puce_queue`: what stands between control and an engine's front.
//!
//! The design carries words; here a command stands in a ring from the cycle in which it is dispatched until the engine takes it, and words are counted.

use arch::Instr;

/// Engines with a queue.
pub const ENGINES: usize = 6;

/// An instruction that was dispatched, with what it waits for.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// The instruction: every operand has register 0 and its value as the constant.
    pub instr: Instr,
    /// Operands, each a word.
    pub operands: u8,
    /// Engines that it waits for, a bit each, and each a word.
    pub tokens: u8,
    /// How many commands of each such engine must be done.
    pub counts: [u32; ENGINES],
}

impl Command {
    /// A place that nobody has taken.
    pub(super) const NONE: Command = Command { instr: Instr::Halt {}, operands: 0, tokens: 0, counts: [0; ENGINES] };
}

/// Places of commands, and words on their way.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    places: Box<[Command]>,
    first: usize,
    count: usize,
    /// Words in the memory; whether one stands behind it, read.
    fill: u32,
    read: bool,
}

impl Queue {
    pub(super) fn new(depth: usize) -> Queue {
        Queue { places: vec![Command::NONE; depth].into(), first: 0, count: 0, fill: 0, read: false }
    }

    /// Whether one more instruction has a place.
    pub(super) fn room(&self) -> bool {
        self.count != self.places.len()
    }

    /// Whether a word is offered.
    pub(super) fn offers(&self) -> bool {
        self.read
    }

    /// Whether nothing moves by itself while the word that is offered stays.
    pub(super) fn still(&self) -> bool {
        self.read || self.fill == 0
    }

    /// The command number `index` of those that the engine has not taken.
    pub(super) fn command(&self, index: usize) -> &Command {
        &self.places[self.place(index)]
    }

    fn place(&self, index: usize) -> usize {
        let place = self.first + index;
        if place < self.places.len() { place } else { place - self.places.len() }
    }

    /// An instruction is dispatched: it takes its place at the coming edge.
    pub(super) fn reserve(&mut self, command: &Command) {
        let place = self.place(self.count);
        self.places[place] = *command;
        self.count += 1;
    }

    /// A clock edge: the engine takes a command, a word comes, the front takes the word that is offered.
    #[inline]
    pub(super) fn step(&mut self, leaves: bool, comes: bool, taken: bool) {
        if leaves {
            self.first = self.place(1);
            self.count -= 1;
        }
        let read = self.fill != 0 && (!self.read || taken);
        self.read = read || (self.read && !taken);
        self.fill = self.fill + u32::from(comes) - u32::from(read);
    }
}
