//! Every set against the oracle.

use super::check::{self, Product, Random};
use super::*;
use proptest::prelude::*;

/// The sets of this processor and the portable 512-bit lanes.
fn sets() -> Vec<&'static dyn Kernels> {
    let mut sets = available();
    sets.insert(0, &super::sets::Portable);
    sets
}

#[test]
fn every_operation_agrees_with_the_oracle() {
    for set in sets() {
        for seed in 0..60 {
            assert_eq!(check::compare(set, seed), Ok(()), "{} with seed {seed}", set.name());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn products_agree_with_the_oracle(
        seed in any::<u64>(), kind in 0..8usize, tokens in 1..71usize, blocks in 1..61usize, wild in any::<bool>(),
    ) {
        // The oracle takes about 10 ns per product of two codes.
        let blocks = blocks.min(1 + 400 / tokens);
        let product = Product::random(&mut Random(seed), base::tile::WeightKind::ALL[kind], tokens, blocks, wild);
        let wanted = product.run(scalar());
        for set in sets() {
            prop_assert!(product.run(set) == wanted, "{} differs from the oracle", set.name());
        }
    }
}

/// The checks above would not notice if the oracle did all the work.
#[test]
fn moderate_scales_take_the_fast_path() {
    for set in sets().into_iter().filter(|set| set.name() != "scalar") {
        for (kind, tokens) in base::tile::WeightKind::ALL.into_iter().flat_map(|kind| [(kind, 3), (kind, 20)]) {
            let mut product = Product::random(&mut Random(7), kind, tokens, 2, false);
            let mut scratch = Scratch::default();
            assert_eq!(product.run_with(set, &mut scratch), product.run(scalar()));
            assert_eq!(scratch.by_oracle(), 0, "{} {}", set.name(), kind.name());
            product.g = -90;
            product.run_with(set, &mut scratch);
            assert_eq!(scratch.by_oracle(), 1, "{} {}", set.name(), kind.name());
        }
    }
}

/// One token far larger than the others, in a block whose weights are small: the coarse bound fails, the fine one holds.
#[test]
fn an_outlier_does_not_leave_the_fast_path() {
    let kind = base::tile::WeightKind::I4m;
    let mut product = Product::random(&mut Random(9), kind, 2, 2, false);
    product.tiles[kind.code_bytes()..kind.tile_bytes()].fill(0);
    product.scales[0] = 0x7000;
    let mut scratch = Scratch::default();
    let set = best();
    assert_eq!(product.run_with(set, &mut scratch), product.run(scalar()));
    assert_eq!(scratch.by_oracle(), 0);
}

#[test]
fn the_best_set_is_one_of_the_available() {
    assert!(available().iter().any(|set| set.name() == best().name()));
    assert!(report().ends_with(best().name()));
    assert_eq!(best().name(), available()[0].name(), "{}", report());
}

/// A set that is wrong somewhere is refused.
#[test]
fn a_wrong_set_does_not_pass() {
    let wild = Product::random(&mut Random(3), base::tile::WeightKind::I4m, 2, 2, false);
    let mut other = Product::random(&mut Random(3), base::tile::WeightKind::I4m, 2, 2, false);
    other.tiles[5] ^= 1;
    other.rows = 32;
    assert!(wild.run(scalar()) != other.run(scalar()), "one bit of one code must show");
}
