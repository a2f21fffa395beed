//! Views: how a tensor of the model is read from the tensors that a file stores.

use std::borrow::Cow;
use std::ops::Range;

use super::TensorInfo;
use crate::blocks::Encoding;

/// The files behind the sources, by number.
pub(crate) trait Files {
    /// All bytes of a file.
    fn bytes(&self, file: usize) -> &[u8];
}

/// A tensor as a file stores it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The file's name for it.
    pub name: String,
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// Where and how.
    pub storage: Storage,
}

/// Where a tensor's bytes are. Positions were checked against the files when the headers were read.
#[derive(Clone, Debug)]
pub(crate) enum Storage {
    /// Consecutive rows in one encoding, from byte `first` of a file.
    Plain { encoding: Encoding, file: usize, first: usize },
    /// MXFP4 with codes and scales in two tensors: (file, first byte) of each. Sixteen bytes of codes per block, byte `j` holding the elements
    /// `2j` (low) and `2j + 1` (high).
    SplitMx { codes: (usize, usize), scales: (usize, usize) },
    /// An element type that cannot be read, by name.
    Foreign { dtype: String },
}

/// Elements of an MXFP4 block.
const MX_LEN: usize = 32;

impl Source {
    /// Extents of one matrix of the stack: rows and columns. A vector is one row.
    fn matrix(&self) -> (usize, usize) {
        match *self.shape.as_slice() {
            [] => (1, 1),
            [columns] => (1, columns),
            [.., rows, columns] => (rows, columns),
        }
    }

    /// Extents of the stack of matrices.
    fn stack(&self) -> &[usize] {
        &self.shape[..self.shape.len().saturating_sub(2)]
    }

    /// The encoding, or a sentence if there is none that can be read.
    pub fn encoding(&self) -> Result<Encoding, String> {
        match &self.storage {
            Storage::Plain { encoding, .. } => Ok(*encoding),
            Storage::SplitMx { .. } => Ok(Encoding::Mxfp4),
            Storage::Foreign { dtype } => Err(format!(
                "tensor `{}` is of type {dtype}, and F32, F16 and BF16 are read: convert it to BF16",
                self.name
            )),
        }
    }

    /// The bytes of rows that are stored as they are.
    fn plain_rows<'a>(&self, files: &'a dyn Files, rows: Range<usize>) -> Option<&'a [u8]> {
        let Storage::Plain { encoding, file, first } = self.storage else {
            return None;
        };
        let stride = row_bytes(encoding, self.matrix().1);
        Some(&files.bytes(file)[first + rows.start * stride..first + rows.end * stride])
    }

    /// The bytes of one row in the source's encoding.
    fn row<'a>(&self, files: &'a dyn Files, row: usize) -> Cow<'a, [u8]> {
        match self.storage {
            Storage::Plain { .. } => Cow::Borrowed(self.plain_rows(files, row..row + 1).expect("the storage is plain")),
            Storage::SplitMx { codes, scales } => {
                let blocks = self.matrix().1 / MX_LEN;
                let codes = &files.bytes(codes.0)[codes.1 + row * blocks * 16..][..blocks * 16];
                let scales = &files.bytes(scales.0)[scales.1 + row * blocks..][..blocks];
                Cow::Owned(codes.as_chunks().0.iter().zip(scales).flat_map(|(c, s)| join_mx(c, *s)).collect())
            }
            Storage::Foreign { .. } => {
                unreachable!("no view is made of a source that cannot be read")
            }
        }
    }

    /// Decodes `out.len()` elements of a row from column `first`, which begins a block.
    fn decode(&self, files: &dyn Files, row: usize, first: usize, out: &mut [f32]) {
        let encoding = self.encoding().expect("no view is made of a source that cannot be read");
        let bytes = self.row(files, row);
        let range = row_bytes(encoding, first)..row_bytes(encoding, first + out.len());
        encoding.decode(&bytes[range], out);
    }
}

/// Bytes of a row's first `columns` elements.
fn row_bytes(encoding: Encoding, columns: usize) -> usize {
    columns / encoding.block_len() * encoding.block_bytes()
}

/// A GGUF MXFP4 block from 16 bytes of codes in pairs of neighbours and a scale: there, byte `j` holds the elements `j` and `j + 16`.
fn join_mx(codes: &[u8; 16], scale: u8) -> [u8; 17] {
    let code = |i: usize| codes[i / 2] >> (4 * (i % 2)) & 15;
    std::array::from_fn(|at| match at {
        0 => scale,
        at => code(at - 1) | code(at + 15) << 4,
    })
}

/// Which way the wanted matrix lies in the stored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    /// Its rows are rows of the stored matrix.
    Rows,
    /// Its columns are columns of the stored matrix.
    Columns,
    /// Its rows are columns of the stored matrix.
    Transposed,
}

/// How a tensor is made from what is stored: a part of each stored matrix along an axis, plus a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Recipe {
    /// Direction.
    pub axis: Axis,
    /// Which part, of how many.
    pub part: usize,
    /// Number of parts that the axis is cut in.
    pub parts: usize,
    /// Whether the parts alternate (0, 1, 0, 1, ...) instead of following each other.
    pub alternate: bool,
    /// Added to every element.
    pub add: f32,
    /// Whether a matrix of one row is made a vector.
    pub flatten: bool,
}

/// A tensor of the model, over tensors of the file.
#[derive(Debug)]
pub(crate) struct View {
    info: TensorInfo,
    /// The stored tensors, stacked if there are several: all of one shape and encoding.
    sources: Vec<usize>,
    axis: Axis,
    add: f32,
    /// First, distance and number of the chosen rows or columns of each stored matrix.
    first: usize,
    step: usize,
    count: usize,
    /// Stored matrices per source, and their extents.
    matrices: usize,
    rows: usize,
    columns: usize,
}

impl View {
    /// A view of one tensor (`stacked` false), or of several that become one with a new outermost dimension.
    pub fn new(
        name: String,
        all: &[Source],
        chosen: Vec<usize>,
        recipe: Recipe,
        stacked: bool,
    ) -> Result<View, String> {
        let source = &all[chosen[0]];
        let encoding = check_sources(all, &chosen)?;
        let (rows, columns) = source.matrix();
        check_recipe(source, encoding, recipe)?;
        let count = if recipe.axis == Axis::Rows { rows } else { columns } / recipe.parts;
        let (first, step) = if recipe.alternate { (recipe.part, recipe.parts) } else { (recipe.part * count, 1) };
        let shape = shape(source, chosen.len(), stacked, recipe, count);
        let encoding = if recipe.add == 0.0 { encoding } else { Encoding::F32 };
        Ok(View {
            info: TensorInfo { name, shape, encoding },
            matrices: source.stack().iter().product(),
            sources: chosen,
            axis: recipe.axis,
            add: recipe.add,
            first,
            step,
            count,
            rows,
            columns,
        })
    }

    /// Name, shape and encoding.
    pub fn info(&self) -> &TensorInfo {
        &self.info
    }

    /// Rows of one matrix of the view.
    fn rows_per_matrix(&self) -> usize {
        if self.axis == Axis::Columns { self.rows } else { self.count }
    }

    /// Decodes as many rows as `out` has room for, from row `first`.
    pub fn read(&self, all: &[Source], files: &dyn Files, first: usize, out: &mut [f32]) {
        let (width, height) = (self.info.columns(), self.rows_per_matrix());
        let (mut row, mut rest) = (first, &mut *out);
        while !rest.is_empty() {
            let (matrix, within) = (row / height, row % height);
            let rows = (height - within).min(rest.len() / width);
            let (now, later) = rest.split_at_mut(rows * width);
            let source = &all[self.sources[matrix / self.matrices]];
            self.read_matrix(source, files, matrix % self.matrices, within, now);
            (row, rest) = (row + rows, later);
        }
        if self.add != 0.0 {
            out.iter_mut().for_each(|x| *x += self.add);
        }
    }

    /// Decodes rows of one matrix.
    fn read_matrix(&self, source: &Source, files: &dyn Files, matrix: usize, first: usize, out: &mut [f32]) {
        let base = matrix * self.rows;
        match self.axis {
            Axis::Rows => self.read_rows(source, files, base + self.first + first * self.step, out),
            Axis::Columns => self.read_columns(source, files, base + first, out),
            Axis::Transposed => self.read_transposed(source, files, base, first, out),
        }
    }

    /// Decodes stored rows `first`, `first + step`, ...
    fn read_rows(&self, source: &Source, files: &dyn Files, first: usize, out: &mut [f32]) {
        let rows = first..first + out.len() / self.columns;
        if self.step == 1
            && let Some(bytes) = source.plain_rows(files, rows)
        {
            return self.info_encoding(source).decode(bytes, out);
        }
        for (i, out) in out.chunks_exact_mut(self.columns).enumerate() {
            source.decode(files, first + i * self.step, 0, out);
        }
    }

    /// Decodes stored rows from `first`, and keeps the chosen columns.
    fn read_columns(&self, source: &Source, files: &dyn Files, first: usize, out: &mut [f32]) {
        let mut stored = vec![0.0; self.columns];
        for (i, out) in out.chunks_exact_mut(self.count).enumerate() {
            source.decode(files, first + i, 0, &mut stored);
            gather(&stored[self.first..], self.step, out.iter_mut());
        }
    }

    /// Makes rows from `first` of the transposed matrix: each stored row gives one column, so stored rows are read once each.
    fn read_transposed(&self, source: &Source, files: &dyn Files, base: usize, first: usize, out: &mut [f32]) {
        let rows = out.len() / self.rows;
        let mut stored = vec![0.0; (rows - 1) * self.step + 1];
        for j in 0..self.rows {
            source.decode(files, base + j, self.first + first * self.step, &mut stored);
            gather(&stored, self.step, out[j..].iter_mut().step_by(self.rows));
        }
    }

    /// The encoding of a source of this view, which is the view's own unless a constant is added.
    fn info_encoding(&self, source: &Source) -> Encoding {
        source.encoding().unwrap_or(self.info.encoding)
    }

    /// The view's bytes in its encoding, if rows of the file are rows of the view.
    pub fn raw<'a>(&self, all: &[Source], files: &'a dyn Files) -> Option<Cow<'a, [u8]>> {
        if self.axis != Axis::Rows || self.add != 0.0 {
            return None;
        }
        let whole = self.step == 1 && (self.matrices == 1 || self.count == self.rows);
        if whole && self.sources.len() == 1 {
            let rows = self.first..self.first + self.matrices * self.count;
            if let Some(bytes) = all[self.sources[0]].plain_rows(files, rows) {
                return Some(Cow::Borrowed(bytes));
            }
        }
        Some(Cow::Owned(self.gather_raw(all, files)))
    }

    /// The bytes of every row, one after the other.
    fn gather_raw(&self, all: &[Source], files: &dyn Files) -> Vec<u8> {
        let rows = self.info.rows();
        let mut bytes = Vec::with_capacity(rows * row_bytes(self.info.encoding, self.columns));
        for row in 0..rows {
            let (matrix, within) = (row / self.count, row % self.count);
            let source = &all[self.sources[matrix / self.matrices]];
            let stored = matrix % self.matrices * self.rows + self.first + within * self.step;
            bytes.extend_from_slice(&source.row(files, stored));
        }
        bytes
    }
}

/// The common encoding of tensors that are to be stacked, or why they cannot be.
fn check_sources(all: &[Source], chosen: &[usize]) -> Result<Encoding, String> {
    let source = &all[chosen[0]];
    let encoding = source.encoding()?;
    if source.shape.contains(&0) {
        return Err(format!("tensor `{}` has the shape {:?}, and extents must be positive", source.name, source.shape));
    }
    for &other in &chosen[1..] {
        if all[other].shape != source.shape || all[other].encoding()? != encoding {
            let (a, b) = (&source.name, &all[other].name);
            return Err(format!("tensors `{a}` and `{b}` belong to one stack and differ in shape or type"));
        }
    }
    Ok(encoding)
}

/// Whether a recipe can be followed on a stored tensor.
fn check_recipe(source: &Source, encoding: Encoding, recipe: Recipe) -> Result<(), String> {
    let (rows, columns) = source.matrix();
    let (length, parts) = (if recipe.axis == Axis::Rows { rows } else { columns }, recipe.parts);
    let (name, shape) = (&source.name, &source.shape);
    if !length.is_multiple_of(parts) {
        return Err(format!(
            "tensor `{name}` is {parts} tensors in one, and its extent of {length} is no multiple of that"
        ));
    }
    if recipe.axis != Axis::Rows && encoding.block_len() > 1 {
        return Err(format!(
            "tensor `{name}` would have to be cut across its {encoding} blocks: use a file in F32, F16 or BF16"
        ));
    }
    if recipe.axis == Axis::Transposed && shape.len() < 2 {
        return Err(format!("tensor `{name}` should be a matrix, and has the shape {shape:?}"));
    }
    Ok(())
}

/// Copies every `step`-th element.
fn gather<'a>(from: &[f32], step: usize, to: impl Iterator<Item = &'a mut f32>) {
    for (to, from) in to.zip(from.iter().step_by(step)) {
        *to = *from;
    }
}

/// The shape of a view.
fn shape(source: &Source, sources: usize, stacked: bool, recipe: Recipe, count: usize) -> Vec<usize> {
    let (rows, columns) = source.matrix();
    let mut shape = if stacked { vec![sources] } else { Vec::new() };
    shape.extend_from_slice(source.stack());
    match recipe.axis {
        _ if source.shape.len() < 2 => shape.push(if recipe.axis == Axis::Rows { columns } else { count }),
        Axis::Rows => shape.extend([count, columns]),
        Axis::Columns => shape.extend([rows, count]),
        Axis::Transposed => shape.extend([count, rows]),
    }
    if recipe.flatten && shape.len() == 2 && shape[0] == 1 {
        shape.remove(0);
    }
    shape
}
