//! The units of the grid against `base::grid`.

mod arithmetic;

use arithmetic::Operation;
use rtl::design::Effort;

/// Random operands of each operation; `cargo run --release -p rtl --example arithmetic` takes more.
const SLICE: u64 = 1_000_000;

#[test]
fn units_answer_as_base_does() {
    let units = Operation::ALL.into_iter().filter(|operation| operation.name().starts_with("puce_grid_"));
    for (seed, operation) in units.enumerate() {
        operation.hold(Effort::Quick, SLICE, seed as u64);
    }
}
