//! Small model files written by other people's tools, against texts of what is in them (`golden/make_files.py`).

use std::fmt::Write;
use std::path::{Path, PathBuf};

use model::checkpoint::{Checkpoint, TensorInfo};
use model::gguf::{Array, Gguf, Value};
use sha2::{Digest, Sha256};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/import")
}

/// Every model with a text beside it: name and file.
fn models() -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "txt") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let gguf = path.with_extension("gguf");
            found.push((name, if gguf.exists() { gguf } else { path.with_extension("") }));
        }
    }
    assert!(found.len() >= 17, "the fixtures are there");
    found
}

fn line(model: &Checkpoint, info: &TensorInfo) -> String {
    let mut sha = Sha256::new();
    for value in model.f32(&info.name).unwrap() {
        sha.update(value.to_le_bytes());
    }
    let shape = info.shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
    let mut line = format!("{} {shape} {} ", info.name, info.encoding);
    for byte in &sha.finalize()[..8] {
        write!(line, "{byte:02x}").unwrap();
    }
    line
}

#[test]
fn every_model_shows_the_tensors_that_its_tools_put_in() {
    for (name, path) in models() {
        let model = Checkpoint::open(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut lines: Vec<String> = model.tensors().iter().map(|info| line(&model, info)).collect();
        lines.sort();
        let expected = std::fs::read_to_string(directory().join(format!("{name}.txt"))).unwrap();
        let expected: Vec<&str> = expected.lines().collect();
        assert_eq!(lines, expected, "{name}");
    }
}

#[test]
fn rows_and_raw_bytes_agree_with_the_whole() {
    let mut raw_seen = 0;
    for (name, path) in models() {
        let model = Checkpoint::open(&path).unwrap();
        for info in model.tensors() {
            let whole = model.f32(&info.name).unwrap();
            let (rows, columns) = (info.rows(), info.columns());
            for (first, count) in [(0, rows), (rows / 2, rows - rows / 2), (rows - 1, 1), (rows / 3, rows / 3)] {
                let mut part = vec![f32::NAN; count * columns];
                model.rows_f32(&info.name, first, count, &mut part).unwrap();
                assert_eq!(
                    part,
                    whole[first * columns..][..count * columns],
                    "{name}, {}, {count} rows from {first}",
                    info.name
                );
            }
            if let Some(raw) = model.raw(&info.name).unwrap() {
                let mut decoded = vec![f32::NAN; info.elements()];
                info.encoding.decode(&raw, &mut decoded);
                assert_eq!(decoded, whole, "{name}, {}", info.name);
                raw_seen += 1;
            }
        }
    }
    assert!(raw_seen > 100);
}

#[test]
fn raw_bytes_are_borrowed_where_the_file_has_them() {
    use std::borrow::Cow;
    let cases = [
        ("encodings.gguf", "q4_1.weight", true),
        ("fused.gguf", "blk.0.attn_k.weight", true),
        ("experts.gguf", "blk.0.ffn_up_exps.weight", false),
        ("llama", "blk.1.attn_q.weight", true),
        ("gpt_oss_mxfp4", "blk.0.ffn_gate_exps.weight", false),
    ];
    for (file, tensor, borrowed) in cases {
        let model = Checkpoint::open(&directory().join(file)).unwrap();
        let raw = model.raw(tensor).unwrap().expect(tensor);
        assert_eq!(matches!(raw, Cow::Borrowed(_)), borrowed, "{file}, {tensor}");
    }
    for (file, tensor) in [("gpt2", "blk.0.attn_q.weight"), ("gemma", "output_norm.weight")] {
        let model = Checkpoint::open(&directory().join(file)).unwrap();
        assert_eq!(model.raw(tensor).unwrap(), None, "{file}, {tensor} is only available decoded");
    }
}

#[test]
fn requests_that_make_no_sense_are_refused_in_a_sentence() {
    let model = Checkpoint::open(&directory().join("llama")).unwrap();
    let mut out = [0.0; 16];
    let missing = model.rows_f32("blk.9.x", 0, 1, &mut out).unwrap_err().to_string();
    assert!(missing.contains("no tensor `blk.9.x`") && missing.contains("llama"), "{missing}");
    let beyond = model.rows_f32("token_embd.weight", 12, 1, &mut out).unwrap_err().to_string();
    assert_eq!(beyond, "tensor `token_embd.weight` has 12 rows, and 1 from row 12 were asked for");
    let huge = model.rows_f32("token_embd.weight", usize::MAX, 2, &mut out).unwrap_err().to_string();
    assert!(huge.contains("12 rows"), "{huge}");
    let room = model.rows_f32("token_embd.weight", 0, 2, &mut out).unwrap_err().to_string();
    assert_eq!(room, "2 rows of tensor `token_embd.weight` have 16 elements each, and room for 16 was given");
}

#[test]
fn the_containers_tell_what_they_are() {
    let gguf = Checkpoint::open(&directory().join("types.gguf")).unwrap();
    assert!(gguf.gguf().is_some() && gguf.config().is_none());
    assert_eq!(gguf.bytes_total(), std::fs::metadata(directory().join("types.gguf")).unwrap().len());
    let file = Checkpoint::open(&directory().join("qwen2/model.safetensors")).unwrap();
    assert!(file.gguf().is_none());
    assert_eq!(file.config().unwrap()["model_type"], "qwen2");
    assert_eq!(file.path(), directory().join("qwen2/model.safetensors"));
    let shards = std::fs::read_dir(directory().join("llama"))
        .unwrap()
        .filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|e| e == "safetensors"));
    assert!(shards.count() > 1, "one model is in several files");
}

#[test]
fn every_metadata_type_is_read() {
    let file = Gguf::open(&directory().join("types.gguf")).unwrap();
    let meta = file.metadata();
    let expected = [
        ("uint8", Value::U8(250), Array::U8(vec![250; 3])),
        ("int8", Value::I8(-3), Array::I8(vec![-3; 3])),
        ("uint16", Value::U16(65000), Array::U16(vec![65000; 3])),
        ("int16", Value::I16(-300), Array::I16(vec![-300; 3])),
        ("uint32", Value::U32(4000000000), Array::U32(vec![4000000000; 3])),
        ("int32", Value::I32(-70000), Array::I32(vec![-70000; 3])),
        ("float32", Value::F32(0.375), Array::F32(vec![0.375; 3])),
        ("bool", Value::Bool(true), Array::Bool(vec![true; 3])),
        ("string", Value::String("déjà vu".into()), Array::String(vec!["déjà vu".into(); 3])),
        ("uint64", Value::U64((1 << 63) + 1), Array::U64(vec![(1 << 63) + 1; 3])),
        ("int64", Value::I64(-(1 << 40)), Array::I64(vec![-(1 << 40); 3])),
        ("float64", Value::F64(1e-300), Array::F64(vec![1e-300; 3])),
    ];
    for (name, one, many) in expected {
        assert_eq!(meta.value(&format!("one.{name}")), Some(&one));
        assert_eq!(meta.value(&format!("many.{name}")), Some(&Value::Array(many)));
    }
    let nested = [vec![1, 2], vec![3], vec![4, 5, 6]].map(Array::I32);
    assert_eq!(meta.value("nested"), Some(&Value::Array(Array::Array(nested.to_vec()))));
    assert_eq!(file.tensors()[1].info.shape, [2, 3, 4], "outermost extent first");
    assert!(file.tensors().iter().all(|t| t.offset.is_multiple_of(64)), "the file's own alignment");
}

#[test]
fn getters_convert_without_loss_or_refuse_with_key_and_file() {
    let file = Gguf::open(&directory().join("types.gguf")).unwrap();
    let meta = file.metadata();
    assert_eq!(meta.get::<usize>("one.uint8").unwrap(), 250);
    assert_eq!(meta.get::<i32>("one.int16").unwrap(), -300);
    assert_eq!(meta.get::<f32>("one.int8").unwrap(), -3.0);
    assert_eq!(meta.get::<&str>("one.string").unwrap(), "déjà vu");
    assert_eq!(meta.get::<&[String]>("many.string").unwrap().len(), 3);
    assert_eq!(meta.get::<Vec<i64>>("many.uint16").unwrap(), [65000; 3]);
    assert_eq!(meta.find::<u32>("absent").unwrap(), None);
    let refusals = [
        (
            meta.get::<u32>("absent").unwrap_err(),
            "the metadata has no `absent`, which must be an integer of 0 to 4294967295",
        ),
        (meta.get::<u32>("one.int8").unwrap_err(), "metadata `one.int8` is I8(-3), and it must be an integer"),
        (meta.get::<u32>("one.uint64").unwrap_err(), "`one.uint64` is U64(9223372036854775809)"),
        (
            meta.get::<bool>("one.string").unwrap_err(),
            "`one.string` is the string \"déjà vu\", and it must be true or false",
        ),
        (
            meta.find::<&str>("many.bool").map(drop).unwrap_err(),
            "`many.bool` is an array of 3 elements, and it must be a string",
        ),
    ];
    for (error, expected) in refusals {
        let error = error.to_string();
        assert!(error.contains(expected) && error.contains("types.gguf"), "{error}");
    }
}
