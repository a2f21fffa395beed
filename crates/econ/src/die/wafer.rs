//! Dies per wafer.
//!
//! Dies stand in one grid of pitch `side + street`, as steppers place them; a die counts when its four corners lie within the usable circle. Where the grid lies
//! is free, so the best place is searched: for a vertical offset every row has a half chord, the number of dies of a row changes only where a die of it touches
//! its chord, and so the best horizontal offset is among two per row: that direction is exact. The vertical offset is searched in `OFFSETS` steps of a pitch, and both
//! ways round, since exchanging width and height exchanges the directions.
//!
//! The formula that is usually quoted, area of the wafer over area of the die less a rim of half dies, stands beside it in [`Wafer::formula`]; it knows neither
//! edge exclusion nor street, and is off by a few dies either way.

use base::units::{Millimetres, SquareMillimetres};
use std::f64::consts::{PI, SQRT_2};

/// Steps of the vertical offset.
const OFFSETS: u32 = 192;

/// A wafer and how it is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wafer {
    /// Diameter.
    pub diameter: Millimetres,
    /// Rim on which nothing is printed.
    pub edge: Millimetres,
    /// Between two dies.
    pub street: Millimetres,
}

/// Diameter of the wafers that leading processes use.
pub const DIAMETER: Millimetres = Millimetres(300.0);

/// Rows and columns beyond the wafer do not occur: a die below this side is taken to be this large.
const LEAST_SIDE: f64 = 0.2;

impl Wafer {
    /// How many dies of `width` by `height` fit whole.
    pub fn count(&self, width: Millimetres, height: Millimetres) -> u32 {
        let (width, height) = (width.0.max(LEAST_SIDE), height.0.max(LEAST_SIDE));
        let best = |width: f64, height: f64| {
            let offset = |step: u32| f64::from(step) / f64::from(OFFSETS) * (height + self.street.0);
            (0..OFFSETS).map(|step| self.with_rows_at(offset(step), width, height)).max().unwrap_or(0)
        };
        best(width, height).max(best(height, width))
    }

    /// The usual formula, with its rim of half dies; not below zero.
    pub fn formula(&self, area: SquareMillimetres) -> f64 {
        let radius = self.diameter.0 / 2.0;
        (PI * radius * radius / area.0 - PI * self.diameter.0 / (SQRT_2 * area.0.sqrt())).max(0.0)
    }

    /// The most dies when a row begins `offset` above the centre.
    fn with_rows_at(&self, offset: f64, width: f64, height: f64) -> u32 {
        let chords = self.half_chords(offset, height);
        let pitch = width + self.street.0;
        // A die of a row touches the left end of its chord, or the right end.
        let touching = chords.iter().flat_map(|chord| [-chord, chord - width]);
        let count = |left: f64| chords.iter().map(|chord| in_row(*chord, left, width, pitch)).sum();
        touching.map(count).max().unwrap_or(0)
    }

    /// Half the chord within which each row of dies must lie, for rows that have one.
    fn half_chords(&self, offset: f64, height: f64) -> Vec<f64> {
        let radius = self.diameter.0 / 2.0 - self.edge.0;
        let pitch = height + self.street.0;
        let rows = (2.0 * radius / pitch) as i64 + 2;
        let chord = |row: i64| {
            let bottom = offset + row as f64 * pitch;
            let far = bottom.abs().max((bottom + height).abs());
            (far < radius).then(|| (radius * radius - far * far).sqrt())
        };
        (-rows..=rows).filter_map(chord).collect()
    }
}

/// Dies of a row whose left sides lie at `left` plus whole pitches, within `chord` on both sides of the centre.
fn in_row(chord: f64, left: f64, width: f64, pitch: f64) -> u32 {
    /// A corner on the circle counts, whatever the last bit of its coordinate says.
    const TOUCH: f64 = 1e-9;
    let first = ((-chord - left) / pitch - TOUCH).ceil();
    let last = ((chord - width - left) / pitch + TOUCH).floor();
    (last - first + 1.0).max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wafer(edge: f64, street: f64) -> Wafer {
        Wafer { diameter: DIAMETER, edge: Millimetres(edge), street: Millimetres(street) }
    }

    fn count(edge: f64, street: f64, width: f64, height: f64) -> u32 {
        wafer(edge, street).count(Millimetres(width), Millimetres(height))
    }

    /// Places the grid at `left`, `bottom` and looks at every corner: the newcomer's version.
    fn counted_by_corners(wafer: &Wafer, width: f64, height: f64, left: f64, bottom: f64) -> u32 {
        let radius = wafer.diameter.0 / 2.0 - wafer.edge.0;
        let (across, up) = (width + wafer.street.0, height + wafer.street.0);
        let inside = |x: f64, y: f64| x * x + y * y <= radius * radius;
        let mut dies = 0;
        for column in -60..=60 {
            for row in -60..=60 {
                let (x, y) = (left + f64::from(column) * across, bottom + f64::from(row) * up);
                let corners = [(x, y), (x + width, y), (x, y + height), (x + width, y + height)];
                dies += u32::from(corners.iter().all(|(x, y)| inside(*x, *y)));
            }
        }
        dies
    }

    #[test]
    fn small_numbers_can_be_seen() {
        // Usable diameter 294: one square of side 207 fits (diagonal 292.7), not of 208; two of 131.4 by 131.4 side by side.
        assert_eq!(count(3.0, 0.1, 207.0, 207.0), 1);
        assert_eq!(count(3.0, 0.1, 208.0, 208.0), 0);
        assert_eq!(count(3.0, 0.0, 131.0, 131.0), 2);
        // A square of four: side below 294 / (2 sqrt 2) = 103.9.
        assert_eq!((count(3.0, 0.0, 103.9, 103.9), count(3.0, 0.0, 104.0, 104.0)), (4, 2));
    }

    #[test]
    fn the_formula_is_the_formula() {
        let found = wafer(0.0, 0.0).formula(SquareMillimetres(814.0));
        let area = 814.0f64;
        assert!((found - (PI * 22500.0 / area - PI * 300.0 / (2.0 * area).sqrt())).abs() < 1e-9);
        assert_eq!(wafer(0.0, 0.0).formula(SquareMillimetres(90_000.0)), 0.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn no_place_of_the_grid_holds_more(
            width in 8.0..60.0f64, height in 8.0..60.0f64, street in 0.05..0.5f64,
            left in 0.0..1.0f64, steps in 0..OFFSETS,
        ) {
            let wafer = wafer(3.0, street);
            let bottom = f64::from(steps) / f64::from(OFFSETS) * (height + street);
            let counted = counted_by_corners(&wafer, width, height, left * (width + street), bottom);
            prop_assert!(wafer.count(Millimetres(width), Millimetres(height)) >= counted);
        }

        #[test]
        fn the_best_place_is_a_place(width in 8.0..60.0f64, height in 8.0..60.0f64, step in 0..OFFSETS) {
            let wafer = wafer(3.0, 0.1);
            let bottom = f64::from(step) / f64::from(OFFSETS) * (height + 0.1);
            let best = wafer.with_rows_at(bottom, width, height);
            // A hair of slack on the radius, as in `in_row`.
            let loose = Wafer { edge: Millimetres(3.0 - 1e-6), ..wafer };
            let chords = wafer.half_chords(bottom, height);
            let places = chords.iter().flat_map(|chord| [-chord, chord - width]);
            let found = places.map(|left| counted_by_corners(&loose, width, height, left, bottom)).max();
            prop_assert_eq!(found.unwrap_or(0), best);
        }

        #[test]
        fn larger_dies_are_fewer(width in 5.0..60.0f64, height in 5.0..60.0f64, more in 1.0..2.0f64) {
            // One vertical offset, so that the search's steps do not blur the comparison.
            let wafer = Wafer { diameter: DIAMETER, edge: Millimetres(3.0), street: Millimetres(0.1) };
            let (small, large) = (wafer.count(Millimetres(width), Millimetres(height)), wafer.count(Millimetres(width * more), Millimetres(height * more)));
            prop_assert!(large <= small + 1, "{small} of {width} x {height}, {large} of {more} times that");
        }

        #[test]
        fn the_formula_is_near(area in 100.0..850.0f64) {
            let wafer = wafer(0.0, 0.0);
            let (exact, formula) = (f64::from(wafer.count(Millimetres(area.sqrt()), Millimetres(area.sqrt()))), wafer.formula(SquareMillimetres(area)));
            // It allows for a rim of half dies, where the best place often saves whole ones.
            prop_assert!((0.97..1.2).contains(&(exact / formula)), "{exact} {formula}");
        }
    }
}
