//! The page: one HTML file with its style, scripts, data and pictures inside.

use askama::Template;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use explore::outcome::{Action, Assumption, Contender, Outcome};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::charts::{self, MEASURES};
use crate::{filters, text};

/// What runs in the page, in this order.
const SCRIPTS: [&str; 4] = [
    include_str!("../assets/vega.min.js"),
    include_str!("../assets/vega-lite.min.js"),
    include_str!("../assets/vega-embed.min.js"),
    include_str!("../assets/page.js"),
];

const STYLE: &str = include_str!("../assets/page.css");

const LICENCES: &str = include_str!("../assets/licences.txt");

/// Grades of sources in the order of trust.
const GRADES: [&str; 4] = ["P", "A", "R", "C"];

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    outcome: &'a Outcome,
    ours: Option<&'a Contender>,
    rival: Option<&'a Contender>,
    rivals: Vec<&'a Contender>,
    charts: Map<String, Value>,
    policy: String,
    scripts: Vec<&'static str>,
    style: &'static str,
    licences: &'static str,
}

/// The whole page of an outcome, as the text of an HTML file that needs nothing else.
pub fn page(outcome: &Outcome) -> String {
    let scripts: Vec<&str> = SCRIPTS.iter().map(|script| without_map(script)).collect();
    // The best rival stands first, because the list of rivals shows its first entry.
    let best = text::rival(outcome);
    let others =
        outcome.contenders.iter().filter(|other| !other.ours && best.is_some_and(|best| best.key != other.key));
    let page = Page {
        outcome,
        ours: text::ours(outcome),
        rival: best,
        rivals: best.into_iter().chain(others).collect(),
        charts: charts::all(outcome),
        policy: policy(&scripts),
        scripts,
        style: STYLE,
        licences: LICENCES,
    };
    page.render().expect("a template writes into memory and its filters do not fail")
}

/// A script without the line that names its source map, which would be a request.
fn without_map(script: &'static str) -> &'static str {
    script.split("//# sourceMappingURL=").next().unwrap_or(script)
}

/// What the page may do: run these scripts, show pictures that it contains, and nothing else.
fn policy(scripts: &[&str]) -> String {
    let sums = scripts.iter().map(|script| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(script))));
    format!(
        "default-src 'none'; script-src {}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'",
        sums.collect::<Vec<_>>().join(" ")
    )
}

impl Page<'_> {
    fn has(&self, chart: &str) -> bool {
        self.charts.contains_key(chart)
    }

    /// Charts and their look as JSON in which nothing can end the element that holds it.
    fn data(&self) -> String {
        let all = json!({ "charts": self.charts, "look": charts::look() });
        all.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
    }

    /// Name of the verdict for the style sheet.
    fn tone(&self) -> &'static str {
        match self.outcome.verdict.action {
            Action::Build => "build",
            Action::DoNotBuild => "do-not-build",
            Action::Open => "open",
        }
    }

    fn action(&self) -> &'static str {
        text::action(self.outcome.verdict.action)
    }

    fn sentence(&self) -> String {
        text::sentence(&self.outcome.verdict)
    }

    fn left_out(&self) -> Vec<(String, &str)> {
        text::left_out(self.outcome)
    }

    fn measures(&self) -> &'static [charts::Measure] {
        &MEASURES
    }

    /// Grades that the assumptions have, with their meaning.
    fn grades(&self) -> Vec<(&'static str, &'static str)> {
        let used = |grade: &&&str| self.outcome.assumptions.iter().any(|row| row.grade == **grade);
        GRADES.iter().filter(used).map(|grade| (*grade, text::grade(grade))).collect()
    }

    /// Targets of a workload: time to first token and time per further token, s.
    fn targets(&self, workload: &str) -> Option<(f64, f64)> {
        let found = self.outcome.asked.workloads.iter().find(|asked| asked.name == workload);
        found.map(|asked| (asked.ttft, asked.tpot))
    }

    /// Every step of any waterfall, and each contender's dollars for it.
    fn steps(&self) -> Vec<(&str, Vec<Option<f64>>)> {
        let order = charts::step_names(self.outcome);
        let of = |contender: &Contender, what: &str| {
            let steps = contender.waterfall.iter().filter(|step| step.what == what);
            steps.map(|step| step.usd).reduce(|sum, usd| sum + usd)
        };
        let row = |what: &'_ str| self.outcome.contenders.iter().map(|contender| of(contender, what)).collect();
        order.into_iter().map(|what| (what, row(what))).collect()
    }

    /// Chips as a share of the grid.
    fn of_grid(&self, chips: &u64) -> f64 {
        *chips as f64 / self.outcome.search.chips.max(1) as f64
    }

    /// Designs on the front for the table, cheapest first.
    fn front(&self) -> Vec<&explore::outcome::Design> {
        let mut front: Vec<_> = self.outcome.designs.iter().filter(|design| design.front || design.chosen).collect();
        front.sort_by(|a, b| a.usd.total_cmp(&b.usd));
        front
    }
}

/// A drawing as the address of a picture, in which scripts do not run and nothing is loaded.
fn picture(svg: &str) -> String {
    format!("data:image/svg+xml;base64,{}", BASE64_STANDARD.encode(svg))
}

/// Low, nominal and high of an assumption in one cell.
fn three_of(row: &Assumption) -> [String; 3] {
    let (low, nominal, high) = row.range;
    [low, nominal, high].map(text::short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_fit_into_their_elements() {
        for script in SCRIPTS {
            assert!(!without_map(script).contains("sourceMappingURL"));
            let low = script.to_lowercase();
            assert!(!low.contains("</script") && !low.contains("<!--"), "{}", &script[..80]);
        }
    }

    #[test]
    fn libraries_are_those_that_their_page_names() {
        let about = include_str!("../assets/README.md");
        for script in &SCRIPTS[..3] {
            let sum: String = Sha256::digest(script).iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(about.contains(&sum), "{}...: run `cargo xtask vendor`", &script[..80]);
        }
    }

    #[test]
    fn the_policy_names_no_host_and_no_evaluation() {
        let policy = policy(&["alert(1)"]);
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
        assert!(!policy.contains("http") && !policy.contains("eval") && !policy.contains('*'), "{policy}");
    }
}
