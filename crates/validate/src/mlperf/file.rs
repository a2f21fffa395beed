//! `data/mlperf.toml`: what was published, and what the benchmark asks.

use super::configuration::{Configuration, Repeat, Run};
use super::lengths::{Known, Lengths};
use super::ripening::{Month, Ripening};
use super::server::{Around, Cooling};
use crate::published::{FileError, Text, positive, sourced};
use base::units::{Seconds, Watts};
use perf::device::Device;
use perf::network::{self, Shape};
use perf::workload::Formats;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use toml::Spanned;

/// Path of the shipped file, relative to `/data`.
pub const FILE: &str = "mlperf.toml";

/// How load comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// All at once.
    Offline,
    /// One by one at random, with a promise to 99 of 100.
    Server,
}

impl Scenario {
    /// As in the file.
    pub fn name(self) -> &'static str {
        match self {
            Scenario::Offline => "offline",
            Scenario::Server => "server",
        }
    }
}

/// A quantity in a file: `"2 s"`.
pub(super) fn quantity<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

/// A quantity that may be absent.
fn perhaps<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(from: D) -> Result<Option<T>, D::Error> {
    quantity(from).map(Some)
}

/// A round of the benchmark.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// `v5.1`.
    pub name: String,
    /// Month of publication.
    pub published: String,
    /// Month of the software that ran.
    pub software: Month,
    /// Who says so.
    pub source: String,
}

/// A network as the benchmark asks it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Benchmark {
    /// Name that the benchmark gives it.
    pub name: String,
    /// Key of the network.
    pub network: String,
    /// Mean tokens of a prompt.
    pub prompt: f64,
    /// Most tokens of a prompt.
    pub longest_prompt: u32,
    /// Shares of all prompts, rising, and the tokens that they do not exceed.
    pub prompt_quantiles: Vec<(f64, f64)>,
    /// Mean tokens of an answer.
    pub answer: f64,
    /// Most tokens of an answer.
    pub longest_answer: u32,
    /// Shares of all answers, rising, and the tokens that they do not exceed.
    pub answer_quantiles: Vec<(f64, f64)>,
    /// Fewest requests of a run offline.
    pub requests: u64,
    /// Time to first token that 99 of 100 requests of a server may take.
    #[serde(deserialize_with = "quantity")]
    pub ttft: Seconds,
    /// Time per further token that 99 of 100 requests of a server may take.
    #[serde(deserialize_with = "quantity")]
    pub tpot: Seconds,
    /// Who says so, and how sure it is.
    pub source: String,
}

impl Benchmark {
    /// How long its requests are, with a mean answer of a submission's own where it is known: other formats end answers elsewhere.
    pub fn lengths(&self, answer: Option<f64>) -> Lengths {
        Lengths::of(self.prompts(), Known { mean: answer.unwrap_or(self.answer), ..self.answers() })
    }

    fn prompts(&self) -> Known<'_> {
        Known { mean: self.prompt, most: self.longest_prompt.into(), quantiles: &self.prompt_quantiles }
    }

    fn answers(&self) -> Known<'_> {
        Known { mean: self.answer, most: self.longest_answer.into(), quantiles: &self.answer_quantiles }
    }

    /// The network.
    pub fn shape(&self) -> &'static Shape {
        network::language(&self.network).expect("checked when it was read").1
    }
}

/// What submitters ran on a device.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Key of the device.
    pub device: String,
    /// Formats, as `puce perf` reads them.
    pub formats: String,
    /// Software, by the name that the serving points use.
    pub backend: String,
    /// Who says so.
    pub source: String,
}

impl System {
    /// The formats.
    pub fn formats(&self) -> Formats {
        Formats::default().read(&self.formats).expect("checked when it was read")
    }

    /// The device.
    pub fn device(&self) -> Device {
        Device::find(&self.device).expect("checked when it was read")
    }
}

/// A published figure by what it is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Round.
    pub round: String,
    /// Network, by the name that the benchmark gives it.
    pub benchmark: String,
    /// Key of the device.
    pub device: String,
    /// How load came.
    pub scenario: Scenario,
}

impl Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Point { round, benchmark, device, scenario } = self;
        write!(f, "{round} {benchmark} {device} {}", scenario.name())
    }
}

/// The one point that sets a maker's factor.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The maker.
    pub vendor: String,
    /// The point.
    pub point: Point,
    /// Why this one.
    pub source: String,
}

/// A published rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// Of what.
    pub point: Point,
    /// Output tokens per second and accelerator.
    pub tokens: f64,
}

/// A server at the wall.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metered {
    /// What it ran.
    pub point: Point,
    /// Devices in it.
    pub devices: u32,
    /// How it is cooled.
    pub cooling: Cooling,
    /// Output tokens per second of all of them.
    pub tokens: f64,
    /// Mean power of all of it.
    #[serde(deserialize_with = "quantity")]
    pub power: Watts,
    /// Limit per device where it was set lower than the device's own.
    #[serde(default, deserialize_with = "perhaps")]
    pub limit: Option<Watts>,
    /// Who says so.
    pub source: String,
}

/// The whole file, checked: every name in it is one of something that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// Who published.
    pub source: String,
    /// Rounds.
    pub rounds: Vec<Round>,
    /// Networks.
    pub benchmarks: Vec<Benchmark>,
    /// Devices.
    pub systems: Vec<System>,
    /// What submissions ran, where they are published.
    pub configurations: Vec<Configuration>,
    /// Their runs, where the logs were read.
    pub runs: Vec<Run>,
    /// What several submitters reached with one device.
    pub repeats: Vec<Repeat>,
    /// How software ripens.
    pub ripening: Ripening,
    /// One point per maker.
    pub calibrations: Vec<Calibration>,
    /// Rates, in the order of the file, offline before server.
    pub published: Vec<Published>,
    /// Powers.
    pub metered: Vec<Metered>,
    /// What servers draw beside their devices.
    pub around: Around,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    source: Spanned<String>,
    round: Vec<Round>,
    benchmark: Vec<Spanned<Benchmark>>,
    system: Vec<Spanned<System>>,
    configuration: Vec<Spanned<Configuration>>,
    run: Vec<Spanned<Run>>,
    repeat: Vec<Spanned<Repeat>>,
    ripening: Spanned<Ripening>,
    calibration: Vec<Spanned<Calibration>>,
    result: Vec<Spanned<RawResult>>,
    metered: Vec<Spanned<Metered>>,
    around: Spanned<Around>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawResult {
    round: String,
    benchmark: String,
    device: String,
    offline: Option<f64>,
    server: Option<f64>,
    #[serde(rename = "note")]
    _note: Option<String>,
}

impl RawResult {
    fn published(&self) -> impl Iterator<Item = Published> + '_ {
        let both = [(Scenario::Offline, self.offline), (Scenario::Server, self.server)];
        both.into_iter().filter_map(|(scenario, tokens)| {
            let RawResult { round, benchmark, device, .. } = self.clone();
            Some(Published { point: Point { round, benchmark, device, scenario }, tokens: tokens? })
        })
    }
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
        let benchmarks = text.each(raw.benchmark, check_benchmark)?;
        let systems = text.each(raw.system, check_system)?;
        let rounds = raw.round;
        let known = |round: Option<&str>, benchmark: &str, device: &str| {
            let names = [
                (
                    "round",
                    round.unwrap_or_default(),
                    round.is_none_or(|round| rounds.iter().any(|one| one.name == round)),
                ),
                ("benchmark", benchmark, benchmarks.iter().any(|one| one.name == benchmark)),
                ("device", device, systems.iter().any(|one| one.device == device)),
            ];
            match names.iter().find(|(_, _, there)| !there) {
                Some((what, name, _)) => Err(format!("`{what} = \"{name}\"`: the file describes none of that name")),
                None => Ok(()),
            }
        };
        let configurations = text.each(raw.configuration, |one: &Configuration| {
            known(one.round.as_deref(), &one.benchmark, &one.device)?;
            sourced(&one.source)?;
            one.check(find_benchmark(&benchmarks, &one.benchmark).shape())
        })?;
        if let Some(twin) =
            configurations.iter().enumerate().find_map(|(place, one)| one.twin(&configurations[..place]))
        {
            return Err(text.error(0, format!("the configuration of {twin} is given twice")));
        }
        let runs = text.each(raw.run, |one: &Run| {
            known(one.round.as_deref(), &one.benchmark, &one.device)?;
            sourced(&one.source)?;
            one.check()
        })?;
        let key = |one: &Run| (one.round.clone(), one.benchmark.clone(), one.device.clone(), one.scenario);
        let again = |place: usize, one: &Run| runs[..place].iter().any(|other| key(other) == key(one));
        if let Some((_, twin)) = runs.iter().enumerate().find(|(place, one)| again(*place, one)) {
            let Run { benchmark, device, scenario, .. } = twin;
            return Err(
                text.error(0, format!("the run of {benchmark} on {device}, {}, is given twice", scenario.name()))
            );
        }
        let results = text.each(raw.result, |result| {
            known(Some(&result.round), &result.benchmark, &result.device)?;
            if result.published().next().is_none() {
                return Err("give `offline` or `server` or both".into());
            }
            result.published().try_for_each(|one| positive(one.point.scenario.name(), one.tokens))
        })?;
        let published: Vec<Published> = results.iter().flat_map(RawResult::published).collect();
        if let Some(twin) = twin(&published) {
            return Err(text.error(0, format!("{twin} is given twice")));
        }
        let calibrations = text.each(raw.calibration, |one| check_calibration(one, &published))?;
        let rounds_of_factors: BTreeSet<&str> = calibrations.iter().map(|one| one.point.round.as_str()).collect();
        if rounds_of_factors.len() > 1 {
            let names = Vec::from_iter(rounds_of_factors).join(", ");
            return Err(
                text.error(0, format!("factors are of {names}: one round is expected, from which software ripens"))
            );
        }
        let metered = text.each(raw.metered, |one: &Metered| {
            known(Some(&one.point.round), &one.point.benchmark, &one.point.device)?;
            sourced(&one.source)?;
            positive("devices", f64::from(one.devices))?;
            positive("tokens", one.tokens)
        })?;
        let repeats = text.each(raw.repeat, |one: &Repeat| {
            known(None, &one.benchmark, &one.device)?;
            sourced(&one.source)?;
            one.check()
        })?;
        let ripening = text.one(raw.ripening, Ripening::check)?;
        let around = text.one(raw.around, |one: &Around| {
            sourced(&one.source)?;
            positive("devices", f64::from(one.devices))
        })?;
        let file = File {
            source,
            rounds,
            benchmarks,
            systems,
            configurations,
            runs,
            repeats,
            ripening,
            calibrations,
            published,
            metered,
            around,
        };
        match file.uncalibrated() {
            Some(vendor) => Err(text.error(0, format!("`{vendor}` has results and no `[[calibration]]`"))),
            None => Ok(file),
        }
    }

    /// A maker without a point that sets its factor, or with two.
    fn uncalibrated(&self) -> Option<String> {
        let vendors: BTreeSet<String> = self.systems.iter().map(|system| system.device().vendor).collect();
        let set = |vendor: &str| self.calibrations.iter().filter(|one| one.vendor == vendor).count();
        vendors.into_iter().find(|vendor| set(vendor) != 1)
    }

    /// The round of a name that was checked.
    pub fn round(&self, name: &str) -> &Round {
        self.rounds.iter().find(|one| one.name == name).expect("checked when it was read")
    }

    /// The benchmark of a name that was checked.
    pub fn benchmark(&self, name: &str) -> &Benchmark {
        find_benchmark(&self.benchmarks, name)
    }

    /// The published rate of a point that was checked.
    pub fn rate(&self, point: &Point) -> f64 {
        self.published.iter().find(|one| one.point == *point).expect("checked when it was read").tokens
    }

    /// What was submitted, if that is published: of the point's own round before those of any.
    pub fn configuration(&self, point: &Point) -> Option<&Configuration> {
        let found = self.configurations.iter().filter(|one| one.is_of(point));
        found.max_by_key(|one| one.round.is_some())
    }

    /// The run of a submission, if its log was read: of the point's own round before those of any.
    pub fn run(&self, point: &Point) -> Option<&Run> {
        self.runs.iter().filter(|one| one.is_of(point)).max_by_key(|one| one.round.is_some())
    }

    /// The point that sets the factor of another: the one of the device's maker, if both ran the same kind of software. A network that is one compiled engine says nothing of one whose
    /// layers an interpreter launches.
    pub fn calibration(&self, point: &Point) -> Option<&Point> {
        let vendor = self.system(&point.device).device().vendor;
        let own = self.calibrations.iter().find(|one| one.vendor == vendor).expect("checked when it was read");
        let engine = |point: &Point| self.configuration(point).is_some_and(|one| one.engine);
        (engine(&own.point) == engine(point)).then_some(&own.point)
    }

    /// How far submissions with the same device lie apart, over the lowest: the most that is known of a network and a load.
    pub fn spread(&self, benchmark: &str, scenario: Scenario) -> f64 {
        let of = |one: &&Repeat| one.benchmark == benchmark && one.scenario == scenario;
        self.repeats.iter().filter(of).map(Repeat::spread).fold(0.0, f64::max)
    }

    /// How many times as fast the software of a round is as that of the round that set the factors.
    pub fn ripeness(&self, round: &str) -> f64 {
        let months = |round: &str| self.round(round).software.months();
        let set = &self.calibrations[0].point.round;
        self.ripening.growth().powf((months(round) - months(set)) / 12.0)
    }

    /// The system of a device that was checked.
    pub fn system(&self, device: &str) -> &System {
        self.systems.iter().find(|one| one.device == device).expect("checked when it was read")
    }
}

fn twin(published: &[Published]) -> Option<&Point> {
    let mut seen = BTreeSet::new();
    published.iter().map(|one| &one.point).find(|point| !seen.insert(*point))
}

/// The benchmark of a name that was checked.
fn find_benchmark<'a>(benchmarks: &'a [Benchmark], name: &str) -> &'a Benchmark {
    benchmarks.iter().find(|one| one.name == name).expect("checked when it was read")
}

fn check_benchmark(benchmark: &Benchmark) -> Result<(), String> {
    sourced(&benchmark.source)?;
    positive("requests", benchmark.requests as f64)?;
    check_lengths("prompt", benchmark.prompts())?;
    check_lengths("answer", benchmark.answers())?;
    network::language(&benchmark.network).map(|_| ()).map_err(|error| error.to_string())
}

/// Whether a mean is below the greatest length, and quantiles rise to that and agree with the mean.
fn check_lengths(what: &str, known: Known) -> Result<(), String> {
    let Known { mean, most, quantiles } = known;
    positive(what, mean)?;
    if mean >= most {
        return Err(format!("`{what} = {mean}`: a mean below `longest_{what}` is expected"));
    }
    let inside = |(share, tokens): &(f64, f64)| *share > 0.0 && *share < 1.0 && *tokens > 0.0 && *tokens <= most;
    let rise = quantiles.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1);
    if quantiles.is_empty() || !rise || !quantiles.iter().all(inside) {
        let wanted = "shares between 0 and 1 and tokens up to the longest are expected, both rising";
        return Err(format!("`{what}_quantiles`: {wanted}"));
    }
    if Lengths::agree(known) {
        return Ok(());
    }
    Err(format!("`{what}_quantiles`: no lengths through them have the mean of {mean} tokens"))
}

fn check_system(system: &System) -> Result<(), String> {
    sourced(&system.source)?;
    Device::find(&system.device).map_err(|error| error.to_string())?;
    Formats::default().read(&system.formats).map(|_| ()).map_err(|error| error.to_string())
}

fn check_calibration(calibration: &Calibration, published: &[Published]) -> Result<(), String> {
    sourced(&calibration.source)?;
    let point = &calibration.point;
    if !published.iter().any(|one| one.point == *point) {
        return Err(format!("{point}: no result of that"));
    }
    let vendor = Device::find(&point.device).map_err(|error| error.to_string())?.vendor;
    if vendor == calibration.vendor {
        return Ok(());
    }
    Err(format!("`{}` is made by {vendor}, not by {}", point.device, calibration.vendor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_refused_with_their_line() {
        let text = data::file(FILE).unwrap();
        let refuse = |from: &str, to: &str| File::parse("f", &text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(refuse("offline = 3066", "offline = -1").contains("`offline = -1`"));
        assert!(refuse("offline = 3066\n", "").contains("`offline` or `server`"));
        assert!(refuse("round = \"v4.1\"\nbenchmark", "round = \"v3\"\nbenchmark").contains("`round = \"v3\"`"));
        assert!(refuse("device = \"h100\"\nformats", "device = \"h1000\"\nformats").contains("`h1000` is no device"));
        assert!(refuse("vendor = \"AMD\"", "vendor = \"NVIDIA\"").contains("made by AMD"));
        assert!(refuse("device = \"b200\"\noffline = 11264", "device = \"h100\"\noffline = 11264").contains("twice"));
        assert!(refuse("longest_answer = 2000", "longest_answer = 600").contains("`answer = 684.68`"));
        assert!(refuse("[0.5, 222], [0.9, 479]", "[0.5, 479], [0.9, 222]").contains("`answer_quantiles`"));
        let factor = "round = \"v5.1\", benchmark = \"llama2-70b\", device = \"h100\"";
        assert!(refuse(factor, &factor.replace("v5.1", "v4.1")).contains("factors are of v4.1, v5.1"));
        assert!(refuse("prompt = 222.33", "prompt = 600").contains("`prompt_quantiles`: no lengths"));
        assert!(refuse("from = \"2024-11\"", "from = \"2024-13\"").contains("a month like"));
        assert!(refuse("from = \"2024-11\"", "from = \"2025-11\"").contains("`from` before `to`"));
        assert!(refuse("requests = 1179648", "requests = 0").contains("`requests`"));
        assert!(refuse("graphs = [128, 256", "graphs = [256, 128").contains("`graphs`"));
        let run = "[[run]]\nbenchmark = \"llama2-70b\"\ndevice = \"h200\"\nscenario = \"offline\"";
        assert!(refuse(run, &run.replace("h200", "h100")).contains("given twice"));
        assert!(refuse("batch = 1024", "batch = 0").contains("`batch = 0`"));
        assert!(refuse("tensor = 8", "tensor = 7").contains('7'));
        let scenario = "device = \"h200\"\nscenario = \"server\"";
        assert!(refuse(scenario, "device = \"h200\"\nscenario = \"offline\"").contains("twice"));
        // The entry that is wrong begins at its head.
        let line = text[..text.find("[[result]]").unwrap()].lines().count() + 1;
        assert!(refuse("offline = 3066", "offline = 0").starts_with(&format!("f, line {line}:")));
    }

    #[test]
    fn each_maker_has_one_point() {
        let text = data::file(FILE).unwrap();
        let (before, rest) = text.split_once("[[calibration]]\nvendor = \"AMD\"").unwrap();
        let rest = rest.split_once("[[result]]").unwrap().1;
        let without = format!("{before}[[result]]{rest}");
        assert!(File::parse("f", &without).unwrap_err().to_string().contains("`AMD` has results"));
    }
}
