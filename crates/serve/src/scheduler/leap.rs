//! Many steps at once, when nothing but one more token for everybody happens in them.
//!
//! Between two arrivals or endings, the steps of a busy replica differ in nothing but the lengths of the sequences. A simulation may pass over such a
//! run: [`Scheduler::quiet`] says how long it is, and [`Scheduler::leap`] leaves everything as that many plain steps would have.

use super::entry::Phase;
use super::{Scheduler, StepPlan};
use crate::request::Content;

impl Scheduler {
    /// How many times in a row a plan could be made and one be completed such that each plan has exactly one token of each request that runs, nobody
    /// starts, ends or is preempted, given the plans under way.
    pub fn quiet<'a>(&mut self, mut in_flight: impl Iterator<Item = &'a StepPlan>) -> u32 {
        let running = self.running.len();
        let plain = |plan: &StepPlan| plan.items.len() == running && plan.items.iter().all(|item| item.new == 1);
        if self.limits.draft > 0 || running == 0 || running as u32 > self.limits.token_budget || !in_flight.all(plain) {
            return 0;
        }
        let mut steps = self.running.iter().map(|handle| self.steps_before_end(*handle)).min().unwrap_or(0);
        if !self.is_blocked(running as u32) {
            steps = steps.min(self.before_begin());
        }
        if steps == 0 {
            return 0;
        }
        while self.blocks_for(steps) > u64::from(self.pool.free()) {
            steps /= 2;
        }
        // The plans under way must all have given way to later ones.
        if steps < self.in_flight { 0 } else { steps }
    }

    /// Steps that a request can take without anything but a token coming of it.
    fn steps_before_end(&self, handle: u32) -> u32 {
        let (entry, in_flight) = (self.entry(handle), self.in_flight);
        let steady = entry.phase == Phase::Running
            && entry.generated > 0
            && entry.pending == in_flight
            && entry.computed + 1 == entry.known() + entry.pending
            && matches!(entry.request.content, Content::Modelled(_));
        if steady { (entry.request.max_output - entry.generated).saturating_sub(in_flight.max(1)) } else { 0 }
    }

    /// Blocks that so many steps take.
    fn blocks_for(&self, steps: u32) -> u64 {
        let missing = |handle: &u32| {
            let entry = self.entry(*handle);
            u64::from((entry.computed + steps).div_ceil(self.limits.block)).saturating_sub(entry.table.len() as u64)
        };
        self.running.iter().map(missing).sum()
    }

    /// Does what making and completing `steps` plans would have done; the plans under way become the last of them.
    ///
    /// # Panics
    /// If that is more than [`Scheduler::quiet`] allows.
    pub fn leap<'a>(&mut self, steps: u32, in_flight: impl Iterator<Item = &'a mut StepPlan>) {
        for at in 0..self.running.len() {
            let handle = self.running[at];
            assert!(steps <= self.steps_before_end(handle) && self.grow(handle, steps), "not that quiet");
            let entry = self.entry_mut(handle);
            entry.computed += steps;
            entry.generated += steps;
            self.name_full_blocks(handle);
        }
        for plan in in_flight {
            plan.items.iter_mut().for_each(|item| item.context += steps);
            plan.copies.clear();
        }
        self.made += u64::from(steps);
        let tokens = u64::from(steps) * self.running.len() as u64;
        self.counters.planned_tokens += tokens;
        self.counters.generated_tokens += tokens;
    }

    /// Sum of the tokens in the cache of those that run, the planned ones included.
    pub fn context(&self) -> u64 {
        self.running.iter().map(|handle| u64::from(self.entry(*handle).computed)).sum()
    }

    /// For each remainder `r`, how many of those that run need a new block when their next-but-`r` token comes (`r` below the block's size).
    pub fn crossings(&self, into: &mut Vec<u32>) {
        let block = self.limits.block;
        into.clear();
        into.resize(block as usize, 0);
        for handle in &self.running {
            let used = self.entry(*handle).computed % block;
            into[((block - used) % block) as usize] += 1;
        }
    }
}
