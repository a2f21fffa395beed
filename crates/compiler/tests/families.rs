//! Every family, on both chips: the program computes the network.
//!
//! Three comparisons that leave no gap between them. The plain twin without quantisation against the logits of an independent implementation: the
//! twin understands the network. The twin in the chip's arithmetic against the emulated program, byte for byte: the program computes what the twin
//! does. And the program against the float reference, printed as a table: what 8-bit activations (and, for files in bfloat16, 8-bit weights) cost.

mod common;

use base::status::Flags;
use common::plain::Plain;
use common::{Model, all_logits, assert_same_bits, expected, fixture, nano, one};
use compiler::Options;
use emu::Settings;
use model::reference::Reference;

/// Mean Kullback-Leibler divergence from `wanted` to `got` in nats, error relative to the spread of the logits, and agreement of the best token.
struct Cost {
    kl: f64,
    rms: f64,
    top: f64,
}

fn softmax(row: &[f32]) -> Vec<f64> {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exps: Vec<f64> = row.iter().map(|v| f64::from(v - most).exp()).collect();
    let sum: f64 = exps.iter().sum();
    exps.into_iter().map(|e| e / sum).collect()
}

fn best(row: &[f32]) -> usize {
    (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap()
}

fn cost(got: &[f32], wanted: &[f32], vocab: usize) -> Cost {
    let rows = got.chunks_exact(vocab).zip(wanted.chunks_exact(vocab));
    let count = rows.len() as f64;
    let kl = |(got, wanted): (&[f32], &[f32])| -> f64 {
        softmax(wanted).into_iter().zip(softmax(got)).map(|(p, q)| if p > 0.0 { p * (p / q).ln() } else { 0.0 }).sum()
    };
    let mean = wanted.iter().map(|v| f64::from(*v)).sum::<f64>() / wanted.len() as f64;
    let spread: f64 = wanted.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum();
    let error: f64 = got.iter().zip(wanted).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    let top = rows.clone().filter(|(got, wanted)| best(got) == best(wanted)).count() as f64 / count;
    Cost { kl: rows.map(kl).sum::<f64>() / count, rms: (error / spread).sqrt(), top }
}

/// Largest error of any token, relative to the spread of all logits.
fn worst(got: &[f32], wanted: &[f32]) -> f32 {
    let (low, high) = wanted.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
    got.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / (high - low)
}

/// Share of the routers' choices that quantisation changed: near ties, each of which changes the rest of its token.
fn flips(float: &Plain<'_>, chip: &Plain<'_>) -> f64 {
    let (a, b) = (float.choices(), chip.choices());
    assert_eq!(a.len(), b.len());
    let changed = a.iter().zip(&b).filter(|(a, b)| a != b).count();
    changed as f64 / a.len().max(1) as f64
}

/// A line per chip: KL, relative error, top-1, share of changed choices of experts.
fn family(name: &str) -> String {
    let model = fixture(name);
    let (tokens, wanted) = expected(name);
    let Model { checkpoint, network, .. } = &model;
    let vocab = network.vocab;
    let float = Plain::float(checkpoint, network);
    let gap = worst(&float.run(&tokens), &wanted);
    assert!(gap < 1e-4, "{name}: the plain twin without quantisation is {gap} from the independent logits");
    let reference = Reference::new(checkpoint, network).unwrap();
    let reference = reference.forward(&mut reference.state(), &tokens).unwrap();
    let mut lines = String::new();
    for (chip, cores) in [(nano(), 1), (one(), 4)] {
        let options = Options { cores, ..Options::default() };
        let compiled = model.compile(&chip, &options).unwrap_or_else(|e| panic!("{name}: {e}"));
        let twin = Plain::chip(checkpoint, network, &compiled.plan);
        let exact = twin.run(&tokens);
        let mut session = model.load(&compiled, Settings::default());
        let logits = all_logits(&mut session, &tokens, 0);
        assert_same_bits(&logits, &exact, vocab, &format!("{name} on {}", chip.name));
        assert_eq!(arch::machine::Machine::flags(session.machine(), 0), Flags::NONE, "{name} on {}", chip.name);
        let Cost { kl, rms, top } = cost(&logits, &reference, vocab);
        let flipped = flips(&float, &twin);
        lines.push_str(&format!("{name:14} {:5} {kl:9.5} {rms:8.4} {top:6.3} {flipped:6.3}\n", chip.name));
        let most = if flipped > 0.0 { 0.2 } else { 0.1 };
        let fair = kl < 0.05 && rms < most && top >= 0.85 && flipped < 0.1;
        assert!(fair, "{name} on {}: KL {kl}, relative error {rms}, top-1 {top}, changed choices {flipped}", chip.name);
    }
    lines
}

macro_rules! families {
    ($($test:ident $name:literal;)*) => {
        $(#[test]
        fn $test() {
            print!("{}", family($name));
        })*

        #[test]
        fn every_lowered_fixture_is_tested() {
            assert_eq!([$($name),*], common::LOWERED);
            let mut folders: Vec<String> = std::fs::read_dir(common::fixtures()).unwrap()
                .map(|entry| entry.unwrap()).filter(|entry| entry.path().is_dir())
                .map(|entry| entry.file_name().into_string().unwrap()).collect();
            folders.retain(|folder| !folder.starts_with("deepseek"));
            folders.sort();
            assert_eq!(folders, common::LOWERED);
        }
    };
}

families! {
    gemma "gemma";
    gemma_2 "gemma2";
    gemma_3 "gemma3";
    gpt_oss_in_mxfp4 "gpt-oss-mxfp4";
    gpt_2 "gpt2";
    gpt_oss "gpt_oss";
    llama "llama";
    llama_gguf "llama-gguf";
    mistral "mistral";
    mixtral "mixtral";
    qwen_2 "qwen2";
    qwen_2_moe "qwen2_moe";
    qwen_3 "qwen3";
    qwen_3_moe "qwen3_moe";
}

/// Many pages: rows of scores and scales longer than a vector, windows far from the start, a chunk in the middle of a page.
#[test]
fn long_sequences() {
    for (name, chip, cores, step) in [("gpt_oss", one(), 2, 0), ("mistral", nano(), 1, 13), ("qwen3", nano(), 1, 0)] {
        let mut model = fixture(name);
        model.network.context = 512;
        let tokens: Vec<u32> = (0..300u32).map(|i| (i * i + 7 * i) % 96).collect();
        let compiled = model.compile(&chip, &Options { cores, ..Options::default() }).unwrap();
        let twin = Plain::chip(&model.checkpoint, &model.network, &compiled.plan).run(&tokens);
        let logits = all_logits(&mut model.load(&compiled, Settings::default()), &tokens, step);
        assert_same_bits(&logits, &twin, model.network.vocab, &format!("{} tokens of {name}", tokens.len()));
    }
}
