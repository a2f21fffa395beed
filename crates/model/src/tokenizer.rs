//! Text to token ids and back, as the model file says.
//!
//! A GGUF file carries its vocabulary in its metadata ([`Vocabulary`]); a Hugging Face directory carries a `tokenizer.json`. Both become one
//! [`Tokenizer`]. The merging itself is the `tokenizers` crate's; what is written here is what that crate leaves open:
//!
//! - the pre-tokenizer names of GGUF files, and the merge table of SentencePiece vocabularies, which store scores instead;
//! - two readings of one text. With `special`, the text `<|im_end|>` becomes the control token; without, it is plain characters. Text from outside
//!   must be encoded without, or a user could end the turn and speak as the system;
//! - decoding as bytes. A token is a run of bytes, not of characters: an emoji is often three tokens. A [`Decoder`] holds back the bytes of a
//!   character that is not yet complete, and its pieces put end to end are exactly what [`Tokenizer::decode`] gives for the whole.
//!
//! No token is ever added silently: a caller who wants the beginning-of-sequence token asks [`Tokenizer::prefix`] whether the file wants one.

mod bytes;
mod json;
mod pre;
mod special;
mod stream;
mod vocabulary;

use std::path::Path;
use std::sync::Arc;

use tokenizers::models::ModelWrapper;
use tokenizers::{DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, TokenizerImpl};

use crate::checkpoint::Checkpoint;
use crate::{Error, Result};
use bytes::Pieces;
use special::Special;

pub use pre::names as pre_tokenizers;
pub use stream::Decoder;
pub use vocabulary::{TokenKind, Vocabulary};

/// Longest text that is encoded at once, in bytes. More than any context holds; it bounds the work of a hostile request.
pub const MAX_TEXT: usize = 16 << 20;

/// A tokenizer of the `tokenizers` crate over a model that two of them share.
type Engine =
    TokenizerImpl<special::Shared, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>;

/// A text codec for one model. Cheap to share, not to clone: put it in an `Arc`.
pub struct Tokenizer {
    /// Reads control tokens out of the text.
    marked: Engine,
    /// Reads control tokens' spellings as plain characters.
    plain: Engine,
    pieces: Pieces,
    special: Special,
    /// Whether encoding puts a space before the text, which decoding takes away again.
    space_prefix: bool,
}

impl Tokenizer {
    /// The tokenizer a checkpoint brings: in a GGUF file's metadata, or in the `tokenizer.json` beside safetensors.
    ///
    /// # Errors
    /// If there is none, or it is damaged or of a kind that is not supported.
    pub fn of(checkpoint: &Checkpoint) -> Result<Tokenizer> {
        match checkpoint.gguf() {
            Some(gguf) => Tokenizer::from_vocabulary(&Vocabulary::of(gguf.metadata())?, gguf.path()),
            None => Tokenizer::from_directory(directory_of(checkpoint.path())),
        }
    }

    /// From the vocabulary of a GGUF file; `file` is named in errors.
    pub fn from_vocabulary(vocabulary: &Vocabulary, file: &Path) -> Result<Tokenizer> {
        vocabulary.build().map_err(|what| unsupported(file, what))
    }

    /// From the text of a `tokenizer.json` and, if there is one, of the `tokenizer_config.json` beside it; `file` is named in errors.
    pub fn from_json(tokenizer: &str, config: Option<&str>, file: &Path) -> Result<Tokenizer> {
        json::parse(tokenizer, config).map_err(|what| unsupported(file, what))
    }

    /// From `tokenizer.json` (and `tokenizer_config.json`) in the directory of a safetensors checkpoint.
    pub fn from_directory(directory: &Path) -> Result<Tokenizer> {
        let path = directory.join("tokenizer.json");
        let read = |path: &Path| {
            std::fs::read_to_string(path).map_err(|source| Error::Io { file: path.to_path_buf(), source })
        };
        let config = directory.join("tokenizer_config.json");
        let config = config.exists().then(|| read(&config)).transpose()?;
        Tokenizer::from_json(&read(&path)?, config.as_deref(), &path)
    }

    fn assemble(
        engine: tokenizers::Tokenizer,
        pieces: Pieces,
        special: Special,
        space_prefix: bool,
    ) -> Result<Tokenizer, String> {
        let model: Arc<ModelWrapper> = Arc::new(engine.get_model().clone());
        let marked = special::share(&engine, model.clone(), false)?;
        let plain = special::share(&engine, model, true)?;
        Ok(Tokenizer { marked, plain, pieces, special, space_prefix })
    }

    /// The ids of a text. `special`: control tokens spelt out in the text become their ids; else they are plain characters. Adds nothing.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<u32>> {
        if text.len() > MAX_TEXT {
            return Err(Error::Request(format!(
                "the text has {} bytes, more than the {MAX_TEXT} that are encoded at once: send it in parts",
                text.len()
            )));
        }
        let engine = if special { &self.marked } else { &self.plain };
        let encoding = engine
            .encode_fast(text, false)
            .map_err(|error| Error::Request(format!("the text cannot be encoded: {error}")))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of a whole sequence. Control tokens appear as their spelling if `special`, else not at all; bytes that are no UTF-8 become U+FFFD;
    /// ids outside the vocabulary give nothing.
    pub fn decode(&self, ids: &[u32], special: bool) -> String {
        let mut decoder = self.decoder(special);
        let mut text: String = ids.iter().map(|id| decoder.push(*id)).collect();
        text.push_str(&decoder.finish());
        let added_space =
            self.space_prefix && text.starts_with(' ') && ids.first().is_some_and(|id| !self.is_control(*id));
        if added_space { text.split_off(1) } else { text }
    }

    /// A decoder for ids that arrive one at a time, in the middle of a sequence: a leading space stays.
    pub fn decoder(&self, special: bool) -> Decoder<'_> {
        Decoder::new(self, special)
    }

    /// The bytes of one token; control tokens give their spelling. `None` outside the vocabulary.
    pub fn piece(&self, id: u32) -> Option<&[u8]> {
        self.pieces.get(id)
    }

    /// The id of the token spelt exactly so in the file, control tokens included.
    pub fn token(&self, spelling: &str) -> Option<u32> {
        self.marked.token_to_id(spelling)
    }

    /// Number of ids the file defines. The embedding matrix may have more rows.
    pub fn vocab_size(&self) -> usize {
        self.pieces.len()
    }

    /// Beginning of sequence.
    pub fn bos(&self) -> Option<u32> {
        self.special.bos
    }

    /// End of sequence.
    pub fn eos(&self) -> Option<u32> {
        self.special.eos
    }

    /// The token that the file wants before a bare prompt. Chat templates write it themselves.
    pub fn prefix(&self) -> Option<u32> {
        self.special.bos.filter(|_| self.special.add_bos)
    }

    /// Every id that ends a generation (end of sequence, of turn, of message), in rising order.
    pub fn ends(&self) -> &[u32] {
        &self.special.ends
    }

    /// Whether generation stops at this id.
    pub fn is_end(&self, id: u32) -> bool {
        self.special.ends.binary_search(&id).is_ok()
    }

    /// Whether the id is a control token: no text of its own.
    pub fn is_control(&self, id: u32) -> bool {
        self.special.control.binary_search(&id).is_ok()
    }
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer({} tokens)", self.vocab_size())
    }
}

/// The directory that holds the files beside a checkpoint.
pub(crate) fn directory_of(path: &Path) -> &Path {
    if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) }
}

fn unsupported(file: &Path, what: String) -> Error {
    Error::Unsupported { file: file.to_path_buf(), what }
}
