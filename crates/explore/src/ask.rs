//! What is asked of every device: networks with traffic, in the figures that a closed form needs.
//!
//! A workload is a network under a kind of traffic. Its share of the requests is the product of both shares; costs are per token **written**, so they are weighted by tokens
//! written. The closed form of [`crate::deploy`] sees the traffic through a few moments of its lengths.

use crate::study::{Study, TrafficKind};
use crate::traffic::{Mix, Traffic};
use base::units::Seconds;
use perf::network::Shape;
use perf::operator::Spread;
use perf::workload::Formats;

/// How tokens of real traffic spread over experts: power law with the exponent that the measured sets of kernels use for real traffic.
pub const SPREAD: Spread = Spread::PowerLaw { alpha: 1.01 };

/// Lengths of a kind of traffic, in tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean prompt.
    pub prompt: f64,
    /// Mean answer.
    pub answer: f64,
    /// Mean context that a written token sees: `E[a (p + a/2)] / E[a]`.
    pub context: f64,
    /// Length of the prompt that a mean prompt token stands in: `E[p2] / E[p]`.
    pub around: f64,
    /// Prompt that 99 of 100 do not exceed.
    pub prompt_99: f64,
}

impl Moments {
    /// Of a kind of traffic.
    pub fn of(traffic: &Traffic) -> Moments {
        Moments {
            prompt: traffic.mean_prompt(),
            answer: traffic.mean_answer(),
            context: traffic.mean_context(),
            around: traffic.mean_prompt_of_token(),
            prompt_99: traffic.long_prompt().into(),
        }
    }
}

/// A network under a kind of traffic.
#[derive(Clone, Debug)]
pub struct Ask {
    /// `chat on gpt-oss-120b`.
    pub name: String,
    /// Key of the network.
    pub network: String,
    /// The network.
    pub shape: &'static Shape,
    /// Formats that are good enough for it.
    pub formats: Vec<Formats>,
    /// Where among the networks of the study it is.
    pub at: usize,
    /// The traffic.
    pub traffic: Traffic,
    /// Its lengths.
    pub moments: Moments,
    /// Part of all tokens written.
    pub share: f64,
    /// Longest time to the first token, 99th percentile.
    pub ttft: Seconds,
    /// Longest time per further token, 99th percentile.
    pub tpot: Seconds,
}

/// The workloads of a study, networks first.
pub fn all(study: &Study) -> Vec<Ask> {
    let mut asks = Vec::new();
    for (at, network) in study.network.iter().enumerate() {
        let (known, shape) = perf::network::language(&network.key.0).expect("the study was checked");
        let formats: Vec<Formats> = network.formats.iter().map(|formats| formats.of(known.formats)).collect();
        for kind in study.traffic.iter() {
            let traffic = Traffic::builtin(&kind.kind.0).expect("the study was checked");
            let moments = Moments::of(&traffic);
            let requests = network.share.0 * kind.share.map_or_else(|| usual(&kind.kind), |share| share.0);
            asks.push(Ask {
                name: format!("{} on {}", kind.kind.0, known.key),
                network: known.key.clone(),
                shape,
                formats: formats.clone(),
                at,
                share: requests * moments.answer,
                traffic,
                moments,
                ttft: kind.ttft.0,
                tpot: kind.tpot.0,
            });
        }
    }
    let sum: f64 = asks.iter().map(|ask| ask.share).sum();
    asks.iter_mut().for_each(|ask| ask.share /= sum);
    asks
}

/// The part of the requests that a kind has in the shipped mix.
fn usual(kind: &TrafficKind) -> f64 {
    Mix::builtin().share(&kind.0)
}
