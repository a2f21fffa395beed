//! A chip as a folder that a hardware engineer can take: sources, one file list, constraints, chapters, and a smoke test that runs.
//!
//! Everything in it is text and stands by itself: neither Puce nor Rust is needed to lint, simulate or synthesise what is written here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use arch::Chip;
use arch::random::Case;
use minijinja::{Environment, context};

use crate::params::{self, Unbuildable};
use crate::{registers, sources};

/// A program with what it must leave in memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Smoke {
    /// Program, memory and parameters.
    pub case: Case,
    /// The program's memory after it ran.
    pub memory: Vec<u8>,
}

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// The design has no such shape.
    #[error(transparent)]
    Chip(#[from] Unbuildable),
    /// A file cannot be written.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// A file of the package: its path below the folder, and its text.
pub type File = (String, String);

const SMOKE: &str = include_str!("../package/smoke.sv");
const RUN: &str = include_str!("../package/run.sh");
const CONSTRAINTS: &str = include_str!("../package/constraints.sdc");
const README: &str = include_str!("../package/README.md");
const NUMERICS: &str = include_str!("../../docs/numerics.md");

/// Every file of a chip's package, in the order of their paths.
///
/// # Errors
/// When the design cannot be built for the chip.
pub fn files(chip: &Chip, smoke: &[Smoke]) -> Result<Vec<File>, Unbuildable> {
    let parameters = params::of_chip(chip)?;
    let mut files: Vec<File> = sources::all().iter().map(|(path, text)| (path.to_string(), text.to_string())).collect();
    let list: String = files.iter().map(|(path, _)| format!("{path}\n")).collect();
    files.push(("files.f".into(), list + "puce_chip.sv\n"));
    files.push(("puce_chip.sv".into(), wrapper(chip, &parameters)));
    files.push(("docs/isa.md".into(), arch::docs::isa_chapter()));
    files.push(("docs/numerics.md".into(), NUMERICS.into()));
    files.push(("docs/registers.md".into(), registers::chapter()));
    files.push(("smoke/run.sh".into(), RUN.into()));
    let ports = chip.memory_ports();
    let beats = smoke.iter().map(|smoke| Image::of(chip, smoke).beats()).max().unwrap_or(1);
    let words = smoke.iter().map(|smoke| smoke.case.params.len()).max().unwrap_or(0).max(1);
    let values = context! {
        chip => &chip.name,
        title => &chip.title,
        frequency => chip.frequency.to_string(),
        period => format!("{:.3}", 1e9 / chip.frequency.0),
        parameters => parameters,
        cases => smoke.len(),
        port_bytes => chip.memory.port.0,
        mem_ports => ports,
        id_width => 2 + (chip.core.count / ports).next_power_of_two().trailing_zeros(),
        param_words => words,
        host_words => HOST_WORDS + 2 * chip.core.count,
        beats,
        window => format!("{:x}", registers::PARAMETERS),
        control => format!("{:x}", registers::chip::CONTROL.of(0)),
        status => format!("{:x}", registers::chip::STATUS.of(0)),
    };
    let rendered = [("smoke/smoke.sv", SMOKE), ("constraints.sdc", CONSTRAINTS), ("README.md", README)];
    files.extend(rendered.map(|(path, template)| {
        let text = Environment::new().render_str(template, &values).expect("templates are tested");
        (path.to_string(), text + "\n")
    }));
    for (index, smoke) in smoke.iter().enumerate() {
        files.extend(Image::of(chip, smoke).files(index, beats, words));
    }
    files.sort();
    Ok(files)
}

/// Write the package into a folder, which is made if it is not there.
///
/// # Errors
/// When the design cannot be built for the chip, or a file cannot be written.
pub fn write(chip: &Chip, smoke: &[Smoke], folder: &Path) -> Result<Vec<File>, PackageError> {
    let files = files(chip, smoke)?;
    for (name, text) in &files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, text));
        written.map_err(|error| PackageError::File { path: path.clone(), error })?;
    }
    Ok(files)
}

/// `puce_chip`: the ports of `puce_top` with this chip's parameters.
fn wrapper(chip: &Chip, parameters: &[(&str, u64)]) -> String {
    let (_, top) =
        sources::all().iter().find(|(path, _)| sources::unit(path) == "puce_top").expect("the top is listed");
    let header = top.split_once("#(").expect("the top has parameters").1;
    let (declared, rest) = header.split_once("\n) (\n").expect("parameters end before the ports");
    let (ports, _) = rest.split_once("\n);").expect("ports end");
    let value = |name: &str| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let fixed = |line: &str| match line.trim_start().strip_prefix("parameter ").and_then(|rest| rest.split_once('=')) {
        None => line.to_string(),
        Some((head, default)) => {
            let name = head.split_whitespace().last().unwrap_or_default();
            let comma = if default.trim_end().ends_with(',') { "," } else { "" };
            let value = value(name).map_or(default.trim().trim_end_matches(',').to_string(), |value| value.to_string());
            format!("  localparam {head}= {value}{comma}")
        }
    };
    let declared: Vec<String> = declared.lines().map(fixed).collect();
    let names = |text: &str, keep: &dyn Fn(&str) -> Option<String>| -> String {
        let names: Vec<String> = text.lines().filter_map(keep).map(|name| format!("    .{name}({name})")).collect();
        names.join(",\n")
    };
    let passed = names(&declared.join("\n"), &|line| {
        let head = line.trim_start().strip_prefix("localparam ")?.split_once('=')?.0;
        let name = head.split_whitespace().last()?;
        (!["CoresPerPort", "IdW"].contains(&name)).then(|| name.to_string())
    });
    let connected = names(ports, &|line| {
        let code = line.split("//").next()?.trim().trim_end_matches(',');
        (code.starts_with("input") || code.starts_with("output"))
            .then(|| code.split_whitespace().last().map(str::to_string))?
    });
    format!(
        "// Chip `{}`: puce_top with its parameters. Generated from the chip description.\nmodule puce_chip\n  import puce_pkg::*;\n#({}\n) (\n{ports}\n);\n\n  puce_top #(\n{passed}\n  ) u_top (\n{connected}\n  );\n\nendmodule\n",
        chip.name,
        declared.join("\n"),
    )
}

/// Register writes of a case beside those that say where each core's code is: cores that run, and the limit in two words.
const HOST_WORDS: usize = 3;

/// A case as the test bench reads it.
struct Image<'a> {
    smoke: &'a Smoke,
    port: usize,
    /// Code behind the program's memory, each core's at a multiple of [`CODE_ALIGN`].
    code: Vec<(u64, Vec<u8>)>,
}

/// Code of a core begins at a multiple of this.
const CODE_ALIGN: usize = 64;

impl<'a> Image<'a> {
    fn of(chip: &Chip, smoke: &'a Smoke) -> Image<'a> {
        let mut at = smoke.case.memory.len().next_multiple_of(CODE_ALIGN);
        let code = smoke.case.program.cores.iter().map(|stream| {
            let mut words = Vec::new();
            stream.iter().for_each(|instr| instr.encode(&mut words));
            let bytes: Vec<u8> = words.iter().flat_map(|word: &u64| word.to_le_bytes()).collect();
            let start = at;
            at = (at + bytes.len()).next_multiple_of(CODE_ALIGN);
            (start as u64, bytes)
        });
        Image { smoke, port: chip.memory.port.0 as usize, code: code.collect() }
    }

    fn bytes(&self) -> usize {
        self.code.last().map_or(self.smoke.case.memory.len(), |(start, bytes)| *start as usize + bytes.len())
    }

    fn beats(&self) -> usize {
        self.bytes().div_ceil(self.port)
    }

    /// Beats of a memory, the last byte first as `$readmemh` wants it.
    fn hex(&self, memory: &[u8], beats: usize) -> String {
        let mut bytes = memory.to_vec();
        for (start, code) in &self.code {
            bytes.resize(*start as usize, 0);
            bytes.extend(code);
        }
        bytes.resize(beats * self.port, 0);
        let line = |beat: &[u8]| beat.iter().rev().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
        bytes.chunks(self.port).map(line).collect()
    }

    fn host(&self) -> String {
        use registers::{chip, core};
        let words = |at: u32, value: u64| [(at, value as u32), (at + 4, (value >> 32) as u32)];
        let mut writes = vec![(chip::RUN.of(0), self.smoke.case.program.cores.len() as u32)];
        writes.extend(words(chip::LIMIT.of(0), self.smoke.case.program.memory));
        for (index, (start, _)) in self.code.iter().enumerate() {
            writes.extend(words(core::CODE.of(index), *start));
        }
        let lines = writes.iter().map(|(at, value)| format!("{at:x} {value:x}\n"));
        format!("{:x}\n", writes.len()) + &lines.collect::<String>()
    }

    fn files(&self, index: usize, beats: usize, words: usize) -> [File; 4] {
        let path = |name: &str| format!("smoke/case{index}/{name}.hex");
        let params = self.smoke.case.params.iter().chain(std::iter::repeat(&0)).take(words);
        [
            (path("memory"), self.hex(&self.smoke.case.memory, beats)),
            (path("expected"), self.hex(&self.smoke.memory, beats)),
            (path("params"), params.map(|word| format!("{word:x}\n")).collect()),
            (path("host"), self.host()),
        ]
    }
}
