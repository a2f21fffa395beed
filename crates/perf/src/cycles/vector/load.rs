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

/// What follows from a plan for the tags of all its words.
#[derive(Clone, Copy, Default)]
struct Rules {
    /// Flags of every x word, of every y word.
    flags: [u8; 2],
    /// Marks of places that end a group; low bits of the places that end one besides.
    group: u8,
    every: u32,
    /// Marks of places that end a batch.
    brk: u8,
    /// The first word of a run that is of the second program.
    part: u32,
}

impl Rules {
    fn of(plan: &LoadPlan) -> Rules {
        let flags = |scan, hidden, part| {
            (u8::from(scan) * Tag::SCAN) | (u8::from(hidden) * Tag::HIDDEN) | (u8::from(part) * Tag::PART)
        };
        Rules {
            flags: [flags(plan.scan_x, plan.hide_x, false), flags(plan.scan_y, plan.sink.is_some(), true)],
            group: if plan.group == Grouping::Iter { Place::ITER } else { Place::RUN },
            every: if plan.group == Grouping::Four { 3 } else { u32::MAX },
            brk: if plan.brk == Break::Last { Place::LAST } else { Place::RUN },
            part: if plan.brk == Break::Part { plan.part } else { u32::MAX },
        }
    }
}

/// What a loader is told in a cycle.
#[derive(Clone, Copy, Default)]
pub struct Pops {
    /// A result is written.
    pub result: bool,
    /// The scanner has answered.
    pub go: bool,
}

/// `puce_vector_load`: asks for the words of a walk when there is room for them; their tags travel beside the reads.
pub struct Load {
    plan: LoadPlan,
    rules: Rules,
    walk: Walk,
    sinks: Sinks,
    turn: usize,
    turn_word: u32,
    /// Words of each group's queue that are taken or on their way.
    words: Vec<u32>,
    scalars: u32,
    results: u32,
    hold: bool,
    /// The tag of the walk's place, and whether a turn ends there, once they are known.
    next: Option<(Tag, bool)>,
    ask: Option<(i64, Tag)>,
    /// Granted one and two cycles ago.
    flying: [Option<Tag>; 2],
}

impl Load {
    /// A loader for so many groups of lanes.
    pub fn new(groups: usize) -> Load {
        Load {
            plan: LoadPlan::default(),
            rules: Rules::default(),
            walk: Walk::default(),
            sinks: Sinks::default(),
            turn: 0,
            turn_word: 0,
            words: vec![0; groups],
            scalars: 0,
            results: 0,
            hold: false,
            next: None,
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

    /// Words that have left a group's queue in this cycle, and scalars that the group has used; after [`Load::step`].
    #[inline]
    pub fn release(&mut self, group: usize, words: u32, scalars: u32) {
        self.words[group] -= words;
        if self.plan.scalars {
            self.scalars -= scalars;
        }
    }

    /// A cycle changes nothing: all is read.
    #[inline]
    pub fn rests(&self) -> bool {
        self.ask.is_none() && self.walk.place().is_none() && self.flying == [None; 2]
    }

    /// A cycle in which what was asked is taken or not.
    #[inline]
    pub fn step(&mut self, taken: bool, pops: Pops) {
        self.flying[1] = self.flying[0].take();
        let free = self.ask.is_none() || taken;
        if taken {
            self.flying[0] = self.ask.take().map(|(_, tag)| tag);
        }
        let (hold, results) = (self.hold, self.results);
        self.hold &= !pops.go;
        if pops.result && self.plan.results != 0 {
            self.results -= 1;
        }
        let taken = free && !hold && self.take(results);
        self.walk.step(taken);
    }

    /// Takes the walk's place, if there is room for what comes of it.
    #[inline]
    fn take(&mut self, results: u32) -> bool {
        let Some(place) = self.walk.place() else { return false };
        let (tag, turn_end) = match self.next {
            Some(next) => next,
            None => self.tag(place),
        };
        let ends = tag.has(Tag::GROUP_LAST);
        let full = match tag.has(Tag::SCAN) {
            false => self.words[self.turn] == DEPTH,
            true if self.plan.scalars && self.scalars == SCALARS => ends,
            true => ends && self.plan.results != 0 && results > RESULTS - 2,
        };
        if !full {
            let place = *place;
            self.next = None;
            self.request(&place, tag, turn_end);
        } else {
            self.next = Some((tag, turn_end));
        }
        !full
    }

    /// The word of a place is asked for.
    #[inline]
    fn request(&mut self, place: &Place, tag: Tag, turn_end: bool) {
        let mut addr = place.addr;
        if self.plan.sink.is_some() {
            addr += if place.has(Place::Y) { self.sinks.offset } else { 0 };
            if place.has(Place::ITER) {
                self.sinks.next();
            }
        }
        self.ask = Some((addr / WORD, tag));
        if !tag.has(Tag::SCAN) {
            self.words[self.turn] += 1;
        } else if tag.has(Tag::GROUP_LAST) {
            self.scalars += u32::from(self.plan.scalars);
            self.results += self.plan.results;
        }
        self.hold |= self.plan.lockstep && place.has(Place::RUN);
        self.turn_word += 1;
        if turn_end {
            self.turn_word = 0;
            self.turn = if self.turn + 1 == self.words.len() { 0 } else { self.turn + 1 };
        }
    }

    /// What is known of a word, and whether its group of lanes has had its turn after it.
    #[inline]
    fn tag(&self, place: &Place) -> (Tag, bool) {
        let (rules, y) = (&self.rules, place.has(Place::Y));
        let mut flags = rules.flags[usize::from(y)];
        if place.has(rules.group) || place.index & rules.every == rules.every {
            flags |= Tag::GROUP_LAST;
        }
        if place.index >= rules.part {
            flags |= Tag::PART;
        }
        let (turn_end, turn_last) = match self.plan.deal {
            Deal::Never => (false, false),
            Deal::Batch => (self.turn_word == BATCH - 1, self.turn_word == BATCH - 1),
            Deal::Iter => (place.has(Place::ITER), place.has(Place::RUN) && !y),
        };
        if turn_last {
            flags |= Tag::TURN_LAST;
        }
        // What comes after a turn goes to other lanes: these shall not wait for it.
        if place.has(rules.brk) || place.index + 1 == rules.part || (turn_end && self.words.len() > 1) {
            flags |= Tag::BRK;
        }
        let subs = if place.has(Place::RUN) { self.plan.subs_last } else { self.plan.subs };
        (Tag { group: self.turn as u8, subs, flags }, turn_end)
    }

    /// The cycle in which a command begins.
    pub fn start(&mut self, plan: &LoadPlan) {
        self.plan = *plan;
        if !plan.enable {
            return;
        }
        self.rules = Rules::of(plan);
        self.walk.start(&plan.walk);
        if let Some(rows) = plan.sink {
            self.sinks.start(rows);
        }
        self.hold = false;
        self.turn = 0;
        self.turn_word = 0;
    }
}
