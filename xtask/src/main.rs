//! The project's own chores, in Rust, started as `cargo xtask <chore>`.
//!
//! One big decision: everything a contributor or a machine must run to trust a change is one
//! command here, and that command is a program with tests rather than a shell script. The rules of
//! the house (which crate may know which, where `unsafe` may live, what must be said in the docs)
//! are tables in [`tidy`], and they run twice: as `cargo xtask tidy` and as ordinary tests, so that
//! `cargo test` alone holds the walls.
//!
//! | chore | does |
//! |---|---|
//! | `test` | the one test command: format, lints, tests, docs, a slice of fuzzing; last line is the sum of all tests |
//! | `tidy` | checks the tables of rules against the tree |
//! | `gen` | rewrites generated files, or says which are stale |
//! | `bench` | our emulator beside llama.cpp and beside the machine's limits, or the model of time beside other tools, in one run |
//! | `accuracy` | perplexity and divergence of the chip on a fixed text, kept as a page |
//! | `traffic` | the tables of `data/traffic` from the traces that they were reduced from |
//! | `fuzz` | every fuzz target for some seconds, from the stored corpus |
//! | `formal` | proves what `rtl/formal/proofs.toml` says of the design |
//! | `lint` | Verilator and verible read the design and must have nothing to say |
//! | `scoreboard` | how thoroughly the tests of the design look: coverage and mutants, kept as a page |
//! | `pages` | opens a report in a browser: narrow and wide, light and dark |
//! | `vendor` | renews the chart libraries that every report contains |
//! | `tools` | installs what the chores need into `.tools/`; Chromium alone is the system's |
//!
//! It never holds logic of the chip, and no crate of the product depends on it.
//!
//! ```text
//! cargo xtask test --quick
//! ```

mod accuracy;
mod bench;
mod date;
mod formal;
mod fuzz;
mod generate;
mod lint;
mod pages;
mod repo;
mod scoreboard;
mod suite;
mod tally;
mod tidy;
mod tools;
mod traffic;
mod vendor;
mod yosys;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The chores of the project.
#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of the project")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// The one test command: format, lints, tests, docs, fuzzing
    Test(suite::Options),
    /// Check the rules of the house against the tree
    Tidy,
    /// Rewrite generated files
    Gen {
        /// Only say which files are stale
        #[arg(long)]
        check: bool,
    },
    /// Measure the emulator beside llama.cpp and the machine's limits
    Bench {
        #[command(subcommand)]
        what: bench::What,
    },
    /// Measure what the chip's arithmetic costs in quality and write docs/accuracy.md
    Accuracy,
    /// Rewrite the tables of data/traffic from their traces
    Traffic {
        /// Folder of the traces
        #[arg(long, value_name = "DIR")]
        traces: std::path::PathBuf,
    },
    /// Prove properties of the design, and netlists equal to their sources
    Formal(formal::Options),
    /// Lint the design in SystemVerilog
    Lint,
    /// Measure how thoroughly the tests of the design look, and write docs/scoreboard.md
    Scoreboard {
        #[command(subcommand)]
        what: scoreboard::What,
    },
    /// Run every fuzz target from the stored corpus
    Fuzz {
        /// Seconds for each target
        #[arg(long, default_value_t = fuzz::DEFAULT_SECONDS)]
        seconds: u32,
    },
    /// Open a report in a browser and keep pictures in target/pages
    Pages {
        /// A report to look at in place of the tests' own
        page: Option<PathBuf>,
    },
    /// Renew the chart libraries that every report contains
    Vendor,
    /// Install the tools of the chores into .tools
    Tools {
        /// Which tools; all of them when none is named
        names: Vec<tools::Tool>,
    },
}

fn main() -> ExitCode {
    match run(&repo::root(), Arguments::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(root: &Path, chore: Chore) -> anyhow::Result<()> {
    match chore {
        Chore::Test(options) => suite::run(root, &options),
        Chore::Tidy => tidy::run(root),
        Chore::Gen { check } => generate::run(root, check),
        Chore::Bench { what } => bench::run(root, what),
        Chore::Accuracy => accuracy::run(root),
        Chore::Traffic { traces } => traffic::run(root, &traces),
        Chore::Fuzz { seconds } => fuzz::run(root, seconds),
        Chore::Formal(options) => formal::run(root, &options),
        Chore::Lint => lint::run(root),
        Chore::Scoreboard { what } => scoreboard::run(root, &what),
        Chore::Pages { page } => pages::run(root, page.as_ref()),
        Chore::Vendor => vendor::run(root),
        Chore::Tools { names } => tools::run(root, &names),
    }
}
