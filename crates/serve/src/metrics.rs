//! What a run was like for its users, and for whoever pays for the machines.
//!
//! Times of requests are kept one by one and their percentiles are exact (nearest rank). Gaps between tokens are too many for that: they are counted in a
//! histogram with three significant digits.

use base::units::{Joules, Seconds};
use hdrhistogram::Histogram;

/// What became of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Record {
    /// When it came.
    pub arrival: Seconds,
    /// When it was first part of a step.
    pub started: Seconds,
    /// When its first token was there.
    pub first: Seconds,
    /// When its last token was there.
    pub last: Seconds,
    /// Tokens of its prompt.
    pub prompt: u32,
    /// Tokens generated.
    pub output: u32,
    /// Tokens of the prompt that were found in a cache.
    pub reused: u32,
    /// Times that it had to give up its blocks.
    pub preemptions: u32,
    /// The replica that finished it.
    pub replica: u32,
}

impl Record {
    /// Time to the first token.
    pub fn ttft(&self) -> Seconds {
        self.first - self.arrival
    }

    /// Mean time per token after the first; zero for an output of one token.
    pub fn tpot(&self) -> Seconds {
        (self.last - self.first) / f64::from(self.output.saturating_sub(1).max(1))
    }

    /// From arrival to the last token.
    pub fn end_to_end(&self) -> Seconds {
        self.last - self.arrival
    }
}

/// What a user is promised.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Promise {
    /// Longest time to the first token.
    pub ttft: Option<Seconds>,
    /// Longest mean time per token after it.
    pub tpot: Option<Seconds>,
    /// Longest time to the last token.
    pub end_to_end: Option<Seconds>,
}

impl Promise {
    /// Whether it was kept.
    pub fn kept(&self, record: &Record) -> bool {
        let within = |limit: Option<Seconds>, time: Seconds| limit.is_none_or(|limit| time <= limit);
        within(self.ttft, record.ttft())
            && within(self.tpot, record.tpot())
            && within(self.end_to_end, record.end_to_end())
    }
}

/// A distribution in five numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Mean.
    pub mean: Seconds,
    /// Half are below.
    pub p50: Seconds,
    /// Nine of ten are below.
    pub p90: Seconds,
    /// 99 of 100 are below.
    pub p99: Seconds,
    /// Greatest.
    pub most: Seconds,
}

impl Summary {
    /// Of samples; zeros if there are none.
    pub fn of(mut samples: Vec<f64>) -> Summary {
        let Some(last) = samples.len().checked_sub(1) else { return Summary::default() };
        let mean = samples.iter().sum::<f64>() / samples.len() as f64;
        let mut rank = |part: f64| {
            let at = ((part * samples.len() as f64).ceil() as usize).saturating_sub(1).min(last);
            Seconds(*samples.select_nth_unstable_by(at, f64::total_cmp).1)
        };
        Summary { p50: rank(0.5), p90: rank(0.9), p99: rank(0.99), most: rank(1.0), mean: Seconds(mean) }
    }
}

/// Gaps between the tokens of a request.
#[derive(Clone, Debug)]
pub struct Gaps(Histogram<u64>);

/// Gaps are counted in nanoseconds.
const PER_SECOND: f64 = 1e9;

impl Default for Gaps {
    fn default() -> Gaps {
        /// An hour.
        const MOST: u64 = 3600 * PER_SECOND as u64;
        /// Below a microsecond nobody looks.
        const LEAST: u64 = 1000;
        const DIGITS: u8 = 3;
        Gaps(Histogram::new_with_bounds(LEAST, MOST, DIGITS).expect("the bounds are constants"))
    }
}

impl Gaps {
    /// Counts a gap so many times.
    pub fn record(&mut self, gap: f64, times: u64) {
        self.0.saturating_record_n((gap * PER_SECOND) as u64, times);
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Gaps) {
        self.0.add(&other.0).expect("the bounds are the same");
    }

    /// In five numbers.
    pub fn summary(&self) -> Summary {
        let rank = |part: f64| Seconds(self.0.value_at_quantile(part) as f64 / PER_SECOND);
        if self.0.is_empty() {
            return Summary::default();
        }
        let mean = Seconds(self.0.mean() / PER_SECOND);
        Summary { mean, p50: rank(0.5), p90: rank(0.9), p99: rank(0.99), most: rank(1.0) }
    }
}

/// What one replica did.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Steps.
    pub steps: u64,
    /// Time in which a step was running.
    pub busy: f64,
    /// Integral of the held share of the cache over the time in which steps ran.
    pub held: f64,
    /// Greatest held share of the cache.
    pub most_held: f64,
    /// Energy of the steps, and of waiting once the run is over.
    pub energy: Joules,
    /// Requests that ended here.
    pub finished: u64,
    /// Tokens generated.
    pub generated: u64,
    /// Times that a request had to give up its blocks.
    pub preemptions: u64,
    /// Prompt tokens admitted, and those of them found in the cache.
    pub prompt_tokens: u64,
    /// See `prompt_tokens`.
    pub reused_tokens: u64,
    /// Drafts checked, and those that were right.
    pub drafted: u64,
    /// See `drafted`.
    pub accepted: u64,
    /// Bytes sent to other replicas.
    pub handed_over: f64,
    /// Gaps between tokens.
    pub gaps: Gaps,
}

/// A whole run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// From the first arrival to the last token, those of requests that were refused half-way included.
    pub duration: Seconds,
    /// One per request that ended, in the order of arrival.
    pub records: Vec<Record>,
    /// Requests that no replica could ever hold.
    pub refused: u64,
    /// One per replica.
    pub replicas: Vec<Usage>,
}

impl Report {
    /// Time to the first token.
    pub fn ttft(&self) -> Summary {
        self.summary(Record::ttft, 1)
    }

    /// Mean time per token after the first, of requests with more than one.
    pub fn tpot(&self) -> Summary {
        self.summary(Record::tpot, 2)
    }

    /// From arrival to the last token.
    pub fn end_to_end(&self) -> Summary {
        self.summary(Record::end_to_end, 1)
    }

    /// Time before the first step.
    pub fn queueing(&self) -> Summary {
        self.summary(|record| record.started - record.arrival, 1)
    }

    fn summary(&self, time: impl Fn(&Record) -> Seconds, least: u32) -> Summary {
        let counted = self.records.iter().filter(|record| record.output >= least);
        Summary::of(counted.map(|record| time(record).0).collect())
    }

    /// Gaps between tokens, over all replicas.
    pub fn gaps(&self) -> Summary {
        let mut gaps = Gaps::default();
        self.replicas.iter().for_each(|replica| gaps.add(&replica.gaps));
        gaps.summary()
    }

    /// Part of the requests to which the promise was kept; those that were refused count as broken.
    pub fn kept(&self, promise: &Promise) -> f64 {
        let kept = self.records.iter().filter(|record| promise.kept(record)).count();
        ratio(kept as f64, self.records.len() as f64 + self.refused as f64)
    }

    /// Requests per second.
    pub fn rate(&self) -> f64 {
        ratio(self.records.len() as f64, self.duration.0)
    }

    /// Tokens generated per second.
    pub fn throughput(&self) -> f64 {
        ratio(self.replicas.iter().map(|replica| replica.generated as f64).sum(), self.duration.0)
    }

    /// Energy of all replicas.
    pub fn energy(&self) -> Joules {
        self.replicas.iter().map(|replica| replica.energy).sum()
    }
}

/// A quotient; zero if there is nothing to divide by.
pub fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranks_are_samples() {
        let summary = Summary::of((1..=200).rev().map(f64::from).collect());
        let expected = [100.0, 180.0, 198.0, 200.0].map(Seconds);
        assert_eq!([summary.p50, summary.p90, summary.p99, summary.most], expected);
        assert_eq!(summary.mean, Seconds(100.5));
        assert_eq!(Summary::of(vec![]), Summary::default());
        assert_eq!(Summary::of(vec![3.0]).p99, Seconds(3.0));
    }

    #[test]
    fn a_promise_is_kept_or_not() {
        let record = Record { first: Seconds(1.0), last: Seconds(3.0), output: 5, ..Record::default() };
        let promise = |ttft, tpot| Promise { ttft: Some(Seconds(ttft)), tpot: Some(Seconds(tpot)), end_to_end: None };
        assert!(Promise::default().kept(&record) && promise(1.0, 0.5).kept(&record));
        assert!(!promise(0.9, 0.5).kept(&record) && !promise(1.0, 0.4).kept(&record));
    }

    proptest! {
        #[test]
        fn the_histogram_is_within_its_digits(samples in proptest::collection::vec(1e-4f64..100.0, 1..200)) {
            let mut gaps = Gaps::default();
            samples.iter().for_each(|gap| gaps.record(*gap, 1));
            let (exact, counted) = (Summary::of(samples), gaps.summary());
            let close = |a: Seconds, b: Seconds| (a.0 - b.0).abs() <= 1.1e-3 * a.0;
            prop_assert!(close(exact.p50, counted.p50) && close(exact.p99, counted.p99) && close(exact.mean, counted.mean));
        }
    }
}
