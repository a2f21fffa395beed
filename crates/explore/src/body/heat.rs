//! How warm packages get: one response per size, shared by all designs of about that size.
//!
//! A response rests on the areas of a floorplan and on how power lies on it. Solving one for every design would take longer than all else, so dies are taken by size, in steps
//! of [`STEP`] and rounded down, which errs to the warm side; blocks lie as in the middle of the space, at full rate. The chosen design is solved anew, on a fine grid.

use crate::space::Design;
use crate::study::{Generation, Study};
use arch::Chip;
use base::units::{SquareMillimetres, Volts, Watts};
use phys::area::{Area, Block};
use phys::energy::{Energy, Load};
use phys::floorplan::Floorplan;
use phys::node::{Blocks, Node};
use phys::package::{Cooling, Thermal, USUAL_LIMITS};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Ratio of the areas of neighbouring sizes.
const STEP: f64 = 1.08;

/// A size: steps of area, generation of memory, stacks, dies.
type Size = (i32, Generation, usize, usize);

/// Responses by size, solved when first asked for.
pub struct Responses {
    way: Cooling,
    blocks: Blocks,
    area: Area,
    split: Vec<(Block, Watts)>,
    cores: usize,
    solved: Mutex<HashMap<Size, Arc<Thermal>>>,
}

/// How warm a package of some size gets.
#[derive(Clone, Debug)]
pub struct Response(Arc<Thermal>);

impl Responses {
    /// For the designs of a study.
    pub fn new(study: &Study, blocks: &Blocks) -> Responses {
        let design = Design::at(&study.space, study.space.size() / 2);
        let node = Node::builtin(&design.node).expect("the study was checked");
        let bandwidth = blocks.memory[design.memory.name()].bandwidth.range.nominal;
        let chip: Chip = design.chip("middle", bandwidth, Volts(1.0));
        let area = Area::of(&chip, blocks, &node).expect("memories of studies are known");
        let energy = Energy::of(&chip, blocks, &node, &area).expect("memories of studies are known");
        let power = energy.power(&Load::full(&chip), &area);
        Responses {
            way: Cooling::builtin().remove(&study.limits.cooling.0).expect("the study was checked"),
            blocks: blocks.clone(),
            split: power.blocks.iter().map(|(block, watts)| (*block, watts.nominal)).collect(),
            area,
            cores: design.cores,
            solved: Mutex::default(),
        }
    }

    /// The response of a package with dies of this area.
    pub fn of(&self, area: SquareMillimetres, memory: Generation, stacks: usize, dies: usize) -> Response {
        let steps = (area.0.ln() / STEP.ln()).floor() as i32;
        let size = (steps, memory, stacks, dies);
        let known = self.solved.lock().expect("nobody panics with it").get(&size).cloned();
        Response(known.unwrap_or_else(|| {
            let solved = Arc::new(self.solve(size));
            self.solved.lock().expect("nobody panics with it").insert(size, solved.clone());
            solved
        }))
    }

    fn solve(&self, (steps, memory, stacks, dies): Size) -> Thermal {
        let area = self.area.scaled(SquareMillimetres(STEP.powi(steps)), stacks);
        let stack = self.blocks.memory[memory.name()].stack.as_ref();
        let plan = Floorplan::of_dies("size", &area, self.cores, stack, dies);
        Thermal::of(&plan, &self.way, self.way.nominal, &self.split).expect("a checked package has a solution")
    }
}

impl Response {
    /// Whether limits hold with these powers of each die and of its stacks.
    pub fn bears(&self, die: Watts, beside: Watts) -> bool {
        let (logic, memory) = self.0.temperatures(die, beside);
        logic <= USUAL_LIMITS.logic && memory.is_none_or(|memory| memory <= USUAL_LIMITS.memory)
    }

    /// Power of a die with its stacks that limits allow, when a share of it arises in the stacks.
    pub fn allowed(&self, beside: f64) -> Watts {
        let ratio = beside / (1.0 - beside).max(f64::MIN_POSITIVE);
        self.0.allowed(USUAL_LIMITS, ratio) * (1.0 + ratio)
    }
}
