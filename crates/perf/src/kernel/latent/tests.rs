use super::*;
use crate::format::Format;
use crate::kernel::attention::tests::device;
use base::units::Bytes;
use proptest::prelude::*;

fn operator() -> impl Strategy<Value = Latent> {
    let phase = prop_oneof![Just(Phase::Prefill), Just(Phase::Decode)];
    let format = prop_oneof![Just(Format::Bf16), Just(Format::Fp8)];
    (phase, 1u64..2000, 1u64..20_000, 0u64..200_000, 0u32..8, format.clone(), format).prop_map(
        |(phase, batch, queries, past, heads, compute, cache)| Latent {
            phase,
            batch,
            queries: if phase == Phase::Decode { queries % 8 + 1 } else { queries },
            past,
            heads: 1 << heads,
            kv_rank: 512,
            rope_dim: 64,
            nope_dim: 128,
            value_dim: 128,
            compute,
            cache,
        },
    )
}

proptest! {
    #[test]
    fn never_below_what_the_data_sheet_allows(operator in operator()) {
        let device = device();
        let time = time(&operator, &device).time.0;
        prop_assert!(time >= operator.operations() / device.matrix_rate(operator.compute).unwrap().0);
        prop_assert!(time >= operator.memory_bytes() / device.memory.bandwidth.0);
    }

    #[test]
    fn a_longer_context_takes_no_less(operator in operator(), more in 1u64..100_000) {
        let device = device();
        let longer = Latent { past: operator.past + more, ..operator };
        prop_assert!(time(&longer, &device).time.0 >= time(&operator, &device).time.0 * (1.0 - 1e-12));
    }

    #[test]
    fn local_memory_that_holds_a_pipeline_never_hurts_long_contexts(operator in operator()) {
        prop_assume!(operator.phase == Phase::Decode && operator.past > 2048);
        let roomy = device();
        let mut tight = device();
        tight.on_chip.local = Bytes(100 * 1024);
        // The plain kernel hides its chain behind the work of others; the pipelined one pays a chunk of its own at most.
        let chunk = 2e4 / roomy.clock.0;
        prop_assert!(time(&operator, &roomy).time.0 <= time(&operator, &tight).time.0 + chunk);
    }
}

#[test]
fn absurdly_large_shapes_have_a_time() {
    let huge = Latent {
        phase: Phase::Prefill,
        batch: 1 << 40,
        queries: 1 << 40,
        past: 1 << 40,
        heads: 1 << 20,
        kv_rank: 1 << 16,
        rope_dim: 64,
        nope_dim: 128,
        value_dim: 128,
        compute: Format::Bf16,
        cache: Format::Fp8,
    };
    for operator in [huge, Latent { phase: Phase::Decode, ..huge }] {
        let time = time(&operator, &device()).time.0;
        assert!(time.is_finite() && time > 0.0);
    }
}

#[test]
fn many_heads_wait_for_arithmetic_and_few_for_memory() {
    use crate::estimate::Bound;
    let many = Latent {
        phase: Phase::Decode,
        batch: 128,
        queries: 1,
        past: 32_767,
        heads: 128,
        kv_rank: 512,
        rope_dim: 64,
        nope_dim: 128,
        value_dim: 128,
        compute: Format::Bf16,
        cache: Format::Bf16,
    };
    assert_eq!(time(&many, &device()).bound(), Bound::Arithmetic);
    assert_eq!(time(&Latent { heads: 8, ..many }, &device()).bound(), Bound::Memory);
}
