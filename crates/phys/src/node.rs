//! Nodes and the blocks that are built in them: `data/nodes`.
//!
//! `blocks.toml` holds the reference: published blocks at 7 nm, over which the shipped synthesis is laid ([`crate::synthesis`]), and what does not shrink. One
//! file per node holds its ratios to that.

use crate::synthesis::Synthesis;
use crate::written::{self, Fact, FactError, Range};
use base::units::{BytesPerSecond, Hertz, Joules, Millimetres, SquareMillimetres, Volts, Watts};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Blocks at the reference node, and shares.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Blocks {
    /// Areas of cells.
    pub area: CellAreas,
    /// Energies of events.
    pub energy: Energies,
    /// Ratios.
    pub share: Shares,
    /// Clock of the matrix array.
    pub clock: Fact<Hertz>,
    /// How the clock follows the supply.
    pub supply: Supply,
    /// Area of the host's interface and of management.
    pub host: Fact<SquareMillimetres>,
    /// Links to other chips.
    pub link: Link,
    /// Memories beside the die, by kind.
    pub memory: BTreeMap<String, Memory>,
}

/// Areas of cells, before placement.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CellAreas {
    /// Multiply-accumulate of an 8-bit activation and a 4-bit weight.
    pub mac_i4: Fact<SquareMillimetres>,
    /// Multiply-accumulate of two 8-bit operands.
    pub mac_i8: Fact<SquareMillimetres>,
    /// binary32 multiply-add.
    pub fma_f32: Fact<SquareMillimetres>,
    /// What scales a block sum, places it on the grid and adds it to an accumulator.
    pub accumulator: Fact<SquareMillimetres>,
    /// An accumulator of 64 bits, with what selects it.
    pub register: Fact<SquareMillimetres>,
}

/// Energies of events.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Energies {
    /// Multiply-accumulate of an 8-bit activation and a 4-bit weight.
    pub mac_i4: Fact<Joules>,
    /// Multiply-accumulate of two 8-bit operands.
    pub mac_i8: Fact<Joules>,
    /// binary32 multiply-add.
    pub fma_f32: Fact<Joules>,
    /// A byte read or written in the scratchpad.
    pub sram_byte: Fact<Joules>,
    /// A byte over a millimetre of wire.
    pub wire_byte_mm: Fact<Joules>,
    /// A byte through a router.
    pub router_byte: Fact<Joules>,
}

/// Ratios that turn cells into blocks.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    /// Cell area over placed area.
    pub placement: Fact<f64>,
    /// Vector lane over its multiply-add.
    pub lane: Fact<f64>,
    /// Scratchpad over its macros.
    pub bank: Fact<f64>,
    /// Network over cores.
    pub noc: Fact<f64>,
    /// What has no name over what has.
    pub spare: Fact<f64>,
    /// Clock and control over the named events.
    pub clock: Fact<f64>,
}

/// How the clock follows the supply: the alpha-power law.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Supply {
    /// Exponent of the current over the threshold.
    pub alpha: Fact<f64>,
    /// Threshold of the transistors.
    pub threshold: Fact<Volts>,
    /// Lowest supply at which memory keeps and reads its bits.
    pub lowest: Fact<Volts>,
}

/// Links to other chips.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Area for [`LINK_RATE`] in each direction.
    pub area: Fact<SquareMillimetres>,
    /// Energy of a byte.
    pub byte: Fact<Joules>,
}

/// The rate that a link's area is given for, in each direction.
pub const LINK_RATE: BytesPerSecond = BytesPerSecond(100e9);

/// A memory beside the die.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Bandwidth of one stack or device.
    pub bandwidth: Fact<BytesPerSecond>,
    /// Area of its PHY and controller on the die.
    pub phy: Fact<SquareMillimetres>,
    /// Energy of a byte, both sides.
    pub byte: Fact<Joules>,
    /// Share of that energy that the die spends.
    pub on_die: Fact<f64>,
    /// Outline in the package; absent for memory on the board.
    pub stack: Option<Outline>,
}

/// The outline of a stack of memory dies.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Outline {
    /// Extent away from the die.
    #[serde(deserialize_with = "written::quantity")]
    pub width: Millimetres,
    /// Extent along the die's edge.
    #[serde(deserialize_with = "written::quantity")]
    pub height: Millimetres,
    /// Where that comes from.
    #[serde(deserialize_with = "written::said")]
    pub source: String,
    /// Of when it is.
    #[serde(deserialize_with = "written::said")]
    pub as_of: String,
}

/// A node's ratios to the reference.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// For people.
    pub title: String,
    /// Density of logic.
    pub logic: Fact<f64>,
    /// Energy of an event.
    pub energy: Fact<f64>,
    /// Clock.
    pub speed: Fact<f64>,
    /// Area of a MiB of memory macros.
    pub sram_mib: Fact<SquareMillimetres>,
    /// Leakage of a mm2.
    pub leakage: Fact<Watts>,
    /// Highest supply for years of life.
    pub highest: Fact<Volts>,
}

impl Blocks {
    /// The shipped reference: figures of the shipped synthesis where it has them, published ones where not.
    pub fn builtin() -> Blocks {
        Blocks::published().with(&Synthesis::builtin())
    }

    /// Published figures alone.
    pub fn published() -> Blocks {
        let file = "nodes/blocks.toml";
        let text = data::file(file).expect("the blocks are embedded");
        written::read(file, text).expect("shipped blocks are tested")
    }
}

/// One of the figures that areas and energies of blocks rest on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure<'a> {
    /// What it is of.
    pub what: &'static str,
    /// Where it comes from.
    pub source: &'a str,
    /// The figure at the reference node, in [`Figure::unit`].
    pub range: Range<f64>,
    /// `um2` of cells, `pJ` of an event, or nothing for a ratio.
    pub unit: &'static str,
}

impl<'a> Figure<'a> {
    fn of<T: Copy>(what: &'static str, fact: &'a Fact<T>, unit: &'static str, number: fn(T) -> f64) -> Figure<'a> {
        Figure { what, source: &fact.source, range: fact.range.map(number), unit }
    }

    /// Whether it is of the design itself, from the shipped synthesis.
    pub fn synthesised(&self) -> bool {
        self.source.starts_with(crate::synthesis::OWN)
    }
}

impl Blocks {
    /// The figures of blocks with their sources.
    pub fn figures(&self) -> [Figure<'_>; 10] {
        let (area, energy, lane) = (&self.area, &self.energy, &self.share.lane);
        [
            um2("area of a 4-bit product", &area.mac_i4),
            um2("of an 8-bit product", &area.mac_i8),
            um2("of scaling and summing", &area.accumulator),
            um2("of an accumulator", &area.register),
            um2("of a binary32 multiply-add", &area.fma_f32),
            Figure::of("of a vector lane over its multiply-add", lane, "", |ratio| ratio),
            pj("energy of a 4-bit product", &energy.mac_i4),
            pj("of an 8-bit product", &energy.mac_i8),
            pj("of a binary32 multiply-add", &energy.fma_f32),
            pj("of a scratchpad byte", &energy.sram_byte),
        ]
    }
}

fn um2<'a>(what: &'static str, fact: &'a Fact<SquareMillimetres>) -> Figure<'a> {
    Figure::of(what, fact, "um2", |area| area.0 * 1e6)
}

fn pj<'a>(what: &'static str, fact: &'a Fact<Joules>) -> Figure<'a> {
    Figure::of(what, fact, "pJ", |energy| energy.0 * 1e12)
}

impl Node {
    /// A shipped node, by name: `n3`.
    pub fn builtin(name: &str) -> Option<Node> {
        let known = Node::names().any(|known| known == name);
        let file = format!("nodes/{name}.toml");
        let text = data::file(&file).filter(|_| known)?;
        Some(Node::parse(&file, text).expect("shipped nodes are tested"))
    }

    /// Reads a node.
    pub fn parse(file: &str, text: &str) -> Result<Node, FactError> {
        written::read(file, text)
    }

    /// Names of the shipped nodes.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let names = data::list("nodes/").filter_map(|path| path.strip_prefix("nodes/")?.strip_suffix(".toml"));
        names.filter(|name| *name != "blocks")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_nodes_shrink_one_after_the_other() {
        let nodes = ["n7", "n5", "n3", "n2"].map(|name| Node::builtin(name).unwrap());
        for pair in nodes.windows(2) {
            assert!(pair[0].logic.range.nominal < pair[1].logic.range.nominal);
            assert!(pair[0].energy.range.nominal > pair[1].energy.range.nominal);
            assert!(pair[0].speed.range.nominal < pair[1].speed.range.nominal);
            assert!(pair[0].sram_mib.range.nominal >= pair[1].sram_mib.range.nominal);
        }
        assert_eq!(Node::names().count(), nodes.len());
        assert!(Node::builtin("blocks").is_none() && Node::builtin("n1").is_none());
    }

    #[test]
    fn shipped_blocks_know_the_memory_of_every_shipped_chip() {
        let blocks = Blocks::builtin();
        for name in arch::Chip::builtin_names() {
            let chip = arch::Chip::builtin(&name).unwrap();
            assert!(blocks.memory.contains_key(&chip.memory.kind), "{name}: {}", chip.memory.kind);
        }
    }
}
