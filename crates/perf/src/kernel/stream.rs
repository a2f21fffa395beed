//! Streaming operators.

use crate::device::Device;
use crate::estimate::Estimate;
use crate::operator::Stream;
use base::units::Seconds;

/// How much of the data sheet streaming operators reach.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Parameters {}

/// The time of one.
pub fn time(operator: &Stream, device: &Device) -> Estimate {
    let memory = Seconds((operator.read + operator.written) / device.memory.bandwidth.0);
    Estimate { time: memory, memory, ..Estimate::default() }
}
