//! The test programs of the design, and how one is run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::repo;

/// How a test program ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Every test passed.
    Well,
    /// A test failed.
    Badly,
    /// It was stopped after it had worked for its time.
    Late,
}

/// Test programs by the names of their targets.
pub struct Targets {
    root: PathBuf,
    programs: BTreeMap<String, PathBuf>,
}

impl Targets {
    /// Builds these targets, with what the suite has built.
    pub fn build(root: &Path, names: &[&str]) -> Result<Targets> {
        let mut cargo = repo::command(root, "cargo");
        cargo.args(["test", "--workspace", "--no-run", "--message-format=json", "--quiet"]);
        names.iter().for_each(|name| _ = cargo.args(["--test", name]));
        let said = repo::output(&mut cargo)?;
        let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let program = |line: Value| {
            let name = line.pointer("/target/name")?.as_str()?.to_owned();
            let inside = line.pointer("/manifest_path")?.as_str()?.ends_with("rtl/Cargo.toml");
            Some((name, PathBuf::from(line.pointer("/executable")?.as_str()?))).filter(|_| inside)
        };
        Ok(Targets { root: root.to_owned(), programs: lines.filter_map(program).collect() })
    }

    /// A command that runs the tests of a target whose names contain one of these words, or all.
    pub fn command(&self, name: &str, words: &[String]) -> Result<Command> {
        let program = self.programs.get(name).with_context(|| format!("`rtl/tests` has no target `{name}`"))?;
        let mut command = repo::command(&self.root, &program.to_string_lossy());
        // What a planted error makes of a test is of no interest, and finding the names for it takes longer than the test.
        command.current_dir(self.root.join("rtl")).env("CI", "1").env("RUST_BACKTRACE", "0").args(words);
        Ok(command)
    }
}

/// How many times its time a program may take by the clock: others may have the processor, or it waits for nothing.
const BY_THE_CLOCK: u32 = 20;
/// Units of a second in which Linux counts the time of a program for everybody (`man 5 proc`: USER_HZ, the same on all its machines).
const TICKS: u64 = 100;

/// Runs to the end, or until it has worked for this time. What it said goes to a file.
pub fn ended(command: &mut Command, time: Duration, log: &Path) -> Result<End> {
    let file = std::fs::File::create(log).with_context(|| log.display().to_string())?;
    let mut child = command.stdout(file.try_clone()?).stderr(file).stdin(Stdio::null()).spawn()?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(if status.success() { End::Well } else { End::Badly });
        }
        let clock = start.elapsed();
        if clock > BY_THE_CLOCK * time || clock > time && worked(child.id()).unwrap_or(clock) > time {
            child.kill()?;
            child.wait()?;
            return Ok(End::Late);
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// How long a program has had a processor, where the system says it.
fn worked(program: u32) -> Option<Duration> {
    let said = std::fs::read_to_string(format!("/proc/{program}/stat")).ok()?;
    let fields: Vec<&str> = said.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(1000 * ticks / TICKS))
}

/// Refuses a program that does not end well.
pub fn well(end: End, what: &str, log: &Path) -> Result<()> {
    match end {
        End::Well => Ok(()),
        End::Badly => bail!("{what} fails: {} says why", log.display()),
        End::Late => bail!("{what} does not end in time"),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_program_ends_well_or_badly_or_late() {
        let folder = tempfile::tempdir().unwrap();
        let end = |script: &str| {
            let mut shell = Command::new("sh");
            ended(shell.args(["-c", script]), Duration::from_millis(50), &folder.path().join("log")).unwrap()
        };
        assert_eq!((end("true"), end("false"), end("while :; do :; done")), (End::Well, End::Badly, End::Late));
        // Who waits has not worked, but not for ever.
        assert_eq!((end("sleep 0.2"), end("exec sleep 20")), (End::Well, End::Late));
    }
}
