//! The sync pass: put a `sync` wherever two engines touch the same bytes and at least one of them writes.
//!
//! For each engine the pass keeps a vector clock: how many instructions of every other engine are known to be complete before the engine's next
//! one. A conflict that the clocks do not cover asks for a `sync`, which brings the waiting engine up to all that the other has been given so far,
//! and to all that the other had waited for. A loop's body is walked until nothing new is asked for, so that dependences carried around the loop are
//! covered too; behind it only that is known which holds after one iteration as after many, and after none if it may not run. A block that runs at most
//! once has nothing to carry around.
//!
//! A `sync` stands in front of the instruction that needs it, or already in front of a block in the same body, if it may: then the block has neither what
//! it waits for nor anything that would take the wait for itself. What the block gives the other engine need not be waited for.
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
    /// What each engine's next instruction will have waited for, besides.
    noted: [Clock; UNITS],
    records: Vec<Record>,
    /// Reads of the weights engine that may not have been taken yet, load by load.
    streamed: VecDeque<Vec<Access>>,
}

/// What was given and known in front of a node.
struct Moment {
    /// Whether the node is a block.
    block: bool,
    issued: Clock,
    clocks: [Clock; UNITS],
}

/// A `sync` to be put in front of a node.
struct Wait {
    at: usize,
    from: Unit,
    to: Unit,
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
            Node::Instr(step) => stream.push(step.instr),
            Node::Sync { from, to } => stream.push(Instr::Sync { from: *from, to: *to }),
            Node::Loop { count, body, .. } | Node::Block { count, body } => {
                stream.push(Instr::Loop { count: *count });
                flatten(body, stream);
                stream.push(Instr::End {});
            }
        }
    }
}

/// Walk the nodes in program order; true if a new `sync` was asked for.
fn walk(nodes: &mut Vec<Node>, state: &mut State) -> bool {
    let mut changed = false;
    let (mut moments, mut waits) = (Vec::with_capacity(nodes.len()), Vec::new());
    for node in nodes.iter_mut() {
        let block = matches!(node, Node::Block { .. });
        moments.push(Moment { block, issued: state.issued, clocks: state.clocks });
        match node {
            Node::Instr(step) => visit(step, state, &moments, &mut waits),
            Node::Sync { from, to } => note(state, *from as usize, *to as usize),
            Node::Loop { once, body, .. } => changed |= walk_loop(body, *once, state),
            Node::Block { body, .. } => changed |= walk_block(body, state),
        }
    }
    changed |= !waits.is_empty();
    waits.sort_by_key(|wait: &Wait| wait.at);
    for Wait { at, from, to } in waits.into_iter().rev() {
        nodes.insert(at, Node::Sync { from, to });
    }
    changed
}

/// Walk what runs once or not at all.
fn walk_block(body: &mut Vec<Node>, state: &mut State) -> bool {
    let before = state.clone();
    let changed = walk(body, state);
    forget_all(state, before);
    changed
}

/// Walk a loop's body until nothing new is asked for. What is known behind it must hold for any number of iterations.
fn walk_loop(body: &mut Vec<Node>, once: bool, state: &mut State) -> bool {
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

/// An instruction is given to its engine, which waits first for whom it must.
fn visit(step: &Step, state: &mut State, moments: &[Moment], waits: &mut Vec<Wait>) {
    let unit = step.instr.unit();
    if unit == Unit::Control {
        return;
    }
    let noted = std::mem::take(&mut state.noted[unit as usize]);
    learn(&mut state.clocks[unit as usize], &noted);
    while let Some((from, last)) = conflict(state, &step.touches, unit) {
        let (at, known) = earliest(state, moments, from, last, unit);
        learn(&mut state.clocks[unit as usize], &known);
        waits.push(Wait { at, from, to: unit });
    }
    record(step, state, unit);
}

/// An engine that may still be busy with bytes that `touches` conflict with, and the last of its instructions that is.
fn conflict(state: &State, touches: &[Access], unit: Unit) -> Option<(Unit, u64)> {
    let clock = &state.clocks[unit as usize];
    let pending = |touch: &Access| {
        let touch = *touch;
        let open = move |record: &&Record| record.unit != unit as usize && clock[record.unit] <= record.index;
        state.records.iter().filter(open).filter(move |record| overlaps(&record.access, &touch))
    };
    let from = touches.iter().flat_map(pending).next()?.unit;
    let last = touches.iter().flat_map(pending).filter(|record| record.unit == from).map(|record| record.index);
    Some((ENGINES[from], last.max()?))
}

/// The first block, or else the instruction itself, in front of which `unit` may be told to wait for instruction `last` of engine `from`; and what it
/// knows then.
fn earliest(state: &State, moments: &[Moment], from: Unit, last: u64, unit: Unit) -> (usize, Clock) {
    let (from, unit) = (from as usize, unit as usize);
    let fits =
        |moment: &Moment| moment.block && moment.issued[from] > last && moment.issued[unit] == state.issued[unit];
    let at = moments.iter().position(fits).unwrap_or(moments.len() - 1);
    (at, waited(&moments[at].issued, &moments[at].clocks, from))
}

const ENGINES: [Unit; UNITS] = [Unit::Load, Unit::Weights, Unit::Matrix, Unit::Vector, Unit::Store, Unit::Exchange];

/// What is known once `from` has done all that it was given.
fn waited(issued: &Clock, clocks: &[Clock; UNITS], from: usize) -> Clock {
    let mut known = clocks[from];
    known[from] = issued[from];
    known
}

fn learn(clock: &mut Clock, known: &Clock) {
    clock.iter_mut().zip(known).for_each(|(now, new)| *now = (*now).max(*new));
}

/// A `sync` of the stream: the next instruction of `to` takes it.
fn note(state: &mut State, from: usize, to: usize) {
    let known = waited(&state.issued, &state.clocks, from);
    learn(&mut state.noted[to], &known);
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
