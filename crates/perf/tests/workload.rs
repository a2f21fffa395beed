//! What a network asks of devices: counts against closed forms, conservation when it is divided, and that nothing panics.

use perf::format::Format;
use perf::network::{self, Shape};
use perf::operator::{CollectiveKind, Operator, Phase, Spread};
use perf::parallel::{Mapping, candidates};
use perf::workload::{Counted, Formats, Part, Plan, Work};
use proptest::prelude::*;

fn shape(name: &str) -> &'static Shape {
    network::language(name).unwrap().1
}

fn plan(name: &str, mapping: Mapping) -> Plan {
    Plan::new(shape(name), Formats::default(), mapping, Spread::Balanced)
}

fn products(list: &[Counted]) -> f64 {
    let of = |counted: &&Counted| matches!(counted.operator, Operator::Gemm(_) | Operator::Experts(_));
    list.iter().filter(of).map(Counted::operations).sum()
}

/// Weights that multiply each token, the head included.
fn multiplied(shape: &Shape) -> f64 {
    let embedding = if shape.tied_head { 0.0 } else { (shape.vocab * shape.hidden) as f64 };
    shape.active_parameters() - embedding - (shape.learned_positions * shape.hidden) as f64
}

#[test]
fn products_take_two_operations_per_weight_and_token() {
    for name in [
        "llama-3.1-8b",
        "llama-3.1-405b",
        "qwen3-32b",
        "mixtral-8x7b",
        "gpt-oss-120b",
        "qwen3-235b-a22b",
        "gpt-3-175b",
        "smollm2-135m",
    ] {
        let list = plan(name, Mapping::ONE).operators(&[Work::decode(16, 100)]);
        let expected = 2.0 * 16.0 * multiplied(shape(name));
        let error = products(&list) / expected - 1.0;
        // Biases and norms are weights that no product multiplies.
        assert!(error.abs() < 2e-3, "{name}: {error}");
    }
}

#[test]
fn latent_attention_multiplies_its_weights_once_in_either_form() {
    // Absorbed, the expansion of keys and values is two products per head; expanded, one for all heads. The weights are the same.
    let plan = plan("deepseek-v3", Mapping::ONE);
    let expected = 2.0 * 64.0 * multiplied(shape("deepseek-v3"));
    let decode = products(&plan.operators(&[Work::decode(64, 0)]));
    let prefill = products(&plan.operators(&[Work { logits: 64, ..Work::prefill(1, 64) }]));
    assert!((decode / expected - 1.0).abs() < 2e-3, "{}", decode / expected);
    assert!((prefill / decode - 1.0).abs() < 1e-9, "{prefill} {decode}");
}

#[test]
fn decode_of_one_sequence_reads_every_weight_and_the_cache_once() {
    let shape = shape("llama-3.1-8b");
    let list = plan("llama-3.1-8b", Mapping::ONE).operators(&[Work::decode(1, 8191)]);
    let bytes: f64 = list.iter().map(Counted::memory_bytes).sum();
    let weights = 2.0 * multiplied(shape);
    let cache = shape.cache_bytes(8192, &Formats::default());
    let rest = bytes / (weights + cache) - 1.0;
    assert!((0.0..0.01).contains(&rest), "activations are little beside them: {rest}");
}

#[test]
fn only_wanted_positions_reach_the_head() {
    let head = |work: Work| {
        let list = plan("qwen3-8b", Mapping::ONE).operators(&[work]);
        list.iter().find(|counted| counted.label == "head").map(|counted| match counted.operator {
            Operator::Gemm(gemm) => gemm.m,
            _ => panic!("the head is a product"),
        })
    };
    assert_eq!(head(Work::prefill(3, 1000)), Some(3));
    assert_eq!(head(Work { logits: 0, ..Work::prefill(3, 1000) }), None);
    assert_eq!(head(Work { queries: 4, logits: 4, ..Work::decode(5, 100) }), Some(20));
}

#[test]
fn windows_and_full_layers_are_told_apart() {
    let list = plan("gpt-oss-120b", Mapping::ONE).operators(&[Work::decode(8, 10_000)]);
    let windowed = list.iter().find(|counted| counted.label == "windowed attention").unwrap();
    let full = list.iter().find(|counted| counted.label == "attention").unwrap();
    assert_eq!((windowed.count, full.count), (18.0, 18.0));
    assert!(full.operator.memory_bytes() > 50.0 * windowed.operator.memory_bytes());
    // What is alike in both kinds of layers is one entry.
    let router = list.iter().find(|counted| counted.label == "router").unwrap();
    assert_eq!(router.count, 36.0);
}

#[test]
fn dividing_a_network_conserves_its_operations() {
    let step = [Work::decode(64, 1024), Work::prefill(64, 128)];
    for (name, mappings) in [
        (
            "llama-3.1-70b",
            vec![Mapping::tensor(2), Mapping::tensor(8), Mapping { pipeline: 4, tensor: 2, ..Mapping::ONE }],
        ),
        (
            "qwen3-30b-a3b",
            vec![
                Mapping::tensor(4),
                Mapping { tensor: 4, expert: 4, ..Mapping::ONE },
                Mapping { data: 4, expert: 4, ..Mapping::ONE },
            ],
        ),
        (
            "mixtral-8x7b",
            vec![
                Mapping { data: 2, tensor: 2, expert: 4, ..Mapping::ONE },
                Mapping { context: 2, tensor: 2, expert: 2, ..Mapping::ONE },
            ],
        ),
    ] {
        let layers = |list: &[Counted]| {
            let inside = list.iter().filter(|counted| {
                counted.label != "router" && counted.part != Part::Embedding && counted.part != Part::Head
            });
            inside
                .filter(|counted| !matches!(counted.operator, Operator::Stream(_)))
                .map(Counted::operations)
                .sum::<f64>()
        };
        let whole = layers(&plan(name, Mapping::ONE).operators(&step));
        for mapping in mappings {
            let plan = plan(name, mapping);
            // Each device of a stage does its share of a micro-batch; there are as many micro-batches as stages here.
            let sum =
                layers(&plan.operators(&step)) * mapping.stage_devices() as f64 * plan.micro_batches(&step) as f64;
            assert!((sum / whole - 1.0).abs() < 0.005, "{name} {mapping}: {}", sum / whole);
        }
    }
}

#[test]
fn tensor_parallelism_exchanges_two_activations_per_layer() {
    let list = plan("llama-3.1-70b", Mapping::tensor(8)).operators(&[Work::decode(32, 1000)]);
    let sums = list
        .iter()
        .filter(|counted| matches!(counted.operator, Operator::Collective(c) if c.kind == CollectiveKind::AllReduce));
    let bytes: f64 = sums.map(Counted::exchanged_bytes).sum();
    // Two per layer, and one for the divided embedding.
    assert_eq!(bytes, (2 * 80 + 1) as f64 * 32.0 * 8192.0 * 2.0);
    assert!(
        plan("llama-3.1-70b", Mapping::ONE)
            .operators(&[Work::decode(32, 1000)])
            .iter()
            .all(|c| c.exchanged_bytes() == 0.0)
    );
}

#[test]
fn a_token_travels_once_to_each_device_of_its_experts() {
    let mapping = Mapping { data: 32, expert: 32, ..Mapping::ONE };
    let formats = network::find("deepseek-v3").unwrap().formats;
    let list =
        Plan::new(shape("deepseek-v3"), formats, mapping, Spread::Balanced).operators(&[Work::decode(1024, 1000)]);
    let of = |label: &str| list.iter().find(|counted| counted.label == label).unwrap();
    // 32 tokens a device; eight experts fall on 32 x (1 - (31/32)^8) = 7.18 devices.
    let copies = 32.0 * (1.0 - (31.0_f64 / 32.0).powi(8));
    let dispatched = of("dispatch").operator;
    let Operator::Collective(exchange) = dispatched else { panic!("an exchange") };
    assert_eq!((exchange.kind, exchange.ranks), (CollectiveKind::AllToAll, 32));
    assert!((exchange.bytes / (32.0 * copies * 7168.0 * Format::Fp8Block.bytes()) - 1.0).abs() < 1e-9);
    assert_eq!(of("dispatch").count, 58.0, "three of 61 layers are dense");
    assert!(of("combine").exchanged_bytes() > 1.9 * of("dispatch").exchanged_bytes());
}

#[test]
fn weights_and_cache_of_all_devices_are_those_of_the_network() {
    for (name, mapping, copied) in [
        ("llama-3.1-70b", Mapping::tensor(8), 1.0),
        ("llama-3.1-405b", Mapping { tensor: 8, pipeline: 2, ..Mapping::ONE }, 1.0),
        ("mixtral-8x22b", Mapping { tensor: 4, expert: 4, ..Mapping::ONE }, 1.0),
        // Sixteen devices share eight key/value heads: each is kept twice.
        ("llama-3.1-70b", Mapping::tensor(16), 2.0),
    ] {
        let plan = plan(name, mapping);
        let weights = plan.weight_bytes() * mapping.devices() as f64 / (2.0 * shape(name).parameters());
        assert!((1.0..1.05).contains(&weights), "{name} {mapping}: {weights}");
        let cache =
            plan.cache_bytes(4096) * mapping.devices() as f64 / shape(name).cache_bytes(4096, &Formats::default());
        assert!((cache - copied).abs() < 0.01, "{name} {mapping}: {cache}");
    }
}

#[test]
fn candidates_divide_what_they_must() {
    let dense = candidates(shape("llama-3.1-70b"), 8, 8);
    assert!(dense.contains(&Mapping::tensor(8)) && dense.contains(&Mapping { pipeline: 8, ..Mapping::ONE }));
    assert!(dense.iter().all(|mapping| mapping.devices() == 8 && mapping.expert == 1 && mapping.data == 1));
    let routed = candidates(shape("deepseek-v3"), 8, 8);
    assert!(routed.contains(&Mapping { data: 8, expert: 8, ..Mapping::ONE }));
    // Nine key/value heads do not divide by two.
    assert!(Mapping::tensor(2).check(shape("smollm2-135m")).unwrap_err().to_string().contains("9 query heads"));
    let refusal = Mapping { pipeline: 100, ..Mapping::ONE }.check(shape("llama-3.1-8b")).unwrap_err();
    assert!(refusal.to_string().contains("32 layers"), "{refusal}");
}

fn works() -> impl Strategy<Value = Vec<Work>> {
    let number = prop_oneof![0u64..5, 0u64..100_000, Just(u64::MAX)];
    let work = (any::<bool>(), number.clone(), number.clone(), number.clone(), number).prop_map(
        |(prefill, sequences, queries, past, logits)| {
            let phase = if prefill { Phase::Prefill } else { Phase::Decode };
            Work { phase, sequences, queries, past, logits }
        },
    );
    proptest::collection::vec(work, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Counts stay finite and not negative for any step on any mapping, even one that no software runs.
    #[test]
    fn nothing_panics_for_any_run(
        index in 0usize..64, works in works(),
        tensor in 1u64..20, pipeline in 1u64..20, expert in 1u64..40, data in 1u64..20, context in 1u64..9,
    ) {
        let shapes: Vec<&Shape> = network::list().iter().filter_map(|known| match &known.body {
            network::Body::Language(shape) => Some(shape),
            network::Body::Image(_) => None,
        }).collect();
        let shape = shapes[index % shapes.len()];
        let mapping = Mapping { tensor, pipeline, expert, data, context };
        let plan = Plan::new(shape, Formats::uniform(Format::Fp8), mapping, Spread::Balanced);
        let _ = mapping.check(shape);
        for counted in plan.operators(&works) {
            for amount in [counted.operations(), counted.memory_bytes(), counted.exchanged_bytes(), counted.count] {
                prop_assert!(amount.is_finite() && amount >= 0.0, "{counted:?}");
            }
        }
    }
}
