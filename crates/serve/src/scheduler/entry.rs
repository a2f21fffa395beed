//! A request inside the scheduler.

use super::{Finished, Limits};
use crate::chain::Chain;
use crate::pool::BlockId;
use crate::request::Request;
use base::units::Seconds;
use std::cmp::Ordering;

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It has no blocks on the device.
    Waiting,
    /// It has blocks, and a place in each step.
    Running,
    /// It is finished; its blocks are kept for somebody who reads them.
    Held,
}

/// When it is a request's turn: earlier ones go first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    at: f64,
    id: u64,
}

impl Turn {
    pub(super) fn of(request: &Request, patience: Seconds) -> Turn {
        Turn { at: request.arrival.0 + f64::from(request.priority.0) * patience.0, id: request.id.0 }
    }
}

impl Ord for Turn {
    fn cmp(&self, other: &Turn) -> Ordering {
        self.at.total_cmp(&other.at).then(self.id.cmp(&other.id))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Turn) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Turn) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Turn {}

/// All that the scheduler knows of a request.
///
/// Of its `known() + pending` tokens, keys and values of the first `computed` are in the cache or planned to be. `pending` are the tokens that plans
/// under way will generate.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) request: Request,
    pub(super) turn: Turn,
    /// Different for every submission: a plan under way may outlive its request.
    pub(super) serial: u64,
    pub(super) phase: Phase,
    pub(super) prompt: u32,
    pub(super) generated: u32,
    pub(super) pending: u32,
    pub(super) computed: u32,
    pub(super) table: Vec<BlockId>,
    pub(super) chain: Chain,
    /// Leading blocks of the table that were named.
    pub(super) named: u32,
    /// Blocks in the host's memory.
    pub(super) swapped: u32,
    pub(super) preemptions: u32,
    /// Tokens found in the cache at the first admission.
    pub(super) reused: u32,
    /// When it was first in a plan.
    pub(super) started: Option<Seconds>,
}

impl Entry {
    pub(super) fn new(request: Request, turn: Turn, serial: u64) -> Entry {
        Entry {
            prompt: request.content.tokens(),
            request,
            turn,
            serial,
            phase: Phase::Waiting,
            generated: 0,
            pending: 0,
            computed: 0,
            table: Vec::new(),
            chain: Chain::default(),
            named: 0,
            swapped: 0,
            preemptions: 0,
            reused: 0,
            started: None,
        }
    }

    /// Tokens whose values are known: prompt and what was generated.
    pub(super) fn known(&self) -> u32 {
        self.prompt + self.generated
    }

    /// Tokens that it can use in the next step, and how many of them are drafts; nothing if its last token is under way already.
    pub(super) fn wanted(&self, draft: u32, budget: u32) -> (u32, u32) {
        if self.generated + self.pending >= self.request.max_output || (draft > 0 && self.pending > 0) {
            return (0, 0);
        }
        let new = self.known() + self.pending - self.computed;
        if draft == 0 || new > 1 || self.generated == 0 {
            return (new.min(budget), 0);
        }
        let drafts = draft.min(budget - 1).min(self.request.max_output - self.generated - 1);
        (1 + drafts, drafts)
    }

    /// Names of all blocks that are full of known tokens.
    pub(super) fn extend_names(&mut self, limits: &Limits) {
        let (known, request) = (self.prompt + self.generated, &self.request);
        self.chain.extend(limits.key, request.id, &request.content, known, limits.block);
    }

    pub(super) fn finished(&self, handle: u32) -> Finished {
        Finished {
            request: self.request.id,
            handle,
            prompt: self.prompt,
            generated: self.generated,
            reused: self.reused,
            preemptions: self.preemptions,
            started: self.started.unwrap_or(self.request.arrival),
        }
    }
}
