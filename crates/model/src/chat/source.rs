//! Where a checkpoint keeps its chat template.

use std::path::Path;

use serde_json::Value;

use crate::checkpoint::Checkpoint;
use crate::tokenizer::directory_of;
use crate::{Error, Result};

/// The template's text.
pub(super) fn of(checkpoint: &Checkpoint) -> Result<String> {
    let found = match checkpoint.gguf() {
        Some(gguf) => gguf.metadata().find::<&str>("tokenizer.chat_template")?.map(str::to_string),
        None => beside(directory_of(checkpoint.path()))?,
    };
    found.ok_or_else(|| Error::Unsupported {
        file: checkpoint.path().to_path_buf(),
        what: "it has no chat template, so it is probably a base model: give it a text to continue, or use an instruct model".into(),
    })
}

/// From `chat_template.jinja`, else `tokenizer_config.json`, in the directory of a safetensors checkpoint.
fn beside(directory: &Path) -> Result<Option<String>> {
    if let Some(text) = read(&directory.join("chat_template.jinja"))? {
        return Ok(Some(text));
    }
    let path = directory.join("tokenizer_config.json");
    let Some(text) = read(&path)? else {
        return Ok(None);
    };
    let config: Value = serde_json::from_str(&text).map_err(|error| Error::Unsupported {
        file: path,
        what: format!("line {}, column {}: this is not valid JSON", error.line(), error.column()),
    })?;
    Ok(template_of(&config["chat_template"]))
}

/// One template, or of several the one named `default`.
fn template_of(value: &Value) -> Option<String> {
    let named = |value: &Value| {
        let list = value.as_array()?;
        list.iter().find(|item| item["name"] == "default")?["template"].as_str().map(str::to_string)
    };
    value.as_str().map(str::to_string).or_else(|| named(value))
}

fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io { file: path.to_path_buf(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_configuration_holds_one_template_or_a_list_with_a_default() {
        assert_eq!(template_of(&json!("x")).as_deref(), Some("x"));
        let list = json!([{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]);
        assert_eq!(template_of(&list).as_deref(), Some("d"));
        assert_eq!(template_of(&json!([{"name": "rag", "template": "r"}])), None);
        assert_eq!(template_of(&Value::Null), None);
    }
}
