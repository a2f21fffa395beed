//! Streaming operators: norms, activations, softmax, rotary embedding, embedding rows, sums.
//!
//! They do a few operations on each element, so they wait for memory: from the shared on-chip memory where the operator before has left its results and they
//! still fit, from main memory otherwise. What a large one reaches is the bandwidth; three things hold back the rest:
//!
//! - **The launch**, until the first bytes arrive.
//! - **Rows.** A reduction or a pairing along a row gives the row to one group of threads, which walks along it: each step waits for a load before the next.
//!   With few rows that walk is the whole time, however idle the device is (one row of 28,672 takes as long as a hundred of them); with many, rows take
//!   turns on the units. Narrow rows need few threads, so more of them fit a unit. The loop's waits and the transfers hide little of each other.
//! - **Arithmetic** of the vector units, which matters for the cubic and the hyperbolic tangent of a GELU at most.
//!
//! Elementwise work has no rows: it spreads over all units however it is shaped. An activation that reads as much as it writes is elementwise; one that
//! reads two halves of a row (gate and up) walks it.
//!
//! A device that runs one compiled program has no launch beside its operator overhead, and its vector units take rows in a pipeline.
//!
//! One number is fitted, the fraction of the bandwidth. The others are properties of the programming model of GPUs, given with their reasons.

use crate::device::{Device, Dispatch};
use crate::estimate::Estimate;
use crate::operator::{Stream, StreamKind};
use base::units::Seconds;

crate::parameters! {
    /// How much of the data sheet streaming operators reach.
    pub struct Parameters {
        /// Fraction of the peak bandwidth that long transfers reach.
        bandwidth: 0.3..1.0 = 0.9,
    }
}

/// Cycles from the end of one kernel to the first bytes of the next: about 1.5 us on current devices, which is what an empty kernel of a recorded graph takes.
const LAUNCH: f64 = 3000.0;
/// Most threads of one group, and of one unit: the limits of the CUDA and HIP programming models.
const GROUP: u64 = 1024;
const UNIT: f64 = 2048.0;
/// Threads that issue together, the least that a row gets.
const WARP: u64 = 32;
/// Cycles of one step along a row: a load from memory that nothing overlaps, then a synchronisation of the group.
const STEP: f64 = 1000.0;
/// Exponent of the norm in which walks and transfers meet: near a sum.
const OVERLAP: f64 = 1.25;
/// Part of the shared on-chip memory in which an operator's results survive until the next.
const SURVIVES: f64 = 0.43;

/// The time of one.
pub fn time(operator: &Stream, device: &Device) -> Estimate {
    time_with(operator, device, &device.parameters.stream)
}

/// The time of one under some parameters instead of the device's own: what a fit varies.
pub fn time_with(operator: &Stream, device: &Device, parameters: &Parameters) -> Estimate {
    let bytes = operator.read + operator.written;
    if bytes <= 0.0 && operator.operations <= 0.0 {
        return Estimate::default();
    }
    let room = device.on_chip.shared.0 as f64 * SURVIVES;
    let missed = if room > 0.0 { (bytes / room - 1.0).clamp(0.0, 1.0) } else { 1.0 };
    let memory = bytes * missed / (device.memory.bandwidth.0 * parameters.bandwidth);
    let on_chip = bytes / device.on_chip.shared_bandwidth.0;
    let arithmetic = operator.operations / device.vector.0;
    let (launch, walk) = match device.dispatch {
        Dispatch::Kernels => (LAUNCH / device.clock.0, walk(operator, device)),
        Dispatch::Program { operator } => (operator.0, 0.0),
    };
    let transfer = memory.max(on_chip).max(arithmetic);
    let work = match walk > 0.0 {
        true => (transfer.powf(OVERLAP) + walk.powf(OVERLAP)).powf(1.0 / OVERLAP),
        false => transfer,
    };
    Estimate {
        time: Seconds(launch + work),
        arithmetic: Seconds(arithmetic),
        memory: Seconds(memory),
        on_chip: Seconds(on_chip),
        link: Seconds(0.0),
        overhead: Seconds(launch + walk),
    }
}

/// Whether one group of threads has to see a whole row.
fn has_rows(operator: &Stream) -> bool {
    match operator.kind {
        StreamKind::Norm | StreamKind::Softmax | StreamKind::Rotary | StreamKind::Embedding | StreamKind::Sample => {
            true
        }
        StreamKind::Activation => operator.read > operator.written,
        StreamKind::Add | StreamKind::Quantise | StreamKind::Optimiser | StreamKind::State => false,
    }
}

/// Time of groups of threads walking along rows, rows taking turns.
fn walk(operator: &Stream, device: &Device) -> f64 {
    if !has_rows(operator) || operator.rows == 0 {
        return 0.0;
    }
    let threads = operator.width.clamp(WARP, GROUP).next_multiple_of(WARP) as f64;
    let resident = device.units as f64 * (UNIT / threads).floor();
    let turns = (operator.rows as f64 / resident).ceil();
    let steps = operator.width.div_ceil(GROUP) as f64;
    turns * steps * STEP / device.clock.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stream(kind: StreamKind, rows: u64, width: u64) -> Stream {
        let bytes = rows as f64 * width as f64 * 2.0;
        Stream { kind, rows, width, read: bytes, written: bytes, operations: bytes }
    }

    proptest! {
        #[test]
        fn more_work_takes_no_less_time_and_never_less_than_the_peaks(
            rows in 1u64..100_000, width in 1u64..100_000, more in 1u64..5, wide in any::<bool>(), which in 0usize..30,
        ) {
            let devices = Device::list();
            let device = &devices[which % devices.len()];
            for kind in [StreamKind::Norm, StreamKind::Add, StreamKind::Softmax] {
                let small = time(&stream(kind, rows, width), device);
                let large = match wide {
                    true => stream(kind, rows, width * more),
                    false => stream(kind, rows * more, width),
                };
                let large = time(&large, device);
                prop_assert!(large.time.0 >= small.time.0 * 0.999_999, "{kind:?} {rows} x {width}: {small:?}, then {large:?}");
                prop_assert!(small.time.0.is_finite());
                prop_assert!(small.time >= small.memory && small.time >= small.on_chip && small.time >= small.arithmetic);
            }
        }
    }

    #[test]
    fn nothing_takes_no_time() {
        let device = Device::find("h100").unwrap();
        assert_eq!(time(&stream(StreamKind::Norm, 0, 4096), &device).time, Seconds(0.0));
        assert_eq!(time(&stream(StreamKind::Norm, 4096, 0), &device).time, Seconds(0.0));
    }

    #[test]
    fn one_long_row_waits_for_its_walk_and_many_for_memory() {
        let device = Device::find("a100").unwrap();
        let one = time(&stream(StreamKind::Norm, 1, 28_672), &device);
        assert!(one.overhead.0 > 10.0 * one.memory.0.max(one.on_chip.0));
        let flat = time(&stream(StreamKind::Add, 1, 28_672), &device);
        assert!(one.time.0 > 3.0 * flat.time.0);
        assert_eq!(time(&stream(StreamKind::Add, 65_536, 28_672), &device).bound(), crate::estimate::Bound::Memory);
    }
}
