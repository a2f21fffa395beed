//! The machine: a group of chips behind the [`Machine`] trait.

use crate::core::{Core, Met, Shared, Stream};
use crate::crew::Staff;
use crate::kernels::{self, Kernels};
use crate::memory::Memory;
use crate::team::{Failure, Member, crews, run};
use arch::legal;
use arch::machine::{Counters, Fault, Machine, MachineError};
use arch::{Chip, Program};
use base::status::Flags;

/// How to emulate; none of it can change the result of a run that ends.
#[derive(Clone, Copy)]
pub struct Settings {
    /// Chips in the group.
    pub chips: usize,
    /// Host threads. Cores share them; with more threads than cores, the threads of a core share the work of its large instructions.
    pub threads: usize,
    /// Instruction set of the arithmetic.
    pub kernels: &'static dyn Kernels,
    /// Most instructions of one core in one run; beyond it the run stops with a fault. `None`: no limit.
    pub budget: Option<u64>,
    /// Stop with a fault where two engines of a core touch the same bytes, at least one writing, and no `sync` orders them. Slow.
    pub check_races: bool,
    /// Let the threads of a core share even the smallest instructions. Slow: for tests.
    pub share_finely: bool,
    /// Record what every instruction of an engine meets ([`Emulator::met`]). Slow.
    pub record: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        let kernels = kernels::best();
        Settings { chips: 1, threads: 1, kernels, budget: None, check_races: false, share_finely: false, record: false }
    }
}

struct ChipState {
    memory: Memory,
    params: Vec<u32>,
    cores: Vec<Core>,
    streams: Vec<Stream>,
}

/// A group of equal chips, emulated.
pub struct Emulator {
    chip: Chip,
    settings: Settings,
    chips: Vec<ChipState>,
    /// The threads of every core, and for how many cores and threads they were made.
    crews: (Vec<Staff>, [usize; 2]),
}

fn request(what: impl Into<String>) -> MachineError {
    MachineError::Request(what.into())
}

/// Copy all of a memory, leaving pages of zeros untouched.
fn copy(old: &Memory, new: &mut Memory) {
    let mut bytes = vec![0; 1 << 16];
    for at in (0..old.len()).step_by(bytes.len()) {
        let part = bytes.len().min(old.len() - at);
        old.read(at as u64, &mut bytes[..part]);
        if bytes[..part].iter().any(|byte| *byte != 0) {
            new.write(at as u64, &bytes[..part]);
        }
    }
}

impl Emulator {
    /// A group of chips without programs.
    pub fn new(chip: &Chip, settings: Settings) -> Result<Emulator, MachineError> {
        let state = || {
            let memory = Memory::new(0).map_err(|e| request(format!("no memory for the chip: {e}")))?;
            Ok(ChipState { memory, params: vec![0; chip.parameters], cores: Vec::new(), streams: Vec::new() })
        };
        let chips = (0..settings.chips.max(1)).map(|_| state()).collect::<Result<Vec<_>, MachineError>>()?;
        Ok(Emulator { chip: chip.clone(), settings, chips, crews: Default::default() })
    }

    /// Name of the instruction set in use.
    pub fn kernels(&self) -> &'static str {
        self.settings.kernels.name()
    }

    /// Use this many host threads from now on.
    pub fn set_threads(&mut self, threads: usize) {
        self.settings.threads = threads;
    }

    /// What the engines' instructions of this core met in the last run, in the order of the program; nothing if that was not recorded.
    pub fn met(&self, chip: usize, core: usize) -> &[Met] {
        self.chips.get(chip).and_then(|state| state.cores.get(core)).map_or(&[], Core::met)
    }

    fn state(&self, chip: usize) -> Result<&ChipState, MachineError> {
        self.chips.get(chip).ok_or_else(|| request(format!("chip {chip}: the group has {}", self.chips.len())))
    }

    fn state_mut(&mut self, chip: usize) -> Result<&mut ChipState, MachineError> {
        let count = self.chips.len();
        self.chips.get_mut(chip).ok_or_else(|| request(format!("chip {chip}: the group has {count}")))
    }

    fn fault(&self, failure: Failure) -> MachineError {
        let Failure { chip, core, what } = failure;
        let state = &self.chips[chip];
        let pc = state.cores[core].pc;
        let instr = state.streams[core].instr(pc).to_string();
        MachineError::Fault(Fault { chip, core, pc, instr, what })
    }
}

impl Machine for Emulator {
    fn chips(&self) -> usize {
        self.chips.len()
    }

    fn load(&mut self, chip: usize, program: &Program) -> Result<(), MachineError> {
        let description = self.chip.clone();
        legal::check(program, &description).map_err(|e| request(e.to_string()))?;
        let state = self.state_mut(chip)?;
        let no_memory = |e: std::io::Error| request(format!("the host has no memory for the chip's: {e}"));
        if program.memory as usize > state.memory.len() {
            let memory = Memory::new(program.memory as usize).map_err(no_memory)?;
            let old = std::mem::replace(&mut state.memory, memory);
            copy(&old, &mut state.memory);
        }
        state.streams = program.cores.iter().map(|stream| Stream::new(stream)).collect();
        while state.cores.len() < program.cores.len() {
            state.cores.push(Core::new(&description).map_err(no_memory)?);
        }
        Ok(())
    }

    fn write(&mut self, chip: usize, address: u64, bytes: &[u8]) -> Result<(), MachineError> {
        let state = self.state_mut(chip)?;
        match state.memory.write(address, bytes) {
            true => Ok(()),
            false => Err(request(format!(
                "a write of {} bytes at {address} ends outside the memory of {}",
                bytes.len(),
                state.memory.len()
            ))),
        }
    }

    fn read(&self, chip: usize, address: u64, bytes: &mut [u8]) -> Result<(), MachineError> {
        let state = self.state(chip)?;
        match state.memory.read(address, bytes) {
            true => Ok(()),
            false => Err(request(format!(
                "a read of {} bytes at {address} ends outside the memory of {}",
                bytes.len(),
                state.memory.len()
            ))),
        }
    }

    fn set_params(&mut self, chip: usize, index: usize, words: &[u32]) -> Result<(), MachineError> {
        let state = self.state_mut(chip)?;
        let have = state.params.len();
        let end = index.checked_add(words.len()).filter(|end| *end <= have);
        let end = end
            .ok_or_else(|| request(format!("{} parameters from {index} on: the chip has {have} words", words.len())))?;
        state.params[index..end].copy_from_slice(words);
        Ok(())
    }

    fn run(&mut self) -> Result<(), MachineError> {
        let settings = self.settings;
        let (description, kernels) = (&self.chip, settings.kernels);
        let count = self.chips.iter().map(|state| state.streams.len()).sum();
        let wanted = [count, settings.threads];
        if self.crews.1 != wanted {
            self.crews = (crews(count, settings.threads, settings.share_finely), wanted);
        }
        let mut free = self.crews.0.iter();
        let mut members = Vec::new();
        for (chip, state) in self.chips.iter_mut().enumerate() {
            let (memory, params) = (&state.memory, &state.params[..]);
            let cores = state.cores.iter_mut().zip(&state.streams).zip(&mut free).enumerate();
            members.extend(cores.map(|(core, ((state, stream), staff))| {
                state.restart(settings.budget, settings.check_races, settings.record);
                let shared = Shared { chip: description, memory, params, kernels, crew: &staff.crew };
                Member { chip, core, state, stream, shared }
            }));
        }
        let result = run(members, settings.threads);
        result.map_err(|failure| self.fault(failure))
    }

    fn flags(&self, chip: usize) -> Flags {
        let cores = self.chips.get(chip).map_or(&[][..], |state| &state.cores);
        cores.iter().fold(Flags::NONE, |all, core| all | core.flags)
    }

    fn clear(&mut self) {
        for core in self.chips.iter_mut().flat_map(|state| &mut state.cores) {
            core.flags = Flags::NONE;
            core.counters = Counters::default();
        }
    }

    fn scratchpad(&self, chip: usize, core: usize) -> Result<Vec<u8>, MachineError> {
        let state = self.state(chip)?;
        let count = state.cores.len();
        let core =
            state.cores.get(core).ok_or_else(|| request(format!("core {core}: {count} cores have a program")))?;
        let mut bytes = vec![0; core.scratchpad.len()];
        core.scratchpad.read(0, &mut bytes);
        Ok(bytes)
    }

    fn counters(&self) -> Counters {
        let mut all = Counters::default();
        self.chips.iter().flat_map(|state| &state.cores).for_each(|core| all.add(&core.counters));
        all
    }
}
