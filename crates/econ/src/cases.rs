//! Published figures, recomputed: what the money of this crate is checked against.
//!
//! A case of `data/cases/*.toml` is a figure that somebody published, with its source and a tolerance, and a way to compute it from [`crate::facts`] and the
//! functions of this crate ([`by::By`]). [`evaluate`] computes all of them. A case says what agreement is worth:
//!
//! - a **prediction** used nothing of the figure that it is held against;
//! - a **fitted** one chose some input, within its range, with the figure in view;
//! - **consistency** shows that published figures fit each other, or that an assumed size can explain them; it predicts nothing.
//!
//! A case that misses is marked so in its file, with the reason; a test holds that exactly the marked ones miss.

pub mod by;
pub mod devices;

use crate::facts::unit::{self, Unit};
use crate::facts::{FactError, Facts, Source};
use by::{By, Context, Day};
use serde::Deserialize;
use toml::Spanned;

/// What agreement is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// Nothing of the figure was used.
    Prediction,
    /// An input was chosen with the figure in view.
    Fitted,
    /// Published figures fit each other.
    Consistency,
}

impl Label {
    /// As in the file.
    pub fn name(self) -> &'static str {
        match self {
            Label::Prediction => "prediction",
            Label::Fitted => "fitted",
            Label::Consistency => "consistency",
        }
    }
}

/// A published figure and how to compute it.
#[derive(Clone, Debug)]
pub struct Case {
    /// Name.
    pub id: String,
    /// What it is.
    pub title: String,
    /// What agreement is worth.
    pub label: Label,
    /// Who published it.
    pub source: String,
    /// Unit of the figures.
    pub unit: &'static Unit,
    /// The figure.
    pub published: f64,
    /// The least that agrees.
    pub low: f64,
    /// The most that agrees.
    pub high: f64,
    /// Why it does not agree, if that is known.
    pub misses: Option<String>,
    by: By,
    day: Option<Day>,
}

/// A case with what came out.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The case.
    pub case: Case,
    /// What was computed, in the unit of the case.
    pub computed: f64,
    /// Its 90 % interval, where inputs are uncertain.
    pub within_90: Option<(f64, f64)>,
}

impl Outcome {
    /// True if the computed figure agrees.
    pub fn holds(&self) -> bool {
        (self.case.low..=self.case.high).contains(&self.computed)
    }

    /// How far off the computed figure is, over the published one.
    pub fn deviation(&self) -> f64 {
        self.computed / self.case.published - 1.0
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    case: Vec<Spanned<RawCase>>,
    day: Option<Day>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    id: String,
    title: String,
    label: Label,
    source: String,
    unit: String,
    published: f64,
    low: Option<f64>,
    high: Option<f64>,
    absolute: Option<f64>,
    relative: Option<f64>,
    misses: Option<String>,
    by: By,
}

impl RawCase {
    fn check(self, day: &Option<Day>) -> Result<Case, String> {
        if self.source.trim().is_empty() {
            return Err(format!("case `{}`: `source` is empty: say who published it", self.id));
        }
        let unit = unit::find(&self.unit).ok_or_else(|| format!("case `{}`: no unit `{}`", self.id, self.unit))?;
        let published = self.published;
        let (low, high) = match (self.low, self.high, self.absolute, self.relative) {
            (Some(low), Some(high), None, None) => (low, high),
            (None, None, Some(by), None) => (published - by, published + by),
            (None, None, None, Some(by)) => (published * (1.0 - by), published * (1.0 + by)),
            _ => return Err(format!("case `{}`: give `low` and `high`, or `absolute`, or `relative`", self.id)),
        };
        Ok(Case {
            id: self.id,
            title: self.title,
            label: self.label,
            source: self.source,
            unit,
            published,
            low,
            high,
            misses: self.misses,
            by: self.by,
            day: day.clone(),
        })
    }
}

/// The cases that come with the program.
///
/// # Errors
/// The first mistake in a file, with its line.
pub fn builtin() -> Result<Vec<Case>, FactError> {
    let mut cases = Vec::new();
    for path in data::list("cases/").filter(|path| path.ends_with(".toml") && *path != devices::FILE) {
        let source = Source { file: path, text: data::file(path).unwrap_or_default() };
        let RawFile { case, day } = source.read()?;
        for raw in case {
            let start = raw.span().start;
            cases.push(raw.into_inner().check(&day).map_err(|what| source.error(start, what))?);
        }
    }
    cases.sort_by_key(|case| order(&case.id));
    Ok(cases)
}

/// `V9` before `V10`, and both before what has no number; within a group the order of the file stands.
fn order(id: &str) -> u32 {
    let group = id.split(' ').next().unwrap_or_default();
    group.strip_prefix('V').and_then(|number| number.parse().ok()).unwrap_or(u32::MAX)
}

/// Computes every case with what `facts` say.
///
/// # Errors
/// If a fact or a device is missing.
pub fn evaluate(facts: &Facts) -> Result<Vec<Outcome>, FactError> {
    let devices = devices::builtin(facts)?;
    let cases = builtin()?;
    let one = |case: Case| {
        let context = Context { facts, devices: &devices, day: case.day.as_ref() };
        let found = case.by.compute(&context)?;
        let worth = case.unit.worth;
        let within_90 = found.within_90.map(|(low, high)| (low / worth, high / worth));
        Ok(Outcome { computed: found.value / worth, within_90, case })
    };
    cases.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Vec<Outcome> {
        evaluate(&Facts::builtin().unwrap()).unwrap()
    }

    #[test]
    fn exactly_the_marked_cases_miss() {
        let outcomes = outcomes();
        assert!(outcomes.len() > 60);
        for Outcome { case, computed, .. } in
            outcomes.iter().filter(|outcome| outcome.holds() == outcome.case.misses.is_some())
        {
            eprintln!("{}: {computed} where {} to {} agrees; misses: {:?}", case.id, case.low, case.high, case.misses);
        }
        assert!(outcomes.iter().all(|outcome| outcome.holds() != outcome.case.misses.is_some()));
    }

    #[test]
    fn the_targets_hold() {
        let outcomes = outcomes();
        let group = |name: &str| {
            let of = |outcome: &&Outcome| outcome.case.id.split(' ').next() == Some(name);
            outcomes.iter().filter(of).collect::<Vec<_>>()
        };
        // A day of DeepSeek: nodes and margin within 0.1 %.
        for outcome in
            group("V1").iter().filter(|outcome| ["V1 nodes", "V1 margin"].contains(&outcome.case.id.as_str()))
        {
            assert!(outcome.deviation().abs() < 1e-3, "{} {}", outcome.case.id, outcome.computed);
        }
        // A gigawatt within 1.5 % at all three lives.
        assert!(group("V2").len() == 3 && group("V2").iter().all(|outcome| outcome.deviation().abs() < 0.015));
        // Seven medians inside the published intervals, with one market for all.
        let made = group("V8").into_iter().filter(|outcome| outcome.case.title.ends_with("median")).collect::<Vec<_>>();
        assert!(made.len() == 7 && made.iter().all(|outcome| outcome.holds() && outcome.within_90.is_some()));
        // Ownership within 15 % with one set of finance.
        assert!(group("V11").len() == 5 && group("V11").iter().all(|outcome| outcome.deviation().abs() < 0.15));
    }

    #[test]
    fn a_case_without_source_or_tolerance_is_refused() {
        let text = data::file("cases/silicon.toml").unwrap();
        let refuse = |from: &str, to: &str| {
            let changed = text.replacen(from, to, 1);
            let RawFile { case, day } = Source { file: "f", text: &changed }.read().unwrap();
            let first = case.into_iter().next().unwrap().into_inner();
            first.check(&day).unwrap_err()
        };
        assert!(
            refuse("source = \"LLMCompass, table IV; the price of the wafer is CSET 2020\"", "source = ''")
                .contains("`source`")
        );
        assert!(refuse("absolute = 1.5", "low = 1").contains("give `low` and `high`"));
        assert!(refuse("unit = \"USD\"", "unit = 'EUR'").contains("`EUR`"));
    }
}
