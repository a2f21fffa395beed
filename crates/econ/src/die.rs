//! From a wafer to a good die: how many fit, how many work, how many work well enough.
//!
//! - [`wafer`]: dies per wafer, counted by placing the grid, with the usual formula beside it.
//! - [`defects`]: the share of dies without a defect, by the classic models.
//! - [`harvest`]: dies that work with some cores off, and the bins that they are sold in.
//!
//! [`Die::cost`] joins them.

pub mod defects;
pub mod harvest;
pub mod wafer;

pub use defects::Defects;
pub use harvest::Harvest;
pub use wafer::Wafer;

use base::units::{Millimetres, PerSquareMillimetre, SquareMillimetres, Usd};
use serde::Deserialize;

/// A generation of process, as wafers are priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Node {
    /// 7 nm and its half node of 6 nm.
    N7,
    /// 5 nm and its half node of 4 nm.
    N5,
    /// 3 nm.
    N3,
    /// 2 nm.
    N2,
    /// 1.6 nm.
    A16,
}

/// A die as a foundry sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Die {
    /// For people.
    pub name: String,
    /// One side.
    pub width: Millimetres,
    /// The other.
    pub height: Millimetres,
    /// Its process.
    pub node: Node,
    /// How it works with some of its cores off, if it can.
    pub harvest: Option<Harvest>,
}

/// What a wafer of a process costs and how dirty it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Process {
    /// Price of a wafer.
    pub wafer: Usd,
    /// Price of probing it.
    pub sort: Usd,
    /// Defects that kill what they hit.
    pub density: PerSquareMillimetre,
    /// How they cluster.
    pub defects: Defects,
}

/// What a good die costs, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DieCost {
    /// Dies on a wafer, good or bad.
    pub gross: u32,
    /// Share that can be sold.
    pub yield_: f64,
    /// A wafer and its probing, over the good dies.
    pub each: Usd,
}

impl Die {
    /// Its area.
    pub fn area(&self) -> SquareMillimetres {
        self.width * self.height
    }

    /// A square die of `area`, where only that is known.
    pub fn square(name: &str, area: SquareMillimetres, node: Node) -> Die {
        let side = Millimetres(area.0.sqrt());
        Die { name: name.to_owned(), width: side, height: side, node, harvest: None }
    }

    /// True if one exposure of a scanner, `field` wide and high, can print it.
    pub fn fits_reticle(&self, field: (Millimetres, Millimetres)) -> bool {
        let within = |width, height| width <= field.0 && height <= field.1;
        within(self.width, self.height) || within(self.height, self.width)
    }

    /// Share of its dies that can be sold.
    pub fn good(&self, process: &Process) -> f64 {
        match &self.harvest {
            None => process.defects.free(self.area() * process.density),
            Some(harvest) => harvest.good(process.defects, self.area() * process.density),
        }
    }

    /// Cost of a good die when `gross` of them fit on a wafer.
    pub fn cost(&self, gross: u32, process: &Process) -> DieCost {
        let yield_ = self.good(process);
        DieCost { gross, yield_, each: (process.wafer + process.sort) / (f64::from(gross) * yield_) }
    }
}

/// A grade that dies are sold in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grade {
    /// Cores that it has.
    pub cores: u32,
    /// What it sells for, over the best grade.
    pub worth: f64,
}

/// Cost of a die of each grade, best first, when a wafer is paid by all grades in proportion to what they sell for.
pub fn cost_by_grade(die: &Die, harvest: &Harvest, gross: u32, process: &Process, grades: &[Grade]) -> Vec<Usd> {
    let cores: Vec<u32> = grades.iter().map(|grade| grade.cores).collect();
    let shares = harvest.grades(process.defects, die.area() * process.density, &cores);
    let worth: f64 = shares.iter().zip(grades).map(|(share, grade)| share * grade.worth).sum();
    let each = (process.wafer + process.sort) / (f64::from(gross) * worth);
    grades.iter().map(|grade| each * grade.worth).collect()
}

/// The field of a scanner: 26 by 33 mm.
pub const RETICLE: (Millimetres, Millimetres) = (Millimetres(26.0), Millimetres(33.0));

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn process(density: f64) -> Process {
        let defects = Defects::NegativeBinomial { alpha: 3.0 };
        Process { wafer: Usd(16_000.0), sort: Usd(0.0), density: PerSquareMillimetre(density), defects }
    }

    #[test]
    fn a_reticle_may_be_turned() {
        let die = |width, height| Die {
            name: String::new(),
            width: Millimetres(width),
            height: Millimetres(height),
            node: Node::N3,
            harvest: None,
        };
        assert!(die(25.46, 33.0).fits_reticle(RETICLE) && die(33.0, 26.0).fits_reticle(RETICLE));
        assert!(!die(27.0, 27.0).fits_reticle(RETICLE) && !die(20.0, 33.1).fits_reticle(RETICLE));
    }

    #[test]
    fn a_good_die_pays_for_the_bad_ones() {
        let die = Die::square("d", SquareMillimetres(800.0), Node::N5);
        let cost = die.cost(64, &process(1e-3));
        // Three clusters, 0.8 defects: (1 + 0.8/3)^-3.
        assert!((cost.yield_ - (1.0f64 + 0.8 / 3.0).powi(-3)).abs() < 1e-12);
        assert!((cost.each.0 - 250.0 / cost.yield_).abs() < 1e-9);
    }

    #[test]
    fn grades_pay_for_the_wafer_together() {
        let die = Die::square("d", SquareMillimetres(800.0), Node::N5);
        let harvest = Harvest { cores: 20, needed: 20, core_share: 0.9, uncore_repair: 0.0 };
        let grades = [Grade { cores: 20, worth: 1.0 }, Grade { cores: 18, worth: 0.7 }];
        let process = process(2e-3);
        let costs = cost_by_grade(&die, &harvest, 64, &process, &grades);
        let shares = harvest.grades(process.defects, 1.6, &[20, 18]);
        let paid: f64 = costs.iter().zip(&shares).map(|(cost, share)| 64.0 * share * cost.0).sum();
        assert!((paid - process.wafer.0).abs() < 1e-6);
        // Selling a second grade makes the first cheaper.
        assert!(costs[0] < cost_by_grade(&die, &harvest, 64, &process, &grades[..1])[0]);
    }

    proptest! {
        #[test]
        fn cost_rises_with_price_and_defects(density in 1e-4..5e-3f64, factor in 1.01..3.0f64, area in 50.0..850.0f64) {
            let die = Die::square("d", SquareMillimetres(area), Node::N5);
            let base = process(density);
            let dearer = Process { wafer: base.wafer * factor, ..base };
            let dirtier = process(density * factor);
            prop_assert!(die.cost(64, &dearer).each > die.cost(64, &base).each);
            prop_assert!(die.cost(64, &dirtier).each > die.cost(64, &base).each);
        }
    }
}
