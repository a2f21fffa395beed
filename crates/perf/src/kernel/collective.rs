//! Exchanges between devices.

use crate::device::Device;
use crate::estimate::Estimate;
use crate::operator::Collective;
use base::units::Seconds;

crate::parameters! {
    /// How much of the data sheet exchanges reach.
    pub struct Parameters {
        /// Fraction of the peak bandwidth that long transfers reach.
        bandwidth: 0.3..1.0 = 0.8,
    }
}

/// The time of one.
pub fn time(operator: &Collective, device: &Device) -> Estimate {
    let link = Seconds(operator.bytes / (device.scale_up.bandwidth.0 * device.parameters.collective.bandwidth));
    Estimate { time: link, link, ..Estimate::default() }
}
