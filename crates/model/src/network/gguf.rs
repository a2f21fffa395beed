//! Descriptions from GGUF metadata.

use std::path::Path;

use super::build::{self, Particulars, RopeFacts};
use super::facts::{self as key, Fact, Facts, Key, Source};
use super::hf::magnitude;
use super::{Network, RopeScaling, family};
use crate::blocks::Encoding;
use crate::error::{Error, Result};
use crate::gguf::{Array, FromValue, Gguf, Value};

/// Longest metadata array that is read as a fact: one value per layer.
const MAX_LIST: usize = key::MAX_LAYERS;

/// The metadata of one architecture.
struct Metadata<'a> {
    gguf: &'a Gguf,
    arch: &'a str,
}

impl Metadata<'_> {
    fn has_tensor(&self, name: &str) -> bool {
        self.gguf.tensors().iter().any(|t| t.info.name == name)
    }

    /// A number under the architecture's prefix; anything else there is refused.
    fn real(&self, suffix: &str) -> Result<Option<f64>> {
        let name = format!("{}.{suffix}", self.arch);
        match self.gguf.metadata().find::<f64>(&name)? {
            Some(x) if !x.is_finite() => Err(Error::Unsupported {
                file: self.gguf.path().to_owned(),
                what: format!("`{name}` is {x}, and it must be a finite number"),
            }),
            other => Ok(other),
        }
    }
}

impl Source for Metadata<'_> {
    fn file(&self) -> &Path {
        self.gguf.path()
    }

    fn find(&self, key: &Key) -> Option<(String, Fact)> {
        if key.gguf.is_empty() {
            return None;
        }
        let name = self.spelling(key);
        let value = self.gguf.metadata().value(&name)?;
        Some((name, fact(value)))
    }

    fn spelling(&self, key: &Key) -> String {
        format!("{}.{}", self.arch, key.gguf)
    }

    fn ask(&self, _: &str, tensor: &str) -> Result<bool> {
        Ok(self.has_tensor(tensor))
    }
}

fn fact(value: &Value) -> Fact {
    match value {
        Value::Bool(x) => Fact::Flag(*x),
        Value::String(x) => Fact::Text(x.clone()),
        Value::Array(Array::Bool(list)) => Fact::List(list.iter().take(MAX_LIST).map(|x| Fact::Flag(*x)).collect()),
        Value::Array(_) => match Vec::<i64>::from_value(value) {
            Some(list) => Fact::List(list.iter().take(MAX_LIST).map(|x| Fact::Number(*x as f64)).collect()),
            None => Fact::List(Vec::new()),
        },
        number => Fact::Number(f64::from_value(number).unwrap_or(f64::NAN)),
    }
}

/// Builds the description.
pub(super) fn describe(gguf: &Gguf) -> Result<Network> {
    let arch: &str = gguf.metadata().get("general.architecture")?;
    let Some(family) = family::by_gguf(arch) else {
        let what = family::unknown(arch, family::FAMILIES.iter().map(|f| f.name));
        return Err(Error::Unsupported { file: gguf.path().to_owned(), what });
    };
    let source = Metadata { gguf, arch };
    let facts = Facts { source: &source, family };
    let embedding = gguf.tensors().iter().find(|t| t.info.name == "token_embd.weight");
    let with = Particulars {
        name: gguf.metadata().find::<&str>("general.name")?.unwrap_or_default().into(),
        vocab: embedding.map(|t| t.info.shape[0]).filter(|rows| *rows <= key::MAX_VOCAB),
        tied: !source.has_tensor("output.weight"),
        layout: family.gguf_layout,
        rope: rope(&facts, &source)?,
    };
    build::build(facts, with)
}

fn rope(facts: &Facts, source: &Metadata) -> Result<RopeFacts> {
    let (scaling, score_factor) = match factors(source.gguf)? {
        Some(factors) => (RopeScaling::Factors(factors), 1.0),
        None => scaling(facts, source)?,
    };
    Ok(RopeFacts {
        theta: facts.positive(&key::THETA)?.unwrap_or(10_000.0),
        local_theta: facts.positive(&key::LOCAL_THETA)?,
        scaling,
        score_factor,
    })
}

/// The factors of `rope_freqs.weight`, if the file has them.
fn factors(gguf: &Gguf) -> Result<Option<Vec<f32>>> {
    let Some(tensor) = gguf.tensors().iter().find(|t| t.info.name == "rope_freqs.weight") else { return Ok(None) };
    if tensor.info.encoding != Encoding::F32 {
        let what = "`rope_freqs.weight` must hold 32-bit floating-point numbers".into();
        return Err(Error::Unsupported { file: gguf.path().to_owned(), what });
    }
    let (words, _) = gguf.data(tensor).as_chunks::<4>();
    Ok(Some(words.iter().map(|w| f32::from_le_bytes(*w)).collect()))
}

/// The scaling of the metadata, and the factor that it puts on the scores.
fn scaling(facts: &Facts, source: &Metadata) -> Result<(RopeScaling, f64)> {
    let name = format!("{}.rope.scaling.type", source.arch);
    let kind = source.gguf.metadata().find::<&str>(&name)?;
    let factor = match source.real("rope.scaling.factor")? {
        Some(factor) => Some(factor),
        None => source.real("rope.scale_linear")?,
    };
    // A factor of 0 is how some files spell "none".
    let factor = factor.filter(|f| *f != 0.0).map(|f| f as f32);
    match (kind, factor) {
        (_, Some(f)) if f <= 0.0 => {
            Err(facts.refuse(format!("the rotary scaling factor is {f}, and it must be positive")))
        }
        (Some("none") | None, None) | (Some("none"), Some(_)) => Ok((RopeScaling::None, 1.0)),
        (Some("linear") | None, Some(factor)) => Ok((RopeScaling::Linear { factor }, 1.0)),
        (Some("yarn"), Some(factor)) => yarn(facts, source, factor),
        (Some("linear" | "yarn"), None) => {
            Err(facts.refuse(format!("`{name}` has no `rope.scaling.factor` beside it")))
        }
        (Some(other), _) => {
            let other: String = other.chars().take(40).collect();
            Err(facts.refuse(format!("rotary scaling `{other}` is not supported, only none, linear and yarn")))
        }
    }
}

fn yarn(facts: &Facts, source: &Metadata, factor: f32) -> Result<(RopeScaling, f64)> {
    let original = source.real("rope.scaling.original_context_length")?;
    let original_context = match original {
        Some(x) if (1.0..=key::MAX_CONTEXT as f64).contains(&x) => x as usize,
        Some(x) => {
            return Err(
                facts.refuse(format!("the original context is {x} tokens, and it must be 1 to {}", key::MAX_CONTEXT))
            );
        }
        None => facts.need(&key::CONTEXT, key::MAX_CONTEXT)?,
    };
    // Files with this key (DeepSeek) put YaRN's factor on the scores rather than on cos and sin.
    let on_scores = source.real("rope.scaling.yarn_log_multiplier")?.filter(|m| *m != 0.0);
    let given = source.real("rope.scaling.attn_factor")?.unwrap_or(1.0);
    let (attention_factor, score) = match on_scores {
        Some(multiplier) => (given, magnitude(factor, 10.0 * multiplier)),
        None => (given * magnitude(factor, 1.0), 1.0),
    };
    let beta = |name: &str, default: f64| -> Result<f32> {
        let beta = source.real(&format!("rope.scaling.{name}"))?.unwrap_or(default);
        if beta > 0.0 {
            Ok(beta as f32)
        } else {
            Err(facts.refuse(format!("`{name}` is {beta}, and it must be positive")))
        }
    };
    let scaling = RopeScaling::Yarn {
        factor,
        original_context,
        beta_fast: beta("yarn_beta_fast", 32.0)?,
        beta_slow: beta("yarn_beta_slow", 1.0)?,
        attention_factor: attention_factor as f32,
        truncate: facts.family.yarn_truncate,
    };
    Ok((scaling, score * score))
}
