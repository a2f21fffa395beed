//! Carbon: what a device emits, made once and running all the time.
//!
//! **Operation** is energy from the grid, with the site's cooling and the mean load that [`crate::facility`] pays for, times what a kilowatt-hour emits.
//! **Embodied** is what making it emitted: wafers by their area, good dies paying for the bad ones and working packages for the failed ones as in [`Package::bill`];
//! memory by the byte; the interposer by its area; a share of the server and the network around it. It is spread over the life in the books. Buildings, transport and
//! devices that replace failed ones are left out: no fact gives them.
//!
//! ```
//! use econ::cases::devices;
//! use econ::facts::Facts;
//! use econ::{carbon, market::Market};
//! let facts = Facts::builtin().unwrap();
//! let h100 = devices::builtin(&facts).unwrap().into_iter().find(|device| device.name == "H100").unwrap().device();
//! let emission = carbon::of(&h100.nominal(), &Market::nominal(&facts).unwrap(), &carbon::Intensity::nominal(&facts).unwrap());
//! // Running it for its life emits far more than making it.
//! assert!(emission.operation > 5.0 * emission.making);
//! ```

use crate::cost::{Device, Instance};
use crate::die::{Node, wafer::DIAMETER};
use crate::facts::{FactError, Facts, Measured};
use crate::market::{Market, inputs};
use crate::package::{Carrier, Package};
use crate::range::Range;
use crate::token::MILLION;
use crate::uncertain::{Model, Study};
use base::units::{HOURS_PER_YEAR, SECONDS_PER_HOUR};
use std::f64::consts::PI;

inputs! {
    /// What energy and things emit, in kilograms of carbon dioxide or what warms as much.
    pub struct Intensity {
        /// Per joule from the grid.
        grid: f64 = "carbon of electricity, US average",
        /// Per mm² of wafer at 7 nm.
        wafer_n7: f64 = "embodied carbon of 7nm logic",
        /// Per mm² of wafer at 5 nm.
        wafer_n5: f64 = "embodied carbon of 5nm logic",
        /// Per mm² of wafer at 3 nm.
        wafer_n3: f64 = "embodied carbon of 3nm logic",
        /// Per mm² of wafer at 2 nm and after.
        wafer_n2: f64 = "embodied carbon of 2nm logic",
        /// What the fab's grid and abatement make of these four, over the figures themselves.
        fab: f64 = "embodied carbon of logic, other estimates over imec's",
        /// Per byte of plain DRAM.
        dram: f64 = "embodied carbon of DRAM",
        /// Wafer that a bit of stacked memory takes, over plain DRAM.
        stacked: f64 = "HBM wafer area per bit over DDR5",
        /// Per mm² of interposer.
        interposer: f64 = "embodied carbon of an interposer",
        /// Server and network around a device.
        server: f64 = "embodied carbon of server and network around a device",
    }
}

impl Intensity {
    /// The medians.
    ///
    /// # Errors
    /// If `facts` do not speak of one of them.
    pub fn nominal(facts: &Facts) -> Result<Intensity, FactError> {
        let values: Vec<f64> = Intensity::ranges(facts)?.iter().map(|range| range.nominal).collect();
        Ok(Intensity::from_values(&values))
    }

    /// Kilograms per mm² of wafer of `node`.
    fn wafer(&self, node: Node) -> f64 {
        let figure = match node {
            Node::N7 => self.wafer_n7,
            Node::N5 => self.wafer_n5,
            Node::N3 => self.wafer_n3,
            Node::N2 | Node::A16 => self.wafer_n2,
        };
        figure * self.fab
    }
}

/// What making a device emitted, in kilograms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Embodied {
    /// Wafers of its dies.
    pub logic: f64,
    /// Memory stacks.
    pub memory: f64,
    /// Interposer.
    pub interposer: f64,
    /// Packages that failed.
    pub loss: f64,
    /// Server and network around it.
    pub server: f64,
}

impl Embodied {
    /// The steps with their names.
    pub fn steps(&self) -> [(&'static str, f64); 5] {
        [
            ("logic", self.logic),
            ("memory", self.memory),
            ("interposer", self.interposer),
            ("yield loss", self.loss),
            ("server and network", self.server),
        ]
    }

    /// All of it.
    pub fn total(&self) -> f64 {
        self.steps().into_iter().map(|(_, amount)| amount).sum()
    }
}

/// What a device emits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Emission {
    /// Making it, in kilograms.
    pub embodied: Embodied,
    /// Grams per hour of the year: electricity.
    pub operation: f64,
    /// Grams per hour of the year: what making it emitted, over its life.
    pub making: f64,
    /// Grams per million tokens, if the speed is known.
    pub tokens: Option<PerMillion>,
}

impl Emission {
    /// Grams per hour of the year, all of it.
    pub fn hour(&self) -> f64 {
        self.operation + self.making
    }
}

/// Grams per million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerMillion {
    /// Read.
    pub input: f64,
    /// Written.
    pub output: f64,
}

/// What making a package emitted, in kilograms, when its dies are `silicon` times as large as they are placed; `market` gives the yields.
pub fn embodied(package: &Package, silicon: f64, market: &Market, intensity: &Intensity) -> Embodied {
    let wafer = PI * (DIAMETER.0 / 2.0).powi(2);
    let (mut logic, mut working) = (0.0, market.package_yield);
    for placed in &package.dies {
        let tested = placed.tested(market, silicon);
        let each = wafer * intensity.wafer(placed.die.node) / (placed.on_wafer(silicon) * tested.passed);
        logic += each * f64::from(placed.count);
        working *= tested.good.powi(placed.count as i32);
    }
    let bytes = package.memory.map_or(0.0, |stacks| stacks.each.as_f64() * f64::from(stacks.count));
    let memory = bytes * intensity.dram * intensity.stacked;
    let interposer = match package.carrier {
        Carrier::Substrate => 0.0,
        Carrier::Interposer { per_wafer, .. } => wafer * intensity.interposer / f64::from(per_wafer),
    };
    let loss = (logic + memory + interposer) * (1.0 / working - 1.0);
    Embodied { logic, memory, interposer, loss, server: intensity.server }
}

/// What a device emits in a market.
pub fn of(instance: &Instance, market: &Market, intensity: &Intensity) -> Emission {
    /// Grams of a kilogram.
    const GRAMS: f64 = 1e3;
    let made = instance.device.package.as_ref();
    let embodied = made.map_or(Embodied { server: intensity.server, ..Embodied::default() }, |package| {
        embodied(package, instance.silicon, market, intensity)
    });
    let drawn = instance.power.0 * market.load * market.pue.max(1.0);
    let operation = drawn * SECONDS_PER_HOUR * intensity.grid * GRAMS;
    let making = embodied.total() * GRAMS / (market.device_life.0 * HOURS_PER_YEAR);
    let useful = (operation + making) / market.utilisation;
    let per = |rate: f64| useful / SECONDS_PER_HOUR / rate * MILLION;
    let tokens = instance.speed.map(|speed| PerMillion { input: per(speed.input), output: per(speed.output) });
    Emission { embodied, operation, making, tokens }
}

/// A device's emissions and what they depend on.
pub struct Emissions<'a>(&'a Device);

/// A study of a device with all that is not known. Results: grams per hour of the year, and per million tokens read and written (no numbers where the speed is not known).
///
/// # Errors
/// If `facts` lack an input.
pub fn study<'a>(facts: &Facts, device: &'a Device) -> Result<Study<Emissions<'a>>, FactError> {
    let named = |quantities: &[&str], ranges: Vec<Range>| {
        quantities.iter().map(|quantity| (*quantity).to_owned()).zip(ranges).collect::<Vec<_>>()
    };
    let market = named(Market::QUANTITIES, Market::ranges(facts)?);
    let intensity = named(Intensity::QUANTITIES, Intensity::ranges(facts)?);
    let results = ["hour", "million tokens read", "million tokens written"];
    Ok(Study {
        inputs: [market, intensity, device.inputs()].concat(),
        results: results.map(|result| format!("grams per {result} {}", device.name)).to_vec(),
        model: Emissions(device),
    })
}

impl Model for Emissions<'_> {
    fn compute(&self, values: &[f64], results: &mut [f64]) {
        let (market, rest) = values.split_at(Market::QUANTITIES.len());
        let (intensity, own) = rest.split_at(Intensity::QUANTITIES.len());
        let emission = of(&self.0.at(own), &Market::from_values(market), &Intensity::from_values(intensity));
        let tokens = emission.tokens.unwrap_or(PerMillion { input: f64::NAN, output: f64::NAN });
        results.copy_from_slice(&[emission.hour(), tokens.input, tokens.output]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::devices;
    use crate::cost::SpeedRange;
    use crate::facts::Date;
    use base::units::Years;

    fn facts() -> Facts {
        Facts::builtin().unwrap()
    }

    fn device(name: &str) -> Device {
        let speed = Some(SpeedRange { input: Range::exactly(20_000.0), output: Range::exactly(2_000.0) });
        let found = devices::builtin(&facts()).unwrap().into_iter().find(|device| device.name == name).unwrap();
        Device { speed, ..found.device() }
    }

    #[test]
    fn an_hour_by_hand() {
        let facts = facts();
        let market = Market {
            load: 0.5,
            pue: 1.2,
            utilisation: 0.5,
            device_life: Years(4.0),
            ..Market::nominal(&facts).unwrap()
        };
        let intensity = Intensity { grid: 0.35 / 3.6e6, ..Intensity::nominal(&facts).unwrap() };
        let device = Device { power: Range::exactly(1000.0), ..device("H100") };
        let found = of(&device.nominal(), &market, &intensity);
        // Half a kilowatt with a fifth more for cooling: 0.6 kWh of 350 g.
        assert!((found.operation - 210.0).abs() < 1e-9, "{}", found.operation);
        assert!((found.making - found.embodied.total() * 1e3 / (4.0 * 8760.0)).abs() < 1e-9);
        // Two thousand tokens a second are a million in 500 s, and half the hours idle.
        let output = (found.operation + found.making) * 2.0 * 500.0 / 3600.0;
        let tokens = found.tokens.unwrap();
        assert!((tokens.output - output).abs() < 1e-9 && (tokens.output / tokens.input - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_package_by_hand() {
        let facts = facts();
        let market = Market { package_yield: 1.0, coverage: 1.0, ..Market::nominal(&facts).unwrap() };
        let intensity = Intensity::nominal(&facts).unwrap();
        let package = device("H100").package.unwrap();
        let found = embodied(&package, 1.0, &market, &intensity);
        // 706.9 cm² of wafer at 1.54 kg over the good dies on it; 80 GB at three times 65 g; nothing fails.
        let good = package.dies[0].die.good(&market.process(Node::N5)) * f64::from(package.dies[0].gross);
        assert!((found.logic - 706.858 * 1.54 * intensity.fab / good).abs() < 1e-3, "{found:?}");
        assert!((found.memory - 80.0 * 0.065 * intensity.stacked).abs() < 1e-9, "{found:?}");
        assert_eq!(found.loss, 0.0);
        let half = embodied(&package, 1.0, &Market { package_yield: 0.5, ..market.clone() }, &intensity);
        assert!((half.loss - (half.logic + half.memory + half.interposer)).abs() < 1e-9);
        assert!(embodied(&package, 1.2, &market, &intensity).logic > 1.2 * found.logic);
    }

    #[test]
    fn what_is_not_known_widens_it() {
        let (facts, device) = (facts(), device("B200"));
        let study = study(&facts, &device).unwrap();
        let nominal = of(&device.nominal(), &Market::nominal(&facts).unwrap(), &Intensity::nominal(&facts).unwrap());
        assert_eq!(study.nominal()[0], nominal.hour());
        let hour = study.run(4096)[0];
        assert!(hour.within_90.0 < hour.median && hour.median < hour.within_90.1);
        let shares = &study.shares(512)[0];
        assert_eq!(shares[0].input, "carbon of electricity, US average", "{:?}", &shares[..3]);
        let before: Date = "2019".parse().unwrap();
        assert!(Intensity::nominal(&facts.as_of(before)).is_err());
    }
}
