//! What the templates may apply to a value: the texts of [`crate::text`].

use askama::{Result, Values};
use explore::outcome::Span;

use crate::text;

/// A value, or a reference to it of any depth, as the loops of a template hand it over.
pub trait Plain<T> {
    /// The value.
    fn plain(self) -> T;
}

macro_rules! plain {
    ($($of:ty),*) => { $(impl Plain<$of> for $of { fn plain(self) -> $of { self } })* };
}

plain!(f64, u64, Span);

impl<T, P: Plain<T> + Copy> Plain<T> for &P {
    fn plain(self) -> T {
        (*self).plain()
    }
}

/// Names a text of a number for the templates.
macro_rules! numbers {
    ($($name:ident),*) => {
        $(
            #[askama::filter_fn]
            pub fn $name<T: Plain<f64>>(number: T, _: &dyn Values) -> Result<String> {
                Ok(text::$name(number.plain()))
            }
        )*
    };
}

numbers!(three, short, usd, si, seconds, percent, probability);

/// A whole number.
#[askama::filter_fn]
pub fn count<T: Plain<u64>>(number: T, _: &dyn Values) -> Result<String> {
    Ok(text::count(number.plain()))
}

/// The range of dollars.
#[askama::filter_fn]
pub fn usd_range<T: Plain<Span>>(span: T, _: &dyn Values) -> Result<String> {
    Ok(text::range(&span.plain(), text::usd))
}

/// The range of a number.
#[askama::filter_fn]
pub fn range<T: Plain<Span>>(span: T, _: &dyn Values) -> Result<String> {
    Ok(text::range(&span.plain(), text::short))
}

/// A share as the width of a bar, in hundredths, between nothing and all.
#[askama::filter_fn]
pub fn width<T: Plain<f64>>(share: T, _: &dyn Values) -> Result<String> {
    let share = share.plain();
    Ok(format!("{:.1}", if share.is_finite() { share.clamp(0.0, 1.0) * 100.0 } else { 0.0 }))
}

/// Text inside a line of Markdown or a cell of its tables.
#[askama::filter_fn]
pub fn md<T: AsRef<str>>(text: T, _: &dyn Values) -> Result<String> {
    Ok(crate::memo::escape(text.as_ref()))
}
