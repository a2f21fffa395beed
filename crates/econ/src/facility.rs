//! The building around a device: what its watts cost.
//!
//! Capital is per watt that computes (the price of a building contains its cooling), energy is per watt of the site, which is `pue` times as much.

use crate::finance;
use crate::market::Market;
use base::units::{HOURS_PER_YEAR, SECONDS_PER_HOUR, Seconds, Usd, UsdPerHour, Watts};

/// What one device needs of a building.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Housing {
    /// Its share of the building's capital.
    pub capital: Usd,
    /// That capital per hour.
    pub building: UsdPerHour,
    /// Electricity per hour, cooling included.
    pub energy: UsdPerHour,
}

/// Houses a device for which `power` is provisioned, its server and network included.
pub fn house(power: Watts, market: &Market) -> Housing {
    let capital = power * market.building;
    let drawn = power * market.load * market.pue.max(1.0);
    Housing {
        capital,
        building: finance::hourly(capital, market.capital, market.building_life),
        energy: UsdPerHour((drawn * Seconds(SECONDS_PER_HOUR) * market.electricity).0),
    }
}

/// Energy that `power` of computing takes from the grid in a year, in dollars.
pub fn yearly_energy(power: Watts, market: &Market) -> Usd {
    Usd(house(power, market).energy.0 * HOURS_PER_YEAR)
}

/// How many devices of `power` a site of `supply` carries, when its supply has to carry the cooling too.
pub fn devices(supply: Watts, power: Watts, market: &Market) -> f64 {
    (supply / (power * market.pue.max(1.0))).floor()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;
    use base::units::{UsdPerJoule, UsdPerWatt, Years};

    #[test]
    fn a_kilowatt_by_hand() {
        let market = Market {
            building: UsdPerWatt(10.0),
            building_life: Years(10.0),
            capital: 0.0,
            pue: 1.2,
            load: 0.5,
            electricity: "0.1 USD/kWh".parse::<UsdPerJoule>().unwrap(),
            ..Market::nominal(&Facts::builtin().unwrap()).unwrap()
        };
        let housing = house(Watts(1000.0), &market);
        assert_eq!(housing.capital, Usd(10_000.0));
        assert!((housing.building.0 - 1000.0 / 8760.0).abs() < 1e-12);
        assert!((housing.energy.0 - 0.06).abs() < 1e-12);
        assert!((yearly_energy(Watts(1000.0), &market).0 - 525.6).abs() < 1e-9);
        assert_eq!(devices(Watts(1e9), Watts(1000.0), &market), 833_333.0);
    }
}
