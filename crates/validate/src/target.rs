//! How good is good enough, per kind: the table that the measured data comes with.
//!
//! Source: the README beside the measured sets, "Baselines and targets". Where it names no target of its own, the nearest stated one holds and the
//! reason stands beside it.

use crate::case::{Kind, Knowledge};

/// Which average a target is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// Mean absolute percentage error.
    Mean,
    /// Median absolute percentage error.
    Median,
}

/// What a kind should reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Which average.
    pub average: Average,
    /// On devices whose parameters were fitted.
    pub calibrated: f64,
    /// On devices never fitted, with stacked memory.
    pub never_fitted: f64,
    /// On devices never fitted that have GDDR memory and no NVLink (L40S): another kind of board.
    pub other_board: f64,
}

impl Target {
    const fn mean(calibrated: f64, never_fitted: f64, other_board: f64) -> Target {
        Target { average: Average::Mean, calibrated, never_fitted, other_board }
    }

    const fn same(average: Average, error: f64) -> Target {
        Target { average, calibrated: error, never_fitted: error, other_board: error }
    }

    /// The target of a kind.
    pub const fn of(kind: Kind) -> Target {
        match kind {
            Kind::GemmBf16 => Target::mean(0.08, 0.12, 0.20),
            // Weight-only products are not named; their arithmetic is bf16 and their memory side is that of the narrow formats: the wider target.
            Kind::GemmNarrow | Kind::GemmWeightOnly => Target::mean(0.10, 0.15, 0.22),
            // Latent attention is attention.
            Kind::PrefillAttention | Kind::DecodeAttention | Kind::PrefillLatent | Kind::DecodeLatent => {
                Target::mean(0.12, 0.20, 0.20)
            }
            Kind::Experts => Target::mean(0.20, 0.30, 0.30),
            // The table names the two most used collectives; the others move bytes over the same links.
            Kind::AllReduce | Kind::AllGather | Kind::OtherCollective => Target::mean(0.06, 0.12, 0.12),
            // Not named: a layer is its operators, and must be no worse for them than the layer's own target for products.
            Kind::Stream => Target::mean(0.12, 0.20, 0.20),
            Kind::Layer => Target::same(Average::Mean, 0.06),
            Kind::ServingTpot => Target::same(Average::Median, 0.12),
            Kind::ServingTtft => Target::same(Average::Median, 0.25),
            Kind::TraceTpot | Kind::TraceEndToEnd => Target::same(Average::Mean, 0.08),
            Kind::TraceTtft => Target::same(Average::Mean, 0.15),
            Kind::Power => Target::same(Average::Mean, 0.10),
        }
    }

    /// The bound for a device.
    pub fn bound(&self, device: &str, knowledge: Knowledge) -> f64 {
        match (knowledge, device) {
            (Knowledge::Calibrated, _) => self.calibrated,
            (Knowledge::NeverFitted, OTHER_BOARD) => self.other_board,
            (Knowledge::NeverFitted, _) => self.never_fitted,
        }
    }
}

/// The one measured board with GDDR memory and no NVLink.
const OTHER_BOARD: &str = "l40s";

/// The share of measurements that a 90 % interval should hold.
pub const fn coverage(knowledge: Knowledge) -> (f64, f64) {
    match knowledge {
        Knowledge::Calibrated => (0.87, 0.93),
        Knowledge::NeverFitted => (0.85, 0.95),
    }
}
