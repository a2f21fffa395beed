//! What goes out to a device for a step, and what comes back.

use crate::pool::BlockId;
use crate::request::RequestId;
use base::units::Seconds;

/// A request's part of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Which request.
    pub request: RequestId,
    /// Its handle: a small number, the same in every plan.
    pub handle: u32,
    pub(super) serial: u64,
    /// New tokens that go through the network, drafts included: positions `context .. context + new`.
    pub new: u32,
    /// Tokens before them, whose keys and values are in the cache.
    pub context: u32,
    /// How many of the new tokens are drafts to be checked.
    pub drafts: u32,
    /// Whether the step generates a token of this request: it does unless more of the prompt is to come.
    pub samples: bool,
}

/// Which way blocks are copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyDirection {
    /// From the device to the host's memory, before the step.
    ToHost,
    /// Back to the device, before the step.
    ToDevice,
}

/// Blocks of a preempted request on their way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Whose.
    pub request: RequestId,
    /// Which way.
    pub direction: CopyDirection,
    /// The device's blocks, in the order of the request's tokens.
    pub blocks: Vec<BlockId>,
}

impl Copy {
    pub(super) fn new(request: RequestId, direction: CopyDirection, blocks: &[BlockId]) -> Copy {
        Copy { request, direction, blocks: blocks.to_vec() }
    }
}

/// A step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepPlan {
    /// Who takes part.
    pub items: Vec<Item>,
    /// Blocks to copy before the step, in this order.
    pub copies: Vec<Copy>,
    /// New tokens that the step could still have taken.
    pub budget: u32,
}

impl StepPlan {
    pub(super) fn new(budget: u32) -> StepPlan {
        StepPlan { items: Vec::new(), copies: Vec::new(), budget }
    }

    /// Whether there is nothing to compute.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// New tokens of all items.
    pub fn tokens(&self) -> u32 {
        self.items.iter().map(|item| item.new).sum()
    }
}

/// What an item's step gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Tokens generated: one, plus the drafts that were right. Ignored if the item does not sample.
    pub generated: u32,
    /// Which they are, for a request of real tokens.
    pub tokens: Vec<u32>,
    /// Whether the last of them ends the text.
    pub stop: bool,
}

impl Outcome {
    /// So many tokens of which only the number is known.
    pub fn count(generated: u32) -> Outcome {
        Outcome { generated, ..Outcome::default() }
    }
}

/// A request that reached its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finished {
    /// Which.
    pub request: RequestId,
    /// Its handle, free for others from now on unless the request is kept.
    pub handle: u32,
    /// Tokens of its prompt.
    pub prompt: u32,
    /// Tokens generated.
    pub generated: u32,
    /// Tokens of the prompt that were found in the cache.
    pub reused: u32,
    /// How often it had to give up its blocks.
    pub preemptions: u32,
    /// When it was first part of a plan.
    pub started: Seconds,
}
