//! The plan: which format each tensor has on the chip, which grid each product uses, and which rows each core computes.
//!
//! Formats and grids depend on the network alone, never on the chip or the number of cores: they decide the bits of the result. Everything that does
//! depend on the machine (tiling, splitting, addresses) comes after and cannot change a bit.

use crate::blocks::{exact_kind, quantise, read_exact};
use crate::{Error, Options};
use arch::Chip;
use base::tile::{BLOCK, WeightKind};
use model::blocks::Encoding;
use model::checkpoint::Checkpoint;
use model::network::{Attention, FeedForward, GroupedAttention, Layer, Network};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// What a product is for. All products of one role share a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Role {
    Head,
    Qkv,
    Out,
    GateUp,
    Down,
    Router,
    ExpertGateUp,
    ExpertDown,
    SharedGateUp,
    SharedDown,
    SharedGate,
}

/// How the rows of a matrix are divided among the cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitBy {
    /// By key/value head; each has this many rows.
    Heads {
        /// Key/value heads.
        heads: usize,
        /// Rows per key/value head.
        rows: usize,
    },
    /// By tiles of 32 rows.
    Rows,
    /// Not divided: every core computes all rows.
    Whole,
}

/// One tensor of a product.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// GGUF name.
    pub tensor: String,
    /// Rows (of one expert).
    pub rows: usize,
    /// Format on the chip.
    pub kind: WeightKind,
    /// Division among cores.
    pub split: SplitBy,
}

/// A product: tensors that are applied to the same activations.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// What it is for.
    pub role: Role,
    /// Its tensors; rows follow one another.
    pub parts: Vec<Part>,
    /// Columns.
    pub k: usize,
    /// Stacked experts (1: none).
    pub experts: usize,
}

/// Bytes of `rows` x `k` weights as tiles.
pub fn tiles_bytes(kind: WeightKind, rows: usize, k: usize) -> usize {
    rows.div_ceil(BLOCK) * k.div_ceil(BLOCK) * kind.tile_bytes()
}

impl Part {
    /// Rows that member `member` of `members` computes.
    pub fn slice(&self, member: usize, members: usize) -> Range<usize> {
        let share = |total: usize, i: usize| total * i / members;
        match self.split {
            SplitBy::Whole => 0..self.rows,
            SplitBy::Heads { heads, rows } => share(heads, member) * rows..share(heads, member + 1) * rows,
            SplitBy::Rows => {
                let tiles = self.rows.div_ceil(BLOCK);
                let bound = |i: usize| (share(tiles, i) * BLOCK).min(self.rows);
                bound(member)..bound(member + 1)
            }
        }
    }
}

impl Linear {
    /// Bytes of one expert's slice.
    pub fn slice_bytes(&self, member: usize, members: usize) -> usize {
        self.before(self.parts.len(), member, members).0
    }

    /// Rows of one expert's slice, each part padded to whole tiles.
    pub fn slice_rows(&self, member: usize, members: usize) -> usize {
        self.before(self.parts.len(), member, members).1
    }

    /// Bytes and rows of one expert's slice that stand before this part.
    pub fn before(&self, part: usize, member: usize, members: usize) -> (usize, usize) {
        self.parts[..part].iter().fold((0, 0), |(bytes, rows), part| {
            let own = part.slice(member, members).len().next_multiple_of(BLOCK);
            (bytes + tiles_bytes(part.kind, own, self.k), rows + own)
        })
    }
}

/// The products of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerPlan {
    /// Index of the layer.
    pub index: usize,
    /// Query, key, value.
    pub qkv: Linear,
    /// Attention output.
    pub out: Linear,
    /// Feed-forward products.
    pub ffn: FfnPlan,
}

/// The feed-forward products of one layer.
#[derive(Clone, Debug, PartialEq)]
pub enum FfnPlan {
    /// One network.
    Dense {
        /// Gate and up, or up alone.
        up: Linear,
        /// Down.
        down: Linear,
    },
    /// Experts.
    Experts {
        /// Router.
        router: Linear,
        /// Gate and up of every expert.
        up: Linear,
        /// Down of every expert.
        down: Linear,
        /// The shared expert's products.
        shared: Option<(Linear, Linear)>,
        /// The shared expert's gate.
        shared_gate: Option<Linear>,
    },
}

impl LayerPlan {
    /// Every product of the layer.
    pub fn linears(&self) -> Vec<&Linear> {
        let mut list = vec![&self.qkv, &self.out];
        match &self.ffn {
            FfnPlan::Dense { up, down } => list.extend([up, down]),
            FfnPlan::Experts { router, up, down, shared, shared_gate } => {
                list.extend([router, up, down]);
                list.extend(shared.iter().flat_map(|(up, down)| [up, down]));
                list.extend(shared_gate);
            }
        }
        list
    }
}

/// How one tensor is stored on the chip, and what that cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Encoding in the file.
    pub from: Encoding,
    /// Format on the chip.
    pub to: WeightKind,
    /// Root mean square error relative to the root mean square of the values; 0 if the format holds the file's values exactly.
    pub error: f64,
    /// Elements.
    pub elements: u64,
    /// Largest magnitude the codes can reach.
    reach: f32,
}

/// The whole plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Layers.
    pub layers: Vec<LayerPlan>,
    /// Embedding and head share this shape; `head.parts[0].tensor` is the embedding where they are tied.
    pub head: Linear,
    /// The embedding's tensor and format.
    pub embed: Part,
    /// Grid exponent per role.
    pub grids: BTreeMap<Role, i32>,
    /// Every matrix tensor.
    pub choices: BTreeMap<String, Choice>,
}

/// Grid of q.k: both are at most 2^10 in magnitude before the window is left.
pub const SCORE_GRID: i32 = -26;
/// Grid of probabilities times values: values up to 2^12.
pub const VALUE_GRID: i32 = -34;

impl Plan {
    /// Choose formats and grids.
    pub fn new(checkpoint: &Checkpoint, network: &Network, chip: &Chip, options: &Options) -> Result<Plan, Error> {
        supported(network)?;
        suited(chip, options)?;
        let mut plan = Plan {
            layers: network.layers.iter().enumerate().map(|(i, layer)| layer_plan(i, layer, network.hidden)).collect(),
            head: linear(Role::Head, network.hidden, vec![part(head_tensor(network), network.vocab, SplitBy::Rows)]),
            embed: part("token_embd.weight".into(), network.vocab, SplitBy::Whole),
            grids: BTreeMap::new(),
            choices: BTreeMap::new(),
        };
        plan.choose(checkpoint, chip, options)?;
        Ok(plan)
    }

    fn choose(&mut self, checkpoint: &Checkpoint, chip: &Chip, options: &Options) -> Result<(), Error> {
        let names: Vec<String> = self.parts().map(|part| part.tensor.clone()).collect();
        let choices: Result<Vec<Choice>, Error> =
            names.par_iter().map(|name| choice(checkpoint, name, chip, options)).collect();
        self.choices = names.into_iter().zip(choices?).collect();
        let choices = self.choices.clone();
        self.parts_mut().for_each(|part| part.kind = choices[&part.tensor].to);
        let mut reach: BTreeMap<Role, f32> = BTreeMap::new();
        for linear in self.linears() {
            for part in &linear.parts {
                let most = reach.entry(linear.role).or_insert(0.0);
                *most = most.max(choices[&part.tensor].reach);
            }
        }
        self.grids = reach.into_iter().map(|(role, reach)| (role, grid(reach))).collect();
        Ok(())
    }

    fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.layers.iter().flat_map(LayerPlan::linears).chain([&self.head])
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.linears().flat_map(|linear| &linear.parts).chain([&self.embed])
    }

    fn parts_mut(&mut self) -> impl Iterator<Item = &mut Part> {
        let layers = self.layers.iter_mut().flat_map(|layer| {
            let ffn: Vec<&mut Linear> = match &mut layer.ffn {
                FfnPlan::Dense { up, down } => vec![up, down],
                FfnPlan::Experts { router, up, down, shared, shared_gate } => {
                    let shared = shared.iter_mut().flat_map(|(up, down)| [up, down]);
                    [router, up, down].into_iter().chain(shared).chain(shared_gate.iter_mut()).collect()
                }
            };
            [&mut layer.qkv, &mut layer.out].into_iter().chain(ffn)
        });
        layers.flat_map(|linear| &mut linear.parts).chain(&mut self.head.parts).chain([&mut self.embed])
    }

    /// The grid of a role.
    pub fn grid(&self, role: Role) -> i32 {
        self.grids[&role]
    }
}

/// The grid that leaves room for activations up to 2^16: a block's term is at most `32 * 2^16 * reach` and must stay below `2^51` grid steps.
fn grid(reach: f32) -> i32 {
    let log = if reach > 0.0 { f64::from(reach).log2().ceil() as i32 } else { 0 };
    log + 5 + 16 - 51
}

fn head_tensor(network: &Network) -> String {
    let name = if network.tied_head { "token_embd.weight" } else { "output.weight" };
    name.to_string()
}

fn part(tensor: String, rows: usize, split: SplitBy) -> Part {
    Part { tensor, rows, kind: WeightKind::I8s, split }
}

fn linear(role: Role, k: usize, parts: Vec<Part>) -> Linear {
    Linear { role, parts, k, experts: 1 }
}

fn layer_plan(index: usize, layer: &Layer, hidden: usize) -> LayerPlan {
    let Attention::Grouped(attention) = &layer.attention else { unreachable!("refused by `supported`") };
    let name = |what: &str| format!("blk.{index}.{what}.weight");
    let GroupedAttention { heads, kv_heads, head_dim, .. } = *attention;
    let head_split = |rows| SplitBy::Heads { heads: kv_heads, rows };
    let group = heads / kv_heads;
    let kv_rows = kv_heads * head_dim;
    let qkv = vec![
        part(name("attn_q"), heads * head_dim, head_split(group * head_dim)),
        part(name("attn_k"), kv_rows, head_split(head_dim)),
        part(name("attn_v"), kv_rows, head_split(head_dim)),
    ];
    LayerPlan {
        index,
        qkv: linear(Role::Qkv, hidden, qkv),
        out: linear(Role::Out, heads * head_dim, vec![part(name("attn_output"), hidden, SplitBy::Rows)]),
        ffn: ffn_plan(index, layer, hidden),
    }
}

fn ffn_plan(index: usize, layer: &Layer, hidden: usize) -> FfnPlan {
    let name = |what: &str| format!("blk.{index}.{what}.weight");
    let rows = |what: &str, rows: usize| part(name(what), rows, SplitBy::Rows);
    match &layer.ffn {
        FeedForward::Dense(ffn) => {
            let mut up = vec![rows("ffn_up", ffn.inner)];
            if ffn.gated {
                up.insert(0, rows("ffn_gate", ffn.inner));
            }
            let down = linear(Role::Down, ffn.inner, vec![rows("ffn_down", hidden)]);
            FfnPlan::Dense { up: linear(Role::GateUp, hidden, up), down }
        }
        FeedForward::Experts(ffn) => {
            let up = vec![rows("ffn_gate_exps", ffn.inner), rows("ffn_up_exps", ffn.inner)];
            let down = vec![rows("ffn_down_exps", hidden)];
            let whole = |what: &str, rows: usize| vec![part(name(what), rows, SplitBy::Whole)];
            let shared = (ffn.shared_inner > 0).then(|| {
                let up = vec![rows("ffn_gate_shexp", ffn.shared_inner), rows("ffn_up_shexp", ffn.shared_inner)];
                let down = vec![rows("ffn_down_shexp", hidden)];
                (linear(Role::SharedGateUp, hidden, up), linear(Role::SharedDown, ffn.shared_inner, down))
            });
            let gate = ffn.shared_gate.then(|| linear(Role::SharedGate, hidden, whole("ffn_gate_inp_shexp", 1)));
            FfnPlan::Experts {
                router: linear(Role::Router, hidden, whole("ffn_gate_inp", ffn.experts)),
                up: Linear { experts: ffn.experts, ..linear(Role::ExpertGateUp, hidden, up) },
                down: Linear { experts: ffn.experts, ..linear(Role::ExpertDown, ffn.inner, down) },
                shared,
                shared_gate: gate,
            }
        }
    }
}

/// Refuse what no pass lowers.
fn supported(network: &Network) -> Result<(), Error> {
    let refuse = |what: String| Err(Error::Unsupported(what));
    if !network.hidden.is_multiple_of(BLOCK) {
        return refuse(format!("a hidden width of {} is not a multiple of 32, the block of the chip", network.hidden));
    }
    for (index, layer) in network.layers.iter().enumerate() {
        let Attention::Grouped(attention) = &layer.attention else {
            return refuse(format!(
                "layer {index}: multi-head latent attention has no lowering yet; the f32 reference runs it"
            ));
        };
        if !attention.head_dim.is_multiple_of(BLOCK) {
            return refuse(format!("layer {index}: a head of {} columns is not a multiple of 32", attention.head_dim));
        }
        if let Some(rope) = attention.rope.as_ref().filter(|rope| !rope.dims.is_multiple_of(16)) {
            return refuse(format!("layer {index}: {} rotated columns are not a multiple of 16", rope.dims));
        }
        supported_ffn(&layer.ffn).map_err(|what| Error::Unsupported(format!("layer {index}: {what}")))?;
    }
    Ok(())
}

/// Refuse a chip that cannot multiply with the cache, and a choice of weights that is none.
fn suited(chip: &Chip, options: &Options) -> Result<(), Error> {
    for (kind, what) in [(WeightKind::A8, "keys"), (WeightKind::U8, "values")] {
        if !chip.matrix.weights.contains(&kind) {
            let (chip, kind) = (&chip.name, kind.name());
            return Err(Error::Unsupported(format!(
                "chip `{chip}` has no weights of kind `{kind}`, in which {what} are kept; a chip whose `weights` list it would do"
            )));
        }
    }
    match options.weights {
        Some(kind @ (WeightKind::A8 | WeightKind::U8)) => Err(Error::Request(format!(
            "--weights {}: no kind for stored weights; i4s, i4m, i8s, i8m, mx8 and mx4 are",
            kind.name()
        ))),
        _ => Ok(()),
    }
}

fn supported_ffn(ffn: &FeedForward) -> Result<(), String> {
    use model::network::Routing;
    let widths = match ffn {
        FeedForward::Dense(ffn) => vec![ffn.inner],
        FeedForward::Experts(ffn) => {
            if matches!(ffn.routing, Routing::SigmoidGrouped { .. }) {
                return Err("grouped sigmoid routing has no lowering yet; the f32 reference runs it".into());
            }
            vec![ffn.inner, ffn.shared_inner]
        }
    };
    match widths.iter().find(|width| !width.is_multiple_of(BLOCK)) {
        Some(width) => Err(format!("an inner width of {width} is not a multiple of 32")),
        None => Ok(()),
    }
}

fn choice(checkpoint: &Checkpoint, name: &str, chip: &Chip, options: &Options) -> Result<Choice, Error> {
    let info = checkpoint.info(name)?;
    let exact =
        exact_kind(info.encoding).filter(|kind| chip.matrix.weights.contains(kind) && options.weights.is_none());
    let to = exact.or(options.weights).unwrap_or(WeightKind::I8s);
    if !chip.matrix.weights.contains(&to) {
        let what = format!(
            "{name}: chip `{}` has no weights of kind `{}`; choose another with --weights",
            chip.name,
            to.name()
        );
        return Err(Error::Unsupported(what));
    }
    let (error, reach) = match exact {
        Some(kind) => (0.0, exact_reach(checkpoint, name, info.encoding, kind)?),
        None => measure(checkpoint, name, to)?,
    };
    if !reach.is_finite() {
        return Err(Error::Unsupported(format!(
            "{name}: a weight or scale is infinite or not a number; the file is damaged"
        )));
    }
    Ok(Choice { from: info.encoding, to, error, elements: info.elements() as u64, reach })
}

fn exact_reach(checkpoint: &Checkpoint, name: &str, encoding: Encoding, kind: WeightKind) -> Result<f32, Error> {
    let raw = checkpoint
        .raw(name)?
        .ok_or_else(|| Error::Unsupported(format!("{name}: its encoded bytes are not available")))?;
    let reach = raw.chunks_exact(encoding.block_bytes()).map(|bytes| reach_of(encoding, kind, bytes));
    Ok(reach.fold(0.0, |a: f32, b| if a.is_nan() || b.is_nan() { f32::NAN } else { a.max(b) }))
}

/// As [`crate::blocks::Block::reach`], from the encoded bytes without unpacking the codes.
fn reach_of(encoding: Encoding, kind: WeightKind, bytes: &[u8]) -> f32 {
    let head: [u8; 4] = bytes[..4].try_into().expect("every block has 4 bytes");
    let mut short = [0u8; 64];
    short[..4].copy_from_slice(&head);
    read_exact(encoding, &short).reach(kind)
}

const SLAB_ROWS: usize = 64;

/// Relative error and reach of quantising a tensor to `kind`.
fn measure(checkpoint: &Checkpoint, name: &str, kind: WeightKind) -> Result<(f64, f32), Error> {
    let info = checkpoint.info(name)?;
    let (rows, columns) = (info.rows(), info.columns());
    let mut slab = vec![0f32; SLAB_ROWS.min(rows) * columns];
    let (mut noise, mut power, mut reach) = (0f64, 0f64, 0f32);
    for first in (0..rows).step_by(SLAB_ROWS) {
        let count = SLAB_ROWS.min(rows - first);
        let slab = &mut slab[..count * columns];
        checkpoint.rows_f32(name, first, count, slab)?;
        for row in slab.chunks_exact(columns) {
            for piece in row.chunks(BLOCK) {
                let mut values = [0f32; BLOCK];
                values[..piece.len()].copy_from_slice(piece);
                if values.iter().any(|v| !v.is_finite()) {
                    return Ok((0.0, f32::NAN));
                }
                let block = quantise(kind, &values);
                let back = block.values(kind);
                noise += values.iter().zip(back).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
                power += values.iter().map(|a| f64::from(*a).powi(2)).sum::<f64>();
                reach = reach.max(block.reach(kind));
            }
        }
    }
    Ok(((noise / power.max(f64::MIN_POSITIVE)).sqrt(), reach))
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# formats: tensor, file encoding -> chip kind, relative error")?;
        for (name, choice) in &self.choices {
            let error = if choice.error == 0.0 { "exact".to_string() } else { format!("{:.2e}", choice.error) };
            writeln!(f, "{name} {} -> {} {error}", choice.from.name(), choice.to.name())?;
        }
        writeln!(f, "# grids: role, exponent of the accumulator's lowest bit")?;
        self.grids.iter().try_for_each(|(role, grid)| writeln!(f, "{role:?} {grid}"))
    }
}
