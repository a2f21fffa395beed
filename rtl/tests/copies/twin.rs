//! The engine's twin in time beside the engine: every cycle, the same handshakes.

use crate::twin::{answer, ask};
use arch::{Chip, Instr};
use base::units::Bytes;
use perf::cycles::load::Load;
use perf::cycles::store::Store;
use perf::cycles::wires::{Burst, Outcome, Read, Write};
use rtl::block::Block;
use rtl::library::Port;

/// The twin of either engine.
#[derive(Clone, Debug)]
enum Engine {
    Load(Box<Load>),
    Store(Box<Store>),
}

/// A twin with the ports of its engine's scratchpad (request, response).
pub struct Twin {
    engine: Engine,
    sides: Vec<(Port, Port)>,
    was_idle: bool,
}

impl Twin {
    pub fn new(block: &Block, sides: Vec<(Port, Port)>, port: usize) -> Twin {
        let mut chip = Chip::builtin("nano").expect("a shipped chip");
        chip.memory.port = Bytes(port as u64);
        let engine = match sides.len() {
            2 => Engine::Load(Box::new(Load::new(&chip))),
            _ => Engine::Store(Box::new(Store::new(&chip))),
        };
        assert_eq!(block.cycle(), 0, "both begin with reset");
        Twin { engine, sides, was_idle: false }
    }

    pub fn idle(&self) -> bool {
        match &self.engine {
            Engine::Load(load) => load.idle(),
            Engine::Store(store) => store.idle(),
        }
    }

    /// Hold the twin to the engine in this cycle, whose inputs are given, and let it step.
    pub fn check(&mut self, block: &Block, offered: Option<&Instr>, spad: &[u8]) {
        let at = block.cycle();
        let asked: Vec<_> = self.sides.iter().map(|(request, _)| ask(block, *request)).collect();
        let answers: Vec<_> =
            self.sides.iter().zip(&asked).map(|((_, response), asked)| answer(block, *response, *asked)).collect();
        let first = self.idle() && !self.was_idle && offered.is_none() && answers.iter().all(|answer| !answer.data);
        self.was_idle = self.idle();
        let before = first.then(|| format!("{:?}", self.engine));
        let outcome = match &mut self.engine {
            Engine::Load(load) => {
                assert_eq!(load.asks([answers[0].data, answers[1].data]), asked[..], "requests of cycle {at}");
                assert_eq!(load.burst(), request(block, "ar"), "the burst of cycle {at}");
                let mut table = |_, address: i64, _: u64| {
                    u32::from_le_bytes(spad[address as usize..][..4].try_into().expect("four bytes"))
                };
                load.step(offered, [answers[0], answers[1]], read(block), &mut table)
            }
            Engine::Store(store) => {
                assert_eq!(store.asks([answers[0].data]), asked[..], "requests of cycle {at}");
                assert_eq!(store.aw(), request(block, "aw"), "the burst of cycle {at}");
                let beat = (block.get("w_valid_o") == 1).then(|| block.get("w_last_o") == 1);
                assert_eq!(store.w(), beat, "the beat of cycle {at}");
                store.step(offered, [answers[0]], write(block))
            }
        };
        let taken = offered.is_some() && block.get("cmd_ready_o") == 1;
        assert_eq!(outcome, Outcome { taken, done: block.get("done_o") == 1 }, "commands of cycle {at}");
        if let Some(before) = before {
            assert_eq!(before, format!("{:?}", self.engine), "idle in cycle {at}");
        }
    }
}

/// The burst that a channel offers.
fn request(block: &Block, channel: &str) -> Option<Burst> {
    let get = |name: &str| block.get(&format!("{channel}_{name}_o"));
    (get("valid") == 1).then(|| Burst { address: get("addr"), beats: get("len") as u32 + 1 })
}

fn taken(block: &Block, channel: &str) -> bool {
    let [valid, ready] = [format!("{channel}_valid_o"), format!("{channel}_ready_i")].map(|name| block.get(&name));
    valid == 1 && ready == 1
}

fn read(block: &Block) -> Read {
    let beat = (block.get("r_valid_i") == 1).then(|| block.get("r_last_i") == 1);
    Read { taken: taken(block, "ar"), beat }
}

fn write(block: &Block) -> Write {
    Write { aw_taken: taken(block, "aw"), w_taken: taken(block, "w"), b: block.get("b_valid_i") == 1 }
}
