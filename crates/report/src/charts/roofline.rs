//! What the chip gives and what the operators reach.

use explore::outcome::{Outcome, Roofline};
use serde_json::{Value, json};

use super::series::Series;
use super::{chart, decades, finite, line};
use crate::text;

/// Room to the left of the first point and to the right of the last, as a factor.
const ROOM: f64 = 3.0;

/// Roofs as lines, operators as points whose area is their share of a step's time.
pub fn roofline(outcome: &Outcome) -> Option<Value> {
    let roofline = &outcome.chosen.as_ref()?.roofline;
    let points: Vec<_> = roofline
        .points
        .iter()
        .filter(|p| finite(&[p.intensity, p.rate]) && p.intensity > 0.0 && p.rate > 0.0)
        .collect();
    let top = roofline.roofs.iter().map(|roof| roof.1).filter(|rate| rate.is_finite()).fold(0.0, f64::max);
    if top <= 0.0 || !finite(&[roofline.bandwidth]) || roofline.bandwidth <= 0.0 {
        return None;
    }
    let ridges = roofline.roofs.iter().map(|roof| roof.1 / roofline.bandwidth);
    let x_of = || points.iter().map(|point| point.intensity).chain(ridges.clone());
    let ends = (x_of().fold(f64::INFINITY, f64::min) / ROOM, x_of().fold(0.0, f64::max) * ROOM);
    let lowest = points.iter().map(|point| point.rate).fold(ends.0 * roofline.bandwidth, f64::min) / 1.5;
    let x = decades("x", "operations per byte of memory", ",~r", ends);
    let y = decades("y", "operations per second", "~s", (lowest, top * 2.0));
    let mut workloads: Vec<&str> = Vec::new();
    points.iter().for_each(|point| {
        if !workloads.contains(&point.workload.as_str()) {
            workloads.push(&point.workload)
        }
    });
    let series = Series::new(workloads, None, "");
    let rows: Vec<Value> = points
        .iter()
        .map(|p| {
            json!({ "x": p.intensity, "y": p.rate, "share": p.share, "operator": p.operator, "workload": p.workload, "time": text::percent(p.share),
                "rate": format!("{}op/s", text::si(p.rate)), "intensity": format!("{} op/byte", text::three(p.intensity)) })
        })
        .collect();
    let tooltip = json!([
        line("operator", "operator"),
        line("workload", "workload"),
        line("time", "of the step's time"),
        line("rate", "reached"),
        line("intensity", "intensity")
    ]);
    let (lines, labels) = roofs(roofline, ends);
    let layers = vec![
        json!({ "data": { "values": lines }, "mark": { "type": "line", "color": "var(--faint)", "strokeWidth": 2 },
            "encoding": { "x": x, "y": y, "detail": { "field": "roof" }, "order": { "field": "x" } } }),
        json!({ "data": { "values": labels }, "mark": { "type": "text", "align": "right", "baseline": "bottom", "dy": -5 }, "encoding": { "x": x, "y": y, "text": { "field": "label" } } }),
        json!({ "data": { "values": rows }, "mark": { "type": "point", "filled": true, "opacity": 0.85, "stroke": "var(--card)", "strokeWidth": 0.8 },
            "encoding": { "x": x, "y": y, "color": series.colour("workload"), "shape": series.shape("workload"), "tooltip": tooltip,
                "size": { "field": "share", "type": "quantitative", "scale": { "domain": [0, 1], "range": [40, 900] }, "legend": null } } }),
    ];
    Some(chart("Roofline: operations per second against operations per byte, an operator a point", 380, layers))
}

/// Lines that rise with the memory's bandwidth and end flat, and a label for each.
fn roofs(roofline: &Roofline, (left, right): (f64, f64)) -> (Vec<Value>, Vec<Value>) {
    let (mut lines, mut labels) = (Vec::new(), Vec::new());
    for (name, rate) in roofline.roofs.iter().filter(|roof| roof.1.is_finite() && roof.1 > 0.0) {
        let ridge = (rate / roofline.bandwidth).clamp(left, right);
        let points = [(left, rate.min(roofline.bandwidth * left)), (ridge, *rate), (right, *rate)];
        lines.extend(points.map(|(x, y)| json!({ "roof": name, "x": x, "y": y })));
        labels.push(json!({ "label": format!("{name}: {}op/s", text::si(*rate)), "x": right, "y": rate }));
    }
    (lines, labels)
}
