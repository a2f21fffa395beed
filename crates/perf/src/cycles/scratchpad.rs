//! The scratchpad's banks (`puce_scratchpad`, `puce_bank`): who is served, and when read words come.

use super::wires::{Access, Answer, Ask};

/// Ports, in the order of their priority: matrix read and write, vector a, b and write, load write and table, weights table, store read, exchange read and
/// write.
pub const PORTS: usize = 11;
/// Cycles for which a bank is taken by a write of a part of 32 bits.
const MERGE: u64 = 3;

/// Banks of one access per cycle each.
#[derive(Clone, Debug)]
pub struct Scratchpad {
    /// The low bits of a word's number that name its bank.
    mask: i64,
    /// Cycle from which each bank is free.
    free: Vec<u64>,
    /// Ports, as bits, whose reads were taken one and two cycles ago.
    first: u16,
    second: u16,
}

/// What all ports ask for in a cycle.
#[derive(Clone, Copy, Debug)]
pub struct Asks {
    /// Ports that ask, as bits.
    mask: u16,
    asks: [Ask; PORTS],
}

impl Default for Asks {
    fn default() -> Asks {
        Asks { mask: 0, asks: [Ask { word: 0, access: Access::Read }; PORTS] }
    }
}

impl Asks {
    /// What a port asks for, once in a cycle.
    #[inline]
    pub fn put(&mut self, port: usize, ask: Option<Ask>) {
        if let Some(ask) = ask {
            self.asks[port] = ask;
            self.mask |= 1 << port;
        }
    }

    /// Nobody asks any more.
    #[inline]
    pub fn clear(&mut self) {
        self.mask = 0;
    }
}

/// Ports as bits: whose requests were taken, whose were not, and to whom a word comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Grants {
    /// Taken.
    pub taken: u16,
    /// Held up.
    pub held: u16,
    /// A word comes.
    pub data: u16,
}

impl Grants {
    /// What these ports are told.
    #[inline]
    pub fn answers<const N: usize>(self, ports: [usize; N]) -> [Answer; N] {
        ports.map(|port| Answer { taken: self.taken >> port & 1 == 1, data: self.data >> port & 1 == 1 })
    }
}

impl Scratchpad {
    /// `banks` banks, a power of two, all free.
    pub fn new(banks: usize) -> Scratchpad {
        Scratchpad { mask: banks as i64 - 1, free: vec![0; banks], first: 0, second: 0 }
    }

    /// Whether a word comes to these ports in this cycle.
    #[inline]
    pub fn data<const N: usize>(&self, ports: [usize; N]) -> [bool; N] {
        ports.map(|port| self.second >> port & 1 == 1)
    }

    /// One cycle: every bank serves the first port that wants it.
    #[inline]
    pub fn step(&mut self, cycle: u64, asks: &Asks) -> Grants {
        let (mut grants, mut reads) = (Grants { data: self.second, ..Grants::default() }, 0);
        let mut left = asks.mask;
        while left != 0 {
            let port = left.trailing_zeros() as usize;
            left &= left - 1;
            let ask = asks.asks[port];
            let free = &mut self.free[(ask.word & self.mask) as usize];
            if *free > cycle {
                grants.held |= 1 << port;
                continue;
            }
            grants.taken |= 1 << port;
            *free = cycle + if ask.access == Access::Merge { MERGE } else { 1 };
            reads |= u16::from(ask.access == Access::Read) << port;
        }
        self.second = self.first;
        self.first = reads;
        grants
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(asks: &[(usize, i64, Access)]) -> Asks {
        let mut all = Asks::default();
        asks.iter().for_each(|(port, word, access)| all.put(*port, Some(Ask { word: *word, access: *access })));
        all
    }

    #[test]
    fn a_bank_serves_the_first_port_and_reads_come_two_cycles_later() {
        let mut spad = Scratchpad::new(8);
        let three = asks(&[(0, 8, Access::Read), (3, 0, Access::Read), (4, 1, Access::Write)]);
        assert_eq!(spad.step(0, &three), Grants { taken: 0b1_0001, held: 0b1000, data: 0 });
        assert_eq!(spad.step(1, &Asks::default()), Grants::default());
        assert_eq!(spad.data([0, 3]), [true, false]);
        assert_eq!(spad.step(2, &Asks::default()).data, 0b1);
        assert_eq!(spad.step(3, &Asks::default()).data, 0);
    }

    #[test]
    fn a_part_of_a_word_takes_its_bank_for_three_cycles() {
        let mut spad = Scratchpad::new(4);
        assert_eq!(spad.step(7, &asks(&[(10, 5, Access::Merge)])).taken, 1 << 10);
        let other = asks(&[(0, 1, Access::Read)]);
        let taken: Vec<u16> = (8..11).map(|cycle| spad.step(cycle, &other).taken).collect();
        assert_eq!(taken, [0, 0, 1]);
    }
}
