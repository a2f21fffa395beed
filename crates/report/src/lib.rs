//! What a study came to, for people: a page that opens offline in any browser, and a memo.
//!
//! Everything shown is in an [`Outcome`]; nothing is computed here but places, colours and texts, so that the page, the memo, the terminal and the JSON of one
//! outcome never disagree.
//!
//! **The big decision: the page contains all that it needs and can fetch nothing.** The chart libraries (Vega, Vega-Lite) lie in `assets/` and are written into
//! every page; a Content-Security-Policy forbids the network, permits only the scripts of this crate by their sums, and evaluation of text as code never.
//! Charts are Vega-Lite specifications made in Rust ([`serde_json`] values); their colours are CSS variables, so that light, dark and print are a matter of
//! the style sheet alone. Every chart stands beside a table with the same figures, which is all that a browser without scripts shows.
//!
//! Drawings of the chip come as SVG texts; they are shown as pictures (`img`), in which no script runs and nothing is loaded.
//!
//! It never reads a file or the clock, and never judges: the verdict and its sentences are the outcome's.
//!
//! ```
//! let text = r#"{
//!   "asked": { "name": "tiny", "title": "A chip for chat?", "as_of": "2026-11-01", "volume": 1000.0, "workloads": [], "limits": [] },
//!   "verdict": { "action": "do-not-build", "sentence": "No chip meets the limits.", "reasons": [], "probability": 0.0, "ratio": null,
//!                "rival": null, "break_even": null, "spent": { "low": 0.0, "median": 0.0, "high": 0.0 }, "years": { "low": 2.0, "median": 3.0, "high": 4.0 } },
//!   "chosen": null, "contenders": [], "left_out": [], "designs": [],
//!   "search": { "chips": 0, "refused": [], "pruned": 0, "evaluated": 0, "points": 0, "gap": 0.0, "grid": [] },
//!   "sensitivity": [], "flips": [], "assumptions": []
//! }"#;
//! let outcome: explore::outcome::Outcome = serde_json::from_str(text).unwrap();
//! assert!(report::page(&outcome).contains("<h1>A chip for chat?</h1>"));
//! assert!(report::memo(&outcome).contains("**Do not build.** No chip meets the limits."));
//! ```
//!
//! [`Outcome`]: explore::outcome::Outcome

mod charts;
mod filters;
mod memo;
mod page;
mod text;

pub use memo::memo;
pub use page::page;
