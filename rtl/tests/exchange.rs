//! After a gather every member holds every member's pieces at the sender's places, and nothing else has changed.

mod twin;

use arch::Instr;
use arch::attr::Scope;
use arch::random::Random;
use perf::cycles::exchange::{Exchange, Hear};
use perf::cycles::hub::{Hub, Side};
use perf::cycles::wires::{Answer, Outcome, Part};
use rtl::bench::{Scratchpad, VALUE_BITS, WORD, put_command};
use rtl::block::Block;
use rtl::design::Design;
use std::fmt::Write;

const SCRATCHPAD: usize = 8 << 10;
/// Destinations lie below, what is sent from elsewhere above.
const SOURCES: i64 = 4 << 10;
/// Places from here on are outside.
const FAR: i64 = SCRATCHPAD as i64;

/// A module of some engines and their hub, with ports of its own for each core.
fn team(cores: usize) -> String {
    let (mut ports, mut wires) = (String::new(), String::new());
    for c in 0..cores {
        let _ = write!(
            ports,
            ",\n  input cmd_t cmd_{c}_i, output spad_req_t read_req_{c}_o, input spad_rsp_t read_rsp_{c}_i, \
             output spad_req_t write_req_{c}_o, input spad_rsp_t write_rsp_{c}_i"
        );
        let _ = write!(
            wires,
            "
  assign cmd[{c}] = cmd_{c}_i; assign read_rsp[{c}] = read_rsp_{c}_i; assign write_rsp[{c}] = write_rsp_{c}_i;
  assign read_req_{c}_o = read_req[{c}]; assign write_req_{c}_o = write_req[{c}];"
        );
    }
    include_str!("exchange_team.sv").replace("/* ports */", &ports).replace("/* wires */", &wires)
}

/// The operands of one member's gather.
#[derive(Clone, Copy, Debug, Default)]
struct Gather {
    src: i64,
    sstep: i64,
    dst: i64,
    dstep: i64,
    bytes: i64,
    rows: i64,
    src2: i64,
    dst2: i64,
    bytes2: i64,
}

impl Gather {
    fn instr(&self) -> Instr {
        let Gather { src, sstep, dst, dstep, bytes, rows, src2, dst2, bytes2 } = *self;
        let [src, sstep, dst, dstep, bytes, rows, src2, dst2, bytes2] =
            [src, sstep, dst, dstep, bytes, rows, src2, dst2, bytes2].map(arch::Operand::from);
        Instr::Gather { scope: Scope::Chip, src, sstep, dst, dstep, bytes, rows, src2, dst2, bytes2 }
    }

    /// The same outside the scratchpad, with places and steps of all sizes: nothing of it is found there, but it is asked for.
    fn far(&mut self, random: &mut Random) {
        let [from, to] = [0; 2].map(|_| 2 * random.below(1 << 45));
        let [step, other] = [0; 2].map(|_| 2 * random.below(1 << 43));
        let same = self.src == self.dst && self.sstep == self.dstep;
        let (from, step) = if same { (to, other) } else { (from, step) };
        (self.src, self.src2) = (FAR + from + self.src, FAR + from + self.src2);
        (self.dst, self.dst2) = (FAR + to + self.dst, FAR + to + self.dst2);
        (self.sstep, self.dstep) = (self.sstep + step, self.dstep + other);
    }

    /// Source, destination and bytes of every row of both pieces.
    fn rows(&self) -> Vec<(usize, usize, usize)> {
        let pieces = [(self.src, self.dst, self.bytes), (self.src2, self.dst2, self.bytes2)];
        let row = |(src, dst, bytes): (i64, i64, i64), r: i64| {
            ((src + r * self.sstep) as usize, (dst + r * self.dstep) as usize, bytes as usize)
        };
        pieces.into_iter().flat_map(|piece| (0..self.rows).map(move |r| row(piece, r))).collect()
    }
}

/// The engines with their scratchpads.
struct Team {
    dut: Block,
    scratchpads: Vec<Scratchpad>,
    random: Random,
    cycle: usize,
    twins: Vec<Exchange>,
    hub: Hub,
}

impl Team {
    fn new(cores: usize) -> Option<Team> {
        let design = Design::new("exchange_team").param("Cores", cores).source("exchange_team.sv", &team(cores));
        let dut = Block::in_test(&design)?;
        let mut random = Random::new(11 + cores as u64);
        let mut scratchpads: Vec<Scratchpad> = (0..cores).map(|_| Scratchpad::new(SCRATCHPAD, 0, 0)).collect();
        scratchpads.iter_mut().flat_map(|pad| &mut pad.bytes).for_each(|byte| *byte = random.bits() as u8);
        let mut team = Team { dut, scratchpads, random, cycle: 0, twins: Vec::new(), hub: Hub::new(cores) };
        team.reset();
        Some(team)
    }

    /// Engines and twins begin anew.
    fn reset(&mut self) {
        let cores = self.scratchpads.len();
        for core in 0..cores {
            ["read", "write"].iter().for_each(|side| self.dut.set_wide(&format!("{side}_rsp_{core}_i"), &[]));
        }
        self.dut.reset();
        let chip = arch::Chip::builtin("nano").expect("a shipped chip");
        (self.twins, self.hub) = (vec![Exchange::new(&chip); cores], Hub::new(cores));
    }

    /// Run one gather of these members; the cycles that it took. A port of a scratchpad is held up in one of `stall` cycles.
    fn run(&mut self, gathers: &[(usize, Gather)], stall: u32) -> usize {
        self.connect(stall);
        let expected = self.expected(gathers);
        self.dut.set("running_i", gathers.iter().map(|(core, _)| 1 << core).sum());
        let (mut left, mut done, start) = (gathers.to_vec(), 0u64, self.cycle);
        while done.count_ones() < gathers.len() as u32 {
            let finished = self.step(&mut left, stall);
            assert_eq!(done & finished, 0, "done twice");
            done |= finished;
            assert!(self.cycle < start + 20_000, "the gather does not end: {gathers:?}");
        }
        for (core, pad) in self.scratchpads.iter().enumerate() {
            assert!(pad.bytes == expected[core], "core {core} after {gathers:?}");
        }
        assert!(self.hub.idle() && self.twins.iter().all(Exchange::idle), "something is left in the twins");
        self.cycle - start
    }

    fn connect(&mut self, stall: u32) {
        for (core, pad) in self.scratchpads.iter_mut().enumerate() {
            let bytes = std::mem::take(&mut pad.bytes);
            *pad = Scratchpad::new(0, stall, self.random.bits());
            pad.bytes = bytes;
            pad.connect(&self.dut, &format!("read_req_{core}_o"), &format!("read_rsp_{core}_i"));
            pad.connect(&self.dut, &format!("write_req_{core}_o"), &format!("write_rsp_{core}_i"));
        }
    }

    /// Scratchpads after the gather.
    fn expected(&self, gathers: &[(usize, Gather)]) -> Vec<Vec<u8>> {
        let mut after: Vec<Vec<u8>> = self.scratchpads.iter().map(|pad| pad.bytes.clone()).collect();
        for (sender, gather) in gathers {
            // What lies outside is a fault of the scratchpad, and no place of it.
            for (src, dst, bytes) in gather.rows().into_iter().filter(|(_, dst, _)| *dst < SCRATCHPAD) {
                let piece = &self.scratchpads[*sender].bytes[src..src + bytes];
                gathers.iter().for_each(|(core, _)| after[*core][dst..dst + bytes].copy_from_slice(piece));
            }
        }
        after
    }

    /// One cycle: offer what is left; the members whose gather is done.
    fn step(&mut self, left: &mut Vec<(usize, Gather)>, stall: u32) -> u64 {
        let mut offered = 0u64;
        let mut commands = vec![None; self.twins.len()];
        for (core, gather) in left.iter() {
            if stall == 0 || !self.random.one_in(i64::from(stall)) {
                offered |= 1 << core;
                commands[*core] = Some(gather.instr());
                let port = self.dut.port(&format!("cmd_{core}_i"));
                put_command(&mut self.dut, port, &gather.instr(), |operand| operand.imm);
            }
        }
        self.dut.set("cmd_valid_i", offered);
        self.scratchpads.iter_mut().for_each(|pad| pad.drive(&mut self.dut));
        self.dut.eval();
        self.scratchpads.iter_mut().for_each(|pad| pad.sample(&self.dut));
        self.check(&commands);
        let taken = self.dut.get("cmd_ready_o") & offered;
        left.retain(|(core, _)| taken >> core & 1 == 0);
        let done = self.dut.get("done_o");
        self.dut.tick();
        self.cycle += 1;
        done
    }

    /// Hold the twins in time of the engines and of their hub to this cycle, whose inputs are given, and let them step.
    fn check(&mut self, commands: &[Option<Instr>]) {
        let (dut, at) = (&self.dut, self.cycle);
        let bit = |name: &str, core: usize| dut.get(name) >> core & 1 == 1;
        let beat = |name: &str, core: usize| {
            let part =
                |part: &str, width: u32| dut.field(dut.port(&format!("{name}_{part}_o")), width * core as u32, width);
            let beat = Part { word: part("addr", VALUE_BITS) as i64 / WORD as i64, strobe: part("strb", 32) as u32 };
            (part("valid", 1) == 1).then_some(beat)
        };
        let side = |(core, twin): (usize, &Exchange)| {
            let (running, turn) = (bit("running_i", core), bit("turn_o", core));
            let (arrived, rx_ready) = (twin.arrived(), twin.rx_ready());
            Side { running, arrived, tx: twin.tx(), tx_end: twin.tx_end(turn), rx_ready }
        };
        let sides: Vec<Side> = self.twins.iter().enumerate().map(side).collect();
        let (rx, release) = (self.hub.rx(&sides), self.hub.release());
        assert_eq!((rx, release), (beat("rx", 0), bit("release_o", 0)), "the hub in cycle {at}");
        for (core, twin) in self.twins.iter_mut().enumerate() {
            let side = Side {
                running: bit("running_i", core),
                arrived: bit("arrived_o", core),
                tx: beat("tx", core),
                tx_end: bit("tx_end_o", core),
                rx_ready: bit("rx_ready_o", core),
            };
            assert_eq!(sides[core], side, "core {core} in cycle {at}");
            let turn = self.hub.turn() == Some(core);
            let tx_ready = turn && self.hub.tx_ready();
            assert_eq!((turn, tx_ready), (bit("turn_o", core), bit("tx_ready_o", core)), "core {core} in cycle {at}");
            let ports = ["read", "write"].map(|side| {
                [format!("{side}_req_{core}_o"), format!("{side}_rsp_{core}_i")].map(|name| dut.port(&name))
            });
            let asked = ports.map(|[request, _]| twin::ask(dut, request));
            assert_eq!(twin.asks(turn), asked, "requests of core {core} in cycle {at}");
            let answers: [Answer; 2] = std::array::from_fn(|port| twin::answer(dut, ports[port][1], asked[port]));
            let command = commands[core].as_ref();
            let outcome =
                twin.step(command, answers, Hear { turn, tx_taken: tx_ready && side.tx.is_some(), rx, release });
            let taken = command.is_some() && bit("cmd_ready_o", core);
            assert_eq!(outcome, Outcome { taken, done: bit("done_o", core) }, "core {core} in cycle {at}");
        }
        self.hub.step(&sides);
    }

    /// Gathers of these members whose places do not meet: a row has a place for each member's two pieces, with gaps of any even size.
    fn draw(&mut self, members: &[usize]) -> Vec<(usize, Gather)> {
        let random = &mut self.random;
        let (rows, in_place) = (random.below(5), random.one_in(3));
        let mut at = 0;
        let mut place = |random: &mut Random| {
            let bytes = 2 * random.pick(&[0, 1, 2, 7, 15, 16, 17, 31, 48, 65]);
            let start = at + 2 * random.below(20);
            at = start + bytes;
            (start, bytes)
        };
        let mut gathers = Vec::new();
        for core in members {
            let ((dst, bytes), (dst2, bytes2)) = (place(random), place(random));
            gathers.push((*core, Gather { src: dst, dst, bytes, rows, src2: dst2, dst2, bytes2, sstep: 0, dstep: 0 }));
        }
        let step = at + 2 * random.below(20);
        for (_, gather) in &mut gathers {
            (gather.sstep, gather.dstep) = (step, step);
            if rows == 1 && random.one_in(2) {
                gather.sstep += 2;
            }
            if !in_place {
                gather.sstep = gather.bytes + gather.bytes2 + 2 * random.below(40);
                gather.src = SOURCES + 2 * random.below(20);
                gather.src2 = gather.src + gather.bytes;
            }
        }
        if random.one_in(4) {
            gathers.iter_mut().for_each(|(_, gather)| gather.far(random));
        }
        gathers
    }
}

/// Long gathers that are begun, and the cycles of each that are looked at.
const LONG: u64 = 300;
const BEGINNING: usize = 150;

/// Any number of so many bits, often a power of two or the least above the half of one; odd ones too, which no legal gather has.
fn long(random: &mut Random, bits: i64) -> i64 {
    let bits = 1 + random.below(bits);
    match random.below(3) {
        0 => 1 << bits,
        1 => 1 + random.below(1 << bits),
        _ => (1 << bits >> 1) + 1,
    }
}

#[test]
fn long_gathers_begin_as_the_twin_says() {
    let mut random = Random::new(5);
    let Some(mut team) = Team::new(1) else { return };
    for _ in 0..LONG {
        let mut of = |bits: i64| long(&mut random, bits);
        // Rows of all sizes, or any number of rows.
        let (bytes, bytes2, many) = (of(44), of(44), of(44));
        let ([src, dst, src2, dst2], [sstep, dstep]) = ([44; 4].map(&mut of), [39; 2].map(&mut of));
        let few = 1 + random.below(4);
        let gather = match random.one_in(2) {
            true => Gather { src, sstep, dst, dstep, bytes, rows: few, src2, dst2, bytes2 },
            false => Gather { src, sstep, dst, dstep, bytes: 2 * few, rows: many, src2, dst2, bytes2 },
        };
        team.connect(0);
        team.dut.set("running_i", 1);
        let mut left = vec![(0, gather)];
        (0..BEGINNING).for_each(|_| _ = team.step(&mut left, 0));
        assert!(left.is_empty(), "{gather:?} does not begin");
        team.reset();
    }
}

fn random_gathers(cores: usize, times: usize) {
    let Some(mut team) = Team::new(cores) else { return };
    for round in 0..times {
        // Sometimes not every core runs.
        let mut members: Vec<usize> = (0..cores).filter(|_| !team.random.one_in(6)).collect();
        if members.is_empty() {
            members.push(0);
        }
        let gathers = team.draw(&members);
        team.run(&gathers, [0, 3, 2][round % 3]);
    }
}

#[test]
fn one_core_gathers_from_itself() {
    random_gathers(1, 300);
}

#[test]
fn every_core_gets_every_piece() {
    random_gathers(3, 400);
}

#[test]
fn a_word_goes_out_in_every_cycle() {
    let Some(mut team) = Team::new(2) else { return };
    // From the start of a turn to its first beat, and from its last beat to the end.
    const TURN: usize = 12;
    const BYTES: i64 = 1024;
    const ROWS: i64 = 40;
    let words = BYTES as usize / WORD;
    for (src, dst) in [(SOURCES, 0), (SOURCES + 6, 2), (SOURCES + 2, 30)] {
        let long = |core: i64| Gather { src, dst: dst + core * BYTES, bytes: BYTES, rows: 1, ..Gather::default() };
        let cycles = team.run(&[(0, long(0)), (1, long(1))], 0);
        assert!(cycles <= 2 * (words + 1 + TURN), "two pieces of 1 KiB from {src} to {dst} took {cycles} cycles");
    }
    let step = WORD as i64;
    let short = |core: i64| Gather {
        src: SOURCES,
        sstep: step,
        dst: core * step,
        dstep: 2 * step,
        bytes: step,
        rows: ROWS,
        ..Gather::default()
    };
    let cycles = team.run(&[(0, short(0)), (1, short(1))], 0);
    assert!(cycles <= 2 * (ROWS as usize + TURN), "{ROWS} rows of a word took {cycles} cycles");
}
