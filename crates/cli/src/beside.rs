//! `puce eval --prompts`: chip and reference continue the same prompts, side by side.

use crate::failure::Result;
use crate::interrupt::{self, Working};
use crate::setup::Opened;
use crate::{prompts, ui};
use compiler::session::{Chunk, Session, Want};
use emu::Emulator;
use model::reference::Reference;
use model::sample::argmax;
use serde::Serialize;

/// Tokens that a built-in prompt has at most, in any tokenizer.
pub const LONGEST: usize = 64;

/// Prompts as plain texts: both languages are written by people, and neither needs a template.
const PROMPTS: [&str; 6] = [
    "The capital of France is",
    "Water boils at a temperature of",
    "In 1969, for the first time in history,",
    "La capitale de l'Italie est",
    "Il était une fois, dans un petit village,",
    "Le soleil se lève à l'est et se couche",
];

#[derive(Serialize)]
struct Pair {
    prompt: &'static str,
    chip: String,
    reference: Option<String>,
    chip_tokens: Vec<u32>,
    reference_tokens: Option<Vec<u32>>,
    /// Index of the first token that differs.
    parted_at: Option<usize>,
}

/// Continues every prompt by up to `most` tokens.
pub fn run(
    opened: &Opened,
    session: &mut Session<Emulator>,
    reference: Option<&Reference>,
    most: usize,
    json: bool,
) -> Result {
    let _working = Working::begin();
    let mut pairs = Vec::new();
    for prompt in PROMPTS {
        if interrupt::requested() {
            break;
        }
        let tokens = prompts::raw(opened, prompt)?;
        let chip = by_chip(opened, session, &tokens, most)?;
        let reference = reference.map(|reference| by_reference(opened, reference, &tokens, most)).transpose()?;
        let text = |tokens: &[u32]| opened.tokenizer.decode(tokens, false);
        let pair = Pair {
            prompt,
            chip: text(&chip),
            reference: reference.as_deref().map(text),
            parted_at: reference.as_deref().and_then(|other| parted(&chip, other)),
            chip_tokens: chip,
            reference_tokens: reference,
        };
        if !json {
            ui::print(&pair.text(opened))?;
        }
        pairs.push(pair);
    }
    if json { ui::json(&pairs) } else { Ok(()) }
}

/// Where two rows of tokens part: the first index at which they differ, or the end of the shorter.
fn parted(a: &[u32], b: &[u32]) -> Option<usize> {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    (same < a.len().max(b.len())).then_some(same)
}

fn by_chip(opened: &Opened, session: &mut Session<Emulator>, prompt: &[u32], most: usize) -> Result<Vec<u32>> {
    let sequence = session.open();
    let logits = session.prefill(sequence, prompt, 0)?.values;
    let answer = greedy(opened, most, logits, |token| {
        Ok(session.step(&[Chunk { sequence, tokens: &[token], want: Want::Last }])?.values)
    });
    session.close(sequence);
    answer
}

fn by_reference(opened: &Opened, reference: &Reference, prompt: &[u32], most: usize) -> Result<Vec<u32>> {
    let mut state = reference.state();
    let first = reference.forward_last(&mut state, prompt)?;
    greedy(opened, most, first, |token| Ok(reference.forward_last(&mut state, &[token])?))
}

/// Takes the most probable token until the model ends or there are enough.
fn greedy(
    opened: &Opened,
    most: usize,
    mut logits: Vec<f32>,
    mut next: impl FnMut(u32) -> Result<Vec<f32>>,
) -> Result<Vec<u32>> {
    let mut tokens = Vec::new();
    loop {
        let token = argmax(&logits)?;
        if opened.tokenizer.is_end(token) {
            return Ok(tokens);
        }
        tokens.push(token);
        if tokens.len() == most {
            return Ok(tokens);
        }
        logits = next(token)?;
    }
}

impl Pair {
    fn text(&self, opened: &Opened) -> String {
        let mut sheet = ui::Sheet::new();
        sheet.row("prompt", ui::styled(ui::STRONG, self.prompt));
        sheet.row("chip", self.marked(opened, &self.chip_tokens));
        let Some(reference) = &self.reference_tokens else { return sheet.text() + "\n" };
        sheet.row("reference", self.marked(opened, reference));
        let most = self.chip_tokens.len().max(reference.len());
        sheet.row(
            "",
            match self.parted_at {
                None => ui::styled(ui::FAINT, format!("same for all {most} tokens")),
                Some(at) => ui::styled(ui::FAINT, format!("same for {at} of {most} tokens")),
            },
        );
        sheet.text() + "\n"
    }

    /// The continuation on one line, with a bar where the other one parts from it.
    fn marked(&self, opened: &Opened, tokens: &[u32]) -> String {
        let line = |tokens: &[u32]| opened.tokenizer.decode(tokens, false).replace('\n', "⏎");
        match self.parted_at {
            Some(at) => format!("{}{}{}", line(&tokens[..at]), ui::styled(ui::ALARM, "|"), line(&tokens[at..])),
            None => line(tokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_part_where_they_first_differ() {
        assert_eq!(parted(&[1, 2, 3], &[1, 2, 3]), None);
        assert_eq!(parted(&[1, 2, 3], &[1, 5, 3]), Some(1));
        assert_eq!(parted(&[1, 2], &[1, 2, 3]), Some(2));
        assert_eq!(parted(&[], &[]), None);
    }
}
