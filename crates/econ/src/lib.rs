//! Money: from a wafer to a token, for any device.
//!
//! A device reaches this crate as plain numbers: the sides of its dies, its memory stacks, its watts, the tokens per second that somebody else measured or
//! computed. What comes back is a bill: dollars per good die, per package, per device, per hour, per million tokens. The one big decision is that **there is one
//! function for every device** ([`cost::of`]): ours, a GPU and a TPU differ in their numbers and in how they are acquired, and in nothing else.
//!
//! The way down, one module per stage:
//!
//! | stage | module | gives |
//! |---|---|---|
//! | figures with source, grade, date and range | [`facts`], [`range`] | a [`range::Range`] per quantity, as known at a date |
//! | the price list of one evaluation | [`market`] | a [`market::Market`] of plain numbers |
//! | wafer to good die | [`die`] | dies per wafer, yield, harvest, bins |
//! | die to device | [`package`] | a waterfall of named steps, margin explicit |
//! | device to hour | [`power`], [`server`], [`facility`], [`finance`], [`fleet`] | dollars per hour that does work |
//! | hour to token | [`token`] | dollars per million tokens in and out |
//! | carbon | [`carbon`] | grams per hour and per million tokens, made and running |
//! | years and engineers | [`schedule`] | time to volume, respins, break-even volume |
//! | what is not known | [`uncertain`] | median, intervals and Sobol' shares over all ranges at once |
//!
//! [`cases`] recomputes published figures with these functions and says by how much they miss; [`replay`] scores what was known at earlier dates.
//!
//! Nothing here reads a file, a clock or a random device, and nothing depends on the number of threads.
//!
//! ```
//! use econ::facts::Facts;
//! let facts = Facts::builtin().unwrap();
//! let wafer = facts.find("wafer price N3").unwrap();
//! assert_eq!(wafer.unit.symbol, "USD/wafer");
//! assert!(wafer.source.contains("TrendForce"));
//! // The same question, as somebody could have answered it at the end of 2023.
//! let then = facts.as_of("2023".parse().unwrap());
//! assert_eq!(then.find("wafer price N3").unwrap().range.high, 20_000.0);
//! ```

pub mod carbon;
pub mod cases;
pub mod compare;
pub mod cost;
pub mod die;
pub mod facility;
pub mod facts;
pub mod finance;
pub mod fleet;
pub mod market;
pub mod package;
pub mod power;
pub mod range;
pub mod replay;
pub mod schedule;
pub mod server;
pub mod token;
pub mod uncertain;
