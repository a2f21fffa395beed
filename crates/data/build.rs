//! Writes the table of every text file under `/data`, so that a new file is seen without being named anywhere.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("set by cargo")).join("../../data");
    let root = root.canonicalize()?;
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    collect(&root, &root, &mut files)?;
    files.sort();
    let out = PathBuf::from(env::var("OUT_DIR").expect("set by cargo"));
    fs::write(out.join("files.rs"), table(&root, &files))
}

/// Appends the relative paths (with `/`) of every fact file below `dir`.
fn collect(root: &Path, dir: &Path, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or(".");
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if matches!(path.extension().and_then(|e| e.to_str()), Some("toml" | "csv" | "md" | "txt")) {
            let relative = path.strip_prefix(root).expect("below the root");
            let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
            files.push(parts.join("/"));
        }
    }
    Ok(())
}

/// The Rust source of the sorted table.
fn table(root: &Path, files: &[String]) -> String {
    let mut text = String::from("static FILES: &[(&str, &str)] = &[\n");
    for file in files {
        writeln!(text, "    ({file:?}, include_str!({:?})),", root.join(file)).expect("a string grows");
    }
    text + "];\n"
}
