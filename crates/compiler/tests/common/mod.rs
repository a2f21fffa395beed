//! What the tests of the compiler share: models, runs on the emulator, golden files, and the plain twin ([`plain`]).
#![allow(dead_code)]

pub mod plain;

use arch::Chip;
use arch::machine::Machine;
use compiler::session::{Chunk, Session, Want};
use compiler::{Compiled, Options, compile};
use emu::{Emulator, Settings};
use model::catalogue::{Catalogue, cache_dir};
use model::checkpoint::Checkpoint;
use model::network::Network;
use std::path::{Path, PathBuf};

/// Every fixture that has a lowering.
pub const LOWERED: &[&str] = &[
    "gemma",
    "gemma2",
    "gemma3",
    "gpt-oss-mxfp4",
    "gpt2",
    "gpt_oss",
    "llama",
    "llama-gguf",
    "mistral",
    "mixtral",
    "qwen2",
    "qwen2_moe",
    "qwen3",
    "qwen3_moe",
];

/// A model file with its description.
pub struct Model {
    pub name: String,
    pub checkpoint: Checkpoint,
    pub network: Network,
}

impl Model {
    fn at(name: &str, path: &Path) -> Model {
        let checkpoint = Checkpoint::open(path).unwrap_or_else(|e| panic!("{name}: {e}"));
        let network = Network::of(&checkpoint).unwrap_or_else(|e| panic!("{name}: {e}"));
        Model { name: name.to_string(), checkpoint, network }
    }

    pub fn compile(&self, chip: &Chip, options: &Options) -> Result<Compiled, compiler::Error> {
        compile(&self.checkpoint, &self.network, chip, options)
    }

    /// Compiled, on an emulator, with the weights loaded.
    pub fn start(&self, chip: &Chip, options: &Options, settings: Settings) -> Session<Emulator> {
        let compiled = self.compile(chip, options).unwrap_or_else(|e| panic!("{}: {e}", self.name));
        self.load(&compiled, Settings { chips: options.chips, ..settings })
    }

    pub fn load(&self, compiled: &Compiled, settings: Settings) -> Session<Emulator> {
        let machine = Emulator::new(&compiled.chip, settings).unwrap();
        let mut session = Session::new(compiled, machine).unwrap();
        compiler::image::write(&compiled.map, &self.checkpoint, session.machine_mut(), |_, _| {}).unwrap();
        session
    }
}

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/fixtures")
}

/// A tiny model of the fixtures.
pub fn fixture(name: &str) -> Model {
    let folder = fixtures().join(name);
    let gguf = folder.join("model.gguf");
    Model::at(name, if gguf.exists() { &gguf } else { &folder })
}

/// SmolLM2-135M; `None`, said aloud, if it has not been fetched.
pub fn smollm2() -> Option<Model> {
    let cache = cache_dir(|variable| std::env::var_os(variable))?;
    let path = Catalogue::builtin().find("smollm2").unwrap().cached(&cache);
    if path.is_none() {
        eprintln!("skipped: `smollm2` has not been fetched (puce model pull smollm2)");
    }
    Some(Model::at("smollm2", &path?))
}

/// Whether the long sweeps run: `PUCE_LONG=1`, meant for a release build.
pub fn long() -> bool {
    std::env::var_os("PUCE_LONG").is_some()
}

/// The fixture's tokens and the logits of all of them that another implementation computed from its weights.
pub fn expected(name: &str) -> (Vec<u32>, Vec<f32>) {
    let bytes = std::fs::read(fixtures().join(name).join("expected.safetensors")).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let text = std::str::from_utf8(&bytes[8..8 + header]).unwrap();
    let words = |key: &str| -> Vec<[u8; 4]> {
        let entry = &text[text.find(&format!("\"{key}\"")).unwrap()..];
        let list = entry.split("\"data_offsets\":[").nth(1).unwrap().split(']').next().unwrap();
        let (first, last) = list.split_once(',').unwrap();
        let range = 8 + header + first.parse::<usize>().unwrap()..8 + header + last.parse::<usize>().unwrap();
        bytes[range].as_chunks().0.to_vec()
    };
    let tokens = words("tokens").into_iter().map(u32::from_le_bytes).collect();
    (tokens, words("logits").into_iter().map(f32::from_le_bytes).collect())
}

pub fn nano() -> Chip {
    Chip::builtin("nano").unwrap()
}

pub fn one() -> Chip {
    Chip::builtin("one").unwrap()
}

/// The logits after every token of a new sequence, fed in chunks of at most `step` (0: as many as fit).
pub fn all_logits<M: Machine>(session: &mut Session<M>, tokens: &[u32], step: usize) -> Vec<f32> {
    let sequence = session.open();
    let step = if step == 0 { session.step_tokens() } else { step.min(session.step_tokens()) };
    let mut values = Vec::new();
    for tokens in tokens.chunks(step) {
        values.extend(session.step(&[Chunk { sequence, tokens, want: Want::All }]).unwrap().values);
    }
    session.close(sequence);
    values
}

/// The bit patterns: -0 and +0 are different, a NaN equals itself.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Fails with the first place where the bytes differ.
pub fn assert_same_bits(got: &[f32], wanted: &[f32], vocab: usize, what: &str) {
    assert_eq!(got.len(), wanted.len(), "{what}: another number of logits");
    if let Some(at) = (0..got.len()).find(|i| got[*i].to_bits() != wanted[*i].to_bits()) {
        let differ = (0..got.len()).filter(|i| got[*i].to_bits() != wanted[*i].to_bits()).count();
        let (token, column) = (at / vocab, at % vocab);
        let (got, wanted) = (got[at], wanted[at]);
        panic!("{what}: token {token}, logit {column} is {got:?} and not {wanted:?}; {differ} values differ");
    }
}

/// FNV-1a over the bytes.
pub fn hash(values: &[f32]) -> u64 {
    let bytes = values.iter().flat_map(|v| v.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Compares `text` with `tests/golden/<name>`, or rewrites it if `UPDATE_GOLDEN` is set.
pub fn golden(name: &str, text: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("the golden folder is writable");
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (got, wanted)) in text.lines().zip(wanted.lines()).enumerate() {
        assert_eq!(got, wanted, "{name}, line {}; UPDATE_GOLDEN=1 rewrites it", line + 1);
    }
    let (got, wanted) = (text.lines().count(), wanted.lines().count());
    assert_eq!(got, wanted, "{name} has another number of lines; UPDATE_GOLDEN=1 rewrites it");
}
