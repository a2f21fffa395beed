//! The host threads of one core.
//!
//! A core is a sequential interpreter; what its threads share is the work of one large instruction at a time. The core's own thread opens a job of
//! numbered parts, whoever is free takes the next part, and the instruction ends when all parts are done. No instruction writes a byte twice, or reads
//! what another of its parts writes (`arch::legal`), so nothing can depend on who computed which part, or when.
//!
//! Jobs are microseconds apart, so helpers wait by spinning. One that comes late finds the job closed and is not waited for: more threads than the host
//! has processors cost little. Helpers stay from run to run ([`Staff`]): a step of a network follows the other in less time than a thread takes to start.
//! Who waits long for the next run sleeps.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

/// A job: called with the number of a part and that of the thread that does it.
type Job<'a> = &'a (dyn Fn(usize, usize) + Sync);

/// The gate's lowest bit: the job may be joined.
const OPEN: usize = 1;
/// One helper that has joined; room for all that a host has.
const JOINED: usize = 2;
/// One job: the bits from here on count them.
const ROUND: usize = 1 << 16;

/// Parts for each thread: who was late takes fewer.
const PARTS: usize = 4;

/// Rows for each thread that are worth to be divided among them.
const ROWS: usize = 32;

/// Products of codes that are worth to be taken over from a thread that is late, and most slices into which its work is cut for that.
const SLICE: usize = 1 << 18;
const SLICES: usize = 64;

/// Turns of a waiting thread before it lets others run.
const SPINS: usize = 1 << 11;

/// Turns after which a thread sleeps that no run keeps: a fraction of a millisecond.
const AWAKE: usize = SPINS + (1 << 10);

/// One turn of waiting for what is microseconds away; `spins` counts them.
pub(crate) fn pause(spins: &mut usize) {
    *spins += 1;
    if *spins < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
}

/// Most helpers of one core: its instructions have no more parts that are worth a thread.
const MOST: usize = 63;

/// A value with cache lines of its own: what one thread spins on, others do not write beside.
#[repr(align(128))]
struct Apart<T>(T);

/// The threads of one core: its own, number 0, and helpers from 1 on.
pub(crate) struct Crew {
    helpers: usize,
    /// Whether the smallest work is shared.
    finely: bool,
    /// The number of the job, how many helpers work on it, and whether more may join.
    gate: Apart<AtomicUsize>,
    /// Of every thread's own parts the next that nobody has taken.
    next: Vec<Apart<AtomicUsize>>,
    job: Apart<RwLock<(Job<'static>, usize)>>,
    /// Whether a helper's part panicked.
    failed: AtomicBool,
    /// Whether no run is under way, and what those sleep on who know it.
    resting: AtomicBool,
    bed: (Mutex<()>, Condvar),
    over: AtomicBool,
}

impl Crew {
    /// A core's own thread and `helpers` more, which have yet to come ([`Crew::help`]); they share the smallest work if `finely` asks for it.
    pub(crate) fn new(helpers: usize, finely: bool) -> Crew {
        Crew {
            helpers: helpers.min(MOST),
            finely,
            gate: Apart(AtomicUsize::new(0)),
            next: (0..=helpers.min(MOST)).map(|_| Apart(AtomicUsize::new(0))).collect(),
            job: Apart(RwLock::new((&|_, _| (), 0))),
            failed: AtomicBool::new(false),
            resting: AtomicBool::new(true),
            bed: (Mutex::new(()), Condvar::new()),
            over: AtomicBool::new(false),
        }
    }

    /// Threads, the core's own among them.
    pub(crate) fn threads(&self) -> usize {
        self.helpers + 1
    }

    /// How many of `all` equal pieces of work make a part, if fewer than `least` are not worth a thread.
    pub(crate) fn part(&self, all: usize, least: usize) -> usize {
        match (self.helpers, self.finely) {
            (0, _) => all.max(1),
            (_, true) => 1,
            _ => all.div_ceil(PARTS * self.threads()).max(least).max(1),
        }
    }

    /// Whether so many rows, each with the same work, are worth to be divided among the threads, a stretch for each.
    pub(crate) fn by_rows(&self, rows: usize) -> bool {
        match (self.helpers, self.finely) {
            (0, _) => false,
            // Tests want both ways.
            (_, true) => rows.is_multiple_of(2),
            _ => rows >= ROWS * self.threads(),
        }
    }

    /// Into how many slices a thread's work of so many products is cut, so that others may take over the last of them.
    pub(crate) fn slices(&self, products: usize) -> usize {
        if self.finely { SLICES } else { (products / SLICE).clamp(1, SLICES) }
    }

    /// Calls `f(part, thread)` once for each of `parts` parts, on any threads and in any order; only the core's own thread may ask.
    pub(crate) fn share(&self, parts: usize, f: Job<'_>) {
        if self.helpers == 0 || parts <= 1 {
            return (0..parts).for_each(|part| f(part, 0));
        }
        // SAFETY: only the lifetime changes. Who uses the job has joined its round, and `Round` closes it and waits for all of them before `f` ends,
        // even when a part panics.
        let job: Job<'static> = unsafe { std::mem::transmute::<Job<'_>, Job<'static>>(f) };
        *self.job.0.write().unwrap_or_else(|e| e.into_inner()) = (job, parts);
        for (thread, next) in self.next.iter().enumerate() {
            next.0.store(self.own(thread, parts).start, Ordering::Relaxed);
        }
        let before = self.gate.0.load(Ordering::Relaxed);
        self.gate.0.store((before & !(ROUND - 1)).wrapping_add(ROUND | OPEN), Ordering::Release);
        {
            let _round = Round(self);
            self.work(0, f, parts);
        }
        assert!(!self.failed.load(Ordering::Relaxed), "a helper's part of an instruction panicked");
    }

    /// The parts that a thread takes first: the same rows from instruction to instruction, which its caches then hold.
    fn own(&self, thread: usize, parts: usize) -> Range<usize> {
        thread * parts / self.threads()..(thread + 1) * parts / self.threads()
    }

    /// Takes parts until none is left: its own, then those of threads that are late.
    fn work(&self, thread: usize, f: Job<'_>, parts: usize) {
        for owner in (thread..self.threads()).chain(0..thread) {
            let end = self.own(owner, parts).end;
            loop {
                let part = self.next[owner].0.fetch_add(1, Ordering::Relaxed);
                if part >= end {
                    break;
                }
                f(part, thread);
            }
        }
    }

    /// What helper `thread` does until it is sent away.
    fn help(&self, thread: usize) {
        let (mut seen, mut spins) = (0, 0);
        while !self.over.load(Ordering::Relaxed) {
            let gate = self.gate.0.load(Ordering::Acquire);
            let fresh = gate & OPEN != 0 && gate / ROUND != seen;
            if !fresh || self.gate.0.compare_exchange(gate, gate + JOINED, Ordering::AcqRel, Ordering::Relaxed).is_err()
            {
                pause(&mut spins);
                if spins > AWAKE && self.resting.load(Ordering::Relaxed) {
                    self.sleep();
                    spins = 0;
                }
                continue;
            }
            let _joined = Joined(self);
            (seen, spins) = (gate / ROUND, 0);
            let (job, parts) = *self.job.0.read().unwrap_or_else(|e| e.into_inner());
            if catch_unwind(AssertUnwindSafe(|| self.work(thread, job, parts))).is_err() {
                self.failed.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Sleeps until a run begins or the crew is over.
    fn sleep(&self) {
        let asleep = self.bed.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rests = |_: &mut ()| self.resting.load(Ordering::Relaxed) && !self.over.load(Ordering::Relaxed);
        drop(self.bed.1.wait_while(asleep, rests));
    }

    /// Says that a run has begun, or that all is over: nobody sleeps on.
    fn wake(&self, flag: &AtomicBool, value: bool) {
        let _bed = self.bed.0.lock().unwrap_or_else(PoisonError::into_inner);
        flag.store(value, Ordering::Relaxed);
        self.bed.1.notify_all();
    }

    /// Until what is returned goes, helpers are awake.
    pub(crate) fn led(&self) -> Led<'_> {
        self.wake(&self.resting, false);
        Led(self)
    }
}

/// A crew with a run under way; see [`Crew::led`].
pub(crate) struct Led<'a>(&'a Crew);

impl Drop for Led<'_> {
    fn drop(&mut self) {
        self.0.resting.store(true, Ordering::Relaxed);
    }
}

/// A crew with its helpers' threads, which end with it.
pub(crate) struct Staff {
    pub(crate) crew: Arc<Crew>,
    threads: Vec<JoinHandle<()>>,
}

impl Staff {
    /// A crew of a core's own thread and `helpers` more, which share the smallest work if `finely` asks for it.
    pub(crate) fn new(helpers: usize, finely: bool) -> Staff {
        let crew = Arc::new(Crew::new(helpers, finely));
        let hired = |thread| {
            let crew = Arc::clone(&crew);
            std::thread::spawn(move || crew.help(thread))
        };
        Staff { threads: (1..=crew.helpers).map(hired).collect(), crew }
    }
}

impl Drop for Staff {
    fn drop(&mut self) {
        self.crew.wake(&self.crew.over, true);
        // A helper catches the panics of its work.
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// An open job, which ends when all who joined have left.
struct Round<'a>(&'a Crew);

impl Drop for Round<'_> {
    fn drop(&mut self) {
        self.0.gate.0.fetch_and(!OPEN, Ordering::AcqRel);
        let mut spins = 0;
        while self.0.gate.0.load(Ordering::Acquire) & (ROUND - 1) != 0 {
            pause(&mut spins);
        }
    }
}

/// A helper at work.
struct Joined<'a>(&'a Crew);

impl Drop for Joined<'_> {
    fn drop(&mut self) {
        self.0.gate.0.fetch_sub(JOINED, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    /// What `leader` does with a crew whose helpers are there, or come at any time.
    fn with_helpers<T>(helpers: usize, leader: impl FnOnce(&Crew) -> T) -> T {
        let staff = Staff::new(helpers, false);
        let _led = staff.crew.led();
        leader(&staff.crew)
    }

    #[test]
    fn every_part_is_done_once_before_the_job_ends() {
        for helpers in 0..5 {
            with_helpers(helpers, |crew| {
                for job in 0..2000 {
                    let done: Vec<AtomicU32> = (0..job % 40).map(|_| AtomicU32::new(0)).collect();
                    crew.share(done.len(), &|part, thread| {
                        assert!(thread <= helpers);
                        done[part].fetch_add(1, Ordering::Relaxed);
                    });
                    assert!(done.into_iter().all(|count| count.into_inner() == 1), "job {job}, {helpers} helpers");
                }
            });
        }
    }

    #[test]
    fn helpers_take_parts() {
        let waits = AtomicUsize::new(0);
        with_helpers(1, |crew| {
            crew.share(2, &|_, _| {
                // Each part waits for the other: one thread alone would never end.
                waits.fetch_add(1, Ordering::AcqRel);
                let mut spins = 0;
                while waits.load(Ordering::Acquire) < 2 {
                    pause(&mut spins);
                }
            });
        });
        assert_eq!(waits.into_inner(), 2);
    }

    #[test]
    fn helpers_that_slept_between_runs_take_parts() {
        let staff = Staff::new(1, false);
        for _ in 0..3 {
            std::thread::sleep(std::time::Duration::from_millis(20));
            let (_led, waits) = (staff.crew.led(), AtomicUsize::new(0));
            staff.crew.share(2, &|_, _| {
                waits.fetch_add(1, Ordering::AcqRel);
                let mut spins = 0;
                while waits.load(Ordering::Acquire) < 2 {
                    pause(&mut spins);
                }
            });
        }
    }

    #[test]
    fn helpers_that_never_come_are_not_missed() {
        let done = AtomicUsize::new(0);
        Crew::new(3, false).share(10, &|_, _| {
            done.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(done.into_inner(), 10);
    }

    #[test]
    fn a_part_that_panics_leaves_nobody_waiting() {
        let panics = || {
            with_helpers(2, |crew| crew.share(9, &|part, _| assert!(part != 4, "the part that panics")));
        };
        assert!(std::panic::catch_unwind(panics).is_err());
    }
}
