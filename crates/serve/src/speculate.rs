//! Drafts that are right: how many of the tokens guessed ahead the network agrees with.
//!
//! Where each draft is right with one probability, a step of `k` drafts yields `(1 - p^(k+1)) / (1 - p)` tokens on average (Leviathan, Kalman and
//! Matias, ICML 2023). Measured acceptance falls with the position of the draft, so that a probability per position can be given.

use crate::request::{RequestId, mix};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg32;

/// The probability that a draft is right, given that all before it are.
#[derive(Clone, Debug, PartialEq)]
pub struct Acceptance(Vec<f64>);

impl Acceptance {
    /// One probability for every position.
    pub fn same(probability: f64) -> Acceptance {
        Acceptance(vec![probability])
    }

    /// One probability per position; the last also holds for those behind it. None: no draft is ever right.
    pub fn by_position(probabilities: Vec<f64>) -> Acceptance {
        Acceptance(probabilities)
    }

    /// How many of `drafts` are right, for the draft of one request after `context` tokens: the same for a seed, whatever else is served.
    pub fn draw(&self, seed: u64, request: RequestId, context: u32, drafts: u32) -> u32 {
        let mut random = Pcg32::seed_from_u64(mix(seed ^ mix(request.0)) ^ mix(u64::from(context)));
        let probability = |at: u32| self.0.get(at as usize).or(self.0.last()).copied().unwrap_or(0.0);
        (0..drafts).take_while(|at| random.random::<f64>() < probability(*at)).count() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_that_of_the_formula() {
        let (k, p) = (4u32, 0.7f64);
        let acceptance = Acceptance::same(p);
        let draws = 40_000;
        let sum: u32 = (0..draws).map(|context| 1 + acceptance.draw(3, RequestId(1), context, k)).sum();
        let expected = (1.0 - p.powi(k as i32 + 1)) / (1.0 - p);
        assert!((f64::from(sum) / f64::from(draws) - expected).abs() < 0.03);
    }

    #[test]
    fn certain_and_impossible_drafts() {
        let draw = |probabilities: &[f64]| Acceptance::by_position(probabilities.to_vec()).draw(1, RequestId(2), 3, 4);
        assert_eq!((draw(&[1.0]), draw(&[0.0]), draw(&[]), draw(&[1.0, 1.0, 0.0])), (4, 0, 0, 2));
    }
}
