//! Keys and values on their way into the cache: whole pages at once where a prompt fills them, token by token otherwise.
//!
//! A page holds, of each own head, tiles of keys whose rows are positions and tiles of values whose columns are; behind those the values' scales. Which
//! tokens fill a page by themselves the host knows, and says so in two lists: a page takes a dozen stores, and its 32 tokens one by one four each.

use super::*;

/// Where a store begins and what its steps lead over: count, source step, destination step; innermost first.
type Dims = [(usize, usize, usize); 3];

/// Registers of the place of one token, or of a page's first.
#[derive(Clone, Copy)]
struct At {
    index: Reg,
    record: Reg,
    /// The page, with the layer's offset.
    page: Reg,
    /// Offset of the token's quantised heads.
    from: Reg,
}

impl Emit<'_> {
    /// Every token's keys and values go to their place in their page.
    pub(super) fn store_cache(&mut self, heads: &Heads<'_>, projected: &Projected, cache: Cache) {
        let tokens = self.sizes.tokens;
        let abi = Abi { sizes: self.sizes, vocab: 0 };
        if abi.pages() > 0 {
            let at = self.at(heads, cache, tokens - BLOCK);
            self.by_list(Abi::WHOLE_PAGES, abi.page_list(), at.index, abi.pages(), |emit| {
                emit.store_page(heads, projected, cache, at);
            });
            self.release_at(at);
        }
        let at = self.at(heads, cache, tokens - 1);
        if abi.pages() > 0 {
            self.by_list(Abi::SINGLE_TOKENS, abi.token_list(), at.index, tokens, |emit| {
                emit.store_token(heads, projected, cache, at);
            });
        } else {
            self.b.set(at.index, self.window.first);
            self.b.begin(self.tokens(), true);
            self.store_token(heads, projected, cache, at);
            self.b.add(at.index, at.index, 1);
            self.b.end();
        }
        self.release_at(at);
    }

    /// Registers for tokens of which the last has this number.
    fn at(&mut self, heads: &Heads<'_>, cache: Cache, last: usize) -> At {
        let pool = (self.sizes.pages * cache.page) as i64 + self.b.bound(self.regs.cache);
        At {
            // One more: after the last token it counts on.
            index: self.b.reg(last as i64 + 1),
            record: self.b.reg((last * Abi::TOKEN_WORDS) as i64),
            page: self.b.reg(pool),
            from: self.b.reg((last * heads.kv.len() * heads.row) as i64),
        }
    }

    fn release_at(&mut self, at: At) {
        self.b.release(&[at.index, at.record, at.page, at.from]);
    }

    /// What `work` emits, for every entry of a list of parameters that is of this window: `counts` are the words that count those of the first and of the
    /// second half.
    fn by_list(&mut self, counts: usize, list: usize, index: Reg, most: usize, work: impl FnOnce(&mut Self)) {
        let (count, next) = (self.b.reg(most as i64), self.b.reg(most as i64));
        let half = |number: usize| Operand::from(counts + number);
        self.b.set(next, 0);
        match (self.halves.is_some(), self.window.first) {
            (false, _) => {
                self.b.param(count, half(0));
                self.b.param(index, half(1));
                self.b.add(count, count, index);
            }
            (true, 0) => self.b.param(count, half(0)),
            (true, _) => {
                self.b.param(next, half(0));
                self.b.param(count, half(1));
            }
        }
        self.b.begin(count, false);
        self.b.param(index, Operand::reg(next, list as i64));
        work(self);
        self.b.add(next, next, 1);
        self.b.end();
        self.b.release(&[count, next]);
    }

    /// The page and the quantised heads of the token that `at.index` counts.
    fn find(&mut self, heads: &Heads<'_>, cache: Cache, at: At) {
        let layer = self.regs.cache;
        let b = &mut self.b;
        b.mul(at.record, at.index, Abi::TOKEN_WORDS);
        b.param(at.page, Operand::reg(at.record, Abi::TOKEN_RECORDS as i64 + 2));
        b.mul(at.page, at.page, cache.page);
        b.add(at.page, at.page, layer);
        b.mul(at.from, at.index, heads.kv.len() * heads.row);
    }

    /// The 32 tokens from `at.index` on become a whole page.
    fn store_page(&mut self, heads: &Heads<'_>, projected: &Projected, cache: Cache, at: At) {
        self.find(heads, cache, at);
        let (kv, row) = (heads.kv.len(), heads.row);
        let (blocks, token) = (heads.dim / BLOCK, kv * row);
        let (key_tile, value_tile) = (WeightKind::A8.tile_bytes(), WeightKind::U8.tile_bytes());
        let scales = WeightKind::A8.code_bytes();
        let mut store = |src: usize, mem: usize, elem: usize, dims: Dims| {
            let (src, mem) = (Operand::reg(at.from, src as i64), Operand::reg(at.page, (cache.at + mem) as i64));
            self.b.emit(store(src, mem, elem, dims));
        };
        for head in 0..kv {
            let codes = [(BLOCK, token, 4), (8, 4, 128), (blocks, BLOCK, key_tile)];
            store(projected.keys.at + head * row, head * blocks * key_tile, 4, codes);
        }
        let key_scales = [(BLOCK, token, 2), (blocks, 2, key_tile), (kv, row, blocks * key_tile)];
        store(projected.keys.at + heads.dim, scales, 2, key_scales);
        for tile in 0..kv * blocks {
            let codes = [(4, token, 1), (BLOCK, 1, 4), (BLOCK / 4, 4 * token, 128)];
            let from = projected.values.at + tile / blocks * row + tile % blocks * BLOCK;
            store(from, cache.values + tile * value_tile, 1, codes);
        }
        let value_scales = [(BLOCK, token, 2), (kv, row, 2 * BLOCK), (1, 0, 0)];
        store(projected.values.at + heads.dim, cache.scales, 2, value_scales);
    }

    /// The token `at.index` goes to its place in its page.
    fn store_token(&mut self, heads: &Heads<'_>, projected: &Projected, cache: Cache, at: At) {
        self.find(heads, cache, at);
        let (kv, row) = (heads.kv.len(), heads.row);
        let blocks = heads.dim / BLOCK;
        let (key_tile, value_tile) = (WeightKind::A8.tile_bytes(), WeightKind::U8.tile_bytes());
        let bound = self.b.bound(at.page);
        let [slot, low] = [BLOCK as i64, 3].map(|most| self.b.reg(most));
        let [four, two, one] = [bound; 3].map(|most| self.b.reg(most));
        let b = &mut self.b;
        b.param(slot, Operand::reg(at.record, Abi::TOKEN_RECORDS as i64 + 3));
        b.mul(four, slot, 4);
        b.add(four, four, at.page);
        b.mul(two, slot, 2);
        b.add(two, two, at.page);
        b.emit(Instr::Shr { rd: one, a: slot.into(), b: Operand::imm(2) });
        b.mul(one, one, 128);
        b.emit(Instr::And { rd: low, a: slot.into(), b: Operand::imm(3) });
        b.add(one, one, low);
        b.add(one, one, at.page);
        let key = |offset: usize| Operand::reg(at.from, (projected.keys.at + offset) as i64);
        let value = |offset: usize| Operand::reg(at.from, (projected.values.at + offset) as i64);
        let place = |reg: Reg, offset: usize| Operand::reg(reg, (cache.at + offset) as i64);
        let keys = [(8, 4, 128), (blocks, BLOCK, key_tile), (kv, row, blocks * key_tile)];
        b.emit(store(key(0), place(four, 0), 4, keys));
        let key_scales = [(blocks, 2, key_tile), (kv, row, blocks * key_tile), (1, 0, 0)];
        b.emit(store(key(heads.dim), place(two, WeightKind::A8.code_bytes()), 2, key_scales));
        let values = [(BLOCK, 1, 4), (blocks, BLOCK, value_tile), (kv, row, blocks * value_tile)];
        b.emit(store(value(0), place(one, cache.values), 1, values));
        let value_scales = [(kv, row, 2 * BLOCK), (1, 0, 0), (1, 0, 0)];
        b.emit(store(value(heads.dim), place(two, cache.scales), 2, value_scales));
        self.b.release(&[slot, low, four, two, one]);
    }
}

fn store(src: Operand, mem: Operand, elem: usize, dims: Dims) -> Instr {
    let [(n0, s0, d0), (n1, s1, d1), (n2, s2, d2)] = dims;
    Instr::St {
        src,
        mem,
        elem: elem.into(),
        n0: n0.into(),
        s0: s0.into(),
        d0: d0.into(),
        n1: n1.into(),
        s1: s1.into(),
        d1: d1.into(),
        n2: n2.into(),
        s2: s2.into(),
        d2: d2.into(),
    }
}
