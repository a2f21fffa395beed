//! The one test command: a table of steps, run in order, stopped at the first failure.
//!
//! Each step is one line with its time when it ends well; of one that began ahead of its turn that is the time that it was waited for. The steps that run tests show their
//! output as it comes, because their closing lines are evidence; the others show theirs only when
//! they fail. The last line is the sum of every closing line that was seen.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread::ScopedJoinHandle;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::repo;
use crate::tally::Tally;

/// What to leave out.
#[derive(clap::Args)]
pub struct Options {
    /// Leave out the heavy tests and the fuzzing
    #[arg(long)]
    quick: bool,
    /// Run only the steps that run tests, and in them only tests whose name contains this
    #[arg(long)]
    filter: Option<String>,
}

/// How much of a step's output is shown when it ends well.
#[derive(Clone, Copy, PartialEq)]
enum Show {
    Nothing,
    /// Everything, as it comes; closing lines are counted.
    Tests,
}

/// What a step runs, with its arguments.
#[derive(Clone, Copy)]
enum Call {
    Cargo(&'static [&'static str]),
    /// The program as the tests have built it. `cargo run --package cli` would build it again, since the libraries of one
    /// package alone have other features than those of all.
    Puce(&'static [&'static str]),
    /// This program. `cargo xtask` would wait for whoever builds.
    Own(&'static [&'static str]),
}

/// One step of the suite.
struct Step {
    name: &'static str,
    call: Call,
    show: Show,
    /// Left out by `--quick`.
    heavy: bool,
    /// Set for the child.
    env: &'static [(&'static str, &'static str)],
    /// The component without which the step is skipped, by the arguments that ask cargo for it.
    needs: Option<&'static [&'static str]>,
    /// Begun before all others and waited for in its place: downloads wait for the network, builds for the processor.
    ahead: bool,
}

const PLAIN: Step =
    Step { name: "", call: Call::Cargo(&[]), show: Show::Nothing, heavy: false, env: &[], needs: None, ahead: false };

/// Property tests draw the same cases in every run: what fails here fails again, and what a run by hand finds is not found in somebody else's change.
const SAME_CASES: (&str, &str) = ("PROPTEST_RNG_SEED", "1");

/// The suite. A heavy test of one crate is a row of its own with `Show::Tests` and `heavy`; it names
/// the whole workspace and its test target, because cargo builds the libraries anew for one package
/// whose features differ from those of all.
const STEPS: &[Step] = &[
    Step { name: "build", call: Call::Cargo(&["test", "--workspace", "--no-run"]), ..PLAIN },
    Step { name: "fetch the model", call: Call::Puce(&["model", "pull", "smollm2"]), ..PLAIN },
    Step { name: "chip tools", call: Call::Own(&["tools", "eda"]), ahead: true, ..PLAIN },
    Step {
        name: "format",
        call: Call::Cargo(&["fmt", "--all", "--check"]),
        needs: Some(&["fmt", "--version"]),
        ..PLAIN
    },
    Step {
        name: "lints",
        call: Call::Cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        needs: Some(&["clippy", "--version"]),
        ..PLAIN
    },
    Step { name: "lint of the design", call: Call::Cargo(&["xtask", "lint"]), ..PLAIN },
    Step {
        name: "tests and doc examples",
        call: Call::Cargo(&["test", "--workspace"]),
        show: Show::Tests,
        env: &[SAME_CASES],
        ..PLAIN
    },
    Step { name: "reports in a browser", call: Call::Cargo(&["xtask", "pages"]), show: Show::Tests, ..PLAIN },
    Step {
        name: "invariance of SmolLM2, the long sweep",
        call: Call::Cargo(&["test", "--workspace", "--test", "invariance", "smollm2"]),
        show: Show::Tests,
        heavy: true,
        env: &[("PUCE_LONG", "1")],
        ..PLAIN
    },
    Step {
        name: "the chip in lockstep, the long run",
        call: Call::Cargo(&["test", "--workspace", "--test", "lockstep"]),
        show: Show::Tests,
        heavy: true,
        env: &[("PUCE_CASES", "10000")],
        ..PLAIN
    },
    Step {
        name: "a layer and the head of SmolLM2 on the simulated chip",
        call: Call::Puce(&[
            "verify",
            "--layers",
            "1",
            "--tokens",
            "1",
            "--checked",
            "--raw",
            "The capital of France is",
        ]),
        heavy: true,
        ..PLAIN
    },
    Step {
        name: "documentation",
        call: Call::Cargo(&["doc", "--workspace", "--no-deps"]),
        env: &[("RUSTDOCFLAGS", "-D warnings")],
        ..PLAIN
    },
    Step {
        name: "planted errors, a slice",
        call: Call::Cargo(&["xtask", "scoreboard", "mutants", "--slice"]),
        heavy: true,
        ..PLAIN
    },
    Step {
        name: "short proofs",
        call: Call::Cargo(&["xtask", "formal", "--quick"]),
        show: Show::Tests,
        heavy: true,
        ..PLAIN
    },
    Step {
        name: "fuzz slice",
        call: Call::Cargo(&["xtask", "fuzz", "--seconds", "4"]),
        show: Show::Tests,
        heavy: true,
        ..PLAIN
    },
];

/// Runs the suite; the error names the step that failed.
pub fn run(root: &Path, options: &Options) -> Result<()> {
    std::thread::scope(|scope| {
        let begun =
            |step: &'static Step| (step, step.ahead.then(|| scope.spawn(move || run_step(root, step, options))));
        let steps = STEPS.iter().filter(|step| wanted(step, options)).map(begun).collect();
        in_order(root, options, steps)
    })
}

/// The steps one after the other, those that have been begun as soon as they end.
fn in_order(root: &Path, options: &Options, steps: Vec<(&'static Step, Option<Begun<'_>>)>) -> Result<()> {
    let mut sum = Tally::default();
    let mut failure = None;
    for (step, begun) in steps {
        if step.needs.is_some_and(|asks| !repo::succeeds(repo::command(root, "cargo").args(asks))) {
            println!("- {}: skipped, this toolchain has no `cargo {}`", step.name, step.arguments()[0]);
            continue;
        }
        let start = Instant::now();
        let (ended_well, tally) = match begun {
            Some(begun) => begun.join().expect("a step does not panic")?,
            None => run_step(root, step, options)?,
        };
        sum += tally;
        let mark = if ended_well { '✓' } else { '✗' };
        println!("{mark} {} ({:.1} s)", step.name, start.elapsed().as_secs_f64());
        if !ended_well {
            failure = Some(step.name);
            break;
        }
    }
    println!("{sum}");
    match failure {
        Some(name) => bail!("`{name}` failed; its output is above"),
        None => Ok(()),
    }
}

impl Step {
    fn arguments(&self) -> &'static [&'static str] {
        match self.call {
            Call::Cargo(arguments) | Call::Puce(arguments) | Call::Own(arguments) => arguments,
        }
    }
}

/// A step that another thread runs.
type Begun<'a> = ScopedJoinHandle<'a, Result<(bool, Tally)>>;

/// The folder in which cargo puts programs: this one lies there too.
fn beside() -> Result<PathBuf> {
    let here = std::env::current_exe().context("the folder of this program cannot be found")?;
    Ok(here.parent().map(Path::to_owned).unwrap_or_default())
}

fn wanted(step: &Step, options: &Options) -> bool {
    let filtered_out = options.filter.is_some() && (step.show != Show::Tests || step.arguments()[0] != "test");
    !(filtered_out || options.quick && step.heavy)
}

fn run_step(root: &Path, step: &Step, options: &Options) -> Result<(bool, Tally)> {
    let mut command = match step.call {
        Call::Cargo(_) => repo::command(root, "cargo"),
        Call::Puce(_) => repo::command(root, &beside()?.join("puce").to_string_lossy()),
        Call::Own(_) => repo::command(root, &std::env::current_exe()?.to_string_lossy()),
    };
    command.args(step.arguments()).envs(step.env.iter().copied());
    if let Some(filter) = &options.filter {
        command.arg(filter);
    }
    println!("> {}", repo::shown(&command));
    run_counted(&mut command, step.show == Show::Tests)
}

/// Runs a command and counts the closing lines of its output. With `show` both streams are passed
/// on as they come, else they are printed only after a failure.
pub fn run_counted(command: &mut Command, show: bool) -> Result<(bool, Tally)> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{}: cannot be started", repo::shown(command)))?;
    let sink = Mutex::new(Sink { show, held: Vec::new(), tally: Tally::default() });
    let (out, err) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(|| drain(out, &sink));
        drain(err, &sink);
    });
    let status = child.wait()?;
    let sink = sink.into_inner().expect("no reader panicked");
    if !status.success() {
        sink.held.iter().for_each(|line| println!("{line}"));
    }
    Ok((status.success(), sink.tally))
}

/// Where both streams of a child end.
struct Sink {
    show: bool,
    held: Vec<String>,
    tally: Tally,
}

impl Sink {
    fn line(&mut self, line: String) {
        if let Some(tally) = Tally::of_line(&line) {
            self.tally += tally;
        }
        if self.show {
            println!("{line}");
        } else {
            self.held.push(line);
        }
    }
}

/// Reads a stream to its end, line by line; bytes that are no text are replaced, not fatal.
fn drain(stream: Option<impl Read>, sink: &Mutex<Sink>) {
    let Some(stream) = stream else { return };
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
        sink.lock().expect("no reader panicked").line(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(options: &Options) -> Vec<&'static str> {
        STEPS.iter().filter(|step| wanted(step, options)).map(|step| step.name).collect()
    }

    #[test]
    fn quick_and_filter_choose_steps() {
        assert_eq!(names(&Options { quick: false, filter: None }).len(), STEPS.len());
        assert!(!names(&Options { quick: true, filter: None }).contains(&"fuzz slice"));
        let filtered = names(&Options { quick: false, filter: Some("x".to_owned()) });
        assert!(filtered.contains(&"tests and doc examples"));
        assert!(!filtered.contains(&"lints") && !filtered.contains(&"fuzz slice"));
    }

    #[cfg(unix)]
    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[cfg(unix)]
    #[test]
    fn closing_lines_of_both_streams_are_summed() {
        let line = "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured";
        let script = format!("echo '{line}'; echo '{line}' >&2; echo noise; printf '{line}'");
        let (ended_well, tally) = run_counted(&mut shell(&script), false).unwrap();
        assert!(ended_well);
        assert_eq!(tally, Tally { passed: 6, failed: 0, skipped: 3 });
    }

    #[cfg(unix)]
    #[test]
    fn a_failure_keeps_its_counts() {
        let line = "test result: FAILED. 1 passed; 4 failed; 0 ignored; 0 measured";
        let (ended_well, tally) = run_counted(&mut shell(&format!("echo '{line}'; exit 101")), false).unwrap();
        assert!(!ended_well);
        assert_eq!(tally.failed, 4);
    }
}
