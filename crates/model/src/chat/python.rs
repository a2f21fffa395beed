//! What chat templates take from Python.

use jiff::fmt::strtime;
use jiff::{Timestamp, tz::TimeZone};
use minijinja::value::{Kwargs, Rest};
use minijinja::{Environment, Error, ErrorKind, Value};
use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// Adds the functions, filters and methods.
pub(super) fn install(environment: &mut Environment<'static>) {
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_filter("tojson", to_json);
    environment.add_function("raise_exception", |reason: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, reason))
    });
}

/// Adds `strftime_now`, which tells this time.
pub(super) fn set_time(environment: &mut Environment<'static>, now: i64) {
    environment.add_function("strftime_now", move |format: &str| -> Result<String, Error> {
        let refuse = |error: jiff::Error| Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {error}"));
        let time = Timestamp::from_second(now).map_err(refuse)?.to_zoned(TimeZone::UTC);
        strtime::format(format, &time).map_err(refuse)
    });
}

/// `json.dumps(value, ensure_ascii=False, indent=...)`: nothing is escaped for HTML, and separators are followed by a space.
fn to_json(value: &Value, _positional: Rest<Value>, options: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = options.get("indent")?;
    // Other options of `json.dumps` are accepted; those that templates pass state the default.
    for option in ["ensure_ascii", "sort_keys", "separators"] {
        let _: Option<Value> = options.get(option)?;
    }
    options.assert_all_used()?;
    let text = match indent {
        Some(width) => write(value, PrettyFormatter::with_indent(" ".repeat(width.min(16)).as_bytes())),
        None => write(value, Spaced),
    };
    let text = text.map_err(|error| Error::new(ErrorKind::BadSerialization, format!("tojson: {error}")))?;
    Ok(Value::from_safe_string(text))
}

fn write(value: &Value, formatter: impl Formatter) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// JSON on one line with `, ` and `: `, as Python writes it.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(&mut self, out: &mut W, first: bool) -> std::io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(&mut self, out: &mut W, first: bool) -> std::io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, out: &mut W) -> std::io::Result<()> {
        out.write_all(b": ")
    }
}
