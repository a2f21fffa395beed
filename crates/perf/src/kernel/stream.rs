//! Streaming operators.

use crate::device::Device;
use crate::estimate::Estimate;
use crate::operator::Stream;
use base::units::Seconds;

crate::parameters! {
    /// How much of the data sheet streaming operators reach.
    pub struct Parameters {
        /// Fraction of the peak bandwidth that long transfers reach.
        bandwidth: 0.3..1.0 = 0.8,
    }
}

/// The time of one.
pub fn time(operator: &Stream, device: &Device) -> Estimate {
    let memory =
        Seconds((operator.read + operator.written) / (device.memory.bandwidth.0 * device.parameters.stream.bandwidth));
    Estimate { time: memory, memory, ..Estimate::default() }
}
