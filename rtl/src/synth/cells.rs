//! A cell library: where its files lie, and what a synthesis must be told of it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A cell library as its description in `data/cells` says it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cells {
    /// What it is, with its corner.
    pub title: String,
    /// Where it is from.
    pub source: String,
    /// When it was published.
    pub as_of: String,
    /// The node (`data/nodes`) whose memories stand beside its cells.
    pub node: Option<String>,
    /// Folder of its files: absolute, or below the folder of shared data.
    pub folder: PathBuf,
    /// Who has the files, for the sentence that says that one is missing.
    pub found: String,
    /// Liberty files of one corner.
    pub liberty: Vec<PathBuf>,
    /// Those of them that hold flip-flops.
    pub flops: Vec<PathBuf>,
    /// LEF files of cells and technology.
    pub lef: Vec<PathBuf>,
    /// Shapes of the cells; without them a layout has boxes.
    pub gds: Option<PathBuf>,
    /// Patterns of cells that are not used.
    #[serde(default)]
    pub unused: Vec<String>,
    /// Cell and pin that give a one, and that give a zero.
    pub ties: Option<[String; 2]>,
    /// The cell that is thought to drive each input.
    pub driver: String,
    /// The buffer that wide nets and long wires are given once cells have places.
    pub repeater: String,
    /// The load at each output.
    pub load: String,
    /// Wires between cells.
    pub wire: Wire,
    /// Macros of memories; without them a memory is as large as the bits of its node make it.
    pub memory: Option<Memory>,
}

/// Macros of memories that stand beside the cells.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Where they are from.
    pub source: String,
    /// When they were published.
    pub as_of: String,
    /// From the clock to what is read, in picoseconds.
    pub access_ps: f64,
    /// From what a memory takes to the clock, in picoseconds.
    pub setup_ps: f64,
    /// Their sizes.
    pub macros: Vec<Macro>,
}

/// One size of macro.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Macro {
    /// Words.
    pub words: u64,
    /// Bits of a word.
    pub bits: u64,
    /// One port that reads or writes, or one of each.
    pub ports: u64,
    /// Width in micrometres.
    pub width_um: f64,
    /// Height in micrometres.
    pub height_um: f64,
}

/// A signal wire of a middle layer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    /// Resistance of a micrometre in ohms.
    pub ohm_per_um: f64,
    /// Capacitance of a micrometre in femtofarads.
    pub ff_per_um: f64,
    /// Where both are from.
    pub source: String,
    /// When they were published.
    pub as_of: String,
}

impl Cells {
    /// The description in `text`, which is called `file` in a refusal.
    pub fn parse(file: &str, text: &str) -> Result<Cells> {
        let refuse = |what: &str| Error::Build(format!("{file}: {what}"));
        let cells: Cells = toml::from_str(text).map_err(|error| refuse(error.to_string().trim()))?;
        if cells.liberty.is_empty() || cells.flops.is_empty() || cells.lef.is_empty() {
            return Err(refuse("`liberty`, `flops` and `lef` each name at least one file"));
        }
        if !(cells.wire.ohm_per_um > 0.0 && cells.wire.ff_per_um > 0.0) {
            return Err(refuse("a wire has a resistance and a capacitance above zero"));
        }
        let both = |memory: &Memory| [1, 2].iter().all(|ports| memory.macros.iter().any(|one| one.ports == *ports));
        if !cells.memory.iter().all(both) {
            return Err(refuse("`memory.macros` has at least one macro of one port and one of two"));
        }
        cells.femtofarads().ok_or_else(|| refuse("`load` is a capacitance such as \"2 fF\""))?;
        Ok(cells)
    }

    /// The load at each output in femtofarads.
    pub fn femtofarads(&self) -> Option<f64> {
        let number = self.load.strip_suffix("fF")?.trim().parse().ok()?;
        (number > 0.0).then_some(number)
    }

    /// The folder of the files, with `shared` as the folder of shared data, if every file is there.
    pub fn folder(&self, shared: &Path) -> Result<PathBuf> {
        let folder = shared.join(&self.folder);
        let files = self.liberty.iter().chain(&self.flops).chain(&self.lef).chain(&self.gds);
        match files.map(|file| folder.join(file)).find(|file| !file.is_file()) {
            Some(missing) => Err(Error::Build(format!("{}: there is no such file; {}", missing.display(), self.found))),
            None => Ok(folder),
        }
    }

    /// SHA-256 of the files that cells, sizes and times come from.
    pub fn sha256(&self, folder: &Path) -> Result<String> {
        let read = |file: &PathBuf| {
            let path = folder.join(file);
            std::fs::read(&path).map_err(|error| Error::Build(format!("{}: {error}", path.display())))
        };
        let bytes: Vec<Vec<u8>> = self.liberty.iter().chain(&self.lef).map(read).collect::<Result<_>>()?;
        Ok(super::flow::sha256(bytes.iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_libraries_are_understood() {
        let names: Vec<&str> = data::list("cells/").collect();
        assert!(names.contains(&"cells/osu018.toml"), "{names:?}");
        for name in names {
            let cells = Cells::parse(name, data::file(name).unwrap()).unwrap();
            assert!(cells.flops.iter().all(|file| cells.liberty.contains(file)), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_or_missing_is_a_sentence() {
        let text = data::file("cells/asap7.toml").unwrap();
        let cells = Cells::parse("cells/asap7.toml", text).unwrap();
        let missing = cells.folder(Path::new("/nowhere")).unwrap_err().to_string();
        assert!(
            missing.starts_with("/nowhere/pdk/asap7/lib/") && missing.contains("OpenROAD-flow-scripts"),
            "{missing}"
        );
        let refused = Cells::parse("my.toml", &text.replace("2 fF", "2 pF")).unwrap_err().to_string();
        assert_eq!(refused, "my.toml: `load` is a capacitance such as \"2 fF\"");
        assert!(Cells::parse("my.toml", &text.replace("26.5684", "0")).is_err());
        assert!(Cells::parse("my.toml", &text.replace("ports = 2", "ports = 1")).is_err());
    }
}
