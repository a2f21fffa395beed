//! What a program computes, to the bit.
//!
//! The emulator runs programs of any chip description: it interprets one instruction stream per core, through scratchpads, weight streams and
//! exchanges, and knows no network. Its results are the definition that the RTL is held to; its kernels ([`kernels`]) come in several instruction
//! sets that give the same bits, from a scalar oracle to AVX-512.
//!
//! # The one big decision
//!
//! Program order is a legal schedule of every program (see `arch`), so a core is a sequential interpreter. Parallel are the cores and chips, which run on
//! host threads of their own and meet at exchanges, and, with more threads than cores, the rows of one large instruction: no instruction writes
//! a byte twice or reads what another of its rows writes. Nothing about a result can depend on the number of threads.
//!
//! # What it never does
//!
//! It has no notion of time: how many cycles an instruction takes is the cycle model's business, and the two never meet.
//!
//! # Example
//!
//! ```
//! use arch::{Chip, Program, machine::Machine};
//! let chip = Chip::builtin("nano").unwrap();
//! let text = "memory 64\ncore 0
//!   ld dst=0 mem=0 elem=32 n0=1 s0=0 d0=0 n1=1 s1=0 d1=0 n2=1 s2=0 d2=0
//!   sync.l.v
//!   vimm.mul dst=0 dstep=0 a=0 astep=0 rows=1 cols=8 imm=2.0f
//!   sync.v.s
//!   st src=0 mem=32 elem=32 n0=1 s0=0 d0=0 n1=1 s1=0 d1=0 n2=1 s2=0 d2=0
//!   halt";
//! let mut machine = emu::Emulator::new(&chip, emu::Settings::default()).unwrap();
//! machine.load(0, &Program::parse("inline", text).unwrap()).unwrap();
//! machine.write(0, 0, &1.5f32.to_le_bytes()).unwrap();
//! machine.run().unwrap();
//! let mut bytes = [0; 4];
//! machine.read(0, 32, &mut bytes).unwrap();
//! assert_eq!(f32::from_le_bytes(bytes), 3.0);
//! ```

mod core;
mod crew;
mod emulator;
pub mod kernels;
mod memory;
mod race;
mod team;

pub use crate::core::Met;
pub use emulator::{Emulator, Settings};
