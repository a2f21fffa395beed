//! `puce facts cost`: one device, from its dies to its hour or its tokens, with what is not known.

use super::known;
use crate::args::positive;
use crate::failure::{Failure, Result};
use crate::ui::{self, Align, Sheet};
use clap::Args;
use econ::cases::devices::{self, Described};
use econ::compare::{self, Question};
use econ::cost::{self, Cost, Device, SpeedRange};
use econ::facts::{Date, Facts};
use econ::market::Market;
use econ::range::Range;
use econ::uncertain::{Distribution, Share};
use serde::Serialize;

/// What to cost.
#[derive(Args)]
#[command(after_help = "\
Every input is a range with a source: `puce facts` lists them. An interval holds nine samples
in ten; a share says how much of the variance would vanish if that input were known.

Examples:
  puce facts cost B200
  puce facts cost H100 --read 12000 --write 3800
  puce facts cost MI355X --samples 1000000 --json")]
pub struct Arguments {
    /// Name of a device of the public cases
    device: String,
    /// Tokens of prompts read per second
    #[arg(long, value_name = "RATE", requires = "write", value_parser = positive)]
    read: Option<usize>,
    /// Tokens of answers written per second
    #[arg(long, value_name = "RATE", requires = "read", value_parser = positive)]
    write: Option<usize>,
    /// Cost it with what could be known at this date
    #[arg(long, value_name = "DATE")]
    as_of: Option<Date>,
    /// Samples of the ranges
    #[arg(long, default_value = "65536", value_parser = positive)]
    samples: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Points from which shares are estimated: they stand to about a percent.
const POINTS: usize = 1 << 12;

/// Inputs named for each result.
const NAMED: usize = 3;

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    let facts = known(arguments.as_of)?;
    let all = devices::builtin(&facts)?;
    let described = find(&all, &arguments.device)?;
    let mut device = described.device();
    if let (Some(read), Some(write)) = (arguments.read, arguments.write) {
        let speed = |rate: usize| Range::exactly(rate as f64);
        device.speed = Some(SpeedRange { input: speed(read), output: speed(write) });
    }
    let sheet = Costed::of(described, &device, &facts, arguments.samples)?;
    if arguments.json { ui::json(&sheet) } else { ui::print(&sheet.text()) }
}

fn find<'a>(all: &'a [Described], name: &str) -> Result<&'a Described> {
    all.iter().find(|device| device.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|device| device.name.as_str()).collect();
        Failure::new(format!("there is no device `{name}`: known are {}", names.join(", ")))
    })
}

#[derive(Serialize)]
struct Costed {
    device: String,
    source: String,
    grade: char,
    results: Vec<Answer>,
    making: Vec<Step>,
    hour: Vec<Step>,
}

#[derive(Serialize)]
struct Answer {
    what: &'static str,
    median: f64,
    within_80: (f64, f64),
    within_90: (f64, f64),
    shares: Vec<Explains>,
}

#[derive(Serialize)]
struct Explains {
    input: String,
    first: f64,
    total: f64,
}

/// A step of a waterfall at the nominals.
#[derive(Serialize)]
struct Step {
    what: &'static str,
    usd: f64,
}

impl Costed {
    fn of(described: &Described, device: &Device, facts: &Facts, samples: usize) -> Result<Costed> {
        let questions = questions(described, device);
        let study = compare::study(facts, std::slice::from_ref(device), &questions)?;
        let (found, shares) = (study.run(samples), study.shares(POINTS));
        let answers = questions.iter().zip(&found).zip(shares);
        let cost = cost::of(&device.nominal(), &Market::nominal(facts)?);
        Ok(Costed {
            device: device.name.clone(),
            source: described.source.clone(),
            grade: described.grade.letter(),
            results: answers.map(|((question, found), shares)| Answer::of(*question, found, shares)).collect(),
            making: making(&cost),
            hour: if described.power.is_some() { hour(&cost) } else { Vec::new() },
        })
    }

    fn text(&self) -> String {
        let mut sheet = Sheet::new();
        sheet.row("device", ui::styled(ui::STRONG, &self.device)).row("source", &self.source).row("grade", self.grade);
        for (label, steps) in [("making", &self.making), ("hour", &self.hour)] {
            let line: Vec<String> =
                steps.iter().map(|step| format!("{} {}", step.what, super::figures(step.usd))).collect();
            if !line.is_empty() {
                sheet.row(label, line.join(", "));
            }
        }
        let (left, right) = (Align::Left, Align::Right);
        let head = [("USD", left), ("median", right), ("90 % from", right), ("to", right)];
        let rows: Vec<Vec<String>> = self.results.iter().map(Answer::row).collect();
        let mut explained = Sheet::new();
        for answer in self.results.iter().filter(|answer| !answer.shares.is_empty()) {
            explained.row(answer.what, answer.explanation());
        }
        let (sheet, table, explained) = (sheet.text(), ui::table(&head, &rows), explained.text());
        format!("{sheet}\n{table}\nwhat explains the spread\n{explained}")
    }
}

/// What can be asked: an hour wants the power, tokens want the speed.
fn questions(described: &Described, device: &Device) -> Vec<Question> {
    let mut questions = vec![Question::Make, Question::Price];
    if described.power.is_some() {
        questions.extend([Question::Hour, Question::UsefulHour]);
        if device.speed.is_some() {
            questions.extend([Question::Input, Question::Output]);
        }
    }
    questions
}

fn making(cost: &Cost) -> Vec<Step> {
    let bill = cost.bill.iter().flat_map(|bill| bill.steps());
    let sale = [("margin", cost.margin), ("design", cost.design)].into_iter().filter(|(_, amount)| amount.0 != 0.0);
    bill.chain(sale).map(|(what, amount)| Step { what, usd: amount.0 }).collect()
}

fn hour(cost: &Cost) -> Vec<Step> {
    cost.hour.steps().into_iter().map(|(what, amount)| Step { what, usd: amount.0 }).collect()
}

impl Answer {
    fn of(question: Question, found: &Distribution, shares: Vec<Share>) -> Answer {
        let explains = |Share { input, first, total }: Share| Explains { input, first, total };
        Answer {
            what: question.name(),
            median: found.median,
            within_80: found.within_80,
            within_90: found.within_90,
            shares: shares.into_iter().filter(|share| share.total > 0.0).map(explains).collect(),
        }
    }

    fn row(&self) -> Vec<String> {
        vec![
            ui::styled(ui::STRONG, self.what),
            super::figures(self.median),
            super::figures(self.within_90.0),
            super::figures(self.within_90.1),
        ]
    }

    /// The inputs that explain most of the spread.
    fn explanation(&self) -> String {
        let named = self.shares.iter().take(NAMED).map(|share| format!("{} {:.0} %", share.input, 100.0 * share.total));
        named.collect::<Vec<_>>().join(", ")
    }
}
