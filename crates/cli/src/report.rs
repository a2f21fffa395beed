//! The figures of a run: for people below the answer, for programs as JSON.

use crate::generate::{Answer, End};
use crate::setup::Loaded;
use crate::ui::{self, Sheet};
use arch::attr::{Attr, Unit};
use arch::machine::{Counters, Machine};
use base::status::Flags;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the chip did.
#[derive(Clone, Debug, Serialize)]
pub struct Work {
    /// Instructions executed, by engine.
    pub instructions: BTreeMap<String, u64>,
    /// Multiply-accumulates of the matrix engines.
    pub macs: u64,
    /// Bytes the load engines read from chip memory.
    pub load_bytes: u64,
    /// Bytes of weights streamed from chip memory.
    pub weight_bytes: u64,
    /// Bytes written to chip memory.
    pub store_bytes: u64,
    /// Bytes moved in and out of scratchpads.
    pub scratchpad_bytes: u64,
    /// Bytes exchanged between cores and chips.
    pub exchange_bytes: u64,
    /// Status flags: `none`, or names joined by `+`.
    pub flags: String,
}

impl Work {
    /// What a machine did since it was cleared.
    pub fn of(machine: &impl Machine) -> Work {
        let counters: Counters = machine.counters();
        let flags = (0..machine.chips()).fold(Flags::NONE, |all, chip| all | machine.flags(chip));
        let engines = Unit::all().into_iter().map(|unit| (engine(unit), counters.of(unit)));
        Work {
            instructions: engines.collect(),
            macs: counters.macs,
            load_bytes: counters.load_bytes,
            weight_bytes: counters.weight_bytes,
            store_bytes: counters.store_bytes,
            scratchpad_bytes: counters.scratchpad_bytes,
            exchange_bytes: counters.exchange_bytes,
            flags: flags.to_string(),
        }
    }

    /// Instructions of all engines.
    pub fn total(&self) -> u64 {
        self.instructions.values().sum()
    }

    fn rows(&self, sheet: &mut Sheet) {
        let engine = |unit| format!("{} {}", engine(unit), ui::count(self.instructions[&engine(unit)]));
        let engines: Vec<String> = Unit::all().into_iter().map(engine).collect();
        sheet.row("instructions", format!("{}: {}", ui::count(self.total()), engines.join(", ")));
        sheet.row("products", format!("{} multiply-accumulates", ui::large(self.macs as f64)));
        let [load, weights, store] = [self.load_bytes, self.weight_bytes, self.store_bytes].map(ui::bytes);
        sheet.row("chip memory", format!("{weights} of weights, {load} loaded, {store} stored"));
        let [scratchpad, exchange] = [self.scratchpad_bytes, self.exchange_bytes].map(ui::bytes);
        sheet.row("on the chip", format!("{scratchpad} through scratchpads, {exchange} exchanged"));
    }
}

fn engine(unit: Unit) -> String {
    format!("{unit:?}").to_lowercase()
}

/// Everything about one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    model: String,
    chip: String,
    cores: usize,
    chips: usize,
    threads: usize,
    kernels: &'static str,
    context: usize,
    prompt_tokens: usize,
    cached_tokens: usize,
    generated_tokens: usize,
    ended_by: End,
    prefill_seconds: f64,
    decode_steps: usize,
    decode_seconds: f64,
    compile_seconds: f64,
    image_seconds: f64,
    work: Work,
}

/// A run as JSON: the answer and its report.
#[derive(Serialize)]
pub struct Whole<'a> {
    /// The answer.
    pub text: &'a str,
    /// Its tokens.
    pub tokens: &'a [u32],
    /// The figures.
    #[serde(flatten)]
    pub report: Report,
}

impl Report {
    /// The figures of an answer.
    pub fn new(model: &str, loaded: &Loaded, answer: &Answer) -> Report {
        let sizes = loaded.compiled.abi.sizes;
        Report {
            model: model.to_string(),
            chip: loaded.compiled.chip.name.clone(),
            cores: sizes.cores,
            chips: sizes.chips,
            threads: loaded.threads,
            kernels: loaded.kernels,
            context: sizes.context,
            prompt_tokens: answer.prompt,
            cached_tokens: answer.reused,
            generated_tokens: answer.tokens.len(),
            ended_by: answer.end,
            prefill_seconds: answer.prefill_seconds,
            decode_steps: answer.steps,
            decode_seconds: answer.decode_seconds,
            compile_seconds: loaded.compile_seconds,
            image_seconds: loaded.image_seconds,
            work: Work::of(loaded.session.machine()),
        }
    }

    /// The figures for people.
    pub fn text(&self) -> String {
        let mut sheet = Sheet::new();
        let group = if self.chips > 1 { format!("{} of ", ui::plural(self.chips, "chip")) } else { String::new() };
        sheet.row("model", format!("{}, context of {}", self.model, ui::count(self.context as u64)));
        sheet.row("chip", format!("{group}{}, {}", self.chip, ui::plural(self.cores, "core")));
        sheet.row("host", format!("{}, {}", ui::plural(self.threads, "thread"), self.kernels));
        let prompt = self.prompt_tokens - self.cached_tokens;
        let (tokens, time) = (ui::plural(prompt, "token"), ui::seconds(self.prefill_seconds));
        sheet.row("prompt", format!("{tokens} in {time}, {}", ui::rate(prompt, self.prefill_seconds)));
        let (tokens, time) = (ui::plural(self.generated_tokens, "token"), ui::seconds(self.decode_seconds));
        let rate = ui::rate(self.decode_steps, self.decode_seconds);
        sheet.row("answer", format!("{tokens} in {time}, {rate}; {}", self.end()));
        let [compile, image] = [self.compile_seconds, self.image_seconds].map(ui::seconds);
        sheet.row("before", format!("{compile} to compile, {image} to load"));
        self.work.rows(&mut sheet);
        sheet.row("status", status(&self.work.flags));
        sheet.text()
    }

    fn end(&self) -> &'static str {
        match self.ended_by {
            End::Model => "ended by the model",
            End::MaxTokens => "ended by --max-tokens",
            End::Context => "ended by the context",
            End::Interrupted => "interrupted",
        }
    }
}

/// The status flags, loud if there are any.
pub fn status(flags: &str) -> String {
    match flags {
        "none" => "no flag raised".into(),
        flags => ui::styled(ui::ALARM, format!("{} RAISED: results are not trustworthy", flags.to_uppercase())),
    }
}
