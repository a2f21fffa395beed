//! What the engine writes.

use super::walk::{Place, Walk, WalkPlan};
use crate::cycles::wires::{Access, Ask, WORD};

/// Where words and single results go (`store_t` of `puce_vector_pkg`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StorePlan {
    /// Words are written.
    pub words: bool,
    /// Their places.
    pub word_walk: WalkPlan,
    /// Single results are written.
    pub results: bool,
    /// Their places.
    pub result_walk: WalkPlan,
}

/// What the store takes in a cycle.
#[derive(Clone, Copy, Default)]
pub struct Takes {
    /// A word.
    pub word: bool,
    /// A single result.
    pub result: bool,
}

/// `puce_vector_store`: words along one walk, single results along another, results first.
#[derive(Default)]
pub struct Store {
    words: Walk,
    results: Walk,
    words_left: bool,
    results_left: bool,
    ask: Option<Ask>,
    /// Results are parts of 32 bits.
    narrow: bool,
}

impl Store {
    /// What it asks for in this cycle.
    #[inline]
    pub fn ask(&self) -> Option<Ask> {
        self.ask
    }

    /// Everything of the command is written.
    #[inline]
    pub fn idle(&self, taken: bool) -> bool {
        !self.words_left && !self.results_left && (self.ask.is_none() || taken)
    }

    /// What is taken of what there is.
    #[inline]
    pub fn takes(&self, word: bool, result: bool, taken: bool) -> Takes {
        let free = self.ask.is_none() || taken;
        let result = free && result && self.results.place().is_some();
        Takes { word: free && word && !result && self.words.place().is_some(), result }
    }

    /// A cycle: what was asked is taken or not, and what [`Store::takes`] said.
    #[inline]
    pub fn step(&mut self, takes: Takes, taken: bool) {
        if taken {
            self.ask = None;
        }
        if takes.word
            && let Some(place) = self.words.place()
        {
            self.ask = Some(Ask { word: place.addr / WORD, access: Access::Write });
            self.words_left &= !place.has(Place::LAST);
        }
        if takes.result
            && let Some(place) = self.results.place()
        {
            let access = if self.narrow { Access::Merge } else { Access::Write };
            self.ask = Some(Ask { word: place.addr / WORD, access });
            self.results_left &= !place.has(Place::LAST);
        }
        self.words.step(takes.word);
        self.results.step(takes.result);
    }

    /// The cycle in which a command begins.
    pub fn start(&mut self, plan: &StorePlan) {
        self.words_left = plan.words;
        self.results_left = plan.results;
        self.narrow = plan.result_walk.unit == 1;
        if plan.words {
            self.words.start(&plan.word_walk);
        }
        if plan.results {
            self.results.start(&plan.result_walk);
        }
    }
}
