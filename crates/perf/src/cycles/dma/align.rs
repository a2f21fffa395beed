//! Segments turned to where they go and gathered into words (`puce_dma_align`).

use super::Segment;
use crate::cycles::fifo::Fifo;
use crate::cycles::wires::WORD;

/// Bytes for one word. With no strobe it only ends a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Word {
    /// Number of the word.
    pub word: i64,
    /// Which bytes of it.
    pub strobe: u32,
    /// The last of its command.
    pub last: bool,
}

/// The twin of `puce_dma_align`.
#[derive(Clone, Debug, Default)]
pub struct Align {
    t_valid: bool,
    t_empty: bool,
    t_last: bool,
    t_low: u32,
    t_high: u32,
    t_word: i64,
    h_valid: bool,
    h_flush: bool,
    h_word: i64,
    h_strobe: u32,
    out: Fifo<Word, 2>,
}

impl Align {
    #[inline]
    fn other(&self) -> bool {
        self.h_valid && !self.t_empty && self.h_word != self.t_word
    }

    /// What was turned goes on (`t_go`).
    #[inline]
    fn goes(&self) -> bool {
        let more = self.t_high != 0 || self.t_last;
        self.out.room() && !self.h_flush && self.t_valid && !(self.other() && more)
    }

    /// A segment may enter (`in_ready_o`).
    #[inline]
    pub fn ready(&self) -> bool {
        !self.t_valid || self.goes()
    }

    /// The word that goes out (`out_valid_o`, `out_o`).
    #[inline]
    pub fn word(&self) -> Option<Word> {
        self.out.front()
    }

    /// Nothing is inside.
    #[inline]
    pub fn idle(&self) -> bool {
        !self.t_valid && !self.h_valid && self.out.is_empty()
    }

    /// One clock edge: a segment for which it was ready, and whether the word is taken.
    #[inline]
    pub fn step(&mut self, segment: Option<Segment>, taken: bool) {
        let (room, goes) = (self.out.room(), self.goes());
        if taken {
            self.out.pop();
        }
        if room {
            self.gather();
        }
        self.t_valid &= !goes;
        if let Some(segment) = segment {
            self.turn(&segment);
        }
    }

    /// The second step, with room for a word.
    #[inline]
    fn gather(&mut self) {
        if self.h_flush {
            self.out.push(Word { word: self.h_word, strobe: self.h_strobe, last: true });
            self.h_valid = false;
            self.h_flush = false;
        } else if self.t_valid && self.other() {
            self.out.push(Word { word: self.h_word, strobe: self.h_strobe, last: false });
            self.h_word = self.t_word;
            self.h_strobe = self.t_low;
        } else if self.t_valid {
            self.join();
        }
    }

    #[inline]
    fn join(&mut self) {
        let spills = self.t_high != 0;
        let strobe = if self.h_valid { self.h_strobe | self.t_low } else { self.t_low };
        if spills || self.t_last {
            self.out.push(Word { word: self.t_word, strobe, last: self.t_last && !spills });
        }
        self.h_valid = spills || !self.t_last;
        self.h_flush = spills && self.t_last;
        self.h_word = self.t_word + i64::from(spills);
        self.h_strobe = if spills { self.t_high } else { strobe };
    }

    /// The first step.
    #[inline]
    fn turn(&mut self, segment: &Segment) {
        let strobes = match segment.empty {
            true => 0,
            false => ((2u64 << segment.len_m1) - 1) << (segment.to & (WORD - 1)),
        };
        self.t_valid = true;
        self.t_empty = segment.empty;
        self.t_last = segment.last;
        self.t_low = strobes as u32;
        self.t_high = (strobes >> 32) as u32;
        self.t_word = segment.to.div_euclid(WORD);
    }
}
