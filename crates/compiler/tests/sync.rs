//! The sync pass: what it inserts, as texts; and that what it inserts is enough, by an independent reading of the finished stream.

use arch::Instr;
use arch::attr::{Reg, Unary, Unit};
use arch::isa::Operand;
use arch::legal::{Access, accesses};
use base::tile::WeightKind;
use compiler::builder::{Builder, Node};
use compiler::sync::{schedule, unsynced};
use proptest::prelude::*;
use std::collections::VecDeque;

/// Scratchpad buffers of the small streams.
const SIZE: usize = 128;

fn at(buffer: usize) -> Operand {
    Operand::from(buffer * SIZE)
}

fn ld(into: usize, mem: usize) -> Instr {
    let (zero, one) = (Operand::imm(0), Operand::imm(1));
    let (dst, mem, elem) = (at(into), at(mem), SIZE.into());
    Instr::Ld { dst, mem, elem, n0: one, s0: zero, d0: zero, n1: one, s1: zero, d1: zero, n2: one, s2: zero, d2: zero }
}

fn st(from: usize, mem: usize) -> Instr {
    let (zero, one) = (Operand::imm(0), Operand::imm(1));
    let (src, mem, elem) = (at(from), at(mem), SIZE.into());
    Instr::St { src, mem, elem, n0: one, s0: zero, d0: zero, n1: one, s1: zero, d1: zero, n2: one, s2: zero, d2: zero }
}

fn copy(into: usize, from: usize) -> Instr {
    let step = Operand::imm(0);
    Instr::Vun {
        op: Unary::Copy,
        dst: at(into),
        dstep: step,
        a: at(from),
        astep: step,
        rows: 1.into(),
        cols: 32.into(),
    }
}

/// Ask for a weight tile of the expert whose number stands in `table`.
fn wgat(table: usize) -> Instr {
    let (mem, len) = (Operand::imm(1 << 20), WeightKind::I8s.tile_bytes().into());
    Instr::Wgat { mem, table: at(table), n: 1.into(), step: len, len, groups: 1.into(), gstep: 0.into() }
}

fn wld(mem: usize) -> Instr {
    Instr::Wld { mem: at(mem), len: WeightKind::I8s.tile_bytes().into() }
}

fn mm(out: usize, x: usize) -> Instr {
    let zero = Operand::imm(0);
    Instr::Mm {
        kind: WeightKind::I8s,
        out: at(out),
        ostep: zero,
        x: at(x),
        xstep: zero,
        rows: 32.into(),
        k: 32.into(),
        tokens: 1.into(),
        grid: Operand::imm(-30),
        groups: 1.into(),
        sub: 1.into(),
        xgroup: zero,
        ogroup: zero,
        osub: zero,
    }
}

fn build(body: impl FnOnce(&mut Builder)) -> Vec<Node> {
    let mut b = Builder::new(1 << 16);
    body(&mut b);
    b.finish().0
}

/// What runs once or not at all.
fn block(b: &mut Builder, body: &[Instr]) {
    b.begin(0, false);
    body.iter().for_each(|instr| b.emit(*instr));
    b.end_block();
}

/// The names of the scheduled stream.
fn names(body: impl FnOnce(&mut Builder)) -> String {
    let name = |instr: Instr| instr.to_string().split(' ').next().unwrap_or_default().to_string();
    let names: Vec<String> = schedule(build(body)).into_iter().map(name).collect();
    names.join(" ")
}

#[test]
fn what_is_inserted() {
    type Body = fn(&mut Builder);
    let cases: [(&str, Body, &str); 20] = [
        (
            "read after write",
            |b| [ld(0, 0), copy(1, 0)].into_iter().for_each(|i| b.emit(i)),
            "ld sync.l.v vun.copy halt",
        ),
        (
            "write after read",
            |b| [copy(1, 0), ld(0, 0)].into_iter().for_each(|i| b.emit(i)),
            "vun.copy sync.v.l ld halt",
        ),
        (
            "write after write",
            |b| [copy(1, 0), ld(1, 0)].into_iter().for_each(|i| b.emit(i)),
            "vun.copy sync.v.l ld halt",
        ),
        ("reads agree", |b| [copy(1, 0), st(0, 0)].into_iter().for_each(|i| b.emit(i)), "vun.copy st halt"),
        ("apart", |b| [ld(0, 0), copy(2, 1)].into_iter().for_each(|i| b.emit(i)), "ld vun.copy halt"),
        ("one queue", |b| [ld(0, 0), ld(0, 1)].into_iter().for_each(|i| b.emit(i)), "ld ld halt"),
        (
            "what the other has waited for is known",
            |b| [ld(0, 0), copy(1, 0), st(1, 4), st(0, 5)].into_iter().for_each(|i| b.emit(i)),
            "ld sync.l.v vun.copy sync.v.s st st halt",
        ),
        (
            "once is enough",
            |b| [ld(0, 0), ld(1, 1), copy(2, 0), copy(3, 1)].into_iter().for_each(|i| b.emit(i)),
            "ld ld sync.l.v vun.copy vun.copy halt",
        ),
        (
            "later loads are waited for anew",
            |b| [ld(0, 0), copy(2, 0), ld(1, 1), copy(3, 1)].into_iter().for_each(|i| b.emit(i)),
            "ld sync.l.v vun.copy ld sync.l.v vun.copy halt",
        ),
        (
            "around a loop",
            |b| b.repeat(3, true, |b| [copy(1, 0), ld(0, 0)].into_iter().for_each(|i| b.emit(i))),
            "loop sync.l.v vun.copy sync.v.l ld end halt",
        ),
        (
            "a loop that runs has waited",
            |b| {
                b.emit(ld(0, 0));
                b.repeat(2, true, |b| b.emit(copy(1, 0)));
                b.emit(copy(2, 0));
            },
            "ld loop sync.l.v vun.copy end vun.copy halt",
        ),
        (
            "a loop that may not run proves nothing",
            |b| {
                b.emit(ld(0, 0));
                b.repeat(Operand::imm(0), false, |b| b.emit(copy(1, 0)));
                b.emit(copy(2, 0));
            },
            "ld loop sync.l.v vun.copy end sync.l.v vun.copy halt",
        ),
        (
            "a loop that may not run hides nothing",
            |b| {
                b.emit(ld(0, 0));
                b.repeat(Operand::imm(0), false, |b| b.emit(copy(0, 1)));
                b.emit(st(0, 4));
            },
            "ld loop sync.l.v vun.copy end sync.v.s sync.l.s st halt",
        ),
        (
            "a loop may run only once",
            |b| {
                b.emit(st(2, 9));
                b.repeat(1, true, |b| [ld(0, 1), copy(2, 0), copy(0, 0)].into_iter().for_each(|i| b.emit(i)));
                b.emit(ld(0, 9));
            },
            "st loop sync.v.l ld sync.l.v sync.s.v vun.copy vun.copy end sync.s.l sync.v.l ld halt",
        ),
        (
            "a block proves nothing and hides nothing",
            |b| {
                b.emit(ld(0, 0));
                block(b, &[copy(1, 0), copy(0, 1)]);
                [copy(2, 1), st(0, 4)].into_iter().for_each(|i| b.emit(i));
            },
            "ld sync.l.s loop sync.l.v vun.copy vun.copy end vun.copy sync.v.s st halt",
        ),
        (
            "nothing is carried around a block",
            |b| block(b, &[copy(1, 0), ld(0, 0)]),
            "loop vun.copy sync.v.l ld end halt",
        ),
        (
            "a block is not waited for in vain",
            |b| {
                [wld(1), mm(1, 0)].into_iter().for_each(|i| b.emit(i));
                block(b, &[wld(1), mm(3, 2)]);
                b.emit(copy(5, 1));
                block(b, &[copy(6, 3)]);
                [wld(1), mm(1, 5)].into_iter().for_each(|i| b.emit(i));
            },
            "wld mm.i8s sync.m.v loop wld mm.i8s end vun.copy sync.v.m loop sync.m.v vun.copy end wld mm.i8s halt",
        ),
        (
            "who is in a block must not take the wait of who comes after it",
            |b| {
                [wld(1), mm(1, 0)].into_iter().for_each(|i| b.emit(i));
                block(b, &[copy(6, 7), wld(1), mm(3, 2)]);
                b.emit(copy(5, 1));
            },
            "wld mm.i8s loop vun.copy wld mm.i8s end sync.m.v vun.copy halt",
        ),
        (
            "each product frees its own weights",
            |b| [wgat(0), wgat(1), mm(3, 2), mm(4, 2), ld(1, 1)].into_iter().for_each(|i| b.emit(i)),
            "wgat wgat mm.i8s mm.i8s sync.m.l ld halt",
        ),
        (
            "weights are free after their product",
            |b| [ld(0, 0), wgat(0), mm(2, 1), ld(0, 1)].into_iter().for_each(|i| b.emit(i)),
            "ld sync.l.w wgat mm.i8s sync.m.l ld halt",
        ),
    ];
    for (what, body, wanted) in cases {
        assert_eq!(names(body), wanted, "{what}");
    }
}

/// Memory counts too: a page that the store engine writes is read by the weight stream.
#[test]
fn memory_is_watched() {
    let list = |instrs: &[Instr]| names(|b| instrs.iter().for_each(|i| b.emit(*i)));
    assert_eq!(list(&[st(0, 4), wld(4), mm(2, 1)]), "st sync.s.w wld mm.i8s halt");
    assert_eq!(list(&[st(0, 400), wld(4), mm(2, 1)]), "st wld mm.i8s halt");
    assert_eq!(list(&[wld(4), mm(2, 1), st(0, 4)]), "wld mm.i8s sync.m.s st halt");
    assert_eq!(list(&[st(0, 4), ld(1, 4)]), "st sync.s.l ld halt");
}

/// A register stands for all values up to its bound.
#[test]
fn registers_cover_their_bound() {
    let with_bound = |bound: i64| {
        names(|b| {
            let reg: Reg = b.reg(bound);
            b.emit(ld(3, 0));
            let Instr::Vun { op, dst, dstep, astep, rows, cols, .. } = copy(6, 0) else { unreachable!() };
            b.emit(Instr::Vun { op, dst, dstep, a: Operand::reg(reg, 0), astep, rows, cols });
        })
    };
    assert_eq!(with_bound(2 * SIZE as i64), "ld vun.copy halt");
    assert_eq!(with_bound(2 * SIZE as i64 + 32), "ld sync.l.v vun.copy halt");
}

/// The stream as it runs, loops unrolled.
fn unroll(stream: &[Instr]) -> Vec<Instr> {
    let mut trace = Vec::new();
    let mut at = 0;
    while at < stream.len() {
        match stream[at] {
            Instr::Loop { count } => {
                let end = at + matching_end(&stream[at..]);
                (0..count.imm.max(0)).for_each(|_| trace.extend(unroll(&stream[at + 1..end])));
                at = end;
            }
            instr => trace.push(instr),
        }
        at += 1;
    }
    trace
}

fn matching_end(stream: &[Instr]) -> usize {
    let mut depth = 0;
    for (index, instr) in stream.iter().enumerate() {
        depth += i32::from(matches!(instr, Instr::Loop { .. }));
        depth -= i32::from(matches!(instr, Instr::End {}));
        if depth == 0 {
            return index;
        }
    }
    panic!("a loop without end")
}

/// How many instructions of each engine are surely complete.
type Known = [usize; 6];

fn join(a: Known, b: Known) -> Known {
    std::array::from_fn(|i| a[i].max(b[i]))
}

/// Reads a trace as the machine's rules say: queues are in order, `sync` holds back the later instructions of `to` until the earlier ones of `from`
/// are done, and nothing else is known. Returns the first pair of accesses whose order is left open.
#[derive(Default)]
struct Judge {
    /// For each engine, what was known complete when each of its instructions started.
    started: [Vec<Known>; 6],
    /// For each engine, what its next instruction waits for.
    next: [Known; 6],
    done: Vec<(usize, usize, Access)>,
    /// Reads of the weight stream that no product has taken, load by load.
    streamed: VecDeque<Vec<Access>>,
}

impl Judge {
    fn step(&mut self, instr: &Instr) -> Result<(), String> {
        let unit = instr.unit();
        if let Instr::Sync { from, to } = *instr {
            let (from, to) = (from as usize, to as usize);
            let mut known = self.started[from].last().copied().unwrap_or_default();
            known[from] = self.started[from].len();
            self.next[to] = join(self.next[to], known);
        }
        if unit == Unit::Control {
            return Ok(());
        }
        let (unit, index) = (unit as usize, self.started[unit as usize].len());
        let known = self.next[unit];
        self.started[unit].push(known);
        let touched = accesses(instr, &|operand: Operand| operand.imm).unwrap();
        for access in touched.iter() {
            self.judge(instr, unit, known, access)?;
        }
        let mut touched: Vec<Access> = touched.iter().copied().collect();
        if unit == Unit::Weights as usize {
            self.streamed.push_back(std::mem::take(&mut touched));
        }
        if unit == Unit::Matrix as usize {
            // Every product of these streams takes one tile, and every load brings one.
            touched.extend(self.streamed.pop_front().into_iter().flatten());
        }
        self.done.extend(touched.into_iter().map(|access| (unit, index, access)));
        Ok(())
    }

    fn judge(&self, instr: &Instr, unit: usize, known: Known, access: &Access) -> Result<(), String> {
        let meet = |other: &Access| {
            let same = access.space == other.space && access.start < other.end && other.start < access.end;
            same && (access.write || other.write)
        };
        if unit != Unit::Weights as usize && self.streamed.iter().flatten().any(meet) {
            return Err(format!("`{instr}` writes what the weight stream may still read"));
        }
        let open =
            |(other, index, done): &&(usize, usize, Access)| *other != unit && meet(done) && known[*other] <= *index;
        match self.done.iter().find(open) {
            Some((other, index, _)) => {
                Err(format!("`{instr}` does not wait for instruction {index} of engine {other}"))
            }
            None => Ok(()),
        }
    }
}

fn judge(stream: &[Instr]) -> Result<(), String> {
    let mut judge = Judge::default();
    unroll(stream).iter().try_for_each(|instr| judge.step(instr))
}

/// A random piece of program.
#[derive(Clone, Debug)]
enum Piece {
    Load(usize, usize),
    Store(usize, usize),
    Copy(usize, usize),
    /// The weights are asked for, something else happens, the product takes them.
    Product {
        table: Option<usize>,
        between: Option<(usize, usize)>,
        out: usize,
        x: usize,
    },
    /// Two loads are asked for before the first product.
    Ahead {
        tables: (usize, usize),
        outs: (usize, usize),
        x: usize,
    },
    Loop {
        count: i64,
        once: bool,
        body: Vec<Piece>,
    },
    Block {
        runs: bool,
        body: Vec<Piece>,
    },
}

fn piece() -> impl Strategy<Value = Piece> {
    let buffer = 0usize..5;
    let leaf = prop_oneof![
        (buffer.clone(), 0usize..4).prop_map(|(a, b)| Piece::Load(a, b)),
        (buffer.clone(), 0usize..4).prop_map(|(a, b)| Piece::Store(a, b)),
        (buffer.clone(), buffer.clone()).prop_map(|(a, b)| Piece::Copy(a, b)),
        (prop::option::of(buffer.clone()), prop::option::of((5usize..7, buffer.clone())), buffer.clone(), buffer)
            .prop_filter("a product writes neither its input nor its table", |(table, _, out, x)| out != x
                && *table != Some(*out))
            .prop_map(|(table, between, out, x)| Piece::Product { table, between, out, x }),
        ((0usize..2, 0usize..2), (2usize..4, 2usize..4)).prop_map(|(tables, outs)| Piece::Ahead { tables, outs, x: 4 }),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        let body = prop::collection::vec(inner, 1..5);
        prop_oneof![
            (0i64..4, any::<bool>(), body.clone()).prop_map(|(count, sure, body)| Piece::Loop {
                count,
                once: sure && count > 0,
                body,
            }),
            (any::<bool>(), body).prop_map(|(runs, body)| Piece::Block { runs, body }),
        ]
    })
}

fn emit(pieces: &[Piece], b: &mut Builder) {
    for piece in pieces {
        match piece {
            Piece::Load(a, m) => b.emit(ld(*a, *m)),
            Piece::Store(a, m) => b.emit(st(*a, *m)),
            Piece::Copy(a, c) => b.emit(copy(*a, *c)),
            Piece::Product { table, between, out, x } => {
                b.emit(table.map_or(wld(1), wgat));
                if let Some((into, from)) = between {
                    b.emit(copy(*into, *from));
                }
                b.emit(mm(*out, *x));
            }
            Piece::Ahead { tables, outs, x } => {
                [wgat(tables.0), wgat(tables.1), mm(outs.0, *x), mm(outs.1, *x)].into_iter().for_each(|i| b.emit(i))
            }
            Piece::Loop { count, once, body } => b.repeat(Operand::imm(*count), *once, |b| emit(body, b)),
            Piece::Block { runs, body } => {
                b.begin(i64::from(*runs), false);
                emit(body, b);
                b.end_block();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if std::env::var_os("PUCE_LONG").is_some() { 20_000 } else { 600 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_conflict_is_ordered(pieces in prop::collection::vec(piece(), 1..10)) {
        let stream = schedule(build(|b| emit(&pieces, b)));
        if let Err(what) = judge(&stream) {
            let listing: Vec<String> = stream.iter().map(ToString::to_string).collect();
            prop_assert!(false, "{what}\n{}", listing.join("\n"));
        }
    }

    /// Only `sync` is added; everything else stays, in its order.
    #[test]
    fn nothing_else_changes(pieces in prop::collection::vec(piece(), 1..8)) {
        let nodes = build(|b| emit(&pieces, b));
        let before = unsynced(&nodes);
        let stream = schedule(nodes);
        let rest: Vec<Instr> = stream.iter().filter(|i| !matches!(i, Instr::Sync { .. })).copied().collect();
        prop_assert_eq!(rest, before);
    }
}

/// The judge is no rubber stamp.
#[test]
fn the_judge_finds_missing_waits() {
    let nodes = build(|b| [ld(0, 0), copy(1, 0), st(1, 4)].into_iter().for_each(|i| b.emit(i)));
    let stream = schedule(nodes);
    assert_eq!(judge(&stream), Ok(()));
    let syncs: Vec<usize> = (0..stream.len()).filter(|i| matches!(stream[*i], Instr::Sync { .. })).collect();
    assert_eq!(syncs.len(), 2);
    for sync in syncs {
        let mut broken = stream.clone();
        broken.remove(sync);
        assert!(judge(&broken).is_err(), "without instruction {sync}");
    }
    let unabsorbed = [
        ld(0, 0),
        Instr::Sync { from: Unit::Load, to: Unit::Vector },
        Instr::Sync { from: Unit::Vector, to: Unit::Store },
        st(0, 4),
    ];
    assert!(judge(&unabsorbed).is_err(), "a wait that no instruction has taken is not handed on");
}
