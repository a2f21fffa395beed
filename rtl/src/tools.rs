//! Where Verilator and the C++ compiler are.
//!
//! Verilator comes in a Python environment: the one that [`EDA`] names, else `.tools/eda` in a folder above this one (`cargo xtask tools eda` makes
//! it), else `eda` in the cache directory. The compiler is the one that `CXX` names, else `g++` or `c++` of the search path.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::{Error, Result};

/// The environment variable that names a Python environment with the chip tools.
pub const EDA: &str = "PUCE_EDA";

/// The tools that make a simulator of a design.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tools {
    /// The Python environment.
    pub environment: PathBuf,
    /// Verilator's folder, with `bin` and `include`.
    pub verilator: PathBuf,
    /// The C++ compiler.
    pub compiler: PathBuf,
    /// What both say of their versions.
    pub version: String,
}

impl Tools {
    /// The tools that the environment, the folders above this one or the cache directory offer; looked for once.
    pub fn find() -> Result<&'static Tools> {
        static FOUND: OnceLock<Result<Tools>> = OnceLock::new();
        FOUND.get_or_init(|| Tools::find_with(&|name| std::env::var_os(name))).as_ref().map_err(Clone::clone)
    }

    /// [`Tools::find`] with an environment of the caller's.
    pub fn find_with(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Tools> {
        let (environment, verilator) = environments(variable)
            .into_iter()
            .find_map(|environment| Some((environment.clone(), verilator_in(&environment)?)))
            .ok_or_else(|| missing("Verilator", "`cargo xtask tools eda` installs it"))?;
        let compiler =
            compiler(variable).ok_or_else(|| missing("C++ compiler", "`cargo xtask tools eda` installs g++"))?;
        let version =
            says_version(&verilator.join("bin/verilator_bin"), &verilator)? + &says_version(&compiler, &verilator)?;
        Ok(Tools { environment, verilator, compiler, version })
    }

    /// [`Tools::find`] for a test: `None`, after a printed sentence, where a tool is missing; with `CI` in the environment that is a failure.
    pub fn in_test() -> Option<&'static Tools> {
        match Tools::find() {
            Ok(tools) => Some(tools),
            Err(why) if std::env::var_os("CI").is_none() => {
                println!("not tested: {why}");
                None
            }
            Err(why) => panic!("{why}"),
        }
    }

    /// A command that runs Verilator.
    pub fn verilator(&self) -> Command {
        let mut command = Command::new(self.verilator.join("bin/verilator_bin"));
        command.env("VERILATOR_ROOT", &self.verilator);
        command
    }
}

/// The directory for built simulators.
pub fn cache() -> Result<PathBuf> {
    let found = base::cache::cache_dir(|name| std::env::var_os(name));
    let folder = found.ok_or_else(|| Error::Tools("there is no cache directory: PUCE_CACHE would name one".into()))?;
    Ok(folder.join("rtl"))
}

fn missing(what: &str, remedy: &str) -> Error {
    Error::Tools(format!(
        "there is no {what} here, and simulating the design needs one: {remedy}, or {EDA} and CXX name what is there"
    ))
}

/// Environments that may hold the tools, the best first.
pub(crate) fn environments(variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    if let Some(named) = variable(EDA).filter(|value| !value.is_empty()) {
        return vec![named.into()];
    }
    let here = std::env::current_dir().ok();
    let starts = here.into_iter().chain(variable("CARGO_MANIFEST_DIR").map(PathBuf::from));
    let above = starts.flat_map(|start| start.ancestors().map(Path::to_path_buf).collect::<Vec<_>>());
    let cache = base::cache::cache_dir(variable).map(|folder| folder.join("eda"));
    above.map(|folder| folder.join(".tools/eda")).chain(cache).collect()
}

/// Verilator's folder in a Python environment.
fn verilator_in(environment: &Path) -> Option<PathBuf> {
    let libraries = std::fs::read_dir(environment.join("lib")).ok()?;
    let folders = libraries.filter_map(|entry| Some(entry.ok()?.path().join("site-packages/verilator")));
    folders.filter(|folder| folder.join("bin/verilator_bin").exists()).min()
}

fn compiler(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(named) = variable("CXX").filter(|value| !value.is_empty()) {
        return Some(named.into());
    }
    in_path(variable, &["g++", "c++"])
}

/// The first of these programs that the search path has.
pub(crate) fn in_path(variable: &dyn Fn(&str) -> Option<OsString>, names: &[&str]) -> Option<PathBuf> {
    let path = variable("PATH")?;
    let find = |name: &&str| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file());
    names.iter().find_map(find)
}

fn says_version(program: &Path, verilator: &Path) -> Result<String> {
    let output = Command::new(program).arg("--version").env("VERILATOR_ROOT", verilator).output();
    let output = output.map_err(|error| Error::Tools(format!("{}: cannot be started: {error}", program.display())))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_a_sentence_that_says_what_would_do() {
        let nowhere = |name: &str| (name == EDA).then(|| "/nowhere".into());
        let error = Tools::find_with(&nowhere).unwrap_err().to_string();
        assert!(error.contains("no Verilator") && error.contains("cargo xtask tools eda"), "{error}");
    }

    #[test]
    fn the_named_environment_is_the_only_one() {
        let named = |name: &str| (name == EDA).then(|| "/named".into());
        assert_eq!(environments(&named), [PathBuf::from("/named")]);
        let found = environments(&|name| (name == "PUCE_CACHE").then(|| "/cache".into()));
        assert_eq!(found.last(), Some(&PathBuf::from("/cache/eda")));
    }
}
