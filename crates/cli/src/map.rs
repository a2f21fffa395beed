//! `puce map`: the best way to run one matrix product on a chip.

use crate::args::{positive, weight_kind};
use crate::failure::Result;
use crate::{setup, ui};
use base::tile::WeightKind;
use base::units::Bytes;
use clap::Args;
use perf::tiling::{Budget, Found, Product, Space};
use serde::Serialize;
use std::time::Instant;

/// The arguments of `puce map`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  puce map --chip one --m 64 --n 8192 --k 8192
  puce map --m 2048 --n 28672 --k 8192 --weights i8s --json
  puce map --chip nano --m 8 --n 512 --k 512 --exhaustive")]
pub struct Arguments {
    /// Chip: a name from `puce chip list`, or a description in TOML
    #[arg(long, value_name = "NAME|FILE", default_value = "one")]
    chip: String,
    /// Tokens
    #[arg(long, value_parser = positive)]
    m: usize,
    /// Output features
    #[arg(long, value_parser = positive)]
    n: usize,
    /// Input features
    #[arg(long, value_parser = positive)]
    k: usize,
    /// How the weights are coded: i4s, i4m, i8s, i8m, mx8, mx4
    #[arg(long, value_name = "KIND", default_value = "i4m", value_parser = weight_kind)]
    weights: WeightKind,
    /// Most mappings to try; the gap says what may have been missed
    #[arg(long, value_name = "N", value_parser = positive, conflicts_with = "exhaustive")]
    budget: Option<usize>,
    /// Compute the cost of every mapping, without bounds
    #[arg(long)]
    exhaustive: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    let chip = setup::chip(&arguments.chip)?;
    let (m, n, k) = (arguments.m as u64, arguments.n as u64, arguments.k as u64);
    let space = Space::new(&chip, Product { m, n, k, weights: arguments.weights })?;
    let start = Instant::now();
    let found = match arguments.exhaustive {
        true => space.exhaustive(),
        false => space.best(arguments.budget.map_or(Budget::UNLIMITED, |budget| Budget(budget as u64))),
    };
    let shown = Shown::of(&chip.name, &space, &found, start.elapsed().as_secs_f64());
    if arguments.json { ui::json(&shown) } else { ui::print(&shown.text(&space, &found)) }
}

/// A mapping in plain numbers: cycles, bytes, seconds.
#[derive(Serialize)]
struct Shown {
    chip: String,
    m: u64,
    n: u64,
    k: u64,
    weights: &'static str,
    row_cores: u64,
    token_cores: u64,
    tokens: u64,
    row_tiles: u64,
    cycles: f64,
    seconds: f64,
    utilisation: f64,
    bound_by: &'static str,
    arithmetic_cycles: f64,
    memory_cycles: f64,
    scratchpad_cycles: f64,
    exchange_cycles: f64,
    stall_cycles: f64,
    fill_cycles: f64,
    weight_bytes: f64,
    activation_bytes: f64,
    result_bytes: f64,
    exchanged_bytes_per_core: f64,
    scratchpad_bytes_per_core: f64,
    scratchpad_used_bytes: f64,
    gap: f64,
    mappings: u64,
    search_seconds: f64,
}

impl Shown {
    fn of(chip: &str, space: &Space, found: &Found, search_seconds: f64) -> Shown {
        let (product, mapping, cost) = (space.product(), &found.mapping, &found.cost);
        Shown {
            chip: chip.to_string(),
            m: product.m,
            n: product.n,
            k: product.k,
            weights: product.weights.name(),
            row_cores: mapping.row_cores,
            token_cores: mapping.token_cores,
            tokens: mapping.tokens,
            row_tiles: mapping.rows,
            cycles: cost.cycles,
            seconds: space.machine().seconds(cost.cycles).0,
            utilisation: space.machine().utilisation(product, cost.cycles),
            bound_by: cost.bound(),
            arithmetic_cycles: cost.arithmetic,
            memory_cycles: cost.memory,
            scratchpad_cycles: cost.scratchpad,
            exchange_cycles: cost.exchange,
            stall_cycles: cost.stall,
            fill_cycles: cost.fill,
            weight_bytes: cost.moved.weights,
            activation_bytes: cost.moved.activations,
            result_bytes: cost.moved.results,
            exchanged_bytes_per_core: cost.moved.exchanged,
            scratchpad_bytes_per_core: cost.moved.scratchpad,
            scratchpad_used_bytes: cost.moved.footprint,
            gap: found.gap(),
            mappings: found.evaluated,
            search_seconds,
        }
    }

    fn text(&self, space: &Space, found: &Found) -> String {
        let size = |bytes: f64| Bytes(bytes.round() as u64).to_string();
        let cycles = |cycles: f64| ui::count(cycles.round() as u64);
        let mut sheet = ui::Sheet::new();
        let time = space.machine().seconds(self.cycles);
        sheet.row(
            "time",
            format!("{} cycles, {time}, {:.1} % of the peak", cycles(self.cycles), 100.0 * self.utilisation),
        );
        let parts = [
            ("memory", self.memory_cycles),
            ("arithmetic", self.arithmetic_cycles),
            ("scratchpad", self.scratchpad_cycles),
            ("exchange", self.exchange_cycles),
            ("stalls", self.stall_cycles),
            ("start and end", self.fill_cycles),
        ];
        let parts = parts.map(|(name, amount)| format!("{name} {}", cycles(amount)));
        sheet.row("cycles", format!("{}: bound by {}", parts.join(", "), ui::styled(ui::STRONG, self.bound_by)));
        let (weights, activations, results) = (self.weight_bytes, self.activation_bytes, self.result_bytes);
        sheet.row(
            "memory",
            format!("{} weights, {} activations, {} results", size(weights), size(activations), size(results)),
        );
        sheet.row("exchange", format!("{} into each core", size(self.exchanged_bytes_per_core)));
        let (moved, used) = (self.scratchpad_bytes_per_core, self.scratchpad_used_bytes);
        sheet.row("scratchpad", format!("{} in and out of each core's, {} of it in use", size(moved), size(used)));
        let proof = match self.gap {
            0.0 => "proven optimal".to_string(),
            gap => format!("at most {:.2} % above the optimum", 100.0 * gap),
        };
        let rate = ui::large(self.mappings as f64 / self.search_seconds.max(1e-9));
        let tried = format!("{} mappings in {} ({rate}/s)", ui::count(self.mappings), ui::seconds(self.search_seconds));
        sheet.row("search", format!("{proof}: gap {:.2} %, {tried}", 100.0 * self.gap));
        format!("{}\n{}", found.nest(space.product()), sheet.text())
    }
}
