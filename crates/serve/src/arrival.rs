//! Where requests come from: a list, a random process, or users who wait for their answers.

use crate::request::{Priority, Segment};
use base::units::Seconds;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Gamma, LogNormal};
use rand_pcg::Pcg64Mcg;
use std::collections::VecDeque;

/// A request before it has a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival {
    /// When.
    pub at: Seconds,
    /// Tokens of its prompt.
    pub prompt: u32,
    /// Tokens that will be generated.
    pub output: u32,
    /// The beginning that it shares with others.
    pub prefix: Option<Segment>,
    /// How urgent.
    pub priority: Priority,
}

impl Arrival {
    /// An ordinary one.
    pub fn new(at: Seconds, prompt: u32, output: u32) -> Arrival {
        Arrival { at, prompt, output, prefix: None, priority: Priority::default() }
    }
}

/// Gives requests in the order of their arrival.
pub trait Source {
    /// When the next one comes, if one is to come.
    fn peek(&self) -> Option<Seconds>;

    /// The next one.
    fn next(&mut self) -> Option<Arrival>;

    /// A request has ended.
    fn ended(&mut self, _at: Seconds) {}

    /// Whether what ends decides what comes.
    fn reacts(&self) -> bool {
        false
    }
}

/// A list of arrivals.
#[derive(Clone, Debug, Default)]
pub struct Listed(VecDeque<Arrival>);

impl Listed {
    /// Sorted by time; equal times keep their order.
    pub fn new(mut arrivals: Vec<Arrival>) -> Listed {
        arrivals.sort_by(|a, b| a.at.0.total_cmp(&b.at.0));
        Listed(arrivals.into())
    }
}

impl Source for Listed {
    fn peek(&self) -> Option<Seconds> {
        self.0.front().map(|arrival| arrival.at)
    }

    fn next(&mut self) -> Option<Arrival> {
        self.0.pop_front()
    }
}

/// The length of a prompt or of an output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// Always the same.
    Fixed(u32),
    /// A log-normal distribution, as lengths in chat traffic roughly are.
    LogNormal {
        /// Mean.
        mean: f64,
        /// Standard deviation divided by the mean.
        variation: f64,
        /// Longest.
        most: u32,
    },
}

impl Length {
    fn draw(self, random: &mut Pcg64Mcg) -> u32 {
        match self {
            Length::Fixed(tokens) => tokens,
            Length::LogNormal { mean, variation, most } => {
                let variance = (1.0 + variation * variation).ln();
                let distribution = LogNormal::new(mean.ln() - variance / 2.0, variance.sqrt());
                let tokens = distribution.map_or(mean, |distribution| distribution.sample(random));
                (tokens.round() as u32).clamp(1, most)
            }
        }
    }
}

/// Lengths of prompt and output.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Independent of each other.
    Drawn {
        /// Of the prompt.
        prompt: Length,
        /// Of the output.
        output: Length,
    },
    /// Pairs of prompt and output, picked at random from those that were seen.
    Sampled(Vec<(u32, u32)>),
}

/// Prompts that begin alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sharing {
    /// Part of each prompt's tokens that is shared.
    pub share: f64,
    /// Different beginnings; each request draws one.
    pub groups: u32,
}

/// Draws requests at random; the same ones for a seed.
#[derive(Clone, Debug)]
pub struct Generator {
    random: Pcg64Mcg,
    shape: Shape,
    sharing: Option<Sharing>,
    left: u64,
}

impl Generator {
    /// So many requests.
    pub fn new(seed: u64, shape: Shape, sharing: Option<Sharing>, requests: u64) -> Generator {
        Generator { random: Pcg64Mcg::seed_from_u64(seed), shape, sharing, left: requests }
    }

    fn draw(&mut self, at: Seconds) -> Option<Arrival> {
        self.left = self.left.checked_sub(1)?;
        let random = &mut self.random;
        let (prompt, output) = match &self.shape {
            Shape::Drawn { prompt, output } => (prompt.draw(random), output.draw(random)),
            Shape::Sampled(pairs) => *pairs.get(random.random_range(0..pairs.len().max(1)))?,
        };
        let prefix = self.sharing.map(|sharing| Segment {
            identity: u64::from(random.random_range(0..sharing.groups.max(1))),
            tokens: (f64::from(prompt) * sharing.share) as u32,
        });
        Some(Arrival { prefix, ..Arrival::new(at, prompt, output) })
    }
}

/// Requests that come whether or not earlier ones are answered.
#[derive(Clone, Debug)]
pub struct Open {
    generator: Generator,
    gaps: Gamma<f64>,
    next: Option<Arrival>,
}

impl Open {
    /// `rate` requests per second on average. The gaps between them follow a gamma distribution whose standard deviation is `burstiness` times its mean:
    /// 1 is a Poisson process, more comes in bursts, less is more regular. Nothing if either is not a positive number.
    pub fn new(generator: Generator, rate: f64, burstiness: f64) -> Option<Open> {
        let usable = |number: f64| number.is_finite() && number > 0.0;
        let shape = Some(1.0 / (burstiness * burstiness)).filter(|shape| usable(*shape) && usable(rate))?;
        let gaps = Gamma::new(shape, 1.0 / (rate * shape)).ok()?;
        let mut open = Open { generator, gaps, next: None };
        open.advance(Seconds(0.0));
        Some(open)
    }

    fn advance(&mut self, from: Seconds) {
        let gap = self.gaps.sample(&mut self.generator.random);
        self.next = self.generator.draw(from + Seconds(gap));
    }
}

impl Source for Open {
    fn peek(&self) -> Option<Seconds> {
        self.next.map(|arrival| arrival.at)
    }

    fn next(&mut self) -> Option<Arrival> {
        let next = self.next?;
        self.advance(next.at);
        Some(next)
    }
}

/// Users who send their next request when the one before is answered.
#[derive(Clone, Debug)]
pub struct Closed {
    generator: Generator,
    ready: VecDeque<Seconds>,
}

impl Closed {
    /// So many users.
    pub fn new(generator: Generator, users: u32) -> Closed {
        Closed { generator, ready: (0..users).map(|_| Seconds(0.0)).collect() }
    }
}

impl Source for Closed {
    fn peek(&self) -> Option<Seconds> {
        self.ready.front().copied().filter(|_| self.generator.left > 0)
    }

    fn next(&mut self) -> Option<Arrival> {
        let at = self.ready.pop_front()?;
        self.generator.draw(at)
    }

    fn ended(&mut self, at: Seconds) {
        self.ready.push_back(at);
    }

    fn reacts(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(requests: u64) -> Generator {
        let shape = Shape::Drawn { prompt: Length::Fixed(10), output: Length::Fixed(3) };
        Generator::new(5, shape, None, requests)
    }

    fn all(source: &mut impl Source) -> Vec<Arrival> {
        std::iter::from_fn(|| source.next()).collect()
    }

    #[test]
    fn gaps_have_the_mean_and_spread_that_were_asked_for() {
        for burstiness in [0.5, 1.0, 3.0] {
            let arrivals = all(&mut Open::new(fixed(60_000), 4.0, burstiness).unwrap());
            let gaps: Vec<f64> = arrivals.windows(2).map(|pair| pair[1].at.0 - pair[0].at.0).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            assert!((mean - 0.25).abs() < 0.01, "{mean}");
            assert!((variance.sqrt() / mean - burstiness).abs() < 0.1 * burstiness, "{burstiness}");
        }
        assert!(Open::new(fixed(1), 0.0, 1.0).is_none() && Open::new(fixed(1), 1.0, f64::NAN).is_none());
    }

    #[test]
    fn log_normal_lengths_have_the_mean_that_was_asked_for() {
        let length = Length::LogNormal { mean: 1000.0, variation: 0.8, most: 100_000 };
        let shape = Shape::Drawn { prompt: length, output: Length::Fixed(1) };
        let arrivals = all(&mut Open::new(Generator::new(1, shape, None, 40_000), 1.0, 1.0).unwrap());
        let mean = arrivals.iter().map(|arrival| f64::from(arrival.prompt)).sum::<f64>() / arrivals.len() as f64;
        assert!((mean - 1000.0).abs() < 20.0, "{mean}");
    }

    #[test]
    fn a_seed_gives_the_same_requests_again() {
        let sharing = Some(Sharing { share: 0.5, groups: 4 });
        let make = |seed| {
            all(&mut Open::new(Generator::new(seed, Shape::Sampled(vec![(4, 1), (9, 2)]), sharing, 50), 1.0, 1.0)
                .unwrap())
        };
        assert_eq!(make(3), make(3));
        assert_ne!(make(3), make(4));
        assert!(make(3).iter().all(|arrival| arrival.prefix.unwrap().tokens == arrival.prompt / 2));
    }

    #[test]
    fn users_wait_for_their_answers() {
        let mut closed = Closed::new(fixed(3), 2);
        assert!(closed.next().is_some() && closed.next().is_some() && closed.next().is_none());
        closed.ended(Seconds(7.0));
        assert_eq!(closed.peek(), Some(Seconds(7.0)));
        assert_eq!(closed.next().unwrap().at, Seconds(7.0));
        closed.ended(Seconds(9.0));
        assert_eq!((closed.peek(), closed.next()), (None, None));
    }

    #[test]
    fn lists_are_sorted() {
        let mut listed = Listed::new(vec![Arrival::new(Seconds(2.0), 1, 1), Arrival::new(Seconds(1.0), 2, 2)]);
        assert_eq!(listed.peek(), Some(Seconds(1.0)));
        assert_eq!(all(&mut listed).iter().map(|arrival| arrival.prompt).collect::<Vec<_>>(), [2, 1]);
    }
}
