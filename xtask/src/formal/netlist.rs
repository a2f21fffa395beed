//! Whether a netlist is its source.
//!
//! The netlist is what Yosys and ABC make of a module: its registers become cells first, by themselves (*carried*), then the logic between them. So there are
//! three views, and what is between two of them is compared, by ABC (`cec`), with state cut into ports.
//!
//! Source and carried view become and-inverter graphs with registers that start at 0, each with its name; a cell that stores the inverse of what it is given
//! and is set by a reset holds what the source holds. Both graphs must have the same registers; from any state that both are in, they must
//! answer the same and come to the same next state. They start in the same one, so they are equal in every cycle from reset on: an induction.
//!
//! In carried view and netlist the registers' cells have the same names: their pins become ports. A module that is `open` is a cell of that kind, too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{Bench, Change, GRAPH, Netlist, opened};

/// How ABC maps: quick cells, then buffers and sizes.
const MAP: &str = "strash\nifraig\ndch\nmap -B 0.9\ntopo\nbuffer -c -N 8\ntopo\nupsize -c\ndnsize -c\n";

/// From the source to gates and registers, each of which has a name.
const SOURCE: [&str; 11] = [
    "hierarchy -auto-top",
    "proc",
    "flatten",
    "memory_map",
    "opt -full",
    "techmap",
    "opt -full",
    "setundef -zero",
    "splitnets",
    "opt_clean",
    "rename -wire -suffix $held t:$_*DFF*",
];

/// From cells to an and-inverter graph in which pins of registers and of open modules are ports.
const CUT: [&str; 6] = ["techmap", "opt_clean", "simplemap", "aigmap", "expose -evert */t:*", "opt_clean"];

/// In the cells with registers, names for these that stay when the cells are taken apart.
const NAMED: [&str; 2] = ["opt_clean */t:$_*DFF* %m", "rename -wire -move-to-cell */t:$_*DFF*"];

/// What gates are simplified by where registers must keep their names.
const OPT: &str = "opt -full -nodffe -nosdff";

/// Stands between a register's name and that of its pin, where pins are ports.
const PIN: &str = ".register.";

/// Modules with registers stay as they are: cells that hold state.
const KEEP: &str = "setattr -mod -set keep_hierarchy 1 */t:$_*DFF* %m";

/// Seconds, and conflicts of one decision, after which ABC gives up.
const EFFORT: &str = "-T 1800 -C 10000000";

/// An and-inverter graph as a file holds it, with the names of its ports apart.
struct Graph {
    gates: Vec<u8>,
    symbols: Vec<String>,
    latches: usize,
}

impl Graph {
    fn read(file: &Path) -> Result<Graph> {
        let bytes = std::fs::read(file)?;
        let line = |at: usize| bytes[at..].iter().position(|&byte| byte == b'\n').map(|len| at + len + 1);
        let broken = || format!("{} is no graph", file.display());
        let mut at = line(0).with_context(broken)?;
        let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
        let counts: Vec<usize> = head.split_whitespace().skip(1).map(str::parse).collect::<Result<_, _>>()?;
        let &[_, _, latches, outputs, ands] = counts.as_slice() else { bail!(broken()) };
        for _ in 0..latches + outputs {
            at = line(at).with_context(broken)?;
        }
        // Two numbers for each gate; a number's last byte has its high bit clear.
        for _ in 0..2 * ands {
            at += bytes[at..].iter().position(|&byte| byte < 128).with_context(broken)? + 1;
        }
        let text = std::str::from_utf8(&bytes[at..])?;
        let symbols = text.lines().take_while(|line| *line != "c").map(String::from).collect();
        Ok(Graph { gates: bytes[..at].to_vec(), symbols, latches })
    }

    fn write(&self, file: &Path) -> Result<()> {
        Ok(std::fs::write(file, [&self.gates, (self.symbols.join("\n") + "\n").as_bytes()].concat())?)
    }

    /// Its inputs and outputs; a register that is none, or a name that two have, is an error.
    fn ports(&self) -> Result<BTreeSet<String>> {
        if self.latches != 0 {
            bail!("{} registers have no name", self.latches);
        }
        let mut ports = BTreeSet::new();
        for symbol in &self.symbols {
            let (place, name) = symbol.split_once(' ').context("a port without a name")?;
            if !ports.insert(format!("{} {name}", &place[..1])) {
                bail!("{name} stands for two ports");
            }
        }
        Ok(ports)
    }
}

/// The name of a register's pin without the name that the register has in its cell.
fn without_cell(symbol: &str) -> String {
    let parts = symbol.split_once(PIN).and_then(|(register, pin)| Some((register.rsplit_once('.')?.0, pin)));
    parts.map_or_else(|| symbol.to_owned(), |(cell, pin)| format!("{cell}{PIN}{pin}"))
}

impl Bench<'_> {
    /// Maps a module and compares.
    pub fn netlist(&self, proof: &Netlist, cells: &[PathBuf]) -> Result<()> {
        let module = &proof.module;
        self.map(proof, cells, &[])?;
        self.correspond(module)?;
        self.equal("registers", module, ["source", "carried"])?;
        self.equal("logic", module, ["cut", "netlist"])
    }

    /// Whether a netlist of a module with this error is found to be another, between registers and in its registers' view.
    pub fn differs(&self, proof: &Netlist, cells: &[PathBuf], plant: &Change) -> Result<bool> {
        let module = &proof.module;
        let kept = [("source", "right_source"), ("cut", "right_cut")];
        self.map(proof, cells, &[])?;
        for (view, right) in kept {
            std::fs::rename(self.graph(module, view), self.graph(module, right))?;
        }
        self.map(proof, cells, &[plant])?;
        self.correspond(module)?;
        let registers = self.compare(module, ["right_source", "carried"])?;
        let logic = self.compare(module, ["right_cut", "netlist"])?;
        Ok([registers, logic].iter().all(|said| said.contains("NOT EQUIVALENT")))
    }

    /// Gives the registers of the carried view the names that they have in the source; an error names those that only one of the two has.
    fn correspond(&self, module: &str) -> Result<()> {
        let source = Graph::read(&self.graph(module, "source"))?;
        let mut carried = Graph::read(&self.graph(module, "carried"))?;
        carried.symbols.iter_mut().for_each(|symbol| *symbol = without_cell(symbol));
        carried.write(&self.graph(module, "carried"))?;
        let [source, carried] = [source, carried].map(|graph| graph.ports());
        let [source, carried] = [source?, carried?];
        let single: Vec<&String> = source.symmetric_difference(&carried).collect();
        if single.is_empty() { Ok(()) } else { bail!("source and registers' view have not the same ports: {single:?}") }
    }

    fn graph(&self, module: &str, view: &str) -> PathBuf {
        self.folder.join(format!("{module}.{view}.aig"))
    }

    /// Writes the graphs of a module with these changes.
    fn map(&self, proof: &Netlist, cells: &[PathBuf], changes: &[&Change]) -> Result<()> {
        std::fs::write(self.folder.join("map.abc"), MAP)?;
        let script = self.views(proof, cells, changes)?;
        self.yosys.run(&self.folder, &format!("{}.netlist", proof.module), &script)?;
        Ok(())
    }

    /// What ABC says of two views.
    fn compare(&self, module: &str, [left, right]: [&str; 2]) -> Result<String> {
        self.yosys.abc(&self.folder, &format!("cec {EFFORT} {module}.{left}.aig {module}.{right}.aig"))
    }

    fn equal(&self, what: &str, module: &str, views: [&str; 2]) -> Result<()> {
        let said = self.compare(module, views)?;
        if said.contains("Networks are equivalent") { Ok(()) } else { bail!("its {what}: {}", said.trim()) }
    }

    /// The commands that write the graphs.
    fn views(&self, proof: &Netlist, cells: &[PathBuf], changes: &[&Change]) -> Result<Vec<String>> {
        let module = &proof.module;
        let top = format!("hierarchy -top {module}");
        let registers = registers(cells);
        let open = proof.open.first().map(|_| "expose -evert */t:* */t:$_* %d".to_owned());
        let pins = format!("expose -evert -sep {PIN} */t:$_DFF_P_");
        let clocked = |name| {
            let graph = open.clone().into_iter().chain(lines(&GRAPH).map(|step| step.replace("opt -full", OPT)));
            graph.chain(["setundef -zero".into(), pins.clone(), "opt_clean".into(), written(module, name)])
        };
        let cut = |name| lines(&CUT).chain([written(module, name)]);

        let changes: Vec<&Change> = proof.narrow.iter().chain(changes.iter().copied()).collect();
        let mut script = vec![self.read(module, &proof.params, None, &changes)? + &opened(&proof.open)];
        script.extend(lines(&SOURCE).chain([format!("rename -top {module}"), "design -save source".into()]));
        script.extend(clocked("source"));
        script.extend(["design -load source".into(), format!("dfflibmap{}", named(&registers))]);
        script.extend(lines(&["setundef -zero", "opt_clean", "design -save carried"]));
        script
            .extend(functions(&registers).chain(lines(&NAMED)).chain([top.clone()]).chain(lines(&["flatten", "proc"])));
        script.extend(clocked("carried"));
        script.extend(lines(&["design -load carried"]).chain(functions(&registers)).chain([KEEP.into(), top.clone()]));
        script.extend(cut("cut"));
        script.extend(["design -load carried".into(), format!("abc -script map.abc{}", named(cells))]);
        script.extend(lines(&["setundef -zero", "clean -purge"]));
        script.push(format!("write_verilog -noattr -noexpr {module}.v"));
        script.extend([format!("write_verilog -blackboxes {module}.open.v"), "design -reset".into()]);
        script.extend(functions(cells).chain([KEEP.into(), format!("read_verilog {module}.open.v {module}.v"), top]));
        script.extend(lines(&["flatten", "proc"]).chain(cut("netlist")));
        Ok(script)
    }
}

/// The files with cells that hold state: those that say so, or all.
fn registers(cells: &[PathBuf]) -> Vec<PathBuf> {
    let said: Vec<PathBuf> = cells.iter().filter(|file| file.to_string_lossy().contains("_SEQ_")).cloned().collect();
    if said.is_empty() { cells.to_vec() } else { said }
}

/// These files as options of a command that maps.
fn named(files: &[PathBuf]) -> String {
    files.iter().map(|file| format!(" -liberty {}", file.display())).collect()
}

/// What the cells of these files do.
fn functions(files: &[PathBuf]) -> impl Iterator<Item = String> {
    files.iter().map(|file| format!("read_liberty -ignore_miss_func -ignore_miss_dir {}", file.display()))
}

fn written(module: &str, name: &str) -> String {
    format!("write_aiger -symbols {module}.{name}.aig")
}

fn lines<'a>(commands: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    commands.iter().map(|command| (*command).to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::yosys::Yosys;

    /// The bench in a folder of its own with its cells, where tools and cells are here.
    fn bench<'a>(root: &'a Path, folder: &Path) -> Option<(Bench<'a>, Vec<PathBuf>)> {
        let yosys = Yosys::find().ok()?;
        let cells = yosys.cells(root, folder).unwrap()?;
        Some((Bench { root, folder: folder.into(), yosys, cells: None }, cells))
    }

    #[test]
    fn registers_that_do_not_correspond_are_refused() {
        let (root, folder) = (crate::repo::root(), tempfile::tempdir().unwrap());
        let Some((bench, cells)) = bench(&root, folder.path()) else {
            println!("not tested: there are no tools or no cells");
            return;
        };
        let module = "puce_turns";
        let params = BTreeMap::from([("Askers".into(), 4)]);
        let (open, narrow, planted) = Default::default();
        let proof = Netlist { module: module.into(), params, long: false, open, narrow, planted };
        bench.netlist(&proof, &cells).unwrap();

        let file = bench.graph(module, "carried");
        let right = Graph::read(&file).unwrap();
        let with = |change: &dyn Fn(&str) -> String| {
            let symbols = right.symbols.iter().map(|symbol| change(symbol)).collect();
            Graph { gates: right.gates.clone(), symbols, latches: 0 }.write(&file).unwrap();
            bench.correspond(module).and_then(|()| bench.equal("registers", module, ["source", "carried"]))
        };
        with(&str::to_owned).unwrap();
        let turned = with(&|name| match name.split_once("last_q[0]") {
            Some((before, after)) => format!("{before}last_q[1]{after}"),
            None => name.replace("last_q[1]", "last_q[0]"),
        });
        assert!(turned.unwrap_err().to_string().starts_with("its registers: "));
        let other = with(&|name| name.replace("last_q[1]", "first_q"));
        assert!(other.unwrap_err().to_string().contains("not the same ports"));
        let twice = with(&|name| name.replace("last_q[1]", "last_q[0]"));
        assert!(twice.unwrap_err().to_string().contains("stands for two ports"));
    }

    #[test]
    fn a_register_has_the_name_of_its_cell() {
        assert_eq!(without_cell("i7 u_a.acc_q[1]$held.IQ.register.Q"), "i7 u_a.acc_q[1]$held.register.Q");
        assert_eq!(without_cell("o3 u_part.value_o[3]"), "o3 u_part.value_o[3]");
    }
}
