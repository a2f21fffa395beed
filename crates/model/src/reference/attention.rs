//! Attention in its two forms, on one core: [`Core`] sees keys and values as rows of heads, wherever they came from.

use rayon::prelude::*;

use super::{Cache, Chunk, Reference, kernel, math};
use crate::network::{GroupedAttention, LatentAttention, Norm, Rope};

/// Attention over cached keys and values.
struct Core<'a> {
    heads: usize,
    kv_heads: usize,
    key_dim: usize,
    value_dim: usize,
    scale: f32,
    softcap: Option<f32>,
    window: Option<usize>,
    sinks: Option<&'a [f32]>,
}

impl Core<'_> {
    /// The heads' outputs for a chunk of queries whose keys and values are already in the cache.
    fn attend(&self, queries: &[f32], cache: &Cache, first: usize) -> Vec<f32> {
        let (q_row, out_row) = (self.heads * self.key_dim, self.heads * self.value_dim);
        let mut out = vec![0.0; queries.len() / q_row * out_row];
        out.par_chunks_mut(out_row).zip(queries.par_chunks(q_row)).enumerate().for_each(|(token, (out, query))| {
            for (head, out) in out.chunks_exact_mut(self.value_dim).enumerate() {
                self.head(head, &query[head * self.key_dim..][..self.key_dim], cache, first + token, out);
            }
        });
        out
    }

    /// One head of one token at `position`.
    fn head(&self, head: usize, query: &[f32], cache: &Cache, position: usize, out: &mut [f32]) {
        let kv = head / (self.heads / self.kv_heads);
        let lowest = self.window.map_or(0, |window| (position + 1).saturating_sub(window));
        let value = |p: usize| &cache.values[(p * self.kv_heads + kv) * self.value_dim..][..self.value_dim];
        let keys = &cache.keys[kv][lowest * self.key_dim..(position + 1) * self.key_dim];
        let mut weights = vec![0.0; position + 1 - lowest];
        kernel::product(keys, query, self.key_dim, &mut weights);
        for score in &mut weights {
            *score *= self.scale;
            *score = self.softcap.map_or(*score, |cap| math::softcap(*score, cap));
        }
        math::softmax(&mut weights, self.sinks.map(|sinks| sinks[head]));
        for (p, weight) in (lowest..).zip(weights) {
            math::add_scaled(out, value(p), weight);
        }
    }
}

impl Reference<'_> {
    /// Grouped-query attention.
    pub(super) fn grouped(
        &self,
        block: &str,
        attention: &GroupedAttention,
        cache: &mut Cache,
        chunk: &Chunk,
        x: &[f32],
    ) -> Vec<f32> {
        let queries = self.heads(block, "attn_q", attention, chunk, x);
        let keys = self.heads(block, "attn_k", attention, chunk, x);
        for (index, key) in keys.chunks_exact(attention.head_dim).enumerate() {
            cache.key_head(index % attention.kv_heads).extend_from_slice(key);
        }
        cache.values.append(&mut self.weights.linear(&format!("{block}.attn_v"), x));
        let core = Core {
            heads: attention.heads,
            kv_heads: attention.kv_heads,
            key_dim: attention.head_dim,
            value_dim: attention.head_dim,
            scale: attention.scale,
            softcap: attention.softcap,
            window: attention.window,
            sinks: self.weights.vector(&format!("{block}.attn_sinks.weight")),
        };
        let y = core.attend(&queries, cache, chunk.first);
        self.weights.linear(&format!("{block}.attn_output"), &y)
    }

    /// Queries or keys: projected, normalised by head, rotated.
    fn heads(&self, block: &str, name: &str, attention: &GroupedAttention, chunk: &Chunk, x: &[f32]) -> Vec<f32> {
        let mut heads = self.weights.linear(&format!("{block}.{name}"), x);
        if let Some(norm) = attention.qk_norm {
            heads = self.weights.norm(&format!("{block}.{name}_norm"), norm, &heads, attention.head_dim);
        }
        if let Some(rope) = &attention.rope {
            rotate_all(&mut heads, attention.head_dim, 0, rope, chunk);
        }
        heads
    }

    /// Multi-head latent attention, keys and values expanded for every head.
    pub(super) fn latent(
        &self,
        block: &str,
        attention: &LatentAttention,
        cache: &mut Cache,
        chunk: &Chunk,
        x: &[f32],
    ) -> Vec<f32> {
        let LatentAttention { heads, nope_dim, rope_dim, value_dim, scale, .. } = *attention;
        let key_dim = nope_dim + rope_dim;
        let mut queries = self.latent_queries(block, attention, x);
        rotate_all(&mut queries, key_dim, nope_dim, &attention.rope, chunk);
        self.expand(block, attention, cache, chunk, x);
        let core = Core { heads, kv_heads: heads, key_dim, value_dim, scale, softcap: None, window: None, sinks: None };
        let y = core.attend(&queries, cache, chunk.first);
        self.weights.linear(&format!("{block}.attn_output"), &y)
    }

    fn latent_queries(&self, block: &str, attention: &LatentAttention, x: &[f32]) -> Vec<f32> {
        match attention.q_rank {
            None => self.weights.linear(&format!("{block}.attn_q"), x),
            Some(rank) => {
                let compressed = self.weights.linear(&format!("{block}.attn_q_a"), x);
                let compressed =
                    self.weights.norm(&format!("{block}.attn_q_a_norm"), attention.norm, &compressed, rank);
                self.weights.linear(&format!("{block}.attn_q_b"), &compressed)
            }
        }
    }

    /// Appends the keys and values of every head: their own parts from the compressed row, the rotated part shared.
    fn expand(&self, block: &str, attention: &LatentAttention, cache: &mut Cache, chunk: &Chunk, x: &[f32]) {
        let LatentAttention { kv_rank, nope_dim, rope_dim, value_dim, norm, .. } = *attention;
        let mut rows = self.weights.linear(&format!("{block}.attn_kv_a_mqa"), x);
        rotate_all(&mut rows, kv_rank + rope_dim, kv_rank, &attention.rope, chunk);
        let compressed: Vec<f32> =
            rows.chunks_exact(kv_rank + rope_dim).flat_map(|row| row[..kv_rank].to_vec()).collect();
        let compressed = self.normed_latent(block, norm, &compressed, kv_rank);
        let expanded = self.weights.linear(&format!("{block}.attn_kv_b"), &compressed);
        let width = nope_dim + value_dim;
        for (token, heads) in expanded.chunks_exact(attention.heads * width).enumerate() {
            let shared = &rows[token * (kv_rank + rope_dim) + kv_rank..][..rope_dim];
            for (index, head) in heads.chunks_exact(width).enumerate() {
                cache.key_head(index).extend_from_slice(&head[..nope_dim]);
                cache.key_head(index).extend_from_slice(shared);
                cache.values.extend_from_slice(&head[nope_dim..]);
            }
        }
    }

    fn normed_latent(&self, block: &str, norm: Norm, compressed: &[f32], rank: usize) -> Vec<f32> {
        self.weights.norm(&format!("{block}.attn_kv_a_norm"), norm, compressed, rank)
    }
}

/// Rotates, in every head of `width` values of every token, the dimensions from `offset` on.
fn rotate_all(heads: &mut [f32], width: usize, offset: usize, rope: &Rope, chunk: &Chunk) {
    let table = chunk.table(rope);
    let row = heads.len() / chunk.tokens;
    for (heads, table) in heads.chunks_exact_mut(row).zip(table.chunks_exact(rope.dims)) {
        for head in heads.chunks_exact_mut(width) {
            math::rotate(&mut head[offset..], table, rope.layout);
        }
    }
}
