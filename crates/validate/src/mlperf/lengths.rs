//! How long the requests of a benchmark are, of which only the mean and the greatest length are published.
//!
//! Of all distributions over so many tokens with that mean, the exponential one that ends at the greatest assumes least (its entropy is the greatest). Prompts and
//! answers are taken to be so, independent of each other. It matters where a mean says too little: sequences in flight are longer than sequences are on
//! average, because long answers stay longer, and the arithmetic of attention grows with the square of a prompt.

/// Requests that stand for all.
const REQUESTS: u32 = 1024;
/// Step of the low-discrepancy sequence that pairs prompts with answers: the fraction of the golden ratio.
const PAIRING: f64 = 0.618_033_988_749_895;

/// Lengths between nothing and a greatest one, their logarithm of probability falling evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cut {
    /// Of the exponential, over the greatest length; below zero where the mean is more than half of that.
    rate: f64,
    most: f64,
}

/// Mean of an exponential distribution of a rate on 0 to 1.
fn mean(rate: f64) -> f64 {
    // Near zero both terms are large and nearly alike: the series of their difference.
    if rate.abs() < 1e-3 { 0.5 - rate / 12.0 } else { 1.0 / rate - 1.0 / rate.exp_m1() }
}

impl Cut {
    /// The one of a mean below `most`.
    fn of(mean_length: f64, most: f64) -> Cut {
        let wanted = mean_length / most;
        let (mut low, mut high) = (-700.0, 700.0);
        for _ in 0..60 {
            let half = f64::midpoint(low, high);
            if mean(half) > wanted { low = half } else { high = half }
        }
        Cut { rate: low, most }
    }

    /// The length that a share of all do not exceed.
    fn quantile(self, share: f64) -> f64 {
        let part = match self.rate.abs() < 1e-9 {
            true => share,
            false => -(share * (-self.rate).exp_m1()).ln_1p() / self.rate,
        };
        part * self.most
    }
}

/// Prompts and answers that stand for all of a benchmark's.
#[derive(Clone, Debug, PartialEq)]
pub struct Lengths {
    /// Pairs of prompt and answer.
    pub pairs: Vec<(u32, u32)>,
    /// Mean tokens of a prompt.
    pub prompt: f64,
    /// Mean of a prompt's tokens over tokens instead of over prompts: how long the prompt of a token is.
    pub prompt_of_token: f64,
    /// Mean tokens of an answer.
    pub answer: f64,
    /// Mean of an answer's tokens over tokens.
    pub answer_of_token: f64,
}

impl Lengths {
    /// Of means and greatest lengths in tokens, each mean below its greatest.
    pub fn of(prompt: (u32, u32), answer: (u32, u32)) -> Lengths {
        let cut = |(mean, most): (u32, u32)| Cut::of(f64::from(mean), f64::from(most));
        let (prompts, answers) = (cut(prompt), cut(answer));
        let tokens = |length: f64| (length.round() as u32).max(1);
        let pair = |number: u32| {
            let share = (f64::from(number) + 0.5) / f64::from(REQUESTS);
            let other = (f64::from(number) * PAIRING).fract();
            (tokens(prompts.quantile(share)), tokens(answers.quantile(other)))
        };
        let pairs: Vec<(u32, u32)> = (0..REQUESTS).map(pair).collect();
        let sum = |of: fn(&(u32, u32)) -> u32, power: i32| {
            pairs.iter().map(|one| f64::from(of(one)).powi(power)).sum::<f64>()
        };
        let moments = |of| (sum(of, 1) / f64::from(REQUESTS), sum(of, 2) / sum(of, 1));
        let ((prompt, prompt_of_token), (answer, answer_of_token)) = (moments(|one| one.0), moments(|one| one.1));
        Lengths { pairs, prompt, prompt_of_token, answer, answer_of_token }
    }

    /// Positions that a sequence in flight holds, on average over those that are there at a time.
    pub fn context(&self) -> f64 {
        self.prompt + self.answer_of_token / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lengths_have_their_mean_and_end_at_the_greatest(most in 500u32..30_000, share in 0.1f64..0.9) {
            let mean = (f64::from(most) * share) as u32;
            let lengths = Lengths::of((mean, most), (mean, most));
            prop_assert!((lengths.prompt / f64::from(mean) - 1.0).abs() < 0.01, "{}", lengths.prompt);
            prop_assert!((lengths.answer / f64::from(mean) - 1.0).abs() < 0.01, "{}", lengths.answer);
            prop_assert!(lengths.pairs.iter().all(|(prompt, answer)| *prompt.max(answer) <= most));
            prop_assert!(lengths.prompt_of_token > lengths.prompt);
        }
    }

    #[test]
    fn a_far_end_leaves_the_exponential() {
        // Its mean square is twice its squared mean, so that a token's sequence is twice as long as a sequence.
        let lengths = Lengths::of((1000, 100_000), (1000, 100_000));
        assert!((lengths.answer_of_token / 2000.0 - 1.0).abs() < 0.02, "{}", lengths.answer_of_token);
        assert!((lengths.context() / 2000.0 - 1.0).abs() < 0.02, "{}", lengths.context());
    }

    #[test]
    fn a_mean_of_half_is_even() {
        let even = Lengths::of((5000, 10_000), (1, 2));
        assert!((even.prompt_of_token / (10_000.0 * 2.0 / 3.0) - 1.0).abs() < 1e-3, "{}", even.prompt_of_token);
    }
}
