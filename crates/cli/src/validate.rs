//! `puce validate`: predictions beside measurements, and public figures beside what is computed.
//!
//! The measured sets lie in a folder that a user need not have; the public cases are part of the program.

mod public;

use crate::failure::{Failure, Result};
use crate::ui::{self, Align};
use ::validate::calibrate;
use ::validate::kernels::FAMILIES;
use ::validate::public::Public;
use ::validate::report::reasons::{self, Shared};
use ::validate::report::{Line, Report, Verdict, cases, html, markdown};
use ::validate::run::{self, Set};
use clap::Args;
use perf::device::Device;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

/// Arguments of `puce validate`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  puce validate --data ../shared/data               every measured set, and the public cases
  puce validate --only public                       the public cases alone
  puce validate --only 'mlperf b200'                one device of one benchmark
  puce validate --only throughput                   a maker's tables, predicted without any factor
  puce validate --only gemm --html errors.html      with a page of charts
  puce validate --only serving --why                why targets are missed
  puce validate --only serving --cases points.csv   every case with its prediction, to look for reasons
  puce validate --only 'h100 attention' --json
  puce validate --fit                               fit the parameters anew, on calibrate files only")]
pub struct Arguments {
    /// Folder that holds `measured` [default: $PUCE_SHARED/data, else ../shared/data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Only sets and public cases whose name contains these words
    #[arg(long, value_name = "WORDS")]
    only: Option<String>,
    /// Leave out the lines of regimes, and the public cases that agree
    #[arg(long)]
    brief: bool,
    /// Write a page of tables and charts that needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write every case as a line of a CSV table: prediction, measurement, interval
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// Write the tables into the chapter of the documentation, between its marks
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Fit parameters and intervals on the calibrate files and write them to `calibration.toml` and `intervals.toml` in this folder
    #[arg(long, value_name = "FOLDER", num_args = 0..=1, default_missing_value = "data", conflicts_with_all = ["html", "cases", "markdown", "only"])]
    fit: Option<PathBuf>,
    /// Say why targets are missed, below the table
    #[arg(long, conflicts_with = "json")]
    why: bool,
    /// Print one JSON array, with the reasons of what misses
    #[arg(long)]
    json: bool,
}

/// One element of the JSON array.
#[derive(Serialize)]
#[serde(untagged)]
enum Told {
    Line(Line),
    Public(Public),
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    let data = Data::find(arguments.data.as_deref());
    if let Some(folder) = &arguments.fit {
        return fit(data.folder()?, folder);
    }
    let Found { report, public } = found(arguments, &data)?;
    if let Some(file) = &arguments.html {
        write(file, html::page(&report))?;
    }
    if let Some(file) = &arguments.cases {
        let mut table = Vec::new();
        cases::write(&report, &mut table).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        write(file, &table)?;
    }
    if let Some(file) = &arguments.markdown {
        let tables = markdown::public(&public, crate::facts::figures);
        write(file, markdown::chapter(&fs::read_to_string(file).unwrap_or_default(), &report, &tables))?;
    }
    let mut lines = report.lines();
    lines.retain(|line| !arguments.brief || line.regime.is_none());
    if arguments.json {
        let told: Vec<Told> = lines.into_iter().map(Told::Line).chain(public.into_iter().map(Told::Public)).collect();
        return ui::json(&told);
    }
    let measured = if lines.is_empty() { String::new() } else { table(&lines) };
    let measured = if arguments.why { measured + &why(&lines) } else { measured };
    let text = measured + &public::tables(&public, arguments.brief);
    ui::print(text.trim_start_matches('\n'))?;
    public::notes(&public);
    Ok(())
}

/// The folder of measured data, or why there is none.
struct Data {
    folder: PathBuf,
    there: bool,
    /// Whether somebody named it.
    named: bool,
}

impl Data {
    fn find(given: Option<&Path>) -> Data {
        let shared =
            || std::env::var_os("PUCE_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from).join("data");
        let folder = given.map_or_else(shared, Path::to_path_buf);
        Data { there: folder.join("measured").is_dir(), named: given.is_some(), folder }
    }

    fn folder(&self) -> Result<&Path> {
        if self.there { Ok(&self.folder) } else { Err(Failure::new(self.absent())) }
    }

    fn absent(&self) -> String {
        format!(
            "{}: no folder `measured` there; name the folder of measured data with --data, or its parent in PUCE_SHARED",
            self.folder.display()
        )
    }
}

/// Everything that was asked for.
struct Found {
    report: Report,
    public: Vec<Public>,
}

fn found(arguments: &Arguments, data: &Data) -> Result<Found> {
    let only = arguments.only.as_deref().unwrap_or_default();
    let wanted = |name: &str| only.split_whitespace().all(|word| name.contains(word));
    let sets: Vec<Set> = run::sets().into_iter().filter(|set| wanted(&set.name)).collect();
    let files = [&arguments.html, &arguments.cases, &arguments.markdown];
    let needed = data.named || files.iter().any(|file| file.is_some());
    if needed && !sets.is_empty() {
        data.folder()?;
    }
    let public = public::rows(&wanted)?;
    match (sets.is_empty(), public.is_empty()) {
        (true, true) => return Err(nothing(only)),
        (false, true) => _ = data.folder()?,
        _ => {}
    }
    if !data.there && !sets.is_empty() {
        ui::note(&format!("skipped {}: {}", ui::plural(sets.len(), "measured set"), data.absent()));
    }
    let empty = if arguments.cases.is_some() { Report::keeping() } else { Report::default() };
    let report = if data.there { measure(&data.folder, &sets, empty)? } else { empty };
    Ok(Found { report, public })
}

fn nothing(only: &str) -> Failure {
    let names: Vec<String> = run::sets().into_iter().map(|set| set.name).collect();
    Failure::new(format!(
        "no set or public case is called `{only}`; there are: {}, public money V1 .. V19, public throughput, public mlperf V15 .. V16",
        names.join(", ")
    ))
}

fn write(file: &Path, text: impl AsRef<[u8]>) -> Result {
    fs::write(file, text).map_err(|error| Failure::file(file, &error))?;
    ui::note(&format!("wrote {}", file.display()));
    Ok(())
}

/// Runs the sets that were asked for.
fn measure(data: &Path, sets: &[Set], mut report: Report) -> Result<Report> {
    let bar = ui::count_bar("measured sets", sets.len() as u64);
    for set in sets {
        bar.set_message(set.name.clone());
        run::one(set, data, &mut report)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(report)
}

/// Fits parameters and intervals, and writes both files.
fn fit(data: &Path, folder: &Path) -> Result {
    let bar = ui::count_bar("fit", FAMILIES.len() as u64);
    let known = |key: &str| Device::find(key).ok();
    let calibrated = calibrate::calibrate(data, &known, calibrate::ROWS, |family| {
        bar.set_message(format!("fit {family}"));
        bar.inc(1);
    })?;
    bar.finish_and_clear();
    write(&folder.join("calibration.toml"), calibrated.calibration())?;
    write(&folder.join("intervals.toml"), calibrated.intervals())
}

/// The lines as a table that fits 80 columns.
fn table(lines: &[Line]) -> String {
    let (left, right) = (Align::Left, Align::Right);
    let head = [
        ("", left),
        ("cases", right),
        ("mean", right),
        ("median", right),
        ("bias", right),
        ("floor", right),
        ("90 %", right),
        ("goal", right),
        ("", left),
    ];
    let mut rows = Vec::new();
    let mut kind = "";
    for line in lines {
        if line.kind != kind {
            kind = line.kind;
            rows.push(vec![ui::styled(ui::STRONG, kind)]);
        }
        rows.push(row(line));
    }
    ui::table(&head, &rows)
}

/// Why lines miss, reason by reason.
fn why(lines: &[Line]) -> String {
    let groups = reasons::shared(lines);
    let group = |group: &Shared| {
        let rows = ui::styled(ui::STRONG, format!("{}; {}", group.lines[0].kind, group.rows()));
        format!("\n{}{}", ui::paragraph(&rows), ui::paragraph(&group.why()))
    };
    groups.iter().map(group).collect()
}

/// Characters of the first column that leave the rest within 80.
const LABEL: usize = 22;

fn row(line: &Line) -> Vec<String> {
    let percent = |value: f64| format!("{:.*}", usize::from(value < 1.0), 100.0 * value);
    let label = match &line.regime {
        None if line.calibrated => format!("  {}", line.device),
        None => format!("  {}, never fitted", line.device),
        Some(regime) => format!("    {regime}"),
    };
    let summary = &line.summary;
    let mark = match line.verdict {
        Verdict::Pass => "ok".to_string(),
        Verdict::Miss => ui::styled(ui::ALARM, "miss"),
    };
    let covered = summary.coverage.map_or_else(String::new, |share| match line.coverage_verdict {
        Some(Verdict::Miss) if line.regime.is_none() => ui::styled(ui::ALARM, percent(share)),
        _ => percent(share),
    });
    vec![
        label.chars().take(LABEL).collect(),
        ui::count(summary.cases),
        percent(summary.mean),
        percent(summary.median),
        format!("{:+.*}", usize::from(summary.bias.abs() < 1.0), 100.0 * summary.bias),
        summary.floor.map_or_else(String::new, percent),
        covered,
        format!("{:.0}{}", 100.0 * line.target, if line.target_is_median { "m" } else { "" }),
        mark,
    ]
}
