//! Metadata: typed values under unique keys, and getters whose refusals name key and file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::reader::Reader;
use crate::error::{Error, Result};

/// Deepest nesting of arrays that is read: real files hold flat arrays.
const MAX_DEPTH: usize = 4;

/// One metadata value.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(String),
    Array(Array),
    U64(u64),
    I64(i64),
    F64(f64),
}

/// A metadata array: all elements of one type.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Array {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    Bool(Vec<bool>),
    String(Vec<String>),
    Array(Vec<Array>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F64(Vec<f64>),
}

impl Array {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Array::U8(v) => v.len(),
            Array::I8(v) => v.len(),
            Array::U16(v) => v.len(),
            Array::I16(v) => v.len(),
            Array::U32(v) => v.len(),
            Array::I32(v) => v.len(),
            Array::F32(v) => v.len(),
            Array::Bool(v) => v.len(),
            Array::String(v) => v.len(),
            Array::Array(v) => v.len(),
            Array::U64(v) => v.len(),
            Array::I64(v) => v.len(),
            Array::F64(v) => v.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A Rust type that a metadata value can be read as, without loss.
pub trait FromValue<'a>: Sized {
    /// What is expected, for the refusal: `a non-negative integer`.
    const EXPECTED: &'static str;
    /// The value, if it is of this type and fits it.
    fn from_value(value: &'a Value) -> Option<Self>;
}

/// A value of any integer type.
fn integer(value: &Value) -> Option<i128> {
    Some(match *value {
        Value::U8(v) => v.into(),
        Value::I8(v) => v.into(),
        Value::U16(v) => v.into(),
        Value::I16(v) => v.into(),
        Value::U32(v) => v.into(),
        Value::I32(v) => v.into(),
        Value::U64(v) => v.into(),
        Value::I64(v) => v.into(),
        _ => return None,
    })
}

/// The elements of an array of any integer type.
fn integers(value: &Value) -> Option<Vec<i128>> {
    fn wide<T: Copy + Into<i128>>(values: &[T]) -> Vec<i128> {
        values.iter().map(|&v| v.into()).collect()
    }
    let Value::Array(array) = value else {
        return None;
    };
    Some(match array {
        Array::U8(v) => wide(v),
        Array::I8(v) => wide(v),
        Array::U16(v) => wide(v),
        Array::I16(v) => wide(v),
        Array::U32(v) => wide(v),
        Array::I32(v) => wide(v),
        Array::U64(v) => wide(v),
        Array::I64(v) => wide(v),
        _ => return None,
    })
}

macro_rules! from_integer {
    ($($type:ty, $expected:literal;)*) => {$(
        impl FromValue<'_> for $type {
            const EXPECTED: &'static str = $expected;
            fn from_value(value: &Value) -> Option<Self> {
                integer(value)?.try_into().ok()
            }
        }
        impl FromValue<'_> for Vec<$type> {
            const EXPECTED: &'static str = concat!("an array, each element ", $expected);
            fn from_value(value: &Value) -> Option<Self> {
                integers(value)?.into_iter().map(|v| v.try_into().ok()).collect()
            }
        }
    )*};
}

from_integer! {
    u32, "an integer of 0 to 4294967295";
    u64, "a non-negative integer";
    usize, "a non-negative integer";
    i32, "an integer of 32 bits";
    i64, "an integer of 64 bits";
}

impl FromValue<'_> for f32 {
    const EXPECTED: &'static str = "a number";
    fn from_value(value: &Value) -> Option<f32> {
        f64::from_value(value).map(|v| v as f32)
    }
}

impl FromValue<'_> for f64 {
    const EXPECTED: &'static str = "a number";
    fn from_value(value: &Value) -> Option<f64> {
        match *value {
            Value::F32(v) => Some(v.into()),
            Value::F64(v) => Some(v),
            _ => integer(value).map(|v| v as f64),
        }
    }
}

impl FromValue<'_> for bool {
    const EXPECTED: &'static str = "true or false";
    fn from_value(value: &Value) -> Option<bool> {
        if let Value::Bool(v) = *value { Some(v) } else { None }
    }
}

impl<'a> FromValue<'a> for &'a str {
    const EXPECTED: &'static str = "a string";
    fn from_value(value: &'a Value) -> Option<&'a str> {
        if let Value::String(v) = value { Some(v) } else { None }
    }
}

impl<'a> FromValue<'a> for &'a [String] {
    const EXPECTED: &'static str = "an array of strings";
    fn from_value(value: &'a Value) -> Option<&'a [String]> {
        if let Value::Array(Array::String(v)) = value { Some(v) } else { None }
    }
}

impl<'a> FromValue<'a> for &'a [f32] {
    const EXPECTED: &'static str = "an array of 32-bit floating-point numbers";
    fn from_value(value: &'a Value) -> Option<&'a [f32]> {
        if let Value::Array(Array::F32(v)) = value { Some(v) } else { None }
    }
}

impl<'a> FromValue<'a> for &'a [bool] {
    const EXPECTED: &'static str = "an array of true and false";
    fn from_value(value: &'a Value) -> Option<&'a [bool]> {
        if let Value::Array(Array::Bool(v)) = value { Some(v) } else { None }
    }
}

/// The key-value pairs of one file.
#[derive(Clone, Debug)]
pub struct Metadata {
    file: PathBuf,
    pairs: Vec<(String, Value)>,
    index: HashMap<String, usize>,
}

impl Metadata {
    /// The pairs, in the file's order.
    pub fn pairs(&self) -> &[(String, Value)] {
        &self.pairs
    }

    /// The file, as error messages name it.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The value of a key as it is stored.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.index.get(key).map(|&at| &self.pairs[at].1)
    }

    /// The value of a key that must be there.
    ///
    /// # Errors
    /// If the key is missing, or its value is not of this type.
    pub fn get<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<T> {
        self.find(key)?.ok_or_else(|| {
            self.refuse(format!(
                "the metadata has no `{key}`, which must be {}: convert the model again with a current tool",
                T::EXPECTED
            ))
        })
    }

    /// The value of a key that may be missing.
    ///
    /// # Errors
    /// If the value is not of this type.
    pub fn find<'a, T: FromValue<'a>>(&'a self, key: &str) -> Result<Option<T>> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        match T::from_value(value) {
            Some(value) => Ok(Some(value)),
            None => Err(self.refuse(format!("metadata `{key}` is {}, and it must be {}", brief(value), T::EXPECTED))),
        }
    }

    fn refuse(&self, what: String) -> Error {
        Error::Unsupported { file: self.file.clone(), what }
    }

    /// Reads `count` pairs.
    pub(super) fn read(reader: &mut Reader, count: usize) -> Result<Metadata> {
        let mut metadata = Metadata { file: reader.file().to_owned(), pairs: Vec::new(), index: HashMap::new() };
        for _ in 0..count {
            let at = reader.at();
            let key = reader.string("a metadata key")?;
            let value = read_value(reader, key)?;
            if metadata.index.insert(key.to_owned(), metadata.pairs.len()).is_some() {
                return Err(reader.malformed(at, format!("metadata key `{key}` appears twice: keep one")));
            }
            metadata.pairs.push((key.to_owned(), value));
        }
        Ok(metadata)
    }
}

/// A value for an error message: short, whatever the file holds.
fn brief(value: &Value) -> String {
    match value {
        Value::Array(array) => format!("an array of {} elements", array.len()),
        Value::String(text) => {
            format!("the string {:?}", text.chars().take(40).collect::<String>())
        }
        other => format!("{other:?}"),
    }
}

/// A type number followed by a value of that type.
fn read_value(reader: &mut Reader, key: &str) -> Result<Value> {
    let at = reader.at();
    let kind = reader.u32(key)?;
    Ok(match kind {
        0 => Value::U8(u8::from_le_bytes(reader.array(key)?)),
        1 => Value::I8(i8::from_le_bytes(reader.array(key)?)),
        2 => Value::U16(u16::from_le_bytes(reader.array(key)?)),
        3 => Value::I16(i16::from_le_bytes(reader.array(key)?)),
        4 => Value::U32(u32::from_le_bytes(reader.array(key)?)),
        5 => Value::I32(i32::from_le_bytes(reader.array(key)?)),
        6 => Value::F32(f32::from_le_bytes(reader.array(key)?)),
        7 => Value::Bool(read_bool(reader, key)?),
        8 => Value::String(reader.string(key)?.to_owned()),
        9 => Value::Array(read_array(reader, key, 1)?),
        10 => Value::U64(u64::from_le_bytes(reader.array(key)?)),
        11 => Value::I64(i64::from_le_bytes(reader.array(key)?)),
        12 => Value::F64(f64::from_le_bytes(reader.array(key)?)),
        _ => return Err(unknown_type(reader, at, kind, key)),
    })
}

/// An element type, a count, and the elements.
fn read_array(reader: &mut Reader, key: &str, depth: usize) -> Result<Array> {
    let at = reader.at();
    if depth > MAX_DEPTH {
        return Err(
            reader.malformed(at, format!("`{key}` nests arrays more than {MAX_DEPTH} deep, which no model needs"))
        );
    }
    let kind = reader.u32(key)?;
    Ok(match kind {
        0 => Array::U8(read_numbers(reader, key, u8::from_le_bytes)?),
        1 => Array::I8(read_numbers(reader, key, i8::from_le_bytes)?),
        2 => Array::U16(read_numbers(reader, key, u16::from_le_bytes)?),
        3 => Array::I16(read_numbers(reader, key, i16::from_le_bytes)?),
        4 => Array::U32(read_numbers(reader, key, u32::from_le_bytes)?),
        5 => Array::I32(read_numbers(reader, key, i32::from_le_bytes)?),
        6 => Array::F32(read_numbers(reader, key, f32::from_le_bytes)?),
        7 => Array::Bool(read_each(reader, key, 1, read_bool)?),
        8 => Array::String(read_each(reader, key, 8, |reader, key| reader.string(key).map(str::to_owned))?),
        9 => Array::Array(read_each(reader, key, 12, |reader, key| read_array(reader, key, depth + 1))?),
        10 => Array::U64(read_numbers(reader, key, u64::from_le_bytes)?),
        11 => Array::I64(read_numbers(reader, key, i64::from_le_bytes)?),
        12 => Array::F64(read_numbers(reader, key, f64::from_le_bytes)?),
        _ => return Err(unknown_type(reader, at, kind, key)),
    })
}

fn unknown_type(reader: &Reader, at: usize, kind: u32, key: &str) -> Error {
    reader.malformed(
        at,
        format!(
            "`{key}` has value type {kind}, and GGUF knows 0 to 12: the file is damaged, or newer than this reader"
        ),
    )
}

fn read_bool(reader: &mut Reader, key: &str) -> Result<bool> {
    let at = reader.at();
    match reader.array(key)? {
        [0] => Ok(false),
        [1] => Ok(true),
        [other] => Err(reader.malformed(at, format!("`{key}` is a truth value of {other}, and only 0 and 1 are"))),
    }
}

/// A count and that many numbers of `N` bytes.
fn read_numbers<const N: usize, T>(reader: &mut Reader, key: &str, decode: fn([u8; N]) -> T) -> Result<Vec<T>> {
    let count = reader.count(N, key)?;
    let (numbers, _) = reader.take(count * N, key)?.as_chunks::<N>();
    Ok(numbers.iter().map(|&bytes| decode(bytes)).collect())
}

/// A count and that many elements of at least `least` bytes.
fn read_each<T>(
    reader: &mut Reader,
    key: &str,
    least: usize,
    mut read: impl FnMut(&mut Reader, &str) -> Result<T>,
) -> Result<Vec<T>> {
    let count = reader.count(least, key)?;
    (0..count).map(|_| read(reader, key)).collect()
}
