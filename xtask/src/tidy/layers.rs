//! Who may know whom.
//!
//! The table below is the picture of `ARCHITECTURE.md` as data, bottom first. A crate's ordinary
//! and build dependencies must stay within `knows`; its tests may also use `tests_know`.
//! Dependencies outside the workspace are not judged here.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::repo::TextFile;

/// One crate of the workspace and what it may know.
struct Layer {
    name: &'static str,
    knows: &'static [&'static str],
    tests_know: &'static [&'static str],
}

const LAYERS: &[Layer] = &[
    Layer { name: "base", knows: &[], tests_know: &[] },
    Layer { name: "data", knows: &[], tests_know: &[] },
    Layer { name: "arch", knows: &["base", "data"], tests_know: &[] },
    // Money never sees a chip, a network or a clock: nobody can tilt the comparison.
    Layer { name: "econ", knows: &["base", "data"], tests_know: &[] },
    Layer { name: "model", knows: &["base", "data"], tests_know: &[] },
    Layer { name: "emu", knows: &["base", "arch"], tests_know: &["data"] },
    // The design itself; only its tests compare it with the emulator and with its twin in time.
    Layer { name: "rtl", knows: &["base", "arch"], tests_know: &["emu", "data", "perf"] },
    Layer { name: "perf", knows: &["base", "data", "arch", "model"], tests_know: &[] },
    // Silicon and heat know the chip, never what runs on it.
    Layer { name: "phys", knows: &["base", "data", "arch"], tests_know: &[] },
    // Only the compiler's tests run programs.
    Layer { name: "compiler", knows: &["base", "arch", "model"], tests_know: &["emu", "data"] },
    Layer { name: "serve", knows: &["base", "data", "model", "perf"], tests_know: &[] },
    Layer { name: "validate", knows: &["base", "data", "model", "perf", "serve"], tests_know: &[] },
    // The only crate that sees all views of a chip at once.
    Layer {
        name: "explore",
        knows: &["base", "data", "arch", "econ", "model", "perf", "phys", "serve"],
        tests_know: &[],
    },
    // Shows; computes nothing.
    Layer { name: "report", knows: &["explore"], tests_know: &[] },
    Layer {
        name: "cli",
        knows: &[
            "base", "data", "arch", "econ", "model", "emu", "compiler", "perf", "phys", "serve", "validate", "explore",
            "report", "rtl",
        ],
        tests_know: &[],
    },
    Layer { name: "xtask", knows: &["base", "data", "arch", "rtl"], tests_know: &[] },
];

/// An essay shorter than this says nothing; 20 to 60 lines are usual.
const ESSAY_LINES: usize = 5;

const TABLE: &str = "LAYERS in xtask/src/tidy/layers.rs";

/// Complaints about manifests, essays, folder names and the page that draws them.
pub fn check(files: &[TextFile]) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files {
        let Some(folder) = crate_folder(&file.path) else {
            continue;
        };
        let name = folder.rsplit('/').next().unwrap_or(folder);
        seen.insert(name);
        complaints.extend(manifest(file, name));
        complaints.extend(essay(files, folder));
        complaints.extend(drawn(files, folder, name));
    }
    let gone = LAYERS.iter().filter(|layer| !seen.contains(layer.name));
    complaints.extend(gone.map(|layer| format!("{}: no such crate; remove its row from {TABLE}", layer.name)));
    complaints
}

/// The folder of a crate, when the path is its manifest.
fn crate_folder(path: &str) -> Option<&str> {
    let folder = path.strip_suffix("/Cargo.toml")?;
    let single = |name: &str| !name.contains('/');
    (["rtl", "xtask"].contains(&folder) || folder.strip_prefix("crates/").is_some_and(single)).then_some(folder)
}

fn manifest(file: &TextFile, folder: &str) -> Vec<String> {
    let path = &file.path;
    let table: Table = match file.text.parse() {
        Ok(table) => table,
        Err(error) => return vec![format!("{path}: not TOML: {}", error.message())],
    };
    let name = table.get("package").and_then(|package| package.get("name")).and_then(Value::as_str);
    if name != Some(folder) {
        return vec![format!("{path}: package `{}` in folder `{folder}`: give both one name", name.unwrap_or("?"))];
    }
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == folder) else {
        return vec![format!("{path}: crate `{folder}` has no row; add one to {TABLE}")];
    };
    let mut complaints = Vec::new();
    for (kind, dependency) in workspace_dependencies(&table) {
        let name = dependency.as_str();
        let in_tests = kind == "dev-dependencies" && layer.tests_know.contains(&name);
        if !in_tests && !layer.knows.contains(&name) {
            complaints.push(format!(
                "{path}: `{folder}` must not know `{dependency}` ({kind}); the permitted ones are in {TABLE}"
            ));
        }
    }
    complaints
}

/// Every dependency on a crate of the table, with the section it stands in, target-specific
/// sections included.
fn workspace_dependencies(manifest: &Table) -> Vec<(&'static str, String)> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let mut found = Vec::new();
    for table in std::iter::once(manifest).chain(targets) {
        for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let section = table.get(kind).and_then(Value::as_table);
            for (key, value) in section.into_iter().flatten() {
                // A renamed dependency is known by its package.
                let name = value.get("package").and_then(Value::as_str).unwrap_or(key);
                if is_ours(name, value) {
                    found.push((kind, name.to_owned()));
                }
            }
        }
    }
    found
}

fn is_ours(name: &str, value: &Value) -> bool {
    value.get("path").is_some() || LAYERS.iter().any(|layer| layer.name == name)
}

/// The crate's root file opens with an essay.
fn essay(files: &[TextFile], folder: &str) -> Option<String> {
    let root = |name: &str| files.iter().find(|file| file.path == format!("{folder}/src/{name}"));
    let Some(file) = root("lib.rs").or_else(|| root("main.rs")) else {
        return Some(format!("{folder}: neither src/lib.rs nor src/main.rs; a crate needs one"));
    };
    let lines = file.text.lines().filter(|line| line.starts_with("//!")).count();
    (lines < ESSAY_LINES).then(|| {
        format!("{}: the crate's essay has {lines} lines of `//!`; at least {ESSAY_LINES} would do", file.path)
    })
}

/// `ARCHITECTURE.md` has a table row that begins with the crate's name.
fn drawn(files: &[TextFile], folder: &str, name: &str) -> Option<String> {
    let page = files.iter().find(|file| file.path == "ARCHITECTURE.md");
    let named = |line: &str| {
        let mut cells = line.strip_prefix('|').into_iter().flat_map(|row| row.split('|'));
        cells.next().is_some_and(|cell| cell.split(',').any(|word| word.trim() == format!("`{name}`")))
    };
    let present = page.is_some_and(|page| page.text.lines().any(named));
    (!present)
        .then(|| format!("ARCHITECTURE.md: no row for {folder}; a line that begins with \"| `{name}` |\" would do"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.to_owned(), text: text.to_owned() }
    }

    /// A tree in which every rule of this module holds.
    fn tree() -> Vec<TextFile> {
        let essay = "//! One.\n".repeat(ESSAY_LINES);
        let mut page = String::new();
        let mut files = Vec::new();
        for layer in LAYERS {
            let outside = ["rtl", "xtask"].contains(&layer.name);
            let folder = if outside { layer.name.to_owned() } else { format!("crates/{}", layer.name) };
            let row = |name: &&str| format!("{name} = {{ workspace = true }}\n");
            let text = format!(
                "[package]\nname = \"{}\"\n[dependencies]\nserde = \"1\"\n{}[dev-dependencies]\n{}",
                layer.name,
                layer.knows.iter().map(row).collect::<String>(),
                layer.tests_know.iter().map(row).collect::<String>(),
            );
            files.push(file(&format!("{folder}/Cargo.toml"), &text));
            files.push(file(&format!("{folder}/src/lib.rs"), &essay));
            page += &format!("| `{}` | x |\n", layer.name);
        }
        files.push(file("ARCHITECTURE.md", &page));
        files
    }

    fn edit(path: &str, change: impl Fn(&str) -> String) -> Vec<String> {
        let mut files = tree();
        let file = files.iter_mut().find(|file| file.path == path).unwrap();
        file.text = change(&file.text);
        check(&files)
    }

    fn only_complaint(complaints: &[String], part: &str) {
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].contains(part), "{complaints:?}");
    }

    #[test]
    fn the_picture_itself_is_accepted() {
        assert_eq!(check(&tree()), Vec::<String>::new());
    }

    #[test]
    fn the_table_has_no_upward_arrow() {
        for (at, layer) in LAYERS.iter().enumerate() {
            for known in layer.knows {
                assert!(LAYERS[..at].iter().any(|below| below.name == *known), "{} -> {known}", layer.name);
            }
        }
    }

    #[test]
    fn upward_dependencies_are_refused_in_every_section() {
        let base = "crates/base/Cargo.toml";
        for section in ["[build-dependencies]", "[target.'cfg(unix)'.dependencies]", "[target.x.dev-dependencies]"] {
            let added = edit(base, |text| format!("{text}{section}\nemu = {{ workspace = true }}\n"));
            only_complaint(&added, "`base` must not know `emu`");
        }
        let renamed = edit(base, |text| format!("{text}quick = {{ package = \"emu\", path = \"../emu\" }}\n"));
        only_complaint(&renamed, "`base` must not know `emu`");
    }

    #[test]
    fn what_tests_know_the_crate_does_not() {
        let moved = edit("crates/compiler/Cargo.toml", |text| text.replace("[dev-dependencies]\n", ""));
        assert_eq!(moved.len(), 2, "{moved:?}");
        assert!(moved[0].contains("`compiler` must not know `data` (dependencies)"), "{moved:?}");
    }

    #[test]
    fn names_essays_and_rows() {
        let renamed = edit("crates/emu/Cargo.toml", |text| text.replace("\"emu\"", "\"emulator\""));
        only_complaint(&renamed, "package `emulator` in folder `emu`");
        let mute = edit("crates/emu/src/lib.rs", |_| "//! Short.\n".to_owned());
        only_complaint(&mute, "crates/emu/src/lib.rs: the crate's essay has 1 lines");
        let erased = edit("ARCHITECTURE.md", |text| text.replace("| `emu` |", "| emu |"));
        only_complaint(&erased, "no row for crates/emu");
        let broken = edit("crates/emu/Cargo.toml", |_| "[package".to_owned());
        only_complaint(&broken, "crates/emu/Cargo.toml: not TOML");
    }

    #[test]
    fn an_unknown_crate_is_told_which_table_to_edit() {
        let mut files = tree();
        files.push(file("crates/new/Cargo.toml", "[package]\nname = \"new\"\n"));
        files.push(file("crates/new/src/main.rs", &"//! x\n".repeat(ESSAY_LINES)));
        let complaints = check(&files);
        assert!(complaints[0].contains("add one to LAYERS in xtask/src/tidy/layers.rs"), "{complaints:?}");
        assert!(complaints[1].contains("no row for crates/new"), "{complaints:?}");
    }

    #[test]
    fn a_row_without_a_crate_is_stale() {
        let files: Vec<_> = tree().into_iter().filter(|file| !file.path.starts_with("crates/emu/")).collect();
        only_complaint(&check(&files), "emu: no such crate");
    }
}
