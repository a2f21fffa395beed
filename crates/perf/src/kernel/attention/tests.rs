use super::*;
use crate::parameter::Fitted;
use base::units::{Hertz, OperationsPerSecond};
use proptest::prelude::*;

/// A device that the constants were measured on, with the parameters of one that was not.
pub(crate) fn device() -> Device {
    Device { parameters: crate::device::Parameters::default(), ..Device::find("h100").unwrap() }
}

fn operator() -> impl Strategy<Value = Attention> {
    let phase = prop_oneof![Just(Phase::Prefill), Just(Phase::Decode)];
    let heads = (0u32..6, 0u32..6);
    let format = prop_oneof![Just(Format::Bf16), Just(Format::Fp8)];
    let width = prop_oneof![Just(64u64), Just(80), Just(128), Just(256), Just(512)];
    let window = proptest::option::of(1u64..10_000);
    (phase, 1u64..3000, 1u64..20_000, 0u64..200_000, heads, width, window, format.clone(), format).prop_map(
        |(phase, batch, queries, past, (kv, group), head_dim, window, compute, cache)| Attention {
            phase,
            batch,
            queries: if phase == Phase::Decode { queries % 8 + 1 } else { queries },
            past,
            heads: 1 << (kv + group),
            kv_heads: 1 << kv,
            head_dim,
            window,
            compute,
            cache,
        },
    )
}

fn seconds(operator: &Attention) -> f64 {
    time(operator, &device()).time.0
}

proptest! {
    #[test]
    fn never_below_what_the_data_sheet_allows(operator in operator()) {
        let device = device();
        let estimate = time(&operator, &device);
        let rate = device.matrix_rate(operator.compute).unwrap().0;
        prop_assert!(estimate.time.0 >= operator.operations() / rate);
        prop_assert!(estimate.time.0 >= operator.memory_bytes() / device.memory.bandwidth.0);
        prop_assert!(estimate.time.0 >= estimate.memory.0.max(estimate.arithmetic.0));
    }

    #[test]
    fn a_longer_context_takes_no_less(operator in operator(), more in 1u64..100_000) {
        let longer = Attention { past: operator.past + more, ..operator };
        prop_assert!(seconds(&longer) >= seconds(&operator) * (1.0 - 1e-12));
    }

    #[test]
    fn more_sequences_take_no_less(operator in operator()) {
        // Doubling may fill idle units, and then nothing is left to combine: that much a kernel can gain.
        let twice = Attention { batch: operator.batch * 2, ..operator };
        let gain = 2e4 / device().clock.0;
        prop_assert!(seconds(&twice) + gain >= seconds(&operator));
    }

    #[test]
    fn a_window_takes_no_more(operator in operator()) {
        let all = Attention { window: None, ..operator };
        prop_assert!(seconds(&operator) <= seconds(&all) * (1.0 + 1e-12));
    }

    #[test]
    fn a_warm_cache_takes_no_more(operator in operator()) {
        let device = device();
        prop_assert!(time_repeated(&operator, &device).time.0 <= time(&operator, &device).time.0);
    }

    #[test]
    fn better_parameters_take_no_more(operator in operator()) {
        let device = device();
        let best = Parameters::from_values(&[1.0, 1.0]);
        let slow = time(&operator, &device).time.0;
        prop_assert!(time_with(&operator, &device, &best, Cache::Cold).time.0 <= slow);
    }
}

#[test]
fn absurdly_large_shapes_have_a_time() {
    let huge = Attention {
        phase: Phase::Prefill,
        batch: 1 << 40,
        queries: 1 << 40,
        past: 1 << 40,
        heads: 1 << 20,
        kv_heads: 1 << 10,
        head_dim: 1 << 16,
        window: None,
        compute: Format::Bf16,
        cache: Format::Bf16,
    };
    for operator in [huge, Attention { phase: Phase::Decode, ..huge }, Attention { window: Some(u64::MAX), ..huge }] {
        assert!(seconds(&operator).is_finite() && seconds(&operator) > 0.0);
    }
}

#[test]
fn long_caches_wait_for_memory_and_long_prompts_for_arithmetic() {
    use crate::estimate::Bound;
    let decode = Attention {
        phase: Phase::Decode,
        batch: 64,
        queries: 1,
        past: 32_767,
        heads: 32,
        kv_heads: 8,
        head_dim: 128,
        window: None,
        compute: Format::Bf16,
        cache: Format::Bf16,
    };
    assert_eq!(time(&decode, &device()).bound(), Bound::Memory);
    let prefill = Attention { phase: Phase::Prefill, batch: 1, queries: 16_384, past: 0, ..decode };
    assert_eq!(time(&prefill, &device()).bound(), Bound::Arithmetic);
    let tiny = Attention { batch: 1, past: 15, ..decode };
    assert_eq!(time(&tiny, &device()).bound(), Bound::Overhead);
}

#[test]
fn a_device_of_few_wide_units_counts_as_many() {
    let tensor_core = Device {
        units: 2,
        matrix: vec![(Format::Bf16, OperationsPerSecond(459e12))],
        clock: Hertz(1.75e9),
        ..device()
    };
    let units = Units::of(&tensor_core, Format::Bf16);
    assert!(units.count > 20.0 && units.operations <= WIDEST_UNIT);
}
