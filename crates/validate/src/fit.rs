//! Fitting a kernel's parameters to measured times.
//!
//! A fit can only be given a [`Calibration`], and a calibration can only be read from files named `calibrate`: measuring on what was fitted is a
//! compile error away. The loss is the mean of |ln(predicted / measured)|: symmetric between too fast and too slow, and hardly moved by a few odd rows.
//! It has kinks (a tile choice changes) and no useful derivative, and there are at most a handful of parameters, so the search is Nelder and Mead's
//! simplex inside the box of [`Field`], from several starts. Nothing is random: the same rows give the same parameters.

pub mod attention;
pub mod collective;
pub mod experts;
pub mod gemm;
pub mod latent;

use crate::sets::{SetError, Split, rows};
use argmin::core::{CostFunction, Executor};
use argmin::solver::neldermead::NelderMead;
use base::units::Seconds;
use perf::parameter::{Field, Fitted};
use serde::de::DeserializeOwned;
use std::path::Path;

/// What was measured, how long it took, and how much it counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured<What> {
    /// The operator, or whatever the prediction is made from.
    pub what: What,
    /// Measured time.
    pub time: Seconds,
    /// Weight in the loss.
    pub weight: f64,
}

/// Measurements that parameters may be fitted to.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration<What> {
    measured: Vec<Measured<What>>,
}

impl<What> Calibration<What> {
    /// The rows of a file, each turned into what was measured.
    ///
    /// # Errors
    /// The file's name does not say `calibrate`, or it cannot be read as `Row`s.
    pub fn read<Row: DeserializeOwned>(
        path: &Path,
        measured: impl FnMut(Row) -> Measured<What>,
    ) -> Result<Calibration<What>, SetError> {
        if Split::of(path) != Some(Split::Calibrate) {
            return Err(SetError::file(
                path,
                "parameters are fitted on `*.calibrate.*` files only; this one is for measuring",
            ));
        }
        Ok(Calibration { measured: rows(path)?.into_iter().map(measured).collect() })
    }

    /// Both together: a fit that several devices or files share.
    #[must_use]
    pub fn and(mut self, other: Calibration<What>) -> Calibration<What> {
        self.measured.extend(other.measured);
        self
    }

    /// Every `step`-th measurement: a quicker fit to a sample that is spread over the whole set.
    #[must_use]
    pub fn thinned(self, step: usize) -> Calibration<What> {
        Calibration { measured: self.measured.into_iter().step_by(step.max(1)).collect() }
    }

    /// The measurements.
    pub fn measured(&self) -> &[Measured<What>] {
        &self.measured
    }
}

/// Parameters and how well they explain what they were fitted to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit<P> {
    /// The best parameters found.
    pub parameters: P,
    /// Weighted mean of |ln(predicted / measured)|.
    pub loss: f64,
}

/// The parameters that best explain a calibration.
///
/// `predict` gives the time of one measurement's operator under some parameters. A prediction that is not a positive number costs as much as one that is
/// wrong by a factor of e^10.
pub fn fit<P: Fitted, What>(calibration: &Calibration<What>, predict: impl Fn(&P, &What) -> Seconds) -> Fit<P> {
    let problem = Problem { loss: |parameters: &P| loss(calibration.measured(), parameters, &predict) };
    let mut best = problem.evaluated(P::default());
    for start in starts(P::FIELDS) {
        let found = problem.descend(&start);
        if found.loss < best.loss {
            best = found;
        }
    }
    // A simplex can collapse early on a kink; a fresh one at its end point goes on.
    for _ in 0..RESTARTS {
        let found = problem.descend(&inward(P::FIELDS, &best.parameters.values()));
        let gain = best.loss - found.loss;
        if gain > 0.0 {
            best = found;
        }
        if gain < TOLERANCE {
            break;
        }
    }
    best
}

/// Fresh simplices at the end point, at most.
const RESTARTS: usize = 6;
/// Gain in the loss that is worth another restart: a thousandth of a percent.
const TOLERANCE: f64 = 1e-5;
/// Evaluations of one descent: parameters move no more by then.
const EVALUATIONS: u64 = 120;
/// Edge of the first simplex in the inner coordinates, where the box spans about -4 to 4.
const EDGE: f64 = 0.7;
/// Loss of a prediction that is no time at all.
const ABSURD: f64 = 10.0;

/// Weighted mean of |ln(predicted / measured)|.
pub fn loss<P, What>(measured: &[Measured<What>], parameters: &P, predict: impl Fn(&P, &What) -> Seconds) -> f64 {
    let (mut sum, mut weight) = (0.0, 0.0);
    for one in measured {
        let error = (predict(parameters, &one.what).0 / one.time.0).ln().abs();
        sum += one.weight * if error.is_finite() { error.min(ABSURD) } else { ABSURD };
        weight += one.weight;
    }
    sum / weight
}

/// The loss as the optimiser sees it: over unbounded inner coordinates.
struct Problem<L> {
    loss: L,
}

impl<L> Problem<L> {
    fn evaluated<P: Fitted>(&self, parameters: P) -> Fit<P>
    where
        L: Fn(&P) -> f64,
    {
        Fit { loss: (self.loss)(&parameters), parameters }
    }

    /// One run of the simplex from `start` (inner coordinates).
    fn descend<P: Fitted>(&self, start: &[f64]) -> Fit<P>
    where
        L: Fn(&P) -> f64,
    {
        let corner = |axis: usize| {
            let mut point = start.to_vec();
            point[axis] += EDGE;
            point
        };
        let simplex = std::iter::once(start.to_vec()).chain((0..start.len()).map(corner)).collect();
        let solver = NelderMead::new(simplex).with_sd_tolerance(TOLERANCE / 10.0).expect("the tolerance is positive");
        let cost = Cost { loss: &self.loss, group: std::marker::PhantomData };
        let run = Executor::new(cost, solver).configure(|state| state.max_iters(EVALUATIONS)).run();
        let point = run.ok().and_then(|run| run.state.best_param).unwrap_or_else(|| start.to_vec());
        self.evaluated(P::from_values(&outward(P::FIELDS, &point)))
    }
}

struct Cost<'a, P, L> {
    loss: &'a L,
    group: std::marker::PhantomData<P>,
}

impl<P: Fitted, L: Fn(&P) -> f64> CostFunction for Cost<'_, P, L> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, point: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        Ok((self.loss)(&P::from_values(&outward(P::FIELDS, point))))
    }
}

/// Where descents begin: at the defaults, and a third into the box from either side.
fn starts(fields: &[Field]) -> Vec<Vec<f64>> {
    let defaults: Vec<f64> = fields.iter().map(|field| field.default).collect();
    [inward(fields, &defaults), vec![-1.0; fields.len()], vec![0.7; fields.len()]].to_vec()
}

/// Whether a field spans decades, and is then searched by its logarithm.
fn spans_decades(field: &Field) -> bool {
    field.low > 0.0 && field.high / field.low >= 10.0
}

/// Values in their boxes to coordinates without bounds: the logit of the position within the box.
fn inward(fields: &[Field], values: &[f64]) -> Vec<f64> {
    // Away from the walls, where the logit has no end.
    const WALL: f64 = 1e-3;
    let one = |field: &Field, value: f64| {
        let position = match spans_decades(field) {
            true => (value / field.low).ln() / (field.high / field.low).ln(),
            false => (value - field.low) / (field.high - field.low),
        };
        let position = position.clamp(WALL, 1.0 - WALL);
        (position / (1.0 - position)).ln()
    };
    fields.iter().zip(values).map(|(field, value)| one(field, *value)).collect()
}

/// Inverse of [`inward`].
fn outward(fields: &[Field], point: &[f64]) -> Vec<f64> {
    let one = |field: &Field, coordinate: f64| {
        let position = 1.0 / (1.0 + (-coordinate).exp());
        match spans_decades(field) {
            true => field.low * (field.high / field.low).powf(position),
            false => field.low + (field.high - field.low) * position,
        }
    };
    fields.iter().zip(point).map(|(field, coordinate)| one(field, *coordinate)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    perf::parameters! {
        /// A line with a kink.
        pub struct Ramp {
            /// Fraction of a rate.
            rate: 0.1..1.0 = 0.5,
            /// Seconds.
            launch: 1e-7..1e-3 = 1e-5,
        }
    }

    fn ramp(parameters: &Ramp, size: &f64) -> Seconds {
        Seconds((size / (1e9 * parameters.rate)).max(parameters.launch))
    }

    fn sizes(truth: &Ramp) -> Calibration<f64> {
        let one = |i: i32| {
            let size = 1e2 * 1.2f64.powi(i);
            Measured { what: size, time: ramp(truth, &size), weight: 1.0 }
        };
        Calibration { measured: (0..60).map(one).collect() }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn finds_what_made_the_times(rate in 0.2f64..0.95, launch in -5.5f64..-4.0) {
            let truth = Ramp { rate, launch: 10f64.powf(launch) };
            let found = fit(&sizes(&truth), ramp);
            prop_assert!(found.loss < 0.01, "{found:?} for {truth:?}");
        }

        #[test]
        fn the_box_holds_and_turns_back(rate in 0.11f64..0.99, launch in -6.9f64..-3.1) {
            let values = [rate, 10f64.powf(launch)];
            let back = outward(Ramp::FIELDS, &inward(Ramp::FIELDS, &values));
            for (value, back) in values.iter().zip(back) {
                prop_assert!((back / value - 1.0).abs() < 0.05);
            }
            let far = outward(Ramp::FIELDS, &[-1e3, 1e3]);
            prop_assert!(far[0] >= 0.1 && far[1] <= 1e-3 * 1.000_001);
        }
    }

    #[test]
    fn the_same_rows_give_the_same_parameters() {
        let calibration = sizes(&Ramp { rate: 0.7, launch: 3e-5 });
        let [one, other] = [fit(&calibration, ramp), fit(&calibration, ramp)];
        assert_eq!(one, other);
    }

    #[test]
    fn a_wrong_prediction_is_no_reason_to_stop() {
        let calibration = sizes(&Ramp { rate: 0.7, launch: 3e-5 });
        assert_eq!(loss(calibration.measured(), &Ramp::default(), |_, _| Seconds(f64::NAN)), ABSURD);
        assert_eq!(loss(calibration.measured(), &Ramp::default(), |_, _| Seconds(0.0)), ABSURD);
    }

    #[test]
    fn only_calibrate_files_are_fitted_on() {
        let path = Path::new("h100/gemm.test.csv.gz");
        let refused = Calibration::read(path, |row: crate::sets::gemm::Row| Measured {
            what: row.operator(),
            time: row.time(),
            weight: 1.0,
        });
        assert!(refused.unwrap_err().to_string().contains("`*.calibrate.*` files only"));
    }
}
