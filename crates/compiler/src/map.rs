//! The memory map: where everything lies in each chip's memory.
//!
//! From address 0: rotary tables, embedding, layers, head, then the key/value pages and the area where logits are left for the host. Layers of the
//! same structure have the same layout at a constant distance, so that a loop can run them. A chip holds only the slices of its own cores.

use crate::plan::{FfnPlan, LayerPlan, Linear, Part, Plan, SplitBy, tiles_bytes};
use crate::{Error, Options};
use arch::Chip;
use base::tile::{BLOCK, WeightKind};
use base::units::Bytes;
use model::network::{Attention, FeedForward, GroupedAttention, Layer, Network, NormKind, Rope};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// What to put at an address when the model is loaded.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Rows of a matrix as tiles.
    Tiles {
        /// Tensor.
        tensor: String,
        /// Rows, over all experts.
        rows: Range<usize>,
        /// Columns.
        k: usize,
        /// Format.
        kind: WeightKind,
    },
    /// A vector as binary32, each element times `factor`.
    Vector {
        /// Tensor.
        tensor: String,
        /// Factor.
        factor: f32,
    },
    /// Cosines and sines for every position.
    Rope(Rope),
}

/// One piece of a chip's image.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Address.
    pub at: usize,
    /// Bytes.
    pub len: usize,
    /// Content.
    pub source: Source,
}

/// A product's slices on one chip.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Place {
    /// Address of each core's slice.
    pub cores: Vec<usize>,
}

/// Key/value pages of one layer: 32 positions each.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Cache {
    /// Address of page 0, this core.
    pub at: usize,
    /// Bytes of a page.
    pub page: usize,
    /// Offset of the value tiles in a page.
    pub values: usize,
    /// Offset of the value scales in a page.
    pub scales: usize,
}

/// One layer on one chip.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct LayerMap {
    /// Products, in the order of [`LayerPlan::linears`].
    pub linears: Vec<Place>,
    /// Norm weights, biases and sinks by tensor name without the layer's prefix.
    pub vectors: BTreeMap<String, usize>,
    /// Pages, per core.
    pub caches: Vec<Cache>,
}

/// One chip's memory.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ChipMap {
    /// Rotary tables, one per distinct embedding: description, address.
    pub ropes: Vec<(Rope, usize)>,
    /// Embedding tiles.
    pub embed: usize,
    /// Learned positions.
    pub positions: usize,
    /// Head slices.
    pub head: Place,
    /// Final norm's weight and bias.
    pub vectors: BTreeMap<String, usize>,
    /// Layers.
    pub layers: Vec<LayerMap>,
    /// Page tables: one row of `table_step` bytes per sequence.
    pub tables: usize,
    /// Logits for the host: one row of `4 * vocab` bytes per requested token.
    pub logits: usize,
    /// Bytes in all.
    pub bytes: usize,
    /// Of which pages.
    pub cache_bytes: usize,
    /// What to load.
    pub items: Vec<Item>,
}

/// Sizes that every pass agrees on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sizes {
    /// Longest sequence, a multiple of 32.
    pub context: usize,
    /// Pages of 32 positions in the pool.
    pub pages: usize,
    /// Pages of the longest sequence.
    pub table_pages: usize,
    /// Bytes of a page table.
    pub table_step: usize,
    /// Most tokens in a step.
    pub tokens: usize,
    /// Most sequences in a step.
    pub sequences: usize,
    /// Cores per chip.
    pub cores: usize,
    /// Chips.
    pub chips: usize,
    /// Width of a row of logits, padded to whole tiles.
    pub vocab: usize,
}

impl Sizes {
    /// Cores of the group.
    pub fn members(&self) -> usize {
        self.cores * self.chips
    }
}

/// The whole group's memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// Sizes.
    pub sizes: Sizes,
    /// Chips.
    pub chips: Vec<ChipMap>,
}

/// Alignment of everything in memory.
const ALIGN: usize = 64;

struct Layout {
    at: usize,
    items: Vec<Item>,
}

impl Layout {
    fn reserve(&mut self, len: usize) -> usize {
        let at = self.at;
        self.at = (at + len).next_multiple_of(ALIGN);
        at
    }

    fn put(&mut self, len: usize, source: Source) -> usize {
        let at = self.reserve(len);
        self.items.push(Item { at, len, source });
        at
    }

    fn vector(&mut self, tensor: String, len: usize, factor: f32) -> usize {
        self.put(4 * len, Source::Vector { tensor, factor })
    }

    /// One core's slice of a product: for each expert, each part's tiles.
    fn slice(&mut self, linear: &Linear, member: usize, members: usize) -> usize {
        let start = self.at;
        for expert in 0..linear.experts {
            for part in &linear.parts {
                let rows = part.slice(member, members);
                let len = tiles_bytes(part.kind, rows.len(), linear.k);
                let rows = expert * part.rows + rows.start..expert * part.rows + rows.end;
                let at = self.at;
                let source = Source::Tiles { tensor: part.tensor.clone(), rows, k: linear.k, kind: part.kind };
                self.items.push(Item { at, len, source });
                self.at += len;
            }
        }
        self.at = self.at.next_multiple_of(ALIGN);
        start
    }
}

impl Map {
    /// Lay out every chip.
    pub fn new(plan: &Plan, network: &Network, chip: &Chip, sizes: Sizes) -> Result<Map, Error> {
        let chips: Vec<ChipMap> = (0..sizes.chips).map(|c| chip_map(plan, network, sizes, c)).collect();
        for map in &chips {
            if map.bytes as u64 > chip.memory.capacity.0 {
                return Err(Error::Memory {
                    chip: chip.name.clone(),
                    need: Bytes(map.bytes as u64),
                    weights: Bytes((map.bytes - map.cache_bytes) as u64),
                    cache: Bytes(map.cache_bytes as u64),
                    have: chip.memory.capacity,
                });
            }
        }
        Ok(Map { sizes, chips })
    }
}

fn chip_map(plan: &Plan, network: &Network, sizes: Sizes, chip: usize) -> ChipMap {
    let mut layout = Layout { at: 0, items: Vec::new() };
    let mut map = ChipMap { ropes: place_ropes(&mut layout, network, sizes), ..ChipMap::default() };
    place_embedding(&mut layout, &mut map, plan, network);
    for (layer, plan) in network.layers.iter().zip(&plan.layers) {
        map.layers.push(place_layer(&mut layout, layer, plan, network.hidden, sizes, chip));
    }
    place_head(&mut layout, &mut map, plan, network, sizes, chip);
    let before = layout.at;
    for (layer, network) in map.layers.iter_mut().zip(&network.layers) {
        layer.caches = place_caches(&mut layout, network, sizes, chip);
    }
    map.cache_bytes = layout.at - before;
    map.tables = layout.reserve(sizes.sequences * sizes.table_step);
    map.logits = layout.reserve(sizes.tokens * 4 * sizes.vocab);
    map.bytes = layout.at;
    map.items = layout.items;
    map
}

fn place_ropes(layout: &mut Layout, network: &Network, sizes: Sizes) -> Vec<(Rope, usize)> {
    let mut ropes: Vec<(Rope, usize)> = Vec::new();
    for layer in &network.layers {
        let Attention::Grouped(GroupedAttention { rope: Some(rope), .. }) = &layer.attention else { continue };
        if !ropes.iter().any(|(known, _)| known == rope) {
            let at = layout.put(sizes.context * rope.dims * 4, Source::Rope(rope.clone()));
            ropes.push((rope.clone(), at));
        }
    }
    ropes
}

fn place_embedding(layout: &mut Layout, map: &mut ChipMap, plan: &Plan, network: &Network) {
    let Part { tensor, rows, kind, .. } = &plan.embed;
    let len = tiles_bytes(*kind, *rows, network.hidden);
    let source = Source::Tiles { tensor: tensor.clone(), rows: 0..*rows, k: network.hidden, kind: *kind };
    map.embed = layout.put(len, source);
    if network.learned_positions {
        map.positions = layout.vector("position_embd.weight".into(), network.context * network.hidden, 1.0);
    }
}

fn place_head(layout: &mut Layout, map: &mut ChipMap, plan: &Plan, network: &Network, sizes: Sizes, chip: usize) {
    map.vectors.insert("output_norm.weight".into(), layout.vector("output_norm.weight".into(), network.hidden, 1.0));
    if network.final_norm.kind == NormKind::Layer {
        map.vectors.insert("output_norm.bias".into(), layout.vector("output_norm.bias".into(), network.hidden, 1.0));
    }
    map.head.cores = (0..sizes.cores)
        .map(|core| {
            let member = chip * sizes.cores + core;
            if network.tied_head {
                // The embedding's tiles are in the head's order already.
                let first = plan.head.parts[0].slice(member, sizes.members()).start;
                return map.embed + tiles_bytes(plan.embed.kind, first, network.hidden);
            }
            layout.slice(&plan.head, member, sizes.members())
        })
        .collect();
}

fn place_layer(
    layout: &mut Layout,
    layer: &Layer,
    plan: &LayerPlan,
    hidden: usize,
    sizes: Sizes,
    chip: usize,
) -> LayerMap {
    let mut map = LayerMap::default();
    for (name, len, factor) in vectors(layer, hidden) {
        let at = layout.vector(format!("blk.{}.{name}", plan.index), len, factor);
        map.vectors.insert(name, at);
    }
    for linear in plan.linears() {
        let cores = (0..sizes.cores).map(|core| layout.slice(linear, chip * sizes.cores + core, sizes.members()));
        map.linears.push(Place { cores: cores.collect() });
    }
    map
}

/// The vectors of a layer: name without prefix, length, factor.
fn vectors(layer: &Layer, hidden: usize) -> Vec<(String, usize, f32)> {
    let mut list: Vec<(String, usize, f32)> = Vec::new();
    let mut add = |name: &str, len: usize| list.push((name.to_string(), len, 1.0));
    let norms = [
        ("attn_norm", Some(layer.attn_norm)),
        ("post_attention_norm", layer.post_attn_norm),
        ("ffn_norm", Some(layer.ffn_norm)),
        ("post_ffw_norm", layer.post_ffn_norm),
    ];
    for (name, norm) in norms {
        let Some(norm) = norm else { continue };
        add(&format!("{name}.weight"), hidden);
        if norm.kind == NormKind::Layer {
            add(&format!("{name}.bias"), hidden);
        }
    }
    if let Attention::Grouped(attention) = &layer.attention {
        attention_vectors(attention, hidden, &mut add);
    }
    ffn_vectors(&layer.ffn, hidden, &mut add);
    if let Attention::Grouped(GroupedAttention { sinks: true, heads, scale, .. }) = layer.attention {
        list.push(("attn_sinks.weight".to_string(), heads, 1.0 / scale));
    }
    list
}

fn attention_vectors(attention: &GroupedAttention, hidden: usize, add: &mut impl FnMut(&str, usize)) {
    let GroupedAttention { heads, kv_heads, head_dim, qkv_bias, out_bias, qk_norm, .. } = *attention;
    if qkv_bias {
        add("attn_q.bias", heads * head_dim);
        add("attn_k.bias", kv_heads * head_dim);
        add("attn_v.bias", kv_heads * head_dim);
    }
    if out_bias {
        add("attn_output.bias", hidden);
    }
    if qk_norm.is_some() {
        add("attn_q_norm.weight", head_dim);
        add("attn_k_norm.weight", head_dim);
    }
}

fn ffn_vectors(ffn: &FeedForward, hidden: usize, add: &mut impl FnMut(&str, usize)) {
    match ffn {
        FeedForward::Dense(ffn) if ffn.bias => {
            if ffn.gated {
                add("ffn_gate.bias", ffn.inner);
            }
            add("ffn_up.bias", ffn.inner);
            add("ffn_down.bias", hidden);
        }
        FeedForward::Experts(ffn) if ffn.bias => {
            add("ffn_gate_inp.bias", ffn.experts);
            add("ffn_gate_exps.bias", ffn.experts * ffn.inner);
            add("ffn_up_exps.bias", ffn.experts * ffn.inner);
            add("ffn_down_exps.bias", ffn.experts * hidden);
        }
        _ => {}
    }
}

/// Key/value heads of a member.
pub fn kv_heads(kv_heads: usize, member: usize, members: usize) -> Range<usize> {
    let part = Part {
        tensor: String::new(),
        rows: kv_heads,
        kind: WeightKind::U8,
        split: SplitBy::Heads { heads: kv_heads, rows: 1 },
    };
    part.slice(member, members)
}

fn place_caches(layout: &mut Layout, layer: &Layer, sizes: Sizes, chip: usize) -> Vec<Cache> {
    let Attention::Grouped(attention) = &layer.attention else { return Vec::new() };
    let cores = (0..sizes.cores).map(|core| {
        let heads = kv_heads(attention.kv_heads, chip * sizes.cores + core, sizes.members()).len();
        let blocks = attention.head_dim / BLOCK;
        let keys = heads * blocks * WeightKind::A8.tile_bytes();
        let values = heads * blocks * WeightKind::U8.tile_bytes();
        let page = (keys + values + heads * 2 * BLOCK).next_multiple_of(ALIGN);
        let at = layout.reserve(page * sizes.pages);
        Cache { at, page, values: keys, scales: keys + values }
    });
    cores.collect()
}

/// Sizes from the user's options, the network and the chip.
pub fn sizes(network: &Network, chip: &Chip, options: &Options) -> Result<Sizes, Error> {
    let request = |what: String| Err(Error::Request(what));
    if options.cores == 0 || options.cores > chip.core.count {
        return request(format!("--cores {}: chip `{}` has {}", options.cores, chip.name, chip.core.count));
    }
    if options.chips == 0 || options.chips > 64 {
        return request(format!("--chips {}: between 1 and 64", options.chips));
    }
    let wanted = match options.context {
        0 => network.context.min(arch::legal::K_MAX as usize),
        wanted => wanted,
    };
    if wanted > network.context {
        return request(format!("--context {wanted}: the model was made for at most {}", network.context));
    }
    if wanted > arch::legal::K_MAX as usize {
        return request(format!("--context {wanted}: a chip sums over at most {} positions", arch::legal::K_MAX));
    }
    let context = wanted.next_multiple_of(BLOCK);
    let tokens = if options.tokens == 0 { chip.matrix.tokens } else { options.tokens.min(chip.matrix.tokens) };
    let table_pages = context / BLOCK;
    let cache = if options.cache_tokens == 0 { context } else { options.cache_tokens };
    Ok(Sizes {
        context,
        pages: cache.div_ceil(BLOCK).max(1),
        table_pages,
        table_step: (4 * table_pages).next_multiple_of(ALIGN),
        tokens,
        sequences: options.sequences.clamp(1, tokens),
        cores: options.cores,
        chips: options.chips,
        vocab: network.vocab.next_multiple_of(BLOCK),
    })
}

impl fmt::Display for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, chip) in self.chips.iter().enumerate() {
            writeln!(
                f,
                "chip {index}: {} of which cache {}",
                Bytes(chip.bytes as u64),
                Bytes(chip.cache_bytes as u64)
            )?;
            for Item { at, len, source } in &chip.items {
                match source {
                    Source::Tiles { tensor, rows, k, kind } => writeln!(
                        f,
                        "  {at:#012x} {len:>10} {tensor} rows {}..{} k {k} {}",
                        rows.start,
                        rows.end,
                        kind.name()
                    )?,
                    Source::Vector { tensor, factor } => writeln!(f, "  {at:#012x} {len:>10} {tensor} x {factor}")?,
                    Source::Rope(rope) => writeln!(f, "  {at:#012x} {len:>10} rotary table, base {}", rope.theta)?,
                }
            }
            writeln!(f, "  {:#012x} page tables, {:#012x} logits", chip.tables, chip.logits)?;
        }
        Ok(())
    }
}

/// The feed-forward products of a plan, in the order of [`LayerPlan::linears`] after the two of attention.
pub fn ffn_places<'a>(plan: &FfnPlan, map: &'a LayerMap) -> &'a [Place] {
    let count = match plan {
        FfnPlan::Dense { .. } => 2,
        FfnPlan::Experts { shared, shared_gate, .. } => {
            3 + 2 * usize::from(shared.is_some()) + usize::from(shared_gate.is_some())
        }
    };
    &map.linears[2..2 + count]
}
