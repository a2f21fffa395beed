//! Generated files: a table of path and generator.
//!
//! A generator is a pure function from the program's own tables to the whole text of one file.
//! `cargo xtask gen` writes the files; `cargo xtask tidy` and its test refuse a file that differs
//! from what its generator gives, so that a table and its chapter cannot drift apart.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// One generated file.
pub struct Generated {
    /// Path from the root.
    pub path: &'static str,
    /// Gives the whole text.
    pub text: fn() -> String,
}

/// Every generated file of the tree. Add a row here and run `cargo xtask gen`.
pub const GENERATED: &[Generated] = &[
    Generated { path: "docs/isa.md", text: arch::docs::isa_chapter },
    Generated { path: "rtl/sv/puce_isa_pkg.sv", text: rtl::isa_pkg::text },
    Generated { path: "rtl/sv/puce_regs_pkg.sv", text: rtl::registers::package },
    Generated { path: "docs/registers.md", text: rtl::registers::chapter },
];

/// Those whose file is missing or differs.
pub fn stale<'a>(root: &Path, table: &'a [Generated]) -> Vec<&'a Generated> {
    let differs = |row: &&Generated| std::fs::read_to_string(root.join(row.path)).ok() != Some((row.text)());
    table.iter().filter(differs).collect()
}

/// Writes the stale files, or with `check` names them and fails.
pub fn run(root: &Path, check: bool) -> Result<()> {
    let stale = stale(root, GENERATED);
    if check && !stale.is_empty() {
        let paths: Vec<_> = stale.iter().map(|row| row.path).collect();
        bail!("stale: {}; run `cargo xtask gen`", paths.join(", "));
    }
    for row in &stale {
        write(root, row)?;
        println!("wrote {}", row.path);
    }
    println!("{} generated files, {} were stale", GENERATED.len(), stale.len());
    Ok(())
}

fn write(root: &Path, row: &Generated) -> Result<()> {
    let path = root.join(row.path);
    let folder = path.parent().expect("a generated file lies below the root");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, (row.text)()))
        .with_context(|| format!("{}: cannot be written", row.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_stale_until_it_equals_its_generator() {
        let tree = tempfile::tempdir().unwrap();
        let table = [Generated { path: "docs/a.md", text: || "new\n".to_owned() }];
        assert_eq!(stale(tree.path(), &table).len(), 1, "missing");
        write(tree.path(), &table[0]).unwrap();
        assert!(stale(tree.path(), &table).is_empty(), "just written");
        std::fs::write(tree.path().join("docs/a.md"), "new \n").unwrap();
        assert_eq!(stale(tree.path(), &table).len(), 1, "edited by hand");
    }
}
