//! Devices described in a file: dies, memory and carrier as they are, price and power by the facts that state them.

use crate::cost::{Acquisition, Device};
use crate::die::{Die, Harvest, Node, Wafer, wafer::DIAMETER};
use crate::facts::{FactError, Facts, Grade, Source};
use crate::finance::Tenure;
use crate::market::MemoryKind;
use crate::package::{Carrier, Package, Placed, Stacks};
use crate::power;
use crate::range::Range;
use crate::server::Supply;
use base::units::{Bytes, Millimetres, Usd, Watts};
use serde::Deserialize;
use std::fmt::Display;
use std::str::FromStr;
use toml::Spanned;

/// A device of the file.
#[derive(Clone, Debug)]
pub struct Described {
    /// Name.
    pub name: String,
    /// Key of the same device among those whose speed is described.
    pub key: Option<String>,
    /// Where its description comes from.
    pub source: String,
    /// How good that is.
    pub grade: Grade,
    /// What it is made of.
    pub package: Package,
    /// What it costs to buy, if that is known.
    pub price: Option<Range>,
    /// What the price contains.
    pub supply: Supply,
    /// Provisioned power, if it is known, in watts.
    pub power: Option<Range>,
}

impl Described {
    /// The device as [`crate::cost`] takes it: bought where a price is known, else sold by a vendor with his margin.
    pub fn device(&self) -> Device {
        let acquisition = self.price.map_or(Acquisition::Vendor, |price| Acquisition::Buy { price });
        Device {
            name: self.name.clone(),
            package: Some(self.package.clone()),
            silicon: Range::exactly(1.0),
            acquisition,
            supply: self.supply,
            tenure: Tenure::Own,
            power: self.power.unwrap_or(Range::exactly(0.0)),
            speed: None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    device: Vec<Spanned<RawDevice>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDevice {
    name: String,
    key: Option<String>,
    source: String,
    grade: Grade,
    price: Option<String>,
    of_rack: Option<f64>,
    power: Option<String>,
    rated: Option<String>,
    #[serde(default)]
    cooled: bool,
    interposer: Option<[String; 2]>,
    memory: Option<RawMemory>,
    die: Vec<RawDie>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMemory {
    kind: MemoryKind,
    count: u32,
    each: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDie {
    name: String,
    width: String,
    height: String,
    node: Node,
    count: u32,
    harvest: Option<Harvest>,
}

/// Reads `key` as a quantity, or says what is wrong with it.
fn read<T: FromStr<Err: Display>>(key: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| format!("`{key}`: {error}"))
}

/// How wafers are cut: dies with their street, interposers with theirs.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// A wafer of dies.
    pub dies: Wafer,
    /// A wafer of interposers.
    pub interposers: Wafer,
}

impl Cut {
    /// As facts have it.
    ///
    /// # Errors
    /// If `facts` lack a figure.
    pub fn new(facts: &Facts) -> Result<Cut, FactError> {
        let edge = facts.nominal("wafer edge exclusion")?;
        let street = facts.nominal("street between dies")?;
        let dies = Wafer { diameter: DIAMETER, edge, street };
        let interposers = Wafer {
            edge: facts.nominal("interposer wafer edge exclusion")?,
            street: facts.nominal("street between interposers")?,
            ..dies
        };
        Ok(Cut { dies, interposers })
    }
}

impl RawDie {
    fn placed(self, wafer: &Wafer) -> Result<Placed, String> {
        let (width, height): (Millimetres, Millimetres) = (read("width", &self.width)?, read("height", &self.height)?);
        let die = Die { name: self.name, width, height, node: self.node, harvest: self.harvest };
        let placed = Placed::new(die, self.count, wafer);
        match placed.gross {
            0 => Err(format!("die `{}` does not fit on a wafer", placed.die.name)),
            _ => Ok(placed),
        }
    }
}

impl RawDevice {
    fn package(&mut self, cut: &Cut) -> Result<Package, String> {
        let memory = self.memory.take().map(|memory| {
            let each: Bytes = read("each", &memory.each)?;
            Ok::<_, String>(Stacks { kind: memory.kind, count: memory.count, each })
        });
        let carrier = match &self.interposer {
            None => Carrier::Substrate,
            Some([width, height]) => {
                Carrier::interposer(read("interposer", width)?, read("interposer", height)?, &cut.interposers)
            }
        };
        if matches!(carrier, Carrier::Interposer { per_wafer: 0, .. }) {
            return Err("the interposer does not fit on a wafer".to_owned());
        }
        let dies = std::mem::take(&mut self.die).into_iter().map(|die| die.placed(&cut.dies));
        Ok(Package { dies: dies.collect::<Result<_, _>>()?, memory: memory.transpose()?, carrier })
    }

    fn described(mut self, cut: &Cut, facts: &Facts) -> Result<Described, String> {
        if self.source.trim().is_empty() {
            return Err(format!("device `{}`: `source` is empty: say where its description comes from", self.name));
        }
        let package = self.package(cut).map_err(|what| format!("device `{}`: {what}", self.name))?;
        let devices = self.of_rack.unwrap_or(1.0);
        let sentence = |error: FactError| format!("device `{}`: {error}", self.name);
        let price = self.price.as_ref().map(|quantity| facts.range::<Usd>(quantity)).transpose().map_err(sentence)?;
        let power = self.power(facts).map_err(|what| format!("device `{}`: {what}", self.name))?;
        Ok(Described {
            name: self.name,
            key: self.key,
            source: self.source,
            grade: self.grade,
            package,
            price: price.map(|range| range.times(1.0 / devices)),
            supply: if self.of_rack.is_some() { Supply::Rack } else { Supply::Device },
            power,
        })
    }

    /// All-in power: as a fact states it, or from what the package is rated at.
    fn power(&self, facts: &Facts) -> Result<Option<Range>, String> {
        let watts = |quantity: &String| facts.range::<Watts>(quantity).map_err(|error| error.to_string());
        let number = |quantity| facts.nominal::<f64>(quantity).map_err(|error| error.to_string());
        match (&self.power, &self.rated) {
            (None, None) => Ok(None),
            (Some(all_in), None) if self.cooled => Ok(Some(watts(all_in)?.times(1.0 / number("PUE")?))),
            (Some(all_in), None) => Ok(Some(watts(all_in)?)),
            (None, Some(rated)) => {
                let around = power::around(facts).map_err(|error| error.to_string())?;
                Ok(Some(power::all_in(watts(rated)?, around)))
            }
            (Some(_), Some(_)) => Err("give `power`, which is all-in, or `rated`, which is of the package".to_owned()),
        }
    }
}

/// The file of the devices that come with the program.
pub const FILE: &str = "cases/devices.toml";

/// The devices that come with the program.
///
/// # Errors
/// As [`parse`].
pub fn builtin(facts: &Facts) -> Result<Vec<Described>, FactError> {
    parse(FILE, data::file(FILE).unwrap_or_default(), facts)
}

/// A device that comes with the program, as facts of some date know it.
#[derive(Clone, Debug)]
pub struct Known {
    /// Name.
    pub name: String,
    /// Key of the same device among those whose speed is described.
    pub key: Option<String>,
    /// The device, or what the facts lack for it.
    pub described: Result<Described, FactError>,
}

/// The devices that come with the program, each as `facts` know it.
///
/// # Panics
/// If the file is malformed, which a test excludes.
pub fn known(facts: &Facts) -> Vec<Known> {
    let source = Source { file: FILE, text: data::file(FILE).unwrap_or_default() };
    let cut = Cut::new(facts);
    let one = |raw: Spanned<RawDevice>| {
        let (name, key) = (raw.get_ref().name.clone(), raw.get_ref().key.clone());
        Known { name, key, described: cut.clone().and_then(|cut| described(raw, &source, &cut, facts)) }
    };
    let devices = source.read::<RawFile>().expect("the shipped devices are well-formed").device;
    devices.into_iter().map(one).collect()
}

fn described(raw: Spanned<RawDevice>, source: &Source, cut: &Cut, facts: &Facts) -> Result<Described, FactError> {
    let start = raw.span().start;
    raw.into_inner().described(cut, facts).map_err(|what| source.error(start, what))
}

/// Reads the devices of a text; `file` is its name in refusals.
///
/// # Errors
/// The first mistake, with its line.
pub fn parse(file: &str, text: &str, facts: &Facts) -> Result<Vec<Described>, FactError> {
    let source = Source { file, text };
    let cut = Cut::new(facts)?;
    let devices = source.read::<RawFile>()?.device;
    devices.into_iter().map(|raw| described(raw, &source, &cut, facts)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[device]]\nname = 'd'\nsource = 's'\ngrade = 'A'\nprice = 'price H100'\n\
                        [[device.die]]\nname = 'x'\nwidth = '20 mm'\nheight = '20 mm'\nnode = 'N3'\ncount = 1\n";

    fn parsed(text: &str) -> Result<Vec<Described>, String> {
        parse("f", text, &Facts::builtin().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_device_is_what_its_file_says() {
        let devices = parsed(GOOD).unwrap();
        assert_eq!((devices[0].package.silicon().0, devices[0].package.carrier), (400.0, Carrier::Substrate));
        assert_eq!(devices[0].price.unwrap().nominal, 27_000.0);
    }

    #[test]
    fn refusals_are_sentences_with_the_line() {
        let cases = [
            ("'s'", "' '", "f, line 1: device `d`: `source` is empty"),
            ("'20 mm'\nh", "'20'\nh", "f, line 1: device `d`: `width`: `20` has no unit"),
            ("'20 mm'\nh", "'400 mm'\nh", "f, line 1: device `d`: die `x` does not fit on a wafer"),
            (
                "'price H100'",
                "'price H101'",
                "f, line 1: device `d`: no fact about `price H101`; near are `price H100`",
            ),
            ("'N3'", "'N4'", "f, line 10: unknown variant `N4`"),
            ("grade", "level", "f, line 4: unknown field `level`"),
            (
                "grade",
                "power = 'all-in power H100'\nrated = 'rated power H200'\ngrade",
                "f, line 1: device `d`: give `power`",
            ),
        ];
        for (from, to, begins) in cases {
            let found = parsed(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert!(found.starts_with(begins), "{found}");
        }
    }

    #[test]
    fn what_is_not_known_yet_spares_the_others() {
        let facts = Facts::builtin().unwrap();
        let (all, now) = (builtin(&facts).unwrap(), known(&facts));
        assert_eq!(all.len(), now.len());
        assert!(now.iter().all(|known| known.described.as_ref().unwrap().name == known.name));
        // Somebody who knows how wafers are cut, and of all devices only the power of one.
        let mut little = Facts::default();
        let cut = [
            "wafer edge exclusion",
            "interposer wafer edge exclusion",
            "street between dies",
            "street between interposers",
        ];
        let fact = |(quantity, unit): (&str, &str)| {
            format!(
                "[[fact]]\nid = '{quantity}'\nquantity = '{quantity}'\nunit = '{unit}'\nnominal = 1\ngrade = 'C'\nas_of = '2024'\nsource = 's'\n"
            )
        };
        let rest = [("all-in power TPU v7", "kW"), ("price TPU v7, Broadcom to Google", "USD")];
        let text: String = cut.map(|quantity| (quantity, "mm")).into_iter().chain(rest).map(fact).collect();
        little.add("f", &text).unwrap();
        let then = known(&little);
        let found = |name: &str| then.iter().find(|known| known.name == name).unwrap().described.as_ref();
        assert_eq!(found("TPU v7").unwrap().power.unwrap().nominal, 1000.0);
        assert!(found("H200").unwrap_err().to_string().contains("device `H200`: no fact about `price H200`"));
        let before = known(&facts.as_of("2019".parse().unwrap()));
        assert!(before.len() == all.len() && before.iter().all(|known| known.described.is_err()));
    }

    #[test]
    fn a_rating_becomes_all_in_power_by_what_facts_show() {
        let facts = Facts::builtin().unwrap();
        let around = power::around(&facts).unwrap();
        let devices = builtin(&facts).unwrap();
        let power = |name: &str| devices.iter().find(|device| device.name == name).unwrap().power.unwrap();
        assert_eq!(power("H200"), Range::exactly(700.0).plus(&around));
        assert!(power("GB300").nominal > power("GB200").nominal && power("VR200").nominal > power("GB300").nominal);
    }

    #[test]
    fn keys_are_told_apart() {
        let devices = builtin(&Facts::builtin().unwrap()).unwrap();
        let mut keys: Vec<&String> = devices.iter().filter_map(|device| device.key.as_ref()).collect();
        let all = keys.len();
        keys.sort();
        keys.dedup();
        assert!(all == keys.len() && all >= 12, "{keys:?}");
        assert!(keys.iter().all(|key| data::file(&format!("devices/{key}.toml")).is_some()), "{keys:?}");
    }
}
