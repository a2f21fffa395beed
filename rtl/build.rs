//! Writes the table of the sources that `files.f` lists, so that an installed program can build a simulator without a directory beside it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("set by cargo"));
    println!("cargo:rerun-if-changed={}", root.join("files.f").display());
    println!("cargo:rerun-if-changed={}", root.join("sv").display());
    let list = fs::read_to_string(root.join("files.f"))?;
    let mut table = String::from("static FILES: &[(&str, &str)] = &[\n");
    for name in list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")) {
        let path = root.join(name);
        if path.exists() {
            writeln!(table, "    ({name:?}, include_str!({path:?})),").expect("a string grows");
        }
    }
    let out = PathBuf::from(env::var("OUT_DIR").expect("set by cargo"));
    fs::write(out.join("sources.rs"), table + "];\n")
}
