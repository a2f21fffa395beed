//! From the design to cells, places, time and power.
//!
//! A module of the standard list ([`modules`]) with the parameters of a chip goes through open tools, one program each: Yosys makes cells of a library
//! ([`cells`]) of it, OpenSTA times them, Coloquinte places them, the wires between the places become resistances and capacitances, and OpenSTA times and
//! powers them again; KLayout writes the layout and draws it. What comes out is a [`report`], which is kept with all that it depends on.
//!
//! The big decision: the netlist between the tools is flat, with one bit per name, so that no tool needs to understand another's Verilog; and nothing is
//! routed. Wires are the shortest right-angled trees over the pins where they lie. Clock and reset are ideal, and memories are left out: their pins are
//! treated as ports, their bits are counted.
//!
//! Several targets are tried without wires, and the smallest result that meets the clock with a margin for wires is placed; where none does, the fastest.
//!
//! The flow never judges and never guesses: what a library does not say is absent from the report.

pub mod cells;
mod flow;
pub mod modules;
pub mod programs;
pub mod report;
mod timing;

pub use flow::{Request, run};
pub use timing::ACTIVITY;

/// Sources for synthesis alone: name and text.
pub(crate) const EXTRA: &[(&str, &str)] = &[("synth_array.sv", include_str!("../synth/synth_array.sv"))];
