//! The programs in their order, and the files between them.

use std::fs;
use std::path::{Path, PathBuf};

use arch::Chip;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::cells::Cells;
use super::modules::{MEMORIES, Module};
use super::programs::Programs;
use super::timing::{Answer, Question};
use super::{EXTRA, report};
use crate::{Error, Result, sources};

/// The flow's Python programs: name and text.
const PYTHON: [(&str, &str); 5] = [
    ("unpack.py", include_str!("../../synth/unpack.py")),
    ("library.py", include_str!("../../synth/library.py")),
    ("netlist.py", include_str!("../../synth/netlist.py")),
    ("place.py", include_str!("../../synth/place.py")),
    ("draw.py", include_str!("../../synth/draw.py")),
];

/// Targets for mapping without wires, as parts of the period.
const TARGETS: [f64; 3] = [0.8, 0.6, 0.45];
/// The part of the period that a path may take before there are wires: wires have cost a fifth and more of the speed of blocks like these.
const WITHOUT_WIRES: f64 = 0.8;
/// Part of the square that cells cover.
const DENSITY: f64 = 0.7;
/// Effort of the placer, of 1 to 9.
const EFFORT: u32 = 3;
/// Nets without wires: the clock's and the reset's trees are not built here, and constants have none.
const IDEAL: [&str; 4] = ["clk_i", "rst_ni", "always_0", "always_1"];
/// Restructuring, mapping for delay, buffers for more than 16 inputs, then sizes for the target in picoseconds.
const SCRIPT: &str = "strash\nifraig\nscorr\ndc2\nstrash\n&get -n\n&syn3\n&syn3\n&syn4\n&b -d\n&dch -f\n&nf -D {D}\n&put\nbuffer -c -N 16\ntopo\n\
                      upsize -D {D}\ndnsize -D {D}\nstime -p\n";

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
    /// Where the files between the programs go: `netlist.v`, `wires.spef`, `layout.gds`, `layout.png` of the chosen target stay there.
    pub folder: &'a Path,
}

/// What `netlist.py` counted.
#[derive(Deserialize)]
struct Counted {
    count: u64,
    flops: u64,
    area: f64,
    flop_area: f64,
    memory_bits: u64,
}

/// What `place.py` measured.
#[derive(Deserialize)]
struct Measured {
    width: f64,
    height: f64,
    wire_um: f64,
}

/// One target's result.
struct Tried {
    folder: PathBuf,
    counted: Counted,
    answer: Answer,
}

/// Synthesise a module: a few targets without wires, then places and wires for the one that is chosen.
///
/// # Errors
/// When the design has no such shape, a program fails or a file cannot be written.
pub fn run(request: &Request<'_>) -> Result<report::Module> {
    let flow = Flow::new(request)?;
    let tried: Vec<Tried> = TARGETS.iter().map(|part| flow.mapped(part * flow.period_ps())).collect::<Result<_>>()?;
    let chosen = choose(tried, WITHOUT_WIRES * flow.period_ps());
    let placed = if request.place { Some(flow.place(&chosen)?) } else { None };
    flow.keep(&chosen)?;
    let Tried { counted, answer, .. } = chosen;
    Ok(report::Module {
        key: request.module.key.into(),
        top: flow.title(),
        sources_sha256: sha256(flow.sources().iter().map(|(_, text)| text.as_bytes())),
        cells: counted.count,
        flops: counted.flops,
        area_um2: counted.area,
        flop_area_um2: counted.flop_area,
        memory_bits: counted.memory_bits,
        products: request.module.products(request.chip).map_err(unbuildable)?,
        path: answer.path,
        placed,
        power: answer.power,
    })
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

/// The smallest that is fast enough, else the fastest.
fn choose(tried: Vec<Tried>, enough_ps: f64) -> Tried {
    let rank = |one: &Tried| {
        let slow = one.answer.path.ps > enough_ps;
        (slow, if slow { one.answer.path.ps } else { one.counted.area })
    };
    let better = |a: &Tried, b: &Tried| rank(a).partial_cmp(&rank(b)).expect("areas and times are numbers");
    tried.into_iter().min_by(better).expect("there are targets")
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
        Ok(flow)
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

    /// The module's sources and those that they name.
    fn sources(&self) -> Vec<(&'static str, &'static str)> {
        let top = self.request.module.top;
        let extra = EXTRA.iter().copied().filter(|(path, _)| sources::unit(path) == top);
        let roots: Vec<&str> = extra.clone().map(|(_, text)| text).chain([top]).collect();
        sources::named_by(roots).into_iter().chain(extra).collect()
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

    /// Cells for a target, timed without wires.
    fn mapped(&self, target_ps: f64) -> Result<Tried> {
        let folder = self.request.folder.join(format!("target-{target_ps:.0}ps"));
        create(&folder)?;
        let cells = self.request.cells;
        let load = cells.femtofarads().unwrap_or_default();
        put(&folder.join("abc.script"), &SCRIPT.replace("{D}", &format!("{target_ps:.0}")))?;
        put(
            &folder.join("abc.constr"),
            &format!("set_driving_cell {}\nset_load {load} [all_outputs]\n", cells.driver),
        )?;
        let sources = self.sources();
        let names = sources.iter().map(|(path, _)| path.rsplit('/').next().unwrap_or(path));
        let job = json!({
            "folder": folder,
            "top": self.request.module.top,
            "params": self.params.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            "memories": MEMORIES,
            "sources": names.map(|name| self.request.folder.join("sources").join(name)).collect::<Vec<_>>(),
            "liberty": self.liberty(&cells.liberty),
            "flops": self.liberty(&cells.flops),
            "lef": cells.lef.iter().map(|file| self.request.library.join(file)).collect::<Vec<_>>(),
            "gds": cells.gds.as_ref().map(|file| self.request.library.join(file)),
            "unused": cells.unused,
            "ties": cells.ties,
            "script": folder.join("abc.script"),
            "constraints": folder.join("abc.constr"),
            "ideal": IDEAL,
            "density": DENSITY,
            "effort": EFFORT,
            "kohm_per_um": cells.wire.ohm_per_um / 1e3,
            "ff_per_um": cells.wire.ff_per_um,
        });
        put(&folder.join("job.json"), &job.to_string())?;
        self.python("netlist.py", &folder.join("job.json"))?;
        let counted = read(&folder.join("counts.json"))?;
        let answer = self.time(&folder, None)?;
        Ok(Tried { folder, counted, answer })
    }

    fn time(&self, folder: &Path, spef: Option<&Path>) -> Result<Answer> {
        let question = Question {
            top: self.request.module.top,
            liberty: &self.liberty(&self.request.cells.liberty),
            netlist: &folder.join("netlist.v"),
            spef,
            period_ps: self.period_ps(),
            load_ff: self.request.cells.femtofarads().unwrap_or_default(),
        };
        let script = folder.join("time.tcl");
        put(&script, &question.script())?;
        question.answer(&self.request.programs.sta(&script)?)
    }

    /// Places, wires, their times and powers, and the layout.
    fn place(&self, tried: &Tried) -> Result<report::Placed> {
        let job = tried.folder.join("job.json");
        self.python("place.py", &job)?;
        self.python("draw.py", &job)?;
        let Measured { width, height, wire_um } = read(&tried.folder.join("place.json"))?;
        let answer = self.time(&tried.folder, Some(&tried.folder.join("wires.spef")))?;
        Ok(report::Placed { width_um: width, height_um: height, wire_um, path: answer.path, power: answer.power })
    }

    /// Move what is of use out of the target's folder.
    fn keep(&self, tried: &Tried) -> Result<()> {
        for name in ["netlist.v", "wires.spef", "layout.gds", "layout.png"] {
            let from = tried.folder.join(name);
            if from.exists() {
                fs::rename(&from, self.request.folder.join(name)).map_err(|error| refused(&from, &error))?;
            }
        }
        Ok(())
    }
}

fn refused(path: &Path, error: &std::io::Error) -> Error {
    Error::Build(format!("{}: {error}", path.display()))
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| refused(folder, &error))
}

fn put(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| refused(path, &error))
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).map_err(|error| refused(path, &error))?;
    serde_json::from_str(&text).map_err(|error| Error::Build(format!("{}: {error}", path.display())))
}
