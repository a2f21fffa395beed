//! `puce_front` behind `puce_queue`, for each engine: commands come out when all their words are there and what they wait for is done.
//!
//! In a cycle, in this order:
//! 1. from registers: [`Fronts::room`], [`Fronts::done`], [`Fronts::command`], [`Fronts::busy`] and [`Fronts::waits`]; control and engines step with them;
//! 2. [`Fronts::dispatch`] gives the instruction that control begins in this cycle a place (room has one less from the next cycle on);
//! 3. [`Fronts::step`], the clock edge, with the word that control pushes, what engines take and finish, and the counts of finished commands as registers
//!    have them from the next cycle on (`done_count_q` of `puce_core`).
//!
//! A front that only waits is not looked at before a word comes, its engine takes or finishes a command, or a count moves.

use super::queue::{Command, ENGINES, Queue};
use arch::Instr;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Header,
    Args,
    Tokens,
    Full,
}

/// An engine's queue and front.
#[derive(Clone, Debug)]
struct Front {
    queue: Queue,
    state: State,
    /// Operands and tokens of the command that is assembled, whose words have not come.
    operands: u8,
    tokens: u8,
    /// What the first token waits for is done.
    satisfied: bool,
    /// A command stands ready.
    valid: bool,
    inside: u8,
}

impl Front {
    fn new(depth: usize) -> Front {
        let (state, queue) = (State::Header, Queue::new(depth));
        Front { queue, state, operands: 0, tokens: 0, satisfied: false, valid: false, inside: 0 }
    }

    fn waits(&self) -> bool {
        self.state == State::Tokens && self.queue.offers() && !self.satisfied && !self.valid && self.inside == 0
    }

    /// Whether nothing happens before something comes.
    fn rests(&self) -> bool {
        let stays = match self.state {
            State::Full => self.valid,
            State::Tokens => !(self.queue.offers() && self.satisfied),
            State::Header | State::Args => !self.queue.offers(),
        };
        stays && self.queue.still()
    }

    /// A clock edge; `done` are the counts behind it.
    fn step(&mut self, word: bool, taken: bool, finished: bool, done: &[u32; ENGINES]) {
        let offered = self.queue.offers();
        let hand_over = self.state == State::Full && (!self.valid || taken);
        let mut accepted = offered;
        match self.state {
            State::Header if offered => {
                let command = self.queue.command(usize::from(self.valid));
                (self.operands, self.tokens) = (command.operands, command.tokens);
                self.state = State::Args;
            }
            State::Args if offered => {
                self.operands -= 1;
                self.state = match (self.operands, self.tokens) {
                    (0, 0) => State::Full,
                    (0, _) => State::Tokens,
                    _ => State::Args,
                };
            }
            State::Tokens => {
                accepted = offered && self.satisfied;
                if accepted {
                    self.tokens &= self.tokens - 1;
                    self.state = if self.tokens == 0 { State::Full } else { State::Tokens };
                }
            }
            State::Full => {
                accepted = false;
                self.state = if hand_over { State::Header } else { State::Full };
            }
            _ => {}
        }
        self.queue.step(taken, word, accepted);
        self.valid = hand_over || (self.valid && !taken);
        self.inside = self.inside + u8::from(taken) - u8::from(finished);
        if self.state == State::Tokens {
            let from = self.tokens.trailing_zeros() as usize;
            let count = self.queue.command(usize::from(self.valid)).counts[from];
            // Around the circle: far fewer than 2^31 commands pass while one waits.
            self.satisfied = done[from].wrapping_sub(count) < 1 << 31;
        }
    }
}

/// What reaches the fronts in a cycle; a bit for each engine in masks.
#[derive(Clone, Copy, Default, Debug)]
pub struct Inputs {
    /// The engine that control pushes a word for: [`super::control::Outcome::word`].
    pub word: Option<u8>,
    /// Engines that take their command.
    pub taken: u8,
    /// Engines that are done with a command.
    pub finished: u8,
}

/// The queues and fronts of a core's engines. Masks have a bit for each engine.
#[derive(Clone, Debug)]
pub struct Fronts {
    fronts: [Front; ENGINES],
    /// Fronts in which something moves by itself.
    awake: u8,
    room: u8,
    valid: u8,
    busy: u8,
    waits: u8,
    done: [u32; ENGINES],
}

impl Fronts {
    /// Fronts with so many places in their queues, by engine ([`arch::Chip::queues`]).
    pub fn new(depths: [usize; ENGINES]) -> Fronts {
        let fronts = depths.map(Front::new);
        Fronts { fronts, awake: 0, room: (1 << ENGINES) - 1, valid: 0, busy: 0, waits: 0, done: [0; ENGINES] }
    }

    /// Engines whose queues have a place for one more instruction.
    #[inline]
    pub fn room(&self) -> u8 {
        self.room
    }

    /// Commands that each engine has done, as registers have it.
    #[inline]
    pub fn done(&self) -> &[u32; ENGINES] {
        &self.done
    }

    /// Engines for which a command stands ready.
    #[inline]
    pub fn valid(&self) -> u8 {
        self.valid
    }

    /// The command that stands ready for an engine.
    #[inline]
    pub fn command(&self, engine: usize) -> Option<&Instr> {
        (self.valid >> engine & 1 == 1).then(|| &self.fronts[engine].queue.command(0).instr)
    }

    /// Engines that work on a command.
    #[inline]
    pub fn busy(&self) -> u8 {
        self.busy
    }

    /// Engines that are idle since their next command waits for a token.
    #[inline]
    pub fn waits(&self) -> u8 {
        self.waits
    }

    /// The engine that the first token of an idle engine's next command waits for.
    pub fn waits_for(&self, engine: usize) -> Option<usize> {
        (self.waits >> engine & 1 == 1).then(|| self.fronts[engine].tokens.trailing_zeros() as usize)
    }

    /// Control begins an instruction for this engine in this cycle.
    pub fn dispatch(&mut self, engine: usize, command: &Command) {
        self.fronts[engine].queue.reserve(command);
        self.awake |= 1 << engine;
    }

    /// A clock edge; `done` are the counts of commands that each engine has done behind it.
    #[inline]
    pub fn step(&mut self, inputs: Inputs, done: &[u32; ENGINES]) {
        let word = inputs.word.map_or(0, |engine| 1 << engine);
        let mut left = self.awake | word | inputs.taken | inputs.finished;
        if self.done != *done {
            self.done = *done;
            left = (1 << ENGINES) - 1;
        }
        while left != 0 {
            self.one(left.trailing_zeros() as usize, word, inputs);
            left &= left - 1;
        }
    }

    fn one(&mut self, engine: usize, word: u8, inputs: Inputs) {
        let (front, of) = (&mut self.fronts[engine], |mask: u8| mask >> engine & 1 == 1);
        front.step(of(word), of(inputs.taken), of(inputs.finished), &self.done);
        let put = |mask: u8, bit: bool| mask & !(1 << engine) | u8::from(bit) << engine;
        self.awake = put(self.awake, !front.rests());
        self.room = put(self.room, front.queue.room());
        self.valid = put(self.valid, front.valid);
        self.busy = put(self.busy, front.inside != 0);
        self.waits = put(self.waits, front.waits());
    }
}
