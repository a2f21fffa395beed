//! The chip in SystemVerilog, and what is needed to build it, run it and hold it to the emulator.
//!
//! The design lies in `rtl/sv`, one module per file; `rtl/files.f` is the one list of them that simulation, lint, synthesis and packages use. It is
//! parametric: a chip description (`arch::Chip`) becomes the parameters of the top module. What follows from the instruction table is generated
//! from the table.
//!
//! The big decision: nothing is compiled when Puce is built. A chip is verilated when it is first asked for, into a library that is loaded at run
//! time and kept in a cache; so any description can be simulated, and a machine without a C++ compiler can do everything else.
//!
//! The crate never decides what an instruction computes: that is `docs/numerics.md`, whose executable form is `base`. Its tests compare the design
//! with the emulator.

pub mod verify;
