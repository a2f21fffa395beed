//! The scratchpad against an array of bytes, and its code against every wrong bit.

use std::collections::VecDeque;

use arch::random::Random;
use perf::cycles::scratchpad::{Asks, Scratchpad};
use perf::cycles::wires::{Access, Ask};
use rtl::bench::{LATENCY, WORD};
use rtl::block::Block;
use rtl::design::Design;
use rtl::library::Port;

const BYTES: u64 = 16 << 10;
const BANKS: u64 = 4;
const PORTS: usize = 5;
/// Bits of a request and of an answer (`spad_req_t`, `spad_rsp_t`).
const REQUEST: u32 = 338;
const ANSWER: u32 = 258;
/// Cycles in which the banks clear themselves.
const CLEAR: usize = (BYTES / BANKS) as usize / WORD;
const OUTSIDE: u64 = 5;
const TWO_WRONG: u64 = 9;

/// Bits of a guarded word: 32 of data, 7 of the code.
const GUARDED: u32 = 39;

type Word = [u8; WORD];

#[derive(Clone, Copy)]
struct Request {
    address: u64,
    /// The bytes that are written, or none: a read.
    write: Option<(u32, Word)>,
}

/// What a cycle showed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Seen {
    granted: Vec<usize>,
    answers: Vec<(usize, Word)>,
    fault: u64,
    corrected: bool,
    /// A bank was asked for a word that it has to read, if only for a part of it.
    reads: bool,
}

/// The scratchpad with a place for one request per port.
struct Rig {
    block: Block,
    request: Port,
    answer: Port,
    waiting: [Option<Request>; PORTS],
}

impl Rig {
    fn new(ecc: bool) -> Option<Rig> {
        let design = Design::new("puce_scratchpad").param("Bytes", BYTES).param("Banks", BANKS).param("Ports", PORTS);
        let mut block = Block::in_test(&design.param("Ecc", u32::from(ecc)))?;
        block.ticks(CLEAR);
        let (request, answer) = (block.port("req_i"), block.port("rsp_o"));
        Some(Rig { block, request, answer, waiting: [None; PORTS] })
    }

    fn put(&mut self, port: usize, request: Option<Request>) {
        let low = REQUEST * port as u32;
        let Some(Request { address, write }) = request else {
            return self.block.put_field(self.request, low + 337, 1, 0);
        };
        let (strobe, bytes) = write.unwrap_or((0x0f0f_1234, [0x55; WORD]));
        for (index, eight) in bytes.chunks_exact(8).enumerate() {
            let eight = u64::from_le_bytes(eight.try_into().expect("eight bytes"));
            self.block.put_field(self.request, low + 64 * index as u32, 64, eight);
        }
        self.block.put_field(self.request, low + 256, 32, u64::from(strobe));
        self.block.put_field(self.request, low + 288, 48, address);
        self.block.put_field(self.request, low + 336, 2, 2 | u64::from(write.is_some()));
    }

    fn cycle(&mut self) -> Seen {
        (0..PORTS).for_each(|port| self.put(port, self.waiting[port]));
        self.block.eval();
        let mut seen = Seen { fault: self.block.get("fault_o"), ..Seen::default() };
        seen.corrected = self.block.get("corrected_o") == 1;
        for port in 0..PORTS {
            let low = ANSWER * port as u32;
            if self.waiting[port].is_some() && self.block.field(self.answer, low + 257, 1) == 1 {
                seen.granted.push(port);
            }
            if self.block.field(self.answer, low + 256, 1) == 1 {
                let mut word = [0; WORD];
                for (index, eight) in word.chunks_exact_mut(8).enumerate() {
                    eight.copy_from_slice(&self.block.field(self.answer, low + 64 * index as u32, 64).to_le_bytes());
                }
                seen.answers.push((port, word));
            }
        }
        self.block.tick();
        seen
    }

    /// One request on one port: the cycles until it was taken.
    fn alone(&mut self, port: usize, request: Request) -> usize {
        self.waiting[port] = Some(request);
        let cycles = (1..20).find(|_| self.cycle().granted == [port]).expect("a port that is alone is heard");
        self.waiting[port] = None;
        cycles
    }

    /// The word at `address`, and whether the code mended it or gave up.
    fn read(&mut self, address: u64) -> (Word, bool, u64) {
        self.alone(0, Request { address, write: None });
        let seen: Vec<Seen> = (0..LATENCY + 1).map(|_| self.cycle()).collect();
        let word = seen.iter().find_map(|seen| seen.answers.first()).expect("a read is answered").1;
        let fault = seen.iter().map(|seen| seen.fault).max().unwrap_or(0);
        (word, seen.iter().any(|seen| seen.corrected), fault)
    }

    fn write(&mut self, address: u64, strobe: u32, word: Word) -> usize {
        self.alone(1, Request { address, write: Some((strobe, word)) })
    }
}

fn word(random: &mut Random) -> Word {
    std::array::from_fn(|_| random.bits() as u8)
}

fn request(random: &mut Random) -> Request {
    let near = random.one_in(2);
    let address = random.below(if near { 512 } else { BYTES as i64 }) as u64;
    let strobe = match random.below(4) {
        0 => u32::MAX,
        1 => 0xf0ff_ff0f,
        2 => random.bits() as u32,
        _ => (random.bits() & random.bits() & random.bits()) as u32,
    };
    Request { address, write: random.one_in(2).then(|| (strobe, word(random))) }
}

/// What the twin in time is asked for.
fn ask(request: &Request) -> Ask {
    let parts = |strobe: u32| (0..32).step_by(4).map(move |at| strobe >> at & 15);
    let access = match request.write {
        None => Access::Read,
        Some((strobe, _)) if parts(strobe).all(|part| part == 0 || part == 15) => Access::Write,
        Some(_) => Access::Merge,
    };
    Ask { word: (request.address / WORD as u64) as i64, access }
}

/// Random requests on every port for so many cycles, held to an array, and to the twin in time; what was seen. With `inject`, a bit flips now and then.
fn traffic(rig: &mut Rig, cycles: usize, inject: bool) -> Vec<Seen> {
    let mut random = Random::new(7);
    let mut bytes = vec![0; BYTES as usize];
    let mut expected: VecDeque<Vec<(usize, Word)>> = VecDeque::from(vec![Vec::new(); LATENCY]);
    let mut trace = Vec::new();
    let mut twin = Scratchpad::new(BANKS as usize);
    for cycle in 0..cycles {
        for port in 0..PORTS {
            if rig.waiting[port].is_none() && random.one_in(3) {
                rig.waiting[port] = Some(request(&mut random));
            }
        }
        rig.block.set("inject_i", if inject && cycle % 20 == 0 { 1 + (cycle as u64 / 20) % 2 } else { 0 });
        let mut asks = Asks::default();
        (0..PORTS).for_each(|port| asks.put(port, rig.waiting[port].as_ref().map(ask)));
        let grants = twin.step(cycle as u64, &asks);
        let mut seen = rig.cycle();
        let access = |port: &usize| rig.waiting[*port].as_ref().map(|request| ask(request).access);
        seen.reads = seen.granted.iter().any(|port| access(port) != Some(Access::Write));
        assert_eq!(seen.granted.iter().fold(0, |all, port| all | 1 << port), grants.taken, "the twin in cycle {cycle}");
        assert_eq!(seen.answers.iter().fold(0, |all, (port, _)| all | 1 << port), grants.data);
        assert_eq!(Some(seen.answers.clone()), expected.pop_front(), "the answers of cycle {cycle}");
        let mut answers = Vec::new();
        let mut banks = Vec::new();
        for port in &seen.granted {
            let Request { address, write } = rig.waiting[*port].take().expect("granted what was asked");
            let at = address as usize / WORD * WORD;
            let place: &mut [u8] = &mut bytes[at..at + WORD];
            match write {
                None => answers.push((*port, (&*place).try_into().expect("a word"))),
                Some((strobe, word)) => {
                    let named = (0..WORD).filter(|byte| strobe >> byte & 1 == 1);
                    named.for_each(|byte| place[byte] = word[byte]);
                }
            }
            banks.push(address / WORD as u64 % BANKS);
        }
        banks.sort_unstable();
        assert!(banks.windows(2).all(|pair| pair[0] != pair[1]), "a bank takes one access per cycle");
        expected.push_back(answers);
        trace.push(seen);
    }
    trace
}

#[test]
fn every_wrong_bit_is_mended_and_every_two_are_told() {
    let Some(mut encode) = Block::in_test(&Design::new("puce_ecc_enc")) else { return };
    let Some(mut decode) = Block::in_test(&Design::new("puce_ecc_dec")) else { return };
    let mut random = Random::new(1);
    decode.set("en_i", 1);
    let mut look = |word: u64| {
        decode.set("word_i", word);
        decode.eval();
        (decode.get("data_o"), decode.get("single_o"), decode.get("double_o"))
    };
    for data in [0, 0xffff_ffff].into_iter().chain((0..30).map(|_| random.bits() >> 32)) {
        encode.set("data_i", data);
        encode.eval();
        let word = encode.get("word_o");
        assert_eq!(look(word), (data, 0, 0));
        for first in 0..GUARDED {
            assert_eq!(look(word ^ 1 << first), (data, 1, 0), "bit {first}");
            for second in 0..first {
                let (_, single, double) = look(word ^ 1 << first ^ 1 << second);
                assert_eq!((single, double), (0, 1), "bits {first} and {second}");
            }
        }
    }
    encode.set("data_i", 0);
    encode.eval();
    assert_eq!(encode.get("word_o"), 0, "a cleared memory is sound");
}

#[test]
fn random_traffic_is_an_array_of_bytes_with_and_without_the_code() {
    let Some(mut rig) = Rig::new(true) else { return };
    let with = traffic(&mut rig, 5_000, false);
    let Some(mut rig) = Rig::new(false) else { return };
    let without = traffic(&mut rig, 5_000, false);
    assert!(with == without, "the code changes what can be seen");
    assert!(with.iter().all(|seen| seen.fault == 0 && !seen.corrected));
    let grants: usize = with.iter().map(|seen| seen.granted.len()).sum();
    assert!(grants > 2_500, "{grants} accesses in 5000 cycles");
}

#[test]
fn single_wrong_bits_change_nothing_but_are_told() {
    let Some(mut rig) = Rig::new(true) else { return };
    let seen = traffic(&mut rig, 20 * 8 * GUARDED as usize, true);
    assert_eq!(seen.iter().filter(|seen| seen.corrected).count(), 8 * GUARDED as usize);
    // An injection waits for the first word that a bank reads, and is told with that word.
    let (mut armed, mut told) = (false, Vec::new());
    for (cycle, seen) in seen.iter().enumerate() {
        if armed && seen.reads {
            told.push(cycle + LATENCY);
        }
        armed = cycle % 20 == 0 || armed && !seen.reads;
    }
    let corrected: Vec<usize> = (0..seen.len()).filter(|cycle| seen[*cycle].corrected).collect();
    assert_eq!(corrected, told);
    assert!(seen.iter().all(|seen| seen.fault == 0));
}

#[test]
fn two_wrong_bits_are_a_fault() {
    let Some(mut rig) = Rig::new(true) else { return };
    let full = [0xa5; WORD];
    (0..BANKS).for_each(|bank| _ = rig.write(bank * WORD as u64, u32::MAX, full));
    for round in 0..8 * GUARDED {
        rig.block.set("inject_i", 3);
        rig.cycle();
        rig.block.set("inject_i", 0);
        let address = u64::from(round) % BANKS * WORD as u64;
        // Bit after bit of one 32-bit word after the other: this bit and the next, as far as they are data.
        let (part, wrong) = (round / GUARDED, 1u64 << (round % GUARDED) | 1 << ((round + 1) % GUARDED));
        let mut expected = full;
        (0..4).for_each(|at| expected[4 * part as usize + at] ^= (wrong >> (8 * at)) as u8);
        assert_eq!(rig.read(address), (expected, false, TWO_WRONG));
        assert_eq!(rig.read(address), (full, false, 0), "an injection lasts for one word");
    }
}

#[test]
fn the_first_port_that_wants_a_bank_gets_it() {
    let Some(mut rig) = Rig::new(true) else { return };
    let at = |word: u64| Some(Request { address: WORD as u64 * word, write: None });
    rig.waiting = [None, at(0), at(1), at(BANKS), at(2)];
    assert_eq!(rig.cycle().granted, [1, 2, 4]);
    rig.waiting = [at(2), None, None, at(BANKS), at(2)];
    assert_eq!(rig.cycle().granted, [0, 3]);
}

#[test]
fn a_part_of_a_word_takes_its_bank_for_three_cycles() {
    let Some(mut rig) = Rig::new(true) else { return };
    // Whole 32-bit words take one cycle; then a part, another bank, and the first bank again, which is at work for one more cycle.
    let cycles = [(0, u32::MAX, 1), (0, 0xf0f0, 2), (0, 1, 3), (WORD as u64, 1, 9), (0, u32::MAX << 28, 4)]
        .map(|(address, strobe, byte)| rig.write(address, strobe, [byte; WORD]));
    assert_eq!(cycles, [1, 1, 1, 1, 2]);
    let mut expected = [1; WORD];
    (0..WORD).filter(|at| 0xf0f0 >> at & 1 == 1).for_each(|at| expected[at] = 2);
    expected[0] = 3;
    expected[28..].fill(4);
    assert_eq!(rig.read(0).0, expected);
    rig.write(0, 1, [5; WORD]);
    assert_eq!(rig.alone(2, Request { address: 0, write: None }), 3, "two cycles of waiting, then the grant");
}

#[test]
fn what_lies_outside_changes_nothing_and_is_told() {
    let Some(mut rig) = Rig::new(true) else { return };
    rig.write(0, u32::MAX, [7; WORD]);
    let bits = (BYTES.ilog2()..48).map(|bit| 1 << bit);
    for (round, address) in bits.chain([(1 << 48) - 32]).enumerate() {
        for port in [round % PORTS, (round + 1) % PORTS] {
            for write in [None, Some((u32::MAX, [8; WORD]))] {
                rig.alone(port, Request { address, write });
                let told = (0..2).map(|_| rig.cycle().fault).max();
                assert_eq!(told, Some(OUTSIDE), "port {port} at {address}");
            }
        }
    }
    assert_eq!(rig.read(0), ([7; WORD], false, 0));
}

#[test]
fn no_port_is_ready_before_the_banks_are_clear() {
    let Some(mut rig) = Rig::new(true) else { return };
    rig.write(32, u32::MAX, [7; WORD]);
    rig.block.reset();
    let cycles = (0..2 * CLEAR).find(|_| {
        rig.waiting[0] = Some(Request { address: 32, write: None });
        !rig.cycle().granted.is_empty()
    });
    assert!(cycles.is_some_and(|cycles| cycles + 3 >= CLEAR), "{cycles:?} cycles");
    rig.waiting[0] = None;
    assert_eq!(rig.read(32).0, [0; WORD]);
}
