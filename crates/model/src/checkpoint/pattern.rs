//! Patterns of tensor names: dotted words, some of them holes.
//!
//! `layers.{l}.mlp.experts.{e}.w1.{w}` matches `layers.3.mlp.experts.7.w1.weight`. `{l}` (layer) and `{e}` (expert) stand for a number, `{w}` for
//! `weight` or `bias`, and a final `**` for anything.

/// What the holes of a pattern stood for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holes {
    /// `{l}`.
    pub layer: Option<u32>,
    /// `{e}`.
    pub expert: Option<u32>,
    /// `{w}`.
    pub what: Option<&'static str>,
}

/// Matches a whole name.
pub(super) fn matches(pattern: &str, name: &str) -> Option<Holes> {
    let mut holes = Holes::default();
    let mut words = name.split('.');
    for expected in pattern.split('.') {
        if expected == "**" {
            return words.next().map(|_| holes);
        }
        let word = words.next()?;
        match expected {
            "{l}" => holes.layer = Some(number(word)?),
            "{e}" => holes.expert = Some(number(word)?),
            "{w}" => holes.what = Some(["weight", "bias"].into_iter().find(|&w| w == word)?),
            _ if expected == word => {}
            _ => return None,
        }
    }
    words.next().is_none().then_some(holes)
}

/// A decimal number as tools write it: no sign, no leading zero.
fn number(word: &str) -> Option<u32> {
    let plain = word.bytes().all(|b| b.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    word.parse().ok().filter(|_| plain)
}

/// The name that a pattern gives for these holes.
pub(super) fn fill(pattern: &str, holes: Holes) -> String {
    let mut name = pattern.to_owned();
    if let Some(layer) = holes.layer {
        name = name.replace("{l}", &layer.to_string());
    }
    name.replace("{w}", holes.what.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        let cases = [
            ("layers.{l}.q.{w}", "layers.12.q.bias", Some("blk.12.q.bias")),
            ("layers.{l}.q.{w}", "layers.012.q.bias", None),
            ("layers.{l}.q.{w}", "layers.+1.q.bias", None),
            ("layers.{l}.q.{w}", "layers..q.bias", None),
            ("layers.{l}.q.{w}", "layers.1.q.scale", None),
            ("layers.{l}.q.{w}", "layers.1.q.bias.x", None),
            ("layers.{l}.q.{w}", "layers.1.q", None),
            ("layers.{l}.q.{w}", "layers.99999999999.q.bias", None),
            ("vision.**", "vision.a.b", Some("blk.{l}.q.")),
            ("vision.**", "vision", None),
        ];
        for (pattern, name, filled) in cases {
            let got = matches(pattern, name).map(|holes| fill("blk.{l}.q.{w}", holes));
            assert_eq!(got.as_deref(), filled, "{pattern} on {name}");
        }
    }
}
