//! Counting tests: reads the closing line that a test runner prints for each binary, and sums them.
//!
//! The line is `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out;
//! finished in 0.01s`. A test that the runner calls *ignored* is *skipped* here. Tests left out by
//! a filter were not asked for and do not count.

use std::fmt;
use std::ops::AddAssign;

/// How many tests ended which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Ended well.
    pub passed: u64,
    /// Did not.
    pub failed: u64,
    /// Marked as ignored by their authors.
    pub skipped: u64,
}

impl Tally {
    /// Reads one line of output; `None` when it is not a closing line.
    pub fn of_line(line: &str) -> Option<Self> {
        let plain = without_colour(line);
        let (verdict, counts) = plain.trim().strip_prefix("test result: ")?.split_once(". ")?;
        if !matches!(verdict, "ok" | "FAILED") {
            return None;
        }
        let count = |name: &str| {
            let mut parts = counts.split(';').map(str::trim);
            parts.find_map(|part| part.strip_suffix(name)?.trim_end().parse().ok())
        };
        Some(Self { passed: count("passed")?, failed: count("failed")?, skipped: count("ignored")? })
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The line without terminal colour sequences (`ESC [ ... m`).
fn without_colour(line: &str) -> String {
    let mut pieces = line.split("\u{1b}[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or(piece, |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64, skipped: u64) -> Option<Tally> {
        Some(Tally { passed, failed, skipped })
    }

    #[test]
    fn closing_lines() {
        let cases = [
            (
                "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.01s",
                tally(12, 0, 1),
            ),
            ("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out", tally(3, 2, 0)),
            ("test result: \u{1b}[32mok\u{1b}[0m. 4 passed; 0 failed; 9 ignored; 0 measured", tally(4, 0, 9)),
            ("  test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\r", tally(1, 0, 0)),
            ("test tests::result ... ok", None),
            ("test result: ok.", None),
            ("test result: maybe. 1 passed; 0 failed; 0 ignored", None),
            ("test result: ok. many passed; 0 failed; 0 ignored", None),
            ("the test result: ok. 1 passed; 0 failed; 0 ignored", None),
        ];
        for (line, expected) in cases {
            assert_eq!(Tally::of_line(line), expected, "{line}");
        }
    }

    #[test]
    fn a_sum_is_one_line() {
        let mut sum = Tally::default();
        sum += Tally { passed: 1, failed: 2, skipped: 3 };
        sum += Tally { passed: 10, failed: 20, skipped: 30 };
        assert_eq!(sum.to_string(), "11 passed, 22 failed, 33 skipped");
    }
}
