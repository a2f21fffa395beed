//! `puce validate`.

use crate::tool::{Scratch, command, puce, run};

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

#[test]
fn every_case_can_be_had_as_a_table_and_what_misses_says_why() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path("measured/operators/llmcompass")).unwrap();
    scratch.write("measured/operators/llmcompass/gelu_A100.csv", "1024, 0.5\n268435456, 900\n");
    let (data, cases) = (scratch.path(""), scratch.path("cases.csv"));
    let ran = puce(&["validate", "--data", &data, "--only", "gelu", "--why", "--cases", &cases]).good();
    assert!(
        ran.out.contains("miss") && ran.out.contains("calibrate files") && ran.out.contains("(measured)"),
        "{}",
        ran.out
    );
    assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);
    let table = std::fs::read_to_string(cases).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines.len() == 3 && lines[0].starts_with("kind,device,fitted,regimes,subject,predicted,measured"),
        "{table}"
    );
}

/// Of a machine without measured data.
fn alone(arguments: &[&str]) -> crate::tool::Ran {
    let scratch = Scratch::new();
    run(command(arguments).env("PUCE_SHARED", scratch.path("nowhere")), b"")
}

#[test]
fn the_public_cases_need_no_data() {
    let ran = alone(&["validate", "--only", "llama2-70b h100"]).good();
    assert!(ran.out.contains("v5.1 llama2-70b h100 server") && ran.out.contains("factor"), "{}", ran.out);
    assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);
    assert_eq!(ran.err, "", "nothing was skipped that was asked for");
}

#[test]
fn what_was_skipped_is_said_with_where_it_was_looked_for() {
    // In the names of both kinds: `layer` and `pay-back`.
    let ran = alone(&["validate", "--only", "ay"]).good();
    for word in ["skipped", "nowhere", "`measured`", "--data", "PUCE_SHARED"] {
        assert!(ran.err.contains(word), "no `{word}` in: {}", ran.err);
    }
    assert!(ran.out.contains("pay-back") && !ran.out.contains("layer"), "{}", ran.out);
    alone(&["validate", "--only", "h100 gemm"]).refused(&["nowhere", "`measured`", "PUCE_SHARED"]);
}

#[test]
fn public_cases_are_objects_of_the_same_array() {
    let rows = alone(&["validate", "--only", "public money V11", "--json"]).json();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 5);
    for row in rows {
        assert_eq!(row["kind"], "public case");
        assert!(row["published"].is_f64() && row["computed"].is_f64() && row["source"].is_string());
        assert!(["pass", "miss"].contains(&row["verdict"].as_str().unwrap()), "{row}");
    }
    let misses = alone(&["validate", "--only", "make Jalapeno"]).good();
    assert!(misses.out.contains("misses") && misses.err.contains("make Jalapeno:"), "{misses:?}");
}

#[test]
fn orders_are_judged_over_all_their_devices() {
    let rows = alone(&["validate", "--only", "order v5.1 llama2-70b offline", "--json"]).json();
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["kind"]), (1, &"MLPerf order".into()));
    assert_eq!(rows[0]["published"], 14.0, "six devices, two of which are too close");
    assert!(rows[0]["detail"].as_str().unwrap().contains("1 closer than submissions"), "{}", rows[0]["detail"]);
}
