//! Dollars per million tokens of every device, with the range.

use explore::outcome::{Contender, Outcome};
use serde_json::{Value, json};

use super::{chart, decades, ends, finite, from_zero, line, names, numbers};
use crate::text;

/// Above this ratio of the dearest to the cheapest the axis is logarithmic.
const MOST: f64 = 12.0;

/// A line from low to high for each device, a mark at the median.
pub fn intervals(outcome: &Outcome) -> Option<Value> {
    let shown: Vec<&Contender> =
        outcome.contenders.iter().filter(|c| finite(&[c.usd.low, c.usd.median, c.usd.high])).collect();
    let ours = shown.iter().find(|c| c.ours).map(|c| c.name.as_str());
    let rows: Vec<Value> = shown
        .iter()
        .map(|c| {
            json!({ "name": c.name, "low": c.usd.low, "median": c.usd.median, "high": c.usd.high, "ours": c.ours, "label": text::usd(c.usd.median),
                "range": text::range(&c.usd, text::usd), "nominal": text::usd(c.usd_nominal), "had": c.acquisition, "footing": c.footing })
        })
        .collect();
    let order: Vec<&str> = shown.iter().map(|c| c.name.as_str()).collect();
    let y = names("name", &order, ours);
    let axis = axis(&shown);
    let x = |field: &str| {
        let mut axis = axis.clone();
        axis["field"] = json!(field);
        axis
    };
    let colour = json!({ "condition": { "test": "datum.ours", "value": "var(--ours)" }, "value": "var(--c1)" });
    let tooltip = json!([
        line("name", "device"),
        line("label", "median"),
        line("range", "range"),
        line("nominal", "all at nominal"),
        line("had", "had by"),
        line("footing", "times")
    ]);
    let layers = vec![
        json!({ "mark": { "type": "rule", "strokeWidth": 4, "strokeCap": "round", "opacity": 0.45 }, "encoding": { "x": x("low"), "x2": { "field": "high" }, "color": colour, "tooltip": tooltip } }),
        json!({ "mark": { "type": "point", "filled": true, "opacity": 1, "size": 110 },
            "encoding": { "x": x("median"), "color": colour, "shape": { "condition": { "test": "datum.ours", "value": "diamond" }, "value": "circle" }, "tooltip": tooltip } }),
        json!({ "mark": { "type": "text", "align": "left", "dx": 10 }, "encoding": { "x": x("high"), "text": { "field": "label" } } }),
    ];
    let mut spec = chart("Dollars per million tokens of every device, median and range", 28 * shown.len(), layers);
    spec["data"] = json!({ "values": rows });
    spec["encoding"] = json!({ "y": y });
    (!shown.is_empty()).then_some(spec)
}

/// From zero, unless the dearest device would press all others together.
fn axis(shown: &[&Contender]) -> Value {
    const TITLE: &str = "dollars per million tokens";
    let all = || shown.iter().flat_map(|c| [c.usd.low, c.usd.high]);
    match ends(all()) {
        // Beyond the longest line its label needs room.
        Some((low, high)) if high / low > MOST => decades("usd", TITLE, "$~r", (low, high * (high / low).powf(0.2))),
        _ => numbers("usd", TITLE, "$~r", from_zero(all())),
    }
}
