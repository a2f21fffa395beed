//! The random generator itself: deterministic, sound, complete; and what it makes survives both written forms.

use arch::attr::Unit;
use arch::isa::OPS;
use arch::random::{Case, bursts, case, everything, shrink, sound};
use arch::{Chip, Instr, Program, legal};
use std::collections::BTreeSet;

fn nano(cores: usize) -> Chip {
    Chip::builtin("nano").unwrap().with_cores(cores)
}

#[test]
fn programs_are_sound_and_keep_both_forms() {
    for seed in 0..400 {
        let chip = nano(1 + seed as usize % 3);
        let made = case(&chip, seed);
        assert_eq!(made, case(&chip, seed), "seed {seed}");
        assert!(sound(&made, &chip), "seed {seed}:\n{}", made.program);
        legal::check(&made.program, &chip).unwrap();
        let text = made.program.to_string();
        assert_eq!(Program::parse("text", &text).unwrap(), made.program, "seed {seed}");
        assert_eq!(Program::from_bytes(&made.program.to_bytes()).unwrap(), made.program, "seed {seed}");
    }
}

#[test]
fn bursts_are_sound_and_have_every_instruction_of_an_engine() {
    let chip = nano(2);
    let engines: BTreeSet<u8> = OPS.iter().filter(|op| op.unit != Unit::Control).map(|op| op.code).collect();
    let mut missing: BTreeSet<_> = everything().into_iter().filter(|(code, ..)| engines.contains(code)).collect();
    for seed in 0..300 {
        let made = bursts(&chip, seed);
        assert_eq!(made, bursts(&chip, seed), "seed {seed}");
        assert!(sound(&made, &chip), "seed {seed}:\n{}", made.program);
        made.covers().iter().for_each(|found| _ = missing.remove(found));
    }
    assert!(missing.is_empty(), "(opcode, attribute, byte) never drawn: {missing:x?}");
}

#[test]
fn every_opcode_and_attribute_is_drawn() {
    let chip = nano(3);
    let mut missing: BTreeSet<_> = everything().into_iter().collect();
    for seed in 0..4000 {
        if missing.is_empty() {
            return;
        }
        case(&chip, seed).covers().iter().for_each(|found| {
            missing.remove(found);
        });
    }
    assert!(missing.is_empty(), "(opcode, attribute, byte) never drawn: {missing:x?}");
}

#[test]
fn programs_do_something() {
    let chip = nano(1);
    let cases: Vec<Case> = (0..100).map(|seed| case(&chip, seed)).collect();
    let long = cases.iter().filter(|case| case.program.len() > 12).count();
    assert!(long > 60, "only {long} of 100 programs have more than 12 instructions");
    let looped = cases
        .iter()
        .filter(|case| case.program.cores[0].iter().filter(|i| matches!(i, Instr::Loop { .. })).count() > 2);
    assert!(looped.count() > 20);
}

#[test]
fn shrinking_keeps_the_failure_and_little_else() {
    let chip = nano(2);
    let product = |case: &Case| case.program.cores.iter().flatten().any(|i| matches!(i, Instr::Mm { .. }));
    let seed = (0..).find(|seed| product(&case(&chip, *seed)) && case(&chip, *seed).program.len() > 20).unwrap();
    let small = shrink(&case(&chip, seed), &chip, product);
    assert!(product(&small) && sound(&small, &chip));
    assert!(small.program.len() <= 12, "{}", small.program);
    assert!(small.to_string().contains("mm."));
}
