//! Fitting the parameters of routed experts, which were measured again and again on the same weights.

use crate::fit::{Calibration, Fit, Measured, fit};
use crate::sets::SetError;
use crate::sets::experts::Row;
use perf::device::Device;
use perf::kernel::attention::Cache;
use perf::kernel::experts::{self, Parameters};
use perf::operator::Experts;
use std::path::Path;

/// The measured routed experts of a calibrate file.
///
/// # Errors
/// As [`Calibration::read`].
pub fn calibration<'a>(path: &Path, device: &'a Device) -> Result<Calibration<(Experts, &'a Device)>, SetError> {
    Calibration::read(path, |row: Row| Measured { what: (row.operator(), device), time: row.time(), weight: 1.0 })
}

/// The parameters that best explain the routed experts of one device, or of several together.
pub fn parameters(calibration: &Calibration<(Experts, &Device)>) -> Fit<Parameters> {
    fit(calibration, |parameters, (operator, device)| {
        experts::time_with(operator, device, parameters, Cache::Warm).time
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::{Split, kernel_file, test_data};
    use std::path::PathBuf;

    fn file(data: &Path, folder: &str, split: Split) -> PathBuf {
        kernel_file(data, folder, "moe", split)
    }

    /// Mean absolute percentage error on a device's test file, in parts of one (every seventh row).
    fn error(data: &Path, folder: &str, device: &Device, parameters: &Parameters) -> f64 {
        let rows = crate::sets::experts::read(&file(data, folder, Split::Test)).unwrap();
        let error = |row: &Row| {
            (experts::time_with(&row.operator(), device, parameters, Cache::Warm).time.0 / row.time().0 - 1.0).abs()
        };
        let errors: Vec<f64> = rows.iter().step_by(7).map(error).collect();
        errors.iter().sum::<f64>() / errors.len() as f64
    }

    #[test]
    fn fitted_devices_are_predicted_as_well_as_stated() {
        let Some(data) = test_data() else { return };
        for (folder, key, most) in [("a100_sxm", "a100", 0.36), ("h100_sxm", "h100", 0.28), ("h200_sxm", "h200", 0.27)]
        {
            let device = Device::find(key).unwrap();
            let calibration = calibration(&file(&data, folder, Split::Calibrate), &device).unwrap().thinned(25);
            let fit = parameters(&calibration);
            let error = error(&data, folder, &device, &fit.parameters);
            println!("{key}: {:.1} % with {:?}", 100.0 * error, fit.parameters);
            assert!(error < most, "{key}: {error} with {:?}", fit.parameters);
        }
    }

    #[test]
    fn devices_never_fitted_are_predicted_as_well_as_stated() {
        let Some(data) = test_data() else { return };
        let devices = ["a100", "h100", "h200"].map(|key| Device::find(key).unwrap());
        let pooled = ["a100_sxm", "h100_sxm", "h200_sxm"]
            .iter()
            .zip(&devices)
            .map(|(folder, device)| calibration(&file(&data, folder, Split::Calibrate), device).unwrap().thinned(25));
        let fit = parameters(&pooled.reduce(Calibration::and).unwrap());
        for (folder, key, most) in [("b200_sxm", "b200", 0.32), ("gb300", "gb300", 0.35), ("l40s", "l40s", 0.60)] {
            let error = error(&data, folder, &Device::find(key).unwrap(), &fit.parameters);
            println!("{key}: {:.1} % with {:?}", 100.0 * error, fit.parameters);
            assert!(error < most, "{key}: {error} with {:?}", fit.parameters);
        }
    }
}
