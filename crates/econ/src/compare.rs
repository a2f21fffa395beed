//! Several devices in one uncertain market.
//!
//! All devices see the same sample of the market at once: a dear wafer is dear for everybody who buys one. So what is said about the *difference* of two devices is
//! far less uncertain than each of them alone, which is what a choice between them rests on.

use crate::cost::{self, Cost, Device};
use crate::facts::{FactError, Facts};
use crate::market::Market;
use crate::range::Range;
use crate::uncertain::{Model, Study};

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

/// Devices and what is asked of them: a function from the inputs of a comparison to the answers, device by device.
pub struct Comparison<'a> {
    devices: &'a [Device],
    questions: &'a [Question],
    /// Inputs that only one device has, per device.
    own: Vec<usize>,
}

impl Model for Comparison<'_> {
    fn compute(&self, values: &[f64], results: &mut [f64]) {
        let (shared, mut own) = values.split_at(Market::QUANTITIES.len());
        let market = Market::from_values(shared);
        let asked = results.chunks_mut(self.questions.len());
        for ((device, count), results) in self.devices.iter().zip(&self.own).zip(asked) {
            let cost = cost::of(&device.at(&own[..*count]), &market);
            own = &own[*count..];
            results.iter_mut().zip(self.questions).for_each(|(result, question)| *result = question.of(&cost));
        }
    }
}

/// A study whose results are the answers of every device to every question, device by device.
///
/// # Errors
/// If `facts` lack an input of the market.
pub fn study<'a>(
    facts: &Facts,
    devices: &'a [Device],
    questions: &'a [Question],
) -> Result<Study<Comparison<'a>>, FactError> {
    let answers = devices.iter().flat_map(|device| questions.iter().map(move |question| (device, question)));
    let results = answers.map(|(device, question)| format!("{} {}", question.name(), device.name));
    let own = devices.iter().map(|device| device.inputs().len()).collect();
    Ok(Study {
        inputs: inputs(facts, devices)?,
        results: results.collect(),
        model: Comparison { devices, questions, own },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{Acquisition, SpeedRange};
    use crate::finance::Tenure;
    use crate::server::Supply;

    fn device(name: &str, price: f64) -> Device {
        Device {
            name: name.into(),
            package: None,
            silicon: Range::exactly(1.0),
            acquisition: Acquisition::Buy { price: Range::new(price * 0.9, price, price * 1.1).unwrap() },
            supply: Supply::Device,
            tenure: Tenure::Own,
            power: Range::exactly(1500.0),
            speed: Some(SpeedRange { input: Range::exactly(2e4), output: Range::exactly(2e3) }),
        }
    }

    #[test]
    fn a_study_of_nominals_is_the_function_itself() {
        let facts = Facts::builtin().unwrap();
        let devices = [device("a", 20_000.0), device("b", 40_000.0)];
        let questions = [Question::Price, Question::UsefulHour, Question::Output];
        let study = study(&facts, &devices, &questions).unwrap();
        let market = Market::nominal(&facts).unwrap();
        let direct = devices.iter().flat_map(|device| {
            let cost = cost::of(&device.nominal(), &market);
            questions.map(|question| question.of(&cost))
        });
        assert_eq!(study.nominal(), direct.collect::<Vec<_>>());
        assert_eq!(study.results[4], "useful hour b");
    }

    #[test]
    fn devices_share_their_market() {
        let facts = Facts::builtin().unwrap();
        let devices = [device("a", 20_000.0), device("b", 40_000.0)];
        let study = study(&facts, &devices, &[Question::UsefulHour]).unwrap();
        let samples = study.sample(4096);
        let spread = |values: Vec<f64>| {
            let found = crate::uncertain::Distribution::of(values);
            (found.within_90.1 - found.within_90.0) / found.median
        };
        let alone = spread(samples.chunks(2).map(|pair| pair[0]).collect());
        let ratio = spread(samples.chunks(2).map(|pair| pair[1] / pair[0]).collect());
        assert!(ratio < 0.5 * alone, "the ratio spreads by {ratio}, one device by {alone}");
    }

    #[test]
    fn unknown_answers_are_no_numbers() {
        let facts = Facts::builtin().unwrap();
        let mute = [Device { speed: None, ..device("a", 20_000.0) }];
        let study = study(&facts, &mute, &[Question::Make, Question::Input, Question::Hour]).unwrap();
        let found = study.nominal();
        assert!(found[0].is_nan() && found[1].is_nan() && found[2] > 0.5);
    }
}
