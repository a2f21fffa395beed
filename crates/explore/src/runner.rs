//! Who runs: our chip and every rival, each with its device, its money and its ways to serve.
//!
//! There is one kind of runner. What differs between ours and theirs is data: the device comes from a design or from a data sheet, the price from a bill with a
//! partner's margin or from a price list, the power from energies of events or from a rating.

use crate::ask::Ask;
use crate::body::Body;
use crate::deploy::{self, Meter, Planned, Point, Rated};
use crate::outcome::LeftOut;
use crate::search;
use crate::select::{self, Hour, Mixed};
use crate::study::Study;
use econ::cases::devices::{self, Described};
use econ::cost;
use econ::facts::{Date, Facts};
use econ::market::Market;
use perf::device::Device;
use rayon::prelude::*;

/// Levels of latency of the frontier: half octaves around the study's.
pub const FRONTIER: [f64; 11] = [0.18, 0.25, 0.35, 0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0, 5.66];

/// The level of the study itself among them.
pub const STUDY: usize = 5;

/// Our chip or a rival.
pub struct Runner {
    /// Key of the device.
    pub key: String,
    /// For people.
    pub name: String,
    /// True for our chip.
    pub ours: bool,
    /// As time sees it: a die of ours, a package of the others.
    pub device: Device,
    /// As money sees it: a package, at no power of its own.
    pub money: cost::Device,
    /// Devices of a package.
    pub dies: usize,
    /// An hour of a device.
    pub hour: Hour,
    /// Plans, per workload.
    pub plans: Vec<Vec<Planned>>,
    /// The cheapest mix at each level of [`FRONTIER`]; at the study's own, what simulation settled on.
    pub levels: Vec<Option<Mixed>>,
    /// Dollars per million tokens of the closed form at the study's own level, before simulation.
    pub closed: Option<f64>,
}

impl Runner {
    /// Our chip.
    pub fn ours(study: &Study, asks: &[Ask], body: &Body, plans: &[Vec<Planned>], dies: usize) -> Runner {
        let levels = levels(study, asks, &body.device, body, plans, &body.hour);
        Runner {
            closed: levels[STUDY].as_ref().map(|mix| mix.usd),
            key: study.name.clone(),
            name: format!("{} (our chip)", study.name),
            ours: true,
            device: body.device.clone(),
            money: body.money.clone(),
            dies,
            hour: body.hour,
            levels,
            plans: plans.to_vec(),
        }
    }

    /// A rival of the catalogue.
    fn rival(study: &Study, asks: &[Ask], market: &Market, described: &Described, device: Device) -> Runner {
        let money = described.device();
        let hour = cost::of(&money.nominal(), market).useful_hour.0;
        let hour = Hour { fixed: hour, per_watt: 0.0, rating: Some(device.power.0) };
        let plans: Vec<Vec<Planned>> = asks.iter().map(|ask| deploy::plans(ask, &device, &study.deployment)).collect();
        let levels = levels(study, asks, &device, &Rated(&device), &plans, &hour);
        Runner {
            closed: levels[STUDY].as_ref().map(|mix| mix.usd),
            key: device.key.clone(),
            name: device.name.clone(),
            ours: false,
            device,
            money,
            dies: 1,
            hour,
            plans,
            levels,
        }
    }

    /// The cheapest mix at the study's own targets.
    pub fn mix(&self) -> Option<&Mixed> {
        self.levels[STUDY].as_ref()
    }

    /// What to bring closed-form costs of other levels with to those of the study's own level, which cost `usd` in the end.
    pub fn settled(&self, usd: f64) -> f64 {
        self.closed.map_or(1.0, |closed| usd / closed)
    }
}

fn levels(
    study: &Study,
    asks: &[Ask],
    device: &Device,
    meter: &dyn Meter,
    plans: &[Vec<Planned>],
    hour: &Hour,
) -> Vec<Option<Mixed>> {
    let points: Vec<Vec<Point>> =
        asks.iter().zip(plans).map(|(ask, plans)| search::survey(ask, device, meter, study, plans)).collect();
    FRONTIER.iter().map(|level| select::cheapest(asks, &points, *level, hour).ok()).collect()
}

/// The rivals of a study that can be compared, by key, and those that cannot, with the reason.
pub fn rivals(study: &Study, asks: &[Ask], facts: &Facts, market: &Market) -> (Vec<Runner>, Vec<LeftOut>) {
    let known = devices::known(facts);
    let wanted: Vec<Device> = match &study.rivals {
        Some(keys) => keys.iter().filter_map(|key| Device::find(&key.0).ok()).collect(),
        None => Device::list(),
    };
    let judged: Vec<Result<Runner, LeftOut>> = wanted
        .into_par_iter()
        .map(|device| {
            let name = device.name.clone();
            let why = |why: String| LeftOut { name: name.clone(), why };
            if device.available.parse::<Date>().is_ok_and(|sold| sold.end() > study.date().end()) {
                return Err(why(format!("not sold before {}", device.available)));
            }
            let listed = known.iter().find(|known| known.key.as_deref() == Some(&device.key));
            let described = match listed.map(|known| &known.described) {
                None => return Err(why("neither a price nor a bill of materials is known".into())),
                Some(Err(error)) => return Err(why(error.to_string())),
                Some(Ok(described)) => described,
            };
            if described.power.is_none() {
                return Err(why("its power is not known".into()));
            }
            let runner = Runner::rival(study, asks, market, described, device);
            if runner.mix().is_some() { Ok(runner) } else { Err(why(unserved(asks, &runner))) }
        })
        .collect();
    let (mut runners, mut left_out) = (Vec::new(), Vec::new());
    for one in judged {
        match one {
            Ok(runner) => runners.push(runner),
            Err(left) => left_out.push(left),
        }
    }
    (runners, left_out)
}

/// Why a device does not serve the mix.
fn unserved(asks: &[Ask], runner: &Runner) -> String {
    if let Some(at) = runner.plans.iter().position(Vec::is_empty) {
        return format!("it has no format that is good enough for {}", asks[at].network);
    }
    match runner.levels.iter().rposition(Option::is_some) {
        None => "no instance of the study's sizes serves every workload".into(),
        Some(last) => format!(
            "its best is {} times the latency targets",
            FRONTIER[..=last]
                .iter()
                .zip(&runner.levels)
                .find(|(_, mix)| mix.is_some())
                .map_or(0.0, |(level, _)| *level)
        ),
    }
}
