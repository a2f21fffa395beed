//! The reference: a plain binary32 forward pass over any [`Network`], that every narrower or faster execution is measured against.
//!
//! It reads like the description: embed, then per layer attention and feed-forward part around the residual stream, then norm and head. Nothing is
//! fused, quantised or approximated; what differs between families are values of the description, never branches on a name. Against other
//! implementations it agrees within rounding; it is not bit-stable between machines, since sums run in whatever order the vector unit likes.
//!
//! One part is fast, because the evaluation of a language model scores many thousand tokens: the matrix product (`linear`) is blocked over tokens
//! and rows and spread over the cores. Weights are decoded to binary32 once and held if they fit [`HELD_BYTES`]; a larger network's matrices stay in
//! the file and are decoded block by block, each time they are needed: slow for single tokens, fair for chunks.
//!
//! ```no_run
//! use model::{checkpoint::Checkpoint, network::Network, reference::Reference};
//! let checkpoint = Checkpoint::open("model.gguf".as_ref())?;
//! let network = Network::of(&checkpoint)?;
//! let reference = Reference::new(&checkpoint, &network)?;
//! let mut state = reference.state();
//! let logits = reference.forward_last(&mut state, &[1, 17, 4])?;
//! # Ok::<(), model::Error>(())
//! ```

mod attention;
mod experts;
mod kernel;
mod math;
mod weights;

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::network::{Activation, Attention, FeedForward, Layer, Network, Rope};
use weights::Weights;

/// Bytes of decoded weights up to which they are held in memory.
pub const HELD_BYTES: u64 = 6 << 30;

/// Tokens that go through the layers together.
const CHUNK: usize = 256;

/// A network with its weights, ready to run.
#[derive(Debug)]
pub struct Reference<'a> {
    network: &'a Network,
    weights: Weights<'a>,
}

/// The keys and values of the positions so far.
#[derive(Clone, Debug)]
pub struct State {
    layers: Vec<Cache>,
    position: usize,
}

/// One layer's keys and values.
#[derive(Clone, Debug, Default)]
struct Cache {
    /// Per key head a row for every position, so that a query meets its keys as a matrix.
    keys: Vec<Vec<f32>>,
    /// Per position a row of all value heads.
    values: Vec<f32>,
}

impl Cache {
    /// The keys of one head.
    fn key_head(&mut self, head: usize) -> &mut Vec<f32> {
        if self.keys.len() <= head {
            self.keys.resize(head + 1, Vec::new());
        }
        &mut self.keys[head]
    }
}

impl State {
    /// Positions that are filled.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Forgets everything: the next token is at position 0.
    pub fn clear(&mut self) {
        self.position = 0;
        for cache in &mut self.layers {
            cache.keys.clear();
            cache.values.clear();
        }
    }
}

/// What a layer needs to know of the tokens in flight.
struct Chunk<'a> {
    /// Position of the first token.
    first: usize,
    /// Number of tokens.
    tokens: usize,
    /// Rotary tables for these positions, one per different embedding of the network.
    ropes: Vec<(&'a Rope, Vec<f32>)>,
}

impl Chunk<'_> {
    /// The table of this embedding: a row of `dims` values per token.
    fn table(&self, rope: &Rope) -> &[f32] {
        &self.ropes.iter().find(|(r, _)| *r == rope).expect("every embedding of the network has its table").1
    }
}

impl<'a> Reference<'a> {
    /// Loads the weights.
    ///
    /// # Errors
    /// If a tensor is missing or has another shape than the description needs.
    pub fn new(checkpoint: &'a Checkpoint, network: &'a Network) -> Result<Reference<'a>> {
        Reference::with_budget(checkpoint, network, HELD_BYTES)
    }

    /// As [`Reference::new`], holding the decoded weights if they take at most `budget` bytes.
    ///
    /// # Errors
    /// As [`Reference::new`].
    pub fn with_budget(checkpoint: &'a Checkpoint, network: &'a Network, budget: u64) -> Result<Reference<'a>> {
        let needs = network.check(checkpoint)?;
        let hold = network.parameters().saturating_mul(4) <= budget;
        Ok(Reference { network, weights: Weights::load(checkpoint, &needs, hold)? })
    }

    /// The description that is run.
    pub fn network(&self) -> &'a Network {
        self.network
    }

    /// An empty state.
    pub fn state(&self) -> State {
        State { layers: vec![Cache::default(); self.network.layers.len()], position: 0 }
    }

    /// Continues the sequence in `state` by `tokens`: the logits after each of them, row by row (`tokens.len() * vocab` values).
    ///
    /// # Errors
    /// If a token is outside the vocabulary, the sequence outgrows a learned position table, or the state is another network's; it is then unchanged.
    pub fn forward(&self, state: &mut State, tokens: &[u32]) -> Result<Vec<f32>> {
        self.check(state, tokens)?;
        let mut logits = Vec::new();
        for chunk in tokens.chunks(CHUNK) {
            let stream = self.run(state, chunk);
            logits.append(&mut self.head(&stream));
        }
        Ok(logits)
    }

    /// As [`Reference::forward`], but only the logits after the last token (`vocab` values; none if there are no tokens).
    ///
    /// # Errors
    /// As [`Reference::forward`].
    pub fn forward_last(&self, state: &mut State, tokens: &[u32]) -> Result<Vec<f32>> {
        self.check(state, tokens)?;
        let mut last = Vec::new();
        for chunk in tokens.chunks(CHUNK) {
            last = self.run(state, chunk);
        }
        let rows = last.len().saturating_sub(self.network.hidden);
        Ok(if last.is_empty() { last } else { self.head(&last[rows..]) })
    }

    fn check(&self, state: &State, tokens: &[u32]) -> Result<()> {
        let Network { vocab, context, learned_positions, ref layers, .. } = *self.network;
        if state.layers.len() != layers.len() {
            let (found, expected) = (state.layers.len(), layers.len());
            return Err(Error::Request(format!("a state of {found} layers is not of this network of {expected}")));
        }
        if let Some(token) = tokens.iter().find(|t| **t as usize >= vocab) {
            return Err(Error::Request(format!("token {token} is outside the vocabulary of {vocab}")));
        }
        let end = state.position + tokens.len();
        if learned_positions && end > context {
            return Err(Error::Request(format!(
                "{end} positions are more than the {context} that the network has learned"
            )));
        }
        Ok(())
    }

    /// One chunk through all layers: the residual stream after the last.
    fn run(&self, state: &mut State, tokens: &[u32]) -> Vec<f32> {
        let first = state.position;
        let positions = first..first + tokens.len();
        let mut stream = self.embed(tokens, first);
        let ropes = ropes(self.network).into_iter().map(|rope| (rope, rope.table(positions.clone()))).collect();
        let chunk = Chunk { first, tokens: tokens.len(), ropes };
        for (index, (layer, cache)) in self.network.layers.iter().zip(&mut state.layers).enumerate() {
            self.layer(&format!("blk.{index}"), layer, cache, &chunk, &mut stream);
        }
        state.position += tokens.len();
        stream
    }

    fn embed(&self, tokens: &[u32], first: usize) -> Vec<f32> {
        let mut stream = Vec::with_capacity(tokens.len() * self.network.hidden);
        for (index, token) in tokens.iter().enumerate() {
            let mut row = self.weights.row("token_embd.weight", *token as usize);
            row.iter_mut().for_each(|x| *x *= self.network.embed_scale);
            if self.network.learned_positions {
                math::add(&mut row, &self.weights.row("position_embd.weight", first + index));
            }
            stream.append(&mut row);
        }
        stream
    }

    fn layer(&self, block: &str, layer: &Layer, cache: &mut Cache, chunk: &Chunk, stream: &mut [f32]) {
        let hidden = self.network.hidden;
        let x = self.weights.norm(&format!("{block}.attn_norm"), layer.attn_norm, stream, hidden);
        let mut y = match &layer.attention {
            Attention::Grouped(attention) => self.grouped(block, attention, cache, chunk, &x),
            Attention::Latent(attention) => self.latent(block, attention, cache, chunk, &x),
        };
        if let Some(norm) = layer.post_attn_norm {
            y = self.weights.norm(&format!("{block}.post_attention_norm"), norm, &y, hidden);
        }
        math::add(stream, &y);
        let x = self.weights.norm(&format!("{block}.ffn_norm"), layer.ffn_norm, stream, hidden);
        let mut y = match &layer.ffn {
            FeedForward::Dense(ffn) => self.dense(block, "", ffn.activation, ffn.gated, &x),
            FeedForward::Experts(ffn) => self.experts(block, ffn, &x),
        };
        if let Some(norm) = layer.post_ffn_norm {
            y = self.weights.norm(&format!("{block}.post_ffw_norm"), norm, &y, hidden);
        }
        math::add(stream, &y);
    }

    /// A feed-forward network that every token passes; `suffix` tells the shared expert from the layer's own.
    fn dense(&self, block: &str, suffix: &str, activation: Activation, gated: bool, x: &[f32]) -> Vec<f32> {
        let up = self.weights.linear(&format!("{block}.ffn_up{suffix}"), x);
        let inner = if gated {
            let gate = self.weights.linear(&format!("{block}.ffn_gate{suffix}"), x);
            math::gated(activation, &gate, &up)
        } else {
            up.iter().map(|x| math::activate(activation, *x)).collect()
        };
        self.weights.linear(&format!("{block}.ffn_down{suffix}"), &inner)
    }

    /// Final norm and head.
    fn head(&self, stream: &[f32]) -> Vec<f32> {
        let Network { hidden, final_norm, tied_head, logit_softcap, .. } = *self.network;
        let x = self.weights.norm("output_norm", final_norm, stream, hidden);
        let mut logits = self.weights.linear(if tied_head { "token_embd" } else { "output" }, &x);
        if let Some(cap) = logit_softcap {
            logits.iter_mut().for_each(|x| *x = math::softcap(*x, cap));
        }
        logits
    }
}

/// The different rotary embeddings of a network.
fn ropes(network: &Network) -> Vec<&Rope> {
    let mut list: Vec<&Rope> = Vec::new();
    for layer in &network.layers {
        let rope = match &layer.attention {
            Attention::Grouped(attention) => attention.rope.as_ref(),
            Attention::Latent(attention) => Some(&attention.rope),
        };
        if let Some(rope) = rope.filter(|rope| !list.contains(rope)) {
            list.push(rope);
        }
    }
    list
}
