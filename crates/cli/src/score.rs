//! How well logits predict a text, and how close two predictions are.
//!
//! Arithmetic is binary64 in index order, so that equal logits give equal figures on every host.

use serde::Serialize;

/// Sums over scored tokens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    tokens: usize,
    chip: f64,
    reference: f64,
    divergence: f64,
    agree: usize,
}

/// Means over scored tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Tokens scored.
    pub tokens: usize,
    /// Perplexity of the chip.
    pub perplexity: f64,
    /// The comparison, if there is a reference.
    pub against: Option<Against>,
}

/// The chip beside the reference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Against {
    /// Perplexity of the reference.
    pub perplexity: f64,
    /// Perplexity of the chip over that of the reference.
    pub ratio: f64,
    /// Mean Kullback-Leibler divergence of the chip's distribution from the reference's, in nats.
    pub divergence: f64,
    /// Fraction of tokens where both find the same token most probable.
    pub agreement: f64,
}

impl Tally {
    /// Scores the prediction of `next` by the chip, and by the reference if it was asked.
    pub fn add(&mut self, chip: &[f32], reference: Option<&[f32]>, next: u32) {
        let chip = Distribution::new(chip);
        self.tokens += 1;
        self.chip -= chip.log(next as usize);
        if let Some(reference) = reference.map(Distribution::new) {
            self.reference -= reference.log(next as usize);
            self.divergence += reference.divergence(&chip);
            self.agree += usize::from(chip.best == reference.best);
        }
    }

    /// Whether nothing was scored.
    pub fn is_empty(&self) -> bool {
        self.tokens == 0
    }

    /// The means; `compared` tells whether there was a reference.
    pub fn score(&self, compared: bool) -> Score {
        let tokens = self.tokens.max(1) as f64;
        let perplexity = (self.chip / tokens).exp();
        let against = compared.then(|| Against {
            perplexity: (self.reference / tokens).exp(),
            ratio: ((self.chip - self.reference) / tokens).exp(),
            divergence: self.divergence / tokens,
            agreement: self.agree as f64 / tokens,
        });
        Score { tokens: self.tokens, perplexity, against }
    }
}

/// Logits as a distribution.
struct Distribution<'a> {
    logits: &'a [f32],
    /// Logarithm of the sum of exponentials.
    norm: f64,
    best: usize,
}

impl Distribution<'_> {
    fn new(logits: &[f32]) -> Distribution<'_> {
        let better = |best: usize, index: usize| if logits[index] > logits[best] { index } else { best };
        let best = (0..logits.len()).fold(0, better);
        let most = logits.get(best).copied().map_or(0.0, f64::from);
        let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - most).exp()).sum();
        Distribution { logits, norm: most + sum.ln(), best }
    }

    /// Logarithm of the probability of a token; of one without a logit, minus infinity.
    fn log(&self, token: usize) -> f64 {
        self.logits.get(token).map_or(f64::NEG_INFINITY, |logit| f64::from(*logit) - self.norm)
    }

    /// Of `other` from this.
    fn divergence(&self, other: &Distribution<'_>) -> f64 {
        let pairs = self.logits.iter().zip(other.logits);
        pairs
            .map(|(own, other_logit)| {
                let (own, other) = (f64::from(*own) - self.norm, f64::from(*other_logit) - other.norm);
                // An impossible token says nothing about the other distribution.
                if own == f64::NEG_INFINITY { 0.0 } else { own.exp() * (own - other) }
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logits(probabilities: &[f64]) -> Vec<f32> {
        probabilities.iter().map(|p| (p.ln() + 3.0) as f32).collect()
    }

    #[test]
    fn perplexity_is_the_inverse_of_the_geometric_mean_probability() {
        let mut tally = Tally::default();
        let row = logits(&[0.5, 0.25, 0.25]);
        tally.add(&row, None, 0);
        tally.add(&row, None, 1);
        let score = tally.score(false);
        assert!((score.perplexity - 8f64.sqrt()).abs() < 1e-6, "{score:?}");
        assert_eq!((score.tokens, score.against), (2, None));
    }

    #[test]
    fn divergence_is_that_of_the_textbook() {
        let (chip, reference) = (logits(&[0.2, 0.8]), logits(&[0.6, 0.4]));
        let mut tally = Tally::default();
        tally.add(&chip, Some(&reference), 1);
        let against = tally.score(true).against.unwrap();
        let expected = 0.6 * (0.6f64 / 0.2).ln() + 0.4 * (0.4f64 / 0.8).ln();
        assert!((against.divergence - expected).abs() < 1e-6, "{against:?}");
        assert!((against.ratio - 0.5).abs() < 1e-6, "{against:?}");
        assert_eq!(against.agreement, 0.0);
    }

    #[test]
    fn equal_logits_agree_in_everything() {
        let row = logits(&[0.1, 0.7, 0.2]);
        let mut tally = Tally::default();
        tally.add(&row, Some(&row), 2);
        let score = tally.score(true);
        let against = score.against.unwrap();
        assert_eq!((against.ratio, against.divergence, against.agreement), (1.0, 0.0, 1.0));
        assert_eq!(against.perplexity, score.perplexity);
    }

    #[test]
    fn impossible_tokens_do_not_spoil_the_sum() {
        let mut tally = Tally::default();
        tally.add(&[0.0, f32::NEG_INFINITY], Some(&[0.0, f32::NEG_INFINITY]), 0);
        assert_eq!(tally.score(true).against.unwrap().divergence, 0.0);
    }
}
