//! `puce chip matter`.

use crate::tool::{Scratch, puce};

/// Coarse cells: the shape of the answer does not depend on them.
const COARSE: [&str; 2] = ["--cells", "24"];

#[test]
fn matter_fits_a_terminal_and_says_what_it_rests_on() {
    for chip in ["one", "nano"] {
        let text = puce(&[&["chip", "matter", chip], &COARSE[..]].concat()).good().out;
        for part in ["matrix", "SRAM", "memory PHYs", "leakage", "allowed power, W", "has not been synthesised"] {
            assert!(text.replace('\n', " ").contains(part), "{part}: {text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}

#[test]
fn json_is_in_order_and_adds_up() {
    let one = puce(&[&["chip", "matter", "one", "--json"], &COARSE[..]].concat()).json();
    let number = |path: &str| one.pointer(path).and_then(|value| value.as_f64()).unwrap();
    for range in ["die_mm2", "leakage_watts", "die_celsius", "memory_celsius", "allowed_watts", "clock_hertz"] {
        let [low, nominal, high] = ["low", "nominal", "high"].map(|end| number(&format!("/{range}/{end}")));
        assert!(low < nominal && nominal < high, "{range}: {low} {nominal} {high}");
    }
    let blocks = one["area_mm2"].as_array().unwrap();
    let sum: f64 = blocks.iter().map(|block| block["nominal"].as_f64().unwrap()).sum();
    assert!((sum - number("/die_mm2/nominal")).abs() < 1e-6);
    assert!((sum - number("/die_width_mm") * number("/die_height_mm")).abs() < 1e-6);
    assert!(one["bands"].as_array().unwrap().iter().all(|band| {
        let [low, found, high] = ["low", "found", "high"].map(|key| band[key].as_f64().unwrap());
        (low <= found && found <= high) == band["reason"].is_null()
    }));
}

#[test]
fn more_power_is_hotter_and_allows_as_much() {
    let at = |power: &str| puce(&[&["chip", "matter", "one", "--json", "--power", power], &COARSE[..]].concat()).json();
    let (cool, warm) = (at("200W"), at("400 W"));
    let number = |shown: &serde_json::Value, path: &str| shown.pointer(path).and_then(|value| value.as_f64()).unwrap();
    let [low, nominal, high] = ["low", "nominal", "high"].map(|end| number(&warm, &format!("/memory_celsius/{end}")));
    assert!(low < nominal && nominal < high, "the same power, cooled better and worse: {low} {nominal} {high}");
    // Heat adds up: twice the power is twice the rise over water at 40 C.
    let rise = |shown| number(shown, "/die_celsius/nominal") - 40.0;
    assert!((rise(&warm) / rise(&cool) - 2.0).abs() < 1e-6);
    let allowed = |shown| number(shown, "/allowed_watts/nominal");
    assert!((allowed(&warm) / allowed(&cool) - 1.0).abs() < 1e-6);
}

#[test]
fn pictures_are_drawn() {
    let scratch = Scratch::new();
    let files = ["--svg", "--package", "--heat"].map(|option| (option, scratch.write(&format!("{option}.svg"), "")));
    let mut words = vec!["chip", "matter", "one", "--cells", "24"];
    for (option, file) in &files {
        words.extend([*option, file.as_str()]);
    }
    puce(&words).good();
    for (option, file) in &files {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"), "{option}");
    }
}

#[test]
fn what_is_unknown_is_refused_with_what_is_known() {
    puce(&["chip", "matter", "two"]).refused(&["`two`", "`nano`"]);
    puce(&["chip", "matter", "one", "--node", "n1"]).refused(&["`n1`", "`n3`"]);
    puce(&["chip", "matter", "one", "--cooling", "ice"]).refused(&["`ice`", "`cold-plate`"]);
    let scratch = Scratch::new();
    let other = data::file("chips/nano.toml").unwrap().replace("LPDDR5X", "GDDR9");
    let file = scratch.write("other.toml", other);
    puce(&["chip", "matter", &file]).refused(&["`GDDR9`", "HBM4"]);
}

#[test]
fn own_figures_stand_beside_published_ones_within_eighty_columns() {
    let table = puce(&["synth", "--compare"]).good().out;
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(
        table.contains("energy of a 4-bit product") && table.contains("vector lane over its multiply-add"),
        "{table}"
    );
    let figures = puce(&["synth", "--compare", "--json"]).json();
    let own = figures.as_array().unwrap().iter().filter(|figure| figure["synthesised"].is_number()).count();
    assert!(own >= 7, "{figures}");
}

#[test]
fn a_library_that_is_not_there_is_refused_with_those_that_are() {
    puce(&["synth", "lane", "--library", "asap5"]).refused(&["`asap5`", "`asap7`", "`gt2n`", "`osu018`"]);
    puce(&["synth", "lane", "--library", "asap5.toml"]).refused(&["asap5.toml", "no such file"]);
}
