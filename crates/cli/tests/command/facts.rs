//! `puce facts`.

use crate::tool::puce;

#[test]
fn facts_are_listed_filtered_and_shown_with_their_source() {
    let all = puce(&["facts", "--json"]).json();
    assert!(all.as_array().unwrap().iter().all(|fact| !fact["source"].as_str().unwrap().is_empty()));
    let wafers = puce(&["facts", "wafer", "price", "N3"]).good().out;
    assert!(wafers.starts_with("quantity ") && wafers.contains("20,000"), "{wafers}");
    let one = puce(&["facts", "wafer price N3", "--as-of", "2023"]).good().out;
    assert!(one.contains("2022-11-23") && one.contains("DigiTimes") && !one.contains("TrendForce"), "{one}");
    let press = puce(&["facts", "--grade", "r", "--json"]).json();
    assert!(press.as_array().unwrap().iter().all(|fact| fact["grade"] == "R"));
    assert!(puce(&["facts", "no such fact"]).good().out.lines().count() <= 1);
}

#[test]
fn cases_set_published_beside_computed() {
    let cases = puce(&["facts", "cases", "--json"]).json();
    let nodes = cases.as_array().unwrap().iter().find(|case| case["id"] == "V1 nodes").unwrap();
    assert!((nodes["computed"].as_f64().unwrap() / nodes["published"].as_f64().unwrap() - 1.0).abs() < 1e-3);
    let table = puce(&["facts", "cases"]).good().out;
    assert!(table.lines().any(|line| line.starts_with("V9 H200 ") && line.ends_with("misses")), "{table}");
    puce(&["facts", "cases", "--as-of", "2019"]).refused(&["no fact about"]);
}

#[test]
fn a_device_is_costed_with_what_is_not_known() {
    let quick = ["facts", "cost", "h100", "--read", "12000", "--write", "3800", "--samples", "2048"];
    let text = puce(&quick).good().out;
    for part in ["yield loss", "margin", "energy", "million tokens written", "what explains the spread"] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    let json = puce(&[&quick[..], &["--json"]].concat()).json();
    let steps: f64 = json["making"].as_array().unwrap().iter().map(|step| step["usd"].as_f64().unwrap()).sum();
    assert!((steps - 27_000.0).abs() < 1.0, "the steps and the margin make up the price: {steps}");
    let hour = &json["results"][2];
    assert_eq!(hour["what"], "hour");
    let first: f64 = hour["shares"].as_array().unwrap().iter().map(|share| share["first"].as_f64().unwrap()).sum();
    assert!((0.6..1.3).contains(&first), "single inputs explain most: {first}");
    assert_eq!(puce(&quick).good().out, text);
    puce(&["facts", "cost", "H900"]).refused(&["`H900`", "MI300X"]);
}

#[test]
fn a_replay_scores_what_was_known() {
    let dates = puce(&["facts", "replay", "--json"]).json();
    assert_eq!(
        dates.as_array().unwrap().iter().map(|date| date["date"].as_str().unwrap()).collect::<Vec<_>>(),
        ["2023-10", "2024-10", "2025-10"]
    );
    let rent = dates[1]["forecasts"].as_array().unwrap().iter().find(|one| one["quantity"] == "rental H100").unwrap();
    assert_eq!((&rent["nominal"], &rent["outcome"], &rent["inside"]), (&8.0.into(), &2.35.into(), &false.into()));
    let text = puce(&["facts", "replay"]).good().out;
    assert!(text.contains("Brier") && text.contains("  out\n") && text.contains("no forecast"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}
