//! The chip description: a TOML text with a unit in every quantity, read once into checked types.
//!
//! The shipped chips are `nano` and `one` (`data/chips`). A description is refused with file, line, what was found and what would do; unknown keys and
//! bare numbers where a unit belongs are mistakes.

use crate::attr::Unit;
use base::tile::WeightKind;
use base::units::{Bytes, BytesPerSecond, Hertz, Seconds, Volts};
use serde::Deserialize;
use std::fmt::Display;
use std::str::FromStr;
use toml::Spanned;

/// A chip, as every view of it needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Chip {
    /// Short name.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Cores.
    pub core: CoreSpec,
    /// Matrix engine of each core.
    pub matrix: MatrixSpec,
    /// binary32 lanes of each core's vector engine.
    pub vector_lanes: usize,
    /// Queue depth per engine, by [`Unit`] code.
    pub queues: [usize; 6],
    /// 32-bit words of parameter memory per chip.
    pub parameters: usize,
    /// Chip memory.
    pub memory: MemorySpec,
    /// Clock frequency.
    pub frequency: Hertz,
    /// Supply voltage of the logic.
    pub voltage: Volts,
    /// Links to other chips.
    pub links: LinkSpec,
}

/// The cores.
#[derive(Clone, Debug, PartialEq)]
pub struct CoreSpec {
    /// How many.
    pub count: usize,
    /// Scratchpad of each.
    pub scratchpad: Bytes,
    /// Banks of the scratchpad.
    pub banks: usize,
}

/// The matrix engine: `rows` x `depth` weights meet `columns` tokens each cycle.
#[derive(Clone, Debug, PartialEq)]
pub struct MatrixSpec {
    /// Rows of a tile taken per cycle.
    pub rows: usize,
    /// Columns of each row taken per cycle.
    pub depth: usize,
    /// Tokens multiplied in parallel.
    pub columns: usize,
    /// Most tokens of one `mm`: accumulators per row.
    pub tokens: usize,
    /// Buffer of the weight stream.
    pub buffer: Bytes,
    /// Weight kinds that the lanes can take.
    pub weights: Vec<WeightKind>,
}

/// The memory beside the chip.
#[derive(Clone, Debug, PartialEq)]
pub struct MemorySpec {
    /// Kind, for people and price lists.
    pub kind: String,
    /// Capacity.
    pub capacity: Bytes,
    /// Peak bandwidth.
    pub bandwidth: BytesPerSecond,
    /// Idle latency of a read.
    pub latency: Seconds,
    /// Bytes per cycle of one core's port.
    pub port: Bytes,
}

/// Links between the chips of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkSpec {
    /// How many.
    pub count: usize,
    /// Bandwidth of each, per direction.
    pub bandwidth: BytesPerSecond,
    /// Latency of a message.
    pub latency: Seconds,
}

/// Why a chip description is refused: one sentence with file and line.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file}, line {line}: {what}")]
pub struct ChipError {
    /// Name of the text.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What was found and what would do.
    pub what: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChip {
    name: Spanned<String>,
    title: String,
    source: Spanned<String>,
    #[serde(rename = "as_of")]
    _as_of: String,
    core: RawCore,
    matrix: RawMatrix,
    vector: RawVector,
    queues: RawQueues,
    control: RawControl,
    memory: RawMemory,
    clock: RawClock,
    links: RawLinks,
}

type Text = Spanned<String>;
type Count = Spanned<i64>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCore {
    count: Count,
    scratchpad: Text,
    banks: Count,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMatrix {
    rows: Count,
    depth: Count,
    columns: Count,
    tokens: Count,
    buffer: Text,
    weights: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVector {
    lanes: Count,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQueues {
    load: Count,
    weights: Count,
    matrix: Count,
    vector: Count,
    store: Count,
    exchange: Count,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawControl {
    parameters: Count,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMemory {
    kind: String,
    capacity: Text,
    bandwidth: Text,
    latency: Text,
    port: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClock {
    frequency: Text,
    voltage: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLinks {
    count: Count,
    bandwidth: Text,
    latency: Text,
}

/// The text a description is read from: turns spans into lines.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn error(&self, offset: usize, what: impl Into<String>) -> ChipError {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        ChipError { file: self.file.to_string(), line, what: what.into() }
    }

    fn quantity<T: FromStr<Err: Display>>(&self, key: &str, text: &Text) -> Result<T, ChipError> {
        text.as_ref().parse().map_err(|e: T::Err| self.error(text.span().start, format!("`{key}`: {e}")))
    }

    fn count(&self, key: &str, value: &Count, low: i64, high: i64) -> Result<usize, ChipError> {
        let number = *value.as_ref();
        match (low..=high).contains(&number) {
            true => Ok(number as usize),
            false => {
                let what = format!("`{key} = {number}`: must be between {low} and {high}");
                Err(self.error(value.span().start, what))
            }
        }
    }

    /// A count that divides 32: how many rows or columns of a tile go through at once.
    fn divisor(&self, key: &str, value: &Count) -> Result<usize, ChipError> {
        let number = self.count(key, value, 1, 32)?;
        match 32 % number {
            0 => Ok(number),
            _ => Err(self.error(value.span().start, format!("`{key} = {number}`: must divide the tile side, 32"))),
        }
    }

    fn bytes(&self, key: &str, text: &Text, low: u64, high: u64, multiple: u64) -> Result<Bytes, ChipError> {
        let bytes: Bytes = self.quantity(key, text)?;
        match (low..=high).contains(&bytes.0) && bytes.0.is_multiple_of(multiple) {
            true => Ok(bytes),
            false => {
                let (low, high, multiple) = (Bytes(low), Bytes(high), Bytes(multiple));
                let what = format!(
                    "`{key} = \"{}\"`: must be between {low} and {high} and a multiple of {multiple}",
                    text.as_ref()
                );
                Err(self.error(text.span().start, what))
            }
        }
    }

    fn weights(&self, names: &[Text]) -> Result<Vec<WeightKind>, ChipError> {
        let kinds = names.iter().map(|name| {
            WeightKind::ALL.into_iter().find(|kind| kind.name() == name.as_ref()).ok_or_else(|| {
                let known = WeightKind::ALL.map(WeightKind::name).join(", ");
                let what = format!("`weights`: `{}` is no weight kind; known: {known}", name.as_ref());
                self.error(name.span().start, what)
            })
        });
        kinds.collect()
    }
}

impl Chip {
    /// Read a description. `file` is the name for error sentences.
    pub fn parse(file: &str, text: &str) -> Result<Chip, ChipError> {
        let source = Source { file, text };
        let raw: RawChip = toml::from_str(text).map_err(|e| {
            let at = e.span().map_or(0, |span| span.start);
            let hint = if e.message().ends_with("expected a string") {
                "; a quantity stands in quotes, with its unit"
            } else {
                ""
            };
            source.error(at, format!("{}{hint}", e.message()))
        })?;
        source.chip(raw)
    }

    /// A shipped chip.
    pub fn builtin(name: &str) -> Option<Chip> {
        let path = format!("chips/{name}.toml");
        data::file(&path).map(|text| Chip::parse(&path, text).expect("shipped descriptions are tested"))
    }

    /// Names of the shipped chips.
    pub fn builtin_names() -> Vec<String> {
        let names = data::list("chips/").filter_map(|path| path.strip_prefix("chips/")?.strip_suffix(".toml"));
        names.map(str::to_string).collect()
    }

    /// The same chip with another number of cores.
    pub fn with_cores(mut self, count: usize) -> Chip {
        self.core.count = count;
        self
    }

    /// Multiply-accumulates per second of the whole chip at full rate.
    pub fn macs_per_second(&self) -> f64 {
        let per_cycle = self.matrix.rows * self.matrix.depth * self.matrix.columns * self.core.count;
        per_cycle as f64 * self.frequency.0
    }

    /// Memory ports: as many as give the memory's bandwidth at one beat per cycle, rounded up to a divisor of the number of cores; at most one per core.
    pub fn memory_ports(&self) -> usize {
        let per_port = self.memory.port.0 as f64 * self.frequency.0;
        let wanted = (self.memory.bandwidth.0 / per_port).ceil().max(1.0) as usize;
        let cores = self.core.count;
        (1..=cores).find(|ports| *ports >= wanted && cores.is_multiple_of(*ports)).unwrap_or(cores)
    }

    /// Queue depth of an engine; the control unit has none.
    pub fn queue(&self, unit: Unit) -> usize {
        self.queues.get(unit as usize).copied().unwrap_or(0)
    }
}

const MAX_SCRATCHPAD: u64 = 1 << 30;
const MAX_CAPACITY: u64 = 1 << 42;

impl Source<'_> {
    fn chip(&self, raw: RawChip) -> Result<Chip, ChipError> {
        let name = raw.name.as_ref().trim().to_string();
        if name.is_empty() {
            return Err(self.error(raw.name.span().start, "`name` is empty"));
        }
        if raw.source.as_ref().trim().is_empty() {
            return Err(self.error(raw.source.span().start, "`source` is empty; say where the figures come from"));
        }
        Ok(Chip {
            name,
            title: raw.title,
            core: self.core(&raw.core)?,
            matrix: self.matrix(&raw.matrix)?,
            vector_lanes: self.count("lanes", &raw.vector.lanes, 1, 4096)?,
            queues: self.queues(&raw.queues)?,
            parameters: self.count("parameters", &raw.control.parameters, 64, 1 << 20)?,
            memory: self.memory(&raw.memory)?,
            frequency: self.quantity("frequency", &raw.clock.frequency)?,
            voltage: self.quantity("voltage", &raw.clock.voltage)?,
            links: self.links(&raw.links)?,
        })
    }

    fn core(&self, raw: &RawCore) -> Result<CoreSpec, ChipError> {
        Ok(CoreSpec {
            count: self.count("count", &raw.count, 1, crate::program::MAX_CORES as i64)?,
            scratchpad: self.bytes("scratchpad", &raw.scratchpad, 4096, MAX_SCRATCHPAD, 4096)?,
            banks: self.count("banks", &raw.banks, 1, 256)?,
        })
    }

    fn matrix(&self, raw: &RawMatrix) -> Result<MatrixSpec, ChipError> {
        Ok(MatrixSpec {
            rows: self.divisor("rows", &raw.rows)?,
            depth: self.divisor("depth", &raw.depth)?,
            columns: self.count("columns", &raw.columns, 1, 1024)?,
            tokens: self.count("tokens", &raw.tokens, 1, 4096)?,
            buffer: self.bytes("buffer", &raw.buffer, 2048, MAX_SCRATCHPAD, 32)?,
            weights: self.weights(&raw.weights)?,
        })
    }

    fn queues(&self, raw: &RawQueues) -> Result<[usize; 6], ChipError> {
        let depth = |key: &str, value: &Count| self.count(key, value, 1, 1024);
        Ok([
            depth("load", &raw.load)?,
            depth("weights", &raw.weights)?,
            depth("matrix", &raw.matrix)?,
            depth("vector", &raw.vector)?,
            depth("store", &raw.store)?,
            depth("exchange", &raw.exchange)?,
        ])
    }

    fn memory(&self, raw: &RawMemory) -> Result<MemorySpec, ChipError> {
        Ok(MemorySpec {
            kind: raw.kind.clone(),
            capacity: self.bytes("capacity", &raw.capacity, 1 << 16, MAX_CAPACITY, 32)?,
            bandwidth: self.quantity("bandwidth", &raw.bandwidth)?,
            latency: self.quantity("latency", &raw.latency)?,
            port: self.bytes("port", &raw.port, 32, 4096, 32)?,
        })
    }

    fn links(&self, raw: &RawLinks) -> Result<LinkSpec, ChipError> {
        Ok(LinkSpec {
            count: self.count("count", &raw.count, 0, 1024)?,
            bandwidth: self.quantity("bandwidth", &raw.bandwidth)?,
            latency: self.quantity("latency", &raw.latency)?,
        })
    }
}
