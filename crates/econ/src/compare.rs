//! Several devices in one uncertain market.
//!
//! All devices see the same sample of the market at once: a dear wafer is dear for everybody who buys one. So what is said about the *difference* of two devices is
//! far less uncertain than each of them alone, which is what a choice between them rests on.

use crate::cost::{self, Cost, Device};
use crate::facts::{FactError, Facts};
use crate::market::Market;
use crate::range::Range;
use crate::uncertain::Study;

/// What is asked of each device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Dollars to make one.
    Make,
    /// Dollars to have one.
    Price,
    /// Dollars per hour of the year.
    Hour,
    /// Dollars per hour that does work.
    UsefulHour,
    /// Dollars per million tokens read.
    Input,
    /// Dollars per million tokens written.
    Output,
}

impl Question {
    /// What to call the answer.
    pub fn name(self) -> &'static str {
        match self {
            Question::Make => "cost of making",
            Question::Price => "price",
            Question::Hour => "hour",
            Question::UsefulHour => "useful hour",
            Question::Input => "million tokens read",
            Question::Output => "million tokens written",
        }
    }

    /// The answer; not a number where the device does not know it.
    pub fn of(self, cost: &Cost) -> f64 {
        match self {
            Question::Make => cost.bill.map_or(f64::NAN, |bill| bill.total().0),
            Question::Price => cost.price.0,
            Question::Hour => cost.hour.total().0,
            Question::UsefulHour => cost.useful_hour.0,
            Question::Input => cost.tokens.map_or(f64::NAN, |tokens| tokens.input.0),
            Question::Output => cost.tokens.map_or(f64::NAN, |tokens| tokens.output.0),
        }
    }
}

/// The inputs of a comparison: the market's, then each device's own.
fn inputs(facts: &Facts, devices: &[Device]) -> Result<Vec<(String, Range)>, FactError> {
    let market = Market::QUANTITIES.iter().map(|quantity| (*quantity).to_owned()).zip(Market::ranges(facts)?);
    Ok(market.chain(devices.iter().flat_map(Device::inputs)).collect())
}

/// A study whose results are the answers of every device to every question, device by device.
///
/// # Errors
/// If `facts` lack an input of the market.
pub fn study<'a>(
    facts: &Facts,
    devices: &'a [Device],
    questions: &'a [Question],
) -> Result<Study<impl Fn(&[f64], &mut [f64]) + Sync + 'a>, FactError> {
    let counts: Vec<usize> = devices.iter().map(|device| device.inputs().len()).collect();
    let results = devices
        .iter()
        .flat_map(|device| questions.iter().map(|question| format!("{} {}", question.name(), device.name)));
    let model = move |values: &[f64], results: &mut [f64]| {
        let (shared, mut own) = values.split_at(Market::QUANTITIES.len());
        let market = Market::from_values(shared);
        for ((device, count), results) in devices.iter().zip(&counts).zip(results.chunks_mut(questions.len())) {
            let cost = cost::of(&device.at(&own[..*count]), &market);
            own = &own[*count..];
            results.iter_mut().zip(questions).for_each(|(result, question)| *result = question.of(&cost));
        }
    };
    Ok(Study { inputs: inputs(facts, devices)?, results: results.collect(), model })
}
