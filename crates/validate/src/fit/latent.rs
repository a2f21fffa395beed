//! Fitting the parameter of latent attention: prefill and decode of a device together.

use crate::fit::{Calibration, Fit, Measured, fit};
use crate::sets::SetError;
use crate::sets::attention::LatentRow;
use perf::device::Device;
use perf::kernel::latent::{self, Parameters};
use perf::operator::{Latent, Phase};
use std::path::Path;

/// The measured operators of a calibrate file of one phase.
///
/// # Errors
/// As [`Calibration::read`].
pub fn calibration<'a>(
    path: &Path,
    phase: Phase,
    device: &'a Device,
) -> Result<Calibration<(Latent, &'a Device)>, SetError> {
    Calibration::read(path, |row: LatentRow| Measured {
        what: (row.operator(phase), device),
        time: row.time(),
        weight: 1.0,
    })
}

/// The parameters that best explain the latent attention of one device, or of several together.
pub fn parameters(calibration: &Calibration<(Latent, &Device)>) -> Fit<Parameters> {
    fit(calibration, |parameters, (latent, device)| latent::time_with(latent, device, parameters).time)
}
