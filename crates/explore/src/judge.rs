//! The judgement: what our chip's tokens cost beside the rivals', how sure that is, what it hangs on, what would turn it over.
//!
//! All runners see the same sample of the market at once ([`econ::compare`]); each adds what only it has: its price, its power, its speed within the interval of the model of
//! time, and ours the area of a die that has not been synthesised, and a share of design and masks that may need respins.

use crate::outcome::{Action, Explains, Flip, Span};
use crate::runner::Runner;
use econ::compare::{self, Comparison, Question};
use econ::cost::{self, Device, SpeedRange};
use econ::facts::{FactError, Facts};
use econ::market::Market;
use econ::range::Range;
use econ::uncertain::{Distribution, Model, Study};

/// Samples of the distributions; a power of two spreads best.
pub const SAMPLES: usize = 1 << 14;

/// Points of the shares.
const POINTS: usize = 1 << 10;

/// What is asked of each device.
const QUESTIONS: [Question; 3] = [Question::Price, Question::UsefulHour, Question::Output];

/// Place of the cost of a million tokens among the answers.
const USD: usize = 2;

/// Standard deviations of an input within which a turning point is looked for: beyond, nobody would believe it.
const FAR: f64 = 8.0;

/// Probability from which on a chip is to be built, and below which it is not: between them the study says that it hangs on what is not known. Three to one is a bet that a board takes.
pub const SURE: (f64, f64) = (0.5, 0.75);

impl From<Distribution> for Span {
    fn from(found: Distribution) -> Span {
        Span { low: found.within_90.0, median: found.median, high: found.within_90.1 }
    }
}

/// What a runner comes to in money.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Priced {
    /// Dollars of a package.
    pub price: Span,
    /// Dollars per hour of a package that does work.
    pub hour: Span,
    /// Dollars per million tokens.
    pub usd: Span,
}

/// Our chip against its best rival.
#[derive(Clone, Debug, PartialEq)]
pub struct Duel {
    /// Cost of our tokens over the rival's.
    pub ratio: Span,
    /// Probability that ours are cheaper.
    pub probability: f64,
    /// What the spread comes from.
    pub sensitivity: Vec<Explains>,
    /// What would turn it over.
    pub flips: Vec<Flip>,
    /// Packages after which design and masks are paid for.
    pub break_even: Option<f64>,
}

/// A runner's device with its speed for the mix: `seconds` of a device per token, of which `reading`, between `low` and `high` times that.
pub fn priced(runner: &Runner, power: Range, seconds: f64, factors: (f64, f64)) -> Device {
    let rate = runner.dies as f64 / seconds;
    let output = Range::new(rate / factors.1, rate, rate / factors.0).unwrap_or(Range::exactly(rate));
    // Prompts are part of what a token costs here, so reading has no speed of its own.
    let speed = SpeedRange { input: Range::exactly(rate), output };
    Device { power, speed: Some(speed), ..runner.money.clone() }
}

/// What every device comes to, over all that is not known.
///
/// # Errors
/// If `facts` lack an input of the market.
pub fn spread(facts: &Facts, devices: &[Device]) -> Result<Vec<Priced>, FactError> {
    let found = compare::study(facts, devices, &QUESTIONS)?.run(SAMPLES);
    let one = |answers: &[Distribution]| Priced {
        price: answers[0].into(),
        hour: answers[1].into(),
        usd: answers[USD].into(),
    };
    Ok(found.chunks(QUESTIONS.len()).map(one).collect())
}

/// The first device's cost over that of the cheapest other, as a function of everything that is not known.
struct Ratio<'a> {
    compared: Comparison<'a>,
    devices: usize,
}

impl Model for Ratio<'_> {
    fn compute(&self, values: &[f64], results: &mut [f64]) {
        /// Most devices of a duel.
        const MOST: usize = 8;
        let mut answers = [0.0; MOST];
        let answers = &mut answers[..self.devices.min(MOST)];
        self.compared.compute(values, answers);
        let cheapest = answers[1..].iter().copied().fold(f64::INFINITY, f64::min);
        results[0] = answers[0] / cheapest;
    }
}

/// A duel under way.
struct Ring<'a> {
    facts: &'a Facts,
    study: Study<Ratio<'a>>,
}

impl Ring<'_> {
    fn at(&self, values: &[f64]) -> f64 {
        let mut ratio = [0.0];
        self.study.model.compute(values, &mut ratio);
        ratio[0]
    }

    fn nominal(&self) -> Vec<f64> {
        self.study.inputs.iter().map(|(_, range)| range.nominal).collect()
    }

    fn with(&self, input: usize, value: f64) -> f64 {
        let mut values = self.nominal();
        values[input] = value;
        self.at(&values)
    }

    /// How much each input explains, with its swing, largest first; what explains less than a hundredth is left out.
    fn sensitivity(&self) -> Vec<Explains> {
        const LEAST: f64 = 0.01;
        let shares = self.study.shares(POINTS).remove(0);
        let explains = |share: econ::uncertain::Share| {
            let at = self.study.inputs.iter().position(|(name, _)| *name == share.input)?;
            let range = &self.study.inputs[at].1;
            let swing = (self.with(at, range.quantile(0.05)), self.with(at, range.quantile(0.95)));
            Some(Explains { input: share.input, share: share.total.max(0.0), swing })
        };
        shares.into_iter().filter(|share| share.total > LEAST).filter_map(explains).collect()
    }

    /// Where each input turns the choice, nearest in its own deviations first.
    fn flips(&self) -> Vec<Flip> {
        let now = self.at(&self.nominal());
        let mut flips: Vec<(f64, Flip)> = Vec::new();
        for (at, (name, range)) in self.study.inputs.iter().enumerate() {
            if range.is_exact() {
                continue;
            }
            if let Some(deviate) = self.turn(at, range, now) {
                let likely = deviate.abs() <= WITHIN;
                let (unit, factor) = self.unit(name, range);
                let write = |value: f64| figure(value * factor, &unit);
                let then = if now < 1.0 { "the rival is cheaper" } else { "our chip is cheaper" };
                let flip = Flip {
                    input: name.clone(),
                    now: write(range.nominal),
                    turns: write(range.at(deviate)),
                    likely,
                    then: then.to_owned(),
                };
                flips.push((deviate.abs(), flip));
            }
        }
        flips.sort_by(|a, b| a.0.total_cmp(&b.0));
        flips.into_iter().map(|(_, flip)| flip).collect()
    }

    /// The deviate of an input nearest to its median at which the ratio is one.
    fn turn(&self, input: usize, range: &Range, now: f64) -> Option<f64> {
        let below = |deviate: f64| (self.with(input, range.at(deviate)) < 1.0) != (now < 1.0);
        let side = |sign: f64| {
            const STEPS: i32 = 16;
            let outer =
                (1..=STEPS).map(|step| sign * FAR * f64::from(step) / f64::from(STEPS)).find(|at| below(*at))?;
            let (mut inside, mut outside) = (outer - sign * FAR / f64::from(STEPS), outer);
            for _ in 0..50 {
                let middle = (inside + outside) / 2.0;
                if below(middle) { outside = middle } else { inside = middle }
            }
            Some(outside)
        };
        match (side(-1.0), side(1.0)) {
            (Some(low), Some(high)) => Some(if -low < high { low } else { high }),
            (one, other) => one.or(other),
        }
    }

    /// Unit of an input and what turns base units into it: that of its fact, or of what only devices have.
    fn unit(&self, name: &str, range: &Range) -> (String, f64) {
        if let Ok(fact) = self.facts.find(name) {
            let worth = if range.nominal == 0.0 { 1.0 } else { fact.range.nominal / range.nominal };
            return (fact.unit.symbol.to_owned(), worth);
        }
        let own = [
            ("power ", "W"),
            ("design of ", "USD"),
            ("price ", "USD"),
            ("area of ", "times"),
            ("output speed ", "tokens/s"),
        ];
        let unit = own.into_iter().find(|(begins, _)| name.starts_with(begins)).map_or("", |(_, unit)| unit);
        (unit.to_owned(), 1.0)
    }
}

/// Deviations between the ends of a range: its ends are the 5th and the 95th percentile.
const WITHIN: f64 = 1.645;

/// Four significant figures with a unit.
pub fn figure(value: f64, unit: &str) -> String {
    let digits = if value == 0.0 { 0 } else { (3 - value.abs().log10().floor() as i32).clamp(0, 6) as usize };
    let text = format!("{value:.digits$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { grouped(&text) };
    format!("{text} {unit}").trim_end().to_owned()
}

/// Commas between groups of three digits.
fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let mut out = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The first device against the cheapest of the others in each sample; the second is the best by its median, against which volume is reckoned.
///
/// # Errors
/// If `facts` lack an input of the market.
pub fn duel(facts: &Facts, all: &[Device], spent: f64) -> Result<Duel, FactError> {
    let compared = compare::study(facts, all, &[Question::Output])?;
    let model = Ratio { compared: compared.model, devices: all.len() };
    let study = Study { inputs: compared.inputs, results: vec!["ratio".to_owned()], model };
    let ring = Ring { facts, study };
    let samples = ring.study.sample(SAMPLES);
    let cheaper = samples.iter().filter(|ratio| **ratio < 1.0).count();
    Ok(Duel {
        probability: cheaper as f64 / samples.len() as f64,
        ratio: Distribution::of(samples).into(),
        sensitivity: ring.sensitivity(),
        flips: ring.flips(),
        break_even: break_even(facts, &all[0], &all[1], spent)?,
    })
}

/// Packages over which design and masks must be spread to make both cost the same: cost is linear in each package's share.
fn break_even(facts: &Facts, ours: &Device, rival: &Device, spent: f64) -> Result<Option<f64>, FactError> {
    let market = Market::nominal(facts)?;
    let usd = |device: &Device| cost::of(&device.nominal(), &market).tokens.map_or(f64::NAN, |tokens| tokens.output.0);
    let with = |share: f64| {
        let design = Range::exactly(share);
        let acquisition = match ours.acquisition {
            cost::Acquisition::Make { .. } => cost::Acquisition::Make { design },
            _ => cost::Acquisition::Partner { design },
        };
        usd(&Device { acquisition, ..ours.clone() })
    };
    const STEP: f64 = 1000.0;
    let (free, paid) = (with(0.0), with(STEP));
    let share = (usd(rival) - free) / (paid - free) * STEP;
    Ok((share > 0.0).then_some(spent / share))
}

/// What to do at a probability that ours are cheaper.
pub fn action(probability: f64) -> Action {
    match probability {
        p if p >= SURE.1 => Action::Build,
        p if p < SURE.0 => Action::DoNotBuild,
        _ => Action::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use econ::cost::Acquisition;
    use econ::finance::Tenure;
    use econ::server::Supply;

    fn device(name: &str, acquisition: Acquisition, rate: f64) -> Device {
        let speed =
            SpeedRange { input: Range::exactly(rate), output: Range::new(rate * 0.8, rate, rate * 1.25).unwrap() };
        Device {
            name: name.into(),
            package: None,
            acquisition,
            silicon: Range::exactly(1.0),
            supply: Supply::Device,
            tenure: Tenure::Own,
            power: Range::exactly(1500.0),
            speed: Some(speed),
        }
    }

    fn pair(rate: f64) -> [Device; 2] {
        let price = Range::new(25_000.0, 30_000.0, 36_000.0).unwrap();
        let design = Range::new(4_000.0, 5_000.0, 8_000.0).unwrap();
        let ours = device("ours", Acquisition::Make { design }, rate);
        [ours, device("theirs", Acquisition::Buy { price }, 2000.0)]
    }

    #[test]
    fn a_duel_turns_where_it_says() {
        let facts = Facts::builtin().unwrap().current();
        let duel = duel(&facts, &pair(2000.0), 1e9).unwrap();
        assert!(duel.ratio.median < 1.0 && duel.probability > 0.5);
        // Put each turning point back: the ratio is one there.
        let devices = pair(2000.0);
        let compared = compare::study(&facts, &devices, &[Question::Output]).unwrap();
        assert!(!duel.flips.is_empty());
        for flip in duel.flips.iter().filter(|flip| flip.input.starts_with("output speed")) {
            let at = compared.inputs.iter().position(|(name, _)| *name == flip.input).unwrap();
            let mut values: Vec<f64> = compared.inputs.iter().map(|(_, range)| range.nominal).collect();
            values[at] = flip.turns.split(' ').next().unwrap().replace(',', "").parse().unwrap();
            let mut usd = [0.0; 2];
            compared.model.compute(&values, &mut usd);
            assert!((usd[0] / usd[1] - 1.0).abs() < 2e-3, "{flip:?} {usd:?}");
        }
    }

    #[test]
    fn design_is_paid_for_by_what_is_saved() {
        let facts = Facts::builtin().unwrap().current();
        let mut pair = pair(2000.0);
        let devices = duel(&facts, &pair, 1e9).unwrap().break_even.unwrap();
        pair[0].acquisition = Acquisition::Make { design: Range::exactly(1e9 / devices) };
        let market = Market::nominal(&facts).unwrap();
        let usd = |device: &Device| cost::of(&device.nominal(), &market).tokens.unwrap().output.0;
        assert!((usd(&pair[0]) / usd(&pair[1]) - 1.0).abs() < 1e-9);
        let slow = self::pair(200.0);
        assert_eq!(duel(&facts, &slow, 1e9).unwrap().break_even, None);
    }

    #[test]
    fn figures_read_well() {
        assert_eq!(
            [0.1234567, 12.0, 98_765.4, 1234.5].map(|value| figure(value, "W")),
            ["0.1235 W", "12 W", "98,765 W", "1,234 W"]
        );
        assert_eq!((figure(0.0, ""), figure(-44.5, "USD")), ("0".to_owned(), "-44.5 USD".to_owned()));
    }

    #[test]
    fn three_to_one_is_enough() {
        assert_eq!([0.2, 0.6, 0.8].map(action), [Action::DoNotBuild, Action::Open, Action::Build]);
    }
}
