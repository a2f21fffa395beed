//! The libraries that draw the charts of a report, kept in the tree.
//!
//! A report opens without a network, so that its charts' libraries lie inside it, and therefore beside the code that writes it. This chore renews them: npm's
//! client installs the packages at the versions below into `target/vendor`, their built files are copied byte for byte, and `README.md` says what they are.
//! A test of `report` holds the files to the sums in that page.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::repo;

/// Where the files lie, from the root.
const FOLDER: &str = "crates/report/assets";

/// A package with the file of it that is kept.
struct Bundle {
    package: &'static str,
    version: &'static str,
    file: &'static str,
}

const BUNDLES: &[Bundle] = &[
    Bundle { package: "vega", version: "6.4.0", file: "vega.min.js" },
    Bundle { package: "vega-lite", version: "6.5.0", file: "vega-lite.min.js" },
    Bundle { package: "vega-embed", version: "7.3.0", file: "vega-embed.min.js" },
];

/// Beginnings of the names of packages that the built files contain; what else is installed serves command lines.
const CONTAINED: &[&str] = &[
    "vega",
    "d3-",
    "delaunator",
    "fast-json-patch",
    "internmap",
    "json-stringify-pretty-compact",
    "robust-predicates",
    "topojson-client",
    "tslib",
];

/// Installs the packages, copies their files and writes the licences and the page about them.
pub fn run(root: &Path) -> Result<()> {
    let work = root.join("target").join("vendor");
    install(root, &work)?;
    let modules = work.join("node_modules");
    let folder = root.join(FOLDER);
    for bundle in BUNDLES {
        let from = modules.join(bundle.package).join("build").join(bundle.file);
        std::fs::copy(&from, folder.join(bundle.file))
            .with_context(|| format!("{}: cannot be copied", from.display()))?;
    }
    std::fs::write(folder.join("licences.txt"), licences(&modules)?)?;
    std::fs::write(folder.join("README.md"), page(root, &folder)?)?;
    println!("{FOLDER}: {} files renewed", BUNDLES.len());
    Ok(())
}

fn install(root: &Path, work: &Path) -> Result<()> {
    std::fs::create_dir_all(work)?;
    std::fs::write(work.join("package.json"), "{ \"private\": true }\n")?;
    let mut npm = repo::command(root, "npm");
    npm.current_dir(work).args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact"]);
    repo::run(npm.args(BUNDLES.iter().map(|bundle| format!("{}@{}", bundle.package, bundle.version))))
}

/// Every licence text once, above it the packages that it is of.
fn licences(modules: &Path) -> Result<String> {
    let mut packages: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in std::fs::read_dir(modules)? {
        let folder = entry?.path();
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if CONTAINED.iter().any(|start| name.starts_with(start)) {
            packages.entry(licence(&folder)?).or_default().push(name);
        }
    }
    let mut blocks: Vec<String> = Vec::new();
    for (text, mut names) in packages {
        names.sort();
        blocks.push(format!("{}\n\n{}\n", names.join(", "), text));
    }
    blocks.sort();
    Ok(blocks.join("\n----\n\n"))
}

fn licence(package: &Path) -> Result<String> {
    let candidates = ["LICENSE", "LICENSE.txt", "LICENSE.md"].map(|name| package.join(name));
    let file: Option<&PathBuf> = candidates.iter().find(|path| path.exists());
    let file = file.with_context(|| format!("{}: no licence beside the code", package.display()))?;
    let text = std::fs::read_to_string(file)?;
    Ok(text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim().to_owned())
}

fn page(root: &Path, folder: &Path) -> Result<String> {
    let mut text = String::from(
        "# Libraries inside a report\n\nThey draw the charts, and every `report.html` contains them, so that it opens without a network. Written by `cargo xtask vendor`, which\n\
         installs the packages through npm's client and copies their built files unchanged; the licences of all that they contain are in `licences.txt`.\n\n\
         | file | package | version | sha256 |\n|---|---|---|---|\n",
    );
    for bundle in BUNDLES {
        let sum = repo::output(repo::command(root, "sha256sum").arg(folder.join(bundle.file)))?;
        let sum = sum.split_whitespace().next().unwrap_or_default();
        writeln!(text, "| `{}` | {} | {} | `{sum}` |", bundle.file, bundle.package, bundle.version)?;
    }
    text += "\n`page.css` and `page.js` are the project's own.\n";
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(modules: &Path, name: &str, file: &str, text: &str) {
        std::fs::create_dir_all(modules.join(name)).unwrap();
        std::fs::write(modules.join(name).join(file), text).unwrap();
    }

    #[test]
    fn one_text_stands_once_under_all_its_packages() {
        let tree = tempfile::tempdir().unwrap();
        package(tree.path(), "d3-b", "LICENSE", "Free.  \n\n");
        package(tree.path(), "d3-a", "LICENSE.txt", "Free.\n");
        package(tree.path(), "vega", "LICENSE", "Other.\n");
        package(tree.path(), "yargs", "LICENSE", "Not contained.\n");
        assert_eq!(licences(tree.path()).unwrap(), "d3-a, d3-b\n\nFree.\n\n----\n\nvega\n\nOther.\n");
    }

    #[test]
    fn a_package_without_a_licence_is_refused() {
        let tree = tempfile::tempdir().unwrap();
        package(tree.path(), "d3-a", "README", "x");
        assert!(licences(tree.path()).unwrap_err().to_string().ends_with("d3-a: no licence beside the code"));
    }

    #[test]
    fn the_page_names_the_versions_that_are_installed() {
        let page = std::fs::read_to_string(repo::root().join(FOLDER).join("README.md")).unwrap();
        for bundle in BUNDLES {
            let row = format!("| `{}` | {} | {} |", bundle.file, bundle.package, bundle.version);
            assert!(page.contains(&row), "{row}: run `cargo xtask vendor`");
        }
    }
}
