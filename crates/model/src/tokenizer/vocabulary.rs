//! The vocabulary of a GGUF file, and how it becomes a tokenizer.

use std::collections::HashMap;

use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::normalizers::{NormalizerWrapper, Prepend, Replace, Sequence};
use tokenizers::{AddedToken, Tokenizer as Hf};

use crate::gguf::Metadata;

use super::Tokenizer;
use super::bytes::{self, Pieces};
use super::pre::{Pre, clip};
use super::special::{self, Special};

/// Most tokens a vocabulary may have: several times the largest published.
const MAX_TOKENS: usize = 1 << 21;
/// Longest spelling of a token, in bytes.
const MAX_SPELLING: usize = 1 << 12;

/// What a token is, as `tokenizer.ggml.token_type` codes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TokenKind {
    /// Text.
    #[default]
    Normal,
    /// Stands for what the vocabulary cannot spell.
    Unknown,
    /// Markup without text of its own.
    Control,
    /// Text that is always cut out whole.
    UserDefined,
    /// A row nobody uses.
    Unused,
    /// One byte, spelt `<0x0A>`.
    Byte,
}

impl TokenKind {
    /// The kind with this code (1 to 6).
    pub fn from_code(code: i64) -> Option<TokenKind> {
        use TokenKind::*;
        let kinds = [Normal, Unknown, Control, UserDefined, Unused, Byte];
        kinds.get(usize::try_from(code.checked_sub(1)?).ok()?).copied()
    }
}

/// The `tokenizer.ggml.*` metadata of a GGUF file, field by field.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// `model`: `gpt2` (byte-pair merges over bytes) or `llama` (SentencePiece with scores).
    pub model: String,
    /// `pre`: how the text is cut before merging; only for `gpt2`.
    pub pre: Option<String>,
    /// `tokens`: spelling of each id.
    pub tokens: Vec<String>,
    /// `token_type`: kind of each id; empty if the file does not say.
    pub kinds: Vec<TokenKind>,
    /// `scores`: of each id; only for `llama`.
    pub scores: Vec<f32>,
    /// `merges`: pairs, best first, joined by a space; only for `gpt2`.
    pub merges: Vec<String>,
    /// `bos_token_id`.
    pub bos: Option<u32>,
    /// `eos_token_id`.
    pub eos: Option<u32>,
    /// `eot_token_id`.
    pub eot: Option<u32>,
    /// `eom_token_id`.
    pub eom: Option<u32>,
    /// `unknown_token_id`.
    pub unknown: Option<u32>,
    /// `add_bos_token`.
    pub add_bos: Option<bool>,
    /// `add_space_prefix`; only for `llama`.
    pub add_space_prefix: Option<bool>,
}

impl Vocabulary {
    /// Reads the `tokenizer.ggml.*` keys of a GGUF file.
    ///
    /// # Errors
    /// If `model` or `tokens` is missing, or a key has a value of another type.
    pub fn of(metadata: &Metadata) -> Result<Vocabulary, crate::Error> {
        let strings = |key| metadata.find::<&[String]>(key).map(|found| found.unwrap_or_default().to_vec());
        let id = |key| metadata.find::<u32>(key);
        Ok(Vocabulary {
            model: metadata.get::<&str>("tokenizer.ggml.model")?.to_string(),
            pre: metadata.find::<&str>("tokenizer.ggml.pre")?.map(str::to_string),
            tokens: metadata.get::<&[String]>("tokenizer.ggml.tokens")?.to_vec(),
            kinds: kinds(metadata)?,
            scores: metadata.find::<&[f32]>("tokenizer.ggml.scores")?.unwrap_or_default().to_vec(),
            merges: strings("tokenizer.ggml.merges")?,
            bos: id("tokenizer.ggml.bos_token_id")?,
            eos: id("tokenizer.ggml.eos_token_id")?,
            eot: id("tokenizer.ggml.eot_token_id")?,
            eom: id("tokenizer.ggml.eom_token_id")?,
            unknown: id("tokenizer.ggml.unknown_token_id")?,
            add_bos: metadata.find("tokenizer.ggml.add_bos_token")?,
            add_space_prefix: metadata.find("tokenizer.ggml.add_space_prefix")?,
        })
    }

    /// The tokenizer, or what is wrong with the vocabulary.
    pub(super) fn build(&self) -> Result<Tokenizer, String> {
        self.check()?;
        match self.model.as_str() {
            "gpt2" => self.build_byte_level(),
            "llama" => self.build_sentence_piece(),
            other => Err(format!(
                "`tokenizer.ggml.model` is `{}`; `gpt2` and `llama` are supported: use a file with one of them",
                clip(other)
            )),
        }
    }

    fn check(&self) -> Result<(), String> {
        let count = self.tokens.len();
        if count == 0 || count > MAX_TOKENS {
            return Err(format!("`tokenizer.ggml.tokens` has {count} entries; 1 to {MAX_TOKENS} are supported"));
        }
        if let Some(id) = self.tokens.iter().position(|token| token.len() > MAX_SPELLING) {
            return Err(format!("token {id} is longer than {MAX_SPELLING} bytes: the vocabulary is damaged"));
        }
        for (key, length) in [("token_type", self.kinds.len()), ("scores", self.scores.len())] {
            if length != 0 && length != count {
                return Err(format!("`tokenizer.ggml.{key}` has {length} entries for {count} tokens"));
            }
        }
        let named =
            [("bos", self.bos), ("eos", self.eos), ("eot", self.eot), ("eom", self.eom), ("unknown", self.unknown)];
        match named.iter().find(|(_, id)| id.is_some_and(|id| id as usize >= count)) {
            Some((key, Some(id))) => {
                Err(format!("`tokenizer.ggml.{key}_token_id` is {id}, but there are {count} tokens"))
            }
            _ => Ok(()),
        }
    }

    fn build_byte_level(&self) -> Result<Tokenizer, String> {
        let pre = Pre::find(self.pre.as_deref())?;
        let model = BPE::builder()
            .vocab_and_merges(self.ids(), self.parse_merges()?)
            .ignore_merges(pre.whole_words)
            .build()
            .map_err(|error| format!("`tokenizer.ggml.merges` do not fit the tokens: {error}"))?;
        let mut engine = Hf::new(model);
        engine.with_pre_tokenizer(Some(pre.build()?));
        self.finish(engine, bytes::byte_level, pre.add_bos, false)
    }

    fn build_sentence_piece(&self) -> Result<Tokenizer, String> {
        if self.scores.is_empty() {
            return Err("`tokenizer.ggml.scores` is missing: a `llama` vocabulary cannot merge without it".into());
        }
        let mut model =
            BPE::builder().vocab_and_merges(self.ids(), self.score_merges()).byte_fallback(true).fuse_unk(true);
        if let Some(unknown) = self.unknown {
            model = model.unk_token(self.tokens[unknown as usize].clone());
        }
        let model = model.build().map_err(|error| format!("`tokenizer.ggml.tokens`: {error}"))?;
        let space_prefix = self.add_space_prefix.unwrap_or(true);
        let mut engine = Hf::new(model);
        engine.with_normalizer(Some(normalizer(space_prefix)?)).map_err(|error| format!("normalizer: {error}"))?;
        self.finish(engine, bytes::sentence_piece, true, space_prefix)
    }

    fn finish(
        &self,
        mut engine: Hf,
        text: fn(&str) -> Vec<u8>,
        add_bos: bool,
        space_prefix: bool,
    ) -> Result<Tokenizer, String> {
        engine.add_tokens(self.added()).map_err(|error| format!("control tokens: {error}"))?;
        let special = Special {
            bos: self.bos,
            eos: self.eos,
            add_bos: self.add_bos.unwrap_or(add_bos),
            ends: special::ends(&[self.eos, self.eot, self.eom], |end| self.markup(&engine, end)),
            control: self.all(|kind| matches!(kind, TokenKind::Control | TokenKind::Unknown)).collect(),
        };
        Tokenizer::assemble(engine, self.pieces(text), special, space_prefix)
    }

    fn kind(&self, id: usize) -> TokenKind {
        self.kinds.get(id).copied().unwrap_or_default()
    }

    /// The ids of the kinds that `wanted` accepts, rising.
    fn all(&self, wanted: impl Fn(TokenKind) -> bool) -> impl Iterator<Item = u32> {
        (0..self.tokens.len()).filter(move |id| wanted(self.kind(*id))).map(|id| id as u32)
    }

    /// The id of a spelling, if that is markup rather than text.
    fn markup(&self, engine: &Hf, spelling: &str) -> Option<u32> {
        let id = engine.token_to_id(spelling)?;
        matches!(self.kind(id as usize), TokenKind::Control | TokenKind::UserDefined).then_some(id)
    }

    /// Spelling to id; a spelling that occurs twice means its last id.
    fn ids(&self) -> Vocab {
        self.tokens.iter().zip(0..).map(|(token, id)| (token.clone(), id)).collect()
    }

    /// Tokens that are cut out of a text whole, before anything else.
    fn added(&self) -> Vec<AddedToken> {
        let cut = |kind| matches!(kind, TokenKind::Control | TokenKind::UserDefined | TokenKind::Unknown);
        self.all(cut)
            .map(|id| (id as usize, &self.tokens[id as usize]))
            .filter(|(_, token)| !token.is_empty())
            .map(|(id, token)| AddedToken::from(token, self.kind(id) != TokenKind::UserDefined).normalized(false))
            .collect()
    }

    fn pieces(&self, text: fn(&str) -> Vec<u8>) -> Pieces {
        let mut pieces = Pieces::default();
        for (id, token) in self.tokens.iter().enumerate() {
            match (self.kind(id), bytes::byte_token(token)) {
                (TokenKind::Byte, Some(byte)) => pieces.push(&[byte]),
                (TokenKind::Control | TokenKind::UserDefined | TokenKind::Unknown, _) => pieces.push(token.as_bytes()),
                _ => pieces.push(&text(token)),
            }
        }
        pieces
    }

    fn parse_merges(&self) -> Result<Merges, String> {
        let parse = |(index, merge): (usize, &String)| {
            let (left, right) = merge.split_once(' ').ok_or_else(|| {
                format!(
                    "`tokenizer.ggml.merges` entry {index} is `{}`: two tokens and a space were expected",
                    clip(merge)
                )
            })?;
            Ok((left.to_string(), right.to_string()))
        };
        self.merges.iter().enumerate().map(parse).collect()
    }

    /// The merges a scored vocabulary implies: every cut of a token into two tokens, best score of the whole first.
    fn score_merges(&self) -> Merges {
        let normal: HashMap<&str, u32> =
            self.all(|kind| kind == TokenKind::Normal).map(|id| (self.tokens[id as usize].as_str(), id)).collect();
        let mut order: Vec<u32> = self.all(|kind| kind == TokenKind::Normal).collect();
        order.sort_by(|a, b| self.scores[*b as usize].total_cmp(&self.scores[*a as usize]));
        let cuts = |id: &u32| {
            let token = self.tokens[*id as usize].as_str();
            token.char_indices().skip(1).map(|(at, _)| token.split_at(at)).collect::<Vec<_>>()
        };
        let known = |(left, right): &(&str, &str)| normal.contains_key(left) && normal.contains_key(right);
        order.iter().flat_map(cuts).filter(known).map(|(left, right)| (left.into(), right.into())).collect()
    }
}

fn kinds(metadata: &Metadata) -> Result<Vec<TokenKind>, crate::Error> {
    let codes: Vec<i64> = metadata.find("tokenizer.ggml.token_type")?.unwrap_or_default();
    let refuse = |(id, code): (usize, i64)| {
        TokenKind::from_code(code).ok_or_else(|| crate::Error::Unsupported {
            file: metadata.file().to_path_buf(),
            what: format!("`tokenizer.ggml.token_type` of token {id} is {code}; 1 to 6 have a meaning"),
        })
    };
    codes.into_iter().enumerate().map(refuse).collect()
}

/// Spaces become `▁`, and one more stands before the text if `prefix`.
fn normalizer(prefix: bool) -> Result<NormalizerWrapper, String> {
    let spaces = Replace::new(" ", "▁").map_err(|error| format!("normalizer: {error}"))?;
    let mut steps: Vec<NormalizerWrapper> = Vec::new();
    if prefix {
        steps.push(Prepend::new("▁".to_string()).into());
    }
    steps.push(spaces.into());
    Ok(Sequence::new(steps).into())
}
