//! What a line of the serving points says about a deployment, and what it leaves open.
//!
//! Three things are left open by the file and settled here, from its configuration columns alone, never from its times:
//! - **Degrees that multiply to a square.** `moe_tp_size = moe_ep_size = d` with `d x d` devices is what the same deployment looks like elsewhere in the
//!   file as `d` devices with experts distributed over all of them; it is read so.
//! - **Workers that are not counted.** A disaggregated line without numbers of workers is taken to be arranged like the nearest line that has them:
//!   same software and format before same system, then size of a decode worker, length of prompts and requests in flight.
//! - **Aggregated lines whose degree divides nothing.** 28, 36 or 72 devices in tensor parallelism do not divide 128 heads; they are the sizes of whole
//!   disaggregated deployments, and the nearest stated one of that size is taken.
//!
//! Speculative decoding has no column. Points far faster than their neighbours used it; they cannot be told apart from the inputs and are predicted
//! without it.

use super::closed::Traffic;
use crate::sets::points::Row;
use perf::device::Device;
use perf::format::Format;
use perf::network::{self, Shape};
use perf::operator::Spread;
use perf::parallel::Mapping;
use perf::workload::Formats;

/// How tokens of real traffic spread over experts. The kernel sets that come with the points model traffic so, with 1.01 for the networks here.
pub(crate) const SPREAD: Spread = Spread::PowerLaw { alpha: 1.01 };

/// The pairs of lengths of the public benchmark that most points come from. It draws lengths between 0.8 of the stated length and the whole of it
/// (`--random-range-ratio 0.8`); in the others all requests are alike.
const DRAWN: [(u64, u64); 3] = [(1024, 1024), (1024, 8192), (8192, 1024)];
/// The shortest share that is drawn.
const SHORTEST: f64 = 0.8;

/// A network as it was served.
pub struct Deployment {
    /// The network.
    pub shape: &'static Shape,
    /// Its formats.
    pub formats: Formats,
    /// Spread of the load over its experts.
    pub spread: Spread,
    /// Software that served.
    pub backend: String,
    /// Its release.
    pub version: String,
    /// Key of the device.
    pub device: &'static str,
    /// Devices and workers.
    pub arrangement: Arrangement,
    /// Requests in flight.
    pub concurrency: u64,
    /// Stated lengths of prompt and answer.
    pub lengths: (u64, u64),
    /// Shortest length as a share of the stated one.
    pub shortest: f64,
}

/// Devices and workers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrangement {
    /// One instance reads prompts and decodes.
    Together(Mapping),
    /// Separate workers.
    Apart {
        /// Of a prefill worker.
        prefill: Mapping,
        /// How many.
        prefill_workers: u64,
        /// Of a decode worker.
        decode: Mapping,
        /// How many.
        decode_workers: u64,
    },
}

impl Arrangement {
    /// Devices of all workers.
    fn devices(&self) -> u64 {
        match self {
            Arrangement::Together(mapping) => mapping.devices(),
            Arrangement::Apart { prefill, prefill_workers, decode, decode_workers } => {
                prefill.devices() * prefill_workers + decode.devices() * decode_workers
            }
        }
    }
}

/// Systems of the points and keys of their devices.
const SYSTEMS: [(&str, &str); 5] =
    [("h100_sxm", "h100"), ("h200_sxm", "h200"), ("b200_sxm", "b200"), ("gb200", "gb200"), ("gb300", "gb300")];

/// Key of the device of a system.
pub fn device_key(system: &str) -> Option<&'static str> {
    SYSTEMS.iter().find(|(name, _)| *name == system).map(|(_, key)| *key)
}

/// A degree as the file writes it: empty and zero mean one.
fn degree(column: Option<u64>) -> u64 {
    column.unwrap_or(1).max(1)
}

/// A mapping from the four columns.
fn mapping(tensor: Option<u64>, data: Option<u64>, expert_tensor: Option<u64>, expert: Option<u64>) -> Mapping {
    let (tensor, data, expert_tensor, expert) = (degree(tensor), degree(data), degree(expert_tensor), degree(expert));
    if expert > 1 && expert == expert_tensor && tensor * data == expert * expert {
        return match tensor > 1 {
            true => Mapping { tensor: expert, expert, ..Mapping::ONE },
            false => Mapping { data: expert, expert, ..Mapping::ONE },
        };
    }
    Mapping { tensor, data, expert: expert.min(tensor * data), ..Mapping::ONE }
}

/// The lines that state their workers, to settle those that do not.
pub struct Stated<'a> {
    lines: Vec<(&'a Row, Arrangement)>,
}

impl<'a> Stated<'a> {
    /// Those of a file.
    pub fn of(rows: &'a [Row]) -> Stated<'a> {
        let stated = rows.iter().filter_map(|row| {
            let (prefill_workers, decode_workers) = (row.prefill_num_workers?, row.decode_num_workers?);
            let (prefill, decode) = (prefill(row), decode(row));
            Some((row, Arrangement::Apart { prefill, prefill_workers, decode, decode_workers }))
        });
        Stated { lines: stated.collect() }
    }

    /// The arrangement of the nearest stated line; `size` is the octaves between sizes.
    fn nearest(&self, row: &Row, size: impl Fn(&Arrangement) -> f64) -> Option<Arrangement> {
        let octaves = |a: u64, b: u64| (a.max(1) as f64 / b.max(1) as f64).log2().abs();
        let flight = |row: &Row| row.concurrency.or(row.batch_size).unwrap_or(1);
        let distance = |(other, arrangement): &&(&Row, Arrangement)| {
            let differs = |a: &str, b: &str, weight: f64| if a == b { 0.0 } else { weight };
            differs(&other.backend, &row.backend, 8.0)
                + differs(&other.precision, &row.precision, 4.0)
                + differs(&other.system, &row.system, 2.0)
                + 2.0 * size(arrangement)
                + octaves(other.isl, row.isl)
                + octaves(flight(other), flight(row))
        };
        let nearest = self.lines.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.map(|(_, arrangement)| *arrangement)
    }
}

fn prefill(row: &Row) -> Mapping {
    let data = row.prefill_attention_dp_size;
    mapping(row.prefill_tp_size, data, row.prefill_moe_tp_size, row.prefill_moe_ep_size)
}

fn decode(row: &Row) -> Mapping {
    let data = row.decode_attention_dp_size;
    mapping(row.decode_tp_size, data, row.decode_moe_tp_size, row.decode_moe_ep_size)
}

/// Octaves between two numbers of devices.
fn octaves(a: u64, b: u64) -> f64 {
    (a.max(1) as f64 / b.max(1) as f64).log2().abs()
}

/// Devices and workers of a line.
fn arrangement(row: &Row, shape: &Shape, stated: &Stated) -> Arrangement {
    if row.mode == "agg" {
        let own = mapping(row.tp_size, row.attention_dp_size, row.moe_tp_size, row.moe_ep_size);
        if own.check(shape).is_ok() {
            return Arrangement::Together(own);
        }
        let size = |other: &Arrangement| octaves(other.devices(), own.devices());
        return stated.nearest(row, size).unwrap_or(Arrangement::Together(own));
    }
    let (prefill, decode) = (prefill(row), decode(row));
    if let (Some(prefill_workers), Some(decode_workers)) = (row.prefill_num_workers, row.decode_num_workers) {
        return Arrangement::Apart { prefill, prefill_workers, decode, decode_workers };
    }
    let size = |other: &Arrangement| match other {
        Arrangement::Apart { decode: other, .. } => octaves(other.devices(), decode.devices()),
        Arrangement::Together(_) => 0.0,
    };
    let alone = Arrangement::Apart { prefill, prefill_workers: 1, decode, decode_workers: 1 };
    stated.nearest(row, size).unwrap_or(alone)
}

/// The formats that a line was served in.
fn formats(row: &Row, published: Formats) -> Formats {
    // gpt-oss exists in one form only, whatever the columns say.
    if row.model_path.contains("gpt-oss") {
        let cache = if row.backend == "trtllm" { Format::Fp8 } else { published.cache };
        return Formats { cache, ..published };
    }
    let of = |mode: &str| match mode {
        "nvfp4" => Some(Format::Nvfp4),
        "fp8_block" => Some(Format::Fp8Block),
        // DeepSeek's FP8 checkpoints are block-scaled.
        "fp8" if published.weights == Format::Fp8Block => Some(Format::Fp8Block),
        "fp8" => Some(Format::Fp8),
        _ => None,
    };
    let mut formats = Formats::uniform(Format::Bf16);
    if let Some(format) = of(&row.gemm_quant_mode) {
        // Quantised checkpoints are served with an 8-bit cache.
        formats = Formats { cache: Format::Fp8, ..Formats::uniform(format) };
    }
    if let Some(format) = of(&row.moe_quant_mode) {
        (formats.experts, formats.expert_activations) = (format, format);
    }
    formats
}

/// Why a line has no deployment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeploymentError {
    /// The system is none that is known.
    #[error("system `{0}` has no device here")]
    System(String),
    /// The network is none that is known.
    #[error(transparent)]
    Network(#[from] network::UnknownNetwork),
}

impl Deployment {
    /// Of a line.
    ///
    /// # Errors
    /// Its system or its network is not known.
    pub fn of(row: &Row, stated: &Stated) -> Result<Deployment, DeploymentError> {
        let device = device_key(&row.system).ok_or_else(|| DeploymentError::System(row.system.clone()))?;
        let (known, shape) = network::language(&row.model_path)?;
        let arrangement = arrangement(row, shape, stated);
        let ranks = match arrangement {
            Arrangement::Together(mapping) => mapping.data,
            Arrangement::Apart { decode, decode_workers, .. } => decode.data * decode_workers,
        };
        let batch = row.batch_size.or(row.decode_batch_size).unwrap_or(1);
        Ok(Deployment {
            shape,
            formats: formats(row, known.formats),
            spread: SPREAD,
            backend: row.backend.clone(),
            version: row.backend_version.clone(),
            device,
            arrangement,
            concurrency: row.concurrency.unwrap_or(batch * ranks).max(1),
            lengths: (row.isl, row.osl),
            shortest: if DRAWN.contains(&(row.isl, row.osl)) { SHORTEST } else { 1.0 },
        })
    }

    /// Whether it is of the public benchmark whose lengths are drawn, and one instance of it.
    pub fn is_benchmark(&self) -> bool {
        DRAWN.contains(&self.lengths) && matches!(self.arrangement, Arrangement::Together(_))
    }

    /// What its clients ask.
    pub fn traffic(&self) -> Traffic {
        let (prompt, answer) = self.lengths;
        Traffic { concurrency: self.concurrency, prompt, answer, shortest: self.shortest }
    }

    /// Seconds to hand the cache of a prompt to a decode worker: over the links beyond the group if there are any, all devices of the smaller worker at once.
    pub fn transfer(&self, device: &Device) -> f64 {
        let links = device.scale_out.as_ref().unwrap_or(&device.scale_up);
        let devices = match &self.arrangement {
            Arrangement::Together(_) => return 0.0,
            Arrangement::Apart { prefill, decode, .. } => prefill.devices().min(decode.devices()),
        };
        self.shape.cache_bytes(self.lengths.0, &self.formats) / (links.bandwidth.0 * devices as f64)
    }
}
