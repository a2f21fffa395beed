//! Error statistics of a group of cases, gathered one case at a time.
//!
//! A set has up to 180,000 rows, so a [`Tally`] keeps of each case only its error; the worst cases and a thinned sample for the charts are kept whole.
//! The sample is the cases with the smallest hashes of their own description: it depends on neither order nor chance.

use crate::case::{Case, Kind, Knowledge};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Worst cases that a group keeps.
pub const WORST: usize = 5;

/// Cases that a group keeps for its charts.
pub const SAMPLE: usize = 250;

/// A case that was kept whole.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Kept {
    /// What was measured.
    pub subject: String,
    /// The prediction.
    pub predicted: f64,
    /// The measurement.
    pub measured: f64,
}

impl Kept {
    fn of(case: &Case) -> Kept {
        Kept { subject: case.subject.to_string(), predicted: case.predicted, measured: case.measured }
    }

    /// Distance between prediction and measurement, alike in both directions.
    pub fn distance(&self) -> f64 {
        (self.predicted / self.measured).ln().abs()
    }
}

/// A group of cases as they come in.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    errors: Vec<f32>,
    floors: Vec<f32>,
    covered: u64,
    with_interval: u64,
    worst: Vec<Kept>,
    sample: BTreeMap<u64, Kept>,
}

impl Tally {
    /// Adds a case.
    pub fn add(&mut self, case: &Case) {
        self.errors.push(case.error() as f32);
        self.floors.extend(case.floor().map(|floor| floor as f32));
        self.with_interval += u64::from(case.covered().is_some());
        self.covered += u64::from(case.covered() == Some(true));
        self.keep_if_bad(case);
        self.keep_if_drawn(case);
    }

    fn keep_if_bad(&mut self, case: &Case) {
        let distance = (case.predicted / case.measured).ln().abs();
        if self.worst.len() == WORST && self.worst.last().is_some_and(|last| last.distance() >= distance) {
            return;
        }
        let place = self.worst.partition_point(|kept| kept.distance() >= distance);
        self.worst.insert(place, Kept::of(case));
        self.worst.truncate(WORST);
    }

    fn keep_if_drawn(&mut self, case: &Case) {
        let mut hasher = DefaultHasher::new();
        (case.measured.to_bits(), self.errors.len()).hash(&mut hasher);
        let draw = hasher.finish();
        if self.sample.len() == SAMPLE && self.sample.last_key_value().is_some_and(|(last, _)| *last <= draw) {
            return;
        }
        self.sample.insert(draw, Kept::of(case));
        if self.sample.len() > SAMPLE {
            self.sample.pop_last();
        }
    }

    /// The figures so far; `None` before the first case.
    pub fn summary(&self) -> Option<Summary> {
        let absolute = sorted(self.errors.iter().map(|error| error.abs()));
        let signed = sorted(self.errors.iter().copied());
        Some(Summary {
            cases: self.errors.len() as u64,
            mean: mean(&absolute)?,
            median: quantile(&absolute, 0.5)?,
            bias: mean(&signed)?,
            ninetieth: quantile(&absolute, 0.9)?,
            floor: mean(&self.floors),
            coverage: (self.with_interval > 0).then(|| self.covered as f64 / self.with_interval as f64),
        })
    }

    /// The signed relative errors, in the order of their coming.
    pub fn errors(&self) -> &[f32] {
        &self.errors
    }

    /// The worst cases, worst first.
    pub fn worst(&self) -> &[Kept] {
        &self.worst
    }

    /// A thinned sample of the cases.
    pub fn sample(&self) -> impl Iterator<Item = &Kept> {
        self.sample.values()
    }
}

fn sorted(values: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    values
}

fn mean(values: &[f32]) -> Option<f64> {
    let sum: f64 = values.iter().map(|value| f64::from(*value)).sum();
    (!values.is_empty()).then(|| sum / values.len() as f64)
}

/// The value below which `fraction` of the sorted values lie, interpolated.
fn quantile(sorted: &[f32], fraction: f64) -> Option<f64> {
    let place = fraction * (sorted.len().checked_sub(1)?) as f64;
    let (low, high) = (f64::from(sorted[place.floor() as usize]), f64::from(sorted[place.ceil() as usize]));
    Some(low + (high - low) * place.fract())
}

/// The figures of a group.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Summary {
    /// How many cases.
    pub cases: u64,
    /// Mean absolute relative error.
    pub mean: f64,
    /// Median absolute relative error.
    pub median: f64,
    /// Mean signed relative error: above zero where the model is too slow.
    pub bias: f64,
    /// Absolute relative error that one case in ten exceeds.
    pub ninetieth: f64,
    /// Mean half spread between the sources of one measurement, where there are several.
    pub floor: Option<f64>,
    /// Share of the measurements within their 90 % interval.
    pub coverage: Option<f64>,
}

/// What a group of cases has in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group {
    /// Kind of thing measured.
    pub kind: Kind,
    /// What was known of the device.
    pub knowledge: Knowledge,
    /// Key of the device.
    pub device: String,
    /// Part of the range; `None`: all of it.
    pub regime: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Subject;
    use perf::interval::Interval;
    use proptest::prelude::*;

    fn case(predicted: f64, measured: f64) -> Case {
        Case {
            subject: Subject::Named("one".into()),
            kind: Kind::Layer,
            device: "a100".into(),
            regime: "all".into(),
            also: Vec::new(),
            knowledge: Knowledge::Calibrated,
            predicted,
            measured,
            spread: Some((measured * 0.9, measured * 1.1)),
            interval: Some(Interval { low: predicted * 0.5, high: predicted * 1.5 }),
        }
    }

    fn tally(cases: &[(f64, f64)]) -> Tally {
        let mut tally = Tally::default();
        cases.iter().for_each(|(predicted, measured)| tally.add(&case(*predicted, *measured)));
        tally
    }

    #[test]
    fn figures_are_those_of_a_pocket_calculator() {
        let summary = tally(&[(11.0, 10.0), (9.0, 10.0), (14.0, 10.0), (100.0, 10.0)]).summary().unwrap();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} {b}");
        close(summary.mean, (0.1 + 0.1 + 0.4 + 9.0) / 4.0);
        close(summary.median, 0.25);
        close(summary.bias, (0.1 - 0.1 + 0.4 + 9.0) / 4.0);
        close(summary.floor.unwrap(), 0.1);
        close(summary.coverage.unwrap(), 0.75);
        assert_eq!(tally(&[]).summary(), None);
    }

    proptest! {
        #[test]
        fn the_worst_are_the_worst(ratios in proptest::collection::vec(0.01f64..100.0, 0..40)) {
            let pairs: Vec<(f64, f64)> = ratios.iter().map(|ratio| (*ratio, 1.0)).collect();
            let mut expected: Vec<f64> = ratios.iter().map(|ratio| ratio.ln().abs()).collect();
            expected.sort_by(|a, b| b.total_cmp(a));
            expected.truncate(WORST);
            let worst: Vec<f64> = tally(&pairs).worst().iter().map(Kept::distance).collect();
            prop_assert_eq!(worst, expected);
        }

        #[test]
        fn a_sample_never_exceeds_its_size(count in 0usize..600) {
            let pairs: Vec<(f64, f64)> = (0..count).map(|i| (1.0, 1.0 + i as f64)).collect();
            prop_assert_eq!(tally(&pairs).sample().count(), count.min(SAMPLE));
        }
    }
}
