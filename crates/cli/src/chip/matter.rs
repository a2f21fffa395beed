//! `puce chip matter`: area, energy, power and temperature of a chip.

use crate::failure::{self, Failure, Result};
use crate::setup;
use crate::ui::{self, Align, Sheet};
use arch::Chip;
use base::units::{Hertz, Joules, Kelvin, SquareMillimetres, Watts};
use clap::Args;
use phys::area::{self, Area, Band, Block};
use phys::energy::{self, Energy, Load, Power};
use phys::floorplan::{self, Floorplan};
use phys::node::{Blocks, Figure, Node};
use phys::package::{Cooling, Package, USUAL_LIMITS, Warm, allowed_clock};
use phys::written::Range;
use serde::Serialize;
use std::path::PathBuf;

/// Degrees Celsius at zero kelvin.
const ZERO: f64 = -273.15;

/// What areas rest on, said with every result.
const BASIS: &str = "areas rest on blocks synthesised or published at 7 nm and on published densities of nodes; the chip has not been synthesised on this node";

/// The arguments of `puce chip matter`.
#[derive(Args)]
pub struct Arguments {
    /// Name from `puce chip list`, or a description in TOML
    #[arg(value_name = "NAME|FILE")]
    name: String,
    /// Node: n7, n5, n3 or n2
    #[arg(long, default_value = "n3")]
    node: String,
    /// Power of the whole package, spread as at full rate [default: that of full rate]
    #[arg(long, value_name = "POWER")]
    power: Option<Watts>,
    /// How heat leaves: cold-plate, microchannel (on the dies) or air
    #[arg(long, default_value = "cold-plate")]
    cooling: String,
    /// Cells along each side of the package, 16 to 512
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u16).range(16..=512))]
    cells: u16,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Draw the die into this file
    #[arg(long, value_name = "OUT.SVG")]
    svg: Option<PathBuf>,
    /// Draw the package into this file
    #[arg(long, value_name = "OUT.SVG")]
    package: Option<PathBuf>,
    /// Draw the temperatures into this file
    #[arg(long, value_name = "OUT.SVG")]
    heat: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    let chip = setup::chip(&arguments.name)?;
    let node = node(&arguments.node)?;
    let cooling = cooling(&arguments.cooling)?;
    let matter = Matter::of(chip, node, cooling, arguments)?;
    let draw = |file: &Option<PathBuf>, picture: &dyn Fn() -> String| match file {
        Some(file) => failure::write(file, picture()),
        None => Ok(()),
    };
    draw(&arguments.svg, &|| floorplan::die(&matter.plan))?;
    draw(&arguments.package, &|| floorplan::package(&matter.plan))?;
    draw(&arguments.heat, &|| {
        let field = &matter.usual.field;
        floorplan::temperatures(&matter.plan, field.plane(), &field.map(matter.transistors))
    })?;
    if arguments.json { ui::json(&Shown::of(&matter, arguments)) } else { ui::print(&text(&matter, arguments)) }
}

fn node(name: &str) -> Result<Node> {
    Node::builtin(name).ok_or_else(|| {
        let known: Vec<&str> = Node::names().collect();
        Failure::new(format!("there is no node `{name}`: known are `{}`", known.join("`, `")))
    })
}

fn cooling(name: &str) -> Result<Cooling> {
    let mut ways = Cooling::builtin();
    let known = ways.keys().cloned().collect::<Vec<_>>().join("`, `");
    ways.remove(name).ok_or_else(|| Failure::new(format!("there is no cooling `{name}`: known are `{known}`")))
}

/// A chip as matter.
struct Matter {
    chip: Chip,
    node: Node,
    cooling: Cooling,
    area: Area,
    energy: Energy,
    clock: Range<Hertz>,
    full: Power,
    stream: Power,
    bands: Vec<Band>,
    plan: Floorplan,
    transistors: usize,
    /// Power that the temperatures are for.
    heat: Range<Watts>,
    /// Temperatures at nominal power and cooling.
    usual: Warm,
    /// At low power and good cooling, and at high power and bad cooling.
    ends: [Warm; 2],
    /// What areas and energies rest on.
    basis: String,
}

/// What areas and energies rest on, figure by figure.
fn basis(blocks: &Blocks) -> String {
    let (own, published): (Vec<_>, Vec<_>) = blocks.figures().into_iter().partition(|figure| figure.synthesised());
    let names = |figures: &[Figure<'_>]| figures.iter().map(|figure| figure.what).collect::<Vec<_>>().join(", ");
    format!("{BASIS}; synthesised (data/synthesis): {}; published: {}", names(&own), names(&published))
}

impl Matter {
    fn of(chip: Chip, node: Node, cooling: Cooling, arguments: &Arguments) -> Result<Matter> {
        let blocks = Blocks::builtin();
        let area = Area::of(&chip, &blocks, &node)?;
        let energy = Energy::of(&chip, &blocks, &node, &area)?;
        let full = energy.power(&Load::full(&chip), &area);
        let stream = energy.power(&Load::stream(&chip), &area);
        let memory = area::memory(&blocks, &chip)?;
        let plan = Floorplan::of(&chip.name, &area, chip.core.count, memory.stack.as_ref());
        let packaged = |coefficient, end: fn(&Range<Watts>) -> Watts| {
            // A given power is divided as the nominal one is: only its sum is known.
            let end = if arguments.power.is_some() { |power: &Range<Watts>| power.nominal } else { end };
            let beside = if plan.stacks.is_empty() { Watts(0.0) } else { end(&full.beside) };
            let all = full.blocks.iter().map(|(_, power)| end(power)).sum::<Watts>() + beside;
            let factor = arguments.power.map_or(1.0, |power| power / all);
            let powers: Vec<(Block, Watts)> =
                full.blocks.iter().map(|(block, power)| (*block, end(power) * factor)).collect();
            Package::under(&plan, &cooling, coefficient, arguments.cells.into()).power(&plan, &powers, beside * factor)
        };
        let middle = packaged(cooling.nominal, |power| power.nominal);
        let cool = packaged(cooling.high, |power| power.low);
        let warm = packaged(cooling.low, |power| power.high);
        let heat = Range { low: cool.heat(), nominal: middle.heat(), high: warm.heat() };
        let ends = [cool.result(USUAL_LIMITS)?, warm.result(USUAL_LIMITS)?];
        let (transistors, usual) = (middle.transistors, middle.result(USUAL_LIMITS)?);
        let (clock, bands) = (energy::clock(&blocks, &node), area::bands(&chip, &area));
        Ok(Matter {
            chip,
            node,
            cooling,
            area,
            energy,
            clock,
            full,
            stream,
            bands,
            plan,
            transistors,
            heat,
            usual,
            ends,
            basis: basis(&blocks),
        })
    }

    /// The clock that the temperature leaves, of the chip's own.
    fn allowed_clock(&self) -> Hertz {
        // On the board, memory warms itself and not the package.
        let power = if self.plan.stacks.is_empty() {
            Power { beside: Range::default(), ..self.full.clone() }
        } else {
            self.full.clone()
        };
        self.chip.frequency * allowed_clock(&power, self.usual.allowed)
    }

    fn die(&self) -> Range<Kelvin> {
        Range { low: self.ends[0].die, nominal: self.usual.die, high: self.ends[1].die }
    }

    fn memory(&self) -> Option<Range<Kelvin>> {
        Some(Range { low: self.ends[0].memory?, nominal: self.usual.memory?, high: self.ends[1].memory? })
    }

    fn allowed(&self) -> Range<Watts> {
        // Little heat is allowed where cooling is bad.
        Range { low: self.ends[1].allowed, nominal: self.usual.allowed, high: self.ends[0].allowed }
    }

    /// Energies by event.
    fn events(&self) -> Vec<(String, Range<Joules>)> {
        let energy = &self.energy;
        let mut rows: Vec<(String, Range<Joules>)> = Vec::new();
        let kinds = |wide: bool| {
            let kinds = self.chip.matrix.weights.iter().filter(|kind| area::is_wide(**kind) == wide);
            kinds.map(|kind| kind.name()).collect::<Vec<_>>().join(" ")
        };
        for (wide, cost) in [(false, energy.mac_i4), (true, energy.mac_i8)] {
            let names = kinds(wide);
            if !names.is_empty() {
                rows.push((format!("multiply-accumulate {names}"), cost));
            }
        }
        rows.push(("binary32 multiply-add".into(), energy.vector));
        rows.push(("SRAM byte".into(), energy.sram_byte));
        rows.push(("network byte, a hop".into(), energy.hop_byte));
        rows.push((format!("{} byte", self.chip.memory.kind), energy.memory_byte));
        rows.push(("link byte".into(), energy.link_byte));
        rows
    }
}

/// Low, nominal and high as three cells of a table.
fn cells<T: Copy>(range: &Range<T>, print: impl Fn(T) -> String) -> [String; 3] {
    [print(range.low), print(range.nominal), print(range.high)]
}

fn watts(power: Watts) -> String {
    format!("{:.1}", power.0)
}

fn celsius(temperature: Kelvin) -> String {
    format!("{:.1}", temperature.0 + ZERO)
}

const HEAD: [(&str, Align); 4] =
    [("", Align::Left), ("low", Align::Right), ("nominal", Align::Right), ("high", Align::Right)];

fn text(matter: &Matter, arguments: &Arguments) -> String {
    let sections = [
        title(matter),
        area_table(matter),
        energy_table(matter),
        power_table(matter),
        heat_table(matter, arguments),
        band_table(matter),
        wrapped(&format!("{}.", matter.basis)),
    ];
    sections.join("\n")
}

/// A sentence in lines of at most 80 columns.
fn wrapped(sentence: &str) -> String {
    const WIDTH: usize = 80;
    let mut text = String::new();
    let mut column = 0;
    for word in sentence.split(' ') {
        let long = word.chars().count();
        if column > 0 {
            let fits = column + 1 + long <= WIDTH;
            text.push(if fits { ' ' } else { '\n' });
            column = if fits { column + 1 } else { 0 };
        }
        text += word;
        column += long;
    }
    text + "\n"
}

fn title(matter: &Matter) -> String {
    let mut sheet = Sheet::new();
    let die = &matter.plan.die;
    let fits = if matter.plan.fits_reticle() { "one exposure" } else { "larger than the reticle of 26 x 33 mm" };
    sheet.row("chip", format!("{} in {}", ui::styled(ui::STRONG, &matter.chip.name), matter.node.title));
    sheet.row("die", format!("{:.1} x {:.1} mm, {fits}", die.width.0, die.height.0));
    let package = &matter.plan.package;
    let stacks = matter.plan.stacks.len();
    let beside = if stacks > 0 {
        let overhang = if matter.plan.stacks_overhang() { ", which reach beyond the die" } else { "" };
        format!(", {} of {}{overhang}", ui::plural(stacks, "stack"), matter.chip.memory.kind)
    } else {
        format!(", {} on the board", matter.chip.memory.kind)
    };
    sheet.row("package", format!("{:.0} x {:.0} mm{beside}", package.width.0, package.height.0));
    let clock = matter.clock;
    let asked = matter.chip.frequency;
    let verdict = match () {
        () if asked <= clock.low => "the array reaches it",
        () if asked <= clock.nominal => "the array is likely to reach it",
        () if asked <= clock.high => "the array reaches it if all goes well",
        () => "beyond what the array reaches",
    };
    let range =
        format!("{:.2} to {:.2} GHz, nominal {:.2}", clock.low.0 / 1e9, clock.high.0 / 1e9, clock.nominal.0 / 1e9);
    sheet.row("clock", format!("{asked} asked; {range}: {verdict}"));
    sheet.text()
}

fn area_table(matter: &Matter) -> String {
    let total = matter.area.total();
    let digits = if total.nominal.0 < 100.0 { 2 } else { 1 };
    let print = |area: SquareMillimetres| format!("{:.digits$}", area.0);
    let row = |name: &str, area: &Range<SquareMillimetres>| {
        let [low, nominal, high] = cells(area, print);
        vec![name.to_owned(), low, nominal, high, format!("{:.0} %", 100.0 * (area.nominal / total.nominal))]
    };
    let mut rows: Vec<Vec<String>> = matter.area.blocks.iter().map(|(block, area)| row(block.name(), area)).collect();
    rows.push(row("die", &total));
    let mut head = HEAD.to_vec();
    head[0].0 = "area, mm2";
    head.push(("share", Align::Right));
    ui::table(&head, &rows)
}

fn energy_table(matter: &Matter) -> String {
    let print = |energy: Joules| format!("{:.2}", energy.0 * 1e12);
    let row = |(name, energy): &(String, Range<Joules>)| {
        let [low, nominal, high] = cells(energy, print);
        vec![name.clone(), low, nominal, high]
    };
    let rows: Vec<Vec<String>> = matter.events().iter().map(row).collect();
    let mut head = HEAD;
    head[0].0 = "energy, pJ";
    ui::table(&head, &rows)
}

fn power_table(matter: &Matter) -> String {
    let row = |name: &str, power: &Range<Watts>| {
        let [low, nominal, high] = cells(power, watts);
        vec![name.to_owned(), low, nominal, high]
    };
    let mut rows: Vec<Vec<String>> = matter.full.blocks.iter().map(|(block, power)| row(block.name(), power)).collect();
    rows.push(row(&format!("{} itself", matter.chip.memory.kind), &matter.full.beside));
    rows.push(row("all", &matter.full.total()));
    rows.push(row("of it leakage", &matter.full.leakage));
    rows.push(row("all, 4-bit weights streamed for one token", &matter.stream.total()));
    let mut head = HEAD;
    head[0].0 = "power at full rate, W";
    ui::table(&head, &rows)
}

fn heat_table(matter: &Matter, arguments: &Arguments) -> String {
    let row = |name: &str, [low, nominal, high]: [String; 3]| vec![name.to_owned(), low, nominal, high];
    let mut rows = vec![row("heat in the package, W", cells(&matter.heat, watts))];
    rows.push(row("hottest point of the die, C", cells(&matter.die(), celsius)));
    if let Some(memory) = matter.memory() {
        rows.push(row("hottest point of the memory, C", cells(&memory, celsius)));
    }
    rows.push(row("allowed power, W", cells(&matter.allowed(), watts)));
    let mut head = HEAD;
    head[0].0 = "heat";
    let by = if matter.usual.memory_binds { "the memory's limit binds" } else { "the logic's limit binds" };
    let spread = if arguments.power.is_some() { "given power, spread as at full rate" } else { "power of full rate" };
    let clock = matter.allowed_clock();
    let verdict = if clock < matter.chip.frequency {
        format!("full rate may be held at {:.2} GHz only (same voltage)", clock.0 / 1e9)
    } else {
        "full rate may be held".to_owned()
    };
    let limits = format!("limits {} C logic, {} C memory", celsius(USUAL_LIMITS.logic), celsius(USUAL_LIMITS.memory));
    let sentence = format!("{}; {spread}; {limits}: {by}; {verdict}.", matter.cooling.title);
    ui::table(&head, &rows) + &wrapped(&sentence)
}

fn band_table(matter: &Matter) -> String {
    let row = |band: &Band| {
        let inside = if band.reason.is_none() { "inside" } else { "outside" };
        let [low, found, high] = [band.low, band.found, band.high].map(|number| format!("{number:.2}"));
        vec![band.what.to_owned(), low, found, high, inside.to_owned()]
    };
    let rows: Vec<Vec<String>> = matter.bands.iter().map(row).collect();
    let head = [
        ("published machines", Align::Left),
        ("from", Align::Right),
        ("here", Align::Right),
        ("to", Align::Right),
        ("", Align::Left),
    ];
    let mut text = ui::table(&head, &rows);
    for band in &matter.bands {
        if let Some(reason) = band.reason {
            text += &wrapped(&format!("{}: {reason}.", band.what));
        }
    }
    text
}

/// Low, nominal and high as numbers.
#[derive(Serialize)]
struct Triple {
    low: f64,
    nominal: f64,
    high: f64,
}

fn triple<T: Copy>(range: &Range<T>, number: impl Fn(T) -> f64) -> Triple {
    Triple { low: number(range.low), nominal: number(range.nominal), high: number(range.high) }
}

#[derive(Serialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    range: Triple,
}

#[derive(Serialize)]
struct ShownBand {
    what: &'static str,
    low: f64,
    high: f64,
    found: f64,
    reason: Option<&'static str>,
}

/// Matter in plain numbers: mm2, joules, watts, hertz, degrees Celsius.
#[derive(Serialize)]
struct Shown {
    name: String,
    node: String,
    basis: String,
    die_width_mm: f64,
    die_height_mm: f64,
    fits_reticle: bool,
    package_width_mm: f64,
    package_height_mm: f64,
    stacks: usize,
    area_mm2: Vec<Named>,
    die_mm2: Triple,
    energy_joules: Vec<Named>,
    full_rate_watts: Vec<Named>,
    memory_watts: Triple,
    full_rate_total_watts: Triple,
    stream_total_watts: Triple,
    leakage_watts: Triple,
    clock_hertz: Triple,
    allowed_clock_hertz: f64,
    cooling: String,
    heat_watts: Triple,
    die_celsius: Triple,
    memory_celsius: Option<Triple>,
    allowed_watts: Triple,
    memory_binds: bool,
    solver_steps: usize,
    bands: Vec<ShownBand>,
}

impl Shown {
    fn of(matter: &Matter, arguments: &Arguments) -> Shown {
        let power = |power: &Range<Watts>| triple(power, |power| power.0);
        let kelvin = |range: &Range<Kelvin>| triple(range, |t| t.0 + ZERO);
        let area = |area: &Range<SquareMillimetres>| triple(area, |area| area.0);
        let (plan, full) = (&matter.plan, &matter.full);
        let blocks = |(block, range): &(Block, Range<Watts>)| Named { name: block.name().into(), range: power(range) };
        let event = |(name, range): (String, Range<Joules>)| Named { name, range: triple(&range, |energy| energy.0) };
        let bands = matter.bands.iter();
        let bands =
            bands.map(|b| ShownBand { what: b.what, low: b.low, high: b.high, found: b.found, reason: b.reason });
        let sizes = matter.area.blocks.iter();
        Shown {
            name: matter.chip.name.clone(),
            node: arguments.node.clone(),
            basis: matter.basis.clone(),
            die_width_mm: plan.die.width.0,
            die_height_mm: plan.die.height.0,
            fits_reticle: plan.fits_reticle(),
            package_width_mm: plan.package.width.0,
            package_height_mm: plan.package.height.0,
            stacks: plan.stacks.len(),
            area_mm2: sizes.map(|(block, range)| Named { name: block.name().into(), range: area(range) }).collect(),
            die_mm2: area(&matter.area.total()),
            energy_joules: matter.events().into_iter().map(event).collect(),
            full_rate_watts: full.blocks.iter().map(blocks).collect(),
            memory_watts: power(&full.beside),
            full_rate_total_watts: power(&full.total()),
            stream_total_watts: power(&matter.stream.total()),
            leakage_watts: power(&full.leakage),
            clock_hertz: triple(&matter.clock, |clock| clock.0),
            allowed_clock_hertz: matter.allowed_clock().0,
            cooling: matter.cooling.title.clone(),
            heat_watts: power(&matter.heat),
            die_celsius: kelvin(&matter.die()),
            memory_celsius: matter.memory().as_ref().map(kelvin),
            allowed_watts: power(&matter.allowed()),
            memory_binds: matter.usual.memory_binds,
            solver_steps: matter.usual.field.iterations(),
            bands: bands.collect(),
        }
    }
}
