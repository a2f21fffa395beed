//! Safetensors models: one file or several, and the configuration beside them.
//!
//! A safetensors file is a length, a JSON header of that length, and the tensors' bytes. The `safetensors` crate reads the header and checks that the
//! tensors fill the file without a gap; this module finds the files of a model, checks that they belong together, and lists what they store. MXFP4
//! tensors come as two (`*_blocks` and `*_scales`) and leave as one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo as Stored};
use serde_json::Value;

use crate::blocks::Encoding;
use crate::checkpoint::bytes::Bytes;
use crate::checkpoint::view::{Source, Storage};
use crate::error::{Error, Result};

/// The list of tensors of a model in several files.
const INDEX: &str = "model.safetensors.index.json";
/// Bytes of a block of MXFP4 codes, and elements in it.
const MX_CODES: usize = 16;
const MX_LEN: usize = 32;

/// An open safetensors model.
#[derive(Debug)]
pub struct Safetensors {
    path: PathBuf,
    config: Value,
    files: Vec<Part>,
}

/// One file of a model.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    bytes: Bytes,
    /// First byte of the tensors.
    data: usize,
    header: Metadata,
}

impl Safetensors {
    /// Opens a directory with `config.json` and one of: `model.safetensors.index.json` and the files it names, `model.safetensors`, or a single file
    /// of another name.
    ///
    /// # Errors
    /// If a file is missing, malformed, or does not hold the tensors that the index says it does.
    pub fn open_directory(path: &Path) -> Result<Safetensors> {
        let config = read_config(&path.join("config.json"))?;
        let index = path.join(INDEX);
        if !index.is_file() {
            return Safetensors::new(path, config, vec![Part::open(&only_file(path)?)?]);
        }
        let map = read_index(&index)?;
        let names: BTreeSet<&String> = map.values().collect();
        let files = names.iter().map(|name| Part::open(&path.join(name))).collect::<Result<Vec<_>>>()?;
        for (tensor, name) in &map {
            let at = names.iter().position(|n| *n == name).expect("the name comes from the map");
            if files[at].header.info(tensor).is_none() {
                return Err(unsupported(
                    &index,
                    format!("tensor `{tensor}` should be in {name} and is not: fetch both files again"),
                ));
            }
        }
        Safetensors::new(path, config, files)
    }

    /// Opens one file with `config.json` beside it.
    ///
    /// # Errors
    /// If one of the two is missing or malformed.
    pub fn open_file(path: &Path) -> Result<Safetensors> {
        let config = read_config(&path.with_file_name("config.json"))?;
        Safetensors::new(path, config, vec![Part::open(path)?])
    }

    /// Reads one file that is already in memory, and the text of its `config.json`; `name` stands in error messages.
    ///
    /// # Errors
    /// If one of the two is malformed.
    pub fn from_bytes(name: &str, config: &str, bytes: Vec<u8>) -> Result<Safetensors> {
        let path = Path::new(name);
        let config = parse_json(&path.with_file_name("config.json"), config.as_bytes())?;
        Safetensors::new(path, config, vec![Part::new(path, Bytes::Owned(bytes))?])
    }

    fn new(path: &Path, config: Value, files: Vec<Part>) -> Result<Safetensors> {
        Ok(Safetensors { path: path.to_owned(), config, files })
    }

    /// What was opened: the file or the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration.
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// Bytes of all files that hold tensors.
    pub fn bytes_total(&self) -> u64 {
        self.files.iter().map(|f| f.bytes.len() as u64).sum()
    }

    /// All bytes of a file.
    pub(crate) fn bytes(&self, file: usize) -> &[u8] {
        &self.files[file].bytes
    }

    /// What is stored, by name.
    pub(crate) fn sources(&self) -> Result<Vec<Source>> {
        let mut all = BTreeMap::new();
        for (file, part) in self.files.iter().enumerate() {
            for (name, stored) in part.header.tensors() {
                if all.insert(name.clone(), (file, stored)).is_some() {
                    return Err(unsupported(
                        &part.path,
                        format!("tensor `{name}` is also in another file of this model: keep one"),
                    ));
                }
            }
        }
        all.keys().filter_map(|name| self.source(&all, name).transpose()).collect()
    }

    /// One stored tensor; `None` for the scales of an MXFP4 pair, which belong to the codes.
    fn source(&self, all: &BTreeMap<String, (usize, &Stored)>, name: &str) -> Result<Option<Source>> {
        let (file, stored) = all[name];
        let first = self.first_byte(all, name);
        let pair = |from: &str, to: &str| {
            let other = format!("{}{to}", name.strip_suffix(from)?);
            (stored.dtype == Dtype::U8).then_some(other).filter(|other| all.contains_key(other))
        };
        if pair("_scales", "_blocks").is_some() {
            return Ok(None);
        }
        let mut shape = stored.shape.clone();
        let storage = match (pair("_blocks", "_scales"), encoding(stored.dtype)) {
            (Some(scales), _) => {
                shape = mx_shape(stored, all[&scales].1).map_err(|what| {
                    unsupported(
                        &self.files[file].path,
                        format!("tensors `{name}` and `{scales}` are no MXFP4 pair: {what}"),
                    )
                })?;
                Storage::SplitMx { codes: (file, first), scales: (all[&scales].0, self.first_byte(all, &scales)) }
            }
            (None, Some(encoding)) => Storage::Plain { encoding, file, first },
            (None, None) => Storage::Foreign { dtype: format!("{:?}", stored.dtype) },
        };
        Ok(Some(Source { name: name.to_owned(), shape, storage }))
    }

    /// Where a tensor begins in its file.
    fn first_byte(&self, all: &BTreeMap<String, (usize, &Stored)>, name: &str) -> usize {
        let (file, stored) = all[name];
        self.files[file].data + stored.data_offsets.0
    }
}

/// The encoding of an element type that is read as such.
fn encoding(dtype: Dtype) -> Option<Encoding> {
    match dtype {
        Dtype::F32 => Some(Encoding::F32),
        Dtype::F16 => Some(Encoding::F16),
        Dtype::BF16 => Some(Encoding::Bf16),
        _ => None,
    }
}

/// The shape in elements of MXFP4 codes `[.., blocks, 16]` with scales `[.., blocks]`.
fn mx_shape(codes: &Stored, scales: &Stored) -> Result<Vec<usize>, String> {
    match codes.shape.as_slice() {
        [outer @ .., MX_CODES] if outer == scales.shape && scales.dtype == Dtype::U8 && !outer.is_empty() => {
            let mut shape = outer.to_vec();
            let blocks = shape.last_mut().expect("there is an extent");
            *blocks = blocks.checked_mul(MX_LEN).ok_or("the shape overflows")?;
            Ok(shape)
        }
        _ => Err(format!(
            "their shapes are {:?} and {:?}, and [.., blocks, 16] and [.., blocks], both U8, are expected",
            codes.shape, scales.shape
        )),
    }
}

impl Part {
    fn open(path: &Path) -> Result<Part> {
        Part::new(path, Bytes::map(path)?)
    }

    /// Reads the header, and checks that its tensors fill the file.
    fn new(path: &Path, bytes: Bytes) -> Result<Part> {
        let malformed =
            |offset: usize, what: String| Error::Malformed { file: path.to_owned(), offset: offset as u64, what };
        let room = bytes.len().saturating_sub(8);
        let length = bytes.first_chunk().map(|length| u64::from_le_bytes(*length));
        let length = length.and_then(|l| usize::try_from(l).ok()).filter(|&l| l <= room).ok_or_else(|| {
            malformed(
                0,
                format!(
                    "the header's length does not fit the file of {} bytes: it is no safetensors file, or truncated",
                    bytes.len()
                ),
            )
        })?;
        let data = 8 + length;
        let header: Metadata = serde_json::from_slice(&bytes[8..data]).map_err(|e| {
            malformed(8, format!("the header is not a description of tensors ({e}): fetch the file again"))
        })?;
        if header.data_len() != bytes.len() - data {
            let (want, have) = (header.data_len(), bytes.len() - data);
            return Err(malformed(
                data,
                format!(
                    "the tensors take {want} bytes, and the file has {have} for them: it is truncated or damaged, fetch it again"
                ),
            ));
        }
        Ok(Part { path: path.to_owned(), bytes, data, header })
    }
}

fn read_config(path: &Path) -> Result<Value> {
    parse_json(path, &read(path)?)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| Error::Io { file: path.to_owned(), source })
}

fn parse_json(path: &Path, text: &[u8]) -> Result<Value> {
    serde_json::from_slice(text).map_err(|e| unsupported(path, format!("line {}: this is not JSON ({e})", e.line())))
}

/// The index's map from tensor to file.
fn read_index(path: &Path) -> Result<HashMap<String, String>> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: HashMap<String, String>,
    }
    let index: Index = serde_json::from_slice(&read(path)?)
        .map_err(|e| unsupported(path, format!("line {}: this is not a list of tensors ({e})", e.line())))?;
    let plain = |name: &str| Path::new(name).file_name().is_some_and(|f| f == name);
    match index.weight_map.values().find(|name| !plain(name)) {
        Some(name) => {
            Err(unsupported(path, format!("{name:?} is not a plain file name, and the files must be beside the index")))
        }
        None => Ok(index.weight_map),
    }
}

/// The file of a model in one file.
fn only_file(directory: &Path) -> Result<PathBuf> {
    let usual = directory.join("model.safetensors");
    if usual.is_file() {
        return Ok(usual);
    }
    let io = |source| Error::Io { file: directory.to_owned(), source };
    let entries = std::fs::read_dir(directory).map_err(io)?.collect::<Result<Vec<_>, _>>().map_err(io)?;
    let mut found = entries.into_iter().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "safetensors"));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(unsupported(directory, "there is no .safetensors file in this directory".into())),
        (Some(_), Some(_)) => Err(unsupported(
            directory,
            format!("there are several .safetensors files and no {INDEX} to say which belong together"),
        )),
    }
}

fn unsupported(file: &Path, what: String) -> Error {
    Error::Unsupported { file: file.to_owned(), what }
}
