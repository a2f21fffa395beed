//! End-to-end serving points in closed loop: so many requests in flight at any time, and the time to the first token and per further token.
//!
//! Columns that a deployment does not have are empty. Their meaning, and what of it is doubtful:
//! - `tp_size`, `attention_dp_size`: tensor and data parallelism of attention; `moe_tp_size`, `moe_ep_size`: of the experts. They multiply to the same
//!   number of devices. Zero means one.
//! - Where `moe_tp_size = moe_ep_size > 1` and their product is the square of what a node holds, both were filled from one setting: `ep = tp`. The same
//!   measurements occur a second time in the file with the product of one of them (`tp 8, ep 8` on eight devices), which shows it.
//! - Disaggregated rows carry one set of columns for prefill workers and one for decode workers, some of them without the numbers of workers.

use crate::sets::{MILLISECONDS, SetError, rows};
use base::units::Seconds;
use serde::Deserialize;
use std::path::Path;

/// One line as it stands.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the names of the columns; the module says what they mean")]
pub struct Row {
    pub id: String,
    pub concurrency: Option<u64>,
    pub backend: String,
    pub backend_version: String,
    pub model_path: String,
    pub system: String,
    pub precision: String,
    pub mode: String,
    pub isl: u64,
    pub osl: u64,
    pub gemm_quant_mode: String,
    pub moe_quant_mode: String,
    pub batch_size: Option<u64>,
    pub tp_size: Option<u64>,
    pub pp_size: Option<u64>,
    pub attention_dp_size: Option<u64>,
    pub moe_tp_size: Option<u64>,
    pub moe_ep_size: Option<u64>,
    pub prefill_batch_size: Option<u64>,
    pub prefill_num_workers: Option<u64>,
    pub prefill_tp_size: Option<u64>,
    pub prefill_pp_size: Option<u64>,
    pub prefill_attention_dp_size: Option<u64>,
    pub prefill_moe_tp_size: Option<u64>,
    pub prefill_moe_ep_size: Option<u64>,
    pub decode_batch_size: Option<u64>,
    pub decode_num_workers: Option<u64>,
    pub decode_tp_size: Option<u64>,
    pub decode_pp_size: Option<u64>,
    pub decode_attention_dp_size: Option<u64>,
    pub decode_moe_tp_size: Option<u64>,
    pub decode_moe_ep_size: Option<u64>,
    pub silicon_ttft_ms: f64,
    pub silicon_tpot_ms: f64,
}

impl Row {
    /// Measured time to the first token.
    pub fn ttft(&self) -> Seconds {
        Seconds(self.silicon_ttft_ms / MILLISECONDS)
    }

    /// Measured time per further token.
    pub fn tpot(&self) -> Seconds {
        Seconds(self.silicon_tpot_ms / MILLISECONDS)
    }

    /// What is wrong with it, if something is.
    fn complaint(&self) -> Option<String> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        if !positive(self.silicon_ttft_ms) || !positive(self.silicon_tpot_ms) {
            return Some("times above zero are expected".to_string());
        }
        if self.isl == 0 || self.osl == 0 || self.isl.max(self.osl) > MOST {
            return Some(format!("`isl` and `osl` are expected between 1 and {MOST}"));
        }
        let degrees = [self.concurrency, self.batch_size, self.decode_batch_size, self.tp_size, self.decode_tp_size];
        if degrees.into_iter().flatten().any(|degree| degree > MOST) {
            return Some(format!("counts of at most {MOST} are expected"));
        }
        match self.mode.as_str() {
            "agg" | "disagg" => None,
            other => Some(format!("`mode` is `{}`; `agg` or `disagg` is expected", other.escape_debug())),
        }
    }
}

/// More than any count or length here, and small enough that products do not overflow.
const MOST: u64 = 1 << 24;

/// Every line of the file.
///
/// # Errors
/// As [`rows`], and where a value makes no sense.
pub fn read(path: &Path) -> Result<Vec<Row>, SetError> {
    let rows: Vec<Row> = rows(path)?;
    match rows.iter().enumerate().find_map(|(index, row)| row.complaint().map(|what| (index, what))) {
        Some((index, what)) => Err(SetError::line(path, index as u64 + 2, what)),
        None => Ok(rows),
    }
}
