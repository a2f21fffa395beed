//! Where the blocks lie: a die of rectangles, and the die in its package.
//!
//! The die has the shape of the reticle field, so that it can be printed exactly if its area allows it. Memory PHYs stand on its left and right edges, where the stacks
//! are; the host is above, links are below; cores fill the rest as a grid. In a core, scratchpad, vector and matrix lie on top of each other; channels of
//! the network run along its left and lower side; what is spare lies between. Every block has the area that [`crate::area`] gives it.

mod svg;

pub use svg::{die, package, temperatures};

use crate::area::{Area, Block};
use crate::node::Outline;
use crate::shape::Rectangle;
use base::units::{Millimetres, SquareMillimetres};

/// The field that a scanner prints: 26 mm by 33 mm, as lithography tools are specified.
pub const RETICLE: Rectangle =
    Rectangle { x: Millimetres(0.0), y: Millimetres(0.0), width: Millimetres(26.0), height: Millimetres(33.0) };

/// Between die and stacks, and between stacks: 0.1 to 0.5 mm for underfill to flow, as package design rules ask.
const GAP: f64 = 0.3;

/// From the outermost die to the package's edge: a ring for the lid's foot and passives; an assumption after photographs of packages.
const RING: f64 = 8.0;

/// A placed part of the die.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    /// Which block it belongs to.
    pub block: Block,
    /// Where it lies, from the die's lower left corner.
    pub area: Rectangle,
}

/// A die and its package.
#[derive(Clone, Debug, PartialEq)]
pub struct Floorplan {
    /// Name of the chip.
    pub name: String,
    /// Outline of the die within the package.
    pub die: Rectangle,
    /// Parts of the die, from its own corner.
    pub parts: Vec<Placed>,
    /// Outlines of the cores, from the die's corner.
    pub cores: Vec<Rectangle>,
    /// Memory stacks in the package.
    pub stacks: Vec<Rectangle>,
    /// Outline of the package and its lid.
    pub package: Rectangle,
}

impl Floorplan {
    /// Lays out nominal areas: `cores` cores and, if the memory is stacked, stacks of an outline.
    pub fn of(name: &str, area: &Area, cores: usize, stack: Option<&Outline>) -> Floorplan {
        let total = area.total().nominal.0;
        let width = (total * (RETICLE.width / RETICLE.height)).sqrt();
        let height = total / width;
        let mut plan = Die { width, height, parts: Vec::new() };
        let inside = plan.edges(area);
        let cores = plan.cores(area, cores, inside);
        let parts = plan.parts;
        let (die, stacks, package) = assemble(width, height, area.stacks, stack);
        Floorplan { name: name.to_owned(), die, parts, cores, stacks, package }
    }

    /// True if a scanner prints the die at once.
    pub fn fits_reticle(&self) -> bool {
        self.die.width <= RETICLE.width && self.die.height <= RETICLE.height
    }

    /// True if the stacks of a side reach beyond the die, so that the wires to the outer ones run along the interposer.
    pub fn stacks_overhang(&self) -> bool {
        self.stacks.iter().any(|stack| stack.y < self.die.y || stack.top() > self.die.top())
    }

    /// The placed area of a block.
    pub fn block(&self, block: Block) -> SquareMillimetres {
        self.parts.iter().filter(|part| part.block == block).map(|part| part.area.area()).sum()
    }
}

/// A die being filled.
struct Die {
    width: f64,
    height: f64,
    parts: Vec<Placed>,
}

impl Die {
    fn put(&mut self, block: Block, area: Rectangle) {
        // Blocks that a chip does not have leave no sliver behind.
        if area.area().0 > 0.0 {
            self.parts.push(Placed { block, area });
        }
    }

    /// Interfaces on the edges; gives what remains inside.
    fn edges(&mut self, area: &Area) -> Rectangle {
        let size = |block: Block| area.block(block).nominal.0;
        let phy = size(Block::Memory) / area.stacks as f64;
        let sides = sides(area.stacks);
        let depth = sides.map(|count| phy * count as f64 / self.height);
        for (side, count) in sides.into_iter().enumerate() {
            let x = if side == 0 { 0.0 } else { self.width - depth[1] };
            let step = self.height / count.max(1) as f64;
            for at in 0..count {
                self.put(Block::Memory, Rectangle::new(x, at as f64 * step, depth[side], step));
            }
        }
        let inner = self.width - depth[0] - depth[1];
        let (links, host) = (size(Block::Links) / inner, size(Block::Host) / inner);
        self.put(Block::Links, Rectangle::new(depth[0], 0.0, inner, links));
        self.put(Block::Host, Rectangle::new(depth[0], self.height - host, inner, host));
        Rectangle::new(depth[0], links, inner, self.height - links - host)
    }

    /// A grid of cores; places without a core are spare.
    fn cores(&mut self, area: &Area, count: usize, inside: Rectangle) -> Vec<Rectangle> {
        let size = |block: Block| area.block(block).nominal.0;
        let (columns, rows) = grid(count, inside.width.0 / inside.height.0);
        let (width, height) = (inside.width.0 / columns as f64, inside.height.0 / rows as f64);
        let places = columns * rows;
        let empty = width * height * (places - count) as f64;
        let network = size(Block::Noc) / count as f64;
        // What is spare beyond the empty places lies in the cores.
        let spare = (size(Block::Spare) - empty).max(0.0) / count as f64;
        let blocks = [Block::Matrix, Block::Vector, Block::Sram].map(|block| (block, size(block) / count as f64));
        let body = spare + blocks.iter().map(|(_, area)| area).sum::<f64>();
        let mut cores = Vec::new();
        for place in 0..places {
            let x = inside.x.0 + (place % columns) as f64 * width;
            let y = inside.y.0 + (place / columns) as f64 * height;
            if place >= count {
                self.put(Block::Spare, Rectangle::new(x, y, width, height));
                continue;
            }
            cores.push(Rectangle::new(x, y, width, height));
            let side = (body / (body + network)).sqrt();
            let (left, low) = (width * (1.0 - side), height * (1.0 - side));
            self.put(Block::Noc, Rectangle::new(x, y, left, height));
            self.put(Block::Noc, Rectangle::new(x + left, y, width - left, low));
            let mut above = y + low;
            for (block, area) in blocks.into_iter().chain([(Block::Spare, spare)]) {
                let tall = area / body * (height - low);
                self.put(block, Rectangle::new(x + left, above, width - left, tall));
                above += tall;
            }
        }
        cores
    }
}

/// Stacks left and right of the die.
fn sides(stacks: usize) -> [usize; 2] {
    [stacks.div_ceil(2), stacks / 2]
}

/// Columns and rows of a grid that holds `count` cells of which `aspect` makes squares: few empty places, and cells near to square.
fn grid(count: usize, aspect: f64) -> (usize, usize) {
    let cost = |columns: usize| {
        let rows = count.div_ceil(columns);
        let waste = (columns * rows) as f64 / count as f64;
        (aspect * rows as f64 / columns as f64).ln().abs() + 4.0 * (waste - 1.0)
    };
    let best = (1..=count.max(1)).min_by(|a, b| cost(*a).total_cmp(&cost(*b))).unwrap_or(1);
    (best, count.div_ceil(best))
}

/// Die, stacks and package in the package's coordinates.
fn assemble(width: f64, height: f64, count: usize, stack: Option<&Outline>) -> (Rectangle, Vec<Rectangle>, Rectangle) {
    let Some(stack) = stack else {
        let die = Rectangle::new(RING, RING, width, height);
        return (die, Vec::new(), Rectangle::new(0.0, 0.0, width + 2.0 * RING, height + 2.0 * RING));
    };
    let (deep, long) = (stack.width.0, stack.height.0);
    let [left, right] = sides(count);
    let side = |count: usize| count as f64 * (long + GAP) - GAP;
    let flank = |count: usize| if count > 0 { deep + GAP } else { 0.0 };
    let tall = height.max(side(left));
    let middle = RING + tall / 2.0;
    let die = Rectangle::new(RING + flank(left), middle - height / 2.0, width, height);
    let mut stacks = Vec::new();
    for (count, x) in [(left, RING), (right, die.right().0 + GAP)] {
        let start = middle - side(count) / 2.0;
        stacks.extend((0..count).map(|at| Rectangle::new(x, start + at as f64 * (long + GAP), deep, long)));
    }
    let across = flank(left) + width + flank(right) + 2.0 * RING;
    (die, stacks, Rectangle::new(0.0, 0.0, across, tall + 2.0 * RING))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Blocks, Node};
    use arch::Chip;
    use proptest::prelude::*;

    fn plan(name: &str, cores: usize, node: &str) -> (Area, Floorplan) {
        let chip = Chip::builtin(name).unwrap().with_cores(cores);
        let blocks = Blocks::builtin();
        let area = Area::of(&chip, &blocks, &Node::builtin(node).unwrap()).unwrap();
        let stack = blocks.memory[&chip.memory.kind].stack.clone();
        let plan = Floorplan::of(name, &area, cores, stack.as_ref());
        (area, plan)
    }

    proptest! {
        #[test]
        fn every_block_has_its_area_and_no_two_overlap(
            name in prop_oneof![Just("one"), Just("nano")],
            cores in 1..40_usize,
            node in prop_oneof![Just("n7"), Just("n3"), Just("n2")],
        ) {
            let (area, plan) = plan(name, cores, node);
            let die = Rectangle::new(0.0, 0.0, plan.die.width.0, plan.die.height.0);
            let placed: f64 = plan.parts.iter().map(|part| part.area.area().0).sum();
            prop_assert!((placed - die.area().0).abs() < 1e-6 * placed, "the die is filled");
            let (columns, rows) = grid(cores, 1.0);
            for block in Block::ALL {
                let (wanted, found) = (area.block(block).nominal.0, plan.block(block).0);
                // Where cores leave places empty, these may be more than is spare.
                let exact = columns * rows == cores || !matches!(block, Block::Spare | Block::Matrix | Block::Vector | Block::Sram | Block::Noc);
                prop_assert!(!exact || (wanted - found).abs() < 0.06 * wanted.max(1.0), "{}: {wanted} {found}", block.name());
            }
            for (at, a) in plan.parts.iter().enumerate() {
                prop_assert!((a.area.shared(&die).0 - a.area.area().0).abs() < 1e-6, "inside");
                for b in &plan.parts[at + 1..] {
                    prop_assert!(a.area.shared(&b.area).0 < 1e-6, "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn the_package_holds_what_stands_in_it() {
        let (_, plan) = plan("one", 32, "n3");
        assert_eq!((plan.stacks.len(), plan.cores.len()), (8, 32));
        assert!(plan.fits_reticle());
        let all: Vec<Rectangle> = plan.stacks.iter().copied().chain([plan.die]).collect();
        for (at, a) in all.iter().enumerate() {
            assert!((a.shared(&plan.package).0 - a.area().0).abs() < 1e-9);
            assert!(all[at + 1..].iter().all(|b| a.shared(b).0 == 0.0));
        }
    }

    #[test]
    fn pictures_are_well_formed() {
        let (_, plan) = plan("one", 32, "n3");
        for text in [die(&plan), package(&plan)] {
            assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"));
            assert!(!text.contains("NaN") && text.contains("mm"));
        }
        assert!(die(&plan).matches("<rect").count() > plan.parts.len());
    }
}
