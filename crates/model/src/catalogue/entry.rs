//! One entry: the facts about a model that can be fetched.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{Error, Result};

/// A model that can be fetched.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What it is called on the command line.
    pub name: String,
    /// What it is called by people.
    pub title: String,
    /// Family, as the file names it.
    pub family: String,
    /// Number of weights in the file.
    pub parameters: u64,
    /// Licence, as its package states it.
    pub licence: String,
    /// Whether nothing may depend on it (no stated licence, size).
    pub optional: bool,
    /// Where it comes from, for people.
    pub source: String,
    /// The file.
    pub file: FileFact,
    /// The packages that carry it, in order: their members, end to end, are the file.
    #[serde(rename = "part")]
    pub parts: Vec<Part>,
}

/// A file's identity.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFact {
    /// Name in the cache.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// A member of a wheel.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Package name.
    pub package: String,
    /// Exact version.
    pub version: String,
    /// Size of the wheel in bytes: what is downloaded.
    pub wheel_bytes: u64,
    /// Path inside the wheel.
    pub member: String,
    /// Size of the unpacked member in bytes.
    pub bytes: u64,
}

impl Entry {
    /// Reads an entry file; `path` is named in errors.
    ///
    /// # Errors
    /// With the line, if the text is not TOML, a key is missing, unknown or of another type, or a value cannot be right.
    pub fn parse(path: &str, text: &str) -> Result<Entry> {
        let entry: Entry = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            let message = error.message().replace('\n', ", ");
            Error::Request(format!("{path}, line {line}: {message}"))
        })?;
        match entry.fault() {
            Some((key, what)) => {
                let line = text.lines().position(|line| key_of(line) == key).map_or(1, |index| index + 1);
                Err(Error::Request(format!("{path}, line {line}: `{key}`: {what}")))
            }
            None => Ok(entry),
        }
    }

    /// The first value that cannot be right: its key, and why.
    fn fault(&self) -> Option<(&'static str, String)> {
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if !plain(&self.name) {
            return Some(("name", "letters, digits, `.`, `_` and `-` only, beginning with a letter or digit".into()));
        }
        if !plain(&self.file.name) {
            return Some(("name", "the file's name must be plain, without a directory".into()));
        }
        if self.file.sha256.len() != 64 || !self.file.sha256.chars().all(hex) {
            return Some(("sha256", "64 lower-case hexadecimal digits were expected".into()));
        }
        if let Some(part) = self.parts.iter().find(|part| !plain(&part.package) || !plain(&part.version)) {
            return Some(("package", format!("`{} {}` is no package and version", part.package, part.version)));
        }
        let sum = self.parts.iter().try_fold(0u64, |sum, part| sum.checked_add(part.bytes));
        let wrong = sum != Some(self.file.bytes);
        wrong.then(|| ("bytes", format!("the parts do not add up to the file's {} bytes", self.file.bytes)))
    }

    /// Where the fetched file lies or will lie. The directory carries the hash, so that a new version of an entry never takes an old file for its own.
    pub fn path(&self, cache: &Path) -> PathBuf {
        self.stem(cache, "").join(&self.file.name)
    }

    /// The fetched file, if it is there.
    pub fn cached(&self, cache: &Path) -> Option<PathBuf> {
        let path = self.path(cache);
        let whole = std::fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() == self.file.bytes);
        whole.then_some(path)
    }

    /// `<cache>/models/<name>-<hash><suffix>`.
    pub(super) fn stem(&self, cache: &Path, suffix: &str) -> PathBuf {
        cache.join("models").join(format!("{}-{}{suffix}", self.name, &self.file.sha256[..12]))
    }
}

/// Whether a word is safe as a file name and as an argument.
fn plain(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || ".-_+".contains(c))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn key_of(line: &str) -> &str {
    line.split('=').next().unwrap_or_default().trim()
}
