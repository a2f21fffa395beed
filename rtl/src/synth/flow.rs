//! The programs in their order, and the files between them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use arch::Chip;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::cells::Cells;
use super::counted::{Counted, CountedPart, Measured, Toggled};
use super::modules::{MEMORIES, Module};
use super::outline::{self, Outline};
use super::programs::Programs;
use super::recipes::{RECIPES, Recipe};
use super::timing::{self, Answer, Question};
use super::{EXTRA, kept, report};
use crate::{Error, Result, sources};

/// The flow's Python programs: name and text.
const PYTHON: [(&str, &str); 16] = [
    ("unpack.py", include_str!("../../synth/unpack.py")),
    ("library.py", include_str!("../../synth/library.py")),
    ("macros.py", include_str!("../../synth/macros.py")),
    ("front.py", include_str!("../../synth/front.py")),
    ("merge.py", include_str!("../../synth/merge.py")),
    ("netlist.py", include_str!("../../synth/netlist.py")),
    ("toggle.py", include_str!("../../synth/toggle.py")),
    ("written.py", include_str!("../../synth/written.py")),
    ("repeat.py", include_str!("../../synth/repeat.py")),
    ("drives.py", include_str!("../../synth/drives.py")),
    ("paths.py", include_str!("../../synth/paths.py")),
    ("resize.py", include_str!("../../synth/resize.py")),
    ("rows.py", include_str!("../../synth/rows.py")),
    ("ties.py", include_str!("../../synth/ties.py")),
    ("place.py", include_str!("../../synth/place.py")),
    ("draw.py", include_str!("../../synth/draw.py")),
];

/// Those of them that come after mapping.
const PLACING: [&str; 8] =
    ["repeat.py", "drives.py", "paths.py", "resize.py", "rows.py", "ties.py", "place.py", "draw.py"];

/// The part of the period that mapping aims at without wires.
const TARGET: f64 = 0.6;
/// The part of the period that a path may take before there are wires: wires have cost a fifth and more of the speed of blocks like these.
const WITHOUT_WIRES: f64 = 0.85;
/// Most results of one module that are placed.
const PLACED: usize = 2;
/// What a repeater is meant to drive, in loads of an output, each of which is three inputs.
const REPEAT: f64 = 12.0;
/// Part of the square that cells cover.
const DENSITY: f64 = 0.7;
/// Effort of the placer, of 1 to 9.
const EFFORT: u32 = 3;
/// Nets without wires: the clock's and the reset's trees are not built here, and constants have none.
const IDEAL: [&str; 4] = ["clk_i", "rst_ni", "always_0", "always_1"];

/// The folder's result that is kept, and the files of it.
const KEPT: [&str; 10] = [
    "netlist.v",
    "netlist.json",
    "ports.json",
    "counts.json",
    "memory.tcl",
    "wires.spef",
    "place.json",
    "layout.gds",
    "layout.png",
    "colours.txt",
];
/// What a module knows of a block that stands in it, in the block's folder.
const OUTLINE: &str = "block.lib";

/// What to synthesise.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The programs.
    pub programs: &'a Programs,
    /// The module.
    pub module: &'a Module,
    /// The chip that gives it its parameters.
    pub chip: &'a Chip,
    /// The library.
    pub cells: &'a Cells,
    /// The folder of its files.
    pub library: &'a Path,
    /// The clock that is asked for.
    pub clock_ghz: f64,
    /// Whether to place the cells.
    pub place: bool,
    /// The time after which no further recipe is begun.
    pub patience: Duration,
    /// A folder of recordings ([`crate::watch`]) that give the activity of nets.
    pub recordings: Option<&'a Path>,
    /// Area of a bit of memory in square micrometres, for a library that has no macros.
    pub bit_um2: Option<f64>,
    /// Where the files between the programs go: `netlist.v`, `netlist.json`, `wires.spef`, `layout.gds`, `layout.png` of the chosen recipe stay there.
    /// Blocks of the module have theirs beside it.
    pub folder: &'a Path,
}

impl Request<'_> {
    /// Recordings of the module, in the order of their names.
    pub(super) fn recorded(&self) -> Result<Vec<PathBuf>> {
        let Some(folder) = self.recordings else { return Ok(Vec::new()) };
        let files = fs::read_dir(folder).map_err(|error| refused(folder, &error))?;
        let paths = files.filter_map(|file| Some(file.ok()?.path()));
        let own = format!("{}.", self.module.top);
        let own = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&own));
        let mut paths: Vec<PathBuf> = paths.filter(own).collect();
        paths.sort();
        Ok(paths)
    }

    /// The folder of a block.
    fn beside(&self, block: &Module) -> PathBuf {
        self.folder.with_file_name(block.key)
    }
}

/// One recipe's result.
struct Tried {
    recipe: &'static Recipe,
    folder: PathBuf,
    counted: Counted,
    answer: Answer,
    placed: Option<report::Placed>,
}

impl Tried {
    /// The longest path, with wires where there are places.
    fn ps(&self) -> f64 {
        self.placed.as_ref().map_or(self.answer.path.ps, |placed| placed.path.ps)
    }

    fn told(&self) -> report::Tried {
        report::Tried {
            recipe: self.recipe.name.into(),
            area_um2: self.counted.area,
            ps: self.answer.path.ps,
            placed_ps: self.placed.as_ref().map(|placed| placed.path.ps),
        }
    }
}

/// Synthesise a module: its blocks first, then recipes of mapping until one is fast enough without wires, then places and wires for the best of them.
/// A result that lies in the folder with the same inputs is taken as it is.
///
/// # Errors
/// When the design has no such shape, a program fails or a file cannot be written.
pub fn run(request: &Request<'_>) -> Result<report::Module> {
    let blocks = blocks(request)?;
    let (placing, mapping): (Vec<_>, Vec<_>) = PYTHON.into_iter().partition(|(name, _)| PLACING.contains(name));
    let sources = sources_of(request.module).into_iter().chain(mapping).map(|(_, text)| text.to_string());
    let texts: Vec<String> = sources.chain(blocks.iter().map(|block| format!("{block:?}"))).collect();
    let placing: Vec<&str> = placing.into_iter().map(|(_, text)| text).collect();
    let inputs = kept::inputs(request, &texts, &placing)?;
    if let Some(module) = kept::found(request, &inputs) {
        return Ok(module);
    }
    let module = made(request, &blocks)?;
    kept::keep(request, &inputs, &module)?;
    Ok(module)
}

/// The results of the module's blocks: those that are placed with it need no places of their own.
fn blocks(request: &Request<'_>) -> Result<Vec<report::Module>> {
    let one = |block: &'static Module| {
        let place = request.place && block.hard;
        run(&Request { module: block, folder: &request.beside(block), place, ..*request })
    };
    request.module.all_blocks().into_iter().map(one).collect()
}

fn made(request: &Request<'_>, blocks: &[report::Module]) -> Result<report::Module> {
    let flow = Flow::new(request)?;
    let mut tried = flow.try_recipes()?;
    if request.place {
        flow.place_best(&mut tried)?;
    }
    let told = tried.iter().map(Tried::told).collect();
    let chosen = choose(tried, flow.period_ps());
    let work = flow.work(&chosen)?;
    flow.keep(&chosen)?;
    if request.module.hard {
        flow.outline(chosen.placed.is_some())?;
    }
    let Tried { recipe, counted, answer, placed, .. } = chosen;
    let inner = inner(&counted.boxes, blocks);
    // Without cells of its own a module has no power of its own to tell of.
    let bare = counted.count == inner.iter().map(|(count, block)| count * block.cells).sum::<u64>();
    let power =
        |own: Option<report::Power>| with_blocks(if bare { Some(report::Power::default()) } else { own }, &inner);
    let placed = placed.map(|placed| report::Placed {
        path: longest(placed.path, &inner),
        power: power(placed.power),
        ..placed
    });
    let part =
        |part: CountedPart| report::Part { name: part.name, cells: part.count, flops: part.flops, area_um2: part.area };
    let several = counted.parts.len() > 1;
    Ok(report::Module {
        key: request.module.key.into(),
        top: flow.title(),
        sources_sha256: sha256(flow.sources().iter().map(|(_, text)| text.as_bytes())),
        cells: counted.count,
        flops: counted.flops,
        area_um2: counted.area,
        flop_area_um2: counted.flop_area,
        memory_bits: counted.memory_bits,
        recipe: recipe.name.into(),
        products: request.module.products(request.chip).map_err(unbuildable)?,
        path: longest(answer.path, &inner),
        placed,
        power: power(answer.power),
        work,
        tried: told,
        blocks: inner.iter().map(|(count, block)| told_block(*count, block)).collect(),
        parts: if several { counted.parts.into_iter().map(part).collect() } else { Vec::new() },
    })
}

/// The blocks with places of their own, with how many there are of each.
fn inner<'a>(boxes: &BTreeMap<String, u64>, blocks: &'a [report::Module]) -> Vec<(u64, &'a report::Module)> {
    let top = |block: &report::Module| Module::named(&block.key).map_or("", |module| module.top);
    blocks.iter().filter_map(|block| Some((*boxes.get(top(block))?, block))).collect()
}

fn told_block(count: u64, block: &report::Module) -> report::Block {
    report::Block { key: block.key.clone(), count, ps: block.longest().ps }
}

/// The longest of a module's own path and those inside its blocks.
fn longest(own: report::Path, inner: &[(u64, &report::Module)]) -> report::Path {
    let inside = inner.iter().map(|(_, block)| {
        let report::Path { ps, from, to, cells } = block.longest().clone();
        report::Path { ps, from: format!("{}/{from}", block.key), to: format!("{}/{to}", block.key), cells }
    });
    inside.fold(own, |longest, path| if path.ps > longest.ps { path } else { longest })
}

/// Power of a module's own cells and of its blocks.
fn with_blocks(own: Option<report::Power>, inner: &[(u64, &report::Module)]) -> Option<report::Power> {
    let add = |sum: Option<f64>, count: u64, part: Option<f64>| match (sum, part) {
        (None, None) => None,
        (sum, part) => Some(sum.unwrap_or_default() + count as f64 * part.unwrap_or_default()),
    };
    inner.iter().fold(own, |sum, (count, block)| {
        let (sum, part) = (sum?, block.power()?);
        Some(report::Power {
            internal_mw: add(sum.internal_mw, *count, part.internal_mw),
            switching_mw: add(sum.switching_mw, *count, part.switching_mw),
            leakage_mw: add(sum.leakage_mw, *count, part.leakage_mw),
        })
    })
}

/// A module's sources and those that they name.
fn sources_of(module: &Module) -> Vec<(&'static str, &'static str)> {
    let extra = EXTRA.iter().copied().filter(|(path, _)| sources::unit(path) == module.top);
    let roots: Vec<&str> = extra.clone().map(|(_, text)| text).chain([module.top]).collect();
    sources::named_by(roots).into_iter().chain(extra).collect()
}

/// SHA-256 of these bytes, one after the other, in hexadecimal digits.
pub(super) fn sha256<B: AsRef<[u8]>>(parts: impl Iterator<Item = B>) -> String {
    let mut hash = Sha256::new();
    parts.for_each(|part| hash.update(part));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unbuildable(error: crate::params::Unbuildable) -> Error {
    Error::Build(error.to_string())
}

/// Results in the order of worth: the smallest that is fast enough, else the fastest, without wires.
fn worth(tried: &Tried, enough_ps: f64) -> (bool, f64) {
    let slow = tried.answer.path.ps > enough_ps;
    (slow, if slow { tried.answer.path.ps } else { tried.counted.area })
}

/// The first that was placed and keeps the period, else the fastest of those that were placed, else the best without wires.
fn choose(tried: Vec<Tried>, period_ps: f64) -> Tried {
    let rank = |one: &Tried| match &one.placed {
        Some(placed) => (false, placed.path.ps > period_ps, placed.path.ps),
        None => (true, worth(one, WITHOUT_WIRES * period_ps).0, worth(one, WITHOUT_WIRES * period_ps).1),
    };
    let better = |a: &Tried, b: &Tried| rank(a).partial_cmp(&rank(b)).expect("areas and times are numbers");
    tried.into_iter().min_by(better).expect("there are recipes")
}

struct Flow<'a> {
    request: &'a Request<'a>,
    params: Vec<(&'static str, u64)>,
}

impl<'a> Flow<'a> {
    /// The flow with its texts written into the folder.
    fn new(request: &'a Request<'a>) -> Result<Flow<'a>> {
        let params = request.module.params(request.chip).map_err(unbuildable)?;
        let flow = Flow { request, params };
        flow.write("flow", PYTHON.iter().copied())?;
        flow.write("sources", flow.sources().into_iter())?;
        create(&request.folder.join("library"))?;
        let packed: Vec<PathBuf> = request.cells.liberty.iter().map(|file| request.library.join(file)).collect();
        let job = request.folder.join("library.json");
        put(&job, &json!({ "folder": request.folder.join("library"), "liberty": packed }).to_string())?;
        flow.python("unpack.py", &job)?;
        flow.front()?;
        Ok(flow)
    }

    /// Plain gates, the same for every recipe.
    fn front(&self) -> Result<()> {
        let sources = self.sources();
        let names = sources.iter().map(|(path, _)| path.rsplit('/').next().unwrap_or(path));
        let job = json!({
            "folder": self.request.folder,
            "top": self.request.module.top,
            "params": self.params.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            "boxes": self.boxes(),
            "apart": self.request.module.apart,
            "sources": names.map(|name| self.request.folder.join("sources").join(name)).collect::<Vec<_>>(),
            "flops": self.liberty(&self.request.cells.flops),
            "unused": self.request.cells.unused,
        });
        let path = self.request.folder.join("front.json");
        put(&path, &job.to_string())?;
        self.python("front.py", &path)
    }

    /// Results without wires, until one is fast enough or patience ends.
    fn try_recipes(&self) -> Result<Vec<Tried>> {
        let begun = Instant::now();
        let mut tried = Vec::new();
        for recipe in RECIPES {
            if !tried.is_empty() && begun.elapsed() > self.request.patience {
                break;
            }
            let one = self.mapped(recipe)?;
            let enough = one.answer.path.ps <= WITHOUT_WIRES * self.period_ps();
            tried.push(one);
            if enough {
                break;
            }
        }
        Ok(tried)
    }

    /// Places for the best results, until one keeps the period with wires.
    fn place_best(&self, tried: &mut [Tried]) -> Result<()> {
        let begun = Instant::now();
        let mut order: Vec<usize> = (0..tried.len()).collect();
        let worth = |index: &usize| worth(&tried[*index], WITHOUT_WIRES * self.period_ps());
        order.sort_by(|a, b| worth(a).partial_cmp(&worth(b)).expect("areas and times are numbers"));
        for index in order.into_iter().take(PLACED) {
            tried[index].placed = Some(self.place(&tried[index])?);
            if tried[index].ps() <= self.period_ps() || begun.elapsed() > self.request.patience {
                break;
            }
        }
        Ok(())
    }

    /// Liberty files as text.
    fn liberty(&self, files: &[PathBuf]) -> Vec<PathBuf> {
        let name =
            |file: &PathBuf| file.file_name().unwrap_or_default().to_string_lossy().trim_end_matches(".gz").to_string();
        files.iter().map(|file| self.request.folder.join("library").join(name(file))).collect()
    }

    fn period_ps(&self) -> f64 {
        1e3 / self.request.clock_ghz
    }

    fn title(&self) -> String {
        let params: Vec<String> = self.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        [self.request.module.top.to_string(), params.join(" ")].join(" ").trim().to_string()
    }

    /// Modules that are boxes while this one is mapped.
    fn boxes(&self) -> Vec<&'static str> {
        let blocks = self.request.module.blocks.iter().filter_map(|key| Module::named(key));
        MEMORIES.iter().copied().chain(blocks.map(|block| block.top)).collect()
    }

    /// Where the results of blocks lie, by module.
    fn blocks(&self) -> serde_json::Value {
        let told = |block: &Module| json!({ "folder": self.request.beside(block), "hard": block.hard });
        self.request.module.all_blocks().into_iter().map(|block| (block.top.to_string(), told(block))).collect()
    }

    /// The module's sources and those that they name.
    fn sources(&self) -> Vec<(&'static str, &'static str)> {
        sources_of(self.request.module)
    }

    fn write(&self, below: &str, files: impl Iterator<Item = (&'static str, &'static str)>) -> Result<()> {
        let folder = self.request.folder.join(below);
        create(&folder)?;
        for (path, text) in files {
            put(&folder.join(path.rsplit('/').next().unwrap_or(path)), text)?;
        }
        Ok(())
    }

    fn python(&self, program: &str, job: &Path) -> Result<()> {
        self.request.programs.python(&self.request.folder.join("flow").join(program), job)
    }

    /// Cells by a recipe, timed without wires.
    fn mapped(&self, recipe: &'static Recipe) -> Result<Tried> {
        let folder = self.request.folder.join(recipe.name);
        create(&folder)?;
        let cells = self.request.cells;
        let load = cells.femtofarads().unwrap_or_default();
        put(&folder.join("abc.script"), &recipe.script(TARGET * self.period_ps()))?;
        put(
            &folder.join("abc.constr"),
            &format!("set_driving_cell {}\nset_load {load} [all_outputs]\n", cells.driver),
        )?;
        let job = json!({
            "folder": folder,
            "top": self.request.module.top,
            "base": self.request.folder.join("base.il"),
            "liberty": self.liberty(&cells.liberty),
            "lef": cells.lef.iter().map(|file| self.request.library.join(file)).collect::<Vec<_>>(),
            "gds": cells.gds.as_ref().map(|file| self.request.library.join(file)),
            "blocks": self.blocks(),
            "driver": cells.driver,
            "repeater": cells.repeater,
            "repeat_ff": REPEAT * load,
            "pin_ff": load / 3.0,
            "load_ff": load,
            "period_ps": self.period_ps(),
            "memory_ps": self.memory_ps(),
            "unused": cells.unused,
            "ties": cells.ties,
            "script": folder.join("abc.script"),
            "constraints": folder.join("abc.constr"),
            "ideal": IDEAL,
            "memory": self.memory(),
            "density": DENSITY,
            "effort": EFFORT,
            "kohm_per_um": cells.wire.ohm_per_um / 1e3,
            "ff_per_um": cells.wire.ff_per_um,
        });
        put(&folder.join("job.json"), &job.to_string())?;
        self.python("netlist.py", &folder.join("job.json"))?;
        let counted = read(&folder.join("counts.json"))?;
        let answer = self.time(&folder, None)?;
        Ok(Tried { recipe, folder, counted, answer, placed: None })
    }

    /// What is known of the sizes of memories.
    fn memory(&self) -> serde_json::Value {
        match (&self.request.cells.memory, self.request.bit_um2) {
            (Some(memory), _) => json!({ "macros": memory.macros }),
            (None, Some(um2)) => json!({ "macros": [], "um2_per_bit": um2 }),
            (None, None) => serde_json::Value::Null,
        }
    }

    /// From the clock to what memories read, and from what they take to the clock, in picoseconds.
    fn memory_ps(&self) -> [f64; 2] {
        self.request.cells.memory.as_ref().map_or([0.0; 2], |memory| [memory.access_ps, memory.setup_ps])
    }

    /// Power in each recording of the module.
    fn work(&self, tried: &Tried) -> Result<Vec<report::Work>> {
        self.request.recorded()?.iter().map(|path| self.worked(tried, path)).collect()
    }

    /// Power in a recording.
    fn worked(&self, tried: &Tried, recording: &Path) -> Result<report::Work> {
        let job = json!({
            "folder": tried.folder,
            "top": self.request.module.top,
            "liberty": self.liberty(&self.request.cells.liberty),
            "recording": recording,
            "busy": self.request.module.busy,
        });
        let path = tried.folder.join("toggle.json");
        put(&path, &job.to_string())?;
        self.python("toggle.py", &path)?;
        let Toggled { phase, source, steps, busy, mean, cells } = read(&tried.folder.join("toggles.json"))?;
        let spef = tried.folder.join("wires.spef");
        let spef = tried.placed.as_ref().map(|_| spef.as_path());
        let script = tried.folder.join("power.tcl");
        let said = self.ask(&tried.folder, spef, |question| {
            put(&script, &question.cells_script())?;
            self.request.programs.sta(&script)
        })?;
        let power = timing::at_rates(&said, &cells);
        let power = power.ok_or_else(|| {
            Error::Build(format!("OpenSTA gave no powers of the cells of {}", self.request.module.top))
        })?;
        Ok(report::Work { phase, source, cycles: steps, busy, activity: mean, power })
    }

    fn time(&self, folder: &Path, spef: Option<&Path>) -> Result<Answer> {
        let script = folder.join("time.tcl");
        self.ask(folder, spef, |question| {
            put(&script, &question.script())?;
            question.answer(&self.request.programs.sta(&script)?)
        })
    }

    /// A question about the netlist of a folder.
    fn ask<T>(&self, folder: &Path, spef: Option<&Path>, then: impl FnOnce(&Question<'_>) -> Result<T>) -> Result<T> {
        let cells = self.request.cells;
        let hard = self.request.module.all_blocks().into_iter().filter(|block| block.hard);
        let outlines = hard.map(|block| self.request.beside(block).join(OUTLINE));
        then(&Question {
            top: self.request.module.top,
            liberty: &self.liberty(&cells.liberty).into_iter().chain(outlines).collect::<Vec<_>>(),
            netlist: &folder.join("netlist.v"),
            spef,
            period_ps: self.period_ps(),
            load_ff: cells.femtofarads().unwrap_or_default(),
            memory_ps: self.memory_ps(),
            memory: &folder.join("memory.tcl"),
        })
    }

    /// Places, wires, their times and powers, and the layout.
    fn place(&self, tried: &Tried) -> Result<report::Placed> {
        let job = tried.folder.join("job.json");
        self.python("place.py", &job)?;
        self.python("draw.py", &job)?;
        let measured: Measured = read(&tried.folder.join("place.json"))?;
        let answer = self.time(&tried.folder, Some(&tried.folder.join("wires.spef")))?;
        let Answer { path, power } = answer;
        Ok(report::Placed {
            width_um: measured.width,
            height_um: measured.height,
            wire_um: measured.wire_um,
            memory_um2: measured.memory_um2,
            repeaters: measured.repeaters,
            repeater_um2: measured.repeater_um2,
            resized: measured.resized,
            resized_um2: measured.resized_um2,
            crowded: measured.crowded,
            ties: measured.ties,
            tie_um2: measured.tie_um2,
            path,
            power,
        })
    }

    /// What a module that this one stands in knows of it.
    fn outline(&self, placed: bool) -> Result<()> {
        let folder = self.request.folder;
        let (spef, script) = (folder.join("wires.spef"), folder.join("ports.tcl"));
        let load = self.request.cells.femtofarads().unwrap_or_default();
        let text = self.ask(folder, placed.then_some(spef.as_path()), |question| {
            put(&script, &question.ports_script(outline::LOADS))?;
            let said = self.request.programs.sta(&script)?;
            Ok(Outline::read(question, &said)?.liberty(self.request.module.top, load))
        })?;
        put(&folder.join(OUTLINE), &text)
    }

    /// Move what is of use out of the recipe's folder.
    fn keep(&self, tried: &Tried) -> Result<()> {
        for name in KEPT {
            let from = tried.folder.join(name);
            if from.exists() {
                fs::rename(&from, self.request.folder.join(name)).map_err(|error| refused(&from, &error))?;
            }
        }
        Ok(())
    }
}

pub(super) fn refused(path: &Path, error: &std::io::Error) -> Error {
    Error::Build(format!("{}: {error}", path.display()))
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| refused(folder, &error))
}

pub(super) fn put(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| refused(path, &error))
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).map_err(|error| refused(path, &error))?;
    serde_json::from_str(&text).map_err(|error| Error::Build(format!("{}: {error}", path.display())))
}
