//! A joint distribution as a small table.
//!
//! Requests are sorted by prompt and split into strips at fixed shares of their weight; the requests of a strip are sorted by answer and split again. A cell
//! stands for its requests with their mean prompt and mean answer, so both means of the table are those of the requests (to the rounding of a token). Strips
//! are a tenth each, and finer towards the long prompts: one lies around the 99th percentile, where latency targets are judged, and the longest seven in a
//! thousand have their own.

use super::Pair;
use econ::range::normal_quantile;

/// Shares of the requests at which a strip of prompts ends.
const PROMPTS: [f64; 13] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.987, 0.993, 1.0];
/// Shares of a strip at which a cell of answers ends.
const ANSWERS: [f64; 7] = [0.2, 0.4, 0.6, 0.8, 0.9, 0.97, 1.0];

/// Most tokens of a prompt or an answer: above every model's context, and far below what would overflow a sum.
pub const MOST_TOKENS: u32 = 1 << 24;

/// Requests of the same lengths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Tokens of the prompt.
    pub prompt: f64,
    /// Tokens of the answer.
    pub answer: f64,
    /// How many requests, in any unit.
    pub weight: f64,
}

/// The cells of some requests, in the order of prompts; weights are in the unit of the points.
pub fn cells(mut points: Vec<Point>) -> Vec<Pair> {
    points.sort_by(|a, b| a.prompt.total_cmp(&b.prompt).then(a.answer.total_cmp(&b.answer)));
    let mut pairs = Vec::new();
    for strip in split(&points, &PROMPTS) {
        let mut strip = strip.to_vec();
        strip.sort_by(|a, b| a.answer.total_cmp(&b.answer).then(a.prompt.total_cmp(&b.prompt)));
        pairs.extend(split(&strip, &ANSWERS).into_iter().map(centre));
    }
    pairs
}

/// Parts of sorted points that end at shares of their weight. A point belongs where its middle lies; a part without points is left out.
fn split<'a>(points: &'a [Point], ends: &[f64]) -> Vec<&'a [Point]> {
    let total: f64 = points.iter().map(|point| point.weight).sum();
    let mut before = 0.0;
    let middles = points.iter().map(|point| {
        before += point.weight;
        (before - point.weight / 2.0) / total
    });
    let middles: Vec<f64> = middles.collect();
    let cuts = ends.iter().map(|end| middles.partition_point(|middle| middle < end));
    let mut from = 0;
    let parts = cuts.map(|to| &points[std::mem::replace(&mut from, to)..to]);
    parts.filter(|part| !part.is_empty()).collect()
}

/// The mean of points, as a pair of whole tokens.
fn centre(points: &[Point]) -> Pair {
    let weight: f64 = points.iter().map(|point| point.weight).sum();
    let mean = |of: fn(&Point) -> f64| points.iter().map(|point| point.weight * of(point)).sum::<f64>() / weight;
    let whole = |tokens: f64| (tokens.round() as u32).clamp(1, MOST_TOKENS);
    Pair { prompt: whole(mean(|point| point.prompt)), answer: whole(mean(|point| point.answer)), weight }
}

/// A log-normal length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Mean, tokens.
    pub mean: f64,
    /// Standard deviation over the mean.
    pub variation: f64,
}

impl Spread {
    /// Lengths at deviates of the normal distribution, scaled so that their mean is exact.
    fn at(self, deviates: &[f64]) -> Vec<f64> {
        let deviation = (1.0 + self.variation * self.variation).ln().sqrt();
        let lengths: Vec<f64> = deviates.iter().map(|deviate| (deviation * deviate).exp()).collect();
        let scale = self.mean * lengths.len() as f64 / lengths.iter().sum::<f64>();
        lengths.into_iter().map(|length| length * scale).collect()
    }
}

/// Points of equal weight for two log-normal lengths whose logarithms have a correlation: every prompt at the middle of a 128th of its distribution, with answers at the
/// middles of 32nds of theirs, given the prompt. Means are exact; `weight` is that of all points together.
pub fn log_normal(prompt: Spread, answer: Spread, correlation: f64, weight: f64) -> Vec<Point> {
    let middles = |parts: u32| (0..parts).map(move |part| normal_quantile((f64::from(part) + 0.5) / f64::from(parts)));
    let own = (1.0 - correlation * correlation).sqrt();
    let deviates: Vec<(f64, f64)> = middles(128)
        .flat_map(|prompt| middles(32).map(move |other| (prompt, correlation * prompt + own * other)))
        .collect();
    let (prompts, answers): (Vec<f64>, Vec<f64>) = deviates.into_iter().unzip();
    let each = weight / prompts.len() as f64;
    let lengths = prompt.at(&prompts).into_iter().zip(answer.at(&answers));
    lengths.map(|(prompt, answer)| Point { prompt, answer, weight: each }).collect()
}

/// A table as it stands in a file, from `pairs = [` on; weights are counts.
pub fn written(pairs: &[Pair]) -> String {
    let rows: String =
        pairs.iter().map(|pair| format!("    [{}, {}, {}],\n", pair.prompt, pair.answer, pair.weight)).collect();
    format!("pairs = [\n{rows}]\n")
}

/// The cells of a trace, with the numbers of its requests as weights.
///
/// # Errors
/// Text that is not a trace.
pub fn of_trace(file: &str, text: &str) -> Result<Vec<Pair>, serve::trace::TraceError> {
    let arrivals = serve::trace::read(file, text)?;
    let point = |arrival: &serve::arrival::Arrival| Point {
        prompt: arrival.prompt.into(),
        answer: arrival.output.into(),
        weight: 1.0,
    };
    Ok(cells(arrivals.iter().map(point).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::Traffic;
    use proptest::prelude::*;
    use std::path::Path;

    #[test]
    fn twenty_requests_by_hand() {
        // Prompts 1 to 20: strips of two, then one each; answers rise as prompts fall.
        let points = (1..=20).map(|n| Point { prompt: n.into(), answer: (21 - n).into(), weight: 1.0 }).collect();
        let pairs = cells(points);
        assert_eq!(pairs.len(), 20);
        assert_eq!(pairs[0], Pair { prompt: 2, answer: 19, weight: 1.0 });
        assert_eq!(pairs[19], Pair { prompt: 20, answer: 1, weight: 1.0 });
        let same = vec![Point { prompt: 5.4, answer: 0.2, weight: 2.0 }];
        assert_eq!(cells(same), [Pair { prompt: 5, answer: 1, weight: 2.0 }]);
    }

    #[test]
    fn two_lengths_have_the_moments_that_were_asked_for() {
        let spread = |mean, variation| Spread { mean, variation };
        let points = log_normal(spread(1000.0, 0.5), spread(100.0, 0.4), 0.6, 1.0);
        let mean = |f: &dyn Fn(&Point) -> f64| points.iter().map(|point| point.weight * f(point)).sum::<f64>();
        let (p, a) = (mean(&|point| point.prompt), mean(&|point| point.answer));
        assert!((p - 1000.0).abs() < 1e-6 && (a - 100.0).abs() < 1e-6, "{p} {a}");
        let deviation = (mean(&|point| point.prompt.powi(2)) - p * p).sqrt();
        assert!((deviation / 500.0 - 1.0).abs() < 0.03, "{deviation}");
        let (lp, la) = (mean(&|point| point.prompt.ln()), mean(&|point| point.answer.ln()));
        let cross = mean(&|point| (point.prompt.ln() - lp) * (point.answer.ln() - la));
        let (vp, va) =
            (mean(&|point| (point.prompt.ln() - lp).powi(2)), mean(&|point| (point.answer.ln() - la).powi(2)));
        assert!((cross / (vp * va).sqrt() - 0.6).abs() < 0.01, "{}", cross / (vp * va).sqrt());
    }

    /// Kinds with a trace, with its text, where the traces are.
    fn traced() -> Vec<(Traffic, String)> {
        let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
        let traces = std::env::var_os("PUCE_SHARED").map_or_else(beside, std::path::PathBuf::from).join("data/traces");
        if !traces.is_dir() {
            println!("skipped: no traces at {} (set PUCE_SHARED to the folder that holds `data`)", traces.display());
            return Vec::new();
        }
        let kinds = Traffic::names().filter_map(Traffic::builtin);
        let read = |traffic: Traffic| {
            let text = std::fs::read_to_string(traces.join(traffic.trace.as_ref()?)).unwrap();
            Some((traffic, text))
        };
        kinds.filter_map(read).collect()
    }

    #[test]
    fn shipped_tables_are_the_reductions_of_their_traces() {
        for (traffic, text) in traced() {
            let fresh = written(&of_trace("trace", &text).unwrap());
            let shipped = data::file(&format!("traffic/{}.toml", traffic.name)).unwrap();
            assert!(shipped.ends_with(&fresh), "{}: run `cargo xtask traffic --traces DIR`", traffic.name);
        }
    }

    #[test]
    fn a_table_has_the_moments_of_its_trace() {
        for (table, text) in traced() {
            let requests = serve::trace::read("trace", &text).unwrap();
            let pair = |r: &serve::arrival::Arrival| Pair { prompt: r.prompt, answer: r.output, weight: 1.0 };
            let all = Traffic { pairs: requests.iter().map(pair).collect(), ..table.clone() };
            let off = |moment: fn(&Traffic) -> f64| (moment(&table) / moment(&all) - 1.0).abs();
            assert!(off(Traffic::mean_prompt) < 1e-3 && off(Traffic::mean_answer) < 1e-2, "{}", table.name);
            assert!(off(Traffic::mean_context) < 0.01, "{}: {}", table.name, off(Traffic::mean_context));
            assert!(off(Traffic::mean_prompt_of_token) < 0.03, "{}", table.name);
            assert!(off(|traffic| traffic.long_prompt().into()) < 0.03, "{}", table.long_prompt());
        }
    }

    proptest! {
        #[test]
        fn cells_keep_weight_and_means(
            points in proptest::collection::vec((1.0f64..9000.0, 1.0f64..2000.0, 0.1f64..3.0), 1..300)
        ) {
            let points: Vec<Point> = points.iter().map(|(prompt, answer, weight)| Point { prompt: *prompt, answer: *answer, weight: *weight }).collect();
            let pairs = cells(points.clone());
            let total: f64 = points.iter().map(|point| point.weight).sum();
            prop_assert!((pairs.iter().map(|pair| pair.weight).sum::<f64>() / total - 1.0).abs() < 1e-9);
            let prompt: f64 = points.iter().map(|point| point.weight * point.prompt).sum::<f64>() / total;
            let kept: f64 = pairs.iter().map(|pair| pair.weight * f64::from(pair.prompt)).sum::<f64>() / total;
            prop_assert!((prompt - kept).abs() <= 0.5 + 1e-6, "{prompt} {kept}");
            prop_assert!(pairs.len() <= PROMPTS.len() * ANSWERS.len());
        }
    }
}
