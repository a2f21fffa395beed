//! The journal of a search on disk: whatever ends the program, at most the round under way is lost.
//!
//! A round is a pair of files in the folder `search`: a part of the table of points, then a record that names the part's sum and holds what was found. The record is
//! written last, and each file under a passing name that becomes its own by a rename, so a round is there as a whole or not at all. A record begins with the sum of
//! the rest of it: what a disk has spoilt is seen, said and reckoned again.
//!
//! [`Header`] says which search the rounds belong to. Everything that could change a result is in it: the study as it was read, and the program with the facts inside it.

use super::points::{self, Chip, FormatNames, Named};
use super::progress::Bar;
use crate::failure::{Failure, Result, remove, replace, replace_with};
use crate::interrupt;
use explore::search::{Evaluated, Journal, Progress, Row};
use explore::study::Study;
use parquet::errors::ParquetError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Raised whenever the files of a journal change their meaning.
const FORMAT: u32 = 1;

/// Name of the file that says which search this is.
const HEADER: &str = "header.json";

/// Name of the file that one program at a time holds.
const LOCK: &str = "lock";

/// Which search a journal belongs to.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    format: u32,
    program: String,
    study: String,
}

/// What a round found.
#[derive(Serialize, Deserialize)]
struct Record {
    /// Sum of the part's bytes.
    part: String,
    found: Vec<Evaluated>,
}

fn sum(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

impl Header {
    fn of(study: &Study) -> Header {
        // The file of the program holds its code and all facts; where it cannot be read, its version and the facts have to do.
        let program = std::env::current_exe().and_then(fs::read).map_or_else(|_| facts(), |bytes| sum(&bytes));
        let program = format!("{} {program}", env!("CARGO_PKG_VERSION"));
        Header { format: FORMAT, program, study: sum(format!("{study:?}").as_bytes()) }
    }
}

/// Sum of all embedded facts.
fn facts() -> String {
    let texts = data::list("").flat_map(|path| [path, "\n", data::file(path).unwrap_or_default(), "\n"]);
    sum(texts.collect::<String>().as_bytes())
}

/// A journal in a folder.
pub struct Disk<'a> {
    folder: PathBuf,
    study: &'a Study,
    workloads: Vec<String>,
    bar: &'a Bar,
    chips: Vec<Chip>,
    recalled: usize,
    rounds: usize,
    /// Held as long as the journal lives.
    _lock: File,
}

impl<'a> Disk<'a> {
    /// Opens the journal of `study` in `folder`; one of another search, or any if `fresh`, is removed first.
    pub fn open(folder: PathBuf, study: &'a Study, fresh: bool, bar: &'a Bar) -> Result<Disk<'a>> {
        fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, &error))?;
        let lock = lock(&folder)?;
        let workloads = explore::ask::all(study).into_iter().map(|ask| ask.name).collect();
        let disk = Disk { folder, study, workloads, bar, chips: Vec::new(), recalled: 0, rounds: 0, _lock: lock };
        let (header, path) = (Header::of(study), disk.folder.join(HEADER));
        match fs::read(&path) {
            Ok(bytes) if !fresh => match serde_json::from_slice::<Header>(&bytes) {
                Ok(there) if there == header => return Ok(disk),
                _ => bar.note(&format!(
                    "{}: what is there belongs to another study or another program; the search starts afresh",
                    disk.folder.display()
                )),
            },
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Failure::file(&path, &error)),
            _ => {}
        }
        disk.clear()?;
        replace(&path, serde_json::to_vec_pretty(&header)?)?;
        Ok(disk)
    }

    /// Removes everything that a journal wrote, and nothing else; without its header the rest means nothing.
    fn clear(&self) -> Result {
        remove(&self.folder.join(HEADER))?;
        let entries = fs::read_dir(&self.folder).map_err(|error| Failure::file(&self.folder, &error))?;
        let ours = |name: &str| name.starts_with("round-") || name.starts_with(HEADER);
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| ours(name)).try_for_each(|name| remove(&self.folder.join(name)))
    }

    fn part(&self, round: usize) -> PathBuf {
        self.folder.join(format!("round-{round:06}.parquet"))
    }

    fn record(&self, round: usize) -> PathBuf {
        self.folder.join(format!("round-{round:06}.json"))
    }

    /// A round that is there as a whole; none if it was never ended, a sentence if it is spoilt.
    fn read(&self, round: usize) -> std::result::Result<Option<Vec<Evaluated>>, String> {
        let path = self.record(round);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| error.to_string())?,
        };
        let (said, rest) = text.split_once('\n').unwrap_or_default();
        if said != sum(rest.as_bytes()) {
            return Err(format!("{} is spoilt", path.display()));
        }
        let record: Record = serde_json::from_str(rest).map_err(|error| error.to_string())?;
        let part = self.part(round);
        match fs::read(&part) {
            Ok(bytes) if sum(&bytes) == record.part => Ok(Some(record.found)),
            Ok(_) => Err(format!("{} is spoilt", part.display())),
            Err(error) => Err(format!("{}: {error}", part.display())),
        }
    }

    fn write(&self, round: usize, found: &[Evaluated], rows: &[Row]) -> Result {
        let formats = FormatNames::of(rows);
        let mut named = Vec::with_capacity(rows.len());
        for row in rows {
            let workload = &self.workloads[row.workload as usize];
            named.push(Named { row, workload, formats: formats.name(&row.formats) });
        }
        let part = points::points().file(&named)?;
        replace(&self.part(round), &part)?;
        let record = serde_json::to_string(&Record { part: sum(&part), found: found.to_vec() })?;
        replace(&self.record(round), format!("{}\n{record}", sum(record.as_bytes())))
    }

    fn keep(&mut self, round: usize, found: &[Evaluated]) {
        self.chips.extend(found.iter().map(|one| Chip::of(&self.study.space, one)));
        self.rounds = round + 1;
    }

    /// Joins all points into one file.
    pub fn join(&self, path: &Path) -> Result {
        let parts = (0..self.rounds).map(|round| Ok(File::open(self.part(round))?));
        replace_with(path, |file| {
            // What the system said lies inside.
            points::points().join(parts, file).map_err(|error| match error {
                ParquetError::External(inner) => inner.downcast().map_or_else(io::Error::other, |inner| *inner),
                error => io::Error::other(error),
            })
        })
    }

    /// Tells what each chip was.
    pub fn chips(&self, path: &Path) -> Result {
        replace(path, points::chips().file(&self.chips)?)
    }

    /// Ends the journal: what it held stands elsewhere now.
    pub fn end(self) -> Result {
        self.clear()?;
        remove(&self.folder.join(LOCK))?;
        // A folder with files of others in it stays.
        let _ = fs::remove_dir(&self.folder);
        Ok(())
    }
}

/// Takes the folder for this program.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let file = File::create(&path).map_err(|error| Failure::file(&path, &error))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Failure::new(format!(
            "{}: another `puce design` is at work there: name another --out",
            folder.display()
        ))),
        // Where the system has no locks there is nobody to be kept out.
        _ => Ok(file),
    }
}

impl Journal for Disk<'_> {
    fn recall(&mut self, round: usize) -> Option<Vec<Evaluated>> {
        let found = self.read(round).unwrap_or_else(|why| {
            self.bar.note(&format!("{why}: the round is reckoned again"));
            None
        })?;
        self.keep(round, &found);
        self.recalled += 1;
        Some(found)
    }

    fn store(&mut self, round: usize, found: &[Evaluated], rows: &[Row]) -> std::result::Result<(), String> {
        self.write(round, found, rows).map_err(Failure::sentence)?;
        self.keep(round, found);
        Ok(())
    }

    fn proceed(&mut self, progress: &Progress) -> bool {
        self.bar.search(progress);
        !interrupt::requested()
    }
}
