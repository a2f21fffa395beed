//! Parameters and intervals from the calibrate files: what `puce validate --fit` writes.
//!
//! Each family's parameters are fitted per device, and once on all devices together for devices that were never measured. Intervals come from the
//! residuals of these fits: the 5 % and 95 % quantiles of measured over predicted in each class of operators, with the correction for a finite sample
//! that makes the interval of the next measurement honest (conformal prediction).
//!
//! For a device never measured, residuals of its own do not exist, and those of the joint fit are too small, for the fit has seen them. What comes
//! nearest is an architecture that a fit has not seen: Ampere predicted by parameters of Hopper, and Hopper by those of Ampere; `transfer` says what
//! follows from that.

mod transfer;

use crate::kernels::{FAMILIES, Family, Sources};
use crate::sets::{KERNEL_FOLDERS, SetError, Split};
use perf::device::Device;
use perf::interval::{Class, Factors, Intervals, TRANSFER};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Devices with calibrate files, by architecture.
pub const ARCHITECTURES: [&[&str]; 2] = [&["a100"], &["h100", "h200"]];

/// Rows of a file that a fit reads at most: parameters move by less than their last printed digit with more.
pub const ROWS: usize = 600;

/// Residuals of a file that quantiles are taken of, at most, in multiples of the rows that are fitted on.
const RESIDUALS: usize = 10;

/// Share of measurements beyond either end of an interval.
const TAIL: f64 = (1.0 - perf::interval::COVERAGE) / 2.0;

/// Fewest residuals that give quantiles of 5 % and 95 %: the least and the greatest of nineteen have a tenth of the next beyond them.
const FEWEST: usize = 19;

/// Parameters and intervals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibrated {
    /// Device, family and values in the order of the family's fields.
    pub parameters: Vec<(String, &'static str, Vec<f64>)>,
    /// How sure predictions with them are.
    pub intervals: Intervals,
}

/// Why nothing was fitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalibrateError {
    /// A set is refused.
    #[error(transparent)]
    Set(#[from] SetError),
    /// A device with calibrate files is not in the catalogue.
    #[error("the catalogue of devices has no `{0}`, which has calibrate files")]
    Device(String),
}

/// Logarithms of measured over predicted, by class.
type Residuals = BTreeMap<Class, Vec<f64>>;

fn folder(device: &str) -> &'static str {
    KERNEL_FOLDERS.iter().find(|(_, key)| *key == device).map_or("", |(folder, _)| folder)
}

/// The calibrate files of some devices.
fn sources<'a>(data: &'a Path, devices: &'a [Device], rows: usize, wanted: impl Fn(&str) -> bool) -> Sources<'a> {
    let of = devices.iter().filter(|device| wanted(&device.key)).map(|device| (folder(&device.key), device));
    Sources { data, devices: of.collect(), rows }
}

/// What remains of the calibrate files of a device under some parameters.
fn residuals(
    data: &Path,
    family: &Family,
    device: &Device,
    values: &[f64],
    rows: usize,
) -> Result<Residuals, SetError> {
    let device = family.on(device, values);
    let mut all = Residuals::new();
    for file in family.files {
        let all_of_file = file.read(data, folder(&device.key), Split::Calibrate)?;
        let step = all_of_file.len().div_ceil((rows * RESIDUALS).max(1)).max(1);
        for measured in all_of_file.iter().step_by(step) {
            let ratio = measured.time.0 / (family.time)(&measured.operator, &device).0;
            all.entry(Class::of(&measured.operator)).or_default().push(ratio.ln());
        }
    }
    Ok(all)
}

/// The factors between which nine of ten lie; `None` for too few.
pub(crate) fn factors(logarithms: &mut [f64]) -> Option<Factors> {
    if logarithms.len() < FEWEST {
        return None;
    }
    logarithms.sort_by(f64::total_cmp);
    Some(Factors { low: quantile(logarithms, TAIL).exp(), high: quantile(logarithms, 1.0 - TAIL).exp() })
}

/// The value below which the next of exchangeable ones lies with a probability: the next of n + 1 lies below the k-th with probability k / (n + 1), and in
/// between it is interpolated (Hutson 1999, fractional order statistics).
fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let last = sorted.len() - 1;
    let place = ((sorted.len() + 1) as f64 * probability - 1.0).clamp(0.0, last as f64);
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

/// The residuals that stand for a class: its own, of too few those of its kind, of still too few those of its family.
fn standing(all: &Residuals, class: Class) -> Vec<f64> {
    let of = |wanted: &dyn Fn(&Class) -> bool| -> Vec<f64> {
        all.iter().filter(|(other, _)| wanted(other)).flat_map(|(_, residuals)| residuals).copied().collect()
    };
    let wider: [&dyn Fn(&Class) -> bool; 3] = [&|other| *other == class, &|other| other.kind == class.kind, &|_| true];
    let pools = wider.map(|wanted| of(wanted));
    let [own, kind, family] = pools;
    [own, kind].into_iter().find(|pool| pool.len() >= FEWEST).unwrap_or(family)
}

/// Fits every family and draws its intervals.
///
/// `progress` hears the name of each family before it is fitted.
///
/// # Errors
/// A file is missing or malformed, or the catalogue lacks a device.
pub fn calibrate(
    data: &Path,
    device: &dyn Fn(&str) -> Option<Device>,
    rows: usize,
    mut progress: impl FnMut(&str),
) -> Result<Calibrated, CalibrateError> {
    let keys = ARCHITECTURES.iter().flat_map(|keys| keys.iter());
    let devices = keys.map(|key| device(key).ok_or_else(|| CalibrateError::Device(key.to_string())));
    let devices = devices.collect::<Result<Vec<Device>, CalibrateError>>()?;
    let mut all = Calibrated::default();
    let mut unseen = Vec::new();
    for family in FAMILIES {
        progress(family.name);
        one_family(data, &devices, family, rows, &mut all)?;
        unseen.push(transfer::by_architecture(&devices, left_out(data, &devices, family, rows)?));
    }
    for (class, factors) in transfer::factors(&unseen, ARCHITECTURES.len()) {
        all.intervals.set(TRANSFER, class, factors);
    }
    Ok(all)
}

fn one_family(
    data: &Path,
    devices: &[Device],
    family: &Family,
    rows: usize,
    all: &mut Calibrated,
) -> Result<(), SetError> {
    for device in devices {
        let values = family.fit(&sources(data, devices, rows, |key| key == device.key))?;
        let remaining = residuals(data, family, device, &values, rows)?;
        for class in remaining.keys() {
            if let Some(factors) = factors(&mut standing(&remaining, *class)) {
                all.intervals.set(&device.key, *class, factors);
            }
        }
        all.parameters.push((device.key.clone(), family.name, values));
    }
    let joint = family.fit(&sources(data, devices, rows, |_| true))?;
    all.parameters.push((TRANSFER.to_string(), family.name, joint));
    Ok(())
}

/// Residuals of each device under parameters of the other architectures.
fn left_out(data: &Path, devices: &[Device], family: &Family, rows: usize) -> Result<Vec<Residuals>, SetError> {
    let one = |device: &Device| {
        let others = sources(data, devices, rows, |other| architecture(other) != architecture(&device.key));
        residuals(data, family, device, &family.fit(&others)?, rows)
    };
    devices.iter().map(one).collect()
}

fn architecture(key: &str) -> Option<usize> {
    ARCHITECTURES.iter().position(|keys| keys.contains(&key))
}

/// Where the numbers come from, in both files.
const SOURCE: &str = "fitted on measured/kernels/*/*.calibrate.csv.gz of A100, H100 and H200 by `puce validate --fit`";

impl Calibrated {
    /// The text of `calibration.toml`.
    pub fn calibration(&self) -> String {
        let mut text = format!("source = \"{}\"\n", SOURCE.replace('"', "'"));
        for (device, family, values) in &self.parameters {
            let fields = FAMILIES.iter().find(|one| one.name == *family).map_or(&[][..], |family| family.fields);
            write!(text, "\n[{device}.{family}]\n").expect("a string grows");
            for (field, value) in fields.iter().zip(values) {
                writeln!(text, "{} = {}", field.name, digits(*value)).expect("a string grows");
            }
        }
        text
    }

    /// The text of `intervals.toml`.
    pub fn intervals(&self) -> String {
        let mut text = format!(
            "# From which to which multiple of the prediction nine of ten measurements fall.\nsource = \"{SOURCE}\"\n"
        );
        for (device, class, Factors { low, high }) in self.intervals.rows() {
            write!(
                text,
                "\n[[interval]]\ndevice = \"{device}\"\nkind = \"{}\"\nregime = \"{}\"\nlow = {low:.4}\nhigh = {high:.4}\n",
                class.kind, class.regime
            )
            .expect("a string grows");
        }
        text
    }
}

/// A value in five significant digits, as a float of TOML.
fn digits(value: f64) -> String {
    let text = format!("{value:.4e}");
    let rounded: f64 = text.parse().unwrap_or(value);
    let text = format!("{rounded:?}");
    if text.contains(['.', 'e']) { text } else { text + ".0" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_of_ten_of_the_next_lie_within() {
        let mut all: Vec<f64> = (0..1000).map(|i| f64::from((i * 7919) % 1000) / 1000.0 - 0.5).collect();
        let Factors { low, high } = factors(&mut all).unwrap();
        let inside = all.iter().filter(|value| (low.ln()..=high.ln()).contains(value)).count();
        assert!((895..=905).contains(&inside), "{inside}");
        assert_eq!(factors(&mut all[..FEWEST - 1]), None);
    }

    #[test]
    fn few_residuals_borrow_from_their_kind_then_from_their_family() {
        let all = Class::all();
        let (class, sibling) = (all[0], all[1]);
        let stranger = *all.iter().find(|other| other.kind != class.kind).unwrap();
        let count = |own, kind, family| {
            let of = |class, count| (class, vec![0.0; count]);
            let residuals = Residuals::from([of(class, own), of(sibling, kind), of(stranger, family)]);
            standing(&residuals, class).len()
        };
        assert_eq!(count(FEWEST, 5, 7), FEWEST);
        assert_eq!(count(1, FEWEST, 7), FEWEST + 1);
        assert_eq!(count(1, 5, 7), 13);
    }

    #[test]
    fn the_texts_can_be_read_back() {
        let mut calibrated = Calibrated::default();
        let class = Class::all()[0];
        calibrated.intervals.set("h100", class, Factors { low: 0.5, high: 2.0 });
        for family in FAMILIES {
            let values = family.fields.iter().map(|field| field.default).collect();
            calibrated.parameters.push(("h100".to_string(), family.name, values));
        }
        let read = Intervals::parse("intervals.toml", &calibrated.intervals()).unwrap();
        assert_eq!(read, calibrated.intervals);
        perf::device::calibration::Calibration::parse("calibration.toml", &calibrated.calibration()).unwrap();
    }
}
