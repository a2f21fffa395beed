//! Number formats to the bit, shapes, and units as types.
//!
//! `base` is the bottom of the house: the words that every other crate speaks. It holds the executable form of `docs/numerics.md`: what each
//! number format means and what each arithmetic operation of the machine returns, in the plainest code, with no regard for speed. The fast
//! kernels of `emu` and the RTL are held to these functions bit for bit.
//!
//! It never touches files, threads or the clock, and knows nothing of chips or networks.

pub mod a8;
pub mod block;
pub mod cache;
pub mod float;
pub mod func;
pub mod grid;
pub mod mx;
pub mod reduce;
pub mod status;
pub mod tile;
pub mod units;
