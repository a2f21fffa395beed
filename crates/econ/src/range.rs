//! A number that is not known exactly: low, nominal, high, and how it is distributed between and beyond them.
//!
//! The **nominal is the median**; **low and high are the 5 % and 95 % points**; each half is normal on a scale that fits the number. The scale is the logarithm
//! for what is positive (prices, densities), the log-odds for shares between 0 and 1 (yields, margins), so that no sample leaves the possible, and the number itself
//! where it may be zero or negative (then a sample never leaves its sign). Sources that disagree by a factor upwards and by little downwards give a skewed range,
//! and the median of a sum of prices stays near the sum of the nominals.
//!
//! A range of no width is a constant, and takes no part in the shares of [`crate::uncertain`].

use statrs::function::erf::erfc_inv;

/// Standard normal deviate of the 95 % point.
const Z95: f64 = 1.644_853_626_951_472_2;

/// Low, nominal and high of one quantity, in one unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The 5 % point.
    pub low: f64,
    /// The median.
    pub nominal: f64,
    /// The 95 % point.
    pub high: f64,
    /// On which scale the halves are normal.
    pub scale: Scale,
}

/// The scale on which both halves of a range are normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The logarithm: positive numbers.
    Logarithm,
    /// The log-odds: numbers between 0 and 1.
    LogOdds,
    /// The number itself, held to the signs that the range itself has.
    Plain,
}

/// Why three numbers are no range.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RangeError {
    /// Not in order.
    #[error("low {low}, nominal {nominal} and high {high} must not fall")]
    Order {
        /// As given.
        low: f64,
        /// As given.
        nominal: f64,
        /// As given.
        high: f64,
    },
    /// NaN or infinite.
    #[error("`{0}` is no finite number")]
    NotFinite(f64),
}

impl Range {
    /// A range of a positive quantity (or, where it touches or crosses zero, of a plain one).
    pub fn new(low: f64, nominal: f64, high: f64) -> Result<Range, RangeError> {
        let scale = if low > 0.0 { Scale::Logarithm } else { Scale::Plain };
        Range::on(scale, low, nominal, high)
    }

    /// A range of a share between 0 and 1; one that touches an end is plain.
    pub fn share(low: f64, nominal: f64, high: f64) -> Result<Range, RangeError> {
        let inside = low > 0.0 && high < 1.0;
        if inside { Range::on(Scale::LogOdds, low, nominal, high) } else { Range::new(low, nominal, high) }
    }

    /// A constant.
    pub fn exactly(value: f64) -> Range {
        Range { low: value, nominal: value, high: value, scale: Scale::Plain }
    }

    fn on(scale: Scale, low: f64, nominal: f64, high: f64) -> Result<Range, RangeError> {
        if let Some(value) = [low, nominal, high].into_iter().find(|value| !value.is_finite()) {
            return Err(RangeError::NotFinite(value));
        }
        match low <= nominal && nominal <= high {
            true => Ok(Range { low, nominal, high, scale }),
            false => Err(RangeError::Order { low, nominal, high }),
        }
    }

    /// True if it has no width.
    pub fn is_exact(&self) -> bool {
        self.low == self.high
    }

    /// The same range in another unit: every number times a positive `factor`.
    pub fn times(&self, factor: f64) -> Range {
        let scale = if self.scale == Scale::LogOdds && factor != 1.0 { Scale::Logarithm } else { self.scale };
        Range { low: self.low * factor, nominal: self.nominal * factor, high: self.high * factor, scale }
    }

    /// The sum with an independent quantity: medians add, and the halves add as deviations do.
    pub fn plus(&self, other: &Range) -> Range {
        let nominal = self.nominal + other.nominal;
        let (low, high) = (
            nominal - (self.nominal - self.low).hypot(other.nominal - other.low),
            nominal + (self.high - self.nominal).hypot(other.high - other.nominal),
        );
        let positive = low > 0.0 && low < high;
        Range { low, nominal, high, scale: if positive { Scale::Logarithm } else { Scale::Plain } }
    }

    /// The value below which a share `probability` of the distribution lies.
    pub fn quantile(&self, probability: f64) -> f64 {
        self.at(normal_quantile(probability))
    }

    /// The value at `deviate` standard deviations from the median.
    pub fn at(&self, deviate: f64) -> f64 {
        Sampler::of(self).at(deviate)
    }
}

/// The standard normal deviate below which a share `probability` lies.
pub fn normal_quantile(probability: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erfc_inv(2.0 * probability)
}

/// A range made ready for many samples.
#[derive(Clone, Copy, Debug)]
pub struct Sampler {
    scale: Scale,
    /// The median on the scale.
    middle: f64,
    /// Standard deviations of the halves, on the scale.
    below: f64,
    above: f64,
    /// What a plain sample is held to.
    floor: f64,
    /// The nominal itself, so that the median is exact.
    nominal: f64,
}

impl Sampler {
    /// Prepares `range`.
    pub fn of(range: &Range) -> Sampler {
        let on = |value: f64| match range.scale {
            Scale::Logarithm => value.ln(),
            Scale::LogOdds => (value / (1.0 - value)).ln(),
            Scale::Plain => value,
        };
        let middle = on(range.nominal);
        let (below, above) = ((middle - on(range.low)) / Z95, (on(range.high) - middle) / Z95);
        let floor = if range.low >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
        Sampler { scale: range.scale, middle, below, above, floor, nominal: range.nominal }
    }

    /// The value at `deviate` standard deviations from the median.
    pub fn at(&self, deviate: f64) -> f64 {
        let spread = deviate * if deviate < 0.0 { self.below } else { self.above };
        if spread == 0.0 {
            return self.nominal;
        }
        let value = self.middle + spread;
        match self.scale {
            Scale::Logarithm => value.exp(),
            Scale::LogOdds => 1.0 / (1.0 + (-value).exp()),
            Scale::Plain => value.max(self.floor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} for {expected}");
    }

    #[test]
    fn the_three_numbers_are_the_quantiles_that_they_are_said_to_be() {
        for range in [
            Range::new(18_000.0, 20_000.0, 27_000.0).unwrap(),
            Range::share(0.85, 0.93, 0.98).unwrap(),
            Range::new(-44.0, -35.0, -30.0).unwrap(),
            Range::new(5.0, 5.0, 8.0).unwrap(),
        ] {
            near(range.quantile(0.05), range.low);
            near(range.quantile(0.5), range.nominal);
            near(range.quantile(0.95), range.high);
        }
        // A tariff of 0 to 25 % with 0 the likeliest is never negative.
        assert_eq!(Range::new(0.0, 0.0, 0.25).unwrap().quantile(0.01), 0.0);
        assert_eq!(Range::exactly(3.0).quantile(0.99), 3.0);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        let falling = Range::new(2.0, 1.0, 3.0).unwrap_err();
        assert_eq!(falling.to_string(), "low 2, nominal 1 and high 3 must not fall");
        assert!(Range::share(f64::NAN, 0.5, 0.6).is_err() && Range::new(1.0, 2.0, f64::INFINITY).is_err());
    }

    #[test]
    fn a_sum_is_narrower_than_its_ends() {
        let sum = Range::new(7.0, 10.0, 13.0).unwrap().plus(&Range::new(16.0, 20.0, 24.0).unwrap());
        assert_eq!(sum, Range::new(25.0, 30.0, 35.0).unwrap());
        assert_eq!(Range::exactly(2.0).plus(&Range::exactly(3.0)), Range::exactly(5.0));
    }

    proptest! {
        #[test]
        fn quantiles_rise_and_shares_stay_shares(
            cuts in prop::array::uniform3(0.001..0.999f64), low in 0.0001..0.9999f64, high in 0.0001..0.9999f64,
        ) {
            let mut cuts = cuts;
            cuts.sort_by(f64::total_cmp);
            let (low, high) = (low.min(high), low.max(high));
            for range in [Range::share(cuts[0], cuts[1], cuts[2]), Range::new(cuts[0], cuts[1], cuts[2])] {
                let range = range.unwrap();
                prop_assert!(range.quantile(low) <= range.quantile(high));
                prop_assert!(range.quantile(low) > 0.0);
            }
            prop_assert!(Range::share(cuts[0], cuts[1], cuts[2]).unwrap().quantile(high) < 1.0);
        }

        #[test]
        fn a_unit_scales_every_quantile(factor in 0.001..1e6f64, probability in 0.01..0.99f64) {
            let range = Range::new(18_000.0, 20_000.0, 27_000.0).unwrap();
            prop_assert!((range.times(factor).quantile(probability) / range.quantile(probability) / factor - 1.0).abs() < 1e-9);
        }
    }
}
