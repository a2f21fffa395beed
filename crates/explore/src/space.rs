//! The grid of chips: a number per chip, and the chip of a number.
//!
//! A [`Design`] says in a dozen numbers what a person would choose; [`Design::chip`] completes it to the description that compiler, emulator and RTL take. What is not
//! chosen follows: the supply is the lowest that reaches the clock (the same clock at a higher supply is worse in power and better in nothing), a core's port
//! is the narrowest that lets the cores together take what memory gives, and queues, latencies and vector lanes are those of the shipped large chip.

use crate::study::{Array, Generation, Lanes, Space};
use arch::Chip;
use arch::chip::{CoreSpec, LinkSpec, MatrixSpec, MemorySpec};
use base::tile::WeightKind;
use base::units::{Bytes, BytesPerSecond, Hertz, Volts};
use std::fmt::Write;
use std::str::FromStr;

/// A chip of the grid: one die of its package.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    /// Name of the node.
    pub node: String,
    /// Cores that work.
    pub cores: usize,
    /// Cores beyond those.
    pub spare: usize,
    /// Matrix engine of a core.
    pub array: Array,
    /// Accumulators per row of it.
    pub tokens: usize,
    /// Scratchpad of a core.
    pub scratchpad: Bytes,
    /// What its lanes can take.
    pub lanes: Lanes,
    /// Memory beside the die.
    pub memory: Generation,
    /// Stacks of it.
    pub stacks: usize,
    /// Capacity of a stack.
    pub stack: Bytes,
    /// Links to other dies.
    pub links: usize,
    /// Clock.
    pub clock: Hertz,
    /// Dies of a package, each a device of its own to the software.
    pub dies: usize,
}

/// The shipped chip whose latencies, queues and link rate every design takes.
const MODEL: &str = "one";

/// Vector lanes over tokens that the matrix engine multiplies at once: a lane rounds and scales what a column of the engine has summed over 32 inputs.
const LANES: usize = 64;

impl Design {
    /// The chip of a number below [`Space::size`]; the last list of the space varies fastest.
    pub fn at(space: &Space, index: u64) -> Design {
        let mut rest = index;
        let mut pick = |length: usize| {
            let at = rest % length as u64;
            rest /= length as u64;
            at as usize
        };
        // In the reverse of the order in which a study lists them.
        let dies = space.dies[pick(space.dies.len())].0 as usize;
        let clock = space.clock[pick(space.clock.len())].0;
        let links = space.links[pick(space.links.len())].0 as usize;
        let stacks = space.stacks[pick(space.stacks.len())].0 as usize;
        let memory = space.memory[pick(space.memory.len())];
        let lanes = space.lanes[pick(space.lanes.len())];
        let scratchpad = space.scratchpad[pick(space.scratchpad.len())].0;
        let tokens = space.tokens[pick(space.tokens.len())].0 as usize;
        let array = space.array[pick(space.array.len())];
        let spare = space.spare[pick(space.spare.len())].0 as usize;
        let cores = space.cores[pick(space.cores.len())].0 as usize;
        let node = space.node[pick(space.node.len())].0.clone();
        let stack = space.stack.0;
        Design { node, cores, spare, array, tokens, scratchpad, lanes, memory, stacks, stack, links, clock, dies }
    }

    /// What it is, in a line.
    pub fn title(&self) -> String {
        let Design { cores, array, stacks, clock, dies, tokens, .. } = self;
        let memory = self.memory.name();
        let dies = if *dies > 1 { format!("{dies} dies of ") } else { String::new() };
        let lanes = if self.lanes == Lanes::Narrow { ", 4-bit lanes" } else { "" };
        format!("{dies}{cores} cores, {array}, {tokens} tokens, {stacks} {memory}, {clock}{lanes}")
    }

    /// The description that every other part takes; `bandwidth` is that of one stack.
    pub fn chip(&self, name: &str, bandwidth: BytesPerSecond, voltage: Volts) -> Chip {
        let model = Chip::builtin(MODEL).expect("the model chip is shipped");
        let bandwidth = bandwidth * self.stacks as f64;
        Chip {
            name: name.to_owned(),
            title: self.title(),
            core: CoreSpec { count: self.cores, scratchpad: self.scratchpad, banks: model.core.banks },
            matrix: MatrixSpec {
                rows: self.array.rows,
                depth: self.array.depth,
                columns: self.array.columns,
                tokens: self.tokens,
                buffer: model.matrix.buffer,
                weights: self.lanes.kinds(),
            },
            vector_lanes: LANES,
            queues: model.queues,
            parameters: model.parameters,
            memory: MemorySpec {
                kind: self.memory.name().to_owned(),
                capacity: Bytes(self.stack.0 * self.stacks as u64),
                bandwidth,
                latency: model.memory.latency,
                port: self.port(bandwidth),
            },
            frequency: self.clock,
            voltage,
            links: LinkSpec { count: self.links, ..model.links },
        }
    }

    /// Bytes per cycle of a core: the next power of two above its share of the memory's bandwidth.
    fn port(&self, bandwidth: BytesPerSecond) -> Bytes {
        /// Widest and narrowest ports of a chip description.
        const PORTS: (u64, u64) = (32, 4096);
        let share = bandwidth.0 / (self.cores as f64 * self.clock.0);
        Bytes((share.ceil() as u64).next_power_of_two().clamp(PORTS.0, PORTS.1))
    }
}

/// Lists of the space at whose largest or smallest entry a design lies, though there are others: whoever searches on may find better beyond.
pub fn edges(space: &Space, design: &Design) -> Vec<&'static str> {
    fn edge<T: PartialOrd>(all: &[T], own: &T) -> bool {
        let inside = all.iter().any(|other| other < own) && all.iter().any(|other| other > own);
        all.len() > 1 && !inside
    }
    let numbers = |list: Vec<u64>, own: usize| edge(&list, &(own as u64));
    let caps = |list: &[u64], own: usize| numbers(list.to_vec(), own);
    let all = [
        ("cores", caps(&space.cores.iter().map(|one| one.0).collect::<Vec<_>>(), design.cores)),
        (
            "columns of the array",
            caps(&space.array.iter().map(|one| one.columns as u64).collect::<Vec<_>>(), design.array.columns),
        ),
        ("tokens", caps(&space.tokens.iter().map(|one| one.0).collect::<Vec<_>>(), design.tokens)),
        ("stacks", caps(&space.stacks.iter().map(|one| one.0).collect::<Vec<_>>(), design.stacks)),
        ("links", caps(&space.links.iter().map(|one| one.0).collect::<Vec<_>>(), design.links)),
        ("clock", edge(&space.clock.iter().map(|one| one.0.0).collect::<Vec<_>>(), &design.clock.0)),
        ("dies", caps(&space.dies.iter().map(|one| one.0).collect::<Vec<_>>(), design.dies)),
    ];
    all.into_iter().filter(|(_, at)| *at).map(|(name, _)| name).collect()
}

impl Lanes {
    /// Weight kinds of such lanes.
    pub fn kinds(self) -> Vec<WeightKind> {
        let all = WeightKind::ALL.into_iter();
        match self {
            Lanes::All => all.collect(),
            Lanes::Narrow => all.filter(|kind| !phys::area::is_wide(*kind)).collect(),
        }
    }
}

impl Generation {
    /// Its name in chip descriptions and price lists.
    pub fn name(self) -> &'static str {
        match self {
            Generation::HBM3E => "HBM3E",
            Generation::HBM4 => "HBM4",
        }
    }

    /// The same generation as money knows it.
    pub fn priced(self) -> econ::market::MemoryKind {
        match self {
            Generation::HBM3E => econ::market::MemoryKind::HBM3E,
            Generation::HBM4 => econ::market::MemoryKind::HBM4,
        }
    }
}

/// A quantity as a person writes it where that is exact, else in full.
fn written<T: std::fmt::Display + FromStr + PartialEq>(quantity: &T, full: String) -> String {
    let short = quantity.to_string();
    if short.parse().is_ok_and(|read: T| read == *quantity) { short } else { full }
}

/// A size in whole gigabytes, as vendors count memory, where it is one.
fn size(bytes: Bytes) -> String {
    const GIGABYTE: u64 = 1_000_000_000;
    match bytes.0.is_multiple_of(GIGABYTE) {
        true => format!("{} GB", bytes.0 / GIGABYTE),
        false => written(&bytes, format!("{bytes:#}")),
    }
}

/// A chip as the text that [`Chip::parse`] reads back to the same chip.
pub fn text(chip: &Chip, source: &str, as_of: &str) -> String {
    let Chip { core, matrix, memory, links, .. } = chip;
    let quote = |text: &str| toml::Value::from(text).to_string();
    let kinds: Vec<String> = matrix.weights.iter().map(|kind| quote(kind.name())).collect();
    let [load, weights, multiply, vector, store, exchange] = chip.queues;
    let mut out = String::new();
    let mut part = |name: &str, lines: &[(&str, String)]| {
        if !name.is_empty() {
            let _ = writeln!(out, "\n[{name}]");
        }
        lines.iter().for_each(|(key, value)| _ = writeln!(out, "{key} = {value}"));
    };
    let quantity = |text: String| format!("\"{text}\"");
    let (title, source, as_of) = (quote(&chip.title), quote(source), quote(as_of));
    part("", &[("name", quote(&chip.name)), ("title", title), ("source", source), ("as_of", as_of)]);
    part(
        "core",
        &[
            ("count", core.count.to_string()),
            ("scratchpad", quantity(size(core.scratchpad))),
            ("banks", core.banks.to_string()),
        ],
    );
    part(
        "matrix",
        &[
            ("rows", matrix.rows.to_string()),
            ("depth", matrix.depth.to_string()),
            ("columns", matrix.columns.to_string()),
            ("tokens", matrix.tokens.to_string()),
            ("buffer", quantity(size(matrix.buffer))),
            ("weights", format!("[{}]", kinds.join(", "))),
        ],
    );
    part("vector", &[("lanes", chip.vector_lanes.to_string())]);
    let depths = [("load", load), ("weights", weights), ("matrix", multiply), ("vector", vector), ("store", store)];
    let mut queues: Vec<(&str, String)> = depths.iter().map(|(name, depth)| (*name, depth.to_string())).collect();
    queues.push(("exchange", exchange.to_string()));
    part("queues", &queues);
    part("control", &[("parameters", chip.parameters.to_string())]);
    part(
        "memory",
        &[
            ("kind", quote(&memory.kind)),
            ("capacity", quantity(size(memory.capacity))),
            ("bandwidth", quantity(written(&memory.bandwidth, format!("{:#}", memory.bandwidth)))),
            ("latency", quantity(written(&memory.latency, format!("{:#}", memory.latency)))),
            ("port", quantity(size(memory.port))),
        ],
    );
    part(
        "clock",
        &[
            ("frequency", quantity(written(&chip.frequency, format!("{:#}", chip.frequency)))),
            ("voltage", quantity(written(&chip.voltage, format!("{:#}", chip.voltage)))),
        ],
    );
    part(
        "links",
        &[
            ("count", links.count.to_string()),
            ("bandwidth", quantity(written(&links.bandwidth, format!("{:#}", links.bandwidth)))),
            ("latency", quantity(written(&links.latency, format!("{:#}", links.latency)))),
        ],
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Study;
    use proptest::prelude::*;

    fn chip(design: &Design) -> Chip {
        design.chip("x", BytesPerSecond(2e12), Volts(0.7))
    }

    #[test]
    fn every_number_is_another_chip() {
        let space = Study::builtin().space;
        let size = space.size();
        let mut seen = std::collections::HashSet::new();
        let stride = (size / 997).max(1);
        for index in (0..size).step_by(stride as usize) {
            assert!(seen.insert(format!("{:?}", Design::at(&space, index))));
        }
        assert_eq!(Design::at(&space, 0), Design::at(&space, size));
    }

    proptest! {
        #[test]
        fn descriptions_are_read_back_as_they_were(index in 0u64..1_000_000) {
            let space = Study::builtin().space;
            let chip = chip(&Design::at(&space, index % space.size()));
            let text = text(&chip, "a \"quoted\" source", "2026-11");
            prop_assert_eq!(Chip::parse("chip.toml", &text).unwrap(), chip);
        }

        #[test]
        fn ports_take_what_memory_gives(index in 0u64..1_000_000) {
            let space = Study::builtin().space;
            let chip = chip(&Design::at(&space, index % space.size()));
            let ports = chip.core.count as f64 * chip.memory.port.as_f64() * chip.frequency.0;
            prop_assert!(ports >= chip.memory.bandwidth.0);
        }
    }
}
