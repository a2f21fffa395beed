//! Where the tree is, which files belong to it, and how a child process is started.
//!
//! "Belongs" means: not ignored by git. Files that are new and not yet added count, so that a rule
//! speaks before the commit and not after it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The folder that holds the workspace manifest.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies one folder below the root").to_path_buf()
}

/// A text file of the tree.
pub struct TextFile {
    /// Path from the root, with `/` between its parts.
    pub path: String,
    /// The whole content.
    pub text: String,
}

/// Every UTF-8 file that git does not ignore, ordered by path. Files that are not text are left
/// out.
pub fn text_files(root: &Path) -> Result<Vec<TextFile>> {
    let mut files = Vec::new();
    let walk = ignore::WalkBuilder::new(root)
        .hidden(false)
        .parents(false)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .sort_by_file_path(|a, b| a.cmp(b))
        .build();
    for entry in walk {
        let entry = entry?;
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let bytes =
            std::fs::read(entry.path()).with_context(|| format!("{}: cannot be read", entry.path().display()))?;
        if let Ok(text) = String::from_utf8(bytes) {
            let path = relative(root, entry.path());
            files.push(TextFile { path, text });
        }
    }
    Ok(files)
}

/// The path from the root, with `/` between its parts.
fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// A command that runs at the root, reads nothing, finds the tools in `.tools/bin`, and does not
/// inherit the toolchain that happened to start this program.
pub fn command(root: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root).stdin(Stdio::null());
    let old = std::env::var_os("PATH").unwrap_or_default();
    let first = [root.join(".tools").join("bin")];
    if let Ok(path) = std::env::join_paths(first.into_iter().chain(std::env::split_paths(&old))) {
        command.env("PATH", path);
    }
    if std::env::var_os("CI").is_some() {
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

/// True when the program starts and ends well; its output is dropped.
pub fn succeeds(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Runs to the end with output shown; a failure names the command.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{}: cannot be started", shown(command)))?;
    if !status.success() {
        bail!("{}: {status}", shown(command));
    }
    Ok(())
}

/// Runs to the end and gives standard output; errors of the child are shown as they come.
pub fn output(command: &mut Command) -> Result<String> {
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("{}: cannot be started", shown(command)))?;
    if !output.status.success() {
        bail!("{}: {}", shown(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{}: output is not text", shown(command)))
}

/// The command as one would type it.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_and_binary_files_do_not_belong() {
        let tree = tempfile::tempdir().unwrap();
        let put = |path: &str, bytes: &[u8]| {
            let path = tree.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        put(".gitignore", b"/target\n");
        put("target/a.rs", b"x");
        put("src/b.rs", b"x");
        put(".ci/run", b"x");
        put("image", &[0xff, 0xfe]);
        let paths: Vec<_> = text_files(tree.path()).unwrap().into_iter().map(|f| f.path).collect();
        assert_eq!(paths, [".ci/run", ".gitignore", "src/b.rs"]);
    }

    #[test]
    fn a_failing_command_is_named() {
        let error = run(command(&root(), "cargo").arg("no-such-chore").stderr(Stdio::null()));
        assert!(error.unwrap_err().to_string().starts_with("cargo no-such-chore: exit"));
    }
}
