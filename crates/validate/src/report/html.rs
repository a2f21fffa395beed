//! The report as one page that needs nothing but itself: tables, charts as SVG, the worst cases.

use super::{Line, Report, TOGETHER, Verdict, chart, reasons};
use crate::case::{Kind, Knowledge};
use askama::Template;

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    sections: Vec<Section>,
}

/// One kind of thing measured.
struct Section {
    name: &'static str,
    anchor: String,
    rows: Vec<Row>,
    panels: Vec<Panel>,
    worst: Vec<Worst>,
    why: Vec<Why>,
}

/// One line of a table, as text.
struct Row {
    device: String,
    regime: String,
    whole: bool,
    cases: u64,
    mean: String,
    median: String,
    bias: String,
    ninetieth: String,
    floor: String,
    coverage: String,
    coverage_mark: &'static str,
    target: String,
    mark: &'static str,
}

/// The charts of one device.
struct Panel {
    scatter: String,
    histogram: String,
}

/// Why rows miss.
struct Why {
    rows: String,
    text: String,
}

/// A case far off.
struct Worst {
    device: String,
    subject: String,
    predicted: String,
    measured: String,
    ratio: String,
}

fn percent(value: f64) -> String {
    format!("{:.1} %", 100.0 * value)
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Miss => "miss",
    }
}

impl Row {
    fn of(line: &Line) -> Row {
        let known = if line.calibrated { "" } else { ", never fitted" };
        Row {
            device: format!("{}{known}", line.device),
            regime: line.regime.clone().unwrap_or_default(),
            whole: line.regime.is_none(),
            cases: line.summary.cases,
            mean: percent(line.summary.mean),
            median: percent(line.summary.median),
            bias: format!("{:+.1} %", 100.0 * line.summary.bias),
            ninetieth: percent(line.summary.ninetieth),
            floor: line.summary.floor.map(percent).unwrap_or_default(),
            coverage: line.summary.coverage.map(percent).unwrap_or_default(),
            coverage_mark: line.coverage_verdict.map_or("", mark),
            target: format!("{:.0} %{}", 100.0 * line.target, if line.target_is_median { " (median)" } else { "" }),
            mark: mark(line.verdict),
        }
    }
}

fn section(report: &Report, lines: &[Line], kind: Kind) -> Section {
    let own: Vec<&Line> = lines.iter().filter(|line| line.kind == kind.name()).collect();
    let panel = |(device, knowledge, tally): (&str, Knowledge, _)| Panel {
        scatter: chart::scatter(kind, device, knowledge, tally),
        histogram: chart::histogram(device, knowledge, tally),
    };
    let whole = own.iter().filter(|line| line.regime.is_none() && line.device != TOGETHER);
    let worst = whole.flat_map(|line| {
        line.worst.iter().map(|kept| Worst {
            device: line.device.clone(),
            subject: kept.subject.clone(),
            predicted: chart::quantity(kept.predicted, kind),
            measured: chart::quantity(kept.measured, kind),
            ratio: format!("{:.2}", kept.predicted / kept.measured),
        })
    });
    Section {
        name: kind.name(),
        anchor: kind.name().replace(|c: char| !c.is_ascii_alphanumeric(), "-"),
        rows: own.iter().map(|line| Row::of(line)).collect(),
        panels: report.panels(kind).into_iter().map(panel).collect(),
        worst: worst.collect(),
        why: reasons::shared(own.iter().copied()).iter().map(|one| Why { rows: one.rows(), text: one.why() }).collect(),
    }
}

/// The page.
pub fn page(report: &Report) -> String {
    let lines = report.lines();
    let sections = report.kinds().into_iter().map(|kind| section(report, &lines, kind)).collect();
    // Writing into memory does not fail.
    Page { sections }.render().unwrap_or_default()
}
