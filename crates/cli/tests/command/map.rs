//! `puce map`.

use crate::tool::puce;

const PRODUCT: &[&str] = &["map", "--chip", "nano", "--m", "8", "--n", "512", "--k", "512"];

fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [PRODUCT, more].concat()
}

#[test]
fn both_searches_find_the_same_cycles() {
    let pruned = puce(&with(&["--json"])).json();
    let plain = puce(&with(&["--json", "--exhaustive"])).json();
    assert_eq!(pruned["cycles"], plain["cycles"]);
    assert_eq!(pruned["gap"].as_f64(), Some(0.0));
    assert!(pruned["mappings"].as_u64() < plain["mappings"].as_u64());
    let utilisation = pruned["utilisation"].as_f64().unwrap();
    assert!(utilisation > 0.01 && utilisation <= 1.0, "{utilisation}");
}

#[test]
fn the_text_shows_nest_cycles_and_proof() {
    let text = puce(PRODUCT).good().out;
    for word in ["on ", "for tokens", "stream weights", "mm:", "cycles", "bound by", "proven optimal"] {
        assert!(text.contains(word), "no `{word}` in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn what_cannot_be_mapped_is_refused() {
    puce(&["map", "--chip", "nano", "--m", "1", "--n", "32", "--k", "8388608"]).refused(&["largest k", "8388608"]);
    puce(&["map", "--chip", "three", "--m", "1", "--n", "32", "--k", "32"]).refused(&["three", "nano"]);
}
