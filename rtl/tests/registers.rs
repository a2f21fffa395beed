//! The host's registers as the table has them: what can be read and written, what starts, and what a counter shows.

use arch::random::Random;
use rtl::block::Block;
use rtl::design::Design;
use rtl::registers::{self, Access, BLOCKS, Register, Size, chip, core, port};

const CORES: usize = 3;
const PORTS: usize = 1;
const PARAMS: usize = 64;

/// The host, the parameter memory, and cores that say what they are told to say.
struct Host {
    block: Block,
    params: [u32; PARAMS],
    /// The word that was asked for in the cycle before.
    asked: u32,
    /// Errors that any core was told to inject.
    injected: u64,
    /// Cores that were told to start.
    started: u64,
    /// Cycles until now.
    moment: u64,
    dice: Random,
}

impl Host {
    fn new() -> Option<Host> {
        let design = Design::new("puce_regs").param("Cores", CORES).param("MemPorts", PORTS).param("Params", PARAMS);
        let (block, params, dice) = (Block::in_test(&design)?, [0; PARAMS], Random::new(1));
        Some(Host { block, params, asked: 0, injected: 0, started: 0, moment: 0, dice })
    }

    fn tick(&mut self) {
        self.block.set("param_data_i", u64::from(self.asked));
        let ready = self.dice.below(3) > 0;
        self.block.set("param_ready_i", u64::from(ready));
        let index = self.block.get("counter_index_o");
        self.block.eval();
        self.injected |= self.block.get("inject_o");
        self.started |= self.block.get("start_o");
        if ready && self.block.get("param_valid_o") == 1 {
            let at = self.block.get("param_index_o") as usize;
            self.asked = self.params[at];
            if self.block.get("param_write_o") == 1 {
                self.params[at] = self.block.get("param_data_o") as u32;
            }
        }
        self.block.tick();
        self.moment += 1;
        let (port, moment) = (self.block.port("counter_i"), self.moment);
        (0..CORES as u64).for_each(|i| self.block.put_field(port, 48 * i as u32, 48, counted(i, index, moment)));
    }

    /// Some cycles in which nothing is asked.
    fn idle(&mut self) {
        (0..self.dice.below(4)).for_each(|_| self.tick());
    }

    /// Whether the write was taken as one.
    fn write(&mut self, address: u32, word: u32) -> bool {
        self.write_strobed(address, word, 15)
    }

    /// The same with only some of the word's bytes.
    fn write_strobed(&mut self, address: u32, word: u32, strobes: u64) -> bool {
        self.idle();
        let set = [("lite_aw_valid_i", 1), ("lite_w_valid_i", 1), ("lite_w_strb_i", strobes)];
        set.into_iter().for_each(|(name, value)| self.block.set(name, value));
        self.block.set("lite_aw_addr_i", u64::from(address));
        self.block.set("lite_w_data_i", u64::from(word));
        self.wait("lite_aw_ready_o");
        assert_eq!(self.block.get("lite_w_ready_o"), 1, "address and data go together");
        self.tick();
        ["lite_aw_valid_i", "lite_w_valid_i"].into_iter().for_each(|name| self.block.set(name, 0));
        self.block.set("lite_b_ready_i", 1);
        self.wait("lite_b_valid_o");
        let answer = self.block.get("lite_b_resp_o");
        self.tick();
        self.block.set("lite_b_ready_i", 0);
        answer == 0
    }

    fn read(&mut self, address: u32) -> Option<u32> {
        self.idle();
        self.block.set("lite_ar_valid_i", 1);
        self.block.set("lite_ar_addr_i", u64::from(address));
        self.wait("lite_ar_ready_o");
        self.tick();
        self.block.set("lite_ar_valid_i", 0);
        self.wait("lite_r_valid_o");
        // It stands until it is taken.
        self.tick();
        self.block.set("lite_r_ready_i", 1);
        self.block.eval();
        let (word, answer) = (self.block.get("lite_r_data_o") as u32, self.block.get("lite_r_resp_o"));
        self.tick();
        self.block.set("lite_r_ready_i", 0);
        (answer == 0).then_some(word)
    }

    fn wait(&mut self, name: &str) {
        for _ in 0..20 {
            self.block.eval();
            if self.block.get(name) == 1 {
                return;
            }
            self.tick();
        }
        panic!("`{name}` never comes");
    }

    fn value(&mut self, register: Register, index: usize, item: usize) -> u64 {
        let address = register.item(index, item);
        let low = u64::from(self.read(address).expect("in the map"));
        match register.size {
            Size::Word => low,
            _ => low | u64::from(self.read(address + 4).expect("in the map")) << 32,
        }
    }
}

/// What a core says of a counter: in every cycle a value of 48 bits that no other has.
fn counted(core: u64, index: u64, moment: u64) -> u64 {
    (moment << 16 | core << 8 | index).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}

fn instances(name: &str) -> usize {
    match name {
        "core" => CORES,
        "port" => PORTS,
        _ => 1,
    }
}

#[test]
fn what_the_table_has_can_be_reached_and_nothing_else() {
    let Some(mut host) = Host::new() else { return };
    let mut known = std::collections::BTreeSet::new();
    for block in BLOCKS {
        for (register, index) in block.registers.iter().flat_map(|r| (0..instances(block.name)).map(move |i| (r, i))) {
            known.extend((0..register.size.bytes()).step_by(4).map(|word| register.of(index) + word));
        }
    }
    for address in (0..0x40).chain(0x8000..0x8030).chain(0x1_0000..0x1_0000 + 0x200 * (CORES as u32 + 1)).step_by(4) {
        assert_eq!(host.read(address).is_some(), known.contains(&address), "{address:#x}");
        // Nothing is started or cleared by zeros.
        assert_eq!(host.write(address, 0), known.contains(&address), "{address:#x}");
    }
    for block in BLOCKS {
        for register in block.registers.iter().filter(|register| register.access == Access::ReadWrite) {
            let (address, before) = (register.of(instances(block.name) - 1), register.name == "RUN");
            assert!(host.write(address, if before { 2 } else { 0x1234_5600 }));
            assert_eq!(host.read(address), Some(if before { 2 } else { 0x1234_5600 }), "{}", register.name);
        }
    }
    assert_eq!(host.value(chip::ID, 0, 0) as u32, registers::MAGIC);
    assert_eq!(host.value(chip::VERSION, 0, 0) as u32, registers::VERSION);
    assert_eq!(host.value(chip::CORES, 0, 0), CORES as u64);
    assert_eq!(host.value(chip::PORTS, 0, 0), PORTS as u64);
    assert_eq!(host.value(chip::PARAMS, 0, 0), PARAMS as u64);
}

#[test]
fn parameters_are_written_and_read_back() {
    let Some(mut host) = Host::new() else { return };
    for index in 0..PARAMS as u32 {
        assert!(host.write(registers::PARAMETERS + 4 * index, index.wrapping_mul(0x9e37_79b9)));
    }
    assert_eq!(host.params[63], 63u32.wrapping_mul(0x9e37_79b9));
    for index in (0..PARAMS as u32).rev() {
        assert_eq!(host.read(registers::PARAMETERS + 4 * index), Some(index.wrapping_mul(0x9e37_79b9)));
    }
    assert!(!host.write(registers::PARAMETERS + 4 * PARAMS as u32, 1));
    assert_eq!(host.read(registers::PARAMETERS + 4 * PARAMS as u32), None);
}

#[test]
fn counters_are_read_whole() {
    let Some(mut host) = Host::new() else { return };
    let first = core::INSTRUCTIONS.offset;
    for index in 0..CORES {
        for (register, item) in [(core::INSTRUCTIONS, 6), (core::CORRECTED, 0), (core::BUSY, 5), (core::SPAD, 10)] {
            let place = u64::from((register.offset - first) / 8) + item as u64;
            // The counter goes on meanwhile: both words are those of one cycle.
            let (before, value) = (host.moment, host.value(register, index, item));
            let whole = (before..=host.moment).any(|moment| counted(index as u64, place, moment) == value);
            assert!(whole, "{} is {value:#x}", register.name);
        }
    }
    // A read, a write and nothing held up, for ten cycles.
    host.block.set("port_event_i", 0b0011);
    (0..10).for_each(|_| host.tick());
    host.block.set("port_event_i", 0);
    let counts = [port::READ, port::WRITE, port::READ_HELD, port::WRITE_HELD].map(|r| host.value(r, 0, 0));
    assert_eq!(counts, [10, 10, 0, 0]);
    assert!(host.write(chip::CONTROL.of(0), registers::CLEAR));
    assert_eq!(host.value(port::READ, 0, 0), 0);
}

#[test]
fn what_cores_say_is_read_as_they_say_it() {
    let Some(mut host) = Host::new() else { return };
    let mut dice = Random::new(2);
    for _ in 0..200 {
        let [running, done] = [dice.bits() & 7, dice.bits() & 7];
        let words: [[u64; CORES]; 3] =
            [15, u64::from(u32::MAX), 7].map(|most| std::array::from_fn(|_| dice.bits() & most));
        let [faults, pcs, flags] = words;
        host.block.set("running_i", running);
        host.block.set("done_i", done);
        for core in 0..CORES {
            for (name, width, value) in
                [("fault_i", 4, faults[core]), ("pc_i", 32, pcs[core]), ("flags_i", 3, flags[core])]
            {
                let port = host.block.port(name);
                host.block.put_field(port, width * core as u32, width, value);
            }
        }
        for core in 0..CORES {
            let status = u64::from(faults[core] != 0) << 2 | (done >> core & 1) << 1 | running >> core & 1;
            assert_eq!(host.value(core::STATUS, core, 0), status);
            assert_eq!(host.value(core::REASON, core, 0), faults[core]);
            assert_eq!(host.value(core::PC, core, 0), pcs[core]);
            assert_eq!(host.value(core::FLAGS, core, 0), flags[core]);
        }
        assert_eq!(host.value(chip::FLAGS, 0, 0), flags.iter().fold(0, |all, flags| all | flags));
        let fault = faults.iter().any(|fault| *fault != 0);
        let status = u64::from(fault) << 2 | u64::from(running != 0);
        assert_eq!(host.value(chip::STATUS, 0, 0), status, "nothing was started, so nothing is done");
        assert_eq!(host.block.get("irq_o"), u64::from(fault));
    }
}

#[test]
fn what_the_host_writes_goes_out_whole_or_not_at_all() {
    let Some(mut host) = Host::new() else { return };
    let mut dice = Random::new(3);
    for _ in 0..100 {
        let limit = dice.bits() >> 16;
        let bases: [u64; CORES] = std::array::from_fn(|_| dice.bits() >> 16);
        let pairs = bases.iter().enumerate().map(|(core, base)| (core::CODE.of(core), *base));
        let halves = |(address, value)| [(address, value as u32), (address + 4, (value >> 32) as u32)];
        let mut words: Vec<(u32, u32)> = pairs.chain([(chip::LIMIT.of(0), limit)]).flat_map(halves).collect();
        // In any order, some of them twice.
        (0..dice.below(4)).for_each(|_| words.push(dice.pick(&words)));
        (1..words.len()).for_each(|at| words.swap(at, dice.below(at as i64 + 1) as usize));
        for (address, word) in words {
            assert!(host.write(address, word));
        }
        // Some of a word's bytes are none.
        let strobes = dice.below(15) as u64;
        assert!(!host.write_strobed(chip::LIMIT.of(0), !limit as u32, strobes), "{strobes}");
        host.block.eval();
        assert_eq!(host.block.get("limit_o"), limit);
        let port = host.block.port("base_o");
        for (core, base) in bases.iter().enumerate() {
            assert_eq!(host.block.field(port, 48 * core as u32, 48), *base);
            assert_eq!(host.value(core::CODE, core, 0), *base);
        }
        let (core, kind) = (dice.below(CORES as i64) as usize, 1 + dice.below(3) as u64);
        host.injected = 0;
        assert!(host.write(core::INJECT.of(core), kind as u32));
        assert_eq!(host.injected, kind << (2 * core));
    }
    // More cores than there are are all of them.
    for (run, cores) in [(0, 0), (1, 1), (CORES as u32, CORES), (CORES as u32 + 1, CORES), (u32::MAX, CORES)] {
        assert!(host.write(chip::RUN.of(0), run));
        assert_eq!(host.value(chip::RUN, 0, 0), cores as u64);
    }
}

#[test]
fn no_address_outside_the_map_answers() {
    let Some(mut host) = Host::new() else { return };
    let mut dice = Random::new(4);
    let parameters = registers::PARAMETERS..registers::PARAMETERS + 4 * PARAMS as u32;
    for _ in 0..500 {
        let address = (dice.bits() as u32 & 0xff_ffff).max(0x2_0000);
        let known = parameters.contains(&address);
        assert_eq!((host.read(address).is_some(), host.write(address, 0)), (known, known), "{address:#x}");
    }
}

#[test]
fn a_start_starts_the_named_cores_and_the_end_is_told() {
    let Some(mut host) = Host::new() else { return };
    assert!(host.write(chip::RUN.of(0), 2));
    host.block.set("lite_b_ready_i", 0);
    let mut started = 0;
    // The pulse comes right behind the write.
    let set = [("lite_aw_valid_i", 1), ("lite_w_valid_i", 1), ("lite_w_strb_i", 15), ("lite_aw_addr_i", 0x10)];
    set.into_iter().for_each(|(name, value)| host.block.set(name, value));
    host.block.set("lite_w_data_i", u64::from(registers::START));
    host.tick();
    ["lite_aw_valid_i", "lite_w_valid_i"].into_iter().for_each(|name| host.block.set(name, 0));
    host.block.set("lite_b_ready_i", 1);
    for _ in 0..5 {
        host.block.eval();
        started += host.block.get("start_o");
        host.tick();
    }
    assert_eq!(started, 0b011, "cores 0 and 1, once");
    let status = |host: &mut Host, running: u64, done: u64, fault: u64| {
        host.block.set("running_i", running);
        host.block.set("done_i", done);
        host.block.set("fault_i", fault);
        host.block.eval();
        (host.value(chip::STATUS, 0, 0) as u32, host.block.get("irq_o"))
    };
    assert_eq!(status(&mut host, 0b011, 0, 0), (registers::RUNNING, 0));
    assert_eq!(status(&mut host, 0b010, 0b001, 0), (registers::RUNNING, 0));
    assert_eq!(status(&mut host, 0, 0b011, 0), (registers::DONE, 1));
    assert_eq!(status(&mut host, 0b001, 0, 6 << 4), (registers::RUNNING | registers::FAULT, 1));
    assert_eq!(host.value(core::REASON, 1, 0), 6);
    assert_eq!(host.value(core::STATUS, 1, 0) as u32, registers::FAULT);
    assert!(host.value(chip::CYCLES, 0, 0) > 10);
    // Counted anew, cycle by cycle.
    host.block.set("running_i", 0);
    assert!(host.write(chip::CONTROL.of(0), registers::CLEAR));
    host.block.set("running_i", 0b100);
    (0..37).for_each(|_| host.tick());
    host.block.set("running_i", 0);
    assert_eq!(host.value(chip::CYCLES, 0, 0), 37);
}

#[test]
fn as_many_cores_start_as_the_host_says() {
    let Some(mut host) = Host::new() else { return };
    for run in 0..=CORES {
        host.started = 0;
        assert!(host.write(chip::RUN.of(0), run as u32) && host.write(chip::CONTROL.of(0), registers::START));
        assert_eq!(host.started, (1 << run) - 1);
    }
}
