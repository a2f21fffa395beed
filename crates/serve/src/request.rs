//! What a user asks for, as the scheduler sees it: how many tokens, which of them others may share, and how urgent.
//!
//! A server knows the tokens themselves; a simulation knows only how many there are and which stretches are the same as somebody else's. Both are
//! [`Content`], and everything behind it treats them alike.

use base::units::Seconds;

/// The caller's name for a request; unique among those that a scheduler holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// How urgent a request is: 0 goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Priority(pub u8);

/// A stretch of tokens that are the same wherever `identity` is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// Which text it is: two segments of one identity begin with the same tokens.
    pub identity: u64,
    /// How many of its tokens.
    pub tokens: u32,
}

/// The tokens of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Real tokens.
    Tokens(Vec<u32>),
    /// Stretches of known length, one after the other.
    Modelled(Vec<Segment>),
}

impl Content {
    /// A prompt like no other.
    pub fn unique(id: RequestId, tokens: u32) -> Content {
        Content::Modelled(vec![Segment { identity: own_identity(id), tokens }])
    }

    /// A prompt that begins with the first `shared` tokens of the text `identity`, and is like no other from there on.
    pub fn prefixed(id: RequestId, identity: u64, shared: u32, tokens: u32) -> Content {
        let shared = shared.min(tokens);
        let own = Segment { identity: own_identity(id), tokens: tokens - shared };
        let parts = [Segment { identity: identity & !OWN, tokens: shared }, own];
        Content::Modelled(parts.into_iter().filter(|part| part.tokens > 0).collect())
    }

    /// The prompt and the first token that was generated for it. A modelled one: real tokens come with their outcome.
    pub(crate) fn followed_by_output(self, id: RequestId) -> Content {
        match self {
            Content::Tokens(_) => self,
            Content::Modelled(mut segments) => {
                segments.push(Segment { identity: output_identity(id), tokens: 1 });
                Content::Modelled(segments)
            }
        }
    }

    /// Number of tokens.
    pub fn tokens(&self) -> u32 {
        match self {
            Content::Tokens(tokens) => tokens.len() as u32,
            Content::Modelled(segments) => segments.iter().map(|segment| segment.tokens).sum(),
        }
    }

    /// A number that prompts with a common beginning share; for routing.
    pub fn affinity(&self) -> u64 {
        /// Tokens that count as the beginning: a block of the usual size.
        const BEGINNING: usize = 16;
        match self {
            Content::Tokens(tokens) => {
                let beginning = tokens.iter().take(BEGINNING);
                beginning.fold(tokens.len().min(BEGINNING) as u64, |sum, token| mix(sum ^ u64::from(*token)))
            }
            Content::Modelled(segments) => segments.first().map_or(0, |segment| mix(segment.identity)),
        }
    }
}

/// Marks identities of text that belongs to one request, so that they never meet those that callers choose.
const OWN: u64 = 1 << 63;

/// The identity of the prompt and output that only this request has.
fn own_identity(id: RequestId) -> u64 {
    id.0 | OWN
}

/// The identity of what this request generates: another text than its own prompt.
pub(crate) fn output_identity(id: RequestId) -> u64 {
    mix(id.0) | OWN
}

/// Spreads a number over all bits (the finaliser of SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
pub(crate) fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The caller's name for it.
    pub id: RequestId,
    /// When it came; what came earlier goes first among equally urgent ones.
    pub arrival: Seconds,
    /// The prompt.
    pub content: Content,
    /// Most tokens to generate, at least 1.
    pub max_output: u32,
    /// How urgent.
    pub priority: Priority,
    /// Leading tokens whose keys and values arrive with the request, computed elsewhere.
    pub delivered: u32,
    /// Whether its blocks stay after its end, until they are released: somebody else will read them.
    pub keep: bool,
}

impl Request {
    /// A request of ordinary urgency of which nothing is computed yet.
    pub fn new(id: RequestId, arrival: Seconds, content: Content, max_output: u32) -> Request {
        Request { id, arrival, content, max_output, priority: Priority::default(), delivered: 0, keep: false }
    }
}

/// Why the scheduler does not take a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No prompt.
    #[error("request {}: the prompt is empty; at least one token is needed", .0.0)]
    Empty(RequestId),
    /// Nothing to generate.
    #[error("request {}: at most 0 tokens of output are asked for; at least one is needed", .0.0)]
    NoOutput(RequestId),
    /// It would never fit.
    #[error(
        "request {}: {tokens} tokens of prompt and output need {needed} cache blocks and there are {blocks}; at most {most} tokens fit",
        .id.0
    )]
    TooLong {
        /// Which.
        id: RequestId,
        /// Prompt and output.
        tokens: u64,
        /// Blocks for them.
        needed: u64,
        /// Blocks of the cache.
        blocks: u32,
        /// Tokens that all blocks hold.
        most: u64,
    },
    /// The name is taken.
    #[error("request {}: another request of this name is not finished yet", .0.0)]
    Duplicate(RequestId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_longer_than_the_prompt_is_the_whole_prompt() {
        let content = Content::prefixed(RequestId(3), 7, 100, 40);
        assert_eq!(content, Content::Modelled(vec![Segment { identity: 7, tokens: 40 }]));
        assert_eq!(content.tokens(), 40);
    }

    #[test]
    fn what_callers_choose_never_meets_what_a_request_owns() {
        let Content::Modelled(shared) = Content::prefixed(RequestId(3), u64::MAX, 8, 8) else { unreachable!() };
        let Content::Modelled(own) = Content::unique(RequestId(3), 8) else { unreachable!() };
        assert_eq!(shared[0].identity & OWN, 0);
        assert_eq!(own[0].identity & OWN, OWN);
        assert_ne!(output_identity(RequestId(3)), own[0].identity);
    }

    #[test]
    fn prompts_with_one_beginning_have_one_affinity() {
        let of = |id, identity| Content::prefixed(RequestId(id), identity, 32, 64).affinity();
        assert_eq!(of(1, 5), of(2, 5));
        assert_ne!(of(1, 5), of(1, 6));
        let tokens = |last: u32| Content::Tokens((0..16).chain([last]).collect()).affinity();
        assert_eq!(tokens(1), tokens(2));
    }
}
