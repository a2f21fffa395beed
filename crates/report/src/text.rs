//! Numbers as people read them: three figures, a unit, and the range behind.
//!
//! What is not a number reads `unknown`: neither page nor memo ever shows `NaN`.

use explore::outcome::{Action, Contender, Outcome, Span, Verdict};

/// What stands for a figure that is not finite.
const UNKNOWN: &str = "unknown";

/// Three figures, thousands apart: `0.0412`, `1.23`, `12,300`.
pub fn three(number: f64) -> String {
    if !number.is_finite() {
        return UNKNOWN.to_owned();
    }
    let scientific = format!("{number:.2e}");
    let power: i32 = scientific.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    if number == 0.0 {
        return "0".to_owned();
    }
    if !(-6..15).contains(&power) {
        return scientific;
    }
    let rounded: f64 = scientific.parse().unwrap_or(number);
    let decimals = usize::try_from(2 - power).unwrap_or(0);
    thousands(&format!("{rounded:.decimals$}"))
}

/// Thousands of the whole part apart.
fn thousands(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let (whole, rest) = digits.find('.').map_or((digits, ""), |point| digits.split_at(point));
    let mut text = sign.to_owned();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}

/// Three figures without zeros at the end: `16`, `1.5`, `0.25`.
pub fn short(number: f64) -> String {
    let text = three(number);
    match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A whole number, all figures: `134,515`.
pub fn count(number: u64) -> String {
    thousands(&number.to_string())
}

/// Dollars: `$0.412`, `$31,200`, `$620 M`, `$1.4 bn`.
pub fn usd(dollars: f64) -> String {
    if !dollars.is_finite() {
        return UNKNOWN.to_owned();
    }
    let sign = if dollars < 0.0 { "-" } else { "" };
    let size = dollars.abs();
    let body = match size {
        _ if size >= 1e9 => format!("{} bn", short(size / 1e9)),
        _ if size >= 1e6 => format!("{} M", short(size / 1e6)),
        _ => three(size),
    };
    format!("{sign}${body}")
}

/// Dollars of a part, to the digit that is the fourth of the whole: parts of one sum end in one column.
pub fn usd_of(part: f64, whole: f64) -> String {
    if !part.is_finite() || !whole.is_finite() {
        return UNKNOWN.to_owned();
    }
    let decimals = (3 - whole.abs().max(1e-9).log10().floor() as i32).clamp(0, 9) as usize;
    let sign = if part < 0.0 { "-" } else { "" };
    format!("{sign}${}", thousands(&format!("{:.decimals$}", part.abs())))
}

/// A number with the prefix of its size: `1.61 T`.
pub fn si(number: f64) -> String {
    let steps = [(1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match steps.iter().find(|(worth, _)| number.abs() >= *worth && number.is_finite()) {
        Some((worth, prefix)) => format!("{} {prefix}", three(number / worth)),
        None => format!("{} ", three(number)),
    }
}

/// A duration: `84.0 ms`, `2.31 s`.
pub fn seconds(seconds: f64) -> String {
    match seconds {
        _ if !seconds.is_finite() => UNKNOWN.to_owned(),
        _ if seconds != 0.0 && seconds.abs() < 1.0 => format!("{} ms", short(seconds * 1e3)),
        _ => format!("{} s", short(seconds)),
    }
}

/// A share of one: `41 %`, `0.4 %`.
pub fn percent(share: f64) -> String {
    if !share.is_finite() {
        return UNKNOWN.to_owned();
    }
    let hundredths = share * 100.0;
    let near_an_end = hundredths.abs() < 9.95 || (99.05..99.95).contains(&hundredths);
    let decimals = usize::from(near_an_end && hundredths != 0.0);
    format!("{hundredths:.decimals$} %")
}

/// A probability: one that only says that no counterexample was drawn is not called certain.
pub fn probability(share: f64) -> String {
    match share {
        _ if share >= 0.9995 => "> 99.9 %".to_owned(),
        _ if share < 0.0005 => "< 0.1 %".to_owned(),
        _ => percent(share),
    }
}

/// Low to high: `0.33 to 0.52`.
pub fn range(span: &Span, figure: fn(f64) -> String) -> String {
    format!("{} to {}", figure(span.low), figure(span.high))
}

/// The verdict in one to three words.
pub fn action(action: Action) -> &'static str {
    match action {
        Action::Build => "Build",
        Action::DoNotBuild => "Do not build",
        Action::Open => "Open",
    }
}

/// The verdict's sentence without the word that stands before it.
pub fn sentence(verdict: &Verdict) -> String {
    let rest = verdict.sentence.strip_prefix(action(verdict.action)).and_then(|rest| rest.strip_prefix(": "));
    let mut letters = rest.unwrap_or(&verdict.sentence).chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Devices that are left out, those with one reason together: names and the reason.
pub fn left_out(outcome: &Outcome) -> Vec<(String, &str)> {
    let mut groups: Vec<(String, &str)> = Vec::new();
    for device in &outcome.left_out {
        match groups.iter_mut().find(|(_, why)| *why == device.why) {
            Some((names, _)) => *names += &format!(", {}", device.name),
            None => groups.push((device.name.clone(), &device.why)),
        }
    }
    groups
}

/// What a grade of a source stands for.
pub fn grade(letter: &str) -> &'static str {
    match letter {
        "P" => "primary: the maker's or an official document",
        "A" => "analyst",
        "R" => "press",
        "C" => "computed",
        _ => "no grade",
    }
}

/// Our chip, if it is in the comparison.
pub fn ours(outcome: &Outcome) -> Option<&Contender> {
    outcome.contenders.iter().find(|contender| contender.ours)
}

/// The rival that the verdict names; else the first, which is the cheapest.
pub fn rival(outcome: &Outcome) -> Option<&Contender> {
    let rivals = || outcome.contenders.iter().filter(|contender| !contender.ours);
    let named = outcome.verdict.rival.as_deref();
    rivals().find(|rival| named == Some(&rival.name) || named == Some(&rival.key)).or_else(|| rivals().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_figures_of_any_size() {
        let cases = [
            (0.0, "0"),
            (0.041_234, "0.0412"),
            (1.0, "1.00"),
            (9.999, "10.0"),
            (99.96, "100"),
            (999.6, "1,000"),
            (12_345.0, "12,300"),
            (-12_345.0, "-12,300"),
            (1e-9, "1.00e-9"),
            (1.5e16, "1.50e16"),
            (f64::NAN, "unknown"),
            (f64::INFINITY, "unknown"),
        ];
        cases.iter().for_each(|(number, text)| assert_eq!(three(*number), *text, "{number}"));
    }

    #[test]
    fn units_carry_their_numbers() {
        let dollars =
            [(0.412, "$0.412"), (31_200.0, "$31,200"), (6.2e8, "$620 M"), (-1.4e9, "-$1.4 bn"), (f64::NAN, "unknown")];
        dollars.iter().for_each(|(number, text)| assert_eq!(usd(*number), *text));
        assert_eq!([si(1.61e15), si(84.0)], ["1.61 P", "84.0 "]);
        assert_eq!(
            [seconds(0.084), seconds(2.0), seconds(0.0), seconds(-f64::INFINITY)],
            ["84 ms", "2 s", "0 s", "unknown"]
        );
        assert_eq!([percent(0.412), percent(0.004), percent(0.0), percent(1.0)], ["41 %", "0.4 %", "0 %", "100 %"]);
        assert_eq!([short(16.0), short(1.5), short(1200.0), short(0.25)], ["16", "1.5", "1,200", "0.25"]);
        assert_eq!(count(134_515_008), "134,515,008");
    }

    #[test]
    fn parts_of_a_sum_have_as_many_decimals() {
        assert_eq!([0.182, 0.013_46, -0.000_4].map(|part| usd_of(part, 0.182)), ["$0.1820", "$0.0135", "-$0.0004"]);
        assert_eq!(
            [usd_of(1_234.56, 1_300.0), usd_of(1.0, f64::NAN), usd_of(0.0, 0.0)],
            ["$1,235", "unknown", "$0.000000000"]
        );
    }

    #[test]
    fn what_was_always_so_in_the_draws_is_not_certain() {
        assert_eq!([1.0, 0.9994, 0.5, 0.0].map(probability), ["> 99.9 %", "99.9 %", "50 %", "< 0.1 %"]);
    }

    #[test]
    fn a_range_is_its_ends() {
        assert_eq!(range(&Span { low: 0.33, median: 0.41, high: 0.52 }, usd), "$0.330 to $0.520");
    }
}
