//! What is wrong with a file is said in a sentence with the file and the place; damaged bytes never panic.

use model::checkpoint::Checkpoint;
use model::gguf::Gguf;
use proptest::prelude::*;

/// Writes GGUF bytes, including those that no tool would write.
#[derive(Clone)]
struct Writer(Vec<u8>);

impl Writer {
    fn new(tensors: u64, pairs: u64) -> Writer {
        Writer(b"GGUF".to_vec()).u32(3).u64(tensors).u64(pairs)
    }
    fn bytes(mut self, bytes: &[u8]) -> Writer {
        self.0.extend_from_slice(bytes);
        self
    }
    fn u32(self, value: u32) -> Writer {
        self.bytes(&value.to_le_bytes())
    }
    fn u64(self, value: u64) -> Writer {
        self.bytes(&value.to_le_bytes())
    }
    fn text(self, text: &[u8]) -> Writer {
        self.u64(text.len() as u64).bytes(text)
    }
    /// A tensor description; extents innermost first, as in the file.
    fn tensor(self, name: &str, extents: &[u64], kind: u32, offset: u64) -> Writer {
        let dims = self.text(name.as_bytes()).u32(extents.len() as u32);
        extents.iter().fold(dims, |w, &e| w.u64(e)).u32(kind).u64(offset)
    }
    /// Padding and this many bytes of data.
    fn data(mut self, bytes: usize) -> Vec<u8> {
        self.0.resize(self.0.len().next_multiple_of(32) + bytes, 0);
        self.0
    }
}

const F32: u32 = 0;
const Q8_0: u32 = 8;

#[test]
fn every_defect_of_a_gguf_file_is_named() {
    let deep = (0..6).fold(Writer::new(0, 1).text(b"deep").u32(9), |w, _| w.u32(9).u64(1));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "byte 0: the magic number needs 4 bytes and the file has 0 more"),
        (b"GGML\x03\0\0\0".to_vec(), "byte 0: the first four bytes are not `GGUF`"),
        (b"GGUF\x01\0\0\0".to_vec(), "byte 4: the file is of GGUF version 1"),
        (b"GGUF\0\0\0\x03".to_vec(), "byte 4: the file is big-endian"),
        (b"GGUF\x09\0\0\0".to_vec(), "byte 4: the file is of GGUF version 9"),
        (
            Writer::new(1 << 60, 0).data(0),
            "byte 8: the number of tensors is 1152921504606846976, and the rest of the file has room for 0",
        ),
        (Writer::new(0, u64::MAX).data(0), "byte 16: the number of metadata pairs is 18446744073709551615"),
        (Writer::new(0, 1).u64(1 << 40).data(64), "byte 24: a metadata key is 1099511627776"),
        (Writer::new(0, 1).text(b"k\xff").u32(0).data(1), "byte 33: a metadata key is not UTF-8"),
        (Writer::new(0, 1).text(b"k").u32(8).text(b"\xc3\x28").data(1), "byte 45: k is not UTF-8"),
        (Writer::new(0, 1).text(b"k").u32(13).data(9), "byte 33: `k` has value type 13"),
        (Writer::new(0, 1).text(b"k").u32(7).bytes(&[2]).data(0), "byte 37: `k` is a truth value of 2"),
        (
            Writer::new(0, 1).text(b"k").u32(9).u32(4).u64(1 << 61).data(8),
            "byte 41: k is 2305843009213693952, and the rest of the file",
        ),
        (
            Writer::new(0, 2).text(b"k").u32(0).bytes(&[1]).text(b"k").u32(0).data(1),
            "byte 38: metadata key `k` appears twice",
        ),
        (deep.data(0), "`deep` nests arrays more than 4 deep"),
        (
            Writer::new(0, 1).text(b"general.alignment").u32(4).u32(48).data(0),
            "`general.alignment` is 48, and it must be a power of two",
        ),
        (
            Writer::new(0, 1).text(b"general.alignment").u32(4).u32(0).data(0),
            "`general.alignment` is 0, and it must be a power of two",
        ),
        (
            Writer::new(0, 1).text(b"general.alignment").u32(8).text(b"x").data(0),
            "`general.alignment` is the string \"x\"",
        ),
        (Writer::new(1, 0).tensor("t", &[], F32, 0).data(32), "tensor `t` has 0 extents, and 1 to 4 are allowed"),
        (Writer::new(1, 0).tensor("t", &[1; 5], F32, 0).data(32), "tensor `t` has 5 extents"),
        (Writer::new(1, 0).tensor("t", &[4, 0], F32, 0).data(32), "tensor `t` has an extent of 0"),
        (Writer::new(1, 0).tensor("t", &[1 << 33, 1 << 33], F32, 0).data(32), "whose number of elements overflows"),
        (Writer::new(1, 0).tensor("t", &[1 << 61], F32, 0).data(32), "whose number of elements overflows"),
        (
            Writer::new(1, 0).tensor("t", &[33], Q8_0, 0).data(64),
            "tensor `t` has an innermost extent of 33, and q8_0 needs a multiple of 32",
        ),
        (
            Writer::new(1, 0).tensor("t", &[4], 99, 0).data(32),
            "tensor `t` has ggml type 99, and these are read: f32, f16, bf16, q4_0",
        ),
        (
            Writer::new(1, 0).tensor("t", &[4], F32, 4).data(32),
            "tensor `t` has offset 4, which is not a multiple of the alignment 32",
        ),
        (
            Writer::new(1, 0).tensor("t", &[9], F32, 0).data(32),
            "tensor `t` takes 36 bytes from offset 0 of the data, beyond the end",
        ),
        (
            Writer::new(1, 0).tensor("t", &[4], F32, u64::MAX - 31).data(32),
            "tensor `t` takes 16 bytes from offset 18446744073709551584",
        ),
        (Writer::new(2, 0).tensor("t", &[4], F32, 0).tensor("t", &[4], F32, 32).data(64), "tensor `t` appears twice"),
        (
            Writer::new(2, 0).tensor("a", &[9], F32, 0).tensor("b", &[4], F32, 32).data(64),
            "tensors `a` and `b` overlap",
        ),
    ];
    for (bytes, expected) in cases {
        let error = Gguf::from_bytes("bad.gguf", bytes).expect_err(expected).to_string();
        assert!(error.starts_with("bad.gguf") && error.contains(expected), "got: {error}\nexpected: {expected}");
    }
}

#[test]
fn an_expert_and_its_stack_cannot_both_be_there() {
    let named = Writer::new(2, 1).text(b"general.architecture").u32(8).text(b"llama");
    let both =
        named.tensor("blk.0.ffn_up.0.weight", &[4], F32, 0).tensor("blk.0.ffn_up_exps.weight", &[4], F32, 32).data(48);
    let error = Checkpoint::from_gguf_bytes("bad.gguf", both).unwrap_err().to_string();
    let expected =
        "tensors `blk.0.ffn_up.0.weight` and `blk.0.ffn_up_exps.weight` both are `blk.0.ffn_up_exps.weight`: keep one";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn tensors_may_stand_in_any_order_and_leave_gaps() {
    let bytes = Writer::new(2, 0).tensor("a", &[4], F32, 64).tensor("b", &[2, 4], F32, 0).data(80);
    let file = Gguf::from_bytes("ok.gguf", bytes).unwrap();
    assert_eq!(file.tensors()[1].info.shape, [4, 2]);
    assert_eq!(file.data(&file.tensors()[0]).len(), 16);
}

/// A safetensors file with this header and so many bytes of data.
fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

/// A header's entry.
fn entry(name: &str, dtype: &str, shape: &[u64], from: u64, to: u64) -> String {
    format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{from},{to}]}}"#)
}

fn header(entries: &[String]) -> String {
    format!("{{{}}}", entries.join(","))
}

#[test]
fn every_defect_of_a_safetensors_model_is_named() {
    const LLAMA: &str = r#"{"model_type":"llama"}"#;
    let f32s = |name: &str, shape: &[u64], bytes: u64| {
        safetensors(&header(&[entry(name, "F32", shape, 0, bytes)]), bytes as usize)
    };
    let expert = |n: u32| format!("model.layers.0.block_sparse_moe.experts.{n}.w1.weight");
    let experts = |numbers: &[u32]| {
        let entries: Vec<_> =
            numbers.iter().zip(0..).map(|(&n, i)| entry(&expert(n), "F32", &[1, 1], 4 * i, 4 * i + 4)).collect();
        safetensors(&header(&entries), 4 * numbers.len())
    };
    let oss = "model.layers.0.mlp.experts.down_proj";
    let unpaired = header(&[
        entry(&format!("{oss}_blocks"), "U8", &[1, 2, 1, 16], 0, 32),
        entry(&format!("{oss}_scales"), "U8", &[1, 1, 2], 32, 34),
    ]);
    // Eight tensors whose bytes, with the header's, are more than a 64-bit number can count.
    let each = (1u64 << 61) - 1;
    let overflowing: Vec<_> = (0..8).map(|i| entry(&i.to_string(), "U8", &[each], i * each, (i + 1) * each)).collect();
    let overflowing = header(&overflowing);
    let both = header(&[entry("model.norm.weight", "F32", &[1], 0, 4), entry("norm.weight", "F32", &[1], 4, 8)]);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (LLAMA, vec![1, 2, 3], "byte 0: the header's length does not fit the file of 3 bytes"),
        (LLAMA, u64::MAX.to_le_bytes().to_vec(), "byte 0: the header's length does not fit"),
        (LLAMA, safetensors("{", 0), "byte 8: the header is not a description of tensors"),
        (
            LLAMA,
            safetensors(&header(&[entry("a", "F32", &[2], 0, 4)]), 4),
            "byte 8: the header is not a description of tensors",
        ),
        (LLAMA, safetensors(&overflowing, 0), "the tensors take"),
        (
            LLAMA,
            safetensors(&header(&[entry("a", "F32", &[2], 0, 8)]), 7),
            "the tensors take 8 bytes, and the file has 7",
        ),
        (
            LLAMA,
            f32s("model.layers.0.what.weight", &[1], 4),
            "tensor `model.layers.0.what.weight` is not known of the family llama",
        ),
        (
            LLAMA,
            f32s("model.norm.weight", &[0], 0),
            "tensor `model.norm.weight` has the shape [0], and extents must be positive",
        ),
        (
            LLAMA,
            safetensors(&header(&[entry("norm.weight", "I32", &[1], 0, 4)]), 4),
            "tensor `norm.weight` is of type I32",
        ),
        (LLAMA, safetensors(&both, 8), "both are `output_norm.weight`"),
        ("{}", safetensors("{}", 0), "config.json has no `model_type`"),
        (
            r#"{"model_type":"rwkv"}"#,
            safetensors("{}", 0),
            r#"`model_type` is "rwkv", and these are supported: llama, mistral"#,
        ),
        ("{", safetensors("{}", 0), "config.json: line 1: this is not JSON"),
        (r#"{"model_type":"mixtral"}"#, experts(&[0, 2]), "`blk.0.ffn_gate_exps.weight` lacks expert 1 of 2"),
        (
            r#"{"model_type":"gpt2"}"#,
            f32s("h.0.attn.c_attn.weight", &[1, 4], 16),
            "is 3 tensors in one, and its extent of 4 is no multiple",
        ),
        (
            r#"{"model_type":"gpt2"}"#,
            f32s("h.0.mlp.c_fc.weight", &[4], 16),
            "should be a matrix, and has the shape [4]",
        ),
        (
            r#"{"model_type":"gpt_oss"}"#,
            safetensors(&unpaired, 34),
            "are no MXFP4 pair: their shapes are [1, 2, 1, 16] and [1, 1, 2]",
        ),
    ];
    for (config, bytes, expected) in cases {
        let error =
            Checkpoint::from_safetensors_bytes("bad.safetensors", config, bytes).expect_err(expected).to_string();
        assert!(error.contains("bad.safetensors") || error.contains("config.json"), "{error}");
        assert!(error.contains(expected), "got: {error}\nexpected: {expected}");
    }
}

#[test]
fn a_directory_says_what_it_lacks() {
    let directory = std::env::temp_dir().join(format!("model-import-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let refusal = || Checkpoint::open(&directory).unwrap_err().to_string();
    assert!(refusal().contains("config.json"), "{}", refusal());
    std::fs::write(directory.join("config.json"), r#"{"model_type":"llama"}"#).unwrap();
    assert!(refusal().contains("there is no .safetensors file"), "{}", refusal());
    let one = safetensors(&header(&[entry("norm.weight", "F32", &[1], 0, 4)]), 4);
    std::fs::write(directory.join("a.safetensors"), &one).unwrap();
    assert_eq!(Checkpoint::open(&directory).unwrap().tensors().len(), 1);
    std::fs::write(directory.join("b.safetensors"), &one).unwrap();
    assert!(refusal().contains("several .safetensors files"), "{}", refusal());
    let index = directory.join("model.safetensors.index.json");
    for (map, expected) in [
        (r#"{"weight_map":{"norm.weight":"../a.safetensors"}}"#, "is not a plain file name"),
        (
            r#"{"weight_map":{"lm_head.weight":"a.safetensors"}}"#,
            "tensor `lm_head.weight` should be in a.safetensors and is not",
        ),
        (r#"{"weight_map":{"norm.weight":"c.safetensors"}}"#, "c.safetensors"),
        (r#"{"weight":1}"#, "this is not a list of tensors"),
    ] {
        std::fs::write(&index, map).unwrap();
        assert!(refusal().contains(expected), "{}", refusal());
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

/// A small file of each kind, with the configuration if it is a safetensors model.
const SAMPLES: [(&[u8], Option<&str>); 6] = [
    (include_bytes!("golden/import/types.gguf"), None),
    (include_bytes!("golden/import/encodings.gguf"), None),
    (include_bytes!("golden/import/fused.gguf"), None),
    (include_bytes!("golden/import/gpt2/model.safetensors"), Some(include_str!("golden/import/gpt2/config.json"))),
    (
        include_bytes!("golden/import/mixtral/model.safetensors"),
        Some(include_str!("golden/import/mixtral/config.json")),
    ),
    (
        include_bytes!("golden/import/gpt_oss_mxfp4/model.safetensors"),
        Some(include_str!("golden/import/gpt_oss_mxfp4/config.json")),
    ),
];

/// Opens the bytes and reads all that is there, or checks that the refusal names the file. True if they were accepted.
fn open(config: Option<&str>, bytes: Vec<u8>) -> bool {
    let opened = match config {
        None => Checkpoint::from_gguf_bytes("sample", bytes),
        Some(config) => Checkpoint::from_safetensors_bytes("sample", config, bytes),
    };
    match opened {
        Ok(model) => {
            for info in model.tensors() {
                assert_eq!(model.f32(&info.name).unwrap().len(), info.elements());
                let raw = model.raw(&info.name).unwrap();
                assert!(raw.is_none_or(|raw| Some(raw.len()) == info.encoding.bytes_for(info.elements())));
            }
            true
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.starts_with("sample"), "{text}");
            if let model::Error::Malformed { offset, .. } = error {
                assert!(text.starts_with(&format!("sample, byte {offset}: ")), "{text}");
            }
            false
        }
    }
}

#[test]
fn no_prefix_of_a_file_is_a_model() {
    for (number, (bytes, config)) in SAMPLES.into_iter().enumerate() {
        assert!(open(config, bytes.to_vec()), "sample {number} itself");
        // GGUF pads the end of the last tensor: the file is whole once its bytes are there.
        let whole = match config {
            None => Gguf::from_bytes("sample", bytes.to_vec())
                .unwrap()
                .tensors()
                .iter()
                .map(|t| t.range().end)
                .max()
                .unwrap(),
            Some(_) => bytes.len(),
        };
        for length in 0..whole {
            assert!(!open(config, bytes[..length].to_vec()), "sample {number}, the first {length} bytes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Damage anywhere, and more of it in the first bytes, where the structure is.
    #[test]
    fn damaged_bytes_never_panic(
        sample in 0..SAMPLES.len(),
        damage in prop::collection::vec((prop_oneof![0usize..2048, any::<usize>()], any::<u8>()), 1..6),
    ) {
        let (bytes, config) = SAMPLES[sample];
        let mut bytes = bytes.to_vec();
        for (at, value) in damage {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        open(config, bytes);
    }
}
