//! Who may start.

use super::entry::Phase;
use super::{Copy, CopyDirection, Scheduler, StepPlan};
use base::units::Seconds;

/// What a waiting request would get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grant {
    /// Leading blocks that are in the cache already.
    shared: u32,
    /// Tokens that need no computing: shared, swapped out, or delivered.
    start: u32,
    /// New tokens of the first step.
    new: u32,
}

impl Scheduler {
    /// Preempts less urgent requests while the first that waits is more urgent and has no room.
    pub(super) fn make_way(&mut self, plan: &mut StepPlan) {
        while let (Some((_, head)), Some(last)) = (self.waiting.first_key_value(), self.running.last()) {
            let (head, last) = (*head, *last);
            if !self.outranks(head, last) || self.has_room(head, plan.budget) {
                return;
            }
            self.preempt_last(plan);
        }
    }

    /// Whether a request may take another's place: it is more urgent, and not only younger and as urgent.
    fn outranks(&self, one: u32, other: u32) -> bool {
        let (one, other) = (self.entry(one), self.entry(other));
        one.request.priority < other.request.priority && one.turn < other.turn
    }

    fn has_room(&mut self, handle: u32, budget: u32) -> bool {
        (self.running.len() as u32) < self.limits.max_batch && self.grant(handle, budget).is_some()
    }

    /// Whether the first that waits could start beside `running` tokens; if not, it cannot until somebody ends, either.
    pub(super) fn is_blocked(&mut self, running: u32) -> bool {
        let Some((_, head)) = self.waiting.first_key_value() else { return true };
        let (head, left) = (*head, self.limits.token_budget.saturating_sub(running));
        let outranks = self.running.last().is_some_and(|last| self.outranks(head, *last));
        !outranks && (left == 0 || !self.has_room(head, left))
    }

    /// Starts those whose turn it is.
    pub(super) fn admit(&mut self, plan: &mut StepPlan, now: Seconds) {
        while plan.budget > 0 && (self.running.len() as u32) < self.limits.max_batch {
            let Some((_, handle)) = self.waiting.first_key_value() else { return };
            let handle = *handle;
            let Some(grant) = self.grant(handle, plan.budget) else { return };
            self.waiting.pop_first();
            self.start(handle, grant, plan, now);
        }
    }

    /// What a waiting request can get within the budget, or nothing if its known tokens do not fit into the free blocks.
    ///
    /// Room is asked for all of its known tokens even if only a chunk is computed: a prompt that begins and cannot end would be preempted.
    fn grant(&mut self, handle: u32, budget: u32) -> Option<Grant> {
        let (limits, pool) = (&self.limits, &self.pool);
        let entry = self.entries[handle as usize].as_mut().expect("it waits");
        let total = entry.known() + entry.pending;
        if entry.wanted(limits.draft, budget).0 == 0 {
            return None;
        }
        let fresh = entry.preemptions == 0 && entry.request.delivered > 0;
        let (shared, start, revived) = if entry.swapped > 0 {
            (0, entry.computed, 0)
        } else if fresh {
            (0, entry.request.delivered.min(total - 1), 0)
        } else if limits.prefix_reuse {
            entry.extend_names(limits);
            // The last token is always computed: its logits are wanted.
            let most = (entry.known() - 1) / limits.block;
            let names = entry.chain.names();
            let (shared, revived) = pool.known(&names[..names.len().min(most as usize)]);
            (shared, shared * limits.block, revived)
        } else {
            (0, 0, 0)
        };
        let needed = total.div_ceil(limits.block) - shared;
        (needed + revived <= pool.free()).then_some(Grant { shared, start, new: (total - start).min(budget) })
    }

    fn start(&mut self, handle: u32, grant: Grant, plan: &mut StepPlan, now: Seconds) {
        let (limits, pool) = (&self.limits, &mut self.pool);
        let entry = self.entries[handle as usize].as_mut().expect("it waits");
        let names = &entry.chain.names()[..grant.shared as usize];
        entry.table.extend(names.iter().filter_map(|name| pool.share(*name)));
        let blocks = (grant.start + grant.new).div_ceil(limits.block) - grant.shared;
        entry.table.extend((0..blocks).filter_map(|_| pool.allocate()));
        entry.computed = grant.start;
        entry.named = grant.shared;
        entry.phase = Phase::Running;
        if entry.swapped > 0 {
            self.host_free += std::mem::take(&mut entry.swapped);
            let back = grant.start.div_ceil(limits.block) as usize;
            plan.copies.push(Copy::new(entry.request.id, CopyDirection::ToDevice, &entry.table[..back]));
        }
        if entry.started.is_none() {
            entry.started = Some(now);
            entry.reused = grant.shared * limits.block;
            self.counters.prompt_tokens += u64::from(entry.prompt);
            self.counters.reused_tokens += u64::from(entry.reused);
        }
        let turn = entry.turn;
        let at = self.running.partition_point(|other| self.entry(*other).turn < turn);
        self.running.insert(at, handle);
        self.issue(handle, grant.new, 0, plan);
    }
}
