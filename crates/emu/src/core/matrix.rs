//! The matrix engine: weights are taken from the stream in order; then activations are prepared and rows of tiles multiplied in parts, on the
//! threads of the core.

use super::{Core, Shared, Step};
use crate::crew::pause;
use crate::kernels::{Activations, Filling, Prepared, Scratch, Tiles};
use arch::Instr;
use base::status::Flags;
use base::tile::{BLOCK, WeightKind};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

/// A row of tiles as taken from the stream.
#[derive(Clone, Copy, Debug)]
pub(super) enum Strip {
    Contiguous(*const u8),
    /// In `Core::tiles` from this place on.
    Scattered(usize),
}

/// What one thread of a core has for itself.
#[derive(Default)]
pub(super) struct Desk {
    scratch: Scratch,
}

/// The resolved operands of an `mm` whose ranges were checked.
#[derive(Clone, Copy)]
struct Product {
    kind: WeightKind,
    grid: i32,
    out: *mut u8,
    ostep: usize,
    x: *mut u8,
    xstep: usize,
    tokens: usize,
    blocks: usize,
    row_tiles: usize,
    sub: usize,
    xgroup: usize,
    ogroup: usize,
    osub: usize,
}

// SAFETY: parts of an instruction write different bytes of the output and only read the input (`Core::check`).
unsafe impl Sync for Product {}

/// Blocks of activations that are prepared at once, at most, over several inputs: what a cache of the host holds.
const PREPARED: usize = 1 << 15;
/// Scattered tiles that are taken at once, at most, and rows of tiles.
const TAKEN: usize = 1 << 14;
/// Products of codes that are worth a thread of its own: a few microseconds.
const GRAIN: usize = 1 << 17;
/// Blocks of activations that are worth one.
const PREPARED_GRAIN: usize = 1 << 7;

impl Product {
    /// The activations of input `input`.
    fn activations(&self, input: usize) -> Activations {
        let codes = self.x.wrapping_add(input * self.xgroup);
        Activations {
            codes: codes.cast(),
            code_stride: self.xstep,
            scales: codes.wrapping_add(self.blocks * BLOCK),
            scale_stride: self.xstep,
            tokens: self.tokens,
            blocks: self.blocks,
        }
    }

    /// Where the results of row of tiles `tile`, counted over all groups, begin.
    fn out(&self, tile: usize) -> *mut u8 {
        let (group, tile) = (tile / self.row_tiles, tile % self.row_tiles);
        let group = group / self.sub * self.ogroup + group % self.sub * self.osub;
        self.out.wrapping_add(group + tile * BLOCK * 4)
    }
}

impl Core {
    pub(super) fn matrix(&mut self, instr: &Instr, shared: &Shared<'_>) -> Step {
        let Instr::Mm { kind, out, ostep, x, xstep, rows, k, tokens, grid, groups, sub, xgroup, ogroup, osub } = *instr
        else {
            unreachable!("the matrix engine runs `mm` only")
        };
        let product = Product {
            kind,
            grid: self.value(grid) as i32,
            out: self.spad(out),
            ostep: self.count(ostep),
            x: self.spad(x),
            xstep: self.count(xstep),
            tokens: self.count(tokens),
            blocks: self.count(k) / BLOCK,
            row_tiles: self.count(rows) / BLOCK,
            sub: self.count(sub),
            xgroup: self.count(xgroup),
            ogroup: self.count(ogroup),
            osub: self.count(osub),
        };
        let (Product { tokens, blocks, row_tiles, .. }, groups) = (product, self.count(groups));
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
        self.multiply(&product, groups, shared)?;
        let tiles = (groups * row_tiles * blocks) as u64;
        self.counters.weight_bytes += tiles * kind.tile_bytes() as u64;
        self.counters.macs += tiles * (BLOCK * BLOCK * tokens) as u64;
        Ok(())
    }

    /// All groups, as many inputs at a time as may be prepared at once.
    fn multiply(&mut self, product: &Product, groups: usize, shared: &Shared<'_>) -> Step {
        if self.desks.len() < shared.crew.threads() {
            self.desks.resize_with(shared.crew.threads(), Mutex::default);
        }
        let inputs = groups.div_ceil(product.sub);
        let strips = groups * product.row_tiles;
        if strips * product.blocks.max(1) <= TAKEN && shared.crew.by_rows(inputs * product.tokens) {
            self.take_strips(product, strips)?;
            self.by_rows(product, inputs, shared);
            return Ok(());
        }
        let together = (PREPARED / (product.tokens * product.blocks).max(1)).clamp(1, inputs);
        for first in (0..inputs).step_by(together) {
            let end = (first + together).min(inputs);
            if product.tokens > 0 {
                self.prepare(product, first..end, shared);
            }
            let tiles = first * product.sub * product.row_tiles..(end * product.sub).min(groups) * product.row_tiles;
            let mut at = tiles.start;
            while at < tiles.end {
                self.take_strips(product, tiles.end - at)?;
                if product.tokens > 0 {
                    self.strips(product, first, at, shared);
                }
                at += self.strips.len();
            }
        }
        Ok(())
    }

    /// Prepare the activations of some inputs.
    fn prepare(&mut self, product: &Product, inputs: Range<usize>, shared: &Shared<'_>) {
        if self.prepared.len() < inputs.len() {
            self.prepared.resize_with(inputs.len(), Prepared::default);
        }
        let open = |(input, prepared): (usize, &mut Prepared)| {
            // SAFETY: `check` found all rows of all groups inside the scratchpad.
            unsafe { shared.kernels.open(product.kind, &product.activations(input), product.grid, prepared) };
            prepared.filling()
        };
        let fillings: Vec<Filling> = inputs.clone().zip(&mut self.prepared).map(open).collect();
        let pieces = fillings[0].pieces();
        let all = pieces * inputs.len();
        let fill = |part: usize| {
            let (input, piece) = (part / pieces, part % pieces);
            let x = product.activations(inputs.start + input);
            // SAFETY: as above; every piece is filled once, and what was prepared is used after that.
            unsafe { shared.kernels.fill(&x, &fillings[input], piece) };
        };
        let blocks = (product.tokens * product.blocks).div_ceil(pieces);
        let part = shared.crew.part(all, PREPARED_GRAIN.div_ceil(blocks.max(1)));
        shared
            .crew
            .share(all.div_ceil(part), &|number, _| (number * part..((number + 1) * part).min(all)).for_each(fill));
    }

    /// Multiply the strips that were taken, of which the first is row of tiles `first` of all, with inputs prepared from number `input` on.
    fn strips(&mut self, product: &Product, input: usize, first: usize, shared: &Shared<'_>) {
        let all = self.strips.len();
        let least = GRAIN.div_ceil((product.tokens * product.blocks).max(1) * BLOCK * BLOCK);
        let part = shared.crew.part(all, least);
        let work = Work { strips: &self.strips, tiles: &self.tiles, prepared: &self.prepared, desks: &self.desks };
        if all <= part {
            self.flags |= work.run(product, input, first, 0..all, 0, shared);
            return;
        }
        let flags = AtomicU32::new(0);
        shared.crew.share(all.div_ceil(part), &|number, thread| {
            let strips = number * part..((number + 1) * part).min(all);
            flags.fetch_or(work.run(product, input, first, strips, thread, shared).0, Ordering::Relaxed);
        });
        self.flags |= Flags(flags.into_inner());
    }

    /// Multiply all strips, each thread a stretch of the rows of activations: what a row becomes stays in the caches of the thread that has it. Who is
    /// done takes strips of those that are not.
    fn by_rows(&mut self, product: &Product, inputs: usize, shared: &Shared<'_>) {
        let (rows, threads) = (inputs * product.tokens, shared.crew.threads());
        if self.stretches.len() < threads {
            self.stretches.resize_with(threads, Stretch::default);
        }
        self.stretches.iter_mut().for_each(|stretch| *stretch.ready.get_mut() = false);
        let work = Work { strips: &self.strips, tiles: &self.tiles, prepared: &[], desks: &self.desks };
        // Whole fours, which the kernels like best.
        let whole = if rows >= 16 * threads { 4 } else { 1 };
        let start = |part: usize| if part == threads { rows } else { part * rows / threads / whole * whole };
        let slices = shared.crew.slices(rows / threads * (self.strips.len() / inputs) * product.blocks * BLOCK * BLOCK);
        let flags = AtomicU32::new(0);
        shared.crew.share(threads * slices, &|part, thread| {
            let (number, slice) = (part / slices, part % slices);
            let stretch = &self.stretches[number];
            if slice == 0 {
                stretch.prepare(product, start(number)..start(number + 1), shared);
            }
            let some = work.rows(product, stretch, (slice, slices), thread, shared);
            flags.fetch_or(some.0, Ordering::Relaxed);
        });
        self.flags |= Flags(flags.into_inner());
    }

    /// Take the next rows of tiles from the stream, `most` at most.
    fn take_strips(&mut self, product: &Product, most: usize) -> Step {
        self.strips.clear();
        self.tiles.clear();
        self.staging.clear();
        let bytes = product.kind.tile_bytes();
        while self.strips.len() < most.min(TAKEN) && self.tiles.len() < TAKEN {
            let strip = match self.stream.front() {
                Some(piece) if piece.len >= bytes * product.blocks => {
                    let start = piece.start;
                    self.take(bytes * product.blocks);
                    Strip::Contiguous(start)
                }
                _ => {
                    let place = self.tiles.len();
                    for _ in 0..product.blocks {
                        let tile = self.take_tile(bytes)?;
                        self.tiles.push(tile);
                    }
                    Strip::Scattered(place)
                }
            };
            self.strips.push(strip);
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

/// What the threads of a product share.
struct Work<'a> {
    strips: &'a [Strip],
    tiles: &'a [*const u8],
    prepared: &'a [Prepared],
    desks: &'a [Mutex<Desk>],
}

// SAFETY: the pointers lead to weights, which nobody writes while they are multiplied.
unsafe impl Sync for Work<'_> {}

impl Work<'_> {
    /// Multiply some strips; see [`Core::strips`].
    fn run(
        &self,
        product: &Product,
        input: usize,
        first: usize,
        strips: Range<usize>,
        thread: usize,
        shared: &Shared<'_>,
    ) -> Flags {
        let mut desk = self.desks[thread].lock().unwrap_or_else(PoisonError::into_inner);
        let mut flags = Flags::NONE;
        for index in strips {
            let (tiles, tile) = (self.tiles(product, index), first + index);
            let prepared = &self.prepared[tile / product.row_tiles / product.sub - input];
            let (out, ostep) = (product.out(tile), product.ostep);
            // SAFETY: the tiles lie in the chip's memory or in `staging`, the rows in the scratchpad (`check`).
            flags |= unsafe { shared.kernels.row_tile(prepared, tiles, BLOCK, out, ostep, &mut desk.scratch) };
        }
        flags
    }

    fn tiles(&self, product: &Product, index: usize) -> Tiles<'_> {
        match self.strips[index] {
            Strip::Contiguous(start) => Tiles::Contiguous(start),
            Strip::Scattered(place) => Tiles::Scattered(&self.tiles[place..place + product.blocks]),
        }
    }

    /// Multiply a stretch of rows with one of some equal slices of the strips that are theirs.
    fn rows(
        &self,
        product: &Product,
        stretch: &Stretch,
        (slice, slices): (usize, usize),
        thread: usize,
        shared: &Shared<'_>,
    ) -> Flags {
        let mut desk = self.desks[thread].lock().unwrap_or_else(PoisonError::into_inner);
        let (strips, mut flags) = (product.sub.saturating_mul(product.row_tiles), Flags::NONE);
        let end = |part: usize| part * strips.min(self.strips.len()) / slices;
        let (portions, count) = &*stretch.portions();
        for portion in &portions[..*count] {
            let first = portion.input * strips;
            for index in first + end(slice)..(first + end(slice + 1)).min(self.strips.len()) {
                let out = product.out(index).wrapping_add(portion.token * product.ostep);
                let tiles = self.tiles(product, index);
                // SAFETY: as in `run`.
                flags |= unsafe {
                    shared.kernels.row_tile(&portion.prepared, tiles, BLOCK, out, product.ostep, &mut desk.scratch)
                };
            }
        }
        flags
    }
}

/// Rows of activations that one thread has prepared.
#[derive(Default)]
pub(super) struct Stretch {
    /// Buffers of which some are in use.
    portions: RwLock<(Vec<Portion>, usize)>,
    /// Whether they are those of this instruction.
    ready: AtomicBool,
}

/// Those of one input, from some token on.
#[derive(Default)]
struct Portion {
    input: usize,
    token: usize,
    prepared: Prepared,
}

impl Stretch {
    /// Prepares some rows, counted over all inputs.
    fn prepare(&self, product: &Product, rows: Range<usize>, shared: &Shared<'_>) {
        let (portions, count) = &mut *self.portions.write().unwrap_or_else(PoisonError::into_inner);
        let _ready = Ready(&self.ready);
        *count = 0;
        let mut at = rows.start;
        while at < rows.end {
            let (input, token) = (at / product.tokens, at % product.tokens);
            let some = (rows.end - at).min(product.tokens - token);
            if portions.len() == *count {
                portions.push(Portion::default());
            }
            let portion = &mut portions[*count];
            (portion.input, portion.token) = (input, token);
            let x = product.activations(input).part(token, some);
            // SAFETY: `check` found all rows of all groups inside the scratchpad.
            unsafe { shared.kernels.prepare(product.kind, &x, product.grid, &mut portion.prepared) };
            at += some;
            *count += 1;
        }
    }

    /// What was prepared: whoever takes strips of another thread waits for that.
    fn portions(&self) -> RwLockReadGuard<'_, (Vec<Portion>, usize)> {
        let mut spins = 0;
        while !self.ready.load(Ordering::Acquire) {
            pause(&mut spins);
        }
        self.portions.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that a stretch is ready, after a panic too: nobody waits forever.
struct Ready<'a>(&'a AtomicBool);

impl Drop for Ready<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
