//! What was known at a date, scored against what is known now.
//!
//! At each of [`DATES`] the facts are those of [`Facts::as_of`]; nothing later is seen. A quantity that has both a figure known then and a newer one is a
//! forecast: its range, as a study at that date would have sampled it, held against the newest nominal. Two scores are taken, of which less is better:
//!
//! - the **continuous ranked probability score**, over the outcome: the mean absolute error of a figure without a range, and less for a range that holds the
//!   outcome well within it;
//! - the **Brier score** of the claim that every range makes, that nine in ten outcomes lie within it: 0.09 if that is so, up to 0.81.
//!
//! What would have to be computed with the whole price list, an hour's cost or whether silicon of one's own is cheaper, is forecast only at dates at which every
//! input has a figure. [`Replay::missing`] names those that have none; no later figure and no assumption stands in for them.

use crate::facts::{Date, Fact, FactError, Facts};
use crate::market::Market;
use crate::range::Range;

/// The dates at which somebody stands.
pub const DATES: [&str; 3] = ["2023-10", "2024-10", "2025-10"];

/// The share of outcomes that lies between low and high of a range.
const CLAIMED: f64 = 0.9;

/// Quantiles that a score is summed over: it stands to a thousandth.
const QUANTILES: usize = 2000;

/// A figure of then and the newest one.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// What it is about, with the figure that was known.
    pub then: Fact,
    /// The newest.
    pub now: Fact,
    /// Continuous ranked probability score over the outcome.
    pub crps: f64,
    /// Whether the outcome lies between low and high; none where the figure had no range.
    pub inside: Option<bool>,
}

impl Forecast {
    fn of(then: &Fact, now: &Fact) -> Forecast {
        let (range, outcome) = (then.in_base(), now.in_base().nominal);
        Forecast {
            crps: crps(&range, outcome) / outcome.abs(),
            inside: (!range.is_exact()).then(|| (range.low..=range.high).contains(&outcome)),
            then: then.clone(),
            now: now.clone(),
        }
    }

    /// Brier score of the claim that the outcome lies within the range.
    pub fn brier(&self) -> Option<f64> {
        self.inside.map(|inside| (CLAIMED - f64::from(u8::from(inside))).powi(2))
    }
}

/// Everything that can be said at one date.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// The date.
    pub date: Date,
    /// Quantities of which a newer figure came, in the order of their files.
    pub forecasts: Vec<Forecast>,
    /// Inputs of the price list that had no figure.
    pub missing: Vec<&'static str>,
}

impl Replay {
    /// At a date, of facts that reach beyond it.
    pub fn at(facts: &Facts, date: Date) -> Replay {
        let (known, newest) = (facts.as_of(date), facts.current());
        let forecast = |then: &Fact| {
            let now = newest.find(&then.quantity).ok().filter(|now| now.id != then.id)?;
            Some(Forecast::of(then, now))
        };
        Replay {
            date,
            forecasts: known.iter().filter_map(forecast).collect(),
            missing: Market::QUANTITIES.iter().copied().filter(|quantity| known.find(quantity).is_err()).collect(),
        }
    }

    /// Mean score of the forecasts; none if there are none.
    pub fn crps(&self) -> Option<f64> {
        mean(self.forecasts.iter().map(|forecast| forecast.crps))
    }

    /// Mean Brier score of the ranges; none if there are none.
    pub fn brier(&self) -> Option<f64> {
        mean(self.forecasts.iter().filter_map(Forecast::brier))
    }
}

/// What was known at each of [`DATES`].
///
/// # Errors
/// If the facts that come with the program are malformed; a test reads them.
pub fn builtin() -> Result<Vec<Replay>, FactError> {
    let facts = Facts::builtin()?;
    Ok(DATES.iter().map(|date| Replay::at(&facts, date.parse().expect("a month"))).collect())
}

fn mean(scores: impl Iterator<Item = f64>) -> Option<f64> {
    let scores: Vec<f64> = scores.collect();
    (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
}

/// The continuous ranked probability score of a range: twice the mean pinball loss over all quantiles (Gneiting and Raftery 2007).
fn crps(range: &Range, outcome: f64) -> f64 {
    if range.is_exact() {
        return (range.nominal - outcome).abs();
    }
    let loss = |index: usize| {
        let probability = (index as f64 + 0.5) / QUANTILES as f64;
        let over = range.quantile(probability) - outcome;
        if over > 0.0 { (1.0 - probability) * over } else { -probability * over }
    };
    2.0 * (0..QUANTILES).map(loss).sum::<f64>() / QUANTILES as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(date: &str) -> Replay {
        Replay::at(&Facts::builtin().unwrap(), date.parse().unwrap())
    }

    #[test]
    fn the_score_of_a_normal_range_is_the_known_one() {
        // Standard normal: 2 phi(0) - 1/sqrt(pi) at the median, and nearly the distance far away.
        let normal = Range::new(-1.644_853_626_951, 0.0, 1.644_853_626_951).unwrap();
        let wide = Range { low: normal.low - 100.0, nominal: -100.0, high: normal.high - 100.0, ..normal };
        let known = 2.0 / (2.0 * std::f64::consts::PI).sqrt() - 1.0 / std::f64::consts::PI.sqrt();
        assert!((crps(&wide, -100.0) - known).abs() < 1e-3, "{}", crps(&wide, -100.0));
        assert!((crps(&wide, -50.0) - (50.0 - 1.0 / std::f64::consts::PI.sqrt())).abs() < 1e-2);
        assert_eq!(crps(&Range::exactly(3.0), 5.0), 2.0);
    }

    #[test]
    fn nothing_later_is_seen() {
        for date in DATES {
            let replay = at(date);
            let end = replay.date.end();
            assert!(!replay.forecasts.is_empty(), "{date}");
            for Forecast { then, now, .. } in &replay.forecasts {
                assert!(then.as_of.end() <= end && now.as_of.end() > end, "{date} {}: {}", then.quantity, then.as_of);
            }
        }
    }

    #[test]
    fn the_rent_of_an_h100_fell_out_of_its_range_once() {
        let rent = |date: &str| at(date).forecasts.into_iter().find(|one| one.then.quantity == "rental H100");
        assert_eq!(rent("2023-10"), None, "the first figure is of the end of that year");
        let (early, late) = (rent("2024-10").unwrap(), rent("2025-10").unwrap());
        assert_eq!((early.then.range.nominal, late.then.range.nominal), (8.0, 1.7));
        assert_eq!((early.inside, late.inside), (Some(false), Some(true)));
        assert!((early.brier().unwrap() - 0.81).abs() < 1e-12 && (late.brier().unwrap() - 0.01).abs() < 1e-12);
        assert!(early.crps > 8.0 * late.crps, "{} {}", early.crps, late.crps);
    }

    #[test]
    fn the_price_list_is_whole_only_where_every_input_is_dated() {
        let facts = Facts::builtin().unwrap();
        for date in DATES {
            let replay = at(date);
            assert_eq!(replay.missing.is_empty(), Market::ranges(&facts.as_of(replay.date)).is_ok(), "{date}");
        }
        assert!(at("2026-12").missing.is_empty() && at("2026-12").forecasts.is_empty());
        assert!(at("2025-10").missing.len() < at("2023-10").missing.len());
    }
}
