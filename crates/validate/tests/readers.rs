//! Every reader refuses what it does not know, with file and line, and never panics.

use std::fs;
use std::path::{Path, PathBuf};
use validate::sets::{self, SetError, llmcompass, points, vidur};

/// A folder of its own that goes away.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("readers-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

type Reader = fn(&Path) -> Result<usize, SetError>;

const GEMM: &str = "gemm_dtype,m,n,k,median_ms,min_ms,max_ms,n_sources\nbfloat16,1,32,256,0.00284,0.00275,0.003,10\nfp8,8,32,512,0.1,0.1,0.2,2\n";
const ATTENTION: &str = "attn_dtype,kv_cache_dtype,batch_size,isl,num_heads,num_key_value_heads,head_dim,step,median_ms,min_ms,max_ms,n_sources\nbfloat16,fp8,1,1,8,1,64,3,0.008,0.007,0.01,6\n";
const LATENT: &str = "mla_dtype,kv_cache_dtype,num_heads,batch_size,isl,step,median_ms,min_ms,max_ms,n_sources\nbfloat16,bfloat16,1,1,1,3,0.012,0.011,0.13,8\n";
const MATMUL: &str = "64, 12288, 12288, 0.1900ms, 101.7124Tflops\n8192, 64, 64, 0.0296ms, 2.2700Tflops";
const SOFTMAX: &str = "4096, 32, 9.9955\n32, 4096, 8.45";
const GELU: &str = "1024, 0.0212\n2048, 0.0433";
const LAYER: &str = "0.1\n0.2\n0.3\n0.4\n0.5\n0.6\n0.7\n0.8\n0.9\n1.0\n1e-3\n26.04e-06";
const POINTS: &str = "id,concurrency,backend,backend_version,model_path,system,precision,mode,isl,osl,gemm_quant_mode,moe_quant_mode,batch_size,tp_size,pp_size,attention_dp_size,moe_tp_size,moe_ep_size,prefill_batch_size,prefill_num_workers,prefill_tp_size,prefill_pp_size,prefill_attention_dp_size,prefill_moe_tp_size,prefill_moe_ep_size,decode_batch_size,decode_num_workers,decode_tp_size,decode_pp_size,decode_attention_dp_size,decode_moe_tp_size,decode_moe_ep_size,silicon_ttft_ms,silicon_tpot_ms\np1,16,trtllm,1,m/x,h100_sxm,,agg,4096,128,,,16,2,1,,1,1,,,,,,,,,,,,,,,240.3,12.1\n";

fn folder_and_name(path: &Path) -> (&Path, &str) {
    (path.parent().unwrap(), path.file_name().unwrap().to_str().unwrap())
}

fn llmcompass_file(path: &Path) -> Result<usize, SetError> {
    let (folder, name) = folder_and_name(path);
    llmcompass::operators(folder, name).map(|rows| rows.len())
}

fn layer_file(path: &Path) -> Result<usize, SetError> {
    let (folder, name) = folder_and_name(path);
    llmcompass::layer(folder, name, 2048, 2048).map(|rows| rows.len())
}

fn vidur_text() -> String {
    let names = [
        "emb",
        "input_layernorm",
        "attn_pre_proj",
        "attn_rope",
        "attn_post_proj",
        "post_attention_layernorm",
        "mlp_up_proj",
        "mlp_act",
        "mlp_down_proj",
        "add",
    ];
    let statistics = ["min", "max", "mean", "median", "std"];
    let columns =
        names.iter().flat_map(|name| statistics.iter().map(move |which| format!("time_stats.{name}.{which}")));
    let mut head: Vec<String> = columns.collect();
    let mut row: Vec<String> = head.iter().map(|_| "0.5".to_string()).collect();
    let widths = [
        ("n_head", "64"),
        ("n_kv_head", "8"),
        ("n_embd", "8192"),
        ("n_expanded_embd", "28672"),
        ("vocab_size", "32768"),
        ("use_gated_mlp", "True"),
        ("num_tokens", "16"),
        ("num_tensor_parallel_workers", "2"),
    ];
    head.extend(widths.iter().map(|(name, _)| name.to_string()));
    row.extend(widths.iter().map(|(_, value)| value.to_string()));
    format!("{}\n{}\n", head.join(","), row.join(","))
}

/// File name, text, rows that it holds, and its reader.
fn files() -> Vec<(&'static str, String, usize, Reader)> {
    let attention: Reader = |path| sets::attention::read(path).map(|rows| rows.len());
    let latent: Reader = |path| sets::attention::read_latent(path).map(|rows| rows.len());
    vec![
        ("gemm.test.csv", GEMM.into(), 2, |path| sets::gemm::read(path).map(|rows| rows.len())),
        ("attn_decode.test.csv", ATTENTION.into(), 1, attention),
        ("mla_decode.test.csv", LATENT.into(), 1, latent),
        ("matmul_A100.csv", MATMUL.into(), 2, llmcompass_file),
        ("softmax_A100.csv", SOFTMAX.into(), 2, llmcompass_file),
        ("gelu_A100.csv", GELU.into(), 2, llmcompass_file),
        ("transformer_A100.csv", LAYER.into(), 12, layer_file),
        ("points.csv", POINTS.into(), 1, |path| points::read(path).map(|rows| rows.len())),
        ("a100.csv", vidur_text(), 10, |path| vidur::read(path).map(|rows| rows.len())),
    ]
}

#[test]
fn what_a_set_holds_is_read() {
    let scratch = Scratch::new("good");
    for (name, text, rows, read) in files() {
        assert_eq!(read(&scratch.write(name, &text)), Ok(rows), "{name}");
    }
}

#[test]
fn cut_files_are_refused_or_shorter() {
    let scratch = Scratch::new("cut");
    for (name, text, rows, read) in files() {
        // Every place where a cut leaves something different, on long heads a sample of them.
        for cut in (0..text.len()).step_by(1 + text.len() / 200) {
            let path = scratch.write(name, &text.as_bytes()[..cut]);
            match read(&path) {
                Ok(read) => assert!(read <= rows, "{name} at {cut}"),
                Err(error) => assert!(error.to_string().contains(name), "{error}"),
            }
        }
    }
}

#[test]
fn wrong_fields_are_refused_with_their_line() {
    let scratch = Scratch::new("wrong");
    for (name, text, _, read) in files() {
        let last = text.trim_end().lines().count();
        let (start, line) = text.trim_end().rsplit_once('\n').unwrap();
        let number =
            line.split(',').position(|field| field.trim().trim_end_matches("ms").parse::<f64>().is_ok()).unwrap();
        for bad in ["", "-3", "x", "NaN", "1e999", "\u{0}", "1;2"] {
            let mut fields: Vec<&str> = line.split(',').collect();
            // Identifiers of points are words, and may be anything.
            fields[number] = bad;
            let path = scratch.write(name, format!("{start}\n{}\n", fields.join(",")));
            match read(&path) {
                Err(error) => {
                    let sentence = error.to_string();
                    let line = format!("line {last}");
                    assert!(
                        sentence.contains(name) && (sentence.contains(&line) || bad.is_empty()),
                        "{bad}: {sentence}"
                    );
                }
                Ok(_) => assert!(name == "points.csv" && bad.is_empty(), "{name} accepts `{bad}` for `{line}`"),
            }
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let scratch = Scratch::new("bytes");
    for (name, _, _, read) in files() {
        for bytes in [&[0xff, 0xfe, 0x00][..], &[0x1f, 0x8b, 0x08], b"\n\n\n", b",,,,\n,,,,\n"] {
            let error = read(&scratch.write(name, bytes)).expect_err(name).to_string();
            assert!(error.contains(name), "{error}");
        }
        let compressed = scratch.write(&format!("{name}.gz"), [0x1f, 0x8b, 0x08, 0, 0, 0]);
        assert!(sets::gemm::read(&compressed).is_err(), "a gzip file that ends in its header");
    }
}
