//! The files of kinds and mixes.

use super::cells::{self, MOST_TOKENS, Spread};
use super::{FactError, Pair, Traffic};
use phys::written::{self, said};
use serde::Deserialize;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTraffic {
    #[serde(deserialize_with = "said")]
    title: String,
    #[serde(deserialize_with = "said")]
    source: String,
    #[serde(deserialize_with = "said")]
    as_of: String,
    #[serde(deserialize_with = "said")]
    licence: String,
    #[serde(deserialize_with = "said")]
    citation: String,
    #[serde(deserialize_with = "said")]
    range: String,
    trace: Option<String>,
    #[serde(default)]
    pairs: Vec<Spanned<(f64, f64, f64)>>,
    #[serde(default, rename = "part")]
    parts: Vec<Part>,
}

/// Most that a weight or share may be, far below what would overflow a sum.
const MOST_WEIGHT: f64 = 1e15;
/// Most that a standard deviation may be over its mean: lengths of texts stay below 3.
const MOST_VARIATION: f64 = 10.0;

/// Above 0, and not above a bound.
fn within(value: f64, most: f64) -> bool {
    value > 0.0 && value <= most
}

/// A row of prompt, answer and weight.
fn pair(row: (f64, f64, f64)) -> Result<Pair, String> {
    let (prompt, answer, weight) = row;
    let tokens = |value: f64| value.fract() == 0.0 && within(value, MOST_TOKENS.into());
    if !tokens(prompt) || !tokens(answer) {
        return Err(format!("{row:?}: whole tokens from 1 to {MOST_TOKENS} are expected in the first two places"));
    }
    if !within(weight, MOST_WEIGHT) {
        return Err(format!("{row:?}: a weight above 0, at most {MOST_WEIGHT:e}, is expected in the third place"));
    }
    Ok(Pair { prompt: prompt as u32, answer: answer as u32, weight })
}

/// Requests whose lengths are log-normal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, try_from = "RawPart")]
struct Part(RawPart);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPart {
    /// Where the words come from.
    #[serde(rename = "source", deserialize_with = "said")]
    _source: String,
    /// Share of the requests, in any unit.
    share: f64,
    prompt: Words,
    answer: Words,
    /// Of the logarithms of both lengths.
    correlation: f64,
    tokens_per_word: f64,
    /// Tokens of a prompt besides the text.
    instruction: f64,
}

/// A log-normal number of words.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    words: f64,
    variation: f64,
}

impl TryFrom<RawPart> for Part {
    type Error = String;

    fn try_from(part: RawPart) -> Result<Part, String> {
        let tokens = |words: Words| within(words.words * part.tokens_per_word, MOST_TOKENS.into());
        let both = [part.prompt, part.answer];
        let checks = [
            (within(part.share, MOST_WEIGHT), "`share` must be above 0, and at most 1e15"),
            (both.iter().all(|words| words.words > 0.0), "`words` must be above 0"),
            (
                both.iter().all(|words| within(words.variation, MOST_VARIATION)),
                "`variation` must be above 0, and at most 10",
            ),
            (
                part.tokens_per_word > 0.0 && both.into_iter().all(tokens),
                "`tokens_per_word` must be above 0, and a mean length at most 16777216 tokens",
            ),
            ((-1.0..=1.0).contains(&part.correlation), "`correlation` must lie from -1 to 1"),
            (
                (0.0..=MOST_TOKENS.into()).contains(&part.instruction),
                "`instruction` must be a number of tokens, 0 or more",
            ),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err((*what).to_owned()),
            None => Ok(Part(part)),
        }
    }
}

impl Part {
    fn points(&self) -> Vec<cells::Point> {
        let part = &self.0;
        let spread = |words: Words| Spread { mean: words.words * part.tokens_per_word, variation: words.variation };
        let mut points = cells::log_normal(spread(part.prompt), spread(part.answer), part.correlation, part.share);
        points.iter_mut().for_each(|point| point.prompt += part.instruction);
        points
    }
}

/// Reads a kind of traffic.
pub fn traffic(file: &str, text: &str) -> Result<Traffic, FactError> {
    let raw: RawTraffic = written::read(file, text)?;
    let row = |row: &Spanned<_>| pair(*row.get_ref()).map_err(|what| FactError::at(file, text, row.span().start, what));
    let mut pairs: Vec<Pair> = match (raw.pairs.is_empty(), raw.parts.is_empty()) {
        (false, true) => raw.pairs.iter().map(row).collect::<Result<_, _>>()?,
        (true, false) => cells::cells(raw.parts.iter().flat_map(Part::points).collect()),
        _ => {
            let what = "either `pairs` or `[[part]]` is expected, and not both".to_owned();
            return Err(FactError::at(file, text, 0, what));
        }
    };
    normalise(pairs.iter_mut().map(|pair| &mut pair.weight).collect());
    let stem = file.rsplit('/').next().unwrap_or(file);
    Ok(Traffic {
        name: stem.strip_suffix(".toml").unwrap_or(stem).to_owned(),
        title: raw.title,
        source: raw.source,
        as_of: raw.as_of,
        licence: raw.licence,
        citation: raw.citation,
        range: raw.range,
        trace: raw.trace,
        pairs,
    })
}

/// Divides by the sum.
fn normalise(weights: Vec<&mut f64>) {
    let total: f64 = weights.iter().map(|weight| **weight).sum();
    weights.into_iter().for_each(|weight| *weight /= total);
}

/// Which kinds of requests a service gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// For people.
    pub title: String,
    /// Where the shares come from.
    pub source: String,
    /// Of when they are.
    pub as_of: String,
    /// Licence of the source.
    pub licence: String,
    /// The kinds; their shares add up to 1.
    pub shares: Vec<Share>,
}

/// A kind's share of the requests of a mix.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Name of the kind of traffic.
    pub traffic: String,
    /// Share of the requests.
    pub share: f64,
    /// Low end of the share, the others' as they are.
    pub low: f64,
    /// High end of the share, the others' as they are.
    pub high: f64,
    /// What it is taken from.
    #[serde(deserialize_with = "said")]
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMix {
    #[serde(deserialize_with = "said")]
    title: String,
    #[serde(deserialize_with = "said")]
    source: String,
    #[serde(deserialize_with = "said")]
    as_of: String,
    #[serde(deserialize_with = "said")]
    licence: String,
    #[serde(rename = "kind")]
    kinds: Vec<RawShare>,
}

#[derive(Deserialize)]
#[serde(try_from = "Share")]
struct RawShare(Share);

impl TryFrom<Share> for RawShare {
    type Error = String;

    fn try_from(share: Share) -> Result<RawShare, String> {
        if Traffic::names().all(|name| name != share.traffic) {
            let names: Vec<&str> = Traffic::names().collect();
            return Err(format!("no traffic `{}`; there are {}", share.traffic, names.join(", ")));
        }
        if !(0.0 <= share.low && share.low <= share.share && share.share <= share.high && share.high <= MOST_WEIGHT) {
            return Err(format!(
                "low {}, share {} and high {} must not fall, from 0 on",
                share.low, share.share, share.high
            ));
        }
        Ok(RawShare(share))
    }
}

impl Mix {
    /// The shipped mix of a ChatGPT-like service.
    pub fn builtin() -> Mix {
        let file = "mixes/chatgpt.toml";
        let text = data::file(file).expect("the mix is embedded");
        Mix::parse(file, text).expect("the shipped mix is tested")
    }

    /// Reads a mix. Shares may be in any unit: they are divided by their sum, and the ends of their ranges with them.
    ///
    /// # Errors
    /// Text that is not a mix, with file, line and what would do.
    pub fn parse(file: &str, text: &str) -> Result<Mix, FactError> {
        let raw: RawMix = written::read(file, text)?;
        let mut shares: Vec<Share> = raw.kinds.into_iter().map(|kind| kind.0).collect();
        let total: f64 = shares.iter().map(|share| share.share).sum();
        if total <= 0.0 {
            let what = "the shares add up to nothing; at least one above 0 is expected".to_owned();
            return Err(FactError::at(file, text, 0, what));
        }
        for share in &mut shares {
            [&mut share.share, &mut share.low, &mut share.high].into_iter().for_each(|part| *part /= total);
        }
        Ok(Mix { title: raw.title, source: raw.source, as_of: raw.as_of, licence: raw.licence, shares })
    }

    /// Share of the requests of a kind, 0 to 1; 0 for a kind that is not in the mix.
    pub fn share(&self, traffic: &str) -> f64 {
        self.shares.iter().filter(|share| share.traffic == traffic).map(|share| share.share).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &str = "title = 't'\nsource = 's'\nas_of = '2025'\nlicence = 'l'\ncitation = 'c'\nrange = 'r'\n";
    const PART: &str = "[[part]]\nsource = 's'\nshare = 1\nprompt = { words = 10, variation = 0.5 }\n\
                        answer = { words = 5, variation = 0.5 }\ncorrelation = 0.5\ntokens_per_word = 1.3\ninstruction = 3\n";

    fn refused(text: &str, line: usize, part: &str) {
        let error = Traffic::parse("a.toml", text).unwrap_err();
        assert!(error.line == line && error.what.contains(part), "{error}");
    }

    #[test]
    fn refusals_name_the_line() {
        assert!(Traffic::parse("a.toml", &format!("{HEAD}{PART}")).is_ok());
        refused(&format!("{HEAD}pairs = [\n  [10, 2, 1],\n  [10, 0, 1],\n]\n"), 9, "(10.0, 0.0, 1.0): whole tokens");
        refused(&format!("{HEAD}pairs = [\n  [10.5, 2, 1],\n]\n"), 8, "whole tokens");
        refused(&format!("{HEAD}pairs = [\n  [10, 2, 0],\n]\n"), 8, "a weight above 0");
        refused(&format!("{HEAD}pairs = [\n  [10, 2],\n]\n"), 8, "3");
        refused(HEAD, 1, "either `pairs` or `[[part]]`");
        refused(&format!("{HEAD}pairs = [[1, 1, 1]]\n{PART}"), 1, "not both");
        refused(&format!("{HEAD}colour = 1\n"), 7, "colour");
        refused(&HEAD.replace("'s'", "' '"), 2, "the text is empty");
        refused(&format!("{HEAD}{}", PART.replace("correlation = 0.5", "correlation = 2")), 7, "from -1 to 1");
        refused(&format!("{HEAD}{}", PART.replace("words = 5", "words = 0")), 7, "`words` must be above 0");
        refused(&format!("{HEAD}{}", PART.replace("words = 5", "words = 1e9")), 7, "at most 16777216 tokens");
        refused(&format!("{HEAD}{}", PART.replace("0.5 }\nanswer", "11 }\nanswer")), 7, "`variation`");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}", number in proptest::num::f64::ANY, at in 0usize..6) {
            let _ = Traffic::parse("a.toml", &format!("{HEAD}{text}"));
            let key = ["share = 1", "words = 10", "variation = 0.5", "correlation = 0.5", "1.3", "= 3"][at];
            let name = key.split_inclusive("= ").next().filter(|name| *name != key).unwrap_or("");
            let part = PART.replace(key, &format!("{name}{number:?}"));
            for text in [format!("{HEAD}{part}"), format!("{HEAD}pairs = [[1, {number:?}, 1], [2, 3, {number:?}]]")] {
                if let Ok(traffic) = Traffic::parse("a.toml", &text) {
                    prop_assert!(traffic.mean_context().is_finite() && traffic.longest() >= traffic.long_prompt());
                    prop_assert!((traffic.pairs.iter().map(|pair| pair.weight).sum::<f64>() - 1.0).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn the_shipped_mix_covers_the_shipped_kinds() {
        let mix = Mix::builtin();
        assert!((mix.shares.iter().map(|share| share.share).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(Traffic::names().all(|name| mix.share(name) > 0.0));
        // Published: 4.2 of the 94.1 messages of a hundred that are text.
        assert!((mix.share("code") - 4.2 / 94.1).abs() < 1e-12 && mix.share("mail") == 0.0);
    }

    #[test]
    fn a_mix_is_refused_with_its_line() {
        let head = "title = 't'\nsource = 's'\nas_of = '2025'\nlicence = 'l'\n";
        let kind = "[[kind]]\ntraffic = 'chat'\nshare = 3\nlow = 1\nhigh = 4\nsource = 's'\n";
        let mix = Mix::parse("m.toml", &format!("{head}{kind}{}", kind.replace("chat", "code"))).unwrap();
        assert_eq!((mix.shares[0].share, mix.shares[0].low, mix.shares[1].high), (0.5, 1.0 / 6.0, 4.0 / 6.0));
        let refused = |text: &str, part: &str| {
            let error = Mix::parse("m.toml", text).unwrap_err().to_string();
            assert!(error.starts_with("m.toml, line ") && error.contains(part), "{error}");
        };
        refused(&format!("{head}{}", kind.replace("chat", "mail")), "line 5: no traffic `mail`; there are chat, code");
        refused(&format!("{head}{}", kind.replace("low = 1", "low = 5")), "must not fall");
        refused(&format!("{head}{}", kind.replace("share = 3\nlow = 1", "share = 0\nlow = 0")), "add up to nothing");
    }
}
