//! How a network is divided among devices, whether it may be, and whether it fits.
//!
//! A [`Mapping`] has five degrees. `tensor` devices share each projection, head and dense feed-forward part; `data` groups of them run attention on
//! different sequences; `context` groups on different positions of the same sequences; `pipeline` stages hold different layers. Routed experts are
//! divided over the devices of a stage, `tensor x data x context` of them: `expert` sets of experts, each expert's width over what remains
//! ([`Mapping::expert_tensor`]). This is the scheme of the serving stacks (attention TP x attention DP = MoE TP x MoE EP).
//!
//! [`Mapping::check`] refuses what no software runs (degrees that do not divide), [`Plan::memory`] adds up what a device holds, and [`choose`] finds a
//! mapping: the fewest devices that hold the network with its cache, and among their mappings the fastest.

mod choose;
mod memory;

pub use choose::{candidates, choose, nearest};
pub use memory::{Memory, RESERVE};

use crate::network::{FeedForward, LayerGroup, Mixer, Shape};
use crate::workload::Plan;

/// Degrees of parallelism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// Devices that share each matrix.
    pub tensor: u64,
    /// Stages that hold different layers.
    pub pipeline: u64,
    /// Sets of experts on different devices; 1 keeps all experts on each (divided by width).
    pub expert: u64,
    /// Groups that run attention on different sequences.
    pub data: u64,
    /// Groups that run attention on different positions of the same sequences.
    pub context: u64,
}

impl Default for Mapping {
    fn default() -> Mapping {
        Mapping::ONE
    }
}

/// Why a network does not run on a mapping: one sentence.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MappingError {
    /// A degree does not divide what it divides.
    #[error("{degree} {value} does not divide {of} {what}{hint}")]
    Divide {
        /// Which degree.
        degree: &'static str,
        /// Its value.
        value: u64,
        /// What should be divided.
        of: u64,
        /// Its name.
        what: &'static str,
        /// The nearest mapping that works, as a clause; empty if none was looked for.
        hint: String,
    },
    /// More of something than there is.
    #[error("{degree} {value} is more than the {of} {what}{hint}")]
    TooMany {
        /// Which degree.
        degree: &'static str,
        /// Its value.
        value: u64,
        /// What there is.
        of: u64,
        /// Its name.
        what: &'static str,
        /// The nearest mapping that works, as a clause.
        hint: String,
    },
    /// It does not fit.
    #[error("{device} has {capacity} and would need {memory}{hint}", capacity = memory.capacity)]
    Memory {
        /// Name of the device.
        device: String,
        /// What it would hold.
        memory: Memory,
        /// The nearest mapping that works, as a clause.
        hint: String,
    },
}

impl MappingError {
    /// The same refusal with a clause that says what would work.
    pub fn with_hint(mut self, clause: String) -> MappingError {
        match &mut self {
            MappingError::Divide { hint, .. }
            | MappingError::TooMany { hint, .. }
            | MappingError::Memory { hint, .. } => {
                *hint = clause;
            }
        }
        self
    }
}

impl Mapping {
    /// A single device.
    pub const ONE: Mapping = Mapping { tensor: 1, pipeline: 1, expert: 1, data: 1, context: 1 };

    /// Tensor parallelism alone.
    pub fn tensor(degree: u64) -> Mapping {
        Mapping { tensor: degree, ..Mapping::ONE }
    }

    /// Devices of one pipeline stage.
    pub fn stage_devices(&self) -> u64 {
        self.tensor.saturating_mul(self.data).saturating_mul(self.context)
    }

    /// Devices of the whole instance.
    pub fn devices(&self) -> u64 {
        self.stage_devices().saturating_mul(self.pipeline)
    }

    /// Devices that share the width of each expert.
    pub fn expert_tensor(&self) -> u64 {
        (self.stage_devices() / self.expert.max(1)).max(1)
    }

    /// Whether each degree divides what it divides.
    ///
    /// # Errors
    /// Names the first degree that does not, and what it should divide.
    pub fn check(&self, shape: &Shape) -> Result<(), MappingError> {
        let layers = shape.layer_count();
        if self.pipeline > layers {
            let (value, hint) = (self.pipeline, String::new());
            return Err(MappingError::TooMany {
                degree: "pipeline parallelism of",
                value,
                of: layers,
                what: "layers",
                hint,
            });
        }
        if !self.stage_devices().is_multiple_of(self.expert) {
            return Err(divide("expert parallelism of", self.expert, self.stage_devices(), "devices of a stage"));
        }
        shape.layers.iter().try_for_each(|group| self.check_layer(group))
    }

    fn check_layer(&self, group: &LayerGroup) -> Result<(), MappingError> {
        const TENSOR: &str = "tensor parallelism of";
        match &group.mixer {
            Mixer::Grouped(a) => {
                needs(TENSOR, self.tensor, a.heads, "query heads")?;
                // Fewer key/value heads than devices: each is copied to several.
                if !self.tensor.is_multiple_of(a.kv_heads) {
                    needs(TENSOR, self.tensor, a.kv_heads, "key/value heads")?;
                }
            }
            Mixer::Latent(a) => needs(TENSOR, self.tensor, a.heads, "heads")?,
            Mixer::Delta(a) => needs(TENSOR, self.tensor, a.value_heads, "value heads")?,
        }
        match &group.feed_forward {
            FeedForward::Dense(f) => needs(TENSOR, self.tensor, f.inner, "inner features")?,
            FeedForward::Experts(f) => {
                needs("expert parallelism of", self.expert, f.count, "experts")?;
                needs("a division of each expert by", self.expert_tensor(), f.inner, "inner features")?;
                if f.shared_inner > 0 {
                    needs(TENSOR, self.tensor, f.shared_inner, "inner features of the shared expert")?;
                }
            }
        }
        Ok(())
    }
}

fn needs(degree: &'static str, value: u64, of: u64, what: &'static str) -> Result<(), MappingError> {
    if of.is_multiple_of(value) { Ok(()) } else { Err(divide(degree, value, of, what)) }
}

fn divide(degree: &'static str, value: u64, of: u64, what: &'static str) -> MappingError {
    MappingError::Divide { degree, value, of, what, hint: String::new() }
}

impl std::fmt::Display for Mapping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let degrees = [
            ("tensor", self.tensor),
            ("pipeline", self.pipeline),
            ("expert", self.expert),
            ("data", self.data),
            ("context", self.context),
        ];
        let named: Vec<String> =
            degrees.iter().filter(|(_, degree)| *degree > 1).map(|(name, degree)| format!("{name} {degree}")).collect();
        if named.is_empty() { f.write_str("one device") } else { f.write_str(&named.join(" x ")) }
    }
}

/// A number of bytes as a capacity prints: vendors count in powers of ten.
fn decimal(bytes: f64) -> String {
    let (worth, unit) = if bytes >= 1e12 {
        (1e12, "TB")
    } else if bytes >= 1e9 {
        (1e9, "GB")
    } else {
        (1e6, "MB")
    };
    format!("{:.1} {unit}", bytes / worth)
}

impl Plan {
    /// Refuses a mapping that does not divide the network, or whose devices do not hold `sequences` of `positions` each.
    ///
    /// # Errors
    /// Says what does not divide, or what the memory would have to hold.
    pub fn check(
        &self,
        device: &crate::device::Device,
        sequences: u64,
        positions: u64,
    ) -> Result<Memory, MappingError> {
        self.mapping().check(self.shape())?;
        let memory = self.memory(device, sequences, positions);
        if memory.fits() {
            return Ok(memory);
        }
        Err(MappingError::Memory { device: device.name.clone(), memory, hint: String::new() })
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [total, weights, cache, activations, reserve] =
            [self.total(), self.weights, self.cache, self.activations, self.reserve].map(decimal);
        write!(f, "{total}: {weights} of weights, {cache} of cache, {activations} of activations, {reserve} in reserve")
    }
}
