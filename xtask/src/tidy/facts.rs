//! Every number knows where it came from: a file of facts under `data/` has a `source` that says
//! something.
//!
//! The schema of each file belongs to the crate that gives it meaning; this rule only sees that
//! somewhere in the file a key `source` holds text.

use toml::{Table, Value};

use crate::repo::TextFile;

/// Files under `data/` that hold no facts, each with the reason.
const WITHOUT_SOURCE: &[(&str, &str)] = &[];

/// Complaints about `data/**/*.toml`.
pub fn check(files: &[TextFile]) -> Vec<String> {
    let facts = files.iter().filter(|file| file.path.starts_with("data/") && file.path.ends_with(".toml"));
    facts.filter_map(complaint).collect()
}

fn complaint(file: &TextFile) -> Option<String> {
    let path = &file.path;
    if WITHOUT_SOURCE.iter().any(|(permitted, _)| permitted == path) {
        return None;
    }
    match file.text.parse::<Table>() {
        Err(error) => Some(format!("{path}: not TOML: {}", error.message())),
        Ok(table) if has_source(&table) => None,
        Ok(_) => Some(format!(
            "{path}: no `source` anywhere; name where the numbers come from, or add the file with its reason to \
             WITHOUT_SOURCE in xtask/src/tidy/facts.rs"
        )),
    }
}

fn has_source(table: &Table) -> bool {
    table.iter().any(|(key, value)| {
        let here = key == "source" && value.as_str().is_some_and(|text| !text.trim().is_empty());
        here || below(value)
    })
}

fn below(value: &Value) -> bool {
    match value {
        Value::Table(table) => has_source(table),
        Value::Array(items) => items.iter().any(below),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_counts_at_any_depth_if_it_says_something() {
        let cases = [
            ("data/chips/a.toml", "source = 'design'\n", true),
            ("data/a.toml", "[price]\nlow = 1\nsource = 'a page'\n", true),
            ("data/a.toml", "[[row]]\nx = 1\n[[row]]\nsource = 'a page'\n", true),
            ("data/a.toml", "x = 1\n", false),
            ("data/a.toml", "source = ' '\n", false),
            ("data/a.toml", "source = 3\n", false),
            ("data/a.toml", "# source = 'a comment'\n", false),
            ("data/a.toml", "x = \n", false),
            ("data/a.txt", "x", true),
            ("crates/data/Cargo.toml", "x = 1\n", true),
        ];
        for (path, text, accepted) in cases {
            let file = TextFile { path: path.to_owned(), text: text.to_owned() };
            assert_eq!(check(&[file]).is_empty(), accepted, "{path}: {text}");
        }
    }
}
