//! The linear response of a package, for searches: how much a watt on the dies and a watt in the stacks warm the hottest points.
//!
//! Temperatures are linear in power, so two steady solutions (a watt on each die, spread as a split of blocks says; a watt in the stacks of each die) hold all
//! others. Which point is hottest depends on their ratio: of the points of the dies, and of the stacks, those are kept that are hottest at some ratio, a
//! handful. From then on a temperature is a maximum over that handful.
//!
//! The cells are far fewer than those of [`Package::result`], and lie along the edges of dies and stacks, so that areas are exact; within a die they are as fine as
//! hot blocks in it ask.

use super::{Cooling, Limits, Package};
use crate::area::Block;
use crate::floorplan::Floorplan;
use crate::heat::{Field, HeatError, Lines};
use crate::shape::Rectangle;
use base::units::{Kelvin, Millimetres, Watts, WattsPerSquareMetreKelvin};

/// Largest cells, in mm along x and y.
struct Cells {
    die: [f64; 2],
    stack: [f64; 2],
    /// Left and right rim of a stack, with cells of its own: where a die warms it, its edge is hottest.
    rim: f64,
    elsewhere: f64,
}

/// Few enough for a search.
const FEW: Cells = Cells { die: [1.3, 1.0], stack: [3.5, 3.5], rim: 0.4, elsewhere: 5.0 };

/// Part of the heat that a solution may miss: hottest points move by a ten-thousandth of their rise.
const TOLERANCE: f64 = 1e-3;

/// Kelvins per watt on each die and per watt in the stacks of each die, at one point.
type Response = (f64, f64);

/// The hottest points of a package under any power of its dies and stacks.
#[derive(Clone, Debug, PartialEq)]
pub struct Thermal {
    coolant: Kelvin,
    die: Vec<Response>,
    memory: Vec<Response>,
}

impl Thermal {
    /// The response of a package cooled in some way, when the power of each die is divided over its blocks as `split` is. The split may have any sum.
    pub fn of(
        plan: &Floorplan,
        way: &Cooling,
        coefficient: WattsPerSquareMetreKelvin,
        split: &[(Block, Watts)],
    ) -> Result<Thermal, HeatError> {
        Thermal::on(&FEW, plan, way, coefficient, split)
    }

    fn on(
        sizes: &Cells,
        plan: &Floorplan,
        way: &Cooling,
        coefficient: WattsPerSquareMetreKelvin,
        split: &[(Block, Watts)],
    ) -> Result<Thermal, HeatError> {
        let package = Package::under(plan, way, coefficient, 1);
        let whole: Watts = split.iter().map(|(_, power)| *power).sum();
        let one: Vec<(Block, Watts)> = split.iter().map(|(block, power)| (*block, Watts(*power / whole))).collect();
        let on_dies = package.sources(plan, &one, Watts(0.0));
        let in_stacks = package.sources(plan, &[], Watts(1.0));
        let cells = |areas: &[Rectangle], [x, y]: [f64; 2]| {
            areas.iter().map(|area| (*area, [Millimetres(x), Millimetres(y)])).collect::<Vec<_>>()
        };
        let rims: Vec<Rectangle> = plan.stacks.iter().flat_map(|stack| rims(stack, Millimetres(sizes.rim))).collect();
        let rim = [sizes.rim, sizes.stack[1]];
        let areas = [cells(&plan.dies, sizes.die), cells(&plan.stacks, sizes.stack), cells(&rims, rim)].concat();
        let lines = Lines::along(&package.stack, &areas, Millimetres(sizes.elsewhere));
        let fields = package.stack.steady_on(lines, &[&on_dies, &in_stacks], TOLERANCE)?;
        let layers = [package.transistors, package.transistors + 1];
        let points = |areas: &[Rectangle]| {
            let all = areas.iter().flat_map(|area| layers.into_iter().flat_map(|layer| fields[0].inside(layer, area)));
            outermost(all.map(|cell| (rise(&fields[0], cell, way), rise(&fields[1], cell, way))).collect())
        };
        Ok(Thermal { coolant: way.coolant, die: points(&plan.dies), memory: points(&plan.stacks) })
    }

    /// The hottest point of the dies, and of the stacks if there are any, with `die` on each die and `stacks` in the stacks of each die.
    pub fn temperatures(&self, die: Watts, stacks: Watts) -> (Kelvin, Option<Kelvin>) {
        let hottest = |points: &[Response]| {
            let rises = points.iter().map(|(on_die, in_stacks)| on_die * die.0 + in_stacks * stacks.0);
            rises.reduce(f64::max).map(|rise| Kelvin(self.coolant.0 + rise))
        };
        (hottest(&self.die).unwrap_or(self.coolant), hottest(&self.memory))
    }

    /// The power of each die at which the first limit is met, when its stacks have `ratio` times as much.
    pub fn allowed(&self, limits: Limits, ratio: f64) -> Watts {
        let (die, memory) = self.temperatures(Watts(1.0), Watts(ratio));
        let room = |limit: Kelvin, at: Kelvin| (limit.0 - self.coolant.0) / (at.0 - self.coolant.0);
        let least = memory.map_or(f64::INFINITY, |at| room(limits.memory, at)).min(room(limits.logic, die));
        Watts(least.max(0.0))
    }
}

/// The left and the right rim of a stack, of its height.
fn rims(stack: &Rectangle, width: Millimetres) -> [Rectangle; 2] {
    let left = Rectangle { width, ..*stack };
    [left, Rectangle { x: stack.right() - left.width, ..left }]
}

/// Kelvins over the coolant at a cell.
fn rise(field: &Field, cell: usize, way: &Cooling) -> f64 {
    field.temperatures()[cell] - way.coolant.0
}

/// The points that are hottest at some ratio of the two powers: the upper right part of their convex hull.
fn outermost(mut points: Vec<Response>) -> Vec<Response> {
    points.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let mut kept: Vec<Response> = Vec::new();
    for point in points {
        if kept.last().is_some_and(|last| point.1 <= last.1) {
            continue;
        }
        // A point below the line of its neighbours is never the hottest.
        while let [.., a, b] = kept[..] {
            let turn = (b.0 - a.0) * (point.1 - a.1) - (b.1 - a.1) * (point.0 - a.0);
            if turn > 0.0 {
                break;
            }
            kept.pop();
        }
        kept.push(point);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::area::Area;
    use crate::energy::{Energy, Load};
    use crate::node::{Blocks, Node};
    use crate::package::USUAL_LIMITS;
    use arch::Chip;
    use base::units::SquareMillimetres;

    /// The large chip's areas, and its power by block at full rate.
    fn one() -> (Area, Vec<(Block, Watts)>, Watts) {
        let (chip, blocks, node) = (Chip::builtin("one").unwrap(), Blocks::builtin(), Node::builtin("n3").unwrap());
        let area = Area::of(&chip, &blocks, &node).unwrap();
        let power = Energy::of(&chip, &blocks, &node, &area).unwrap().power(&Load::full(&chip), &area);
        (area, power.blocks.iter().map(|(block, power)| (*block, power.nominal)).collect(), power.beside.nominal)
    }

    fn plan(area: &Area, total: f64, stacks: usize, dies: usize) -> Floorplan {
        let outline = Blocks::builtin().memory["HBM3E"].stack.clone();
        Floorplan::of_dies("d", &area.scaled(SquareMillimetres(total), stacks), 32, outline.as_ref(), dies)
    }

    #[test]
    fn few_cells_along_the_edges_are_as_good_as_many_across_them() {
        // What an even grid says of a stack varies by 6 % with where its cells fall beside the hot edge, so stacks are held against many cells along the edges.
        const MANY: Cells = Cells { die: [0.4, 0.4], stack: [0.8, 0.8], rim: 0.2, elsewhere: 1.5 };
        let (area, split, beside) = one();
        let die: Watts = split.iter().map(|(_, power)| *power).sum();
        let ways = Cooling::builtin();
        for (total, stacks, dies, way) in [
            (404.0, 8, 1, "cold-plate"),
            (404.0, 8, 1, "microchannel"),
            (160.0, 1, 1, "air"),
            (800.0, 6, 1, "microchannel"),
            (800.0, 4, 2, "microchannel"),
        ] {
            let (plan, way) = (plan(&area, total, stacks, dies), &ways[way]);
            let fast = Thermal::of(&plan, way, way.nominal, &split).unwrap();
            let even = Package::under(&plan, way, way.nominal, 128).power(&plan, &split, beside);
            let even = even.result(USUAL_LIMITS).unwrap();
            let many = Thermal::on(&MANY, &plan, way, way.nominal, &split).unwrap().temperatures(die, beside);
            let found = fast.temperatures(die, beside);
            let off = |found: Kelvin, fine: Kelvin| (found.0 - way.coolant.0) / (fine.0 - way.coolant.0) - 1.0;
            let (die_off, memory_off) = (off(found.0, even.die), off(found.1.unwrap(), many.1.unwrap()));
            assert!(die_off.abs() < 0.03 && memory_off.abs() < 0.03, "{total} mm2: die {die_off}, memory {memory_off}");
            assert!(off(found.0, many.0).abs() < 0.03);
        }
    }

    #[test]
    fn the_hottest_point_is_one_of_those_that_are_kept() {
        let points: Vec<Response> = (0..200).map(|at| ((at * 37 % 101) as f64, (at * 53 % 97) as f64)).collect();
        let kept = outermost(points.clone());
        assert!(kept.len() < 20);
        for ratio in 0..200 {
            let (a, b) = (1.0, f64::from(ratio) / 40.0);
            let hottest = |points: &[Response]| points.iter().map(|p| a * p.0 + b * p.1).fold(0.0, f64::max);
            assert_eq!(hottest(&points), hottest(&kept), "{b}");
        }
    }

    #[test]
    fn limits_are_met_at_the_allowed_power() {
        let (area, split, _) = one();
        let way = &Cooling::builtin()["cold-plate"];
        let thermal = Thermal::of(&plan(&area, 400.0, 4, 1), way, way.nominal, &split).unwrap();
        for ratio in [0.0, 0.1, 1.0, 5.0] {
            let die = thermal.allowed(USUAL_LIMITS, ratio);
            let (logic, memory) = thermal.temperatures(die, die * ratio);
            let over = (logic.0 - USUAL_LIMITS.logic.0).max(memory.unwrap().0 - USUAL_LIMITS.memory.0);
            assert!(over.abs() < 1e-9, "{ratio}: {over}");
        }
        // Between two sizes of a die lies what lies between them.
        let allowed = |total| {
            Thermal::of(&plan(&area, total, 4, 1), way, way.nominal, &split).unwrap().allowed(USUAL_LIMITS, 0.1).0
        };
        let (small, middle, large) = (allowed(380.0), allowed(400.0), allowed(420.0));
        assert!(((small + large) / 2.0 / middle - 1.0).abs() < 0.02, "{small} {middle} {large}");
    }

    #[test]
    fn published_packages_meet_their_budgets() {
        // From water at 45 C to a junction at 85 C: kelvins per watt of H100, B200, B300 and Rubin, by what their power leaves. Heat is even over the die here; an eighth
        // of it arises in the stacks.
        let (area, _, _) = one();
        let even: Vec<(Block, Watts)> =
            area.blocks.iter().map(|(block, area)| (*block, Watts(area.nominal.0))).collect();
        let way = &Cooling::builtin()["microchannel"];
        for (name, die, stacks, dies, budget) in [
            ("H100", 814.0, 6, 1, 0.057),
            ("B200", 800.0, 4, 2, 0.040),
            ("B300", 800.0, 4, 2, 0.029),
            ("Rubin", 830.0, 4, 2, 0.017),
        ] {
            let thermal = Thermal::of(&plan(&area, die, stacks, dies), way, way.nominal, &even).unwrap();
            let (stacked, on_die) = (0.125 / dies as f64, 0.875 / dies as f64);
            let found = thermal.temperatures(Watts(on_die), Watts(stacked)).0.0 - way.coolant.0;
            assert!(found < budget, "{name}: {found} K/W, budget {budget}");
        }
    }
}
