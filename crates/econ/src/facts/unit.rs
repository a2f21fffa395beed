//! Units of facts: what a figure measures and what one of its unit is worth in the base unit of that measure.
//!
//! The table is closed: a unit that is not in it is refused where the file is read. [`Measured`] joins a measure to a type of [`base::units`], so that a fact can
//! only be taken as what it is.

use base::units::{
    Bytes, Millimetres, PerSquareMillimetre, SquareMillimetres, Usd, UsdPerByte, UsdPerHour, UsdPerJoule, UsdPerWatt,
    Watts, Years,
};

/// What a figure measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Measure {
    Money,
    MoneyPerHour,
    MoneyPerYear,
    MoneyPerPower,
    MoneyPerPowerDay,
    MoneyPerEnergy,
    MoneyPerMemory,
    MoneyPerArea,
    MoneyPerToken,
    /// A share of a whole, between 0 and 1 as a rule.
    Share,
    SharePerYear,
    /// A number that may exceed 1.
    Ratio,
    GrowthPerYear,
    Count,
    CountPerMonth,
    TokensPerMonth,
    Time,
    Calendar,
    Length,
    Area,
    DefectDensity,
    Memory,
    Bandwidth,
    Arithmetic,
    EnergyPerBit,
    Power,
    Temperature,
    /// Kilograms of carbon dioxide, or of what warms as much.
    Carbon,
    CarbonPerArea,
    CarbonPerEnergy,
    CarbonPerMemory,
}

/// One row of the table.
#[derive(Debug, PartialEq)]
pub struct Unit {
    /// As it is written.
    pub symbol: &'static str,
    /// What it measures.
    pub measure: Measure,
    /// One of it in the base unit of the measure.
    pub worth: f64,
}

const fn unit(symbol: &'static str, measure: Measure, worth: f64) -> Unit {
    Unit { symbol, measure, worth }
}

/// Days of an average month of a year of 365 days.
const DAYS_PER_MONTH: f64 = 365.0 / 12.0;

use Measure as M;

/// Every unit of a fact. Bases: USD, USD/h, USD/y, USD/W, USD/J, USD/B, USD/mm2, USD/token, 1, 1/y, y, mm, mm2, /mm2, B, B/s, OP/s, J/bit, W, degC,
/// kgCO2, kgCO2/mm2, kgCO2/J, kgCO2/B.
pub static UNITS: &[Unit] = &[
    unit("USD", M::Money, 1.0),
    unit("kUSD", M::Money, 1e3),
    unit("MUSD", M::Money, 1e6),
    unit("BUSD", M::Money, 1e9),
    unit("TUSD", M::Money, 1e12),
    unit("USD/wafer", M::Money, 1.0),
    unit("USD/stack", M::Money, 1.0),
    unit("USD/package", M::Money, 1.0),
    unit("USD/h", M::MoneyPerHour, 1.0),
    unit("BUSD/y", M::MoneyPerYear, 1e9),
    unit("BUSD/GW", M::MoneyPerPower, 1.0),
    unit("MUSD/MW", M::MoneyPerPower, 1.0),
    unit("USD/kW", M::MoneyPerPower, 1e-3),
    unit("USD/MW-day", M::MoneyPerPowerDay, 1e-6),
    unit("c/kWh", M::MoneyPerEnergy, 0.01 / 3.6e6),
    unit("USD/MWh", M::MoneyPerEnergy, 1.0 / 3.6e9),
    unit("USD/GB", M::MoneyPerMemory, 1e-9),
    unit("USD/mm2", M::MoneyPerArea, 1.0),
    unit("USD/Mtok", M::MoneyPerToken, 1e-6),
    unit("fraction", M::Share, 1.0),
    unit("%", M::Share, 0.01),
    unit("%/y", M::SharePerYear, 0.01),
    unit("ratio", M::Ratio, 1.0),
    unit("x/y", M::GrowthPerYear, 1.0),
    unit("count", M::Count, 1.0),
    unit("packages", M::Count, 1.0),
    unit("spins", M::Count, 1.0),
    unit("Munits", M::Count, 1e6),
    unit("wafers/month", M::CountPerMonth, 1.0),
    unit("wafers/y", M::CountPerMonth, 1.0 / 12.0),
    unit("Ttokens/month", M::TokensPerMonth, 1e12),
    unit("Btokens/min", M::TokensPerMonth, 1e9 * 24.0 * 60.0 * DAYS_PER_MONTH),
    unit("y", M::Time, 1.0),
    unit("months", M::Time, 1.0 / 12.0),
    unit("weeks", M::Time, 7.0 / 365.0),
    unit("calendar year", M::Calendar, 1.0),
    unit("mm", M::Length, 1.0),
    unit("mm2", M::Area, 1.0),
    unit("/cm2", M::DefectDensity, 0.01),
    unit("GB", M::Memory, 1e9),
    unit("TB/s", M::Bandwidth, 1e12),
    unit("TFLOP/s", M::Arithmetic, 1e12),
    unit("pJ/bit", M::EnergyPerBit, 1e-12),
    unit("W", M::Power, 1.0),
    unit("kW", M::Power, 1e3),
    unit("MW", M::Power, 1e6),
    unit("GW", M::Power, 1e9),
    unit("degC", M::Temperature, 1.0),
    unit("kgCO2", M::Carbon, 1.0),
    unit("kgCO2/cm2", M::CarbonPerArea, 0.01),
    unit("kgCO2/kWh", M::CarbonPerEnergy, 1.0 / 3.6e6),
    unit("kgCO2/GB", M::CarbonPerMemory, 1e-9),
];

/// The unit written as `symbol`.
pub fn find(symbol: &str) -> Option<&'static Unit> {
    UNITS.iter().find(|unit| unit.symbol == symbol)
}

/// A type that facts of some measures can be taken as.
pub trait Measured: Copy {
    /// The measures whose base unit is the base unit of the type.
    const MEASURES: &'static [Measure];

    /// From an amount in the base unit.
    fn of(amount: f64) -> Self;
}

/// Joins types over `f64` to their measures.
macro_rules! measured {
    ($($name:ident: $($measure:ident)+;)*) => {$(
        impl Measured for $name {
            const MEASURES: &'static [Measure] = &[$(Measure::$measure),+];
            fn of(amount: f64) -> $name {
                $name(amount)
            }
        }
    )*};
}

measured! {
    Usd: Money;
    UsdPerHour: MoneyPerHour;
    UsdPerWatt: MoneyPerPower;
    UsdPerJoule: MoneyPerEnergy;
    UsdPerByte: MoneyPerMemory;
    Years: Time;
    Millimetres: Length;
    SquareMillimetres: Area;
    PerSquareMillimetre: DefectDensity;
    Watts: Power;
}

impl Measured for f64 {
    const MEASURES: &'static [Measure] = &[
        M::Share,
        M::SharePerYear,
        M::Ratio,
        M::Count,
        M::GrowthPerYear,
        M::MoneyPerArea,
        M::MoneyPerYear,
        M::Carbon,
        M::CarbonPerArea,
        M::CarbonPerEnergy,
        M::CarbonPerMemory,
    ];
    fn of(amount: f64) -> f64 {
        amount
    }
}

impl Measured for Bytes {
    const MEASURES: &'static [Measure] = &[M::Memory];
    fn of(amount: f64) -> Bytes {
        Bytes(amount.round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_has_one_meaning_and_agrees_with_base() {
        let mut symbols: Vec<_> = UNITS.iter().map(|unit| unit.symbol).collect();
        symbols.sort_unstable();
        let all = symbols.len();
        symbols.dedup();
        assert_eq!(symbols.len(), all);
        for quantity in base::units::QUANTITIES {
            for unit in UNITS {
                if let Some((_, worth)) = quantity.units.iter().find(|(symbol, _)| *symbol == unit.symbol) {
                    let found = unit.worth / worth;
                    assert!((found - 1.0).abs() < 1e-12, "{}: {} here, {worth} there", unit.symbol, unit.worth);
                }
            }
        }
    }
}
