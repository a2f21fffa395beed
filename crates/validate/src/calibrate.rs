//! Parameters and intervals from the calibrate files: what `puce validate --fit` writes.
//!
//! Each family's parameters are fitted per device, and once on all devices together for devices that were never measured. Intervals come from the
//! residuals of these fits: the 5 % and 95 % quantiles of measured over predicted in each class of operators, with the correction for a finite sample
//! that makes the interval of the next measurement honest (conformal prediction).
//!
//! For a device never measured, residuals of its own do not exist, and those of the joint fit are too small, for the fit has seen them. What comes
//! nearest is an architecture that a fit has not seen: Ampere predicted by parameters of Hopper, and Hopper by those of Ampere. The two are pooled with
//! equal weight. Formats that only Hopper has cannot be tested so; for them one Hopper device is predicted by the other, and the width is multiplied by
//! how much wider the step between architectures is than the step between devices, where both are known.

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

/// Fewest residuals that give quantiles of 5 % and 95 %.
const FEWEST: usize = 40;

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
fn factors(logarithms: &mut [f64]) -> Option<Factors> {
    if logarithms.len() < FEWEST {
        return None;
    }
    logarithms.sort_by(f64::total_cmp);
    let count = logarithms.len();
    // The next of n + 1 exchangeable values lies below the k-th with probability k / (n + 1).
    let place = (((count + 1) as f64 * TAIL).floor() as usize).clamp(1, count);
    Some(Factors { low: logarithms[place - 1].exp(), high: logarithms[count - place].exp() })
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
    for family in FAMILIES {
        progress(family.name);
        one_family(data, &devices, family, rows, &mut all)?;
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
        for (class, mut logarithms) in residuals(data, family, device, &values, rows)? {
            if let Some(factors) = factors(&mut logarithms) {
                all.intervals.set(&device.key, class, factors);
            }
        }
        all.parameters.push((device.key.clone(), family.name, values));
    }
    let joint = family.fit(&sources(data, devices, rows, |_| true))?;
    all.parameters.push((TRANSFER.to_string(), family.name, joint));
    transferred(data, devices, family, rows, &mut all.intervals)
}

/// Residuals of devices under parameters of the devices that `others` says.
fn left_out(
    data: &Path,
    devices: &[Device],
    family: &Family,
    rows: usize,
    others: impl Fn(&str, &str) -> bool,
) -> Result<Vec<Residuals>, SetError> {
    let one = |device: &Device| {
        let sources = sources(data, devices, rows, |other| others(&device.key, other));
        if sources.devices.is_empty() {
            return Ok(Residuals::new());
        }
        residuals(data, family, device, &family.fit(&sources)?, rows)
    };
    devices.iter().map(one).collect()
}

fn architecture(key: &str) -> Option<usize> {
    ARCHITECTURES.iter().position(|keys| keys.contains(&key))
}

/// The intervals of devices never measured.
fn transferred(
    data: &Path,
    devices: &[Device],
    family: &Family,
    rows: usize,
    intervals: &mut Intervals,
) -> Result<(), SetError> {
    let far = left_out(data, devices, family, rows, |key, other| architecture(key) != architecture(other))?;
    let near =
        left_out(data, devices, family, rows, |key, other| key != other && architecture(key) == architecture(other))?;
    let mut known = BTreeMap::new();
    for class in far.iter().flat_map(|residuals| residuals.keys()) {
        let pooled = pooled(devices, &far, *class);
        if let Some(factors) = pooled.and_then(|mut logarithms| factors(&mut logarithms)) {
            known.insert(*class, factors);
        }
    }
    let close = |class: Class| {
        let mut logarithms: Vec<f64> =
            near.iter().filter_map(|residuals| residuals.get(&class)).flatten().copied().collect();
        factors(&mut logarithms)
    };
    let widths = known.iter().filter_map(|(class, far)| Some(width(*far) / width(close(*class)?)));
    let (sum, count) = widths.fold((0.0, 0), |(sum, count), ratio| (sum + ratio, count + 1));
    let wider = if count > 0 { (sum / f64::from(count)).max(1.0) } else { 1.0 };
    let all = near.iter().flat_map(|residuals| residuals.keys()).filter(|class| !known.contains_key(class));
    let widened: Vec<(Class, Factors)> = all.filter_map(|class| Some((*class, widen(close(*class)?, wider)))).collect();
    known.into_iter().chain(widened).for_each(|(class, factors)| intervals.set(TRANSFER, class, factors));
    Ok(())
}

/// Octaves, so to speak, from one end to the other.
fn width(factors: Factors) -> f64 {
    (factors.high / factors.low).ln().max(f64::MIN_POSITIVE)
}

/// The same middle, a multiple of the width.
fn widen(factors: Factors, times: f64) -> Factors {
    let middle = (factors.low * factors.high).sqrt();
    Factors { low: middle * (factors.low / middle).powf(times), high: middle * (factors.high / middle).powf(times) }
}

/// Residuals of all architectures in equal parts; `None` unless there is more than one.
fn pooled(devices: &[Device], residuals: &[Residuals], class: Class) -> Option<Vec<f64>> {
    let mut parts: BTreeMap<Option<usize>, Vec<f64>> = BTreeMap::new();
    for (device, residuals) in devices.iter().zip(residuals) {
        if let Some(own) = residuals.get(&class) {
            parts.entry(architecture(&device.key)).or_default().extend(own);
        }
    }
    let least = parts.values().map(Vec::len).min()?;
    if parts.len() < 2 {
        return None;
    }
    let thinned = parts.values().flat_map(|part| {
        let step = part.len() as f64 / least as f64;
        (0..least).map(move |index| part[(index as f64 * step) as usize])
    });
    Some(thinned.collect())
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
    fn a_wider_interval_keeps_its_middle() {
        let wide = widen(Factors { low: 0.8, high: 1.25 }, 2.0);
        assert!((wide.low - 0.64).abs() < 1e-12 && (wide.high - 1.5625).abs() < 1e-12, "{wide:?}");
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
