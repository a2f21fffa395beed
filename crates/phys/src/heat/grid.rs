//! The cells of a stack, and the balance of heat that couples them.
//!
//! Cells are numbered upwards first, then along x, then along y, so that a column of cells is contiguous: the strongest coupling, through thin layers, is
//! the nearest in memory.

use super::lines::Lines;
use super::solver::Conduction;
use super::{Source, Stack};
use crate::material::Material;
use base::units::Kelvin;

/// Metres of a millimetre.
const METRE: f64 = 1e-3;

/// A stack cut into cells; lengths in metres.
pub struct Grid {
    /// Cells along x, y and upwards.
    pub count: [usize; 3],
    /// Where cells begin and end in the plane.
    pub lines: Lines,
    /// Extents of the cells along x and y.
    widths: [Vec<f64>; 2],
    /// Heights of the cells of a column.
    heights: Vec<f64>,
    /// First cell of each layer in a column, and one past the last.
    starts: Vec<usize>,
    /// Materials of all cells.
    materials: Vec<Material>,
    /// Conductance per column to the films below and above, in W/K, and the coolants.
    films: [(Vec<f64>, f64); 2],
}

impl Grid {
    /// Cuts a checked stack along lines that span it.
    pub fn of(stack: &Stack, lines: Lines) -> Grid {
        let mut heights = Vec::new();
        let mut starts = vec![0];
        for layer in &stack.layers {
            let height = layer.thickness.0 * METRE / layer.cells as f64;
            heights.extend(std::iter::repeat_n(height, layer.cells));
            starts.push(heights.len());
        }
        let [columns, rows] = lines.count();
        let count = [columns, rows, heights.len()];
        let materials = materials(stack, &lines);
        let widths = lines.widths().map(|widths| widths.into_iter().map(|width| width.0 * METRE).collect());
        let mut grid = Grid { count, lines, widths, heights, starts, materials, films: Default::default() };
        grid.films = [grid.film(0, stack.bottom), grid.film(count[2] - 1, stack.top)];
        grid
    }

    /// The cells of a layer within a column.
    pub fn cells(&self, layer: usize) -> std::ops::Range<usize> {
        self.starts[layer]..self.starts[layer + 1]
    }

    /// The coolant that temperatures are counted from: that of the better cooled side.
    pub fn reference(&self) -> Kelvin {
        let [bottom, top] = &self.films;
        let sum = |film: &(Vec<f64>, f64)| film.0.iter().sum::<f64>();
        Kelvin(if sum(top) >= sum(bottom) { top.1 } else { bottom.1 })
    }

    /// Heat that goes out below and above at a rise over `reference`, in watts.
    pub fn carried_off(&self, rise: &[f64], reference: Kelvin) -> [f64; 2] {
        let layers = self.count[2];
        let out = |film: &(Vec<f64>, f64), cell: usize| {
            let columns = film.0.iter().enumerate();
            columns.map(|(column, g)| g * (rise[column * layers + cell] + reference.0 - film.1)).sum()
        };
        [out(&self.films[0], 0), out(&self.films[1], layers - 1)]
    }

    /// The right side of the balance: heat of the sources, and of a coolant that differs from the reference.
    pub fn load(&self, sources: &[Source], reference: Kelvin) -> Vec<f64> {
        let layers = self.count[2];
        let mut load = vec![0.0; self.materials.len()];
        for (film, cell) in self.films.iter().zip([0, layers - 1]) {
            for (column, conductance) in film.0.iter().enumerate() {
                load[column * layers + cell] += conductance * (film.1 - reference.0);
            }
        }
        sources.iter().for_each(|source| self.add(source, &mut load));
        load
    }

    /// Spreads a source over the cells that it touches, by shared area.
    fn add(&self, source: &Source, load: &mut [f64]) {
        let [columns, _, layers] = self.count;
        let cells = self.cells(source.layer);
        let density = source.power.0 / source.area.area().0 / cells.len() as f64;
        let [across, up] = self.lines.touched(&source.area);
        for j in up {
            for i in across.clone() {
                let power = density * source.area.shared(&self.lines.cell(i, j)).0;
                let column = (j * columns + i) * layers;
                cells.clone().for_each(|k| load[column + k] += power);
            }
        }
    }

    /// The conductances between cells, with `rate` times the heat capacity of each added to its own balance (0 for the steady state, 1/s in time).
    pub fn conduction(&self, rate: f64) -> Conduction {
        let [columns, rows, layers] = self.count;
        let total = self.materials.len();
        let mut to = [vec![0.0; total], vec![0.0; total], vec![0.0; total]];
        let mut own = vec![0.0; total];
        let series = |a: f64, b: f64| 1.0 / (1.0 / a + 1.0 / b);
        for column in 0..columns * rows {
            let (i, j) = (column % columns, column / columns);
            let (width, depth) = (self.widths[0][i], self.widths[1][j]);
            for (k, height) in self.heights.iter().enumerate() {
                let c = column * layers + k;
                let along = |cell: usize, area: f64, length: f64| 2.0 * self.materials[cell].along.0 * area / length;
                if i + 1 < columns {
                    let (next, beyond) = (c + layers, self.widths[0][i + 1]);
                    to[0][c] = series(along(c, depth * height, width), along(next, depth * height, beyond));
                }
                if j + 1 < rows {
                    let (above, beyond) = (c + columns * layers, self.widths[1][j + 1]);
                    to[1][c] = series(along(c, width * height, depth), along(above, width * height, beyond));
                }
                if k + 1 < layers {
                    to[2][c] = series(self.half(c, k), self.half(c + 1, k + 1));
                }
                own[c] = rate * self.capacity(c, k);
            }
            own[column * layers] += self.films[0].0[column];
            own[column * layers + layers - 1] += self.films[1].0[column];
        }
        Conduction::new(self.count, to, own)
    }

    /// Heat capacities of all cells, in J/K.
    pub fn capacities(&self) -> Vec<f64> {
        let layers = self.count[2];
        (0..self.materials.len()).map(|cell| self.capacity(cell, cell % layers)).collect()
    }

    fn capacity(&self, cell: usize, k: usize) -> f64 {
        self.materials[cell].capacity.0 * self.base(cell / self.count[2]) * self.heights[k]
    }

    /// Conductance from a cell's centre to its upper or lower face.
    fn half(&self, cell: usize, k: usize) -> f64 {
        2.0 * self.materials[cell].across.0 * self.base(cell / self.count[2]) / self.heights[k]
    }

    /// Area of a column of cells.
    fn base(&self, column: usize) -> f64 {
        self.widths[0][column % self.count[0]] * self.widths[1][column / self.count[0]]
    }

    /// Conductance of each column from the centre of cell `k` to a coolant, and the coolant.
    fn film(&self, k: usize, film: super::Film) -> (Vec<f64>, f64) {
        let layers = self.count[2];
        let through = |column: usize| {
            let surface = film.coefficient.0 * self.base(column);
            if surface > 0.0 { 1.0 / (1.0 / surface + 1.0 / self.half(column * layers + k, k)) } else { 0.0 }
        };
        ((0..self.count[0] * self.count[1]).map(through).collect(), film.coolant.0)
    }
}

/// The material at the centre of each cell.
fn materials(stack: &Stack, lines: &Lines) -> Vec<Material> {
    let [columns, rows] = lines.count();
    let mut cells = Vec::new();
    for column in 0..columns * rows {
        let (x, y) = lines.centre(column % columns, column / columns);
        for layer in &stack.layers {
            let patch = layer.patches.iter().rev().find(|(area, _)| area.contains(x, y));
            let material = patch.map_or(layer.material, |(_, material)| *material);
            cells.extend(std::iter::repeat_n(material, layer.cells));
        }
    }
    cells
}
