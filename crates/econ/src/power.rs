//! All-in power: what a device draws with its share of host, network, power supplies and fans, from what its package is rated at.
//!
//! For some devices facts state both. What the all-in figure has beyond the rated one, the site's cooling taken out, is much the same for all of them, 0.6 to
//! 0.9 kW, while the ratio of the two falls from 2.1 to 1.5 as packages grow: a host and its network cards serve eight devices, whatever these draw. So that
//! **difference** is carried over to devices of which only the rating is known, ours among them. A server of many small devices would need less per device, and
//! cost less than the market's; neither is known from facts.

use crate::facts::{FactError, Facts};
use crate::range::Range;
use base::units::Watts;

/// Devices of which facts state both: all-in, and rated.
const WITNESSES: [[&str; 2]; 5] = [
    ["all-in power H100", "rated power H100 SXM"],
    ["all-in power B200", "rated power B200"],
    ["all-in power GB200", "rated power GB200"],
    ["all-in power MI300X", "rated power MI300X"],
    ["all-in power MI355X", "rated power MI355X"],
];

/// What facts show to stand around a device, in watts: the least, the middle and the most of what all-in figures have beyond rated ones.
///
/// # Errors
/// If `facts` state both figures of no device.
pub fn around(facts: &Facts) -> Result<Range, FactError> {
    let found: Vec<Result<f64, FactError>> = WITNESSES.iter().map(|pair| beyond(facts, *pair)).collect();
    let mut known: Vec<f64> = found.iter().filter_map(|found| found.as_ref().ok().copied()).collect();
    known.sort_by(f64::total_cmp);
    match (known.first(), known.last()) {
        (Some(low), Some(high)) => Ok(Range::new(*low, known[known.len() / 2], *high).unwrap_or(Range::exactly(*high))),
        _ => Err(found.into_iter().find_map(Result::err).expect("a witness without a figure has an error")),
    }
}

/// What one device's all-in power has beyond its rated one; all-in figures contain the site's cooling.
fn beyond(facts: &Facts, [all_in, rated]: [&str; 2]) -> Result<f64, FactError> {
    let (all_in, rated) = (facts.nominal::<Watts>(all_in)?, facts.nominal::<Watts>(rated)?);
    Ok(all_in.0 / facts.nominal::<f64>("PUE")? - rated.0)
}

/// All-in power, in watts, of a device whose package is rated at `package` watts, when `around` ([`around`]) stands around it.
pub fn all_in(package: Range, around: Range) -> Range {
    package.plus(&around)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_around_a_device_carries_over_better_than_a_ratio() {
        let facts = Facts::builtin().unwrap();
        let around = around(&facts).unwrap();
        assert!(around.low > 500.0 && around.high < 1000.0, "{around:?}");
        let pair = |pair: &[&str; 2]| {
            let rated = facts.nominal::<Watts>(pair[1]).unwrap().0;
            (beyond(&facts, *pair).unwrap() + rated, rated)
        };
        let pairs = WITNESSES.map(|names| pair(&names));
        let ratios = pairs.map(|(all_in, rated)| all_in / rated);
        let widest = ratios.iter().copied().fold(0.0, f64::max) - ratios.iter().copied().fold(f64::MAX, f64::min);
        for (known, rated) in pairs {
            let found = all_in(Range::exactly(rated), around);
            assert!((known / found.nominal - 1.0).abs() < 0.15, "{known} W, {} W by the sum", found.nominal);
            assert!((found.low - 1e-9..=found.high + 1e-9).contains(&known), "{known} outside of {found:?}");
            // The interval of the ratio would be wider.
            assert!(found.high - found.low < widest * rated);
        }
    }

    #[test]
    fn no_figure_is_no_answer() {
        let then = Facts::builtin().unwrap().as_of("2024".parse().unwrap());
        assert!(around(&then).unwrap_err().to_string().starts_with("no fact about `all-in power H100`"));
    }
}
