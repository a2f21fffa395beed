//! The same bytes, however the work is cut: any company in the batch, any chunks of the prompt, any pages, chip, number of cores, chips and threads,
//! any instruction set of the host.
//!
//! The measure is always the same: one sequence alone, token after token, on one core of `nano` with the scalar oracle for arithmetic.

mod common;

use arch::{Chip, Instr};
use base::tile::WeightKind;
use common::{Model, all_logits, assert_same_bits, expected, fixture, long, nano, one, smollm2};
use compiler::Options;
use compiler::session::{Chunk, SequenceId, Session, Want};
use emu::kernels::{available, scalar};
use emu::{Emulator, Settings};
use proptest::prelude::*;
use std::sync::LazyLock;

/// The tiny models of the sweeps: dense, experts, and sinks with windows and biases.
const SWEPT: [&str; 3] = ["llama", "qwen3_moe", "gpt_oss"];

fn options(cores: usize, chips: usize) -> Options {
    Options { cores, chips, cache_tokens: 2048, ..Options::default() }
}

/// More threads than a test has cores share the smallest instructions too.
fn with(threads: usize) -> Settings {
    Settings { threads, share_finely: threads > 4, ..Settings::default() }
}

/// A model, a sequence, and the logits after every token.
struct Case {
    model: Model,
    tokens: Vec<u32>,
    logits: Vec<f32>,
}

impl Case {
    fn new(model: Model, tokens: Vec<u32>) -> Case {
        let settings = Settings { kernels: scalar(), ..Settings::default() };
        let logits = all_logits(&mut model.start(&nano(), &options(1, 1), settings), &tokens, 1);
        Case { model, tokens, logits }
    }

    fn tiny(name: &str) -> Case {
        Case::new(fixture(name), expected(name).0)
    }

    fn start(&self, chip: &Chip, cores: usize, chips: usize, threads: usize) -> Session<Emulator> {
        self.model.start(chip, &options(cores, chips), with(threads))
    }

    fn same(&self, logits: &[f32], what: &str) {
        assert_same_bits(logits, &self.logits, self.model.network.vocab, &format!("{}, {what}", self.model.name));
    }
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| SWEPT.map(Case::tiny).into());

/// Some other text: a fixed permutation walk through the vocabulary.
fn other(vocab: usize, seed: usize, len: usize) -> Vec<u32> {
    (0..len).map(|i| ((seed * 7919 + i * 31 + i * i * 5) % vocab) as u32).collect()
}

/// The machines of the sweep: chip, cores, chips.
fn machines() -> Vec<(Chip, usize, usize)> {
    let nano = |cores: usize| nano().with_cores(cores);
    let mut list = vec![(nano(1), 1, 1), (one(), 1, 1), (one(), 4, 1), (one(), 32, 1)];
    list.extend((2..=4).map(|cores| (nano(cores), cores, 1)));
    list.extend([2, 3, 4].map(|chips| (nano(1), 1, chips)));
    list.extend([(nano(2), 2, 2), (one(), 3, 2)]);
    list
}

#[test]
fn chips_cores_and_tensor_parallelism_do_not_show() {
    for case in CASES.iter() {
        for (chip, cores, chips) in machines() {
            let mut session = case.start(&chip, cores, chips, 1);
            let what = format!("{chips} x {} with {cores} cores", chip.name);
            case.same(&all_logits(&mut session, &case.tokens, 0), &what);
        }
    }
}

#[test]
fn threads_do_not_show() {
    for case in CASES.iter() {
        for threads in [1, 2, 3, 4, 7] {
            let mut session = case.start(&nano().with_cores(2), 2, 2, threads);
            case.same(&all_logits(&mut session, &case.tokens, 0), &format!("{threads} threads"));
        }
    }
}

#[test]
fn chunks_of_the_prompt_do_not_show() {
    for case in CASES.iter() {
        for chip in [nano(), one()] {
            let mut session = case.start(&chip, 1, 1, 1);
            for step in [1, 2, 7, 16, 31, 33, 64] {
                case.same(&all_logits(&mut session, &case.tokens, step), &format!("{} in chunks of {step}", chip.name));
            }
        }
    }
}

/// Steps that the first half holds whole, that fill both halves, and that leave a rest in the second; every wait is there.
#[test]
fn halves_of_a_step_do_not_show() {
    let plain = Options { weights: Some(WeightKind::I4s), ..options(1, 1) };
    for name in ["llama", "gemma2", "gpt2", "qwen2", "qwen3"] {
        let (model, tokens) = (fixture(name), expected(name).0);
        let logits = all_logits(&mut model.start(&nano(), &plain, with(1)), &tokens, 1);
        let case = Case { model, tokens, logits };
        let settings = Settings { check_races: true, ..Settings::default() };
        let mut session = case.model.start(&nano(), &Options { halves: true, ..plain.clone() }, settings);
        for step in [1, 8, 9, 13, 16] {
            case.same(&all_logits(&mut session, &case.tokens, step), &format!("halves, in chunks of {step}"));
        }
        let logits = Company::new(&case, session).run(&[(1, 15, 7, 1), (3, 4, 2, 3)]);
        case.same(&logits, "halves, in company");
    }
}

/// Halves are emitted where they gain: not for weights that the memory port brings too slowly.
#[test]
fn halves_pay_or_are_left() {
    let blocks = |name: &str, halves: bool, weights: WeightKind, cores: usize| {
        let options = Options { halves, weights: Some(weights), cores, ..Options::default() };
        let compiled = fixture(name).compile(&nano().with_cores(cores), &options).unwrap();
        compiled.programs[0].cores[0].iter().filter(|instr| matches!(instr, Instr::Loop { .. })).count()
    };
    let plain = blocks("llama", false, WeightKind::I4s, 1);
    assert!(blocks("llama", true, WeightKind::I4s, 1) > plain + 8);
    assert_eq!(blocks("llama", true, WeightKind::I8s, 1), plain);
    assert_eq!(blocks("llama", true, WeightKind::I4s, 2), blocks("llama", false, WeightKind::I4s, 2));
    assert_eq!(blocks("qwen3_moe", true, WeightKind::I4s, 1), blocks("qwen3_moe", false, WeightKind::I4s, 1));
}

#[test]
fn the_last_logits_are_those_of_a_prefill() {
    for case in CASES.iter() {
        let vocab = case.model.network.vocab;
        let mut session = case.start(&nano(), 1, 1, 1);
        for step in [0, 1, 7] {
            let sequence = session.open();
            let logits = session.prefill(sequence, &case.tokens, step).unwrap();
            let wanted = &case.logits[case.logits.len() - vocab..];
            assert_same_bits(&logits.values, wanted, vocab, &format!("{}, prefill by {step}", case.model.name));
            session.close(sequence);
        }
    }
}

#[test]
fn kernels_do_not_show() {
    for case in CASES.iter() {
        for kernels in available() {
            let settings = Settings { kernels, ..Settings::default() };
            let mut session = case.model.start(&one(), &options(2, 1), settings);
            case.same(&all_logits(&mut session, &case.tokens, 0), &format!("kernels `{}`", kernels.name()));
        }
    }
}

/// The sequence under test among others that come, go and grow by its side.
struct Company<'a> {
    case: &'a Case,
    session: Session<Emulator>,
    others: Vec<(SequenceId, usize)>,
    seed: usize,
}

impl Company<'_> {
    fn new<'a>(case: &'a Case, session: Session<Emulator>) -> Company<'a> {
        Company { case, session, others: Vec::new(), seed: 0 }
    }

    fn vocab(&self) -> usize {
        self.case.model.network.vocab
    }

    /// Who is too long, or the eldest of too many.
    fn leaver(&self, count: usize) -> Option<usize> {
        let long = self.others.iter().position(|(id, _)| self.session.len(*id) > 60);
        long.or((self.others.len() > count).then_some(0))
    }

    /// So many others run beside the sequence; whoever is too many or too long leaves, and its pages with it.
    fn resize(&mut self, count: usize) {
        while let Some(index) = self.leaver(count) {
            let (gone, _) = self.others.remove(index);
            self.session.close(gone);
        }
        while self.others.len() < count {
            self.seed += 1;
            let joined = (self.session.open(), self.seed);
            self.others.insert(self.seed % (self.others.len() + 1), joined);
        }
    }

    /// One step: `share` tokens of the sequence under test at place `at` of the batch, the others with `size` tokens each.
    fn step(&mut self, sequence: SequenceId, tokens: &[u32], at: usize, size: usize) -> Vec<f32> {
        let vocab = self.vocab();
        let text = |(id, seed): &(SequenceId, usize)| other(vocab, *seed + self.session.len(*id), size);
        let texts: Vec<Vec<u32>> = self.others.iter().map(text).collect();
        let wants = [Want::Nothing, Want::Last, Want::All];
        let mut chunks: Vec<Chunk<'_>> = self
            .others
            .iter()
            .zip(&texts)
            .enumerate()
            .map(|(i, ((id, _), text))| Chunk { sequence: *id, tokens: text, want: wants[i % 3] })
            .collect();
        let at = at.min(chunks.len());
        let before: usize = chunks[..at].iter().map(|chunk| rows(chunk)).sum();
        chunks.insert(at, Chunk { sequence, tokens, want: Want::All });
        let logits = self.session.step(&chunks).unwrap();
        logits.values[before * vocab..][..tokens.len() * vocab].to_vec()
    }

    /// The whole sequence, by a plan of (tokens, others, place, tokens of each other), repeated as needed.
    fn run(&mut self, plan: &[(usize, usize, usize, usize)]) -> Vec<f32> {
        let tokens = self.case.tokens.clone();
        let most = self.session.step_tokens();
        let sequence = self.session.open();
        let (mut done, mut logits) = (0, Vec::new());
        for (own, others, at, size) in plan.iter().cycle() {
            if done == tokens.len() {
                break;
            }
            let own = (*own).min(tokens.len() - done).min(most);
            let size = (*size).min(most);
            let others = (*others).min((most - own) / size).min(15);
            self.resize(others);
            logits.extend(self.step(sequence, &tokens[done..done + own], *at, size));
            done += own;
        }
        self.session.close(sequence);
        logits
    }
}

fn rows(chunk: &Chunk<'_>) -> usize {
    match chunk.want {
        Want::Nothing => 0,
        Want::Last => 1,
        Want::All => chunk.tokens.len(),
    }
}

#[test]
fn company_does_not_show() {
    for case in CASES.iter() {
        for (chip, cores) in [(nano(), 1), (one(), 2)] {
            let mut company = Company::new(case, case.start(&chip, cores, 1, 1));
            for batch in 1..=16 {
                let plan = [(1, batch - 1, batch / 2, 1), (2, batch - 1, 0, 1), (1, batch / 2, 15, 2)];
                let logits = company.run(&plan);
                case.same(&logits, &format!("{} in a batch of {batch}", chip.name));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if long() { 200 } else { 12 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_schedule_gives_the_same_bytes(
        which in 0..SWEPT.len(),
        machine in 0usize..12,
        plan in prop::collection::vec((1usize..20, 0usize..16, 0usize..16, 1usize..9), 1..8),
    ) {
        let case = &CASES[which];
        let (chip, cores, chips) = machines().swap_remove(machine);
        let mut company = Company::new(case, case.start(&chip, cores, chips, 2));
        let what = format!("{chips} x {} with {cores} cores, plan {plan:?}", chip.name);
        case.same(&company.run(&plan), &what);
        case.same(&company.run(&plan), &format!("{what}, in used pages"));
    }
}

/// A pool that holds exactly one sequence, filled to the brim by others before.
#[test]
fn used_pages_do_not_leak() {
    for case in CASES.iter() {
        let pages = case.tokens.len().next_multiple_of(32);
        let options = Options { cache_tokens: pages, ..Options::default() };
        let mut session = case.model.start(&nano(), &options, Settings::default());
        for seed in 0..3 {
            let text = other(case.model.network.vocab, seed, pages);
            all_logits(&mut session, &text, 0);
            case.same(&all_logits(&mut session, &case.tokens, 5), &format!("after text {seed} in the same pages"));
        }
    }
}

/// 9 heads, 3 key/value heads: members with one, two and no heads.
#[test]
fn smollm2_is_the_same_everywhere() {
    let Some(model) = smollm2() else { return };
    let vocab = model.network.vocab;
    let options = |cores, chips| Options { cores, chips, context: 256, cache_tokens: 1024, ..Options::default() };
    let tokens = other(vocab, 3, if long() { 70 } else { 9 });
    let start = |chip: &Chip, cores, chips| model.start(chip, &options(cores, chips), with(2));
    let mut session = start(&nano(), 1, 1);
    let logits = all_logits(&mut session, &tokens, 0);
    let same = |got: &[f32], what: &str| assert_same_bits(got, &logits, vocab, what);
    for step in if long() { vec![1, 7, 64] } else { vec![2, 7] } {
        same(&all_logits(&mut session, &tokens, step), &format!("chunks of {step}"));
    }
    let few = [(nano().with_cores(2), 2, 1), (one(), 4, 1), (nano(), 1, 2)];
    let more = [
        (nano().with_cores(3), 3, 1),
        (nano().with_cores(4), 4, 1),
        (nano(), 1, 4),
        (one(), 1, 1),
        (one(), 32, 1),
        (one(), 2, 2),
    ];
    for (chip, cores, chips) in few.into_iter().chain(more.into_iter().filter(|_| long())) {
        let mut session = start(&chip, cores, chips);
        same(&all_logits(&mut session, &tokens, 0), &format!("{chips} x {} with {cores} cores", chip.name));
    }
    let case = Case { tokens: tokens.clone(), logits: logits.clone(), model };
    let mut company = Company::new(&case, session);
    let batches = if long() { vec![1, 2, 7, 16] } else { vec![4] };
    for batch in batches {
        case.same(
            &company.run(&[(3, batch - 1, batch / 2, 2), (1, batch - 1, 15, 1)]),
            &format!("in a batch of {batch}"),
        );
    }
}

/// The real model's own formats on every instruction set of the host.
#[test]
fn smollm2_kernels_do_not_show() {
    let Some(model) = smollm2().filter(|_| long()) else { return };
    let tokens = other(model.network.vocab, 3, 3);
    let options = Options { context: 256, ..Options::default() };
    let run = |kernels| {
        let settings = Settings { kernels, ..Settings::default() };
        all_logits(&mut model.start(&nano(), &options, settings), &tokens, 2)
    };
    let wanted = run(scalar());
    for kernels in available() {
        assert_same_bits(&run(kernels), &wanted, model.network.vocab, &format!("kernels `{}`", kernels.name()));
    }
}

/// The real model against the plain twin.
#[test]
fn smollm2_is_what_the_contract_says() {
    let Some(model) = smollm2() else { return };
    let tokens = other(model.network.vocab, 3, if long() { 40 } else { 2 });
    let compiled = model.compile(&nano(), &Options { context: 256, ..Options::default() }).unwrap();
    let twin = common::plain::Plain::chip(&model.checkpoint, &model.network, &compiled.plan).run(&tokens);
    let mut session = model.load(&compiled, with(2));
    assert_same_bits(&all_logits(&mut session, &tokens, 0), &twin, model.network.vocab, "smollm2");
}
