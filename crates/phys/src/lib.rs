//! The chip as matter: area, energy, floorplan and heat.
//!
//! Given a chip description and a node, this crate says how large each block is, what an event costs, where the blocks lie on the die and in the package, how warm it
//! gets, and how much power and clock a temperature allows.
//!
//! Its one big decision: **every figure is a range with a source**. Areas and energies are those of the design's blocks as
//! synthesised at 7 nm, of published ones where a block has not been, carried over by the density ratios that foundries publish; nothing here pretends to be exact, and
//! reports say so.
//!
//! It never sees a program or a network: what a chip is asked to do reaches it as events per second.
//!
//! | module | holds |
//! |---|---|
//! | [`area`] | area per block of a chip on a node, and the bands of published machines |
//! | [`energy`] | energy per event, power under a load, leakage, clock |
//! | [`floorplan`] | where the blocks lie on the die, and the die in the package, as SVG |
//! | [`package`] | the package as a stack of layers, cooled; allowed power and clock; its linear response, for searches |
//! | [`heat`] | finite volumes in a layered stack, steady and in time |
//! | [`material`], [`node`] | facts: conductivities, densities, energies |
//! | [`synthesis`] | what synthesis found of the design's blocks, before published figures |
//! | [`shape`], [`written`] | rectangles; quantities of fact files, with ranges |

pub mod area;
pub mod energy;
pub mod floorplan;
pub mod heat;
pub mod material;
pub mod node;
pub mod package;
pub mod shape;
pub mod synthesis;
pub mod written;
