//! A study as a text: what is asked, of which chips, under which limits.
//!
//! A study is TOML; `examples/` explains one line by line. Everything is checked while it is read: a key that is unknown, a quantity without its unit, a network or a device
//! that nobody knows, an empty list or a space too large is refused with file, line, what was found and what would do.

mod checked;

pub use checked::{Array, Cap, DeviceKey, Formatting, Listed, NetworkKey, NodeName, Positive, Q, Share, TrafficKind};

use base::units::{Bytes, Hertz, Seconds, SquareMillimetres, Usd, Watts};
use econ::facts::Date;
use serde::Deserialize;

/// The study that is run when nobody names one.
pub const BUILTIN: &str = "studies/chat-2026.toml";

/// Most chips of a space: at a byte of address each they still fit any machine, and a search of them ends within a day.
const MOST_CHIPS: u64 = 5_000_000;

/// Largest stack: many times what is announced.
const MOST_STACK: Bytes = Bytes(1_000_000_000_000);

/// What scratchpads are multiples of, and the largest, as chip descriptions have it.
const GRAIN: u64 = 4096;
const MOST_SCRATCHPAD: u64 = 1 << 30;

/// Why a study is refused: one sentence with file and line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {what}")]
pub struct StudyError {
    /// Name of the text.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What was found and what would do.
    pub what: String,
}

/// A study.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// Short name: the chosen chip carries it.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Where its figures come from.
    pub source: String,
    /// What may be known: facts and devices of later dates are not seen.
    pub as_of: checked::AsOf,
    /// Packages of our chip that are to be made.
    pub volume: Positive,
    /// Networks that are served.
    pub network: Listed<Network>,
    /// Traffic that they see.
    pub traffic: Listed<Kind>,
    /// The chips that are looked at.
    pub space: Space,
    /// How networks may be spread over devices, and served.
    #[serde(default)]
    pub deployment: Deployments,
    /// What a chip must keep.
    #[serde(default)]
    pub limits: Limits,
    /// How our chip comes to be.
    #[serde(default)]
    pub ours: Ours,
    /// Devices to compare with; all that have a price or a bill of materials if none are named.
    #[serde(default)]
    pub rivals: Option<Listed<DeviceKey>>,
    /// How far the search goes.
    #[serde(default)]
    pub search: Effort,
}

/// A network that is served.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Its key.
    pub key: NetworkKey,
    /// Its part of the requests.
    pub share: Share,
    /// Number formats that are good enough for it, on top of its published ones; each device takes whichever serves it cheapest.
    #[serde(default = "Formatting::published")]
    pub formats: Listed<Formatting>,
}

/// A kind of traffic and how soon it must be answered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// Its name.
    pub kind: TrafficKind,
    /// Its part of the requests; that of the shipped mix if not said.
    pub share: Option<Share>,
    /// Longest time to the first token, 99th percentile.
    pub ttft: Q<Seconds>,
    /// Longest time per further token, 99th percentile.
    pub tpot: Q<Seconds>,
}

/// The grid of chips: every combination is a chip.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// Nodes.
    pub node: Listed<NodeName>,
    /// Cores of a die that work.
    pub cores: Listed<Cap<1, 1024>>,
    /// Spare cores of a die.
    #[serde(default = "no_spare")]
    pub spare: Listed<Cap<0, 64>>,
    /// Rows, depth and columns of a core's matrix engine.
    pub array: Listed<Array>,
    /// Tokens whose sums a core holds at once.
    pub tokens: Listed<Cap<1, 4096>>,
    /// Scratchpad of a core.
    pub scratchpad: Listed<Q<Bytes>>,
    /// What lanes can take: `all`, or `4-bit` only.
    #[serde(default = "all_lanes")]
    pub lanes: Listed<Lanes>,
    /// Generation of memory: `HBM3E`, `HBM4`.
    pub memory: Listed<Generation>,
    /// Stacks beside a die.
    pub stacks: Listed<Cap<1, 32>>,
    /// Capacity of a stack.
    pub stack: Q<Bytes>,
    /// Links of a die to other dies.
    pub links: Listed<Cap<0, 256>>,
    /// Clock; the supply is the lowest that reaches it.
    pub clock: Listed<Q<Hertz>>,
    /// Dies of a package.
    #[serde(default = "one_die")]
    pub dies: Listed<Cap<1, 4>>,
}

/// What the lanes of the matrix engine can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub enum Lanes {
    /// Every weight kind.
    #[serde(rename = "all")]
    All,
    /// Weights of four bits only: smaller lanes, fewer networks.
    #[serde(rename = "4-bit")]
    Narrow,
}

/// A generation of stacked memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[allow(missing_docs)]
pub enum Generation {
    HBM3E,
    HBM4,
}

/// How networks may be spread over devices, and served.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Deployments {
    /// Devices of an instance.
    pub devices: Listed<Cap<1, 1024>>,
    /// Most requests that decode at once in an instance.
    pub batch: Cap<1, 65536>,
    /// Most prompt tokens of a step that also decodes.
    pub chunks: Listed<Cap<128, 65536>>,
    /// Whether prompts and answers may share devices.
    pub mixed: bool,
    /// Whether prompts may have devices of their own.
    pub apart: bool,
}

/// What a chip must keep.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How heat leaves the package: a name of `data/cooling.toml`.
    pub cooling: checked::Cooled,
    /// Most power of a mm2 of die.
    pub density: Q<checked::WattsPerSquareMillimetre>,
    /// Most 8-bit arithmetic of a mm2 of die.
    pub arithmetic: Q<checked::RatePerSquareMillimetre>,
    /// Most power of a package, if its supply or the rack limits it.
    pub package: Option<Q<Watts>>,
    /// Largest interposer.
    pub interposer: Q<SquareMillimetres>,
    /// Memory stacks that can be had.
    pub stacks: Option<Positive>,
    /// Logic wafers that can be had.
    pub wafers: Option<Positive>,
    /// Interposer wafers that can be had.
    pub interposers: Option<Positive>,
    /// Most money for design, masks and all packages.
    pub budget: Option<Q<Usd>>,
}

/// How our chip comes to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ours {
    /// A design partner takes it to volume and keeps his margin.
    #[default]
    Partner,
    /// Everything is done in the house.
    Make,
}

/// How far the search goes.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Effort {
    /// Chips whose bound is up to this many times the best cost are evaluated too, so that the front is exact that far above the optimum.
    pub slack: f64,
    /// Most points that are evaluated; the gap that then remains is printed.
    pub points: Option<Positive>,
}

impl Default for Effort {
    fn default() -> Effort {
        Effort { slack: 1.0, points: None }
    }
}

impl Default for Deployments {
    fn default() -> Deployments {
        Deployments {
            devices: Listed([1, 2, 4, 8, 16].map(Cap).to_vec()),
            batch: Cap(1024),
            chunks: Listed([512, 2048, 8192].map(Cap).to_vec()),
            mixed: true,
            apart: true,
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            cooling: checked::Cooled::default(),
            density: Q(checked::WattsPerSquareMillimetre(DENSITY)),
            arithmetic: Q(checked::RatePerSquareMillimetre(ARITHMETIC)),
            package: None,
            interposer: Q(SquareMillimetres(INTERPOSER)),
            stacks: None,
            wafers: None,
            interposers: None,
            budget: None,
        }
    }
}

/// W/mm2 of a die on average: Rubin's two dies of about 800 mm2 at 1.8 to 2.3 kW are 1.12 to 1.44 (`facts/validation.md`, V22: 112 to 144 W/cm2).
const DENSITY: f64 = 1.44;

/// TOP/s of a mm2 in 8 bits: the most that a die of this class has been announced with, Rubin's 17.5 PFLOP/s of FP8 on two dies of about 800 mm2
/// (`data/devices/rubin.toml`). Lanes alone would be several times denser; what shipped dies show includes what feeds them.
const ARITHMETIC: f64 = 10.9;

/// mm2 of interposer: 5.5 fields of a scanner (858 mm2), TSMC's CoWoS-L of 2026 (TSMC Technology Symposium, 2024-04).
const INTERPOSER: f64 = 5.5 * 858.0;

fn no_spare() -> Listed<Cap<0, 64>> {
    Listed(vec![Cap(0)])
}

fn all_lanes() -> Listed<Lanes> {
    Listed(vec![Lanes::All])
}

fn one_die() -> Listed<Cap<1, 4>> {
    Listed(vec![Cap(1)])
}

impl Study {
    /// Reads a study; `file` is its name in refusals.
    ///
    /// # Errors
    /// The first mistake, with its line.
    pub fn parse(file: &str, text: &str) -> Result<Study, StudyError> {
        let refuse = |at: usize, what: String| {
            let line = 1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count();
            StudyError { file: file.to_owned(), line, what }
        };
        let study: Study = toml::from_str(text)
            .map_err(|error| refuse(error.span().map_or(0, |span| span.start), one_line(error.message())))?;
        let begins = |key: &str| text.find(&format!("\n{key}")).map_or(0, |at| at + 1);
        study.whole().map_err(|(key, what)| refuse(begins(key), what))?;
        Ok(study)
    }

    /// The built-in study.
    ///
    /// # Panics
    /// If the embedded text is malformed; a test reads it.
    pub fn builtin() -> Study {
        let text = Study::builtin_text();
        Study::parse(BUILTIN, text).expect("the built-in study is tested")
    }

    /// The text of the built-in study.
    pub fn builtin_text() -> &'static str {
        data::file(BUILTIN).unwrap_or_default()
    }

    /// The date whose knowledge the study uses.
    pub fn date(&self) -> Date {
        self.as_of.0
    }

    /// What no single key shows; the key that it concerns, and what is wrong.
    fn whole(&self) -> Result<(), (&'static str, String)> {
        if self.source.trim().is_empty() {
            return Err(("source", "`source` is empty: say where the figures of the study come from".into()));
        }
        if self.name.is_empty() || !self.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            let what = format!("`name = \"{}\"`: letters, digits and dashes do, since the chip carries it", self.name);
            return Err(("name", what));
        }
        let chips = self.space.size();
        if chips > MOST_CHIPS {
            return Err(("[space]", format!("the space has {chips} chips: at most {MOST_CHIPS} are searched")));
        }
        if self.volume.0 < 1.0 {
            return Err(("volume", format!("`volume = {}`: one package at least is meant", self.volume.0)));
        }
        if self.search.points.is_some_and(|points| points.0 < 1.0) {
            return Err(("points", "`points` below 1: nothing would be looked at".into()));
        }
        if self.space.stack.0 > MOST_STACK {
            return Err(("stack = ", format!("`stack`: {} at most", MOST_STACK)));
        }
        let rough = |size: &Q<Bytes>| !(GRAIN..=MOST_SCRATCHPAD).contains(&size.0.0) || !size.0.0.is_multiple_of(GRAIN);
        if let Some(size) = self.space.scratchpad.iter().find(|size| rough(size)) {
            let what = format!("`scratchpad`: {} is not a multiple of 4 KiB between that and 1 GiB", size.0);
            return Err(("scratchpad", what));
        }
        if !(self.deployment.mixed || self.deployment.apart) {
            return Err(("[deployment]", "`mixed` and `apart` are both false: no way to serve is left".into()));
        }
        if !(self.search.slack >= 1.0 && self.search.slack.is_finite()) {
            return Err(("[search]", format!("`slack = {}`: 1 or more is meant", self.search.slack)));
        }
        Ok(())
    }
}

/// Messages of the parser run over several lines where they list what was expected.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Space {
    /// Number of chips.
    pub fn size(&self) -> u64 {
        let lengths = [
            self.node.len(),
            self.cores.len(),
            self.spare.len(),
            self.array.len(),
            self.tokens.len(),
            self.scratchpad.len(),
            self.lanes.len(),
            self.memory.len(),
            self.stacks.len(),
            self.links.len(),
            self.clock.len(),
            self.dies.len(),
        ];
        lengths.iter().fold(1u64, |product, length| product.saturating_mul(*length as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_study_is_read_and_refusals_name_the_line() {
        let text = Study::builtin_text();
        let study = Study::builtin();
        assert!(study.space.size() > 100 && study.network.len() >= 2);
        let cases = [
            ("volume = ", "volume = -", "not positive"),
            ("cores = [", "cores = [\"x\", ", "invalid type"),
            ("key = \"gpt-oss-120b\"", "key = \"gpt-9\"", "gpt-9"),
            ("kind = \"chat\"", "kind = \"poems\"", "poems"),
            ("[limits]", "[limits]\nwidth = 3", "width"),
            ("array = [", "array = [\"32x33x64\", ", "32x33x64"),
            ("clock = [", "clock = [\"2\", ", "unit"),
            ("node = [\"n3\"]", "node = [\"n1\"]", "n1"),
            ("node = [\"n3\"]", "node = []", "list is empty"),
            ("as_of = \"", "as_of = \"x", "date"),
            ("cores = [", "cores = [0, ", "from 1 to 1024"),
            ("stacks = [", "stacks = [0, ", "from 1 to 32"),
            ("chunks = [", "chunks = [1, ", "from 128"),
            ("clock = [", "clock = [\"0 Hz\", ", "more than nothing"),
            ("stack = \"36 GB\"", "stack = \"36 TB\"", "at most"),
            ("scratchpad = [", "scratchpad = [\"5 KiB\", ", "multiple of 4 KiB"),
            ("volume = 200_000", "volume = 0.5", "one package"),
        ];
        for (from, to, word) in cases {
            assert!(text.contains(from), "{from}");
            let changed = text.replacen(from, to, 1);
            let line = 1 + changed[..changed.find(to).unwrap()].matches('\n').count();
            let refusal = Study::parse("my.toml", &changed).unwrap_err();
            let shift = usize::from(to.contains('\n'));
            assert!(refusal.line == line + shift || word == "list is empty", "{refusal} {line}");
            assert!(refusal.to_string().starts_with("my.toml, line ") && refusal.what.contains(word), "{refusal}");
        }
    }

    #[test]
    fn absurd_sizes_are_refused() {
        let many: Vec<String> = (1..=1000).map(|n| n.to_string()).collect();
        let text = Study::builtin_text();
        let start = text.find("\ncores = [").unwrap() + 1;
        let end = start + text[start..].find('\n').unwrap();
        let huge = format!("{}cores = [{}]\ntokens_ = 1{}", &text[..start], many.join(", "), &text[end..]);
        let huge = huge.replace("tokens_ = 1", "");
        let clocks: Vec<String> = (1..=2000).map(|n| format!("\"{n} MHz\"")).collect();
        let start = huge.find("\nclock = [").unwrap() + 1;
        let end = start + huge[start..].find('\n').unwrap();
        let huge = format!("{}clock = [{}]{}", &huge[..start], clocks.join(", "), &huge[end..]);
        let refusal = Study::parse("my.toml", &huge).unwrap_err();
        assert!(refusal.what.contains("chips: at most"), "{refusal}");
    }
}
