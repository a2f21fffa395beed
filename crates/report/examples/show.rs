//! Shows an outcome that was kept as JSON: `cargo run -p report --example show outcome.json FOLDER` writes `report.html` and `memo.md`.

use explore::outcome::Outcome;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(file), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("name the outcome's file and a folder".into());
    };
    let outcome: Outcome = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    std::fs::write(folder.join("report.html"), report::page(&outcome))?;
    std::fs::write(folder.join("memo.md"), report::memo(&outcome))?;
    Ok(())
}
