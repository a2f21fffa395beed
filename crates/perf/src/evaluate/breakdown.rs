//! A step operator by operator.

use super::{Pass, Software, Step};
use crate::device::Device;
use crate::estimate::{Bound, Estimate};
use crate::kernel;
use crate::operator::Operator;
use crate::workload::{Counted, Part, Plan, Work};
use base::units::Seconds;

/// One operator of a step: all its runs on one device for one micro-batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// What it is.
    pub label: &'static str,
    /// Where it belongs.
    pub part: Part,
    /// The operator.
    pub operator: Operator,
    /// How often it runs.
    pub count: f64,
    /// Time of one run, and its parts.
    pub estimate: Estimate,
    /// What bound it.
    pub bound: Bound,
    /// Share of the data-sheet rate of what bound it: of the matrix units, the memory interface or the links. `None` if overhead or on-chip traffic did.
    pub achieved: Option<f64>,
}

impl Row {
    /// Time of all runs.
    pub fn time(&self) -> Seconds {
        self.estimate.time * self.count
    }

    /// The operator with its count.
    pub fn counted(&self) -> Counted {
        Counted { operator: self.operator, count: self.count, label: self.label, part: self.part }
    }
}

/// A step with all its operators.
#[derive(Clone, Debug, PartialEq)]
pub struct Breakdown {
    /// Totals.
    pub step: Step,
    /// Operators in the order they run.
    pub rows: Vec<Row>,
}

/// A step operator by operator.
pub fn breakdown(plan: &Plan, works: &[Work], device: &Device, software: &Software) -> Breakdown {
    let mut pass = Pass::of(software, device);
    let mut rows = Vec::new();
    plan.visit(works, |counted| {
        let estimate = kernel::time(&counted.operator, device);
        pass.add(counted, &estimate);
        rows.push(row(counted, estimate, device));
    });
    Breakdown { step: pass.finish(plan, works, software), rows }
}

fn row(counted: &Counted, estimate: Estimate, device: &Device) -> Row {
    let Counted { operator, count, label, part } = *counted;
    let bound = estimate.bound();
    Row { label, part, operator, count, estimate, bound, achieved: achieved(&operator, &estimate, bound, device) }
}

fn achieved(operator: &Operator, estimate: &Estimate, bound: Bound, device: &Device) -> Option<f64> {
    let (amount, rate) = match (bound, operator) {
        (Bound::Memory, _) => (operator.memory_bytes(), device.memory.bandwidth.0),
        (Bound::Link, Operator::Collective(collective)) => (collective.bytes, device.scale_up.bandwidth.0),
        (Bound::Arithmetic, Operator::Stream(_)) => (operator.operations(), device.vector.0),
        (Bound::Arithmetic, _) => (operator.operations(), device.arithmetic(arithmetic(operator)?).1.0),
        _ => return None,
    };
    Some(amount / (estimate.time.0 * rate)).filter(|share| share.is_finite())
}

/// The format whose rate bounds an operator.
fn arithmetic(operator: &Operator) -> Option<crate::format::Format> {
    match operator {
        Operator::Gemm(gemm) if gemm.weights.bits() > gemm.activations.bits() => Some(gemm.weights),
        Operator::Gemm(gemm) => Some(gemm.activations),
        Operator::Attention(attention) => Some(attention.compute),
        Operator::Latent(latent) => Some(latent.compute),
        Operator::Experts(experts) => Some(experts.activations),
        Operator::Stream(_) | Operator::Collective(_) => None,
    }
}
