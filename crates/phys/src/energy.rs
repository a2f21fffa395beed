//! Energy per event, power under a load, leakage and clock.
//!
//! Logic scales with the node and with the square of the supply voltage; interfaces do not. Whoever knows what a chip does hands in events per second ([`Load`]).

use crate::area::{Area, Block, UnknownMemory, is_wide, memory};
use crate::node::{Blocks, Node};
use crate::written::Range;
use arch::Chip;
use base::tile::WeightKind;
use base::units::{Hertz, Joules, Millimetres, Volts, Watts};

/// The supply that the reference energies are for: ASAP7's typical corner.
const REFERENCE: Volts = Volts(0.7);

/// The energy of each event on one chip.
#[derive(Clone, Debug, PartialEq)]
pub struct Energy {
    /// Multiply-accumulate with a 4-bit weight.
    pub mac_i4: Range<Joules>,
    /// Multiply-accumulate with an 8-bit weight.
    pub mac_i8: Range<Joules>,
    /// binary32 multiply-add of a vector lane.
    pub vector: Range<Joules>,
    /// Byte of the scratchpad.
    pub sram_byte: Range<Joules>,
    /// Byte over one hop of the network: a router and the way to the next core.
    pub hop_byte: Range<Joules>,
    /// Byte of the memory beside the die, both sides.
    pub memory_byte: Range<Joules>,
    /// Share of that which the die spends.
    pub on_die: Range<f64>,
    /// Byte over a link.
    pub link_byte: Range<Joules>,
    /// Clock and control, over the named events of the cores.
    pub clock: Range<f64>,
    /// Leakage of the die at 85 C.
    pub leakage: Range<Watts>,
}

/// Events per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Multiply-accumulates with 4-bit weights.
    pub macs_i4: Hertz,
    /// Multiply-accumulates with 8-bit weights.
    pub macs_i8: Hertz,
    /// Multiply-adds of vector lanes.
    pub vector: Hertz,
    /// Bytes of the scratchpads.
    pub sram: Hertz,
    /// Bytes times hops of the network.
    pub hops: Hertz,
    /// Bytes of the memory beside the die.
    pub memory: Hertz,
    /// Bytes over all links, both directions.
    pub links: Hertz,
}

impl Load {
    /// Everything at once at its highest rate: what supply and cooling must survive.
    pub fn full(chip: &Chip) -> Load {
        let cycles = chip.frequency * chip.core.count as f64;
        let matrix = &chip.matrix;
        let macs = Hertz(chip.macs_per_second());
        let wide = matrix.weights.iter().any(|kind| is_wide(*kind));
        // Each cycle reads the activations of its columns, and weights as often as tokens allow to keep them.
        let reuse = matrix.tokens.max(matrix.columns) as f64 / matrix.columns as f64;
        let weights = (matrix.rows * matrix.depth) as f64 / reuse;
        let activations = (matrix.depth * matrix.columns) as f64;
        Load {
            macs_i4: if wide { Hertz(0.0) } else { macs },
            macs_i8: if wide { macs } else { Hertz(0.0) },
            vector: cycles * chip.vector_lanes as f64,
            sram: cycles * (weights + activations),
            links: Hertz(BOTH * chip.links.bandwidth.0 * chip.links.count as f64),
            ..Load::memory(chip)
        }
    }

    /// Four-bit weights streamed at full bandwidth for one token: an answer to a single user.
    pub fn stream(chip: &Chip) -> Load {
        let bytes = chip.memory.bandwidth.0;
        let macs = Hertz((PER_BYTE * bytes).min(chip.macs_per_second()));
        // Every byte enters the weight buffer and leaves it.
        Load { macs_i4: macs, sram: Hertz(BOTH * bytes), ..Load::memory(chip) }
    }

    /// Memory at full bandwidth and its way over the network.
    fn memory(chip: &Chip) -> Load {
        let bytes = Hertz(chip.memory.bandwidth.0);
        Load { memory: bytes, hops: bytes * mean_hops(chip), ..Load::default() }
    }
}

/// Directions of a transfer.
const BOTH: f64 = 2.0;

/// Weights of 4 bits in a byte.
const PER_BYTE: f64 = 2.0;

/// Mean way of a byte from an edge of a square of cores into it: half a side.
fn mean_hops(chip: &Chip) -> f64 {
    ((chip.core.count as f64).sqrt() / 2.0).max(1.0)
}

impl Energy {
    /// The energies of `chip` on `node`; `area` gives the distance between cores and what leaks.
    pub fn of(chip: &Chip, blocks: &Blocks, node: &Node, area: &Area) -> Result<Energy, UnknownMemory> {
        let memory = memory(blocks, chip)?;
        let supply = (chip.voltage / REFERENCE).powi(2);
        let logic = |energy: Range<Joules>| energy.map(|energy| energy * supply) * node.energy.range;
        let cores = area.total().nominal / chip.core.count as f64;
        let pitch = Millimetres(cores.0.sqrt());
        let events = &blocks.energy;
        let wire = events.wire_byte_mm.range.map(|energy| energy * pitch.0);
        Ok(Energy {
            mac_i4: logic(events.mac_i4.range),
            mac_i8: logic(events.mac_i8.range),
            vector: logic(events.fma_f32.range),
            sram_byte: logic(events.sram_byte.range),
            // Wires do not shrink: only their voltage counts.
            hop_byte: logic(events.router_byte.range) + wire.map(|energy| energy * supply),
            memory_byte: memory.byte.range,
            on_die: memory.on_die.range,
            link_byte: blocks.link.byte.range,
            clock: blocks.share.clock.range,
            leakage: leakage(area, node, supply.sqrt()),
        })
    }

    /// The energy of a multiply-accumulate with weights of this kind.
    pub fn mac(&self, kind: WeightKind) -> Range<Joules> {
        if is_wide(kind) { self.mac_i8 } else { self.mac_i4 }
    }

    /// Power by block under a load, leakage included; the part that the memory itself spends is not the die's.
    pub fn power(&self, load: &Load, area: &Area) -> Power {
        let matrix = at(self.mac_i4, load.macs_i4) + at(self.mac_i8, load.macs_i8);
        let (vector, sram) = (at(self.vector, load.vector), at(self.sram_byte, load.sram));
        let noc = at(self.hop_byte, load.hops);
        let memory = at(self.memory_byte, load.memory);
        let on_die = Range {
            low: memory.low * self.on_die.low,
            nominal: memory.nominal * self.on_die.nominal,
            high: memory.high * self.on_die.high,
        };
        let links = at(self.link_byte, load.links);
        // The array's own clock is in its figure already.
        let spare = (vector + sram + noc) * self.clock;
        let none = Range::default();
        let dynamic = [matrix, vector, sram, noc, on_die, links, none, spare];
        let total = area.total();
        let leak = |block: Block| Range {
            low: self.leakage.low * (area.block(block).low / total.low),
            nominal: self.leakage.nominal * (area.block(block).nominal / total.nominal),
            high: self.leakage.high * (area.block(block).high / total.high),
        };
        let blocks = Block::ALL.into_iter().zip(dynamic).map(|(block, power)| (block, power + leak(block)));
        let beside = Range {
            low: memory.low - on_die.low,
            nominal: memory.nominal - on_die.nominal,
            high: memory.high - on_die.high,
        };
        Power { blocks: blocks.collect(), beside, leakage: self.leakage }
    }
}

fn at(energy: Range<Joules>, rate: Hertz) -> Range<Watts> {
    energy.map(|energy| energy * rate)
}

/// Leakage grows with the supply's voltage.
fn leakage(area: &Area, node: &Node, supply: f64) -> Range<Watts> {
    let per_area = node.leakage.range;
    let total = area.total();
    Range {
        low: per_area.low * (total.low.0 * supply),
        nominal: per_area.nominal * (total.nominal.0 * supply),
        high: per_area.high * (total.high.0 * supply),
    }
}

/// The clock that the matrix array reaches on a node, at the reference supply and typical corner.
pub fn clock(blocks: &Blocks, node: &Node) -> Range<Hertz> {
    blocks.clock.range * node.speed.range
}

/// The clock that the matrix array reaches at a supply; `None` outside of what memory and transistors bear.
///
/// A gate's delay is its charge over its current, and the current grows as the supply over the threshold to the power alpha (Sakurai and Newton, IEEE JSSC 25(2),
/// 1990); through [`clock`] at the reference supply.
pub fn clock_at(voltage: Volts, blocks: &Blocks, node: &Node) -> Option<Range<Hertz>> {
    let [lowest, highest] = supplies(blocks, node);
    let within = lowest <= voltage && voltage <= highest;
    within.then(|| clock(blocks, node).map(|clock| clock * pace(voltage, blocks)))
}

/// The lowest supply at which the matrix array nominally reaches a clock; `None` if none that transistors bear does.
pub fn voltage_for(clock: Hertz, blocks: &Blocks, node: &Node) -> Option<Volts> {
    let [mut low, mut high] = supplies(blocks, node);
    let wanted = clock / self::clock(blocks, node).nominal;
    if pace(low, blocks) >= wanted {
        return Some(low);
    }
    if pace(high, blocks) < wanted {
        return None;
    }
    // Every step halves what is left: a nanovolt after thirty.
    for _ in 0..30 {
        let middle = (low + high) / 2.0;
        *(if pace(middle, blocks) < wanted { &mut low } else { &mut high }) = middle;
    }
    Some(high)
}

/// The lowest and the highest supply of a node.
pub fn supplies(blocks: &Blocks, node: &Node) -> [Volts; 2] {
    [blocks.supply.lowest.range.nominal, node.highest.range.nominal]
}

/// The clock at a supply over that at the reference supply; it rises with the supply.
fn pace(voltage: Volts, blocks: &Blocks) -> f64 {
    let (alpha, threshold) = (blocks.supply.alpha.range.nominal, blocks.supply.threshold.range.nominal);
    let drive = |voltage: Volts| (voltage - threshold).0.max(0.0).powf(alpha) / voltage.0;
    drive(voltage) / drive(REFERENCE)
}

/// Power by block.
#[derive(Clone, Debug, PartialEq)]
pub struct Power {
    /// On the die.
    pub blocks: Vec<(Block, Range<Watts>)>,
    /// In the memory beside the die.
    pub beside: Range<Watts>,
    /// The part of `blocks` that flows whatever the clock.
    pub leakage: Range<Watts>,
}

impl Power {
    /// Die and memory.
    pub fn total(&self) -> Range<Watts> {
        self.die() + self.beside
    }

    /// The die alone.
    pub fn die(&self) -> Range<Watts> {
        self.blocks.iter().map(|(_, power)| *power).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn energy(chip: &Chip) -> (Area, Energy) {
        let (blocks, node) = (Blocks::builtin(), Node::builtin("n3").unwrap());
        let area = Area::of(chip, &blocks, &node).unwrap();
        let energy = Energy::of(chip, &blocks, &node, &area).unwrap();
        (area, energy)
    }

    #[test]
    fn power_is_energy_times_rate_plus_leakage() {
        let chip = Chip::builtin("one").unwrap();
        let (area, energy) = energy(&chip);
        let idle = energy.power(&Load::default(), &area);
        assert!((idle.total().nominal.0 - energy.leakage.nominal.0).abs() < 1e-9);
        let load = Load { macs_i8: Hertz(1e15), ..Load::default() };
        let busy = energy.power(&load, &area);
        let added = busy.total().nominal.0 - idle.total().nominal.0;
        assert!((added - 1e15 * energy.mac(WeightKind::I8s).nominal.0).abs() < 1e-9 * added);
        assert_eq!(busy.leakage, idle.leakage);
    }

    #[test]
    fn voltage_counts_twice_for_logic_and_not_for_interfaces() {
        let chip = Chip::builtin("one").unwrap();
        let (_, high) = energy(&chip);
        let (_, low) = energy(&Chip { voltage: Volts(chip.voltage.0 / 2.0), ..chip.clone() });
        assert!((high.mac_i8.nominal / low.mac_i8.nominal - 4.0).abs() < 1e-12);
        assert_eq!(high.memory_byte, low.memory_byte);
    }

    #[test]
    fn one_token_costs_less_than_everything_at_once() {
        let chip = Chip::builtin("one").unwrap();
        let (area, energy) = energy(&chip);
        let full = energy.power(&Load::full(&chip), &area).total();
        let stream = energy.power(&Load::stream(&chip), &area).total();
        assert!(stream.nominal < full.nominal && stream.high < full.high);
        // Memory alone: its bandwidth times the energy of its byte.
        assert!(stream.nominal.0 > chip.memory.bandwidth.0 * energy.memory_byte.nominal.0);
    }

    #[test]
    fn the_clock_follows_the_supply_by_the_alpha_power_law() {
        let (blocks, node) = (Blocks::builtin(), Node::builtin("n3").unwrap());
        let hertz = |volts: f64| clock_at(Volts(volts), &blocks, &node).map(|clock| clock.nominal.0);
        assert_eq!(clock_at(REFERENCE, &blocks, &node), Some(clock(&blocks, &node)));
        // By hand: (0.55 - 0.27)^1.3 / 0.55 over (0.7 - 0.27)^1.3 / 0.7.
        let ratio = (0.28f64 / 0.43).powf(1.3) * 0.7 / 0.55;
        assert!((hertz(0.55).unwrap() / hertz(0.7).unwrap() - ratio).abs() < 1e-12);
        assert_eq!((hertz(0.49), hertz(0.89)), (None, None));
        for volts in [0.5, 0.51, 0.6, 0.7, 0.8, 0.88] {
            let found = voltage_for(Hertz(hertz(volts).unwrap()), &blocks, &node).unwrap();
            assert!((found.0 - volts).abs() < 1e-6, "{found} for {volts}");
        }
        // A slow clock gains nothing below what memory needs, and no supply reaches any clock.
        assert_eq!(voltage_for(Hertz(1e6), &blocks, &node), Some(Volts(0.5)));
        assert_eq!(voltage_for(Hertz(5e9), &blocks, &node), None);
    }
}
