//! The unit that turns a table of indices into addresses: what it gives, and its twin in time beside it in every cycle.

mod twin;

use arch::random::Random;
use perf::cycles::gather::{Gather, Start};
use rtl::bench::Scratchpad;
use rtl::block::Block;
use rtl::design::Design;

const SPAD: usize = 8 << 10;
const CYCLES: u64 = 6_000;

fn draw(random: &mut Random) -> Start {
    let (table, count) = (4 * random.below(200), 1 + random.below(40));
    Start { base: 32 * random.below(1 << 20), step: 32 * random.below(1 << 10), table, count }
}

fn index(spad: &Scratchpad, address: i64) -> u32 {
    u32::from_le_bytes(spad.bytes[address as usize..][..4].try_into().expect("four bytes"))
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
