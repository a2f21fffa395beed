//! What a submission ran: how the network was divided and the limits of its scheduler, and how long the run was.
//!
//! Submitters publish the configuration of each result. Where one is in the file, the prediction takes its division and its limits: which batch a
//! submitter dared to run is a fact about the result like its formats, and no rate is read out of it. The division that a model finds best is not always the one
//! that was submitted.

use super::file::{Point, Scenario};
use perf::network::Shape;
use perf::parallel::Mapping;
use perf::workload::Formats;
use serde::Deserialize;

/// A degree that is not given.
fn one() -> u64 {
    1
}

/// What a submission ran.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Round, where another's was another.
    pub round: Option<String>,
    /// Network, by the name that the benchmark gives it.
    pub benchmark: String,
    /// Key of the device.
    pub device: String,
    /// How load came; both ways if it is not given.
    pub scenario: Option<Scenario>,
    #[serde(default = "one")]
    tensor: u64,
    #[serde(default = "one")]
    pipeline: u64,
    #[serde(default = "one")]
    expert: u64,
    #[serde(default = "one")]
    data: u64,
    /// Most sequences of each group of data parallelism.
    pub batch: u64,
    /// Most new tokens of a step, of each group of data parallelism.
    pub budget: u64,
    /// Whether prompts may be read in parts.
    pub chunks: bool,
    /// Whether the network is compiled into one engine; else an interpreter launches its kernels.
    pub engine: bool,
    /// Whether products and the all-reduce after them are one kernel, whatever their size.
    #[serde(default)]
    pub fused: bool,
    /// Sequences of each group that captured steps without prompts have, rising: fewer are filled up.
    #[serde(default)]
    pub graphs: Vec<u64>,
    /// Steps from one look for new requests to the next.
    pub every: Option<u32>,
    /// Steps that prompts of a group of data parallelism may wait for those of all other groups, to be read together.
    pub wait: Option<u32>,
    /// Steps that they wait once all groups have some, for more.
    pub gather: Option<u32>,
    /// Formats where they are not those of the device's others, as `puce perf` reads them.
    formats: Option<String>,
    /// Who says so.
    pub source: String,
}

/// What several submitters reached with the same device under the same load in the same round.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// Network, by the name that the benchmark gives it.
    pub benchmark: String,
    /// Key of the device.
    pub device: String,
    /// How load came.
    pub scenario: Scenario,
    /// Output tokens per second and device of each.
    pub rates: Vec<f64>,
    /// Who says so.
    pub source: String,
}

impl Repeat {
    /// How far the greatest lies above the least, over the least.
    pub fn spread(&self) -> f64 {
        let least = self.rates.iter().copied().fold(f64::INFINITY, f64::min);
        self.rates.iter().copied().fold(0.0, f64::max) / least - 1.0
    }

    /// Whether there are at least two.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.rates.len() > 1 && self.rates.iter().all(|rate| *rate > 0.0 && rate.is_finite()) {
            Ok(())
        } else {
            Err("`rates`: two numbers above zero or more are expected".into())
        }
    }
}

/// Whether something of a round, or of all that have nothing of their own, is of a point's.
fn of_round(round: &Option<String>, point: &Point) -> bool {
    round.as_ref().is_none_or(|own| *own == point.round)
}

/// The run of a submission, as its log tells.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Round, where another's was another.
    pub round: Option<String>,
    /// Network, by the name that the benchmark gives it.
    pub benchmark: String,
    /// Key of the device.
    pub device: String,
    /// How load came.
    pub scenario: Scenario,
    /// Devices of the system, all its copies of the network together.
    pub devices: u64,
    /// Requests of the run, if all were there from the beginning.
    pub requests: Option<u64>,
    /// Mean tokens of an answer: tokens per second over requests per second.
    pub answer: u32,
    /// Who says so.
    pub source: String,
}

impl Run {
    /// One that belongs to no submission.
    pub(super) fn of(devices: u64, requests: u64, answer: u32) -> Run {
        let (benchmark, device, source) = (String::new(), String::new(), String::new());
        let requests = Some(requests);
        Run { round: None, benchmark, device, scenario: Scenario::Offline, devices, requests, answer, source }
    }

    /// Whether it is that of a point, by its own round or by none.
    pub fn is_of(&self, point: &Point) -> bool {
        let Point { benchmark, device, scenario, .. } = point;
        self.benchmark == *benchmark
            && self.device == *device
            && self.scenario == *scenario
            && of_round(&self.round, point)
    }

    /// Whether there are devices and requests in it.
    pub(super) fn check(&self) -> Result<(), String> {
        let Run { devices, requests, answer, .. } = *self;
        if devices > 0 && requests != Some(0) && answer > 0 {
            Ok(())
        } else {
            Err(format!(
                "`devices = {devices}`, `answer = {answer}`: at least one each, and of `requests` if they are given"
            ))
        }
    }
}

impl Configuration {
    /// The division among devices.
    pub fn mapping(&self) -> Mapping {
        let Configuration { tensor, pipeline, expert, data, .. } = *self;
        Mapping { tensor, pipeline, expert, data, ..Mapping::ONE }
    }

    /// Its own formats, if it has some.
    pub fn formats(&self) -> Option<Formats> {
        self.formats.as_ref().map(|text| Formats::default().read(text).expect("checked when it was read"))
    }

    /// Whether it is that of a point, by its own round or by none.
    pub fn is_of(&self, point: &Point) -> bool {
        let Point { benchmark, device, scenario, .. } = point;
        let load = self.scenario.is_none_or(|own| own == *scenario);
        self.benchmark == *benchmark && self.device == *device && load && of_round(&self.round, point)
    }

    /// Its name if one of `others` is of the same round, or of none as it is, and may be of the same load.
    pub(super) fn twin(&self, others: &[Configuration]) -> Option<String> {
        let load = |other: &Configuration| match (self.scenario, other.scenario) {
            (Some(own), Some(other)) => own == other,
            _ => true,
        };
        let same = |other: &&Configuration| {
            (&other.round, &other.benchmark, &other.device) == (&self.round, &self.benchmark, &self.device)
                && load(other)
        };
        others.iter().any(|other| same(&other)).then(|| format!("{} on {}", self.benchmark, self.device))
    }

    /// Whether the network divides so and the limits hold something.
    pub(super) fn check(&self, shape: &Shape) -> Result<(), String> {
        self.mapping().check(shape).map_err(|error| error.to_string())?;
        let formats = self.formats.as_ref().map(|text| Formats::default().read(text));
        formats.transpose().map_err(|error| error.to_string())?;
        if !self.graphs.is_sorted() || self.graphs.contains(&0) {
            return Err("`graphs`: rising numbers above zero are expected".into());
        }
        let Configuration { batch, budget, .. } = *self;
        if batch > 0 && budget > 0 {
            Ok(())
        } else {
            Err(format!("`batch = {batch}`, `budget = {budget}`: at least one each"))
        }
    }
}
