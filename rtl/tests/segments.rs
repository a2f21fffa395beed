//! Runs become segments that come from one word each: what is named, and the twin in time beside it in every cycle.

use arch::random::Random;
use perf::cycles::dma::{Run, Segment, Segments};
use rtl::bench::VALUE_BITS;
use rtl::block::Block;
use rtl::design::Design;
use rtl::library::Port;

/// Each begins with a reset, since long runs are not waited for.
const ROUNDS: usize = 3_000;
const ROUND: usize = 50;
/// Runs below as many bits are walked to the end.
const LONG_BITS: u32 = 23;
/// Bits of a run's and of a segment's length (`RunW`, `WordOffW`).
const RUN_BITS: u32 = 32;
const SEGMENT_BITS: u32 = 5;

/// Any of so many bits: mostly small, else a power of two and a little, or a number of any size.
fn any(random: &mut Random, bits: u32) -> u64 {
    let small = random.below(100) as u64;
    match random.below(4) {
        0 => small | 1 << random.below(i64::from(bits)),
        1 => random.bits() >> (64 - bits),
        _ => small,
    }
}

fn draw(random: &mut Random) -> Run {
    let [from, to] = [0; 2].map(|_| any(random, VALUE_BITS - 1) as i64);
    let len_m1 = any(random, RUN_BITS) as u32;
    let mut one_in = |n: i64| random.one_in(n);
    Run { from, to, len_m1, empty: one_in(8), last: one_in(3), fresh: one_in(2) }
}

/// Gives the block a run, the lowest field first.
fn put(dut: &mut Block, port: Port, run: &Run) {
    let flags = u64::from(run.fresh) | u64::from(run.last) << 1 | u64::from(run.empty) << 2;
    dut.put_field(port, 0, 3, flags);
    dut.put_field(port, 3, RUN_BITS, u64::from(run.len_m1));
    dut.put_field(port, 3 + RUN_BITS, VALUE_BITS, run.to as u64);
    dut.put_field(port, 3 + RUN_BITS + VALUE_BITS, VALUE_BITS, run.from as u64);
}

fn segment(dut: &Block, port: Port) -> Segment {
    let flag = |bit: u32| dut.field(port, bit, 1) == 1;
    let value = |low: u32| dut.field(port, low, VALUE_BITS) as i64;
    Segment {
        from: value(4 + SEGMENT_BITS + VALUE_BITS),
        to: value(4 + SEGMENT_BITS),
        len_m1: dut.field(port, 4, SEGMENT_BITS) as u32,
        empty: flag(3),
        last: flag(2),
        first: flag(1),
        fresh: flag(0),
    }
}

/// The block and its twin after a reset.
struct Pair {
    dut: Block,
    twin: Segments,
    run: Port,
    segment: Port,
}

impl Pair {
    fn new() -> Option<Pair> {
        let dut = Block::in_test(&Design::new("puce_dma_segments"))?;
        let (run, segment) = (dut.port("run_i"), dut.port("segment_o"));
        Some(Pair { dut, twin: Segments::default(), run, segment })
    }

    fn reset(&mut self) {
        self.dut.set("run_valid_i", 0);
        self.dut.reset();
        self.twin = Segments::default();
    }

    /// One cycle with this run, offered or not, and with the segment taken or not; the segment.
    fn cycle(&mut self, run: &Run, offered: bool, taken: bool) -> Option<Segment> {
        let Pair { dut, twin, .. } = self;
        put(dut, self.run, run);
        dut.set("run_valid_i", u64::from(offered));
        dut.set("segment_ready_i", u64::from(taken));
        dut.eval();
        let found = (dut.get("segment_valid_o") == 1).then(|| segment(dut, self.segment));
        // Of what only ends a command nobody looks at the length.
        let plain = |segment: Segment| if segment.empty { Segment { len_m1: 0, ..segment } } else { segment };
        assert_eq!(found.map(plain), twin.segment().map(plain), "cycle {}", dut.cycle());
        assert_eq!(dut.get("run_ready_o") == 1, twin.ready(taken), "cycle {}: ready", dut.cycle());
        let enters = twin.ready(taken) && offered;
        twin.step(enters.then_some(*run), taken);
        dut.tick();
        found
    }
}

#[test]
fn segments_are_those_of_the_twin_in_every_cycle() {
    let Some(mut pair) = Pair::new() else { return };
    let mut random = Random::new(1);
    let mut named = 0;
    for round in 0..ROUNDS {
        pair.reset();
        for _ in 0..ROUND {
            let (offered, taken) = (!random.one_in(3), round % 2 == 0 || !random.one_in(3));
            // What is not offered is not looked at.
            named += usize::from(pair.cycle(&draw(&mut random), offered, taken).is_some());
        }
    }
    assert!(named > ROUNDS * ROUND / 2, "{named} segments");
}

#[test]
fn long_runs_come_to_their_end() {
    let Some(mut pair) = Pair::new() else { return };
    let mut random = Random::new(2);
    for bit in 6..LONG_BITS {
        // One takes a cycle more than the other.
        let small = random.below(100) as u32;
        for len_m1 in [small, small + 32].map(|small| 1 << bit | small) {
            let run = Run { len_m1, empty: false, ..draw(&mut random) };
            pair.cycle(&run, true, true);
            while pair.twin.segment().is_some() {
                pair.cycle(&run, false, true);
            }
        }
    }
}
