//! How long the requests of a benchmark are.
//!
//! Of prompts and answers a mean is known, the greatest length and some quantiles: of the data sets where their lengths are published, of submitted runs where only those are, whose logs
//! tell a request's time beside the time of a token. Between quantiles the logarithm of a length grows evenly; below the first, lengths grow with a power of the share, the one
//! that gives the mean; what that power cannot do is done by scaling all. Prompts and answers are taken to be independent.
//!
//! It matters where a mean says too little: sequences in flight are longer than sequences are on average, because long answers stay longer; the last of those keep a run
//! from its end; prompts that come together wait for one another.

/// Requests that stand for all.
const REQUESTS: u32 = 1024;
/// Step of the low-discrepancy sequence that pairs prompts with answers: the fraction of the golden ratio.
const PAIRING: f64 = 0.618_033_988_749_895;
/// Powers that lengths below the first quantile may grow with.
const POWERS: [f64; 2] = [0.05, 3.0];
/// By how much lengths may be scaled for the mean.
const SCALES: std::ops::RangeInclusive<f64> = 0.85..=1.15;

/// What is known of lengths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known<'a> {
    /// Mean in tokens.
    pub mean: f64,
    /// The greatest length in tokens.
    pub most: f64,
    /// Shares of all, between 0 and 1 and rising, and the tokens that they do not exceed.
    pub quantiles: &'a [(f64, f64)],
}

/// Lengths through quantiles.
#[derive(Clone, Debug, PartialEq)]
struct Spread {
    /// Shares of all that do not exceed a length, and the length; rising, the greatest length last.
    points: Vec<(f64, f64)>,
    /// Below the first point lengths grow with this power of the share.
    power: f64,
    scale: f64,
    most: f64,
}

impl Spread {
    fn of(known: Known) -> Spread {
        let Known { mean, most, quantiles } = known;
        let points: Vec<(f64, f64)> = quantiles.iter().copied().chain([(1.0, most)]).collect();
        // The mean of numbers whose logarithm grows evenly is their logarithmic mean.
        let between =
            |low: f64, high: f64| if high / low < 1.0 + 1e-9 { low } else { (high - low) / (high / low).ln() };
        let above: f64 = points.windows(2).map(|two| (two[1].0 - two[0].0) * between(two[0].1, two[1].1)).sum();
        let (share, length) = points[0];
        let below = ((mean - above) / share).max(f64::MIN_POSITIVE);
        let power = (length / below - 1.0).clamp(POWERS[0], POWERS[1]);
        let mut spread = Spread { points, power, scale: 1.0, most };
        let (mut low, mut high) = (0.5, 2.0);
        for _ in 0..40 {
            spread.scale = f64::midpoint(low, high);
            if spread.mean() > mean { high = spread.scale } else { low = spread.scale }
        }
        spread
    }

    /// Mean of the requests that stand for all.
    fn mean(&self) -> f64 {
        (0..REQUESTS).map(|number| self.quantile(middle(number))).sum::<f64>() / f64::from(REQUESTS)
    }

    /// The length that a share of all do not exceed.
    fn quantile(&self, share: f64) -> f64 {
        let (first, length) = self.points[0];
        let plain = if share <= first {
            length * (share / first).powf(self.power)
        } else {
            let above = self.points.windows(2).find(|two| share <= two[1].0);
            let [(low, short), (high, long)] = above.map_or([self.points[0]; 2], |two| [two[0], two[1]]);
            short * (long / short).powf((share - low) / (high - low))
        };
        (plain * self.scale).min(self.most)
    }
}

/// Of the requests that stand for all, the share that this one stands in the middle of.
fn middle(number: u32) -> f64 {
    (f64::from(number) + 0.5) / f64::from(REQUESTS)
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
    /// Of what is known of prompts and of answers.
    pub fn of(prompt: Known, answer: Known) -> Lengths {
        let (prompts, answers) = (Spread::of(prompt), Spread::of(answer));
        let tokens = |length: f64| (length.round() as u32).max(1);
        let pair = |number: u32| {
            let other = (f64::from(number) * PAIRING).fract();
            (tokens(prompts.quantile(middle(number))), tokens(answers.quantile(other)))
        };
        let pairs: Vec<(u32, u32)> = (0..REQUESTS).map(pair).collect();
        let sum = |of: fn(&(u32, u32)) -> u32, power: i32| {
            pairs.iter().map(|one| f64::from(of(one)).powi(power)).sum::<f64>()
        };
        let moments = |of| (sum(of, 1) / f64::from(REQUESTS), sum(of, 2) / sum(of, 1));
        let ((prompt, prompt_of_token), (answer, answer_of_token)) = (moments(|one| one.0), moments(|one| one.1));
        Lengths { pairs, prompt, prompt_of_token, answer, answer_of_token }
    }

    /// Whether there are lengths with these quantiles and, within some scaling, this mean.
    pub fn agree(known: Known) -> bool {
        SCALES.contains(&Spread::of(known).scale)
    }

    /// Standard deviation of an answer's tokens over their mean.
    pub fn variation(&self) -> f64 {
        (self.answer_of_token / self.answer - 1.0).max(0.0).sqrt()
    }

    /// Standard deviation over the mean of what precedes a token in its prompt: even between nothing and the prompt's length, prompts counted by their tokens.
    pub fn variation_of_past(&self) -> f64 {
        let sum = |power: i32| self.pairs.iter().map(|one| f64::from(one.0).powi(power)).sum::<f64>();
        let (mean, square) = (sum(2) / sum(1) / 2.0, sum(3) / sum(1) / 3.0);
        (square / (mean * mean) - 1.0).max(0.0).sqrt()
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

    /// Quantiles of DeepSeek-R1's answers.
    const ANSWERS: [(f64, f64); 4] = [(0.1, 626.0), (0.5, 2196.0), (0.9, 9490.0), (0.99, 19_900.0)];

    proptest! {
        #[test]
        fn lengths_have_their_mean_and_end_at_the_greatest(mean in 300f64..2000.0, first in 0.05f64..0.6, up in 1.1f64..4.0) {
            let quantiles = [(first, mean), (0.9, mean * up)];
            let known = Known { mean, most: mean * 5.0, quantiles: &quantiles };
            prop_assume!(Lengths::agree(known));
            let lengths = Lengths::of(known, known);
            prop_assert!((lengths.prompt / mean - 1.0).abs() < 0.01, "{} {mean}", lengths.prompt);
            prop_assert!((lengths.answer / mean - 1.0).abs() < 0.01, "{} {mean}", lengths.answer);
            prop_assert!(lengths.pairs.iter().all(|(prompt, answer)| f64::from(*prompt.max(answer)) <= mean * 5.0 + 0.5));
            prop_assert!(lengths.prompt_of_token > lengths.prompt);
        }
    }

    #[test]
    fn answers_go_through_their_quantiles() {
        let known = Known { mean: 3886.0, most: 20_000.0, quantiles: &ANSWERS };
        let lengths = Lengths::of(known, known);
        let mut answers: Vec<u32> = lengths.pairs.iter().map(|one| one.1).collect();
        answers.sort_unstable();
        for (share, tokens) in ANSWERS {
            let found = f64::from(answers[(share * f64::from(REQUESTS)) as usize]);
            assert!((found / tokens - 1.0).abs() < 0.1, "{share}: {found} beside {tokens}");
        }
        // Half of the answers are longer than the mean would be, and more.
        assert!(!Lengths::agree(Known { mean: 1000.0, ..known }));
    }

    #[test]
    fn what_precedes_a_token_of_equal_prompts_is_even() {
        let known = Known { mean: 1000.0, most: 1001.0, quantiles: &[(0.001, 1000.0)] };
        // Of an even distribution from nothing: one over the root of three.
        assert!((Lengths::of(known, known).variation_of_past() - 3f64.sqrt().recip()).abs() < 1e-2);
    }

    #[test]
    fn long_answers_make_long_contexts() {
        let known = Known { mean: 3886.0, most: 20_000.0, quantiles: &ANSWERS };
        let lengths = Lengths::of(Known { mean: 100.0, most: 200.0, quantiles: &[(0.5, 100.0)] }, known);
        assert!(lengths.answer_of_token > 2.0 * lengths.answer, "{}", lengths.answer_of_token);
        assert!(lengths.context() > lengths.answer, "{}", lengths.context());
    }
}
