//! The weights by name, held decoded or read from the file, and the products with them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use rayon::prelude::*;

use super::{kernel, math};
use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::network::{Norm, TensorNeed};

/// Weight rows that one task works on.
const ROWS: usize = 64;

/// One tensor.
#[derive(Debug)]
struct Tensor {
    rows: usize,
    columns: usize,
    /// The decoded values; `None`: they are read from the file whenever needed.
    held: Option<Vec<f32>>,
}

/// All tensors of a network.
#[derive(Debug)]
pub(super) struct Weights<'a> {
    checkpoint: &'a Checkpoint,
    tensors: HashMap<String, Tensor>,
}

impl<'a> Weights<'a> {
    /// Decodes what is to be held: vectors and biases always, matrices if `hold`.
    pub fn load(checkpoint: &'a Checkpoint, needs: &[TensorNeed], hold: bool) -> Result<Weights<'a>> {
        let load = |need: &TensorNeed| -> Result<(String, Tensor)> {
            let small = need.shape.len() == 1 || need.name.ends_with(".bias");
            let held = if small || hold { Some(checkpoint.f32(&need.name)?) } else { None };
            let (columns, outer) = need.shape.split_last().expect("no tensor is without extents");
            Ok((need.name.clone(), Tensor { rows: outer.iter().product(), columns: *columns, held }))
        };
        let tensors = needs.par_iter().map(load).collect::<Result<_>>()?;
        Ok(Weights { checkpoint, tensors })
    }

    fn tensor(&self, name: &str) -> &Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("`{name}` is not among the tensors of the description"))
    }

    /// Some rows of a tensor.
    fn rows(&self, name: &str, range: Range<usize>) -> Cow<'_, [f32]> {
        let tensor = self.tensor(name);
        let width = tensor.columns;
        if let Some(held) = &tensor.held {
            return Cow::Borrowed(&held[range.start * width..range.end * width]);
        }
        let mut rows = vec![0.0; range.len() * width];
        self.checkpoint.rows_f32(name, range.start, range.len(), &mut rows).expect("shapes were checked when loading");
        Cow::Owned(rows)
    }

    /// One row of a tensor, decoded.
    pub fn row(&self, name: &str, row: usize) -> Vec<f32> {
        self.rows(name, row..row + 1).into_owned()
    }

    /// A whole vector, if the description has it.
    pub fn vector(&self, name: &str) -> Option<&[f32]> {
        self.tensors.get(name)?.held.as_deref()
    }

    /// Normalises every row of `width` values, with the weights of this name.
    pub fn norm(&self, name: &str, norm: Norm, x: &[f32], width: usize) -> Vec<f32> {
        let weight = self.vector(&format!("{name}.weight")).expect("a norm has weights");
        let bias = self.vector(&format!("{name}.bias"));
        let mut y = x.to_vec();
        y.chunks_exact_mut(width).for_each(|row| math::normalise(norm, row, weight, bias));
        y
    }

    /// `W x + b` for every token of `x`: per token a row of outputs. The bias is added if the description has one.
    pub fn linear(&self, name: &str, x: &[f32]) -> Vec<f32> {
        self.linear_part(name, x, 0, 1)
    }

    /// As [`Weights::linear`] with the `part`-th of `parts` equal parts of the rows: one of stacked experts.
    pub fn linear_part(&self, name: &str, x: &[f32], part: usize, parts: usize) -> Vec<f32> {
        let matrix = format!("{name}.weight");
        let Tensor { rows, columns, .. } = *self.tensor(&matrix);
        let (count, tokens) = (rows / parts, x.len() / columns);
        if count * tokens == 0 {
            return Vec::new();
        }
        let mut by_row = vec![0.0; count * tokens];
        by_row.par_chunks_mut(ROWS * tokens).enumerate().for_each(|(block, out)| {
            let first = part * count + block * ROWS;
            let rows = self.rows(&matrix, first..first + out.len() / tokens);
            kernel::product(&rows, x, columns, out);
        });
        let mut y = transposed(by_row, count, tokens);
        if let Some(bias) = self.vector(&format!("{name}.bias")) {
            y.chunks_exact_mut(count).for_each(|row| math::add(row, &bias[part * count..][..count]));
        }
        y
    }
}

/// From `rows x tokens` to `tokens x rows`.
fn transposed(by_row: Vec<f32>, rows: usize, tokens: usize) -> Vec<f32> {
    if tokens == 1 {
        return by_row;
    }
    let mut y = vec![0.0; by_row.len()];
    y.par_chunks_mut(rows).enumerate().for_each(|(token, out)| {
        for (row, out) in out.iter_mut().enumerate() {
            *out = by_row[row * tokens + token];
        }
    });
    y
}
