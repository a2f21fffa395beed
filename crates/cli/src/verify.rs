//! `puce verify`: a model on the simulated design, held to the emulator byte for byte.
//!
//! The emulator speaks first and notes every step; then the design, simulated cycle by cycle, gets the same inputs and must leave the same bytes in all of
//! memory, logits and cache included. Steps are independent once the emulator's memory is known, so several simulations share them. Where memory has a fixed
//! latency, the twin in time must have counted what the design counted, cycle for cycle.

use crate::args::{positive, weight_kind};
use crate::failure::{Failure, Result};
use crate::prompts;
use crate::setup::{self, HostArguments, ModelArguments, Opened, host_cores};
use crate::ui::{self, Align, Sheet};
use arch::{Chip, Program};
use base::tile::{BLOCK, WeightKind};
use clap::Args;
use compiler::Options;
use compiler::session::{Chunk, Session, Want};
use emu::Emulator;
use indicatif::ProgressBar;
use model::sample::Sampler;
use perf::cycles::{self, machine::Machine};
use rtl::design::Effort;
use rtl::machine::{RtlMachine, Settings, design};
use rtl::memory::Timing;
use rtl::registers;
use rtl::synth::modules::RECORDED;
use rtl::verify::{Follower, Recorder, Run};
use rtl::watch::{Watched, Windows};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Arguments of `puce verify`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  puce verify --tokens 20
  puce verify --layers 1 --tokens 1 --checked --raw \"The capital of France is\"
  puce verify --stalls 7 --tokens 2        memory answers late and at random

The design is simulated with Verilator: `cargo xtask tools eda` installs it.")]
pub struct Arguments {
    /// The prompt
    #[arg(default_value = "Why is the sky blue?")]
    prompt: String,
    #[command(flatten)]
    model: ModelArguments,
    /// Chip: a name from `puce chip list`, or a description in TOML
    #[arg(long, value_name = "NAME|FILE", default_value = "nano")]
    chip: String,
    /// Tokens of the answer
    #[arg(long, value_name = "N", default_value = "20", value_parser = positive)]
    tokens: usize,
    /// Only the first layers of the network, then its head
    #[arg(long, value_name = "N", value_parser = positive)]
    layers: Option<usize>,
    /// Continue the prompt as it stands, without the model's chat template
    #[arg(long)]
    raw: bool,
    /// Store every matrix in this kind instead of the file's own: i4s, i4m, i8s, i8m, mx8, mx4
    #[arg(long, value_name = "KIND", value_parser = weight_kind)]
    weights: Option<WeightKind>,
    /// Simulations side by side [default: one per processor]
    #[arg(long, value_name = "N", value_parser = positive)]
    simulations: Option<usize>,
    /// Memory answers late and at random, by this seed, instead of after the chip's latency
    #[arg(long, value_name = "SEED")]
    stalls: Option<u64>,
    /// Check the design's assertions, in a simulator that is built in less time and runs longer
    #[arg(long)]
    checked: bool,
    /// Only record what parts of the design meet, in the first prompt step and in the last step of one token, for `puce synth --recordings`
    #[arg(long, value_name = "FOLDER")]
    record: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Cycles that are recorded of a step: half of each window fills registers and accumulators.
const WINDOWS: Windows = Windows { stride: 50_000, cycles: 2048, filling: 1024, most: 24, instances: 4 };

/// One step of the emulator.
struct Step {
    label: String,
    tokens: usize,
    run: Run,
}

/// What the emulator said, and how it came to it.
struct Told {
    text: String,
    tokens: Vec<u32>,
    steps: Vec<Step>,
    programs: Vec<Program>,
}

/// A step that the design did alike.
#[derive(Serialize, Clone)]
struct Checked {
    step: String,
    tokens: usize,
    cycles: u64,
    beats: u64,
    seconds: f64,
    /// What the twin in time took for it, where it was held to the design.
    twin_seconds: Option<f64>,
}

/// The whole result.
#[derive(Serialize)]
struct Outcome<'a> {
    chip: &'a str,
    text: &'a str,
    tokens: &'a [u32],
    equal: bool,
    cycles: u64,
    seconds: f64,
    steps: &'a [Checked],
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    let chip = setup::chip(&arguments.chip)?;
    let mut opened = arguments.model.open()?;
    if let Some(layers) = arguments.layers {
        opened.network.layers.truncate(layers);
    }
    let settings = settings(arguments, &chip);
    if let Some(folder) = &arguments.record {
        return record(arguments, &chip, settings, &told(arguments, &chip, &opened)?, folder);
    }
    let wheel = ui::wheel();
    ui::turn(&wheel, "building the simulator of the chip");
    let built = design(&chip, &settings).and_then(|design| design.library());
    wheel.finish_and_clear();
    built?;
    let told = told(arguments, &chip, &opened)?;
    let start = Instant::now();
    let checked = follow(arguments, &chip, settings, &told)?;
    let seconds = start.elapsed().as_secs_f64();
    let timed = Twin::new(&chip, settings.timing).machine.is_some();
    let cycles = checked.iter().map(|step| step.cycles).sum();
    if arguments.json {
        let (text, tokens) = (&told.text, &told.tokens);
        return ui::json(&Outcome { chip: &chip.name, text, tokens, equal: true, cycles, seconds, steps: &checked });
    }
    ui::print(&(told.text.trim_end().to_string() + "\n"))?;
    ui::note(&report(&chip, &told, &checked, seconds, timed));
    Ok(())
}

fn settings(arguments: &Arguments, chip: &Chip) -> Settings {
    let latency = cycles::memory::latency(chip);
    let timing = match arguments.stalls {
        None => Timing::Fixed { latency },
        Some(seed) => Timing::Random { seed, latency },
    };
    let effort = if arguments.checked { Effort::Balanced } else { Effort::Fast };
    Settings { timing, effort, checked: arguments.checked, ..Settings::default() }
}

/// Let the emulator answer, the most probable token always.
fn told(arguments: &Arguments, chip: &Chip, opened: &Opened) -> Result<Told> {
    let prompt = match arguments.raw {
        true => prompts::raw(opened, &arguments.prompt)?,
        false => prompts::Conversation::new(opened, None)?.ask(&arguments.prompt)?,
    };
    let context = (prompt.len() + arguments.tokens).next_multiple_of(BLOCK);
    let cores = chip.core.count;
    let options =
        Options { cores, context, sequences: 1, weights: arguments.weights, halves: true, ..Options::default() };
    let compiled = compiler::compile(&opened.checkpoint, &opened.network, chip, &options)?;
    let host = HostArguments { threads: None, kernels: None };
    let recorder = Recorder::new(Emulator::new(chip, host.settings(cores, 1)?)?)?;
    let mut session = Session::new(&compiled, recorder)?;
    compiler::image::write(&compiled.map, &opened.checkpoint, session.machine_mut(), |_, _| {})?;
    let sequence = session.open();
    let mut told = Told { text: String::new(), tokens: Vec::new(), steps: Vec::new(), programs: compiled.programs };
    let (mut logits, mut at) = (None, 0);
    let chunks = prompt.chunks(session.step_tokens()).collect::<Vec<_>>();
    for (index, tokens) in chunks.iter().enumerate() {
        let want = if index + 1 == chunks.len() { Want::Last } else { Want::Nothing };
        logits = Some(session.step(&[Chunk { sequence, tokens, want }])?);
        at += tokens.len();
        told.note(format!("prompt, up to token {at}"), tokens.len(), session.machine_mut());
    }
    let (sampler, mut decoder) = (Sampler::greedy(), opened.tokenizer.decoder(false));
    while let Some(row) = logits.as_ref().and_then(|logits| logits.rows().next()) {
        let token = sampler.sample(row, &told.tokens, told.tokens.len() as u64)?;
        if opened.tokenizer.is_end(token) {
            break;
        }
        told.tokens.push(token);
        told.text += &decoder.push(token);
        if told.tokens.len() == arguments.tokens {
            break;
        }
        logits = Some(session.step(&[Chunk { sequence, tokens: &[token], want: Want::Last }])?);
        told.note(format!("{:?}", opened.tokenizer.decode(&[token], true)), 1, session.machine_mut());
    }
    told.text += &decoder.finish();
    Ok(told)
}

impl Told {
    fn note(&mut self, label: String, tokens: usize, recorder: &mut Recorder<Emulator>) {
        let runs = recorder.take();
        self.steps.extend(runs.into_iter().map(|run| Step { label: label.clone(), tokens, run }));
    }
}

/// Let simulations of the design do every step, and compare.
fn follow(arguments: &Arguments, chip: &Chip, settings: Settings, told: &Told) -> Result<Vec<Checked>> {
    let simulations = arguments.simulations.unwrap_or_else(host_cores).min(told.steps.len()).max(1);
    let bar = ui::count_bar("steps", told.steps.len() as u64);
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..simulations {
            scope.spawn(|| {
                let ended = one(chip, settings, told, &next, &results, &bar);
                // The others need not go on: nothing is left for them.
                if let Err(failure) = ended {
                    next.store(told.steps.len(), Ordering::SeqCst);
                    results.lock().expect("no simulation panicked").push((usize::MAX, Err(failure)));
                }
            });
        }
    });
    bar.finish_and_clear();
    let mut results = results.into_inner().expect("no simulation panicked");
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Let a simulation of the design do two steps, compared as ever, and write what parts of it met in them.
fn record(arguments: &Arguments, chip: &Chip, settings: Settings, told: &Told, folder: &Path) -> Result {
    let decode = told.steps.iter().rposition(|step| step.tokens == 1);
    let decode =
        decode.ok_or_else(|| Failure::new("there is no step of one token to record: `--tokens 2` gives one"))?;
    let watched = RECORDED.iter().map(|module| Watched::module(module)).collect::<std::result::Result<Vec<_>, _>>()?;
    ui::note("building the simulator of the chip with ports that can be seen");
    let mut follower = Follower::new(RtlMachine::watching(chip, settings, &watched, WINDOWS)?);
    told.programs.iter().try_for_each(|program| follower.load(program))?;
    for (index, step) in told.steps.iter().enumerate().take(decode + 1) {
        let phase = if index == decode { "decode" } else { "prompt" };
        if index != 0 && index != decode {
            follower.skip(&step.run)?;
            continue;
        }
        ui::note(&format!("{phase}: {}, {} tokens", step.label, step.tokens));
        follower.machine_mut().record();
        follower.check(&step.run).map_err(|difference| Failure::new(format!("{phase}: {difference}")))?;
        let cycles = follower.machine_mut().register(registers::chip::CYCLES, 0, 0)?;
        let layers = arguments.layers.map_or_else(String::new, |layers| format!("first {layers} layers and head of "));
        let source = format!(
            "{phase}, {layers}{}, chip {}: a step of {} tokens, {cycles} cycles; windows of {} cycles every {}",
            arguments.model.model,
            chip.name,
            step.tokens,
            WINDOWS.cycles - WINDOWS.filling,
            WINDOWS.stride
        );
        follower.machine().write_recordings(folder, phase, &source)?;
    }
    Ok(())
}

type Results = Mutex<Vec<(usize, Result<Checked>)>>;

/// One simulation: takes the next step that nobody has, until none is left.
fn one(
    chip: &Chip,
    settings: Settings,
    told: &Told,
    next: &AtomicUsize,
    results: &Results,
    bar: &ProgressBar,
) -> Result {
    let mut follower = Follower::new(RtlMachine::new(chip, settings)?);
    let mut twin = Twin::new(chip, settings.timing);
    for program in &told.programs {
        follower.load(program)?;
        twin.load(program);
    }
    follower.machine_mut().power_up()?;
    let mut done = 0;
    loop {
        let index = next.fetch_add(1, Ordering::SeqCst);
        let Some(step) = told.steps.get(index) else { return Ok(()) };
        told.steps[done..index].iter().try_for_each(|step| follower.skip(&step.run))?;
        told.steps[done..=index].iter().for_each(|step| twin.note(&step.run));
        done = index + 1;
        let start = Instant::now();
        follower
            .check(&step.run)
            .map_err(|difference| Failure::new(format!("step {index} ({}): {difference}", step.label)))?;
        let seconds = start.elapsed().as_secs_f64();
        let machine = follower.machine_mut();
        let twin_seconds =
            twin.check(machine).map_err(|what| Failure::new(format!("step {index} ({}): {what}", step.label)))?;
        let cycles = machine.register(registers::chip::CYCLES, 0, 0)?;
        let ports = chip.memory_ports();
        let read = (0..ports).map(|port| machine.register(registers::port::READ, port, 0));
        let beats = read.sum::<std::result::Result<u64, _>>()?;
        let checked = Checked { step: step.label.clone(), tokens: step.tokens, cycles, beats, seconds, twin_seconds };
        results.lock().expect("no simulation panicked").push((index, Ok(checked)));
        bar.inc(1);
    }
}

/// The chip's twin in time, where it can be held to the design.
struct Twin<'a> {
    machine: Option<Machine<'a>>,
    params: Vec<u32>,
    program: Option<&'a Program>,
}

impl<'a> Twin<'a> {
    /// Between several cores, whose turn it is outlives a run, and each simulation sees only some of the runs.
    fn new(chip: &'a Chip, timing: Timing) -> Twin<'a> {
        let machine = match timing {
            Timing::Fixed { latency } if chip.core.count == 1 => {
                Some(Machine::new(chip, cycles::memory::Timing::Fixed(latency)))
            }
            _ => None,
        };
        Twin { machine, params: vec![0; chip.parameters], program: None }
    }

    fn load(&mut self, program: &'a Program) {
        self.program = Some(program);
    }

    /// The host's parameters of a run.
    fn note(&mut self, run: &Run) {
        for (index, words) in &run.params {
            self.params[*index..][..words.len()].copy_from_slice(words);
        }
    }

    /// The design has just counted what the twin counts; the seconds that the twin takes for it, if it can be held to it.
    fn check(&mut self, design: &mut RtlMachine) -> std::result::Result<Option<f64>, String> {
        let (Some(machine), Some(program)) = (&mut self.machine, self.program) else { return Ok(None) };
        machine.load(program, self.params.clone());
        let start = Instant::now();
        let tables = &mut |_, unit, address, entry| cycles::wires::in_order(unit, address, entry);
        let counts = machine.run(program.cores.len(), u64::MAX, tables).map_err(|error| error.to_string())?;
        let seconds = start.elapsed().as_secs_f64();
        let (twin, design) = (counts.row(), design.counted().map_err(|error| error.to_string())?);
        if twin == design {
            return Ok(Some(seconds));
        }
        let differ = twin.iter().zip(&design).filter(|(twin, design)| twin != design).count();
        Err(format!(
            "the design took {} cycles where its twin in time takes {}; {differ} counters differ",
            design[0], twin[0]
        ))
    }
}

fn report(chip: &Chip, told: &Told, checked: &[Checked], seconds: f64, timed: bool) -> String {
    let ports = chip.memory_ports() as f64;
    let share = |step: &Checked| format!("{:.1} %", 100.0 * step.beats as f64 / (step.cycles as f64 * ports));
    let row = |step: &Checked| {
        let rate = step.cycles as f64 / step.seconds / 1e3;
        vec![step.step.clone(), ui::count(step.cycles), share(step), format!("{rate:.0}")]
    };
    let head =
        [("step", Align::Left), ("cycles", Align::Right), ("port in use", Align::Right), ("kcycles/s", Align::Right)];
    let table = ui::table(&head, &checked.iter().map(row).collect::<Vec<_>>());
    let decode: Vec<&Checked> = checked.iter().filter(|step| step.tokens == 1).collect();
    let cycles: u64 = checked.iter().map(|step| step.cycles).sum();
    let mut sheet = Sheet::new();
    let twin = if timed { "; cycles and counters of the twin in time" } else { "" };
    sheet.row(
        "equal",
        format!("memory and flags after each of {} steps; {} tokens{twin}", checked.len(), told.tokens.len()),
    );
    sheet.row("simulated", format!("{} cycles in {}", ui::count(cycles), ui::seconds(seconds)));
    let twin: f64 = checked.iter().filter_map(|step| step.twin_seconds).sum();
    if timed && twin > 0.0 {
        let design: f64 = checked.iter().map(|step| step.seconds).sum();
        let rate = cycles as f64 / twin / 1e6;
        sheet.row("twin", format!("{rate:.1} million cycles a second, {:.0} times the design's", design / twin));
    }
    if !decode.is_empty() {
        let each = decode.iter().map(|step| step.cycles).sum::<u64>() as f64 / decode.len() as f64;
        let rate = chip.frequency.0 / each;
        sheet.row(
            "decode",
            format!("{} cycles a token: {rate:.0} tokens/s at {}", ui::count(each as u64), chip.frequency),
        );
    }
    format!("\n{table}\n{}", sheet.text())
}
