//! The load engine against plain copies.

mod copies;
mod twin;

use arch::Instr;
use copies::{MEMORY, Rig, SPAD_TABLE, commands, far, ld, line, long};
use rtl::memory::Timing;

#[test]
fn random_loads_are_plain_copies() {
    for (seed, port) in [(1, 64), (2, 64), (3, 32), (4, 256)] {
        let timing = Timing::Random { seed, latency: 60 };
        let Some(mut rig) = Rig::new("puce_load", port, timing, true, seed) else { return };
        rig.run(&commands("puce_load", seed, 250));
    }
}

#[test]
fn random_loads_with_nothing_in_their_way_are_plain_copies() {
    let Some(mut rig) = Rig::new("puce_load", 64, Timing::Fixed { latency: 20 }, false, 5) else { return };
    rig.run(&commands("puce_load", 5, 250));
}

#[test]
fn contiguous_bytes_come_at_a_word_per_cycle() {
    let Some(mut rig) = Rig::new("puce_load", 64, Timing::Fixed { latency: 100 }, false, 6) else { return };
    // Aligned, turned by four bytes, merged from small elements, merged from three dimensions.
    let merged = ld(0, 64, 32, [(4, 32, 32), (8, 128, 128), (8, 1024, 1024)]);
    for instr in [ld(0, 0, 8192, line(1, 0, 0)), ld(4, 40, 4, line(2048, 4, 4)), ld(32, 0, 8192, line(1, 0, 0)), merged]
    {
        let cycles = rig.run(&[instr]);
        assert!(cycles < 8192 / 32 + 100 + 30, "`{instr}` took {cycles} cycles");
    }
}

#[test]
fn commands_overlap() {
    let Some(mut rig) = Rig::new("puce_load", 64, Timing::Fixed { latency: 100 }, false, 7) else { return };
    let instrs: Vec<_> = (0..16).map(|i| ld(256 * i, 512 * i, 256, line(1, 0, 0))).collect();
    let cycles = rig.run(&instrs);
    assert!(cycles < 16 * 256 / 32 + 100 + 40, "{cycles} cycles");
}

#[test]
fn a_beat_that_elements_share_is_read_once() {
    let Some(mut rig) = Rig::new("puce_load", 64, Timing::Fixed { latency: 10 }, false, 8) else { return };
    rig.run(&[ld(0, 0, 4, line(256, 8, 4))]);
    assert_eq!(rig.port.moved[0], 2048 / 64);
}

#[test]
fn every_command_reads_memory_anew() {
    let Some(mut rig) = Rig::new("puce_load", 64, Timing::Fixed { latency: 10 }, false, 11) else { return };
    rig.run(&[ld(0, 0, 16, line(1, 0, 0))]);
    rig.memory.data[16..32].fill(0x5a);
    rig.run(&[ld(64, 16, 16, line(1, 0, 0))]);
}

#[test]
fn what_lies_outside_is_a_fault() {
    let outside = [
        ld(0, MEMORY - 32, 64, line(1, 0, 0)),
        ld(0, 0, 4, line(3, MEMORY / 2, 4)),
        ld(0, 1 << 45, 32, line(1, 0, 0)),
        Instr::Ldg {
            dst: 0.into(),
            mem: 0.into(),
            table: SPAD_TABLE.into(),
            n: 1.into(),
            step: (1i64 << 45).into(),
            d0: 0.into(),
            elem: 32.into(),
            n1: 1.into(),
            s1: 0.into(),
            d1: 0.into(),
        },
    ];
    for instr in outside {
        let Some(mut rig) = Rig::new("puce_load", 64, Timing::Fixed { latency: 5 }, false, 9) else { return };
        assert_eq!(rig.fault(&instr), 6, "`{instr}`");
    }
}

#[test]
fn far_addresses_are_told_and_idle_steps_are_not() {
    far("puce_load", ld);
}

#[test]
fn long_loads_begin_as_the_twin_says() {
    long("puce_load");
}

#[test]
fn an_error_of_memory_is_a_fault() {
    let Some(mut rig) = Rig::new("puce_load", 64, Timing::Fixed { latency: 5 }, false, 10) else { return };
    rig.memory.broken = 1024..1088;
    assert_eq!(rig.fault(&ld(0, 512, 1024, line(1, 0, 0))), 8);
}
