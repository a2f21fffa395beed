//! What stands around a device in its rack: host, board, power supplies, network.
//!
//! Either a device is bought alone, and its share of a server and of the network is added; or the price is that of a whole rack, which contains the servers and the
//! switches inside it, and only the network between racks is added.

use crate::market::Market;
use base::units::Usd;
use serde::Deserialize;

/// What the price of a device already contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Supply {
    /// The device alone.
    Device,
    /// Its share of a rack.
    Rack,
}

/// What is added to a device to make it compute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surroundings {
    /// Its share of a server.
    pub server: Usd,
    /// Its share of the network.
    pub network: Usd,
}

/// What a device of this supply still needs.
pub fn around(supply: Supply, market: &Market) -> Surroundings {
    let server = match supply {
        Supply::Device => market.server,
        Supply::Rack => Usd(0.0),
    };
    Surroundings { server, network: market.network }
}
