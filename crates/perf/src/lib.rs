//! How long it takes: any network on any device, and what it waits for.
//!
//! A [`workload`] turns a network's description and a way to run it (phase, batch, context, formats, parallel degrees) into a list of [`operator`]s with
//! shapes; a [`device`] is a data file; [`kernel`] gives the time of one operator on one device, and says what bound it. Our own chip goes through the
//! same functions as everybody else's: [`device::Device`] is made of its chip description.
//!
//! The big decision: **one physical model with few parameters for all devices**. A device's data sheet gives its peak rates; a handful of dimensionless
//! parameters ([`device::Parameters`]) say how much of each is reached; they are fitted where measurements exist, and inferred from the fitted devices
//! where none do. Nothing here is a table of measured times.
//!
//! For a program on our own chip [`cycles`] counts instead of estimating: it is the design's twin in time.
//!
//! Time never depends on values: nothing here knows weights, and `emu` is out of sight.

pub mod cycles;
pub mod device;
pub mod dram;
pub mod estimate;
pub mod evaluate;
pub mod format;
pub mod interval;
pub mod kernel;
pub mod network;
pub mod operator;
pub mod parallel;
pub mod parameter;
pub mod power;
pub mod tiling;
pub mod workload;
