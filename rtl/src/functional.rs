//! Functional coverage: which instructions ran with which kind of operands, and what they waited for.
//!
//! A *point* is an instruction with its attributes, a class of its operands, and a wait. Instructions come from the instruction table, so a new one cannot
//! be missed: it has no classes, and the test of this module says so. Classes are of a family of instructions ([`classes`]); one run of an instruction has
//! several of them. Waits are those that the chip's counters know. All three are named here; who runs programs counts in which of them a point was met.
//!
//! The crate never decides here that a point is not met: that stands with its reason in `rtl/scoreboard/functional.toml`.

mod classes;
mod kept;

pub use classes::{Class, Seen, classes};
pub use kept::{Counts, Never, nevers};

use std::collections::BTreeSet;

use arch::attr::Unit;
use arch::isa::{OPS, OpInfo};
use arch::{Chip, Instr, Operand};

/// What an instruction waited for while it was next for its queue, in its queue or in its engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Wait {
    /// For nothing.
    Nothing,
    /// Another engine has not done what it needs.
    Sync,
    /// Its queue has no room, and control waits with it.
    Queue,
    /// Its words have not come, and control waits for them.
    Code,
    /// A port of its engine at the scratchpad is asked and not served.
    Scratchpad,
    /// Nothing is in the weight stream.
    Stream,
    /// Reads are on their way and memory gives none.
    Memory,
    /// Memory answers late, out of order, and with every channel stuttering: not a counter, but the memory behind the chip in this program.
    Stutter,
}

impl Wait {
    /// Every wait.
    pub const ALL: [Wait; 8] = [
        Wait::Nothing,
        Wait::Sync,
        Wait::Queue,
        Wait::Code,
        Wait::Scratchpad,
        Wait::Stream,
        Wait::Memory,
        Wait::Stutter,
    ];

    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Wait::Nothing => "nothing",
            Wait::Sync => "sync",
            Wait::Queue => "queue",
            Wait::Code => "code",
            Wait::Scratchpad => "scratchpad",
            Wait::Stream => "stream",
            Wait::Memory => "memory",
            Wait::Stutter => "stutter",
        }
    }

    /// Whether instructions of this engine wait for it.
    pub fn of(self, unit: Unit) -> bool {
        match self {
            Wait::Nothing | Wait::Code => true,
            Wait::Sync | Wait::Queue | Wait::Scratchpad => unit != Unit::Control,
            Wait::Stream => unit == Unit::Matrix,
            Wait::Memory => matches!(unit, Unit::Load | Unit::Weights),
            Wait::Stutter => matches!(unit, Unit::Load | Unit::Weights | Unit::Store),
        }
    }
}

/// A point, as it is kept: `vbin.add | several rows | sync`.
pub fn point(instruction: &str, class: &str, wait: Wait) -> String {
    format!("{instruction} | {class} | {}", wait.name())
}

/// The name of an instruction with its attributes; which register it sets is no attribute.
pub fn name(instr: &Instr) -> String {
    let info = instr.info();
    let texts = instr.attr_texts();
    let attrs = info.attrs.iter().zip(&texts).filter(|((_, ty), _)| *ty != "Reg");
    attrs.fold(info.mnemonic.to_owned(), |name, (_, text)| format!("{name}.{text}"))
}

/// Every instruction that a legal program of this chip can have, with every choice of its attributes; operands are zero.
pub fn instructions(chip: &Chip) -> Vec<Instr> {
    OPS.iter().flat_map(variants).filter(|instr| legal(instr, chip)).collect()
}

fn variants(op: &OpInfo) -> Vec<Instr> {
    let mut attrs: Vec<Vec<u8>> = vec![Vec::new()];
    for (index, (_, ty)) in op.attrs.iter().enumerate() {
        let mut choices = Instr::attr_choices(op.code, index);
        choices.truncate(if *ty == "Reg" { 1 } else { usize::MAX });
        let longer = |attrs: Vec<u8>| choices.clone().into_iter().map(move |choice| [&attrs[..], &[choice]].concat());
        attrs = attrs.into_iter().flat_map(longer).collect();
    }
    let zeros = vec![Operand::default(); op.operands.len()];
    attrs.iter().map(|attrs| Instr::from_parts(op.code, attrs, &zeros).expect("the table's choices")).collect()
}

fn legal(instr: &Instr, chip: &Chip) -> bool {
    match *instr {
        Instr::Sync { from, to } => from != to && !matches!(from, Unit::Weights | Unit::Control) && to != Unit::Control,
        Instr::Mm { kind, .. } => chip.matrix.weights.contains(&kind),
        _ => true,
    }
}

/// Every named point of this chip.
pub fn points(chip: &Chip) -> BTreeSet<String> {
    let of = |instr: Instr| {
        let waits = Wait::ALL.into_iter().filter(move |wait| wait.of(instr.unit()));
        let named = move |class: &Class| {
            waits.clone().map(move |wait| point(&name(&instr), class.name, wait)).collect::<Vec<_>>()
        };
        classes(&instr).flat_map(named).collect::<Vec<_>>()
    };
    instructions(chip).into_iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::status::Flags;

    #[test]
    fn every_instruction_has_classes_that_can_be_asked() {
        let chip = Chip::builtin("nano").unwrap();
        for instr in instructions(&chip) {
            let seen = Seen { instr: &instr, read: &[], flags: Flags::NONE, chip: &chip };
            let names: Vec<&str> =
                classes(&instr).filter(|class| (class.holds)(&seen)).map(|class| class.name).collect();
            let unique = BTreeSet::from_iter(classes(&instr).map(|class| class.name));
            assert_eq!(unique.len(), classes(&instr).count(), "{}: a name stands twice", name(&instr));
            let (control, single) = (instr.unit() == Unit::Control, classes(&instr).count() == 1);
            assert!(control || !single, "{} has one class: `functional::classes` does not know it", name(&instr));
            assert!(!names.is_empty(), "{} of zeros is in no class", name(&instr));
        }
    }

    #[test]
    fn points_are_instruction_by_class_by_wait() {
        let points = points(&Chip::builtin("nano").unwrap());
        for one in [
            "vbin.add | several rows | sync",
            "mm.i4m | most tokens | stream",
            "sync.l.v | any | code",
            "st | nothing | stutter",
        ] {
            assert!(points.contains(one), "{one}");
        }
        assert!(!points.iter().any(|point| point.starts_with("sync.w.") || point.contains("vun.exp | zero | stream")));
    }
}
