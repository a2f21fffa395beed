//! Times of exchanges: `nccl.{calibrate,test}.csv.gz`.
//!
//! One row is an exchange over `num_gpus` devices of one box. `message_size` counts *elements* of the type, whatever the set's description says: rows
//! of 2n bytes in `int8` and of n in `half` take the same time. It is the full message: at the greatest sizes the all-reduce of eight moves
//! 2 (n - 1) / n of it at three quarters of the links' rate, as NCCL is known to, and the all-gather (n - 1) / n.

use crate::sets::{MILLISECONDS, SetError, Timed, rows};
use base::units::Seconds;
use perf::format::Format;
use perf::operator::{Collective, CollectiveKind, Operator};
use serde::Deserialize;
use std::path::Path;

/// Which exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// Everyone ends with the sum.
    AllReduce,
    /// Everyone ends with all pieces.
    AllGather,
    /// Everyone ends with a piece of the sum.
    ReduceScatter,
    /// Everyone sends a piece to everyone.
    #[serde(rename = "alltoall")]
    AllToAll,
}

/// Type of the elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Element {
    /// binary16.
    Half,
    /// 8-bit integers.
    Int8,
}

/// One line of a file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Which exchange.
    pub op_name: Name,
    /// Type of the elements.
    pub nccl_dtype: Element,
    /// Devices that take part.
    pub num_gpus: u64,
    /// Elements of the full message.
    pub message_size: u64,
    /// Median time over versions, in milliseconds.
    pub median_ms: f64,
    /// Least.
    pub min_ms: f64,
    /// Greatest.
    pub max_ms: f64,
    /// Versions that measured it.
    pub n_sources: u32,
}

impl Row {
    /// What was measured.
    pub fn operator(&self) -> Collective {
        let kind = match self.op_name {
            Name::AllReduce => CollectiveKind::AllReduce,
            Name::AllGather => CollectiveKind::AllGather,
            Name::ReduceScatter => CollectiveKind::ReduceScatter,
            Name::AllToAll => CollectiveKind::AllToAll,
        };
        let format = match self.nccl_dtype {
            Element::Half => Format::Fp16,
            Element::Int8 => Format::Int8,
        };
        Collective { kind, ranks: self.num_gpus, bytes: self.message_size as f64 * format.bytes(), format }
    }

    /// The measured time.
    pub fn time(&self) -> Seconds {
        Seconds(self.median_ms / MILLISECONDS)
    }
}

impl Timed for Row {
    fn operator(&self) -> Operator {
        Operator::Collective(self.operator())
    }

    fn time(&self) -> Seconds {
        self.time()
    }

    fn spread(&self) -> (Seconds, Seconds) {
        (Seconds(self.min_ms / MILLISECONDS), Seconds(self.max_ms / MILLISECONDS))
    }
}

/// Every row of a file.
///
/// # Errors
/// As [`rows`].
pub fn read(path: &Path) -> Result<Vec<Row>, SetError> {
    rows(path)
}
