//! The matrix engine against `base::grid`: random products one after the other, with random stalls of the stream and of both scratchpad ports. Its twin in
//! time does in every cycle what the engine does.

mod twin;

use std::collections::VecDeque;

use arch::isa::{Operand, a8_row};
use arch::random::Random;
use arch::{Chip, Instr};
use base::grid::{Activations, matmul_row};
use base::status::Flags;
use base::tile::{BLOCK, WeightKind, pack_tile};
use base::units::Bytes;
use perf::cycles::matrix::Matrix;
use perf::cycles::wires::Outcome;
use rtl::bench::{Scratchpad, WORD, put_command};
use rtl::block::Block;
use rtl::design::Design;
use rtl::library::Port;

const SPAD: usize = 64 << 10;

/// The operands of one `mm`.
#[derive(Clone, Copy, Debug)]
struct Product {
    kind: WeightKind,
    out: usize,
    x: usize,
    rows: usize,
    k: usize,
    tokens: usize,
    grid: i32,
    groups: usize,
    sub: usize,
    ostep: usize,
    xstep: usize,
    xgroup: usize,
    ogroup: usize,
    osub: usize,
}

impl Product {
    fn instr(&self) -> Instr {
        let of = |value: usize| Operand::imm(value as i64);
        let (out, x, rows, k, tokens) = (of(self.out), of(self.x), of(self.rows), of(self.k), of(self.tokens));
        let (ostep, xstep, groups, sub) = (of(self.ostep), of(self.xstep), of(self.groups), of(self.sub));
        let (xgroup, ogroup, osub) = (of(self.xgroup), of(self.ogroup), of(self.osub));
        let (kind, grid) = (self.kind, Operand::imm(i64::from(self.grid)));
        Instr::Mm { kind, out, ostep, x, xstep, rows, k, tokens, grid, groups, sub, xgroup, ogroup, osub }
    }

    fn tiles(&self) -> usize {
        self.groups * (self.rows / BLOCK) * (self.k / BLOCK)
    }

    /// What the contract says, on a copy of the scratchpad.
    fn compute(&self, spad: &mut [u8], tiles: &[Vec<u8>]) -> Flags {
        let (mut flags, blocks) = (Flags::NONE, self.k / BLOCK);
        for j in 0..self.groups {
            for row in 0..self.rows {
                let first = (j * (self.rows / BLOCK) + row / BLOCK) * blocks;
                let tiles: Vec<&[u8]> = tiles[first..first + blocks].iter().map(Vec::as_slice).collect();
                for token in 0..self.tokens {
                    let x = &spad[self.x + j / self.sub * self.xgroup + token * self.xstep..][..a8_row(self.k)];
                    let codes: Vec<i8> = x[..self.k].iter().map(|&code| code as i8).collect();
                    let pairs = x[self.k..].chunks_exact(2).take(blocks);
                    let scales: Vec<u16> = pairs.map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
                    let x = Activations { codes: &codes, scales: &scales };
                    let (value, raised) = matmul_row(self.kind, &tiles, row % BLOCK, x, self.grid);
                    flags |= raised;
                    let at = self.out + j / self.sub * self.ogroup + j % self.sub * self.osub;
                    spad[at + token * self.ostep + 4 * row..][..4].copy_from_slice(&value.to_le_bytes());
                }
            }
        }
        flags
    }
}

/// A scale: mostly moderate, sometimes any pattern.
fn scale(kind: WeightKind, wild: bool, random: &mut Random) -> u16 {
    let bits = random.bits() as u16;
    match (wild, kind) {
        (true, _) => bits,
        (_, WeightKind::Mx8 | WeightKind::Mx4) => 120 + bits % 16,
        (_, WeightKind::A8) => 0x3c00 + bits % 0x700,
        _ => bits & 0x8fff | 0x3000,
    }
}

fn weights(kind: WeightKind, wild: bool, random: &mut Random) -> Vec<u8> {
    let codes: Vec<u8> = (0..BLOCK * BLOCK).map(|_| random.bits() as u8).collect();
    let mut patterns = || (0..BLOCK).map(|_| scale(kind, wild && random.one_in(8), random)).collect::<Vec<u16>>();
    let (scales, mins) = (patterns(), patterns());
    let extreme = random.one_in(8);
    let code = |row: usize, col: usize| if extreme { 0x80 } else { codes[row * BLOCK + col] };
    pack_tile(kind, code, |row| scales[row], |row| mins[row])
}

/// Steps of three nested counts in a random order, each at least the span of those inside it; and the whole span.
fn steps(counts: [usize; 3], row: usize, random: &mut Random) -> ([usize; 3], usize) {
    let (mut steps, mut span) = ([0; 3], row);
    let turn = random.below(3) as usize;
    for i in 0..3 {
        let dim = (i + turn) % 3;
        steps[dim] = span + WORD * random.below(3) as usize;
        span += steps[dim] * (counts[dim].max(1) - 1);
    }
    (steps, span)
}

/// Limits of the products that are drawn.
struct Shape {
    tokens: usize,
    blocks: usize,
    wild: bool,
}

fn product(shape: &Shape, random: &mut Random) -> Product {
    let kind = random.pick(&WeightKind::ALL);
    loop {
        let mut count = |least: i64, most: usize| (least + random.below(most as i64 + 1 - least)) as usize;
        let rare_zero = usize::from(count(0, 9) > 0);
        let (rows, k) = (BLOCK * count(1, 3) * rare_zero, BLOCK * count(0, shape.blocks));
        // Only a product of one group may begin while the one before it is written.
        let groups = if count(0, 1) == 0 { 1 } else { count(0, 3) };
        let (tokens, sub) = (count(0, shape.tokens), count(1, 3));
        let outer = groups.div_ceil(sub);
        let (out_steps, out_span) = steps([tokens, outer, sub.min(groups)], 4 * rows, random);
        let (x_steps, x_span) = steps([tokens, outer, 1], a8_row(k), random);
        let half = SPAD / 2;
        if out_span > half || x_span > half {
            continue;
        }
        let side = random.below(2) as usize * half;
        let mut place =
            |side: usize, span: usize| side + WORD * random.below(((half - span) / WORD) as i64 + 1) as usize;
        let (out, x) = (place(side, out_span), place(half - side, x_span));
        let grid =
            if shape.wild && random.one_in(2) { random.below(401) as i32 - 200 } else { random.below(30) as i32 - 40 };
        let [ostep, ogroup, osub] = out_steps;
        let [xstep, xgroup, _] = x_steps;
        return Product { kind, out, x, rows, k, tokens, grid, groups, sub, ostep, xstep, xgroup, ogroup, osub };
    }
}

/// Bytes that are codes and scales of all magnitudes.
fn image(wild: bool, random: &mut Random) -> Vec<u8> {
    let moderate = |random: &mut Random| 0x3c00 + random.bits() as u16 % 0x700;
    let word = |random: &mut Random| if wild { random.bits() as u16 } else { moderate(random) };
    (0..SPAD / 2).flat_map(|_| word(random).to_le_bytes()).collect()
}

/// The engine with a scratchpad, a stream, and stalls.
struct Bench {
    dut: Block,
    /// None where commands are not legal.
    twin: Option<Matrix>,
    ports: Ports,
    port_words: usize,
    spad: Scratchpad,
    stream: VecDeque<[u32; 8]>,
    flags: u64,
    /// A handshake is held back once in so many cycles; 0 is never.
    stall: i64,
    random: Random,
}

struct Ports {
    cmd: Port,
    cmd_valid: Port,
    cmd_ready: Port,
    done: Port,
    flags: Port,
    fault: Port,
    count: Port,
    data: Port,
    take: Port,
    /// Activations, results.
    requests: [Port; 2],
    responses: [Port; 2],
}

impl Bench {
    fn new(size: Size) -> Option<Bench> {
        let dut = Block::in_test(&size.design())?;
        let ports = Ports {
            cmd: dut.port("cmd_i"),
            cmd_valid: dut.port("cmd_valid_i"),
            cmd_ready: dut.port("cmd_ready_o"),
            done: dut.port("done_o"),
            flags: dut.port("flags_o"),
            fault: dut.port("fault_o"),
            count: dut.port("stream_count_i"),
            data: dut.port("stream_data_i"),
            take: dut.port("stream_take_o"),
            requests: ["read_req_o", "write_req_o"].map(|name| dut.port(name)),
            responses: ["read_rsp_i", "write_rsp_i"].map(|name| dut.port(name)),
        };
        let port_words = dut.bits(ports.data) as usize / 256;
        let spad = Scratchpad::new(SPAD, 0, 0);
        let (twin, stream, random) = (Some(Matrix::new(&size.chip())), VecDeque::new(), Random::new(0));
        let mut bench = Bench { dut, twin, ports, port_words, spad, stream, flags: 0, stall: 0, random };
        bench.restart(vec![0; SPAD], 0, 0);
        Some(bench)
    }

    /// Another content of the scratchpad, and other stalls.
    fn restart(&mut self, bytes: Vec<u8>, stall: i64, seed: u64) {
        self.spad = Scratchpad::new(SPAD, stall as u32, seed);
        self.spad.bytes = bytes;
        self.spad.connect(&self.dut, "read_req_o", "read_rsp_i");
        self.spad.connect(&self.dut, "write_req_o", "write_rsp_i");
        (self.flags, self.stall, self.random) = (0, stall, Random::new(seed));
    }

    fn free(&mut self) -> bool {
        self.stall == 0 || !self.random.one_in(self.stall)
    }

    /// One cycle; whether the command was taken, and whether one was done.
    fn cycle(&mut self, command: Option<&Product>) -> (bool, bool) {
        self.dut.put(self.ports.cmd_valid, u64::from(command.is_some()));
        let command = command.map(Product::instr);
        if let Some(instr) = &command {
            put_command(&mut self.dut, self.ports.cmd, instr, |operand| operand.imm);
        }
        let offered = if self.free() { self.port_words } else { self.random.below(2) as usize };
        let offered = offered.min(self.stream.len());
        let words: Vec<u32> = self.stream.iter().take(offered).flatten().copied().collect();
        self.dut.put(self.ports.count, offered as u64);
        self.dut.put_wide(self.ports.data, &words);
        self.spad.drive(&mut self.dut);
        self.dut.eval();
        let taken = command.is_some() && self.dut.take(self.ports.cmd_ready) == 1;
        let took = self.dut.take(self.ports.take) as usize;
        assert!(took <= offered, "it takes what is not there");
        self.stream.drain(..took);
        self.spad.sample(&self.dut);
        self.flags |= self.dut.take(self.ports.flags);
        let done = self.dut.take(self.ports.done) == 1;
        self.compare(command.as_ref(), offered as u32, (Outcome { taken, done }, took as u32));
        self.dut.tick();
        (taken, done)
    }

    /// What the twin asks for and says of this cycle is what the engine does.
    fn compare(&mut self, command: Option<&Instr>, offered: u32, outcome: (Outcome, u32)) {
        let Some(twin) = &mut self.twin else { return };
        let asks = self.ports.requests.map(|request| twin::ask(&self.dut, request));
        assert_eq!(twin.asks([false; 2]), asks, "activations and results");
        let answers = [0, 1].map(|i| twin::answer(&self.dut, self.ports.responses[i], asks[i]));
        assert_eq!(twin.step(command, offered, answers), outcome, "command and words of the stream");
    }

    fn feed(&mut self, tiles: &[Vec<u8>]) {
        for word in tiles.iter().flat_map(|tile| tile.chunks_exact(WORD)) {
            let word = std::array::from_fn(|i| u32::from_le_bytes(word[4 * i..][..4].try_into().expect("four bytes")));
            self.stream.push_back(word);
        }
    }

    /// The products in order; cycles until the last is done.
    fn run(&mut self, products: &[Product]) -> u64 {
        let (mut next, mut left, mut cycles) = (0, products.len(), 0u64);
        while left > 0 {
            let command = if self.free() { products.get(next) } else { None };
            let (taken, done) = self.cycle(command);
            next += usize::from(taken);
            left -= usize::from(done);
            cycles += 1;
            assert!(cycles < 2_000_000, "it hangs: {left} of {} products left", products.len());
        }
        assert_eq!(self.dut.take(self.ports.fault), 0);
        assert!(self.twin.as_ref().is_some_and(Matrix::idle), "the twin is idle");
        cycles
    }
}

/// Products of a seed, on the engine and by the contract.
fn hold(bench: &mut Bench, shape: &Shape, seed: u64, stall: i64) {
    let mut random = Random::new(seed);
    let count = 1 + random.below(4) as usize;
    let products: Vec<Product> = (0..count).map(|_| product(shape, &mut random)).collect();
    compare(bench, &products, shape.wild, seed, stall);
}

/// These products with the data of a seed, on the engine and by the contract; their cycles.
fn compare(bench: &mut Bench, products: &[Product], wild: bool, seed: u64, stall: i64) -> u64 {
    let mut random = Random::new(!seed);
    bench.restart(image(wild, &mut random), stall, seed);
    let mut tiles =
        |product: &Product| (0..product.tiles()).map(|_| weights(product.kind, wild, &mut random)).collect();
    let tiles: Vec<Vec<Vec<u8>>> = products.iter().map(&mut tiles).collect();
    compute(bench, products, &tiles, seed)
}

/// These products with these tiles, on the engine and by the contract; their cycles.
fn compute(bench: &mut Bench, products: &[Product], tiles: &[Vec<Vec<u8>>], seed: u64) -> u64 {
    let (mut wanted, mut flags) = (bench.spad.bytes.clone(), Flags::NONE);
    for (product, tiles) in products.iter().zip(tiles) {
        bench.feed(tiles);
        flags |= product.compute(&mut wanted, tiles);
    }
    let cycles = bench.run(products);
    assert!(bench.stream.is_empty(), "seed {seed}: {} words left of {products:?}", bench.stream.len());
    let differs = wanted.iter().zip(&bench.spad.bytes).position(|(a, b)| a != b);
    assert_eq!(differs, None, "seed {seed}: {products:#?}");
    assert_eq!(bench.flags, u64::from(flags.0), "seed {seed}: {products:#?}");
    cycles
}

/// Size of an engine, and of the memory port that feeds it.
#[derive(Clone, Copy)]
struct Size {
    rows: usize,
    depth: usize,
    columns: usize,
    tokens: usize,
    port: usize,
}

/// The engine of `data/chips/nano.toml`.
const NANO: Size = Size { rows: 16, depth: 8, columns: 4, tokens: 16, port: 64 };

impl Size {
    fn design(self) -> Design {
        let Size { rows, depth, columns, tokens, port } = self;
        let params = [("Rows", rows), ("Depth", depth), ("Columns", columns), ("Tokens", tokens), ("PortBytes", port)];
        params.into_iter().fold(Design::new("puce_matrix"), |design, (name, value)| design.param(name, value))
    }

    fn chip(self) -> Chip {
        let mut chip = Chip::builtin("nano").expect("a chip of the project");
        let spec = &mut chip.matrix;
        (spec.rows, spec.depth, spec.columns, spec.tokens) = (self.rows, self.depth, self.columns, self.tokens);
        chip.memory.port = Bytes(self.port as u64);
        chip
    }
}

/// Many seeds on one engine, one product after the other without a reset.
fn hold_all(bench: &mut Bench, tokens: usize, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let stall = [0, 2, 3, 7][seed as usize % 4];
        let shape = Shape { tokens, blocks: if seed % 5 == 0 { 36 } else { 4 }, wild: seed % 3 != 0 };
        hold(bench, &shape, seed, stall);
    }
}

#[test]
fn products_are_those_of_base() {
    let Some(mut bench) = Bench::new(NANO) else { return };
    hold_all(&mut bench, 16, 0..40);
}

/// Where the exponent of a weight scale stands, and its bits.
fn exponent(kind: WeightKind) -> (u32, u32) {
    match kind {
        WeightKind::Mx8 | WeightKind::Mx4 => (0, 8),
        WeightKind::A8 => (7, 8),
        _ => (10, 5),
    }
}

/// A product of one tile with these scales and minima, and random codes; the lowest activations there are, or random ones.
fn one_tile(bench: &mut Bench, kind: WeightKind, grid: i32, [scales, mins]: [[u16; BLOCK]; 2], random: &mut Random) {
    bench.restart(image(false, random), 0, 0);
    if random.one_in(2) {
        bench.spad.bytes[..BLOCK].fill(0x80);
    }
    let codes: Vec<u8> = (0..BLOCK * BLOCK).map(|_| random.bits() as u8).collect();
    let tile = pack_tile(kind, |row, col| codes[row * BLOCK + col], |row| scales[row], |row| mins[row]);
    let (out, rows, k, tokens, groups, sub, ostep, xstep) = (SPAD / 2, BLOCK, BLOCK, 1, 1, 1, 4 * BLOCK, a8_row(BLOCK));
    let (x, xgroup, ogroup, osub) = (0, 0, 0, 0);
    let product = Product { kind, out, x, rows, k, tokens, grid, groups, sub, ostep, xstep, xgroup, ogroup, osub };
    compute(bench, &[product], &[vec![tile]], 0);
}

#[test]
fn products_are_those_of_base_at_the_ends_of_scales() {
    let Some(mut bench) = Bench::new(NANO) else { return };
    let mut random = Random::new(3);
    for kind in WeightKind::ALL {
        let (low, bits) = exponent(kind);
        let (all, bias) = ((1u16 << bits) - 1, (1i32 << (bits - 1)) - 1);
        // Exponents of one bit, of none, and the highest that is a number.
        for high in (0..bits).map(|bit| 1u16 << bit).chain([0, all - 1]) {
            let scales = [(); 2].map(|()| [(); BLOCK].map(|()| random.bits() as u16 & !(all << low) | high << low));
            one_tile(&mut bench, kind, i32::from(high) - bias - 20, scales, &mut random);
        }
        // One that is no number.
        let [places, more] = [kind.scale_bytes(), kind.min_bytes()].map(|bytes| if bytes > 0 { BLOCK } else { 0 });
        for place in 0..places + more {
            let mut scales = [(); 2].map(|()| [(); BLOCK].map(|()| scale(kind, false, &mut random)));
            scales[place / BLOCK][place % BLOCK] |= all << low;
            one_tile(&mut bench, kind, -20, scales, &mut random);
        }
    }
}

#[test]
fn every_size_of_engine_computes_the_same() {
    // The first two add to an accumulator again before they have written it.
    let sizes = [
        (32, 32, 2, 3, 1024),
        (32, 16, 2, 3, 512),
        (4, 2, 3, 5, 32),
        (2, 32, 2, 3, 512),
        (8, 16, 2, 1, 128),
        (32, 4, 1, 2, 64),
    ];
    for (rows, depth, columns, tokens, port) in sizes {
        let Some(mut bench) = Bench::new(Size { rows, depth, columns, tokens, port }) else { return };
        hold_all(&mut bench, tokens, 100..115);
    }
}

/// A product of moderate weights, its cycles, and the words that it took.
fn timed(bench: &mut Bench, kind: WeightKind, tokens: usize, values: u64) -> (u64, usize) {
    let (mut random, rows, k) = (Random::new(values), 128, 576);
    bench.restart(image(false, &mut random), 0, 0);
    let (xstep, ostep) = (a8_row(k), 4 * rows);
    let (out, grid, groups, sub) = (SPAD / 2, -20, 1, 1);
    let (xgroup, ogroup, osub) = (0, 0, 0);
    let product = Product { kind, out, x: 0, rows, k, tokens, grid, groups, sub, ostep, xstep, xgroup, ogroup, osub };
    let tiles: Vec<_> = (0..product.tiles()).map(|_| weights(kind, false, &mut random)).collect();
    bench.feed(&tiles);
    let words = bench.stream.len();
    (bench.run(&[product]), words)
}

/// Cycles from an empty engine to the first step and from the last step to the first written word, at most.
const ENDS: u64 = 60;

#[test]
fn it_keeps_up_with_the_stream_and_keeps_the_lanes_busy() {
    let Some(mut bench) = Bench::new(NANO) else { return };
    for kind in WeightKind::ALL {
        let (cycles, words) = timed(&mut bench, kind, 1, 1);
        let beats = words.div_ceil(2) as u64;
        assert!(cycles <= beats + ENDS, "{}: {cycles} cycles for {beats} beats", kind.name());
        let (cycles, _) = timed(&mut bench, kind, 16, 1);
        // 72 tiles of 2 halves, 4 groups of tokens, 4 or 8 steps.
        let steps = 72 * 2 * 4 * kind.code_bits() as u64;
        assert!(cycles <= steps + 64 + ENDS, "{}: {cycles} cycles for {steps} steps", kind.name());
    }
}

#[test]
fn a_product_begins_while_the_one_before_is_written() {
    let Some(mut bench) = Bench::new(NANO) else { return };
    let (rows, k, tokens) = (128, 128, 16);
    let (xstep, ostep) = (a8_row(k), 4 * rows);
    let of = |x: usize, out: usize| Product {
        kind: WeightKind::I4m,
        out,
        x,
        rows,
        k,
        tokens,
        grid: -20,
        groups: 1,
        sub: 1,
        ostep,
        xstep,
        xgroup: 0,
        ogroup: 0,
        osub: 0,
    };
    let apart = compare(&mut bench, &[of(0, SPAD / 2); 8], false, 7, 0);
    // Each reads what the one before writes.
    let chain: [Product; 8] = std::array::from_fn(|i| of(i % 2 * (SPAD / 2), (i + 1) % 2 * (SPAD / 2)));
    let together = compare(&mut bench, &chain, false, 7, 0);
    let steps = 8 * 16 * 32;
    assert!(apart <= steps + 8 * 24 + 2 * ENDS, "{apart} cycles for {steps} steps");
    assert!(together >= steps + 8 * 110, "{together} cycles: it reads before the results are written");
}

#[test]
fn time_does_not_depend_on_values() {
    let Some(mut bench) = Bench::new(NANO) else { return };
    for kind in WeightKind::ALL {
        let first = timed(&mut bench, kind, 5, 1);
        assert_eq!(first, timed(&mut bench, kind, 5, 2), "{}", kind.name());
    }
}

#[test]
fn too_many_tokens_are_a_fault() {
    let Some(mut bench) = Bench::new(NANO) else { return };
    bench.twin = None;
    let kind = WeightKind::I4s;
    let (out, x, rows, k, tokens, grid, groups, sub) = (SPAD / 2, 0, 32, 32, 17, 0, 1, 1);
    let (ostep, xstep, xgroup, ogroup, osub) = (128, 64, 0, 0, 0);
    let product = Product { kind, out, x, rows, k, tokens, grid, groups, sub, ostep, xstep, xgroup, ogroup, osub };
    assert!(bench.cycle(Some(&product)).0);
    for _ in 0..50 {
        assert_eq!(bench.cycle(None), (false, false));
    }
    assert_eq!(bench.dut.take(bench.ports.fault), 7);
    assert!(bench.spad.bytes.iter().all(|byte| *byte == 0));
}
