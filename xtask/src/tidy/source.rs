//! Rules about the text of files: where `unsafe` may live, what must not be left behind, how long a
//! file may grow, and what belongs to one machine and not to the project.
//!
//! Words are looked for in code only ([`super::code`]); paths and hosts anywhere, because a comment
//! or a page with the path of somebody's machine is as wrong as code with it.

use super::code;
use crate::repo::TextFile;

/// Files and folders that may say `unsafe`, each with the reason.
const UNSAFE: &[(&str, &str)] = &[
    ("crates/emu/src/kernels", "vector instructions behind a run-time check"),
    ("crates/emu/src/core", "kernels and copies on byte ranges that were checked"),
    ("crates/emu/src/crew.rs", "a job that a core's threads share for as long as it lasts"),
    ("crates/emu/src/memory.rs", "byte memories that the cores of a chip share"),
    ("crates/emu/examples/kernels.rs", "measures the kernels"),
    ("rtl/src/library.rs", "the binding of the verilated design"),
    ("crates/model/src/reference/kernel.rs", "the reference's product in vector instructions"),
    ("crates/model/src/checkpoint/bytes.rs", "the memory map of a checkpoint"),
    ("xtask/src/bench/limits.rs", "instruction sequences that measure the machine's limits"),
];

/// Files that may exceed [`PRODUCT_LINES`], each with the reason: generated, or one long table.
const LONG: &[(&str, &str)] =
    &[("crates/base/src/units.rs", "one table of quantities with their units and arithmetic")];

/// Product lines of a file, its tests not counted.
const PRODUCT_LINES: usize = 600;

/// Macros that mark unfinished work.
const UNFINISHED: &[&str] = &["todo", "unimplemented", "dbg"];

/// Folders that exist on somebody's machine only.
const MACHINE_FOLDERS: &[&str] = &["work", "root", "tmp", "home"];

/// Where clients of package registries look by themselves; split, so that this file may be judged
/// too.
const HOSTS: &[(&str, &str)] = &[
    ("pypi", ".org"),
    ("crates", ".io"),
    ("files.pythonhosted", ".org"),
    ("deb.debian", ".org"),
    ("registry.npmjs", ".org"),
];

const TABLES: &str = "in xtask/src/tidy/source.rs";

/// Complaints about every text file.
pub fn check(files: &[TextFile]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        // A lock file names the registry of each package: that is its purpose.
        if !file.path.ends_with(".lock") {
            complaints.extend(machine_words(file));
        }
        if file.path.ends_with(".rs") {
            complaints.extend(code_words(file));
            complaints.extend(length(file));
        }
    }
    complaints
}

fn machine_words(file: &TextFile) -> Vec<String> {
    let mut complaints = Vec::new();
    for (line, text) in (1..).zip(file.text.lines()) {
        if let Some(folder) = MACHINE_FOLDERS.iter().find(|folder| names_folder(text, folder)) {
            complaints.push(format!(
                "{}:{line}: a path below `/{folder}` belongs to one machine; take it from the environment or the root",
                file.path
            ));
        }
        if let Some((name, end)) = HOSTS.iter().find(|(name, end)| text.contains(&format!("{name}{end}"))) {
            complaints.push(format!("{}:{line}: `{name}{end}` is a registry host; leave it to the client", file.path));
        }
    }
    complaints
}

/// True when the line has the absolute path `/folder/...`: what stands before the slash is no part
/// of a longer path.
fn names_folder(line: &str, folder: &str) -> bool {
    let path = format!("/{folder}/");
    let longer = |c: char| code::is_word(c) || "./-})]>*~".contains(c);
    line.match_indices(&path).any(|(at, _)| !line[..at].ends_with(longer))
}

fn code_words(file: &TextFile) -> Vec<String> {
    let permitted = UNSAFE.iter().any(|(path, _)| is_below(&file.path, path));
    let code = code::only(&file.text);
    let mut complaints = Vec::new();
    for (line, text) in (1..).zip(code.lines()) {
        if !permitted && has_word(text, "unsafe", "") {
            complaints.push(format!("{}:{line}: `unsafe` outside the places listed in UNSAFE {TABLES}", file.path));
        }
        for name in UNFINISHED.iter().filter(|name| has_word(text, name, "!")) {
            complaints.push(format!("{}:{line}: `{name}!` is unfinished work; finish or remove it", file.path));
        }
    }
    complaints
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.']))
}

/// True when `word` stands alone in the line and `after` follows it.
fn has_word(line: &str, word: &str, after: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let rest = &line[at + word.len()..];
        !line[..at].ends_with(code::is_word) && !rest.starts_with(code::is_word) && rest.starts_with(after)
    })
}

/// The part of the file before its tests must be short, unless the table says why not.
fn length(file: &TextFile) -> Option<String> {
    let is_test = file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
    let lines = file.text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
    let permitted = LONG.iter().any(|(path, _)| *path == file.path);
    (lines > PRODUCT_LINES && !is_test && !permitted).then(|| {
        format!(
            "{}: {lines} product lines, above {PRODUCT_LINES}; split it, or add it with its reason to LONG {TABLES}",
            file.path
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<String> {
        check(&[TextFile { path: path.to_owned(), text: text.to_owned() }])
    }

    #[test]
    fn unsafe_lives_where_the_table_says() {
        let block = "fn f() {\n    unsafe { g() }\n}\n";
        let refused = complaints("crates/base/src/lib.rs", block);
        assert_eq!(refused.len(), 1);
        assert!(refused[0].starts_with("crates/base/src/lib.rs:2: `unsafe`"), "{refused:?}");
        for path in ["crates/emu/src/kernels/avx2.rs", "crates/emu/src/kernels.rs", "crates/emu/src/memory.rs"] {
            assert!(complaints(path, block).is_empty(), "{path}");
        }
        assert_eq!(complaints("crates/emu/src/kernels_old.rs", block).len(), 1);
    }

    #[test]
    fn unsafe_in_prose_strings_and_longer_words_is_no_use_of_it() {
        let text = "#![forbid(unsafe_code)]\n// unsafe\nconst A: &str = \"unsafe {\";\n";
        assert!(complaints("crates/base/src/lib.rs", text).is_empty());
    }

    #[test]
    fn unfinished_work_is_found_by_line() {
        for name in UNFINISHED {
            let found = complaints("a.rs", &format!("fn f() {{\n\n    {name}!(\"x\")\n}}\n"));
            assert_eq!(found.len(), 1, "{name}");
            assert!(found[0].starts_with(&format!("a.rs:3: `{name}!`")), "{found:?}");
            assert!(complaints("a.rs", &format!("// {name}!()\nfn my_{name}() {{}}\n")).is_empty(), "{name}");
        }
    }

    #[test]
    fn tests_do_not_count_as_product() {
        let product = "x;\n".repeat(PRODUCT_LINES);
        assert!(complaints("a.rs", &product).is_empty());
        assert_eq!(complaints("a.rs", &format!("{product}x;\n")).len(), 1);
        assert!(complaints("a.rs", &format!("{product}#[cfg(test)]\nmod tests {{\n{product}}}\n")).is_empty());
        assert!(complaints("crates/a/tests/long.rs", &format!("{product}x;\n")).is_empty());
    }

    #[test]
    fn absolute_paths_of_a_machine() {
        for folder in MACHINE_FOLDERS {
            let path = format!("/{folder}/x");
            for line in [format!("`{path}`"), format!("open(\"{path}\")"), format!("see {path}"), path.clone()] {
                assert_eq!(complaints("docs/a.md", &line).len(), 1, "{line}");
            }
            for line in [format!("a{path}"), format!("../{folder}/x"), format!("$HOME{path}"), format!("/{folder}s/x")]
            {
                assert!(complaints("docs/a.md", &line).is_empty(), "{line}");
            }
        }
    }

    #[test]
    fn registry_hosts_stand_in_lock_files_only() {
        for (name, end) in HOSTS {
            let text = format!("source = \"https://static.{name}{end}/x\"\n");
            assert_eq!(complaints("a.toml", &text).len(), 1, "{name}");
            assert!(complaints("Cargo.lock", &text).is_empty(), "{name}");
        }
    }
}
