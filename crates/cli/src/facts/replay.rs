//! `puce facts replay`: what was known at earlier dates, scored against what is known now.

use super::{cut, figures};
use crate::failure::Result;
use crate::ui::{self, Align};
use econ::replay::{self, Forecast, Replay};
use serde::Serialize;

/// A date in JSON.
#[derive(Serialize)]
struct Told<'a> {
    date: String,
    crps: Option<f64>,
    brier: Option<f64>,
    forecasts: Vec<Scored<'a>>,
    /// Inputs of costs without a figure: what keeps an hour's cost from being forecast.
    missing: &'a [&'static str],
}

#[derive(Serialize)]
struct Scored<'a> {
    quantity: &'a str,
    unit: &'a str,
    known: String,
    low: f64,
    nominal: f64,
    high: f64,
    outcome: f64,
    of: String,
    crps: f64,
    inside: Option<bool>,
    brier: Option<f64>,
}

impl<'a> Told<'a> {
    fn of(replay: &'a Replay) -> Told<'a> {
        let scored = |one: &'a Forecast| Scored {
            quantity: &one.then.quantity,
            unit: one.then.unit.symbol,
            known: one.then.as_of.to_string(),
            low: one.then.range.low,
            nominal: one.then.range.nominal,
            high: one.then.range.high,
            outcome: outcome(one),
            of: one.now.as_of.to_string(),
            crps: one.crps,
            inside: one.inside,
            brier: one.brier(),
        };
        Told {
            date: replay.date.to_string(),
            crps: replay.crps(),
            brier: replay.brier(),
            forecasts: replay.forecasts.iter().map(scored).collect(),
            missing: &replay.missing,
        }
    }
}

/// Runs the command.
pub fn run(json: bool) -> Result {
    let replays = replay::builtin()?;
    if json {
        return ui::json(&replays.iter().map(Told::of).collect::<Vec<_>>());
    }
    ui::print(&replays.iter().map(text).collect::<Vec<_>>().join("\n"))
}

/// The newest figure in the unit of the older one.
fn outcome(forecast: &Forecast) -> f64 {
    forecast.now.in_base().nominal / forecast.then.unit.worth
}

/// The table of a date, its scores, and what could not be forecast.
fn text(replay: &Replay) -> String {
    /// Names are cut here, so that a line fits 80 columns: the JSON has them whole.
    const NAME: usize = 24;
    let (left, right) = (Align::Left, Align::Right);
    let head = [("", left), ("known", right), ("became", right), ("unit", left), ("CRPS", right), ("90 %", left)];
    let row = |one: &Forecast| {
        let inside = match one.inside {
            None => String::new(),
            Some(true) => "in".into(),
            Some(false) => ui::styled(ui::ALARM, "out"),
        };
        vec![
            format!("  {}", cut(&one.then.quantity, NAME)),
            figures(one.then.range.nominal),
            figures(outcome(one)),
            one.then.unit.symbol.into(),
            format!("{:.2}", one.crps),
            inside,
        ]
    };
    let table = ui::table(&head, &replay.forecasts.iter().map(row).collect::<Vec<_>>());
    let score = |score: Option<f64>| score.map_or("none".into(), |score| format!("{score:.2}"));
    let missing = match replay.missing.len() {
        0 => String::new(),
        count => format!(
            "no forecast of an hour's cost, nor of whether own silicon is cheaper:\n{} of {} inputs had no dated figure\n",
            count,
            econ::market::Market::QUANTITIES.len()
        ),
    };
    format!(
        "{}\n{table}CRPS over the outcome {}, Brier score of the ranges {}\n{missing}",
        ui::styled(ui::STRONG, format!("as of {}", replay.date)),
        score(replay.crps()),
        score(replay.brier()),
    )
}
