//! Public figures beside what is computed, whoever computes them.
//!
//! The cases about money are computed by `econ`, which this crate does not know; those about speed and energy by
//! [`crate::mlperf`] and [`crate::throughput`]. All are rows of one
//! shape, so that terminal, JSON and chapter show them alike.

use crate::report::Verdict;
use serde::{Serialize, Serializer};

/// What a public figure is about: the `kind` of its JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// A cost, a count, a yield, a share.
    #[serde(rename = "public case")]
    Money,
    /// MLPerf, tokens per second and accelerator.
    #[serde(rename = "MLPerf rate")]
    Rate,
    /// A maker's table of throughput.
    #[serde(rename = "throughput")]
    Throughput,
    /// MLPerf, order of devices.
    #[serde(rename = "MLPerf order")]
    Order,
    /// MLPerf, energy of a token.
    #[serde(rename = "MLPerf energy")]
    Energy,
}

impl Kind {
    /// Every kind, in the order of reports.
    pub const ALL: [Kind; 5] = [Kind::Money, Kind::Throughput, Kind::Rate, Kind::Order, Kind::Energy];

    /// The word that chooses it, beside the names of its rows.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Money => "money",
            Kind::Throughput => "throughput",
            Kind::Rate | Kind::Order | Kind::Energy => "mlperf",
        }
    }

    /// Heading in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Money => "public cases: cost, yield, supply",
            Kind::Throughput => "public cases: tables of throughput, tokens per second and device",
            Kind::Rate => "public cases: MLPerf, tokens per second and accelerator",
            Kind::Order => "public cases: MLPerf, order of devices",
            Kind::Energy => "public cases: MLPerf, energy of a token",
        }
    }
}

/// A public figure beside what is computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Public {
    /// What it is about.
    pub kind: Kind,
    /// Name: `V1 nodes`.
    pub id: String,
    /// What it is, in words.
    pub title: String,
    /// What agreement is worth.
    pub label: &'static str,
    /// The figure.
    pub published: f64,
    /// What comes out here.
    pub computed: f64,
    /// The least that agrees.
    pub low: f64,
    /// The most that agrees.
    pub high: f64,
    /// Unit of all four.
    pub unit: String,
    /// Whether it is judged: a point that sets a factor agrees by construction.
    pub judged: bool,
    /// Why it misses, or how it came about.
    pub detail: Option<String>,
    /// Who published it.
    pub source: String,
}

impl Public {
    /// Whether it agrees; none where that would say nothing.
    pub fn verdict(&self) -> Option<Verdict> {
        let agrees = (self.low..=self.high).contains(&self.computed);
        self.judged.then_some(if agrees { Verdict::Pass } else { Verdict::Miss })
    }

    /// How far off the computed figure is, over the published one.
    pub fn deviation(&self) -> f64 {
        self.computed / self.published - 1.0
    }
}

/// As it stands in JSON.
#[derive(Serialize)]
struct Told<'a> {
    kind: Kind,
    id: &'a str,
    title: &'a str,
    label: &'a str,
    published: f64,
    computed: f64,
    deviation: f64,
    low: f64,
    high: f64,
    unit: &'a str,
    verdict: Option<Verdict>,
    detail: Option<&'a str>,
    source: &'a str,
}

impl Serialize for Public {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Public { kind, id, title, label, published, computed, low, high, unit, detail, source, .. } = self;
        let told = Told {
            kind: *kind,
            id,
            title,
            label,
            published: *published,
            computed: *computed,
            deviation: self.deviation(),
            low: *low,
            high: *high,
            unit,
            verdict: self.verdict(),
            detail: detail.as_deref(),
            source,
        };
        told.serialize(serializer)
    }
}

/// How many of the judged figures of a kind agree, and how far off they are.
pub fn summary(rows: &[Public], kind: Kind) -> String {
    let judged: Vec<&Public> = rows.iter().filter(|row| row.kind == kind && row.judged).collect();
    let agree = judged.iter().filter(|row| row.verdict() == Some(Verdict::Pass)).count();
    let counts = format!("{agree} of {} agree", judged.len());
    let mut errors: Vec<f64> = judged.iter().map(|row| 100.0 * row.deviation().abs()).collect();
    errors.sort_by(f64::total_cmp);
    match kind {
        // Tolerances differ from a thousandth to an interval of a factor of two: an average would say nothing.
        Kind::Money | Kind::Order => counts,
        Kind::Rate | Kind::Throughput | Kind::Energy if errors.is_empty() => counts,
        Kind::Rate | Kind::Throughput | Kind::Energy => {
            let mean = errors.iter().sum::<f64>() / errors.len() as f64;
            let median = f64::midpoint(errors[(errors.len() - 1) / 2], errors[errors.len() / 2]);
            format!("{counts}; error {mean:.0} % in the mean, {median:.0} % in the median")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(computed: f64, judged: bool) -> Public {
        Public {
            kind: Kind::Rate,
            id: "V15 one".into(),
            title: "one".into(),
            label: "prediction",
            published: 100.0,
            computed,
            low: 85.0,
            high: 115.0,
            unit: "tokens/s".into(),
            judged,
            detail: None,
            source: "a page".into(),
        }
    }

    #[test]
    fn what_sets_a_factor_is_not_counted() {
        let rows = [row(90.0, true), row(100.0, false), row(130.0, true), row(120.0, true)];
        assert_eq!(summary(&rows, Kind::Rate), "1 of 3 agree; error 20 % in the mean, 20 % in the median");
        assert_eq!(summary(&rows, Kind::Energy), "0 of 0 agree");
        assert_eq!(
            rows.each_ref().map(Public::verdict),
            [Some(Verdict::Pass), None, Some(Verdict::Miss), Some(Verdict::Miss)]
        );
    }

    #[test]
    fn json_says_what_kind_it_is() {
        let told = serde_json::to_value(row(90.0, true)).unwrap();
        assert_eq!((&told["kind"], &told["verdict"]), (&"MLPerf rate".into(), &"pass".into()));
        assert!((told["deviation"].as_f64().unwrap() + 0.1).abs() < 1e-12);
    }
}
