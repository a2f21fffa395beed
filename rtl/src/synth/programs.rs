//! The programs of the flow.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Error, Result, tools};

/// Python with the chip tools, and OpenSTA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    python: PathBuf,
    sta: PathBuf,
    /// Names and versions.
    pub versions: Vec<(String, String)>,
}

/// Packages of the Python environment that the flow uses.
const PACKAGES: [&str; 3] = ["pyosys", "coloquinte", "klayout"];

impl Programs {
    /// The programs that this machine offers.
    pub fn find() -> Result<Programs> {
        let variable = |name: &str| std::env::var_os(name);
        let python = tools::environments(&variable)
            .into_iter()
            .map(|folder| folder.join("bin/python"))
            .find(|python| python.exists())
            .ok_or_else(|| missing("Python environment with the chip tools"))?;
        let sta = tools::in_path(&variable, &["sta"]).ok_or_else(|| missing("OpenSTA (`sta`)"))?;
        let mut versions = packages(&python)?;
        versions.push(("opensta".into(), says(Command::new(&sta).arg("-version"))?.trim().into()));
        Ok(Programs { python, sta, versions })
    }

    /// Run one of the flow's Python programs on a job.
    pub(super) fn python(&self, program: &Path, job: &Path) -> Result<()> {
        says(Command::new(&self.python).arg(program).arg(job)).map(drop)
    }

    /// What OpenSTA says to a script.
    pub(super) fn sta(&self, script: &Path) -> Result<String> {
        says(Command::new(&self.sta).args(["-no_splash", "-exit"]).arg(script))
    }
}

fn missing(what: &str) -> Error {
    Error::Tools(format!("there is no {what} here, and synthesis needs one: `cargo xtask tools eda` installs it"))
}

fn packages(python: &Path) -> Result<Vec<(String, String)>> {
    let ask = "import sys, importlib.metadata as m\nfor name in sys.argv[1:]: print(name, m.version(name))";
    let told = says(Command::new(python).args(["-c", ask]).args(PACKAGES))
        .map_err(|_| missing(&format!("Python environment with {}", PACKAGES.join(", "))))?;
    let pair = |line: &str| line.split_once(' ').map(|(name, version)| (name.to_string(), version.to_string()));
    Ok(told.lines().filter_map(pair).collect())
}

/// What a program prints; its failure is a sentence with its last words.
fn says(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| Error::Tools(format!("{name}: cannot be started: {error}")))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    let all = text + &String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = all.lines().map(str::trim).filter(|line| !line.is_empty()).rev().take(3).collect();
    let words: Vec<&str> = last.into_iter().rev().collect();
    Err(Error::Build(format!("{name} failed: {}", words.join(" / "))))
}
