//! What the simulators of a process do beside simulating: count what was reached, or be wrong on purpose.
//!
//! Any test runs with instruments when the environment asks for them; simulators with instruments have names of their own in the cache.
//! [`COVERAGE`] names a folder: each simulator leaves there, when it ends, a file with the points of coverage that it reached; [`COVERED`] may say of which
//! modules alone.
//! [`MUTANTS`] names a netlist that stands for a module of the chip, and [`MUTANT`] the one of its errors that is real (0: none).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{Error, Result};

/// Names the folder for coverage.
pub const COVERAGE: &str = "PUCE_COVERAGE";
/// Modules, with blanks between, of which alone coverage is counted: counters in every module of a chip take a compiler long. Without it all are counted.
pub const COVERED: &str = "PUCE_COVERED";
/// Names the netlist with errors: a file with the name of the module that it stands for (`puce_fifo.v`).
pub const MUTANTS: &str = "PUCE_MUTANTS";
/// The number of the error in a netlist of [`MUTANTS`].
pub const MUTANT: &str = "PUCE_MUTANT";
/// How the first line of a netlist tells the parameters that it was made with.
pub const MADE_WITH: &str = "// made with";

/// The instruments of this process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Instruments {
    coverage: Option<PathBuf>,
    /// The modules that are counted; none: all.
    covered: Vec<String>,
    netlist: Option<Netlist>,
}

/// A module with errors that an argument chooses from.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Netlist {
    module: String,
    text: String,
    mutant: u32,
}

impl Instruments {
    /// What the environment asks for; looked at once.
    pub fn find() -> Result<&'static Instruments> {
        static FOUND: OnceLock<Result<Instruments>> = OnceLock::new();
        FOUND.get_or_init(|| Instruments::find_with(&|name| std::env::var_os(name))).as_ref().map_err(Clone::clone)
    }

    /// [`Instruments::find`] with an environment of the caller's.
    pub fn find_with(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Instruments> {
        let named = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let number = named(MUTANT).map_or(Ok(0), |value| {
            let text = value.to_string_lossy();
            text.parse().map_err(|_| Error::Build(format!("{MUTANT}: `{text}` is no number of an error of a netlist")))
        })?;
        let netlist = named(MUTANTS).map(|path| Netlist::read(&path, number)).transpose()?;
        let covered =
            variable(COVERED).map(|names| names.to_string_lossy().split_whitespace().map(str::to_owned).collect());
        Ok(Instruments { coverage: named(COVERAGE), covered: covered.unwrap_or_default(), netlist })
    }

    /// Whether coverage is counted.
    pub fn counts(&self) -> bool {
        self.coverage.is_some()
    }

    /// Whether coverage of this module is counted.
    pub(crate) fn counts_in(&self, module: &str) -> bool {
        self.counts() && (self.covered.is_empty() || self.covered.iter().any(|name| name == module))
    }

    /// Whether simulators need more than their plain functions.
    pub(crate) fn any(&self) -> bool {
        self.counts() || self.netlist.is_some()
    }

    /// What stands for a module of the chip in a design with this top module and these parameters of it.
    pub(crate) fn stand_in(&self, module: &str, top: &str, params: &[(String, String)]) -> Option<&str> {
        let netlist = self.netlist.as_ref().filter(|netlist| netlist.module == module)?;
        (module != top || netlist.made_with() == made_with(params)).then_some(&netlist.text)
    }

    /// The argument by which a simulator learns the number of the error.
    pub(crate) fn argument(&self) -> Option<String> {
        self.netlist.as_ref().map(|netlist| format!("+puce_mutant={}", netlist.mutant))
    }

    /// A file for one simulator's coverage.
    pub(crate) fn file(&self, name: &str) -> Option<PathBuf> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let folder = self.coverage.as_ref()?;
        Some(folder.join(format!("{name}-{}-{}.dat", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))))
    }
}

impl Netlist {
    fn read(path: &Path, mutant: u32) -> Result<Netlist> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::Build(format!("{MUTANTS}: {}: {error}", path.display())))?;
        let module = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Netlist { module, text, mutant })
    }

    fn made_with(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }
}

/// The first line of a netlist that was made with these parameters, in whatever order.
pub fn made_with(params: &[(String, String)]) -> String {
    let mut params: Vec<_> = params.iter().collect();
    params.sort();
    params.into_iter().fold(MADE_WITH.to_owned(), |line, (name, value)| format!("{line} {name}={value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_netlist_stands_for_its_module_with_its_parameters() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("puce_fifo.v");
        let mut params = [("Width".to_owned(), "17".to_owned()), ("Depth".to_owned(), "3".to_owned())];
        std::fs::write(&path, made_with(&params) + "\nmodule puce_fifo;\n").unwrap();
        let found = Instruments::find_with(&|name| match name {
            MUTANTS => Some(path.clone().into()),
            MUTANT => Some("7".into()),
            _ => None,
        });
        let found = found.unwrap();
        params.reverse();
        assert_eq!(found.argument().as_deref(), Some("+puce_mutant=7"));
        assert!(found.stand_in("puce_fifo", "puce_fifo", &params).is_some());
        assert!(found.stand_in("puce_fifo", "puce_fifo", &[]).is_none(), "other parameters at the top");
        assert!(found.stand_in("puce_fifo", "puce_load", &[]).is_some(), "inside another module");
        assert!(found.stand_in("puce_load", "puce_load", &params).is_none());
    }

    #[test]
    fn all_modules_are_covered_or_those_that_are_named() {
        let find = |names: &'static str| {
            let value = move |name: &str| match name {
                COVERAGE => Some("counts".into()),
                COVERED => Some(names.into()),
                _ => None,
            };
            Instruments::find_with(&value).unwrap()
        };
        assert!(find("").counts_in("puce_fifo") && find("").counts_in("puce_top"));
        let named = find("puce_core puce_top");
        assert!(named.counts_in("puce_top") && named.counts_in("puce_core") && !named.counts_in("puce_fifo"));
        let none = Instruments::find_with(&|name| (name == COVERED).then(|| "puce_top".into())).unwrap();
        assert!(!none.counts() && !none.counts_in("puce_top"));
    }

    #[test]
    fn nothing_is_asked_for_and_what_is_no_number_is_refused() {
        let none = Instruments::find_with(&|_| None).unwrap();
        assert_eq!((none.any(), none.argument(), none.file("puce_fifo")), (false, None, None));
        let error = Instruments::find_with(&|name| (name == MUTANT).then(|| "x".into())).unwrap_err().to_string();
        assert!(error.contains("PUCE_MUTANT: `x` is no number"), "{error}");
    }
}
