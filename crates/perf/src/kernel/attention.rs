//! Grouped-query attention.
//!
//! A kernel of the flash-attention family cuts the work into items, one per sequence, head and tile of queries, streams keys and values through each,
//! and never writes scores to memory. What an item costs is therefore known from its shape:
//!
//! - **Prefill** ([`prefill`]) is bound by the matrix units and, beside them, by the units that compute exponentials: each visible pair of a query and a
//!   key is `4 x head_dim` operations and one exponential, and the two overlap only in part. Tiles that the causal mask cuts are computed whole. The
//!   rows of queries, keys and values cost time of their own (rotary embedding, the write to the cache, prologue and epilogue of a tile), which is what
//!   short prompts spend their time on.
//! - **Decode** ([`decode`]) is bound by reading keys and values. Query heads that share a key/value head are packed into one item, so a group costs
//!   little more than a head; a long context is split over idle units and combined; with thousands of short sequences it is the items themselves that
//!   take the time, and no longer their bytes.
//!
//! Two numbers differ from device to device ([`Parameters`]); both are fractions of a data-sheet rate, so a device that was never measured takes those
//! of the measured ones. Everything else is counted in cycles of the device's clock and is the same for all devices: it is a property of how the
//! kernels are written. Those constants were fitted together on the calibration rows of A100, H100 and H200 (medians over FlashAttention 2 and 3,
//! FlashInfer and TensorRT-LLM kernels), and stand beside the code that uses them.
//!
//! **Devices that accumulate apart** (Blackwell: [`Device::accumulates_apart`]) were never measured for a fit, and their kernels follow from how the units are
//! built. Operands come from local memory alone, so that an 8-bit cache cannot be widened on the way: queries are narrowed instead, and products are of 8 bits.
//! Accumulators are stored while the next item starts. One thread issues the products, keys are the long side of an instruction, and a head of 512 columns fits.
//!
//! **What it does not know.** Which kernel a library picks beyond its hand-written ones: heads of 192 columns on Blackwell, heads of more than 256 elsewhere, and
//! groups of more than 40 query heads run several times slower in some libraries than in others, and measured medians jump between them from one shape to the next.
//!
//! **Where the cache is.** A benchmark that runs one kernel again and again finds a small cache in the shared on-chip memory; a layer of a network does
//! not, since the weights and caches of the other layers have passed through in between. [`time`] is for networks and reads main memory;
//! [`time_repeated`] is what a benchmark measures.

pub mod decode;
pub mod prefill;

use crate::device::{Device, Dispatch};
use crate::estimate::Estimate;
use crate::format::Format;
use crate::operator::{Attention, Phase};

crate::parameters! {
    /// How much of the data sheet attention kernels reach.
    pub struct Parameters {
        /// Fraction of the peak memory bandwidth at which long caches are read.
        bandwidth: 0.3..1.0 = 0.88,
        /// Fraction of the peak matrix rate that the two products reach while nothing else holds them up.
        arithmetic: 0.2..1.0 = 0.78,
    }
}

/// Where a kernel finds keys and values that were written before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cache {
    /// In main memory: other layers ran in between.
    Cold,
    /// In shared on-chip memory if it fits: the same kernel ran just before, on the same cache.
    Warm,
}

/// The time of one, within a network.
pub fn time(operator: &Attention, device: &Device) -> Estimate {
    time_with(operator, device, &device.parameters.attention, Cache::Cold)
}

/// The time of one that is repeated on the same cache, as benchmarks do.
pub fn time_repeated(operator: &Attention, device: &Device) -> Estimate {
    time_with(operator, device, &device.parameters.attention, Cache::Warm)
}

/// The time of one under some parameters instead of the device's own: what a fit varies.
pub fn time_with(operator: &Attention, device: &Device, parameters: &Parameters, cache: Cache) -> Estimate {
    let units = Units::of(device, products(operator, device));
    match operator.phase {
        Phase::Prefill => prefill::time(operator, device, parameters, &units),
        Phase::Decode => decode::time(operator, device, parameters, &units, cache),
    }
}

/// The format of the products. A prompt's kernels that accumulate apart take operands from local memory alone and multiply as the cache is stored; those that copy
/// by threads (FlashAttention 2) know no 8-bit products.
fn products(operator: &Attention, device: &Device) -> Format {
    let kernels = operator.phase == Phase::Prefill && device.dispatch == Dispatch::Kernels;
    match operator.compute.bits() < 16.0 {
        true if kernels && !device.copies_in_bulk() => Format::Bf16,
        false if kernels && device.accumulates_apart() && operator.cache.bits() < 16.0 => operator.cache,
        _ => operator.compute,
    }
}

/// Operations per cycle of the widest unit that the constants were measured on or are meant for (a streaming multiprocessor of 2024 does 7,700 in
/// bfloat16). A device with few very wide units (a TPU core) works on several items in each, and counts as so many units of this width.
const WIDEST_UNIT: f64 = 8192.0;

/// The units of a device as attention kernels see them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Units {
    /// How many items run side by side.
    pub count: f64,
    /// Matrix operations of one unit per cycle, at peak.
    pub operations: f64,
    /// Exponentials of one unit per cycle.
    pub exponentials: f64,
    /// Seconds of a cycle.
    pub cycle: f64,
    /// Whether kernels of a device that [accumulates apart](Device::accumulates_apart) run on it: products are issued by one thread and take operands from local
    /// memory alone.
    pub apart: bool,
    /// Whether products are of 8 bits.
    pub narrow: bool,
}

/// A compiled program has no kernels to tell apart.
fn kernels_apart(device: &Device) -> bool {
    device.dispatch == Dispatch::Kernels && device.accumulates_apart()
}

/// Exponentials of a unit per cycle where nothing is published: a unit with as many special-function lanes as NVIDIA's.
const EXPONENTIALS: f64 = 16.0;

impl Units {
    /// For arithmetic in `compute`, or in the widest format below it that the device has units for.
    pub(crate) fn of(device: &Device, compute: Format) -> Units {
        let rate = [compute, Format::Bf16, Format::Tf32, Format::Fp32].into_iter().find_map(|f| device.matrix_rate(f));
        let rate = rate.unwrap_or(device.vector).0;
        let per_cycle = rate / device.clock.0;
        let count = (device.units as f64).max(per_cycle / WIDEST_UNIT);
        let exponentials = device.exponentials.unwrap_or(EXPONENTIALS) * device.units as f64 / count;
        Units {
            count,
            operations: per_cycle / count,
            exponentials,
            cycle: 1.0 / device.clock.0,
            apart: kernels_apart(device),
            narrow: compute.bits() < 16.0,
        }
    }

    /// Start and end of an operator that has nothing to do: a kernel's launch takes so many cycles, a step of a compiled program what the device says.
    pub(crate) fn launch(&self, device: &Device, cycles: f64) -> f64 {
        match device.dispatch {
            Dispatch::Kernels => cycles * self.cycle,
            Dispatch::Program { operator } => operator.0,
        }
    }

    /// Time of work that all units share evenly.
    pub(crate) fn shared(&self, cycles: f64) -> f64 {
        cycles / self.count * self.cycle
    }
}

#[cfg(test)]
pub(crate) mod tests;
