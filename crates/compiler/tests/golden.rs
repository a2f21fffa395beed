//! The text of every pass for the tiny Llama on `nano`: what `puce compile --passes` writes. `UPDATE_GOLDEN=1` rewrites the files.

mod common;

use common::{fixture, golden, nano};
use compiler::Options;

#[test]
fn passes_of_the_tiny_llama() {
    let options = Options { context: 64, tokens: 4, sequences: 2, ..Options::default() };
    let compiled = fixture("llama").compile(&nano(), &options).unwrap();
    let names: Vec<&str> = compiled.passes.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["0-network", "1-plan", "2-map", "3-emit", "4-sync"]);
    for (name, text) in &compiled.passes {
        golden(&format!("llama-{name}.txt"), text);
    }
}

/// The listing of the last pass is the program.
#[test]
fn the_listing_parses_back() {
    let compiled = fixture("qwen3_moe").compile(&nano(), &Options::default()).unwrap();
    let (_, listing) = compiled.passes.last().unwrap();
    assert_eq!(arch::Program::parse("4-sync", listing).unwrap(), compiled.programs[0]);
}
