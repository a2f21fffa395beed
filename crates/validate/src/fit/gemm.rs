//! Fitting the parameters of matrix products.

use crate::fit::{Calibration, Fit, Measured, fit};
use crate::sets::SetError;
use crate::sets::gemm::Row;
use perf::device::Device;
use perf::kernel::gemm::{self, Parameters, Weights};
use perf::operator::Gemm;
use std::path::Path;

/// The measured products of a calibrate file; those that say little about the device have no weight.
///
/// The measurements were taken in loops over copies of the operands, so small weights are warm.
///
/// # Errors
/// As [`Calibration::read`].
pub fn calibration<'a>(path: &Path, device: &'a Device) -> Result<Calibration<(Gemm, &'a Device)>, SetError> {
    Calibration::read(path, |row: Row| {
        let weight = if row.gemm_dtype.is_plain() { 1.0 } else { 0.0 };
        Measured { what: (row.operator(), device), time: row.time(), weight }
    })
}

/// The parameters that best explain the products of one device, or of several together.
pub fn parameters(calibration: &Calibration<(Gemm, &Device)>) -> Fit<Parameters> {
    fit(calibration, |parameters, (gemm, device)| gemm::time_with(gemm, device, parameters, Weights::Looped).time)
}
