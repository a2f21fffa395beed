//! `puce perf`: how long a network takes on a device, and what it waits for.
//!
//! Everything computed here comes from the crate `perf`; this module reads arguments ([`case`]) and draws tables, JSON and plots of the answer.

pub mod case;
mod compare;
mod image;
mod list;
mod plot;
mod report;
mod speed;
mod training;

use crate::failure::{Failure, Result};
use ::perf::network::Body;
use case::{Case, Subject};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Options of `puce perf`.
#[derive(Args)]
#[command(
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  puce perf --model gpt-oss-120b --device h100 --batch 64 --context 8k
  puce perf --model llama-3.1-70b --device mi300x --tensor 4 --formats fp8,cache=fp8
  puce perf --model deepseek-v3 --compare h200,b200,one --plot frontier.svg
  puce perf --model qwen3-8b --device h100 --phase train --batch 512 --context 4k
  puce perf list"
)]
pub struct Arguments {
    #[command(subcommand)]
    list: Option<Listing>,
    #[command(flatten)]
    ask: Ask,
}

#[derive(Subcommand)]
enum Listing {
    /// List the networks and devices that are known by name
    #[command(after_help = "\
Examples:
  puce perf list
  puce perf list --json")]
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

/// What is asked.
#[derive(Args)]
pub struct Ask {
    /// Network: a name from `puce perf list`, a Hugging Face path, a description in TOML, or a config.json
    #[arg(long, value_name = "NAME|FILE", required = true)]
    model: Option<String>,
    /// Device: a name from `puce perf list` or `puce chip list`, or a description of a device or chip in TOML
    #[arg(long, value_name = "NAME|FILE", default_value = "h100")]
    device: String,
    /// Which part of a request's life
    #[arg(long, value_enum, default_value_t = Stage::Both)]
    phase: Stage,
    /// Sequences in flight (images, if the network makes images; sequences of a step in training)
    #[arg(long, value_name = "N", value_parser = case::number, default_value = "1")]
    batch: u64,
    /// Positions of each sequence: length of the prompt, and of the cache in decode; `8k` is 8192
    #[arg(long, value_name = "N", value_parser = case::number, default_value = "4k")]
    context: u64,
    /// Devices that share each matrix
    #[arg(long, value_name = "N", value_parser = case::number)]
    tensor: Option<u64>,
    /// Pipeline stages
    #[arg(long, value_name = "N", value_parser = case::number)]
    pipeline: Option<u64>,
    /// Sets of experts on different devices
    #[arg(long, value_name = "N", value_parser = case::number)]
    expert: Option<u64>,
    /// Groups that run attention on different sequences (replicas, in training)
    #[arg(long, value_name = "N", value_parser = case::number)]
    data: Option<u64>,
    /// Groups that run attention on different positions
    #[arg(long, value_name = "N", value_parser = case::number)]
    context_parallel: Option<u64>,
    /// Number formats: one (`fp8`), or by part (`weights=fp8,experts=mxfp4,cache=fp8`); default: as published
    #[arg(long, value_name = "FORMATS")]
    formats: Option<String>,
    /// Devices to put side by side
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    compare: Vec<String>,
    /// Draw throughput per device against interactivity, over batch sizes, as SVG or HTML
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Size of an image
    #[arg(long, value_name = "WxH", value_parser = case::size, default_value = "1024x1024")]
    size: (u64, u64),
    /// Denoising steps of an image; default: as published
    #[arg(long, value_name = "N", value_parser = case::number)]
    steps: Option<u64>,
    /// Keep only the layers' inputs in training, and compute the rest again
    #[arg(long)]
    recompute: bool,
    /// Measure how many such evaluations one core makes per second
    #[arg(long, conflicts_with_all = ["compare", "plot"])]
    bench: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Part of a request's life, or a training step.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// The prompt
    Prefill,
    /// One token of each sequence
    Decode,
    /// Both
    Both,
    /// A training step: forward, backward, optimiser
    Train,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    if let Some(Listing::List { json }) = &arguments.list {
        return list::run(*json);
    }
    let ask = &arguments.ask;
    let subject = Subject::of(ask)?;
    if let Body::Image(image) = &subject.known.body {
        return image::run(ask, &subject, image);
    }
    if ask.phase == Stage::Train {
        return training::run(ask, &subject);
    }
    if let Some(path) = &ask.plot {
        plot::run(ask, &subject, path)?;
    }
    if !ask.compare.is_empty() {
        return compare::run(ask, &subject);
    }
    let case = Case::of(ask, &subject, case::device(&ask.device)?)?;
    if ask.bench {
        return speed::run(&case, ask.json);
    }
    report::run(ask, &case)
}

/// The phases that a stage stands for.
fn phases(stage: Stage) -> Vec<::perf::operator::Phase> {
    use ::perf::operator::Phase::{Decode, Prefill};
    match stage {
        Stage::Prefill => vec![Prefill],
        Stage::Decode => vec![Decode],
        Stage::Both | Stage::Train => vec![Prefill, Decode],
    }
}

/// A refusal in one sentence.
fn refuse<T>(sentence: impl Into<String>) -> Result<T> {
    Err(Failure::new(sentence))
}
