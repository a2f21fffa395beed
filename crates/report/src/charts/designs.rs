//! The designs of the search as points, on two measures that the reader chooses.

use explore::outcome::{Design, Outcome};
use serde_json::{Map, Value, json};

use super::{chart, ends, figure, line, ticks};

/// A measure of a design.
pub struct Measure {
    /// Field of the chart's rows.
    pub field: &'static str,
    /// For the list.
    pub name: &'static str,
    /// For the axis, with the unit.
    title: &'static str,
    /// For the tooltip.
    unit: &'static str,
    value: fn(&Design) -> f64,
}

const fn measure(
    field: &'static str,
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    value: fn(&Design) -> f64,
) -> Measure {
    Measure { field, name, title, unit, value }
}

/// What may stand on an axis; the first two are shown first.
pub const MEASURES: [Measure; 7] = [
    measure("interactivity", "interactivity", "tokens per second that a user sees", "tokens/s", |d| d.interactivity),
    measure("usd", "cost", "dollars per million tokens", "$/M tokens", |d| d.usd),
    measure("joules", "energy", "joules per token", "J/token", |d| d.joules),
    measure("capital", "capital", "dollars of capital per token a second", "$ s/token", |d| d.capital),
    measure("carbon", "carbon", "grams of CO2 equivalent per million tokens", "g CO2e/M tokens", |d| d.carbon),
    measure("area", "die area", "mm2 of die", "mm2", |d| d.area),
    measure("watts", "package power", "watts of a package", "W", |d| d.watts),
];

/// Kinds of points: name, colour, shape and size, least important first, so that the chosen one lies on top.
const KINDS: [(&str, &str, &str, u32); 3] = [
    ("dominated", "var(--faint)", "circle", 28),
    ("on the front", "var(--c1)", "circle", 60),
    ("chosen", "var(--ours)", "diamond", 260),
];

fn kind(design: &Design) -> usize {
    match (design.chosen, design.front) {
        (true, _) => 2,
        (_, true) => 1,
        _ => 0,
    }
}

/// Points with their kind; `@x` and `@y` are the fields that were chosen.
pub fn scatter(outcome: &Outcome) -> Option<Value> {
    let placed = |design: &&Design| MEASURES.iter().all(|measure| (measure.value)(design).is_finite());
    let mut shown: Vec<&Design> = outcome.designs.iter().filter(placed).collect();
    shown.sort_by_key(|design| kind(design));
    let choices: Map<String, Value> =
        MEASURES.iter().map(|measure| (measure.field.to_owned(), axis_of(measure, &shown))).collect();
    let rows: Vec<Value> = shown.iter().map(|design| row(design)).collect();
    let mut tooltip =
        vec![line("name", "design"), line("kind", "is"), figure("level", "latency targets, times the study's", "~r")];
    let told = |measure: &Measure| figure(measure.field, &format!("{}, {}", measure.name, measure.unit), ",.3~r");
    tooltip.extend(MEASURES.iter().map(told));
    let ranges = |pick: fn(&(&str, &str, &str, u32)) -> Value| KINDS.iter().map(pick).collect::<Vec<_>>();
    let by_kind = |range: Vec<Value>| {
        let domain = KINDS.map(|kind| kind.0);
        json!({ "field": "kind", "type": "nominal", "title": null, "scale": { "domain": domain, "range": range }, "legend": super::series::legend() })
    };
    let axis = |place: &str| {
        json!({ "field": place, "type": "quantitative", "title": format!("{place}.title"), "scale": format!("{place}.scale"),
            "axis": { "format": ",.3~r", "values": format!("{place}.values"), "labelOverlap": true } })
    };
    let sizes: Vec<Value> =
        KINDS.iter().map(|kind| json!({ "test": format!("datum.kind === '{}'", kind.0), "value": kind.3 })).collect();
    let layers = vec![json!({
        "mark": { "type": "point", "filled": true, "stroke": "var(--card)", "strokeWidth": 0.8 },
        "encoding": {
            "x": axis("@x"), "y": axis("@y"), "tooltip": tooltip,
            "color": by_kind(ranges(|kind| kind.1.into())), "shape": by_kind(ranges(|kind| kind.2.into())), "size": { "condition": sizes, "value": KINDS[0].3 },
            "opacity": { "condition": { "test": "datum.kind === 'dominated'", "value": 0.45 }, "value": 1 },
        }
    })];
    let mut spec = chart("Designs of the search on two measures, the front and the chosen one marked", 420, layers);
    spec["data"] = json!({ "values": rows });
    spec["usermeta"] = json!({ "choices": choices });
    (!shown.is_empty()).then_some(spec)
}

/// Title, scale and lines of a measure's axis: logarithmic, unless a design has none of it.
fn axis_of(measure: &Measure, shown: &[&Design]) -> Value {
    match ends(shown.iter().map(|design| (measure.value)(design))) {
        Some((low, high)) => {
            let scale = json!({ "type": "log", "domain": [low, high], "nice": false });
            json!({ "title": measure.title, "scale": scale, "values": ticks(low, high) })
        }
        None => json!({ "title": measure.title, "scale": { "zero": true } }),
    }
}

fn row(design: &Design) -> Value {
    let mut row = json!({ "name": design.name, "level": design.level, "kind": KINDS[kind(design)].0 });
    for measure in &MEASURES {
        // Five figures are more than a screen shows; all of them would double the page.
        row[measure.field] = json!(format!("{:.4e}", (measure.value)(design)).parse::<f64>().unwrap_or_default());
    }
    row
}
