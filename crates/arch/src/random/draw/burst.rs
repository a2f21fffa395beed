//! Bursts: commands that come while their engine is held up, and those that nothing is in the way of.

use super::{Draw, OWN, table_load, transfer};
use crate::attr::{REGISTERS, Reg, Unary, Unit};
use crate::isa::{Instr, Operand};
use crate::random::{DATA, SPAD, SPAD_TABLE, TABLE, ZONE};

/// Most choices of attributes that an instruction of an engine has: each choice is drawn as often as any other.
const CHOICES: i64 = 9;
/// Operands of the matrix engine and of the vector engine that are one where an instruction does nothing: none of them may be zero.
const ONES: [&[&str]; 2] = [&["sub"], &["k", "per", "tokens"]];

impl Draw<'_> {
    /// A whole stream of bursts: it has no exchanges, so their part of the scratchpad is that of the commands that hold an engine up.
    pub(in crate::random) fn bursts(&mut self) -> Vec<Instr> {
        self.apart = true;
        self.code.push(transfer(0, 64 * self.random.below(128), SPAD + ZONE.1, [(1, 0, 0); 3]));
        self.code.push(table_load());
        (0..3 + self.random.below(4)).for_each(|_| self.accepted(Draw::burst));
        self.code.push(Instr::Halt {});
        std::mem::take(&mut self.code)
    }

    /// Commands of one engine behind a pause, behind work of other engines, directly behind a `sync`, or behind so many that its queue is full.
    fn burst(&mut self) {
        let template = self.command();
        let unit = template.unit();
        match self.random.below(10) {
            0 => self.pause(),
            1 | 2 => [Unit::Load, Unit::Vector, Unit::Store]
                .iter()
                .filter(|from| **from != unit)
                .for_each(|from| self.work(*from)),
            3 | 4 => self.hold(unit),
            _ => {
                self.hold(unit);
                let waiting = self.chip.queue(unit) as i64 + self.random.below(4);
                (0..waiting).for_each(|_| self.idle(template));
            }
        }
        for _ in 0..2 + self.random.below(3) {
            match self.random.one_in(4) {
                true => self.idle(template),
                false => self.fill(template, 1),
            }
            let product = self.code.pop_if(|last| last.unit() == Unit::Matrix && self.random.one_in(2));
            if let Some(product) = product {
                self.pause();
                self.code.push(product);
            }
        }
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
        let ones = ONES[usize::from(info.unit == Unit::Vector)];
        let value = |name: &str| if name == "table" { SPAD_TABLE } else { i64::from(ones.contains(&name)) };
        let operands: Vec<Operand> = info.operands.iter().map(|(name, _)| value(name).into()).collect();
        let idle = Instr::from_parts(info.code, &template.attr_codes(), &operands);
        self.code.push(idle.expect("made of the table's choices"));
    }

    /// Control alone is busy, for tens to hundreds of cycles.
    fn pause(&mut self) {
        let reg = Reg(1 + self.random.below(i64::from(REGISTERS) - 1) as u8);
        let count = 10 + self.random.below(90);
        self.code.push(Instr::Loop { count: count.into() });
        self.code.push(Instr::Add { rd: reg, a: reg.into(), b: 0.into() });
        self.code.push(Instr::End {});
    }

    /// Another engine works, and this one waits for it.
    fn hold(&mut self, unit: Unit) {
        let others: Vec<Unit> =
            [Unit::Load, Unit::Vector, Unit::Store].into_iter().filter(|other| *other != unit).collect();
        let from = self.random.pick(&others);
        (0..1 + self.random.below(2)).for_each(|_| self.work(from));
        self.code.push(Instr::Sync { from, to: unit });
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
