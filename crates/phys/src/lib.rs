//! The chip as matter: area, energy, floorplan and heat.
//!
//! Given a chip description and a node, this crate says how large each block is, what an event costs, where the blocks lie on the die and in the package, how warm it
//! gets, and how much power and clock a temperature allows.
//!
//! Its one big decision: **every figure is a range with a source**. Until the design has been synthesised on the node itself, areas are those of blocks
//! measured or published at 7 nm, carried over by the density ratios that foundries publish; nothing here pretends to be exact, and reports say so.
//!
//! It never sees a program or a network: what a chip is asked to do reaches it as events per second.
//!
//! - [`heat`]: finite volumes in a layered stack, steady and in time.
//! - [`material`]: conductivities and capacities.
//! - [`shape`]: rectangles and how they overlap.
//! - [`written`]: quantities of fact files, with ranges.

pub mod heat;
pub mod material;
pub mod shape;
pub mod written;
