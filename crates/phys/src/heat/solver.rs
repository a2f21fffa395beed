//! A conjugate gradient for the balance of heat, with a multigrid cycle as its preconditioner.
//!
//! In a package, a cell is 100 to 200 um wide and 10 to 100 um high, so heat passes upwards hundreds of times more easily than sideways, while over the whole
//! plane it is the sideways spread that takes long to settle. Hence two measures. The smoother solves whole **columns** exactly (a tridiagonal system
//! each), which removes the strong coupling; and the grid is coarsened **in the plane only**, two by two columns, down to one column, which
//! carries what is slow. A coarse conductance is the sum of those it replaces, halved in the plane, for the centres are twice as far apart. Columns
//! are smoothed with the same damping before and after, so that the cycle is symmetric and the conjugate gradient may use it.
//!
//! Sums are taken per row and then in order: the result does not depend on the number of threads.

use super::HeatError;
use rayon::prelude::*;

/// Largest sum of squares of the residual that counts as solved, relative to that of the right side: 1e-9 of the heat, far below a millikelvin.
pub const TOLERANCE: f64 = 1e-9;

/// A cycle gains about a digit per step; this many mean that something is wrong.
const MOST_STEPS: usize = 300;

/// Damping of the column smoother: below 1, so that the pattern of alternating columns fades as well.
const DAMPING: f64 = 0.8;

/// Cells that are worth a thread of their own.
const GRAIN: usize = 1 << 15;

/// Rows that a thread takes at once, so that small grids stay on one.
fn rows(grid: &Conduction) -> usize {
    GRAIN.div_ceil(grid.row())
}

/// Conductances between the cells of a rectangular grid.
pub struct Conduction {
    count: [usize; 3],
    /// From each cell to the next along x, y and upwards; zero at the end.
    to: [Vec<f64>; 3],
    /// From each cell to the outside.
    own: Vec<f64>,
    /// Sum of all conductances of a cell.
    diagonal: Vec<f64>,
    /// Inverse pivots of the column systems.
    pivots: Vec<f64>,
}

impl Conduction {
    /// Prepares the sums and the column systems.
    pub fn new(count: [usize; 3], to: [Vec<f64>; 3], own: Vec<f64>) -> Conduction {
        let mut diagonal = own.clone();
        for (to, stride) in to.iter().zip([count[2], count[0] * count[2], 1]) {
            for (cell, conductance) in to.iter().enumerate().filter(|(_, conductance)| **conductance > 0.0) {
                diagonal[cell] += conductance;
                diagonal[cell + stride] += conductance;
            }
        }
        let mut pivots = vec![0.0; own.len()];
        for cell in 0..own.len() {
            let below = if cell % count[2] == 0 { 0.0 } else { to[2][cell - 1].powi(2) * pivots[cell - 1] };
            pivots[cell] = 1.0 / (diagonal[cell] - below);
        }
        Conduction { count, to, own, diagonal, pivots }
    }

    /// Cells of a row of columns.
    fn row(&self) -> usize {
        self.count[0] * self.count[2]
    }

    /// Two by two columns become one.
    fn coarser(&self) -> Option<Conduction> {
        let [columns, rows, layers] = self.count;
        if columns * rows == 1 {
            return None;
        }
        let count = [columns.div_ceil(2), rows.div_ceil(2), layers];
        let total = count.iter().product();
        let mut to = [vec![0.0; total], vec![0.0; total], vec![0.0; total]];
        let mut own = vec![0.0; total];
        for cell in 0..self.own.len() {
            let (i, j, k) = self.place(cell);
            let coarse = ((j / 2) * count[0] + i / 2) * layers + k;
            own[coarse] += self.own[cell];
            to[2][coarse] += self.to[2][cell];
            to[0][coarse] += if i % 2 == 1 { self.to[0][cell] / 2.0 } else { 0.0 };
            to[1][coarse] += if j % 2 == 1 { self.to[1][cell] / 2.0 } else { 0.0 };
        }
        Some(Conduction::new(count, to, own))
    }

    fn place(&self, cell: usize) -> (usize, usize, usize) {
        let column = cell / self.count[2];
        (column % self.count[0], column / self.count[0], cell % self.count[2])
    }

    /// One row of `out = right - self * x` (`right` absent: `self * x`).
    fn row_product(&self, row: usize, x: &[f64], right: Option<&[f64]>, out: &mut [f64]) {
        let (length, layers) = (self.row(), self.count[2]);
        let at = row * length..(row + 1) * length;
        let mine = &x[at.clone()];
        let [along, across, up] = [0, 1, 2].map(|axis| &self.to[axis][at.clone()]);
        for ((out, x), d) in out.iter_mut().zip(mine).zip(&self.diagonal[at.clone()]) {
            *out = d * x;
        }
        for cell in 0..length - layers {
            out[cell] -= along[cell] * mine[cell + layers];
        }
        for cell in 0..length - layers {
            out[cell + layers] -= along[cell] * mine[cell];
        }
        for cell in 0..length - 1 {
            out[cell] -= up[cell] * mine[cell + 1];
        }
        for cell in 0..length - 1 {
            out[cell + 1] -= up[cell] * mine[cell];
        }
        if row + 1 < self.count[1] {
            let next = &x[at.end..at.end + length];
            for ((out, g), x) in out.iter_mut().zip(across).zip(next) {
                *out -= g * x;
            }
        }
        if row > 0 {
            let before = at.start - length..at.start;
            for ((out, g), x) in out.iter_mut().zip(&self.to[1][before.clone()]).zip(&x[before]) {
                *out -= g * x;
            }
        }
        if let Some(right) = right {
            for (out, right) in out.iter_mut().zip(&right[at]) {
                *out = right - *out;
            }
        }
    }

    /// `out = right - self * x`, or `self * x`.
    fn product(&self, x: &[f64], right: Option<&[f64]>, out: &mut [f64]) {
        let rows = out.par_chunks_mut(self.row()).with_min_len(rows(self)).enumerate();
        rows.for_each(|(row, out)| self.row_product(row, x, right, out));
    }

    /// Adds the damped exact solution of every column's own system to `x`.
    fn smooth(&self, right: &[f64], x: &mut [f64]) {
        let layers = self.count[2];
        let row = self.row();
        let pairs = x.par_chunks_mut(row).zip(right.par_chunks(row)).with_min_len(rows(self)).enumerate();
        pairs.for_each_init(
            || vec![0.0; layers],
            |part, (j, (x, right))| {
                let columns = x.chunks_mut(layers).zip(right.chunks(layers)).enumerate();
                for (i, (x, right)) in columns {
                    let at = j * row + i * layers;
                    let at = at..at + layers;
                    column(&self.to[2][at.clone()], &self.pivots[at], right, part, x);
                }
            },
        );
    }
}

/// Adds the damped solution of one column to `x`; `part` holds the eliminated right side.
fn column(up: &[f64], pivots: &[f64], right: &[f64], part: &mut [f64], x: &mut [f64]) {
    let mut below = 0.0;
    for k in 0..right.len() {
        let carried = if k == 0 { 0.0 } else { up[k - 1] * below };
        below = (right[k] + carried) * pivots[k];
        part[k] = below;
    }
    let mut above = 0.0;
    for k in (0..right.len()).rev() {
        above = part[k] + up[k] * pivots[k] * above;
        x[k] += DAMPING * above;
    }
}

/// What a solution took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Steps of the conjugate gradient.
    pub iterations: usize,
    /// Residual that remains, relative to the right side.
    pub residual: f64,
}

/// A grid and its coarser versions.
pub struct Hierarchy {
    levels: Vec<Conduction>,
}

/// Scratch vectors of one level.
struct Scratch {
    right: Vec<f64>,
    x: Vec<f64>,
    rest: Vec<f64>,
}

impl Hierarchy {
    /// All levels down to one column.
    pub fn new(finest: Conduction) -> Hierarchy {
        let mut levels = vec![finest];
        while let Some(next) = levels.last().and_then(Conduction::coarser) {
            levels.push(next);
        }
        Hierarchy { levels }
    }

    /// Solves for `x`, starting from what it holds, until a part `tolerance` of the right side is left.
    pub fn solve(&self, right: &[f64], x: &mut [f64], tolerance: f64) -> Result<Effort, HeatError> {
        let finest = &self.levels[0];
        let mut scratch = self.scratch();
        let wanted = tolerance * dot(finest, right, right).sqrt();
        let mut rest = vec![0.0; right.len()];
        finest.product(x, Some(right), &mut rest);
        let mut direction = vec![0.0; right.len()];
        let mut image = vec![0.0; right.len()];
        let mut previous = f64::INFINITY;
        for iterations in 0..MOST_STEPS {
            let residual = dot(finest, &rest, &rest).sqrt();
            if residual <= wanted {
                return Ok(Effort {
                    iterations,
                    residual: if wanted > 0.0 { residual / wanted * tolerance } else { 0.0 },
                });
            }
            scratch[0].right.copy_from_slice(&rest);
            self.cycle(0, &mut scratch);
            let gain = dot(finest, &rest, &scratch[0].x);
            combine(finest, &scratch[0].x, gain / previous, &mut direction);
            finest.product(&direction, None, &mut image);
            let step = gain / dot(finest, &direction, &image);
            add(finest, step, &direction, x);
            add(finest, -step, &image, &mut rest);
            previous = gain;
        }
        let residual = dot(finest, &rest, &rest).sqrt() / wanted * tolerance;
        Err(HeatError::NotConverged { iterations: MOST_STEPS, residual })
    }

    fn scratch(&self) -> Vec<Scratch> {
        let zeros = |level: &Conduction| vec![0.0; level.own.len()];
        self.levels.iter().map(|level| Scratch { right: zeros(level), x: zeros(level), rest: zeros(level) }).collect()
    }

    /// One V-cycle for `scratch[at].right`; the answer is left in `scratch[at].x`.
    fn cycle(&self, at: usize, scratch: &mut [Scratch]) {
        let level = &self.levels[at];
        let (mine, coarser) = scratch[at..].split_first_mut().expect("a level has scratch");
        mine.x.fill(0.0);
        let Some(coarse) = coarser.first_mut() else {
            // One column: its own system is the whole system.
            level.smooth(&mine.right, &mut mine.x);
            mine.x.iter_mut().for_each(|x| *x /= DAMPING);
            return;
        };
        level.smooth(&mine.right, &mut mine.x);
        level.product(&mine.x, Some(&mine.right), &mut mine.rest);
        gather(level, &self.levels[at + 1], &mine.rest, &mut coarse.right);
        self.cycle(at + 1, scratch);
        let (mine, coarser) = scratch[at..].split_first_mut().expect("a level has scratch");
        spread(level, &self.levels[at + 1], &coarser[0].x, &mut mine.x);
        level.product(&mine.x, Some(&mine.right), &mut mine.rest);
        level.smooth(&mine.rest, &mut mine.x);
    }
}

/// Sums what four columns hold into one.
fn gather(fine: &Conduction, coarse: &Conduction, from: &[f64], to: &mut [f64]) {
    let layers = fine.count[2];
    to.par_chunks_mut(coarse.row()).with_min_len(rows(coarse)).enumerate().for_each(|(row, to)| {
        to.fill(0.0);
        for j in (2 * row)..(2 * row + 2).min(fine.count[1]) {
            let from = &from[j * fine.row()..(j + 1) * fine.row()];
            for (i, from) in from.chunks(layers).enumerate() {
                let to = &mut to[(i / 2) * layers..(i / 2 + 1) * layers];
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
        }
    });
}

/// Adds a coarse column to its four.
fn spread(fine: &Conduction, coarse: &Conduction, from: &[f64], to: &mut [f64]) {
    let layers = fine.count[2];
    to.par_chunks_mut(fine.row()).with_min_len(rows(fine)).enumerate().for_each(|(row, to)| {
        let from = &from[(row / 2) * coarse.row()..(row / 2 + 1) * coarse.row()];
        for (i, to) in to.chunks_mut(layers).enumerate() {
            let from = &from[(i / 2) * layers..(i / 2 + 1) * layers];
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
    });
}

/// The scalar product, summed per row and then in order.
fn dot(grid: &Conduction, a: &[f64], b: &[f64]) -> f64 {
    let rows = a.par_chunks(grid.row()).zip(b.par_chunks(grid.row())).with_min_len(rows(grid));
    let sums: Vec<f64> = rows.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum()).collect();
    sums.iter().sum()
}

/// `x += factor * direction`.
fn add(grid: &Conduction, factor: f64, direction: &[f64], x: &mut [f64]) {
    let rows = x.par_chunks_mut(grid.row()).zip(direction.par_chunks(grid.row())).with_min_len(rows(grid));
    rows.for_each(|(x, d)| x.iter_mut().zip(d).for_each(|(x, d)| *x += factor * d));
}

/// `direction = fresh + factor * direction`.
fn combine(grid: &Conduction, fresh: &[f64], factor: f64, direction: &mut [f64]) {
    let rows = direction.par_chunks_mut(grid.row()).zip(fresh.par_chunks(grid.row())).with_min_len(rows(grid));
    rows.for_each(|(d, f)| d.iter_mut().zip(f).for_each(|(d, f)| *d = f + factor * *d));
}
