//! Finding a mapping.

use super::{Mapping, MappingError};
use crate::device::Device;
use crate::evaluate::{self, Software};
use crate::network::{FeedForward, Shape};
use crate::operator::Spread;
use crate::workload::{Formats, Plan, Work};

/// Most devices of an instance that a search looks at.
const MOST_DEVICES: u64 = 1024;

/// All mappings of `shape` onto `devices` whose degrees divide what they must. Tensor parallelism stays within `group` devices, as it does in practice:
/// it exchanges twice per layer. Context parallelism is left to those who ask for it.
pub fn candidates(shape: &Shape, devices: u64, group: u64) -> Vec<Mapping> {
    let routed = shape.layers.iter().any(|layers| matches!(layers.feed_forward, FeedForward::Experts(_)));
    let mut found = Vec::new();
    for tensor in divisors(devices).filter(|tensor| *tensor <= group) {
        for data in divisors(devices / tensor).filter(|data| routed || *data == 1) {
            let stage = tensor * data;
            for expert in divisors(stage).filter(|expert| routed || *expert == 1) {
                let mapping = Mapping { tensor, pipeline: devices / stage, expert, data, context: 1 };
                // Data-parallel attention without divided experts is the same as several instances.
                let alone = data > 1 && expert < data;
                if !alone && mapping.check(shape).is_ok() {
                    found.push(mapping);
                }
            }
        }
    }
    found
}

fn divisors(number: u64) -> impl Iterator<Item = u64> {
    (1..=number).filter(move |divisor| number.is_multiple_of(*divisor))
}

/// The mapping to run a network with when nobody says one: the fewest devices that hold the weights and the cache of `sequences` of `positions`, and of
/// their mappings the one that decodes fastest.
///
/// # Errors
/// If no number of devices up to 1024 holds it: what the largest instance would need.
pub fn choose(
    shape: &Shape,
    formats: Formats,
    spread: Spread,
    device: &Device,
    sequences: u64,
    positions: u64,
) -> Result<Mapping, MappingError> {
    let mut refusal = None;
    for devices in sizes() {
        let mut best: Option<(f64, Mapping)> = None;
        for mapping in candidates(shape, devices, device.scale_up.group.max(1)) {
            let plan = Plan::new(shape, formats, mapping, spread);
            if let Err(error) = plan.check(device, sequences, positions) {
                refusal = Some(error);
                continue;
            }
            let step = [Work::decode(sequences, positions.saturating_sub(1))];
            let time = evaluate::step(&plan, &step, device, &Software::of(device)).time.0;
            if best.is_none_or(|(least, _)| time < least) {
                best = Some((time, mapping));
            }
        }
        if let Some((_, mapping)) = best {
            return Ok(mapping);
        }
    }
    Err(refusal.unwrap_or(MappingError::TooMany {
        degree: "one device",
        value: 1,
        of: shape.layer_count(),
        what: "layers",
        hint: String::new(),
    }))
}

/// Numbers of devices that are built: powers of two, and the 72 of a rack with one switch.
fn sizes() -> impl Iterator<Item = u64> {
    let powers = (0..=MOST_DEVICES.ilog2()).map(|power| 1 << power);
    powers.flat_map(|size| if size == 64 { vec![64, 72] } else { vec![size] })
}

/// The mapping nearest to `wanted` that divides the network and fits: the fewest doublings and halvings away, fewer devices first, then those that share every
/// layer, which shortens a step as well as it makes room.
pub fn nearest(
    shape: &Shape,
    formats: Formats,
    spread: Spread,
    device: &Device,
    wanted: Mapping,
    sequences: u64,
    positions: u64,
) -> Option<Mapping> {
    let all = sizes().flat_map(|devices| candidates(shape, devices, device.scale_up.group.max(1)));
    let mut all: Vec<(f64, u64, Mapping)> =
        all.map(|mapping| (distance(&mapping, &wanted), mapping.devices(), mapping)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(b.2.tensor.cmp(&a.2.tensor)));
    let fits =
        |mapping: &Mapping| Plan::new(shape, formats, *mapping, spread).check(device, sequences, positions).is_ok();
    all.into_iter().map(|(_, _, mapping)| mapping).find(fits)
}

fn distance(a: &Mapping, b: &Mapping) -> f64 {
    let steps = |a: u64, b: u64| (a as f64 / b as f64).log2().abs();
    steps(a.tensor, b.tensor)
        + steps(a.pipeline, b.pipeline)
        + steps(a.expert, b.expert)
        + steps(a.data, b.data)
        + steps(a.context, b.context)
}
