//! A chip as an undertaking: when it comes, what it costs before the first one works, and how many must be made until that is paid.
//!
//! Silicon comes back from each spin with a fault or without. The first works with the probability that surveys of the trade report; each later one with a
//! higher one, for it repairs what was found. The number of spins is then geometric after the first, and time and money follow.

use crate::die::Node;
use crate::facts::{FactError, Facts, Measured};
use crate::range::Range;
use crate::uncertain::{Distribution, Study};
use base::units::{Usd, UsdPerHour, Years};

/// A programme from architecture to volume.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Programme {
    /// Architecture to the first tape-out.
    pub design_time: Years,
    /// First silicon that works to volume.
    pub ramp: Years,
    /// A fault found to new silicon.
    pub respin_time: Years,
    /// Probability that the first silicon works.
    pub first: f64,
    /// Probability that each later one works.
    pub later: f64,
    /// Design, verification, software.
    pub design: Usd,
    /// A set of masks.
    pub masks: Usd,
    /// Cost of a respin over a set of masks.
    pub respin: f64,
}

/// What is to be expected of a programme.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Spins, the first included.
    pub spins: f64,
    /// Architecture to volume.
    pub volume_after: Years,
    /// Everything spent before volume.
    pub spent: Usd,
}

/// Inputs of a programme, in the order that programmes take them.
pub const INPUTS: usize = 9;

/// Name and range of each input of a programme at `node`.
///
/// Masks of the generations after 3 nm are taken to cost what those of 3 nm do: no source gives them.
fn inputs(facts: &Facts, node: Node) -> Result<[(String, Range); INPUTS], FactError> {
    let [design_time, ramp, respin_time, first, later, design, reused, masks, respin] = quantities(node);
    Ok([
        named::<Years>(facts, design_time)?,
        named::<Years>(facts, ramp)?,
        named::<Years>(facts, respin_time)?,
        named::<f64>(facts, first)?,
        named::<f64>(facts, later)?,
        named::<Usd>(facts, design)?,
        named::<f64>(facts, reused)?,
        named::<Usd>(facts, masks)?,
        named::<f64>(facts, respin)?,
    ])
}

/// The quantities that a programme at `node` rests on.
pub fn quantities(node: Node) -> [&'static str; INPUTS] {
    let (design, masks) = match node {
        Node::N7 => ("design cost 7nm", "mask set 7nm"),
        Node::N5 => ("design cost 5nm", "mask set 5nm"),
        Node::N3 => ("design cost 3nm", "mask set 3nm"),
        Node::N2 | Node::A16 => ("design cost 2nm", "mask set 3nm"),
    };
    [
        "architecture to tape-out",
        "tape-out to volume",
        "respin, time from failure to new silicon",
        "first-silicon success of ASICs",
        "success of a respin",
        design,
        "headline design cost, share that a reused design costs",
        masks,
        "respin, cost over the first mask set",
    ]
}

fn named<T: Measured>(facts: &Facts, quantity: &str) -> Result<(String, Range), FactError> {
    Ok((quantity.to_owned(), facts.range::<T>(quantity)?))
}

/// When a programme is to reach volume and what it is to cost until then, with all that is not known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Spins on average.
    pub spins: Distribution,
    /// Years from architecture to volume.
    pub volume_after: Distribution,
    /// Dollars spent before volume.
    pub spent: Distribution,
}

/// The forecast of a programme at `node`, from `samples` samples.
///
/// # Errors
/// If `facts` lack a figure.
pub fn forecast(facts: &Facts, node: Node, samples: usize) -> Result<Forecast, FactError> {
    let model = |values: &[f64], results: &mut [f64]| {
        let expected = Programme::at(values).expected();
        results.copy_from_slice(&[expected.spins, expected.volume_after.0, expected.spent.0]);
    };
    let results = ["spins", "years to volume", "spent"].map(str::to_owned).to_vec();
    let found = Study { inputs: inputs(facts, node)?.to_vec(), results, model }.run(samples);
    Ok(Forecast { spins: found[0], volume_after: found[1], spent: found[2] })
}

impl Programme {
    fn at(values: &[f64]) -> Programme {
        Programme {
            design_time: Years(values[0]),
            ramp: Years(values[1]),
            respin_time: Years(values[2]),
            first: values[3],
            later: values[4],
            design: Usd(values[5] * values[6]),
            masks: Usd(values[7]),
            respin: values[8],
        }
    }

    /// A programme at `node` with the medians of `facts`.
    ///
    /// # Errors
    /// If `facts` lack a figure.
    pub fn nominal(facts: &Facts, node: Node) -> Result<Programme, FactError> {
        Ok(Programme::at(&inputs(facts, node)?.map(|(_, range)| range.nominal)))
    }

    /// Probability that exactly `spins` are needed.
    pub fn probability(&self, spins: u32) -> f64 {
        match spins {
            0 => 0.0,
            1 => self.first,
            more => (1.0 - self.first) * (1.0 - self.later).powi(more as i32 - 2) * self.later,
        }
    }

    /// What happens if exactly `spins` are needed.
    pub fn with_spins(&self, spins: f64) -> Outlook {
        let again = spins - 1.0;
        Outlook {
            spins,
            volume_after: self.design_time + self.ramp + self.respin_time * again,
            spent: self.design + self.masks + self.masks * (self.respin * again),
        }
    }

    /// What is to be expected: time and money are linear in spins, so their mean is at the mean of spins.
    pub fn expected(&self) -> Outlook {
        self.with_spins(1.0 + (1.0 - self.first) / self.later)
    }
}

/// Chips after which `spent` is paid, when each saves the difference between `price` and `make`; `None` if it saves nothing.
pub fn break_even(spent: Usd, price: Usd, make: Usd) -> Option<f64> {
    let saved = price - make;
    (saved > Usd(0.0)).then(|| spent / saved)
}

/// The share of `spent` that each of `volume` chips carries.
pub fn per_chip(spent: Usd, volume: f64) -> Usd {
    spent / volume
}

/// What `late` years cost that a fleet goes on paying `saved` more per device and hour.
pub fn slip(saved: UsdPerHour, devices: f64, late: Years) -> Usd {
    Usd(saved.0 * devices * late.0 * base::units::HOURS_PER_YEAR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn most_succeed_on_the_second() {
        let facts = Facts::builtin().unwrap();
        let programme = Programme::nominal(&facts, Node::N3).unwrap();
        let mode = (1..10).max_by(|a, b| programme.probability(*a).total_cmp(&programme.probability(*b)));
        assert_eq!(mode, Some(2));
        assert_eq!(f64::from(mode.unwrap()), facts.nominal::<f64>("modal number of spins").unwrap());
    }

    #[test]
    fn a_programme_by_hand() {
        let programme = Programme {
            design_time: Years(2.0),
            ramp: Years(1.0),
            respin_time: Years(0.5),
            first: 0.5,
            later: 0.5,
            design: Usd(400e6),
            masks: Usd(20e6),
            respin: 0.5,
        };
        let expected = programme.expected();
        assert_eq!((expected.spins, expected.volume_after, expected.spent), (2.0, Years(3.5), Usd(430e6)));
        assert_eq!(break_even(Usd(5e8), Usd(30_000.0), Usd(5_000.0)), Some(20_000.0));
        assert_eq!(break_even(Usd(5e8), Usd(5_000.0), Usd(5_000.0)), None);
        assert_eq!(per_chip(Usd(5e8), 1e6), Usd(500.0));
        assert_eq!(slip(UsdPerHour(1.0), 1000.0, Years(0.5)), Usd(4.38e6));
    }

    #[test]
    fn a_forecast_is_a_span_around_the_nominal() {
        let facts = Facts::builtin().unwrap();
        let found = forecast(&facts, Node::N3, 4096).unwrap();
        let nominal = Programme::nominal(&facts, Node::N3).unwrap().expected();
        let holds = |found: &Distribution, value: f64| found.within_80.0 < value && value < found.within_80.1;
        assert!(holds(&found.spins, nominal.spins) && holds(&found.volume_after, nominal.volume_after.0));
        assert!(holds(&found.spent, nominal.spent.0));
        let older = forecast(&facts, Node::N7, 4096).unwrap();
        assert!(older.spent.median < found.spent.median);
    }

    proptest! {
        #[test]
        fn probabilities_add_up_to_one_and_to_the_mean(first in 0.01..0.99f64, later in 0.2..0.99f64) {
            let programme = Programme {
                first,
                later,
                ..Programme::nominal(&Facts::builtin().unwrap(), Node::N3).unwrap()
            };
            let all = || (1..400).map(|spins| (f64::from(spins), programme.probability(spins)));
            prop_assert!((all().map(|(_, p)| p).sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!((all().map(|(n, p)| n * p).sum::<f64>() - programme.expected().spins).abs() < 1e-6);
        }
    }
}
