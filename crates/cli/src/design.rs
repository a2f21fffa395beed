//! `puce design`: the best chip for a study, and whether to build it.
//!
//! This module reads the study and its overrides, and writes the files. [`journal`] keeps what is searched on disk, [`table`] and [`points`] write Parquet,
//! [`progress`] shows how far it is, [`answer`] what came of it.

mod answer;
mod journal;
mod points;
mod progress;
mod table;

use crate::args::positive;
use crate::failure::{Result, read_text, remove, replace};
use crate::interrupt::{self, Working};
use crate::ui;
use clap::Args;
use econ::facts::{Date, Facts};
use explore::design::{self, Stage};
use explore::outcome::{Chosen, Outcome};
use explore::search::Stopped;
use explore::study::{Positive, Study};
use journal::Disk;
use progress::Bar;
use std::path::{Path, PathBuf};

/// Arguments of `puce design`.
#[derive(Args)]
#[command(after_help = "\
A study says which networks and traffic are served, how soon, from which grid of chips, within
which limits. The search is exact over that grid. Files that are written to the folder:
  chip.toml         the best chip, as a description that every other command takes
  report.html       everything with charts, in one page that opens offline
  memo.md           the decision on a page
  results.parquet   every point that was looked at; chips.parquet says what its chips are
  outcome.json      the answer as data
Ctrl-C, and even a crash, loses a few chips' work: the same command goes on where it stopped.

Examples:
  puce design
  puce design --print-study > my.toml && puce design my.toml
  puce design my.toml --as-of 2025-12 --out then
  puce design my.toml --points 200000 --json | jq .verdict")]
pub struct Arguments {
    /// Study in TOML [default: the built-in one]
    study: Option<PathBuf>,
    /// Folder for the files, made if it is not there [default: design-NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Decide with what could be known at this date instead of the study's
    #[arg(long, value_name = "DATE")]
    as_of: Option<Date>,
    /// Stop after so many points; the gap that is left is told
    #[arg(long, value_name = "N", value_parser = positive)]
    points: Option<usize>,
    /// Look at chips whose bound is up to this many times the best cost: the front is exact that far
    #[arg(long, value_name = "X", value_parser = slack)]
    slack: Option<f64>,
    /// Look at every chip that no limit refuses, whatever its bound
    #[arg(long, conflicts_with = "slack")]
    exhaustive: bool,
    /// Begin anew, whatever an earlier run left
    #[arg(long)]
    fresh: bool,
    /// Print the outcome as one JSON object, without the drawings
    #[arg(long)]
    json: bool,
    /// Print the text of the built-in study, to begin a study of one's own
    #[arg(long, conflicts_with_all = ["study", "out", "as_of", "points", "slack", "exhaustive", "fresh", "json"])]
    print_study: bool,
    /// Host threads; they change the time and nothing else [default: the host's]
    #[arg(long, value_name = "N", value_parser = positive)]
    threads: Option<usize>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    if arguments.print_study {
        return ui::print(Study::builtin_text());
    }
    interrupt::listen();
    rayon::ThreadPoolBuilder::new().num_threads(arguments.threads.unwrap_or(0)).build_global()?;
    let study = arguments.study()?;
    let out = arguments.out.clone().unwrap_or_else(|| format!("design-{}", study.name).into());
    let bar = Bar::new();
    let mut journal = Disk::open(out.join("search"), &study, arguments.fresh, &bar)?;
    // Only the search stops by itself; later stages lose nothing if they are ended at once.
    let mut working = Some(Working::begin());
    let outcome = design::run(&study, &Facts::builtin()?, &mut journal, &mut |stage| {
        working = working.take().filter(|_| stage == Stage::Search);
        bar.stage(stage);
    });
    bar.end();
    let outcome = match outcome {
        // Who presses Ctrl-C wants no error, only to know what to do.
        Err(design::Failure::Stopped(why @ Stopped::Interrupted)) => {
            ui::note(&why.to_string());
            return Ok(());
        }
        outcome => outcome?,
    };
    write(&outcome, &out)?;
    journal.chips(&out.join("chips.parquet"))?;
    journal.join(&out.join("results.parquet"))?;
    journal.end()?;
    // One that came too late to stop anything.
    interrupt::take();
    if arguments.json { ui::json(&undrawn(outcome)) } else { ui::print(&answer::text(&outcome, &out)) }
}

impl Arguments {
    /// The study with what the command line changes of it.
    fn study(&self) -> Result<Study> {
        let mut study = match &self.study {
            Some(path) => Study::parse(&path.display().to_string(), &read_text(path)?)?,
            None => Study::builtin(),
        };
        if let Some(date) = self.as_of {
            study.as_of.0 = date;
        }
        if let Some(points) = self.points {
            study.search.points = Some(Positive(points as f64));
        }
        let slack = if self.exhaustive { Some(f64::INFINITY) } else { self.slack };
        study.search.slack = slack.unwrap_or(study.search.slack);
        Ok(study)
    }
}

/// Writes what one outcome is enough for.
fn write(outcome: &Outcome, out: &Path) -> Result {
    let chip = out.join("chip.toml");
    match &outcome.chosen {
        Some(chosen) => replace(&chip, &chosen.toml)?,
        // One of an earlier study would be taken for the answer.
        None => remove(&chip)?,
    }
    replace(&out.join("outcome.json"), serde_json::to_vec(outcome)?)?;
    replace(&out.join("memo.md"), report::memo(outcome))?;
    replace(&out.join("report.html"), report::page(outcome))
}

/// The outcome without its drawings: they stand in `outcome.json`.
fn undrawn(mut outcome: Outcome) -> Outcome {
    if let Some(Chosen { die, package, heat, .. }) = &mut outcome.chosen {
        [die, package, heat].into_iter().for_each(String::clear);
    }
    outcome
}

/// How far above the best cost to look.
fn slack(text: &str) -> std::result::Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| *number >= 1.0 && number.is_finite());
    number.ok_or_else(|| "a number from 1 is expected; --exhaustive looks at everything".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slack_is_one_or_more() {
        assert_eq!(slack("1.25"), Ok(1.25));
        assert!(["0.9", "inf", "NaN", "x", "-1"].into_iter().all(|text| slack(text).is_err()));
    }
}
