//! Matrix products.

use crate::device::Device;
use crate::estimate::Estimate;
use crate::operator::Gemm;
use base::units::Seconds;

crate::parameters! {
    /// How much of the data sheet matrix products reach.
    pub struct Parameters {
        /// Fraction of the peak bandwidth that long transfers reach.
        bandwidth: 0.3..1.0 = 0.8,
    }
}

/// The time of one.
pub fn time(operator: &Gemm, device: &Device) -> Estimate {
    time_with(operator, device, &device.parameters.gemm)
}

/// The time of one under some parameters instead of the device's own: what a fit varies.
pub fn time_with(operator: &Gemm, device: &Device, parameters: &Parameters) -> Estimate {
    let memory = Seconds(operator.memory_bytes() / (device.memory.bandwidth.0 * parameters.bandwidth));
    Estimate { time: memory, memory, ..Estimate::default() }
}
