//! The contract between silicon and software.
//!
//! Everything that the RTL, the emulator, the cycle model and the compiler must agree on stands here once: the chip description ([`chip::Chip`]),
//! the instruction table ([`for_each_op`]), what a program is ([`program::Program`]), which programs are legal ([`legal`]) and how a host talks to
//! any machine that runs them ([`machine::Machine`]). What an instruction *computes* is written in `docs/numerics.md` and in `base`; what it *does*
//! is its line in the table.
//!
//! # The one big decision: program order is always a legal schedule
//!
//! A core has six engines, each with a queue of its own: **load**, **weights**, **matrix**, **vector**, **store** and **exchange**. The control unit
//! reads one instruction stream, resolves addresses from its registers, and hands each instruction to the queue of its engine; queues run in order
//! and independently of each other. Two things order them, and nothing else:
//!
//! - `sync.a.b`: what comes later on engine `b` waits for what came earlier on engine `a`;
//! - the weight stream: `wld` and `wgat` feed bytes, `mm` takes them, first in, first out.
//!
//! Both are relations from earlier to later instructions of the same stream, so running the stream one instruction at a time is always possible:
//! no legal program can deadlock, and any machine that honours the two relations computes what the plain sequential machine computes.
//! The weights engine never appears on the left of a `sync`, and at most as many weight loads may be unconsumed as its queue is deep: these two rules
//! keep a full weight buffer from ever blocking the stream.
//!
//! # What it never does
//!
//! It knows no network, no time and no money, and executes nothing.
//!
//! # Example
//!
//! ```
//! use arch::{program::Program, chip::Chip};
//! let chip = Chip::builtin("nano").unwrap();
//! let text = "core 0\n  vimm.add dst=0 dstep=0 a=0 astep=0 rows=1 cols=8 imm=1.5f\n  halt\n";
//! let program = Program::parse("inline", text).unwrap();
//! arch::legal::check(&program, &chip).unwrap();
//! assert_eq!(Program::from_bytes(&program.to_bytes()).unwrap(), program);
//! ```

pub mod attr;
pub mod chip;
pub mod conformance;
pub mod docs;
pub mod isa;
pub mod legal;
pub mod machine;
pub mod ops;
pub mod program;
pub mod random;
pub mod text;

pub use chip::Chip;
pub use isa::{Instr, Operand};
pub use program::Program;
