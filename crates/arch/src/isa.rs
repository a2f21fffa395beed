//! The instruction type and its binary form, both made from the table in [`crate::ops`].
//!
//! An instruction is one 64-bit header (opcode, up to four attribute bytes, number of operands) and one 64-bit word per operand: a register number
//! in the top byte and a signed 56-bit constant below it. The operand's value is `register + constant`, so that loops only move registers.

use crate::attr::*;
use base::tile::WeightKind;

/// An operand: `register + constant`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct Operand {
    /// Register number; 0 adds nothing.
    pub reg: u8,
    /// Constant, 56 bits signed.
    pub imm: i64,
}

/// Largest constant of an operand.
pub const IMM_MAX: i64 = (1 << 55) - 1;
/// Smallest constant of an operand.
pub const IMM_MIN: i64 = -(1 << 55);

impl Operand {
    /// A constant. Panics outside 56 bits: constants come from the compiler's own planning.
    pub fn imm(value: i64) -> Operand {
        assert!((IMM_MIN..=IMM_MAX).contains(&value), "operand constant {value} exceeds 56 bits");
        Operand { reg: 0, imm: value }
    }

    /// A register plus a constant.
    pub fn reg(reg: Reg, offset: i64) -> Operand {
        Operand { reg: reg.0, ..Operand::imm(offset) }
    }

    /// The bits of a binary32 value.
    pub fn f32(value: f32) -> Operand {
        Operand::imm(i64::from(value.to_bits()))
    }

    /// The same operand, `offset` further.
    pub fn plus(self, offset: i64) -> Operand {
        Operand { reg: self.reg, ..Operand::imm(self.imm + offset) }
    }

    fn word(self) -> u64 {
        u64::from(self.reg) << 56 | (self.imm as u64 & ((1 << 56) - 1))
    }

    fn from_word(word: u64) -> Operand {
        Operand { reg: (word >> 56) as u8, imm: (word << 8) as i64 >> 8 }
    }
}

impl From<i64> for Operand {
    fn from(value: i64) -> Operand {
        Operand::imm(value)
    }
}

impl From<i32> for Operand {
    fn from(value: i32) -> Operand {
        Operand::imm(i64::from(value))
    }
}

impl From<usize> for Operand {
    fn from(value: usize) -> Operand {
        Operand::imm(value as i64)
    }
}

impl From<Reg> for Operand {
    fn from(reg: Reg) -> Operand {
        Operand::reg(reg, 0)
    }
}

impl From<f32> for Operand {
    fn from(value: f32) -> Operand {
        Operand::f32(value)
    }
}

/// What an operand's value means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OperandKind {
    /// Byte address in the core's scratchpad.
    Spad,
    /// Byte address in the chip's memory.
    Mem,
    /// A count, or a step in bytes.
    Int,
    /// The bits of a binary32 value.
    F32,
}

/// What the table says of one instruction.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    /// Opcode byte.
    pub code: u8,
    /// Mnemonic without attributes.
    pub mnemonic: &'static str,
    /// The engine that runs it.
    pub unit: Unit,
    /// Attribute names and type names.
    pub attrs: &'static [(&'static str, &'static str)],
    /// Operand names and kinds.
    pub operands: &'static [(&'static str, OperandKind)],
    /// The table's description.
    pub doc: &'static str,
}

/// Why bytes are not an instruction.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// No instruction has this opcode.
    #[error("opcode {0:#04x} is not in the instruction table")]
    Opcode(u8),
    /// An attribute byte has no meaning.
    #[error("`{op}`: {value} is no `{attr}`")]
    Attribute {
        /// Mnemonic.
        op: &'static str,
        /// Attribute name.
        attr: &'static str,
        /// The byte.
        value: u8,
    },
    /// Unused header bits are not zero, or the operand count is not the table's.
    #[error("`{0}`: the header's unused bits or operand count are not what the table says")]
    Header(&'static str),
    /// An operand names a register that does not exist.
    #[error("`{op}`: operand `{operand}` names register {reg}; there are {REGISTERS}")]
    Register {
        /// Mnemonic.
        op: &'static str,
        /// Operand name.
        operand: &'static str,
        /// The register number.
        reg: u8,
    },
    /// The words end inside the instruction.
    #[error("the code ends in the middle of `{0}`")]
    Truncated(&'static str),
}

fn check_operand(info: &OpInfo, index: usize, word: u64) -> Result<Operand, DecodeError> {
    let operand = Operand::from_word(word);
    if operand.reg >= REGISTERS {
        let name = info.operands[index].0;
        return Err(DecodeError::Register { op: info.mnemonic, operand: name, reg: operand.reg });
    }
    Ok(operand)
}

fn header(info: &OpInfo, attrs: &[u8]) -> u64 {
    let attrs = attrs.iter().enumerate().fold(0u64, |word, (i, a)| word | u64::from(*a) << (8 + 8 * i));
    u64::from(info.code) | attrs | (info.operands.len() as u64) << 56
}

macro_rules! define_isa {
    ($( $(#[doc = $doc:literal])* $code:literal $name:ident $mnemonic:literal $unit:ident
        { $($attr:ident : $attr_ty:ty),* } ( $($operand:ident : $kind:ident),* ); )*) => {
        /// One instruction. Fields in braces of the table come first (attributes), then the operands.
        #[derive(Clone, Copy, PartialEq, Debug)]
        // The table's descriptions are formulas: `a[i]` is an element, not a link.
        #[allow(missing_docs, rustdoc::broken_intra_doc_links)]
        pub enum Instr {
            $( $(#[doc = $doc])* $name { $($attr: $attr_ty,)* $($operand: Operand,)* }, )*
        }

        /// The table's lines, in opcode order.
        pub const OPS: &[OpInfo] = &[ $( OpInfo {
            code: $code,
            mnemonic: $mnemonic,
            unit: Unit::$unit,
            attrs: &[$((stringify!($attr), stringify!($attr_ty))),*],
            operands: &[$((stringify!($operand), OperandKind::$kind)),*],
            doc: concat!($($doc),*),
        } ),* ];

        impl Instr {
            /// The table's line for this instruction.
            pub fn info(&self) -> &'static OpInfo {
                let code: u8 = match self { $( Instr::$name { .. } => $code, )* };
                info(code).expect("every variant stands in the table")
            }

            /// Attribute bytes, in table order.
            pub fn attr_codes(&self) -> Vec<u8> {
                match *self { $( Instr::$name { $($attr,)* .. } => vec![$(Attr::code($attr)),*], )* }
            }

            /// Attribute names as in listings, in table order.
            pub fn attr_texts(&self) -> Vec<String> {
                match *self { $( Instr::$name { $($attr,)* .. } => vec![$(Attr::text($attr)),*], )* }
            }

            /// Operands, in table order.
            pub fn operands(&self) -> Vec<Operand> {
                match *self { $( Instr::$name { $($operand,)* .. } => vec![$($operand),*], )* }
            }

            /// The same instruction with other operands: `f` gets each one's place and the operand, in table order.
            pub fn map_operands(self, mut f: impl FnMut(usize, Operand) -> Operand) -> Instr {
                let mut places = 0;
                let mut next = |operand| {
                    places += 1;
                    f(places - 1, operand)
                };
                match self { $( Instr::$name { $($attr,)* $($operand,)* } => Instr::$name { $($attr,)* $($operand: next($operand),)* }, )* }
            }

            /// The instruction with this opcode, these attribute bytes and operands (as many as the table says).
            pub fn from_parts(code: u8, attrs: &[u8], operands: &[Operand]) -> Result<Instr, DecodeError> {
                match code {
                    $( $code => {
                        let mut attr_bytes = attrs.iter().copied();
                        let mut words = operands.iter().copied();
                        $( let byte = attr_bytes.next().ok_or(DecodeError::Header($mnemonic))?;
                           let $attr = <$attr_ty as Attr>::from_code(byte).ok_or(DecodeError::Attribute {
                               op: $mnemonic, attr: stringify!($attr), value: byte })?; )*
                        $( let $operand = words.next().ok_or(DecodeError::Truncated($mnemonic))?; )*
                        let _ = (&mut attr_bytes, &mut words);
                        Ok(Instr::$name { $($attr,)* $($operand,)* })
                    } )*
                    other => Err(DecodeError::Opcode(other)),
                }
            }

            /// Attribute bytes from their names in listings.
            pub(crate) fn parse_attrs(code: u8, texts: &[&str]) -> Result<Vec<u8>, String> {
                match code {
                    $( $code => {
                        let mut bytes: Vec<u8> = Vec::new();
                        let mut texts = texts.iter();
                        $( let text = texts.next().ok_or(concat!("attribute `", stringify!($attr), "` is missing"))?;
                           bytes.push(parse_attr::<$attr_ty>(stringify!($attr), text)?); )*
                        match texts.next() {
                            Some(extra) => Err(format!("`.{extra}` is one attribute too many")),
                            None => { let _ = &mut bytes; Ok(bytes) }
                        }
                    } )*
                    _ => Err("unknown opcode".to_string()),
                }
            }

            /// Every legal attribute byte of attribute number `index` of this opcode.
            pub fn attr_choices(code: u8, index: usize) -> Vec<u8> {
                match code {
                    $( $code => {
                        let choices: Vec<Vec<u8>> = vec![$(<$attr_ty as Attr>::all().into_iter().map(Attr::code).collect()),*];
                        choices.get(index).cloned().unwrap_or_default()
                    } )*
                    _ => Vec::new(),
                }
            }
        }
    };
}

fn parse_attr<A: Attr>(name: &str, text: &str) -> Result<u8, String> {
    A::parse(text).map(Attr::code).ok_or_else(|| {
        let known: Vec<String> = A::all().into_iter().map(Attr::text).take(12).collect();
        format!("`{text}` is no `{name}`; known: {}", known.join(", "))
    })
}

crate::for_each_op!(define_isa);

/// The table's line with this opcode.
pub fn info(code: u8) -> Option<&'static OpInfo> {
    OPS.iter().find(|op| op.code == code)
}

/// The table's line with this mnemonic (without attributes).
pub fn info_by_name(mnemonic: &str) -> Option<&'static OpInfo> {
    OPS.iter().find(|op| op.mnemonic == mnemonic)
}

impl Instr {
    /// The engine that runs the instruction.
    pub fn unit(&self) -> Unit {
        self.info().unit
    }

    /// The register that the instruction sets and to what, if it computes with registers and constants alone.
    pub fn computes(&self, value: impl Fn(Operand) -> i64) -> Option<(Reg, i64)> {
        Some(match *self {
            Instr::Set { rd, value: v } => (rd, value(v)),
            Instr::Add { rd, a, b } => (rd, value(a).wrapping_add(value(b))),
            Instr::Sub { rd, a, b } => (rd, value(a).wrapping_sub(value(b))),
            Instr::Mul { rd, a, b } => (rd, value(a).wrapping_mul(value(b))),
            Instr::Min { rd, a, b } => (rd, value(a).min(value(b))),
            Instr::Max { rd, a, b } => (rd, value(a).max(value(b))),
            Instr::Shr { rd, a, b } => (rd, value(a) >> (value(b) & 63)),
            Instr::And { rd, a, b } => (rd, value(a) & value(b)),
            _ => return None,
        })
    }

    /// 64-bit words of the binary form.
    pub fn words(&self) -> usize {
        1 + self.info().operands.len()
    }

    /// Append the binary form.
    pub fn encode(&self, out: &mut Vec<u64>) {
        out.push(header(self.info(), &self.attr_codes()));
        out.extend(self.operands().into_iter().map(Operand::word));
    }

    /// Read one instruction from the front of `words`; returns it with the number of words it took.
    pub fn decode(words: &[u64]) -> Result<(Instr, usize), DecodeError> {
        let first = *words.first().ok_or(DecodeError::Truncated("instruction"))?;
        let info = info(first as u8).ok_or(DecodeError::Opcode(first as u8))?;
        let attrs: Vec<u8> = (0..info.attrs.len()).map(|i| (first >> (8 + 8 * i)) as u8).collect();
        if header(info, &attrs) != first {
            return Err(DecodeError::Header(info.mnemonic));
        }
        let count = info.operands.len();
        let body = words.get(1..1 + count).ok_or(DecodeError::Truncated(info.mnemonic))?;
        let operands =
            body.iter().enumerate().map(|(i, w)| check_operand(info, i, *w)).collect::<Result<Vec<_>, _>>()?;
        Ok((Instr::from_parts(info.code, &attrs, &operands)?, 1 + count))
    }
}

/// Bytes of one A8 row of `cols` columns: the codes, then a BF16 scale per 32 columns, rounded up to 32 bytes.
pub fn a8_row(cols: usize) -> usize {
    cols + (cols / 16).next_multiple_of(32)
}
