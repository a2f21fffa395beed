//! Any bytes are a GGUF file whose every tensor can be read, or are refused in a sentence with the place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use model::Error;
use model::checkpoint::Checkpoint;

fuzz_target!(|bytes: &[u8]| {
    match Checkpoint::from_gguf_bytes("fuzz.gguf", bytes.to_vec()) {
        Ok(model) => read(&model),
        Err(error @ Error::Malformed { offset, .. }) => {
            assert!(offset <= bytes.len() as u64, "{error}");
        }
        Err(error) => assert!(error.to_string().starts_with("fuzz.gguf: "), "{error}"),
    }
});

/// Reads everything; the decoded bytes of the encoded form are the decoded form.
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
