//! Multi-head latent attention.

use crate::device::Device;
use crate::estimate::Estimate;
use crate::operator::Latent;
use base::units::Seconds;

crate::parameters! {
    /// How much of the data sheet latent attention kernels reach.
    pub struct Parameters {
        /// Fraction of the peak bandwidth that long transfers reach.
        bandwidth: 0.3..1.0 = 0.8,
    }
}

/// The time of one.
pub fn time(operator: &Latent, device: &Device) -> Estimate {
    let memory = Seconds(operator.memory_bytes() / (device.memory.bandwidth.0 * device.parameters.latent.bandwidth));
    Estimate { time: memory, memory, ..Estimate::default() }
}
