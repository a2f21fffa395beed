//! Where the spread comes from: what each input does to the ratio of costs, and its share of the variance.

use explore::outcome::{Explains, Outcome};
use serde_json::{Value, json};

use super::{chart, finite, from_zero, line, names, numbers};
use crate::text;

/// Ends of an input's bar: name, colour.
const ENDS: [(&str, &str); 2] = [("input low (5 %)", "var(--c2)"), ("input high (95 %)", "var(--c5)")];

/// Inputs that are drawn, largest first; the table has all.
const DRAWN: usize = 14;

fn shown(outcome: &Outcome) -> Vec<&Explains> {
    outcome.sensitivity.iter().filter(|e| finite(&[e.share, e.swing.0, e.swing.1])).take(DRAWN).collect()
}

/// Ratio of costs with each input at either end of its range.
pub fn swings(outcome: &Outcome) -> Option<Value> {
    let shown = shown(outcome);
    let middle = outcome.verdict.ratio.map(|ratio| ratio.median).filter(|median| median.is_finite())?;
    let ratio = |at: f64| format!("{} x the rival's", text::three(at));
    let row = |e: &&Explains| {
        let ends = [e.swing.0, e.swing.1];
        ENDS.iter()
            .zip(ends)
            .map(|((end, _), at)| json!({ "input": e.input, "end": end, "from": middle, "to": at, "cost": ratio(at) }))
            .collect::<Vec<_>>()
    };
    let rows: Vec<Value> = shown.iter().flat_map(row).collect();
    let order: Vec<&str> = shown.iter().map(|e| e.input.as_str()).collect();
    let all = || shown.iter().flat_map(|e| [e.swing.0, e.swing.1]).chain([middle, 1.0]);
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let room = (high - low).max(0.01) * 0.1;
    let scale = json!({ "domain": [low - room, high + room], "nice": false, "zero": false });
    let x = numbers("from", "our cost over the rival's", "~r", scale.clone());
    let colour = json!({ "field": "end", "type": "nominal", "title": null, "scale": { "domain": ENDS.map(|end| end.0), "range": ENDS.map(|end| end.1) }, "legend": super::series::legend() });
    let tooltip = json!([line("input", "input"), line("end", "at"), line("cost", "our tokens cost")]);
    let marks = [json!({ "at": middle }), json!({ "at": 1.0 })];
    let at = json!({ "field": "at", "type": "quantitative" });
    let layers = vec![
        json!({ "data": { "values": rows }, "mark": { "type": "bar", "height": { "band": 0.68 } }, "encoding": { "y": names("input", &order, None), "x": x, "x2": { "field": "to" }, "color": colour, "tooltip": tooltip } }),
        json!({ "data": { "values": marks }, "mark": { "type": "rule", "strokeWidth": 1.5 }, "encoding": { "x": at, "strokeDash": { "condition": { "test": "datum.at === 1", "value": [5, 4] }, "value": [1, 0] } } }),
    ];
    (!shown.is_empty())
        .then(|| chart("Ratio of costs when an input is at either end of its range", 24 * shown.len(), layers))
}

/// Shares of the variance.
pub fn shares(outcome: &Outcome) -> Option<Value> {
    let shown = shown(outcome);
    let rows: Vec<Value> =
        shown.iter().map(|e| json!({ "input": e.input, "share": e.share, "label": text::percent(e.share) })).collect();
    let order: Vec<&str> = shown.iter().map(|e| e.input.as_str()).collect();
    let x = numbers("share", "share of the variance", "~%", from_zero(shown.iter().map(|e| e.share)));
    let tooltip = json!([line("input", "input"), line("label", "explains")]);
    let layers = vec![
        json!({ "mark": { "type": "bar", "height": { "band": 0.68 }, "color": "var(--c1)" }, "encoding": { "x": x, "tooltip": tooltip } }),
        json!({ "mark": { "type": "text", "align": "left", "dx": 6 }, "encoding": { "x": x, "text": { "field": "label" } } }),
    ];
    let mut spec = chart("Share of the variance that each input explains", 24 * shown.len(), layers);
    spec["data"] = json!({ "values": rows });
    spec["encoding"] = json!({ "y": names("input", &order, None) });
    (!shown.is_empty()).then_some(spec)
}
