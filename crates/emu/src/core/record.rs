//! Recording what instructions meet, for those who count how thorough a run was.

use super::{Core, Step};
use arch::Instr;
use arch::attr::Unit;
use arch::isa::Operand;
use arch::legal::{Shape, Space, shapes};
use base::status::Flags;

/// What an instruction of an engine met when it ran.
#[derive(Clone, PartialEq, Debug)]
pub struct Met {
    /// The instruction, with the values of its operands as constants.
    pub instr: Instr,
    /// The scratchpad's bytes that it read, operand after operand in the order of `arch::legal::shapes`, rows of each by address.
    pub read: Vec<u8>,
    /// Flags that it raised.
    pub flags: Flags,
}

impl Core {
    /// Records the instruction and what it is about to read, if that is wanted; then gives the flags from before it, which are put away while it runs.
    pub(super) fn recorded(&mut self, instr: &Instr) -> Step<Option<Flags>> {
        if self.met.is_none() {
            return Ok(None);
        }
        let (mut touched, mut read) = (Vec::new(), Vec::new());
        shapes(instr, &|operand| self.value(operand), &mut touched)?;
        for shape in touched.iter().filter(|shape| shape.space == Space::Scratchpad && !shape.write) {
            self.read_all(shape, &mut read);
        }
        let instr = instr.map_operands(|_, operand| Operand { reg: 0, imm: self.value(operand) });
        self.met
            .iter_mut()
            .for_each(|met| met.push(Met { instr, read: std::mem::take(&mut read), flags: Flags::NONE }));
        // An exchange raises no flags; it ends elsewhere.
        Ok((instr.unit() != Unit::Exchange).then(|| std::mem::take(&mut self.flags)))
    }

    /// The instruction that was recorded last has run.
    pub(super) fn raised(&mut self, before: Option<Flags>) {
        if let (Some(before), Some(met)) = (before, self.met.as_mut().and_then(|met| met.last_mut())) {
            met.flags = self.flags;
            self.flags |= before;
        }
    }

    /// What the instructions of the last run met, if that was recorded.
    pub(crate) fn met(&self) -> &[Met] {
        self.met.as_deref().unwrap_or_default()
    }

    fn read_all(&self, shape: &Shape, out: &mut Vec<u8>) {
        for start in crate::race::starts(shape.start, &shape.dims) {
            let end = out.len();
            out.resize(end + shape.row as usize, 0);
            self.scratchpad.read(start, &mut out[end..]);
        }
    }
}
