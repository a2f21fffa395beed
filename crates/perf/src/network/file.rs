//! Reading a network's data file.

use super::image::{Decoder, Encoder, Image};
use super::shape::{Delta, Dense, Experts, FeedForward, Grouped, LayerGroup, Mixer, Shape};
use crate::workload::Formats;
use model::network::Network;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

/// A network that the catalogue knows, or a file describes.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Key: the name of its file, `gpt-oss-120b`.
    pub key: String,
    /// Name for people.
    pub title: String,
    /// Where its numbers come from.
    pub source: String,
    /// Month of publication.
    pub as_of: String,
    /// Weights as published.
    pub parameters: u64,
    /// Names elsewhere (Hugging Face paths first).
    pub aliases: Vec<String>,
    /// Formats it is published in.
    pub formats: Formats,
    /// What it computes.
    pub body: Body,
}

/// What a network computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Text, token by token.
    Language(Shape),
    /// Images by diffusion.
    Image(Image),
}

/// Why a network's file is refused: one sentence with file and, where there is one, line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The text is wrong.
    #[error("{file}, line {line}: {what}")]
    Text {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What was found and what would do.
        what: String,
    },
    /// The configuration makes no network.
    #[error("{file}: {what}")]
    Config {
        /// Name of the file.
        file: String,
        /// What was found and what would do.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    name: Spanned<String>,
    title: String,
    source: Spanned<String>,
    as_of: String,
    parameters: Spanned<i64>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    formats: BTreeMap<String, Spanned<String>>,
    config: Option<toml::Table>,
    shape: Option<RawShape>,
    image: Option<RawImage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawShape {
    hidden: Spanned<i64>,
    vocab: Spanned<i64>,
    context: Spanned<i64>,
    tied_head: bool,
    layers: Vec<RawLayers>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLayers {
    count: Spanned<i64>,
    mixer: RawMixer,
    dense: Option<RawDense>,
    experts: Option<RawExperts>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum RawMixer {
    Grouped { heads: i64, kv_heads: i64, head_dim: i64, window: Option<i64>, rotary: bool, qk_norm: bool, gated: bool },
    Delta { key_heads: i64, value_heads: i64, key_dim: i64, value_dim: i64, convolution: i64 },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDense {
    inner: Spanned<i64>,
    gated: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExperts {
    count: Spanned<i64>,
    top_k: Spanned<i64>,
    inner: Spanned<i64>,
    shared_inner: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawImage {
    steps: Spanned<i64>,
    hidden: Spanned<i64>,
    heads: Spanned<i64>,
    double_blocks: Spanned<i64>,
    single_blocks: Spanned<i64>,
    inner: Spanned<i64>,
    pixels_per_token: Spanned<i64>,
    channels: Spanned<i64>,
    text_tokens: Spanned<i64>,
    text_width: Spanned<i64>,
    pooled_width: Spanned<i64>,
    encoders: Vec<RawEncoder>,
    decoder: RawDecoder,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEncoder {
    name: String,
    layers: Spanned<i64>,
    hidden: Spanned<i64>,
    heads: Spanned<i64>,
    head_dim: Spanned<i64>,
    inner: Spanned<i64>,
    gated: bool,
    tokens: Spanned<i64>,
    vocab: Spanned<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDecoder {
    latent_channels: Spanned<i64>,
    levels: Vec<Spanned<i64>>,
    blocks: Spanned<i64>,
}

/// Largest width or count that a file may give; products of three stay far below 2^63.
const MOST: i64 = 1 << 20;
/// Longest context.
const MOST_CONTEXT: i64 = 1 << 30;
/// Most tokens of a vocabulary.
const MOST_VOCAB: i64 = 1 << 24;

impl Known {
    /// The network that a TOML text describes; `file` is its name in refusals.
    ///
    /// # Errors
    /// Names file, line, what was found and what would do.
    pub fn parse(file: &str, text: &str) -> Result<Known, NetworkError> {
        let source = Source { file, text };
        let raw: RawFile = toml::from_str(text).map_err(|error| source.toml(&error))?;
        if raw.source.get_ref().trim().is_empty() {
            return Err(source.at(&raw.source, "`source` is empty: say where the numbers come from"));
        }
        let mut formats = Formats::default();
        // Weights and experts first: they bring their activations with them.
        let mut parts: Vec<_> = raw.formats.iter().collect();
        parts.sort_by_key(|(part, _)| part.contains("activations"));
        for (part, format) in parts {
            let parsed = format.get_ref().parse().map_err(|error| source.at(format, error))?;
            formats.set(part, parsed).map_err(|error| source.at(format, error))?;
            if part == "weights" && !raw.formats.contains_key("experts") {
                formats.set("experts", parsed).map_err(|error| source.at(format, error))?;
            }
        }
        let body = match (&raw.config, &raw.shape, &raw.image) {
            (Some(config), None, None) => source.config(config)?,
            (None, Some(shape), None) => Body::Language(source.shape(shape)?),
            (None, None, Some(image)) => Body::Image(source.image(image)?),
            _ => return Err(source.at(&raw.name, "there must be exactly one of `[config]`, `[shape]` and `[image]`")),
        };
        Ok(Known {
            key: raw.name.into_inner(),
            title: raw.title,
            source: raw.source.into_inner(),
            as_of: raw.as_of,
            parameters: source.count(&raw.parameters, "parameters", i64::MAX)?,
            aliases: raw.aliases,
            formats,
            body,
        })
    }

    /// The network of a Hugging Face `config.json`.
    ///
    /// # Errors
    /// If the text is no JSON, or `model` does not know the family or misses a key.
    pub fn of_config(file: &str, text: &str) -> Result<Known, NetworkError> {
        let refuse = |what: String| NetworkError::Config { file: file.to_owned(), what };
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| refuse(format!("not JSON: {error}")))?;
        let network = Network::from_hf(&value).map_err(|error| refuse(error.to_string()))?;
        let shape = Shape::from(&network);
        Ok(Known {
            key: file.to_owned(),
            title: if network.name.is_empty() { file.to_owned() } else { network.name.clone() },
            source: file.to_owned(),
            as_of: String::new(),
            parameters: shape.parameters() as u64,
            aliases: Vec::new(),
            formats: Formats::default(),
            body: Body::Language(shape),
        })
    }
}

/// The text a description is read from: turns spans into lines.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn line(&self, offset: usize) -> usize {
        1 + self.text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count()
    }

    fn refuse(&self, offset: usize, what: impl std::fmt::Display) -> NetworkError {
        NetworkError::Text { file: self.file.to_owned(), line: self.line(offset), what: what.to_string() }
    }

    fn at<T>(&self, value: &Spanned<T>, what: impl std::fmt::Display) -> NetworkError {
        self.refuse(value.span().start, what)
    }

    fn toml(&self, error: &toml::de::Error) -> NetworkError {
        self.refuse(error.span().map_or(0, |span| span.start), error.message().replace('\n', " "))
    }

    fn count(&self, value: &Spanned<i64>, key: &str, most: i64) -> Result<u64, NetworkError> {
        let found = *value.get_ref();
        if (1..=most).contains(&found) {
            return Ok(found as u64);
        }
        Err(self.at(value, format_args!("`{key} = {found}`: it must be at least 1 and at most {most}")))
    }

    fn config(&self, table: &toml::Table) -> Result<Body, NetworkError> {
        let refuse = |what: String| NetworkError::Config { file: self.file.to_owned(), what };
        let value = serde_json::to_value(table).map_err(|error| refuse(error.to_string()))?;
        let network = Network::from_hf(&value).map_err(|error| refuse(error.to_string()))?;
        Ok(Body::Language(Shape::from(&network)))
    }

    fn shape(&self, raw: &RawShape) -> Result<Shape, NetworkError> {
        let layers: Result<_, _> = raw.layers.iter().map(|layers| self.layers(layers)).collect();
        Ok(Shape {
            hidden: self.count(&raw.hidden, "hidden", MOST)?,
            vocab: self.count(&raw.vocab, "vocab", MOST_VOCAB)?,
            context: self.count(&raw.context, "context", MOST_CONTEXT)?,
            tied_head: raw.tied_head,
            learned_positions: 0,
            layers: layers?,
        })
    }

    fn layers(&self, raw: &RawLayers) -> Result<LayerGroup, NetworkError> {
        let feed_forward = match (&raw.dense, &raw.experts) {
            (Some(dense), None) => FeedForward::Dense(Dense {
                inner: self.count(&dense.inner, "inner", MOST)?,
                gated: dense.gated,
                bias: false,
            }),
            (None, Some(experts)) => FeedForward::Experts(self.experts(experts)?),
            _ => return Err(self.at(&raw.count, "a group of layers has exactly one of `dense` and `experts`")),
        };
        let mixer = self.mixer(raw)?;
        let count = self.count(&raw.count, "count", 1024)?;
        Ok(LayerGroup { count, mixer, feed_forward, norms: 2, norm_vectors: 1 })
    }

    fn experts(&self, raw: &RawExperts) -> Result<Experts, NetworkError> {
        let count = self.count(&raw.count, "count", 4096)?;
        Ok(Experts {
            count,
            top_k: self.count(&raw.top_k, "top_k", count as i64)?,
            inner: self.count(&raw.inner, "inner", MOST)?,
            shared_inner: raw.shared_inner.clamp(0, MOST) as u64,
            bias: false,
        })
    }

    /// Widths inside an inline table have no place of their own: they are refused at the group's `count`.
    fn mixer(&self, raw: &RawLayers) -> Result<Mixer, NetworkError> {
        let width = |key: &str, found: i64| match found {
            1..=MOST => Ok(found as u64),
            _ => {
                Err(self
                    .at(&raw.count, format_args!("mixer: `{key} = {found}`: it must be at least 1 and at most {MOST}")))
            }
        };
        Ok(match raw.mixer {
            RawMixer::Grouped { heads, kv_heads, head_dim, window, rotary, qk_norm, gated } => {
                let (heads, kv_heads) = (width("heads", heads)?, width("kv_heads", kv_heads)?);
                if !heads.is_multiple_of(kv_heads) {
                    return Err(self
                        .at(&raw.count, format_args!("mixer: {heads} heads cannot share {kv_heads} key/value heads")));
                }
                Mixer::Grouped(Grouped {
                    heads,
                    kv_heads,
                    head_dim: width("head_dim", head_dim)?,
                    window: window.map(|window| width("window", window)).transpose()?,
                    rotary,
                    qk_norm,
                    biases: 0,
                    gated,
                })
            }
            RawMixer::Delta { key_heads, value_heads, key_dim, value_dim, convolution } => Mixer::Delta(Delta {
                key_heads: width("key_heads", key_heads)?,
                value_heads: width("value_heads", value_heads)?,
                key_dim: width("key_dim", key_dim)?,
                value_dim: width("value_dim", value_dim)?,
                convolution: width("convolution", convolution)?,
            }),
        })
    }

    fn image(&self, raw: &RawImage) -> Result<Image, NetworkError> {
        let (hidden, heads) = (self.count(&raw.hidden, "hidden", MOST)?, self.count(&raw.heads, "heads", MOST)?);
        if !hidden.is_multiple_of(heads) {
            return Err(self.at(&raw.heads, format_args!("a width of {hidden} does not divide into {heads} heads")));
        }
        let encoders: Result<_, _> = raw.encoders.iter().map(|encoder| self.encoder(encoder)).collect();
        Ok(Image {
            steps: self.count(&raw.steps, "steps", MOST)?,
            hidden,
            heads,
            double_blocks: self.count(&raw.double_blocks, "double_blocks", MOST)?,
            single_blocks: self.count(&raw.single_blocks, "single_blocks", MOST)?,
            inner: self.count(&raw.inner, "inner", MOST)?,
            pixels_per_token: self.count(&raw.pixels_per_token, "pixels_per_token", MOST)?,
            channels: self.count(&raw.channels, "channels", MOST)?,
            text_tokens: self.count(&raw.text_tokens, "text_tokens", MOST)?,
            text_width: self.count(&raw.text_width, "text_width", MOST)?,
            pooled_width: self.count(&raw.pooled_width, "pooled_width", MOST)?,
            encoders: encoders?,
            decoder: self.decoder(&raw.decoder)?,
        })
    }

    fn encoder(&self, raw: &RawEncoder) -> Result<Encoder, NetworkError> {
        Ok(Encoder {
            name: raw.name.clone(),
            layers: self.count(&raw.layers, "layers", MOST)?,
            hidden: self.count(&raw.hidden, "hidden", MOST)?,
            heads: self.count(&raw.heads, "heads", MOST)?,
            head_dim: self.count(&raw.head_dim, "head_dim", MOST)?,
            inner: self.count(&raw.inner, "inner", MOST)?,
            gated: raw.gated,
            tokens: self.count(&raw.tokens, "tokens", MOST)?,
            vocab: self.count(&raw.vocab, "vocab", MOST_VOCAB)?,
        })
    }

    fn decoder(&self, raw: &RawDecoder) -> Result<Decoder, NetworkError> {
        let levels: Result<_, _> = raw.levels.iter().map(|level| self.count(level, "levels", MOST)).collect();
        Ok(Decoder {
            latent_channels: self.count(&raw.latent_channels, "latent_channels", MOST)?,
            levels: levels?,
            blocks: self.count(&raw.blocks, "blocks", MOST)?,
        })
    }
}
