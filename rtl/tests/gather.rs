//! The unit that turns a table of indices into addresses: what it gives, and its twin in time beside it in every cycle.

mod twin;

use std::collections::VecDeque;

use arch::random::Random;
use perf::cycles::gather::{Gather, Start};
use rtl::bench::Scratchpad;
use rtl::block::Block;
use rtl::design::Design;

const SPAD: usize = 8 << 10;
const CYCLES: u64 = 6_000;
/// Rounds of the test with values of any size, and the cycles of each.
const ROUNDS: u64 = 4_000;
const ROUND: i64 = 100;

fn draw(random: &mut Random) -> Start {
    let (table, count) = (4 * random.below(200), 1 + random.below(40));
    Start { base: 32 * random.below(1 << 20), step: 32 * random.below(1 << 10), table, count }
}

/// Any of so many bits: a power of two, few ones, or a number of any size.
fn any(random: &mut Random, bits: u32) -> i64 {
    let ones = match random.below(4) {
        0 => return 1 << random.below(i64::from(bits)),
        1 => random.bits() & random.bits() & random.bits() & random.bits(),
        _ => random.bits(),
    };
    (ones >> (64 - bits) >> random.below(i64::from(bits))) as i64
}

/// Bases, steps, tables and counts of all sizes: a table ends below 2^48.
fn draw_any(random: &mut Random) -> Start {
    let near = random.one_in(2);
    let (table, long) = (4 * any(random, if near { SPAD.ilog2() - 2 } else { 44 }), 1 + any(random, 45));
    let count = if random.one_in(2) { 1 + long % 40 } else { long };
    Start { base: any(random, 48), step: any(random, 48), table, count }
}

/// What stands there: zeros outside.
fn index(spad: &Scratchpad, address: i64) -> u32 {
    let bytes = spad.bytes.get(address as usize..).and_then(|bytes| bytes.first_chunk());
    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn check(stall: u32) {
    let Some(mut dut) = Block::in_test(&Design::new("puce_dma_gather")) else { return };
    let mut random = Random::new(u64::from(stall));
    let mut spad = Scratchpad::new(SPAD, stall, 1);
    spad.bytes.iter_mut().for_each(|byte| *byte = random.bits() as u8);
    spad.connect(&dut, "req_o", "rsp_i");
    let response = dut.port("rsp_i");
    let request = dut.port("req_o");
    let (mut twin, mut given, mut wanted) = (Gather::new(), Vec::new(), Vec::new());
    let often = |random: &mut Random| stall == 0 || !random.one_in(i64::from(stall));
    for cycle in 0..CYCLES {
        let offered = (random.one_in(3)).then(|| draw(&mut random));
        let taken = often(&mut random);
        dut.set("start_valid_i", u64::from(offered.is_some()));
        if let Some(start) = offered {
            for (name, value) in
                [("base_i", start.base), ("step_i", start.step), ("table_i", start.table), ("n_i", start.count)]
            {
                dut.set(name, value as u64);
            }
        }
        dut.set("addr_ready_i", u64::from(taken));
        spad.drive(&mut dut);
        dut.eval();
        spad.sample(&dut);
        let ask = twin::ask(&dut, request);
        let address = (dut.get("addr_valid_o") == 1).then(|| dut.get("addr_o") as i64);
        assert_eq!(twin.ready(), dut.get("start_ready_o") == 1, "cycle {cycle}: ready");
        assert_eq!((twin.ask(), twin.address()), (ask, address), "cycle {cycle}");
        given.extend(address.filter(|_| taken));
        if let Some(start) = offered.filter(|_| twin.ready()) {
            let of = |entry| start.base + i64::from(index(&spad, start.table + 4 * entry)) * start.step;
            wanted.extend((0..start.count).map(of));
        }
        let answer = twin::answer(&dut, response, ask);
        twin.step(offered, answer, taken, |address, _| index(&spad, address));
        dut.tick();
    }
    assert!(given.len() > 500, "{} addresses", given.len());
    assert!(wanted.starts_with(&given), "the addresses are those of the tables");
}

#[test]
fn addresses_come_when_the_twin_says() {
    [0, 2, 3].into_iter().for_each(check);
}

/// The address of an index, the largest that there is if it does not fit.
fn address(start: &Start, index: u32) -> i64 {
    let address = i128::from(start.base) + i128::from(index) * i128::from(start.step);
    address.min((1 << 47) - 1) as i64
}

#[test]
fn addresses_of_any_size_are_right_or_the_largest() {
    let Some(mut dut) = Block::in_test(&Design::new("puce_dma_gather")) else { return };
    let (response, request) = (dut.port("rsp_i"), dut.port("req_o"));
    let mut random = Random::new(1);
    let (mut fits, mut far) = (0, 0);
    for seed in 0..ROUNDS {
        dut.set("start_valid_i", 0);
        dut.put_wide(response, &[]);
        dut.reset();
        let mut spad = Scratchpad::new(SPAD, [0, 2, 3][seed as usize % 3], seed);
        spad.connect(&dut, "req_o", "rsp_i");
        for entry in spad.bytes.chunks_exact_mut(4) {
            entry.copy_from_slice(&(any(&mut random, 32) as u32).to_le_bytes());
        }
        // A long table is not waited for: the next round begins with a reset.
        let (mut twin, mut wanted) = (Gather::new(), VecDeque::new());
        for cycle in 0..ROUND {
            let offered = Some(draw_any(&mut random)).filter(|_| random.one_in(3));
            let taken = !random.one_in(4);
            dut.set("start_valid_i", u64::from(offered.is_some()));
            // What is not offered is not looked at.
            let Start { base, step, table, count } = offered.unwrap_or_else(|| draw_any(&mut random));
            for (name, value) in [("base_i", base), ("step_i", step), ("table_i", table), ("n_i", count)] {
                dut.set(name, value as u64);
            }
            dut.set("addr_ready_i", u64::from(taken));
            spad.drive(&mut dut);
            dut.eval();
            spad.sample(&dut);
            let ask = twin::ask(&dut, request);
            let given = (dut.get("addr_valid_o") == 1).then(|| dut.get("addr_o") as i64);
            assert_eq!(twin.ready(), dut.get("start_ready_o") == 1, "round {seed}, cycle {cycle}: ready");
            assert_eq!((twin.ask(), twin.address().is_some()), (ask, given.is_some()), "round {seed}, cycle {cycle}");
            if let Some(start) = offered.filter(|_| twin.ready()) {
                let entries = 0..start.count.min(ROUND);
                wanted.extend(entries.map(|entry| address(&start, index(&spad, start.table + 4 * entry))));
            }
            if let Some(given) = given {
                assert_eq!(wanted.front(), Some(&given), "round {seed}, cycle {cycle}");
                if taken {
                    wanted.pop_front();
                    *(if given == (1 << 47) - 1 { &mut far } else { &mut fits }) += 1;
                }
            }
            let answer = twin::answer(&dut, response, ask);
            // The twin adds without a bound: it is asked when addresses come, not which.
            twin.step(offered, answer, taken, |_, _| 0);
            dut.tick();
        }
    }
    assert!(fits > 50_000 && far > 10_000, "{fits} addresses fit, {far} do not");
}
