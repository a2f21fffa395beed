//! The memo: one to two pages of Markdown for those who decide.

use askama::Template;
use explore::outcome::{Action, Bind, Contender, Explains, Outcome};

use crate::{filters, text};

/// Inputs that are named as what the spread comes from.
const NAMED_INPUTS: usize = 4;

/// Devices in the table of alternatives; the page has all.
const ALTERNATIVES: usize = 10;

#[derive(Template)]
#[template(path = "memo.md", escape = "none")]
struct Memo<'a> {
    outcome: &'a Outcome,
    ours: Option<&'a Contender>,
    rival: Option<&'a Contender>,
}

/// The memo of an outcome, as the text of a Markdown file.
pub fn memo(outcome: &Outcome) -> String {
    let memo = Memo { outcome, ours: text::ours(outcome), rival: text::rival(outcome) };
    let text = memo.render().expect("a template writes into memory and its filters do not fail");
    without_gaps(&text)
}

/// Blank lines in a row become one: what a template leaves out leaves no hole.
fn without_gaps(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines().map(str::trim_end) {
        if !line.is_empty() || !(out.is_empty() || out.ends_with("\n\n")) {
            out += line;
            out.push('\n');
        }
    }
    out.truncate(out.trim_end().len());
    out + "\n"
}

/// Text that Markdown takes as it is, on one line.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '\\' | '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '#' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

impl Memo<'_> {
    fn action(&self) -> &'static str {
        text::action(self.outcome.verdict.action)
    }

    fn sentence(&self) -> String {
        text::sentence(&self.outcome.verdict)
    }

    fn left_out(&self) -> Vec<(String, &str)> {
        text::left_out(self.outcome)
    }

    fn builds(&self) -> bool {
        self.outcome.verdict.action == Action::Build
    }

    /// Limits that bind.
    fn binding(&self) -> Vec<&Bind> {
        self.outcome.chosen.iter().flat_map(|chosen| &chosen.binds).filter(|bind| bind.binds).collect()
    }

    /// The cheapest devices, ours first.
    fn alternatives(&self) -> &[Contender] {
        let all = &self.outcome.contenders;
        &all[..all.len().min(ALTERNATIVES)]
    }

    /// How many dearer ones there are.
    fn dearer(&self) -> usize {
        self.outcome.contenders.len().saturating_sub(ALTERNATIVES)
    }

    /// The inputs that explain most.
    fn explaining(&self) -> &[Explains] {
        let all = &self.outcome.sensitivity;
        &all[..all.len().min(NAMED_INPUTS)]
    }

    /// How many assumptions have each grade.
    fn grades(&self) -> String {
        let count = |grade: &str| self.outcome.assumptions.iter().filter(|row| row.grade == grade).count();
        let known = ["P", "A", "R", "C"].map(|grade| (count(grade), text::grade(grade)));
        let graded: usize = known.iter().map(|(rows, _)| rows).sum();
        let rest = (self.outcome.assumptions.len() - graded, text::grade(""));
        let parts = known.into_iter().chain([rest]).filter(|(rows, _)| *rows > 0);
        parts.map(|(rows, meaning)| format!("{rows} {meaning}")).collect::<Vec<_>>().join("; ")
    }

    /// Latest date of an assumption.
    fn latest(&self) -> Option<&str> {
        self.outcome.assumptions.iter().map(|row| row.as_of.as_str()).max()
    }

    /// Probability that our chip is not cheaper.
    fn otherwise(&self) -> f64 {
        1.0 - self.outcome.verdict.probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_a_table_or_a_line() {
        assert_eq!(escape("a|b*c_d\n# <x> [y](z)"), "a\\|b\\*c\\_d \\# \\<x\\> \\[y\\](z)");
    }

    #[test]
    fn what_is_left_out_leaves_no_hole() {
        assert_eq!(without_gaps("\n\n# a  \n\n\n\nb\n\n\n"), "# a\n\nb\n");
    }
}
