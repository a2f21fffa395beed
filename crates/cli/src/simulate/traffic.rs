//! Which requests come, and when.

use crate::failure::{Failure, Result, read_text};
use crate::perf::case::number;
use clap::Args;
use serve::arrival::{Closed, Generator, Length, Listed, Open, Shape, Sharing, Source};
use serve::request::Segment;
use serve::trace;
use std::path::PathBuf;

/// Requests: recorded, at a rate, or from users who wait for their answers.
#[derive(Args)]
pub struct TrafficArguments {
    /// Recorded requests: a CSV file with TIMESTAMP,ContextTokens,GeneratedTokens, as the Azure LLM traces
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rate", "concurrency", "prompt", "output", "variation", "burstiness"])]
    trace: Option<PathBuf>,
    /// Replay the trace so many times faster
    #[arg(long, value_name = "FACTOR", default_value = "1", requires = "trace", value_parser = factor)]
    speed: f64,
    /// Requests come at random: `5/s`, `90/min`
    #[arg(long, value_name = "RATE", value_parser = rate, conflicts_with = "concurrency")]
    rate: Option<f64>,
    /// Standard deviation of the gaps between requests over their mean: 1 is a Poisson process, more is bursts
    #[arg(long, value_name = "FACTOR", default_value = "1", requires = "rate", value_parser = factor)]
    burstiness: f64,
    /// So many users who send their next request when the last is answered
    #[arg(long, value_name = "N", value_parser = number)]
    concurrency: Option<u64>,
    /// How many requests; of a trace, the first so many [default: 1000, or the whole trace]
    #[arg(long, value_name = "N", value_parser = number)]
    requests: Option<u64>,
    /// Mean tokens of a prompt
    #[arg(long, value_name = "N", default_value = "1k", value_parser = number)]
    prompt: u64,
    /// Mean tokens of an output
    #[arg(long, value_name = "N", default_value = "200", value_parser = number)]
    output: u64,
    /// Standard deviation of both lengths over their mean, log-normal; 0: all the same
    #[arg(long, value_name = "FACTOR", default_value = "0", value_parser = factor)]
    variation: f64,
    /// Part of each prompt that it shares with others of its group, from 0 to 1
    #[arg(long, value_name = "PART", default_value = "0", value_parser = share)]
    prefix_share: f64,
    /// Groups of requests with a common beginning
    #[arg(long, value_name = "N", default_value = "1", value_parser = number)]
    prefix_groups: u64,
}

/// Requests that were asked for.
pub struct Traffic {
    /// They themselves.
    pub source: Box<dyn Source>,
    /// How many.
    pub requests: u64,
    /// Tokens of a usual request, prompt and output.
    pub positions: u64,
    /// In words.
    pub summary: String,
}

/// Requests when nobody says how many.
const REQUESTS: u64 = 1000;
/// Requests per second when nobody says anything.
const RATE: f64 = 4.0;
/// Longest prompt or output that is drawn, as a multiple of the mean.
const LONGEST: u64 = 64;

impl TrafficArguments {
    /// What the arguments describe.
    pub fn read(&self, seed: u64) -> Result<Traffic> {
        match &self.trace {
            Some(path) => self.recorded(path),
            None => self.drawn(seed),
        }
    }

    fn recorded(&self, path: &std::path::Path) -> Result<Traffic> {
        let name = path.display().to_string();
        let mut arrivals = trace::read(&name, &read_text(path)?)?;
        trace::faster(&mut arrivals, self.speed);
        arrivals.truncate(self.requests.unwrap_or(u64::MAX) as usize);
        for (arrival, group) in arrivals.iter_mut().zip((0..self.prefix_groups).cycle()) {
            let tokens = (f64::from(arrival.prompt) * self.prefix_share) as u32;
            arrival.prefix = (tokens > 0).then_some(Segment { identity: group, tokens });
        }
        let requests = arrivals.len() as u64;
        let tokens: u64 = arrivals.iter().map(|arrival| u64::from(arrival.prompt + arrival.output)).sum();
        let span = arrivals.last().map_or(0.0, |last| last.at.0);
        let rate = if span > 0.0 { requests as f64 / span } else { 0.0 };
        let summary = format!("{} of {name}, {rate:.2}/s", plural(requests));
        Ok(Traffic { source: Box::new(Listed::new(arrivals)), requests, positions: tokens / requests.max(1), summary })
    }

    fn drawn(&self, seed: u64) -> Result<Traffic> {
        let requests = self.requests.unwrap_or(REQUESTS);
        let shape = Shape::Drawn { prompt: self.length(self.prompt), output: self.length(self.output) };
        let sharing = Sharing { share: self.prefix_share, groups: self.prefix_groups as u32 };
        let generator = Generator::new(seed, shape, (sharing.share > 0.0).then_some(sharing), requests);
        let (source, how): (Box<dyn Source>, String) = match self.concurrency {
            Some(users) => (Box::new(Closed::new(generator, users as u32)), format!("from {users} users in turn")),
            None => {
                let rate = self.rate.unwrap_or(RATE);
                let open = Open::new(generator, rate, self.burstiness);
                (
                    Box::new(open.ok_or_else(|| Failure::new("--rate: a rate above zero is expected"))?),
                    format!("{rate:.2}/s"),
                )
            }
        };
        let summary =
            format!("{}, {how}, prompts of {} and outputs of {} tokens", plural(requests), self.prompt, self.output);
        Ok(Traffic { source, requests, positions: self.prompt + self.output, summary })
    }

    fn length(&self, mean: u64) -> Length {
        if self.variation == 0.0 {
            return Length::Fixed(mean as u32);
        }
        Length::LogNormal { mean: mean as f64, variation: self.variation, most: (mean * LONGEST).min(1 << 24) as u32 }
    }
}

fn plural(requests: u64) -> String {
    crate::ui::plural(requests as usize, "request")
}

/// Requests per second.
fn rate(text: &str) -> std::result::Result<f64, String> {
    let expected = || "a rate like 5/s, 90/min or 2000/h is expected".to_string();
    let (number, per) = text.split_once('/').ok_or_else(expected)?;
    let seconds = match per.trim() {
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(expected()),
    };
    let number = factor(number.trim()).map_err(|_| expected())?;
    if number > 0.0 { Ok(number / seconds) } else { Err(expected()) }
}

/// A number of zero or more.
fn factor(text: &str) -> std::result::Result<f64, String> {
    /// Far above anything sensible.
    const MOST: f64 = 1e6;
    let number = text.parse().ok().filter(|number| (0.0..=MOST).contains(number));
    number.ok_or_else(|| "a number from 0 to 1000000 is expected".to_string())
}

/// A part of a whole.
pub fn share(text: &str) -> std::result::Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "a number from 0 to 1 is expected".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_a_unit() {
        assert_eq!((rate("5/s"), rate("90/min"), rate("1800/h")), (Ok(5.0), Ok(1.5), Ok(0.5)));
        for text in ["5", "0/s", "-1/s", "5/d", "x/s", "nan/s", ""] {
            assert!(rate(text).unwrap_err().contains("5/s"), "{text}");
        }
    }
}
