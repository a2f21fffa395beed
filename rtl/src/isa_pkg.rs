//! The instruction table as a SystemVerilog package (`rtl/sv/puce_isa_pkg.sv`).
//!
//! Opcodes, attribute codes, places of operands, and for each opcode what a decoder must know: engine, number of operands and the range of each
//! attribute byte. Nothing of it is written by hand in the design.

use arch::attr::{self, Attr, REGISTERS, Unit};
use arch::isa::{Instr, OPS, OpInfo, Operand, OperandKind};
use arch::legal::{MAX_LOOPS, accesses};
use arch::random::Random;
use std::fmt::Write;

/// Attribute bytes of a header.
const ATTRS: usize = 4;

const HEAD: &str = "\
// The instruction set: opcodes, attribute codes, places of operands, and what a decoder must know of each opcode.
//
// Generated from the table in crates/arch/src/ops.rs by `cargo xtask gen`; do not edit.
package puce_isa_pkg;

  // A package names everything; each block uses some of it.
  /* verilator lint_off UNUSEDPARAM */
";

/// The package's text.
pub fn text() -> String {
    let mut text = HEAD.to_string();
    constants(&mut text);
    opcodes(&mut text);
    attr::named().iter().for_each(|(ty, choices)| enumeration(&mut text, ty, choices));
    OPS.iter().for_each(|op| places(&mut text, op));
    table(&mut text);
    text.push_str("\n  /* verilator lint_on UNUSEDPARAM */\n\nendpackage\n");
    text
}

macro_rules! line {
    ($text:expr, $($arg:tt)*) => { writeln!($text, $($arg)*).expect("writing to a string") };
}

fn constants(text: &mut String) {
    let most = OPS.iter().map(|op| op.operands.len()).max().unwrap_or(0);
    line!(text, "\n  // Scalar registers, r0 included.");
    line!(text, "  localparam int unsigned Registers = {REGISTERS};");
    line!(text, "  // Deepest nesting of loops.");
    line!(text, "  localparam int unsigned MaxLoops = {MAX_LOOPS};");
    line!(text, "  // Most operands of one instruction.");
    line!(text, "  localparam int unsigned MaxOperands = {most};");
    line!(text, "  // Most operands of one instruction of each engine, by engine code.");
    let of_unit = |unit: &Unit| OPS.iter().filter(|op| op.unit == *unit).map(|op| op.operands.len()).max().unwrap_or(0);
    let units: Vec<_> =
        Unit::all().iter().filter(|unit| **unit != Unit::Control).map(|u| of_unit(u).to_string()).collect();
    line!(text, "  localparam int unsigned UnitOperands [{}] = '{{{}}};", units.len(), units.join(", "));
}

fn opcodes(text: &mut String) {
    line!(text, "\n  typedef enum logic [7:0] {{");
    let last = OPS.len() - 1;
    for (index, op) in OPS.iter().enumerate() {
        let comma = if index == last { "" } else { "," };
        line!(text, "    Op{} = 8'h{:02x}{comma}", camel(op.mnemonic), op.code);
    }
    line!(text, "  }} op_e;");
}

fn enumeration(text: &mut String, ty: &str, choices: &[attr::Choice]) {
    line!(text, "\n  typedef enum logic [7:0] {{");
    for (index, choice) in choices.iter().enumerate() {
        let comma = if index + 1 == choices.len() { "" } else { "," };
        line!(text, "    {ty}{} = 8'd{}{comma}  // `{}`", choice.name, choice.code, choice.text);
    }
    line!(text, "  }} {}_e;", snake(ty));
}

fn places(text: &mut String, op: &OpInfo) {
    if op.unit == Unit::Control {
        return;
    }
    line!(text, "\n  // Operands of `{}`.", op.mnemonic);
    for (index, (name, _)) in op.operands.iter().enumerate() {
        line!(text, "  localparam int unsigned Arg{}{} = {index};", camel(op.mnemonic), camel(name));
    }
}

const TABLE: &str = "
  // What a decoder must know of an opcode. The bytes of attributes that the instruction does not have are 0.
  typedef struct packed {
    logic                   known;
    unit_e                  unit;
    logic [3:0]             operands;
    logic [3:0][7:0]        attr_least;
    logic [3:0][7:0]        attr_most;
    // Operands that are the bits of a binary32 value, by place.
    logic [MaxOperands-1:0] is_f32;
    // Operands that a legal instruction may not use (the step of a count of 1), and that may then have any value.
    logic [MaxOperands-1:0] may_be_idle;
  } op_info_t;

  function automatic op_info_t op_info(input logic [7:0] op);
    op_info = '0;
    unique case (op)
";

fn table(text: &mut String) {
    text.push_str(TABLE);
    for op in OPS {
        let range = |index: usize| {
            let choices = Instr::attr_choices(op.code, index);
            (choices.iter().min().copied().unwrap_or(0), choices.iter().max().copied().unwrap_or(0))
        };
        let bytes = |pick: fn((u8, u8)) -> u8| -> String {
            (0..ATTRS).rev().map(|index| format!("{:02x}", pick(range(index)))).collect()
        };
        let mask = |holds: &dyn Fn(usize) -> bool| {
            (0..op.operands.len()).filter(|index| holds(*index)).fold(0u32, |mask, index| mask | 1 << index)
        };
        let floats = mask(&|index| op.operands[index].1 == OperandKind::F32);
        let idle = mask(&|index| op.unit != Unit::Control && may_be_idle(op, index));
        line!(
            text,
            "      Op{}: op_info = '{{1'b1, Unit{:?}, 4'd{}, 32'h{}, 32'h{}, MaxOperands'(16'h{floats:04x}), MaxOperands'(16'h{idle:04x})}};",
            camel(op.mnemonic),
            op.unit,
            op.operands.len(),
            bytes(|(least, _)| least),
            bytes(|(_, most)| most),
        );
    }
    text.push_str("      default: op_info = '0;\n    endcase\n  endfunction\n");
}

/// Whether some legal instruction has a value of this operand that no engine could take: found by trying.
fn may_be_idle(op: &OpInfo, index: usize) -> bool {
    const TRIES: usize = 5000;
    const HUGE: i64 = 1 << 60;
    let mut random = Random::new(1);
    (0..TRIES).any(|_| {
        let attrs: Vec<u8> = (0..op.attrs.len()).map(|at| random.pick(&Instr::attr_choices(op.code, at))).collect();
        let mut operand = |(at, (_, kind)): (usize, &(&str, OperandKind))| match kind {
            _ if at == index => Operand { reg: 1, imm: 0 },
            // Addresses far from each other, and small counts and steps.
            OperandKind::Spad | OperandKind::Mem => Operand::imm((at as i64) << 24),
            OperandKind::Int | OperandKind::F32 => Operand::imm(random.pick(&[0, 1, 32])),
        };
        let operands: Vec<Operand> = op.operands.iter().enumerate().map(&mut operand).collect();
        let value = |operand: Operand| if operand.reg == 1 { HUGE } else { operand.imm };
        Instr::from_parts(op.code, &attrs, &operands).is_ok_and(|instr| accesses(&instr, &value).is_ok())
    })
}

fn camel(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_codes_are_contiguous_so_that_a_range_decides() {
        for op in OPS {
            for index in 0..op.attrs.len() {
                let choices = Instr::attr_choices(op.code, index);
                assert!(choices.windows(2).all(|pair| pair[1] == pair[0] + 1), "`{}`", op.mnemonic);
            }
            assert!(op.attrs.len() <= ATTRS, "`{}`", op.mnemonic);
        }
    }

    #[test]
    fn steps_may_be_idle_and_counts_may_not() {
        let idle = |name: &str| -> Vec<&str> {
            let op = OPS.iter().find(|op| op.mnemonic == name).unwrap();
            let places = (0..op.operands.len()).filter(|index| may_be_idle(op, *index));
            places.map(|index| op.operands[index].0).collect()
        };
        assert_eq!(idle("ld"), ["s0", "d0", "s1", "d1", "s2", "d2"]);
        assert_eq!(idle("vun"), ["dstep", "astep"]);
        assert_eq!(idle("ldg"), ["d0", "s1", "d1"]);
        assert!(idle("wld").is_empty());
    }

    #[test]
    fn the_package_names_every_instruction_and_its_operands() {
        let text = text();
        for wanted in ["OpMm = 8'h20,", "ArgMmOsub = 12;", "UnarySilu = 8'd4", "} weight_kind_e;", "ArgLdgN1 = 7;"] {
            assert!(text.contains(wanted), "{wanted}");
        }
        assert!(text.contains("OpSync: op_info = '{1'b1, UnitControl, 4'd0, 32'h00000000, 32'h00000606,"));
        assert!(text.contains("OpSet: op_info = '{1'b1, UnitControl, 4'd1, 32'h00000001, 32'h0000003f,"));
    }
}
