//! A chip as an undertaking: when it comes, what it costs before the first one works, and how many must be made until that is paid.
//!
//! Silicon comes back from each spin with a fault or without. The first works with the probability that surveys of the trade report; each later one with a
//! higher one, for it repairs what was found. The number of spins is then geometric after the first, and time and money follow.

use crate::facts::{FactError, Facts};
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

impl Programme {
    /// A programme at 3 nm with the medians of `facts`, of which a share `own` of the headline design cost is spent (a design that reuses much costs a part).
    ///
    /// # Errors
    /// If `facts` lack a figure.
    pub fn at_3nm(facts: &Facts, own: f64) -> Result<Programme, FactError> {
        Ok(Programme {
            design_time: facts.nominal("architecture to tape-out")?,
            ramp: facts.nominal("tape-out to volume")?,
            respin_time: facts.nominal("respin, time from failure to new silicon")?,
            first: facts.nominal("first-silicon success of ASICs")?,
            later: facts.nominal("success of a respin")?,
            design: facts.nominal::<Usd>("design cost 3nm")? * own,
            masks: facts.nominal("mask set 3nm")?,
            respin: facts.nominal("respin, cost over the first mask set")?,
        })
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
        let programme = Programme::at_3nm(&facts, 1.0).unwrap();
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

    proptest! {
        #[test]
        fn probabilities_add_up_to_one_and_to_the_mean(first in 0.01..0.99f64, later in 0.2..0.99f64) {
            let programme = Programme {
                first,
                later,
                ..Programme::at_3nm(&Facts::builtin().unwrap(), 1.0).unwrap()
            };
            let all = || (1..400).map(|spins| (f64::from(spins), programme.probability(spins)));
            prop_assert!((all().map(|(_, p)| p).sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!((all().map(|(n, p)| n * p).sum::<f64>() - programme.expected().spins).abs() < 1e-6);
        }
    }
}
