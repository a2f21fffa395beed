//! What a server draws beside its devices.

use super::file::quantity;
use base::units::Watts;
use serde::Deserialize;

/// How a server is cooled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cooling {
    /// By fans of its own.
    Air,
    /// By water that others pump.
    Water,
}

/// What a server draws beside its devices.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Around {
    /// Devices that it was found with.
    pub devices: u32,
    /// What those drew.
    #[serde(deserialize_with = "quantity")]
    pub burning: Watts,
    /// Power of everything else but fans.
    #[serde(deserialize_with = "quantity")]
    pub rest: Watts,
    /// Power of fans.
    #[serde(deserialize_with = "quantity")]
    pub fans: Watts,
    /// Who says so.
    pub source: String,
}

impl Around {
    /// Power of a server with so many devices that draw so much together. Air carries away what fans are given; their power grows with its cube.
    pub fn server(&self, devices: u32, burning: Watts, cooling: Cooling) -> Watts {
        let servers = f64::from(devices) / f64::from(self.devices);
        let (rest, full) = (self.rest * servers, (self.burning + self.rest) * servers);
        match cooling {
            Cooling::Water => burning + rest,
            Cooling::Air => burning + rest + self.fans * servers * ((burning + rest) / full).powi(3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fans_turn_slower_where_there_is_less_heat() {
        let around = Around {
            devices: 8,
            burning: Watts(5600.0),
            rest: Watts(1390.0),
            fans: Watts(1170.0),
            source: "a measured node".into(),
        };
        let power = |burning, cooling| around.server(8, Watts(burning), cooling).0;
        assert!((power(5600.0, Cooling::Air) - 8160.0).abs() < 1e-9);
        assert!((power(5600.0, Cooling::Water) - 6990.0).abs() < 1e-9);
        let fans = power(4000.0, Cooling::Air) - power(4000.0, Cooling::Water);
        assert!(fans > 0.0 && fans < 0.5 * 1170.0, "{fans}");
        // Two servers draw twice as much.
        assert!((around.server(16, Watts(11_200.0), Cooling::Air).0 - 2.0 * 8160.0).abs() < 1e-9);
    }
}
