//! From the wafer to a million tokens: what each step adds, ours beside a rival on the same axes.

use explore::outcome::{Contender, Outcome};
use serde_json::{Map, Value, json};

use super::{chart, finite, from_zero, line, names};
use crate::text;

/// Name of the last bar.
const SUM: &str = "a million tokens";

/// Our chip's steps.
pub fn ours(outcome: &Outcome) -> Option<Value> {
    let ours = text::ours(outcome)?;
    steps(outcome, &[ours], json!(ours.key), "var(--ours)")
}

/// A rival's steps; the page chooses which.
pub fn rival(outcome: &Outcome) -> Option<Value> {
    let rivals: Vec<&Contender> = outcome.contenders.iter().filter(|contender| !contender.ours).collect();
    steps(outcome, &rivals, json!("@rival"), "var(--c1)")
}

fn steps(outcome: &Outcome, of: &[&Contender], key: Value, colour: &str) -> Option<Value> {
    let rows: Vec<Value> = of.iter().flat_map(|contender| bars(contender)).collect();
    let x = json!({ "field": "from", "type": "quantitative", "title": "dollars per million tokens", "scale": "@rival.scale",
        "axis": { "format": "$~r", "tickCount": 5, "labelOverlap": true } });
    let colour = json!({ "condition": [{ "test": "datum.sum", "value": colour }, { "test": "datum.to < datum.from", "value": "var(--c3)" }], "value": "var(--bar)" });
    let tooltip =
        json!([line("what", "step"), line("usd", "adds"), line("share", "of the whole"), line("until", "so far")]);
    let layers = vec![
        json!({ "mark": { "type": "bar", "height": { "band": 0.72 } }, "encoding": { "x": x, "x2": { "field": "to" }, "color": colour, "tooltip": tooltip } }),
        json!({ "mark": { "type": "text", "align": "left", "dx": 6 }, "encoding": { "x": { "field": "end", "type": "quantitative" }, "text": { "field": "usd" }, "tooltip": tooltip } }),
    ];
    let order: Vec<&str> = step_names(outcome).into_iter().chain([SUM]).collect();
    let mut spec = chart("Steps from the wafer to a million tokens", 24 * order.len(), layers);
    spec["data"] = json!({ "values": rows });
    spec["transform"] = json!([{ "filter": { "field": "key", "equal": key } }]);
    spec["encoding"] = json!({ "y": names("what", &order, Some(SUM)) });
    spec["usermeta"] = json!({ "choices": scales(outcome) });
    (!rows.is_empty()).then_some(spec)
}

/// For each rival the scale that holds its bars and ours.
fn scales(outcome: &Outcome) -> Map<String, Value> {
    let ours: Vec<f64> = text::ours(outcome).into_iter().flat_map(ends).collect();
    let rivals = outcome.contenders.iter().filter(|contender| !contender.ours);
    rivals
        .map(|rival| (rival.key.clone(), json!({ "scale": from_zero(ours.iter().copied().chain(ends(rival))) })))
        .collect()
}

/// Right ends of a contender's bars.
fn ends(contender: &Contender) -> Vec<f64> {
    bars(contender).iter().filter_map(|bar| bar["end"].as_f64()).collect()
}

/// Each step from where the one before ended, and the sum; a step that costs nothing has no bar.
fn bars(contender: &Contender) -> Vec<Value> {
    let steps: Vec<_> = contender.waterfall.iter().filter(|step| finite(&[step.usd]) && step.usd != 0.0).collect();
    let whole: f64 = steps.iter().map(|step| step.usd).sum();
    let mut so_far = 0.0;
    let mut rows = Vec::new();
    for step in &steps {
        rows.push(bar(contender, &step.what, so_far, step.usd, whole));
        so_far += step.usd;
    }
    if !rows.is_empty() {
        let mut sum = bar(contender, SUM, 0.0, whole, whole);
        sum["sum"] = json!(true);
        rows.push(sum);
    }
    rows
}

fn bar(contender: &Contender, what: &str, from: f64, usd: f64, whole: f64) -> Value {
    let to = from + usd;
    json!({ "key": contender.key, "what": what, "from": from, "to": to, "end": from.max(to), "usd": text::usd_of(usd, whole), "share": text::percent(usd / whole),
        "until": text::usd_of(to, whole), "sum": false })
}

/// Names of steps in the order of our chip, then those that only rivals have.
pub fn step_names(outcome: &Outcome) -> Vec<&str> {
    let ours_first =
        text::ours(outcome).into_iter().chain(outcome.contenders.iter().filter(|contender| !contender.ours));
    let mut names: Vec<&str> = Vec::new();
    for step in ours_first.flat_map(|contender| &contender.waterfall) {
        if !names.contains(&step.what.as_str()) {
            names.push(&step.what);
        }
    }
    names
}
