//! Devices side by side.

use super::case::{self, Case, Subject};
use super::report::{self, bytes, time};
use super::{Ask, Stage};
use crate::failure::{Failure, Result};
use crate::ui::{self, Align};
use ::perf::operator::Phase;
use serde_json::{Value, json};

/// Prints one line per device. A device that does not hold the network says so in its line.
pub fn run(ask: &Ask, subject: &Subject) -> Result {
    let devices: Result<Vec<_>> = ask.compare.iter().map(|name| case::device(name.trim())).collect();
    let mut lines = Vec::new();
    for device in devices? {
        let (key, name) = (device.key.clone(), device.name.clone());
        match Case::of(ask, subject, device) {
            Ok(case) => lines.push((key, Ok(case))),
            Err(Failure::Sentence(why)) => lines.push((key, Err(format!("{name}: {why}")))),
            Err(failure) => return Err(failure),
        }
    }
    if ask.json {
        let all: Vec<Value> = lines.iter().map(|(key, line)| line_json(ask, key, line)).collect();
        return ui::json(&all);
    }
    ui::print(&table(ask, &lines))
}

type Line = (String, std::result::Result<Case, String>);

fn line_json(ask: &Ask, key: &str, line: &std::result::Result<Case, String>) -> Value {
    match line {
        Ok(case) => report::json(ask, case),
        Err(why) => json!({ "device": key, "refused": why }),
    }
}

fn table(ask: &Ask, lines: &[Line]) -> String {
    let (left, right) = (Align::Left, Align::Right);
    let (prefill, decode) = (ask.phase != Stage::Decode, ask.phase != Stage::Prefill);
    let mut head = vec![("device", left), ("n", right), ("memory", right)];
    if prefill {
        head.extend([("prefill", right), ("per device", right)]);
    }
    if decode {
        head.extend([("decode", right), ("per user", right), ("per device", right), ("bound", left)]);
    }
    let cells = |case: &Case| {
        let mut cells = vec![
            ui::styled(ui::STRONG, &case.device.key),
            case.devices().to_string(),
            bytes(case.memory.total() - case.memory.reserve),
        ];
        let per_device = |phase, seconds: f64| {
            format!("{}/s", ui::large(case.work(phase).tokens() as f64 / seconds / case.devices() as f64))
        };
        if prefill {
            let seconds = case.seconds(Phase::Prefill);
            cells.extend([time(seconds), per_device(Phase::Prefill, seconds)]);
        }
        if decode {
            let step = case.breakdown(Phase::Decode).step;
            let seconds = step.time.0;
            cells.extend([
                time(seconds),
                format!("{}/s", ui::large(1.0 / seconds)),
                per_device(Phase::Decode, seconds),
                step.bound().name().into(),
            ]);
        }
        cells
    };
    let rows: Vec<Vec<String>> = lines.iter().filter_map(|(_, line)| line.as_ref().ok().map(&cells)).collect();
    let mut text = ui::table(&head, &rows);
    for why in lines.iter().filter_map(|(_, line)| line.as_ref().err()) {
        text += &format!("{why}\n");
    }
    text
}
