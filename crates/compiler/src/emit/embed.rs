//! The prologue: token rows of the embedding, rotary rows of the positions.

use super::*;

impl Emit<'_> {
    /// Token rows of the embedding, dequantised into the residual; rotary rows of their positions.
    pub(super) fn embed(&mut self) -> Result<(), Error> {
        let (hidden, kind) = (self.hidden(), self.plan.embed.kind);
        let blocks = hidden / BLOCK;
        let code_row = hidden * kind.code_bits() / 8;
        let scale_row = (blocks * 2).next_multiple_of(32);
        let tokens = self.sizes.tokens;
        let codes = self.b.arena.alloc("the embedding's codes", tokens * code_row)?;
        let scales = self.b.arena.alloc("the embedding's scales", tokens * scale_row)?;
        let mins = self.b.arena.alloc("the embedding's minimums", tokens * scale_row)?;
        let row = EmbedRow { codes, scales, mins, code_row, scale_row, kind, blocks };
        self.embed_rows(&row);
        let x = self.bufs().x;
        let instr = Instr::Vdeq {
            kind,
            dst: x.op(),
            dstep: (hidden * F32).into(),
            codes: codes.op(),
            cstep: code_row.into(),
            scales: scales.op(),
            sstep: scale_row.into(),
            mins: mins.op(),
            mstep: scale_row.into(),
            rows: self.tokens(),
            cols: hidden.into(),
        };
        self.b.emit(instr);
        [codes, scales, mins].into_iter().for_each(|buffer| self.b.arena.free(buffer));
        if self.network.embed_scale != 1.0 {
            self.scale_rows(Binary::Mul, x.op(), hidden, self.tokens(), hidden, self.network.embed_scale);
        }
        if self.network.learned_positions {
            self.add_positions()?;
        }
        Ok(())
    }

    pub(super) fn embed_rows(&mut self, row: &EmbedRow) {
        let tile = row.kind.tile_bytes();
        let (index, token, position) = (
            self.b.reg(self.sizes.tokens as i64),
            self.b.reg(self.network.vocab as i64),
            self.b.reg(self.sizes.context as i64),
        );
        let embed_bytes = tiles_bytes(row.kind, self.network.vocab, self.hidden()) as i64;
        let tile_row = self.b.reg(embed_bytes);
        let place = self.b.reg(BLOCK as i64);
        let record = self.b.reg((self.sizes.tokens * Abi::TOKEN_WORDS) as i64);
        let [code_at, scale_at, code_off, scale_off, min_off] = [
            (self.sizes.tokens * row.code_row) as i64,
            (self.sizes.tokens * row.scale_row) as i64,
            embed_bytes,
            embed_bytes,
            embed_bytes,
        ]
        .map(|bound| self.b.reg(bound / 32 * 32));
        self.b.set(index, 0);
        let regs = [index, token, position, tile_row, place, record, code_at, scale_at, code_off, scale_off, min_off];
        let tokens = self.tokens();
        let ropes: Vec<(usize, usize, Buffer)> = self
            .map
            .ropes
            .iter()
            .zip(&self.bufs().ropes)
            .map(|((rope, at), buffer)| (rope.dims * F32, *at, *buffer))
            .collect();
        let embed = self.map.embed as i64;
        let tile_row_bytes = row.blocks * tile;
        self.b.repeat(tokens, true, |b| {
            b.mul(record, index, Abi::TOKEN_WORDS);
            b.param(token, Operand::reg(record, Abi::TOKEN_RECORDS as i64));
            b.param(position, Operand::reg(record, Abi::TOKEN_RECORDS as i64 + 1));
            b.emit(Instr::Shr { rd: tile_row, a: token.into(), b: Operand::imm(5) });
            b.mul(tile_row, tile_row, tile_row_bytes);
            b.emit(Instr::And { rd: place, a: token.into(), b: Operand::imm(31) });
            b.mul(code_at, index, row.code_row);
            b.mul(scale_at, index, row.scale_row);
            b.mul(code_off, place, 4);
            b.add(code_off, code_off, tile_row);
            let groups = row.kind.code_bits();
            b.emit(Instr::Ld {
                dst: Operand::reg(code_at, row.codes.at as i64),
                mem: Operand::reg(code_off, embed),
                elem: 4.into(),
                n0: groups.into(),
                s0: 128.into(),
                d0: 4.into(),
                n1: row.blocks.into(),
                s1: tile.into(),
                d1: (4 * groups).into(),
                n2: 1.into(),
                s2: 0.into(),
                d2: 0.into(),
            });
            let mut column = |offset: Reg, width: usize, start: usize, into: Buffer| {
                if width == 0 {
                    return;
                }
                b.mul(offset, place, width);
                b.add(offset, offset, tile_row);
                b.emit(Instr::Ld {
                    dst: Operand::reg(scale_at, into.at as i64),
                    mem: Operand::reg(offset, embed + start as i64),
                    elem: width.into(),
                    n0: row.blocks.into(),
                    s0: tile.into(),
                    d0: width.into(),
                    n1: 1.into(),
                    s1: 0.into(),
                    d1: 0.into(),
                    n2: 1.into(),
                    s2: 0.into(),
                    d2: 0.into(),
                });
            };
            let scales_at = row.kind.code_bytes();
            column(scale_off, row.kind.scale_bytes(), scales_at, row.scales);
            column(min_off, row.kind.min_bytes(), scales_at + BLOCK * row.kind.scale_bytes(), row.mins);
            for (bytes, table, buffer) in ropes {
                load_row(b, index, position, bytes, table, buffer);
            }
            b.add(index, index, 1);
        });
        self.b.release(&regs);
    }

    /// GPT-2's learned positions.
    pub(super) fn add_positions(&mut self) -> Result<(), Error> {
        let hidden = self.hidden();
        let buffer = self.b.arena.alloc("the position rows", self.sizes.tokens * hidden * F32)?;
        let (index, position, record) = (
            self.b.reg(self.sizes.tokens as i64),
            self.b.reg(self.sizes.context as i64),
            self.b.reg((self.sizes.tokens * Abi::TOKEN_WORDS) as i64),
        );
        self.b.set(index, 0);
        let (tokens, table) = (self.tokens(), self.map.positions);
        self.b.repeat(tokens, true, |b| {
            b.mul(record, index, Abi::TOKEN_WORDS);
            b.param(position, Operand::reg(record, Abi::TOKEN_RECORDS as i64 + 1));
            load_row(b, index, position, hidden * F32, table, buffer);
            b.add(index, index, 1);
        });
        self.b.release(&[index, position, record]);
        let x = self.bufs().x;
        self.accumulate(x.op(), hidden, buffer.op(), hidden, self.tokens(), hidden);
        self.b.arena.free(buffer);
        Ok(())
    }
}

/// How the embedding's rows arrive in the scratchpad.
pub(super) struct EmbedRow {
    codes: Buffer,
    scales: Buffer,
    mins: Buffer,
    code_row: usize,
    scale_row: usize,
    kind: WeightKind,
    blocks: usize,
}
