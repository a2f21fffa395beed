//! Temperatures of a stack.

use super::grid::Grid;
use super::lines::Lines;
use super::solver::Effort;
use super::{Film, Stack};
use crate::shape::Rectangle;
use base::units::{Kelvin, Millimetres, Watts};

/// A point and its temperature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    /// Place in the plane.
    pub x: Millimetres,
    /// Place in the plane.
    pub y: Millimetres,
    /// Which layer, from the bottom.
    pub layer: usize,
    /// Temperature at the centre of the cell.
    pub temperature: Kelvin,
}

/// The temperature of every cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Cells along x, y and upwards.
    count: [usize; 3],
    /// Where cells begin and end in the plane.
    lines: Lines,
    /// First cell of each layer in a column, and one past the last.
    starts: Vec<usize>,
    temperatures: Vec<f64>,
    /// Heat that the film below and the film above take away.
    carried_off: [Watts; 2],
    /// Steps of the conjugate gradient and what it left.
    effort: Effort,
}

impl Field {
    pub(super) fn new(stack: &Stack, grid: &Grid, rise: Vec<f64>, reference: Kelvin, effort: Effort) -> Field {
        let carried_off = grid.carried_off(&rise, reference).map(Watts);
        let starts = (0..stack.layers.len()).map(|layer| grid.cells(layer).start).chain([grid.count[2]]).collect();
        let temperatures = rise.into_iter().map(|rise| rise + reference.0).collect();
        Field { count: grid.count, lines: grid.lines.clone(), starts, temperatures, carried_off, effort }
    }

    /// Steps of the conjugate gradient that it took.
    pub fn iterations(&self) -> usize {
        self.effort.iterations
    }

    /// Residual that the solver left, relative to the heat put in.
    pub fn residual(&self) -> f64 {
        self.effort.residual
    }

    /// Heat that the film below and the film above take away.
    pub fn carried_off(&self) -> [Watts; 2] {
        self.carried_off
    }

    /// The temperature of the cell at column `i`, row `j`, `k` cells above the bottom.
    pub fn at(&self, i: usize, j: usize, k: usize) -> Kelvin {
        Kelvin(self.temperatures[(j * self.count[0] + i) * self.count[2] + k])
    }

    /// The temperatures of all cells, upwards first, then along x, then along y; in kelvin.
    pub fn temperatures(&self) -> &[f64] {
        &self.temperatures
    }

    /// The hottest cell of all.
    pub fn hottest(&self) -> Spot {
        let spot = |at: usize| {
            let (x, y) = self.centre(at / self.count[2]);
            let layer = self.starts.partition_point(|start| *start <= at % self.count[2]) - 1;
            Spot { x, y, layer, temperature: Kelvin(self.temperatures[at]) }
        };
        let cells = self.temperatures.iter().enumerate();
        spot(cells.max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(at, _)| at))
    }

    /// A layer's highest temperature in each column: row by row from the bottom of the plan, in kelvin.
    pub fn map(&self, layer: usize) -> Vec<f64> {
        let cells = self.starts[layer]..self.starts[layer + 1];
        let columns = self.temperatures.chunks(self.count[2]);
        columns.map(|column| column[cells.clone()].iter().copied().fold(f64::NEG_INFINITY, f64::max)).collect()
    }

    /// Cells along x and y.
    pub fn plane(&self) -> [usize; 2] {
        [self.count[0], self.count[1]]
    }

    /// The highest temperature of a layer within a rectangle, by the centres of cells; `None` if it holds no centre.
    pub fn peak(&self, layer: usize, area: &Rectangle) -> Option<Kelvin> {
        self.inside(layer, area).map(|at| self.temperatures[at]).reduce(f64::max).map(Kelvin)
    }

    /// The centre of a column of cells.
    fn centre(&self, column: usize) -> (Millimetres, Millimetres) {
        self.lines.centre(column % self.count[0], column / self.count[0])
    }

    /// The cells of a layer whose centres lie within a rectangle.
    pub(crate) fn inside(&self, layer: usize, area: &Rectangle) -> impl Iterator<Item = usize> {
        let layers = self.count[2];
        let cells = self.starts[layer]..self.starts[layer + 1];
        let area = *area;
        let held = move |column: &usize| {
            let (x, y) = self.centre(*column);
            area.contains(x, y)
        };
        let columns = (0..self.temperatures.len() / layers).filter(held);
        columns.flat_map(move |column| cells.clone().map(move |k| column * layers + k))
    }

    /// How much more heat the limits allow; see [`Stack::headroom`].
    pub fn headroom(&self, idle: &Field, limits: &[(usize, Rectangle, Kelvin)]) -> f64 {
        // A cell that no source warms by as much as this sets no limit.
        const TOUCHED: f64 = 1e-6;
        let mut least = f64::INFINITY;
        for (layer, area, limit) in limits {
            for at in self.inside(*layer, area) {
                let (warm, cold) = (self.temperatures[at], idle.temperatures[at]);
                if warm - cold > TOUCHED {
                    least = least.min((limit.0 - cold) / (warm - cold));
                }
            }
        }
        least
    }
}

/// A film that stands for a heatsink or cold plate of a thermal resistance, from the area it cools.
impl Film {
    /// `resistance` in kelvin per watt, over `width` x `height`.
    pub fn of_resistance(resistance: f64, width: Millimetres, height: Millimetres, coolant: Kelvin) -> Film {
        // Square millimetres of a square metre.
        const SQUARE_METRE: f64 = 1e6;
        let coefficient = SQUARE_METRE / (resistance * (width * height).0);
        Film { coefficient: base::units::WattsPerSquareMetreKelvin(coefficient), coolant }
    }
}
