//! From an hour to a token.
//!
//! A device that works costs so much per hour, and in that hour reads so many tokens of prompts or writes so many tokens of answers. Rates are given, at whatever
//! latency they were found; this module only divides. Reading and writing may take place on one device in turns, or on separate ones: the cost of a token is the
//! time that it takes away from the device, so both cases are the same sum.

use base::units::{SECONDS_PER_HOUR, Usd, UsdPerHour};

/// What a device does in a second, at the latency that was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Tokens of prompts read per second, when it does nothing else.
    pub input: f64,
    /// Tokens of answers written per second, when it does nothing else.
    pub output: f64,
}

/// Tokens of a price.
pub const MILLION: f64 = 1e6;

/// Dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenCost {
    /// Of a million tokens read.
    pub input: Usd,
    /// Of a million tokens written.
    pub output: Usd,
}

/// Dollars per million tokens of a device that costs `hour` per hour in which it works at `speed`.
pub fn per_million(hour: UsdPerHour, speed: Speed) -> TokenCost {
    let per = |rate: f64| Usd(hour.0 / SECONDS_PER_HOUR / rate * MILLION);
    TokenCost { input: per(speed.input), output: per(speed.output) }
}

/// The traffic of some span: tokens by how they are paid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traffic {
    /// Tokens of prompts that were found in a cache.
    pub cached: f64,
    /// Tokens of prompts that had to be read.
    pub fresh: f64,
    /// Tokens written.
    pub output: f64,
}

/// Prices per million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tariff {
    /// Found in a cache.
    pub cached: Usd,
    /// Read.
    pub fresh: Usd,
    /// Written.
    pub output: Usd,
}

impl Traffic {
    /// What it brings at a tariff.
    pub fn revenue(&self, tariff: &Tariff) -> Usd {
        let parts = [(self.cached, tariff.cached), (self.fresh, tariff.fresh), (self.output, tariff.output)];
        parts.into_iter().map(|(tokens, price)| price * (tokens / MILLION)).sum()
    }

    /// Devices that read and write it evenly over `seconds`, the cached tokens counted as read.
    pub fn devices(&self, speed: Speed, seconds: f64) -> (f64, f64) {
        ((self.cached + self.fresh) / speed.input / seconds, self.output / speed.output / seconds)
    }

    /// What it costs at `cost`, over the tokens written: the blended price that a comparison of devices uses.
    pub fn per_million_written(&self, cost: &TokenCost) -> Usd {
        cost.output + cost.input * ((self.cached + self.fresh) / self.output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_by_hand() {
        // 3.6 dollars an hour is a tenth of a cent a second; 1000 tokens a second cost a dollar a million.
        let cost = per_million(UsdPerHour(3.6), Speed { input: 10_000.0, output: 1000.0 });
        assert!((cost.input.0 - 0.1).abs() < 1e-12 && (cost.output.0 - 1.0).abs() < 1e-12);
        let traffic = Traffic { cached: 0.0, fresh: 4e6, output: 1e6 };
        assert!((traffic.per_million_written(&cost).0 - 1.4).abs() < 1e-12);
        // Time on the device is conserved: the devices of the traffic cost what its tokens cost.
        let (reading, writing) = traffic.devices(Speed { input: 10_000.0, output: 1000.0 }, 3600.0);
        assert!(((reading + writing) * 3.6 - 1.4).abs() < 1e-12);
        let tariff = Tariff { cached: Usd(0.1), fresh: Usd(0.5), output: Usd(2.0) };
        assert_eq!(Traffic { cached: 1e6, ..traffic }.revenue(&tariff), Usd(4.1));
    }
}
