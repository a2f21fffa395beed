//! Batching, cache pages and scheduling of requests.
//!
//! One scheduler decides what runs in the next step: it serves users, and it runs a week of traffic in a second. It therefore knows neither sockets nor
//! the clock: requests and the time are arguments, and what a step costs or computes is behind a trait.
//!
//! It never touches files, JSON, threads or the environment.
