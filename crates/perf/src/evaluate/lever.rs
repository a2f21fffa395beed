//! What would help most.

use super::{Software, Step, step};
use crate::device::Device;
use crate::workload::{Plan, Work};

/// Something that could be twice as fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Matrix and vector units.
    Arithmetic,
    /// Main memory's bandwidth.
    Memory,
    /// The shared level on the chip.
    OnChip,
    /// Links to other devices: bandwidth and latency.
    Links,
    /// Launches, fills and synchronisation inside operators.
    Overhead,
    /// The host's time per step.
    Host,
}

impl Resource {
    /// All of them.
    pub const ALL: [Resource; 6] =
        [Resource::Arithmetic, Resource::Memory, Resource::OnChip, Resource::Links, Resource::Overhead, Resource::Host];

    /// Name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Resource::Arithmetic => "arithmetic",
            Resource::Memory => "memory bandwidth",
            Resource::OnChip => "on-chip bandwidth",
            Resource::Links => "links",
            Resource::Overhead => "launch and fill",
            Resource::Host => "host",
        }
    }
}

/// What a resource of twice the speed would do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lever {
    /// Which.
    pub resource: Resource,
    /// How many times faster the step would be.
    pub speedup: f64,
}

/// The step again with each resource twice as fast, best first.
pub fn levers(plan: &Plan, works: &[Work], device: &Device, software: &Software) -> Vec<Lever> {
    let now = step(plan, works, device, software);
    let mut all = Resource::ALL.map(|resource| {
        let then = faster(resource, &now, plan, works, device, software);
        Lever { resource, speedup: if then > 0.0 { now.time.0 / then } else { 1.0 } }
    });
    all.sort_by(|a, b| b.speedup.total_cmp(&a.speedup));
    all.to_vec()
}

/// The time with a resource doubled. Overheads are no rate of the device: half of their sum is taken off.
fn faster(resource: Resource, now: &Step, plan: &Plan, works: &[Work], device: &Device, software: &Software) -> f64 {
    let again = |change: &dyn Fn(&mut Device)| {
        let mut device = device.clone();
        change(&mut device);
        step(plan, works, &device, software).time.0
    };
    match resource {
        Resource::Arithmetic => again(&|device| {
            device.matrix.iter_mut().for_each(|(_, rate)| rate.0 *= 2.0);
            device.vector.0 *= 2.0;
        }),
        Resource::Memory => again(&|device| device.memory.bandwidth.0 *= 2.0),
        Resource::OnChip => again(&|device| device.on_chip.shared_bandwidth.0 *= 2.0),
        Resource::Links => again(&|device| {
            for links in std::iter::once(&mut device.scale_up).chain(&mut device.scale_out) {
                links.bandwidth.0 *= 2.0;
                links.latency.0 /= 2.0;
            }
        }),
        Resource::Overhead => now.time.0 - now.overhead.0 / 2.0,
        Resource::Host => now.time.0 - now.host.0 / 2.0,
    }
}
