//! The price list of one evaluation: every input that all devices share, as plain numbers.
//!
//! The inputs are declared once, each with the quantity of [`crate::facts`] that it is: a field cannot exist without a fact behind it. [`Market::ranges`]
//! gives their ranges as known at some date; [`Market::nominal`] takes the medians; a sample of [`crate::uncertain`] becomes a market by
//! [`Market::from_values`]. What only one device has (its price, its watts) lives in [`crate::cost::Device`].

use crate::die::{Defects, Node, Process};
use crate::facts::{FactError, Facts, Measured};
use crate::range::Range;
use base::units::{PerSquareMillimetre, Usd, UsdPerByte, UsdPerJoule, UsdPerWatt, Years};
use serde::Deserialize;

/// Declares the inputs: field, type and the quantity that it takes its range from.
macro_rules! inputs {
    ($(#[$doc:meta])* pub struct $group:ident { $($(#[$meaning:meta])* $name:ident: $type:ty = $quantity:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $group { $($(#[$meaning])* pub $name: $type,)* }

        impl $group {
            /// The quantity of each input, in the order of the fields.
            pub const QUANTITIES: &'static [&'static str] = &[$($quantity,)*];

            /// The range of each input, in the order of the fields.
            ///
            /// # Errors
            /// If `facts` do not speak of a quantity, or in another measure.
            pub fn ranges(facts: &Facts) -> Result<Vec<Range>, FactError> {
                Ok(vec![$(facts.range::<$type>($quantity)?,)*])
            }

            /// From one number per input, in base units.
            ///
            /// # Panics
            /// If there are fewer than inputs.
            pub fn from_values(values: &[f64]) -> $group {
                let mut values = values.iter().copied();
                $group { $($name: <$type as Measured>::of(values.next().expect("a number per input")),)* }
            }
        }
    };
}

pub(crate) use inputs;

inputs! {
    /// Prices, yields and terms that every device meets.
    pub struct Market {
        /// Wafer of 7 nm.
        wafer_n7: Usd = "wafer price N7",
        /// Wafer of 5 nm.
        wafer_n5: Usd = "wafer price N5",
        /// Wafer of 3 nm.
        wafer_n3: Usd = "wafer price N3",
        /// Wafer of 2 nm.
        wafer_n2: Usd = "wafer price N2",
        /// Wafer of 1.6 nm.
        wafer_a16: Usd = "wafer price A16",
        /// Probing a wafer.
        sort: Usd = "wafer sort and probe, per wafer",
        /// Killing defects of 7 nm.
        density_n7: PerSquareMillimetre = "defect density N7, mature",
        /// Killing defects of 5 nm.
        density_n5: PerSquareMillimetre = "defect density N5",
        /// Killing defects of 3 nm.
        density_n3: PerSquareMillimetre = "defect density N3",
        /// Defects of the generations after 3 nm, over those of 3 nm.
        density_after: f64 = "defect density N2 over N3, N5, N7 at the same stage",
        /// How defects cluster.
        alpha: f64 = "clustering of defects, alpha",
        /// Share of bad dies that probing finds.
        coverage: f64 = "test coverage before assembly",
        /// Memory of the second generation, enhanced.
        hbm2e: UsdPerByte = "HBM2E price",
        /// Memory of the third generation.
        hbm3: UsdPerByte = "HBM3 price",
        /// Memory of the third generation, enhanced.
        hbm3e: UsdPerByte = "HBM3E price to a chip vendor",
        /// Memory of the fourth generation.
        hbm4: UsdPerByte = "HBM4 price",
        /// Wafer of interposers, with what is mounted on it.
        interposer_wafer: Usd = "CoWoS wafer price",
        /// Substrate and assembly per mm² of interposer.
        assembly_per_area: f64 = "substrate and assembly, per area of interposer",
        /// Substrate and assembly of a package without interposer.
        plain_substrate: Usd = "substrate of a package without interposer",
        /// Packages that work after assembly.
        package_yield: f64 = "package and final yield",
        /// Final test, lid, module board and power stages.
        auxiliary: Usd = "test and auxiliary parts of a package",
        /// Gross margin of a design partner.
        partner_margin: f64 = "gross margin of a design partner",
        /// Gross margin of a vendor of finished devices.
        vendor_margin: f64 = "gross margin of a GPU vendor",
        /// Host, chassis and power supplies, per device.
        server: Usd = "server around a device",
        /// Switches, cables and optics, per device.
        network: Usd = "network around a device",
        /// Building with power and cooling, per watt that computes.
        building: UsdPerWatt = "shell and electrical capital",
        /// Years until a building is written off.
        building_life: Years = "life of a data-centre building",
        /// Years until a device is written off.
        device_life: Years = "life of a GPU in the books",
        /// Cost of capital per year.
        capital: f64 = "cost of capital",
        /// Power of the whole site over what computes.
        pue: f64 = "PUE",
        /// Price of electricity.
        electricity: UsdPerJoule = "price of electricity, industry in the US",
        /// Mean over provisioned power.
        load: f64 = "mean power over provisioned power",
        /// Staff, maintenance and insurance, per year and capital.
        operation: f64 = "operation besides energy, share of capital a year",
        /// Devices that fail for good, per year.
        failures: f64 = "hard failures of H100",
        /// Share of failed devices that the owner pays.
        failures_paid: f64 = "failures that the owner pays",
        /// Share of its hours in which a device does useful work.
        utilisation: f64 = "utilisation of rented or owned devices",
    }
}

/// A generation of memory, as it is priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[allow(missing_docs)]
pub enum MemoryKind {
    HBM2E,
    HBM3,
    HBM3E,
    HBM4,
}

impl Market {
    /// The market of medians.
    ///
    /// # Errors
    /// As [`Market::ranges`].
    pub fn nominal(facts: &Facts) -> Result<Market, FactError> {
        let values: Vec<f64> = Market::ranges(facts)?.iter().map(|range| range.nominal).collect();
        Ok(Market::from_values(&values))
    }

    /// What a wafer of `node` costs and how dirty it is.
    pub fn process(&self, node: Node) -> Process {
        let (wafer, density) = match node {
            Node::N7 => (self.wafer_n7, self.density_n7),
            Node::N5 => (self.wafer_n5, self.density_n5),
            Node::N3 => (self.wafer_n3, self.density_n3),
            Node::N2 => (self.wafer_n2, self.density_n3 * self.density_after),
            Node::A16 => (self.wafer_a16, self.density_n3 * self.density_after),
        };
        Process { wafer, sort: self.sort, density, defects: Defects::NegativeBinomial { alpha: self.alpha } }
    }

    /// Price of memory.
    pub fn memory(&self, kind: MemoryKind) -> UsdPerByte {
        match kind {
            MemoryKind::HBM2E => self.hbm2e,
            MemoryKind::HBM3 => self.hbm3,
            MemoryKind::HBM3E => self.hbm3e,
            MemoryKind::HBM4 => self.hbm4,
        }
    }

    /// The same market with all memory dearer (or cheaper) by `factor`.
    pub fn with_memory_price(&self, factor: f64) -> Market {
        Market {
            hbm2e: self.hbm2e * factor,
            hbm3: self.hbm3 * factor,
            hbm3e: self.hbm3e * factor,
            hbm4: self.hbm4 * factor,
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_has_a_fact_behind_it() {
        let facts = Facts::builtin().unwrap().current();
        let ranges = Market::ranges(&facts).unwrap();
        assert_eq!(ranges.len(), Market::QUANTITIES.len());
        assert!(ranges.iter().all(|range| range.low > 0.0));
        let market = Market::nominal(&facts).unwrap();
        assert_eq!((market.wafer_n3, market.device_life), (Usd(20_000.0), Years(5.0)));
        assert_eq!(market.with_memory_price(1.2).memory(MemoryKind::HBM4), market.hbm4 * 1.2);
    }

    #[test]
    fn what_was_not_yet_known_is_missing() {
        let then = Facts::builtin().unwrap().as_of("2019".parse().unwrap());
        assert!(Market::nominal(&then).unwrap_err().to_string().starts_with("no fact about `wafer price N7`"));
    }
}
