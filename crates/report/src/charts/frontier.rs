//! What a token costs, against how fast each user gets them: a curve for every device.

use explore::outcome::Outcome;
use serde_json::{Value, json};

use super::series::Series;
use super::{chart, decades, ends, finite, line};
use crate::text;

/// Curves on logarithmic axes; the point at the study's own targets is filled.
pub fn curves(outcome: &Outcome) -> Option<Value> {
    let mut points = Vec::new();
    let mut rows = Vec::new();
    let mut devices: Vec<&str> = Vec::new();
    for contender in &outcome.contenders {
        let drawn = contender
            .frontier
            .iter()
            .filter(|p| finite(&[p.interactivity, p.usd]) && p.interactivity > 0.0 && p.usd > 0.0);
        for point in drawn {
            if !devices.contains(&contender.name.as_str()) {
                devices.push(&contender.name);
            }
            points.push((point.interactivity, point.usd));
            rows.push(json!({ "device": contender.name, "x": point.interactivity, "y": point.usd, "asked": point.level == 1.0, "ours": contender.ours,
                "cost": text::usd(point.usd), "speed": format!("{} tokens/s", text::three(point.interactivity)),
                "energy": format!("{} J/token", text::three(point.joules)), "level": format!("{} x the study's", text::short(point.level)) }));
        }
    }
    let series = Series::new(devices, outcome.contenders.iter().find(|c| c.ours).map(|c| c.name.as_str()));
    let x = decades("x", "tokens per second that a user sees", "~r", ends(points.iter().map(|point| point.0))?);
    let y = decades("y", "dollars per million tokens", "$~r", ends(points.iter().map(|point| point.1))?);
    let tooltip = json!([
        line("device", "device"),
        line("cost", "a million tokens"),
        line("speed", "a user sees"),
        line("energy", "energy"),
        line("level", "latency targets")
    ]);
    let lit = json!({ "condition": { "param": "device", "value": 1 }, "value": 0.12 });
    let points = |which: &str, mark: Value| {
        json!({ "transform": [{ "filter": which }], "mark": mark,
            "encoding": { "x": x, "y": y, "color": series.colour("device"), "shape": series.shape("device"), "opacity": lit, "tooltip": tooltip } })
    };
    let layers = vec![
        json!({
            "params": [{ "name": "device", "select": { "type": "point", "fields": ["device"] }, "bind": "legend" }],
            "mark": { "type": "line", "interpolate": "monotone" },
            "encoding": { "x": x, "y": y, "color": series.colour("device"), "strokeDash": series.dash("device"), "opacity": lit,
                "strokeWidth": { "condition": { "test": "datum.ours", "value": 3.5 }, "value": 1.8 } }
        }),
        points("!datum.asked", json!({ "type": "point", "strokeWidth": 1.6, "size": 45, "fill": "var(--card)" })),
        points("datum.asked", json!({ "type": "point", "filled": true, "size": 130 })),
    ];
    let mut spec = chart(
        "Dollars per million tokens against tokens per second that a user sees, a curve for every device",
        400,
        layers,
    );
    spec["data"] = json!({ "values": rows });
    Some(spec)
}
