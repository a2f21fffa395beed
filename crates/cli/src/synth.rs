//! `puce synth`: area, speed and power of the design's modules with a cell library.

use crate::failure::{Failure, Result, read_text};
use crate::setup;
use crate::ui::{self, Align};
use arch::Chip;
use base::units::Hertz;
use clap::Args;
use phys::node::{Blocks, Figure};
use phys::synthesis::Synthesis;
use phys::written::Range;
use rtl::synth::cells::Cells;
use rtl::synth::modules::{MODULES, Module};
use rtl::synth::programs::Programs;
use rtl::synth::report::{self, Report};
use rtl::synth::{self, Request};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The arguments of `puce synth`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  puce synth lane fp-add --library osu018
  puce synth --clock '1.2 GHz' --out layouts --report nano-asap7.toml
  puce synth core --out layouts --patience 0
  puce synth array --library gt2n --shared ~/data --json
  puce synth --compare                      what areas and energies of chips rest on")]
pub struct Arguments {
    /// Modules; without a name all of the list
    #[arg(value_name = "MODULE", value_parser = module)]
    modules: Vec<&'static Module>,
    /// Chip: a name from `puce chip list`, or a description in TOML
    #[arg(long, value_name = "NAME|FILE", default_value = "nano")]
    chip: String,
    /// Cell library: asap7, gt2n, osu018, or a description in TOML
    #[arg(long, value_name = "NAME|FILE", default_value = "asap7")]
    library: String,
    /// Folder of shared data, below which most libraries lie [default: `data` in PUCE_SHARED, or ../shared/data]
    #[arg(long, value_name = "FOLDER")]
    shared: Option<PathBuf>,
    /// Clock to aim at [default: the chip's]
    #[arg(long, value_name = "FREQUENCY")]
    clock: Option<Hertz>,
    /// Minutes after which no further recipe of mapping is tried for a module
    #[arg(long, value_name = "MINUTES", default_value = "20")]
    patience: u64,
    /// Folder of recordings by `puce verify --record`, which give the activity of nets
    #[arg(long, value_name = "FOLDER")]
    recordings: Option<PathBuf>,
    /// Leave out placement: times and powers are then without wires
    #[arg(long)]
    no_place: bool,
    /// Keep netlists, layouts and pictures, a folder for each module; what lies there with the same inputs is not made again
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write the report as TOML, as it is kept in data/synthesis; other modules that the file holds with the same inputs stay in it
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Synthesise nothing: show the figures of the shipped report that areas and energies of chips rest on, beside published ones
    #[arg(long, conflicts_with_all = ["modules", "library", "clock", "recordings", "no_place", "out", "report"])]
    compare: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn module(key: &str) -> std::result::Result<&'static Module, String> {
    Module::named(key).ok_or_else(|| {
        let known: Vec<&str> = MODULES.iter().map(|module| module.key).collect();
        format!("known are {}", known.join(", "))
    })
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    if arguments.compare {
        return compare(arguments.json);
    }
    let chip = setup::chip(&arguments.chip)?;
    let cells = library(&arguments.library)?;
    let folder = cells.folder(&shared(arguments.shared.as_deref()))?;
    let programs = Programs::find()?;
    let mut report = empty(arguments, &chip, &cells, &folder, &programs)?;
    let scratch = Scratch::new(arguments.out.as_deref());
    let listed: Vec<&Module> = MODULES.iter().collect();
    let chosen = if arguments.modules.is_empty() { &listed } else { &arguments.modules };
    for module in chosen {
        ui::note(&format!("{}: {}", module.key, module.what));
        report.modules.push(synth::run(&Request {
            programs: &programs,
            module,
            chip: &chip,
            cells: &cells,
            library: &folder,
            clock_ghz: report.clock_ghz,
            place: !arguments.no_place,
            patience: Duration::from_secs(60 * arguments.patience),
            bit_um2: bit_um2(&cells),
            recordings: arguments.recordings.as_deref(),
            folder: &scratch.0.join(module.key),
        })?);
    }
    if let Some(path) = &arguments.report {
        keep(path, report.clone())?;
    }
    if arguments.json { ui::json(&report) } else { ui::print(&text(&report, &cells)) }
}

/// Write a report over one that the file holds.
fn keep(path: &Path, report: Report) -> Result {
    let name = path.display().to_string();
    let whole = match path.exists() {
        true => report.beside(&name, Report::parse(&name, &read_text(path)?)?)?,
        false => report,
    };
    std::fs::write(path, whole.text()).map_err(|error| Failure::file(path, &error))
}

/// The library of this name, or the one that a file describes.
fn library(spec: &str) -> Result<Cells> {
    let shipped = format!("cells/{spec}.toml");
    if let Some(text) = data::file(&shipped) {
        return Ok(Cells::parse(&shipped, text)?);
    }
    let path = Path::new(spec);
    if path.exists() || spec.contains(['/', '.']) {
        return Ok(Cells::parse(spec, &read_text(path)?)?);
    }
    let name = |path: &'static str| path.strip_prefix("cells/")?.strip_suffix(".toml");
    let names = data::list("cells/").filter_map(name).collect::<Vec<_>>().join("`, `");
    Err(Failure::new(format!(
        "there is no library `{spec}`: known are `{names}`, and the path of a description in TOML"
    )))
}

/// The folder of shared data.
fn shared(given: Option<&Path>) -> PathBuf {
    let usual =
        || std::env::var_os("PUCE_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from).join("data");
    let folder = given.map_or_else(usual, Path::to_path_buf);
    std::path::absolute(&folder).unwrap_or(folder)
}

/// Where files go: the folder that was named, or one that is removed at the end.
struct Scratch(PathBuf, bool);

impl Scratch {
    fn new(named: Option<&Path>) -> Scratch {
        let own = || std::env::temp_dir().join(format!("puce-synth-{}", std::process::id()));
        let folder = named.map_or_else(own, Path::to_path_buf);
        Scratch(std::path::absolute(&folder).unwrap_or(folder), named.is_none())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.1 {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// A report without modules.
fn empty(arguments: &Arguments, chip: &Chip, cells: &Cells, folder: &Path, programs: &Programs) -> Result<Report> {
    let clock = arguments.clock.unwrap_or(chip.frequency);
    if !(1e6..=1e11).contains(&clock.0) {
        return Err(Failure::new("a clock of 1 MHz to 100 GHz can be aimed at"));
    }
    let tools = programs.versions.iter().map(|(name, version)| format!("{name} {version}"));
    Ok(Report {
        source: "own design, `puce synth`: cells by Yosys, places by Coloquinte, wires as trees between pins, times and powers by OpenSTA".into(),
        as_of: today(),
        chip: chip.name.clone(),
        library: cells.title.clone(),
        library_source: cells.source.clone(),
        library_sha256: cells.sha256(folder)?,
        memory_source: cells.memory.as_ref().map_or_else(|| node_memory(cells), |memory| memory.source.clone()),
        clock_ghz: clock.0 / 1e9,
        activity: synth::ACTIVITY,
        tools: tools.collect(),
        modules: Vec::new(),
    })
}

/// Where the areas of memories are from when the library has no macros.
fn node_memory(cells: &Cells) -> String {
    let node = cells.node.as_deref().and_then(phys::node::Node::builtin);
    node.map_or_else(
        || "none: pins of memories are ports".into(),
        |node| format!("squares of {}", node.sram_mib.source),
    )
}

/// Today's date, year first.
fn today() -> String {
    let days = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400) as i64;
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The date that many days after 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the odd day is the last.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn text(report: &Report, cells: &Cells) -> String {
    let head = [
        ("module", Align::Left),
        ("recipe", Align::Left),
        ("cells", Align::Right),
        ("flops", Align::Right),
        ("um2", Align::Right),
        ("um2/MAC", Align::Right),
        ("memory", Align::Right),
        ("ps", Align::Right),
        ("GHz", Align::Right),
        ("mW", Align::Right),
        ("mW in work", Align::Left),
        ("um", Align::Right),
        ("slowest path", Align::Left),
    ];
    let rows: Vec<Vec<String>> = report.modules.iter().map(|module| row(module, cells)).collect();
    let wires =
        if report.modules.iter().all(|module| module.placed.is_some()) { "with placed wires" } else { "without wires" };
    format!(
        "{} for chip {} at {} GHz, {wires}\n\n{}\n{}",
        report.library,
        report.chip,
        figure(Some(report.clock_ghz)),
        ui::table(&head, &rows),
        ui::paragraph(&format!(
            "mW at {} GHz if each net changes in {} % of the cycles; a MAC is a 4-bit weight by an 8-bit activation; um2 are of cells, \
             memory is beside them; clock and reset are ideal; nothing is routed.",
            figure(Some(report.clock_ghz)),
            report.activity * 100.0
        ))
    )
}

fn row(module: &report::Module, cells: &Cells) -> Vec<String> {
    let longest = module.longest();
    let size = module.placed.as_ref().map_or_else(String::new, |placed| {
        format!("{} x {}", figure(Some(placed.width_um)), figure(Some(placed.height_um)))
    });
    vec![
        module.key.clone(),
        module.recipe.clone(),
        ui::count(module.cells),
        ui::count(module.flops),
        figure(Some(module.area_um2)),
        figure(module.um2_per_product()),
        figure(memory(module, cells).filter(|um2| *um2 > 0.0)),
        figure(Some(longest.ps)),
        figure(Some(longest.ghz())),
        figure(module.power().map(|power| power.total_mw())),
        module.work.iter().map(worked).collect::<Vec<_>>().join(", "),
        size,
        format!("{} to {}", longest.from, longest.to),
    ]
}

/// Power in recorded work.
fn worked(work: &report::Work) -> String {
    format!("{} {}", work.phase, figure(Some(work.power.total_mw())))
}

/// Area in square micrometres of the memories that stand beside the cells, or of large macros of the node for those that were left out.
fn memory(module: &report::Module, cells: &Cells) -> Option<f64> {
    match &module.placed {
        Some(placed) => Some(placed.memory_um2),
        None => Some(module.memory_bits as f64 * bit_um2(cells)?),
    }
}

/// Area of a bit in large macros of the library's node in square micrometres.
fn bit_um2(cells: &Cells) -> Option<f64> {
    let node = phys::node::Node::builtin(cells.node.as_deref()?)?;
    Some(node.sram_mib.range.nominal.0 * 1e6 / f64::from(8 << 20))
}

/// Figures of the shipped report beside published ones.
fn compare(json: bool) -> Result {
    let (own, published) = (Blocks::builtin(), Blocks::published());
    let pairs: Vec<_> = own.figures().into_iter().zip(published.figures()).collect();
    if json {
        return ui::json(&pairs.iter().map(|(own, published)| shown(own, published)).collect::<Vec<_>>());
    }
    let head = [
        ("figure at 7 nm", Align::Left),
        ("unit", Align::Left),
        ("own", Align::Right),
        ("published", Align::Right),
        ("from", Align::Right),
        ("to", Align::Right),
        ("ratio", Align::Right),
    ];
    let rows: Vec<Vec<String>> = pairs.iter().map(|(own, published)| compared(own, published)).collect();
    let report = Synthesis::builtin();
    ui::print(&format!(
        "{}\n{}",
        ui::table(&head, &rows),
        ui::paragraph(&format!(
            "Own figures are synthesised: {}, chip {}, {}; without one the published figure counts. Other nodes scale both by the ratios of data/nodes.",
            report.library, report.chip, report.as_of
        ))
    ))
}

fn compared(own: &Figure<'_>, published: &Figure<'_>) -> Vec<String> {
    let found = own.synthesised().then_some(own.range.nominal);
    let Range { low, nominal, high } = published.range;
    vec![
        whole(own),
        own.unit.into(),
        figure(found),
        figure(Some(nominal)),
        figure(Some(low)),
        figure(Some(high)),
        figure(found.map(|found| found / nominal)),
    ]
}

/// What a figure is of, for a line that stands alone.
fn whole(figure: &Figure<'_>) -> String {
    let kind = match figure.unit {
        "pJ" => "energy ",
        "um2" => "area ",
        _ => return figure.what.trim_start_matches("of a ").to_owned(),
    };
    format!("{kind}{}", figure.what.trim_start_matches(kind))
}

fn shown(own: &Figure<'_>, published: &Figure<'_>) -> serde_json::Value {
    let Range { low, nominal, high } = published.range;
    serde_json::json!({
        "figure": whole(own),
        "unit": own.unit,
        "synthesised": own.synthesised().then_some(own.range.nominal),
        "source": own.source,
        "published": { "low": low, "nominal": nominal, "high": high, "source": published.source },
    })
}

/// Three figures, or nothing.
fn figure(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value >= 1e3 => ui::count(value.round() as u64),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_783), (2026, 11, 26));
    }

    #[test]
    fn an_unknown_module_is_told_the_known_ones() {
        assert!(module("alu").unwrap_err().contains("fp-add"));
        assert_eq!(module("lane").unwrap().top, "puce_lane");
    }
}
