//! How thoroughly the tests of the design look: what they reach of it, and which planted errors they find.
//!
//! Four measures, each by a command whose result is kept in `rtl/scoreboard` as JSON with its date, tools and seeds:
//!
//! | command | measures | by |
//! |---|---|---|
//! | `coverage` | lines, branches and toggling bits of every module that the tests reach | Verilator's counters in the very tests of `rtl/tests` |
//! | `mutants` | errors, planted one at a time by Yosys, that a block's own test finds | the test runs with a netlist in place of the block |
//! | `functional` | instructions with classes of operands and what they waited for | counting in random programs that run in lockstep |
//! | `page` | nothing: it writes `docs/scoreboard.md` from what is kept | |
//!
//! What cannot be reached, and errors that change nothing, stand in tables with a reason each. An entry that matches nothing is an error, so the tables
//! stay as short as the truth.

mod coverage;
mod functional;
mod mutants;
mod netlist;
mod page;
mod targets;

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use rtl::tools::Tools;

use crate::repo;

/// Which measure.
#[derive(clap::Subcommand)]
pub enum What {
    /// Lines, branches and toggles that the tests of the design reach
    Coverage(coverage::Options),
    /// Planted errors that the tests of the blocks find
    Mutants(mutants::Options),
    /// Instructions, operands and waits that programs in lockstep meet
    Functional(functional::Options),
    /// Write docs/scoreboard.md from what is kept
    Page,
}

/// The page that is written.
const PAGE: &str = "docs/scoreboard.md";
/// Where tables and results lie.
const FOLDER: &str = "rtl/scoreboard";

/// Measures and renews the page.
pub fn run(root: &Path, what: &What) -> Result<()> {
    match what {
        What::Coverage(options) => coverage::run(root, options)?,
        What::Mutants(options) => mutants::run(root, options)?,
        What::Functional(options) => functional::run(root, options)?,
        What::Page => {}
    }
    let path = root.join(PAGE);
    std::fs::write(&path, page::text(root)?).with_context(|| format!("{PAGE}: cannot be written"))
}

/// A table of `rtl/scoreboard`.
fn table<T: DeserializeOwned>(root: &Path, name: &str) -> Result<T> {
    let path = format!("{FOLDER}/{name}");
    let text = std::fs::read_to_string(root.join(&path)).with_context(|| path.clone())?;
    toml::from_str(&text).context(path)
}

/// What was kept of a measure, or nothing yet.
fn kept<T: DeserializeOwned + Default>(root: &Path, name: &str) -> Result<T> {
    let path = format!("{FOLDER}/{name}");
    match std::fs::read_to_string(root.join(&path)) {
        Ok(text) => serde_json::from_str(&text).context(path),
        Err(_) => Ok(T::default()),
    }
}

/// Keeps a measure.
fn keep<T: Serialize>(root: &Path, name: &str, value: &T) -> Result<()> {
    let path = format!("{FOLDER}/{name}");
    std::fs::write(root.join(&path), serde_json::to_string_pretty(value)? + "\n").context(path)
}

/// The tools that measure, with their versions.
fn tools(root: &Path) -> Result<String> {
    let tools = Tools::find()?;
    let mut python = repo::command(root, &tools.environment.join("bin/python").to_string_lossy());
    let asked =
        "from importlib.metadata import version as v; print('Verilator', v('verilator') + ', Yosys', v('pyosys'))";
    let said = repo::output(python.args(["-c", asked]))?;
    let compiler = repo::output(repo::command(root, &tools.compiler.to_string_lossy()).arg("--version"))?;
    Ok(format!("{}, {}", said.trim(), compiler.lines().next().unwrap_or_default()))
}

/// Hundredths of a whole, as text.
fn percent(part: usize, whole: usize) -> String {
    if whole == 0 { "-".into() } else { format!("{:.1} %", 100.0 * part as f64 / whole as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_is_kept() {
        let root = crate::repo::root();
        let page = std::fs::read_to_string(root.join(PAGE)).unwrap();
        assert!(page == page::text(&root).unwrap(), "{PAGE} is stale; run `cargo xtask scoreboard page`");
    }
}
