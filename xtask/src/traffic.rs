//! Tables of kinds of traffic, reduced from their traces by the example `traffic` of `explore`.

use crate::repo;
use anyhow::{Context, Result};
use std::path::Path;

/// Rewrites the tables of `data/traffic` whose traces lie in a folder.
pub fn run(root: &Path, traces: &Path) -> Result<()> {
    let traces = traces.canonicalize().with_context(|| format!("{}: no such folder", traces.display()))?;
    let mut command = repo::command(root, "cargo");
    command.args(["run", "--quiet", "--package", "explore", "--example", "traffic", "--"]);
    repo::run(command.arg(traces).arg("data/traffic"))
}
