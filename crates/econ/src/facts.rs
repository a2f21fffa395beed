//! Facts with provenance: figures of the outside world, each with unit, range, grade, date and source.
//!
//! They stand in `data/facts/*.toml`, one `[[fact]]` per figure. Several facts may speak of one quantity at different dates: [`Facts::as_of`] keeps of each
//! quantity the newest that is not newer than a date, which is what a study made at that date could have used. A fact is refused, with file and line, if its
//! source or any other part is missing, if its unit is unknown, if its numbers fall, or if it says what another says.
//!
//! The grade tells how much a figure is worth: **P** from the company, a filing, a specification or a data set; **A** an estimate of analysts or academics; **R**
//! press or rumour, which wants a second source before it becomes a default; **C** computed from others or assumed, with the reason in its source.

pub mod date;
pub mod unit;

pub use date::Date;
pub use unit::{Measure, Measured, Unit};

use crate::range::Range;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use toml::Spanned;

/// How much a figure is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Grade {
    /// Company, filing, specification, data set.
    #[serde(rename = "P")]
    Primary,
    /// Analyst or academic estimate.
    #[serde(rename = "A")]
    Analyst,
    /// Press or rumour.
    #[serde(rename = "R")]
    Press,
    /// Computed from others, or assumed with a reason.
    #[serde(rename = "C")]
    Computed,
}

impl Grade {
    /// Every grade, best first.
    pub const ALL: [Grade; 4] = [Grade::Primary, Grade::Analyst, Grade::Press, Grade::Computed];

    /// Its letter.
    pub fn letter(self) -> char {
        match self {
            Grade::Primary => 'P',
            Grade::Analyst => 'A',
            Grade::Press => 'R',
            Grade::Computed => 'C',
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.letter())
    }
}

/// One figure of the outside world.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Name of this figure; no other has it.
    pub id: String,
    /// What is measured; facts of several dates share it.
    pub quantity: String,
    /// Unit of the numbers.
    pub unit: &'static Unit,
    /// The numbers, in the unit.
    pub range: Range,
    /// How much it is worth.
    pub grade: Grade,
    /// When it was known.
    pub as_of: Date,
    /// The time that it speaks of, if that is another: "2027" for a forecast.
    pub period: Option<String>,
    /// Where it comes from.
    pub source: String,
    /// What else a user should know.
    pub note: Option<String>,
}

impl Fact {
    /// The range in the base unit of its measure.
    pub fn in_base(&self) -> Range {
        let Range { low, nominal, high, .. } = self.range.times(self.unit.worth);
        let share = (self.unit.measure == Measure::Share).then(|| Range::share(low, nominal, high).ok()).flatten();
        share.unwrap_or_else(|| self.range.times(self.unit.worth))
    }
}

/// Why facts are refused or not found: one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactError {
    /// A file is wrong.
    #[error("{file}, line {line}: {what}")]
    File {
        /// Name of the text.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What was found and what would do.
        what: String,
    },
    /// No fact speaks of this.
    #[error("no fact about `{quantity}`{}", nearest(near))]
    Unknown {
        /// What was asked for.
        quantity: String,
        /// Quantities with similar names.
        near: Vec<String>,
    },
    /// The fact measures something else.
    #[error("`{quantity}` is given in {unit}, which is not what is wanted here")]
    Measure {
        /// What was asked for.
        quantity: String,
        /// Its unit.
        unit: &'static str,
    },
}

fn nearest(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; near are `{}`", near.join("`, `")) }
}

/// Facts in the order of their files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts(Vec<Fact>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    fact: Vec<Spanned<RawFact>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFact {
    id: String,
    quantity: String,
    unit: String,
    low: Option<f64>,
    nominal: f64,
    high: Option<f64>,
    grade: Grade,
    as_of: String,
    period: Option<String>,
    source: String,
    note: Option<String>,
}

/// A text with its name, for lines in refusals.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl Source<'_> {
    pub fn error(&self, offset: usize, what: impl fmt::Display) -> FactError {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        FactError::File { file: self.file.to_owned(), line, what: what.to_string() }
    }

    /// Reads the whole text as `T`.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Result<T, FactError> {
        toml::from_str(self.text)
            .map_err(|error| self.error(error.span().map_or(0, |span| span.start), error.message().replace('\n', " ")))
    }
}

impl RawFact {
    fn check(self) -> Result<Fact, String> {
        for (key, text) in [("id", &self.id), ("quantity", &self.quantity), ("source", &self.source)] {
            if text.trim().is_empty() {
                return Err(format!("`{key}` is empty: every figure says what it is and where it comes from"));
            }
        }
        let unit = unit::find(&self.unit)
            .ok_or_else(|| format!("`unit = \"{}\"`: no such unit; the table is in econ::facts::unit", self.unit))?;
        let (low, high) = (self.low.unwrap_or(self.nominal), self.high.unwrap_or(self.nominal));
        let share = unit.measure == Measure::Share && unit.worth == 1.0;
        let range = if share { Range::share(low, self.nominal, high) } else { Range::new(low, self.nominal, high) };
        Ok(Fact {
            range: range.map_err(|error| error.to_string())?,
            as_of: self.as_of.parse().map_err(|error: date::DateError| error.to_string())?,
            id: self.id,
            quantity: self.quantity,
            unit,
            grade: self.grade,
            period: self.period,
            source: self.source,
            note: self.note,
        })
    }
}

impl Facts {
    /// The facts that come with the program.
    ///
    /// # Errors
    /// A sentence with file and line if one of them is wrong; a test holds that none is.
    pub fn builtin() -> Result<Facts, FactError> {
        let mut facts = Facts::default();
        for path in data::list("facts/").filter(|path| path.ends_with(".toml")) {
            facts.add(path, data::file(path).unwrap_or_default())?;
        }
        Ok(facts)
    }

    /// Adds the facts of one text; `file` is its name in refusals.
    ///
    /// # Errors
    /// The first mistake, with its line.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), FactError> {
        let source = Source { file, text };
        for raw in source.read::<RawFile>()?.fact {
            let start = raw.span().start;
            let fact = raw.into_inner().check().map_err(|what| source.error(start, what))?;
            self.refuse_twin(&fact).map_err(|what| source.error(start, what))?;
            self.0.push(fact);
        }
        Ok(())
    }

    fn refuse_twin(&self, fact: &Fact) -> Result<(), String> {
        let twin = |known: &&Fact| {
            known.id == fact.id || (known.quantity == fact.quantity && known.as_of.end() == fact.as_of.end())
        };
        match self.0.iter().find(twin) {
            Some(known) if known.id == fact.id => Err(format!("a second fact has the id `{}`", fact.id)),
            Some(known) => Err(format!("`{}` says the same quantity at the same date", known.id)),
            None => Ok(()),
        }
    }

    /// All of them, in the order of their files.
    pub fn iter(&self) -> impl Iterator<Item = &Fact> {
        self.0.iter()
    }

    /// What could be known at `date`: of each quantity the newest fact that is not newer, in the order of the files.
    pub fn as_of(&self, date: Date) -> Facts {
        self.newest(|fact| fact.as_of.end() <= date.end())
    }

    /// What could be known at `date`, and of each quantity of which nothing could, the earliest of those that `may` be borrowed from later: assumptions, which could
    /// have been made at any time, or whatever a reckoning cannot do without. [`Fact::as_of`] shows what was borrowed.
    pub fn borrowed(&self, date: Date, may: impl Fn(&Fact) -> bool) -> Facts {
        let then = self.as_of(date);
        let known: BTreeSet<&str> = then.0.iter().map(|fact| fact.quantity.as_str()).collect();
        let mut earliest: BTreeMap<&str, &Fact> = BTreeMap::new();
        for fact in self.0.iter().filter(|fact| !known.contains(fact.quantity.as_str()) && may(fact)) {
            let first = earliest.entry(&fact.quantity).or_insert(fact);
            if fact.as_of.end() < first.as_of.end() {
                *first = fact;
            }
        }
        let later = earliest.into_values().cloned();
        Facts(then.0.iter().cloned().chain(later).collect())
    }

    /// Of each quantity its newest fact.
    pub fn current(&self) -> Facts {
        self.newest(|_| true)
    }

    fn newest(&self, known: impl Fn(&Fact) -> bool) -> Facts {
        let mut newest: BTreeMap<&str, &Fact> = BTreeMap::new();
        for fact in self.0.iter().filter(|fact| known(fact)) {
            let best = newest.entry(&fact.quantity).or_insert(fact);
            if fact.as_of.end() > best.as_of.end() {
                *best = fact;
            }
        }
        let kept = |fact: &&Fact| newest.get(fact.quantity.as_str()).is_some_and(|best| best.id == fact.id);
        Facts(self.0.iter().filter(kept).cloned().collect())
    }

    /// Those in whose id, quantity, source or note every word of `words` occurs (in any case), of `grade` if one is given.
    pub fn filter(&self, words: &str, grade: Option<Grade>) -> Facts {
        let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
        let fits = |fact: &&Fact| {
            let note = fact.note.as_deref().unwrap_or_default();
            let text = [&fact.id, &fact.quantity, &fact.source, note].join(" ").to_lowercase();
            grade.is_none_or(|grade| grade == fact.grade) && words.iter().all(|word| text.contains(word.as_str()))
        };
        Facts(self.0.iter().filter(fits).cloned().collect())
    }

    /// The newest fact about `quantity`.
    ///
    /// # Errors
    /// If there is none: the nearest names.
    pub fn find(&self, quantity: &str) -> Result<&Fact, FactError> {
        let about = self.0.iter().filter(|fact| fact.quantity == quantity);
        about
            .max_by_key(|fact| fact.as_of.end())
            .ok_or_else(|| FactError::Unknown { quantity: quantity.to_owned(), near: self.near(quantity) })
    }

    /// The range of the newest fact about `quantity`, in the base unit of `T`.
    ///
    /// # Errors
    /// If there is none, or if it measures something else than `T`.
    pub fn range<T: Measured>(&self, quantity: &str) -> Result<Range, FactError> {
        let fact = self.find(quantity)?;
        match T::MEASURES.contains(&fact.unit.measure) {
            true => Ok(fact.in_base()),
            false => Err(FactError::Measure { quantity: quantity.to_owned(), unit: fact.unit.symbol }),
        }
    }

    /// The nominal value of the newest fact about `quantity`.
    ///
    /// # Errors
    /// As [`Facts::range`].
    pub fn nominal<T: Measured>(&self, quantity: &str) -> Result<T, FactError> {
        Ok(T::of(self.range::<T>(quantity)?.nominal))
    }

    fn near(&self, quantity: &str) -> Vec<String> {
        /// Names less similar than this are no help.
        const SIMILAR: f64 = 0.7;
        let names: BTreeMap<&str, f64> = self
            .0
            .iter()
            .map(|fact| (fact.quantity.as_str(), strsim::jaro_winkler(&fact.quantity, quantity)))
            .filter(|(_, score)| *score > SIMILAR)
            .collect();
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
        names.into_iter().take(3).map(|(name, _)| name.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[fact]]\nid = 'a'\nquantity = 'price of a'\nunit = 'USD'\nlow = 1\nnominal = 2\nhigh = 4\n\
                        grade = 'A'\nas_of = '2024-05'\nsource = 'a page'\n";

    fn refusal(from: &str, to: &str) -> String {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD, "{from}");
        Facts::default().add("f.toml", &text).unwrap_err().to_string()
    }

    #[test]
    fn what_is_borrowed_is_the_earliest_and_only_what_may_be() {
        let facts = Facts::builtin().unwrap();
        let date: Date = "2024-06".parse().unwrap();
        let (none, all) = (facts.borrowed(date, |_| false), facts.borrowed(date, |_| true));
        assert_eq!(none, facts.as_of(date));
        for fact in all.iter().filter(|fact| fact.as_of.end() > date.end()) {
            let same = || facts.iter().filter(|other| other.quantity == fact.quantity);
            assert!(same().all(|other| other.as_of.end() >= fact.as_of.end()), "{}", fact.id);
            assert!(none.find(&fact.quantity).is_err());
        }
        assert!(facts.iter().all(|fact| all.find(&fact.quantity).is_ok()));
        let assumed = facts.borrowed(date, |fact| fact.grade == Grade::Computed);
        assert!(assumed.iter().all(|fact| fact.as_of.end() <= date.end() || fact.grade == Grade::Computed));
    }

    #[test]
    fn every_fact_that_comes_along_is_well_formed() {
        let facts = Facts::builtin().unwrap();
        assert!(facts.iter().count() > 300);
        assert!(Grade::ALL.into_iter().all(|grade| facts.filter("", Some(grade)).iter().count() > 10));
    }

    #[test]
    fn no_constant_is_without_a_source() {
        // Taken out of every fact in turn, a missing or empty source is refused.
        for path in data::list("facts/") {
            let (_, facts) = data::file(path).unwrap().split_once("[[fact]]").unwrap();
            for fact in facts.split("[[fact]]") {
                let (before, rest) = fact.split_once("source = ").unwrap_or_else(|| panic!("{path}: {fact}"));
                let (_, after) = rest.split_once('\n').unwrap();
                for instead in ["", "source = \" \"\n"] {
                    let without = format!("[[fact]]{before}{instead}{after}");
                    let error = Facts::default().add(path, &without).unwrap_err().to_string();
                    assert!(error.contains("source"), "{path}: {error}");
                }
            }
        }
    }

    #[test]
    fn refusals_are_sentences_with_the_line() {
        let cases = [
            ("unit = 'USD'", "unit = 'EUR'", "f.toml, line 1: `unit = \"EUR\"`: no such unit"),
            ("low = 1", "low = 3", "f.toml, line 1: low 3, nominal 2 and high 4 must not fall"),
            ("'2024-05'", "'May'", "f.toml, line 1: `May` is no date"),
            ("grade = 'A'", "grade = 'Z'", "f.toml, line 8: unknown variant `Z`"),
            ("nominal = 2", "nominal = '2 USD'", "f.toml, line 6: invalid type: string"),
            ("high = 4", "higher = 4", "f.toml, line 7: unknown field `higher`"),
            ("as_of = '2024-05'\n", "", "f.toml, line 1: missing field `as_of`"),
        ];
        for (from, to, begins) in cases {
            let found = refusal(from, to);
            assert!(found.starts_with(begins), "{found}");
        }
        let twice = Facts::default().add("f.toml", &GOOD.repeat(2)).unwrap_err().to_string();
        assert_eq!(twice, "f.toml, line 11: a second fact has the id `a`");
        let other = GOOD.to_owned() + &GOOD.replace("'a'", "'b'");
        let same = Facts::default().add("f.toml", &other).unwrap_err().to_string();
        assert_eq!(same, "f.toml, line 11: `a` says the same quantity at the same date");
    }

    #[test]
    fn a_study_sees_what_was_known_at_its_date() {
        let facts = Facts::builtin().unwrap();
        let rental = |date: &str| {
            let then = facts.as_of(date.parse().unwrap());
            then.find("rental H100").map(|fact| fact.range.nominal).ok()
        };
        let seen = ["2023-10", "2024-10", "2025-10", "2026-10"].map(rental);
        assert_eq!(seen, [None, Some(8.0), Some(1.70), Some(2.35)]);
        assert_eq!(facts.current(), facts.as_of("2100".parse().unwrap()));
        for date in ["2019", "2023-10", "2025-10", "2027"] {
            let date: Date = date.parse().unwrap();
            let then = facts.as_of(date);
            assert!(then.iter().all(|fact| fact.as_of.end() <= date.end()));
            let mut names: Vec<_> = then.iter().map(|fact| &fact.quantity).collect();
            names.sort();
            let all = names.len();
            names.dedup();
            assert_eq!(names.len(), all, "one fact per quantity");
        }
    }

    #[test]
    fn facts_are_taken_as_what_they_are() {
        use base::units::{Usd, UsdPerWatt, Watts, Years};
        let facts = Facts::builtin().unwrap();
        assert_eq!(facts.nominal::<Usd>("mask set 3nm").unwrap(), Usd(25e6));
        assert_eq!(facts.nominal::<UsdPerWatt>("shell and electrical capital").unwrap(), UsdPerWatt(11.3));
        assert_eq!(facts.nominal::<Years>("tape-out to volume").unwrap(), Years(1.0));
        let wrong = facts.nominal::<Watts>("mask set 3nm").unwrap_err();
        assert_eq!(wrong.to_string(), "`mask set 3nm` is given in MUSD, which is not what is wanted here");
        let unknown = facts.find("mask set 4nm").unwrap_err().to_string();
        assert!(unknown.starts_with("no fact about `mask set 4nm`; near are `mask set"), "{unknown}");
    }

    #[test]
    fn words_and_grades_filter() {
        let facts = Facts::builtin().unwrap();
        let found = facts.filter("stack hbm3e futunn", Some(Grade::Press));
        assert!(found.iter().count() >= 2);
        assert!(found.iter().all(|fact| fact.grade == Grade::Press && fact.source.contains("futunn")));
        assert_eq!(facts.filter("no such words", None), Facts::default());
    }
}
