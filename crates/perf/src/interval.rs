//! How sure a prediction is: the interval in which nine of ten measurements fall.
//!
//! Every kind of operator is divided into regimes, since a model errs differently on a product of one row and on one of eight thousand. For each device,
//! kind and regime, `data/intervals.toml` holds two factors: the 5 % and the 95 % quantile of measured over predicted, on the measurements that fits may
//! see. A device that was never measured takes the rows named `transfer`: how shapes scatter on one device, plus how far whole devices shift, as two
//! architectures show it when the parameters of one predict the other. Only two shifts are known, so their spread is taken with Student's t; the crate
//! `validate` computes it, and its module on transfer derives it.
//!
//! A whole network is a sum over operators. Its interval follows from those of the operators under two assumptions, both stated here:
//! - **Errors of one kind are fully correlated.** Every layer repeats the same shapes, so what is wrong once is wrong in each layer: nothing averages out.
//! - **Errors of different kinds are independent.** They come from different kernels and different terms of the model.
//!
//! Widths of one kind therefore add, and those of different kinds add in squares.

use crate::operator::{Collective, CollectiveKind, Operator, Phase};
use base::units::Seconds;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The path of the factors below `/data`.
pub const FILE: &str = "intervals.toml";

/// The name under which devices without measurements find theirs.
pub const TRANSFER: &str = "transfer";

/// The share of measurements that an interval should hold.
pub const COVERAGE: f64 = 0.9;

/// Factors for kinds of operators that no fit has seen (streaming operators): a kernel of them that reaches between two thirds and one and a half times
/// the modelled rate is ordinary, since every framework fuses them differently.
const UNKNOWN: Factors = Factors { low: 1.0 / 1.5, high: 1.5 };

/// From where to where, in the unit of the prediction.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Interval {
    /// Least.
    pub low: f64,
    /// Greatest.
    pub high: f64,
}

impl Interval {
    /// Whether a measurement lies within.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// An interval relative to its prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factors {
    /// Least measured over predicted.
    pub low: f64,
    /// Greatest measured over predicted.
    pub high: f64,
}

impl Factors {
    /// The interval around a prediction.
    pub fn around(&self, predicted: f64) -> Interval {
        Interval { low: predicted * self.low, high: predicted * self.high }
    }

    /// The interval around a time.
    pub fn times(&self, time: Seconds) -> (Seconds, Seconds) {
        (Seconds(time.0 * self.low), Seconds(time.0 * self.high))
    }
}

/// Operators whose errors are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Class {
    /// Kind of operator: `gemm bf16`.
    pub kind: &'static str,
    /// Part of its range: `m <= 64`.
    pub regime: &'static str,
}

/// Regimes by a size: the first whose limit is not exceeded.
type Regimes = [(u64, &'static str); 3];

/// Rows of a product or tokens of a layer: one tile of rows or less; a few tiles, where waves are quantised; many.
const ROWS: Regimes = [(64, "m <= 64"), (1024, "64 < m <= 1024"), (u64::MAX, "m > 1024")];

/// Positions that a query sees: launch matters; in between; long transfers.
const CONTEXT: Regimes = [(1024, "context <= 1k"), (8192, "1k < context <= 8k"), (u64::MAX, "context > 8k")];

/// Bytes of an exchange: latency; in between; bandwidth.
const MESSAGE: Regimes = [(64 << 10, "<= 64 KiB"), (8 << 20, "64 KiB to 8 MiB"), (u64::MAX, "> 8 MiB")];

/// Bytes of a streaming operator: launch; cache; memory.
const TRAFFIC: Regimes = [(1 << 20, "<= 1 MiB"), (32 << 20, "1 to 32 MiB"), (u64::MAX, "> 32 MiB")];

fn within(regimes: &Regimes, size: u64) -> &'static str {
    regimes.iter().find(|(limit, _)| size <= *limit).map_or(regimes[2].1, |(_, name)| name)
}

impl Class {
    /// The class of an operator.
    pub fn of(operator: &Operator) -> Class {
        let (kind, regime) = match operator {
            Operator::Gemm(gemm) => (gemm_kind(gemm.weights), within(&ROWS, gemm.m)),
            Operator::Attention(a) => {
                (phase_kind(a.phase, ["attention prefill", "attention decode"]), within(&CONTEXT, a.past + a.queries))
            }
            Operator::Latent(l) => {
                (phase_kind(l.phase, ["latent prefill", "latent decode"]), within(&CONTEXT, l.past + l.queries))
            }
            Operator::Experts(experts) => ("experts", within(&ROWS, experts.tokens)),
            Operator::Stream(stream) => ("stream", within(&TRAFFIC, (stream.read + stream.written) as u64)),
            Operator::Collective(collective) => {
                (collective_kind(collective), within(&MESSAGE, collective.bytes as u64))
            }
        };
        Class { kind, regime }
    }

    /// Every class, kinds in order.
    pub fn all() -> Vec<Class> {
        let table: [(&[&'static str], &Regimes); 5] = [
            (&["gemm bf16", "gemm narrow", "gemm weight-only", "experts"], &ROWS),
            (&["attention prefill", "attention decode", "latent prefill", "latent decode"], &CONTEXT),
            (&["all-reduce", "all-gather", "reduce-scatter", "all-to-all", "send-receive"], &MESSAGE),
            (&["stream"], &TRAFFIC),
            (&[], &ROWS),
        ];
        let each = |(kinds, regimes): &(&'static [&'static str], &'static Regimes)| {
            let pairs = kinds.iter().flat_map(|kind| regimes.iter().map(|(_, regime)| Class { kind, regime }));
            pairs.collect::<Vec<_>>()
        };
        table.iter().flat_map(each).collect()
    }
}

fn gemm_kind(weights: crate::format::Format) -> &'static str {
    use crate::format::Format;
    match weights {
        Format::Int8 | Format::Int4 => "gemm weight-only",
        Format::Fp32 | Format::Tf32 | Format::Bf16 | Format::Fp16 => "gemm bf16",
        Format::Fp8 | Format::Fp8Block | Format::Mxfp4 | Format::Mxfp8 | Format::Nvfp4 => "gemm narrow",
    }
}

fn phase_kind(phase: Phase, [prefill, decode]: [&'static str; 2]) -> &'static str {
    match phase {
        Phase::Prefill => prefill,
        Phase::Decode => decode,
    }
}

fn collective_kind(collective: &Collective) -> &'static str {
    match collective.kind {
        CollectiveKind::AllReduce => "all-reduce",
        CollectiveKind::AllGather => "all-gather",
        CollectiveKind::ReduceScatter => "reduce-scatter",
        CollectiveKind::AllToAll => "all-to-all",
        CollectiveKind::SendReceive => "send-receive",
    }
}

/// The factors of every device and class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intervals {
    rows: BTreeMap<(String, Class), Factors>,
}

/// The file as it stands.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[allow(dead_code, reason = "every file of facts says where its numbers come from; nothing is computed from it")]
    source: String,
    #[serde(default)]
    interval: Vec<toml::Spanned<Row>>,
}

/// One row of the file.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    device: String,
    kind: String,
    regime: String,
    low: f64,
    high: f64,
}

/// Why a file of factors was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {what}")]
pub struct Refusal {
    file: String,
    line: usize,
    what: String,
}

impl Intervals {
    /// The embedded factors; none where the file is absent or empty.
    ///
    /// # Panics
    ///
    /// If the embedded file is malformed; a test reads it.
    pub fn embedded() -> &'static Intervals {
        static EMBEDDED: OnceLock<Intervals> = OnceLock::new();
        EMBEDDED.get_or_init(|| {
            let text = data::file(FILE).unwrap_or("source = \"nothing was measured\"");
            Intervals::parse(FILE, text).expect("the embedded file is well formed")
        })
    }

    /// From the text of a file.
    ///
    /// # Errors
    ///
    /// If it is not TOML, has an unknown key, names no class, or a factor is no positive number below its partner; with the line.
    pub fn parse(name: &str, text: &str) -> Result<Intervals, Refusal> {
        let line = |at: usize| 1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count();
        let refuse = |at: usize, what: String| Refusal { file: name.to_string(), line: line(at), what };
        let file: File = toml::from_str(text)
            .map_err(|error| refuse(error.span().map_or(0, |span| span.start), error.message().to_string()))?;
        let classes = Class::all();
        let mut rows = BTreeMap::new();
        for row in file.interval {
            let at = row.span().start;
            let Row { device, kind, regime, low, high } = row.into_inner();
            let class = classes.iter().find(|class| class.kind == kind && class.regime == regime);
            let class =
                *class.ok_or_else(|| refuse(at, format!("no operators are called `{kind}` with `{regime}`")))?;
            if !(low > 0.0 && low <= high && high.is_finite()) {
                return Err(refuse(at, format!("`{low}` to `{high}` is no range of positive factors")));
            }
            rows.insert((device, class), Factors { low, high });
        }
        Ok(Intervals { rows })
    }

    /// Adds or replaces a row.
    pub fn set(&mut self, device: &str, class: Class, factors: Factors) {
        self.rows.insert((device.to_string(), class), factors);
    }

    /// Every row, in order.
    pub fn rows(&self) -> impl Iterator<Item = (&str, Class, Factors)> {
        self.rows.iter().map(|((device, class), factors)| (device.as_str(), *class, *factors))
    }

    /// The factors of a class on a device: its own, else those of devices never measured, else of kinds never measured.
    pub fn factors(&self, device: &str, class: Class) -> Factors {
        let of = |name: &str| self.rows.get(&(name.to_string(), class)).copied();
        of(device).or_else(|| of(TRANSFER)).unwrap_or(UNKNOWN)
    }

    /// The interval of one operator that was predicted to take `time` on `device`.
    pub fn of(&self, operator: &Operator, time: Seconds, device: &str) -> Interval {
        self.factors(device, Class::of(operator)).around(time.0)
    }

    /// The factors of a sum of operators, each with the time of all its repetitions; see the module for what is assumed.
    pub fn sum<'a>(&self, parts: impl IntoIterator<Item = (&'a Operator, Seconds)>, device: &str) -> Factors {
        let mut kinds: BTreeMap<&'static str, (f64, f64)> = BTreeMap::new();
        let mut total = 0.0;
        for (operator, time) in parts {
            let class = Class::of(operator);
            let factors = self.factors(device, class);
            let widths = kinds.entry(class.kind).or_default();
            widths.0 += time.0 * (1.0 - factors.low);
            widths.1 += time.0 * (factors.high - 1.0);
            total += time.0;
        }
        if total <= 0.0 {
            return Factors { low: 1.0, high: 1.0 };
        }
        // A kind whose whole range lies to one side of its prediction shifts the sum and cannot be added in squares.
        let shift = kinds.values().map(|(low, high)| (-low).max(0.0) - (-high).max(0.0)).sum::<f64>();
        let square = |width: &dyn Fn(&(f64, f64)) -> f64| {
            kinds.values().map(|widths| width(widths).max(0.0).powi(2)).sum::<f64>().sqrt()
        };
        let (down, up) = (square(&|widths| widths.0), square(&|widths| widths.1));
        Factors { low: ((total + shift - down) / total).max(0.0), high: (total + shift + up) / total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Format;
    use crate::operator::{Gemm, Stream, StreamKind};

    fn gemm(m: u64) -> Operator {
        let (weights, activations, output) = (Format::Bf16, Format::Bf16, Format::Bf16);
        Operator::Gemm(Gemm { m, n: 64, k: 64, count: 1, weights, activations, output })
    }

    fn stream() -> Operator {
        let kind = StreamKind::Norm;
        Operator::Stream(Stream { kind, rows: 1, width: 1, read: 1.0, written: 1.0, operations: 1.0 })
    }

    fn intervals() -> Intervals {
        let mut intervals = Intervals::default();
        intervals.set("one", Class::of(&gemm(1)), Factors { low: 0.9, high: 1.2 });
        intervals.set(TRANSFER, Class::of(&gemm(1)), Factors { low: 0.5, high: 2.0 });
        intervals.set("one", Class::of(&stream()), Factors { low: 0.8, high: 1.5 });
        intervals
    }

    #[test]
    fn every_class_of_an_operator_is_in_the_list() {
        let all = Class::all();
        for m in [1, 64, 65, 1024, 1025] {
            assert!(all.contains(&Class::of(&gemm(m))));
        }
        assert!(all.contains(&Class::of(&stream())));
        assert_eq!(Class::of(&gemm(64)).regime, "m <= 64");
        assert_eq!(Class::of(&gemm(65)).regime, "64 < m <= 1024");
    }

    #[test]
    fn a_device_without_its_own_takes_the_transferred_ones() {
        let intervals = intervals();
        assert_eq!(intervals.of(&gemm(1), Seconds(2.0), "one"), Interval { low: 1.8, high: 2.4 });
        assert_eq!(intervals.of(&gemm(1), Seconds(2.0), "new"), Interval { low: 1.0, high: 4.0 });
        assert_eq!(intervals.factors("new", Class::of(&stream())), UNKNOWN);
    }

    #[test]
    fn one_kind_adds_up_and_two_kinds_add_in_squares() {
        let intervals = intervals();
        let (product, other) = (gemm(1), stream());
        let same = intervals.sum([(&product, Seconds(1.0)), (&product, Seconds(3.0))], "one");
        assert!((same.low - 0.9).abs() < 1e-12 && (same.high - 1.2).abs() < 1e-12, "{same:?}");
        let both = intervals.sum([(&product, Seconds(1.0)), (&other, Seconds(1.0))], "one");
        assert!((both.high - (1.0 + (0.2f64.powi(2) + 0.5f64.powi(2)).sqrt() / 2.0)).abs() < 1e-12, "{both:?}");
        assert!((both.low - (1.0 - (0.1f64.powi(2) + 0.2f64.powi(2)).sqrt() / 2.0)).abs() < 1e-12, "{both:?}");
    }

    #[test]
    fn bad_files_are_refused_with_their_line() {
        let row = "source = \"x\"\n[[interval]]\ndevice = \"a\"\nkind = \"experts\"\nregime = \"m <= 64\"\nlow = 0.5\nhigh = 2\n";
        assert_eq!(Intervals::parse("f", row).unwrap().rows().count(), 1);
        let cases = [
            ("\"experts\"", "\"cooks\"", "cooks"),
            ("0.5", "3.0", "range"),
            ("0.5", "-1.0", "range"),
            ("low", "lo", "lo"),
        ];
        for (old, new, word) in cases {
            let refusal = Intervals::parse("f", &row.replace(old, new)).unwrap_err().to_string();
            assert!(refusal.starts_with("f, line ") && refusal.contains(word), "{refusal}");
        }
    }

    #[test]
    fn the_embedded_file_can_be_read() {
        Intervals::embedded();
    }
}
