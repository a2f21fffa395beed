//! What does not fit or makes no sense is refused in one sentence: the sentences themselves.

mod common;

use arch::Chip;
use base::units::Bytes;
use common::{LOWERED, fixture, nano, one};
use compiler::session::{Chunk, Session, Want};
use compiler::{Error, Options};
use emu::{Emulator, Settings};

fn refusal(name: &str, chip: &Chip, options: Options) -> Error {
    match fixture(name).compile(chip, &options) {
        Err(error) => error,
        Ok(_) => panic!("{name} on {} with {options:?} must be refused", chip.name),
    }
}

fn small(change: impl FnOnce(&mut Chip)) -> Chip {
    let mut chip = nano();
    change(&mut chip);
    chip
}

#[test]
fn of_the_compiler() {
    let base = Options::default();
    let cases = [
        (
            "deepseek_v3",
            nano(),
            base.clone(),
            "layer 0: multi-head latent attention has no lowering yet; the f32 reference runs it",
        ),
        ("llama", nano(), Options { cores: 2, ..base.clone() }, "--cores 2: chip `nano` has 1"),
        ("llama", one(), Options { cores: 0, ..base.clone() }, "--cores 0: chip `one` has 32"),
        ("llama", nano(), Options { chips: 0, ..base.clone() }, "--chips 0: between 1 and 64"),
        ("llama", nano(), Options { chips: 65, ..base.clone() }, "--chips 65: between 1 and 64"),
        (
            "llama",
            nano(),
            Options { context: 257, ..base.clone() },
            "--context 257: the model was made for at most 256",
        ),
        (
            "llama",
            small(|chip| chip.parameters = 100),
            base.clone(),
            "a step of 16 tokens needs 224 parameter words and chip `nano` has 100; fewer --sequences would do",
        ),
        (
            "llama",
            small(|chip| chip.memory.capacity = Bytes(128 << 10)),
            base.clone(),
            "the model needs 210.2 KiB of memory (142.2 KiB of weights, 68 KiB of key/value cache) and chip `nano` has 128 KiB; fewer --sequences, a shorter --context or more chips would do",
        ),
        (
            "llama",
            small(|chip| chip.core.scratchpad = Bytes(4096)),
            base.clone(),
            "5952 bytes of scratchpad are needed for the value scales and a core has 4096; a shorter --context or a chip with more scratchpad would do",
        ),
        (
            "llama",
            small(|chip| chip.core.scratchpad = Bytes(4096)),
            Options { tokens: 16, ..base },
            "6656 bytes of scratchpad are needed for the quantised activations and a core has 4096; a shorter --context or a chip with more scratchpad would do",
        ),
    ];
    let mut wrong = String::new();
    for (name, chip, options, sentence) in cases {
        let error = refusal(name, &chip, options).to_string();
        if error != sentence {
            wrong.push_str(&format!("got  {error}\nwant {sentence}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Whatever is asked for, the answer is a program or a sentence, never a panic; and a program is one that the chip takes.
#[test]
fn any_options_are_answered() {
    let (mut programs, mut sentences) = (0, 0);
    for name in LOWERED.iter().step_by(if common::long() { 1 } else { 4 }) {
        let model = fixture(name);
        for (chip, cores, chips) in
            [(nano(), 1, 1), (nano().with_cores(5), 5, 1), (nano(), 1, 9), (one(), 2, 3), (one(), 32, 1)]
        {
            for (context, tokens, sequences) in [(1, 0, 1), (33, 1, 9), (0, 5, 0), (40, 1000, 1000)] {
                for scratchpad in [4096, 24 << 10, 512 << 10] {
                    let mut chip = chip.clone();
                    chip.core.scratchpad = Bytes(scratchpad);
                    let options = Options { cores, chips, context, tokens, sequences, ..Options::default() };
                    match model.compile(&chip, &options) {
                        Ok(compiled) => {
                            assert!(compiled.scratchpad_peak as u64 <= scratchpad);
                            compiled.programs.iter().for_each(|program| arch::legal::check(program, &chip).unwrap());
                            programs += 1;
                        }
                        Err(error) => {
                            assert!(!error.to_string().contains('\n'), "{error}");
                            sentences += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(programs > 50 && sentences > 20, "{programs} programs, {sentences} refusals");
}

fn session() -> Session<Emulator> {
    let options = Options { context: 64, cache_tokens: 96, sequences: 3, ..Options::default() };
    fixture("llama").start(&nano(), &options, Settings::default())
}

fn chunk(sequence: compiler::session::SequenceId, tokens: &[u32]) -> Chunk<'_> {
    Chunk { sequence, tokens, want: Want::Last }
}

#[test]
fn of_a_step() {
    let mut session = session();
    let (a, b, closed) = (session.open(), session.open(), session.open());
    session.close(closed);
    let mut ask = |chunks: &[Chunk<'_>]| session.step(chunks).unwrap_err().to_string();
    let many = vec![1; 17];
    assert_eq!(ask(&[]), "a step takes 1 to 16 tokens of at most 3 sequences, not 0 of 0");
    assert_eq!(ask(&[chunk(a, &many)]), "a step takes 1 to 16 tokens of at most 3 sequences, not 17 of 1");
    assert_eq!(ask(&[chunk(a, &[95, 96])]), "token 96 is not in the vocabulary of 96");
    assert_eq!(ask(&[chunk(a, &[u32::MAX])]), "token 4294967295 is not in the vocabulary of 96");
    assert_eq!(ask(&[chunk(a, &[1]), chunk(closed, &[1])]), "chunk 1 continues a sequence that is not open");
    assert_eq!(ask(&[chunk(a, &[1]), chunk(b, &[])]), "chunk 1 is empty or its sequence comes twice in one step");
    assert_eq!(ask(&[chunk(a, &[1]), chunk(a, &[2])]), "chunk 1 is empty or its sequence comes twice in one step");
    assert_eq!((session.len(a), session.len(b)), (0, 0), "a refused step changes nothing");
}

#[test]
fn of_a_full_context_and_a_full_cache() {
    let mut session = session();
    let (a, b) = (session.open(), session.open());
    session.prefill(a, &[7; 64], 0).unwrap();
    let full = session.step(&[chunk(a, &[1])]).unwrap_err().to_string();
    assert_eq!(full, "the sequence would grow to 65 tokens; the context holds 64");
    session.prefill(b, &[7; 32], 0).unwrap();
    let full = session.step(&[chunk(b, &[1])]).unwrap_err().to_string();
    assert_eq!(
        full,
        "the key/value cache is full: 0 of 96 tokens are free and the step needs 32; close a sequence or compile with more --cache"
    );
    assert_eq!(session.len(b), 32);
    session.close(a);
    session.step(&[chunk(b, &[1])]).unwrap();
    assert_eq!(session.len(b), 33);
}
