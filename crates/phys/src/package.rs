//! The package as a stack of layers: from the floorplan's power map to temperature, allowed power and allowed clock.
//!
//! From below: substrate, bumps, interposer (where memory is stacked), small bumps, the plane of the transistors, the thinned dies in mould, the first
//! interface, the lid, the second interface, the base of the cold plate or heatsink, and the film on its fins. A cold plate that lies on the dies themselves saves lid and second
//! interface. A third of a memory stack's power arises in its base die, the rest in the dies above.

mod thermal;

pub use thermal::Thermal;

use crate::area::Block;
use crate::energy::Power;
use crate::floorplan::Floorplan;
use crate::heat::{Field, Film, HeatError, Layer, Source, Stack};
use crate::material::{Material, Materials};
use crate::shape::Rectangle;
use crate::written::{self, FactError};
use base::units::{Kelvin, Millimetres, Watts, WattsPerSquareMetreKelvin};
use serde::Deserialize;
use std::collections::BTreeMap;

const FILE: &str = "cooling.toml";

/// A way to carry heat off the lid.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Cooling {
    /// For people.
    pub title: String,
    /// Temperature of the coolant.
    #[serde(deserialize_with = "written::quantity")]
    pub coolant: Kelvin,
    /// True if the cold plate lies on the dies, without lid and second interface.
    #[serde(default)]
    pub direct: bool,
    /// The worst of usual coefficients.
    #[serde(deserialize_with = "written::quantity")]
    pub low: WattsPerSquareMetreKelvin,
    /// A usual coefficient.
    #[serde(deserialize_with = "written::quantity")]
    pub nominal: WattsPerSquareMetreKelvin,
    /// The best of usual coefficients.
    #[serde(deserialize_with = "written::quantity")]
    pub high: WattsPerSquareMetreKelvin,
    /// Where that comes from.
    #[serde(deserialize_with = "written::said")]
    pub source: String,
    /// Of when it is.
    #[serde(deserialize_with = "written::said")]
    pub as_of: String,
}

impl Cooling {
    /// The shipped ways, by name.
    pub fn builtin() -> BTreeMap<String, Cooling> {
        let text = data::file(FILE).expect("ways of cooling are embedded");
        Cooling::parse(FILE, text).expect("shipped ways of cooling are tested")
    }

    /// Reads ways of cooling: a table each, by name.
    pub fn parse(file: &str, text: &str) -> Result<BTreeMap<String, Cooling>, FactError> {
        written::read(file, text)
    }

    /// The film of a coefficient: a cold plate's or heatsink's, over its base.
    pub fn film(&self, coefficient: WattsPerSquareMetreKelvin) -> Film {
        Film { coefficient, coolant: self.coolant }
    }
}

/// The highest temperatures that dies bear.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Of the logic die.
    pub logic: Kelvin,
    /// Of memory stacks.
    pub memory: Kelvin,
}

/// Logic is signed off to 105 C; memory stacks throttle at 95 C (vendors; JEDEC doubles the refresh above 85 C).
pub const USUAL_LIMITS: Limits = Limits { logic: Kelvin(378.15), memory: Kelvin(368.15) };

/// A package under power.
pub struct Package {
    /// Its layers.
    pub stack: Stack,
    /// Where heat arises.
    pub sources: Vec<Source>,
    /// Layer of the transistors.
    pub transistors: usize,
    dies: Vec<Rectangle>,
    stacks: Vec<Rectangle>,
}

/// Thickness in mm and cells of each layer from below; usual dimensions of large packages, of which the dies' matter most (thinned to 0.7 mm with stacks of
/// memory beside, JEDEC's 720 um).
const SUBSTRATE: (f64, usize) = (1.4, 1);
const BUMPS: (f64, usize) = (0.08, 1);
const INTERPOSER: (f64, usize) = (0.1, 1);
const SMALL_BUMPS: (f64, usize) = (0.03, 1);
const TRANSISTORS: (f64, usize) = (0.02, 1);
const DIES: (f64, usize) = (0.7, 3);
const FIRST_INTERFACE: (f64, usize) = (0.1, 1);
const LID: (f64, usize) = (2.0, 2);
const SECOND_INTERFACE: (f64, usize) = (0.05, 1);
/// Base of a cold plate or heatsink below its fins.
const PLATE: (f64, usize) = (1.0, 1);

/// The board carries little heat: still air on its far side.
const BOARD: WattsPerSquareMetreKelvin = WattsPerSquareMetreKelvin(10.0);

/// Share of a stack's power in its base die, which holds the PHY.
const BASE: f64 = 1.0 / 3.0;

impl Package {
    /// The package of a floorplan under a lid, divided into `cells` x `cells`.
    pub fn new(plan: &Floorplan, cooling: Film, cells: usize) -> Package {
        let above = [
            ("interface-metal", FIRST_INTERFACE),
            ("copper", LID),
            ("interface-gel", SECOND_INTERFACE),
            ("copper", PLATE),
        ];
        Package::below(plan, &above, cooling, cells)
    }

    /// The package of a floorplan cooled in one of the known ways, with some coefficient of it, divided into `cells` x `cells`.
    pub fn under(plan: &Floorplan, way: &Cooling, coefficient: WattsPerSquareMetreKelvin, cells: usize) -> Package {
        let film = way.film(coefficient);
        match way.direct {
            false => Package::new(plan, film, cells),
            true => Package::below(plan, &[("interface-direct", FIRST_INTERFACE), ("copper", PLATE)], film, cells),
        }
    }

    /// Dies and what is below them, under layers of some materials.
    fn below(plan: &Floorplan, above: &[(&str, (f64, usize))], cooling: Film, cells: usize) -> Package {
        let materials = Materials::builtin();
        let material = |name: &str| *materials.get(name).expect("every layer's material is shipped");
        let layer = |name: &str, (thickness, cells): (f64, usize)| {
            Layer::plain(name, Millimetres(thickness), cells, material(name))
        };
        let mould = material("mould");
        let mut dies: Vec<(Rectangle, Material)> =
            plan.stacks.iter().map(|stack| (*stack, material("memory-stack"))).collect();
        dies.extend(plan.dies.iter().map(|die| (*die, material("silicon"))));
        let in_mould = |name: &str, (thickness, cells): (f64, usize)| Layer {
            name: name.to_owned(),
            thickness: Millimetres(thickness),
            cells,
            material: mould,
            patches: dies.clone(),
        };
        let mut layers = vec![layer("substrate", SUBSTRATE), layer("bumps", BUMPS)];
        if !plan.stacks.is_empty() {
            layers.extend([layer("interposer", INTERPOSER), layer("bumps", SMALL_BUMPS)]);
        }
        let transistors = layers.len();
        layers.push(in_mould("transistors", TRANSISTORS));
        layers.push(in_mould("dies", DIES));
        layers.extend(above.iter().map(|(name, extent)| layer(name, *extent)));
        let bottom = Film { coefficient: BOARD, coolant: cooling.coolant };
        let (width, height) = (plan.package.width, plan.package.height);
        let stack = Stack { width, height, columns: cells, rows: cells, layers, top: cooling, bottom };
        Package { stack, sources: Vec::new(), transistors, dies: plan.dies.clone(), stacks: plan.stacks.clone() }
    }

    /// Sets the power of every die: `blocks` of it spread over their parts, and `beside` over its stacks.
    pub fn power(mut self, plan: &Floorplan, blocks: &[(Block, Watts)], beside: Watts) -> Package {
        self.sources = self.sources(plan, blocks, beside);
        self
    }

    /// Where these powers of every die arise.
    fn sources(&self, plan: &Floorplan, blocks: &[(Block, Watts)], beside: Watts) -> Vec<Source> {
        let mut sources = Vec::new();
        for (block, power) in blocks {
            let whole = plan.block(*block);
            for part in plan.parts.iter().filter(|part| part.block == *block) {
                let power = *power * (part.area.area() / whole);
                let on =
                    |die: &Rectangle| Source { layer: self.transistors, area: part.area.moved(die.x, die.y), power };
                sources.extend(self.dies.iter().map(on));
            }
        }
        for stack in &self.stacks {
            let power = beside * self.dies.len() as f64 / self.stacks.len() as f64;
            let base = Source { layer: self.transistors, area: *stack, power: power * BASE };
            sources.extend([base, Source { layer: self.transistors + 1, power: power * (1.0 - BASE), ..base }]);
        }
        sources
    }

    /// All heat that arises.
    pub fn heat(&self) -> Watts {
        self.sources.iter().map(|source| source.power).sum()
    }

    /// Temperatures, and what the limits allow.
    pub fn result(&self, limits: Limits) -> Result<Warm, HeatError> {
        let idle = self.stack.steady(&[])?;
        let field = self.stack.steady(&self.sources)?;
        let layers = [self.transistors, self.transistors + 1];
        let dies = layers.into_iter().flat_map(|layer| self.dies.iter().map(move |area| (layer, *area)));
        let die: Vec<_> = dies.map(|(layer, area)| (layer, area, limits.logic)).collect();
        let stacks = layers.into_iter().flat_map(|layer| self.stacks.iter().map(move |area| (layer, *area)));
        let stacks: Vec<_> = stacks.map(|(layer, area)| (layer, area, limits.memory)).collect();
        let logic = field.headroom(&idle, &die);
        let memory = field.headroom(&idle, &stacks);
        let hottest = |areas: &[(usize, Rectangle, Kelvin)]| {
            let peaks = areas.iter().filter_map(|(layer, area, _)| field.peak(*layer, area));
            peaks.map(|peak| peak.0).reduce(f64::max).map(Kelvin)
        };
        let (hot_die, hot_memory) = (hottest(&die), hottest(&stacks));
        let allowed = self.heat() * logic.min(memory).max(0.0);
        Ok(Warm {
            die: hot_die.unwrap_or(field.hottest().temperature),
            memory: hot_memory,
            allowed,
            memory_binds: memory < logic,
            field,
        })
    }
}

/// What a package comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Warm {
    /// Hottest point of the die.
    pub die: Kelvin,
    /// Hottest point of the memory stacks, if there are any.
    pub memory: Option<Kelvin>,
    /// Power of the whole package at which the first limit is met, all of it grown alike.
    pub allowed: Watts,
    /// True if that is the memory's limit.
    pub memory_binds: bool,
    /// Every temperature.
    pub field: Field,
}

/// The share of the clock that an allowed power leaves at the same voltage: what leaks stays, the rest follows the clock. At most 1.
pub fn allowed_clock(power: &Power, allowed: Watts) -> f64 {
    let leakage = power.leakage.nominal;
    let dynamic = power.total().nominal - leakage;
    ((allowed - leakage) / dynamic).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::area::Area;
    use crate::node::{Blocks, Node};
    use arch::Chip;

    #[test]
    fn shipped_cooling_is_in_order() {
        let ways = Cooling::builtin();
        assert!(["cold-plate", "microchannel", "air"].iter().all(|name| ways.contains_key(*name)));
        for way in ways.values() {
            assert!(way.low <= way.nominal && way.nominal <= way.high && way.coolant.0 > 273.0);
        }
    }

    #[test]
    fn every_die_of_a_package_is_heated() {
        let (chip, blocks) = (Chip::builtin("one").unwrap(), Blocks::builtin());
        let area = Area::of(&chip, &blocks, &Node::builtin("n3").unwrap()).unwrap();
        let outline = blocks.memory[&chip.memory.kind].stack.clone();
        let film = Film { coefficient: WattsPerSquareMetreKelvin(3e4), coolant: Kelvin(313.15) };
        let powers = [(Block::Matrix, Watts(300.0)), (Block::Sram, Watts(50.0))];
        let warm = |dies: usize| {
            let plan = Floorplan::of_dies("d", &area, chip.core.count, outline.as_ref(), dies);
            let package = Package::new(&plan, film, 64).power(&plan, &powers, Watts(80.0));
            assert!((package.heat().0 - 430.0 * dies as f64).abs() < 1e-9);
            let field = package.stack.steady(&package.sources).unwrap();
            plan.dies.iter().map(|die| field.peak(package.transistors, die).unwrap().0).collect::<Vec<_>>()
        };
        let (alone, pair) = (warm(1), warm(2));
        // Side by side they warm each other, and a mirrored package has mirrored temperatures.
        assert!(pair.iter().all(|peak| *peak > alone[0] - 1.5), "{alone:?} {pair:?}");
        assert!((pair[0] - pair[1]).abs() < 2.0, "{pair:?}");
    }
}
