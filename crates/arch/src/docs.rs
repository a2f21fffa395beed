//! The reference chapter of the instruction set, made from the table.

use crate::isa::{OPS, OpInfo, OperandKind};
use std::fmt::Write;

const HEAD: &str = "# The instruction set\n\n\
Generated from `crates/arch/src/ops.rs` by `cargo xtask gen`; do not edit.\n\n\
An instruction is a 64-bit header and one 64-bit word per operand (register in the top byte, signed 56-bit constant below; the value is their sum).\n\
Header: bits 0-7 opcode, bits 8-39 up to four attribute bytes, bits 56-63 number of operands, all other bits zero.\n\
What each instruction computes is defined to the bit in [numerics](numerics.md).\n\n\
Rules that hold for all: counts of 0 or less do nothing; addresses and steps are byte counts, not negative, and multiples of 32 for rows of vectors \
and activations, of 4 for single binary32 values and indices, of min(`elem`, 32) for transfers, of 2 for exchanges (the step of a count of 1 is ignored); a range outside \
the scratchpad or the program's memory is a fault that stops the machine. No instruction writes a byte twice. One instruction reads or writes at most 2^32 bytes \
at one operand, takes at most 2^32 bytes of weights, and gathers at most 2^20 pieces of them.\n";

/// The chapter as Markdown.
pub fn isa_chapter() -> String {
    let mut text = HEAD.to_string();
    let mut unit = None;
    for op in OPS {
        if unit != Some(op.unit) {
            unit = Some(op.unit);
            write!(text, "\n## {:?}\n", op.unit).expect("writing to a string");
        }
        text.push_str(&entry(op));
    }
    text
}

fn entry(op: &OpInfo) -> String {
    let attrs: String = op.attrs.iter().map(|(name, _)| format!(".<{name}>")).collect();
    let operands: String = op.operands.iter().map(|(name, kind)| format!(" {name}{}", suffix(*kind))).collect();
    let choices: String = op.attrs.iter().map(|(name, ty)| format!("`{name}`: {ty}. ")).collect();
    format!(
        "\n### `{}{attrs}` ({:#04x})\n\n`{}{attrs}{operands}`\n\n{}\n{choices}\n",
        op.mnemonic,
        op.code,
        op.mnemonic,
        op.doc.trim()
    )
}

fn suffix(kind: OperandKind) -> &'static str {
    match kind {
        OperandKind::Spad => ":spad",
        OperandKind::Mem => ":mem",
        OperandKind::Int => "",
        OperandKind::F32 => ":f32",
    }
}
