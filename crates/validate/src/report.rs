//! What all cases together say: one line per kind, device and regime, with its target beside it.
//!
//! A [`Report`] takes cases one by one and holds them all only where it is told to ([`Report::keeping`]). It is a value: the terminal, the page
//! ([`html`]), the chapter ([`markdown`]) and JSON are four ways to look at the same lines, and a table ([`cases`]) has what they were made of.

pub mod cases;
pub mod chart;
pub mod html;
pub mod markdown;
pub mod reasons;

use crate::case::{Case, Kind, Knowledge};
use crate::statistics::{Group, Kept, Summary, Tally};
use crate::target::{Average, Target, coverage};
use serde::Serialize;
use std::collections::BTreeMap;

/// The name under which all devices of one knowledge are counted together.
pub const TOGETHER: &str = "together";

/// Every group of cases.
#[derive(Clone, Debug, Default)]
pub struct Report {
    groups: BTreeMap<Group, Tally>,
    cases: Option<Vec<Case>>,
}

/// Whether a bound was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It was.
    Pass,
    /// It was not.
    Miss,
}

impl Verdict {
    fn of(kept: bool) -> Verdict {
        if kept { Verdict::Pass } else { Verdict::Miss }
    }
}

/// One line: a group, its figures, and what was wanted.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Kind of thing measured.
    pub kind: &'static str,
    /// Key of the device, or [`TOGETHER`].
    pub device: String,
    /// Whether parameters were fitted on other measurements of the device.
    pub calibrated: bool,
    /// Part of the range; absent: all of it.
    pub regime: Option<String>,
    /// The figures.
    #[serde(flatten)]
    pub summary: Summary,
    /// The error that it should not exceed.
    pub target: f64,
    /// Whether the target is about the median and not the mean.
    pub target_is_median: bool,
    /// Whether the error is within the target.
    pub verdict: Verdict,
    /// Whether the intervals hold as many measurements as they should; absent without intervals.
    pub coverage_verdict: Option<Verdict>,
    /// Why the target is missed, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    /// The worst cases.
    pub worst: Vec<Kept>,
}

impl Line {
    /// The error that the target is about.
    pub fn judged(&self) -> f64 {
        if self.target_is_median { self.summary.median } else { self.summary.mean }
    }
}

impl Report {
    /// A report that keeps every case: some 170,000 of all sets.
    pub fn keeping() -> Report {
        Report { cases: Some(Vec::new()), ..Report::default() }
    }

    /// Every case in the order of its coming; none unless the report keeps them.
    pub fn cases(&self) -> &[Case] {
        self.cases.as_deref().unwrap_or_default()
    }

    /// Adds a case to every group that it belongs to.
    pub fn add(&mut self, case: &Case) {
        if let Some(cases) = &mut self.cases {
            cases.push(case.clone());
        }
        let regimes = std::iter::once(&case.regime).chain(&case.also).map(|regime| Some(regime.as_ref()));
        for regime in regimes.chain([None]) {
            self.group(case, &case.device, regime).add(case);
        }
        self.group(case, TOGETHER, None).add(case);
    }

    fn group(&mut self, case: &Case, device: &str, regime: Option<&str>) -> &mut Tally {
        let group = Group {
            kind: case.kind,
            knowledge: case.knowledge,
            device: device.to_string(),
            regime: regime.map(str::to_string),
        };
        self.groups.entry(group).or_default()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The lines: kinds in their order; in each, calibrated devices first; a device's whole before its regimes. Devices together only where there are two.
    pub fn lines(&self) -> Vec<Line> {
        let shown = |group: &&Group| group.device != TOGETHER || self.devices(group.kind, group.knowledge).len() > 1;
        self.groups.keys().filter(shown).filter_map(|group| self.line(group)).collect()
    }

    fn line(&self, group: &Group) -> Option<Line> {
        let tally = &self.groups[group];
        let summary = tally.summary()?;
        let target = Target::of(group.kind);
        let bound = target.bound(&group.device, group.knowledge);
        let target_is_median = target.average == Average::Median;
        let judged = if target_is_median { summary.median } else { summary.mean };
        let (least, most) = coverage(group.knowledge);
        let mut line = Line {
            kind: group.kind.name(),
            device: group.device.clone(),
            calibrated: group.knowledge == Knowledge::Calibrated,
            regime: group.regime.clone(),
            summary,
            target: bound,
            target_is_median,
            verdict: Verdict::of(judged <= bound),
            coverage_verdict: summary.coverage.map(|share| Verdict::of((least..=most).contains(&share))),
            why: None,
            worst: tally.worst().to_vec(),
        };
        line.why = reasons::of(&line).map(|reason| reason.why.as_str());
        Some(line)
    }

    /// Kinds of which there are cases, in order.
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = self.groups.keys().map(|group| group.kind).collect();
        kinds.dedup();
        kinds
    }

    /// Devices of a kind.
    fn devices(&self, kind: Kind, knowledge: Knowledge) -> Vec<&str> {
        let of = |group: &&Group| {
            group.kind == kind && group.knowledge == knowledge && group.regime.is_none() && group.device != TOGETHER
        };
        self.groups.keys().filter(of).map(|group| group.device.as_str()).collect()
    }

    /// The cases of each device of a kind, calibrated first.
    pub fn panels(&self, kind: Kind) -> Vec<(&str, Knowledge, &Tally)> {
        let of =
            |(group, _): &(&Group, &Tally)| group.kind == kind && group.regime.is_none() && group.device != TOGETHER;
        let panel = |(group, tally)| -> (&str, Knowledge, &Tally) {
            let group: &Group = group;
            (group.device.as_str(), group.knowledge, tally)
        };
        self.groups.iter().filter(of).map(panel).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Subject;

    fn case(device: &str, regime: &str, knowledge: Knowledge, predicted: f64) -> Case {
        Case {
            subject: Subject::Named("one".into()),
            kind: Kind::GemmBf16,
            device: device.into(),
            regime: regime.into(),
            also: Vec::new(),
            knowledge,
            predicted,
            measured: 1.0,
            spread: None,
            interval: None,
        }
    }

    fn report() -> Report {
        let mut report = Report::default();
        report.add(&case("h100", "small", Knowledge::Calibrated, 1.10));
        report.add(&case("h100", "large", Knowledge::Calibrated, 1.02));
        report.add(&case("a100", "large", Knowledge::Calibrated, 1.04));
        report.add(&case("l40s", "large", Knowledge::NeverFitted, 1.18));
        report
    }

    #[test]
    fn lines_say_whether_the_target_of_their_device_was_met() {
        let lines = report().lines();
        let of = |device: &str, regime: Option<&str>| {
            let found = lines.iter().find(|line| line.device == device && line.regime.as_deref() == regime);
            found.unwrap_or_else(|| panic!("{device} {regime:?}"))
        };
        assert_eq!(of("h100", None).verdict, Verdict::Pass);
        assert_eq!(of("h100", Some("small")).verdict, Verdict::Miss);
        assert_eq!((of("l40s", None).target, of("l40s", None).verdict), (0.20, Verdict::Pass));
        assert_eq!(of(TOGETHER, None).summary.cases, 3);
        assert_eq!(lines.iter().filter(|line| line.device == TOGETHER).count(), 1, "one device is not together");
    }

    #[test]
    fn the_forms_hold_every_line() {
        let report = report();
        let page = html::page(&report);
        let chapter = markdown::tables(&report);
        for device in ["h100", "a100", "l40s"] {
            assert!(page.contains(device) && chapter.contains(device), "{device}");
        }
        assert!(page.contains("<svg") && !page.contains("http://") | page.contains("http://www.w3.org"));
    }
}
