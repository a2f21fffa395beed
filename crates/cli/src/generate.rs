//! Continuing a sequence, token by token.
//!
//! A [`Speaker`] remembers which tokens are in the chip's key/value cache. A prompt that begins with them costs only what is new; any other starts a
//! sequence of its own.

use crate::args::positive;
use crate::failure::{Failure, Result};
use crate::interrupt::{self, Working};
use clap::Args;
use compiler::session::{Chunk, Logits, SequenceId, Session, Want};
use emu::Emulator;
use model::sample::Sampler;
use model::tokenizer::Tokenizer;
use serde::Serialize;
use std::time::Instant;

/// How the next token is chosen, and when to stop.
#[derive(Args)]
#[command(next_help_heading = "Answer")]
pub struct SamplingArguments {
    /// Most tokens of an answer
    #[arg(long, value_name = "N", default_value = "256", value_parser = positive)]
    pub max_tokens: usize,
    /// Divides the logits: lower is more predictable; 0 takes the most probable token
    #[arg(long, value_name = "T", default_value_t = 0.6)]
    temperature: f64,
    /// Only the most probable tokens that reach this probability together
    #[arg(long, value_name = "P", default_value_t = 0.9)]
    top_p: f64,
    /// Only so many of the most probable tokens; 0: all
    #[arg(long, value_name = "K", default_value_t = 0)]
    top_k: usize,
    /// Only tokens at least this fraction as probable as the most probable
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    min_p: f64,
    /// Makes tokens that occurred less probable; 1: no penalty
    #[arg(long, value_name = "X", default_value_t = 1.1)]
    repeat_penalty: f64,
    /// Chooses among the random sequences: the same seed gives the same text, on every machine
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// The most probable token always, whatever the other options say
    #[arg(long)]
    greedy: bool,
    /// Prompt tokens per step of the chip [default: as many as fit]
    #[arg(long, value_name = "N", value_parser = positive)]
    step: Option<usize>,
}

impl SamplingArguments {
    /// The sampler.
    pub fn sampler(&self) -> Result<Sampler> {
        if self.greedy {
            return Ok(Sampler::greedy());
        }
        let SamplingArguments { temperature, top_p, top_k, min_p, repeat_penalty, seed, .. } = *self;
        let sampler = Sampler { temperature, top_k, top_p, min_p, repeat_penalty, seed };
        sampler.check()?;
        Ok(sampler)
    }
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The model said so.
    Model,
    /// `--max-tokens`.
    MaxTokens,
    /// The context is full.
    Context,
    /// Ctrl-C.
    Interrupted,
}

/// An answer and what it took.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The text.
    pub text: String,
    /// Its tokens, without the one that ended it.
    pub tokens: Vec<u32>,
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Of which were in the cache already.
    pub reused: usize,
    /// Seconds until the prompt's logits were there.
    pub prefill_seconds: f64,
    /// Steps of one token after that.
    pub steps: usize,
    /// Seconds they took, choosing and printing tokens included.
    pub decode_seconds: f64,
    /// Why it ended.
    pub end: End,
}

/// One sequence of a session.
pub struct Speaker<'a> {
    session: &'a mut Session<Emulator>,
    tokenizer: &'a Tokenizer,
    sampler: Sampler,
    sequence: SequenceId,
    cached: Vec<u32>,
    context: usize,
    step: usize,
}

impl<'a> Speaker<'a> {
    /// A speaker that has said nothing.
    pub fn new(
        session: &'a mut Session<Emulator>,
        tokenizer: &'a Tokenizer,
        sampling: &SamplingArguments,
        context: usize,
    ) -> Result<Speaker<'a>> {
        let most = session.step_tokens();
        let step = sampling.step.unwrap_or(most).min(most);
        let sequence = session.open();
        Ok(Speaker { session, tokenizer, sampler: sampling.sampler()?, sequence, cached: Vec::new(), context, step })
    }

    /// The session.
    pub fn session(&self) -> &Session<Emulator> {
        self.session
    }

    /// Continues `prompt` by at most `most` tokens; `hear` gets the text as it comes.
    pub fn say(&mut self, prompt: &[u32], most: usize, hear: &mut dyn FnMut(&str) -> Result) -> Result<Answer> {
        self.check(prompt)?;
        let _working = Working::begin();
        let reused = self.reuse(prompt);
        let start = Instant::now();
        let logits = self.feed(&prompt[reused..])?;
        let mut answer = Answer {
            text: String::new(),
            tokens: Vec::new(),
            prompt: prompt.len(),
            reused,
            prefill_seconds: start.elapsed().as_secs_f64(),
            steps: 0,
            decode_seconds: 0.0,
            end: End::Interrupted,
        };
        if let Some(logits) = logits {
            let start = Instant::now();
            self.continue_from(logits, most, &mut answer, hear)?;
            answer.decode_seconds = start.elapsed().as_secs_f64();
        }
        Ok(answer)
    }

    fn check(&self, prompt: &[u32]) -> Result {
        match prompt.len() {
            0 => Err(Failure::new("the prompt is empty: give at least one token")),
            tokens if tokens > self.context => Err(Failure::new(format!(
                "the prompt has {tokens} tokens and the context holds {}: a longer --context or a shorter prompt would do",
                self.context
            ))),
            _ => Ok(()),
        }
    }

    /// Tokens of the prompt that need not be computed again.
    fn reuse(&mut self, prompt: &[u32]) -> usize {
        // The last token must be fed in any case: its logits are wanted.
        if prompt.len() > self.cached.len() && prompt.starts_with(&self.cached) {
            return self.cached.len();
        }
        self.session.close(self.sequence);
        self.sequence = self.session.open();
        self.cached.clear();
        0
    }

    /// Feeds tokens in steps; the logits after the last, or nothing if an interrupt came between.
    fn feed(&mut self, tokens: &[u32]) -> Result<Option<Logits>> {
        let mut logits = None;
        let count = tokens.len().div_ceil(self.step);
        for (index, tokens) in tokens.chunks(self.step).enumerate() {
            if interrupt::requested() {
                return Ok(None);
            }
            let want = if index + 1 == count { Want::Last } else { Want::Nothing };
            logits = Some(self.session.step(&[Chunk { sequence: self.sequence, tokens, want }])?);
            self.cached.extend(tokens);
        }
        Ok(logits)
    }

    fn continue_from(
        &mut self,
        mut logits: Logits,
        most: usize,
        answer: &mut Answer,
        hear: &mut dyn FnMut(&str) -> Result,
    ) -> Result {
        let tokenizer = self.tokenizer;
        let mut decoder = tokenizer.decoder(false);
        let mut tell = |answer: &mut Answer, text: String| {
            answer.text += &text;
            if text.is_empty() { Ok(()) } else { hear(&text) }
        };
        answer.end = loop {
            let row = logits.rows().next().ok_or_else(|| Failure::new("the chip gave no logits"))?;
            let token = self.sampler.sample(row, &self.cached, self.cached.len() as u64)?;
            if tokenizer.is_end(token) {
                break End::Model;
            }
            answer.tokens.push(token);
            tell(answer, decoder.push(token))?;
            if answer.tokens.len() == most {
                break End::MaxTokens;
            }
            if self.cached.len() == self.context {
                break End::Context;
            }
            let Some(next) = self.feed(&[token])? else { break End::Interrupted };
            answer.steps += 1;
            logits = next;
        };
        tell(answer, decoder.finish())
    }
}
