//! From a module to a library that simulates it, kept in the cache under a hash of all that it depends on.

mod compile;
mod header;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use crate::instrument::Instruments;
use crate::library::Library;
use crate::tools::{self, Tools};
use crate::{Error, Result, sources};

/// How long a library that is not used stays in the cache.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

static BUILDING: Mutex<()> = Mutex::new(());

/// How hard the compiler works.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Effort {
    /// Quick to build: for tests of a block.
    #[default]
    Quick,
    /// Between the two: for a whole chip that runs many short programs.
    Balanced,
    /// Quick to run: for programs of many cycles.
    Fast,
}

/// A module of the chip, or of a test, with what decides how it is simulated.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Design {
    top: String,
    params: Vec<(String, String)>,
    extra: Vec<(String, String)>,
    exposed: Vec<(String, String)>,
    defines: Vec<String>,
    effort: Effort,
    unchecked: bool,
}

impl Design {
    /// The module `top` of the chip, or of a source given by [`Design::source`].
    pub fn new(top: &str) -> Design {
        Design { top: top.into(), ..Design::default() }
    }

    /// With a parameter of the top module: a number as Verilog writes it.
    pub fn param(mut self, name: &str, value: impl ToString) -> Design {
        self.params.push((name.into(), value.to_string()));
        self
    }

    /// With one more source: a file name and its text.
    pub fn source(mut self, name: &str, text: &str) -> Design {
        self.extra.push((name.into(), text.into()));
        self
    }

    /// With a variable of a module made visible to [`crate::library::Model::exposed`].
    pub fn expose(mut self, module: &str, variable: &str) -> Design {
        self.exposed.push((module.into(), variable.into()));
        self
    }

    /// With a macro that the sources ask for: `SYNTHESIS` gives the view that becomes cells.
    pub fn define(mut self, name: &str) -> Design {
        self.defines.push(name.into());
        self
    }

    /// With this much work of the compiler.
    pub fn effort(mut self, effort: Effort) -> Design {
        self.effort = effort;
        self
    }

    /// Without the design's assertions.
    pub fn unchecked(mut self) -> Design {
        self.unchecked = true;
        self
    }

    /// The library, built when the cache does not hold it.
    pub fn library(&self) -> Result<Arc<Library>> {
        let (tools, instruments) = (Tools::find()?, Instruments::find()?);
        let folder = tools::cache()?;
        let path = folder.join(format!("{}-{}.so", self.top, self.key(tools, instruments)?));
        // One build at a time in this process; two processes may both build, and the last one's file stays.
        let _turn = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
        if path.exists() {
            touch(&path);
        } else {
            self.build(tools, instruments, &folder, &path)?;
            forget(&folder);
        }
        Library::open(&path, instruments, &self.top)
    }

    /// The sources that the top module needs: name and text, packages first.
    fn files<'a>(&'a self, instruments: &'a Instruments) -> Result<Vec<(&'a str, &'a str)>> {
        let stand_in =
            |(name, text)| (name, instruments.stand_in(sources::unit(name), &self.top, &self.params).unwrap_or(text));
        let extra: Vec<(&str, &str)> = self.extra.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let roots = extra.iter().map(|(_, text)| *text).chain([self.top.as_str()]);
        let files: Vec<_> = sources::named_by(roots).into_iter().map(stand_in).chain(extra).collect();
        let holds =
            |text: &str| text.lines().any(|line| line.trim_start().starts_with("module") && line.contains(&self.top));
        if !files.iter().any(|(_, text)| holds(text)) {
            return Err(Error::Build(format!("no source has a module `{}`: `rtl/files.f` lists the chip's", self.top)));
        }
        Ok(files)
    }

    /// A hash of everything that the library follows from.
    fn key(&self, tools: &Tools, instruments: &Instruments) -> Result<String> {
        let uncounted = self.uncounted(instruments)?;
        let settings = format!("{:?} {:?} {:?} {}", self.params, self.exposed, self.effort, self.unchecked);
        let texts = self.files(instruments)?.into_iter().flat_map(|(name, text)| [name, text]);
        let counts = if instruments.counts() { "coverage" } else { "" };
        let extra = [compile::INSTRUMENTS, counts, &uncounted].into_iter().filter(|_| instruments.any());
        let parts = [&self.top, &settings, compile::SHIM, compile::VERSION, &tools.version].into_iter().chain(texts);
        let parts = parts.chain(extra).chain(self.defines.iter().map(String::as_str));
        Ok(hash(parts))
    }

    /// Rules for Verilator that leave out sources of which coverage is not counted.
    fn uncounted(&self, instruments: &Instruments) -> Result<String> {
        if !instruments.counts() {
            return Ok(String::new());
        }
        let files = self.files(instruments)?.into_iter().map(|(name, _)| name);
        let left_out = files.filter(|name| !instruments.counts_in(sources::unit(name)));
        Ok(left_out.map(|name| format!("coverage_off -file \"{}\"\n", base(name))).collect())
    }

    /// Verilate and compile in a folder of this process, then move the library to its place in one step.
    fn build(&self, tools: &Tools, instruments: &Instruments, cache: &Path, path: &Path) -> Result<()> {
        let work = Scratch::new(cache)?;
        self.verilate(tools, instruments, &work.0)?;
        let ports = header::ports(&read(&work.0.join("obj/Vdut.h"))?)?;
        write(&work.0.join("obj/ports.h"), &header::table(&ports))?;
        let library = compile::library(tools, instruments, cache, &work.0.join("obj"), self.effort)?;
        fs::rename(&library, path).map_err(|error| file_error(path, &error))
    }

    fn verilate(&self, tools: &Tools, instruments: &Instruments, work: &Path) -> Result<()> {
        let mut command = tools.verilator();
        command.current_dir(work).args(["--cc", "-O3", "--x-assign", "fast", "--x-initial", "unique"]);
        command.args(["--prefix", "Vdut", "--Mdir", "obj", "-Wno-fatal", "--no-timing", "--output-split", "20000"]);
        command.args(["--top-module", &self.top]).arg(if self.unchecked { "--no-assert" } else { "--assert" });
        command.args(self.defines.iter().map(|name| format!("-D{name}")));
        command.args(self.params.iter().map(|(name, value)| format!("-G{name}={value}")));
        if !self.exposed.is_empty() {
            let line = |(module, variable): &(String, String)| {
                format!("public_flat_rw -module \"{module}\" -var \"{variable}\"\n")
            };
            write(
                &work.join("exposed.vlt"),
                &format!("`verilator_config\n{}", self.exposed.iter().map(line).collect::<String>()),
            )?;
            command.arg("exposed.vlt");
        }
        if instruments.counts() {
            command.args(["--coverage-line", "--coverage-toggle"]);
            write(&work.join("counted.vlt"), &format!("`verilator_config\n{}", self.uncounted(instruments)?))?;
            command.arg("counted.vlt");
        }
        for (name, text) in self.files(instruments)? {
            write(&work.join(base(name)), text)?;
            command.arg(base(name));
        }
        compile::run(&mut command, &format!("Verilator refuses `{}`", self.top))
    }
}

/// The name of a file without its folders.
fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// A name for these texts.
fn hash<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

/// Say that a library is in use.
fn touch(path: &Path) {
    // A library that looks older than it is costs a build, nothing else.
    let _ = fs::File::options().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
}

/// Remove libraries that nobody has used for long, and what builds that were stopped have left.
fn forget(cache: &Path) {
    let now = SystemTime::now();
    let old = |path: &Path| path.metadata().and_then(|data| data.modified()).is_ok_and(|time| time < now - KEPT);
    let paths = fs::read_dir(cache).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    for path in paths.filter(|path| old(path)) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Another process may have been quicker.
        let _ = match () {
            () if name.ends_with(".so") => fs::remove_file(&path),
            () if name.starts_with("build-") => fs::remove_dir_all(&path),
            () => Ok(()),
        };
    }
}

/// A folder that is gone when the value is.
struct Scratch(PathBuf);

impl Scratch {
    fn new(cache: &Path) -> Result<Scratch> {
        static COUNT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = cache.join(format!("build-{}-{count}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| file_error(&folder, &error))?;
        Ok(Scratch(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that stays behind costs room, nothing else.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn file_error(path: &Path, error: &std::io::Error) -> Error {
    Error::Build(format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| file_error(path, &error))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| file_error(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_module_is_refused() {
        let error = Design::new("puce_none").files(&Instruments::default()).unwrap_err().to_string();
        assert!(error.contains("no source has a module `puce_none`"), "{error}");
    }

    #[test]
    fn libraries_that_nobody_uses_are_forgotten() {
        let cache = Scratch::new(&std::env::temp_dir()).unwrap();
        let place = |name: &str, age: Duration| {
            let file = fs::File::create(cache.0.join(name)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        };
        place("old.so", 2 * KEPT);
        place("touched.so", 2 * KEPT);
        place("young.so", KEPT / 2);
        place("old.o", 2 * KEPT);
        touch(&cache.0.join("touched.so"));
        forget(&cache.0);
        let mut left: Vec<_> = fs::read_dir(&cache.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["old.o", "touched.so", "young.so"]);
    }

    #[test]
    fn a_block_needs_its_own_files_only() {
        let design = Design::new("puce_hub");
        let none = Instruments::default();
        let names: Vec<_> = design.files(&none).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names.first(), Some(&"sv/puce_pkg.sv"));
        assert!(names.contains(&"sv/puce_hub.sv") && !names.contains(&"sv/puce_fp_add.sv"), "{names:?}");
    }
}
