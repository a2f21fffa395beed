//! What capital costs: annuities, and whether to own or to lease.
//!
//! A capital `C` at a rate `r` over `n` years is paid back in `n` equal sums at the ends of the years; each is `C r / (1 - (1+r)^-n)` ([`annuity`]). The sum
//! covers interest and loss of worth alike, so an asset with a shorter life costs more per year, which decides most of what an accelerator costs.

use base::units::{HOURS_PER_YEAR, Usd, UsdPerHour, Years};

/// The share of a capital that is paid each year, so that after `life` it is paid back with interest at `rate` per year.
pub fn annuity(rate: f64, life: Years) -> f64 {
    /// Below this the interest cannot be seen, and the formula divides by it.
    const NO_INTEREST: f64 = 1e-9;
    if rate.abs() < NO_INTEREST { 1.0 / life.0 } else { rate / -(-life.0 * rate.ln_1p()).exp_m1() }
}

/// The same per hour of a year.
pub fn hourly(capital: Usd, rate: f64, life: Years) -> UsdPerHour {
    UsdPerHour(capital.0 * annuity(rate, life) / HOURS_PER_YEAR)
}

/// What the sums of `yearly` at the ends of `life` years are worth today.
pub fn present_value(yearly: Usd, rate: f64, life: Years) -> Usd {
    yearly / annuity(rate, life)
}

/// How an asset is held.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tenure {
    /// Bought with own or borrowed capital.
    Own,
    /// Rented: the lessor pays `rate` per year for his capital, writes the asset off over `term`, values it at a share `residual` of its price after that, and
    /// keeps a share `margin` of the rent.
    Lease {
        /// Cost of capital of the lessor.
        rate: f64,
        /// Years of the contract.
        term: Years,
        /// Share of the price that the asset is worth at its end.
        residual: f64,
        /// Share of the rent that the lessor keeps.
        margin: f64,
    },
}

/// Dollars per hour of holding an asset of `capital`; an owner pays `rate` and writes it off over `life`.
pub fn holding(capital: Usd, tenure: Tenure, rate: f64, life: Years) -> UsdPerHour {
    match tenure {
        Tenure::Own => hourly(capital, rate, life),
        Tenure::Lease { rate, term, residual, margin } => {
            // What is left at the end is worth its present value today, and carries interest until then.
            let left = capital * residual * (-term.0 * rate.ln_1p()).exp();
            hourly(capital - left, rate, term) / (1.0 - margin)
        }
    }
}

/// Years of renting at `rent` after which owning at `capital` and running at `running` would have been cheaper; `None` if never.
pub fn payback(capital: Usd, rent: UsdPerHour, running: UsdPerHour) -> Option<Years> {
    let saved = (rent - running).0 * HOURS_PER_YEAR;
    (saved > 0.0).then(|| Years(capital.0 / saved))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_annuity_is_what_tables_say() {
        let share = |rate: f64, years: f64| (annuity(rate, Years(years)) * 1e5).round() / 1e5;
        assert_eq!([share(0.07, 5.0), share(0.07, 14.0), share(0.08, 4.0)], [0.24389, 0.11434, 0.30192]);
        assert_eq!(annuity(0.0, Years(4.0)), 0.25);
        assert!((annuity(1e-8, Years(4.0)) - 0.25).abs() < 1e-7);
    }

    #[test]
    fn owning_pays_back_or_never() {
        let after = payback(Usd(8760.0), UsdPerHour(2.0), UsdPerHour(1.5));
        assert_eq!(after, Some(Years(2.0)));
        assert_eq!(payback(Usd(8760.0), UsdPerHour(1.0), UsdPerHour(1.5)), None);
    }

    proptest! {
        #[test]
        fn the_sums_pay_the_loan_back(rate in 0.0..0.3f64, years in 1..25u32, capital in 1.0..1e9f64) {
            let sum = capital * annuity(rate, Years(f64::from(years)));
            let left = (0..years).fold(capital, |left, _| left * (1.0 + rate) - sum);
            prop_assert!(left.abs() < 1e-6 * capital * (1.0 + rate).powi(years as i32), "{left} of {capital} is left");
            let worth = present_value(Usd(sum), rate, Years(f64::from(years)));
            prop_assert!((worth.0 / capital - 1.0).abs() < 1e-9);
        }

        #[test]
        fn dearer_capital_and_shorter_life_cost_more(rate in 0.001..0.3f64, life in 1.0..25.0f64, factor in 1.01..2.0f64) {
            let now = annuity(rate, Years(life));
            prop_assert!(annuity(rate * factor, Years(life)) > now && annuity(rate, Years(life / factor)) > now);
        }

        #[test]
        fn a_lease_without_margin_residual_or_other_terms_is_owning(rate in 0.001..0.3f64, life in 1.0..15.0f64) {
            let fair = Tenure::Lease { rate, term: Years(life), residual: 0.0, margin: 0.0 };
            let own = holding(Usd(1e4), Tenure::Own, rate, Years(life));
            prop_assert!((holding(Usd(1e4), fair, rate, Years(life)) / own - 1.0).abs() < 1e-12);
            let kept = Tenure::Lease { rate, term: Years(life), residual: 0.2, margin: 0.0 };
            prop_assert!(holding(Usd(1e4), kept, rate, Years(life)) < own);
        }
    }
}
