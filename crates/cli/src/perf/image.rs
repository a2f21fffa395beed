//! Images on a device.

use super::Ask;
use super::case::{self, Subject};
use super::report::{share, time};
use crate::failure::Result;
use crate::ui::{self, Align, Sheet};
use ::perf::device::Device;
use ::perf::estimate::Estimate;
use ::perf::kernel;
use ::perf::network::Image;
use ::perf::workload::image::{ImageRun, operators};
use serde_json::{Value, json};

/// A kind of operator over all its runs.
struct Line {
    label: &'static str,
    runs: f64,
    seconds: f64,
    operations: f64,
    bound: &'static str,
}

/// Prints the time of a request for images, on each device that is asked for.
pub fn run(ask: &Ask, subject: &Subject, image: &Image) -> Result {
    let names = if ask.compare.is_empty() { std::slice::from_ref(&ask.device) } else { ask.compare.as_slice() };
    let mut answers = Vec::new();
    for name in names {
        let device = case::device(name.trim())?;
        let lines = lines(ask, subject, image, &device);
        answers.push((device, lines));
    }
    if ask.json {
        let all: Vec<Value> = answers.iter().map(|(device, lines)| answer_json(ask, subject, device, lines)).collect();
        return ui::json(&all);
    }
    let sheets: Vec<String> = answers.iter().map(|(device, lines)| sheet(ask, subject, image, device, lines)).collect();
    ui::print(&sheets.join("\n"))
}

fn lines(ask: &Ask, subject: &Subject, image: &Image, device: &Device) -> Vec<Line> {
    let (width, height) = ask.size;
    let run = ImageRun { images: ask.batch, width, height, steps: ask.steps.unwrap_or(image.steps) };
    let mut lines: Vec<Line> = Vec::new();
    for counted in operators(image, &run, &subject.formats.on(device), ask.tensor.unwrap_or(1)) {
        let estimate: Estimate = kernel::time(&counted.operator, device);
        let (seconds, operations) = (estimate.time.0 * counted.count, counted.operations());
        match lines.iter_mut().find(|line| line.label == counted.label) {
            Some(line) => {
                line.runs += counted.count;
                line.seconds += seconds;
                line.operations += operations;
            }
            None => lines.push(Line {
                label: counted.label,
                runs: counted.count,
                seconds,
                operations,
                bound: estimate.bound().name(),
            }),
        }
    }
    lines.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    lines
}

fn total(lines: &[Line]) -> f64 {
    lines.iter().map(|line| line.seconds).sum()
}

fn answer_json(ask: &Ask, subject: &Subject, device: &Device, lines: &[Line]) -> Value {
    let seconds = total(lines);
    let operators: Vec<Value> = lines
        .iter()
        .map(|line| json!({ "operator": line.label, "count": line.runs, "seconds": line.seconds, "operations": line.operations, "bound": line.bound }))
        .collect();
    json!({ "model": subject.known.title, "device": device.key, "images": ask.batch, "seconds": seconds,
        "images_per_second": ask.batch as f64 / seconds, "operators": operators })
}

fn sheet(ask: &Ask, subject: &Subject, image: &Image, device: &Device, lines: &[Line]) -> String {
    let seconds = total(lines);
    let (width, height) = ask.size;
    let mut sheet = Sheet::new();
    sheet.row(
        "network",
        format!("{}: {} weights", ui::styled(ui::STRONG, &subject.known.title), ui::large(image.parameters())),
    );
    sheet.row("device", format!("{} x {}", ask.tensor.unwrap_or(1), device.name));
    let steps = ui::plural(ask.steps.unwrap_or(image.steps) as usize, "step");
    sheet.row("request", format!("{} of {width} x {height} in {steps}", ui::plural(ask.batch as usize, "image")));
    sheet.row("time", format!("{}, {:.3} images/s", ui::styled(ui::STRONG, time(seconds)), ask.batch as f64 / seconds));
    let (left, right) = (Align::Left, Align::Right);
    let head =
        [("operator", left), ("runs", right), ("time", right), ("share", right), ("bound", left), ("ops", right)];
    let rows: Vec<Vec<String>> = lines
        .iter()
        .filter(|line| line.seconds > 0.001 * seconds)
        .map(|line| {
            vec![
                line.label.into(),
                ui::count(line.runs as u64),
                time(line.seconds),
                share(line.seconds / seconds),
                line.bound.into(),
                ui::large(line.operations),
            ]
        })
        .collect();
    format!("{}\n{}", sheet.text(), ui::table(&head, &rows))
}
