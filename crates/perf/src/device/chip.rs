//! Our own chip as a device: its description becomes the figures that a data sheet would give.
//!
//! Rates follow from the geometry (`rows x depth x columns` multiply-accumulates a core and cycle for every weight kind), memory from the stacks or the ports of
//! the cores, whichever is less. There is no launch: a program runs from the first operator to the last, and what an operator costs to start is the first
//! read from memory and the waits between engines.

use super::calibration::Calibration;
use super::{Device, Dispatch, Fact, Grade, Links, Memory, OnChip, Parameters, Topology};
use crate::format::Format;
use arch::Chip;
use base::tile::WeightKind;
use base::units::{Bytes, BytesPerSecond, Joules, OperationsPerSecond, Seconds, Watts};

/// Cycles between the end of one operator and the first product of the next besides the memory's latency: a `sync` through each of the six queues, the
/// fill of the matrix engine (32 rows) and the meeting of the cores. An assumption until the RTL says otherwise.
const SYNC_CYCLES: f64 = 100.0;

/// Energy of one 8-bit operation at full rate with its share of scratchpad and wires, 3 nm class: 1,400 W of MI355X (N3P) for 5.03 POP/s leaves about 0.2 pJ an
/// operation after memory; an integer array without caches and registers takes less. An assumption until `phys` computes it.
const ENERGY_PER_OPERATION: Joules = Joules(0.1e-12);

/// Energy of moving one byte from HBM4 through the interface: about 4 pJ a bit (HBM3 3.9 pJ/bit: O'Connor et al., MICRO 2017, and vendors since).
const ENERGY_PER_BYTE: Joules = Joules(32e-12);

/// Clock trees, leakage and links, as a share of what arithmetic and memory take at full rate.
const STANDING_SHARE: f64 = 0.25;

impl Device {
    /// The device that `chip` is, with parameters of the default that a deterministic machine has.
    pub fn from_chip(chip: &Chip) -> Device {
        let cores = chip.core.count as f64;
        let lanes = (chip.vector_lanes as f64 * cores) * chip.frequency;
        let source = format!("the description of chip `{}`", chip.name);
        let groups = ["units", "matrix", "memory", "on_chip", "scale_up"];
        let mut facts: Vec<Fact> =
            groups.map(|group| Fact { group, source: source.clone(), grade: Grade::Primary }).to_vec();
        let power = "energies per operation and byte, assumed in perf::device".to_string();
        facts.push(Fact { group: "power", source: power, grade: Grade::Assumed });
        Device {
            key: chip.name.clone(),
            name: format!("Puce {}: {}", chip.name, chip.title),
            vendor: "own design".into(),
            aliases: Vec::new(),
            available: "design".into(),
            silicon: None,
            units: chip.core.count as u64,
            unit: "core".into(),
            clock: chip.frequency,
            base_clock: Some(chip.frequency),
            boost_clock: chip.frequency,
            matrix: rates(chip),
            vector: lanes,
            // The vector engine takes one element of any function per lane and cycle.
            exponentials: Some(chip.vector_lanes as f64),
            dispatch: Dispatch::Program { operator: chip.memory.latency + SYNC_CYCLES / chip.frequency },
            // The stream of weights is consumed by the product that it meets.
            weight_reuse: Some(chip.matrix.tokens as u64),
            memory: memory(chip),
            on_chip: OnChip {
                shared: Bytes(0),
                shared_bandwidth: BytesPerSecond(f64::INFINITY),
                local: chip.core.scratchpad,
            },
            scale_up: links(chip),
            scale_out: None,
            power: power_limit(chip),
            facts,
            parameters: Parameters::calibrated(&Calibration::shipped(), super::calibration::TRANSFER),
        }
    }
}

/// Every weight kind runs at the same rate; kinds of the same bits are one format.
fn rates(chip: &Chip) -> Vec<(Format, OperationsPerSecond)> {
    let rate = OperationsPerSecond(2.0 * chip.macs_per_second());
    let mut formats: Vec<Format> = chip.matrix.weights.iter().map(|kind| format(*kind)).collect();
    formats.sort();
    formats.dedup();
    formats.into_iter().map(|format| (format, rate)).collect()
}

/// The format whose bits in memory are nearest to those of a weight kind.
pub(crate) fn format(kind: WeightKind) -> Format {
    match kind {
        WeightKind::I4s | WeightKind::I4m => Format::Int4,
        WeightKind::I8s | WeightKind::I8m | WeightKind::A8 | WeightKind::U8 => Format::Int8,
        WeightKind::Mx8 => Format::Mxfp8,
        WeightKind::Mx4 => Format::Mxfp4,
    }
}

fn memory(chip: &Chip) -> Memory {
    let ports = (chip.core.count as f64 * chip.memory.port.as_f64()) * chip.frequency.0;
    Memory {
        kind: chip.memory.kind.clone(),
        capacity: chip.memory.capacity,
        bandwidth: BytesPerSecond(chip.memory.bandwidth.0.min(ports)),
    }
}

/// The links go to the other chips of a group directly, so a group has at most one chip more than links.
fn links(chip: &Chip) -> Links {
    Links {
        kind: format!("{} links", chip.links.count),
        bandwidth: chip.links.bandwidth * chip.links.count as f64,
        latency: if chip.links.count == 0 { Seconds(0.0) } else { chip.links.latency },
        topology: Topology::Mesh,
        group: chip.links.count as u64 + 1,
        reduces: false,
    }
}

/// What arithmetic and memory take together at full rate, and a share on top.
fn power_limit(chip: &Chip) -> Watts {
    let arithmetic = Watts(ENERGY_PER_OPERATION.0 * 2.0 * chip.macs_per_second());
    let memory = Watts(ENERGY_PER_BYTE.0 * memory(chip).bandwidth.0);
    (arithmetic + memory) * (1.0 + STANDING_SHARE)
}
