//! From many ways to serve each workload to one per workload: the cheapest mix that meets the latency targets.
//!
//! An hour of a device costs `fixed + per_watt x rating`: the power that is provisioned is a choice, and a way to serve that draws more than the rating cannot be taken.
//! So the rating couples the workloads. For each rating that some way to serve draws, each workload takes its quickest way below it; the best rating is the one with the lowest
//! cost of the mix. That is exact: between two such ratings nothing changes but the price.

use crate::ask::Ask;
use crate::deploy::{Point, Role};
use serde::{Deserialize, Serialize};

/// Dollars per hour that does work, of a device by the power that is provisioned for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hour {
    /// At no power.
    pub fixed: f64,
    /// Per watt.
    pub per_watt: f64,
    /// Power that is provisioned whatever runs; none where it is a choice.
    pub rating: Option<f64>,
}

impl Hour {
    /// Dollars per second of a device of this rating.
    pub fn second(&self, rating: f64) -> f64 {
        (self.fixed + self.per_watt * rating) / base::units::SECONDS_PER_HOUR
    }
}

/// How a workload is served.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Served {
    /// Prompts and answers on the same devices.
    Whole(Point),
    /// Prompts and answers on devices of their own.
    Apart {
        /// Prompts.
        prefill: Point,
        /// Answers.
        decode: Point,
    },
}

impl Served {
    /// Seconds of a device per token written.
    pub fn seconds(&self) -> f64 {
        self.sum(|point| point.seconds)
    }

    /// Of those, for prompts.
    pub fn reading(&self) -> f64 {
        self.sum(|point| point.reading)
    }

    /// Joules per token written.
    pub fn joules(&self) -> f64 {
        self.sum(|point| point.seconds * point.mean)
    }

    /// Highest power of a device.
    pub fn watts(&self) -> f64 {
        self.points().map(|point| point.watts).fold(0.0, f64::max)
    }

    /// Time to the first token, 99th percentile, in s.
    pub fn ttft(&self) -> f64 {
        self.sum(|point| point.ttft)
    }

    /// Time per further token, 99th percentile, in s.
    pub fn tpot(&self) -> f64 {
        self.sum(|point| point.tpot)
    }

    /// Time per further token on average, in s.
    pub fn pace(&self) -> f64 {
        self.sum(|point| point.pace)
    }

    /// The one or two points.
    pub fn points(&self) -> impl Iterator<Item = &Point> {
        let (first, second) = match self {
            Served::Whole(point) => (point, None),
            Served::Apart { prefill, decode } => (prefill, Some(decode)),
        };
        std::iter::once(first).chain(second)
    }

    fn sum(&self, of: impl Fn(&Point) -> f64) -> f64 {
        self.points().map(of).sum()
    }
}

/// The cheapest mix at one level of latency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mixed {
    /// Latency targets of the study times this.
    pub level: f64,
    /// Power that is provisioned for a device, W.
    pub rating: f64,
    /// Dollars per million tokens written.
    pub usd: f64,
    /// Seconds of a device per token written.
    pub seconds: f64,
    /// Joules per token written.
    pub joules: f64,
    /// Tokens per second that a user sees: the mean time per token, inverted.
    pub interactivity: f64,
    /// How each workload is served.
    pub served: Vec<Served>,
}

/// Tokens of a price.
const MILLION: f64 = 1e6;

/// Ways to serve one workload that no other beats in both power and device time, by rising power.
#[derive(Default)]
struct Stairs(Vec<Point>);

impl Stairs {
    fn of(points: impl Iterator<Item = Point>) -> Stairs {
        let mut points: Vec<Point> = points.collect();
        points.sort_by(|a, b| a.watts.total_cmp(&b.watts).then(a.seconds.total_cmp(&b.seconds)).then(order(a, b)));
        let mut best = f64::INFINITY;
        points.retain(|point| {
            let better = point.seconds < best;
            best = best.min(point.seconds);
            better
        });
        Stairs(points)
    }

    /// The quickest at or below a rating.
    fn below(&self, rating: f64) -> Option<&Point> {
        let count = self.0.partition_point(|point| point.watts <= rating);
        self.0[..count].last()
    }
}

/// Equal points are told apart by what they are, so that the order in which they were found does not matter.
fn order(a: &Point, b: &Point) -> std::cmp::Ordering {
    (a.plan, a.role, a.batch).cmp(&(b.plan, b.role, b.batch))
}

/// Ways to serve one workload at a level.
struct Ways {
    whole: Stairs,
    /// Prompts, and answers, by the format of their cache.
    apart: Vec<[Stairs; 2]>,
}

impl Ways {
    fn of(ask: &Ask, points: &[Point], level: f64) -> Ways {
        let (ttft, tpot) = (ask.ttft.0 * level, ask.tpot.0 * level);
        let of = |wanted: &dyn Fn(&Point) -> bool, ttft: f64| {
            let meets = |point: &&Point| wanted(point) && point.ttft <= ttft && point.tpot <= tpot;
            Stairs::of(points.iter().filter(meets).copied())
        };
        let caches = points.iter().map(|point| point.cache).max().map_or(0, |most| most + 1);
        let apart = |cache: u8| {
            // The first token leaves the decoding devices after a step, which takes at most the time per token.
            let reads = |point: &Point| matches!(point.role, Role::Prefill { .. }) && point.cache == cache;
            let writes = |point: &Point| point.role == Role::Decode && point.cache == cache;
            [of(&reads, ttft - tpot), of(&writes, ttft)]
        };
        let whole = of(&|point| matches!(point.role, Role::Whole { .. }), ttft);
        Ways { whole, apart: (0..caches).map(apart).collect() }
    }

    fn ratings(&self) -> impl Iterator<Item = f64> {
        let stairs = self.apart.iter().flatten().chain([&self.whole]);
        stairs.flat_map(|stairs| stairs.0.iter().map(|point| point.watts))
    }

    fn best(&self, rating: f64) -> Option<Served> {
        let whole = self.whole.below(rating).copied().map(Served::Whole);
        let apart = self.apart.iter().filter_map(|[prefill, decode]| {
            let (prefill, decode) = (*prefill.below(rating)?, *decode.below(rating)?);
            Some(Served::Apart { prefill, decode })
        });
        // Of equal ones the first.
        whole.into_iter().chain(apart).reduce(|best, other| if other.seconds() < best.seconds() { other } else { best })
    }
}

/// The cheapest mix at `level`; the name of a workload that cannot be served in time if there is none.
///
/// # Errors
/// The place of the first such workload.
pub fn cheapest(asks: &[Ask], points: &[Vec<Point>], level: f64, hour: &Hour) -> Result<Mixed, usize> {
    let ways: Vec<Ways> = asks.iter().zip(points).map(|(ask, points)| Ways::of(ask, points, level)).collect();
    if let Some(at) = ways.iter().position(|ways| ways.best(f64::INFINITY).is_none()) {
        return Err(at);
    }
    let mut ratings: Vec<f64> = match hour.rating {
        Some(rating) => vec![rating],
        None => ways.iter().flat_map(Ways::ratings).collect(),
    };
    ratings.sort_by(f64::total_cmp);
    ratings.dedup();
    let mut best: Option<Mixed> = None;
    for rating in ratings {
        // What a vendor rates is taken as it is: power of such a device is a share of that rating.
        let below = if hour.rating.is_some() { f64::INFINITY } else { rating };
        let served: Option<Vec<Served>> = ways.iter().map(|ways| ways.best(below)).collect();
        let Some(served) = served else { continue };
        let mix = mixed(asks, served, level, rating, hour);
        if best.as_ref().is_none_or(|best| mix.usd < best.usd) {
            best = Some(mix);
        }
    }
    best.ok_or(0)
}

/// A mix of ways to serve, at a rating.
pub fn mixed(asks: &[Ask], served: Vec<Served>, level: f64, rating: f64, hour: &Hour) -> Mixed {
    let sum =
        |of: &dyn Fn(&Served) -> f64| asks.iter().zip(&served).map(|(ask, served)| ask.share * of(served)).sum::<f64>();
    let seconds = sum(&Served::seconds);
    let (joules, pace) = (sum(&Served::joules), sum(&Served::pace));
    let usd = hour.second(rating) * seconds * MILLION;
    Mixed { level, rating, usd, seconds, joules, interactivity: 1.0 / pace, served }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask;
    use crate::study::Study;
    use proptest::prelude::*;

    fn point(role: Role, batch: u32, [seconds, watts, ttft, tpot]: [f64; 4]) -> Point {
        let (reading, beside, mean) = (seconds / 2.0, watts / 3.0, watts / 2.0);
        let cache = (batch % 2) as u8;
        Point { plan: 0, role, batch, cache, seconds, reading, ttft, tpot, pace: tpot, watts, beside, mean }
    }

    fn points() -> impl Strategy<Value = Vec<Point>> {
        let numbers = proptest::array::uniform4(1u32..12);
        proptest::collection::vec((0u8..3, 1u32..9, numbers), 1..9).prop_map(|all| {
            let one = |(role, batch, [seconds, watts, ttft, tpot]): (u8, u32, [u32; 4])| {
                let numbers = [seconds, watts * 100, ttft, tpot].map(f64::from);
                let [seconds, watts, ttft, tpot] = numbers;
                let role = match role {
                    0 => Role::Whole { chunk: 512 },
                    1 => Role::Decode,
                    _ => Role::Prefill { chunk: 512, load: 50 },
                };
                let tpot = if matches!(role, Role::Prefill { .. }) { 0.0 } else { tpot * 6e-3 };
                point(role, batch, [seconds * 1e-4, watts, ttft * 0.08, tpot])
            };
            all.into_iter().map(one).collect()
        })
    }

    /// Every way to serve one workload in time.
    fn ways(ask: &Ask, points: &[Point], level: f64) -> Vec<Served> {
        let (ttft, tpot) = (ask.ttft.0 * level, ask.tpot.0 * level);
        let of = |wanted: fn(&Role) -> bool, ttft: f64| {
            points.iter().filter(move |point| wanted(&point.role) && point.ttft <= ttft && point.tpot <= tpot)
        };
        let whole = of(|role| matches!(role, Role::Whole { .. }), ttft).map(|point| Served::Whole(*point));
        let apart = of(|role| matches!(role, Role::Prefill { .. }), ttft - tpot).flat_map(|prefill| {
            let writes = of(|role| *role == Role::Decode, ttft).filter(|decode| decode.cache == prefill.cache);
            writes.map(|decode| Served::Apart { prefill: *prefill, decode: *decode })
        });
        whole.chain(apart).collect()
    }

    proptest! {
        #[test]
        fn the_sweep_finds_what_trying_everything_finds(
            first in points(), second in points(), per_watt in 0.0..0.01f64, level in 0.5..2.0f64,
        ) {
            let asks = &ask::all(&Study::builtin())[..2];
            let hour = Hour { fixed: 2.0, per_watt, rating: None };
            let all = [ways(&asks[0], &first, level), ways(&asks[1], &second, level)];
            let pairs = all[0].iter().flat_map(|a| all[1].iter().map(move |b| vec![*a, *b]));
            let usd = |served: Vec<Served>| {
                let rating = served.iter().map(Served::watts).fold(0.0, f64::max);
                mixed(asks, served, level, rating, &hour).usd
            };
            let best = pairs.map(usd).fold(f64::INFINITY, f64::min);
            match cheapest(asks, &[first, second], level, &hour) {
                Ok(mix) => {
                    prop_assert!((mix.usd / best - 1.0).abs() < 1e-12, "{} {best}", mix.usd);
                    prop_assert!(mix.served.iter().all(|served| served.watts() <= mix.rating));
                }
                Err(at) => prop_assert!(all[at].is_empty() && best.is_infinite()),
            }
        }
    }
}
