//! From arguments to a network on a device.

use super::{Ask, refuse};
use crate::failure::{Result, read_text};
use ::perf::device::Device;
use ::perf::evaluate::{self, Breakdown, Software};
use ::perf::network::{self, Body, Known, Shape};
use ::perf::operator::{Phase, Spread};
use ::perf::parallel::{self, Mapping, MappingError, Memory};
use ::perf::workload::{Formats, Plan, Work};
use arch::Chip;
use std::path::Path;

/// Largest number that can be asked for: above what any machine runs.
const MOST: u64 = 1 << 28;

/// The busiest expert of published routing traces gets a multiple of its even share; the measured runs of MoE kernels model it as a power law with this
/// exponent, and so does this command.
pub const SPREAD: Spread = Spread::PowerLaw { alpha: 1.01 };

/// A number of at least 1, with `k` for 1024 and `M` for 1024 x 1024.
pub fn number(text: &str) -> std::result::Result<u64, String> {
    let (digits, worth) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix('M').map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    let number: f64 = digits.parse().map_err(|_| "a number like 64, 8k or 1M is expected".to_string())?;
    let whole = number * worth as f64;
    if whole.fract() != 0.0 || !(1.0..=MOST as f64).contains(&whole) {
        return Err(format!("it must be a whole number of at least 1 and at most {MOST}"));
    }
    Ok(whole as u64)
}

/// Width and height, `1024x768`.
pub fn size(text: &str) -> std::result::Result<(u64, u64), String> {
    const LARGEST: u64 = 1 << 14;
    let sides = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    match sides {
        Some((width, height)) if (8..=LARGEST).contains(&width) && (8..=LARGEST).contains(&height) => {
            Ok((width, height))
        }
        Some(_) => Err(format!("each side must be at least 8 and at most {LARGEST} pixels")),
        None => Err("a size like 1024x768 is expected".into()),
    }
}

/// A device by name or file: of the catalogue, or one of our chips.
pub fn device(name: &str) -> Result<Device> {
    if name.ends_with(".toml") {
        let text = read_text(Path::new(name))?;
        let key = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
        // A chip has cores; a device of the catalogue has a vendor.
        return match Chip::parse(name, &text) {
            Ok(chip) => Ok(Device::from_chip(&chip)),
            Err(_) if text.lines().any(|line| line.starts_with("vendor")) => Ok(Device::parse(key, name, &text)?),
            Err(error) => Err(error.into()),
        };
    }
    match Device::find(name) {
        Ok(device) => Ok(device),
        Err(unknown) => Chip::builtin(name).map(|chip| Device::from_chip(&chip)).ok_or_else(|| unknown.into()),
    }
}

/// A network and the formats it runs in.
pub struct Subject {
    /// The network.
    pub known: Known,
    /// Its formats as asked for.
    pub formats: Formats,
}

impl Subject {
    /// Reads the network and its formats.
    pub fn of(ask: &Ask) -> Result<Subject> {
        Subject::read(ask.model.as_deref().unwrap_or_default(), ask.formats.as_deref())
    }

    /// A network by name or file, in formats by their text or as published.
    pub fn read(name: &str, formats: Option<&str>) -> Result<Subject> {
        let known = match Path::new(name).extension().and_then(|extension| extension.to_str()) {
            Some("toml") => Known::parse(name, &read_text(Path::new(name))?)?,
            Some("json") => Known::of_config(name, &read_text(Path::new(name))?)?,
            _ => network::find(name)?.clone(),
        };
        let formats = match formats {
            Some(text) => known.formats.read(text)?,
            None => known.formats,
        };
        Ok(Subject { known, formats })
    }

    /// The shape of a language model.
    pub fn shape(&self) -> Result<&Shape> {
        match &self.known.body {
            Body::Language(shape) => Ok(shape),
            Body::Image(_) => refuse(format!("`{}` makes images and not text", self.known.key)),
        }
    }
}

/// One network on one device, ready to be timed.
pub struct Case {
    /// Name of the network for people.
    pub title: String,
    /// The device.
    pub device: Device,
    /// What drives it.
    pub software: Software,
    /// The network divided among devices.
    pub plan: Plan,
    /// What a device holds.
    pub memory: Memory,
    /// Whether the mapping was chosen here.
    pub chosen: bool,
    /// Sequences in flight.
    pub batch: u64,
    /// Positions of each.
    pub context: u64,
}

impl Case {
    /// The case that arguments describe on `device`.
    pub fn of(ask: &Ask, subject: &Subject, device: Device) -> Result<Case> {
        Case::sized(ask, subject, device, ask.batch)
    }

    /// The same with another batch.
    fn sized(ask: &Ask, subject: &Subject, device: Device, batch: u64) -> Result<Case> {
        let shape = reaching(ask, subject)?;
        let formats = subject.formats.on(&device);
        let given = mapping(ask);
        let mapping = match given {
            Some(mapping) => mapping,
            None => parallel::choose(shape, formats, SPREAD, &device, batch, ask.context)?,
        };
        let plan = Plan::new(shape, formats, mapping, SPREAD);
        let memory = plan.check(&device, batch, ask.context);
        let memory =
            memory.map_err(|error| with_nearest(error, shape, formats, &device, mapping, batch, ask.context))?;
        let title = subject.known.title.clone();
        let (chosen, context, software) = (given.is_none(), ask.context, Software::of(&device));
        Ok(Case { title, device, software, plan, memory, chosen, batch, context })
    }

    /// Every way to run a batch on a group of at most [`MOST_DRAWN`] devices that holds it; only the given mapping, if arguments give one.
    ///
    /// # Errors
    /// If the network makes no text or was not made for so long a context.
    pub fn all(ask: &Ask, subject: &Subject, device: &Device, batch: u64) -> Result<Vec<Case>> {
        let shape = reaching(ask, subject)?;
        let (formats, software) = (subject.formats.on(device), Software::of(device));
        let group = device.scale_up.group.max(1);
        let sizes = (0..).map(|power| 1 << power).take_while(|size| *size <= group.min(MOST_DRAWN));
        let mappings = match mapping(ask) {
            Some(mapping) => vec![mapping],
            None => sizes.flat_map(|devices| parallel::candidates(shape, devices, group)).collect(),
        };
        let cases = mappings.into_iter().filter_map(|mapping| {
            let plan = Plan::new(shape, formats, mapping, SPREAD);
            let memory = plan.check(device, batch, ask.context).ok()?;
            let (title, device, context) = (subject.known.title.clone(), device.clone(), ask.context);
            Some(Case { title, device, software, plan, memory, chosen: true, batch, context })
        });
        Ok(cases.collect())
    }

    /// The work of a phase: one prompt for each group that runs attention by itself, or a token of every sequence.
    pub fn work(&self, phase: Phase) -> Work {
        match phase {
            Phase::Prefill => Work::prefill(self.plan.mapping().data, self.context),
            Phase::Decode => Work::decode(self.batch, self.context - 1),
        }
    }

    /// The phase, operator by operator.
    pub fn breakdown(&self, phase: Phase) -> Breakdown {
        evaluate::breakdown(&self.plan, &[self.work(phase)], &self.device, &self.software)
    }

    /// The time of the phase.
    pub fn seconds(&self, phase: Phase) -> f64 {
        evaluate::step(&self.plan, &[self.work(phase)], &self.device, &self.software).time.0
    }

    /// Devices of the instance.
    pub fn devices(&self) -> u64 {
        self.plan.mapping().devices()
    }
}

/// Most devices of an instance that a drawing looks at: beyond, a curve gains little and takes long.
const MOST_DRAWN: u64 = 16;

/// The shape of a language model that may be asked for so long a context.
fn reaching<'a>(ask: &Ask, subject: &'a Subject) -> Result<&'a Shape> {
    let shape = subject.shape()?;
    if ask.context > shape.context.max(1) * LENGTHENED {
        let (most, key) = (shape.context, &subject.known.key);
        return refuse(format!("`{key}` was made for {most} positions, and {} are asked for", ask.context));
    }
    Ok(shape)
}

/// How far beyond its stated context a network may be asked: extension methods go that far.
const LENGTHENED: u64 = 8;

/// The mapping that arguments give; `None` if they give no degree.
pub fn mapping(ask: &Ask) -> Option<Mapping> {
    let degrees = [ask.tensor, ask.pipeline, ask.expert, ask.data, ask.context_parallel];
    if degrees.iter().all(Option::is_none) {
        return None;
    }
    let [tensor, pipeline, expert, data, context] = degrees.map(|degree| degree.unwrap_or(1));
    Some(Mapping { tensor, pipeline, expert, data, context })
}

fn with_nearest(
    error: MappingError,
    shape: &Shape,
    formats: Formats,
    device: &Device,
    wanted: Mapping,
    batch: u64,
    context: u64,
) -> MappingError {
    let clause = match parallel::nearest(shape, formats, SPREAD, device, wanted, batch, context) {
        Some(mapping) => format!("; the nearest mapping that works is {mapping}"),
        None => "; no mapping onto 1024 of them works".into(),
    };
    error.with_hint(clause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_suffixes() {
        let cases = [("8k", 8192), ("64", 64), ("1M", 1 << 20), ("0.5k", 512), ("128K", 131_072)];
        cases.iter().for_each(|(text, worth)| assert_eq!(number(text), Ok(*worth), "{text}"));
        for text in ["0", "-1", "k", "8q", "1.5", "1e30", "nan", "inf", "512M"] {
            assert!(number(text).is_err(), "{text}");
        }
        assert_eq!(size("1024x768"), Ok((1024, 768)));
        assert!(["1024", "0x8", "8x99999", "x"].into_iter().all(|text| size(text).is_err()));
    }
}
