//! Matrix products.

use crate::device::Device;
use crate::estimate::Estimate;
use crate::operator::Gemm;
use base::units::Seconds;

/// How much of the data sheet matrix products reach.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Parameters {}

/// The time of one.
pub fn time(operator: &Gemm, device: &Device) -> Estimate {
    let memory = Seconds(operator.memory_bytes() / device.memory.bandwidth.0);
    Estimate { time: memory, memory, ..Estimate::default() }
}
