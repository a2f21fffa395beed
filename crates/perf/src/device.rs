//! A device as data: what its data sheet says, and how much of that it reaches.
//!
//! A device is a text file under `data/devices` ([`schema`]), found by its key or an alias ([`catalogue`]), with the parameters that a fit on measured
//! times has left for it ([`calibration`]). A chip of our own description becomes a device through [`Device::from_chip`] and meets the same functions.
//!
//! Every group of figures carries its source and a [`Grade`], so that a result can say what it rests on. Rates are dense: what a vendor quotes with
//! sparsity is halved in the file, with a word about it.

pub mod calibration;
pub mod catalogue;
mod chip;
pub mod schema;

pub use catalogue::{DeviceError, UnknownDevice};

use crate::format::Format;
use crate::kernel::{attention, collective, experts, gemm, latent, stream};
use base::units::{Bytes, BytesPerSecond, Hertz, OperationsPerSecond, Seconds, Watts};

/// One accelerator: a package as its vendor sells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Key: the name of its file, `h100`.
    pub key: String,
    /// Name for people, `NVIDIA H100 SXM`.
    pub name: String,
    /// Who sells it.
    pub vendor: String,
    /// Other keys it answers to.
    pub aliases: Vec<String>,
    /// Month of first shipment, `2022-10`.
    pub available: String,
    /// Key of the device that has the same silicon, whose fitted parameters it shares.
    pub silicon: Option<String>,
    /// Independent units that work is scheduled on: streaming multiprocessors, compute units, tensor cores, our cores.
    pub units: u64,
    /// What such a unit is called.
    pub unit: String,
    /// Clock at which the peak rates of the matrix units are quoted.
    pub clock: Hertz,
    /// Clock that is always held, where the vendor names one.
    pub base_clock: Option<Hertz>,
    /// Highest clock of work that leaves the matrix units idle; [`Device::clock`] where the vendor names no other.
    pub boost_clock: Hertz,
    /// Dense peak rates of the matrix units, by format of the wider operand; what is absent is not supported.
    pub matrix: Vec<(Format, OperationsPerSecond)>,
    /// Peak rate of the vector units in binary32.
    pub vector: OperationsPerSecond,
    /// Exponentials and other special functions per unit and cycle, where known.
    pub exponentials: Option<f64>,
    /// How work gets to the units.
    pub dispatch: Dispatch,
    /// Most tokens that a weight meets for one read from memory, where weights stream past accumulators (our chip); none where weights can wait on the chip.
    pub weight_reuse: Option<u64>,
    /// Main memory.
    pub memory: Memory,
    /// Memory on the chip.
    pub on_chip: OnChip,
    /// Links to the devices of the same group.
    pub scale_up: Links,
    /// Links beyond the group.
    pub scale_out: Option<Links>,
    /// Board or package power limit.
    pub power: Watts,
    /// Where the figures come from, group by group.
    pub facts: Vec<Fact>,
    /// How much of each peak is reached.
    pub parameters: Parameters,
}

/// How work gets to the units of a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dispatch {
    /// Kernels that a host, or a recorded graph, launches one after the other.
    Kernels,
    /// One compiled program that the device sequences by itself.
    Program {
        /// What the start and the end of an operator cost between two others: decoding, synchronisation, the first bytes from memory.
        operator: Seconds,
    },
}

/// Where a group of figures comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// The group, `memory`.
    pub group: &'static str,
    /// The document.
    pub source: String,
    /// What kind of document, and how it was read.
    pub grade: Grade,
}

/// How well a group of figures is founded, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Grade {
    /// The vendor's document, compared with its text.
    Primary,
    /// The vendor's document, as it is commonly quoted; not compared with the text again.
    Quoted,
    /// Measured by others.
    Measured,
    /// Follows from the other figures.
    Computed,
    /// An analyst's or an academic's estimate.
    Analyst,
    /// Press.
    Press,
    /// Nothing is published; the entry says what was assumed.
    Assumed,
}

/// Main memory of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// Kind, `HBM3e`.
    pub kind: String,
    /// Capacity that programs can use.
    pub capacity: Bytes,
    /// Peak bandwidth.
    pub bandwidth: BytesPerSecond,
}

/// Memory on the chip.
#[derive(Clone, Debug, PartialEq)]
pub struct OnChip {
    /// Last level that all units share (L2, common scratchpad); zero if there is none.
    pub shared: Bytes,
    /// Bandwidth of the shared level over the whole chip; infinite if there is none, since nothing waits for it.
    pub shared_bandwidth: BytesPerSecond,
    /// Memory of each unit (shared memory, local scratchpad).
    pub local: Bytes,
}

/// How the devices of a group reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topology {
    /// Every device at full bandwidth to every other (NVSwitch).
    Switch,
    /// A link from each device to every other; a pair has only its share (MI300X).
    Mesh,
    /// A torus with this many dimensions (TPU).
    Torus(u8),
    /// A host bus (PCIe).
    Bus,
}

/// Links of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Links {
    /// Name, `NVLink 4`.
    pub kind: String,
    /// Bandwidth of one device into the group, per direction.
    pub bandwidth: BytesPerSecond,
    /// Time of the smallest message between two devices.
    pub latency: Seconds,
    /// How they connect.
    pub topology: Topology,
    /// Most devices of one group.
    pub group: u64,
    /// Whether the switch can sum (NVLink SHARP).
    pub reduces: bool,
}

/// Declares the kinds of operators that have parameters: a struct with a part for each, and reading each part from a calibration.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident,)*) => {
        /// How much of the data sheet a device reaches: dimensionless factors and a few times, at most twelve numbers in all.
        ///
        /// Each kind of operator owns its part and says what each number means.
        #[derive(Clone, Copy, Debug, PartialEq, Default)]
        pub struct Parameters {
            $($(#[$doc])* pub $kind: $kind::Parameters,)*
        }

        impl Parameters {
            /// The parts and their fields, in order.
            pub const KINDS: &'static [(&'static str, &'static [crate::parameter::Field])] =
                &[$((stringify!($kind), <$kind::Parameters as crate::parameter::Fitted>::FIELDS),)*];

            /// What `calibration` says of the device with this key.
            pub fn calibrated(calibration: &calibration::Calibration, key: &str) -> Parameters {
                Parameters { $($kind: calibration.group(key, stringify!($kind)),)* }
            }
        }
    };
}

kinds! {
    /// Matrix products.
    gemm,
    /// Attention.
    attention,
    /// Latent attention.
    latent,
    /// Mixtures of experts.
    experts,
    /// Streaming operators.
    stream,
    /// Collectives.
    collective,
}

impl Device {
    /// Peak rate of products whose wider operand is `format`; `None` if no unit does them natively.
    ///
    /// A block-scaled 8-bit format runs at the rate of its elements, and binary16 at that of bfloat16 (and the other way round).
    pub fn matrix_rate(&self, format: Format) -> Option<OperationsPerSecond> {
        let of = |wanted: Format| self.matrix.iter().find(|(format, _)| *format == wanted).map(|(_, rate)| *rate);
        of(format).or_else(|| match format {
            Format::Fp8Block | Format::Mxfp8 => of(Format::Fp8),
            Format::Bf16 => of(Format::Fp16),
            Format::Fp16 => of(Format::Bf16),
            _ => None,
        })
    }

    /// The format in which products of `format` are done, with its rate: itself where the device has it, else the next wider one that can hold its
    /// values, else the widest there is (a device that only multiplies 8-bit integers serves bfloat16 networks through them).
    pub fn arithmetic(&self, format: Format) -> (Format, OperationsPerSecond) {
        let native = |format: Format| self.matrix_rate(format).map(|rate| (format, rate));
        let wider = wider(format).iter().copied().find_map(native);
        let widest = || self.matrix.iter().copied().reduce(|a, b| if b.0.bits() > a.0.bits() { b } else { a });
        native(format).or(wider).or_else(widest).unwrap_or((Format::Fp32, self.vector))
    }

    /// How often the weights of a product with so many tokens cross the memory interface. Where weights stream past accumulators, a unit holds the whole rows of
    /// `inputs` activations (8 bits and a scale of 16 for each 32) of the tokens that they meet, since reductions are not cut: long rows leave room for fewer tokens.
    pub fn weight_passes(&self, tokens: u64, inputs: u64) -> f64 {
        /// Part of the local memory that rows of activations may take; results and vectors need the rest.
        const ROWS: f64 = 0.97;
        let row = inputs.max(1) as f64 * (1.0 + 2.0 / 32.0);
        let held = (self.on_chip.local.as_f64() * ROWS / row).max(1.0) as u64;
        self.weight_reuse.map_or(1.0, |reuse| tokens.div_ceil(reuse.min(held).max(1)).max(1) as f64)
    }

    /// Whether a copy engine brings tiles to local memory in bulk (Hopper, Blackwell): that memory holds the many stages that it keeps in flight. Elsewhere the
    /// threads themselves copy.
    pub fn copies_in_bulk(&self) -> bool {
        const MANY_STAGES: Bytes = Bytes(200 * 1024);
        self.on_chip.local >= MANY_STAGES
    }

    /// Whether accumulators have a memory of their own, so that one tile is stored while the next is computed, and matrix units take operands from local memory
    /// alone (Blackwell's tensor memory): the units of a device that copies in bulk and multiplies NVIDIA's 4-bit format.
    pub fn accumulates_apart(&self) -> bool {
        self.copies_in_bulk() && self.matrix_rate(Format::Nvfp4).is_some()
    }

    /// What starting an operator costs, where a launched kernel would cost `kernel`.
    pub fn start(&self, kernel: Seconds) -> Seconds {
        match self.dispatch {
            Dispatch::Kernels => kernel,
            Dispatch::Program { operator } => operator,
        }
    }

    /// Special functions per second of the whole device, where known.
    pub fn exponential_rate(&self) -> Option<OperationsPerSecond> {
        self.exponentials.map(|per_cycle| (per_cycle * self.units as f64) * self.boost_clock)
    }

    /// How well a group of figures is founded.
    pub fn grade(&self, group: &str) -> Option<Grade> {
        self.facts.iter().find(|fact| fact.group == group).map(|fact| fact.grade)
    }
}

/// Formats that hold every value of `format` closely enough for its products, nearest first.
fn wider(format: Format) -> &'static [Format] {
    match format {
        Format::Fp32 => &[],
        Format::Tf32 => &[Format::Fp32],
        Format::Bf16 | Format::Fp16 => &[Format::Bf16, Format::Tf32, Format::Fp32],
        Format::Fp8 | Format::Fp8Block | Format::Mxfp8 | Format::Int8 => &[Format::Bf16, Format::Tf32, Format::Fp32],
        Format::Int4 => &[Format::Int8, Format::Fp8, Format::Bf16, Format::Tf32, Format::Fp32],
        Format::Mxfp4 | Format::Nvfp4 => &[Format::Fp8, Format::Bf16, Format::Tf32, Format::Fp32],
    }
}

impl Topology {
    /// Every topology that a file can name.
    pub const ALL: [Topology; 5] =
        [Topology::Switch, Topology::Mesh, Topology::Torus(2), Topology::Torus(3), Topology::Bus];

    /// Name, as in files.
    pub const fn name(self) -> &'static str {
        match self {
            Topology::Switch => "switch",
            Topology::Mesh => "mesh",
            Topology::Torus(2) => "torus-2d",
            Topology::Torus(_) => "torus-3d",
            Topology::Bus => "bus",
        }
    }
}

impl Grade {
    /// Every grade, best first.
    pub const ALL: [Grade; 7] =
        [Grade::Primary, Grade::Quoted, Grade::Measured, Grade::Computed, Grade::Analyst, Grade::Press, Grade::Assumed];

    /// Name, as in files.
    pub const fn name(self) -> &'static str {
        match self {
            Grade::Primary => "primary",
            Grade::Quoted => "quoted",
            Grade::Measured => "measured",
            Grade::Computed => "computed",
            Grade::Analyst => "analyst",
            Grade::Press => "press",
            Grade::Assumed => "assumed",
        }
    }
}
