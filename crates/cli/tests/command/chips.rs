//! `puce chip`.

use crate::tool::{Scratch, puce};

#[test]
fn chips_are_listed_and_shown() {
    let list = puce(&["chip", "list"]).good().out;
    assert!(list.starts_with("name "), "{list}");
    assert!(list.lines().any(|line| line.starts_with("nano ") && line.contains("512 KiB")), "{list}");
    let all = puce(&["chip", "list", "--json"]).json();
    let one = puce(&["chip", "show", "one", "--json"]).json();
    assert!(all.as_array().unwrap().contains(&one));
    let per_cycle: f64 = ["cores", "matrix_rows", "matrix_depth", "matrix_columns", "frequency_hertz"]
        .iter()
        .map(|key| one[key].as_f64().unwrap())
        .product();
    assert_eq!(one["operations_per_second"].as_f64().unwrap(), 2.0 * per_cycle);
}

#[test]
fn a_description_is_checked_to_the_line() {
    let scratch = Scratch::new();
    let good = data::file("chips/nano.toml").unwrap();
    let file = scratch.write("good.toml", good);
    assert!(puce(&["chip", "check", &file]).good().out.contains("chip `nano`"));
    let broken = good.replace("banks = 8", "banks = 0");
    let line = 1 + broken.lines().position(|line| line.starts_with("banks")).unwrap();
    let file = scratch.write("bad.toml", broken);
    let place = format!("line {line}:");
    puce(&["chip", "check", &file]).refused(&["bad.toml", &place, "banks"]);
    puce(&["run", "--chip", &file, "Hi"]).refused(&["bad.toml", &place, "banks"]);
    let file = scratch.write("binary.toml", [0xff, 0xfe]);
    puce(&["chip", "check", &file]).refused(&["binary.toml", "byte 0", "UTF-8"]);
}

#[test]
fn unknown_chips_and_missing_files_are_told_apart() {
    puce(&["chip", "show", "two"]).refused(&["`two`", "`nano`", "`one`"]);
    puce(&["chip", "show", "two.toml"]).refused(&["two.toml", "no such file"]);
    puce(&["chip", "check", "two"]).refused(&["two", "no such file"]);
}
