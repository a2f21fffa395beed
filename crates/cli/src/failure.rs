//! Why a command could not do what it was asked: one sentence.

use std::error::Error;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The result of a command or of a part of one.
pub type Result<T = ()> = std::result::Result<T, Failure>;

/// Why a command ends early.
#[derive(Debug)]
pub enum Failure {
    /// The sentence for the user.
    Sentence(String),
    /// Nobody reads standard output any more, as in `puce ... | head`: no reason to complain.
    Pipe,
}

impl Failure {
    /// A failure of our own.
    pub fn new(sentence: impl Into<String>) -> Failure {
        Failure::Sentence(sentence.into())
    }

    /// The operating system refused a file.
    pub fn file(path: &Path, error: &io::Error) -> Failure {
        let reason = match error.kind() {
            ErrorKind::NotFound => "there is no such file".into(),
            ErrorKind::PermissionDenied => "permission denied".into(),
            ErrorKind::StorageFull => "the disk is full".into(),
            ErrorKind::IsADirectory => "this is a directory, and a file is expected".into(),
            _ => error.to_string(),
        };
        Failure::new(format!("{}: {reason}", path.display()))
    }

    /// The sentence alone.
    pub fn sentence(self) -> String {
        match self {
            Failure::Sentence(sentence) => sentence,
            Failure::Pipe => "nobody reads standard output".into(),
        }
    }

    /// Tells the user, and gives the exit code.
    pub fn report(self) -> ExitCode {
        match self {
            Failure::Pipe => ExitCode::SUCCESS,
            Failure::Sentence(sentence) => {
                crate::ui::complain(&sentence);
                ExitCode::FAILURE
            }
        }
    }
}

/// Every error below this crate is a sentence already; one with line breaks inside becomes one line.
impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::Sentence(one_line(error))
    }
}

fn one_line(text: impl Display) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A file's bytes.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Failure::file(path, &error))
}

/// A file's text.
pub fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::new(format!("{}, byte {at}: this is no text: UTF-8 is expected", path.display()))
    })
}

/// Writes a file.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result {
    std::fs::write(path, bytes).map_err(|error| Failure::file(path, &error))
}

/// Writes a file so that whoever looks, even after a crash, finds the old one or the whole new one.
pub fn replace(path: &Path, bytes: impl AsRef<[u8]>) -> Result {
    replace_with(path, |file| file.write_all(bytes.as_ref()))
}

/// The same with a file that is written piece by piece.
pub fn replace_with(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result {
    let passing = passing(path);
    let written = File::create(&passing).and_then(|file| {
        let mut file = BufWriter::new(file);
        write(&mut file)?;
        file.into_inner()?.sync_all()
    });
    written.and_then(|()| std::fs::rename(&passing, path)).map_err(|error| {
        // It is of no use to anybody; if it cannot be removed, that is not the error to tell.
        let _ = std::fs::remove_file(&passing);
        Failure::file(path, &error)
    })
}

/// The name that a file has while it is written.
pub fn passing(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}

/// Removes a file, if there is one.
pub fn remove(path: &Path) -> Result {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Failure::file(path, &error)),
        _ => Ok(()),
    }
}
