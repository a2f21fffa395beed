//! The sync pass: put a `sync` wherever two engines touch the same bytes and at least one of them writes.
//!
//! For each engine the pass keeps a vector clock: how many instructions of every other engine are known to be complete before the engine's next
//! one. A conflict that the clocks do not cover asks for a `sync`, which brings the waiting engine up to all that the other has been given so far,
//! and to all that the other had waited for. A loop's body is walked until nothing new is asked for, so that dependences carried around the loop are
//! covered too; behind it only that is known which holds after one iteration as after many, and after none if it may not run.
//!
//! The weights engine reads far ahead of its consumer. Its reads count as finished when the `mm` that takes the bytes is finished; so a buffer is
//! free again after a `sync` with the matrix engine, and nothing ever waits for the weights engine. An `mm` takes the oldest load at least; what was
//! asked for after that one may be the next `mm`'s.

use crate::builder::{Node, Step};
use arch::Instr;
use arch::attr::Unit;
use arch::legal::{Access, Space};
use std::collections::VecDeque;

const UNITS: usize = 6;
type Clock = [u64; UNITS];

#[derive(Clone, Debug, PartialEq)]
struct Record {
    access: Access,
    unit: usize,
    index: u64,
}

#[derive(Clone, Debug, Default)]
struct State {
    issued: Clock,
    clocks: [Clock; UNITS],
    records: Vec<Record>,
    /// Reads of the weights engine that may not have been taken yet, load by load.
    streamed: VecDeque<Vec<Access>>,
}

/// Insert every needed `sync` and flatten the tree to a stream.
pub fn schedule(mut nodes: Vec<Node>) -> Vec<Instr> {
    let mut state = State::default();
    walk(&mut nodes, &mut state);
    let mut stream = Vec::new();
    flatten(&nodes, &mut stream);
    stream
}

/// The stream without any `sync`: for listings of the stage before.
pub fn unsynced(nodes: &[Node]) -> Vec<Instr> {
    let mut stream = Vec::new();
    flatten(nodes, &mut stream);
    stream
}

fn flatten(nodes: &[Node], stream: &mut Vec<Instr>) {
    for node in nodes {
        match node {
            Node::Instr(step) => {
                let to = step.instr.unit();
                stream.extend(step.waits.iter().map(|from| Instr::Sync { from: *from, to }));
                stream.push(step.instr);
            }
            Node::Loop { count, body, .. } => {
                stream.push(Instr::Loop { count: *count });
                flatten(body, stream);
                stream.push(Instr::End {});
            }
        }
    }
}

/// Walk the nodes in program order; true if a new `sync` was asked for.
fn walk(nodes: &mut [Node], state: &mut State) -> bool {
    let mut changed = false;
    for node in nodes {
        match node {
            Node::Instr(step) => changed |= visit(step, state),
            Node::Loop { once, body, .. } => {
                changed |= walk_loop(body, *once, state);
            }
        }
    }
    changed
}

/// Walk a loop's body until nothing new is asked for. What is known behind it must hold for any number of iterations.
fn walk_loop(body: &mut [Node], once: bool, state: &mut State) -> bool {
    let before = state.clone();
    let mut changed = walk(body, state);
    let first = state.clone();
    // Once more even if the first asked for nothing: what an iteration leaves behind may meet the next one.
    while walk(body, state) {
        changed = true;
    }
    forget_later(state, &first, before.issued);
    if !once {
        forget_all(state, before);
    }
    changed
}

/// The loop may have run only once: nothing counts that became known in a later iteration. `first` is the state behind the first one, before which the
/// engines had been given `entry` instructions. What was known then of instructions inside the loop is counted from the end of either iteration.
fn forget_later(state: &mut State, first: &State, entry: Clock) {
    for (clock, known) in state.clocks.iter_mut().zip(&first.clocks) {
        for unit in 0..UNITS {
            let inside = known[unit] > entry[unit];
            let after = first.issued[unit] - known[unit];
            clock[unit] = clock[unit].min(if inside { state.issued[unit] - after } else { known[unit] });
        }
    }
}

/// The loop may not have run at all: it proves nothing, and what it overwrites may still be as it was.
fn forget_all(state: &mut State, before: State) {
    for (clock, old) in state.clocks.iter_mut().zip(&before.clocks) {
        clock.iter_mut().zip(old).for_each(|(now, old)| *now = (*now).min(*old));
    }
    let hidden = before.records.into_iter().filter(|old| !state.records.contains(old));
    let hidden: Vec<Record> = hidden.collect();
    state.records.extend(hidden);
}

fn overlaps(a: &Access, b: &Access) -> bool {
    a.space == b.space && a.start < b.end && b.start < a.end && (a.write || b.write)
}

fn visit(step: &mut Step, state: &mut State) -> bool {
    let unit = step.instr.unit();
    if unit == Unit::Control {
        return false;
    }
    let before = step.waits.len();
    // Waits found on an earlier walk of a loop are part of the stream already.
    step.waits.iter().for_each(|from| wait(state, *from as usize, unit as usize));
    for touch in &step.touches {
        while let Some(from) = conflict(state, touch, unit) {
            wait(state, from as usize, unit as usize);
            step.waits.push(from);
        }
    }
    record(step, state, unit);
    step.waits.len() != before
}

/// An engine that may still be busy with bytes that `touch` conflicts with.
fn conflict(state: &State, touch: &Access, unit: Unit) -> Option<Unit> {
    let clock = &state.clocks[unit as usize];
    let pending = state.records.iter().find(|record| {
        record.unit != unit as usize && overlaps(&record.access, touch) && clock[record.unit] <= record.index
    });
    pending.map(|record| ENGINES[record.unit])
}

const ENGINES: [Unit; UNITS] = [Unit::Load, Unit::Weights, Unit::Matrix, Unit::Vector, Unit::Store, Unit::Exchange];

fn wait(state: &mut State, from: usize, to: usize) {
    let mut known = state.clocks[from];
    known[from] = state.issued[from];
    state.clocks[to].iter_mut().zip(known).for_each(|(now, new)| *now = (*now).max(new));
}

fn record(step: &Step, state: &mut State, unit: Unit) {
    if unit == Unit::Weights {
        state.issued[unit as usize] += 1;
        state.streamed.push_back(step.touches.clone());
        return;
    }
    let mut touches = step.touches.clone();
    if unit == Unit::Matrix {
        touches.extend(state.streamed.iter().flatten());
        state.streamed.pop_front();
    }
    let index = state.issued[unit as usize];
    for access in touches {
        state.records.retain(|old| !covered(old, &access, unit as usize));
        state.records.push(Record { access, unit: unit as usize, index });
    }
    state.issued[unit as usize] += 1;
}

/// Whether `old` need not be remembered beside `new`: overwritten whole, or the same kind of access by the same engine.
fn covered(old: &Record, new: &Access, unit: usize) -> bool {
    let inside = old.access.space == new.space && new.start <= old.access.start && old.access.end <= new.end;
    let same_kind = old.unit == unit && old.access.write == new.write;
    inside && (same_kind || new.write && new.space == Space::Scratchpad)
}
