//! How sure predictions are of a device that was never measured.
//!
//! The logarithm of measured over predicted, on a device that no fit has seen, is a sum of two parts. **Scatter**: how the shapes of one class differ
//! among themselves on one device. There are thousands of shapes, so its distribution is known as it is. **Shift**: what the device and its software do
//! to all of them. One architecture shows one shift of each class, however many rows it has, and only two architectures are fitted: its spread is known
//! badly, and that is what makes these intervals wide.
//!
//! Both are seen where parameters of one architecture predict the other: the median of a class there is a shift, what is left about the median is
//! scatter. Call the variance of an architecture's own shift `v`. A prediction by parameters of `n` architectures is off by that of the new one and by the
//! mean of theirs, `v (1 + 1 / n)` in all. Leaving one of two out shows `2 v`; a new device under the joint fit meets `1.5 v`: a factor of
//! [`fewer_to_all`].
//!
//! **Degrees of freedom.** Kinds and regimes of one family share their parameters and the software they were measured with, and the two directions of one
//! pair mirror each other: a family counts as one observation of `v`. With one degree of freedom the spread of a family's own shift would be all but
//! unknown (its 95 % quantile is 6.3 spreads, a normal's 1.6). The families' root mean squares lie within a factor of five of each other, which single
//! observations of one and the same spread do by chance; so they are pooled, and a shift follows Student's t with as many degrees of freedom as there are
//! families. The interval holds the middle nine tenths of scatter and shift added, each independent of the other.
//!
//! The shift is centred at zero: what the joint fit leaves in the medians counts as spread, not as a correction. And `v` is of architectures of one
//! maker's data-centre line; a device of another kind (a board with GDDR memory, another maker's chip) may be further off than it says.

use super::{FEWEST, Factors, Residuals, TAIL, architecture, quantile};
use perf::device::Device;
use perf::interval::Class;
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::collections::{BTreeMap, BTreeSet};

/// Equally likely values that stand for the distribution of a shift.
const SHIFTS: usize = 199;

/// Residuals of a class that stand for its scatter, at most.
const SCATTER: usize = 400;

/// Logarithms of measured over predicted by class, each device under parameters of other architectures, gathered by its own.
pub(super) type LeftOut = BTreeMap<usize, Residuals>;

/// Gathers the residuals of devices by architecture.
pub(super) fn by_architecture(devices: &[Device], residuals: Vec<Residuals>) -> LeftOut {
    let mut all = LeftOut::new();
    for (device, residuals) in devices.iter().zip(residuals) {
        let Some(place) = architecture(&device.key) else { continue };
        let own = all.entry(place).or_default();
        residuals.into_iter().for_each(|(class, more)| own.entry(class).or_default().extend(more));
    }
    all
}

/// A class on one architecture: its shift, and its scatter in order.
struct Part {
    shift: f64,
    scatter: Vec<f64>,
}

impl Part {
    /// `None` of too few residuals.
    fn of(logarithms: &[f64]) -> Option<Part> {
        if logarithms.len() < FEWEST {
            return None;
        }
        let mut scatter = logarithms.to_vec();
        scatter.sort_by(f64::total_cmp);
        let shift = quantile(&scatter, 0.5);
        scatter.iter_mut().for_each(|value| *value -= shift);
        Some(Part { shift, scatter })
    }
}

/// The parts of every class of a family.
fn parts(family: &LeftOut) -> BTreeMap<Class, Vec<Part>> {
    let classes: BTreeSet<Class> = family.values().flat_map(|residuals| residuals.keys().copied()).collect();
    let of = |class: Class| family.values().filter_map(|residuals| Part::of(residuals.get(&class)?)).collect();
    classes
        .into_iter()
        .map(|class| (class, of(class)))
        .filter(|(_, parts): &(_, Vec<Part>)| !parts.is_empty())
        .collect()
}

/// Variance under parameters of all of `count` architectures over that under parameters of all but one.
fn fewer_to_all(count: usize) -> f64 {
    let count = count as f64;
    (1.0 + 1.0 / count) / (1.0 + 1.0 / (count - 1.0))
}

/// Mean square of the shifts of one family.
fn mean_square(parts: &BTreeMap<Class, Vec<Part>>) -> Option<f64> {
    let squares: Vec<f64> = parts.values().flatten().map(|part| part.shift.powi(2)).collect();
    (!squares.is_empty()).then(|| squares.iter().sum::<f64>() / squares.len() as f64)
}

/// Equally likely shifts of a new device, from the mean squares of the families; none without evidence.
fn shifts(squares: &[f64], architectures: usize) -> Vec<f64> {
    let freedom = squares.len() as f64;
    let spread = (fewer_to_all(architectures) * squares.iter().sum::<f64>() / freedom).sqrt();
    let Ok(student) = StudentsT::new(0.0, spread, freedom) else { return Vec::new() };
    (0..SHIFTS).map(|place| student.inverse_cdf((place as f64 + 0.5) / SHIFTS as f64)).collect()
}

/// Evenly spaced values of a part, so that each architecture counts alike.
fn thinned(part: &Part) -> impl Iterator<Item = f64> {
    let count = part.scatter.len().min(SCATTER);
    (0..count * SCATTER.div_ceil(count)).map(move |place| {
        let share = (place as f64 + 0.5) / (count * SCATTER.div_ceil(count)) as f64;
        part.scatter[(share * part.scatter.len() as f64) as usize]
    })
}

/// The middle nine tenths of scatter and shift added.
fn predictive(parts: &[Part], shifts: &[f64]) -> Factors {
    let scatter: Vec<f64> = parts.iter().flat_map(thinned).collect();
    let mut sums: Vec<f64> = scatter.iter().flat_map(|value| shifts.iter().map(move |shift| value + shift)).collect();
    sums.sort_by(f64::total_cmp);
    Factors { low: quantile(&sums, TAIL).exp(), high: quantile(&sums, 1.0 - TAIL).exp() }
}

/// The factors of a new device, from what each family showed.
pub(super) fn factors(families: &[LeftOut], architectures: usize) -> Vec<(Class, Factors)> {
    let families: Vec<BTreeMap<Class, Vec<Part>>> = families.iter().map(parts).collect();
    let squares: Vec<f64> = families.iter().filter_map(mean_square).collect();
    let shifts = shifts(&squares, architectures);
    if shifts.is_empty() {
        return Vec::new();
    }
    families.iter().flatten().map(|(class, parts)| (*class, predictive(parts, &shifts))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Evenly spread values about a middle.
    fn about(middle: f64, half: f64) -> Vec<f64> {
        (0..1001).map(|i| middle + half * (f64::from(i) / 500.0 - 1.0)).collect()
    }

    fn family(class: Class, shift: f64, half: f64) -> LeftOut {
        let on = |shift| Residuals::from([(class, about(shift, half))]);
        LeftOut::from([(0, on(shift)), (1, on(-shift))])
    }

    fn only(factors: &[(Class, Factors)], class: Class) -> Factors {
        factors.iter().find(|(one, _)| *one == class).unwrap().1
    }

    #[test]
    fn without_shifts_only_scatter_is_left() {
        let class = Class::all()[0];
        let Factors { low, high } = predictive(&[Part::of(&about(0.3, 0.2)).unwrap()], &[0.0]);
        assert!((low.ln() + 0.18).abs() < 2e-3 && (high.ln() - 0.18).abs() < 2e-3, "{low} {high}");
        assert_eq!(parts(&family(class, 0.3, 0.2))[&class].len(), 2);
    }

    /// Without scatter, what is left is Student's t: its 95 % quantile at one degree of freedom is 6.314, at two 2.920, at five 2.015.
    #[test]
    fn without_scatter_the_shift_is_students() {
        let all = Class::all();
        for (count, quantile) in [(1, 6.314), (2, 2.920), (5, 2.015)] {
            let families: Vec<LeftOut> = all[..count].iter().map(|class| family(*class, 0.1, 0.0)).collect();
            let Factors { low, high } = only(&factors(&families, 2), all[0]);
            let expected = quantile * 0.1 * 0.75f64.sqrt();
            assert!((high.ln() / expected - 1.0).abs() < 0.06, "{count}: {} {expected}", high.ln());
            assert!((low * high - 1.0).abs() < 1e-9);
        }
    }

    /// Devices whose shifts are drawn from one distribution: nine of ten new rows lie within, though each interval was drawn from two devices.
    #[test]
    fn nine_of_ten_of_new_devices_lie_within() {
        let all = Class::all();
        let mut state = 1u64;
        let mut uniform = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) as f64 + 0.5) / (1u64 << 31) as f64
        };
        let mut normal = move || (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos() * 0.2;
        let (mut inside, mut rows) = (0, 0);
        for _ in 0..60 {
            let pairs: Vec<(f64, f64)> = (0..5).map(|_| (normal(), normal())).collect();
            let families: Vec<LeftOut> =
                all.iter().zip(&pairs).map(|(class, (one, other))| family(*class, one - other, 0.1)).collect();
            let factors = factors(&families, 2);
            for (class, (one, other)) in all.iter().zip(&pairs) {
                let Factors { low, high } = only(&factors, *class);
                let shift = normal() - (one + other) / 2.0;
                inside += about(shift, 0.1).iter().filter(|row| (low.ln()..=high.ln()).contains(row)).count();
                rows += 1001;
            }
        }
        let share = inside as f64 / rows as f64;
        assert!((0.86..0.94).contains(&share), "{share}");
    }
}
