//! A maker's tables of throughput beside predictions without any factor: networks, devices and lengths are known, so nothing is left to set.
//!
//! `data/throughput.toml` holds what the authors of TensorRT-LLM publish of it: output tokens per second with all requests there from the beginning, each of the same lengths, so many that the end
//! of the run counts. A prediction simulates that run with the software's usual limits, as [`crate::mlperf`] does of its own.

use crate::mlperf::predict::{Flood, flooded};
use crate::public::{Kind, Public};
use crate::published::{FileError, Text, positive, sourced};
use crate::serving::Habits;
use perf::device::Device;
use perf::network;
use perf::parallel::Mapping;
use perf::workload::Formats;
use rayon::prelude::*;
use serde::Deserialize;
use toml::Spanned;

/// Path of the shipped file, relative to `/data`.
pub const FILE: &str = "throughput.toml";

/// How far a rate may be off, over the published one: as MLPerf's.
pub const RATE: f64 = crate::mlperf::score::RATE;

/// What one run asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lengths {
    /// Tokens of each prompt.
    pub prompt: u32,
    /// Tokens of each answer.
    pub answer: u32,
    /// Requests.
    pub requests: u64,
}

/// A column of a table: a network on a device.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Key of the network.
    pub network: String,
    /// Key of the device.
    pub device: String,
    /// Devices that share each matrix.
    pub tensor: u64,
    /// Formats, as `puce perf` reads them.
    pub formats: String,
    /// Output tokens per second of all devices, one per entry of the lengths.
    pub rates: Vec<f64>,
}

/// The whole file.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// Who published.
    pub source: String,
    /// Software, by the name that the serving points use.
    pub backend: String,
    /// What runs ask.
    pub lengths: Vec<Lengths>,
    /// What came out.
    pub columns: Vec<Column>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    source: Spanned<String>,
    backend: String,
    lengths: Vec<Spanned<Lengths>>,
    column: Vec<Spanned<Column>>,
}

impl File {
    /// The shipped file.
    ///
    /// # Panics
    /// If it is malformed; a test reads it.
    pub fn embedded() -> File {
        let text = data::file(FILE).expect("the file is part of the program");
        File::parse(&format!("data/{FILE}"), text).expect("the embedded file is well formed")
    }

    /// Reads a text; `name` is its name in refusals.
    ///
    /// # Errors
    /// The first mistake, with its line.
    pub fn parse(name: &str, text: &str) -> Result<File, FileError> {
        let text = Text { name, text };
        let raw: RawFile = text.read()?;
        let source = text.one(raw.source, |source| sourced(source))?;
        let lengths = text.each(raw.lengths, Lengths::check)?;
        let columns = text.each(raw.column, |column: &Column| column.check(lengths.len()))?;
        Ok(File { source, backend: raw.backend, lengths, columns })
    }
}

impl Lengths {
    fn check(&self) -> Result<(), String> {
        positive("prompt", self.prompt.into())?;
        positive("answer", self.answer.into())?;
        positive("requests", self.requests as f64)
    }
}

impl Column {
    fn check(&self, lengths: usize) -> Result<(), String> {
        let name = format!("{} on {}", self.network, self.device);
        if self.rates.len() != lengths {
            return Err(format!("{name}: {} rates for {lengths} lengths", self.rates.len()));
        }
        self.rates.iter().try_for_each(|rate| positive("rates", *rate))?;
        let shape = network::language(&self.network).map_err(|error| error.to_string())?.1;
        Device::find(&self.device).map_err(|error| error.to_string())?;
        Formats::default().read(&self.formats).map_err(|error| error.to_string())?;
        self.mapping().check(shape).map_err(|error| format!("{name}: {error}"))
    }

    fn mapping(&self) -> Mapping {
        Mapping { tensor: self.tensor, ..Mapping::ONE }
    }

    /// Predicted tokens per second and device; zero where memory does not hold a sequence.
    fn predict(&self, backend: &str, asked: Lengths) -> f64 {
        let shape = network::language(&self.network).expect("checked when it was read").1;
        let device = Device::find(&self.device).expect("checked when it was read");
        let formats = Formats::default().read(&self.formats).expect("checked when it was read");
        let Lengths { prompt, answer, requests } = asked;
        let flood = Flood { requests, prompt, answer };
        flooded(shape, formats, (&device, self.mapping()), Habits::of(backend), flood).unwrap_or(0.0)
    }
}

/// Every rate as a row, of those whose names are wanted.
pub fn rows(file: &File, wanted: impl Fn(&str) -> bool) -> Vec<Public> {
    let all =
        file.columns.iter().flat_map(|column| file.lengths.iter().zip(&column.rates).map(move |one| (column, one)));
    let named = all.map(|(column, (asked, rate))| {
        let Column { network, device, .. } = column;
        (format!("T {network} {device} {}/{}", asked.prompt, asked.answer), column, *asked, *rate)
    });
    let chosen: Vec<_> = named.filter(|(id, ..)| wanted(id)).collect();
    let row = |(id, column, asked, rate): (String, &Column, Lengths, f64)| {
        let published = rate / column.tensor as f64;
        Public {
            kind: Kind::Throughput,
            title: format!("{id}: output tokens per second and device, {} requests", asked.requests),
            id,
            label: "prediction",
            published,
            computed: column.predict(&file.backend, asked),
            low: published * (1.0 - RATE),
            high: published * (1.0 + RATE),
            unit: "tokens/s".into(),
            judged: true,
            detail: Some(format!("{}, no factor", column.mapping())),
            source: file.source.clone(),
        }
    };
    chosen.into_par_iter().with_max_len(1).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_factor_tables_are_met_on_average() {
        let rows = rows(&File::embedded(), |id| id.contains("h200") || id.contains("gb200"));
        assert_eq!(rows.len(), 40);
        let errors: Vec<f64> = rows.iter().map(Public::deviation).collect();
        let mean = |of: fn(f64) -> f64| errors.iter().map(|error| of(*error)).sum::<f64>() / errors.len() as f64;
        assert!(mean(f64::abs) < 0.09 && mean(|error| error).abs() < 0.05, "{errors:?}");
    }

    #[test]
    fn mistakes_are_refused() {
        let text = data::file(FILE).unwrap();
        let refuse = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            File::parse("f", &text.replacen(from, to, 1)).unwrap_err().to_string()
        };
        let line = 1 + text[..text.find("[[column]]").unwrap()].matches('\n').count();
        let fewer = refuse("rates = [3803, ", "rates = [");
        assert!(fewer.starts_with(&format!("f, line {line}: ")) && fewer.contains("9 rates for 10 lengths"), "{fewer}");
        assert!(refuse("rates = [3803, ", "rates = [-1, ").contains("`rates = -1`"));
        assert!(refuse("answer = 128,", "answer = 0,").contains("`answer = 0`"));
        assert!(refuse("device = \"h200\"", "device = \"h2000\"").contains("h2000"));
        assert!(refuse("tensor = 8", "tensor = 7").contains('7'));
        assert!(refuse("source = \"", "source = \"\"#").contains("`source`"));
        assert!(refuse("prompt = 128", "promt = 128").contains("promt"));
    }
}
