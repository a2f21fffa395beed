//! Fitting the parameters of attention: prefill and decode of a device together, each with the same weight.
//!
//! The kernels were measured again and again on the same cache, so predictions here are of repeated runs.

use crate::fit::{Calibration, Fit, Measured, fit};
use crate::sets::SetError;
use crate::sets::attention::Row;
use perf::device::Device;
use perf::kernel::attention::{self, Cache, Parameters};
use perf::operator::{Attention, Phase};
use std::path::Path;

/// The measured operators of a calibrate file of one phase.
///
/// # Errors
/// As [`Calibration::read`].
pub fn calibration<'a>(
    path: &Path,
    phase: Phase,
    device: &'a Device,
) -> Result<Calibration<(Attention, &'a Device)>, SetError> {
    Calibration::read(path, |row: Row| Measured { what: (row.operator(phase), device), time: row.time(), weight: 1.0 })
}

/// The parameters that best explain the attention of one device, or of several together.
pub fn parameters(calibration: &Calibration<(Attention, &Device)>) -> Fit<Parameters> {
    fit(calibration, |parameters, (attention, device)| {
        attention::time_with(attention, device, parameters, Cache::Warm).time
    })
}
