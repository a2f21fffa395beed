//! What instances of a module meet inside of the whole design: all of their ports, in windows of cycles.
//!
//! A synthesis turns that into how often the nets of the module's netlist change (`puce synth --recording`). A window is long enough to fill a module's
//! registers first ([`Windows::filling`]): what comes after that follows from the window alone.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use crate::block::Block;
use crate::design::Design;
use crate::library::Exposed;
use crate::{Error, Result, sources};

/// Which cycles are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// From the beginning of one window to that of the next.
    pub stride: u64,
    /// Cycles of a window.
    pub cycles: u64,
    /// The first of them, in which registers fill and nothing is counted.
    pub filling: u64,
    /// Most windows.
    pub most: usize,
    /// Most instances of a module.
    pub instances: usize,
}

/// A module with the names of its ports, as its source declares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The module.
    pub module: String,
    /// Its ports but the clock.
    pub ports: Vec<String>,
}

impl Watched {
    /// A module of the design.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn module(module: &str) -> Result<Watched> {
        let source = sources::all().iter().find(|(path, _)| sources::unit(path) == module);
        let (_, text) = source.ok_or_else(|| Error::Build(format!("the design has no module `{module}`")))?;
        let ports =
            text.lines().map(str::trim).filter(|line| line.starts_with("input ") || line.starts_with("output "));
        let name =
            |line: &str| Some(line.split("//").next()?.trim().trim_end_matches(',').rsplit(' ').next()?.to_string());
        let ports = ports.filter_map(name).filter(|port| port != "clk_i").collect();
        Ok(Watched { module: module.into(), ports })
    }

    /// The design with these ports made visible.
    pub(crate) fn expose(&self, design: Design) -> Design {
        self.ports.iter().fold(design, |design, port| design.expose(&self.module, port))
    }
}

/// One module's instances in a simulator, and what was recorded of them.
struct Recording {
    module: String,
    /// For each instance its ports.
    instances: Vec<Vec<Exposed>>,
    ports: Vec<String>,
    bytes: Vec<u8>,
}

/// Records what instances of modules meet.
pub(crate) struct Watcher {
    windows: Windows,
    recordings: Vec<Recording>,
    on: bool,
    cycle: u64,
}

impl Watcher {
    /// A watcher of these modules in a simulator of a design that exposes them; it is off.
    pub(crate) fn new(block: &Block, watched: &[Watched], windows: Windows) -> Watcher {
        let recordings = watched.iter().map(|one| recording(block, one, windows.instances)).collect();
        Watcher { windows, recordings, on: false, cycle: 0 }
    }

    /// Forget what was recorded, and begin with the next cycle.
    pub(crate) fn start(&mut self) {
        (self.on, self.cycle) = (true, 0);
        self.recordings.iter_mut().for_each(|recording| recording.bytes.clear());
    }

    /// Look at a cycle whose signals have settled.
    pub(crate) fn look(&mut self, block: &Block) {
        let Windows { stride, cycles, most, .. } = self.windows;
        let within = self.cycle % stride < cycles && ((self.cycle / stride) as usize) < most;
        if self.on && within {
            for recording in &mut self.recordings {
                let seen = recording.instances.iter().flatten().flat_map(|port| block.bytes(port));
                recording.bytes.extend(seen);
            }
        }
        self.cycle += u64::from(self.on);
    }

    /// Write a file for each module into a folder: a line of JSON, then the whole windows. `phase` is a part of the files' names.
    pub(crate) fn write(&self, block: &Block, folder: &Path, phase: &str, source: &str) -> Result<()> {
        self.recordings.iter().try_for_each(|recording| self.write_one(block, folder, [phase, source], recording))
    }

    fn write_one(&self, block: &Block, folder: &Path, [phase, source]: [&str; 2], recording: &Recording) -> Result<()> {
        let first = recording.instances.first();
        let first =
            first.ok_or_else(|| Error::Build(format!("the design has no instance of `{}`", recording.module)))?;
        let sizes: Vec<usize> = first.iter().map(|port| block.bytes(port).len()).collect();
        let window = self.windows.cycles as usize * recording.instances.len() * sizes.iter().sum::<usize>();
        let whole = recording.bytes.len() / window;
        if whole == 0 {
            return Err(Error::Build(format!("{} cycles are shorter than a window", self.cycle)));
        }
        let ports = recording.ports.iter().zip(&sizes);
        let ports = ports.map(|(name, bytes)| json!({ "name": name, "bytes": bytes }));
        let head = json!({
            "module": recording.module,
            "phase": phase,
            "source": source,
            "windows": whole,
            "cycles": self.windows.cycles,
            "filling": self.windows.filling,
            "instances": recording.instances.len(),
            "ports": ports.collect::<Vec<_>>(),
        });
        let path = folder.join(format!("{}.{phase}.recording", recording.module));
        let write = || {
            std::fs::create_dir_all(folder)?;
            let mut file = std::fs::File::create(&path)?;
            writeln!(file, "{head}")?;
            file.write_all(&recording.bytes[..whole * window])
        };
        write().map_err(|error: std::io::Error| Error::Build(format!("{}: {error}", path.display())))
    }
}

/// The ports of a module's instances: a place in the design is one when it has all of them.
fn recording(block: &Block, watched: &Watched, most: usize) -> Recording {
    let mut columns: Vec<Vec<Exposed>> = watched.ports.iter().map(|port| block.exposed(port)).collect();
    let paths: Vec<String> = columns.first().into_iter().flatten().map(|port| port.path.clone()).collect();
    let found = |path: &&String| columns.iter().all(|column| column.iter().any(|port| port.path == **path));
    let complete: Vec<&String> = paths.iter().filter(found).collect();
    let chosen: Vec<String> = spread(&complete, most).into_iter().map(|path| (*path).clone()).collect();
    let mut instances = Vec::new();
    for path in chosen {
        let take = |column: &mut Vec<Exposed>| {
            let at = column.iter().position(|port| port.path == path)?;
            Some(column.swap_remove(at))
        };
        instances.push(columns.iter_mut().filter_map(take).collect());
    }
    Recording { module: watched.module.clone(), instances, ports: watched.ports.clone(), bytes: Vec::new() }
}

/// At most so many of these, evenly spread.
fn spread<T>(all: &[T], most: usize) -> Vec<&T> {
    let step = all.len().div_ceil(most.max(1)).max(1);
    all.iter().step_by(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_those_of_the_source() {
        let lane = Watched::module("puce_lane").unwrap();
        assert_eq!(lane.ports.first().map(String::as_str), Some("rst_ni"));
        assert!(lane.ports.iter().any(|port| port == "codes_i") && lane.ports.iter().any(|port| port == "sum_o"));
        assert!(Watched::module("puce_nothing").unwrap_err().to_string().contains("no module `puce_nothing`"));
    }

    #[test]
    fn instances_are_spread_over_all() {
        let all: Vec<u32> = (0..16).collect();
        assert_eq!(spread(&all, 4), [&0, &4, &8, &12]);
        assert_eq!(spread(&all, 99).len(), 16);
    }
}
