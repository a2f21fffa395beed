//! `puce chat`: a conversation, in a terminal or from a pipe.

use crate::args::positive;
use crate::failure::{Failure, Result};
use crate::generate::{Answer, SamplingArguments, Speaker};
use crate::prompts::Conversation;
use crate::report::{Work, status};
use crate::setup::{ChipArguments, HostArguments, Loaded, ModelArguments};
use crate::{interrupt, ui};
use arch::machine::Machine;
use clap::Args;
use std::io::{BufRead, IsTerminal, Read, Write};

/// Arguments of `puce chat`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  puce chat
  puce chat --system \"Answer in one sentence.\" --temperature 0.7 --seed 1
  printf 'My name is Ada.\\nWhat is my name?\\n' | puce chat

Commands in the conversation: /reset forgets what was said, /help lists them, /quit or Ctrl-D ends it.
Ctrl-C stops an answer; at the prompt it ends the program.")]
pub struct Arguments {
    /// A message of the system before the conversation
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Longest conversation in tokens [default: the model's own, at most 2048]
    #[arg(long, value_name = "N", value_parser = positive)]
    context: Option<usize>,
    /// Print one JSON object per answer
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten, next_help_heading = "Chip")]
    chip: ChipArguments,
    #[command(flatten)]
    sampling: SamplingArguments,
    #[command(flatten, next_help_heading = "Host")]
    host: HostArguments,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result {
    arguments.sampling.sampler()?;
    let chip = arguments.chip.chip()?;
    arguments.host.kernels()?;
    let opened = arguments.model.open()?;
    let conversation = Conversation::new(&opened, arguments.system.as_deref())?;
    let options = arguments.chip.options(&chip, &opened.network, arguments.context.unwrap_or(0));
    let mut loaded = Loaded::new(&opened, &chip, &options, &arguments.host)?;
    loaded.session.machine_mut().clear();
    interrupt::listen();
    let context = loaded.compiled.abi.sizes.context;
    let terminal = std::io::stdin().is_terminal();
    if terminal {
        let (cores, kernels) = (ui::plural(options.cores, "core"), loaded.kernels);
        let greeting = format!("{} on chip {}, {cores}, {kernels}; /help for help", arguments.model.model, chip.name);
        ui::note(&ui::styled(ui::FAINT, greeting));
    }
    let speaker = Speaker::new(&mut loaded.session, &opened.tokenizer, &arguments.sampling, context)?;
    Chat { arguments, conversation, speaker, terminal }.run()
}

struct Chat<'a> {
    arguments: &'a Arguments,
    conversation: Conversation<'a>,
    speaker: Speaker<'a>,
    terminal: bool,
}

/// What a line asks for.
enum Line<'a> {
    Say(&'a str),
    Reset,
    Help,
    Quit,
    Unknown(&'a str),
    Nothing,
}

impl Line<'_> {
    fn of(line: &str) -> Line<'_> {
        match line.trim() {
            "" => Line::Nothing,
            "/reset" => Line::Reset,
            "/help" => Line::Help,
            "/quit" => Line::Quit,
            // A path or a fraction is no command.
            word if word.starts_with('/') && word[1..].chars().all(char::is_alphabetic) => Line::Unknown(word),
            text => Line::Say(text),
        }
    }
}

impl Chat<'_> {
    fn run(mut self) -> Result {
        while let Some(line) = self.line()? {
            match Line::of(&line) {
                Line::Say(text) => self.say(text)?,
                Line::Reset => {
                    self.conversation.reset();
                    self.tell("forgotten");
                }
                Line::Help => self.tell("/reset forgets what was said, /quit or Ctrl-D ends the conversation"),
                Line::Unknown(word) => self.tell(&format!("`{word}` is no command: there are /reset, /help and /quit")),
                Line::Quit => break,
                Line::Nothing => {}
            }
        }
        if self.terminal {
            ui::note("");
        }
        Ok(())
    }

    fn tell(&self, text: &str) {
        ui::note(&ui::styled(ui::FAINT, text));
    }

    /// The next line, or nothing at the end of input.
    fn line(&self) -> Result<Option<String>> {
        if self.terminal {
            let mut stderr = anstream::stderr().lock();
            let _ = write!(stderr, "{} ", ui::styled(ui::STRONG, ">")).and_then(|()| stderr.flush());
        }
        let mut bytes = Vec::new();
        let most = model::tokenizer::MAX_TEXT as u64;
        let read = std::io::stdin().lock().take(most).read_until(b'\n', &mut bytes);
        read.map_err(|error| Failure::new(format!("standard input: {error}")))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::new("standard input: a line is no text: UTF-8 is expected"))?;
        Ok((!text.is_empty()).then_some(text))
    }

    /// One question and its answer. In a terminal a question that cannot be answered is no reason to leave.
    fn say(&mut self, text: &str) -> Result {
        match self.answer(text) {
            Err(Failure::Sentence(sentence)) if self.terminal => {
                ui::complain(&sentence);
                Ok(())
            }
            outcome => outcome,
        }
    }

    fn answer(&mut self, text: &str) -> Result {
        let tokens = self.conversation.ask(text)?;
        let json = self.arguments.json;
        let mut hear = |text: &str| if json { Ok(()) } else { ui::print(text) };
        let outcome = self.speaker.say(&tokens, self.arguments.sampling.max_tokens, &mut hear);
        let answer = outcome.inspect_err(|_| self.conversation.withdraw())?;
        let interrupted = interrupt::take();
        if answer.tokens.is_empty() && interrupted {
            self.conversation.withdraw();
        } else {
            self.conversation.answered(&answer.text);
        }
        if json {
            self.print_json(&answer)?;
        } else {
            ui::print("\n")?;
        }
        if self.terminal {
            self.tell(&self.figures(&answer, interrupted));
        }
        Ok(())
    }

    fn figures(&self, answer: &Answer, interrupted: bool) -> String {
        let prompt = ui::rate(answer.prompt - answer.reused, answer.prefill_seconds);
        let decode = ui::rate(answer.steps, answer.decode_seconds);
        let flags = Work::of(self.speaker.session().machine()).flags;
        let alarm = if flags == "none" { String::new() } else { format!("; {}", status(&flags)) };
        let end = if interrupted { "; interrupted" } else { "" };
        let (new, reused, tokens) = (answer.prompt - answer.reused, answer.reused, answer.tokens.len());
        format!("[{new} new and {reused} cached tokens, {prompt}; {tokens} answered, {decode}{end}{alarm}]")
    }

    fn print_json(&self, answer: &Answer) -> Result {
        let work = Work::of(self.speaker.session().machine());
        ui::json(&serde_json::json!({
            "text": answer.text,
            "tokens": answer.tokens,
            "prompt_tokens": answer.prompt,
            "cached_tokens": answer.reused,
            "ended_by": answer.end,
            "prefill_seconds": answer.prefill_seconds,
            "decode_seconds": answer.decode_seconds,
            "flags": work.flags,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_single_words() {
        assert!(matches!(Line::of("/reset\n"), Line::Reset));
        assert!(matches!(Line::of(" /quit "), Line::Quit));
        assert!(matches!(Line::of("/rest"), Line::Unknown("/rest")));
        assert!(matches!(Line::of("/usr/bin is a path"), Line::Say(_)));
        assert!(matches!(Line::of(" \n"), Line::Nothing));
        assert!(matches!(Line::of("reset"), Line::Say("reset")));
    }
}
