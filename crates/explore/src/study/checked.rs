//! Values of a study that are checked as they are read: the refusal then carries their line by itself.

use crate::traffic::Traffic;
use econ::facts::Date;
use perf::device::Device;
use perf::workload::Formats;
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use std::fmt::Display;
use std::ops::Deref;
use std::str::FromStr;

/// A quantity with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Q<T>(pub T);

impl<'de, T: FromStr<Err: Display> + Default + PartialEq> Deserialize<'de> for Q<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Q<T>, D::Error> {
        let text = String::deserialize(from)?;
        let found: T = text.parse().map_err(D::Error::custom)?;
        match found == T::default() {
            true => Err(D::Error::custom(format!("`{text}`: more than nothing is meant"))),
            false => Ok(Q(found)),
        }
    }
}

/// A list with something in it, nothing twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed<T>(pub Vec<T>);

impl<T> Deref for Listed<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de> + PartialEq> Deserialize<'de> for Listed<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Listed<T>, D::Error> {
        let list = Vec::<T>::deserialize(from)?;
        if list.is_empty() {
            return Err(D::Error::custom("the list is empty: one entry at least is needed"));
        }
        let twice = list.iter().enumerate().any(|(at, one)| list[..at].contains(one));
        if twice { Err(D::Error::custom("the list says something twice")) } else { Ok(Listed(list)) }
    }
}

/// A whole number between two others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap<const LEAST: u64, const MOST: u64>(pub u64);

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Cap<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Cap<LEAST, MOST>, D::Error> {
        let number = i64::deserialize(from)?;
        let fits = u64::try_from(number).ok().filter(|number| (LEAST..=MOST).contains(number));
        let refuse = || D::Error::custom(format!("`{number}`: a whole number from {LEAST} to {MOST} is meant"));
        fits.map(Cap).ok_or_else(refuse)
    }
}

/// A positive number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Positive(pub f64);

impl<'de> Deserialize<'de> for Positive {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Positive, D::Error> {
        let number = f64::deserialize(from)?;
        let positive = number > 0.0 && number.is_finite();
        positive.then_some(Positive(number)).ok_or_else(|| D::Error::custom(format!("`{number}` is not positive")))
    }
}

/// A share, above 0 and at most 1; shares of a list are brought to a sum of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(pub f64);

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Share, D::Error> {
        let number = f64::deserialize(from)?;
        let inside = number > 0.0 && number <= 1.0;
        let refuse = || D::Error::custom(format!("`{number}` is no share: above 0, at most 1"));
        inside.then_some(Share(number)).ok_or_else(refuse)
    }
}

/// The date of a study.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AsOf(pub Date);

impl<'de> Deserialize<'de> for AsOf {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<AsOf, D::Error> {
        String::deserialize(from)?.parse().map(AsOf).map_err(|error| D::Error::custom(format!("no date: {error}")))
    }
}

/// Declares a name that must be known to somebody.
macro_rules! known {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub String);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<$name, D::Error> {
                let text = String::deserialize(from)?;
                let check: fn(&str) -> Result<String, String> = $check;
                check(&text).map($name).map_err(D::Error::custom)
            }
        }
    };
}

known! {
    /// The key of a language model.
    NetworkKey, |name| perf::network::language(name).map(|(known, _)| known.key.clone()).map_err(|error| error.to_string())
}

known! {
    /// The key of a device of the catalogue.
    DeviceKey, |name| Device::find(name).map(|device| device.key).map_err(|error| error.to_string())
}

known! {
    /// A kind of traffic.
    TrafficKind, |name| match Traffic::builtin(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err(unknown("traffic", name, Traffic::names())),
    }
}

known! {
    /// A node.
    NodeName, |name| match phys::node::Node::builtin(name) {
        Some(_) => Ok(name.to_owned()),
        None => Err(unknown("node", name, phys::node::Node::names())),
    }
}

known! {
    /// A way of cooling.
    Cooled, |name| {
        let ways = phys::package::Cooling::builtin();
        match ways.contains_key(name) {
            true => Ok(name.to_owned()),
            false => Err(unknown("way of cooling", name, ways.keys())),
        }
    }
}

impl Default for Cooled {
    fn default() -> Cooled {
        Cooled("cold-plate".to_owned())
    }
}

fn unknown(what: &str, name: &str, known: impl Iterator<Item = impl Display>) -> String {
    let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    format!("there is no {what} `{}`: known are {}", name.chars().take(40).collect::<String>(), known.join(", "))
}

/// Rows, depth and columns of a matrix engine, written `32x32x64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Array {
    /// Rows of a tile taken per cycle.
    pub rows: usize,
    /// Inputs of a row taken per cycle.
    pub depth: usize,
    /// Tokens multiplied at once.
    pub columns: usize,
}

impl Display for Array {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}x{}", self.rows, self.depth, self.columns)
    }
}

impl FromStr for Array {
    type Err = String;

    fn from_str(text: &str) -> Result<Array, String> {
        let sides: Option<Vec<usize>> = text.split('x').map(|side| side.trim().parse().ok()).collect();
        let tile = |side: usize| (1..=32).contains(&side) && 32 % side == 0;
        match sides.as_deref() {
            Some(&[rows, depth, columns]) if tile(rows) && tile(depth) && (1..=1024).contains(&columns) => {
                Ok(Array { rows, depth, columns })
            }
            _ => Err(format!("`{text}`: an array is rows x depth x columns, `32x32x64`: the first two divide 32")),
        }
    }
}

impl<'de> Deserialize<'de> for Array {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Array, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// Number formats of a network, as changes to its published ones; empty for those themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Formatting(pub String);

impl Formatting {
    /// The published ones alone.
    pub fn published() -> Listed<Formatting> {
        Listed(vec![Formatting(String::new())])
    }

    /// The formats that this makes of the published ones.
    pub fn of(&self, published: Formats) -> Formats {
        published.read(&self.0).expect("it was read once")
    }
}

impl<'de> Deserialize<'de> for Formatting {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Formatting, D::Error> {
        let text = String::deserialize(from)?;
        Formats::default().read(&text).map_err(D::Error::custom)?;
        Ok(Formatting(text))
    }
}

/// Declares an amount of a unit of area.
macro_rules! per_area {
    ($(#[$doc:meta])* $name:ident, $unit:literal, $example:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct $name(pub f64);

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<$name, String> {
                let number = text.trim().strip_suffix($unit).and_then(|number| number.trim().parse::<f64>().ok());
                let positive = number.filter(|number| *number > 0.0 && number.is_finite());
                positive.map($name).ok_or_else(|| format!("`{text}`: write `{}`", $example))
            }
        }
    };
}

per_area! {
    /// Power of a mm2.
    WattsPerSquareMillimetre, "W/mm2", "1.4 W/mm2"
}

per_area! {
    /// Operations per second of a mm2, in units of 10^12.
    RatePerSquareMillimetre, "TOP/s/mm2", "10.9 TOP/s/mm2"
}
