//! The forward pass of every family against logits that an independent implementation computed (see `fixtures/make_fixtures.py`).

use std::path::{Path, PathBuf};

use model::checkpoint::Checkpoint;
use model::network::{
    Activation, Attention, ExpertFfn, FeedForward, GroupedAttention, LatentAttention, Network, RopeLayout, RopeScaling,
    Routing,
};
use model::reference::Reference;
use safetensors::SafeTensors;

/// Every folder of the fixtures.
const FIXTURES: &[&str] = &[
    "deepseek_v2",
    "deepseek_v3",
    "gemma",
    "gemma2",
    "gemma3",
    "gpt-oss-mxfp4",
    "gpt2",
    "gpt_oss",
    "llama",
    "llama-gguf",
    "mistral",
    "mixtral",
    "qwen2",
    "qwen2_moe",
    "qwen3",
    "qwen3_moe",
];

fn folder(fixture: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture)
}

fn open(fixture: &str) -> (Checkpoint, Network) {
    let folder = folder(fixture);
    if fixture == "deepseek_v2" {
        return open_v2(&folder);
    }
    let gguf = folder.join("model.gguf");
    let path = if gguf.exists() { gguf } else { folder };
    let checkpoint = Checkpoint::open(&path).unwrap_or_else(|e| panic!("{fixture}: {e}"));
    let network = Network::of(&checkpoint).unwrap_or_else(|e| panic!("{fixture}: {e}"));
    (checkpoint, network)
}

/// DeepSeek V2's tensors have V3's names; its description is its own.
fn open_v2(folder: &Path) -> (Checkpoint, Network) {
    let config = std::fs::read_to_string(folder.join("config.json")).unwrap();
    let network = Network::from_hf(&serde_json::from_str(&config).unwrap()).unwrap();
    let config = config.replace("deepseek_v2", "deepseek_v3");
    let bytes = std::fs::read(folder.join("model.safetensors")).unwrap();
    (Checkpoint::from_safetensors_bytes("deepseek_v2", &config, bytes).unwrap(), network)
}

/// The tokens and the logits (a row per token) that the network must give.
fn expected(fixture: &str) -> (Vec<u32>, Vec<f32>) {
    let bytes = std::fs::read(folder(fixture).join("expected.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let words = |name: &str| -> Vec<[u8; 4]> { file.tensor(name).unwrap().data().as_chunks().0.to_vec() };
    let tokens = words("tokens").into_iter().map(u32::from_le_bytes).collect();
    (tokens, words("logits").into_iter().map(f32::from_le_bytes).collect())
}

fn range(values: &[f32]) -> f32 {
    let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(l, h), x| (l.min(*x), h.max(*x)));
    high - low
}

/// Largest difference, relative to the range of `b`.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / range(b)
}

fn best(row: &[f32]) -> usize {
    (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap()
}

#[test]
fn the_table_of_fixtures_is_the_folder() {
    let mut found: Vec<String> = std::fs::read_dir(folder(""))
        .unwrap()
        .map(|e| e.unwrap())
        .filter(|e| e.file_type().unwrap().is_dir())
        .map(|e| e.file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, FIXTURES);
}

#[test]
fn logits_of_every_family_agree_with_an_independent_implementation() {
    for fixture in FIXTURES {
        let (checkpoint, network) = open(fixture);
        let reference = Reference::new(&checkpoint, &network).unwrap_or_else(|e| panic!("{fixture}: {e}"));
        let (tokens, logits) = expected(fixture);
        let found = reference.forward(&mut reference.state(), &tokens).unwrap();
        let distance = distance(&found, &logits);
        eprintln!("{fixture}: {distance:.1e} of the range {:.1}", range(&logits));
        assert!(distance < 1e-5, "{fixture}: {distance}");
        for (token, (a, b)) in found.chunks(network.vocab).zip(logits.chunks(network.vocab)).enumerate() {
            assert_eq!(best(a), best(b), "{fixture}: most likely token after position {token}");
        }
    }
}

/// A change of a description that the logits must show.
type Change = (&'static str, &'static str, fn(&mut Network));

/// Changes every grouped-attention layer.
fn grouped(network: &mut Network, change: impl Fn(&mut GroupedAttention)) {
    for layer in &mut network.layers {
        if let Attention::Grouped(attention) = &mut layer.attention {
            change(attention);
        }
    }
}

fn latent(network: &mut Network, change: impl Fn(&mut LatentAttention)) {
    for layer in &mut network.layers {
        if let Attention::Latent(attention) = &mut layer.attention {
            change(attention);
        }
    }
}

fn experts(network: &mut Network, change: impl Fn(&mut ExpertFfn)) {
    for layer in &mut network.layers {
        if let FeedForward::Experts(ffn) = &mut layer.ffn {
            change(ffn);
        }
    }
}

/// One line per field that no other test would miss.
const CHANGES: &[Change] = &[
    ("llama", "rotary scaling", |n| grouped(n, |a| a.rope.as_mut().unwrap().scaling = RopeScaling::None)),
    ("llama", "pairing", |n| grouped(n, |a| a.rope.as_mut().unwrap().layout = RopeLayout::Interleaved)),
    ("llama-gguf", "pairing", |n| grouped(n, |a| a.rope.as_mut().unwrap().layout = RopeLayout::Half)),
    ("mistral", "window", |n| grouped(n, |a| a.window = a.window.map(|w| w + 1))),
    ("qwen2", "bias", |n| grouped(n, |a| a.qkv_bias = false)),
    ("qwen3", "head norms", |n| grouped(n, |a| a.qk_norm = None)),
    ("qwen3_moe", "renormalisation", |n| experts(n, |e| e.routing = Routing::SoftmaxThenTop { renormalise: false })),
    ("qwen2_moe", "shared expert", |n| experts(n, |e| e.shared_inner = 0)),
    ("qwen2_moe", "shared gate", |n| experts(n, |e| e.shared_gate = false)),
    ("mixtral", "number chosen", |n| experts(n, |e| e.top_k = 1)),
    ("gemma", "embedding scale", |n| n.embed_scale = 1.0),
    ("gemma2", "window", |n| grouped(n, |a| a.window = None)),
    ("gemma2", "score cap", |n| grouped(n, |a| a.softcap = None)),
    ("gemma2", "logit cap", |n| n.logit_softcap = None),
    ("gemma2", "scale", |n| grouped(n, |a| a.scale = 1.0 / 32f32.sqrt())),
    ("gemma2", "norm after attention", |n| n.layers[0].post_attn_norm = None),
    ("gemma2", "norm after the feed-forward part", |n| n.layers[0].post_ffn_norm = None),
    ("gemma3", "local base", |n| grouped(n, |a| a.rope.as_mut().unwrap().theta = 1e6)),
    ("gemma3", "global scaling", |n| grouped(n, |a| a.rope.as_mut().unwrap().scaling = RopeScaling::None)),
    ("gpt2", "positions", |n| n.learned_positions = false),
    ("gpt_oss", "sinks", |n| grouped(n, |a| a.sinks = false)),
    ("gpt_oss", "window", |n| grouped(n, |a| a.window = None)),
    ("gpt_oss", "output bias", |n| grouped(n, |a| a.out_bias = false)),
    ("gpt_oss", "activation", |n| experts(n, |e| e.activation = Activation::Silu)),
    ("gpt-oss-mxfp4", "rounding of YaRN's ramp", |n| {
        grouped(n, |a| match &mut a.rope.as_mut().unwrap().scaling {
            RopeScaling::Yarn { truncate, .. } => *truncate = true,
            other => panic!("{other:?}"),
        })
    }),
    ("deepseek_v2", "weight scale", |n| experts(n, |e| e.weight_scale = 1.0)),
    ("deepseek_v3", "score scale", |n| latent(n, |a| a.scale = 0.125)),
    ("deepseek_v3", "rotary scaling", |n| latent(n, |a| a.rope.scaling = RopeScaling::None)),
    ("deepseek_v3", "groups", |n| {
        experts(n, |e| e.routing = Routing::SigmoidGrouped { groups: 1, top_groups: 1, renormalise: true })
    }),
];

/// The fixtures exercise what they are there for: without it, the logits are others by far more than the tolerance.
#[test]
fn every_part_of_a_description_shows_in_the_logits() {
    for (fixture, part, change) in CHANGES {
        let (checkpoint, mut network) = open(fixture);
        change(&mut network);
        let reference = Reference::new(&checkpoint, &network).unwrap();
        let (tokens, logits) = expected(fixture);
        let found = reference.forward(&mut reference.state(), &tokens).unwrap();
        let distance = distance(&found, &logits);
        assert!(distance > 2e-3, "{fixture} without its {part} is still within {distance}");
    }
}

#[test]
fn token_by_token_in_pieces_and_at_once_agree() {
    for fixture in FIXTURES {
        let (checkpoint, network) = open(fixture);
        let reference = Reference::new(&checkpoint, &network).unwrap();
        let (tokens, _) = expected(fixture);
        let whole = reference.forward(&mut reference.state(), &tokens).unwrap();
        for sizes in [&[1; 40][..], &[7, 1, 20, 12]] {
            let (mut state, mut rest, mut pieces) = (reference.state(), &tokens[..], Vec::new());
            for size in sizes {
                let (piece, after) = rest.split_at(*size);
                pieces.append(&mut reference.forward(&mut state, piece).unwrap());
                rest = after;
            }
            assert_eq!(state.position(), tokens.len());
            assert!(distance(&pieces, &whole) < 1e-5, "{fixture}");
        }
        let last = reference.forward_last(&mut reference.state(), &tokens).unwrap();
        assert!(distance(&last, &whole[whole.len() - network.vocab..]) < 1e-5, "{fixture}");
    }
}

#[test]
fn weights_that_stay_in_the_file_give_the_same() {
    for fixture in ["gpt-oss-mxfp4", "gpt2", "deepseek_v3", "llama-gguf"] {
        let (checkpoint, network) = open(fixture);
        let (tokens, _) = expected(fixture);
        let run = |budget| {
            let reference = Reference::with_budget(&checkpoint, &network, budget).unwrap();
            reference.forward(&mut reference.state(), &tokens[..9]).unwrap()
        };
        assert_eq!(run(0), run(u64::MAX), "{fixture}");
    }
}

#[test]
fn a_cleared_state_starts_again() {
    let (checkpoint, network) = open("qwen3");
    let reference = Reference::new(&checkpoint, &network).unwrap();
    let mut state = reference.state();
    let first = reference.forward(&mut state, &[3, 4, 5]).unwrap();
    state.clear();
    assert_eq!(reference.forward(&mut state, &[3, 4, 5]).unwrap(), first);
    assert!(reference.forward(&mut state, &[]).unwrap().is_empty());
    assert!(reference.forward_last(&mut state, &[]).unwrap().is_empty());
}

#[test]
fn impossible_requests_are_refused_and_change_nothing() {
    let (checkpoint, network) = open("gpt2");
    let reference = Reference::new(&checkpoint, &network).unwrap();
    let mut state = reference.state();
    let refusal = reference.forward(&mut state, &[1, network.vocab as u32]).unwrap_err().to_string();
    assert_eq!(refusal, "token 96 is outside the vocabulary of 96");
    let long = vec![1; network.context + 1];
    let refusal = reference.forward(&mut state, &long).unwrap_err().to_string();
    assert_eq!(refusal, "65 positions are more than the 64 that the network has learned");
    assert_eq!(state.position(), 0);
    let mut shallow = network.clone();
    shallow.layers.truncate(1);
    let mut other = Reference::new(&checkpoint, &shallow).unwrap().state();
    let refusal = reference.forward(&mut other, &[1]).unwrap_err().to_string();
    assert_eq!(refusal, "a state of 1 layers is not of this network of 2");
}

/// The same model in both containers: descriptions differ only in the pairing of rotated elements and in how the rotary scaling is written down.
#[test]
fn gguf_and_hugging_face_describe_the_same_network() {
    let (gguf_file, mut gguf) = open("llama-gguf");
    let (hf_file, hf) = open("llama");
    let pairs = gguf.layers.iter_mut().zip(&hf.layers);
    for (ours, theirs) in pairs {
        let (Attention::Grouped(ours), Attention::Grouped(theirs)) = (&mut ours.attention, &theirs.attention) else {
            panic!("llama has grouped attention")
        };
        let (ours, theirs) = (ours.rope.as_mut().unwrap(), theirs.rope.as_ref().unwrap());
        assert_eq!((ours.layout, theirs.layout), (RopeLayout::Interleaved, RopeLayout::Half));
        assert!(matches!(ours.scaling, RopeScaling::Factors(_)));
        for (a, b) in ours.frequencies().iter().zip(theirs.frequencies()) {
            assert!((a / b - 1.0).abs() < 1e-6, "{a} {b}");
        }
        *ours = theirs.clone();
    }
    gguf.name.clone_from(&hf.name);
    assert_eq!(gguf, hf);
    let names = |file: &Checkpoint, network: &Network| network.check(file).unwrap();
    assert_eq!(names(&gguf_file, &gguf), names(&hf_file, &hf));
}

#[test]
fn a_description_that_does_not_fit_the_file_is_refused_by_tensor() {
    let (checkpoint, network) = open("llama");
    let mut wide = network.clone();
    wide.vocab += 1;
    let refusal = Reference::new(&checkpoint, &wide).unwrap_err().to_string();
    assert!(
        refusal.ends_with("tensor `token_embd.weight` has shape [96, 64], and the description needs [97, 64]"),
        "{refusal}"
    );
    let mut deep = network.clone();
    deep.layers.push(network.layers[0].clone());
    let refusal = deep.check(&checkpoint).unwrap_err().to_string();
    assert!(
        refusal.ends_with("tensor `blk.2.attn_norm.weight` of shape [64] is missing; family `llama` needs it"),
        "{refusal}"
    );
}

#[test]
fn parameters_are_those_of_the_file() {
    for fixture in FIXTURES {
        let (checkpoint, network) = open(fixture);
        let factors = checkpoint.find("rope_freqs.weight").map_or(0, |t| t.elements());
        let stored: usize = checkpoint.tensors().iter().map(|t| t.elements()).sum();
        assert_eq!(network.parameters(), (stored - factors) as u64, "{fixture}");
        let experts = network.layers.iter().any(|l| matches!(l.ffn, FeedForward::Experts(_)));
        assert_eq!(network.active_parameters() < network.parameters(), experts, "{fixture}");
    }
}
