//! Walks over a part of the scratchpad.

/// A walk (`walk_t` of `puce_vector_pkg`): `count2` times `count1` runs of `x_count` units at x, each followed by `y_count` units at y.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WalkPlan {
    /// First byte of the x runs.
    pub x_base: i64,
    /// Bytes from an x run to the next.
    pub x_step1: i64,
    /// Bytes from the first x run of `count1` to the first of the next.
    pub x_step2: i64,
    /// Units of an x run.
    pub x_count: u32,
    /// As `x_base`.
    pub y_base: i64,
    /// As `x_step1`.
    pub y_step1: i64,
    /// As `x_step2`.
    pub y_step2: i64,
    /// As `x_count`; may be zero.
    pub y_count: u32,
    /// Inner iterations.
    pub count1: u32,
    /// Outer iterations.
    pub count2: u32,
    /// The first units of an x run that are walked as (0, pairs/2), (1, pairs/2 + 1), ...
    pub pairs: u32,
    /// Bytes of a unit as a power of two.
    pub unit: u8,
    /// The y runs come one iteration later than the x runs.
    pub lag: bool,
}

/// One place of a walk (`place_t`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// Its first byte.
    pub addr: i64,
    /// Number of the unit within its run.
    pub index: u32,
    /// What it is the last of, and whose.
    pub marks: u8,
}

impl Place {
    /// It is of a y run.
    pub const Y: u8 = 1;
    /// Last of its run.
    pub const RUN: u8 = 2;
    /// Last of the x and y runs of an iteration.
    pub const ITER: u8 = 4;
    /// Last of all.
    pub const LAST: u8 = 8;

    /// Whether it has one of these marks.
    #[inline]
    pub fn has(&self, marks: u8) -> bool {
        self.marks & marks != 0
    }
}

/// What comes after the place in the output register (`walking_t` of `puce_vector_walk`).
#[derive(Clone, Copy, Default)]
struct After {
    more: bool,
    y: bool,
    behind: bool,
    index: u32,
    following: u32,
    unit: u32,
    paired: bool,
    count1: u32,
    count2: u32,
    x_outer: i64,
    x_run: i64,
    y_outer: i64,
    y_run: i64,
}

/// `puce_vector_walk`: gives one place after the other.
#[derive(Default)]
pub struct Walk {
    plan: WalkPlan,
    after: After,
    valid: bool,
    place: Place,
}

impl Walk {
    /// The place that may be taken in this cycle.
    #[inline]
    pub fn place(&self) -> Option<&Place> {
        self.valid.then_some(&self.place)
    }

    /// A cycle in which a walk begins.
    pub fn start(&mut self, plan: &WalkPlan) {
        self.plan = *plan;
        self.after = After {
            more: true,
            following: 1,
            paired: plan.pairs != 0,
            count1: plan.count1,
            count2: plan.count2,
            x_outer: plan.x_base,
            x_run: plan.x_base,
            y_outer: plan.y_base,
            y_run: plan.y_base,
            ..After::default()
        };
        self.advance();
    }

    /// A cycle in which the place is taken or not.
    #[inline]
    pub fn step(&mut self, next: bool) {
        if self.after.more && (!self.valid || next) {
            self.advance();
        } else if next {
            self.valid = false;
        }
    }

    /// Puts the next place into the output register.
    #[inline]
    fn advance(&mut self) {
        let (plan, now) = (&self.plan, &mut self.after);
        let run = if now.y { now.y_run } else { now.x_run };
        let run_last = now.following == if now.y { plan.y_count } else { plan.x_count };
        let iter_last = run_last && (now.y || plan.y_count == 0);
        let last = iter_last && now.count1 == 1 && !now.behind && now.count2 == 1;
        self.valid = true;
        self.place = Place {
            addr: run + (i64::from(now.unit) << plan.unit),
            index: now.index,
            marks: u8::from(now.y)
                | (u8::from(run_last) * Place::RUN)
                | (u8::from(iter_last) * Place::ITER)
                | (u8::from(last) * Place::LAST),
        };
        if run_last {
            now.end_run(plan, iter_last);
        } else {
            now.next_unit(plan);
        }
    }
}

impl After {
    /// The next unit of a run, the first `pairs` in the order of rotated pairs.
    #[inline]
    fn next_unit(&mut self, plan: &WalkPlan) {
        self.index = self.following;
        self.unit = self.following;
        self.paired = self.paired && self.following != plan.pairs;
        if self.paired {
            self.unit = (self.following >> 1) + if self.following & 1 == 1 { plan.pairs >> 1 } else { 0 };
        }
        self.following += 1;
    }

    /// The first unit of the next run.
    fn end_run(&mut self, plan: &WalkPlan, iter_last: bool) {
        let (y, behind, count1) = (self.y, self.behind, self.count1);
        let last1 = count1 == 1 && !behind;
        self.index = 0;
        self.unit = 0;
        self.following = 1;
        self.paired = plan.pairs != 0;
        self.y = !iter_last;
        if y {
            self.y_run += plan.y_step1;
        } else {
            self.x_run += plan.x_step1;
        }
        if iter_last {
            self.count1 = count1.wrapping_sub(1);
        }
        if plan.lag {
            self.lag(y, behind, count1);
        }
        if iter_last && last1 {
            self.end_outer(plan);
        }
    }

    /// The first x run is followed by the second; the last but one y run by the last.
    fn lag(&mut self, y: bool, behind: bool, count1: u32) {
        if !y && !behind && count1 != 1 {
            (self.y, self.behind, self.count1) = (false, true, count1 - 1);
        }
        if y && behind && count1 == 1 {
            (self.y, self.behind, self.count1) = (true, false, 1);
        }
    }

    /// The next of `count2` iterations.
    fn end_outer(&mut self, plan: &WalkPlan) {
        self.more = self.count2 != 1;
        self.count1 = plan.count1;
        self.count2 = self.count2.wrapping_sub(1);
        self.x_outer += plan.x_step2;
        self.x_run = self.x_outer;
        self.y_outer += plan.y_step2;
        self.y_run = self.y_outer;
    }
}
