//! The page of what is kept.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use super::coverage::{self, Coverage, Kind, Renewed};
use super::mutants::{self, Scores};
use super::{functional, percent};

const HEAD: &str = "\
# Scoreboard of verification

Written by `cargo xtask scoreboard` from what it measured (`rtl/scoreboard`): what programs in lockstep meet, how much of the design the tests reach, and how many planted errors they find. What each test holds a block to stands in [verification](verification.md).
";

/// The whole page.
pub fn text(root: &Path) -> Result<String> {
    let mut page = String::from(HEAD);
    functional::page(&mut page, root)?;
    reached(&mut page, &coverage::coverage(root)?);
    errors(&mut page, &mutants::scores(root)?, &mutants::slice(root)?);
    Ok(page)
}

/// A row of three percentages with the points that are left out.
fn row(page: &mut String, name: &str, of: impl Fn(Kind) -> coverage::Counts) {
    let cells = Kind::ALL.map(|kind| {
        let counts = of(kind);
        let out = if counts.excluded == 0 { String::new() } else { format!(" ({})", counts.excluded) };
        format!("{}{out}", percent(counts.reached, counts.counted()))
    });
    writeln!(page, "| {name} | {} |", cells.join(" | ")).expect("a string grows");
}

fn reached(page: &mut String, found: &Coverage) {
    let total = |kind| {
        let mut sum = coverage::Counts::default();
        for counts in found.modules.values().filter_map(|kinds| kinds.get(&kind)) {
            sum.reached += counts.reached;
            sum.missing += counts.missing;
            sum.excluded += counts.excluded;
        }
        sum
    };
    let below: Vec<&str> = found
        .modules
        .iter()
        .filter(|(_, kinds)| {
            kinds.values().any(|counts| (counts.reached as f64) < coverage::GOAL / 100.0 * counts.counted() as f64)
        })
        .map(|(name, _)| name.as_str())
        .collect();
    *page += &format!(
        "\n## Lines, branches, toggles\n\n`cargo xtask scoreboard coverage`, on {}, with {}. A line is one of a procedure, a branch one of the ways at an `if`, `case` or `?:`, a toggle one direction of one bit of a signal, in any instance \
         with any parameters of the tests; signals of more than 256 bits are not counted. In brackets: points that are excluded, each with a reason below. The goal is {} %.\n\n",
        found.date,
        found.tools,
        coverage::GOAL
    );
    *page += match below.len() {
        0 => "Every module reaches it.\n",
        _ => "",
    };
    if !below.is_empty() {
        *page += &format!("Below it in one of the three: `{}`.\n", below.join("`, `"));
    }
    *page += "\n| module | lines | branches | toggles |\n|---|---:|---:|---:|\n";
    row(page, "**all**", total);
    for (name, kinds) in found.modules.iter().filter(|(_, kinds)| !kinds.is_empty()) {
        row(page, &format!("`{name}`"), |kind| kinds.get(&kind).copied().unwrap_or_default());
    }
    let silent: Vec<&str> =
        found.modules.iter().filter(|(_, kinds)| kinds.is_empty()).map(|(name, _)| name.as_str()).collect();
    *page += &format!(
        "\nNothing was counted in `{}`: packages have no counters of their own, the others are in none of the tests below.\n",
        silent.join("`, `")
    );
    renewed(page, found);
    *page += "\nThe tests that ran, each seeded by itself:\n\n```sh\n";
    found.tests.iter().for_each(|test| *page += &format!("{test}\n"));
    *page += "```\n\n### Excluded\n\n| modules | kind | at | points | because |\n|---|---|---|---:|---|\n";
    for one in &found.exclusions {
        let kind = format!("{:?}", one.kind).to_lowercase();
        let code = |text: &str| format!("`{}`", text.replace('|', "\\|"));
        *page += &format!("| {} | {kind} | {} | {} | {} |\n", code(&one.module), code(&one.at), one.points, one.reason);
    }
}

/// Which modules were counted again, when and in which tests.
fn renewed(page: &mut String, found: &Coverage) {
    let mut runs: BTreeMap<&Renewed, Vec<&str>> = BTreeMap::new();
    found.renewed.iter().for_each(|(name, run)| runs.entry(run).or_default().push(name));
    for (Renewed { date, tools, tests }, names) in runs {
        *page += &format!(
            "\nCounted again on {date}, with {tools}: `{}`, in `{}` alone.\n",
            names.join("`, `"),
            tests.join("`, `")
        );
    }
}

fn errors(page: &mut String, found: &Scores, slice: &[String]) {
    *page += &format!(
        "\n## Planted errors\n\n`cargo xtask scoreboard mutants` plants errors in a block by Yosys (a bit stuck, inverted, or exchanged for another one), one at a time, and runs the block's own test on each. An error is found when the \
         test fails or does not end. *No error*: ABC proves that nothing that comes out changes, or a reason stands below. *Left* is what no test found; in brackets those of which ABC decided nothing in its time, or was not asked (`--quick`). The goal is {} %.\n\n",
        mutants::GOAL
    );
    *page += "| block | planted | no error | found by a failure | found by time | score | left | seed | date |\n|---|---:|---:|---:|---:|---:|---:|---:|---|\n";
    for (name, score) in &found.blocks {
        let harmless = score.proven + score.explained.len();
        let open = if score.open.is_empty() { String::new() } else { format!(" ({})", score.open.len()) };
        *page += &format!(
            "| `{name}` | {} | {harmless} | {} | {} | {} | {}{open} | {} | {} |\n",
            score.errors,
            score.failed,
            score.hung,
            percent(score.found(), score.counted()),
            score.survivors.len(),
            score.seed,
            score.date
        );
    }
    if let Some(score) = found.blocks.values().next_back() {
        *page += &format!("\nWith {}. ", score.tools);
    }
    *page += &format!("Every run of `cargo xtask test` repeats `{}`.\n", slice.join("`, `"));
    *page += "\n### Errors with a reason\n\n| block | error | because |\n|---|---|---|\n";
    for (name, score) in &found.blocks {
        for (error, reason) in &score.explained {
            *page += &format!("| `{name}` | `{error}` | {reason} |\n");
        }
    }
    *page += "\n### Errors that no test found\n\n";
    for (name, score) in found.blocks.iter().filter(|(_, score)| !score.survivors.is_empty()) {
        *page += &format!("- `{name}`: `{}`\n", score.survivors.join("`, `"));
    }
}
