//! Tokens that are not text: where a sequence begins and ends, and how the two readings of a text share one vocabulary.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::{Model, NormalizerWrapper, Token};

use super::Engine;

/// The ids with a meaning of their own.
#[derive(Default)]
pub(super) struct Special {
    pub bos: Option<u32>,
    pub eos: Option<u32>,
    pub add_bos: bool,
    /// Every id that ends a generation, rising.
    pub ends: Vec<u32>,
    /// Every control token, rising.
    pub control: Vec<u32>,
}

/// Spellings that end a turn or a text in the families at hand; files often name only one of them as their end of sequence.
const ENDS: &[&str] = &[
    "<|eot_id|>",
    "<|eom_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "<EOT>",
    "_<EOT>",
    "</s>",
    "<eos>",
    "<｜end▁of▁sentence｜>",
];

/// The ends among the control tokens `spelling`, joined with those the file names.
pub(super) fn ends(named: &[Option<u32>], find: impl Fn(&str) -> Option<u32>) -> Vec<u32> {
    // In the harmony format `<|end|>` ends a message, after which the model goes on; `<|return|>` and `<|call|>` end its turn.
    let harmony = find("<|return|>").is_some() && find("<|call|>").is_some();
    let spelt = ENDS.iter().filter(|end| !(harmony && **end == "<|end|>")).filter_map(|end| find(end));
    let mut ends: Vec<u32> = named.iter().flatten().copied().chain(spelt).collect();
    ends.sort_unstable();
    ends.dedup();
    ends
}

/// A model of the `tokenizers` crate behind a shared pointer, so that two engines hold one vocabulary.
pub(super) struct Shared(Arc<ModelWrapper>);

impl Model for Shared {
    type Trainer = TrainerWrapper;

    fn tokenize(&self, sequence: &str) -> tokenizers::Result<Vec<Token>> {
        self.0.tokenize(sequence)
    }
    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.0.token_to_id(token)
    }
    fn id_to_token(&self, id: u32) -> Option<String> {
        self.0.id_to_token(id)
    }
    fn get_vocab(&self) -> HashMap<String, u32> {
        self.0.get_vocab()
    }
    fn get_vocab_size(&self) -> usize {
        self.0.get_vocab_size()
    }
    fn save(&self, folder: &Path, prefix: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        self.0.save(folder, prefix)
    }
    fn get_trainer(&self) -> TrainerWrapper {
        self.0.get_trainer()
    }
}

/// An engine over `model` with everything else of `engine`. `plain`: control tokens in a text are characters like any other.
pub(super) fn share(engine: &tokenizers::Tokenizer, model: Arc<ModelWrapper>, plain: bool) -> Result<Engine, String> {
    let mut shared = Engine::new(Shared(model));
    let normalizer: Option<NormalizerWrapper> = engine.get_normalizer().cloned();
    shared.with_normalizer(normalizer).map_err(|error| format!("normalizer: {error}"))?;
    shared.with_pre_tokenizer(engine.get_pre_tokenizer().cloned());
    shared.with_added_vocabulary(engine.get_added_vocabulary().clone());
    shared.set_encode_special_tokens(plain);
    Ok(shared)
}
