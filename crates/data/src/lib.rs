//! The text of every fact file, embedded.
//!
//! Everything the project takes as given from the outside world (chips, models, nodes, devices, prices) is a text file under `/data`, and every such
//! file is part of the binary, so that an installed program needs no directory beside it. This crate holds the texts and nothing else: it knows no
//! schema. The crate that gives a file its meaning parses it, and refuses what it does not know.
//!
//! Files end in `.toml`, `.csv`, `.md` or `.txt`; a new one is picked up by the next build without being named anywhere. Paths are relative to
//! `/data`, with `/` between the parts.
//!
//! ```
//! let text = data::file("models/smollm2.toml").expect("the catalogue's first model");
//! assert!(text.contains("licence"));
//! assert!(data::list("models/").any(|path| path == "models/smollm2.toml"));
//! ```

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The text of the file at `path`, relative to `/data`; `None` if there is no such file.
pub fn file(path: &str) -> Option<&'static str> {
    let index = FILES.binary_search_by(|(name, _)| (*name).cmp(path)).ok()?;
    Some(FILES[index].1)
}

/// The paths that begin with `prefix`, in byte order; an empty prefix lists every file.
pub fn list(prefix: &str) -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name).filter(move |name| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn every_embedded_text_is_the_text_on_disk() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
        assert!(super::list("").count() > 0);
        for path in super::list("") {
            assert_eq!(super::file(path), std::fs::read_to_string(root.join(path)).ok().as_deref(), "{path}");
        }
    }

    #[test]
    fn every_fact_file_on_disk_is_embedded() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models");
        for entry in std::fs::read_dir(models).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(super::file(&format!("models/{name}")).is_some(), "{name}");
        }
    }

    #[test]
    fn an_unknown_path_has_no_text() {
        assert_eq!(super::file("models/"), None);
        assert_eq!(super::file("models/none.toml"), None);
        assert_eq!(super::list("models/none").count(), 0);
    }
}
