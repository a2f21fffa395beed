//! Descriptions: what is refused, in which words, and that nothing a file says breaks the program.

use std::path::Path;

use model::checkpoint::Checkpoint;
use model::gguf::Gguf;
use model::network::{Attention, FeedForward, Network, RopeScaling, Routing};
use proptest::prelude::*;
use serde_json::{Value, json};

fn file(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

fn config(fixture: &str) -> Value {
    serde_json::from_slice(&std::fs::read(file(fixture).join("config.json")).unwrap()).unwrap()
}

/// The fixture's configuration with keys replaced (or removed, by null).
fn with(fixture: &str, changes: Value) -> Value {
    let mut config = config(fixture);
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    config
}

fn refusal(config: &Value) -> String {
    Network::from_hf(config).unwrap_err().to_string()
}

#[test]
fn refusals_are_sentences_that_name_the_key() {
    let cases = [
        (
            "llama",
            json!({"num_attention_heads": 0}),
            "config.json: `num_attention_heads` is 0, and it must be at least 1",
        ),
        (
            "llama",
            json!({"num_key_value_heads": 3}),
            "config.json: 4 query heads cannot share 3 key/value heads: the second must divide the first",
        ),
        (
            "llama",
            json!({"num_hidden_layers": 2_000_000_000u64}),
            "config.json: `num_hidden_layers` is 2000000000, and it must be a whole number of at most 1024",
        ),
        ("llama", json!({"rms_norm_eps": null}), "config.json: `rms_norm_eps` is missing, and family `llama` needs it"),
        (
            "llama",
            json!({"rms_norm_eps": -1.0}),
            "config.json: `rms_norm_eps` is -1, and it must be at least 0 and below 1",
        ),
        (
            "llama",
            json!({"hidden_act": "relu"}),
            "config.json: activation `relu` is not supported in family `llama`, only silu or swish",
        ),
        (
            "llama",
            json!({"rope_parameters": {"rope_type": "longrope", "rope_theta": 1e4}}),
            "config.json: rotary scaling `longrope` is not supported, only default, linear, llama3 and yarn",
        ),
        (
            "llama",
            json!({"hidden_size": "wide"}),
            "config.json: `hidden_size` is Text(\"wide\"), and it must be a finite number",
        ),
        ("gpt_oss", json!({"swiglu_limit": 5.0}), "config.json: `swiglu_limit` is 5, and only 7 is supported"),
        ("deepseek_v3", json!({"n_group": 3}), "config.json: 8 experts cannot be routed as 3 from 2 of 3 groups"),
        (
            "deepseek_v3",
            json!({"model_type": null}),
            "config.json: `model_type` is missing: this is not the configuration of a model",
        ),
    ];
    for (fixture, changes, expected) in cases {
        assert_eq!(refusal(&with(fixture, changes)), expected);
    }
}

#[test]
fn an_unknown_family_is_told_its_nearest_known_ones() {
    let found = refusal(&json!({"model_type": "qwen3_next"}));
    assert!(
        found.starts_with(
            "config.json: the family `qwen3_next` is not known; the nearest known ones are `qwen3_moe`, `"
        ),
        "{found}"
    );
    assert!(found.contains("gpt2"), "{found}");
}

fn dense(network: &Network) -> Vec<Option<usize>> {
    network
        .layers
        .iter()
        .map(|l| match &l.attention {
            Attention::Grouped(a) => a.window,
            Attention::Latent(_) => None,
        })
        .collect()
}

/// The settings of released models in the spelling of their own files, which leave out what equals the defaults.
#[test]
fn older_spellings_and_defaults_are_understood() {
    let network = Network::from_hf(&json!({
        "architectures": ["Gemma3ForConditionalGeneration"],
        "model_type": "gemma3",
        "text_config": {
            "hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text", "num_hidden_layers": 34,
            "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024
        },
        "vision_config": {"hidden_size": 1152, "num_hidden_layers": 27}
    }))
    .unwrap();
    assert_eq!((network.vocab, network.context, network.tied_head), (262_208, 131_072, true));
    let windows = dense(&network);
    assert_eq!(windows.iter().filter(|w| w.is_none()).count(), 5);
    assert_eq!((windows[4], windows[5]), (Some(1024), None));
    let ropes: Vec<_> = network.layers[4..6]
        .iter()
        .map(|l| match &l.attention {
            Attention::Grouped(a) => (a.heads, a.kv_heads, a.head_dim, a.rope.clone().unwrap()),
            Attention::Latent(_) => panic!("gemma has grouped attention"),
        })
        .collect();
    assert_eq!((ropes[0].0, ropes[0].1, ropes[0].2), (8, 4, 256));
    assert_eq!((ropes[0].3.theta, &ropes[0].3.scaling), (10_000.0, &RopeScaling::None));
    assert_eq!((ropes[1].3.theta, &ropes[1].3.scaling), (1_000_000.0, &RopeScaling::Linear { factor: 8.0 }));
}

/// DeepSeek V3 as published: sizes, routing, and the count of parameters that the authors state.
#[test]
fn deepseek_v3_has_671_billion_parameters_and_37_billion_active() {
    let network = Network::from_hf(&json!({
        "model_type": "deepseek_v3", "vocab_size": 129280, "hidden_size": 7168, "intermediate_size": 18432,
        "moe_intermediate_size": 2048, "num_hidden_layers": 61, "num_attention_heads": 128, "num_key_value_heads": 128,
        "n_shared_experts": 1, "n_routed_experts": 256, "routed_scaling_factor": 2.5, "kv_lora_rank": 512,
        "q_lora_rank": 1536, "qk_rope_head_dim": 64, "v_head_dim": 128, "qk_nope_head_dim": 128, "n_group": 8,
        "topk_group": 4, "num_experts_per_tok": 8, "first_k_dense_replace": 3, "norm_topk_prob": true,
        "scoring_func": "sigmoid", "topk_method": "noaux_tc", "hidden_act": "silu", "max_position_embeddings": 163840,
        "rms_norm_eps": 1e-6, "tie_word_embeddings": false, "rope_theta": 10000, "attention_bias": false,
        "moe_layer_freq": 1, "num_nextn_predict_layers": 1,
        "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 40, "mscale": 1.0, "mscale_all_dim": 1.0,
                         "original_max_position_embeddings": 4096, "type": "yarn"}
    }))
    .unwrap();
    assert_eq!(network.parameters() / 1_000_000_000, 671);
    assert_eq!(network.active_parameters() / 1_000_000_000, 37);
    let FeedForward::Experts(ffn) = &network.layers[3].ffn else { panic!("layer 3 has experts") };
    assert_eq!(ffn.routing, Routing::SigmoidGrouped { groups: 8, top_groups: 4, renormalise: true });
    assert!(matches!(network.layers[2].ffn, FeedForward::Dense(_)));
    let Attention::Latent(attention) = &network.layers[0].attention else { panic!("latent attention") };
    assert_eq!(attention.scale, (1.368_887_945_411_393_5f64.powi(2) / 192f64.sqrt()) as f32);
    let RopeScaling::Yarn { attention_factor, .. } = attention.rope.scaling else { panic!("yarn") };
    assert_eq!(attention_factor, 1.0);
}

/// gpt-oss 20b as published.
#[test]
fn gpt_oss_20b_has_21_billion_parameters() {
    let network = Network::from_hf(&json!({
        "model_type": "gpt_oss", "attention_bias": true, "experts_per_token": 4, "head_dim": 64, "hidden_act": "silu",
        "hidden_size": 2880, "intermediate_size": 2880, "max_position_embeddings": 131072, "num_attention_heads": 64,
        "num_experts_per_tok": 4, "num_hidden_layers": 24, "num_key_value_heads": 8, "num_local_experts": 32,
        "rms_norm_eps": 1e-5, "rope_theta": 150000, "sliding_window": 128, "swiglu_limit": 7.0,
        "tie_word_embeddings": false, "vocab_size": 201088,
        "rope_scaling": {"beta_fast": 32.0, "beta_slow": 1.0, "factor": 32.0, "original_max_position_embeddings": 4096,
                         "rope_type": "yarn", "truncate": false}
    }))
    .unwrap();
    assert_eq!(network.parameters(), 20_914_757_184);
    assert_eq!(dense(&network)[..3], [Some(128), None, Some(128)]);
}

/// Values that a hostile or broken file may hold.
fn nasty() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!(0),
        json!(-1),
        json!(1),
        json!(2),
        json!(3),
        json!(0.5),
        json!(7),
        json!(1e30),
        json!(-1e30),
        json!(u64::MAX),
        json!(1 << 20),
        json!(1e-40),
        json!(true),
        json!(false),
        json!("x"),
        json!([]),
        json!([1, 2]),
        json!(["full_attention", "x"]),
        json!({}),
        json!({"rope_type": "yarn", "factor": 0.0}),
        json!({"rope_type": "llama3"}),
        json!({"rope_type": "yarn", "factor": 1e38, "beta_fast": 1e-30}),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any two keys with nasty values: a description or a sentence, and what is described is consistent enough to list.
    #[test]
    fn no_configuration_breaks_the_program(
        fixture in prop::sample::select(vec!["llama", "mixtral", "qwen2_moe", "gemma2", "gemma3", "gpt2", "gpt_oss", "deepseek_v2", "deepseek_v3"]),
        picks in prop::collection::vec((any::<prop::sample::Index>(), nasty()), 1..3),
    ) {
        let mut config = config(fixture);
        let keys: Vec<String> = config.as_object().unwrap().keys().cloned().collect();
        for (pick, value) in picks {
            config[pick.get(&keys)] = value;
        }
        if let Ok(network) = Network::from_hf(&config) {
            prop_assert!(network.layers.len() <= 1024);
            prop_assert!(network.tensors().iter().all(|t| t.shape.iter().all(|extent| *extent > 0)), "{:?}", network);
            prop_assert!(network.active_parameters() <= network.parameters());
            if let Some(Attention::Grouped(attention)) = network.layers.first().map(|l| &l.attention)
                && let Some(rope) = &attention.rope
            {
                prop_assert_eq!(rope.table([0, 5]).len(), 2 * rope.dims);
            }
        }
    }
}

/// The llama GGUF with the value of one 32-bit key overwritten.
fn patched(key: &str, bits: u32) -> Vec<u8> {
    let mut bytes = std::fs::read(file("llama-gguf/model.gguf")).unwrap();
    let at =
        bytes.windows(key.len()).position(|w| w == key.as_bytes()).expect("the key is in the file") + key.len() + 4;
    bytes[at..at + 4].copy_from_slice(&bits.to_le_bytes());
    bytes
}

#[test]
fn hostile_gguf_metadata_is_refused_in_a_sentence() {
    let cases = [
        ("llama.attention.head_count", 0, "`llama.attention.head_count` is 0, and it must be at least 1"),
        (
            "llama.attention.head_count_kv",
            3,
            "4 query heads cannot share 3 key/value heads: the second must divide the first",
        ),
        (
            "llama.block_count",
            u32::MAX,
            "`llama.block_count` is 4294967295, and it must be a whole number of at most 1024",
        ),
        (
            "llama.attention.key_length",
            1 << 31,
            "`llama.attention.key_length` is 2147483648, and it must be a whole number of at most 1048576",
        ),
        (
            "llama.attention.layer_norm_rms_epsilon",
            f32::NAN.to_bits(),
            "`llama.attention.layer_norm_rms_epsilon` is Number(NaN), and it must be a finite number",
        ),
        (
            "llama.rope.freq_base",
            f32::INFINITY.to_bits(),
            "`llama.rope.freq_base` is Number(inf), and it must be a finite number",
        ),
        ("llama.rope.dimension_count", 7, "7 rotated dimensions: there must be an even number, at least 2"),
        ("llama.rope.dimension_count", 16, "`rope_freqs.weight` has 16 factors for 8 rotated pairs"),
    ];
    for (key, bits, expected) in cases {
        let gguf = Gguf::from_bytes("hostile.gguf", patched(key, bits)).unwrap();
        assert_eq!(Network::from_gguf(&gguf).unwrap_err().to_string(), format!("hostile.gguf: {expected}"));
    }
}

#[test]
fn a_gguf_of_another_shape_than_its_metadata_is_refused_by_tensor() {
    let checkpoint = Checkpoint::from_gguf_bytes("hostile.gguf", patched("llama.feed_forward_length", 97)).unwrap();
    let network = Network::of(&checkpoint).unwrap();
    let refusal = network.check(&checkpoint).unwrap_err().to_string();
    assert_eq!(
        refusal,
        "hostile.gguf: tensor `blk.0.ffn_gate.weight` has shape [96, 64], and the description needs [97, 64]"
    );
}

/// A value of GGUF metadata.
enum V {
    Int(u32),
    Real(f32),
    Text(&'static str),
    Flag(bool),
}

/// A GGUF file of metadata and, if the head is not tied, one tensor that says so.
fn gguf(arch: &str, tied: bool, pairs: &[(&str, V)]) -> Gguf {
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    };
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend(u64::from(!tied).to_le_bytes());
    bytes.extend((pairs.len() as u64 + 1).to_le_bytes());
    text(&mut bytes, "general.architecture");
    bytes.extend(8u32.to_le_bytes());
    text(&mut bytes, arch);
    for (key, value) in pairs {
        text(&mut bytes, &format!("{arch}.{key}"));
        match value {
            V::Int(x) => bytes.extend([4u32, *x].iter().flat_map(|w| w.to_le_bytes())),
            V::Real(x) => bytes.extend([6u32, x.to_bits()].iter().flat_map(|w| w.to_le_bytes())),
            V::Flag(x) => bytes.extend([7, 0, 0, 0, u8::from(*x)]),
            V::Text(x) => {
                bytes.extend(8u32.to_le_bytes());
                text(&mut bytes, x);
            }
        }
    }
    if !tied {
        text(&mut bytes, "output.weight");
        bytes.extend(1u32.to_le_bytes());
        bytes.extend(1u64.to_le_bytes());
        bytes.extend([0; 4 + 8]);
        bytes.resize(bytes.len().next_multiple_of(32) + 4, 0);
    }
    Gguf::from_bytes("described.gguf", bytes).unwrap()
}

/// The keys that llama.cpp's converter writes for a fixture's configuration describe the same network as the configuration itself.
#[test]
fn gguf_keys_of_every_family_describe_what_its_configuration_describes() {
    use V::{Flag, Int, Real, Text};
    let common = |more: Vec<(&'static str, V)>| {
        let mut all = vec![
            ("vocab_size", Int(96)),
            ("context_length", Int(256)),
            ("embedding_length", Int(64)),
            ("block_count", Int(2)),
            ("feed_forward_length", Int(96)),
            ("attention.head_count", Int(4)),
            ("attention.head_count_kv", Int(2)),
            ("attention.key_length", Int(32)),
            ("attention.value_length", Int(32)),
            ("attention.layer_norm_rms_epsilon", Real(1e-6)),
            ("rope.freq_base", Real(10_000.0)),
        ];
        all.retain(|(key, _)| more.iter().all(|(other, _)| other != key));
        all.extend(more);
        all
    };
    let yarn = |more: Vec<(&'static str, V)>| {
        let mut all = vec![
            ("rope.scaling.type", Text("yarn")),
            ("rope.scaling.factor", Real(4.0)),
            ("rope.scaling.original_context_length", Int(64)),
            ("rope.scaling.yarn_beta_fast", Real(8.0)),
        ];
        all.extend(more);
        common(all)
    };
    let deepseek = |more: Vec<(&'static str, V)>| {
        let mut all = vec![
            ("attention.kv_lora_rank", Int(32)),
            ("attention.key_length", Int(64)),
            ("attention.value_length", Int(32)),
            ("rope.dimension_count", Int(32)),
            ("leading_dense_block_count", Int(1)),
            ("expert_count", Int(8)),
            ("expert_used_count", Int(3)),
            ("expert_feed_forward_length", Int(32)),
            ("expert_shared_count", Int(1)),
            ("expert_weights_scale", Real(1.5)),
        ];
        all.retain(|(key, _)| more.iter().all(|(other, _)| other != key));
        all.extend(more);
        all
    };
    let cases = [
        ("qwen2", "qwen2", true, common(vec![])),
        ("qwen3", "qwen3", false, common(vec![("rope.freq_base", Real(1e6))])),
        (
            "qwen2_moe",
            "qwen2moe",
            false,
            common(vec![
                ("attention.head_count", Int(2)),
                ("expert_count", Int(4)),
                ("expert_used_count", Int(2)),
                ("expert_feed_forward_length", Int(32)),
                ("expert_shared_feed_forward_length", Int(64)),
            ]),
        ),
        (
            "qwen3_moe",
            "qwen3moe",
            false,
            common(vec![
                ("expert_count", Int(6)),
                ("expert_used_count", Int(2)),
                ("expert_feed_forward_length", Int(32)),
            ]),
        ),
        ("gemma", "gemma", true, common(vec![("attention.head_count_kv", Int(1))])),
        (
            "gemma3",
            "gemma3",
            true,
            common(vec![
                ("attention.sliding_window", Int(12)),
                ("attention.sliding_window_pattern", Int(2)),
                ("rope.freq_base", Real(1e6)),
                ("rope.scaling.type", Text("linear")),
                ("rope.scaling.factor", Real(8.0)),
            ]),
        ),
        (
            "gpt2",
            "gpt2",
            true,
            vec![
                ("vocab_size", Int(96)),
                ("context_length", Int(64)),
                ("embedding_length", Int(64)),
                ("block_count", Int(2)),
                ("feed_forward_length", Int(128)),
                ("attention.head_count", Int(2)),
                ("attention.layer_norm_epsilon", Real(1e-5)),
            ],
        ),
        (
            "gpt_oss",
            "gpt-oss",
            false,
            yarn(vec![
                ("attention.sliding_window", Int(12)),
                ("expert_count", Int(4)),
                ("expert_used_count", Int(2)),
                ("expert_feed_forward_length", Int(64)),
                ("feed_forward_length", Int(64)),
            ]),
        ),
        ("deepseek_v2", "deepseek2", false, common(deepseek(vec![]))),
        (
            "deepseek_v3",
            "deepseek2",
            false,
            yarn(deepseek(vec![
                ("attention.q_lora_rank", Int(32)),
                ("expert_gating_func", Int(2)),
                ("expert_weights_norm", Flag(true)),
                ("expert_group_count", Int(4)),
                ("expert_group_used_count", Int(2)),
                ("rope.scaling.yarn_log_multiplier", Real(0.08)),
                // Newer converters write the heads' widths here, and the compressed row's under the plain names.
                ("attention.key_length", Int(40)),
                ("attention.value_length", Int(24)),
                ("attention.key_length_mla", Int(64)),
                ("attention.value_length_mla", Int(32)),
            ])),
        ),
    ];
    for (fixture, arch, tied, pairs) in cases {
        let ours = Network::from_gguf(&gguf(arch, tied, &pairs)).unwrap_or_else(|e| panic!("{fixture}: {e}"));
        let mut theirs = Network::from_hf(&config(fixture)).unwrap();
        if fixture == "deepseek_v3" {
            // GGUF cannot say that YaRN's factors on cos and sin do not cancel; published models have equal ones.
            soften(&mut theirs);
        }
        assert_eq!(ours, theirs, "{fixture}");
    }
}

fn soften(network: &mut Network) {
    for layer in &mut network.layers {
        if let Attention::Latent(attention) = &mut layer.attention
            && let RopeScaling::Yarn { attention_factor, .. } = &mut attention.rope.scaling
        {
            *attention_factor = 1.0;
        }
    }
}
