//! Area per block of a chip.
//!
//! Cells of logic are those of the shipped synthesis, or of `data/nodes/blocks.toml`, over the node's density and over how full a placed block can be;
//! memory is macros and what surrounds them; interfaces keep their size from node to node. A lane of the matrix engine is as large as its widest weight kind needs:
//! all kinds are integers of 4 or 8 bits to it (the elements of MXFP4 are integers up to 12, in halves). Behind the lanes of a row
//! stand as many units that scale, place on the grid and add as keep up with its block sums, and two sets of accumulators for each of a tile's rows and each
//! token.

use crate::node::{Blocks, LINK_RATE, Memory, Node};
use crate::written::Range;
use arch::Chip;
use base::tile::{BLOCK, WeightKind};
use base::units::SquareMillimetres;

/// The blocks that area and power are told for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Block {
    /// Multipliers, accumulators and their registers.
    Matrix,
    /// Vector lanes.
    Vector,
    /// Scratchpads, weight buffers and parameter memory.
    Sram,
    /// The network between cores, memory and links.
    Noc,
    /// PHYs and controllers of the memory beside the die.
    Memory,
    /// PHYs and controllers of the links.
    Links,
    /// The host's interface and management.
    Host,
    /// Control, clock, test, power and gaps.
    Spare,
}

impl Block {
    /// All blocks.
    pub const ALL: [Block; 8] =
        [Block::Matrix, Block::Vector, Block::Sram, Block::Noc, Block::Memory, Block::Links, Block::Host, Block::Spare];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Block::Matrix => "matrix",
            Block::Vector => "vector",
            Block::Sram => "SRAM",
            Block::Noc => "network",
            Block::Memory => "memory PHYs",
            Block::Links => "link PHYs",
            Block::Host => "host",
            Block::Spare => "spare",
        }
    }
}

/// Areas of a die.
#[derive(Clone, Debug, PartialEq)]
pub struct Area {
    /// By block.
    pub blocks: Vec<(Block, Range<SquareMillimetres>)>,
    /// Memory stacks or devices beside the die.
    pub stacks: usize,
}

/// Why a chip has no area.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("memory `{kind}` has no area and energy here; known are {known}")]
pub struct UnknownMemory {
    /// As the chip says.
    pub kind: String,
    /// What is known.
    pub known: String,
}

/// The memory that a chip speaks of.
pub fn memory<'a>(blocks: &'a Blocks, chip: &Chip) -> Result<&'a Memory, UnknownMemory> {
    blocks.memory.get(&chip.memory.kind).ok_or_else(|| UnknownMemory {
        kind: chip.memory.kind.clone(),
        known: blocks.memory.keys().cloned().collect::<Vec<_>>().join(", "),
    })
}

/// True if a weight kind needs a multiplier of 8 by 8 bits.
pub fn is_wide(kind: WeightKind) -> bool {
    !matches!(kind, WeightKind::I4s | WeightKind::I4m | WeightKind::Mx4)
}

/// Placed area of the multipliers of all cores, had they to take this weight kind only.
pub fn multipliers(chip: &Chip, blocks: &Blocks, node: &Node, kind: WeightKind) -> Range<SquareMillimetres> {
    let cell = if is_wide(kind) { &blocks.area.mac_i8 } else { &blocks.area.mac_i4 };
    let matrix = &chip.matrix;
    placed(cell.range, blocks, node, matrix.rows * matrix.depth * matrix.columns * chip.core.count)
}

/// Area of `count` blocks of cells on a node.
fn placed(cells: Range<SquareMillimetres>, blocks: &Blocks, node: &Node, count: usize) -> Range<SquareMillimetres> {
    cells.map(|area| area * count as f64) / node.logic.range / blocks.share.placement.range
}

impl Area {
    /// The areas of `chip` on `node`.
    pub fn of(chip: &Chip, blocks: &Blocks, node: &Node) -> Result<Area, UnknownMemory> {
        let memory = memory(blocks, chip)?;
        // One part in a thousand: a chip that rounds its bandwidth down or up does not gain a stack.
        let stacks = (chip.memory.bandwidth / memory.bandwidth.range.nominal - 1e-3).ceil().max(1.0) as usize;
        let lanes = placed(blocks.area.fma_f32.range, blocks, node, chip.vector_lanes * chip.core.count);
        let vector = lanes * blocks.share.lane.range;
        let (matrix, sram) = (matrix(chip, blocks, node), sram(chip, blocks, node));
        let noc = (matrix + vector + sram) * blocks.share.noc.range;
        let phys = memory.phy.range.map(|area| area * stacks as f64);
        let rate = chip.links.bandwidth * chip.links.count as f64;
        let links = blocks.link.area.range.map(|area| area * (rate.0 / LINK_RATE.0));
        let host = blocks.host.range;
        let spare = (matrix + vector + sram + noc + phys + links + host) * blocks.share.spare.range;
        let areas = [matrix, vector, sram, noc, phys, links, host, spare];
        Ok(Area { blocks: Block::ALL.into_iter().zip(areas).collect(), stacks })
    }

    /// A die of the same proportions with a nominal `total`, beside `stacks` stacks: for questions of size alone, such as heat.
    pub fn scaled(&self, total: SquareMillimetres, stacks: usize) -> Area {
        let factor = total / self.total().nominal;
        let blocks = self.blocks.iter().map(|(block, area)| (*block, area.map(|area| area * factor)));
        Area { blocks: blocks.collect(), stacks }
    }

    /// The area of a block.
    pub fn block(&self, block: Block) -> Range<SquareMillimetres> {
        self.blocks.iter().filter(|(named, _)| *named == block).map(|(_, area)| *area).sum()
    }

    /// The whole die.
    pub fn total(&self) -> Range<SquareMillimetres> {
        self.blocks.iter().map(|(_, area)| *area).sum()
    }
}

/// Multipliers of the widest kind, and what sums their products.
fn matrix(chip: &Chip, blocks: &Blocks, node: &Node) -> Range<SquareMillimetres> {
    let kinds = chip.matrix.weights.iter().copied();
    let widest = kinds.clone().find(|kind| is_wide(*kind)).or(kinds.clone().next()).unwrap_or(WeightKind::I4s);
    let matrix = &chip.matrix;
    let units = matrix.rows * units(matrix.columns, BLOCK / matrix.depth.clamp(1, BLOCK)) * chip.core.count;
    let registers = SETS * BLOCK * matrix.tokens * chip.core.count;
    multipliers(chip, blocks, node, widest)
        + placed(blocks.area.accumulator.range, blocks, node, units)
        + placed(blocks.area.register.range, blocks, node, registers)
}

/// Sets of accumulators: one is summed while the other is written.
const SETS: usize = 2;

/// Units that place the terms of so many tokens in the steps of a block: the fewest that keep up, a divisor of the tokens (`rtl/sv/puce_matrix.sv`).
fn units(columns: usize, steps: usize) -> usize {
    (1..=columns).find(|units| columns.is_multiple_of(*units) && columns / units <= steps).unwrap_or(columns)
}

/// Scratchpads, weight buffers and parameters of all cores.
fn sram(chip: &Chip, blocks: &Blocks, node: &Node) -> Range<SquareMillimetres> {
    node.sram_mib.range.map(|area| area * mebibytes(chip)) * blocks.share.bank.range
}

/// SRAM of the whole chip, in MiB.
pub fn mebibytes(chip: &Chip) -> f64 {
    const MEBIBYTE: f64 = 1024.0 * 1024.0;
    const PARAMETER: f64 = 4.0;
    let per_core = chip.core.scratchpad.as_f64() + chip.matrix.buffer.as_f64();
    (per_core * chip.core.count as f64 + PARAMETER * chip.parameters as f64) / MEBIBYTE
}

/// A published band, what the chip has, and what to say when it lies outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// What is compared, with its unit.
    pub what: &'static str,
    /// The lowest of the published machines.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// This chip's.
    pub found: f64,
    /// Why it lies outside, if it does.
    pub reason: Option<&'static str>,
}

/// Operations of a multiply-accumulate.
const OPERATIONS: f64 = 2.0;

/// The bands of published inference machines that this chip is held against: memory bandwidth over 8-bit arithmetic of the HBM accelerators of 2025 and 2026; SRAM over area of
/// the SRAM machines of Graphcore, Groq and Tenstorrent; arithmetic over area from the inference dies of 14 nm (0.8 to 1.0) to B200 (4.5 PFLOP/s on two dies
/// of 800 mm2); multipliers over area as die photographs of such dies show them.
pub fn bands(chip: &Chip, area: &Area) -> Vec<Band> {
    let die = area.total().nominal.0;
    let operations = OPERATIONS * chip.macs_per_second();
    let multipliers = area.block(Block::Matrix).nominal.0 / die;
    let band = |what, low, high, found: f64, below, above| Band {
        what,
        low,
        high,
        found,
        reason: if found < low { Some(below) } else { (found > high).then_some(above) },
    };
    vec![
        band(
            "memory TB/s per POP/s",
            1.4,
            2.6,
            chip.memory.bandwidth.0 / operations * 1e3,
            "little bandwidth: made for prompts rather than answers",
            "much bandwidth: made for answers rather than prompts",
        ),
        band(
            "MiB SRAM per mm2",
            0.3,
            0.6,
            mebibytes(chip) / die,
            "interfaces fill the die",
            "more memory than published SRAM machines: check the scratchpads",
        ),
        band(
            "TOP/s per mm2",
            0.8,
            3.0,
            operations / 1e12 / die,
            "a small die, most of it interfaces",
            "integer dot-product lanes at the array's clock; published dies carry floating-point lanes and caches, and derate",
        ),
        band(
            "matrix share of the die",
            0.03,
            0.10,
            multipliers,
            "interfaces and memory fill the die",
            "few other blocks: no caches, no scalar cores",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn areas(chip: &Chip, node: &str) -> Area {
        Area::of(chip, &Blocks::builtin(), &Node::builtin(node).unwrap()).unwrap()
    }

    #[test]
    fn every_shipped_chip_lies_inside_the_published_bands_or_says_why_not() {
        for name in Chip::builtin_names() {
            let chip = Chip::builtin(&name).unwrap();
            for band in bands(&chip, &areas(&chip, "n3")) {
                let inside = (band.low..=band.high).contains(&band.found);
                assert_eq!(inside, band.reason.is_none(), "{name}: {band:?}");
            }
        }
        // What the large chip was drawn for: the bandwidth of its time, and no more memory than SRAM machines.
        let one = Chip::builtin("one").unwrap();
        let found = bands(&one, &areas(&one, "n3"));
        assert!(found[0].reason.is_none() && found[1].reason.is_none(), "{found:?}");
    }

    #[test]
    fn only_logic_and_memory_shrink() {
        let one = Chip::builtin("one").unwrap();
        let (old, new) = (areas(&one, "n7"), areas(&one, "n3"));
        for block in [Block::Matrix, Block::Vector, Block::Sram, Block::Noc] {
            assert!(old.block(block).nominal > new.block(block).nominal, "{}", block.name());
        }
        for block in [Block::Memory, Block::Links, Block::Host] {
            assert_eq!(old.block(block), new.block(block), "{}", block.name());
        }
        assert!(new.total().low < new.total().nominal && new.total().nominal < new.total().high);
    }

    #[test]
    fn four_bit_lanes_are_smaller_and_memory_is_exact() {
        let one = Chip::builtin("one").unwrap();
        let mut narrow = one.clone();
        narrow.matrix.weights.retain(|kind| !is_wide(*kind));
        assert!(areas(&narrow, "n3").block(Block::Matrix).high < areas(&one, "n3").block(Block::Matrix).high);
        assert_eq!(mebibytes(&one), 32.0 * 4.25 + 4.0 / 256.0);
        assert_eq!(areas(&one, "n3").stacks, 8);
    }

    #[test]
    fn an_unknown_memory_is_refused_with_the_known_ones() {
        let mut chip = Chip::builtin("one").unwrap();
        chip.memory.kind = "GDDR9".into();
        let error = Area::of(&chip, &Blocks::builtin(), &Node::builtin("n3").unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "memory `GDDR9` has no area and energy here; known are HBM3E, HBM4, LPDDR5X");
    }
}
