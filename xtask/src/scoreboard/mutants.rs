//! Planted errors: how many of them a block's own test finds.
//!
//! Yosys draws places in the block (`mutate -list`): a bit stuck, inverted, or exchanged for another one. All of them go into one netlist, which stands
//! for the block in the block's test ([`rtl::instrument`]); the test then runs once for each. An error is found when the test fails or does not end.
//! What survives has a reason in the table, or is given to ABC, which may prove that it changes nothing: either is no error. One of which ABC
//! decides nothing in its time counts as not found.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::netlist::{Error, Maker, Source, Verdict};
use super::targets::{End, Targets, ended, well};
use super::{keep, kept, table};
use crate::date::today;

/// The least part of the errors, in hundredths, that has to be found.
pub const GOAL: f64 = 90.0;
/// Where results are kept.
const KEPT: &str = "mutants.json";
/// Seconds that a test may take at least, however short it is without an error.
const LEAST_TIME: f64 = 10.0;
/// How many times longer than without an error a test may take.
const LONGER: f64 = 6.0;

/// Which blocks, and how many errors.
#[derive(clap::Args)]
pub struct Options {
    /// Only blocks whose name contains this
    #[arg(long)]
    filter: Option<String>,
    /// Only the blocks of the slice that every run of the tests takes; nothing is kept
    #[arg(long)]
    slice: bool,
    /// ABC is not asked: all that survives without a reason counts as not found
    #[arg(long)]
    quick: bool,
    /// No test runs: of what a former run left, reasons are looked up, and ABC is asked about what it was not asked
    #[arg(long, conflicts_with_all = ["slice", "quick"])]
    prove: bool,
    /// Seed of the draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Blocks {
    block: Vec<Block>,
}

/// A row of the table of blocks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Block {
    module: String,
    /// Parameters that the module has in the test.
    #[serde(default)]
    params: BTreeMap<String, u32>,
    /// Target below `rtl/tests`, and words that choose among its tests.
    test: String,
    #[serde(default)]
    only: Vec<String>,
    /// Set for the test.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Errors that are drawn.
    errors: usize,
    /// Part of the slice.
    #[serde(default)]
    slice: bool,
    /// Errors that change nothing that matters.
    #[serde(default)]
    explained: Vec<Explained>,
}

/// Errors by a pattern of their text, and why nobody could see them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Explained {
    error: String,
    reason: String,
}

/// Errors, each with the reason why nobody could see it.
type Reasons = Vec<(String, String)>;

/// What is kept: a row for each block.
#[derive(Default, Serialize, Deserialize)]
pub struct Scores {
    pub blocks: BTreeMap<String, Score>,
}

/// How one block was scored.
#[derive(Serialize, Deserialize)]
pub struct Score {
    pub date: String,
    pub tools: String,
    pub seed: u64,
    /// The test, as it is typed.
    pub test: String,
    pub params: BTreeMap<String, u32>,
    /// Errors that were planted.
    pub errors: usize,
    /// Found because a test failed.
    pub failed: usize,
    /// Found because a test did not end.
    pub hung: usize,
    /// Proven to change nothing.
    pub proven: usize,
    /// Survivors with a reason, each with it.
    pub explained: Reasons,
    /// Survivors without one.
    pub survivors: Vec<String>,
    /// Those of them of which ABC decided nothing in its time, or was not asked.
    #[serde(default)]
    pub open: Vec<String>,
    pub seconds: u64,
}

impl Score {
    /// Errors that count.
    pub fn counted(&self) -> usize {
        self.errors - self.proven - self.explained.len()
    }

    /// Errors that were found.
    pub fn found(&self) -> usize {
        self.failed + self.hung
    }

    /// Hundredths of the errors that were found.
    pub fn hundredths(&self) -> f64 {
        100.0 * self.found() as f64 / self.counted().max(1) as f64
    }
}

/// What is kept.
pub fn scores(root: &Path) -> Result<Scores> {
    kept(root, KEPT)
}

/// The blocks of the slice.
pub fn slice(root: &Path) -> Result<Vec<String>> {
    let blocks: Blocks = table(root, "blocks.toml")?;
    Ok(blocks.block.into_iter().filter(|block| block.slice).map(|block| block.module).collect())
}

/// Scores the blocks and keeps what was found; a slice only has to reach the goal.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let blocks: Blocks = table(root, "blocks.toml")?;
    let named = |block: &Block| options.filter.as_ref().is_none_or(|part| block.module.contains(part.as_str()));
    let blocks: Vec<Block> =
        blocks.block.into_iter().filter(|block| named(block) && (block.slice || !options.slice)).collect();
    let maker = Maker::new(root, root.join("target/scoreboard/mutants"))?;
    if options.prove {
        return prove(root, &maker, &blocks);
    }
    let names: Vec<&str> = blocks.iter().map(|block| block.test.as_str()).collect();
    let targets = Targets::build(root, &names)?;
    let (mut low, mut stale) = (Vec::new(), Vec::new());
    for block in &blocks {
        let score = block.score(root, &targets, &maker, options).with_context(|| block.module.clone())?;
        println!("{}: {} of {} errors found, {} s", block.module, score.found(), score.counted(), score.seconds);
        score.survivors.iter().for_each(|error| println!("  survives: {error}"));
        if score.hundredths() < GOAL {
            low.push(block.module.clone());
        }
        stale.extend(block.stale(&score).map(|pattern| format!("{}: {pattern}", block.module)));
        if !options.slice {
            let mut scores = scores(root)?;
            scores.blocks.insert(block.module.clone(), score);
            keep(root, KEPT, &scores)?;
        }
    }
    if !stale.is_empty() {
        bail!("no survivor matches any more, take out of {}/blocks.toml: {}", super::FOLDER, stale.join(", "));
    }
    match low.is_empty() {
        true => Ok(()),
        false if options.slice => bail!("tests find less than {GOAL} % of the errors in {}", low.join(", ")),
        false => {
            println!("less than {GOAL} %: {}", low.join(", "));
            Ok(())
        }
    }
}

/// Looks reasons up for what is left of these blocks, asks about what is open, and keeps what is decided.
fn prove(root: &Path, maker: &Maker, blocks: &[Block]) -> Result<()> {
    for block in blocks {
        let mut scores = scores(root)?;
        let Some(score) = scores.blocks.get_mut(&block.module).filter(|score| !score.survivors.is_empty()) else {
            continue;
        };
        block.prove(maker, score)?;
        println!("{}: {} of {} errors found", block.module, score.found(), score.counted());
        keep(root, KEPT, &scores)?;
    }
    Ok(())
}

/// Takes one of these out of a list.
fn take(list: &mut Vec<String>, text: &str) {
    if let Some(at) = list.iter().position(|other| other == text) {
        list.remove(at);
    }
}

impl Block {
    /// Reasons for what is left in a row, and proofs for what is open.
    fn prove(&self, maker: &Maker, score: &mut Score) -> Result<()> {
        let source = Source { module: &self.module, params: &self.params };
        let (_, errors) = maker.make(&source, self.errors, score.seed)?;
        let left: Vec<&Error> = errors.iter().filter(|error| score.survivors.contains(&error.text())).collect();
        if errors.len() != score.errors || left.len() != score.survivors.len() || score.params != self.params {
            bail!("{}: its row has other errors than are drawn now; score it again", self.module);
        }
        let (explained, left) = self.explain(&left)?;
        for (text, reason) in explained {
            take(&mut score.open, &text);
            take(&mut score.survivors, &text);
            score.explained.push((text, reason));
        }
        let open: Vec<&Error> = left.into_iter().filter(|error| score.open.contains(&error.text())).collect();
        for (error, verdict) in open.iter().zip(maker.verdicts(&source, &open)?) {
            let text = error.text();
            if verdict != Verdict::Open {
                take(&mut score.open, &text);
            }
            if verdict == Verdict::Harmless {
                take(&mut score.survivors, &text);
                score.proven += 1;
            }
        }
        Ok(())
    }

    fn score(&self, root: &Path, targets: &Targets, maker: &Maker, options: &Options) -> Result<Score> {
        let start = Instant::now();
        let source = Source { module: &self.module, params: &self.params };
        let (netlist, errors) = maker.make(&source, self.errors, options.seed)?;
        let log = netlist.with_extension("log");
        let run = |number: usize, time: Duration| {
            let mut command = targets.command(&self.test, &self.only)?;
            command.envs(&self.env).env(rtl::instrument::MUTANTS, &netlist);
            ended(command.env(rtl::instrument::MUTANT, number.to_string()), time, &log)
        };
        // Once to build the simulator, once for the time.
        well(run(0, Duration::from_secs(1200))?, "the test with the netlist without an error", &log)?;
        let plain = Instant::now();
        well(run(0, Duration::from_secs(1200))?, "the test with the netlist without an error", &log)?;
        let time = Duration::from_secs_f64(LEAST_TIME.max(LONGER * plain.elapsed().as_secs_f64()));
        let (mut failed, mut hung, mut left) = (0, 0, Vec::new());
        for (at, error) in errors.iter().enumerate() {
            match run(at + 1, time)? {
                End::Badly => failed += 1,
                End::Late => hung += 1,
                End::Well => left.push(error),
            }
        }
        if failed + hung == 0 {
            bail!("no error is found: `{}` has no `{}` with these parameters", self.test, self.module);
        }
        let (explained, left) = self.explain(&left)?;
        let asked = !options.quick && !left.is_empty();
        let verdicts = if asked { maker.verdicts(&source, &left)? } else { vec![Verdict::Open; left.len()] };
        let texts = |fits: fn(Verdict) -> bool| -> Vec<String> {
            left.iter().zip(&verdicts).filter(|(_, verdict)| fits(**verdict)).map(|(error, _)| error.text()).collect()
        };
        let survivors = texts(|verdict| verdict != Verdict::Harmless);
        Ok(Score {
            date: today(),
            tools: super::tools(root)?,
            seed: options.seed,
            test: [&["cargo test -p rtl --test", self.test.as_str()], &*self.words()].concat().join(" "),
            params: self.params.clone(),
            errors: errors.len(),
            failed,
            hung,
            proven: left.len() - survivors.len(),
            explained,
            survivors,
            open: texts(|verdict| verdict == Verdict::Open),
            seconds: start.elapsed().as_secs(),
        })
    }

    /// Patterns with a reason that explain no error.
    fn stale<'b>(&'b self, score: &'b Score) -> impl Iterator<Item = &'b str> {
        let unmet = |entry: &&Explained| !score.explained.iter().any(|(_, reason)| *reason == entry.reason);
        self.explained.iter().filter(unmet).map(|entry| entry.error.as_str())
    }

    fn words(&self) -> Vec<&str> {
        let dashes = if self.only.is_empty() { None } else { Some("--") };
        dashes.into_iter().chain(self.only.iter().map(String::as_str)).collect()
    }

    /// Survivors with a reason, and those without.
    fn explain<'e>(&self, left: &[&'e Error]) -> Result<(Reasons, Vec<&'e Error>)> {
        let patterns: Vec<(Regex, &str)> = self
            .explained
            .iter()
            .map(|entry| Ok((Regex::new(&entry.error)?, entry.reason.as_str())))
            .collect::<Result<_>>()?;
        let reason =
            |text: &str| patterns.iter().find(|(pattern, _)| pattern.is_match(text)).map(|(_, reason)| *reason);
        let (mut with, mut without) = (Reasons::new(), Vec::new());
        for error in left {
            let text = error.text();
            match reason(&text) {
                Some(reason) => with.push((text, reason.to_owned())),
                None => without.push(*error),
            }
        }
        Ok((with, without))
    }
}
