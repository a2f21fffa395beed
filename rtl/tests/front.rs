//! A queue and the front behind it: commands come out whole, in order, never before what they wait for, and never more of them than have a place. Their twin
//! in time is beside them in every cycle.

use std::collections::VecDeque;

use arch::attr::Reg;
use arch::random::Random;
use arch::{Instr, Operand};
use perf::cycles::front::{Fronts, Inputs};
use perf::cycles::queue;
use rtl::block::Block;
use rtl::design::Design;

const DEPTH: usize = 3;
const ARGS: usize = 5;
/// The engine that the front is one of.
const ENGINE: usize = 1;
const COMMANDS: usize = 3_000;
/// Where counting begins: tokens go around the circle of 2^32.
const START: u32 = u32::MAX - 200;

#[derive(Clone, Debug)]
struct Command {
    op: u64,
    attrs: u64,
    args: Vec<u64>,
    tokens: Vec<(usize, u32)>,
}

fn draw(random: &mut Random, done: &[u32; 6]) -> Command {
    let args = (0..1 + random.below(ARGS as i64)).map(|_| random.bits() & ((1 << 48) - 1)).collect();
    let mut tokens = Vec::new();
    for from in (0..6).filter(|from| *from != ENGINE) {
        if random.below(5) == 0 {
            // Of what is done long since up to a little ahead.
            tokens.push((from, done[from].wrapping_add(random.below(8) as u32).wrapping_sub(3)));
        }
    }
    Command { op: random.bits() & 0xff, attrs: random.bits() & 0xffff_ffff, args, tokens }
}

impl Command {
    fn words(&self) -> Vec<u64> {
        let header = self.op | self.attrs << 8 | (self.args.len() as u64) << 40 | (self.tokens.len() as u64) << 44;
        let tokens = self.tokens.iter().map(|(from, count)| (*from as u64) << 32 | u64::from(*count));
        [header].into_iter().chain(self.args.iter().copied()).chain(tokens).collect()
    }

    /// The same for the twin, with its number in place of what it does.
    fn numbered(&self, number: usize) -> queue::Command {
        let mut counts = [0; 6];
        self.tokens.iter().for_each(|(from, count)| counts[*from] = *count);
        queue::Command {
            instr: Instr::Set { rd: Reg(1), value: Operand::from(number) },
            operands: self.args.len() as u8,
            tokens: self.tokens.iter().fold(0, |mask, (from, _)| mask | 1 << from),
            counts,
        }
    }

    fn may_start(&self, done: &[u32; 6]) -> bool {
        self.tokens.iter().all(|(from, count)| done[*from].wrapping_sub(*count) < 1 << 31)
    }
}

#[test]
fn commands_come_whole_in_order_and_not_too_early() {
    let design = Design::new("front_bench").param("Depth", DEPTH).param("Args", ARGS);
    let Some(mut block) = Block::in_test(&design.source("front.sv", include_str!("front.sv"))) else { return };
    let cmd = block.port("cmd_o");
    let mut random = Random::new(11);
    let mut done = [START; 6];
    let mut words: VecDeque<u64> = VecDeque::new();
    let mut inside: VecDeque<Command> = VecDeque::new();
    let mut twin = Fronts::new([DEPTH; 6]);
    twin.step(Inputs::default(), &done);
    let (mut sent, mut taken, mut working, mut waits, mut share) = (0, 0, 0u64, 0, 8);
    for cycle in 0..2_000_000 {
        if cycle % 100 == 0 {
            share = [0, 2, 8, 15, 16][random.below(5) as usize];
        }
        // An instruction begins with a place in the queue; its words follow.
        assert_eq!(u64::from(twin.room() >> ENGINE & 1), block.get("room_o"), "cycle {cycle}");
        let begins = words.is_empty() && sent < COMMANDS && block.get("room_o") == 1 && random.below(4) > 0;
        if begins {
            let command = draw(&mut random, &done);
            words.extend(command.words());
            inside.push_back(command);
            sent += 1;
        }
        assert!(inside.len() <= DEPTH, "more commands than places");
        let word = words.front().copied().filter(|_| random.below(8) > 0);
        let ends = working > 0 && random.below(8) == 0;
        block.set("reserve_i", u64::from(begins));
        block.set("word_valid_i", u64::from(word.is_some()));
        block.set("word_i", word.unwrap_or(0));
        block.set("cmd_ready_i", u64::from(random.below(16) < share));
        block.set("done_i", u64::from(ends));
        block.set_wide("done_count_i", &done);
        block.eval();
        assert_eq!(block.get("busy_o"), u64::from(working > 0));
        let said = [twin.valid(), twin.busy(), twin.waits()].map(|mask| u64::from(mask >> ENGINE & 1));
        assert_eq!(said, ["cmd_valid_o", "busy_o", "waiting_o"].map(|name| block.get(name)), "cycle {cycle}");
        if let Some(command) = twin.command(ENGINE) {
            assert_eq!(command.operands()[0].imm, taken as i64, "cycle {cycle}");
        }
        if begins {
            twin.dispatch(ENGINE, &inside.back().expect("it begins").numbered(sent - 1));
        }
        waits += block.get("waiting_o");
        let takes = (block.get("cmd_valid_o") & block.get("cmd_ready_i")) as u8;
        if block.get("cmd_valid_o") == 1 {
            let first = inside.front().expect("a command that nobody sent");
            assert!(first.may_start(&done), "command {taken} is early");
            assert_eq!(block.field(cmd, 656, 8), first.op);
            assert_eq!(block.field(cmd, 624, 32), first.attrs);
            for (index, arg) in first.args.iter().enumerate() {
                assert_eq!(block.field(cmd, 48 * index as u32, 48), *arg, "operand {index} of command {taken}");
            }
            if block.get("cmd_ready_i") == 1 {
                inside.pop_front();
                (taken, working) = (taken + 1, working + 1);
            }
        }
        working -= u64::from(ends);
        if word.is_some() {
            words.pop_front();
        }
        block.tick();
        let moves = random.below(6) as usize;
        done[moves] = done[moves].wrapping_add(random.below(2) as u32);
        let comes = word.map(|_| ENGINE as u8);
        twin.step(Inputs { word: comes, taken: takes << ENGINE, finished: u8::from(ends) << ENGINE }, &done);
        if taken == COMMANDS {
            assert!(waits > 1000, "the dice give no waiting: {waits}");
            return;
        }
    }
    panic!("{taken} of {COMMANDS} commands came out");
}
