//! `puce bench`: how fast this host emulates the chip.
//!
//! Decoding: so many sequences, each after a prompt of its own, grow by one token per step, all in one step; only the steps are timed. Prefill: one
//! fresh prompt, timed as a whole. Tokens are fixed, ordinary numbers: speed does not depend on what they say.

use crate::args::positive;
use crate::failure::{Failure, Result};
use crate::report::{Work, status};
use crate::setup::{ChipArguments, HostArguments, Loaded, ModelArguments, host_cores};
use crate::ui::{self, Sheet};
use arch::Chip;
use arch::machine::Machine;
use clap::Args;
use compiler::Options;
use compiler::session::{Chunk, Logits, SequenceId, Session, Want};
use emu::Emulator;
use model::network::Network;
use serde::Serialize;
use std::time::Instant;

/// Steps of decoding before the clock runs: pages of memory, caches.
const WARM_STEPS: usize = 4;

/// Arguments of `puce bench`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  puce bench                                      one sequence, 64 steps
  puce bench --sequences 32 --steps 64 --repeat 5
  puce bench --prefill 512 --threads 1 --json")]
pub struct Arguments {
    /// Sequences that grow together
    #[arg(long, value_name = "N", default_value = "1", value_parser = positive)]
    sequences: usize,
    /// Tokens of each sequence's prompt
    #[arg(long, value_name = "N", default_value = "32", value_parser = positive)]
    prompt: usize,
    /// Timed steps
    #[arg(long, value_name = "N", default_value = "64", value_parser = positive)]
    steps: usize,
    /// Time a prompt of so many tokens instead
    #[arg(long, value_name = "N", value_parser = positive, conflicts_with_all = ["sequences", "prompt", "steps"])]
    prefill: Option<usize>,
    /// Measurements; the median is reported
    #[arg(long, value_name = "N", default_value = "3", value_parser = positive)]
    repeat: usize,
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

#[derive(Serialize)]
struct Measured {
    kind: &'static str,
    sequences: usize,
    threads: usize,
    tokens_per_second: f64,
    /// Of every repeat, in order.
    rates: Vec<f64>,
    tokens: usize,
    repeat: usize,
    peak_rss_bytes: Option<u64>,
    model: String,
    chip: String,
    chips: usize,
    cores: usize,
    kernels: &'static str,
    compile_seconds: f64,
    image_seconds: f64,
    /// What one repeat took on the chip.
    work: Work,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    let chip = arguments.chip.chip()?;
    arguments.host.kernels()?;
    let opened = arguments.model.open()?;
    let threads = arguments.host.threads.unwrap_or_else(|| host_cores().min(2));
    let options = arguments.options(&chip, &opened.network, threads);
    let host = HostArguments { threads: Some(threads), kernels: arguments.host.kernels.clone() };
    let mut loaded = Loaded::new(&opened, &chip, &options, &host)?;
    // The file is mapped into memory and would count towards the peak of the runs.
    drop(opened);
    let rates = arguments.rates(&mut loaded)?;
    let measured = arguments.measured(&loaded, rates);
    if arguments.json { ui::json(&measured) } else { ui::print(&measured.text()) }
}

impl Arguments {
    /// Just the cache that the sequences need. Unless asked otherwise one core per thread for decoding; for a prompt one core, whose large instructions
    /// the threads share: nothing is then computed twice, and no thread has more to do than another.
    fn options(&self, chip: &Chip, network: &Network, threads: usize) -> Options {
        let length = self.prefill.unwrap_or(self.prompt + self.steps);
        let usual = if self.prefill.is_some() { 1 } else { threads.min(chip.core.count) };
        Options {
            cores: self.chip.cores.unwrap_or(usual),
            sequences: self.sequences,
            cache_tokens: self.sequences * length.next_multiple_of(base::tile::BLOCK),
            ..self.chip.options(chip, network, length)
        }
    }

    /// Tokens of one measurement.
    fn tokens(&self) -> usize {
        self.prefill.unwrap_or(self.sequences * self.steps)
    }

    /// Tokens per second of every repeat.
    fn rates(&self, loaded: &mut Loaded) -> Result<Vec<f64>> {
        let most = loaded.compiled.abi.sizes.sequences;
        if self.sequences > most {
            return Err(Failure::new(format!(
                "--sequences {}: chip `{}` takes at most {most} in one step",
                self.sequences, loaded.compiled.chip.name
            )));
        }
        self.once(&mut loaded.session, WARM_STEPS.min(self.steps))?;
        let mut rate = || Ok(self.tokens() as f64 / self.once(&mut loaded.session, self.steps)?);
        (0..self.repeat).map(|_| rate()).collect()
    }

    fn measured(&self, loaded: &Loaded, rates: Vec<f64>) -> Measured {
        let sizes = loaded.compiled.abi.sizes;
        Measured {
            kind: if self.prefill.is_some() { "prefill" } else { "decode" },
            sequences: self.sequences,
            threads: loaded.threads,
            tokens_per_second: median(&rates),
            rates,
            tokens: self.tokens(),
            repeat: self.repeat,
            peak_rss_bytes: peak_rss_bytes(),
            model: self.model.model.clone(),
            chip: loaded.compiled.chip.name.clone(),
            chips: sizes.chips,
            cores: sizes.cores,
            kernels: loaded.kernels,
            compile_seconds: loaded.compile_seconds,
            image_seconds: loaded.image_seconds,
            work: Work::of(loaded.session.machine()),
        }
    }

    /// One measurement in seconds; counters hold the timed part.
    fn once(&self, session: &mut Session<Emulator>, steps: usize) -> Result<f64> {
        match self.prefill {
            Some(tokens) => prefill(session, tokens),
            None => decode(session, self.sequences, self.prompt, steps),
        }
    }
}

fn prefill(session: &mut Session<Emulator>, tokens: usize) -> Result<f64> {
    let prompt: Vec<u32> = (0..tokens).map(|position| token_at(0, position)).collect();
    let sequence = session.open();
    session.machine_mut().clear();
    let start = Instant::now();
    session.prefill(sequence, &prompt, 0)?;
    let seconds = start.elapsed().as_secs_f64();
    session.close(sequence);
    Ok(seconds)
}

fn decode(session: &mut Session<Emulator>, sequences: usize, prompt: usize, steps: usize) -> Result<f64> {
    let open: Vec<SequenceId> = (0..sequences).map(|_| session.open()).collect();
    for (index, sequence) in open.iter().enumerate() {
        let tokens: Vec<u32> = (0..prompt).map(|position| token_at(index, position)).collect();
        session.prefill(*sequence, &tokens, 0)?;
    }
    session.machine_mut().clear();
    let start = Instant::now();
    let mut logits = Logits::default();
    for position in prompt..prompt + steps {
        let tokens: Vec<[u32; 1]> = (0..sequences).map(|index| [token_at(index, position)]).collect();
        let chunks = open.iter().zip(&tokens);
        let chunks: Vec<Chunk> =
            chunks.map(|(sequence, tokens)| Chunk { sequence: *sequence, tokens, want: Want::Last }).collect();
        session.step_into(&chunks, &mut logits)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    open.into_iter().for_each(|sequence| session.close(sequence));
    Ok(seconds)
}

/// A fixed, ordinary token, different between sequences and positions, below the smallest real vocabulary.
fn token_at(sequence: usize, position: usize) -> u32 {
    (1000 + (sequence * 131 + position * 17) % 20_000) as u32
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// The most memory this process ever had resident, where the system tells.
fn peak_rss_bytes() -> Option<u64> {
    parse_peak(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse_peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

impl Measured {
    fn text(&self) -> String {
        let mut sheet = Sheet::new();
        let what = match self.kind {
            "prefill" => format!("prompt of {} tokens", self.tokens),
            _ => {
                let sequences = ui::plural(self.sequences, "sequence");
                format!("{} of {sequences}", ui::plural(self.tokens / self.sequences, "step"))
            }
        };
        let (low, high) =
            self.rates.iter().fold((f64::MAX, 0f64), |(low, high), rate| (low.min(*rate), high.max(*rate)));
        sheet.row("measured", format!("{what}, {}", ui::plural(self.repeat, "time")));
        let speed = ui::styled(ui::STRONG, format!("{:.1} tokens/s", self.tokens_per_second));
        sheet.row("speed", format!("{speed} (median; {low:.1} to {high:.1})"));
        sheet.row("model", &self.model);
        sheet.row("chip", format!("{} x {}, {} each", self.chips, self.chip, ui::plural(self.cores, "core")));
        sheet.row("host", format!("{}, {}", ui::plural(self.threads, "thread"), self.kernels));
        if let Some(bytes) = self.peak_rss_bytes {
            sheet.row("peak memory", ui::bytes(bytes));
        }
        let per_token = |number: u64| ui::large(number as f64 / self.tokens as f64);
        let (instructions, macs) = (per_token(self.work.total()), per_token(self.work.macs));
        sheet.row("per token", format!("{instructions} instructions, {macs} multiply-accumulates"));
        sheet.row("status", status(&self.work.flags));
        sheet.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn the_peak_is_read_in_kilobytes() {
        assert_eq!(parse_peak("VmPeak:\t  9 kB\nVmHWM:\t    12 kB\n"), Some(12 * 1024));
        assert_eq!(parse_peak("VmHWM: many"), None);
        assert_eq!(parse_peak(""), None);
    }

    #[test]
    fn tokens_differ_between_sequences() {
        let prompt = |sequence| (0..32).map(|position| token_at(sequence, position)).collect::<Vec<_>>();
        assert_ne!(prompt(0), prompt(1));
        assert!((0..64).flat_map(prompt).all(|token| token < 21_000));
    }
}
