//! Bursts: commands that come while their engine is held up, and those that nothing is in the way of.

use super::{Draw, Exchange, OWN, table_load, transfer};
use crate::attr::{REGISTERS, Reg, Unary, Unit};
use crate::isa::{Instr, Operand};
use crate::random::{DATA, SPAD, SPAD_TABLE, TABLE, ZONE};

/// Most choices of attributes that an instruction of an engine has: each choice is drawn as often as any other.
const CHOICES: i64 = 9;
/// Times that a command is drawn until it is legal: the rarest are once in some tens.
const TIMES: usize = 40;
/// Operands that may not be zero where an instruction does nothing.
const ONES: &[(&str, &[&str])] = &[
    ("ld", &["elem"]),
    ("ldg", &["elem"]),
    ("st", &["elem"]),
    ("mm", &["sub"]),
    ("vsoft", &["hi", "per", "tokens"]),
    ("vtop", &["k", "cols"]),
];
/// Engines that others wait for.
const WORKERS: [Unit; 3] = [Unit::Load, Unit::Vector, Unit::Store];

impl Draw<'_> {
    /// A whole stream of bursts, with the exchanges between them.
    pub(in crate::random) fn bursts(&mut self, exchanges: &[Exchange]) -> Vec<Instr> {
        self.rare = true;
        self.code.push(transfer(0, 64 * self.random.below(128), SPAD + ZONE.1, [(1, 0, 0); 3]));
        self.code.push(table_load());
        for exchange in exchanges {
            (0..1 + self.random.below(3)).for_each(|_| self.burst());
            self.meeting(exchange);
        }
        (0..1 + self.random.below(3)).for_each(|_| self.burst());
        self.code.push(Instr::Halt {});
        std::mem::take(&mut self.code)
    }

    /// An exchange, behind as many as its queue has room for if it would come several times.
    fn meeting(&mut self, exchange: &Exchange) {
        let instr = exchange.instr(self.walk.core);
        if exchange.times > 0 {
            self.full(instr);
        }
        self.code.push(instr);
    }

    /// Commands of one engine behind a pause, behind or beside work of other engines, directly behind a `sync`, or behind so many that its queue is full.
    fn burst(&mut self) {
        let template = self.command();
        let unit = template.unit();
        let mut more = 2 + self.random.below(3);
        match self.random.below(12) {
            0 => self.pause(),
            1 => self.busy_others(unit),
            2..=4 => {
                self.busy_matrix();
                more *= 2;
            }
            5 => self.hold(unit),
            _ => {
                self.full(template);
                self.one(template);
            }
        }
        for _ in 0..more {
            match self.random.below(4) {
                0 => self.idle(template),
                1 if matches!(unit, Unit::Weights | Unit::Matrix) => self.products(template),
                _ => self.one(template),
            }
        }
    }

    /// The instruction, with operands that are legal.
    fn one(&mut self, template: Instr) {
        self.accepted(TIMES, |draw| draw.fill(template, 1));
    }

    /// An instruction of an engine.
    fn command(&mut self) -> Instr {
        loop {
            let template = self.template();
            let code = template.info().code;
            let choices = (0..template.info().attrs.len()).map(|index| Instr::attr_choices(code, index).len() as i64);
            let often = self.random.below(CHOICES) < choices.product();
            if often && !matches!(template.unit(), Unit::Control | Unit::Exchange) {
                return template;
            }
        }
    }

    /// The instruction with counts of zero.
    fn idle(&mut self, template: Instr) {
        let info = template.info();
        let ones = ONES.iter().find(|(mnemonic, _)| *mnemonic == info.mnemonic).map_or(&[][..], |(_, names)| *names);
        let value = |name: &str| if name == "table" { SPAD_TABLE } else { i64::from(ones.contains(&name)) };
        let operands: Vec<Operand> = info.operands.iter().map(|(name, _)| value(name).into()).collect();
        let idle = Instr::from_parts(info.code, &template.attr_codes(), &operands);
        self.code.push(idle.expect("made of the table's choices"));
    }

    /// Control alone is busy, for tens to hundreds of cycles.
    fn pause(&mut self) {
        let reg = Reg(1 + self.random.below(i64::from(REGISTERS) - 1) as u8);
        let count = 10 + self.random.below(50);
        self.code.push(Instr::Loop { count: count.into() });
        self.code.push(Instr::Add { rd: reg, a: reg.into(), b: 0.into() });
        self.code.push(Instr::End {});
    }

    /// The engine is held up, and its queue is full, or one more comes.
    fn full(&mut self, template: Instr) {
        self.hold(template.unit());
        let more = i64::from(template.unit() != Unit::Exchange && self.random.one_in(4));
        (0..self.chip.queue(template.unit()) as i64 + more).for_each(|_| self.idle(template));
    }

    /// Another engine works, and this one waits for it.
    fn hold(&mut self, unit: Unit) {
        let others: Vec<Unit> = WORKERS.iter().copied().filter(|other| *other != unit).collect();
        let from = self.random.pick(&others);
        (0..1 + self.random.below(2)).for_each(|_| self.work(from));
        self.code.push(Instr::Sync { from, to: unit });
    }

    /// All others work.
    fn busy_others(&mut self, unit: Unit) {
        WORKERS.iter().filter(|from| **from != unit).for_each(|from| self.work(*from));
    }

    /// Products beside which commands of another engine come.
    fn busy_matrix(&mut self) {
        let product = loop {
            let template = self.template();
            if template.unit() == Unit::Matrix {
                break template;
            }
        };
        self.products(product);
    }

    /// Two products whose weights are there before the first begins, and perhaps one of nothing behind them. Between weights that are gathered there may
    /// be a load of none: more loads than the engine's queue holds may not wait.
    fn products(&mut self, template: Instr) {
        self.accepted(TIMES, |draw| {
            let from = draw.code.len();
            draw.fill(template, 1);
            if matches!(template, Instr::Wgat { .. }) && draw.random.one_in(2) {
                draw.idle(template);
            }
            draw.fill(template, 1);
            let products: Vec<Instr> = draw.code.extract_if(from.., |instr| instr.unit() == Unit::Matrix).collect();
            draw.pause();
            draw.code.extend(&products);
            if let Some(last) = products.last().filter(|_| draw.random.one_in(2)) {
                draw.idle(*last);
            }
        });
    }

    /// Work of hundreds of cycles in the exchanges' part of the scratchpad: all of it element by element, no two of them side by side.
    fn work(&mut self, unit: Unit) {
        let own = DATA + TABLE + OWN * self.walk.core as i64;
        let elem = ZONE.1 / 512;
        let dims = [(8, 64 * elem, 64 * elem), (8, 8 * elem, 8 * elem), (8, elem, elem)];
        let instr = match unit {
            Unit::Load => transfer(ZONE.0, 64 * self.random.below(128), elem, dims),
            Unit::Store => stored(transfer(ZONE.0, own, elem, dims)),
            _ => {
                let (op, at, step) = (Unary::Recip, ZONE.0.into(), (ZONE.1 / 8).into());
                Instr::Vun { op, dst: at, dstep: step, a: at, astep: step, rows: 8.into(), cols: (ZONE.1 / 32).into() }
            }
        };
        self.code.push(instr);
    }
}

/// The store that takes a load back.
fn stored(load: Instr) -> Instr {
    match load {
        Instr::Ld { dst: src, mem, elem, n0, s0, d0, n1, s1, d1, n2, s2, d2 } => {
            Instr::St { src, mem, elem, n0, s0: d0, d0: s0, n1, s1: d1, d1: s1, n2, s2: d2, d2: s2 }
        }
        other => other,
    }
}
