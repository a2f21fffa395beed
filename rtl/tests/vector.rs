//! The vector engine against the emulator: every instruction with every attribute, random shapes and steps, in place and apart, values of every magnitude.
//! In every cycle of every test, its twin in time (`perf::cycles::vector`) asks and says the same.

use arch::isa::{Instr, OPS, Operand, OperandKind, a8_row};
use arch::machine::Machine;
use arch::program::Program;
use arch::random::Random;
use arch::{Chip, attr, legal};
use base::status::Flags;
use emu::{Emulator, Settings};
use perf::cycles::vector::Vector;
use perf::cycles::wires::{Access, Answer, Ask, Outcome};
use rtl::bench::{Scratchpad, VALUE_BITS, WORD, put_command};
use rtl::block::Block;
use rtl::design::Design;
use rtl::library::Port;

/// Bytes of the scratchpad that instructions use.
const SPAD: i64 = 32 << 10;
/// Cycles after which an instruction is taken to hang.
const HANG: u64 = 400_000;

/// Every port of the scratchpad, in the order of the twin's.
const PORTS: [[&str; 2]; 3] = [["a_req_o", "a_rsp_i"], ["b_req_o", "b_rsp_i"], ["write_req_o", "write_rsp_i"]];

/// The engine with its scratchpad, and its twin in time.
struct Engine {
    block: Block,
    spad: Scratchpad,
    twin: Vector,
    ports: [[Port; 2]; 3],
    command: Port,
    valid: Port,
    ready: Port,
    done: Port,
    flags: Port,
}

impl Engine {
    /// An engine of so many lanes whose scratchpad holds up one in `stall` requests; `None` where the tools are missing.
    fn new(lanes: usize, stall: u32, seed: u64) -> Option<Engine> {
        let block = Block::in_test(&Design::new("puce_vector").param("Lanes", lanes))?;
        let mut spad = Scratchpad::new(SPAD as usize, stall, seed);
        for [request, response] in PORTS {
            spad.connect(&block, request, response);
        }
        let ports = PORTS.map(|names| names.map(|name| block.port(name)));
        let [command, valid, ready, done, flags] =
            ["cmd_i", "cmd_valid_i", "cmd_ready_o", "done_o", "flags_o"].map(|name| block.port(name));
        let twin = Vector::with_lanes(lanes);
        Some(Engine { block, spad, twin, ports, command, valid, ready, done, flags })
    }

    /// Offers an instruction.
    fn offer(&mut self, instr: &Instr) {
        put_command(&mut self.block, self.command, instr, |operand| operand.imm);
        self.block.put(self.valid, 1);
    }

    /// Runs one instruction: the flags that it raised, and the cycles from its command to its end.
    fn run(&mut self, instr: &Instr) -> (Flags, u64) {
        self.offer(instr);
        let (mut flags, start, mut done) = (0, self.block.cycle(), false);
        while !done {
            assert!(self.block.cycle() < start + HANG, "`{instr}` does not end");
            let now;
            (now, done) = self.cycle(instr);
            flags |= now;
        }
        assert_eq!(self.spad.outside, 0, "`{instr}` leaves the scratchpad");
        (Flags(flags), self.block.cycle() - start)
    }
}

impl Engine {
    /// One cycle in which `instr` is offered or at work: flags, and whether a command ends. The twin is held to it.
    fn cycle(&mut self, instr: &Instr) -> (u32, bool) {
        self.spad.drive(&mut self.block);
        self.block.eval();
        self.spad.sample(&self.block);
        let offered = self.block.take(self.valid) == 1;
        let [taken, done] = [offered && self.block.take(self.ready) == 1, self.block.take(self.done) == 1];
        let flags = self.block.take(self.flags) as u32;
        self.step_twin(offered.then_some(instr), Outcome { taken, done });
        self.block.tick();
        if taken {
            self.block.put(self.valid, 0);
        }
        (flags, done)
    }

    /// The twin asks what the block asks, and says what it says.
    fn step_twin(&mut self, command: Option<&Instr>, said: Outcome) {
        let at = || format!("cycle {}, {command:?}", self.block.cycle());
        let asked = self.ports.map(|[request, _]| ask(&self.block, request));
        let response = |port: usize, bit: u32| self.block.field(self.ports[port][1], 8 * WORD as u32 + bit, 1) == 1;
        let data = std::array::from_fn(|port| response(port, 0));
        assert_eq!(self.twin.asks(data), asked, "{}", at());
        let answer = |port: usize| Answer { taken: asked[port].is_some() && response(port, 1), data: data[port] };
        let answers = std::array::from_fn(answer);
        // Who leaves an idle twin alone misses nothing.
        let idle = self.twin.idle() && command.is_none();
        let outcome = if idle { Outcome::default() } else { self.twin.step(command, answers) };
        assert_eq!(outcome, said, "{}", at());
    }
}

/// What a port of the scratchpad is asked.
fn ask(block: &Block, request: Port) -> Option<Ask> {
    let field = |low, width| block.field(request, low, width);
    let parts = field(256, WORD as u32);
    let whole = (0..8).all(|part| [0, 0xf].contains(&(parts >> (4 * part) & 0xf)));
    let access = match field(336, 1) == 1 {
        false => Access::Read,
        true if whole => Access::Write,
        true => Access::Merge,
    };
    (field(337, 1) == 1).then(|| Ask { word: field(288, VALUE_BITS) as i64 / WORD as i64, access })
}

/// What the emulator makes of an instruction: scratchpad and flags.
struct Truth {
    emulator: Emulator,
    chip: Chip,
}

impl Truth {
    fn new() -> Truth {
        let chip = Chip::builtin("nano").unwrap();
        Truth { emulator: Emulator::new(&chip, Settings::default()).unwrap(), chip }
    }

    /// The scratchpad and the flags after `instr`.
    fn after(&mut self, before: &[u8], instr: &Instr) -> (Vec<u8>, Flags) {
        let zero = Operand::imm(0);
        let one = Operand::imm(1);
        let (dst, mem, elem) = (zero, zero, Operand::imm(SPAD));
        let load = Instr::Ld {
            dst,
            mem,
            elem,
            n0: one,
            s0: zero,
            d0: zero,
            n1: one,
            s1: zero,
            d1: zero,
            n2: one,
            s2: zero,
            d2: zero,
        };
        let wait = Instr::Sync { from: attr::Unit::Load, to: attr::Unit::Vector };
        let program = Program { memory: SPAD as u64, cores: vec![vec![load, wait, *instr, Instr::Halt {}]] };
        legal::check(&program, &self.chip).unwrap();
        self.emulator.load(0, &program).unwrap();
        self.emulator.write(0, 0, before).unwrap();
        self.emulator.clear();
        self.emulator.run().unwrap_or_else(|error| panic!("`{instr}`: {error}"));
        let bytes = self.emulator.scratchpad(0, 0).unwrap()[..SPAD as usize].to_vec();
        (bytes, self.emulator.flags(0))
    }
}

/// A scratchpad's content: stretches of one kind of value each.
fn content(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    let tame = random.one_in(2);
    while bytes.len() < SPAD as usize {
        let style = if tame { random.below(3) } else { random.below(8) };
        for _ in 0..64 {
            let unit = (random.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0;
            let word = match style {
                0..3 => (unit * 2f32.powi(random.below(12) as i32 - 6)).to_bits(),
                3 => (unit * 2f32.powi(random.below(240) as i32 - 120)).to_bits(),
                4 => random.bits() as u32,
                5 => random.bits() as u32 & 0x807f_ffff,
                6 => random.float().to_bits(),
                _ => random.pick(&[0, 1 << 31, 0x7f80_0000, 0xff80_0000, 0x7fc0_0001, 0x3f80_0000, 0x7f7f_ffff, 1]),
            };
            bytes.extend(word.to_le_bytes());
        }
    }
    bytes.truncate(SPAD as usize);
    bytes
}

/// The least multiple of `of` that is not below `value`.
fn up(value: i64, of: i64) -> i64 {
    (value + of - 1) / of * of
}

/// Draws operands by their names in the table.
struct Draw<'a> {
    random: &'a mut Random,
}

/// Rows: first byte, step, step of the outer dimension.
#[derive(Clone, Copy)]
struct Place {
    at: i64,
    step: i64,
    outer: i64,
}

impl Draw<'_> {
    /// A count from 1 to `most`, rarely none.
    fn count(&mut self, most: i64) -> i64 {
        if self.random.one_in(24) { -self.random.below(2) } else { 1 + self.random.below(most) }
    }

    /// Columns: mostly few, sometimes many, any remainder.
    fn cols(&mut self, multiple: i64) -> i64 {
        let most = self.random.pick(&[9, 70, 70, 600]);
        up(self.random.below(most + 1), multiple)
    }

    /// Somewhere for rows of `bytes`: packed, apart, or the outer dimension inside.
    fn place(&mut self, bytes: i64, rows: i64, outer: i64) -> Place {
        let (rows, outer) = (rows.max(1), outer.max(1));
        let row = up(bytes.max(1), 32);
        let (step, outer_step) = match self.random.below(4) {
            0 => (row * outer, row),
            1 => (row, row * rows),
            _ => {
                let step = row + 32 * self.random.below(3);
                (step, step * rows + 32 * self.random.below(3))
            }
        };
        let span = (rows - 1) * step + (outer - 1) * outer_step + row;
        Place { at: 32 * self.random.below((SPAD - span).max(32) / 32), step, outer: outer_step }
    }

    /// The same rows as `a`, or others.
    fn target(&mut self, a: Place, bytes: i64, rows: i64, outer: i64) -> Place {
        match self.random.below(4) {
            0 | 1 => a,
            2 => Place { at: a.at + up(bytes, 32), ..a },
            _ => self.place(bytes, rows, outer),
        }
    }

    fn operands(&mut self, template: &Instr) -> Vec<(&'static str, i64)> {
        let (rows, outer) = (self.count(5), self.count(3));
        let cols = self.cols(match template {
            Instr::Vquant { .. } | Instr::Vdeq { .. } => 32,
            _ => 1,
        });
        let mut all = vec![("rows", rows), ("cols", cols), ("outer", outer)];
        let bytes = 4 * cols;
        match *template {
            Instr::Vrope { .. } => {
                let (rot, heads) = (16 * self.random.below(6), self.count(4));
                let dim = rot + self.random.pick(&[0, 0, 8, 16, 40]);
                let a = self.place(4 * dim * heads, rows, 1);
                let dst = self.target(a, 4 * dim * heads, rows, 1);
                let tab = self.place(4 * rot, rows, 1);
                all.extend([("heads", heads), ("dim", dim), ("rot", rot), ("a", a.at), ("astep", a.step)]);
                all.extend([("dst", dst.at), ("dstep", dst.step), ("tab", tab.at), ("tabstep", tab.step)]);
            }
            Instr::Vquant { .. } => {
                let segs = self.count(3);
                let (a, dst) =
                    (self.place(bytes * segs, rows, 1), self.place(a8_row(cols as usize) as i64 * segs, rows, 1));
                all.extend([("segs", segs), ("a", a.at), ("astep", a.step), ("dst", dst.at), ("dstep", dst.step)]);
            }
            Instr::Vdeq { kind, .. } => {
                let part = |width: usize| cols / 32 * width as i64;
                let [codes, scales, mins] = [4 * kind.code_bits(), kind.scale_bytes(), kind.min_bytes()]
                    .map(|width| self.place(part(width), rows, 1));
                let dst = self.place(bytes, rows, 1);
                all.extend([("dst", dst.at), ("dstep", dst.step), ("codes", codes.at), ("cstep", codes.step)]);
                all.extend([("scales", scales.at), ("sstep", scales.step), ("mins", mins.at), ("mstep", mins.step)]);
            }
            Instr::Vtop { .. } => {
                let k = 1 + self.random.below(cols.clamp(1, 40));
                let (a, idx, val) =
                    (self.place(bytes, rows, 1), self.place(4 * k, rows, 1), self.place(4 * k, rows, 1));
                all.extend([("k", k), ("a", a.at), ("astep", a.step), ("idx", idx.at), ("istep", idx.step)]);
                all.extend([("val", val.at), ("vstep", val.step)]);
            }
            Instr::Vcvt { .. } => {
                let (a, dst) = (self.place(2 * cols, rows, 1), self.place(bytes, rows, 1));
                all.extend([("a", a.at), ("astep", a.step), ("dst", dst.at), ("dstep", dst.step)]);
            }
            _ => {
                let inner = if matches!(template, Instr::Vbin { .. } | Instr::Vrow { .. }) { outer } else { 1 };
                let a = self.place(bytes, rows, inner);
                let dst = match template {
                    Instr::Vred { .. } => Place { at: 4 * self.random.below(SPAD / 4 - 64), step: 0, outer: 0 },
                    _ => self.target(a, bytes, rows, inner),
                };
                let mut b = self.target(a, bytes, rows, inner);
                if matches!(template, Instr::Vrow { .. }) {
                    b = self.place(4, rows, inner);
                    if self.random.one_in(2) {
                        b = Place { at: b.at + 4 * self.random.below(8), step: 4, outer: 4 * rows.max(1) };
                    }
                }
                let w = if self.random.one_in(4) { dst } else { self.place(bytes, 1, 1) };
                all.extend([("a", a.at), ("astep", a.step), ("aouter", a.outer), ("b", b.at), ("bstep", b.step)]);
                all.extend([("bouter", b.outer), ("dst", dst.at), ("dstep", dst.step), ("douter", dst.outer)]);
                all.extend([("w", w.at), ("sums", 4 * self.random.below(SPAD / 4 - 64))]);
                all.extend([("sinks", 4 * self.random.below(SPAD / 4 - 64)), ("per", 1 + self.random.below(3))]);
                all.extend([("tokens", 1 + self.random.below(3)), ("hi", 1 + self.random.below(cols + 8))]);
                let window = if self.random.one_in(2) { 0 } else { 1 + self.random.below(cols + 4) };
                all.push(("window", if self.random.one_in(12) { 1 << 45 } else { window }));
            }
        }
        all
    }

    /// The instruction with drawn operands, if it is legal.
    fn instr(&mut self, template: &Instr) -> Option<Instr> {
        let named = self.operands(template);
        let info = template.info();
        let operands: Vec<Operand> = info
            .operands
            .iter()
            .map(|(name, kind)| match (kind, named.iter().find(|(known, _)| known == name)) {
                (OperandKind::F32, _) => match *template {
                    Instr::Vsoft { .. } if !self.random.one_in(4) => Operand::f32(0.18),
                    Instr::Vnorm { .. } if !self.random.one_in(4) => Operand::f32(1e-5),
                    _ => Operand::f32(self.random.float()),
                },
                (_, Some((_, value))) => Operand::imm(*value),
                (_, None) => panic!("operand `{name}` of `{}` is not drawn", info.mnemonic),
            })
            .collect();
        let instr = Instr::from_parts(info.code, &template.attr_codes(), &operands).unwrap();
        let ranges = legal::accesses(&instr, &|operand: Operand| operand.imm).ok()?;
        ranges.iter().all(|range| range.end <= SPAD as u64).then_some(instr)
    }
}

/// Every vector instruction with every attribute, operands zero.
fn templates() -> Vec<Instr> {
    let vector = OPS.iter().filter(|op| op.unit == attr::Unit::Vector);
    vector
        .flat_map(|op| {
            let zeros = vec![Operand::imm(0); op.operands.len()];
            let choices = if op.attrs.is_empty() {
                vec![vec![]]
            } else {
                Instr::attr_choices(op.code, 0).into_iter().map(|c| vec![c]).collect()
            };
            choices.into_iter().map(move |attrs: Vec<u8>| Instr::from_parts(op.code, &attrs, &zeros).unwrap())
        })
        .collect()
}

/// Holds the engine to the emulator on drawn instructions of every kind.
fn compare(lanes: usize, cases: usize, stall: u32, seed: u64) {
    let Some(mut engine) = Engine::new(lanes, stall, seed) else { return };
    let mut truth = Truth::new();
    let mut random = Random::new(seed);
    for template in &templates() {
        let mut run = 0;
        while run < cases {
            let Some(instr) = (Draw { random: &mut random }).instr(template) else { continue };
            run += 1;
            let before = content(&mut random);
            engine.spad.bytes.copy_from_slice(&before);
            let (flags, _) = engine.run(&instr);
            let (wanted, wanted_flags) = truth.after(&before, &instr);
            if let Some(at) = (0..SPAD as usize).find(|at| engine.spad.bytes[*at] != wanted[*at]) {
                let word = |bytes: &[u8]| u32::from_le_bytes(bytes[at / 4 * 4..][..4].try_into().unwrap());
                let (got, wanted) = (word(&engine.spad.bytes), word(&wanted));
                panic!("`{instr}`, stall {stall}: byte {at} was {:08x}, is {got:08x}, not {wanted:08x}", word(&before));
            }
            assert_eq!(flags, wanted_flags, "flags of `{instr}`");
        }
    }
}

/// Holds the twin to the engine on commands that wait for each other, or come at any time after the last.
fn in_a_row(lanes: usize, cases: usize, stall: u32, seed: u64) {
    let Some(mut engine) = Engine::new(lanes, stall, seed) else { return };
    let mut random = Random::new(seed);
    let (templates, mut given, mut done, mut gap) = (templates(), 0, 0, 0);
    let mut instr = templates[0];
    while done < cases {
        let free = engine.block.take(engine.valid) == 0;
        if free && gap == 0 && given < cases {
            let template = random.pick(&templates);
            instr =
                std::iter::repeat_with(|| (Draw { random: &mut random }).instr(&template)).flatten().next().unwrap();
            engine.offer(&instr);
            given += 1;
            gap = if random.one_in(2) { 0 } else { random.below(600) };
        }
        gap -= i64::from(free && gap > 0);
        done += usize::from(engine.cycle(&instr).1);
    }
}

/// Rows of `rows` x `cols` one after the other.
fn shaped(template: &Instr, rows: i64, cols: i64) -> Instr {
    let info = template.info();
    let row = 4 * cols;
    let value = |name: &str| match name {
        "rows" => rows,
        "cols" | "hi" | "dim" | "rot" => cols,
        "outer" | "heads" | "segs" | "per" | "tokens" => 1,
        "dstep" | "astep" | "bstep" | "tabstep" | "cstep" => row,
        "dst" | "idx" => 0,
        "a" | "codes" => 8 << 10,
        "b" | "w" | "tab" | "scales" => 16 << 10,
        "val" | "sums" => 24 << 10,
        "sinks" | "mins" => 25 << 10,
        "k" => 8,
        "istep" | "vstep" | "sstep" | "mstep" => 64,
        _ => 0,
    };
    let operands: Vec<Operand> = info.operands.iter().map(|(name, _)| Operand::imm(value(name))).collect();
    Instr::from_parts(info.code, &template.attr_codes(), &operands).unwrap()
}

/// The cycles of each template on rows of `rows` x `cols`, with this content of the scratchpad.
fn times(engine: &mut Engine, bytes: &[u8], rows: i64, cols: i64) -> Vec<u64> {
    engine.spad.bytes.copy_from_slice(bytes);
    templates().iter().map(|template| engine.run(&shaped(template, rows, cols)).1).collect()
}

#[test]
fn time_depends_on_shapes_alone() {
    let Some(mut engine) = Engine::new(8, 0, 1) else { return };
    let mut random = Random::new(5);
    let contents = [content(&mut random), content(&mut random), vec![0; SPAD as usize]];
    for (rows, cols) in [(1, 64), (1, 1536), (8, 64)] {
        let [first, second, third] = contents.each_ref().map(|bytes| times(&mut engine, bytes, rows, cols));
        assert_eq!((&first, &first), (&second, &third));
        let words = (rows * cols / 8) as u64;
        for (template, cycles) in templates().iter().zip(first) {
            let name = template.to_string();
            println!("{} {rows}x{cols} {cycles} cycles", name.split(' ').next().unwrap_or_default());
            if matches!(template, Instr::Vbin { .. } | Instr::Vrow { .. } | Instr::Vimm { .. } | Instr::Vcvt { .. }) {
                assert!(cycles <= words + 25, "`{template}`: {cycles} cycles for {words} words");
            }
        }
    }
}

#[test]
fn every_instruction_without_stalls() {
    compare(8, 10, 0, 1);
}

#[test]
fn every_instruction_with_stalls() {
    compare(8, 10, 3, 2);
}

#[test]
fn every_instruction_with_more_lanes() {
    compare(16, 6, 4, 3);
}

#[test]
fn commands_in_a_row() {
    in_a_row(8, 100, 0, 7);
    in_a_row(16, 100, 3, 8);
}

#[test]
#[ignore = "a long run"]
fn every_instruction_at_length() {
    for seed in 0..6 {
        compare([8, 8, 24][seed as usize % 3], 150, [0, 2, 5][seed as usize % 3], 100 + seed);
    }
}
