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
//! | [`study`] | what is asked, read from TOML and checked |
//! | [`ask`], [`traffic`] | workloads: networks under kinds of requests, with their moments |
//! | [`space`] | the grid of chips: a number per chip |
//! | [`body`] | a chip as matter and money, and the limits that refuse it |
//! | [`deploy`], [`select`] | ways to serve a workload in closed form, and the cheapest mix of them |
//! | [`bound`], [`search`], [`front`] | the lower bound, the search in rounds, the Pareto front |
//! | [`runner`], [`confirm`] | rivals by the same functions; deployments in simulated traffic |
//! | [`judge`] | distributions, shares, turning points |
//! | [`design`] | a study from its question to its outcome |
//! | [`outcome`] | what a study comes to, as plain data: everything that a terminal, a memo or a page shows |
//!
//! It never touches files, terminals, HTTP or the clock.

pub mod ask;
pub mod body;
pub mod bound;
pub mod confirm;
pub mod deploy;
pub mod design;
pub mod front;
pub mod judge;
pub mod outcome;
pub mod runner;
pub mod search;
pub mod select;
pub mod space;
pub mod study;
pub mod traffic;
