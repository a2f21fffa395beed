//! Byte memories that several cores share: a chip's memory, a core's scratchpad.
//!
//! Pages appear when they are first written, so a chip with hundreds of gigabytes costs what its program touches. Every access names a range that is
//! checked against the size; what is handed out is a raw pointer, because the cores of a chip run on different threads. Two cores that
//! touch the same bytes without an exchange between them have no defined result, on silicon as here.

use memmap2::{MmapMut, MmapOptions};

/// A zeroed byte memory of fixed size.
#[derive(Debug)]
pub struct Memory {
    /// Keeps the bytes alive.
    _map: Option<MmapMut>,
    start: *mut u8,
    len: usize,
}

// SAFETY: the bytes are plain data; what races on them is the program's concern (see the module's essay).
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// `len` zero bytes.
    pub fn new(len: usize) -> std::io::Result<Memory> {
        if len == 0 {
            return Ok(Memory { _map: None, start: std::ptr::NonNull::dangling().as_ptr(), len });
        }
        // Reserving nothing: a chip's memory may be larger than the host's.
        let mut map = MmapOptions::new().len(len).no_reserve_swap().map_anon()?;
        let start = map.as_mut_ptr();
        Ok(Memory { _map: Some(map), start, len })
    }

    /// Size in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The address of `at` if `at..at + len` lies inside.
    pub fn range(&self, at: u64, len: u64) -> Option<*mut u8> {
        let end = at.checked_add(len)?;
        // SAFETY: `at <= end <= len` of the mapping.
        (end <= self.len as u64).then(|| unsafe { self.start.add(at as usize) })
    }

    /// Copy bytes in; false if the range is outside.
    pub fn write(&mut self, at: u64, bytes: &[u8]) -> bool {
        let Some(to) = self.range(at, bytes.len() as u64) else { return false };
        // SAFETY: the range is inside the mapping, and `&mut self` excludes others.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        true
    }

    /// Copy bytes out; false if the range is outside.
    pub fn read(&self, at: u64, bytes: &mut [u8]) -> bool {
        let Some(from) = self.range(at, bytes.len() as u64) else { return false };
        // SAFETY: the range is inside the mapping; no program runs while the host holds `&self`.
        unsafe { std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len()) };
        true
    }
}
