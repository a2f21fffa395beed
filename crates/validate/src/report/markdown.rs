//! The report as a chapter of the documentation.

use super::reasons::{self, Shared};
use super::{Line, Report, Verdict};
use crate::public::{Kind, Public, summary};

/// The head of every table.
const HEAD: &str = "| device | regime | cases | mean | median | bias | floor | in 90 % | target | |\n|---|---|--:|--:|--:|--:|--:|--:|--:|---|\n";

fn percent(value: f64) -> String {
    format!("{:.1} %", 100.0 * value)
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Miss => "**miss**",
    }
}

fn row(line: &Line) -> String {
    let summary = &line.summary;
    let cells = [
        format!("{}{}", line.device, if line.calibrated { "" } else { " (never fitted)" }),
        line.regime.clone().unwrap_or_default(),
        summary.cases.to_string(),
        percent(summary.mean),
        percent(summary.median),
        format!("{:+.1} %", 100.0 * summary.bias),
        summary.floor.map(percent).unwrap_or_default(),
        summary.coverage.map(percent).unwrap_or_default(),
        format!("{:.0} %{}", 100.0 * line.target, if line.target_is_median { " median" } else { "" }),
        mark(line.verdict).to_string(),
    ];
    format!("| {} |\n", cells.join(" | "))
}

/// Why lines miss: one point per reason.
fn why<'a>(lines: impl Iterator<Item = &'a Line>) -> String {
    let point = |group: &Shared| format!("- *{}*: {}\n", group.rows(), group.why());
    let points: String = reasons::shared(lines).iter().map(point).collect();
    if points.is_empty() { points } else { format!("Why targets are missed:\n\n{points}\n") }
}

/// A table per kind, with the reasons of what misses.
pub fn tables(report: &Report) -> String {
    let lines = report.lines();
    let mut text = String::new();
    for kind in report.kinds() {
        text += &format!("### {}\n\n{HEAD}", kind.name());
        let own = || lines.iter().filter(|line| line.kind == kind.name());
        own().for_each(|line| text += &row(line));
        text += "\n";
        text += &why(own());
    }
    text
}

/// Public figures as tables, one per kind; `figures` writes a number.
pub fn public(rows: &[Public], figures: impl Fn(f64) -> String) -> String {
    let row = |row: &Public| {
        let cells = [
            row.id.clone(),
            figures(row.published),
            figures(row.computed),
            format!("{:+.1} %", 100.0 * row.deviation()),
            row.unit.clone(),
            row.label.into(),
            row.detail.clone().unwrap_or_default(),
            row.verdict().map_or("", mark).into(),
        ];
        format!("| {} |\n", cells.join(" | "))
    };
    let table = |kind: Kind| {
        let own: String = rows.iter().filter(|one| one.kind == kind).map(row).collect();
        let head = "| case | published | computed | off | unit | kind | | |\n|---|--:|--:|--:|---|---|---|---|\n";
        format!("### {}\n\n{}.\n\n{head}{own}\n", kind.name(), summary(rows, kind))
    };
    Kind::ALL.into_iter().filter(|kind| rows.iter().any(|row| row.kind == *kind)).map(table).collect()
}

/// The marks between which a chapter holds its tables; what stands around them is kept.
const MARKS: (&str, &str) = ("<!-- tables: puce validate --markdown -->", "<!-- end of tables -->");

/// A chapter with its tables renewed, measured sets first, then what [`public`] made. Text around the marks stays; a text without marks gets them at its end.
pub fn chapter(text: &str, report: &Report, public: &str) -> String {
    let (before, after) = match text.split_once(MARKS.0) {
        None => (text, "\n"),
        Some((before, rest)) => (before, rest.split_once(MARKS.1).map_or("\n", |(_, after)| after)),
    };
    format!("{before}{}\n\n{}{public}{}{after}", MARKS.0, tables(report), MARKS.1)
}
