//! GGUF files: metadata, named tensors, and the bytes between them.
//!
//! A GGUF file is a header (magic, version, two counts), the metadata as key-value pairs, one description per tensor, padding to the alignment, and
//! the tensors' bytes. Everything before the bytes is read at once and checked; the bytes stay where they are, in the memory map, until somebody asks
//! for them. What comes out is consistent: keys and tensor names are unique, every tensor lies inside the file and overlaps no other, and every extent
//! fits its encoding. So nothing beyond this module checks again.
//!
//! The reader trusts no number of the file: a count is compared with what the rest of the file could possibly hold before anything is allocated for
//! it, so memory stays proportional to the file whatever it claims. Versions 2 and 3, little-endian, are read.

mod header;
mod metadata;
mod reader;

use std::path::{Path, PathBuf};

pub use header::{Header, Tensor};
pub use metadata::{Array, FromValue, Metadata, Value};

use crate::checkpoint::bytes::Bytes;
use crate::error::Result;

/// An open GGUF file.
#[derive(Debug)]
pub struct Gguf {
    header: Header,
    bytes: Bytes,
}

impl Gguf {
    /// Opens a file: maps it, reads and checks everything before the tensors' bytes.
    pub fn open(path: &Path) -> Result<Gguf> {
        Gguf::new(path.to_owned(), Bytes::map(path)?)
    }

    /// Reads a file that is already in memory; `name` stands in error messages.
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Gguf> {
        Gguf::new(PathBuf::from(name), Bytes::Owned(bytes))
    }

    fn new(file: PathBuf, bytes: Bytes) -> Result<Gguf> {
        let header = Header::parse(&file, &bytes)?;
        Ok(Gguf { header, bytes })
    }

    /// The file's path, or the name it was given.
    pub fn path(&self) -> &Path {
        self.header.metadata.file()
    }

    /// The format version: 2 or 3.
    pub fn version(&self) -> u32 {
        self.header.version
    }

    /// The metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.header.metadata
    }

    /// The tensors, in the file's order.
    pub fn tensors(&self) -> &[Tensor] {
        &self.header.tensors
    }

    /// The encoded bytes of one of [`Gguf::tensors`].
    pub fn data(&self, tensor: &Tensor) -> &[u8] {
        &self.bytes[tensor.range()]
    }

    /// All bytes of the file.
    pub(crate) fn file_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of the file.
    pub fn bytes_total(&self) -> u64 {
        self.bytes.len() as u64
    }
}
