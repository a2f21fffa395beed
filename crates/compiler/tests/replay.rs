//! The lock: instructions, bytes, products and the hash of the logits, per network and machine (`golden/replay.txt`). A refactoring changes nothing of
//! it; a better program changes the counts and never the hash. `UPDATE_GOLDEN=1` rewrites it.

mod common;

use arch::Chip;
use arch::machine::Machine;
use common::{LOWERED, Model, bits, expected, fixture, hash, nano, one, smollm2};
use compiler::session::{Chunk, Session, Want};
use compiler::{Compiled, Options};
use emu::{Emulator, Settings};
use std::fmt::Write;
use std::time::Instant;

/// Prompt, then tokens one by one.
const DECODED: usize = 3;

/// The logits after the prompt and after every further token.
fn run(session: &mut Session<Emulator>, tokens: &[u32]) -> Vec<f32> {
    let (prompt, rest) = tokens.split_at(tokens.len() - DECODED);
    let sequence = session.open();
    let mut logits = session.prefill(sequence, prompt, 0).unwrap().values;
    for token in rest {
        logits.extend(session.step(&[Chunk { sequence, tokens: &[*token], want: Want::Last }]).unwrap().values);
    }
    logits
}

fn line(model: &Model, compiled: &Compiled, tokens: &[u32]) -> String {
    let mut session = model.load(compiled, Settings { threads: 2, ..Settings::default() });
    session.machine_mut().clear();
    let logits = run(&mut session, tokens);
    let counters = session.machine().counters();
    let (executed, bytes, macs) = (counters.instructions.iter().sum::<u64>(), counters.memory_bytes(), counters.macs);
    let (chip, cores, stream) = (&compiled.chip.name, compiled.abi.sizes.cores, compiled.programs[0].len());
    assert!(bits(&logits).iter().any(|b| *b != 0));
    format!(
        "{:13} {chip:4} {cores:5} {stream:6} {executed:8} {bytes:11} {macs:11} {:016x}\n",
        model.name,
        hash(&logits)
    )
}

fn machines() -> [(Chip, usize); 3] {
    [(nano(), 1), (nano().with_cores(2), 2), (one(), 4)]
}

fn lines(model: &Model, tokens: &[u32], context: usize) -> String {
    let mut text = String::new();
    for (chip, cores) in machines() {
        let start = Instant::now();
        let compiled = model.compile(&chip, &Options { cores, context, ..Options::default() }).unwrap();
        println!(
            "{} on {} with {cores} cores compiled in {:.2} s",
            model.name,
            chip.name,
            start.elapsed().as_secs_f64()
        );
        text.push_str(&line(model, &compiled, tokens));
    }
    text
}

fn path() -> String {
    format!("{}/tests/golden/replay.txt", env!("CARGO_MANIFEST_DIR"))
}

/// The lines of the file for which the model is not here.
fn kept(name: &str) -> String {
    let file = std::fs::read_to_string(path()).unwrap_or_default();
    file.lines().filter(|line| line.starts_with(name)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn nothing_changes() {
    let mut text = String::from(
        "# model, chip, cores, instructions of core streams, instructions executed, memory bytes, products, hash of logits\n",
    );
    for name in LOWERED {
        let tokens = &expected(name).0[..23];
        text.push_str(&lines(&fixture(name), tokens, 0));
    }
    match smollm2() {
        Some(model) => text.push_str(&lines(&model, &[1, 4093, 198, 2683, 359, 253, 30, 2, 198], 256)),
        None => text.push_str(&kept("smollm2")),
    }
    common::golden("replay.txt", &text);
}

/// Machines differ in counts only.
#[test]
fn one_hash_per_network() {
    let file = std::fs::read_to_string(path()).unwrap();
    let mut seen = String::new();
    for model in LOWERED.iter().chain(&["smollm2"]) {
        let lines = file.lines().filter(|line| line.split_whitespace().next() == Some(model));
        let hashes: Vec<&str> = lines.filter_map(|line| line.split_whitespace().last()).collect();
        assert_eq!(hashes.len(), machines().len(), "{model}");
        assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{model}: {hashes:?}");
        // The GGUF of the Llama holds the same network with other rows of query and key.
        writeln!(seen, "{}", hashes[0]).unwrap();
    }
    let distinct: std::collections::BTreeSet<&str> = seen.lines().collect();
    assert!(distinct.len() >= LOWERED.len(), "different networks have different logits");
}
