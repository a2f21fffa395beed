//! Dies that work with some cores off.
//!
//! A die has `cores` equal cores and needs `needed` of them; the rest of its area, the uncore, must work, except for the share of it that carries its own repair
//! (redundant rows of memory, spare lanes of a link). Given the density of defects on this die, cores fail independently, so the number of bad ones is binomial; the
//! density varies between dies as [`Defects`] says, and is shared by all parts of a die. So a clustered process is averaged over *dies*, not over cores: a bad
//! neighbourhood kills many cores of few dies.
//!
//! [`Harvest::bins`] gives the share of dies by the number of good cores, which is what a price list of bins needs.

use super::defects::{Defects, Weighted};
use serde::Deserialize;

/// How a die is harvested.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Harvest {
    /// Cores on the die.
    pub cores: u32,
    /// Cores that must work.
    pub needed: u32,
    /// Share of the die that cores take.
    pub core_share: f64,
    /// Share of the uncore that repairs itself.
    pub uncore_repair: f64,
}

impl Harvest {
    /// Share of dies that can be sold, when `mean` defects are expected per die.
    pub fn good(&self, defects: Defects, mean: f64) -> f64 {
        let (uncore, core) = self.means(mean);
        let at = |(density, weight): &Weighted| {
            let alive = (-density * uncore).exp();
            weight * alive * at_most_bad(self.cores, self.spare(), -(-density * core).exp_m1())
        };
        defects.mixture().iter().map(at).sum::<f64>().min(1.0)
    }

    /// Share of all dies with exactly 0, 1, 2, ... bad cores and a working uncore, up to the spare ones.
    pub fn bins(&self, defects: Defects, mean: f64) -> Vec<f64> {
        let (uncore, core) = self.means(mean);
        let mut bins = vec![0.0; self.spare() as usize + 1];
        for (density, weight) in defects.mixture() {
            let alive = weight * (-density * uncore).exp();
            let bad = -(-density * core).exp_m1();
            terms(self.cores, bad).zip(&mut bins).for_each(|(term, bin)| *bin += alive * term);
        }
        bins
    }

    /// Share of all dies in each grade, when a die goes into the first grade whose cores it has: `grades` are the cores of each, most first.
    ///
    /// ```
    /// # use econ::die::{Defects, Harvest};
    /// let die = Harvest { cores: 144, needed: 114, core_share: 0.6, uncore_repair: 0.3 };
    /// let defects = Defects::NegativeBinomial { alpha: 3.0 };
    /// // A full part of 132 cores, and a lesser one of 114 out of what fails it.
    /// let grades = die.grades(defects, 0.814, &[132, 114]);
    /// assert!(grades[0] > 0.8 && grades[1] < 0.01);
    /// ```
    pub fn grades(&self, defects: Defects, mean: f64, grades: &[u32]) -> Vec<f64> {
        let least = grades.iter().copied().min().unwrap_or(self.needed);
        let bins = Harvest { needed: least, ..*self }.bins(defects, mean);
        let mut shares = vec![0.0; grades.len()];
        for (bad, share) in bins.iter().enumerate() {
            let good = self.cores.saturating_sub(bad as u32);
            if let Some(grade) = grades.iter().position(|cores| good >= *cores) {
                shares[grade] += share;
            }
        }
        shares
    }

    /// Cores that may be bad.
    fn spare(&self) -> u32 {
        self.cores.saturating_sub(self.needed)
    }

    /// Expected killing defects of the uncore, and of one core.
    fn means(&self, mean: f64) -> (f64, f64) {
        let uncore = mean * (1.0 - self.core_share) * (1.0 - self.uncore_repair);
        (uncore, mean * self.core_share / f64::from(self.cores.max(1)))
    }
}

/// The probabilities that exactly 0, 1, 2, ... of `n` fail, each with probability `bad` (below 1).
fn terms(n: u32, bad: f64) -> impl Iterator<Item = f64> {
    let odds = bad / (1.0 - bad);
    let first = (f64::from(n) * (-bad).ln_1p()).exp();
    let next =
        move |(k, term): &(u32, f64)| (*k < n).then(|| (k + 1, term * f64::from(n - k) / f64::from(k + 1) * odds));
    std::iter::successors(Some((0, first)), next).map(|(_, term)| term)
}

/// The probability that at most `most` of `n` fail.
fn at_most_bad(n: u32, most: u32, bad: f64) -> f64 {
    /// No die is saved where a core fails surely; the terms would divide by zero.
    const SURELY: f64 = 1.0 - 1e-12;
    match most {
        _ if most >= n => 1.0,
        _ if bad >= SURELY => 0.0,
        _ => terms(n, bad).take(most as usize + 1).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const H100: Harvest = Harvest { cores: 144, needed: 132, core_share: 0.6, uncore_repair: 0.0 };
    const CLUSTERS: Defects = Defects::NegativeBinomial { alpha: 3.0 };

    #[test]
    fn twelve_spare_cores_leave_the_uncore_to_decide() {
        // 0.4 x 0.814 defects on the uncore, three clusters; hardly any die has thirteen bad cores.
        let uncore = (1.0f64 + 0.4 * 0.814 / 3.0).powi(-3);
        let found = H100.good(CLUSTERS, 0.814);
        assert!((uncore - 1e-3..=uncore).contains(&found), "{found} below {uncore}");
        let repaired = Harvest { uncore_repair: 0.3, ..H100 }.good(CLUSTERS, 0.814);
        assert!((repaired - 0.803).abs() < 1e-3, "{repaired}");
    }

    #[test]
    fn bins_add_up() {
        let bins = H100.bins(CLUSTERS, 0.814);
        assert_eq!(bins.len(), 13);
        assert!((bins.iter().sum::<f64>() - H100.good(CLUSTERS, 0.814)).abs() < 1e-12);
        // A die without any bad core is a die without a defect.
        assert!((bins[0] - CLUSTERS.free(0.814)).abs() < 1e-6);
    }

    #[test]
    fn grades_are_bins_taken_together() {
        let grades = H100.grades(CLUSTERS, 0.814, &[144, 140, 132]);
        let bins = H100.bins(CLUSTERS, 0.814);
        let sum = |from: usize, to: usize| bins[from..=to].iter().sum::<f64>();
        let expected = [bins[0], sum(1, 4), sum(5, 12)];
        assert!(grades.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{grades:?}");
        assert_eq!(H100.grades(CLUSTERS, 0.814, &[]), Vec::<f64>::new());
    }

    #[test]
    fn the_binomial_is_the_binomial() {
        // Of three, each failing one time in four: 27, 27, 9, 1 in 64.
        let found: Vec<f64> = terms(3, 0.25).map(|term| term * 64.0).collect();
        let expected = [27.0, 27.0, 9.0, 1.0];
        assert!(found.len() == 4 && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    }

    proptest! {
        #[test]
        fn harvesting_never_hurts(
            cores in 1..200u32, spare in 0..20u32, core_share in 0.0..1.0f64, repair in 0.0..1.0f64, mean in 0.001..4.0f64,
        ) {
            for defects in [Defects::Poisson, Defects::Murphy, CLUSTERS] {
                let harvest = |spare: u32, uncore_repair: f64| {
                    Harvest { cores, needed: cores.saturating_sub(spare), core_share, uncore_repair }.good(defects, mean)
                };
                let none = harvest(0, 0.0);
                prop_assert!((none - defects.free(mean)).abs() < 2e-4, "{none} for {}", defects.free(mean));
                prop_assert!(harvest(spare, 0.0) >= none - 1e-12);
                prop_assert!(harvest(spare + 1, 0.0) >= harvest(spare, 0.0) - 1e-12);
                prop_assert!(harvest(spare, repair) >= harvest(spare, 0.0) - 1e-12);
                prop_assert!(harvest(spare, repair) <= 1.0);
            }
        }

        #[test]
        fn dirt_never_helps(spare in 0..20u32, mean in 0.001..4.0f64, factor in 1.0..2.0f64) {
            let harvest = Harvest { needed: 144 - spare, ..H100 };
            prop_assert!(harvest.good(CLUSTERS, mean * factor) <= harvest.good(CLUSTERS, mean) + 1e-12);
        }
    }
}
