//! A training step on a device.

use super::case::{self, Subject};
use super::report::{share, time};
use super::{Ask, refuse};
use crate::failure::Result;
use crate::ui::{self, Sheet};
use ::perf::parallel::Mapping;
use ::perf::workload::training::Training;
use serde_json::json;

/// Prints the time of a step; one sequence at a time goes through each replica.
pub fn run(ask: &Ask, subject: &Subject) -> Result {
    let shape = subject.shape()?;
    let device = case::device(&ask.device)?;
    let formats = subject.formats.on(&device);
    let mapping = case::mapping(ask).unwrap_or(Mapping::ONE);
    mapping.check(shape)?;
    let training = Training { sequences: ask.batch, length: ask.context, micro_batch: 1, recompute: ask.recompute };
    let step = training.lower(shape, formats, mapping)?;
    let spent = step.time(&device);
    let needed = step.state_bytes;
    if needed > device.memory.capacity.as_f64() {
        let (needed, has) = (ui::bytes(needed as u64), ui::bytes(device.memory.capacity.0));
        return refuse(format!(
            "{} has {has}, and weights, gradients and optimiser state need {needed} on each of {} devices; more tensor, pipeline or data parallelism would do",
            device.name,
            mapping.devices()
        ));
    }
    let tokens = (ask.batch * ask.context) as f64;
    let rate = tokens / spent.step.0;
    let peak = device.matrix_rate(formats.activations).map(|rate| rate.0 * mapping.devices() as f64);
    let useful = 6.0 * shape.active_parameters() * rate;
    let utilisation = peak.map(|peak| useful / peak);
    if ask.json {
        return ui::json(&json!({
            "model": subject.known.title, "device": device.key, "devices": mapping.devices(), "seconds": spent.step.0,
            "bubble_seconds": spent.bubble.0, "optimiser_seconds": spent.once.0, "tokens_per_second": rate, "utilisation": utilisation,
        }));
    }
    let mut sheet = Sheet::new();
    sheet.row("network", ui::styled(ui::STRONG, &subject.known.title));
    sheet.row("device", format!("{} x {}, {mapping}", mapping.devices(), device.name));
    sheet
        .row("step", format!("{} for {} tokens", ui::styled(ui::STRONG, time(spent.step.0)), ui::count(tokens as u64)));
    sheet.row("rate", format!("{} tokens/s", ui::large(rate)));
    let [bubble, once] = [spent.bubble.0, spent.once.0].map(|part| share(part / spent.step.0));
    sheet.row("of it", format!("{bubble} pipeline bubbles, {once} sum of gradients and optimiser"));
    if let Some(part) = utilisation {
        sheet.row("utilisation", format!("{} of the peak rate, by six operations per weight and token", share(part)));
    }
    ui::print(&sheet.text())
}
