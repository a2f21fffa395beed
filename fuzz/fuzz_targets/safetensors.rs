//! Any bytes are a safetensors model whose every tensor can be read, or are refused in a sentence. The first byte chooses the family.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::checkpoint::Checkpoint;

/// In the order that `seed.py` counts in.
const FAMILIES: [&str; 14] = [
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "qwen2_moe",
    "qwen3_moe",
    "mixtral",
    "gemma",
    "gemma2",
    "gemma3",
    "gemma3_text",
    "gpt2",
    "gpt_oss",
    "deepseek_v3",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((&family, bytes)) = bytes.split_first() else {
        return;
    };
    let family = FAMILIES[family as usize % FAMILIES.len()];
    let config = format!(r#"{{"model_type":"{family}","num_hidden_layers":2,"num_nextn_predict_layers":1}}"#);
    match Checkpoint::from_safetensors_bytes("fuzz.safetensors", &config, bytes.to_vec()) {
        Ok(model) => read(&model),
        Err(error) => assert!(error.to_string().starts_with("fuzz.safetensors"), "{error}"),
    }
});

/// Reads everything; where there is an encoded form, it decodes to the same values.
fn read(model: &Checkpoint) {
    for info in model.tensors() {
        let values = model.f32(&info.name).expect("the tensor is listed");
        let Some(raw) = model.raw(&info.name).expect("the tensor is listed") else {
            continue;
        };
        let mut decoded = vec![0.0; values.len()];
        info.encoding.decode(&raw, &mut decoded);
        assert!(values.iter().zip(&decoded).all(|(a, b)| a.to_bits() == b.to_bits()), "{}", info.name);
    }
}
