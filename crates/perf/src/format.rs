//! Number formats as a timing model sees them: how many bits move, and which arithmetic they go through.

use std::fmt;
use std::str::FromStr;

/// How elements are stored or multiplied.
///
/// Scales that belong to a block of elements are counted in [`Format::bits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// IEEE binary32.
    Fp32,
    /// binary32 in memory, multiplied with 10 bits of fraction (NVIDIA).
    Tf32,
    /// bfloat16.
    Bf16,
    /// IEEE binary16.
    Fp16,
    /// 8-bit float with a scale per tensor or per row.
    Fp8,
    /// 8-bit float with a binary32 scale per 128 x 128 weights (1 x 128 activations), as in DeepSeek-V3.
    Fp8Block,
    /// 8-bit integer with a scale per tensor or row.
    Int8,
    /// 4-bit integer with a 16-bit scale per group of 128.
    Int4,
    /// E2M1 with an E8M0 scale per 32 (OCP Microscaling v1.0).
    Mxfp4,
    /// 8-bit float with an E8M0 scale per 32 (OCP Microscaling v1.0).
    Mxfp8,
    /// E2M1 with an E4M3 scale per 16 (NVIDIA).
    Nvfp4,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 11] = [
        Format::Fp32,
        Format::Tf32,
        Format::Bf16,
        Format::Fp16,
        Format::Fp8,
        Format::Fp8Block,
        Format::Int8,
        Format::Int4,
        Format::Mxfp4,
        Format::Mxfp8,
        Format::Nvfp4,
    ];

    /// Short name, as in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Fp32 => "fp32",
            Format::Tf32 => "tf32",
            Format::Bf16 => "bf16",
            Format::Fp16 => "fp16",
            Format::Fp8 => "fp8",
            Format::Fp8Block => "fp8-block",
            Format::Int8 => "int8",
            Format::Int4 => "int4",
            Format::Mxfp4 => "mxfp4",
            Format::Mxfp8 => "mxfp8",
            Format::Nvfp4 => "nvfp4",
        }
    }

    /// Bits of one element in memory, its share of the block's scale included.
    pub const fn bits(self) -> f64 {
        match self {
            Format::Fp32 | Format::Tf32 => 32.0,
            Format::Bf16 | Format::Fp16 => 16.0,
            Format::Fp8 | Format::Int8 => 8.0,
            Format::Fp8Block => 8.0 + 32.0 / (128.0 * 128.0),
            Format::Int4 => 4.0 + 16.0 / 128.0,
            Format::Mxfp4 => 4.0 + 8.0 / 32.0,
            Format::Mxfp8 => 8.0 + 8.0 / 32.0,
            Format::Nvfp4 => 4.0 + 8.0 / 16.0,
        }
    }

    /// Bytes of one element in memory.
    pub const fn bytes(self) -> f64 {
        self.bits() / 8.0
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// No format has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no number format; known: {known}", known = Format::ALL.map(Format::name).join(", "))]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Format, UnknownFormat> {
        let found = Format::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| UnknownFormat(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert!("bf17".parse::<Format>().unwrap_err().to_string().contains("bf16"));
    }
}
