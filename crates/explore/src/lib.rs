//! Which chip, and is it cheaper than buying? The search for the best design, and the judgement of it beside everybody else's devices.
//!
//! A [`study`] says what is asked: networks and traffic, latency targets, the space of chips, limits, rivals, as known at a date. Every chip of the space
//! becomes the same plain device that a data sheet becomes, and meets the same functions: time from `perf`, matter from `phys`, money from `econ`.
//!
//! The one big decision: **the search is exact over a finite grid, with a bound that never lies**. A chip whose lower bound on cost is above the best found
//! cost is left out without loss; what remains between the two when the search is stopped early is printed as the gap. There is no randomness, and the result
//! does not depend on threads, interruption or the order in which results come.
//!
//! | module | holds |
//! |---|---|
//! | [`confirm`] | a deployment in simulated traffic, and the highest rate that meets its targets |
//! | [`outcome`] | what a study comes to, as plain data: everything that a terminal, a memo or a page shows |
//! | [`traffic`] | kinds of requests and the mix of a service, with their moments |
//!
//! It never touches files, terminals, HTTP or the clock.

pub mod confirm;
pub mod outcome;
pub mod traffic;
