//! A core (`puce_core`): control and its cache, the queues, the engines, the scratchpad and the readers of memory, cycle by cycle.

use arch::attr::Unit;
use arch::{Chip, Instr};

use super::control::{self, Control};
use super::counts::{CoreCounts, Levels};
use super::exchange::{Exchange, Hear};
use super::fetch::{self, Fetch};
use super::front::{self, Fronts};
use super::hub::Side;
use super::load::Load;
use super::matrix::Matrix;
use super::port::{Beat, Readers, Told, Wants};
use super::queue::ENGINES;
use super::scratchpad::{Asks, Grants, PORTS, Scratchpad};
use super::store::Store;
use super::vector::Vector;
use super::watch::{Cause, Waits};
use super::weights::Weights;
use super::wires::{Ask, Outcome, Read, Tables, Write};

/// Engines by code.
const LOAD: usize = 0;
const WEIGHTS: usize = 1;
const MATRIX: usize = 2;
const VECTOR: usize = 3;
const STORE: usize = 4;
const EXCHANGE: usize = 5;

/// Ports of the scratchpad by engine, in the order in which the engines name them.
const MATRIX_PORTS: [usize; 2] = [0, 1];
const VECTOR_PORTS: [usize; 3] = [2, 3, 4];
const LOAD_PORTS: [usize; 2] = [6, 5];
const WEIGHTS_PORTS: [usize; 1] = [7];
const STORE_PORTS: [usize; 1] = [8];
const EXCHANGE_PORTS: [usize; 2] = [9, 10];

/// The engine of each port of the scratchpad.
const ENGINE_OF_PORT: [usize; PORTS] =
    [MATRIX, MATRIX, VECTOR, VECTOR, VECTOR, LOAD, LOAD, WEIGHTS, STORE, EXCHANGE, EXCHANGE];

/// Cycles of waiting after which control's registers of words on their way (`add`, `value`) are empty.
const SETTLED: u8 = 3;

/// What reaches a core in a cycle from outside.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Inputs {
    pub(super) cycle: u64,
    pub(super) start: bool,
    /// What the port took of [`Core::wants`], and what memory gave.
    pub(super) told: Told,
    pub(super) beat: Option<Beat>,
    pub(super) written: bool,
    pub(super) hub: Hear,
    pub(super) param_taken: bool,
    pub(super) param: Option<u32>,
}

/// What a watcher sees of a core's last cycle.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) ends: Ends,
    /// What control began with.
    pub(super) begun: Option<Instr>,
    /// What each engine took, where it took something.
    pub(super) commands: [Instr; ENGINES],
    pub(super) waits: Waits,
    pub(super) grants: Grants,
}

impl Seen {
    const NOTHING: Seen = Seen {
        ends: Ends { taken: 0, finished: 0 },
        begun: None,
        commands: [Instr::Halt {}; ENGINES],
        waits: Waits::NONE,
        grants: Grants { taken: 0, held: 0, data: 0 },
    };
}

/// One core.
pub(super) struct Core<'p> {
    pub(super) control: Control<'p>,
    pub(super) fetch: Fetch,
    fronts: Fronts,
    load: Load,
    weights: Weights,
    matrix: Matrix,
    vector: Vector,
    store: Store,
    exchange: Exchange,
    scratchpad: Scratchpad,
    asks: Asks,
    readers: Readers,
    /// Engines with something inside, as bits.
    inside: u8,
    /// Cycles in a row in which control waited for room in a queue, while there was room in these.
    waited: u8,
    room: u8,
    /// Commands that each engine has done, at the end of the cycle.
    done: [u32; ENGINES],
    levels: Levels,
    counts: CoreCounts,
    /// The last cycle, if somebody watches.
    seen: Option<Box<Seen>>,
}

impl<'p> Core<'p> {
    /// A core of this chip after reset, with this code at byte `base` of memory.
    pub(super) fn new(chip: &Chip, stream: &'p [Instr], base: u64) -> Core<'p> {
        const UNITS: [Unit; ENGINES] =
            [Unit::Load, Unit::Weights, Unit::Matrix, Unit::Vector, Unit::Store, Unit::Exchange];
        Core {
            control: Control::new(stream),
            fetch: Fetch::new(chip, base),
            fronts: Fronts::new(UNITS.map(|unit| chip.queue(unit))),
            load: Load::new(chip),
            weights: Weights::new(chip),
            matrix: Matrix::new(chip),
            vector: Vector::new(chip),
            store: Store::new(chip),
            exchange: Exchange::new(chip),
            scratchpad: Scratchpad::new(chip.core.banks),
            asks: Asks::default(),
            readers: Readers::default(),
            inside: 0,
            waited: 0,
            room: 0,
            done: [0; ENGINES],
            levels: Levels::new(),
            counts: CoreCounts::default(),
            seen: None,
        }
    }

    /// Another program for the next run.
    pub(super) fn load(&mut self, stream: &'p [Instr], base: u64) {
        self.control.load(stream);
        self.fetch.set_base(base);
    }

    /// A run begins, that is watched or not: counters are cleared.
    pub(super) fn begin(&mut self, watched: bool) {
        (self.counts, self.levels) = (CoreCounts::default(), Levels::new());
        self.seen = watched.then(|| Box::new(Seen::NOTHING));
    }

    /// A run has ended before this cycle: what it counted.
    pub(super) fn end(&mut self, cycle: u64) -> CoreCounts {
        self.levels.end(cycle, &mut self.counts);
        self.counts
    }

    /// The last cycle of a run that is watched.
    pub(super) fn seen(&self) -> &Seen {
        self.seen.as_ref().expect("the run is watched")
    }

    /// Whether it asks anything of its memory port.
    #[inline]
    pub(super) fn asks_memory(&self) -> bool {
        self.readers.request().is_some() || self.inside >> STORE & 1 == 1
    }

    /// What it asks of its memory port.
    #[inline]
    pub(super) fn wants(&self) -> Wants {
        Wants { read: self.readers.request(), write: self.store.aw(), data: self.store.w() }
    }

    /// What the hub sees of it, in its turn or not.
    #[inline]
    pub(super) fn side(&self, turn: bool) -> Side {
        Side {
            running: self.control.running(),
            arrived: self.exchange.arrived(),
            tx: self.exchange.tx(),
            tx_end: self.exchange.tx_end(turn),
            rx_ready: self.exchange.rx_ready(),
        }
    }

    /// Something passes, or may pass, between its exchange engine and the hub.
    #[inline]
    pub(super) fn exchanges(&self) -> bool {
        self.inside >> EXCHANGE & 1 == 1
    }

    /// A clock edge.
    pub(super) fn step(&mut self, inputs: &Inputs, tables: &mut Tables<'_>) {
        // Engines in which something may happen.
        let live = self.inside | self.fronts.valid();
        let grants = self.serve(live, inputs);
        let stream_count = self.weights.stream_count();
        let (busy, sync) = (self.fronts.busy(), self.fronts.waits());
        let memory = self.readers.waits(inputs.beat);
        let beats = self.readers.beats();
        let bursts = [self.fetch.burst(), self.load.burst(), self.weights.burst()];
        let taken = self.readers.step(bursts, inputs.told.read, inputs.beat);
        let read = |reader| Readers::told(reader, taken, &beats);

        let control = self.control_step(inputs, read(0));
        let ends = self.engines(live, inputs, grants, [read(1), read(2)], stream_count, tables);
        let stream = busy >> MATRIX & 1 == 1 && stream_count == 0;
        let waits = [control.wait_queue, control.wait_fetch, stream, memory];
        self.levels.put(Levels::bits(busy, sync, waits, grants.held), inputs.cycle);
        if self.seen.is_some() {
            let begun = control.issue.map(|_| self.control.begun());
            self.look((ends, begun), busy, sync, waits, grants);
        }
        if let Some(unit) = control.issue.filter(|unit| usize::from(*unit) < ENGINES) {
            self.fronts.dispatch(unit.into(), self.control.command());
        }
        let mut left = ends.finished;
        while left != 0 {
            let done = &mut self.done[left.trailing_zeros() as usize];
            *done = done.wrapping_add(1);
            left &= left - 1;
        }
        let Ends { taken, finished } = ends;
        self.fronts.step(front::Inputs { word: control.word, taken, finished }, &self.done);
    }

    /// Keep what a watcher sees of this cycle.
    fn look(
        &mut self,
        (ends, begun): (Ends, Option<Instr>),
        busy: u8,
        sync: u8,
        [queue, code, stream, memory]: [bool; 4],
        grants: Grants,
    ) {
        let Some(seen) = &mut self.seen else { return };
        (seen.ends, seen.begun, seen.grants) = (ends, begun, grants);
        for (index, command) in seen.commands.iter_mut().enumerate() {
            if let Some(instr) = self.fronts.command(index).filter(|_| ends.taken >> index & 1 == 1) {
                *command = *instr;
            }
        }
        seen.waits = Waits::NONE;
        seen.waits.put_engines(sync, Cause::Sync);
        seen.waits.put(MATRIX, Cause::Stream, stream);
        for engine in [LOAD, WEIGHTS] {
            seen.waits.put(engine, Cause::Memory, memory && busy >> engine & 1 == 1);
        }
        for (port, engine) in ENGINE_OF_PORT.iter().enumerate() {
            seen.waits.put(*engine, Cause::Scratchpad, grants.held >> port & 1 == 1);
        }
        seen.waits.put(ENGINES, Cause::Queue, queue);
        seen.waits.put(ENGINES, Cause::Code, code);
    }

    /// What the engines ask the scratchpad for, and who is served.
    #[inline]
    fn serve(&mut self, live: u8, inputs: &Inputs) -> Grants {
        let (spad, asks) = (&self.scratchpad, &mut self.asks);
        let lives = |engine: usize| live >> engine & 1 == 1;
        asks.clear();
        if lives(MATRIX) {
            put(asks, MATRIX_PORTS, self.matrix.asks(spad.data(MATRIX_PORTS)));
        }
        if lives(VECTOR) {
            put(asks, VECTOR_PORTS, self.vector.asks(spad.data(VECTOR_PORTS)));
        }
        if lives(LOAD) {
            put(asks, LOAD_PORTS, self.load.asks(spad.data(LOAD_PORTS)));
        }
        if lives(WEIGHTS) {
            put(asks, WEIGHTS_PORTS, self.weights.asks(spad.data(WEIGHTS_PORTS)));
        }
        if lives(STORE) {
            put(asks, STORE_PORTS, self.store.asks(spad.data(STORE_PORTS)));
        }
        if lives(EXCHANGE) {
            put(asks, EXCHANGE_PORTS, self.exchange.asks(inputs.hub.turn));
        }
        self.scratchpad.step(inputs.cycle, asks)
    }

    /// Control and the cache of its code.
    #[inline]
    fn control_step(&mut self, inputs: &Inputs, memory: Read) -> control::Outcome {
        let run = self.control.runs_fetch();
        let room = self.fronts.room();
        let same = room == self.room && !inputs.start;
        self.room = room;
        // After so many cycles of waiting nothing is left in its pipeline, and only room changes anything.
        if same && self.waited == SETTLED {
            self.fetch.step(fetch::Inputs { run, memory, ..fetch::Inputs::default() });
            return control::Outcome { wait_queue: true, ..control::Outcome::default() };
        }
        let control = self.control.step(control::Inputs {
            start: inputs.start,
            word: self.fetch.word(),
            fetch_idle: self.fetch.idle(),
            room,
            done: self.fronts.done(),
            stream_empty: self.weights.empty(),
            param_taken: inputs.param_taken,
            param: inputs.param,
        });
        self.waited = if control.wait_queue { (self.waited + 1).min(SETTLED) } else { 0 };
        let control::Outcome { start, ready, jump, .. } = control;
        self.fetch.step(fetch::Inputs { start, run, jump, ready, memory });
        if let Some(unit) = control.issue {
            self.counts.instructions[unit as usize] += 1;
        }
        control
    }

    /// The engines; those in which nothing happens are passed over.
    #[inline]
    fn engines(
        &mut self,
        live: u8,
        inputs: &Inputs,
        grants: Grants,
        [load_read, weights_read]: [Read; 2],
        stream_count: u32,
        tables: &mut Tables<'_>,
    ) -> Ends {
        let mut ends = Ends::default();
        let (lives, fronts) = (|engine: usize| live >> engine & 1 == 1, &self.fronts);
        if lives(LOAD) {
            let answers = grants.answers(LOAD_PORTS);
            let outcome = self.load.step(fronts.command(LOAD), answers, load_read, tables);
            self.inside = ends.put(self.inside, LOAD, outcome, self.load.idle());
        }
        let mut take = 0;
        if lives(MATRIX) {
            let (outcome, words) = self.matrix.step(fronts.command(MATRIX), stream_count, grants.answers(MATRIX_PORTS));
            take = words;
            self.inside = ends.put(self.inside, MATRIX, outcome, self.matrix.idle());
        }
        if lives(WEIGHTS) {
            let answers = grants.answers(WEIGHTS_PORTS);
            let outcome = self.weights.step(take, fronts.command(WEIGHTS), answers, weights_read, tables);
            self.inside = ends.put(self.inside, WEIGHTS, outcome, self.weights.idle());
        }
        if lives(VECTOR) {
            let outcome = self.vector.step(fronts.command(VECTOR), grants.answers(VECTOR_PORTS));
            self.inside = ends.put(self.inside, VECTOR, outcome, self.vector.idle());
        }
        if lives(STORE) {
            let write = Write { aw_taken: inputs.told.write, w_taken: inputs.told.data, b: inputs.written };
            let outcome = self.store.step(fronts.command(STORE), grants.answers(STORE_PORTS), write);
            self.inside = ends.put(self.inside, STORE, outcome, self.store.idle());
        }
        if lives(EXCHANGE) || inputs.hub.rx.is_some() {
            let answers = grants.answers(EXCHANGE_PORTS);
            let outcome = self.exchange.step(fronts.command(EXCHANGE), answers, inputs.hub);
            self.inside = ends.put(self.inside, EXCHANGE, outcome, self.exchange.idle());
        }
        ends
    }
}

/// What the ports of an engine ask for.
#[inline]
fn put<const N: usize>(asks: &mut Asks, ports: [usize; N], from: [Option<Ask>; N]) {
    ports.into_iter().zip(from).for_each(|(port, ask)| asks.put(port, ask));
}

/// Engines that took and finished a command in a cycle, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Ends {
    pub(super) taken: u8,
    pub(super) finished: u8,
}

impl Ends {
    /// What an engine said, which is idle now or not; the engines with something inside, of which it may be one.
    #[inline]
    fn put(&mut self, inside: u8, engine: usize, outcome: Outcome, idle: bool) -> u8 {
        self.taken |= u8::from(outcome.taken) << engine;
        self.finished |= u8::from(outcome.done) << engine;
        inside & !(1 << engine) | u8::from(!idle) << engine
    }
}
