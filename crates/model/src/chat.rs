//! From a conversation to the prompt, as the model file's own chat template says.
//!
//! A [`Template`] is a Jinja program of the model's maker (`tokenizer.chat_template` in GGUF, `tokenizer_config.json` or `chat_template.jinja` beside
//! safetensors). It runs in `minijinja` with what such templates expect: Python's string methods, `raise_exception`, `strftime_now`, a `tojson` that
//! writes as Python does. There is no guess for a file without a template: the model would answer, and badly.
//!
//! A template comes from outside, so it runs on a budget of instructions and bytes that grows with the conversation, and its output is bounded too.
//! The time that `strftime_now` tells is an argument.
//!
//! ```
//! use model::chat::{Message, Template};
//! let source = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
//! let template = Template::new(source, "", "")?;
//! let prompt = template.render(&[Message::new("user", "Hi")], true, 0)?;
//! assert_eq!(prompt, "<user>Hi<assistant>");
//! # Ok::<(), model::Error>(())
//! ```

mod python;
mod source;

use std::io::{self, Write};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use serde::{Deserialize, Serialize};

use crate::checkpoint::Checkpoint;
use crate::tokenizer::{MAX_TEXT, Tokenizer};
use crate::{Error, Result};

/// Longest template, in bytes: several times the longest published.
const MAX_SOURCE: usize = 1 << 20;
/// Fuel of an empty conversation. One unit pays for an instruction or 64 bytes.
const FUEL: u64 = 500_000;
/// Copies of the conversation a template may make on its way.
const COPIES: u64 = 16;
/// Bytes of output beyond the conversation's own.
const MARGIN: usize = 1 << 20;
const NAME: &str = "chat";

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks: `system`, `user`, `assistant`, or what the template knows.
    pub role: String,
    /// What is said.
    pub content: String,
}

impl Message {
    /// A message.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Message {
        Message { role: role.into(), content: content.into() }
    }
}

/// A chat template, parsed.
#[derive(Debug)]
pub struct Template {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

impl Template {
    /// The template a checkpoint brings; the tokenizer gives the spelling of its beginning and end of sequence.
    ///
    /// # Errors
    /// If there is none, or it is not valid Jinja.
    pub fn of(checkpoint: &Checkpoint, tokenizer: &Tokenizer) -> Result<Template> {
        let spelling = |id: Option<u32>| {
            let piece = id.and_then(|id| tokenizer.piece(id)).unwrap_or_default();
            String::from_utf8_lossy(piece).into_owned()
        };
        let source = source::of(checkpoint)?;
        Template::new(&source, &spelling(tokenizer.bos()), &spelling(tokenizer.eos()))
            .map_err(|error| Error::Unsupported { file: checkpoint.path().to_path_buf(), what: error.to_string() })
    }

    /// Parses a template; `bos` and `eos` are what it sees as `bos_token` and `eos_token`.
    ///
    /// # Errors
    /// If it is not valid Jinja, with the line.
    pub fn new(source: &str, bos: &str, eos: &str) -> Result<Template> {
        if source.len() > MAX_SOURCE {
            let what =
                format!("the chat template has {} bytes, more than the {MAX_SOURCE} that are supported", source.len());
            return Err(Error::Request(what));
        }
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| failed(&error))?);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        python::install(&mut environment);
        environment.add_template_owned(NAME, source.to_string()).map_err(|error| failed(&error))?;
        Ok(Template { environment, bos: bos.to_string(), eos: eos.to_string() })
    }

    /// The prompt for a conversation. `add_generation_prompt`: it ends where the assistant's answer begins. `now` is what the template is told as the
    /// time, in seconds since 1970 (UTC).
    ///
    /// # Errors
    /// If the template refuses the conversation (many accept only alternating roles), or runs out of its budget.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool, now: i64) -> Result<String> {
        let size: usize = messages.iter().map(|message| message.role.len() + message.content.len()).sum();
        if size > MAX_TEXT {
            let what = format!(
                "the conversation has {size} bytes, more than the {MAX_TEXT} that are encoded at once: shorten it"
            );
            return Err(Error::Request(what));
        }
        let mut environment = self.environment.clone();
        environment.set_fuel(Some(FUEL + size as u64 * COPIES / 64 + messages.len() as u64 * 1000));
        python::set_time(&mut environment, now);
        let context = context! {
            messages => Value::from(Serde(messages)),
            add_generation_prompt,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
        };
        let mut output = Bounded { bytes: Vec::new(), limit: MARGIN + 4 * size, exceeded: false };
        let template = environment.get_template(NAME).map_err(|error| failed(&error))?;
        let outcome = template.render_captured_to(context, &mut output).map(drop);
        match outcome {
            _ if output.exceeded => Err(Error::Request(format!(
                "the chat template wrote more than {} bytes for a conversation of {size}: it is damaged, use another file",
                output.limit
            ))),
            Err(error) => Err(failed(&error)),
            Ok(()) => String::from_utf8(output.bytes)
                .map_err(|_| Error::Request("the chat template wrote bytes that are no text".into())),
        }
    }
}

/// A writer that stops at a limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    exceeded: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            self.exceeded = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The sentence for an error of the template engine.
fn failed(error: &minijinja::Error) -> Error {
    let line = error.line().map_or(String::new(), |line| format!(", line {line}"));
    let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_string);
    let detail: String = detail.chars().take(300).collect();
    Error::Request(match error.kind() {
        minijinja::ErrorKind::OutOfFuel => {
            format!("chat template{line}: it ran longer than any real template does and was stopped: use another file")
        }
        minijinja::ErrorKind::SyntaxError => {
            format!("chat template{line}: {detail}: it is not valid Jinja")
        }
        _ => format!("chat template{line}: {detail}"),
    })
}
