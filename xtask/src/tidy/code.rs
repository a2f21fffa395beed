//! The code of a Rust file without its comments and the insides of its literals.
//!
//! A rule that looks for a word must not find it in prose or in a string. This is a scanner of a
//! few states, not a parser: it knows line and nested block comments, strings, raw strings,
//! characters and lifetimes, and keeps every line break, so that line numbers stay true.

/// The text with comments and literals blanked, line for line.
pub fn only(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let blank = blank_length(rest, &out);
        if blank > 0 {
            let lines = rest[..blank].matches('\n').count();
            out.push(' ');
            out.extend(std::iter::repeat_n('\n', lines));
            rest = &rest[blank..];
        } else {
            let next = rest.chars().next().map_or(0, char::len_utf8);
            out.push_str(&rest[..next]);
            rest = &rest[next..];
        }
    }
    out
}

/// Length of the comment or literal at the start of `rest`, or 0. `before` is the code so far.
fn blank_length(rest: &str, before: &str) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    match rest.as_bytes()[0] {
        b'"' => string(rest),
        b'\'' => character(rest),
        b'r' | b'b' | b'c' if !before.ends_with(is_word) => raw_string(rest),
        _ => 0,
    }
}

/// True for characters of an identifier.
pub fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0usize);
    while at < rest.len() {
        let tail = &rest.as_bytes()[at..];
        if tail.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `'x'`, `'\n'`, `'\u{7f}'`; a lifetime gives 0.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            // What follows the backslash may itself be a quote.
            let from = chars.nth(1).map_or(rest.len(), |(at, _)| at);
            rest[from..].find('\'').map_or(0, |quote| from + quote + 1)
        }
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
        None => 0,
    }
}

/// `r"..."`, `r#"..."#` and their byte and C kinds; anything else gives 0 (a plain `b"` is left to
/// [`string`]).
fn raw_string(rest: &str) -> usize {
    let body = rest.trim_start_matches(['b', 'c']);
    let Some(hashes) = body.strip_prefix('r') else {
        return 0;
    };
    let inside = hashes.trim_start_matches('#');
    let Some(inside) = inside.strip_prefix('"') else {
        return 0;
    };
    let count = rest.len() - inside.len();
    let close = format!("\"{}", "#".repeat(hashes.len() - inside.len() - 1));
    inside.find(&close).map_or(rest.len(), |at| count + at + close.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_and_literals_are_blank() {
        let cases = [
            ("a // unsafe\nb", "a  \nb"),
            ("a /* x /* unsafe */ y\n */ b", "a  \n b"),
            ("f(\"un\\\"safe\") + 1", "f( ) + 1"),
            ("f(r#\"a \" b\"#, 2)", "f( , 2)"),
            ("br\"x\" y", "  y"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("['\"', '\\'', '\\u{7f}', 'é']", "[ ,  ,  ,  ]"),
            ("bar\"x\"", "bar "),
            ("/* open", " "),
            ("\"open\n", " \n"),
        ];
        for (text, expected) in cases {
            assert_eq!(only(text), expected, "{text}");
        }
    }

    #[test]
    fn lines_stay_in_place() {
        let text = include_str!("code.rs");
        assert_eq!(only(text).lines().count(), text.lines().count());
    }
}
