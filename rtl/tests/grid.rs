//! The units of the grid against `base::grid`.

mod arithmetic;

#[test]
fn values_are_placed_as_base_does() {
    arithmetic::hold("puce_grid_place", 0);
}

#[test]
fn sums_become_binary32_as_in_base() {
    arithmetic::hold("puce_grid_f32", 2);
}
