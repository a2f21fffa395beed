//! Every case as a line of a CSV table, for whoever wants to look for reasons.

use super::Report;
use crate::case::{Case, Knowledge};
use serde::Serialize;
use std::io::Write;

/// A line of the table; times in seconds, power as a fraction of the limit.
#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    device: &'a str,
    fitted: bool,
    /// The rows of the report that it counts under, between bars.
    regimes: String,
    subject: String,
    predicted: f64,
    measured: f64,
    /// Ends of the interval in which nine of ten measurements should lie.
    low: Option<f64>,
    high: Option<f64>,
    /// Least and greatest of several measurements.
    least: Option<f64>,
    greatest: Option<f64>,
}

impl<'a> Line<'a> {
    fn of(case: &'a Case) -> Line<'a> {
        let regimes: Vec<&str> = std::iter::once(&case.regime).chain(&case.also).map(AsRef::as_ref).collect();
        Line {
            kind: case.kind.name(),
            device: &case.device,
            fitted: case.knowledge == Knowledge::Calibrated,
            regimes: regimes.join("|"),
            subject: case.subject.to_string(),
            predicted: case.predicted,
            measured: case.measured,
            low: case.interval.map(|interval| interval.low),
            high: case.interval.map(|interval| interval.high),
            least: case.spread.map(|(least, _)| least),
            greatest: case.spread.map(|(_, greatest)| greatest),
        }
    }
}

/// Writes the cases that a report keeps, a head line first.
///
/// # Errors
/// Of the writer.
pub fn write(report: &Report, to: impl Write) -> Result<(), csv::Error> {
    let mut table = csv::Writer::from_writer(to);
    for case in report.cases() {
        table.serialize(Line::of(case))?;
    }
    Ok(table.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Kind, Subject};

    #[test]
    fn a_line_reads_back_with_its_figures_and_its_rows() {
        let mut report = Report::keeping();
        report.add(&Case {
            kind: Kind::ServingTpot,
            subject: Subject::Named("p1 \"net\", 4 in flight".into()),
            device: "h100".into(),
            regime: "vllm agg".into(),
            also: vec!["net".into()],
            knowledge: Knowledge::Calibrated,
            predicted: 0.012,
            measured: 0.010,
            spread: Some((0.009, 0.011)),
            interval: None,
        });
        let mut text = Vec::new();
        write(&report, &mut text).unwrap();
        let mut table = csv::Reader::from_reader(text.as_slice());
        let line: Vec<String> = table.records().next().unwrap().unwrap().iter().map(str::to_string).collect();
        let expected = ["serving points: TPOT", "h100", "true", "vllm agg|net", "p1 \"net\", 4 in flight"];
        assert_eq!(line[..5], expected);
        assert_eq!(line[5..], ["0.012", "0.01", "", "", "0.009", "0.011"]);
    }

    #[test]
    fn a_report_that_keeps_nothing_has_no_cases() {
        let mut text = Vec::new();
        write(&Report::default(), &mut text).unwrap();
        assert!(text.is_empty());
    }
}
