//! From what a user says to the tokens a model continues.

use crate::failure::{Failure, Result};
use crate::setup::Opened;
use model::chat::{Message, Template};
use model::tokenizer::Tokenizer;
use std::time::{SystemTime, UNIX_EPOCH};

/// A bare prompt, with the token that the file wants before one.
pub fn raw(opened: &Opened, text: &str) -> Result<Vec<u32>> {
    let tokenizer = &opened.tokenizer;
    let mut tokens: Vec<u32> = tokenizer.prefix().into_iter().collect();
    tokens.extend(tokenizer.encode(text, false)?);
    Ok(tokens)
}

/// The tokens of a long text; control tokens are plain characters in it.
pub fn plain(opened: &Opened, text: &str) -> Result<Vec<u32>> {
    Ok(opened.tokenizer.encode(text, false)?)
}

/// Messages to and fro, and the model's way of writing them.
pub struct Conversation<'a> {
    tokenizer: &'a Tokenizer,
    template: Template,
    messages: Vec<Message>,
    /// Leading messages that a reset keeps.
    fixed: usize,
    now: i64,
}

impl<'a> Conversation<'a> {
    /// A conversation that begins with a message of the system, if there is one.
    pub fn new(opened: &'a Opened, system: Option<&str>) -> Result<Conversation<'a>> {
        let template = Template::of(&opened.checkpoint, &opened.tokenizer)
            .map_err(|error| Failure::new(format!("{error}; `puce run --raw` continues a text without one")))?;
        let messages: Vec<Message> = system.map(|text| Message::new("system", text)).into_iter().collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        Ok(Conversation { tokenizer: &opened.tokenizer, template, fixed: messages.len(), messages, now })
    }

    /// Adds what the user says, and gives the tokens of all so far, up to where the answer begins.
    pub fn ask(&mut self, text: &str) -> Result<Vec<u32>> {
        self.check(text)?;
        self.messages.push(Message::new("user", text));
        let rendered = self.template.render(&self.messages, true, self.now)?;
        Ok(self.tokenizer.encode(&rendered, true)?)
    }

    /// Adds what the model answered.
    pub fn answered(&mut self, text: &str) {
        self.messages.push(Message::new("assistant", text));
    }

    /// Takes back the last question: it was not answered.
    pub fn withdraw(&mut self) {
        self.messages.pop();
    }

    /// Forgets all but the message of the system.
    pub fn reset(&mut self) {
        self.messages.truncate(self.fixed);
    }

    /// Refuses text that spells a control token: in a template it would end the turn, and what follows would speak as somebody else.
    fn check(&self, text: &str) -> Result {
        let marked = self.tokenizer.encode(text, true)?;
        let plain = self.tokenizer.encode(text, false)?;
        let control = marked.iter().find(|id| self.tokenizer.is_control(**id) && !plain.contains(id));
        match control.and_then(|id| self.tokenizer.piece(*id)) {
            Some(piece) => Err(Failure::new(format!(
                "the prompt spells the control token `{}`: take it out, or use `puce run --raw`, where it is plain text",
                String::from_utf8_lossy(piece)
            ))),
            None => Ok(()),
        }
    }
}
