//! What a synthesis tells, as it is kept.

use serde::{Deserialize, Serialize};

use super::modules::MODULES;

/// All that was found of a chip with a library, and all that it depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// How the figures came about.
    pub source: String,
    /// The day of the run.
    pub as_of: String,
    /// The chip whose parameters were used.
    pub chip: String,
    /// The cell library: its name, and where it is from.
    pub library: String,
    /// What the library says of itself.
    pub library_source: String,
    /// The clock that was asked for in gigahertz.
    pub clock_ghz: f64,
    /// Part of the cycles in which each net is taken to change.
    pub activity: f64,
    /// SHA-256 of the library's files.
    pub library_sha256: String,
    /// Where sizes and times of memories are from.
    #[serde(default)]
    pub memory_source: String,
    /// Programs and their versions.
    pub tools: Vec<String>,
    /// What was found of each module.
    #[serde(rename = "module")]
    pub modules: Vec<Module>,
}

/// What was found of a module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Module {
    /// Its name in the list.
    pub key: String,
    /// The module with its parameters.
    pub top: String,
    /// SHA-256 of the texts that it is made from.
    pub sources_sha256: String,
    /// Cells.
    pub cells: u64,
    /// Cells that hold a state.
    pub flops: u64,
    /// Area of the cells in square micrometres.
    pub area_um2: f64,
    /// Area of the cells that hold a state.
    pub flop_area_um2: f64,
    /// Bits of memories that were left out.
    pub memory_bits: u64,
    /// The recipe of mapping that was kept.
    #[serde(default)]
    pub recipe: String,
    /// Products of a 4-bit weight and an 8-bit activation per cycle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub products: Option<u64>,
    /// The longest path without wires.
    pub path: Path,
    /// What was found after placement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed: Option<Placed>,
    /// Power without wires at the clock that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
    /// Power at the rates at which nets changed in recorded work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub work: Vec<Work>,
    /// What each recipe gave, the kept one included.
    #[serde(default)]
    pub tried: Vec<Tried>,
    /// Blocks in it that have places of their own, each placed once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Block>,
    /// What the module's instances take, where it has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// Power in recorded work of the whole chip: the netlist was given what the module met there, and gave the same outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// The kind of work.
    pub phase: String,
    /// What was recorded.
    pub source: String,
    /// Cycles of instances in which changes were counted.
    pub cycles: u64,
    /// Part of them in which the module took something in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy: Option<f64>,
    /// Changes of a cell's output per cycle, on average over all cells, without glitches.
    pub activity: f64,
    /// Power at the clock that was asked for, with wires where there are places.
    pub power: Power,
}

/// What a recipe of mapping gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// Its name.
    pub recipe: String,
    /// Area of the cells in square micrometres.
    pub area_um2: f64,
    /// The longest path without wires in picoseconds.
    pub ps: f64,
    /// The longest path with wires, where the result was placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed_ps: Option<f64>,
}

/// A block that was placed once and stands in a module several times; its cells and power are in the module's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Its name in the list.
    pub key: String,
    /// Instances.
    pub count: u64,
    /// The longest path inside of it, with wires where it has places.
    pub ps: f64,
}

/// Cells of one instance, or of several of one name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its name; `top` for what is in none.
    pub name: String,
    /// Cells.
    pub cells: u64,
    /// Cells that hold a state.
    pub flops: u64,
    /// Area of the cells in square micrometres.
    pub area_um2: f64,
}

fn none(count: &u64) -> bool {
    *count == 0
}

/// What was found after placement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placed {
    /// Width in micrometres.
    pub width_um: f64,
    /// Height in micrometres.
    pub height_um: f64,
    /// Length of all wires in micrometres.
    pub wire_um: f64,
    /// Area of the memories that stand beside the cells in square micrometres.
    #[serde(default)]
    pub memory_um2: f64,
    /// Buffers that wide nets and long wires were given once cells had places, which are not among the module's cells.
    #[serde(default, skip_serializing_if = "none")]
    pub repeaters: u64,
    /// Their area in square micrometres.
    #[serde(default)]
    pub repeater_um2: f64,
    /// Further ones that found no room near the place where they were wanted, and were left out.
    #[serde(default, skip_serializing_if = "none")]
    pub crowded: u64,
    /// Cells of paths that missed the clock, which were given another size of the same function once they had places.
    #[serde(default, skip_serializing_if = "none")]
    pub resized: u64,
    /// What that adds to the module's area in square micrometres.
    #[serde(default)]
    pub resized_um2: f64,
    /// Cells that give constants to pins near them; the module's cells have one for each constant.
    #[serde(default, skip_serializing_if = "none")]
    pub ties: u64,
    /// Their area in square micrometres.
    #[serde(default)]
    pub tie_um2: f64,
    /// The longest path with wires.
    pub path: Path,
    /// Power with wires at the clock that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
}

/// The longest path, setup included: a period that is enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Path {
    /// Its length in picoseconds.
    pub ps: f64,
    /// Where it begins.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// Cells on it.
    pub cells: u64,
}

/// Power in milliwatts; a part of which the library says nothing is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Power {
    /// Inside of cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal_mw: Option<f64>,
    /// In wires and inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switching_mw: Option<f64>,
    /// At rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leakage_mw: Option<f64>,
}

impl Path {
    /// The clock that the path allows, in gigahertz.
    pub fn ghz(&self) -> f64 {
        1e3 / self.ps
    }
}

impl Power {
    /// All parts that are known, in milliwatts.
    pub fn total_mw(&self) -> f64 {
        [self.internal_mw, self.switching_mw, self.leakage_mw].into_iter().flatten().sum()
    }
}

impl Module {
    /// The longest path: with wires, if there are places.
    pub fn longest(&self) -> &Path {
        self.placed.as_ref().map_or(&self.path, |placed| &placed.path)
    }

    /// Power: with wires, if there are places.
    pub fn power(&self) -> Option<Power> {
        self.placed.as_ref().map_or(self.power, |placed| placed.power)
    }

    /// Area per product of a 4-bit weight and an 8-bit activation, placed where it is.
    pub fn um2_per_product(&self) -> Option<f64> {
        let products = self.products? as f64;
        Some(self.area_um2 / products)
    }
}

impl Report {
    /// The report in `text`, which is called `file` in a refusal.
    pub fn parse(file: &str, text: &str) -> crate::Result<Report> {
        toml::from_str(text).map_err(|error| crate::Error::Build(format!("{file}: {}", error.to_string().trim())))
    }

    /// This report with the modules that it has not itself, but that `kept` has: a report that is called `file` in a refusal.
    ///
    /// # Errors
    /// When `kept` is of another chip, library, clock or activity, or by other programs.
    pub fn beside(mut self, file: &str, kept: Report) -> crate::Result<Report> {
        let inputs = |report: &Report| {
            let Report { chip, library, library_sha256, tools, clock_ghz, activity, .. } = report;
            format!("{chip}, {library} ({library_sha256}), {clock_ghz} GHz, {activity}, {}", tools.join(", "))
        };
        if inputs(&self) != inputs(&kept) {
            return Err(crate::Error::Build(format!(
                "{file} holds a report of {}, which modules of {} cannot stand beside; another file or none would do",
                inputs(&kept),
                inputs(&self)
            )));
        }
        let made = |module: &Module| self.modules.iter().any(|own| own.key == module.key);
        let others: Vec<Module> = kept.modules.into_iter().filter(|module| !made(module)).collect();
        self.modules.extend(others);
        let place = |module: &Module| MODULES.iter().position(|known| known.key == module.key);
        self.modules.sort_by_key(place);
        Ok(self)
    }

    /// The report as it is kept.
    pub fn text(&self) -> String {
        toml::to_string(self).expect("a report has tables last")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_reports_are_understood_and_say_what_can_be() {
        let names: Vec<&str> = data::list("synthesis/").collect();
        assert!(!names.is_empty());
        for name in names {
            let report = Report::parse(name, data::file(name).unwrap()).unwrap();
            assert!(!report.source.is_empty() && report.tools.len() >= 4, "{name}");
            for module in &report.modules {
                let known = super::super::modules::Module::named(&module.key);
                assert!(known.is_some(), "{name}: there is no module {}", module.key);
                // A driver that sees the resistance of its wire may be a little faster than one that sees all of the load at once; repeaters and other sizes
                // may bring more than wires cost.
                let helped = |placed: &Placed| placed.repeaters + placed.resized > 0;
                let slower = module.longest().ps > 0.95 * module.path.ps;
                assert!(
                    module.flop_area_um2 < module.area_um2 && (slower || module.placed.as_ref().is_some_and(helped)),
                    "{name}: {}",
                    module.key
                );
            }
        }
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let text = data::file("synthesis/nano-asap7.toml").unwrap();
        let report = Report::parse("nano-asap7.toml", text).unwrap();
        assert_eq!(Report::parse("again", &report.text()).unwrap(), report);
        assert!(Report::parse("my.toml", "source = 1").unwrap_err().to_string().starts_with("my.toml: "));
    }

    #[test]
    fn modules_of_the_same_inputs_stand_beside_each_other() {
        let kept = Report::parse("nano-asap7.toml", data::file("synthesis/nano-asap7.toml").unwrap()).unwrap();
        let lane = kept.modules.iter().find(|module| module.key == "lane").unwrap();
        let made = Report { modules: vec![Module { cells: 1, ..lane.clone() }], ..kept.clone() };
        let both = made.clone().beside("kept.toml", kept.clone()).unwrap();
        assert_eq!(both.modules.len(), kept.modules.len());
        for module in &both.modules {
            let before = kept.modules.iter().find(|before| before.key == module.key).unwrap();
            assert_eq!((module.cells == 1, module == before), (module.key == "lane", module.key != "lane"));
        }
        let faster = Report { clock_ghz: 2.0 * kept.clock_ghz, ..kept };
        let refused = made.beside("kept.toml", faster).unwrap_err().to_string();
        assert!(refused.starts_with("kept.toml holds a report of nano") && refused.contains("2.4 GHz"), "{refused}");
    }
}
