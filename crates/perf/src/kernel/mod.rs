//! The time of one operator on one device.
//!
//! Each kind of operator has its own module: what the resources need at least, how much of each rate a device reaches, and how the parts overlap.

pub mod attention;
pub mod collective;
pub mod experts;
pub mod gemm;
pub mod latent;
pub mod stream;

use crate::device::Device;
use crate::estimate::Estimate;
use crate::operator::Operator;

/// The time of `operator` on `device`.
pub fn time(operator: &Operator, device: &Device) -> Estimate {
    match operator {
        Operator::Gemm(gemm) => gemm::time(gemm, device),
        Operator::Attention(attention) => attention::time(attention, device),
        Operator::Latent(latent) => latent::time(latent, device),
        Operator::Experts(experts) => experts::time(experts, device),
        Operator::Stream(stream) => stream::time(stream, device),
        Operator::Collective(collective) => collective::time(collective, device),
    }
}
