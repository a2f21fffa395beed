//! Kinds of traffic and the mix of a service, as data: `data/traffic` and `data/mixes`.
//!
//! A kind is the joint distribution of the tokens of a prompt and of its answer, as a weighted table of some hundred pairs. Where a public trace exists, the
//! table is its reduction ([`cells`]); where none does, published mean lengths of corpora make log-normal distributions, which are cut by the same rule.
//!
//! Everything that a closed form needs of a kind is a moment of its table; simulated traffic draws pairs from it.
//!
//! ```
//! let chat = explore::traffic::Traffic::builtin("chat").unwrap();
//! assert!((chat.mean_prompt() - 1154.7).abs() < 1.0 && (chat.mean_answer() - 211.1).abs() < 1.0);
//! assert!(explore::traffic::Traffic::names().any(|name| name == "summarise"));
//! ```

pub mod cells;
mod file;

pub use file::Mix;
pub use phys::written::FactError;

/// Tokens of a prompt and of its answer, standing for some of the requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Tokens of the prompt.
    pub prompt: u32,
    /// Tokens of the answer.
    pub answer: u32,
    /// Share of the requests; the shares of a kind add up to 1.
    pub weight: f64,
}

/// A kind of traffic.
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic {
    /// Key: `chat`.
    pub name: String,
    /// For people.
    pub title: String,
    /// Where the lengths come from, and what is assumed.
    pub source: String,
    /// Of when they are: year and month.
    pub as_of: String,
    /// Licence of the source.
    pub licence: String,
    /// The publication to cite.
    pub citation: String,
    /// How far other services may lie from it, in words.
    pub range: String,
    /// File of the trace that the table was reduced from; none where the table is made of published lengths.
    pub trace: Option<String>,
    /// The joint distribution.
    pub pairs: Vec<Pair>,
}

impl Traffic {
    /// A shipped kind, by name.
    pub fn builtin(name: &str) -> Option<Traffic> {
        let known = Traffic::names().any(|known| known == name);
        let file = format!("traffic/{name}.toml");
        let text = data::file(&file).filter(|_| known)?;
        Some(Traffic::parse(&file, text).expect("shipped kinds of traffic are tested"))
    }

    /// Names of the shipped kinds.
    pub fn names() -> impl Iterator<Item = &'static str> {
        data::list("traffic/").filter_map(|path| path.strip_prefix("traffic/")?.strip_suffix(".toml"))
    }

    /// Reads a kind; its name is that of the file without folders and ending.
    ///
    /// # Errors
    /// Text that is not a kind of traffic, with file, line and what would do.
    pub fn parse(file: &str, text: &str) -> Result<Traffic, FactError> {
        file::traffic(file, text)
    }

    /// E\[f\]: the mean of a function over the requests.
    fn mean(&self, f: impl Fn(f64, f64) -> f64) -> f64 {
        let terms = self.pairs.iter().map(|pair| pair.weight * f(pair.prompt.into(), pair.answer.into()));
        terms.sum::<f64>() / self.pairs.iter().map(|pair| pair.weight).sum::<f64>()
    }

    /// Mean tokens of a prompt: E\[p\].
    pub fn mean_prompt(&self) -> f64 {
        self.mean(|prompt, _| prompt)
    }

    /// Mean tokens of an answer: E\[a\].
    pub fn mean_answer(&self) -> f64 {
        self.mean(|_, answer| answer)
    }

    /// Mean tokens before a token of an answer: E\[a (p + a/2)\] / E\[a\], since a request takes part in a decode step in proportion to its answer, and has
    /// written half of it on average.
    pub fn mean_context(&self) -> f64 {
        self.mean(|prompt, answer| answer * (prompt + answer / 2.0)) / self.mean_answer()
    }

    /// Mean length of the prompt that a token of a prompt belongs to: E\[p^2\] / E\[p\]. Half of it is the mean context of a token in prefill, so that the attention
    /// of all prompts is that of E\[p\] tokens after half of this.
    pub fn mean_prompt_of_token(&self) -> f64 {
        self.mean(|prompt, _| prompt * prompt) / self.mean_prompt()
    }

    /// The 99th percentile of the prompt, tokens: the smallest p of the table with P(prompt <= p) >= 0.99.
    pub fn long_prompt(&self) -> u32 {
        let mut pairs: Vec<&Pair> = self.pairs.iter().collect();
        pairs.sort_by_key(|pair| pair.prompt);
        let total: f64 = pairs.iter().map(|pair| pair.weight).sum();
        let mut below = 0.0;
        let reached = pairs.iter().find(|pair| {
            below += pair.weight;
            below >= (0.99 - EXACT) * total
        });
        reached.or(pairs.last()).map_or(0, |pair| pair.prompt)
    }

    /// Tokens of the longest sequence of the table: max(p + a).
    pub fn longest(&self) -> u32 {
        self.pairs.iter().map(|pair| pair.prompt + pair.answer).max().unwrap_or(0)
    }
}

/// Sums of shares are exact to far less than this, and no share of a table is as small.
const EXACT: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(pairs: &[(u32, u32, f64)]) -> Traffic {
        let rows: Vec<String> = pairs.iter().map(|(p, a, w)| format!("[{p}, {a}, {w:?}]")).collect();
        let text = format!(
            "title = 't'\nsource = 's'\nas_of = '2025'\nlicence = 'l'\ncitation = 'c'\nrange = 'r'\npairs = [{}]\n",
            rows.join(", ")
        );
        Traffic::parse("traffic/t.toml", &text).unwrap()
    }

    #[test]
    fn moments_of_a_table_by_hand() {
        let two = table(&[(100, 10, 3.0), (500, 50, 1.0)]);
        assert_eq!((two.name.as_str(), two.pairs[0].weight, two.pairs[1].weight), ("t", 0.75, 0.25));
        assert_eq!((two.mean_prompt(), two.mean_answer()), (200.0, 20.0));
        // (0.75 x 10 x 105 + 0.25 x 50 x 525) / 20 and (0.75 x 100^2 + 0.25 x 500^2) / 200.
        assert_eq!(two.mean_context(), 367.5);
        assert_eq!(two.mean_prompt_of_token(), 350.0);
        assert_eq!((two.long_prompt(), two.longest()), (500, 550));
    }

    #[test]
    fn the_long_prompt_is_the_smallest_that_covers_its_share() {
        assert_eq!(table(&[(7, 1, 99.0), (9, 1, 1.0)]).long_prompt(), 7);
        assert_eq!(table(&[(9, 1, 2.0), (7, 1, 98.0)]).long_prompt(), 9);
    }

    #[test]
    fn shipped_kinds_are_tables_of_a_known_size() {
        let names: Vec<&str> = Traffic::names().collect();
        assert_eq!(names, ["chat", "code", "summarise", "translate"]);
        for name in names {
            let traffic = Traffic::builtin(name).unwrap();
            assert!((64..=128).contains(&traffic.pairs.len()), "{name}: {}", traffic.pairs.len());
            let total: f64 = traffic.pairs.iter().map(|pair| pair.weight).sum();
            assert!((total - 1.0).abs() < EXACT, "{name}: {total}");
        }
        assert!(Traffic::builtin("mail").is_none() && Traffic::builtin("../mixes/chatgpt").is_none());
    }

    #[test]
    fn the_page_shows_the_moments_of_the_shipped_kinds() {
        let page = include_str!("../../../docs/traffic.md");
        for traffic in Traffic::names().filter_map(Traffic::builtin) {
            let [prompt, answer] = [traffic.mean_prompt(), traffic.mean_answer()].map(f64::round);
            let [context, of_token] = [traffic.mean_context(), traffic.mean_prompt_of_token()].map(f64::round);
            let (long, longest) = (traffic.long_prompt(), traffic.longest());
            let row =
                format!("| `{}` | {prompt} | {answer} | {context} | {of_token} | {long} | {longest} |", traffic.name);
            assert!(page.contains(&row), "docs/traffic.md: {row}");
        }
    }

    #[test]
    fn published_means_come_out_of_the_tables() {
        let close = |found: f64, expected: f64| (found / expected - 1.0).abs() < 0.01;
        let summarise = Traffic::builtin("summarise").unwrap();
        let (texts, summaries) =
            (0.6 * 781.0 + 0.25 * 3016.0 + 0.15 * 9409.0, 0.6 * 56.0 + 0.25 * 203.0 + 0.15 * 553.0);
        assert!(close(summarise.mean_prompt(), 1.3 * texts + 30.0), "{}", summarise.mean_prompt());
        assert!(close(summarise.mean_answer(), 1.3 * summaries), "{}", summarise.mean_answer());
        let translate = Traffic::builtin("translate").unwrap();
        let words = 0.4 * 21.0 + 0.4 * 84.0 + 0.2 * 420.0;
        assert!(close(translate.mean_prompt(), 1.5 * words + 25.0), "{}", translate.mean_prompt());
        assert!(close(translate.mean_answer(), 1.5 * words), "{}", translate.mean_answer());
    }

    proptest! {
        #[test]
        fn moments_lie_between_the_ends(pairs in proptest::collection::vec((1u32..9000, 1u32..3000, 0.01f64..5.0), 1..40)) {
            let traffic = table(&pairs);
            let (least, most) = (pairs.iter().map(|p| p.0).min().unwrap(), pairs.iter().map(|p| p.0).max().unwrap());
            let within = |value: f64| f64::from(least) - 1e-6 <= value && value <= f64::from(most) + 1e-6;
            prop_assert!(within(traffic.mean_prompt()) && within(traffic.mean_prompt_of_token()));
            prop_assert!(traffic.mean_prompt_of_token() >= traffic.mean_prompt() - 1e-6);
            prop_assert!(within(traffic.long_prompt().into()));
            prop_assert!(traffic.mean_context() <= f64::from(traffic.longest()));
        }
    }
}
