//! What runs in the next step.
//!
//! One [`Scheduler`] serves one replica. A step is a batch of [`Item`]s: for each, how many new tokens of which request go through the network. Prompts
//! are cut into chunks that fit the step's budget beside the tokens of those that generate (Agrawal et al., "Sarathi-Serve", OSDI 2024); the cache is
//! paged (Kwon et al., "PagedAttention", SOSP 2023).
//!
//! Each call of [`Scheduler::schedule`]
//! 1. **makes way**: if the first of those that wait is more urgent than the last of those that run and there is no room, the last is preempted;
//! 2. **continues** those that run, in their order; one that finds no free block preempts the last of all, itself if need be;
//! 3. **admits** from the waiting in their order, unless step 2 had to preempt; the first that does not fit ends it, so that no long prompt starves.
//!
//! The order is a request's *turn*: its arrival, plus [`Limits::patience`] for each level of priority. It never changes, so the request with the
//! earliest turn always proceeds and everybody's turn comes.
//!
//! Up to [`Limits::in_flight`] plans may be under way at once: the host then prepares a step while the device computes the one before, and a request's
//! next token is planned before its last is known. The device must execute plans in order. A request that ends by surprise wastes its place in those plans.

mod admission;
mod entry;
mod leap;
mod plan;
#[cfg(test)]
mod tests;

pub use plan::{Copy, CopyDirection, Finished, Item, Outcome, StepPlan};

use crate::pool::{BlockId, Pool};
use crate::request::{Content, Refusal, Request, RequestId};
use base::units::Seconds;
use entry::{Entry, Phase, Turn};
use std::collections::{BTreeMap, HashMap};

/// What a scheduler may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// New tokens of one step, all requests together.
    pub token_budget: u32,
    /// Requests that run at the same time.
    pub max_batch: u32,
    /// Tokens of a cache block.
    pub block: u32,
    /// Blocks of the cache.
    pub blocks: u32,
    /// Whether blocks are found again by their content.
    pub prefix_reuse: bool,
    /// Blocks that the host's memory holds for preempted requests; a request that finds none there is computed again.
    pub host_blocks: u32,
    /// Plans under way at once: 1, or 2 if the host prepares the next step meanwhile.
    pub in_flight: u32,
    /// Tokens drafted ahead for each request that generates (0: none). Such a request is in one plan at a time.
    pub draft: u32,
    /// Only every so-manieth step begins requests (1: each): prompts that would each make all groups of data parallelism wait are read together. A
    /// replica without work begins at once.
    pub every: u32,
    /// How much longer a request waits for each level that others are more urgent.
    pub patience: Seconds,
    /// Key of the names of blocks: what a server keeps secret.
    pub key: u64,
}

impl Default for Limits {
    /// Budget, batch and block are what vLLM 0.9 and later start with on a device of less than 70 GiB when it serves.
    fn default() -> Limits {
        Limits {
            token_budget: 2048,
            max_batch: 256,
            block: 16,
            blocks: 0,
            prefix_reuse: true,
            host_blocks: 0,
            in_flight: 2,
            draft: 0,
            every: 1,
            patience: Seconds(60.0),
            key: 0,
        }
    }
}

/// What a scheduler did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Times that a request had to give up its blocks.
    pub preemptions: u64,
    /// Tokens of prompts when they were first admitted.
    pub prompt_tokens: u64,
    /// Of those, tokens found in the cache.
    pub reused_tokens: u64,
    /// New tokens planned, drafts included.
    pub planned_tokens: u64,
    /// Tokens generated.
    pub generated_tokens: u64,
    /// Drafted tokens that were checked, and those that were right.
    pub drafted: u64,
    /// See `drafted`.
    pub accepted: u64,
}

/// How busy a scheduler is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests that run.
    pub running: u32,
    /// Requests that wait.
    pub waiting: u32,
    /// Blocks that are held.
    pub held: u32,
}

/// Batches the requests of one replica.
#[derive(Clone, Debug)]
pub struct Scheduler {
    limits: Limits,
    pool: Pool,
    entries: Vec<Option<Entry>>,
    unused: Vec<u32>,
    by_id: HashMap<RequestId, u32>,
    /// Those that hold blocks, by turn.
    running: Vec<u32>,
    waiting: BTreeMap<Turn, u32>,
    host_free: u32,
    in_flight: u32,
    serial: u64,
    /// Plans made.
    made: u64,
    counters: Counters,
}

impl Scheduler {
    /// Nobody is served yet.
    pub fn new(limits: Limits) -> Scheduler {
        Scheduler {
            pool: Pool::new(limits.blocks),
            host_free: limits.host_blocks,
            limits,
            entries: Vec::new(),
            unused: Vec::new(),
            by_id: HashMap::new(),
            running: Vec::new(),
            waiting: BTreeMap::new(),
            in_flight: 0,
            serial: 0,
            made: 0,
            counters: Counters::default(),
        }
    }

    /// Takes a request; it waits until a step has room. The handle names it in plans until it is finished (and released, if it is kept).
    ///
    /// # Errors
    /// An empty request, one that could never fit, or a name that is taken.
    pub fn submit(&mut self, request: Request) -> Result<u32, Refusal> {
        self.acceptable(&request)?;
        self.serial += 1;
        let (id, turn) = (request.id, Turn::of(&request, self.limits.patience));
        let entry = Entry::new(request, turn, self.serial);
        let handle = self.unused.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.entries.len() as u32 - 1
        });
        self.entries[handle as usize] = Some(entry);
        self.by_id.insert(id, handle);
        self.waiting.insert(turn, handle);
        Ok(handle)
    }

    fn acceptable(&self, request: &Request) -> Result<(), Refusal> {
        let (id, prompt) = (request.id, u64::from(request.content.tokens()));
        if prompt == 0 {
            return Err(Refusal::Empty(id));
        }
        if request.max_output == 0 {
            return Err(Refusal::NoOutput(id));
        }
        // The last token is never written to the cache.
        let tokens = prompt + u64::from(request.max_output) - 1;
        let needed = tokens.div_ceil(self.limits.block.into());
        if needed > self.limits.blocks.into() {
            let most = u64::from(self.limits.blocks) * u64::from(self.limits.block);
            return Err(Refusal::TooLong { id, tokens, needed, blocks: self.limits.blocks, most });
        }
        if self.by_id.contains_key(&id) {
            return Err(Refusal::Duplicate(id));
        }
        Ok(())
    }

    /// Plans the next step. An empty plan is none: it is neither executed nor completed.
    ///
    /// # Panics
    /// If as many plans are under way as the limits permit.
    pub fn schedule(&mut self, now: Seconds) -> StepPlan {
        assert!(self.in_flight < self.limits.in_flight, "complete a plan before the next");
        let mut plan = StepPlan::new(self.limits.token_budget);
        let begins = self.running.is_empty() || self.before_begin() == 0;
        if begins {
            self.make_way(&mut plan);
        }
        if !self.proceed(&mut plan) && begins {
            self.admit(&mut plan, now);
        }
        if !plan.items.is_empty() {
            self.in_flight += 1;
            self.made += 1;
        }
        plan
    }

    /// Plans that are made before one that may begin requests.
    fn before_begin(&self) -> u32 {
        let every = u64::from(self.limits.every.max(1));
        (self.made.next_multiple_of(every) - self.made) as u32
    }

    /// Continues those that run. True if somebody had to be preempted.
    fn proceed(&mut self, plan: &mut StepPlan) -> bool {
        let (mut at, mut preempted) = (0, false);
        while at < self.running.len() && plan.budget > 0 {
            let handle = self.running[at];
            let (new, drafts) = self.entry(handle).wanted(self.limits.draft, plan.budget);
            if new == 0 {
                at += 1;
                continue;
            }
            while !self.grow(handle, new) {
                preempted = true;
                if self.preempt_last(plan) == handle {
                    return true;
                }
            }
            self.issue(handle, new, drafts, plan);
            at += 1;
        }
        preempted
    }

    /// Blocks for `new` more tokens of a request that runs, or nothing at all.
    fn grow(&mut self, handle: u32, new: u32) -> bool {
        let (pool, block) = (&mut self.pool, self.limits.block);
        let entry = self.entries[handle as usize].as_mut().expect("it runs");
        let missing = (entry.computed + new).div_ceil(block).saturating_sub(entry.table.len() as u32);
        if missing > pool.free() {
            return false;
        }
        entry.table.extend((0..missing).filter_map(|_| pool.allocate()));
        true
    }

    /// Puts `new` tokens of a request, whose blocks are there, into the plan.
    fn issue(&mut self, handle: u32, new: u32, drafts: u32, plan: &mut StepPlan) {
        let entry = self.entry_mut(handle);
        let context = entry.computed;
        entry.computed += new;
        let samples = entry.computed - drafts == entry.known() + entry.pending;
        entry.pending += u32::from(samples);
        let (request, serial) = (entry.request.id, entry.serial);
        plan.items.push(Item { request, handle, serial, new, context, drafts, samples });
        plan.budget -= new;
        self.counters.planned_tokens += u64::from(new);
        self.name_full_blocks(handle);
    }

    /// Names the blocks that are full of known tokens.
    fn name_full_blocks(&mut self, handle: u32) {
        if !self.limits.prefix_reuse {
            return;
        }
        let (pool, limits) = (&mut self.pool, &self.limits);
        let Some(entry) = self.entries[handle as usize].as_mut() else { return };
        // A draft may be wrong: only what is known counts.
        let full = entry.known().min(entry.computed) / limits.block;
        if entry.named >= full || entry.table.is_empty() {
            return;
        }
        entry.extend_names(limits);
        for at in entry.named..full {
            pool.register(entry.table[at as usize], entry.chain.names()[at as usize]);
        }
        entry.named = full;
    }

    /// Takes the last of those that run off the device; gives its handle.
    fn preempt_last(&mut self, plan: &mut StepPlan) -> u32 {
        let handle = self.running.pop().expect("somebody runs");
        let entry = self.entries[handle as usize].as_mut().expect("it runs");
        let blocks = entry.table.len() as u32;
        if blocks <= self.host_free {
            self.host_free -= blocks;
            entry.swapped = blocks;
            plan.copies.push(Copy::new(entry.request.id, CopyDirection::ToHost, &entry.table));
        } else {
            entry.computed = 0;
        }
        entry.named = 0;
        entry.phase = Phase::Waiting;
        entry.preemptions += 1;
        self.counters.preemptions += 1;
        self.pool.release(&entry.table);
        entry.table.clear();
        self.waiting.insert(entry.turn, handle);
        handle
    }

    /// Takes note of what became of the oldest plan under way, and appends the requests that ended to `finished`.
    ///
    /// # Panics
    /// If there is not one outcome per item, or real tokens are not given for a request of real tokens.
    pub fn complete(&mut self, plan: &StepPlan, outcomes: &[Outcome], finished: &mut Vec<Finished>) {
        assert_eq!(plan.items.len(), outcomes.len(), "one outcome per item");
        assert!(self.in_flight > 0, "no plan is under way");
        self.in_flight -= 1;
        for (item, outcome) in plan.items.iter().zip(outcomes) {
            let alive = self.entries[item.handle as usize].as_ref().is_some_and(|entry| entry.serial == item.serial);
            if alive && item.samples && self.take_outcome(item, outcome) {
                finished.push(self.finish(item.handle));
            }
        }
    }

    /// True if the request is at its end.
    fn take_outcome(&mut self, item: &Item, outcome: &Outcome) -> bool {
        assert!((1..=1 + item.drafts).contains(&outcome.generated), "one token, and at most all drafts");
        let entry = self.entries[item.handle as usize].as_mut().expect("it is alive");
        if entry.phase == Phase::Held {
            return false;
        }
        let accepted = outcome.generated.min(entry.request.max_output - entry.generated);
        entry.pending -= 1;
        entry.generated += accepted;
        entry.computed = entry.computed.saturating_sub(1 + item.drafts - outcome.generated);
        if let Content::Tokens(tokens) = &mut entry.request.content {
            assert_eq!(outcome.tokens.len(), outcome.generated as usize, "the tokens that were generated");
            tokens.extend_from_slice(&outcome.tokens[..accepted as usize]);
        }
        let ended = outcome.stop || entry.generated >= entry.request.max_output;
        self.counters.generated_tokens += u64::from(accepted);
        self.counters.drafted += u64::from(item.drafts);
        self.counters.accepted += u64::from(outcome.generated - 1);
        self.name_full_blocks(item.handle);
        ended
    }

    /// The end of a request: its blocks are free, or kept until they are released.
    fn finish(&mut self, handle: u32) -> Finished {
        self.dequeue(handle);
        let entry = self.entry_mut(handle);
        let finished = entry.finished(handle);
        entry.phase = Phase::Held;
        if !entry.request.keep {
            self.release(handle);
        }
        finished
    }

    /// Out of whichever queue it is in.
    fn dequeue(&mut self, handle: u32) {
        let (phase, turn) = (self.entry(handle).phase, self.entry(handle).turn);
        match phase {
            Phase::Running => {
                let at = self.running.partition_point(|other| self.entry(*other).turn < turn);
                self.running.remove(at);
            }
            Phase::Waiting => {
                self.waiting.remove(&turn);
            }
            Phase::Held => {}
        }
    }

    /// Gives back the blocks of a finished request that was kept.
    ///
    /// # Panics
    /// If there is no such request, or it is not finished.
    pub fn release(&mut self, handle: u32) {
        let entry = self.entries[handle as usize].take().expect("a request");
        assert_eq!(entry.phase, Phase::Held, "only what is finished is released");
        self.pool.release(&entry.table);
        self.host_free += entry.swapped;
        self.by_id.remove(&entry.request.id);
        self.unused.push(handle);
    }

    /// Ends a request that nobody waits for any more. False if there is none of this name.
    pub fn cancel(&mut self, id: RequestId) -> bool {
        let Some(handle) = self.by_id.get(&id).copied() else { return false };
        self.dequeue(handle);
        self.entry_mut(handle).phase = Phase::Held;
        self.release(handle);
        true
    }

    /// The cache blocks of an item's request, those of its new tokens included. To be read before the next plan is made.
    pub fn block_table(&self, item: &Item) -> &[BlockId] {
        &self.entry(item.handle).table
    }

    /// How busy it is.
    pub fn load(&self) -> Load {
        let (running, waiting) = (self.running.len() as u32, self.waiting.len() as u32);
        Load { running, waiting, held: self.pool.held() }
    }

    /// What it did so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Handles of those that run, in their order.
    pub(crate) fn running(&self) -> &[u32] {
        &self.running
    }

    /// What it may use.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    fn entry(&self, handle: u32) -> &Entry {
        self.entries[handle as usize].as_ref().expect("a handle of a request")
    }

    fn entry_mut(&mut self, handle: u32) -> &mut Entry {
        self.entries[handle as usize].as_mut().expect("a handle of a request")
    }
}
