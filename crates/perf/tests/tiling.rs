//! The mapping search: the pruned one is held to the plain one, and costs behave as physics does.

use arch::Chip;
use base::tile::WeightKind;
use perf::tiling::{Budget, Cost, Mapping, Order, Product, Source, Space};
use proptest::prelude::*;

fn chip(name: &str) -> Chip {
    Chip::builtin(name).unwrap()
}

/// A chip with odd proportions, so that every limit binds somewhere.
fn odd_chip() -> impl Strategy<Value = Chip> {
    let geometry = (1usize..7, 0usize..3, 0usize..3, 1usize..9, 1usize..12);
    let rates = (1u64..64, 0usize..4, 1e9f64..1e11, 1e-8f64..2e-6, 1usize..9);
    (geometry, rates).prop_map(|((cores, rows, depth, columns, tokens), (pad, port, bandwidth, latency, banks))| {
        let mut chip = chip("nano").with_cores(cores);
        chip.core.scratchpad = base::units::Bytes(pad * 4096);
        chip.core.banks = banks;
        chip.matrix.rows = 8 << rows;
        chip.matrix.depth = 8 << depth;
        chip.matrix.columns = columns;
        chip.matrix.tokens = tokens;
        chip.memory.port = base::units::Bytes(32 << port);
        chip.memory.bandwidth = base::units::BytesPerSecond(bandwidth);
        chip.memory.latency = base::units::Seconds(latency);
        chip
    })
}

fn product() -> impl Strategy<Value = Product> {
    let kinds = prop::sample::select(vec![WeightKind::I4m, WeightKind::I8s, WeightKind::Mx4]);
    (1u64..40, 1u64..700, 1u64..400, kinds).prop_map(|(m, n, k, weights)| Product { m, n, k, weights })
}

fn mapping() -> impl Strategy<Value = Mapping> {
    let split = (1u64..5, 1u64..5, 1u64..12, 1u64..12);
    (split, any::<[bool; 4]>()).prop_map(|((row_cores, token_cores, tokens, rows), [a, b, c, d])| Mapping {
        row_cores,
        token_cores,
        tokens,
        rows,
        order: if a { Order::TokensOuter } else { Order::RowsOuter },
        source: if b { Source::Memory } else { Source::Gather },
        activation_buffers: 1 + u64::from(c),
        result_buffers: 1 + u64::from(d),
    })
}

/// Rounding of sums in another order.
const ROUNDING: f64 = 1e-9;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_pruned_search_finds_what_the_plain_one_finds(chip in odd_chip(), product in product()) {
        let Ok(space) = Space::new(&chip, product) else { return Ok(()) };
        let (plain, pruned) = (space.exhaustive(), space.best(Budget::UNLIMITED));
        prop_assert!((plain.cost.cycles / pruned.cost.cycles - 1.0).abs() < ROUNDING, "{plain:?}\n{pruned:?}");
        prop_assert_eq!(pruned.gap(), 0.0);
        prop_assert!(pruned.evaluated <= plain.evaluated);
    }

    #[test]
    fn a_search_that_stops_early_says_how_wrong_it_can_be(chip in odd_chip(), product in product(), budget in 1u64..300) {
        let Ok(space) = Space::new(&chip, product) else { return Ok(()) };
        let (best, early) = (space.best(Budget::UNLIMITED), space.best(Budget(budget)));
        prop_assert!(early.bound <= best.cost.cycles * (1.0 + ROUNDING), "{early:?}\n{best:?}");
        prop_assert!(early.cost.cycles >= best.cost.cycles * (1.0 - ROUNDING));
    }

    #[test]
    fn what_a_search_finds_costs_what_it_says(chip in odd_chip(), product in product()) {
        let Ok(space) = Space::new(&chip, product) else { return Ok(()) };
        let found = space.best(Budget::UNLIMITED);
        prop_assert_eq!(space.machine().cost(&found.mapping), Some(found.cost));
        prop_assert!(space.machine().utilisation(&product, found.cost.cycles) <= 1.0);
        prop_assert!(found.cost.moved.footprint <= chip.core.scratchpad.as_f64());
    }

    #[test]
    fn any_mapping_costs_at_least_the_best(chip in odd_chip(), product in product(), mapping in mapping()) {
        let Ok(space) = Space::new(&chip, product) else { return Ok(()) };
        let best = space.best(Budget::UNLIMITED).cost.cycles;
        if let Some(cost) = space.machine().cost(&mapping) {
            prop_assert!(cost.cycles >= best * (1.0 - ROUNDING), "{mapping:?}: {cost:?}, best {best}");
            check_parts(&cost, &product, &mapping);
        }
    }
}

/// Everything is moved at least once, and what is computed cannot be faster than the parts.
fn check_parts(cost: &Cost, product: &Product, mapping: &Mapping) {
    let matrix = (product.row_tiles() * product.column_tiles() * product.weights.tile_bytes() as u64) as f64;
    let activations = (product.m * product.activation_row()) as f64;
    assert!(cost.moved.weights >= matrix * mapping.token_cores as f64 * (1.0 - ROUNDING));
    assert!(cost.moved.activations >= activations * (1.0 - ROUNDING));
    assert_eq!(cost.moved.results, (product.row_tiles() * 32 * product.m * 4) as f64);
    let parts = [cost.memory, cost.arithmetic + cost.stall, cost.scratchpad, cost.exchange];
    assert!(parts.into_iter().all(|part| cost.cycles >= part + cost.fill * (1.0 - ROUNDING)));
}

/// `one` streams weights once for every 128 tokens, and 128 tokens a weight are too few for its memory: the search shows it, a plain roofline does not.
#[test]
fn what_binds_follows_from_the_accumulators() {
    let bound = |name: &str, m: u64, tokens: usize| {
        let mut chip = chip(name);
        chip.matrix.tokens = tokens;
        let product = Product { m, n: 8192, k: 8192, weights: WeightKind::I4m };
        Space::new(&chip, product).unwrap().best(Budget::UNLIMITED).cost.bound()
    };
    assert_eq!(bound("one", 1, 128), "memory");
    assert_eq!(bound("one", 4096, 128), "memory");
    assert_eq!(bound("one", 4096, 256), "arithmetic");
}

#[test]
fn what_no_chip_can_do_is_refused_in_a_sentence() {
    let refuse = |product: Product| Space::new(&chip("nano"), product).unwrap_err().to_string();
    let fine = Product { m: 1, n: 32, k: 32, weights: WeightKind::I8s };
    assert!(Space::new(&chip("nano"), fine).is_ok());
    assert!(refuse(Product { m: 0, ..fine }).contains("m = 0"));
    assert!(refuse(Product { k: 1 << 23, ..fine }).contains("largest k is about"));
    let mut narrow = chip("nano");
    narrow.matrix.weights = vec![WeightKind::I8s];
    let error = Space::new(&narrow, Product { weights: WeightKind::I4m, ..fine }).unwrap_err();
    assert_eq!(error.to_string(), "the matrix engine takes no `i4m` weights; it takes i8s");
}

#[test]
fn a_nest_reads_from_outside_to_inside() {
    let product = Product { m: 96, n: 4096, k: 4096, weights: WeightKind::I4m };
    let space = Space::new(&chip("one"), product).unwrap();
    let text = space.best(Budget::UNLIMITED).nest(&product).to_string();
    let places: Vec<usize> = ["cores", "for ", "activations", "stream weights", "mm:", "store results"]
        .iter()
        .map(|word| text.find(word).unwrap_or_else(|| panic!("no `{word}` in\n{text}")))
        .collect();
    assert!(places.is_sorted(), "{text}");
}
