//! `data/serving-runs.toml`: how runs of the public benchmark were configured, for lines of the file of points that do not say it.
//!
//! A line names software, device, lengths and requests in flight; how many workers there were, how attention was divided and whether tokens were drafted is
//! in the benchmark's own configuration file alone.

use perf::parallel::Mapping;
use serde::Deserialize;
use std::str::FromStr;
use std::sync::OnceLock;

/// Path of the shipped file, relative to `/data`.
pub const FILE: &str = "serving-runs.toml";

/// Workers of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workers {
    /// How many.
    pub count: u64,
    /// Division of each among its devices.
    pub mapping: Mapping,
}

impl FromStr for Workers {
    type Err = String;

    fn from_str(text: &str) -> Result<Workers, String> {
        let refuse = || format!("`{text}`: workers like `2xdep8` are expected, of `tp`, `tep` or `dep`");
        let (count, kind) = text.split_once('x').ok_or_else(refuse)?;
        let (kind, devices) = kind.split_at(kind.find(|c: char| c.is_ascii_digit()).ok_or_else(refuse)?);
        let positive = |digits: &str| digits.parse::<u64>().ok().filter(|number| *number > 0);
        let (count, n) = positive(count).zip(positive(devices)).ok_or_else(refuse)?;
        let mapping = match kind {
            "tp" => Mapping { tensor: n, ..Mapping::ONE },
            "tep" => Mapping { tensor: n, expert: n, ..Mapping::ONE },
            "dep" => Mapping { data: n, expert: n, ..Mapping::ONE },
            _ => return Err(refuse()),
        };
        Ok(Workers { count, mapping })
    }
}

/// One configuration, measured with several numbers of requests in flight.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Run {
    /// Lengths of prompt and answer.
    pub lengths: (u64, u64),
    /// Tokens that a step drafts for each sequence.
    pub drafts: u64,
    /// Workers of prompts; none where one instance does both.
    pub prefill: Option<Workers>,
    /// Workers of answers.
    pub decode: Workers,
    /// Requests in flight.
    pub flight: Vec<u64>,
}

impl TryFrom<String> for Run {
    type Error = String;

    fn try_from(text: String) -> Result<Run, String> {
        let refuse = || format!("`{text}`: a run like `1024/1024 d3 1xdep4 4xtep8: 8 16` is expected");
        let number = |digits: &str| digits.parse::<u64>().map_err(|_| refuse());
        let (head, flight) = text.split_once(':').ok_or_else(refuse)?;
        let words: Vec<&str> = head.split_whitespace().collect();
        let (lengths, drafts, workers) = match words.as_slice() {
            [lengths, drafts, workers @ ..] if (1..=2).contains(&workers.len()) => (lengths, drafts, workers),
            _ => return Err(refuse()),
        };
        let (prompt, answer) = lengths.split_once('/').ok_or_else(refuse)?;
        let workers = workers.iter().map(|word| word.parse()).collect::<Result<Vec<Workers>, String>>()?;
        Ok(Run {
            lengths: (number(prompt)?, number(answer)?),
            drafts: number(drafts.strip_prefix('d').ok_or_else(refuse)?)?,
            prefill: (workers.len() == 2).then(|| workers[0]),
            decode: *workers.last().ok_or_else(refuse)?,
            flight: flight.split_whitespace().map(number).collect::<Result<_, _>>()?,
        })
    }
}

/// What numbers of requests in flight are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlightOf {
    /// All workers together.
    #[default]
    All,
    /// Each decode worker.
    #[serde(rename = "decode worker")]
    DecodeWorker,
}

/// A release of serving software on a device with a network.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Software {
    /// Name of the network without its maker.
    pub network: String,
    /// `trtllm` or `sglang`.
    pub backend: String,
    /// Its release.
    pub release: String,
    /// Key of the device.
    pub device: String,
    /// `fp8` or `fp4`, as in the points.
    pub precision: String,
    /// What numbers of requests in flight are of.
    #[serde(default)]
    pub flight_of: FlightOf,
    /// Its configurations.
    pub runs: Vec<Run>,
}

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    /// Where the configurations are published.
    pub source: String,
    /// When.
    pub date: String,
    software: Vec<Software>,
}

/// What a line of the points says of its run.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Path of the network.
    pub network: &'a str,
    /// Software.
    pub backend: &'a str,
    /// Its release.
    pub release: &'a str,
    /// Key of the device.
    pub device: &'a str,
    /// Precision.
    pub precision: &'a str,
    /// Lengths of prompt and answer.
    pub lengths: (u64, u64),
    /// Requests in flight.
    pub flight: u64,
    /// Devices of a worker of prompts, where there are such.
    pub prefill: Option<u64>,
    /// Devices of a worker of answers.
    pub decode: u64,
}

impl Runs {
    /// The shipped file.
    ///
    /// # Panics
    /// If it is malformed; a test reads it.
    pub fn embedded() -> &'static Runs {
        static RUNS: OnceLock<Runs> = OnceLock::new();
        RUNS.get_or_init(|| toml::from_str(data::file(FILE).expect("part of the program")).expect("well formed"))
    }

    /// Every configuration that a line may have run.
    pub fn matching(&self, asked: &Asked) -> Vec<&Run> {
        let fits = |software: &Software, run: &Run| {
            let scale = if software.flight_of == FlightOf::DecodeWorker { run.decode.count } else { 1 };
            run.lengths == asked.lengths
                && run.flight.iter().any(|flight| flight * scale == asked.flight)
                && run.prefill.map(|workers| workers.mapping.devices()) == asked.prefill
                && run.decode.mapping.devices() == asked.decode
        };
        let software = self.software.iter().filter(|software| software.is(asked));
        software.flat_map(|software| software.runs.iter().filter(move |run| fits(software, run))).collect()
    }
}

impl Software {
    fn is(&self, asked: &Asked) -> bool {
        let own = [&self.backend, &self.release, &self.device, &self.precision];
        own == [asked.backend, asked.release, asked.device, asked.precision]
            && asked.network.rsplit('/').next() == Some(&self.network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serving::deployment::device_key;
    use perf::network;

    const ASKED: Asked<'static> = Asked {
        network: "deepseek-ai/DeepSeek-R1",
        backend: "trtllm",
        release: "0.8.1.post1",
        device: "h200",
        precision: "fp8",
        lengths: (1024, 1024),
        flight: 576,
        prefill: Some(8),
        decode: 8,
    };

    #[test]
    fn the_shipped_file_speaks_of_known_devices_and_networks_in_divisions_that_work() {
        let runs = Runs::embedded();
        assert!(runs.source.starts_with("https://") && runs.software.len() > 15);
        for software in &runs.software {
            let known = ["h100_sxm", "h200_sxm", "b200_sxm", "gb200", "gb300"].map(device_key);
            assert!(known.contains(&Some(&software.device[..])), "{}", software.device);
            let (_, shape) = network::language(&software.network).unwrap();
            for run in &software.runs {
                assert!(!run.flight.is_empty() && run.drafts <= 3, "{run:?}");
                // Where attention is data parallel, copies of popular experts let 24 and 48 devices share 256 of them.
                let workers = run.prefill.into_iter().chain([run.decode]);
                let divided = workers.filter(|workers| workers.mapping.data == 1);
                divided.for_each(|workers| workers.mapping.check(shape).unwrap());
            }
        }
    }

    #[test]
    fn a_line_finds_its_run_by_everything_that_it_says() {
        let found = Runs::embedded().matching(&ASKED);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].drafts, found[0].decode.count), (0, 9), "64 on each of nine workers");
        let with = |change: fn(&mut Asked<'static>)| {
            let mut asked = ASKED;
            change(&mut asked);
            Runs::embedded().matching(&asked).len()
        };
        assert_eq!(with(|asked| asked.network = "deepseek-ai/DeepSeek-V3"), 0);
        assert_eq!(with(|asked| asked.release = "0.8.1.post2"), 0);
        assert_eq!(with(|asked| asked.prefill = None), 0);
        assert_eq!(with(|asked| asked.flight = 512), 1, "64 on each of eight workers, with drafts");
        assert_eq!(with(|asked| asked.flight = 64), 0, "as many on each, of no run");
    }

    #[test]
    fn a_run_that_is_none_is_refused_with_an_example() {
        let refuse = |text: &str| Run::try_from(text.to_string()).unwrap_err();
        assert!(Run::try_from("1/2 d0 1xtp8: 4".to_string()).is_ok());
        for text in
            ["", "1024 d0 1xtp8: 4", "1/2 0 1xtp8: 4", "1/2 d0: 4", "1/2 d0 1xtp8 1xtp8 1xtp8: 4", "1/2 d0 1xtp8: x"]
        {
            assert!(refuse(text).contains("a run like"), "{text}");
        }
        for text in ["1/2 d0 xtp8: 4", "1/2 d0 0xtp8: 4", "1/2 d0 1xpp8: 4", "1/2 d0 1xtp: 4", "1/2 d0 1tp8: 4"] {
            assert!(refuse(text).contains("workers like"), "{text}");
        }
    }
}
