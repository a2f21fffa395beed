//! The parameter memory: every asker gets its own word in the cycle behind the one in which it was served, in turn, and the host when no core asks. The twin
//! in time serves the same core in every cycle.

use arch::random::Random;
use perf::cycles::params::Params;
use rtl::block::Block;
use rtl::design::Design;

const CORES: usize = 3;
const WORDS: usize = 32;
const INDEX: u32 = 5;
const CYCLES: u64 = 20_000;

fn set(block: &mut Block, name: &str, value: impl Into<u64>) {
    block.set(name, value.into());
}

#[test]
fn cores_are_served_in_turn_and_the_host_behind_them() {
    let design = Design::new("puce_params").param("Cores", CORES).param("Words", WORDS);
    let Some(mut block) = Block::in_test(&design) else { return };
    let mut random = Random::new(17);
    let mut words: [u32; WORDS] = std::array::from_fn(|_| random.bits() as u32);
    for (index, word) in words.iter().enumerate() {
        ["host_valid_i", "host_write_i"].into_iter().for_each(|name| set(&mut block, name, true));
        set(&mut block, "host_index_i", index as u64);
        set(&mut block, "host_data_i", *word);
        block.tick();
    }
    let mut twin = Params::new(words.to_vec());
    let (mut asks, mut index, mut host) = (0u64, [0u32; CORES], None);
    let (mut served, mut host_read) = ([0; CORES], 0);
    for cycle in 0..CYCLES {
        let waiting = asks;
        // Who asks keeps asking until it is served.
        for core in (0..CORES).filter(|core| waiting >> core & 1 == 0) {
            index[core] = random.below(WORDS as i64) as u32;
            asks |= u64::from(random.below(4) == 0) << core;
        }
        let (write, at, word) = (random.one_in(3), random.below(WORDS as i64) as usize, random.bits() as u32);
        let packed =
            index.iter().enumerate().fold(0, |all, (core, index)| all | u64::from(*index) << (INDEX * core as u32));
        set(&mut block, "valid_i", asks);
        set(&mut block, "index_i", packed);
        set(&mut block, "host_write_i", write);
        set(&mut block, "host_index_i", at as u64);
        set(&mut block, "host_data_i", word);
        block.eval();

        let came = twin.came();
        assert_eq!(block.get("rvalid_o"), came.map_or(0, |(core, _)| 1 << core), "cycle {cycle}");
        let host_word: Option<u32> = std::mem::take(&mut host);
        if let Some(word) = came.map(|(_, word)| word).or(host_word) {
            assert_eq!(block.get("data_o"), u64::from(word), "cycle {cycle}");
        }
        let chosen =
            twin.step(&std::array::from_fn::<_, CORES, _>(|core| (asks >> core & 1 == 1).then_some(index[core])));
        assert_eq!(block.get("ready_o"), chosen.map_or(0, |core| 1 << core), "cycle {cycle}");
        assert_eq!(block.get("host_ready_o") == 1, asks == 0, "cycle {cycle}");
        match chosen {
            Some(core) => {
                asks &= !(1 << core);
                served[core] += 1;
            }
            None if write => {
                words[at] = word;
                twin.write(words.to_vec());
            }
            None => {
                host = Some(words[at]);
                host_read += 1;
            }
        }
        block.tick();
    }
    assert!(served.iter().all(|count| *count > 1000) && host_read > 1000, "{served:?}, the host {host_read}");
}
