//! The plan: formats are kept where the chip holds them, and nothing of the machine shows in formats or grids.

mod common;

use arch::Chip;
use base::tile::WeightKind;
use common::plain::Plain;
use common::{LOWERED, all_logits, assert_same_bits, expected, fixture, nano, one, smollm2};
use compiler::plan::Plan;
use compiler::{Error, Options};
use emu::Settings;
use model::blocks::Encoding;

const STORED: [WeightKind; 6] =
    [WeightKind::I4s, WeightKind::I4m, WeightKind::I8s, WeightKind::I8m, WeightKind::Mx8, WeightKind::Mx4];

fn plan(model: &common::Model, chip: &Chip, options: &Options) -> Result<Plan, Error> {
    Plan::new(&model.checkpoint, &model.network, chip, options)
}

fn with_kinds(kinds: &[WeightKind]) -> Chip {
    let mut chip = nano();
    chip.matrix.weights = kinds.to_vec();
    chip
}

#[test]
fn block_formats_are_kept_and_the_rest_gets_eight_bits() {
    let plan = plan(&fixture("gpt-oss-mxfp4"), &nano(), &Options::default()).unwrap();
    for (name, choice) in &plan.choices {
        let (from, to) =
            if name.contains("exps") { (Encoding::Mxfp4, WeightKind::Mx4) } else { (Encoding::Bf16, WeightKind::I8s) };
        assert_eq!((choice.from, choice.to), (from, to), "{name}");
        assert_eq!(choice.error == 0.0, from == Encoding::Mxfp4, "{name}: error {}", choice.error);
        assert!(choice.error < 0.006, "{name}: error {}", choice.error);
    }
}

#[test]
fn a_shipped_file_runs_at_its_own_width() {
    let Some(model) = smollm2() else { return };
    let plan = plan(&model, &nano(), &Options::default()).unwrap();
    assert_eq!(plan.choices.len(), 30 * 7 + 1);
    for (name, choice) in plan.choices {
        let kept = match choice.from {
            Encoding::Q4_0 => Some(WeightKind::I4s),
            Encoding::Q4_1 => Some(WeightKind::I4m),
            Encoding::Q8_0 => Some(WeightKind::I8s),
            _ => None,
        };
        assert_eq!(choice.to, kept.unwrap_or(WeightKind::I8s), "{name}");
        assert_eq!(choice.error == 0.0, kept.is_some(), "{name}: error {}", choice.error);
    }
}

/// `--weights` stores every matrix in one kind; the program then computes exactly that.
#[test]
fn the_user_may_choose_a_kind() {
    let model = fixture("llama");
    let tokens = &expected("llama").0[..12];
    let mut errors = Vec::new();
    for kind in STORED {
        let options = Options { weights: Some(kind), ..Options::default() };
        let compiled = model.compile(&nano(), &options).unwrap();
        assert!(compiled.plan.choices.values().all(|choice| choice.to == kind));
        let worst = compiled.plan.choices.values().map(|choice| choice.error).fold(0.0, f64::max);
        errors.push((kind.name(), worst));
        let twin = Plain::chip(&model.checkpoint, &model.network, &compiled.plan).run(tokens);
        let logits = all_logits(&mut model.load(&compiled, Settings::default()), tokens, 0);
        assert_same_bits(&logits, &twin, model.network.vocab, kind.name());
    }
    // Normal weights in blocks of 32: a step of the width over the square root of 12.
    let bounds = [("i4s", 0.12), ("i4m", 0.1), ("i8s", 0.006), ("i8m", 0.006), ("mx8", 0.012), ("mx4", 0.16)];
    for ((name, error), (wanted, bound)) in errors.into_iter().zip(bounds) {
        assert_eq!(name, wanted);
        assert!(error > bound / 10.0 && error < bound, "{name}: relative error {error}");
    }
}

#[test]
fn a_choice_overrides_the_file() {
    let options = Options { weights: Some(WeightKind::I8m), ..Options::default() };
    let plan = plan(&fixture("gpt-oss-mxfp4"), &nano(), &options).unwrap();
    assert!(plan.choices.values().all(|choice| choice.to == WeightKind::I8m));
}

#[test]
fn a_chip_without_the_files_kind_gets_eight_bits() {
    let model = fixture("gpt-oss-mxfp4");
    let chip = with_kinds(&[WeightKind::I8s, WeightKind::A8, WeightKind::U8]);
    let compiled = model.compile(&chip, &Options::default()).unwrap();
    let experts = compiled.plan.choices.iter().filter(|(name, _)| name.contains("exps"));
    experts.for_each(|(name, choice)| assert_eq!(choice.to, WeightKind::I8s, "{name}"));
    let tokens = &expected(&model.name).0[..8];
    let twin = Plain::chip(&model.checkpoint, &model.network, &compiled.plan).run(tokens);
    let logits = all_logits(&mut model.load(&compiled, Settings::default()), tokens, 0);
    assert_same_bits(&logits, &twin, model.network.vocab, "without mx4");
}

#[test]
fn missing_kinds_are_refused_in_a_sentence() {
    let cases = [
        (
            "llama",
            vec![WeightKind::I4m, WeightKind::A8, WeightKind::U8],
            None,
            "token_embd.weight: chip `nano` has no weights of kind `i8s`; choose another with --weights",
        ),
        (
            "llama",
            vec![WeightKind::I8s, WeightKind::A8, WeightKind::U8],
            Some(WeightKind::Mx4),
            "token_embd.weight: chip `nano` has no weights of kind `mx4`; choose another with --weights",
        ),
        (
            "llama",
            vec![WeightKind::I8s, WeightKind::U8],
            None,
            "chip `nano` has no weights of kind `a8`, in which keys are kept; a chip whose `weights` list it would do",
        ),
        (
            "llama",
            vec![WeightKind::I8s, WeightKind::A8],
            None,
            "chip `nano` has no weights of kind `u8`, in which values are kept; a chip whose `weights` list it would do",
        ),
        (
            "llama",
            nano().matrix.weights,
            Some(WeightKind::A8),
            "--weights a8: no kind for stored weights; i4s, i4m, i8s, i8m, mx8 and mx4 are",
        ),
    ];
    for (name, kinds, weights, sentence) in cases {
        let options = Options { weights, ..Options::default() };
        let error = fixture(name).compile(&with_kinds(&kinds), &options).unwrap_err();
        // Which tensor is met first is of no interest.
        let text = error.to_string();
        let text = text.split_once(": chip").map_or(text.clone(), |(_, rest)| format!("token_embd.weight: chip{rest}"));
        assert_eq!(text, sentence);
    }
}

#[test]
fn the_machine_does_not_show() {
    for name in LOWERED {
        let model = fixture(name);
        let wanted = plan(&model, &nano(), &Options::default()).unwrap();
        let options = Options { cores: 7, chips: 3, context: 32, tokens: 5, ..Options::default() };
        let got = plan(&model, &one(), &options).unwrap();
        assert_eq!(got.to_string(), wanted.to_string(), "{name}");
        assert_eq!((got.layers, got.grids, got.choices), (wanted.layers, wanted.grids, wanted.choices), "{name}");
    }
}

/// Members share the rows of every product: each row once, in order; a whole matrix goes to all.
#[test]
fn slices_cover_every_row_once() {
    for name in LOWERED {
        let model = fixture(name);
        let plan = plan(&model, &nano(), &Options::default()).unwrap();
        for part in
            plan.layers.iter().flat_map(|layer| layer.linears()).chain([&plan.head]).flat_map(|linear| &linear.parts)
        {
            for members in 1..70 {
                let slices: Vec<_> = (0..members).map(|member| part.slice(member, members)).collect();
                if part.split == compiler::plan::SplitBy::Whole {
                    assert!(slices.iter().all(|slice| *slice == (0..part.rows)), "{name}, {}", part.tensor);
                    continue;
                }
                let mut next = 0;
                for slice in &slices {
                    assert_eq!(slice.start, next, "{name}, {} among {members}", part.tensor);
                    next = slice.end;
                }
                assert_eq!(next, part.rows, "{name}, {} among {members}", part.tensor);
            }
        }
    }
}
