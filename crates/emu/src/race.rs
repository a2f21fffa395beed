//! Finds races: bytes that two engines of a core touch, at least one writing, with nothing that orders them.
//!
//! The emulator runs a stream in program order, so a missing `sync` never shows in its results; on silicon it would, now and then. The checker
//! keeps a vector clock per engine: how many instructions of every other engine are certainly complete when the engine starts its next one. A `sync`
//! raises the clock of the waiting engine to all that the other was given and all that the other had waited for. An access to bytes that another
//! engine touched earlier, with one of the two writing, must be covered by the clock.
//!
//! The weights engine runs ahead of its consumer: what it reads counts as read when the `mm` that takes the last byte of the piece is complete, and
//! until an `mm` has taken it nothing can be ordered after it. Pieces that arrive in an exchange are writes of the receiver's own `gather`.
//!
//! Bytes are compared exactly ([`Shape`]), holes of strided rows included. Races between cores through chip memory are not looked for: each core is
//! checked by itself.

use arch::Instr;
use arch::attr::{Attr, Unit};
use arch::legal::{Shape, Space};
use std::collections::{HashMap, VecDeque};

const UNITS: usize = 6;
type Clock = [u64; UNITS];

#[derive(Clone, Debug)]
struct Record {
    shape: Shape,
    unit: usize,
    /// Number among the engine's instructions.
    index: u64,
    pc: usize,
}

/// A piece in the weight stream.
#[derive(Debug)]
struct Streamed {
    left: u64,
    /// What the piece's load reads, listed with its last piece.
    reads: Vec<Shape>,
    pc: usize,
}

/// Two instructions that touch the same bytes unordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Race {
    /// The earlier instruction.
    pub pc: usize,
    space: Space,
    at: u64,
    wrote: bool,
    writes: bool,
    from: usize,
    to: usize,
}

impl Race {
    /// The sentence, given the text of the earlier instruction.
    pub(crate) fn sentence(&self, earlier: &Instr) -> String {
        let verb = |write| if write { "writes" } else { "reads" };
        let space = if self.space == Space::Memory { "chip memory" } else { "the scratchpad" };
        let unit = |index: usize| ENGINES[index].text();
        let cure = match self.from == Unit::Weights as usize {
            true => "no `mm` has taken those weights yet".to_string(),
            false => format!("no `sync.{}.{}` stands between", unit(self.from), unit(self.to)),
        };
        let Race { pc, at, .. } = self;
        format!(
            "race: it {} byte {at} of {space} that instruction {pc} (`{earlier}`) {}, and {cure}",
            verb(self.writes),
            verb(self.wrote)
        )
    }
}

const ENGINES: [Unit; UNITS] = [Unit::Load, Unit::Weights, Unit::Matrix, Unit::Vector, Unit::Store, Unit::Exchange];

/// The accesses that are remembered, by region of the address space.
#[derive(Debug, Default)]
struct Records {
    regions: HashMap<(bool, u64), Vec<Record>>,
}

/// Regions of a space: small ones for the scratchpad, larger ones for chip memory.
fn regions(shape: &Shape) -> impl Iterator<Item = (bool, u64)> + use<> {
    let memory = shape.space == Space::Memory;
    let bits = if memory { 18 } else { 10 };
    (shape.start >> bits..=(end(shape) - 1) >> bits).map(move |region| (memory, region))
}

fn end(shape: &Shape) -> u64 {
    shape.start + shape.row + shape.dims.iter().map(|(count, step)| (count - 1) * step).sum::<u64>()
}

impl Records {
    fn conflict<'a>(&'a self, shape: &Shape, unit: usize, clock: &Clock) -> Option<(&'a Record, u64)> {
        let lists = regions(shape).filter_map(|region| self.regions.get(&region));
        lists.flatten().find_map(|record| {
            let open = record.unit != unit
                && (record.shape.write || shape.write)
                && clock.get(record.unit).is_none_or(|done| *done <= record.index);
            open.then(|| common(&record.shape, shape)).flatten().map(|at| (record, at))
        })
    }

    /// Remember an access; `clocks` tells which older ones nobody can meet unordered any more.
    fn add(&mut self, record: &Record, clocks: &[Clock; UNITS]) {
        for region in regions(&record.shape) {
            let list = self.regions.entry(region).or_default();
            list.retain(|old| !replaces(record, old));
            if list.len() % 64 == 63 {
                list.retain(|old| !settled(old, clocks));
            }
            list.push(record.clone());
        }
    }
}

/// Whether whoever is ordered after `new` is ordered after `old` too, and touches `new` if it touches `old`.
fn replaces(new: &Record, old: &Record) -> bool {
    new.unit == old.unit && (new.shape.write || !old.shape.write) && inside(&old.shape, &new.shape)
}

fn inside(old: &Shape, new: &Shape) -> bool {
    let same = (old.start, old.row, old.dims) == (new.start, new.row, new.dims);
    let solid = end(new) - new.start == new.row;
    same || (solid && new.start <= old.start && end(old) <= end(new))
}

fn settled(old: &Record, clocks: &[Clock; UNITS]) -> bool {
    let mut others = clocks.iter().enumerate().filter(|(unit, _)| *unit != old.unit);
    others.all(|(_, clock)| clock[old.unit] > old.index)
}

/// Runs of bytes, merged as far as dimensions are contiguous: row, and the dimensions left.
fn solid(shape: &Shape) -> (u64, [(u64, u64); 3]) {
    let (mut row, mut dims) = (shape.row, shape.dims);
    dims.sort_unstable_by_key(|(count, step)| if *count == 1 { 0 } else { *step });
    for dim in &mut dims {
        if dim.0 > 1 && dim.1 <= row {
            row += (dim.0 - 1) * dim.1;
            *dim = (1, 0);
        }
    }
    (row, dims)
}

/// Rows compared one by one at most; beyond it bounding intervals decide.
const MOST_ROWS: u64 = 1 << 16;

/// A byte that both touch.
fn common(a: &Shape, b: &Shape) -> Option<u64> {
    let bounds = (a.space == b.space).then(|| (a.start.max(b.start), end(a).min(end(b))));
    let (low, high) = bounds.filter(|(low, high)| low < high)?;
    let ((a_row, a_dims), (b_row, b_dims)) = (solid(a), solid(b));
    let rows = |dims: &[(u64, u64); 3]| dims.iter().fold(1u64, |rows, (count, _)| rows.saturating_mul(*count));
    if rows(&a_dims).saturating_add(rows(&b_dims)) > MOST_ROWS {
        return Some(low);
    }
    let (ours, theirs) = (starts(a.start, &a_dims), starts(b.start, &b_dims));
    let mut theirs = theirs.into_iter().peekable();
    for at in ours.into_iter().filter(|at| *at < high) {
        while theirs.next_if(|other| other + b_row <= at).is_some() {}
        if let Some(other) = theirs.peek().filter(|other| **other < at + a_row) {
            return Some(at.max(*other));
        }
    }
    None
}

pub(crate) fn starts(start: u64, dims: &[(u64, u64); 3]) -> Vec<u64> {
    let mut all = vec![start];
    for (count, step) in dims.iter().filter(|(count, _)| *count > 1) {
        all = (0..*count).flat_map(|i| all.iter().map(move |at| at + i * step)).collect();
    }
    all.sort_unstable();
    all
}

/// One core's checker.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    issued: Clock,
    clocks: [Clock; UNITS],
    records: Records,
    streamed: VecDeque<Streamed>,
    gather: usize,
}

impl Checker {
    /// A `sync` is issued.
    pub(crate) fn sync(&mut self, from: Unit, to: Unit) {
        let mut known = self.clocks[from as usize];
        known[from as usize] = self.issued[from as usize];
        self.clocks[to as usize].iter_mut().zip(known).for_each(|(now, new)| *now = (*now).max(new));
    }

    /// An instruction of an engine is issued that touches `shapes` and appends `fed` bytes to, or takes `taken` from, the weight stream.
    pub(crate) fn issue(
        &mut self,
        unit: Unit,
        pc: usize,
        shapes: Vec<Shape>,
        fed: u64,
        taken: u64,
    ) -> Result<(), Race> {
        let index = self.issued[unit as usize];
        for shape in &shapes {
            self.check(unit, pc, shape)?;
        }
        if unit == Unit::Weights {
            self.streamed.push_back(Streamed { left: fed, reads: shapes, pc });
        } else {
            for shape in shapes {
                self.remember(Record { shape, unit: unit as usize, index, pc });
            }
        }
        self.take(taken, index);
        self.issued[unit as usize] += 1;
        if unit == Unit::Exchange {
            self.gather = pc;
        }
        Ok(())
    }

    /// The exchange that was issued last writes `shape`, from another member.
    pub(crate) fn receive(&mut self, shape: Shape) -> Result<(), Race> {
        self.check(Unit::Exchange, self.gather, &shape)?;
        let index = self.issued[Unit::Exchange as usize] - 1;
        self.remember(Record { shape, unit: Unit::Exchange as usize, index, pc: self.gather });
        Ok(())
    }

    fn remember(&mut self, record: Record) {
        self.records.add(&record, &self.clocks);
    }

    fn check(&self, unit: Unit, pc: usize, shape: &Shape) -> Result<(), Race> {
        let race = |pc, wrote, at, from| {
            Err(Race { pc, space: shape.space, at, wrote, writes: shape.write, from, to: unit as usize })
        };
        if let Some((record, at)) = self.records.conflict(shape, unit as usize, &self.clocks[unit as usize]) {
            return race(record.pc, record.shape.write, at, record.unit);
        }
        if shape.write {
            for piece in self.streamed.iter().filter(|piece| piece.pc != pc) {
                if let Some(at) = piece.reads.iter().find_map(|read| common(read, shape)) {
                    return race(piece.pc, false, at, Unit::Weights as usize);
                }
            }
        }
        Ok(())
    }

    /// The `mm` with this number takes bytes of the stream; loads that are taken whole count as read by it.
    fn take(&mut self, mut bytes: u64, index: u64) {
        while let Some(front) = self.streamed.front_mut().filter(|front| bytes > 0 || front.left == 0) {
            let part = front.left.min(bytes);
            (front.left, bytes) = (front.left - part, bytes - part);
            if front.left > 0 {
                return;
            }
            let Streamed { reads, pc, .. } = self.streamed.pop_front().expect("looked at above");
            for shape in reads {
                self.remember(Record { shape, unit: Unit::Matrix as usize, index, pc });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(start: u64, row: u64, dims: [(u64, u64); 3]) -> Shape {
        Shape { space: Space::Scratchpad, write: true, start, row, dims }
    }

    fn bytes(shape: &Shape) -> std::collections::BTreeSet<u64> {
        starts(shape.start, &shape.dims).into_iter().flat_map(|at| at..at + shape.row).collect()
    }

    fn any_shape() -> impl Strategy<Value = Shape> {
        let dim = || (1u64..4, 0u64..12);
        (0u64..40, 1u64..6, dim(), dim(), dim()).prop_map(|(start, row, a, b, c)| shape(start, row, [a, b, c]))
    }

    proptest! {
        #[test]
        fn common_bytes_are_those_of_the_sets(a in any_shape(), b in any_shape()) {
            let both: Vec<u64> = bytes(&a).intersection(&bytes(&b)).copied().collect();
            let found = common(&a, &b);
            prop_assert_eq!(found.is_some(), !both.is_empty());
            prop_assert!(found.is_none_or(|at| both.contains(&at)), "{:?} of {:?}", found, both);
            prop_assert_eq!(end(&a), bytes(&a).last().unwrap() + 1);
        }
    }
}
