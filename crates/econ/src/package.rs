//! From dies to a device: what is packed, what is lost in packing, and who keeps a margin.
//!
//! A [`Package`] is dies, memory stacks and what carries them. [`Package::bill`] walks it as a line of named steps, each adding to the one before:
//!
//! 1. **logic**: dies that passed the probe. The probe misses a share of the bad ones ([`known_good`]), which then spoil packages;
//! 2. **memory**: stacks, by the byte;
//! 3. **interposer**: a wafer of interposers with mounting, over the packages that are cut from it ([`crate::die::wafer`], the same search as for dies);
//! 4. **assembly**: substrate and mounting on it;
//! 5. **yield loss**: everything so far, times the packages that fail, over those that work: a failed package takes its memory with it;
//! 6. **test**: final test and auxiliary parts of each package that works.
//!
//! The sum is the cost of making one. A margin is a step of its own, of the buyer's side: [`with_margin`].

use crate::die::{Die, Process, Wafer, wafer::DIAMETER};
use crate::market::{Market, MemoryKind};
use base::units::{Bytes, Millimetres, SquareMillimetres, Usd};

/// What one device consists of.
#[derive(Clone, Debug, PartialEq)]
pub struct Package {
    /// Dies of a kind, each with how many fit on a wafer.
    pub dies: Vec<Placed>,
    /// Memory stacks, if it has them.
    pub memory: Option<Stacks>,
    /// What carries them.
    pub carrier: Carrier,
}

/// Dies of one kind in a package.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The die.
    pub die: Die,
    /// How many are in the package.
    pub count: u32,
    /// How many are on a wafer, good or bad.
    pub gross: u32,
}

/// Memory stacks of a package.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stacks {
    /// Generation.
    pub kind: MemoryKind,
    /// How many.
    pub count: u32,
    /// Capacity of each.
    pub each: Bytes,
}

/// What dies and stacks stand on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Carrier {
    /// A silicon or bridged interposer, and a substrate below it.
    Interposer {
        /// Its area.
        area: SquareMillimetres,
        /// How many are cut from a wafer.
        per_wafer: u32,
    },
    /// A substrate alone.
    Substrate,
}

impl Placed {
    /// Counts how many of `die` fit on `wafer`.
    pub fn new(die: Die, count: u32, wafer: &Wafer) -> Placed {
        let gross = wafer.count(die.width, die.height);
        Placed { die, count, gross }
    }

    /// What the probe makes of them when each is `silicon` times as large.
    pub fn tested(&self, market: &Market, silicon: f64) -> Tested {
        let process = market.process(self.die.node);
        // Defects are expected per die: a larger die and a dirtier process are the same.
        let dirtier = Process { density: process.density * silicon, ..process };
        known_good(self.die.good(&dirtier), market.coverage)
    }

    /// How many are on a wafer when each is `silicon` times as large: the count at the placed size, carried over by the ratio of the usual formula, so that no
    /// grid is placed anew.
    pub fn on_wafer(&self, silicon: f64) -> f64 {
        // The formula looks at nothing but the diameter.
        let wafer = Wafer { diameter: DIAMETER, edge: Millimetres(0.0), street: Millimetres(0.0) };
        let area = self.die.area();
        f64::from(self.gross) * (wafer.formula(area * silicon) / wafer.formula(area))
    }
}

impl Carrier {
    /// An interposer of these sides, cut from `wafer`.
    pub fn interposer(width: Millimetres, height: Millimetres, wafer: &Wafer) -> Carrier {
        Carrier::Interposer { area: width * height, per_wafer: wafer.count(width, height) }
    }
}

/// What making one package costs, step by step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bill {
    /// Dies that passed the probe.
    pub logic: Usd,
    /// Memory stacks.
    pub memory: Usd,
    /// Interposer with mounting.
    pub interposer: Usd,
    /// Substrate and mounting on it.
    pub assembly: Usd,
    /// What packages that failed had cost.
    pub loss: Usd,
    /// Final test and auxiliary parts.
    pub test: Usd,
}

impl Bill {
    /// The steps with their names, in order.
    pub fn steps(&self) -> [(&'static str, Usd); 6] {
        [
            ("logic", self.logic),
            ("memory", self.memory),
            ("interposer", self.interposer),
            ("assembly", self.assembly),
            ("yield loss", self.loss),
            ("test and auxiliary", self.test),
        ]
    }

    /// Cost of making one.
    pub fn total(&self) -> Usd {
        self.steps().into_iter().map(|(_, amount)| amount).sum()
    }
}

impl Package {
    /// What making one costs.
    pub fn bill(&self, market: &Market) -> Bill {
        self.bill_of(market, 1.0)
    }

    /// What making one costs when its dies are `silicon` times as large as they are placed: fewer of them are on a wafer, and more of them have defects. What
    /// carries them stays, for its area follows the memory stacks as well.
    pub fn bill_of(&self, market: &Market, silicon: f64) -> Bill {
        let (mut logic, mut working) = (Usd(0.0), market.package_yield);
        for placed in &self.dies {
            let process = market.process(placed.die.node);
            let tested = placed.tested(market, silicon);
            let wafer = process.wafer + process.sort;
            logic += wafer / (placed.on_wafer(silicon) * tested.passed) * f64::from(placed.count);
            working *= tested.good.powi(placed.count as i32);
        }
        let memory =
            self.memory.map_or(Usd(0.0), |stacks| stacks.each * market.memory(stacks.kind) * f64::from(stacks.count));
        let (interposer, assembly) = match self.carrier {
            Carrier::Substrate => (Usd(0.0), market.plain_substrate),
            Carrier::Interposer { area, per_wafer } => {
                (market.interposer_wafer / f64::from(per_wafer), Usd(market.assembly_per_area * area.0))
            }
        };
        let packed = logic + memory + interposer + assembly;
        Bill { logic, memory, interposer, assembly, loss: packed * (1.0 / working - 1.0), test: market.auxiliary }
    }

    /// Area of all its dies.
    pub fn silicon(&self) -> SquareMillimetres {
        self.dies.iter().map(|placed| placed.die.area() * f64::from(placed.count)).sum()
    }
}

/// What the probe makes of a kind of die.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tested {
    /// Share of all dies that pass.
    pub passed: f64,
    /// Share of those that passed which are good.
    pub good: f64,
}

/// What a probe that finds a share `coverage` of the bad dies makes of dies of which a share `yield_` is good.
pub fn known_good(yield_: f64, coverage: f64) -> Tested {
    let passed = yield_ + (1.0 - yield_) * (1.0 - coverage);
    Tested { passed, good: yield_ / passed }
}

/// The price of what costs `cost` when the seller keeps a share `gross_margin` of the price.
pub fn with_margin(cost: Usd, gross_margin: f64) -> Usd {
    cost / (1.0 - gross_margin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::die::{Harvest, Node, wafer::DIAMETER};
    use crate::facts::Facts;
    use proptest::prelude::*;

    fn market() -> Market {
        Market::nominal(&Facts::builtin().unwrap()).unwrap()
    }

    fn package(area: f64, dies: u32, stacks: u32) -> Package {
        let wafer = Wafer { diameter: DIAMETER, edge: Millimetres(3.0), street: Millimetres(0.1) };
        let mut die = Die::square("compute", SquareMillimetres(area), Node::N5);
        die.harvest = Some(Harvest { cores: 80, needed: 74, core_share: 0.6, uncore_repair: 0.0 });
        let memory = Stacks { kind: MemoryKind::HBM3E, count: stacks, each: Bytes(24_000_000_000) };
        Package {
            dies: vec![Placed::new(die, dies, &wafer)],
            memory: Some(memory),
            carrier: Carrier::interposer(Millimetres(53.2), Millimetres(53.2), &wafer),
        }
    }

    #[test]
    fn a_perfect_line_loses_nothing() {
        let market = Market { package_yield: 1.0, coverage: 1.0, ..market() };
        let bill = package(800.0, 2, 8).bill(&market);
        assert_eq!(bill.loss, Usd(0.0));
        assert!((bill.memory.0 - 192.0 * market.hbm3e.0 * 1e9).abs() < 1e-9);
        let lossy = package(800.0, 2, 8).bill(&Market { package_yield: 0.5, ..market.clone() });
        let packed = bill.total() - bill.test;
        assert!((lossy.loss / packed - 1.0).abs() < 1e-12, "half fail: the loss is what the other half cost");
    }

    #[test]
    fn what_the_probe_misses_spoils_packages() {
        let tested = known_good(0.7, 0.9);
        assert!((tested.passed - 0.73).abs() < 1e-12 && (tested.good - 0.7 / 0.73).abs() < 1e-12);
        let market = market();
        let losses =
            [0.9, 0.99, 1.0].map(|coverage| package(800.0, 2, 8).bill(&Market { coverage, ..market.clone() }).loss);
        assert!(losses[0] > losses[1] && losses[1] > losses[2]);
        assert_eq!(with_margin(Usd(5600.0), 0.5), Usd(11_200.0));
    }

    #[test]
    fn a_die_of_another_size_is_near_what_placing_it_anew_gives() {
        let (market, placed) = (market(), package(400.0, 1, 8));
        assert_eq!(placed.bill_of(&market, 1.0), placed.bill(&market));
        for (factor, tolerance) in [(0.8, 0.05), (1.25, 0.05), (1.6, 0.08)] {
            let (carried, anew) = (placed.bill_of(&market, factor), package(400.0 * factor, 1, 8).bill(&market));
            let off = carried.logic / anew.logic - 1.0;
            assert!(off.abs() < tolerance, "{factor}: {} by the ratio, {} placed anew", carried.logic, anew.logic);
            assert!((carried.loss / anew.loss - 1.0).abs() < tolerance);
            assert_eq!((carried.memory, carried.interposer, carried.test), (anew.memory, anew.interposer, anew.test));
        }
    }

    proptest! {
        #[test]
        fn larger_dies_cost_more(area in 50.0..800.0f64, factor in 1.001..1.5f64, dies in 1..4u32) {
            let (market, package) = (market(), package(area, dies, 4));
            let (now, larger) = (package.bill_of(&market, 1.0), package.bill_of(&market, factor));
            prop_assert!(larger.logic > now.logic * factor && larger.total() > now.total());
        }

        #[test]
        fn every_price_makes_it_dearer(factor in 1.001..3.0f64, area in 100.0..850.0f64, dies in 1..4u32) {
            let (base, package) = (market(), package(area, dies, 8));
            let now = package.bill(&base).total();
            let dearer: [fn(&mut Market, f64); 7] = [
                |market, factor| market.wafer_n5 = market.wafer_n5 * factor,
                |market, factor| market.hbm3e = market.hbm3e * factor,
                |market, factor| market.interposer_wafer = market.interposer_wafer * factor,
                |market, factor| market.density_n5 = market.density_n5 * factor,
                |market, factor| market.assembly_per_area *= factor,
                |market, factor| market.package_yield /= factor,
                |market, factor| market.auxiliary = market.auxiliary * factor,
            ];
            for (input, change) in dearer.iter().enumerate() {
                let mut changed = base.clone();
                change(&mut changed, factor);
                prop_assert!(package.bill(&changed).total() > now, "input {input}");
            }
        }
    }
}
