//! The chip (`puce_top`): cores, the hub between them, the parameter memory, and ports to memory.

use std::ops::Range;

use arch::attr::Unit;
use arch::{Chip, Program};

use super::core::{Core, Inputs};
use super::counts::{Counts, PortCounts};
use super::exchange::Hear;
use super::hub::{Hub, Side};
use super::memory::{Given, Lane, Timing};
use super::params::Params;
use super::port::{Beat, Mux, Takes, Told, Wants};
use super::queue::ENGINES;
use super::watch::{Spans, Traffic, Waits, Watch};
use super::wires::Part;

/// Code begins at a multiple of this above the program's memory, and the code of each core at a multiple of a line: as the host of `rtl` lays it out.
const CODE_ALIGN: u64 = 4096;
const LINE: u64 = 64;

/// A run that does not end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the program did not end in {0} cycles")]
pub struct Endless(pub u64);

/// A chip without values, between runs of programs.
pub struct Machine<'p> {
    chip: &'p Chip,
    timing: Timing,
    cores: Vec<Core<'p>>,
    lanes: Vec<(Mux, Lane)>,
    /// Cores of a memory port.
    per_port: usize,
    hub: Hub,
    params: Params,
    cycle: u64,
    /// What passes in a cycle, by core.
    sides: Vec<Side>,
    wants: Vec<Wants>,
    told: Vec<Told>,
    asks: Vec<Option<u32>>,
}

/// The indices that the gathers of a core read: core, then as in [`super::wires::Tables`].
pub type CoreTables<'a> = dyn FnMut(usize, Unit, i64, u64) -> u32 + 'a;

impl<'p> Machine<'p> {
    /// A chip after reset whose memory answers at these times.
    pub fn new(chip: &'p Chip, timing: Timing) -> Machine<'p> {
        let (count, ports) = (chip.core.count, chip.memory_ports());
        Machine {
            chip,
            timing,
            cores: (0..count).map(|_| Core::new(chip, &[], 0)).collect(),
            lanes: (0..ports).map(|_| (Mux::new(count / ports), Lane::default())).collect(),
            per_port: count / ports,
            hub: Hub::new(count),
            params: Params::default(),
            cycle: 0,
            sides: vec![Side::default(); count],
            wants: vec![Wants::default(); count],
            told: vec![Told::default(); count],
            asks: vec![None; count],
        }
    }

    /// Load a program, a stream for each core from the first on, and these parameters.
    pub fn load(&mut self, program: &'p Program, params: Vec<u32>) {
        let mut base = program.memory.next_multiple_of(CODE_ALIGN);
        self.params.write(params);
        for (core, stream) in self.cores.iter_mut().zip(&program.cores) {
            core.load(stream, base);
            let words: usize = stream.iter().map(|instr| instr.words()).sum();
            base += (8 * words as u64).next_multiple_of(LINE);
        }
    }

    /// Run the first `cores` cores to their end, or for `limit` cycles.
    ///
    /// # Errors
    /// When the program did not end in `limit` cycles.
    pub fn run(&mut self, cores: usize, limit: u64, tables: &mut CoreTables<'_>) -> Result<Counts, Endless> {
        self.run_watched(cores, limit, tables, None)
    }

    /// As [`Machine::run`], and somebody may watch; traffic is told in windows of so many cycles.
    ///
    /// # Errors
    /// When the program did not end in `limit` cycles.
    pub fn run_watched(
        &mut self,
        cores: usize,
        limit: u64,
        tables: &mut CoreTables<'_>,
        mut watched: Option<(&mut dyn Watch, u64)>,
    ) -> Result<Counts, Endless> {
        let mut look = watched.as_ref().map(|(_, window)| Look::new(self.cores.len(), *window, self.cycle));
        self.cores.iter_mut().for_each(|core| core.begin(watched.is_some()));
        let mut counts = Counts { cycles: 0, cores: Vec::new(), ports: vec![PortCounts::default(); self.lanes.len()] };
        let end = self.cycle.saturating_add(limit);
        let mut start = true;
        loop {
            counts.cycles += u64::from(self.cores.iter().any(|core| core.control.running()));
            self.step(start.then_some(cores), &mut counts.ports, tables);
            start = false;
            if let (Some(look), Some((watch, _))) = (&mut look, &mut watched) {
                look.step(&self.cores, &counts.ports, self.cycle - 1, *watch);
            }
            if self.cores[..cores].iter().all(|core| core.control.done()) {
                break;
            }
            if self.cycle >= end {
                return Err(Endless(limit));
            }
        }
        if let (Some(look), Some((watch, _))) = (&mut look, &mut watched) {
            look.end(self.cycle, *watch);
        }
        let cycle = self.cycle;
        counts.cores.extend(self.cores.iter_mut().map(|core| core.end(cycle)));
        Ok(counts)
    }

    /// One cycle of everything, in which the first `start` cores are started.
    fn step(&mut self, start: Option<usize>, counts: &mut [PortCounts], tables: &mut CoreTables<'_>) {
        let hub = !self.hub.idle() || self.cores.iter().any(Core::exchanges);
        let (turn, rx, release, tx_ready) = if hub { self.meet() } else { (None, None, false, false) };
        let came = self.params.came();
        let served = self.serve_params();
        for (port, counts) in counts.iter_mut().enumerate() {
            let first = port * self.per_port;
            let cores = first..first + self.per_port;
            let (Given { beat, written }, asked) = self.pass(port, cores.clone(), counts);
            for index in cores {
                let side = &self.sides[index];
                let own = |id: u32| first + (id >> 2) as usize == index;
                let inputs = Inputs {
                    cycle: self.cycle,
                    start: start.is_some_and(|count| index < count),
                    told: if asked { self.told[index] } else { Told::default() },
                    beat: beat.filter(|beat| own(beat.id)).map(|beat| Beat { id: beat.id & 3, ..beat }),
                    written: written.is_some_and(own),
                    hub: Hear {
                        turn: turn == Some(index),
                        tx_taken: turn == Some(index) && tx_ready && side.tx.is_some(),
                        rx,
                        release,
                    },
                    param_taken: served == Some(index),
                    param: came.filter(|(core, _)| *core == index).map(|(_, word)| word),
                };
                self.cores[index].step(&inputs, &mut |unit, address, entry| tables(index, unit, address, entry));
            }
        }
        if hub {
            self.hub.step(&self.sides);
        }
        self.cycle += 1;
    }

    /// What the hub sees of the cores, and what it says: whose turn it is, the beat for all, the end of a gather, whether it takes a beat.
    fn meet(&mut self) -> (Option<usize>, Option<Part>, bool, bool) {
        let turn = self.hub.turn();
        for (index, (side, core)) in self.sides.iter_mut().zip(&self.cores).enumerate() {
            *side = core.side(turn == Some(index));
        }
        (turn, self.hub.rx(&self.sides), self.hub.release(), self.hub.tx_ready())
    }

    /// The core whose question the parameter memory takes.
    #[inline]
    fn serve_params(&mut self) -> Option<usize> {
        let mut any = self.params.came().is_some();
        for (asks, core) in self.asks.iter_mut().zip(&self.cores) {
            *asks = core.control.asks_param();
            any |= asks.is_some();
        }
        if any { self.params.step(&self.asks) } else { None }
    }

    /// One cycle between the cores of a port and memory: what memory gives, and whether the cores were told anything.
    #[inline]
    fn pass(&mut self, port: usize, cores: Range<usize>, counts: &mut PortCounts) -> (Given, bool) {
        let (mux, lane) = &mut self.lanes[port];
        let given = lane.give(self.cycle);
        counts.read += u64::from(given.beat.is_some());
        let asks = self.cores[cores.clone()].iter().any(Core::asks_memory);
        if !asks && mux.idle() && !lane.collects() {
            return (given, false);
        }
        let told = &mut self.told[cores.clone()];
        let wants = &mut self.wants[cores.clone()];
        wants.iter_mut().zip(&self.cores[cores]).for_each(|(wants, core)| *wants = core.wants());
        let asked = mux.step(wants, Takes::ALL, told);
        counts.written += u64::from(asked.data.is_some());
        lane.take(self.cycle, asked, self.chip.memory.port.0, &mut self.timing);
        (given, true)
    }
}

/// What a watcher is told of a run, cycle by cycle.
struct Look {
    /// The cycle in which the run began.
    begin: u64,
    spans: Vec<Spans>,
    traffic: Traffic,
    seen: PortCounts,
}

impl Look {
    fn new(cores: usize, window: u64, begin: u64) -> Look {
        let spans = (0..cores).map(Spans::new).collect();
        Look { begin, spans, traffic: Traffic::new(window), seen: PortCounts::default() }
    }

    fn step(&mut self, cores: &[Core<'_>], ports: &[PortCounts], cycle: u64, watch: &mut dyn Watch) {
        let now = cycle - self.begin;
        let mut words = 0;
        for (core, spans) in cores.iter().zip(&mut self.spans) {
            let seen = core.seen();
            if let Some(instr) = &seen.begun {
                watch.begun(spans.core(), instr, now);
            }
            for engine in 0..ENGINES {
                if seen.ends.taken >> engine & 1 == 1 {
                    spans.taken(engine, &seen.commands[engine], now);
                }
                if seen.ends.finished >> engine & 1 == 1 {
                    spans.finished(engine, now, watch);
                }
            }
            spans.waits(seen.waits, now, watch);
            words += u64::from(seen.grants.taken.count_ones());
        }
        let sum = |of: fn(&PortCounts) -> u64| ports.iter().map(of).sum::<u64>();
        let moved = PortCounts { read: sum(|port| port.read), written: sum(|port| port.written) };
        self.traffic.step(moved.read - self.seen.read, moved.written - self.seen.written, words, now, watch);
        self.seen = moved;
    }

    fn end(&mut self, cycle: u64, watch: &mut dyn Watch) {
        let now = cycle - self.begin;
        self.spans.iter_mut().for_each(|spans| spans.waits(Waits::NONE, now, watch));
        self.traffic.end(now, watch);
    }
}
