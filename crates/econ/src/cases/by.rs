//! The ways to compute a published figure. Each is a few lines over the functions of this crate; results are in base units.

use super::devices::Described;
use crate::compare::{self, Question};
use crate::die::{Defects, Harvest, Wafer, wafer::DIAMETER};
use crate::facts::{FactError, Facts, unit};
use crate::finance::annuity;
use crate::fleet;
use crate::market::Market;
use crate::package::{Bill, with_margin};
use crate::schedule::break_even;
use crate::token::{Speed, Tariff, Traffic, per_million};
use crate::uncertain::Study;
use base::units::{
    HOURS_PER_YEAR, Millimetres, PerSquareMillimetre, SECONDS_PER_HOUR, Seconds, SquareMillimetres, Usd, UsdPerHour,
    Years,
};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// Samples of a study for one case: its quantiles stand to a few parts in a thousand.
const SAMPLES: usize = 1 << 13;

/// A quantity in a file: `"41 mm"`.
fn quantity<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

/// What a way needs besides its own numbers.
pub struct Context<'a> {
    /// Figures.
    pub facts: &'a Facts,
    /// Devices by name.
    pub devices: &'a [Described],
    /// The day of a serving operator, if the file has one.
    pub day: Option<&'a Day>,
}

/// What came out, in base units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The figure.
    pub value: f64,
    /// Nine samples in ten lie between, where inputs are uncertain.
    pub within_90: Option<(f64, f64)>,
}

impl From<f64> for Found {
    fn from(value: f64) -> Found {
        Found { value, within_90: None }
    }
}

/// A published day of serving.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Day {
    #[serde(rename = "source")]
    _source: String,
    cached: f64,
    fresh: f64,
    output: f64,
    input_rate: f64,
    output_rate: f64,
    devices_per_node: f64,
    #[serde(deserialize_with = "quantity")]
    rent: UsdPerHour,
    #[serde(deserialize_with = "quantity")]
    price_cached: Usd,
    #[serde(deserialize_with = "quantity")]
    price_fresh: Usd,
    #[serde(deserialize_with = "quantity")]
    price_output: Usd,
}

/// A figure of such a day.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum OfDay {
    Nodes,
    Cost,
    Revenue,
    Margin,
    Input,
    Output,
    Blended,
}

/// A model of yield by its name.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Model {
    Poisson,
    Murphy,
    NegativeBinomial,
}

/// How a figure is computed.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[allow(missing_docs)]
pub enum By {
    /// A wafer, as its price was known at a date, over the usual formula.
    FormulaDieCost {
        wafer: String,
        as_of: String,
        #[serde(deserialize_with = "quantity")]
        area: SquareMillimetres,
    },
    /// Dies or packages that fit on a wafer.
    DiesPerWafer {
        #[serde(deserialize_with = "quantity")]
        width: Millimetres,
        #[serde(deserialize_with = "quantity")]
        height: Millimetres,
        #[serde(deserialize_with = "quantity")]
        edge: Millimetres,
        #[serde(deserialize_with = "quantity")]
        street: Millimetres,
    },
    /// Share of good dies.
    Yield {
        model: Model,
        alpha: Option<f64>,
        #[serde(deserialize_with = "quantity")]
        area: SquareMillimetres,
        #[serde(deserialize_with = "quantity")]
        density: PerSquareMillimetre,
        harvest: Option<Harvest>,
    },
    /// Cost of making a device, or one step of it.
    Make { device: String, step: Option<String> },
    /// By how much that rises when memory is dearer by `factor` and every other line, losses among them, stays: as those reckon who publish shares.
    MemoryShock {
        device: String,
        factor: f64,
        #[serde(default = "one")]
        packages: f64,
        beside: Option<String>,
    },
    /// Share of memory in the components of a mix of devices, by number.
    MemoryShare { mix: BTreeMap<String, f64> },
    /// Cost of owning and running a device per hour, at the nominals: they are the one set of finance.
    Ownership { device: String },
    /// A year of a site: capital by annuities, and operation.
    Year {
        #[serde(deserialize_with = "quantity")]
        devices: Usd,
        #[serde(deserialize_with = "quantity")]
        building: Usd,
        #[serde(deserialize_with = "quantity")]
        operation: Usd,
        rate: f64,
        #[serde(deserialize_with = "quantity")]
        life: Years,
        #[serde(deserialize_with = "quantity")]
        building_life: Years,
    },
    /// One fact or figure over another.
    Quotient { of: String, over: String },
    /// One fact or figure times another.
    Product { of: String, by: String },
    /// A sum of facts or figures.
    Sum { of: Vec<String> },
    /// Devices sold: a share of each revenue over the price of the device that stands for it, median.
    Units { share: String, sales: Vec<[String; 2]> },
    /// Failures per device and year.
    Failures { failures: f64, devices: f64, days: f64 },
    /// Share of its time in which a job advances that saves at the best interval.
    Goodput {
        failures: f64,
        days: f64,
        #[serde(deserialize_with = "quantity")]
        saving: Seconds,
        #[serde(deserialize_with = "quantity")]
        restart: Seconds,
    },
    /// Price through a partner.
    Partner {
        #[serde(deserialize_with = "quantity")]
        make: Usd,
        margin: f64,
    },
    /// Chips that pay back what was spent.
    BreakEven {
        #[serde(deserialize_with = "quantity")]
        spent: Usd,
        #[serde(deserialize_with = "quantity")]
        price: Usd,
        #[serde(deserialize_with = "quantity")]
        make: Usd,
    },
    /// A figure of the day in the same file.
    Day { what: OfDay },
}

fn one() -> f64 {
    1.0
}

impl By {
    /// Computes the figure.
    ///
    /// # Errors
    /// If a fact, a device or a date is missing or wrong.
    pub fn compute(&self, context: &Context) -> Result<Found, FactError> {
        Ok(match self {
            By::FormulaDieCost { wafer, as_of, area } => formula_die_cost(context, wafer, as_of, *area)?.into(),
            By::DiesPerWafer { width, height, edge, street } => {
                let wafer = Wafer { diameter: DIAMETER, edge: *edge, street: *street };
                f64::from(wafer.count(*width, *height)).into()
            }
            By::Yield { model, alpha, area, density, harvest } => {
                yield_of(*model, *alpha, *area * *density, harvest.as_ref()).into()
            }
            By::Make { device, step: None } => sampled(context, device, Question::Make, Take::Median)?,
            By::Make { device, step: Some(step) } => step_of(&bill(context, device)?, step)?.into(),
            By::MemoryShock { device, factor, packages, beside } => {
                let beside = beside.as_ref().map_or(Ok(Usd(0.0)), |quantity| context.facts.nominal(quantity))?;
                let bill = bill(context, device)?;
                (bill.memory * (factor - 1.0) * *packages / (bill.total() * *packages + beside)).into()
            }
            By::MemoryShare { mix } => memory_share(context, mix)?.into(),
            By::Ownership { device } => sampled(context, device, Question::Hour, Take::Nominal)?,
            By::Year { devices, building, operation, rate, life, building_life } => {
                let yearly = *devices * annuity(*rate, *life) + *building * annuity(*rate, *building_life);
                (yearly + *operation).0.into()
            }
            By::Quotient { of, over } => (figure(context, of)? / figure(context, over)?).into(),
            By::Product { of, by } => (figure(context, of)? * figure(context, by)?).into(),
            By::Sum { of } => of.iter().map(|of| figure(context, of)).sum::<Result<f64, _>>()?.into(),
            By::Units { share, sales } => units(context, share, sales)?,
            By::Failures { failures, devices, days } => fleet::rate(*failures, *devices, *days).into(),
            By::Goodput { failures, days, saving, restart } => {
                let between = fleet::between_interruptions(1.0, fleet::rate(*failures, 1.0, *days));
                let between = Seconds(between.0 * HOURS_PER_YEAR * SECONDS_PER_HOUR);
                fleet::goodput(between, fleet::best_interval(between, *saving), *saving, *restart).into()
            }
            By::Partner { make, margin } => with_margin(*make, *margin).0.into(),
            By::BreakEven { spent, price, make } => break_even(*spent, *price, *make).unwrap_or(f64::INFINITY).into(),
            By::Day { what } => context.day.ok_or_else(|| unknown("a `[day]` in this file"))?.figure(*what).into(),
        })
    }
}

fn unknown(what: &str) -> FactError {
    FactError::Unknown { quantity: what.to_owned(), near: Vec::new() }
}

/// The nominal of a fact by its quantity, or a figure with its unit: `41.6 BUSD/GW`.
fn figure(context: &Context, text: &str) -> Result<f64, FactError> {
    let written = text.split_once(' ').and_then(|(number, symbol)| {
        let unit = unit::find(symbol)?;
        Some(number.parse::<f64>().ok()? * unit.worth)
    });
    written.map_or_else(|| Ok(context.facts.find(text)?.in_base().nominal), Ok)
}

fn formula_die_cost(context: &Context, wafer: &str, as_of: &str, area: SquareMillimetres) -> Result<f64, FactError> {
    let date = as_of.parse().map_err(|_| unknown(as_of))?;
    let price: Usd = context.facts.as_of(date).nominal(wafer)?;
    // The formula looks at nothing but the diameter.
    let cut = Wafer { diameter: DIAMETER, edge: Millimetres(0.0), street: Millimetres(0.0) };
    Ok(price.0 / cut.formula(area))
}

fn yield_of(model: Model, alpha: Option<f64>, mean: f64, harvest: Option<&Harvest>) -> f64 {
    let defects = match (model, alpha) {
        (Model::Murphy, _) => Defects::Murphy,
        (Model::NegativeBinomial, Some(alpha)) => Defects::NegativeBinomial { alpha },
        (Model::Poisson, _) | (Model::NegativeBinomial, None) => Defects::Poisson,
    };
    harvest.map_or_else(|| defects.free(mean), |harvest| harvest.good(defects, mean))
}

fn device<'a>(context: &Context<'a>, name: &str) -> Result<&'a Described, FactError> {
    context.devices.iter().find(|device| device.name == name).ok_or_else(|| unknown(name))
}

/// The bill of a device at nominals.
fn bill(context: &Context, name: &str) -> Result<Bill, FactError> {
    Ok(device(context, name)?.package.bill(&Market::nominal(context.facts)?))
}

fn step_of(bill: &Bill, step: &str) -> Result<f64, FactError> {
    let found = bill.steps().into_iter().find(|(name, _)| *name == step);
    found.map(|(_, amount)| amount.0).ok_or_else(|| unknown(step))
}

/// Which figure of a study is held against the published one.
enum Take {
    /// The median of its distribution.
    Median,
    /// The figure when every input is at its nominal.
    Nominal,
}

fn sampled(context: &Context, name: &str, question: Question, take: Take) -> Result<Found, FactError> {
    let devices = [device(context, name)?.device()];
    let study = compare::study(context.facts, &devices, std::slice::from_ref(&question))?;
    let found = study.run(SAMPLES)[0];
    let value = match take {
        Take::Median => found.median,
        Take::Nominal => study.nominal()[0],
    };
    Ok(Found { value, within_90: Some(found.within_90) })
}

fn units(context: &Context, share: &str, sales: &[[String; 2]]) -> Result<Found, FactError> {
    let mut inputs = vec![(share.to_owned(), context.facts.range::<f64>(share)?)];
    for [revenue, price] in sales {
        inputs.push((revenue.clone(), context.facts.range::<Usd>(revenue)?));
        inputs.push((price.clone(), context.facts.range::<Usd>(price)?));
    }
    let model = |values: &[f64], results: &mut [f64]| {
        results[0] = values[0] * values[1..].chunks(2).map(|sale| sale[0] / sale[1]).sum::<f64>();
    };
    let found = Study { inputs, results: vec!["units".to_owned()], model }.run(SAMPLES)[0];
    Ok(Found { value: found.median, within_90: Some(found.within_90) })
}

/// Memory over logic, memory and package of a mix, losses and tests left out as analysts do.
fn memory_share(context: &Context, mix: &BTreeMap<String, f64>) -> Result<f64, FactError> {
    let (mut memory, mut all) = (Usd(0.0), Usd(0.0));
    for (name, count) in mix {
        let bill = bill(context, name)?;
        memory += bill.memory * *count;
        all += (bill.logic + bill.memory + bill.interposer + bill.assembly) * *count;
    }
    Ok(memory / all)
}

impl Day {
    fn figure(&self, what: OfDay) -> f64 {
        const DAY: f64 = 24.0 * SECONDS_PER_HOUR;
        let traffic = Traffic { cached: self.cached, fresh: self.fresh, output: self.output };
        let speed = Speed { input: self.input_rate, output: self.output_rate };
        let tariff = Tariff { cached: self.price_cached, fresh: self.price_fresh, output: self.price_output };
        let (reading, writing) = traffic.devices(speed, DAY);
        let node = self.rent * self.devices_per_node;
        let tokens = per_million(node, speed);
        let (cost, revenue) = (node.0 * 24.0 * (reading + writing), traffic.revenue(&tariff).0);
        match what {
            OfDay::Nodes => reading + writing,
            OfDay::Cost => cost,
            OfDay::Revenue => revenue,
            OfDay::Margin => revenue / cost - 1.0,
            OfDay::Input => tokens.input.0,
            OfDay::Output => tokens.output.0,
            OfDay::Blended => traffic.per_million_written(&tokens).0,
        }
    }
}
