//! The vector engine in time (`puce_vector`).
//!
//! One command at a time: a cycle takes it, a cycle starts everything, then the loaders, the groups of lanes and the store run as far ahead of each other
//! as their queues allow, until all is written. What the lanes compute is a list of micro-operations, of which only the queues, scalars,
//! dividers and destinations matter here.

mod group;
mod load;
mod plan;
mod program;
mod side;
mod store;
mod walk;

use arch::{Chip, Instr};

use self::group::{Group, Inputs, Tag};
use self::load::{Load, Pops};
use self::plan::{Deal, Plan};
use self::side::{Factor, Scales, Scanner};
use self::store::Store;
use super::wires::{Answer, Ask, Outcome};

/// Words of the input queues (`Depth` of `puce_vector_pkg`).
const DEPTH: u32 = 32;
/// Words that a program of several micro-operations takes at a time (`Batch`).
const BATCH: u32 = 24;
/// Scalars on their way to the lanes (`ScalarDepth`).
const SCALARS: u32 = 16;
/// Words on their way to the scratchpad (`OutDepth`).
const OUTS: u32 = 32;
/// Single results on their way there (`ResultDepth`).
const RESULTS: u32 = 16;
/// binary32 values of a scratchpad word (`WordLanes`).
const WORD_LANES: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Idle,
    Start,
    Run,
}

/// The vector engine. Its ports are the first queue's, the second's, and the store's.
pub struct Vector {
    now: u64,
    state: State,
    plan: Plan,
    done: bool,
    a: Load,
    b: Load,
    scanner: Scanner,
    scales: Scales,
    factor: Factor,
    groups: Vec<Group>,
    store: Store,
    /// Results of the scanner that wait for the store.
    found: u32,
    /// The group whose scalar, word, sum is next.
    scalar_turn: usize,
    out_turn: usize,
    sum_turn: usize,
}

impl Vector {
    /// The engine of this chip, after reset.
    pub fn new(chip: &Chip) -> Vector {
        Vector::with_lanes(chip.vector_lanes)
    }

    /// An engine of so many lanes, a multiple of eight.
    pub fn with_lanes(lanes: usize) -> Vector {
        let groups = lanes / WORD_LANES;
        Vector {
            now: 0,
            state: State::Idle,
            plan: Plan::default(),
            done: false,
            a: Load::new(groups),
            b: Load::new(groups),
            scanner: Scanner::default(),
            scales: Scales::default(),
            factor: Factor::default(),
            groups: (0..groups).map(|_| Group::default()).collect(),
            store: Store::default(),
            found: 0,
            scalar_turn: 0,
            out_turn: 0,
            sum_turn: 0,
        }
    }

    /// What its ports ask for in this cycle, from registers alone.
    #[inline]
    pub fn asks(&self, _data: [bool; 3]) -> [Option<Ask>; 3] {
        [self.a.ask(), self.b.ask(), self.store.ask()]
    }

    /// Nothing is inside: without a command a step changes nothing.
    #[inline]
    pub fn idle(&self) -> bool {
        self.state == State::Idle && !self.done
    }

    /// A cycle: the command that is offered, and what the ports are told.
    #[inline]
    pub fn step(&mut self, command: Option<&Instr>, answers: [Answer; 3]) -> Outcome {
        let outcome = Outcome { taken: self.state == State::Idle && command.is_some(), done: self.done };
        self.done = false;
        match (self.state, command) {
            (State::Idle, Some(instr)) => {
                self.plan = Plan::of(instr);
                self.state = State::Start;
            }
            (State::Idle, None) => {}
            (State::Start, _) => self.start(),
            (State::Run, _) => {
                if self.store.idle(answers[2].taken) {
                    self.state = State::Idle;
                    self.done = true;
                }
                self.run(answers.map(|answer| answer.taken));
            }
        }
        self.now += 1;
        outcome
    }

    /// Everything begins with the next cycle.
    fn start(&mut self) {
        if self.plan.empty {
            self.state = State::Idle;
            self.done = true;
            return;
        }
        self.state = State::Run;
        self.a.start(&self.plan.a);
        self.b.start(&self.plan.b);
        self.scales.start(&self.plan.scales);
        // What the last command left in the scanner is older than any result.
        self.scanner = Scanner::default();
        if self.plan.exec.norm {
            self.factor.start();
        }
        for group in &mut self.groups {
            group.start(&self.plan.exec);
        }
        self.store.start(&self.plan.store);
        (self.scalar_turn, self.out_turn, self.sum_turn) = (0, 0, 0);
    }

    /// A cycle of a command.
    fn run(&mut self, taken: [bool; 3]) {
        let (a_data, b_data) = (self.a.data(), self.b.data());
        let scanned = self.scanner.now(self.plan.scan);
        let scanning = b_data.is_some_and(|tag| tag.has(Tag::SCAN));

        let b_take = self.scales.wants_word() && self.groups[0].b_next();
        let scale = self.scales.valid() && self.groups[self.scalar_turn].scalar_ready();
        let scalar = scale || (scanned.scalar && self.plan.b.scalars);

        let out = self.groups[self.out_turn].out();
        let sum = if self.plan.scan_results { self.found != 0 } else { self.groups[self.sum_turn].sum() };
        let takes = self.store.takes(out.is_some(), sum, taken[2]);

        if !self.a.rests() {
            self.a.step(taken[0], Pops::default());
        }
        if self.plan.b.enable {
            self.b.step(taken[1], Pops { result: takes.result, go: scanned.done });
        }
        let (a_group, b_group) = (a_data.map(Tag::group), b_data.filter(|_| !scanning).map(Tag::group));
        let given = Inputs { factor: self.factor.valid(), ..Inputs::default() };
        let (mut norm, mut factor_take) = (false, false);
        for (index, group) in self.groups.iter_mut().enumerate() {
            let given = Inputs {
                a: if a_group == Some(index) { a_data } else { None },
                b: b_group == Some(index),
                b_take: b_take && index == 0,
                out_take: takes.word && self.out_turn == index,
                sum_take: takes.result && !self.plan.scan_results && self.sum_turn == index,
                scalar: scalar && self.scalar_turn == index,
                ..given
            };
            if group.rests(self.now) && given.nothing() {
                continue;
            }
            let says = group.step(self.now, given);
            self.a.release(index, says.a_release, 0);
            self.b.release(index, says.b_release, u32::from(says.scalar_take));
            norm |= says.norm;
            factor_take |= says.factor_take;
        }
        if self.plan.exec.norm {
            self.factor.step(norm, factor_take);
        }
        if self.plan.scales.enable {
            self.scales.step(b_take, scale);
        }
        self.scanner.step(scanning && b_data.is_some_and(|tag| tag.has(Tag::GROUP_LAST)));
        if self.plan.scan_results {
            self.found += u32::from(scanned.push);
            self.found -= u32::from(takes.result);
        }
        self.store.step(takes, taken[2]);
        self.turn(scalar, takes.word && out == Some(true), takes.result);
    }

    /// The groups whose turn is next.
    #[inline]
    fn turn(&mut self, scalar: bool, out_last: bool, result: bool) {
        let groups = self.groups.len();
        if groups == 1 {
            return;
        }
        let next = |turn: usize| if turn + 1 == groups { 0 } else { turn + 1 };
        let by_row = self.plan.a.deal == Deal::Iter;
        if scalar && by_row {
            self.scalar_turn = next(self.scalar_turn);
        }
        if out_last {
            self.out_turn = next(self.out_turn);
        }
        if result && by_row {
            self.sum_turn = next(self.sum_turn);
        }
    }
}
