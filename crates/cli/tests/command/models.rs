//! `puce model`, without a network: the cache is an empty directory.

use crate::tool::{Ran, Scratch, command, puce, run};

fn without_models(arguments: &[&str]) -> Ran {
    let scratch = Scratch::new();
    run(command(arguments).env("PUCE_CACHE", scratch.path("cache")), b"")
}

#[test]
fn models_are_listed_with_licence_and_state() {
    let list = without_models(&["model", "list"]).good().out;
    assert!(list.lines().any(|line| line.starts_with("smollm2 ") && line.ends_with("no       Apache-2.0")), "{list}");
    let models = without_models(&["model", "list", "--json"]).json();
    assert!(models.as_array().unwrap().iter().all(|model| model["fetched"] == false && model["bytes"].is_u64()));
}

#[test]
fn an_unknown_model_gets_a_suggestion() {
    for arguments in
        [&["model", "path", "smolm2"][..], &["model", "pull", "smolm2"], &["run", "--model", "smolm2", "Hi"]]
    {
        without_models(arguments).refused(&["`smolm2`", "did you mean `smollm2`?"]);
    }
}

#[test]
fn a_model_that_was_not_fetched_says_how() {
    for what in ["path", "show"] {
        without_models(&["model", what, "smollm2"]).refused(&["`puce model pull smollm2`"]);
    }
}

#[test]
fn without_a_home_there_is_no_cache() {
    let mut command = command(&["model", "list"]);
    command.env_remove("HOME").env_remove("XDG_CACHE_HOME");
    run(&mut command, b"").refused(&["HOME", "PUCE_CACHE"]);
}

#[test]
fn files_that_are_no_models_are_refused() {
    let scratch = Scratch::new();
    puce(&["model", "show", &scratch.path("none.gguf")]).refused(&["none.gguf"]);
    let text = scratch.write("notes.txt", "hello");
    puce(&["run", "--model", &text, "Hi"]).refused(&["notes.txt", ".gguf"]);
    let mut header = b"GGUF".to_vec();
    header.extend(3u32.to_le_bytes());
    header.extend(u64::MAX.to_le_bytes());
    for len in [0, 3, 6, header.len()] {
        let file = scratch.write("cut.gguf", &header[..len]);
        for arguments in
            [&["model", "show", &file][..], &["run", "--model", &file, "Hi"], &["compile", "--model", &file]]
        {
            puce(arguments).refused(&["cut.gguf", "byte "]);
        }
    }
}

#[test]
fn a_prompt_must_come_from_somewhere_and_be_text() {
    run(&mut command(&["run"]), &[b'a', 0xff]).refused(&["standard input, byte 1", "UTF-8"]);
}
