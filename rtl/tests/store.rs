//! The store engine against plain copies.

mod copies;
mod twin;

use copies::{MEMORY, Rig, commands, far, line, long, st};
use rtl::memory::Timing;

#[test]
fn random_stores_are_plain_copies() {
    for (seed, port) in [(1, 64), (2, 64), (3, 32), (4, 256)] {
        let timing = Timing::Random { seed, latency: 60 };
        let Some(mut rig) = Rig::new("puce_store", port, timing, true, seed) else { return };
        rig.run(&commands("puce_store", seed, 250));
    }
}

#[test]
fn random_stores_with_nothing_in_their_way_are_plain_copies() {
    let Some(mut rig) = Rig::new("puce_store", 64, Timing::Fixed { latency: 20 }, false, 5) else { return };
    rig.run(&commands("puce_store", 5, 250));
}

#[test]
fn contiguous_bytes_go_at_a_word_per_cycle() {
    let Some(mut rig) = Rig::new("puce_store", 64, Timing::Fixed { latency: 100 }, false, 6) else { return };
    for instr in [st(0, 0, 8192, line(1, 0, 0)), st(4, 40, 4, line(2048, 4, 4)), st(32, 64, 8192, line(1, 0, 0))] {
        let cycles = rig.run(&[instr]);
        assert!(cycles < 8192 / 32 + 100 + 30, "`{instr}` took {cycles} cycles");
    }
}

#[test]
fn small_elements_far_apart_go_one_per_cycle() {
    let Some(mut rig) = Rig::new("puce_store", 64, Timing::Fixed { latency: 100 }, false, 7) else { return };
    let cycles = rig.run(&[st(0, 0, 4, line(256, 4, 128))]);
    assert!(cycles < 256 + 100 + 30, "{cycles} cycles");
}

#[test]
fn so_many_bursts_wait_for_an_answer() {
    const LATENCY: u64 = 400;
    let Some(mut rig) = Rig::new("puce_store", 64, Timing::Fixed { latency: LATENCY }, false, 11) else { return };
    // 128 of them.
    let cycles = [128, 130].map(|bursts| rig.run(&[st(0, 0, 4, line(bursts, 4, 128))]));
    assert!(cycles[0] < 2 * LATENCY && 2 * LATENCY < cycles[1], "{cycles:?} cycles");
}

#[test]
fn a_beat_that_elements_share_is_written_once() {
    let Some(mut rig) = Rig::new("puce_store", 64, Timing::Fixed { latency: 10 }, false, 8) else { return };
    rig.run(&[st(0, 0, 4, line(256, 4, 8))]);
    assert_eq!(rig.port.moved[1], 2048 / 64);
}

#[test]
fn what_lies_outside_is_a_fault() {
    for instr in [st(0, MEMORY - 32, 64, line(1, 0, 0)), st(0, 0, 4, line(3, 4, MEMORY / 2))] {
        let Some(mut rig) = Rig::new("puce_store", 64, Timing::Fixed { latency: 5 }, false, 9) else { return };
        assert_eq!(rig.fault(&instr), 6, "`{instr}`");
    }
}

#[test]
fn far_addresses_are_told_and_idle_steps_are_not() {
    far("puce_store", st);
}

#[test]
fn long_stores_begin_as_the_twin_says() {
    long("puce_store");
}

#[test]
fn an_error_of_memory_is_a_fault() {
    let Some(mut rig) = Rig::new("puce_store", 64, Timing::Fixed { latency: 5 }, false, 10) else { return };
    rig.memory.broken = 1024..1088;
    assert_eq!(rig.fault(&st(0, 512, 1024, line(1, 0, 0))), 8);
}
