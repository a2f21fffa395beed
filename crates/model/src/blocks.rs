//! Element encodings of model files, and their decoding to binary32.
//!
//! A model file stores a tensor's innermost dimension as consecutive *blocks*: a fixed number of elements in a fixed number of bytes. For the plain
//! formats a block is one element; the quantised ones hold 32 or 256 elements around one or two scales. Everything that depends on the format stands
//! in one table, one [`Format`] per [`Encoding`], in the order of the enumeration.
//!
//! Decoding follows ggml's reference to the bit: the products and sums below are binary32, each rounded on its own, in ggml's order.

mod decode;

pub use decode::E2M1_DOUBLED;

/// How a tensor's elements are stored. Block kinds group consecutive elements of the innermost dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Encoding {
    F32,
    F16,
    Bf16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
    Mxfp4,
}

/// What is to be known about one encoding.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// The encoding described.
    pub encoding: Encoding,
    /// ggml's name, in lower case: `q4_k`.
    pub name: &'static str,
    /// ggml's type number, as GGUF files store it.
    pub ggml: u32,
    /// Elements of a block.
    pub len: usize,
    /// Bytes of a block.
    pub bytes: usize,
    decode: fn(&[u8], &mut [f32]),
}

/// A `Format` whose block size comes from the decoder's own type: the two cannot disagree.
macro_rules! formats {
    ($($encoding:ident $name:literal $ggml:literal $decoder:ident [$bytes:literal] -> [$len:literal];)*) => {
        /// Every encoding, in the order of the enumeration.
        static FORMATS: &[Format] = &[$(Format {
            encoding: Encoding::$encoding,
            name: $name,
            ggml: $ggml,
            len: $len,
            bytes: $bytes,
            decode: |bytes, out| decode::each::<$bytes, $len>(bytes, out, decode::$decoder),
        },)*];
    };
}

formats! {
    F32   "f32"   0  f32   [4]   -> [1];
    F16   "f16"   1  f16   [2]   -> [1];
    Bf16  "bf16"  30 bf16  [2]   -> [1];
    Q4_0  "q4_0"  2  q4_0  [18]  -> [32];
    Q4_1  "q4_1"  3  q4_1  [20]  -> [32];
    Q5_0  "q5_0"  6  q5_0  [22]  -> [32];
    Q5_1  "q5_1"  7  q5_1  [24]  -> [32];
    Q8_0  "q8_0"  8  q8_0  [34]  -> [32];
    Q2K   "q2_k"  10 q2_k  [84]  -> [256];
    Q3K   "q3_k"  11 q3_k  [110] -> [256];
    Q4K   "q4_k"  12 q4_k  [144] -> [256];
    Q5K   "q5_k"  13 q5_k  [176] -> [256];
    Q6K   "q6_k"  14 q6_k  [210] -> [256];
    Mxfp4 "mxfp4" 39 mxfp4 [17]  -> [32];
}

impl Encoding {
    /// Every encoding's row of the table.
    pub fn formats() -> &'static [Format] {
        FORMATS
    }

    /// This encoding's row of the table.
    pub fn format(self) -> &'static Format {
        &FORMATS[self as usize]
    }

    /// ggml's name, in lower case: `q4_k`.
    pub fn name(self) -> &'static str {
        self.format().name
    }

    /// Elements of a block; the innermost extent of a tensor is a multiple of it.
    pub fn block_len(self) -> usize {
        self.format().len
    }

    /// Bytes of a block.
    pub fn block_bytes(self) -> usize {
        self.format().bytes
    }

    /// ggml's type number.
    pub fn ggml(self) -> u32 {
        self.format().ggml
    }

    /// The encoding with this ggml type number, if it is supported.
    pub fn from_ggml(number: u32) -> Option<Encoding> {
        FORMATS.iter().find(|f| f.ggml == number).map(|f| f.encoding)
    }

    /// Bytes of `elements` consecutive elements, a multiple of the block length. `None` if they are not, or the size overflows.
    pub fn bytes_for(self, elements: usize) -> Option<usize> {
        if !elements.is_multiple_of(self.block_len()) {
            return None;
        }
        (elements / self.block_len()).checked_mul(self.block_bytes())
    }

    /// Decodes whole blocks.
    ///
    /// # Panics
    /// If `bytes` is not exactly the encoding of `out.len()` elements.
    pub fn decode(self, bytes: &[u8], out: &mut [f32]) {
        assert_eq!(Some(bytes.len()), self.bytes_for(out.len()), "{} elements of {}", out.len(), self.name());
        (self.format().decode)(bytes, out);
    }
}

impl std::fmt::Display for Encoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enumeration() {
        for format in FORMATS {
            assert_eq!(format.encoding.format().name, format.name);
            assert_eq!(Encoding::from_ggml(format.ggml), Some(format.encoding));
        }
        assert_eq!(FORMATS.len(), Encoding::Mxfp4 as usize + 1);
        assert_eq!(Encoding::from_ggml(20), None);
    }

    #[test]
    fn sizes_refuse_part_of_a_block_and_overflow() {
        assert_eq!(Encoding::Q4_1.bytes_for(64), Some(40));
        assert_eq!(Encoding::Q4_1.bytes_for(33), None);
        assert_eq!(Encoding::F32.bytes_for(usize::MAX), None);
    }
}
