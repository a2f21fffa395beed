//! `puce design`.

use crate::tool::{Ran, Scratch, command, puce};
use explore::study::Study;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A study of many rounds that take no time.
const TINY: &str = include_str!("tiny.toml");

/// Files of an outcome that must not depend on how it came about.
const FILES: [&str; 6] = ["chip.toml", "report.html", "memo.md", "results.parquet", "chips.parquet", "outcome.json"];

fn design(study: &str, out: &str, more: &[&str]) -> Ran {
    puce(&[&["design", study, "--out", out], more].concat())
}

/// Starts a search and waits until it has kept `rounds` rounds.
fn begun(study: &str, out: &str, rounds: usize) -> Child {
    let mut command = command(&["design", study, "--out", out, "--threads", "2"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let last = format!("{out}/search/round-{:06}.json", rounds - 1);
    let began = Instant::now();
    while !Path::new(&last).exists() {
        assert!(began.elapsed() < Duration::from_secs(120), "{last} does not appear");
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

/// Starts a search and kills it when it has kept `rounds` rounds.
fn killed(study: &str, out: &str, rounds: usize) {
    let mut child = begun(study, out, rounds);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it ended before it was killed");
    assert!(!Path::new(out).join("results.parquet").exists());
}

#[track_caller]
fn same(one: &str, other: &str) {
    for file in FILES {
        let [one, other] = [one, other].map(|out| fs::read(Path::new(out).join(file)).unwrap());
        assert!(one == other, "{file} differs");
    }
}

#[test]
fn a_study_is_answered_in_a_screen_and_in_files() {
    let scratch = Scratch::new();
    let (study, out) = (scratch.write("tiny.toml", TINY), scratch.path("out"));
    let text = design(&study, &out, &[]).good().out;
    for words in ["our chip", "B200", "USD per million", "binds", "turn it over", "explains the spread", "chip.toml"] {
        assert!(text.contains(words), "no `{words}` in:\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80) && text.lines().count() <= 50, "{text}");
    let chip = format!("{out}/chip.toml");
    puce(&["chip", "check", &chip]).good();
    assert_eq!(puce(&["perf", "--model", "gpt-oss-20b", "--device", &chip, "--json"]).good().code, Some(0));
    assert!(!Path::new(&out).join("search").exists());
    let told = design(&study, &out, &["--json"]).json();
    let whole: serde_json::Value = serde_json::from_slice(&fs::read(format!("{out}/outcome.json")).unwrap()).unwrap();
    assert_eq!((&told["search"], &told["chosen"]["die"]), (&whole["search"], &"".into()));
    assert!(whole["chosen"]["die"].as_str().unwrap().starts_with("<svg"));
}

#[test]
fn tables_hold_every_point_and_say_what_its_chip_is() {
    let scratch = Scratch::new();
    let (study, out) = (scratch.write("tiny.toml", TINY), scratch.path("out"));
    let search = design(&study, &out, &["--json"]).json()["search"].clone();
    let open = |name: &str| SerializedFileReader::new(File::open(Path::new(&out).join(name)).unwrap()).unwrap();
    let (points, chips) = (open("results.parquet"), open("chips.parquet"));
    assert_eq!(Some(points.metadata().file_metadata().num_rows() as u64), search["points"].as_u64());
    let column = |reader: &SerializedFileReader<File>, name: &str| {
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        schema.columns().iter().position(|column| column.name() == name).unwrap()
    };
    let (chip, cost) = (column(&chips, "chip"), column(&chips, "usd_at_1"));
    let rows: Vec<(i64, f64)> = chips
        .get_row_iter(None)
        .unwrap()
        .map(Result::unwrap)
        .filter_map(|row| Some((row.get_long(chip).unwrap(), row.get_double(cost).ok()?)))
        .collect();
    assert!(rows.len() as u64 <= search["evaluated"].as_u64().unwrap() && !rows.is_empty());
    // No point of a chip that prices its own power alone is dearer than the mix: the cheapest point is a floor of it.
    let (chip, usd) = (column(&points, "chip"), column(&points, "usd_per_million"));
    let mut least = std::collections::BTreeMap::new();
    for row in points.get_row_iter(None).unwrap().map(Result::unwrap) {
        let at = least.entry(row.get_long(chip).unwrap()).or_insert(f32::INFINITY);
        *at = row.get_float(usd).unwrap().min(*at);
    }
    assert!(rows.iter().all(|(chip, mix)| f64::from(least[chip]) <= *mix * (1.0 + 1e-6)));
}

#[test]
fn a_search_that_was_killed_goes_on_to_the_same_bytes() {
    let scratch = Scratch::new();
    let (study, whole, broken) = (scratch.write("tiny.toml", TINY), scratch.path("whole"), scratch.path("broken"));
    let told = design(&study, &whole, &["--threads", "1", "--json"]).json();
    let rounds = told["search"]["evaluated"].as_u64().unwrap() as usize / explore::search::ROUND;
    assert!(rounds > 12, "{rounds}");
    for after in [1, 5, 12] {
        killed(&study, &broken, after);
    }
    // A disk that loses what it was given.
    let spoil = |name: &str| {
        let path = Path::new(&broken).join("search").join(name);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    spoil("round-000000.parquet");
    spoil("round-000003.json");
    fs::write(format!("{broken}/search/round-000004.parquet"), "").unwrap();
    let ran = design(&study, &broken, &["--threads", "2"]).good();
    assert_eq!(ran.err.matches("is spoilt: the round is reckoned again").count(), 3, "{}", ran.err);
    same(&whole, &broken);
    assert!(!Path::new(&broken).join("search").exists());
}

#[test]
fn an_interrupt_ends_after_a_round_and_says_how_to_go_on() {
    let scratch = Scratch::new();
    let (study, out, whole) = (scratch.write("tiny.toml", TINY), scratch.path("out"), scratch.path("whole"));
    let child = begun(&study, &out, 2);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    let err = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(130), "{err}");
    assert!(err.contains("run the same command again"), "{err}");
    design(&study, &out, &[]).good();
    design(&study, &whole, &[]).good();
    same(&whole, &out);
}

#[test]
fn a_journal_serves_its_own_search_alone() {
    let scratch = Scratch::new();
    let (study, out, whole) = (scratch.write("tiny.toml", TINY), scratch.path("out"), scratch.path("whole"));
    killed(&study, &out, 3);
    fs::write(format!("{out}/search/mine.txt"), "not of the journal").unwrap();
    let ran = design(&study, &out, &["--as-of", "2026-10"]).good();
    assert!(ran.err.contains("starts afresh"), "{}", ran.err);
    design(&study, &whole, &["--as-of", "2026-10"]).good();
    same(&whole, &out);
    assert!(Path::new(&out).join("search/mine.txt").exists(), "files of others stay");
    let mut first = begun(&study, &out, 1);
    design(&study, &out, &[]).refused(&["another `puce design`", "--out"]);
    first.kill().unwrap();
    first.wait().unwrap();
    let ran = design(&study, &out, &["--fresh"]).good();
    assert!(!ran.err.contains("afresh"), "{}", ran.err);
}

#[test]
fn where_no_chip_will_do_there_is_none() {
    let scratch = Scratch::new();
    let (study, out) =
        (scratch.write("tiny.toml", format!("{TINY}\n[limits]\npackage = \"1 W\"\n")), scratch.path("out"));
    fs::create_dir(&out).unwrap();
    fs::write(format!("{out}/chip.toml"), "of an earlier study").unwrap();
    let ran = design(&study, &out, &[]).good();
    let words = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("no chip.toml, since no chip of the grid meets the limits"), "{}", ran.out);
    assert!(!Path::new(&out).join("chip.toml").exists());
}

#[test]
fn mistakes_are_refused_with_their_line_and_disks_with_their_file() {
    let scratch = Scratch::new();
    let wrong = scratch.write("wrong.toml", TINY.replace("key = \"gpt-oss-20b\"", "key = \"gpt-9\""));
    let line = 1 + TINY[..TINY.find("key = ").unwrap()].matches('\n').count();
    puce(&["design", &wrong]).refused(&[&format!("wrong.toml, line {line}"), "gpt-9"]);
    puce(&["design", "nowhere.toml"]).refused(&["nowhere.toml", "no such file"]);
    let study = scratch.write("tiny.toml", TINY);
    design(&study, &study, &[]).refused(&["tiny.toml"]);
    for (arguments, word) in [(["--slack", "0.5"], "--exhaustive"), (["--as-of", "May"], "no date")] {
        let ran = design(&study, "out", &arguments);
        assert!(ran.code == Some(2) && ran.err.contains(word), "{arguments:?}: {}", ran.err);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_leaves_what_was_there() {
    let scratch = Scratch::new();
    let (study, out) = (scratch.write("tiny.toml", TINY), scratch.path("out"));
    fs::create_dir(&out).unwrap();
    fs::write(format!("{out}/memo.md"), "of an earlier study").unwrap();
    // Whatever is written under the passing name lands on a device that is always full.
    std::os::unix::fs::symlink("/dev/full", format!("{out}/memo.md.tmp")).unwrap();
    design(&study, &out, &[]).refused(&["memo.md", "the disk is full"]);
    assert_eq!(fs::read_to_string(format!("{out}/memo.md")).unwrap(), "of an earlier study");
    assert!(Path::new(&out).join("search").exists(), "nothing that was found is lost");
    design(&study, &out, &[]).good();
}

#[test]
fn the_builtin_study_is_a_text_to_begin_with() {
    let text = puce(&["design", "--print-study"]).good().out;
    assert_eq!(Study::parse("printed", &text), Ok(Study::builtin()));
}

#[test]
fn every_example_is_a_study() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 4);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let study = Study::parse(&file.display().to_string(), &text).unwrap_or_else(|error| panic!("{error}"));
        let plain = text.lines().filter(|line| line.contains(" = ") && !line.contains('#')).count();
        assert!(study.space.size() > 1 && plain == 0, "{}: every line says what it means", file.display());
    }
}
