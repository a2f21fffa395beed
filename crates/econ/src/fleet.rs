//! Many devices for a long time: failures, spares, what is lost to interruptions.
//!
//! Failures arrive as a Poisson process: `rate` per device and year. A fleet loses devices ([`expected`]), waits for their replacement with spares on the shelf
//! ([`spares`]), and where many devices work on one job, every failure interrupts all of them ([`goodput`]).

use base::units::{HOURS_PER_YEAR, Seconds, Years};

/// Days of a year, as rates per year count them.
pub const DAYS_PER_YEAR: f64 = HOURS_PER_YEAR / 24.0;

/// Failures per device and year, when `failures` of `devices` were counted in `days`.
pub fn rate(failures: f64, devices: f64, days: f64) -> f64 {
    failures / devices * DAYS_PER_YEAR / days
}

/// Failures to expect in a fleet.
pub fn expected(devices: f64, rate: f64, span: Years) -> f64 {
    devices * rate * span.0
}

/// Spares to hold so that with `confidence` none is missing while failed devices are `away` for repair: the quantile of the Poisson distribution of those away.
pub fn spares(devices: f64, rate: f64, away: Years, confidence: f64) -> u64 {
    let mean = expected(devices, rate, away);
    // Beyond this mean the first term cannot be held; the normal approximation is then good to a fraction of a spare.
    const LARGE: f64 = 500.0;
    if mean > LARGE {
        let deviate = crate::range::normal_quantile(confidence);
        return (mean + deviate * mean.sqrt() + (deviate * deviate - 1.0) / 6.0).ceil() as u64;
    }
    let mut term = (-mean).exp();
    let (mut below, mut count) = (term, 0u64);
    while below < confidence && term > f64::MIN_POSITIVE {
        count += 1;
        term *= mean / count as f64;
        below += term;
    }
    count
}

/// Mean time between interruptions of a job on `devices`, each with `rate` interruptions per year.
pub fn between_interruptions(devices: f64, rate: f64) -> Years {
    Years(1.0 / (devices * rate))
}

/// Share of its time in which a job advances, if it is saved every `interval`, saving stops it for `saving`, and an interruption comes every `between`
/// and takes `restart` besides the half interval that is done again.
pub fn goodput(between: Seconds, interval: Seconds, saving: Seconds, restart: Seconds) -> f64 {
    let lost = restart + interval / 2.0;
    ((1.0 - lost / between) * (interval / (interval + saving))).max(0.0)
}

/// The interval between savings that loses least: Young's rule.
pub fn best_interval(between: Seconds, saving: Seconds) -> Seconds {
    Seconds((2.0 * between.0 * saving.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_small_fleet_by_hand() {
        // 100 devices, 10 % a year, a tenth of a year away: one away on average. P(<=2) = 0.9197, P(<=3) = 0.981.
        let held = [0.9, 0.95, 0.99].map(|confidence| spares(100.0, 0.1, Years(0.1), confidence));
        assert_eq!(held, [2, 3, 4]);
        assert_eq!(spares(0.0, 0.1, Years(1.0), 0.99), 0);
        assert_eq!(expected(16_384.0, 0.09, Years(1.0)), 16_384.0 * 0.09);
    }

    #[test]
    fn the_approximation_joins_the_sum() {
        let (below, above) = (spares(499.0, 1.0, Years(1.0), 0.99), spares(501.0, 1.0, Years(1.0), 0.99));
        assert!((1..=5).contains(&(above - below)), "{below} {above}");
    }

    proptest! {
        #[test]
        fn the_best_interval_is_best(hours in 0.5..1000.0f64, saving in 1.0..300.0f64, factor in 0.1..10.0f64) {
            let (between, saving) = (Seconds(hours * 3600.0), Seconds(saving));
            let best = best_interval(between, saving);
            let at = |interval| goodput(between, interval, saving, Seconds(0.0));
            // Young's rule is of first order in saving over time between interruptions.
            let slack = saving / between;
            prop_assert!(at(best) >= at(best * factor) - slack);
        }

        #[test]
        fn more_devices_want_more_spares(devices in 1.0..2e4f64, more in 1.0..3.0f64) {
            let held = |devices| spares(devices, 0.09, Years(0.1), 0.99);
            prop_assert!(held(devices * more) >= held(devices));
        }
    }
}
