//! Charts: Vega-Lite specifications made of an outcome.
//!
//! Colours are names of CSS variables (`var(--c1)`), so that the style sheet decides them; they are those of Okabe and Ito, which people of every kind of colour
//! vision tell apart, and a dash or a shape says the same a second time. A chart is a function from the outcome to a value, or to nothing where the outcome has
//! nothing to draw; the table [`ALL`] names them, and the template places them by name.
//!
//! Texts in a specification that begin with `@` are places that a choice on the page fills: `@x` is the field that the list `x` of that chart shows.

mod contenders;
mod designs;
mod frontier;
mod latency;
mod roofline;
mod series;
mod tornado;
mod waterfall;

use explore::outcome::Outcome;
use serde_json::{Map, Value, json};

pub use designs::{MEASURES, Measure};
pub use waterfall::step_names;

/// Makes a chart, or nothing where there is nothing to draw.
type Draw = fn(&Outcome) -> Option<Value>;

/// Every chart of the page by name.
pub const ALL: &[(&str, Draw)] = &[
    ("contenders", contenders::intervals),
    ("waterfall-ours", waterfall::ours),
    ("waterfall-rival", waterfall::rival),
    ("frontier", frontier::curves),
    ("designs", designs::scatter),
    ("roofline", roofline::roofline),
    ("tornado", tornado::swings),
    ("shares", tornado::shares),
    ("latency", latency::against_targets),
];

/// All charts that there are something to draw for, and the look that they share, as the page's script reads them.
pub fn all(outcome: &Outcome) -> Map<String, Value> {
    let drawn = ALL.iter().filter_map(|(name, draw)| draw(outcome).map(|chart| ((*name).to_owned(), chart)));
    drawn.collect()
}

/// What all charts share.
pub fn look() -> Value {
    json!({
        "background": null,
        "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
        "padding": 0,
        "view": { "stroke": null },
        "axis": {
            "labelColor": "var(--ink)", "titleColor": "var(--faint)", "gridColor": "var(--rule)", "domainColor": "var(--rule)", "tickColor": "var(--rule)",
            "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 8, "labelPadding": 6, "tickSize": 4, "labelSeparation": 8,
        },
        "axisY": { "titleAlign": "left", "titleAngle": 0, "titleAnchor": "end", "titleX": 0, "titleY": -10, "titleBaseline": "bottom" },
        "legend": { "labelColor": "var(--ink)", "titleColor": "var(--faint)", "labelFontSize": 12, "symbolStrokeWidth": 2, "symbolOpacity": 1,
            "symbolBaseFillColor": "var(--faint)", "symbolBaseStrokeColor": "var(--faint)", "layout": { "bottom": { "direction": "vertical", "anchor": "start" } }, "labelLimit": 260 },
        "text": { "color": "var(--ink)", "fontSize": 12 },
        "rule": { "color": "var(--faint)" },
    })
}

/// A chart as wide as its place and so many pixels high.
fn chart(description: &str, height: usize, layers: Vec<Value>) -> Value {
    json!({
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "description": description,
        "width": "container",
        "height": height,
        "autosize": { "type": "fit-x", "contains": "padding" },
        "layer": layers,
    })
}

/// An axis of names in the order given.
fn names(field: &str, order: &[&str], bold: Option<&str>) -> Value {
    let weight = bold.map(|name| {
        let name = Value::from(name);
        json!({ "condition": { "test": format!("datum.value === {name}"), "value": 700 }, "value": 400 })
    });
    json!({
        "field": field, "type": "nominal", "title": null, "sort": null, "scale": { "domain": order },
        "axis": { "domain": false, "ticks": false, "labelFontWeight": weight.unwrap_or_else(|| json!(400)), "labelLimit": 230 },
    })
}

/// An axis of numbers.
fn numbers(field: &str, title: &str, format: &str, scale: Value) -> Value {
    json!({ "field": field, "type": "quantitative", "title": title, "scale": scale, "axis": { "format": format, "tickCount": 6, "labelOverlap": true } })
}

/// A logarithmic axis with a line for each of `values`.
fn decades(field: &str, title: &str, format: &str, (low, high): (f64, f64)) -> Value {
    let scale = json!({ "type": "log", "domain": [low, high], "nice": false });
    json!({ "field": field, "type": "quantitative", "title": title, "scale": scale,
        "axis": { "format": format, "values": ticks(low, high), "labelOverlap": true } })
}

/// Ends of a logarithmic axis with a little room beside the values; nothing if a value is not above zero.
fn ends(values: impl Iterator<Item = f64> + Clone) -> Option<(f64, f64)> {
    let (low, high) = (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max));
    let room = (high / low).powf(0.05).max(1.05);
    (low > 0.0 && high.is_finite() && low.is_finite()).then_some((low / room, high * room))
}

/// Round numbers between the ends of a logarithmic axis: as few kinds of them as give four lines.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    const STEPS: [&[f64]; 5] = [
        &[1.0],
        &[1.0, 3.0],
        &[1.0, 2.0, 5.0],
        &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
        &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0],
    ];
    let powers = low.log10().floor() as i32..=high.log10().floor() as i32;
    let of = |steps: &[f64]| -> Vec<f64> {
        let all = powers
            .clone()
            .flat_map(|power| steps.iter().map(move |step| format!("{step}e{power}").parse().unwrap_or(f64::NAN)));
        all.filter(|tick| (low..=high).contains(tick)).collect()
    };
    STEPS.iter().map(|steps| of(steps)).find(|ticks| ticks.len() >= 4).unwrap_or_else(|| of(STEPS[4]))
}

/// A scale that begins at zero, with room for a label behind the longest bar.
fn from_zero(values: impl Iterator<Item = f64>) -> Value {
    let high = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
    json!({ "domain": [0.0, if high > 0.0 { high * 1.34 } else { 1.0 }], "nice": false })
}

/// A line of a tooltip.
fn line(field: &str, title: &str) -> Value {
    json!({ "field": field, "type": "nominal", "title": title })
}

/// A line of a tooltip with a number.
fn figure(field: &str, title: &str, format: &str) -> Value {
    json!({ "field": field, "type": "quantitative", "title": title, "format": format })
}

/// Finite numbers only: what a chart cannot place is left to the table.
fn finite(numbers: &[f64]) -> bool {
    numbers.iter().all(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_logarithmic_axis_are_round_and_few() {
        assert_eq!(ticks(0.9, 12_000.0), [1.0, 10.0, 100.0, 1_000.0, 10_000.0]);
        assert_eq!(ticks(0.12, 2.2), [0.2, 0.5, 1.0, 2.0]);
        assert_eq!(ticks(0.14, 0.31), [0.15, 0.2, 0.25, 0.3]);
        assert!(ticks(1.01, 1.02).is_empty());
    }

    #[test]
    fn an_axis_that_reaches_zero_is_not_logarithmic() {
        assert_eq!(ends([1.0, 0.0].into_iter()), None);
        assert_eq!(ends(std::iter::empty()), None);
        let (low, high) = ends([2.0, 2.0].into_iter()).unwrap();
        assert!(low < 2.0 && high > 2.0);
    }
}
