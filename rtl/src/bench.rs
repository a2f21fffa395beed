//! What a block sees of the rest of the core: commands, scratchpad ports. For tests of single blocks; the memory port's other side is [`crate::memory`].
//!
//! A cycle of a test is: give inputs ([`Scratchpad::drive`] and the test's own), [`Block::eval`], look at outputs ([`Scratchpad::sample`]), [`Block::tick`].

use std::collections::VecDeque;

use arch::Instr;
use arch::random::Random;

use crate::block::Block;
use crate::library::Port;

/// Width of a resolved operand in a command (`ValueW` of `puce_pkg`).
pub const VALUE_BITS: u32 = 48;
/// Bytes of a scratchpad word (`WordBytes` of `puce_pkg`).
pub const WORD: usize = 32;
/// Cycles from the grant of a read to its data (`SpadLat` of `puce_pkg`).
pub const LATENCY: usize = 2;
/// Most operands of a command (`MaxArgs` of `puce_pkg`).
const ARGS: u32 = 13;

/// Give an input of type `cmd_t` an instruction, whose operands are constants or are resolved by `value`.
pub fn put_command(block: &mut Block, port: Port, instr: &Instr, value: impl Fn(arch::Operand) -> i64) {
    block.put_wide(port, &[]);
    for (index, operand) in instr.operands().into_iter().enumerate() {
        block.put_field(port, VALUE_BITS * index as u32, VALUE_BITS, value(operand) as u64);
    }
    let attrs = VALUE_BITS * ARGS;
    for (index, byte) in instr.attr_codes().into_iter().enumerate() {
        block.put_field(port, attrs + 8 * index as u32, 8, u64::from(byte));
    }
    block.put_field(port, attrs + 32, 8, u64::from(instr.info().code));
}

/// The scratchpad's side of some of a block's ports, with ready and grants withheld at random.
pub struct Scratchpad {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Requests outside the scratchpad, which the real one reports as a fault.
    pub outside: usize,
    ports: Vec<Side>,
    random: Random,
    stall: i64,
}

/// One port: what was granted and not answered yet, oldest first, by the cycle of its answer.
struct Side {
    request: Port,
    response: Port,
    ready: bool,
    answers: VecDeque<Option<[u32; WORD / 4]>>,
}

impl Scratchpad {
    /// So many zero bytes. A port is held up in one of `stall` cycles; never if it is 0.
    pub fn new(bytes: usize, stall: u32, seed: u64) -> Scratchpad {
        let random = Random::new(seed);
        Scratchpad { bytes: vec![0; bytes], outside: 0, ports: Vec::new(), random, stall: i64::from(stall) }
    }

    /// Answer the ports with these names (`read_req_o`, `read_rsp_i`); requests of one cycle count in the order of these calls.
    pub fn connect(&mut self, block: &Block, request: &str, response: &str) {
        let answers = VecDeque::from(vec![None; LATENCY]);
        self.ports.push(Side { request: block.port(request), response: block.port(response), ready: false, answers });
    }

    /// Give the block this cycle's grants and answers.
    pub fn drive(&mut self, block: &mut Block) {
        for side in &mut self.ports {
            side.ready = self.stall == 0 || !self.random.one_in(self.stall);
            let answer = side.answers.pop_front().flatten();
            let mut words = [0; WORD / 4 + 1];
            words[..WORD / 4].copy_from_slice(&answer.unwrap_or_default());
            words[WORD / 4] = u32::from(answer.is_some()) | u32::from(side.ready) << 1;
            block.put_wide(side.response, &words);
        }
    }

    /// Take the requests of this cycle. Reads see what the cycles before have written.
    pub fn sample(&mut self, block: &Block) {
        let mut writes = Vec::new();
        for side in &mut self.ports {
            let granted = block.field(side.request, 337, 1) == 1 && side.ready;
            let address = block.field(side.request, 288, VALUE_BITS) as usize / WORD * WORD;
            if granted && address + WORD > self.bytes.len() {
                self.outside += 1;
            }
            let inside = granted && address + WORD <= self.bytes.len();
            let write = block.field(side.request, 336, 1) == 1;
            if inside && write {
                writes.push((address, block.take_wide(side.request)));
            }
            let read = |index: usize| {
                let bytes = &self.bytes[address + 4 * index..][..4];
                u32::from_le_bytes(bytes.try_into().expect("four bytes"))
            };
            side.answers.push_back(match granted && !write {
                true => Some(if inside { std::array::from_fn(read) } else { Default::default() }),
                false => None,
            });
        }
        for (address, words) in writes {
            let strobe = words[WORD / 4];
            for at in (0..WORD).filter(|at| strobe >> at & 1 == 1) {
                self.bytes[address + at] = (words[at / 4] >> (8 * (at % 4))) as u8;
            }
        }
    }
}
