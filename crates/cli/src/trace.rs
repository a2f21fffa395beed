//! `puce trace`: a timeline of a model on the chip, every command of every engine and what they wait for.
//!
//! The chip's twin in time ([`perf::cycles`]) runs the compiled programs. Time does not depend on values, so no weight is loaded and no token computed: a
//! prompt is a number of tokens.

mod machine;
mod summary;
mod timeline;

use crate::args::{positive, weight_kind};
use crate::failure::{Failure, Result, replace_with};
use crate::setup::{self, ModelArguments};
use crate::ui::{self, Sheet};
use arch::Chip;
use base::tile::{BLOCK, WeightKind};
use clap::{Args, ValueEnum};
use compiler::session::{Chunk, Session, Want};
use compiler::{Compiled, Options};
use machine::Twin;
use perf::cycles::memory::Timing;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;
use summary::Summary;
use timeline::{Timeline, View};

/// Arguments of `puce trace`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  puce trace --out decode.json
  puce trace --layers 2 --prompt 64 --steps prompt --out prompt.json
  puce trace --dram --out refreshes.json
  puce trace --chip one --tokens 4 --from 100000 --to 200000 --out part.json

The file opens in https://ui.perfetto.dev and in chrome://tracing; a cycle is drawn as a nanosecond.")]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// Chip: a name from `puce chip list`, or a description in TOML
    #[arg(long, value_name = "NAME|FILE", default_value = "nano")]
    chip: String,
    /// Tokens of the prompt
    #[arg(long, value_name = "N", default_value = "32", value_parser = positive)]
    prompt: usize,
    /// Tokens that are written after it, each in a step
    #[arg(long, value_name = "N", default_value = "1", value_parser = positive)]
    tokens: usize,
    /// Only the first layers of the network, then its head
    #[arg(long, value_name = "N", value_parser = positive)]
    layers: Option<usize>,
    /// Steps that are run
    #[arg(long, value_enum, default_value = "decode")]
    steps: Steps,
    /// Store every matrix in this kind instead of the file's own: i4s, i4m, i8s, i8m, mx8, mx4
    #[arg(long, value_name = "KIND", value_parser = weight_kind)]
    weights: Option<WeightKind>,
    /// Memory has banks, rows and refreshes, instead of one latency for all
    #[arg(long)]
    dram: bool,
    /// First cycle that is drawn and counted, of all steps that are run
    #[arg(long, value_name = "CYCLE", default_value = "0")]
    from: u64,
    /// Cycle at which drawing and counting ends [default: the end]
    #[arg(long, value_name = "CYCLE")]
    to: Option<u64>,
    /// Waits of fewer cycles are counted and not drawn
    #[arg(long, value_name = "CYCLES", default_value = "16")]
    least: u64,
    /// Cycles of a window in which traffic is counted
    #[arg(long, value_name = "CYCLES", default_value = "256", value_parser = positive)]
    window: usize,
    /// Where to write the timeline
    #[arg(short, long, value_name = "FILE.json")]
    out: PathBuf,
    /// Print one JSON object in place of the table
    #[arg(long)]
    json: bool,
}

/// Which steps.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Steps {
    /// Those of the prompt
    Prompt,
    /// Those that write a token each
    Decode,
    /// All
    All,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    let chip = setup::chip(&arguments.chip)?;
    let view = view(arguments, &chip)?;
    let mut opened = arguments.model.open()?;
    if let Some(layers) = arguments.layers {
        opened.network.layers.truncate(layers);
    }
    let context = (arguments.prompt + arguments.tokens).next_multiple_of(BLOCK);
    let cores = chip.core.count;
    let options =
        Options { cores, context, sequences: 1, weights: arguments.weights, halves: true, ..Options::default() };
    let compiled = compiler::compile(&opened.checkpoint, &opened.network, &chip, &options)?;
    let start = Instant::now();
    let (events, summary) = file(arguments, &chip, &compiled, view)?;
    let seconds = start.elapsed().as_secs_f64();
    if arguments.json {
        return ui::json(&summary.json());
    }
    ui::print(&summary.table(cores))?;
    let mut sheet = Sheet::new();
    sheet.row(
        "cycles",
        format!(
            "{}, {} at {}",
            ui::count(summary.cycles),
            ui::seconds(summary.cycles as f64 / chip.frequency.0),
            chip.frequency
        ),
    );
    sheet.row("memory", format!("{:.1} % of the ports' beats", 100.0 * summary.port_share()));
    sheet.row(
        "timeline",
        format!("{}: {} events, in {}", arguments.out.display(), ui::count(events), ui::seconds(seconds)),
    );
    ui::note(&format!("\n{}", sheet.text()));
    Ok(())
}

fn view(arguments: &Arguments, chip: &Chip) -> Result<View> {
    let (from, to) = (arguments.from, arguments.to.unwrap_or(u64::MAX));
    if from >= to {
        return Err(Failure::new(format!("--from {from} --to {to}: nothing lies between them; --to must be larger")));
    }
    Ok(View { cycles: from..to, least: arguments.least, ports: chip.memory_ports() })
}

/// Writes the file: how many events it has, and what they add up to.
fn file(arguments: &Arguments, chip: &Chip, compiled: &Compiled, view: View) -> Result<(u64, Summary)> {
    let (mut drawn, mut failed) = ((0, Summary::default()), None);
    let written = replace_with(&arguments.out, |file| {
        let mut timeline = Timeline::new(file, view);
        if let Err(failure) = draw(arguments, chip, compiled, &mut timeline) {
            failed = Some(failure);
            return Err(std::io::ErrorKind::Other.into());
        }
        drawn = timeline.finish()?;
        Ok(())
    });
    match failed {
        Some(failure) => Err(failure),
        None => written.map(|()| drawn),
    }
}

/// Lets the twin run the steps, and the timeline watch.
fn draw<W: Write>(arguments: &Arguments, chip: &Chip, compiled: &Compiled, timeline: &mut Timeline<W>) -> Result {
    let memory = match arguments.dram {
        true => Timing::dram(chip).map_err(|error| Failure::new(error.to_string()))?,
        false => Timing::fixed(chip),
    };
    let twin = Twin::new(chip, &compiled.programs[0], memory, arguments.window as u64, timeline);
    let mut session = Session::new(compiled, twin)?;
    let sequence = session.open();
    let prompt = vec![0; arguments.prompt];
    let chunks: Vec<&[u32]> = prompt.chunks(session.step_tokens()).collect();
    let mut at = 0;
    for (index, tokens) in chunks.iter().enumerate() {
        let want = if index + 1 == chunks.len() { Want::Last } else { Want::Nothing };
        let label = format!("prompt, tokens {at} to {}", at + tokens.len());
        session.machine_mut().next((arguments.steps != Steps::Decode).then_some(label));
        session.step(&[Chunk { sequence, tokens, want }])?;
        at += tokens.len();
    }
    for token in 0..arguments.tokens {
        let label = format!("token {token}, behind {}", at + token);
        session.machine_mut().next((arguments.steps != Steps::Prompt).then_some(label));
        session.step(&[Chunk { sequence, tokens: &[0], want: Want::Last }])?;
    }
    Ok(())
}
