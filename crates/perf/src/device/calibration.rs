//! What a fit on measured times has left: `data/calibration.toml`.
//!
//! A table is named by a device (`[h100.gemm]`) or is `[transfer.gemm]`, what the fitted devices teach about those that were never measured. A device takes
//! its own table, else the transferred one, else the defaults of the declaration; a field that a table leaves out keeps its default. Unknown devices, kinds and
//! fields are refused, and so is a number outside the box that a fit may search.
//!
//! ```
//! use perf::device::calibration::Calibration;
//! let error = Calibration::parse("my.toml", "source = 'example'\n[h101.gemm]\n").unwrap_err();
//! assert!(error.to_string().starts_with("my.toml, line 2: `h101` is no device"));
//! ```

use super::Parameters;
use super::catalogue::{self, DeviceError};
use crate::parameter::{Field, Fitted};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Path below `data`.
pub const FILE: &str = "calibration.toml";
/// The name of the tables for devices that were never measured.
pub const TRANSFER: &str = "transfer";

/// Fitted values by device, kind and field.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Calibration {
    /// What they were fitted on.
    pub source: String,
    tables: BTreeMap<(String, String), BTreeMap<String, f64>>,
}

impl Calibration {
    /// The shipped one; without a file, every device keeps its defaults.
    pub fn shipped() -> Calibration {
        let read = |text| Calibration::parse(FILE, text);
        let parsed = data::file(FILE).map(read).transpose();
        parsed.unwrap_or_else(|error| panic!("the shipped calibration is tested: {error}")).unwrap_or_default()
    }

    /// Reads a calibration. `file` is the name for error sentences.
    pub fn parse(file: &str, text: &str) -> Result<Calibration, DeviceError> {
        let source = Source { file, text };
        let table = DeTable::parse(text)
            .map_err(|error| source.error(error.span().map_or(0, |span| span.start), error.message()))?;
        source.calibration(table.get_ref())
    }

    /// The parameters of one kind of operator on the device with this key.
    pub fn group<P: Fitted>(&self, device: &str, kind: &str) -> P {
        let table = |name: &str| self.tables.get(&(name.to_string(), kind.to_string()));
        let Some(table) = table(device).or_else(|| table(TRANSFER)) else {
            return P::default();
        };
        let value = |field: &Field| table.get(field.name).copied().unwrap_or(field.default);
        P::from_values(&P::FIELDS.iter().map(value).collect::<Vec<_>>())
    }

    /// Whether the device has a table of its own for this kind.
    pub fn is_fitted(&self, device: &str, kind: &str) -> bool {
        self.tables.contains_key(&(device.to_string(), kind.to_string()))
    }
}

/// The text that a calibration is read from.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn error(&self, offset: usize, what: impl Into<String>) -> DeviceError {
        DeviceError::at(self.file, self.text, offset, what)
    }

    fn calibration(&self, table: &DeTable) -> Result<Calibration, DeviceError> {
        let mut calibration = Calibration::default();
        for (key, value) in table {
            let (name, at) = (key.get_ref().as_ref(), key.span().start);
            match value.get_ref() {
                DeValue::String(text) if name == "source" => calibration.source = text.to_string(),
                DeValue::Table(kinds) => self.device(name, at, kinds, &mut calibration)?,
                _ => {
                    return Err(
                        self.error(at, format!("`{name}`: a `source` and tables like `[h100.gemm]` are expected"))
                    );
                }
            }
        }
        match calibration.source.trim().is_empty() {
            false => Ok(calibration),
            true => Err(self.error(0, "`source` is missing; say what the values were fitted on")),
        }
    }

    fn device(&self, name: &str, at: usize, kinds: &DeTable, into: &mut Calibration) -> Result<(), DeviceError> {
        if name != TRANSFER && !catalogue::keys().any(|key| key == name) {
            let known = catalogue::keys().collect::<Vec<_>>().join(", ");
            return Err(self.error(at, format!("`{name}` is no device; known: {TRANSFER}, {known}")));
        }
        for (key, value) in kinds {
            let kind = key.get_ref().as_ref();
            let Some((_, fields)) = Parameters::KINDS.iter().find(|(known, _)| *known == kind) else {
                let known = Parameters::KINDS.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
                return Err(self.error(key.span().start, format!("`{name}.{kind}` is no kind; known: {known}")));
            };
            let DeValue::Table(values) = value.get_ref() else {
                return Err(self.error(key.span().start, format!("`{name}.{kind}`: a table is expected")));
            };
            into.tables.insert((name.to_string(), kind.to_string()), self.values(values, fields)?);
        }
        Ok(())
    }

    fn values(&self, table: &DeTable, fields: &[Field]) -> Result<BTreeMap<String, f64>, DeviceError> {
        let value = |(key, value): (&Spanned<_>, &Spanned<DeValue>)| {
            let name: &str = AsRef::<str>::as_ref(key.get_ref());
            Ok((name.to_string(), self.value(name, key.span().start, value.get_ref(), fields)?))
        };
        table.iter().map(value).collect()
    }

    fn value(&self, name: &str, at: usize, value: &DeValue, fields: &[Field]) -> Result<f64, DeviceError> {
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            let known = fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
            return Err(self.error(at, format!("`{name}` is no parameter of this kind; known: {known}")));
        };
        let number = match value {
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(number) => number.as_str().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if (field.low..=field.high).contains(&number) => Ok(number),
            Some(number) => {
                let what = format!("`{name} = {number}`: must be between {} and {}", field.low, field.high);
                Err(self.error(at, what))
            }
            None => Err(self.error(at, format!("`{name}`: a number is expected"))),
        }
    }
}
