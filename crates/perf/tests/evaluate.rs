//! The time of whole steps: sums, pipelines, overlap, levers, and mappings that are found.

use perf::device::Device;
use perf::evaluate::{Resource, Software, breakdown, levers, step};
use perf::network::{self, Shape};
use perf::operator::Spread;
use perf::parallel::{Mapping, MappingError, choose, nearest};
use perf::workload::{Formats, Plan, Work};
use proptest::prelude::*;

fn shape(name: &str) -> &'static Shape {
    network::language(name).unwrap().1
}

fn device(name: &str) -> Device {
    Device::find(name).unwrap()
}

fn plan(name: &str, mapping: Mapping) -> Plan {
    Plan::new(shape(name), network::find(name).unwrap().formats, mapping, Spread::Balanced)
}

fn close(a: f64, b: f64) -> bool {
    (a / b - 1.0).abs() < 1e-9
}

#[test]
fn a_step_is_the_sum_of_its_operators_and_the_host() {
    let (plan, h100) = (plan("gpt-oss-120b", Mapping::tensor(2)), device("h100"));
    for work in [Work::decode(64, 8191), Work::prefill(1, 8192)] {
        let whole = breakdown(&plan, &[work], &h100, &Software::STREAM);
        let sum: f64 = whole.rows.iter().map(|row| row.time().0).sum();
        assert!(close(whole.step.time.0, sum + Software::STREAM.host.0));
        assert!(close(whole.step.waits.iter().map(|time| time.0).sum(), sum));
        assert_eq!(whole.step, step(&plan, &[work], &h100, &Software::STREAM), "both forms agree");
        assert!(whole.step.exchange.0 > 0.0 && whole.step.exchange.0 < whole.step.compute.0);
    }
}

#[test]
fn overlap_hides_exchanges_and_no_more() {
    let (plan, h100) = (plan("llama-3.1-70b", Mapping::tensor(8)), device("h100"));
    let of = |overlap| step(&plan, &[Work::decode(64, 1000)], &h100, &Software { overlap, ..Software::BARE });
    let (none, all) = (of(0.0), of(1.0));
    assert!(close(none.time.0 - all.time.0, none.exchange.0.min(none.compute.0)));
    assert!(close(all.time.0, none.compute.0.max(none.exchange.0)));
}

#[test]
fn a_fused_all_reduce_hides_in_the_waves_of_its_product() {
    let (plan, h100) = (plan("llama-3.1-70b", Mapping::tensor(8)), device("h100"));
    let of = |work, fused| step(&plan, &[work], &h100, &Software { fused, ..Software::BARE });
    // A prompt's products have many waves of tiles.
    let (apart, fused) = (of(Work::prefill(1, 8192), false), of(Work::prefill(1, 8192), true));
    assert!(fused.hidden.0 > 0.4 * apart.exchange.0 && fused.hidden.0 < apart.exchange.0, "{fused:?}");
    assert!(close(apart.time.0 - fused.time.0, fused.hidden.0));
    // Those of a few tokens have not even one: nothing is done before everything is.
    assert_eq!(of(Work::decode(64, 1000), true).hidden.0, 0.0);
}

#[test]
fn a_pipeline_fills_in_prefill_and_repeats_in_decode() {
    let h100 = device("h100");
    let name = "llama-3.1-405b";
    let staged = Mapping { pipeline: 4, tensor: 8, ..Mapping::ONE };
    // One prompt goes from stage to stage: three of four always wait.
    let alone = step(&plan(name, staged), &[Work::prefill(1, 4096)], &h100, &Software::BARE);
    let busy = alone.compute.0 + alone.exchange.0;
    assert!((alone.time.0 / busy - 4.0).abs() < 1e-6 && close(alone.bubble.0, 3.0 * busy), "{alone:?}");
    // Four prompts overlap.
    let four = step(&plan(name, staged), &[Work::prefill(4, 4096)], &h100, &Software::BARE);
    assert!(four.time.0 < 2.1 * alone.time.0, "{} {}", four.time.0, alone.time.0);
    // In decode all stages are busy, but for their inequality.
    let decode = step(&plan(name, staged), &[Work::decode(64, 4096)], &h100, &Software::BARE);
    assert!(decode.bubble.0 < 0.15 * decode.time.0, "{decode:?}");
}

#[test]
fn the_next_lever_is_what_a_faster_device_shows() {
    let (plan, h100) = (plan("llama-3.1-8b", Mapping::ONE), device("h100"));
    let of = |work| levers(&plan, &[work], &h100, &Software::STREAM);
    let decode = of(Work::decode(1, 4095));
    assert_eq!(decode[0].resource, Resource::Memory, "{decode:?}");
    assert!((1.3..2.0).contains(&decode[0].speedup), "{decode:?}");
    let mut faster = h100.clone();
    faster.memory.bandwidth.0 *= 2.0;
    let (before, after) =
        [&h100, &faster].map(|d| step(&plan, &[Work::decode(1, 4095)], d, &Software::STREAM).time.0).into();
    assert!(close(decode[0].speedup, before / after));
}

#[test]
fn the_fewest_devices_that_hold_a_network_are_found() {
    let h100 = device("h100");
    let of = |name: &str, batch, positions| {
        choose(shape(name), network::find(name).unwrap().formats, Spread::Balanced, &h100, batch, positions)
    };
    assert_eq!(of("llama-3.1-8b", 1, 4096).unwrap().devices(), 1);
    assert_eq!(of("llama-3.1-70b", 1, 4096).unwrap().devices(), 2);
    let large = of("deepseek-v3", 64, 4096).unwrap();
    assert_eq!(large.devices(), 16, "671 GB do not fit eight times 77 GB: {large}");
    let more = of("llama-3.1-8b", 512, 8192).unwrap();
    assert!(more.devices() > 4, "512 x 8192 x 128 KiB of cache are 550 GB: {more}");
}

#[test]
fn a_refusal_has_sizes_and_the_nearest_mapping_works() {
    let h100 = device("h100");
    let refusal = plan("llama-3.1-405b", Mapping::tensor(8)).check(&h100, 16, 8192).unwrap_err();
    let MappingError::Memory { memory, .. } = &refusal else { panic!("{refusal}") };
    assert!(!memory.fits() && memory.weights > 1e11);
    let sentence = refusal.to_string();
    assert!(sentence.contains("101") && sentence.contains("H100") && !sentence.contains('\n'), "{sentence}");
    let formats = Formats::default();
    let found =
        nearest(shape("llama-3.1-405b"), formats, Spread::Balanced, &h100, Mapping::tensor(8), 16, 8192).unwrap();
    assert!(Plan::new(shape("llama-3.1-405b"), formats, found, Spread::Balanced).check(&h100, 16, 8192).is_ok());
    assert!(found.tensor == 8 && found.devices() == 16, "{found}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// More of anything never takes less time than none, and times are finite, on every device.
    #[test]
    fn every_device_times_every_step(
        device in 0usize..64, network in 0usize..64,
        sequences in prop_oneof![1u64..300, Just(u64::MAX)], positions in prop_oneof![1u64..20_000, Just(u64::MAX)],
        tensor in 1u64..9, data in 1u64..9, decode in any::<bool>(),
    ) {
        let devices = Device::list();
        let device = &devices[device % devices.len()];
        let known = &network::list()[network % network::list().len()];
        if let network::Body::Language(shape) = &known.body {
            let mapping = Mapping { tensor, data, expert: data, ..Mapping::ONE };
            let plan = Plan::new(shape, known.formats.on(device), mapping, Spread::PowerLaw { alpha: 1.01 });
            let work = if decode { Work::decode(sequences, positions) } else { Work::prefill(sequences, positions) };
            let time = step(&plan, &[work], device, &Software::of(device)).time.0;
            prop_assert!(time.is_finite() && time > 0.0, "{} on {}: {time}", known.key, device.key);
        }
    }
}
