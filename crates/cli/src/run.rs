//! `puce run`: one prompt, one answer.

use crate::args::positive;
use crate::failure::{Failure, Result};
use crate::generate::{SamplingArguments, Speaker};
use crate::prompts;
use crate::report::{Report, Whole};
use crate::setup::{ChipArguments, HostArguments, Loaded, ModelArguments};
use crate::{interrupt, ui};
use arch::machine::Machine;
use clap::Args;
use std::io::{IsTerminal, Read};

/// Arguments of `puce run`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  puce run \"Write a haiku about silicon.\"
  puce run --raw \"The capital of France is\" --max-tokens 16
  git diff | puce run --system \"Summarise this change.\" -
  puce run --temperature 0.8 --top-p 0.95 --seed 7 --json \"Tell me a story.\"

The answer is written to standard output, figures about the run to standard error.")]
pub struct Arguments {
    /// The prompt; `-` or none reads it from standard input
    prompt: Option<String>,
    /// A message of the system before the prompt
    #[arg(long, value_name = "TEXT", conflicts_with = "raw")]
    system: Option<String>,
    /// Continue the prompt as it stands, without the model's chat template
    #[arg(long)]
    raw: bool,
    /// Longest sequence in tokens [default: the model's own, at most 2048]
    #[arg(long, value_name = "N", value_parser = positive)]
    context: Option<usize>,
    /// Print one JSON object with text, tokens and figures, when all is done
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
    let prompt = prompt(arguments.prompt.as_deref())?;
    arguments.sampling.sampler()?;
    let chip = arguments.chip.chip()?;
    arguments.host.kernels()?;
    let opened = arguments.model.open()?;
    let tokens = if arguments.raw {
        prompts::raw(&opened, &prompt)?
    } else {
        prompts::Conversation::new(&opened, arguments.system.as_deref())?.ask(&prompt)?
    };
    let options = arguments.chip.options(&chip, &opened.network, arguments.context.unwrap_or(0));
    let mut loaded = Loaded::new(&opened, &chip, &options, &arguments.host)?;
    loaded.session.machine_mut().clear();
    interrupt::listen();
    let context = loaded.compiled.abi.sizes.context;
    let mut speaker = Speaker::new(&mut loaded.session, &opened.tokenizer, &arguments.sampling, context)?;
    let mut hear = |text: &str| if arguments.json { Ok(()) } else { ui::print(text) };
    let answer = speaker.say(&tokens, arguments.sampling.max_tokens, &mut hear)?;
    let report = Report::new(&arguments.model.model, &loaded, &answer);
    if arguments.json {
        return ui::json(&Whole { text: &answer.text, tokens: &answer.tokens, report });
    }
    ui::print("\n")?;
    ui::note(&format!("\n{}", report.text()));
    Ok(())
}

/// The prompt, from the argument or from standard input.
fn prompt(argument: Option<&str>) -> Result<String> {
    let mut stdin = std::io::stdin();
    match argument {
        Some(text) if text != "-" => return Ok(text.to_string()),
        None if stdin.is_terminal() => {
            return Err(Failure::new(
                "there is no prompt: give it as an argument, as in `puce run \"Hello\"`, or on standard input",
            ));
        }
        _ => {}
    }
    let most = model::tokenizer::MAX_TEXT as u64;
    let mut bytes = Vec::new();
    let read = stdin.by_ref().take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::new(format!("standard input: {error}")))?;
    if bytes.len() as u64 > most {
        return Err(Failure::new(format!("standard input: more than the {most} bytes that are read as one prompt")));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::new(format!("standard input, byte {at}: this is no text: UTF-8 is expected"))
    })?;
    // The line break at the end belongs to the pipe, not to the prompt.
    Ok(text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text)).unwrap_or(&text).to_string())
}
