//! Reading.

use super::group::Tag;
use super::plan::{Break, Deal, Grouping, LoadPlan};
use super::walk::{Place, Walk};
use super::{BATCH, DEPTH, RESULTS, SCALARS};
use crate::cycles::wires::{Access, Ask, WORD};

/// Where a softmax row's sink stands (`puce_vector_window`).
#[derive(Default)]
struct Sinks {
    per: i64,
    tokens: i64,
    place: i64,
    token: i64,
    group: i64,
    /// Of the row at work.
    offset: i64,
}

impl Sinks {
    fn start(&mut self, (per, tokens): (i64, i64)) {
        *self = Sinks { per, tokens, ..Sinks::default() };
        self.next();
    }

    fn next(&mut self) {
        self.offset = 4 * (self.group + self.place);
        self.place += 1;
        if self.place == self.per {
            self.place = 0;
            self.token += 1;
            if self.token == self.tokens {
                self.token = 0;
                self.group += self.per;
            }
        }
    }
}

/// What a loader is told in a cycle.
#[derive(Clone, Copy, Default)]
pub struct Pops {
    /// Scalars that are used.
    pub scalars: u32,
    /// A result is written.
    pub result: bool,
    /// The scanner has answered.
    pub go: bool,
}

/// `puce_vector_load`: asks for the words of a walk when there is room for them; their tags travel beside the reads.
pub struct Load {
    plan: LoadPlan,
    walk: Walk,
    sinks: Sinks,
    turn: usize,
    turn_word: u32,
    /// Words of each group's queue that are taken or on their way.
    words: Vec<u32>,
    scalars: u32,
    results: u32,
    hold: bool,
    ask: Option<(i64, Tag)>,
    /// Granted one and two cycles ago.
    flying: [Option<Tag>; 2],
}

impl Load {
    /// A loader for so many groups of lanes.
    pub fn new(groups: usize) -> Load {
        Load {
            plan: LoadPlan::default(),
            walk: Walk::default(),
            sinks: Sinks::default(),
            turn: 0,
            turn_word: 0,
            words: vec![0; groups],
            scalars: 0,
            results: 0,
            hold: false,
            ask: None,
            flying: [None; 2],
        }
    }

    /// What it asks for in this cycle.
    #[inline]
    pub fn ask(&self) -> Option<Ask> {
        self.ask.map(|(word, _)| Ask { word, access: Access::Read })
    }

    /// The word that comes in this cycle.
    #[inline]
    pub fn data(&self) -> Option<Tag> {
        self.flying[1]
    }

    /// Words that have left a group's queue.
    #[inline]
    pub fn release(&mut self, group: usize, words: u32) {
        self.words[group] -= words;
    }

    /// A cycle in which what was asked is taken or not. Words are released after it.
    #[inline]
    pub fn step(&mut self, taken: bool, pops: Pops) {
        self.flying[1] = self.flying[0].take();
        let free = self.ask.is_none() || taken;
        if taken {
            self.flying[0] = self.ask.take().map(|(_, tag)| tag);
        }
        let hold = self.hold;
        self.hold &= !pops.go;
        let (scalars, results) = (self.scalars, self.results);
        if self.plan.scalars {
            self.scalars -= pops.scalars;
        }
        if self.plan.results != 0 && pops.result {
            self.results -= 1;
        }
        let next = match self.walk.place() {
            Some(place) if free && !hold => {
                let (tag, turn_end) = self.tag(place);
                let ends = tag.scan && tag.group_last;
                let room = (tag.scan || self.words[self.turn] != DEPTH)
                    && !(ends && self.plan.scalars && scalars == SCALARS)
                    && !(ends && self.plan.results != 0 && results > RESULTS - 2);
                room.then_some((*place, tag, turn_end))
            }
            _ => None,
        };
        if let Some((place, tag, turn_end)) = next {
            self.take(&place, tag, turn_end);
        }
        self.walk.step(next.is_some());
    }

    fn take(&mut self, place: &Place, tag: Tag, turn_end: bool) {
        let sink = place.y && self.plan.sink.is_some();
        let addr = place.addr + if sink { self.sinks.offset } else { 0 };
        self.ask = Some((addr / WORD, tag));
        if !tag.scan {
            self.words[self.turn] += 1;
        } else if tag.group_last {
            self.scalars += u32::from(self.plan.scalars);
            self.results += self.plan.results;
        }
        self.hold |= self.plan.lockstep && place.run_last;
        self.turn_word += 1;
        if turn_end {
            self.turn_word = 0;
            self.turn = if self.turn + 1 == self.words.len() { 0 } else { self.turn + 1 };
        }
        if place.iter_last && self.plan.sink.is_some() {
            self.sinks.next();
        }
    }

    /// What is known of a word, and whether its group of lanes has had its turn after it.
    #[inline]
    fn tag(&self, place: &Place) -> (Tag, bool) {
        let plan = &self.plan;
        let group_last = match plan.group {
            Grouping::Iter => place.iter_last,
            Grouping::Four => place.run_last || place.index % 4 == 3,
            Grouping::Run => place.run_last,
        };
        let brk = match plan.brk {
            Break::Run => place.run_last,
            Break::Part => place.run_last || place.index + 1 == plan.part,
            Break::Last => place.last,
        };
        let (turn_end, turn_last) = match plan.deal {
            Deal::Never => (false, false),
            Deal::Batch => (self.turn_word == BATCH - 1, self.turn_word == BATCH - 1),
            Deal::Iter => (place.iter_last, place.run_last && !place.y),
        };
        let tag = Tag {
            group: self.turn as u8,
            subs: if place.run_last { plan.subs_last } else { plan.subs },
            group_last,
            // What comes after a turn goes to other lanes: these shall not wait for it.
            brk: brk || (turn_end && self.words.len() > 1),
            hidden: if place.y { plan.sink.is_some() } else { plan.hide_x },
            part: place.y || (plan.brk == Break::Part && place.index >= plan.part),
            scan: if place.y { plan.scan_y } else { plan.scan_x },
            turn_last,
        };
        (tag, turn_end)
    }

    /// The cycle in which a command begins.
    pub fn start(&mut self, plan: &LoadPlan) {
        self.plan = *plan;
        if !plan.enable {
            return;
        }
        self.walk.start(&plan.walk);
        if let Some(rows) = plan.sink {
            self.sinks.start(rows);
        }
        self.hold = false;
        self.turn = 0;
        self.turn_word = 0;
    }
}
