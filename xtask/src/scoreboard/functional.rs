//! Functional coverage: the lockstep run counts in which programs every named point was met.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use arch::Chip;
use rtl::functional::{Counts, Never, Wait, classes, instructions, nevers, points};

use super::targets::{Targets, ended, well};
use super::{keep, kept, percent};
use crate::date::today;

/// Where counts are kept.
const KEPT: &str = "functional.json";
/// Where those of programs of bursts are kept.
const BURSTS: &str = "bursts.json";
/// What the run leaves behind.
const FOUND: &str = "target/scoreboard/functional.json";
/// Most seconds of a run.
const TIME: u64 = 6 * 3600;

/// How many programs run.
#[derive(clap::Args)]
pub struct Options {
    /// Programs that run
    #[arg(long, default_value_t = 20_000)]
    programs: u64,
    /// Seed of the first
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Add what is met to what is kept, with other seeds
    #[arg(long)]
    more: bool,
    /// Run programs of bursts: commands that wait for a full queue or directly behind a `sync`
    #[arg(long)]
    bursts: bool,
}

/// Runs the programs and keeps what they met.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let targets = Targets::build(root, &["lockstep"])?;
    let found = root.join(FOUND);
    std::fs::create_dir_all(found.parent().context("a folder")?)?;
    let log = found.with_extension("log");
    let start = Instant::now();
    let mut command = targets.command("lockstep", &["random_programs".into()])?;
    command.env("PUCE_FUNCTIONAL", &found).env("PUCE_SEED", options.seed.to_string());
    command.env("PUCE_CASES", options.programs.to_string());
    command.envs(options.bursts.then_some(("PUCE_BURSTS", "1")));
    let name = if options.bursts { BURSTS } else { KEPT };
    well(ended(&mut command, Duration::from_secs(TIME), &log)?, "the lockstep run", &log)?;
    println!("{} programs: {} s", options.programs, start.elapsed().as_secs());
    let mut counts: Counts = serde_json::from_str(&std::fs::read_to_string(&found)?)?;
    counts.seed = options.seed;
    if options.more {
        let before: Counts = kept(root, name)?;
        (counts.programs, counts.timed) = (counts.programs + before.programs, counts.timed + before.timed);
        counts.simulated += before.simulated;
        before.points.into_iter().for_each(|(point, programs)| *counts.points.entry(point).or_default() += programs);
        counts.seed = before.seed.min(options.seed);
    }
    counts = Counts { date: today(), tools: super::tools(root)?, ..counts };
    keep(root, name, &counts)?;
    Ok(())
}

/// Points, by instruction without attributes.
struct Sums {
    rows: Vec<Row>,
    /// Explanations with the number of points that each takes out.
    explained: Vec<(Never, usize)>,
}

/// An instruction with all choices of its attributes.
#[derive(Default)]
struct Row {
    name: String,
    variants: usize,
    classes: Vec<&'static str>,
    waits: Vec<&'static str>,
    met: usize,
    never: usize,
    seldom: usize,
}

impl Sums {
    fn of(counts: &Counts) -> Result<Sums> {
        let chip = Chip::builtin("nano").context("there is no chip `nano`")?;
        let mut explained: Vec<(Never, usize)> = nevers().into_iter().map(|never| (never, 0)).collect();
        if let Some((never, _)) = explained.iter().find(|(never, _)| never.reason.trim().is_empty()) {
            bail!("{never:?} has no reason");
        }
        let (mut rows, mut open) = (BTreeMap::new(), Vec::new());
        for instr in instructions(&chip) {
            let row: &mut Row = rows.entry(instr.info().code).or_default();
            row.name = instr.info().mnemonic.to_owned();
            row.variants += 1;
            row.waits = Wait::ALL.into_iter().filter(|wait| wait.of(instr.unit())).map(Wait::name).collect();
            let new = classes(&instr).map(|class| class.name).filter(|name| !row.classes.contains(name));
            let new: Vec<_> = new.collect();
            row.classes.extend(new);
        }
        let mut by_name: BTreeMap<String, &mut Row> = rows.values_mut().map(|row| (row.name.clone(), row)).collect();
        for point in points(&chip) {
            let row = point.split(['.', ' ']).next().and_then(|name| by_name.get_mut(name)).context("a row")?;
            let never = explained.iter_mut().find(|(never, _)| never.is(&point));
            match (counts.points.contains_key(&point), never) {
                (true, Some((never, _))) if !never.seldom => bail!("`{point}` was met: {} does not hold", never.reason),
                (true, _) => row.met += 1,
                (false, Some((never, points))) => {
                    *points += 1;
                    *(if never.seldom { &mut row.seldom } else { &mut row.never }) += 1;
                }
                (false, None) => open.push(point),
            }
        }
        if let Some((idle, _)) = explained.iter().find(|(_, points)| *points == 0) {
            bail!("no point is that of {idle:?}: take it out of {}/functional.toml", super::FOLDER);
        }
        if !open.is_empty() {
            bail!(
                "{} points are neither met nor in {}/functional.toml: {}",
                open.len(),
                super::FOLDER,
                open.join("; ")
            );
        }
        Ok(Sums { rows: rows.into_values().collect(), explained })
    }
}

/// What the page says of programs of bursts, if any ran.
fn bursts_of(counts: &Counts) -> String {
    if counts.programs == 0 {
        return String::new();
    }
    format!(
        " `--bursts`, on {}, with {}: {} more from seed {} on ({} with the twin's times, {} on the design), in which commands wait for a full queue, directly behind a `sync`, or for nothing (`arch::random::bursts`).",
        counts.date, counts.tools, counts.programs, counts.seed, counts.timed, counts.simulated
    )
}

/// The part of the page on points, if any were counted.
pub fn page(page: &mut String, root: &Path) -> Result<()> {
    let counts: Counts = kept(root, KEPT)?;
    if counts.programs == 0 {
        return Ok(());
    }
    let bursts: Counts = kept(root, BURSTS)?;
    let also = bursts_of(&bursts);
    let sums = Sums::of(&Counts {
        points: [counts.points.clone(), bursts.points].into_iter().flatten().collect(),
        ..counts.clone()
    })?;
    let all = |of: fn(&Row) -> usize| sums.rows.iter().map(of).sum::<usize>();
    let (met, never, seldom) = (all(|row| row.met), all(|row| row.never), all(|row| row.seldom));
    write!(
        page,
        "\n## Instructions, operands, waits\n\n`cargo xtask scoreboard functional`, on {}, with {}: {} random programs from seed {} on, {} of them with a memory whose times the twin has, so that it is known who waited for \
         what; each that met a point which fewer than three programs before it had met ran on the design in lockstep, too: {} programs.{also} A point is an instruction with its attributes, a class of its operands and what it waited for (`rtl/src/functional`); it is met when an instruction with such operands waited so, between the cycle in which control \
         would have begun with it and the one in which its engine was done. A wait counts for all instructions that were in the engine. *stutter* is no wait of one instruction: memory answered late, out of order and with every \
         channel stuttering in that program.\n\nOf {} points {met} are met, {} of those that random programs can meet; {never} they cannot meet, and {seldom} they could but did not, each with a reason below.\n\n",
        counts.date,
        counts.tools,
        counts.programs,
        counts.seed,
        counts.timed,
        counts.simulated,
        met + never + seldom,
        percent(met, met + seldom),
    )?;
    *page +=
        "| instruction | with attributes | points | met | not possible | not met |\n|---|---:|---:|---:|---:|---:|\n";
    for row in &sums.rows {
        let Row { name, variants, met, never, seldom, .. } = row;
        writeln!(page, "| `{name}` | {variants} | {} | {met} | {never} | {seldom} |", met + never + seldom)?;
    }
    *page += "\nEvery run of `cargo xtask test` counts too: no point may be met that has no name or is not possible, and those must be met that the kept run met so often that 30 programs of the shorter run should.\n";
    *page += "\n### Classes of operands\n\n| instructions | classes | waits |\n|---|---|---|\n";
    let mut families: Vec<(Vec<&str>, &[&str], &[&str])> = Vec::new();
    for row in &sums.rows {
        match families.iter_mut().find(|(_, classes, waits)| *classes == row.classes && *waits == row.waits) {
            Some((names, ..)) => names.push(&row.name),
            None => families.push((vec![row.name.as_str()], row.classes.as_slice(), row.waits.as_slice())),
        }
    }
    for (names, classes, waits) in families {
        writeln!(page, "| `{}` | {} | {} |", names.join("`, `"), classes.join(", "), waits.join(", "))?;
    }
    *page += "\n### Points that are not met\n\n| instructions | classes | waits | points | possible | because |\n|---|---|---|---:|---|---|\n";
    for (never, points) in &sums.explained {
        let list = |names: &BTreeSet<String>| match names.is_empty() {
            true => "all".to_owned(),
            false => names.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        };
        let (instructions, classes, waits) = (list(&never.instructions), list(&never.classes), list(&never.waits));
        let possible = if never.seldom { "yes" } else { "no" };
        writeln!(page, "| {instructions} | {classes} | {waits} | {points} | {possible} | {} |", never.reason)?;
    }
    Ok(())
}
