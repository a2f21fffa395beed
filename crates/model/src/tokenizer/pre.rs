//! How byte-pair vocabularies of GGUF files cut a text into words before merging.
//!
//! `tokenizer.ggml.pre` names the cut; the patterns belong to the model families that published them. They are applied one after the other, each to
//! the pieces the one before left, and what a pattern does not match stays a piece.

use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{PreTokenizerWrapper, SplitDelimiterBehavior};

/// One way of cutting.
pub(super) struct Pre {
    /// Names of `tokenizer.ggml.pre` that mean it.
    names: &'static [&'static str],
    /// The patterns, in order.
    patterns: &'static [&'static str],
    /// A word that is a token is that token, whatever the merges would make of it.
    pub whole_words: bool,
    /// Whether the beginning-of-sequence token is wanted when the file does not say.
    pub add_bos: bool,
}

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const DIGIT: &str = r"\p{N}";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Every cut that is known.
static TABLE: &[Pre] = &[
    Pre {
        names: &["default"],
        patterns: &[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
        whole_words: false,
        add_bos: false,
    },
    Pre { names: &["gpt-2", "mpt", "olmo", "jais"], patterns: &[GPT2], whole_words: false, add_bos: false },
    Pre {
        names: &["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"],
        patterns: &[DIGIT, GPT2],
        whole_words: false,
        add_bos: false,
    },
    Pre {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3"],
        patterns: &[LLAMA3],
        whole_words: true,
        add_bos: true,
    },
    Pre { names: &["dbrx", "smaug-bpe", "chatglm-bpe"], patterns: &[LLAMA3], whole_words: false, add_bos: false },
    Pre {
        names: &["qwen2", "deepseek-r1-qwen", "stablelm2", "megrez"],
        patterns: &[QWEN2],
        whole_words: false,
        add_bos: false,
    },
    Pre { names: &["gpt-4o", "o200k", "llama4"], patterns: &[O200K], whole_words: false, add_bos: false },
    Pre { names: &["tekken"], patterns: &[TEKKEN], whole_words: true, add_bos: true },
    Pre {
        names: &["deepseek-v3"],
        patterns: &[
            r"\p{N}{1,3}",
            "[一-龥぀-ゟ゠-ヿ]+",
            r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##,
        ],
        whole_words: false,
        add_bos: false,
    },
];

/// Every name of `tokenizer.ggml.pre` that is understood.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().flat_map(|pre| pre.names).copied()
}

impl Pre {
    /// The cut of this name; a file without a name means `default`.
    pub fn find(name: Option<&str>) -> Result<&'static Pre, String> {
        let name = name.unwrap_or("default");
        TABLE.iter().find(|pre| pre.names.contains(&name)).ok_or_else(|| {
            let known = names().collect::<Vec<_>>().join(", ");
            format!("`tokenizer.ggml.pre` is `{}`, which is not known; known are {known}", clip(name))
        })
    }

    /// The pre-tokenizer: the cuts, then bytes as printable characters.
    pub fn build(&self) -> Result<PreTokenizerWrapper, String> {
        let mut steps: Vec<PreTokenizerWrapper> = Vec::new();
        for pattern in self.patterns {
            let pattern = SplitPattern::Regex((*pattern).to_string());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false);
            steps.push(split.map_err(|error| format!("pre-tokenizer: {error}"))?.into());
        }
        steps.push(ByteLevel::new(false, false, false).into());
        Ok(Sequence::new(steps).into())
    }
}

/// A name from a file, short enough to print.
pub(super) fn clip(name: &str) -> String {
    name.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_cut_builds_and_no_name_means_two() {
        for pre in TABLE {
            pre.build().unwrap();
        }
        let all: Vec<_> = names().collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let error = Pre::find(Some("klingon")).err().unwrap();
        assert!(error.contains("klingon") && error.contains("smollm"), "{error}");
        assert!(Pre::find(None).is_ok());
    }
}
