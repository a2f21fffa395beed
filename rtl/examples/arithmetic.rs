//! The long run of the arithmetic units: `cargo run --release -p rtl --example arithmetic -- --operands 100000000`.
//!
//! Prints a table for `docs/verification.md`. A difference stops it with the operands.

#[path = "../tests/arithmetic/mod.rs"]
mod arithmetic;

use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use arithmetic::Operation;
use rtl::design::Effort;
use rtl::tools::Tools;

/// The number after `--operands`, or a short run's.
fn operands(arguments: &[String]) -> Option<u64> {
    match arguments {
        [] => Some(1_000_000),
        [name, value] if name == "--operands" => value.parse().ok(),
        _ => None,
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(operands) = operands(&arguments) else {
        eprintln!("usage: arithmetic [--operands N]: N random operands for each operation");
        return ExitCode::FAILURE;
    };
    let tools = match Tools::find() {
        Ok(tools) => tools,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let seed = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs());
    println!(
        "{}\nSeed {seed}.\n",
        tools.version.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
    );
    println!("| operation | operands without a difference | seconds |\n|---|---:|---:|");
    for operation in Operation::ALL {
        let start = Instant::now();
        let count = operation.hold(Effort::Fast, operands, seed).unwrap_or(0);
        println!("| {} | {count} | {:.0} |", operation.name(), start.elapsed().as_secs_f64());
    }
    ExitCode::SUCCESS
}
