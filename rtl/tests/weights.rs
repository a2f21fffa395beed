//! The weight stream is the pieces of memory that `wld` and `wgat` name, joined byte for byte, at the memory port's rate; and the engine's twin in time
//! does in every cycle what the engine does.

mod twin;

use arch::random::Random;
use arch::{Chip, Instr};
use base::units::Bytes;
use perf::cycles::weights::Weights;
use perf::cycles::wires::{Burst, Outcome, Read};
use rtl::bench::{Scratchpad, WORD, put_command};
use rtl::block::Block;
use rtl::design::Design;
use std::collections::VecDeque;

const BUFFER: usize = 16 << 10;
const MEMORY: usize = 256 << 10;
const SCRATCHPAD: usize = 64 << 10;
const FAULT_MEMORY: u64 = 6;
const FAULT_BUS: u64 = 8;
/// Cycles that are watched after a run.
const AFTER: usize = 20;

/// How the surroundings behave.
#[derive(Clone, Copy)]
struct Weather {
    /// Cycles from a request to its data, and most cycles more.
    latency: usize,
    jitter: i64,
    /// Percent of the cycles in which whoever can is ready.
    ready: i64,
}

const CALM: Weather = Weather { latency: 100, jitter: 0, ready: 100 };

/// A memory that answers bursts in order.
struct Memory {
    bytes: Vec<u8>,
    port: usize,
    /// Beats to give: when at the earliest, address, whether it ends its burst.
    due: VecDeque<(usize, usize, bool)>,
    given: usize,
}

impl Memory {
    fn ask(&mut self, addr: usize, beats: usize, when: usize) {
        assert_eq!(addr % self.port, 0, "a burst begins at a whole beat");
        assert_eq!(addr / 4096, (addr + beats * self.port - 1) / 4096, "a burst crosses 4 KiB");
        self.due.extend((0..beats).map(|beat| (when, addr + beat * self.port, beat + 1 == beats)));
    }

    fn beat(&mut self, now: usize) -> Option<(Vec<u32>, bool)> {
        let (_, addr, last) = self.due.pop_front_if(|(when, _, _)| *when <= now)?;
        self.given += 1;
        let words = self.bytes[addr..addr + self.port].chunks_exact(4);
        Some((words.map(|word| u32::from_le_bytes(word.try_into().expect("four bytes"))).collect(), last))
    }
}

/// The engine's twin in time.
struct Twin {
    weights: Weights,
}

impl Twin {
    fn new(port: usize) -> Twin {
        let mut chip = Chip::builtin("nano").expect("a chip of the project");
        chip.memory.port = Bytes(port as u64);
        chip.matrix.buffer = Bytes(BUFFER as u64);
        Twin { weights: Weights::new(&chip) }
    }

    /// Registers of the engine that can be seen are those of the twin.
    fn compare(&self, dut: &Block, cycle: usize) {
        let (address, beats) = (dut.get("ar_addr_o"), dut.get("ar_len_o") as u32 + 1);
        let burst = (dut.get("ar_valid_o") == 1).then_some(Burst { address, beats });
        let asks = [twin::ask(dut, dut.port("table_req_o"))];
        let (count, empty) = (dut.get("stream_count_o") as u32, dut.get("stream_empty_o") == 1);
        let weights = &self.weights;
        let twin = (weights.burst(), weights.asks([false]), weights.stream_count(), weights.empty());
        assert_eq!(twin, (burst, asks, count, empty), "cycle {cycle}: burst, table, stream");
    }

    fn step(&mut self, dut: &Block, offered: Option<&Instr>, spad: &Scratchpad) -> Outcome {
        let answers = [twin::answer(dut, dut.port("table_rsp_i"), self.weights.asks([false])[0])];
        let taken = dut.get("ar_ready_i") == 1 && dut.get("ar_valid_o") == 1;
        let beat = (dut.get("r_valid_i") == 1).then(|| dut.get("r_last_i") == 1);
        let take = dut.get("stream_take_i") as u32;
        let mut index = |_, address: i64, _: u64| entry_of(spad, address);
        self.weights.step(take, offered, answers, Read { taken, beat }, &mut index)
    }
}

fn entry_of(scratchpad: &Scratchpad, at: i64) -> u32 {
    let bytes = &scratchpad.bytes[at as usize..][..4];
    u32::from_le_bytes(bytes.try_into().expect("four bytes"))
}

/// The engine with memory, scratchpad and a consumer.
struct Bench {
    dut: Block,
    /// None where commands are not legal.
    twin: Option<Twin>,
    memory: Memory,
    scratchpad: Scratchpad,
    random: Random,
    weather: Weather,
    stream: Vec<u8>,
    cycle: usize,
    /// Beats that memory had given when each command was done.
    done: Vec<usize>,
}

impl Bench {
    fn new(port: usize) -> Option<Bench> {
        let design = Design::new("puce_weights").param("PortBytes", port).param("BufferBytes", BUFFER);
        let mut dut = Block::in_test(&design)?;
        let mut random = Random::new(port as u64);
        dut.set("limit_i", MEMORY as u64);
        let bytes = (0..MEMORY).map(|_| random.bits() as u8).collect();
        let memory = Memory { bytes, port, due: VecDeque::new(), given: 0 };
        let scratchpad = Scratchpad::new(SCRATCHPAD, 0, 0);
        let (twin, stream, done) = (Some(Twin::new(port)), Vec::new(), Vec::new());
        let mut bench = Bench { dut, twin, memory, scratchpad, random, weather: CALM, stream, cycle: 0, done };
        bench.weather(CALM);
        Some(bench)
    }

    /// Go on in this weather.
    fn weather(&mut self, weather: Weather) {
        let stall = if weather.ready == 100 { 0 } else { 2 };
        let mut scratchpad = Scratchpad::new(SCRATCHPAD, stall, self.random.bits());
        scratchpad.connect(&self.dut, "table_req_o", "table_rsp_i");
        scratchpad.bytes.copy_from_slice(&self.scratchpad.bytes);
        (self.scratchpad, self.weather) = (scratchpad, weather);
    }

    fn chance(&mut self) -> bool {
        self.random.below(100) < self.weather.ready
    }

    fn entry(&self, at: i64) -> i64 {
        i64::from(entry_of(&self.scratchpad, at))
    }

    fn put_entry(&mut self, at: i64, value: u32) {
        self.scratchpad.bytes[at as usize..][..4].copy_from_slice(&value.to_le_bytes());
    }

    /// One cycle; whether the offered command was taken.
    fn step(&mut self, command: Option<&Instr>) -> bool {
        let (ar_ready, gives, takes, offers) = (self.chance(), self.chance(), self.chance(), self.chance());
        let offered = command.filter(|_| offers);
        self.dut.set("cmd_valid_i", u64::from(offered.is_some()));
        if let Some(instr) = offered {
            let port = self.dut.port("cmd_i");
            put_command(&mut self.dut, port, instr, |operand| operand.imm);
        }
        self.dut.set("ar_ready_i", u64::from(ar_ready));
        self.scratchpad.drive(&mut self.dut);
        let beat = if gives { self.memory.beat(self.cycle) } else { None };
        self.dut.set("r_valid_i", u64::from(beat.is_some()));
        if let Some((data, last)) = &beat {
            self.dut.set_wide("r_data_i", data);
            self.dut.set("r_last_i", u64::from(*last));
        }
        self.dut.eval();
        self.take(takes);
        self.dut.eval();
        self.scratchpad.sample(&self.dut);
        if ar_ready && self.dut.get("ar_valid_o") == 1 {
            let when = self.cycle + self.weather.latency + self.random.below(self.weather.jitter + 1) as usize;
            self.memory.ask(self.dut.get("ar_addr_o") as usize, self.dut.get("ar_len_o") as usize + 1, when);
        }
        let taken = offered.is_some() && self.dut.get("cmd_ready_o") == 1;
        let done = self.dut.get("done_o") == 1;
        if done {
            self.done.push(self.memory.given);
        }
        if let Some(twin) = &mut self.twin {
            twin.compare(&self.dut, self.cycle);
            let outcome = twin.step(&self.dut, offered, &self.scratchpad);
            assert_eq!(outcome, Outcome { taken, done }, "cycle {}", self.cycle);
        }
        self.dut.tick();
        self.cycle += 1;
        taken
    }

    /// Take words from the stream: all that are there in good weather, else some.
    fn take(&mut self, takes: bool) {
        let count = if takes { self.dut.get("stream_count_o") as i64 } else { 0 };
        let take = if self.weather.ready == 100 { count } else { self.random.below(count + 1) };
        let data = self.dut.get_wide("stream_data_o");
        self.stream.extend(data[..take as usize * WORD / 4].iter().flat_map(|word| word.to_le_bytes()));
        self.dut.set("stream_take_i", take as u64);
    }

    /// Run commands to their end and hold the stream to what they name.
    fn run(&mut self, commands: &[Instr]) {
        let expected: Vec<u8> = commands.iter().flat_map(|command| self.named(command)).collect();
        let (mut next, start, given) = (0, self.cycle, self.memory.given);
        self.stream.clear();
        self.done.clear();
        while self.done.len() < commands.len() || self.stream.len() < expected.len() {
            next += usize::from(self.step(commands.get(next)));
            assert_eq!(self.dut.get("fault_o"), 0, "a fault");
            assert!(self.cycle < start + 200_000, "the engine is stuck at byte {}", self.stream.len());
        }
        assert!(self.stream == expected, "the stream differs");
        assert_eq!(self.dut.get("stream_empty_o"), 1, "the stream is empty at the end");
        let mut named = 0;
        for (command, then) in commands.iter().zip(&self.done) {
            named += self.named(command).len();
            assert!((then - given) * self.memory.port >= named, "{command} is done before its last byte has come");
        }
        for _ in 0..AFTER {
            self.step(None);
        }
        assert_eq!(
            (self.done.len(), self.stream.len()),
            (commands.len(), expected.len()),
            "nothing comes after the end"
        );
        assert!(self.twin.as_ref().is_some_and(|twin| twin.weights.idle()), "the twin is idle");
    }

    /// The bytes that a command appends to the stream.
    fn named(&self, command: &Instr) -> Vec<u8> {
        let piece = |at: i64, len: i64| self.memory.bytes[at as usize..][..len.max(0) as usize].to_vec();
        match *command {
            Instr::Wld { mem, len } => piece(mem.imm, len.imm),
            Instr::Wgat { mem, table, n, step, len, groups, gstep } => (0..groups.imm)
                .flat_map(|group| (0..n.imm).map(move |i| (group, i)))
                .flat_map(|(group, i)| {
                    piece(mem.imm + group * gstep.imm + self.entry(table.imm + 4 * i) * step.imm, len.imm)
                })
                .collect(),
            _ => panic!("{command} is no command of the weights engine"),
        }
    }

    /// A command inside the memory; the `index`th gathers by the `index`th table.
    fn draw(&mut self, index: i64) -> Instr {
        let random = &mut self.random;
        let (mem, len) = (32 * random.below(2048), 32 * random.pick(&[0, 1, 2, 3, 18, 33, 100]));
        if random.one_in(2) {
            return wld(mem, len);
        }
        let (n, step) = (random.below(20), 32 * random.below(20));
        let (groups, gstep) = (random.below(4), 32 * random.below(200));
        let table = 256 * index + 4 * random.below(40);
        for i in 0..n {
            let entry = self.random.below(64) as u32;
            self.put_entry(table + 4 * i, entry);
        }
        wgat(mem, table, [n, step, len, groups, gstep])
    }

    /// Cycles and beats of these commands in calm weather.
    fn timed(&mut self, commands: &[Instr]) -> (usize, usize) {
        let (cycle, given) = (self.cycle, self.memory.given);
        self.run(commands);
        (self.cycle - cycle - AFTER, self.memory.given - given)
    }
}

fn wld(mem: i64, len: i64) -> Instr {
    Instr::Wld { mem: mem.into(), len: len.into() }
}

fn wgat(mem: i64, table: i64, rest: [i64; 5]) -> Instr {
    let [n, step, len, groups, gstep] = rest.map(arch::Operand::from);
    Instr::Wgat { mem: mem.into(), table: table.into(), n, step, len, groups, gstep }
}

fn random_streams(port: usize) {
    let Some(mut bench) = Bench::new(port) else { return };
    let weathers = [
        CALM,
        Weather { latency: 1, ..CALM },
        Weather { latency: 3, jitter: 40, ready: 70 },
        Weather { latency: 60, jitter: 10, ready: 25 },
    ];
    for round in 0..40 {
        bench.weather(weathers[round % weathers.len()]);
        let commands: Vec<Instr> = (0..12).map(|index| bench.draw(index)).collect();
        bench.run(&commands);
    }
}

#[test]
fn streams_are_what_the_commands_name() {
    random_streams(64);
}

#[test]
fn streams_through_the_narrowest_port() {
    random_streams(32);
}

#[test]
fn streams_through_a_wide_port() {
    random_streams(128);
}

#[test]
fn the_port_never_waits() {
    let Some(mut bench) = Bench::new(64) else { return };
    // From the first command to the first beat, and from the last beat to the end of the stream.
    const ENDS: usize = 100 + 20;
    for len in [576, 1152, 4096] {
        let commands: Vec<Instr> = (0..40).map(|i| wld(32 + 4000 * i, len)).collect();
        let (cycles, beats) = bench.timed(&commands);
        assert!(cycles <= beats + ENDS, "{beats} beats of pieces of {len} took {cycles} cycles");
    }
    for i in 0..600 {
        bench.put_entry(4 * i, (i * 37 % 1024) as u32);
    }
    for (n, len, groups) in [(600, 64, 2), (100, 640, 3), (1, 1024, 64), (8, 64, 100)] {
        let commands = [0, 64, 0].map(|mem| wgat(mem, 0, [n, 64, len, groups, 128]));
        let (cycles, beats) = bench.timed(&commands);
        assert!(cycles <= beats + ENDS, "{beats} beats of {n} x {groups} pieces of {len} took {cycles} cycles");
    }
}

#[test]
fn pieces_outside_the_limit_are_a_fault() {
    let Some(mut bench) = Bench::new(64) else { return };
    bench.twin = None;
    bench.put_entry(4, 1);
    bench.put_entry(32, u32::MAX);
    let limit = MEMORY as i64;
    let outside = [
        wld(limit - 32, 64),
        wld(-32, 32),
        wgat(0, 0, [2, limit - 32, 64, 1, 0]),
        wgat(0, 0, [2, 1 << 44, 64, 1, 0]),
        wgat(0, 32, [1, 32, 32, 1, 0]),
        wgat(0, 0, [1, 32, 32, 3, limit / 2]),
    ];
    for command in outside {
        bench.dut.reset();
        bench.weather(CALM);
        bench.memory.due.clear();
        bench.stream.clear();
        let (commands, mut next) = ([wld(0, 640), command], 0);
        for _ in 0..400 {
            next += usize::from(bench.step(commands.get(next)));
        }
        assert_eq!(bench.dut.get("fault_o"), FAULT_MEMORY, "{command}");
        assert!(bench.stream.starts_with(&bench.memory.bytes[..640]), "what came before is in the stream");
    }
}

#[test]
fn an_error_of_the_bus_is_a_fault() {
    let Some(mut bench) = Bench::new(64) else { return };
    bench.twin = None;
    bench.dut.set("r_error_i", 1);
    let (commands, mut next) = ([wld(0, 64)], 0);
    for _ in 0..200 {
        next += usize::from(bench.step(commands.get(next)));
    }
    assert_eq!(bench.dut.get("fault_o"), FAULT_BUS);
}
