//! Writes the tables of the kinds of traffic that have a trace: `traffic TRACES DATA`, with the folder of the traces and the folder `data/traffic`.
//!
//! What stands above the table in a file stays as it is. Started by `cargo xtask traffic`.

use explore::traffic::{Traffic, cells};
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [traces, data] = &arguments[..] else {
        return Err("the folder of traces and that of tables are expected".into());
    };
    for name in Traffic::names() {
        let traffic = Traffic::builtin(name).expect("it is named");
        if let Some(trace) = &traffic.trace {
            renew(&Path::new(traces).join(trace), &Path::new(data).join(format!("{name}.toml")))?;
        }
    }
    Ok(())
}

/// Replaces the table of a file by the reduction of a trace.
fn renew(trace: &Path, file: &Path) -> Result<(), Box<dyn Error>> {
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let pairs = cells::of_trace(&trace.display().to_string(), &read(trace)?)?;
    let old = read(file)?;
    let head = old.find("pairs = [").map_or(old.as_str(), |at| &old[..at]);
    std::fs::write(file, format!("{head}{}", cells::written(&pairs)))?;
    println!("{}: {} pairs of {}", file.display(), pairs.len(), trace.display());
    Ok(())
}
