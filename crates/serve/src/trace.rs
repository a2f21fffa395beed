//! Recorded traffic: the CSV of the Azure LLM inference traces (Patel et al., "Splitwise", ISCA 2024).
//!
//! ```text
//! TIMESTAMP,ContextTokens,GeneratedTokens
//! 2023-11-16 18:17:03.9799600,4808,10
//! ```
//!
//! The text is an argument, and so is the name that refusals give it. Lines need not be sorted; the first arrival becomes time zero.

use crate::arrival::Arrival;
use base::units::Seconds;
use chrono::NaiveDateTime;

/// The first line.
const HEAD: &str = "TIMESTAMP,ContextTokens,GeneratedTokens";

/// Day and time of a line; a zone behind it (`+00:00` in the traces of 2024) is the same on all lines and says nothing.
const STAMP: &str = "%Y-%m-%d %H:%M:%S%.f";

/// Most tokens of a prompt or an output that a trace may claim: above every model's context, and far below what would overflow a sum.
const MOST: u32 = 1 << 24;

/// Why a trace is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {what}")]
pub struct TraceError {
    file: String,
    line: usize,
    what: String,
}

/// The arrivals of a trace, sorted by time.
///
/// # Errors
/// Another first line, no request, or a line that is not a time and two numbers of tokens.
pub fn read(file: &str, text: &str) -> Result<Vec<Arrival>, TraceError> {
    let refuse = |line: usize, what: String| TraceError { file: file.to_owned(), line, what };
    let mut lines = (1..).zip(text.lines().map(str::trim_end)).filter(|(_, line)| !line.is_empty());
    let head = lines.next().map(|(_, line)| line.trim_start_matches('\u{feff}'));
    if head != Some(HEAD) {
        return Err(refuse(
            1,
            format!("`{}` is not the head of a trace: `{HEAD}` is expected", shorten(head.unwrap_or(""))),
        ));
    }
    let rows = lines.map(|(line, text)| row(text).map_err(|what| refuse(line, what)));
    let mut rows: Vec<(NaiveDateTime, u32, u32)> = rows.collect::<Result<_, _>>()?;
    rows.sort_by_key(|row| row.0);
    let first =
        rows.first().ok_or_else(|| refuse(2, "there is no request: one line per request is expected".into()))?.0;
    let arrival = |(at, prompt, output): &(NaiveDateTime, u32, u32)| {
        let since = (*at - first).num_nanoseconds().unwrap_or(i64::MAX);
        Arrival::new(Seconds(since as f64 * 1e-9), *prompt, *output)
    };
    Ok(rows.iter().map(arrival).collect())
}

fn row(text: &str) -> Result<(NaiveDateTime, u32, u32), String> {
    let fields: Vec<&str> = text.split(',').map(str::trim).collect();
    let [stamp, prompt, output] = fields[..] else {
        return Err(format!(
            "{} columns in `{}`: time, prompt tokens and output tokens are expected",
            fields.len(),
            shorten(text)
        ));
    };
    let (at, _zone) = NaiveDateTime::parse_and_remainder(stamp, STAMP)
        .map_err(|_| format!("`{}` is not a time: write it like `2023-11-16 18:17:03.97`", shorten(stamp)))?;
    Ok((at, tokens(prompt)?, tokens(output)?))
}

fn tokens(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| format!("`{}` is not a number of tokens: 1 to {MOST} are expected", shorten(text)))
}

fn shorten(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The same arrivals at `factor` times their rate.
pub fn faster(arrivals: &mut [Arrival], factor: f64) {
    arrivals.iter_mut().for_each(|arrival| arrival.at = arrival.at / factor);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n\
                        2023-11-16 23:59:59.5000000,374,44\r\n\
                        2023-11-17 00:00:00.2500000,396,109\n\
                        2023-11-16 23:59:59.0000000,879,55\n";

    #[test]
    fn times_count_from_the_first_arrival_across_midnight() {
        let mut arrivals = read("t.csv", TEXT).unwrap();
        let of = |arrivals: &[Arrival]| arrivals.iter().map(|a| (a.at.0, a.prompt, a.output)).collect::<Vec<_>>();
        assert_eq!(of(&arrivals), [(0.0, 879, 55), (0.5, 374, 44), (1.25, 396, 109)]);
        faster(&mut arrivals, 2.0);
        assert_eq!(of(&arrivals), [(0.0, 879, 55), (0.25, 374, 44), (0.625, 396, 109)]);
    }

    #[test]
    fn a_zone_is_read_over() {
        let text = format!("{HEAD}\n2024-05-10 00:00:00.009930+00:00,2162,5\n");
        assert_eq!(read("t.csv", &text).unwrap()[0].prompt, 2162);
    }

    #[test]
    fn refusals_name_file_and_line() {
        let cases = [
            ("", "t.csv, line 1: `` is not the head of a trace: `TIMESTAMP,ContextTokens,GeneratedTokens` is expected"),
            (HEAD, "t.csv, line 2: there is no request: one line per request is expected"),
            (&format!("{HEAD}\n\nx,1,2"), "t.csv, line 3: `x` is not a time: write it like `2023-11-16 18:17:03.97`"),
            (
                &format!("{HEAD}\n2023-11-16 18:17:03,1"),
                "t.csv, line 2: 2 columns in `2023-11-16 18:17:03,1`: time, prompt tokens and output tokens are expected",
            ),
            (
                &format!("{HEAD}\n2023-11-16 18:17:03,-1,2"),
                "t.csv, line 2: `-1` is not a number of tokens: 1 to 16777216 are expected",
            ),
            (
                &format!("{HEAD}\n2023-11-16 18:17:03,1,0"),
                "t.csv, line 2: `0` is not a number of tokens: 1 to 16777216 are expected",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read("t.csv", text).unwrap_err().to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}", cut in 0usize..140) {
            let _ = read("t.csv", &text);
            let _ = read("t.csv", &format!("{HEAD}\n{text}"));
            let _ = read("t.csv", TEXT.get(..cut).unwrap_or(TEXT));
        }
    }
}
