//! Predictions beside measurements: error statistics, intervals, fits.
//!
//! The models of time live in `perf` and `serve` and know no measurement. Here measured sets are read (each with its own reader that refuses what it
//! does not know), each row is turned into the operator or run that it measured, and prediction is held against it. Parameters are fitted here too,
//! on files named `calibrate` only.
//!
//! It never computes a time itself, and never writes to the terminal.
//!
//! The way of a measurement: [`sets`] reads a file, [`run`] makes a [`case::Case`] of each row, [`report`] gathers them into [`statistics`] and sets them
//! beside their [`target`].

pub mod calibrate;
pub mod case;
pub mod fit;
pub mod kernels;
pub mod mlperf;
pub mod public;
pub mod published;
pub mod replay;
pub mod report;
pub mod run;
pub mod serving;
pub mod sets;
pub mod statistics;
pub mod target;
pub mod throughput;
