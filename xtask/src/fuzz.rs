//! Every fuzz target for some seconds, starting from the stored corpus.
//!
//! The corpus in `fuzz/corpus/<target>` is what was found worth keeping; a run works on a copy
//! below `.tools/`, so that it never changes the tree. libFuzzer needs the nightly toolchain.
//! Without it the run says so and replays the stored corpus through the ordinary tests whose names
//! contain [`REPLAY`], and fails if there are none: a skipped check must not look like a passed
//! one.

use std::path::Path;

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use crate::{repo, suite, tools};

/// Seconds for each target when nothing else is asked.
pub const DEFAULT_SECONDS: u32 = 20;

/// Part of the name of every test that replays a stored corpus.
const REPLAY: &str = "corpus";

/// Fuzzes each target, or replays the corpus where there is no nightly toolchain.
pub fn run(root: &Path, seconds: u32) -> Result<()> {
    let manifest = root.join("fuzz").join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).with_context(|| format!("{}: cannot be read", manifest.display()))?;
    let targets = targets(&text).with_context(|| manifest.display().to_string())?;
    if !repo::succeeds(repo::command(root, "rustup").args(["run", "nightly", "cargo", "--version"])) {
        println!("fuzzing skipped: no nightly toolchain; replaying the stored corpus instead");
        return replay(root);
    }
    tools::cargo_fuzz(root)?;
    for target in &targets {
        fuzz(root, target, seconds)?;
    }
    println!("fuzzed {} targets, {seconds} s each: no failure", targets.len());
    Ok(())
}

/// The names of the `[[bin]]` tables of the fuzz crate.
fn targets(manifest: &str) -> Result<Vec<String>> {
    let table: Table = manifest.parse()?;
    let bins = table.get("bin").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<_> = bins.filter_map(|bin| bin.get("name")?.as_str()).map(str::to_owned).collect();
    if names.is_empty() {
        bail!("no `[[bin]]` with a name: nothing to fuzz");
    }
    Ok(names)
}

fn fuzz(root: &Path, target: &str, seconds: u32) -> Result<()> {
    let copy = root.join(".tools").join("corpus").join(target);
    let stored = root.join("fuzz").join("corpus").join(target);
    let count = copy_corpus(&stored, &copy)?;
    println!("> fuzz {target}: {seconds} s from {count} stored inputs");
    let mut command = repo::command(root, "rustup");
    command
        .args(["run", "nightly", "cargo", "fuzz", "run", target])
        .arg(&copy)
        .args(["--", &format!("-max_total_time={seconds}"), "-verbosity=0"])
        .env_remove("RUSTUP_TOOLCHAIN");
    let (ended_well, _) = suite::run_counted(&mut command, false)?;
    if !ended_well {
        bail!("fuzz target `{target}` failed; the input is in fuzz/artifacts/{target}");
    }
    Ok(())
}

/// Makes `copy` a fresh folder with the files of `stored`, which may be absent; gives their number.
fn copy_corpus(stored: &Path, copy: &Path) -> Result<usize> {
    if copy.exists() {
        std::fs::remove_dir_all(copy)?;
    }
    std::fs::create_dir_all(copy)?;
    if !stored.exists() {
        return Ok(0);
    }
    let mut count = 0;
    for entry in std::fs::read_dir(stored)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), copy.join(entry.file_name()))?;
            count += 1;
        }
    }
    Ok(count)
}

fn replay(root: &Path) -> Result<()> {
    let mut command = repo::command(root, "cargo");
    let (ended_well, tally) = suite::run_counted(command.args(["test", "--workspace", REPLAY]), true)?;
    if !ended_well {
        bail!("replaying the stored corpus failed");
    }
    if tally.passed == 0 {
        bail!("no test with `{REPLAY}` in its name: the stored corpus was not replayed");
    }
    println!("replayed the stored corpus: {tally}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_come_from_the_manifest() {
        let text = "[package]\nname = 'fuzz'\n[[bin]]\nname = 'gguf'\npath = 'x'\n[[bin]]\nname = 'program'\n";
        assert_eq!(targets(text).unwrap(), ["gguf", "program"]);
        assert!(targets("[package]\nname = 'fuzz'\n").is_err());
        assert!(targets("[[bin").is_err());
    }

    #[test]
    fn a_run_starts_from_a_fresh_copy() {
        let tree = tempfile::tempdir().unwrap();
        let (stored, copy) = (tree.path().join("stored"), tree.path().join("copy"));
        assert_eq!(copy_corpus(&stored, &copy).unwrap(), 0, "no corpus yet");
        std::fs::create_dir_all(&stored).unwrap();
        std::fs::write(stored.join("a"), "1").unwrap();
        std::fs::write(copy.join("left over"), "2").unwrap();
        assert_eq!(copy_corpus(&stored, &copy).unwrap(), 1);
        assert!(copy.join("a").exists() && !copy.join("left over").exists());
        std::fs::write(copy.join("b"), "3").unwrap();
        assert!(!stored.join("b").exists(), "the stored corpus is untouched");
    }
}
