//! The image: weights from the checkpoint, in the chip's tiles, written into memory piece by piece.

use crate::Error;
use crate::blocks::{Block, exact_kind, quantise, read_exact};
use crate::map::{Item, Map, Source};
use arch::machine::Machine;
use base::tile::{BLOCK, WeightKind, pack_tile_into};
use model::blocks::Encoding;
use model::checkpoint::Checkpoint;
use rayon::prelude::*;

/// Rows packed at a time by one thread: bounds the memory that packing takes.
const CHUNK_TILES: usize = 64;

/// Write every item of the map. `progress` hears bytes done and bytes in all.
pub fn write(
    map: &Map,
    checkpoint: &Checkpoint,
    machine: &mut dyn Machine,
    mut progress: impl FnMut(u64, u64),
) -> Result<(), Error> {
    let total: usize = map.chips.iter().flat_map(|chip| &chip.items).map(|item| item.len).sum();
    let mut done = 0;
    for (chip, items) in map.chips.iter().map(|chip| &chip.items).enumerate() {
        for item in items {
            write_item(item, checkpoint, &mut |at, bytes| {
                machine.write(chip, at as u64, bytes)?;
                done += bytes.len();
                progress(done as u64, total as u64);
                Ok(())
            })?;
        }
    }
    Ok(())
}

type Sink<'a> = dyn FnMut(usize, &[u8]) -> Result<(), Error> + 'a;

fn write_item(item: &Item, checkpoint: &Checkpoint, sink: &mut Sink<'_>) -> Result<(), Error> {
    match &item.source {
        Source::Rope(rope) => {
            let table = rope.table(0..item.len / (4 * rope.dims));
            sink(item.at, &floats(&table))
        }
        Source::Vector { tensor, factor } => {
            let values: Vec<f32> = checkpoint.f32(tensor)?.into_iter().map(|v| v * factor).collect();
            sink(item.at, &floats(&values))
        }
        Source::Tiles { tensor, rows, k, kind } => {
            let step = tile_row_bytes(*kind, *k);
            for first in (0..rows.len()).step_by(CHUNK_TILES * BLOCK) {
                let count = (rows.len() - first).min(CHUNK_TILES * BLOCK);
                let bytes = pack(checkpoint, tensor, rows.start + first, count, *k, *kind)?;
                sink(item.at + first / BLOCK * step, &bytes)?;
            }
            Ok(())
        }
    }
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn tile_row_bytes(kind: WeightKind, k: usize) -> usize {
    k.div_ceil(BLOCK) * kind.tile_bytes()
}

/// Where the blocks of a tensor's rows come from.
enum Rows<'a> {
    /// Encoded bytes that the chip holds exactly.
    Exact(Encoding, &'a [u8]),
    /// Decoded values to be quantised: `rows` x `k`.
    Values(Vec<f32>),
}

impl Rows<'_> {
    fn block(&self, row: usize, column: usize, k: usize, kind: WeightKind) -> Block {
        match self {
            Rows::Exact(encoding, bytes) => {
                let size = encoding.block_bytes();
                let index = row * (k / BLOCK) + column;
                read_exact(*encoding, &bytes[index * size..][..size])
            }
            Rows::Values(values) => {
                let row = &values[row * k..][..k];
                let piece = &row[column * BLOCK..k.min((column + 1) * BLOCK)];
                let mut block = [0f32; BLOCK];
                block[..piece.len()].copy_from_slice(piece);
                quantise(kind, &block)
            }
        }
    }
}

fn pack(
    checkpoint: &Checkpoint,
    tensor: &str,
    first: usize,
    count: usize,
    k: usize,
    kind: WeightKind,
) -> Result<Vec<u8>, Error> {
    let info = checkpoint.info(tensor)?;
    let exact = exact_kind(info.encoding) == Some(kind) && k.is_multiple_of(BLOCK);
    let raw = if exact { checkpoint.raw(tensor)? } else { None };
    let rows = match &raw {
        Some(raw) => {
            let row = k / BLOCK * info.encoding.block_bytes();
            Rows::Exact(info.encoding, &raw[first * row..(first + count) * row])
        }
        None => {
            let mut values = vec![0f32; count * k];
            checkpoint.rows_f32(tensor, first, count, &mut values)?;
            Rows::Values(values)
        }
    };
    let step = tile_row_bytes(kind, k);
    let mut bytes = vec![0u8; count.div_ceil(BLOCK) * step];
    bytes.par_chunks_exact_mut(step).enumerate().for_each(|(index, out)| {
        for (column, tile) in out.chunks_exact_mut(kind.tile_bytes()).enumerate() {
            pack_blocks(kind, tile, |row| {
                let row = index * BLOCK + row;
                if row < count { rows.block(row, column, k, kind) } else { Block::ZERO }
            });
        }
    });
    Ok(bytes)
}

fn pack_blocks(kind: WeightKind, tile: &mut [u8], block: impl Fn(usize) -> Block) {
    let blocks: [Block; BLOCK] = std::array::from_fn(block);
    pack_tile_into(kind, tile, |row, column| blocks[row].codes[column], |row| blocks[row].scale, |row| blocks[row].min);
}
