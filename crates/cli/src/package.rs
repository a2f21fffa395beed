//! `puce rtl`: a chip as a folder of SystemVerilog.

use crate::failure::Result;
use crate::setup;
use crate::ui::{self, Sheet};
use arch::Chip;
use arch::machine::Machine;
use arch::random;
use clap::Args;
use emu::{Emulator, Settings};
use rtl::package::{self, Smoke};
use rtl::tools::Tools;
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `puce rtl`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  puce rtl nano --out nano-rtl
  puce rtl my-chip.toml --out my-chip-rtl && sh my-chip-rtl/smoke/run.sh

The folder needs neither Puce nor a network: README.md in it says what each file is.")]
pub struct Arguments {
    /// Chip: a name from `puce chip list`, or a description in TOML
    #[arg(value_name = "NAME|FILE", default_value = "nano")]
    chip: String,
    /// Folder to write; files of the same names are replaced
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Programs of the smoke test
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    cases: u16,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What was written.
#[derive(Serialize)]
struct Written<'a> {
    chip: &'a str,
    folder: String,
    files: Vec<&'a str>,
    smoke: String,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    let chip = setup::chip(&arguments.chip)?;
    let smoke = (1..=u64::from(arguments.cases)).map(|seed| smoke(&chip, seed)).collect::<Result<Vec<_>>>()?;
    let files = package::write(&chip, &smoke, &arguments.out)?;
    let folder = arguments.out.display().to_string();
    let command = command(&folder);
    if arguments.json {
        let files = files.iter().map(|(path, _)| path.as_str()).collect();
        return ui::json(&Written { chip: &chip.name, folder, files, smoke: command });
    }
    let modules = files.iter().filter(|(path, _)| path.ends_with(".sv")).count();
    let lines: usize =
        files.iter().filter(|(path, _)| path.starts_with("sv/")).map(|(_, text)| text.lines().count()).sum();
    let mut sheet = Sheet::new();
    sheet.row("chip", format!("{}: {}", chip.name, chip.title));
    sheet.row(
        "sources",
        format!("{modules} files, {} lines of SystemVerilog; top module `puce_chip`", ui::count(lines as u64)),
    );
    sheet.row("folder", format!("{folder}: README.md says what is in it"));
    sheet.row("smoke test", command);
    ui::print(&sheet.text())
}

/// A random program, run by the emulator.
fn smoke(chip: &Chip, seed: u64) -> Result<Smoke> {
    let case = random::case(chip, seed);
    let mut machine = Emulator::new(chip, Settings::default())?;
    machine.load(0, &case.program)?;
    machine.write(0, 0, &case.memory)?;
    machine.set_params(0, 0, &case.params)?;
    machine.run()?;
    let mut memory = vec![0; case.memory.len()];
    machine.read(0, 0, &mut memory)?;
    Ok(Smoke { case, memory })
}

/// What to type to run the smoke test here: with the tools that are there, else with those of the search path.
fn command(folder: &str) -> String {
    match Tools::find() {
        Ok(tools) => {
            format!("VERILATOR={} sh {folder}/smoke/run.sh", tools.verilator.join("bin/verilator_bin").display())
        }
        Err(_) => format!("sh {folder}/smoke/run.sh"),
    }
}
