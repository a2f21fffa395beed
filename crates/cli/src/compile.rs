//! `puce compile`: what the compiler makes of a model, without running it.

use crate::args::positive;
use crate::failure::{Failure, Result, write};
use crate::setup::{ChipArguments, ModelArguments};
use crate::ui::{self, Align, Sheet};
use clap::Args;
use compiler::Compiled;
use compiler::map::Source;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Arguments of `puce compile`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  puce compile --chip nano
  puce compile --passes passes --out model.puce
  puce compile --weights i4s --cores 8 --chips 2 --out model.puce    (writes model.0.puce, model.1.puce)")]
pub struct Arguments {
    /// Longest sequence in tokens [default: the model's own, at most 2048]
    #[arg(long, value_name = "N", value_parser = positive)]
    context: Option<usize>,
    /// Most sequences in one step
    #[arg(long, value_name = "N", default_value = "16", value_parser = positive)]
    sequences: usize,
    /// Write the text of each pass into this directory
    #[arg(long, value_name = "DIR")]
    passes: Option<PathBuf>,
    /// Write the program; of several chips, one file each
    #[arg(short, long, value_name = "FILE.puce")]
    out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten, next_help_heading = "Chip")]
    chip: ChipArguments,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    let chip = arguments.chip.chip()?;
    let opened = arguments.model.open()?;
    let mut options = arguments.chip.options(&chip, &opened.network, arguments.context.unwrap_or(0));
    options.sequences = arguments.sequences;
    let start = Instant::now();
    let compiled = compiler::compile(&opened.checkpoint, &opened.network, &chip, &options)?;
    let seconds = start.elapsed().as_secs_f64();
    if let Some(directory) = &arguments.passes {
        write_passes(&compiled, directory)?;
    }
    let written = arguments.out.as_deref().map_or(Ok(Vec::new()), |path| write_programs(&compiled, path))?;
    let shown = Shown::of(&compiled, &arguments.model.model, seconds, written);
    if arguments.json { ui::json(&shown) } else { ui::print(&shown.text()) }
}

fn write_passes(compiled: &Compiled, directory: &Path) -> Result {
    std::fs::create_dir_all(directory).map_err(|error| Failure::file(directory, &error))?;
    for (name, text) in &compiled.passes {
        write(&directory.join(format!("{name}.txt")), text)?;
    }
    Ok(())
}

fn write_programs(compiled: &Compiled, path: &Path) -> Result<Vec<String>> {
    let count = compiled.programs.len();
    let name = |chip: usize| if count == 1 { path.to_path_buf() } else { numbered(path, chip) };
    for (chip, program) in compiled.programs.iter().enumerate() {
        write(&name(chip), program.to_bytes())?;
    }
    Ok((0..count).map(|chip| name(chip).display().to_string()).collect())
}

/// `model.puce` becomes `model.0.puce`.
fn numbered(path: &Path, chip: usize) -> PathBuf {
    match path.extension() {
        Some(extension) => path.with_extension(format!("{chip}.{}", extension.to_string_lossy())),
        None => path.with_extension(chip.to_string()),
    }
}

#[derive(Serialize)]
struct Format {
    from: &'static str,
    to: &'static str,
    tensors: usize,
    elements: u64,
    bytes: u64,
    /// Root mean square error relative to the root mean square of the values, over all tensors.
    error: f64,
}

#[derive(Serialize)]
struct Memory {
    chip: usize,
    #[serde(flatten)]
    sizes: Sizes,
}

/// Bytes by purpose.
#[derive(Clone, Copy, PartialEq, Serialize)]
struct Sizes {
    bytes: usize,
    weights: usize,
    vectors: usize,
    rotary_tables: usize,
    cache: usize,
    rest: usize,
}

#[derive(Serialize)]
struct Shown {
    model: String,
    chip: String,
    chips: usize,
    cores: usize,
    formats: Vec<Format>,
    memory: Vec<Memory>,
    memory_capacity: u64,
    scratchpad_peak: usize,
    scratchpad: u64,
    instructions: Vec<Vec<usize>>,
    context: usize,
    step_tokens: usize,
    sequences: usize,
    compile_seconds: f64,
    written: Vec<String>,
}

impl Shown {
    fn of(compiled: &Compiled, model: &str, compile_seconds: f64, written: Vec<String>) -> Shown {
        let sizes = compiled.abi.sizes;
        let lengths = |program: &arch::Program| program.cores.iter().map(Vec::len).collect();
        Shown {
            model: model.to_string(),
            chip: compiled.chip.name.clone(),
            chips: sizes.chips,
            cores: sizes.cores,
            formats: formats(compiled),
            memory: (0..sizes.chips).map(|chip| memory(compiled, chip)).collect(),
            memory_capacity: compiled.chip.memory.capacity.0,
            scratchpad_peak: compiled.scratchpad_peak,
            scratchpad: compiled.chip.core.scratchpad.0,
            instructions: compiled.programs.iter().map(lengths).collect(),
            context: sizes.context,
            step_tokens: sizes.tokens,
            sequences: sizes.sequences,
            compile_seconds,
            written,
        }
    }

    fn text(&self) -> String {
        let mut sheet = Sheet::new();
        let bytes = |bytes: usize| ui::bytes(bytes as u64);
        sheet.row("model", &self.model);
        sheet.row("chip", format!("{} x {}, {} each", self.chips, self.chip, ui::plural(self.cores, "core")));
        let (tokens, sequences) = (self.step_tokens, self.sequences);
        sheet.row("step", format!("up to {tokens} tokens of {sequences} sequences; context of {}", self.context));
        let equal = self.memory.iter().all(|memory| memory.sizes == self.memory[0].sizes);
        for memory in &self.memory[..if equal { 1 } else { self.memory.len() }] {
            let label = match self.chips {
                1 => "memory".into(),
                _ if equal => "memory, each".into(),
                _ => format!("memory {}", memory.chip),
            };
            let memory = memory.sizes;
            let parts = [
                (memory.weights, "weights"),
                (memory.cache, "key/value cache"),
                (memory.rotary_tables, "rotary tables"),
                (memory.vectors, "vectors"),
                (memory.rest, "logits and page tables"),
            ];
            let parts: Vec<String> = parts.iter().map(|(size, what)| format!("{} {what}", bytes(*size))).collect();
            let (all, have) = (bytes(memory.bytes), ui::bytes(self.memory_capacity));
            sheet.row(label, format!("{all} of {have}: {}", parts.join(", ")));
        }
        let share = 100.0 * self.scratchpad_peak as f64 / self.scratchpad as f64;
        let (peak, have) = (bytes(self.scratchpad_peak), ui::bytes(self.scratchpad));
        sheet.row("scratchpad", format!("{peak} of {have} per core at most ({share:.0} %)"));
        let per_core: Vec<String> = self.instructions.iter().flatten().map(ToString::to_string).collect();
        let total: usize = self.instructions.iter().flatten().sum();
        let split = if per_core.len() > 1 { format!(": {} by core", per_core.join(" ")) } else { String::new() };
        sheet.row("instructions", ui::count(total as u64) + &split);
        sheet.row("compiled in", ui::seconds(self.compile_seconds));
        if !self.written.is_empty() {
            sheet.row("written", self.written.join(" "));
        }
        format!("{}\n{}", sheet.text(), self.table())
    }

    fn table(&self) -> String {
        let row = |format: &Format| {
            let error = if format.error == 0.0 { "exact".into() } else { format!("{:.2} %", 100.0 * format.error) };
            let (tensors, elements) = (ui::count(format.tensors as u64), ui::count(format.elements));
            vec![format.from.into(), format.to.into(), tensors, elements, ui::bytes(format.bytes), error]
        };
        let (left, right) = (Align::Left, Align::Right);
        let head = [
            ("in the file", left),
            ("on the chip", left),
            ("tensors", right),
            ("weights", right),
            ("bytes", right),
            ("error", right),
        ];
        ui::table(&head, &self.formats.iter().map(row).collect::<Vec<_>>())
    }
}

/// Matrices by encoding in the file and kind on the chip.
fn formats(compiled: &Compiled) -> Vec<Format> {
    let mut stored: BTreeMap<&str, u64> = BTreeMap::new();
    for item in compiled.map.chips.iter().flat_map(|chip| &chip.items) {
        if let Source::Tiles { tensor, .. } = &item.source {
            *stored.entry(tensor).or_default() += item.len as u64;
        }
    }
    let mut groups: BTreeMap<(&str, &str), Format> = BTreeMap::new();
    for (tensor, choice) in &compiled.plan.choices {
        let (from, to) = (choice.from.name(), choice.to.name());
        let empty = Format { from, to, tensors: 0, elements: 0, bytes: 0, error: 0.0 };
        let group = groups.entry((from, to)).or_insert(empty);
        let elements = group.elements + choice.elements;
        let squares = group.error.powi(2) * group.elements as f64 + choice.error.powi(2) * choice.elements as f64;
        group.error = (squares / elements.max(1) as f64).sqrt();
        group.elements = elements;
        group.tensors += 1;
        group.bytes += stored.get(tensor.as_str()).copied().unwrap_or(0);
    }
    let mut formats: Vec<Format> = groups.into_values().collect();
    formats.sort_by_key(|format| std::cmp::Reverse(format.bytes));
    formats
}

fn memory(compiled: &Compiled, chip: usize) -> Memory {
    let map = &compiled.map.chips[chip];
    let sum = |of: fn(&Source) -> bool| map.items.iter().filter(|item| of(&item.source)).map(|item| item.len).sum();
    let weights: usize = sum(|source| matches!(source, Source::Tiles { .. }));
    let vectors: usize = sum(|source| matches!(source, Source::Vector { .. }));
    let rotary_tables: usize = sum(|source| matches!(source, Source::Rope(_)));
    let rest = map.bytes.saturating_sub(weights + vectors + rotary_tables + map.cache_bytes);
    let sizes = Sizes { bytes: map.bytes, weights, vectors, rotary_tables, cache: map.cache_bytes, rest };
    Memory { chip, sizes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_are_numbered_before_the_extension() {
        let cases = [("a/model.puce", "a/model.1.puce"), ("model", "model.1"), ("m.x.puce", "m.x.1.puce")];
        cases.iter().for_each(|(from, to)| assert_eq!(numbered(Path::new(from), 1), Path::new(to)));
    }
}
