//! A core (`puce_core`): control and its cache, the queues, the engines, the scratchpad and the readers of memory, cycle by cycle.

use arch::attr::Unit;
use arch::{Chip, Instr};

use super::control::{self, Control};
use super::counts::CoreCounts;
use super::exchange::{Exchange, Hear};
use super::fetch::{self, Fetch};
use super::front::{self, Fronts};
use super::hub::Side;
use super::load::Load;
use super::matrix::Matrix;
use super::port::{Beat, Readers, Told, Wants};
use super::queue::ENGINES;
use super::scratchpad::{Grants, PORTS, Scratchpad};
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
    pub(super) outcomes: [Outcome; ENGINES],
    /// What each engine took, where it took something.
    pub(super) commands: [Instr; ENGINES],
    pub(super) waits: Waits,
    pub(super) grants: Grants,
}

impl Seen {
    const NOTHING: Seen = Seen {
        outcomes: [Outcome { taken: false, done: false }; ENGINES],
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
    readers: Readers,
    /// Commands that each engine has done, at the end of the cycle.
    done: [u32; ENGINES],
    pub(super) counts: CoreCounts,
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
            readers: Readers::default(),
            done: [0; ENGINES],
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
        self.counts = CoreCounts::default();
        self.seen = watched.then(|| Box::new(Seen::NOTHING));
    }

    /// The last cycle of a run that is watched.
    pub(super) fn seen(&self) -> &Seen {
        self.seen.as_ref().expect("the run is watched")
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

    /// A clock edge.
    pub(super) fn step(&mut self, inputs: &Inputs, tables: &mut Tables<'_>) {
        let grants = self.serve(inputs);
        let stream_count = self.weights.stream_count();
        self.count(inputs, grants, stream_count);
        let beats = self.readers.beats();
        let bursts = [self.fetch.burst(), self.load.burst(), self.weights.burst()];
        let taken = self.readers.step(bursts, inputs.told.read, inputs.beat);
        let read = |reader| Readers::told(reader, taken, &beats);

        let control = self.control_step(inputs, read(0));
        let outcomes = self.engines(inputs, grants, [read(1), read(2)], stream_count, tables);
        if self.seen.is_some() {
            self.look(&control, &outcomes, grants);
        }
        if let Some(unit) = control.issue.filter(|unit| usize::from(*unit) < ENGINES) {
            self.fronts.dispatch(unit.into(), self.control.command());
        }
        let mut fronts = front::Inputs { word: control.word, ..front::Inputs::default() };
        for (index, outcome) in outcomes.iter().enumerate() {
            fronts.taken |= u8::from(outcome.taken) << index;
            fronts.finished |= u8::from(outcome.done) << index;
            self.done[index] = self.done[index].wrapping_add(u32::from(outcome.done));
        }
        self.fronts.step(fronts, &self.done);
    }

    /// Keep what a watcher sees of this cycle; what registers say was kept by [`Core::count`].
    fn look(&mut self, control: &control::Outcome, outcomes: &[Outcome; ENGINES], grants: Grants) {
        let Some(seen) = &mut self.seen else { return };
        (seen.outcomes, seen.grants) = (*outcomes, grants);
        for (index, command) in seen.commands.iter_mut().enumerate() {
            if let Some(instr) = self.fronts.command(index).filter(|_| outcomes[index].taken) {
                *command = *instr;
            }
        }
        for (port, engine) in ENGINE_OF_PORT.iter().enumerate() {
            seen.waits.put(*engine, Cause::Scratchpad, grants.held >> port & 1 == 1);
        }
        seen.waits.put(ENGINES, Cause::Queue, control.wait_queue);
        seen.waits.put(ENGINES, Cause::Code, control.wait_fetch);
    }

    /// What the engines ask the scratchpad for, and who is served.
    #[inline]
    fn serve(&mut self, inputs: &Inputs) -> Grants {
        let spad = &self.scratchpad;
        let mut asks = [None; PORTS];
        let mut put = |ports: &[usize], from: &[Option<Ask>]| {
            ports.iter().zip(from).for_each(|(port, ask)| asks[*port] = *ask);
        };
        put(&MATRIX_PORTS, &self.matrix.asks(spad.data(MATRIX_PORTS)));
        put(&VECTOR_PORTS, &self.vector.asks(spad.data(VECTOR_PORTS)));
        put(&LOAD_PORTS, &self.load.asks(spad.data(LOAD_PORTS)));
        put(&WEIGHTS_PORTS, &self.weights.asks(spad.data(WEIGHTS_PORTS)));
        put(&STORE_PORTS, &self.store.asks(spad.data(STORE_PORTS)));
        put(&EXCHANGE_PORTS, &self.exchange.asks(inputs.hub.turn));
        self.scratchpad.step(inputs.cycle, &asks)
    }

    /// Control and the cache of its code.
    #[inline]
    fn control_step(&mut self, inputs: &Inputs, memory: Read) -> control::Outcome {
        let run = self.control.runs_fetch();
        let control = self.control.step(control::Inputs {
            start: inputs.start,
            word: self.fetch.word(),
            fetch_idle: self.fetch.idle(),
            room: self.fronts.room(),
            done: self.fronts.done(),
            stream_empty: self.weights.empty(),
            param_taken: inputs.param_taken,
            param: inputs.param,
        });
        let control::Outcome { start, ready, jump, .. } = control;
        self.fetch.step(fetch::Inputs { start, run, jump, ready, memory });
        if let Some(unit) = control.issue {
            self.counts.instructions[unit as usize] += 1;
        }
        self.counts.queue += u64::from(control.wait_queue);
        self.counts.fetch += u64::from(control.wait_fetch);
        control
    }

    /// The engines; those in which nothing happens are passed over.
    #[inline]
    fn engines(
        &mut self,
        inputs: &Inputs,
        grants: Grants,
        [load_read, weights_read]: [Read; 2],
        stream_count: u32,
        tables: &mut Tables<'_>,
    ) -> [Outcome; ENGINES] {
        let mut outcomes = [Outcome::default(); ENGINES];
        let [load, weights, matrix, vector, store, exchange] =
            [LOAD, WEIGHTS, MATRIX, VECTOR, STORE, EXCHANGE].map(|unit| self.fronts.command(unit));
        if load.is_some() || !self.load.idle() {
            outcomes[LOAD] = self.load.step(load, grants.answers(LOAD_PORTS), load_read, tables);
        }
        let mut take = 0;
        if matrix.is_some() || !self.matrix.idle() {
            (outcomes[MATRIX], take) = self.matrix.step(matrix, stream_count, grants.answers(MATRIX_PORTS));
        }
        if weights.is_some() || !self.weights.idle() {
            outcomes[WEIGHTS] = self.weights.step(take, weights, grants.answers(WEIGHTS_PORTS), weights_read, tables);
        }
        if vector.is_some() || !self.vector.idle() {
            outcomes[VECTOR] = self.vector.step(vector, grants.answers(VECTOR_PORTS));
        }
        if store.is_some() || !self.store.idle() {
            let write = Write { aw_taken: inputs.told.write, w_taken: inputs.told.data, b: inputs.written };
            outcomes[STORE] = self.store.step(store, grants.answers(STORE_PORTS), write);
        }
        if exchange.is_some() || !self.exchange.idle() || inputs.hub.rx.is_some() {
            outcomes[EXCHANGE] = self.exchange.step(exchange, grants.answers(EXCHANGE_PORTS), inputs.hub);
        }
        outcomes
    }

    /// What holds in this cycle, from registers, is counted.
    #[inline]
    fn count(&mut self, inputs: &Inputs, grants: Grants, stream_count: u32) {
        let counts = &mut self.counts;
        let (busy, sync) = (self.fronts.busy(), self.fronts.waits());
        let stream = busy >> MATRIX & 1 == 1 && stream_count == 0;
        let memory = self.readers.waits(inputs.beat);
        add_bits(&mut counts.busy, u16::from(busy));
        add_bits(&mut counts.sync, u16::from(sync));
        counts.stream += u64::from(stream);
        counts.memory += u64::from(memory);
        if let Some(seen) = &mut self.seen {
            seen.waits = Waits::default();
            seen.waits.put_engines(sync, Cause::Sync);
            seen.waits.put(MATRIX, Cause::Stream, stream);
            [LOAD, WEIGHTS].into_iter().for_each(|engine| {
                seen.waits.put(engine, Cause::Memory, memory && busy >> engine & 1 == 1);
            });
        }
        add_bits(&mut counts.spad, grants.held);
    }
}

/// One more for each bit that is set.
#[inline]
fn add_bits(counts: &mut [u64], mut bits: u16) {
    while bits != 0 {
        counts[bits.trailing_zeros() as usize] += 1;
        bits &= bits - 1;
    }
}
