//! The text of a device file: raw tables first, then checked types, once.
//!
//! Every group has a `source` and a `grade`; every quantity stands in quotes with its unit. A file is refused with its line, what was found and what would
//! do. Where a file gives operations per unit and cycle, they must agree with rate, units and clock: the slip that halves or doubles a rate is caught here.

use super::catalogue::DeviceError;
use super::{Device, Dispatch, Fact, Grade, Links, Memory, OnChip, Parameters, Topology};
use crate::format::Format;
use base::units::{BytesPerSecond, OperationsPerSecond};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use toml::Spanned;

type Text = Spanned<String>;
type Count = Spanned<i64>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDevice {
    name: Text,
    vendor: Text,
    #[serde(default)]
    aliases: Vec<Text>,
    available: Text,
    as_of: Text,
    silicon: Option<Text>,
    units: RawUnits,
    matrix: RawMatrix,
    memory: RawMemory,
    on_chip: RawOnChip,
    scale_up: RawLinks,
    scale_out: Option<RawLinks>,
    power: RawPower,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUnits {
    source: Text,
    grade: Text,
    kind: Text,
    count: Count,
    clock: Text,
    base_clock: Option<Text>,
    boost_clock: Option<Text>,
    vector: Text,
    exponentials: Option<Count>,
    dispatch: Text,
    operator: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMatrix {
    source: Text,
    grade: Text,
    rates: BTreeMap<Text, Text>,
    #[serde(default)]
    per_cycle: BTreeMap<Text, Count>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMemory {
    source: Text,
    grade: Text,
    kind: Text,
    capacity: Text,
    bandwidth: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOnChip {
    source: Text,
    grade: Text,
    shared: Text,
    shared_bandwidth: Option<Text>,
    local: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLinks {
    source: Text,
    grade: Text,
    kind: Text,
    bandwidth: Text,
    latency: Text,
    topology: Text,
    group: Count,
    reduces: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPower {
    source: Text,
    grade: Text,
    limit: Text,
}

/// How far rate and operations per cycle may be apart: data sheets round to two or three digits, clocks to two.
const ROUNDING: f64 = 0.015;
/// Most units, links or devices of a group that a file can name: above any wafer or pod.
const MOST: i64 = 1 << 24;

/// The text that a device is read from: turns spans into lines.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

/// Reads a device. `key` is the name of its file without the ending, `file` the name for error sentences. Its parameters are the defaults.
pub fn parse(key: &str, file: &str, text: &str) -> Result<Device, DeviceError> {
    let source = Source { file, text };
    let raw: RawDevice = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let bare = error.message().ends_with("expected a string");
        let hint = if bare { "; a quantity stands in quotes, with its unit" } else { "" };
        source.error(at, format!("{}{hint}", error.message()))
    })?;
    source.device(key, &raw)
}

impl Source<'_> {
    fn error(&self, offset: usize, what: impl Into<String>) -> DeviceError {
        DeviceError::at(self.file, self.text, offset, what)
    }

    fn quantity<T: FromStr<Err: Display>>(&self, key: &str, text: &Text) -> Result<T, DeviceError> {
        text.as_ref().parse().map_err(|e: T::Err| self.error(text.span().start, format!("`{key}`: {e}")))
    }

    fn count(&self, key: &str, value: &Count, low: i64) -> Result<u64, DeviceError> {
        let number = *value.as_ref();
        match (low..=MOST).contains(&number) {
            true => Ok(number as u64),
            false => {
                Err(self.error(value.span().start, format!("`{key} = {number}`: must be between {low} and {MOST}")))
            }
        }
    }

    fn filled(&self, key: &str, text: &Text) -> Result<String, DeviceError> {
        let trimmed = text.as_ref().trim();
        match trimmed.is_empty() {
            false => Ok(trimmed.to_string()),
            true => Err(self.error(text.span().start, format!("`{key}` is empty; say what is known"))),
        }
    }

    /// A month, `2025-03`.
    fn month(&self, key: &str, text: &Text) -> Result<String, DeviceError> {
        let parts = text.as_ref().split_once('-').map(|(year, month)| (year.parse::<u16>(), month.parse::<u8>()));
        match parts {
            Some((Ok(1990..=2100), Ok(1..=12))) if text.as_ref().len() == 7 => Ok(text.as_ref().clone()),
            _ => {
                let what = format!("`{key} = \"{}\"`: a month like `2025-03` is expected", text.as_ref());
                Err(self.error(text.span().start, what))
            }
        }
    }

    /// One of a closed set, by its name.
    fn one_of<T: Copy>(&self, key: &str, text: &Text, all: &[(&'static str, T)]) -> Result<T, DeviceError> {
        all.iter().find(|(name, _)| *name == text.as_ref()).map(|(_, value)| *value).ok_or_else(|| {
            let known = all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            self.error(text.span().start, format!("`{key} = \"{}\"`: known: {known}", text.as_ref()))
        })
    }

    fn fact(&self, group: &'static str, source: &Text, grade: &Text) -> Result<Fact, DeviceError> {
        let source = self.filled("source", source)?;
        Ok(Fact { group, source, grade: self.one_of("grade", grade, &Grade::ALL.map(|grade| (grade.name(), grade)))? })
    }

    fn facts(&self, raw: &RawDevice) -> Result<Vec<Fact>, DeviceError> {
        let mut facts = vec![
            self.fact("units", &raw.units.source, &raw.units.grade)?,
            self.fact("matrix", &raw.matrix.source, &raw.matrix.grade)?,
            self.fact("memory", &raw.memory.source, &raw.memory.grade)?,
            self.fact("on_chip", &raw.on_chip.source, &raw.on_chip.grade)?,
            self.fact("scale_up", &raw.scale_up.source, &raw.scale_up.grade)?,
            self.fact("power", &raw.power.source, &raw.power.grade)?,
        ];
        if let Some(links) = &raw.scale_out {
            facts.push(self.fact("scale_out", &links.source, &links.grade)?);
        }
        Ok(facts)
    }

    fn device(&self, key: &str, raw: &RawDevice) -> Result<Device, DeviceError> {
        self.month("as_of", &raw.as_of)?;
        let units = &raw.units;
        let clock = self.quantity("clock", &units.clock)?;
        let device = Device {
            key: key.to_string(),
            name: self.filled("name", &raw.name)?,
            vendor: self.filled("vendor", &raw.vendor)?,
            aliases: raw.aliases.iter().map(|alias| self.filled("aliases", alias)).collect::<Result<_, _>>()?,
            available: self.month("available", &raw.available)?,
            silicon: raw.silicon.as_ref().map(|text| self.filled("silicon", text)).transpose()?,
            units: self.count("count", &units.count, 1)?,
            unit: self.filled("kind", &units.kind)?,
            clock,
            base_clock: units.base_clock.as_ref().map(|text| self.quantity("base_clock", text)).transpose()?,
            boost_clock: match &units.boost_clock {
                Some(text) => self.quantity("boost_clock", text)?,
                None => clock,
            },
            matrix: self.rates(&raw.matrix)?,
            vector: self.quantity("vector", &units.vector)?,
            exponentials: match &units.exponentials {
                Some(count) => Some(self.count("exponentials", count, 1)? as f64),
                None => None,
            },
            dispatch: self.dispatch(units)?,
            weight_reuse: None,
            memory: self.memory(&raw.memory)?,
            on_chip: self.on_chip(&raw.on_chip)?,
            scale_up: self.links(&raw.scale_up)?,
            scale_out: raw.scale_out.as_ref().map(|links| self.links(links)).transpose()?,
            power: self.quantity("limit", &raw.power.limit)?,
            facts: self.facts(raw)?,
            parameters: Parameters::default(),
        };
        self.per_cycle(&device, &raw.matrix)?;
        Ok(device)
    }

    fn dispatch(&self, raw: &RawUnits) -> Result<Dispatch, DeviceError> {
        let program = self.one_of("dispatch", &raw.dispatch, &[("kernels", false), ("program", true)])?;
        match (program, &raw.operator) {
            (false, None) => Ok(Dispatch::Kernels),
            (true, Some(text)) => Ok(Dispatch::Program { operator: self.quantity("operator", text)? }),
            (false, Some(text)) => {
                Err(self.error(text.span().start, "`operator`: only a device with `dispatch = \"program\"` has it"))
            }
            (true, None) => {
                let what = "`dispatch = \"program\"` needs `operator`, what an operator costs to start, like `1 us`";
                Err(self.error(raw.dispatch.span().start, what))
            }
        }
    }

    fn format(&self, key: &str, text: &Text) -> Result<Format, DeviceError> {
        self.quantity(key, text)
    }

    fn rates(&self, raw: &RawMatrix) -> Result<Vec<(Format, OperationsPerSecond)>, DeviceError> {
        let rate = |(name, rate): (&Text, &Text)| Ok((self.format("rates", name)?, self.quantity("rates", rate)?));
        let mut rates: Vec<(Format, OperationsPerSecond)> =
            raw.rates.iter().map(rate).collect::<Result<_, DeviceError>>()?;
        rates.sort_by_key(|(format, _)| *format);
        Ok(rates)
    }

    /// Operations per unit and cycle agree with rate, units and clock.
    fn per_cycle(&self, device: &Device, raw: &RawMatrix) -> Result<(), DeviceError> {
        for (name, stated) in &raw.per_cycle {
            let format = self.format("per_cycle", name)?;
            let Some((_, rate)) = device.matrix.iter().find(|(known, _)| *known == format) else {
                return Err(self.error(name.span().start, format!("`per_cycle`: `rates` has no `{format}`")));
            };
            let stated_count = self.count("per_cycle", stated, 1)? as f64;
            let expected = (stated_count * device.units as f64) * device.clock;
            if (*rate / expected - 1.0).abs() > ROUNDING {
                let (units, clock) = (device.units, device.clock);
                let what = format!(
                    "`per_cycle`: {stated_count} operations of `{format}` on {units} units at {clock} make {expected}, and `rates` says {rate}"
                );
                return Err(self.error(stated.span().start, what));
            }
        }
        Ok(())
    }

    fn memory(&self, raw: &RawMemory) -> Result<Memory, DeviceError> {
        Ok(Memory {
            kind: self.filled("kind", &raw.kind)?,
            capacity: self.quantity("capacity", &raw.capacity)?,
            bandwidth: self.positive("bandwidth", &raw.bandwidth)?,
        })
    }

    /// A rate that times are divided by.
    fn positive(&self, key: &str, text: &Text) -> Result<BytesPerSecond, DeviceError> {
        let rate: BytesPerSecond = self.quantity(key, text)?;
        match rate.0 > 0.0 {
            true => Ok(rate),
            false => Err(self.error(text.span().start, format!("`{key}` is zero: nothing would ever arrive"))),
        }
    }

    fn on_chip(&self, raw: &RawOnChip) -> Result<OnChip, DeviceError> {
        Ok(OnChip {
            shared: self.quantity("shared", &raw.shared)?,
            shared_bandwidth: match &raw.shared_bandwidth {
                Some(text) => self.positive("shared_bandwidth", text)?,
                None => BytesPerSecond(f64::INFINITY),
            },
            local: self.quantity("local", &raw.local)?,
        })
    }

    fn links(&self, raw: &RawLinks) -> Result<Links, DeviceError> {
        Ok(Links {
            kind: self.filled("kind", &raw.kind)?,
            bandwidth: self.positive("bandwidth", &raw.bandwidth)?,
            latency: self.quantity("latency", &raw.latency)?,
            topology: self.one_of("topology", &raw.topology, &Topology::ALL.map(|shape| (shape.name(), shape)))?,
            group: self.count("group", &raw.group, 1)?,
            reduces: raw.reduces,
        })
    }
}
