//! Decoding ids as they come.

use super::Tokenizer;

/// Turns ids into text one at a time, holding back the bytes of an unfinished character.
///
/// The pieces put end to end equal the lossy decoding of all bytes at once, however the bytes fall on tokens.
pub struct Decoder<'a> {
    tokenizer: &'a Tokenizer,
    special: bool,
    /// At most three bytes between calls: the beginning of a character.
    pending: Vec<u8>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer, special: bool) -> Decoder<'a> {
        Decoder { tokenizer, special, pending: Vec::new() }
    }

    /// Takes an id and returns the text that is complete with it, perhaps none.
    pub fn push(&mut self, id: u32) -> String {
        if !self.special && self.tokenizer.is_control(id) {
            return String::new();
        }
        self.pending.extend_from_slice(self.tokenizer.piece(id).unwrap_or_default());
        take_complete(&mut self.pending)
    }

    /// Ends the text: an unfinished character becomes U+FFFD.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.pending)).into_owned()
    }
}

/// Takes from `pending` everything but a trailing beginning of a character, as lossy UTF-8.
fn take_complete(pending: &mut Vec<u8>) -> String {
    let held = pending.utf8_chunks().last().map_or(0, |chunk| match std::str::from_utf8(chunk.invalid()) {
        Err(error) if error.error_len().is_none() => chunk.invalid().len(),
        _ => 0,
    });
    let rest = pending.split_off(pending.len() - held);
    let complete = std::mem::replace(pending, rest);
    String::from_utf8_lossy(&complete).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_end_to_end_are_the_lossy_whole(
            text in "\\PC{0,20}", noise in proptest::collection::vec(any::<u8>(), 0..8), cut in any::<usize>(), step in 1..5usize,
        ) {
            let mut bytes = text.into_bytes();
            let at = cut % (bytes.len() + 1);
            bytes.splice(at..at, noise);
            let (mut pending, mut got) = (Vec::new(), String::new());
            for part in bytes.chunks(step) {
                pending.extend_from_slice(part);
                got += &take_complete(&mut pending);
                prop_assert!(pending.len() <= 3);
            }
            got += &String::from_utf8_lossy(&pending);
            prop_assert_eq!(got, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}
