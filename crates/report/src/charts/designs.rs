//! The designs of the search as points, on two measures that the reader chooses.

use explore::outcome::{Design, Outcome};
use serde_json::{Value, json};

use super::{chart, ends, figure, line, ticks};

/// A measure of a design.
pub struct Measure {
    /// Field of the chart's rows.
    pub field: &'static str,
    /// For the axis, with the unit.
    pub title: &'static str,
    /// For the list.
    pub name: &'static str,
    value: fn(&Design) -> f64,
}

/// What may stand on an axis; the first two are shown first.
pub const MEASURES: [Measure; 7] = [
    Measure {
        field: "interactivity",
        name: "interactivity",
        title: "tokens per second that a user sees",
        value: |d| d.interactivity,
    },
    Measure { field: "usd", name: "cost", title: "dollars per million tokens", value: |d| d.usd },
    Measure { field: "joules", name: "energy", title: "joules per token", value: |d| d.joules },
    Measure { field: "capital", name: "capital", title: "dollars of capital per token a second", value: |d| d.capital },
    Measure {
        field: "carbon",
        name: "carbon",
        title: "grams of CO2 equivalent per million tokens",
        value: |d| d.carbon,
    },
    Measure { field: "area", name: "die area", title: "mm2 of die", value: |d| d.area },
    Measure { field: "watts", name: "package power", title: "watts of a package", value: |d| d.watts },
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
    let places = |design: &&Design| {
        MEASURES.iter().all(|measure| (measure.value)(design) > 0.0 && (measure.value)(design).is_finite())
    };
    let mut shown: Vec<&Design> = outcome.designs.iter().filter(places).collect();
    shown.sort_by_key(|design| kind(design));
    let mut choices = serde_json::Map::new();
    for measure in &MEASURES {
        let (low, high) = ends(shown.iter().map(|design| (measure.value)(design)))?;
        let scale = json!({ "type": "log", "domain": [low, high], "nice": false });
        choices.insert(
            measure.field.to_owned(),
            json!({ "title": measure.title, "scale": scale, "values": ticks(low, high) }),
        );
    }
    let rows: Vec<Value> = shown.iter().map(|design| row(design)).collect();
    let mut tooltip = vec![line("name", "design"), line("kind", "is"), figure("level", "latency targets x", "~r")];
    tooltip.extend(MEASURES.iter().map(|measure| figure(measure.field, measure.title, ",.3~r")));
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

fn row(design: &Design) -> Value {
    let mut row = json!({ "name": design.name, "level": design.level, "kind": KINDS[kind(design)].0 });
    for measure in &MEASURES {
        // Five figures are more than a screen shows; all of them would double the page.
        row[measure.field] = json!(format!("{:.4e}", (measure.value)(design)).parse::<f64>().unwrap_or_default());
    }
    row
}
