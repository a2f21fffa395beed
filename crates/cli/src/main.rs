//! `puce`: the chip and the models it runs, on the command line.
//!
//! This crate knows arguments, the terminal and files; everything it shows is computed below it. One module per command, and four that the commands
//! share: [`setup`] turns options into a model on a machine, [`generate`] continues a sequence, [`score`] judges predictions, [`ui`] draws.
//!
//! Three rules hold everywhere. What a command was asked for goes to standard output and nothing else does, so that every command can stand in a
//! pipe; progress, notes and figures about the run go to standard error. An error is one sentence that begins with `puce: `, and the exit code says
//! which kind: 1 for a request that could not be met, 2 for arguments that make no sense, 130 for an interrupt. Nothing that a file or an argument
//! contains makes the program panic.
//!
//! The world enters here: clock, environment, threads and signals are read in this crate and handed down as values.

mod args;
mod bench;
mod beside;
mod chat;
mod chip;
mod compile;
mod design;
mod eval;
mod facts;
mod failure;
mod generate;
mod interrupt;
mod map;
mod models;
mod package;
mod perf;
mod program;
mod prompts;
mod report;
mod run;
mod score;
mod setup;
mod simulate;
mod synth;
mod trace;
mod ui;
mod validate;
mod verify;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = args::dispatch(args::Arguments::parse());
    match outcome {
        Ok(()) if interrupt::requested() => ExitCode::from(130),
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
