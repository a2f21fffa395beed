//! Descriptions from a Hugging Face `config.json`.

use std::path::Path;

use serde_json::Value;

use super::build::{self, Particulars, RopeFacts};
use super::facts::{self as key, Fact, Facts, Key, Source};
use super::{Network, RopeScaling, family};
use crate::error::{Error, Result};

/// The configuration, with the text part of a multimodal one in front.
struct Config<'a> {
    text: Option<&'a Value>,
    whole: &'a Value,
    file: &'a Path,
}

impl Config<'_> {
    fn value(&self, name: &str) -> Option<&Value> {
        self.text.and_then(|t| t.get(name)).or_else(|| self.whole.get(name))
    }
}

impl Source for Config<'_> {
    fn file(&self) -> &Path {
        self.file
    }

    fn find(&self, key: &Key) -> Option<(String, Fact)> {
        let (name, value) = key.hf.iter().find_map(|name| Some((*name, self.value(name)?)))?;
        Some((name.into(), fact(value)))
    }

    fn spelling(&self, key: &Key) -> String {
        let found = key.hf.iter().find(|name| self.value(name).is_some());
        found.or(key.hf.first()).copied().unwrap_or("(nothing)").into()
    }

    fn ask(&self, flag: &str, _: &str) -> Result<bool> {
        Ok(self.value(flag).and_then(Value::as_bool).unwrap_or(false))
    }
}

fn fact(value: &Value) -> Fact {
    match value {
        Value::Bool(x) => Fact::Flag(*x),
        Value::Number(x) => Fact::Number(x.as_f64().unwrap_or(f64::NAN)),
        Value::String(x) => Fact::Text(x.clone()),
        Value::Array(list) => Fact::List(list.iter().map(fact).collect()),
        Value::Null | Value::Object(_) => Fact::Nothing,
    }
}

/// Builds the description; `file` stands in refusals.
pub(super) fn describe(config: &Value, file: &Path) -> Result<Network> {
    let refuse = |what: String| Error::Unsupported { file: file.to_owned(), what };
    let source = Config { text: config.get("text_config"), whole: config, file };
    let Some(model_type) = source.value("model_type").and_then(Value::as_str) else {
        return Err(refuse("`model_type` is missing: this is not the configuration of a model".into()));
    };
    let Some(family) = family::by_hf(model_type) else {
        let known = family::FAMILIES.iter().flat_map(|f| f.hf.iter().copied());
        return Err(refuse(family::unknown(model_type, known)));
    };
    let facts = Facts { source: &source, family };
    let with = Particulars {
        name: source.value("_name_or_path").and_then(Value::as_str).unwrap_or_default().into(),
        vocab: None,
        tied: facts.flag(&key::TIED)?.unwrap_or(family.tied),
        layout: if source.value("rope_interleave") == Some(&Value::Bool(false)) {
            super::RopeLayout::Half
        } else {
            family.hf_layout
        },
        rope: rope(&facts, &source)?,
    };
    build::build(facts, with)
}

/// The rotary embedding: `rope_parameters` (per layer type where there are two), or `rope_theta` with `rope_scaling`.
fn rope(facts: &Facts, config: &Config) -> Result<RopeFacts> {
    let parameters = config.value("rope_parameters").filter(|p| p.is_object());
    let global = parameters.map(|p| p.get("full_attention").unwrap_or(p));
    let local = parameters.and_then(|p| p.get("sliding_attention"));
    let scaling = global.or(config.value("rope_scaling")).filter(|s| s.is_object());
    let theta = Table { facts, table: global.unwrap_or(&Value::Null) }.positive("rope_theta")?;
    let theta = match theta {
        Some(theta) => theta,
        None => facts.positive(&key::THETA)?.unwrap_or(10_000.0),
    };
    let local_theta = match local {
        Some(table) => Table { facts, table }.positive("rope_theta")?,
        None => facts.positive(&key::LOCAL_THETA)?,
    };
    let (scaling, score_factor) = match scaling {
        Some(table) => Table { facts, table }.scaling()?,
        None => (RopeScaling::None, 1.0),
    };
    Ok(RopeFacts { theta, local_theta, scaling, score_factor })
}

/// The object that holds a rotary embedding's settings.
struct Table<'a> {
    facts: &'a Facts<'a>,
    table: &'a Value,
}

impl Table<'_> {
    fn real(&self, name: &str) -> Result<Option<f64>> {
        match self.table.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64() {
                Some(x) => Ok(Some(x)),
                None => Err(self.facts.refuse(format!("`{name}` of the rotary embedding must be a number"))),
            },
        }
    }

    fn positive(&self, name: &str) -> Result<Option<f32>> {
        match self.real(name)? {
            Some(x) if !(x as f32 > 0.0 && (x as f32).is_finite()) => {
                Err(self.facts.refuse(format!("`{name}` of the rotary embedding is {x}, and it must be positive")))
            }
            other => Ok(other.map(|x| x as f32)),
        }
    }

    fn need(&self, name: &str) -> Result<f32> {
        self.positive(name)?.ok_or_else(|| self.facts.refuse(format!("the rotary embedding has no `{name}`")))
    }

    fn original_context(&self) -> Result<usize> {
        match self.positive("original_max_position_embeddings")? {
            Some(x) => Ok(x as usize),
            None => self.facts.need(&key::CONTEXT, key::MAX_CONTEXT),
        }
    }

    /// The scaling, and the factor that it puts on the scores.
    fn scaling(&self) -> Result<(RopeScaling, f64)> {
        let kind = self.table.get("rope_type").or(self.table.get("type")).and_then(Value::as_str).unwrap_or("default");
        let scaling = match kind {
            "default" => RopeScaling::None,
            "linear" => RopeScaling::Linear { factor: self.need("factor")? },
            "llama3" => RopeScaling::Llama3 {
                factor: self.need("factor")?,
                low_freq_factor: self.need("low_freq_factor")?,
                high_freq_factor: self.need("high_freq_factor")?,
                original_context: self.original_context()?,
            },
            "yarn" => return self.yarn(),
            other => {
                let other: String = other.chars().take(40).collect();
                let known = "default, linear, llama3 and yarn";
                return Err(self.facts.refuse(format!("rotary scaling `{other}` is not supported, only {known}")));
            }
        };
        Ok((scaling, 1.0))
    }

    fn yarn(&self) -> Result<(RopeScaling, f64)> {
        let original_context = self.original_context()?;
        let factor = match self.positive("factor")? {
            Some(factor) => factor,
            None => self.facts.need(&key::CONTEXT, key::MAX_CONTEXT)? as f32 / original_context.max(1) as f32,
        };
        let (some, all) = (self.real("mscale")?.unwrap_or(0.0), self.real("mscale_all_dim")?.unwrap_or(0.0));
        let attention_factor = match self.positive("attention_factor")? {
            Some(given) => given,
            None if some != 0.0 && all != 0.0 => (magnitude(factor, some) / magnitude(factor, all)) as f32,
            None => magnitude(factor, 1.0) as f32,
        };
        let truncate = self.table.get("truncate").and_then(Value::as_bool);
        let scaling = RopeScaling::Yarn {
            factor,
            original_context,
            beta_fast: self.positive("beta_fast")?.unwrap_or(32.0),
            beta_slow: self.positive("beta_slow")?.unwrap_or(1.0),
            attention_factor,
            truncate: truncate.unwrap_or(self.facts.family.yarn_truncate),
        };
        let score = if all != 0.0 { magnitude(factor, all) } else { 1.0 };
        Ok((scaling, score * score))
    }
}

/// YaRN's factor against the flattening of scores in a longer context.
pub(super) fn magnitude(factor: f32, weight: f64) -> f64 {
    if factor <= 1.0 { 1.0 } else { 0.1 * weight * libm::log(f64::from(factor)) + 1.0 }
}
