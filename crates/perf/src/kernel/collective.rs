//! Exchanges between devices.

use crate::device::Device;
use crate::estimate::Estimate;
use crate::operator::Collective;
use base::units::Seconds;

/// How much of the data sheet exchanges reach.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Parameters {}

/// The time of one.
pub fn time(operator: &Collective, device: &Device) -> Estimate {
    let link = Seconds(operator.bytes / device.scale_up.bandwidth.0);
    Estimate { time: link, link, ..Estimate::default() }
}
