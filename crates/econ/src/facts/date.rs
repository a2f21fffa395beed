//! Dates as sources give them: a year, a month or a day.
//!
//! A date without its day is known when its last day is over: a figure of "2023" could not be used in October 2023. That is the careful reading for a study
//! "as of" a date, which must not see the future.

use std::fmt;
use std::str::FromStr;

/// A calendar date of the precision that its source has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Date {
    year: u16,
    month: Option<u8>,
    day: Option<u8>,
}

/// Why a text is no date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no date: write `2025`, `2025-06` or `2025-06-30`")]
pub struct DateError(pub String);

impl Date {
    /// Year, month and day at the end of the span that the date names; a month without a day ends on its 31st.
    pub fn end(self) -> (u16, u8, u8) {
        (self.year, self.month.unwrap_or(12), self.day.unwrap_or(31))
    }
}

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Date, DateError> {
        let wrong = || DateError(text.chars().take(20).collect());
        let mut parts = text.split('-');
        let mut part = |digits: usize, low: u16, high: u16| match parts.next() {
            None => Ok(None),
            Some(part) if part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()) => {
                let number = part.parse::<u16>().map_err(|_| wrong())?;
                if (low..=high).contains(&number) { Ok(Some(number)) } else { Err(wrong()) }
            }
            Some(_) => Err(wrong()),
        };
        let (year, month, day) = (part(4, 1950, 2100)?, part(2, 1, 12)?, part(2, 1, 31)?);
        if parts.next().is_some() {
            return Err(wrong());
        }
        let small = |number: Option<u16>| number.map(|number| number as u8);
        Ok(Date { year: year.ok_or_else(wrong)?, month: small(month), day: small(day) })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        self.month.map_or(Ok(()), |month| write!(f, "-{month:02}"))?;
        self.day.map_or(Ok(()), |day| write!(f, "-{day:02}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> (u16, u8, u8) {
        text.parse::<Date>().unwrap().end()
    }

    #[test]
    fn a_coarse_date_ends_last() {
        assert!(end("2023") > end("2023-10") && end("2023-10") > end("2023-10-30"));
        assert_eq!(end("2023-10"), end("2023-10-31"));
        assert!(end("2022") < end("2023-01-01"));
    }

    #[test]
    fn dates_print_as_they_were_written_and_others_are_refused() {
        for text in ["2025", "2025-06", "2025-06-30"] {
            assert_eq!(text.parse::<Date>().unwrap().to_string(), text);
        }
        for text in ["", "25", "2025-6", "2025-13", "2025-06-00", "2025-06-30-1", "+202", "2025 ", "1949"] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }
}
