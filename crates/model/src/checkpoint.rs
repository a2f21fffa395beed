//! A model file, whatever its container: named tensors with shapes and encodings, and the bytes behind them.
//!
//! Families name and lay out the same tensors differently: Hugging Face has `model.layers.0.self_attn.q_proj.weight`, stores the weights of GPT-2
//! transposed, gpt-oss's gates and ups interleaved, and each expert of Mixtral on its own. A [`Checkpoint`] shows one face: GGUF names, matrices as
//! `[outputs, inputs]`, experts stacked. Nothing is rewritten for that. Each tensor is a *view*: a small recipe (which stored tensors, which of their
//! rows or columns, transposed or not, plus a constant) that is followed when somebody asks for rows. Which recipe belongs to which name stands in
//! the table of `names`.
//!
//! One thing is not hidden: rotary pairs. GGUF `llama` files hold query and key rows permuted for interleaved pairs, safetensors hold them in halves;
//! the rows are given as stored, and [`crate::network::RopeLayout`] says which it is.

pub(crate) mod bytes;
pub(crate) mod names;
mod pattern;
pub(crate) mod view;

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use crate::blocks::Encoding;
use crate::error::{Error, Result};
use crate::gguf::{Gguf, Tensor};
use crate::safetensors::Safetensors;
use view::{Files, Source, Storage, View};

/// One tensor of a checkpoint, under its GGUF name.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    /// GGUF name, e.g. `blk.0.attn_q.weight`.
    pub name: String,
    /// Extents, outermost first: a matrix is `[rows (outputs), columns (inputs)]`, stacked experts are `[experts, rows, columns]`.
    pub shape: Vec<usize>,
    /// How the elements are stored.
    pub encoding: Encoding,
}

impl TensorInfo {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Extent of the innermost dimension.
    pub fn columns(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// Product of all extents but the innermost; 1 for a vector.
    pub fn rows(&self) -> usize {
        self.shape.iter().rev().skip(1).product()
    }
}

/// The container behind a checkpoint.
#[derive(Debug)]
enum Container {
    Gguf(Gguf),
    Safetensors(Safetensors),
}

impl Files for Container {
    fn bytes(&self, file: usize) -> &[u8] {
        match self {
            Container::Gguf(gguf) => gguf.file_bytes(),
            Container::Safetensors(safetensors) => safetensors.bytes(file),
        }
    }
}

/// An open model.
///
/// ```no_run
/// let model = model::checkpoint::Checkpoint::open("model.gguf".as_ref())?;
/// for tensor in model.tensors() {
///     println!("{} {:?} {}", tensor.name, tensor.shape, tensor.encoding);
/// }
/// let embedding_of_token_7 = {
///     let mut row = vec![0.0; model.info("token_embd.weight")?.columns()];
///     model.rows_f32("token_embd.weight", 7, 1, &mut row)?;
///     row
/// };
/// # Ok::<(), model::Error>(())
/// ```
#[derive(Debug)]
pub struct Checkpoint {
    container: Container,
    sources: Vec<Source>,
    infos: Vec<TensorInfo>,
    views: Vec<View>,
    index: HashMap<String, usize>,
}

impl Checkpoint {
    /// Opens a GGUF file, a `.safetensors` file with its `config.json` beside it, or a directory that holds a model in safetensors.
    ///
    /// # Errors
    /// If nothing of this kind is there, or it is malformed or of an unsupported family.
    pub fn open(path: &Path) -> Result<Checkpoint> {
        if path.is_dir() {
            return Checkpoint::from_safetensors(Safetensors::open_directory(path)?);
        }
        match path.extension().and_then(|e| e.to_str()) {
            Some("safetensors") => Checkpoint::from_safetensors(Safetensors::open_file(path)?),
            _ => Checkpoint::from_gguf(Gguf::open(path)?),
        }
    }

    /// Reads a GGUF file that is already in memory; `name` stands in error messages.
    ///
    /// # Errors
    /// If the bytes are not a consistent GGUF file.
    pub fn from_gguf_bytes(name: &str, bytes: Vec<u8>) -> Result<Checkpoint> {
        Checkpoint::from_gguf(Gguf::from_bytes(name, bytes)?)
    }

    /// Reads one safetensors file and its configuration (the text of `config.json`) from memory; `name` stands in error messages.
    ///
    /// # Errors
    /// If the bytes are not a consistent safetensors file, or of an unsupported family.
    pub fn from_safetensors_bytes(name: &str, config: &str, bytes: Vec<u8>) -> Result<Checkpoint> {
        Checkpoint::from_safetensors(Safetensors::from_bytes(name, config, bytes)?)
    }

    fn from_gguf(gguf: Gguf) -> Result<Checkpoint> {
        let architecture = gguf.metadata().find::<&str>("general.architecture")?.unwrap_or_default().to_owned();
        let sources: Vec<Source> = gguf.tensors().iter().map(Tensor::source).collect();
        let views = names::gguf_views(&architecture, &sources).map_err(|what| unsupported(gguf.path(), what))?;
        Ok(Checkpoint::new(Container::Gguf(gguf), sources, views))
    }

    fn from_safetensors(safetensors: Safetensors) -> Result<Checkpoint> {
        let sources = safetensors.sources()?;
        let views = names::hugging_face_views(safetensors.config(), &sources)
            .map_err(|what| unsupported(safetensors.path(), what))?;
        Ok(Checkpoint::new(Container::Safetensors(safetensors), sources, views))
    }

    fn new(container: Container, sources: Vec<Source>, views: Vec<View>) -> Checkpoint {
        let infos: Vec<TensorInfo> = views.iter().map(|v| v.info().clone()).collect();
        let index = infos.iter().enumerate().map(|(at, info)| (info.name.clone(), at)).collect();
        Checkpoint { container, sources, infos, views, index }
    }

    /// The tensors: in the file's order for GGUF, by layer and name for safetensors.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.infos
    }

    /// The tensor of this name, if there is one.
    pub fn find(&self, name: &str) -> Option<&TensorInfo> {
        self.index.get(name).map(|&at| &self.infos[at])
    }

    /// The tensor of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn info(&self, name: &str) -> Result<&TensorInfo> {
        self.view(name).map(View::info)
    }

    /// Decodes `rows` consecutive rows; the rows of all dimensions but the innermost are counted through.
    ///
    /// # Errors
    /// If there is no such tensor or no such rows, or `out` is not of `rows * columns` elements.
    pub fn rows_f32(&self, name: &str, first_row: usize, rows: usize, out: &mut [f32]) -> Result<()> {
        let view = self.view(name)?;
        let (have, columns) = (view.info().rows(), view.info().columns());
        if first_row.checked_add(rows).is_none_or(|end| end > have) {
            return Err(Error::Request(format!(
                "tensor `{name}` has {have} rows, and {rows} from row {first_row} were asked for"
            )));
        }
        if rows.checked_mul(columns) != Some(out.len()) {
            let what = format!(
                "{rows} rows of tensor `{name}` have {columns} elements each, and room for {} was given",
                out.len()
            );
            return Err(Error::Request(what));
        }
        view.read(&self.sources, &self.container, first_row, out);
        Ok(())
    }

    /// Decodes a whole tensor, row after row.
    ///
    /// # Errors
    /// If there is no such tensor.
    pub fn f32(&self, name: &str) -> Result<Vec<f32>> {
        let info = self.info(name)?;
        let mut out = vec![0.0; info.elements()];
        self.rows_f32(name, 0, info.rows(), &mut out)?;
        Ok(out)
    }

    /// The tensor's bytes in its [`TensorInfo::encoding`], row after row; `None` if it is only available decoded.
    ///
    /// Borrowed where the file holds exactly these bytes. Stacked or selected rows, and MXFP4 codes kept apart from their scales, are gathered.
    ///
    /// # Errors
    /// If there is no such tensor.
    pub fn raw(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>> {
        Ok(self.view(name)?.raw(&self.sources, &self.container))
    }

    /// The GGUF file, if that is the container: its metadata describe network and tokenizer.
    pub fn gguf(&self) -> Option<&Gguf> {
        if let Container::Gguf(gguf) = &self.container { Some(gguf) } else { None }
    }

    /// The Hugging Face configuration (`config.json`), if the container is safetensors.
    pub fn config(&self) -> Option<&serde_json::Value> {
        if let Container::Safetensors(safetensors) = &self.container { Some(safetensors.config()) } else { None }
    }

    /// The path that was opened, or the name it was given.
    pub fn path(&self) -> &Path {
        match &self.container {
            Container::Gguf(gguf) => gguf.path(),
            Container::Safetensors(safetensors) => safetensors.path(),
        }
    }

    /// Bytes of all files that hold tensors.
    pub fn bytes_total(&self) -> u64 {
        match &self.container {
            Container::Gguf(gguf) => gguf.bytes_total(),
            Container::Safetensors(safetensors) => safetensors.bytes_total(),
        }
    }

    fn view(&self, name: &str) -> Result<&View> {
        match self.index.get(name) {
            Some(&at) => Ok(&self.views[at]),
            None => {
                Err(unsupported(self.path(), format!("there is no tensor `{name}` among its {}", self.views.len())))
            }
        }
    }
}

fn unsupported(file: &Path, what: String) -> Error {
    Error::Unsupported { file: file.to_owned(), what }
}

impl Tensor {
    fn source(&self) -> Source {
        Source {
            name: self.info.name.clone(),
            shape: self.info.shape.clone(),
            storage: Storage::Plain { encoding: self.info.encoding, file: 0, first: self.offset },
        }
    }
}
