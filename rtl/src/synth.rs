//! From the design to cells, places, time and power.
//!
//! A module of the standard list ([`modules`]) with the parameters of a chip goes through open tools, one program each: Yosys makes cells of a library
//! ([`cells`]) of it, OpenSTA times them, Coloquinte places them, the wires between the places become resistances and capacitances, and OpenSTA times and
//! powers them again; KLayout writes the layout and draws it. What comes out is a [`report`], which is kept with all that it depends on.
//!
//! The big decision: the netlist between the tools is flat, with one bit per name, so that no tool needs to understand another's Verilog; and nothing is
//! routed. Wires are the shortest right-angled trees over the pins where they lie. Clock and reset are ideal. Memories are boxes of macros beside the cells,
//! or left out where nothing is known of their sizes: their bits are counted, and their pins are ports with the macros' times.
//!
//! Recipes of mapping ([`recipes`]) are tried without wires, from the smallest results to the fastest, until one meets the clock with a margin for wires; that
//! one is placed, and where it misses the clock with its wires the next best is placed too. A module of many like instances keeps them apart until they are
//! mapped, so that each of them is mapped once, and is then placed flat. What is too large for one piece is made of blocks: modules of the list that go through
//! the flow by themselves, once each, and are boxes while the module around them is mapped. Then the cells of some come in and are placed with the module's;
//! others keep places of their own, stand in it like memories, and tell it when their pins take and give. The core of a chip is made so. A result
//! that lies in its folder with the same inputs is taken as it is, so that a long run can be had in parts.
//!
//! Mapping sees no wires. So once cells have places, wide nets and long wires get repeaters, pins that take a constant get it from a cell near them, and the cells of
//! paths that miss the clock get the drives that their loads need: larger or smaller cells of the same function, and buffers where there is none. All of these get
//! room in the rows near where they are wanted; a buffer that finds none is left out, a cell keeps its size.
//!
//! Powers are those at a stated activity of every net, and, where there are recordings of what a module met in the whole chip ([`crate::watch`]), those at the
//! rates at which the nets of its netlist change when it meets the same: the netlist must then give the same outputs.
//!
//! The flow never judges and never guesses: what a library does not say is absent from the report.

pub mod cells;
mod counted;
mod flow;
mod kept;
pub mod modules;
mod outline;
pub mod programs;
pub mod recipes;
pub mod report;
mod timing;

pub use flow::{Request, run};
pub use timing::ACTIVITY;

/// Sources for synthesis alone: name and text.
pub(crate) const EXTRA: &[(&str, &str)] = &[("synth_array.sv", include_str!("../synth/synth_array.sv"))];
