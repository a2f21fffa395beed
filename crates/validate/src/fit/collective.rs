//! Fitting the parameters of exchanges.

use crate::calibrate::ARCHITECTURES;
use crate::fit::{Calibration, Fit, Measured, fit};
use crate::sets::SetError;
use crate::sets::collective::Row;
use perf::device::Device;
use perf::kernel::collective::{self, Parameters};
use perf::operator::Collective;
use std::path::Path;

/// The measured exchanges of a calibrate file.
///
/// # Errors
/// As [`Calibration::read`].
pub fn calibration<'a>(path: &Path, device: &'a Device) -> Result<Calibration<(Collective, &'a Device)>, SetError> {
    Calibration::read(path, |row: Row| Measured {
        what: (row.operator(), device),
        time: row.time(),
        weight: weight(device),
    })
}

/// Devices of one architecture share a weight of one: two boards with the same links teach a joint fit no more than one does.
fn weight(device: &Device) -> f64 {
    let same = ARCHITECTURES.iter().find(|keys| keys.contains(&device.key.as_str()));
    same.map_or(1.0, |keys| 1.0 / keys.len() as f64)
}

/// The parameters that best explain the exchanges of one device, or of several together.
pub fn parameters(calibration: &Calibration<(Collective, &Device)>) -> Fit<Parameters> {
    fit(calibration, |parameters, (operator, device)| collective::time_with(operator, device, parameters).time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::collective::Name;
    use crate::sets::{Split, kernel_file, test_data};
    use std::path::PathBuf;

    fn file(data: &Path, folder: &str, split: Split) -> PathBuf {
        kernel_file(data, folder, "nccl", split)
    }

    /// Mean absolute percentage error on a device's test file, in parts of one (all-reduce and all-gather).
    fn error(data: &Path, folder: &str, device: &Device, parameters: &Parameters) -> f64 {
        let rows = crate::sets::collective::read(&file(data, folder, Split::Test)).unwrap();
        let error =
            |row: &Row| (collective::time_with(&row.operator(), device, parameters).time.0 / row.time().0 - 1.0).abs();
        let errors: Vec<f64> =
            rows.iter().filter(|row| matches!(row.op_name, Name::AllReduce | Name::AllGather)).map(error).collect();
        errors.iter().sum::<f64>() / errors.len() as f64
    }

    #[test]
    fn fitted_devices_are_predicted_as_well_as_stated() {
        let Some(data) = test_data() else { return };
        for (folder, key, most) in [("a100_sxm", "a100", 0.07), ("h100_sxm", "h100", 0.06), ("h200_sxm", "h200", 0.06)]
        {
            let device = Device::find(key).unwrap();
            let calibration = calibration(&file(&data, folder, Split::Calibrate), &device).unwrap().thinned(1);
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
            .map(|(folder, device)| calibration(&file(&data, folder, Split::Calibrate), device).unwrap().thinned(1));
        let fit = parameters(&pooled.reduce(Calibration::and).unwrap());
        for (folder, key, most) in [("b200_sxm", "b200", 0.22), ("gb300", "gb300", 0.20), ("l40s", "l40s", 0.42)] {
            let error = error(&data, folder, &Device::find(key).unwrap(), &fit.parameters);
            println!("{key}: {:.1} % with {:?}", 100.0 * error, fit.parameters);
            assert!(error < most, "{key}: {error} with {:?}", fit.parameters);
        }
    }
}
