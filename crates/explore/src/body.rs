//! A design as matter and money: how large, how warm, how dear; and whether a limit refuses it.
//!
//! Everything that all chips share (blocks, nodes, the market at its medians, wafers, responses to heat) is made once, in [`Bodies`]; a [`Body`] then takes some
//! microseconds. The device that meets the model of time is one **die**: dies of a package share its assembly, its server and its price, and are devices of their own to the software.

mod heat;
mod meter;

pub use meter::Watch;

use crate::ask::Ask;
use crate::bound::{self, Needs, Undivided};
use crate::deploy::{Drawn, Meter};
use crate::select::Hour;
use crate::space::Design;
use crate::study::{Generation, Ours, Study};
use arch::Chip;
use base::units::{BytesPerSecond, Millimetres, SquareMillimetres, Usd, Volts, Watts};
use econ::cost::{self, Acquisition, Cost};
use econ::die::{Die, Harvest};
use econ::facts::{FactError, Facts};
use econ::finance::Tenure;
use econ::market::Market;
use econ::package::{Carrier, Package, Placed, Stacks};
use econ::range::Range;
use econ::schedule::Programme;
use econ::server::Supply;
use heat::Responses;
use perf::device::Device;
use perf::evaluate::Step;
use perf::workload::Plan;
use phys::area::{Area, Block};
use phys::energy::{self, Energy};
use phys::floorplan::{self, Floorplan};
use phys::node::{Blocks, Node, Outline};
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

/// Share of what lies between the cores that carries its own repair: redundant rows of memory, spare lanes of links. Fitted to the yield that is claimed for
/// H100 (`data/cases/silicon.toml`, V7), as for every device of the catalogue.
pub const REPAIR: f64 = 0.3;

/// Sides of dies are whole tenths of a millimetre, sides of interposers whole halves, rounded up: nobody draws them finer before a floorplan is final, and sizes that occur
/// again are counted on a wafer once.
const DIE_GRID: f64 = 10.0;
const INTERPOSER_GRID: f64 = 2.0;

/// The next length above with so many parts in a millimetre.
fn up_to(length: Millimetres, parts: f64) -> Millimetres {
    Millimetres((length.0 * parts).ceil() / parts)
}

/// Why a design is not looked at further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The node does not reach the clock at its highest supply.
    Clock,
    /// No scanner prints the die at once.
    Reticle,
    /// More arithmetic on a mm2 than has been shown.
    Arithmetic,
    /// The interposer is larger than what is made.
    Interposer,
    /// Its stacks cannot be had.
    Stacks,
    /// Its wafers cannot be had.
    Wafers,
    /// Its interposers cannot be had.
    Interposers,
    /// It costs more than there is.
    Budget,
    /// Its lanes cannot take a network in formats that are good enough.
    Formats,
}

impl Refusal {
    /// What to call the limit.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::Clock => "clock of the node",
            Refusal::Reticle => "reticle",
            Refusal::Arithmetic => "arithmetic of a mm2",
            Refusal::Interposer => "size of the interposer",
            Refusal::Stacks => "supply of memory stacks",
            Refusal::Wafers => "supply of wafers",
            Refusal::Interposers => "supply of interposers",
            Refusal::Budget => "budget",
            Refusal::Formats => "formats of the networks",
        }
    }
}

/// What the chips of a node share.
struct Process {
    node: Node,
    priced: econ::die::Node,
    /// Design, masks and respins.
    spent: Usd,
}

/// What all chips of a study share.
pub struct Bodies {
    study: Study,
    blocks: Blocks,
    nodes: BTreeMap<String, Process>,
    market: Market,
    dies: econ::die::Wafer,
    interposers: econ::die::Wafer,
    /// What stands around a package, W.
    around: f64,
    responses: Responses,
    /// Dies or interposers on a wafer by their sides: placing them takes longer than all else.
    counted: Counts,
}

/// How many of a size are on a wafer, by what wafer and which sides.
type Counts = Mutex<HashMap<(bool, u64, u64), u32>>;

/// A design as matter and money.
#[derive(Clone, Debug)]
pub struct Body {
    /// Its description: one die.
    pub chip: Chip,
    /// The die as a device.
    pub device: Device,
    /// Areas of the die, spare cores included.
    pub area: Area,
    /// Energies of its events.
    pub energy: Energy,
    /// What money sees: the package.
    pub money: econ::cost::Device,
    /// Area of the interposer.
    pub interposer: SquareMillimetres,
    /// An hour of a die.
    pub hour: Hour,
    /// What a package costs at its nominal, without power.
    pub cost: Cost,
    /// Wafers of all packages: of dies, of interposers.
    pub wafers: [f64; 2],
    /// Memory stacks of all packages.
    pub stacks: f64,
    /// Money for design, masks and all packages.
    pub spent: Usd,
    watch: Watch,
    /// The same from the least and the most that events may take.
    ends: [Watch; 2],
    warmth: heat::Response,
    density: Watts,
    most: Watts,
}

impl Bodies {
    /// Reads what all chips share.
    ///
    /// # Errors
    /// If the facts of the study's date lack a figure.
    pub fn new(study: &Study, facts: &Facts) -> Result<Bodies, FactError> {
        let blocks = Blocks::builtin();
        let mut nodes = BTreeMap::new();
        for name in study.space.node.iter() {
            let priced = priced(&name.0);
            let spent = Programme::nominal(facts, priced)?.expected().spent;
            let node = Node::builtin(&name.0).expect("the study was checked");
            nodes.insert(name.0.clone(), Process { node, priced, spent });
        }
        let cut = econ::cases::devices::Cut::new(facts)?;
        let responses = Responses::new(study, &blocks);
        Ok(Bodies {
            study: study.clone(),
            responses,
            blocks,
            nodes,
            market: Market::nominal(facts)?,
            dies: cut.dies,
            interposers: cut.interposers,
            counted: Counts::default(),
            around: econ::power::around(facts)?.nominal,
        })
    }

    /// The market at its medians.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// Watts of what stands around a package.
    pub fn around(&self) -> f64 {
        self.around
    }

    /// Blocks that areas and energies come from.
    pub fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// The node of a design.
    pub fn node(&self, design: &Design) -> &Node {
        &self.nodes[&design.node].node
    }

    /// The same node as money knows it.
    pub fn priced(&self, design: &Design) -> econ::die::Node {
        self.nodes[&design.node].priced
    }

    fn outline(&self, memory: Generation) -> &Outline {
        self.blocks.memory[memory.name()].stack.as_ref().expect("generations of studies are stacked")
    }

    fn bandwidth(&self, memory: Generation) -> BytesPerSecond {
        self.blocks.memory[memory.name()].bandwidth.range.nominal
    }

    fn chip(&self, design: &Design) -> Option<Chip> {
        let least = energy::voltage_for(design.clock, &self.blocks, self.node(design))?;
        // Supplies are set in millivolts.
        let voltage = Volts((least.0 * 1e3).ceil() / 1e3);
        Some(design.chip(&self.study.name, self.bandwidth(design.memory), voltage))
    }

    /// The device that a design is to the model of time, whatever limits say.
    pub fn device(&self, design: &Design) -> Device {
        let chip = design.chip(&self.study.name, self.bandwidth(design.memory), Volts(1.0));
        Device::from_chip(&chip)
    }

    /// A design's body.
    ///
    /// # Errors
    /// The first limit that refuses it.
    pub fn body(&self, design: &Design) -> Result<Body, Refusal> {
        let chip = self.chip(design).ok_or(Refusal::Clock)?;
        let process = &self.nodes[&design.node];
        let whole = chip.clone().with_cores(design.cores + design.spare);
        let area = Area::of(&whole, &self.blocks, &process.node).expect("memories of studies are known");
        let total = area.total().nominal;
        let (width, height) = floorplan::die_sides(total);
        let (width, height) = (up_to(width, DIE_GRID), up_to(height, DIE_GRID));
        let die = Die {
            name: self.study.name.clone(),
            width,
            height,
            node: process.priced,
            harvest: Some(harvest(design, &area)),
        };
        if !die.fits_reticle(econ::die::RETICLE) {
            return Err(Refusal::Reticle);
        }
        if tera(&chip) > self.study.limits.arithmetic.0.0 * total.0 {
            return Err(Refusal::Arithmetic);
        }
        let stack = self.outline(design.memory);
        let (across, up) = floorplan::interposer(total, area.stacks, stack, design.dies);
        let (across, up) = (up_to(across, INTERPOSER_GRID), up_to(up, INTERPOSER_GRID));
        let interposer = across * up;
        if interposer > self.study.limits.interposer.0 {
            return Err(Refusal::Interposer);
        }
        let energy = Energy::of(&chip, &self.blocks, &process.node, &area).expect("memories of studies are known");
        let per_wafer = self.on_wafer(false, across, up);
        if per_wafer == 0 {
            return Err(Refusal::Interposer);
        }
        let carrier = Carrier::Interposer { area: interposer, per_wafer };
        let memory =
            Stacks { kind: design.memory.priced(), count: (design.stacks * design.dies) as u32, each: design.stack };
        let placed = Placed { gross: self.on_wafer(true, width, height), die, count: design.dies as u32 };
        let package = Package { dies: vec![placed], memory: Some(memory), carrier };
        let money = self.money(package, process.spent);
        let (cost, hour) = self.hour(&money, design.dies);
        let wafers = self.wafers(&money, &cost);
        let stacks = self.begun(&cost) * (design.stacks * design.dies) as f64;
        let spent = process.spent + (cost.price - cost.design) * self.study.volume.0;
        self.supply(stacks, wafers, spent)?;
        let device = Device::from_chip(&chip);
        let watch = Watch::of(&chip, &energy, meter::nominal);
        let ends = [meter::low, meter::high].map(|end| Watch::of(&chip, &energy, end));
        let most = self.study.limits.package.map_or(Watts(f64::INFINITY), |limit| limit.0);
        Ok(Body {
            device,
            hour,
            warmth: self.responses.of(total, design.memory, design.stacks, design.dies),
            density: Watts(self.study.limits.density.0.0 * total.0),
            most: Watts(most.0 / design.dies as f64),
            chip,
            area,
            energy,
            money,
            interposer,
            stacks,
            spent,
            cost,
            wafers,
            watch,
            ends,
        })
    }

    /// How many of these sides are on a wafer of dies, or of interposers.
    fn on_wafer(&self, dies: bool, width: Millimetres, height: Millimetres) -> u32 {
        let key = (dies, width.0.to_bits(), height.0.to_bits());
        let known = self.counted.lock().expect("nobody panics with it").get(&key).copied();
        known.unwrap_or_else(|| {
            let wafer = if dies { &self.dies } else { &self.interposers };
            let count = wafer.count(width, height);
            self.counted.lock().expect("nobody panics with it").insert(key, count);
            count
        })
    }

    /// The package as money sees it: at no power, its nominal share of design.
    fn money(&self, package: Package, spent: Usd) -> econ::cost::Device {
        let design = Range::exactly(spent.0 / self.study.volume.0);
        let acquisition = match self.study.ours {
            Ours::Partner => Acquisition::Partner { design },
            Ours::Make => Acquisition::Make { design },
        };
        econ::cost::Device {
            name: self.study.name.clone(),
            package: Some(package),
            acquisition,
            silicon: Range::exactly(1.0),
            supply: Supply::Device,
            tenure: Tenure::Own,
            power: Range::exactly(0.0),
            speed: None,
        }
    }

    /// What a package costs at no power of its own, and an hour of a die by the power that is provisioned for it: linear, so two costs tell it.
    fn hour(&self, money: &econ::cost::Device, dies: usize) -> (Cost, Hour) {
        const KILOWATT: f64 = 1000.0;
        let at = |watts: f64| {
            let device = econ::cost::Device { power: Range::exactly(self.around + watts), ..money.clone() };
            cost::of(&device.nominal(), &self.market)
        };
        let (cold, warm) = (at(0.0), at(KILOWATT));
        let per_watt = (warm.useful_hour - cold.useful_hour).0 / KILOWATT;
        let hour = Hour { fixed: cold.useful_hour.0 / dies as f64, per_watt, rating: None };
        (cold, hour)
    }

    /// Packages that must be begun so that the study's volume works.
    fn begun(&self, cost: &Cost) -> f64 {
        let bill = cost.bill.unwrap_or_default();
        let packed = bill.total() - bill.test - bill.loss;
        self.study.volume.0 * ((packed + bill.loss) / packed)
    }

    /// Wafers of dies and of interposers that all packages take.
    fn wafers(&self, money: &econ::cost::Device, cost: &Cost) -> [f64; 2] {
        let bill = cost.bill.unwrap_or_default();
        let wafers = |wafer: Usd, each: Usd| self.begun(cost) * each.0 / wafer.0;
        let node = money.package.as_ref().map(|package| package.dies[0].die.node);
        let dies = node.map_or(0.0, |node| {
            let process = self.market.process(node);
            wafers(process.wafer + process.sort, bill.logic)
        });
        [dies, wafers(self.market.interposer_wafer, bill.interposer)]
    }

    fn supply(&self, stacks: f64, wafers: [f64; 2], spent: Usd) -> Result<(), Refusal> {
        let limits = &self.study.limits;
        let most = |limit: Option<crate::study::Positive>| limit.map_or(f64::INFINITY, |limit| limit.0);
        let checks = [
            (stacks, most(limits.stacks), Refusal::Stacks),
            (wafers[0], most(limits.wafers), Refusal::Wafers),
            (wafers[1], most(limits.interposers), Refusal::Interposers),
            (spent.0, limits.budget.map_or(f64::INFINITY, |budget| budget.0.0), Refusal::Budget),
        ];
        checks.into_iter().find(|(taken, allowed, _)| taken > allowed).map_or(Ok(()), |(_, _, refusal)| Err(refusal))
    }

    /// The lower bound on the cost of a body's tokens; `undivided` are the networks as its lanes store them, per workload. None if a workload has no format.
    pub fn bound(&self, asks: &[Ask], undivided: &[Vec<Undivided>], body: &Body) -> Option<f64> {
        let mut needs = Vec::with_capacity(asks.len());
        for (ask, plans) in asks.iter().zip(undivided) {
            let all = plans.iter().map(|plan| plan.needs(ask, &body.device));
            let least = |a: Needs, b: Needs| Needs {
                seconds: a.seconds.min(b.seconds),
                operations: a.operations.min(b.operations),
                bytes: a.bytes.min(b.bytes),
            };
            needs.push(all.reduce(least)?);
        }
        Some(bound::usd(asks, &needs, &body.watch.least(), &body.hour))
    }

    /// The floorplan of a design.
    pub fn floorplan(&self, design: &Design, body: &Body) -> Floorplan {
        let stack = Some(self.outline(design.memory));
        Floorplan::of_dies(&self.study.name, &body.area, design.cores + design.spare, stack, design.dies)
    }
}

/// 8-bit arithmetic of a die in TOP/s.
pub fn tera(chip: &Chip) -> f64 {
    2.0 * chip.macs_per_second() / 1e12
}

/// How a die is harvested: cores with what belongs to them may fail, up to the spare ones.
fn harvest(design: &Design, area: &Area) -> Harvest {
    let size = |block: Block| area.block(block).nominal.0;
    let cores = size(Block::Matrix) + size(Block::Vector) + size(Block::Sram);
    Harvest {
        cores: (design.cores + design.spare) as u32,
        needed: design.cores as u32,
        core_share: cores / area.total().nominal.0,
        uncore_repair: REPAIR,
    }
}

/// A node as money knows it.
fn priced(name: &str) -> econ::die::Node {
    match name {
        "n7" => econ::die::Node::N7,
        "n5" => econ::die::Node::N5,
        "n3" => econ::die::Node::N3,
        "n2" => econ::die::Node::N2,
        other => unreachable!("money knows no node `{other}`"),
    }
}

impl Body {
    /// The power that limits allow a die, and which of them binds: heat of the given split, its density, the package.
    pub fn allowed(&self, beside: f64) -> (Watts, &'static str) {
        let heat = self.warmth.allowed(beside);
        let density = Watts(self.density.0 / (1.0 - beside).max(1e-9));
        let all = [(heat, "heat"), (density, "power density"), (self.most, "power of the package")];
        all.into_iter().min_by(|a, b| a.0.0.total_cmp(&b.0.0)).expect("three limits")
    }

    /// What a die draws if its events take the least, and if they take the most.
    pub fn ends(&self) -> &[Watch; 2] {
        &self.ends
    }

    /// Power of a die over its blocks, as at full rate.
    pub fn spread(&self, die: Watts) -> Vec<(Block, Watts)> {
        let power = self.energy.power(&energy::Load::full(&self.chip), &self.area);
        let all = power.die().nominal;
        power.blocks.iter().map(|(block, watts)| (*block, die * (watts.nominal / all))).collect()
    }
}

impl Meter for Body {
    fn energy(&self, step: &Step, plan: &Plan, narrow: f64) -> Drawn {
        self.watch.energy(step, plan, narrow)
    }

    fn bears(&self, die: Watts, beside: Watts) -> bool {
        die <= self.density && die + beside <= self.most && self.warmth.bears(die, beside)
    }
}
