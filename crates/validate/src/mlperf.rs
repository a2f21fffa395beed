//! MLPerf's published results beside predictions: tokens per second and accelerator, and joules per token.
//!
//! These are figures that anyone can look up, so that no folder of measurements is needed: `data/mlperf.toml` holds them with the benchmark's lengths and
//! limits and the formats of the submissions ([`mod@file`]). A prediction ([`predict`]) takes the same instance as the serving points do, in the simulator of `serve`: offline a
//! whole run with all requests there from the beginning; as a server the greatest rate of a Poisson process at which 99 of 100 requests stay within the benchmark's limits. The
//! division among devices and the limits of the scheduler are those of the submission's [`configuration`] where it was read, else the division that gives most; requests have the
//! [`lengths`] of the data set.
//!
//! [`score`] then judges. Submitters tune for months, and how much of a device they reach is the same for none of them; so one factor per maker, set by
//! **one named point**, stands between predicted and published speed: every step of the maker's devices is so many times as fast, and as much slower as software of its date was ([`ripening`]). That point is judged nowhere, and no number of the model is fitted to any. Energy is that of a whole [`server`]. The order of
//! the devices within a round, a network and a scenario is judged apart: it is what a buyer asks.

pub mod configuration;
pub mod file;
pub mod lengths;
pub mod predict;
pub mod ripening;
pub mod score;
pub mod server;

pub use file::{File, Scenario};
pub use score::{Outcome, outcome, rows};
