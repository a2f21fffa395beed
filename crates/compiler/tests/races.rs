//! Compiled programs have every `sync` they need: they run under the race checker.

use arch::Chip;
use compiler::session::{Chunk, SequenceId, Session, Want};
use compiler::{Options, compile};
use emu::{Emulator, Settings};
use model::checkpoint::Checkpoint;
use model::network::Network;
use std::path::{Path, PathBuf};

/// A prompt of 40 tokens, then two steps of three sequences each, with the checker on.
fn run(path: &Path, chip: &str, cores: usize, chips: usize) {
    let name = format!("{} on {chips} x `{chip}` with {cores} cores", path.display());
    let chip = Chip::builtin(chip).unwrap();
    let chip = if chip.core.count < cores { chip.with_cores(cores) } else { chip };
    let checkpoint = Checkpoint::open(path).unwrap();
    let network = Network::of(&checkpoint).unwrap();
    let options = Options { cores, chips, context: 64, cache_tokens: 256, sequences: 4, ..Options::default() };
    let compiled = match compile(&checkpoint, &network, &chip, &options) {
        Ok(compiled) => compiled,
        Err(error) => panic!("{name}: {error}"),
    };
    let settings = Settings { chips, check_races: true, ..Settings::default() };
    let mut session = Session::new(&compiled, Emulator::new(&chip, settings).unwrap()).unwrap();
    compiler::image::write(&compiled.map, &checkpoint, session.machine_mut(), |_, _| {}).unwrap();
    let vocab = compiled.abi.vocab as u32;
    let prompt: Vec<u32> = (0..40).map(|i| (i * 37 + 11) % vocab).collect();
    let sequences: Vec<SequenceId> = (0..3).map(|_| session.open()).collect();
    session.prefill(sequences[0], &prompt, 0).unwrap_or_else(|e| panic!("{name}, prompt: {e}"));
    for step in 0..2 {
        let chunks: Vec<Chunk<'_>> = sequences
            .iter()
            .zip([&prompt[..1], &prompt[3..4], &prompt[5..9]])
            .map(|(sequence, tokens)| Chunk { sequence: *sequence, tokens, want: Want::Last })
            .collect();
        session.step(&chunks).unwrap_or_else(|e| panic!("{name}, step {step}: {e}"));
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/fixtures").join(name)
}

#[test]
fn a_small_llama_has_no_race() {
    for (chip, cores, chips) in [("nano", 1, 1), ("nano", 2, 1), ("one", 2, 1), ("nano", 1, 2)] {
        run(&fixture("llama"), chip, cores, chips);
    }
}

#[test]
fn a_small_mixture_with_sinks_has_no_race() {
    for cores in [1, 2] {
        run(&fixture("gpt_oss"), "nano", cores, 1);
    }
}

/// SmolLM2-135M, if a copy is in the cache of `puce pull`.
#[test]
fn smollm2_has_no_race() {
    let Some(path) = cached("smollm2-") else {
        println!("skipped: SmolLM2 is not in the model cache");
        return;
    };
    for (chip, cores) in [("nano", 1), ("nano", 2), ("one", 1), ("one", 2)] {
        run(&path, chip, cores, 1);
    }
}

fn cached(prefix: &str) -> Option<PathBuf> {
    let home = std::env::var_os("PUCE_CACHE").map(PathBuf::from);
    let root = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/puce")))?.join("models");
    let entries = std::fs::read_dir(root).ok()?.flatten();
    let model = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .min_by_key(std::fs::DirEntry::path)?;
    let files = std::fs::read_dir(model.path()).ok()?.flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|e| e == "gguf")).min()
}
