//! Names of cache blocks: a block's name follows from its tokens and from the name of the block before.
//!
//! Two requests whose first `n` blocks hold the same tokens therefore agree on the first `n` names and on no more, and one look-up per block finds how
//! much of a prompt is in the cache already. Names are 128 bits of a keyed SipHash: whoever does not know the key cannot make two prompts meet, and by
//! chance 10^9 blocks meet with a probability below 10^-20.

use crate::request::{Content, RequestId, Segment, output_identity};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

/// The name of a full block.
pub type BlockName = u128;

/// The names of a request's full blocks, as far as they were asked for.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    names: Vec<BlockName>,
    /// Where the next block begins: which segment, and how far inside.
    segment: usize,
    offset: u32,
}

impl Chain {
    /// Names of the first blocks.
    pub fn names(&self) -> &[BlockName] {
        &self.names
    }

    /// Extends the names to all full blocks of the first `known` tokens: the prompt's, then what was generated.
    pub fn extend(&mut self, key: u64, id: RequestId, content: &Content, known: u32, block: u32) {
        while (self.names.len() as u32 + 1) * block <= known {
            let mut hasher = SipHasher13::new_with_keys(key, u64::from(block));
            let previous = self.names.last().copied().unwrap_or_default();
            hasher.write_u128(previous);
            match content {
                Content::Tokens(tokens) => {
                    let from = self.names.len() * block as usize;
                    tokens[from..from + block as usize].iter().for_each(|token| hasher.write_u32(*token));
                }
                Content::Modelled(segments) => self.write_parts(&mut hasher, id, segments, block),
            }
            self.names.push(hasher.finish128().as_u128());
        }
    }

    /// The stretches of segments that make up the next block. What follows the prompt is the output.
    fn write_parts(&mut self, hasher: &mut SipHasher13, id: RequestId, segments: &[Segment], block: u32) {
        let mut left = block;
        while left > 0 {
            let output = Segment { identity: output_identity(id), tokens: u32::MAX };
            let segment = segments.get(self.segment).unwrap_or(&output);
            let part = left.min(segment.tokens - self.offset);
            hasher.write_u64(segment.identity);
            hasher.write_u32(self.offset);
            hasher.write_u32(part);
            left -= part;
            self.offset += part;
            if self.offset == segment.tokens {
                self.segment += 1;
                self.offset = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(content: &Content, id: u64, known: u32, block: u32) -> Vec<BlockName> {
        let mut chain = Chain::default();
        chain.extend(1, RequestId(id), content, known, block);
        chain.names().to_vec()
    }

    proptest! {
        #[test]
        fn prompts_agree_exactly_on_the_blocks_of_their_common_beginning(
            common in 0usize..60, tail in 1usize..40, block in 1u32..20
        ) {
            let prompt = |odd: u32| Content::Tokens((0..common as u32).chain((0..tail as u32).map(|t| 1000 + 2 * t + odd)).collect());
            let known = (common + tail) as u32;
            let (a, b) = (names(&prompt(0), 1, known, block), names(&prompt(1), 2, known, block));
            let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
            prop_assert_eq!(same, common / block as usize);
            prop_assert!(a.iter().zip(&b).skip(same).all(|(a, b)| a != b));
        }

        #[test]
        fn segments_agree_like_tokens(common in 0u32..60, tail in 1u32..40, block in 1u32..20) {
            let of = |id| names(&Content::prefixed(RequestId(id), 9, common, common + tail), id, common + tail, block);
            let (a, b) = (of(1), of(2));
            let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
            prop_assert_eq!(same as u32, common / block);
        }

        #[test]
        fn names_do_not_depend_on_how_often_they_were_asked_for(prompt in 1u32..50, output in 0u32..50, block in 1u32..9) {
            let content = Content::prefixed(RequestId(4), 2, prompt / 2, prompt);
            let mut chain = Chain::default();
            (1..=prompt + output).for_each(|known| chain.extend(1, RequestId(4), &content, known, block));
            prop_assert_eq!(chain.names(), names(&content, 4, prompt + output, block));
        }
    }
}
