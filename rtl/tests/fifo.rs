//! The queue of words at several depths beside a list, with both sides stuttering.

use std::collections::VecDeque;

use arch::random::Random;
use rtl::block::Block;
use rtl::design::Design;

/// Cycles of each depth.
const CYCLES: u64 = 20_000;

fn check(depth: usize) {
    let Some(mut fifo) = Block::in_test(&Design::new("puce_fifo").param("Width", 17).param("Depth", depth)) else {
        return;
    };
    let mut random = Random::new(depth as u64);
    let mut list: VecDeque<u64> = VecDeque::new();
    let (mut full, mut empty, mut shares) = (0, 0, [8, 8]);
    for cycle in 0..CYCLES {
        if cycle % 64 == 0 {
            shares = [1 + random.below(16), 1 + random.below(16)];
        }
        let (put, take) = (random.below(16) < shares[0], random.below(16) < shares[1]);
        let clear = random.below(500) == 0;
        let word = random.bits() & 0x1_ffff;
        fifo.set("in_valid_i", u64::from(put));
        fifo.set("in_data_i", word);
        fifo.set("out_ready_i", u64::from(take));
        fifo.set("clear_i", u64::from(clear));
        fifo.eval();
        assert_eq!(fifo.get("count_o"), list.len() as u64);
        assert_eq!(fifo.get("in_ready_o"), u64::from(list.len() < depth));
        assert_eq!(fifo.get("out_valid_o"), u64::from(!list.is_empty()));
        list.front().inspect(|first| assert_eq!(fifo.get("out_data_o"), **first));
        full += u64::from(list.len() == depth);
        empty += u64::from(list.is_empty());
        let room = list.len() < depth;
        if take {
            list.pop_front();
        }
        if put && room {
            list.push_back(word);
        }
        if clear {
            list.clear();
        }
        fifo.tick();
    }
    assert!(full > CYCLES / 100 && empty > CYCLES / 100, "{full} full, {empty} empty: the dice do not reach the ends");
}

#[test]
fn words_come_out_as_they_went_in() {
    [1, 2, 3, 8, 13].into_iter().for_each(check);
}
