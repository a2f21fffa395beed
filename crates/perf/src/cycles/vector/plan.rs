//! What an instruction means for the parts of the engine (`puce_vector_plan`).

use arch::Instr;
use arch::attr::{Blocking, Pairing, Reduce, Sink, Unary};
use arch::isa::{Operand, a8_row};
use base::tile::WeightKind;

use super::program::{self, Program};
use super::store::StorePlan;
use super::walk::WalkPlan;
use crate::cycles::wires::WORD;

/// Where the groups of words end that share a scalar or a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Grouping {
    /// At the end of each run.
    #[default]
    Run,
    /// At the end of each iteration.
    Iter,
    /// After four words.
    Four,
}

/// Where batches end that may not be joined with what follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Break {
    /// At the end.
    #[default]
    Last,
    /// After each run.
    Run,
    /// After `part` words of a run, and after it.
    Part,
}

/// What goes to one group of lanes before the next has its turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Deal {
    /// Everything.
    #[default]
    Never,
    /// A batch.
    Batch,
    /// An iteration.
    Iter,
}

/// How the scanner reduces a group, as far as time depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scan {
    /// To one value.
    #[default]
    One,
    /// To the scale of A8 codes.
    Quant,
    /// To the largest after those found, and its index.
    Top,
}

/// What a loader does (`load_t` of `puce_vector_pkg`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LoadPlan {
    /// It reads something.
    pub enable: bool,
    /// The words.
    pub walk: WalkPlan,
    /// Groups of words.
    pub group: Grouping,
    /// Ends of batches.
    pub brk: Break,
    /// Turns of the groups of lanes.
    pub deal: Deal,
    /// Words of a run that belong to the first program; 0: all of it.
    pub part: u32,
    /// The y word is a softmax row's sink, of so many per token and so many tokens.
    pub sink: Option<(i64, i64)>,
    /// No word of an x run is written back.
    pub hide_x: bool,
    /// The x words go to the scanner.
    pub scan_x: bool,
    /// The y words go to the scanner.
    pub scan_y: bool,
    /// Wait after each run for the scanner's result.
    pub lockstep: bool,
    /// Scanned groups give a scalar.
    pub scalars: bool,
    /// Scanned groups give so many results for the scratchpad.
    pub results: u32,
    /// Words that a word is unpacked to, less one.
    pub subs: u8,
    /// As `subs`, for the last word of a run.
    pub subs_last: u8,
}

/// What the lanes do with a command's words (`exec_t`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExecPlan {
    /// The programs of the first and of the second part.
    pub programs: [Program; 2],
    /// Words leave the lanes half way.
    pub half_way: bool,
    /// A norm: the second part waits for the factor.
    pub norm: bool,
    /// Words of codes: a scalar serves four words, whatever the queue's word holds.
    pub codes: bool,
}

impl Default for ExecPlan {
    fn default() -> ExecPlan {
        ExecPlan { programs: [program::PLAIN; 2], half_way: true, norm: false, codes: false }
    }
}

/// The scales of `vdeq` (`scales_t`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScalesPlan {
    /// The command has blocks.
    pub enable: bool,
    /// Scales are read.
    pub stored: bool,
    /// Minimums are read.
    pub min: bool,
    /// Scales of a word.
    pub per_word: u32,
    /// Blocks of a row.
    pub blocks: u32,
    /// Rows.
    pub rows: u32,
}

/// A whole command (`plan_t`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// It writes nothing.
    pub empty: bool,
    /// The first queue.
    pub a: LoadPlan,
    /// The second queue and the scanner.
    pub b: LoadPlan,
    /// The scanner.
    pub scan: Scan,
    /// The lanes.
    pub exec: ExecPlan,
    /// Stored scales.
    pub scales: ScalesPlan,
    /// The destination.
    pub store: StorePlan,
    /// Results come from the scanner, not from the sums.
    pub scan_results: bool,
}

/// A count: nothing below 1.
fn count(operand: Operand) -> u32 {
    operand.imm.clamp(0, i64::from(i32::MAX)) as u32
}

/// Words of so many columns.
fn words(cols: u32) -> u32 {
    cols.div_ceil(8)
}

/// Bytes of a row of so many columns.
fn row_bytes(cols: u32) -> i64 {
    4 * i64::from(cols)
}

/// Rows of `pieces` words, in `count2` groups; each base is followed by its steps.
fn rows(base: Operand, pieces: u32, step: i64, count1: u32, outer: i64, count2: u32) -> WalkPlan {
    let x_base = base.imm;
    WalkPlan { x_base, x_count: pieces, x_step1: step, count1, x_step2: outer, count2, unit: 5, ..WalkPlan::default() }
}

/// Rows of one group.
fn plain(base: Operand, pieces: u32, step: Operand, count: u32) -> WalkPlan {
    rows(base, pieces, step.imm, count, 0, 1)
}

/// `count` single results of four bytes, one after the other.
fn singles(base: Operand, count: u32) -> WalkPlan {
    WalkPlan { unit: 2, ..plain(base, count, Operand::default(), 1) }
}

/// One word for each of `count` rows: a row without columns has a sum and a maximum too.
fn nothing(count: u32) -> WalkPlan {
    plain(Operand::default(), 1, Operand::default(), count)
}

impl LoadPlan {
    fn of(walk: WalkPlan) -> LoadPlan {
        LoadPlan { enable: true, walk, ..LoadPlan::default() }
    }

    /// The same words, all for the scanner, each group a scalar.
    fn scanned(self) -> LoadPlan {
        LoadPlan { scan_x: true, scalars: true, ..self }
    }
}

impl StorePlan {
    fn of(word_walk: WalkPlan) -> StorePlan {
        StorePlan { words: true, word_walk, ..StorePlan::default() }
    }
}

impl Plan {
    /// What a vector instruction means; every operand is its constant. Anything else is empty.
    pub fn of(instr: &Instr) -> Plan {
        match *instr {
            Instr::Vbin { op: _, dst, dstep, douter, a, astep, aouter, b, bstep, bouter, rows: n, outer, cols } => {
                let (n, outer, cols) = (count(n), count(outer), count(cols));
                let walk = |base, step: Operand, far: Operand| rows(base, words(cols), step.imm, n, far.imm, outer);
                let [a, b, dst] = [walk(a, astep, aouter), walk(b, bstep, bouter), walk(dst, dstep, douter)];
                let exec = ExecPlan { programs: [program::BINARY; 2], ..ExecPlan::default() };
                let plan = Plan { a: LoadPlan::of(a), b: LoadPlan::of(b), exec, ..Plan::default() };
                plan.to(StorePlan::of(dst)).unless(n == 0 || outer == 0 || cols == 0)
            }
            Instr::Vrow { op, dst, dstep, douter, a, astep, aouter, b, bstep, bouter, rows, outer, cols } => {
                let plan = Plan::of(&Instr::Vbin {
                    op,
                    dst,
                    dstep,
                    douter,
                    a,
                    astep,
                    aouter,
                    b,
                    bstep,
                    bouter,
                    rows,
                    outer,
                    cols,
                });
                let one = WalkPlan { x_count: 1, ..plan.b.walk };
                let exec = ExecPlan { programs: [program::SCALED; 2], ..ExecPlan::default() };
                Plan { b: LoadPlan::of(one).scanned(), exec, ..plan }
            }
            Instr::Vimm { op: _, dst, dstep, a, astep, rows, cols, imm: _ } => {
                unary([dst, dstep, a, astep, rows, cols])
            }
            Instr::Vun { op, dst, dstep, a, astep, rows, cols } => {
                function(op, unary([dst, dstep, a, astep, rows, cols]))
            }
            Instr::Vcvt { from: _, dst, dstep, a, astep, rows, cols } => {
                let plan = unary([dst, dstep, a, astep, rows, cols]);
                let n = words(count(cols));
                let walk = WalkPlan { x_count: n.div_ceil(2), ..plan.a.walk };
                let subs_last = if n % 2 == 1 { 0 } else { 1 };
                Plan { a: LoadPlan { walk, subs: 1, subs_last, ..plan.a }, ..plan }
            }
            Instr::Vred { op, dst, a, astep, rows, cols } => reduction(op, dst, a, astep, count(rows), count(cols)),
            Instr::Vnorm { dst, dstep, a, astep, w, rows, cols, eps: _ } => {
                norm([dst, dstep, a, astep, w], count(rows), count(cols))
            }
            Instr::Vsoft { sink, dst, dstep, a, astep, sums, sinks, rows, cols, per, tokens, .. } => {
                let sinks = (sink == Sink::Yes).then_some(sinks);
                let plan = softmax([dst, dstep, a, astep, sums], sinks, count(rows), count(cols));
                plan.of_tokens(per.imm, tokens.imm)
            }
            Instr::Vrope { pairs, dst, dstep, a, astep, rows, heads, dim, rot, tab, tabstep } => rotation(
                pairs,
                [dst, dstep, a, astep, tab, tabstep],
                count(rows),
                count(heads),
                [count(dim), count(rot)],
            ),
            Instr::Vquant { blocking, dst, dstep, a, astep, rows, segs, cols } => {
                quantise(blocking, [dst, dstep, a, astep], count(rows), count(segs), count(cols))
            }
            Instr::Vdeq { kind, dst, dstep, codes, cstep, scales, sstep, mins, mstep, rows, cols } => {
                dequantise(kind, [dst, dstep, codes, cstep, scales, sstep, mins, mstep], count(rows), count(cols))
            }
            Instr::Vtop { idx, istep, val, vstep, a, astep, rows, cols, k } => {
                top([idx, istep, val, vstep, a, astep], count(rows), count(cols), count(k))
            }
            _ => Plan { empty: true, ..Plan::default() },
        }
    }

    fn to(self, store: StorePlan) -> Plan {
        Plan { store, ..self }
    }

    fn unless(self, empty: bool) -> Plan {
        Plan { empty, ..self }
    }

    /// The rows of a softmax: so many per token, so many tokens.
    fn of_tokens(mut self, per: i64, tokens: i64) -> Plan {
        self.a.sink = Some((per, tokens));
        self.b.sink = self.a.sink;
        self
    }
}

/// Rows to rows.
fn unary([dst, dstep, a, astep, rows, cols]: [Operand; 6]) -> Plan {
    let (n, cols) = (count(rows), count(cols));
    let walk = |base, step| plain(base, words(cols), step, n);
    let plan = Plan { a: LoadPlan::of(walk(a, astep)), ..Plan::default() };
    plan.to(StorePlan::of(walk(dst, dstep))).unless(n == 0 || cols == 0)
}

fn function(op: Unary, plan: Plan) -> Plan {
    let (program, half_way) = match op {
        Unary::Copy => (program::PLAIN, true),
        Unary::Exp | Unary::Exp2 => (program::EXP, false),
        Unary::Sigmoid | Unary::Silu | Unary::Tanh => (program::SIGMOID, false),
        Unary::Gelu => (program::GELU, false),
        Unary::Recip => (program::RECIP, true),
        Unary::Rsqrt => (program::RSQRT, true),
    };
    let exec = ExecPlan { programs: [program; 2], half_way, ..ExecPlan::default() };
    let deal = if op == Unary::Copy { Deal::Never } else { Deal::Batch };
    Plan { exec, a: LoadPlan { deal, ..plan.a }, ..plan }
}

fn reduction(op: Reduce, dst: Operand, a: Operand, astep: Operand, n: u32, cols: u32) -> Plan {
    let walk = if cols == 0 { nothing(n) } else { plain(a, words(cols), astep, n) };
    let max = op == Reduce::Max;
    let load = LoadPlan::of(walk);
    let b = LoadPlan { scalars: !max, results: u32::from(max), ..load.scanned() };
    let exec = ExecPlan { programs: [program::SUM; 2], ..ExecPlan::default() };
    let store = StorePlan { results: true, result_walk: singles(dst, n), ..StorePlan::default() };
    let a = LoadPlan { enable: !max, ..load };
    Plan { a, b, exec, scan_results: max, ..Plan::default() }.to(store).unless(n == 0)
}

fn norm([dst, dstep, a, astep, w]: [Operand; 5], n: u32, cols: u32) -> Plan {
    let n_words = words(cols);
    let walk =
        WalkPlan { y_base: a.imm, y_count: n_words, y_step1: astep.imm, lag: true, ..plain(a, n_words, astep, n) };
    let load = LoadPlan { brk: Break::Run, ..LoadPlan::of(walk) };
    let b = LoadPlan::of(WalkPlan { y_base: w.imm, y_step1: 0, ..walk }).scanned();
    let exec = ExecPlan { programs: [program::SQUARES, program::NORM], half_way: false, norm: true, codes: false };
    let store = StorePlan::of(plain(dst, n_words, dstep, n));
    Plan { a: load, b, exec, ..Plan::default() }.to(store).unless(n == 0 || cols == 0)
}

fn softmax([dst, dstep, a, astep, sums]: [Operand; 5], sinks: Option<Operand>, n: u32, cols: u32) -> Plan {
    let mut walk = if cols == 0 { nothing(n) } else { plain(a, words(cols), astep, n) };
    walk.y_base = sinks.unwrap_or_default().imm;
    walk.y_count = u32::from(sinks.is_some());
    let load = LoadPlan { group: Grouping::Iter, deal: Deal::Iter, hide_x: cols == 0, ..LoadPlan::of(walk) };
    let b = LoadPlan { scan_y: true, ..load.scanned() };
    let exec = ExecPlan { programs: [program::SOFTMAX; 2], half_way: false, ..ExecPlan::default() };
    let store = StorePlan {
        words: cols != 0,
        word_walk: plain(dst, words(cols), dstep, n),
        results: true,
        result_walk: singles(sums, n),
    };
    Plan { a: load, b, exec, ..Plan::default() }.to(store).unless(n == 0)
}

fn rotation(pairing: Pairing, places: [Operand; 6], n: u32, heads: u32, [dim, rot]: [u32; 2]) -> Plan {
    let [dst, dstep, a, astep, tab, tabstep] = places;
    let (n_words, part, half) = (words(dim), rot >> 3, pairing == Pairing::Half);
    let pairs = if half { part } else { 0 };
    let walk = |base, step: Operand| WalkPlan { pairs, ..rows(base, n_words, row_bytes(dim), heads, step.imm, n) };
    // Heads without a rest follow each other without a break.
    let brk = if part == n_words { Break::Last } else { Break::Part };
    let table = WalkPlan { pairs: part, ..rows(tab, part, 0, heads, tabstep.imm, n) };
    let program = match pairing {
        _ if part == 0 => program::PLAIN,
        Pairing::Half => program::HALF,
        Pairing::Interleaved => program::EVEN,
    };
    let exec = ExecPlan { programs: [program, program::PLAIN], ..ExecPlan::default() };
    let load = LoadPlan { part, brk, ..LoadPlan::of(walk(a, astep)) };
    let b = LoadPlan { enable: part != 0, ..LoadPlan::of(table) };
    let store = StorePlan::of(walk(dst, dstep));
    Plan { a: load, b, exec, ..Plan::default() }.to(store).unless(n == 0 || heads == 0 || dim == 0)
}

fn quantise(blocking: Blocking, [dst, dstep, a, astep]: [Operand; 4], n: u32, segs: u32, cols: u32) -> Plan {
    let (blocks, row, by_block) = (cols >> 5, a8_row(cols as usize) as i64, blocking == Blocking::Block);
    let walk = rows(a, words(cols), row_bytes(cols), segs, astep.imm, n);
    let group = if by_block { Grouping::Four } else { Grouping::Run };
    let load = LoadPlan { group, ..LoadPlan::of(walk) };
    let b = LoadPlan { results: 1, ..load.scanned() };
    let exec = ExecPlan { programs: [program::CODE; 2], ..ExecPlan::default() };
    let scales = rows(dst, if by_block { blocks } else { 1 }, row, segs, dstep.imm, n);
    let store = StorePlan {
        words: true,
        word_walk: rows(dst, blocks, row, segs, dstep.imm, n),
        results: true,
        result_walk: WalkPlan { x_base: dst.imm + i64::from(cols), unit: 1, ..scales },
    };
    let plan = Plan { a: load, b, exec, scan: Scan::Quant, scan_results: true, ..Plan::default() };
    plan.to(store).unless(n == 0 || segs == 0 || cols == 0)
}

fn dequantise(kind: WeightKind, places: [Operand; 8], n: u32, cols: u32) -> Plan {
    let [dst, dstep, codes, cstep, scales, sstep, mins, mstep] = places;
    let blocks = cols >> 5;
    let nibbles = matches!(kind, WeightKind::I4s | WeightKind::I4m | WeightKind::Mx4);
    let min = matches!(kind, WeightKind::I4m | WeightKind::I8m);
    let per_word = if matches!(kind, WeightKind::Mx8 | WeightKind::Mx4) { 32 } else { 16 };
    let pieces = if nibbles { blocks.div_ceil(2) } else { blocks };
    let load = LoadPlan {
        subs: if nibbles { 7 } else { 3 },
        subs_last: if nibbles && blocks.is_multiple_of(2) { 7 } else { 3 },
        ..LoadPlan::of(plain(codes, pieces, cstep, n))
    };
    // Words of scales, each followed by the word of their minimums.
    let walk = WalkPlan {
        y_base: mins.imm,
        y_count: u32::from(min),
        y_step1: WORD,
        y_step2: mstep.imm,
        ..rows(scales, 1, WORD, blocks.div_ceil(per_word), sstep.imm, n)
    };
    let stored = kind != WeightKind::U8;
    let b = LoadPlan { enable: stored, ..LoadPlan::of(walk) };
    let exec = ExecPlan { programs: [program::SCALED; 2], codes: true, ..ExecPlan::default() };
    let scales = ScalesPlan { enable: true, stored, min, per_word, blocks, rows: n };
    let store = StorePlan::of(plain(dst, 4 * blocks, dstep, n));
    Plan { a: load, b, exec, scales, ..Plan::default() }.to(store).unless(n == 0 || cols == 0)
}

fn top([idx, istep, val, vstep, a, astep]: [Operand; 6], n: u32, cols: u32, k: u32) -> Plan {
    // One pass over the row for each of the largest: the next waits for what the last one found.
    let walk = rows(a, words(cols), 0, k, astep.imm, n);
    let b = LoadPlan { scan_x: true, results: 2, lockstep: true, ..LoadPlan::of(walk) };
    let result_walk = WalkPlan {
        y_base: val.imm,
        y_count: 1,
        y_step1: 4,
        y_step2: vstep.imm,
        unit: 2,
        ..rows(idx, 1, 4, k, istep.imm, n)
    };
    let store = StorePlan { results: true, result_walk, ..StorePlan::default() };
    let plan = Plan { b, scan: Scan::Top, scan_results: true, ..Plan::default() };
    plan.to(store).unless(n == 0 || k == 0 || cols == 0)
}
