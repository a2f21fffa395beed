//! From logits to the next token.
//!
//! A [`Sampler`] is a value: it holds no state, and the random number it uses is a function of seed and position alone. So the text a request gets
//! does not depend on what else is in the batch, on the order of the batch, or on whether the tokens before were computed now or taken from a cache.
//!
//! Arithmetic is binary64 in a fixed order: candidates are sorted by logit, largest first, ties by lower index, and summed in that order. Equal logits
//! give equal tokens.
//!
//! The cuts apply in this order: penalty, temperature, `top_k`, `min_p`, `top_p`. Each keeps at least the most probable token.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::{Error, Result};

/// How the next token is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampler {
    /// Divides the logits; 0 means greedy: the largest logit, the lowest index among equals.
    pub temperature: f64,
    /// Only the `top_k` most probable tokens; 0 means all.
    pub top_k: usize,
    /// Only the most probable tokens whose probabilities reach this sum; 1 means all.
    pub top_p: f64,
    /// Only tokens at least this fraction as probable as the most probable; 0 means all.
    pub min_p: f64,
    /// Tokens that occurred have their logits divided (if positive) or multiplied (if negative) by this; 1 means no penalty.
    pub repeat_penalty: f64,
    /// Chooses among all random sequences.
    pub seed: u64,
}

impl Default for Sampler {
    fn default() -> Sampler {
        Sampler::greedy()
    }
}

/// A token that may be chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Id.
    pub token: u32,
    /// Probability among the candidates.
    pub probability: f64,
}

impl Sampler {
    /// Always the most probable token.
    pub fn greedy() -> Sampler {
        Sampler { temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, repeat_penalty: 1.0, seed: 0 }
    }

    /// Refuses settings without a meaning.
    ///
    /// # Errors
    /// With the setting's name, its value and its range.
    pub fn check(&self) -> Result<()> {
        let rules = [
            ("temperature", self.temperature, 0.0, 100.0),
            ("top_p", self.top_p, f64::MIN_POSITIVE, 1.0),
            ("min_p", self.min_p, 0.0, 1.0),
            ("repeat_penalty", self.repeat_penalty, 0.01, 100.0),
        ];
        match rules.iter().find(|(_, value, low, high)| !(low..=high).contains(&value)) {
            Some((name, value, low, high)) => {
                let low = if *low == f64::MIN_POSITIVE { "above 0".to_string() } else { format!("from {low}") };
                Err(Error::Request(format!("`{name}` is {value}, and it must be {low} to {high}")))
            }
            None => Ok(()),
        }
    }

    /// The token at `position` of a sequence (0 is the first of the prompt), given the logits after the token before it. `logits[i]` belongs to token
    /// i; `previous` are the tokens the penalty looks at.
    ///
    /// # Errors
    /// If there are no logits, one is NaN, all are minus infinity, or a setting has no meaning.
    pub fn sample(&self, logits: &[f32], previous: &[u32], position: u64) -> Result<u32> {
        if self.temperature == 0.0 && (self.repeat_penalty == 1.0 || previous.is_empty()) {
            self.check()?;
            return argmax(logits);
        }
        let candidates = self.candidates(logits, previous)?;
        Ok(pick(&candidates, uniform(self.seed, position)))
    }

    /// The tokens that may be chosen and their probabilities, most probable first; never empty. Greedy leaves one.
    ///
    /// # Errors
    /// As [`Sampler::sample`].
    pub fn candidates(&self, logits: &[f32], previous: &[u32]) -> Result<Vec<Candidate>> {
        self.check()?;
        argmax(logits)?;
        let mut scored: Vec<(f64, u32)> = logits.iter().map(|logit| f64::from(*logit)).zip(0..).collect();
        self.penalise(&mut scored, previous);
        sort_best(&mut scored, if self.temperature == 0.0 { 1 } else { self.top_k });
        if self.temperature == 0.0 {
            return Ok(vec![Candidate { token: scored[0].1, probability: 1.0 }]);
        }
        let mut candidates = softmax(&scored, self.temperature);
        self.cut(&mut candidates);
        normalise(&mut candidates);
        Ok(candidates)
    }

    fn penalise(&self, scored: &mut [(f64, u32)], previous: &[u32]) {
        let mut seen = previous.to_vec();
        seen.sort_unstable();
        seen.dedup();
        for token in seen {
            if let Some((logit, _)) = scored.get_mut(token as usize) {
                *logit = if *logit > 0.0 { *logit / self.repeat_penalty } else { *logit * self.repeat_penalty };
            }
        }
        // -0.0 and 0.0 are one value, but not one in the total order.
        scored.iter_mut().for_each(|(logit, _)| *logit += 0.0);
    }

    /// Keeps what `min_p` and `top_p` allow of normalised probabilities in falling order.
    fn cut(&self, candidates: &mut Vec<Candidate>) {
        let least = candidates[0].probability * self.min_p;
        candidates.retain(|candidate| candidate.probability >= least);
        if self.top_p < 1.0 {
            let target = self.top_p * candidates.iter().map(|candidate| candidate.probability).sum::<f64>();
            let mut sum = 0.0;
            let enough = candidates.iter().position(|candidate| {
                sum += candidate.probability;
                sum >= target
            });
            candidates.truncate(enough.map_or(candidates.len(), |index| index + 1));
        }
    }
}

/// Sorts by logit, largest first, ties by lower index, and keeps the first `keep`, or all if that is 0.
fn sort_best(scored: &mut Vec<(f64, u32)>, keep: usize) {
    let order = |a: &(f64, u32), b: &(f64, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if (1..scored.len()).contains(&keep) {
        scored.select_nth_unstable_by(keep - 1, order);
        scored.truncate(keep);
    }
    scored.sort_unstable_by(order);
}

/// The largest logit's index, the lowest among equals.
///
/// # Errors
/// If there are none, one is NaN, or all are minus infinity.
pub fn argmax(logits: &[f32]) -> Result<u32> {
    let mut best = (f32::NEG_INFINITY, None);
    for (logit, token) in logits.iter().zip(0..) {
        if logit.is_nan() {
            let what = format!(
                "the logit of token {token} is NaN: the model or its numbers are damaged, and no token can be chosen"
            );
            return Err(Error::Request(what));
        }
        if *logit > best.0 {
            best = (*logit, Some(token));
        }
    }
    best.1.ok_or_else(|| Error::Request("there is no logit above minus infinity, so no token can be chosen".into()))
}

/// Probabilities of sorted logits. Infinite logits share everything.
fn softmax(scored: &[(f64, u32)], temperature: f64) -> Vec<Candidate> {
    let largest = scored[0].0;
    let weight = |logit: f64| {
        if logit == largest { 1.0 } else { libm::exp((logit - largest) / temperature) }
    };
    let mut candidates: Vec<Candidate> =
        scored.iter().map(|(logit, token)| Candidate { token: *token, probability: weight(*logit) }).collect();
    candidates.retain(|candidate| candidate.probability > 0.0);
    normalise(&mut candidates);
    candidates
}

fn normalise(candidates: &mut [Candidate]) {
    let sum: f64 = candidates.iter().map(|candidate| candidate.probability).sum();
    candidates.iter_mut().for_each(|candidate| candidate.probability /= sum);
}

/// The candidate at `point` (in 0..1) of the cumulated probabilities.
fn pick(candidates: &[Candidate], point: f64) -> u32 {
    let mut sum = 0.0;
    let reached = candidates.iter().find(|candidate| {
        sum += candidate.probability;
        point < sum
    });
    // The sum of all may fall short of 1 by a rounding.
    reached.or(candidates.last()).map_or(0, |candidate| candidate.token)
}

/// A number in 0..1 that depends on seed and position only: 53 bits of the ChaCha8 block at counter 0 of stream `position`.
fn uniform(seed: u64, position: u64) -> f64 {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(position);
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}
