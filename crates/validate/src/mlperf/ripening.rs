//! How software ripens: the date of a result matters, and the model of time knows none.
//!
//! A maker that publishes rates of the same networks, devices and lengths for two of its releases says how much faster its software became between them.

use crate::published::{positive, sourced};
use serde::Deserialize;
use std::fmt::Display;

/// A month of a year: `"2025-08"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Month {
    year: i32,
    month: u32,
}

impl Month {
    /// Since the beginning of our years.
    pub fn months(self) -> f64 {
        f64::from(self.year) * 12.0 + f64::from(self.month - 1)
    }
}

impl TryFrom<String> for Month {
    type Error = String;

    fn try_from(text: String) -> Result<Month, String> {
        let parts = text.split_once('-').and_then(|(year, month)| Some((year.parse().ok()?, month.parse().ok()?)));
        match parts {
            Some((year, month @ 1..=12)) => Ok(Month { year, month }),
            _ => Err(format!("`{text}`: a month like `2025-08` is expected")),
        }
    }
}

impl Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{:02}", self.year, self.month)
    }
}

/// How much faster a maker's software became: the same networks, devices and lengths in two of its releases.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ripening {
    /// Month of the older release.
    pub from: Month,
    /// Month of the newer release.
    pub to: Month,
    /// Rates of the older and of the newer one.
    pub pairs: Vec<(f64, f64)>,
    /// Who says so.
    pub source: String,
}

impl Ripening {
    /// By how much speed grows in a year: the geometric mean of the pairs.
    pub fn growth(&self) -> f64 {
        let mean = self.pairs.iter().map(|(old, new)| (new / old).ln()).sum::<f64>() / self.pairs.len() as f64;
        (mean * 12.0 / (self.to.months() - self.from.months())).exp()
    }

    /// Whether time and rates go forward.
    pub(super) fn check(&self) -> Result<(), String> {
        sourced(&self.source)?;
        if self.from.months() >= self.to.months() || self.pairs.is_empty() {
            return Err("`from` before `to` and some `pairs` are expected".into());
        }
        self.pairs.iter().try_for_each(|(old, new)| positive("pairs", *old).and(positive("pairs", *new)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        text.to_owned().try_into().unwrap()
    }

    #[test]
    fn growth_is_that_of_a_year() {
        let ripening = |to| Ripening {
            from: month("2024-11"),
            to: month(to),
            pairs: vec![(100.0, 121.0), (100.0, 100.0)],
            source: "a table".into(),
        };
        assert!((ripening("2025-11").growth() - 1.1).abs() < 1e-12);
        assert!((ripening("2025-05").growth() - 1.21).abs() < 1e-12);
    }

    #[test]
    fn months_are_written_as_they_are_read() {
        assert_eq!(month("2025-08").to_string(), "2025-08");
        assert!((month("2026-01").months() - month("2025-08").months() - 5.0).abs() < 1e-12);
        assert!(Month::try_from("2025-13".to_owned()).unwrap_err().contains("a month like"));
    }
}
