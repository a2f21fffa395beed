//! Quantities as they are written in fact files: a text with a unit, or three of them with a source.

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use std::fmt::Display;
use std::ops::{Add, Div, Mul};
use std::str::FromStr;

/// Why a fact file is refused: one sentence with file and line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file}, line {line}: {what}")]
pub struct FactError {
    /// Name of the text.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What was found and what would do.
    pub what: String,
}

/// Reads a whole fact file; a refusal names the line.
///
/// # Errors
/// Text that is not TOML, or not what `T` expects.
pub fn read<T: for<'a> Deserialize<'a>>(file: &str, text: &str) -> Result<T, FactError> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        FactError::at(file, text, at, error.message().to_owned())
    })
}

impl FactError {
    /// What is wrong at a byte of a text.
    pub fn at(file: &str, text: &str, byte: usize, what: String) -> FactError {
        let before = &text.as_bytes()[..byte.min(text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        FactError { file: file.to_owned(), line, what }
    }
}

/// Reads a quantity with its unit.
pub(crate) fn quantity<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

/// Reads a text that says something.
///
/// # Errors
/// No text, or an empty one.
pub fn said<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    match text.trim().is_empty() {
        false => Ok(text),
        true => Err(D::Error::custom("the text is empty; say where the figure comes from, and of when")),
    }
}

/// Low, nominal and high of a quantity. The ends are what careful sources disagree about, not the worst that can be thought of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range<T> {
    /// The low end.
    pub low: T,
    /// The best guess.
    pub nominal: T,
    /// The high end.
    pub high: T,
}

impl<T: Copy> Range<T> {
    /// No uncertainty.
    pub fn exactly(value: T) -> Range<T> {
        Range { low: value, nominal: value, high: value }
    }

    /// The same function of all three; it must not fall.
    pub fn map<U>(self, f: impl Fn(T) -> U) -> Range<U> {
        Range { low: f(self.low), nominal: f(self.nominal), high: f(self.high) }
    }
}

/// Ends add to ends: what is uncertain is taken to err the same way everywhere, which gives the widest range.
impl<T: Add<Output = T>> Add for Range<T> {
    type Output = Range<T>;
    fn add(self, other: Range<T>) -> Range<T> {
        Range { low: self.low + other.low, nominal: self.nominal + other.nominal, high: self.high + other.high }
    }
}

impl<T: Add<Output = T> + Default> std::iter::Sum for Range<T> {
    fn sum<I: Iterator<Item = Range<T>>>(items: I) -> Range<T> {
        items.fold(Range::default(), Add::add)
    }
}

/// Ends multiply with ends.
impl<T: Mul<f64, Output = T>> Mul<Range<f64>> for Range<T> {
    type Output = Range<T>;
    fn mul(self, factor: Range<f64>) -> Range<T> {
        Range { low: self.low * factor.low, nominal: self.nominal * factor.nominal, high: self.high * factor.high }
    }
}

/// The low end is divided by the high end, and the other way round.
impl<T: Div<f64, Output = T>> Div<Range<f64>> for Range<T> {
    type Output = Range<T>;
    fn div(self, factor: Range<f64>) -> Range<T> {
        Range { low: self.low / factor.high, nominal: self.nominal / factor.nominal, high: self.high / factor.low }
    }
}

/// A range with its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact<T> {
    /// The figures.
    pub range: Range<T>,
    /// Where they come from.
    pub source: String,
    /// Of when they are: year, or year and month.
    pub as_of: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFact {
    low: String,
    nominal: String,
    high: String,
    #[serde(deserialize_with = "said")]
    source: String,
    #[serde(deserialize_with = "said")]
    as_of: String,
}

impl<'de, T: FromStr<Err: Display> + PartialOrd> Deserialize<'de> for Fact<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Fact<T>, D::Error> {
        let raw = RawFact::deserialize(from)?;
        let parse = |text: &str| text.parse::<T>().map_err(D::Error::custom);
        let range = Range { low: parse(&raw.low)?, nominal: parse(&raw.nominal)?, high: parse(&raw.high)? };
        match range.low <= range.nominal && range.nominal <= range.high {
            true => Ok(Fact { range, source: raw.source, as_of: raw.as_of }),
            false => {
                let what = format!("low {}, nominal {} and high {} must not fall", raw.low, raw.nominal, raw.high);
                Err(D::Error::custom(what))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::units::Joules;
    use std::collections::BTreeMap;

    fn refused(fact: &str, part: &str) {
        let text = format!("# a comment\n[mac]\n{fact}\n");
        let error = read::<BTreeMap<String, Fact<Joules>>>("a.toml", &text).unwrap_err().to_string();
        assert!(error.starts_with("a.toml, line ") && error.contains(part), "{error}");
    }

    #[test]
    fn a_fact_needs_units_order_and_a_source() {
        let good = "low = '1 pJ'\nnominal = '2 pJ'\nhigh = '3 pJ'\nsource = 'a page'\nas_of = '2021'";
        let facts: BTreeMap<String, Fact<Joules>> = read("a.toml", &format!("[mac]\n{good}\n")).unwrap();
        assert_eq!(facts["mac"].range.nominal, Joules(2e-12));
        refused(&good.replace("'2 pJ'", "'2'"), "has no unit");
        refused(&good.replace("'2 pJ'", "'4 pJ'"), "must not fall");
        refused(&good.replace("'2 pJ'", "2"), "expected a string");
        refused(&good.replace("a page", " "), "the text is empty");
        refused(&good.replace("source", "origin"), "origin");
        refused("low = '1 pJ'", "missing field");
    }

    #[test]
    fn ranges_widen_when_they_are_combined() {
        let a = Range { low: 1.0, nominal: 2.0, high: 4.0 };
        assert_eq!(a + a, a * Range::exactly(2.0));
        assert_eq!(a / a, Range { low: 0.25, nominal: 1.0, high: 4.0 });
        assert_eq!([a, a, a].into_iter().sum::<Range<f64>>().high, 12.0);
    }
}
