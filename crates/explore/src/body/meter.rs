//! What a die of ours draws for a step, from the energies of its events.

use crate::bound::Least;
use crate::deploy::{Drawn, Meter};
use arch::Chip;
use base::units::{Joules, Watts};
use perf::evaluate::Step;
use perf::workload::Plan;
use phys::energy::{Energy, Load};
use phys::written::Range;

/// Operations of a multiply-accumulate.
const OPERATIONS: f64 = 2.0;

/// Energies per event, their share of clock and scratchpad included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watch {
    /// Operation with a weight of four bits, J.
    narrow: f64,
    /// Operation with a wider one, J.
    wide: f64,
    /// Byte of memory: on the die, J.
    byte: f64,
    /// Byte of memory: beside it, J.
    beside: f64,
    /// Byte over a link, J.
    link: f64,
    /// What flows whatever it does, W.
    leakage: f64,
}

/// One of the three numbers of a range.
pub type End = fn(Range<f64>) -> f64;

/// The low end.
pub fn low(range: Range<f64>) -> f64 {
    range.low
}

/// The best guess.
pub fn nominal(range: Range<f64>) -> f64 {
    range.nominal
}

/// The high end.
pub fn high(range: Range<f64>) -> f64 {
    range.high
}

impl Watch {
    /// Of a chip, with this end of each energy.
    pub fn of(chip: &Chip, energy: &Energy, end: End) -> Watch {
        let joules = |range: Range<Joules>| end(range.map(|joules| joules.0));
        let full = Load::full(chip);
        let clock = 1.0 + end(energy.clock);
        let sram = joules(energy.sram_byte) * clock;
        // Scratchpad bytes per multiply-accumulate are those of full rate.
        let with_mac = full.sram.0 / chip.macs_per_second() * sram;
        let hops = full.hops.0 / full.memory.0 * joules(energy.hop_byte) * clock;
        let memory = joules(energy.memory_byte);
        let die = memory * end(energy.on_die);
        /// A byte from memory enters a scratchpad or the weight buffer, and leaves it.
        const BOTH: f64 = 2.0;
        Watch {
            narrow: (joules(energy.mac_i4) + with_mac) / OPERATIONS,
            wide: (joules(energy.mac_i8) + with_mac) / OPERATIONS,
            byte: die + hops + BOTH * sram,
            beside: memory - die,
            link: joules(energy.link_byte),
            leakage: end(energy.leakage.map(|leakage| leakage.0)),
        }
    }

    /// The least that anything costs.
    pub fn least(&self) -> Least {
        Least { operation: self.narrow.min(self.wide), byte: self.byte + self.beside, standing: self.leakage }
    }
}

impl Meter for Watch {
    fn energy(&self, step: &Step, _: &Plan, narrow: f64) -> Drawn {
        let operation = self.narrow * narrow + self.wide * (1.0 - narrow);
        let die = step.operations * operation
            + step.memory_bytes * self.byte
            + step.exchanged_bytes * self.link
            + step.time.0 * self.leakage;
        Drawn { die: Joules(die), beside: Joules(step.memory_bytes * self.beside) }
    }

    fn bears(&self, _: Watts, _: Watts) -> bool {
        true
    }
}
