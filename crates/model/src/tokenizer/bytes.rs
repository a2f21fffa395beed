//! What each token says, in bytes.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The bytes of every token, end to end.
#[derive(Default)]
pub(super) struct Pieces {
    bytes: Vec<u8>,
    /// End of each token's bytes.
    ends: Vec<usize>,
}

impl Pieces {
    /// Adds the next id's bytes.
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        self.ends.push(self.bytes.len());
    }

    /// Bytes of an id.
    pub fn get(&self, id: u32) -> Option<&[u8]> {
        let index = usize::try_from(id).ok()?;
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        Some(&self.bytes[start..end])
    }

    /// Number of ids.
    pub fn len(&self) -> usize {
        self.ends.len()
    }
}

/// GPT-2's spelling of bytes as printable characters: those that print stand for themselves, the others take U+0100 and up in order.
static BYTE_OF_CHAR: LazyLock<HashMap<char, u8>> = LazyLock::new(|| {
    let prints = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let hidden = (0..=255).filter(|byte| !prints(*byte));
    let shifted = hidden.zip(0x100..).filter_map(|(byte, code)| Some((char::from_u32(code)?, byte)));
    (0..=255).filter(|byte| prints(*byte)).map(|byte| (char::from(byte), byte)).chain(shifted).collect()
});

/// The bytes behind a byte-level spelling; a spelling with any other character stands for itself.
pub(super) fn byte_level(spelling: &str) -> Vec<u8> {
    let bytes: Option<Vec<u8>> = spelling.chars().map(|c| BYTE_OF_CHAR.get(&c).copied()).collect();
    bytes.unwrap_or_else(|| spelling.as_bytes().to_vec())
}

/// The bytes behind a SentencePiece spelling: `▁` is a space.
pub(super) fn sentence_piece(spelling: &str) -> Vec<u8> {
    spelling.replace('▁', " ").into_bytes()
}

/// The byte of a byte token, `<0x0A>`.
pub(super) fn byte_token(spelling: &str) -> Option<u8> {
    let digits = spelling.strip_prefix("<0x")?.strip_suffix('>')?;
    let valid = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    valid.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_level_names_every_byte_once() {
        let mut bytes: Vec<u8> = BYTE_OF_CHAR.values().copied().collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
        assert_eq!(byte_level("ĠhelloĊ"), b" hello\n");
        assert_eq!(byte_level("a b"), b"a b");
    }

    #[test]
    fn byte_tokens_are_two_hexadecimal_digits() {
        assert_eq!(byte_token("<0x0A>"), Some(10));
        for not in ["<0x+A>", "<0xA>", "<0x00", "0x00>", "<0x000>"] {
            assert_eq!(byte_token(not), None, "{not}");
        }
    }
}
