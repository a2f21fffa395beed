//! What a token costs, against how fast each user gets them: a curve for every device.

use explore::outcome::{Contender, FrontierPoint, Outcome};
use serde_json::{Value, json};

use super::series::Series;
use super::{chart, decades, ends, finite, line};
use crate::text;

/// Rivals with a colour of their own, cheapest first; the others share one.
const LEADERS: usize = 8;
const OTHERS: &str = "other devices";

/// Curves on logarithmic axes; the point at the study's own targets is filled.
pub fn curves(outcome: &Outcome) -> Option<Value> {
    let drawn = |contender: &&Contender| placed(contender).next().is_some();
    let rivals: Vec<&Contender> = outcome.contenders.iter().filter(|other| !other.ours).filter(drawn).collect();
    let (leaders, others) = rivals.split_at(rivals.len().min(LEADERS));
    let ours = text::ours(outcome).filter(drawn);
    let legend = ours.iter().chain(leaders).map(|contender| contender.name.as_str());
    let names: Vec<&str> = legend.chain((!others.is_empty()).then_some(OTHERS)).collect();
    let series = Series::new(names, ours.map(|ours| ours.name.as_str()), OTHERS);
    // What comes later lies on top.
    let of_others = others.iter().map(|contender| (OTHERS, *contender));
    let of_leaders = leaders.iter().rev().copied().chain(ours).map(|contender| (contender.name.as_str(), contender));
    let order: Vec<(&str, &Contender)> = of_others.chain(of_leaders).collect();
    let rows: Vec<Value> =
        order.iter().flat_map(|(name, contender)| placed(contender).map(|point| row(name, contender, point))).collect();
    let points = || order.iter().flat_map(|(_, contender)| placed(contender));
    let x = decades("x", "tokens per second that a user sees", "~r", ends(points().map(|point| point.interactivity))?);
    let y = decades("y", "dollars per million tokens", "$~r", ends(points().map(|point| point.usd))?);
    let tooltip = json!([
        line("device", "device"),
        line("cost", "a million tokens"),
        line("speed", "a user sees"),
        line("energy", "energy"),
        line("level", "latency targets")
    ]);
    let lit = json!({ "condition": { "param": "chosen", "value": 1 }, "value": 0.12 });
    let marks = |which: &str, mark: Value| {
        json!({ "transform": [{ "filter": which }], "mark": mark,
            "encoding": { "x": x, "y": y, "color": series.colour("series"), "shape": series.shape("series"), "opacity": lit, "tooltip": tooltip } })
    };
    let other = format!("datum.series === '{OTHERS}'");
    let layers = vec![
        json!({
            "params": [{ "name": "chosen", "select": { "type": "point", "fields": ["series"] }, "bind": "legend" }],
            "mark": { "type": "line", "interpolate": "monotone" },
            "encoding": { "x": x, "y": y, "color": series.colour("series"), "strokeDash": series.dash("series"), "opacity": lit, "detail": { "field": "device" },
                "strokeWidth": { "condition": [{ "test": "datum.ours", "value": 3.5 }, { "test": other, "value": 1 }], "value": 1.8 } }
        }),
        marks("!datum.asked", json!({ "type": "point", "strokeWidth": 1.6, "size": 45, "fill": "var(--card)" })),
        marks("datum.asked", json!({ "type": "point", "filled": true, "size": 130 })),
    ];
    let mut spec = chart(
        "Dollars per million tokens against tokens per second that a user sees, a curve for every device",
        400,
        layers,
    );
    spec["data"] = json!({ "values": rows });
    Some(spec)
}

/// Points that logarithmic axes can place.
fn placed(contender: &Contender) -> impl Iterator<Item = &FrontierPoint> + Clone {
    let fits = |point: &&FrontierPoint| {
        finite(&[point.interactivity, point.usd]) && point.interactivity > 0.0 && point.usd > 0.0
    };
    contender.frontier.iter().filter(fits)
}

fn row(series: &str, contender: &Contender, point: &FrontierPoint) -> Value {
    json!({ "series": series, "device": contender.name, "x": point.interactivity, "y": point.usd, "asked": point.level == 1.0, "ours": contender.ours,
        "cost": text::usd(point.usd), "speed": format!("{} tokens/s", text::three(point.interactivity)),
        "energy": format!("{} J/token", text::three(point.joules)), "level": format!("{} x the study's", text::short(point.level)) })
}
