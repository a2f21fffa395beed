//! Help, completions, colour, usage errors.

use crate::tool::{command, puce, run};

const COMMANDS: &[&[&str]] = &[
    &[],
    &["design"],
    &["run"],
    &["chat"],
    &["model", "list"],
    &["model", "pull"],
    &["model", "show"],
    &["model", "path"],
    &["chip", "list"],
    &["chip", "show"],
    &["chip", "check"],
    &["compile"],
    &["objdump"],
    &["asm"],
    &["map"],
    &["rtl"],
    &["verify"],
    &["trace"],
    &["bench"],
    &["perf"],
    &["perf", "list"],
    &["simulate"],
    &["eval"],
    &["facts"],
    &["facts", "cases"],
    &["facts", "cost"],
    &["completions"],
];

#[test]
fn every_help_teaches_with_examples_that_parse() {
    for words in COMMANDS {
        let help = puce(&[words, &["--help"][..]].concat()).good().out;
        let (_, examples) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("{words:?}: no examples"));
        let examples: Vec<&str> = examples.lines().take_while(|line| line.starts_with("  ")).collect();
        assert!((2..=5).contains(&examples.len()), "{words:?}: {examples:?}");
        let about = [&["puce"], *words].concat().join(" ");
        assert!(examples.iter().any(|line| line.contains(&about)), "{words:?}: {examples:?}");
        let longest = help.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(100), "{words:?}: {longest:?} columns");
    }
}

#[test]
fn completions_know_every_command() {
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef puce"), ("fish", "complete -c puce")] {
        let script = puce(&["completions", shell]).good().out;
        assert!(script.contains(mark), "{shell}");
        for word in ["objdump", "completions", "max-tokens", "kernels"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
}

#[test]
fn usage_errors_are_of_their_own_kind() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "Usage"),
        (&["walk"], "unrecognized"),
        (&["run", "--cores", "0", "Hi"], "at least 1"),
        (&["bench", "--prompt", "18446744073709551615"], "at most"),
        (&["run", "--weights", "i4", "Hi"], "i4s, i4m"),
        (&["compile", "--weights", "a8"], "i4s, i4m"),
        (&["run", "--raw", "--system", "x", "Hi"], "cannot be used with"),
        (&["bench", "--prefill", "8", "--steps", "2"], "cannot be used with"),
        (&["eval"], "--text"),
        (&["facts", "--as-of", "May"], "`May` is no date"),
        (&["facts", "cost", "B200", "--read", "1"], "--write"),
        (&["completions", "tcsh"], "bash"),
    ];
    for (arguments, word) in cases {
        let ran = puce(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ran.err.contains(word), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn settings_without_a_meaning_are_refused_before_anything_is_loaded() {
    puce(&["run", "--temperature=-1", "Hi"]).refused(&["temperature", "-1"]);
    puce(&["run", "--kernels", "mmx", "Hi"]).refused(&["--kernels mmx", "scalar"]);
    puce(&["chat", "--top-p", "2"]).refused(&["top_p", "2"]);
}

#[test]
fn colour_is_for_terminals_and_can_be_asked_for_and_refused() {
    let escapes = |variables: &[(&str, &str)]| {
        let mut command = command(&["chip", "list"]);
        variables.iter().for_each(|(name, value)| {
            command.env(name, value);
        });
        run(&mut command, b"").good().out.contains('\x1b')
    };
    assert!(!escapes(&[]), "standard output is a pipe");
    assert!(escapes(&[("CLICOLOR_FORCE", "1")]));
    assert!(!escapes(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
fn a_closed_pipe_is_no_error() {
    use std::process::Stdio;
    let mut child = command(&["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
