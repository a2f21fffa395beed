//! Where cells begin and end in the plane: evenly, or along the edges of what lies there.

use super::Stack;
use crate::shape::Rectangle;
use base::units::Millimetres;
use std::ops::Range;

/// Edges closer than this are one: sums of millimetres miss by rounding.
const SAME: f64 = 1e-6;

/// Rising edges along x and y, from zero to the extent of a stack, in millimetres.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines([Vec<f64>; 2]);

impl Lines {
    /// Cells of one size, as many as the stack says.
    pub fn even(stack: &Stack) -> Lines {
        let edges =
            |extent: Millimetres, count: usize| (0..=count).map(|at| extent.0 * at as f64 / count as f64).collect();
        Lines([edges(stack.width, stack.columns), edges(stack.height, stack.rows)])
    }

    /// Cells that end where each of `areas` ends; none is wider and higher than what stands with the areas that it lies beside or in, or than `rest` elsewhere.
    pub fn along(stack: &Stack, areas: &[(Rectangle, [Millimetres; 2])], rest: Millimetres) -> Lines {
        let across: Vec<_> = areas.iter().map(|(area, most)| (area.x.0, area.right().0, most[0].0)).collect();
        let up: Vec<_> = areas.iter().map(|(area, most)| (area.y.0, area.top().0, most[1].0)).collect();
        Lines([edges(stack.width.0, &across, rest.0), edges(stack.height.0, &up, rest.0)])
    }

    /// Cells along x and y.
    pub fn count(&self) -> [usize; 2] {
        self.0.each_ref().map(|edges| edges.len() - 1)
    }

    /// Extents of the cells along x and y.
    pub fn widths(&self) -> [Vec<Millimetres>; 2] {
        self.0.each_ref().map(|edges| edges.windows(2).map(|pair| Millimetres(pair[1] - pair[0])).collect())
    }

    /// The centre of a cell.
    pub fn centre(&self, i: usize, j: usize) -> (Millimetres, Millimetres) {
        let [x, y] = &self.0;
        (Millimetres((x[i] + x[i + 1]) / 2.0), Millimetres((y[j] + y[j + 1]) / 2.0))
    }

    /// The outline of a cell.
    pub fn cell(&self, i: usize, j: usize) -> Rectangle {
        let [x, y] = &self.0;
        Rectangle::new(x[i], y[j], x[i + 1] - x[i], y[j + 1] - y[j])
    }

    /// The cells along x and y that an area touches.
    pub fn touched(&self, area: &Rectangle) -> [Range<usize>; 2] {
        let span = |edges: &[f64], low: f64, high: f64| {
            let last = edges.len() - 1;
            let first = edges.partition_point(|edge| *edge <= low).saturating_sub(1);
            first.min(last)..edges.partition_point(|edge| *edge < high).min(last)
        };
        [span(&self.0[0], area.x.0, area.right().0), span(&self.0[1], area.y.0, area.top().0)]
    }
}

/// Edges from zero to `extent` through the ends of `spans`.
fn edges(extent: f64, spans: &[(f64, f64, f64)], rest: f64) -> Vec<f64> {
    let mut marks: Vec<f64> = spans.iter().flat_map(|(low, high, _)| [*low, *high]).chain([0.0, extent]).collect();
    marks.retain(|mark| (0.0..=extent).contains(mark));
    marks.sort_by(f64::total_cmp);
    marks.dedup_by(|next, kept| *next - *kept < SAME);
    let mut edges = vec![0.0];
    for pair in marks.windows(2) {
        let middle = (pair[0] + pair[1]) / 2.0;
        let beside = spans.iter().filter(|(low, high, _)| *low < middle && middle < *high);
        let most = beside.map(|(_, _, most)| *most).fold(rest, f64::min);
        let count = ((pair[1] - pair[0]) / most).ceil().max(1.0) as usize;
        edges.extend((1..=count).map(|at| pair[0] + (pair[1] - pair[0]) * at as f64 / count as f64));
    }
    edges
}
