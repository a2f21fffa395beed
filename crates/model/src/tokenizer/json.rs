//! `tokenizer.json` and `tokenizer_config.json` of a Hugging Face directory.

use serde_json::Value;
use tokenizers::{DecoderWrapper, Tokenizer as Hf};

use super::Tokenizer;
use super::bytes::{self, Pieces};
use super::special::{self, Special};

/// The most ids a file may define.
const MAX_TOKENS: usize = 1 << 21;

/// The tokenizer, or what is wrong with the file.
pub(super) fn parse(tokenizer: &str, config: Option<&str>) -> Result<Tokenizer, String> {
    let engine: Hf = tokenizer.parse().map_err(|error| format!("not a tokenizer: {error}"))?;
    let config: Value = match config {
        Some(text) => serde_json::from_str(text).map_err(|error| format!("`tokenizer_config.json`: {error}"))?,
        None => Value::Null,
    };
    let style = Style::of(engine.get_decoder())?;
    let pieces = pieces(&engine, style)?;
    let named = |key: &str| spelling(&config[key]).and_then(|spelling| engine.token_to_id(spelling));
    let special = Special {
        bos: named("bos_token"),
        eos: named("eos_token"),
        add_bos: wants_bos(&engine, &config, named("bos_token")),
        ends: special::ends(&[named("eos_token")], |end| added(&engine, end)),
        control: control(&engine),
    };
    Tokenizer::assemble(engine, pieces, special, style == Style::SpacePrefixed)
}

/// A special token is written as a string or as an object with `content`.
fn spelling(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value["content"].as_str())
}

fn added(engine: &Hf, spelling: &str) -> Option<u32> {
    engine.get_added_vocabulary().get_vocab().get(spelling).copied()
}

fn control(engine: &Hf) -> Vec<u32> {
    let tokens = engine.get_added_tokens_decoder();
    let mut ids: Vec<u32> = tokens.iter().filter(|(_, token)| token.special).map(|(id, _)| *id).collect();
    ids.sort_unstable();
    ids
}

/// Whether a bare prompt begins with `bos`: the configuration says so, or else the post-processor puts it there.
fn wants_bos(engine: &Hf, config: &Value, bos: Option<u32>) -> bool {
    let tried = || engine.encode_fast("a", true).ok().and_then(|encoding| encoding.get_ids().first().copied());
    config["add_bos_token"].as_bool().unwrap_or_else(|| bos.is_some() && tried() == bos)
}

/// How spellings stand for bytes.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Style {
    ByteLevel,
    SentencePiece,
    /// SentencePiece whose decoder takes a leading space away.
    SpacePrefixed,
}

impl Style {
    fn of(decoder: Option<&DecoderWrapper>) -> Result<Style, String> {
        match decoder {
            Some(DecoderWrapper::ByteLevel(_)) => Ok(Style::ByteLevel),
            Some(DecoderWrapper::Metaspace(_)) => Ok(Style::SpacePrefixed),
            Some(DecoderWrapper::Sequence(sequence)) => Style::of_sequence(sequence.get_decoders()),
            _ => Err("its decoder is neither byte-level nor SentencePiece; only those are supported".into()),
        }
    }

    fn of_sequence(steps: &[DecoderWrapper]) -> Result<Style, String> {
        let has = |wanted: fn(&DecoderWrapper) -> bool| steps.iter().any(wanted);
        if has(|step| matches!(step, DecoderWrapper::ByteLevel(_))) {
            Ok(Style::ByteLevel)
        } else if has(|step| matches!(step, DecoderWrapper::Strip(_) | DecoderWrapper::Metaspace(_))) {
            Ok(Style::SpacePrefixed)
        } else if has(|step| matches!(step, DecoderWrapper::ByteFallback(_) | DecoderWrapper::Replace(_))) {
            Ok(Style::SentencePiece)
        } else {
            Style::of(None)
        }
    }

    fn bytes(self, spelling: &str) -> Vec<u8> {
        match (self, bytes::byte_token(spelling)) {
            (Style::ByteLevel, _) => bytes::byte_level(spelling),
            (_, Some(byte)) => vec![byte],
            _ => bytes::sentence_piece(spelling),
        }
    }
}

fn pieces(engine: &Hf, style: Style) -> Result<Pieces, String> {
    let vocab = engine.get_vocab(true);
    let count = vocab.values().max().map_or(0, |id| *id as usize + 1);
    if count == 0 || count > MAX_TOKENS {
        return Err(format!("it defines ids up to {count}; 1 to {MAX_TOKENS} are supported"));
    }
    let mut spellings = vec![""; count];
    vocab.iter().for_each(|(spelling, id)| spellings[*id as usize] = spelling);
    let tokens = engine.get_added_tokens_decoder();
    let mut pieces = Pieces::default();
    for (spelling, id) in spellings.iter().zip(0..) {
        match tokens.get(&id) {
            Some(token) => pieces.push(token.content.as_bytes()),
            None => pieces.push(&style.bytes(spelling)),
        }
    }
    Ok(pieces)
}
