//! Reports in a real browser: narrow and wide, light and dark.
//!
//! The test `browser` of `report` writes the page of a made-up study, opens it in Chromium and refuses errors on the console, requests, charts without marks and
//! anything wider than the screen. Its pictures lie in `target/pages`, to be looked at. Where no Chromium can be had the chore says so and ends well.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{repo, tools};

/// Looks at the sample's page, or at the one in a file.
pub fn run(root: &Path, page: Option<&PathBuf>) -> Result<()> {
    let chromium = match tools::chromium(root) {
        Ok(chromium) => chromium,
        Err(error) => {
            println!("- pages: skipped, {error:#}");
            return Ok(());
        }
    };
    let mut cargo = repo::command(root, "cargo");
    cargo.args(["test", "--workspace", "--test", "browser", "--", "--ignored"]);
    cargo.env(tools::CHROMIUM, chromium);
    if let Some(page) = page {
        cargo.env("PUCE_PAGE", std::path::absolute(page)?);
    }
    repo::run(&mut cargo)?;
    println!("pictures: {}", root.join("target/pages").display());
    Ok(())
}
