//! The bytes of a file: mapped into memory, or owned.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use crate::error::{Error, Result};

/// Read-only bytes of one file.
pub(crate) enum Bytes {
    /// Mapped from a file.
    Mapped(memmap2::Mmap),
    /// Held in memory.
    Owned(Vec<u8>),
}

impl Bytes {
    /// Maps a file. An empty one gives no bytes rather than the system's refusal to map nothing.
    pub fn map(path: &Path) -> Result<Bytes> {
        let io = |source| Error::Io { file: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if !metadata.is_file() {
            let what =
                "this is not a regular file: name a .gguf file, a .safetensors file, or a directory with config.json";
            return Err(Error::Unsupported { file: path.to_owned(), what: what.into() });
        }
        if metadata.len() == 0 {
            return Ok(Bytes::Owned(Vec::new()));
        }
        // SAFETY: the map is private and read-only. A model file that another process truncates while it is mapped ends this process
        // with a bus error; model files are written once and replaced by renaming, and reading them whole would double the memory.
        let map = unsafe { memmap2::MmapOptions::new().map_copy_read_only(&file) }.map_err(io)?;
        Ok(Bytes::Mapped(map))
    }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bytes({})", self.len())
    }
}
