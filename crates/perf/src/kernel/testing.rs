//! A device for the tests of kernels.

use crate::device::{Device, Links, Memory, OnChip, Parameters, Topology};
use crate::format::Format;
use base::units::{Bytes, BytesPerSecond, Hertz, OperationsPerSecond, Seconds, Watts};

/// A made-up accelerator of round numbers: 100 units, 1 POP/s, 3 TB/s, eight in a group behind a switch that sums.
pub(crate) fn gpu() -> Device {
    let links = |kind: &str, bandwidth, latency, group, reduces| Links {
        kind: kind.into(),
        bandwidth: BytesPerSecond(bandwidth),
        latency: Seconds(latency),
        topology: Topology::Switch,
        group,
        reduces,
    };
    Device {
        key: "round".into(),
        name: "Round numbers".into(),
        vendor: "nobody".into(),
        available: "2024-01".into(),
        units: 100,
        clock: Hertz(1.5e9),
        matrix: vec![
            (Format::Bf16, OperationsPerSecond(1e15)),
            (Format::Fp8, OperationsPerSecond(2e15)),
            (Format::Int8, OperationsPerSecond(2e15)),
        ],
        vector: OperationsPerSecond(5e13),
        memory: Memory { kind: "HBM".into(), capacity: Bytes(80 << 30), bandwidth: BytesPerSecond(3e12) },
        on_chip: OnChip { shared: Bytes(50 << 20), shared_bandwidth: BytesPerSecond(1e13), local: Bytes(256 << 10) },
        scale_up: links("link", 4e11, 1.2e-6, 8, true),
        scale_out: Some(links("network", 5e10, 5e-6, 1 << 16, false)),
        power: Watts(700.0),
        parameters: Parameters::default(),
    }
}
