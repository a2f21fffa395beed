//! What a line of the serving points says about a deployment, and what it leaves open.
//!
//! Four things are left open by the file and settled here, from its configuration columns and what the benchmark published of its runs, never from how
//! long anything took:
//! - **Degrees that multiply to a square.** `moe_tp_size = moe_ep_size = d` with `d x d` devices is what the same deployment looks like elsewhere in the
//!   file as `d` devices with experts distributed over all of them; it is read so.
//! - **One run listed twice.** The file lists runs of DeepSeek-R1 without speculation a second time as DeepSeek-V3, the same network, there with all their
//!   columns. A line of R1 whose two times are, to the last digit, those of a line of V3 is that run, and is read from there (`Stated::twin`).
//! - **Workers that are not counted, and drafts, which have no column.** They are those of the published run with the same software, device, lengths, sizes of
//!   workers and requests in flight (`serving::runs`). Where one with drafts and one without were published and the latter is a line of V3, this is the former;
//!   where they cannot be told apart, it is read without drafts. Lines of releases of which nothing is published are taken to be arranged like the nearest
//!   line that states its workers: same software and format before same system, then size of a decode worker, length of prompts and requests in flight.
//! - **Aggregated lines whose degree divides nothing.** 28, 36 or 72 devices in tensor parallelism do not divide 128 heads; they are the sizes of whole
//!   disaggregated deployments, and the nearest stated one of that size is taken.

use super::closed::Traffic;
use super::runs::{Asked, Run, Runs};
use crate::sets::points::Row;
use perf::device::Device;
use perf::format::Format;
use perf::network::{self, Shape};
use perf::operator::Spread;
use perf::parallel::Mapping;
use perf::workload::Formats;
use std::collections::HashMap;

/// How tokens of real traffic spread over experts. The kernel sets that come with the points model traffic so, with 1.01 for the networks here.
pub(crate) const SPREAD: Spread = Spread::PowerLaw { alpha: 1.01 };

/// The pairs of lengths of the public benchmark that most points come from. It draws lengths between 0.8 of the stated length and the whole of it
/// (`--random-range-ratio 0.8`); in the others all requests are alike.
const DRAWN: [(u64, u64); 3] = [(1024, 1024), (1024, 8192), (8192, 1024)];
/// The shortest share that is drawn.
const SHORTEST: f64 = 0.8;

/// A network as it was served.
pub struct Deployment {
    /// Path of the network, as it was served.
    pub network: String,
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
    /// Tokens that a step drafts for each sequence.
    pub drafts: u64,
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

/// Those with devices of NVIDIA's Blackwell.
const BLACKWELL: [&str; 3] = ["b200_sxm", "gb200", "gb300"];

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

/// The network whose lines were all served without speculation, and the same network under the name that its other lines have.
const UNDRAFTED: &str = "DeepSeek-V3";
const DRAFTED: &str = "DeepSeek-R1";

fn is_of(row: &Row, network: &str) -> bool {
    row.model_path.rsplit('/').next() == Some(network)
}

/// The lines that state their workers, to settle those that do not, and those that are listed twice.
pub struct Stated<'a> {
    lines: Vec<(&'a Row, Arrangement)>,
    undrafted: HashMap<(i64, i64), &'a Row>,
}

/// The two times of a line as the file writes them, to the nanosecond.
fn times(row: &Row) -> (i64, i64) {
    let digits = |milliseconds: f64| (milliseconds * 1e6).round() as i64;
    (digits(row.silicon_ttft_ms), digits(row.silicon_tpot_ms))
}

impl<'a> Stated<'a> {
    /// Those of a file.
    pub fn of(rows: &'a [Row]) -> Stated<'a> {
        let stated = rows.iter().filter_map(|row| Some((row, own_workers(row)?)));
        let undrafted = rows.iter().filter(|row| is_of(row, UNDRAFTED)).map(|row| (times(row), row));
        Stated { lines: stated.collect(), undrafted: undrafted.collect() }
    }

    /// The line of DeepSeek-V3 that lists the run of this line of DeepSeek-R1 a second time.
    fn twin(&self, row: &Row) -> Option<&'a Row> {
        is_of(row, DRAFTED).then(|| self.undrafted.get(&times(row)).copied()).flatten()
    }

    /// Lines of DeepSeek-V3 of the same software, device, format, lengths and requests in flight.
    fn alike(&self, row: &Row) -> impl Iterator<Item = &'a Row> {
        let key = |row: &Row| {
            let software = (row.backend.clone(), row.backend_version.clone());
            (software, row.system.clone(), row.precision.clone(), row.mode.clone(), row.isl, row.osl, row.concurrency)
        };
        let own = key(row);
        let wanted = is_of(row, DRAFTED);
        self.undrafted.values().copied().filter(move |other| wanted && key(other) == own)
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

/// What a disaggregated line says itself of its workers.
fn own_workers(row: &Row) -> Option<Arrangement> {
    let (prefill_workers, decode_workers) = (row.prefill_num_workers?, row.decode_num_workers?);
    Some(Arrangement::Apart { prefill: prefill(row), prefill_workers, decode: decode(row), decode_workers })
}

/// What an aggregated line says of its instance.
fn own_instance(row: &Row) -> Mapping {
    mapping(row.tp_size, row.attention_dp_size, row.moe_tp_size, row.moe_ep_size)
}

impl From<&Run> for Arrangement {
    fn from(run: &Run) -> Arrangement {
        match run.prefill {
            None => Arrangement::Together(run.decode.mapping),
            Some(prefill) => Arrangement::Apart {
                prefill: prefill.mapping,
                prefill_workers: prefill.count,
                decode: run.decode.mapping,
                decode_workers: run.decode.count,
            },
        }
    }
}

/// Whether two arrangements are one as far as columns tell: those of experts are filled in several ways.
fn same(a: &Arrangement, b: &Arrangement) -> bool {
    let attention = |mapping: &Mapping| (mapping.tensor, mapping.data);
    let key = |arrangement: &Arrangement| match arrangement {
        Arrangement::Together(mapping) => (attention(mapping), 0, attention(mapping), 1),
        Arrangement::Apart { prefill, prefill_workers, decode, decode_workers } => {
            (attention(prefill), *prefill_workers, attention(decode), *decode_workers)
        }
    };
    key(a) == key(b)
}

/// The published run of a line that does not say all of it itself. Of several, one without drafts that is no line of DeepSeek-V3, else the first.
fn published(row: &Row, device: &str, flight: u64, stated: &Stated) -> Option<&'static Run> {
    let together = row.mode == "agg";
    let own = own_instance(row);
    let asked = Asked {
        network: &row.model_path,
        backend: &row.backend,
        release: &row.backend_version,
        device,
        precision: &row.precision,
        lengths: (row.isl, row.osl),
        flight,
        prefill: (!together).then(|| prefill(row).devices()),
        decode: if together { own.devices() } else { decode(row).devices() },
    };
    let listed: Vec<Arrangement> = stated.alike(row).map(|other| described(other, stated)).collect();
    let possible = Runs::embedded().matching(&asked).into_iter().filter(|run| {
        let arrangement = Arrangement::from(*run);
        let fits = !together || (run.decode.mapping.data > 1) == (own.data > 1);
        fits && (run.drafts > 0 || !listed.iter().any(|other| same(other, &arrangement)))
    });
    possible.min_by_key(|run| run.drafts)
}

/// Drafts of an aggregated line of DeepSeek-R1 of whose release no run is published: a line of DeepSeek-V3 with the same columns is the run without them.
/// SGLang's scripts of the benchmark draft two tokens, those for TensorRT-LLM three, or one under data-parallel attention (`data/serving-runs.toml`).
fn usual_drafts(row: &Row, stated: &Stated) -> u64 {
    let own = own_instance(row);
    if row.mode != "agg" || !stated.alike(row).any(|other| own_instance(other) == own) {
        return 0;
    }
    match row.backend.as_str() {
        "sglang" => 2,
        _ if own.data > 1 => 1,
        _ => 3,
    }
}

/// Devices and workers of a line as its own columns and its neighbours describe them.
fn described(row: &Row, stated: &Stated) -> Arrangement {
    if row.mode == "agg" {
        let own = own_instance(row);
        let works = network::language(&row.model_path).is_ok_and(|(_, shape)| own.check(shape).is_ok());
        if works {
            return Arrangement::Together(own);
        }
        let size = |other: &Arrangement| octaves(other.devices(), own.devices());
        return stated.nearest(row, size).unwrap_or(Arrangement::Together(own));
    }
    if let Some(own) = own_workers(row) {
        return own;
    }
    let (prefill, decode) = (prefill(row), decode(row));
    let size = |other: &Arrangement| match other {
        Arrangement::Apart { decode: other, .. } => octaves(other.devices(), decode.devices()),
        Arrangement::Together(_) => 0.0,
    };
    let alone = Arrangement::Apart { prefill, prefill_workers: 1, decode, decode_workers: 1 };
    stated.nearest(row, size).unwrap_or(alone)
}

/// Devices, workers and drafts of a line.
fn settled(row: &Row, device: &str, flight: u64, stated: &Stated) -> (Arrangement, u64) {
    if let Some(twin) = stated.twin(row) {
        return (described(twin, stated), 0);
    }
    let own = own_workers(row).is_some() || is_of(row, UNDRAFTED);
    match (!own).then(|| published(row, device, flight, stated)).flatten() {
        Some(run) if run.prefill.is_none() => (described(row, stated), run.drafts),
        Some(run) => (Arrangement::from(run), run.drafts),
        None => (described(row, stated), usual_drafts(row, stated)),
    }
}

/// The formats that a line was served in.
fn formats(row: &Row, published: Formats) -> Formats {
    // gpt-oss exists in one form only, whatever the columns say. On Blackwell the benchmark's scripts ask for an 8-bit cache, and 8-bit activations meet the
    // experts: TensorRT-LLM's kernels for MXFP4 there take MXFP8, and vLLM is told to (`VLLM_USE_FLASHINFER_MOE_MXFP4_MXFP8`). On H200 the cache is `auto`.
    if row.model_path.contains("gpt-oss") {
        let narrow = row.backend == "trtllm" && row.system != "h200_sxm";
        return match BLACKWELL.contains(&row.system.as_str()) {
            true => Formats { cache: Format::Fp8, expert_activations: Format::Fp8, ..published },
            false => Formats { cache: if narrow { Format::Fp8 } else { published.cache }, ..published },
        };
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
        let ranks = match described(row, stated) {
            Arrangement::Together(mapping) => mapping.data,
            Arrangement::Apart { decode, decode_workers, .. } => decode.data * decode_workers,
        };
        let batch = row.batch_size.or(row.decode_batch_size).unwrap_or(1);
        let concurrency = row.concurrency.unwrap_or(batch * ranks).max(1);
        let (arrangement, drafts) = settled(row, device, concurrency, stated);
        let deployment = Deployment {
            network: row.model_path.clone(),
            shape,
            formats: formats(row, known.formats),
            spread: SPREAD,
            backend: row.backend.clone(),
            version: row.backend_version.clone(),
            device,
            arrangement,
            drafts,
            concurrency,
            lengths: (row.isl, row.osl),
            shortest: if DRAWN.contains(&(row.isl, row.osl)) { SHORTEST } else { 1.0 },
        };
        Ok(Deployment { spread: deployment.popularity(), ..deployment })
    }

    /// Whether it is of the public benchmark whose lengths are drawn, and one instance of it.
    pub fn is_benchmark(&self) -> bool {
        DRAWN.contains(&self.lengths) && matches!(self.arrangement, Arrangement::Together(_))
    }

    /// Whether SGLang ran prompts and answers apart in one rack of GB200 or GB300.
    pub fn is_in_a_rack(&self) -> bool {
        let apart = matches!(self.arrangement, Arrangement::Apart { .. });
        self.backend == "sglang" && self.device.starts_with("gb") && apart
    }

    /// How tokens spread over its experts. SGLang's recipes for whole racks keep 32 copies of popular experts on wide decode workers
    /// (`ep-num-redundant-experts`, `eplb-algorithm`), so that these are as busy as the others.
    fn popularity(&self) -> Spread {
        match self.arrangement {
            Arrangement::Apart { decode, .. } if self.is_in_a_rack() && decode.data > 8 => Spread::Balanced,
            _ => SPREAD,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::{points, test_data};

    /// A line of which only the columns given are filled: `name=value`.
    fn row(columns: &str) -> Row {
        let standing = "id=p1 backend=trtllm backend_version=0.8.1.post2 model_path=deepseek-ai/DeepSeek-R1 system=gb300 \
                        precision=fp4 mode=disagg isl=1024 osl=1024 gemm_quant_mode=nvfp4 moe_quant_mode=nvfp4 \
                        silicon_ttft_ms=300 silicon_tpot_ms=7";
        let optional = "concurrency batch_size tp_size pp_size attention_dp_size moe_tp_size moe_ep_size prefill_batch_size \
                        prefill_num_workers prefill_tp_size prefill_pp_size prefill_attention_dp_size prefill_moe_tp_size \
                        prefill_moe_ep_size decode_batch_size decode_num_workers decode_tp_size decode_pp_size \
                        decode_attention_dp_size decode_moe_tp_size decode_moe_ep_size";
        let mut all: HashMap<&str, &str> = optional.split_whitespace().map(|name| (name, "")).collect();
        all.extend(
            standing.split_whitespace().chain(columns.split_whitespace()).filter_map(|pair| pair.split_once('=')),
        );
        let (names, values): (Vec<&str>, Vec<&str>) = all.into_iter().unzip();
        let text = format!("{}\n{}\n", names.join(","), values.join(","));
        csv::Reader::from_reader(text.as_bytes()).deserialize().next().unwrap().unwrap()
    }

    /// As R1's lines are: the expert columns of decode workers are those of prefill workers.
    const MANGLED: &str =
        "prefill_tp_size=2 prefill_moe_ep_size=2 decode_tp_size=8 decode_moe_ep_size=2 decode_moe_tp_size=4";
    /// The same run as V3's lines are.
    const STATED: &str = "model_path=deepseek-ai/DeepSeek-V3 concurrency=48 prefill_num_workers=1 prefill_attention_dp_size=2 \
                          prefill_moe_ep_size=2 decode_num_workers=4 decode_tp_size=8 decode_moe_ep_size=8";

    fn settle(rows: &[Row]) -> (Arrangement, u64) {
        let deployment = Deployment::of(&rows[0], &Stated::of(rows)).unwrap();
        (deployment.arrangement, deployment.drafts)
    }

    fn apart(prefill: (u64, Mapping), decode: (u64, Mapping)) -> Arrangement {
        Arrangement::Apart {
            prefill: prefill.1,
            prefill_workers: prefill.0,
            decode: decode.1,
            decode_workers: decode.0,
        }
    }

    const DEP2: Mapping = Mapping { data: 2, expert: 2, ..Mapping::ONE };
    const TEP8: Mapping = Mapping { tensor: 8, expert: 8, ..Mapping::ONE };

    #[test]
    fn a_run_that_is_listed_twice_is_read_where_it_has_all_its_columns() {
        let twice = [row(&format!("{MANGLED} concurrency=48")), row(STATED)];
        assert_eq!(settle(&twice), (apart((1, DEP2), (4, TEP8)), 0));
    }

    #[test]
    fn beside_a_line_without_drafts_the_other_published_run_drafted() {
        let faster = row(&format!("{MANGLED} concurrency=48 silicon_tpot_ms=4"));
        assert_eq!(settle(&[faster.clone(), row(STATED)]), (apart((1, DEP2), (4, TEP8)), 3));
        // Alone it cannot be told from the run without.
        assert_eq!(settle(&[faster]), (apart((1, DEP2), (4, TEP8)), 0));
        // Twenty-four in flight were run with drafts only.
        let drafted = row(&format!("{MANGLED} concurrency=24"));
        assert_eq!(settle(&[drafted]).1, 3);
    }

    #[test]
    fn a_release_of_which_nothing_is_published_takes_workers_from_its_neighbours() {
        let unknown = row(&format!("{MANGLED} concurrency=48 backend_version=9.9"));
        let own = settle(std::slice::from_ref(&unknown)).0;
        assert!(matches!(own, Arrangement::Apart { prefill_workers: 1, decode_workers: 1, .. }), "{own:?}");
        assert_eq!(settle(&[unknown, row(STATED)]), (apart((1, DEP2), (4, TEP8)), 0));
    }

    #[test]
    fn one_instance_drafts_as_published_or_as_usual_beside_the_same_run_without() {
        let one = |columns: &str| {
            row(&format!("mode=agg system=b200_sxm concurrency=8 tp_size=8 moe_tp_size=8 moe_ep_size=1 {columns}"))
        };
        let published = one("backend_version=1.2.0rc6.post3 precision=fp8 isl=8192");
        assert_eq!(settle(&[published]).1, 3);
        let sglang = one("backend=sglang backend_version=0.5.9 precision=fp8 silicon_tpot_ms=4");
        assert_eq!(settle(std::slice::from_ref(&sglang)).1, 0);
        let without = one("backend=sglang backend_version=0.5.9 precision=fp8 model_path=deepseek-ai/DeepSeek-V3");
        assert_eq!(settle(&[sglang, without.clone()]).1, 2);
        assert_eq!(settle(&[without]).1, 0);
    }

    #[test]
    fn lines_with_stated_workers_agree_with_what_was_published() {
        let Some(data) = test_data() else { return };
        let rows = points::read(&data.join("measured/serving/points.csv")).unwrap();
        let (mut agree, mut differ) = (0, 0);
        for row in rows.iter().filter(|row| is_of(row, UNDRAFTED)) {
            let (Some(own), Some(device)) = (own_workers(row), device_key(&row.system)) else { continue };
            let asked = Asked {
                network: DRAFTED,
                backend: &row.backend,
                release: &row.backend_version,
                device,
                precision: &row.precision,
                lengths: (row.isl, row.osl),
                flight: row.concurrency.unwrap_or(0),
                prefill: Some(prefill(row).devices()),
                decode: decode(row).devices(),
            };
            let runs: Vec<&Run> = Runs::embedded().matching(&asked).into_iter().filter(|run| run.drafts == 0).collect();
            let workers = |arrangement: &Arrangement| match arrangement {
                Arrangement::Apart { prefill_workers, decode_workers, .. } => (*prefill_workers, *decode_workers),
                Arrangement::Together(_) => (0, 0),
            };
            match runs.iter().any(|run| workers(&Arrangement::from(*run)) == workers(&own)) {
                true => agree += 1,
                false => differ += usize::from(!runs.is_empty()),
            }
        }
        assert_eq!((agree, differ), (165, 2));
    }
}
