//! Where the blocks lie: a die of rectangles, and the die in its package.
//!
//! The die has the shape of the reticle field, so that it can be printed exactly if its area allows it. Memory PHYs stand on its left and right edges, where the stacks
//! are; the host is above, links are below; cores fill the rest as a grid. In a core, scratchpad, vector and matrix lie on top of each other; channels of
//! the network run along its left and lower side; what is spare lies between. Every block has the area that [`crate::area`] gives it.
//!
//! A package may hold several equal dies. A die with its own stacks is a tile; up to three tiles stand side by side, more in rows near to a square.

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

/// Beyond the outermost die, for the sealing ring of the interposer; an assumption after photographs of packages.
const RIM: f64 = 0.8;

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
    /// Outline of the first die within the package.
    pub die: Rectangle,
    /// Outlines of all dies within the package; they are equal.
    pub dies: Vec<Rectangle>,
    /// Parts of a die, from its own corner.
    pub parts: Vec<Placed>,
    /// Outlines of the cores of a die, from its corner.
    pub cores: Vec<Rectangle>,
    /// Memory stacks in the package.
    pub stacks: Vec<Rectangle>,
    /// Outline of the package and its lid.
    pub package: Rectangle,
}

impl Floorplan {
    /// Lays out nominal areas: `cores` cores and, if the memory is stacked, stacks of an outline.
    pub fn of(name: &str, area: &Area, cores: usize, stack: Option<&Outline>) -> Floorplan {
        Floorplan::of_dies(name, area, cores, stack, 1)
    }

    /// Lays out a package of `dies` equal dies, each with the areas, cores and stacks of one.
    pub fn of_dies(name: &str, area: &Area, cores: usize, stack: Option<&Outline>, dies: usize) -> Floorplan {
        let (width, height) = sides_of(area.total().nominal);
        let mut plan = Die { width, height, parts: Vec::new() };
        let inside = plan.edges(area);
        let cores = plan.cores(area, cores, inside);
        let parts = plan.parts;
        let (dies, stacks, package) = assemble(width, height, area.stacks, stack, dies);
        Floorplan { name: name.to_owned(), die: dies[0], dies, parts, cores, stacks, package }
    }

    /// What carries dies and stacks, in the package; `None` where there are no stacks.
    pub fn interposer(&self) -> Option<Rectangle> {
        (!self.stacks.is_empty()).then(|| around(self.dies.iter().chain(&self.stacks)))
    }

    /// True if a scanner prints the die at once.
    pub fn fits_reticle(&self) -> bool {
        self.die.width <= RETICLE.width && self.die.height <= RETICLE.height
    }

    /// True if the stacks of a side reach beyond the die, so that the wires to the outer ones run along the interposer.
    pub fn stacks_overhang(&self) -> bool {
        let mut own = self.stacks.iter().take(self.stacks.len() / self.dies.len());
        own.any(|stack| stack.y < self.die.y || stack.top() > self.die.top())
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

/// Width and height of a die of some area, in the shape of the reticle field.
fn sides_of(area: SquareMillimetres) -> (f64, f64) {
    let width = (area.0 * (RETICLE.width / RETICLE.height)).sqrt();
    (width, area.0 / width)
}

/// Width and height of a die of some area, in the shape of the reticle field.
pub fn die_sides(area: SquareMillimetres) -> (Millimetres, Millimetres) {
    let (width, height) = sides_of(area);
    (Millimetres(width), Millimetres(height))
}

/// Width and height of the interposer below `dies` dies of `die` each, every one with `stacks` stacks: dies and stacks with the gaps between them and a rim, without
/// the package's ring.
pub fn interposer(die: SquareMillimetres, stacks: usize, stack: &Outline, dies: usize) -> (Millimetres, Millimetres) {
    let (width, height) = sides_of(die);
    let (dies, stacks, _) = assemble(width, height, stacks, Some(stack), dies);
    let outline = around(dies.iter().chain(&stacks));
    (outline.width, outline.height)
}

/// The rectangle around others, with the rim.
fn around<'a>(all: impl Iterator<Item = &'a Rectangle> + Clone) -> Rectangle {
    let low = |edge: fn(&Rectangle) -> f64| all.clone().map(edge).fold(f64::INFINITY, f64::min) - RIM;
    let high = |edge: fn(&Rectangle) -> f64| all.clone().map(edge).fold(0.0, f64::max) + RIM;
    let (x, y) = (low(|area| area.x.0), low(|area| area.y.0));
    Rectangle::new(x, y, high(|area| area.right().0) - x, high(|area| area.top().0) - y)
}

/// Columns and rows of the tiles of a package.
fn tiles(dies: usize) -> (usize, usize) {
    /// More than these do not stand in one row.
    const ROW: usize = 3;
    let columns = if dies <= ROW { dies.max(1) } else { (dies as f64).sqrt().ceil() as usize };
    (columns, dies.div_ceil(columns).max(1))
}

/// Dies, stacks and package in the package's coordinates; `count` stacks stand beside each of `dies` dies.
fn assemble(
    width: f64,
    height: f64,
    count: usize,
    stack: Option<&Outline>,
    dies: usize,
) -> (Vec<Rectangle>, Vec<Rectangle>, Rectangle) {
    let (columns, rows) = tiles(dies);
    let (across, tall) = tile_sides(width, height, count, stack);
    let (mut placed, mut stacks) = (Vec::new(), Vec::new());
    for at in 0..dies.max(1) {
        let x = RING + (at % columns) as f64 * (across + GAP);
        let y = RING + (at / columns) as f64 * (tall + GAP);
        placed.push(tile(width, height, count, stack, [x, y], &mut stacks));
    }
    let side = |tile: f64, count: usize| tile + (count - 1) as f64 * (tile + GAP) + 2.0 * RING;
    (placed, stacks, Rectangle::new(0.0, 0.0, side(across, columns), side(tall, rows)))
}

/// From the edge of a tile to its die, where stacks stand between.
fn flank(count: usize, stack: &Outline) -> f64 {
    if count > 0 { stack.width.0 + GAP } else { 0.0 }
}

/// Length of a row of stacks.
fn row(count: usize, stack: &Outline) -> f64 {
    count as f64 * (stack.height.0 + GAP) - GAP
}

/// Width and height of a die with its stacks.
fn tile_sides(width: f64, height: f64, count: usize, stack: Option<&Outline>) -> (f64, f64) {
    let [left, right] = sides(count);
    stack.map_or((width, height), |stack| {
        (flank(left, stack) + width + flank(right, stack), height.max(row(left, stack)))
    })
}

/// Places a die with its stacks at a corner; gives the die.
fn tile(
    width: f64,
    height: f64,
    count: usize,
    stack: Option<&Outline>,
    [x, y]: [f64; 2],
    stacks: &mut Vec<Rectangle>,
) -> Rectangle {
    let Some(stack) = stack else { return Rectangle::new(x, y, width, height) };
    let (deep, long) = (stack.width.0, stack.height.0);
    let [left, right] = sides(count);
    let middle = y + height.max(row(left, stack)) / 2.0;
    let die = Rectangle::new(x + flank(left, stack), middle - height / 2.0, width, height);
    for (count, x) in [(left, x), (right, die.right().0 + GAP)] {
        let start = middle - row(count, stack) / 2.0;
        stacks.extend((0..count).map(|at| Rectangle::new(x, start + at as f64 * (long + GAP), deep, long)));
    }
    die
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
    fn tiles_of_a_package_are_equal() {
        let chip = Chip::builtin("one").unwrap();
        let (area, single) = plan("one", 32, "n3");
        let outline = Blocks::builtin().memory[&chip.memory.kind].stack.clone().unwrap();
        for (dies, columns) in [(1, 1), (2, 2), (3, 3), (4, 2)] {
            let many = Floorplan::of_dies("one", &area, 32, Some(&outline), dies);
            assert_eq!((many.dies.len(), many.stacks.len()), (dies, 8 * dies));
            assert_eq!(many.dies[0], single.dies[0]);
            let all: Vec<Rectangle> = many.stacks.iter().chain(&many.dies).copied().collect();
            for (at, a) in all.iter().enumerate() {
                assert!((a.shared(&many.package).0 - a.area().0).abs() < 1e-9);
                assert!(all[at + 1..].iter().all(|b| a.shared(b).0 == 0.0));
            }
            // Every tile is the first one, moved.
            let step = |index: usize| (many.dies[index].x - many.dies[0].x, many.dies[index].y - many.dies[0].y);
            for tile in 0..dies {
                let (x, y) = step(tile);
                for (first, other) in single.stacks.iter().zip(&many.stacks[8 * tile..]) {
                    let off = (other.x - first.x - x).0.abs() + (other.y - first.y - y).0.abs();
                    assert!(off < 1e-9, "{tile}");
                }
            }
            let interposer = many.interposer().unwrap();
            let (width, height) = super::interposer(area.total().nominal, 8, &outline, dies);
            assert!((width - interposer.width).0.abs() < 1e-9 && (height - interposer.height).0.abs() < 1e-9);
            let across =
                (single.interposer().unwrap().width.0 - 2.0 * RIM) * columns as f64 + (columns - 1) as f64 * GAP;
            assert!((width.0 - 2.0 * RIM - across).abs() < 1e-9, "{dies}");
        }
    }

    #[test]
    fn a_published_interposer_is_near() {
        // A die of 814 mm2 with six places for stacks: analysts give 1680 to 2000 mm2.
        let outline = Blocks::builtin().memory["HBM3E"].stack.clone().unwrap();
        let (width, height) = super::interposer(SquareMillimetres(814.0), 6, &outline, 1);
        assert!((1600.0..2000.0).contains(&(width * height).0), "{width} x {height}");
    }

    #[test]
    fn pictures_are_well_formed() {
        let (area, plan) = plan("one", 32, "n3");
        let outline = Blocks::builtin().memory["HBM3E"].stack.clone();
        let pair = Floorplan::of_dies("two", &area, 32, outline.as_ref(), 2);
        assert!(package(&pair).matches("HBM ").count() == 16);
        for text in [die(&plan), package(&plan), package(&pair)] {
            assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"));
            assert!(!text.contains("NaN") && text.contains("mm"));
        }
        assert!(die(&plan).matches("<rect").count() > plan.parts.len());
    }
}
