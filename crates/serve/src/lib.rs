//! Batching, cache pages and scheduling of requests.
//!
//! One [`scheduler`] decides what runs in the next step: it serves users, and it runs a week of traffic in a second. It therefore knows neither sockets
//! nor the clock: requests and the time are arguments, and what a step costs or computes is behind a trait. The life of a request:
//!
//! ```text
//!              submit
//!                |
//!                v        room in the batch, and blocks for its tokens
//!            +---------+ ---------------------------------------------> +---------+
//!            | waiting |                                                | running | --+ one chunk of its prompt,
//!            +---------+ <--------------------------------------------- +---------+ <-+ or one token (and drafts), a step
//!                |        preempted: blocks freed (computed again later)     |
//!                |        or copied to the host (copied back later)          |
//!                |                                                           | last token, or a stop
//!                | cancel                                                    v
//!                |                        release           +------+   kept  |
//!                +--------------> gone <------------------- | held | <-------+
//!                                   ^                       +------+         |
//!                                   +----------------------------------------+ not kept
//! ```
//!
//! - [`request`]: what is asked for; [`chain`]: names of blocks by their content; [`pool`]: the paged cache with reference counts.
//! - [`scheduler`]: chunked prefill, continuous batching, priorities, preemption, speculation, plans that overlap.
//! - [`simulate`]: several replicas in simulated time, with [`arrival`]s generated or from a [`trace`], a [`route`] to a replica, a [`cost`] per step (from the model of time: [`modelled`]),
//!   drafts that are right by chance ([`speculate`]), and [`metrics`] of what came of it.
//!
//! It never touches files, JSON, threads, the environment or the clock.
//!
//! ```
//! use base::units::Seconds;
//! use serve::request::{Content, Request, RequestId};
//! use serve::scheduler::{Limits, Outcome, Scheduler};
//!
//! let mut scheduler = Scheduler::new(Limits { blocks: 8, in_flight: 1, ..Limits::default() });
//! let prompt = Content::Tokens(vec![3, 1, 4, 1, 5]);
//! scheduler.submit(Request::new(RequestId(7), Seconds(0.0), prompt, 2)).unwrap();
//! let mut finished = Vec::new();
//! while finished.is_empty() {
//!     let plan = scheduler.schedule(Seconds(0.1));
//!     // Here a backend would compute the new tokens of each item, with the blocks of `scheduler.block_table(item)`.
//!     let outcome = Outcome { generated: 1, tokens: vec![9], stop: false };
//!     scheduler.complete(&plan, &vec![outcome; plan.items.len()], &mut finished);
//! }
//! assert_eq!((finished[0].prompt, finished[0].generated), (5, 2));
//! ```

pub mod arrival;
pub mod chain;
pub mod cost;
pub mod metrics;
pub mod modelled;
pub mod pool;
pub mod request;
pub mod route;
pub mod scheduler;
pub mod simulate;
pub mod speculate;
pub mod trace;
