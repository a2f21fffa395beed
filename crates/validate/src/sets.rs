//! Readers of measured sets: a file of comma-separated values, compressed or not, becomes rows of a type.
//!
//! A row type lists the columns that its file must have (`serde::Deserialize` with `deny_unknown_fields`); a column that is missing or unknown, a field
//! that does not parse, and a file without rows are each refused with file and line. What a set is, and how its rows become operators, is told by one
//! module per set.

pub mod attention;
pub mod collective;
pub mod experts;
pub mod gemm;
pub mod llmcompass;
pub mod points;
pub mod power;
pub mod vidur;
pub mod vllm;

use base::units::Seconds;
use flate2::read::GzDecoder;
use perf::operator::Operator;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Milliseconds of a second: the measured files give times in milliseconds.
const MILLISECONDS: f64 = 1e3;

/// Why a measured set is refused: one sentence with file and line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// The file cannot be read at all.
    #[error("{file}: {what}")]
    File {
        /// Path of the file.
        file: String,
        /// What was wrong and what would do.
        what: String,
    },
    /// A line is not what the set consists of.
    #[error("{file}, line {line}: {what}")]
    Line {
        /// Path of the file.
        file: String,
        /// Line, from 1; the first is the header.
        line: u64,
        /// What was found and what would do.
        what: String,
    },
}

impl SetError {
    /// The file as a whole is refused.
    pub fn file(path: &Path, what: impl ToString) -> SetError {
        SetError::File { file: path.display().to_string(), what: what.to_string() }
    }

    /// One line is refused; the header is line 1.
    pub fn line(path: &Path, line: u64, what: impl ToString) -> SetError {
        SetError::Line { file: path.display().to_string(), line, what: what.to_string() }
    }
}

/// A row that measured one operator.
pub trait Timed: DeserializeOwned {
    /// What ran.
    fn operator(&self) -> Operator;

    /// Its time, the median over sources.
    fn time(&self) -> Seconds;

    /// The least and the greatest time of its sources.
    fn spread(&self) -> (Seconds, Seconds);
}

/// Which half of a measured set: parameters may be fitted on the one and are judged on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Split {
    /// May be fitted on.
    Calibrate,
    /// Only measured with.
    Test,
}

impl Split {
    /// As in file names.
    pub const fn name(self) -> &'static str {
        match self {
            Split::Calibrate => "calibrate",
            Split::Test => "test",
        }
    }

    /// The half that a file belongs to by its name, `gemm.test.csv.gz`; `None` if the name does not say.
    pub fn of(path: &Path) -> Option<Split> {
        let name = path.file_name()?.to_str()?;
        let has = |split: Split| name.split('.').any(|part| part == split.name());
        match (has(Split::Calibrate), has(Split::Test)) {
            (true, false) => Some(Split::Calibrate),
            (false, true) => Some(Split::Test),
            _ => None,
        }
    }
}

/// Folder of a device's kernel times in the measured data, and the key of its device file.
pub const KERNEL_FOLDERS: [(&str, &str); 6] = [
    ("a100_sxm", "a100"),
    ("h100_sxm", "h100"),
    ("h200_sxm", "h200"),
    ("b200_sxm", "b200"),
    ("gb300", "gb300"),
    ("l40s", "l40s"),
];

/// The file of one kind of kernel of one device: `root` is the data folder, `kind` like `gemm`.
pub fn kernel_file(root: &Path, folder: &str, kind: &str, split: Split) -> PathBuf {
    root.join("measured/kernels").join(folder).join(format!("{kind}.{}.csv.gz", split.name()))
}

/// The folder of measured data on this machine, for tests: `$PUCE_SHARED/data`, or `../shared/data` beside the repository.
///
/// `None`, with a line on the test's output that says so, where the data is not: tests that need it are then skipped.
pub fn test_data() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let data = std::env::var_os("PUCE_SHARED").map_or_else(beside, PathBuf::from).join("data");
    if data.join("measured").is_dir() {
        return Some(data);
    }
    println!("skipped: no measured data at {} (set PUCE_SHARED to the folder that holds `data`)", data.display());
    None
}

/// Every row of a file; decompressed when its name ends in `.gz`.
///
/// # Errors
/// The file cannot be read, has no rows, or a line (the header included) does not fit `Row`.
pub fn rows<Row: DeserializeOwned>(path: &Path) -> Result<Vec<Row>, SetError> {
    let file = File::open(path).map_err(|error| SetError::file(path, error))?;
    let plain = path.extension().is_none_or(|extension| extension != "gz");
    let text: Box<dyn Read> = if plain { Box::new(file) } else { Box::new(GzDecoder::new(file)) };
    read(path, text)
}

/// Every row of a text; `path` is for refusals.
fn read<Row: DeserializeOwned>(path: &Path, text: impl Read) -> Result<Vec<Row>, SetError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
    let rows: Result<Vec<Row>, csv::Error> = reader.deserialize().collect();
    let rows = rows.map_err(|error| refuse(path, &error))?;
    if rows.is_empty() {
        return Err(SetError::file(path, "no rows; a measured set has a header line and at least one row"));
    }
    Ok(rows)
}

fn refuse(path: &Path, error: &csv::Error) -> SetError {
    let what = match error.kind() {
        csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields where the header has {expected_len}")
        }
        _ => error.to_string(),
    };
    match error.position() {
        Some(position) => SetError::line(path, position.line(), what),
        None => SetError::file(path, what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Row {
        m: u64,
        time: f64,
    }

    fn parse(text: &str) -> Result<Vec<Row>, String> {
        read(Path::new("set.csv"), text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_are_read_by_the_names_of_columns() {
        assert_eq!(parse("time, m\n1.5, 3\n"), Ok(vec![Row { m: 3, time: 1.5 }]));
    }

    #[test]
    fn refusals_say_file_and_line() {
        for (text, wanted) in [
            ("m,time\n3,1.5\nx,2\n", "set.csv, line 3: "),
            ("m,time,colour\n3,1.5,red\n", "set.csv, line 2: unknown field `colour`"),
            ("m\n3\n", "set.csv, line 2: missing field `time`"),
            ("m,time\n3\n", "set.csv, line 2: 1 fields where the header has 2"),
            ("m,time\n", "set.csv: no rows"),
        ] {
            let refusal = parse(text).unwrap_err();
            assert!(refusal.starts_with(wanted), "{refusal}");
        }
    }

    #[test]
    fn the_name_says_the_half() {
        assert_eq!(Split::of(Path::new("x/gemm.calibrate.csv.gz")), Some(Split::Calibrate));
        assert_eq!(Split::of(Path::new("x.calibrate/gemm.test.csv")), Some(Split::Test));
        assert_eq!(Split::of(Path::new("points.csv")), None);
        assert_eq!(Split::of(Path::new("a.calibrate.test.csv")), None);
    }
}
