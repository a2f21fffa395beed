//! A device as data: what its data sheet says, and how much of that it reaches.

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
    /// Month of first shipment, `2022-10`.
    pub available: String,
    /// Independent units that work is scheduled on: streaming multiprocessors, compute units, tensor cores, our cores.
    pub units: u64,
    /// Clock at which the peak rates are quoted.
    pub clock: Hertz,
    /// Dense peak rates of the matrix units, by format of the wider operand; what is absent is not supported.
    pub matrix: Vec<(Format, OperationsPerSecond)>,
    /// Peak rate of the vector units in binary32.
    pub vector: OperationsPerSecond,
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
    /// How much of each peak is reached.
    pub parameters: Parameters,
}

/// Main memory of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// Kind, `HBM3e`.
    pub kind: String,
    /// Capacity.
    pub capacity: Bytes,
    /// Peak bandwidth.
    pub bandwidth: BytesPerSecond,
}

/// Memory on the chip.
#[derive(Clone, Debug, PartialEq)]
pub struct OnChip {
    /// Last level that all units share (L2, common scratchpad); zero if there is none.
    pub shared: Bytes,
    /// Bandwidth of the shared level over the whole chip.
    pub shared_bandwidth: BytesPerSecond,
    /// Memory of each unit (shared memory and L1, local scratchpad).
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

/// How much of the data sheet a device reaches: dimensionless factors and a few times, at most twelve numbers in all.
///
/// Each kind of operator owns its part and says what each number means.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Parameters {
    /// Matrix products.
    pub gemm: gemm::Parameters,
    /// Attention.
    pub attention: attention::Parameters,
    /// Latent attention.
    pub latent: latent::Parameters,
    /// Mixtures of experts.
    pub experts: experts::Parameters,
    /// Streaming operators.
    pub stream: stream::Parameters,
    /// Collectives.
    pub collective: collective::Parameters,
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
}
