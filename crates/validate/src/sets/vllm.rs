//! Logs of vLLM serving a burst of chat requests: one folder per run, with what ran where and when each request came, started and ended.
//!
//! - `config.json`: the deployment, in the words of the simulator that the runs were made for: network, device, memory and the part of it that vLLM may
//!   use, tensor parallelism. Its `link_*` entries describe that simulator's links and not the machine.
//! - `requests.jsonl`: one request a line. `arrival_time` is the client's clock; the other times are the engine's. The engine looks for new requests
//!   between steps only, so the smallest difference between `queued_ts` and `arrival_time` is the offset of the clocks.

use crate::sets::SetError;
use base::units::{Bytes, Seconds};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serve::arrival::Arrival;
use serve::metrics::Record;
use std::path::Path;

/// The folders of the runs below `measured/serving/vllm`, with the keys of their devices.
pub const RUNS: [(&str, &str); 2] = [("RTX4090_Llama-3.1-8B", "rtx4090"), ("RTXPRO6000_Qwen3-32B", "rtxpro6000")];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "entries that say nothing about the machine are named, so that unknown ones are refused")]
struct Config {
    num_nodes: u64,
    link_bw: f64,
    link_latency: f64,
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "as above")]
struct Node {
    num_instances: u64,
    cpu_mem: Memory,
    instances: Vec<Instance>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "as above")]
struct Memory {
    /// In GiB.
    mem_size: f64,
    mem_bw: f64,
    mem_latency: f64,
    mem_util: Option<f64>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Instance {
    model_name: String,
    hardware: String,
    npu_mem: Memory,
    num_npus: u64,
    tp_size: u64,
    pd_type: Option<String>,
}

/// One line of `requests.jsonl`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(rename = "request_id")]
    _request: String,
    input_toks: u32,
    output_toks: u32,
    arrival_time: f64,
    queued_ts: f64,
    scheduled_ts: f64,
    first_token_ts: f64,
    last_token_ts: f64,
}

/// A run: what was served on what, and what became of each request.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Name of the network, as its publisher spells it.
    pub network: String,
    /// Name of the device.
    pub device: String,
    /// Memory of each device that may be used for weights and cache.
    pub memory: Bytes,
    /// Devices that share each matrix.
    pub tensor: u64,
    /// The measurements, by arrival.
    pub records: Vec<Record>,
}

impl Run {
    /// Reads the folder of a run.
    ///
    /// # Errors
    /// A file is missing, is not what the module describes, or describes several instances.
    pub fn read(folder: &Path) -> Result<Run, SetError> {
        let instance = instance(&folder.join("config.json"))?;
        let records = records(&folder.join("requests.jsonl"))?;
        /// The configuration says `24` for a device of 24 GiB.
        const GIB: f64 = (1u64 << 30) as f64;
        let usable = instance.npu_mem.mem_size * GIB * instance.npu_mem.mem_util.unwrap_or(1.0);
        let Instance { model_name, hardware, tp_size, .. } = instance;
        Ok(Run { network: model_name, device: hardware, memory: Bytes(usable as u64), tensor: tp_size, records })
    }

    /// The requests, for a simulation.
    pub fn arrivals(&self) -> Vec<Arrival> {
        let arrival = |record: &Record| Arrival::new(record.arrival, record.prompt, record.output);
        self.records.iter().map(arrival).collect()
    }
}

fn text(path: &Path) -> Result<String, SetError> {
    std::fs::read_to_string(path).map_err(|error| SetError::file(path, error))
}

fn parse<T: DeserializeOwned>(path: &Path, line: u64, text: &str) -> Result<T, SetError> {
    serde_json::from_str(text).map_err(|error| SetError::line(path, line + error.line() as u64 - 1, error))
}

fn instance(path: &Path) -> Result<Instance, SetError> {
    let config: Config = parse(path, 1, &text(path)?)?;
    let instances: Vec<&Instance> = config.nodes.iter().flat_map(|node| &node.instances).collect();
    let [instance] = instances[..] else {
        return Err(SetError::file(path, format!("{} instances; exactly one is expected", instances.len())));
    };
    if instance.pd_type.is_some() || instance.tp_size != instance.num_npus {
        return Err(SetError::file(
            path,
            "one instance that prefills and decodes, all devices tensor-parallel, is expected",
        ));
    }
    let size = instance.npu_mem.mem_size * instance.npu_mem.mem_util.unwrap_or(1.0);
    if !(size > 0.0 && size < MOST_GIB && (1..=MOST_DEVICES).contains(&instance.tp_size)) {
        return Err(SetError::file(path, "a memory of 0 to 65536 GiB and 1 to 1024 devices are expected"));
    }
    Ok(instance.clone())
}

/// More than any device has.
const MOST_GIB: f64 = 65_536.0;
/// More than any instance has.
const MOST_DEVICES: u64 = 1024;
/// More tokens than any request has.
const MOST_TOKENS: u32 = 1 << 24;

fn records(path: &Path) -> Result<Vec<Record>, SetError> {
    let text = text(path)?;
    let numbered = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let lines: Vec<Line> = numbered.map(|(number, line)| checked(path, number, line)).collect::<Result<_, _>>()?;
    if lines.is_empty() {
        return Err(SetError::file(path, "no request; one line per request is expected"));
    }
    // Engine's clock minus client's, and the first arrival on the engine's.
    let offset = lines.iter().map(|line| line.queued_ts - line.arrival_time).fold(f64::INFINITY, f64::min);
    let first = lines.iter().map(|line| line.arrival_time + offset).fold(f64::INFINITY, f64::min);
    let record = |line: &Line| Record {
        arrival: Seconds(line.arrival_time + offset - first),
        started: Seconds(line.scheduled_ts - first),
        first: Seconds(line.first_token_ts - first),
        last: Seconds(line.last_token_ts - first),
        prompt: line.input_toks,
        output: line.output_toks,
        ..Record::default()
    };
    let mut records: Vec<Record> = lines.iter().map(record).collect();
    records.sort_by(|a, b| a.arrival.0.total_cmp(&b.arrival.0));
    Ok(records)
}

fn checked(path: &Path, number: u64, text: &str) -> Result<Line, SetError> {
    let line: Line = parse(path, number, text)?;
    let tokens = 1..=MOST_TOKENS;
    if !tokens.contains(&line.input_toks) || !tokens.contains(&line.output_toks) {
        return Err(SetError::line(
            path,
            number,
            format!("prompt and output of 1 to {MOST_TOKENS} tokens are expected"),
        ));
    }
    let times = [line.queued_ts, line.scheduled_ts, line.first_token_ts, line.last_token_ts];
    if !times.is_sorted() || !line.arrival_time.is_finite() {
        return Err(SetError::line(
            path,
            number,
            "times in the order queued, scheduled, first token, last token are expected",
        ));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::test_data;

    const LINE: &str = r#"{"request_id": "a", "input_toks": 8, "output_toks": 3, "arrival_time": 100.5, "queued_ts": 7.0, "scheduled_ts": 7.5, "first_token_ts": 8.0, "last_token_ts": 9.0}"#;

    fn refused(line: &str) -> String {
        checked(Path::new("r.jsonl"), 4, line).unwrap_err().to_string()
    }

    #[test]
    fn lines_that_make_no_sense_are_refused_by_number() {
        assert!(checked(Path::new("r.jsonl"), 4, LINE).is_ok());
        assert!(refused(&LINE.replace("8,", "0,")).starts_with("r.jsonl, line 4: prompt and output of 1 to"));
        assert!(refused(&LINE.replace("7.5", "6.5")).contains("line 4: times in the order"));
        assert!(refused(&LINE.replace("input_toks", "tokens")).contains("line 4: unknown field `tokens`"));
        assert!(refused("{").starts_with("r.jsonl, line 4: EOF"));
    }

    #[test]
    fn the_runs_are_what_they_say() {
        let Some(data) = test_data() else { return };
        for (folder, device) in RUNS {
            let run = Run::read(&data.join("measured/serving/vllm").join(folder)).unwrap();
            assert_eq!(run.records.len(), 300);
            assert_eq!(run.records[0].arrival, Seconds(0.0));
            assert_eq!(perf::device::Device::find(&run.device).unwrap().key, device);
            assert!(perf::network::language(&run.network).is_ok(), "{}", run.network);
            assert!(run.records.iter().all(|record| record.arrival.0 <= record.started.0 + 1e-9));
        }
    }
}
