//! What a submission ran: how the network was divided, and the limits of its scheduler.
//!
//! Submitters publish the configuration of each result. Where one is in the file, the prediction takes its division and its limits: which batch a
//! submitter dared to run is a fact about the result like its formats, and no rate is read out of it. The division that a model finds best is not always the one
//! that was submitted.

use super::file::Scenario;
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
    /// Formats where they are not those of the device's others, as `puce perf` reads them.
    formats: Option<String>,
    /// Who says so.
    pub source: String,
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

    /// Whether it is that of a network on a device under a load.
    pub fn is_of(&self, benchmark: &str, device: &str, scenario: Scenario) -> bool {
        self.benchmark == benchmark && self.device == device && self.scenario.is_none_or(|own| own == scenario)
    }

    /// Its name if one of `others` is of the same.
    pub(super) fn twin(&self, others: &[Configuration]) -> Option<String> {
        let scenarios = [Scenario::Offline, Scenario::Server];
        let mut own = scenarios.into_iter().filter(|one| self.is_of(&self.benchmark, &self.device, *one));
        let twin = own.any(|one| others.iter().any(|other| other.is_of(&self.benchmark, &self.device, one)));
        twin.then(|| format!("{} on {}", self.benchmark, self.device))
    }

    /// Whether the network divides so and the limits hold something.
    pub(super) fn check(&self, shape: &Shape) -> Result<(), String> {
        self.mapping().check(shape).map_err(|error| error.to_string())?;
        let formats = self.formats.as_ref().map(|text| Formats::default().read(text));
        formats.transpose().map_err(|error| error.to_string())?;
        let Configuration { batch, budget, .. } = *self;
        if batch > 0 && budget > 0 {
            Ok(())
        } else {
            Err(format!("`batch = {batch}`, `budget = {budget}`: at least one each"))
        }
    }
}
