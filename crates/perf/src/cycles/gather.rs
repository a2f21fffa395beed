//! A table of indices becomes addresses, one per cycle (`puce_dma_gather`).

use super::wires::{Access, Answer, Ask, WORD};

/// What a gather begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Start {
    /// Address of index 0.
    pub base: i64,
    /// Bytes from one index to the next.
    pub step: i64,
    /// First byte of the table.
    pub table: i64,
    /// Indices, at least one.
    pub count: i64,
}

/// Words of the table that wait or are on their way (`Ahead`).
const AHEAD: u8 = 4;
/// Bytes of an index.
const INDEX: i64 = 4;
/// Registers from an index to its address.
const STEPS: usize = 6;
/// The last of them.
const LAST: u8 = 1 << (STEPS - 1);
/// Places of the ring of addresses: a power of two of at least `STEPS`.
const PLACES: usize = 8;

/// The twin of `puce_dma_gather`.
#[derive(Clone, Debug)]
pub struct Gather {
    busy: bool,
    start: Start,
    left: i64,
    slot: i64,
    ask: i64,
    ask_left: i64,
    room: u8,
    words: u8,
    /// Which registers hold something: bit 0 an index, the last an address.
    valid: u8,
    /// The addresses of what the registers hold, oldest at `head`.
    ring: [i64; PLACES],
    head: usize,
    tail: usize,
}

impl Default for Gather {
    fn default() -> Gather {
        Gather::new()
    }
}

impl Gather {
    /// As after reset.
    pub fn new() -> Gather {
        Gather {
            busy: false,
            start: Start { base: 0, step: 0, table: 0, count: 0 },
            left: 0,
            slot: 0,
            ask: 0,
            ask_left: 0,
            room: AHEAD,
            words: 0,
            valid: 0,
            ring: [0; PLACES],
            head: 0,
            tail: 0,
        }
    }

    /// Whether it can begin (`start_ready_o`).
    pub fn ready(&self) -> bool {
        !self.busy
    }

    /// What its port asks for (`req_o`).
    pub fn ask(&self) -> Option<Ask> {
        let asks = self.ask_left != 0 && self.room != 0;
        asks.then_some(Ask { word: self.ask, access: Access::Read })
    }

    /// The oldest address (`addr_valid_o`, `addr_o`).
    pub fn address(&self) -> Option<i64> {
        (self.valid & LAST != 0).then(|| self.ring[self.head % PLACES])
    }

    /// Nothing inside.
    pub fn idle(&self) -> bool {
        !self.busy && self.valid == 0
    }

    /// One clock edge: what begins if it is ready (`start_valid_i`), the port's answer, whether an address would be taken (`addr_ready_i`), and the
    /// index that stands at a byte of the scratchpad, an entry of the table.
    pub fn step(&mut self, start: Option<Start>, answer: Answer, taken: bool, index: impl FnOnce(i64, u64) -> u32) {
        let flow = self.valid & LAST == 0 || taken;
        let take = self.busy && self.words != 0 && flow && self.left != 0;
        let pop = take && (self.slot == WORD / INDEX - 1 || self.left == 1);
        let starts = start.filter(|_| !self.busy);
        if self.left == 0 && self.valid & !LAST == 0 {
            self.busy = false;
        }
        if take {
            let entry = self.start.count - self.left;
            let index = index(self.start.table + INDEX * entry, entry as u64);
            self.ring[self.tail % PLACES] = self.start.base + i64::from(index) * self.start.step;
            self.tail += 1;
            self.left -= 1;
            self.slot = (self.slot + 1) % (WORD / INDEX);
        }
        if flow {
            self.head += usize::from(self.valid & LAST != 0);
            self.valid = self.valid << 1 & (2 * LAST - 1) | u8::from(take);
        }
        let asked = answer.taken && self.ask().is_some();
        self.room = self.room + u8::from(pop) - u8::from(asked);
        self.words = self.words + u8::from(answer.data) - u8::from(pop);
        self.ask += i64::from(asked);
        self.ask_left -= i64::from(asked);
        if let Some(start) = starts {
            self.begin(start);
        }
    }

    fn begin(&mut self, start: Start) {
        self.busy = true;
        self.start = start;
        self.left = start.count;
        self.slot = start.table % WORD / INDEX;
        self.ask = start.table / WORD;
        self.ask_left = (start.count * INDEX + start.table % WORD + WORD - 1) / WORD;
    }
}
