//! The register map: what the host reads and writes through AXI4-Lite.
//!
//! One table. From it come the constants that drive the chip, the SystemVerilog package that decodes addresses (`rtl/sv/puce_regs_pkg.sv`) and the
//! chapter for people (`docs/registers.md`).

use std::fmt::Write;

/// What the host may do with a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Writes are ignored.
    ReadOnly,
    /// Reads as it was written.
    ReadWrite,
    /// Reads as zero; a write acts.
    WriteOnly,
}

/// How many words a register has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// 32 bits.
    Word,
    /// 64 bits: the low word first. Reading the low word keeps the high word as it is at that moment for the next read of the high word.
    Pair,
    /// So many words or pairs, one after the other.
    Pairs(u32),
}

impl Size {
    /// Bytes of the address range.
    pub fn bytes(self) -> u32 {
        match self {
            Size::Word => 4,
            Size::Pair => 8,
            Size::Pairs(count) => 8 * count,
        }
    }
}

/// A register of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Register {
    /// Name in capitals.
    pub name: &'static str,
    /// Byte address of the block's first instance.
    pub base: u32,
    /// Bytes from one instance of the block to the next.
    pub stride: u32,
    /// Bytes from the start of the block.
    pub offset: u32,
    /// What the host may do.
    pub access: Access,
    /// Words.
    pub size: Size,
    /// What it holds.
    pub doc: &'static str,
}

impl Register {
    /// Byte address in instance `index` of the block (a core, a memory port; 0 for the chip).
    pub const fn of(&self, index: usize) -> u32 {
        self.base + self.stride * index as u32 + self.offset
    }

    /// Byte address of counter `item` of an array of pairs.
    pub const fn item(&self, index: usize, item: usize) -> u32 {
        self.of(index) + 8 * item as u32
    }
}

/// A group of registers, of which there may be many.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Name.
    pub name: &'static str,
    /// What it belongs to.
    pub doc: &'static str,
    /// Its registers, in address order.
    pub registers: &'static [Register],
}

macro_rules! register_map {
    ($( #[doc = $block_doc:literal] $block:ident ($base:literal, $stride:literal) {
        $( $(#[doc = $doc:literal])+ $name:ident $offset:literal $access:ident $size:expr; )*
    } )*) => {
        $(
            #[doc = $block_doc]
            pub mod $block {
                use super::{Access, Register, Size};
                $( $(#[doc = $doc])+ pub const $name: Register = Register {
                    name: stringify!($name), base: $base, stride: $stride, offset: $offset, access: Access::$access,
                    size: $size, doc: concat!($($doc),+),
                }; )*
            }
        )*

        /// The whole map, in address order.
        pub const BLOCKS: &[Block] = &[ $( Block {
            name: stringify!($block),
            doc: $block_doc,
            registers: &[ $( $block::$name ),* ],
        } ),* ];
    };
}

/// First byte of the window into parameter memory: word `i` of it at 4 * i.
pub const PARAMETERS: u32 = 0x80_0000;
/// What [`chip::ID`] reads as: `PUCE`.
pub const MAGIC: u32 = 0x4543_5550;
/// What [`chip::VERSION`] reads as.
pub const VERSION: u32 = 1;
/// Bits of a counter; above them it reads as zero.
pub const COUNTER_BITS: u32 = 48;
/// Bit of [`chip::CONTROL`]: run the program.
pub const START: u32 = 1 << 0;
/// Bit of [`chip::CONTROL`]: clear flags and counters.
pub const CLEAR: u32 = 1 << 1;
/// Bit of [`chip::STATUS`] and [`core::STATUS`]: running.
pub const RUNNING: u32 = 1 << 0;
/// Bit of [`chip::STATUS`] and [`core::STATUS`]: every core that was started (this core) has come to its `halt`.
pub const DONE: u32 = 1 << 1;
/// Bit of [`chip::STATUS`] and [`core::STATUS`]: a core (this core) has stopped with a fault.
pub const FAULT: u32 = 1 << 2;

register_map! {
    /// The chip as a whole.
    chip (0x00_0000, 0x0) {
        /// `PUCE` in ASCII, `P` in the lowest byte.
        ID 0x00 ReadOnly Size::Word;
        /// Version of this map.
        VERSION 0x04 ReadOnly Size::Word;
        /// Cores of the chip.
        CORES 0x08 ReadOnly Size::Word;
        /// 32-bit words of parameter memory.
        PARAMS 0x0c ReadOnly Size::Word;
        /// Bit 0 starts the first `RUN` cores at their `CODE` (ignored while they run, and after a fault, which only a reset ends). Bit 1 clears flags and counters.
        CONTROL 0x10 WriteOnly Size::Word;
        /// Bit 0: running. Bit 1: every core that was started has come to its `halt`. Bit 2: a core has stopped with a fault.
        STATUS 0x14 ReadOnly Size::Word;
        /// Sticky flags of all cores: bit 0 NaN, bit 1 window, bit 2 overflow.
        FLAGS 0x18 ReadOnly Size::Word;
        /// How many cores a start starts, from core 0 on. After a reset: all.
        RUN 0x1c ReadWrite Size::Word;
        /// Bytes of memory, from address 0 on, that loads, weights and stores may touch.
        LIMIT 0x20 ReadWrite Size::Pair;
        /// Cycles in which the chip ran.
        CYCLES 0x28 ReadOnly Size::Pair;
        /// Memory ports of the chip.
        PORTS 0x30 ReadOnly Size::Word;
    }
    /// A memory port.
    port (0x00_8000, 0x20) {
        /// Beats read.
        READ 0x00 ReadOnly Size::Pair;
        /// Beats written.
        WRITE 0x08 ReadOnly Size::Pair;
        /// Cycles in which a read was asked for and the memory did not take it.
        READ_HELD 0x10 ReadOnly Size::Pair;
        /// Cycles in which a beat was offered for writing and the memory did not take it.
        WRITE_HELD 0x18 ReadOnly Size::Pair;
    }
    /// A core.
    core (0x01_0000, 0x200) {
        /// Byte address of its code in memory, a multiple of 64 and of the bytes of a beat. Up to five lines of code behind its end are read ahead, and never used.
        CODE 0x00 ReadWrite Size::Pair;
        /// Bit 0: running. Bit 1: done. Bit 2: stopped with a fault.
        STATUS 0x08 ReadOnly Size::Word;
        /// Why it stopped: 0 no fault, 1 opcode or header, 2 value beyond 48 bits, 3 parameter, 4 loops, 5 outside the scratchpad, 6 outside the program's memory, 7 tokens, 8 memory port, 9 two wrong bits in a scratchpad word, 10 weights left in the stream.
        REASON 0x0c ReadOnly Size::Word;
        /// Instruction (counted from 0) that control was at when it stopped. For reasons 1 to 4 it is the instruction at fault; engines run behind control.
        PC 0x10 ReadOnly Size::Word;
        /// Sticky flags: bit 0 NaN, bit 1 window, bit 2 overflow.
        FLAGS 0x14 ReadOnly Size::Word;
        /// Bits 0 and 1: flip so many chosen bits in the next scratchpad word that is read (for tests of the code that guards it).
        INJECT 0x18 WriteOnly Size::Word;
        /// Instructions dispatched, by engine code: load, weights, matrix, vector, store, exchange, control.
        INSTRUCTIONS 0x20 ReadOnly Size::Pairs(7);
        /// Scratchpad words in which a wrong bit was mended.
        CORRECTED 0x58 ReadOnly Size::Pair;
        /// Cycles in which an engine worked on a command, by engine code.
        BUSY 0x60 ReadOnly Size::Pairs(6);
        /// Cycles in which an engine was idle because its next command waited for a token, by engine code.
        SYNC 0x90 ReadOnly Size::Pairs(6);
        /// Cycles in which control waited because a queue was full.
        QUEUE 0xc0 ReadOnly Size::Pair;
        /// Cycles in which control waited for code.
        FETCH 0xc8 ReadOnly Size::Pair;
        /// Cycles in which the matrix engine worked on a command and the weight stream was empty.
        STREAM 0xd0 ReadOnly Size::Pair;
        /// Cycles in which reads were on their way and memory gave none.
        MEMORY 0xd8 ReadOnly Size::Pair;
        /// Cycles in which a scratchpad port was held up by another: matrix read, matrix write, vector a, b and write, load write and table, weights table, store read, exchange read and write.
        SPAD 0xe0 ReadOnly Size::Pairs(11);
    }
}

/// The counters of a core, in address order.
pub fn core_counters() -> impl Iterator<Item = Register> {
    let blocks = BLOCKS.iter().filter(|block| block.name == "core");
    let registers = blocks.flat_map(|block| block.registers.iter().copied());
    registers.filter(|register| register.offset >= core::INSTRUCTIONS.offset)
}

macro_rules! line {
    ($text:expr, $($arg:tt)*) => { writeln!($text, $($arg)*).expect("writing to a string") };
}

const PACKAGE: &str = "\
// The register map: addresses of what the host reads and writes.
//
// Generated from the table in rtl/src/registers.rs by `cargo xtask gen`; do not edit.
package puce_regs_pkg;

  // A package names everything; each block uses some of it.
  /* verilator lint_off UNUSEDPARAM */
";

/// The SystemVerilog package's text.
pub fn package() -> String {
    let mut text = PACKAGE.to_string();
    line!(text, "\n  localparam int unsigned RegMagic = 32'h{MAGIC:08x};");
    line!(text, "  localparam int unsigned RegVersion = {VERSION};");
    line!(text, "  // Parameter memory: word i at 4 * i from here.");
    line!(text, "  localparam logic [23:0] RegParameters = 24'h{PARAMETERS:06x};");
    for block in BLOCKS {
        let first = &block.registers[0];
        let name = camel(block.name);
        line!(text, "\n  //{}", block.doc);
        line!(text, "  localparam logic [23:0] Reg{name}Base = 24'h{:06x};", first.base);
        line!(text, "  localparam int unsigned Reg{name}Stride = {};", first.stride);
        for register in block.registers {
            line!(text, "  localparam int unsigned Reg{name}{} = {};", camel(register.name), register.offset);
        }
    }
    counters(&mut text);
    text.push_str("\n  /* verilator lint_on UNUSEDPARAM */\n\nendpackage\n");
    text
}

/// Counters of a core are those from [`core::INSTRUCTIONS`] to the end of the block.
fn counters(text: &mut String) {
    let first = core::INSTRUCTIONS.offset;
    let end = core::SPAD.offset + core::SPAD.size.bytes();
    line!(
        text,
        "\n  // Counters of a core: how many, their width, and the number of one by the place of its register."
    );
    line!(text, "  localparam int unsigned CounterCount = {};", (end - first) / 8);
    line!(text, "  localparam int unsigned CounterIndexW = $clog2(CounterCount);");
    line!(text, "  localparam int unsigned CounterW = {COUNTER_BITS};");
    line!(text, "  function automatic int unsigned counter_place(input int unsigned offset);");
    line!(text, "    counter_place = (offset - RegCoreInstructions) / 8;");
    line!(text, "  endfunction");
}

const CHAPTER: &str = "# The host's registers\n\n\
Generated from `rtl/src/registers.rs` by `cargo xtask gen`; do not edit.\n\n\
The host sees the chip through an AXI4-Lite port with words of 32 bits. It writes code (at a multiple of 64 bytes, above the program's memory) and data into memory by its own \
means, sets `LIMIT`, the `CODE` of each core, `RUN` and the parameters, writes `CONTROL` with bit 0 set, and waits until `STATUS` says done or fault (or for the \
interrupt). A register of 64 bits is two words, the low one first; reading the low word keeps the high word for the next read of a high word. What is not in the map \
answers with SLVERR.\n";

/// The chapter as Markdown.
pub fn chapter() -> String {
    let mut text = CHAPTER.to_string();
    for block in BLOCKS {
        let first = &block.registers[0];
        let many = match first.stride {
            0 => format!("At {:#x}.", first.base),
            stride => format!("Number i of them at {:#x} + {stride:#x} * i.", first.base),
        };
        line!(
            text,
            "\n## {}\n\n{many}\n\n| offset | register | bytes | access | what |\n|---|---|---|---|---|",
            block.doc.trim().trim_end_matches('.')
        );
        for register in block.registers {
            line!(
                text,
                "| {:#04x} | `{}` | {} | {} |{} |",
                register.offset,
                register.name,
                register.size.bytes(),
                match register.access {
                    Access::ReadOnly => "read",
                    Access::ReadWrite => "read, write",
                    Access::WriteOnly => "write",
                },
                register.doc
            );
        }
    }
    line!(
        text,
        "\n## Parameter memory\n\nWord i at {PARAMETERS:#x} + 4 * i, to be read and written while the chip does not run."
    );
    text
}

fn camel(name: &str) -> String {
    name.split('_')
        .flat_map(|word| {
            let lower = word.to_lowercase();
            let mut letters = lower.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_do_not_overlap_and_fit_their_block() {
        for block in BLOCKS {
            for pair in block.registers.windows(2) {
                assert!(pair[0].offset + pair[0].size.bytes() <= pair[1].offset, "{}", pair[1].name);
            }
            let last = block.registers.last().unwrap();
            assert!(last.stride == 0 || last.offset + last.size.bytes() <= last.stride, "{}", block.name);
            assert!(block.registers.iter().all(|r| r.offset.is_multiple_of(r.size.bytes().min(8))), "{}", block.name);
        }
    }

    #[test]
    fn blocks_leave_room_for_the_largest_chip() {
        let cores = arch::program::MAX_CORES;
        assert!(port::READ.of(cores) <= core::CODE.of(0));
        assert!(core::CODE.of(cores) <= PARAMETERS);
    }

    #[test]
    fn the_package_has_every_register() {
        let text = package();
        for block in BLOCKS {
            for register in block.registers {
                let wanted = format!("Reg{}{} = {};", camel(block.name), camel(register.name), register.offset);
                assert!(text.contains(&wanted), "{wanted}");
            }
        }
    }
}
