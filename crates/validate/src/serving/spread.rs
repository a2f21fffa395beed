//! How sure the two times of a serving point are.
//!
//! They err far more than operators do: speculation, cold starts and numbers of workers are not in the inputs, and no sum over operators knows of them.
//! So their intervals are quantiles of measured over predicted, on the half of the points that the software's times were fitted on, taken anew whenever the
//! set is run. The half held out tells whether they hold.

use super::Point;
use super::deployment::Arrangement;
use crate::calibrate;
use perf::interval::{Factors, Interval};

/// A point of the fitted half.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// What is predicted.
    pub predicted: Point,
    /// What was measured.
    pub measured: Point,
    /// Whether prompts and answers had workers of their own.
    pub apart: bool,
}

/// The spreads of both times: of instances that do both, then of separate workers; `None` of too few points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spreads {
    tpot: [Option<Factors>; 2],
    ttft: [Option<Factors>; 2],
}

/// Whether prompts and answers have workers of their own.
pub fn apart(arrangement: &Arrangement) -> bool {
    matches!(arrangement, Arrangement::Apart { .. })
}

impl Spreads {
    /// From the fitted half.
    pub fn of(seen: &[Seen]) -> Spreads {
        let both = |time: fn(&Point) -> f64| {
            [false, true].map(|apart| {
                let ratio = |one: &Seen| (time(&one.measured) / time(&one.predicted)).ln();
                let mut logarithms: Vec<f64> = seen.iter().filter(|one| one.apart == apart).map(ratio).collect();
                calibrate::factors(&mut logarithms)
            })
        };
        Spreads { tpot: both(|point| point.tpot.0), ttft: both(|point| point.ttft.0) }
    }

    /// The intervals of a point's time per token and of its time to first token.
    pub fn around(&self, predicted: &Point, apart: bool) -> (Option<Interval>, Option<Interval>) {
        let place = usize::from(apart);
        let tpot = self.tpot[place].map(|factors| factors.around(predicted.tpot.0));
        let ttft = self.ttft[place].map(|factors| factors.around(predicted.ttft.0));
        (tpot, ttft)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::units::Seconds;

    fn point(ttft: f64, tpot: f64) -> Point {
        Point { ttft: Seconds(ttft), tpot: Seconds(tpot) }
    }

    #[test]
    fn each_time_and_arrangement_has_its_own_spread() {
        let one = |place: i32, apart: bool| {
            let wide = if apart { 3.0 } else { 1.0 };
            let off = (wide * (f64::from(place) / 50.0 - 1.0)).exp();
            Seen { predicted: point(1.0, 0.01), measured: point(off * off, 0.01 * off), apart }
        };
        let together: Vec<Seen> = (0..101).map(|place| one(place, false)).collect();
        let (tpot, ttft) = Spreads::of(&together).around(&point(2.0, 1.0), false);
        let (tpot, ttft) = (tpot.unwrap(), ttft.unwrap());
        assert!((tpot.high.ln() - 0.918).abs() < 1e-6, "{tpot:?}");
        assert!(((ttft.high / 2.0).ln() - 2.0 * 0.918).abs() < 1e-6, "{ttft:?}");
        assert_eq!(Spreads::of(&together).around(&point(1.0, 1.0), true), (None, None));
        let both: Vec<Seen> = together.into_iter().chain((0..101).map(|place| one(place, true))).collect();
        let (wide, _) = Spreads::of(&both).around(&point(1.0, 1.0), true);
        assert!((wide.unwrap().high.ln() - 3.0 * 0.918).abs() < 1e-6, "{wide:?}");
    }
}
