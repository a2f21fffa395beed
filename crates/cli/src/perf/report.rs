//! One network on one device, operator by operator.

use super::case::Case;
use super::{Ask, phases};
use crate::failure::Result;
use crate::ui::{self, Align, Sheet};
use ::perf::estimate::Bound;
use ::perf::evaluate::{Breakdown, Lever, Resource, Row, Step, levers};
use ::perf::interval::{COVERAGE, Factors, Intervals};
use ::perf::operator::Phase;
use ::perf::power;
use base::units::{Joules, Watts};
use serde_json::{Value, json};

/// Rows with less of the time than this are one line together.
const SMALL: f64 = 0.005;
/// A lever that gives less than this is not worth its words.
const WEAK: f64 = 1.02;
/// All bounds, in the order of [`Step::waits`].
const BOUNDS: [Bound; 5] = [Bound::Arithmetic, Bound::Memory, Bound::OnChip, Bound::Link, Bound::Overhead];

/// Prints the report.
pub fn run(ask: &Ask, case: &Case) -> Result {
    if ask.json {
        return ui::json(&json(ask, case));
    }
    let mut text = heading(case);
    for phase in phases(ask.phase) {
        text += &format!("\n{}", section(case, phase));
    }
    ui::print(&text)
}

/// `840 us`, `5.32 ms`, `12.3 s`.
pub fn time(seconds: f64) -> String {
    if seconds < 1e-3 {
        format!("{:.3} us", Figures(seconds * 1e6))
    } else if seconds < 1.0 {
        format!("{:.3} ms", Figures(seconds * 1e3))
    } else {
        format!("{:.3} s", Figures(seconds))
    }
}

/// A number in so many significant figures.
struct Figures(f64);

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let figures = f.precision().unwrap_or(3) as i32;
        let before = if self.0 >= 1.0 { self.0.log10().floor() as i32 + 1 } else { 1 };
        write!(f, "{:.*}", (figures - before).max(0) as usize, self.0)
    }
}

/// A share as `12.3 %`.
pub fn share(part: f64) -> String {
    format!("{:.1} %", 100.0 * part)
}

/// Bytes that are no whole number.
pub fn bytes(bytes: f64) -> String {
    ui::bytes(bytes.max(0.0) as u64)
}

fn heading(case: &Case) -> String {
    let mut sheet = Sheet::new();
    let (shape, mapping) = (case.plan.shape(), case.plan.mapping());
    let (all, active) = (shape.parameters(), shape.active_parameters());
    let active =
        if active < 0.99 * all { format!(", {} of them for each token", ui::large(active)) } else { String::new() };
    let layers = ui::plural(shape.layer_count() as usize, "layer");
    sheet.row(
        "network",
        format!("{}: {layers}, {} weights{active}", ui::styled(ui::STRONG, &case.title), ui::large(all)),
    );
    let how = if case.chosen { " (chosen: the fewest that hold it)" } else { "" };
    let devices = case.devices();
    let division = if devices > 1 { format!(", {mapping}{how}") } else { String::new() };
    sheet.row("device", format!("{devices} x {}{division}", case.device.name));
    sheet.row("formats", case.plan.formats());
    let memory = case.memory;
    let [weights, cache, activations, reserve] =
        [memory.weights, memory.cache, memory.activations, memory.reserve].map(bytes);
    let held = format!("{weights} of weights, {cache} of cache, {activations} of activations, {reserve} in reserve");
    sheet.row("memory", format!("{held}; {} of {}", bytes(memory.total()), bytes(memory.capacity.as_f64())));
    sheet.text()
}

fn section(case: &Case, phase: Phase) -> String {
    let breakdown = case.breakdown(phase);
    let work = case.work(phase);
    let title = match phase {
        Phase::Prefill => format!(
            "prefill: {} of {} positions",
            ui::plural(work.sequences as usize, "prompt"),
            ui::count(work.queries)
        ),
        Phase::Decode => format!(
            "decode: a token of {} after {} positions",
            ui::plural(work.sequences as usize, "sequence"),
            ui::count(work.past)
        ),
    };
    format!("{}\n{}\n{}", ui::styled(ui::STRONG, title), rows(&breakdown), totals(case, phase, &breakdown))
}

fn rows(breakdown: &Breakdown) -> String {
    let whole: f64 = breakdown.rows.iter().map(|row| row.time().0).sum();
    let mut sorted: Vec<&Row> = breakdown.rows.iter().collect();
    sorted.sort_by(|a, b| b.time().0.total_cmp(&a.time().0));
    let (large, small): (Vec<&Row>, Vec<&Row>) = sorted.into_iter().partition(|row| row.time().0 >= SMALL * whole);
    let mut lines: Vec<Vec<String>> = large.iter().map(|row| line(row, whole)).collect();
    if !small.is_empty() {
        lines.push(others(&small, whole));
    }
    let (left, right) = (Align::Left, Align::Right);
    let head = [
        ("operator", left),
        ("runs", right),
        ("time", right),
        ("share", right),
        ("bound", left),
        ("ops", right),
        ("bytes", right),
        ("peak", right),
    ];
    ui::table(&head, &lines)
}

fn line(row: &Row, whole: f64) -> Vec<String> {
    let counted = row.counted();
    let exchanged = counted.exchanged_bytes();
    vec![
        shortened(row.label),
        format!("{}", Figures(row.count)),
        time(row.time().0),
        share(row.time().0 / whole),
        row.bound.name().into(),
        amount(counted.operations()),
        if exchanged > 0.0 { bytes(exchanged) } else { bytes(counted.memory_bytes()) },
        row.achieved.map_or_else(|| "-".into(), |part| format!("{:.0} %", 100.0 * part)),
    ]
}

/// Longest label that leaves a terminal's 80 columns to the others.
const LABEL: usize = 21;

/// Labels are longer in a few networks only; the JSON form has them whole.
fn shortened(label: &str) -> String {
    match label.char_indices().nth(LABEL) {
        None => label.into(),
        Some(_) => label.chars().take(LABEL - 1).chain(['\u{2026}']).collect(),
    }
}

fn amount(operations: f64) -> String {
    if operations > 0.0 { ui::large(operations) } else { "-".into() }
}

fn others(rows: &[&Row], whole: f64) -> Vec<String> {
    let sum = |of: &dyn Fn(&Row) -> f64| rows.iter().map(|row| of(row)).sum::<f64>();
    let spent = sum(&|row| row.time().0);
    vec![
        ui::styled(ui::FAINT, ui::plural(rows.len(), "other")),
        String::new(),
        time(spent),
        share(spent / whole),
        "-".into(),
        amount(sum(&|row| row.counted().operations())),
        bytes(sum(&|row| row.counted().memory_bytes())),
        "-".into(),
    ]
}

fn totals(case: &Case, phase: Phase, breakdown: &Breakdown) -> String {
    let step = &breakdown.step;
    let mut sheet = Sheet::new();
    let total = step.time.0;
    let (low, high) = interval(case, breakdown);
    let confidence = format!("{:.0} %", 100.0 * COVERAGE);
    sheet.row(
        "step",
        format!("{}; {confidence} interval {} to {}", ui::styled(ui::STRONG, time(total)), time(low), time(high)),
    );
    let devices = case.devices();
    match phase {
        Phase::Decode => {
            let all = case.batch as f64 / total;
            let (user, each) = (1.0 / total, all / devices as f64);
            sheet.row(
                "rate",
                format!("{:.3} tokens/s per user, {} in all, {} per device", Figures(user), rate(all), rate(each)),
            );
        }
        Phase::Prefill => {
            let all = case.work(phase).tokens() as f64 / total;
            sheet.row("rate", format!("{} tokens/s in all, {} per device", rate(all), rate(all / devices as f64)));
        }
    }
    let (power, per_token) = energy(case, phase, step);
    sheet.row("power", format!("{power} per device, {per_token} per token of all devices"));
    sheet.row("spent on", spent(step));
    sheet.row("waits for", waits(step));
    sheet.row("next lever", next(&levers(&case.plan, &[case.work(phase)], &case.device, &case.software)));
    sheet.text()
}

/// From where to where nine of ten measurements of such a step would fall: operators as uncertain as their kinds, all else as it is.
fn interval(case: &Case, breakdown: &Breakdown) -> (f64, f64) {
    let measured = case.device.silicon.as_ref().unwrap_or(&case.device.key);
    let parts = breakdown.rows.iter().map(|row| (&row.operator, row.time()));
    let Factors { low, high } = Intervals::embedded().sum(parts, measured);
    let (total, host) = (breakdown.step.time.0, breakdown.step.host.0);
    let uncertain = total - host;
    (host + uncertain * low, host + uncertain * high)
}

/// Power of one device, and energy of all for one token.
fn energy(case: &Case, phase: Phase, step: &Step) -> (Watts, Joules) {
    let power = power::power(step, &case.device, case.plan.formats().activations);
    let all = power * step.time * case.devices() as f64;
    (power, all / case.work(phase).tokens() as f64)
}

fn rate(tokens: f64) -> String {
    if tokens < 10_000.0 { format!("{:.3}", Figures(tokens)) } else { ui::count(tokens as u64) }
}

fn spent(step: &Step) -> String {
    let parts = [
        ("operators", step.compute.0),
        ("exchanges", step.exchange.0 - step.hidden.0),
        ("pipeline bubbles", step.bubble.0.max(0.0)),
        ("the host", step.host.0),
    ];
    named(&parts, step.time.0)
}

fn waits(step: &Step) -> String {
    let parts: Vec<(&str, f64)> = BOUNDS.iter().zip(step.waits).map(|(bound, time)| (bound.name(), time.0)).collect();
    named(&parts, parts.iter().map(|part| part.1).sum())
}

/// Parts of a whole with their shares, largest first.
fn named(parts: &[(&str, f64)], whole: f64) -> String {
    let mut parts: Vec<_> = parts.iter().filter(|part| part.1 > 0.0005 * whole).collect();
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    parts.iter().map(|(name, part)| format!("{name} {}", share(part / whole))).collect::<Vec<_>>().join(", ")
}

fn next(levers: &[Lever]) -> String {
    let worth: Vec<String> = levers
        .iter()
        .filter(|lever| lever.speedup >= WEAK)
        .map(|Lever { resource, speedup }| format!("{} {speedup:.2}x", twice(*resource)))
        .collect();
    if worth.is_empty() { "nothing alone".into() } else { worth.join(", ") }
}

fn twice(resource: Resource) -> String {
    match resource {
        Resource::Overhead | Resource::Host => format!("half of {}", resource.name()),
        _ => format!("twice the {}", resource.name()),
    }
}

/// The report as JSON.
pub fn json(ask: &Ask, case: &Case) -> Value {
    let mapping = case.plan.mapping();
    let memory = case.memory;
    let sections: Vec<Value> = phases(ask.phase).into_iter().map(|phase| section_json(case, phase)).collect();
    json!({
        "model": case.title,
        "device": case.device.key,
        "devices": case.devices(),
        "mapping": { "tensor": mapping.tensor, "pipeline": mapping.pipeline, "expert": mapping.expert, "data": mapping.data, "context": mapping.context },
        "formats": case.plan.formats().to_string(),
        "batch": case.batch,
        "context": case.context,
        "memory_bytes": { "weights": memory.weights, "cache": memory.cache, "activations": memory.activations, "reserve": memory.reserve,
            "total": memory.total(), "capacity": memory.capacity.0 },
        "phases": sections,
    })
}

fn section_json(case: &Case, phase: Phase) -> Value {
    let breakdown = case.breakdown(phase);
    let (low, high) = interval(case, &breakdown);
    let Breakdown { step, rows } = breakdown;
    let work = case.work(phase);
    let (power, per_token) = energy(case, phase, &step);
    let waits: serde_json::Map<String, Value> =
        BOUNDS.iter().zip(step.waits).map(|(bound, time)| (bound.name().to_string(), json!(time.0))).collect();
    let levers = levers(&case.plan, &[work], &case.device, &case.software);
    let levers: Vec<Value> =
        levers.iter().map(|lever| json!({ "twice": lever.resource.name(), "speedup": lever.speedup })).collect();
    let operators: Vec<Value> = rows.iter().map(row_json).collect();
    json!({
        "phase": if phase == Phase::Prefill { "prefill" } else { "decode" },
        "tokens": work.tokens(),
        "seconds": step.time.0,
        "seconds_low": low,
        "seconds_high": high,
        "tokens_per_second": work.tokens() as f64 / step.time.0,
        "tokens_per_second_per_device": work.tokens() as f64 / step.time.0 / case.devices() as f64,
        "watts_per_device": power.0,
        "joules_per_token": per_token.0,
        "compute_seconds": step.compute.0,
        "exchange_seconds": step.exchange.0,
        "hidden_seconds": step.hidden.0,
        "bubble_seconds": step.bubble.0,
        "host_seconds": step.host.0,
        "operations": step.operations,
        "memory_bytes": step.memory_bytes,
        "waits_seconds": waits,
        "levers": levers,
        "operators": operators,
    })
}

fn row_json(row: &Row) -> Value {
    let counted = row.counted();
    json!({
        "operator": row.label,
        "count": row.count,
        "seconds": row.time().0,
        "bound": row.bound.name(),
        "operations": counted.operations(),
        "memory_bytes": counted.memory_bytes(),
        "exchanged_bytes": counted.exchanged_bytes(),
        "reached": row.achieved,
    })
}
