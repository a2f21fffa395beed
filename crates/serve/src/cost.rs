//! What a step costs: behind a trait, so that the same traffic can meet a formula, a model of a device, or a measured table.

use crate::scheduler::StepPlan;
use base::units::{Joules, Seconds, Watts};

/// A part of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chunk {
    /// New tokens.
    pub new: u32,
    /// Tokens before them.
    pub context: u32,
}

/// What a step computes, as far as its time depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Composition {
    /// Parts of prompts.
    pub chunks: Vec<Chunk>,
    /// Requests that generate.
    pub decodes: u32,
    /// Their new tokens: one each, and drafts.
    pub decode_tokens: u32,
    /// Tokens in the cache before those, all requests together.
    pub decode_context: u64,
    /// Tokens whose logits are wanted.
    pub sampled: u32,
}

impl Composition {
    /// One new token for each of `requests`, after `context` tokens in all.
    pub fn decode(requests: u32, context: u64) -> Composition {
        let (decodes, sampled) = (requests, requests);
        Composition { decodes, decode_tokens: requests, decode_context: context, sampled, ..Composition::default() }
    }

    /// Of a plan. One token, or drafts to check, are decoding wherever they come from.
    pub fn of(plan: &StepPlan) -> Composition {
        let mut step = Composition::default();
        for item in &plan.items {
            if item.new == 1 + item.drafts {
                step.decodes += 1;
                step.decode_tokens += item.new;
                step.decode_context += u64::from(item.context);
            } else {
                step.chunks.push(Chunk { new: item.new, context: item.context });
            }
            step.sampled += if item.samples { 1 + item.drafts } else { 0 };
        }
        step
    }

    /// New tokens in all.
    pub fn tokens(&self) -> u32 {
        self.decode_tokens + self.chunks.iter().map(|chunk| chunk.new).sum::<u32>()
    }
}

/// Time and energy of a step on a replica, all its devices together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// From its start to its end on the device.
    pub time: Seconds,
    /// Above nothing: what the devices draw while it runs.
    pub energy: Joules,
}

/// Says what a step costs. The same step always costs the same.
pub trait StepCost {
    /// The cost of a step.
    fn step(&self, step: &Composition) -> Cost;

    /// What the replica's devices draw while they wait.
    fn idle(&self) -> Watts;
}

/// A cost that is a straight line in everything that is counted: the first thing that anyone fits, and a fast stand-in for tests.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Linear {
    /// Of any step: reading the weights.
    pub step: Seconds,
    /// Of a new token.
    pub token: Seconds,
    /// Of a token in the cache, for each request that reads it.
    pub context: Seconds,
    /// Power while a step runs.
    pub busy: Watts,
    /// Power otherwise.
    pub idle: Watts,
}

impl StepCost for Linear {
    fn step(&self, step: &Composition) -> Cost {
        let read: u64 = step.chunks.iter().map(|chunk| u64::from(chunk.context)).sum();
        let context = (step.decode_context + read) as f64;
        let time = self.step + self.token * f64::from(step.tokens()) + self.context * context;
        Cost { time, energy: self.busy * time }
    }

    fn idle(&self) -> Watts {
        self.idle
    }
}
