//! `puce rtl` and what `puce verify` says where it cannot simulate.

use crate::tool::{Scratch, command, puce, run};

#[test]
fn a_package_is_written_and_says_how_to_test_it() {
    let scratch = Scratch::new();
    let folder = scratch.path("nano");
    let text = puce(&["rtl", "nano", "--out", &folder]).good().out;
    for word in ["puce_chip", "lines of SystemVerilog", "smoke/run.sh"] {
        assert!(text.contains(word), "no `{word}` in\n{text}");
    }
    let json = puce(&["rtl", "nano", "--out", &folder, "--cases", "1", "--json"]).json();
    let files: Vec<&str> = json["files"].as_array().unwrap().iter().filter_map(|file| file.as_str()).collect();
    for file in ["README.md", "files.f", "puce_chip.sv", "sv/puce_core.sv", "constraints.sdc", "docs/registers.md"] {
        assert!(files.contains(&file), "no {file} in {files:?}");
    }
    assert!(files.iter().all(|file| std::path::Path::new(&folder).join(file).is_file()));
}

#[test]
fn a_chip_that_the_design_has_no_shape_for_is_refused() {
    let scratch = Scratch::new();
    let chip = scratch.path("odd.toml");
    let nano = include_str!("../../../../data/chips/nano.toml");
    std::fs::write(&chip, nano.replace("lanes = 8", "lanes = 12")).unwrap();
    puce(&["rtl", &chip, "--out", &scratch.path("odd")]).refused(&["nano", "12 vector lanes", "groups of 8"]);
    std::fs::write(scratch.path("file"), "").unwrap();
    puce(&["rtl", "nano", "--out", &scratch.path("file")]).refused(&["file"]);
}

#[test]
fn without_the_tools_there_is_a_sentence() {
    let ran = run(command(&["verify", "--tokens", "1"]).env("PUCE_EDA", "/nowhere"), b"");
    ran.refused(&["no Verilator", "cargo xtask tools eda"]);
}

#[test]
fn a_timeline_of_no_cycle_is_refused() {
    let scratch = Scratch::new();
    let out = scratch.path("t.json");
    puce(&["trace", "--from", "5", "--to", "5", "--out", &out]).refused(&["--from 5", "--to must be larger"]);
    assert!(!std::path::Path::new(&out).exists());
}
