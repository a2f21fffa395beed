//! Whether a netlist is its source.
//!
//! The netlist is what Yosys and ABC make of a module: its registers become cells first, by themselves (*carried*), then the logic between them. So there are
//! three views, and what is between two of them is compared. Source and carried view become and-inverter graphs with registers, which ABC compares in
//! every cycle from reset on (`dsec`); the logic is the same graph in both. In carried view and netlist the registers' cells have the same names: their
//! pins become ports, and ABC compares the logic between (`cec`). A module that is `open` is a cell of that kind, too.

use std::path::PathBuf;

use anyhow::{Result, bail};

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
    "rename -wire t:$_*DFF*",
];

/// From cells to an and-inverter graph in which pins of registers and of open modules are ports.
const CUT: [&str; 6] = ["techmap", "opt_clean", "simplemap", "aigmap", "expose -evert */t:*", "opt_clean"];

/// Modules with registers stay as they are: cells that hold state.
const KEEP: &str = "setattr -mod -set keep_hierarchy 1 */t:$_*DFF* %m";

/// Seconds, and conflicts of one decision, after which ABC gives up.
const EFFORT: &str = "-T 1800 -C 10000000";

impl Bench<'_> {
    /// Maps a module and compares.
    pub fn netlist(&self, proof: &Netlist, cells: &[PathBuf]) -> Result<()> {
        let module = &proof.module;
        self.map(proof, cells, &[])?;
        let clocked = self.yosys.abc(&self.folder, &format!("read {module}.source.aig; print_stats"))?;
        if !clocked.contains("lat =    0") {
            self.equal("registers", &format!("dsec -T 1800 {module}.source.aig {module}.carried.aig"))?;
        }
        self.equal("logic", &format!("cec {EFFORT} {module}.cut.aig {module}.netlist.aig"))
    }

    /// Whether a netlist of a module with this error is found to be another.
    pub fn differs(&self, proof: &Netlist, cells: &[PathBuf], plant: &Change) -> Result<bool> {
        let module = &proof.module;
        self.map(proof, cells, &[])?;
        std::fs::rename(
            self.folder.join(format!("{module}.cut.aig")),
            self.folder.join(format!("{module}.right.aig")),
        )?;
        self.map(proof, cells, &[plant])?;
        let said = self.yosys.abc(&self.folder, &format!("cec {EFFORT} {module}.right.aig {module}.netlist.aig"))?;
        Ok(said.contains("NOT EQUIVALENT"))
    }

    /// Writes the graphs of a module with these changes.
    fn map(&self, proof: &Netlist, cells: &[PathBuf], changes: &[&Change]) -> Result<()> {
        std::fs::write(self.folder.join("map.abc"), MAP)?;
        let script = self.views(proof, cells, changes)?;
        self.yosys.run(&self.folder, &format!("{}.netlist", proof.module), &script)?;
        Ok(())
    }

    fn equal(&self, what: &str, command: &str) -> Result<()> {
        let said = self.yosys.abc(&self.folder, command)?;
        if said.contains("Networks are equivalent") { Ok(()) } else { bail!("its {what}: {}", said.trim()) }
    }

    /// The commands that write the graphs.
    fn views(&self, proof: &Netlist, cells: &[PathBuf], changes: &[&Change]) -> Result<Vec<String>> {
        let module = &proof.module;
        let top = format!("hierarchy -top {module}");
        let registers = registers(cells);
        let open = proof.open.first().map(|_| "expose -evert */t:*".to_owned());
        let clocked = |name| {
            open.clone().into_iter().chain(lines(&GRAPH)).chain(["setundef -zero".into(), written("", module, name)])
        };
        let cut = |name| lines(&CUT).chain([written("-symbols ", module, name)]);

        let mut script = vec![self.read(module, &proof.params, None, changes)? + &opened(&proof.open)];
        script.extend(lines(&SOURCE).chain([format!("rename -top {module}"), "design -save source".into()]));
        script.extend(clocked("source"));
        script.extend(["design -load source".into(), format!("dfflibmap{}", named(&registers))]);
        script.extend(lines(&["setundef -zero", "opt_clean", "design -save carried"]));
        script.extend(functions(&registers).chain([top.clone()]).chain(lines(&["flatten", "proc"])));
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

fn written(options: &str, module: &str, name: &str) -> String {
    format!("write_aiger {options}{module}.{name}.aig")
}

fn lines<'a>(commands: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    commands.iter().map(|command| (*command).to_owned())
}
