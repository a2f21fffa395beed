//! Predictions judged: the factor of each maker from its one point, errors of all others, the order of the devices, and energy.

use super::file::{File, Metered, Point};
use super::predict::{Prediction, predict};
use crate::public::{Kind, Public};
use base::units::Watts;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// How far a rate may be off, over the published one.
pub const RATE: f64 = 0.15;
/// How far the energy of a token may be off, over the published one.
pub const ENERGY: f64 = 0.10;

/// A published rate beside its prediction.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// Of what.
    pub point: Point,
    /// Output tokens per second and accelerator.
    pub published: f64,
    /// As the model has it; none where no division among eight devices keeps the limits.
    pub prediction: Option<Prediction>,
    /// Of the maker.
    pub factor: f64,
    /// Whether this point set the factor, so that it says nothing.
    pub sets_factor: bool,
}

impl Compared {
    /// Predicted tokens per second and accelerator, times the maker's factor.
    pub fn computed(&self) -> f64 {
        self.factor * self.prediction.map_or(0.0, |prediction| prediction.tokens)
    }

    /// How far off, over the published rate.
    pub fn deviation(&self) -> f64 {
        self.computed() / self.published - 1.0
    }
}

/// The devices of a round, a network and a scenario by their rates.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// Round, network and scenario in words.
    pub of: String,
    /// Pairs of devices that are further apart than submissions with one device.
    pub pairs: usize,
    /// Those of them that the prediction has the other way round, the faster by publication first.
    pub swapped: Vec<(String, String)>,
    /// Pairs that are not, of which publication does not tell the faster.
    pub close: usize,
    /// Those of them that the prediction has the other way round.
    pub close_swapped: Vec<(String, String)>,
}

impl Order {
    /// Kendall's tau: 1 in the same order, -1 in the opposite one.
    pub fn tau(&self) -> f64 {
        1.0 - 2.0 * self.swapped.len() as f64 / self.pairs.max(1) as f64
    }
}

/// A server's energy beside its prediction.
#[derive(Clone, Debug, PartialEq)]
pub struct Energy {
    /// What was published.
    pub metered: Metered,
    /// Predicted tokens per second of the server, times the maker's factor.
    pub tokens: f64,
    /// Predicted power of the server.
    pub power: Watts,
}

impl Energy {
    /// Published joules per token.
    pub fn published(&self) -> f64 {
        self.metered.power.0 / self.metered.tokens
    }

    /// Predicted joules per token.
    pub fn computed(&self) -> f64 {
        if self.tokens > 0.0 { self.power.0 / self.tokens } else { f64::INFINITY }
    }

    /// How far off, over the published energy.
    pub fn deviation(&self) -> f64 {
        self.computed() / self.published() - 1.0
    }
}

/// Everything judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Rates, in the order of the file.
    pub compared: Vec<Compared>,
    /// Orders.
    pub orders: Vec<Order>,
    /// Energies, in the order of the file.
    pub energies: Vec<Energy>,
}

/// What a prediction depends on, with the watts that a device may draw where they were limited.
type Asked = (Point, Option<u64>);

fn asked(point: &Point, limit: Option<Watts>) -> Asked {
    (point.clone(), limit.map(|limit| limit.0.round() as u64))
}

/// Predicts the points that are wanted, and those that set the factors, and judges them.
pub fn outcome(file: &File, wanted: impl Fn(&Point) -> bool) -> Outcome {
    let rates = file.published.iter().map(|one| (&one.point, None));
    let energies = file.metered.iter().map(|one| (&one.point, one.limit));
    let every = rates.chain(energies).filter(|(point, _)| wanted(point));
    let every = every.chain(file.calibrations.iter().map(|one| (&one.point, None)));
    let all: BTreeSet<Asked> = every.map(|(point, limit)| asked(point, limit)).collect();
    let speeds: BTreeMap<&Point, f64> =
        file.calibrations.iter().map(|one| (&one.point, speed(file, &one.point))).collect();
    let one = |one: Asked| {
        let (point, watts) = &one;
        let speed = file.calibration(point).map_or(1.0, |own| speeds[own]);
        let prediction = predict(file, point, watts.map(|watts| Watts(watts as f64)), speed);
        (one, prediction)
    };
    // Servers of long answers take seconds, all others milliseconds: no two of them should wait for one thread.
    let all: Vec<Asked> = all.into_iter().collect();
    let predictions: BTreeMap<Asked, Option<Prediction>> = all.into_par_iter().with_max_len(1).map(one).collect();
    judge(file, wanted, &|point, limit| predictions[&asked(point, limit)])
}

/// How many times as fast as predicted a maker's software is, by its one point.
fn speed(file: &File, point: &Point) -> f64 {
    predict(file, point, None, 1.0).map_or(1.0, |prediction| file.rate(point) / prediction.tokens)
}

/// Judges predictions, wherever they come from.
pub fn judge(
    file: &File,
    wanted: impl Fn(&Point) -> bool,
    predicted: &dyn Fn(&Point, Option<Watts>) -> Option<Prediction>,
) -> Outcome {
    let factor = |point: &Point| factor(file, point, predicted);
    let published = file.published.iter().filter(|one| wanted(&one.point));
    let compared: Vec<Compared> = published
        .map(|one| Compared {
            prediction: predicted(&one.point, None),
            published: one.tokens,
            factor: factor(&one.point),
            sets_factor: file.calibrations.iter().any(|calibration| calibration.point == one.point),
            point: one.point.clone(),
        })
        .collect();
    let energy = |metered: &Metered| {
        let prediction = predicted(&metered.point, metered.limit);
        let devices = f64::from(metered.devices);
        let limit = metered.limit.map_or(f64::INFINITY, |limit| limit.0);
        let power = Watts(prediction.map_or(0.0, |one| one.power.0.min(limit)));
        Energy {
            tokens: devices * factor(&metered.point) * prediction.map_or(0.0, |one| one.tokens),
            power: file.around.server(metered.devices, power * devices, metered.cooling),
            metered: metered.clone(),
        }
    };
    let energies = file.metered.iter().filter(|one| wanted(&one.point)).map(energy).collect();
    Outcome { orders: orders(file, &compared), compared, energies }
}

/// Published over predicted at the one point of the device's maker; one where that ran another kind of software.
fn factor(file: &File, point: &Point, predicted: &dyn Fn(&Point, Option<Watts>) -> Option<Prediction>) -> f64 {
    let own = file.calibration(point).and_then(|own| Some((own, predicted(own, None)?)));
    own.map_or(1.0, |(own, prediction)| file.rate(own) / prediction.tokens)
}

/// The order of the devices in each group of a round, a network and a scenario.
fn orders(file: &File, compared: &[Compared]) -> Vec<Order> {
    let mut groups: BTreeMap<_, Vec<&Compared>> = BTreeMap::new();
    for one in compared {
        let Point { round, benchmark, scenario, .. } = &one.point;
        groups.entry((benchmark, round, *scenario)).or_default().push(one);
    }
    let groups = groups.into_iter().filter(|(_, devices)| devices.len() > 1);
    groups.map(|((benchmark, _, scenario), devices)| order(file.spread(benchmark, scenario), &devices)).collect()
}

/// The order of some devices, of which those are told apart whose published rates are further apart than `spread`.
fn order(spread: f64, devices: &[&Compared]) -> Order {
    let pairs = devices.iter().enumerate().flat_map(|(at, a)| devices[at + 1..].iter().map(move |b| (*a, *b)));
    let sorted = pairs.map(|(a, b)| if a.published < b.published { (b, a) } else { (a, b) });
    let (told, close): (Vec<_>, Vec<_>) =
        sorted.partition(|(fast, slow)| fast.published > slow.published * (1.0 + spread));
    let swapped = |pairs: &[(&Compared, &Compared)]| {
        let wrong = pairs.iter().filter(|(fast, slow)| fast.computed() <= slow.computed());
        wrong.map(|(a, b)| (a.point.device.clone(), b.point.device.clone())).collect()
    };
    Order {
        of: group(&devices[0].point),
        pairs: told.len(),
        swapped: swapped(&told),
        close: close.len(),
        close_swapped: swapped(&close),
    }
}

impl Outcome {
    /// Mean error of the judged rates of a round and a network, and how many there are; none if there are none.
    pub fn error(&self, of: impl Fn(&Point) -> bool) -> Option<(f64, usize)> {
        let judged = self.compared.iter().filter(|one| !one.sets_factor && of(&one.point));
        let errors: Vec<f64> = judged.map(|one| one.deviation().abs()).collect();
        (!errors.is_empty()).then(|| (errors.iter().sum::<f64>() / errors.len() as f64, errors.len()))
    }
}

/// Name of a rate.
fn rate_id(point: &Point) -> String {
    format!("V15 {point}")
}

/// Name of the order of the devices beside which a point stands.
fn order_id(point: &Point) -> String {
    format!("V15 order {}", group(point))
}

/// Name of an energy.
fn energy_id(point: &Point) -> String {
    format!("V16 {point}")
}

/// Round, network and scenario in words.
fn group(Point { round, benchmark, scenario, .. }: &Point) -> String {
    format!("{round} {benchmark} {}", scenario.name())
}

/// Rates, orders and energies as rows, of those whose names are wanted.
pub fn rows(file: &File, wanted: impl Fn(&str) -> bool) -> Vec<Public> {
    let any = |point: &Point| [rate_id(point), order_id(point), energy_id(point)].iter().any(|id| wanted(id));
    if !file.published.iter().any(|one| any(&one.point)) && !file.metered.iter().any(|one| any(&one.point)) {
        return Vec::new();
    }
    let mut rows = outcome(file, any).rows(file);
    rows.retain(|row| wanted(&row.id));
    rows
}

impl Outcome {
    /// The same as rows beside the other public cases.
    pub fn rows(&self, file: &File) -> Vec<Public> {
        let rates = self.compared.iter().map(|one| one.row(file));
        let energies = self.energies.iter().map(Energy::row);
        let told = self.orders.iter().filter(|one| one.pairs > 0);
        rates.chain(told.map(|one| one.row(file))).chain(energies).collect()
    }
}

impl Compared {
    fn row(&self, file: &File) -> Public {
        Public {
            kind: Kind::Rate,
            id: rate_id(&self.point),
            title: format!(
                "MLPerf {}: output tokens per second and accelerator, software of {}",
                self.point,
                file.round(&self.point.round).software
            ),
            label: if self.sets_factor { "sets the factor" } else { "prediction" },
            published: self.published,
            computed: self.computed(),
            low: self.published * (1.0 - RATE),
            high: self.published * (1.0 + RATE),
            unit: "tokens/s".into(),
            judged: !self.sets_factor,
            detail: Some(self.detail()),
            source: file.source.clone(),
        }
    }

    fn detail(&self) -> String {
        let Some(Prediction { mapping, sequences, .. }) = &self.prediction else {
            return "no division among up to eight devices keeps the limits".into();
        };
        format!("{mapping}, {sequences} sequences in flight, factor {:.3}", self.factor)
    }
}

impl Order {
    fn row(&self, file: &File) -> Public {
        let pairs = self.pairs as f64;
        Public {
            kind: Kind::Order,
            id: format!("V15 order {}", self.of),
            title: format!(
                "MLPerf {}: pairs of devices in the published order, further apart than submissions with one",
                self.of
            ),
            label: "prediction",
            published: pairs,
            computed: pairs - self.swapped.len() as f64,
            low: pairs,
            high: pairs,
            unit: "pairs".into(),
            judged: true,
            detail: Some(self.detail()),
            source: file.source.clone(),
        }
    }

    fn detail(&self) -> String {
        let names = |pairs: &[(String, String)]| {
            let names: Vec<String> = pairs.iter().map(|(a, b)| format!("{a} and {b}")).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        let told = format!("Kendall's tau {:.2}; swapped: {}", self.tau(), names(&self.swapped));
        match self.close {
            0 => told,
            close => format!(
                "{told}; {close} closer than submissions with one device are, of these swapped: {}",
                names(&self.close_swapped)
            ),
        }
    }
}

impl Energy {
    fn row(&self) -> Public {
        Public {
            kind: Kind::Energy,
            id: energy_id(&self.metered.point),
            title: format!("MLPerf {}: energy of a token, whole server", self.metered.point),
            label: "prediction",
            published: self.published(),
            computed: self.computed(),
            low: self.published() * (1.0 - ENERGY),
            high: self.published() * (1.0 + ENERGY),
            unit: "J/token".into(),
            judged: true,
            detail: Some(self.detail()),
            source: self.metered.source.clone(),
        }
    }

    fn detail(&self) -> String {
        let Metered { tokens, power, .. } = &self.metered;
        let (faster, dearer) = (self.tokens / tokens - 1.0, self.power / *power - 1.0);
        format!("tokens {:+.1} %, power {:+.1} %", 100.0 * faster, 100.0 * dearer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mlperf::Scenario;
    use crate::report::Verdict;
    use perf::parallel::Mapping;
    use proptest::prelude::*;

    fn prediction(tokens: f64, power: f64) -> Prediction {
        Prediction { tokens, power: Watts(power), mapping: Mapping::ONE, sequences: 1 }
    }

    /// As published, over a bias of each maker.
    fn biased(file: &File, bias: impl Fn(&str) -> f64) -> impl Fn(&Point, Option<Watts>) -> Option<Prediction> {
        let rates: BTreeMap<Point, f64> = file
            .published
            .iter()
            .map(|one| {
                let bias =
                    file.calibration(&one.point).map_or(1.0, |own| bias(&file.system(&own.device).device().vendor));
                (one.point.clone(), one.tokens / bias)
            })
            .collect();
        move |point, _| rates.get(point).map(|tokens| prediction(*tokens, 1000.0))
    }

    fn everything(_: &Point) -> bool {
        true
    }

    proptest! {
        #[test]
        fn a_bias_of_a_maker_is_taken_out_by_its_one_point(nvidia in 0.2f64..5.0, amd in 0.2f64..5.0) {
            let file = File::embedded();
            let predicted = biased(&file, |vendor| if vendor == "AMD" { amd } else { nvidia });
            let outcome = judge(&file, everything, &predicted);
            prop_assert!(outcome.compared.iter().all(|one| one.deviation().abs() < 1e-9));
            prop_assert!(outcome.orders.iter().all(|one| one.swapped.is_empty() && one.tau() == 1.0));
            prop_assert_eq!(outcome.compared.iter().filter(|one| one.sets_factor).count(), 2);
        }

        #[test]
        fn other_points_never_move_a_factor(wrong in 0.1f64..10.0, which in 0usize..100) {
            let file = File::embedded();
            let others: Vec<&Point> = file.published.iter().map(|one| &one.point)
                .filter(|point| file.calibrations.iter().all(|one| one.point != **point)).collect();
            let moved = others[which % others.len()];
            let plain = biased(&file, |_| 1.0);
            let predicted = |point: &Point, _| plain(point, None).map(|one| {
                prediction(one.tokens * if point == moved { wrong } else { 1.0 }, 1000.0)
            });
            for one in judge(&file, everything, &predicted).compared {
                let off = if one.point == *moved { wrong - 1.0 } else { 0.0 };
                prop_assert!((one.deviation() - off).abs() < 1e-9, "{} {}", one.point, one.deviation());
            }
        }
    }

    #[test]
    fn a_swapped_pair_is_named() {
        let file = File::embedded();
        let plain = biased(&file, |_| 1.0);
        let slow = |point: &Point, _| {
            let slowed = point.device == "gb300" && point.scenario == Scenario::Offline;
            plain(point, None).map(|one| prediction(one.tokens * if slowed { 0.95 } else { 1.0 }, 1000.0))
        };
        let outcome = judge(&file, everything, &slow);
        let swapped: Vec<_> = outcome.orders.iter().filter(|one| !one.swapped.is_empty()).collect();
        assert_eq!(swapped.len(), 1, "{swapped:?}");
        assert_eq!(swapped[0].of, "v5.1 llama3.1-405b offline");
        assert_eq!(swapped[0].swapped, [("gb300".to_owned(), "gb200".to_owned())]);
        assert!((swapped[0].tau() - 0.8).abs() < 1e-12);
        let rows = outcome.rows(&file);
        let misses: Vec<_> = rows.iter().filter(|row| row.verdict() == Some(Verdict::Miss)).collect();
        assert!(misses.iter().any(|row| row.kind == Kind::Order && row.id.contains("405b offline")));
        assert!(misses.iter().all(|row| row.kind != Kind::Rate));
    }

    #[test]
    fn a_limit_of_power_and_the_server_around_are_counted() {
        let file = File::embedded();
        let plain = biased(&file, |_| 1.0);
        let outcome = judge(&file, everything, &plain);
        let energy = |device: &str| outcome.energies.iter().find(|one| one.metered.point.device == device).unwrap();
        // Water leaves the fans out; they turn slower where devices are kept at 500 W.
        assert_eq!(energy("b200").power, Watts(8.0 * 1000.0 + 1390.0));
        let fans = 1170.0 * ((4000.0 + 1390.0) / (5600.0 + 1390.0f64)).powi(3);
        assert!((energy("h200").power.0 - (8.0 * 500.0 + 1390.0 + fans)).abs() < 1e-9);
        assert!((energy("b200").published() - 0.101_07).abs() < 1e-5);
    }

    #[test]
    fn what_no_division_holds_is_a_miss() {
        let file = File::embedded();
        let plain = biased(&file, |_| 1.0);
        let none = |point: &Point, _| plain(point, None).filter(|_| point.benchmark != "deepseek-r1");
        let outcome = judge(&file, everything, &none);
        let (error, count) = outcome.error(|point| point.benchmark == "deepseek-r1").unwrap();
        assert_eq!((error, count), (1.0, 6));
    }
}
