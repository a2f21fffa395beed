//! `data/misses.toml`: why rows of the report miss their targets.
//!
//! A reason names kinds, devices and regimes; the first that names a row is its reason. Rows of several devices together have none of their own: their
//! devices' rows say it.

use super::{Line, TOGETHER, Verdict};
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// Path of the shipped file, relative to `/data`.
pub const FILE: &str = "misses.toml";

/// Both halves of the serving points are rows of a device as a whole.
const HALVES: &str = "half ";

/// How a reason is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Known {
    /// The measurements show it.
    Measured,
    /// A document says it.
    Published,
    /// Nothing that was read or measured decides it.
    Supposed,
}

impl Known {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Known::Measured => "measured",
            Known::Published => "published",
            Known::Supposed => "supposed",
        }
    }
}

/// Why some rows miss.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Kinds of things measured, by name.
    pub kinds: Vec<String>,
    /// Keys of devices.
    pub devices: Vec<String>,
    /// Regimes; an empty one is the device as a whole.
    pub regimes: Vec<String>,
    /// How it is known.
    pub known: Known,
    /// The reason.
    pub why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[allow(dead_code, reason = "every file of facts says where they come from")]
    source: String,
    miss: Vec<Reason>,
}

impl Reason {
    /// Whether it is about the row of a kind, device and regime.
    fn is_of(&self, kind: &str, device: &str, regime: &str) -> bool {
        let regime = if regime.starts_with(HALVES) { "" } else { regime };
        let has = |names: &[String], name: &str| names.iter().any(|one| one == name);
        has(&self.kinds, kind) && has(&self.devices, device) && has(&self.regimes, regime)
    }
}

/// Every reason of the shipped file.
///
/// # Panics
/// If the file is malformed; a test reads it.
pub fn all() -> &'static [Reason] {
    static REASONS: OnceLock<Vec<Reason>> = OnceLock::new();
    REASONS.get_or_init(|| {
        let file: File = toml::from_str(data::file(FILE).expect("part of the program")).expect("well formed");
        file.miss
    })
}

/// The reason of a row by its names.
fn find(kind: &str, device: &str, regime: &str) -> Option<&'static Reason> {
    all().iter().find(|reason| reason.is_of(kind, device, regime))
}

/// Why a line misses its target; `None` where it does not, of several devices together, and where no reason is known.
pub fn of(line: &Line) -> Option<&'static Reason> {
    let missed = line.verdict == Verdict::Miss && line.device != TOGETHER;
    missed.then(|| find(line.kind, &line.device, line.regime.as_deref().unwrap_or_default())).flatten()
}

/// Lines that miss for one reason.
pub struct Shared<'a> {
    /// The reason; `None`: no reason is known.
    pub reason: Option<&'static Reason>,
    /// The lines.
    pub lines: Vec<&'a Line>,
}

/// The lines that miss by their reasons, in the order of their first lines.
pub fn shared<'a>(lines: impl IntoIterator<Item = &'a Line>) -> Vec<Shared<'a>> {
    let mut groups: Vec<Shared> = Vec::new();
    let missed = lines.into_iter().filter(|line| line.verdict == Verdict::Miss && line.device != TOGETHER);
    for line in missed {
        let reason = of(line);
        match groups.iter_mut().find(|group| group.reason == reason) {
            Some(group) => group.lines.push(line),
            None => groups.push(Shared { reason, lines: vec![line] }),
        }
    }
    groups
}

impl Shared<'_> {
    /// The rows, devices with their regimes: `h100: DeepSeek-R1, trtllm disagg; h200`.
    pub fn rows(&self) -> String {
        let mut devices: Vec<(&str, Vec<&str>)> = Vec::new();
        for line in &self.lines {
            let regime = line.regime.as_deref().unwrap_or("whole");
            match devices.iter_mut().find(|(device, _)| *device == line.device) {
                Some((_, regimes)) => regimes.push(regime),
                None => devices.push((&line.device, vec![regime])),
            }
        }
        let device = |(device, regimes): &(&str, Vec<&str>)| format!("{device}: {}", regimes.join(", "));
        devices.iter().map(device).collect::<Vec<String>>().join("; ")
    }

    /// The reason with how it is known, or that there is none.
    pub fn why(&self) -> String {
        match self.reason {
            Some(reason) => format!("{} ({})", reason.why, reason.known.name()),
            None => "No reason is known.".to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Kind;
    use perf::device::Device;
    use std::collections::BTreeSet;

    #[test]
    fn reasons_name_kinds_and_devices_that_there_are_and_end() {
        let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        for reason in all() {
            assert!(reason.kinds.iter().all(|kind| kinds.contains(&kind.as_str())), "{:?}", reason.kinds);
            assert!(reason.devices.iter().all(|device| Device::find(device).is_ok()), "{:?}", reason.devices);
            assert!(!reason.regimes.is_empty() && reason.why.ends_with('.'), "{}", reason.why);
        }
    }

    /// Kind, device and regime of every row of the chapter that misses.
    fn missed(chapter: &str) -> BTreeSet<(String, String, String)> {
        let mut kind = String::new();
        let mut missed = BTreeSet::new();
        for line in chapter.lines() {
            if let Some(name) = line.strip_prefix("### ") {
                kind = name.to_string();
            }
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            if let [_, device, regime, .., "**miss**", _] = cells.as_slice() {
                let device = device.trim_end_matches(" (never fitted)");
                missed.insert((kind.clone(), device.to_string(), regime.to_string()));
            }
        }
        missed.retain(|(kind, device, _)| device != TOGETHER && Kind::ALL.iter().any(|one| one.name() == kind));
        missed
    }

    #[test]
    fn every_row_that_misses_in_the_chapter_has_a_reason_and_every_reason_a_row() {
        let chapter = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/validation.md");
        let missed = missed(&std::fs::read_to_string(chapter).unwrap());
        assert!(missed.len() > 20, "{}", missed.len());
        let find = |(kind, device, regime): &(String, String, String)| find(kind, device, regime);
        let without: Vec<_> = missed.iter().filter(|row| find(row).is_none()).collect();
        assert!(without.is_empty(), "no reason in data/{FILE}: {without:?}");
        let used: Vec<&Reason> = missed.iter().filter_map(find).collect();
        let idle: Vec<&str> = all().iter().filter(|one| !used.contains(one)).map(|one| one.why.as_str()).collect();
        assert!(idle.is_empty(), "reasons without a row that misses: {idle:?}");
    }
}
