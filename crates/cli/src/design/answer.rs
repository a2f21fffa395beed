//! The answer on the terminal: what to do, the chip, the contenders, what it hangs on. Everything stands in the outcome; nothing is judged here.

use crate::ui::{self, Align, Sheet};
use explore::outcome::{Bind, Chosen, Contender, Explains, Fact, Flip, Outcome, Searched};
use std::path::Path;

/// Rows of each list: the page has all of them.
const SHOWN: usize = 4;

/// Contenders in the table.
const CONTENDERS: usize = 8;

/// Columns of the answer.
const WIDTH: usize = 80;

/// The answer as text of at most 80 columns; `out` is where the files are.
pub fn text(outcome: &Outcome, out: &Path) -> String {
    let parts = [
        verdict(outcome),
        chip(outcome),
        contenders(outcome),
        flips(&outcome.flips),
        spread(&outcome.sensitivity),
        ending(outcome, out),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn verdict(outcome: &Outcome) -> String {
    let verdict = &outcome.verdict;
    let reasons = ui::paragraph(&verdict.reasons.join(" "));
    ui::styled(ui::STRONG, ui::paragraph(&verdict.sentence).trim_end()) + "\n" + reasons.trim_start()
}

fn chip(outcome: &Outcome) -> String {
    let Some(chosen) = &outcome.chosen else { return String::new() };
    let mut sheet = Sheet::new();
    let line = |Fact { what, figure, .. }: &Fact| format!("{what} {figure}");
    sheet.row("chip", ui::styled(ui::STRONG, &chosen.name));
    sheet.row("", chosen.sheet.iter().map(line).collect::<Vec<_>>().join("; "));
    sheet.row("binds", binds(chosen));
    sheet.text()
}

/// The limits that bind; the nearest one if none does.
fn binds(chosen: &Chosen) -> String {
    let tell = |bind: &Bind| format!("{} {} of {}", bind.limit, bind.taken, bind.allowed);
    let mut nearest: Vec<&Bind> = chosen.binds.iter().collect();
    nearest.sort_by(|a, b| b.share.total_cmp(&a.share));
    let binding: Vec<String> = nearest.iter().filter(|bind| bind.binds).take(SHOWN).map(|bind| tell(bind)).collect();
    match (binding.is_empty(), nearest.first()) {
        (false, _) => binding.join("; "),
        (true, Some(nearest)) => format!("no limit; the nearest is {}", tell(nearest)),
        (true, None) => "no limit".into(),
    }
}

fn contenders(outcome: &Outcome) -> String {
    let Some(measure) = outcome.contenders.first() else { return String::new() };
    let (left, right) = (Align::Left, Align::Right);
    let head = [
        ("  USD per million", left),
        ("median", right),
        ("90 % from", right),
        ("to", right),
        ("ratio", right),
        ("tokens/s", right),
        ("W", right),
        ("J", right),
    ];
    let row = |one: &Contender| {
        let figures = [
            one.usd.median,
            one.usd.low,
            one.usd.high,
            one.usd.median / measure.usd.median,
            one.rate,
            one.watts,
            one.joules,
        ];
        let name = format!("{} {}", if one.ours { ">" } else { " " }, one.name);
        [name].into_iter().chain(figures.map(figure)).collect::<Vec<_>>()
    };
    let shown = &outcome.contenders[..outcome.contenders.len().min(CONTENDERS)];
    let mut rows = fitted(&head, shown.iter().map(row).collect());
    for (row, _) in rows.iter_mut().zip(shown).filter(|(_, one)| one.ours) {
        row[0] = ui::styled(ui::STRONG, &row[0]);
    }
    let mut text = ui::table(&head, &rows);
    let (more, left_out) = (outcome.contenders.len() - rows.len(), outcome.left_out.len());
    let told = [(more, "more in report.html"), (left_out, "not comparable, with the reasons in report.html")];
    let told: Vec<String> =
        told.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if !told.is_empty() {
        text += &format!("  {}\n", ui::styled(ui::FAINT, told.join("; ")));
    }
    text
}

fn flips(flips: &[Flip]) -> String {
    if flips.is_empty() {
        return String::new();
    }
    let (left, right) = (Align::Left, Align::Right);
    let head = [("what would turn it over", left), ("now", right), ("at", right), ("then", left)];
    let row = |flip: &Flip| [&flip.input, &flip.now, &flip.turns, &flip.then].map(String::clone).to_vec();
    ui::table(&head, &fitted(&head, flips.iter().take(SHOWN).map(row).collect()))
}

fn spread(sensitivity: &[Explains]) -> String {
    if sensitivity.is_empty() {
        return String::new();
    }
    let (left, right) = (Align::Left, Align::Right);
    let head =
        [("what explains the spread", left), ("share", right), ("ratio at its low", right), ("at its high", right)];
    let row = |one: &Explains| {
        vec![one.input.clone(), format!("{:.0} %", 100.0 * one.share), figure(one.swing.0), figure(one.swing.1)]
    };
    ui::table(&head, &fitted(&head, sensitivity.iter().take(SHOWN).map(row).collect()))
}

fn ending(outcome: &Outcome, out: &Path) -> String {
    let mut sheet = Sheet::new();
    sheet.row("search", searched(&outcome.search, outcome.chosen.is_some()));
    let mut files = vec!["report.html", "memo.md", "results.parquet", "chips.parquet", "outcome.json"];
    let missing = match outcome.chosen {
        Some(_) => {
            files.insert(0, "chip.toml");
            ""
        }
        None => "; no chip.toml, since no chip of the grid meets the limits",
    };
    sheet.row("files", format!("{}: {}{missing}", out.display(), files.join(", ")));
    sheet.text()
}

fn searched(search: &Searched, chosen: bool) -> String {
    let refused: u64 = search.refused.iter().map(|(_, count)| count).sum();
    let mut text = format!("{} chips", ui::count(search.chips));
    if refused > 0 {
        let by: Vec<String> =
            search.refused.iter().map(|(limit, count)| format!("{limit} {}", ui::count(*count))).collect();
        text += &format!(", {} refused ({})", ui::count(refused), by.join(", "));
    }
    let (pruned, evaluated) = (ui::count(search.pruned), ui::count(search.evaluated));
    text +=
        &format!(", {pruned} left out by their bounds, {evaluated} evaluated in {} points; ", ui::count(search.points));
    if search.undone > 0 {
        text += &format!("{} not looked at, since the points were spent; ", ui::count(search.undone));
    }
    text + &match search.gap {
        _ if !chosen => "none of them serves".to_owned(),
        0.0 => "the best is proven".to_owned(),
        gap => format!("a better one may be up to {:.1} % cheaper", 100.0 * gap),
    }
}

/// Three significant figures, whole numbers in groups.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => ui::count(value.round() as u64),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// Rows whose first cells are cut where the table would be too wide.
fn fitted(head: &[(&str, Align)], mut rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].0.chars().count()]).max().unwrap_or(0)
    };
    let others: usize = (1..head.len()).map(|column| width(column) + 2).sum();
    let room = WIDTH.saturating_sub(others).max(1);
    rows.iter_mut().for_each(|row| row[0] = cut(&row[0], room));
    rows
}

/// A text of at most `room` characters.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_names_stay_short() {
        let cases = [(0.0, "0.00"), (0.01234, "0.012"), (0.5, "0.50"), (12.34, "12.3"), (98_765.4, "98,765")];
        cases.iter().for_each(|(value, text)| assert_eq!(figure(*value), *text));
        let head = [("what", Align::Left), ("figure", Align::Right)];
        let rows = fitted(&head, vec![vec!["long ".repeat(30), "1".repeat(12)]]);
        assert_eq!(ui::table(&head, &rows).lines().last().map(|line| line.chars().count()), Some(WIDTH));
        assert_eq!((cut("short", 5), cut("longer", 5)), ("short".into(), "long…".into()));
    }

    #[test]
    fn a_search_is_told_whole() {
        let search = Searched {
            chips: 1200,
            refused: vec![("heat".into(), 100), ("reticle".into(), 20)],
            pruned: 1000,
            undone: 0,
            evaluated: 80,
            points: 123_456,
            gap: 0.0,
            grid: Vec::new(),
        };
        let text = searched(&search, true);
        assert!(text.starts_with("1,200 chips, 120 refused (heat 100, reticle 20), 1,000 left out"), "{text}");
        assert!(text.ends_with("80 evaluated in 123,456 points; the best is proven"), "{text}");
        assert!(searched(&search, false).ends_with("none of them serves"));
        let early = searched(&Searched { gap: 0.034, undone: 70, ..search }, true);
        assert!(
            early.contains("; 70 not looked at, since the points were spent; ")
                && early.ends_with("may be up to 3.4 % cheaper"),
            "{early}"
        );
    }
}
