//! The verilated chip behind the [`Machine`] trait: what runs on the emulator runs here.
//!
//! The machine plays the host (AXI4-Lite) and the memory ([`crate::memory`]). Code goes into memory above the program's. A program whose fault stops the
//! chip needs a reset, which clears the scratchpad too; memory stays. Hardware names fewer faults than the emulator, and control runs ahead of the
//! engines: see [`crate::registers::core::PC`].

use std::path::Path;

use arch::machine::{Counters, Fault, Machine, MachineError};
use arch::{Chip, Program, legal};
use base::status::Flags;

use crate::block::Block;
use crate::design::{Design, Effort};
use crate::library::{Exposed, Port};
use crate::memory::{AxiPort, Memory, Shared, Timing};
use crate::registers::{self, Register, Size};
use crate::watch::{Watched, Watcher, Windows};
use crate::{Error, params};

/// How the chip is simulated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// When memory answers.
    pub timing: Timing,
    /// Most cycles of one run.
    pub limit: u64,
    /// Registers start at zero, or at random values of a seed that is not zero.
    pub registers: u32,
    /// How hard the compiler works when the simulator is built.
    pub effort: Effort,
    /// Check the design's assertions.
    pub checked: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        let timing = Timing::Fixed { latency: 100 };
        Settings { timing, limit: u64::MAX, registers: 0, effort: Effort::Balanced, checked: true }
    }
}

/// Code begins at a multiple of this above the program's memory.
const CODE_ALIGN: usize = 4096;
/// And the code of each core at a multiple of this.
const LINE: usize = 64;

/// Cycles that memory is given to end what it began: more than it ever takes.
const SETTLE: usize = 10_000;

/// One chip, simulated cycle by cycle.
pub struct RtlMachine {
    chip: Chip,
    settings: Settings,
    block: Block,
    host: Host,
    ports: Vec<AxiPort>,
    memory: Memory,
    banks: Vec<Exposed>,
    program: Program,
    /// Parameter words that may not be zero.
    params: usize,
    flags: Flags,
    counters: Counters,
    watcher: Option<Watcher>,
}

/// The host's signals.
struct Host {
    aw_valid: Port,
    aw_ready: Port,
    aw_addr: Port,
    w_valid: Port,
    w_ready: Port,
    w_data: Port,
    w_strb: Port,
    b_valid: Port,
    b_ready: Port,
    b_resp: Port,
    ar_valid: Port,
    ar_ready: Port,
    ar_addr: Port,
    r_valid: Port,
    r_ready: Port,
    r_data: Port,
    r_resp: Port,
    irq: Port,
}

impl Host {
    fn find(block: &Block) -> Host {
        let port = |name: &str| block.port(&format!("lite_{name}"));
        Host {
            aw_valid: port("aw_valid_i"),
            aw_ready: port("aw_ready_o"),
            aw_addr: port("aw_addr_i"),
            w_valid: port("w_valid_i"),
            w_ready: port("w_ready_o"),
            w_data: port("w_data_i"),
            w_strb: port("w_strb_i"),
            b_valid: port("b_valid_o"),
            b_ready: port("b_ready_i"),
            b_resp: port("b_resp_o"),
            ar_valid: port("ar_valid_i"),
            ar_ready: port("ar_ready_o"),
            ar_addr: port("ar_addr_i"),
            r_valid: port("r_valid_o"),
            r_ready: port("r_ready_i"),
            r_data: port("r_data_o"),
            r_resp: port("r_resp_o"),
            irq: block.port("irq_o"),
        }
    }
}

fn request(what: impl Into<String>) -> MachineError {
    MachineError::Request(what.into())
}

/// The design that simulates this chip.
pub fn design(chip: &Chip, settings: &Settings) -> Result<Design, Error> {
    let params = params::of_chip(chip).map_err(|error| Error::Build(error.to_string()))?;
    let top = Design::new("puce_top").effort(settings.effort).expose("puce_sram", "mem_q");
    let top = if settings.checked { top } else { top.unchecked() };
    Ok(params.into_iter().fold(top, |top, (name, value)| top.param(name, value)))
}

impl RtlMachine {
    /// A chip after reset, without a program.
    pub fn new(chip: &Chip, settings: Settings) -> Result<RtlMachine, Error> {
        RtlMachine::of(chip, settings, &design(chip, &settings)?)
    }

    /// The same, with modules of which [`RtlMachine::record`] records what they meet.
    pub fn watching(
        chip: &Chip,
        settings: Settings,
        watched: &[Watched],
        windows: Windows,
    ) -> Result<RtlMachine, Error> {
        let design = watched.iter().fold(design(chip, &settings)?, |design, one| one.expose(design));
        let mut machine = RtlMachine::of(chip, settings, &design)?;
        machine.watcher = Some(Watcher::new(&machine.block, watched, windows));
        Ok(machine)
    }

    fn of(chip: &Chip, settings: Settings, design: &Design) -> Result<RtlMachine, Error> {
        let block = Block::of_seed(design, settings.registers)?;
        let lanes = 0..chip.memory_ports();
        let ports = lanes.map(|lane| AxiPort::connect(&block, "axi_", lane, settings.timing)).collect();
        let mut banks: Vec<_> =
            block.exposed("mem_q").into_iter().filter(|bank| bank.path.contains("scratchpad")).collect();
        banks.sort_by_key(|bank| numbers(&bank.path));
        assert_eq!(banks.len(), chip.core.count * chip.core.banks, "a memory array per core and bank");
        Ok(RtlMachine {
            chip: chip.clone(),
            settings,
            host: Host::find(&block),
            block,
            ports,
            memory: Memory::default(),
            banks,
            program: Program::default(),
            params: 0,
            flags: Flags::NONE,
            counters: Counters::default(),
            watcher: None,
        })
    }

    /// Record what the watched modules meet from now on; what was recorded before is forgotten.
    pub fn record(&mut self) {
        self.watcher.iter_mut().for_each(Watcher::start);
    }

    /// Write what was recorded into a folder, a file for each module; `phase` names the work, `source` says what it was.
    ///
    /// # Errors
    /// When a file cannot be written, or no window is whole.
    pub fn write_recordings(&self, folder: &Path, phase: &str, source: &str) -> Result<(), Error> {
        self.watcher.iter().try_for_each(|watcher| watcher.write(&self.block, folder, phase, source))
    }

    /// Cycles since the last reset.
    pub fn cycle(&self) -> u64 {
        self.block.cycle()
    }

    /// What memory holds, for tests that break parts of it.
    pub fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// When memory answers from now on.
    pub fn set_timing(&mut self, timing: Timing) {
        self.ports.iter_mut().for_each(|port| port.set_timing(timing));
    }

    /// Reset the chip, which is then as it was when it was made, and let its scratchpads clear themselves. Memory and parameters stay as they are.
    ///
    /// # Errors
    /// When the chip does not answer.
    pub fn power_up(&mut self) -> Result<(), MachineError> {
        self.reset()?;
        let rows = self.chip.core.scratchpad.0 as usize / crate::bench::WORD / self.chip.core.banks;
        for _ in 0..rows {
            self.step()?;
            self.edge()?;
        }
        Ok(())
    }

    /// From now on it is this memory that answers, or none of its own, until the next reset.
    pub fn set_times(&mut self, times: Option<&Shared>) {
        self.ports.iter_mut().for_each(|port| port.set_times(times.cloned()));
    }

    /// Make the machine as good as new in little time: zeros in memory, scratchpads and parameters, no program, flags or counts.
    pub fn renew(&mut self) -> Result<(), MachineError> {
        for bank in &self.banks {
            self.block.bytes_mut(bank).fill(0);
        }
        self.memory = Memory::default();
        self.program = Program::default();
        (0..std::mem::take(&mut self.params))
            .try_for_each(|index| self.put(registers::PARAMETERS + 4 * index as u32, 0))?;
        self.control(registers::CLEAR)?;
        self.clear();
        Ok(())
    }

    /// The value of a register of an instance of its block; of counter `item` when it is an array of pairs.
    pub fn register(&mut self, register: Register, index: usize, item: usize) -> Result<u64, MachineError> {
        let address = register.item(index, item);
        let low = u64::from(self.get(address)?);
        Ok(match register.size {
            Size::Word => low,
            Size::Pair | Size::Pairs(_) => low | u64::from(self.get(address + 4)?) << 32,
        })
    }

    /// What the chip has counted: its cycles, then the counters of each core, then beats read and written at each port, in the order of the register map.
    ///
    /// # Errors
    /// When the chip does not answer.
    pub fn counted(&mut self) -> Result<Vec<u64>, MachineError> {
        let mut all = vec![self.register(registers::chip::CYCLES, 0, 0)?];
        for core in 0..self.chip.core.count {
            for counter in registers::core_counters() {
                let items = if let Size::Pairs(items) = counter.size { items as usize } else { 1 };
                for item in 0..items {
                    all.push(self.register(counter, core, item)?);
                }
            }
        }
        for port in 0..self.ports.len() {
            all.push(self.register(registers::port::READ, port, 0)?);
            all.push(self.register(registers::port::WRITE, port, 0)?);
        }
        Ok(all)
    }

    /// Give a register of an instance of its block a value.
    pub fn set_register(&mut self, register: Register, index: usize, value: u64) -> Result<(), MachineError> {
        let address = register.of(index);
        self.put(address, value as u32)?;
        match register.size {
            Size::Word => Ok(()),
            Size::Pair | Size::Pairs(_) => self.put(address + 4, (value >> 32) as u32),
        }
    }

    /// One cycle of everything.
    fn step(&mut self) -> Result<(), MachineError> {
        let wrong = |what: String| request(format!("the design breaks a rule: {what}"));
        for port in &mut self.ports {
            port.drive(&mut self.block, &mut self.memory);
        }
        self.block.try_eval().map_err(wrong)?;
        if let Some(watcher) = &mut self.watcher {
            watcher.look(&self.block);
        }
        for port in &mut self.ports {
            port.sample(&self.block).map_err(|what| wrong(format!("cycle {}: {what}", self.block.cycle())))?;
        }
        Ok(())
    }

    fn edge(&mut self) -> Result<(), MachineError> {
        self.block.rise().map_err(|what| request(format!("the design breaks a rule: {what}")))
    }

    /// Let cycles pass until one of these outputs is high; it is high in the cycle that is looked at, before the edge.
    fn until(&mut self, outputs: &[Port]) -> Result<(), MachineError> {
        for _ in 0..1000 {
            self.step()?;
            if outputs.iter().any(|port| self.block.take(*port) == 1) {
                return Ok(());
            }
            self.edge()?;
        }
        Err(request("the host's port of the chip does not answer"))
    }

    /// Write a word through AXI4-Lite.
    fn put(&mut self, address: u32, word: u32) -> Result<(), MachineError> {
        let host = &self.host;
        let (aw_valid, w_valid, aw_ready, w_ready) = (host.aw_valid, host.w_valid, host.aw_ready, host.w_ready);
        let (b_valid, b_ready, b_resp) = (host.b_valid, host.b_ready, host.b_resp);
        self.block.put(host.aw_addr, u64::from(address));
        self.block.put(host.w_data, u64::from(word));
        self.block.put(host.w_strb, 0xf);
        self.block.put(aw_valid, 1);
        self.block.put(w_valid, 1);
        self.block.put(b_ready, 1);
        let mut open = vec![(aw_valid, aw_ready), (w_valid, w_ready)];
        while !open.is_empty() {
            self.until(&open.iter().map(|(_, ready)| *ready).collect::<Vec<_>>())?;
            let (taken, left): (Vec<_>, Vec<_>) = open.into_iter().partition(|(_, ready)| self.block.take(*ready) == 1);
            self.answered_early(b_valid, &left, address)?;
            self.edge()?;
            taken.into_iter().for_each(|(valid, _)| self.block.put(valid, 0));
            open = left;
        }
        self.until(&[b_valid])?;
        let answer = self.block.take(b_resp);
        self.edge()?;
        self.block.put(b_ready, 0);
        refused(answer, address)
    }

    /// An answer comes after the request.
    fn answered_early(&self, b_valid: Port, left: &[(Port, Port)], address: u32) -> Result<(), MachineError> {
        match !left.is_empty() && self.block.take(b_valid) == 1 {
            true => Err(request(format!("the design answers a write of register {address:#x} that it has not taken"))),
            false => Ok(()),
        }
    }

    /// Read a word through AXI4-Lite.
    fn get(&mut self, address: u32) -> Result<u32, MachineError> {
        let host = &self.host;
        let (ar_valid, ar_ready, r_valid, r_ready) = (host.ar_valid, host.ar_ready, host.r_valid, host.r_ready);
        let (r_data, r_resp) = (host.r_data, host.r_resp);
        self.block.put(host.ar_addr, u64::from(address));
        self.block.put(ar_valid, 1);
        self.until(&[ar_ready])?;
        self.edge()?;
        self.block.put(ar_valid, 0);
        self.block.put(r_ready, 1);
        self.until(&[r_valid])?;
        let (word, answer) = (self.block.take(r_data) as u32, self.block.take(r_resp));
        self.edge()?;
        self.block.put(r_ready, 0);
        refused(answer, address)?;
        Ok(word)
    }

    fn control(&mut self, bits: u32) -> Result<(), MachineError> {
        self.set_register(registers::chip::CONTROL, 0, u64::from(bits))
    }

    /// Start, and let cycles pass until the chip is done or has stopped.
    fn run_to_end(&mut self) -> Result<(), MachineError> {
        let end = self.block.cycle().saturating_add(self.settings.limit);
        self.control(registers::START)?;
        loop {
            self.step()?;
            let over = self.block.take(self.host.irq) == 1;
            self.edge()?;
            if over {
                return Ok(());
            }
            if self.block.cycle() >= end {
                self.reset()?;
                return Err(request(format!("the program did not end in {} cycles", self.settings.limit)));
            }
        }
    }

    /// Let memory finish what was under way when the chip stopped.
    fn settle(&mut self) -> Result<(), MachineError> {
        for _ in 0..SETTLE {
            if self.ports.iter().all(AxiPort::idle) {
                break;
            }
            self.step()?;
            self.edge()?;
        }
        Ok(())
    }

    /// Reset the chip: only that ends a fault. Memory and parameters stay as they are.
    fn reset(&mut self) -> Result<(), MachineError> {
        let timing = self.settings.timing;
        for (lane, port) in self.ports.iter_mut().enumerate() {
            *port = AxiPort::connect(&self.block, "axi_", lane, timing);
            // With nothing under way it offers nothing.
            port.drive(&mut self.block, &mut self.memory);
        }
        self.block.reset();
        self.set_up()
    }

    /// Tell the chip where its program is.
    fn set_up(&mut self) -> Result<(), MachineError> {
        self.set_register(registers::chip::LIMIT, 0, self.program.memory)?;
        self.set_register(registers::chip::RUN, 0, self.program.cores.len() as u64)?;
        let mut at = self.memory.code_at;
        for core in 0..self.program.cores.len() {
            self.set_register(registers::core::CODE, core, at)?;
            at += code_bytes(&self.program.cores[core]).len() as u64;
        }
        Ok(())
    }

    /// The fault of the first core that has one.
    fn fault(&mut self) -> Result<Option<Fault>, MachineError> {
        for core in 0..self.program.cores.len() {
            let status = self.register(registers::core::STATUS, core, 0)?;
            if status as u32 & registers::FAULT != 0 {
                let pc = self.register(registers::core::PC, core, 0)? as usize;
                let reason = self.register(registers::core::REASON, core, 0)?;
                let instr = self.program.cores[core].get(pc).map(ToString::to_string).unwrap_or_default();
                return Ok(Some(Fault { chip: 0, core, pc, instr, what: reason_text(reason).into() }));
            }
        }
        Ok(None)
    }

    /// Add up what the chip has counted.
    fn take_counts(&mut self) -> Result<(), MachineError> {
        let flags = self.register(registers::chip::FLAGS, 0, 0)?;
        self.flags |= Flags(flags as u32);
        let mut instructions = [0; 7];
        for core in 0..self.chip.core.count {
            for (unit, count) in instructions.iter_mut().enumerate() {
                *count += self.register(registers::core::INSTRUCTIONS, core, unit)?;
            }
        }
        self.counters.instructions = instructions;
        Ok(())
    }
}

/// The numbers in a path: their order is that of cores, then banks.
fn numbers(path: &str) -> Vec<u64> {
    path.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
}

fn refused(answer: u64, address: u32) -> Result<(), MachineError> {
    if answer == 0 { Ok(()) } else { Err(request(format!("the chip has no register at {address:#x}"))) }
}

/// What a reason of [`registers::core::REASON`] says of the program.
fn reason_text(reason: u64) -> &'static str {
    match reason {
        1 => "no such instruction",
        2 => "an operand's value exceeds 48 bits",
        3 => "no such parameter",
        4 => "loops nest too deep, or end without a beginning",
        5 => "an access outside the scratchpad",
        6 => "an access outside the program's memory",
        7 => "more tokens than accumulators",
        8 => "the memory port answered with an error",
        9 => "a scratchpad word has two wrong bits",
        10 => "weights are left in the stream at the end",
        _ => "a reason that the register map does not know",
    }
}

/// A stream's code, filled up to whole lines.
fn code_bytes(stream: &[arch::Instr]) -> Vec<u8> {
    let mut words = Vec::new();
    stream.iter().for_each(|instr| instr.encode(&mut words));
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
    bytes.resize(bytes.len().next_multiple_of(LINE), 0);
    bytes
}

impl Machine for RtlMachine {
    fn chips(&self) -> usize {
        1
    }

    fn load(&mut self, chip: usize, program: &Program) -> Result<(), MachineError> {
        self.only(chip)?;
        legal::check(program, &self.chip).map_err(|error| request(error.to_string()))?;
        let memory = self.memory.data.len().max(program.memory as usize);
        self.memory.data.resize(memory, 0);
        self.memory.code_at = memory.next_multiple_of(CODE_ALIGN) as u64;
        self.memory.code = program.cores.iter().flat_map(|stream| code_bytes(stream)).collect();
        self.program = program.clone();
        self.set_up()
    }

    fn write(&mut self, chip: usize, address: u64, bytes: &[u8]) -> Result<(), MachineError> {
        self.only(chip)?;
        let range = self.range("write", address, bytes.len())?;
        self.memory.data[range].copy_from_slice(bytes);
        Ok(())
    }

    fn read(&self, chip: usize, address: u64, bytes: &mut [u8]) -> Result<(), MachineError> {
        self.only(chip)?;
        let range = self.range("read", address, bytes.len())?;
        bytes.copy_from_slice(&self.memory.data[range]);
        Ok(())
    }

    fn set_params(&mut self, chip: usize, index: usize, words: &[u32]) -> Result<(), MachineError> {
        self.only(chip)?;
        let have = self.chip.parameters;
        let end = index.checked_add(words.len()).filter(|end| *end <= have);
        let end = end
            .ok_or_else(|| request(format!("{} parameters from {index} on: the chip has {have} words", words.len())))?;
        self.params = self.params.max(end);
        let places = (registers::PARAMETERS + 4 * index as u32..).step_by(4);
        words.iter().zip(places).try_for_each(|(word, address)| self.put(address, *word))
    }

    fn run(&mut self) -> Result<(), MachineError> {
        if self.program.cores.is_empty() {
            return Ok(());
        }
        self.run_to_end()?;
        let fault = self.fault()?;
        self.take_counts()?;
        match fault {
            None => Ok(()),
            Some(fault) => {
                self.settle()?;
                self.reset()?;
                Err(fault.into())
            }
        }
    }

    fn flags(&self, _chip: usize) -> Flags {
        self.flags
    }

    fn clear(&mut self) {
        // A chip that does not answer says so when it is asked to run.
        let _ = self.control(registers::CLEAR);
        self.flags = Flags::NONE;
        self.counters = Counters::default();
    }

    fn scratchpad(&self, chip: usize, core: usize) -> Result<Vec<u8>, MachineError> {
        self.only(chip)?;
        let count = self.program.cores.len();
        if core >= count {
            return Err(request(format!("core {core}: {count} cores have a program")));
        }
        let banks = self.chip.core.banks;
        let banks = &self.banks[core * banks..][..banks];
        let rows = self.chip.core.scratchpad.0 as usize / crate::bench::WORD / banks.len();
        let words = (0..rows).flat_map(|row| banks.iter().map(move |bank| (bank, row)));
        Ok(words.flat_map(|(bank, row)| self.word(bank, row)).collect())
    }

    /// Only instructions are counted in hardware; the other counts are zero.
    fn counters(&self) -> Counters {
        self.counters
    }
}

impl RtlMachine {
    fn only(&self, chip: usize) -> Result<(), MachineError> {
        if chip == 0 { Ok(()) } else { Err(request(format!("chip {chip}: the group has 1"))) }
    }

    fn range(&self, what: &str, address: u64, bytes: usize) -> Result<std::ops::Range<usize>, MachineError> {
        let have = self.memory.data.len();
        let end = (address as usize).checked_add(bytes).filter(|end| *end <= have);
        let end = end.ok_or_else(|| {
            request(format!("a {what} of {bytes} bytes at {address} ends outside the memory of {have}"))
        })?;
        Ok(address as usize..end)
    }

    /// A word of a scratchpad bank: its 32-bit parts, each with the check bits above it if there are any.
    fn word(&self, bank: &Exposed, row: usize) -> [u8; crate::bench::WORD] {
        let entry = bank.entry();
        let bytes = &self.block.bytes(bank)[row * entry..][..entry];
        // 8 parts of 32 bits fill 32 bytes, with check bits 39.
        let part = if entry == crate::bench::WORD { 32 } else { 39 };
        std::array::from_fn(|at| {
            let bit = at / 4 * part + at % 4 * 8;
            let pair = u16::from(bytes[bit / 8]) | u16::from(bytes.get(bit / 8 + 1).copied().unwrap_or(0)) << 8;
            (pair >> (bit % 8)) as u8
        })
    }
}
