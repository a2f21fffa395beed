//! From Verilator's C++ to a shared library. No make: the generated files are few, and their names are seen in the folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Effort, Scratch, file_error, write};
use crate::instrument::Instruments;
use crate::tools::Tools;
use crate::{Error, Result};

/// The functions that the library offers.
pub(super) const SHIM: &str = include_str!("../shim.cpp");
/// The functions of one with instruments beside them.
pub(super) const INSTRUMENTS: &str = include_str!("../instrument.cpp");
/// Changes when libraries that lie in the cache are no longer what this module builds.
pub(super) const VERSION: &str = "1";

/// Parts of like size of the files that matter for speed; all are compiled at once, and the others beside them.
const PARTS: usize = 2;
/// Bytes of C++ up to which a model is compiled as one: Verilator's own headers take a second each time, as much as 400 kB of a model.
const SMALL: u64 = 1_000_000;
/// Verilator's own sources that a model without traces or threads needs.
const RUNTIME: [&str; 3] = ["verilated.cpp", "verilated_dpi.cpp", "verilated_threads.cpp"];
/// And one that counts coverage.
const COUNTING: &str = "verilated_cov.cpp";

/// Compile the model in the folder `obj` and link it with the shim and the runtime.
pub(super) fn library(
    tools: &Tools,
    instruments: &Instruments,
    cache: &Path,
    obj: &Path,
    effort: Effort,
) -> Result<PathBuf> {
    let compiler = Compiler { tools, counts: instruments.counts() };
    let runtime = compiler.runtime(cache)?;
    write(&obj.join("puce_shim.cpp"), &[SHIM, if instruments.any() { INSTRUMENTS } else { "" }].concat())?;
    let units = units(obj, effort)?;
    compiler.compile_all(obj, &units)?;
    let out = obj.join("library.so");
    let objects = units.iter().map(|(unit, _)| unit.with_extension("o"));
    let mut command = Command::new(&tools.compiler);
    command.args(["-shared", "-o"]).arg(&out).args(objects).args(runtime).args(["-lpthread", "-Wl,--exclude-libs,ALL"]);
    run(&mut command, "the simulator cannot be linked")?;
    Ok(out)
}

/// What is compiled at a time, and with which effort: the files that matter for speed in [`PARTS`] parts of like size, and what runs once, at the start,
/// in one that is not optimised.
fn units(obj: &Path, effort: Effort) -> Result<Vec<(PathBuf, Effort)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(obj).map_err(|error| file_error(obj, &error))? {
        let path = entry.map_err(|error| file_error(obj, &error))?.path();
        let size = path.metadata().map_err(|error| file_error(&path, &error))?.len();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".cpp") && name.starts_with("Vdut") {
            files.push((size, name));
        }
    }
    files.sort_by(|a, b| b.cmp(a));
    let small = files.iter().map(|(size, _)| size).sum::<u64>() <= SMALL;
    let (slow, fast): (Vec<_>, Vec<_>) = files.into_iter().partition(|(_, name)| !small && name.contains("Slow"));
    let mut parts = vec![(0, Vec::new()); if small { 1 } else { PARTS }];
    parts[0].1.push("puce_shim.cpp".into());
    for (size, name) in fast {
        let least = parts.iter_mut().min_by_key(|(total, _)| *total).expect("there are parts");
        least.0 += size;
        least.1.push(name);
    }
    let slow = slow.into_iter().map(|(_, name)| name).collect();
    let parts = parts.into_iter().map(|(_, names)| (names, effort)).chain([(slow, Effort::Quick)]);
    let place = |(index, (names, effort)): (usize, (Vec<String>, Effort))| {
        let path = obj.join(format!("unit{index}.cpp"));
        let includes: String = names.iter().map(|name| format!("#include \"{name}\"\n")).collect();
        write(&path, &includes)?;
        Ok((path, effort))
    };
    parts.filter(|(names, _)| !names.is_empty()).enumerate().map(place).collect()
}

/// The compiler with what it is told of every file.
struct Compiler<'a> {
    tools: &'a Tools,
    /// Coverage is counted.
    counts: bool,
}

impl Compiler<'_> {
    /// Compile several files at a time, each in a process of its own.
    fn compile_all(&self, folder: &Path, units: &[(PathBuf, Effort)]) -> Result<()> {
        std::thread::scope(|scope| {
            let started: Vec<_> =
                units.iter().map(|(unit, effort)| scope.spawn(|| self.compile(folder, unit, *effort))).collect();
            started.into_iter().try_for_each(|thread| thread.join().expect("compiling does not panic"))
        })
    }

    fn compile(&self, folder: &Path, unit: &Path, effort: Effort) -> Result<()> {
        let include = self.tools.verilator.join("include");
        let mut command = Command::new(&self.tools.compiler);
        command.current_dir(folder).args([
            "-std=c++17",
            "-fPIC",
            "-w",
            "-fvisibility-inlines-hidden",
            "-DVL_USER_STOP",
            "-DVL_USER_FATAL",
        ]);
        command.args(self.counts.then_some("-DVM_COVERAGE=1"));
        command.arg(match effort {
            Effort::Quick => "-O0",
            Effort::Balanced => "-O1",
            Effort::Fast => "-O2",
        });
        command.arg("-I").arg(folder).arg("-I").arg(&include).arg("-I").arg(include.join("vltstd"));
        command.arg("-c").arg(unit).arg("-o").arg(unit.with_extension("o"));
        run(&mut command, "the simulator cannot be compiled")
    }

    /// The objects of Verilator's own sources, compiled once for the cache.
    fn runtime(&self, cache: &Path) -> Result<Vec<PathBuf>> {
        let names: Vec<&str> = RUNTIME.into_iter().chain(self.counts.then_some(COUNTING)).collect();
        let key = [VERSION, &self.tools.version].into_iter().chain(self.counts.then_some(COUNTING));
        let folder = cache.join(format!("runtime-{}", super::hash(key)));
        if !folder.exists() {
            let work = Scratch::new(cache)?;
            let include = self.tools.verilator.join("include");
            let place = |name: &&str| {
                let unit = work.0.join(name);
                write(&unit, &format!("#include \"{}\"\n", include.join(name).display()))?;
                Ok((unit, Effort::Fast))
            };
            let units: Vec<_> = names.iter().map(place).collect::<Result<_>>()?;
            self.compile_all(&work.0, &units)?;
            // Another process may have been quicker: its objects are as good.
            if let Err(error) = fs::rename(&work.0, &folder)
                && !folder.exists()
            {
                return Err(file_error(&folder, &error));
            }
        }
        Ok(names.iter().map(|name| folder.join(name).with_extension("o")).collect())
    }
}

/// Run a tool; when it fails, its first errors are told.
pub(super) fn run(command: &mut Command, failure: &str) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| Error::Tools(format!("{program}: cannot be started: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let errors = text.lines().filter(|line| line.contains("rror")).take(6).collect::<Vec<_>>().join("\n");
    Err(Error::Build(format!("{failure}:\n{}", if errors.is_empty() { &text } else { errors.as_str() })))
}
