//! The rules of the house, checked against the tree.
//!
//! Each rule is a table and a function from the tree to a list of complaints; a complaint is one
//! sentence with the file, the line where there is one, and what would do. Nothing is configured
//! from outside: to permit something, edit the table in the file that the complaint names, in the
//! same change that needs it, with the reason beside it.
//!
//! - [`layers`]: which crate may depend on which; every crate's essay, folder name and row in `ARCHITECTURE.md`.
//! - [`source`]: `unsafe`, unfinished code, the length of a file, paths and hosts of one machine.
//! - [`facts`]: every file of facts names its source.
//! - generated files are current ([`crate::generate`]).

mod code;
mod facts;
mod layers;
mod source;

use std::path::Path;

use anyhow::{Result, bail};

use crate::{generate, repo};

/// Prints every complaint, and fails if there is one.
pub fn run(root: &Path) -> Result<()> {
    let complaints = complaints(root)?;
    for complaint in &complaints {
        println!("{complaint}");
    }
    match complaints.len() {
        0 => println!("tidy: every rule holds"),
        n => bail!("tidy: {n} complaints"),
    }
    Ok(())
}

/// Every complaint about the tree, ordered by rule.
fn complaints(root: &Path) -> Result<Vec<String>> {
    let files = repo::text_files(root)?;
    let mut all = layers::check(&files);
    all.extend(source::check(&files));
    all.extend(facts::check(&files));
    let stale = generate::stale(root, generate::GENERATED);
    all.extend(stale.iter().map(|row| format!("{}: stale; run `cargo xtask gen`", row.path)));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The walls of the real tree, one test per rule so that a failure names it.
    fn holds(rule: fn(&[repo::TextFile]) -> Vec<String>) {
        let files = repo::text_files(&repo::root()).unwrap();
        assert!(files.len() > 20, "the walk found only {} files", files.len());
        let complaints = rule(&files);
        assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    }

    #[test]
    fn layers_hold() {
        holds(layers::check);
    }

    #[test]
    fn source_rules_hold() {
        holds(source::check);
    }

    #[test]
    fn facts_have_sources() {
        holds(facts::check);
    }

    #[test]
    fn generated_files_are_current() {
        let stale = generate::stale(&repo::root(), generate::GENERATED);
        let paths: Vec<_> = stale.iter().map(|row| row.path).collect();
        assert!(paths.is_empty(), "stale: {paths:?}; run `cargo xtask gen`");
    }

    #[test]
    fn a_complaint_fails_the_chore() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(tree.path().join("data")).unwrap();
        std::fs::write(tree.path().join("data/a.toml"), "x = 1\n").unwrap();
        let complaints = complaints(tree.path()).unwrap();
        assert!(complaints.iter().any(|c| c.starts_with("data/a.toml: ")), "{complaints:?}");
        assert!(run(tree.path()).is_err());
    }
}
