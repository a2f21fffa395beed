//! The matrix engine.

use super::{Core, Shared, Step};
use crate::kernels::{Activations, Prepared, Scratch, Tiles};
use arch::Instr;
use base::tile::BLOCK;

impl Core {
    pub(super) fn matrix(&mut self, instr: &Instr, shared: &Shared<'_>) -> Step {
        let Instr::Mm { kind, out, ostep, x, xstep, rows, k, tokens, grid, groups, sub, xgroup, ogroup, osub } = *instr
        else {
            unreachable!("the matrix engine runs `mm` only")
        };
        let (row_tiles, blocks) = (self.count(rows) / BLOCK, self.count(k) / BLOCK);
        let (tokens, groups, sub) = (self.count(tokens), self.count(groups), self.count(sub));
        let most = shared.chip.matrix.tokens;
        if tokens > most {
            return Err(format!(
                "`tokens` = {tokens}; chip `{}` multiplies at most {most} rows at once",
                shared.chip.name
            ));
        }
        if row_tiles == 0 || groups == 0 || (blocks == 0 && tokens == 0) {
            return Ok(());
        }
        let (x, out) = (self.spad(x), self.spad(out));
        let (xstep, ostep) = (self.count(xstep), self.count(ostep));
        let (xgroup, ogroup, osub) = (self.count(xgroup), self.count(ogroup), self.count(osub));
        let grid = self.value(grid) as i32;
        let mut prepared = std::mem::take(&mut self.prepared);
        let mut scratch = std::mem::take(&mut self.scratch);
        for group in 0..groups {
            if group % sub == 0 && tokens > 0 {
                // SAFETY: `check` found all rows of all groups inside the scratchpad.
                unsafe {
                    let codes = x.add(group / sub * xgroup);
                    let scales = codes.add(blocks * BLOCK);
                    let x = Activations {
                        codes: codes.cast(),
                        code_stride: xstep,
                        scales,
                        scale_stride: xstep,
                        tokens,
                        blocks,
                    };
                    shared.kernels.prepare(kind, &x, grid, &mut prepared);
                }
            }
            // SAFETY: as above, for the output.
            let out = unsafe { out.add(group / sub * ogroup + group % sub * osub) };
            for tile in 0..row_tiles {
                // SAFETY: as above.
                let out = unsafe { out.add(tile * BLOCK * 4) };
                self.row_tile(
                    kind.tile_bytes(),
                    blocks,
                    (tokens > 0).then_some(&prepared),
                    out,
                    ostep,
                    &mut scratch,
                    shared,
                )?;
            }
        }
        self.prepared = prepared;
        self.scratch = scratch;
        let tiles = (groups * row_tiles * blocks) as u64;
        self.counters.weight_bytes += tiles * kind.tile_bytes() as u64;
        self.counters.macs += tiles * (BLOCK * BLOCK * tokens) as u64;
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn row_tile(
        &mut self,
        tile_bytes: usize,
        blocks: usize,
        prepared: Option<&Prepared>,
        out: *mut u8,
        ostep: usize,
        scratch: &mut Scratch,
        shared: &Shared<'_>,
    ) -> Step {
        let contiguous = self.stream.front().is_some_and(|piece| piece.len >= tile_bytes * blocks);
        self.tiles.clear();
        let tiles = if contiguous {
            let start = self.stream.front().expect("looked at above").start;
            self.take(tile_bytes * blocks);
            Tiles::Contiguous(start)
        } else {
            self.staging.clear();
            for _ in 0..blocks {
                let tile = self.take_tile(tile_bytes)?;
                self.tiles.push(tile);
            }
            Tiles::Scattered(&self.tiles)
        };
        if let Some(prepared) = prepared {
            // SAFETY: the tiles lie in the chip's memory or in `staging`, the rows in the scratchpad (`check`).
            let flags = unsafe { shared.kernels.row_tile(prepared, tiles, BLOCK, out, ostep, scratch) };
            self.flags |= flags;
        }
        Ok(())
    }

    /// Remove `bytes` from the front piece, which has them.
    fn take(&mut self, bytes: usize) {
        let piece = self.stream.front_mut().expect("the caller looked");
        // SAFETY: the piece has at least `bytes` bytes.
        piece.start = unsafe { piece.start.add(bytes) };
        piece.len -= bytes;
        if piece.len == 0 {
            self.loads -= usize::from(piece.last);
            self.stream.pop_front();
        }
    }

    fn take_tile(&mut self, bytes: usize) -> Step<*const u8> {
        let front = self.stream.front().ok_or("the weight stream is empty: an `mm` takes more than was loaded")?;
        if front.len >= bytes {
            let start = front.start;
            self.take(bytes);
            return Ok(start);
        }
        self.take_straddling(bytes)
    }

    /// A tile whose bytes come from several pieces.
    fn take_straddling(&mut self, bytes: usize) -> Step<*const u8> {
        let mut tile = Vec::with_capacity(bytes);
        while tile.len() < bytes {
            let front = self.stream.front().ok_or("the weight stream ends in the middle of a tile")?;
            let count = front.len.min(bytes - tile.len());
            // SAFETY: the piece lies in the chip's memory and has `count` bytes.
            tile.extend_from_slice(unsafe { std::slice::from_raw_parts(front.start, count) });
            self.take(count);
        }
        self.staging.push(tile.into_boxed_slice());
        Ok(self.staging.last().expect("just pushed").as_ptr())
    }
}
