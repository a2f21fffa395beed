//! Latencies over their targets, of our chip and the best rival: left of one is met.

use explore::outcome::{Contender, Outcome, Workload};
use serde_json::{Value, json};

use super::series::legend;
use super::{chart, decades, ends, finite, line, names};
use crate::text;

/// Which latency: name, shape.
const KINDS: [(&str, &str); 2] = [("first token", "circle"), ("per further token", "triangle-up")];

/// A mark for each latency of each workload; filled where traffic was simulated, hollow where the closed form stands alone.
pub fn against_targets(outcome: &Outcome) -> Option<Value> {
    let shown: Vec<&Contender> = text::ours(outcome).into_iter().chain(text::rival(outcome)).collect();
    let rows: Vec<Value> = shown.iter().flat_map(|contender| marks(outcome, contender)).collect();
    let values = || rows.iter().filter_map(|row| row["x"].as_f64());
    let (low, high) = ends(values().chain([1.0]))?;
    let order: Vec<&str> = outcome.asked.workloads.iter().map(|workload| workload.name.as_str()).collect();
    let devices: Vec<&str> = shown.iter().map(|contender| contender.name.as_str()).collect();
    let colours: Vec<&str> =
        shown.iter().map(|contender| if contender.ours { "var(--ours)" } else { "var(--c1)" }).collect();
    let x = decades("x", "latency over its target", "~r", (low, high));
    let tooltip = json!([
        line("device", "device"),
        line("workload", "workload"),
        line("kind", "latency"),
        line("took", "is"),
        line("target", "target"),
        line("by", "by")
    ]);
    let encoding = json!({
        "x": x, "y": names("workload", &order, None), "yOffset": { "field": "device", "scale": { "domain": devices } }, "tooltip": tooltip,
        "color": { "field": "device", "type": "nominal", "title": null, "scale": { "domain": devices, "range": colours }, "legend": legend() },
        "shape": { "field": "kind", "type": "nominal", "title": null, "scale": { "domain": KINDS.map(|kind| kind.0), "range": KINDS.map(|kind| kind.1) }, "legend": legend() },
    });
    let limit = json!([{ "at": 1.0, "label": "target" }]);
    let at = json!({ "field": "at", "type": "quantitative" });
    let layers = vec![
        json!({ "data": { "values": limit }, "mark": { "type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.5 }, "encoding": { "x": at } }),
        json!({ "data": { "values": limit }, "mark": { "type": "text", "baseline": "bottom", "dy": -4, "color": "var(--faint)" }, "encoding": { "x": at, "y": { "value": 0 }, "text": { "field": "label" } } }),
        json!({ "data": { "values": rows }, "transform": [{ "filter": "!datum.simulated" }], "mark": { "type": "point", "size": 70, "strokeWidth": 1.6 }, "encoding": encoding }),
        json!({ "data": { "values": rows }, "transform": [{ "filter": "datum.simulated" }], "mark": { "type": "point", "size": 80, "filled": true }, "encoding": encoding }),
    ];
    (!rows.is_empty())
        .then(|| chart("Latencies over their targets, of our chip and the best rival", 34 * order.len(), layers))
}

fn marks(outcome: &Outcome, contender: &Contender) -> Vec<Value> {
    let target = |name: &str| outcome.asked.workloads.iter().find(|workload| workload.name == name);
    let pairs = contender.deployments.iter().filter_map(|deployment| Some((deployment, target(&deployment.workload)?)));
    let rows = pairs.flat_map(|(deployment, workload): (_, &Workload)| {
        let simulated = deployment.simulated.as_ref();
        let took = simulated.map_or([deployment.ttft, deployment.tpot], |run| [run.ttft, run.tpot]);
        let by = simulated.map_or("closed form".to_owned(), |run| format!("{} simulated requests", text::count(run.requests)));
        let row = move |((kind, _), (took, target)): (&(&str, &str), (f64, f64))| {
            json!({ "device": contender.name, "workload": workload.name, "kind": kind, "x": took / target, "took": text::seconds(took), "target": text::seconds(target),
                "by": by, "simulated": simulated.is_some() })
        };
        KINDS.iter().zip(took.into_iter().zip([workload.ttft, workload.tpot])).map(row).collect::<Vec<_>>()
    });
    rows.filter(|row| row["x"].as_f64().is_some_and(|x| finite(&[x]) && x > 0.0)).collect()
}
