//! Files of published figures: what is wrong with an entry is said with its line.

use serde::de::DeserializeOwned;
use toml::Spanned;

/// Why a file is refused: one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {what}")]
pub struct FileError {
    /// Name of the text.
    file: String,
    /// Line, from 1.
    line: usize,
    /// What was found and what would do.
    what: String,
}

/// The text of a file, and its name in refusals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    pub name: &'a str,
    pub text: &'a str,
}

impl Text<'_> {
    /// Reads TOML.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, FileError> {
        toml::from_str(self.text).map_err(|refusal| {
            self.error(refusal.span().map_or(0, |span| span.start), refusal.message().replace('\n', " "))
        })
    }

    /// Something is wrong at this byte.
    pub fn error(self, offset: usize, what: String) -> FileError {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        FileError { file: self.name.to_owned(), line, what }
    }

    /// Checks an entry and takes it out of its place.
    pub fn one<T>(self, entry: Spanned<T>, check: impl Fn(&T) -> Result<(), String>) -> Result<T, FileError> {
        check(entry.get_ref()).map_err(|what| self.error(entry.span().start, what))?;
        Ok(entry.into_inner())
    }

    /// Checks a list of entries and takes them out of their places.
    pub fn each<T>(
        self,
        entries: Vec<Spanned<T>>,
        check: impl Fn(&T) -> Result<(), String>,
    ) -> Result<Vec<T>, FileError> {
        entries.into_iter().map(|entry| self.one(entry, &check)).collect()
    }
}

/// Whether it is said who published something.
pub(crate) fn sourced(source: &str) -> Result<(), String> {
    if source.trim().is_empty() { Err("`source` is empty: say who published it".into()) } else { Ok(()) }
}

/// Whether a number is one that may be published.
pub(crate) fn positive(what: &str, value: f64) -> Result<(), String> {
    let good = value > 0.0 && value.is_finite();
    if good { Ok(()) } else { Err(format!("`{what} = {value}`: a number above zero is expected")) }
}
