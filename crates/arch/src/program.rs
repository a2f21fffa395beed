//! Programs: one instruction stream per core, with version and checksum.
//!
//! # Binary form (little-endian)
//!
//! ```text
//! 0   "PUCE"            4 bytes
//! 4   version           u32, now 1
//! 8   memory            u64, bytes of chip memory the program may touch
//! 16  cores             u32
//! 20  words per core    u32 each
//! ..  code              u64 words, core after core
//! end CRC-32 of everything before it, u32
//! ```

use crate::isa::{DecodeError, Instr};

/// Version of the binary form and of the instruction table.
pub const VERSION: u32 = 1;
/// Cores a program may have streams for; chips have fewer.
pub const MAX_CORES: usize = 1024;
const MAGIC: &[u8; 4] = b"PUCE";

/// A program of one chip.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Program {
    /// Bytes of chip memory, from address 0, that the program may touch.
    pub memory: u64,
    /// Instruction streams, core 0 first. Cores beyond the list stay idle.
    pub cores: Vec<Vec<Instr>>,
}

/// Why bytes are not a program: one sentence with the byte offset.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("program, byte {offset}: {what}")]
pub struct ProgramError {
    /// Byte offset.
    pub offset: usize,
    /// What was found and what was expected.
    pub what: String,
}

fn error(offset: usize, what: impl Into<String>) -> ProgramError {
    ProgramError { offset, what: what.into() }
}

fn take<const N: usize>(bytes: &[u8], offset: usize, what: &str) -> Result<[u8; N], ProgramError> {
    bytes
        .get(offset..offset + N)
        .map(|slice| slice.try_into().expect("slice of length N"))
        .ok_or_else(|| error(offset, format!("the file ends in the {what}; it is truncated")))
}

impl Program {
    /// Instructions of all cores.
    pub fn len(&self) -> usize {
        self.cores.iter().map(Vec::len).sum()
    }

    /// Whether no core has an instruction.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The binary form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.memory.to_le_bytes());
        bytes.extend_from_slice(&(self.cores.len() as u32).to_le_bytes());
        let mut words = Vec::new();
        for core in &self.cores {
            let before = words.len();
            core.iter().for_each(|instr| instr.encode(&mut words));
            bytes.extend_from_slice(&((words.len() - before) as u32).to_le_bytes());
        }
        words.iter().for_each(|word: &u64| bytes.extend_from_slice(&word.to_le_bytes()));
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Read the binary form; version, checksum and every field are checked, memory use is proportional to `bytes`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Program, ProgramError> {
        if &take::<4>(bytes, 0, "magic number")? != MAGIC {
            return Err(error(0, "the first four bytes are not `PUCE`; this is no program file"));
        }
        let version = u32::from_le_bytes(take(bytes, 4, "version")?);
        if version != VERSION {
            let what = format!("version {version}; this build reads version {VERSION}: compile the model again");
            return Err(error(4, what));
        }
        let body = bytes.len().saturating_sub(4);
        let crc = u32::from_le_bytes(take(bytes, body.max(20), "checksum")?);
        if crc32fast::hash(&bytes[..body]) != crc {
            return Err(error(body, "the checksum does not match; the file is damaged"));
        }
        let memory = u64::from_le_bytes(take(bytes, 8, "memory size")?);
        let cores = decode_cores(&bytes[..body])?;
        Ok(Program { memory, cores })
    }
}

fn decode_cores(body: &[u8]) -> Result<Vec<Vec<Instr>>, ProgramError> {
    let cores = u32::from_le_bytes(take(body, 16, "core count")?) as usize;
    if cores > MAX_CORES {
        return Err(error(16, format!("{cores} cores; a program has at most {MAX_CORES}")));
    }
    let mut offset = 20 + 4 * cores;
    let mut streams = Vec::with_capacity(cores);
    for core in 0..cores {
        let words = u32::from_le_bytes(take(body, 20 + 4 * core, "table of cores")?) as usize;
        let code = body.get(offset..offset.saturating_add(words.saturating_mul(8)));
        let code = code.ok_or_else(|| error(offset, format!("the code of core {core} is truncated")))?;
        streams.push(decode_stream(code, offset)?);
        offset += words * 8;
    }
    match offset == body.len() {
        true => Ok(streams),
        false => Err(error(offset, "bytes follow the code of the last core")),
    }
}

fn decode_stream(code: &[u8], offset: usize) -> Result<Vec<Instr>, ProgramError> {
    let words: Vec<u64> = code.chunks_exact(8).map(|c| u64::from_le_bytes(c.try_into().expect("8 bytes"))).collect();
    let mut stream = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let (instr, used) =
            Instr::decode(&words[at..]).map_err(|e: DecodeError| error(offset + 8 * at, e.to_string()))?;
        stream.push(instr);
        at += used;
    }
    Ok(stream)
}
