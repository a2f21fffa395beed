//! Control beside a plain interpreter: the same words in the same order for every engine, the same end, whatever code, queues and parameters make it wait for.
//! And beside its twin in time, which does the same in every cycle.

use arch::Instr;
use arch::attr::{Binary, REGISTERS, Reg, Unit};
use arch::isa::{IMM_MAX, IMM_MIN, OPS, OpInfo, Operand, OperandKind};
use arch::random::Random;
use perf::cycles::control::{Control, Inputs};
use perf::cycles::queue::Command;
use rtl::block::Block;
use rtl::design::Design;

const ENGINES: usize = 6;
const PARAMS: usize = 64;
const PROGRAMS: u64 = 400;
/// Cycles after which a run has come to no end: no random stream takes half of them.
const PATIENCE: usize = 10_000;

/// True in so many of a hundred.
fn percent(dice: &mut Random, chance: i64) -> bool {
    dice.below(100) < chance
}

/// How a stream ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Done,
    Fault { reason: u64, pc: usize },
}

const OPCODE: u64 = 1;
const VALUE: u64 = 2;
const PARAM: u64 = 3;
const LOOPS: u64 = 4;
const BUS: u64 = 8;
const STREAM: u64 = 10;

/// What the queues get and how it ends.
#[derive(Debug, PartialEq)]
struct Outcome {
    words: [Vec<u64>; ENGINES],
    issued: [u64; ENGINES + 1],
    end: End,
}

/// The plain interpreter.
struct Model<'a> {
    stream: &'a [Instr],
    params: &'a [u32],
    registers: [i64; 64],
    loops: Vec<(usize, i64)>,
    tokens: [[Option<u64>; ENGINES]; ENGINES],
    out: Outcome,
}

impl<'a> Model<'a> {
    fn run(stream: &'a [Instr], params: &'a [u32]) -> Outcome {
        let out = Outcome { words: Default::default(), issued: [0; ENGINES + 1], end: End::Done };
        let mut model =
            Model { stream, params, registers: [0; 64], loops: Vec::new(), tokens: Default::default(), out };
        let mut pc = 0;
        loop {
            match model.step(pc) {
                Ok(Some(next)) => pc = next,
                Ok(None) => return model.out,
                Err(reason) => {
                    model.out.end = End::Fault { reason, pc };
                    return model.out;
                }
            }
        }
    }

    fn value(&self, operand: Operand) -> i64 {
        self.registers[operand.reg as usize].wrapping_add(operand.imm)
    }

    fn step(&mut self, pc: usize) -> Result<Option<usize>, u64> {
        let instr = self.stream[pc];
        self.out.issued[instr.unit() as usize] += 1;
        if instr.unit() != Unit::Control {
            self.dispatch(&instr)?;
            return Ok(Some(pc + 1));
        }
        let (rd, value) = match instr {
            Instr::Set { rd, value } => (rd, self.value(value)),
            Instr::Add { rd, a, b } => (rd, self.value(a).wrapping_add(self.value(b))),
            Instr::Sub { rd, a, b } => (rd, self.value(a).wrapping_sub(self.value(b))),
            Instr::Mul { rd, a, b } => (rd, self.value(a).wrapping_mul(self.value(b))),
            Instr::Min { rd, a, b } => (rd, self.value(a).min(self.value(b))),
            Instr::Max { rd, a, b } => (rd, self.value(a).max(self.value(b))),
            Instr::Shr { rd, a, b } => (rd, self.value(a) >> (self.value(b) & 63)),
            Instr::And { rd, a, b } => (rd, self.value(a) & self.value(b)),
            Instr::Param { rd, index } => {
                let index = usize::try_from(self.value(index)).map_err(|_| PARAM)?;
                (rd, i64::from(*self.params.get(index).ok_or(PARAM)?))
            }
            Instr::Loop { count } => return self.enter(pc, self.value(count)).map(Some),
            Instr::End {} => return Ok(Some(self.repeat(pc))),
            Instr::Sync { from, to } => {
                self.tokens[to as usize][from as usize] = Some(self.out.issued[from as usize]);
                return Ok(Some(pc + 1));
            }
            _ => return Ok(None),
        };
        self.registers[rd.0 as usize] = value;
        Ok(Some(pc + 1))
    }

    fn enter(&mut self, pc: usize, count: i64) -> Result<usize, u64> {
        if count > 0 {
            self.loops.push((pc, count));
            return Ok(pc + 1);
        }
        let mut depth = 1;
        let mut at = pc;
        while depth > 0 {
            at += 1;
            depth += match self.stream[at] {
                Instr::Loop { .. } => 1,
                Instr::End {} => -1,
                _ => 0,
            };
        }
        Ok(at + 1)
    }

    fn repeat(&mut self, pc: usize) -> usize {
        let (start, left) = self.loops.last_mut().expect("balanced");
        *left -= 1;
        match *left > 0 {
            true => *start + 1,
            false => {
                self.loops.pop();
                pc + 1
            }
        }
    }

    fn dispatch(&mut self, instr: &Instr) -> Result<(), u64> {
        let (info, unit) = (instr.info(), instr.unit() as usize);
        let tokens: Vec<(usize, u64)> =
            self.tokens[unit].iter().enumerate().filter_map(|(from, count)| Some((from, (*count)?))).collect();
        self.tokens[unit] = Default::default();
        let attrs =
            instr.attr_codes().iter().enumerate().fold(0, |word, (i, code)| word | u64::from(*code) << (8 + 8 * i));
        let out = &mut self.out.words[unit];
        let operands = instr.operands();
        out.push(u64::from(info.code) | attrs | (operands.len() as u64) << 40 | (tokens.len() as u64) << 44);
        for (operand, (name, kind)) in operands.into_iter().zip(info.operands) {
            let value = self.registers[operand.reg as usize].wrapping_add(operand.imm);
            let fits = (-(1i64 << 47)..1 << 47).contains(&value);
            let word = match fits || *kind == OperandKind::F32 {
                true => value,
                false if idle(name) => value.clamp(-(1 << 47), (1 << 47) - 1),
                false => return Err(VALUE),
            };
            out.push(word as u64 & ((1 << 48) - 1));
        }
        out.extend(tokens.into_iter().map(|(from, count)| (from as u64) << 32 | count & 0xffff_ffff));
        Ok(())
    }
}

/// Operands that legal instructions may make no use of: steps are for counts above 1.
fn idle(name: &str) -> bool {
    let ends = ["step", "s0", "d0", "s1", "d1", "s2", "d2", "group", "outer", "osub", "sinks"];
    ends.iter().any(|end| name.ends_with(end)) && !["step", "outer"].contains(&name)
}

/// Streams at random: loops that end, some of them not entered, and operands of all sizes.
struct Maker {
    dice: Random,
    stream: Vec<Instr>,
    depth: usize,
    /// Whether values may become too large for engines.
    wild: bool,
    /// The stream uses the registers that follow this one: few, so that they are read again.
    bank: i64,
}

/// Registers of a stream.
const FEW: i64 = 6;

impl Maker {
    fn make(seed: u64) -> Vec<Instr> {
        let mut dice = Random::new(seed);
        let wild = percent(&mut dice, 30);
        let bank = dice.below(i64::from(REGISTERS) - FEW);
        let mut maker = Maker { dice, stream: Vec::new(), depth: 0, wild, bank };
        let length = 5 + maker.dice.below(60);
        maker.body(length);
        maker.stream.push(Instr::Halt {});
        maker.stream
    }

    fn body(&mut self, length: i64) {
        for _ in 0..length {
            match self.dice.below(10) {
                0 if self.depth < 8 => self.nest(),
                0..=3 => {
                    self.any(|op| op.unit == Unit::Control && !["loop", "end", "halt", "sync"].contains(&op.mnemonic))
                }
                4..=5 => self.sync(),
                _ => self.any(|op| op.unit != Unit::Control),
            }
        }
    }

    fn nest(&mut self) {
        let count = Operand::imm(self.dice.below(5) - 1);
        self.stream.push(Instr::Loop { count });
        self.depth += 1;
        let length = self.dice.below(5);
        self.body(length);
        self.depth -= 1;
        self.stream.push(Instr::End {});
    }

    fn sync(&mut self) {
        let units = Unit::ALL_ENGINES;
        let (from, to) = (units[self.dice.below(6) as usize], units[self.dice.below(6) as usize]);
        // Also those that no legal program has: an engine's own, and those of weights.
        self.stream.push(Instr::Sync { from, to });
    }

    fn any(&mut self, fits: impl Fn(&OpInfo) -> bool) {
        let choices: Vec<&OpInfo> = OPS.iter().filter(|op| fits(op)).collect();
        let op = choices[self.dice.below(choices.len() as i64) as usize];
        let attrs: Vec<u8> = (0..op.attrs.len())
            .map(|index| {
                let codes = Instr::attr_choices(op.code, index);
                let first = if op.attrs[index].1 == "Reg" { self.bank } else { 0 };
                codes[(first + self.dice.below((codes.len() as i64).min(FEW))) as usize]
            })
            .collect();
        let operands: Vec<Operand> = op.operands.iter().map(|_| self.operand(op)).collect();
        self.stream.push(Instr::from_parts(op.code, &attrs, &operands).expect("made from the table"));
    }

    fn operand(&mut self, op: &OpInfo) -> Operand {
        let imm = match self.dice.below(if self.wild { 6 } else { 4 }) {
            0 => self.dice.below(70) - 3,
            1 => self.dice.below(1 << 20),
            2 => -self.dice.below(1 << 40),
            3 => self.dice.below(1 << 46),
            4 => IMM_MAX - self.dice.below(3),
            _ => IMM_MIN + self.dice.below(1 << 55),
        };
        let reg = match self.wild || op.unit == Unit::Control {
            true if op.mnemonic != "param" => match self.dice.below(FEW + 1) {
                0 => 0,
                place => (self.bank + place) as u8,
            },
            _ => 0,
        };
        let imm = if op.mnemonic == "param" && !self.wild { imm.rem_euclid(PARAMS as i64) } else { imm };
        Operand { reg, imm }
    }
}

trait Engines {
    const ALL_ENGINES: [Unit; ENGINES];
}

impl Engines for Unit {
    const ALL_ENGINES: [Unit; ENGINES] =
        [Unit::Load, Unit::Weights, Unit::Matrix, Unit::Vector, Unit::Store, Unit::Exchange];
}

/// The world around control.
struct Bench {
    block: Block,
    dice: Random,
    /// Chances in percent: a word comes, a queue has room, parameter memory is free, no code is on its way.
    chances: [i64; 4],
    trouble: Trouble,
    /// Cycles after which a run has come to no end.
    patience: usize,
    /// Instructions since the reset: begun, by engine, and done.
    issued: [u64; ENGINES + 1],
    left: [u64; ENGINES],
}

/// What goes wrong outside of control.
#[derive(Clone, Copy, Default)]
struct Trouble {
    /// The word of this number comes with an error of the bus.
    word: Option<usize>,
    /// An engine tells this fault from this cycle on.
    fault: Option<(usize, u64)>,
    /// Weights are left in the stream.
    left: bool,
}

impl Bench {
    /// Run code until it ends.
    fn run(&mut self, code: &[u64], params: &[u32]) -> Outcome {
        self.block.reset();
        (self.issued, self.left) = ([0; ENGINES + 1], [0; ENGINES]);
        self.go(code, params, None)
    }

    /// Run code until it ends, as it stands after what was run before, with or without its twin.
    fn go(&mut self, code: &[u64], params: &[u32], mut twin: Option<&mut Twin<'_>>) -> Outcome {
        let mut words: [Vec<u64>; ENGINES] = Default::default();
        let before = self.issued;
        let (mut at, mut asked) = (0usize, None);
        self.block.set("stream_empty_i", u64::from(!self.trouble.left));
        self.block.set("start_i", 1);
        for cycle in 0..self.patience {
            let valid = at < code.len() && percent(&mut self.dice, self.chances[0]);
            self.block.set("word_valid_i", u64::from(valid));
            self.block.set("word_i", code.get(at).copied().unwrap_or(0));
            self.block.set("word_error_i", u64::from(self.trouble.word == Some(at)));
            let fault = self.trouble.fault.map_or(0, |(from, reason)| if cycle >= from { reason } else { 0 });
            self.block.set("fault_i", fault);
            let room = (0..ENGINES).fold(0, |room, i| room | u64::from(percent(&mut self.dice, self.chances[1])) << i);
            self.block.set("queue_room_i", room);
            let ready = percent(&mut self.dice, self.chances[2]);
            let idle = percent(&mut self.dice, self.chances[3]);
            self.block.set("fetch_idle_i", u64::from(idle));
            self.block.set("param_ready_i", u64::from(ready));
            self.block.set("param_rvalid_i", u64::from(asked.is_some()));
            let param: Option<u32> = asked.take();
            self.block.set("param_data_i", u64::from(param.unwrap_or(0)));
            // Engines are done with what is complete after a while.
            if percent(&mut self.dice, 20) {
                self.left = std::array::from_fn(|i| self.issued[i]);
            }
            let done = self.left.map(|count| count as u32);
            self.block.set_wide("done_count_i", &done);
            self.block.eval();
            if let Some(twin) = &mut twin {
                let inputs = Inputs {
                    start: cycle == 0,
                    word: valid,
                    fetch_idle: idle,
                    room: room as u8,
                    done: &done,
                    stream_empty: true,
                    param_taken: ready && twin.control.asks_param().is_some(),
                    param,
                };
                twin.step(&self.block, inputs);
            }

            let pushed = self.block.get("queue_valid_o");
            (0..ENGINES).filter(|i| pushed >> i & 1 == 1).for_each(|i| words[i].push(self.block.get("queue_word_o")));
            let begun = self.block.get("issue_o");
            (0..=ENGINES).for_each(|i| self.issued[i] += begun >> i & 1);
            if ready && self.block.get("param_valid_o") == 1 {
                asked = Some(params[self.block.get("param_index_o") as usize]);
            }
            if valid && self.block.get("word_ready_o") == 1 {
                at += 1;
            }
            if self.block.get("jump_o") == 1 {
                at = self.block.get("jump_word_o") as usize;
            }
            if self.block.get("fetch_start_o") == 1 {
                at = 0;
            }
            self.block.tick();
            self.block.set("start_i", 0);
            if cycle > 0 && self.block.get("running_o") == 0 {
                // What is in the pipeline has no right to come out after a fault.
                self.block.ticks(4);
                let end = match self.block.get("done_o") {
                    1 => End::Done,
                    _ => End::Fault { reason: self.block.get("fault_o"), pc: self.block.get("pc_o") as usize },
                };
                let issued = std::array::from_fn(|i| self.issued[i] - before[i]);
                return Outcome { words, issued, end };
            }
        }
        panic!("control does not come to an end");
    }
}

/// The twin, and the words of what it dispatched.
struct Twin<'a> {
    control: Control<'a>,
    words: [Vec<u64>; ENGINES],
}

impl Twin<'_> {
    /// A cycle in which the block was given the same.
    fn step(&mut self, block: &Block, inputs: Inputs<'_>) {
        let control = &mut self.control;
        let flag = |name: &str| block.get(name) == 1;
        let said = (control.running(), control.done(), control.runs_fetch(), control.asks_param());
        let asks = flag("param_valid_o").then(|| block.get("param_index_o") as u32);
        assert_eq!(said, (flag("running_o"), flag("done_o"), flag("fetch_run_o"), asks), "cycle {}", block.cycle());

        let out = control.step(inputs);
        let bit = |place: Option<u8>| place.map_or(0, |place| 1u64 << place);
        let engine = out.issue.filter(|unit| usize::from(*unit) < ENGINES);
        let pulses = [
            u64::from(out.start),
            u64::from(out.ready),
            u64::from(out.jump.is_some()),
            bit(out.issue),
            bit(engine),
            bit(out.word),
            u64::from(out.wait_queue),
            u64::from(out.wait_fetch),
        ];
        let names = [
            "fetch_start_o",
            "word_ready_o",
            "jump_o",
            "issue_o",
            "queue_reserve_o",
            "queue_valid_o",
            "wait_queue_o",
            "wait_fetch_o",
        ];
        assert_eq!(pulses, names.map(|name| block.get(name)), "cycle {}: {names:?}", block.cycle());
        assert!(out.jump.is_none_or(|word| u64::from(word) == block.get("jump_word_o")), "cycle {}", block.cycle());
        if let Some(unit) = engine {
            push(&mut self.words[usize::from(unit)], self.control.command());
        }
    }
}

/// The words of a command, as the queue's memory has them.
fn push(words: &mut Vec<u64>, command: &Command) {
    let instr = &command.instr;
    let attrs = instr.attr_codes().iter().enumerate().fold(0, |word, (i, code)| word | u64::from(*code) << (8 + 8 * i));
    let tokens: Vec<usize> = (0..ENGINES).filter(|from| command.tokens >> from & 1 == 1).collect();
    let code = u64::from(instr.info().code);
    words.push(code | attrs | u64::from(command.operands) << 40 | (tokens.len() as u64) << 44);
    words.extend(instr.operands().iter().map(|operand| operand.imm as u64 & ((1 << 48) - 1)));
    words.extend(tokens.iter().map(|from| (*from as u64) << 32 | u64::from(command.counts[*from])));
}

fn bench(seed: u64) -> Option<Bench> {
    let block = Block::in_test(&Design::new("puce_control").param("Params", PARAMS))?;
    let (issued, left) = ([0; ENGINES + 1], [0; ENGINES]);
    let (dice, trouble, patience) = (Random::new(seed), Trouble::default(), PATIENCE);
    Some(Bench { block, dice, chances: [100; 4], trouble, patience, issued, left })
}

fn encode(stream: &[Instr]) -> Vec<u64> {
    let mut code = Vec::new();
    stream.iter().for_each(|instr| instr.encode(&mut code));
    code
}

#[test]
fn random_streams_give_the_words_of_the_interpreter() {
    let Some(mut bench) = bench(7) else { return };
    let params: Vec<u32> = (0..PARAMS as u32).map(|i| i.wrapping_mul(0x9e37_79b9) ^ 0x8000_0001).collect();
    let mut faults = [0; 5];
    for seed in 0..PROGRAMS {
        let stream = Maker::make(seed);
        let wanted = Model::run(&stream, &params);
        bench.chances = if seed % 3 == 0 { [100; 4] } else { std::array::from_fn(|_| 10 + bench.dice.below(90)) };
        let found = bench.run(&encode(&stream), &params);
        assert_eq!(found.end, wanted.end, "seed {seed}");
        match wanted.end {
            End::Done => assert_eq!(found, wanted, "seed {seed}"),
            End::Fault { reason, .. } => {
                faults[reason as usize] += 1;
                // Nothing beyond the fault, and everything before it.
                for (found, wanted) in found.words.iter().zip(&wanted.words) {
                    assert!(found.starts_with(wanted) && found.len() <= wanted.len() + 1, "seed {seed}");
                }
            }
        }
    }
    assert!(faults[VALUE as usize] > 10 && faults[PARAM as usize] > 0, "the dice no longer give faults: {faults:?}");
}

/// A stream whose every result goes to an engine, as a binary32 value, which may have any bits: the low ones, then the high ones.
fn shown(seed: u64) -> Vec<Instr> {
    let mut dice = Random::new(seed);
    let mut stream = Vec::new();
    let mut recent = [1u8; 3];
    for _ in 0..30 {
        let [rd, rest] = [0; 2].map(|_| Reg(1 + dice.below(i64::from(REGISTERS) - 1) as u8));
        let mut operand = || {
            let reg = if dice.one_in(4) { dice.below(i64::from(REGISTERS)) as u8 } else { dice.pick(&recent) };
            let imm = if dice.one_in(2) { dice.below(8) } else { dice.bits() as i64 >> 8 };
            Operand { reg, imm }
        };
        let (a, b) = (operand(), operand());
        stream.push(match dice.below(8) {
            0 => Instr::Set { rd, value: a },
            1 => Instr::Add { rd, a, b },
            2 => Instr::Sub { rd, a, b },
            3 => Instr::Min { rd, a, b },
            4 => Instr::Max { rd, a, b },
            5 => Instr::Shr { rd, a, b },
            6 => Instr::And { rd, a, b },
            _ => Instr::Mul { rd, a, b },
        });
        let whole = Operand { reg: rd.0, imm: 0 };
        stream.extend([show(whole), Instr::Shr { rd: rest, a: whole, b: Operand::imm(16) }]);
        stream.push(show(Operand { reg: rest.0, imm: 0 }));
        recent = [recent[1], recent[2], rd.0];
    }
    stream.push(Instr::Halt {});
    stream
}

/// An instruction by which a value leaves control as it is.
fn show(imm: Operand) -> Instr {
    let one = Operand::imm(1);
    Instr::Vimm { op: Binary::Add, dst: one, dstep: one, a: one, astep: one, rows: one, cols: one, imm }
}

#[test]
fn what_control_computes_reaches_the_engines() {
    let Some(mut bench) = bench(11) else { return };
    bench.block.reset();
    // One behind the other: a stream finds nothing in the registers of what was there before.
    for seed in 0..60 {
        let stream = shown(seed);
        bench.chances = if seed % 3 == 0 { [100; 4] } else { std::array::from_fn(|_| 10 + bench.dice.below(90)) };
        assert_eq!(bench.go(&encode(&stream), &[0; PARAMS], None), Model::run(&stream, &[0; PARAMS]), "seed {seed}");
    }
}

/// An instruction of an engine, with constants.
fn plain(engine: Unit) -> Instr {
    let info =
        OPS.iter().filter(|op| op.unit == engine).min_by_key(|op| op.operands.len()).expect("an engine has some");
    let attrs: Vec<u8> = (0..info.attrs.len()).map(|index| Instr::attr_choices(info.code, index)[0]).collect();
    Instr::from_parts(info.code, &attrs, &vec![Operand::imm(1); info.operands.len()]).expect("made from the table")
}

#[test]
fn what_a_token_counts_are_all_commands_since_the_reset() {
    let Some(mut bench) = bench(5) else { return };
    bench.patience *= 50;
    let commands = Unit::ALL_ENGINES.map(plain);
    // More than 2^12 of each engine, in counts that differ.
    let mut stream = Vec::new();
    for (engine, command) in commands.iter().enumerate() {
        stream.push(Instr::Loop { count: Operand::imm(4_200 + 517 * engine as i64) });
        stream.extend([*command, Instr::End {}]);
    }
    // Every engine waits for every engine: noted one after the other, one at a time, and with those of an engine noted anew.
    let tokens = Unit::ALL_ENGINES.map(|to| Unit::ALL_ENGINES.map(|from| Instr::Sync { from, to }));
    stream.extend(tokens.as_flattened());
    stream.extend(commands);
    for (to, command) in commands.iter().enumerate() {
        tokens[to].iter().for_each(|token| stream.extend([*token, *command]));
        stream.extend(tokens.as_flattened());
        stream.extend(commands);
    }
    stream.push(Instr::Halt {});
    assert_eq!(bench.run(&encode(&stream), &[0; PARAMS]), Model::run(&stream, &[0; PARAMS]));
}

#[test]
fn what_a_token_counts_stays_until_its_engine_waits() {
    let Some(mut bench) = bench(6) else { return };
    bench.patience *= 50;
    let commands = Unit::ALL_ENGINES.map(plain);
    let mut stream = Vec::new();
    for (engine, command) in commands.iter().enumerate() {
        stream.push(Instr::Loop { count: Operand::imm(2_047 - engine as i64) });
        stream.extend([*command, Instr::End {}]);
    }
    // Between the tokens and the engines that wait: a result, a loop, and one that is skipped.
    stream.extend(Unit::ALL_ENGINES.map(|to| Unit::ALL_ENGINES.map(|from| Instr::Sync { from, to })).as_flattened());
    stream.push(Instr::Set { rd: Reg(1), value: Operand::imm(1) });
    stream.extend([2, 0].iter().flat_map(|count| [Instr::Loop { count: Operand::imm(*count) }, Instr::End {}]));
    stream.extend(commands);
    stream.push(Instr::Halt {});
    assert_eq!(bench.run(&encode(&stream), &[0; PARAMS]), Model::run(&stream, &[0; PARAMS]));
}

#[test]
fn what_is_skipped_far_in_the_code_is_counted() {
    let Some(mut bench) = bench(8) else { return };
    bench.patience *= 10;
    bench.chances = [50; 4];
    let set = Instr::Set { rd: Reg(1), value: Operand::imm(1) };
    let skipped = [Instr::Loop { count: Operand::imm(0) }, set, set, Instr::End {}];
    let stream = [vec![set; 2_047 - skipped.len()], skipped.to_vec()].concat();
    let code = [encode(&stream), vec![0]].concat();
    let end = End::Fault { reason: OPCODE, pc: stream.len() };
    assert_eq!(bench.run(&code, &[0; PARAMS]).end, end);
}

#[test]
fn the_twin_in_time_does_the_same_in_every_cycle() {
    let Some(mut bench) = bench(9) else { return };
    let params: Vec<u32> = (0..PARAMS as u32).map(|i| i.wrapping_mul(0x9e37_79b9) ^ 0x8000_0001).collect();
    let streams: Vec<Vec<Instr>> = (PROGRAMS..2 * PROGRAMS).map(Maker::make).collect();
    let legal = streams.iter().filter(|stream| Model::run(stream, &params).end == End::Done);
    // One run behind the other, as a host starts them.
    let mut twin = Twin { control: Control::new(&[]), words: Default::default() };
    bench.block.reset();
    let mut words = 0;
    for (index, stream) in legal.enumerate() {
        bench.chances = if index % 3 == 0 { [100; 4] } else { std::array::from_fn(|_| 10 + bench.dice.below(90)) };
        twin.control.load(stream);
        let found = bench.go(&encode(stream), &params, Some(&mut twin));
        assert_eq!(found.end, End::Done);
        assert_eq!(std::mem::take(&mut twin.words), found.words, "stream {index}");
        words += found.words.iter().map(Vec::len).sum::<usize>();
    }
    assert!(words > 10_000, "{words} words are few");
}

#[test]
fn what_no_legal_program_has_is_a_fault_at_its_place() {
    let Some(mut bench) = bench(1) else { return };
    let set = encode(&[Instr::from_parts(0x01, &[1], &[Operand::imm(5)]).unwrap()]);
    let after = |bad: &[u64]| [&set[..], bad].concat();
    let nest: Vec<u64> = (0..9).flat_map(|_| encode(&[Instr::Loop { count: Operand::imm(2) }])).collect();
    let skipped = encode(&[Instr::Loop { count: Operand::imm(0) }]);
    let cases: [(&str, Vec<u64>, u64, usize); 10] = [
        ("an unknown opcode", after(&[0x0e]), OPCODE, 1),
        ("opcode 0", after(&[0]), OPCODE, 1),
        ("too few operands", after(&[0x01 | 1 << 8]), OPCODE, 1),
        ("a bit between attributes and operands", after(&[0x0d | 1 << 40]), OPCODE, 1),
        ("r0 as the destination", after(&[0x01 | 1 << 56, 5]), OPCODE, 1),
        ("an attribute that there is not", after(&[0x20 | 8 << 8 | 13 << 56]), OPCODE, 1),
        ("a register that there is not", after(&[0x01 | 2 << 8 | 1 << 56, 64 << 56]), OPCODE, 1),
        ("an end without a loop", after(&[0x0b]), LOOPS, 1),
        ("nine loops", nest, LOOPS, 8),
        ("the end of the code inside a loop that is not entered", [&skipped[..], &[0x0d]].concat(), LOOPS, 1),
    ];
    for (what, code, reason, pc) in cases {
        assert_eq!(bench.run(&code, &[0; PARAMS]).end, End::Fault { reason, pc }, "{what}");
    }
}

#[test]
fn what_is_skipped_has_up_to_eight_loops_in_one_another() {
    let Some(mut bench) = bench(2) else { return };
    let of = |count: i64| Instr::Loop { count: Operand::imm(count) };
    for deep in 1..=9 {
        let stream =
            [vec![of(0)], vec![of(1); deep - 1], vec![Instr::End {}; deep], vec![plain(Unit::Store), Instr::Halt {}]];
        let (stream, found) = (stream.concat(), bench.run(&encode(&stream.concat()), &[0; PARAMS]));
        match deep {
            9 => assert_eq!(found.end, End::Fault { reason: LOOPS, pc: 8 }),
            _ => assert_eq!(found, Model::run(&stream, &[0; PARAMS]), "{deep} loops"),
        }
    }
}

#[test]
fn what_goes_wrong_outside_is_told_with_its_reason() {
    let Some(mut bench) = bench(3) else { return };
    let set = Instr::from_parts(0x01, &[1], &[Operand::imm(5)]).unwrap();
    let skipped = [Instr::Loop { count: Operand::imm(0) }, set, set, Instr::End {}, Instr::Halt {}];
    let code = encode(&[set, set, Instr::Halt {}]);
    let of = |word, fault, left| Trouble { word, fault, left };
    let mut reason = |code: &[u64], trouble: Trouble| {
        bench.trouble = trouble;
        match bench.run(code, &[0; PARAMS]).end {
            End::Fault { reason, .. } => reason,
            End::Done => 0,
        }
    };
    assert_eq!(reason(&code, Trouble::default()), 0);
    // A header, an operand, and a word of a loop that is not entered.
    assert_eq!(reason(&code, of(Some(2), None, false)), BUS);
    assert_eq!(reason(&code, of(Some(3), None, false)), BUS);
    assert_eq!(reason(&encode(&skipped), of(Some(4), None, false)), BUS);
    assert_eq!(reason(&code, of(None, None, true)), STREAM);
    for told in 1..16 {
        assert_eq!(reason(&code, of(None, Some((3, told)), false)), told);
    }
    for (from, to) in [(Unit::Control, Unit::Load), (Unit::Load, Unit::Control)] {
        let code = encode(&[Instr::Sync { from, to }, Instr::Halt {}]);
        assert_eq!(reason(&code, Trouble::default()), OPCODE, "control is no engine");
    }
}

#[test]
fn an_instruction_takes_a_cycle_for_each_of_its_words() {
    let Some(mut bench) = bench(1) else { return };
    let op = |code, attrs: &[u8]| {
        let info = OPS.iter().find(|op| op.code == code).unwrap();
        Instr::from_parts(code, attrs, &vec![Operand::imm(1); info.operands.len()]).unwrap()
    };
    let cycles = |bench: &mut Bench, loads: usize| {
        bench.dice = Random::new(5);
        let stream = [vec![op(0x10, &[]); loads], vec![Instr::Halt {}]].concat();
        assert_eq!(bench.run(&encode(&stream), &[0; PARAMS]).end, End::Done);
        bench.block.cycle()
    };
    bench.chances = [100; 4];
    let (one, two) = (cycles(&mut bench, 200), cycles(&mut bench, 400));
    // A load has a header and twelve operands.
    assert!((two - one).abs_diff(200 * 13) < 40, "{}", two - one);
}
