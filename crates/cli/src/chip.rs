//! `puce chip`: which chips there are, and what one is.

mod matter;

use crate::failure::{Result, read_text};
use crate::setup;
use crate::ui::{self, Align, Sheet};
use arch::Chip;
use base::tile::WeightKind;
use clap::Subcommand;
use serde::Serialize;
use std::path::PathBuf;

/// The subcommands of `puce chip`.
#[derive(Subcommand)]
pub enum Command {
    /// List the chips that are known by name
    #[command(after_help = "\
Examples:
  puce chip list
  puce chip list --json")]
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Describe a chip
    #[command(after_help = "\
Examples:
  puce chip show one
  puce chip show my-chip.toml --json")]
    Show {
        /// Name from `puce chip list`, or a description in TOML
        #[arg(value_name = "NAME|FILE")]
        name: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Tell area, energy, power and temperature of a chip, with ranges
    #[command(after_help = "\
Examples:
  puce chip matter one
  puce chip matter one --node n5 --svg die.svg --heat heat.svg
  puce chip matter one --power 500W --cooling air
  puce chip matter my-chip.toml --json")]
    Matter(matter::Arguments),
    /// Check a description; the first mistake is named with its line
    #[command(after_help = "\
Examples:
  puce chip check my-chip.toml
  puce chip check my-chip.toml && puce run --chip my-chip.toml \"Hello\"")]
    Check {
        /// A description in TOML
        file: PathBuf,
    },
}

/// Runs the command.
pub fn run(command: &Command) -> Result {
    match command {
        Command::List { json } => list(*json),
        Command::Show { name, json } => {
            let chip = setup::chip(name)?;
            if *json { ui::json(&Shown::of(&chip)) } else { ui::print(&Shown::of(&chip).text(&chip)) }
        }
        Command::Matter(arguments) => matter::run(arguments),
        Command::Check { file } => {
            let chip = Chip::parse(&file.display().to_string(), &read_text(file)?)?;
            ui::print(&format!("{}: chip `{}` is well described\n", file.display(), chip.name))
        }
    }
}

/// A chip in plain numbers: bytes, hertz, seconds.
#[derive(Serialize)]
struct Shown {
    name: String,
    title: String,
    cores: usize,
    scratchpad_bytes: u64,
    scratchpad_banks: usize,
    matrix_rows: usize,
    matrix_depth: usize,
    matrix_columns: usize,
    matrix_tokens: usize,
    weight_buffer_bytes: u64,
    weights: Vec<&'static str>,
    vector_lanes: usize,
    parameters: usize,
    frequency_hertz: f64,
    voltage_volts: f64,
    operations_per_second: f64,
    memory: String,
    memory_bytes: u64,
    memory_bytes_per_second: f64,
    memory_latency_seconds: f64,
    memory_port_bytes: u64,
    links: usize,
    link_bytes_per_second: f64,
    link_latency_seconds: f64,
}

impl Shown {
    fn of(chip: &Chip) -> Shown {
        Shown {
            name: chip.name.clone(),
            title: chip.title.clone(),
            cores: chip.core.count,
            scratchpad_bytes: chip.core.scratchpad.0,
            scratchpad_banks: chip.core.banks,
            matrix_rows: chip.matrix.rows,
            matrix_depth: chip.matrix.depth,
            matrix_columns: chip.matrix.columns,
            matrix_tokens: chip.matrix.tokens,
            weight_buffer_bytes: chip.matrix.buffer.0,
            weights: chip.matrix.weights.iter().copied().map(WeightKind::name).collect(),
            vector_lanes: chip.vector_lanes,
            parameters: chip.parameters,
            frequency_hertz: chip.frequency.0,
            voltage_volts: chip.voltage.0,
            operations_per_second: 2.0 * chip.macs_per_second(),
            memory: chip.memory.kind.clone(),
            memory_bytes: chip.memory.capacity.0,
            memory_bytes_per_second: chip.memory.bandwidth.0,
            memory_latency_seconds: chip.memory.latency.0,
            memory_port_bytes: chip.memory.port.0,
            links: chip.links.count,
            link_bytes_per_second: chip.links.bandwidth.0,
            link_latency_seconds: chip.links.latency.0,
        }
    }

    fn matrix(&self) -> String {
        format!("{} x {} x {}", self.matrix_rows, self.matrix_depth, self.matrix_columns)
    }

    fn text(&self, chip: &Chip) -> String {
        let mut sheet = Sheet::new();
        sheet.row("chip", format!("{}: {}", ui::styled(ui::STRONG, &self.name), self.title));
        let speed = format!("{}OP/s", ui::large(self.operations_per_second));
        sheet.row("speed", format!("{speed} dense, {} at {}", chip.frequency, chip.voltage));
        sheet.row("cores", self.cores);
        sheet.row(
            "scratchpad",
            format!("{} per core in {} banks", ui::capacity(chip.core.scratchpad), self.scratchpad_banks),
        );
        sheet.row(
            "matrix",
            format!("{} (rows x depth x columns) per core, {} tokens", self.matrix(), self.matrix_tokens),
        );
        sheet.row("weights", format!("{}; {} buffer", self.weights.join(" "), ui::capacity(chip.matrix.buffer)));
        sheet.row("vector", format!("{} lanes per core", self.vector_lanes));
        let memory = &chip.memory;
        sheet.row(
            "memory",
            format!("{} of {}, {}, {}", ui::capacity(memory.capacity), memory.kind, memory.bandwidth, memory.latency),
        );
        sheet.row("port", format!("{} per core and cycle", memory.port));
        let links = &chip.links;
        sheet.row("links", format!("{} of {}, {}", links.count, links.bandwidth, links.latency));
        sheet.row("parameters", format!("{} words", ui::count(self.parameters as u64)));
        sheet.text()
    }
}

fn list(json: bool) -> Result {
    let chips: Vec<Chip> = Chip::builtin_names().iter().filter_map(|name| Chip::builtin(name)).collect();
    let shown: Vec<Shown> = chips.iter().map(Shown::of).collect();
    if json {
        return ui::json(&shown);
    }
    let row = |(shown, chip): (&Shown, &Chip)| {
        vec![
            ui::styled(ui::STRONG, &shown.name),
            shown.cores.to_string(),
            ui::capacity(chip.core.scratchpad),
            shown.matrix(),
            format!("{}OP/s", ui::large(shown.operations_per_second)),
            format!("{} {}", ui::capacity(chip.memory.capacity), chip.memory.kind),
            chip.memory.bandwidth.to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = shown.iter().zip(&chips).map(row).collect();
    let (left, right) = (Align::Left, Align::Right);
    let head = [
        ("name", left),
        ("cores", right),
        ("scratchpad", right),
        ("matrix", right),
        ("speed", right),
        ("memory", right),
        ("bandwidth", right),
    ];
    ui::print(&ui::table(&head, &rows))
}
