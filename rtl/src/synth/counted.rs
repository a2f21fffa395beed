//! What the flow's Python programs write down for it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// What `netlist.py` counted.
#[derive(Deserialize)]
pub(super) struct Counted {
    pub(super) count: u64,
    pub(super) flops: u64,
    pub(super) area: f64,
    pub(super) flop_area: f64,
    pub(super) memory_bits: u64,
    pub(super) parts: Vec<CountedPart>,
    /// Instances of blocks with places of their own, by module.
    pub(super) boxes: BTreeMap<String, u64>,
}

/// What `netlist.py` counted of an instance.
#[derive(Deserialize)]
pub(super) struct CountedPart {
    pub(super) name: String,
    pub(super) count: u64,
    pub(super) area: f64,
    pub(super) flops: u64,
}

/// What `place.py` measured.
#[derive(Deserialize)]
pub(super) struct Measured {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) wire_um: f64,
    pub(super) memory_um2: f64,
    pub(super) repeaters: u64,
    pub(super) repeater_um2: f64,
    pub(super) resized: u64,
    pub(super) resized_um2: f64,
    pub(super) crowded: u64,
    pub(super) ties: u64,
    pub(super) tie_um2: f64,
}

/// What `toggle.py` counted.
#[derive(Deserialize)]
pub(super) struct Toggled {
    pub(super) phase: String,
    pub(super) source: String,
    pub(super) steps: u64,
    pub(super) busy: Option<f64>,
    pub(super) mean: f64,
    pub(super) cells: BTreeMap<String, f64>,
}
