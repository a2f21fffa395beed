//! A cursor over bytes that never reads past the end and knows where it stands.

use std::path::Path;

use crate::error::{Error, Result};

/// Reads little-endian values one after the other.
pub(super) struct Reader<'a> {
    file: &'a Path,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A cursor at the first byte.
    pub fn new(file: &'a Path, bytes: &'a [u8]) -> Self {
        Reader { file, bytes, at: 0 }
    }

    /// The file that is being read.
    pub fn file(&self) -> &'a Path {
        self.file
    }

    /// Byte offset of the next read.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Bytes of the whole file.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The error "`what`, at byte `at`".
    pub fn malformed(&self, at: usize, what: impl Into<String>) -> Error {
        Error::Malformed { file: self.file.to_owned(), offset: at as u64, what: what.into() }
    }

    /// The next `count` bytes; `what` names them if they are missing.
    pub fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let Some(taken) = rest.get(..count) else {
            let left = rest.len();
            return Err(self.malformed(
                self.at,
                format!("{what} needs {count} bytes and the file has {left} more: it is truncated or damaged, fetch it again"),
            ));
        };
        self.at += count;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        Ok(self.take(N, what)?.try_into().expect("take returned N bytes"))
    }

    /// A 32-bit number.
    pub fn u32(&mut self, what: &str) -> Result<u32> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// A 64-bit number.
    pub fn u64(&mut self, what: &str) -> Result<u64> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A count of things that take at least `least` bytes each: refused if the rest of the file cannot hold them.
    pub fn count(&mut self, least: usize, what: &str) -> Result<usize> {
        let at = self.at;
        let count = self.u64(what)?;
        let room = (self.bytes.len() - self.at) / least;
        match usize::try_from(count) {
            Ok(count) if count <= room => Ok(count),
            _ => Err(self.malformed(
                at,
                format!("{what} is {count}, and the rest of the file has room for {room}: it is truncated or damaged, fetch it again"),
            )),
        }
    }

    /// A length and that many bytes of UTF-8.
    pub fn string(&mut self, what: &str) -> Result<&'a str> {
        let length = self.count(1, what)?;
        let at = self.at;
        let bytes = self.take(length, what)?;
        std::str::from_utf8(bytes).map_err(|e| {
            self.malformed(at + e.valid_up_to(), format!("{what} is not UTF-8: the file is damaged, fetch it again"))
        })
    }
}
