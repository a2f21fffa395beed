//! Yosys and ABC of the chip tools' Python environment.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use rtl::tools::Tools;

/// Names a folder of Liberty files (`.lib` or `.lib.gz`), to be used in place of [`CELLS_PLACE`].
pub const CELLS: &str = "PUCE_CELLS";

/// Where the cells lie beside the tree.
pub const CELLS_PLACE: &str = "../shared/data/pdk/asap7/lib";

/// Runs a script's lines, each a command of Yosys: the package has no command line.
const RUN: &str = "\
import sys
from pyosys import libyosys
design = libyosys.Design()
for line in open(sys.argv[1]):
    libyosys.run_pass(line.strip(), design)
";

/// Unpacks the typical corner of a folder of Liberty files into another folder.
const UNPACK: &str = "\
import glob, gzip, os, sys
files = [f for f in sorted(glob.glob(sys.argv[1] + '/*.lib*')) if f.endswith(('.lib', '.lib.gz'))]
for file in [f for f in files if '_TT_' in f] or files:
    opened = gzip.open(file) if file.endswith('.gz') else open(file, 'rb')
    with open(os.path.join(sys.argv[2], os.path.basename(file).removesuffix('.gz')), 'wb') as out:
        out.write(opened.read())
";

/// The chip tools that prove and map.
pub struct Yosys {
    environment: PathBuf,
}

impl Yosys {
    /// In the environment that Verilator is in.
    pub fn find() -> Result<Yosys> {
        Ok(Yosys { environment: Tools::find()?.environment.canonicalize()? })
    }

    /// A program of the environment, started in `folder`.
    pub fn program(&self, name: &str, folder: &Path) -> Result<Command> {
        let bin = self.environment.join("bin");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut command = Command::new(bin.join(name));
        command.current_dir(folder);
        command.env("PATH", std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&path)))?);
        Ok(command)
    }

    /// A command that runs these commands of Yosys in `folder`; `name` is that of the script, which stays there.
    pub fn script(&self, folder: &Path, name: &str, commands: &[String]) -> Result<Command> {
        let script = folder.join(format!("{name}.ys"));
        std::fs::write(&script, commands.join("\n"))?;
        let mut command = self.program("python", folder)?;
        command.args(["-c", RUN]).arg(&script);
        Ok(command)
    }

    /// Runs these commands of Yosys in `folder`; `name` is that of the script, which stays there.
    pub fn run(&self, folder: &Path, name: &str, commands: &[String]) -> Result<String> {
        told(&mut self.script(folder, name, commands)?)
    }

    /// A command that runs commands of ABC in `folder`.
    pub fn abc_script(&self, folder: &Path, commands: &str) -> Result<Command> {
        let libraries = std::fs::read_dir(self.environment.join("lib"))?;
        let places = libraries.filter_map(|entry| Some(entry.ok()?.path().join("site-packages/pyosys/yosys-abc")));
        let abc = places.filter(|path| path.exists()).min().context("pyosys is there without ABC")?;
        let mut command = Command::new(abc);
        command.current_dir(folder).args(["-q", commands]);
        Ok(command)
    }

    /// Runs commands of ABC in `folder`.
    pub fn abc(&self, folder: &Path, commands: &str) -> Result<String> {
        told(&mut self.abc_script(folder, commands)?)
    }

    /// The typical cells as plain Liberty files in `folder`, or `None` where none lie beside the tree; that a folder which [`CELLS`] names has none is an error.
    pub fn cells(&self, root: &Path, folder: &Path) -> Result<Option<Vec<PathBuf>>> {
        let named = std::env::var_os(CELLS).filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let packed = named.clone().unwrap_or_else(|| root.join(CELLS_PLACE));
        let files = if packed.is_dir() { self.unpack(&packed, folder)? } else { Vec::new() };
        match named {
            Some(named) if files.is_empty() => {
                bail!(
                    "{CELLS} is {}: there are no Liberty files; name a folder with `.lib` or `.lib.gz` files",
                    named.display()
                )
            }
            _ => Ok((!files.is_empty()).then_some(files)),
        }
    }

    /// The typical cells of `packed`, in a part of `folder` that is named like it.
    fn unpack(&self, packed: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
        let folder = folder.join(packed.to_string_lossy().replace(['/', '\\', ':', '.'], "_"));
        std::fs::create_dir_all(&folder)?;
        told(self.program("python", &folder)?.args(["-c", UNPACK]).args([packed, &folder]))?;
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        files.sort();
        Ok(files)
    }
}

/// Runs to the end; what was said is the answer, or the end of it the error.
fn told(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{:?}: cannot be started", command.get_program()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let lines: Vec<&str> = said.lines().filter(|line| !line.is_empty()).collect();
        bail!("{}", lines[lines.len().saturating_sub(12)..].join("\n"));
    }
    Ok(said)
}
