//! The plain twin: a network run token by token, straight from its description, in the arithmetic of `docs/numerics.md`.
//!
//! It knows no program, no memory, no chip and no step: per token a row of values goes through the layers. Written for reading, with the scalar
//! oracle of `base` for every operation, so a compiled program must give the same *bytes*. The same code runs without any quantisation
//! ([`Plain::float`]); then it must agree with the logits that an independent implementation computed. So the two together say: what the program
//! computes is the network, and the only difference is the stated rounding to 8 bits.

use base::grid::{self, Activations};
use base::tile::{BLOCK, Exact, WeightKind, pack_tile};
use base::{a8, func, reduce};
use compiler::blocks::{Block, exact_kind, quantise, read_exact};
use compiler::plan::{Plan, Role, SCORE_GRID, VALUE_GRID};
use model::checkpoint::Checkpoint;
use model::network::{
    Activation, Attention, DenseFfn, ExpertFfn, FeedForward, GroupedAttention, Layer, Network, Norm, NormKind, Rope,
    RopeLayout, Routing,
};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

const LOG2_E: f32 = std::f32::consts::LOG2_E;

/// A row of activations on its way into a product.
enum Row {
    Float(Vec<f32>),
    /// A8: codes, and a BF16 scale per block.
    Blocks(Vec<i8>, Vec<u16>),
}

/// A matrix: rows of values, or row tiles of `k / 32` tiles each.
enum Matrix {
    Float(Vec<f32>),
    Tiles(WeightKind, Vec<Vec<Vec<u8>>>),
}

/// Keys and values of one layer, by position and key/value head.
#[derive(Default)]
struct Cache {
    keys: Vec<Vec<Row>>,
    /// One scale for a whole head.
    values: Vec<Vec<Row>>,
}

/// A network with its weights.
pub struct Plain<'a> {
    checkpoint: &'a Checkpoint,
    network: &'a Network,
    /// Formats and grids; `None`: nothing is quantised.
    plan: Option<&'a Plan>,
    matrices: RefCell<HashMap<String, Rc<Matrix>>>,
    vectors: RefCell<HashMap<String, Rc<Vec<f32>>>>,
    /// The experts that were chosen, in ascending order: per token, per layer with experts.
    choices: RefCell<Vec<Vec<usize>>>,
}

impl<'a> Plain<'a> {
    /// In the chip's arithmetic.
    pub fn chip(checkpoint: &'a Checkpoint, network: &'a Network, plan: &'a Plan) -> Plain<'a> {
        Plain { plan: Some(plan), ..Plain::float(checkpoint, network) }
    }

    /// Without quantisation.
    pub fn float(checkpoint: &'a Checkpoint, network: &'a Network) -> Plain<'a> {
        let (matrices, vectors, choices) = Default::default();
        Plain { checkpoint, network, plan: None, matrices, vectors, choices }
    }

    /// The logits after every token.
    pub fn run(&self, tokens: &[u32]) -> Vec<f32> {
        let mut caches: Vec<Cache> = self.network.layers.iter().map(|_| Cache::default()).collect();
        let mut logits = Vec::new();
        for (position, token) in tokens.iter().enumerate() {
            let mut x = self.embed(*token, position);
            for (index, layer) in self.network.layers.iter().enumerate() {
                self.layer(&format!("blk.{index}"), layer, &mut caches[index], position, &mut x);
            }
            logits.extend(self.head(&x));
        }
        logits
    }

    /// The experts that were chosen so far: per token, per layer with experts.
    pub fn choices(&self) -> Vec<Vec<usize>> {
        self.choices.borrow().clone()
    }

    fn embed(&self, token: u32, position: usize) -> Vec<f32> {
        let mut x = self.embedding_row(token as usize);
        if self.network.embed_scale != 1.0 {
            x.iter_mut().for_each(|v| *v = func::mul(*v, self.network.embed_scale));
        }
        if self.network.learned_positions {
            let table = self.vector("position_embd.weight");
            add(&mut x, &table[position * self.network.hidden..][..self.network.hidden]);
        }
        x
    }

    fn embedding_row(&self, token: usize) -> Vec<f32> {
        let hidden = self.network.hidden;
        let name = "token_embd.weight";
        match &*self.matrix(name, self.network.vocab, hidden) {
            Matrix::Float(values) => values[token * hidden..][..hidden].to_vec(),
            Matrix::Tiles(kind, tiles) => {
                let value = |column: usize| {
                    let (tile, row) = (&tiles[token / BLOCK][column / BLOCK], token % BLOCK);
                    let code = base::tile::raw_code(*kind, tile, row, column % BLOCK);
                    kind.dequantise(
                        code,
                        base::tile::raw_scale(*kind, tile, row),
                        base::tile::raw_min(*kind, tile, row),
                    )
                    .0
                };
                (0..hidden).map(value).collect()
            }
        }
    }

    fn head(&self, x: &[f32]) -> Vec<f32> {
        let Network { vocab, final_norm, tied_head, logit_softcap, .. } = *self.network;
        let x = self.quantise(&self.norm("output_norm", final_norm, x));
        let name = if tied_head { "token_embd.weight" } else { "output.weight" };
        let mut logits = self.product(Role::Head, name, vocab, 0..vocab, self.network.hidden, &x);
        if let Some(cap) = logit_softcap {
            logits.iter_mut().for_each(|v| *v = func::mul(func::tanh(func::mul(*v, 1.0 / cap)), cap));
        }
        logits
    }

    fn layer(&self, block: &str, layer: &Layer, cache: &mut Cache, position: usize, x: &mut [f32]) {
        let Attention::Grouped(attention) = &layer.attention else { panic!("not lowered") };
        let input = self.quantise(&self.norm(&format!("{block}.attn_norm"), layer.attn_norm, x));
        let mut y = self.attention(block, attention, cache, position, &input);
        if let Some(norm) = layer.post_attn_norm {
            y = self.norm(&format!("{block}.post_attention_norm"), norm, &y);
        }
        add(x, &y);
        let input = self.quantise(&self.norm(&format!("{block}.ffn_norm"), layer.ffn_norm, x));
        let mut y = match &layer.ffn {
            FeedForward::Dense(ffn) => self.dense(block, ffn, &input),
            FeedForward::Experts(ffn) => self.experts(block, ffn, &input),
        };
        if let Some(norm) = layer.post_ffn_norm {
            y = self.norm(&format!("{block}.post_ffw_norm"), norm, &y);
        }
        add(x, &y);
    }

    fn attention(&self, block: &str, spec: &GroupedAttention, cache: &mut Cache, position: usize, x: &Row) -> Vec<f32> {
        let GroupedAttention { heads, kv_heads, head_dim: dim, .. } = *spec;
        let queries = self.project(block, "attn_q", spec, heads, position, x);
        let keys = self.project(block, "attn_k", spec, kv_heads, position, x);
        let values = self.project(block, "attn_v", spec, kv_heads, position, x);
        cache.keys.push(keys.chunks_exact(dim).map(|key| self.quantise(key)).collect());
        cache.values.push(values.chunks_exact(dim).map(|value| self.quantise_whole(value)).collect());
        let mut out = Vec::new();
        for (head, query) in queries.chunks_exact(dim).enumerate() {
            let sink = spec
                .sinks
                .then(|| func::mul(self.vector(&format!("{block}.attn_sinks.weight"))[head], 1.0 / spec.scale));
            out.extend(self.attend(spec, cache, head / (heads / kv_heads), &self.quantise(query), sink));
        }
        let hidden = self.network.hidden;
        let name = format!("{block}.attn_output.weight");
        let mut y = self.product(Role::Out, &name, hidden, 0..hidden, heads * dim, &self.quantise(&out));
        if spec.out_bias {
            add(&mut y, &self.vector(&format!("{block}.attn_output.bias")));
        }
        y
    }

    /// Query, key or value heads of one token.
    fn project(
        &self,
        block: &str,
        name: &str,
        spec: &GroupedAttention,
        heads: usize,
        position: usize,
        x: &Row,
    ) -> Vec<f32> {
        let rows = heads * spec.head_dim;
        let mut y = self.product(Role::Qkv, &format!("{block}.{name}.weight"), rows, 0..rows, self.network.hidden, x);
        if spec.qkv_bias {
            add(&mut y, &self.vector(&format!("{block}.{name}.bias")));
        }
        if name == "attn_v" {
            return y;
        }
        for head in y.chunks_exact_mut(spec.head_dim) {
            if let Some(norm) = spec.qk_norm {
                head.copy_from_slice(&self.norm(&format!("{block}.{name}_norm"), norm, head));
            }
            if let Some(rope) = &spec.rope {
                rotate(rope, head, position);
            }
        }
        y
    }

    /// One head of one token: the newest position of the cache is its own.
    fn attend(&self, spec: &GroupedAttention, cache: &Cache, kv: usize, query: &Row, sink: Option<f32>) -> Vec<f32> {
        let count = cache.keys.len();
        let mut scores: Vec<f32> = cache.keys.iter().map(|heads| dot(&heads[kv], query, SCORE_GRID)).collect();
        let mut factor = spec.scale * LOG2_E;
        if let Some(cap) = spec.softcap {
            let capped = |s: f32| func::mul(func::tanh(func::mul(s, spec.scale / cap)), cap);
            scores.iter_mut().for_each(|s| *s = capped(*s));
            factor = LOG2_E;
        }
        let first = spec.window.map_or(0, |window| count.saturating_sub(window));
        let (mut weights, softmax) = reduce::softmax(&scores, first, count, factor, sink);
        let values: Vec<&Row> = cache.values.iter().map(|heads| &heads[kv]).collect();
        if let Some(scales) = whole_scales(&values) {
            weights.iter_mut().zip(scales).for_each(|(w, scale)| *w = func::mul(*w, scale));
        }
        let weights = self.quantise(&weights);
        let share = func::recip(softmax.sum);
        (0..spec.head_dim).map(|column| func::mul(column_dot(&values, column, &weights), share)).collect()
    }

    fn dense(&self, block: &str, ffn: &DenseFfn, x: &Row) -> Vec<f32> {
        let (inner, hidden) = (ffn.inner, self.network.hidden);
        let linear = |role, name: &str, rows: usize, k: usize, x: &Row| {
            let mut y = self.product(role, &format!("{block}.{name}.weight"), rows, 0..rows, k, x);
            if ffn.bias {
                add(&mut y, &self.vector(&format!("{block}.{name}.bias")));
            }
            y
        };
        let up = linear(Role::GateUp, "ffn_up", inner, hidden, x);
        let gate = ffn.gated.then(|| linear(Role::GateUp, "ffn_gate", inner, hidden, x));
        let acts = self.quantise(&activate(ffn.activation, gate, up));
        linear(Role::Down, "ffn_down", hidden, inner, &acts)
    }

    fn experts(&self, block: &str, ffn: &ExpertFfn, x: &Row) -> Vec<f32> {
        let hidden = self.network.hidden;
        let mut sum = vec![0.0; hidden];
        for (expert, weight) in self.route(block, ffn, x) {
            let y = self.expert(block, ffn, expert, x);
            let weighted: Vec<f32> = y.into_iter().map(|v| func::mul(v, weight)).collect();
            add(&mut sum, &weighted);
        }
        if ffn.shared_inner == 0 {
            return sum;
        }
        let mut y = self.shared(block, ffn, x);
        add(&mut y, &sum);
        y
    }

    fn route(&self, block: &str, ffn: &ExpertFfn, x: &Row) -> Vec<(usize, f32)> {
        let name = format!("{block}.ffn_gate_inp");
        let count = ffn.experts;
        let mut logits = self.product(Role::Router, &format!("{name}.weight"), count, 0..count, self.network.hidden, x);
        if ffn.bias {
            add(&mut logits, &self.vector(&format!("{name}.bias")));
        }
        let softmax = |row: &[f32]| {
            let (weights, result) = reduce::softmax(row, 0, row.len(), LOG2_E, None);
            (weights, result.sum)
        };
        let (chosen, mut weights, sum) = match ffn.routing {
            Routing::TopThenSoftmax => {
                let (chosen, values): (Vec<u32>, Vec<f32>) = reduce::topk(&logits, ffn.top_k).0.into_iter().unzip();
                let (weights, sum) = softmax(&values);
                (chosen, weights, sum)
            }
            Routing::SoftmaxThenTop { renormalise } => {
                let (scores, sum) = softmax(&logits);
                let (chosen, weights): (Vec<u32>, Vec<f32>) = reduce::topk(&scores, ffn.top_k).0.into_iter().unzip();
                let sum = if renormalise { reduce::rowsum(&weights).0 } else { sum };
                (chosen, weights, sum)
            }
            Routing::SigmoidGrouped { .. } => panic!("not lowered"),
        };
        weights.iter_mut().for_each(|w| *w = func::mul(*w, func::recip(sum)));
        if ffn.weight_scale != 1.0 {
            weights.iter_mut().for_each(|w| *w = func::mul(*w, ffn.weight_scale));
        }
        let chosen: Vec<usize> = chosen.into_iter().map(|index| index as usize).collect();
        let mut sorted = chosen.clone();
        sorted.sort_unstable();
        self.choices.borrow_mut().push(sorted);
        chosen.into_iter().zip(weights).collect()
    }

    fn expert(&self, block: &str, ffn: &ExpertFfn, expert: usize, x: &Row) -> Vec<f32> {
        let linear = |role, name: &str, rows: usize, k: usize, x: &Row| {
            let range = expert * rows..(expert + 1) * rows;
            let mut y = self.product(role, &format!("{block}.{name}.weight"), rows * ffn.experts, range.clone(), k, x);
            if ffn.bias {
                add(&mut y, &self.vector(&format!("{block}.{name}.bias"))[range]);
            }
            y
        };
        let gate = linear(Role::ExpertGateUp, "ffn_gate_exps", ffn.inner, self.network.hidden, x);
        let up = linear(Role::ExpertGateUp, "ffn_up_exps", ffn.inner, self.network.hidden, x);
        let acts = self.quantise(&activate(ffn.activation, Some(gate), up));
        linear(Role::ExpertDown, "ffn_down_exps", self.network.hidden, ffn.inner, &acts)
    }

    fn shared(&self, block: &str, ffn: &ExpertFfn, x: &Row) -> Vec<f32> {
        let (inner, hidden) = (ffn.shared_inner, self.network.hidden);
        let linear = |role, name: &str, rows: usize, k: usize, x: &Row| {
            self.product(role, &format!("{block}.{name}.weight"), rows, 0..rows, k, x)
        };
        let gate = linear(Role::SharedGateUp, "ffn_gate_shexp", inner, hidden, x);
        let up = linear(Role::SharedGateUp, "ffn_up_shexp", inner, hidden, x);
        let acts = self.quantise(&activate(ffn.activation, Some(gate), up));
        let mut y = linear(Role::SharedDown, "ffn_down_shexp", hidden, inner, &acts);
        if ffn.shared_gate {
            let gate = func::sigmoid(linear(Role::SharedGate, "ffn_gate_inp_shexp", 1, hidden, x)[0]);
            y.iter_mut().for_each(|v| *v = func::mul(*v, gate));
        }
        y
    }

    fn norm(&self, name: &str, norm: Norm, x: &[f32]) -> Vec<f32> {
        let weight = self.vector(&format!("{name}.weight"));
        let count = x.len();
        match norm.kind {
            NormKind::Rms => reduce::rmsnorm(x, &weight, count, norm.eps).0,
            NormKind::Layer => {
                let mean = func::mul(reduce::rowsum(x).0, 1.0 / count as f32);
                let centred: Vec<f32> = x.iter().map(|v| func::sub(*v, mean)).collect();
                let mut y = reduce::rmsnorm(&centred, &weight, count, norm.eps).0;
                add(&mut y, &self.vector(&format!("{name}.bias")));
                y
            }
        }
    }

    fn quantise(&self, x: &[f32]) -> Row {
        if self.plan.is_none() {
            return Row::Float(x.to_vec());
        }
        let (blocks, _) = a8::quantise(x);
        Row::Blocks(blocks.iter().flat_map(|b| b.codes).collect(), blocks.iter().map(|b| b.scale).collect())
    }

    /// One scale for the whole row.
    fn quantise_whole(&self, x: &[f32]) -> Row {
        if self.plan.is_none() {
            return Row::Float(x.to_vec());
        }
        let (codes, scale, _) = a8::quantise_segment(x);
        Row::Blocks(codes, vec![scale])
    }

    /// Some of the matrix's `all` rows times `x`.
    fn product(&self, role: Role, name: &str, all: usize, rows: std::ops::Range<usize>, k: usize, x: &Row) -> Vec<f32> {
        match (&*self.matrix(name, all, k), x) {
            (Matrix::Float(values), Row::Float(x)) => rows.map(|row| float_dot(&values[row * k..][..k], x)).collect(),
            (Matrix::Tiles(kind, tiles), Row::Blocks(codes, scales)) => {
                let g = self.plan.expect("tiles have a plan").grid(role);
                let one = |row: usize| {
                    let tiles: Vec<&[u8]> = tiles[row / BLOCK].iter().map(Vec::as_slice).collect();
                    grid::matmul_row(*kind, &tiles, row % BLOCK, Activations { codes, scales }, g).0
                };
                rows.map(one).collect()
            }
            _ => unreachable!("either everything is quantised or nothing"),
        }
    }

    fn matrix(&self, name: &str, rows: usize, k: usize) -> Rc<Matrix> {
        if let Some(matrix) = self.matrices.borrow().get(name) {
            return matrix.clone();
        }
        let mut values = vec![0f32; rows * k];
        self.checkpoint.rows_f32(name, 0, rows, &mut values).unwrap();
        let matrix = Rc::new(match self.plan {
            None => Matrix::Float(values),
            Some(plan) => self.tiles(name, plan.choices[name].to, rows, k, &values),
        });
        self.matrices.borrow_mut().insert(name.to_string(), matrix.clone());
        matrix
    }

    fn tiles(&self, name: &str, kind: WeightKind, rows: usize, k: usize, values: &[f32]) -> Matrix {
        let encoding = self.checkpoint.info(name).unwrap().encoding;
        let raw = if exact_kind(encoding) == Some(kind) { self.checkpoint.raw(name).unwrap() } else { None };
        let blocks = k.div_ceil(BLOCK);
        let block = |row: usize, column: usize| -> Block {
            if row >= rows {
                return Block::ZERO;
            }
            if let Some(raw) = &raw {
                let size = encoding.block_bytes();
                return read_exact(encoding, &raw[(row * blocks + column) * size..][..size]);
            }
            let mut piece = [0f32; BLOCK];
            let (first, last) = (column * BLOCK, k.min((column + 1) * BLOCK));
            piece[..last - first].copy_from_slice(&values[row * k + first..row * k + last]);
            quantise(kind, &piece)
        };
        let tile = |row: usize, column: usize| {
            let blocks: Vec<Block> = (0..BLOCK).map(|i| block(row * BLOCK + i, column)).collect();
            pack_tile(kind, |r, c| blocks[r].codes[c], |r| blocks[r].scale, |r| blocks[r].min)
        };
        let row_tile = |row: usize| (0..blocks).map(|column| tile(row, column)).collect();
        Matrix::Tiles(kind, (0..rows.div_ceil(BLOCK)).map(row_tile).collect())
    }

    fn vector(&self, name: &str) -> Rc<Vec<f32>> {
        let load = || Rc::new(self.checkpoint.f32(name).unwrap());
        self.vectors.borrow_mut().entry(name.to_string()).or_insert_with(load).clone()
    }
}

/// a += b.
fn add(a: &mut [f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    a.iter_mut().zip(b).for_each(|(a, b)| *a = func::add(*a, *b));
}

fn float_dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() as f32
}

fn bf16(bits: u16) -> Exact {
    Exact::from_bf16(bits).expect("a finite scale")
}

/// `RNE(dot * a * b)` on the grid, summed over the blocks.
fn on_grid(terms: impl Iterator<Item = (i64, Exact, Exact)>, g: i32) -> f32 {
    let place = |(dot, a, b): (i64, Exact, Exact)| {
        let exact = Exact { mantissa: dot * a.mantissa * b.mantissa, exponent: a.exponent + b.exponent };
        grid::place(exact, g).0
    };
    grid::to_f32(terms.map(place).sum(), g).0
}

/// Two quantised rows.
fn dot(a: &Row, b: &Row, g: i32) -> f32 {
    match (a, b) {
        (Row::Float(a), Row::Float(b)) => float_dot(a, b),
        (Row::Blocks(a, a_scales), Row::Blocks(b, b_scales)) => {
            let pairs = a.chunks(BLOCK).zip(b.chunks(BLOCK)).zip(a_scales.iter().zip(b_scales));
            let terms = pairs.map(|((a, b), (x, y))| {
                let dot = a.iter().zip(b).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum();
                (dot, bf16(*x), bf16(*y))
            });
            on_grid(terms, g)
        }
        _ => unreachable!("either everything is quantised or nothing"),
    }
}

/// The scale of every position's value row.
fn whole_scales(values: &[&Row]) -> Option<Vec<f32>> {
    let scale = |row: &&Row| match row {
        Row::Blocks(_, scales) => Some(base::tile::bf16_to_f32(scales[0])),
        Row::Float(_) => None,
    };
    values.iter().map(scale).collect()
}

/// One column of all positions' values times the weights, blocks of 32 positions.
fn column_dot(values: &[&Row], column: usize, weights: &Row) -> f32 {
    match weights {
        Row::Float(weights) => {
            let column: Vec<f32> =
                values.iter().map(|row| if let Row::Float(row) = row { row[column] } else { 0.0 }).collect();
            float_dot(&column, weights)
        }
        Row::Blocks(codes, scales) => {
            let one = Exact { mantissa: 1, exponent: 0 };
            let code = |row: &&Row| if let Row::Blocks(codes, _) = row { i64::from(codes[column]) } else { 0 };
            let blocks = values.chunks(BLOCK).zip(codes.chunks(BLOCK)).zip(scales);
            let terms = blocks.map(|((values, codes), scale)| {
                let dot = values.iter().zip(codes).map(|(value, weight)| code(value) * i64::from(*weight)).sum();
                (dot, one, bf16(*scale))
            });
            on_grid(terms, VALUE_GRID)
        }
    }
}

fn rotate(rope: &Rope, head: &mut [f32], position: usize) {
    let table = rope.table([position]);
    let pairs = rope.dims / 2;
    for pair in 0..pairs {
        let (a, b) = match rope.layout {
            RopeLayout::Interleaved => (2 * pair, 2 * pair + 1),
            RopeLayout::Half => (pair, pair + pairs),
        };
        (head[a], head[b]) = func::rotate(head[a], head[b], table[pair], table[pairs + pair]);
    }
}

/// The inner activations of one token.
fn activate(activation: Activation, gate: Option<Vec<f32>>, up: Vec<f32>) -> Vec<f32> {
    let function: fn(f32) -> f32 = match activation {
        Activation::Silu => func::silu,
        Activation::GeluTanh => func::gelu,
        Activation::SwigluOai => {
            let gated = |(gate, up): (f32, f32)| {
                let (gate, up) = (func::min(gate, 7.0), func::max(func::min(up, 7.0), -7.0));
                func::mul(func::sigmoid(func::mul(gate, 1.702)), func::mul(func::add(up, 1.0), gate))
            };
            return gate.expect("gated").into_iter().zip(up).map(gated).collect();
        }
    };
    match gate {
        Some(gate) => gate.into_iter().zip(up).map(|(gate, up)| func::mul(function(gate), up)).collect(),
        None => up.into_iter().map(function).collect(),
    }
}
