//! A lower bound on the cost of a chip's tokens, without looking at a single way to serve them.
//!
//! Whatever the mapping, batch, chunk and policy, a token written needs the arithmetic of its own step and of its share of the prompts, and a read of its cache. Operators of a
//! device run one after another, so their times add; of each only the part is counted that no batch makes smaller:
//!
//! | operator | counted |
//! |---|---|
//! | products, experts | operations over the rate that the device's parameters leave of its peak |
//! | attention over a cache | the longer of its bytes and its products, per sequence |
//! | attention within prompts | products and rows, per prompt |
//! | streaming operators | the longer of bytes and operations, per row |
//! | reading weights, exchanges, starts, rounding to tiles, waiting, load below one | nothing |
//!
//! Spreading over devices divides that work or repeats some of it. Lengths are rounded to whole prompts where chunks are formed, for which a few per cent give way. Energy is bounded the
//! same way, with the cheapest multiply. An hour costs `fixed + per_watt x rating`, and a rating is at least the mean power: a token costs at least `fixed x s + per_watt x J`.
//! A test holds evaluated points of many chips to that.

use crate::ask::{Ask, SPREAD};
use crate::select::Hour;
use perf::device::Device;
use perf::kernel;
use perf::operator::{Operator, Phase};
use perf::parallel::Mapping;
use perf::workload::{Counted, Formats, Plan, Work};

/// What chunks of whole prompts may need less than the sum of their tokens: a chunk of 512 to 8192 tokens rounds its number of prompts, and a prompt its length.
const ROUNDING: f64 = 0.94;

/// Sequences in the step that is looked at: so many that what is per step does not show.
const MANY: u64 = 4096;

/// The narrowest experts' kernels reach more of the rate than the parameters say (`perf::kernel::experts`).
const EXPERTS: f64 = 1.3;

/// The least that each joule and second can be had for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Least {
    /// Joules of an operation.
    pub operation: f64,
    /// Joules of a byte of memory.
    pub byte: f64,
    /// Watts whatever it does.
    pub standing: f64,
}

/// The least that a token written takes, prompts included.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Needs {
    /// Seconds of a device.
    pub seconds: f64,
    /// Arithmetic operations of products.
    pub operations: f64,
    /// Bytes of cache read.
    pub bytes: f64,
}

/// A network as it is stored on a device, undivided.
#[derive(Clone, Debug)]
pub struct Undivided(Plan);

impl Undivided {
    /// In these formats.
    pub fn new(ask: &Ask, formats: Formats) -> Undivided {
        Undivided(Plan::new(ask.shape, formats, Mapping::ONE, SPREAD))
    }

    /// The least of a token of a workload.
    pub fn needs(&self, ask: &Ask, device: &Device) -> Needs {
        let moments = &ask.moments;
        let context = moments.context.floor().max(1.0) as u64;
        let written = self.step(Work::decode(MANY, context), device, MANY as f64);
        let around = moments.around.floor().max(1.0) as u64;
        // A chunk that does not end its prompt wants no logits.
        let prompt = Work { logits: 0, ..Work::prefill(MANY, around) };
        let read = self.step(prompt, device, (MANY * around) as f64);
        let per_token = moments.prompt / moments.answer * ROUNDING;
        Needs {
            seconds: written.seconds + read.seconds * per_token,
            operations: written.operations + read.operations * per_token,
            bytes: written.bytes,
        }
    }

    /// A step, over what it counts.
    fn step(&self, work: Work, device: &Device, count: f64) -> Needs {
        let mut needs = Needs::default();
        self.0.visit(&[work], |counted| {
            needs.seconds += seconds(counted, device) * counted.count / count;
            if !matches!(counted.operator, Operator::Stream(_)) {
                needs.operations += counted.operations() / count;
            }
            if matches!(counted.operator, Operator::Attention(attention) if attention.phase == Phase::Decode) {
                needs.bytes += counted.memory_bytes() / count;
            }
        });
        needs
    }
}

/// The part of an operator's time that no batch makes smaller.
fn seconds(counted: &Counted, device: &Device) -> f64 {
    let operator = &counted.operator;
    let estimate = kernel::time(operator, device);
    let rate = device.matrix.iter().map(|(_, rate)| rate.0).fold(device.vector.0, f64::max);
    let parameters = &device.parameters;
    match operator {
        Operator::Gemm(_) => operator.operations() / (rate * parameters.gemm.compute.max(parameters.gemm.sustained)),
        Operator::Experts(_) => operator.operations() / (rate * parameters.experts.compute * EXPERTS),
        Operator::Attention(attention) if attention.phase == Phase::Prefill => {
            estimate.arithmetic.0 + estimate.on_chip.0
        }
        Operator::Collective(_) => 0.0,
        _ => estimate.memory.0.max(estimate.arithmetic.0),
    }
}

/// Dollars per million tokens of the mix that no way to serve undercuts; `needs` per workload.
pub fn usd(asks: &[Ask], needs: &[Needs], least: &Least, hour: &Hour) -> f64 {
    let token = |needs: &Needs| {
        let joules = needs.operations * least.operation + needs.bytes * least.byte + needs.seconds * least.standing;
        (hour.fixed * needs.seconds + hour.per_watt * joules) / base::units::SECONDS_PER_HOUR
    };
    1e6 * asks.iter().zip(needs).map(|(ask, needs)| ask.share * token(needs)).sum::<f64>()
}
