//! A group of lanes with its queues: which micro-operation runs on which word in each cycle, and when its result is there.

use super::plan::ExecPlan;
use super::program::{Micro, Program};
use super::side::{ADD, DIV, MUL};
use super::{BATCH, DEPTH, OUTS, RESULTS};

/// Groups of dividers.
const DIVIDERS: usize = 8;
/// Cycles from a word's issue to its result: two to fetch, and the lanes', half way or whole (`LaneLat`, `HalfLat` of `puce_vector_exec`).
const HALF: u32 = 2 + MUL + ADD + 1;
/// As [`HALF`], whole.
const WHOLE: u32 = 2 + 2 * (MUL + ADD + 1);
/// Cycles from a group's last word in the sums to its sum: `AddLat` of `puce_vector_sum`, its accumulator, and the rounding (`GridF32Lat`).
const SUM: u32 = 2 + 3 + 3 + 2 + 4;
/// Words on their way through the lanes and what follows, by the cycle of their issue: a power of two above the longest way.
const WAY: usize = 64;

/// What is known of a word when it is asked for (`tag_t`), as far as time depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tag {
    /// The group of lanes that has its turn.
    pub group: u8,
    /// Words that it is unpacked to, less one.
    pub subs: u8,
    /// The rest.
    pub flags: u8,
}

impl Tag {
    /// Last of its group of words.
    pub const GROUP_LAST: u8 = 1;
    /// Its batch ends here.
    pub const BRK: u8 = 2;
    /// Nothing is written for it.
    pub const HIDDEN: u8 = 4;
    /// It is of the second program.
    pub const PART: u8 = 8;
    /// It goes to the scanner.
    pub const SCAN: u8 = 16;
    /// Nothing is written for this turn after it.
    pub const TURN_LAST: u8 = 32;

    /// The group of lanes that has its turn, as an index.
    #[inline]
    pub fn group(self) -> usize {
        usize::from(self.group)
    }

    /// Whether it has this flag.
    #[inline]
    pub fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// What becomes of a word in the lanes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Fate(u8);

impl Fate {
    /// A register that the next micro-operation waits for.
    const REG: u8 = 1;
    /// A divider, then a register.
    const DIV: u8 = 2;
    /// Its micro-operation is an odd one.
    const ODD: u8 = 4;
    /// The queue of words for the scratchpad.
    const OUT: u8 = 8;
    /// There it is the last of a turn.
    const TURN: u8 = 16;
    /// A sum ends with it.
    const SUM: u8 = 32;

    fn has(self, what: u8) -> bool {
        self.0 & what != 0
    }

    fn parity(self) -> usize {
        usize::from(self.has(Self::ODD))
    }
}

/// What a group is given in a cycle.
#[derive(Clone, Copy, Default)]
pub struct Inputs {
    /// A word for the first queue.
    pub a: Option<Tag>,
    /// A word for the second queue.
    pub b: bool,
    /// The scales take the second queue's next word.
    pub b_take: bool,
    /// The norm's factor is there.
    pub factor: bool,
    /// The store takes a word, a sum.
    pub out_take: bool,
    /// As `out_take`, a sum.
    pub sum_take: bool,
    /// A scalar comes.
    pub scalar: bool,
}

impl Inputs {
    /// Nothing comes and nothing is taken.
    #[inline]
    pub fn nothing(&self) -> bool {
        self.a.is_none() && !(self.b | self.b_take | self.out_take | self.sum_take | self.scalar)
    }
}

/// What a group says in a cycle.
#[derive(Clone, Copy, Default)]
pub struct Outputs {
    /// Words that leave the first queue.
    pub a_release: u32,
    /// Words that leave the second queue.
    pub b_release: u32,
    /// A scalar is used.
    pub scalar_take: bool,
    /// The norm's factor is used.
    pub factor_take: bool,
    /// A norm's sum comes.
    pub norm: bool,
}

/// `puce_vector_exec` with `puce_vector_issue`, and the group's queue of scalars.
pub struct Group {
    exec: ExecPlan,
    latency: u32,
    // The queues: words that came, and tags of the first one's.
    tags: [Tag; DEPTH as usize],
    a_written: u32,
    b_written: u32,
    scalars: u32,
    // Issue: the program, its micro-operation, the word that is next.
    run: bool,
    program: Program,
    step: usize,
    micro: Micro,
    last: bool,
    first: bool,
    parity: usize,
    a_base: u32,
    b_base: u32,
    a_index: u32,
    b_index: u32,
    place: u32,
    batch_last: u32,
    sub: u8,
    /// Words of the micro-operation of each parity that are complete.
    done: [u32; 2],
    /// Words and sums that have a place in their queues.
    out_room: u32,
    sum_room: u32,
    /// The cycle from which a divider is free.
    free: [u64; DIVIDERS],
    divider: usize,
    // On the way.
    way: [Fate; WAY],
    /// The cycle after which nothing is on the way.
    quiet: u64,
    // What waits for the store: words, those that end a turn (bit 0 the oldest), sums.
    outs: u32,
    turns: u32,
    sums: u32,
}

impl Default for Group {
    fn default() -> Group {
        Group {
            exec: ExecPlan::default(),
            latency: HALF,
            tags: [Tag::default(); DEPTH as usize],
            a_written: 0,
            b_written: 0,
            scalars: 0,
            run: false,
            program: &[],
            step: 0,
            micro: Micro::default(),
            last: false,
            first: false,
            parity: 0,
            a_base: 0,
            b_base: 0,
            a_index: 0,
            b_index: 0,
            place: 0,
            batch_last: 0,
            sub: 0,
            done: [0; 2],
            out_room: 0,
            sum_room: 0,
            free: [0; DIVIDERS],
            divider: 0,
            way: [Fate::default(); WAY],
            quiet: 0,
            outs: 0,
            turns: 0,
            sums: 0,
        }
    }
}

impl Group {
    /// A word waits for the store: whether it is the last of a turn.
    #[inline]
    pub fn out(&self) -> Option<bool> {
        (self.outs != 0).then_some(self.turns & 1 == 1)
    }

    /// A sum waits for the store.
    #[inline]
    pub fn sum(&self) -> bool {
        self.sums != 0
    }

    /// There is room for a scalar.
    #[inline]
    pub fn scalar_ready(&self) -> bool {
        self.scalars != super::SCALARS
    }

    /// The second queue has a word that the scales may take.
    #[inline]
    pub fn b_next(&self) -> bool {
        self.b_index != self.b_written
    }

    /// Without anything given, a cycle changes nothing.
    #[inline]
    pub fn rests(&self, now: u64) -> bool {
        let next = if self.run { self.a_index } else { self.a_base };
        now > self.quiet && self.a_written == next
    }

    /// A cycle, `now` its number.
    #[inline]
    pub fn step(&mut self, now: u64, given: Inputs) -> Outputs {
        let go = self.goes(now);
        let tag = self.tag();
        let waits = !self.run && self.a_written != self.a_base;
        let mut says = Outputs::default();
        self.take(given);
        if now <= self.quiet {
            says.norm = self.arrive(now);
        }
        if given.b_take {
            self.b_base = self.b_base.wrapping_add(1);
            self.b_index = self.b_index.wrapping_add(1);
            says.b_release = 1;
        }
        if go {
            self.issue(now, tag, &mut says);
        } else if waits && !(self.exec.norm && tag.has(Tag::PART) && !given.factor) {
            self.begin(tag.has(Tag::PART));
        }
        self.scalars += u32::from(given.scalar);
        self.scalars -= u32::from(says.scalar_take);
        says
    }

    /// The cycle in which a command begins: nothing is on the way.
    pub fn start(&mut self, exec: &ExecPlan) {
        self.exec = *exec;
        self.way = [Fate::default(); WAY];
        self.latency = if exec.half_way { HALF } else { WHOLE };
        self.begin(false);
    }

    /// The tag of the next word, if it has come.
    #[inline]
    fn tag(&self) -> Tag {
        let index = if self.run { self.a_index } else { self.a_base };
        self.tags[(index % DEPTH) as usize]
    }

    /// Whether the next word goes in this cycle.
    #[inline]
    fn goes(&self, now: u64) -> bool {
        let a_there = self.a_written.wrapping_sub(self.a_index);
        if !self.run || a_there == 0 {
            return false;
        }
        let (micro, first_of_pair) = (self.micro, self.place.is_multiple_of(2));
        if micro.has(Micro::PAIR_A) && first_of_pair && a_there == 1 {
            return false;
        }
        if micro.has(Micro::B) {
            let b_there = self.b_written.wrapping_sub(self.b_index);
            if b_there == 0 || (micro.has(Micro::PAIR_B) && first_of_pair && b_there == 1) {
                return false;
            }
        }
        !(micro.has(Micro::SCALAR) && self.scalars == 0
            || micro.has(Micro::OUT) && self.out_room == OUTS
            || micro.has(Micro::SUM) && self.sum_room == RESULTS
            || micro.has(Micro::DIV) && now < self.free[self.divider]
            || !self.first && self.done[1 - self.parity] <= self.place)
    }

    /// What comes into the queues and leaves for the store.
    #[inline]
    fn take(&mut self, given: Inputs) {
        if let Some(tag) = given.a {
            self.tags[(self.a_written % DEPTH) as usize] = tag;
            self.a_written = self.a_written.wrapping_add(1);
        }
        if given.b {
            self.b_written = self.b_written.wrapping_add(1);
        }
        if given.out_take {
            self.outs -= 1;
            self.turns >>= 1;
            self.out_room -= 1;
        }
        if given.sum_take {
            self.sums -= 1;
            self.sum_room -= 1;
        }
    }

    /// What is complete in this cycle; whether it is a norm's sum.
    #[inline]
    fn arrive(&mut self, now: u64) -> bool {
        let at = |cycles: u32| (now.wrapping_sub(u64::from(cycles)) % WAY as u64) as usize;
        let fate = self.way[at(self.latency)];
        if fate.has(Fate::REG) {
            self.done[fate.parity()] += 1;
        }
        if fate.has(Fate::OUT) {
            self.turns |= u32::from(fate.has(Fate::TURN)) << self.outs;
            self.outs += 1;
        }
        let sum = self.way[at(self.latency + SUM)].has(Fate::SUM);
        if sum && !self.exec.norm {
            self.sums += 1;
        }
        let divided = std::mem::take(&mut self.way[at(self.latency + DIV)]);
        if divided.has(Fate::DIV) {
            self.done[divided.parity()] += 1;
        }
        sum && self.exec.norm
    }

    /// The next word goes into the lanes.
    #[inline]
    fn issue(&mut self, now: u64, tag: Tag, says: &mut Outputs) {
        let (micro, place) = (self.micro, self.place);
        let word_last = self.sub == tag.subs;
        let op_last = match self.first {
            true => word_last && (tag.has(Tag::BRK) || (!self.last && place == BATCH - 1)),
            false => place == self.batch_last,
        };
        self.use_operands(micro, tag, word_last, says);
        says.factor_take = micro.has(Micro::FACTOR) && op_last;
        self.send(now, micro, tag);

        self.place = (place + 1) % DEPTH;
        self.sub = if word_last { 0 } else { self.sub + 1 };
        self.a_index = self.a_index.wrapping_add(u32::from(word_last));
        self.b_index = self.b_index.wrapping_add(u32::from(micro.has(Micro::B)));
        if self.first {
            self.batch_last = place;
        }
        if op_last {
            self.next_micro();
        }
    }

    /// What is free again after a word, and whether its scalar is used.
    #[inline]
    fn use_operands(&self, micro: Micro, tag: Tag, word_last: bool, says: &mut Outputs) {
        let scalar_last = if self.exec.codes { self.sub % 4 == 3 } else { tag.has(Tag::GROUP_LAST) && word_last };
        says.scalar_take = micro.has(Micro::SCALAR) && scalar_last;
        if !self.last {
            return;
        }
        let pair = if self.place.is_multiple_of(2) { 0 } else { 2 };
        if word_last {
            says.a_release = if micro.has(Micro::PAIR_A) { pair } else { 1 };
        }
        if micro.has(Micro::B) {
            says.b_release = if micro.has(Micro::PAIR_A.and(Micro::PAIR_B)) { pair } else { 1 };
        }
    }

    /// A word of a micro-operation begins its way.
    #[inline]
    fn send(&mut self, now: u64, micro: Micro, tag: Tag) {
        let mut fate = u8::from(self.parity == 1) * Fate::ODD;
        if micro.has(Micro::REG) {
            fate |= Fate::REG;
        }
        if micro.has(Micro::OUT) && !tag.has(Tag::HIDDEN) && !(micro.has(Micro::CODE) && self.place % 4 != 3) {
            fate |= Fate::OUT | (u8::from(tag.has(Tag::TURN_LAST)) * Fate::TURN);
            self.out_room += 1;
        }
        if micro.has(Micro::ADDS) && tag.has(Tag::GROUP_LAST) {
            fate |= Fate::SUM;
            self.sum_room += u32::from(micro.has(Micro::SUM));
        }
        if micro.has(Micro::DIV) {
            fate |= Fate::DIV;
            self.free[self.divider] = now + u64::from(DIV);
            self.divider = (self.divider + 1) % DIVIDERS;
        }
        self.way[(now % WAY as u64) as usize] = Fate(fate);
        self.quiet = now + u64::from(self.latency + DIV);
    }

    /// The next micro-operation of the batch, or the end of it.
    fn next_micro(&mut self) {
        self.place = 0;
        self.first = false;
        self.done[1 - self.parity] = 0;
        self.parity = 1 - self.parity;
        self.step += 1;
        if self.last {
            self.run = false;
            self.a_base = self.a_index;
            self.b_base = self.b_index;
        } else {
            self.a_index = self.a_base;
            self.b_index = self.b_base;
        }
        self.micro = self.program.get(self.step).copied().unwrap_or_default();
        self.last = self.step + 1 == self.program.len();
    }

    /// A batch begins, of the first or the second part.
    fn begin(&mut self, part: bool) {
        self.run = true;
        self.program = self.exec.programs[usize::from(part)];
        self.step = 0;
        self.micro = self.program[0];
        self.last = self.program.len() == 1;
        self.first = true;
        self.parity = 0;
        self.done[0] = 0;
        self.place = 0;
        self.sub = 0;
        self.a_index = self.a_base;
    }
}
