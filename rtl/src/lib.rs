//! The chip in SystemVerilog, and what is needed to build it, run it and hold it to the emulator.
//!
//! The design lies in `rtl/sv`, one module per file; `rtl/files.f` is the one list of them that simulation, lint, synthesis and packages use. It is
//! parametric: a chip description (`arch::Chip`) becomes the parameters of the top module. What follows from the instruction table is generated
//! from the table.
//!
//! The big decision: nothing is compiled when Puce is built. A chip is verilated when it is first asked for, into a library that is loaded at run
//! time and kept in a cache; so any description can be simulated, and a machine without a C++ compiler can do everything else.
//!
//! From the bottom: [`sources`] are the texts, [`tools`] finds Verilator and a compiler, [`design`] turns a module into a library, [`library`] loads it
//! (the only code here that is not safe), [`block`] drives any module by the names of its ports; [`mod@bench`] and [`memory`] are what a block finds around
//! it. [`registers`] is the host's view of the chip, [`params`] its shape, and [`machine`] puts all together: programs run on the design as they run on
//! the emulator. [`instrument`] is what simulators count beside their work. [`verify`] holds one machine to another over long work, [`watch`] records what
//! parts of the design meet in it, and [`functional`] names what instructions can meet.
//!
//! Beside it, [`synth`] makes cells, places, times and powers of a module with open tools.
//!
//! The crate never decides what an instruction computes: that is `docs/numerics.md`, whose executable form is `base`. Its tests compare the design
//! with the emulator.

pub mod bench;
pub mod block;
pub mod design;
pub mod functional;
pub mod instrument;
pub mod isa_pkg;
pub mod library;
pub mod machine;
pub mod memory;
pub mod package;
pub mod params;
pub mod registers;
pub mod sources;
pub mod synth;
pub mod tools;
pub mod verify;
pub mod watch;

/// Why a simulator could not be had.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// A tool is missing.
    #[error("{0}")]
    Tools(String),
    /// The design was refused, or a file could not be read or written.
    #[error("{0}")]
    Build(String),
}

/// What may fail for want of a tool, of a file or of a sound design.
pub type Result<T> = std::result::Result<T, Error>;
