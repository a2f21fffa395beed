//! `puce validate`.

use crate::tool::{Scratch, puce};

#[test]
fn absent_data_is_a_sentence() {
    let scratch = Scratch::new();
    puce(&["validate", "--data", &scratch.path("nowhere")]).refused(&[
        "nowhere",
        "`measured`",
        "--data",
        "PUCE_SHARED",
    ]);
}

#[test]
fn an_unknown_set_is_refused_with_those_that_there_are() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path("measured")).unwrap();
    puce(&["validate", "--data", &scratch.path(""), "--only", "abacus"]).refused(&[
        "`abacus`",
        "h100 gemm",
        "serving points",
    ]);
}

#[test]
fn a_bad_line_is_refused_with_file_and_line() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path("measured/operators/llmcompass")).unwrap();
    scratch.write("measured/operators/llmcompass/gelu_A100.csv", "1024, 0.02\n2048, fast\n");
    let data = scratch.path("");
    puce(&["validate", "--data", &data, "--only", "gelu"]).refused(&["gelu_A100.csv, line 2:", "`fast`"]);
}

#[test]
fn a_small_set_is_shown_in_four_forms() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path("measured/operators/llmcompass")).unwrap();
    scratch.write("measured/operators/llmcompass/gelu_A100.csv", "1024, 0.0212\n268435456, 379.5\n");
    let (data, page, chapter) = (scratch.path(""), scratch.path("page.html"), scratch.path("chapter.md"));
    let set = ["validate", "--data", &data, "--only", "gelu"];
    let table = puce(&set).good().out;
    assert!(table.contains("streaming operators") && table.contains("a100"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let lines = puce(&[&set[..], &["--json"]].concat()).json();
    assert_eq!(lines[0]["cases"], 2);
    puce(&[&set[..], &["--html", &page, "--markdown", &chapter]].concat()).good();
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("<svg") && !page.contains("<script src"), "a page of its own");
    assert!(std::fs::read_to_string(chapter).unwrap().contains("### streaming operators"));
}
