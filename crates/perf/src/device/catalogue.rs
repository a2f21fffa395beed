//! The devices that are known by name.

use super::calibration::Calibration;
use super::{Device, Parameters, schema};
use std::sync::OnceLock;

/// Why a device or calibration file is refused: one sentence with file and line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file}, line {line}: {what}")]
pub struct DeviceError {
    /// Name of the text.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What was found and what would do.
    pub what: String,
}

impl DeviceError {
    /// A complaint about the text at a byte offset.
    pub(super) fn at(file: &str, text: &str, offset: usize, what: impl Into<String>) -> DeviceError {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        DeviceError { file: file.to_string(), line, what: what.into() }
    }
}

/// No device has this name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{name}` is no device; {}", suggestion(nearest))]
pub struct UnknownDevice {
    /// What was asked for, shortened.
    pub name: String,
    /// The keys whose names are nearest, nearest first.
    pub nearest: Vec<String>,
}

fn suggestion(nearest: &[String]) -> String {
    format!("the nearest names are {}", nearest.join(", "))
}

/// Where the device files lie below `data`.
const FOLDER: &str = "devices/";
/// How many names are suggested.
const SUGGESTIONS: usize = 3;

impl Device {
    /// The shipped device with this key or alias (case does not matter, `_` is `-`), with its fitted parameters.
    pub fn find(name: &str) -> Result<Device, UnknownDevice> {
        let wanted = folded(name);
        let found = catalogue().iter().find(|device| device.names().any(|known| folded(known) == wanted));
        found.cloned().ok_or_else(|| unknown(&wanted))
    }

    /// Every shipped device, by key.
    pub fn list() -> Vec<Device> {
        catalogue().to_vec()
    }

    /// Reads a device file of the user's, with the fitted parameters of its silicon, or of no device in particular.
    pub fn parse(key: &str, file: &str, text: &str) -> Result<Device, DeviceError> {
        schema::parse(key, file, text).map(|device| device.calibrated(&Calibration::shipped()))
    }

    /// The same device with the parameters that `calibration` has for it.
    pub fn calibrated(mut self, calibration: &Calibration) -> Device {
        let silicon = self.silicon.as_ref().unwrap_or(&self.key);
        self.parameters = Parameters::calibrated(calibration, silicon);
        self
    }

    /// The key and the aliases.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.key.as_str()).chain(self.aliases.iter().map(String::as_str))
    }
}

/// The keys of the shipped devices.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    data::list(FOLDER).filter_map(|path| path.strip_prefix(FOLDER)?.strip_suffix(".toml"))
}

fn catalogue() -> &'static [Device] {
    static CATALOGUE: OnceLock<Vec<Device>> = OnceLock::new();
    CATALOGUE.get_or_init(|| {
        let calibration = Calibration::shipped();
        keys().map(|key| shipped(key).calibrated(&calibration)).collect()
    })
}

fn shipped(key: &str) -> Device {
    let path = format!("{FOLDER}{key}.toml");
    let text = data::file(&path).expect("its path was just listed");
    schema::parse(key, &path, text).unwrap_or_else(|error| panic!("shipped devices are tested: {error}"))
}

/// Names are compared without case and with one kind of dash.
fn folded(name: &str) -> String {
    name.trim().to_lowercase().replace(['_', ' '], "-")
}

fn unknown(wanted: &str) -> UnknownDevice {
    let distance = |device: &Device| {
        let similarity = device.names().map(|name| strsim::jaro_winkler(&folded(name), wanted));
        similarity.fold(0.0, f64::max)
    };
    let mut ranked: Vec<(f64, &Device)> = catalogue().iter().map(|device| (distance(device), device)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.key.cmp(&b.1.key)));
    let nearest = ranked.into_iter().take(SUGGESTIONS).map(|(_, device)| device.key.clone()).collect();
    UnknownDevice { name: wanted.chars().take(40).collect(), nearest }
}
