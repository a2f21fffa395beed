//! Colour, dash and shape of the series of a chart.

use serde_json::{Value, json};

/// Colours of the style sheet beside that of our chip.
const COLOURS: usize = 7;
const DASHES: [&[u8]; 5] = [&[1, 0], &[6, 3], &[2, 2], &[8, 3, 2, 3], &[12, 4]];
const SHAPES: [&str; 7] =
    ["square", "triangle-up", "circle", "cross", "triangle-down", "triangle-right", "triangle-left"];

/// Names of series, in the order in which they get their marks; the one that is ours stands out, the rest stands back.
pub struct Series<'a> {
    names: Vec<&'a str>,
    ours: Option<&'a str>,
    rest: &'a str,
}

impl<'a> Series<'a> {
    /// Series; `ours` and `rest` may be among the names.
    pub fn new(names: Vec<&'a str>, ours: Option<&'a str>, rest: &'a str) -> Series<'a> {
        Series { names, ours, rest }
    }

    fn marks<T: Clone>(&self, ours: T, rest: T, other: impl Fn(usize) -> T) -> Vec<T> {
        let mut rank = 0;
        let mark = |name: &&str| match *name {
            name if Some(name) == self.ours => ours.clone(),
            name if name == self.rest => rest.clone(),
            _ => {
                rank += 1;
                other(rank - 1)
            }
        };
        self.names.iter().map(mark).collect()
    }

    fn scale<T: Into<Value> + Clone>(&self, range: Vec<T>) -> Value {
        let range: Vec<Value> = range.into_iter().map(Into::into).collect();
        json!({ "domain": self.names, "range": range })
    }

    /// Colours of the series, with the legend below the chart.
    pub fn colour(&self, field: &str) -> Value {
        let colours = self
            .marks("var(--ours)".to_owned(), "var(--bar)".to_owned(), |rank| format!("var(--c{})", 1 + rank % COLOURS));
        json!({ "field": field, "type": "nominal", "title": null, "scale": self.scale(colours), "legend": legend() })
    }

    /// Dashes of the series.
    pub fn dash(&self, field: &str) -> Value {
        let dashes = self.marks(json!(DASHES[0]), json!(DASHES[0]), |rank| json!(DASHES[rank % DASHES.len()]));
        json!({ "field": field, "type": "nominal", "title": null, "scale": self.scale(dashes), "legend": legend() })
    }

    /// Shapes of the series.
    pub fn shape(&self, field: &str) -> Value {
        let shapes = self.marks("diamond", "circle", |rank| SHAPES[(rank + rank / COLOURS) % SHAPES.len()]);
        json!({ "field": field, "type": "nominal", "title": null, "scale": self.scale(shapes), "legend": legend() })
    }
}

/// A legend below the chart, in as many columns as the script finds room for.
pub fn legend() -> Value {
    json!({ "orient": "bottom", "direction": "horizontal", "columns": "@columns", "labelLimit": "@label", "symbolSize": 90, "columnPadding": 14 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_of_nine_series_look_the_same() {
        let names = ["a", "b", "ours", "c", "d", "e", "f", "g", "h", "i", "rest"];
        let series = Series::new(names.to_vec(), Some("ours"), "rest");
        let range = |encoding: Value, at: usize| encoding["scale"]["range"][at].clone();
        let look = |at| (range(series.colour("x"), at), range(series.dash("x"), at), range(series.shape("x"), at));
        for (at, name) in names.iter().enumerate() {
            assert!((0..at).all(|before| look(before) != look(at)), "{name}");
        }
        assert_eq!(look(2), (json!("var(--ours)"), json!([1, 0]), json!("diamond")));
        assert_eq!(look(10), (json!("var(--bar)"), json!([1, 0]), json!("circle")));
    }
}
