//! Two rungs of the ladder on our own chips: the roofline of a product beside the mapping search, which counts the cycles of the best mapping.
//!
//! They differ on purpose. The roofline takes the fractions of the peaks that measured devices reach (about 0.94 of arithmetic and 0.85 of bandwidth), the
//! search takes the peaks: the roofline is slower by up to a quarter. It is quicker where a core waits for activations: every core needs those of all inputs before a
//! first sum ends, through its own port or from its neighbours, and the roofline knows neither. That shows in long reductions over few outputs (the
//! second product of a feed-forward layer in decode), where the roofline is up to 30 % too quick. In a product of a microsecond most of the time is the
//! start, which the roofline counts in full before the first byte and the search partly hides under the transfers.

use arch::Chip;
use base::tile::WeightKind;
use base::units::Seconds;
use perf::device::Device;
use perf::format::Format;
use perf::kernel::gemm;
use perf::operator::Gemm;
use perf::tiling::{Budget, Product, Space};

/// Least and greatest time of the roofline, in times of the search.
const APART: (f64, f64) = (0.86, 1.25);
/// The same for reductions more than twice as long as there are outputs.
const APART_IN_LONG_REDUCTIONS: (f64, f64) = (0.70, 1.25);
/// The same for products that are mostly start.
const APART_AT_THE_START: (f64, f64) = (0.86, 1.60);
/// Products that take less by the search are mostly start: a few latencies of memory.
const MOSTLY_START: Seconds = Seconds(2e-6);

/// Tokens: one user, decode of several batches, prefill.
const TOKENS: [u64; 10] = [1, 16, 64, 100, 128, 256, 500, 512, 1024, 4096];
/// Outputs and inputs: a small layer, and those of Llama 3.1 8B and 70B.
const LAYERS: [(u64, u64); 8] = [
    (1024, 1024),
    (4096, 4096),
    (6144, 4096),
    (14_336, 4096),
    (4096, 14_336),
    (8192, 8192),
    (28_672, 8192),
    (8192, 28_672),
];

/// Time by the roofline and by the search.
fn times(chip: &Chip, device: &Device, product: Product, weights: Format) -> [Seconds; 2] {
    let Product { m, n, k, .. } = product;
    let space = Space::new(chip, product).unwrap();
    let searched = space.machine().seconds(space.best(Budget::UNLIMITED).cost.cycles);
    let operator = Gemm { m, n, k, count: 1, weights, activations: Format::Int8, output: Format::Fp32 };
    [gemm::time(&operator, device).time, searched]
}

#[test]
fn the_roofline_is_as_far_from_the_search_as_stated() {
    for name in ["one", "nano"] {
        let chip = Chip::builtin(name).unwrap();
        let device = Device::from_chip(&chip);
        let (mut least, mut greatest) = (f64::INFINITY, 0.0f64);
        for (kind, weights) in [(WeightKind::I4m, Format::Int4), (WeightKind::I8s, Format::Int8)] {
            for (m, (n, k)) in TOKENS.into_iter().flat_map(|m| LAYERS.map(|layer| (m, layer))) {
                let [roofline, searched] = times(&chip, &device, Product { m, n, k, weights: kind }, weights);
                let ratio = roofline / searched;
                let (low, high) = match searched < MOSTLY_START {
                    true => APART_AT_THE_START,
                    false if k > 2 * n => APART_IN_LONG_REDUCTIONS,
                    false => APART,
                };
                let told =
                    format!("{name}, {m} x {n} x {k} {weights}: {roofline}, by the search {searched}: {ratio:.2}");
                assert!((low..=high).contains(&ratio), "{told}");
                (least, greatest) = (least.min(ratio), greatest.max(ratio));
            }
        }
        println!("{name}: {least:.2} to {greatest:.2}");
    }
}

/// Whatever one reads the weights for, they cross the memory interface again for the next 128 tokens: twice the tokens of a full pass take twice the time.
#[test]
fn weights_are_read_again_when_accumulators_are_full() {
    let device = Device::from_chip(&Chip::builtin("one").unwrap());
    let reuse = device.weight_reuse.unwrap();
    let time = |m: u64| {
        let (weights, activations, output) = (Format::Int4, Format::Int8, Format::Bf16);
        gemm::time(&Gemm { m, n: 8192, k: 8192, count: 1, weights, activations, output }, &device).memory.0
    };
    let growth = time(reuse + 1) / time(reuse);
    assert!((1.7..2.0).contains(&growth), "{growth}");
    assert!(time(reuse) / time(reuse / 2) < 1.2);
}
