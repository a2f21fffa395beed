//! The instruction cache beside the code itself: every word in order after every jump, for ports narrower and wider than a line, from a slow memory. Its
//! twin in time is beside it in every cycle.

use std::collections::VecDeque;

use arch::random::Random;
use perf::cycles::fetch::{Fetch, Inputs};
use perf::cycles::wires::{Burst, Read};
use rtl::block::Block;
use rtl::design::Design;

/// Words of the code that is run most: more than the small cache holds.
const CODE: usize = 1000;
/// Words that have a number, less those that follow a jump.
const FAR: usize = (1 << 32) - 100_000;
const BASE: u64 = 0x7_0000_0000;
const LINES: usize = 16;

fn word(index: usize) -> u64 {
    (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x0123_4567_89ab_cdef
}

/// Bursts on their way: address, beats left, and when data may come.
struct Memory {
    bursts: VecDeque<(u64, u64, u64)>,
    latency: u64,
}

/// Whether memory answers a line with an error.
fn broken(line: u64) -> bool {
    line % 7 == 3
}

fn check(port: usize, seed: u64) {
    let design = Design::new("puce_fetch").param("PortBytes", port).param("Lines", LINES);
    let Some(mut block) = Block::in_test(&design) else { return };
    let mut random = Random::new(seed);
    let line = port.max(64) as u64;
    let mut memory = Memory { bursts: VecDeque::new(), latency: 30 };
    let (mut at, mut given, mut errors, mut read, mut starts) = (0usize, 0, 0, 0u64, 0);
    let mut twin = Fetch::with(port as u64, LINES, BASE);
    let (mut run, mut started) = (false, false);
    block.set("base_i", BASE);
    for cycle in 0..60_000u64 {
        // Now and then it stops, and starts again when nothing is on its way.
        let start = !run && !started && block.get("idle_o") == 1 && block.get("ar_valid_o") == 0;
        run = if run { !random.one_in(3000) } else { started };
        started = start;
        block.set("start_i", u64::from(start));
        block.set("run_i", u64::from(run));
        if cycle % 1000 == 0 {
            memory.latency = [0, 5, 30, 90][random.below(4) as usize];
        }
        let jump = run && random.one_in(60);
        let back = random.one_in(2) && at > 20;
        let reach = if random.one_in(3) { FAR } else { CODE };
        let target = if back { at - random.below(20) as usize } else { random.below(reach as i64) as usize };
        block.set("jump_i", u64::from(jump));
        block.set("jump_word_i", target as u64);
        let ready = random.below(8) > 0;
        block.set("word_ready_i", u64::from(ready));
        block.set("ar_ready_i", u64::from(random.below(4) > 0));
        let beat = memory.bursts.front().copied().filter(|(_, _, when)| *when <= cycle && random.below(8) > 0);
        block.set("r_valid_i", u64::from(beat.is_some()));
        if let Some((address, left, _)) = beat {
            let first = (address - BASE) as usize / 8;
            let words: Vec<u32> =
                (0..port / 8).flat_map(|i| [word(first + i) as u32, (word(first + i) >> 32) as u32]).collect();
            block.set_wide("r_data_i", &words);
            block.set("r_last_i", u64::from(left == 1));
            block.set("r_error_i", u64::from(broken((address - BASE) / line)));
            memory.bursts.pop_front();
            if left > 1 {
                memory.bursts.push_front((address + port as u64, left - 1, 0));
            }
        }
        block.eval();
        let asked = (block.get("ar_valid_o") == 1)
            .then(|| Burst { address: block.get("ar_addr_o"), beats: block.get("ar_len_o") as u32 + 1 });
        let said = (block.get("word_valid_o") == 1, block.get("idle_o") == 1, asked);
        assert_eq!((twin.word(), twin.idle(), twin.burst()), said, "port of {port}, cycle {cycle}");
        let taken = asked.is_some() && block.get("ar_ready_i") == 1;
        let memory_says = Read { taken, beat: beat.map(|(_, left, _)| left == 1) };
        twin.step(Inputs { start, run, jump: jump.then_some(target as u32), ready, memory: memory_says });
        if block.get("word_valid_o") == 1 {
            let wrong = broken(8 * at as u64 / line);
            assert_eq!(block.get("word_error_o"), u64::from(wrong), "cycle {cycle}, word {at}");
            assert_eq!(block.get("word_o"), word(at), "cycle {cycle}, word {at}");
            if block.get("word_ready_i") == 1 {
                (at, given, errors) = (at + 1, given + 1, errors + u64::from(wrong));
            }
        }
        if block.get("ar_valid_o") == 1 && block.get("ar_ready_i") == 1 {
            let (address, beats) = (block.get("ar_addr_o"), block.get("ar_len_o") + 1);
            assert_eq!((address % line, beats * port as u64), (0, line), "a burst is a line");
            memory.bursts.push_back((address, beats, cycle + 1 + memory.latency));
            read += 1;
        }
        if jump {
            at = target;
        }
        if start {
            (at, starts) = (0, starts + 1);
        }
        block.tick();
    }
    assert!(given > 10_000 && errors > 20, "{given} words, {errors} of them broken");
    assert!(starts > 5, "{starts} starts are few");
    assert!(read < given, "{read} lines for {given} words: it is no cache");
    block.set("jump_i", 0);
    block.set("run_i", 0);
    block.set("r_valid_i", 0);
    block.eval();
    // A line that waits for the memory to take it is on its way too.
    assert!(block.get("idle_o") == 0 || memory.bursts.is_empty());
}

#[test]
fn every_word_comes_in_order_after_every_jump() {
    for (port, seed) in [(32, 1), (64, 2), (256, 3)] {
        check(port, seed);
    }
}
