//! `puce_params`: the parameter memory, which serves one core in a cycle.
//!
//! In a cycle: every core's [`super::control::Control::asks_param`] is collected (from registers), [`Params::came`] says whose word comes, then
//! [`Params::step`] says who is served; both answers go to the step of that core's control. The host writes before a run, and is not here.

use super::port::Turns;

/// The words and whose turn it is.
#[derive(Clone, Debug, Default)]
pub struct Params {
    words: Vec<u32>,
    turns: Turns,
    came: Option<(usize, u32)>,
}

impl Params {
    /// The memory with these words.
    pub fn new(words: Vec<u32>) -> Params {
        Params { words, ..Params::default() }
    }

    /// Other words, written by the host between runs.
    pub fn write(&mut self, words: Vec<u32>) {
        self.words = words;
    }

    /// The core that was served in the cycle before, and its word.
    pub fn came(&self) -> Option<(usize, u32)> {
        self.came
    }

    /// A clock edge at which these cores ask for these words; the core that is served.
    #[inline]
    pub fn step(&mut self, asks: &[Option<u32>]) -> Option<usize> {
        let chosen = self.turns.chosen(asks.iter().map(Option::is_some));
        self.came = chosen.and_then(|core| Some((core, self.words[asks[core]? as usize])));
        if let Some(core) = chosen {
            self.turns.served(core);
        }
        chosen
    }
}
