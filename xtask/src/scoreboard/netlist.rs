//! One netlist of a module with all its errors in it, of which an argument of the simulator makes one real.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rtl::instrument;

use super::targets::{End, ended};
use crate::formal::GRAPH;
use crate::yosys::Yosys;

/// The input by which Yosys chooses an error; in the netlist a register that the simulator's argument sets.
const CHOICE: &str = "puce_mutant";
/// Its width in bits.
const WIDTH: u32 = 16;
/// What Yosys may take of a processor to make gates of a mutant.
const PATIENCE: Duration = Duration::from_secs(20);
/// What ABC may take of a processor for either way to compare a mutant with its source: what it proves, it proves soon.
const DECISION: Duration = Duration::from_secs(5);

/// A module with the parameters that its test gives it.
pub struct Source<'a> {
    /// The module's name.
    pub module: &'a str,
    /// Parameters and their values.
    pub params: &'a BTreeMap<String, u32>,
}

/// A planted error: how Yosys is told of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error(String);

impl Error {
    /// What is wrong, and where: `const0 sum_d[4] puce_fp_add.sv:50`.
    pub fn text(&self) -> String {
        let mut words = self.0.split(' ');
        let mut place = BTreeMap::new();
        while let Some(word) = words.next() {
            if let Some(name) = word.strip_prefix('-') {
                place.insert(name, words.next().unwrap_or_default());
            }
        }
        let of = |name: &str| place.get(name).copied().unwrap_or_default();
        let net = match of("wire") {
            "" => format!("{}.{}[{}]", of("cell"), of("port"), of("portbit")),
            wire => format!("{}[{}]", wire.trim_start_matches('\\'), of("wirebit")),
        };
        let file = of("src").rsplit('/').next().unwrap_or_default();
        format!("{} {net} {}", of("mode"), file.split('.').take(2).collect::<Vec<_>>().join("."))
    }

    /// The command of Yosys that makes it real for good.
    fn alone(&self) -> String {
        let words: Vec<&str> = self.0.split(' ').collect();
        let keep = |at: &usize| *words.get(*at).unwrap_or(&"") != "-ctrl";
        let start = if keep(&1) { 1 } else { 5 };
        format!("mutate {}", words[start..].join(" "))
    }
}

/// What is known of an error that no test found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It changes nothing that comes out.
    Harmless,
    /// Something comes out that should not.
    Changes,
    /// Nothing was decided in time.
    Open,
}

impl Verdict {
    /// From what ABC said.
    fn of(said: &str) -> Verdict {
        let said = said.to_lowercase();
        match said.contains("networks are equivalent") {
            true => Verdict::Harmless,
            false if said.contains("networks are not equivalent") => Verdict::Changes,
            false => Verdict::Open,
        }
    }
}

/// Makes netlists in a folder of their own.
pub struct Maker<'a> {
    yosys: Yosys,
    root: &'a Path,
    folder: PathBuf,
}

impl<'a> Maker<'a> {
    /// In `folder`, which is made.
    pub fn new(root: &'a Path, folder: PathBuf) -> Result<Maker<'a>> {
        std::fs::create_dir_all(&folder)?;
        Ok(Maker { yosys: Yosys::find()?, root, folder })
    }

    /// Draws `count` errors by this seed and writes the netlist that has them all; its path, and the errors from number 1 on.
    pub fn make(&self, source: &Source, count: usize, seed: u64) -> Result<(PathBuf, Vec<Error>)> {
        let module = source.module;
        let read = self.read(source)?;
        let mut script = read.clone();
        let list = format!("{module}.list");
        script.push(format!(
            "mutate -list {count} -seed {seed} -none -module {module} -ctrl {CHOICE} {WIDTH} 0 -o {list}"
        ));
        self.yosys.run(&self.folder, &format!("{module}.draw"), &script)?;
        let drawn = std::fs::read_to_string(self.folder.join(&list))?;
        let errors: Vec<Error> = drawn.lines().skip(1).map(|line| Error(line.to_owned())).collect();
        if errors.is_empty() {
            bail!("{module}: Yosys finds no place for an error");
        }
        let mut script = read;
        script.extend(errors.iter().map(|error| error.0.clone()));
        script.push(format!("write_verilog -noattr {module}.raw.v"));
        self.yosys.run(&self.folder, &format!("{module}.plant"), &script)?;
        let raw = std::fs::read_to_string(self.folder.join(format!("{module}.raw.v")))?;
        let path = self.folder.join(format!("{module}.v"));
        std::fs::write(&path, stand_in(&raw, source)?)?;
        Ok((path, errors))
    }

    /// What ABC says of each of these errors, for all that comes out from a reset with all registers at zero on.
    pub fn verdicts(&self, source: &Source, errors: &[&Error]) -> Result<Vec<Verdict>> {
        let module = source.module;
        let log = self.folder.join(format!("{module}.alone.log"));
        let alone = |at: usize| format!("{module}.{at}.aig");
        let mut script = self.read(source)?;
        script.push("design -save source".into());
        let graph = |file: String| {
            let steps = ["flatten", "memory_map"].into_iter().chain(GRAPH).map(String::from);
            steps.chain([format!("write_aiger {file}")]).collect::<Vec<_>>()
        };
        script.extend(graph(format!("{module}.aig")));
        for (at, error) in errors.iter().enumerate() {
            script.extend(["design -load source".into(), error.alone()]);
            script.extend(graph(alone(at)));
        }
        let patience = PATIENCE * (1 + errors.len() as u32);
        let mut yosys = self.yosys.script(&self.folder, &format!("{module}.alone"), &script)?;
        if ended(&mut yosys, patience, &log)? != End::Well {
            return Ok(vec![Verdict::Open; errors.len()]);
        }
        (0..errors.len()).map(|at| self.compare(&format!("{module}.aig"), &alone(at), &log)).collect()
    }

    /// What ABC says of two graphs.
    fn compare(&self, source: &str, alone: &str, log: &Path) -> Result<Verdict> {
        let said = |check: &str| -> Result<Verdict> {
            let commands = format!("{check} -T {} {source} {alone}", DECISION.as_secs());
            // ABC looks at its time seldom, and it fails at what it cannot compare: neither decides anything.
            ended(&mut self.yosys.abc_script(&self.folder, &commands)?, DECISION, log)?;
            Ok(Verdict::of(&std::fs::read_to_string(log)?))
        };
        // A block without registers is nothing for `dsec`; one whose registers all get the same is the same.
        match said("cec")? {
            Verdict::Harmless => Ok(Verdict::Harmless),
            _ => said("dsec"),
        }
    }

    /// The commands that read a module and the modules below it, without assertions.
    fn read(&self, source: &Source) -> Result<Vec<String>> {
        let module = source.module;
        let files = rtl::sources::named_by([module]);
        if !files.iter().any(|(path, _)| rtl::sources::unit(path) == module) {
            bail!("`rtl/files.f` lists no module `{module}`");
        }
        let files: Vec<String> =
            files.iter().map(|(path, _)| self.root.join("rtl").join(path).display().to_string()).collect();
        let params: String = source.params.iter().map(|(name, value)| format!(" -G {name}={value}")).collect();
        let slang = format!(
            "read_slang --no-proc --ignore-assertions --top {module}{params} --keep-hierarchy --disable-instance-caching=false"
        );
        // What Yosys writes as no Verilog becomes gates, and no table becomes a memory: a wrong bit of its contents could not be written.
        let steps = ["hierarchy -auto-top", "chformal -remove", "proc -norom", "simplemap t:$bwmux", "opt_clean"]
            .map(String::from);
        let read = [format!("{slang} {}", files.join(" "))];
        Ok(read.into_iter().chain(steps).chain([format!("rename -top {module}")]).collect())
    }
}

/// What Yosys wrote, made to stand for the module: its parameters are declared, and the choice is a register that an argument sets.
fn stand_in(raw: &str, source: &Source) -> Result<String> {
    let module = source.module;
    let head = format!("module {module}(");
    let start = raw.find(&head).context("Yosys wrote another module")?;
    let end = start + raw[start..].find(");").context("Yosys wrote half a module")? + 2;
    let line = &raw[start..end];
    let ports =
        line[head.len()..].replace('\n', "").replace(&format!(", {CHOICE}"), "").replace(&format!("{CHOICE}, "), "");
    let text = rtl::sources::all().iter().find(|(path, _)| rtl::sources::unit(path) == module).map(|(_, text)| *text);
    let declared: Vec<String> = parameters(text.unwrap_or_default())
        .map(|name| format!("parameter {name} = {}", source.params.get(name).copied().unwrap_or(0)))
        .collect();
    let declared = if declared.is_empty() { String::new() } else { format!("#({}) ", declared.join(", ")) };
    let (high, argument) = (WIDTH - 1, format!("\"{CHOICE}=%d\", {CHOICE}"));
    let register =
        format!("  reg [{high}:0] {CHOICE};\n  initial if (!$value$plusargs({argument})) {CHOICE} = {WIDTH}'d0;\n");
    let params: Vec<_> = source.params.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
    Ok(instrument::made_with(&params)
        + "\n"
        + &raw
            .replace(line, &format!("module {module} {declared}({ports}"))
            .replace(&format!("  input [{high}:0] {CHOICE};\n"), "")
            .replace(&format!("  wire [{high}:0] {CHOICE};\n"), &register))
}

/// The parameters that a module declares.
fn parameters(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim).filter(|line| line.starts_with("parameter "));
    lines.filter_map(|line| line.split(" =").next()?.split_whitespace().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_named_by_its_kind_and_place() {
        let line = "mutate -ctrl puce_mutant 16 1 -mode const0 -module puce_fp_add -cell $45 -port Y -portbit 0 -wire sum_d \
                    -wirebit 4 -src a/rtl/sv/puce_fp_add.sv:50.13";
        assert_eq!(Error(line.into()).text(), "const0 sum_d[4] puce_fp_add.sv:50");
        assert!(Error(line.into()).alone().starts_with("mutate -mode const0 -module puce_fp_add"));
        let line = "mutate -ctrl puce_mutant 16 2 -mode cnot0 -module m -cell $3 -port A -portbit 8 -ctrlbit 28 -src m.sv:6.1-6.3";
        assert_eq!(Error(line.into()).text(), "cnot0 $3.A[8] m.sv:6");
    }

    #[test]
    fn what_abc_does_not_decide_stays_open() {
        assert_eq!(Verdict::of("Networks are equivalent.  Time = 0.02 sec"), Verdict::Harmless);
        assert_eq!(Verdict::of("Networks are NOT EQUIVALENT.  Time = 0.03 sec"), Verdict::Changes);
        assert_eq!(Verdict::of("Networks are UNDECIDED.  Time = 20.00 sec"), Verdict::Open);
        assert_eq!(Verdict::of(""), Verdict::Open);
    }

    #[test]
    fn parameters_are_read_from_the_source() {
        let text = "module m #(\n  parameter int unsigned Width = 32,\n  parameter bit Ecc = 1'b1\n) (\n";
        assert_eq!(parameters(text).collect::<Vec<_>>(), ["Width", "Ecc"]);
    }

    #[test]
    fn a_netlist_takes_the_place_of_its_module() {
        let params = BTreeMap::from([("Width".to_owned(), 17), ("Depth".to_owned(), 3)]);
        let raw = "module puce_fifo(clk_i\n, puce_mutant, out_o);\n  input [15:0] puce_mutant;\n  wire [15:0] puce_mutant;\nendmodule\n";
        let text = stand_in(raw, &Source { module: "puce_fifo", params: &params }).unwrap();
        assert!(text.starts_with("// made with Depth=3 Width=17\n"), "{text}");
        assert!(
            text.contains("module puce_fifo #(parameter Width = 17, parameter Depth = 3) (clk_i, out_o);"),
            "{text}"
        );
        assert!(text.contains("  reg [15:0] puce_mutant;\n") && !text.contains("input"), "{text}");
    }
}
