//! Errors of this crate: one sentence that says where, what, and what would do.

use std::path::PathBuf;

/// A result with this crate's [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong with a model file or a request about a model. `Display` is the whole sentence.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file's bytes are not what its format says they must be.
    #[error("{file}, byte {offset}: {what}", file = file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Byte offset at which reading failed.
        offset: u64,
        /// What was found, what was expected, and what would do.
        what: String,
    },
    /// The file is well formed, but holds something that is not supported or not consistent.
    #[error("{file}: {what}", file = file.display())]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// What was found and what is supported.
        what: String,
    },
    /// The operating system refused.
    #[error("{file}: {source}", file = file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A request that makes no sense, apart from any file.
    #[error("{0}")]
    Request(String),
}
