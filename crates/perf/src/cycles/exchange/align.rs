//! The sending half of the exchange engine: the words of a row at their place in the words of the destination (`puce_exchange_align`).

use super::pieces::Place;
use crate::cycles::wires::{Part, WORD};

/// The twin of `puce_exchange_align`.
#[derive(Clone, Debug, Default)]
pub(super) struct Align {
    turned: Option<Place>,
    /// The row's last word was joined, and what is left of it makes one more.
    flush: bool,
    /// The row has sent a word, and how many.
    begun: bool,
    offset: i64,
    /// What goes out, and whether it is already in its place.
    out: Option<(Part, bool)>,
}

/// What becomes of the word that was turned.
#[derive(Clone, Copy, Debug)]
struct Join {
    /// A word of the destination goes out.
    emits: bool,
    /// What is left of the row makes one more.
    more: bool,
    /// The row ends.
    ends: bool,
}

/// Where a row ends in its last word, from 1 to a word.
#[inline]
fn finish(begin: i64, tail: i64) -> i64 {
    match (begin + tail) % WORD {
        0 => WORD,
        stop => stop,
    }
}

impl Align {
    /// What goes out, and whether it is already in its place.
    #[inline]
    pub(super) fn sent(&self) -> Option<(Part, bool)> {
        self.out
    }

    /// A word is inside.
    #[inline]
    pub(super) fn busy(&self) -> bool {
        self.turned.is_some() || self.out.is_some()
    }

    #[inline]
    fn join(&self, place: &Place) -> Join {
        let turn = (place.source - place.target).rem_euclid(WORD);
        let more = place.last && turn != 0 && turn < finish(place.source, place.tail);
        let primes = place.first && place.source > place.target;
        Join { emits: self.flush || !primes, more, ends: self.flush || (place.last && !more) }
    }

    /// What was turned is joined in this cycle.
    #[inline]
    fn joins(&self, taken: bool) -> Option<(Place, Join)> {
        let place = self.turned?;
        let join = self.join(&place);
        (!join.emits || self.out.is_none() || taken).then_some((place, join))
    }

    /// A word may enter when what goes out is taken or not (`word_ready_o`).
    #[inline]
    pub(super) fn ready(&self, taken: bool) -> bool {
        self.turned.is_none() || self.joins(taken).is_some_and(|(_, join)| self.flush || !join.more)
    }

    /// One clock edge: a word for which it was ready, and whether what goes out is taken.
    #[inline]
    pub(super) fn step(&mut self, word: Option<Place>, taken: bool) {
        let (ready, joined) = (self.ready(taken), self.joins(taken));
        if taken {
            self.out = None;
        }
        if let Some((place, join)) = joined {
            if join.emits {
                let strobe = self.strobe(&place, join.ends);
                self.out = Some((Part { word: place.word + self.offset, strobe }, place.same));
            }
            self.begun = !join.ends && (self.begun || join.emits);
            self.offset = if join.ends { 0 } else { self.offset + i64::from(join.emits) };
            self.flush = !self.flush && join.more;
        }
        if ready {
            self.turned = word;
        }
    }

    #[inline]
    fn strobe(&self, place: &Place, ends: bool) -> u32 {
        let low = if self.begun { u32::MAX } else { u32::MAX << place.target };
        let high = if ends { u32::MAX >> (WORD - finish(place.target, place.tail)) } else { u32::MAX };
        low & high
    }
}
