//! `puce objdump` and `puce asm`: between a program's binary form and its text.

use crate::failure::{Failure, Result, read, read_text, write};
use crate::{setup, ui};
use arch::{Program, legal};
use clap::Args;
use std::path::{Path, PathBuf};

/// Arguments of `puce objdump`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  puce objdump model.puce | less
  puce objdump model.puce --chip nano > model.txt
  puce objdump --json model.puce")]
pub struct ObjdumpArguments {
    /// The program
    #[arg(value_name = "FILE.puce")]
    file: PathBuf,
    /// Check that this chip may run it: a name, or a description in TOML
    #[arg(long, value_name = "NAME|FILE")]
    chip: Option<String>,
    /// Print one JSON object: memory, and the instructions of each core
    #[arg(long)]
    json: bool,
}

/// Arguments of `puce asm`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  puce asm program.txt -o program.puce
  puce asm program.txt --chip nano -o program.puce
  puce objdump program.puce | puce asm - -o copy.puce")]
pub struct AsmArguments {
    /// The text; `-` reads standard input
    #[arg(value_name = "FILE.txt")]
    file: PathBuf,
    /// Where to write the program
    #[arg(short, long, value_name = "FILE.puce")]
    out: PathBuf,
    /// Check that this chip may run it: a name, or a description in TOML
    #[arg(long, value_name = "NAME|FILE")]
    chip: Option<String>,
}

/// Prints a program.
pub fn objdump(arguments: &ObjdumpArguments) -> Result {
    let program = Program::from_bytes(&read(&arguments.file)?).map_err(|error| in_file(&arguments.file, error))?;
    check(&program, arguments.chip.as_deref(), &arguments.file)?;
    if !arguments.json {
        return ui::print(&program.to_string());
    }
    let cores = program.cores.iter().map(|core| core.iter().map(ToString::to_string).collect());
    ui::json(&serde_json::json!({ "memory": program.memory, "cores": cores.collect::<Vec<Vec<String>>>() }))
}

/// Makes a program.
pub fn asm(arguments: &AsmArguments) -> Result {
    let text = match arguments.file.to_str() {
        Some("-") => std::io::read_to_string(std::io::stdin())
            .map_err(|error| Failure::new(format!("standard input: {error}")))?,
        _ => read_text(&arguments.file)?,
    };
    let program = Program::parse(&arguments.file.display().to_string(), &text)?;
    check(&program, arguments.chip.as_deref(), &arguments.file)?;
    write(&arguments.out, program.to_bytes())?;
    let (instructions, cores) = (ui::count(program.len() as u64), program.cores.len());
    ui::note(&format!("{}: {instructions} instructions for {cores} cores", arguments.out.display()));
    Ok(())
}

fn check(program: &Program, chip: Option<&str>, file: &Path) -> Result {
    let Some(chip) = chip else { return Ok(()) };
    legal::check(program, &setup::chip(chip)?).map_err(|error| in_file(file, error))
}

fn in_file(file: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::new(format!("{}: {error}", file.display()))
}
