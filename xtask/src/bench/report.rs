//! The page of a benchmark run: a table of at most 100 columns, and the same figures as JSON beside
//! it.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::Outcome;
use super::limits::Limits;
use crate::date::today;

/// Everything a run found out.
#[derive(Serialize)]
pub struct Report {
    date: String,
    machine: Machine,
    rounds: usize,
    outcomes: Vec<Outcome>,
    limits: Vec<Limits>,
}

/// Where it ran.
#[derive(Serialize)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) cores: usize,
    /// The instruction sets that matter here.
    flags: Vec<String>,
    /// The load of the machine when the run began.
    pub(super) load: String,
    pub(super) compiler: String,
}

const FLAGS: &[&str] =
    &["avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm"];

impl Report {
    /// Adds the date and the machine to the figures.
    pub fn new(outcomes: Vec<Outcome>, limits: Vec<Limits>, rounds: usize, load: &str) -> Self {
        Self { date: today(), machine: Machine::this(load), rounds, outcomes, limits }
    }

    /// Writes the page and the JSON into `docs/benchmarks`, named by date and processor.
    pub fn write(&self, root: &Path) -> Result<()> {
        let folder = root.join("docs").join("benchmarks");
        let name = format!("{}-{}", self.date, slug(&self.machine.processor));
        let json = serde_json::to_string_pretty(self)? + "\n";
        std::fs::create_dir_all(&folder)?;
        for (end, text) in [("md", self.page()), ("json", json)] {
            let path = folder.join(format!("{name}.{end}"));
            std::fs::write(&path, text).with_context(|| format!("{}: cannot be written", path.display()))?;
            println!("wrote docs/benchmarks/{name}.{end}");
        }
        Ok(())
    }

    /// The page.
    pub fn page(&self) -> String {
        let machine = &self.machine;
        let peer = self.outcomes.first().map(|outcome| &outcome.peer);
        let text = |part: Option<&String>| part.map_or("unknown", |text| text.trim_end_matches([' ', '|'])).to_owned();
        let mut page = format!("# SmolLM2-135M, {}, {}\n\n", machine.processor, self.date);
        page +=
            &format!("- {} cores; {}; load at the start {}\n", machine.cores, machine.flags.join(" "), machine.load);
        page += &format!("- {}\n", machine.compiler);
        page += &format!("- llama-cpp-python {}\n", text(peer.and_then(|peer| peer.version.as_ref())));
        page += &format!("- built for {}\n", text(peer.and_then(|peer| peer.system.as_ref())));
        page += &format!("- medians of {} rounds, ours and llama.cpp in turn\n\n", self.rounds);
        page += &self.speeds();
        page += "\nSpeeds in tokens per second over all sequences. `limit`: what memory and vector units permit.\n\n";
        page += &self.memory();
        page += "\n## Limits of the machine\n\nMedians of the rounds of each row, in the same order.\n\n";
        self.limits.iter().for_each(|limits| page += &format!("- {limits}\n"));
        page
    }

    fn speeds(&self) -> String {
        let head = ["work", "threads", "puce", "llama.cpp", "ratio", "target", "limit", "of limit"];
        let rows = self.outcomes.iter().map(|outcome| {
            let (ours, peer) = (outcome.ours.tokens_per_second, outcome.peer.tokens_per_second);
            vec![
                outcome.workload.to_string(),
                outcome.threads.to_string(),
                format!("{ours:.1}"),
                format!("{peer:.1}"),
                format!("{:.2}", ours / peer),
                optional(outcome.target, |target| format!("{target:.1}")),
                optional(outcome.limit, |limit| format!("{limit:.0}")),
                optional(outcome.limit, |limit| format!("{:.0} %", 100.0 * ours / limit)),
            ]
        });
        table(&head, rows)
    }

    fn memory(&self) -> String {
        let megabytes = |bytes: u64| format!("{:.0}", bytes as f64 / 1e6);
        let rows = self.outcomes.iter().map(|outcome| {
            let (ours, peer) = (outcome.ours.peak_rss_bytes, outcome.peer.peak_rss_bytes);
            let ratio = format!("{:.2}", ours as f64 / peer as f64);
            vec![outcome.workload.to_string(), outcome.threads.to_string(), megabytes(ours), megabytes(peer), ratio]
        });
        table(&["peak memory, MB", "threads", "puce", "llama.cpp", "ratio"], rows)
    }
}

impl Machine {
    /// This machine, with the text of its load when the run began.
    pub(super) fn this(load: &str) -> Self {
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let flags = field(&cpu, &["flags", "Features"]).unwrap_or_default();
        let has = |flag: &&&str| flags.split_whitespace().any(|present| present == **flag);
        let version = std::process::Command::new("rustc").arg("--version").output();
        let compiler = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        Self {
            processor: field(&cpu, &["model name", "Processor"]).unwrap_or(std::env::consts::ARCH).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            flags: FLAGS.iter().filter(has).map(|flag| (*flag).to_owned()).collect(),
            load: load.split_whitespace().next().unwrap_or("unknown").to_owned(),
            compiler: compiler.unwrap_or_else(|_| "rustc unknown".to_owned()),
        }
    }
}

/// The value of the first of the named fields in the text of `/proc/cpuinfo`.
fn field<'a>(text: &'a str, names: &[&str]) -> Option<&'a str> {
    let pairs = || text.lines().filter_map(|line| line.split_once(':'));
    names.iter().find_map(|name| pairs().find(|(key, _)| key.trim() == *name)).map(|(_, value)| value.trim())
}

fn optional(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.map_or("-".to_owned(), show)
}

/// A Markdown table whose columns line up: the first to the left, figures to the right.
pub(super) fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<_> = std::iter::once(head.iter().map(|cell| (*cell).to_owned()).collect()).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            text += &if column == 0 { format!("| {cell:<width$} ") } else { format!("| {cell:>width$} ") };
        }
        text += "|\n";
        if at == 0 {
            let rule = |(column, &width): (usize, &usize)| {
                format!("|{}{}", "-".repeat(width + 1), if column == 0 { "-" } else { ":" })
            };
            text += &widths.iter().enumerate().map(rule).collect::<String>();
            text += "|\n";
        }
    }
    text
}

/// Lower-case words joined by `-`, fit for a file name.
fn slug(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Measured, ROWS, Workload};

    fn measured(tokens_per_second: f64) -> Measured {
        let system = Some("CPU : AVX2 = 1 | ".to_owned());
        Measured { tokens_per_second, peak_rss_bytes: 123_456_789_012, version: Some("1.2".to_owned()), system }
    }

    fn report() -> Report {
        let outcome = |workload: Workload, target| Outcome {
            workload,
            threads: 2,
            target,
            ours: measured(12_345.67),
            peer: measured(6_172.835),
            limit: Some(123_456.7),
        };
        let outcomes = ROWS.iter().map(|row| outcome(row.workload, row.target)).collect();
        Report::new(outcomes, Vec::new(), 3, "0.50 0.40 0.30 1/2 3")
    }

    #[test]
    fn the_page_fits_a_terminal_and_says_the_ratio() {
        let page = report().page();
        let longest = page.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= 100, "{longest} columns:\n{page}");
        let row = page.lines().find(|line| line.starts_with("| prefill, 512 tokens")).unwrap();
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[2..9], ["2", "12345.7", "6172.8", "2.00", "5.0", "123457", "10 %"]);
        assert!(page.contains("load at the start 0.50\n"));
    }

    #[test]
    fn the_files_are_named_by_date_and_processor() {
        let tree = tempfile::tempdir().unwrap();
        let report = report();
        report.write(tree.path()).unwrap();
        let name = format!("docs/benchmarks/{}-{}", report.date, slug(&report.machine.processor));
        let json = std::fs::read_to_string(tree.path().join(format!("{name}.json"))).unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["outcomes"][0]["ours"]["tokens_per_second"], 12_345.67);
        assert!(tree.path().join(format!("{name}.md")).exists());
    }

    #[test]
    fn tables_line_up() {
        let rows = [vec!["long name".to_owned(), "1".to_owned()], vec!["x".to_owned(), "1000".to_owned()]];
        let expected = "| a         |    b |\n|-----------|-----:|\n| long name |    1 |\n| x         | 1000 |\n";
        assert_eq!(table(&["a", "b"], rows.into_iter()), expected);
    }

    #[test]
    fn names_are_words() {
        assert_eq!(slug("AMD EPYC(tm) 7B13  64-Core"), "amd-epyc-tm-7b13-64-core");
    }

    #[test]
    fn processor_fields_have_two_spellings() {
        assert_eq!(field("a\t: b\nmodel name\t: X 1\n", &["model name", "Processor"]), Some("X 1"));
        assert_eq!(field("Processor : Y\n", &["model name", "Processor"]), Some("Y"));
        assert_eq!(field("", &["model name"]), None);
    }
}
