//! Coverage: the tests of the design run with Verilator's counters in every simulator, and what they reach is added up by module.
//!
//! A *line* is a source line of a procedure; it is reached when a statement of it ran. A *branch* is one of the ways at an `if`, a `case` or a `?:`. A
//! *toggle* is one direction of one bit of a signal or port, in any instance of the module with any of its parameters; signals of more than 256 bits are
//! not counted. What no test can reach stands in `exclusions.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::targets::{Targets, ended, well};
use super::{keep, kept, table};
use crate::date::today;

/// Where results are kept.
const KEPT: &str = "coverage.json";
/// Where counts lie while they are added up.
const COUNTS: &str = "target/scoreboard/coverage";
/// The hundredths that every module should reach.
pub const GOAL: f64 = 95.0;
/// Most seconds of one test target.
const TIME: u64 = 3 * 3600;

/// Which tests run.
#[derive(clap::Args)]
pub struct Options {
    /// Run only test targets whose name contains this, or one of these; of the others the counts of their last run are taken
    #[arg(long)]
    only: Vec<String>,
    /// Run nothing: add up the counts of the last runs
    #[arg(long)]
    again: bool,
    /// Of the chosen tests alone, renew what is kept of modules whose whole name matches this; of all others it stays as it is
    #[arg(long, value_name = "PATTERN")]
    renew: Option<String>,
    /// Write every point that is not reached to target/scoreboard/missing.txt
    #[arg(long)]
    missing: bool,
}

/// The tables: what runs, and what cannot be reached.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    run: Vec<Run>,
    exclude: Vec<Exclude>,
}

/// A test target that runs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    test: String,
    #[serde(default)]
    only: Vec<String>,
    /// Set for the test.
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// Points that no test can reach.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exclude {
    /// A pattern of the module's whole name.
    module: String,
    kind: Kind,
    /// A pattern of a signal with its bits and direction, or of the text of a source line.
    at: String,
    reason: String,
}

/// What kind of point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Line,
    Branch,
    Toggle,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 3] = [Kind::Line, Kind::Branch, Kind::Toggle];
}

/// A point of the design.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Point {
    module: String,
    kind: Kind,
    line: u32,
    /// Of a branch: column and way; of a toggle: signal, bit and direction.
    what: String,
}

/// What is kept.
#[derive(Default, Serialize, Deserialize)]
pub struct Coverage {
    pub date: String,
    pub tools: String,
    /// The tests, as they are typed.
    pub tests: Vec<String>,
    pub modules: BTreeMap<String, BTreeMap<Kind, Counts>>,
    pub exclusions: Vec<Exclusion>,
    /// Modules that were counted again after the run of all tests, in some of them.
    #[serde(default)]
    pub renewed: BTreeMap<String, Renewed>,
}

/// When a module was counted again, and in which tests.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Renewed {
    pub date: String,
    pub tools: String,
    pub tests: Vec<String>,
}

/// Points of one kind in one module.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub struct Counts {
    pub reached: usize,
    pub missing: usize,
    pub excluded: usize,
}

impl Counts {
    /// Points that count.
    pub fn counted(&self) -> usize {
        self.reached + self.missing
    }
}

/// An exclusion with the number of points that it takes out.
#[derive(Serialize, Deserialize)]
pub struct Exclusion {
    pub module: String,
    pub kind: Kind,
    pub at: String,
    pub reason: String,
    pub points: usize,
}

/// What is kept.
pub fn coverage(root: &Path) -> Result<Coverage> {
    kept(root, KEPT)
}

/// Runs the tests, adds up and keeps the result.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let tables: Tables = table(root, "coverage.toml")?;
    let named = |run: &&Run| options.only.is_empty() || options.only.iter().any(|part| run.test.contains(part));
    let chosen: Vec<&Run> = tables.run.iter().filter(named).collect();
    let runs = if options.again { &[][..] } else { &chosen[..] };
    if !runs.is_empty() {
        let targets = Targets::build(root, &runs.iter().map(|run| run.test.as_str()).collect::<Vec<_>>())?;
        runs.iter().try_for_each(|run| run.count(root, &targets))?;
    }
    let counted: Vec<&Run> = if options.renew.is_some() { chosen.clone() } else { tables.run.iter().collect() };
    let mut points = BTreeMap::new();
    for run in &counted {
        let folder = run.folder(root);
        let files = std::fs::read_dir(&folder).with_context(|| format!("`{}` was never run for coverage", run.test))?;
        for file in files {
            let path = file?.path();
            let text = std::fs::read_to_string(&path)?;
            add(&text, &mut points).with_context(|| path.display().to_string())?;
        }
    }
    let found = Coverage {
        date: today(),
        tools: super::tools(root)?,
        tests: counted.iter().map(|run| run.typed()).collect(),
        ..summed(&points, &tables.exclude, options.missing.then(|| root.join("target/scoreboard/missing.txt")))?
    };
    let found = match &options.renew {
        Some(pattern) => coverage(root)?.renew(found, &whole(pattern)?),
        None => found,
    };
    keep(root, KEPT, &found)?;
    if let Some(idle) = found.exclusions.iter().find(|exclusion| exclusion.points == 0) {
        bail!(
            "every point of {} that matches `{}` is reached: take it out of {}/coverage.toml",
            idle.module,
            idle.at,
            super::FOLDER
        );
    }
    Ok(())
}

impl Coverage {
    /// The same with modules of this pattern as `part` has them. An exclusion of no other modules has the points of `part`, too.
    fn renew(mut self, part: Coverage, pattern: &Regex) -> Coverage {
        let run = Renewed { date: part.date, tools: part.tools, tests: part.tests };
        let new: BTreeMap<_, _> =
            part.modules.into_iter().filter(|(name, kinds)| pattern.is_match(name) && !kinds.is_empty()).collect();
        self.renewed.extend(new.keys().map(|name| (name.clone(), run.clone())));
        let before = std::mem::take(&mut self.exclusions);
        let renewed = |exclusion: &Exclusion| {
            let module = whole(&exclusion.module).expect("made once before");
            let counted = self.modules.iter().filter(|(name, kinds)| module.is_match(name) && !kinds.is_empty());
            counted.chain(&new).filter(|(name, _)| module.is_match(name)).all(|(name, _)| new.contains_key(name))
        };
        let of = |exclusion: Exclusion| match before
            .iter()
            .find(|old| (&old.module, old.kind, &old.at) == (&exclusion.module, exclusion.kind, &exclusion.at))
        {
            Some(old) if !renewed(&exclusion) => Exclusion { points: old.points, ..exclusion },
            _ => exclusion,
        };
        self.exclusions = part.exclusions.into_iter().map(of).collect();
        self.modules.extend(new);
        self
    }
}

impl Run {
    fn folder(&self, root: &Path) -> PathBuf {
        root.join(COUNTS).join(self.only.iter().fold(self.test.clone(), |name, word| format!("{name}-{word}")))
    }

    fn typed(&self) -> String {
        let env: String = self.env.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        let only = if self.only.is_empty() { String::new() } else { format!(" -- {}", self.only.join(" ")) };
        format!("{env}cargo test -p rtl --test {}{only}", self.test)
    }

    /// Runs the test with a fresh folder for its counts.
    fn count(&self, root: &Path, targets: &Targets) -> Result<()> {
        let folder = self.folder(root);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let start = Instant::now();
        let log = folder.with_extension("log");
        let mut command = targets.command(&self.test, &self.only)?;
        command.envs(&self.env).env(rtl::instrument::COVERAGE, &folder);
        well(ended(&mut command, Duration::from_secs(TIME), &log)?, &self.typed(), &log)?;
        println!("{}: {} s", self.typed(), start.elapsed().as_secs());
        Ok(())
    }
}

/// Adds the counts of a file of Verilator's to the points.
fn add(text: &str, points: &mut BTreeMap<Point, bool>) -> Result<()> {
    for line in text.lines().filter(|line| line.starts_with("C '")) {
        let (fields, count) = line[3..].rsplit_once("' ").with_context(|| format!("no count: {line:?}"))?;
        let reached = count.trim() != "0";
        let field = |key: &str| {
            let mut parts = fields.split('\u{1}');
            parts.find_map(|part| part.split_once('\u{2}').filter(|(name, _)| *name == key)).map(|(_, value)| value)
        };
        let (file, kind) = (field("f").unwrap_or_default(), field("t").unwrap_or_default());
        let Some((path, _)) = rtl::sources::all().iter().find(|(path, _)| path.ends_with(&format!("/{file}"))) else {
            continue;
        };
        let module = rtl::sources::unit(path).to_owned();
        let number: u32 = field("l").and_then(|line| line.parse().ok()).context("a point without a line")?;
        let what = field("o").unwrap_or_default();
        let mut put = |kind, line, what: String| {
            *points.entry(Point { module: module.clone(), kind, line, what }).or_default() |= reached;
        };
        match kind {
            "toggle" => put(Kind::Toggle, number, what.to_owned()),
            "line" | "branch" => {
                lines(field("S").unwrap_or_default()).for_each(|line| put(Kind::Line, line, String::new()));
                if kind == "branch" || ["case", "if", "else"].contains(&what) {
                    put(Kind::Branch, number, format!("{} {what}", field("n").unwrap_or_default()));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The lines of a list such as `10-12,14`.
fn lines(list: &str) -> impl Iterator<Item = u32> {
    list.split(',')
        .filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.parse().ok()?..=last.parse().ok()?)
        })
        .flatten()
}

/// Exclusions with their patterns made.
struct Patterns<'a> {
    exclude: &'a Exclude,
    module: Regex,
    at: Regex,
}

/// The pattern of a whole name.
fn whole(pattern: &str) -> Result<Regex> {
    Ok(Regex::new(&format!("^(?:{pattern})$"))?)
}

fn patterns(exclude: &Exclude) -> Result<Patterns<'_>> {
    if exclude.reason.trim().is_empty() {
        bail!("the exclusion `{}` of {} has no reason", exclude.at, exclude.module);
    }
    Ok(Patterns { exclude, module: whole(&exclude.module)?, at: Regex::new(&exclude.at)? })
}

/// Counts by module and kind; points that are missing go to the file.
fn summed(points: &BTreeMap<Point, bool>, exclude: &[Exclude], missing: Option<PathBuf>) -> Result<Coverage> {
    let patterns: Vec<Patterns> = exclude.iter().map(patterns).collect::<Result<_>>()?;
    let texts: BTreeMap<&str, Vec<&str>> =
        rtl::sources::all().iter().map(|(path, text)| (rtl::sources::unit(path), text.lines().collect())).collect();
    let mut modules: BTreeMap<String, BTreeMap<Kind, Counts>> = BTreeMap::new();
    let mut taken = vec![0; exclude.len()];
    let mut list = String::new();
    for (point, reached) in points {
        let text = texts[point.module.as_str()].get(point.line as usize - 1).copied().unwrap_or_default();
        let at = if point.kind == Kind::Toggle { point.what.as_str() } else { text };
        let counts = modules.entry(point.module.clone()).or_default().entry(point.kind).or_default();
        let matches = |pattern: &Patterns| {
            pattern.exclude.kind == point.kind && pattern.module.is_match(&point.module) && pattern.at.is_match(at)
        };
        match patterns.iter().position(matches) {
            _ if *reached => counts.reached += 1,
            Some(number) => {
                counts.excluded += 1;
                taken[number] += 1;
            }
            None => {
                counts.missing += 1;
                list += &format!("{}:{} {:?} {} | {}\n", point.module, point.line, point.kind, point.what, text.trim());
            }
        }
    }
    if let Some(path) = missing {
        std::fs::write(path, list)?;
    }
    let exclusions = exclude.iter().zip(taken).map(|(exclude, points)| Exclusion {
        module: exclude.module.clone(),
        kind: exclude.kind,
        at: exclude.at.clone(),
        reason: exclude.reason.clone(),
        points,
    });
    // Modules that no simulator counted anything in are told too.
    let named: BTreeSet<&str> = rtl::sources::all().iter().map(|(path, _)| rtl::sources::unit(path)).collect();
    named.into_iter().for_each(|name| _ = modules.entry(name.to_owned()).or_default());
    Ok(Coverage { modules, exclusions: exclusions.collect(), ..Coverage::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(lines: &[(&str, u32)]) -> BTreeMap<Point, bool> {
        let text: String = lines
            .iter()
            .map(|(fields, count)| {
                let fields: String = fields
                    .split(' ')
                    .map(|field| field.split_once('=').unwrap())
                    .map(|(key, value)| format!("\u{1}{key}\u{2}{value}"))
                    .collect();
                format!("C '{fields}' {count}\n")
            })
            .collect();
        let mut points = BTreeMap::new();
        add(&text, &mut points).unwrap();
        points
    }

    #[test]
    fn renewing_takes_the_modules_of_a_part_and_leaves_the_others() {
        let of = |date: &str, reached: usize, points: usize| Coverage {
            date: date.into(),
            tests: vec![date.into()],
            modules: ["puce_lane", "puce_fifo"]
                .map(|name| (name.into(), BTreeMap::from([(Kind::Toggle, Counts { reached, ..Counts::default() })])))
                .into(),
            exclusions: [("puce_lane", "a"), ("puce_.*", "b")]
                .map(|(module, at)| {
                    let (module, at, reason) = (module.into(), at.into(), "never".into());
                    Exclusion { module, kind: Kind::Toggle, at, reason, points }
                })
                .into(),
            ..Coverage::default()
        };
        let new = of("all", 1, 5).renew(of("lane", 2, 7), &whole("puce_lane").unwrap());
        let reached = |name: &str| new.modules[name][&Kind::Toggle].reached;
        assert_eq!((reached("puce_lane"), reached("puce_fifo"), new.date.as_str()), (2, 1, "all"));
        assert_eq!(new.exclusions.iter().map(|one| one.points).collect::<Vec<_>>(), [7, 5]);
        assert_eq!(new.renewed.keys().collect::<Vec<_>>(), ["puce_lane"]);
        assert_eq!(new.renewed["puce_lane"].tests, ["lane"]);
    }

    fn exclude(kind: Kind, at: &str) -> Exclude {
        Exclude { module: "puce_fifo".into(), kind, at: at.into(), reason: "never".into() }
    }

    #[test]
    fn a_point_is_reached_when_one_simulator_reached_it() {
        let points = counted(&[
            ("f=puce_fifo.sv l=10 n=1 t=toggle o=a[0]:0->1", 0),
            ("f=puce_fifo.sv l=10 n=1 t=toggle o=a[0]:0->1", 3),
            ("f=puce_fifo.sv l=10 n=1 t=toggle o=a[1]:0->1", 0),
            ("f=another.sv l=10 n=1 t=toggle o=a[1]:0->1", 0),
            ("f=puce_fifo.sv l=12 n=3 t=branch o=if S=12-13,15", 1),
            ("f=puce_fifo.sv l=12 n=4 t=branch o=else", 0),
        ]);
        let sum = summed(&points, &[], None).unwrap();
        let of = |kind| sum.modules["puce_fifo"][&kind];
        assert_eq!((of(Kind::Toggle).reached, of(Kind::Toggle).missing), (1, 1));
        assert_eq!((of(Kind::Line).reached, of(Kind::Line).missing), (3, 0));
        assert_eq!((of(Kind::Branch).reached, of(Kind::Branch).missing), (1, 1));
    }

    #[test]
    fn an_exclusion_takes_out_what_is_missing_and_tells_how_much() {
        let points = counted(&[
            ("f=puce_fifo.sv l=10 n=1 t=toggle o=a[40]:0->1", 0),
            ("f=puce_fifo.sv l=10 n=1 t=toggle o=a[41]:0->1", 7),
        ]);
        let sum = summed(&points, &[exclude(Kind::Toggle, r"^a\[4"), exclude(Kind::Branch, "a")], None).unwrap();
        let toggles = sum.modules["puce_fifo"][&Kind::Toggle];
        assert_eq!((toggles.reached, toggles.missing, toggles.excluded), (1, 0, 1));
        assert_eq!(sum.exclusions.iter().map(|one| one.points).collect::<Vec<_>>(), [1, 0]);
        let silent = Exclude { reason: " ".into(), ..exclude(Kind::Toggle, "a") };
        assert!(summed(&points, &[silent], None).is_err(), "an exclusion has a reason");
    }
}
