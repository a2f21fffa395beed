//! Everything before the tensors' bytes: magic, version, counts, metadata, tensor descriptions; and the checks that make them consistent.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use super::metadata::Metadata;
use super::reader::Reader;
use crate::blocks::Encoding;
use crate::checkpoint::TensorInfo;
use crate::error::Result;

/// Most extents of a tensor: ggml's own limit.
const MAX_DIMS: u32 = 4;
/// Alignment of the tensors' bytes where the metadata does not say.
const DEFAULT_ALIGNMENT: u32 = 32;
/// Least bytes of a key-value pair: key length, type, a value of one byte.
const LEAST_PAIR: usize = 8 + 4 + 1;
/// Least bytes of a tensor description: name length, number of extents, one extent, type, offset.
const LEAST_TENSOR: usize = 8 + 4 + 8 + 4 + 8;

/// A tensor of a GGUF file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Name, shape (outermost extent first) and encoding.
    pub info: TensorInfo,
    /// First byte in the file.
    pub offset: usize,
    /// Encoded size in bytes.
    pub bytes: usize,
}

impl Tensor {
    /// The tensor's bytes, counted from the start of the file.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.bytes
    }
}

/// What a GGUF file says of itself, checked.
#[derive(Clone, Debug)]
pub struct Header {
    /// The format version: 2 or 3.
    pub version: u32,
    /// Alignment of the tensors' bytes, a power of two.
    pub alignment: usize,
    /// The metadata.
    pub metadata: Metadata,
    /// The tensors, in the file's order: inside the file, and none overlapping another.
    pub tensors: Vec<Tensor>,
}

impl Header {
    /// Reads and checks the header of a whole file; `file` stands in error messages.
    ///
    /// # Errors
    /// If the bytes are not a GGUF file of version 2 or 3 with consistent tensors.
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Header> {
        let mut reader = Reader::new(file, bytes);
        let version = read_version(&mut reader)?;
        let tensor_count = reader.count(LEAST_TENSOR, "the number of tensors")?;
        let pair_count = reader.count(LEAST_PAIR, "the number of metadata pairs")?;
        let metadata = Metadata::read(&mut reader, pair_count)?;
        let alignment = alignment(&reader, &metadata)?;
        let mut raw = Vec::new();
        for _ in 0..tensor_count {
            raw.push(RawTensor::read(&mut reader)?);
        }
        let data = reader.at().next_multiple_of(alignment);
        let tensors = raw.iter().map(|t| t.place(&reader, data, alignment)).collect::<Result<Vec<_>>>()?;
        check_names(&reader, &raw)?;
        check_overlap(&reader, &tensors)?;
        Ok(Header { version, alignment, metadata, tensors })
    }
}

/// Magic and version.
fn read_version(reader: &mut Reader) -> Result<u32> {
    if reader.array("the magic number")? != *b"GGUF" {
        return Err(reader.malformed(0, "the first four bytes are not `GGUF`: this is not a GGUF file"));
    }
    let version = reader.u32("the version")?;
    let what = match version {
        2 | 3 => return Ok(version),
        1 => "the file is of GGUF version 1, and 2 and 3 are read: convert the model again with a current tool".into(),
        v if matches!(v.swap_bytes(), 1..=3) => "the file is big-endian, and little-endian is read: convert it".into(),
        v => format!("the file is of GGUF version {v}, and 2 and 3 are read"),
    };
    Err(reader.malformed(4, what))
}

/// `general.alignment`, or the default.
fn alignment(reader: &Reader, metadata: &Metadata) -> Result<usize> {
    let alignment = metadata.find::<u32>("general.alignment")?.unwrap_or(DEFAULT_ALIGNMENT);
    if !alignment.is_power_of_two() || alignment as usize > 1 << 24 {
        let what = format!("`general.alignment` is {alignment}, and it must be a power of two of at most 16777216");
        return Err(reader.malformed(reader.at(), what));
    }
    Ok(alignment as usize)
}

/// A tensor description as it is stored, its encoding and shape checked.
struct RawTensor {
    at: usize,
    info: TensorInfo,
    bytes: usize,
    offset: u64,
}

impl RawTensor {
    fn read(reader: &mut Reader) -> Result<RawTensor> {
        let at = reader.at();
        let name = reader.string("a tensor name")?.to_owned();
        let shape = read_shape(reader, &name)?;
        let type_at = reader.at();
        let number = reader.u32(&name)?;
        let Some(encoding) = Encoding::from_ggml(number) else {
            let known = Encoding::formats().iter().map(|f| f.name).collect::<Vec<_>>().join(", ");
            let what = format!("tensor `{name}` has ggml type {number}, and these are read: {known}");
            return Err(reader.malformed(type_at, what));
        };
        let info = TensorInfo { name, shape, encoding };
        let bytes = encoded_size(&info).map_err(|what| reader.malformed(at, what))?;
        let offset = reader.u64(&info.name)?;
        Ok(RawTensor { at, info, bytes, offset })
    }

    /// The tensor's place in the file, whose data begin at byte `data`.
    fn place(&self, reader: &Reader, data: usize, alignment: usize) -> Result<Tensor> {
        let name = &self.info.name;
        if !self.offset.is_multiple_of(alignment as u64) {
            let what = format!(
                "tensor `{name}` has offset {}, which is not a multiple of the alignment {alignment}",
                self.offset
            );
            return Err(reader.malformed(self.at, what));
        }
        let first = usize::try_from(self.offset).ok().and_then(|o| o.checked_add(data));
        match first.and_then(|first| Some((first, first.checked_add(self.bytes)?))) {
            Some((offset, end)) if end <= reader.len() => Ok(Tensor { info: self.info.clone(), offset, bytes: self.bytes }),
            _ => Err(reader.malformed(
                self.at,
                format!(
                    "tensor `{name}` takes {} bytes from offset {} of the data, beyond the end of the file at byte {}: it is truncated or damaged, fetch it again",
                    self.bytes,
                    self.offset,
                    reader.len()
                ),
            )),
        }
    }
}

/// The extents, outermost first. The file has them innermost first.
fn read_shape(reader: &mut Reader, name: &str) -> Result<Vec<usize>> {
    let at = reader.at();
    let dims = reader.u32(name)?;
    if dims == 0 || dims > MAX_DIMS {
        return Err(
            reader.malformed(at, format!("tensor `{name}` has {dims} extents, and 1 to {MAX_DIMS} are allowed"))
        );
    }
    let mut shape = vec![0; dims as usize];
    for extent in shape.iter_mut().rev() {
        let at = reader.at();
        let stored = reader.u64(name)?;
        *extent = usize::try_from(stored).ok().filter(|&e| e > 0).ok_or_else(|| {
            reader.malformed(
                at,
                format!(
                    "tensor `{name}` has an extent of {stored}, and extents are positive and fit the machine's words"
                ),
            )
        })?;
    }
    Ok(shape)
}

/// Bytes of a tensor, or what is wrong with its shape.
pub(crate) fn encoded_size(info: &TensorInfo) -> Result<usize, String> {
    let TensorInfo { name, shape, encoding } = info;
    let innermost = shape.last().copied().unwrap_or(1);
    if !innermost.is_multiple_of(encoding.block_len()) {
        return Err(format!(
            "tensor `{name}` has an innermost extent of {innermost}, and {encoding} needs a multiple of {}",
            encoding.block_len()
        ));
    }
    let elements = shape.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent));
    // ggml counts elements in signed words, so that no consumer's index arithmetic can overflow either.
    let elements = elements.filter(|&e| e <= isize::MAX as usize / 8);
    elements
        .and_then(|e| encoding.bytes_for(e))
        .ok_or_else(|| format!("tensor `{name}` has the shape {shape:?}, whose number of elements overflows: the file is damaged, fetch it again"))
}

fn check_names(reader: &Reader, tensors: &[RawTensor]) -> Result<()> {
    let mut seen = HashSet::new();
    match tensors.iter().find(|t| !seen.insert(t.info.name.as_str())) {
        None => Ok(()),
        Some(t) => Err(reader.malformed(t.at, format!("tensor `{}` appears twice: keep one", t.info.name))),
    }
}

fn check_overlap(reader: &Reader, tensors: &[Tensor]) -> Result<()> {
    let mut sorted: Vec<&Tensor> = tensors.iter().collect();
    sorted.sort_by_key(|t| t.offset);
    for pair in sorted.windows(2) {
        if pair[0].range().end > pair[1].offset {
            let (a, b) = (&pair[0].info.name, &pair[1].info.name);
            return Err(reader.malformed(
                pair[1].offset,
                format!("tensors `{a}` and `{b}` overlap: the file is damaged, fetch it again"),
            ));
        }
    }
    Ok(())
}
