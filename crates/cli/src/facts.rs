//! `puce facts`: the figures of the outside world, with where they come from.

mod cost;
mod replay;

use crate::failure::Result;
use crate::ui::{self, Align, Sheet};
use clap::{Args, Subcommand, ValueEnum};
use econ::cases::{self, Outcome};
use econ::facts::{Date, Fact, Facts, Grade};
use serde::Serialize;

/// What to list.
#[derive(Args)]
#[command(after_help = "\
Grades: P company, filing, specification or data set; A analyst or academic; R press or rumour;
C computed from others, or assumed for the reason that its source states.

Examples:
  puce facts wafer price
  puce facts HBM --as-of 2024-10
  puce facts --grade R --json")]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Words that must occur in the name, the source or the note
    filter: Vec<String>,
    /// Of each quantity what could be known at this date: 2023, 2023-10 or 2023-10-31
    #[arg(long, value_name = "DATE")]
    as_of: Option<Date>,
    /// Only facts of this grade
    #[arg(long, value_enum, ignore_case = true)]
    grade: Option<Letter>,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Recompute published figures and print both
    #[command(after_help = "\
A prediction used nothing of the published figure; a fitted one chose an input with it in view;
consistency only shows that figures fit each other.

Examples:
  puce facts cases
  puce facts cases --as-of 2026-08 --json")]
    Cases {
        /// Compute with what could be known at this date
        #[arg(long, value_name = "DATE")]
        as_of: Option<Date>,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Cost a device, from its dies to its hour or its tokens
    Cost(cost::Arguments),
    /// Score what was known in October 2023, 2024 and 2025 against what is known now
    #[command(after_help = "\
A figure that was known is a forecast of the newer one. CRPS: mean error over the outcome, 0 is best.
Brier score: of the claim that nine in ten outcomes lie within their range; 0.09 if so, 0.81 if none does.")]
    Replay {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
}

/// A grade by its letter.
#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Letter {
    P,
    A,
    R,
    C,
}

impl Letter {
    fn grade(self) -> Grade {
        match self {
            Letter::P => Grade::Primary,
            Letter::A => Grade::Analyst,
            Letter::R => Grade::Press,
            Letter::C => Grade::Computed,
        }
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    match &arguments.command {
        Some(Command::Cases { as_of, json }) => return cases(*as_of, *json),
        Some(Command::Cost(arguments)) => return cost::run(arguments),
        Some(Command::Replay { json }) => return replay::run(*json),
        None => {}
    }
    let known = known(arguments.as_of)?;
    let found = known.filter(&arguments.filter.join(" "), arguments.grade.map(Letter::grade));
    if arguments.json {
        return ui::json(&found.iter().map(Listed::of).collect::<Vec<_>>());
    }
    match found.iter().count() {
        0 => ui::note("no fact fits; fewer words find more"),
        1 => return ui::print(&found.iter().map(sheet).collect::<String>()),
        count => ui::note(&format!("{}; one alone is shown with its source and note", ui::plural(count, "fact"))),
    }
    ui::print(&table(&found))
}

/// All facts, or of each quantity what could be known at a date.
fn known(as_of: Option<Date>) -> Result<Facts> {
    let all = Facts::builtin()?;
    Ok(as_of.map_or_else(|| all.clone(), |date| all.as_of(date)))
}

fn cases(as_of: Option<Date>, json: bool) -> Result {
    let outcomes = cases::evaluate(&known(as_of)?)?;
    if json {
        return ui::json(&outcomes.iter().map(Checked::of).collect::<Vec<_>>());
    }
    ui::print(&checks(&outcomes))?;
    for outcome in outcomes.iter().filter(|outcome| !outcome.holds()) {
        let why = outcome.case.misses.as_deref().unwrap_or("no reason is known");
        ui::note(&format!("{}: {why}", outcome.case.id));
    }
    let hold = outcomes.iter().filter(|outcome| outcome.holds()).count();
    ui::note(&format!("{hold} of {} agree", ui::plural(outcomes.len(), "case")));
    Ok(())
}

#[derive(Serialize)]
struct Checked<'a> {
    id: &'a str,
    title: &'a str,
    label: &'a str,
    published: f64,
    low: f64,
    high: f64,
    computed: f64,
    within_90: Option<(f64, f64)>,
    unit: &'a str,
    holds: bool,
    misses: Option<&'a str>,
    source: &'a str,
}

impl Checked<'_> {
    fn of(outcome: &Outcome) -> Checked<'_> {
        let case = &outcome.case;
        Checked {
            id: &case.id,
            title: &case.title,
            label: case.label.name(),
            published: case.published,
            low: case.low,
            high: case.high,
            computed: outcome.computed,
            within_90: outcome.within_90,
            unit: case.unit.symbol,
            holds: outcome.holds(),
            misses: case.misses.as_deref(),
            source: &case.source,
        }
    }
}

fn checks(outcomes: &[Outcome]) -> String {
    let (left, right) = (Align::Left, Align::Right);
    let head = [
        ("case", left),
        ("published", right),
        ("computed", right),
        ("off", right),
        ("agrees from", right),
        ("to", right),
        ("unit", left),
        ("kind", left),
        ("", left),
    ];
    let row = |outcome: &Outcome| {
        let case = &outcome.case;
        vec![
            ui::styled(ui::STRONG, &case.id),
            figures(case.published),
            figures(outcome.computed),
            format!("{:+.1} %", 100.0 * outcome.deviation()),
            figures(case.low),
            figures(case.high),
            case.unit.symbol.into(),
            case.label.name().into(),
            if outcome.holds() { "agrees".into() } else { ui::styled(ui::ALARM, "misses") },
        ]
    };
    ui::table(&head, &outcomes.iter().map(row).collect::<Vec<_>>())
}

/// Four significant figures, or all of a whole number.
pub fn figures(value: f64) -> String {
    if value != 0.0 && value.abs() < 1000.0 {
        let decimals = (3 - value.abs().log10().floor() as i32).clamp(0, 6) as usize;
        let text = format!("{value:.decimals$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        return text.to_owned();
    }
    number(value.round())
}

#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    quantity: &'a str,
    low: f64,
    nominal: f64,
    high: f64,
    unit: &'a str,
    grade: char,
    as_of: String,
    period: Option<&'a str>,
    source: &'a str,
    note: Option<&'a str>,
}

impl Listed<'_> {
    fn of(fact: &Fact) -> Listed<'_> {
        Listed {
            id: &fact.id,
            quantity: &fact.quantity,
            low: fact.range.low,
            nominal: fact.range.nominal,
            high: fact.range.high,
            unit: fact.unit.symbol,
            grade: fact.grade.letter(),
            as_of: fact.as_of.to_string(),
            period: fact.period.as_deref(),
            source: &fact.source,
            note: fact.note.as_deref(),
        }
    }
}

fn table(facts: &Facts) -> String {
    /// Sources are cut here: the rest is in the sheet of the fact alone and in the JSON.
    const SOURCE: usize = 48;
    let (left, right) = (Align::Left, Align::Right);
    let head = [
        ("quantity", left),
        ("low", right),
        ("nominal", right),
        ("high", right),
        ("unit", left),
        ("grade", left),
        ("as of", left),
        ("source", left),
    ];
    let ends = |fact: &Fact, value: f64| if fact.range.is_exact() { String::new() } else { number(value) };
    let rows = facts.iter().map(|fact| {
        vec![
            ui::styled(ui::STRONG, &fact.quantity),
            ends(fact, fact.range.low),
            number(fact.range.nominal),
            ends(fact, fact.range.high),
            fact.unit.symbol.into(),
            fact.grade.to_string(),
            fact.as_of.to_string(),
            cut(&fact.source, SOURCE),
        ]
    });
    ui::table(&head, &rows.collect::<Vec<_>>())
}

fn sheet(fact: &Fact) -> String {
    let mut sheet = Sheet::new();
    let range = &fact.range;
    sheet.row("quantity", ui::styled(ui::STRONG, &fact.quantity)).row("id", &fact.id);
    sheet.row("value", format!("{} {}", number(range.nominal), fact.unit.symbol));
    if !range.is_exact() {
        sheet.row("range", format!("{} to {} {}", number(range.low), number(range.high), fact.unit.symbol));
    }
    sheet.row("grade", fact.grade).row("as of", fact.as_of);
    fact.period.iter().for_each(|period| _ = sheet.row("period", period));
    sheet.row("source", &fact.source);
    fact.note.iter().for_each(|note| _ = sheet.row("note", note));
    sheet.text()
}

/// A number with commas where it is large and whole.
fn number(value: f64) -> String {
    let whole = value.fract() == 0.0 && (10_000.0..1e15).contains(&value);
    if whole { ui::count(value as u64) } else { value.to_string() }
}

/// The beginning of a text, at most so many characters.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_cuts() {
        let rounded = [545.2534, 0.48673, 87_114.3, 1.4, 0.0, 63.0, 5699.6].map(figures);
        assert_eq!(rounded, ["545.3", "0.4867", "87,114", "1.4", "0", "63", "5700"]);
        assert_eq!([0.1, 20_000.0, 2026.48, -44.0].map(number), ["0.1", "20,000", "2026.48", "-44"]);
        assert_eq!((cut("one two", 4), cut("one", 4)), ("one...".into(), "one".into()));
    }
}
