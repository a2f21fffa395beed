//! The stream's buffer: when its words can be taken (`puce_weights_buffer`, `puce_weights_bank`).

use base::units::Bytes;

use crate::cycles::wires::WORD;

/// Words of a bank in registers (`Ahead`).
const AHEAD: u8 = 3;

/// The twin of `puce_weights_bank`.
#[derive(Clone, Copy, Debug, Default)]
struct Bank {
    stored: u32,
    ahead: u8,
    fetched: bool,
}

impl Bank {
    fn step(&mut self, write: bool, pop: bool) {
        let fetch = self.stored != 0 && self.ahead + u8::from(self.fetched) < AHEAD;
        self.stored = self.stored + u32::from(write) - u32::from(fetch);
        self.ahead = self.ahead + u8::from(self.fetched) - u8::from(pop);
        self.fetched = fetch;
    }
}

/// The twin of `puce_weights_buffer`.
#[derive(Clone, Debug)]
pub struct Buffer {
    banks: Box<[Bank]>,
    /// The bank of the next word to come in, and of the next to go out.
    tail: usize,
    head: usize,
}

impl Buffer {
    /// For a memory port of so many bytes, as after reset.
    pub fn new(port: Bytes) -> Buffer {
        let banks = vec![Bank::default(); (port.0 as i64 / WORD) as usize];
        Buffer { banks: banks.into_boxed_slice(), tail: 0, head: 0 }
    }

    /// Words that the stream offers (`stream_count_o`).
    pub fn count(&self) -> u32 {
        let (count, mask) = (self.banks.len(), self.banks.len() - 1);
        (0..count).find(|place| self.banks[(self.head + place) & mask].ahead == 0).unwrap_or(count) as u32
    }

    /// One clock edge: so many words come in, so many leave.
    pub fn step(&mut self, came: u32, take: u32) {
        let mask = self.banks.len() - 1;
        let (tail, head) = (self.tail, self.head);
        for (place, bank) in self.banks.iter_mut().enumerate() {
            let write = (place.wrapping_sub(tail) & mask) < came as usize;
            let pop = (place.wrapping_sub(head) & mask) < take as usize;
            bank.step(write, pop);
        }
        self.tail = (tail + came as usize) & mask;
        self.head = (head + take as usize) & mask;
    }
}
