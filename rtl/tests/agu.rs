//! The walk of a copy of three dimensions: its runs, and the twin in time beside it in every cycle.

use arch::random::Random;
use perf::cycles::dma::{Agu, Copy3, Run};
use rtl::bench::VALUE_BITS;
use rtl::block::Block;
use rtl::design::Design;
use rtl::library::Port;

/// Each begins with a reset, since long copies are not waited for.
const ROUNDS: usize = 1_500;
const ROUND: usize = 80;
/// A dimension of a little more rounds than this power of two is walked to the end, with others inside it.
const LONG_BITS: u32 = 14;
const LONG: Copy3 = Copy3 { elem: 4, n: [2; 3], from_step: [8; 3], to_step: [12; 3], to: 64, bases: 2, base_step: 32 };
/// Bits of a run's length (`RunW`).
const RUN_BITS: u32 = 32;

/// Small, a power of two and a little, or any of so many bits.
fn any(random: &mut Random, bits: u32) -> i64 {
    let small = random.below(100);
    match random.below(4) {
        0 => small | 1 << random.below(i64::from(bits)),
        1 => (random.bits() >> (64 - bits)) as i64,
        _ => small,
    }
}

/// A copy of at most 2^32 bytes, or of none.
fn draw(random: &mut Random) -> Copy3 {
    let (mut left, mut sizes) = (1i64 << RUN_BITS, [1; 5]);
    let first = random.below(5) as usize;
    for place in (0..5).map(|at| (first + at) % 5).take(1 + random.below(5) as usize) {
        sizes[place] = match random.below(3) {
            0 => (1 + random.below(5)).min(left),
            _ => any(random, RUN_BITS).clamp(1, left),
        };
        left /= sizes[place];
    }
    let [elem, n @ .., bases] = sizes;
    let mut copy = Copy3 { elem, n, bases, to: any(random, 46), base_step: any(random, 40), ..Copy3::default() };
    let mut span = elem;
    for (dim, n) in n.into_iter().enumerate() {
        let mut step = || if random.one_in(2) { span } else { any(random, 40) };
        (copy.from_step[dim], copy.to_step[dim]) = (step(), step());
        span *= n;
    }
    if random.one_in(8) {
        let none = -any(random, 40);
        match random.below(5) {
            0 => copy.elem = none,
            1 => copy.bases = none,
            dim => copy.n[dim as usize - 2] = none,
        }
    }
    copy
}

/// The block and its twin.
struct Pair {
    dut: Block,
    twin: Agu,
    run: Port,
    valid: Port,
}

impl Pair {
    fn new() -> Option<Pair> {
        let dut = Block::in_test(&Design::new("puce_agu3"))?;
        let (run, valid) = (dut.port("run_o"), dut.port("run_valid_o"));
        Some(Pair { dut, twin: Agu::default(), run, valid })
    }

    fn reset(&mut self) {
        self.dut.set("start_valid_i", 0);
        self.dut.reset();
        self.twin = Agu::default();
    }

    fn named(&self) -> Run {
        let flag = |bit: u32| self.dut.field(self.run, bit, 1) == 1;
        let value = |low: u32| self.dut.field(self.run, low, VALUE_BITS) as i64;
        Run {
            from: value(3 + RUN_BITS + VALUE_BITS),
            to: value(3 + RUN_BITS),
            len_m1: self.dut.field(self.run, 3, RUN_BITS) as u32,
            empty: flag(2),
            last: flag(1),
            fresh: flag(0),
        }
    }

    /// Gives a copy and a base, offered or not, and whether the run is taken.
    fn give(&mut self, copy: &Copy3, start: bool, base: (i64, bool), taken: bool) {
        let dut = &mut self.dut;
        let one =
            [("elem_i", copy.elem), ("to_i", copy.to), ("bases_n_i", copy.bases), ("base_step_i", copy.base_step)];
        one.into_iter().for_each(|(name, value)| dut.set(name, value as u64 & MASK));
        for (name, values) in [("n_i", copy.n), ("from_step_i", copy.from_step), ("to_step_i", copy.to_step)] {
            let port = dut.port(name);
            let each = values.into_iter().zip(0..);
            each.for_each(|(value, at)| dut.put_field(port, VALUE_BITS * at, VALUE_BITS, value as u64 & MASK));
        }
        dut.set("start_valid_i", u64::from(start));
        dut.set("base_i", base.0 as u64);
        dut.set("base_valid_i", u64::from(base.1));
        dut.set("run_ready_i", u64::from(taken));
    }

    /// Holds the twin to the run of this cycle; whether there was one.
    fn check(&mut self) -> bool {
        let found = (self.dut.take(self.valid) == 1).then(|| self.named());
        // What only ends a command has no place and no length.
        let plain = |run: Run| match run.empty {
            true => Run { from: 0, to: 0, len_m1: 0, ..run },
            false => Run { from: run.from & MASK as i64, to: run.to & MASK as i64, ..run },
        };
        assert_eq!(found.map(plain), self.twin.run().map(plain), "cycle {}", self.dut.cycle());
        found.is_some()
    }

    /// One cycle with all that is given; whether a run was named.
    fn cycle(&mut self, copy: &Copy3, start: bool, base: (i64, bool), taken: bool) -> bool {
        self.give(copy, start, base, taken);
        self.dut.eval();
        let flag = |name: &str| self.dut.get(name) == 1;
        let said = (flag("start_ready_o"), flag("base_ready_o"), flag("start_moves_o"));
        let twin = &self.twin;
        assert_eq!(said, (twin.ready(), twin.wants_base(), copy.moves()), "cycle {}", self.dut.cycle());
        let found = self.check();
        let starts = start && self.twin.ready();
        self.twin.step(Some(base.0).filter(|_| base.1), taken);
        if starts {
            self.twin.begin(*copy);
        }
        self.dut.tick();
        found
    }

    /// From the start to the end, with all inputs as they are.
    fn walk(&mut self, copy: &Copy3) {
        self.cycle(copy, true, (BASE, true), true);
        self.give(copy, false, (BASE, true), true);
        while !self.twin.ready() {
            self.check();
            self.twin.step(Some(BASE), true);
            self.dut.tick();
        }
        assert_eq!(self.dut.get("start_ready_o"), 1, "{copy:?}");
    }
}

/// Where each repetition of a long walk begins.
const BASE: i64 = 4096;
const MASK: u64 = (1 << VALUE_BITS) - 1;

#[test]
fn runs_are_those_of_the_twin_in_every_cycle() {
    let Some(mut pair) = Pair::new() else { return };
    let mut random = Random::new(1);
    let mut named = 0;
    for round in 0..ROUNDS {
        pair.reset();
        for _ in 0..ROUND {
            let mut often = || round % 2 == 0 || !random.one_in(3);
            let (base_there, taken) = (often(), often());
            // What is not offered is not looked at.
            let (copy, base) = (draw(&mut random), any(&mut random, 46));
            let start = random.one_in(2);
            named += usize::from(pair.cycle(&copy, start, (base, base_there), taken));
        }
    }
    assert!(named > ROUNDS * ROUND / 4, "{named} runs");
}

#[test]
fn long_walks_come_to_their_end() {
    let Some(mut pair) = Pair::new() else { return };
    let of = |n: [i64; 3], bases: i64| Copy3 { n, bases, ..LONG };
    let many = 5 + (1 << LONG_BITS);
    for copy in [of([many, 1, 1], 1), of([2, many, 1], 1), of([2, 2, many], 2), of([1; 3], many)] {
        pair.walk(&copy);
    }
}
