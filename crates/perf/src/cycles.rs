//! The chip's twin in time: how many cycles a program takes, and what each part of the chip waits for.
//!
//! Every block of the design (`rtl/sv`) that decides *when* something happens has a counterpart here that decides the same in the same cycle: it holds
//! the same counts, queues and states and none of the values. Nothing is estimated; with a memory of fixed latency the counters are the design's, cycle for
//! cycle. Each block's counterpart is held to the verilated block by the tests of `rtl`.
//!
//! A cycle has two halves, as in the design. First everyone says what it asks for, from its registers alone ([`wires`]); then the scratchpad and the
//! memory port say who is served, and everyone steps.
//!
//! Values matter in one place only: the indices of gathers. Who wants the time of a gather says what its table holds ([`wires::Tables`]); else entry `i` is `i`.

pub mod control;
mod core;
pub mod counts;
pub mod dma;
pub mod exchange;
pub mod fetch;
pub mod fifo;
pub mod front;
pub mod gather;
pub mod hub;
pub mod load;
pub mod machine;
pub mod matrix;
pub mod memory;
pub mod params;
pub mod port;
pub mod queue;
pub mod scratchpad;
pub mod store;
pub mod vector;
pub mod watch;
pub mod weights;
pub mod wires;
