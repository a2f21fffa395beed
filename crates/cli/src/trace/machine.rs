//! The chip's twin in time as a machine: it takes programs and parameters, holds no memory, and takes its time.

use super::timeline::Timeline;
use arch::machine::{Counters, Machine, MachineError};
use arch::{Chip, Program};
use base::status::Flags;
use perf::cycles::machine;
use perf::cycles::memory::Timing;
use perf::cycles::watch::Watch;
use perf::cycles::wires::in_order;
use std::io::Write;

/// No step of a model takes as many cycles.
const ENDLESS: u64 = 1 << 40;

/// One chip.
pub struct Twin<'a, W: Write> {
    chip: &'a Chip,
    program: &'a Program,
    machine: machine::Machine<'a>,
    window: u64,
    params: Vec<u32>,
    timeline: &'a mut Timeline<W>,
    /// The name of the next step, if it is run.
    label: Option<String>,
}

impl<'a, W: Write> Twin<'a, W> {
    /// A chip with this program and this memory, that a timeline watches, with traffic in windows of so many cycles.
    pub fn new(
        chip: &'a Chip,
        program: &'a Program,
        memory: Timing,
        window: u64,
        timeline: &'a mut Timeline<W>,
    ) -> Twin<'a, W> {
        let machine = machine::Machine::new(chip, memory);
        Twin { chip, program, machine, window, params: vec![0; chip.parameters], timeline, label: None }
    }

    /// The next step has this name; without one it takes no time.
    pub fn next(&mut self, label: Option<String>) {
        self.label = label;
    }
}

impl<W: Write> Machine for Twin<'_, W> {
    fn chips(&self) -> usize {
        1
    }

    fn load(&mut self, _chip: usize, program: &Program) -> Result<(), MachineError> {
        arch::legal::check(program, self.chip).map_err(|error| MachineError::Request(error.to_string()))?;
        match program == self.program {
            true => Ok(()),
            false => Err(MachineError::Request("the twin in time runs the program that it was made with".into())),
        }
    }

    fn write(&mut self, _chip: usize, _address: u64, _bytes: &[u8]) -> Result<(), MachineError> {
        Ok(())
    }

    fn read(&self, _chip: usize, _address: u64, bytes: &mut [u8]) -> Result<(), MachineError> {
        bytes.fill(0);
        Ok(())
    }

    fn set_params(&mut self, _chip: usize, index: usize, words: &[u32]) -> Result<(), MachineError> {
        let places = self.params.get_mut(index..index + words.len());
        let places = places.ok_or_else(|| MachineError::Request(format!("parameter {index}: the chip has fewer")))?;
        places.copy_from_slice(words);
        Ok(())
    }

    fn run(&mut self) -> Result<(), MachineError> {
        let Some(label) = self.label.take().filter(|_| self.timeline.wants()) else { return Ok(()) };
        self.machine.load(self.program, self.params.clone());
        let mut tables = |_core, unit, address, entry| in_order(unit, address, entry);
        let watched = Some((self.timeline as &mut dyn Watch, self.window));
        let counts = self.machine.run_watched(self.program.cores.len(), ENDLESS, &mut tables, watched);
        let cycles = counts.map_err(|error| MachineError::Request(error.to_string()))?.cycles;
        self.timeline.step(&label, cycles);
        Ok(())
    }

    fn flags(&self, _chip: usize) -> Flags {
        Flags::NONE
    }

    fn clear(&mut self) {}

    fn scratchpad(&self, _chip: usize, _core: usize) -> Result<Vec<u8>, MachineError> {
        Err(MachineError::Request("the twin in time holds no bytes".into()))
    }

    fn counters(&self) -> Counters {
        Counters::default()
    }
}
