//! One function for every device: from its numbers to dollars per hour and per million tokens.
//!
//! A [`Device`] says what it is as plain numbers with ranges, and how it is acquired: made at cost, made with a partner who keeps a margin, sold by a vendor who
//! keeps a larger one, or bought at a price that the street knows. [`Device::at`] picks one value from each range; [`of`] computes. There is no branch on whose device it is.
//!
//! The hour is the sum of
//! capital of device, server and network (annuity over the device's life), capital of the building (over its own), electricity, operation (a share of
//! capital), and replacement of what fails outside warranty. Dividing by utilisation gives the hour that does work, which tokens are divided into.

use crate::facility;
use crate::finance::{self, Tenure};
use crate::market::Market;
use crate::package::{Bill, Package, with_margin};
use crate::range::Range;
use crate::server::{self, Supply};
use crate::token::{Speed, TokenCost, per_million};
use base::units::{HOURS_PER_YEAR, Usd, UsdPerHour, Watts};

/// A device as money sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// For people.
    pub name: String,
    /// What it is made of, if that is known.
    pub package: Option<Package>,
    /// Area of its dies over what the package says: exactly 1 for a device that exists, a range for one that has not been synthesised.
    pub silicon: Range,
    /// How it comes to its user.
    pub acquisition: Acquisition,
    /// What the price contains.
    pub supply: Supply,
    /// How capital of device, server and network is held.
    pub tenure: Tenure,
    /// Provisioned power, its share of server and network included, in watts.
    pub power: Range,
    /// Tokens per second, if they are known.
    pub speed: Option<SpeedRange>,
}

/// Tokens per second, with ranges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpeedRange {
    /// Read.
    pub input: Range,
    /// Written.
    pub output: Range,
}

/// How a device comes to its user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Acquisition {
    /// Made for oneself, at cost, with the share of design and masks that falls on each device.
    Make {
        /// Design, masks and respins, per device.
        design: Range,
    },
    /// Made by a design partner with his margin ([`Market::partner_margin`]).
    Partner {
        /// Design, masks and respins paid by oneself, per device.
        design: Range,
    },
    /// Sold by a vendor with his margin ([`Market::vendor_margin`]).
    Vendor,
    /// Bought at a known price, in dollars.
    Buy {
        /// The price.
        price: Range,
    },
}

/// A device with one value from each of its ranges.
#[derive(Clone, Copy, Debug)]
pub struct Instance<'a> {
    pub(crate) device: &'a Device,
    /// Price, or share of design, in dollars.
    amount: Usd,
    pub(crate) power: Watts,
    /// Area of its dies over what the package says.
    pub(crate) silicon: f64,
    pub(crate) speed: Option<Speed>,
}

/// What a device costs, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// What making it costs, if what it is made of is known.
    pub bill: Option<Bill>,
    /// Design, masks and respins, per device.
    pub design: Usd,
    /// What somebody else keeps; what remains of a known price beyond the bill.
    pub margin: Usd,
    /// Price of the device.
    pub price: Usd,
    /// Share of a server.
    pub server: Usd,
    /// Share of the network.
    pub network: Usd,
    /// Share of a building.
    pub building: Usd,
    /// Dollars per hour of the year.
    pub hour: Hour,
    /// Dollars per hour that does work.
    pub useful_hour: UsdPerHour,
    /// Dollars per million tokens, if the speed is known.
    pub tokens: Option<TokenCost>,
}

/// An hour of the year of a device, by what it pays for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hour {
    /// The device.
    pub device: UsdPerHour,
    /// Its share of a server.
    pub server: UsdPerHour,
    /// Its share of the network.
    pub network: UsdPerHour,
    /// Its share of a building.
    pub building: UsdPerHour,
    /// Electricity.
    pub energy: UsdPerHour,
    /// Staff, maintenance, insurance.
    pub operation: UsdPerHour,
    /// Replacing what fails outside warranty.
    pub repair: UsdPerHour,
}

impl Hour {
    /// The steps with their names.
    pub fn steps(&self) -> [(&'static str, UsdPerHour); 7] {
        [
            ("device", self.device),
            ("server", self.server),
            ("network", self.network),
            ("building", self.building),
            ("energy", self.energy),
            ("operation", self.operation),
            ("repair", self.repair),
        ]
    }

    /// All of it.
    pub fn total(&self) -> UsdPerHour {
        self.steps().into_iter().map(|(_, amount)| amount).sum()
    }
}

impl Cost {
    /// What a million tokens at `million` dollars pay for, step by step from the wafer: the device's capital divided over the steps of its bill in proportion, then
    /// margin (what a known price has beyond the bill) and design, what stands around it, what runs it, and the hours in which it idles. The sum is `million`.
    pub fn waterfall(&self, million: Usd) -> [(&'static str, Usd); STEPS] {
        let per_hour = million / Usd(self.useful_hour.0);
        let amount = |hour: UsdPerHour| Usd(hour.0 * per_hour);
        // Capital of the device per dollar of its price.
        let held = if self.price.0 == 0.0 { 0.0 } else { self.hour.device.0 / self.price.0 };
        let capital = |part: Usd| amount(UsdPerHour(part.0 * held));
        let [logic, memory, interposer, assembly, loss, test] =
            self.bill.unwrap_or_default().steps().map(|(name, part)| (name, capital(part)));
        let [_, server, network, building, energy, operation, repair] =
            self.hour.steps().map(|(name, hour)| (name, amount(hour)));
        let margin = ("margin", capital(self.margin));
        let design = ("design and masks", capital(self.design));
        let idle = ("idle hours", amount(self.useful_hour - self.hour.total()));
        [
            logic, memory, interposer, assembly, loss, test, margin, design, server, network, building, energy,
            operation, repair, idle,
        ]
    }
}

/// Steps from a wafer to a million tokens.
pub const STEPS: usize = 15;

impl Device {
    /// The inputs that only this device has, with their names, in the order that [`Device::at`] takes them.
    pub fn inputs(&self) -> Vec<(String, Range)> {
        let name = |what: &str| format!("{what} {}", self.name);
        let mut inputs = vec![(name("power"), self.power)];
        if !self.silicon.is_exact() {
            inputs.push((name("area of"), self.silicon));
        }
        match self.acquisition {
            Acquisition::Make { design } | Acquisition::Partner { design } => inputs.push((name("design of"), design)),
            Acquisition::Buy { price } => inputs.push((name("price"), price)),
            Acquisition::Vendor => {}
        }
        if let Some(speed) = self.speed {
            inputs.push((name("input speed"), speed.input));
            inputs.push((name("output speed"), speed.output));
        }
        inputs
    }

    /// The device with one value per input of [`Device::inputs`].
    ///
    /// # Panics
    /// If there are fewer values than inputs.
    pub fn at(&self, values: &[f64]) -> Instance<'_> {
        let mut values = values.iter().copied();
        let mut next = || values.next().expect("a value per input");
        let power = Watts(next());
        let silicon = if self.silicon.is_exact() { self.silicon.nominal } else { next() };
        let amount = if self.acquisition == Acquisition::Vendor { Usd(0.0) } else { Usd(next()) };
        let speed = self.speed.map(|_| Speed { input: next(), output: next() });
        Instance { device: self, amount, power, silicon, speed }
    }

    /// The device of medians.
    pub fn nominal(&self) -> Instance<'_> {
        let values: Vec<f64> = self.inputs().iter().map(|(_, range)| range.nominal).collect();
        self.at(&values)
    }
}

/// What is paid for a device.
struct Price {
    design: Usd,
    margin: Usd,
    price: Usd,
}

impl Instance<'_> {
    fn price(&self, made: Usd, market: &Market) -> Price {
        let (design, sold) = match self.device.acquisition {
            Acquisition::Make { .. } => (self.amount, made),
            Acquisition::Partner { .. } => (self.amount, with_margin(made, market.partner_margin)),
            Acquisition::Vendor => (Usd(0.0), with_margin(made, market.vendor_margin)),
            Acquisition::Buy { .. } => (Usd(0.0), self.amount),
        };
        Price { design, margin: sold - made, price: sold + design }
    }
}

/// What a device costs in a market.
pub fn of(instance: &Instance, market: &Market) -> Cost {
    let device = instance.device;
    let bill = device.package.as_ref().map(|package| package.bill_of(market, instance.silicon));
    let made = bill.map_or(Usd(0.0), |bill| bill.total());
    let Price { design, margin, price } = instance.price(made, market);
    let around = server::around(device.supply, market);
    let housing = facility::house(instance.power, market);
    let hold = |capital| finance::holding(capital, device.tenure, market.capital, market.device_life);
    let yearly = |amount: Usd, share: f64| UsdPerHour(amount.0 * share / HOURS_PER_YEAR);
    let capital = price + around.server + around.network + housing.capital;
    let hour = Hour {
        device: hold(price),
        server: hold(around.server),
        network: hold(around.network),
        building: housing.building,
        energy: housing.energy,
        operation: yearly(capital, market.operation),
        repair: yearly(price, market.failures * market.failures_paid),
    };
    let useful_hour = hour.total() / market.utilisation;
    Cost {
        bill,
        design,
        margin,
        price,
        server: around.server,
        network: around.network,
        building: housing.capital,
        hour,
        useful_hour,
        tokens: instance.speed.map(|speed| per_million(useful_hour, speed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::die::{Die, Node, Wafer, wafer::DIAMETER};
    use crate::facts::Facts;
    use crate::market::MemoryKind;
    use crate::package::{Carrier, Placed, Stacks};
    use base::units::{Bytes, Millimetres, SquareMillimetres, Years};
    use proptest::prelude::*;

    fn device(acquisition: Acquisition) -> Device {
        Device {
            name: "d".into(),
            package: None,
            silicon: Range::exactly(1.0),
            acquisition,
            supply: Supply::Device,
            tenure: Tenure::Own,
            power: Range::exactly(1500.0),
            speed: Some(SpeedRange { input: Range::exactly(20_000.0), output: Range::exactly(2_000.0) }),
        }
    }

    fn market() -> Market {
        Market::nominal(&Facts::builtin().unwrap()).unwrap()
    }

    #[test]
    fn an_hour_by_hand() {
        let market = Market { capital: 0.0, operation: 0.0, failures: 0.0, utilisation: 0.5, ..market() };
        let bought = device(Acquisition::Buy { price: Range::exactly(30_000.0) });
        let cost = of(&bought.nominal(), &market);
        let life = |years: Years| HOURS_PER_YEAR * years.0;
        let owned = (30_000.0 + market.server.0 + market.network.0) / life(market.device_life);
        let housed = 1500.0 * market.building.0 / life(market.building_life);
        let energy = 1.5 * market.load * market.pue * market.electricity.0 * 3.6e6;
        assert!((cost.hour.total().0 - owned - housed - energy).abs() < 1e-12);
        assert_eq!(cost.useful_hour, cost.hour.total() * 2.0);
        let tokens = cost.tokens.unwrap();
        assert!((tokens.output.0 - cost.useful_hour.0 / 3600.0 / 2_000.0 * 1e6).abs() < 1e-12);
        assert!((tokens.input.0 * 10.0 / tokens.output.0 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn whose_device_it_is_shows_only_in_its_price() {
        let market = market();
        let bought = of(&device(Acquisition::Buy { price: Range::exactly(4_000.0) }).nominal(), &market);
        let made = of(&device(Acquisition::Make { design: Range::exactly(4_000.0) }).nominal(), &market);
        assert_eq!((bought.hour, bought.tokens), (made.hour, made.tokens));
        assert_eq!((bought.margin, made.design), (Usd(4_000.0), Usd(4_000.0)));
    }

    #[test]
    fn renting_out_of_a_longer_contract_is_cheaper() {
        let lease = |years: f64| {
            let tenure = Tenure::Lease { rate: 0.09, term: Years(years), residual: 0.1, margin: 0.2 };
            Device { tenure, ..device(Acquisition::Buy { price: Range::exactly(30_000.0) }) }
        };
        let hour = |years| of(&lease(years).nominal(), &market()).hour.total();
        assert!(hour(5.0) < hour(3.0) && hour(3.0) < hour(1.0));
    }

    fn package(area: f64) -> Package {
        let wafer = Wafer { diameter: DIAMETER, edge: Millimetres(3.0), street: Millimetres(0.1) };
        Package {
            dies: vec![Placed::new(Die::square("die", SquareMillimetres(area), Node::N3), 1, &wafer)],
            memory: Some(Stacks { kind: MemoryKind::HBM3E, count: 4, each: Bytes(24_000_000_000) }),
            carrier: Carrier::interposer(Millimetres(40.0), Millimetres(40.0), &wafer),
        }
    }

    #[test]
    fn an_area_that_is_not_known_is_an_input() {
        let (market, package) = (market(), Some(package(400.0)));
        let silicon = Range::new(0.8, 1.0, 1.3).unwrap();
        let sure = Device { package: package.clone(), ..device(Acquisition::Vendor) };
        let unsure = Device { silicon, ..sure.clone() };
        assert_eq!(of(&sure.nominal(), &market), of(&unsure.nominal(), &market));
        assert_eq!(unsure.inputs()[1], ("area of d".to_owned(), silicon));
        assert_eq!(unsure.inputs().len(), sure.inputs().len() + 1);
        let large = of(&unsure.at(&[1500.0, 1.3, 2e4, 2e3]), &market);
        assert_eq!(large.bill, Some(package.unwrap().bill_of(&market, 1.3)));
        assert_eq!(large.hour.energy, of(&sure.nominal(), &market).hour.energy);
    }

    #[test]
    fn a_waterfall_by_hand() {
        let market = Market { utilisation: 0.5, ..market() };
        let maker =
            Device { package: Some(package(400.0)), ..device(Acquisition::Make { design: Range::exactly(700.0) }) };
        let cost = of(&maker.nominal(), &market);
        let million = cost.tokens.unwrap().output;
        let steps = cost.waterfall(million);
        // Half the hours idle, so half of what a million tokens cost pays for them, and memory takes its share of the price out of the other half.
        assert!((steps[14].1 / million - 0.5).abs() < 1e-12 && steps[14].0 == "idle hours");
        let memory = cost.bill.unwrap().memory / cost.price * (cost.hour.device / cost.hour.total()) * 0.5;
        assert!((steps[1].1 / million - memory).abs() < 1e-12 && steps[1].0 == "memory");
        assert_eq!((steps[6], steps[7].1 > Usd(0.0)), (("margin", Usd(0.0)), true));
    }

    proptest! {
        #[test]
        fn a_waterfall_ends_at_what_a_million_tokens_cost(
            area in 100.0..800.0f64, price in 100.0..1e5f64, known in any::<bool>(), way in 0..4usize, silicon in 0.7..1.3f64,
        ) {
            let amount = Range::exactly(price);
            let ways = [
                Acquisition::Make { design: amount },
                Acquisition::Partner { design: amount },
                Acquisition::Vendor,
                Acquisition::Buy { price: amount },
            ];
            let package = known.then(|| package(area));
            let device = Device { package, silicon: Range::exactly(silicon), ..device(ways[way]) };
            let cost = of(&device.nominal(), &market());
            for million in [cost.tokens.unwrap().input, cost.tokens.unwrap().output] {
                let sum: Usd = cost.waterfall(million).into_iter().map(|(_, amount)| amount).sum();
                prop_assert!((sum / million - 1.0).abs() < 1e-12, "{sum} of {million}");
            }
        }
    }
}
