//! Chip descriptions: the shipped ones are read, and what is wrong is refused in a sentence with file and line.
//!
//! `chips.txt` holds one case per paragraph: its name, lines of the shipped `nano` to leave out (`-`) and to put in their place (`+`), and the
//! sentence (`!`). `UPDATE_GOLDEN=1` rewrites the sentences.

use arch::Chip;
use proptest::prelude::*;
use std::fmt::Write;
use std::path::Path;

fn nano() -> &'static str {
    data::file("chips/nano.toml").unwrap()
}

#[test]
fn shipped_chips_are_read() {
    let names = Chip::builtin_names();
    assert!(names.iter().any(|name| name == "nano") && names.iter().any(|name| name == "one"), "{names:?}");
    for name in names {
        let chip = Chip::builtin(&name).unwrap();
        assert_eq!(chip.name, name);
        assert!(chip.macs_per_second() > 1e11 && chip.parameters >= 64);
    }
    assert_eq!(Chip::builtin("none"), None);
}

/// The description with the paragraph's lines exchanged.
fn changed(paragraph: &str) -> String {
    let (mut text, mut at) = (nano().to_string(), None);
    for line in paragraph.lines() {
        if let Some(old) = line.strip_prefix("- ") {
            let start = text.find(&format!("{old}\n")).unwrap_or_else(|| panic!("`{old}` is not in nano.toml"));
            text.replace_range(start..start + old.len() + 1, "");
            at = Some(start);
        } else if let Some(new) = line.strip_prefix("+ ") {
            let start = at.expect("`-` comes before `+`");
            text.insert_str(start, &format!("{new}\n"));
            at = Some(start + new.len() + 1);
        }
    }
    text
}

#[test]
fn refusals_are_sentences() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chips.txt");
    let golden = std::fs::read_to_string(&path).unwrap();
    let mut now = String::new();
    for paragraph in golden.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        let kept = paragraph.lines().filter(|line| !line.starts_with('!'));
        kept.for_each(|line| writeln!(now, "{line}").unwrap());
        let sentence = Chip::parse("my.toml", &changed(paragraph)).expect_err(paragraph).to_string();
        writeln!(now, "! {sentence}\n").unwrap();
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    assert_eq!(now.trim(), std::fs::read_to_string(&path).unwrap().trim());
}

proptest! {
    #[test]
    fn damaged_descriptions_never_panic(cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[ -~\n]{0,6}"), 1..4)) {
        let mut text = nano().to_string();
        for (at, len, new) in cuts {
            let start = at.index(text.len() + 1);
            let end = (start + len).min(text.len());
            text.replace_range(start..end, &new);
        }
        if let Err(error) = Chip::parse("my.toml", &text) {
            prop_assert!(error.to_string().starts_with("my.toml, line ") && error.line >= 1);
        }
    }
}
