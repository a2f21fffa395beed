//! What the tests of the load and the store engine share: random copies that are legal, done plainly in Rust, and the engine at work.

mod twin;

use std::collections::VecDeque;

use arch::Instr;
use arch::isa::Operand;
use arch::legal::{self, Shape, Space};
use arch::random::Random;
use rtl::bench::{Scratchpad, put_command};
use rtl::block::Block;
use rtl::design::Design;
use rtl::library::Port;
use rtl::memory::{AxiPort, Memory, Timing};
use twin::Twin;

/// Bytes of the scratchpad and of the program's memory.
pub const SPAD: i64 = 16 << 10;
pub const MEMORY: i64 = 48 << 10;
/// A table of indices in the scratchpad, and in memory where it is loaded from.
pub const TABLE: i64 = 2048;
pub const SPAD_TABLE: i64 = SPAD - TABLE;
pub const MEMORY_TABLE: i64 = MEMORY - TABLE;
/// Indices are below this.
const INDICES: i64 = 40;

/// Cycles after the last command is done until nothing is left of it: what only ends a command is longer on its way through the store engine.
const LEFT: usize = 40;

/// Loop counts and steps, innermost first: count, step where it comes from, step where it goes.
pub type Dims = [(i64, i64, i64); 3];

pub fn ld(dst: i64, mem: i64, elem: i64, dims: Dims) -> Instr {
    let [(n0, s0, d0), (n1, s1, d1), (n2, s2, d2)] = dims.map(|(n, s, d)| (n.into(), s.into(), d.into()));
    Instr::Ld { dst: dst.into(), mem: mem.into(), elem: elem.into(), n0, s0, d0, n1, s1, d1, n2, s2, d2 }
}

pub fn st(src: i64, mem: i64, elem: i64, dims: Dims) -> Instr {
    let [(n0, s0, d0), (n1, s1, d1), (n2, s2, d2)] = dims.map(|(n, s, d)| (n.into(), s.into(), d.into()));
    Instr::St { src: src.into(), mem: mem.into(), elem: elem.into(), n0, s0, d0, n1, s1, d1, n2, s2, d2 }
}

/// One dimension.
pub fn line(n: i64, from: i64, to: i64) -> Dims {
    [(n, from, to), (1, 0, 0), (1, 0, 0)]
}

fn value(operand: Operand) -> i64 {
    operand.imm
}

/// An address or step: mostly a small multiple of the alignment.
fn multiple(random: &mut Random, align: i64, below: i64) -> i64 {
    align * random.below(below / align)
}

fn dims(random: &mut Random, elem: i64) -> Dims {
    let align = elem.min(32);
    let mut span = [elem; 2];
    std::array::from_fn(|_| {
        let n = if random.one_in(24) { -random.below(2) } else { random.pick(&[1, 1, 2, 3, 5, 8, 17, 70]) };
        let step = span.map(|span| match random.below(4) {
            0 | 1 => span,
            2 => span + multiple(random, align, 4 * align),
            _ => multiple(random, align, 512),
        });
        span = std::array::from_fn(|side| step[side] * n.max(1));
        (n, step[0], step[1])
    })
}

fn elem(random: &mut Random) -> i64 {
    random.pick(&[1, 2, 4, 4, 8, 16, 32, 32, 64, 96, 160, 640])
}

/// A `ld` or `st` that may or may not be legal.
fn strided(random: &mut Random, load: bool) -> Instr {
    let elem = elem(random);
    let align = elem.min(32);
    let (spad, mem) = (multiple(random, align, SPAD), multiple(random, align, MEMORY));
    let dims = dims(random, elem);
    if load { ld(spad, mem, elem, dims) } else { st(spad, mem, elem, dims) }
}

/// An `ldg` that may or may not be legal.
fn gathering(random: &mut Random) -> Instr {
    let elem = elem(random);
    let align = elem.min(32);
    let [(n1, s1, d1), (n, _, d0), _] = dims(random, elem);
    Instr::Ldg {
        dst: multiple(random, align, SPAD).into(),
        mem: multiple(random, align, MEMORY / 2).into(),
        table: (SPAD_TABLE + multiple(random, 4, TABLE / 2)).into(),
        n: n.into(),
        step: multiple(random, align, 1024).into(),
        d0: d0.into(),
        elem: elem.into(),
        n1: n1.into(),
        s1: s1.into(),
        d1: d1.into(),
    }
}

/// Whether every byte lies where it may; the table is written only by its own load.
fn sound(instr: &Instr) -> bool {
    let reach = if let Instr::Ldg { step, .. } = instr { step.imm * (INDICES - 1) } else { 0 };
    let inside = |access: &legal::Access| match access.space {
        Space::Memory => access.end as i64 + reach <= MEMORY,
        Space::Scratchpad => access.end as i64 <= if access.write { SPAD_TABLE } else { SPAD },
    };
    legal::accesses(instr, &value).is_ok_and(|found| found.iter().all(inside))
}

fn draw(random: &mut Random, mut make: impl FnMut(&mut Random) -> Instr) -> Instr {
    loop {
        let instr = make(random);
        if sound(&instr) {
            return instr;
        }
    }
}

/// Legal commands of an engine.
pub fn commands(top: &str, seed: u64, count: usize) -> Vec<Instr> {
    let mut random = Random::new(seed);
    if top == "puce_load" { loads(&mut random, count) } else { stores(&mut random, count) }
}

/// Loads, gathering ones among them, whose table is loaded anew now and then.
fn loads(random: &mut Random, count: usize) -> Vec<Instr> {
    let next = |random: &mut Random| match random.below(8) {
        0 => {
            let at = multiple(random, 4, TABLE / 2);
            ld(SPAD_TABLE, MEMORY_TABLE + at, 4, line((TABLE - at) / 4, 4, 4))
        }
        1..=3 => draw(random, gathering),
        _ => draw(random, |random| strided(random, true)),
    };
    let all = ld(SPAD_TABLE, MEMORY_TABLE, TABLE, line(1, 0, 0));
    std::iter::once(all).chain((1..count).map(|_| next(random))).collect()
}

fn stores(random: &mut Random, count: usize) -> Vec<Instr> {
    (0..count).map(|_| draw(random, |random| strided(random, false))).collect()
}

/// Random bytes, with the table at the end.
pub fn image(random: &mut Random) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..MEMORY_TABLE).map(|_| random.bits() as u8).collect();
    (0..TABLE / 4).for_each(|_| bytes.extend((random.below(INDICES) as u32).to_le_bytes()));
    bytes
}

/// First bytes of the runs of a shape, in the order of the loops.
fn places(shape: &Shape) -> Vec<usize> {
    let [(n0, s0), (n1, s1), (n2, s2)] = shape.dims;
    let at = |i0, i1, i2| (shape.start + i0 * s0 + i1 * s1 + i2 * s2) as usize;
    (0..n2).flat_map(|i2| (0..n1).flat_map(move |i1| (0..n0).map(move |i0| at(i0, i1, i2)))).collect()
}

/// Engines that are shown addresses far outside.
const FAR: u64 = 24;

/// Steps that a single element never takes may be anything; what lies far outside is told by the engine, or by the scratchpad.
pub fn far(top: &str, one: fn(i64, i64, i64, Dims) -> Instr) {
    for seed in 0..FAR {
        let rig = || Rig::new(top, 64, Timing::Fixed { latency: 5 }, false, seed);
        let (Some(mut first), Some(mut second)) = (rig(), rig()) else { return };
        let mut random = Random::new(seed);
        let mut wide = || 32 * (random.bits() >> (24 + random.below(30))) as i64;
        let idle: Dims = std::array::from_fn(|_| (1, wide(), wide()));
        first.run(&[one(64, 32, 32, idle), one(128, 96, 64, [(2, 64, 96), idle[1], idle[2]])]);
        let outside = one(0, MEMORY + wide(), 32, idle);
        assert_eq!(first.fault(&outside), 6, "`{outside}`");
        let outside = one(SPAD + wide(), 0, 64, idle);
        assert_eq!(second.fault(&outside), 0, "`{outside}`: the scratchpad's own affair");
        assert!(second.spad.outside > 0, "`{outside}`");
        if top == "puce_load"
            && let Some(mut rig) = rig()
        {
            rig.watch(&(0..20).map(|_| wide_load(&mut random)).collect::<Vec<_>>());
        }
    }
}

/// The fault that an error of memory is.
const BUS: u64 = 8;
/// Long copies that are begun, and the cycles of each that are looked at.
const LONG: u64 = 600;
const BEGINNING: usize = 150;

/// Copies of as many bytes as an instruction may move begin as the twin says.
pub fn long(top: &str) {
    let mut random = Random::new(1);
    let Some(mut rig) = Rig::new(top, 64, Timing::Fixed { latency: 5 }, false, 0) else { return };
    for seed in 0..LONG {
        rig.begin(&long_copy(&mut random, top == "puce_load"));
        rig = Rig::around(rig.block, top, 64, Timing::Fixed { latency: 5 }, false, seed);
    }
}

/// A copy of up to 2^32 bytes, most of them of the element or of one dimension.
fn long_copy(random: &mut Random, load: bool) -> Instr {
    let (mut bits, large) = ([0; 4], random.below(4) as usize);
    bits[large] = random.below(33);
    for other in (0..4).filter(|at| *at != large) {
        bits[other] = random.below(4).min(32 - bits.iter().sum::<i64>());
    }
    // What lacks its highest bit is soon at its end.
    let mut sizes = bits.map(|bits| match random.below(3) {
        0 => 1 << bits,
        1 => (1 << bits) - random.below(1 << bits),
        _ => (1 << bits >> 1) + 1,
    });
    let elem = if sizes[0] < 32 { 1 << sizes[0].ilog2() } else { sizes[0] / 32 * 32 };
    sizes[0] = elem;
    let (align, mut span) = (elem.min(32), 1);
    let dims: Dims = std::array::from_fn(|dim| {
        span *= sizes[dim];
        let n = sizes[dim + 1];
        let far = align.max((1 << 44) / n);
        let mut step = || if random.one_in(2) { span } else { multiple(random, align, far) };
        (n, step(), step())
    });
    let [spad, mem] = [0; 2].map(|_| multiple(random, align, 1 << 45));
    match load {
        true if random.one_in(2) => any_ldg(random, spad, mem, elem, dims),
        true => ld(spad, mem, elem, dims),
        false => st(spad, mem, elem, dims),
    }
}

/// A load with places and steps of all sizes: below 2^46 together.
fn wide_load(random: &mut Random) -> Instr {
    let elem = random.pick(&[4, 32, 64, 160]);
    let align = elem.min(32);
    let [dst, mem] = [0; 2].map(|_| multiple(random, align, 1 << 45));
    let dims: Dims = std::array::from_fn(|_| {
        (1 + random.below(4), multiple(random, align, 1 << 41), multiple(random, align, 1 << 41))
    });
    if random.one_in(2) { ld(dst, mem, elem, dims) } else { any_ldg(random, dst, mem, elem, dims) }
}

/// A gathering load of the second and third of these dimensions; any 32 bits may be an index.
fn any_ldg(random: &mut Random, dst: i64, mem: i64, elem: i64, dims: Dims) -> Instr {
    let [_, (n1, s1, d1), (n, _, d0)] = dims;
    Instr::Ldg {
        dst: dst.into(),
        mem: mem.into(),
        table: multiple(random, 4, SPAD / 2).into(),
        n: n.into(),
        step: multiple(random, elem.min(32), 1 << 12).into(),
        d0: d0.into(),
        elem: elem.into(),
        n1: n1.into(),
        s1: s1.into(),
        d1: d1.into(),
    }
}

/// Copy plainly, and name the bytes that were written.
pub fn copy(instr: &Instr, spad: &mut [u8], memory: &mut [u8]) -> Vec<usize> {
    let mut shapes = Vec::new();
    legal::shapes(instr, &value, &mut shapes).expect("drawn to be legal");
    let mut written = Vec::new();
    let mut from_memory = |from: usize, to: usize, len: usize, spad: &mut [u8], memory: &[u8]| {
        spad[to..to + len].copy_from_slice(&memory[from..from + len]);
        written.extend(to..to + len);
    };
    match (*instr, shapes.as_slice()) {
        (Instr::Ld { .. }, [from, to]) => {
            let pairs = places(from).into_iter().zip(places(to));
            pairs.for_each(|(from_at, at)| from_memory(from_at, at, from.row as usize, spad, memory));
        }
        (Instr::Ldg { step, .. }, [table, piece, to]) => {
            let [(n, d0), (n1, d1), _] = to.dims;
            for i in 0..n {
                let entry = (table.start + 4 * i) as usize;
                let index = u32::from_le_bytes(spad[entry..entry + 4].try_into().expect("four bytes"));
                for j in 0..n1 {
                    let from = piece.start + u64::from(index) * step.imm as u64 + j * piece.dims[0].1;
                    from_memory(from as usize, (to.start + i * d0 + j * d1) as usize, to.row as usize, spad, memory);
                }
            }
        }
        (Instr::St { .. }, [from, to]) => {
            for (from_at, at) in places(from).into_iter().zip(places(to)) {
                let len = from.row as usize;
                memory[at..at + len].copy_from_slice(&spad[from_at..from_at + len]);
                written.extend(at..at + len);
            }
        }
        _ => {}
    }
    written
}

/// An engine with all that is around it, and its twin in time beside it as long as nothing is a fault.
pub struct Rig {
    pub block: Block,
    twin: Option<Twin>,
    pub spad: Scratchpad,
    pub memory: Memory,
    pub port: AxiPort,
    command: Port,
    valid: Port,
    ready: Port,
    done: Port,
    fault: Port,
    random: Random,
    busy: bool,
}

impl Rig {
    /// The engine `top` with a port of so many bytes; `busy`: commands and the scratchpad are held up at random.
    pub fn new(top: &str, port: usize, timing: Timing, busy: bool, seed: u64) -> Option<Rig> {
        let block = Block::in_test(&Design::new(top).param("PortBytes", port))?;
        Some(Rig::around(block, top, port, timing, busy, seed))
    }

    /// The same about an engine that is there: it is reset.
    fn around(mut block: Block, top: &str, port: usize, timing: Timing, busy: bool, seed: u64) -> Rig {
        let answers =
            ["r_valid_i", "b_valid_i", "table_rsp_i", "read_rsp_i", "write_rsp_i"].map(|name| block.find(name));
        answers.into_iter().flatten().for_each(|answer| block.put_wide(answer, &[]));
        block.reset();
        let mut random = Random::new(seed);
        let mut spad = Scratchpad::new(SPAD as usize, if busy { 3 } else { 0 }, seed);
        let sides: &[&str] = if top == "puce_load" { &["table", "write"] } else { &["read"] };
        let names: Vec<_> = sides.iter().map(|side| [format!("{side}_req_o"), format!("{side}_rsp_i")]).collect();
        names.iter().for_each(|[request, response]| spad.connect(&block, request, response));
        let ports = names.iter().map(|[request, response]| (block.port(request), block.port(response))).collect();
        let twin = Some(Twin::new(&block, ports, port));
        spad.bytes.iter_mut().for_each(|byte| *byte = random.bits() as u8);
        let memory = Memory { data: image(&mut random), ..Memory::default() };
        let axi = AxiPort::connect(&block, "", 0, timing);
        block.set("limit_i", MEMORY as u64);
        let [command, valid, ready] = ["cmd_i", "cmd_valid_i", "cmd_ready_o"].map(|name| block.port(name));
        let [done, fault] = ["done_o", "fault_o"].map(|name| block.port(name));
        Rig { block, twin, spad, memory, port: axi, command, valid, ready, done, fault, random, busy }
    }

    /// One cycle with this command offered: whether it was taken, and whether one was done.
    pub fn step(&mut self, offered: Option<&Instr>) -> (bool, bool) {
        let offered = offered.filter(|_| !self.busy || !self.random.one_in(4));
        self.block.put(self.valid, u64::from(offered.is_some()));
        if let Some(instr) = offered {
            put_command(&mut self.block, self.command, instr, value);
        }
        self.spad.drive(&mut self.block);
        self.port.drive(&mut self.block, &mut self.memory);
        self.block.eval();
        self.spad.sample(&self.block);
        self.port.sample(&self.block).expect("the rules of AXI4 hold");
        if let Some(twin) = &mut self.twin {
            twin.check(&self.block, offered, &self.spad.bytes);
        }
        let taken = offered.is_some() && self.block.take(self.ready) == 1;
        let done = self.block.take(self.done) == 1;
        self.block.tick();
        (taken, done)
    }

    /// Run these and hold every one, when it is done, to what a plain copy says. Returns the cycles from the first command to the last done.
    pub fn run(&mut self, instrs: &[Instr]) -> u64 {
        let start = self.block.cycle();
        let (mut spad, mut memory) = (self.spad.bytes.clone(), self.memory.data.clone());
        let mut open: VecDeque<(Instr, Vec<(usize, u8)>)> = VecDeque::new();
        let mut waiting = instrs.iter();
        let mut next = waiting.next();
        while next.is_some() || !open.is_empty() {
            let (taken, done) = self.step(next);
            if taken && let Some(instr) = next {
                let written = copy(instr, &mut spad, &mut memory);
                let whole = if matches!(instr, Instr::St { .. }) { &memory } else { &spad };
                open.push_back((*instr, written.into_iter().map(|at| (at, whole[at])).collect()));
                next = waiting.next();
            }
            if done {
                let (instr, bytes) = open.pop_front().expect("no more commands are done than were given");
                let whole = if matches!(instr, Instr::St { .. }) { &self.memory.data } else { &self.spad.bytes };
                let later = |at: usize| open.iter().any(|(_, bytes)| bytes.iter().any(|(other, _)| *other == at));
                let wrong = bytes.iter().find(|(at, byte)| whole[*at] != *byte && !later(*at));
                assert_eq!(wrong, None, "after `{instr}`, byte {:?}", wrong.map(|(at, _)| whole[*at]));
            }
            assert_eq!(self.block.take(self.fault), 0, "a fault");
            assert!(
                self.block.cycle() - start < 4_000_000,
                "{:?} is never done",
                open.front().map(|(instr, _)| *instr)
            );
        }
        assert_eq!(self.spad.outside, 0);
        assert!(self.spad.bytes == spad, "the scratchpad differs");
        assert!(self.memory.data == memory, "memory differs");
        let cycles = self.block.cycle() - start;
        (0..LEFT).for_each(|_| _ = self.step(None));
        assert!(self.twin.as_ref().is_some_and(Twin::idle), "something is left in the twin");
        cycles
    }

    /// Run these beside the twin alone, which asks for the same places: memory has zeros where it has nothing, and the scratchpad takes what it has a place for.
    fn watch(&mut self, instrs: &[Instr]) {
        self.block.set("limit_i", 1 << 47);
        let (mut waiting, mut left) = (instrs.iter(), instrs.len());
        let mut next = waiting.next();
        while left > 0 {
            let (taken, done) = self.step(next);
            if taken {
                next = waiting.next();
            }
            left -= usize::from(done);
            assert_eq!(self.block.take(self.fault), 0, "a fault");
            assert!(self.block.cycle() < 100_000, "{left} of them are never done: {instrs:?}");
        }
    }

    /// The first cycles of a command beside the twin. Where memory has nothing it is read as zeros, and tells of an error when it is written.
    fn begin(&mut self, instr: &Instr) {
        self.block.set("limit_i", 1 << 47);
        let mut next = Some(instr);
        for _ in 0..BEGINNING {
            if self.step(next).0 {
                next = None;
            }
            let fault = self.block.take(self.fault);
            assert!(fault == 0 || fault == BUS && matches!(instr, Instr::St { .. }), "`{instr}`: fault {fault}");
        }
    }

    /// The fault that this command ends in, by number.
    pub fn fault(&mut self, instr: &Instr) -> u64 {
        self.twin = None;
        let mut next = Some(instr);
        for _ in 0..2000 {
            let (taken, _) = self.step(next);
            if taken {
                next = None;
            }
            let fault = self.block.take(self.fault);
            if fault != 0 {
                return fault;
            }
        }
        0
    }
}
