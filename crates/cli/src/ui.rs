//! What the terminal shows: sheets of figures, tables, progress, and the one sentence of an error.
//!
//! Colour comes from `anstream`, which leaves it out where the stream is no terminal, and obeys `NO_COLOR` and `CLICOLOR`. There are three styles
//! and no more: bold for what a line is about, dim for what may be skipped, red for what needs attention.

use crate::failure::{Failure, Result};
use anstyle::{AnsiColor, Style};
use base::units::Bytes;
use clap::builder::styling::Styles;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::time::Duration;

/// For what a line is about.
pub const STRONG: Style = Style::new().bold();
/// For labels and other things the eye may skip.
pub const FAINT: Style = Style::new().dimmed();
/// For what needs attention.
pub const ALARM: Style = AnsiColor::Red.on_default().bold();

/// The same three styles in help texts.
pub const HELP: Styles = Styles::styled()
    .header(STRONG)
    .usage(STRONG)
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(FAINT)
    .error(ALARM)
    .valid(AnsiColor::Cyan.on_default())
    .invalid(ALARM);

/// A text in a style.
pub fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes to standard output.
pub fn print(text: &str) -> Result {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Pipe,
        _ => Failure::new(format!("standard output: {error}")),
    })
}

/// Writes a note to standard error; one that cannot be written is lost.
pub fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{}", text.trim_end_matches('\n'));
}

/// The sentence of an error.
pub fn complain(sentence: &str) {
    note(&format!("{}: {sentence}", styled(ALARM, "puce")));
}

/// Prints a value as one line of JSON.
pub fn json(value: &impl Serialize) -> Result {
    print(&format!("{}\n", serde_json::to_string(value)?))
}

/// Columns of the terminal, or 80 where there is none.
fn columns() -> usize {
    terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0).clamp(40, 120))
}

/// Labelled figures, one below the other.
#[derive(Default)]
pub struct Sheet(Vec<(String, String)>);

impl Sheet {
    /// Nothing yet.
    pub fn new() -> Sheet {
        Sheet::default()
    }

    /// Adds a line.
    pub fn row(&mut self, label: impl Display, value: impl Display) -> &mut Sheet {
        self.0.push((label.to_string(), value.to_string()));
        self
    }

    /// The text: labels to the left, values wrapped to the terminal's width.
    pub fn text(&self) -> String {
        let width = self.0.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
        let room = columns().saturating_sub(width + 2).max(20);
        let mut text = String::new();
        for (label, value) in &self.0 {
            let pad = " ".repeat(width - label.chars().count());
            let mut lines = wrap(value, room).into_iter();
            text += &format!("{}{pad}  {}\n", styled(FAINT, label), lines.next().unwrap_or_default());
            lines.for_each(|line| text += &format!("{:width$}  {line}\n", ""));
        }
        text
    }
}

/// A text in lines of the terminal's width.
pub fn paragraph(text: &str) -> String {
    wrap(text, columns()).join("\n") + "\n"
}

/// Breaks at spaces so that no line is longer than `room`, if its words permit. A number stays with its unit.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let numeric = |word: &str| word.starts_with(|c: char| c.is_ascii_digit()) && !word.ends_with([',', ';']);
    let mut words = text.split(' ');
    while let Some(word) = words.next() {
        let unit = if numeric(word) { words.next() } else { None };
        let word = &unit.map_or_else(|| word.to_string(), |unit| format!("{word} {unit}"));
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && visible(line) + 1 + visible(word) > room {
            lines.push(word.clone());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// Characters that take a place on the terminal.
fn visible(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().chars().count()
}

/// How a column stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Figures.
    Right,
}

/// A table: head and rows, columns two spaces apart. The last column is not padded.
pub fn table(head: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| visible(cell));
        cells.chain([head[column].0.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = String>| {
        let padded = cells.zip(&widths).zip(head).map(|((cell, width), (_, align))| {
            let pad = " ".repeat(width - visible(&cell));
            if *align == Align::Left { cell + &pad } else { pad + &cell }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_string() + "\n"
    };
    let mut text = line(&mut head.iter().map(|(name, _)| styled(FAINT, name)));
    rows.iter().for_each(|row| text += &line(&mut row.iter().cloned()));
    text
}

/// A whole number with a thin gap between thousands.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of something: `1 core`, `2 cores`.
pub fn plural(number: usize, what: &str) -> String {
    format!("{} {what}{}", count(number as u64), if number == 1 { "" } else { "s" })
}

/// A large number in three figures: `134.5 M`, `1.61 G`.
pub fn large(number: f64) -> String {
    let steps = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match steps.iter().find(|(worth, _)| number >= *worth) {
        Some((worth, unit)) => format!("{} {unit}", figures(number / worth)),
        None => figures(number),
    }
}

fn figures(number: f64) -> String {
    let decimals = if number >= 100.0 || number.fract() == 0.0 {
        0
    } else if number >= 10.0 {
        1
    } else {
        2
    };
    format!("{number:.decimals$}")
}

/// Bytes in decimal units: `98.4 MB`.
pub fn bytes(bytes: u64) -> String {
    let text = large(bytes as f64);
    if text.contains(' ') { text + "B" } else { text + " B" }
}

/// A size that was chosen: in binary units if it is a whole number of them, else in decimal ones, as vendors count.
pub fn capacity(bytes: Bytes) -> String {
    if bytes.0.is_multiple_of(1 << 10) && !bytes.0.is_multiple_of(1_000_000_000) {
        format!("{bytes:#}")
    } else {
        self::bytes(bytes.0)
    }
}

/// A duration: `840 ms`, `12.3 s`.
pub fn seconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{} ms", figures(seconds * 1e3)) } else { format!("{} s", figures(seconds)) }
}

/// Tokens and their rate.
pub fn rate(tokens: usize, seconds: f64) -> String {
    if tokens == 0 || seconds <= 0.0 { "-".into() } else { format!("{} tokens/s", figures(tokens as f64 / seconds)) }
}

/// Progress in bytes on standard error, gone when it is finished; nothing where that is no terminal.
pub fn byte_bar(what: &str, total: u64) -> ProgressBar {
    bar(what, total, "{msg:<12} {bar:30} {decimal_bytes:>9} of {decimal_total_bytes} {decimal_bytes_per_sec:.dim}")
}

/// Progress in things of a kind.
pub fn count_bar(what: &str, total: u64) -> ProgressBar {
    bar(what, total, "{msg:<12} {bar:30} {human_pos:>9} of {human_len} {eta:.dim}")
}

fn bar(what: &str, total: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template(template).expect("the templates are constants");
    bar.set_style(style.progress_chars("━━─"));
    bar.set_message(what.to_string());
    bar
}

/// A wheel that turns on standard error while something without a measure goes on; nothing where that is no terminal.
pub fn wheel() -> ProgressBar {
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10))
}

/// What the wheel turns for.
pub fn turn(wheel: &ProgressBar, what: &str) {
    wheel.set_style(ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}").expect("the template is constant"));
    wheel.set_message(what.to_string());
    wheel.enable_steady_tick(Duration::from_millis(100));
}

/// Makes a bar of a wheel, or moves it: `done` things of `total`, and what else there is to tell.
pub fn advance(wheel: &ProgressBar, done: u64, total: u64, told: String) {
    let style = ProgressStyle::with_template("{bar:8} {human_pos} of {human_len} {wide_msg:.dim}");
    wheel.set_style(style.expect("the template is constant").progress_chars("━━─"));
    wheel.set_length(total);
    wheel.set_position(done);
    wheel.set_message(told);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            ["0", "999", "1,000", "134,515,008"],
            [0, 999, 1000, 134_515_008].map(count).each_ref().map(String::as_str)
        );
        let cases = [
            (0.0, "0"),
            (7.0, "7"),
            (1500.0, "1.50 k"),
            (134_515_008.0, "135 M"),
            (1.61e9, "1.61 G"),
            (98.4e6, "98.4 M"),
        ];
        cases.iter().for_each(|(number, text)| assert_eq!(large(*number), *text));
        let sizes = [(4 << 30, "4 GiB"), (288_000_000_000, "288 GB"), (64, "64 B"), (512 << 10, "512 KiB")];
        sizes.iter().for_each(|(bytes, text)| assert_eq!(capacity(Bytes(*bytes)), *text));
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(98_362_432), "98.4 MB");
        assert_eq!(seconds(0.084), "84 ms");
        assert_eq!(rate(0, 1.0), "-");
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".into(), "1,000".into()], vec![styled(STRONG, "long"), "1".into()]];
        let text =
            anstream::adapter::strip_str(&table(&[("name", Align::Left), ("n", Align::Right)], &rows)).to_string();
        assert_eq!(text, "name      n\na     1,000\nlong      1\n");
    }

    #[test]
    fn lines_break_at_spaces_and_nowhere_else() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("takes 12 kB, 3 B", 7), ["takes", "12 kB,", "3 B"]);
        assert_eq!(wrap("unbreakable", 3), ["unbreakable"]);
        assert_eq!(wrap("", 3), [""]);
    }
}
