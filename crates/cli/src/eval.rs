//! `puce eval`: what the chip's arithmetic costs in accuracy, measured against the binary32 reference on the same weights.
//!
//! A text is cut into windows. The first half of each window is context, the second half is scored: every one of its tokens is predicted from all
//! before it in the window. Chip and reference see exactly the same tokens.

use crate::args::positive;
use crate::failure::{Failure, Result, read_text};
use crate::interrupt::{self, Working};
use crate::report::{Work, status};
use crate::score::{Score, Tally};
use crate::setup::{ChipArguments, HostArguments, Loaded, ModelArguments, Opened};
use crate::ui::{self, Sheet};
use crate::{beside, prompts};
use arch::machine::Machine;
use clap::{Args, ValueEnum};
use compiler::session::{Chunk, Session, Want};
use emu::Emulator;
use model::reference::Reference;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// Arguments of `puce eval`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  puce eval --text novel.txt
  puce eval --text novel.txt --weights i4s --tokens 8192 --json
  puce eval --prompts                                  chip and reference side by side

Perplexity counts how many tokens the model hesitates between; the divergence is in nats.")]
pub struct Arguments {
    /// The text to predict
    #[arg(long, value_name = "FILE", required_unless_present = "prompts")]
    text: Option<PathBuf>,
    /// Tokens read from the text, in whole windows
    #[arg(long, value_name = "N", default_value = "3072", value_parser = positive)]
    tokens: usize,
    /// Tokens of a window; the second half is scored
    #[arg(long, value_name = "N", default_value = "512", value_parser = positive)]
    context: usize,
    /// What to compare with
    #[arg(long, value_name = "WHAT", value_enum, default_value = "f32")]
    reference: ReferenceKind,
    /// Continue a few English and French prompts instead, and mark where chip and reference part
    #[arg(long, conflicts_with = "text")]
    prompts: bool,
    /// Tokens that each prompt is continued by
    #[arg(long, value_name = "N", default_value = "32", value_parser = positive, requires = "prompts")]
    max_tokens: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten, next_help_heading = "Chip")]
    chip: ChipArguments,
    #[command(flatten, next_help_heading = "Host")]
    host: HostArguments,
}

/// What the chip is measured against.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReferenceKind {
    /// The binary32 forward pass on the file's own weights
    F32,
    /// Nothing: the chip's perplexity alone
    None,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    let text = arguments.text.as_deref().map(read_text).transpose()?;
    let chip = arguments.chip.chip()?;
    arguments.host.kernels()?;
    let opened = arguments.model.open()?;
    let windows = text.map(|text| arguments.windows(&opened, &text)).transpose()?;
    let context = if arguments.prompts { arguments.max_tokens + beside::LONGEST } else { arguments.context };
    let options = arguments.chip.options(&chip, &opened.network, context);
    let mut loaded = Loaded::new(&opened, &chip, &options, &arguments.host)?;
    loaded.session.machine_mut().clear();
    let compared = arguments.reference == ReferenceKind::F32;
    let reference = compared.then(|| Reference::new(&opened.checkpoint, &opened.network)).transpose()?;
    interrupt::listen();
    let Some(windows) = windows else {
        return beside::run(&opened, &mut loaded.session, reference.as_ref(), arguments.max_tokens, arguments.json);
    };
    let start = Instant::now();
    let tally = score(&mut loaded.session, reference.as_ref(), &windows)?;
    if tally.is_empty() {
        return Err(Failure::new("interrupted before a window was scored"));
    }
    let measured = Measured {
        score: tally.score(compared),
        windows: windows.len(),
        context: arguments.context,
        seconds: start.elapsed().as_secs_f64(),
        model: arguments.model.model.clone(),
        chip: chip.name.clone(),
        weights: arguments.chip.weights.map(|kind| kind.name()),
        kernels: loaded.kernels,
        flags: Work::of(loaded.session.machine()).flags,
    };
    if arguments.json { ui::json(&measured) } else { ui::print(&measured.text()) }
}

impl Arguments {
    /// Windows of exactly `context` tokens, the last incomplete one left out.
    fn windows(&self, opened: &Opened, text: &str) -> Result<Vec<Vec<u32>>> {
        let prefix = opened.tokenizer.prefix();
        let fresh = self.context - prefix.iter().len().min(self.context - 1);
        if fresh < 2 {
            return Err(Failure::new(format!("--context {}: a window has at least 2 tokens", self.context)));
        }
        let all = prompts::plain(opened, text)?;
        let tokens = &all[..all.len().min(self.tokens)];
        let windows = tokens.chunks_exact(fresh).map(|chunk| prefix.iter().chain(chunk).copied().collect());
        let windows: Vec<Vec<u32>> = windows.collect();
        if windows.is_empty() {
            return Err(Failure::new(format!(
                "there are {} tokens to predict and a window takes {fresh}: a longer text, more --tokens or a shorter --context would do",
                tokens.len()
            )));
        }
        Ok(windows)
    }
}

/// Scores the second half of every window. An interrupt ends at a whole window; what was scored until then counts.
fn score(session: &mut Session<Emulator>, reference: Option<&Reference>, windows: &[Vec<u32>]) -> Result<Tally> {
    let _working = Working::begin();
    let bar = ui::count_bar("scoring", windows.iter().map(|window| window.len() as u64).sum());
    let mut tally = Tally::default();
    for window in windows {
        if interrupt::requested() {
            break;
        }
        let first = window.len().div_ceil(2);
        let (context, predicting) = window[..window.len() - 1].split_at(first - 1);
        let chip = chip_logits(session, context, predicting)?;
        let reference = reference.map(|reference| reference_logits(reference, context, predicting)).transpose()?;
        let vocab = chip.len() / predicting.len();
        for (index, next) in window[first..].iter().enumerate() {
            let row = index * vocab..(index + 1) * vocab;
            tally.add(&chip[row.clone()], reference.as_ref().map(|logits| &logits[row]), *next);
        }
        bar.inc(window.len() as u64);
    }
    bar.finish_and_clear();
    Ok(tally)
}

/// The chip's logits after each of `predicting`, row after row.
fn chip_logits(session: &mut Session<Emulator>, context: &[u32], predicting: &[u32]) -> Result<Vec<f32>> {
    let sequence = session.open();
    let step = session.step_tokens();
    let mut values = Vec::new();
    for (tokens, want) in [(context, Want::Nothing), (predicting, Want::All)] {
        for tokens in tokens.chunks(step) {
            values.extend(session.step(&[Chunk { sequence, tokens, want }])?.values);
        }
    }
    session.close(sequence);
    Ok(values)
}

/// The same of the reference.
fn reference_logits(reference: &Reference, context: &[u32], predicting: &[u32]) -> Result<Vec<f32>> {
    let mut state = reference.state();
    reference.forward_last(&mut state, context)?;
    Ok(reference.forward(&mut state, predicting)?)
}

#[derive(Serialize)]
struct Measured {
    #[serde(flatten)]
    score: Score,
    windows: usize,
    context: usize,
    seconds: f64,
    model: String,
    chip: String,
    weights: Option<&'static str>,
    kernels: &'static str,
    flags: String,
}

impl Measured {
    fn text(&self) -> String {
        let mut sheet = Sheet::new();
        let weights = self.weights.map_or("the file's own weights".into(), |kind| format!("weights in {kind}"));
        sheet.row("model", format!("{}, {weights}", self.model));
        sheet.row("chip", format!("{}, {}", self.chip, self.kernels));
        let (tokens, windows) = (ui::count(self.score.tokens as u64), self.windows);
        sheet.row("scored", format!("{tokens} tokens in {windows} windows of {}", self.context));
        sheet.row("perplexity", ui::styled(ui::STRONG, format!("{:.3}", self.score.perplexity)));
        if let Some(against) = &self.score.against {
            sheet.row("reference", format!("{:.3}", against.perplexity));
            sheet.row("ratio", format!("{:.5} ({:+.2} %)", against.ratio, 100.0 * (against.ratio - 1.0)));
            sheet.row("divergence", format!("{:.5} nats per token", against.divergence));
            sheet.row("agreement", format!("{:.1} % of the most probable tokens", 100.0 * against.agreement));
        }
        sheet.row("time", ui::seconds(self.seconds));
        sheet.row("status", status(&self.flags));
        sheet.text()
    }
}
