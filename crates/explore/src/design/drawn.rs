//! The chosen chip for people: its sheet, what binds it, its drawings, its roofline.

use super::assemble::{Parts, bind, line, power};
use crate::ask::Ask;
use crate::body::{Bodies, Body, Refusal, tera};
use crate::deploy::{Point, Rated, Role, Survey};
use crate::judge::figure;
use crate::outcome::{Assumption, Bind, Chosen, Fact, RoofPoint, Roofline};
use crate::runner::Runner;
use crate::select::{Mixed, Served};
use crate::space::{self, Design};
use crate::study::{Space, Study};
use base::units::{Joules, SquareMillimetres, Watts};
use perf::evaluate::{self, Breakdown, Software};
use phys::floorplan;
use phys::package::{Cooling, Package, USUAL_LIMITS};

/// A step of a point, operator by operator.
pub fn breakdown(ask: &Ask, at: usize, runner: &Runner, point: &Point, study: &Study) -> Breakdown {
    let plan = &runner.plans[at][point.plan as usize].plan;
    let meter = Rated(&runner.device);
    let survey = Survey { ask, device: &runner.device, meter: &meter, deployments: &study.deployment };
    evaluate::breakdown(plan, &survey.works(plan, point), &runner.device, &Software::of(&runner.device))
}

/// Seconds of the same step if the software that drives GPUs drove the device: its host time, and no exchange under computation.
pub fn as_driven(ask: &Ask, at: usize, runner: &Runner, point: &Point, study: &Study) -> f64 {
    let plan = &runner.plans[at][point.plan as usize].plan;
    let meter = Rated(&runner.device);
    let survey = Survey { ask, device: &runner.device, meter: &meter, deployments: &study.deployment };
    evaluate::step(plan, &survey.works(plan, point), &runner.device, &Software::STREAM).time.0
}

/// Cells along each side of the package in the drawing of temperatures.
const CELLS: usize = 128;

/// Kelvin at 0 C.
const ZERO: f64 = 273.15;

/// The chosen chip.
pub fn chosen(parts: &Parts, design: &Design, body: &Body, runner: &Runner, mix: &Mixed) -> Chosen {
    let plan = parts.bodies.floorplan(design, body);
    let hottest = hottest(mix);
    let (package, peak) = heated(parts, design, body, hottest);
    let source = format!(
        "study `{}`: the cheapest of {} chips under its limits; node {}, {} dies in a package",
        parts.study.name, parts.found.chips, design.node, design.dies
    );
    Chosen {
        name: parts.study.name.clone(),
        toml: space::text(&body.chip, &source, &parts.study.date().to_string()),
        sheet: sheet(parts, design, body, mix, peak),
        binds: binds(parts, design, body, mix),
        die: floorplan::die(&plan),
        package: floorplan::package(&plan),
        heat: package,
        roofline: roofline(parts, runner, mix),
    }
}

/// The point that a die is warmest at.
fn hottest(mix: &Mixed) -> &Point {
    let points = mix.served.iter().flat_map(Served::points);
    points.max_by(|a, b| a.watts.total_cmp(&b.watts)).expect("a workload at least")
}

/// The drawing of temperatures at a point, and the warmest spots of die and memory in C.
fn heated(parts: &Parts, design: &Design, body: &Body, point: &Point) -> (String, [f64; 2]) {
    let plan = parts.bodies.floorplan(design, body);
    let way = &Cooling::builtin()[&parts.study.limits.cooling.0];
    let blocks = body.spread(Watts(point.watts - point.beside));
    let beside = Watts(point.beside);
    let package = Package::under(&plan, way, way.nominal, CELLS).power(&plan, &blocks, beside);
    let transistors = package.transistors;
    match package.result(USUAL_LIMITS) {
        Ok(warm) => {
            let drawing = floorplan::temperatures(&plan, warm.field.plane(), &warm.field.map(transistors));
            (drawing, [warm.die.0 - ZERO, warm.memory.map_or(warm.die.0, |memory| memory.0) - ZERO])
        }
        Err(error) => {
            (format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><title>{error}</title></svg>"), [f64::NAN; 2])
        }
    }
}

fn sheet(parts: &Parts, design: &Design, body: &Body, mix: &Mixed, [die, memory]: [f64; 2]) -> Vec<Fact> {
    let area = body.area.total();
    let chip = &body.chip;
    let rate = tera(chip);
    let cost = &body.cost;
    let bill = cost.bill.unwrap_or_default();
    let dies = design.dies;
    vec![
        line("node", design.node.clone(), parts.bodies.node(design).title.clone()),
        line("dies of a package", dies.to_string(), "each a device of its own to the software".into()),
        line("cores of a die", design.cores.to_string(), format!("{} spare", design.spare)),
        line(
            "matrix engine of a core",
            format!("{} multiply-accumulates", design.array),
            format!("{} tokens a weight", design.tokens),
        ),
        line("scratchpad of a core", design.scratchpad.to_string(), String::new()),
        line("clock", chip.frequency.to_string(), format!("at {}", chip.voltage)),
        line(
            "arithmetic of a die",
            figure(rate, "TOP/s"),
            format!(
                "8-bit activations, weights {}",
                chip.matrix.weights.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" ")
            ),
        ),
        line(
            "memory of a die",
            format!("{} stacks of {}", design.stacks, design.memory.name()),
            format!("{}, {}", chip.memory.capacity, chip.memory.bandwidth),
        ),
        line("links of a die", design.links.to_string(), format!("{} each way", chip.links.bandwidth)),
        line(
            "area of a die",
            mm2(area.nominal),
            format!("{} to {}; not synthesised on this node", mm2(area.low), mm2(area.high)),
        ),
        line("interposer", mm2(body.interposer), String::new()),
        line(
            "power of a package",
            power(Watts(mix.rating * dies as f64)),
            "what is provisioned, at the workload that draws most".into(),
        ),
        line(
            "warmest spot",
            format!("{die:.0} C on the die"),
            format!(
                "{memory:.0} C in memory; limits {:.0} and {:.0} C",
                USUAL_LIMITS.logic.0 - ZERO,
                USUAL_LIMITS.memory.0 - ZERO
            ),
        ),
        line(
            "making a package",
            figure(bill.total().0, "USD"),
            format!("sold for {} with margin and design", figure(cost.price.0, "USD")),
        ),
    ]
}

fn mm2(area: SquareMillimetres) -> String {
    format!("{:.0} mm2", area.0)
}

/// Every limit with what is left of it. A limit binds when the next step of the grid breaks it, or when a way to serve that is refused would have been quicker.
fn binds(parts: &Parts, design: &Design, body: &Body, mix: &Mixed) -> Vec<Bind> {
    let area = body.area.total().nominal.0;
    let field = econ::die::RETICLE;
    let reticle = field.0.0 * field.1.0;
    let refused = refusals(parts, design);
    let limits = &parts.study.limits;
    let hottest = hottest(mix);
    let share = hottest.beside / hottest.watts;
    let (allowed, why) = body.allowed(share);
    let warm = hottest.watts / allowed.0;
    let near = |share: f64| share > NEAR;
    let mut all = vec![
        bind(
            "reticle",
            mm2(SquareMillimetres(reticle)),
            mm2(SquareMillimetres(area)),
            area / reticle,
            refused.contains(&Refusal::Reticle),
        ),
        bind(
            "size of the interposer",
            mm2(limits.interposer.0),
            mm2(body.interposer),
            body.interposer.0 / limits.interposer.0.0,
            refused.contains(&Refusal::Interposer),
        ),
        bind(
            "arithmetic of a mm2",
            format!("{} TOP/s/mm2", limits.arithmetic.0.0),
            figure(tera(&body.chip) / area, "TOP/s/mm2"),
            tera(&body.chip) / area / limits.arithmetic.0.0,
            refused.contains(&Refusal::Arithmetic),
        ),
        bind(
            why,
            power(allowed * design.dies as f64),
            power(Watts(hottest.watts * design.dies as f64)),
            warm,
            near(warm),
        ),
    ];
    let stacks = body.stacks;
    let supplies = [
        (limits.stacks, stacks, Refusal::Stacks, "stacks"),
        (limits.wafers, body.wafers[0], Refusal::Wafers, "wafers"),
        (limits.interposers, body.wafers[1], Refusal::Interposers, "interposer wafers"),
    ];
    for (limit, taken, refusal, unit) in supplies {
        if let Some(limit) = limit {
            let binds = refused.contains(&refusal);
            all.push(bind(refusal.name(), figure(limit.0, unit), figure(taken, unit), taken / limit.0, binds));
        }
    }
    if let Some(budget) = limits.budget {
        let share = body.spent.0 / budget.0.0;
        let taken = figure(body.spent.0, "USD");
        all.push(bind("budget", figure(budget.0.0, "USD"), taken, share, refused.contains(&Refusal::Budget)));
    }
    for (ask, served) in parts.asks.iter().zip(&mix.served) {
        let times = [("first token", served.ttft(), ask.ttft.0), ("time per token", served.tpot(), ask.tpot.0)];
        let (what, taken, allowed) =
            times.into_iter().max_by(|a, b| (a.1 / a.2).total_cmp(&(b.1 / b.2))).expect("two times");
        let name = format!("{what} of {}", ask.name);
        let milliseconds = |time: f64| format!("{:.0} ms", time * 1e3);
        all.push(bind(&name, milliseconds(allowed), milliseconds(taken), taken / allowed, near(taken / allowed)));
    }
    all.sort_by(|a, b| b.share.total_cmp(&a.share));
    all
}

/// A share of a limit from which on the next batch or clock of the grid does not fit: steps are a third of an octave.
const NEAR: f64 = 0.8;

/// Limits that the neighbours of a design in the grid break.
fn refusals(parts: &Parts, design: &Design) -> Vec<Refusal> {
    let space = &parts.study.space;
    let mut neighbours = Vec::new();
    let mut push = |change: &dyn Fn(&mut Design)| {
        let mut other = design.clone();
        change(&mut other);
        neighbours.push(other);
    };
    for cores in space.cores.iter().filter(|cores| cores.0 as usize > design.cores) {
        push(&|other| other.cores = cores.0 as usize);
    }
    for stacks in space.stacks.iter().filter(|stacks| stacks.0 as usize > design.stacks) {
        push(&|other| other.stacks = stacks.0 as usize);
    }
    for array in space.array.iter().filter(|array| array.columns > design.array.columns) {
        push(&|other| other.array = *array);
    }
    for dies in space.dies.iter().filter(|dies| dies.0 as usize > design.dies) {
        push(&|other| other.dies = dies.0 as usize);
    }
    for clock in space.clock.iter().filter(|clock| clock.0 > design.clock) {
        push(&|other| other.clock = clock.0);
    }
    neighbours.iter().filter_map(|other| parts.bodies.body(other).err()).collect()
}

fn roofline(parts: &Parts, runner: &Runner, mix: &Mixed) -> Roofline {
    /// Operators of a smaller share of a step are left out.
    const LEAST: f64 = 0.02;
    let mut points = Vec::new();
    for (at, ask) in parts.asks.iter().enumerate() {
        for point in mix.served[at].points() {
            let breakdown = breakdown(ask, at, runner, point, parts.study);
            let all = breakdown.step.time.0;
            for row in &breakdown.rows {
                let time = row.estimate.time.0 * row.count;
                let bytes = row.operator.memory_bytes();
                if time / all < LEAST || bytes <= 0.0 || row.operator.operations() <= 0.0 {
                    continue;
                }
                points.push(RoofPoint {
                    operator: format!("{}, {}", phase(point), row.label),
                    workload: ask.name.clone(),
                    intensity: row.operator.operations() / bytes,
                    rate: row.operator.operations() / row.estimate.time.0,
                    share: time / all,
                });
            }
        }
    }
    let device = &runner.device;
    let widest = device.matrix.iter().map(|(_, rate)| rate.0).fold(0.0, f64::max);
    let roofs = vec![("matrix engines".to_owned(), widest), ("vector engines".to_owned(), device.vector.0)];
    Roofline { roofs, bandwidth: device.memory.bandwidth.0, points }
}

fn phase(point: &Point) -> &'static str {
    match point.role {
        Role::Whole { .. } => "mixed",
        Role::Decode => "decode",
        Role::Prefill { .. } => "prefill",
    }
}

/// The lists of the space.
pub fn grid(space: &Space) -> Vec<Fact> {
    fn list<T>(items: &[T], write: impl Fn(&T) -> String) -> String {
        items.iter().map(write).collect::<Vec<_>>().join(", ")
    }
    let number = |number: u64| number.to_string();
    let none = String::new;
    vec![
        line("node", list(&space.node, |node| node.0.clone()), none()),
        line("cores", list(&space.cores, |cores| number(cores.0)), "of a die, working".into()),
        line("spare cores", list(&space.spare, |spare| number(spare.0)), none()),
        line("array", list(&space.array, |array| array.to_string()), "rows x depth x columns of a core".into()),
        line("tokens", list(&space.tokens, |tokens| number(tokens.0)), "that a weight meets for one read".into()),
        line("scratchpad", list(&space.scratchpad, |size| size.0.to_string()), "of a core".into()),
        line("lanes", list(&space.lanes, |lanes| format!("{lanes:?}").to_lowercase()), "weights that they take".into()),
        line("memory", list(&space.memory, |memory| memory.name().to_owned()), none()),
        line("stacks", list(&space.stacks, |stacks| number(stacks.0)), format!("of {}", space.stack.0)),
        line("links", list(&space.links, |links| number(links.0)), none()),
        line("clock", list(&space.clock, |clock| clock.0.to_string()), none()),
        line("dies", list(&space.dies, |dies| number(dies.0)), "of a package".into()),
    ]
}

/// What areas and energies rest on.
pub fn silicon(bodies: &Bodies, study: &Study) -> Vec<Assumption> {
    let blocks = bodies.blocks();
    let mut all = Vec::new();
    let mut say = |what: &str, range: (f64, f64, f64), unit: &str, as_of: &str, source: &str| {
        all.push(Assumption {
            what: what.to_owned(),
            range,
            unit: unit.to_owned(),
            grade: String::new(),
            as_of: as_of.to_owned(),
            source: source.to_owned(),
        });
    };
    const SQUARE_MICROMETRES: f64 = 1e6;
    const PICOJOULES: f64 = 1e12;
    for (what, fact) in [
        ("4-bit multiply-accumulate at 7 nm, area", &blocks.area.mac_i4),
        ("8-bit multiply-accumulate at 7 nm, area", &blocks.area.mac_i8),
        ("binary32 multiply-add at 7 nm, area", &blocks.area.fma_f32),
        ("scaling and summing of a block sum at 7 nm, area", &blocks.area.accumulator),
        ("64-bit accumulator at 7 nm, area", &blocks.area.register),
    ] {
        let range = fact.range.map(|area| area.0 * SQUARE_MICROMETRES);
        say(what, (range.low, range.nominal, range.high), "um2", &fact.as_of, &fact.source);
    }
    let joules = |energy: Joules| energy.0 * PICOJOULES;
    for (what, fact) in [
        ("4-bit multiply-accumulate at 7 nm, energy", &blocks.energy.mac_i4),
        ("8-bit multiply-accumulate at 7 nm, energy", &blocks.energy.mac_i8),
        ("byte of scratchpad at 7 nm, energy", &blocks.energy.sram_byte),
        ("byte over a link, energy", &blocks.link.byte),
    ] {
        let range = fact.range.map(joules);
        say(what, (range.low, range.nominal, range.high), "pJ", &fact.as_of, &fact.source);
    }
    let one = |value: f64| (value, value, value);
    let (own, others) = (Software::PROGRAM, Software::STREAM);
    say(
        "time of a step that our chip waits for its host",
        (own.host.0 * 1e6, own.host.0 * 1e6, others.host.0 * 1e6),
        "us",
        "2026-11",
        "perf::evaluate: a few kilobytes of parameters written, sampled tokens read; at worst as the others",
    );
    say(
        "time of a step that other devices wait for their host",
        one(others.host.0 * 1e6),
        "us",
        "2025",
        "perf::evaluate: what asynchronous schedulers of serving stacks report as the remaining gap",
    );
    say(
        "exchanges of our chip that hide under computation",
        (0.0, own.overlap, own.overlap),
        "share",
        "2026-11",
        "perf::evaluate: an engine of their own; at worst none, as on the others",
    );
    say(
        "memory of a device that serving leaves alone",
        one(perf::parallel::RESERVE),
        "share",
        "2025",
        "vLLM's default gpu_memory_utilization of 0.9",
    );
    say(
        "uncore of our die that repairs itself",
        one(crate::body::REPAIR),
        "share",
        "2026-08",
        "fitted to the yield that is claimed for H100 (data/cases/silicon.toml, V7), as for every device",
    );
    for generation in study.space.memory.iter() {
        let memory = &blocks.memory[generation.name()];
        let name = generation.name();
        let (phy, byte) = (memory.phy.range.map(|area| area.0), memory.byte.range.map(joules));
        say(
            &format!("PHY of a stack of {name}, area"),
            (phy.low, phy.nominal, phy.high),
            "mm2",
            &memory.phy.as_of,
            &memory.phy.source,
        );
        say(
            &format!("byte of {name}, energy"),
            (byte.low, byte.nominal, byte.high),
            "pJ",
            &memory.byte.as_of,
            &memory.byte.source,
        );
    }
    for name in study.space.node.iter() {
        let node = phys::node::Node::builtin(&name.0).expect("the study was checked");
        let title = &node.title;
        let ratio = |range: phys::written::Range<f64>| (range.low, range.nominal, range.high);
        say(
            &format!("{title}: density of logic over 7 nm"),
            ratio(node.logic.range),
            "times",
            &node.logic.as_of,
            &node.logic.source,
        );
        say(
            &format!("{title}: energy of an event over 7 nm"),
            ratio(node.energy.range),
            "times",
            &node.energy.as_of,
            &node.energy.source,
        );
        say(
            &format!("{title}: clock over 7 nm"),
            ratio(node.speed.range),
            "times",
            &node.speed.as_of,
            &node.speed.source,
        );
    }
    all
}
